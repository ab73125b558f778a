"""What both Bitbuckets lack of a wish."""

from __future__ import annotations

from patcher.forges.review import Wanted


def others(wanted: Wanted) -> list[str]:
    """What cannot be met, in a line each."""
    lacks = (
        ("labels", wanted.labels),
        ("teams", wanted.teams),
        ("assignees", wanted.assignees),
        ("milestone", wanted.milestone),
        ("auto-merge", wanted.auto_merge),
    )
    return [f"{name}: Bitbucket has none on pull requests" for name, value in lacks if value]

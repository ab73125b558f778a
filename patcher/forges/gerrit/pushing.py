"""A change by a push to ``refs/for/BASE``, which is the only way to open one.

https://gerrit-review.googlesource.com/Documentation/user-upload.html. There is no lease: a new
patch set takes the place of the one before, which Gerrit keeps. So a change is looked at right
before (`patcher.campaign.change_push`).
"""

from __future__ import annotations

import hashlib
import re

from patcher.forges.pushing import url_in
from patcher.forges.review import PushRequest, Wanted

_PLAIN = re.compile(r"[A-Za-z0-9._/@+-]+")
"""What can stand in the name of the ref as it is: commas separate, and no value is decoded."""


def change_id(path: str, base: str, head: str, number: int = 0) -> str:
    """The ``Change-Id`` for the trailers of the commit: the same for the same repository, base and
    review branch, so that a further push changes the same change. ``number``: how many there were
    before, merged or closed: Gerrit takes no push to these."""
    parts = ("patcher", path, base, head, *([str(number)] if number else []))
    named = "\0".join(parts).encode("utf-8", "surrogateescape")
    return f"I{hashlib.sha1(named, usedforsecurity=False).hexdigest()}"


def pushed(wanted: Wanted, path: str) -> PushRequest:
    """The ref whose name carries the wish. Title and text are the commit's message."""
    wishes = [
        *(("hashtag", "label", name) for name in wanted.labels),
        *(("r", "reviewer", name) for name in wanted.reviewers),
        *(("r", "team", name) for name in wanted.teams),
    ]
    words = ["topic=" + re.sub(r"[^A-Za-z0-9._/+-]", "-", wanted.head)]
    words += [f"{word}={name}" for word, _, name in wishes if _PLAIN.fullmatch(name)]
    if wanted.draft:
        words.append("wip")
    left = [f"{kind} {name}" for _, kind, name in wishes if not _PLAIN.fullmatch(name)]
    return PushRequest(
        f"refs/for/{wanted.base}%{','.join(words)}",
        (),
        (
            *(f"{each}: its name cannot stand in a push" for each in left),
            *lacking(wanted),
        ),
    )


def lacking(wanted: Wanted) -> tuple[str, ...]:
    """A line for each wish that Gerrit cannot meet in any way."""
    lines = [f"assignee {name}: Gerrit has none" for name in wanted.assignees]
    if wanted.milestone is not None:
        lines.append(f"milestone {wanted.milestone}: Gerrit has none")
    if wanted.auto_merge is not None:
        lines.append("auto-merge: Gerrit has none but by a vote of its server's own")
    return tuple(lines)


def pushed_url(said: str, path: str) -> str | None:
    """``https://.../c/PROJECT/+/7 TITLE [NEW]``"""
    return url_in(said, path, r"/\+/[0-9]+")

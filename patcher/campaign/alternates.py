"""Tell whose objects a repository reads besides its own."""

from __future__ import annotations

from dataclasses import replace

from patcher import git
from patcher.results import Target


def told(target: Target, borrowed: git.Alternates) -> Target:
    """The target with what is read for it. An alternate that is not there is part of the error
    where there is one: it is why objects are missing."""
    if borrowed.absent:
        one, *more = map(git.printable, borrowed.absent)
        where = f"{one} and {len(more)} more" if more else one
        problem = f"its alternate {where} does not exist"
        if target.error is not None:
            target = replace(target, error=f"{target.error} ({problem})")
        else:
            target = target.noted(problem)
    return replace(target, alternates=borrowed.read) if borrowed.read else target

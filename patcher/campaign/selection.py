"""What a run looks for, and where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from patcher.options import Options
from patcher.values import dataclass

if TYPE_CHECKING:
    from patcher.campaign.prove import Mode
    from patcher.results import Target


@dataclass(frozen=True, slots=True)
class Selection(Options):
    """What to look for, and where."""

    include: tuple[str, ...] = ()
    """Patterns as in gitignore(5); none: every file."""
    exclude: tuple[str, ...] = ()
    proof: Mode = "off"
    """Whether AppArmor's own parser proves the edits."""
    bases: tuple[str, ...] = ()
    """Branches, globs of branches, tags or commits; none: the repository's default base."""
    seccomp: bool = False
    """Whether findings on seccomp profiles are reported. They are made in any case, so that what
    one command found is known to the others."""

    def wanted(self) -> Callable[[bytes], bool] | None:
        """Tells whether a path is to be looked at; None: every one is."""
        if not (self.include or self.exclude):
            return None
        from patcher.campaign.globs import chooser

        return chooser(self.include, self.exclude)

    def reported(self, target: Target) -> Target:
        """The target with those findings that are asked for."""
        if self.seccomp or not any(each.finding.is_seccomp for each in target.findings):
            return target
        found = tuple(each for each in target.findings if not each.finding.is_seccomp)
        return replace(target, findings=found)

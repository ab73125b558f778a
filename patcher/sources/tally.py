"""How many repositories there are, and why some are left out."""

from __future__ import annotations

from collections import Counter


class Tally:
    """How many repositories each source gave, and how many the filters leave out."""

    def __init__(self) -> None:
        self.wanted: Counter[str] = Counter()
        """By what the sources are called, in their order."""
        self.passed_over: Counter[str] = Counter()
        """By reason."""
        self.held: Counter[str] = Counter()
        """What each list and each source of a forge held, wanted or not, as it was named."""
        self.kept: dict[str, int] = {}
        """What each filter that asks for repositories kept."""
        self.failures = 0

    @property
    def total(self) -> int:
        return self.wanted.total()

    def unanswered(self) -> list[str]:
        """Lines with the number that each source held and each filter kept, where there is one that
        nothing answered to; or why no repository is left."""
        lines = []
        if 0 in self.held.values():
            lines += [f"{name} holds {_repositories(n)}" for name, n in self.held.items()]
        if 0 in self.kept.values():
            lines += [f"{name} matches {_repositories(n)}" for name, n in self.kept.items()]
        if not lines and not self.total and not self.failures:
            lines.append(f"no repository is left: {self._passed_over()} skipped")
        return lines

    def line(self) -> str:
        """``2,013 repositories (3 paths, 1,998 of github:acme; 41 archived skipped)``"""
        text = ", ".join(_counted(number, label) for label, number in self.wanted.items())
        if self.passed_over:
            text += f"; {self._passed_over()} skipped"
        return _repositories(self.total) + (f" ({text})" if text else "")

    def _passed_over(self) -> str:
        return ", ".join(f"{number:,} {why}" for why, number in self.passed_over.items())


def _repositories(number: int) -> str:
    return f"{number:,} {'repository' if number == 1 else 'repositories'}"


def _counted(number: int, label: str) -> str:
    return f"{number:,} " + (label[:-1] if number == 1 and label in ("paths", "URLs") else label)

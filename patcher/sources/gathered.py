"""All that the sources hold, counted before work begins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from patcher import git
from patcher.sources.found import Facts, Found


class Tally:
    """How many repositories each source gave, and how many the filters passed over."""

    def __init__(self) -> None:
        self.wanted: dict[str, int] = {}
        """By what the sources are called, in their order."""
        self.passed_over: dict[str, int] = {}
        """By reason."""
        self.held: dict[str, int] = {}
        """What each list and each source of a forge held, wanted or not, as it was named."""
        self.kept: dict[str, int] = {}
        """What each filter that asks for repositories kept."""
        self.failures = 0

    def begin(self, label: str, named: str | None = None) -> None:
        """A source is shown even where it holds nothing."""
        self.wanted.setdefault(label, 0)
        if named:
            self.held.setdefault(named, 0)

    def met(self, named: str | None, *, failed: bool) -> None:
        """One more item of a source, whatever becomes of it."""
        self.failures += failed
        if named:
            self.held[named] += 1

    def unanswered(self) -> list[str]:
        """Lines with the number that each source held and each filter kept, where there is one that
        nothing answered to; or why no repository is left."""
        lines = []
        if 0 in self.held.values():
            lines += [f"{name} holds {_repositories(n)}" for name, n in self.held.items()]
        if 0 in self.kept.values():
            lines += [f"{name} matches {_repositories(n)}" for name, n in self.kept.items()]
        if not lines and not self.total and not self.failures:
            lines.append(f"no repository is left: {self._passed_over()} passed over")
        return lines

    def count(self, label: str, reason: str | None) -> None:
        """One more repository; ``reason``: why it was passed over."""
        if reason is None:
            self.wanted[label] = self.wanted.get(label, 0) + 1
        else:
            self.passed_over[reason] = self.passed_over.get(reason, 0) + 1

    @property
    def total(self) -> int:
        return sum(self.wanted.values())

    def line(self) -> str:
        """``2,013 repositories (3 paths, 1,998 of github:acme; 41 archived passed over)``"""
        parts = [_counted(number, label) for label, number in self.wanted.items()]
        text = ", ".join(parts)
        if self.passed_over:
            text += f"; {self._passed_over()} passed over"
        return _repositories(self.total) + (f" ({text})" if text else "")

    def _passed_over(self) -> str:
        return ", ".join(f"{number:,} {why}" for why, number in self.passed_over.items())


def _repositories(number: int) -> str:
    return f"{number:,} {'repository' if number == 1 else 'repositories'}"


def _counted(number: int, label: str) -> str:
    if number == 1 and label in ("paths", "URLs"):
        label = label[:-1]
    return f"{number:,} {label}"


class Gathered:
    """What was found, to be gone through as often as wanted, in order.

    It lies in a file without a name, not in memory, since there may be tens of thousands; tokens
    alone stay in memory.
    """

    def __init__(self, items: Iterable[Found | git.Failure], tally: Tally) -> None:
        import json
        import tempfile
        import weakref

        self.tally = tally
        self._secrets: list[git.Secret] = []
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - as long as this lives
        weakref.finalize(self, self._file.close)
        for item in items:
            self._file.write(json.dumps(self._packed(item)).encode() + b"\n")
        self._file.flush()

    def __iter__(self) -> Iterator[Found | git.Failure]:
        import json

        at = 0
        while True:
            self._file.seek(at)
            line = self._file.readline()
            if not line:
                return
            at = self._file.tell()
            yield self._unpacked(json.loads(line))

    def _packed(self, item: Found | git.Failure) -> list[object]:
        if isinstance(item, git.Failure):
            return [str(item.path), item.error, item.named]
        place = item.place
        where: list[object]
        if isinstance(place, git.Address):
            where = [place.url, self._number(place.secret)]
        else:
            folder = None if place.work_tree is None else str(place.work_tree)
            where = [str(place.path), str(place.git_dir), folder]
        return [where, item.bases, item.family, _facts(item.facts)]

    def _unpacked(self, packed: list[object]) -> Found | git.Failure:
        match packed:
            case [str(path), str(error), str() | None as named]:
                return git.Failure(Path(path), error, named)
            case [list(where), list(bases), str() | None as family, facts]:
                return Found(self._place(where), tuple(bases), family, _known(facts))
        raise AssertionError(packed)

    def _place(self, where: list[object]) -> git.Repository | git.Address:
        match where:
            case [str(url), number]:
                address = git.Address.parse(url)
                secret = self._secrets[number] if isinstance(number, int) else None
                return address.with_secret(secret)
            case [str(path), str(git_dir), str() | None as folder]:
                tree = None if folder is None else Path(folder)
                return git.Repository(Path(path), Path(git_dir), tree)
        raise AssertionError(where)

    def _number(self, secret: git.Secret | None) -> int | None:
        if secret is None:
            return None
        if secret not in self._secrets:  # a few: one for each server
            self._secrets.append(secret)
        return self._secrets.index(secret)


def _facts(facts: Facts | None) -> list[object] | None:
    if facts is None:
        return None
    pushed = None if facts.pushed_at is None else facts.pushed_at.isoformat()
    known = [facts.archived, facts.fork, facts.visibility, facts.topics, pushed]
    return [*known, facts.default_branch]


def _known(packed: object) -> Facts | None:
    from datetime import datetime

    if not isinstance(packed, list):
        return None
    archived, fork, visibility, topics, pushed, branch = packed
    return Facts(
        archived,
        fork,
        visibility,
        None if topics is None else tuple(topics),
        None if pushed is None else datetime.fromisoformat(pushed),
        branch,
    )

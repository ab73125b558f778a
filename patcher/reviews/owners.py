"""Who owns the files that a review changes, from the repository's CODEOWNERS.

The three dialects differ. In GitHub's the last rule that matches decides
(https://docs.github.com/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners).
GitLab's has sections, of which each decides for itself
(https://docs.gitlab.com/user/project/codeowners/reference/). Gitea's and Forgejo's are regular
expressions, all of which count (https://docs.gitea.com/usage/code-owners).

The file is the repository's. So are the patterns, which are matched in bounded time, and the names:
whoever is asked is named by it, as when a person opens the review.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from patcher.reviews.tree import BaseTree

Dialect = Literal["github", "gitlab", "gitea"]

_FOLDERS = {
    "github": (b".github/", b"", b"docs/"),
    "gitlab": (b"", b"docs/", b".gitlab/"),
    "gitea": (b"", b"docs/", b".gitea/", b".forgejo/"),
}
_MOST_RULES = 5000
_MOST_PATTERN = 500
_MOST_PATH = 1000
_MOST_PATHS = 200
_MOST_STEPS = 3_000_000
"""Comparisons for one review, after which no more rules are looked at: about a second."""
_A_MATCH = 50
"""What one match takes at least."""
_FASTER = 20
"""How much faster regular expressions are than what is written in Python."""
_MOST_OF_ONE = 5_000_000
"""Steps of one regular expression on one path."""
MOST_ASKED = 15
"""Users, and teams, that are asked: GitHub takes no more
(https://docs.github.com/pull-requests/collaborating-with-pull-requests/proposing-changes-to-your-work-with-pull-requests/requesting-a-pull-request-review)."""


class Owners(NamedTuple):
    """Whom to ask."""

    users: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    """As ``organisation/team``."""
    missed: tuple[str, ...] = ()
    """One line for each thing that was not understood."""


class OwnerRule(NamedTuple):
    """One line."""

    pattern: str
    owners: tuple[str, ...]
    section: str = ""
    excludes: bool = False


def owners(tree: BaseTree, dialect: Dialect, paths: Sequence[bytes]) -> Owners:
    """Whom the repository's own file names for these paths; nobody where there is none."""
    for folder in _FOLDERS[dialect]:
        content = tree.read(folder + b"CODEOWNERS")
        if content is not None:
            return asked(content.decode("utf-8", "replace"), dialect, paths)
    return Owners()


def asked(text: str, dialect: Dialect, paths: Sequence[bytes]) -> Owners:
    """Whom a file with this text names."""
    matching = _Matching()
    rules = list(_rules(text, dialect, matching))
    found: dict[str, None] = {}
    try:
        for path in paths[:_MOST_PATHS]:
            name = path.decode("utf-8", "replace")
            found |= dict.fromkeys(_of_path(name, rules, dialect, matching))
    except _TooLong:
        matching.miss("CODEOWNERS takes too long: not all of its rules were looked at")
    users = [each for each in found if "/" not in each and "@" not in each]
    teams = [each for each in found if "/" in each and "@" not in each]
    matching.miss(
        *(f"{each} in CODEOWNERS is no user that can be asked" for each in found if "@" in each)
    )
    return Owners(tuple(users[:MOST_ASKED]), tuple(teams[:MOST_ASKED]), tuple(matching.missed))


def _of_path(
    name: str, rules: Sequence[OwnerRule], dialect: Dialect, matching: _Matching
) -> Iterator[str]:
    if len(name) > _MOST_PATH:
        matching.miss("a path is too long to be looked for in CODEOWNERS")
        return
    if dialect == "gitea":
        for rule in rules:
            if matching.regex(rule.pattern, name) is not rule.excludes:
                yield from rule.owners
        return
    decided: set[str] = set()
    excluded = {
        rule.section for rule in rules if rule.excludes and matching.glob(rule, name, dialect)
    }
    for rule in reversed(rules):
        if rule.section not in decided | excluded and matching.glob(rule, name, dialect):
            decided.add(rule.section)
            yield from rule.owners
            if dialect == "github":
                return


# -- the file

_OWNER = re.compile(r"@?[A-Za-z0-9][A-Za-z0-9_.-]{0,99}(?:/[A-Za-z0-9][A-Za-z0-9_./-]{0,200})?\Z")
_MAIL = re.compile(r"[^@\s]{1,100}@[^@\s]{1,100}\Z")
_SECTION = re.compile(r"\^?\[([^\]]{1,200})\](?:\[\d{1,4}\])?(?:\s(.*))?\Z", re.DOTALL)


def _rules(text: str, dialect: Dialect, matching: _Matching) -> Iterator[OwnerRule]:
    section = ""
    default: tuple[str, ...] = ()
    number = 0
    for line in text.split("\n"):
        words = _words(line.strip()[:5000])
        if not words:
            continue
        number += 1
        if number > _MOST_RULES:
            matching.miss(f"CODEOWNERS has more than {_MOST_RULES} rules")
            return
        match = _SECTION.match(line.strip()[:5000]) if dialect == "gitlab" else None
        if match is not None:
            section = match[1].strip().casefold()
            default = _owners(_words(match[2] or ""))
            continue
        pattern, named = words[0], _owners(words[1:])
        excludes = dialect != "github" and pattern.startswith("!")
        if len(pattern) > _MOST_PATTERN:
            matching.miss(f"CODEOWNERS has a pattern of more than {_MOST_PATTERN} characters")
            continue
        pattern = pattern[excludes:]
        if dialect == "gitea":  # as Gitea has it from 1.27 on: no path begins with a slash
            pattern = pattern.removeprefix("/")
        yield OwnerRule(pattern, named or default, section, excludes)


def _words(line: str) -> list[str]:
    """The words of a line, without its comment; a blank behind a backslash is part of a word."""
    if line.startswith("#"):
        return []
    words = re.findall(r"(?:\\.|[^\s\\])+", line)
    comment = next((at for at, word in enumerate(words) if word.startswith("#")), len(words))
    return words[:comment]


def _owners(words: Sequence[str]) -> tuple[str, ...]:
    """Users and teams without their ``@``; addresses stay as they are."""
    return tuple(
        word.removeprefix("@")
        for word in words
        if (word.startswith("@") and _OWNER.match(word)) or _MAIL.match(word)
    )


# -- patterns


class _Matching:
    """Matches patterns with a bound on the steps of all together."""

    def __init__(self) -> None:
        self._left = _MOST_STEPS
        self._harmless: dict[str, bool] = {}
        self.missed: list[str] = []

    def miss(self, *lines: str) -> None:
        """Note what was not understood, each once."""
        for line in lines:
            if len(self.missed) < MOST_ASKED and line not in self.missed:
                self.missed.append(line)

    def _spend(self, steps: int) -> None:
        self._left -= steps + _A_MATCH
        if self._left < 0:
            raise _TooLong

    def glob(self, rule: OwnerRule, name: str, dialect: Dialect) -> bool:
        """Whether a pattern of GitHub's or GitLab's matches."""
        self._spend(len(rule.pattern) + len(name))
        parts = _parts(_ESCAPED.sub(r"\1", rule.pattern), dialect)
        # Each part of the pattern may be compared with each one of the name.
        self._spend(len(rule.pattern) * len(name) // 2)
        return _fits(parts, name.split("/"))

    def regex(self, pattern: str, name: str) -> bool:
        """Whether a pattern of Gitea's matches the whole name."""
        if pattern not in self._harmless:
            self._spend(10 * len(pattern))
            self._harmless[pattern] = _HARMLESS.match(pattern) is not None
        steps = _steps(pattern, len(name)) if self._harmless[pattern] else 0
        if not 0 < steps <= _MOST_OF_ONE:
            self._spend(0)
            self.miss(f"CODEOWNERS has a pattern that patcher does not match: {pattern[:100]}")
            return False
        self._spend(steps // _FASTER)
        try:
            return re.fullmatch(pattern, name) is not None
        except (re.error, RecursionError, OverflowError):
            self.miss(f"CODEOWNERS has a pattern that is none: {pattern[:100]}")
            return False


class _TooLong(Exception):
    """All steps are spent."""


_ESCAPED = re.compile(r"\\(.)")


def _parts(pattern: str, dialect: Dialect) -> list[str]:
    """The pattern folder by folder, ``**`` for any number of them."""
    anchored = pattern.startswith("/") or (dialect == "github" and "/" in pattern.rstrip("/"))
    inside = pattern.endswith("/")
    parts = [part for part in pattern.split("/") if part]
    if not anchored:
        parts = ["**", *parts]
    if inside:
        return [*parts, "**"]
    # As in gitignore(5), what names a folder owns all in it; but not so /docs/*.
    if dialect == "github" and parts[-1:] not in (["*"], ["**"]):
        return [*parts, "\0"]
    return parts


def _fits(parts: Sequence[str], names: Sequence[str]) -> bool:
    """Whether the parts of a pattern match those of a path: the places in the pattern that may be
    reached are kept together, so that each part of the path is looked at once."""
    beneath = parts[-1:] == ["\0"]
    parts = parts[:-1] if beneath else parts
    reached = _beyond({0}, parts)
    for name in names:
        if beneath and len(parts) in reached:
            return True
        after = {at for at in reached if at < len(parts) and parts[at] == "**"}
        after |= {
            at + 1
            for at in reached
            if at < len(parts) and parts[at] != "**" and _like(parts[at], name)
        }
        reached = _beyond(after, parts)
        if not reached:
            return False
    return len(parts) in reached


def _beyond(reached: set[int], parts: Sequence[str]) -> set[int]:
    """With the places behind each ``**`` that stands at one."""
    found = set(reached)
    for at in sorted(reached):
        while at < len(parts) and parts[at] == "**":
            at += 1
            found.add(at)
    return found


def _like(part: str, name: str) -> bool:
    """Whether one part matches, with ``*`` and ``?``. Going back to the last ``*`` is enough."""
    at, star, mark = 0, -1, 0
    position = 0
    while position < len(name):
        if at < len(part) and part[at] == "*":
            star, mark = at, position
            at += 1
        elif at < len(part) and part[at] in ("?", name[position]):
            at += 1
            position += 1
        elif star >= 0:
            mark += 1
            at, position = star + 1, mark
        else:
            return False
    return part[at:].strip("*") == ""


_ATOM = r"(?:\\[.^$*+?()\[\]{}|/\\_dDwWsS-]|\[\^?[A-Za-z0-9_./ \\-]+\]|[^\\\[\](){}*+?|^$])"
_PIECE = rf"{_ATOM}(?:[*+?]\??|\{{\d{{1,2}}(?:,\d{{0,2}})?\}})?"
_HARMLESS = re.compile(rf"\^?(?:{_PIECE}|\((?:\?:)?(?:{_PIECE}|\|)*\)\??|\|)*\$?\Z")
"""A regular expression that repeats single characters alone."""


def _steps(pattern: str, length: int) -> int:
    """The most steps that such a pattern takes on a name of this length: at each ``*`` and ``+``
    it may go on anywhere, at each ``?`` and ``|`` in two ways."""
    free = pattern.count("*") + pattern.count("+")
    twofold = pattern.count("?") + pattern.count("|")
    steps: int = (length + 1) ** min(free, 9) * 2 ** min(twofold, 40)
    return len(pattern) * steps * int(100 ** min(pattern.count("{"), 9))

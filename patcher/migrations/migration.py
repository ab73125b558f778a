"""What a migration is, and what makes one valid."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, fields

from patcher.policy.network import FAMILIES, TYPES
from patcher.values import dataclass

DEFAULT_ORDER = 100
_ID = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*\Z")
_RULE = re.compile(r"(?:audit )?deny network ([a-z0-9_]+)(?: ([a-z0-9_]+))?,\Z")
PLACEHOLDER = re.compile(r"(?<!\{)\{([a-z_]+)\}(?!\})")
"""What is replaced in a commit message; every other brace, and ``{{word}}``, stands for itself."""
PLACEHOLDERS: Mapping[str, str] = {
    "migration": "the migrations' ids",
    "title": "their titles",
    "rule": "the rules to insert",
    "why": "why, as the migrations say it",
    "references": "their references, one a line",
    "files": "the changed files, one a line, with what was changed in each",
    "profiles": "the names of the changed profiles",
    "count": "how many profiles were changed",
    "base": "the base's name",
    "branch": "the branch's name",
    "repository": "the name of the repository's folder",
}
"""What may stand between the braces, and what it becomes."""
_MESSAGE = """\
apparmor: {rule}

{why}
"""
_MOST_TEXT = 4096


class MigrationError(ValueError):
    """A migration that cannot be used: one line, with line and column if it is a file."""


class Problem(MigrationError):
    """What is wrong with the value of ``key``, or (``whole``) with the key, or (no key) with all of
    it."""

    def __init__(self, key: str | None, text: str, *, whole: bool = False) -> None:
        super().__init__(text)
        self.key, self.text, self.whole = key, text, whole


@dataclass(frozen=True, slots=True)
class Migration:
    """What to look for and what to insert.

    Takes the values that the keys of a migration's file have, and checks them in the same way:
    raises MigrationError.
    """

    id: str
    """Its name, also in the default branch's name: lower-case words joined by ``-``."""
    title: str
    """What it does, in one line."""
    rule: str
    """The rule to insert, as AppArmor reads it: ``deny network alg,``."""
    family: str = field(init=False)
    """The address family that ``rule`` denies, in AppArmor's spelling: ``alg``."""
    socket_types: tuple[str, ...] = ()
    """The socket types in which the kernel offers the family (where none is given: every type that
    AppArmor knows): a profile that denies the family for all of these is fixed."""
    anchor: str = "network,"
    """The rule that the new one follows."""
    comment: str = ""
    """What ``--comment`` writes above the rule, without ``#``."""
    why: str = ""
    """Why, for the commit message and the review."""
    references: tuple[str, ...] = ()
    """Addresses to read more at, for the commit message and the review."""
    message: str = _MESSAGE
    """The commit message: subject, empty line, body; with ``{placeholders}``."""
    order: int = DEFAULT_ORDER
    """Where several are inserted at one place, the lower one stands above."""

    def __post_init__(self) -> None:
        for each in fields(self):
            if each.init and (value := getattr(self, each.name)) != each.default:
                self._set(each.name, _READERS[each.name](each.name, value))
        match = _RULE.match(self.rule)
        assert match is not None
        family, only_type = match.groups()
        if family not in FAMILIES:
            raise Problem("rule", f"{family!r} is no address family that AppArmor knows")
        if only_type:
            if only_type not in TYPES:
                raise Problem("rule", f"{only_type!r} is no socket type that AppArmor knows")
            if self.socket_types not in ((), (only_type,)):
                raise Problem(
                    "socket_types", f"'socket_types' names more than the rule denies: {only_type}"
                )
            self._set("socket_types", (only_type,))
        self._set("family", family)
        self._set("socket_types", self.socket_types or tuple(sorted(TYPES)))

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def sorting_key(self) -> tuple[int, str]:
        """The order of insertion."""
        return self.order, self.id


def _text(key: str, value: object) -> str:
    if not isinstance(value, str):
        kind = {list: "a list", int: "a number"}.get(type(value), type(value).__name__)
        raise Problem(key, f"{key!r} must be text, not {kind}")
    if len(value) > _MOST_TEXT:
        raise Problem(key, f"{key!r} is longer than {_MOST_TEXT} characters")
    if any(not char.isprintable() and char not in "\n\t" for char in value):
        raise Problem(key, f"{key!r} holds a control character")
    return value


def _line(key: str, value: object) -> str:
    text = _text(key, value)
    if "\n" in text or "\t" in text or text != text.strip() or not text:
        raise Problem(key, f"{key!r} must be one line of text")
    return text


def _id(key: str, value: object) -> str:
    text = _line(key, value)
    if not _ID.match(text):
        raise Problem(key, f"{key!r} must be lower-case words joined by '-', not {text!r}")
    return text


def _rule(key: str, value: object) -> str:
    text = _line(key, value)
    if not _RULE.match(text):
        raise Problem(
            key, f"{key!r} must be an AppArmor rule 'deny network FAMILY,' (and no more): {text!r}"
        )
    return text


def _anchor(key: str, value: object) -> str:
    if value != "network,":
        raise Problem(key, f"{key!r} must be 'network,': no other anchor is known")
    return "network,"


def _comment(key: str, value: object) -> str:
    text = _line(key, value)
    if text.startswith("#"):
        raise Problem(key, f"{key!r} stands without its '#'")
    return text


def _body(key: str, value: object) -> str:
    return _text(key, value).strip("\n") + "\n"


def _message(key: str, value: object) -> str:
    text = _body(key, value)
    subject, _, rest = text.partition("\n")
    if not subject.strip() or rest.partition("\n")[0].strip():
        raise Problem(key, f"{key!r} must be a subject, an empty line and a body")
    for name in PLACEHOLDER.findall(text):
        if name not in PLACEHOLDERS:
            raise Problem(
                key, f"unknown placeholder {{{name}}} in {key!r}{_meant(name, PLACEHOLDERS)}"
            )
    return text


def _words(key: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)):
        raise Problem(key, f"{key!r} must be a list")
    words = tuple(_line(key, item) for item in value)
    if len(set(words)) != len(words):
        raise Problem(key, f"{key!r} holds an entry twice")
    return words


def _socket_types(key: str, value: object) -> tuple[str, ...]:
    words = _words(key, value)
    for word in words:
        if word not in TYPES:
            raise Problem(key, f"{word!r} is no socket type that AppArmor knows")
    return words


def _order(key: str, value: object) -> int:
    if not isinstance(value, int) or not 0 <= value <= 1_000_000:
        raise Problem(key, f"{key!r} must be a whole number from 0 to 1000000")
    return value


_READERS: Mapping[str, Callable[[str, object], object]] = {
    "id": _id,
    "title": _line,
    "rule": _rule,
    "socket_types": _socket_types,
    "anchor": _anchor,
    "comment": _comment,
    "why": _body,
    "references": _words,
    "message": _message,
    "order": _order,
}
_REQUIRED = ("id", "title", "rule")


def build(values: Mapping[str, object]) -> Migration:
    """A migration of its keys and values; raises ``Problem``."""
    for key in values:
        if key not in _READERS:
            raise Problem(key, f"unknown key {key!r}{_meant(key, _READERS)}", whole=True)
    for key in _REQUIRED:
        if key not in values:
            raise Problem(None, f"key {key!r} is missing")
    return Migration(**values)  # type: ignore[arg-type]


def _meant(word: str, words: Iterable[str]) -> str:
    import difflib

    near = difflib.get_close_matches(word, words, 1)
    return f" (did you mean {near[0]!r}?)" if near else ""

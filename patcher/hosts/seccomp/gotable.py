"""Tables of seccomp rules in Go: moby's ``default_linux.go``, containerd's, containers/common's.

What a program does with a table is not known, so none is said to refuse a family; a rule of which a
part is no constant, or that stands in a block of the program, is one that may be there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from patcher.policy.bounds import check_number, time_left
from patcher.policy.patterns import regex
from patcher.policy.seccomp import ArgumentTest, SeccompProfile, SocketRule

_TOKEN = regex(
    rb"//[^\n]*|/\*.*?(?:\*/|\Z)|\"(?P<text>(?:[^\"\\\n]|\\.)*)(?:\"|(?=\n)|\\?\Z)"
    rb"|`(?P<raw>[^`]*)(?:`|\Z)|'(?:[^'\\\n]|\\.){1,12}'"
    rb"|(?P<word>[A-Za-z_]\w*)|(?P<number>0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO]?[0-7_]+|[0-9][0-9_]*)"
    rb"|(?P<mark>[^\s])",
    16,  # re.DOTALL
)
_MOST_WORDS = 500_000
_DEEPEST = 200
_MANY = 100
_MOST_NUMBER = (1 << 64) - 1
_FAMILIES = {
    "AF_UNSPEC": 0,
    "AF_UNIX": 1,
    "AF_LOCAL": 1,
    "AF_INET": 2,
    "AF_INET6": 10,
    "AF_NETLINK": 16,
    "AF_PACKET": 17,
    "AF_ALG": 38,
    "AF_NFC": 39,
    "AF_VSOCK": 40,
    "AF_KCM": 41,
    "AF_QIPCRTR": 42,
    "AF_SMC": 43,
    "AF_XDP": 44,
    "AF_MCTP": 45,
}
"""include/linux/socket.h"""
_ACTIONS = {
    "ActAllow": "ALLOW",
    "ActErrno": "ERRNO",
    "ActKill": "KILL",
    "ActTrap": "TRAP",
    "ActKillThread": "KILL_THREAD",
    "ActKillProcess": "KILL_PROCESS",
    "ActLog": "LOG",
    "ActTrace": "TRACE",
    "ActNotify": "NOTIFY",
}
_OPERATORS = {
    "OpEqualTo": "EQ",
    "OpNotEqual": "NE",
    "OpLessThan": "LT",
    "OpLessEqual": "LE",
    "OpGreaterThan": "GT",
    "OpGreaterEqual": "GE",
    "OpMaskedEqual": "MASKED_EQ",
}
_BLOCKS = frozenset(("if", "else", "for", "switch", "select"))
_UNKNOWN = "it is a table of a program, which may change it"
_CONDITIONAL = "the program adds it"


@dataclass(slots=True)
class GoBraces:
    """What stands between two braces."""

    parent: GoBraces | None
    before: tuple[str, ...]
    """The words and marks right before the opening brace, on its line."""
    block: bool = False
    """Whether a condition, loop or case begins on its line."""
    items: list[str | GoBraces] = field(default_factory=list)
    """Words, numbers, marks, and texts with a ``"`` before them."""


def profiles(content: bytes) -> SeccompProfile | None:
    """The profile of a file; None where no table of it counts. Raises TooMuch."""
    found = _braces(content)
    rules: list[SocketRule] = []
    names = 0
    for each in found:
        time_left()
        members = _members(each)
        if "Action" in members and ("Names" in members or "Name" in members):
            rule, number = _rule(each, members)
            names += number
            if rule is not None:
                rules.append(rule)
    if not any(rule.named for rule in rules):
        return None
    tests = any(test.argument == 0 for rule in rules for test in rule.tests)
    if not tests and names < _MANY:
        return None
    return SeccompProfile(_default(found), tuple(rules), unknown=_UNKNOWN)


def _braces(content: bytes) -> list[GoBraces]:
    """All braces of a file, those around others first; none where they do not match. Raises
    TooMuch."""
    top = current = GoBraces(None, ())
    found = [top]
    line: list[str] = []
    is_block = False
    depth = end = 0
    for number, match in enumerate(_TOKEN.finditer(content)):
        check_number(number, _MOST_WORDS, "words of Go")
        kind = match.lastgroup
        if kind is None:
            continue
        word = match[kind].decode("utf-8", "replace")
        if content.find(b"\n", end, match.start()) >= 0:
            line, is_block = [], False
        end = match.end()
        line = [*line[-5:], word]
        is_block = is_block or word in _BLOCKS
        if kind in ("text", "raw"):
            current.items.append(f'"{word}')
        elif word == "{":
            depth += 1
            check_number(depth, _DEEPEST, "braces within each other")
            inner = GoBraces(current, tuple(line[:-1]), is_block)
            current.items.append(inner)
            found.append(inner)
            current = inner
        elif word == "}":
            if current.parent is None:
                return []
            depth -= 1
            current = current.parent
        else:
            current.items.append(word)
    return found if current is top else []


def _elements(items: Sequence[str | GoBraces]) -> Iterator[list[str | GoBraces]]:
    """What commas part, parentheses heeded."""
    element: list[str | GoBraces] = []
    depth = 0
    for item in items:
        depth += (item in ("(", "[")) - (item in (")", "]"))
        if item == "," and not depth:
            yield element
            element = []
        else:
            element.append(item)
    if element:
        yield element


def _members(braces: GoBraces) -> dict[str, list[str | GoBraces]]:
    """The fields of a struct's literal by name; those of an embedded LinuxSyscall among them."""
    members: dict[str, list[str | GoBraces]] = {}
    if len(braces.items) < 2 or braces.items[1] != ":":
        return members
    for element in _elements(braces.items):
        if len(element) > 2 and isinstance(element[0], str) and element[1] == ":":
            value = element[2:]
            if element[0] == "LinuxSyscall" and isinstance(value[-1], GoBraces):
                members |= _members(value[-1])
            else:
                members[element[0]] = value
    return members


def _rule(
    braces: GoBraces, members: dict[str, list[str | GoBraces]]
) -> tuple[SocketRule | None, int]:
    """A rule that names socket(2), or may, and how many system calls it names. The inner one of an
    embedded LinuxSyscall is none of its own."""
    if braces.before[:2] == ("LinuxSyscall", ":"):
        return None, 0
    names = members.get("Names") or members["Name"]
    last = names[-1]
    texts = last.items if isinstance(last, GoBraces) else names
    given = [text for text in texts if text != ","]
    readable = all(isinstance(text, str) and text.startswith('"') for text in given)
    named = '"socket' in given
    if readable and not named:
        return None, len(given)
    args = members.get("Args")
    tests: tuple[ArgumentTest, ...] = ()
    if args and isinstance(args[-1], GoBraces):
        elements = (element[-1] for element in _elements(args[-1].items) if element)
        tests = tuple(map(_test, elements))
    elif args and args != ["nil"]:
        tests = (ArgumentTest(None, "", None),)
    conditions = [_CONDITIONAL] * _is_added(braces)
    for key, word in (("Includes", ""), ("Excludes", "not ")):
        given_there = members.get(key)
        if given_there and (words := list(_texts(given_there))):
            conditions.append(f"{word}{', '.join(text[:60] for text in words[:5])}")
        elif given_there and given_there != ["nil"] and _holds_something(given_there):
            conditions.append(f"{word}{key.lower()}")
    return (
        SocketRule(
            _constant(members["Action"], _ACTIONS), tests, " and ".join(conditions), named=named
        ),
        len(given),
    )


def _holds_something(value: Sequence[str | GoBraces]) -> bool:
    return not isinstance(value[-1], GoBraces) or bool(value[-1].items)


def _texts(value: Sequence[str | GoBraces]) -> Iterator[str]:
    for item in value:
        if isinstance(item, GoBraces):
            yield from _texts(item.items)
        elif item.startswith('"'):
            yield item[1:]


def _is_added(braces: GoBraces) -> bool:
    """Whether a rule stands in a block of a condition, loop or case."""
    at: GoBraces | None = braces
    while at is not None:
        if at.block:
            return True
        at = at.parent
    return False


def _test(braces: str | GoBraces) -> ArgumentTest:
    if not isinstance(braces, GoBraces):
        return ArgumentTest(None, "", None)
    members = _members(braces)
    return ArgumentTest(
        _number(members.get("Index", ["0"])),
        _constant(members.get("Op", []), _OPERATORS),
        _number(members.get("Value", ["0"])),
        _number(members.get("ValueTwo", ["0"])),
    )


def _constant(value: Sequence[str | GoBraces], known: dict[str, str]) -> str:
    """What a constant of the specs package stands for: ``specs.ActAllow``."""
    names = [item for item in value if item != "."]
    last = names[-1] if names and len(names) <= 2 else ""
    return known.get(last, "") if isinstance(last, str) else ""


def _number(value: Sequence[str | GoBraces]) -> int | None:
    """The number that a sum of constants stands for; None where that is not known."""
    total, sign, known = 0, 1, False
    words = [item for item in value if item not in ("(", ")", ".", "uint64", "unix", "syscall")]
    for word in words:
        if not isinstance(word, str):
            return None
        if word in ("+", "-") and known:
            sign, known = (1 if word == "+" else -1), False
            continue
        number = _FAMILIES.get(word, _literal(word))
        if number is None or known:
            return None
        total, known = total + sign * number, True
    return total if known and 0 <= total <= _MOST_NUMBER else None


def _literal(word: str) -> int | None:
    try:
        if len(word) > 1 and word[0] == "0" and word.replace("_", "").isdigit():
            return int(word, 8)
        return int(word, 0) if word[0].isdigit() else None
    except ValueError:
        return None


def _default(found: Sequence[GoBraces]) -> str:
    """The one action that the file names as the default one; empty where that is not known."""
    named: set[str] = set()
    for braces in found:
        items = braces.items
        for at, item in enumerate(items):
            if item == "DefaultAction" and items[at + 1 : at + 2] in ([":"], ["="]):
                rest = items[at + 2 : at + 5]
                if "," in rest:
                    rest = rest[: rest.index(",")]
                named.add(_constant(rest, _ACTIONS))
    return named.pop() if len(named) == 1 else ""

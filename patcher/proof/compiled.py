"""What AppArmor's parser compiled: profiles in the binary form that the kernel loads.

Form and meaning as in the kernel's ``security/apparmor``: ``policy_unpack.c`` (tags, structures),
``match.c`` (the tables of a state machine, big-endian and padded to 8 bytes) and ``net.c`` (a
socket is looked up by class, family and type, two bytes each for the latter).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

CREATE = 0x10
"""``AA_MAY_CREATE`` of the kernel's ``include/perms.h``: what socket(2) asks for."""
FAMILIES = range(1, 46)
"""The AF_* numbers that AppArmor may name (``include/linux/socket.h``)."""
TYPES = {"stream": 1, "dgram": 2, "raw": 3, "rdm": 4, "seqpacket": 5, "packet": 10}
"""SOCK_* of ``include/linux/net.h``."""

_CLASS = 14
"""``AA_CLASS_NET`` as network_v8 has it."""
_MAGIC = 0x1B5E783D
_ACCEPT, _BASE, _CHECK, _DEFAULT, _CLASSES, _ACCEPT2, _NEXT = 1, 2, 3, 4, 5, 7, 8
_QUIET = CREATE << 7
"""In the second table: denied, and not logged (``dfa_user_quiet`` of ``include/policy.h``)."""
_ENFORCE, _COMPLAIN, _KILL, _UNCONFINED, _PROMPT = range(5)
"""Modes of a profile, as packed (``policy_unpack.c``)."""
_DIFFERS = 1 << 31
_ELEMENT = {1: "B", 2: "H", 4: "I", 8: "Q"}

_NUMBERS = {0: "<B", 1: "<H", 2: "<I", 3: "<Q"}
_NAME, _STRING, _BLOB, _STRUCT, _STRUCT_END, _LIST, _LIST_END, _ARRAY, _ARRAY_END = range(4, 13)

Socket = tuple[int, int]
"""Address family and socket type, by number."""

_EVERY = frozenset((family, kind) for family in FAMILIES for kind in TYPES.values())
_ALIKE: dict[frozenset[Socket], frozenset[Socket]] = {_EVERY: _EVERY}
"""Sets of sockets: thousands of profiles have the same few, of 30 kB each."""
_MOST_ALIKE = 64


class Unreadable(Exception):
    """It is not what the kernel would load, or newer than this module."""


class Compiled(NamedTuple):
    """One compiled profile."""

    name: str
    """With the names of those it stands in: ``parent//child``."""
    rest: tuple[object, ...]
    """All of it but its state machines: flags, capabilities, limits ..."""
    mediated: bool
    """Whether it speaks of sockets at all; the kernel allows them all where it does not."""
    open: frozenset[Socket]
    """The sockets that a process under it may create: in complain mode all that are not denied
    without ``audit``, seen on the kernels 6.1 and 6.12; under ``unconfined`` all of them."""


def read(binary: bytes) -> tuple[Compiled, ...]:
    """The profiles in a file that the parser wrote. Raises Unreadable."""
    try:
        return tuple(_profiles(_Unpacker(binary)))
    except (struct.error, LookupError, ValueError) as error:
        raise Unreadable(f"{type(error).__name__}: {error}") from None


class _Unpacker:
    def __init__(self, binary: bytes) -> None:
        self.binary, self.position = binary, 0

    def take(self, form: str) -> int:
        value: int
        (value,) = struct.unpack_from(form, self.binary, self.position)
        self.position += struct.calcsize(form)
        return value

    def bytes(self, size: int) -> bytes:
        piece = self.binary[self.position : self.position + size]
        if len(piece) != size:
            raise Unreadable("it ends too soon")
        self.position += size
        return piece

    def item(self) -> tuple[str, int, object]:
        """The next element: its name, its tag, its value."""
        name = ""
        tag = self.take("<B")
        if tag == _NAME:
            name = self.bytes(self.take("<H")).rstrip(b"\0").decode("utf-8", "surrogateescape")
            tag = self.take("<B")
        value: object = None
        if tag in _NUMBERS:
            value = self.take(_NUMBERS[tag])
        elif tag == _STRING:
            value = self.bytes(self.take("<H")).rstrip(b"\0").decode("utf-8", "surrogateescape")
        elif tag == _BLOB:
            value = self.bytes(self.take("<I"))
        elif tag == _ARRAY:
            value = self.take("<H")
        elif not _BLOB < tag <= _ARRAY_END:
            raise Unreadable(f"an element of unknown kind {tag}")
        return name, tag, value


def _profiles(unpacker: _Unpacker) -> Iterator[Compiled]:
    depth, profile, machine = 0, "", b""
    rest: list[tuple[str, int, object]] = []
    inside = ""  # the structure of a profile that is open
    while unpacker.position < len(unpacker.binary):
        name, tag, value = unpacker.item()
        depth += (tag in (_STRUCT, _LIST, _ARRAY)) - (tag in (_STRUCT_END, _LIST_END, _ARRAY_END))
        if tag == _STRUCT and depth == 1:
            profile, rest, machine = "", [], b""
            if name != "profile":
                raise Unreadable(f"a structure {name!r} where a profile should be")
            continue
        if tag == _STRUCT_END and depth == 0:
            yield _compiled(profile, rest, machine)
            continue
        if tag == _STRUCT and depth == 2:
            inside = name
        if tag == _STRING and depth == 1 and not profile and isinstance(value, str):
            profile = value
        elif tag == _BLOB and inside == "policydb" and isinstance(value, bytes) and not machine:
            machine = value
        elif tag == _STRUCT_END and depth == 1:
            inside = ""
        if tag != _BLOB and depth:
            rest.append((name, tag, value))
    if depth:
        raise Unreadable("it ends within a profile")


def _compiled(name: str, rest: list[tuple[str, int, object]], machine: bytes) -> Compiled:
    if any(word in ("permsv", "perms") for word, _, _ in rest):
        raise Unreadable("its permissions are tables of a newer kind")
    kept = tuple(item for item in rest if item[0] not in ("policydb", "start"))
    mode = _mode(rest)
    if mode == _UNCONFINED:
        return Compiled(name, kept, True, _EVERY)
    states = _Machine(machine) if machine else None
    start = states.walk(1, bytes((_CLASS,))) if states is not None else 0
    if states is None or not start:
        return Compiled(name, kept, False, _EVERY)
    closed = set()
    for family in FAMILIES:
        state = states.walk(start, struct.pack(">H", family))
        for kind in TYPES.values():
            end = states.walk(state, struct.pack(">H", kind))
            if states.quiet(end) if mode == _COMPLAIN else not states.allows(end):
                closed.add((family, kind))
    allowed = _EVERY - closed
    if len(_ALIKE) < _MOST_ALIKE:
        _ALIKE.setdefault(allowed, allowed)
    return Compiled(name, kept, True, _ALIKE.get(allowed, allowed))


def _mode(rest: Sequence[tuple[str, int, object]]) -> object:
    """The mode in the structure of flags: hat, mode, audit."""
    names = [name for name, tag, _ in rest if tag != _STRUCT_END]
    values = [value for _, tag, value in rest if tag != _STRUCT_END]
    if "flags" not in names:
        raise Unreadable("a profile without its flags")
    mode = values[names.index("flags") + 2]
    if mode not in range(_PROMPT + 1):
        raise Unreadable(f"a profile of mode {mode}")
    return mode


class _Machine:
    """A state machine; state 0 is where nothing matches."""

    def __init__(self, blob: bytes) -> None:
        start = blob.find(struct.pack(">I", _MAGIC), 0, 16)
        if start < 0:
            raise Unreadable("a state machine of another form")
        header, size = struct.unpack_from(">II", blob, start + 4)
        self.tables: dict[int, tuple[int, ...]] = {}
        position, end = start + header, start + size
        while position + 12 <= min(end, len(blob)):
            number, width, high, length = struct.unpack_from(">HHII", blob, position)
            element = _ELEMENT[width]
            if high or length > len(blob):
                raise Unreadable("a table of impossible length")
            self.tables[number] = struct.unpack_from(f">{length}{element}", blob, position + 12)
            position += 12 + length * width
            position += -(position - start) % 8
        if not {_ACCEPT, _BASE, _CHECK, _DEFAULT, _NEXT} <= self.tables.keys():
            raise Unreadable("a state machine without its tables")

    def walk(self, state: int, path: bytes) -> int:
        """The state that these bytes lead to."""
        base, check = self.tables[_BASE], self.tables[_CHECK]
        default, following = self.tables[_DEFAULT], self.tables[_NEXT]
        classes = self.tables.get(_CLASSES)
        for byte in path:
            if not state:
                return 0
            column = byte if classes is None else classes[byte]
            for _ in range(len(base)):
                entry = base[state]
                position = (entry & 0xFFFFFF) + column
                if check[position] == state:
                    state = following[position]
                    break
                state = default[state]
                if not entry & _DIFFERS:
                    break
        return state

    def allows(self, state: int) -> bool:
        """Whether a socket whose lookup ends here may be created."""
        return bool(self.tables[_ACCEPT][state] & CREATE)

    def quiet(self, state: int) -> bool:
        """Whether it is denied without a word in the log."""
        return bool(self.tables.get(_ACCEPT2, self.tables[_ACCEPT])[state] & _QUIET)

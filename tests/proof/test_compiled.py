"""Profiles in the form that the kernel loads, built here byte by byte, and what is no such form."""

from __future__ import annotations

import struct
from collections.abc import Mapping

import pytest

from patcher.proof import parser
from patcher.proof.compiled import CREATE, FAMILIES, TYPES, Compiled, Socket, Unreadable, read
from tests.needs import needs_parser

NUMBER8, NUMBER16, NUMBER32, NUMBER64 = range(4)
NAME, STRING, BLOB, STRUCT, STRUCT_END, LIST, LIST_END, ARRAY, ARRAY_END = range(4, 13)
EVERY = frozenset((family, kind) for family in FAMILIES for kind in TYPES.values())
ALG = frozenset((38, kind) for kind in TYPES.values())
ENFORCE, COMPLAIN, KILL, UNCONFINED = range(4)
QUIET = CREATE << 7

Edges = Mapping[int, Mapping[int, int]]
"""Of each state, which byte leads to which other one."""


def named(text: str) -> bytes:
    data = text.encode() + b"\0"
    return struct.pack("<BH", NAME, len(data)) + data


def item(tag: int, value: bytes = b"", name: str = "") -> bytes:
    return (named(name) if name else b"") + bytes((tag,)) + value


def number(value: int, name: str = "") -> bytes:
    return item(NUMBER32, struct.pack("<I", value), name)


def string(text: str) -> bytes:
    data = text.encode() + b"\0"
    return item(STRING, struct.pack("<H", len(data)) + data)


def blob(data: bytes, name: str = "aadfa") -> bytes:
    return item(BLOB, struct.pack("<I", len(data)) + data, name)


def table(kind: int, form: str, values: list[int]) -> bytes:
    data = struct.pack(
        f">HHII{len(values)}{form}", kind, struct.calcsize(form), 0, len(values), *values
    )
    return data + bytes(-len(data) % 8)


def machine(
    edges: Edges,
    accept: Mapping[int, int],
    *,
    defaults: Mapping[int, int] | None = None,
    differs: frozenset[int] = frozenset(),
    classes: list[int] | None = None,
    quiet: Mapping[int, int] | None = None,
    padding: int = 0,
    missing: int = 0,
) -> bytes:
    """A state machine; ``defaults``: where a state leads that has no edge; ``differs``: states that
    have but the difference to their default; ``classes``: the column of each byte."""
    count = 1 + max([*edges, *accept, *(to for each in edges.values() for to in each.values())])
    base = [state * 256 | (1 << 31 if state in differs else 0) for state in range(count)]
    following, check = [0] * count * 256, [0] * count * 256
    for state, each in edges.items():
        for byte, to in each.items():
            following[state * 256 + byte], check[state * 256 + byte] = to, state
    tables = {
        1: table(1, "I", [accept.get(state, 0) for state in range(count)]),
        2: table(2, "I", base),
        4: table(4, "H", [(defaults or {}).get(state, 0) for state in range(count)]),
        8: table(8, "H", following),
        3: table(3, "H", check),
    }
    if classes is not None:
        tables[5] = table(5, "B", classes)
    if quiet is not None:
        tables[7] = table(7, "I", [quiet.get(state, 0) for state in range(count)])
    tables.pop(missing, None)
    body = b"".join(tables.values())
    head = struct.pack(">IIIH", 0x1B5E783D, 16, 16 + len(body), 0) + b"\0\0"
    return bytes(padding) + head + body


SOCKETS: Edges = {
    1: {14: 2},
    2: {0: 3},
    3: {2: 4, 38: 5},
    4: {0: 6},
    5: {0: 7},
    6: dict.fromkeys((1, 2, 3), 8),
    7: {5: 8},
}
"""inet stream, dgram and raw, and alg seqpacket, end in state 8."""
SOME = frozenset({(2, 1), (2, 2), (2, 3), (38, 5)})


def profile(
    name: str = "x", policy: bytes | None = None, *, mode: int = ENFORCE, more: bytes = b""
) -> bytes:
    parts = [
        item(STRUCT, name="profile"),
        string(name),
        item(STRUCT, name="flags"),
        number(0),
        number(mode),
        number(0),
        item(STRUCT_END),
        more,
    ]
    if policy is not None:
        parts += [item(STRUCT, name="policydb"), number(1, "start"), blob(policy), item(STRUCT_END)]
    return b"".join([*parts, item(STRUCT_END)])


def only(binary: bytes) -> Compiled:
    (found,) = read(binary)
    return found


def opened(policy: bytes, mode: int = ENFORCE) -> frozenset[Socket]:
    found = only(profile(policy=policy, mode=mode))
    assert found.mediated
    return found.open


class TestSockets:
    def test_what_the_machine_accepts_is_open(self) -> None:
        assert opened(machine(SOCKETS, {8: CREATE})) == SOME
        assert opened(machine(SOCKETS, {8: CREATE | 0xF})) == SOME
        assert opened(machine(SOCKETS, {8: 0xFFFF & ~CREATE})) == frozenset()

    def test_each_number_leads_on_by_itself(self) -> None:
        """State 0 is where nothing matches, and nothing leads out of it."""
        edges = {**SOCKETS, 0: {0: 8, 5: 8}}
        assert opened(machine(edges, {8: CREATE, 0: 0})) == SOME

    def test_the_default_of_a_state_stands_for_the_bytes_without_an_edge(self) -> None:
        found = opened(machine(SOCKETS, {8: CREATE}, defaults={6: 8}))
        assert found == SOME | {(2, kind) for kind in TYPES.values()}

    def test_a_state_that_differs_from_another_one_looks_the_byte_up_there(self) -> None:
        edges = {**SOCKETS, 9: {4: 8}}
        default = {6: 9}
        assert opened(machine(edges, {8: CREATE}, defaults=default)) == (SOME - {(2, 4)})
        assert opened(machine(edges, {8: CREATE}, defaults=default, differs=frozenset({6}))) == (
            SOME | {(2, 4)}
        )

    def test_states_that_differ_from_each_other_come_to_an_end(self) -> None:
        default = {6: 9, 9: 6}
        found = opened(
            machine(
                {**SOCKETS, 9: {}}, {8: CREATE, 9: 0}, defaults=default, differs=frozenset({6, 9})
            )
        )
        assert found == SOME

    def test_bytes_of_one_class_are_one_column(self) -> None:
        classes = list(range(256))
        classes[10] = 2  # inet6 as inet
        found = opened(machine(SOCKETS, {8: CREATE}, classes=classes))
        # 10 is the number of the type "packet" as well: it is read as that of "dgram".
        assert found == SOME | {(2, 10)} | {(10, kind) for kind in (1, 2, 3, 10)}

    @pytest.mark.parametrize("padding", [0, 1, 7, 12])
    def test_a_machine_stands_behind_its_padding(self, padding: int) -> None:
        assert opened(machine(SOCKETS, {8: CREATE}, padding=padding)) == SOME

    def test_complain_mode_denies_what_is_denied_without_a_word(self) -> None:
        policy = machine(SOCKETS, {8: CREATE}, quiet={8: QUIET, 0: 0})
        assert opened(policy, COMPLAIN) == EVERY - SOME
        assert opened(policy, KILL) == SOME
        assert opened(machine(SOCKETS, {8: CREATE}, quiet={8: QUIET >> 1}), COMPLAIN) == EVERY
        assert opened(machine(SOCKETS, {8: QUIET}), COMPLAIN) == EVERY - SOME

    def test_nothing_about_sockets_is_not_mediated(self) -> None:
        for policy in (None, machine({1: {13: 2}, 2: {0: 3}}, {3: CREATE})):
            found = only(profile(policy=policy))
            assert (found.mediated, found.open) == (False, EVERY)

    def test_unconfined_allows_everything(self) -> None:
        assert opened(machine(SOCKETS, {8: 0}), UNCONFINED) == EVERY

    def test_equal_sets_are_one_value(self) -> None:
        binary = profile("x", machine(SOCKETS, {8: CREATE})) + profile(
            "y", machine(SOCKETS, {8: CREATE})
        )
        one, other = read(binary)
        assert one.open is other.open


class TestStructure:
    def test_the_names_in_order(self) -> None:
        binary = profile("x") + profile("y//z") + profile("caf\xe9")
        assert [each.name for each in read(binary)] == ["x", "y//z", "caf\xe9"]

    def test_nothing_is_no_profile(self) -> None:
        assert read(b"") == ()

    def test_what_stands_before_a_profile(self) -> None:
        head = item(NUMBER32, struct.pack("<I", 5), "version") + item(
            STRING, struct.pack("<H", 2) + b"n\0", "namespace"
        )
        assert only(head + profile("x")) == only(profile("x"))

    def test_the_first_string_is_the_name(self) -> None:
        found = only(profile("x", more=string("another")))
        assert found.name == "x"
        assert found != only(profile("x"))

    def test_the_first_machine_of_the_policy_counts(self) -> None:
        one, other = machine(SOCKETS, {8: CREATE}), machine(SOCKETS, {8: 0})
        both = item(STRUCT, name="policydb") + blob(one) + blob(other) + item(STRUCT_END)
        assert only(profile(more=both)).open == SOME
        outside = item(STRUCT, name="other") + blob(other) + item(STRUCT_END) + blob(other)
        assert only(profile("x", one, more=outside)).open == SOME
        assert not only(profile("x", more=outside)).mediated

    @pytest.mark.parametrize(
        "more",
        [
            number(7, "path_flags"),
            item(NUMBER8, b"\x01", "byte"),
            item(NUMBER16, b"\x01\x00", "short"),
            item(NUMBER64, struct.pack("<Q", 1), "long"),
            item(STRUCT, name="rlimits") + number(5) + item(STRUCT_END),
            item(LIST, name="list") + string("a") + item(LIST_END),
            item(ARRAY, struct.pack("<H", 1), "array") + number(5) + item(ARRAY_END),
        ],
    )
    def test_everything_else_is_compared(self, more: bytes) -> None:
        with_it, without = only(profile(more=more)), only(profile())
        assert with_it.rest != without.rest
        assert replaced(with_it) == replaced(without)

    def test_machines_are_not_compared_as_they_stand(self) -> None:
        """The same rules may make other tables: what they open is compared."""
        policy = machine(SOCKETS, {8: CREATE})
        assert only(profile("x", policy)) == only(profile("x", policy + bytes(8)))

    @pytest.mark.parametrize("mode", range(5))
    def test_modes(self, mode: int) -> None:
        assert only(profile(mode=mode)).name == "x"


def replaced(found: Compiled) -> tuple[object, ...]:
    return found.name, found.mediated, found.open


class TestUnreadable:
    @pytest.mark.parametrize(
        "binary",
        [
            b"\xff",
            item(13),
            item(STRUCT, name="hat"),
            item(STRUCT),
            profile(mode=5),
            profile(mode=2**32 - 1),
            profile(more=item(STRUCT, name="perms") + item(STRUCT_END)),
            profile(more=item(STRUCT, name="rlimits")),
            profile(more=number(1, "permsv")),
            item(STRUCT, name="profile") + string("x") + item(STRUCT_END),
            item(STRUCT, name="profile") + string("x") + number(0, "flags") + item(STRUCT_END),
            profile(policy=b"no machine at all"),
            profile(policy=machine(SOCKETS, {8: CREATE}, padding=13)),
            profile(policy=machine(SOCKETS, {8: CREATE})[:-2000]),
            profile(policy=machine(SOCKETS, {8: CREATE})[:40]),
        ],
    )
    def test_another_form(self, binary: bytes) -> None:
        with pytest.raises(Unreadable):
            read(binary)

    @pytest.mark.parametrize(
        ("kind", "width", "high", "length"),
        [(1, 3, 0, 1), (1, 0, 0, 1), (1, 4, 1, 1), (1, 4, 0, 2**31), (1, 4, 0, 300)],
    )
    def test_an_impossible_table(self, kind: int, width: int, high: int, length: int) -> None:
        head = struct.pack(">IIIH", 0x1B5E783D, 16, 200, 0) + b"\0\0"
        entry = struct.pack(">HHII", kind, width, high, length) + bytes(180)
        with pytest.raises(Unreadable):
            read(profile(policy=head + entry))

    @pytest.mark.parametrize("number", [1, 2, 4, 8, 3])
    def test_a_table_is_missing(self, number: int) -> None:
        with pytest.raises(Unreadable, match="without its tables"):
            read(profile(policy=machine(SOCKETS, {8: CREATE}, missing=number)))

    def test_what_is_cut_off(self) -> None:
        one = profile("x", machine({1: {14: 2}}, {2: CREATE}), more=number(7, "flags2"))
        assert len(read(one + one)) == 2
        for end in [*range(1, 100), *range(len(one) - 100, len(one))]:
            with pytest.raises(Unreadable):
                read(one + one[:end])


@needs_parser
def test_the_real_parser_writes_this_form() -> None:
    policy = (
        b"profile x {\n network,\n deny network alg,\n}\nprofile y {\n network inet stream,\n}\n"
    )
    one, other = parser.usable().compile(policy).profiles
    assert (one.name, one.mediated, EVERY - one.open) == ("x", True, ALG)
    assert (other.name, other.mediated, other.open) == ("y", True, frozenset({(2, 1)}))

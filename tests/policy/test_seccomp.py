"""What is said of a seccomp profile, beside what libseccomp makes of it."""

from __future__ import annotations

import ctypes
import json
import os
import platform
import random
import struct
import tempfile
import time
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from patcher.findings import Status
from patcher.options import Options
from patcher.seccomp import seccomp_findings
from tests.needs import needs_libseccomp

CLEAN = (Status.FIXED, Status.NOT_AFFECTED)
X86_64, X86 = 0xC000003E, 0x40000003
NUMBERS = {X86_64: 41, X86: 359}
"""socket(2) (arch/x86/entry/syscalls)."""
ACTIONS = {
    "ALLOW": 0x7FFF0000,
    "LOG": 0x7FFC0000,
    "ERRNO": 0x00050001,
    "KILL": 0x00000000,
    "KILL_PROCESS": 0x80000000,
    "TRAP": 0x00030000,
}
"""include/uapi/linux/seccomp.h"""
OPERATORS = ("NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ")
"""In the order of ``enum scmp_compare``, which begins with 1."""
EXECUTED = (ACTIONS["ALLOW"], ACTIONS["LOG"])
MANY = [f"call{number}" for number in range(100)]


def judged(profile: Any, path: str = "default.json") -> tuple[Status, str]:
    (finding,) = seccomp_findings(path, json.dumps(profile).encode(), Options())
    return finding.status, finding.reason


def argument(op: str, value: int, two: int = 0, index: int = 0) -> dict[str, Any]:
    return {"index": index, "value": value, "valueTwo": two, "op": f"SCMP_CMP_{op}"}


def rule(*tests: dict[str, Any], action: str = "ALLOW", **more: Any) -> dict[str, Any]:
    return {"names": ["socket"], "action": f"SCMP_ACT_{action}", "args": list(tests), **more}


def profile(*rules: dict[str, Any], default: str = "ERRNO", **more: Any) -> dict[str, Any]:
    many = {"names": MANY, "action": f"SCMP_ACT_{'ALLOW' if default != 'ALLOW' else 'ERRNO'}"}
    return {"defaultAction": f"SCMP_ACT_{default}", "syscalls": [many, *rules], **more}


OLD = rule(argument("NE", 40))
UPSTREAM = [rule(argument("LT", 38)), rule(argument("EQ", 39)), rule(argument("GT", 40))]


@pytest.mark.parametrize(
    "rules, default, status",
    [
        ([OLD], "ERRNO", Status.AFFECTED),
        ([rule()], "ERRNO", Status.AFFECTED),
        ([OLD], "KILL_PROCESS", Status.AFFECTED),
        # socket(2) takes 32 of the 64 bits that are compared, so that 38 + 2^32 is above 40.
        (UPSTREAM, "ERRNO", Status.UNDER_INVESTIGATION),
        (UPSTREAM[:2], "ERRNO", Status.FIXED),
        ([rule(argument("EQ", 1)), rule(argument("EQ", 2))], "ERRNO", Status.FIXED),
        ([rule(argument("EQ", 38), action="ERRNO")], "ALLOW", Status.UNDER_INVESTIGATION),
        (
            [rule(argument("MASKED_EQ", 0xFFFFFFFF, 38), action="ERRNO")],
            "ALLOW",
            Status.FIXED,
        ),
        ([rule(argument("EQ", 40), action="ERRNO")], "ALLOW", Status.AFFECTED),
        ([rule(action="ERRNO")], "ALLOW", Status.FIXED),
        # A rule without tests stands for all of them.
        ([rule(argument("EQ", 38), action="KILL"), rule()], "ERRNO", Status.AFFECTED),
        ([rule(argument("EQ", 38), action="KILL"), OLD], "ERRNO", Status.UNDER_INVESTIGATION),
        # runc and crun make a rule of each test of one argument.
        ([rule(argument("NE", 38), argument("NE", 40))], "ERRNO", Status.AFFECTED),
        ([rule(argument("EQ", 5, index=1))], "ERRNO", Status.UNDER_INVESTIGATION),
        ([rule(argument("SOMETHING", 38))], "ERRNO", Status.UNDER_INVESTIGATION),
        ([rule(action="NOTIFY")], "ERRNO", Status.UNDER_INVESTIGATION),
        ([rule(argument("EQ", 2), action="ODD")], "ERRNO", Status.FIXED),
        ([rule(argument("EQ", 2))], "TRACE", Status.UNDER_INVESTIGATION),
        ([rule(includes={"caps": ["CAP_SYS_ADMIN"]})], "ERRNO", Status.AFFECTED),
        (
            [rule(action="ERRNO", excludes={"caps": ["CAP_SYS_ADMIN"]})],
            "ALLOW",
            Status.AFFECTED,
        ),
        ([rule(argument("EQ", -1))], "ERRNO", Status.UNDER_INVESTIGATION),
        ([rule(action="ERRNO")], "ERRNO", Status.NOT_AFFECTED),
    ],
)
def test_rules_are_read_as_libseccomp_reads_them(
    rules: list[dict[str, Any]], default: str, status: Status
) -> None:
    assert judged(profile(*rules, default=default))[0] is status


def test_the_reason_names_the_change_the_condition_and_socketcall() -> None:
    assert "moby/profiles#20" in judged(profile(OLD))[1]
    condition = {"caps": ["CAP_SYS_ADMIN"]}
    assert "where capability CAP_SYS_ADMIN" in judged(profile(rule(includes=condition)))[1]
    assert "socketcall(2)" in judged(profile(UPSTREAM[0]))[1]
    assert "lower 32" in judged(profile(*UPSTREAM))[1]


def test_a_profile_on_top_of_another_is_never_clean() -> None:
    status, reason = judged(profile(UPSTREAM[0], baseProfileName="runc"))
    assert status is Status.UNDER_INVESTIGATION
    assert "baseProfileName" in reason


class _Comparison(ctypes.Structure):
    """``struct scmp_arg_cmp``"""

    _fields_ = (
        ("argument", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("a", ctypes.c_uint64),
        ("b", ctypes.c_uint64),
    )


def _library() -> ctypes.CDLL:
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = [ctypes.c_uint32]
    library.seccomp_arch_add.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
    library.seccomp_export_bpf.argtypes = [ctypes.c_void_p, ctypes.c_int]
    library.seccomp_release.argtypes = [ctypes.c_void_p]
    library.seccomp_release.restype = None
    library.seccomp_rule_add_array.argtypes = [
        ctypes.c_void_p,
        ctypes.c_uint32,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.POINTER(_Comparison),
    ]
    return library


def _conditions(args: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The rules that runc makes of one: libcontainer/seccomp/seccomp_linux.go."""
    if len({each["index"] for each in args}) == len(args):
        yield args
    else:
        yield from ([each] for each in args)


def compiled(library: ctypes.CDLL, made: dict[str, Any]) -> bytes | None:
    """The filter that libseccomp makes of a profile, as BPF; None where it refuses a rule."""
    default = ACTIONS[made["defaultAction"].removeprefix("SCMP_ACT_")]
    context = library.seccomp_init(default)
    try:
        library.seccomp_arch_add(context, X86)
        for each in made["syscalls"]:
            action = ACTIONS[each["action"].removeprefix("SCMP_ACT_")]
            if "socket" not in each["names"] or action == default:
                continue
            for args in _conditions(each["args"]):
                comparisons = (_Comparison * len(args))(
                    *(
                        _Comparison(
                            arg["index"],
                            OPERATORS.index(arg["op"].removeprefix("SCMP_CMP_")) + 1,
                            arg["value"],
                            arg["valueTwo"],
                        )
                        for arg in args
                    )
                )
                number = NUMBERS[X86_64]
                if library.seccomp_rule_add_array(context, action, number, len(args), comparisons):
                    return None
        with tempfile.TemporaryFile() as file:
            assert library.seccomp_export_bpf(context, file.fileno()) == 0
            file.seek(0)
            return file.read()
    finally:
        library.seccomp_release(context)


def run(program: bytes, architecture: int, args: tuple[int, ...]) -> int:
    """What a filter answers: the part of BPF that libseccomp makes use of
    (Documentation/networking/filter.rst)."""
    values = [value & (0xFFFFFFFF if architecture == X86 else 2**64 - 1) for value in args]
    data = struct.pack("<IIQ6Q", NUMBERS[architecture], architecture, 0, *values, 0, 0, 0)
    code = list(struct.iter_unpack("<HBBI", program))
    at = accumulator = 0
    while True:
        operation, true, false, constant = code[at]
        at += 1
        if operation == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, constant)
        elif operation == 0x54:
            accumulator &= constant
        elif operation == 0x06:
            return int(constant)
        elif operation == 0x05:
            at += constant
        else:
            holds = {
                0x15: accumulator == constant,
                0x25: accumulator > constant,
                0x35: accumulator >= constant,
            }[operation]
            at += true if holds else false


def made_up(chance: random.Random) -> dict[str, Any]:
    def test() -> dict[str, Any]:
        op = chance.choice(OPERATORS)
        value = chance.choice((0, 2, 16, 37, 38, 39, 40, 41, 0xFFFFFFFF, 38 + 2**32, 2**63))
        two = 0
        if op == "MASKED_EQ":
            two, value = value, chance.choice((0xFF, 0x26, 0xFFFFFFFF, 2**64 - 1, 0xFF << 32))
            two &= value if chance.random() < 0.9 else 2**64 - 1
        return argument(op, value, two, chance.choice((0, 0, 0, 0, 0, 1, 2)))

    kinds = tuple(ACTIONS)
    default = chance.choice(kinds)
    rules = [
        rule(
            *(test() for _ in range(chance.choice((0, 1, 1, 1, 1, 2, 3)))),
            action=chance.choice(("ALLOW", *kinds) if default != "ALLOW" else ("ERRNO", *kinds)),
        )
        for _ in range(chance.randint(1, 4))
    ]
    return profile(*rules, default=default)


@needs_libseccomp
@pytest.mark.skipif(platform.machine() != "x86_64", reason="the processor is no x86-64")
def test_no_clean_answer_where_the_filter_of_libseccomp_lets_the_family_through() -> None:
    library = _library()
    chance = random.Random(20)
    seen = dict.fromkeys(Status, 0)
    for number in range(500):
        made = made_up(chance)
        program = compiled(library, made)
        if program is None:
            continue
        status, reason = judged(made)
        seen[status] += 1
        highs = (0, 1, 2, 0xFF, 0xFFFFFFFF, 2**31, chance.getrandbits(32))
        for architecture, high, kind, protocol in product(
            NUMBERS, highs, (5, 0o2000005, 1, 38, 2**32 + 5), (0, 16, 2**32)
        ):
            answer = run(program, architecture, (high << 32 | 38, kind, protocol))
            shown = f"profile {number}, {status}: {reason}\n{json.dumps(made['syscalls'][1:])}"
            shown += f"\n{made['defaultAction']}: {answer:#x} for {high}, {kind}, {protocol}"
            if status in CLEAN:
                assert answer not in EXECUTED, shown
            elif status is Status.AFFECTED and high == 0 and architecture == X86_64:
                assert answer in EXECUTED, shown
    assert min(seen[status] for status in (*CLEAN[:1], Status.AFFECTED)) > 30, seen


@needs_libseccomp
@pytest.mark.skipif(platform.machine() != "x86_64", reason="the processor is no x86-64")
def test_the_kernel_takes_the_lower_32_bits_of_a_family() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.argtypes = [ctypes.c_long] * 4
    descriptor = libc.syscall(NUMBERS[X86_64], 1 + (1 << 32), 1, 0)
    assert descriptor >= 0, os.strerror(ctypes.get_errno())
    os.close(descriptor)


BOMBS = {
    "blanks.json": b'"SCMP_ACT_ALLOW" defaultAction' + b" " * (1 << 21),
    "tries.sh": b'SCMP_ACT_ALLOW "socket" syscalls {' + b'"defaultAction" [' * 100_000,
    "nested.json": b'{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": ["socket", '
    + b"[" * 1_000_000,
    "comment.go": b'package x // ActAllow "socket"\n' + b"/* " * 500_000,
    "escapes.go": b'package x // ActAllow "socket"\n' + b'\\"' * 500_000,
    "braces.go": b'package x // ActAllow "socket"\n' + b"{" * 400_000,
    "merge.yaml": b"defaultAction: SCMP_ACT_ALLOW\nsyscalls: [socket]\na0: &a0 {x: 1}\n"
    + b"".join(b"a%d: &a%d {<<: [*a%d, *a%d]}\n" % (n, n, n - 1, n - 1) for n in range(1, 40)),
    "aliases.yaml": b"a0: &a0 [x]\n"
    + b"".join(b"a%d: &a%d [*a%d, *a%d]\n" % (n, n, n - 1, n - 1) for n in range(1, 40))
    + b"defaultAction: SCMP_ACT_ALLOW\nsyscalls:\n- names: [socket]\n  action: SCMP_ACT_ERRNO\n"
    b"  includes: {caps: *a39}\n  args: [{index: 0, value: 38, op: SCMP_CMP_EQ}]\n",
}


@pytest.mark.parametrize("name", BOMBS)
def test_made_up_files_take_no_time_and_get_no_clean_answer(name: str) -> None:
    before = time.process_time()
    found = seccomp_findings(name, BOMBS[name], Options())
    assert time.process_time() - before < 10
    assert all(finding.status not in CLEAN for finding in found)

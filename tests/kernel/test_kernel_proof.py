"""In a real kernel, patcher's edit closes AF_ALG by every route, and nothing else."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from .cases import (
    CASES,
    FREE,
    PRIORITIES,
    UNMEDIATED,
    WRONG,
    Case,
    faults,
    opened,
    patched,
    unaudited,
)
from .conftest import Proof
from .machine import ROUTES, SOCKETS, BootError, CompileError, Machine, Run, parse
from .render import Value, render

pytestmark = [pytest.mark.kernel, pytest.mark.xdist_group("kernel")]  # one machine


def named(case: Case) -> str:
    return case.name


def test_the_kernel_asks_apparmor(proof: Proof) -> None:
    free, mediated = proof.booted.runs[FREE], proof.booted.runs[UNMEDIATED]
    assert {"unix", "inet", "inet6", "netlink", "alg"} <= proof.booted.mediates
    assert set(free.labels) == {"unconfined"}
    for family in ("unix", "inet", "inet6", "netlink", "alg"):
        wanted = {socket for socket in SOCKETS if socket[1] == family}
        assert opened(free, family) == wanted
    assert set(mediated.sockets.values()) == {errno.EACCES}, "\n".join(mediated.audit)
    assert not unaudited(mediated)


@pytest.mark.parametrize("case", CASES, ids=named)
def test_edit(case: Case, proof: Proof) -> None:
    free = proof.booted.runs[FREE]
    before, after = (proof.booted.runs[f"{case.name}.{stage}"] for stage in ("before", "after"))
    for seen in (before, after):
        assert seen.labels == (f"{case.label} (enforce)",) * 2
        assert not unaudited(seen), "\n".join(seen.audit)
    found = faults(free, before, after, case.denied)
    assert not found, "\n".join([*found, *before.audit, *after.audit])
    assert {route for route, family, _ in opened(before, "alg")} == (
        set(ROUTES) if "alg" in case.denied else set()
    )


@pytest.mark.parametrize("case", PRIORITIES, ids=named)
def test_priority(case: Case, proof: Proof) -> None:
    edited = patched(case)
    assert edited.count(b"deny network alg,\n") == 1
    if case in proof.cases:
        test_edit(case, proof)
        return
    # Not run, because this parser has no such priorities: it is to say so itself.
    with pytest.raises(CompileError, match=r"(?i)syntax error|priority prefix not allowed"):
        proof.machine.compile(case.policy(edited))


def test_nothing_to_edit() -> None:
    (fixed,) = (case for case in CASES if case.name == "fixed")
    assert patched(fixed) == fixed.before()


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_edit_is_seen(name: str, proof: Proof) -> None:
    seen = proof.booted.runs
    found = faults(seen[FREE], seen["moby.before"], seen[name], frozenset(("alg",)))
    for route in ROUTES:
        assert f"{route} alg seqpacket: after the edit opens" in found
    if name == "wrong-family":
        assert "socket inet stream: changed from opens to EACCES" in found


def test_faults_are_seen(proof: Proof) -> None:
    # What no wrong edit brings about: one route that stays open, one that was closed before.
    free, before, after = (proof.booted.runs[n] for n in (FREE, "moby.before", "moby.after"))
    alg = ("io_uring", "alg", "seqpacket")
    leak = replace(after, sockets={**after.sockets, alg: 0})
    closed = replace(before, sockets={**before.sockets, alg: errno.EACCES})
    denied = frozenset(("alg",))
    assert faults(free, before, leak, denied) == ["io_uring alg seqpacket: after the edit opens"]
    assert faults(free, closed, after, denied) == ["io_uring alg seqpacket: before the edit EACCES"]
    assert unaudited(leak) == ["alg: 5 denied, 6 in the log"]


RESULTS = "kernel 6\nmediates alg\nrun a\nlabel 7 x\nlabel 8 x\n{}done\n".format(
    "".join(f"socket {' '.join(socket)} 0\n" for socket in SOCKETS)
)


@pytest.mark.parametrize(
    ("results", "message"),
    [
        (RESULTS.replace("done\n", ""), "did not come to its end"),
        (RESULTS.replace("label 7 x\n", ""), "a: did not come to its end"),
        (RESULTS.replace("socket io_uring alg seqpacket 0\n", ""), "a: did not come to its end"),
        (RESULTS.replace("run a\n", ""), "start: label 7 x"),
        (RESULTS.replace("run a\n", "run a\nfailed to load a\n"), "a: failed to load a"),
        ("", "a: did not come to its end"),
    ],
)
def test_results_are_whole(results: str, message: str) -> None:
    assert parse(RESULTS, "", ["a"]).runs["a"].labels == ("x", "x")
    with pytest.raises(BootError, match=re.escape(message)):
        parse(results, "", ["a"])


def test_a_boot_that_hangs(machine: Machine, tmp_path: Path) -> None:
    begin = time.monotonic()
    with pytest.raises(BootError, match=r"did not end within 0\.7 seconds"):
        machine.boot([Run(FREE, None, None)], tmp_path, seconds=0.7)
    assert time.monotonic() - begin < 20
    assert not emulators(tmp_path)


def test_no_emulator_outlives_its_test(machine: Machine, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tests.kernel.machine import Machine, Run;"
        "Machine.find().boot([Run('a', None, None)], Path(sys.argv[1]))"
    )
    root = Path(__file__).parents[2]
    run = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], cwd=root)
    try:
        assert until(lambda: bool(emulators(tmp_path)))
    finally:
        run.send_signal(signal.SIGKILL)
        run.wait()
    assert until(lambda: not emulators(tmp_path))


def until(holds: object, seconds: float = 30) -> bool:
    assert callable(holds)
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def emulators(work: Path) -> list[int]:
    """Processes that run an emulator on files of this folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if str(work / "initramfs").encode() in command:
                found.append(int(entry.name))
    return found


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("a {{.Name}} b", "a x b"),
        ("{{range $v := .List}}<{{$v}}>{{end}}.", "<1><2>."),
        ("{{if .Yes}}a{{else}}b{{end}}{{if not .Yes}}c{{end}}", "a"),
        ("{{if .No}}{{if .Yes}}a{{else}}b{{end}}c{{else}}d{{end}}", "d"),
        ("{{if ge .Version 2}}a{{end}}{{if ge .Version 4}}b{{end}}", "a"),
        ("a\n{{- if .Yes }}\nb\n{{- end }}\nc", "a\nb\nc"),
        ("a {{if .Yes -}}  b{{- end}}", "a b"),
    ],
)
def test_render(template: str, text: str) -> None:
    values: dict[str, Value] = {
        "Name": "x",
        "List": ("1", "2"),
        "Yes": True,
        "No": False,
        "Version": 3,
    }
    assert render(template, values) == text


@pytest.mark.parametrize("template", ["{{.Other}}", "{{template `x`}}", "{{if eq .Name 1}}{{end}}"])
def test_render_knows_its_limits(template: str) -> None:
    with pytest.raises(ValueError, match="is not known"):
        render(template, {"Name": "x"})

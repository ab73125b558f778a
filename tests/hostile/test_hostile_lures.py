"""Each attack leaves its mark under plain git, and none under patcher."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest

from tests.hostile.bench import BRANCH, COMMANDS, FIXED, Bench, Lure, on_a_terminal, patcher
from tests.hostile.lures import LIES, LURES
from tests.variants import few

RUNS = {
    "scan": (["scan"], 1),
    "diff": (["diff", "--proof", "off"], 1),
    "apply": (["apply", "--proof", "off", "--on-existing", "replace", "--signoff"], 0),
    "verify": (["verify"], 1),
}


def test_there_are_many_and_verify_takes_part() -> None:
    assert len(LURES) >= 25
    assert len({lure.name for lure in LURES}) == len(LURES)
    if "verify" not in COMMANDS:
        pytest.skip("apparmor_parser is not installed")


@pytest.mark.parametrize("lure", few(LURES, 3), ids=lambda lure: lure.name)
def test_it_bites_plain_git_and_not_patcher(bench: Bench, lure: Lure) -> None:
    lure.bait(bench)
    if lure in LIES:
        assert lure.fired(bench)  # a lie stands there from the start
        marks = bench.ran()
    else:
        (bench.root / "markers" / "ran").unlink(missing_ok=True)  # of what built it
        assert not lure.fired(bench)
        marks = []
    before = bench.snapshot()
    for name in COMMANDS:
        arguments, status = RUNS[name]
        result = patcher(*arguments, bench.place)
        refused = lure.refused and name in lure.by
        told = f"{name}: {result.stdout}{result.stderr}"
        if refused:
            assert lure.refused in result.stderr, told
        assert result.exit_code == (3 if refused else status), told
        assert bench.ran() == marks, told
        assert bench.snapshot() == before, told
        assert lure in LIES or not lure.fired(bench), told
    if not (lure.refused and "apply" in lure.by):
        honest = {"GIT_NO_REPLACE_OBJECTS": "1"}
        names = bench.git("ls-tree", "-r", "--name-only", BRANCH, env=honest).splitlines()
        assert "docker-default" in names
        blob = bench.git("rev-parse", f"{BRANCH}:docker-default", env=honest)
        assert bench.git("cat-file", "blob", blob, env=honest) == FIXED.strip()
    lure.spring(bench)
    assert lure.fired(bench)


def test_neither_do_pagers_start_where_patcher_writes_to_a_terminal(bench: Bench) -> None:
    bench.config("[core]\n\tpager = {run}\n[pager]\n\tgrep = {run}\n\tfor-each-ref = {run}\n")
    command = [sys.executable, "-m", "patcher", "scan", "--base", "m*", str(bench.place)]
    status, output = on_a_terminal(command, Path(__file__).parents[2])
    assert status == 1 and b"docker-default" in output, output
    assert bench.ran() == []
    bench.git_on_a_terminal("grep", "network", "HEAD")
    assert bench.ran() != []


def test_the_command_that_shows_the_commit_runs_nothing_of_the_repository(bench: Bench) -> None:
    bench.commit({".gitattributes": "* diff=x\n"})
    bench.config(
        "[core]\n\tpager = {run}\n[pager]\n\tshow = {run}\n[diff]\n\texternal = {run}\n"
        '[diff "x"]\n\ttextconv = {run}\n\tcommand = {run}\n'
        "[log]\n\tshowSignature = true\n[gpg]\n\tprogram = {run}\n"
    )
    result = patcher("apply", "--proof", "off", bench.place)
    commit = bench.git("cat-file", "commit", BRANCH)
    signature = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n AAAA\n -----END PGP SIGNATURE-----"
    head, _, body = commit.partition("\n\n")
    signed = bench.put("commit", f"{head}\n{signature}\n\n{body}\n".encode())
    bench.git("update-ref", f"refs/heads/{BRANCH}", signed)
    (advice,) = [line for line in result.stdout.splitlines() if line.startswith("Look at it:")]
    status, output = on_a_terminal(shlex.split(advice.partition(":")[2]), bench.root)
    assert status == 0 and b"deny network alg," in output, output
    assert bench.ran() == []
    bench.git_on_a_terminal("show", BRANCH)
    assert len(bench.ran()) >= 2


@pytest.mark.parametrize("others", [0, 700])
@pytest.mark.parametrize("lure", LIES, ids=lambda lure: lure.name)
def test_what_a_lie_hides_is_reported(bench: Bench, lure: Lure, others: int) -> None:
    """Also where git reads the objects, and not patcher itself: from a pack; and where git searches
    them, since they are many."""
    if others:
        bench.commit({f"others/{number}": f"{number}\n" for number in range(others)})
    lure.bait(bench)
    bench.git("repack", "-adq", env={"GIT_NO_REPLACE_OBJECTS": "1"})
    report = json.loads(patcher("scan", "--format", "json", bench.place).stdout)
    [finding] = report["targets"][0]["findings"]
    assert (finding["path"], finding["status"]) == ("docker-default", "affected")

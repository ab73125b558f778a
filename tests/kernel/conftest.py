"""One boot for all tests of the kernel proof, and its table at the end of the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import pytest

from .cases import CASES, PRIORITIES, Case, runs
from .machine import Booted, BootError, CompileError, Machine, Unavailable
from .table import tables


@dataclass(frozen=True, slots=True)
class Proof:
    """The machine, what was run on it, and what came of it."""

    machine: Machine
    cases: Sequence[Case]
    booted: Booted
    notes: Sequence[str]


_PROOF = pytest.StashKey[Proof]()


@pytest.fixture(scope="session")
def machine() -> Machine:
    """The tools and the kernel; without them, the tests are skipped."""
    try:
        return Machine.find()
    except Unavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def attempt(
    machine: Machine, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Proof | list[str]:
    """Every case, in one boot, or what to say of its failure: at length once, then briefly."""
    try:
        return _prove(machine, tmp_path_factory.mktemp("kernel"), request.config)
    except (BootError, CompileError) as error:
        return ["the boot failed: see the first failure", str(error)]


@pytest.fixture
def proof(attempt: Proof | list[str]) -> Proof:
    """Every case, in one boot."""
    if isinstance(attempt, Proof):
        return attempt
    pytest.fail(attempt.pop() if len(attempt) > 1 else attempt[0], pytrace=False)


def _prove(machine: Machine, work: Path, config: pytest.Config) -> Proof:
    cases, notes = list(CASES), []
    begin = monotonic()
    for case in PRIORITIES:
        try:
            machine.compile(case.policy(case.before()))
            cases.append(case)
        except CompileError as error:
            parser = f"apparmor_parser {machine.parser_version()}"
            notes.append(f"Not run: {case.what}, for {parser} says: {str(error).splitlines()[0]}")
    planned = runs(machine, cases)
    middle = monotonic()
    booted = machine.boot(planned, work)
    notes.append(
        f"Compiled {len(planned) - 1} policies in {middle - begin:.1f} s,"
        f" booted and ran them in {monotonic() - middle:.1f} s."
    )
    found = Proof(machine, cases, booted, notes)
    config.stash[_PROOF] = found
    return found


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    proof = config.stash.get(_PROOF, None)
    if proof is not None:
        terminalreporter.section("kernel proof")
        terminalreporter.write_line(tables(proof.booted, proof.cases, proof.notes))

"""A copy of the tree, in which code is changed and tests run."""

from __future__ import annotations

import difflib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.areas import Area, area
from tests.mutants.places import Mutant

_COPIED = (
    "patcher",
    "tests",
    "fixtures",
    "benchmarks",
    "pyproject.toml",
    "README.md",
    "docs",
    "CHANGELOG.md",
)
_SHORTEST = 120.0
_TIMES = 4
"""A test that takes so many times as long as all of them do without the change goes on for ever."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a change."""

    survived: bool
    by: str
    """The test that noticed it."""
    difference: str
    """The change, as ``diff -u`` shows it."""


class Sandbox:
    """One copy: one change at a time."""

    def __init__(self, root: Path, place: Path) -> None:
        self.place = place
        place.mkdir(parents=True)
        for name in _COPIED:
            if (root / name).is_dir():
                shutil.copytree(
                    root / name, place / name, ignore=shutil.ignore_patterns("__pycache__")
                )
            elif (root / name).exists():
                shutil.copy(root / name, place / name)

    def unchanged(self, areas: Iterable[Area]) -> tuple[float, list[str]]:
        """How long the tests of one change may take, in seconds, as all those of these areas tell;
        and which of them fail though nothing is changed, as timed ones may on a busy machine."""
        started = time.monotonic()
        tests = dict.fromkeys(test for each in areas for test in each.tests)
        _, output = self._run(tests, None)
        limit = max(_SHORTEST, _TIMES * (time.monotonic() - started))
        return limit, [line.partition(" ")[2] for line in _noticed(output)]

    def tried(self, mutant: Mutant, limit: float, left_out: Iterable[str]) -> Outcome:
        """Change the file, run its tests but those, and change it back."""
        file = self.place / mutant.path
        source = file.read_text("utf-8")
        changed = mutant.apply(source)
        before, after = source.splitlines(), changed.splitlines()
        names = mutant.path, mutant.path
        lines = difflib.unified_diff(before, after, *names, n=2, lineterm="")
        difference = "\n".join(lines)
        file.write_text(changed, "utf-8")
        try:
            deselected = (f"--deselect={test}" for test in left_out)
            status, output = self._run(area(mutant.path).tests, limit, "-x", *deselected)
        except subprocess.TimeoutExpired:
            return Outcome(False, "(out of time)", difference)
        finally:
            file.write_text(source, "utf-8")
        by = next(_noticed(output), "")
        return Outcome(status == 0, by, difference)

    def _run(self, tests: Iterable[str], limit: float | None, *more: str) -> tuple[int, str]:
        """The status of the tests and what they print, in the order in which they are named."""
        options = (*more, "-q", "-n", "0", "-p", "no:randomly", "-p", "no:cacheprovider", "-m", "")
        process = subprocess.Popen(
            [sys.executable, "-B", "-m", "pytest", *options, *tests],
            cwd=self.place,
            env={**os.environ, "PYTHONPATH": str(self.place), "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(timeout=limit)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if process.returncode not in (0, 1, 2):  # passed, failed, not even collected
            raise RuntimeError(f"pytest ended with status {process.returncode}:\n{output}")
        return process.returncode, output


def _noticed(output: str) -> Iterator[str]:
    """The lines that name a test that failed."""
    for line in output.splitlines():
        if line.startswith(("FAILED ", "ERROR ")):
            yield line.split(" - ")[0]

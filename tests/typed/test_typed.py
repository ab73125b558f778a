"""A user's program against the installed package: mypy sees patcher's types, and it runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).parent / "program.py"
ELSEWHERE = ("PYTHONPATH", "MYPYPATH")
PRINTED = """\
2 docker-default deny-af-alg affected: insert at 80
2 docker-default deny-af-vsock affected: insert at 80
2 docker-default deny-af-bluetooth affected: insert at 80
  # Disallow AF_ALG (Linux kernel crypto API); see https://copy.fail/
  deny network alg,
  # No machines.
  deny network vsock,
  deny network bluetooth,
3 fixed, 0 edits
no migration 'deny-af-all'; there are deny-af-alg, deny-af-vsock, or a file such as ./mine.yaml
content must be bytes, not str: open the file with mode 'rb', or encode the text
"""


def python(folder: Path, *arguments: str) -> str:
    """What Python prints where this checkout is not found by chance."""
    env = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=env, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout


def test_a_program_is_typed_and_runs(tmp_path: Path) -> None:
    shutil.copy(PROGRAM, tmp_path)
    found = python(tmp_path, "-m", "mypy", "--strict", "--config-file=", PROGRAM.name)
    assert found == "Success: no issues found in 1 source file\n"
    assert python(tmp_path, PROGRAM.name, str(tmp_path)) == PRINTED

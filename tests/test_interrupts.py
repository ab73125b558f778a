"""Signals at awkward moments, each in a program of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAD = """\
import os, signal, sys, threading, time
from patcher import interrupts

def come(number=signal.SIGTERM):
    os.kill(os.getpid(), number)

def main(work):
    interrupts.install()
    try:
        interrupts.begin()
        work()
        code = 0
    except KeyboardInterrupt:
        code = interrupts.exit_code()
    finally:
        interrupts.finish()
    sys.exit(code)

"""


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


class Program:
    """Runs code as ``python -m`` does a module."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, code: str, *, ignored: int | None = None) -> tuple[int, str, str]:
        """Exit status, output and errors."""
        (self.folder / "sample.py").write_text(HEAD + code)

        def ignore() -> None:
            if ignored is not None:
                signal.signal(ignored, signal.SIG_IGN)

        done = subprocess.run(
            [sys.executable, "-m", "sample"],
            cwd=self.folder,
            env={"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            preexec_fn=ignore,
        )
        return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_is_the_exit_status(name: str, program: Program) -> None:
    number = getattr(signal, name)
    assert program(f"main(lambda: come({number:d}))\n") == (128 + number, "", "")


def test_what_is_ignored_stays_ignored(program: Program) -> None:
    code = "main(lambda: come(signal.SIGHUP))\n"
    assert program(code, ignored=signal.SIGHUP) == (0, "", "")


def test_before_there_is_anything_to_unwind_the_program_ends_at_once(program: Program) -> None:
    code = "interrupts.install()\ncome()\nprint('not reached')\n"
    assert program(code) == (143, "", "patcher: interrupted\n")


def test_after_the_end_signals_do_nothing(program: Program) -> None:
    code = "import atexit\natexit.register(come)\natexit.register(come, 2)\nmain(lambda: 0)\n"
    assert program(code) == (0, "", "")


def test_what_is_shielded_is_done_first(program: Program) -> None:
    code = """
def work():
    with interrupts.shielded():
        with interrupts.shielded():
            come()
        print("inner")
        come(signal.SIGINT)
        print("outer")
    print("not reached")

main(work)
"""
    assert program(code) == (143, "inner\nouter\n", "")


def test_in_a_string_that_is_executed(program: Program) -> None:
    code = "def work():\n    exec('come()\\nprint(1)')\nmain(work)\n"
    assert program(code) == (143, "", "")


def test_where_no_exception_gets_out(program: Program) -> None:
    code = """
class Lazy:
    def __del__(self):
        come()
        print("not reached")

def work():
    Lazy()
    time.sleep(30)
    print("not reached")

main(work)
"""
    assert program(code) == (143, "", "")


def test_where_another_exception_gets_out(program: Program) -> None:
    code = """
class Name:
    def __set_name__(self, owner, name):
        come()
        time.sleep(1)

def work():
    try:
        class Other:
            name = Name()
    except Exception as error:
        interrupts.check(error)
        print("not reached")

main(work)
"""
    assert program(code) == (143, "", "")


def test_the_end_waits_for_threads_and_lets_none_begin(program: Program) -> None:
    code = """
inside = threading.Event()

def first():
    with interrupts.shielded():
        inside.set()
        time.sleep(0.3)
        print("first is done")

def second():
    inside.wait()
    while not interrupts._state.ended:
        time.sleep(0.01)
    with interrupts.shielded():
        print("not reached")

interrupts.at_end(lambda: print("cleaned"))
for each in (first, second):
    threading.Thread(target=each, daemon=True).start()

def work():
    inside.wait()
    come()
    time.sleep(30)

main(work)
"""
    assert program(code) == (143, "first is done\ncleaned\n", "")


def test_a_later_signal_cleans_up_and_ends(program: Program) -> None:
    code = """
interrupts.at_end(lambda: print("cleaned", flush=True))

def work():
    try:
        come()
        time.sleep(30)
    finally:
        come(signal.SIGINT)  # the same one, to whoever sent it
        time.sleep(interrupts.SAME + 0.2)
        come(signal.SIGINT)
        print("not reached", flush=True)

main(work)
"""
    assert program(code) == (143, "cleaned\n", "patcher: interrupted\n")

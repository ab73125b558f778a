"""What holds for every input, as far as one run can tell."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TypeVar

import patcher
from patcher.migrations import Migration, MigrationError, builtin, load_migration
from tests.fuzz.inputs import Input

SECONDS = 2.0
"""Processor time that a small input may take."""
PER_MEGABYTE = 20.0
"""What each further megabyte may take; patcher reads some 2 MB of policy each second."""


class Broken(AssertionError):
    """A property does not hold."""


def bound(content: bytes) -> float:
    """Seconds of processor time that an input may take."""
    return SECONDS + PER_MEGABYTE * len(content) / 1e6


def check(given: Input, options: int) -> int:
    """Patch a file, see that all is well, and tell how many edits there were. Raises Broken.

    ``options`` chooses the options, bit by bit.
    """
    chosen = {
        "migrations": builtin() if options & 1 else None,
        "profiles": "all" if options & 2 else "moby",
        "docs": bool(options & 4),
        "comment": bool(options & 8),
    }

    def patch(content: bytes) -> patcher.Result:
        with _limited(bound(content)):
            return patcher.patch(given.path, content, **chosen)  # type: ignore[arg-type]

    result = never_raising(lambda: patch(given.content))
    rebuilt, position = [], 0
    for edit in result.edits:
        if not position <= edit.offset <= len(given.content) or not edit.insert:
            raise Broken(f"edit at {edit.offset} is out of order or empty")
        rebuilt += [given.content[position : edit.offset], edit.insert]
        position = edit.offset
    if b"".join([*rebuilt, given.content[position:]]) != result.content:
        raise Broken("the content is not the input and its insertions")
    lines = given.content.count(b"\n") + given.content.count(b"\r") + 1
    for finding in result.findings:
        if not 1 <= finding.line <= lines:
            raise Broken(f"a finding in line {finding.line} of {lines}")
        if (finding.edit is None) != (finding.edit not in result.edits):
            raise Broken("a finding's edit is not made")
        if not finding.reason:
            raise Broken("a finding without a reason")
    if result.edits:
        again = never_raising(lambda: patch(result.content))
        if again.edits:
            raise Broken(f"patching twice inserts {again.edits[0].insert!r} again")
    return len(result.edits)


def check_migration(content: bytes, scratch: Path) -> Migration | None:
    """Load a migration: it is one, or one line says why not. Raises Broken."""
    file = scratch / "mine.yaml"
    file.write_bytes(content)
    try:
        with _limited(bound(content)):
            migration = never_raising(lambda: load_migration(str(file)), MigrationError)
    except MigrationError as error:
        text = str(error)
        if not text.startswith(str(file)) or not text.isprintable():
            raise Broken(f"not one printable line: {text!r}") from None
        return None
    return migration


_T = TypeVar("_T")


def never_raising(run: Callable[[], _T], *but: type[Exception]) -> _T:
    """Run it. Raises Broken for every error, save for these kinds."""
    try:
        return run()
    except Exception as error:
        if isinstance(error, (Broken, *but)):
            raise
        raise Broken(f"raised {type(error).__name__}: {error}") from error


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Break off what takes more processor time."""

    def out(number: int, frame: FrameType | None) -> None:
        where = "" if frame is None else f" in {frame.f_code.co_filename}:{frame.f_lineno}"
        raise Broken(f"took more than {seconds:.1f} s of processor time{where}")

    before = signal.signal(signal.SIGPROF, out)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    started = time.process_time()
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    # Where the signal was swallowed together with other errors, the clock tells.
    if time.process_time() - started > seconds * 1.1:
        raise Broken(f"took more than {seconds:.1f} s of processor time")

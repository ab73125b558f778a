"""What some machines lack. A test that needs it is skipped there, with these words.

`.ci/run` lists which of them its second lane may print; its first lane may print none.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import pty
import shutil

import pytest

from patcher.proof import parser


def _semaphores() -> bool:
    """Whether processes can share a lock: POSIX semaphores are files in /dev/shm."""
    try:
        multiprocessing.Lock()
    except OSError:
        return False
    return True


def _has_library(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def program(name: str) -> pytest.MarkDecorator:
    """Mark a test that runs a program in the PATH."""
    return pytest.mark.skipif(shutil.which(name) is None, reason=f"{name} is not installed")


needs_parser = pytest.mark.skipif(not parser.installed(), reason="apparmor_parser is not installed")
needs_libseccomp = pytest.mark.skipif(
    not _has_library("libseccomp.so.2"), reason="libseccomp2 is not installed"
)
needs_semaphores = pytest.mark.skipif(not _semaphores(), reason="processes cannot share locks here")


def open_terminal() -> tuple[int, int]:
    """Return descriptors of our end and of the program's; skip the test where there are none."""
    try:
        return pty.openpty()
    except OSError:
        pytest.skip("there are no pseudo-terminals here")

"""A pseudo-terminal for a program under test."""

from __future__ import annotations

import pty

import pytest


def open_terminal() -> tuple[int, int]:
    """Return descriptors of our end and of the program's; skip the test where there are none."""
    try:
        return pty.openpty()
    except OSError:
        pytest.skip("there are no pseudo-terminals here")

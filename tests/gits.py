"""A git in front of git, which notes what it is asked, or is slow."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from patcher.git import Query, environment


class Gits:
    """From here on patcher starts this git. ``before`` is a piece of shell script."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, before: str = "") -> None:
        folder.mkdir()
        self._calls, self._asked = folder / "calls", folder / "asked"
        program = folder / "git"
        program.write_text(
            f"""#!/bin/sh
echo "$*" >> '{self._calls}'
{before}
case "$*" in
*cat-file*) tee -a '{self._asked}' | '{environment.program()}' "$@" ;;
*) exec '{environment.program()}' "$@" ;;
esac
"""
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def calls(self) -> list[str]:
        """The arguments of each call since this was asked last."""
        return _taken(self._calls)

    def asked(self) -> list[str]:
        """The objects that `git cat-file` was asked for since this was asked last."""
        return _taken(self._asked)


def _taken(log: Path) -> list[str]:
    lines = log.read_text().splitlines() if log.exists() else []
    log.unlink(missing_ok=True)
    return lines


def query(pattern: bytes, max_bytes: int, wanted: Callable[[bytes], bool] | None = None) -> Query:
    """A search for one pattern."""
    compiled = re.compile(pattern, re.MULTILINE)
    return Query((pattern,), lambda text: compiled.search(text) is not None, max_bytes, wanted)

"""Files outside git: judged, and edited in place when asked for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from patcher.campaign import replace
from patcher.campaign.includes import beside
from patcher.campaign.look import Selection, judge
from patcher.campaign.target import MAX_DROPPED, Located, Outcome, Target
from patcher.findings import Result


def check(names: Iterable[str], selection: Selection, *, fix: bool = False) -> Iterator[Target]:
    """One target for each file that is named, or lies in a folder that is named.

    ``Target.repository`` is the file's name; ``outcome`` is ``COMMITTED`` where it was edited.
    """
    for file in meant(names, selection):
        yield _file(file, selection, fix)


def meant(names: Iterable[str], selection: Selection) -> Iterator[Path]:
    """The files that are named, and those wanted below folders that are named."""
    for name in names:
        path = Path(name)
        if path.is_dir() and not path.is_symlink():
            wanted = selection.wanted()
            for file in _below(path):
                if wanted is None or wanted(os.fsencode(file.relative_to(path))):
                    yield file
        else:
            yield path


def target(name: str, result: Result, *, fixed: bool, note: str | None = None) -> Target:
    """The file's findings as a target."""
    path = os.fsencode(name)
    return Target(
        repository=name,
        base=None,
        commit=None,
        outcome=Outcome.COMMITTED if fixed else Outcome.SCANNED,
        note=note,
        findings=tuple(Located(path, finding) for finding in result.findings),
        dropped=tuple((path, each) for each in result.dropped[:MAX_DROPPED]),
    )


def _below(folder: Path) -> Iterator[Path]:
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != ".git")
        for name in sorted(names):
            file = Path(where) / name
            if replace.is_temporary(name):
                continue
            if file.is_file() and not file.is_symlink():
                yield file


def _file(path: Path, selection: Selection, fix: bool) -> Target:
    name = str(path)
    try:
        opened = replace.read(path, selection.max_bytes)
        result, _ = judge(name, opened.content, selection, beside(path))
        if not fix or not result.edits:
            return target(name, result, fixed=False)
        replace.write(opened, result.content)
    except OSError as error:
        reason = error.strerror or str(error)
        return Target(name, None, None, Outcome.FAILED, error=reason)
    note = None
    if opened.links:
        note = f"it has {opened.links} more hard links, which keep the old content"
    return target(name, result, fixed=True, note=note)

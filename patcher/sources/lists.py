"""Lists of repositories: files, and standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import replace

from patcher import git
from patcher.git.small import open_file
from patcher.sources import rows
from patcher.sources.found import Found, Run, WrongSource, failed
from patcher.sources.words import source_of, understood

MOST_BYTES = 32 << 20
"""Of a list: 200,000 URLs and more."""
MOST_FAULTS = 20
"""Bad rows that are reported one by one."""

_BINARY = 8000
"""The first bytes, among which git, too, looks for a NUL to tell binary files."""


def label(name: str) -> str:
    return f"of {git.printable(git.without_secrets(_shown(name)))}"


def find(name: str) -> Iterator[Found | git.Failure]:
    """The repositories of a list. A bad row is a failure that names its line, and the rest of the
    list is used. ``-`` is standard input. Relative paths start in the current folder. Raises
    WrongSource for what is no list, or of which every row is bad."""
    where = _shown(name)
    faults: list[git.Failure] = []
    bad = 0
    some = False
    for row in _merged(rows.read(_text(name), "" if name == "-" else name)):
        try:
            if isinstance(row, rows.Fault):
                raise WrongSource(row.text)
            items = _found(row, where)
        except WrongSource as wrong:
            bad += 1
            fault = failed(where + row.at, str(wrong))
            if isinstance(row, rows.Fault) and row.ends:
                faults.insert(0, fault)
            elif len(faults) < MOST_FAULTS:
                faults.append(fault)
            continue
        some = True
        yield from items
    if bad and not some:
        others = f" ({_more(bad - 1)} either)" if bad > 1 else ""
        raise WrongSource(f"{faults[0].place}: {faults[0].error}{others}")
    yield from faults
    if bad > len(faults):
        yield failed(where, _more(bad - len(faults)))


def _more(rows: int) -> str:
    return f"{rows} more {'row names' if rows == 1 else 'rows name'} no repository"


def _merged(found: rows.Rows) -> rows.Rows:
    """Rows that name the same place are one, with the bases of all of them."""
    merged: dict[object, rows.ListRow | rows.Fault] = {}
    for row in found:
        key: object = row.place.rstrip("/") if isinstance(row, rows.ListRow) else (row.at, row.text)
        before = merged.setdefault(key, row)
        if before is not row and isinstance(row, rows.ListRow) and isinstance(before, rows.ListRow):
            merged[key] = replace(before, bases=tuple(dict.fromkeys((*before.bases, *row.bases))))
    yield from merged.values()


def _found(row: rows.ListRow, where: str) -> Iterator[Found | git.Failure]:
    """What a row names. Raises WrongSource."""
    word = row.place
    if source_of(word).counted_as(word)[1]:
        shown = git.without_secrets(word)[:200]
        raise WrongSource(f"a list holds repositories: name {shown!r} on the command line instead")
    if word == "~" or word.startswith("~/"):
        word = os.path.expanduser(word)  # noqa: PTH111
    word = understood(word, suggest="https://github.com/")
    items = source_of(word).find([word], Run())
    return (
        failed(f"{where}{row.at}: {item.place}", item.error)
        if isinstance(item, git.Failure)
        else replace(item, bases=row.bases)
        for item in items
    )


def _text(name: str) -> str:
    """The text of a list. Raises WrongSource where it cannot be read."""
    where = _shown(name)
    try:
        if name == "-":
            content = sys.stdin.buffer.read(MOST_BYTES + 1)
        else:
            with open_file(name) as stream:
                content = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise WrongSource(f"{where}: cannot be read: {error.strerror or error}") from None
    if len(content) > MOST_BYTES:
        raise WrongSource(f"{where}: larger than {MOST_BYTES >> 20} MiB: not a list")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise WrongSource(f"{where}: UTF-16, not UTF-8")
    if b"\0" in content[:_BINARY]:
        raise WrongSource(f"{where}: a binary file, not a list")
    return content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")


def _shown(name: str) -> str:
    """What messages call the list."""
    return "standard input" if name == "-" else name

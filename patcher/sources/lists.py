"""Lists of repositories: files, and standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from patcher import git
from patcher.sources import paths, rows, urls
from patcher.sources.forges import FORGES
from patcher.sources.found import Found, failed

MOST_BYTES = 32 << 20
"""Of a list: 200,000 URLs and more."""


def label(name: str) -> str:
    return f"of {git.printable(git.without_secrets(shown(name)))}"


def shown(name: str) -> str:
    """What messages call the list."""
    return "standard input" if name == "-" else name


def find(name: str) -> Iterator[Found | git.Failure]:
    """The repositories of a list. What is wrong with a row is a failure that names its line, and
    the others are found. ``-`` is standard input. Relative paths start in the current folder."""
    where = shown(name)
    try:
        content = _content(name)
    except OSError as error:
        yield failed(where, f"cannot be read: {error.strerror or error}")
        return
    except ValueError as error:
        yield failed(where, str(error))
        return
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        yield failed(f"{where}:1", "UTF-16, not UTF-8")
        return
    text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    del content
    for row in _merged(rows.read(text, "" if name == "-" else name)):
        at = where + row.at
        if isinstance(row, rows.Fault):
            yield failed(at, row.text)
        else:
            for item in _found(row):
                if not isinstance(item, git.Failure):
                    yield replace(item, bases=row.bases)
                elif item.named is None:
                    yield failed(f"{at}: {item.place}", item.error)
                else:
                    yield failed(at, item.error)


def _merged(found: rows.Rows) -> rows.Rows:
    """Rows that name the same place are one, with the bases of all of them."""
    merged: dict[object, rows.ListRow | rows.Fault] = {}
    for row in found:
        key: object = row.place.rstrip("/") if isinstance(row, rows.ListRow) else (row.at, row.text)
        before = merged.setdefault(key, row)
        if before is not row and isinstance(row, rows.ListRow) and isinstance(before, rows.ListRow):
            merged[key] = replace(before, bases=tuple(dict.fromkeys((*before.bases, *row.bases))))
    yield from merged.values()


def _found(row: rows.ListRow) -> Iterator[Found | git.Failure]:
    place = row.place
    if any(module.claims(place) for module in FORGES):
        shown = git.without_secrets(place)[:200]
        yield failed(
            shown, f"a list holds repositories: name {shown!r} on the command line instead"
        )
    elif urls.claims(place):
        yield from urls.find([place])
    else:
        home = place == "~" or place.startswith("~/")
        yield from paths.find([os.path.expanduser(place) if home else place])  # noqa: PTH111


def _content(name: str) -> bytes:
    if name == "-":
        content = sys.stdin.buffer.read(MOST_BYTES + 1)
    else:
        with Path(name).open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"larger than {MOST_BYTES >> 20} MiB: not a list")
    return content

"""The formats of lists: each turns text into rows, and says what is wrong with one that is none."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from patcher import git
from patcher.sources import documents
from patcher.sources.documents import Broken
from patcher.values import dataclass

PLACES = ("clone_url", "http_url_to_repo", "url", "repository", "path")
"""The keys and columns that name the repository: the first that is there counts. The first two are
what forges call it; beside them ``url`` is a page."""

BASES = ("base", "bases", "branch")

_KEYS = frozenset((*PLACES, *BASES, "<<"))

MOST_ROWS = 200_000
"""Of a list, those that are none counted: 300 bytes each."""

_SOMETHING = re.compile(r"\S")

_MOST_BASES = 100
_MOST_LINE = 1 << 20
"""Characters of a line."""
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class ListRow:
    """One repository of a list, and where it stands there: ``:LINE`` or ``, entry NUMBER``, both
    from 1."""

    at: str
    place: str
    bases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a row, or with what is left of the list."""

    at: str
    text: str
    ends: bool = False
    """Whether the list is not read from here on."""


Rows = Iterator[ListRow | Fault]


def read(text: str, name: str) -> Rows:
    """The rows of a list. The format is that of the name's extension, else what it looks like."""
    try:
        for number, row in enumerate(_format(text, name.rpartition("/")[2])(text)):
            if number == MOST_ROWS:
                yield Fault(row.at, f"more than {MOST_ROWS} rows: not read from here on", ends=True)
                return
            yield row
    except Broken as broken:
        yield Fault(broken.at, str(broken), ends=True)


def _lines(text: str) -> Iterator[str]:
    """The lines, one by one: together they may take 25 times as much as the text. splitlines()
    would also break at characters that are part of a name."""
    at = number = 0
    while at >= 0:
        number += 1
        end = text.find("\n", at)
        if (len(text) if end < 0 else end) - at > _MOST_LINE:
            raise Broken(number, f"a line of more than {_MOST_LINE} characters")
        yield text[at:] if end < 0 else text[at:end]
        at = end + 1 if end >= 0 else -1


def _format(text: str, name: str) -> Callable[[str], Rows]:
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    if extension in _FORMATS:
        return _FORMATS[extension]
    start = _SOMETHING.search(text)
    if start is not None and start[0] in "{[":
        return of_json
    told = (line for line in _lines(text) if line.strip() and not line.startswith("#"))
    first = next(told, "").strip()
    if first.startswith(("- ", "---", "repositories:")) or first == "-":
        return of_yaml
    if _header(first) is not None:
        return of_csv
    return of_lines


def of_lines(text: str) -> Rows:
    """One repository a line, then the bases, with blanks between; a name with blanks is followed by
    a tab. ``#`` begins a comment at the start of a line and after a blank."""
    for number, line in enumerate(_lines(text), 1):
        line = line.rstrip("\r")
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        place, tab, rest = line.partition("\t")
        if not tab:
            place, _blank, rest = line.strip().partition(" ")
        yield _row(f":{number}", place.strip(), re.split(r"(?:^|\s)#", rest, maxsplit=1)[0].split())


def of_csv(text: str) -> Rows:
    """Columns with a header; the separator is a comma, a semicolon or a tab, whichever the header
    has."""
    import csv

    lines = _lines(text)
    skipped, header = next((pair for pair in enumerate(lines) if pair[1].strip()), (0, ""))
    columns, separator = _header(header, any_columns=True) or ([], ",")
    twice = sorted(name for name, number in Counter(columns).items() if name and number > 1)
    at = next((columns.index(name) for name in PLACES if name in columns), None)
    if twice or at is None:
        named = git.without_secret(", ".join(columns))[:_SHOWN]  # perhaps a row, without a header
        there = f"the columns are {named}" if columns else "it is empty"
        wrong = (
            f"column {git.without_secret(twice[0])[:_SHOWN]!r} twice"
            if twice
            else f"no column {_either()}: {there}"
        )
        yield Fault(f":{skipped + 1}", wrong)
        return
    base_at = [columns.index(name) for name in BASES if name in columns]
    body = (line + "\n" for line in lines)
    reader = csv.reader(body, delimiter=separator, strict=True)
    line = skipped + 2
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Fault(f":{line}", f"not CSV: {error}")
        else:
            if any(cell.strip() for cell in cells):
                place = cells[at].strip() if at < len(cells) else ""
                bases = [word for i in base_at if i < len(cells) for word in cells[i].split()]
                yield _row(f":{line}", place, bases)
        line = skipped + 2 + reader.line_num


def _header(line: str, *, any_columns: bool = False) -> tuple[list[str], str] | None:
    """The columns of a header, and what separates them; None where it looks like none."""
    separator = next((char for char in "\t;," if char in line), ",")
    columns = [cell.strip().strip('"').lower() for cell in line.split(separator)]
    if any_columns or set(columns) & set(PLACES):
        return columns, separator
    return None


def of_json(text: str) -> Rows:
    """A list of texts or objects, an object with such a list as ``repositories``, or one object a
    line."""
    return (_value(at, value) for at, value in documents.of_json(text, _KEYS))


def of_yaml(text: str) -> Rows:
    """A list of texts or mappings, or a mapping with such a list as ``repositories``."""
    return (_value(at, value) for at, value in documents.of_yaml(text, _KEYS))


_FORMATS: Mapping[str, Callable[[str], Rows]] = {
    "txt": of_lines,
    "list": of_lines,
    "csv": of_csv,
    "tsv": of_csv,
    "json": of_json,
    "jsonl": of_json,
    "ndjson": of_json,
    "yaml": of_yaml,
    "yml": of_yaml,
}


def _value(at: str, value: object) -> ListRow | Fault:
    """The row of a text or a mapping."""
    if isinstance(value, str):
        return _row(at, value, [])
    if not isinstance(value, documents.Pairs):
        return Fault(at, "expected a URL or path, or a mapping with one")
    found = dict(value)
    if len(found) < len(value):
        twice = next(key for key in found if [key for key, _item in value].count(key) > 1)
        return Fault(at, f"key {twice!r} twice")
    if "<<" in found:
        return Fault(at, "merge keys (<<) are not read: write it out")
    named = next((name for name in PLACES if found.get(name) is not None), None)
    if named is None:
        return Fault(at, f"no key {_either()}")
    place = found[named]
    if not isinstance(place, str):
        return Fault(at, f"{named!r} must be text")
    bases: list[str] = []
    for name in BASES:
        given = found.get(name)
        if given is None:
            continue
        if isinstance(given, str):
            bases.append(given)
        elif isinstance(given, list) and all(isinstance(item, str) for item in given):
            bases += given
        else:
            return Fault(at, f"{name!r} must be text or a list of texts")
    return _row(at, place, bases)


def _row(at: str, place: str, bases: Sequence[str]) -> ListRow | Fault:
    if not place:
        return Fault(at, f"no {_either()}")
    wrong = next((word for word in (place, *bases) if not _is_plain(word)), None)
    if wrong is not None:
        return Fault(
            at, f"control characters, or what is no text, in {git.without_secret(wrong)[:100]!r}"
        )
    if len(bases) > _MOST_BASES:
        return Fault(at, f"more than {_MOST_BASES} bases")
    if "" in bases:
        return Fault(at, "an empty base")
    for base in bases:
        if not git.is_base(base):
            shown = git.without_secret(base)[:100]
            return Fault(at, f"{shown!r} is no branch name, glob, tag or commit id")
    return ListRow(at, place, tuple(bases))


def _is_plain(word: str) -> bool:
    try:
        word.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a pair, which JSON can spell out
        return False
    return not any(char < " " or char == "\x7f" for char in word)


def _either() -> str:
    return "url (or clone_url, repository, path)"

"""The one shape in which every host hands over the policy text that it carries."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, islice
from typing import NamedTuple, overload

from patcher.policy.bounds import MAX_LINES, check_number
from patcher.policy.patterns import regex
from patcher.policy.reader import Break

PLACEHOLDER = b"${}"
"""Stands in the text for what an expression puts there: the policy reader takes it for a template
action."""

_BLANK_LINES = 100
"""Of more blank lines in a row the rest is left out: a million of them would fill the memory."""

_MANY_BREAKS = b"\n" * _BLANK_LINES

CR_MARGIN = b" "
"""What stands between a rule and a carriage return: AppArmor's parsers 4.0 to 6.0 take the return
for a part of the last word of a network rule of several words, and refuse it."""

_ESCAPED_CRLF = regex(rb"\\++r\\++n")
"""With more backslashes in a text within a text."""

_LINE = regex(rb"([^\r\n]*+)(?:\r\n|[\r\n]|\Z)")


def verbatim(text: bytes) -> bytes:
    """Policy text that stands in the file as it is: nothing to escape."""
    return text


class Line(NamedTuple):
    """One line of policy text, and how to write another one below it.

    A new line holding ``TEXT`` is ``before + escape(TEXT) + after``, inserted at ``insert_at``.
    """

    text: bytes
    """The policy as AppArmor would read it (escapes decoded), without its line ending. Leading
    blanks that the new line must repeat are part of it."""
    start: int
    """Offset in the file of the first byte of ``text``."""
    insert_at: int
    """Offset in the file at which a line below this one is inserted."""
    before: bytes
    """Bytes that stand before the text of the new line: a comment or quote prefix, an opening
    quote with its margin; the line ending first where the file's last line has none."""
    after: bytes
    """Bytes that stand after the text of the new line: closing quote, glue, line ending."""
    offsets: Sequence[int] | None = None
    """Where escapes make ``text`` differ from the file: the file offset of each byte of ``text``
    and of its end (so ``len(text) + 1`` of them). None: ``start + column``."""

    stretch: int = 0
    """Lines of one stretch are certainly put together by the program that holds them: each is in
    the text when the others are. What stands between stretches may leave out either."""
    condition: int = 0
    """Not 0: the line alone may be left out where the others of its stretch stand; those of one
    number stand together."""

    def offset(self, column: int) -> int:
        """The file offset of the byte at ``column`` of ``text``; behind it, of its end."""
        column = min(column, len(self.text))
        return self.start + column if self.offsets is None else self.offsets[column]

    def without(self, column: int) -> Line:
        """Return the line without its text before ``column``."""
        return self._replace(
            text=self.text[column:],
            start=self.offset(column),
            offsets=None if self.offsets is None else self.offsets[column:],
        )


class PlainLines(Sequence[Line]):
    """The lines of a stretch of a file in which policy stands as it is, each of which is made when
    it is asked for: few are. None of them ends in a carriage return."""

    def __init__(self, content: bytes, start: int, end: int) -> None:
        self.text = content[start:end].removesuffix(b"\n")
        """Without the last line break."""
        self._content, self._start, self._end = content, start, end
        self.starts = [0, *accumulate(len(line) + 1 for line in self.text.split(b"\n"))]
        """Where each line begins in ``text``, and where one behind the last would."""

    def __len__(self) -> int:
        return len(self.starts) - 1

    @overload
    def __getitem__(self, index: int) -> Line: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Line, ...]: ...
    def __getitem__(self, index: int | slice) -> Line | tuple[Line, ...]:
        if isinstance(index, slice):
            return tuple(map(self._line, range(*index.indices(len(self)))))
        return self._line(range(len(self))[index])

    def _line(self, index: int) -> Line:
        begin, stop = self._start + self.starts[index], self._start + self.starts[index + 1]
        ending = b"\n" if stop <= self._end else b""
        stop = min(stop, self._end)
        text = self._content[begin : stop - len(ending)]
        return Line(text, begin, stop, *again(self._content, begin, b"", b"", ending))


class Embedding(NamedTuple):
    """One stretch of policy text inside a host file."""

    host: str
    """The host's name, as findings show it: ``plain``, ``go``, ``yaml`` ..."""
    lines: Sequence[Line]
    """In the order in which AppArmor would read them."""
    escape: Callable[[bytes], bytes] = verbatim
    """Writes policy text in the host's dressing (quotes and backslashes of a JSON string ...)."""
    documentation: bool = False
    """Prose that quotes a profile: reported, and edited only on request."""
    reason: str = ""
    """Not empty: why nothing in here can be edited safely. Findings become
    ``under_investigation`` with this reason."""
    changes: tuple[Callable[[], str], ...] = ()
    """Each says what may change the text after it is made, or nothing."""
    separate: bool = False
    """Its lines stand in several strings."""
    is_string: bool = False
    """It is all that a string of a program says, with no code around it."""
    listed: bool = False
    """They are elements of a list, which a table of tests is, too."""
    comments: bool = True
    """False where a line break is folded into a blank, so that a comment would swallow the rules
    that follow it."""
    keeps_cr: bool = True
    """Whether a CRLF that ends a line of the file ends it in the policy, too. False where the
    format makes a line feed of it (YAML 1.2, 5.4; strings of Go, Rust, Java, Python and
    JavaScript); nobody copies it from documentation. An escaped one (``\\r\\n``) always does."""

    def ending(self, line: Line) -> bytes:
        """What ends a line in the policy."""
        if line.after == b"\n":
            return b"\n"
        if _ESCAPED_CRLF.match(line.after):
            return b"\r\n"
        if not line.after.startswith(b"\r") or self.documentation or not self.keeps_cr:
            return b"\n"
        return b"\r\n" if line.after.startswith(b"\r\n") else b"\r"

    @property
    def changed(self) -> str:
        """Not empty: what may change the text. All findings become ``under_investigation`` by it"""
        return next(filter(None, (why() for why in self.changes)), "")

    @property
    def text(self) -> bytes:
        """The policy, in the very bytes that the format makes of it."""
        if isinstance(self.lines, PlainLines):
            return self.lines.text
        parts = [part for line in self.lines for part in (line.text, self.ending(line))]
        return b"".join(parts[:-1])

    def starts(self) -> list[int]:
        """Where each line begins in ``text``, and where one behind the last would."""
        if isinstance(self.lines, PlainLines):
            return self.lines.starts
        sizes = (len(line.text) + len(self.ending(line)) for line in self.lines)
        return list(accumulate(sizes, initial=0))

    def below(self, line: Line, text: bytes) -> bytes:
        """What a new line of policy below ``line`` is in the file."""
        if self.ending(line) == b"\r\n" and not text.lstrip().startswith(b"#"):
            text += CR_MARGIN
        return line.before + self.escape(text) + line.after

    def behind(self, line: Line, column: int, text: bytes) -> bytes:
        """What a rule is in the file that is added at a column of ``line``, behind another one.

        A blank stands on each side of it: for AppArmor's parser ``alg,file`` is one word.
        """
        follows = line.text[column : column + 1] or self.ending(line)
        return self.escape(b" " + text + (b"" if follows in (b" ", b"\t", b"\n") else b" "))

    def breaks(self, starts: Iterable[int]) -> list[Break]:
        """Where in ``text`` another stretch begins, or lines of another condition. ``starts``: of
        the lines."""
        found: list[Break] = []
        if isinstance(self.lines, PlainLines):
            return found
        stretch = condition = 0
        for start, line in zip(starts, self.lines, strict=False):
            if (line.stretch, line.condition) != (stretch, condition):
                found.append((start, line.stretch != stretch, line.condition))
                stretch, condition = line.stretch, line.condition
        return found


def unknown_line(offset: int, stretch: int) -> Line:
    """A line for text that the program may add at an offset, and that is not known."""
    offsets = (offset,) * (len(PLACEHOLDER) + 1)
    return Line(PLACEHOLDER, offset, offset, b"", b"", offsets, stretch)


def place_in(starts: Sequence[int], position: int) -> tuple[int, int]:
    """Return the line that holds a position of a text, and the column in it. ``starts``: as
    `Embedding.starts` gives them."""
    index = min(bisect_right(starts, position) - 1, len(starts) - 2)
    return index, position - starts[index]


def taken(lines: Iterable[Line]) -> tuple[Line, ...]:
    """The lines of one embedding. Raises TooMuch where there are more than a file may have."""
    found = tuple(islice(lines, MAX_LINES + 1))
    check_number(len(found), MAX_LINES, "lines of policy text")
    return found


def physical_lines(content: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The lines of ``content[start:end]``: (begin, end without line ending, end with it).

    ``\\n``, ``\\r\\n`` and a lone ``\\r`` end a line; a last line may have no ending.
    """
    for line in _LINE.finditer(content, start, end):
        if line.start() < end:
            yield line.start(), line.end(1), line.end()


def line_ending(content: bytes, near: int) -> bytes:
    """The line ending in use around offset ``near``: of the line before, else the next, else LF."""
    for newline in (content.rfind(b"\n", 0, near), content.find(b"\n", near)):
        if newline >= 0:
            return b"\r\n" if content[newline - 1 : newline] == b"\r" and newline else b"\n"
    return b"\n"


def again(
    content: bytes, line: int, before: bytes, after: bytes, ending: bytes
) -> tuple[bytes, bytes]:
    """What stands before and after the text of a new line that repeats the physical line which
    begins at ``line``; the line ending comes first where the file's last line has none."""
    return (before, after + ending) if ending else (line_ending(content, line) + before, after)


def region(content: bytes, start: int, end: int) -> Sequence[Line]:
    """The lines of a stretch of the file in which policy stands unescaped (raw string, heredoc,
    block scalar, the whole file): an inserted line repeats nothing but the line ending."""
    end = min(end, len(content))
    unusual = content.find(b"\r", start, end) >= 0 or content.find(_MANY_BREAKS, start, end) >= 0
    if start < end and not unusual:
        return PlainLines(content, start, end)
    return tuple(prefixed(content, physical_lines(content, start, end)))


def prefixed(
    content: bytes,
    spans: Iterable[tuple[int, int, int]],
    *,
    prefix: Callable[[bytes], int] = lambda line: 0,
) -> Iterator[Line]:
    """Lines from ``physical_lines`` whose dressing is a prefix; ``prefix`` says how many bytes of a
    line it takes (``> ``, ` * `, ``# ``)."""
    blank = 0
    for begin, text_end, stop in spans:
        blank = blank + 1 if begin == text_end else 0
        if blank > _BLANK_LINES:
            continue
        width = prefix(content[begin:text_end])
        text = begin + width
        before, after = again(content, begin, content[begin:text], b"", content[text_end:stop])
        yield Line(content[text:text_end], text, stop, before, after)

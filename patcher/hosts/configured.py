"""What tools of configuration management do to a file after they wrote it: Ansible, Salt, Puppet,
Chef."""

from __future__ import annotations

import re
from functools import cached_property
from itertools import islice

from patcher.hosts import shell
from patcher.policy.patterns import regex

_NAMED = regex(
    rb"\b(?:dest|path|name|file|target)[\"']?[ \t]*(?:=>|[:=])[ \t]*[\"']?([^\s\"',{}]+)"
    rb"|\bfile[ \t]*\{?[ \t]*[\"']([^\"'\n]+)[\"']"
    rb"|^[\"']?([^\s\"':]+)[\"']?:[ \t]*\r?\n[ \t]+file\.managed:",
    re.MULTILINE,
)
"""The name of a file that is written, near its content."""
_EDITS = regex(
    rb"\b(?P<name>lineinfile|blockinfile|replace(?=[\"']?:[ \t]*(?:\{|\r?$))"
    rb"|^(?:patches\w*|replacements|transformers)(?=:)|file\.(?:line|replace|blockreplace|comment|uncomment|keyvalue|patch)|file_line|FileEdit|augeas|xml)\b",
    re.MULTILINE,
)
"""A module that takes lines out of a file, or replaces some."""
_RUNS = regex(rb"\b(?:sed|perl|truncate|ed|ex|patch|awk)[ \t]")
_HERE_DOCUMENT = regex(rb"^[^\n]*<<[^\n]*$", re.MULTILINE)
_IN_PLACE = regex(
    rb"^[^\n#]{0,200}?\b(?:(?:g?sed|perl)\b[^\n]{0,200}?\s-(?:i|-in-place|[npEr]+i)"
    rb"|(?:truncate|ed|ex)[ \t])"
    rb"[^\n]{0,400}",
    re.MULTILINE,
)
_NEXT = regex(rb"\n[ \t]*-[ \t]|\n(?=[^\s})\]])")
"""Where the instructions for something else begin."""
_BEFORE, _BEHIND, _MODULE = 600, 400, 500
_MOST, _MOST_FILES = 400, 64
_TOO_MANY = "too many edits of files to see whether one of them changes the text"


class Configured:
    """What the instructions in a file do to the files that they write."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._left = _MOST_FILES

    @cached_property
    def _edits(self) -> list[tuple[str, bytes]]:
        """The modules that edit a file; with each, what stands around it."""
        content = self._content
        return [
            (edit["name"].decode(), content[max(edit.start() - 80, 0) : edit.end() + _MODULE])
            for edit in islice(_EDITS.finditer(content), _MOST)
        ]

    @cached_property
    def _runs(self) -> bool:
        return _RUNS.search(self._content) is not None

    def why_edited(self, start: int, end: int) -> str:
        """Say which module or command edits the file of which the content is the text between
        these offsets; empty if none does."""
        if not (self._edits or self._runs):
            return ""
        self._left -= 1
        if self._left < 0 or len(self._edits) == _MOST:
            return _TOO_MANY
        content = self._content
        behind = _NEXT.split(content[end : end + _BEHIND], 1)[0]
        near = content[max(start - _BEFORE, 0) : start] + behind
        names = {name for found in _NAMED.findall(near) for name in found if name}
        written = [*_HERE_DOCUMENT.finditer(content, max(start - _BEFORE, 0), start)]
        if written and (why := self._why_in_place(shell.targets(written[-1][0]))):
            return why
        for edit, around in self._edits if names else ():
            if any(name in around for name in names):
                return f"{edit} may change the rules afterwards"
        return shell.why_edited(content, names, end)

    def _why_in_place(self, names: set[bytes]) -> str:
        """Say which command edits a file in its place that has the name of one of these in some
        directory, or may have it; empty if none does."""
        files = {name.rpartition(b"/")[2] for name in names}
        if files and len(self._in_place) == _MOST:
            return _TOO_MANY
        for command in self._in_place if files else ():
            for word in command.split():
                path = word.strip(b"\"'")
                last = path.rpartition(b"/")[2]
                if path in names:
                    continue  # `shell.why_edited` knows what is done to it
                pattern = b"*" in last and not last.startswith(b"s/")
                if last in files or last == b"{}" or (pattern and _fits(last, files)):
                    return f"`{command.strip().decode('utf-8', 'replace')}` may edit the file"
        return ""

    @cached_property
    def _in_place(self) -> list[bytes]:
        """The commands that edit files in their places."""
        return [found[0] for found in islice(_IN_PLACE.finditer(self._content), _MOST)]


def _fits(pattern: bytes, files: set[bytes]) -> bool:
    from fnmatch import fnmatchcase

    return any(fnmatchcase(name, pattern) for name in files)

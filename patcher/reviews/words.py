"""Text of a repository's as Markdown that mentions nobody, links to nothing and closes nothing.

A backslash does not help: forges look for ``@team``, ``#1`` and addresses in the page that the
Markdown became. They leave out what is code, so what is more than plain words becomes a code span.
Closing keywords are looked for in the text as it was written by some, also in code, so what they
are made of is escaped.
"""

from __future__ import annotations

import re

from patcher.text import printable

MOST = 200
"""Characters of a repository's text that are shown."""


class Markdown(str):
    """Markdown that is shown as it is."""

    __slots__ = ()


# Each alternative is one character, so that matching takes one step for each.
_PLAIN = re.compile(
    r"(?:[A-Za-z0-9 ,;()']|(?<=[0-9])\.(?=[0-9])|(?<=[A-Za-z0-9)])[.:](?= |\Z)"
    r"|(?<=[A-Za-z0-9])_(?=[A-Za-z0-9])|(?<=[a-z])-(?=[a-z]))+\Z"
)
_COMMIT = re.compile(r"\b[0-9a-f]{7,}\b", re.IGNORECASE)
# https://docs.gitlab.com/user/project/issues/managing_issues/#default-closing-pattern has the most
# of such words.
_KEYWORD = re.compile(r"\b(clos|fix|resolv|implement)(\w{0,9}:?)\s", re.IGNORECASE)
_NUMBER = re.compile(r"([#!])(?=[0-9])")
_TICKS = re.compile(r"`+")


def code(text: str | bytes) -> Markdown:
    """A code span of one line, which is the text with escapes, cut at `MOST` characters."""
    shown = plain(text)
    ticks = "`" * (1 + max((len(run) for run in _TICKS.findall(shown)), default=0))
    edge = " " if shown[:1] in "` " or shown[-1:] in "` " else ""
    return Markdown(f"{ticks}{edge}{shown}{edge}{ticks}")


def prose(text: str | bytes) -> Markdown:
    """The text as it is where it is plain words, else as `code`."""
    shown = plain(text)
    is_plain = shown[:1].isalnum() and _PLAIN.match(shown) and not _COMMIT.search(shown)
    return Markdown(shown) if is_plain else code(text)


def plain(text: str | bytes, most: int = MOST) -> str:
    """One line for a title: no Markdown, and nothing in it closes an issue."""
    shown = printable(text)
    if len(shown) > most:
        shown = shown[: most - 3] + "..."
    shown = _KEYWORD.sub(lambda match: f"{match[1]}{match[2]}\\x20", shown)
    return _NUMBER.sub(lambda match: f"\\x{ord(match[1]):02x}", shown)

"""Programs: policy in string literals of languages that a table describes, and in comments.

``languages`` holds the tables. A file is read in steps: ``scan`` finds its literals and comments,
``flow`` cuts the code between them into statements, ``groups`` collects the literals that may make
one text, ``reading`` turns each group into lines of policy, and ``dressing`` says how a line is
added below another one.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import PurePosixPath

from patcher.hosts.code.comments import comment_embeddings
from patcher.hosts.code.groups import groups
from patcher.hosts.code.languages import language_of
from patcher.hosts.code.margins import line_strings, without_margin
from patcher.hosts.code.reading import read
from patcher.hosts.code.source import Source
from patcher.hosts.embedding import Embedding
from patcher.hosts.strings import matters


def claims(path: PurePosixPath, content: bytes) -> bool:
    """Tell a program by its name, behind template suffixes, too, or by the interpreter that its
    first line names."""
    return language_of(path, content) is not None


def embeddings(path: PurePosixPath, content: bytes) -> Iterator[Embedding]:
    """Return each text that string literals make, and comments that quote a profile."""
    language = language_of(path, content)
    if language is None or not matters(content, 0, len(content)):
        return
    source = Source(content, language)
    texts = (read(source, group) for group in groups(source))
    for found in chain(texts, comment_embeddings(content, source.comments)):
        yield without_margin(content, found) if language.margins else found
    if language.line_strings is not None:
        yield from line_strings(content, language.line_strings, language.host)

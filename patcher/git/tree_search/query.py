"""What a search looks for."""

from __future__ import annotations

from collections.abc import Callable

from patcher.values import dataclass


def _has_nul(content: bytes) -> bool:
    return b"\0" in content


@dataclass(frozen=True, slots=True)
class Query:
    """What makes a file matter.

    ``patterns`` are regular expressions that mean the same to PCRE and to Python, and match within
    a line; several are faster than one that joins them. Without patterns `git grep` is not used.
    ``matches`` says the same of a whole content. Files for which ``wanted(path)`` is false are
    skipped, as are those for which ``is_binary(content)``, except UTF-16. Files over ``max_bytes``
    are searched, but come without their content. Files that have one of the names ``always`` come,
    too, if they are text.
    """

    patterns: tuple[bytes, ...]
    matches: Callable[[bytes], bool]
    max_bytes: int
    wanted: Callable[[bytes], bool] | None = None
    is_binary: Callable[[bytes], bool] = _has_nul
    always: frozenset[bytes] = frozenset()

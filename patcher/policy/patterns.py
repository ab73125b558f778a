"""Regular expressions: the same in every Python that patcher supports, and compiled when used."""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast


def repeated(body: bytes, quantifier: bytes = b"*") -> bytes:
    """Return a pattern that matches ``body`` as often as possible and never gives any of it back.

    Use it wherever a possessive quantifier follows a group; ``body`` has no capturing group. Before
    3.11.5, CPython continues from where the last, failed attempt at such a group stopped
    (https://github.com/python/cpython/issues/106052). Here the last alternative always fails, and
    trying it puts the position back.
    """
    return b"(?:%b|(?!))%b+" % (body, quantifier)


def regex(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Like ``re.compile``, but the pattern is compiled when it is first used.

    There are some 400 in the package, and most runs use a third of them.
    """
    return cast("re.Pattern[AnyStr]", _Uncompiled(pattern, flags))


_ATTRIBUTES = ("findall", "finditer", "fullmatch", "match", "search", "split", "sub", "subn")


class _Uncompiled:
    def __init__(self, pattern: str | bytes, flags: int) -> None:
        self.pattern = pattern
        self.flags = flags

    def __getattr__(self, name: str) -> Any:
        compiled = re.compile(self.pattern, self.flags)
        vars(self).update((each, getattr(compiled, each)) for each in _ATTRIBUTES)
        return getattr(compiled, name)

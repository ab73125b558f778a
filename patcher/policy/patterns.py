"""Regular expressions that match the same text in every Python that patcher supports."""

from __future__ import annotations


def repeated(body: bytes, quantifier: bytes = b"*") -> bytes:
    """Return a pattern that matches ``body`` as often as possible and never gives any of it back.

    Use it wherever a possessive quantifier follows a group; ``body`` has no capturing group. Before
    3.11.5, CPython continues from where the last, failed attempt at such a group stopped
    (https://github.com/python/cpython/issues/106052). Here the last alternative always fails, and
    trying it puts the position back.
    """
    return b"(?:%b|(?!))%b+" % (body, quantifier)

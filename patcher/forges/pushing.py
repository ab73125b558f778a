"""What the ways to ask for a review by a push have in common."""

from __future__ import annotations

import re
from collections.abc import Sequence

from patcher import git

MOST_BYTES = 45_000
"""Of a text in a push option, which git sends in one packet of 65,516, in base64 as well."""


def one_line(text: str) -> str:
    """A text on one line: git takes no other in an option."""
    return cut(" ".join(text.split()).replace("\0", ""))


def cut(text: str) -> str:
    """As much of a text as an option holds."""
    return text.encode()[:MOST_BYTES].decode(errors="ignore")


def url_in(said: str, path: str, rest: str) -> str | None:
    """The last URL of ``path`` in what a server says that goes on with the pattern ``rest``."""
    found = re.findall(rf"https?://[^\s<>\"']*/{re.escape(path)}{rest}(?![^\s.,)])", said)
    return git.printable(found[-1]) if found else None


def missed(**wishes: Sequence[str] | str | None) -> tuple[str, ...]:
    """A line for each wish that no push can ask for."""
    names = [
        f"{kind.replace('_', '-')} {name}"
        for kind, wish in wishes.items()
        for name in ([wish] if isinstance(wish, str) else wish or ())
    ]
    return tuple(f"{name}: a push cannot ask for it, a token can" for name in names)

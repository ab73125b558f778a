"""What a word of the command line, or of a list, names: a path, a clone URL, or a forge's."""

from __future__ import annotations

import os
import re
import stat
from enum import Enum

from patcher import git
from patcher.sources.found import WrongSource


class SourceKind(Enum):
    """What a word may be."""

    PATH = "paths"
    URL = "URLs"
    FORGE = "forge"


_UNDERSTOOD = (
    "a source is a path, a clone URL (https, ssh, git, file, user@host:path), github:ORG, "
    "github:ORG/REPO, github:user/NAME, github:search/QUERY, gitlab:GROUP or gitea:HOST/ORG"
)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_OWNER_AND_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9_.-]+")


def kind_of(word: str) -> SourceKind:
    """What a word looks like. A forge's is never a path; ``./github:x`` is one."""
    if ":" not in word:
        return SourceKind.PATH
    from patcher.forges import SCHEMES

    if word.partition(":")[0] in SCHEMES:
        return SourceKind.FORGE
    return SourceKind.URL if git.is_address(word) else SourceKind.PATH


def understood(word: str, suggest: str = "github:") -> str:
    """The word, or what the user's ``url.*.insteadOf`` makes of it. Raises WrongSource where it can
    name nothing, whatever there is on this machine or elsewhere. ``suggest``: what to put before
    ``owner/name``."""
    kind = kind_of(word)
    try:
        if kind is SourceKind.URL:
            git.Address.parse(word)
        elif kind is SourceKind.FORGE:
            from patcher.forges import parse

            parse(word)
    except git.GitError as error:
        shown = f"{git.without_secrets(word)[:500]}: " if kind is SourceKind.FORGE else ""
        raise WrongSource(f"{shown}{error}") from None
    if kind is not SourceKind.PATH:
        return word
    try:
        is_file = stat.S_ISREG(os.stat(word).st_mode)  # noqa: PTH116 - on the path of every scan
    except (OSError, ValueError):
        if os.path.lexists(word):
            return word
    else:
        if not is_file:
            return word
        raise WrongSource(
            f"{_shown(word)}: is a file: name a repository or a folder; --from reads a list, and "
            "`patcher check` a policy"
        )
    longer = _instead(word) if ":" in word else None
    if longer is not None:
        return understood(longer)
    if word.startswith(("/", "./", "../", "~")):
        return word  # meant as a path: a repository that is not there
    raise WrongSource(f"{_shown(word)}: {_missing(word, suggest)}")


def _instead(word: str) -> str | None:
    """The URL that a word stands for by the user's configuration (git-config(1),
    ``url.<base>.insteadOf``)."""
    found = [
        (len(value), key.removeprefix("url.")[: -len(".insteadof")])
        for key, value in git.user_settings()
        if key.startswith("url.") and key.endswith(".insteadof") and word.startswith(value or " ")
    ]
    longest, base = max(found, default=(0, ""))
    return base + word[longest:] if git.is_address(base + word[longest:]) else None


def _missing(word: str, suggest: str) -> str:
    if not word:
        return f"an empty name: {_UNDERSTOOD}"
    if _SCHEME.match(word):
        return f"neither a path that exists nor anything else: {_UNDERSTOOD}"
    if _OWNER_AND_NAME.fullmatch(word):
        return f"no such file or directory: did you mean {suggest}{word}?"
    return f"no such file or directory: {_UNDERSTOOD}"


def _shown(word: str) -> str:
    return (git.without_secret(word) if ":" in word else word)[:500] or "''"

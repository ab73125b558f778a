"""Plain AppArmor policy: the file is the profile, with or without a template's actions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from patcher.hosts.embedding import Embedding, region
from patcher.hosts.names import INDENTED
from patcher.hosts.strings import matters, text_start
from patcher.policy.patterns import regex, repeated

HOST = "plain"

_SUFFIXES = frozenset((".apparmor", ".aa", ".profile", ".golden", ".sd", ".apparmor_profile"))
_FOLDERS = frozenset(("apparmor.d", "apparmor-profiles", "abstractions", "tunables"))
_POLICY = regex(
    repeated(rb"[ \t]*+(?:\#(?!include|!)[^\r\n]*+|\{[{%][^\r\n]*+)?\r?\n")
    + rb"[ \t]*+(?:profile[ \t]++[^\s{][^\r\n{]*+\{"
    rb"|\#?include[ \t]++(?:if[ \t]++exists[ \t]++)?[<\"](?:tunables|abstractions|local|abi)/"
    rb"|abi[ \t]++<abi/|@\{\w++\}[ \t]*+\+?=|/[^\s{]*+[ \t]++(?:flags=[^\r\n{]*+)?\{)"
)
"""The first line of policy, behind comments and template actions."""
_LOOKED_AT = 1 << 14


def claims(path: PurePosixPath, content: bytes) -> bool:
    """Tell policy by its directory, its suffix or its first lines."""
    if path.suffix.lower() in INDENTED:
        return False
    return path.suffix.lower() in _SUFFIXES or is_among_policy(path) or begins_as_policy(content)


def is_among_policy(path: PurePosixPath) -> bool:
    """Whether the file is in a directory of policy."""
    return not _FOLDERS.isdisjoint(path.parts[:-1])


def begins_as_policy(content: bytes) -> bool:
    """Whether the first lines are policy."""
    return _POLICY.match(content, text_start(content), _LOOKED_AT) is not None


def embeddings(path: PurePosixPath, content: bytes) -> Iterator[Embedding]:
    """The whole file."""
    start = text_start(content)
    if matters(content, start, len(content)):
        yield Embedding(HOST, region(content, start, len(content)))

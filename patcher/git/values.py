"""The values that the git layer takes and gives."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from patcher.values import dataclass

if TYPE_CHECKING:
    from patcher.git.address import Address


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository on this machine.

    ``path`` is what a person calls it: the root of the work tree, or the folder of a bare
    repository. ``git_dir`` is where its HEAD is; a linked work tree has its own. All are absolute.
    ``address`` is what it mirrors, None for a repository of the user's own.
    """

    path: Path
    git_dir: Path
    work_tree: Path | None
    address: Address | None = None

    @property
    def place(self) -> str:
        """What a person calls it: the address of a mirror, else the path."""
        return str(self.path) if self.address is None else self.address.url

    @property
    def name(self) -> str:
        """Its own name: the last part of its address or path, without ``.git``."""
        if self.address is not None:
            return self.address.name
        return self.path.name.removesuffix(".git") or self.path.name

    @property
    def common_dir(self) -> Path:
        """The folder of objects and refs, which linked work trees share."""
        git_dir = self.git_dir
        if "/worktrees/" not in os.fspath(git_dir) or git_dir.parent.name != "worktrees":
            return git_dir
        return git_dir.parent.parent if (git_dir / "commondir").is_file() else git_dir


@dataclass(frozen=True, slots=True)
class Alternates:
    """Folders of objects that a repository names besides its own, absolute, with links resolved."""

    read: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    """Those that are not there."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A path that is no usable repository; ``error`` says why, on one printable line.

    ``named`` is what a person called it where that is no path: a URL, an organisation, a line of a
    list.
    """

    path: Path
    error: str
    named: str | None = None

    @property
    def place(self) -> str:
        """What a person calls it."""
        return str(self.path) if self.named is None else self.named


@dataclass(frozen=True, slots=True)
class Base:
    """A commit to start from.

    ``ref`` is the full name of the ref, "HEAD" when detached, or the object id of a commit that was
    named by its id. ``name`` is the short name without the remote: ``main``, ``release/1.7``.
    ``commit`` is the full object id (SHA-1 or SHA-256). ``default`` says that it is the
    repository's default base.
    """

    ref: str
    name: str
    commit: str
    default: bool
    note: str | None = None
    """One line that is worth knowing of it."""


@dataclass(frozen=True, slots=True)
class Blob:
    """A regular file of a commit.

    ``mode`` is "100644" or "100755", ``size`` is in bytes where known. ``content`` is None exactly
    when ``problem`` says why it could not be read.
    """

    path: bytes
    mode: str
    oid: str
    size: int | None
    content: bytes | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class FileChange:
    """The whole new content of a regular file that exists; its mode stays."""

    path: bytes
    content: bytes


@dataclass(frozen=True, slots=True)
class Identity:
    """An author or committer. ``date`` is git's raw date (``1700000000 +0100``), None for now."""

    name: str
    email: str
    date: str | None


@dataclass(frozen=True, slots=True)
class Signing:
    """How the user signs commits, from the user's own configuration.

    ``format`` is ``openpgp``, ``ssh`` or ``x509``; ``key`` None means the committer's default key;
    ``program`` None means git's default program for the format. ``key_command`` is
    ``gpg.ssh.defaultKeyCommand``.
    """

    format: str
    key: str | None
    program: str | None
    key_command: str | None = None

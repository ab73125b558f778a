"""Who commits and how commits are signed: what the user configured, read on purpose.

All other calls to git see neither the system's nor the user's configuration (see `runner`). Here
they are read, by git itself, so that includes and precedence are git's. Of the repository's own
configuration only names and mail addresses count, as data.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache

from patcher.git.door import library
from patcher.git.environment import inherited, search_path
from patcher.git.errors import GitError, GitFailed, IdentityMissing
from patcher.git.runner import require_version, run
from patcher.git.scratch import scratch
from patcher.git.small import read_small
from patcher.git.values import Identity, Repository, Signing
from patcher.text import printable

_PERSON = ("GIT_AUTHOR_", "GIT_COMMITTER_")
_CONFIG_LIMIT = 1 << 20
_SMALL = 1 << 12


def _user_environment(
    repository: Repository | None, first: tuple[tuple[str, str], ...] = (), last: str = ""
) -> dict[str, str]:
    """The user's environment, without what would lead git to some repository.

    Conditional includes (``includeIf "gitdir:..."``) see the repository at hand, while its
    configuration is out of git's sight: ``GIT_COMMON_DIR``, where git looks for it, is an empty
    repository. ``first`` are configuration pairs below the user's own ``GIT_CONFIG_COUNT`` ones.
    """
    kept = ("GIT_CONFIG", *_PERSON)
    env = {
        name: value
        for name, value in inherited().items()
        if not name.startswith("GIT_") or name.startswith(kept)
    }
    env.pop("GIT_CONFIG", None)  # names a file for `git config` alone
    empty = scratch()
    env["PATH"] = search_path()
    env |= {"GIT_COMMON_DIR": empty, "LC_ALL": "C", "LANGUAGE": "C", "GIT_TERMINAL_PROMPT": "0"}
    env["GIT_DIR"] = empty if repository is None else os.fspath(repository.git_dir)
    try:
        count = int(env.get("GIT_CONFIG_COUNT", "") or 0)
        own = [
            (env[f"GIT_CONFIG_KEY_{number}"], env[f"GIT_CONFIG_VALUE_{number}"])
            for number in range(count)
        ]
    except (ValueError, KeyError) as error:
        raise GitError(f"GIT_CONFIG_COUNT in the environment is wrong: {error}") from None
    pairs = [*first, *own]
    if last:
        pairs.append((last, "true"))
    env["GIT_CONFIG_COUNT"] = str(len(pairs))
    for number, (key, value) in enumerate(pairs):
        env[f"GIT_CONFIG_KEY_{number}"] = key
        env[f"GIT_CONFIG_VALUE_{number}"] = value
    return env


def user_configuration(repository: Repository | None = None) -> list[tuple[str, str]]:
    """The user's configuration (system, global, environment) as keys and values, in git's order.

    With a ``repository``, what the user configured for its folder counts too. Nothing of the
    repository's own configuration is read.
    """
    remotes = () if repository is None else _remotes(repository)
    env = _user_environment(repository, remotes)
    where = env["GIT_DIR"]
    try:
        output = run(["config", "--includes", "-z", "--list"], git_dir=where, env=env)
    except GitFailed as error:
        raise GitError(f"your git configuration cannot be read: {error}") from None
    return _pairs(output)


def _pairs(output: bytes) -> list[tuple[str, str]]:
    pairs = []
    for item in output.decode("utf-8", "surrogateescape").split("\0")[:-1]:
        key, separator, value = item.partition("\n")
        pairs.append((key, value if separator else "true"))
    return pairs


def user_settings() -> list[tuple[str, str]]:
    """The user's configuration wherever they are, read once as long as the environment stays."""
    return _plain_configuration(_snapshot())


def _own_names(repository: Repository) -> tuple[tuple[str, str], ...]:
    """Names and addresses that the repository's own configuration file sets (no includes)."""
    words = (b"user", b"author", b"committer")
    names = own_configuration(repository, r"^(user|author|committer)\.(name|email)$", words)
    for key, value in names:
        if printable(value) != value:
            raise GitError(
                f"{key} in this repository's configuration has characters that do not print, "
                f"{value}: unset it there"
            )
    return tuple(names)


def configuration(repository: Repository) -> bytes:
    """The repository's own configuration file; empty where there is none. Raises `GitError`."""
    place = repository.common_dir / "config"
    text = read_small(place, _CONFIG_LIMIT)
    if text is None and os.path.lexists(place):
        raise GitError(f"config cannot be read, or is over the limit of {_CONFIG_LIMIT >> 20} MiB")
    return text or b""


def own_configuration(
    repository: Repository, keys: str, words: Sequence[bytes] = ()
) -> list[tuple[str, str]]:
    """What the repository's own configuration file sets, without the files that it includes, of the
    keys that match a regular expression. ``words``: each of them has one of these in it."""
    text = configuration(repository)
    if not text or (words and not any(word in text.lower() for word in words)):
        return []
    return matching(text, keys)


def matching(text: bytes, keys: str) -> list[tuple[str, str]]:
    """What a configuration file sets of the keys that match a regular expression. The same small
    file, as many repositories have it, is read once."""
    return (_remembered if len(text) <= _SMALL else _matching)(text, keys)


def _matching(text: bytes, keys: str) -> list[tuple[str, str]]:
    command = ["config", "--file", "-", "--no-includes", "-z", "--get-regexp", keys]
    return _pairs(run(command, stdin=text, allowed=(0, 1)))


_remembered = lru_cache(maxsize=64)(_matching)


def identities(
    repository: Repository | None, author: str | None = None, *, vouched: bool = False
) -> tuple[Identity, Identity]:
    """The author and the committer of new commits.

    They come from where git takes them: ``GIT_AUTHOR_*`` and ``GIT_COMMITTER_*``, the repository's
    names and addresses, the user's configuration, ``EMAIL``. ``author`` (``Name <mail>``) replaces
    the author. Nothing is guessed from the login name or the host: without a configured name and
    address this raises `IdentityMissing`.

    ``vouched``: the user is to sign the commits, or to sign them off, so that it matters who that
    is, and which key gpg takes for the committer. Then the repository has no say: where it names
    others than the user's own configuration and environment, this raises `GitError`.
    """
    names = () if repository is None else _own_names(repository)
    found = _people(repository, names, author)
    if vouched and names:
        for role, theirs, own in zip(_ROLES, found, _people(repository, (), author), strict=True):
            if theirs != own:
                raise GitError(
                    f"the {role} is {_shown(theirs)} in this repository's configuration and "
                    f"{_shown(own)} in yours, and only yours counts with --sign and --signoff: say "
                    f"which with GIT_{role.upper()}_NAME and GIT_{role.upper()}_EMAIL"
                )
    return found


_ROLES = ("author", "committer")


def _shown(identity: Identity) -> str:
    return f"{identity.name} <{identity.email}>"


def _people(
    repository: Repository | None, names: tuple[tuple[str, str], ...], author: str | None
) -> tuple[Identity, Identity]:
    conditional = any(key.startswith("includeif.") for key, _ in user_settings())
    place = repository if conditional else None
    names = (*names, *_remotes(place))
    if author is not None:
        date = _date_of("AUTHOR", place, names) if inherited().get("GIT_AUTHOR_DATE") else None
        name, email = parse_author(author)
        given = Identity(name, email, date)
        try:
            return given, _identity("COMMITTER", place, names, _snapshot())
        except IdentityMissing:
            return given, Identity(name, email, _date_of("COMMITTER", place, names))
    committer = _identity("COMMITTER", place, names, _snapshot())
    return _identity("AUTHOR", place, names, _snapshot()), committer


def _remotes(repository: Repository | None) -> tuple[tuple[str, str], ...]:
    """The URLs of the repository's remotes, where the user's configuration has a condition on them
    (``includeIf "hasconfig:remote.*.url:..."``, git-config(1)). They choose among what the user
    configured, and add nothing to it."""
    condition = "includeif.hasconfig:remote."
    if repository is None or not any(key.startswith(condition) for key, _ in user_settings()):
        return ()
    found = own_configuration(repository, r"^remote\..*\.url$", (b"remote",))
    if repository.address is not None:
        found.append(("remote.origin.url", repository.address.url))
    return tuple(found)


def user_signs() -> bool:
    """Whether the user's configuration has git sign every commit."""
    value = dict(user_settings()).get("commit.gpgsign", "false").lower()
    return value not in ("", "false", "no", "off", "0")


def _snapshot() -> tuple[tuple[str, str], ...]:
    """What of the environment decides about identities: the key of the caches."""
    names = ("EMAIL", "HOME", "XDG_CONFIG_HOME")
    return tuple(
        item for item in inherited().items() if item[0].startswith("GIT_") or item[0] in names
    )


@lru_cache(maxsize=8)
def _plain_configuration(_: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    return user_configuration()


@lru_cache(maxsize=1024)
def _identity(
    role: str,
    repository: Repository | None,
    names: tuple[tuple[str, str], ...],
    _: tuple[tuple[str, str], ...],
) -> Identity:
    first = names
    mail = os.environ.get("EMAIL")
    if mail:
        # `user.useConfigOnly`, which keeps git from guessing, would pass over EMAIL as well.
        known = [*names, *user_configuration(repository)]
        if not any(key == "user.email" and value for key, value in known):
            first = (("user.email", mail), *names)
    env = _user_environment(repository, first, "user.useConfigOnly")
    try:
        output = run(["var", f"GIT_{role}_IDENT"], git_dir=env["GIT_DIR"], env=env)
    except GitFailed as error:
        if b"date" in error.stderr:
            raise GitError(f"GIT_{role}_DATE is no date that git knows") from None
        raise IdentityMissing(
            f"no {role.lower()} is configured: run git config --global user.name 'Your Name' and "
            f"git config --global user.email you@example.org"
            + (", or use --author" if role == "AUTHOR" else "")
        ) from None
    text = output.decode("utf-8", "surrogateescape").rstrip("\n")
    name, _sign, rest = text.partition(" <")
    email, _sign, date = rest.rpartition("> ")
    given = inherited().get(f"GIT_{role}_DATE")
    return Identity(name, email, date if given else None)


def _date_of(
    role: str, repository: Repository | None, names: tuple[tuple[str, str], ...]
) -> str | None:
    # Any name will do to have git read the date, and the author's may be what is missing.
    known = (*names, ("user.name", "date"), ("user.email", "date"))
    return _identity(role, repository, known, _snapshot()).date


def parse_author(text: str) -> tuple[str, str]:
    """Name and address of ``Name <mail>``, as git takes it for ``--author``."""
    actor = library().actor._from_string(text)
    name, email = (actor.name or "").strip(), (actor.email or "").strip()
    whole = f"{name} <{email}>" == text.strip()
    if not (whole and name and email) or any(char in "<>\n\0" for char in name + email):
        raise GitError(f"{text!r} is no author: write it as 'Name <mail@example.org>'")
    return name, email


def signing(key: str | None, repository: Repository | None = None) -> Signing:
    """How the user signs commits; ``key`` replaces ``user.signingKey``.

    Read from the user's own configuration (with a ``repository``, what the user configured for its
    folder too), never from the repository's: a program stands there.
    """
    require_version()
    found = dict(user_configuration(repository))
    kind = found.get("gpg.format") or "openpgp"
    if kind not in ("openpgp", "ssh", "x509"):
        raise GitError(
            f"gpg.format is {kind!r} in your git configuration: use openpgp, ssh or x509"
        )
    program = found.get(f"gpg.{kind}.program")
    if program is None and kind == "openpgp":
        program = found.get("gpg.program")
    key = key or found.get("user.signingkey") or None
    command = found.get("gpg.ssh.defaultkeycommand") if kind == "ssh" else None
    if kind == "ssh" and key is None and command is None:
        raise GitError("no key to sign with: set user.signingKey, or name it with --sign=KEY")
    return Signing(kind, key, program, command)

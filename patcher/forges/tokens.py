"""Where the token of a server comes from, where the user says so: a variable of the environment, or
the login of ``gh`` or ``glab``.

The token itself is asked for when the server is first used, and stays in memory.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from patcher import git
from patcher.forges.server import ForgeError, Server, base_url
from patcher.values import dataclass

_SECONDS = 30
_LOGINS = {
    "gh": ("auth", "token", "--hostname"),
    "glab": ("config", "get", "token", "--host"),
}
"""https://cli.github.com/manual/gh_auth_token,
https://docs.gitlab.com/cli/config/get/"""
_MORE = re.compile(r"/.*")


@dataclass(frozen=True, slots=True)
class TokenSource:
    """A server of a forge that the user named."""

    scheme: str
    web: str
    """The URL that its clone URLs begin with."""
    env: str | None = None
    """The variable that holds the token."""
    login: str | None = None
    """The program that knows it."""

    def token(self) -> tuple[str | None, str]:
        """The token, if there is one, and where it is taken from. Raises ForgeError."""
        if self.env is not None:
            return os.environ.get(self.env, "").strip() or None, self.env
        if self.login is not None:
            return _asked(self.login, self.host), f"the login of {self.login}"
        return None, ""

    @property
    def host(self) -> str:
        return _MORE.sub("", self.web.partition("://")[2])


def source(host: str, scheme: str, env: str | None, login: str | None) -> TokenSource:
    """What a user wrote of a server: its host, or its URL. Raises WrongName."""
    return TokenSource(scheme, base_url(host, "'host'"), env, login)


_sources: dict[str, TokenSource] = {}
_known: dict[str, tuple[str | None, str]] = {}
_lock = threading.Lock()


def use(sources: Iterable[TokenSource]) -> None:
    """From here on take the tokens of these servers from there, in this process."""
    with _lock:
        _known.clear()
        _sources.clear()
        _sources.update((each.web, each) for each in sources)


def add(sources: Iterable[TokenSource]) -> None:
    """The same for those of them of which nothing else was said."""
    with _lock:
        for each in sources:
            _sources.setdefault(each.web, each)


def used() -> Sequence[TokenSource]:
    """What was said, in its order."""
    return list(_sources.values())


def named() -> Iterator[tuple[str, str]]:
    """The scheme and URL of each server that `use` was given."""
    yield from [(each.scheme, each.web) for each in _sources.values()]


def own(server: Server) -> Server:
    """The server with the token that the user wants for it. Raises ForgeError."""
    found = _sources.get(server.web)
    if found is None or (found.env, found.login) == (None, None):
        return server
    with _lock:
        if server.web not in _known:
            _known[server.web] = found.token()
        token, variables = _known[server.web]
    return replace(server, token=token, variables=variables)


def _asked(program: str, host: str) -> str:
    """The token that a program knows for a host. Raises ForgeError."""
    found = shutil.which(program)
    if found is None:
        raise ForgeError(f"{program}, which should know the token for {host}, is not installed")
    try:
        done = subprocess.run(
            [found, *_LOGINS[program], host],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        why = getattr(error, "strerror", None) or f"no answer in {_SECONDS} s"
        raise ForgeError(f"{program} gives no token for {host}: {why}") from None
    token = done.stdout.decode("utf-8", "replace").strip()
    if done.returncode or not token:
        said = git.printable(done.stderr[:200].decode("utf-8", "replace").strip())
        raise ForgeError(
            f"{program} gives no token for {host}{': ' if said else ''}{said}: run "
            f"`{program} auth login --hostname {host}`"
        )
    return token

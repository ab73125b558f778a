"""One forge's server: its addresses, its token, and which clone URLs are its own."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import field

from patcher import git
from patcher.values import dataclass

_PART = re.compile(r"~?[A-Za-z0-9._-]{1,255}")
"""A part of a path; ``~`` stands before the name of a user of Bitbucket Data Center."""
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[::1\])(?::([0-9]{1,5}))?")
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_AT_HOST = re.compile(r"@(?P<host>[^/@]+)/(?P<rest>.*)", re.DOTALL)
_MOST_URL = 1000
"""Characters of a clone URL."""


class ForgeError(git.GitError):
    """A forge cannot be used; ``str(error)`` is one printable line that says what to do."""

    cause = "forge"

    def __init__(self, message: str) -> None:
        super().__init__(git.without_secrets(message))


class RequestRefused(ForgeError):
    """The forge answered that it will not; ``status`` is HTTP's, ``said`` are its own words."""

    def __init__(self, message: str, status: int, said: str = "") -> None:
        super().__init__(message)
        self.status, self.said = status, said


class WrongName(ForgeError):
    """What the user wrote cannot name anything at this forge."""


@dataclass(frozen=True, slots=True)
class Server:
    """A forge's server, and the token that is for it alone."""

    forge: str
    """What the forge is called."""
    api: str
    """Where the interface is, without a slash at the end."""
    web: str
    """What clone URLs begin with, without a slash at the end."""
    user: str
    """The user name that goes with a token over HTTP: forges look at the token alone, but git needs
    both."""
    token: str | None = field(repr=False)
    variables: str
    """Where the token was taken from; without one, where one would be."""
    login: str | None = None
    """Who signs requests with the token as a password; None: the token alone does."""

    @property
    def host(self) -> str:
        return _host(self.api)

    @property
    def authorization(self) -> str | None:
        """What signs a request."""
        if self.token is None or self.login is None:
            return None if self.token is None else f"Bearer {self.token}"
        pair = b64encode(f"{self.login}:{self.token}".encode()).decode()
        return f"Basic {pair}"

    def secret(self) -> git.Secret | None:
        """What goes with requests and clone URLs. Raises ForgeError where one of the two would
        carry it over a network unencrypted, and for what no header can carry."""
        if self.token is None:
            return None
        if not (self.token.isascii() and self.token.isprintable()):
            raise ForgeError(
                f"{self.variables} holds no token: a line break, or a character that none has"
            )
        for url in (self.api, self.web):
            if not _is_safe(url):
                raise ForgeError(
                    f"a token is not sent over http: use https for {url}, or unset {self.variables}"
                )
        return git.Secret(self.token, self.user)

    def clone_address(self, url: object, *, least: int = 2) -> git.Address:
        """The address of a clone URL that the server gave, with the token. Raises ForgeError.

        It must lie on this server, by the same protocol, and its path must be plain: a token is
        sent there, and the name becomes that of folders and branches. ``least``: how many parts the
        path has at least.
        """
        if not isinstance(url, str) or len(url) > _MOST_URL:
            raise ForgeError("the forge gives no clone URL for it")
        try:
            address = git.Address.parse(url)
        except git.GitError as error:
            raise ForgeError(str(error)) from None
        own = git.Address.parse(f"{self.web}/x/y")
        base = own.path.removesuffix("x/y")
        shown = git.without_secret(url)[:200]
        if (address.protocol, address.host, address.secret) != (own.protocol, own.host, None):
            raise ForgeError(
                f"its clone URL {shown} is not at {self.web}, where the forge is: refused"
            )
        parts = address.path.removeprefix(base).split("/")
        if not address.path.startswith(base) or len(parts) < least:
            raise ForgeError(f"its clone URL {shown} is not below {self.web}/: refused")
        if any(not _PART.fullmatch(part) or part in (".", "..", ".git") for part in parts):
            raise ForgeError(f"its clone URL {shown} is no plain path: refused")
        return address.with_secret(self.secret())


def from_environment(names: Sequence[str]) -> tuple[str | None, str]:
    """The first of these variables that is set, and its name; without one, all the names."""
    for name in names:
        if value := os.environ.get(name, "").strip():
            return value, name
    return None, " or ".join(names)


def at_host(rest: str) -> tuple[str | None, str]:
    """The URL of the server that ``@HOST/...`` names, and what follows it; None and all of it
    without one."""
    match = _AT_HOST.fullmatch(rest)
    if match is None:
        return None, rest
    return f"https://{_checked(match['host'])}", match["rest"]


def base_url(value: str, variable: str) -> str:
    """The URL in a variable of the environment that holds a host or a URL."""
    value = value.strip().rstrip("/")
    if "://" not in value:
        return f"https://{_checked(value)}"
    scheme, _, rest = value.partition("://")
    host = rest.partition("/")[0]
    if scheme.lower() not in ("https", "http") or not _is_host(host):
        raise WrongName(f"{variable} is no host and no http(s) URL")
    return f"{scheme.lower()}://{host.lower()}{rest[len(host) :]}"


def plain(name: str, what: str) -> str:
    """A name or path that goes into a request's URL."""
    parts = name.split("/")
    if any(not _PART.fullmatch(part) or part in (".", "..") for part in parts):
        raise WrongName(f"{name!r} is no {what}")
    return name


def _checked(host: str) -> str:
    if not _is_host(host):
        raise WrongName(f"{host!r} is no host name")
    return host.lower()


def _is_host(text: str) -> bool:
    match = _HOST.fullmatch(text)
    return match is not None and int(match[1] or 443) < 65536


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0]


def _is_safe(url: str) -> bool:
    host = _host(url)
    name = host if host.endswith("]") else host.partition(":")[0]
    return url.startswith("https://") or name in _LOOPBACK or host.startswith("[::1]:")

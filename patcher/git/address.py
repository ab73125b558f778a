"""Clone URLs, as values: what may be one, what it is called, and its password apart from it."""

from __future__ import annotations

import os
import re
from dataclasses import field, replace

from patcher.git.errors import GitError
from patcher.text import printable, without_secret
from patcher.values import dataclass

PROTOCOLS = ("https", "http", "ssh", "git", "file")
"""The protocols that patcher lets git speak."""

MAX_ADDRESS = 2000
"""Characters of an address."""

_ALIASES = {"git+ssh": "ssh", "ssh+git": "ssh"}
_PORTS = {"https": 443, "http": 80, "ssh": 22, "git": 9418}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.-]*::")
_HOST = re.compile(r"(?:[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_.])?|\[[0-9a-f:.]+\])\Z")
_USER = re.compile(r"[A-Za-z0-9_.~+][A-Za-z0-9_.~+-]*\Z")
# git@host:path and host.example:path, with no slash before the colon (gitfaq(7), git-clone(1)).
_SCP = re.compile(r"(?:([^/@:]*)@)?(\[[^/\]]*\]|[^/:@\[\]]*):(.*)\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Secret:
    """A user name and password, or a token, for one host. Neither is ever shown.

    A token goes into ``password``; what stands in ``username`` beside it depends on the forge
    (GitHub and Gitea take any word, GitLab wants ``oauth2``).
    """

    password: str = field(repr=False)
    username: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        # The protocol between git and its credential helpers is lines (git-credential(1)).
        if any(char in self.username + self.password for char in "\0\r\n"):
            raise GitError("a user name, password or token has a line break: write it on one line")

    def words(self) -> tuple[str, ...]:
        """What must not be shown: the password, and the user name, which may be a token as well."""
        return tuple(word for word in (self.password, self.username) if word)


@dataclass(frozen=True, slots=True)
class Address:
    """A clone URL.

    ``url`` is canonical (protocol and host in lower case, no default port, no slash at the end) and
    never has a password or token in it; ``host`` is in lower case, with its port if it is not the
    protocol's own, and empty for ``file``. ``secret`` is what stood in the URL before the ``@``, or
    what a forge's environment variable gave; it is no part of equality. Make one with `parse`.
    """

    url: str
    protocol: str
    host: str
    path: str
    secret: Secret | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        return self.url

    @property
    def name(self) -> str:
        """The last part of the path, without ``.git``: the repository's own name."""
        parts = [part for part in self.path.removesuffix("/.git").split("/") if part]
        last = _decoded(parts[-1]) if parts else self.host
        return printable(last.removesuffix(".git") or last)

    def with_secret(self, secret: Secret | None) -> Address:
        """The same address with another secret; one that stands in it already stays."""
        return self if self.secret is not None or secret is None else replace(self, secret=secret)

    @staticmethod
    def parse(text: str) -> Address:
        """The address that ``text`` is.

        Raises `GitError`, in which no password is shown, for what git would take for an option or a
        command (``ext::``), for protocols that are not among `PROTOCOLS`, for control characters,
        and for what has no host or path.
        """
        if len(text) > MAX_ADDRESS:
            raise GitError(f"an address of more than {MAX_ADDRESS} characters is none")
        scheme = _SCHEME.match(text)
        if _HELPER.match(text) and not scheme:
            raise _wrong(text, "names a program to run (a remote helper), which patcher does not")
        if text.startswith("-"):
            raise _wrong(text, "looks like an option")
        if not text.isprintable() or "\\" in text:
            raise _wrong(text, "has a control character or backslash")
        if scheme is None:
            return _scp_like(text)
        protocol = _ALIASES.get(scheme[1].lower(), scheme[1].lower())
        if protocol not in PROTOCOLS:
            raise _wrong(text, f"is neither of {', '.join(PROTOCOLS)}")
        rest = text[scheme.end() :]
        if protocol == "file":
            return _file(text, rest)
        authority, _slash, path = rest.partition("/")
        user, _at, place = authority.rpartition("@")
        host = _host(text, protocol, place)
        path = "/" + path.rstrip("/")
        _check_path(text, path)
        _check_plain(text, path, " ?#@" if protocol in ("http", "https") else "@")
        if path == "/":
            raise _wrong(text, "names a host, but no repository on it")
        secret = None
        if user and protocol in ("http", "https"):
            name, _colon, password = user.partition(":")
            secret = Secret(_decoded(password), _decoded(name))
        elif user:
            _check_user(text, protocol, user)
        shown = f"{user}@" if user and protocol == "ssh" else ""
        return Address(f"{protocol}://{shown}{host}{path}", protocol, host, path, secret)


def is_address(text: str) -> bool:
    """Whether a word on the command line is an address and no path: it has ``://`` or ``::`` after
    a word, or is ``user@host:path`` or ``host.example:path`` (``github:ORG`` is not)."""
    if _SCHEME.match(text) or _HELPER.match(text):
        return True
    match = _SCP.match(text)
    if match is None or text.startswith((".", "/", "~")):
        return False
    return bool(match[3]) and (match[1] is not None or "." in match[2] or match[2].startswith("["))


def _scp_like(text: str) -> Address:
    """``user@host:path``. A relative path starts at the user's home there, which no ``ssh://`` URL
    says in a way that every server takes, so the address stays as it is written."""
    match = _SCP.match(text)
    if match is None or not match[3].strip("/"):
        raise _wrong(text, "has neither a protocol (https://...) nor a host (git@host:path)")
    if match[1] is not None:
        _check_user(text, "ssh", match[1])
    name = match[2].lower()
    _check_host(text, name)
    path = match[3].rstrip("/")
    _check_path(text, path)
    user = f"{match[1]}@" if match[1] is not None else ""
    if path.startswith("/") or not user:  # of others, git takes the path as it is
        _check_plain(text, path, "@")
    if path.startswith("/"):
        return Address(f"ssh://{user}{name}{path}", "ssh", name, path)
    if path.startswith("-"):
        raise _wrong(text, "has a path that looks like an option")
    return Address(f"{user}{name}:{path}", "ssh", name, path)


def _file(text: str, rest: str) -> Address:
    host, slash, path = rest.partition("/")
    if host.lower() not in ("", "localhost") or not slash or not path.strip("/"):
        raise _wrong(text, "has no absolute path: write it as file:///folder/repository")
    path = os.path.normpath("/" + path.lstrip("/"))
    _check_path(text, path)
    return Address(f"file://{path}", "file", "", path)


def _host(text: str, protocol: str, place: str) -> str:
    host, port = place.lower(), ""
    match = re.fullmatch(r"(.*?)(?::([0-9]*))?", host) if not host.endswith("]") else None
    if match is not None:
        host, port = match[1], match[2] or ""
    _check_host(text, host)
    number = int(port or _PORTS[protocol])
    if not 0 < number < 65536:
        raise _wrong(text, "has no valid port")
    return host if number == _PORTS[protocol] else f"{host}:{number}"


def _check_host(text: str, host: str) -> None:
    if not _HOST.match(host) or (host.startswith("[") and not _is_ipv6(host[1:-1])):
        raise _wrong(text, "has no valid host name")


def _is_ipv6(text: str) -> bool:
    """What else stands in brackets may be a host with a port to git (``[host:22]``)."""
    import socket

    try:
        return bool(socket.inet_pton(socket.AF_INET6, text))
    except OSError:
        return False


def _check_user(text: str, protocol: str, user: str) -> None:
    if protocol != "ssh":
        raise _wrong(text, f"has a user name, which {protocol} does not know")
    if ":" in user:
        raise _wrong(text, "has a password, which ssh does not take: use a key")
    if not _USER.match(user):
        raise _wrong(text, "has no valid user name")


def _check_path(text: str, path: str) -> None:
    if any(part in (".", "..") for part in _decoded(path).split("/")):
        raise _wrong(text, "has . or .. in its path")
    if not _decoded(path).isprintable():
        raise _wrong(text, "has a control character in its path")


def _check_plain(text: str, path: str, encoded: str) -> None:
    """Refuse what has to be percent-encoded. An @ may also be the end of a password with a /."""
    if any(char in path for char in encoded):
        raise _wrong(
            text,
            "has a space, ?, # or @ in its path: write %20, %3F, %23 or %40, and %2F for a / in a "
            "password",
        )


def _decoded(text: str) -> str:
    if "%" not in text:
        return text
    from urllib.parse import unquote

    return unquote(text)


def _wrong(text: str, why: str) -> GitError:
    shown = without_secret(text)[:200]
    return GitError(f"{printable(shown)!r} is no address that patcher uses: it {why}")

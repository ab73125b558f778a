"""The forges: what each lists (`listings`), the tokens for its servers, and its reviews, in the
package of its name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from importlib import import_module
from typing import Protocol, cast

from patcher import git
from patcher.forges import tokens
from patcher.forges.listed import Facts, Listed, UnusableEntry
from patcher.forges.server import ForgeError, Server, WrongName

__all__ = [
    "SCHEMES",
    "Facts",
    "ForgeError",
    "Listed",
    "UnusableEntry",
    "WrongName",
    "parse",
    "repositories",
    "server",
    "server_at",
    "with_token",
]

SCHEMES = {
    "github": ("github:ORG", "github:ORG/REPO", "github:user/NAME", "github:search/QUERY"),
    "gitlab": ("gitlab:GROUP",),
    "gitea": ("gitea:HOST/ORG",),
    "gerrit": ("gerrit:HOST/PREFIX",),
    "bitbucket": ("bitbucket:WORKSPACE", "bitbucket:@HOST/PROJECT"),
}
"""The forges that there are: what stands before the colon, which is the name of the module, and how
the user writes what is there."""


class _Forge(Protocol):
    def parse(self, rest: str) -> tuple[str | None, str]: ...
    def server_at(self, web: str | None, named: Collection[str] = ()) -> Server: ...
    def repositories(self, client: object, name: str) -> Iterator[Listed | UnusableEntry]: ...


def _forge(scheme: str) -> _Forge:
    return cast(_Forge, import_module(f"patcher.forges.listings.{scheme}"))


def server_at(scheme: str, web: str | None, named: Collection[str] = ()) -> Server:
    """The server at a URL, with the token that the user or the environment has for it; as in
    `patcher.forges.listings`. Raises ForgeError."""
    return tokens.own(_forge(scheme).server_at(web, named))


def parse(word: str) -> tuple[str, str | None, str]:
    """The scheme of a word, the server's URL, None for the default one, and the name there. Raises
    WrongName."""
    scheme, _, rest = word.partition(":")
    return scheme, *_forge(scheme).parse(rest)


def repositories(
    word: str, named: Collection[str], tell: Callable[[str], None]
) -> Iterator[tuple[str, Listed | UnusableEntry]]:
    """What a word such as ``github:acme`` stands for, each with the server that it is at, as
    `with_token` takes it. ``named`` are all words of the run, ``tell`` gets a line for what a
    person should know meanwhile. Raises ForgeError."""
    from patcher.forges.client import Client

    scheme, _, name = parse(word)
    at = server(word, named)
    for item in _forge(scheme).repositories(Client(at, tell), name):
        yield f"{scheme}:{at.web}", item


def server(word: str, named: Collection[str]) -> Server:
    """The server of a word, with its token; as in `repositories`."""
    scheme, web, _ = parse(word)
    others = {parse(each)[1] or "" for each in named if each.startswith(f"{scheme}:")}
    return server_at(scheme, web, others)


def with_token(address: git.Address, at: str | None, named: Collection[str]) -> git.Address:
    """The address with the token that the environment has for its server, if it has one.

    ``at`` is the server that it was found at, None where it is known by its URL alone; ``named``
    are those of the whole campaign. Another server, or another protocol, gets no token. Raises
    ForgeError where the token would go over a network unencrypted.
    """
    if address.secret is None:
        for server in _servers(at, named):
            if address.url.startswith(f"{server.web}/"):
                return address.with_secret(server.secret())
    return address


def _servers(at: str | None, named: Collection[str]) -> Iterator[Server]:
    """The server; without one, those that the user or the environment names, and the public
    ones."""
    if at is not None:
        scheme, _, web = at.partition(":")
        if scheme in SCHEMES:
            own = {each.partition(":")[2] for each in named if each.startswith(f"{scheme}:")}
            yield server_at(scheme, web, own)
        return
    public: tuple[str, str | None] = ("github", "https://github.com")
    for name, web_url in (*tokens.named(), public, *((scheme, None) for scheme in SCHEMES)):
        try:
            yield server_at(name, web_url)
        except ForgeError:
            continue

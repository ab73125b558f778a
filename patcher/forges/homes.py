"""Which forge a clone URL belongs to, and what the repository is called there."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from importlib import import_module
from typing import NamedTuple, cast

from patcher import forges, git
from patcher.forges import tokens
from patcher.forges.review import Forks, Pushes, Reviews, Together
from patcher.forges.server import ForgeError, Server

FORGES = ("github", "gitlab", "gitea", "forgejo", "gerrit", "bitbucket")
"""The forges that reviews can be opened at, as the user names them."""

_MODULES = {"forgejo": "gitea"}
"""Those that another one's module serves: Forgejo is a fork of Gitea."""


class Home(NamedTuple):
    """Where a repository is at its forge."""

    forge: str
    """The name of its module."""
    server: Server
    path: str
    """Its full name there."""


def home(
    address: git.Address,
    at: str | None = None,
    forge: str | None = None,
    named: Collection[str] = (),
) -> Home:
    """The home of a clone URL. ``at``: the server that it was found at, as `forges.with_token`
    takes it; ``named``: those of the whole campaign. ``forge``: which one it is; None: the server
    that it was found at, or that the host is known as. Raises ForgeError.

    A token goes to no other server than those that the user or the environment named.
    """
    wanted = forge and _MODULES.get(forge, forge)
    for scheme, server in _servers(at, wanted, named):
        if wanted in (None, scheme) and (path := _path(address, server)):
            return Home(scheme, server, path)
    if wanted is None:
        raise ForgeError(
            f"no forge is known at {address}: name it with --review {'|'.join(FORGES)}"
        )
    variable = _NAMED_BY.get(wanted)
    hint = f"set {variable} to the address of its server, or " if variable else ""
    raise ForgeError(f"{address} is at no {forge} server that is known: {hint}use --review none")


_NAMED_BY = {
    "github": "GH_HOST",
    "gitlab": "GITLAB_HOST",
    "gitea": "GITEA_SERVER_URL",
    "gerrit": "GERRIT_URL",
    "bitbucket": "BITBUCKET_URL",
}


def reviews(name: str) -> Reviews:
    """What a forge does with reviews. Raises ForgeError where nothing is known of that."""
    try:
        module = import_module(f"patcher.forges.{name}")
    except ModuleNotFoundError:
        module = None
    if module is None or not hasattr(module, "create"):
        raise _without_reviews(name)
    return cast(Reviews, module)


def _without_reviews(name: str) -> ForgeError:
    return ForgeError(f"patcher opens no reviews at {name}: use --review none")


def pushes(name: str) -> Pushes | None:
    """What a forge does for a push; None: nothing."""
    module = reviews(name)
    return cast(Pushes, module) if hasattr(module, "pushed") else None


def forks(name: str) -> Forks | None:
    """What a forge does so that forks can be removed; None: nothing."""
    module = reviews(name)
    return cast(Forks, module) if hasattr(module, "open_from") else None


def together(name: str) -> Together | None:
    """What a forge does where it shows many reviews at once; None: nothing."""
    module = reviews(name)
    return cast(Together, module) if hasattr(module, "look_together") else None


def _servers(
    at: str | None, wanted: str | None, named: Collection[str]
) -> Iterator[tuple[str, Server]]:
    """The servers that are known, with the names of their forges' modules: that it was found at
    comes first."""
    if at is not None:
        scheme, _, web = at.partition(":")
        if scheme not in forges.SCHEMES:
            raise _without_reviews(scheme)
        own = {each.partition(":")[2] for each in named if each.startswith(f"{scheme}:")}
        yield scheme, forges.server_at(scheme, web, own)
    public: tuple[str, str | None] = ("github", "https://github.com")
    schemes = forges.SCHEMES if wanted is None else (wanted,)
    for scheme, known in (*tokens.named(), public, *((scheme, None) for scheme in schemes)):
        if wanted in (None, scheme):
            same = [web for name, web in tokens.named() if name == scheme]
            try:
                yield scheme, forges.server_at(scheme, known, same)
            except ForgeError:
                continue


def _path(address: git.Address, server: Server) -> str:
    """The name of the repository at this server; empty where it is not there."""
    if address.protocol in ("http", "https"):
        before, server_path, path = address.url.partition(f"{server.web}/")
        path = path if server_path and not before else ""
    elif address.protocol == "ssh" and _name(address.host) == _name(_host(server.web)):
        path = address.path.lstrip("/")
        if path.startswith("~"):
            return ""
    else:
        return ""
    path = path.removesuffix("/").removesuffix(".git").strip("/")
    # Over HTTP, and with a password, Gerrit's clone URLs have this before the project's name.
    is_signed_in = server.forge == "Gerrit" and address.protocol != "ssh"
    return path.removeprefix("a/") if is_signed_in else path


def new_review_url(there: Home, base: str, head: str) -> str:
    """Where a person opens a review of that branch; empty where it is not known."""
    from urllib.parse import quote

    web = f"{there.server.web}/{there.path}"
    ends = quote(base, safe="/"), quote(head, safe="/")
    match there.forge:
        case "github":
            return f"{web}/compare/{ends[0]}...{ends[1]}?expand=1"
        case "gitea":
            return f"{web}/compare/{ends[0]}...{ends[1]}"
        case "bitbucket" if there.server.web == "https://bitbucket.org":
            source, target = (quote(name, safe="") for name in (head, base))
            return f"{web}/pull-requests/new?source={source}&dest={target}"
        case "gitlab":
            target, source = (quote(name, safe="") for name in (base, head))
            return (
                f"{web}/-/merge_requests/new?merge_request%5Bsource_branch%5D={source}"
                f"&merge_request%5Btarget_branch%5D={target}"
            )
    return ""


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0]


def _name(host: str) -> str:
    """A host without its port, which is another one for git over ssh."""
    return host if host.endswith("]") else host.partition(":")[0]

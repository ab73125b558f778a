"""Where a clone pushes to, as its own configuration says, which is read as data.

git itself would follow it anywhere: to a program (``ext::``), to a repository whose hooks it runs,
or to where ``url.*.insteadOf`` leads.
"""

from __future__ import annotations

from patcher.git.address import Address, is_address
from patcher.git.errors import GitError
from patcher.git.identity import own_configuration
from patcher.git.refs import HEADS, is_ref_name
from patcher.git.values import Base, Repository
from patcher.text import printable, without_secret
from patcher.values import dataclass

_KEYS = (
    r"^(remote\..*\.(url|pushurl)|branch\..*\.(remote|merge)|url\..*\.(insteadof|pushinsteadof))$"
)
_REMOTES = "refs/remotes/"


@dataclass(frozen=True, slots=True)
class PushPlace:
    """A remote of a clone, and the base there."""

    remote: str
    address: Address
    base: str
    """The full name of the base's branch at the remote."""


def push_place(repository: Repository, base: Base, remote: str | None = None) -> PushPlace:
    """Where the clone pushes what is made from ``base``: to ``remote``, else to the remote that the
    base tracks, else to origin. Raises `GitError`."""
    settings = own_configuration(repository, _KEYS, (b"remote",))
    names = {key[7 : key.rindex(".")] for key, _ in settings if key.startswith("remote.")}
    tracked, there = _tracked(settings, base, names)
    name = remote or (tracked if tracked in names else "origin")
    if name not in names:
        known = f"there are {', '.join(sorted(names))}" if names else "it has none"
        raise GitError(f"it has no remote {printable(name)!r} to push to: {printable(known)}")
    if there is None:
        raise GitError(
            f"{printable(base.name)} is no branch, so that nobody knows what its remote has of it: "
            "name a branch with --base"
        )
    return PushPlace(name, _address(settings, name), there)


def _tracked(
    settings: list[tuple[str, str]], base: Base, names: set[str]
) -> tuple[str | None, str | None]:
    """The remote that a base tracks, and the base's full name there."""
    if base.ref.startswith(_REMOTES):
        within = base.ref.removeprefix(_REMOTES)
        found = [name for name in names if within.startswith(f"{name}/")]
        name = max(found, key=len, default=None)
        return name, None if name is None else HEADS + within.removeprefix(f"{name}/")
    if not base.ref.startswith(HEADS):
        return None, None
    branch = f"branch.{base.ref.removeprefix(HEADS)}."
    last = dict(settings)
    merge = last.get(f"{branch}merge", base.ref)
    usable = is_ref_name(merge) and merge.startswith(HEADS)
    return last.get(f"{branch}remote"), merge if usable else base.ref


def _address(settings: list[tuple[str, str]], name: str) -> Address:
    urls = [value for key, value in settings if key == f"remote.{name}.url"]
    urls = [value for key, value in settings if key == f"remote.{name}.pushurl"] or urls
    shown = f"its remote {printable(name)}"
    if len(urls) != 1:
        raise GitError(f"{shown} has {len(urls) or 'no'} URLs to push to: --remote names another")
    (url,) = urls
    if any(key.startswith("url.") and value and url.startswith(value) for key, value in settings):
        raise GitError(
            f"{shown} is at a URL that url.*.insteadOf in the clone's own configuration changes: "
            "set that in your own configuration, or write the URL out"
        )
    address = Address.parse(url) if is_address(url) else None
    if address is None or address.protocol == "file":
        raise GitError(
            f"{shown} is a folder of this machine, {printable(without_secret(url)[:200])}, and a "
            "push would run the hooks that lie there: name its file:// URL as a SOURCE if they are "
            "yours"
        )
    return address

"""Which branches of a repository a run starts from."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from patcher import git

Chosen = tuple[list[git.Base], list[str], tuple[tuple[str, bool], ...]]

_GLOB = frozenset("*?[")


def chosen(repository: git.Repository, patterns: Sequence[str]) -> Chosen:
    """The bases, what is wrong with those that are named and not there, and of each glob whether
    it matches. Raises GitError.

    That a glob matches nothing is no error: not every repository has release branches.
    """
    if not patterns:
        return git.bases(repository), [], ()
    found: dict[str, git.Base] = {}
    missing, globs = [], []
    for pattern in patterns:
        is_glob, matches = bool(_GLOB.intersection(pattern)), True
        try:
            found |= {base.ref: base for base in git.bases(repository, (pattern,))}
        except git.NoSuchBase as error:
            matches = isinstance(error, git.OnlyReviews)
            missing += [str(error)] if matches or not is_glob else []
        globs += [(pattern, matches)] if is_glob else []
    return list(found.values()), missing, tuple(globs)


def check_born(repository: git.Repository) -> None:
    """Raise UnbornHead for a repository without any branch."""
    try:
        git.bases(repository, ("**",))
    except git.OnlyReviews:
        return
    except git.NoSuchBase:
        raise git.UnbornHead("it has no branch yet: nothing to do") from None


def check_shown_empty(
    address: git.Address, at: str | None = None, named: Collection[str] = ()
) -> None:
    """Raise RemoteError unless a remote that lists no branch is known to have none.

    Gerrit leaves the branches that a user may not read out of the list, and answers without an
    error (https://gerrit-review.googlesource.com/Documentation/access-control.html). The other
    forges refuse a whole repository. ``at`` and ``named`` are as in `patcher.forges.homes.home`.
    """
    if address.protocol == "file":
        return
    from patcher.forges import homes
    from patcher.forges.server import ForgeError

    try:
        forge: str | None = homes.home(address, at, None, named).forge
    except ForgeError:
        forge = None
    is_hidden = forge == "gerrit" or address.host.endswith(":29418")  # Gerrit's own port for ssh
    if address.secret is None and address.protocol != "ssh" and (is_hidden or forge is None):
        raise git.RemoteError(
            "it shows no branch without credentials, and may have branches that only users see: "
            "put a user name and password in its URL, or set GERRIT_URL, GERRIT_USER and "
            "GERRIT_PASSWORD for a Gerrit",
            "authentication",
        )
    if is_hidden:
        raise git.RemoteError(
            "it shows no branch to this user, and Gerrit hides those that a user may not read: use "
            "credentials with Read access to refs/heads/*, or leave an empty project out",
            "authentication",
        )

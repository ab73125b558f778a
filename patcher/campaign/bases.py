"""Which branches of a repository a run starts from."""

from __future__ import annotations

from collections.abc import Sequence

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

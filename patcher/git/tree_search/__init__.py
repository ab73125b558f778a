"""Search the tree of a commit, through git objects.

Small trees are read whole by one `git cat-file --batch`, and Python looks at each blob (`blobs`).
For large ones `git grep` looks at the blobs, on several threads, while Python reads the trees and
the files that git found already (`grep`): that takes two thirds of the processor time. Both give
the same answer; a blob that `git grep` could not read is read by Python.

Which files below a tree match depends on the tree's id alone, so it can be remembered (`known`).
What Python read fits its ids, and is valid wherever a tree with that id stands. What `git grep`
said is valid in the same repository alone: git does not check whether an object fits its id, and a
hostile repository could make an affected file that others have look like a clean one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

from patcher.git.objects import Objects
from patcher.git.tree_search.blobs import Look
from patcher.git.tree_search.files import Files, entries
from patcher.git.tree_search.grep import Grep
from patcher.git.tree_search.known import Known, Memory
from patcher.git.tree_search.query import Query
from patcher.git.tree_search.remember import settle
from patcher.git.tree_search.trees import Tree
from patcher.git.values import Blob, Repository

__all__ = [
    "Files",
    "Memory",
    "Query",
    "entries",
    "search",
]


def search(
    repository: Repository,
    commit: str,
    query: Query,
    *,
    jobs: int | Callable[[], int] = 1,
    shared: Objects | None = None,
    memory: Memory | None = None,
    meanwhile: Callable[[], object] = lambda: None,
    gitlinks: Callable[[int, Sequence[bytes]], object] = lambda number, paths: None,
) -> Iterator[Blob]:
    """Yield the regular files of ``commit`` that match, in tree order; where git could not read
    something, what it holds comes last.

    A file that matches but is larger than the query's limit, or that cannot be read (missing from a
    partial clone, corrupt), comes with a `Blob.problem`. ``jobs`` is the number of threads for `git
    grep`, or gives it; ``meanwhile`` is called while that runs. If there are gitlinks, which are
    not read, ``gitlinks`` is called with their number and the paths of the first; where the query
    does not want every path, with those that it wants. ``shared`` reads several
    repositories, this one among them; then `GitError` is raised for what cannot be read, since it
    is known which of them is at fault only when each is read alone. ``memory`` holds what is known
    of trees, and gets what is new once the search is at its end.
    """
    known = Known(memory, repository)
    alone = Objects(repository.common_dir / "objects", hexsize=len(commit))
    objects = shared if shared is not None and shared.hexsize == len(commit) else alone
    tree = Tree(objects, known)
    look = Look(query)
    with alone, closing(Grep(alone, commit, query.patterns, jobs, known)) as grep:
        tree.read(commit, grep.start_if_worth)
        total = tree.check()
        if paths := tree.gitlinks(query.wanted):
            gitlinks(len(paths) if query.wanted else tree.links[tree.root], paths)
        if grep.is_started:
            meanwhile()
            if grep.is_worth(total, tree):
                for files in grep.files(tree, query):
                    yield from look.at(objects, files)
            grep.close()
        by_git = grep.doubtful is not None
        if not by_git:
            yield from look.at(objects, grep.rest(tree, query))
        sure = known.is_mirror or (not by_git and not look.unsure)
        settle(tree, look, sure=sure, whole=query.wanted is None)

"""Remember which files below the trees of a commit match."""

from __future__ import annotations

from collections.abc import Mapping

from patcher.git.limits import time_left
from patcher.git.objects import is_directory, is_file, is_gitlink, mode_of
from patcher.git.scope import EVERYWHERE
from patcher.git.tree_search import grep
from patcher.git.tree_search.blobs import Look
from patcher.git.tree_search.known import (
    HIT_COST,
    MOST_GITLINKS,
    TREE,
    TreeFile,
    record,
)
from patcher.git.tree_search.trees import Tree

_MOST_RECORD = 1 << 17
"""Bytes of what is remembered of one tree: the paths of a thousand files that match; real trees
have a few dozen."""

_MOST_RECORDS = 1 << 20
"""The same for all the trees of one commit, which may lie within each other."""


def settle(tree: Tree, look: Look, *, sure: bool, whole: bool) -> None:
    """Let the memory know the trees that were read, if they were searched as a ``whole``. ``sure``:
    what was looked at fits its id.

    Of a small repository only the root is worth it.
    """
    known = tree.known
    if known.memory is None:
        return
    scope = EVERYWHERE if sure and not known.own else known.scope
    known.memory.settled(scope)
    if not whole or tree.root in tree.recalled:
        return
    large = tree.totals[tree.root][0] > grep.GREP_FROM
    below: dict[bytes, list[TreeFile] | None] = {}
    below |= {oid: recalled.hits for oid, recalled in tree.recalled.items()}
    gitlinks = {oid: recalled.gitlinks for oid, recalled in tree.recalled.items()}
    rows = []
    left = _MOST_RECORDS
    for oid, (total, longest) in tree.totals.items():
        time_left()
        if oid in tree.recalled:
            continue
        hits = below[oid] = _hits(tree, oid, below, look) if left > 0 else None
        if oid in tree.links and left > 0:
            gitlinks[oid] = _gitlinks(tree, oid, gitlinks)
        if hits is not None and (large or oid == tree.root):
            counted = total, longest, tree.links.get(oid, 0)
            row = record(scope, counted, hits, gitlinks.get(oid, []), tree.hexsize)
            left -= len(row)
            rows.append((TREE + oid, row))
    known.memory.remember(rows)


def _gitlinks(tree: Tree, oid: bytes, below: Mapping[bytes, list[bytes]]) -> list[bytes]:
    """The paths of the first gitlinks below a tree."""
    found: list[bytes] = []
    for mode, name, child in tree.entries(oid):
        if len(found) >= MOST_GITLINKS:
            break
        if is_gitlink(mode):
            found.append(name)
        elif is_directory(mode):
            found += [name + b"/" + path for path in below.get(child, ())]
    return found[:MOST_GITLINKS]


def _hits(
    tree: Tree, oid: bytes, below: Mapping[bytes, list[TreeFile] | None], look: Look
) -> list[TreeFile] | None:
    """The files below a tree that match; None where that is not known, or they are many."""
    hits = []
    left = _MOST_RECORD
    for mode, name, child in tree.entries(oid):
        if is_directory(mode):
            inside = below[child]
            if inside is None:
                return None
            more = [TreeFile(name + b"/" + hit.path, hit.mode, hit.oid) for hit in inside]
        elif child in look.doubtful:
            return None
        elif child in look.matched and is_file(mode):
            more = [TreeFile(name, mode_of(mode), child)]
        else:
            continue
        hits += more
        left -= sum(HIT_COST + len(hit.path) for hit in more)
        if left < 0:
            return None
    return hits

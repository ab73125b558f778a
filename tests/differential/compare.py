"""What git sees, and what patcher sees."""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

from patcher import git
from tests.differential.cases import NAMES, Case, Store
from tests.gits import query

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "LC_ALL": "C",
    "GIT_NO_REPLACE_OBJECTS": "1",
}
SEEN = (0, 1)
"""Statuses with which git says what it sees; with all others it says that it cannot, for the sake
of any ref or line. Then patcher may not say that there is nothing."""


REFUSED: Counter[str] = Counter()
"""Why patcher did not write where git does."""


def ask(path: Path, *arguments: str) -> tuple[int, bytes]:
    """Plain git's exit status and output, for a bare repository."""
    done = subprocess.run(
        ["git", f"--git-dir={path}", *arguments],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
        timeout=60,
        cwd=path,
    )
    return done.returncode, done.stdout


def differences(case: Case, kind: str) -> Iterator[str]:
    """What patcher says otherwise than git."""
    status, _ = ask(case.path, "rev-parse", "--git-dir")
    items = list(git.discover([case.path.parent]))
    if status == 0 and not any(item.path == case.path for item in items):
        yield f"git sees a repository, patcher none: {items}"
    for item in items:
        if isinstance(item, git.Repository):
            with git.limited(20):
                yield from {"refs": _refs, "tree": _tree, "config": _config}[kind](case, item)


def _refs(case: Case, repository: git.Repository) -> Iterator[str]:
    yield from _base(case, repository)
    for name in case.random.sample(NAMES, 3):
        if name.startswith("-"):
            continue
        yield from _one(case, repository, name)
    if case.random.random() < 0.2:
        yield from _list(case, repository)


def _commit(path: Path, name: str) -> tuple[int, str]:
    status, said = ask(path, "rev-parse", "--verify", "--quiet", "--end-of-options", name)
    return status, said.decode().strip()


def _base(case: Case, repository: git.Repository) -> Iterator[str]:
    try:
        [base] = git.bases(repository)
    except git.UnbornHead:
        status, named = ask(case.path, "symbolic-ref", "-q", "HEAD")
        there = _commit(case.path, "HEAD")
        if status != 0 or there[0] == 0:
            yield f"patcher: no commit yet; git: {named!r} {there}"
        elif named and _commit(case.path, named.decode("utf-8", "surrogateescape").strip())[0] > 1:
            yield f"patcher: no commit yet; git cannot read {named!r}"
        return
    except git.GitError:
        return
    ref = base.ref
    status, oid = _commit(case.path, ref)
    if status in SEEN and oid != base.commit and _can_be_read(repository, base.commit):
        yield f"patcher: {base}; git: {status} {oid}"
    if not ref.startswith("refs/remotes/origin/"):
        status, named = ask(case.path, "symbolic-ref", "-q", "HEAD")
        seen = named.decode("utf-8", "surrogateescape").strip() or "HEAD"
        last = ask(case.path, "symbolic-ref", "-q", ref)[1]  # git names the last one of a chain
        names = (ref, last.decode("utf-8", "surrogateescape").strip())
        # Where HEAD names no commit, the only branch that there is counts.
        if status in SEEN and seen not in names and _commit(case.path, "HEAD")[0] == 0:
            yield f"patcher: HEAD is {ref}; git: {named!r}"


def _can_be_read(repository: git.Repository, commit: str) -> bool:
    """Whether patcher says something of it, but that it cannot."""
    try:
        list(git.search(repository, commit, query(b"network,", 9999)))
    except git.GitError:
        return False
    return True


def _one(case: Case, repository: git.Repository, name: str) -> Iterator[str]:
    try:
        tip = git.branch_tip(repository, name)
    except git.GitError:
        return
    status, oid = _commit(case.path, f"refs/heads/{name}")
    if status in SEEN and (oid or None) != tip and (tip is None or _can_be_read(repository, tip)):
        yield f"patcher: {name} is at {tip}; git: {status} {oid}"


def _list(case: Case, repository: git.Repository) -> Iterator[str]:
    try:
        bases = {base.ref: base.commit for base in git.bases(repository, ["refs/heads/**"])}
    except git.GitError:
        return
    form = "--format=%(refname)%00%(objectname)%00%(symref)"
    status, said = ask(case.path, "for-each-ref", form, "refs/heads/**")
    if status != 0:
        yield f"patcher lists {bases}; git cannot"
        return
    listed: dict[str, str] = {}
    for line in said.decode("utf-8", "surrogateescape").splitlines():
        ref, oid, symbolic = line.split("\0")
        if not symbolic and not ref.startswith("refs/heads/patcher/"):
            listed[ref] = listed.get(ref) or _commit(case.path, f"{oid}^{{commit}}")[1]
    if listed != bases:
        yield f"patcher lists {bases}; git: {listed}"
    for ref, oid in bases.items():
        named = _commit(case.path, f"{ref}^{{commit}}")[1]
        if named != oid:
            yield f"patcher lists {ref} at {oid}; git finds {named!r}"


def _tree(case: Case, repository: git.Repository) -> Iterator[str]:
    try:
        [base] = git.bases(repository)
        found = [
            (blob.path, blob.mode, blob.oid)
            for blob in git.search(repository, base.commit, query(b"network,", 9999))
        ]
    except git.GitError:
        return
    status, said = ask(case.path, "ls-tree", "-r", "-z", "HEAD")
    if status != 0:
        yield f"patcher finds {found}; git cannot read the tree"
        return
    listed = []
    for line in said.split(b"\0")[:-1]:
        head, _, path = line.partition(b"\t")
        mode, _, oid = head.decode().split(" ")
        if mode.startswith("100") and oid == case.store.blob.oid:
            listed.append((path, mode, oid))
    if listed != found:
        yield f"patcher finds {found}; git lists {listed}"
    for path, mode, oid in found[:2]:
        entry = git.entries(repository, base.commit, [path]).get(path)
        by_path = _commit(case.path, f"HEAD:{os.fsdecode(path)}")[1]
        if by_path == oid and (entry is None or entry[1] != oid) and not case.has_slashes:
            yield f"patcher: {path!r} is {entry}; git: {(mode, oid)}"


def _config(case: Case, repository: git.Repository) -> Iterator[str]:
    """Both make a branch; what one of them makes is to look like the other's."""
    oid = case.store.ids[0]
    try:
        git.move_branch(
            repository, "by/patcher", oid, None, git.Identity("A", "a@example.org", None)
        )
    except git.GitError as error:
        if ask(case.path, "update-ref", "refs/heads/by/git", oid)[0] == 0:
            REFUSED[re.sub("'[^']*'|refs/.*|extensions.*", "...", str(error))] += 1
        return
    status, _ = ask(case.path, "update-ref", "refs/heads/by/git", oid)
    if status != 0:
        yield "patcher writes; git refuses"
        return
    made = []
    for name in ("by/patcher", "by/git"):
        place = case.path / "refs/heads" / name
        log = case.path / "logs/refs/heads" / name
        made.append((place.read_text(), oct(place.stat().st_mode), log.exists()))
    if made[0] != made[1] and "[include]" not in (case.path / "config").read_text():
        yield f"patcher: {made[0]}; git: {made[1]}"


KINDS = ("refs", "refs", "tree", "config")


def run(folder: Path, seed: int, number: int, store: Store) -> tuple[str, list[str]]:
    """The kind of a case, and the differences in it."""
    random = Random(f"{seed} {number}")
    case = Case(folder / "case", store, random)
    kind = random.choice(KINDS)
    {"refs": case.make_refs, "tree": case.make_tree, "config": case.make_config}[kind]()
    return kind, list(differences(case, kind))

"""The branches that a fake forge knows: in memory, or of real repositories that git serves."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

_OID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class Branches:
    """Branches in memory; ``path`` is ``owner/name``. Every commit has a made-up id."""

    def __init__(self) -> None:
        self.tips: dict[tuple[str, str], str] = {}
        self.parents: dict[str, tuple[str, ...]] = {}
        self.conflicting: set[str] = set()
        """The commits that cannot be merged without a person."""

    def commit(self, path: str, branch: str, *parents: str) -> str:
        """Put a new commit on a branch, which is made where there is none; its id."""
        tip = self.tip(path, branch)
        above = parents or ((tip,) if tip else ())
        made = hashlib.sha1(f"{len(self.parents)} {path} {branch}".encode()).hexdigest()
        self.parents[made] = above
        self.tips[path, branch] = made
        return made

    def tip(self, path: str, branch: str) -> str | None:
        return self.tips.get((path, branch))

    def delete(self, path: str, branch: str) -> None:
        del self.tips[path, branch]

    def contains(self, path: str, branch: str, commit: str) -> bool:
        """Whether a branch has that commit in its history."""
        tip = self.tip(path, branch)
        seen, left = set[str](), [tip] if tip else []
        while left:
            at = left.pop()
            if at == commit:
                return True
            if at not in seen:
                seen.add(at)
                left += self.parents.get(at, ())
        return False

    def conflicts(self, path: str, base: str, head_path: str, commit: str) -> bool:
        return commit in self.conflicting

    def merge(self, path: str, base: str, head_path: str, commit: str) -> str:
        """Merge a commit into a branch; the id of the merge."""
        tip = self.tip(path, base)
        assert tip is not None
        return self.commit(path, base, tip, commit)

    def names(self, path: str) -> list[str]:
        """All branches of a repository."""
        return sorted(branch for owner, branch in self.tips if owner == path)

    def fork(self, path: str, made: str) -> None:
        """Copy all branches to a new repository."""
        for (owner, branch), tip in list(self.tips.items()):
            if owner == path:
                self.tips[made, branch] = tip

    def follow(self, path: str, branch: str, made: str) -> None:
        """Bring a fork's branch to where the original's is."""
        tip = self.tip(path, branch)
        assert tip is not None
        self.tips[made, branch] = tip


class GitBranches(Branches):
    """Those of the bare repositories ``owner/name.git`` below ``root``.

    A forge asks for them at every request, so refs are read without git, and what git says of
    commits, which never change, is asked once.
    """

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root
        self._contained: dict[tuple[str, str, str], bool] = {}
        """By repository, tip and commit."""
        self._trees: dict[tuple[str, str, str], str] = {}
        """Merges without conflicts, by repository, tip and commit."""

    def git(self, path: str, *arguments: str, may_fail: bool = False) -> str | None:
        identity = {
            f"GIT_{who}_{what}": value
            for who in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "A Forge"), ("EMAIL", "noreply@forge.example"))
        }
        done = subprocess.run(
            ["git", f"--git-dir={self.root / f'{path}.git'}", *arguments],
            env={**os.environ, **identity},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode and may_fail:
            return None
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def tip(self, path: str, branch: str) -> str | None:
        place, name = self.root / f"{path}.git", f"refs/heads/{branch}"
        try:
            loose = (place / name).read_text()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            loose = ""
        if loose:
            if _OID.fullmatch(loose.strip()) is not None:
                return loose.strip()
            return self.git(path, "rev-parse", "--verify", "--quiet", name, may_fail=True)
        packed = place / "packed-refs"
        for line in packed.read_text().splitlines() if packed.exists() else ():
            oid, _, ref = line.partition(" ")
            if ref == name:
                return oid
        return None

    def names(self, path: str) -> list[str]:
        listed = self.git(path, "for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads")
        return (listed or "").split()

    def delete(self, path: str, branch: str) -> None:
        self.git(path, "update-ref", "-d", f"refs/heads/{branch}")

    def contains(self, path: str, branch: str, commit: str) -> bool:
        tip = self.tip(path, branch)
        if tip is None:
            return False
        key = path, tip, commit
        if key not in self._contained:
            known = self.git(path, "merge-base", "--is-ancestor", commit, tip, may_fail=True)
            self._contained[key] = known is not None
        return self._contained[key]

    def _fetch(self, path: str, head_path: str) -> None:
        if path != head_path:
            source = os.fspath(self.root / f"{head_path}.git")
            self.git(path, "fetch", "-q", source, "+refs/heads/*:refs/forks/*")

    def _merged(self, path: str, base: str, head_path: str, commit: str) -> str | None:
        """The tree of a merge; None where it has conflicts."""
        tip = self.tip(path, base)
        if tip is None:
            return None
        key = path, tip, commit
        if key not in self._trees:
            self._fetch(path, head_path)
            tree = self.git(path, "merge-tree", "--write-tree", tip, commit, may_fail=True)
            if tree is None:
                return None
            self._trees[key] = tree
        return self._trees[key]

    def conflicts(self, path: str, base: str, head_path: str, commit: str) -> bool:
        return self._merged(path, base, head_path, commit) is None

    def merge(self, path: str, base: str, head_path: str, commit: str) -> str:
        tree, tip = self._merged(path, base, head_path, commit), self.tip(path, base)
        assert tree is not None
        assert tip is not None
        parents: Iterable[str] = ("-p", tip, "-p", commit)
        made = self.git(path, "commit-tree", tree, *parents, "-m", "Merge a review")
        assert made is not None
        self.git(path, "update-ref", f"refs/heads/{base}", made, tip)
        return made

    def fork(self, path: str, made: str) -> None:
        place = self.root / f"{made}.git"
        self.git(path, "clone", "-q", "--bare", os.fspath(self.root / f"{path}.git"), str(place))

    def follow(self, path: str, branch: str, made: str) -> None:
        source = os.fspath(self.root / f"{path}.git")
        self.git(made, "fetch", "-q", source, f"{branch}:{branch}")

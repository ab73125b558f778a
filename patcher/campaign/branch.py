"""The state of a review branch: does merging it fix its base, and is it ours?

Both are questions about now: what the base lacks of the branch is read commit by commit, and the
two are merged beside the repository. A commit is ours if its mark fits it (`patcher.git.marks`) and
each file that it changes became what patcher would make of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import NamedTuple, Protocol

from patcher import git
from patcher.campaign.look import Looker
from patcher.campaign.selection import Selection
from patcher.findings import Status
from patcher.git.commits import Commit, made_for, read_commits
from patcher.git.history import History
from patcher.git.marks import Mark, has_mark
from patcher.git.merge import Difference, differences, merged
from patcher.results import BranchState, ChangedFile, Target
from patcher.values import dataclass

_MOST_NAMED = 3
"""Files that a reason names."""


class Past(Protocol):
    """What is known of the commits of a repository: its own, or at its remote, or in a fork."""

    def tip(self, repository: git.Repository, branch: str) -> str | None:
        """The commit of a review branch; None where there is none."""
        ...

    def history(self, repository: git.Repository, base: git.Base, branch: str, tip: str) -> History:
        """As `patcher.git.history.history`."""
        ...

    def is_elsewhere(self, repository: git.Repository, commit: str, branch: str) -> bool:
        """Whether some other branch or tag than the review branch has a commit."""
        ...


class Remote(Past, Protocol):
    """The remote of a mirror, or a fork of that."""

    def push(
        self,
        repository: git.Repository,
        branch: str,
        commit: str | None,
        expected: str | None,
        *,
        pause: float = 0.0,
    ) -> str:
        """As `patcher.git.remote.push`; ``pause``: seconds between two pushes to one host."""
        ...


@dataclass(frozen=True, slots=True)
class ReviewBranch:
    """A review branch, and what it is beside its base."""

    name: str
    tip: str | None
    state: BranchState
    fixes: bool = False
    """Whether merging it fixes every finding of the base."""
    why: str = ""
    """Why merging it does not, in a few words."""
    left: frozenset[bytes] = frozenset()
    """The files that merging it leaves to be fixed."""
    own: tuple[Commit, ...] = ()
    """What the base lacks of it, each before its parents."""
    merge_bases: tuple[str, ...] = ()
    origin: str | None = None
    """In a clone, the tip of origin's branch of that name, where it is another one and has commits
    that the base lacks."""
    local: str | None = None
    """The tip of the local branch of that name."""

    @property
    def shown(self) -> str:
        """The name of the branch, of origin's where that is the one."""
        return self.name if self.tip != self.origin else f"origin/{self.name}"

    @property
    def others(self) -> bool:
        """Whether it has what is not ours."""
        return self.state in (BranchState.EDITED, BranchState.FOREIGN)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the state of review branches of one base."""

    repository: git.Repository
    base: git.Base
    target: Target
    """What is found at the base."""
    selection: Selection
    past: Past
    objects: git.Objects
    """Reads the repository's objects."""
    ignored: tuple[str, ...] = ()
    """Globs of the people whose commits count as nobody's: bots that add to any branch."""

    def read(self, name: str, tip: str | None) -> ReviewBranch:
        """The state of the review branch ``name``, whose tip is given. Raises GitError."""
        if tip is None:
            return ReviewBranch(name, None, BranchState.NONE)
        return self.judge(name, tip, self.history(name, tip))

    def judge(self, name: str, tip: str, history: History) -> ReviewBranch:
        """As `read`, where the history is known."""
        if not history.own:
            return ReviewBranch(name, tip, self._merged(name, tip))
        if not any(has_mark(commit.message) for commit in history.own):
            return ReviewBranch(name, tip, BranchState.FOREIGN, own=history.own)
        if self._is_untouched(name, history.own):
            return ReviewBranch(name, tip, BranchState.CURRENT, True, own=history.own)
        state, why = self._whose(name, tip, history)
        review = ReviewBranch(
            name, tip, state, why=why, own=history.own, merge_bases=history.merge_bases
        )
        if why:
            return review
        merging = self._merge(tip, history.merge_bases)
        if not (merging.adds or self.target.files):
            state = BranchState.MERGED
        elif state is BranchState.CURRENT and not merging.fixes:
            state = BranchState.STALE
        return replace(review, state=state, fixes=merging.fixes, why=merging.why, left=merging.left)

    def history(self, name: str, tip: str) -> History:
        """What the base lacks of a branch with this tip. Raises GitError."""
        (first,) = self.past_commits((tip,))
        if first.parents == (self.base.commit,):  # as patcher leaves it, and nothing moved since
            return History((first,), True, first.parents)
        return self.past.history(self.repository, self.base, name, tip)

    def past_commits(self, oids: Sequence[str]) -> list[Commit]:
        """The commits of these ids, which the repository has."""
        return read_commits(self.repository.common_dir / "objects", oids)

    def _is_untouched(self, name: str, own: Sequence[Commit]) -> bool:
        """Whether the branch is the one commit that patcher would make now."""
        if len(own) != 1 or own[0].parents != (self.base.commit,) or not own[0].mark(name):
            return False
        made = {file.path: (file.mode, file.new_oid) for file in self.target.files}
        changed = self.changed(own[0])
        return changed is not None and {each.path: each.new for each in changed} == made

    def base_is_review(self, branch: str) -> bool:
        """Whether the base is a review branch, or where HEAD is detached, a commit that ``branch``
        alone has."""
        if self.base.ref != "HEAD":
            return self._made_for(self.base.name, self.base.commit) is not None
        made = self._made_for(branch, self.base.commit)
        return made is not None and not self.past.is_elsewhere(self.repository, made.oid, branch)

    def _made_for(self, name: str, tip: str) -> Commit | None:
        return made_for(self.objects, tip, name)

    def _merged(self, name: str, tip: str) -> BranchState:
        """The state of a branch of which the base has everything."""
        if not (name.startswith(git.REVIEW_BRANCHES) or self._made_for(name, tip)):
            return BranchState.FOREIGN
        return BranchState.GONE if self.target.files else BranchState.MERGED

    def _whose(self, name: str, tip: str, history: History) -> tuple[BranchState, str]:
        """Whose the branch is, and why merging it is no question."""
        marked = [(commit, commit.mark(name)) for commit in history.own]
        made = [(commit, mark) for commit, mark in marked if mark and self._is_ours(commit, mark)]
        ours = {commit.oid for commit, _ in made}
        roots = [commit.parents[0] for commit, mark in made if mark.on == "base"]
        above = set(_above(tip, history.own, roots))
        own = {commit.oid for commit in history.own}
        nobodys = own - {commit.oid for commit in self.counted(history.own)}
        if not roots or above - ours - nobodys or not history.is_whole:
            brings = "it brings commits of another base"
            return BranchState.EDITED, brings * any(root in own for root in roots)
        # Where history is cut off, the base need not have what is not the branch's own.
        elsewhere = [root for root in roots if root not in history.merge_bases]
        if not elsewhere:
            return BranchState.CURRENT, ""
        why = "it was made from another base"
        # Whoever takes the branch away must not take away the last that has those commits.
        if all(self.past.is_elsewhere(self.repository, root, name) for root in elsewhere):
            return BranchState.STALE, why
        return BranchState.EDITED, f"{why}, which no other branch has any more"

    def counted(self, commits: Sequence[Commit]) -> list[Commit]:
        """Those of the commits that someone made who counts."""
        return [
            commit
            for commit in commits
            if not (self._is_ignored(commit.author) and self._is_ignored(commit.committer))
        ]

    def _is_ignored(self, person: str) -> bool:
        """Whether someone, as git writes them, is one of those who do not count."""
        whole = person.rpartition(" ")[0].rpartition(" ")[0]
        name, _, mail = whole.rpartition(" <")
        return any(
            fnmatchcase(word.lower(), glob.lower())
            for glob in self.ignored
            for word in (name, mail.rstrip(">"), whole)
        )

    def _is_ours(self, commit: Commit, mark: Mark) -> bool:
        """Whether each file that a commit changes became what patcher makes of it."""
        changed = self.changed(commit)
        if not changed:
            return False
        for files in self._made_of(commit.parents[0], mark):
            there = {file.path: file for file in files}
            if all(_is_made(there.get(each.path), each.old, each.new) for each in changed):
                return True
        return False

    def _made_of(self, commit: str, mark: Mark) -> Iterator[Sequence[ChangedFile]]:
        """The files that patcher changes in a commit, with these options and with others; with the
        migrations of the mark, where they are all among those of now."""
        migrations = self.selection.migrations
        made = tuple(each for each in migrations if each.id in mark.migrations)
        if len(made) != len(mark.migrations):
            made = migrations
        if commit == self.base.commit and made == migrations:
            yield self.target.files
        plain = replace(self.selection, proof="off", migrations=made)
        every = replace(plain, profiles="all", docs=True, include=(), exclude=())
        for options in (plain, every):
            for comment in (options.comment, not options.comment):
                yield self._look(self.repository, commit, replace(options, comment=comment)).files

    def look(self, commit: str) -> Target:
        """What is found in a commit, with the contents of the files to change."""
        return Looker(self.repository, self.selection).look(replace(self.base, commit=commit))

    def changed(self, commit: Commit) -> Sequence[Difference] | None:
        """What a commit changes of its first parent; None where that is more than patcher ever
        does."""
        try:
            return differences(self.repository, commit.parents[0], commit.oid)
        except git.BoundExceeded:
            return None

    def _look(self, repository: git.Repository, commit: str, selection: Selection) -> Target:
        looker = Looker(repository, selection, contents=False)
        return looker.look(replace(self.base, commit=commit))

    def left(self, new: str, review: ReviewBranch) -> str:
        """What is left to be done once a commit on top of the review branch is merged into the
        base, in a few words; empty for nothing."""
        return self._merge(new, review.merge_bases).why

    def _merge(self, tip: str, merge_bases: Sequence[str]) -> _Merging:
        if len(merge_bases) != 1:
            why = "has more than one merge base" if merge_bases else "has no merge base"
            return _Merging(f"it {why} with the base that is known here")
        (common,) = merge_bases
        selection = replace(self.selection, proof="off")
        if common == self.base.commit:  # merging gives the branch
            return _left(self.target, self._look(self.repository, tip, selection))
        with merged(self.repository, common, self.base.commit, tip) as merge:
            if merge is None:
                return _Merging("it conflicts with the base")
            if not merge.adds:
                left = frozenset(file.path for file in self.target.files)
                return _Merging("it adds nothing to the base" if left else "", left, adds=False)
            return _left(self.target, self._look(merge.repository, merge.commit, selection))


def _is_made(file: ChangedFile | None, old: tuple[str, str], new: tuple[str, str]) -> bool:
    return file is not None and (file.mode, file.old_oid, file.mode, file.new_oid) == (*old, *new)


def _above(tip: str, own: Sequence[Commit], roots: Sequence[str]) -> Iterator[str]:
    """The commits of a branch down to the base that it was made from."""
    known = {commit.oid: commit for commit in own}
    below: set[str] = set()
    for start, seen in ((list(roots), below), ([tip], set[str]())):
        while start:
            oid = start.pop()
            if oid in known and oid not in seen and oid not in below:
                seen.add(oid)
                start += known[oid].parents
                if seen is not below:
                    yield oid


class _Merging(NamedTuple):
    """What merging a branch into its base does."""

    why: str = ""
    """Why it does not fix the base, in a few words; empty where it does."""
    left: frozenset[bytes] = frozenset()
    """The files that it leaves to be fixed."""
    adds: bool = True
    """Whether it changes anything."""

    @property
    def fixes(self) -> bool:
        """Whether it fixes the base."""
        return not self.why


def _left(before: Target, after: Target) -> _Merging:
    """What a merge leaves to be done."""
    if after.error is not None:
        return _Merging(after.error)
    fixed = {file.path for file in before.files}
    refused = Counter({key: n for key, n in _open(before).items() if key[0] not in fixed})
    edits = Counter(
        (each.path, each.finding.profile, each.finding.migration)
        for each in after.findings
        if each.finding.edit is not None
    )
    # What the base has and no edit for was refuted, or left alone; what is beside it was not.
    beside = {path for path, *_ in edits - refused}
    paths = [file.path for file in after.files if file.path in beside]
    # A profile that needs a person after the merge, and did not before it, is not fixed either.
    paths += [path for path, *_ in (_open(after) - _open(before))]
    names = [git.printable(path) for path in dict.fromkeys(paths)]
    if not names:
        return _Merging()
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    why = f"merging it leaves {', '.join(names[:_MOST_NAMED])}{more} to be fixed"
    return _Merging(why, frozenset(paths))


def _open(target: Target) -> Counter[tuple[bytes, str, str]]:
    needs_someone = (Status.AFFECTED, Status.UNDER_INVESTIGATION)
    return Counter(
        (each.path, each.finding.profile, each.finding.migration)
        for each in target.findings
        if each.finding.status in needs_someone and each.finding.edit is None
    )

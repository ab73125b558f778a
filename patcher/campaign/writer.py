"""The commits of a review branch: as they are written, as they would be, and whether those that are
there are the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from patcher import git
from patcher.campaign import message
from patcher.campaign.branch import Reader, ReviewBranch
from patcher.campaign.commits import Commits
from patcher.campaign.verified import VerifiedPush
from patcher.git import marks
from patcher.git.commit import dated, person
from patcher.results import ChangedFile, PlannedCommit, Target
from patcher.values import dataclass


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes the commits of one review branch."""

    reader: Reader
    branch: str
    commits: Commits
    own: str | None = None
    """The message that a person wrote for it."""

    def words(self, target: Target) -> str | None:
        """The message without its trailers; None where there is more than one."""
        files, *more = self._groups(target)
        if more:
            return None
        return message.words(self._facts(target, files), self.commits.message)

    def write(
        self,
        target: Target,
        parent: str,
        on: marks.On,
        store: git.Store,
        forge: VerifiedPush | None = None,
    ) -> tuple[str, git.Identity]:
        """The new tip, and who committed it; ``store`` takes what is written. ``forge`` makes each
        commit once more, as it is made here."""
        commits, repository = self.commits, self.reader.repository
        vouched = commits.sign or commits.signoff
        people = git.identities(repository, commits.author, vouched=vouched)
        author, committer = (
            dated(replace(each, date=each.date or commits.date)) for each in people
        )
        sign = git.signing(commits.key, repository) if commits.sign else None
        for files in self._groups(target):
            made = marks.Made(self.branch, parent, person(author), person(committer))
            changes = [git.FileChange(file.path, file.new) for file in files]
            text = self._message(target, files, committer, on, made)
            parts = (repository, parent, changes, text, author, committer)
            new = git.write_commit(*parts, sign, store, self.reader.objects)
            if forge is not None:
                self.reader.objects.close()  # a server may take longer than a git
                new = forge.make(repository, self.branch, parent, new, text, changes)
            parent, on = new, "branch"
        return parent, committer

    def shown(self, target: Target, parent: str) -> Target:
        """The target with its commit, which is not made; its author is taken to commit it, too."""
        repository, signoff = self.reader.repository, self.commits.signoff
        author, committer = git.identities(repository, self.commits.author, vouched=signoff)
        author = dated(author)
        committer = replace(committer, date=author.date)
        on: marks.On = "base" if parent == self.reader.base.commit else "branch"
        made = marks.Made(self.branch, parent, person(author), person(committer))
        text = self._message(target, target.files, committer, on, made)
        if why := message.unmailable(author.name, text):
            raise git.GitError(f"no mail can carry this commit: {why}")
        return replace(target, planned=PlannedCommit(made.author, text))

    def is_wanted(self, target: Target, review: ReviewBranch) -> bool:
        """Whether the commits of a branch that is ours are those that would be written now: on this
        base, with this author, message and signature. Times and committer do not count."""
        groups = self._groups(target)
        own = self.reader.counted(review.own)
        if len(own) != len(groups) or own[-1].parents != (self.reader.base.commit,):
            return False
        repository = self.reader.repository
        vouched = self.commits.sign or self.commits.signoff
        author, committer = git.identities(repository, self.commits.author, vouched=vouched)
        on: marks.On = "base"
        for files, commit in zip(groups, reversed(own), strict=True):
            made = marks.Made(self.branch, commit.parents[0], commit.author, commit.committer)
            wanted = self._message(target, files, committer, on, made)
            changed = {each.path: each.new for each in self.reader.changed(commit) or ()}
            if self.commits.verified_commits:  # its mark says who made it
                is_same = message.is_same(commit.message, wanted)
            else:
                is_same = (
                    commit.message == message.stored(wanted)
                    and commit.author.startswith(f"{author.name} <{author.email}> ")
                    and commit.is_signed == self.commits.sign
                )
            if not is_same or changed != {file.path: (file.mode, file.new_oid) for file in files}:
                return False
            on = "branch"
        return True

    def _groups(self, target: Target) -> Sequence[Sequence[ChangedFile]]:
        if self.commits.per_file:
            return [(file,) for file in target.files]
        return [target.files]

    def _message(
        self,
        target: Target,
        files: Sequence[ChangedFile],
        committer: git.Identity,
        on: marks.On,
        made: marks.Made,
    ) -> str:
        ids = [migration.id for migration in self.reader.selection.migrations]
        return message.write(
            self._facts(target, files),
            template=self.commits.message,
            signoff=f"{committer.name} <{committer.email}>" if self.commits.signoff else None,
            mark=lambda text: marks.trailer(
                ids, on, made, text, by_forge=self.commits.verified_commits
            ),
            own=self.own,
            change=self.commits.change,
        )

    def _facts(self, target: Target, files: Sequence[ChangedFile]) -> message.MessageFacts:
        return message.MessageFacts(
            migrations=self.reader.selection.migrations,
            files=files,
            findings=target.findings,
            base=self.reader.base.name,
            branch=self.branch,
            repository=self.reader.repository.path.name,
        )

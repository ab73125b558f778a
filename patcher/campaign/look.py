"""What is in one repository at one base, and what would be committed there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from patcher import git
from patcher.campaign import elsewhere
from patcher.campaign.cache import Cache
from patcher.campaign.changes import blob_id, without_contents
from patcher.campaign.includes import InRepository
from patcher.campaign.selection import Selection
from patcher.findings import Dropped, Result, unread
from patcher.policy.bounds import timed
from patcher.policy.search import SEARCH, is_binary, searched
from patcher.results import MAX_DROPPED, ChangedFile, Located, Outcome, Proof, Stage, Target
from patcher.seccomp import seccomp_findings

if TYPE_CHECKING:
    from patcher.policy.judgement import Includes

MAX_MATCHES = 10_000
"""Files with a network rule that a commit may have; apparmor.d, with a profile for nearly every
program there is, has a fifth."""

_TOGETHER = 30.0
"""Seconds, and at most half of the time limit, that reading a repository along with others may
take: which of them holds it up is not known."""

MAX_CHANGED = 32 << 20
"""Bytes that all files to change of a commit may have. They are held in memory, twice."""

MAX_FOUND = 20_000
"""Findings that a commit may have: a kilobyte each, and two more in a report."""

_LARGE = 1 << 15
"""Bytes of a file that may take much memory to judge or to prove."""

_MANY = 1000
"""Findings."""

MAX_PATHS = 4 << 20
"""Bytes of the paths of a commit's files with network rules; the same of its findings."""


class Looker:
    """Looks at one base after another of one repository.

    ``cache``: what earlier runs and other repositories tell. ``shared`` reads this repository
    along with others. ``contents``: whether the changed files are to come with their contents, and
    findings with the places where their checksums stand.
    """

    def __init__(
        self,
        repository: git.Repository,
        selection: Selection,
        *,
        jobs: int | Callable[[], int] = 1,
        cache: Cache | None = None,
        shared: git.Objects | None = None,
        contents: bool = True,
    ) -> None:
        self.repository = repository
        self._selection = selection
        self._jobs = jobs
        self._cache = Cache() if cache is None else cache
        self.shared = shared
        self._contents = contents

    def look(self, base: git.Base) -> Target:
        """The findings at ``base``, and the files that their edits change. Raises GitError."""
        if self.shared is not None:
            try:
                with git.limited(min(_TOGETHER, git.time_left() / 2)):
                    self.shared.turn_to(self.repository.common_dir / "objects")
                    return self._look(base, self.shared)
            except git.GitTimeout:
                git.time_left()
                self.shared.give_up()
            except git.GitError:
                git.time_left()  # what is wrong, and with which of them, is told by it alone
        return self._look(base, None)

    def _look(self, base: git.Base, shared: git.Objects | None) -> Target:
        with InRepository(self.repository, base.commit) as includes:
            return self._selection.reported(self._judged(base, shared, includes))

    def _judged(self, base: git.Base, shared: git.Objects | None, includes: InRepository) -> Target:
        found: list[Located] = []
        files: list[ChangedFile] = []
        dropped: list[tuple[bytes, Dropped]] = []
        missing: list[str] = []
        harmless: list[str] = []
        named = elsewhere.Elsewhere()
        size = paths = 0
        search = self._cache.search()
        for blob in matching(
            self.repository,
            base,
            self._selection,
            jobs=self._jobs,
            shared=shared,
            memory=search,
            always=elsewhere.FILES,
            gitlinks=named.add_gitlinks,
        ):
            git.time_left()
            check_found(len(found), paths)
            git.large(len(found), _MANY)
            if blob.content is not None and elsewhere.is_one(blob.path):
                named.add(blob.path, blob.content)
                if not searched(blob.content):
                    continue
            if blob.content is None:
                if blob.size is not None and blob.size > self._selection.max_bytes:
                    found += self._unjudged(blob)
                else:
                    unread = harmless if elsewhere.is_media(blob.path) else missing
                    unread.append(f"{git.printable(blob.path)}: {blob.problem}")
                continue
            result, proofs = self._judge(blob, blob.content, includes)
            paths += len(blob.path) * len(result.findings)
            found += [
                Located(blob.path, finding, proof)
                for finding, proof in zip(result.findings, proofs, strict=True)
            ]
            dropped += [(blob.path, each) for each in result.dropped]
            if result.edits:
                size += len(blob.content)
                git.large(size)
                if size > MAX_CHANGED:
                    raise git.BoundExceeded(
                        f"the files to change are over the limit of {MAX_CHANGED >> 20} MiB in "
                        f"all: use --include or --exclude"
                    )
                files.append(_changed(blob, blob.content, result, len(base.commit)))
        check_found(len(found), paths)
        files.sort(key=lambda file: file.path)
        found.sort(key=lambda located: (located.path, located.finding.line))
        unproved, stage = None, Stage.SCANNED
        proving = bool(files) and self._selection.proof != "off"
        if proving:
            from patcher.campaign.prove import without_refuted

            found, files, unproved, stage = without_refuted(found, files, self._selection.proof)
        target = Target(
            repository=self.repository.place,
            base=base.ref,
            commit=base.commit,
            outcome=Outcome.SCANNED,
            stage=stage,
            error="; ".join(filter(None, (_unread(missing), unproved))) or None,
            note="; ".join(filter(None, (_unread(harmless), named.note()))) or None,
            cause="unread files" if missing else "not proved" if unproved else None,
            findings=tuple(found),
            files=tuple(files),
            dropped=_first(dropped),
            read=not missing,
        )
        if search.scope is not None and not proving and not harmless:
            self._cache.learn(target, search.scope)
        if not self._contents:
            return without_contents(target)
        if not files:
            return target
        from patcher.campaign.checksums import noted

        found = noted(self.repository, base.commit, files, found, jobs=self._jobs, shared=shared)
        return replace(target, findings=tuple(found))

    def _judge(
        self, blob: git.Blob, content: bytes, includes: InRepository
    ) -> tuple[Result, Sequence[Proof | None]]:
        result = self._cache.judged(blob.path, blob.oid)
        if result is not None and not (result.edits and self._selection.proof != "off"):
            return result, [None] * len(result.findings)
        name = blob.path.decode("utf-8", "surrogateescape")
        there = includes.of(blob.path)
        there.used = False
        result, proofs = judge(name, content, self._selection, there)
        if not there.used:
            self._cache.keep(blob.path, blob.oid, result)
        return result, proofs

    def _unjudged(self, blob: git.Blob) -> list[Located]:
        ids = [migration.id for migration in self._selection.migrations]
        return [Located(blob.path, finding) for finding in unread(ids, blob.problem or "")]


def _first(dropped: list[tuple[bytes, Dropped]]) -> tuple[tuple[bytes, Dropped], ...]:
    dropped.sort(key=lambda pair: (pair[0], pair[1].line))
    return tuple(dropped[:MAX_DROPPED])


def check_found(number: int, paths: int) -> None:
    """Raise BoundExceeded for more findings than one commit may have, or whose ``paths`` take more
    bytes in all."""
    if number > MAX_FOUND:
        raise git.BoundExceeded(f"more than {MAX_FOUND} findings: use --include or --exclude")
    check_paths(paths, "findings")


def check_paths(size: int, of: str) -> None:
    """Raise BoundExceeded where paths take more bytes than those of one commit may."""
    if size > MAX_PATHS:
        raise git.BoundExceeded(
            f"the paths of its {of} are over the limit of {MAX_PATHS >> 20} MiB in all: use "
            f"--include or --exclude"
        )


def judge(
    name: str, content: bytes, selection: Selection, includes: Includes | None = None
) -> tuple[Result, Sequence[Proof | None]]:
    """What the engine says of one file, each edit proved in it; and where the selection asks for
    it, what AppArmor's own parser says of each finding's edit. ``includes``: the files that policy
    there includes."""
    from patcher import proof

    with git.in_turns(), timed(git.time_left, git.GitError):
        git.large(len(content), _LARGE)
        judged = proof.judge(name, content, selection, includes)
        result = judged.result
        proved: Sequence[Proof | None] = [None] * len(result.findings)
        if result.edits and selection.proof != "off":
            from patcher.campaign.prove import proofs

            proved = proofs(judged, selection, selection.proof)
        more = seccomp_findings(name, content, selection)
        if more:
            result = replace(result, findings=(*result.findings, *more))
        return result, [*proved, *[None] * len(more)]


def matching(
    repository: git.Repository,
    base: git.Base,
    selection: Selection,
    *,
    jobs: int | Callable[[], int] = 1,
    shared: git.Objects | None = None,
    memory: git.Memory | None = None,
    always: frozenset[bytes] = frozenset(),
    gitlinks: Callable[[int, Sequence[bytes]], object] = lambda number, paths: None,
) -> Iterator[git.Blob]:
    """The files at ``base`` that may hold a profile, and those that are ``always`` wanted, as
    `git.Query` says. Raises GitError, also for too many."""
    query = git.Query(
        patterns=tuple(SEARCH),
        matches=searched,
        max_bytes=selection.max_bytes,
        wanted=selection.wanted(),
        is_binary=is_binary,
        always=always,
    )
    found = git.search(
        repository,
        base.commit,
        query,
        jobs=jobs,
        shared=shared,
        memory=memory,
        meanwhile=_prepare,
        gitlinks=gitlinks,
    )
    paths = 0
    for number, blob in enumerate(found):
        paths += len(blob.path)
        check_paths(paths, "files with network rules")
        if number >= MAX_MATCHES:
            raise git.BoundExceeded(
                f"more than {MAX_MATCHES} files have network rules: use --include or --exclude"
            )
        yield blob


def _prepare() -> None:
    """Import what judges a file while other processes search a large repository: it takes a tenth
    of a second."""
    from patcher import proof

    proof.prepare()


def _changed(blob: git.Blob, content: bytes, result: Result, hexsize: int) -> ChangedFile:
    return ChangedFile(
        path=blob.path,
        mode=blob.mode,
        old_oid=blob.oid,
        new_oid=blob_id(result.content, hexsize),
        old=content,
        new=result.content,
        edits=result.edits,
    )


def _unread(files: Sequence[str]) -> str | None:
    if not files:
        return None
    if len(files) == 1:
        return files[0]
    return f"{len(files)} files could not be read, the first is {files[0]}"

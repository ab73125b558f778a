"""What is in one repository at one base, and what would be committed there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from patcher import engine, git, proof
from patcher.campaign.target import ChangedFile, Located, Outcome, Target
from patcher.engine import Finding, Status
from patcher.migrations import Migration, builtin


@dataclass(frozen=True, slots=True)
class Selection:
    """What to look for, and where."""

    migrations: tuple[Migration, ...] = field(default_factory=lambda: builtin()[:1])
    profiles: engine.Profiles = "moby"
    docs: bool = False
    comment: bool = False
    max_bytes: int = engine.MAX_BYTES
    include: tuple[str, ...] = ()
    """Patterns as in gitignore(5); none: every file."""
    exclude: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()
    """Branches, globs of branches, tags or commits; none: the repository's default base."""


class Looker:
    """Looks at one base after another of one repository: a blob that several of them share is
    judged once."""

    def __init__(self, repository: git.Repository, selection: Selection, *, jobs: int = 1) -> None:
        self._repository = repository
        self._selection = selection
        self._jobs = jobs
        self._wanted = None
        if selection.include or selection.exclude:
            from patcher.campaign.globs import chooser

            self._wanted = chooser(selection.include, selection.exclude)
        self._judged: dict[tuple[bytes, str], engine.Result] = {}

    def look(self, base: git.Base) -> Target:
        """The findings at ``base``, and the files that their edits change. Raises GitError."""
        found: list[Located] = []
        files: list[ChangedFile] = []
        unread: list[str] = []
        for blob in git.search(
            self._repository,
            base.commit,
            patterns=engine.SEARCH,
            wanted=self._wanted,
            max_bytes=self._selection.max_bytes,
            jobs=self._jobs,
        ):
            if blob.content is None:
                if blob.size is not None and blob.size > self._selection.max_bytes:
                    found += self._unjudged(blob)
                else:
                    unread.append(f"{git.printable(blob.path)}: {blob.problem}")
                continue
            result = self._judge(blob, blob.content)
            found += [Located(blob.path, finding) for finding in result.findings]
            if result.edits:
                files.append(_changed(blob, blob.content, result, len(base.commit)))
        files.sort(key=lambda file: file.path)
        found.sort(key=lambda located: (located.path, located.finding.line))
        if files:
            from patcher.campaign import checksums

            found = checksums.noted(self._repository, base.commit, files, found)
        return Target(
            repository=str(self._repository.path),
            base=base.ref,
            commit=base.commit,
            outcome=Outcome.SCANNED,
            error=_unread(unread),
            findings=tuple(found),
            files=tuple(files),
        )

    def _judge(self, blob: git.Blob, content: bytes) -> engine.Result:
        key = blob.path, blob.oid
        result = self._judged.get(key)
        if result is None:
            result = proof.patch(
                blob.path.decode("utf-8", "surrogateescape"),
                content,
                migrations=self._selection.migrations,
                profiles=self._selection.profiles,
                docs=self._selection.docs,
                comment=self._selection.comment,
                max_bytes=self._selection.max_bytes,
            )
            if not result.edits:
                result = replace(result, content=b"")  # the old content need not be kept
            self._judged[key] = result
        return result

    def _unjudged(self, blob: git.Blob) -> list[Located]:
        return [
            Located(
                blob.path,
                Finding(
                    line=1,
                    profile="",
                    host="file",
                    status=Status.UNDER_INVESTIGATION,
                    moby_style=False,
                    reason=blob.problem or "",
                    evidence=(),
                    migration=migration.id,
                ),
            )
            for migration in self._selection.migrations
        ]


def _changed(blob: git.Blob, content: bytes, result: engine.Result, hexsize: int) -> ChangedFile:
    return ChangedFile(
        path=blob.path,
        mode=blob.mode,
        old_oid=blob.oid,
        new_oid=_oid(result.content, hexsize),
        old=content,
        new=result.content,
        edits=result.edits,
    )


def _oid(content: bytes, hexsize: int) -> str:
    """The object id that git gives a blob (gitformat-object: header, NUL, content)."""
    import hashlib

    make = hashlib.sha1 if hexsize == 40 else hashlib.sha256
    return make(b"blob %d\0%s" % (len(content), content), usedforsecurity=False).hexdigest()


def _unread(files: Sequence[str]) -> str | None:
    if not files:
        return None
    if len(files) == 1:
        return files[0]
    return f"{len(files)} files could not be read, the first is {files[0]}"

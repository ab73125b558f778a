"""Profiles in repositories and in files outside git, as AppArmor's own parser compiles them."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from patcher import git, interrupts, proof
from patcher.campaign import bases, files, included, replace
from patcher.campaign.includes import InRepository, beside, system
from patcher.campaign.look import check_found, matching
from patcher.campaign.selection import Selection
from patcher.policy.bounds import timed
from patcher.policy.judgement import Includes
from patcher.policy.search import is_binary
from patcher.proof.parser import Parser, Unusable
from patcher.proof.verify import TooMuch, verify
from patcher.results import Outcome, Standing, Target, Totals, Verified


def run(
    names: Iterable[str],
    selection: Selection,
    parser: Parser,
    timeout: float | None = None,
    totals: Totals | None = None,
) -> Iterator[Verified]:
    """What stands in each file that is named, or lies in a repository or folder that is named.

    A folder with repositories in it stands for these, any other one for the files below it.
    ``timeout``: seconds for one repository, and for one file outside of any. ``totals``: counts the
    bases and files that are looked at, and what matches the globs.
    """
    totals = Totals() if totals is None else totals
    for name in names:
        path = Path(name)
        if path.is_dir() and not path.is_symlink():
            found = [item for item in git.discover([path]) if _inside(item, path)]
            for item in found:
                yield from _limited(_repository(item, selection, parser, totals), timeout)
            if found:
                continue
        for found_file in files.meant([name], selection):
            file = found_file.path
            place = os.fsencode(file)
            totals.add(Target(str(file), None, None, Outcome.SCANNED))
            try:
                with replace.opened(found_file, selection.max_bytes) as opened:
                    content = opened.content
            except OSError as error:
                yield Verified(None, None, place, error=error.strerror or str(error))
                continue
            if len(content) > selection.max_bytes:
                if not is_binary(content):
                    limit = f"is over the limit of {selection.max_bytes} bytes (--max-size)"
                    yield Verified(None, None, place, error=limit)
                continue
            try:
                with git.limited(timeout):
                    standings, unread = _standings(
                        str(file), content, selection, parser, beside(file)
                    )
            except git.GitTimeout as error:
                yield Verified(None, None, place, error=str(error))
                continue
            if standings or unread:
                yield Verified(None, None, place, standings, unread)


def _limited(verified: Iterator[Verified], timeout: float | None) -> Iterator[Verified]:
    """The same, within so many seconds that are spent on it."""
    spent = 0.0
    while True:
        started = git.clock()
        with git.limited(timeout, spent):
            one = next(verified, None)
        spent += git.clock() - started
        if one is None:
            return
        yield one


def _inside(item: git.Repository | git.Failure, path: Path) -> bool:
    """Whether a folder is, or holds, this repository; it may also be a folder inside of one, or
    have nothing to do with git."""
    if isinstance(item, git.Failure) and item.path.resolve() == path.resolve():
        return (path / ".git").exists()
    return item.path.resolve().is_relative_to(path.resolve())


def _standings(
    name: str, content: bytes, selection: Selection, parser: Parser, includes: Includes
) -> tuple[tuple[Standing, ...], str | None]:
    """The standings, or why the file is not read."""
    try:
        with timed(git.time_left, git.GitError):
            findings = proof.judge(name, content, selection, includes).result.findings
            if b"\0" in content:  # reported as a whole, if at all
                return (), next((finding.reason for finding in findings), None)
            standings = verify(
                name,
                content,
                findings,
                selection.migrations,
                parser,
                find=includes.find,
                docs=selection.docs,
            )
    except TooMuch as error:
        return (), f"{error}, so not read"
    except git.GitError:
        raise
    except Exception as error:
        interrupts.check(error)
        return (), str(error) if isinstance(error, Unusable) else proof.UNREADABLE
    return tuple(standings), None


def _repository(
    item: git.Repository | git.Failure, selection: Selection, parser: Parser, totals: Totals
) -> Iterator[Verified]:
    place = str(item.path)
    if isinstance(item, git.Failure):
        yield Verified(place, None, b"", error=item.error)
        return
    target = Target(place, None, None, Outcome.SCANNED)
    try:
        found, missing, globs = bases.chosen(item, selection.bases)
        target = dataclasses.replace(target, globs=globs)
        for reason in missing:
            yield Verified(place, None, b"", error=reason)
        for base in found:
            target = dataclasses.replace(target, base=base.ref, commit=base.commit)
            files_meant = [glob for glob in selection.include if not glob.startswith("!")]
            totals.add(
                dataclasses.replace(target, included=included.matched(item, target, files_meant))
            )
            if base.note is not None:
                yield Verified(place, base.ref, b"", note=base.note)
            with (
                git.checked_once(),
                InRepository(item, base.commit, otherwise=system) as includes,
            ):
                yield from _base(item, base, includes, selection, parser)
        if not found:
            totals.add(target)
    except git.UnbornHead as unborn:
        totals.add(target)
        yield Verified(place, None, b"", note=str(unborn))
    except git.GitError as error:
        yield Verified(place, None, b"", error=str(error))


def _base(
    item: git.Repository,
    base: git.Base,
    includes: InRepository,
    selection: Selection,
    parser: Parser,
) -> Iterator[Verified]:
    place, number, paths = str(item.path), 0, 0
    for blob in matching(item, base, selection):
        git.time_left()
        if blob.content is None:
            yield Verified(place, base.ref, blob.path, error=blob.problem)
            continue
        name = blob.path.decode("utf-8", "surrogateescape")
        there = includes.of(blob.path)
        standings, unread = _standings(name, blob.content, selection, parser, there)
        number += len(standings)
        paths += len(blob.path) * len(standings)
        check_found(number, paths)
        if standings or unread:
            yield Verified(place, base.ref, blob.path, standings, unread)

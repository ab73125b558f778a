"""Profiles as they stand: is a family denied in what they compile to?"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from patcher import hosts
from patcher.findings import Finding, Status
from patcher.hosts import Embedding
from patcher.migrations import Migration
from patcher.policy.bounds import Budget, TooMuch
from patcher.policy.candidates import Spans, candidates, united, within
from patcher.policy.reader import Profile, read
from patcher.proof.compiled import TYPES, Compiled, Socket
from patcher.proof.host import texts
from patcher.proof.parser import Outcome, Parser, expected
from patcher.proof.policy import SECONDS, compiled_names, left_out, read_roots, where
from patcher.proof.render import NotRendered, render
from patcher.proof.verdict import Answer, Standing

__all__ = ["TooMuch", "verify"]


def verify(
    path: str | PurePosixPath,
    content: bytes,
    findings: Sequence[Finding],
    migrations: Iterable[Migration],
    parser: Parser,
    *,
    docs: bool = False,
) -> list[Standing]:
    """The standing of each profile in a file. ``findings``: what reading says of the same file.

    A file of policy is compiled as it stands, with the includes that the system has; where that
    fails, and in every other kind of file, its profiles are rendered without their includes.
    ``docs``: also those that documentation quotes. Profiles that are not reached in ``SECONDS`` are
    ``unknown``. Raises Unusable, and TooMuch.
    """
    readings = _Readings(findings)
    deadline = time.monotonic() + SECONDS
    budget = Budget()
    sockets = {migration.id: _sockets(parser, migration) for migration in migrations}
    found: list[Standing] = []
    embeddings = list(_texts(PurePosixPath(path), content))
    if not embeddings and any(_is_policy(profile) for profile in _read_all(path, content)):
        # Hosts hand over only what may hold a network rule.
        whole = parser.compile(content, as_it_stands=True)
        if not whole.refusal:
            return list(_whole(whole, read(content), readings, sockets))
    for embedding, text, seen in embeddings:
        if embedding.documentation and not docs:
            continue
        roots = read_roots(text, budget)
        if seen:
            at = _offsets(embedding)
            roots = [(root, inside) for root, inside in roots if not within(seen, at(root.start))]
        profiles = [profile for _, inside in roots for profile in inside if profile.header]
        if embedding.host == "plain" and profiles:
            whole = parser.compile(text, as_it_stands=True)
            if not whole.refusal:
                found += _whole(whole, profiles, readings, sockets)
                continue
        for root, inside in roots:
            meant = [p for p in inside if p.header or readings.mention(p)]
            if not meant:
                continue
            outcomes: list[Outcome] = []
            if time.monotonic() > deadline:
                reason = f"compiling the profiles of one file takes more than {SECONDS:g} seconds"
            else:
                outcomes, reason = _rendered(text, root, parser)
            found += _each(outcomes, reason, meant, readings, sockets)
    return found


def _read_all(path: str | PurePosixPath, content: bytes) -> list[Profile]:
    """The profiles in a file that no host hands over. Raises TooMuch, if the file is policy."""
    try:
        return read(content)
    except TooMuch:
        from patcher.hosts import plain

        if plain.claims(PurePosixPath(path), content):
            raise
        return []


def _texts(path: PurePosixPath, content: bytes) -> Iterator[tuple[Embedding, bytes, Spans]]:
    """The policy texts in a file, with what other readings have seen of it: those of its host, and
    where rules may stand outside, those of the general line host."""
    found = list(texts(path, content, ()))
    for embedding, text in found:
        yield embedding, text, ()
    seen = united((e.lines[0].start, e.lines[-1].offset(len(e.lines[-1].text))) for e, _ in found)
    if next(candidates(content, seen), -1) >= 0:
        for embedding in hosts.fallback(path, content):
            if embedding.lines:
                yield embedding, embedding.text, seen


def _offsets(embedding: Embedding) -> Callable[[int], int]:
    """What tells the file offset of a position of the text."""
    starts = embedding.starts()

    def offset(position: int) -> int:
        line = bisect_right(starts, position) - 1
        return embedding.lines[line].offset(position - starts[line])

    return offset


def _is_policy(profile: Profile) -> bool:
    return profile.header and profile.leads and not profile.junk and bool(profile.rules)


def _sockets(parser: Parser, migration: Migration) -> frozenset[Socket]:
    """The sockets that the family's kernel side offers."""
    types = {TYPES[name] for name in migration.socket_types if name in TYPES}
    closed = expected(parser, migration.rule).closed
    return frozenset(socket for socket in closed if socket[1] in types) or closed


class _Readings:
    """What reading says of a file."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        order = (Status.AFFECTED, Status.UNDER_INVESTIGATION, Status.FIXED, Status.NOT_AFFECTED)
        self.worst: dict[tuple[str, str], Finding] = {}
        """The worst finding, by migration and profile."""
        for finding in findings:
            key = finding.migration, finding.profile
            other = self.worst.get(key)
            if other is None or order.index(finding.status) < order.index(other.status):
                self.worst[key] = finding
        self.fragments = any(not profile for _, profile in self.worst)

    def of(self, profile: Profile | None, migration: str) -> tuple[int, Status | None]:
        """Where, and what, reading says of a profile: the worst of its findings."""
        worst = None if profile is None else self.worst.get((migration, profile.name))
        return (0, None) if worst is None else (worst.line, worst.status)

    def mention(self, profile: Profile) -> bool:
        """Whether reading takes a fragment for a part of a profile."""
        return self.fragments and any(True for _ in profile.network_rules)


def _rendered(text: bytes, root: Profile, parser: Parser) -> tuple[list[Outcome], str]:
    """What each rendering compiles to; and why there is none, or what had to be left out."""
    try:
        renderings = render(text, root)
    except NotRendered as error:
        return [], str(error)
    outcomes, most = [], 0
    for rendering in renderings:
        outcome, left = left_out(parser, rendering)
        if outcome.refusal:
            return [], where(outcome.refusal, rendering)
        outcomes.append(outcome)
        most = max(most, len(left))
    return outcomes, f"without {most} rules that template actions fill in" if most else ""


def _whole(
    outcome: Outcome,
    profiles: Sequence[Profile],
    readings: _Readings,
    sockets: dict[str, frozenset[Socket]],
) -> Iterator[Standing]:
    """Of each profile that was compiled, whatever was read."""
    names = {name: profile for profile in profiles for name in compiled_names(profile)}
    for compiled in outcome.profiles:
        profile = names.get(compiled.name)
        for migration, wanted in sockets.items():
            answer, reason = _answer([compiled], wanted)
            line, reading = readings.of(profile, migration)
            yield Standing(line, compiled.name, migration, answer, reading, reason)


def _each(
    outcomes: Sequence[Outcome],
    reason: str,
    profiles: Sequence[Profile],
    readings: _Readings,
    sockets: dict[str, frozenset[Socket]],
) -> Iterator[Standing]:
    compiled: dict[str, list[Compiled]] = {}
    for outcome in outcomes:
        for each in outcome.profiles:
            compiled.setdefault(each.name, []).append(each)
    for profile in profiles:
        name = "//".join(reversed([each.name for each in _nesting(profile)]))
        for migration, wanted in sockets.items():
            there = [each for meant in compiled_names(profile) for each in compiled.get(meant, ())]
            line, reading = readings.of(profile, migration)
            if there:
                answer, why = _answer(there, wanted)
            else:
                answer, why = Answer.UNKNOWN, "" if reason else "it is not among what was compiled"
            told = "; ".join(part for part in (why, reason) if part)
            yield Standing(line, name, migration, answer, reading, told)


def _nesting(profile: Profile) -> Iterator[Profile]:
    at: Profile | None = profile
    while at is not None:
        yield at
        at = at.parent


def _answer(compiled: Sequence[Compiled], wanted: frozenset[Socket]) -> tuple[Answer, str]:
    """Allowed where any way in which the template comes out allows it."""
    if any(not each.mediated for each in compiled):
        return Answer.ALLOWED, "it is compiled for an ABI that does not speak of sockets"
    opened = [each for each in compiled if each.open & wanted]
    if not opened:
        return Answer.DENIED, ""
    if len(opened) < len(compiled):
        return Answer.ALLOWED, "in some of the ways in which its template comes out"
    return Answer.ALLOWED, ""

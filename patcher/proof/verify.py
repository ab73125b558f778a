"""Profiles as they stand: is a family denied in what they compile to?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from patcher import hosts
from patcher.findings import Finding, Status
from patcher.hosts import Embedding
from patcher.migrations import Migration
from patcher.policy.candidates import Spans, candidates, united, within
from patcher.policy.reader import Profile, read
from patcher.proof.compiled import TYPES, Compiled, Socket
from patcher.proof.host import texts
from patcher.proof.parser import Outcome, Parser, expected
from patcher.proof.policy import compiled_names, left_out, read_roots, where
from patcher.proof.render import NotRendered, render
from patcher.proof.verdict import Answer, Standing


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
    ``docs``: also those that documentation quotes. Raises Unusable.
    """
    sockets = {migration.id: _sockets(parser, migration) for migration in migrations}
    found: list[Standing] = []
    embeddings = list(_texts(PurePosixPath(path), content))
    if not embeddings and any(_is_policy(profile) for profile in read(content)):
        # Hosts hand over only what may hold a network rule.
        whole = parser.compile(content, as_it_stands=True)
        if not whole.refusal:
            return list(_whole(whole, read(content), findings, sockets))
    for embedding, text, seen in embeddings:
        if embedding.documentation and not docs:
            continue
        roots = [
            (root, inside)
            for root, inside in read_roots(text)
            if not within(seen, _offset(embedding, text, root.start))
        ]
        profiles = [profile for _, inside in roots for profile in inside if profile.header]
        if embedding.host == "plain" and profiles:
            whole = parser.compile(text, as_it_stands=True)
            if not whole.refusal:
                found += _whole(whole, profiles, findings, sockets)
                continue
        for root, inside in roots:
            meant = [p for p in inside if p.header or _mentioned(p, findings)]
            if meant:
                outcomes, reason = _rendered(text, root, parser)
                found += _each(outcomes, reason, meant, findings, sockets)
    return found


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
                yield embedding, b"\n".join(line.text for line in embedding.lines), seen


def _offset(embedding: Embedding, text: bytes, position: int) -> int:
    """The file offset of a position of the text."""
    line = text.count(b"\n", 0, position)
    return embedding.lines[line].offset(position - text.rfind(b"\n", 0, position) - 1)


def _is_policy(profile: Profile) -> bool:
    return profile.header and profile.leads and not profile.junk and bool(profile.rules)


def _sockets(parser: Parser, migration: Migration) -> frozenset[Socket]:
    """The sockets that the family's kernel side offers."""
    types = {TYPES[name] for name in migration.socket_types if name in TYPES}
    closed = expected(parser, migration.rule).closed
    return frozenset(socket for socket in closed if socket[1] in types) or closed


def _mentioned(profile: Profile, findings: Iterable[Finding]) -> bool:
    """Whether reading takes a fragment for a part of a profile."""
    return bool(list(profile.network_rules)) and any(not f.profile for f in findings)


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
    findings: Sequence[Finding],
    sockets: dict[str, frozenset[Socket]],
) -> Iterator[Standing]:
    """Of each profile that was compiled, whatever was read."""
    names = {name: profile for profile in profiles for name in compiled_names(profile)}
    for compiled in outcome.profiles:
        profile = names.get(compiled.name)
        for migration, wanted in sockets.items():
            answer, reason = _answer([compiled], wanted)
            line, reading = _read(profile, migration, findings)
            yield Standing(line, compiled.name, migration, answer, reading, reason)


def _each(
    outcomes: Sequence[Outcome],
    reason: str,
    profiles: Sequence[Profile],
    findings: Sequence[Finding],
    sockets: dict[str, frozenset[Socket]],
) -> Iterator[Standing]:
    for profile in profiles:
        name = "//".join(reversed([each.name for each in _nesting(profile)]))
        for migration, wanted in sockets.items():
            meant = compiled_names(profile)
            there = [c for outcome in outcomes for c in outcome.profiles if c.name in meant]
            line, reading = _read(profile, migration, findings)
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


def _read(
    profile: Profile | None, migration: str, findings: Sequence[Finding]
) -> tuple[int, Status | None]:
    """Where, and what, reading says of a profile: the worst of its findings."""
    if profile is None:
        return 0, None
    order = (Status.AFFECTED, Status.UNDER_INVESTIGATION, Status.FIXED, Status.NOT_AFFECTED)
    meant = [f for f in findings if f.migration == migration and f.profile == profile.name]
    worst = min(meant, key=lambda finding: order.index(finding.status), default=None)
    return (0, None) if worst is None else (worst.line, worst.status)

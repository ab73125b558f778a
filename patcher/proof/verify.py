"""Profiles as they stand: is a family denied in what they compile to?

The answer holds for every text that the file can produce: where actions of a template, or includes
that are not found, may put in any rule, the profile is compiled without them and with ``network,``
in their place.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from patcher import hosts
from patcher.findings import Finding, Status
from patcher.hosts import Document, Embedding, Text
from patcher.hosts.embedding import region
from patcher.migrations import Migration
from patcher.policy.bounds import Budget, TooMuch
from patcher.policy.header import UNKNOWN_FLAGS
from patcher.policy.includes import Find, nothing
from patcher.policy.reader import Profile, read
from patcher.policy.search import Spans, within
from patcher.proof.abi import NONE, Abi, declared
from patcher.proof.choices import NotRendered
from patcher.proof.compiled import TYPES, Compiled, Socket
from patcher.proof.includes import Endless, put_in
from patcher.proof.parser import Outcome, Parser, expected
from patcher.proof.policy import (
    FLAGS_NOT_KNOWN,
    SECONDS,
    as_template,
    compiled_names,
    left_out,
    read_roots,
    where,
    without,
)
from patcher.proof.render import Rendering, render
from patcher.results import Answer, Standing

__all__ = ["TooMuch", "verify"]

_TOO_LONG = f"compiling the profiles of one file takes more than {SECONDS:g} seconds"
_NOT_CLOSED = (Status.AFFECTED, Status.UNDER_INVESTIGATION)
_PROGRAM = "its program may leave out what denies the family"
_TOO_MANY = "the template makes too many choices that decide about network rules"
_MOST_GUESSES = 3
"""Of what may put in a rule, those that an answer names."""
_NO_RULE = b" "
_ANY_RULE = b" network,\n"
"""The rule in the place of what is not known: a deny of the family wins over it."""


def verify(
    path: str,
    content: bytes,
    findings: Sequence[Finding],
    migrations: Iterable[Migration],
    parser: Parser,
    *,
    find: Find = nothing,
    docs: bool = False,
) -> list[Standing]:
    """The standing of each profile in a file. ``findings``: what reading says of the same file.

    A file of policy is compiled as it stands; where that fails, and in every other kind of file,
    its profiles are rendered. ``find``: looks up what they include. ``docs``: also those that
    documentation quotes. Profiles that are not reached in ``SECONDS``, and findings for which there
    is nothing to compile, are not decidable. Raises Unusable, and TooMuch.
    """
    document = hosts.read(path, content)
    compiled = _File(findings, migrations, parser, find)
    texts: list[tuple[Text, bytes, Spans]]
    texts = [(text, as_template(text, every=True), ()) for text in document.texts]
    texts += [(text, text.text, document.spans) for text in document.others]
    if not texts and any(map(_is_policy, _all_profiles(document))):
        # Hosts hand over only what may hold a network rule.
        whole = Text.of(Embedding("plain", region(content, 0, len(content))), compiled.budget)
        texts = [(whole, whole.text, ())]
    compiled.abis = _abis(template for _, template, _ in texts)
    for text, template, seen in texts:
        if docs or not text.embedding.documentation:
            compiled.take(text, template, seen)
    compiled.found += compiled.readings.left(docs)
    return compiled.found


class _File:
    """Compiles the profiles of one file."""

    def __init__(
        self,
        findings: Iterable[Finding],
        migrations: Iterable[Migration],
        parser: Parser,
        find: Find,
    ) -> None:
        self.readings = _Readings(findings)
        self.sockets = {migration.id: _sockets(parser, migration) for migration in migrations}
        self.parser = parser
        self.find = find
        self.abis: tuple[Abi, ...] = (NONE,)
        """What the file declares anywhere, for texts that declare nothing."""
        self.deadline = time.monotonic() + SECONDS
        self.in_program = False
        """Whether a program may leave out some of the text: an early return, say, which only
        reading follows."""
        self.budget = Budget()
        self.found: list[Standing] = []

    def take(self, source: Text, text: bytes, seen: Spans) -> None:
        """Add what stands in the template that was made of a text, but outside of ``seen``."""
        self.in_program = bool(source.breaks)
        roots = read_roots(source, text, self.budget)
        roots = [each for each in roots if not within(seen, source.offset(each[0].start))]
        profiles = [profile for _, inside in roots for profile in inside if profile.header]
        abis = declared(text)
        if source.embedding.host == "plain" and profiles and abis[0].here:
            found = self.whole(text, profiles)
            if found:
                self.found += found
                return
        if abis == (NONE,):
            abis = self.abis
        for root, inside in roots:
            meant = [p for p in inside if p.header or self.readings.mention(p)]
            if meant:
                self.found += self.rendered(text, root, meant, abis)

    def whole(self, text: bytes, profiles: Sequence[Profile]) -> list[Standing]:
        """The standings of a file of policy as it stands; none where it does not compile."""
        try:
            included = put_in(text, self.find)
        except Endless:
            return []
        best = self.parser.compile(included.filled(_NO_RULE), as_here=True)
        if best.refusal:
            return []
        worst = self.parser.compile(included.filled(_ANY_RULE), as_here=True)
        names = {name: profile for profile in profiles for name in compiled_names(profile)}
        found: list[Standing] = []
        for compiled in best.profiles:
            profile = names.get(compiled.name)
            other = [each for each in worst.profiles if each.name == compiled.name]
            ways = _Ways([compiled], other, self.unpinned(declared(text)))
            ways.guesses = [f"include <{name}>" for name in included.names]
            found += self.standings(compiled.name, profile, ways)
        return found

    def rendered(
        self, text: bytes, root: Profile, profiles: Sequence[Profile], abis: Sequence[Abi]
    ) -> Iterator[Standing]:
        """The standings of what stands in an outermost profile, or in a fragment."""
        best: list[Outcome] = []
        worst: list[Outcome] = []
        guesses: dict[str, None] = {}
        notes: dict[str, None] = {}
        failure = ""
        try:
            for abi in abis:
                for unknown, outcomes in ((_NO_RULE, best), (_ANY_RULE, worst)):
                    for rendering, outcome, note in self.outcomes(text, root, abi, unknown):
                        outcomes.append(outcome)
                        notes[note] = None
                        guesses |= dict.fromkeys(map(_shown, rendering.guesses))
        except NotRendered as error:
            failure = str(error)
        for profile in profiles:
            name = "//".join(reversed([each.name for each in _nesting(profile)]))
            meant = compiled_names(profile)
            ways = _Ways(_named(best, meant), _named(worst, meant), self.unpinned(abis))
            ways.guesses = list(guesses)
            ways.notes = [note for note in notes if note]
            if any(UNKNOWN_FLAGS in each.flags for each in _nesting(profile)):
                failure = failure or FLAGS_NOT_KNOWN
            ways.failure = failure
            yield from self.standings(name, profile, ways)

    def outcomes(
        self, text: bytes, root: Profile, abi: Abi, unknown: bytes
    ) -> Iterator[tuple[Rendering, Outcome, str]]:
        """Each rendering, what it compiles to, and what had to be left out. Raises NotRendered."""
        if abi.missing:
            raise NotRendered(abi.missing)
        if time.monotonic() > self.deadline:
            raise NotRendered(_TOO_LONG)
        complete = True
        for rendering in render(text, root, abi=abi.rule, unknown=unknown, find=self.find):
            if time.monotonic() > self.deadline:
                raise NotRendered(_TOO_LONG)
            outcome, left = left_out(self.parser, rendering, as_here=True)
            if outcome.refusal:
                raise NotRendered(where(outcome.refusal, rendering))
            yield rendering, outcome, without(rendering, left)
            complete = rendering.complete
        if not complete:
            raise NotRendered(_TOO_MANY)

    def unpinned(self, abis: Sequence[Abi]) -> str:
        """Why profiles may be compiled without network rules."""
        named = [abi.name for abi in abis if abi.name]
        if named:
            return f"{named[0]} does not mediate sockets"
        return "it has no abi rule, and parser.conf pins no features that mediate sockets"

    def standings(self, name: str, profile: Profile | None, ways: _Ways) -> Iterator[Standing]:
        for migration, wanted in self.sockets.items():
            answer, reason = ways.answer(wanted)
            line, reading = self.readings.of(profile, migration)
            if answer is Answer.DENIED and self.in_program and reading in _NOT_CLOSED:
                answer, reason = Answer.UNDECIDED, _PROGRAM
            yield Standing(line, name, migration, answer, reading, reason)


class _Ways:
    """What a profile is compiled to, in each way in which its text may come out."""

    def __init__(
        self, best: Sequence[Compiled], worst: Sequence[Compiled], unmediated: str
    ) -> None:
        """``best``: with nothing in the place of what is not known; ``worst``: with a rule that
        allows every family. ``unmediated``: why they may be compiled without network rules."""
        self.best, self.worst = best, worst
        self.unmediated = unmediated
        self.guesses: list[str] = []
        """What is not known."""
        self.notes: list[str] = []
        self.failure = ""
        """Not empty: why not each of the ways could be compiled."""

    def answer(self, wanted: frozenset[Socket]) -> tuple[Answer, str]:
        """Whether these sockets are denied in all of them."""
        answer, reason = self._answer(wanted)
        return answer, "; ".join(filter(None, [reason, *self.notes]))

    def _answer(self, wanted: frozenset[Socket]) -> tuple[Answer, str]:
        opened = [each for each in self.best if each.mediated and each.open & wanted]
        if opened:
            some = "in some of the ways in which its template comes out"
            return Answer.ALLOWED, some if len(opened) < len(self.best) else ""
        if self.failure or not self.best or not self.worst:
            return Answer.UNDECIDED, self.failure or "it is not among what was compiled"
        if not all(each.mediated for each in (*self.best, *self.worst)):
            why = f"{self.unmediated}, so no network rule is compiled and most kernels allow all"
            return Answer.UNDECIDED, why
        if any(each.open & wanted for each in self.worst):
            named = ", ".join(f"`{guess}`" for guess in self.guesses[:_MOST_GUESSES])
            named = named or "what template actions fill in"
            return Answer.UNDECIDED, f"a rule that allows it may come of {named}"
        return Answer.DENIED, ""


def _named(outcomes: Iterable[Outcome], names: set[str]) -> list[Compiled]:
    return [each for outcome in outcomes for each in outcome.profiles if each.name in names]


def _shown(guess: bytes) -> str:
    return guess.decode("utf-8", "replace")[:80]


def _abis(found: Iterable[bytes]) -> tuple[Abi, ...]:
    """What the texts of a file declare; several may make one policy."""
    every = dict.fromkeys(abi for text in found for abi in declared(text))
    return tuple(every)


def _all_profiles(document: Document) -> list[Profile]:
    """The profiles in a file that no host hands over. Raises TooMuch, if the file is policy."""
    try:
        return read(document.content)
    except TooMuch:
        from patcher.hosts import plain

        if plain.claims(PurePosixPath(document.path), document.content):
            raise
        return []


def _is_policy(profile: Profile) -> bool:
    return profile.header and profile.leads and not profile.junk and bool(profile.rules)


def _sockets(parser: Parser, migration: Migration) -> frozenset[Socket]:
    """The sockets that the family's kernel side offers."""
    types = {TYPES[name] for name in migration.socket_types if name in TYPES}
    closed = expected(parser, migration.rule).closed
    return frozenset(socket for socket in closed if socket[1] in types) or closed


def _nesting(profile: Profile) -> Iterator[Profile]:
    at: Profile | None = profile
    while at is not None:
        yield at
        at = at.parent


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
        self.used: set[tuple[str, str]] = set()

    def of(self, profile: Profile | None, migration: str) -> tuple[int, Status | None]:
        """Where, and what, reading says of a profile: the worst of its findings."""
        key = migration, "" if profile is None else profile.name
        worst = None if profile is None else self.worst.get(key)
        if worst is None:
            return 0, None
        self.used.add(key)
        return worst.line, worst.status

    def mention(self, profile: Profile) -> bool:
        """Whether reading takes a fragment for a part of a profile."""
        return self.fragments and any(True for _ in profile.network_rules)

    def left(self, docs: bool) -> list[Standing]:
        """Standings for the findings of which nothing was compiled."""
        return [
            Standing(
                finding.line,
                profile,
                migration,
                Answer.UNDECIDED,
                finding.status,
                f"nothing of it could be compiled; {finding.reason}",
            )
            for (migration, profile), finding in self.worst.items()
            if (migration, profile) not in self.used and (docs or not finding.documentation)
        ]

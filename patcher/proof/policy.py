"""Policy proof: what AppArmor's parser compiles differs by the denies of the family, and nothing
else.

Compared are the parser's listing of the rules, line by line with what the inserted rule adds in a
known case, and the profiles as the kernel would load them: which sockets may be created, and all
that is not a state machine (flags, capabilities, limits).
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import field
from itertools import groupby

from patcher import interrupts
from patcher.findings import Finding
from patcher.hosts import Document, Line, Text
from patcher.migrations import Migration
from patcher.policy import reader
from patcher.policy.bounds import Budget, pass_on, time_left, timed
from patcher.policy.header import UNKNOWN_FLAGS
from patcher.policy.patterns import regex
from patcher.policy.reader import Profile
from patcher.proof.abi import NONE, declared
from patcher.proof.choices import NotRendered
from patcher.proof.compiled import Compiled, Socket
from patcher.proof.host import moved
from patcher.proof.parser import Effect, Outcome, Parser, Unusable, expected
from patcher.proof.render import (
    STAND_IN,
    Rendering,
    outermost,
    render_both,
    stand_in,
)
from patcher.results import Proof, Verdict
from patcher.values import dataclass

_MOST_LINES = 40
"""Lines of a listing that are kept to show a refuted edit."""
_ATTEMPTS = 8
SECONDS = 20.0
"""For all the profiles of one file."""
_MOST_RENDERED = 1 << 23
"""Bytes of all the renderings of one file."""
FLAGS_NOT_KNOWN = "which flags it has is up to its template, and some confine nothing"
_TOO_LONG = f"proving the profiles of one file takes more than {SECONDS:g} seconds"
_PRIORITY = regex(rb"(priority=[-+]?\d+)[ \t]+(?:audit[ \t]+)?deny[ \t]+network")
_AT_LINE = regex(r"(line )(\d+)")


def prove(
    before: Document,
    after: Document,
    findings: Iterable[Finding],
    migrations: Iterable[Migration],
    parser: Parser,
) -> list[Proof | None]:
    """The proof of each finding's edit; None for one without. ``after``: with all edits."""
    findings = list(findings)
    edited = [finding for finding in findings if finding.edit is not None]
    if not edited:
        return [None] * len(findings)
    try:
        file = _File(before, after, edited, tuple(migrations), parser)
        return [file.proof(f) if f.edit is not None else None for f in findings]
    except Exception as error:
        interrupts.check(error)
        pass_on(error)
        # Whatever a hostile text makes of this is no proof, and must stop nothing else.
        proof = Proof(
            Verdict.NOT_PROVABLE, parser.name, f"proving failed with {type(error).__name__}"
        )
        return [None if finding.edit is None else proof for finding in findings]


@dataclass(frozen=True, slots=True)
class _Root:
    """An outermost profile before and after."""

    profiles: tuple[Profile, ...]
    """It and all that stand in it, as they read before."""
    old: tuple[Rendering, ...]
    new: tuple[Rendering, ...]
    why: str = ""
    """Why there are no renderings."""
    names: dict[str, set[str]] = field(default_factory=dict)
    """Under which names each of the profiles may be compiled, by its name."""

    def __post_init__(self) -> None:
        for profile in self.profiles:
            self.names.setdefault(profile.name, set()).update(compiled_names(profile))

    @property
    def changed(self) -> bool:
        """Whether the edits made any difference to its text."""
        return self.old != self.new or bool(self.why)


class _File:
    """Proves the edits of one file."""

    def __init__(
        self,
        before: Document,
        after: Document,
        findings: Sequence[Finding],
        migrations: Sequence[Migration],
        parser: Parser,
    ) -> None:
        self.parser = parser
        self.wanted: dict[str, set[str]] = {}
        """The migrations of the findings, by profile."""
        for finding in findings:
            self.wanted.setdefault(finding.profile, set()).add(finding.migration)
        self.rules = {migration.id: migration.rule for migration in migrations}
        edits = sorted((f.edit for f in findings if f.edit is not None), key=lambda e: e.offset)
        old = [(t, as_template(t)) for t in before.texts_for(e.offset for e in edits)]
        new = [(t, as_template(t)) for t in after.texts_for(e.offset for e in moved(edits))]
        abis = [abi for _, template in old for abi in declared(template) if abi.name]
        abis.sort(key=lambda abi: not abi.is_unknown)
        self.abi = next((abi for abi in abis if not parser.mediates(abi.rule)), (*abis, NONE)[0])
        self.notes = [self.abi.missing] if self.abi.missing else []
        self.deadline = time.monotonic() + SECONDS
        self.left = _MOST_RENDERED
        self.roots: list[_Root] = []
        self.known: dict[tuple[str, str], Proof] = {}
        """By profile and migration."""
        self.same = len(old) == len(new)
        for one, other in zip(old, new, strict=False):
            self.roots += self.read(one, other)
        self.named: dict[str, list[_Root]] = {}
        for root in self.roots:
            for name in root.names:
                self.named.setdefault(name, []).append(root)

    def read(self, one: tuple[Text, bytes], other: tuple[Text, bytes]) -> list[_Root]:
        """The outermost profiles in a text, and what is made of it, before and after."""
        old, new = one[1], other[1]
        before, after = read_roots(*one), read_roots(*other)
        if len(before) != len(after):
            self.same = False
            return []
        found = []
        for (root, inside), (same, _) in zip(before, after, strict=True):
            if not any(profile.name in self.wanted for profile in inside):
                self.same = self.same and _as_written(old, root) == _as_written(new, same)
                continue
            if time.monotonic() > self.deadline:
                found.append(_Root(inside, (), (), _TOO_LONG))
                continue
            try:
                ways = render_both((old, root), (new, same), self.abi.rule)
                self.left -= sum(len(rendering.text) for each in ways for rendering in each)
                if self.left < 0:
                    raise NotRendered("the file's profiles come out in too many ways")
                found.append(_Root(inside, *ways))
            except NotRendered as error:
                found.append(_Root(inside, (), (), str(error)))
        return found

    def proof(self, finding: Finding) -> Proof:
        """The proof of one edit: the same for all edits of profiles of one name."""
        key = finding.profile, finding.migration
        if key not in self.known:
            self.known[key] = self._proof(finding)
        return self.known[key]

    def _proof(self, finding: Finding) -> Proof:
        if not self.same:
            return self.verdict(Verdict.REFUTED, "the profiles are not the same with the edit")
        named = self.named.get(finding.profile, [])
        roots = [root for root in named if root.changed] or named
        if not roots:
            return self.verdict(Verdict.NOT_PROVABLE, "its profile was not found again")
        proofs = [self.root(finding, root) for root in roots]
        order = (Verdict.REFUTED, Verdict.NOT_PROVABLE, Verdict.PROVED)
        return min(proofs, key=lambda proof: order.index(proof.verdict))

    def verdict(self, verdict: Verdict, reason: str = "") -> Proof:
        return Proof(verdict, self.parser.name, reason)

    def root(self, finding: Finding, root: _Root) -> Proof:
        """The proof for one outermost profile: in every rendering that the edit changes."""
        if root.why or time.monotonic() > self.deadline:
            return self.verdict(Verdict.NOT_PROVABLE, root.why or _TOO_LONG)
        if len(root.old) != len(root.new):
            return self.verdict(Verdict.REFUTED, "the template comes out in other ways")
        try:
            effects = self.effects(root)
            effect = effects[finding.migration]
        except Unusable as error:
            return self.verdict(Verdict.NOT_PROVABLE, str(error))
        if why := self.why_not_provable(finding, root):
            return self.verdict(Verdict.NOT_PROVABLE, why)
        shown = False
        notes = dict.fromkeys(self.notes)
        for old, new in zip(root.old, root.new, strict=True):
            if old.text == new.text and root.changed:
                continue
            if time.monotonic() > self.deadline:
                return self.verdict(Verdict.NOT_PROVABLE, _TOO_LONG)
            before, after, left = self.compiled(old, new)
            notes[left] = None
            if before.refusal or after.refusal:
                return self.refusal(before, after, old)
            proof = self.compared(before, after, effects, self.wanted_names(root, before))
            mine = self.names(root, finding.profile, before.profiles)
            proof = proof or self.still_open(before, after, effect, mine)
            if proof is not None:
                return proof
            shown = shown or any(p.open & effect.closed for p in before.profiles if p.name in mine)
        if not shown:
            return self.verdict(
                Verdict.NOT_PROVABLE,
                "reading and compiling disagree: as compiled, it did not allow the family before",
            )
        return self.verdict(Verdict.PROVED, "; ".join(filter(None, notes)))

    def why_not_provable(self, finding: Finding, root: _Root) -> str:
        """Say why no compiled text shows what the kernel makes of a profile; empty if one does."""
        if not self.parser.mediates(self.abi.rule):
            return f"{self.abi.name} does not mediate sockets, so that the rule does nothing"
        if self.abi.is_unknown:
            return self.abi.missing
        named = (profile for profile in root.profiles if profile.name == finding.profile)
        return FLAGS_NOT_KNOWN if any(UNKNOWN_FLAGS in each.flags for each in named) else ""

    def still_open(
        self, before: Outcome, after: Outcome, effect: Effect, mine: set[str]
    ) -> Proof | None:
        """The proof that refutes where a profile allows the family after the edit."""
        for profile in after.profiles:
            if profile.name in mine and profile.open & effect.closed:
                return Proof(
                    Verdict.REFUTED,
                    self.parser.name,
                    f"as compiled, {profile.name} still allows the family",
                    after=_only(after.lines, before.lines),
                )
        return None

    def wanted_names(self, root: _Root, before: Outcome) -> dict[str, set[str]]:
        """By migration, the names of the compiled profiles that its edits are for."""
        names: dict[str, set[str]] = {}
        for name in root.names.keys() & self.wanted.keys():
            there = self.names(root, name, before.profiles)
            for migration in self.wanted[name]:
                names.setdefault(migration, set()).update(there)
        return names

    def effects(self, root: _Root) -> dict[str, Effect]:
        """What the rule of each migration does. Raises Unusable."""
        text = b"".join(rendering.text for rendering in root.new)
        priorities = {match[1] for match in _PRIORITY.finditer(text)} or {b""}
        found = {}
        for migration in set().union(*self.wanted.values()):
            rule = self.rules[migration]
            effect = expected(self.parser, rule)
            lines = Counter(effect.lines)
            for priority in priorities - {b""}:
                lines |= expected(self.parser, rule, priority).lines
            found[migration] = Effect(lines, effect.closed)
        return found

    def compiled(self, old: Rendering, new: Rendering) -> tuple[Outcome, Outcome, str]:
        """What is compiled before and after, and what had to be left out for it."""
        until = time.monotonic() + time_left(SECONDS)
        ahead = threading.Thread(target=self.ahead, args=(new.text, until), daemon=True)
        ahead.start()
        before, left = left_out(self.parser, old)
        ahead.join(time_left(SECONDS))
        if left:
            new = new.without([new.statements[index] for index in left])
        return before, self.parser.compile(new.text), without(old, left)

    def ahead(self, policy: bytes, until: float) -> None:
        """Compile a policy that is about to be asked for, in a thread of its own."""

        def left(seconds: float) -> float:
            rest = until - time.monotonic()
            if rest <= 0:
                raise TimeoutError
            return min(seconds, rest)

        with timed(left), contextlib.suppress(Exception):
            self.parser.compile(policy)

    def refusal(self, before: Outcome, after: Outcome, old: Rendering) -> Proof:
        broken = next((outcome for outcome in (before, after) if outcome.broken), None)
        if broken is not None:
            return self.verdict(Verdict.NOT_PROVABLE, broken.refusal)
        message = where(before.refusal or after.refusal, old)
        if before.refusal:
            return self.verdict(
                Verdict.NOT_PROVABLE, f"it does not compile without the edit either: {message}"
            )
        return self.verdict(Verdict.REFUTED, f"it compiles no longer: {message}")

    def names(self, root: _Root, name: str, there: Sequence[Compiled]) -> set[str]:
        """The names under which a profile of this name was compiled."""
        meant = root.names.get(name, set())
        found = meant & {profile.name for profile in there}
        # A name that holds a variable or a namespace is not compiled as it is written.
        return found or ({profile.name for profile in there} if meant else set())

    def compared(
        self,
        before: Outcome,
        after: Outcome,
        effects: dict[str, Effect],
        names: dict[str, set[str]],
    ) -> Proof | None:
        """The proof that refutes; None where nothing differs but what should."""
        more, fewer = _only(after.lines, before.lines), _only(before.lines, after.lines)

        def refuted(reason: str) -> Proof:
            return Proof(
                Verdict.REFUTED, self.parser.name, reason, fewer[:_MOST_LINES], more[:_MOST_LINES]
            )

        known = {line for effect in effects.values() for line in effect.lines}
        if fewer or not set(more) <= known:
            return refuted("more is compiled differently than the denies of the family")
        if [p.name for p in before.profiles] != [p.name for p in after.profiles]:
            return refuted("other profiles are compiled")
        for one, other in zip(before.profiles, after.profiles, strict=True):
            if one.rest != other.rest or one.mediated != other.mediated:
                return refuted(f"flags, capabilities or limits of {one.name} differ")
            allowed: set[Socket] = set()
            for migration, effect in effects.items():
                if one.name in names.get(migration, ()):
                    allowed |= effect.closed
            if other.open - one.open or not one.open - other.open <= allowed:
                return refuted(f"{one.name} allows and denies other sockets than it should")
        return None


def as_template(source: Text, *, every: bool = False) -> bytes:
    """A text in which what a program may leave out stands in conditionals.

    ``every``: also the only stretch that speaks of the network.
    """
    if not source.breaks:
        return source.text
    embedding = source.embedding
    stretches = [list(lines) for _, lines in groupby(embedding.lines, lambda line: line.stretch)]
    surplus = source.text.count(b"}") - source.text.count(b"{")
    while surplus > 0 and (at := _closing_alone(stretches)) >= 0:
        del stretches[at]  # an early return: the profile goes on where it is not taken
        surplus -= 1
    mentions = sum(any(b"network" in line.text for line in lines) for lines in stretches)
    text: list[bytes] = []
    for number, lines in enumerate(stretches):
        whole = b"\n".join(line.text for line in lines)
        chosen = every or mentions > 1
        chosen = chosen and b"network" in whole and whole.count(b"{") == whole.count(b"}")
        text += [b"{{if stretch%d}}\n" % number] * chosen
        for line in lines:
            conditional = line.condition != 0 and b"network" in line.text
            text += [b"{{if condition%d}}\n" % line.condition] * conditional
            text += [line.text, embedding.ending(line)]
            text += [b"{{end}}\n"] * conditional
        text += [b"{{end}}\n"] * chosen
    return b"".join(text)


def _closing_alone(stretches: list[list[Line]]) -> int:
    """The first stretch that holds a closing brace alone, the last one left out; -1 for none."""
    texts = [b"".join(line.text for line in lines).strip() for lines in stretches[:-1]]
    return texts.index(b"}") if b"}" in texts else -1


def _only(lines: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    """The lines that are not among the others, as often as they are missing there."""
    return tuple((Counter(lines) - Counter(others)).elements())


def _as_written(text: bytes, root: Profile) -> bytes | list[tuple[bytes, ...]]:
    """What must stay of an outermost profile that no edit is for."""
    if root.header:
        return text[root.start : root.end if root.end >= 0 else len(text)]
    return [rule.words for rule in root.rules]


def read_roots(
    text: Text, template: bytes, budget: Budget | None = None
) -> list[tuple[Profile, tuple[Profile, ...]]]:
    """The outermost profiles in what was made of a text, each with all that stand in it. Raises
    TooMuch."""
    found: dict[int, tuple[Profile, list[Profile]]] = {}
    same = template is text.text
    for profile in text.as_parsed() if same else reader.read(template, budget):
        root = outermost(profile)
        found.setdefault(id(root), (root, []))[1].append(profile)
    return [(root, tuple(inside)) for root, inside in found.values()]


def compiled_names(profile: Profile) -> set[str]:
    """The names under which a profile, or its rendering, may be compiled."""
    if not profile.header:
        return {STAND_IN}
    parts: list[str] = []
    at: Profile | None = profile
    while at is not None:
        name = stand_in(at.name.encode("utf-8", "surrogateescape"))
        parts.append(name.decode("utf-8", "surrogateescape").lstrip("^"))
        at = at.parent
    return {"//".join(reversed(parts))}


def left_out(
    parser: Parser, rendering: Rendering, *, as_here: bool = False
) -> tuple[Outcome, list[int]]:
    """What a rendering compiles to, and which of its rules (by number) had to be left out for it:
    those with stand-ins, and those that this parser does not know."""
    outcome = parser.compile(rendering.text, as_here=as_here)
    left: set[int] = set()
    statements = rendering.statements
    while outcome.refusal and not outcome.broken and len(left) < len(statements):
        at_fault = {
            index
            for index, statement in enumerate(statements)
            if index not in left and outcome.line in statement.lines
        }
        left |= at_fault if at_fault and len(left) < _ATTEMPTS else set(range(len(statements)))
        kept = rendering.without([statements[index] for index in sorted(left)])
        outcome = parser.compile(kept.text, as_here=as_here)
    return outcome, sorted(left)


def without(rendering: Rendering, left: Iterable[int]) -> str:
    """What was left out of a rendering, in words."""
    statements = [rendering.statements[index] for index in left]
    newer = sorted({statement.newer for statement in statements if statement.newer})
    filled = sum(not statement.newer for statement in statements)
    parts = []
    if filled:
        parts.append(f"without {filled} rules that template actions fill in")
    if newer:
        parts.append(f"without its {', '.join(newer)} rules, which this parser does not know")
    return " and ".join(parts)


def where(message: str, rendering: Rendering) -> str:
    """The parser's message, with the line counted from the profile's first."""
    return _AT_LINE.sub(
        lambda match: f"{match[1]}{max(int(match[2]) - rendering.before, 1)} of the profile",
        message,
    )

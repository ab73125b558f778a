"""The pure heart: a file's path and bytes in, findings, edits and new bytes out."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import PurePosixPath

from patcher import hosts
from patcher.findings import MAX_BYTES, Edit, Finding, Profiles, Result, edited, edits_of, unread
from patcher.hosts import Embedding, plain
from patcher.migrations import Migration, builtin
from patcher.policy import reader
from patcher.policy.bounds import MAX_FINDINGS, Budget, TooMuch
from patcher.policy.evidence import Evidence, policy_like, weigh
from patcher.policy.header import LAX_FLAGS
from patcher.policy.judgement import Judgement, judge
from patcher.policy.network import TYPES
from patcher.policy.reader import Profile, Rule
from patcher.policy.search import candidates, matters, united, within
from patcher.policy.status import Status

__all__ = ["patch"]

_BLANK = re.compile(rb"(?:[ \t]|\\t)*\Z")
_REST = re.compile(rb"[ \t]*(?:#.*)?\Z", re.DOTALL)
_INDENTATION = re.compile(rb"(?:[ \t]|\\t)*")
_LONE_CR = re.compile(rb"\r(?!\n)")
"""Ends a line for whoever wrote such a file, but not for AppArmor's parser, as the proof says."""
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_ABI = re.compile(rb"\babi[ \t]+[<\"\\]*abi/")
"""A rule that says for which features policy is compiled. Without one it is for those that
parser.conf names; where it names none, parsers 3.0.8 to 6.0 compile no network rule."""
_MOBY_FLAGS = re.compile(
    rb"attach_disconnected[^)\n]{0,200}mediate_deleted|mediate_deleted[^)\n]{0,200}attach_disconnected"
)
_TEST = re.compile(r"(?:^|/)tests?/|(?:^|/)test_[^/]*$|[_.-](?:test|spec|tests)\.\w+$|\.bats$")
_RULES_ALONE = 3
_POLICY_HOSTS = frozenset(("plain",))


def patch(
    path: str,
    content: bytes,
    *,
    migrations: Sequence[Migration],
    profiles: Profiles = "moby",
    docs: bool = False,
    comment: bool = False,
    max_bytes: int = MAX_BYTES,
) -> Result:
    """Find the profiles in a file and insert the migrations' rules where they are missing.

    ``path`` says what kind of file it is; nothing is read from it. ``migrations`` come in
    the order of insertion. ``profiles``: edit moby-style profiles, or all. ``docs``: edit
    documentation too. ``comment``: put each migration's comment above its rule. ``max_bytes``: a
    larger file is reported, not read; so is one over a bound of ``patcher.policy.bounds``. Never
    raises for what stands in the file.
    """
    name = PurePosixPath(path)

    def whole(reason: str) -> Result:
        findings = unread((migration.id for migration in migrations), reason)
        return Result(path, content, findings, ())

    if len(content) > max_bytes:
        return whole(f"larger than the limit of {max_bytes} bytes, so not read")
    if content.startswith(_UTF16):
        text = content.decode("utf-16", "replace").encode("utf-8", "replace")
        try:
            if matters(text) and any(f.moby_style for f in _find(name, text, migrations)):
                return whole("UTF-16 text: convert it to UTF-8 first")
        except TooMuch as error:
            return whole(f"UTF-16 text, of {error}")
        return Result(path, content, (), ())
    if b"\0" in content or not matters(content, lambda: plain.claims(name, content)):
        return Result(path, content, (), ())
    try:
        findings = _find(name, content, migrations, profiles=profiles, docs=docs, comment=comment)
    except TooMuch as error:
        return whole(f"{error}, so not read")
    if not findings and _FLAGS in content and any(True for _ in candidates(content)):
        return whole("it holds a moby-style profile's flags and a network rule, and no profile")
    edits = edits_of(findings)
    return Result(path, edited(content, edits), tuple(findings), edits)


_FLAGS = b"mediate_deleted"


# -- from embeddings to findings


class _Text:
    """The policy text of an embedding, with the way back to the file."""

    def __init__(self, embedding: Embedding, budget: Budget) -> None:
        self.embedding = embedding
        self.text = _LONE_CR.sub(b"\n", embedding.text)
        self.starts = embedding.starts()
        self.profiles = reader.read(self.text, budget, embedding.breaks())

    @property
    def rules_alone(self) -> bool:
        """Whether a string of a program says nothing but some rules without a header."""
        if not self.embedding.is_string or len(self.profiles) != 1:
            return False
        return not self.profiles[0].header and len(self.profiles[0].rules) >= _RULES_ALONE

    def line(self, position: int) -> tuple[int, int]:
        """The line that holds a position of the text, and the position's column in it."""
        index = min(bisect_right(self.starts, position) - 1, len(self.embedding.lines) - 1)
        return index, position - self.starts[index]

    def offset(self, position: int) -> int:
        """The file offset of a position of the text."""
        index, column = self.line(position)
        return self.embedding.lines[index].offset(column)

    def span(self) -> tuple[int, int]:
        """The stretch of the file that the embedding takes."""
        lines = self.embedding.lines
        return lines[0].start, max(lines[-1].start + 1, lines[-1].offset(len(lines[-1].text)))

    def insertion(self, rule: Rule, priority: int, migration: Migration, comment: bool) -> Edit:
        """The edit that puts the migration's rule behind ``rule``."""
        lines = self.embedding.lines
        added = migration.rule.encode()
        if priority:
            added = b"priority=%d " % priority + added
        first, first_column = self.line(rule.start)
        last, column = self.line(rule.end)
        text = lines[last].text
        alone = _BLANK.match(lines[first].text[:first_column]) and _REST.match(text[column:])
        if not alone:
            inline = self.embedding.behind(lines[last], column, added)
            return Edit(lines[last].offset(column), inline)
        margin = _INDENTATION.match(lines[first].text)
        indentation = margin[0] if margin else b""
        new = [added]
        if comment and migration.comment and self.embedding.comments:
            new.insert(0, b"# " + migration.comment.encode())
        line = lines[last]
        return Edit(
            line.insert_at,
            b"".join(self.embedding.below(line, indentation + part) for part in new),
        )


def _find(
    path: PurePosixPath,
    content: bytes,
    migrations: Sequence[Migration],
    *,
    profiles: Profiles = "moby",
    docs: bool = False,
    comment: bool = False,
) -> list[Finding]:
    budget = Budget()
    texts = [_Text(e, budget) for e in hosts.read(path, content) if e.lines]
    found = _Search(path, content, migrations, profiles, docs, comment)
    found.take(texts)
    spans = united(text.span() for text in texts)
    if any(True for _ in candidates(content, spans)):
        rest = [_Text(e, budget) for e in hosts.fallback(path, content) if e.lines]
        found.take(rest, outside=spans)
    return found.findings() or _unread_flags(content, migrations)


def _unread_flags(content: bytes, migrations: Sequence[Migration]) -> list[Finding]:
    """The findings for a file with the flags of moby-style profiles and a network rule, in which no
    host found a profile: a person must look."""
    position = next(candidates(content), -1) if _MOBY_FLAGS.search(content) else -1
    if position < 0:
        return []
    reason = "the flags of moby-style profiles and what looks like a network rule, in no profile"
    found = unread((migration.id for migration in migrations), f"{reason} that can be read here")
    line = content.count(b"\n", 0, position) + 1
    return [replace(finding, line=line) for finding in found]


def _certain(judgement: Judgement, migration: Migration) -> bool:
    """Whether the family is allowed in so many words: less, in rules that stand in no profile and
    are not moby-style, is not worth a person's look."""
    anchor = judgement.anchor
    return judgement.status is Status.AFFECTED or (
        judgement.status is Status.UNDER_INVESTIGATION
        and anchor is not None
        and anchor.network is not None
        and anchor.network.domain == migration.family
    )


def _allows_network(profile: Profile) -> bool:
    """Whether a fragment is more than denies, which a program's list of forbidden rules also is."""
    return any(net.mode != "deny" for _, net in profile.network_rules)


def _with_fragments(judgements: list[Judgement], doubtful: set[Status]) -> list[Judgement]:
    """The judgements of a profile that a program builds, where its file holds other rules."""
    return [
        replace(
            judgement,
            status=Status.UNDER_INVESTIGATION,
            reason=f"{judgement.reason}; but other strings of this file hold network rules, and "
            "whether the program adds them is not known",
        )
        if judgement.status in doubtful
        else judgement
        for judgement in judgements
    ]


class _Pool:
    """The fragments of a file that one host found: a program may make one profile of them."""

    def __init__(self) -> None:
        self.fragments: list[Profile] = []

    @cached_property
    def evidence(self) -> Evidence:
        """Of the one profile that they may make."""
        return weigh(self.fragments)

    @cached_property
    def denying(self) -> dict[str, set[int]]:
        """By family, the fragments that deny it (their ``id``)."""
        denying: dict[str, set[int]] = {}
        for fragment in self.fragments:
            for _, net in fragment.network_rules:
                if net.mode == "deny" and net.domain is not None:
                    denying.setdefault(net.domain, set()).add(id(fragment))
        return denying


class _Search:
    """Collects the findings of one file."""

    def __init__(
        self,
        path: PurePosixPath,
        content: bytes,
        migrations: Sequence[Migration],
        profiles: Profiles,
        docs: bool,
        comment: bool,
    ) -> None:
        self.content = content
        self.is_test = _TEST.search(str(path)) is not None
        self.migrations = migrations
        self.profiles = profiles
        self.docs = docs
        self.comment = comment
        self.declares_abi = _ABI.search(content) is not None
        self.found: list[tuple[int, Finding]] = []
        self.order: tuple[Profile | None, dict[int, int]] = (None, {})
        self.seen: set[tuple[str, int, int]] = set()
        self.accepted: dict[int, Evidence] = {}
        self.earlier: dict[str, frozenset[str]] = {
            migration.id: frozenset(
                other.family
                for other in (*builtin(), *migrations)
                if other.sorting_key() < migration.sorting_key()
            )
            for migration in migrations
        }

    def findings(self) -> list[Finding]:
        """What was found, in the order of the file."""
        findings, position, line = [], 0, 1
        for offset, finding in sorted(self.found, key=lambda pair: pair[0]):
            line += self.content.count(b"\n", position, offset)
            position = offset
            findings.append(replace(finding, line=line))
        return findings

    def take(
        self, texts: Sequence[_Text], *, outside: Sequence[tuple[int, int]] | None = None
    ) -> None:
        """Add what the texts hold; of a second reading only what lies outside the first one's."""
        pools: dict[str, _Pool] = {}
        for text in texts:
            for profile in text.profiles:
                if not profile.header and profile.junk <= len(profile.rules):
                    pools.setdefault(text.embedding.host, _Pool()).fragments.append(profile)
        for text in texts:
            for profile in text.profiles:
                if outside is not None and within(outside, text.offset(profile.start)):
                    continue
                pool = pools.get(text.embedding.host, _Pool())
                evidence = self.accept(profile, text, pool)
                if evidence is not None:
                    self.accepted[id(profile)] = evidence
                    self.profile(text, profile, evidence, pool)

    def accept(self, profile: Profile, text: _Text, pool: _Pool) -> Evidence | None:
        """The evidence for a profile; None when it is no policy at all."""
        parent = None if profile.parent is None else self.accepted.get(id(profile.parent))
        if parent is not None and profile.parent is not None:
            own = weigh([profile])
            if parent.moby_style and not own.moby_style:
                note = f"part of {profile.parent.name}, which is moby-style"
                return replace(parent, notes=(note, *own.notes[:-1]))
            return own
        expected = text.embedding.host in _POLICY_HOSTS or text.rules_alone
        if policy_like(profile, expected=expected):
            return weigh([profile]) if profile.header else pool.evidence
        if not profile.header and not profile.junk:
            # Constants that a program puts together are judged as the one profile that they make.
            return pool.evidence if pool.evidence.moby_style else None
        return None

    def profile(self, text: _Text, profile: Profile, evidence: Evidence, pool: _Pool) -> None:
        worth = (
            evidence.moby_style
            or not LAX_FLAGS.isdisjoint(profile.flags)
            or any(rule.network is not None or rule.keyword == b"all" for rule in profile.rules)
        )
        if not worth or not (profile.header or _allows_network(profile)):
            return
        if not (profile.header or evidence.moby_style) and text.embedding.listed:
            return  # a program's list of rules: a test's expectations as likely as a profile
        for migration in self.migrations:
            judgements = judge(
                profile,
                migration.family,
                migration.socket_types or sorted(TYPES),
                moby_style=evidence.moby_style,
            )
            if not profile.header:
                judgements = self.fragments(profile, judgements, pool, migration)
            elif text.embedding.separate:
                judgements = _with_fragments(judgements, self.doubtful(pool, migration))
            for judgement in judgements:
                if not (profile.header or evidence.moby_style) and not _certain(
                    judgement, migration
                ):
                    continue
                self.finding(text, profile, evidence, migration, judgement)

    def doubtful(self, pool: _Pool, migration: Migration) -> set[Status]:
        """The clean statuses that other rules in the file may belie, if a program adds them."""
        allowing = [fragment for fragment in pool.fragments if _allows_network(fragment)]
        types = migration.socket_types or sorted(TYPES)
        found = {Status.NOT_AFFECTED} if allowing else set[Status]()
        for fragment in allowing:
            judged = judge(fragment, migration.family, types, moby_style=False)
            if any(each.status is Status.AFFECTED for each in judged):
                found.add(Status.FIXED)
        return found

    def fragments(
        self,
        profile: Profile,
        judgements: list[Judgement],
        pool: _Pool,
        migration: Migration,
    ) -> list[Judgement]:
        """A fragment's judgements, seen with the other fragments of the file."""
        denying = pool.denying.get(migration.family, set())
        if len(denying) <= (id(profile) in denying):
            return judgements
        return [
            replace(
                judgement,
                status=Status.UNDER_INVESTIGATION,
                reason=f"another fragment in this file denies {migration.family}; whether both "
                "become one profile is for a person to see",
            )
            if judgement.status is Status.AFFECTED
            else judgement
            for judgement in judgements
        ]

    def finding(
        self,
        text: _Text,
        profile: Profile,
        evidence: Evidence,
        migration: Migration,
        judgement: Judgement,
    ) -> None:
        anchor = judgement.anchor
        offset = text.offset(profile.start if anchor is None else anchor.start)
        key = (migration.id, offset, text.offset(profile.start))
        if key in self.seen:
            return
        if len(self.seen) >= MAX_FINDINGS:
            raise TooMuch(f"more than {MAX_FINDINGS} findings")
        self.seen.add(key)
        status, reason, edit = judgement.status, judgement.reason, None
        embedding = text.embedding
        if status is Status.AFFECTED and embedding.reason:
            status, reason = Status.UNDER_INVESTIGATION, embedding.reason
        if (
            status is Status.AFFECTED
            and text.embedding.separate
            and not profile.header
            and self.is_test
        ):
            status = Status.UNDER_INVESTIGATION
            reason = (
                "rules in strings of a test; whether they change with the profile is to be seen"
            )
        if status is Status.AFFECTED and anchor is not None and anchor.network is not None:
            if not evidence.moby_style and self.profiles != "all":
                reason += "; not moby-style, so edited only with --profiles all"
            elif embedding.documentation and not self.docs:
                reason += "; documentation, so edited only with --docs"
            else:
                edit = text.insertion(
                    self.follow(profile, anchor, migration),
                    anchor.network.priority,
                    migration,
                    self.comment,
                )
        self.found.append(
            (
                offset,
                Finding(
                    line=0,
                    profile=profile.name,
                    host=embedding.host,
                    status=status,
                    moby_style=evidence.moby_style,
                    reason=reason,
                    evidence=evidence.notes + self.features(status),
                    migration=migration.id,
                    edit=edit,
                    documentation=embedding.documentation,
                ),
            )
        )

    def features(self, status: Status) -> tuple[str, ...]:
        """A note on what the effect of a deny depends on."""
        if self.declares_abi or status not in (Status.AFFECTED, Status.FIXED):
            return ()
        return ("a deny takes effect only where the parser's features are pinned: no abi rule",)

    def follow(self, profile: Profile, anchor: Rule, migration: Migration) -> Rule:
        """The rule behind which the new one goes: the anchor, or the deny of an earlier migration
        that already follows it, so that the rules stand in upstream's order."""
        if self.order[0] is not profile:
            self.order = (profile, {id(rule): index for index, rule in enumerate(profile.rules)})
        for index in range(self.order[1][id(anchor)] + 1, len(profile.rules)):
            rule = profile.rules[index]
            net = rule.network
            if (
                net is None
                or net.mode != "deny"
                or net.domain not in self.earlier[migration.id]
                or rule.arms != anchor.arms
                or rule.qualifier_block
            ):
                break
            anchor = rule
        return anchor

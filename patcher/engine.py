"""The pure heart: a file's path and bytes in, findings, edits and new bytes out."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TypeVar

from patcher import hosts
from patcher.findings import Dropped, Edit, Finding, Result, edited, edits_of, unread
from patcher.hosts import Embedding, plain
from patcher.migrations import Migration, builtin
from patcher.options import Options
from patcher.policy import reader
from patcher.policy.acceptance import Fragments, Origin, accept, why_uncertain
from patcher.policy.bounds import MAX_FINDINGS, Budget, TooMuch
from patcher.policy.evidence import Evidence
from patcher.policy.judgement import Includes, Judgement
from patcher.policy.network import TYPES
from patcher.policy.reader import Profile, Rule
from patcher.policy.search import candidates, is_binary, matters, united, within
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
_RULES_ALONE = 2
_POLICY_HOSTS = frozenset(("plain",))


def patch(path: str, content: bytes, options: Options, includes: Includes | None = None) -> Result:
    """Find the profiles in a file and insert the migrations' rules where they are missing.

    ``path`` says what kind of file it is; nothing is read from it. A file over a bound of
    ``patcher.policy.bounds`` is reported, not read. ``includes``: the files that policy at that
    place includes. Never raises for what stands in the file.
    """
    name = PurePosixPath(path)

    def whole(reason: str) -> Result:
        findings = unread((migration.id for migration in options.migrations), reason)
        return Result(path, content, findings, ())

    if len(content) > options.max_bytes:
        return whole(f"larger than the limit of {options.max_bytes} bytes, so not read")
    text, fault = _as_text(content)
    if not matters(text, lambda: plain.claims(name, text)):
        return Result(path, content, (), ())
    try:
        findings, dropped = _find(name, text, options, includes or Includes())
    except TooMuch as error:
        return whole(f"{error}, so not read")
    if not findings and _FLAGS in text and any(True for _ in candidates(text)):
        return whole("it holds a moby-style profile's flags and a network rule, and no profile")
    if fault:
        worth = any(f.moby_style or f.status not in _CLEAN for f in findings)
        return whole(f"{fault} first") if worth else Result(path, content, (), ())
    edits = edits_of(findings)
    return Result(path, edited(content, edits), tuple(findings), edits, tuple(dropped))


def _as_text(content: bytes) -> tuple[bytes, str]:
    """The content as text, empty for a binary file; and what must be done to it before it can be
    edited."""
    if content.startswith(_UTF16):
        text = content.decode("utf-16", "replace").encode("utf-8", "replace")
        return text, "UTF-16 text: convert it to UTF-8"
    if b"\0" not in content:
        return content, ""
    if is_binary(content):
        return b"", ""
    return content.replace(b"\0", b""), "a NUL byte stands in it: remove it"


_CLEAN = (Status.FIXED, Status.NOT_AFFECTED)
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
    def comment_goes_on(self) -> bool:
        """Whether a comment ends in a carriage return alone: for AppArmor's parser it goes on."""
        if b"\r" not in self.embedding.text:
            return False
        lines = (line.partition(b"#")[2] for line in self.embedding.text.split(b"\n"))
        return any(line.partition(b"\r")[2].strip() for line in lines)

    @property
    def origin(self) -> Origin:
        """What is known of the text."""
        # A string of a program that says nothing but some rules without a header.
        rules_alone = (
            self.embedding.is_string
            and len(self.profiles) == 1
            and not self.profiles[0].header
            and len(self.profiles[0].rules) >= _RULES_ALONE
        )
        return Origin(
            holds_policy=self.embedding.host in _POLICY_HOSTS or rules_alone,
            listed=self.embedding.listed,
            separate=self.embedding.separate,
        )

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
    path: PurePosixPath, content: bytes, options: Options, includes: Includes
) -> tuple[list[Finding], list[Dropped]]:
    budget = Budget()
    texts = [_Text(e, budget) for e in hosts.read(path, content) if e.lines]
    found = _Search(path, content, options, includes)
    found.take(texts)
    spans = united(text.span() for text in texts)
    if any(True for _ in candidates(content, spans)):
        rest = [_Text(e, budget) for e in hosts.fallback(path, content) if e.lines]
        found.take(rest, outside=spans)
    findings = _with_lines(content, found.found) or _unread_flags(content, options.migrations)
    return findings, _with_lines(content, found.dropped)


_Found = TypeVar("_Found", Finding, Dropped)


def _with_lines(content: bytes, found: Iterable[tuple[int, _Found]]) -> list[_Found]:
    """What was found at these offsets, in the order of the file, each with its line."""
    placed, position, line = [], 0, 1
    for offset, each in sorted(found, key=lambda pair: pair[0]):
        line += content.count(b"\n", position, offset)
        position = offset
        placed.append(replace(each, line=line))
    return placed


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


class _Search:
    """Collects the findings of one file."""

    def __init__(
        self, path: PurePosixPath, content: bytes, options: Options, includes: Includes
    ) -> None:
        self.includes = includes
        self.is_test = _TEST.search(str(path)) is not None
        self.options = options
        self.declares_abi = _ABI.search(content) is not None
        self.found: list[tuple[int, Finding]] = []
        self.order: tuple[Profile | None, dict[int, int]] = (None, {})
        self.seen: set[tuple[str, int, int]] = set()
        self.evidence: dict[int, Evidence] = {}
        """Of the profiles that are policy, by their ``id``."""
        self.dropped: dict[tuple[int, Dropped], None] = {}
        self.earlier: dict[str, frozenset[str]] = {
            migration.id: frozenset(
                other.family
                for other in (*builtin(), *options.migrations)
                if other.sorting_key() < migration.sorting_key()
            )
            for migration in options.migrations
        }

    def take(
        self, texts: Sequence[_Text], *, outside: Sequence[tuple[int, int]] | None = None
    ) -> None:
        """Add what the texts hold; of a second reading only what lies outside the first one's."""
        read: dict[str, list[Profile]] = {}
        for text in texts:
            read.setdefault(text.embedding.host, []).extend(text.profiles)
        fragments = {host: Fragments(each, self.includes) for host, each in read.items()}
        for text in texts:
            for profile in text.profiles:
                if outside is None or not within(outside, text.offset(profile.start)):
                    self.profile(text, profile, fragments[text.embedding.host])

    def profile(self, text: _Text, profile: Profile, fragments: Fragments) -> None:
        """Add the findings of one profile, or why it is dropped."""
        origin = text.origin
        parent = None if profile.parent is None else self.evidence.get(id(profile.parent))
        accepted = accept(profile, origin, parent, fragments)
        evidence = accepted.evidence
        if evidence is not None:
            self.evidence[id(profile)] = evidence
        if evidence is None or accepted.reason:
            self.drop(text, profile, accepted.reason)
            return
        for migration in self.options.migrations:
            types = migration.socket_types or sorted(TYPES)
            for judgement in fragments.judge(profile, origin, evidence, migration.family, types):
                why = why_uncertain(profile, evidence, judgement, migration.family)
                if why:
                    self.drop(text, profile, why)
                else:
                    self.finding(text, profile, evidence, migration, judgement)

    def drop(self, text: _Text, profile: Profile, reason: str) -> None:
        """Note a profile that does not count."""
        self.dropped[text.offset(profile.start), Dropped(0, profile.name, reason)] = None

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
        if status in _CLEAN and text.comment_goes_on:
            status = Status.UNDER_INVESTIGATION
            reason = "a carriage return alone ends a comment, which goes on for AppArmor's parser"
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
            if not evidence.moby_style and self.options.profiles != "all":
                reason += "; not moby-style, so edited only with --profiles all"
            elif embedding.documentation and not self.options.docs:
                reason += "; documentation, so edited only with --docs"
            else:
                edit = text.insertion(
                    self.follow(profile, anchor, migration),
                    anchor.network.priority,
                    migration,
                    self.options.comment,
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

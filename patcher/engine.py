"""The pure heart: a document and options in; findings, edits and new bytes out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import PurePosixPath
from typing import NamedTuple, TypeVar

from patcher import hosts
from patcher.findings import Dropped, Edit, Finding, Result, edited, edits_of, unread
from patcher.hosts import Document, Text, encoded, escaped, plain
from patcher.hosts.changes import changes_in
from patcher.hosts.configured import Configured
from patcher.hosts.embedding import Embedding
from patcher.migrations import Migration, builtin
from patcher.options import Options
from patcher.policy.abi import why_not_mediated
from patcher.policy.acceptance import Fragments, Origin, accept, why_uncertain
from patcher.policy.bounds import MAX_FINDINGS, MAX_SEARCHED, TooMuch, check_number, time_left
from patcher.policy.encodings import MOBY_FLAGS_WORDS
from patcher.policy.evidence import MOBY_FLAGS, Evidence
from patcher.policy.judgement import Includes, Judgement
from patcher.policy.network import TYPES
from patcher.policy.patterns import regex
from patcher.policy.reader import Profile, Rule
from patcher.policy.search import Spans, candidates, is_binary, matters, within
from patcher.policy.status import Status

__all__ = ["Unread", "judge", "read"]

_BLANK = regex(rb"(?:[ \t]|\\t)*\Z")
_REST = regex(rb"[ \t]*(?:(?!#\*)#(?:(?!\{[{%#*!]|<[%#]|#\*).)*)?\Z", re.DOTALL)
"""Nothing, or a comment, in which no comment of a template begins that goes on below it."""
_INDENTATION = regex(rb"(?:[ \t]|\\t)*")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_ABI = regex(rb"abi(?<=\babi)(?:\s|(?=[<\"\\]))\s*[<\"\\]*[\w./]{0,64}abi/+\w")
"""A rule that says for which features policy is compiled. Without one it is for those that
parser.conf names; where it names none, parsers 3.0.8 to 6.0 compile no network rule."""
_MOBY_FLAGS = regex(
    rb"attach_disconnected[^)\n]{0,200}mediate_deleted|mediate_deleted[^)\n]{0,200}attach_disconnected"
)
_TEST = regex(r"(?:^|/)tests?/|(?:^|/)test_[^/]*$|[_.-](?:test|spec|tests)\.\w+$|\.bats$")
_RULES_ALONE = 2
_POLICY_HOSTS = frozenset(("plain",))
_DATA = (".yaml", ".yml", ".json")
"""Suffixes of files in which a text in base64 that is a value is changed by no program."""
_VALUE = regex(rb":[ \t]*(?:[|>][-+\d]*[ \t]*\r?\n[ \t]*)?[\"']?\Z")
_DECODED = "decoded"
_DEEPEST = 4
"""How many encodings may be within each other: a release of Helm's in a list of Secrets is two."""
_CLEAN = (Status.FIXED, Status.NOT_AFFECTED)


class Unread(NamedTuple):
    """A file that is not read."""

    path: str
    content: bytes
    reason: str = ""
    """Why a person must look; empty where nothing in it matters."""


def read(
    path: str, content: bytes, options: Options, includes: Includes | None = None
) -> Document | Unread:
    """Read a file, if anything in it may matter.

    ``path`` says what kind of file it is; nothing is read from it. A file over a bound of
    ``patcher.policy.bounds`` is not read. ``includes``: the files that policy at that place
    includes. Never raises for what stands in the file.
    """
    if len(content) > options.max_bytes:
        reason = f"larger than the limit of {options.max_bytes} bytes, so not read"
        return Unread(path, content, reason)
    text, fault = _as_text(content)
    if not matters(text, lambda: plain.claims(PurePosixPath(path), text)):
        return Unread(path, content)
    try:
        document = hosts.read(path, text)
    except TooMuch as error:
        return Unread(path, content, f"{error}, so not read")
    if not fault:
        return document
    found = judge(document, options, includes).findings
    worth = any(finding.moby_style or finding.status not in _CLEAN for finding in found)
    return Unread(path, content, f"{fault} first" if worth else "")


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


def judge(file: Document | Unread, options: Options, includes: Includes | None = None) -> Result:
    """Find the profiles in a file, and insert the migrations' rules where they are missing."""
    try:
        result = _judged(file, options, includes or Includes())
        found = result.findings + tuple(
            _encoded(file, options, includes or Includes(), encoded.Left())
        )
    except TooMuch as error:
        found = _unread(options, f"{error}, so not read")
        return Result(file.path, file.content, found, ())
    return replace(result, findings=found)


def _judged(file: Document | Unread, options: Options, includes: Includes) -> Result:
    """What is in a file, but for what it holds in base64. Raises TooMuch."""
    content = file.content
    if isinstance(file, Unread):
        return Result(file.path, content, _unread(options, file.reason), ())
    search = _Search(file, options, includes)
    dropped = tuple(_with_lines(content, search.dropped))
    found = tuple(_with_lines(content, search.found)) or _flags_alone(content, options)
    if all(finding.status in (Status.NOT_AFFECTED, Status.FIXED) for finding in found):
        found += _header_alone(file, options, judged=bool(found))
    edits = edits_of(found)
    return Result(file.path, edited(content, edits), found, edits, dropped)


def _encoded(
    file: Document | Unread,
    options: Options,
    includes: Includes,
    left: encoded.Left,
    depth: int = 0,
) -> Iterator[Finding]:
    """The findings for the moby-style profiles that a file holds in some encoding: a person must
    look, unless the file is data, the encoding base64, and nothing is to be done. ``depth``: within
    how many encodings the file itself stands. Raises TooMuch."""
    if isinstance(file, Unread) and file.reason:
        return
    content = file.content
    for offset, text, encoding in chain(encoded.decoded(content, left), _unescaped(file)):
        check_number(depth + 1, _DEEPEST, "encodings within each other")
        within_it = read(_DECODED, text, options, includes)
        inside = list(_judged(within_it, options, includes).findings)
        inside += _encoded(within_it, options, includes, left, depth + 1)
        worst: dict[str, Finding] = {}
        for finding in inside:
            if finding.moby_style or finding.status not in _CLEAN:
                other = worst.setdefault(finding.migration, finding)
                if other.status in _CLEAN:
                    worst[finding.migration] = finding
        for finding in worst.values():
            status, reason = finding.status, f"in {encoding}: {finding.reason}"
            before = content[max(offset - 200, 0) : offset]
            is_value = PurePosixPath(file.path).suffix in _DATA and _VALUE.search(before)
            is_data = encoding == "base64" and (is_value or (depth and not offset))
            if status not in _CLEAN or not is_data:
                status, reason = Status.UNDER_INVESTIGATION, f"{reason}; decode it, and see"
            line = content.count(b"\n", 0, offset) + 1
            yield replace(
                finding, line=line, host=encoding, status=status, reason=reason, edit=None
            )


def _unescaped(file: Document | Unread) -> Iterator[encoded.Decoded]:
    """What a file holds in escapes or numbers, unless its own host read it. Raises TooMuch."""
    for found in escaped.decoded(file.content):
        if isinstance(file, Unread) or not _are_read(file, found.text):
            yield found


def _are_read(document: Document, text: bytes) -> bool:
    """Whether the hosts found as many words of moby-style profiles in a file as are in this text,
    which is the same without escapes."""
    texts = [each.text for each in document.texts + document.others]
    return all(
        sum(each.count(word) for each in texts) >= text.count(word)
        for word in (*MOBY_FLAGS_WORDS, b"network")
    )


def _unread(options: Options, reason: str, line: int = 1) -> tuple[Finding, ...]:
    """The findings for a file that a person must look at for this reason, if there is one."""
    found = unread((migration.id for migration in options.migrations), reason) if reason else ()
    return tuple(replace(finding, line=line) for finding in found)


def _flags_alone(content: bytes, options: Options) -> tuple[Finding, ...]:
    """The findings for a file with the flags of moby-style profiles and a network rule, in which no
    host found a profile: a person must look."""
    position = next(candidates(content), -1) if b"mediate_deleted" in content else -1
    if position < 0:
        return ()
    if not _MOBY_FLAGS.search(content):
        reason = "it holds a moby-style profile's flags and a network rule, and no profile"
        return _unread(options, reason)
    reason = "the flags of moby-style profiles and what looks like a network rule, in no profile "
    return _unread(options, f"{reason}that can be read here", content.count(b"\n", 0, position) + 1)


def _header_alone(document: Document, options: Options, *, judged: bool) -> tuple[Finding, ...]:
    """The findings for a file with the header of a moby-style profile, and not all of the profile
    behind it: what a program or template writes there may be network rules. ``judged``: those whose
    rules are here have findings."""
    for text in document.texts + document.others:
        for profile in text.profiles:
            if profile.flags >= MOBY_FLAGS and _is_incomplete(text, profile, judged=judged):
                line = document.content.count(b"\n", 0, text.offset(profile.start)) + 1
                reason = "the header of a moby-style profile, the rules of which are not all here"
                return _unread(options, reason, line)
    return ()


def _is_incomplete(text: Text, profile: Profile, *, judged: bool) -> bool:
    """Whether rules of a profile with a header may stand elsewhere. ``judged``: not if any is
    here."""
    known = any(rule.keyword != b"action" for rule in profile.rules)
    if not profile.header or (judged and known):
        return False
    if profile.end < 0 and (text.embedding.separate or not profile.rules):
        return True
    return not known and bool(profile.rules or profile.strange)


_Found = TypeVar("_Found", Finding, Dropped)


def _with_lines(content: bytes, found: Iterable[tuple[int, _Found]]) -> list[_Found]:
    """What was found at these offsets, in the order of the file, each with its line."""
    placed, position, line = [], 0, 1
    for offset, each in sorted(found, key=lambda pair: pair[0]):
        line += content.count(b"\n", position, offset)
        position = offset
        placed.append(replace(each, line=line))
    return placed


def _origin(text: Text) -> Origin:
    embedding = text.embedding
    # A string of a program that says nothing but some rules without a header.
    rules_alone = (
        embedding.is_string
        and len(text.profiles) == 1
        and not text.profiles[0].header
        and len(text.profiles[0].rules) >= _RULES_ALONE
    )
    return Origin(
        holds_policy=embedding.host in _POLICY_HOSTS or rules_alone,
        listed=embedding.listed,
        separate=embedding.separate,
    )


class _Search:
    """The findings of one file, and what was dropped, with their offsets. Raises TooMuch."""

    def __init__(self, document: Document, options: Options, includes: Includes) -> None:
        self.includes = includes
        self.configured = Configured(document.content)
        self.changes = changes_in(document.content)
        self.is_test = _TEST.search(str(PurePosixPath(document.path))) is not None
        self.options = options
        self.declares_abi = _ABI.search(document.content) is not None
        self.not_mediated = why_not_mediated(document.content)
        self.found: list[tuple[int, Finding]] = []
        self.dropped: dict[tuple[int, Dropped], None] = {}
        self.order: tuple[Profile | None, dict[int, int]] = (None, {})
        self.size, self.searched = len(document.content), 0
        self.changed: dict[int, tuple[Embedding, str]] = {}
        """What may change a text, by the ``id`` of its embedding, which is held by it."""
        self.seen: set[tuple[str, int, int]] = set()
        self.evidence: dict[int, Evidence] = {}
        """Of the profiles that are policy, by their ``id``."""
        self.earlier: dict[str, frozenset[str]] = {
            migration.id: frozenset(
                other.family
                for other in (*builtin(), *options.migrations)
                if other.sorting_key() < migration.sorting_key()
            )
            for migration in options.migrations
        }
        self.take(document.texts)
        self.take(document.others, outside=document.spans)

    def take(self, texts: Iterable[Text], *, outside: Spans = ()) -> None:
        """Add what the texts hold outside of these spans."""
        read: dict[str, list[Profile]] = {}
        for text in texts:
            read.setdefault(text.embedding.host, []).extend(text.profiles)
        fragments = {host: Fragments(each, self.includes) for host, each in read.items()}
        for text in texts:
            for profile in text.profiles:
                if not within(outside, text.offset(profile.start)):
                    self.profile(text, profile, fragments[text.embedding.host])

    def profile(self, text: Text, profile: Profile, fragments: Fragments) -> None:
        """Add the findings of one profile, or why it is dropped."""
        time_left()
        origin = _origin(text)
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

    def drop(self, text: Text, profile: Profile, reason: str) -> None:
        """Note a profile that does not count."""
        self.dropped[text.offset(profile.start), Dropped(0, profile.name, reason)] = None

    def finding(
        self,
        text: Text,
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
        if status in _CLEAN and self.not_mediated:
            status, reason = Status.UNDER_INVESTIGATION, self.not_mediated
        if status is Status.AFFECTED and embedding.reason:
            status, reason = Status.UNDER_INVESTIGATION, embedding.reason
        if (
            status is Status.AFFECTED
            and text.embedding.separate
            and not profile.header
            and self.is_test
        ):
            status = Status.UNDER_INVESTIGATION
            reason = "rules in strings of a test; whether they change with the profile is not known"
        why = self.why_changed(text, profile, status)
        if status is not Status.UNDER_INVESTIGATION and why:
            status, reason = Status.UNDER_INVESTIGATION, why
        if status is Status.AFFECTED and anchor is not None and anchor.network is not None:
            if not evidence.moby_style and self.options.profiles != "all":
                reason += "; not moby-style, so edited only with --profiles all"
            elif embedding.documentation and not self.options.docs:
                reason += "; documentation, so edited only with --docs"
            else:
                rule = self.follow(profile, anchor, migration)
                priority = anchor.network.priority
                edit = _insertion(text, rule, priority, migration, comment=self.options.comment)
                if doubt := self.why_changed(text, profile, Status.FIXED):
                    reason += f"; it still needs review when it is changed: {doubt}"
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

    def why_changed(self, text: Text, profile: Profile, status: Status) -> str:
        """Say what may change a text that this is said of; empty if nothing is known to."""
        if (why := self.changed_by(text.embedding)) or status not in _CLEAN:
            return why
        return self.changes.mentioned or self.configured.why_edited(
            text.offset(profile.start),
            text.span[1] if profile.end < 0 else text.offset(profile.end),
        )

    def changed_by(self, embedding: Embedding) -> str:
        """What the program may do to a text, which is looked for once. Raises TooMuch."""
        if not embedding.changes:
            return ""
        if id(embedding) not in self.changed:
            self.searched += self.size
            if self.searched > MAX_SEARCHED:
                raise TooMuch("too many texts in so long a program to see what becomes of each")
            self.changed[id(embedding)] = embedding, embedding.changed
        return self.changed[id(embedding)][1]

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


def _insertion(
    text: Text, rule: Rule, priority: int, migration: Migration, *, comment: bool
) -> Edit:
    """The edit that puts the migration's rule behind ``rule``."""
    embedding = text.embedding
    added = migration.rule.encode()
    if priority:
        added = b"priority=%d " % priority + added
    first, first_column = text.line(rule.start)
    last, column = text.line(rule.end)
    above, line = embedding.lines[first].text, embedding.lines[last]
    if not (_BLANK.match(above[:first_column]) and _REST.match(line.text[column:])):
        return Edit(line.offset(column), embedding.behind(line, column, added))
    margin = _INDENTATION.match(above)
    indentation = margin[0] if margin else b""
    new = [added]
    if comment and migration.comment and embedding.comments:
        new.insert(0, b"# " + migration.comment.encode())
    below = (embedding.below(line, indentation + part) for part in new)
    return Edit(line.insert_at, b"".join(below))

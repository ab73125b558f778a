"""Host proof: after an edit, the file reads as before but for the rule.

Three readings, each compared with itself before the edit: that of the format's real parser, where
there is one; that of the host, which is what carries the policy out of the file; and that of the
policy, in which the rule must stand in the very scope of the rule that it follows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from patcher import hosts, interrupts
from patcher.findings import Edit, Finding, Result, Status, edited, edits_of
from patcher.hosts import Document, Text
from patcher.migrations import Migration
from patcher.policy.bounds import TooMuch, pass_on
from patcher.policy.reader import Profile, Rule
from patcher.proof.added import Added, Item
from patcher.proof.structure import Effort, Refused, Unread, structure

_MOST_ALONE = 16
"""Edits of a file that are tried one by one where all together fail."""


def proved(
    before: Document, result: Result, migrations: Sequence[Migration]
) -> tuple[Result, Document]:
    """The result with those edits alone that the file's readings bear out, and the file with them.

    ``result``: what the engine makes of ``before``. Never raises.
    """
    proof = _Proof(before, migrations)
    findings = result.findings
    whole = [finding for finding in findings if finding.edit is not None]
    reason = proof.why_not(whole)
    if not reason:
        return result, proof.after
    reasons: dict[int, str] = {}
    kept: list[Finding] = []
    for finding in whole:
        alone = len(whole) == 1 or len(whole) > _MOST_ALONE
        why = reason if alone else proof.why_not([finding])
        if why:
            reasons[id(finding)] = why
        else:
            kept.append(finding)
    if kept and (why := proof.why_not(kept)):
        reasons |= {id(finding): why for finding in kept}
    left = tuple(
        _dropped(finding, reasons[id(finding)]) if id(finding) in reasons else finding
        for finding in findings
    )
    edits = edits_of(left)
    new = edited(before.content, edits)
    return replace(result, content=new, findings=left, edits=edits), proof.after


def without_edits(content: bytes, result: Result, why: str) -> Result:
    """The result with every edit left out."""
    left = tuple(f if f.edit is None else _dropped(f, why) for f in result.findings)
    return replace(result, content=content, findings=left, edits=())


def _dropped(finding: Finding, why: str) -> Finding:
    return replace(
        finding,
        status=Status.UNDER_INVESTIGATION,
        edit=None,
        reason=f"{finding.reason}; but the edit was left out, because {why}",
    )


def _kind(text: Text) -> str:
    """What is told of a text besides what it says."""
    embedding = text.embedding
    return f"{embedding.host} {embedding.documentation} {embedding.reason}"


def _items(texts: Iterable[Text]) -> list[Item]:
    """The texts as a structure."""
    return [(_kind(text), text.text.decode("utf-8", "surrogateescape")) for text in texts]


class _Proof:
    """Proves edits of one file."""

    def __init__(self, before: Document, migrations: Sequence[Migration]) -> None:
        self.before = before
        self.after = before
        """The file with those edits that were proved last."""
        self.added = Added(migrations)
        self.effort = Effort()

    def why_not(self, findings: Sequence[Finding]) -> str:
        """Why these edits are not proved; empty where they are."""
        try:
            return self._why_not(findings)
        except TooMuch as error:
            return f"as edited, the file would have {error}"
        except Exception as error:
            interrupts.check(error)
            pass_on(error)
            # Whatever a parser stumbles over is no proof.
            return f"reading the file again failed with {type(error).__name__}"

    def _why_not(self, findings: Sequence[Finding]) -> str:
        edits = edits_of(findings)
        content = edited(self.before.content, edits)
        after = hosts.read(self.before.path, content)
        old = self.before.texts_for(edit.offset for edit in edits)
        new = after.texts_for(edit.offset for edit in moved(edits))
        in_a_text = all(any(text.takes_edit(edit.offset) for text in old) for edit in edits)
        if not in_a_text or self._number(old, new) != len(edits):
            return "the file does not carry the same policy with only the rule added"
        why = self._policies(old, new, findings) or self._structure(findings, edits, content)
        if not why:
            self.after = after
        return why

    def _number(self, old: Sequence[Text], new: Sequence[Text]) -> int:
        """How many rules ``new`` has more than ``old``; -1 where anything else differs."""
        if len(old) != len(new):
            return self.added.compare(_items(old), _items(new))
        number = 0
        for one, other in zip(old, new, strict=True):
            more = self.added.count(one.text, other.text)
            if more < 0 or _kind(one) != _kind(other):
                return -1
            number += more
        return number

    def _policies(
        self, old: Sequence[Text], new: Sequence[Text], findings: Sequence[Finding]
    ) -> str:
        """The universal check: the same profiles, with just these rules more, in scope."""
        names: dict[tuple[int, int], set[str]] = {}
        for index, texts in enumerate(zip(old, new, strict=True)):
            if texts[0].text == texts[1].text:
                continue
            before, after = (text.as_parsed() for text in texts)
            if len(before) != len(after):
                return "the profiles in the file are not the same with the rule added"
            for one, other in zip(before, after, strict=True):
                starts: set[int] = set()
                why = _same(one, other, self.added, starts)
                if why:
                    return why
                for start in starts:
                    # A section's rule stands in every profile that its template puts it in.
                    names.setdefault((index, start), set()).add(one.name)
        if len(names) != len(edits_of(findings)):
            return "the rule does not stand where rules are read"
        meant = {finding.profile for finding in findings}
        if not meant <= set().union(*names.values()) or not all(n & meant for n in names.values()):
            return "the rule stands in another profile"
        return ""

    def _structure(self, findings: Sequence[Finding], edits: Sequence[Edit], new: bytes) -> str:
        named = _named(PurePosixPath(self.before.path))
        host = next((f.host for f in findings if f.host in _PARSED), named)
        before = structure(host, self.before.content, _offsets(edits), self.effort)
        after = structure(host, new, _offsets(moved(edits)), self.effort)
        mine = [f for f in findings if f.host == host and not f.documentation]
        try:
            why = self._differs(host, before, after, len(edits_of(mine)))
            if why:
                deque(before, maxlen=0)  # what the parser does not take shows nothing
        except Unread:
            return ""
        return why

    def _differs(self, host: str, before: Iterable[Item], after: Iterable[Item], least: int) -> str:
        """Why ``after`` is not ``before`` with so many rules more. Raises Unread."""
        try:
            number = self.added.compare(before, _taken(after))
        except _NotTaken:
            return f"the file is no longer the {host} that it was"
        if number < 0:
            return f"more than one string of the {host} differs, or by more than the rule"
        return f"no string of the {host} got the rule" if number < least else ""


class _NotTaken(Exception):
    """The parser refuses the file as edited."""


def _taken(items: Iterable[Item]) -> Iterator[Item]:
    try:
        yield from items
    except Refused:
        raise _NotTaken from None


def _offsets(edits: Iterable[Edit]) -> list[int]:
    return sorted(edit.offset for edit in edits)


_PARSED = ("yaml", "json", "toml", "python")


def _named(path: PurePosixPath) -> str:
    """The format that the file's name says."""
    names = {".yml": "yaml", ".yaml": "yaml", ".json": "json", ".toml": "toml", ".py": "python"}
    return names.get(path.suffix.lower(), "")


def moved(edits: Sequence[Edit]) -> list[Edit]:
    """The edits, where they stand once they are made."""
    shift, moved = 0, []
    for edit in edits:
        moved.append(Edit(edit.offset + shift, edit.insert))
        shift += len(edit.insert)
    return moved


def _same(one: Profile, other: Profile, added: Added, starts: set[int]) -> str:
    """Why ``other`` is not ``one`` with rules added; their places go to ``starts``."""
    if _header(one) != _header(other):
        return "a profile's header does not read as before"
    old = list(_rules(one))
    at, anchor = 0, None
    for rule in other.rules:
        key = _key(rule)
        if at < len(old) and key == old[at]:
            at, anchor = at + 1, rule
        elif added.is_rule(rule.words):
            if anchor is None or rule.qualifier_block or not set(rule.arms) <= set(anchor.arms):
                return "the rule does not stand in the scope of the rule that it follows"
            starts.add(rule.start)
        else:
            return "another rule than the one inserted reads differently"
    return "" if at == len(old) else "a rule that was there is no longer read"


_Key = tuple[bytes, tuple[bytes, ...], object, bytes]


def _rules(profile: Profile) -> Iterator[_Key]:
    return (_key(rule) for rule in profile.rules)


def _key(rule: Rule) -> _Key:
    return rule.keyword, rule.words, rule.arms, rule.qualifier_block


def _header(profile: Profile) -> tuple[object, ...]:
    parent = None if profile.parent is None else profile.parent.name
    return profile.name, profile.header, profile.flags, profile.junk, profile.section, parent

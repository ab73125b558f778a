"""Policy text read into profiles and their rules, each with its place in the text.

Grammar as in apparmor.d(5). It reads what stands between and around template actions, shell lines
and prose: what is no rule is counted as ``junk`` and left out. It fails for nothing but text that
holds more of something than a bound allows.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from patcher.policy import grammar, header, network
from patcher.policy.actions import (
    Control,
    condition,
    control,
    is_replaced,
    may_print,
    section,
    sections,
    subject,
)
from patcher.policy.bounds import MAX_NAME, MAX_NESTING, Budget, TooMuch, time_left
from patcher.policy.grammar import KEYWORDS, Qualifiers
from patcher.policy.lexer import Kind, Lexer, Token
from patcher.policy.network import NetworkRule
from patcher.policy.patterns import regex, repeated

Arm = tuple[int, int, bytes]
"""One arm of a choice (``{{if}}`` ... ``{{else}}``, ``if $x {} else {}``): which choice, which of
its arms, and its condition. A rule carries the arms that it stands in."""

QUALIFIERS: frozenset[bytes] = grammar.QUALIFIERS | grammar.FILE_QUALIFIERS

_WORDS = regex(repeated(rb"[^\s\"(]++|\"[^\"]*\"|\([^()]*\)", b"+"))
"""The words of a rule that is one token."""
_ASSIGNMENT = regex(rb"@\{\w+\}\s*\+?=|\$\w+\s*=")


class Rule(NamedTuple):
    """One rule of a profile."""

    keyword: bytes
    """The word that says its kind; ``file`` for a rule that begins with its path; ``action`` for a
    template action that stands where rules stand."""
    start: int
    end: int
    """Offset behind its comma (behind its last word, where it takes none)."""
    words: tuple[bytes, ...]
    """All its words, qualifiers first, without the comma."""
    arms: tuple[Arm, ...]
    """The choices that it depends on, outermost first."""
    qualifiers: Qualifiers
    stretch: int = 0
    """The number of the stretch of the text that it stands in. Of two rules in one stretch, each is
    there when the other one is, save for their arms; between stretches stands what may leave out
    either: a program's code, a line that is no policy, an unknown tag."""
    qualifier_block: bytes = b""
    """The qualifiers of the block that it stands in (``audit { ... }``); AppArmor's parser carries
    file rules alone out of such a block."""
    network: NetworkRule | None = None
    holes: bool = False

    @property
    def deny(self) -> bool:
        """Whether ``deny`` stands before its keyword."""
        return self.qualifiers.mode == "deny"

    @property
    def may_hold_others(self) -> bool:
        """Whether a template action stands where it may put in whole rules."""
        before = self.qualifiers.mode == "unknown" and self.holes
        return self.keyword == b"action" or before

    @property
    def bare(self) -> bool:
        """An allow rule of its keyword alone: ``capability,``."""
        allows = self.qualifiers.mode == "allow"
        return self.words[-1] == self.keyword and allows and not self.holes

    @property
    def rest(self) -> tuple[bytes, ...]:
        """Its words without the qualifiers."""
        return self.words[self.qualifiers.words :]


@dataclass(slots=True)
class Profile:
    """A profile, child profile or hat; or a *fragment*, rules that stand in none."""

    name: str
    start: int
    """Offset of its header, for a fragment that of its first rule."""
    header: bool
    """False for a fragment."""
    flags: frozenset[bytes] = frozenset()
    rules: list[Rule] = field(default_factory=list)
    junk: int = 0
    """Statements in it that are no rules."""
    strange: bytes = b""
    """How the first of them begins."""
    attachment: bytes = b""
    """The path of the programs that it is for, be it its name; empty without one."""
    named: bool = True
    """False where a template action or placeholder stands in place of the name."""
    keyword: bool = False
    """The header begins with ``profile`` or ``hat``."""
    leads: bool = False
    """The header's first word is the first on its line, as it is not in prose and in code."""
    parent: Profile | None = None
    end: int = -1
    """Offset behind the brace that closes it; -1 for a fragment, and where none does."""
    stretch: int = 0
    """The stretch of the text in which its header stands."""
    torn: bool = False
    """Which of its rules stand in it depends on conditionals: a brace of it is conditional."""
    section: bytes = b""
    """Of a fragment: the name by which a template puts it elsewhere (``{{define "name"}}``)."""

    @property
    def network_rules(self) -> Iterator[tuple[Rule, NetworkRule]]:
        """Its network rules, in order."""
        for rule in self.rules:
            if rule.network is not None:
                yield rule, rule.network


class _Scope(NamedTuple):
    """A brace that is open. ``profile`` is where rules inside it belong."""

    profile: Profile
    outer: _Scope | None
    qualifiers: tuple[bytes, ...] = ()
    """Of the qualifier blocks that it stands in, its own included."""
    arms: tuple[Arm, ...] = ()
    """Of the ``if`` and ``else`` blocks that it stands in, its own included."""
    arm: Arm | None = None
    """An AppArmor ``if`` or ``else`` block: the arm that it is."""
    doubled: bool = False
    depth: int = 1
    """How many braces are open, this one included."""
    stretch: int = 0
    """The stretch in which it began."""
    twins: tuple[Profile, ...] = ()
    """The profiles that begin in its place in the other arms of a choice: what stands in one stands
    in each."""


@dataclass(slots=True)
class _Choice:
    """A template choice that is open."""

    subject: bytes
    """What it is: ``if``, ``range`` ..."""
    arm: Arm
    outer: tuple[Arm, ...]
    """The arms of the choices that it stands in."""
    scope: _Scope | None
    """The scope in which it began: each of its arms begins there."""
    left: list[_Scope] = field(default_factory=list)
    """The scopes that its arms so far began and did not close."""
    is_section: bool = False
    """No choice, but a section of the template, which stands elsewhere."""

    @property
    def arms(self) -> tuple[Arm, ...]:
        """The arms in which text stands now."""
        if self.is_section:
            return ()
        return _nested(self.outer, self.arm)


class _Statement(NamedTuple):
    """What the words of a rule say."""

    words: tuple[bytes, ...]
    holes: bool
    keyword: bytes
    qualifiers: Qualifiers
    network: NetworkRule | None = None


_AT_CONDITIONAL = regex(
    rb"@(?:(?:end|el)?(?:if|else|fi|for|unless|ifdef|ifndef)\w*@\Z|(?!\w+@)[a-z])|\$(?:end|else)?if\b",
    re.IGNORECASE,
)
"""``@if@``, as autoconf-like templates choose; ``@if($x)``, as Blade does."""
_DEPTH = 32
_MOST_WORDS = 512
"""No rule has as many."""
_SHOWN = 8
"""Words of a statement that is no rule."""


def _nested(arms: tuple[Arm, ...], arm: Arm) -> tuple[Arm, ...]:
    """``arms`` with one more inside.

    Of choices nested deeper than any template has them, those in the middle are left out, so that
    the time for a rule has a bound; the innermost then loses its condition, so that it is like no
    other arm.
    """
    if len(arms) < _DEPTH:
        return (*arms, arm)
    return (*arms[: _DEPTH - 1], (arm[0], arm[1], b""))


Break = tuple[int, bool, int]
"""Offset in a text; whether another stretch begins there (``Rule.stretch``); and, not 0, the number
of the condition under which what follows is there, where the rest of the stretch is."""


def read(text: bytes, budget: Budget | None = None, breaks: Sequence[Break] = ()) -> list[Profile]:
    """The profiles and fragments in a text, in the order in which they begin.

    ``budget``: of the file that the text is from; None: one for this text. ``breaks``: in order.
    Raises TooMuch.
    """
    return _Reader(text, budget or Budget(), breaks).read()


class _Reader:
    def __init__(self, text: bytes, budget: Budget, breaks: Sequence[Break]) -> None:
        self.text = text
        self.budget = budget
        self.breaks = [*reversed(breaks)]
        """Those that are still to come, the next one last."""
        self.stretch = self.condition = 0
        self.unsure = False
        """An unknown tag was read: which tag closes which is not known either."""
        self.conditional_close: tuple[_Scope, int] | None = None
        """The outermost scope, where another stretch than its own closed it, and that stretch."""
        self.profiles: list[Profile] = []
        self.fragment: Profile | None = None
        self.scope: _Scope | None = None
        self.second_brace = -1
        """Where the second half of a doubled brace stands that closed a scope."""
        self.choices: list[_Choice] = []
        self.choice_count = 0
        self.closed_if: Arm | None = None
        self.parsed: dict[tuple[tuple[bytes, ...], tuple[bool, ...]], _Statement | None] = {}
        self.whole: dict[bytes, _Statement | None] = {}
        self.pending: list[Token] = []
        self.lines: list[int] = [0]
        """Where in ``pending`` its lines begin, the current one last."""
        self.begun_in = (0, 0)
        """The stretch and the condition in which the first pending word stands."""
        self.begun_in_arms: tuple[Arm, ...] = ()
        """The arms of the template's choices in which it stands."""

    def read(self) -> list[Profile]:
        lexer = Lexer(self.text, self.budget)
        lexer.between_rules = whole = not self.breaks
        for token in lexer.tokens():
            kind = token.kind
            while self.breaks and token.start >= self.breaks[-1][0]:
                _, another, self.condition = self.breaks.pop()
                self.stretch += another
            if kind is Kind.RULE:
                self.rule(token)
            elif kind is Kind.WORD:
                self.word(token)
            elif kind is Kind.COMMA:
                self.statement(token.end)
            elif kind is Kind.NEWLINE:
                self.newline()
            elif kind is Kind.OPEN:
                self.open(token)
            elif kind is Kind.CLOSE:
                self.close(token)
            else:
                self.control(token)
            lexer.between_rules = whole and not self.pending
        self.newline()
        self.drop()
        profiles = [profile for profile in self.profiles if profile.header or profile.rules]
        found = _put_together(profiles)
        if self.stretch:
            _tell_stretches_apart(found)
        return sorted(found, key=lambda profile: profile.start)

    # -- words and statements

    def rule(self, token: Token) -> None:
        """Take a rule that is one token."""
        self.begun_in = self.stretch, self.condition
        text = token.text
        if text not in self.whole:
            self.whole[text] = _whole(text)
        statement = self.whole[text]
        if statement is None:
            self.junk(_WORDS.findall(text))
        else:
            self.add(statement, token.start, token.end)

    def word(self, token: Token) -> None:
        if len(self.pending) >= _MOST_WORDS:
            self.drop()
        if token.text in grammar.INCLUDES and all(
            grammar.is_qualifier(w.text) for w in self.pending
        ):
            self.keep([])  # they are for the first rule of the file, if any
        if not self.pending:
            self.begin()
        elif self.choices and self.choices[-1].arm not in self.begun_in_arms:
            # It may not be there where the first word is; "network" itself is looked for.
            token = token if token.text == b"network" else token._replace(hole=True)
        self.pending.append(token)
        start = self.lines[-1]
        if self.pending[start].text in grammar.INCLUDES:
            self.include(start)
        elif self.pending[0].text in grammar.INCLUDES and token.text[:1] in b'<"':
            self.include(0)  # its name stands on the next line

    def include(self, start: int) -> None:
        """Take an include, which ends behind the name of its file."""
        line = self.pending[start:]
        if grammar.included([token.text for token in line]) is not None:
            self.resume()
            self.keep([])
            self.add(_bare(b"include", line), line[0].start, line[-1].end)

    def begin(self) -> None:
        """Note where a rule begins."""
        self.begun_in = self.stretch, self.condition
        self.begun_in_arms = (*self.choices[-1].arms, self.choices[-1].arm) if self.choices else ()

    def keep(self, pending: list[Token]) -> list[Token]:
        """Go on with these words, which all stand on the current line; give back all of them."""
        before, self.pending, self.lines = self.pending, pending, [0]
        return before

    def newline(self) -> None:
        if not self.pending:
            return
        self.resume()
        line = self.pending[self.lines[-1] :]
        if line and self.lines[-1] == 0 and self.complete_without_comma(line):
            self.keep([])
            return
        if len(self.pending) > 64:
            self.drop()
        if self.pending and self.lines[-1] != len(self.pending):
            self.lines.append(len(self.pending))

    def resume(self) -> None:
        """Where the current line begins as a rule does, what stood before it was none."""
        start = self.lines[-1]
        before, line = self.pending[:start], self.pending[start:]
        if before and _starts_rule(line) and not _only_qualifiers(before):
            self.junk(_texts(before))
            self.keep(line)
            self.begin()

    def complete_without_comma(self, line: list[Token]) -> bool:
        """Take a line that is whole though no comma ends it: an include, an assignment, a template
        action that stands where rules stand."""
        if _ASSIGNMENT.match(b"".join(token.text for token in line[:2])):
            return True
        if _AT_CONDITIONAL.match(line[0].text):
            self.junk(_texts(line))
            return True
        if all(token.hole for token in line):
            return self.add(_bare(b"action", line), line[0].start, line[-1].end)
        return False

    def statement(self, end: int) -> None:
        if not self.pending:
            return
        self.resume()
        pending = self.keep([])
        words = tuple(token.text for token in pending)
        holes = tuple(token.hole for token in pending)
        # Rules that say the same share one value, since a file may hold a million of them.
        if (words, holes) not in self.parsed:
            self.parsed[words, holes] = _parsed(words, holes)
        statement = self.parsed[words, holes]
        if statement is None:
            self.junk(words)
        else:
            self.add(statement, pending[0].start, end)

    def add(self, statement: _Statement, start: int, end: int) -> bool:
        """Add a rule to the profile that is open; always true."""
        self.budget.rule()
        profile, block = self.owner(start)
        net = statement.network
        if net is not None and (self.stretch, self.condition) != self.begun_in:
            net = net._replace(unknown=True)  # a part of it may be left out
        rule = Rule(
            keyword=statement.keyword,
            start=start,
            end=end,
            words=statement.words,
            arms=self.arms(),
            qualifiers=statement.qualifiers,
            stretch=self.stretch,
            qualifier_block=block,
            network=net,
            holes=statement.holes,
        )
        profile.rules.append(rule)
        for twin in self.scope.twins if self.scope is not None else ():
            twin.rules.append(rule)
        return True

    def owner(self, start: int) -> tuple[Profile, bytes]:
        if self.scope is None and self.conditional_close is not None:
            scope, stretch = self.conditional_close
            if stretch != self.stretch:
                self.scope = scope  # where the brace was left out, the profile goes on
        if self.scope is not None:
            profile = self.scope.profile
            if profile.start < 0:
                profile.start = start
                self.begun(profile)
            return profile, b" ".join(self.scope.qualifiers)
        if self.fragment is None:
            self.fragment = Profile(name="", start=start, header=False)
            self.begun(self.fragment)
        return self.fragment, b""

    def begun(self, profile: Profile) -> None:
        """Take a profile that has a header, or a fragment that has a rule."""
        profile.stretch = self.stretch
        self.budget.profile()
        self.profiles.append(profile)

    def arms(self) -> tuple[Arm, ...]:
        """The arms of the template's choices and of the policy's own, each outermost first."""
        choices = self.choices[-1].arms if self.choices else ()
        if self.condition:
            choices = ((self.condition, -1, b""), *choices)
        return choices + self.scope.arms if self.scope is not None else choices

    def junk(self, words: Sequence[bytes]) -> None:
        """Count a statement that is no rule. What it does to those around it is not known."""
        self.stretch += 1
        profile = self.strange(b" ".join(words[:_SHOWN]))
        if profile is not None:
            profile.junk += 1

    def strange(self, text: bytes) -> Profile | None:
        """Note what is no rule, and may put one there, in the profile that is open; return that."""
        profile = self.fragment if self.scope is None else self.scope.profile
        if profile is not None:
            profile.strange = profile.strange or text
        return profile

    def drop(self) -> None:
        if words := self.keep([]):
            self.junk(_texts(words))

    # -- scopes

    def open(self, token: Token) -> None:
        lines = self.lines
        scope = self.opened(self.keep([]), lines, self.scope, token.doubled)
        self.scope = scope._replace(stretch=self.stretch)
        self.conditional_close = None

    def opened(
        self, pending: list[Token], lines: list[int], outer: _Scope | None, doubled: bool
    ) -> _Scope:
        """The scope that the words before a brace begin."""
        words = [word.text for word in pending[lines[-1] :] or pending[-8:]]
        depth = 1 if outer is None else outer.depth + 1
        if depth > MAX_NESTING:
            raise TooMuch(f"more than {MAX_NESTING} nested blocks")
        parent: Profile | None = None
        qualifiers: tuple[bytes, ...] = ()
        arms: tuple[Arm, ...] = ()
        if outer is not None:
            qualifiers, arms = outer.qualifiers, outer.arms
            parent = outer.profile if outer.profile.header else None
        if outer is not None and parent is not None and words:
            if all(map(grammar.is_qualifier, words)):
                qualifiers = tuple(dict.fromkeys((*qualifiers, *words)))
                return _Scope(parent, outer, qualifiers, arms, doubled=doubled, depth=depth)
            if words[0] in (b"if", b"else"):
                arm = self.block_arm(words)
                return _Scope(parent, outer, qualifiers, _nested(arms, arm), arm, doubled, depth)
        found = header.find(pending, lines)
        if found is None:
            self.strange(b"{")
            profile = Profile(name="", start=-1, header=False)
        else:
            profile = _profile(*found, parent)
            self.begun(profile)
        return _Scope(profile, outer, qualifiers, arms, doubled=doubled, depth=depth)

    def block_arm(self, words: list[bytes]) -> Arm:
        """The arm that an ``if``, ``else if`` or ``else`` block is.

        Its condition is never ``else``, which would make of a deny in each arm a certain one:
        parser 3.0.8 compiles no network rule in such blocks, whichever is taken.
        """
        condition = b" ".join((*words, b"{"))
        if words[0] == b"else" and self.closed_if is not None:
            number, index, _ = self.closed_if
            return number, index + 1, condition
        self.choice_count += 1
        return self.choice_count, 0, condition

    def close(self, token: Token) -> None:
        if token.start == self.second_brace:
            return
        self.drop()
        scope = self.scope
        if scope is not None:
            self.closed_if, self.scope = scope.arm, scope.outer
            self.conditionally_closed(scope)
            if scope.doubled and token.doubled:
                self.second_brace = token.end
            if scope.outer is None or scope.outer.profile is not scope.profile:
                for profile in (scope.profile, *scope.twins):
                    profile.end = token.end + (scope.doubled and token.doubled)
        if self.scope is None:
            self.fragment = None

    def conditionally_closed(self, scope: _Scope) -> None:
        """Take note where a brace closes a scope in another stretch than the scope's own."""
        outer = scope.outer
        if scope.stretch == self.stretch:
            return
        if outer is None:
            self.conditional_close = (scope, self.stretch)
        elif outer.stretch != scope.stretch and outer.profile is not scope.profile:
            scope.profile.torn = outer.profile.torn = True

    # -- template choices

    def control(self, token: Token) -> None:
        action = control(token.text)
        if action is Control.UNKNOWN and may_print(token.text):
            self.strange(token.text)
        if action is Control.UNKNOWN or self.unsure:
            self.unsure = True
            self.stretch += 1
        line = self.pending[self.lines[-1] :] or self.pending
        if action is not Control.NONE and line and _may_start_rule(line[0].text):
            # It decides about words within a rule.
            self.pending = [word._replace(hole=True) for word in self.pending]
        if action in (Control.OPEN, Control.SECTION) and len(self.choices) >= MAX_NESTING:
            raise TooMuch(f"more than {MAX_NESTING} nested choices of a template")
        if action is Control.OPEN:
            if is_replaced(token.text):
                self.add(_bare(b"action", [token]), token.start, token.end)
            self.choice_count += 1
            arm = (self.choice_count, 0, condition(token.text))
            outer = self.choices[-1].arms if self.choices else ()
            self.choices.append(_Choice(subject(token.text), arm, outer, self.scope))
        elif action is Control.SECTION:
            part = Profile(name="", start=-1, header=False, section=section(token.text))
            self.choices.append(_Choice(b"", (0, 0, b""), (), self.scope, is_section=True))
            self.scope = _Scope(part, None)
        elif action is Control.ARM and self.choices:
            choice = self.choices[-1]
            number, index, _ = choice.arm
            choice.arm = (number, index + 1, condition(token.text))
            self.leave(choice)
            self.scope = choice.scope
        elif action is Control.CLOSE and self.choices:
            choice = self.choices.pop()
            if choice.is_section:
                self.drop()
                self.scope = choice.scope
                return
            if (closed := subject(token.text)) and closed != choice.subject:
                self.unsure = True
                self.stretch += 1
            self.merge(choice)

    def leave(self, choice: _Choice) -> None:
        """Keep the scope that an arm began and did not close."""
        if self.scope is not None and self.scope is not choice.scope:
            if self.scope.outer is choice.scope:
                choice.left.append(self.scope)
            self.scope.profile.torn = self.scope.outer is not choice.scope

    def merge(self, choice: _Choice) -> None:
        """Make one scope of those that the arms of a choice began."""
        scope = self.scope
        if not choice.left:
            return
        if scope is None or scope.outer is not choice.scope:
            for left in choice.left:
                left.profile.torn = True
            return
        self.scope = scope._replace(twins=tuple(left.profile for left in choice.left))


_MOST_RULES = 20_000
"""Rules that sections may add to the profiles of one text."""
_MOST_SECTIONS = 8
"""Sections that may be put into each other."""


def _put_together(profiles: list[Profile]) -> list[Profile]:
    """Put the rules of sections where the profiles' templates put them; the sections that no
    profile uses stay as they are. Raises TooMuch."""
    parts = {profile.section: profile for profile in profiles if profile.section}
    if not parts:
        return profiles
    used: set[bytes] = set()
    left = _MOST_RULES
    named = functools.cache(sections)  # a section may be long, and many profiles may use it

    def expanded(rules: list[Rule], arms: tuple[Arm, ...], within: frozenset[bytes]) -> list[Rule]:
        nonlocal left
        found = []
        for rule in rules:
            time_left()
            names, alone = named(rule.words) if rule.holes else ([], False)
            here = [name for name in names if name in parts and name not in within]
            if not alone or len(here) < len(names):
                # What else the line holds may carry rules as well.
                found.append(rule._replace(arms=arms + rule.arms) if arms else rule)
            for name in here:
                if len(within) > _MOST_SECTIONS:
                    raise TooMuch(f"more than {_MOST_SECTIONS} sections put into each other")
                used.add(name)
                left -= len(parts[name].rules) + 1
                if left < 0:
                    raise TooMuch(f"more than {_MOST_RULES} rules that sections put into profiles")
                used_in = (*arms, _stretch_arm(rule), *rule.arms)
                found += expanded(parts[name].rules, used_in, within | {name})
        return found

    for profile in profiles:
        if profile.header:
            profile.rules = expanded(profile.rules, (), frozenset())
    return [profile for profile in profiles if profile.section not in used]


def _stretch_arm(rule: Rule) -> Arm:
    return -1 - rule.stretch, 0, b""


def _tell_stretches_apart(profiles: list[Profile]) -> None:
    """Make the stretch of a rule one more of its arms, in profiles that stand in several."""
    for profile in profiles:
        begun = {profile.stretch} if profile.header else set[int]()
        if len(begun.union(rule.stretch for rule in profile.rules)) > 1:
            profile.rules = [
                rule._replace(arms=(_stretch_arm(rule), *rule.arms)) for rule in profile.rules
            ]


def _texts(tokens: Iterable[Token]) -> tuple[bytes, ...]:
    return tuple(token.text for token in tokens)


def _only_qualifiers(tokens: list[Token]) -> bool:
    return all(grammar.is_qualifier(token.text) or token.text == b"network" for token in tokens)


def _may_start_rule(word: bytes) -> bool:
    return word in KEYWORDS or grammar.is_qualifier(word)


def _starts_rule(tokens: list[Token]) -> bool:
    """Whether words begin as a rule does: qualifiers, then a keyword."""
    for token in tokens:
        if token.text in KEYWORDS:
            return True
        if not grammar.is_qualifier(token.text):
            return False
    return False


def _parsed(words: tuple[bytes, ...], holes: tuple[bool, ...]) -> _Statement | None:
    """Parse the words of a rule; None when they make none."""
    qualifiers = grammar.qualifiers(words, holes)
    keyword = grammar.keyword(words[qualifiers.words :], holes[qualifiers.words :])
    if keyword is None:
        return None
    rule = network.parse_words(words, holes) if keyword == b"network" else None
    if keyword == b"network" and rule is None:
        return None
    return _Statement(words, any(holes), keyword, qualifiers, rule)


def _whole(text: bytes) -> _Statement | None:
    """Parse a rule or an include that is one token; None when it is none."""
    words = tuple(_WORDS.findall(text))
    if words[0] in grammar.INCLUDES:
        return _Statement(words, False, b"include", Qualifiers())
    return _parsed(words, (False,) * len(words))


def _bare(keyword: bytes, line: list[Token]) -> _Statement:
    """A line that is whole without a comma."""
    words = tuple(token.text for token in line)
    return _Statement(words, any(token.hole for token in line), keyword, Qualifiers())


def _profile(found: header.Header, leads: bool, parent: Profile | None) -> Profile:
    """The profile that a header begins. Raises TooMuch."""
    length = len(found.name.text)
    outer = parent
    while outer is not None:
        length += len(outer.name)
        outer = outer.parent
    if length > MAX_NAME:
        raise TooMuch(f"the name of a profile is longer than {MAX_NAME} bytes")
    return Profile(
        name=found.name.text.strip(b"\"'").decode("utf-8", "replace"),
        start=found.first.start,
        header=True,
        flags=found.flags,
        attachment=found.attachment,
        named=not found.name.hole,
        keyword=found.keyword,
        leads=leads,
        parent=parent,
    )

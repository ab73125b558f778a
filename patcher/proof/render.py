"""A profile's template made into policies that compile, one for each way in which it may come out.

The text stays as it is, comments and line breaks too, so that it is AppArmor's parser that reads
it: only template actions give way to stand-ins, and the arms of choices that are not taken to
blanks. What a line of a rendering is, is told by the same line of the profile.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from patcher.policy.actions import Control, control, section
from patcher.policy.bounds import TooMuch
from patcher.policy.includes import Find
from patcher.policy.lexer import Kind, Lexer, Token
from patcher.policy.patterns import regex
from patcher.policy.reader import QUALIFIERS as _QUALIFIERS
from patcher.policy.reader import Profile
from patcher.proof.choices import Arms, Choices, NotRendered, check, taken
from patcher.proof.includes import Endless, put_in
from patcher.proof.variables import assignments, preamble

# No profile comes near any of these, and one that is over any is not rendered.
_MOST_TEXT = 1 << 18
"""Bytes of one profile."""
_MOST_RENDERED = 1 << 22
"""Bytes of all the renderings of one profile."""
_MOST_PIECES = 50_000
_MOST_STATEMENTS = 2000
"""Rules that hold template actions."""
_MOST_WORDS = 512
"""Words of one rule."""
_MOST_BRACES = 1000
"""Blocks in each other."""
_DEPTH = 8
_MOST_EXPANSIONS = 1000
"""Sections that are put in their place."""
STAND_IN = "standin"
"""The name of a profile that is put around a fragment, and how other stand-ins begin."""
_NAME = STAND_IN.encode()

_PIECE = regex(
    rb"\{\{\{?[^\n{}]{0,300}(?:\{[^\n{}]{0,100}\}[^\n{}]{0,100}){0,4}\}?\}\}|\{%[^\n]{0,300}?%\}"
    rb"|<%[^\n]{0,300}?%>|<\?[^\n]{0,300}?\?>|\$\{[^{}\n]{0,200}\}|\$\w{1,200}"
    rb"|%(?:\(\w{1,100}\))?[-#0+]*\d{0,4}[sdvqr]\b|%\w{1,100}%|(?<!@)\{[A-Za-z_0-9.!:\[\]]{0,100}\}"
    rb"|@[A-Za-z_]\w{0,100}@"
)
_NESTED = regex(
    rb"\$\{[^{}\n]{0,200}(?:\{[^{}\n]{0,200}\}[^{}\n]{0,200}){1,8}\}"
)  # a program's expression with others in it
_DOUBLED_PIECE = regex(rb"(?<!\{)\{[A-Za-z_0-9.!:\[\]]{0,100}\}(?!\})")
_IN_GAP = regex(rb"\{#[^#]{0,500}#\}|\{\{-?\s*([\"'`])[ \t]*\1\s*-?\}\}|\\t")
_MODE = regex(rb"[rwaxmlkdciupCPUIX]+\Z")
_BOOLEAN = regex(rb"\$\{?(\w+)\}?\Z")
_NEWER = frozenset((b"userns", b"mqueue", b"io_uring"))
"""Rules since AppArmor 4.0 (its release notes), none of which says anything of sockets."""
_IN_PARENTHESES = {
    b"signal": b"send", b"ptrace": b"read", b"mount": b"rw", b"remount": b"rw", b"dbus": b"send",
    b"unix": b"send",
}  # fmt: skip


class Statement(NamedTuple):
    """A rule that a parser may refuse for what it is no matter for a proof: it holds template
    actions, for which stand-ins were put, or is newer than the parser."""

    start: int
    end: int
    """Where it stands in the body, its comma included."""
    lines: range
    """Of the rendering, from 1."""
    newer: str = ""
    """Its keyword, where not every parser knows it."""
    instead: bytes = b""
    """What stands there when it is left out: a template action may make any rule of it."""


class Rendering(NamedTuple):
    """One way in which a template may come out."""

    text: bytes
    statements: tuple[Statement, ...] = ()
    """Rules that may be left out."""
    before: int = 0
    """How many lines stand before the profile's own first one."""
    guesses: tuple[bytes, ...] = ()
    """Includes and actions that may put in any rule, where ``unknown`` stands."""
    complete: bool = True
    """Whether, with the others, it shows every combination of the choices that decide about network
    rules."""

    def without(self, statements: Sequence[Statement]) -> Rendering:
        """The same with these rules blanked out."""
        text = bytearray(self.text)
        for each in sorted(statements, key=lambda each: -each.start):
            left = self.text[each.start : each.end]
            text[each.start : each.end] = each.instead + _blanked(left)
        kept = tuple(each for each in self.statements if each not in statements)
        return self._replace(text=bytes(text), statements=kept)


class _Piece(NamedTuple):
    """A stretch of the body and what stands there when its arms are taken."""

    start: int
    end: int
    text: bytes
    arms: Arms


def outermost(profile: Profile) -> Profile:
    """The profile that stands in no other one, in which this one is compiled."""
    while profile.parent is not None:
        profile = profile.parent
    return profile


def stand_in(name: bytes) -> bytes:
    """A profile's name as the renderings have it."""
    return _PIECE.sub(lambda match: _word(match[0]), name)


def _word(piece: bytes) -> bytes:
    """A name in the place of an action: the same for the same action."""
    letters = re.sub(rb"[^A-Za-z0-9]+", b"", piece)[:40]
    return _NAME + b"_" + letters.lower() if letters else _NAME


def render(
    text: bytes,
    profile: Profile,
    *,
    abi: bytes = b"",
    unknown: bytes = b"",
    find: Find | None = None,
    distinct: bool = True,
) -> list[Rendering]:
    """The renderings of an outermost profile, or of a fragment, which is given a header.

    ``abi``: the rule that goes before it. ``unknown`` stands for what may put in any rule: actions
    that are a rule of their own, or a network rule's, and includes that ``find`` does not find.
    ``find``: None to leave includes out. ``distinct``: of those that say the same only one.
    Raises NotRendered.
    """
    end = profile.end if profile.end >= 0 else len(text)
    if end - profile.start > _MOST_TEXT:
        raise NotRendered("the profile is too large")
    body = text[profile.start : end]
    body = _expanded(body, text, _sections(text), [_MOST_EXPANSIONS])
    body = _NESTED.sub(lambda m: m[0] if b"network" in m[0] else b"${nested}", body)
    if not profile.header:
        body = b"profile " + _NAME + b" {\n" + body + b"\n}"
    try:
        if find is not None:
            body = put_in(body, find).text
        assigned = assignments(text, profile.start, end)
        found = _Renderer(body, assigned, abi, unknown).renderings()
    except (TooMuch, Endless) as error:
        raise NotRendered(str(error)) from None
    return list({_words(each.text): each for each in found}.values()) if distinct else found


def render_both(
    old: tuple[bytes, Profile], new: tuple[bytes, Profile], abi: bytes
) -> tuple[tuple[Rendering, ...], tuple[Rendering, ...]]:
    """The renderings of a profile before and after an edit; those of one way that say the same
    before and after only once. They are as many, unless the edit changed what is chosen.

    Raises NotRendered.
    """
    before = render(*old, abi=abi, distinct=False)
    after = render(*new, abi=abi, distinct=False)
    if len(before) != len(after):
        return tuple(before), tuple(after)
    ways = {
        (_words(one.text), _words(two.text)): (one, two)
        for one, two in zip(before, after, strict=True)
    }
    return tuple(one for one, _ in ways.values()), tuple(two for _, two in ways.values())


@lru_cache(maxsize=2)
def _sections(text: bytes) -> dict[bytes, tuple[int, int]]:
    """Where the bodies of a template's named sections begin and end."""
    if b"define" not in text and b"block" not in text:
        return {}
    found: dict[bytes, tuple[int, int]] = {}
    opened: list[tuple[bytes, int]] = []
    for token in Lexer(text).tokens():
        if token.kind is not Kind.CONTROL:
            continue
        action = control(token.text)
        if action is Control.SECTION:
            opened.append((section(token.text), token.end))
        elif action is Control.OPEN:
            opened.append((b"", token.end))
        elif action is Control.CLOSE and opened:
            name, start = opened.pop()
            if name:
                found[name] = start, token.start
    return found


def _expanded(
    body: bytes,
    text: bytes,
    sections: dict[bytes, tuple[int, int]],
    left: list[int],
    depth: int = 0,
) -> bytes:
    """The body with the sections that it names put in their place; ``left`` is how many more may
    be. Raises NotRendered."""
    if not sections or depth > _DEPTH:
        return body
    parts, position, size = [], 0, 0
    for token in Lexer(body).tokens():
        name = section(token.text) if token.hole or token.kind is Kind.CONTROL else b""
        if name in sections and control(token.text) is not Control.SECTION:
            start, end = sections[name]
            left[0] -= 1
            if left[0] < 0 or size + end - start > _MOST_TEXT:
                raise NotRendered("the profile is too large once its sections are put in place")
            inner = _expanded(text[start:end], text, sections, left, depth + 1)
            size += len(inner)
            parts += [body[position : token.start], b"\n", inner, b"\n"]
            position = token.end
    result = b"".join([*parts, body[position:]])
    if len(result) > _MOST_TEXT:
        raise NotRendered("the profile is too large once its sections are put in place")
    return result


class _Renderer:
    def __init__(
        self, body: bytes, assigned: dict[bytes, bytes], abi: bytes, unknown: bytes
    ) -> None:
        self.body = body
        self.abi = abi
        self.unknown = unknown
        self.guesses: list[tuple[bytes, Arms]] = []
        self.assigned = assigned
        self.pieces: list[_Piece] = []
        self.statements: list[tuple[int, int, Arms, str, bytes]] = []
        self.choices = Choices()
        self.complete = True
        self.booleans: set[bytes] = set()
        self.doubled: list[bool] = []
        self.second = -1
        """Where the second half of a doubled brace stands."""
        self.read()

    def read(self) -> None:
        """Cut the body into pieces."""
        words: list[Token] = []
        position = 0
        for token in Lexer(self.body).tokens():
            if token.start < position:
                continue
            check(len(self.pieces), _MOST_PIECES, "words and marks")
            check(len(words), _MOST_WORDS, "words in one rule")
            self.gap(position, token.start)
            position = token.end
            words = self.token(token, words)
        self.flush(words)
        self.gap(position, len(self.body))
        self.choices.close()
        if self.doubled:  # a text that shows the beginning of a profile
            self.piece(len(self.body), len(self.body), b"\n" + b"}" * len(self.doubled))
        self.pieces.sort(key=lambda piece: piece.start)

    def token(self, token: Token, words: list[Token]) -> list[Token]:
        """Take the next token; the words of the statement that has begun with it or before it."""
        kind = token.kind
        if kind is Kind.WORD:
            return [*words, token]
        if kind is Kind.NEWLINE:
            return self.newline(token, words)
        if kind is Kind.CONTROL:
            return self.control(token, words)
        if kind is Kind.COMMA:
            self.statement(words, token.end)
        elif kind is Kind.OPEN:
            self.header(words)
            self.doubled.append(token.doubled)
            check(len(self.doubled), _MOST_BRACES, "nested blocks")
            self.piece(token.start, token.end, b"{")
        else:
            self.flush(words)
            self.closing(token)
        return []

    def newline(self, token: Token, words: list[Token]) -> list[Token]:
        if words and not _ends_at_newline(words):
            return [*words, token]
        if words:
            self.statement(words, token.start)
        self.piece(token.start, token.end, b"\n")
        return []

    def control(self, token: Token, words: list[Token]) -> list[Token]:
        action = control(token.text)
        if action is not Control.NONE:  # an assignment may stand within a rule
            self.flush(words)
            words = []
        self.choices.take(action, token.text)
        self.piece(token.start, token.end, _blanked(token.text))
        return words

    def closing(self, token: Token) -> None:
        text = b"}"
        if token.start == self.second:
            text = b""
        elif self.doubled and self.doubled.pop() and token.doubled:
            self.second = token.end
        self.piece(token.start, token.end, text)

    def piece(self, start: int, end: int, text: bytes) -> None:
        self.pieces.append(_Piece(start, end, text, self.choices.arms))

    def gap(self, start: int, end: int) -> None:
        """What stands between tokens: blanks and comments."""
        if start < end:
            text = _IN_GAP.sub(
                lambda m: b"\t" if m[0] == b"\\t" else _blanked(m[0]), self.body[start:end]
            )
            self.piece(start, end, text)

    def put(self, token: Token, text: bytes) -> None:
        if any(self.doubled):
            text = text.replace(b"{{", b"{").replace(b"}}", b"}")
        self.piece(token.start, token.end, text)

    def flush(self, words: Sequence[Token]) -> None:
        """Words that make no statement."""
        for word in words:
            if word.kind is Kind.NEWLINE:
                self.put(word, b"\n")
            elif word.hole and _whole(word.text):
                self.guess(word, word.text)
            else:
                self.put(word, self.filled(word))

    def guess(self, word: Token, said: bytes) -> None:
        """Put what stands for any rule in the place of a word; outside a profile, nothing."""
        if not self.doubled:
            self.put(word, _blanked(word.text))
            return
        self.guesses.append((said, self.choices.arms))
        self.choices.decide()
        self.put(word, self.unknown + _blanked(word.text))

    def filled(self, word: Token) -> bytes:
        """The word with names in the place of its actions."""
        if not word.hole:
            return word.text
        if any(self.doubled):
            return _DOUBLED_PIECE.sub(lambda match: _word(match[0]), word.text)
        return _PIECE.sub(lambda match: _word(match[0]), word.text)

    def header(self, words: Sequence[Token]) -> None:
        """The words before a brace."""
        plain = [word for word in words if word.kind is Kind.WORD]
        if plain and plain[0].text in (b"if", b"else"):
            for word in plain:
                name = _BOOLEAN.match(word.text)
                if name is not None:
                    self.booleans.add(name[1])
            for word in words:
                self.put(word, b"\n" if word.kind is Kind.NEWLINE else word.text)
            return
        named = False
        for index, word in enumerate(words):
            text = word.text
            if word.kind is Kind.NEWLINE:
                text = b"\n"
            elif text in (b"profile", b"hat"):
                named = False
            elif not named and not text.startswith((b"flags", b"(")):
                text, named = self.filled(word), True
                if index == 0 and word.hole and not text.startswith((b"/", b"^", b'"/')):
                    text = b"profile " + text
            elif word.hole and text.startswith((b"flags", b"(")):
                text = self.flags(text)
            elif word.hole:
                text = _blanked(text)
            self.put(word, text)

    def flags(self, said: bytes) -> bytes:
        """What stands for flags that a template action fills in."""
        self.guesses.append((said, self.choices.arms))
        worst = b",complain" if self.unknown.strip() else b""
        return b"flags=(attach_disconnected,mediate_deleted%s)" % worst

    def statement(self, words: Sequence[Token], end: int) -> None:
        """A rule, up to its comma."""
        plain = [word for word in words if word.kind is Kind.WORD]
        comma = end > (words[-1].end if words else end - 1) and self.body[end - 1 : end] == b","
        if not plain:
            if comma:
                self.piece(end - 1, end, b",")
            return
        keyword = _keyword(plain)
        if keyword in (b"network", b"all"):
            self.choices.decide()
        holes = any(word.hole for word in plain)
        removed = self.is_removed(keyword, plain, holes)
        if removed and keyword not in (b"abi", b"set-variable"):
            self.guess(plain[0], b" ".join(each.text for each in plain))
            words = [word for word in words if word is not plain[0]]
        for word in words:
            text = word.text
            if word.kind is Kind.NEWLINE:
                text = b"\n"
            elif removed:
                text = _blanked(text)
            elif word.hole:
                text = self.hole(word, keyword, plain, plain.index(word))
            self.put(word, text)
        if comma:
            self.piece(end - 1, end, b" " if removed else b",")
        newer = keyword.decode("ascii") if keyword in _NEWER else ""
        if (holes and not removed) or newer:
            self.optional(plain, end, newer)

    def is_removed(self, keyword: bytes, words: Sequence[Token], holes: bool) -> bool:
        """Whether a rule gives way: to nothing, or to what stands for any rule."""
        if keyword == b"":
            return holes
        if self.unknown and keyword == b"network" and holes:
            return all(word.text != b"deny" for word in words)
        return keyword in (b"include", b"#include", b"abi", b"set-variable")

    def optional(self, words: Sequence[Token], end: int, newer: str) -> None:
        """Note a rule that may be left out."""
        instead = self.unknown if words[0].hole else b""
        if instead:
            self.choices.decide()
        self.statements.append((words[0].start, end, self.choices.arms, newer, instead))
        check(len(self.statements), _MOST_STATEMENTS, "rules with template actions")

    def hole(self, word: Token, keyword: bytes, words: Sequence[Token], index: int) -> bytes:
        """What stands in for the actions in a word of a rule."""
        whole = _whole(word.text)
        last = index == len(words) - 1
        if keyword == b"network":
            before = [each.text for each in words[:index]]
            if b"network" not in before:
                return b"network" if word.text.endswith(b"network") else _blanked(word.text)
            return b"inet" if before[-1] == b"network" else _blanked(word.text)
        if word.text.startswith(b"("):
            return b"(" + _IN_PARENTHESES.get(keyword, b"send") + b")"
        if whole and keyword == b"capability":
            return b"chown"
        if keyword == b"rlimit":
            return b"1024" if last else b"nofile"
        if keyword == b"file":
            if whole and last and index:
                return b"r"
            filled = self.filled(word)
            starts = index == 0 or words[index - 1].text in (*_QUALIFIERS, b"file")
            quote = b'"' if filled.startswith(b'"') else b""
            if starts and not filled[len(quote) :].startswith((b"/", b"@{")):
                return quote + b"/" + filled[len(quote) :]
            return filled
        if keyword in (b"mount", b"remount", b"umount", b"pivot_root") and whole:
            return b"/" + _NAME
        return self.filled(word)

    def renderings(self) -> list[Rendering]:
        """The ways in which the choices come out. Raises NotRendered."""
        chosen, self.complete = self.choices.ways(exact=bool(self.unknown))
        if len(chosen) * len(self.body) > _MOST_RENDERED:
            raise NotRendered("the template makes too many choices for the profile's size")
        return list(map(self.rendering, chosen))

    def rendering(self, chosen: Sequence[int]) -> Rendering:
        places: dict[int, int] = {}
        ends: dict[int, int] = {}
        parts: list[bytes] = []
        size = 0
        for piece in self.pieces:
            text = piece.text if taken(piece.arms, chosen) else _blanked(piece.text)
            places[piece.start] = size
            size += len(text)
            ends[piece.end] = size
            parts.append(text)
        body = b"".join(parts)
        head = self.abi + preamble(body, self.assigned, self.booleans)
        lines = _Lines(head + body)
        statements = tuple(
            Statement(
                len(head) + places[start],
                len(head) + ends[end],
                range(
                    lines.number(len(head) + places[start]),
                    lines.number(len(head) + ends[end]) + 1,
                ),
                newer,
                instead,
            )
            for start, end, arms, newer, instead in self.statements
            if taken(arms, chosen) and start in places and end in ends
        )
        guesses = tuple(said for said, arms in self.guesses if taken(arms, chosen))
        before = head.count(b"\n")
        return Rendering(head + body + b"\n", statements, before, guesses, self.complete)


class _Lines:
    def __init__(self, text: bytes) -> None:
        self.ends = [match.start() for match in re.finditer(rb"\n", text)]

    def number(self, position: int) -> int:
        from bisect import bisect_left

        return bisect_left(self.ends, position) + 1


def _words(text: bytes) -> bytes:
    """The text without blank lines and indentation, which are all that many arms leave."""
    return b"\n".join(line.strip() for line in text.split(b"\n") if line.strip())


def _blanked(text: bytes) -> bytes:
    """Blanks in its place, line breaks kept."""
    return b"\n" * text.count(b"\n") or b" "


def _whole(text: bytes) -> bool:
    """Whether a word is one action and nothing else."""
    match = _PIECE.match(text.strip(b"\"'"))
    return match is not None and match.end() == len(text.strip(b"\"'"))


def _ends_at_newline(words: Sequence[Token]) -> bool:
    """Whether these words are whole without a comma: an include, actions alone."""
    plain = [word for word in words if word.kind is Kind.WORD]
    if plain[0].text in (b"include", b"#include"):
        return True
    if plain[0].text.startswith(b"@{") and len(plain) > 1 and plain[1].text in (b"=", b"+="):
        return True
    return all(word.hole for word in plain)


def _keyword(words: Sequence[Token]) -> bytes:
    """The word that says a rule's kind; ``file`` for a path's; empty where an action may be any."""
    index = 0
    while index < len(words) and (
        words[index].text in _QUALIFIERS or words[index].text.startswith(b"priority=")
    ):
        index += 1
    rest = words[index:]
    if not rest:
        return b""
    if any(word.text == b"network" or word.text.endswith(b"}network") for word in rest):
        return b"network"
    first = rest[0]
    if first.text == b"set" and len(rest) > 1:
        return rest[1].text
    if first.text[:1] in (b"/", b"@", b'"') or (first.hole and len(rest) > 1):
        return b"file"
    if first.hole:
        return b"file" if _MODE.match(rest[-1].text) and len(rest) > 1 else b""
    if _MODE.match(first.text) and len(rest) > 1 and rest[1].text[:1] in b'/@"{':
        return b"file"
    return first.text

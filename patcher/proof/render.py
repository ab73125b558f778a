"""A profile's template made into policies that compile, one for each way in which it may come out.

The text stays as it is, comments and line breaks too, so that it is AppArmor's parser that reads
it: only template actions give way to stand-ins, and the arms of choices that are not taken to
blanks. What a line of a rendering is, is told by the same line of the profile.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import islice, product
from math import prod

from patcher.policy.actions import Control, condition, control, section
from patcher.policy.bounds import TooMuch
from patcher.policy.lexer import Kind, Lexer, Token
from patcher.policy.reader import QUALIFIERS as _QUALIFIERS
from patcher.policy.reader import Profile
from patcher.proof.includes import Endless, Find, put_in

MOST_RENDERINGS = 8
"""All combinations of a template's choices are rendered where they are no more than these."""
# No profile comes near any of these, and one that is over any is not rendered.
_MOST_TEXT = 1 << 18
"""Bytes of one profile; of the definitions that it needs, a quarter of that."""
_MOST_RENDERED = 1 << 22
"""Bytes of all the renderings of one profile."""
_MOST_PIECES = 50_000
_MOST_CHOICES = 2000
_MOST_STATEMENTS = 2000
"""Rules that hold template actions."""
_MOST_WORDS = 512
"""Words of one rule."""
_DEEPEST = 64
"""Choices in each other."""
_MOST_BRACES = 1000
"""Blocks in each other."""
_DEPTH = 8
_MOST_EXPANSIONS = 1000
"""Sections that are put in their place."""
_MOST_VARIABLES = 1000
_LONGEST_VALUE = 4096
STAND_IN = "standin"
"""The name of a profile that is put around a fragment, and how other stand-ins begin."""
_NAME = STAND_IN.encode()

_PIECE = re.compile(
    rb"\{\{\{?[^\n{}]{0,300}(?:\{[^\n{}]{0,100}\}[^\n{}]{0,100}){0,4}\}?\}\}|\{%[^\n]{0,300}?%\}"
    rb"|<%[^\n]{0,300}?%>|\$\{[^{}\n]{0,200}\}|\$\w{1,200}"
    rb"|%(?:\(\w{1,100}\))?[-#0+]*\d{0,4}[sdvqr]\b|%\w{1,100}%|(?<!@)\{[A-Za-z_0-9.!:\[\]]{0,100}\}"
    rb"|@[A-Za-z_]\w{0,100}@"
)
_NESTED = re.compile(
    rb"\$\{[^{}\n]{0,200}(?:\{[^{}\n]{0,200}\}[^{}\n]{0,200}){1,8}\}"
)  # a program's expression with others in it
_DOUBLED_PIECE = re.compile(rb"(?<!\{)\{[A-Za-z_0-9.!:\[\]]{0,100}\}(?!\})")
_IN_GAP = re.compile(rb"\{#[^#]{0,500}#\}|\{\{-?\s*([\"'`])[ \t]*\1\s*-?\}\}|\\t")
_MODE = re.compile(rb"[rwaxmlkdciupCPUIX]+\Z")
_VARIABLE = re.compile(rb"(.?)@\{(\w+)\}")
_BOOLEAN = re.compile(rb"\$\{?(\w+)\}?\Z")
_ASSIGNED = re.compile(rb"^[ \t]*(@\{\w+\})[ \t]*(\+?=)[ \t]*([^\n#]*)", re.MULTILINE)
_KNOWN_VARIABLES = {
    b"PROC": b"/proc/", b"sys": b"/sys/", b"run": b"/run/ /var/run/", b"HOME": b"/home/*/ /root/",
    b"HOMEDIRS": b"/home/", b"pid": b"[0-9]*", b"pids": b"[0-9]*", b"tid": b"[0-9]*",
    b"uid": b"[0-9]*", b"multiarch": b"*-linux-gnu*", b"etc_ro": b"/etc/", b"etc_rw": b"/etc/",
}  # fmt: skip
_NEWER = frozenset((b"userns", b"mqueue", b"io_uring"))
"""Rules since AppArmor 4.0 (its release notes), none of which says anything of sockets."""
_BUILT_IN = frozenset((b"profile_name", b"exec_path", b"attach_path"))
_IN_PARENTHESES = {
    b"signal": b"send", b"ptrace": b"read", b"mount": b"rw", b"remount": b"rw", b"dbus": b"send",
    b"unix": b"send",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Statement:
    """A rule that a parser may refuse for what it is no matter for a proof: it holds template
    actions, for which stand-ins were put, or is newer than the parser."""

    start: int
    end: int
    """Where it stands in the body, its comma included."""
    lines: range
    """Of the rendering, from 1."""
    newer: str = ""
    """Its keyword, where not every parser knows it."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """One way in which a template may come out."""

    text: bytes
    statements: tuple[Statement, ...] = ()
    """Rules that may be left out."""
    before: int = 0
    """How many lines stand before the profile's own first one."""
    guesses: tuple[bytes, ...] = ()
    """Includes and actions that may put in any rule, where ``unknown`` stands."""

    def without(self, statements: Sequence[Statement]) -> Rendering:
        """The same with these rules blanked out."""
        text = bytearray(self.text)
        for each in statements:
            text[each.start : each.end] = re.sub(rb"[^\n]", b" ", text[each.start : each.end])
        kept = tuple(each for each in self.statements if each not in statements)
        return replace(self, text=bytes(text), statements=kept)


class NotRendered(Exception):
    """Why a template cannot be rendered."""


@dataclass(slots=True)
class _Choice:
    number: int
    arms: list[tuple[int, ...]] = field(default_factory=list)


Arms = tuple[tuple[int, int], ...]
"""The arms that text stands in: choice and arm."""


@dataclass(frozen=True, slots=True)
class _Piece:
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
) -> list[Rendering]:
    """The renderings of an outermost profile, or of a fragment, which is given a header.

    ``abi``: the rule that goes before it. ``unknown`` stands for what may put in any rule: actions
    that are a rule of their own, or a network rule's, and includes that ``find`` does not find.
    ``find``: None to leave includes out.
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
        assigned = _assignments(text, profile.start, end)
        return _Renderer(body, assigned, abi, unknown).renderings()
    except (TooMuch, Endless) as error:
        raise NotRendered(str(error)) from None


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


def _assignments(text: bytes, start: int, end: int) -> dict[bytes, bytes]:
    """The variables that are defined around a profile."""
    found: dict[bytes, bytes] = {}
    for at, name, more, value in _assigned(text):
        if not start <= at < end:
            found[name] = found[name] + b" " + value if more and name in found else value
    return found


@lru_cache(maxsize=2)
def _assigned(text: bytes) -> tuple[tuple[int, bytes, bool, bytes], ...]:
    """Each definition in a text: where it stands, of what, whether it adds to one, its value."""
    found = []
    for match in islice(_ASSIGNED.finditer(text), _MOST_VARIABLES):
        value = match[3].strip().rstrip(b",;'\"`")
        if len(value) > _LONGEST_VALUE:
            raise NotRendered("a variable's value is too large")
        if value and not _PIECE.search(value.replace(b"@{", b"")):
            found.append((match.start(), match[1][2:-1], match[2] == b"+=", value))
    return tuple(found)


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
        self.statements: list[tuple[int, int, Arms, str]] = []
        self.choices: list[int] = []
        """How many arms each choice has, that of leaving it out included."""
        self.parents: list[Arms] = []
        """The arms that each choice stands in."""
        self.booleans: set[bytes] = set()
        self.doubled: list[bool] = []
        self.read()

    def read(self) -> None:
        """Cut the body into pieces."""
        opened: list[tuple[int, int, bool]] = []  # choice, arm, has an else
        numbers: dict[tuple[Arms, bytes], int] = {}
        words: list[Token] = []
        position = second = -1
        position = 0
        known: Arms | None = ()

        def arms() -> Arms:
            nonlocal known
            if known is None:
                known = tuple((number, arm) for number, arm, _ in opened if number >= 0)
            return known

        def close() -> None:
            nonlocal known
            known = None
            if opened:
                number, arm, otherwise = opened.pop()
                if number >= 0:
                    self.choices[number] = max(self.choices[number], arm + (1 if otherwise else 2))

        for token in Lexer(self.body).tokens():
            if token.start < position:
                continue
            _check(len(self.pieces), _MOST_PIECES, "words and marks")
            _check(len(words), _MOST_WORDS, "words in one rule")
            self.gap(position, token.start, arms())
            position = token.end
            kind = token.kind
            if kind is Kind.WORD:
                words.append(token)
                continue
            if kind is Kind.NEWLINE:
                if words and _ends_at_newline(words):
                    self.statement(words, token.start, arms())
                    words = []
                elif words:
                    words.append(token)
                    continue
                self.pieces.append(_Piece(token.start, token.end, b"\n", arms()))
                continue
            if kind is Kind.CONTROL:
                action = control(token.text)
                if action is not Control.NONE:  # an assignment may stand within a rule
                    self.flush(words, arms())
                    words = []
                if action is Control.OPEN:
                    key = arms(), condition(token.text)
                    number = numbers.setdefault(key, len(self.choices))
                    if number == len(self.choices):
                        self.choices.append(2)
                        self.parents.append(arms())
                    opened.append((number, 0, False))
                    _check(len(opened), _DEEPEST, "nested choices")
                    _check(number, _MOST_CHOICES, "choices")
                    known = None
                elif action is Control.SECTION:
                    opened.append((-1, 0, False))
                    _check(len(opened), _DEEPEST, "nested choices")
                    known = None
                elif action is Control.ARM and opened:
                    known = None
                    number, arm, _ = opened[-1]
                    opened[-1] = number, arm + 1, condition(token.text) == b"else"
                    if number >= 0:
                        self.choices[number] = max(self.choices[number], arm + 2)
                elif action is Control.CLOSE:
                    close()
                self.pieces.append(_Piece(token.start, token.end, _blanked(token.text), arms()))
                continue
            if kind is Kind.COMMA:
                self.statement(words, token.end, arms())
            elif kind is Kind.OPEN:
                self.header(words, arms())
                self.doubled.append(token.doubled)
                _check(len(self.doubled), _MOST_BRACES, "nested blocks")
                self.pieces.append(_Piece(token.start, token.end, b"{", arms()))
            else:
                self.flush(words, arms())
                text = b"}"
                if token.start == second:
                    text = b""
                elif self.doubled and self.doubled.pop() and token.doubled:
                    second = token.end
                self.pieces.append(_Piece(token.start, token.end, text, arms()))
            words = []
        self.flush(words, arms())
        self.gap(position, len(self.body), arms())
        if self.doubled:  # a text that shows the beginning of a profile
            end = b"\n" + b"}" * len(self.doubled)
            self.pieces.append(_Piece(len(self.body), len(self.body), end, ()))
        while opened:
            close()
        self.pieces.sort(key=lambda piece: piece.start)

    def gap(self, start: int, end: int, arms: Arms) -> None:
        """What stands between tokens: blanks and comments."""
        if start < end:
            text = _IN_GAP.sub(
                lambda m: b"\t" if m[0] == b"\\t" else _blanked(m[0]), self.body[start:end]
            )
            self.pieces.append(_Piece(start, end, text, arms))

    def put(self, token: Token, text: bytes, arms: Arms) -> None:
        if any(self.doubled):
            text = text.replace(b"{{", b"{").replace(b"}}", b"}")
        self.pieces.append(_Piece(token.start, token.end, text, arms))

    def flush(self, words: Sequence[Token], arms: Arms) -> None:
        """Words that make no statement."""
        for word in words:
            if word.kind is Kind.NEWLINE:
                self.put(word, b"\n", arms)
            elif word.hole and _whole(word.text):
                self.guess(word, word.text, arms)
            else:
                self.put(word, self.filled(word), arms)

    def guess(self, word: Token, said: bytes, arms: Arms) -> None:
        """Put what stands for any rule in the place of a word; outside a profile, nothing."""
        if not self.doubled:
            self.put(word, _blanked(word.text), arms)
            return
        self.guesses.append((said, arms))
        self.put(word, self.unknown + _blanked(word.text), arms)

    def filled(self, word: Token) -> bytes:
        """The word with names in the place of its actions."""
        if not word.hole:
            return word.text
        if any(self.doubled):
            return _DOUBLED_PIECE.sub(lambda match: _word(match[0]), word.text)
        return _PIECE.sub(lambda match: _word(match[0]), word.text)

    def header(self, words: Sequence[Token], arms: Arms) -> None:
        """The words before a brace."""
        plain = [word for word in words if word.kind is Kind.WORD]
        if plain and plain[0].text in (b"if", b"else"):
            for word in plain:
                name = _BOOLEAN.match(word.text)
                if name is not None:
                    self.booleans.add(name[1])
            for word in words:
                self.put(word, b"\n" if word.kind is Kind.NEWLINE else word.text, arms)
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
                text = b"flags=(attach_disconnected,mediate_deleted)"
            elif word.hole:
                text = _blanked(text)
            self.put(word, text, arms)

    def statement(self, words: Sequence[Token], end: int, arms: Arms) -> None:
        """A rule, up to its comma."""
        plain = [word for word in words if word.kind is Kind.WORD]
        comma = end > (words[-1].end if words else end - 1) and self.body[end - 1 : end] == b","
        if not plain:
            if comma:
                self.pieces.append(_Piece(end - 1, end, b",", arms))
            return
        keyword = _keyword(plain)
        start = words[0].start
        removed = keyword in (b"", b"include", b"#include", b"abi", b"set-variable")
        holes = any(word.hole for word in plain)
        if not holes and keyword == b"":
            removed = False
        if self.unknown and keyword == b"network" and holes:
            removed = all(word.text != b"deny" for word in plain)
        any_rule = removed and keyword not in (b"abi", b"set-variable")
        for word in words:
            if word.kind is Kind.NEWLINE:
                text = b"\n"
            elif any_rule and word is plain[0]:
                said = b" ".join(each.text for each in plain)
                self.guess(word, said, arms)
                continue
            elif removed:
                text = _blanked(word.text)
            elif word.hole:
                text = self.hole(word, keyword, plain, plain.index(word))
            else:
                text = word.text
            self.put(word, text, arms)
        if comma:
            self.pieces.append(_Piece(end - 1, end, b" " if removed else b",", arms))
        newer = keyword.decode("ascii") if keyword in _NEWER else ""
        if (holes and not removed) or newer:
            self.statements.append((start, end, arms, newer))
            _check(len(self.statements), _MOST_STATEMENTS, "rules with template actions")

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

    # -- choices

    def renderings(self) -> list[Rendering]:
        """Every way in which the choices come out, or each arm at least once."""
        chosen: list[tuple[int, ...]] = []
        if prod(self.choices[:64]) <= MOST_RENDERINGS:
            chosen = list(product(*(range(count) for count in self.choices)))
        else:
            chosen = list(islice(self.covering(), 8 * MOST_RENDERINGS + 1))
            if len(chosen) > 8 * MOST_RENDERINGS:
                raise NotRendered("the template makes too many choices")
        if len(chosen) * len(self.body) > _MOST_RENDERED:
            raise NotRendered("the template makes too many choices for the profile's size")
        found: dict[bytes, Rendering] = {}
        for rendering in map(self.rendering, chosen):
            found.setdefault(_words(rendering.text), rendering)
        return list(found.values())

    def covering(self) -> Iterator[tuple[int, ...]]:
        """For each arm of each choice, one way in which it is taken."""
        wanted = [(n, arm) for n, count in enumerate(self.choices) for arm in range(count)]
        seen: set[tuple[int, int]] = set()
        for number, arm in wanted:
            if (number, arm) in seen:
                continue
            fixed = dict(self.parents[number]) | {number: arm}
            for other, _ in enumerate(self.choices):
                if other in fixed:
                    continue
                outer = self.parents[other]
                if all(fixed.get(n) == a for n, a in outer):
                    free = [a for a in range(self.choices[other]) if (other, a) not in seen]
                    fixed[other] = free[0] if free else 0
            picked = tuple(fixed.get(n, 0) for n in range(len(self.choices)))
            for n, a in enumerate(picked):
                if all(picked[outer] == x for outer, x in self.parents[n]):
                    seen.add((n, a))
            yield picked

    def rendering(self, chosen: Sequence[int]) -> Rendering:
        taken: Callable[[Arms], bool] = lambda arms: all(chosen[n] == a for n, a in arms)  # noqa: E731
        places: dict[int, int] = {}
        ends: dict[int, int] = {}
        parts: list[bytes] = []
        size = 0
        for piece in self.pieces:
            text = piece.text if taken(piece.arms) else _blanked(piece.text)
            places[piece.start] = size
            size += len(text)
            ends[piece.end] = size
            parts.append(text)
        body = b"".join(parts)
        head = self.abi + self.preamble(body)
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
            )
            for start, end, arms, newer in self.statements
            if taken(arms) and start in places and end in ends
        )
        guesses = tuple(said for said, arms in self.guesses if taken(arms))
        return Rendering(head + body + b"\n", statements, head.count(b"\n"), guesses)

    def preamble(self, body: bytes) -> bytes:
        """Definitions of the variables that the body uses, on its first line."""
        if not self.booleans and b"@{" not in body:
            return b""
        lines = [b"${" + name + b"}=true" for name in sorted(self.booleans)]
        done: set[bytes] = set()
        pending, size = [body], 0
        while pending:
            text = pending.pop()
            for before, name in _VARIABLE.findall(text):
                if name in done or name in _BUILT_IN:
                    continue
                done.add(name)
                value = self.assigned.get(name) or _KNOWN_VARIABLES.get(name)
                if value is None:
                    begins = before.strip() in (b"", b'"')
                    value = b"/" + _NAME if begins else _NAME
                lines.append(b"@{" + name + b"}=" + value)
                size += len(lines[-1])
                if size > _MOST_TEXT // 4:
                    raise NotRendered("the variables that the profile uses are too large")
                pending.append(value)
        return b"\n".join([*lines, b""])


def _check(number: int, most: int, what: str) -> None:
    if number > most:
        raise NotRendered(f"the profile has more than {most} {what}")


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

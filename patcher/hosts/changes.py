"""What a program does to a text after it is made: leave out a part of it, or replace one, in any
language."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, lru_cache, partial
from typing import NamedTuple

from patcher.hosts import around, joins, lengths, vim
from patcher.hosts.calls import (
    KEEPS,
    REPLACES,
    changed_by,
    given_to,
    is_given_to_change,
    method_that_changes,
    statement_before,
)
from patcher.hosts.expressions import why_filtered
from patcher.hosts.functions import Functions
from patcher.hosts.operands import why_operated, why_sent, why_used
from patcher.hosts.strings import UNPACKS
from patcher.policy.bounds import time_left
from patcher.policy.patterns import regex, repeated

_CUTS = (
    rb"(?:filter\w*|Where|reject!?|grep|select!?|findAll|removeIf|removeAll|retain\w*|splice|pop|shift|remove\w*|"
    rb"Remove\w*|delete\w*|Delete\w*|slice!?|subList|take\w*|Take\w*|drop\w*|Drop\w*|Skip|skip|substring|"
    rb"Substring|substr|[tT]runcate|split_off|compact!?|clear|first|last|head|tail|init|without|"
    rb"DeleteFunc|islice|r?partition|pop_back|erase\w*|\w+_if|setLength|setCharAt|set_len|drain|swap_remove|resize|strtok\w*|Cut\w*|shorten|sample|"
    rb"toSpliced|subarray|copyWithin|values_at|matchAll|byteslice|each_slice|each_cons|methodcaller|"
    rb"array_(?:slice|diff\w*|filter|splice|shift|pop|intersect\w*|rand))"
)
_CHANGES = rb"(?P<name>" + REPLACES + rb"|" + _CUTS + rb")(?!\w)[!?]?[ \t]*"
_BEHIND = regex(
    joins.CLOSES
    + rb"(?:"
    + joins.CALL
    + rb"){0,4}?"
    + rb"(?:"
    + joins.METHOD
    + _CHANGES
    + rb"(?P<given>[({][^\n]{0,200}|$)"
    rb"|\[[^\]\n]{0,40}(?::(?!:)|\.\.)[^\]\n]{0,40}\]|\[\s*-?\d+\s*,\s*-?\d+\s*\]"
    rb"|-=?[ \t]*[\"'\[]|=~\s*(?:s|tr|y)\b"
    rb"|\[\s*(?:[-\w]+|/[^\n\]]{1,80}|[\"'][^\"'\n]{0,80} [^\"'\n]{0,80}[\"'])\s*\]\s*=(?!=)"
    rb"|\.set\(\s*\d|\.get\w*\([^()\n]{0,40}\.\.|\.[lL]ength\s*=(?!=)|\s*\+\s*\d+\s*[,)]"
    rb"|[ \t]+-[ci]?(?:split|n?eq|ne|[lg][te]|(?:not)?(?:like|match|in|contains))\b"
    rb"|\.\s*[sS]plit\w*\(\s*[bru]?[\"'`/](?!\\[nrs]|\n|[ \t]*[\"'`/]|\^)[^\n]"
    rb"|\.\s*read\w*\(\s*\d|:g?match\(|\.with\(\s*\d|\.fill\(\s*[\"'`]"
    rb"|\.\s*map\w*\s*[({][^\n]{0,80}[\"'`]#)",
    re.MULTILINE,
)
"""Code behind a text that changes it."""
_BEFORE = regex(
    rb"(?<!\w)(?:[\w.]+[.:])?"
    + _CHANGES
    + rb"(?P<given>\([^()\n;]{0,120}(?:\([^()\n;]{0,40}\)[^()\n;]{0,80})?"
    rb"(?:[\w.]+\()?\[?|\{[^{}\n]{0,120}\}\s*\(?\s*)\Z"
)
"""Code before a text that changes it."""
_INTO_LINES = rb"[\w.]*(?:[sS]plit\w*|[lL]ines|Fields\w*|explode)\b[^\n;{]{0,40}"
_LOOPS = regex(
    rb"\bfor(?:each)?\b[^\n;]{0,80}(?:\bin|\bof|\brange|:|\()\s*(?:%b)?[\"']?\$?\{?\Z"
    rb"|\b(?:while|until)\b[^\n]{0,80}\Z" % _INTO_LINES
)
_OVER_LINES = regex(rb"(?:\bin|\bof|\brange|:|\()\s*%b\Z" % _INTO_LINES)
_CHOOSES = regex(
    rb"(?P<lines>\.\s*(?:split\w*|lines|each_line)\b)?[^\n]{0,80}(?:\n[^\n]{0,120}){0,2}?"
    rb"\b(?:if|continue|break|unless|next|switch)\b"
    rb"|[^\n]{0,80}(?:\n[^\n]{0,80})?(?:&&|\|\|)\s*\(?(?:echo|print|cat|[\w$]+(?:(?:\.|->)\w+\(|\s*[+.]?=))"
)
_ITERATES = regex(
    rb"\s+as\s+\$|\.\s*(?:each\w*|forEach)\b|\.\s*(?P<lines>lines|each_line|split\w*)[^\n]{0,20}\.\s*each"
)
"""Loops over a list, or over the lines of a text, which may leave some of them out."""
_SPLITS = regex(rb"\b(?:[sS]plit\w*|explode)\(\s*\Z")
_SPLIT_AT = regex(rb"[\"'`]\s*,\s*[\"'`](?!\\[nr]|[\r\n])")
"""A separator that is no line break."""
_KEPT = (
    rb"(?:(?:(?:to|as|into|from)_\w+|into|to[A-Z]\w*|format\w*|c_str|data|encode|getBytes|dedent|"
    rb"unindent|strip(?:Indent|Margin|_heredoc)|trim(?:Indent|Margin)|squish|unwrap|freeze|dup|clone|"
    rb"html_safe|force_encoding|join|append|push|push_str|add|concat|arg|size|length|len|write|print\w*|"
    rb"lines|is_?[eE]mpty|digest|hexdigest|let|also|apply|run)\b(?:\([^()\n]{0,80}\))?"
    rb"|(?:[lr]?strip|trim\w*|chomp|split\w*)\b!?"
    rb"(?:\([ \t]*(?:[\"'](?:\\[nrt]|\s)*[\"'])?\)|(?![\w(])))"
)
"""Methods that leave none of their text out."""
_OPERATES = rb"[ \t]*(?:\[(?!\])|-(?![->]))"
_CALLS = repeated(rb"\s*\??!?\.\s*" + _KEPT) + (
    rb"(?:%b|\s*\??!?\.\s*(?!%b|\.)[A-Za-z_])" % (_OPERATES, _KEPT)
)
_OPERATED = {True: regex(_CALLS), False: regex(_OPERATES)}
"""Code right behind a literal that makes something else of its text, or what is not known: where a
dot calls a method, and where it does not."""
_ASSIGNED = regex(
    rb"(?:^|[\s;({,])[$@%&*]?(?P<name>[A-Za-z_][\w.]*)\s*(?:\[\])?"
    rb"(?:\s*:(?!:)[ \t]*[^=\n]{1,80})?\s*(?::=|<-|[+.]?=(?![=>~]))(?:[^=;\n]|=>){0,160}\Z"
    rb"|^[ \t]*(?:set\(|\#[ \t]*define[ \t]+)\s*(?P<set>\w+)(?:\([^()\n]*\))?\s*(?:\\\s*)?\Z"
    rb"|^[ \t]*set[ \t]+(?:-\w+[ \t]+)*(?P<command>[\w:]+)\Z"
    rb"|\((?:def\w*|setq)[ \t]+(?P<lisp>[\w*+?-]+)\Z"
    rb"|\((?:when-|if-)?let\*?[ \t]*[\[(]{1,2}\s*(?P<bound>[\w*+?-]+)\Z"
    rb"|^[ \t]*@(?P<attribute>\w+)\Z"
    rb"|(?P<outer>[A-Za-z_]\w*)(?:\[\])?\s*=\s*\{\s*[^{};]{0,120}\.\w+\s*=\s*\Z",
    re.MULTILINE,
)
_SIGNS = (b"=", b"let", b"set(", b"set ", b"(set", b"(def", b"define", b"@", b"<-")
"""One of these stands in what `_ASSIGNED` matches."""
_ADDED = regex(
    rb"(?<![\w.])[$@&*]?(?P<name>[A-Za-z_]\w*)(?:\.|->|::)(?:push|append|add|insert|extend|[wW]rite)\w*\(\s*\Z",
    re.IGNORECASE,
)
_APART_INTO = regex(rb"\{[ \t]*([\w\s,:${}]{1,120})\}[ \t]*=\s*\Z")
_LAST_NAMES = regex(rb"(\w+)\s*(?:[,}]|\Z)")
"""The names in ``const {a, b: c} = object``, which take parts of it."""
_EACH = regex(
    rb"\A(?:(?!#|//|--)[^\n])*\bfor(?:each)?[ \t(]+"
    rb"(?:\w+[ \t]*,[ \t]*|\w+[ \t]+){0,3}[$&*]*(\w+)\s+(?:in|of)\s*\Z"
)
"""The name that takes one element of a list after another."""
_BOUNDARY = regex(rb"\n(?:\}|(?:[\w ]{0,40}\b)?(?:def|fn|func|fun|function|class|impl)\b)")
"""Where another function begins, or one ends."""
_CALLEE = regex(
    rb"\b(?P<name>[A-Za-z_]\w*)\(\s*(?P<before>(?:[^();{}]{0,200}?,\s*)?)"
    rb"(?:\{\s*(?:[^(){};]{0,200}?,\s*)?[\"']?(?P<key>[\w-]{1,80})[\"']?\s*:\s*)?\Z"
)
"""A function that is given what follows this code, or an object with it."""
_LEADING = regex(repeated(rb"[\"'][^\"'\n{},\\]{0,80}[\"']\s*,\s*", b"{1,8}"))
"""Short strings before a text, which are further arguments: its name, the file."""
_BUFFER = rb"^(?![^\n]*\bconst\b)[^;\n]*\bchar[ \t]+%b[ \t]*\["
"""An array of characters that may be changed."""
_IS_RUST = regex(rb"\bfn\s+\w+\s*[<(]")
_ONE_OF = regex(rb"\[\s*-?\d+\s*\]|\s*\.\s*(?:get|at|nth|component\d+)\w*\(\s*-?\d*\s*\)")
"""One element of the list before."""
_CHOSEN = regex(rb"\[\s*\w+\s*\]\s+for\s+\w+\s+in\s+[(\[]\s*\d")
"""The elements of these indexes."""
_MADE_LINES = regex(rb"\s*\.\s*(?:split\w*|lines|each_line)\b")
_ENDS_BLOCK = regex(rb"[\s),]*\}")
_STRINGS_CHANGE = regex(rb"<\?php|\bstd::string\b|^[ \t]*my[ \t(]+[$@%]|^[ \t]*end\b", re.MULTILINE)
"""PHP, C++, Perl, Ruby."""
_HAS_FIELDS = regex(
    rb"^func [\w(]|^[ \t]*#[ \t]*include\b|^package [\w.]+;"
    rb"|^(?:pub )?(?:fn|const) \w+[(<:]",
    re.MULTILINE,
)
"""Go, C, Java, Rust."""
_OF_A_CLASS = regex(
    rb"[@#]|\b(?:static|const|val|private|public|protected|internal|readonly|final|lazy)\b"
)
"""Code before a name that makes it one for more than the function in which it stands."""
_OF_ITSELF = regex(rb"\b(?:self|cls|this|static|Self|local|var|module)(?:\.|->|::)\$?(\w+)")
_FIRST_WORD = regex(rb"\w+")
_MEMBER = regex(rb"self\.|this\.|@")
_WORD = regex(rb"[\w.@%{}<>$#-]*[\w@%}>]|\{\{ ?[\w.]+ ?\}\}")
_LONGEST, _LONGEST_NAME = 300, 140
REACH = 1 << 15
"""Bytes around a text in which is looked for its function."""
_OVERLAP = 1 << 10
"""Bytes, more than a call may have that changes network rules."""
_NAMES = 64
"""Variables that are followed through a whole file."""
_MOST_USES = 20_000
"""Uses of variables that are looked at in one file."""
_MOST_CHANGES = 200
_MOST_NAMES = 8
"""Variables to which another one is given."""
_LEVELS = 2
"""How far that is followed."""
_FIRST_LITERAL = regex(rb"[(\s{][^\"'`/]{0,80}?([\"'`/])([^\"'`/\n]{0,100})\1")
_MENTIONS = regex(
    rb"(?<!\w)(?:(?:"
    + _CHANGES.replace(b"?P<name>", b"?:")
    + rb"[({]|replaceStrings\b|regsubst\b)[^\n\"'`/]{0,80}"
    rb"|(?:REPLACE|-[ci]?replace|\w*replace|Where-Object|Select-String|sls|"
    rb"-[ci]?(?:not)?(?:match|like))[ \t({$_.\w-]+|string map \{)"
    rb"[\"'`/][^\n\"'`]{0,80}\b(?:deny|alg|network)\b"
    rb"|(?<![\w-])(?:subst|filter-out|patsubst|sed|grep[ \t]+-v|perl|awk|regexp?[ \t]*[:=])"
    rb"[ \t\"',][^\n]{0,120}?"
    rb"(?:\bdeny\b|\balg\b|\bnetwork,)"
    rb"|\b(?:flush|keep|delete-matching|delete-non-matching)-lines[ \t]+\"[^\"\n]*"
    rb"(?:deny|alg|network)"
    rb"|(?:(?<=\n)|\A)[ \t]*(?:silent!?[ \t]+)?(?:%|\d+(?:,[\d$]+)?)?[sgv]!?/[^\n]{0,120}?"
    rb"\b(?:deny|alg|network)\b"
)
"""A function or command that is given words of network rules."""
_DATA = regex(rb"^__(?:DATA|END)__[ \t]*\r?$|\b__halt_compiler\b", re.MULTILINE | re.IGNORECASE)
"""The end of a program of Perl, Ruby or PHP, behind which stands a text that it may read."""
_DATA_AS_IT_IS = regex(
    rb"\bDATA\.read\b(?!\w)[ \t)]*(?:\r?\n|\Z)|\bprint[ \t]+<DATA>[ \t]*;"
    rb"|\blocal[ \t]+\$/;[^;{}\n]*<DATA>|\bjoin\b[ \t(]*[\"']{2}[ \t]*,[ \t]*<DATA>"
)
"""A program that reads all of that text at once."""
_APART = "the strings of the list are taken one by one; which of them come out is not known"
AFTERWARDS = "the program may leave out or replace a part of the text afterwards"


def _lines_that_name(content: bytes, words: Iterable[bytes]) -> Iterator[tuple[int, int]]:
    """Where the lines begin and end that hold one of the words, behind something else. Long lines
    come in pieces that overlap."""
    for word in words:
        at = content.find(word)
        while at >= 0:
            start, end = content.rfind(b"\n", 0, at) + 1, at + len(word)
            if content[start:at].strip():
                end = content.find(b"\n", at)
                end = len(content) if end < 0 else end
                for piece in range(start, end, REACH):
                    yield piece, min(piece + REACH + _OVERLAP, end)
            at = content.find(word, end)


class Change(NamedTuple):
    """What the code at an offset may do to a text."""

    offset: int
    why: str
    keeps: Callable[[bytes], bool]
    """Whether the network rules of a text stay as they are."""


def _may_return(name: bytes) -> str:
    return f"{name.decode('utf-8', 'replace')} may return another text"


def _never(text: bytes) -> bool:
    return False


@lru_cache(maxsize=1)
def changes_in(content: bytes) -> Changes:
    """What the program does to the texts in it."""
    return Changes(content)


class Changes:
    """What a program does to the texts in it."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self._host = ""
        """That of the last text."""
        self._known: dict[bytes, list[Change]] = {}
        self._left = _MOST_USES
        self._functions = Functions(content)

    def why(
        self,
        start: int,
        stop: int,
        text: bytes,
        *,
        before: bytes = b"",
        behind: bytes = b"",
        methods: bool = True,
        host: str = "",
    ) -> str:
        """Say what may change the text whose literals stand in ``content[start:stop]``, or the
        variable that holds it, or what its function returns; empty if nothing is known to.
        ``text``: without its first and last quote. ``before`` and ``behind``: the code around it,
        where it does not stand right there. ``methods``: a dot behind it calls a method. ``host``:
        the name of the language's host."""
        time_left()
        content = self.content
        before = before or content[max(start - _LONGEST, 0) : start]
        behind = behind or content[stop : stop + _LONGEST]
        self._host = host
        if operated := why_operated(before, content[start : start + 40], behind, host):
            return operated
        before = before.rstrip()
        if _OPERATED[methods].match(behind):
            return "an operator or a method that is not known changes the text"
        if lengths.CUTTING_FORMAT.match(text) or (
            _SPLITS.search(before) and _SPLIT_AT.search(text)
        ):
            return AFTERWARDS
        if separator := joins.separator(before, content, start):
            before += separator
        for change in self._changes(start, before, behind, by_unknown=_is_piece):
            if not change.keeps(text):
                return change.why
        given = _LEADING.match(content, start, stop)
        places = [*self._places(before + given[0] if given else before, stop)]
        if marked := self._functions.why_marked(start, before, host):
            return marked
        if function := self._functions.at(start):
            places.append((function, 0, len(content)))
        return next(
            filter(None, (self.why_used(*place, text, (start, stop)) for place in places)), ""
        )

    def _places(self, before: bytes, stop: int) -> Iterator[tuple[bytes, int, int]]:
        """The variables to which this code gives what stands behind it, up to ``stop``; with each,
        where it is looked for."""
        content = self.content
        if apart := _APART_INTO.search(before):
            yield from ((name, 0, len(content)) for name in _LAST_NAMES.findall(apart[1]))
            return
        sign = max(map(before.rfind, _SIGNS))
        held = _ASSIGNED.search(before, max(sign - _LONGEST_NAME, 0)) if sign >= 0 else None
        held = held or _ADDED.search(before)
        if held is not None:
            index = held.lastindex or 0
            name = held[index]
            line = before.rfind(b"\n", 0, held.start(index)) + 1
            local = before[line : line + 1].isspace() and not (
                held.lastgroup in ("attribute", "lisp", "bound")
                or name[:1].isupper()
                or self._is_member(name)
                or _OF_A_CLASS.search(before, line, held.start(index))
            )
            yield name, stop if local else 0, self._end(stop) if local else len(content)
        elif each := _EACH.search(before):
            yield each[1], max(stop - _LONGEST, 0), self._end(stop)
        if callee := _CALLEE.search(before):
            given = self._functions.given(callee["name"], callee["before"], callee["key"] or b"")
            for argument, offset in given:
                yield argument, offset, self._end(offset)

    def _is_member(self, name: bytes) -> bool:
        """Whether a name is that of an object's or a class's part, which any function may use."""
        first = _FIRST_WORD.search(name)
        return _MEMBER.match(name) is not None or (first is not None and first[0] in self._members)

    @cached_property
    def _members(self) -> frozenset[bytes]:
        """The names that are seen behind ``self.`` or the like."""
        return frozenset(_OF_ITSELF.findall(self.content))

    @cached_property
    def _is_rust(self) -> bool:
        """Whether nothing can be changed by ``&x``, and ``x!`` is a macro."""
        return _IS_RUST.search(self.content) is not None

    @cached_property
    def _strings_change(self) -> bool:
        """Whether a function may change a string that it is given, in this language."""
        return _STRINGS_CHANGE.search(self.content) is not None

    @cached_property
    def _has_fields(self) -> bool:
        """Whether a name behind a dot never calls a method, in this language."""
        return _HAS_FIELDS.search(self.content) is not None

    def _may_set(self, before: bytes, name: bytes, *, buffer: bool) -> bool:
        """Whether a function may change in its place a string that follows this code; ``buffer``:
        an array of characters."""
        if self._is_rust:
            return before.endswith(b"&mut ")
        by_reference = self._strings_change or is_given_to_change(before)
        return buffer or by_reference or name.endswith(b"!")

    def _end(self, offset: int) -> int:
        """Where the function ends in which an offset lies."""
        boundary = _BOUNDARY.search(self.content, offset, offset + REACH)
        return len(self.content) if boundary is None else boundary.start()

    @cached_property
    def mentioned(self) -> str:
        """What seems to change network rules of some text, whichever it is; empty for nothing."""
        for start, end in _lines_that_name(self.content, (b"deny", b"alg", b"network")):
            time_left()
            if found := _MENTIONS.search(self.content, start, end):
                return f"`{found[0].decode('utf-8', 'replace')}` may change network rules"
        if _DATA.search(self.content) and not _DATA_AS_IT_IS.search(self.content):
            return "the program reads the text behind its end, and may leave out a part of it"
        return why_filtered(self.content) or vim.why_changed(self.content)

    def why_used(
        self, name: bytes, begin: int, stop: int, text: bytes, own: tuple[int, int] = (0, 0)
    ) -> str:
        """Say what in ``content[begin:stop]`` may change the text that a variable holds, or that a
        function of that name returns. ``own``: where the text stands, which uses no variable."""
        if name not in self._known:
            if len(self._known) >= _NAMES:
                return f"too many variables hold policy to see what becomes of `{name.decode()}`"
            self._known[name] = list(self._changes_of(name))
        changes = self._known[name]
        if len(changes) > _MOST_CHANGES:
            return AFTERWARDS
        for change in changes:
            if own[0] <= change.offset < own[1]:
                continue
            if begin <= change.offset < stop and not change.keeps(text):
                return change.why
        return ""

    def _changes_of(self, name: bytes, above: tuple[bytes, ...] = ()) -> Iterator[Change]:
        """What becomes of a variable, or of what a function of that name returns; and, for a number
        of them, of the variables that it is given to. ``above``: those that it was given by."""
        content, number, aliases = self.content, 0, 0
        buffer = re.search(_BUFFER % re.escape(name), content, re.MULTILINE) is not None
        variable = re.compile(
            re.escape(name) + rb"(?!\w)(?:\([^()\n]{0,80}\))?"
            rb"(?:\[(?:[\"'][\w.-]{1,60}[\"']|:\w{1,60})\](?=[ \t]*[\[.]))?"
        )
        for use in variable.finditer(content):
            time_left()
            low = max(use.start() - _LONGEST, 0)
            before = _OWNER.sub(b"", statement_before(content[low : use.start()]))
            if _INSIDE_WORD.search(before):
                continue
            self._left -= 1
            if self._left < 0:
                yield Change(use.start(), "too many uses of variables to follow them all", _never)
                return
            behind = content[use.end() : use.end() + _LONGEST]
            if self._is_rust and _ENDS_BLOCK.match(behind):
                before = b"return " + before.lstrip()  # a block's last expression is its value
            bare = not (self._has_fields or use[0].endswith(b")"))
            if setter := given_to(before, behind, bare=bare):
                given = self._may_set(before, setter, buffer=buffer)
                yield Change(use.start(), _may_return(setter), _never if given else _is_one_string)
            if (
                UNPACKS.search(before.rstrip(b"$@"))
                or _ONE_OF.match(behind)
                or _CHOSEN.match(behind)
            ):
                keeps = _never if _MADE_LINES.match(behind) else _is_one_string
                yield Change(use.start(), _APART, keeps)
            before = before.rstrip(b"$@&*")
            for change in self._changes_of_use(use.start(), before, behind):
                number += 1
                yield change
            if len(above) == _LEVELS or aliases >= _MOST_NAMES:
                continue
            for alias, begin, end in self._places(before, use.end()):
                if alias not in (name, *above):
                    aliases += 1
                    more = self._changes_of(alias, (*above, name))
                    yield from (each for each in more if begin <= each.offset < end)
            if number > _MOST_CHANGES:
                return

    def _changes_of_use(self, offset: int, before: bytes, behind: bytes) -> Iterator[Change]:
        """What the code before and behind a variable does to the text in it."""
        addressed = self.content[offset - 1 : offset] == b"&"
        if operated := why_used(before, behind, self._host, addressed=addressed):
            yield Change(offset, operated, _never)
        is_shell = self._host == "text" and self.content[offset - 1 : offset] == b"$"
        if is_shell and (sent := why_sent(before, behind)):
            yield Change(offset, sent, _never)
        yield from self._changes(offset, before, behind)

    def _changes(
        self,
        offset: int,
        before: bytes,
        behind: bytes,
        by_unknown: Callable[[bytes], bool] = _never,
    ) -> Iterator[Change]:
        """What the code before and behind a text, or a variable, does to it. ``by_unknown``:
        whether a function that is not known keeps a text."""
        for found in (_BEFORE.search(before), _BEHIND.match(behind)):
            if found is None or KEEPS.search(found[0]):
                continue
            if found["name"] is None:
                yield Change(offset, AFTERWARDS, _never)
                continue
            given = found["given"] or b""
            pattern = _FIRST_LITERAL.match(
                given + b"x" + behind if found.end() == len(before) else given
            )
            replaces = found["name"] != b"tr" and re.fullmatch(REPLACES, found["name"])
            keeps = partial(is_placeholder, pattern[2]) if pattern and replaces else _never
            why = f"{found['name'].decode()} may leave out or replace a part of the text"
            yield Change(offset, why, keeps)
        if name := changed_by(before, behind) or method_that_changes(
            before, behind, fields=self._has_fields
        ):
            yield Change(offset, _may_return(name), by_unknown)
        for one, other in around.AROUND:
            if one.search(before) and other.match(behind):
                yield Change(offset, AFTERWARDS, _never)
        yield from _looped(offset, before, behind)
        for joined, kept in joins.found(before, behind):
            yield Change(offset, joined, kept)
        yield from self._sized(offset, before, behind)

    def _sized(self, offset: int, before: bytes, behind: bytes) -> Iterator[Change]:
        """How many bytes of the text are taken."""
        most = lengths.most(self.content, before, behind)
        if most is not None:
            shown = "a part" if most < 0 else f"no more than {most} bytes"
            yield Change(
                offset, f"{shown} of the text may be taken", lambda text: len(text) <= most
            )


def _looped(offset: int, before: bytes, behind: bytes) -> Iterator[Change]:
    """What a loop over the text does to it."""
    if _LOOPS.search(before) or _ITERATES.match(behind):
        chooses = _CHOOSES.match(behind)
        if chooses is not None:
            lines = chooses["lines"] or _OVER_LINES.search(before)
            yield Change(offset, AFTERWARDS, _never if lines else _is_one_string)


def why_chosen(before: bytes, behind: bytes, text: bytes) -> str:
    """Say why a loop over a list of strings may leave some of them out; empty if none does."""
    found = (each.why for each in _looped(0, before, behind) if not each.keeps(text))
    return next(found, "")


_OWNER = regex(rb"(?<![\w.])(?:self|cls|this|static|local|var|Self|[A-Z]\w*)(?:\.|::|->)\$?\Z")
"""What a variable belongs to: a class, an object, the locals of Terraform."""
_INSIDE_WORD = regex(rb"[\w.\-/]\Z")


_ENDS_RULE = regex(rb"[\w)}*],(?:\\n|[ \t]*[\"'`\r\n])")
_FEW = 4


def _is_piece(text: bytes) -> bool:
    """Whether these are a few rules: in a function that is not known they are conditional, as they
    are in any other code."""
    return len(_ENDS_RULE.findall(text)) <= _FEW


def _is_one_string(text: bytes) -> bool:
    return re.search(rb"[\"'`](?:\s*,\s*|\s+)[\"'`]", text) is None


def is_placeholder(pattern: bytes, text: bytes) -> bool:
    """Whether a pattern that is replaced in a text is one word, which stands there only within
    rules that do not name the network: what takes its place changes no network rule."""
    pattern = pattern.replace(b"\\", b"")
    if _WORD.fullmatch(pattern) is None or re.fullmatch(rb"network|alg|deny|file", pattern):
        return False
    for found in re.finditer(re.escape(pattern), text):
        begin = text.rfind(b"\n", 0, found.start()) + 1
        before = text[begin : found.start()]
        line = text[begin : begin + _LONGEST].partition(b"\n")[0]
        if not before.strip() or b"#" in before or re.search(rb"\bnetwork\b", line):
            return False
        if pattern.startswith(b"#") and before[-1:].isspace():
            return False
    return True

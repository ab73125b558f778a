"""Template actions: which choose or repeat text (control), and which put text in their place.

Go's text/template, Helm, Jinja and Ansible, Handlebars and Mustache, Liquid, ERB, PHP.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum

from patcher.policy.patterns import regex


class Control(Enum):
    """What a control action does to the text around it."""

    OPEN = "open"  #: begins a stretch that may be left out: if, range, with, for ...
    ARM = "arm"  #: begins another arm of the innermost one: else, elif ...
    CLOSE = "close"  #: ends the innermost one
    SECTION = "section"  #: begins a named section of Go's templates, which stands elsewhere: define
    NONE = "none"  #: nothing: a comment, an assignment ...
    UNKNOWN = "unknown"  #: may leave out or repeat what stands before it or behind it


_OPEN = frozenset(b"if unless range with for each case block".split())
_OPEN_TAGS = _OPEN | frozenset(
    b"while until foreach switch macro call capture comment filter set".split()
)
"""Those of Jinja, Liquid, ERB and PHP: what stands in them may be left out, or come out
elsewhere."""
_CLOSE = (
    b"end endif endunless endfor endwith endrange endcase endwhile enduntil endmacro endcall "
    b"endcapture endcomment endfilter endset endblock endforeach endswitch"
)
_BY_WORD: dict[bytes, Control] = {
    **dict.fromkeys(_OPEN, Control.OPEN),
    **dict.fromkeys(b"else elif elsif elseif when".split(), Control.ARM),
    **dict.fromkeys(_CLOSE.split(), Control.CLOSE),
    **dict.fromkeys((b"break", b"continue"), Control.UNKNOWN),
    **dict.fromkeys(b"raw endraw assign extends import from do".split(), Control.NONE),
}
_BY_SIGN: dict[bytes, Control] = {
    b"#": Control.OPEN,
    b"^": Control.OPEN,
    b"/": Control.CLOSE,
    b"/*": Control.NONE,
    b"!": Control.NONE,
    **dict.fromkeys((b"?", b"??"), Control.UNKNOWN),
}
_ASSIGNS = regex(
    rb"<\?xml|<\?php\s+\$\w+\s*=(?!=)|\{%[-+~]?\s*set\s[^%]*=|<%[-_]?\s*[@$]?[\w.]+\s*[-+|&]*=(?!=)[^;]*\Z|<%#"
)
_PRINTS = regex(rb"<[%?]=|<\?php\s+(?:echo|print)\b")
_TAGS = (b"{%", b"<%", b"<?")
"""How actions begin of which some are not known."""
_FRAMES = (b"{{", *_TAGS)
_OPENS_BLOCK = regex(rb"\bdo(?:\s*\|[^|]*\|)?\s*[-~+_]?%>\Z")
"""A block of Ruby or Elixir, which may leave its text out (``<%= capture do %>``)."""
_DIRECTIVE = regex(
    rb"[ \t]*#(?:(?:el|end)?if|ifn?def|else)\b"
    rb"|[ \t]*[#%]{1,2} ?(?:if|for|while|elif|else)\b[^\n]*:\s*\Z"
    rb"|[ \t]*#(?:\{[ \t]*/?|@[ \t]*)"
    rb"(?:if|elif|else|elseif|list|unless|for|foreach|while|def|end)\b"
    rb"|[ \t]*[#%]{1,2} ?(?:end|endif|endfor|endwhile)\s*\Z"
    rb"|[ \t]*#(?:foreach|for|while|unless|elseif|macro|define|def|repeat)\b[ \t]*[($]"
    rb"|[ \t]*#end[ \t]+(?:if|for|while|unless|def|repeat)\b"
)
_HEAD = regex(
    rb"(?:\{\{\{?|\{%|<%|<\?(?:php\b)?)[-~+=_]?\s*"
    rb"(?P<sign>/\*|\?\??|[#/^!](?=\s*\w|-)|[$]\w+\s*:?=|else\s+if\b)?\s*(?P<word>\w*)"
)
_CONDITION = regex(rb"\s+")


def control(action: bytes) -> Control | None:
    """What the control action does; None when it puts text in its place."""
    if not action.startswith(_FRAMES):
        return Control.UNKNOWN if action[:1] in (b"#", b"@", b"%", b"$", b"_") else None
    if _OPENS_BLOCK.search(action):
        return Control.OPEN
    if _PRINTS.match(action):
        return None
    if _ASSIGNS.match(action):
        return Control.NONE
    match = _HEAD.match(action)
    if match is None:
        return None
    sign, word = match["sign"] or b"", match["word"]
    found = _by_sign(sign)
    if found is None and word == b"define" and action.startswith(b"{{"):
        return Control.SECTION
    found = found or _BY_WORD.get(word)
    return _tag(word) if found is None and action.startswith(_TAGS) else found


_MARKER = regex(
    rb"(?:[@%]{1,2}|\$\{|__|<{2,3})"
    rb"(?:[/#^!?][\w .:-]*|(?:[\w.:-]*[_.:-])?(?:if|ifdef|ifndef|unless|"
    rb"elif|else|endif|fi|begin|end|start|stop|true|false|foreach|each)"
    rb"(?:[_ .:-][^\s@%{}]*|[ ][^@%{}]*)?)(?:@{1,2}|%{1,2}|\}|__|>{2,3})",
    re.IGNORECASE,
)
_LONGEST_MARKER = 200
_OPENS_PAIR = regex(rb"([@%]{1,2})(\w+)([@%]{1,2})")


def is_marker(word: bytes, text: bytes, end: int, reach: int) -> bool:
    """Whether a word marks where a stretch begins or ends that somebody's tool may leave out:
    ``@BEGIN_STRICT@``, ``@STRICT_TRUE@`` of Automake, ``%/strict%``, ``${if strict}``. It ends at
    ``end`` in ``text``; the mark that belongs to it is looked for in so many bytes behind."""
    if len(word) > _LONGEST_MARKER:
        return False
    if _MARKER.fullmatch(word):
        return True
    opens = _OPENS_PAIR.fullmatch(word)
    return opens is not None and text.find(b"%b/%b%b" % opens.groups(), end, end + reach) >= 0


def _by_sign(sign: bytes) -> Control | None:
    if sign.startswith(b"else"):
        return Control.ARM
    return Control.NONE if sign.startswith(b"$") else _BY_SIGN.get(sign)


def _tag(word: bytes) -> Control | None:
    if word == b"include":
        return None
    return Control.OPEN if word in _OPEN_TAGS else Control.UNKNOWN


def may_print(action: bytes) -> bool:
    """Whether an action of which it is not known what it does may put text in its place: a tag that
    somebody added to a template engine, an include of JSP, code of PHP."""
    return action.startswith((b"{%", b"<%@", b"<?")) and subject(action) not in (
        b"break",
        b"continue",
    )


def subject(action: bytes) -> bytes:
    """What an action opens or closes (``if`` of ``{% endif %}`` and of ``{{/if}}``); empty where a
    closing action does not say."""
    match = _HEAD.match(action)
    word = b"" if match is None else match["word"]
    return word.removeprefix(b"end")


_TRIMS_BEHIND = regex(rb"(?:[-~](?:\}\}|%\}|%>)|~\})[ \t\r]*\Z")
_TRIMS_BEFORE = regex(
    rb"\s*+(?:\{\{[-~][\s\S]{0,600}?\}\}|\{%[-~][\s\S]{0,600}?%\}|[$%]\{~[^{}\n]{0,600}\})"
)


def pulls_up(text: bytes, begin: int, end: int) -> bool:
    """Whether the line that is ``text[begin:end]`` may go on with what stands below it: a template
    action trims the line break away (``{{- x }} y``, ``-}}``)."""
    if _TRIMS_BEHIND.search(text, begin, end):
        return True
    action = _TRIMS_BEFORE.match(text, end)
    if action is None:
        return False
    if _TRIMS_BEHIND.search(action[0]):
        return True
    line_end = text.find(b"\n", action.end())
    return bool(text[action.end() : line_end if line_end >= 0 else len(text)].strip())


def is_replaced(action: bytes) -> bool:
    """Whether another template may put something else in place of what the action opens."""
    return subject(action) == b"block"


_LOOSE_DIRECTIVE = regex(
    rb"[ \t]*#[#%]?[ \t]*(?:(?:el)?if|for|else|ifn?def|macro|set"
    rb"|(?:begin|start)(?![^\n]*\bmanaged\b))\b",
    re.IGNORECASE,
)
_ENDS_DIRECTIVE = regex(
    rb"^[ \t]*#[#%]?[ \t]*(?:end(?:[ _-]?(?:if|for|macro|set))?|fi|stop)\b",
    re.MULTILINE | re.IGNORECASE,
)


def is_directive(comment: bytes, below: bytes) -> bool:
    """Whether a comment is a preprocessor's conditional (``#ifdef X``), or a line with which a
    template chooses (``# for x in y:``). ``below``: some of what follows, which may end it."""
    if _DIRECTIVE.match(comment):
        return True
    return _LOOSE_DIRECTIVE.match(comment) is not None and bool(_ENDS_DIRECTIVE.search(below))


_SECTION_NAME = regex(rb"""\{\{-?\s*(?:define|template|include)\s+["`]([^"`]{1,200})["`]""")


def section(action: bytes) -> bytes:
    """The name of the section that an action defines or puts in its place; empty for none."""
    match = _SECTION_NAME.match(action)
    return match[1] if match else b""


def sections(words: Iterable[bytes]) -> tuple[list[bytes], bool]:
    """The names of the sections that actions among these words put in their place, and whether
    there is nothing besides."""
    names: list[bytes] = []
    alone = True
    for word in words:
        found = [match[1] for match in _SECTION_NAME.finditer(word)]
        names += found
        framed = word.startswith(b"{{") and word.endswith(b"}}")
        alone = alone and framed and word.count(b"{{") == len(found)
    return names, alone


def condition(action: bytes) -> bytes:
    """The action's text with blanks and trim marks made uniform: two stretches with the same
    condition are kept or left out together."""
    if action.startswith(b"<?"):
        inner = action.strip(b"<?>").removeprefix(b"php").strip().rstrip(b":;")
    else:
        inner = action.strip(b"{}%<>").strip(b"-~+ \t\r\n")
    return _CONDITION.sub(b" ", inner)

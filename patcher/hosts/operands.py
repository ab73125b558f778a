"""What may stand right before and behind a text in a program, if its value is to be that text.

A positive list: brackets, commas, assignments, what joins text to text, comparisons, the words that
return or choose a whole value. Whatever else stands there (an operator of another kind, an index,
an infix call, a prefix that is not known) may make something else of the text.
"""

from __future__ import annotations

from patcher.hosts.calls import CONTROL, hands_on
from patcher.policy.patterns import regex

_OTHER = "an operator or a call that is not known makes something else of the text"
_WORDS = (
    rb"(?:"
    + CONTROL
    + rb"|(?:as|is|isnt|isa|of|to|with|from|into|using|by|satisfies|END|ENDIF|FROM|"
    rb"PARENT_SCOPE|CACHE|CONTENT|be|eq|ne|equals?|shouldBe|mustBe|must|should|have|instanceof)\b)"
)
"""Words behind a text that choose it as a whole, compare it, or name what becomes of it."""
_PASSES = regex(
    rb"[ \t]*+(?!`\w+`)(?:\Z|[\r\n;,)\]}:?{\"'`]|//|/\*|\#|\(\*|/?>(?!>)"
    rb"|\\(?!\\)|--(?!>|[ \t]*[\"'`\w])|%(?!\w*%)|\+|\.(?![\[(])|\^(?![ \t]*\w)|<>"
    rb"|~(?=[ \t]*[\"'`\w])|&|\|\||<<|<(?![-|$*>~])|=(?!~)|!=|->"
    rb"|(?<=[ \t])(?:-\w|[\[(])|(?<![ \t])@(?!\w)|" + _WORDS + rb")"
)
"""Code behind a text that leaves it alone, or of which others know more: methods, and what follows
an operator that joins. Behind a blank, brackets and options are further arguments of a call."""
_AND = regex(rb"[ \t]*&(?!&)")
_JOIN_WITH_AND = frozenset(("text", "shell", "dockerfile", ""))
"""Hosts of languages in which ``&`` may join texts, as in Ada and Basic."""
_REPLACED = regex(rb"@?[ \t]+-[ci]?(?:replace|(?:not)?match|(?:not)?like|split)[ \t]+[$(\w]")
"""What PowerShell replaces, where that is not said here."""
_PIPED = regex(rb"@[ \t]*\|[ \t]*([A-Za-z][\w-]*)")
"""What PowerShell gives the text of a here-string to."""
_REDIRECTED = regex(rb"[ \t]*>>?[ \t]*[\"'$\w/]")
_PIPE = regex(rb"[ \t]*\|[ \t]*([A-Za-z][\w-]*)")
_REPEATED = regex(rb"[ \t]*\*[ \t]*\w+[ \t]*(?=[\r\n,)+\]#]|\Z)")
"""Python's repetition by a number: a condition of what it repeats."""
_NEXT_LINE = regex(rb"[ \t]*\r?\n\s*(?:\|>|%>%|>>[>=]?|<\||@@|\|(?=[ \t]*\w+[ \t]*\())")
_CLOSED = regex(rb"[\"'`]?(?:[ \t]*[)\]])+")
_OPERATOR = regex(
    rb"[ \t]*(?:\|{1,3}>|%\w*%|>>|\*[ \t]*[\"'\w(]|-[ \t]*[\"'\d(]|-[ \t]+\w|\|(?!\|)[ \t]*\w|=~"
    rb"|\\\\|@[ \t]+\w|`\w+`)"
)
"""An operator behind a call that is given the text, which joins nothing."""
_COUNTS = regex(rb"(?:len|strlen|sizeof|size|length|count|hash)\w*\(\s*\Z")
_INFIX = regex(rb"[ \t]+(?:[A-Za-z_]\w*|`\w+`)[ \t]+[\w\"'(]|[ \t]*`\w+`")
_BEGINS = regex(rb"(?:\A|[=(\[{,:;>\n+]|\b(?:return|in|then|else|do|yield))[ \t]*\Z")
"""Code behind which a value begins."""
_OPERATED = regex(
    rb"(?:<\||@@|>>|\|>|%\w*%|<\$>|<\*>|<<=|=<<|`\w+`|(?<=[\w)\]\"'])[ \t]+[-*|@/][ \t]"
    rb"|(?<=[\w)\]])[ \t]+~[ \t]|<\$>[ \t]*\w+[ \t]|\[%+[\w.]+[ \t]"
    rb"|(?:[=(\[,{:]|\b(?:return|yield|print(?:ln)?|puts|echo))[ \t]*[-~]"
    rb"|\([^()\n]{0,80}(?:>>|<<|\xe2\x88\x98|`\w+`|\bcomp[ \t])[^()\n]{0,80}\)[ \t]*\(?)\s*\Z"
)
"""An operator before a text that joins nothing, or functions that are put together."""
_QUASI = regex(rb"\[(?!(?:r|raw|s|str|text|q|here|i|fmt|heredoc|multiline|string)\|)\w+\|")
"""A quotation of Haskell of which a function makes something."""
_SHIFTED = regex(rb"(?<=[\w)\]])[ \t]*<<\s*\Z")
_NO_STREAMS = frozenset(("python", "rust", "java", "javascript", "csharp", "kotlin", "go"))
"""Hosts of languages in which ``<<`` appends to no stream and no string."""
_PREFIX = regex(rb"(?:(?<=[\s(\[{,=:+<>&|?!~])|\A)[\w.]*[.\w]\Z")
_PREFIXES = regex(
    rb"(?:u8|[uUL]|[rRbBfFuUtTcC]{1,3}|raw|[sfqxmyS]|q[qwxr]?|fmt|r?dedent|outdent|strip[iI]ndent|"
    rb"string|sql|html|text|String\.raw|std::string|" + CONTROL + rb"|return|\d+)\Z"
)
"""What may stand before a quote, without a blank: a kind of literal."""
_USED = regex(rb"[ \t]*+(?:\r?\n[ \t]*)?(?:\|>|%>%|%\w+%)|\.\[")
_COMBINED = regex(rb"[ \t]*(?:(?:\||>>|\*|-|@)=|(?:\|(?!\|)|>>|\*(?!\*)|-|@)[ \t]*[\w(\"'])")
"""Operators with which a class of Python's may do anything to a text."""
_SENT = regex(rb"(?:[ \t]*\.\w+\([^()\n]{0,80}\))?[ \t]*\|[ \t]*(?P<name>[A-Za-z][\w-]*)")
_SENDS = regex(rb"(?:\A|[=(|;{\n])[ \t]*(?P<name>[A-Za-z][\w-]*)(?:[ \t]+-?\w+){0,4}[ \t]*\Z")
_CHAIN = regex(rb"\|(?!\|)[ \t]*(?P<name>[A-Za-z][\w-]*)(?:[ \t]+(?P<verb>[a-z][\w-]*))?(?=\W|\Z)")
"""The commands that a text goes through, one after another."""
_STRING_VERBS = frozenset(b"join join0 trim length escape unescape collect".split())
"""What the string commands of fish and Nushell do that leaves nothing of a text out."""
_STRING_COMMAND = regex(rb"[(\[][ \t]*str(?:ing)?[ \t]+(?P<verb>[a-z][\w-]*)[^()\[\]\n]*\Z")
_ON = regex(rb"[^\n|;>]{0,80}(?:\|(?!\|)|>)")
"""A command of PowerShell or its like that is given a variable, and the output of which goes on."""
_THREADED = regex(rb"\((?:some|cond)?->>?[ \t]+\Z")
_STEP = regex(rb"[ \t]+\(?([A-Za-z][\w-]*)")
"""What Clojure does to a text first."""
_COMPOUND = regex(rb"[ \t]*(?:[*&^|@x]|\*\*|<<|>>|-|//?|~)=(?![=~>])")
"""An assignment that makes something else of a variable's text, in any language."""
_POINTED = regex(rb"[ \t]*\+[ \t]*(?![\s\"'RL+=])")
"""C takes what stands behind the beginning of an array of characters."""
_PART = regex(rb"[ \t]*\[[ \t]*(?!0?[ \t]*\]|[\"'])")
"""An element that is not the first one."""
_TUPLED = regex(rb"(?:[ \t]*,[ \t]*[\w.]+){0,3}[ \t]*\)\s*\|{1,3}>")
_GIVEN_TUPLE = regex(rb"<\|{1,3}\s*\([^()\n]*\Z")
"""Operators of F# that give several arguments to a function."""
_CASCADE = regex(rb"\s*\??\.\.(?P<name>[A-Za-z_]\w*)(?:\([^()\n]{0,80}\)|[ \t]*(?P<set>=(?!=)))?")
"""Dart's calls on one object, one after another."""
_MACRO = regex(rb"[=(\[,|][ \t]*@(?P<name>[A-Za-z_][\w.]*!?)(?:[ \t]+\(?|\()[ \t]*\Z")
"""Macros of Julia, which get the code itself."""
_INFIX_HOSTS = frozenset(("scala", "kotlin", "java", "groovy"))
"""Hosts of languages with infix calls, and ``java``, as which those are named that have no other
name."""
_RETURNED = regex(rb"\)\s*\(\s*\Z")
"""A call of what another one returns; in other languages, a cast or a condition stands there."""
_CURRIES = frozenset(("python", "javascript", "lua", "php"))
_UNARY = regex(rb"(?:[=(\[,{:]|\b(?:return|yield|print(?:ln)?|puts|echo)\b)[ \t]*[-~][ \t]*\Z")
"""An operator that some languages let a class define for its texts."""
_NOT = regex(rb"(?<!if)(?<!while)[ \t]*(?:[=,\[{:]|\bprintln?\b[ \t]*\(|\breturn\b)[ \t]*!\Z")
_INFIX_CALL = regex(rb"[ \t]+(?!" + _WORDS + rb")[a-z]\w*[ \t]+[\w\"'(]")


def why_operated(before: bytes, opening: bytes, behind: bytes, host: str) -> str:
    """Say what may make something else of the text between these pieces of code; empty for nothing.

    ``before``: with the blanks at its end. ``opening``: how the text's literal begins. ``host``:
    the name of the language's host.
    """
    if (
        _OPERATED.search(before)
        or (host in _CURRIES and _RETURNED.search(before))
        or _QUASI.match(opening)
        or (host in _NO_STREAMS and _SHIFTED.search(before))
    ):
        return _OTHER
    if _is_in_call(before, behind, host):
        return _OTHER
    prefix = _PREFIX.search(before)
    if prefix and _PREFIXES.match(prefix[0]) is None:
        return f"`{prefix[0].decode('utf-8', 'replace')}` may make something else of the text"
    return "" if _is_kept(before, behind, host) else _OTHER


def _is_kept(before: bytes, behind: bytes, host: str) -> bool:
    """Whether the code behind a text leaves it alone."""
    if _NEXT_LINE.match(behind) or _REPLACED.match(behind):
        return False
    piped = _PIPED.match(behind)
    if piped and not hands_on(piped[1]):
        return False
    if host not in _JOIN_WITH_AND and _AND.match(behind):
        return False
    closed = _CLOSED.match(behind)
    if closed and _OPERATOR.match(behind, closed.end()) and _COUNTS.search(before) is None:
        return False
    if _PASSES.match(behind) or (host == "text" and _REDIRECTED.match(behind)):
        return True
    if host == "text" and _PIPE.match(behind):
        return _chain_hands_on(behind)
    if host == "python" and _REPEATED.match(behind):
        return True
    # What follows a call's first argument may be its second.
    return _BEGINS.search(before) is None and _INFIX.match(behind) is not None


def why_sent(before: bytes, behind: bytes) -> str:
    """Say which command that is not known a shell's variable between these pieces of code goes
    through."""
    given = _STRING_COMMAND.search(before)
    if given is not None and given["verb"] not in _STRING_VERBS:
        return _OTHER
    if _SENT.match(behind) and not _chain_hands_on(behind):
        return _OTHER
    command = _SENDS.search(before) if _ON.match(behind) else None
    if command is None or (hands_on(command["name"]) and _chain_hands_on(behind)):
        return ""
    return _OTHER


def _chain_hands_on(behind: bytes) -> bool:
    """Whether all commands that a line pipes a text to are known to hand it on."""
    for each in _CHAIN.finditer(behind.partition(b"\n")[0]):
        if each["name"] in (b"str", b"string"):
            if each["verb"] not in _STRING_VERBS:
                return False
        elif not hands_on(each["name"]):
            return False
    return True


def why_used(before: bytes, behind: bytes, host: str, *, addressed: bool) -> str:
    """Say what operator or infix call makes something else of a variable between these pieces of
    code. ``addressed``: its address is taken, or that of a part of it."""
    if host in _CURRIES and _RETURNED.search(before):
        return _OTHER
    if _UNARY.search(before) or (host in _INFIX_HOSTS and _NOT.search(before)):
        return _OTHER
    if _USED.match(behind) or _COMPOUND.match(behind):
        return _OTHER
    pointed = (addressed and _PART.match(behind)) or (host == "c" and _POINTED.match(behind))
    if pointed or _is_in_call(before, behind, host):
        return _OTHER
    if host == "python" and b"#" not in before and _COMBINED.match(behind):
        return _OTHER
    if _THREADED.search(before) and (step := _STEP.match(behind)) and not hands_on(step[1]):
        return _OTHER
    return _OTHER if host in _INFIX_HOSTS and _INFIX_CALL.match(behind) else ""


def _is_in_call(before: bytes, behind: bytes, host: str) -> bool:
    """Whether what stands between these pieces of code is given to what may change it: one of
    several arguments of F#, an object of Dart's calls, a macro of Julia."""
    if _TUPLED.match(behind) or _GIVEN_TUPLE.search(before):
        return True
    return (host == "dart" and _is_cascaded(behind)) or (host == "text" and _is_expanded(before))


def _is_cascaded(behind: bytes) -> bool:
    """Whether one of the calls on an object, one after another, may change it."""
    closed = _CLOSED.match(behind)
    position = closed.end() if closed else 0
    while call := _CASCADE.match(behind, position):
        if call["set"] or not hands_on(call["name"]):
            return True
        position = call.end()
    return False


def _is_expanded(before: bytes) -> bool:
    """Whether a macro that is not known is given what follows this code."""
    macro = _MACRO.search(before)
    return macro is not None and not hands_on(macro["name"])

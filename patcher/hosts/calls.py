"""Functions that a program gives a text to: which of them certainly hand it on as it is.

A function is known by the first word of its name (``writeFile``, ``new_reader``). What one that is
not known returns may be another text; what it does besides, where nobody takes what it returns, is
taken for printing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from patcher.policy.patterns import regex, repeated

CONTROL = (
    rb"(?:if|else|elif|elsif|elseif|unless|while|until|for|foreach|loop|when|case|switch|match|select|"
    rb"given|where|guard|catch|except|finally|throw|raise|break|continue|goto|defer|go|and|or|not|"
    rb"xor|in|is|do|then|end|repeat|lambda|filter|grep|reject|compact|takeIf|takeUnless|orelse)\b"
)
"""Words after which text may be left out or repeated, in any language."""
_HAND_ON = frozenset(
    # conversions, and what holds a text
    b"str string strings text bytes byte bytearray buffer builder blob char chars rune utf "
    b"unicode codecs encode decode encoding base jsonencode yamlencode marshal unmarshal "
    b"serialize json yaml toml quote escape unquote raw safe mark html literal cstr box arc rc "
    b"cow ptr pointer ref addr move forward some ok just pure left right maybe optional "
    b"default required value values const constant static lazy once memo cached use intern "
    b"freeze copy clone dup strdup xstrdup gstrdup wcsdup list array vec vector tuple dict "
    b"object entry pair node field column param parametrize output input option options iter "
    b"iterator into to as from of new make mk create build construct init with wrap profile "
    b"policy apparmor rule rules config file path secret manifest resource content contents "
    b"response request reader scanner stream document fixture named block doc heredoc data "
    b"view span begin end cbegin cend back inserter enumerate "
    # joining
    b"join joined implode concat cat append push add insert extend sum plus strcat strcpy "
    b"stpcpy memcpy mempcpy memmove snprintf merge pad "
    # templates, and the layout of lines
    b"format formatted fmt sprint sprintf sprintln vsprintf printf fprintf asprintf parse "
    b"compile render template tmpl must interpolate substitute expand fill generate gen "
    b"execute eval load read get gettext ngettext trans dedent undent unindent indent strip "
    b"lstrip rstrip trim chomp squish squiggly margin splitlines lines stringio sio "
    # writing, and running commands
    b"write writeln print puts put fputs fwrite echo log info debug warn warning error errorf "
    b"println fatal panic die fail throw raise emit send post publish save store dump dumps upload "
    b"install out tee run spawn call exec popen system start open close stdin command cmd sh "
    b"bash ssh docker kubectl import export set register assign provide "
    # questions
    b"free len strlen length size sizeof count is has contains includes include index equals equal "
    b"eq deep compare cmp diff starts ends hash sha md digest checksum crc hmac sign verify "
    b"validate check test assert expect should require must ensure type typeof isinstance any "
    b"all empty blank present defined exists reflect not bool stringify pack unwrap combined "
    b"stdout stderr".split()
)
"""First words of the names of functions that leave nothing of a text out, or return no text."""
_COUNTS = regex(rb"[A-Z_]*(?:LEN|SIZE|COUNT|ELEMENTS)")
"""Macros of C that count."""
_NOUNS = frozenset(b"str string strings text bytes byte list array html lines file".split())
"""Behind them in a name stands what the function does: ``array_map``."""
REPLACES = (
    rb"(?:\w*[rR]eplace\w*|REPLACE|(?:regsub|re\.)?g?sub[!n]?|translate|tr|delete_prefix|removesuffix|"
    rb"removeprefix|TrimPrefix|TrimSuffix)"
)
"""Names of functions that replace a part of a text: whether it matters depends on which."""
KEEPS = regex(rb"filter\((?:Boolean\)|None,)")
"""Leaves out what is empty."""
_WORDS = regex(rb"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_NAME = (
    repeated(rb"[A-Za-z_$@][\w$]*+(?:<[^<>()\n]{0,60}>)?(?:\??\.|::|->|:)") + rb"[A-Za-z_][\w?]*+!?"
)
_CALLEE = regex(
    rb"(?<![\w.$@:>])(?P<name>%b)(?:<[^<>()\n]{0,60}>|\[[\w.*, \[\]]{1,60}\])?[ \t]?\Z" % _NAME
)
_KEYWORD = regex(
    CONTROL
    + rb"\Z|(?:return|new|await|yield|typeof|void|const|let|var|my|our|lambda|async|move|mut|"
    rb"static|of|as|try|assert|print|elif|def|fn|func|fun|function|sub|defp|defmacro|where|with|"
    rb"inherit|rec|range|export|default|extends|echo|puts)\Z"
)
_STRINGS = regex(rb"\"[^\"\n]*+\"|'[^'\n]*+'")
_BRACKET = regex(rb"[()\[\]{};]")
_DEFINES = regex(rb"\b(?:def|fn|func|fun|function|sub|defp|new|class|macro)\s+\Z")
_GOES_ON = regex(rb"(?:[=(,+|&?:<>.*\[-]|\b(?:return|in|yield|and|or))\s*\Z")
_DROPPED = regex(
    rb"(?:\A|[;}\n)]|(?<![$#{])\{|\b(?:if|elif|while|unless|and|or|not|await|try|assert|do|then|else|go|defer|"
    rb"sudo|begin|rescue|ensure|void)\b(?:\s*\()?|&&|\|\||!|@"
    rb"|(?:\A|[\s;{(,])(?:let\s+)?[$@]?(?:_|err\w*|ok|rc|ret|res|errno|status|success|code|n)\s*"
    rb"(?:,\s*[$]?(?:err\w*|ok|_)\s*)?:?=)\s*\Z"
)
"""Code before a call of which nobody takes what it returns, or an error alone."""
_RETURNS = regex(
    rb"\b(?:fn|func)\b[^{};\n]*->[^{};]*\{\s*\Z"
    rb"|\bdef[ \t]+[\w.?!]+(?:\([^()\n]*\))?[ \t]*(?:\n|\{)\s*\Z"
)
"""The head of a function that returns its last expression."""
_TAKEN = regex(
    rb"\)+[ \t]*\|(?!\|)"
    rb"|\)+\s*[?!]?\.\s*(?!(?:unwrap\w*|expect|catch|then|finally|await|ok|err|start|run|wait|join|"
    rb"detach|ConfigureAwait|subscribe|block|get|close|Close)\b)\w"
)
"""A method is called on what a call returns, or it is piped on; some look for errors alone."""
_OPERATORS = (b".", b"+", b"=", b"|", b"&", b"<", b"?")
_IS_RESULT = regex(rb"\)*[ \t]*\r?\n\s*end\b")
"""The end of a function that returns its last expression, as of Ruby."""
_IS_VALUE = regex(rb"[ \t)]*(?:![rs])?[ \t]*\}")
_INTERPOLATES = regex(
    rb"(?:(?:\b[rR]?[fF][rR]?|\$)(?:\"{3}|'{3}|[\"'])[^\"'\n]*|\A[ \t]*)(?<!\$)\{[ \t]*\Z"
)
"""An expression within a string of Python or C#, or on a line of one, up to its end."""
_ARGUMENT = (
    rb"[ \t]+(?:-?\.?[$@]{0,2}\w[\w.$@]*+|[.$](?=[ \t]+\w)|\$(?=[ \t]*\Z)|\"[^\"\n]*+\"|'[^'\n]*+'"
    rb"|\[[^\]\n]*+\]|\([^()\n]*+\)|\{[^{}\n]*+\})"
)
_BARE = regex(
    rb"(?:(?<![=!<>])=|:=|<-|->|=>|\|>|\b(?:return|puts|print|echo|write|say)\b|(?<=[=(\s])\$|\+\+"
    rb"|'';[ \t]*in\b"
    rb"|,(?=[ \t]+[a-z]\w*[ \t]*\Z))\s*+(?P<name>[A-Za-z_][\w.'-]*+)"
    + repeated(_ARGUMENT, b"{0,4}")
    + rb"\s*\Z"
)
"""A call without parentheses: ``p = harden "..."``."""
_COMMAND = regex(
    rb"(?:\A|[\n;])[ \t]*(?!(?:package|class|module|namespace|using|type|struct|interface|enum|use|"
    rb"require|include|public|private|protected|extern|unset|del|delete|object|trait|impl|mod|pub|"
    rb"local|global|nonlocal|val|lateinit|final|data|internal|abstract|open)\b)"
    rb"(?P<name>[a-z_]\w*[!?]?)[ \t]+\Z"
)
"""A statement that is a call without parentheses, as Ruby has it: ``harden p``."""
_STRING = rb"(?:string[ \t]+(?!is\b)|(?!string\b))"
_IN_BRACKETS = regex(
    rb"(?:(?:\A|[\s(\[{=,$])[(\[][ \t]*" + _STRING + rb"(?P<name>[A-Za-z_][\w?!*<>/'.-]*+)"
    rb"|[\w(\[{=,$\"'][ \t]?[(\[][ \t]*"
    + _STRING
    + rb"(?P<more>[A-Za-z_][\w?!*<>/'.-]*+)"
    + repeated(_ARGUMENT, b"{1,4}")
    + rb")[ \t]+[$@&]?\Z"
)
"""A call as Lisp, Haskell, OCaml and Tcl have it: ``(harden p)``."""
_PARTS = rb"map|replace|range|repeat|index|(?:\w+\.)*(?:sub|\w*[rR]eplace\w*)"
"""What Tcl's ``string`` does to one, and what takes a part of it in OCaml."""
_CLOSES = regex(rb"[ \t]*[)\]]")
_CLOSES_LATER = regex(rb"[\"']?(?:[ \t]+[\w.$#'\"\\-]+){1,3}[ \t]*[)\]]")
"""Further arguments of a call in brackets, and its end."""
_NESTED = regex(
    rb"(?:[(\[{=,$]|\bputs|\breturn|\b(?:set|foreach|append)[ \t]+\w+)[ \t]*[(\[][ \t]*[A-Za-z_]"
    rb"|[(\[]\w[\w.-]*[ \t]+[(\[][ \t]*[A-Za-z_]"
)
"""A call in brackets within another one, or of which something takes the value."""
_ENDS_LINE = regex(rb"[ \t]*(?:[\r\n;]|\Z)")
_MACRO = regex(rb"[A-Z][A-Z\d_]*|[a-zA-Z]{1,2}")
_SPLITS = regex(rb"(?:[sS]plit|explode)\Z")
_MAKES_PARTS = regex(rb"[sS]plit|match|exec|scan")
_MAPPED = regex(rb"\s*(%b)\s*,\s*[\[({]?\Z" % _NAME)
_METHODS = regex(
    rb"(?:trim|strip|split|map|for_?[eE]ach\w*|each\w*|collect|reduce|let|also|apply|then|catch|entries|"
    rb"keys|sort\w*|reverse\w*|upcase|hex\w*|chars|matches|match|test|search|find|group|scan)"
)
"""Methods besides, of which others know more."""
_GIVEN_FUNCTION = regex(rb"\((?:&:|::|\w+::)?([A-Za-z_]\w*[!?]?)(?=\)|,)|\b([A-Za-z_]\w*)\(")
"""A function that a method calls on what it goes through."""
_GIVE_ON = (b"let", b"run", b"map", b"then", b"yield_self")
"""Methods that return what their block makes of a text."""
_LAMBDA = regex(rb"[ \t]*\{[^{}\n]{0,80}?\b([A-Za-z_]\w*)\(")
_AT_LINES = regex(rb"\\n|[\"']\n[\"']|/\^/|EOL|NewLine|linesep")
_STEP = regex(
    rb"(?P<dot>[ \t]*[?!&]?\.|\s+[?&]?\.|->|::|:(?=\w+\())(?P<name>[A-Za-z_]\w*+[!?]?)"
    rb"(?:::<[^<>\n]{0,60}>)?(?P<given>[ \t]?\("
    + repeated(rb"[^()\n]++|\(" + repeated(rb"[^()\n]++|\([^()\n]*+\)") + rb"\)")
    + rb"\)?)?"
)
"""A method or field behind a text, or behind another one."""
_OF_A_LIST = regex(rb"[\s,]*[\])}]")
_OPENS_LIST = regex(rb"(?:[\[{]|\b(?:of|Of|asList|List|Array)\()\s*\Z")
_PIPED = regex(
    rb"[ \t]*\|[ \t]*(?P<name>[?%](?=[ \t]*\{)|[A-Za-z]+-[A-Za-z]+|(?:where|select|sls)\b"
    rb"|(?:\w+::)+\w+(?=\())|\s*(?:\|>|%>%)\s*(?P<other>" + _NAME + rb")"
)
"""A command or function that a text is piped into: PowerShell, ranges of C++, Elixir, F#, R."""
_GIVEN_TO_CHANGE = regex(rb"(?:&mut\s+|(?<!&)&|\bref\s+|\bout\s+)\Z")


@lru_cache(maxsize=1024)
def hands_on(name: bytes) -> bool:
    """Whether the function of this name is known to hand its text on as it is."""
    last = re.split(rb"\.|::|->|:", name)[-1]
    words = [word.lower() for word in _WORDS.findall(last)]
    while len(words) > 1 and (words[0] in _NOUNS or len(words[0]) == 1):
        words.pop(0)
    if not words or words[0] in _HAND_ON or _COUNTS.fullmatch(last):
        return True
    return re.fullmatch(REPLACES, last) is not None


def changed_by(before: bytes, behind: bytes) -> bytes:
    """The name of a function that is not known, that is called on what stands between these pieces
    of code, and of which something takes what it returns; empty for none."""
    outer = before
    for start, name, arguments in _calls(before):
        outer = before[:start]
        if not _keeps(name, arguments, behind) and not _is_dropped(outer, behind):
            return name
    closes = _CLOSES.match(behind) or (_CLOSES_LATER.match(behind) and _NESTED.search(before))
    bracketed = _IN_BRACKETS.search(before + b" ") if closes else None
    found = bracketed or _BARE.search(outer)
    while found is not None:
        group = found.lastgroup or "name"
        name, position = found[group], found.start(group)
        alone = found.end(group) == len(found.string.rstrip())
        is_call = not (
            _KEYWORD.match(name) or (_MACRO.fullmatch(name) and (alone or name.isupper()))
        )
        is_part = re.fullmatch(_PARTS, name) is not None
        if (is_part and found is bracketed) or (is_call and (is_part or not hands_on(name))):
            return bytes(name)
        found = _BARE.search(outer, position)
    return b""


def _keeps(name: bytes, arguments: bytes, behind: bytes) -> bool:
    """Whether a function hands on the text between its arguments and the code behind."""
    if hands_on(name):
        return True
    if _SPLITS.search(name):
        return _AT_LINES.search(arguments + behind[:20].partition(b")")[0]) is not None
    mapped = _MAPPED.match(arguments) if name == b"map" else None
    return hands_on(mapped[1]) if mapped else KEEPS.match(name + b"(" + arguments) is not None


def method_that_changes(before: bytes, behind: bytes, *, fields: bool = False) -> bytes:
    """The name of a method, or of what reads a pipe, that is not known and that makes something
    else of what stands between these pieces of code; empty for none. ``fields``: a name behind a
    dot, without parentheses, calls nothing."""
    if piped := _PIPED.match(behind):
        reads: bytes = piped["name"] or piped["other"]
        return b"" if reads[:1].isalpha() and hands_on(reads) else reads
    closed = _OF_A_LIST.match(behind) if _OPENS_LIST.search(before) else None
    position = closed.end() if closed else 0
    while step := _STEP.match(behind, position):
        position = step.end()
        name, given = step["name"], step["given"] or b""
        if _METHODS.fullmatch(name):
            for one, other in _GIVEN_FUNCTION.findall(given):
                if not hands_on(one or other):
                    return bytes(one or other)
        elif not hands_on(name) and (given or not fields):
            taken = name.endswith(b"!") or _STEP.match(behind, position)
            return name if taken or not _is_dropped(before, behind[position:]) else b""
        block = _LAMBDA.match(behind, position) if name in _GIVE_ON else None
        if block and not hands_on(block[1]):
            return bytes(block[1])
        if given and _MAKES_PARTS.fullmatch(name) and behind[position : position + 1] == b"[":
            return name
    return b""


def is_given_to_change(before: bytes) -> bool:
    """Whether what follows this code is given as a reference, with which it can be changed."""
    return bool(_GIVEN_TO_CHANGE.search(before) or _COMMAND.search(before))


def given_to(before: bytes, behind: bytes, *, bare: bool) -> bytes:
    """The name of a function that is not known, and is given what stands between these pieces of
    code; empty for none. ``bare``: a call needs no parentheses."""
    called = _COMMAND.search(before) if bare and _ENDS_LINE.match(behind) else None
    if called is not None and not _KEYWORD.match(called["name"]):
        return b"" if hands_on(called["name"]) else called["name"]
    names = (name for _, name, _ in _calls(before))
    return next((n for n in names if not (hands_on(n) or _MACRO.fullmatch(n))), b"")


def statement_before(code: bytes) -> bytes:
    """The beginning of the statement that goes on behind this code, on one line: a line break in
    brackets, or beside an operator, begins none."""
    begin = code.rfind(b"\n") + 1
    closed = 0
    for mark in reversed(list(_BRACKET.finditer(code))):
        if mark[0] in b")]}":
            closed += 1
        elif closed:
            closed -= mark[0] != b";"
        elif mark[0] in b"{;":
            break
        else:
            begin = min(begin, code.rfind(b"\n", 0, mark.start()) + 1)
    while begin and (_GOES_ON.search(code, 0, begin) or code[begin:].lstrip()[:1] in _OPERATORS):
        begin = code.rfind(b"\n", 0, begin - 1) + 1
    return b" ".join(code[begin:].split(b"\n"))


def _is_dropped(before: bytes, behind: bytes) -> bool:
    """Whether nobody takes what a call between these pieces of code returns."""
    if _RETURNS.search(before) or _IS_RESULT.match(behind) or _TAKEN.match(behind):
        return False
    if before.rstrip(b" \t")[-1:] in (b"\n", b"\r"):
        return _GOES_ON.search(before) is None
    if _INTERPOLATES.search(before) and _IS_VALUE.match(behind):
        return False
    return _DROPPED.search(before) is not None


def _calls(before: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """The calls around what follows this code, the innermost first: where each begins, the name of
    its function, and the arguments before."""
    closed = 0
    code = _STRINGS.sub(lambda string: b" " * len(string[0]), before)
    for mark in reversed(list(_BRACKET.finditer(code))):
        bracket = mark[0]
        if bracket in b")]}":
            closed += 1
        elif closed:
            closed -= bracket != b";"
        elif bracket == b"(":
            callee = _CALLEE.search(before, max(mark.start() - 120, 0), mark.start())
            if callee is None or _KEYWORD.match(callee["name"]):
                continue
            if _DEFINES.search(before, 0, callee.start()):
                return
            yield callee.start(), callee["name"], before[mark.end() :]
        elif bracket == b";" or (bracket == b"{" and before[mark.end() :].strip(b" \t\r\n[({")):
            return

"""What a shell does with the text that a command makes or reads: where it goes, and whether another
command may change it on the way.
"""

from __future__ import annotations

import re

from patcher.hosts.changes import REACH, changes_in, is_placeholder
from patcher.hosts.strings import MATTERS
from patcher.policy.patterns import regex, repeated

_BEGINS = regex(
    rb";|&&|\|\||(?<![>&|])&(?![&>])|\$?\((?![^()]*\))|[{`]\s|`|\)\s|\b(?:then|do|else)\s|\n"
)
"""Behind what a command may begin."""
_ENDS = regex(rb";|&&|\|\||(?<!>)&(?![&>])|\n\Z")
_BEFORE_WORD = regex(
    rb"\A"
    + repeated(
        rb"[\s@!({\"'-]|\w+=(?:[\"']?(?=[$`(])|[^\s$`(]*)|\$\(|>{1,2}\s*[^\s<>|]+\s"
        rb"|(?:if|while|until|sudo|env|command|exec|time|builtin|run|local|export|declare|readonly|RUN|"
        rb"ONBUILD)\s(?:\s*-\S+)*"
    )
)
"""What may stand before the name of a command: ``sudo``, ``x=$(``."""
_PASSES = regex(
    rb"(?:[\w./]*/)?(?:cat|tee|dd|sponge|read|mapfile|readarray|install|cp|ssh|bash|sh|dash|zsh|ksh|su|"
    rb"apparmor_parser|kubectl|oc|k3s|microk8s|helm|docker|podman|nerdctl|lxc|incus|vagrant|"
    rb"multipass|define|COPY|ADD|true|:)(?:\.\w+)?(?=[\s\"'|)`<>]|\Z)"
)
"""Commands that hand on what they read as it is, or run another command that reads it."""
_WITHIN = regex(rb"[\s\"'|(](?:e?grep|sed|awk|head|tail|tr|cut|envsubst|perl|sort|uniq)\s")
_COMPOUND_ENDS = regex(rb"[ \t]*(?:[)}`\"]|done\b|fi\b|esac\b)[^\n]*")
_CONTINUED = regex(rb"\\\r?\n[ \t]*")
_LONGEST_COMMAND = 2000

_TARGET = regex(
    rb"(?<![\d&])1?>{1,2}\|?[ \t]*(\"[^\"\n]+\"|'[^'\n]+'|[^\s&;|<>()]+)|\bof=([^\s;|]+)"
    rb"|\btee\b((?:[ \t]+[^\s;|<>&]+)+)"
    rb"|\b(?:COPY|ADD)\b[^\n]*?[ \t]([^\s<]+)[ \t]*$"
)
_PRINTED = regex(rb"\becho\s+(?P<echo>-[eE]*n)|\bprintf\b(?P<line>.*\\n)?", re.DOTALL)
COMMENTED_FORMAT = regex(
    rb"\bprintf[ \t]+(?:--[ \t]+)?([\"'])[^\"'\n]*(?:#[^\"'\n]*%|%[-+ 0\d]*\.\d)"
)
"""A format that makes comments of some of its arguments, or cuts them."""
COMMENTED = "the format of printf makes comments of some of its arguments, or cuts them"
_FILTER = regex(
    rb"(?<![\w.-])(?:[ef]?grep|g?sed|[gmn]?awk|head|tail|tr|cut|envsubst|perl|ruby|python[\d.]*|node|php|"
    rb"sort|uniq|ed|ex|patch|tac|rev|fold|split|csplit|m4|cpp|yq|jq|truncate|done"
    rb"|dd(?=[^|;&\n]*\s(?:count|skip)=))(?=\s)[^\n]*"
)
"""A command that may print a part of what it reads, or edit a file."""
_IN_PLACE = regex(
    rb"(?:ed|ex|patch|truncate|split|csplit|done(?=\s*<))(?!\w)|[^\n]*?\s-(?:-in-place|i|[a-zA-Z]*i\b|[npEr]+i)"
    rb"|[^\n]*\binplace\b"
)
_CUTS = regex(rb"dd[^|;&\n]*\sof=")
_SENDS = regex(rb"(?<![\d&])>(?!&|[ \t]*/dev/)|\||`|\$\(|<\(")
_ONLY_TESTS = regex(rb"[ef]?grep\b[^|;&\n]*?\s-\w*[qclL]|head[ \t]+-c[ \t]*0|tail[ \t]+-f")
_HARMLESS = regex(
    rb"(?:[\w./]*/)?(?:cat|tee|cp|mv|ln|install|rm|ls|stat|wc|du|file|test|\[\[?|touch|mkdir|chmod|chown|"
    rb"chgrp|echo|printf|dirname|basename|realpath|readlink|mktemp|\w*sum|cmp|diff|scp|rsync|tar|cd|"
    rb"source|\.|export|local|declare|readonly|read|mapfile|readarray|return|exit|exec|eval|set|trap|"
    rb"apparmor_parser|aa-\w+|systemctl|service|kubectl|oc|helm|docker|podman|nerdctl|lxc|incus|ssh|"
    rb"bash|sh|dash|zsh|su|sudo|git|curl|wget|case|for|while|if|elif|else|fi|done|esac|time|nohup|COPY|"
    rb"ADD|RUN|base64|gzip|xz|zstd|openssl|less|more|dd|sponge|restorecon|chcon|logger|:|true)(?=[\s\"'|)`<>;]|\Z)"
)
"""Commands that print a file as it is, or nothing of it."""
_COMMANDS = regex(rb"(\|\|?|;|&&|(?<![><&])&(?![>&\d])|\bthen\b|\bdo\b)")
_EDITS = regex(rb"\s-(?:i|-in-place)\b")
_COPIES = regex(
    rb"(?:^|[\s;&|({])(?:cp|mv|install|ln|cat)\b[^\n;&|]*?([^\s;&|>\"']+)[\"']?[ \t]*"
    rb"(?:[;&|\n)]|\Z)"
    rb"|(?:^|[\s;])(?:local |export |readonly )?(?P<name>\w+)=[\"']?\Z"
)
_HOLDS = regex(
    rb"(?:^|[\s;])(\w+)=[\"']?(?:\$\(|`)[ \t]*(?:<|cat[ \t]+)[ \t]*[\"']?\Z"
    rb"|\b(?:mapfile|readarray)\b[^|;&\n]*<[ \t]*[\"']?\Z"
)
"""What takes the text of a file into a variable, or its lines into a list."""
_PART_TAKEN = "a part of the text may be taken"
_MOST_USES = 400
_TOO_MANY = "too many commands use the text to see whether one of them changes it"
_MOST_FILES = 8
_SUBSTITUTES = regex(rb"s([/|#,@!:])((?:(?!\1)[^\\\n])+)\1[^\n]*\1[gI]*")
_NEAR = 300
_ARRAY = regex(rb"(?:(?:^|[\s;])(\w+)\+?=\(|\bset[ \t]+--)[^()]*\Z")
_FORMAT = regex(rb"printf[ \t]+(?:--[ \t]+)?(?:\"[^\"]*\"|'[^']*'|\S+)")
_IFS = regex(rb"\bIFS=(\$?'[^']*'|\"[^\"]*\"|[^\s;]*)(?!\s+read\b)")
_LINE_BREAKS = frozenset((b"$'\\n'", b"'\n'", b'"\n"'))
_ASSIGNMENT = regex(
    rb"^[ \t]*(?:(?:(?:local|export|readonly|declare|typeset)[ \t]+(?:-\w+[ \t]+)*)"
    rb"|(?:ENV|ARG)[ \t]+)?(?:ENV[ \t]+(\w+)[ \t]+(?=\w)"
    rb"|set[ \t]+(?:-\w+[ \t]+)*(\w+)[ \t]+[\"'(]|(\w+)\+?=(?:\$?[\"'(]|\$\(cat\b)"
    rb"|(?:\w+=\S*[ \t]+)*read\b[^\n<|;]*[ \t](\w+)[ \t]*<<)",
    re.MULTILINE,
)
_GIVEN_TO_COMMAND = regex(
    rb"^[ \t]*+(?:env[ \t]++)?\w++=(?:'[^']*+'|\""
    + repeated(rb"[^\"\\]++|\\[\s\S]")
    + rb"\")[ \t]++(?!\w+=)([\w./-]+)",
    re.MULTILINE,
)
"""A variable for one command alone."""
_EXPORTS = (
    rb"^[^#\n]*\b(?:export|ENV|ARG|(?:declare|typeset)[ \t]+-\w*x\w*)[ \t]+(?:[^\n;&|]*[ \t])?%b\b"
)
_READS = regex(rb"[^\n;&|]*\Z")
_TAKES_PART = regex(
    rb"\bread\b[^|;&\n]*\s-\w*[nN]|\bdd\b[^|;&\n]*\b(?:count|skip)="
    rb"|\bset[ \t]+--[ \t][^|;&\n]*\Z|\b(?:mapfile|readarray)\b[^|;&\n]*\Z"
)
"""A command that takes a part of what it reads, or the words of what it is given."""
_ELEMENTS = regex(rb"\[(?:-?\d|[^\]\n]*\.\.)")
"""Some elements of a list of fish."""
_SUBSTITUTED = regex(rb"(?:\$?\(|`|<\()([^\n;&|()`]*)\Z")
"""A command whose output takes its place, up to what it is given."""
_FUNCTION = regex(rb"^[ \t]*(?:function[ \t]+)?([\w:.-]+)[ \t]*(?:\(\)\s*)?[{(]", re.MULTILINE)
_QUOTED = regex(rb"\"([^\"\n]*)\"|'([^'\n]*)'")


def why_filtered(content: bytes, marker: int, begin: int, end: int) -> str:
    """Say which command may change the here document in ``content[begin:end]`` that the command
    line around ``marker`` reads; empty if none does."""
    command = _command(content, marker, begin, end)
    return (
        _why_read(command)
        or _why_edited_at_once(content, marker, begin, targets(command))
        or why_edited(content, targets(command), end)
        or why_variable(content, begin, end)
        or why_called(content, marker, end)
    )


def _why_edited_at_once(content: bytes, marker: int, begin: int, names: set[bytes]) -> str:
    """Say which command behind the marker, on its line, edits one of these files."""
    ends = _ENDS.search(content, marker, begin)
    command = b"" if ends is None else content[ends.end() : begin]
    if not any(_file(name).search(command) for name in names):
        return ""
    return _why_passed_on(command[:_LONGEST_COMMAND], names, b"")


def why_printed(content: bytes, stop: int) -> str:
    """Say which command may change the text that another one prints, whose string ends before
    ``stop``; empty if none does."""
    follows = content[stop : stop + _LONGEST_COMMAND].partition(b"\n")[0]
    piped = follows.partition(b"|")[2] if re.match(rb"[^;&|]*\|(?!\|)", follows) else b""
    return (piped and _why_read(piped)) or why_edited(content, targets(follows), stop)


def why_joined(content: bytes, start: int, stop: int) -> str:
    """Say what may become of the strings in ``content[start:stop]`` where they are the elements of
    an array that is printed behind; empty if nothing does."""
    held = _ARRAY.search(content, max(start - _NEAR, 0), start)
    if held is None:
        return ""
    apart = rb"\$\{%b\[[^@*\]]" % held[1] if held[1] else rb"(?m:^[ \t]*shift\b)|\$\{?[1-9]"
    if re.search(apart, content[stop:]):
        return "the elements of the array are taken one by one; which come out is not known"
    name = rb"\{?%b\[([*@])\]\}?" % held[1] if held[1] else rb"\{?([*@])\}?"
    separators = set(_IFS.findall(content))
    comments = re.search(rb"#(?!include)", content[start:stop]) is not None
    for number, use in enumerate(re.finditer(rb"\"?\$" + name, content[stop:])):
        if number == _MOST_USES:
            return _TOO_MANY
        before = content[max(stop + use.start() - _NEAR, 0) : stop + use.start()]
        before = before.rpartition(b"\n")[2]
        begun = [found.end() for found in _BEGINS.finditer(before)]
        word = _BEFORE_WORD.sub(b"", before[max(begun, default=0) :], 1)
        behind = content[stop + use.end() : stop + use.end() + _NEAR].partition(b"\n")[0]
        if why := _why_array(word, behind, separators if use[1] == b"*" else None, comments):
            return why
    return ""


def _why_array(command: bytes, behind: bytes, separators: set[bytes] | None, comments: bool) -> str:
    """Say what may become of an array's elements that stand between these pieces of a command.
    ``separators``: what IFS is set to where it joins them; ``comments``: whether one may hold a
    comment."""
    if separators and not separators <= _LINE_BREAKS:
        return "the elements are joined with what IFS holds, which may comment the next one out"
    printed = _FORMAT.match(command)
    if printed is not None and b"#" in printed[0]:
        return COMMENTED
    in_line = printed is not None and b"\\n" not in printed[0]
    if (separators is not None and not separators) or in_line or re.match(rb"echo\b", command):
        return "a comment takes up the elements that are joined to it" if comments else ""
    name = (command.split(None, 1) or [b""])[0]
    harmless = not re.fullmatch(rb"[\w./+-]+", name) or _HARMLESS.match(command + b" ")
    if separators is not None or harmless or not _SENDS.search(behind):
        return ""
    return f"{name.decode()} is given the text, and may print another one"


def why_called(content: bytes, marker: int, end: int) -> str:
    """Say which command may change what the function around ``content[marker:end]`` prints."""
    begin = max(marker - REACH, 0)
    functions = [*_FUNCTION.finditer(content, begin, marker)]
    if not functions or content.find(b"\n}", functions[-1].end(), marker) >= 0:
        return ""
    called = re.compile(
        rb"(?:^|[\s;&|(`])(?:(\w+)=[\"']?\$\()?(?<![.\w-])%b(?=[\s;|)&>`]|\Z)(?![ \t]*\()([^\n]*)"
        % re.escape(functions[-1][1]),
        re.MULTILINE,
    )
    for number, call in enumerate(called.finditer(content, end)):
        if number == _MOST_USES:
            return _TOO_MANY
        why = why_printed(content, call.start(2)) or (
            call[1] and _why_used(content, call[1], call.start(2), b"")
        )
        if why:
            return why
    return ""


def why_grouped(content: bytes, end: int) -> str:
    """Say which command may change what a group of commands prints, of which the last one ends
    before the line at ``end``; empty if none does."""
    follows = content[end : end + _LONGEST_COMMAND].partition(b"\n")[0]
    if _COMPOUND_ENDS.match(follows) is None or b"|" not in follows:
        return ""
    return _why_read(follows.partition(b"|")[2])


def _why_read(command: bytes) -> str:
    """Say which of the commands joined by ``|`` may change what it reads; empty if none does."""
    for each in _CONTINUED.sub(b" ", command).replace(b">|", b">").split(b"|"):
        word = _BEFORE_WORD.sub(b"", each, 1)
        if word.startswith(b"<<") or not word:
            continue  # a redirection alone: ``> f <<EOF``, ``RUN <<EOF``
        if _PASSES.match(word) is None or _WITHIN.search(word):
            name = word.split(None, 1)[0].decode("utf-8", "replace")
            return f"{name} reads the text, and may change it"
    return ""


def _command(content: bytes, marker: int, begin: int, end: int) -> bytes:
    """Return the command that reads a here document, with the commands that read its output."""
    low = content.rfind(b"\n", 0, marker) + 1
    while low and content[:low].rstrip(b"\r\n").endswith(b"\\") and marker - low < _LONGEST_COMMAND:
        low = content.rfind(b"\n", 0, low - 1) + 1
    line, position = content[max(low, marker - _LONGEST_COMMAND) : begin], marker - low
    first = 0
    for found in _BEGINS.finditer(line, 0, position):
        if found[0] != b"\n" or not line[: found.start()].rstrip(b"\r").endswith(b"\\"):
            first = found.end()
    stop = _ENDS.search(line, position)
    command = line[first : len(line) if stop is None else stop.start()]
    behind = content[end : end + _LONGEST_COMMAND].partition(b"\n")[2]
    follows = behind.partition(b"\n")[0]
    if command.rstrip().endswith(b"|"):
        command += follows
    elif _COMPOUND_ENDS.match(follows):
        command += b" |" + follows.partition(b"|")[2] if b"|" in follows else b""
    return command


def targets(command: bytes) -> set[bytes]:
    """Return the names of the files that a command writes to."""
    found: set[bytes] = set()
    for match in _TARGET.finditer(command):
        names = match[3].split() if match[3] else [match[1] or match[2] or match[4]]
        found |= {name.strip(b"\"'") for name in names if not name.startswith(b"-")}
    return found - {b"/dev/null", b"/dev/stderr", b"/dev/stdout", b""}


def goes_to(command: bytes) -> bytes:
    """Return the file to which the end of a command sends what it prints; empty without one."""
    found = [target[1] for target in _TARGET.finditer(command) if target[1]]
    return found[-1].strip(b"\"'") if found else b""


def without_targets(command: bytes) -> bytes:
    """Return the command without the files that it writes to."""
    return _TARGET.sub(b"", command)


def may_swallow(text: bytes, command: bytes) -> bool:
    """Whether a command prints text that ends in a comment, and no line break behind it."""
    printed = _PRINTED.search(command)
    if printed is None or b"#" not in text:
        return False
    return bool(printed["echo"]) or (not printed["line"] and b"\\n" not in text)


def why_edited(content: bytes, names: set[bytes], position: int) -> str:
    """Say which command behind a position edits one of these files, or passes on a part of it;
    empty if none does."""
    near = content[max(position - 4000, 0) : position]
    files = [(name, position) for name in sorted(names)]
    number = 0
    for name, begin in files:
        for use in _file(name).finditer(content, begin):
            number += 1
            if number > _MOST_USES:
                return _TOO_MANY
            low = content.rfind(b"\n", 0, use.start()) + 1
            end = content.find(b"\n", use.end())
            command = content[max(low, use.start() - _LONGEST_COMMAND) : end if end >= 0 else None]
            if why := _why_passed_on(command[:_LONGEST_COMMAND], names, near):
                return why
            if held := _HOLDS.search(command, 0, use.start() - low):
                why = _why_used(content, held[1], use.end(), b"") if held[1] else _PART_TAKEN
                if why:
                    return why
            other = _copy(command, use.start() - low)
            if other and other not in names and len(names) < _MOST_FILES:
                names = names | {other}
                files.append((other, use.end()))
    return ""


def _file(name: bytes) -> re.Pattern[bytes]:
    """Matches the name of a file, or the variable that holds it."""
    variable = re.fullmatch(rb"\$\{?(\w+)\}?", name)
    if variable is not None:
        return re.compile(rb"\$\{?%b\b\}?(?![\w./-])" % variable[1])
    return re.compile(rb"(?<![\w./-])%b(?![\w./-])" % re.escape(name))


def _copy(command: bytes, position: int) -> bytes:
    """The file to which a command copies the one that it names at a position, or the variable to
    which it gives the name."""
    copied = _COPIES.search(command, 0, position)
    if copied is not None and copied["name"]:
        return b"$" + copied["name"]
    copied = _COPIES.search(command)
    return copied[1].strip(b"\"'") if copied is not None and copied[1] else b""


def _why_passed_on(command: bytes, names: set[bytes], near: bytes) -> str:
    """Say which filter in a command edits a file, or passes on a part of it."""
    found = _FILTER.search(command)
    if found is None:
        return _why_given(command, names)
    if _ONLY_TESTS.match(found[0]):
        return ""
    if not (_IN_PLACE.match(found[0]) or _SENDS.search(command) or _CUTS.match(found[0])):
        return ""
    scripts = [double or single for double, single in _QUOTED.findall(found[0])]
    scripts = [script for script in scripts if script not in names]
    replaced = [_SUBSTITUTES.fullmatch(script) for script in scripts]
    if replaced and all(each is not None and is_placeholder(each[2], near) for each in replaced):
        return ""
    name = found[0].split(None, 1)[0].decode("utf-8", "replace")
    return f"{name} reads or edits the file afterwards, and may change the rules"


def _why_given(command: bytes, names: set[bytes]) -> str:
    """Say which command that is not known is given one of these files and prints something into a
    file or a variable; empty if none does."""
    parts = _COMMANDS.split(command)
    for part, separator in zip(parts[::2], [*parts[1::2], b""], strict=True):
        inner = re.split(rb"\$\(|`|<\(", part)
        word = _BEFORE_WORD.sub(b"", inner[-1].lstrip(), 1)
        called = word.partition(b">")[0]
        if not any(_file(name).search(called) for name in names) or _HARMLESS.match(word):
            continue
        name = (called.split(None, 1) or [b""])[0]
        sends = len(inner) > 1 or separator == b"|" or _EDITS.search(called) or _SENDS.search(part)
        if name in names or not sends or not re.fullmatch(rb"[\w./+-]+", name):
            continue
        return f"{name.decode()} reads or edits the file afterwards, and may change the rules"
    return ""


def why_variable(content: bytes, start: int, end: int) -> str:
    """Say what may change the variable that holds the text which mentions the network in
    ``content[start:end]``, or whose assignment begins right before it; empty if nothing does."""
    mention = MATTERS.search(content, start, end)
    stop = start if mention is None else mention.start()
    low, high = max(start - _NEAR, 0), end + _LONGEST_COMMAND
    for given in _GIVEN_TO_COMMAND.finditer(content, low, high):
        if given.start() <= stop < given.end():
            return f"{given[1].decode('utf-8', 'replace')} is given the text, and may change it"
        if given.start() > stop:
            break
    names = _ASSIGNMENT.findall(content, max(start - _NEAR, 0), stop)
    name: bytes = next(filter(None, names[-1]), b"") if names else b""
    return _why_used(content, name, stop, content[start:end]) if name else ""


def _why_used(content: bytes, name: bytes, stop: int, text: bytes) -> str:
    """Say what behind a position may change the text that a variable holds."""
    used = re.compile(rb"(<<<[ \t]*)?\"?\$\{?%b\b" % name)
    if used.search(content, stop) is None and re.search(_EXPORTS % name, content, re.MULTILINE):
        return f"a program that is started may read {name.decode()}, and may change the text"
    for number, use in enumerate(used.finditer(content, stop)):
        if number == _MOST_USES:
            return _TOO_MANY
        at = use.start()
        if why := why_printed(content, use.end()) or why_called(content, at, at):
            return why
        before = content[max(at - _NEAR, 0) : at]
        line = before.rpartition(b"\n")[2]
        if _TAKES_PART.search(line) or _ELEMENTS.match(content, use.end()):
            return _PART_TAKEN
        if COMMENTED_FORMAT.search(line):
            return COMMENTED
        read = _READS.search(before) if use[1] else None
        if read and (why := _why_read(read[0])):
            return why
        inner = _SUBSTITUTED.search(before)
        word = _BEFORE_WORD.sub(b"", inner[1].lstrip(), 1) if inner else b""
        if word.split() and not (_HARMLESS.match(word) or _PASSES.match(word)):
            shown = word.split(None, 1)[0].decode("utf-8", "replace")
            return f"{shown} is given the text, and may print another one"
    return changes_in(content).why_used(name, stop, len(content), text)

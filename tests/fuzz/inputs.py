"""Where mutated inputs come from: the fixtures, cut, spliced and sprinkled with what hosts and
policy are made of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.test_fixtures import CASES, read

TOKENS = [
    b"network,", b"  network,\n", b"network", b",", b"deny network alg,", b"audit network,",
    b"deny ", b"allow ", b"priority=5 ", b"network seqpacket,", b"network alg,", b"network\n,",
    b"profile x {", b"profile x flags=(attach_disconnected,mediate_deleted) {\n", b"^hat {",
    b"audit {", b"if $x {", b"} else {", b"{", b"}", b"{{", b"}}", b"{{if .X}}", b"{{else}}",
    b"{{end}}", b"{{- ", b" -}}", b"{{/*", b"*/}}", b"{% if a %}", b"{% endif %}", b"<%", b"%>",
    b"{%", b"{#", b"#}", b"%s", b"%(x)s", b"${X}", b"$X", b"@X@", b"@{PROC}", b"\\", b"\\n",
    b"\\\n", b"\\t", b"\\x0a", b"\\u000a", b"\\012", b'"', b"'", b"`", b'"""', b"'''", b"```",
    b"~~~", b"''", b'r#"', b'"#', b'R"(', b')"', b"f'", b'b"', b"<<EOF\n", b"<<-'EOF'\n",
    b"EOF\n", b"<<~X", b"|\n", b"|2-\n", b">\n", b"- ", b"? ", b": ", b"&a ", b"*a", b"!!str ",
    b"--- ", b"...\n", b"%YAML 1.2\n", b"[", b"]", b"(", b")", b"/*", b"*/", b"//", b"#", b"--",
    b"<!--", b"-->", b"<pre>", b"</pre>", b"&#10;", b"&amp;", b"> ", b" * ", b"::", b"\t", b" ",
    b"\n", b"\r\n", b"\r", b"\n\n", b"\x0b", b"\x0c", b"\x85", b"\xc2\x85", b"\xe2\x80\xa8",
    b"\xef\xbb\xbf", b"\xff\xfe", b"\0", b"\xff", b"\xc3\xa9", b"+", b'" +\n"', b'",\n"',
    b"@@ -1 +1 @@\n", b"+++ b/x\n", b"diff --git a/x b/x\n", b"include <abstractions/base>\n",
    b"flags=(", b"mount,", b"capability,", b"file,", b"umount,", b"deny mount,", b"rule(",
    b"sb.WriteString(", b"network inet,", b"deny network,", b"unix,", b"all,", b"# network,\n",
]  # fmt: skip
"""What is strewn in."""

MOST_BYTES = 200_000
"""No input grows beyond this."""


@dataclass(frozen=True, slots=True)
class Input:
    """A file as it is given to ``patcher.patch``."""

    path: str
    content: bytes


def seeds() -> list[Input]:
    """Every fixture, before and after."""
    found = []
    for folder in CASES:
        case = read(folder)
        found += [Input(case.path, content) for content in {case.before, case.after}]
    return sorted(found, key=lambda seed: (seed.path, seed.content))


def migrations() -> list[bytes]:
    """The migrations that come with patcher, and one with every key."""
    import patcher.migrations

    folder = Path(patcher.migrations.__file__).parent
    return [file.read_bytes() for file in sorted(folder.glob("*.yaml"))] + [
        b"id: deny-mine\ntitle: 'Deny it'\nrule: deny network vsock stream,\n"
        b"socket_types: [stream]\nanchor: 'network,'\ncomment: Mine\nwhy: |\n  Because.\n"
        b'references:\n- https://example.org/\nmessage: "a: {rule}\\n\\n{why}"\norder: 7\n'
    ]


YAML_TOKENS = [
    b": ", b"- ", b"? ", b"[", b"]", b"{", b"}", b"&a ", b"*a", b"!!int ", b"!x ", b"|\n", b">2\n",
    b"---\n", b"...\n", b"%YAML 9.9\n", b"%TAG ! x\n", b'"', b"'", b"\\", b"\\x", b"\\u12", b"#",
    b"\t", b"\n", b"\r", b"\0", b"\xff", b"\x85", b"\xef\xbb\xbf", b"id: x\n", b"rule: ", b"<<: ",
    b"order: 99999999999999999999\n", b"order: -1\n", b"null", b"~", b"true", b"0x1f", b"1e9",
    b"{rule}", b"{nothing}", b"{{", b"\xe2\x80\xae", b"\x1b[2J", b"deny network alg,", b" ",
    b"socket_types: [raw, raw]\n", b"x" * 5000,
]  # fmt: skip
"""What is strewn into migrations."""


def mutated(random: Random, corpus: list[Input]) -> Input:
    """A seed with some changes."""
    seed = random.choice(corpus)
    path = seed.path if random.random() < 0.9 else random.choice(corpus).path
    content = seed.content
    for _ in range(1 + int(random.expovariate(0.4))):
        content = _change(random, content, lambda: random.choice(corpus).content, TOKENS)
    return Input(path, content[:MOST_BYTES])


def mutated_migration(random: Random, corpus: list[bytes]) -> bytes:
    """A migration with some changes."""
    content = random.choice(corpus)
    for _ in range(1 + int(random.expovariate(0.5))):
        content = _change(random, content, lambda: random.choice(corpus), YAML_TOKENS)
    return content[:MOST_BYTES]


def _change(random: Random, content: bytes, other: object, tokens: list[bytes]) -> bytes:
    assert callable(other)
    size = len(content)
    at = random.randint(0, size)
    end = min(size, at + int(random.expovariate(1 / 40)))
    match random.randrange(14):
        case 0 | 1 | 2:
            return content[:at] + random.choice(tokens) + content[at:]
        case 3:
            return content[:at] + random.choice(tokens) + content[end:]
        case 4:
            return content[:at] + content[end:]
        case 5:  # any byte
            return content[:at] + bytes([random.randrange(256)]) + content[at + 1 :]
        case 6:
            return content[:at]
        case 7:
            return content[at:]
        case 8:  # a stretch of another file
            piece: bytes = other()
            start = random.randint(0, len(piece))
            return content[:at] + piece[start : start + random.randint(0, 400)] + content[at:]
        case 9:  # the same again, often
            times = random.choice([2, 2, 3, 10, 100])
            return (content[:at] + content[at:end] * times + content[end:])[:MOST_BYTES]
        case 10 | 11:
            return _lines(random, content, tokens)
        case 12:
            old, new = random.choice([(b"\n", b"\r\n"), (b"    ", b"\t"), (b"\n", b"\r"),
                                      (b"\t", b" "), (b'"', b"'"), (b"\n", b"\\n")])  # fmt: skip
            return content.replace(old, new)
        case _:
            return content.rstrip(b"\n") if random.random() < 0.5 else content + content


def _lines(random: Random, content: bytes, tokens: list[bytes]) -> bytes:
    lines = content.split(b"\n")
    at, other = random.randrange(len(lines)), random.randrange(len(lines))
    match random.randrange(6):
        case 0:
            del lines[at]
        case 1:
            lines.insert(other, lines[at])
        case 2:
            lines[at], lines[other] = lines[other], lines[at]
        case 3:
            lines[at] = random.choice([b" ", b"  ", b"\t", b"# ", b"> ", b"// "]) + lines[at]
        case 4:
            lines[at] = lines[at].lstrip()
        case _:
            lines.insert(at, random.choice(tokens))
    return b"\n".join(lines)

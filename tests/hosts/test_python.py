from __future__ import annotations

import ast
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .inserting import anchors, insert, read, text
from .programs import check, check_map

SOURCE = '''\
"""A module.

profile in_docstring {
  network,
  deny mount,
}
"""
import textwrap

name, net, wide = "x", True, 0
found = []

found.append("""
profile a flags=(attach_disconnected,mediate_deleted) {
  network,
\\tcapability,
}
""")
found.append(f"""\\
profile {name} {{
\tnetwork,
  deny @{{PROC}}/** w,
}}""")
found.append(rf\'\'\'profile {name.upper()} {{
  network,\'\'\' + "\\n  file,\\n}\\n")
found.append(
    """profile {} {{
    network,
}}
""".format(name)
)
found.append(textwrap.dedent("""
    profile b {
        network,
    }
"""))
found.append(
    "profile c {\\n"
    "  network,\\n"  # all of it
    "  capability,\\n"
    "}\\n"
)
found.append((
    b\'profile d {\\n\'
    b\'\\tcapability,\\n\'
    b\'\\tnetwork,\\n\'
).decode())
found.append("profile e {\\n" +
             "  network,\\n" +  # comment
             "}\\n")
found.append("profile f {\\n"
             + "  file,\\n"
             + "  network,\\n")
found.append("profile g {\\n\\tnetwork,\\n\\tcapability,\\n}\\n")
found.append("profile h {\\n" \\
    "  network,\\n" \\
    "  file,\\n")
found.append("""profile i {\\n\\
  network,\\n\\
  file,\\n\\
}""")
found.append("\\n".join([
    "profile j {",
    "  network,",
    "}",
]))
found.append("\\n".join([
    "profile k {",
    "  file,",
    \'  network,\'
]))
found.append("\\n".join([
    "profile l {", "  network,", "  file,"]))
found.append("\\n".join(["network,", "file,", "}"]))
found.append("\\n".join(("file,", "network,")))

lines = []
lines.append("profile m {")
if net:
    lines.append("  network,")

# a comment
lines += ["  file,"]
lines.append("}")
found.append("\\n".join(lines))

policy = "profile n {\\n"
policy += "  network,\\n"
policy += "  signal peer=" + name + ",\\n"
policy = policy + "}\\n"
found.append(policy)

rows = [
    ("network,", "why"),
    ("capability,", "because"),
]
found.append("\\n".join(rule for rule, _ in rows))
found.append("\\n".join([
    "profile o {",
    *(["  network,"] if net else []),
    "  file,",
    "}",
]))
table = {"a": "network,"}
found.append(table["a"])
found.append("a\\n" + ("network,\\n" if net else "file,\\n"))
'''


def values(content: bytes) -> list[str]:
    place: dict[str, Any] = {}
    exec(compile(content, "x.py", "exec"), place)
    return list(place["found"])


def test_every_dressing() -> None:
    check("code", "x.py", SOURCE, values, SOURCE.count("found.append("))


def test_docstrings_and_comments_are_documentation() -> None:
    content = b"""#!/usr/bin/env python3
# profile a {
#   network,
# }
def f() -> str:
    '''Makes this:

        profile b {
          network,
        }
    '''
    # network, is a rule
    return "profile c {\\n  network,\\n}"


class A:
    '''network,'''
    x = {
        "a":
            '''network,''',
    }
"""
    found = read("code", "bin/tool", content)
    assert [(e.documentation, e.host) for e in found if anchors([e])] == [
        (True, "python"), (False, "python"), (True, "python"), (False, "python"),
        (True, "comment"),
    ]  # fmt: skip
    assert b"#   deny network alg,\n" in insert(content, *anchors(found)[-1])


@pytest.mark.parametrize(
    "line",
    [
        'assert "network," in policy',
        'assert "network," == x',
        'self.assertIn("network,", policy)',
        'policy = policy.replace("network,", "")',
        'if "network," in policy:',
        'x = re.sub("network,", "")',
        'return line.startswith("network,")',
    ],
)
def test_what_looks_for_a_rule_is_no_policy(line: str) -> None:
    content = f"def f():\n    x = 'profile x {{'\n    {line}\n".encode()
    assert not [text(e) for e in read("code", "x.py", content) if b"network" in text(e)]


@pytest.mark.parametrize("kind", ['"', "'", '"""', "'''"])
@given(value=st.text(st.characters(exclude_characters="\x00\r", exclude_categories=["Cs"])))
@settings(max_examples=40)
def test_literals_are_decoded(kind: str, value: str) -> None:
    value += "\nnetwork,"
    inside = value.replace("\\", "\\\\").replace(kind[0], "\\" + kind[0])
    if len(kind) == 1:
        inside = inside.replace("\n", "\\n")
    content = f"x = {kind}{inside}{kind}\n".encode()
    assert ast.literal_eval(content.decode()[4:].strip()) == value
    (embedding,) = read("code", "x.py", content)
    check_map(content, embedding)
    assert text(embedding) == value.encode()


@given(value=st.text(st.sampled_from("ab \t\"'\\{}`$")))
def test_what_is_escaped_reads_as_it_was(value: str) -> None:
    for source in ('x = "network,\\n"', "x = 'network,\\n'", 'x = """network,\n"""'):
        content = source.encode()
        (embedding,) = read("code", "x.py", content)
        (line,) = embedding.lines
        new = line.before + embedding.escape(value.encode()) + line.after
        changed = content[: line.insert_at] + new + content[line.insert_at :]
        assert ast.literal_eval(changed.decode()[4:]) == "network,\n" + value + "\n"

"""The search for files that matter matches whatever can be found, alike in git and in Python."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import patcher
from patcher.policy.search import SEARCH, candidates, matters, searched

SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


RULES = [
    "network,", "network ,", "network\n,", "network\n  alg,", "network, # all", "audit network,",
    "allow network,", "audit\n  network,", "priority=5 network,", "priority = -5 network,",
    "priority=100 audit allow network,", "network create,", "network (create),",
    "network (create, connect) seqpacket,", "network create alg,", "network seqpacket,",
    "network alg seqpacket,", "{{.Mode}} network,", "${MODE} network,", "$MODE network,",
    "@MODE@ network,", "MODE network,", "{{if .X}}network,{{end}}", "network {{.Family}},",
    "network %s,", "network @FAMILY@,", "network ${FAMILY},", "network {family},", "all,",
    "audit all,", "all, # everything", "priority=5 all,", "all ,", "allow all  ,",
]  # fmt: skip
"""Rules that allow the family, or may."""
BESIDE = [
    "file,", "capability,", "capability net_admin,", "signal peer=unconfined,", "/x r,",
    "signal (receive),", "ptrace (trace,read) peer=x,", "deny mount,", "/usr/bin/x Px -> y,",
    "unsafe /usr/bin/y Px,", "unix type=stream,", "mount fstype=ext4,", "set rlimit nofile <= 5,",
    "set rlimit cpu <= 2 hours,", "set rlimit as <= 4 GB,",
    "userns create,", "change_profile -> other,", "dbus send bus=session,", "owner /y rw,",
]  # fmt: skip


def _go(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return 'package x\n\nvar policy = "' + escaped.replace("\t", "\\t") + '"\n'


PLACES: dict[str, Callable[[str], str]] = {
    "apparmor.d/x": lambda text: text,
    "x.go": _go,
    "raw.go": lambda text: "package x\n\nconst policy = `" + text + "`\n",
    "x.json": lambda text: json.dumps({"profile": text}) + "\n",
    "x.yaml": lambda text: (
        "profile: |\n" + "".join(f"  {line}\n" for line in text.split("\n")) + "x: 1\n"
    ),
    "x.sh": lambda text: f"cat > x <<'EOF'\n{text}\nEOF\n",
    "x.py": lambda text: f'X = """\n{text}\n"""\n',
    "README.md": lambda text: f"# x\n\n```\n{text}\n```\n",
}


@st.composite
def profiles(draw: st.DrawFn) -> str:
    """A profile with one rule that allows the family, or may."""
    rule = draw(st.sampled_from(RULES))
    before = draw(st.lists(st.sampled_from(BESIDE), max_size=2))
    after = draw(st.lists(st.sampled_from(BESIDE), min_size=1, max_size=2))
    flags = draw(st.sampled_from(["", " flags=(attach_disconnected)", " /usr/bin/x"]))
    if draw(st.booleans()) and not any("#" in each for each in (rule, *before, *after)):
        return f"profile x{flags} {{ {' '.join((*before, rule, *after))} }}"
    margin = draw(st.sampled_from(["", "  ", "\t"]))
    body = "".join(f"{margin}{each}\n" for each in (*before, rule, *after))
    comments = "# words\n" * draw(st.sampled_from([0, 0, 800]))
    return f"profile x{flags} {{\n{comments}{body}{comments}}}\n"


@given(profiles(), st.sampled_from(sorted(PLACES)))
@SETTINGS
def test_a_rule_is_found_wherever_it_stands(text: str, path: str) -> None:
    """By ``check``, which reads files, and by ``scan``, which searches repositories first."""
    content = PLACES[path](text).encode()
    assert patcher.patch(path, content).findings, content
    assert searched(content), content


@pytest.mark.parametrize(
    "text",
    [
        "profile x flags=(complain) {\n  file,\n}\n",
        'profile x flags=("complain") {\n  file,\n}\n',
        "profile x flags=(complain) {}\n",
        "profile x flags=(\n  attach_disconnected,\n  complain\n) {\n  file,\n}\n",
        "profile x flags=(\n\tunconfined\n) {\n  userns,\n}\n",
        "profile x (audit, complain) {\n  file,\n}\n",
        "profile x flags=(\n  complain,\n) {\n  file,\n}\n",
        "profile x\n  flags=(attach_disconnected,\n    complain)\n{\n  file,\n}\n",
        "profile x flags=(\n  attach_disconnected complain\n) {\n  file,\n}\n",
        "profile x flags=(\n  audit\tcomplain\n) {\n  file,\n}\n",
        "profile x flags=(\n  unconfined audit\n) {\n  file,\n}\n",
        "profile x flags=(unconfined) {\n  userns,\n  /x r,\n}\n",
        "profile x flags=(default_allow) {\n  deny /x w,\n}\n",
        "profile x flags=(default_allow,mediate_deleted) {\n  file,\n}\n",
        "profile x { all, }\n",
        "profile x {\n  deny /x w,\n  audit all,\n}\n",
        "profile x {\n  network create,\n}\n",
        "profile x {\n  include <abstractions/base>network,\n}\n",
        'profile x {\n  #include if exists "local/x"audit network,\n}\n',
        "profile x {\n  include <abstractions/base>all,\n}\n",
        "profile {a,b} flags=(complain) {\n  file,\n}\n",
        "profile x,y flags=(complain) {\n  file,\n}\n",
        "profile x {\n  network,\n  unsafe /a Px,\n  unsafe /b Px,\n  safe /c px,\n}\n",
        "profile x {\n"
        + "  network inet,\n" * 300
        + "  network,\n"
        + "  network inet,\n" * 300
        + "}",
        "# long\n" * 900 + "network,\n" + "# long\n" * 900,
        "profile x {\n" + "# long\n" * 900 + "  network,\n" + "# long\n" * 900 + "}\n",
    ],
)
def test_what_allows_the_family_is_found(text: str) -> None:
    result = patcher.patch("apparmor.d/x", text.encode())
    assert {finding.status.value for finding in result.findings} <= {
        "affected",
        "under_investigation",
    }
    assert result.findings
    assert searched(text.encode())


@pytest.mark.parametrize("separator", [" ", ", ", "\t"])
@pytest.mark.parametrize(
    "behind",
    [
        *("audit", "complain", "debug", "enforce", "interruptible", "kill", "prompt", "unconfined"),
        *("attach_disconnected", "delegate_deleted", "attach_disconnected.path=/x", "{{.More}}"),
        *("$MORE", "MORE", "%s", "if strict}complain{end}", "complain audit", "audit kill audit"),
    ],
)
def test_flags_behind_one_that_is_sought_are_no_prose(behind: str, separator: str) -> None:
    content = f"profile x flags=(mediate_deleted{separator}{behind}) {{\n".encode()
    assert searched(content)
    assert matters(content)


@pytest.mark.parametrize("path", ["x", "x.txt", "x.conf", "x.sh", "x.yaml", "apparmor.d/x"])
@pytest.mark.parametrize("flag", ["complain", "unconfined", "default_allow"])
@pytest.mark.parametrize(
    "header",
    [
        "profile x flags=({0})\n{{\n",
        "profile x /usr/bin/x\n  flags=({0})\n{{\n",
        "/usr/bin/x\n  flags=(attach_disconnected,{0})\n{{\n",
        "The profile of x.\n\nprofile x flags=({0}) {{\n",
    ],
)
def test_a_flag_is_found_in_a_file_of_any_name(header: str, flag: str, path: str) -> None:
    text = header.format(flag) + "  file,\n  deny /x w,\n}\n"
    (finding,) = patcher.patch(path, text.encode()).findings
    assert finding.status.value == ("affected" if flag == "complain" else "under_investigation")
    assert searched(text.encode())


PROGRAMS = ["x.c", "x.go", "x.js", "x.py", "x.java", "x.foo"]


@pytest.mark.parametrize(
    ("line_break", "tab", "path"),
    [
        *((r"\n", tab, path) for tab in (r"\t", r"\x09", r"\x20") for path in PROGRAMS),
        *((r"\n", tab, path) for tab in (r"\u0009", r"\u0020") for path in [*PROGRAMS, "x.json"]),
        *(("\\" + code, "", path) for code in ("x0a", "u000A", "012") for path in PROGRAMS),
        *((r"\012", r"\011", path) for path in [*PROGRAMS, "x.rb", "x.pl", "x.php", "x.sh"]),
    ],
)
def test_a_rule_behind_an_escape_is_found(line_break: str, tab: str, path: str) -> None:
    rules = "".join(f"{line_break}{tab}{rule}" for rule in ("network,", "/a r,", "file,"))
    text = f'"profile x {{{rules}{line_break}}}{line_break}"'
    before = {"x.json": "[", "x.sh": "printf ", "x.php": "<?php $p = "}.get(path, "p = ")
    content = (before + text + {"x.json": "]", "x.sh": ""}.get(path, ";") + "\n").encode()
    (finding,) = patcher.patch(path, content).findings
    assert finding.status.value == "affected"
    assert searched(content)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("profile x flags=(complain) {\n  file,\n}\n", True),
        ("profile x flags=(unconfined) {\n  userns,\n}\n", True),
        ("profile x flags=(default_allow) {\n  file,\n}\n", True),
        ("profile x {\n  all,\n}\n", True),
        ("profile x {\n  network,\n}\n", True),
        ("profile x {\n  network inet,\n}\n", False),
        ("they complain\n", False),
    ],
)
def test_utf_16(text: str, found: bool, encoding: str) -> None:
    content = ("\ufeff" + text).encode(encoding)
    result = patcher.patch("apparmor.d/x", content)
    assert [finding.status.value for finding in result.findings] == ["under_investigation"] * found
    assert not result.edits
    assert searched(content) or not found


CODE = [
    "the network, as it is,", "volumes, networks, network,", "network.Name, err", "(network, err)",
    "network, err := f()", "if all(x):",
    "all, err := g()", "for all, some", "they complain", "profile: unconfined",
    "// storage, network, file or", "a_network,", "--network, -n", "network: host",
    "install_all,", "it is unconfined, or not",
    "Profile flag mediate_deleted conflicts with delegate_deleted",
    "Profil-Marker mediate_deleted steht in Konflikt",
    "флаг mediate_deleted против delegate_deleted",
]  # fmt: skip


@pytest.mark.parametrize("line", CODE)
def test_prose_and_code_are_not_searched_for(line: str) -> None:
    """They would only take time."""
    assert not searched(line.encode())
    assert not matters(line.encode())


def test_candidates_lie_outside_of_what_was_read() -> None:
    content = b"network,\nfile,\nnetwork,\nall,\n"
    assert list(candidates(content)) == [0, 15, 24]
    assert list(candidates(content, [(10, 20)])) == [0, 24]


PIECES = [
    "network", "all", "complain", "unconfined", "default_allow", "mediate_deleted", ",", " ", " ",
    "\t", "deny", "audit", "priority=5", "=", "(", ")", "{", "}", "{{", "}}", "$", "%s", "\\n",
    "\\t", "\\x0a", "\\u000a", '"', "'", "`", "#", "alg", "inet", "create", "ip=1", "x", "MODE",
    "the", ";", ".", "/", "-", "capability", "file", "peer=unconfined", "\\",
    "n\0e\0t\0w\0o\0r\0k\0,", "a\0l\0l\0,", "c\0o\0m\0p\0l\0a\0i\0n", "9", "<", ">", "é",
    "\\x74", "\\164", "\\x64\\u0065", "\\u{65}", "74 65 5f 64", "0x74, 0x77, 0x6F, 0x72",
    "%74%74%61%63",
    "101, 95, 100, 101",
    "\\145\\137\\144", "&#116;&#116;&#97;", "SDRzSUFB", "A" * 40,
    "ZV9kZWxldGVk", "V6ZDFNRSXIZLE", "X2Rpc2Nvbm5lY3RlZ", "MF2HIYLDNBPWI2LTMNXW43TFMN2GKZ",
]  # fmt: skip


@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=9).map("".join), max_size=60))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_whole_text_matches_where_a_line_does(lines: list[str]) -> None:
    content = "".join(f"{line}\n" for line in lines).encode()
    patterns = [re.compile(pattern, re.MULTILINE) for pattern in SEARCH]
    assert searched(content) == any(
        pattern.search(line) for pattern in patterns for line in content.splitlines(keepends=True)
    )


@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=9).map("".join), min_size=200))
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
def test_git_and_python_match_the_same_lines(lines: list[str]) -> None:
    """``git grep -P`` looks for the patterns line by line, in bytes."""
    lines = [*lines, *RULES, *CODE]
    with TemporaryDirectory() as folder:
        content = "".join(f"{line}\n" for line in lines).encode()
        Path(folder, "lines").write_bytes(content)
        done = subprocess.run(
            ["git", "grep", "--no-index", "-a", "-h", "-n", "-P", "-f", "-", "--", "lines"],
            input=b"\n".join(SEARCH),
            capture_output=True,
            check=False,
            cwd=folder,
            env={**os.environ, "LC_ALL": "C", "GIT_CEILING_DIRECTORIES": folder},
        )
    if b"PCRE" in done.stderr:
        pytest.skip("git was built without PCRE")
    assert done.returncode in (0, 1), done.stderr
    by_git = {int(line.split(b":", 1)[0]) for line in done.stdout.splitlines()}
    by_python = {
        number for number, line in enumerate(content.splitlines(), 1) if searched(line + b"\n")
    }
    assert by_git == by_python

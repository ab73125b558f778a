"""What reads as a profile and does not count, and the reason that is given for it."""

from __future__ import annotations

import pytest

import patcher
from patcher.findings import Dropped
from patcher.migrations import builtin

MOBY = """\
profile docker-default flags=(attach_disconnected,mediate_deleted) {
  network,
  file,
  deny mount,
  deny @{PROC}/sysrq-trigger rwklx,
}
"""


def dropped(path: str, text: str) -> list[Dropped]:
    return list(patcher.patch(path, text.encode(), migrations=builtin()).dropped)


def go(*strings: str) -> str:
    return "package x\n\n" + "".join(f"const s = `{text}`\n" for text in strings)


@pytest.mark.parametrize(
    ("path", "before", "text", "reason"),
    [
        (
            "apparmor.d/x",
            MOBY,
            "profile y {\n  /bin/x r,\n}\n",
            "it has no network rule, and is not moby-style",
        ),
        ("apparmor.d/x", MOBY, "profile y {\n}\n", "it is empty"),
        (
            "x.go",
            "package x\n\nconst s = `",
            "profile y {\n  what is this,\n  is it,\n  or that,\n  network,\n}\n`\n",
            "most of its statements are no rules",
        ),
        (
            "x.go",
            "package x\n\nconst s = `",
            "profile y {\n  network,\n}\n`\n",
            "its rules are single words, which code and prose hold, too",
        ),
    ],
)
def test_a_profile(path: str, before: str, text: str, reason: str) -> None:
    line = before.count("\n") + 1
    assert dropped(path, before + text) == [Dropped(line, "y", reason)]


@pytest.mark.parametrize(
    ("path", "text", "line", "reason"),
    [
        (
            "apparmor.d/x",
            "network,\nwhat is this,\nfile,\n",
            1,
            "rules in no profile, among statements that are no rules",
        ),
        (
            "x.go",
            go("network,\n"),
            3,
            "rules in no profile, too few to distinguish them from code and prose",
        ),
        (
            "x.go",
            go("deny network alg,\ndeny network vsock,\nfile,\n/bin/x r,\n"),
            3,
            "rules in no profile, of which none allows any network",
        ),
        (
            "x.py",
            'RULES = [\n  "network,",\n  "/a r,",\n  "/b r,",\n  "file,",\n]\n',
            2,
            "a list of rules that is not moby-style: a test may expect them",
        ),
    ],
)
def test_rules_in_no_profile(path: str, text: str, line: int, reason: str) -> None:
    assert dropped(path, text) == [Dropped(line, "", reason)]


def test_rules_in_no_profile_that_do_not_name_the_family() -> None:
    text = go("network inet,\nfile,\n/a r,\n/b r,\n")
    why = "rules in no profile, not moby-style, that do not certainly allow"
    assert dropped("x.go", text) == [Dropped(3, "", f"{why} {f}") for f in ("alg", "vsock")]


def test_what_counts_is_not_dropped() -> None:
    result = patcher.patch("apparmor.d/x", MOBY.encode())
    assert len(result.findings) == 1
    assert result.dropped == ()


@pytest.mark.parametrize("name", ["docker-default", "crio-default", "containers-default-0.57.1"])
@pytest.mark.parametrize("rules", ["network,", "network,\n  file,", "audit network, capability,"])
@pytest.mark.parametrize(
    ("path", "around"),
    [("x.py", 'P = """\n{}"""\n'), ("x.go", "package x\n\nconst s = `{}`\n"), ("x.foo", "{}")],
)
def test_the_name_that_a_runtime_loads_is_enough(
    path: str, around: str, rules: str, name: str
) -> None:
    text = around.replace("{}", f"profile {name} {{\n  {rules}\n}}\n")
    result = patcher.patch(path, text.encode())
    assert [finding.moby_style for finding in result.findings] == [True]
    assert len(result.edits) == 1

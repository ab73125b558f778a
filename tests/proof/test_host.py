"""An edit is kept only where the file reads as before but for the rule."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

import patcher
from patcher import Edit, Result, Status, hosts
from patcher.migrations import builtin, choose
from patcher.proof import host
from patcher.proof.added import Added, Item
from tests.unproved import unproved

RULES = b"""\
  network,
  capability,
  file,
  umount,
  deny @{PROC}/sysrq-trigger rwklx,
  deny mount,
"""
PROFILE = b"profile x flags=(attach_disconnected,mediate_deleted) {\n" + RULES + b"}\n"


def indented(text: bytes, margin: bytes) -> bytes:
    return b"".join(margin + line for line in text.splitlines(keepends=True))


def proved(content: bytes, result: Result) -> Result:
    """The result with the edits that are borne out."""
    return host.proved(hosts.read(result.path, content), result, choose())[0]


def judged(path: str, content: bytes, change: Callable[[Edit], Edit]) -> Result:
    """What becomes of an edit that the engine is made to get wrong."""
    result = unproved(path, content, migrations=choose())
    (edit,) = result.edits
    wrong = change(edit)
    findings = tuple(
        replace(finding, edit=wrong) if finding.edit is not None else finding
        for finding in result.findings
    )
    new = content[: wrong.offset] + wrong.insert + content[wrong.offset :]
    given = replace(result, content=new, edits=(wrong,), findings=findings)
    return proved(content, given)


def refused(path: str, content: bytes, change: Callable[[Edit], Edit]) -> str:
    """The reason why it was left out."""
    result = judged(path, content, change)
    assert result.content == content
    assert result.edits == ()
    (finding,) = (f for f in result.findings if "but the edit was left out" in f.reason)
    assert finding.status is Status.UNDER_INVESTIGATION
    assert finding.edit is None
    return finding.reason


YAML = b"data:\n  profile: |\n" + indented(PROFILE, b"    ") + b"  other: 1\n"
FILES = {
    "docker-default": PROFILE,
    "x.yaml": YAML,
    "x.json": json.dumps({"profile": PROFILE.decode(), "n": [1, 2]}).encode(),
    "x.toml": b"profile = '''\n" + PROFILE + b"'''\nother = 1\n",
    "x.py": b"X = '''\n" + PROFILE + b"'''\nY = 1\n",
    "x.go": b"package x\n\nconst y = `\n" + PROFILE + b"`\n",
    "x.sh": b"cat <<'EOF' >x\n" + PROFILE + b"EOF\n",
}


@pytest.mark.parametrize("path", FILES)
class TestEveryFormat:
    def test_a_right_edit_stands(self, path: str) -> None:
        result = judged(path, FILES[path], lambda edit: edit)
        assert b"deny network alg," in result.content
        assert len(result.edits) == 1

    def test_another_rule(self, path: str) -> None:
        def change(edit: Edit) -> Edit:
            return Edit(edit.offset, edit.insert.replace(b"alg", b"inet"))

        assert refused(path, FILES[path], change)

    def test_a_rule_too_much(self, path: str) -> None:
        def change(edit: Edit) -> Edit:
            return Edit(edit.offset, edit.insert.replace(b"alg,", b"alg, deny network inet,"))

        assert refused(path, FILES[path], change)

    def test_a_rule_behind_a_comment_mark(self, path: str) -> None:
        def change(edit: Edit) -> Edit:
            return Edit(edit.offset, edit.insert.replace(b"deny", b"# deny"))

        assert refused(path, FILES[path], change)

    def test_outside_the_profile(self, path: str) -> None:
        content = FILES[path]
        closing = content.index(b"mount,") + len(b"mount,")
        after = content.index(b"}", closing) + 1
        assert refused(path, content, lambda edit: Edit(after, b" deny network alg,"))

    def test_at_the_very_end(self, path: str) -> None:
        content = FILES[path]
        assert refused(path, content, lambda edit: Edit(len(content), edit.insert))


@pytest.mark.parametrize("path", ["x.yaml", "x.toml", "x.json", "x.py"])
def test_a_rule_that_breaks_the_file(path: str) -> None:
    """The policy in it would be right; the file around it is not what it was."""
    content = FILES[path]

    def change(edit: Edit) -> Edit:
        return Edit(edit.offset, edit.insert + b"'''\"\n: [")

    assert refused(path, content, change)


def test_a_yaml_line_that_ends_the_scalar() -> None:
    def change(edit: Edit) -> Edit:
        return Edit(edit.offset, edit.insert.lstrip())

    assert refused("x.yaml", YAML, change)


def test_a_rule_in_the_wrong_profile() -> None:
    child = b"  profile y {\n    /bin/x r,\n  }\n"
    content = PROFILE.replace(b"  capability,\n", b"  capability,\n" + child)
    inside = content.index(b"/bin/x r,\n") + len(b"/bin/x r,\n")

    def change(edit: Edit) -> Edit:
        return Edit(inside, edit.insert)

    assert "in another profile" in refused("docker-default", content, change)


@pytest.mark.parametrize(
    ("opening", "closing"), [(b"{{if .X}}", b"{{end}}"), (b"audit {", b"}"), (b"if $x {", b"}")]
)
def test_a_rule_in_another_scope(opening: bytes, closing: bytes) -> None:
    block = opening + b"\n" + closing + b"\n"
    content = PROFILE.replace(b"  capability,\n", b"  capability,\n" + block)
    inside = content.index(block) + len(opening) + 1

    def change(edit: Edit) -> Edit:
        return Edit(inside, edit.insert)

    assert "scope" in refused("x.tmpl", content, change)


def test_of_two_edits_the_right_one_stays() -> None:
    content = PROFILE + PROFILE.replace(b"profile x", b"profile y")
    result = unproved("docker-default", content, migrations=choose())
    first, second = result.findings
    assert first.edit is not None
    assert second.edit is not None
    wrong = Edit(second.edit.offset, b"  deny network inet,\n")
    given = replace(
        result, findings=(first, replace(second, edit=wrong)), edits=(first.edit, wrong)
    )
    left = proved(content, given)
    assert left.edits == (first.edit,)
    assert left.content.count(b"deny network") == 1
    assert [f.status for f in left.findings] == [Status.AFFECTED, Status.UNDER_INVESTIGATION]


def two(content: bytes, *changes: Callable[[Edit], Edit], path: str = "x.tmpl") -> Result:
    """What becomes of the two edits of a file that are made wrong."""
    result = unproved(path, content, migrations=choose())
    assert len(result.edits) == 2
    edits = tuple(change(edit) for change, edit in zip(changes, result.edits, strict=True))
    findings = tuple(
        finding
        if finding.edit is None
        else replace(finding, edit=edits[result.edits.index(finding.edit)])
        for finding in result.findings
    )
    return proved(content, replace(result, findings=findings, edits=edits))


def as_it_is(edit: Edit) -> Edit:
    return edit


class TestTheReason:
    """Each reading that an edit must pass refuses what no other one does, and says so."""

    LIST = b"rules = [\n" + b",\n".join(b'"%s"' % line for line in PROFILE.splitlines()) + b"\n]\n"

    @pytest.mark.parametrize("path", FILES)
    def test_a_rule_twice(self, path: str) -> None:
        def change(edit: Edit) -> Edit:
            return Edit(edit.offset, edit.insert * 2)

        assert "only the rule added" in refused(path, FILES[path], change)

    @pytest.mark.parametrize("path", FILES)
    def test_nothing_that_a_host_reads(self, path: str) -> None:
        assert "only the rule added" in refused(path, FILES[path], lambda _: Edit(0, b"\n"))

    def test_behind_a_text(self) -> None:
        """It makes the right file of it, but not at a place that was read."""
        rules = [line for line in PROFILE.splitlines()[:-1] if line != b"  network,"]
        lines = b",\n  ".join(b'"%s"' % line for line in (*rules, b"  network,"))
        content = b"[\n  " + lines + b"\n]\n"
        at = content.index(b"]")
        assert "only the rule added" in refused("x.json", content, lambda e: Edit(at, e.insert))

    def test_in_a_comment_of_the_template(self) -> None:
        content = PROFILE.replace(b"  file,\n", b"{{/*\n  here\n*/}}\n  file,\n")
        at = content.index(b"  here")
        reason = refused("x.tmpl", content, lambda edit: Edit(at, edit.insert))
        assert "the rule does not stand where rules are read" in reason

    def test_before_every_other_rule(self) -> None:
        at = PROFILE.index(b"  network")
        reason = refused("x.tmpl", PROFILE, lambda edit: Edit(at, edit.insert))
        assert "does not stand in the scope of the rule that it follows" in reason

    def test_within_words_that_are_no_rule(self) -> None:
        content = PROFILE.replace(b"  file,\n", b"  what is\n  this,\n  file,\n")
        at = content.index(b"  this")
        reason = refused("x.tmpl", content, lambda edit: Edit(at, edit.insert))
        assert "a profile's header does not read as before" in reason

    def test_within_the_header_of_a_child_profile(self) -> None:
        """The rule is read, and the child profile no longer is."""
        child = b"  profile y\n  {\n    /bin/x r,\n  }\n"
        content = PROFILE.replace(b"  file,\n", b"  file,\n" + child)
        at = content.index(b"  {\n")
        reason = refused("x.tmpl", content, lambda edit: Edit(at, edit.insert))
        assert "a profile's header does not read as before" in reason

    def test_within_the_header_of_a_profile(self) -> None:
        content = PROFILE.replace(b" {\n", b"\n{\n")
        at = content.index(b"{\n")
        reason = refused("x.tmpl", content, lambda edit: Edit(at, edit.insert))
        assert "the profiles in the file are not the same" in reason

    @pytest.mark.parametrize("word", [b"deny", b"audit deny"])
    def test_within_another_rule(self, word: bytes) -> None:
        content = PROFILE.replace(b"  deny mount,\n", b"  %s\n  mount,\n" % word)
        at = content.index(b"  mount")
        reason = refused("x.tmpl", content, lambda edit: Edit(at, edit.insert))
        assert "another rule than the one inserted reads differently" in reason

    @pytest.mark.parametrize(
        ("path", "mark", "instead", "why"),
        [
            ("x.toml", b'",', b'"', "the file is no longer the toml that it was"),
            ("x.toml", b'",', b'", 5,', "more than one string of the toml differs"),
            ("x.toml", b'",', b'", "x",', "another rule than the one inserted reads differently"),
            ("x.py", b'",', b'",,', "the file is no longer the python that it was"),
            ("x.py", b'",', b'", 5,', "more than one string of the python differs"),
        ],
    )
    def test_the_formats_own_parser(self, path: str, mark: bytes, instead: bytes, why: str) -> None:
        """The host reads no more of the file than the policy in it."""

        def change(edit: Edit) -> Edit:
            return Edit(edit.offset, edit.insert.replace(mark, instead))

        assert why in refused(path, self.LIST, change)

    @pytest.mark.parametrize("path", ["x.yaml", "x.toml", "x.py"])
    @pytest.mark.parametrize("profiles", [1, 2])
    def test_in_no_string(self, path: str, profiles: int) -> None:
        """The host takes for a string what stands in a comment; another edit is documentation."""
        profile = indented(PROFILE, b"# ")
        content = b"\n\n".join((profile, profile.replace(b"profile x", b"profile y"))[:profiles])
        result = unproved(path, content, migrations=choose(), docs=True)
        assert len(result.edits) == profiles
        assert proved(content, result) == result
        *documented, last = result.findings
        for name, stays in ((host._named(PurePosixPath(path)), False), ("text", True)):
            lie = replace(last, host=name, documentation=False)
            left = proved(content, replace(result, findings=(*documented, lie)))
            assert len(left.edits) == profiles - (not stays)
            assert ("got the rule" in left.findings[-1].reason) is not stays


def test_of_two_edits_for_one_profile_one_is_in_another() -> None:
    rules = b"{{if .A}}\n  network,\n{{else}}\n  audit network,\n{{end}}\n"
    other = b"profile y {\n  file,\n}\n"
    content = PROFILE.replace(b"  network,\n", rules) + other
    left = two(content, as_it_is, lambda _: Edit(len(content) - 2, b"  deny network alg,\n"))
    assert len(left.edits) == 1
    reasons = [f.reason for f in left.findings if f.status is Status.UNDER_INVESTIGATION]
    assert ["in another profile" in reason for reason in reasons] == [True]


def test_of_the_edits_for_two_profiles_both_are_in_one() -> None:
    content = PROFILE + PROFILE.replace(b"profile x", b"profile y")
    at = content.index(b"  umount")
    left = two(content, as_it_is, lambda _: Edit(at, b"  deny network alg,\n"))
    assert len(left.edits) == 1
    assert "in another profile" in left.findings[1].reason


def test_of_two_texts_one_gets_the_rule_twice_and_the_other_a_comment() -> None:
    content = b"".join(b"const %s = `\n" % name + PROFILE + b"`\n" for name in (b"a", b"b"))
    comment = f"  # {builtin()[0].comment}\n".encode()
    left = two(
        b"package x\n" + content,
        lambda edit: Edit(edit.offset, edit.insert * 2),
        lambda edit: Edit(edit.offset, comment),
        path="x.go",
    )
    assert left.edits == ()


def test_both_migrations_with_comments() -> None:
    for path, content in FILES.items():
        options = {"migrations": builtin(), "comment": True}
        result = patcher.patch(path, content, **options)  # type: ignore[arg-type]
        assert result == unproved(path, content, **options)
        assert len(result.edits) == 2


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("x.yaml", b"a: &a [" + b"*a, " * 50 + b"x]\nprofile: |\n" + indented(PROFILE, b"  ")),
        ("x.json", b"[" * 5000 + FILES["x.json"] + b"]" * 5000),
        ("x.py", b"X = " + b"(" * 500 + b"1" + b")" * 500 + b"\n" + FILES["x.py"]),
        ("x.py", b"X = '\\d'\n" + FILES["x.py"]),
        ("x.yaml", b"\xff: 1\n" + YAML),
        ("x.yaml", YAML + b"{{ template }}: }\n"),
        ("x.json", b"// comment\n" + FILES["x.json"]),
        ("x.yaml", b"a: 1\n---\n" + YAML + b"---\n" + b"- x: [\n"),
    ],
)
def test_files_that_no_parser_takes_have_the_universal_proof(path: str, content: bytes) -> None:
    result = patcher.patch(path, content)
    assert result == unproved(path, content, migrations=choose())
    assert b"deny network alg," in result.content


RULE = b"deny network alg,"
ADDED = Added(choose())
DENY = RULE.decode()
COMMENT = f"# {choose()[0].comment}"
OLD: tuple[Item, ...] = (("list", None), ("string", "network,"), ("string", "file,"), ("end", None))


@pytest.mark.parametrize(
    ("after", "number"),
    [
        (OLD, 0),
        ((*OLD[:2], ("string", DENY), *OLD[2:]), 1),
        ((*OLD[:2], ("string", COMMENT), ("string", DENY), *OLD[2:]), 1),
        ((OLD[0], ("string", f"network,\n{DENY}"), *OLD[2:]), 1),
        ((OLD[0], ("string", f"network, {DENY}"), ("string", f"file,\n{DENY}"), OLD[3]), 2),
        ((OLD[0], ("string", f"network,\n{DENY}\n{DENY}"), *OLD[2:]), 2),
        ((*OLD, ("string", DENY)), 1),
        ((*OLD, ("string", "other")), -1),
        ((*OLD, ("number 5", None)), -1),
        (OLD[:-1], -1),
        (OLD[1:], -1),
        ((*OLD[:2], OLD[3]), -1),
        ((*OLD[:2], ("string", DENY), OLD[3]), -1),
        ((OLD[0], ("bytes", f"network,\n{DENY}"), *OLD[2:]), -1),
        ((OLD[0], ("string", f"network, {COMMENT}"), *OLD[2:]), -1),
        ((OLD[0], ("string", "network inet,"), *OLD[2:]), -1),
        ((OLD[0], ("string", ""), *OLD[2:]), -1),
        ((), -1),
    ],
)
def test_structures_differ_by_rules_alone(after: tuple[Item, ...], number: int) -> None:
    assert ADDED.compare(OLD, after) == number


@given(
    st.lists(st.sampled_from((b"network,", b"  " + RULE, b"file, network,", b"", b"# \xff"))),
    st.lists(st.tuples(st.integers(0, 8), st.sampled_from(("line", "CR", "behind", "priority")))),
)
def test_rules_are_counted_wherever_they_are_added(
    lines: list[bytes], changes: list[tuple[int, str]]
) -> None:
    after = list(lines)
    for index, kind in changes:
        at = index % len(after) if after else 0
        if kind == "behind" and after:
            after[at] += b" " + RULE + b" "
        else:
            before, behind = {"CR": (b"  ", b" \r"), "priority": (b"priority=1 ", b"")}.get(
                kind, (b"", b"")
            )
            after.insert(index, before + RULE + behind)
    old, new = b"\n".join(lines), b"\n".join(after)
    assert ADDED.count(old, new) == len(changes)
    assert ADDED.count(old, new + b"\nfile,") == -1
    assert ADDED.count(b"capability,\n" + old, new) == -1

"""What real repositories hold, through the public API, as plain files and Go sources."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import pytest

import patcher
from patcher import Migration, MigrationError, Result, Status, load_migration
from patcher.migrations import builtin

AFFECTED, FIXED = Status.AFFECTED, Status.FIXED
NOT_AFFECTED, LOOK = Status.NOT_AFFECTED, Status.UNDER_INVESTIGATION

HEAD = "profile docker-default flags=(attach_disconnected,mediate_deleted) {\n"
TAIL = """\
  capability,
  file,
  umount,
  deny @{PROC}/* w,
  deny @{PROC}/sysrq-trigger rwklx,
  deny mount,
  deny /sys/[^f]*/** wklx,
}
"""


def patch(text: str, path: str = "apparmor.d/x", **options: Any) -> Result:
    return patcher.patch(path, text.encode("latin-1"), **options)


def moby(rules: str, **options: Any) -> Result:
    return patch(HEAD + rules + TAIL, **options)


def expect(result: Result, rules: str) -> None:
    assert result.content.decode("latin-1") == HEAD + rules + TAIL


# -- where the rule goes


@pytest.mark.parametrize(
    ("rules", "after"),
    [
        ("  network,\n", "  network,\n  deny network alg,\n"),
        ("\tnetwork,\n", "\tnetwork,\n\tdeny network alg,\n"),
        ("network,\n", "network,\ndeny network alg,\n"),
        ("  network, # all\n", "  network, # all\n  deny network alg,\n"),
        ("  audit network,\n", "  audit network,\n  deny network alg,\n"),
        ("  network\n  ,\n", "  network\n  ,\n  deny network alg,\n"),
        ("  network seqpacket,\n", "  network seqpacket,\n  deny network alg,\n"),
        ("  network, signal,\n", "  network, deny network alg, signal,\n"),
        ("  signal, network,\n", "  signal, network, deny network alg,\n"),
        ("  network, signal, # x\n", "  network, deny network alg, signal, # x\n"),
        ("  /a r, network,\n", "  /a r, network, deny network alg,\n"),
        ("  network ,\n", "  network ,\n  deny network alg,\n"),
        ("  network, # x\r\n", "  network, # x\r\n  deny network alg, \r\n"),
        ("  priority=5 network,\n", "  priority=5 network,\n  priority=5 deny network alg,\n"),
        ("  priority=-5 network,\n", "  priority=-5 network,\n  priority=-5 deny network alg,\n"),
        (
            "  priority=5 network,\n  deny network alg,\n",
            "  priority=5 network,\n  priority=5 deny network alg,\n  deny network alg,\n",
        ),
        (
            "  network,\n  priority=-1 deny network alg,\n",
            "  network,\n  deny network alg,\n  priority=-1 deny network alg,\n",
        ),
        (
            "  network,\n  network inet,\n  network inet6,\n",
            "  network,\n  deny network alg,\n  network inet,\n  network inet6,\n",
        ),
        (
            "  network,\n  deny network alg stream,\n",
            "  network,\n  deny network alg,\n  deny network alg stream,\n",
        ),
        (
            "{{ if .Network}}network,{{end}}\n",
            "{{ if .Network}}network, deny network alg, {{end}}\n",
        ),
        (
            "{{if .Audit}}\n  audit network,\n{{else}}\n  network,\n{{end}}\n",
            "{{if .Audit}}\n  audit network,\n  deny network alg,\n"
            "{{else}}\n  network,\n  deny network alg,\n{{end}}\n",
        ),
        (
            "{{if .Network}}\n  network,\n{{end}}\n",
            "{{if .Network}}\n  network,\n  deny network alg,\n{{end}}\n",
        ),
        (
            "{{if .Network}}\n  network,\n{{else}}\n  deny network,\n{{end}}\n",
            "{{if .Network}}\n  network,\n  deny network alg,\n{{else}}\n"
            "  deny network,\n{{end}}\n",
        ),
        (
            "{% if network %}\n  network,\n{% endif %}\n",
            "{% if network %}\n  network,\n  deny network alg,\n{% endif %}\n",
        ),
        (
            "{{#if network}}\n  network,\n{{/if}}\n",
            "{{#if network}}\n  network,\n  deny network alg,\n{{/if}}\n",
        ),
        (
            "<% if @network %>\n  network,\n<% end %>\n",
            "<% if @network %>\n  network,\n  deny network alg,\n<% end %>\n",
        ),
        (
            "{{- /* with network,\n  over lines */ -}}\n  network,\n",
            "{{- /* with network,\n  over lines */ -}}\n  network,\n  deny network alg,\n",
        ),
        (
            "  if $net {\n    network,\n  } else {\n    audit network,\n  }\n",
            "  if $net {\n    network,\n    deny network alg,\n  } else {\n    audit network,\n"
            "    deny network alg,\n  }\n",
        ),
        (
            "  profile child {\n    network,\n  }\n",
            "  profile child {\n    network,\n    deny network alg,\n  }\n",
        ),
    ],
)
def test_the_rule_goes_right_behind_its_anchor(rules: str, after: str) -> None:
    result = moby(rules)
    expect(result, after)
    assert moby(after).edits == ()
    assert {f.status for f in moby(after).findings if f.line > 1} <= {FIXED, NOT_AFFECTED}


@pytest.mark.parametrize(
    ("rules", "status"),
    [
        ("  network,\n  deny network alg,\n", FIXED),
        ("  deny network alg,\n  network,\n", FIXED),
        ("  network,\n  unix,\n  deny network alg,\n", FIXED),
        ("  network,\n" + "  /a/b r,\n" * 11 + "  deny network alg,\n", FIXED),
        ("  network,\n  audit deny network alg,\n", FIXED),
        ("  network,\n  deny network alg seqpacket,\n", FIXED),
        ("  network inet,\n  network inet6,\n", NOT_AFFECTED),
        ("  network stream,\n", NOT_AFFECTED),
        ("  deny network,\n", NOT_AFFECTED),
        ("  # network,\n", NOT_AFFECTED),
        ("  network alg,\n", LOOK),
        ("  network alg seqpacket,\n", LOOK),
        ("  network,\n  network alg,\n", LOOK),
        ("  audit {\n    network,\n  }\n", LOOK),
        ("  all,\n", LOOK),
        ("  #include <abstractions/network>\n", LOOK),
        ("  {{.Deny}} network,\n", LOOK),
    ],
)
def test_what_is_left_alone(rules: str, status: Status) -> None:
    result = moby(rules)
    expect(result, rules)
    assert [finding.status for finding in result.findings] == [status]
    assert result.edits == ()


def test_the_last_line_without_a_newline() -> None:
    text = HEAD + TAIL.rstrip("}\n") + "\n  network,"
    result = patch(text)
    assert result.content.decode() == text + "\n  deny network alg,"


def test_crlf_and_latin_1_stay() -> None:
    text = ("# caf\xe9\n" + HEAD + "  network,\n" + TAIL).replace("\n", "\r\n")
    expected = text.replace("  network,\r\n", "  network,\r\n  deny network alg, \r\n")
    assert patch(text).content == expected.encode("latin-1")


def test_the_comment() -> None:
    expect(
        moby("  network,\n", comment=True),
        "  network,\n"
        "  # Disallow AF_ALG (Linux kernel crypto API); see https://copy.fail/\n"
        "  deny network alg,\n",
    )


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("rules", ["  network,\n", "  network,\n  deny network alg,\n"])
def test_both_migrations_in_upstreams_order(rules: str, reverse: bool) -> None:
    chosen = builtin()[::-1] if reverse else builtin()
    expect(
        moby(rules, migrations=chosen),
        "  network,\n  deny network alg,\n  deny network vsock,\n",
    )


def test_the_second_migration_alone_goes_below_the_first() -> None:
    expect(
        moby("  network,\n  deny network alg,\n", migrations=["deny-af-vsock"]),
        "  network,\n  deny network alg,\n  deny network vsock,\n",
    )


# -- which profiles


DAEMON = """\
/usr/bin/dockerd (attach_disconnected) {
  network,
  capability,
  mount,
  pivot_root,
  /** rwlkm,
}
"""


def test_a_profile_that_allows_everything_is_reported_and_edited_on_request() -> None:
    result = patch(DAEMON)
    assert [(f.status, f.moby_style, f.edit) for f in result.findings] == [(AFFECTED, False, None)]
    assert result.content == DAEMON.encode()
    assert b"deny network alg," in patch(DAEMON, profiles="all").content


def test_several_profiles_in_one_file() -> None:
    fixed = HEAD.replace("docker-default", "fixed") + "  network,\n  deny network alg,\n" + TAIL
    unconfined = "profile free flags=(unconfined) {\n  network,\n  deny mount,\n}\n"
    text = HEAD + "  network,\n" + TAIL + DAEMON + fixed + unconfined
    result = patch(text)
    assert [(f.profile, f.status, f.edit is not None) for f in result.findings] == [
        ("docker-default", AFFECTED, True),
        ("/usr/bin/dockerd", AFFECTED, False),
        ("fixed", FIXED, False),
        ("free", LOOK, False),
    ]
    assert [f.line for f in result.findings] == [
        1 + text[: text.index(anchor)].count("\n") + 1
        for anchor in (HEAD, DAEMON, fixed, unconfined)
    ]
    assert all(f.evidence for f in result.findings if f.moby_style)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (
            "main.go",
            "package x\n\nfunc f() {\n\tnetwork, err := net.Parse(s)\n"
            "\tg(\n\t\tnetwork,\n\t\terr,\n\t)\n}\n",
        ),
        (
            "x.rs",
            "fn f() -> P {\n    P {\n        network,\n        capability,\n    }\n}\n",
        ),
        ("x.ts", "const p = {\n  network,\n  capability,\n  file,\n  mount,\n};\n"),
        ("x.csv", "name,network,file\na,network,\n"),
        (
            "README.md",
            "Over the network, containers talk.\n\nThe network,\ncapability, and file rules.\n",
        ),
        ("x.sh", "sed -i 's/network,/network inet,/' /etc/apparmor.d/x\n"),
        ("x_test.go", 'package x\n\nfunc T() {\n\tif !strings.Contains(p, "network,") {\n\t}\n}\n'),
        ("x.go", 'package x\n\nfunc f(q string) string {\n\treturn q + "network,\\n"\n}\n'),
        ("x.py", "def f(\n    network,\n    capability,\n    file,\n):\n    pass\n"),
    ],
)
def test_code_that_looks_like_policy(path: str, text: str) -> None:
    result = patch(text, path, profiles="all", docs=True)
    assert result.content == text.encode()
    assert [f for f in result.findings if f.edit is not None or f.moby_style] == []


def test_rules_at_column_0_without_a_header() -> None:
    body = (
        "network,\ncapability,\nfile,\numount,\n"
        "deny @{PROC}/* w,\ndeny mount,\ndeny /sys/[^f]*/** wklx,\n"
    )
    text = "package x\n\nconst base = `\n" + body + "`\n"
    result = patch(text, "template.go")
    assert result.content.decode() == text.replace("network,\n", "network,\ndeny network alg,\n")


# -- fragments: rules in strings, which a program may put together to one profile


ALLOWED = ("network,", "capability,", "file,", "umount,")
DENIED = ("deny mount,", "deny @{PROC}/* w,", "deny /sys/[^f]*/** wklx,")


def constant(name: str, *rules: str) -> str:
    """Go source: rules that stand in one string."""
    return f"const {name} = `\n" + "".join(f"{rule}\n" for rule in rules) + "`\n"


def elements(*rules: str) -> str:
    """Go source: rules that stand in strings of their own."""
    return "var rules = []string{\n" + "".join(f'\t"{rule}",\n' for rule in rules) + "}\n"


def go(*declarations: str, path: str = "profile.go", **options: Any) -> Result:
    return patch("package x\n\n" + "\n".join(declarations), path, **options)


@pytest.mark.parametrize("deny", ["deny network alg,", "audit deny network alg stream,"])
@pytest.mark.parametrize("own", [(), ("{{if .X}}", "deny network alg,", "{{end}}")])
def test_a_deny_in_another_fragment_is_for_a_person(deny: str, own: tuple[str, ...]) -> None:
    """Whether both fragments become one profile stands in code that nobody reads here."""
    result = go(constant("a", *ALLOWED, *own), constant("b", *DENIED, deny))
    assert [(f.line, f.status, f.edit) for f in result.findings] == [(4, LOOK, None)]
    assert "another fragment in this file denies alg" in result.findings[0].reason


@pytest.mark.parametrize(
    ("own", "others"),
    [
        ((), ()),
        (("{{if .X}}", "deny network alg,", "{{end}}"), ()),
        ((), ("deny network inet,",)),
        ((), ("deny network vsock,",)),
        ((), ("network inet,",)),
        ((), ("network alg,",)),
    ],
)
def test_other_rules_in_another_fragment_change_nothing(
    own: tuple[str, ...], others: tuple[str, ...]
) -> None:
    result = go(constant("a", *ALLOWED, *own), constant("b", *DENIED, *others))
    (edited,) = (f for f in result.findings if f.edit is not None)
    assert (edited.line, edited.status) == (4, AFFECTED)


def test_a_deny_in_another_fragment_does_not_reach_a_whole_profile() -> None:
    profile = HEAD + "network,\n" + TAIL
    result = go(constant("a", profile), constant("b", *DENIED, "deny network alg,"))
    assert [(f.status, f.edit is not None) for f in result.findings] == [(AFFECTED, True)]


def test_only_what_is_affected_depends_on_other_fragments() -> None:
    result = go(
        constant("a", *ALLOWED, *DENIED, "deny network alg,"),
        constant("b", *DENIED, "network alg,"),
        constant("c", *DENIED, "network inet,"),
    )
    assert [f.status for f in result.findings] == [FIXED, LOOK, NOT_AFFECTED]
    assert "on purpose" in result.findings[1].reason


def test_of_each_migration_its_own_family_counts_in_other_fragments() -> None:
    result = go(
        constant("a", *ALLOWED), constant("b", *DENIED, "deny network vsock,"), migrations=builtin()
    )
    assert {f.migration: f.status for f in result.findings} == {
        "deny-af-alg": AFFECTED,
        "deny-af-vsock": LOOK,
    }


@pytest.mark.parametrize(
    "path",
    [
        "x_test.go", "pkg/x_test.go", "test/x.go", "a/tests/x.go", "tests/a/x.go", "test_x.py",
        "a/test_x.py", "x.test.js", "x.spec.ts", "x-test.rb", "x_tests.rs", "a/x.bats",
    ],
)  # fmt: skip
def test_rules_in_strings_of_a_test_are_for_a_person(path: str) -> None:
    """They are what the test expects as likely as what it makes a profile of."""
    result = patch(literals(path, *ALLOWED, *DENIED), path)
    assert [(f.status, f.moby_style, f.edit) for f in result.findings] == [(LOOK, True, None)]
    assert "rules in strings of a test" in result.findings[0].reason


@pytest.mark.parametrize(
    "path",
    [
        "x.go", "latest/x.go", "contest.go", "testing/x.go", "a/attest_x.py", "testx.py",
        "test_x/y.py", "xtest.js", "x.test/y.js", "tests.go", "x.batsx.js",
    ],
)  # fmt: skip
def test_rules_in_strings_of_other_files_are_edited(path: str) -> None:
    result = patch(literals(path, *ALLOWED, *DENIED), path)
    assert [(f.status, f.edit is not None) for f in result.findings] == [(AFFECTED, True)]


def literals(path: str, *rules: str) -> str:
    """A list of strings, in the language that the file's name says."""
    language = path.rpartition(".")[2]
    if language == "go":
        return "package x\n\n" + elements(*rules)
    if language == "bats":
        return "x=(\n" + "".join(f"    '{rule}'\n" for rule in rules) + ")\n"
    opening, closing = {
        "rs": ("const X: &[&str] = &[", "];"),
        "rb": ("X = [", "]"),
        "py": ("X = [", "]"),
    }.get(language, ("const x = [", "];"))
    return f"{opening}\n" + "".join(f'    "{rule}",\n' for rule in rules) + f"{closing}\n"


@pytest.mark.parametrize(
    ("rule", "expected"), [("network,", LOOK), ("network inet,", FIXED), ("signal,", FIXED)]
)
def test_strings_with_rules_may_belong_to_a_profile_in_strings(rule: str, expected: Status) -> None:
    profile = (HEAD.rstrip(), "network,", "deny network alg,", *TAIL.splitlines())
    result = go(elements(*profile), constant("b", rule, "file,", "capability,"))
    assert [f.status for f in result.findings if f.profile == "docker-default"] == [expected]


@pytest.mark.parametrize(
    "source",
    [
        "package x\n\n" + constant("a", *ALLOWED, *DENIED),
        "package x\n\n" + elements(HEAD.rstrip(), "network,", *TAIL.splitlines()),
    ],
)
def test_a_profile_or_a_text_of_a_test_is_edited(source: str) -> None:
    """Golden data, and fixtures of a test, change with the profile."""
    result = patch(source, "x_test.go")
    assert [(f.status, f.edit is not None) for f in result.findings] == [(AFFECTED, True)]


LISTED = ("network,", "capability chown,", "signal,", "/x r,", "/y r,")
"""Policy that is not moby-style."""


def test_a_programs_list_of_rules_is_no_profile() -> None:
    """Unless it is moby-style: a linter's or a generator's table as likely as policy."""
    assert go(elements(*LISTED)).findings == ()
    assert go(elements(*LISTED, "deny network alg,"), profiles="all").findings == ()


@pytest.mark.parametrize(
    ("source", "moby_style"),
    [
        (constant("a", *LISTED), False),
        (elements("profile x {", *LISTED, "}"), False),
        (elements(*ALLOWED, *DENIED), True),
    ],
)
def test_a_text_or_a_profile_or_what_is_moby_style_is_reported(
    source: str, moby_style: bool
) -> None:
    (finding,) = go(source).findings
    assert (finding.status, finding.moby_style) == (AFFECTED, moby_style)
    assert (finding.edit is not None) == moby_style


@pytest.mark.parametrize(
    "rules",
    [
        ("network {{.Family}},", "capability chown,", "signal,", "/x r,", "/y r,"),
        ("network inet,", "capability chown,", "signal,", "/x r,", "/y r,"),
        ("all,", "capability chown,", "signal,", "/x r,", "/y r,"),
        ("deny network alg,", "capability chown,", "signal,", "/x r,", "/y r,"),
    ],
)
def test_of_a_fragment_that_is_not_moby_style_only_what_allows_the_family_counts(
    rules: tuple[str, ...],
) -> None:
    assert go(constant("a", *rules)).findings == ()
    purpose = go(constant("a", "network alg,", *rules[1:]))
    assert [f.status for f in purpose.findings] == [LOOK]


# -- files


def test_what_is_not_read() -> None:
    text = (HEAD + "  network,\n" + TAIL).encode()
    assert patcher.patch("x", bytes(5) + text).findings == ()
    (large,) = patcher.patch("x", text, max_bytes=100).findings
    assert (large.status, large.line) == (LOOK, 1)
    assert "100 bytes" in large.reason
    (wide,) = patcher.patch("x", text.decode().encode("utf-16")).findings
    assert (wide.status, wide.edit) == (LOOK, None)
    assert "UTF-16" in wide.reason
    for hidden in (b"# \0\n" + text, text + b"# \0\0\0\0\n", text.replace(b"  net", b"  \0net")):
        (nul,) = patcher.patch("x", hidden).findings
        assert (nul.status, nul.edit) == (LOOK, None)
        assert "NUL" in nul.reason
    fixed = text.replace(b"network,\n", b"network,\n  deny network alg,\n")
    assert [f.status for f in patcher.patch("x", fixed).findings] == [Status.FIXED]
    assert [f.status for f in patcher.patch("x", fixed + b"#\0\n").findings] == [LOOK]
    assert patcher.patch("x", b"profile y {\n  network inet,\n}\n#\0\n").findings == ()


def test_the_result() -> None:
    result = patcher.patch(PurePosixPath("apparmor.d/x"), (HEAD + "  network,\n" + TAIL).encode())
    (finding,) = result.findings
    (edit,) = result.edits
    assert finding.edit is edit
    assert result.path == "apparmor.d/x"
    assert finding.line == 2
    assert finding.profile == "docker-default"
    assert finding.migration == "deny-af-alg"
    assert finding.moby_style
    assert edit.offset == len(HEAD) + len("  network,\n")
    assert edit.insert == b"  deny network alg,\n"


# -- arguments


def inserted(**options: Any) -> list[bytes]:
    return [edit.insert for edit in moby("  network,\n", **options).edits]


def test_migrations_are_ids_values_or_both_each_once(tmp_path: Path) -> None:
    file = tmp_path / "mine"
    file.write_text("id: mine\ntitle: Mine\nrule: deny network bluetooth,\norder: 15\n")
    mine, vsock = load_migration(file), load_migration("deny-af-vsock")
    expected = [f"  deny network {name},\n".encode() for name in ("alg", "bluetooth", "vsock")]
    assert inserted() == inserted(migrations=["deny-af-alg"]) == expected[:1]
    assert inserted(migrations=[vsock, "deny-af-alg", mine, "deny-af-vsock"]) == expected
    assert inserted(migrations=iter((vsock, mine))) == expected[1:]


def test_the_default_is_meant_by_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    first = Migration(id="first", title="First", rule="deny network bluetooth,", order=1)
    monkeypatch.setattr("patcher.migrations._builtin", (first, *builtin()))
    assert inserted() == [b"  deny network alg,\n"]


def test_a_path_of_any_kind_says_what_file_it_is() -> None:
    assert patcher.patch(Path("a/x.go"), b"").path == patcher.patch("a/x.go", b"").path == "a/x.go"


CLASHING = Migration(id="deny-af-alg", title="Mine", rule="deny network alg,")


@pytest.mark.parametrize(
    ("options", "error", "what"),
    [
        ({"content": "text"}, TypeError, "content must be bytes, not str: open the file with mode"),
        ({"content": bytearray(b"")}, TypeError, "content must be bytes, not bytearray"),
        ({"path": b"x"}, TypeError, "path must be text or a path, not b'x'"),
        ({"path": None}, TypeError, "path must be text or a path, not None"),
        ({"migrations": "deny-af-alg"}, TypeError, "a list, such as ['deny-af-alg'], not 'deny-af"),
        ({"migrations": CLASHING}, TypeError, "must be a list, such as ['deny-af-alg'], not one"),
        ({"migrations": 1}, TypeError, "must be a list, such as ['deny-af-alg'], not 1"),
        ({"migrations": []}, MigrationError, "empty: name one, or leave it out for 'deny-af-alg'"),
        ({"migrations": ["af-alg"]}, MigrationError, "'af-alg'; there are deny-af-alg, deny-af-vs"),
        ({"migrations": ["./x.yaml"]}, MigrationError, "files, which patcher.load_migration reads"),
        ({"migrations": [Path("x.yaml")]}, TypeError, "or what patcher.load_migration returns"),
        ({"migrations": ["deny-af-alg", CLASHING]}, MigrationError, "two different migrations are"),
        ({"profiles": "mobi"}, ValueError, "profiles must be 'moby' or 'all', not 'mobi'"),
        ({"docs": "no"}, TypeError, "docs must be True or False, not 'no'"),
        ({"comment": 1}, TypeError, "comment must be True or False, not 1"),
        ({"max_bytes": "8M"}, TypeError, "max_bytes must be a number of bytes, not '8M'"),
        ({"max_bytes": -1}, ValueError, "max_bytes must not be negative: -1"),
    ],
)
def test_an_argument_that_means_nothing_is_refused(
    options: dict[str, Any], error: type[Exception], what: str
) -> None:
    with pytest.raises(error) as caught:
        patcher.patch(**{"path": "x", "content": b"", **options})
    assert type(caught.value) is error
    assert what in str(caught.value)


@pytest.mark.parametrize(
    ("abi", "noted"),
    [
        ("", True),
        ("abi <abi/3.0>,\n", False),
        ('abi "abi/4.0",\n', False),
        ("abi<abi/3.0>,\n", False),
        ("abi\n  <abi/3.0>,\n", False),
        ("abi </etc/apparmor.d/abi/3.0>,\n", False),
        ("# an abi\n", True),
    ],
)
def test_a_note_says_that_nothing_pins_the_features(abi: str, noted: bool) -> None:
    text = abi + HEAD + "  network,\n" + TAIL
    for content in (text, text.replace("network,\n", "network,\n  deny network alg,\n")):
        (finding,) = patch(content).findings
        assert any("features are pinned" in note for note in finding.evidence) is noted


def test_it_is_not_noted_where_no_deny_is_wanted() -> None:
    (finding,) = patch(HEAD + "  network inet,\n" + TAIL).findings
    assert not any("features are pinned" in note for note in finding.evidence)


@pytest.mark.parametrize("rules", ["  network,\n  deny network alg,\n", "  network inet,\n"])
@pytest.mark.parametrize(
    "abi",
    [
        "abi <abi/kernel-5.4-vanilla>,\n",
        'abi "abi/kernel-5.4-vanilla",\n',
        "abi<abi/kernel-5.4-vanilla>,\n",
        "abi\n  <abi/kernel-5.4-vanilla>,\n",
        "abi\t<abi//kernel-5.4-vanilla>,\n",
        "abi </etc/apparmor.d/abi/kernel-5.4-vanilla>,\n",
        "{{if .Old}}abi <abi/kernel-5.4-vanilla>,{{end}}\n",
        "abi <abi/kernel-5.4-outoftree-network>,\n",
    ],
)
def test_nothing_is_clean_under_an_abi_without_network_rules(abi: str, rules: str) -> None:
    (finding,) = patch(abi + HEAD + rules + TAIL).findings
    assert finding.status is Status.UNDER_INVESTIGATION
    assert "compiles no network rule" in finding.reason


@pytest.mark.parametrize("rules", ["  network,\n  deny network alg,\n", "  network inet,\n"])
@pytest.mark.parametrize(
    "abi",
    [
        "abi <abi/kernel-4.15>,\n",
        "abi <abi/3.0-custom> ,\n",
        "abi <kernel>,\n",
        'abi "features",\n',
        "abi /etc/apparmor.d/abi/site,\n",
        "{{if .New}}abi <abi/4.0>,{{else}}abi <abi/9.9>,{{end}}\n",
    ],
)
def test_nothing_is_clean_under_an_abi_of_which_nothing_is_known(abi: str, rules: str) -> None:
    (finding,) = patch(abi + HEAD + rules + TAIL).findings
    assert finding.status is Status.UNDER_INVESTIGATION
    assert "mediates sockets is not known" in finding.reason


@pytest.mark.parametrize("rules", ["  network,\n  deny network alg,\n", "  network inet,\n"])
@pytest.mark.parametrize(
    "abi",
    [
        "abi <{{.Abi}}>,\n",
        "abi <abi/{{.Abi}}>,\n",
        "abi {{.Abi}},\n",
        'abi "${ABI}",\n',
        "abi $ABI,\n",
        "abi <@ABI@>,\n",
        "abi <%s>,\n",
        "{{if .Abi}}abi <{{.Other}}>,{{end}}\n",
        "{{if .Abi}}abi <{{.Abi}}>,{{end}}\nabi <{{.Abi}}>,\n",
        "{{with .Abi}}abi <{{.}}>,{{end}}\n",
    ],
)
def test_nothing_is_clean_under_an_abi_that_is_filled_in(abi: str, rules: str) -> None:
    (finding,) = patch(abi + HEAD + rules + TAIL).findings
    assert finding.status is Status.UNDER_INVESTIGATION
    assert "becomes is not known" in finding.reason


@pytest.mark.parametrize("abi", ["abi <{{.Abi}}>,\n", "{{if .Abi}}abi <{{.Abi}}>,\n{{- end}}\n"])
def test_the_rule_is_added_under_an_abi_that_is_filled_in(abi: str) -> None:
    (finding,) = patch(abi + HEAD + "  network,\n" + TAIL).findings
    assert finding.edit is not None


def test_an_abi_in_an_escaped_string_is_known_as_well() -> None:
    text = 'const p = "\\nabi <abi/site>,\\nprofile x flags=(attach_disconnected,mediate_deleted) '
    text += '{\\n  network,\\n  deny network alg,\\n  file,\\n  capability,\\n}\\n"\n'
    (finding,) = patch(text, path="x.go").findings
    assert finding.status is Status.UNDER_INVESTIGATION


@pytest.mark.parametrize(
    "abi",
    [
        "abi <abi/3.0>,\n",
        'abi "abi/4.0",\n',
        "abi </etc/apparmor.d/abi//5.0>,\n",
        "{{if .Abi}}abi <{{.Abi}}>,{{end}}\n",
        "# abi <abi/kernel-4.15>,\n",
    ],
)
def test_an_abi_that_mediates_sockets_changes_no_answer(abi: str) -> None:
    (finding,) = patch(abi + HEAD + "  network,\n  deny network alg,\n" + TAIL).findings
    assert finding.status is Status.FIXED


def test_texts_are_not_followed_for_ever_through_a_long_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For each of them the whole file is searched for what becomes of it."""
    many = "".join(f"cat > /etc/p{n} <<'E'\n{HEAD}  network,\n{TAIL}}}\nE\n" for n in range(30))
    assert [each.edit is not None for each in patch(many, "x.sh").findings] == [True] * 30
    monkeypatch.setattr("patcher.engine.MAX_SEARCHED", 20 * len(many))
    result = patch(many, "x.sh")
    [found] = result.findings
    assert (found.status, result.content) == (LOOK, many.encode())
    assert "too many texts in so long a program" in found.reason

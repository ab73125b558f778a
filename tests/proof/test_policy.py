"""What is compiled differs by the denies of the family and by nothing else, or it is refuted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from patcher import Edit, engine
from patcher.migrations import Migration, builtin, choose
from patcher.proof import parser, policy
from patcher.proof.parser import Parser
from patcher.proof.verdict import Proof, Verdict

pytestmark = pytest.mark.skipif(not parser.installed(), reason="apparmor_parser is not installed")

RULES = """\
  network,
  capability,
  file,
  umount,
  deny @{PROC}/sysrq-trigger rwklx,
  deny mount,
"""
FLAGS = "flags=(attach_disconnected,mediate_deleted)"
PROFILE = f"profile x {FLAGS} {{\n{RULES}}}\n"


@pytest.fixture(scope="module")
def real() -> Parser:
    return parser.usable()


def proofs(
    content: str,
    real: Parser,
    change: Callable[[Edit], Edit] = lambda edit: edit,
    path: str = "x.tmpl",
    migrations: tuple[Migration, ...] = choose(),
    **options: bool,
) -> list[Proof]:
    """The proofs of the engine's edits, or of what is made of them."""
    old = content.encode()
    result = engine.patch(path, old, migrations=migrations, profiles="all", **options)
    findings = [
        finding if finding.edit is None else replace(finding, edit=change(finding.edit))
        for finding in result.findings
    ]
    edits = sorted((f.edit for f in findings if f.edit is not None), key=lambda e: e.offset)
    assert edits
    new, position = b"", 0
    for edit in edits:
        new += old[position : edit.offset] + edit.insert
        position = edit.offset
    new += old[position:]
    found = policy.prove(path, old, new, findings, migrations, real)
    return [proof for proof in found if proof is not None]


def proof(content: str, real: Parser, change: Callable[[Edit], Edit] = lambda edit: edit) -> Proof:
    (found,) = proofs(content, real, change)
    return found


def written(text: str) -> Callable[[Edit], Edit]:
    return lambda edit: Edit(edit.offset, text.encode())


class TestProved:
    @pytest.mark.parametrize(
        "content",
        [
            PROFILE,
            PROFILE.replace("\n", "\r\n"),
            PROFILE.replace("network,\n", "network, # all of it\n"),
            PROFILE.replace("  network,\n  cap", "  network, cap"),
            PROFILE.replace("profile x", "profile {{.Name}}"),
            PROFILE.replace("profile x", "profile {{.Name}} {{.Attachment}}"),
            PROFILE.replace("(attach_disconnected,mediate_deleted)", "({{.Flags}})"),
            PROFILE.replace("  umount,\n", "{{range .Imports}}\n  {{.}}\n{{end}}\n  umount,\n"),
            PROFILE.replace("  umount,\n", "  {{.Extra}}\n  umount,\n  {{.More}},\n"),
            PROFILE.replace("  umount,\n", "  signal (receive) peer={{.Daemon}},\n"),
            PROFILE.replace("  umount,\n", "  {{.Root}}/lib/** r,\n  /x/{{.Y}}/** {{.Mode}},\n"),
            PROFILE.replace(
                "  umount,\n", "  #include <abstractions/base>\n  include if exists <x>\n"
            ),
            PROFILE.replace("  umount,\n", "  @{own}/x r,\n  /y/@{own} r,\n  @{HOME}/@{pid} w,\n"),
            PROFILE.replace("profile x", "abi <abi/4.0>,\n@{own}=/a /b\nprofile x"),
            PROFILE.replace(
                "  network,\n", "{{if .A}}\n  network,\n{{else}}\n  audit network,\n{{end}}\n"
            ),
            PROFILE.replace("  network,\n", "{% if a %}  network,\n{% endif %}"),
            PROFILE.replace("  umount,\n", "  profile y {\n    network inet,\n  }\n  umount,\n"),
            PROFILE.replace("  umount,\n", "  ^hat {\n    file,\n  }\n"),
            PROFILE.replace("  umount,\n", "  mount fstype={{.Type}} {{.From}} -> {{.To}},\n"),
            PROFILE.replace("  umount,\n", "  {{$s}} px -> {{$v := .N}}{{$v}}_x,\n"),
            PROFILE.replace("  umount,\n", "  deny other {{$s}}{{$t}} klmrw,\n"),
            PROFILE.replace("  umount,\n", "  set rlimit {{.What}} <= {{.Most}},\n"),
            '{{define "r"}}  network,\n{{end}}profile x {\n{{template "r" .}}\n  file,\n}\n',
            "# prose\n" + PROFILE + "\nEOF\nmore prose, and a network,\n",
        ],
    )
    def test_the_real_edit(self, content: str, real: Parser) -> None:
        found = proofs(content, real)
        assert [each.text for each in found] == [f"proved by {real.name}"] * len(found)

    def test_many_choices(self, real: Parser) -> None:
        """Each arm is compiled, though not with each of the others."""
        choices = "".join(
            f"{{{{if .C{n}}}}}\n  /a{n} r,\n{{{{else}}}}\n  /b{n} r,\n{{{{end}}}}\n"
            for n in range(12)
        )
        content = PROFILE.replace("  umount,\n", choices)
        assert proof(content, real).verdict is Verdict.PROVED
        bad = content.replace("/b7 r,", "nonsense that does not compile,")
        assert proof(bad, real).verdict is Verdict.NOT_PROVABLE

    def test_both_migrations_at_once(self, real: Parser) -> None:
        found = proofs(PROFILE, real, migrations=builtin(), comment=True)
        assert [each.verdict for each in found] == [Verdict.PROVED] * 2

    def test_a_child_profile_and_its_parent(self, real: Parser) -> None:
        child = "  profile y {\n    network,\n    file,\n  }\n"
        found = proofs(PROFILE.replace("  umount,\n", child), real)
        assert [each.verdict for each in found] == [Verdict.PROVED] * 2

    def test_rules_that_no_stand_in_fits_are_left_out_and_it_says_so(self, real: Parser) -> None:
        rule = "  unix type={{.Type}} protocol={{.P}},\n"
        found = proof(PROFILE.replace("  umount,\n", rule), real)
        assert found.verdict is Verdict.PROVED
        assert "without 1 rule" in found.reason


class TestRefuted:
    def refuted(self, content: str, real: Parser, change: Callable[[Edit], Edit]) -> Proof:
        found = proof(content, real, change)
        assert found.verdict is Verdict.REFUTED, found
        assert found.by == real.name
        return found

    def test_another_family(self, real: Parser) -> None:
        found = self.refuted(PROFILE, real, written("  deny network inet,\n"))
        assert len(found.after) == 6
        assert all("\\x0e\\x00\\x02" in line for line in found.after)

    def test_a_rule_too_much(self, real: Parser) -> None:
        for extra in ("deny network inet,", "/x r,", "deny ptrace,", "signal,"):
            found = self.refuted(PROFILE, real, written(f"  deny network alg,\n  {extra}\n"))
            assert found.after

    def test_a_capability_too_much(self, real: Parser) -> None:
        """No listing shows a capability; the compiled profile does."""
        for extra in ("deny capability chown,", "set rlimit nofile <= 5,"):
            content = PROFILE.replace("  capability,\n", "")
            found = self.refuted(content, real, written(f"  deny network alg,\n  {extra}\n"))
            assert "flags, capabilities or limits" in found.reason

    def test_a_rule_behind_a_comment_mark(self, real: Parser) -> None:
        found = self.refuted(PROFILE, real, written("  # deny network alg,\n"))
        assert "still allows" in found.reason

    def test_a_rule_that_joins_a_comment(self, real: Parser) -> None:
        content = PROFILE.replace("  network,\n", "  network, # all\n")
        at = content.index(" # all") + len(" # all")
        self.refuted(content, real, lambda edit: Edit(at, b" deny network alg,"))

    def test_in_a_child_profile(self, real: Parser) -> None:
        content = PROFILE.replace("  umount,\n", "  profile y {\n    /bin/x r,\n  }\n  umount,\n")
        at = content.index("/bin/x r,\n") + len("/bin/x r,\n")
        self.refuted(content, real, lambda edit: Edit(at, b"  deny network alg,\n"))

    def test_in_another_profile(self, real: Parser) -> None:
        content = PROFILE + PROFILE.replace("profile x", "profile y").replace("  network,\n", "")
        at = content.index("  capability", content.index("profile y"))
        self.refuted(content, real, lambda edit: Edit(at, b"  deny network alg,\n"))

    def test_in_a_qualifier_block(self, real: Parser) -> None:
        content = PROFILE.replace("  umount,\n", "  audit {\n    /x r,\n  }\n")
        at = content.index("    /x r,\n")
        self.refuted(content, real, lambda edit: Edit(at, b"    deny network alg,\n"))

    def test_in_one_branch_alone(self, real: Parser) -> None:
        content = PROFILE.replace("  umount,\n", "{{if .A}}\n  umount,\n{{end}}\n")
        at = content.index("  umount,\n")
        self.refuted(content, real, lambda edit: Edit(at, b"  deny network alg,\n"))

    def test_one_type_alone(self, real: Parser) -> None:
        self.refuted(PROFILE, real, written("  deny network alg stream,\n"))

    def test_nothing_at_all(self, real: Parser) -> None:
        self.refuted(PROFILE, real, written("\n"))

    def test_what_does_not_compile(self, real: Parser) -> None:
        found = self.refuted(PROFILE, real, written("  deny network alg\n"))
        assert "compiles no longer" in found.reason

    def test_behind_the_profile(self, real: Parser) -> None:
        self.refuted(PROFILE, real, lambda edit: Edit(len(PROFILE), b"deny network alg,\n"))

    def test_everything_denied(self, real: Parser) -> None:
        self.refuted(PROFILE, real, written("  deny network,\n"))


class TestNotProvable:
    def test_the_parser_says_why_and_where(self, real: Parser) -> None:
        content = "\n\n" + PROFILE.replace("  umount,\n", "  mount ... and so on,\n")
        found = proof(content, real)
        assert found.verdict is Verdict.NOT_PROVABLE
        assert "does not compile without the edit either" in found.reason
        assert "line 5 of the profile" in found.reason

    def test_newer_grammar(self, real: Parser) -> None:
        if real.version.startswith("4"):
            pytest.skip("this parser may know it")
        content = PROFILE.replace("  network,\n", "  priority=1 network,\n")
        assert proof(content, real).verdict is Verdict.NOT_PROVABLE

    def test_what_the_parser_drops(self, real: Parser) -> None:
        """3.0.8 drops network rules in ``if`` blocks: nothing that it compiles was open."""
        if not real.version.startswith("3."):
            pytest.skip("newer parsers keep them")
        content = PROFILE.replace("  network,\n", "  if $x {\n  network,\n  }\n")
        found = proof(content, real)
        assert found.verdict is Verdict.NOT_PROVABLE
        assert "reading and compiling disagree" in found.reason


def test_what_was_compiled_is_not_compiled_again(real: Parser) -> None:
    content = PROFILE.replace("profile x", "profile only-here")
    runs = real.runs
    proof(content, real)
    assert real.runs == runs + 2
    proof(content, real)
    assert real.runs == runs + 2

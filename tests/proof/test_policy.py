"""What is compiled differs by the denies of the family and by nothing else, or it is refuted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from patcher import Edit, hosts
from patcher.migrations import Migration, builtin, choose
from patcher.proof import parser, policy
from patcher.proof.compiled import Compiled, Socket
from patcher.proof.parser import Outcome, Parser
from patcher.results import Proof, Verdict
from tests.proof.features import without_sockets
from tests.unproved import unproved

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
    result = unproved(path, old, migrations=migrations, profiles="all", **options)
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
    found = policy.prove(hosts.read(path, old), hosts.read(path, new), findings, migrations, real)
    return [proof for proof in found if proof is not None]


def prove(old: str, new: str, real: Parser, path: str = "x.tmpl") -> list[Proof]:
    """The proofs of the engine's edits, where the file comes out as ``new``."""
    result = unproved(path, old.encode(), migrations=choose())
    before, after = (hosts.read(path, text.encode()) for text in (old, new))
    found = policy.prove(before, after, result.findings, choose(), real)
    return [proof for proof in found if proof is not None]


def patched(content: str, path: str = "x.tmpl") -> str:
    return unproved(path, content.encode(), migrations=choose()).content.decode()


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
            PROFILE.replace("  umount,\n", "{{range .Imports}}\n  {{.}}\n{{end}}\n  umount,\n"),
            PROFILE.replace("  umount,\n", "  {{.Extra}}\n  umount,\n  {{.More}},\n"),
            PROFILE.replace("  umount,\n", "  signal (receive) peer={{.Daemon}},\n"),
            PROFILE.replace("  umount,\n", "  {{.Root}}/lib/** r,\n  /x/{{.Y}}/** {{.Mode}},\n"),
            PROFILE.replace(
                "  umount,\n", "  #include <abstractions/base>\n  include if exists <x>\n"
            ),
            PROFILE.replace("  umount,\n", "  @{own}/x r,\n  /y/@{own} r,\n  @{HOME}/@{pid} w,\n"),
            PROFILE.replace("profile x", "abi <abi/3.0>,\n@{own}=/a /b\nprofile x"),
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
            "func() {\n  capability,\n" + PROFILE + "  ptrace,\n}\n",
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

    def test_flags(self, real: Parser) -> None:
        at = PROFILE.index("attach_disconnected")
        found = self.refuted(PROFILE, real, lambda edit: Edit(at, b"complain,"))
        assert "flags, capabilities or limits of x differ" in found.reason

    def test_the_name(self, real: Parser) -> None:
        at = PROFILE.index(" flags")
        self.refuted(PROFILE, real, lambda edit: Edit(at, b"y"))

    def test_a_comment_mark_before_a_rule(self, real: Parser) -> None:
        content = PROFILE.replace("  network,\n", "  network,\n  deny network inet,\n")
        found = self.refuted(content, real, written("  deny network alg, #"))
        assert "more is compiled differently" in found.reason
        assert found.before

    def test_a_profile_too_much(self, real: Parser) -> None:
        for extra in ("}\nprofile y {\n", "profile y {\n}\n"):
            self.refuted(PROFILE, real, written(f"  deny network alg,\n{extra}"))

    def test_a_choice_of_the_template(self, real: Parser) -> None:
        for extra in ("{{if .A}}deny network alg,{{end}}\n", "deny network {{.Family}},\n"):
            self.refuted(PROFILE, real, written(extra))

    def test_in_a_child_profile_too_that_allows_the_family_on_purpose(self, real: Parser) -> None:
        """The listing has no other lines than it should, only more of them."""
        child = "  profile y {\n    network alg,\n  }\n"
        content = PROFILE.replace("  umount,\n", child)
        new = patched(content).replace(
            "network alg,\n  }", "network alg,\n    deny network alg,\n  }"
        )
        (found,) = prove(content, new, real)
        assert found.verdict is Verdict.REFUTED
        assert "x//y allows and denies other sockets than it should" in found.reason

    def test_a_text_of_the_file_that_was_not_there(self, real: Parser) -> None:
        content = f"package x\n\nconst a = `\n{PROFILE}`\n"
        right = patched(content, "x.go")
        (found,) = prove(content, right, real, "x.go")
        assert found.verdict is Verdict.PROVED
        (found,) = prove(content, right + content.partition("\n")[2], real, "x.go")
        assert found.verdict is Verdict.REFUTED
        assert found.reason == "the profiles are not the same with the edit"

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("  file,\n", "  file,\n  deny network alg,\n"),
            ("  file,\n", "  file,\n  /x r,\n"),
            ("  file,\n", "  deny file,\n"),
            ("profile y", "profile z"),
            ("profile y", "profile y flags=(complain)"),
            ("capability,\nptrace,\n", "capability,\nptrace,\nsignal,\n"),
            ("capability,\nptrace,\n", "deny capability,\nptrace,\n"),
            ("capability,\nptrace,\n", "capability,\n"),
            ("  mqueue,\n", "  mqueue,\n  deny mqueue,\n"),
        ],
    )
    def test_what_no_edit_is_for(self, old: str, new: str, real: Parser) -> None:
        around = "capability,\nptrace,\nprofile y {\n  network alg,\n  file,\n}\n"
        content = around + PROFILE + "profile open {\n  mqueue,\n"
        right = patched(content)
        assert [each.verdict for each in prove(content, right, real)] == [Verdict.PROVED]
        at = right.index("profile x")
        end = at + len(patched(PROFILE))
        wrong = right[:at].replace(old, new) + right[at:end] + right[end:].replace(old, new)
        assert wrong != right
        (found,) = prove(content, wrong, real)
        assert found.verdict is Verdict.REFUTED
        assert found.reason == "the profiles are not the same with the edit"


@dataclass
class Wrong(Parser):
    """The real parser, but for what it compiles a profile with the rule to; its listing is right.

    It stands for a parser, or a policy, of which the listing does not tell all."""

    change: Callable[[Compiled], Compiled] = lambda compiled: compiled

    def compile(self, policy: bytes, *, as_here: bool = False) -> Outcome:
        outcome = super().compile(policy, as_here=as_here)
        if b"profile known" in policy or b"deny network alg" not in policy:
            return outcome
        return outcome._replace(profiles=tuple(map(self.change, outcome.profiles)))


class TestTwoOfOneName:
    """The profiles of one name have one proof: the worst."""

    @pytest.mark.parametrize("first", [True, False])
    @pytest.mark.parametrize(
        ("other", "rule", "verdict"),
        [
            (PROFILE, "deny network alg,", Verdict.PROVED),
            (PROFILE, "deny network inet,", Verdict.REFUTED),
            (
                PROFILE.replace("umount,", "nonsense of it,"),
                "deny network alg,",
                Verdict.NOT_PROVABLE,
            ),
        ],
    )
    def test_verdict(
        self, first: bool, other: str, rule: str, verdict: Verdict, real: Parser
    ) -> None:
        wrong = patched(other).replace("deny network alg,", rule)
        pairs = ((PROFILE, patched(PROFILE)), (other, wrong))[:: 1 if first else -1]
        old, new = ("".join(texts) for texts in zip(*pairs, strict=True))
        assert [each.verdict for each in prove(old, new, real)] == [verdict] * 2


class TestWhatTheListingDoesNotShow:
    STREAM: Socket = (2, 1)
    """``inet stream`` (AF_INET, SOCK_STREAM)."""
    ALG: Socket = (38, 5)
    CONTENT = PROFILE.replace(
        "  umount,\n",
        "  deny network inet stream,\n  profile y {\n    network inet,\n    network alg,\n  }\n",
    )

    def verdict(self, real: Parser, name: str, change: Callable[[Compiled], Compiled]) -> Proof:
        wrong = Wrong(
            real.path,
            real.version,
            real.features,
            real.features_file,
            change=lambda compiled: change(compiled) if compiled.name == name else compiled,
        )
        return proof(self.CONTENT, wrong)

    def test_nothing_wrong(self, real: Parser) -> None:
        before = real.compile(self.CONTENT.replace("@{PROC}", "/proc").encode()).profiles
        assert [
            (each.name, self.STREAM in each.open, self.ALG in each.open) for each in before
        ] == [("x", False, True), ("x//y", True, True)]
        assert self.verdict(real, "x", lambda each: each).verdict is Verdict.PROVED

    @pytest.mark.parametrize("name", ["x", "x//y"])
    def test_other_sockets_are_denied(self, name: str, real: Parser) -> None:
        also = frozenset({(10, 1), self.STREAM})
        found = self.verdict(real, name, lambda each: each._replace(open=each.open - also))
        assert found.verdict is Verdict.REFUTED
        assert found.reason == f"{name} allows and denies other sockets than it should"

    @pytest.mark.parametrize(("name", "socket"), [("x", STREAM), ("x//y", (10, 1))])
    def test_other_sockets_are_opened(self, name: str, socket: Socket, real: Parser) -> None:
        found = self.verdict(real, name, lambda each: each._replace(open=each.open | {socket}))
        assert found.verdict is Verdict.REFUTED
        assert found.reason == f"{name} allows and denies other sockets than it should"

    def test_the_family_is_denied_where_no_edit_is(self, real: Parser) -> None:
        found = self.verdict(real, "x//y", lambda each: each._replace(open=each.open - {self.ALG}))
        assert found.verdict is Verdict.REFUTED
        assert found.reason == "x//y allows and denies other sockets than it should"

    def test_the_family_is_still_open(self, real: Parser) -> None:
        found = self.verdict(real, "x", lambda each: each._replace(open=each.open | {self.ALG}))
        assert found.verdict is Verdict.REFUTED
        assert found.reason == "as compiled, x still allows the family"

    @pytest.mark.parametrize("name", ["x", "x//y"])
    def test_sockets_are_no_longer_mediated(self, name: str, real: Parser) -> None:
        found = self.verdict(real, name, lambda each: each._replace(mediated=False))
        assert found.verdict is Verdict.REFUTED
        assert found.reason == f"flags, capabilities or limits of {name} differ"

    @pytest.mark.parametrize("name", ["x", "x//y"])
    def test_something_else_differs(self, name: str, real: Parser) -> None:
        found = self.verdict(real, name, lambda each: each._replace(rest=(*each.rest, "more")))
        assert found.verdict is Verdict.REFUTED
        assert found.reason == f"flags, capabilities or limits of {name} differ"

    @pytest.mark.parametrize("name", ["x", "x//y"])
    def test_a_profile_has_another_name(self, name: str, real: Parser) -> None:
        found = self.verdict(real, name, lambda each: each._replace(name="z"))
        assert found.verdict is Verdict.REFUTED
        assert found.reason == "other profiles are compiled"


class TestNotProvable:
    def test_the_parser_says_why_and_where(self, real: Parser) -> None:
        content = "\n\n" + PROFILE.replace("  umount,\n", "  mount ... and so on,\n")
        found = proof(content, real)
        assert found.verdict is Verdict.NOT_PROVABLE
        assert "does not compile without the edit either" in found.reason
        assert "line 5 of the profile" in found.reason

    def test_features_that_do_not_speak_of_sockets(
        self, real: Parser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What is compiled for such an ABI is the same with the rule and without it."""
        features = tmp_path / without_sockets(tmp_path, monkeypatch)
        found = proof(PROFILE, Parser(real.path, real.version, "none", features))
        assert found.verdict is Verdict.NOT_PROVABLE
        assert found.reason == "it compiles no network rules"

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
    parser = Parser(real.path, real.version, real.features, real.features_file)
    proof(PROFILE, parser)
    runs = parser.runs
    proof(PROFILE, parser)
    assert parser.runs == runs
    proof(PROFILE.replace("profile x", "profile only-here"), parser)
    assert parser.runs == runs + 2


@pytest.mark.parametrize("flags", ["({{.Flags}})", "(attach_disconnected,mediate_deleted,${MODE})"])
def test_under_flags_that_a_template_fills_in_no_rule_may_count(flags: str, real: Parser) -> None:
    (found,) = proofs(PROFILE.replace("(attach_disconnected,mediate_deleted)", flags), real)
    assert found.verdict is Verdict.NOT_PROVABLE
    assert "which flags it has is up to its template" in found.reason


class TestAbi:
    """Under some ABIs no network rule is compiled, so that a deny does nothing."""

    @pytest.mark.parametrize("path", ["x.tmpl", "x.go", "x.profile"])
    @pytest.mark.parametrize("name", ["kernel-5.4-vanilla", "kernel-5.4-outoftree-network"])
    def test_one_that_does_not_mediate_sockets(self, path: str, name: str, real: Parser) -> None:
        if not Path(f"/etc/apparmor.d/abi/{name}").exists():
            pytest.skip("that ABI is not here")
        content = f"abi <abi/{name}>,\n{PROFILE}"
        if path == "x.go":
            content = f"package x\n\nconst p = `\n{content}`\n"
        (found,) = proofs(content, real, path=path)
        assert found.verdict is Verdict.NOT_PROVABLE
        assert found.reason.startswith(f"abi/{name} does not mediate sockets")

    @pytest.mark.parametrize("abi", ["abi <abi/3.0>,", "{{if .A}}abi <abi/3.0>,{{end}}", "# abi"])
    def test_one_that_does(self, abi: str, real: Parser) -> None:
        (found,) = proofs(f"{abi}\n{PROFILE}", real)
        assert found.text == f"proved by {real.name}"

    @pytest.mark.parametrize(
        ("name", "why"),
        [("5.0", "is not on this system"), ("{{.Abi}}", "is up to its template")],
    )
    def test_one_that_is_not_here(self, name: str, why: str, real: Parser) -> None:
        if Path(f"/etc/apparmor.d/abi/{name}").exists():
            pytest.skip("that ABI is here")
        (found,) = proofs(f"abi <abi/{name}>,\n{PROFILE}", real)
        assert found.verdict is Verdict.PROVED
        assert why in found.reason

    @pytest.mark.parametrize("abis", ["abi <abi/99.0>,", "abi <abi/3.0>,\nabi <abi/site>,"])
    def test_one_of_which_nothing_is_known(self, abis: str, real: Parser) -> None:
        (found,) = proofs(f"{abis}\n{PROFILE}", real)
        assert found.verdict is Verdict.NOT_PROVABLE
        assert "is not on this system" in found.reason


@pytest.mark.parametrize("rule", ["userns,", "userns create,", "audit mqueue r type=posix,"])
def test_rules_newer_than_the_parser_are_left_out(rule: str, real: Parser) -> None:
    (found,) = proofs(PROFILE.replace("  umount,\n", f"  umount,\n  {rule}\n"), real)
    assert found.verdict is Verdict.PROVED
    if real.version.startswith("3."):
        keyword = rule.removeprefix("audit ").split(",")[0].split()[0]
        assert found.reason == f"without its {keyword} rules, which this parser does not know"


def test_several_rules_are_left_out_and_nothing_else(real: Parser) -> None:
    filled = "  {{.Kind}} inet stream,\n  dbus {{.How}} {{.What}} x,\n  {{.Kind}} a b c,\n"
    (found,) = proofs(PROFILE.replace("  umount,\n", f"{filled}  /x r,\n"), real)
    assert found.verdict is Verdict.PROVED
    assert found.reason == "without 3 rules that template actions fill in"


def test_a_carriage_return_is_compiled(real: Parser) -> None:
    """A lone one in the middle of a line, which no parser takes."""
    (found,) = proofs(PROFILE.replace("  file,\n", "  file\r,\n"), real, path="x.profile")
    assert found.verdict is Verdict.NOT_PROVABLE

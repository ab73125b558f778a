"""Proofs through the command line: --proof on diff and apply, and verify."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from click.testing import CliRunner, Result

from patcher.cli import group
from patcher.proof import parser
from tests.schemas import described

if TYPE_CHECKING:
    from tests.conftest import Sandbox

BRANCH = "patcher/deny-af-alg"
there = pytest.mark.skipif(not parser.installed(), reason="apparmor_parser is not installed")


def patcher(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(group, [str(argument) for argument in arguments])
    if not isinstance(result.exception, SystemExit | None):
        raise result.exception
    return result


def report(*arguments: str | Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(patcher(*arguments, "--format", "json").stdout)
    schema = Path(parser.__file__).parent.parent / "reports" / "schema.json"
    jsonschema.validate(found, json.loads(schema.read_text()))
    return found


def wrapped(place: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """The real parser, in whose place a script decides; ``$policy`` is what it is to compile and
    ``real`` compiles it."""
    real = parser.find()
    program = place / "apparmor_parser"
    program.write_text(
        f'#!/bin/sh\nreal() {{ {real} "$@" < "$policy"; }}\n'
        f'case "$*" in --version) exec {real} --version;; esac\n'
        f'policy=mine; cat > "$policy"\n{script}\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv(parser.ENVIRONMENT, str(program))


def messages(sandbox: Sandbox, place: Path) -> str:
    return sandbox.git(place, "log", "-1", "--format=%B", BRANCH)


def branches(sandbox: Sandbox, place: Path) -> list[str]:
    return sandbox.git(place, "branch", "--format=%(refname:short)").split()


@there
def test_the_verdict_stands_in_message_table_and_json(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    by = parser.usable().name
    result = patcher("apply", "--proof", "require", "--signoff", place)
    assert result.exit_code == 0
    assert f"; proved by {by}\n" in result.stdout
    trailers = messages(sandbox, place).rpartition("\n\n")[2].splitlines()
    assert trailers[0] == f"Policy-Proof: proved by {by}"
    assert trailers[1].startswith("Patcher-Migration: deny-af-alg (on base, ")
    assert trailers[2:] == ["Signed-off-by: A Tester <tester@example.org>"]
    proof = {"verdict": "proved", "by": by, "reason": "", "before": [], "after": []}
    (target,) = report("diff", place)["targets"]
    assert target["findings"][0]["proof"] == proof
    (target,) = report("diff", "--proof", "off", place)["targets"]
    assert target["findings"][0]["proof"] is None
    (target,) = report("scan", place)["targets"]
    assert target["findings"][0]["proof"] is None


def test_off_asks_nobody(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "apparmor_parser"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\n")
    program.chmod(0o755)
    monkeypatch.setenv(parser.ENVIRONMENT, str(program))
    place = sandbox.repository()
    assert patcher("apply", "--proof", "off", place).exit_code == 0
    assert "Policy-Proof" not in messages(sandbox, place)
    assert not (tmp_path / "asked").exists()


def test_no_parser(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parser, "_FOLDERS", (str(tmp_path),))
    place = sandbox.repository()
    result = patcher("apply", "--proof", "require", place)
    assert result.exit_code == 3
    assert result.stderr == "patcher: apparmor_parser is not installed\n"
    assert branches(sandbox, place) == ["main"]
    other = sandbox.repository("other")
    result = patcher("apply", place, other)
    assert result.exit_code == 0
    note = "patcher: apparmor_parser is not installed, so edits are not compiled (--proof auto)\n"
    assert result.stderr == note
    assert "Policy-Proof" not in messages(sandbox, place)
    assert patcher("diff", "--proof", "off", place).stderr == ""
    assert patcher("scan", place).stderr == ""


@pytest.mark.parametrize("command", [["diff"], ["apply", "--proof", "require"], ["verify"]])
def test_a_parser_that_is_named_must_be_there(
    command: list[str], sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = tmp_path / "none"
    monkeypatch.setenv(parser.ENVIRONMENT, str(named))
    place = sandbox.repository()
    result = patcher(*command, place)
    assert result.exit_code == 3
    assert result.stderr == f"patcher: {named} (of {parser.ENVIRONMENT}) is no program\n"
    assert branches(sandbox, place) == ["main"]
    assert patcher("diff", "--proof", "off", place).exit_code == 1


@there
class TestWhatIsNotProved:
    """One repository has a profile that the parser treats badly, another does not."""

    def run(
        self, sandbox: Sandbox, *options: str, profile: str | None = None
    ) -> tuple[Result, Path, Path]:
        bad = sandbox.repository("bad", {"victim": profile or sandbox.profile("victim")})
        good = sandbox.repository("good")
        return patcher("apply", *options, bad, good), bad, good

    def refused(self, result: Result, sandbox: Sandbox, bad: Path, good: Path) -> str:
        """Nothing on the one, everything on the other, and one line."""
        assert result.exit_code == 3
        assert branches(sandbox, bad) == ["main"]
        assert "Policy-Proof: proved by" in messages(sandbox, good)
        (line,) = result.stderr.splitlines()
        assert line.startswith(f"patcher: {bad} main: victim:2: ")
        return line

    @pytest.mark.parametrize(
        ("script", "why"),
        [
            ("kill -SEGV $$", "ended by SIGSEGV"),
            ("sleep 60", "did not end within"),
            ("head -c 9999 /dev/urandom; exit 0", "cannot be read"),
            ("echo 'AppArmor parser error at line 9: no' >&2; exit 1", "line 8 of the profile: no"),
            ("exit 7", "ended with status 7"),
        ],
    )
    def test_require(
        self,
        script: str,
        why: str,
        sandbox: Sandbox,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        wrapped(
            tmp_path,
            monkeypatch,
            f'if grep -q "profile victim" mine; then {script}; else real "$@"; fi',
        )
        parser.usable()
        monkeypatch.setattr(parser, "_SECONDS", 1.0)
        result, bad, good = self.run(sandbox, "--proof", "require")
        line = self.refused(result, sandbox, bad, good)
        assert why in line
        assert "not provable by" in line

    def test_auto_commits_and_says_so(
        self, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        script = 'if grep -q "profile victim" mine; then kill -SEGV $$; else real "$@"; fi'
        wrapped(tmp_path, monkeypatch, script)
        result, bad, good = self.run(sandbox)
        assert result.exit_code == 0
        assert "Policy-Proof: not provable by" in messages(sandbox, bad)
        assert "(victim:2)" in messages(sandbox, bad)
        assert "Policy-Proof: proved by" in messages(sandbox, good)

    @pytest.mark.parametrize("mode", ["auto", "require"])
    def test_what_is_refuted_is_never_committed(
        self, mode: str, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        wrapped(
            tmp_path,
            monkeypatch,
            'if grep -q "profile victim" mine && grep -q "deny network" mine; '
            "then echo 'rule: not asked for' >&2; fi; real \"$@\"",
        )
        result, bad, good = self.run(sandbox, "--proof", mode)
        line = self.refused(result, sandbox, bad, good)
        assert "refuted by" in line
        assert "needs review" in result.stdout
        assert "compiled only with it: rule: not asked for" in result.stdout
        found = json.loads(patcher("diff", "--format", "json", bad).stdout)["targets"][0]
        assert found["files"] == []
        (finding,) = found["findings"]
        assert finding["status"] == "under_investigation"
        assert finding["edit"] is None
        assert finding["proof"]["verdict"] == "refuted"
        assert "rule: not asked for" in finding["proof"]["after"]

    def test_of_two_in_one_file_the_proved_one_is_committed(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        broken = sandbox.profile("broken").replace("  umount,\n", "  mount ... and so on,\n")
        place = sandbox.repository(files={"both": sandbox.profile("whole") + broken})
        result = patcher("apply", "--proof", "require", place)
        assert result.exit_code == 3
        assert "both:12: not provable by" in result.stderr
        text = sandbox.show(place, f"{BRANCH}:both")
        assert text == sandbox.fixed(sandbox.profile("whole")) + broken


@there
class TestVerify:
    def test_files_outside_git(self, sandbox: Sandbox, tmp_path: Path) -> None:
        folder = tmp_path / "policies"
        folder.mkdir()
        (folder / "open").write_text(sandbox.profile("open"))
        (folder / "fixed").write_text(sandbox.fixed(sandbox.profile("fixed")))
        (folder / "none").write_text("profile none {\n  /x r,\n}\n")
        (folder / "hosts").write_text("127.0.0.1 localhost\n")
        result = patcher("verify", folder)
        assert result.exit_code == 1
        rows = [line.split() for line in result.stdout.splitlines()]
        assert [row[1:3] for row in rows[:3]] == [
            ["fixed", "denied"],
            ["none", "denied"],
            ["open", "allowed"],
        ]
        assert "3 profiles: 1 allowed, 2 denied.\n" in result.stdout
        assert f"Compiled by {parser.usable().name}.\n" in result.stdout
        assert patcher("verify", folder / "fixed", folder / "none").exit_code == 0

    def test_a_repository_at_its_bases(self, sandbox: Sandbox) -> None:
        place = sandbox.repository(files={"x.tmpl": sandbox.profile("{{.Name}}")})
        patcher("apply", place)
        assert patcher("verify", place).exit_code == 1
        result = patcher("verify", "--base", BRANCH, place)
        assert result.exit_code == 0
        assert "{{.Name}}  denied" in result.stdout

    def test_where_reading_and_compiling_disagree(self, sandbox: Sandbox, tmp_path: Path) -> None:
        """In complain mode, a deny that is logged denies nothing."""
        file = tmp_path / "x.profile"
        profile = sandbox.profile("x").replace("network,", "network,\n  audit deny network alg,")
        file.write_text(profile.replace("flags=(", "flags=(complain,"))
        result = patcher("verify", "--format", "json", file)
        assert result.exit_code == 1
        (found,) = json.loads(result.stdout)["profiles"]
        assert found["compiled"] == "allowed"
        assert found["disagree"] is (found["reading"] == "fixed")

    def test_json_and_its_lines_are_what_the_schema_says(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        place = sandbox.repository(files={"x.tmpl": sandbox.profile("{{.Name}}"), "y": "network,"})
        (tmp_path / os.fsdecode(b"\xff")).write_text(sandbox.profile("z"))
        (tmp_path / "pipe").symlink_to("pipe")
        words = ("verify", place, tmp_path / os.fsdecode(b"\xff"), tmp_path / "pipe")
        done = patcher(*words, "--format", "json")
        assert done.exit_code == 3
        document = json.loads(done.stdout)
        described("verify", "document", document)
        assert len(document["profiles"]) >= 2
        assert len(document["errors"]) == document["totals"]["failed"] == 1
        *lines, last = map(json.loads, patcher(*words, "--format", "jsonl").stdout.splitlines())
        for line in lines:
            described("verify", "error_line" if "error" in line else "profile_line", line)
        described("verify", "totals_line", last)
        head = {key: document[key] for key in ("schema", "parser")}
        assert lines == [{**head, **each} for each in document["profiles"] + document["errors"]]
        assert last == {**head, **{key: document[key] for key in ("migrations", "totals")}}

    def test_a_deny_that_a_qualifier_block_swallows(self, sandbox: Sandbox, tmp_path: Path) -> None:
        file = tmp_path / "x"
        block = "  network,\n  audit {\n    deny network alg,\n  }\n"
        file.write_text(sandbox.profile("x").replace("  network,\n", block))
        result = patcher("verify", file)
        assert result.exit_code == 1
        assert "allowed" in result.stdout

    def test_in_one_branch_of_a_template_alone(self, sandbox: Sandbox, tmp_path: Path) -> None:
        file = tmp_path / "x.tmpl"
        branch = "  network,\n{{if .Safe}}\n  deny network alg,\n{{end}}\n"
        file.write_text(sandbox.profile("x").replace("  network,\n", branch))
        result = patcher("verify", file)
        assert result.exit_code == 1
        assert "in some of the ways in which its template comes out" in result.stdout

    def test_what_does_not_compile_is_not_decidable(self, sandbox: Sandbox, tmp_path: Path) -> None:
        file = tmp_path / "x"
        file.write_text(sandbox.profile("x").replace("  umount,\n", "  mount ... and so on,\n"))
        result = patcher("verify", file)
        assert result.exit_code == 4
        assert "1 profile: 1 not decidable." in result.stdout
        assert "line 5 of the profile" in result.stdout

    def test_policy_without_network_rules_that_does_not_compile(self, tmp_path: Path) -> None:
        file = tmp_path / "x"
        file.write_text("profile x {\n  /x r,\n  mount ... and so on,\n}\n")
        result = patcher("verify", file)
        assert result.exit_code == 4
        assert "not decidable" in result.stdout

    def test_both_families(self, sandbox: Sandbox, tmp_path: Path) -> None:
        file = tmp_path / "x"
        file.write_text(sandbox.fixed(sandbox.profile("x")))
        result = patcher("verify", "-m", "deny-af-alg", "-m", "deny-af-vsock", file)
        assert result.exit_code == 1
        assert "2 profiles: 1 allowed, 1 denied." in result.stdout

    def test_utf16_is_not_passed_over(self, sandbox: Sandbox, tmp_path: Path) -> None:
        profile, other = sandbox.profile("x").encode("utf-16"), "nothing\n".encode("utf-16")
        (tmp_path / "plain").mkdir()
        for name, content in {"wide": profile, "other": other, "binary": b"network,\0"}.items():
            (tmp_path / "plain" / name).write_bytes(content)
        repository = sandbox.repository(files={"wide": profile, "other": other})
        for place, name in ((tmp_path / "plain", "plain/wide"), (repository, "main: wide")):
            result = patcher("verify", place)
            assert result.exit_code == 3
            (line,) = result.stderr.splitlines()
            assert line.endswith(f"{name}: UTF-16 text: convert it to UTF-8 first")

    def test_failures(self, tmp_path: Path, sandbox: Sandbox) -> None:
        result = patcher("verify", tmp_path / "missing", sandbox.repository())
        assert result.exit_code == 3
        assert "missing: No such file or directory" in result.stderr
        assert "1 profile: 1 allowed." in result.stdout

    def test_a_failure_names_the_repository(self, sandbox: Sandbox) -> None:
        place = sandbox.repository(files={"a": sandbox.profile()})
        blob = sandbox.git(place, "rev-parse", "HEAD:a").strip()
        (place / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
        assert f"patcher: {place} main: a: " in patcher("verify", place).stderr


@there
class TestNotDecidable:
    """What verify cannot know is neither denied nor exit status 0."""

    def verified(self, *arguments: str | Path) -> tuple[int, list[dict[str, Any]]]:
        result = patcher("verify", "--format", "json", *arguments)
        assert result.exit_code in (0, 1, 4), result.stderr
        return result.exit_code, json.loads(result.stdout)["profiles"]

    def answer(self, tmp_path: Path, name: str, text: str) -> tuple[int, str, str]:
        """Exit status, answer and reason for a file of one profile."""
        file = tmp_path / name
        file.write_text(text)
        code, (profile,) = self.verified(file)
        assert code == {"denied": 0, "allowed": 1, "not decidable": 4}[profile["compiled"]]
        return code, profile["compiled"], profile["reason"]

    @pytest.mark.parametrize(
        ("rules", "answer"),
        [
            ("include <abstractions/lxc/container-base>", "not decidable"),
            ("include <abstractions/lxc/container-base>\n  deny network alg,", "denied"),
            ("include <abstractions/lxc/container-base>\n  network,", "allowed"),
            ("include if exists <local/x>", "denied"),
            ("include <abstractions/base>", "denied"),
            ('include "/etc/apparmor.d/abstractions/nameservice"', "denied"),
            ("include <../../../etc/passwd>", "not decidable"),
            ("#include <abstractions/{{.Name}}>", "not decidable"),
        ],
    )
    def test_includes(self, rules: str, answer: str, tmp_path: Path) -> None:
        head = "include <tunables/global>\n" if Path("/etc/apparmor.d/tunables").exists() else ""
        text = f"{head}profile x {{\n  {rules}\n  /x r,\n}}\n"
        assert self.answer(tmp_path, "x", text)[1] == answer

    def test_an_include_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        _, _, reason = self.answer(tmp_path, "x", "profile x {\n  include <abstractions/mine>\n}\n")
        assert "`include <abstractions/mine>`" in reason

    def test_includes_of_the_same_directory_tree(self, tmp_path: Path) -> None:
        tree = tmp_path / "etc" / "apparmor.d"
        (tree / "abstractions" / "lxc").mkdir(parents=True)
        (tree / "abstractions" / "lxc" / "container-base").write_text("  network,\n  /y r,\n")
        text = "profile x {\n  include <abstractions/lxc/container-base>\n}\n"
        assert self.answer(tree, "lxc-default", text)[1] == "allowed"
        denying = text.replace("}", "  deny network alg,\n}")
        assert self.answer(tree, "lxc-default", denying)[1] == "denied"

    @pytest.mark.parametrize("layout", ["", "apparmor.d/", "profiles/apparmor.d/"])
    def test_includes_of_the_same_repository(self, layout: str, sandbox: Sandbox) -> None:
        head = "profile %s {\n  include <abstractions/own>\n  network inet,\n}\n"
        place = sandbox.repository(
            files={
                "apparmor.d/one": head % "one",
                f"{layout}abstractions/own": "  include if exists <abstractions/more>\n",
                f"{layout}abstractions/more": "  network,\n",
            }
        )
        code, found = self.verified(place)
        answers = {profile["profile"]: profile["compiled"] for profile in found}
        assert (code, answers["one"]) == (1, "allowed")

    def test_an_include_that_a_repository_lacks(self, sandbox: Sandbox) -> None:
        text = "profile x {\n  network inet,\n  include if exists <local/x>\n}\n"
        place = sandbox.repository(files={"x": text})
        code, (profile,) = self.verified(place)
        assert (code, profile["compiled"]) == (4, "not decidable")

    @pytest.mark.parametrize(
        ("rules", "answer"),
        [
            ("{{.Rules}}", "not decidable"),
            ("{{range .Rules}}{{.}}{{end}}", "not decidable"),
            ("network {{.Family}},", "not decidable"),
            ("{{.Deny}} network,", "not decidable"),
            ("{{.Rules}}\n  deny network alg,", "denied"),
            ("{{.Rules}}\n  network,", "allowed"),
            ("{{if .Safe}}deny network alg,{{end}}", "denied"),
            ("deny {{.Path}} w,", "denied"),
            ("{{.Path}} w,", "denied"),
            ("{{.Kind}} inet stream,", "not decidable"),
            ("{{.Kind}} inet stream,\n  deny network alg,", "denied"),
        ],
    )
    def test_template_actions(self, rules: str, answer: str, tmp_path: Path) -> None:
        text = f"profile x {{\n  {rules}\n  network inet,\n}}\n"
        assert self.answer(tmp_path, "x.tmpl", text)[1] == answer

    def test_an_expression_of_a_program(self, tmp_path: Path) -> None:
        text = "const p = `\nprofile x {\n  ${on ? 'network,' : ''}\n  network inet,\n}\n`;\n"
        assert self.answer(tmp_path, "x.js", text)[1] == "not decidable"

    @pytest.mark.parametrize("path", ["x", "x.tmpl", "x.go"])
    @pytest.mark.parametrize(
        ("abi", "why"),
        [
            ("kernel-5.4-vanilla", "abi/kernel-5.4-vanilla does not mediate sockets"),
            ("99.0", "abi/99.0 is not on this system"),
        ],
    )
    def test_an_abi(self, path: str, abi: str, why: str, sandbox: Sandbox, tmp_path: Path) -> None:
        if abi.startswith("kernel") and not Path(f"/etc/apparmor.d/abi/{abi}").exists():
            pytest.skip("that ABI is not here")
        text = f"abi <abi/{abi}>,\n" + sandbox.fixed(sandbox.profile("x"))
        if path == "x.go":
            text = f"package x\n\nconst p = `\n{text}`\n"
        _, answer, reason = self.answer(tmp_path, path, text)
        assert answer == "not decidable"
        assert reason.startswith(why)

    def test_features_that_are_not_pinned(
        self, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As upstream's own parser.conf has it."""
        (tmp_path / "parser.conf").write_text("#policy-features=/x\n")
        monkeypatch.setattr(parser, "_CONFIG", tmp_path / "parser.conf")
        fixed = sandbox.fixed(sandbox.profile("x"))
        _, answer, reason = self.answer(tmp_path, "x.tmpl", fixed)
        assert answer == "not decidable"
        assert reason.startswith("it has no abi rule, and parser.conf pins no features")
        if Path("/etc/apparmor.d/abi/3.0").exists():
            pinned = "abi <abi/3.0>,\n" + fixed
            assert self.answer(tmp_path, "x.tmpl", pinned)[1] == "denied"

    @pytest.mark.parametrize(
        ("flags", "rule", "answer"),
        [
            ("complain", "network inet,", "allowed"),
            ("complain", "deny network alg,", "denied"),
            ("complain", "audit deny network alg,", "allowed"),
            ("unconfined", "deny network alg,", "allowed"),
        ],
    )
    def test_modes(self, flags: str, rule: str, answer: str, tmp_path: Path) -> None:
        text = f"profile x flags=({flags}) {{\n  {rule}\n}}\n"
        assert self.answer(tmp_path, "x", text)[1] == answer

    def test_what_reading_finds_and_nobody_compiles(self, sandbox: Sandbox, tmp_path: Path) -> None:
        """A patch, whose lines are not the file's."""
        hunk = "".join(f"+{line}" for line in sandbox.profile("x").splitlines(keepends=True))
        file = tmp_path / "x.patch"
        file.write_text(f"--- a/x\n+++ b/x\n@@ -0,0 +1,{hunk.count('+')} @@\n{hunk}")
        code, found = self.verified(file)
        assert code != 0
        assert {profile["profile"] for profile in found} == {"x"}


def test_verify_without_a_parser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parser, "_FOLDERS", (str(tmp_path),))
    result = patcher("verify", tmp_path)
    assert result.exit_code == 3
    assert result.stderr == "patcher: apparmor_parser is not installed\n"


@there
def test_verify_says_what_it_did_not_read(sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "docker-default.profile"
    file.write_text(sandbox.profile())
    result = patcher("verify", "--max-size", "10", file)
    assert result.exit_code == 3
    assert f"{file}: is over the limit of 10 bytes" in result.stderr
    assert patcher("verify", file).exit_code == 1


@there
def test_verify_takes_bases_as_scan_does(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    assert patcher("verify", "--base", "release/*", place).exit_code == 2
    named = patcher("verify", "--base", "release/1", "--base", "main", place)
    assert named.exit_code == 3
    assert "no branch, tag or commit matches --base 'release/1'" in named.stderr
    assert "docker-default" in named.stdout

"""Proofs through the command line: --proof on diff and apply, and verify."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from click.testing import CliRunner, Result

from patcher.cli import group
from patcher.proof import parser

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
    assert messages(sandbox, place).endswith(
        f"\n\nPolicy-Proof: proved by {by}\nSigned-off-by: A Tester <tester@example.org>"
    )
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
    assert patcher("apply", place).exit_code == 0
    assert "Policy-Proof" not in messages(sandbox, place)


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
        assert "look at it" in result.stdout
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
        """An ABI in which sockets are not mediated: the deny is there, and does nothing."""
        if not Path("/etc/apparmor.d/abi/kernel-5.4-vanilla").exists():
            pytest.skip("that ABI is not here")
        file = tmp_path / "x.profile"
        text = sandbox.fixed(sandbox.profile("x"))
        file.write_text("abi <abi/kernel-5.4-vanilla>,\n@{PROC}=/proc/\n" + text)
        result = patcher("verify", "--format", "json", file)
        assert result.exit_code == 1
        found = json.loads(result.stdout)
        (profile,) = found["profiles"]
        assert (profile["compiled"], profile["reading"]) == ("allowed", "fixed")
        assert profile["disagree"] is True
        assert found["totals"]["disagree"] == 1
        assert "disagree about 1" in patcher("verify", file).stdout

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

    def test_what_an_include_carries(self, tmp_path: Path) -> None:
        if not Path("/etc/apparmor.d/abstractions/nameservice").exists():
            pytest.skip("there are no abstractions here")
        file = tmp_path / "x"
        file.write_text("include <tunables/global>\nprofile x {\n  include <abstractions/X>\n}\n")
        assert patcher("verify", file).exit_code == 0

    def test_what_does_not_compile_is_said(self, sandbox: Sandbox, tmp_path: Path) -> None:
        file = tmp_path / "x"
        file.write_text(sandbox.profile("x").replace("  umount,\n", "  mount ... and so on,\n"))
        result = patcher("verify", file)
        assert result.exit_code == 0
        assert "not compiled" in result.stdout
        assert "line 5 of the profile" in result.stdout

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
    assert patcher("verify", "--base", "release/*", place).exit_code == 0
    named = patcher("verify", "--base", "release/1", "--base", "main", place)
    assert named.exit_code == 3
    assert "no branch, tag or commit matches --base 'release/1'" in named.stderr
    assert "docker-default" in named.stdout

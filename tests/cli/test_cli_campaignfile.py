"""``patcher init``, and what a campaign file does to the commands."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from patcher.cli import group
from tests.conftest import Sandbox

NOT_ASKED = "so it is not run unasked: `patcher apply --file patcher.yaml` runs it"


def patcher(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(group, [str(each) for each in arguments])
    if not isinstance(result.exception, SystemExit | None):
        raise result.exception
    return result


def branches(sandbox: Sandbox, place: Path) -> list[str]:
    return sandbox.git(place, "for-each-ref", "--format=%(refname:short)", "refs/heads").split()


@pytest.fixture
def place(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a repository, and no campaign file yet."""
    sandbox.repository()
    monkeypatch.chdir(sandbox.root)
    return sandbox.root / "fork"


def write(text: str, name: str = "patcher.yaml") -> str:
    Path(name).write_text(text)
    return name


def test_init_and_apply_are_a_campaign_and_a_second_run_changes_nothing(
    sandbox: Sandbox, place: Path
) -> None:
    sandbox.git(place, "branch", "release")
    done = patcher("init", "--base", "main", "--base", "release", "--proof", "off", "--signoff")
    assert done.exit_code == 0
    assert "`patcher apply` does it" in done.stderr
    done = patcher("apply")
    assert done.exit_code == 0, done.stderr
    made = ["main", "patcher/deny-af-alg", "patcher/deny-af-alg-release", "release"]
    assert branches(sandbox, place) == made
    assert "Signed-off-by: A Tester" in sandbox.git(place, "log", "-1", made[1])
    tips = sandbox.git(place, "for-each-ref")
    again = patcher("apply")
    assert again.exit_code == 0, again.stderr
    assert "0 committed, 2 up to date, 0 failed." in again.stdout
    assert sandbox.git(place, "for-each-ref") == tips
    status = patcher("status", "src", "--format", "jsonl").stdout
    assert len(status.splitlines()) == 2


@pytest.mark.parametrize("above", [".git", "fork"])
def test_a_file_that_others_may_have_written_is_not_run_unasked(
    sandbox: Sandbox, place: Path, above: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in a clone, nor in an unpacked archive: `apply` without a SOURCE means what is
    here."""
    if above == "fork":
        monkeypatch.chdir(place)
    write("sources: [.]\nproof: off\ncommits: {branch: theirs}\n")
    done = patcher("apply", "--proof", "off")
    assert (done.exit_code, done.stdout) == (2, "")
    assert NOT_ASKED in done.stderr
    assert branches(sandbox, place) == ["main"]
    assert patcher("apply", "--proof", "off", ".").exit_code == 0
    assert branches(sandbox, place) == ["main", "patcher/deny-af-alg"]
    assert patcher("apply", "--file", "patcher.yaml").exit_code == 0
    assert branches(sandbox, place) == ["main", "patcher/deny-af-alg", "theirs"]


def test_what_init_writes_in_a_clone_is_not_run_unasked(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkout may put another one in its place."""
    monkeypatch.chdir(place)
    done = patcher("init", "--proof", "off")
    assert "`patcher apply --file patcher.yaml` does it" in done.stderr
    done = patcher("apply")
    assert done.exit_code == 2
    assert f"patcher.yaml lies in a git repository, {NOT_ASKED}" in done.stderr


def test_a_file_that_everyone_may_write_to_is_not_run_unasked(place: Path) -> None:
    assert patcher("init", "--proof", "off", "fork").exit_code == 0
    Path("patcher.yaml").chmod(0o666)
    done = patcher("apply")
    assert done.exit_code == 2
    assert f"or everyone may write to it, {NOT_ASKED}" in done.stderr
    if os.geteuid() == 0:
        Path("patcher.yaml").chmod(0o644)
        os.chown("patcher.yaml", 4242, 4242)
        assert (
            f"is another user's, or everyone may write to it, {NOT_ASKED}"
            in patcher("apply").stderr
        )


def test_a_state_folder_that_cannot_be_used_is_one_line(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert patcher("init", "--proof", "off", "fork").exit_code == 0
    monkeypatch.setenv("PATCHER_STATE_DIR", "relative")
    for command in (("apply",), ("init", "--force", "--campaign", "c")):
        done = patcher(*command)
        assert done.exit_code == 3
        (line,) = done.stderr.splitlines()
        assert "PATCHER_STATE_DIR is 'relative', and needs to be an absolute path" in line


def test_an_update_makes_no_file_of_others_ones_own(place: Path) -> None:
    write("sources: [fork]  # theirs\n")
    assert patcher("init", "--update", "--docs").exit_code == 0
    assert Path("patcher.yaml").read_text() == "sources: [fork]  # theirs\ndocs: true\n"
    assert NOT_ASKED in patcher("apply").stderr


def test_init_does_not_touch_a_file_that_is_there(place: Path) -> None:
    write("mine")
    done = patcher("init")
    assert done.exit_code == 2
    assert "patcher.yaml is there already, and was not touched" in done.stderr
    assert "--update" in done.stderr
    assert "--force" in done.stderr
    assert Path("patcher.yaml").read_text() == "mine"
    assert patcher("init", "--update").exit_code == 2  # it is none
    assert Path("patcher.yaml").read_text() == "mine"
    assert patcher("init", "--force", "fork").exit_code == 0
    assert "\nsources:\n  - fork\n" in Path("patcher.yaml").read_text()


def test_init_names_no_campaign_that_there_is(place: Path) -> None:
    assert patcher("apply", "--proof", "off", "--campaign", "src", place).exit_code == 0
    assert patcher("init").exit_code == 0
    assert "\ncampaign: src-2\n" in Path("patcher.yaml").read_text()


def test_init_writes_no_password_and_no_wrong_option(place: Path) -> None:
    for arguments in (
        ["https://user:secret@example.org/x.git"],
        ["--pause", "soon"],
        ["--base", "https://user:secret@example.org/x.git"],
        ["--max-size", "0"],
        [b"caf\xe9".decode("utf-8", "surrogateescape")],
    ):
        done = patcher("init", *arguments)
        assert done.exit_code == 2, arguments
        assert "secret" not in done.output
        assert not os.path.lexists("patcher.yaml")


def test_a_file_elsewhere_says_where_things_are_from_there(
    sandbox: Sandbox, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (sandbox.root / "etc").mkdir()
    (sandbox.root / "message").write_text("Mine\n")
    arguments = ("init", "--file", "etc/c.yaml", "--message-file", "message", "--proof", "off")
    assert patcher(*arguments, "fork", "~/none", "--campaign", "c").exit_code == 0
    text = Path("etc/c.yaml").read_text()
    assert f"\n  - {place}\n" in text
    write("sources: [../fork]\nproof: off\ncommits: {message-file: ../message}\n", "etc/d.yaml")
    monkeypatch.chdir(sandbox.root / "etc")
    monkeypatch.chdir("/")
    assert patcher("apply", "--file", sandbox.root / "etc/d.yaml").exit_code == 0
    assert sandbox.git(place, "log", "-1", "--format=%s", "patcher/deny-af-alg") == "Mine"


def test_the_command_line_beats_the_file(sandbox: Sandbox, place: Path) -> None:
    other = sandbox.repository("other")
    Path("list").write_text("fork\n")
    Path("message").write_text("From the file\n")
    write(
        "campaign: c\nsources: [fork]\nlists: [list]\nproof: off\nrun: {jobs: 1}\n"
        "commits: {branch: from-file, message-file: message, signoff: true}\n",
        "c.yaml",
    )
    done = patcher("apply", "--file", "c.yaml", "--branch", "mine", "--message", "Said", "other")
    assert done.exit_code == 0, done.stderr
    assert branches(sandbox, place) == ["main"]
    assert branches(sandbox, other) == ["main", "mine"]
    said = sandbox.git(other, "log", "-1", "--format=%B", "mine")
    assert said.startswith("Said")
    assert "Signed-off-by" in said


def test_a_dry_run_of_a_file_records_nothing(sandbox: Sandbox, place: Path) -> None:
    write("campaign: c\nsources: [fork]\nproof: off\n", "c.yaml")
    for command in (("apply", "-n"), ("scan",), ("diff",), ("repos",), ("undo", "-n")):
        done = patcher(*command, "--file", "c.yaml")
        assert done.exit_code == (1 if command[0] in ("apply", "scan", "diff") else 0), done.output
        assert "fork" in done.stdout or command == ("diff",)
    assert branches(sandbox, place) == ["main"]
    assert patcher("status", "c").exit_code == 2


def test_repositories_have_bases_of_their_own_and_a_glob_without_any_is_said(
    sandbox: Sandbox, place: Path
) -> None:
    other = sandbox.repository("other")
    for each in (place, other):
        sandbox.git(each, "branch", "release")
    write(
        "sources: [.]\nbases: main\nproof: off\nrepositories:\n"
        "  - {match: '*', bases: main}\n"
        "  - {match: other, bases: [main, release]}\n",
        "c.yaml",
    )
    assert patcher("apply", "--file", "c.yaml").exit_code == 0
    assert branches(sandbox, place) == ["main", "patcher/deny-af-alg", "release"]
    assert "patcher/deny-af-alg-release" in branches(sandbox, other)
    sandbox.git(other, "branch", "-D", "patcher/deny-af-alg-release", "patcher/deny-af-alg")
    assert patcher("apply", "--file", "c.yaml", "--base", "main").exit_code == 0
    assert "patcher/deny-af-alg-release" not in branches(sandbox, other)
    write("sources: [.]\nproof: off\nrepositories: [{match: none, bases: main}]\n", "d.yaml")
    done = patcher("apply", "--file", "d.yaml")
    assert done.exit_code == 2
    assert "match: 'none' matches 0 repositories" in done.stderr


@pytest.mark.parametrize(
    ("text", "where", "says"),
    [
        ("sources: [fork, moby/moby]\n", "1:17", "did you mean github:moby/moby?"),
        ("sources: ['https://a:b@c/d']\n", "1:11", "https://c/d has a user or password"),
        ("docs: true\n", "1:1", "'sources' is missing: add it, or name a SOURCE"),
        ("sources: fork\nmigrations: nope\n", "2:13", "no migration 'nope'"),
        ("sources: fork\nmax-size: 0\n", "2:11", "'max-size': 0 reads no file"),
        ("sources: fork\nfilters: {pushed-since: soon}\n", "2:25", "'soon' is no date"),
        ("sources: fork\ncommits: {branch: a..b}\n", "2:19", "'a..b' is not a valid branch"),
        ("sources: fork\ncommits: {author: me}\n", "2:19", "'me' is no author"),
        ("sources: fork\ncommits: {message: '{fil}'}\n", "2:20", "unknown placeholder {fil}"),
        ("sources: fork\ncommits: {message-file: none}\n", "2:25", "File 'none' does not exist"),
        ("sources: fork\ncommits: {discard-others: true}\n", "2:27", "goes with --on-existing"),
        ("sources: fork\ninclude: [a, '!']\n", "2:14", "pattern '!' matches nothing"),
        ("sources: fork\ncampaign: a b\n", "2:11", "'a b' is no name for a campaign"),
        ("sources: fork\nbases: 'https://a:b@c'\n", "2:8", "--base takes no URL with a user"),
        ("sources: fork\nforges: [{host: a/../b, forge: github}]\n", "2:17", "is no host name"),
        ("sources: fork\nrun: {scheduler: here}\n", "2:18", "'here' is no scheduler"),
        ("lables: 1\n", "1:1", "unknown key 'lables'"),
    ],
)
def test_what_is_wrong_in_the_file_is_one_line_with_its_place(
    place: Path, text: str, where: str, says: str
) -> None:
    write(text, "c.yaml")
    done = patcher("apply", "--proof", "off", "--file", "c.yaml")
    assert (done.exit_code, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"patcher: c.yaml:{where}: ")
    assert says in line


def test_a_mistake_on_the_command_line_is_not_the_files(place: Path) -> None:
    write("sources: fork\nmax-size: 1M\n", "c.yaml")
    done = patcher("apply", "--file", "c.yaml", "--max-size", "0")
    assert done.exit_code == 2
    assert "c.yaml" not in done.stderr
    assert "0 reads no file" in done.stderr
    assert patcher("apply", "--file", "c.yaml", "--help").exit_code == 0
    missing = patcher("apply", "--file", "none.yaml")
    assert missing.exit_code == 2
    assert missing.stderr == "patcher: none.yaml: No such file or directory\n"


def test_init_prints_the_schema(place: Path) -> None:
    assert json.loads(patcher("init", "--schema").stdout)["additionalProperties"] is False
    assert not os.path.lexists("patcher.yaml")


def test_scan_does_not_take_the_file_that_lies_here(place: Path) -> None:
    """It writes nothing, and has meant what is here so far."""
    write("sources: [none]\n")
    assert patcher("scan").exit_code == 1

"""``patcher status``: campaigns for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner, Result

import patcher.reports
from patcher.campaign.claims import Owner
from patcher.campaign.database import Database
from patcher.campaign.ledger import Account, Ledger
from patcher.cli import group
from patcher.progress import Planned
from patcher.results import Outcome, Stage, Target
from tests.schemas import strict

SCHEMA: dict[str, Any] = json.loads(
    (Path(patcher.reports.__file__).parent / "campaign-schema.json").read_text("utf-8")
)
OID = "0123456789abcdef0123456789abcdef01234567"
HOSTILE = "/src/\udce9\x1b[2J\u202e\n"
Does = Callable[[Planned], list[Target]]


def valid(kind: str, value: Any) -> Any:
    """The value, which is what the schema says, with no member that it does not name."""
    schema = strict(SCHEMA)
    del schema["anyOf"]
    # Options come and go.
    schema["$defs"]["campaign_document"]["properties"]["settings"] = {"type": "object"}
    jsonschema.Draft202012Validator({**schema, "$ref": f"#/$defs/{kind}"}).validate(value)
    jsonschema.Draft202012Validator(SCHEMA).validate(value)
    return value


def status(*arguments: str, code: int = 0, answer: str | None = None) -> Result:
    result = CliRunner().invoke(group, ["status", *arguments], input=answer)
    if not isinstance(result.exception, SystemExit | None):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setenv("PATCHER_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "state").mkdir(mode=0o700)
    with Database(tmp_path / "state/ledger.db") as opened:
        yield opened


@pytest.fixture
def account(database: Database) -> Account:
    """Seven repositories: three with two branches each, two and one that failed, one to do."""
    account = Ledger(database).create("fix", {"push": True, "message": "\ud800"})
    account.plan(Planned(f"https://forge.example/{number}.git") for number in range(6))
    with account.owner() as owner:
        for each in owner.claim(9):
            do(account, owner, each)
    account.plan([Planned(HOSTILE)])
    return account


def do(account: Account, owner: Owner, each: Planned) -> None:
    owner.begin(each)
    number = int(each.place[-5])
    if number < 3:
        made = Target(
            each.place,
            "refs/heads/main",
            OID,
            Outcome.COMMITTED,
            stage=Stage.COMMITTED,
            branch="patcher/deny-af-alg",
            new_commit=OID,
            read=True,
        )
        none = Target(
            each.place,
            "refs/heads/next",
            OID,
            Outcome.NOTHING_TO_DO,
            stage=Stage.NOTHING_TO_DO,
            read=True,
        )
        owner.record(each, [made, none])
    else:
        error = f"no route to host {number}"
        owner.record(each, [Target(each.place, None, None, Outcome.FAILED, error=error)])


def again(account: Account) -> None:
    with account.owner() as owner:
        for each in owner.claim(9):
            if each.place != HOSTILE:
                do(account, owner, each)


def test_without_a_campaign_it_says_how_to_begin_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATCHER_STATE_DIR", str(tmp_path / "state"))
    assert "`patcher apply --campaign NAME`" in status().stdout
    assert valid("campaigns_document", json.loads(status("--format", "json").stdout)) == {
        "schema": 1,
        "campaigns": [],
    }
    assert status("--format", "jsonl").stdout == ""
    assert "no campaign 'fix'" in status("fix", code=2).stderr
    assert list((tmp_path / "state").iterdir()) == []


def test_campaigns_are_listed(account: Account, database: Database) -> None:
    Ledger(database).create("another", {})
    head, first, second = status().stdout.splitlines()
    assert head.split()[:5] == ["campaign", "made", "repositories", "done", "failed"]
    assert [*first.split()[0:1], *first.split()[4:7]] == ["fix", "7", "3", "3"]
    assert first.endswith("not running, not complete")
    assert second.endswith("nothing planned yet")
    with account.owner():
        assert status().stdout.splitlines()[1].endswith("running")
    document = valid("campaigns_document", json.loads(status("--format", "json").stdout))
    assert [each["name"] for each in document["campaigns"]] == ["fix", "another"]
    lines = [json.loads(line) for line in status("--format", "jsonl").stdout.splitlines()]
    assert [valid("campaign_line", line)["name"] for line in lines] == ["fix", "another"]
    assert lines[0]["repositories"] == {
        "all": 7,
        "done": 3,
        "failed": 3,
        "exhausted": 0,
        "planned": 1,
        "working": 0,
    }
    assert lines[0]["stages"]["committed"] == lines[0]["stages"]["nothing to do"] == 3


def test_a_campaign_is_summed_up(account: Account) -> None:
    told = status("fix").stdout
    assert told.startswith("fix: 7 repositories: 3 done, 3 failed, 1 to do.\n")
    assert "  planned        1 repository\n" in told
    assert "  committed      3 branches\n" in told
    assert "other  3, tried once, such as\n" in told
    assert "https://forge.example/3.git: no route to host 3\n" in told
    assert "Next: `patcher apply --campaign fix` to do the other 1 and try 3 again.\n" in told
    assert "--retry" not in told


def test_it_says_what_to_run_next(account: Account) -> None:
    for _ in range(2):
        again(account)
    told = status("fix").stdout
    assert "tried up to 3 times" in told
    assert "Next: `patcher apply --campaign fix` to do the other 1.\n" in told
    assert "3 repositories failed 3 times or more: `patcher apply --campaign fix --retry" in told
    with account.owner() as owner:
        (left,) = owner.claim(9)
        owner.begin(left)
        told = status("fix").stdout
        assert "1 to do, 1 of them at work on." in told
        assert "Next: wait for it, or help it: `patcher apply --campaign fix`." in told
        owner.record(left, [Target(HOSTILE, None, None, Outcome.NOTHING_TO_DO)])
        for each in owner.claim(9, "failed"):
            owner.begin(each)
            owner.record(each, [])
    told = status("fix").stdout
    assert "; complete.\n" in told
    assert told.endswith("`patcher apply --campaign fix` looks at everything again.\n")


def test_what_failed_is_listed(account: Account) -> None:
    assert status("fix", "--failed").stdout == "".join(
        f"https://forge.example/{number}.git: no route to host {number} (tried once)\n"
        for number in (3, 4, 5)
    )
    lines = status("fix", "--failed", "--format", "jsonl").stdout.splitlines()
    assert [valid("target_line", json.loads(line))["stage"] for line in lines] == ["failed"] * 3


def test_each_target_is_a_line(account: Account) -> None:
    lines = status("fix", "--format", "jsonl").stdout.splitlines()
    targets = [valid("target_line", json.loads(line)) for line in lines]
    assert [each["stage"] for each in targets] == [
        *["committed", "nothing to do"] * 3,
        *["failed"] * 3,
        "planned",
    ]
    at = targets[0].pop("at")
    assert at <= targets[-1]["at"]
    assert targets[0] == {
        "schema": 1,
        "campaign": "fix",
        "repository": "https://forge.example/0.git",
        "base": "refs/heads/main",
        "commit": OID,
        "stage": "committed",
        "outcome": "committed",
        "status": "not_affected",
        "branch": "patcher/deny-af-alg",
        "new_commit": OID,
        "findings": 0,
        "edits": 0,
        "error": None,
        "cause": None,
        "note": None,
        "branch_state": None,
        "review": None,
        "attempts": 1,
    }
    document = json.loads(status("fix", "--format", "json").stdout)
    whole = valid("campaign_document", document)
    assert [{"schema": 1, "campaign": "fix", **each} for each in whole["targets"]] == [
        json.loads(line) for line in lines
    ]
    assert whole["settings"] == {"push": True, "message": "\ufffd"}
    assert [(each["cause"], each["targets"]) for each in whole["causes"]] == [("other", 3)]


def test_what_repositories_name_is_escaped(account: Account) -> None:
    with account.owner() as owner:
        (hostile,) = (each for each in owner.claim(9) if each.place == HOSTILE)
        owner.begin(hostile)
        bad = Target(HOSTILE, HOSTILE, OID, Outcome.FAILED, branch=HOSTILE, error="\x1b[31m\u202e")
        owner.record(hostile, [bad])
    shown = "/src/\\xe9\\x1b[2J\\u202e\\n"
    for told in (status("fix").stdout, status("fix", "--failed").stdout, status().stdout):
        assert all(line.isprintable() for line in told.splitlines())
    assert f"{shown} {shown}: \\x1b[31m\\u202e" in status("fix", "--failed").stdout
    for format, kind in (("json", "campaign_document"), ("jsonl", "target_line")):
        text = status("fix", "--format", format, "--failed").stdout
        assert text.isascii()
        last = valid(kind, json.loads(text if format == "json" else text.splitlines()[-1]))
    assert last["repository_base64"] == "L3NyYy/pG1sySuKArgo="


def test_a_campaign_is_forgotten_when_the_answer_is_yes(
    account: Account, database: Database
) -> None:
    asked = status("fix", "--forget", answer="n\n")
    assert "Forget campaign fix and what is known of its 7 repositories?" in asked.stderr
    assert Ledger(database).names() == ["fix"]
    with account.owner():
        assert "is running" in status("fix", "--forget", "-y", code=3).stderr
    status("fix", "--forget", answer="y\n")
    assert Ledger(database).names() == []
    Ledger(database).create("fix", {})
    assert "forgotten" in status("fix", "--forget", "--yes").stderr
    assert Ledger(database).names() == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--failed"], "--failed needs the campaign's NAME"),
        (["--forget"], "--forget needs the campaign's NAME"),
        (["fix", "-y"], "--yes goes with --forget"),
        (["fox"], "did you mean fix?"),
    ],
)
def test_wrong_use_is_one_line(account: Account, arguments: list[str], said: str) -> None:
    assert said in status(*arguments, code=2).stderr


def test_a_damaged_ledger_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATCHER_STATE_DIR", str(tmp_path))
    (tmp_path / "ledger.db").write_bytes(b"nothing of the kind\n" * 100)
    result = status("fix", code=3)
    (line,) = result.stderr.splitlines()
    assert line.startswith("patcher: ")
    assert "is damaged" in line
    assert "move it away" in line
    assert result.stdout == ""


def test_the_schemas_are_schemas() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)

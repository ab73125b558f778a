"""The campaign file: each mistake is one line with its place, and the schema is what is read."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
from ruamel.yaml import YAML

from patcher.campaignfile import writing
from patcher.campaignfile.reading import WrongFile, read
from patcher.campaignfile.schema import options, schema
from patcher.cli.apply import command
from patcher.forges import SCHEMES

TOKEN = "ghp_" + "a1" * 18

SHAPE = [
    ("lables: [a]\n", "1:1", "unknown key 'lables': there are campaign, sources, lists"),
    ("campain: a\n", "1:1", "unknown key 'campain' (did you mean 'campaign'?)"),
    ("filters:\n  matsch: a\n", "2:3", "unknown key 'matsch' (did you mean 'match'?)"),
    ("campaign: 7\n", "1:11", "'campaign' must be text, not 7: put it in quotes"),
    ("campaign: true\n", "1:11", "'campaign' must be text, not true: put it in quotes"),
    ("campaign:\n", "1:1", "'campaign' must be text, not nothing"),
    ("campaign: [a]\n", "1:11", "'campaign' must be text, not a list"),
    ("bases: [main, 1.10]\n", "1:15", "'an entry of bases' must be text, not 1.10: put"),
    ("bases: []\n", "1:8", "'bases' has no entry"),
    ("bases: {a: b}\n", "1:8", "'bases' must be a list or text, not a mapping"),
    ("docs: yes\n", "1:7", "'docs' must be true or false, not 'yes'"),
    ("docs: 1\n", "1:7", "'docs' must be true or false, not 1"),
    ("profiles: every\n", "1:11", "'profiles' must be moby or all, not 'every'"),
    ("filters: {visibility: [secret]}\n", "1:24", "private or internal, not 'secret'"),
    ("filters: [a]\n", "1:10", "'filters' must be a mapping (key: value), not a list"),
    ("run: {jobs: 0}\n", "1:13", "'run.jobs' must be 1 at least"),
    ("run: {jobs: 9999}\n", "1:13", "'run.jobs' must be 1024 at most"),
    ("run: {jobs: 1.5}\n", "1:13", "'run.jobs' must be a whole number, not 1.5"),
    ("run: {jobs: true}\n", "1:13", "'run.jobs' must be a whole number, not true"),
    ("run: {timeout: 0}\n", "1:16", "'run.timeout' must be more than 0"),
    ("forges: [{host: a}]\n", "1:10", "key 'forge' is missing in 'forges'"),
    ("forges: [{host: a, forge: svn}]\n", "1:27", "gerrit or bitbucket, not 'svn'"),
    ("forges: {host: a}\n", "1:9", "'forges' must be a list, not a mapping"),
    (f"forges: [{{host: a, forge: github, token: {TOKEN}}}]\n", "1:42", "name where it comes from"),
    (f"forges: [{{host: a, forge: github, token: {{login: {TOKEN}}}}}]\n", "1:50", "gh or glab"),
    ("forges: [{host: a, forge: github, token: {env: A B}}]\n", "1:48", "must match ^[A-Za-z_]"),
    ("forges: [{host: a, forge: github, token: {}}]\n", "1:42", "one key of env or login"),
    ("forges: [{host: a, forge: github, token: {env: A, login: gh}}]\n", "1:42", "must have one"),
    ("repositories: [{bases: [a]}]\n", "1:16", "key 'match' is missing in 'repositories'"),
    ("repositories: [{match: a, base: b}]\n", "1:27", "unknown key 'base' (did you mean 'bases'?)"),
    ("- a\n", "1:1", "expected 'key: value'"),
]  # fmt: skip
"""What the schema does not allow either."""

BEYOND = [
    ("campaign: a\ncampaign: b\n", "2:1", "key 'campaign' twice, first in line 1"),
    ("campaign: ''\n", "1:11", "'campaign' is empty: give it a value, or leave it out"),
    ('campaign: "\\e[2J"\n', "1:11", "'campaign' holds a control character"),
    ('campaign: "\\u202e"\n', "1:11", "'campaign' holds a control character"),
    (f"campaign: {'a' * 70_000}\n", "1:11", "longer than 65536 characters"),
    ("run: {timeout: 1e999}\n", "1:16", "'run.timeout' is no number that can be used"),
    ("run: {timeout: .inf}\n", "1:16", "'run.timeout' must be a number, not '.inf'"),
    (f"forges: [{{host: a, forge: github, token: {{env: {TOKEN}}}}}]\n", "1:48", "like a token"),
    (f"sources: ['https://github.com/{TOKEN}']\n", "1:11", "entry of sources' holds what looks"),
    (f"commits: {{message: 'glpat-{'x' * 20}'}}\n", "1:20", "'commits.message' holds what looks"),
    ("a: &b c\n", "1:4", "an anchor is not allowed here"),
    ("a: *b\n", "1:4", "an alias is not allowed here"),
    ("campaign: !!str 7\n", "1:11", "a tag is not allowed here"),
    ("<<: {campaign: a}\n", "1:1", "unknown key '<<'"),
    ("? [a]\n: b\n", "1:3", "a key must be text"),
    ("a: " + "[" * 60_000, "1:16", "nested too deeply"),
    ("{" * 60_000, "1:14", "nested too deeply"),
    ("", "1:1", "the file is empty"),
    ("campaign: a\n---\ncampaign: b\n", "2:1", "expected one document"),
    ("campaign: 'a\n", "2:1", "not YAML"),
    (b"campaign: \xff\n", "1:11", "not UTF-8"),
    (b"campaign: a\n\x01", "2:1", "a character that YAML does not allow"),
]  # fmt: skip
"""What no schema can say, or no parser of YAML gives it to see."""


@pytest.mark.parametrize(("text", "where", "what"), [*SHAPE, *BEYOND])
def test_a_mistake_is_one_line_with_its_place(
    tmp_path: Path, text: str | bytes, where: str, what: str
) -> None:
    file = tmp_path / "patcher.yaml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(WrongFile) as caught:
        read(str(file))
    said = str(caught.value)
    assert said.startswith(f"{file}:{where}: ")
    assert what in said
    assert said.isprintable()
    assert TOKEN not in said


@pytest.mark.parametrize("text", [text for text, *_ in SHAPE])
def test_an_editor_that_goes_by_the_schema_sees_the_mistake(text: str) -> None:
    library: Any = YAML(typ="safe", pure=True)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(library.load(text), dict(schema()))


def test_a_bomb_of_aliases_costs_nothing(tmp_path: Path) -> None:
    levels = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    (tmp_path / "a.yaml").write_text("a0: &a0 x\n" + levels)
    with pytest.raises(WrongFile, match="1:5: an anchor is not allowed here"):
        read(str(tmp_path / "a.yaml"))


def test_what_is_no_file_or_too_large_is_said_so(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_text("#" * ((1 << 20) + 1))
    for name, what in (
        ("pipe", "not a file"),
        ("none", "No such file"),
        ("", "not a file"),
        ("large", "larger than 1048576 bytes: not a campaign file"),
    ):
        with pytest.raises(WrongFile, match=what):
            read(str(tmp_path / name))


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(dict(schema()))


def test_each_option_of_apply_has_a_key_or_a_reason() -> None:
    """Left out: what is about one run, its report, or the file itself."""
    about_a_run = {"--help", "--dry-run", "--retry", "--limit", "--fresh", "--file"}
    about_a_run |= {"--interactive", "--reopen"}
    about_the_report = {
        *("--format", "--output", "--explain", "--quiet", "--verbose", "--color", "--strict"),
        "--log-file",
    }
    known = {option for option, _, _ in options()}
    params = {
        "SOURCE" if param.name == "paths" else max(param.opts, key=len) for param in command.params
    }
    assert params - known == (about_a_run | about_the_report) - {"--help"}
    assert known <= params


def test_a_server_of_each_forge_can_be_named() -> None:
    known = schema()["properties"]["forges"]["items"]["properties"]["forge"]["enum"]
    assert known == list(SCHEMES)


def test_a_key_takes_what_its_option_takes() -> None:
    params = {opt: param for param in command.params for opt in param.opts}
    for option, key, part in options():
        kind = params[option].type if option in params else None
        if isinstance(kind, click.Choice):
            choices = part.get("enum") or part["items"]["enum"]
            assert choices == list(kind.choices), key


def examples() -> dict[str, Any]:
    """Every key with a value that the schema gives for it."""
    return {
        key: part["default"] if "default" in part else part["examples"][0]
        for _, key, part in options()
    }


@pytest.mark.parametrize("values", [{}, {"campaign": "a", "sources": ["."]}, examples()])
def test_a_written_file_is_valid_and_says_what_it_was_given(
    tmp_path: Path, values: dict[str, Any]
) -> None:
    text = writing.text(values)
    file = tmp_path / "patcher.yaml"
    file.write_text(text)
    if values:
        found = {setting.key: setting.value for setting in read(str(file)).settings}
        assert found == {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        library: Any = YAML(typ="safe", pure=True)
        jsonschema.validate(library.load(text), dict(schema()))


def test_what_is_commented_out_is_what_stands_there_with_a_value() -> None:
    bare, full = (
        [re.sub(r"^[# ]*", "", line) for line in writing.text(values).splitlines()]
        for values in ({}, examples())
    )
    assert bare == full


def test_an_update_keeps_comments_and_what_else_stands_there(tmp_path: Path) -> None:
    before = "# mine\ncampaign: a  # why\nbases:\n  - 'main'  # the one\n"
    after = writing.updated(before, {"push": True, "filters.match": ["x"]})
    assert after.startswith(before)
    file = tmp_path / "patcher.yaml"
    file.write_text(after)
    assert {each.key: each.value for each in read(str(file)).settings} == {
        "campaign": "a",
        "bases": ("main",),
        "push": True,
        "filters.match": ("x",),
    }

"""Lists of repositories: the formats, and what is wrong with a row."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from patcher import git
from patcher.sources import WrongSource, find, gather
from patcher.sources.rows import Fault, read

if TYPE_CHECKING:
    from tests.conftest import Sandbox

ONE, TWO = "https://example.org/acme/one.git", "https://example.org/acme/two"
Listed = list[tuple[str, tuple[str, ...]]]


def listed(tmp_path: Path, content: str | bytes, name: str = "list") -> tuple[Listed, list[str]]:
    """The repositories with their bases, and what failed, without the list's folder."""
    file = tmp_path / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    found: Listed = []
    failures = []
    try:
        for item in find([], lists=[str(file)]):
            if isinstance(item, git.Failure):
                failures.append(f"{item.place}: {item.error}".replace(f"{tmp_path}/", ""))
            else:
                place = item.place
                assert isinstance(place, git.Address)
                found.append((place.url, item.bases))
    except WrongSource as wrong:
        assert not found and not failures
        failures.append(str(wrong).replace(f"{tmp_path}/", ""))
    return found, failures


BOTH: Listed = [(ONE, ("main", "release/1")), (TWO, ())]
GOOD = {
    "lines": ("list", f"# ours\n\n{ONE} main release/1  # two bases\n  {TWO}\n"),
    "lines, tabs": ("list", f"{ONE}\tmain release/1\n{TWO}\t# none\n"),
    "lines, CRLF and BOM": ("list", f"\ufeff{ONE} main release/1\r\n{TWO}\r\n"),
    "lines, by extension": ("url.txt", f"{ONE} main release/1\n{TWO}"),
    "yaml": (
        "list.yaml",
        f"- url: {ONE}\n  bases: [main, release/1]\n  owner: {{a: [1, 2]}}\n- {TWO}\n",
    ),
    "yaml, by content": ("list", f"---\n- url: {ONE}\n  base: main\n  bases: [release/1]\n- {TWO}"),
    "yaml, repositories": (
        "list.yml",
        f"releases: &all [main, release/1]\nrepositories:\n- {{url: '{ONE}', bases: *all}}\n"
        f"- {TWO}\n",
    ),
    "yaml, an anchor between entries": (
        "list.yml",
        f"- {{url: {ONE}, bases: &b [main, release/1]}}\n- {{url: {TWO}}}\n"
        f"- {{url: {ONE}, bases: *b}}\n",
    ),
    "json": ("list.json", json.dumps([{"url": ONE, "bases": ["main", "release/1"]}, TWO])),
    "json, repositories": (
        "list",
        json.dumps({"v": 1, "repositories": [{"url": ONE, "bases": ["main", "release/1"]}, TWO]}),
    ),
    "json, one a line": (
        "list.jsonl",
        f'{{"clone_url": "{ONE}", "url": "https://api", "bases": ["main", "release/1"]}}\n'
        f'{{"repository": "{TWO}", "base": null}}\n',
    ),
    "csv": ("list.csv", f"name,URL,base\none,{ONE},main release/1\ntwo,{TWO},\n"),
    "csv, a base a row": ("list.csv", f"url,base\n{ONE},main\n{TWO},\n{ONE},release/1\n"),
    "csv, CRLF, BOM, semicolons, quotes": (
        "list.csv",
        f'\ufeff"url";"branch"\r\n"{ONE}";"main release/1"\r\n\r\n"{TWO}"\r\n',
    ),
    "csv, by content": ("list", f"branch\tclone_url\nmain release/1\t{ONE}\n\t{TWO}\n"),
    "tsv": ("list.tsv", f"repository\tbase\n{ONE}\tmain release/1\n{TWO}\n"),
}


@pytest.mark.parametrize("case", GOOD)
def test_a_list_is_read_whatever_its_format(case: str, tmp_path: Path) -> None:
    name, content = GOOD[case]
    assert listed(tmp_path, content, name) == (BOTH, [])


WRONG = {
    "a row that is no URL": ("l", f"bad:thing\n{TWO}\n", "l:1: bad:thing: neither a path that"),
    "a program to run": ("l", f"ext::sh\n{TWO}\n", "l:1: 'ext::sh' is no address"),
    "an option": ("l", f"--upload-pack=x://y\n{TWO}\n", "l:1: "),
    "an organisation": ("l", f"github:acme\n{TWO}\n", "l:1: a list holds repositories: name 'gi"),
    "a path that is not there": ("l", f"/nowhere/x\n{TWO}\n", "l:1: /nowhere/x: no such file"),
    "a control character": ("l", f"a\x1b[2Jb\n{TWO}\n", r"l:1: control characters, or what is no"),
    "a NUL, late": (
        "l",
        f"{'#' * 8000}\na\0b\n{TWO}\n",
        "l:2: control characters, or what is no text, in 'a\\x00b'",
    ),
    "owner and name": (
        "l",
        f"moby/moby\n{TWO}\n",
        "l:1: moby/moby: no such file or directory: did",
    ),
    "a carriage return within": ("l", f"a\rb\n{TWO}\n", "l:1: control characters"),
    "too many bases": ("l", f"{ONE} {'x ' * 101}\n{TWO}\n", "l:1: more than 100 bases"),
    "yaml: a number": ("l.yml", f"- 17\n- {TWO}\n", "l.yml:1: expected a URL or path"),
    "yaml: a list": ("l.yml", f"- [{ONE}]\n- {TWO}\n", "l.yml:1: expected a URL or path"),
    "yaml: nothing": ("l.yml", f"-\n- {TWO}\n", "l.yml:1: expected a URL or path"),
    "yaml: no url": ("l.yml", f"- {{base: x}}\n- {TWO}\n", "l.yml:1: no key url (or clone_url,"),
    "yaml: a key twice": (
        "l.yml",
        f"- url: {ONE}\n  url: {ONE}\n- {TWO}\n",
        "l.yml:1: key 'url' twice",
    ),
    "yaml: a base that is none": (
        "l.yml",
        f"- {{url: {ONE}, base: {{a: b}}}}\n- {TWO}\n",
        "l.yml:1: 'base' must be text or a list of texts",
    ),
    "yaml: bases in bases": (
        "l.yml",
        f"- {{url: {ONE}, bases: [a, [b]]}}\n- {TWO}\n",
        "l.yml:1: 'bases' must be text or a list of texts",
    ),
    "yaml: a merge key": (
        "l.yml",
        f"- url: x\n  <<: {{}}\n- {TWO}\n",
        "l.yml:1: merge keys (<<) are not read",
    ),
    "json: a number": ("l.json", f'[\n1,\n"{TWO}"]', "l.json, entry 1: expected a URL or path"),
    "json: a key twice": (
        "l.json",
        f'[\n\n{{"url": "{ONE}", "url": "{ONE}"}}, "{TWO}"]',
        "l.json, entry 1: key 'url' twice",
    ),
    "json: half a character": (
        "l.json",
        f'["\\ud800", "{TWO}"]',
        "l.json, entry 1: control characters, or what is no text, in '\\ud800'",
    ),
    "json: an empty base": (
        "l.json",
        f'[{{"url": "{ONE}", "base": ""}}, "{TWO}"]',
        "l.json, entry 1: an empty base",
    ),
    "csv: an empty cell": ("l.csv", f"url,base\n,main\n{TWO},\n", "l.csv:2: no url (or clone_url,"),
    "csv: a quote too many": ("l.csv", f'url\n"a"b\n{TWO}\n', "l.csv:2: not CSV: "),
    "csv: a cell too long": ("l.csv", f"url\n{'x' * 140000}\n{TWO}\n", "l.csv:2: not CSV: field"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_with_a_row_names_its_line_and_the_rest_is_found(
    case: str, tmp_path: Path
) -> None:
    name, content, error = WRONG[case]
    found, failures = listed(tmp_path, content, name)
    assert found == [(TWO, ())]
    assert len(failures) == 1 and failures[0].startswith(error), failures
    assert failures[0].isprintable()


BROKEN = {
    "yaml: syntax": ("l.yml", f"- {ONE}\n- [\n", "l.yml:3: not YAML: "),
    "yaml: a tab": ("l.yml", f"- {ONE}\n\t- x\n", "l.yml:2: not YAML: "),
    "yaml: an alias of nothing": ("l.yml", f"- {ONE}\n- *x\n", "l.yml:2: alias 'x' stands for no"),
    "yaml: two documents": ("l.yml", f"- {ONE}\n---\n- {TWO}\n", "l.yml:2: expected one document"),
    "json, one a line": (
        "l.jsonl",
        f'{{"url": "{ONE}"}}\n{{"url"',
        "l.jsonl:2: not JSON: Expecting",
    ),
    "json, more": ("l.json", f'["{ONE}"]\nx', "l.json:2: not JSON: Expecting value"),
    "json, and a text": ("l.json", f'["{ONE}"]\n"x"', "l.json:2: expected a list, or a mapping"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_list_that_breaks_off_gives_what_stands_before(case: str, tmp_path: Path) -> None:
    name, content, error = BROKEN[case]
    found, failures = listed(tmp_path, content, name)
    assert found == [(ONE, ())]
    assert len(failures) == 1 and failures[0].startswith(error), failures


NONE: dict[str, tuple[str, str | bytes, str]] = {
    "no column": (
        "l.csv",
        "name,host\na,b\n",
        "l.csv:1: no column url (or clone_url, repository, ",
    ),
    "a column twice": ("l.csv", "url,url\na,b\n", "l.csv:1: column 'url' twice"),
    "an empty CSV": ("l.csv", "", "l.csv:1: no column url"),
    "an empty JSON": ("l.json", " ", "l.json:1: the list is empty"),
    "an empty YAML": ("l.yaml", "# x\n", "l.yaml:2: the list is empty"),
    "a mapping": ("l.yaml", "a: b\n", "l.yaml:1: expected a list, or a mapping with a list of"),
    "a text": ("l.yaml", "abc", "l.yaml:1: expected a list, or a mapping with a list of 'reposi"),
    "a mapping of no list": ("l.yaml", "repositories: x", "l.yaml:1: expected a list, or a mapp"),
    "an object": ("l.json", "{}", "l.json, entry 1: no key url (or clone_url, repository, path)"),
    "JSON that is not closed": ("l.json", f'["{ONE}",\n"', "l.json:2: not JSON: Unterminated"),
    "JSON without a comma": ("l.json", f'["{ONE}"\n"{TWO}"]', "l.json:2: not JSON: Expecting ','"),
    "deep JSON": ("l.json", f'["{ONE}",\n{"[" * 100000}', "l.json:1: nested too deeply"),
    "a number of 5,000 digits": ("l.json", f"[{'1' * 5000}]", "l.json, entry 1: expected a URL"),
    "a YAML that is not UTF-8": ("l.yml", b"- x\n- \xff\n", "l.yml:2: not YAML: a character"),
    "UTF-16": ("l.csv", "url\nx\n".encode("utf-16"), "l.csv: UTF-16, not UTF-8"),
    "a program": ("l", b"\x7fELF\x02\x01\x01\0\0\n" * 360, "l: a binary file, not a list"),
    "prose": ("README.md", "# x\n\nWords of ours.\n" * 90, "README.md:3: Words: no such file or"),
}


@pytest.mark.parametrize("case", NONE)
def test_what_is_no_list_is_one_line(case: str, tmp_path: Path) -> None:
    name, content, error = NONE[case]
    found, failures = listed(tmp_path, content, name)
    assert found == [] and len(failures) == 1 and failures[0].startswith(error), failures


def test_a_list_that_cannot_be_opened_is_a_failure(tmp_path: Path) -> None:
    for place, error in ((tmp_path / "absent", "No such file"), (tmp_path, "name a file")):
        with pytest.raises(WrongSource, match=error):
            list(find([], lists=[str(place)]))


def test_where_a_list_breaks_off_is_told_among_many_bad_rows(tmp_path: Path) -> None:
    content = f"- {TWO}\n" + "".join(f"- acme/{n}\n" for n in range(360)) + "- [\n"
    found, failures = listed(tmp_path, content, "l.yaml")
    assert found == [(TWO, ())] and failures[0].startswith("l.yaml:363: not YAML: ")
    assert failures[-1] == "l.yaml: 340 more rows name no repository"
    found, failures = listed(tmp_path, content.partition("\n")[2], "l.yaml")
    (failure,) = failures
    assert found == [] and failure.startswith("l.yaml:362: not YAML: ")
    assert failure.endswith(" (360 more rows name no repository either)")


def test_many_bad_rows_are_counted(tmp_path: Path) -> None:
    found, failures = listed(tmp_path, f"{TWO}\n" + "".join(f"acme/{n}\n" for n in range(360)))
    assert found == [(TWO, ())] and len(failures) == 21
    assert failures[1] == (
        "list:3: acme/1: no such file or directory: did you mean https://github.com/acme/1?"
    )
    assert failures[-1] == "list: 340 more rows name no repository"


def test_aliases_cost_nothing(tmp_path: Path) -> None:
    bomb = "a0: &a0 [x, x]\n"
    bomb += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40))
    found, failures = listed(
        tmp_path, f"{bomb}repositories:\n- {{url: {ONE}, bases: *a39}}\n- {TWO}\n", "l.yaml"
    )
    assert found == [(TWO, ())]
    assert failures == ["l.yaml:42: 'bases' must be text or a list of texts"]


def test_standard_input_is_a_list_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f'["{ONE}", 1]'.encode())))
    items = list(find([], lists=["-", "-"]))
    assert len(items) == 2
    assert isinstance(items[1], git.Failure) and items[1].place == "standard input, entry 2"


def test_paths_in_lists(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    one, two = sandbox.repository("with blanks"), sandbox.repository("caf\udce9")
    mine = sandbox.repository("mine")
    (home / "mine").symlink_to(mine)
    monkeypatch.chdir(sandbox.root)
    file = sandbox.root / "list"
    file.write_bytes(b"with blanks\tmain\n" + os.fsencode(two) + b"\n~/mine/\nmine\n")
    items = list(find([], lists=[str(file)]))
    places = [item.place for item in items if not isinstance(item, git.Failure)]
    assert [place.path for place in places if isinstance(place, git.Repository)] == [
        one,
        two,
        home / "mine",
    ]
    assert len(items) == 3


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.one_of(
        st.binary(),
        st.text("[]{},:\"'\\ \n\r\t#-&*<>!|%@`abu1.~;repositorsl\ufeff\x85\u2028\0").map(
            str.encode
        ),
        st.lists(
            st.sampled_from(
                "url|base|repositories|- |: |\n|  |[|]|{|}|, |'|\"|&a |*a".split("|")
                + "\t|x|#|<<|---\n|...\n|1|\r\n".split("|")
            )
        ).map(lambda words: "".join(words).encode()),
    ),
    st.sampled_from(["", "l.yaml", "l.json", "l.csv", "l.tsv", "l.txt", "l.jsonl"]),
)
def test_any_bytes_are_rows_and_faults(content: bytes, name: str) -> None:
    for row in read(content.decode("utf-8", "surrogateescape"), name):
        line = re.fullmatch(r":([0-9]+)|, entry [1-9][0-9]*", row.at)
        assert line is not None
        assert line[1] is None or 1 <= int(line[1]) <= content.count(b"\n") + 2
        if isinstance(row, Fault):
            assert row.text
        else:
            assert row.place and "\n" not in row.place and "\0" not in row.place
            assert all(row.bases)


TOKEN = "t0ken-that-nobody-may-see"
CARELESS = {
    "no header": ("list.csv", f"https://me:{TOKEN}@host/x,main\n"),
    "no header, and a comma": ("list.csv", f"https://me:,{TOKEN}@host/x,main\n"),
    "columns twice": ("list.csv", f"url,https://me:{TOKEN}@h,https://me:{TOKEN}@h\n"),
    "a control character": ("list", f"https://me:{TOKEN}@host/\x01x\n"),
    "a long one": ("list", f"https://me:{'x' * 200}{TOKEN}@host/\x01x\n"),
    "a slash": ("list", f"https://me:/{TOKEN}@host/x\n"),
    "no address": ("list", f"ftp://me:{TOKEN}@host/x\n"),
    "a base": ("list", f"https://host/x https://me:{TOKEN}@host/\x01\n"),
    "a key": ("list.yaml", f"- https://me:{TOKEN}@host/x: y\n"),
    "no YAML": ("list.yaml", f"- url: https://me:{TOKEN}@host/x\n  - ]\n"),
    "an alias": ("list.yaml", f"- *https://me:{TOKEN}@host/x\n"),
    "no JSON": ("list.json", f'["https://me:{TOKEN}@host/x"'),
    "a number": ("list.json", f'[{{"url": 1, "https://me:{TOKEN}@host/x": 2}}]'),
    "a forge": ("list", f"gitlab:https://me:{TOKEN}@host/x\n"),
    "a long forge": ("list", f"gitlab:https://me:{'x' * 170}{TOKEN}@host/x\n"),
    "a path": ("list", f"/srv/me:{TOKEN}@host\0/x\n"),
}


@pytest.mark.parametrize("case", CARELESS)
def test_a_password_in_a_list_is_not_told(tmp_path: Path, case: str) -> None:
    name, content = CARELESS[case]
    found, failures = listed(tmp_path, content, name)
    assert failures, found
    assert not [line for line in failures if "t0ken" in line or "nobody" in line]


@pytest.mark.parametrize("scheme", ["github", "gitlab", "gitea"])
@pytest.mark.parametrize("place", ["https://me:{}@host.invalid/x", "@https://{}@h.invalid/x/y"])
def test_a_password_in_a_forges_word_is_not_told(scheme: str, place: str) -> None:
    with pytest.raises(WrongSource) as wrong:
        gather([f"{scheme}:{place.format(TOKEN)}"])
    assert "t0ken" not in str(wrong.value) and scheme in str(wrong.value)

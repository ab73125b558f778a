"""Built-in migrations, and a user's own: what is taken, and what each mistake is called."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import patcher.migrations
from patcher.migrations import Migration, MigrationError, builtin, flat, load_migration
from patcher.policy.network import FAMILIES, TYPES, parse_rule

FILES = sorted(Path(patcher.migrations.__file__).parent.glob("*.yaml"))
MINE = "id: deny-bt\ntitle: Deny Bluetooth\nrule: deny network bluetooth,\n"


def write(folder: Path, content: str | bytes) -> str:
    file = folder / "mine.yaml"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(file)


def test_the_builtin_migrations_stand_in_the_order_of_insertion() -> None:
    assert [(found.id, found.rule) for found in builtin()] == [
        ("deny-af-alg", "deny network alg,"),
        ("deny-af-vsock", "deny network vsock,"),
    ]


def test_the_comment_is_upstreams() -> None:
    assert load_migration("deny-af-alg").comment == (
        "Disallow AF_ALG (Linux kernel crypto API); see https://copy.fail/"
    )


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_yaml_library_reads_a_builtin_file_as_the_fast_reader_does(file: Path) -> None:
    text = file.read_text("utf-8")
    library: Any = YAML(typ="safe", pure=True)
    assert flat.read(text) == library.load(text)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_builtin_file_passes_the_checks_of_a_users_own(file: Path) -> None:
    migration = load_migration(str(file))
    assert migration in builtin()
    assert migration.id == file.stem


@pytest.mark.parametrize("migration", builtin(), ids=lambda migration: migration.id)
def test_a_builtin_rule_denies_its_family(migration: Migration) -> None:
    rule = parse_rule(migration.rule.encode())
    assert rule is not None
    assert rule.mode == "deny"
    assert migration.family in FAMILIES
    assert set(migration.socket_types) <= TYPES
    assert all(rule.covers(migration.family, kind) for kind in migration.socket_types)


@pytest.mark.parametrize(
    "text",
    [
        "a: 'quoted'\n",
        "a: b: c\n",
        "a: b # comment\n",
        "a: &x b\n",
        "a: [b]\n",
        "a: {b: c}\n",
        "a: >\n  b\n",
        "a: |-\n  b\n",
        "a: |\n    b\n",
        "a: |\nb: c\n",
        "a:\n",
        "a:\n  b: c\n",
        "a: b\na: c\n",
        " a: b\n",
        "A: b\n",
        "- a\n",
        "a: b \n",
        "a:  b\n",
        "a:\n  - 'b'\n",
        "---\n",
    ],
)
def test_the_fast_reader_takes_nothing_that_could_be_read_differently(text: str) -> None:
    with pytest.raises(ValueError, match=r"line [0-9]"):
        flat.read(text)


def test_loading_the_builtin_migrations_imports_no_yaml_library() -> None:
    code = (
        "import sys, patcher.migrations as m; m.builtin(); "
        "sys.exit(any(n.split('.')[0] == 'ruamel' for n in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_users_own_file_needs_only_id_title_and_rule(tmp_path: Path) -> None:
    mine = load_migration(write(tmp_path, MINE))
    assert (mine.id, mine.title, mine.rule) == (
        "deny-bt",
        "Deny Bluetooth",
        "deny network bluetooth,",
    )
    assert mine.family == "bluetooth"
    assert set(mine.socket_types) == TYPES
    assert mine.order > max(migration.order for migration in builtin())


def test_a_users_own_file_may_use_all_of_yaml(tmp_path: Path) -> None:
    mine = load_migration(
        write(
            tmp_path,
            '\ufeff{id: "deny-bt", title: \'Deny: Bluetooth\',\n rule: "deny network bluetooth,",\n'
            " socket_types: [raw, 'seqpacket'], order: 7, why: \"two\\nlines\"}\n",
        )
    )
    assert mine.title == "Deny: Bluetooth"
    assert mine.socket_types == ("raw", "seqpacket")
    assert mine.order == 7
    assert mine.why == "two\nlines\n"


def test_a_rule_of_one_type_needs_only_that_type(tmp_path: Path) -> None:
    mine = load_migration(write(tmp_path, MINE.replace("bluetooth,", "bluetooth raw,")))
    assert mine.socket_types == ("raw",)


def test_a_path_names_a_file_whatever_its_ending(tmp_path: Path) -> None:
    file = tmp_path / "deny-af-alg"
    file.write_text(MINE)
    assert load_migration(file).id == "deny-bt"
    with pytest.raises(TypeError, match="must be text or a path, not None"):
        load_migration(None)  # type: ignore[arg-type]


def test_a_migration_made_in_python_is_that_of_the_file(tmp_path: Path) -> None:
    text = MINE + "socket_types: [raw]\nreferences: [a, b]\nwhy: because\n"
    made = Migration(
        id="deny-bt",
        title="Deny Bluetooth",
        rule="deny network bluetooth,",
        socket_types=("raw",),
        references=("a", "b"),
        why="because",
    )
    assert made == load_migration(write(tmp_path, text))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"rule": "network alg,"}, "'rule' must be an AppArmor rule"),
        ({"rule": "deny network blutooth,"}, "'blutooth' is no address family"),
        ({"rule": "deny network alg row,"}, "'row' is no socket type"),
        ({"rule": "deny network alg stream,"}, "'socket_types' names more than the rule denies"),
        ({"socket_types": ("row",)}, "'row' is no socket type"),
        ({"socket_types": "raw"}, "'socket_types' must be a list"),
        ({"comment": "a\n  file,"}, "'comment' must be one line of text"),
        ({"title": b"x"}, "'title' must be text, not bytes"),
    ],
)
def test_a_migration_made_in_python_is_checked(change: dict[str, Any], what: str) -> None:
    with pytest.raises(MigrationError) as caught:
        replace(load_migration("deny-af-alg"), **change)
    assert what in str(caught.value)


def test_an_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(MigrationError, match="no migration 'deny-af'; there are") as caught:
        load_migration("deny-af")
    assert "deny-af-alg, deny-af-vsock" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        (MINE.replace("rule:", "rulez:"), "3:1", "unknown key 'rulez' (did you mean 'rule'?)"),
        (MINE + "zzz: 1\n", "4:1", "unknown key 'zzz'"),
        ("id: a\ntitle: b\n", "1:1", "key 'rule' is missing"),
        (MINE + "title: again\n", "4:1", "key 'title' twice, first in line 2"),
        (MINE + "order: soon\n", "4:8", "'order' must be a whole number from 0 to 1000000"),
        (MINE + "order: '3'\n", "4:8", "'order' must be a whole number from 0 to 1000000"),
        (
            MINE + f"order: {'9' * 5000}\n",
            "4:8",
            "'order' must be a whole number from 0 to 1000000",
        ),
        (MINE + 'order: "\\U99999999"\n', "1:1", "not YAML"),
        (MINE + "why: 12\n", "4:6", "'why' must be text, not a number"),
        (MINE + "why: [a]\n", "4:6", "'why' must be text, not a list"),
        (MINE + "why: {a: b}\n", "4:6", "the value of 'why' must be text"),
        (MINE + "why: null\n", "4:6", "the value of 'why' must be text, not null"),
        (MINE + "references: a\n", "4:13", "'references' must be a list"),
        (MINE + "references: [a, [b]]\n", "4:17", "an entry of 'references' must be text"),
        (MINE + "references: [a, a]\n", "4:13", "'references' holds an entry twice"),
        (MINE + "why: &a text\n", "4:6", "an anchor is not allowed here"),
        (MINE + "why: *a\n", "4:6", "an alias is not allowed here"),
        (MINE + "why: !!int 3\n", "4:6", "a tag is not allowed here"),
        (MINE + 'why: "\\x1b[2J"\n', "4:6", "'why' holds a control character"),
        (MINE + 'comment: "\\u202e"\n', "4:10", "'comment' holds a control character"),
        (MINE + 'comment: "# a"\n', "4:10", "'comment' stands without its '#'"),
        (MINE + 'message: "a\\nb"\n', "4:10", "must be a subject, an empty line and a body"),
        (MINE + "message: '{file}'\n", "4:10", "unknown placeholder {file} in 'message' (did you"),
        (MINE + "anchor: file,\n", "4:9", "'anchor' must be 'network,'"),
        (MINE.replace("deny-bt", "Deny BT"), "1:5", "'id' must be lower-case words"),
        (MINE.replace("deny-bt", "a/../b"), "1:5", "'id' must be lower-case words"),
        (MINE.replace("deny network", "network"), "3:7", "must be an AppArmor rule 'deny network"),
        (MINE.replace("bluetooth,", "bluetooth"), "3:7", "must be an AppArmor rule 'deny network"),
        (MINE.replace("bluetooth,", "alg, /** rw,"), "3:7", "must be an AppArmor rule"),
        (MINE.replace(" bluetooth,", ","), "3:7", "must be an AppArmor rule"),
        (MINE.replace("bluetooth", "blutooth"), "3:7", "'blutooth' is no address family"),
        (MINE.replace("bluetooth,", "bluetooth row,"), "3:7", "'row' is no socket type"),
        (MINE + "socket_types: [row]\n", "4:15", "'row' is no socket type"),
        (MINE + "why: 'open\n", "5:1", "not YAML: found unexpected end of stream"),
        (MINE + "why: @\n", "4:6", "not YAML: found character '@'"),
        (MINE + "---\n" + MINE, "4:1", "expected one document"),
        ("", "1:1", "the file is empty"),
        ("- a\n", "1:1", "expected 'key: value'"),
        ("[" * 60_000, "1:1", "expected 'key: value'"),
        (MINE + "why: " + "[" * 60_000, "4:18", "nested too deeply"),
        (b"id: caf\xe9\n", "1:8", "not UTF-8"),
        (b"id: a\n\x01", "2:1", "not YAML: a character that YAML does not allow"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(
    tmp_path: Path, text: str | bytes, where: str, what: str
) -> None:
    file = write(tmp_path, text)
    with pytest.raises(MigrationError) as caught:
        load_migration(file)
    assert str(caught.value).startswith(f"{file}:{where}: ")
    assert what in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_bomb_of_aliases_costs_nothing(tmp_path: Path) -> None:
    levels = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    with pytest.raises(MigrationError, match="1:5: an anchor is not allowed here"):
        load_migration(write(tmp_path, "a0: &a0 x\n" + levels))


def test_what_is_no_file_is_said_so(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(MigrationError, match="not a file"):
        load_migration(str(tmp_path / "pipe.yaml"))
    with pytest.raises(MigrationError, match="not a file"):
        load_migration(f"{tmp_path}/")
    with pytest.raises(MigrationError, match="No such file"):
        load_migration(str(tmp_path / "none.yaml"))
    with pytest.raises(MigrationError, match="/proc/kmsg"):  # whose readers wait for the kernel
        load_migration("/proc/kmsg")


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="larger than 65536 bytes"):
        load_migration(write(tmp_path, "#" * 70_000))

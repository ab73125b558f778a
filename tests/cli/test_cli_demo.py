"""``patcher demo`` and ``patcher migrations``."""

from __future__ import annotations

import subprocess
from pathlib import Path

from click.testing import CliRunner, Result

from patcher.cli import group


def patcher(*arguments: str | Path) -> Result:
    return CliRunner().invoke(group, [str(argument) for argument in arguments])


def test_the_demo_works_without_any_git_configuration(home: Path, tmp_path: Path) -> None:
    place = tmp_path / "new" / "demo"
    result = patcher("demo", place)
    assert result.exit_code == 0, result.output
    assert result.stdout.count("(committed)") == 6
    assert result.stdout.count("(up to date)\n") == 4
    assert "$ patcher diff" in result.stdout
    assert "+  deny network alg,\n" in result.stdout
    refs = subprocess.run(
        ["git", "-C", str(place / "engine-fork"), "for-each-ref", "--format=%(refname:short)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert refs == [
        "main",
        "patcher/deny-af-alg",
        "patcher/deny-af-alg-release/1.6",
        "patcher/deny-af-alg-release/1.7",
        "release/1.6",
        "release/1.7",
    ]
    status = ["git", "-C", str(place / "engine-fork"), "status", "--porcelain"]
    assert subprocess.run(status, capture_output=True, check=True).stdout == b""
    assert list(home.iterdir()) == []


def test_the_demo_does_not_build_into_a_folder_with_something_in_it(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    result = patcher("demo", tmp_path)
    assert result.exit_code == 2
    assert "not empty" in result.stderr


def test_migrations_are_listed_and_shown(tmp_path: Path) -> None:
    assert patcher("migrations").stdout.split("\n")[0].startswith("deny-af-alg ")
    shown = patcher("migrations", "deny-af-vsock").stdout
    assert "deny network vsock," in shown
    assert "https://github.com/moby/moby/pull/53551" in shown
    assert "{files}" in patcher("migrations", "--placeholders").stdout


def test_a_migration_of_ones_own_is_checked(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("id: a\ntitle: b\nrulez: c\n")
    result = patcher("migrations", file)
    assert result.exit_code == 2
    assert f"{file}:3:1: unknown key 'rulez' (did you mean 'rule'?)" in result.stderr

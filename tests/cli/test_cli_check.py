"""``patcher check``: files outside git."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

import patcher
from patcher.cli import group
from patcher.hosts import Document
from patcher.options import Options

if TYPE_CHECKING:
    from tests.conftest import Sandbox


def check(*arguments: str | Path, stdin: bytes | None = None) -> Result:
    result = CliRunner().invoke(group, ["check", *map(str, arguments)], input=stdin)
    if not isinstance(result.exception, SystemExit | None):
        raise result.exception
    return result


@pytest.fixture
def file(sandbox: Sandbox, tmp_path: Path) -> Path:
    place = tmp_path / "etc" / "docker-default"
    place.parent.mkdir()
    place.write_text(sandbox.profile())
    return place


def test_it_reports_and_leaves_the_file_alone(file: Path) -> None:
    before = file.stat().st_mtime_ns, file.read_bytes()
    result = check(file)
    assert result.exit_code == 1
    assert f"{file}:2  docker-default  affected" in result.stdout
    assert (file.stat().st_mtime_ns, file.read_bytes()) == before


def test_fix_edits_in_place_and_keeps_mode_and_owner(file: Path, sandbox: Sandbox) -> None:
    file.chmod(0o4751)
    if os.geteuid() == 0:
        os.chown(file, 12, 34)
    before = file.stat()
    result = check("--fix", file)
    assert result.exit_code == 0
    assert file.read_text() == sandbox.fixed(sandbox.profile())
    after = file.stat()
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
    assert stat.S_IMODE(after.st_mode) in (0o4751, 0o751)
    assert [entry.name for entry in file.parent.iterdir()] == [file.name]
    assert check(file).exit_code == 0


def test_fix_of_a_fixed_file_does_not_write(file: Path) -> None:
    check("--fix", file)
    before = file.stat()
    assert check("--fix", file).exit_code == 0
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_extended_attributes_stay(file: Path) -> None:
    try:
        os.setxattr(file, "user.origin", b"moby")
    except OSError:
        return  # this file system has none to lose
    check("--fix", file)
    assert os.getxattr(file, "user.origin") == b"moby"


def test_a_symbolic_link_is_refused(file: Path) -> None:
    link = file.parent / "link"
    link.symlink_to(file.name)
    before = file.read_bytes()
    result = check("--fix", link)
    assert result.exit_code == 3
    assert "is a symbolic link" in result.stderr
    assert link.is_symlink()
    assert file.read_bytes() == before


def test_other_hard_links_are_told_of(file: Path) -> None:
    other = file.parent / "other"
    os.link(file, other)
    before = other.read_bytes()
    result = check("--fix", file)
    assert result.exit_code == 0
    assert "hard link" in result.stderr
    assert other.read_bytes() == before != file.read_bytes()


def test_what_is_no_file_does_not_stop_the_others(file: Path) -> None:
    pipe = file.parent / "pipe"
    os.mkfifo(pipe)
    result = check("--fix", pipe, file.parent / "none", file)
    assert result.exit_code == 3
    assert result.stderr.splitlines() == [
        f"patcher: {pipe}: is not a file",
        f"patcher: {file.parent / 'none'}: No such file or directory",
    ]
    assert check(file).exit_code == 0


def test_a_file_that_changes_meanwhile_is_left_alone(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from patcher import engine

    real = engine.judge

    def judge(
        read: Document | engine.Unread, options: Options, includes: patcher.Includes | None = None
    ) -> patcher.Result:
        file.write_text("someone else was here\n")
        return real(read, options, includes)

    monkeypatch.setattr(engine, "judge", judge)
    result = check("--fix", file)
    assert result.exit_code == 3
    assert "changed while" in result.stderr
    assert file.read_text() == "someone else was here\n"
    assert [entry.name for entry in file.parent.iterdir()] == [file.name]


def test_a_folder_is_walked(file: Path, sandbox: Sandbox) -> None:
    (file.parent / ".git").mkdir()
    for name in ("sub/x", ".git/y", "vendor/z"):
        place = file.parent / name
        place.parent.mkdir(exist_ok=True)
        place.write_text(sandbox.profile())
    result = check("--exclude", "vendor/", file.parent)
    rows = [line.split()[0] for line in result.stdout.splitlines() if line.startswith("  ")]
    assert rows == [f"{file}:2", f"{file.parent}/sub/x:2"]


def test_standard_input_goes_to_standard_output(sandbox: Sandbox) -> None:
    text = sandbox.profile().replace("\n", "\r\n")
    result = check("-", stdin=text.encode())
    assert result.exit_code == 1
    fixed = sandbox.fixed(sandbox.profile()).replace("alg,\n", "alg, \n").replace("\n", "\r\n")
    assert result.stdout_bytes == fixed.encode()
    assert "affected" in result.stderr
    assert check("--fix", "-", stdin=text.encode()).exit_code == 0


def test_the_name_of_standard_input_tells_its_format(sandbox: Sandbox) -> None:
    text = f"package x\n\nconst p = `\n{sandbox.profile()}`\n".encode()
    result = check("--stdin-name", "x.go", "--fix", "-", stdin=text)
    assert result.stdout_bytes.count(b"\n  deny network alg,\n") == 1


def test_bytes_that_are_no_text_pass_through() -> None:
    data = bytes(range(256)) * 4
    result = check("-", stdin=data)
    assert result.exit_code == 0
    assert result.stdout_bytes == data


def test_what_is_too_large_passes_through(sandbox: Sandbox) -> None:
    text = (sandbox.profile() + "#" * 200_000 + "\n").encode()
    result = check("--max-size", "1000", "-", stdin=text)
    assert result.stdout_bytes == text
    assert "larger than the limit of 1000 bytes, so not read" in result.stderr


def test_verbose_shows_what_does_not_count(file: Path, sandbox: Sandbox) -> None:
    file.write_text(sandbox.profile() + "profile y\u202e {\n  /bin/x r,\n}\n")
    line = sandbox.profile().count("\n") + 1
    reason = "it has no network rule, and is not moby-style"
    plain, verbose = check(file).stdout, check("-v", file).stdout
    assert "dropped" not in plain
    (row,) = [row for row in verbose.splitlines() if "dropped" in row]
    assert [part.strip() for part in row.split("  ") if part.strip()] == [
        f"{file}:{line}",
        "y\\u202e",
        "dropped",
        reason,
    ]
    assert [row.split() for row in verbose.splitlines() if "dropped" not in row] == [
        row.split() for row in plain.splitlines()
    ]

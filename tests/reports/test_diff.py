"""The diff: ``git apply`` makes of the old file exactly the new one."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patcher.findings import Edit
from patcher.reports import Style
from patcher.reports.diff import Report, unified
from patcher.results import ChangedFile, Outcome, Target, Totals

RULE = b"  deny network alg,\n"
TEN = b"".join(b"line %d\n" % number for number in range(10))


def oid(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0%s" % (len(content), content), usedforsecurity=False).hexdigest()


def changed(old: bytes, *edits: tuple[int, bytes], path: bytes = b"a.profile") -> ChangedFile:
    new, position = b"", 0
    for offset, insert in edits:
        new += old[position:offset] + insert
        position = offset
    new += old[position:]
    return ChangedFile(
        path=path,
        mode="100644",
        old_oid=oid(old),
        new_oid=oid(new),
        old=old,
        new=new,
        edits=tuple(Edit(*edit) for edit in edits),
    )


def git_apply(folder: Path, file: ChangedFile) -> bytes:
    place = folder / os.fsdecode(file.path)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(file.old)
    subprocess.run(
        ["git", "apply", "--whitespace=nowarn"],
        cwd=folder,
        input=unified(file),
        check=True,
        capture_output=True,
        env={**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent)},
    )
    return place.read_bytes()


@pytest.mark.parametrize(
    "file",
    [
        changed(b"profile x {\n  network,\n  file,\n}\n", (23, RULE)),
        changed(b"network,\n", (9, b"deny network alg,\n")),
        changed(b"network,", (8, b"\ndeny network alg,")),
        changed(b"a\nnetwork,\n", (0, b"first\n")),
        changed(b"a network, b\nc\n", (10, b" deny network alg,")),
        changed(b"a network, b", (10, b" deny network alg,")),
        changed(b"a\nnetwork, b", (10, b" deny network alg,")),
        changed(b"", (0, b"new")),
        changed(b"a\r\nnetwork,\r\nb\r\n", (13, b"deny network alg,\r\n")),
        changed(b"network,\xe9\xff\x01\x1b[31m\r\x0c\n\xfe\n", (16, RULE)),
        changed(TEN, (7, RULE), (14, RULE), (56, RULE)),
        changed(TEN, (7, RULE), (63, b" deny")),
        changed(TEN, (7, b" one"), (7, b" two\n"), (8, RULE)),
        changed(TEN, (0, RULE), (70, RULE)),
        changed(b"x,\nx,\nx,\nx,\n", (3, b"x,\n"), (6, b"x,\n")),
        changed(b"n,\n", (3, RULE), path=b"dir with blank/na me"),
        changed(b"n,\n", (3, RULE), path=b'q"uo\\te\ttab\nnewline\x1b'),
        changed(b"n,\n", (3, RULE), path="ümlaut/プロファイル".encode()),
        changed(b"n,\n", (3, RULE), path=b"latin-\xe9"),
        changed(b"n,\n", (3, RULE), path=b" -rf ..."),
    ],
)
def test_git_apply_makes_the_new_file(tmp_path: Path, file: ChangedFile) -> None:
    assert git_apply(tmp_path, file) == file.new


@settings(max_examples=60)
@given(data=st.data())
def test_git_apply_makes_the_new_file_of_any_text(data: st.DataObject) -> None:
    pieces = st.sampled_from([b"\n", b"a\n", b"network,\n", b"b", b"\r\n", b"\xff", b" "])
    old = b"".join(data.draw(st.lists(pieces, min_size=1, max_size=40)))
    offsets = data.draw(st.lists(st.integers(0, len(old)), min_size=1, max_size=5))
    insert = st.sampled_from([b"x\n", b"\nx", b" x", b"a\n", b"\n", b"a\r\nb\n"])
    file = changed(old, *((offset, data.draw(insert)) for offset in sorted(offsets)))
    with tempfile.TemporaryDirectory() as folder:
        assert git_apply(Path(folder), file) == file.new


def test_the_diff_is_the_one_that_git_makes(tmp_path: Path) -> None:
    file = changed(TEN, (14, RULE), path=b"with blank")
    run = ["git", "-c", "init.defaultBranch=main", "-C", str(tmp_path)]
    subprocess.run([*run, "init", "-q"], check=True)
    (tmp_path / "with blank").write_bytes(file.old)
    subprocess.run([*run, "add", "."], check=True)
    (tmp_path / "with blank").write_bytes(file.new)
    made = subprocess.run([*run, "diff", "--full-index"], check=True, capture_output=True).stdout
    # git adds the enclosing line behind the second @@; all else is the same
    made = b"\n".join(
        line[: line.index(b"@@", 2) + 2] if line.startswith(b"@@") else line
        for line in made.split(b"\n")
    )
    assert unified(file) == made


def test_only_inserted_lines_are_shown_as_changed() -> None:
    lines = unified(changed(TEN, (14, RULE), (63, RULE))).split(b"\n")
    assert [line for line in lines[4:] if line[:1] in b"+-" and line] == [b"+" + RULE[:-1]] * 2


def target(*files: ChangedFile) -> Target:
    return Target("/src/fork", "refs/heads/main", "0" * 40, Outcome.SCANNED, files=files)


def written(report: Report, *targets: Target) -> bytes:
    return b"".join([report.start(), *map(report.target, targets), report.finish(Totals())])


def test_a_pipe_gets_the_very_bytes_and_a_terminal_nothing_that_drives_it() -> None:
    file = changed(b"\x1b]0;title\x07\n\xe2\x80\xae\n", (10, b"\x9b2J\n"), path=b"\x1b[2J")
    assert written(Report(Style()), target(file)) == unified(file)
    shown = written(Report(Style(terminal=True)), target(file))
    assert not any((byte < 0x20 and byte != 0x0A) or byte == 0x9B for byte in shown)
    assert b"\\x1b]0;title" in shown
    assert b"\\u202e" in shown


def test_several_targets_are_named_and_git_apply_skips_the_names(tmp_path: Path) -> None:
    one, two = changed(TEN, (14, RULE)), changed(TEN, (21, RULE), path=b"b.profile")
    text = written(Report(Style()), target(one), target(), target(two))
    assert text.startswith(b"# /src/fork refs/heads/main\ndiff --git a/a.profile ")
    assert b"\n# /src/fork refs/heads/main\ndiff --git a/b.profile " in text
    for file in (one, two):
        (tmp_path / os.fsdecode(file.path)).write_bytes(file.old)
    subprocess.run(["git", "apply"], cwd=tmp_path, input=text, check=True)
    for file in (one, two):
        assert (tmp_path / os.fsdecode(file.path)).read_bytes() == file.new


def test_a_large_file_with_many_edits_takes_linear_time() -> None:
    line = b"  network,\n"
    old = line * 100_000
    edits = [((number + 1) * len(line), RULE) for number in range(0, 100_000, 2)]
    new = b"".join(line + RULE + line for _ in range(50_000))
    file = ChangedFile(b"p", "100644", "0", "1", old, new, tuple(Edit(*edit) for edit in edits))
    text = unified(file)
    assert text.count(b"\n+  deny network alg,") == 50_000

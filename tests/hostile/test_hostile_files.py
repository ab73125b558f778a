"""Files outside git, below folders whose owner swaps what lies in them, and what policy names."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import patcher as library
from patcher import engine
from patcher.hosts import Document
from patcher.options import Options
from patcher.proof import parser
from tests.hostile.bench import FIXED, PROFILE, Bench, patcher
from tests.variants import pairs

HERE = Path(__file__).parents[2]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder of an attacker's that somebody checks, and a victim's beside it."""
    for name in ("tree/a", "tree/sub/docker-default", "victim/docker-default"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(PROFILE)
    return tmp_path / "tree"


def meanwhile(monkeypatch: pytest.MonkeyPatch, path: Path, swap: Callable[[], object]) -> None:
    """Do something once, while the file of that name is judged."""
    real, left = engine.judge, [swap]

    def judge(
        read: Document | engine.Unread,
        options: Options,
        includes: library.Includes | None = None,
    ) -> library.Result:
        if isinstance(read, Document) and read.path == str(path) and left:
            left.pop()()
        return real(read, options, includes)

    monkeypatch.setattr(engine, "judge", judge)


@pytest.mark.parametrize("at", ["a", "sub/docker-default"])
def test_a_folder_that_becomes_a_link_is_not_followed(
    tree: Path, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = tree.parent / "victim"

    def swap() -> None:
        (tree / "sub").rename(tree.parent / "moved")
        (tree / "sub").symlink_to(victim)

    meanwhile(monkeypatch, tree / at, swap)
    result = patcher("check", "--fix", tree)
    assert (victim / "docker-default").read_text() == PROFILE
    assert [path.name for path in victim.iterdir()] == ["docker-default"]
    if at == "a":  # the folder was not opened yet
        assert result.exit_code == 3
        assert f"{tree}/sub: " in result.stderr
    else:
        assert (tree.parent / "moved/docker-default").read_text() == FIXED
    assert (tree / "a").read_text() == FIXED


def test_a_file_that_becomes_a_link_is_not_followed(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = tree.parent / "victim/docker-default"

    def swap() -> None:
        (tree / "a").unlink()
        (tree / "a").symlink_to(victim)

    meanwhile(monkeypatch, tree / "a", swap)
    result = patcher("check", "--fix", tree)
    assert result.exit_code == 3 and "changed while it was looked at" in result.stderr
    assert victim.read_text() == PROFILE
    assert (tree / "a").is_symlink()


def test_no_right_of_a_program_is_handed_on(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even for a moment: the folder's owner could keep another name of the new file."""
    file = tree / "a"
    file.chmod(0o6755)
    capability = bytes.fromhex("0100000202000000000000000000000000000000")
    if os.geteuid() == 0:
        os.setxattr(file, "security.capability", capability)
    modes = []
    real = os.fchmod

    def fchmod(descriptor: int, mode: int) -> None:
        modes.append(mode)
        real(descriptor, mode)

    monkeypatch.setattr(os, "fchmod", fchmod)
    assert patcher("check", "--fix", file).exit_code == 0
    assert modes == [0o755]
    assert stat.S_IMODE(file.stat().st_mode) == 0o755
    assert "security.capability" not in os.listxattr(file)
    assert file.read_text() == FIXED


def rights(*entries: tuple[int, int, int]) -> bytes:
    """A list of who may do what, as the kernel takes it (``posix_acl_xattr.h``): of each entry the
    tag, rights and id."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


OWNER, USER, GROUP, MASK, OTHERS, NOBODY = 1, 2, 4, 16, 32, 0xFFFFFFFF
LISTED = "system.posix_acl_access"


@pytest.fixture
def listing(tree: Path) -> Path:
    """A file on a file system that knows lists of rights."""
    whole = [(OWNER, 7, NOBODY), (USER, 7, 4242), (GROUP, 5, NOBODY), (MASK, 7, NOBODY)]
    try:
        os.setxattr(tree, "system.posix_acl_default", rights(*whole, (OTHERS, 5, NOBODY)))
    except OSError:
        pytest.skip("the file system has no lists of who may do what")
    return tree / "a"


def test_a_file_gets_no_rights_from_its_folder(listing: Path) -> None:
    """A folder may say who else may read what is made in it."""
    listing.chmod(0o640)
    assert patcher("check", "--fix", listing).exit_code == 0
    assert LISTED not in os.listxattr(listing)
    assert stat.S_IMODE(listing.stat().st_mode) == 0o640
    assert listing.read_text() == FIXED


@pytest.mark.parametrize("lost", [None, errno.ENOSPC, errno.EPERM])
def test_a_file_keeps_its_list_of_rights_or_its_content(
    listing: Path, lost: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it the bits of its mode would let the whole group in."""
    own = [(OWNER, 6, NOBODY), (USER, 6, 4343), (GROUP, 0, NOBODY), (MASK, 6, NOBODY)]
    os.setxattr(listing, LISTED, rights(*own, (OTHERS, 0, NOBODY)))
    before = os.getxattr(listing, LISTED), listing.read_text()
    real = os.setxattr

    def setxattr(at: int, name: str, value: bytes) -> None:
        if lost and name == LISTED:
            raise OSError(lost, os.strerror(lost))
        real(at, name, value)

    monkeypatch.setattr(os, "setxattr", setxattr)
    result = patcher("check", "--fix", listing)
    assert os.getxattr(listing, LISTED) == before[0]
    if lost is None:
        assert (result.exit_code, listing.read_text()) == (0, FIXED)
    else:
        assert os.strerror(lost) in result.stderr
        assert (result.exit_code, listing.read_text()) == (3, before[1])
        assert not [path for path in listing.parent.iterdir() if path.name.startswith(".")]


def _rights(file: Path) -> None:
    file.chmod(0o600)


def _content(file: Path) -> None:
    """As long as before, and as old."""
    old = file.stat()
    file.write_text(PROFILE.replace("umount", "remake"))
    os.utime(file, ns=(old.st_atime_ns, old.st_mtime_ns))


@pytest.mark.parametrize("change", [_rights, _content, Path.unlink])
def test_what_changes_meanwhile_is_left_alone(
    tree: Path, change: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tree / "a"

    def state() -> tuple[int, int, bytes] | None:
        found = file.stat() if file.exists() else None
        return found and (found.st_ino, found.st_mode, file.read_bytes())

    after = []

    def swap() -> None:
        time.sleep(0.02)  # the kernel's clock for files moves every 10 ms or less
        change(file)
        after.append(state())

    meanwhile(monkeypatch, file, swap)
    result = patcher("check", "--fix", tree)
    assert result.exit_code == 3
    assert "changed while it was looked at" in result.stderr or "No such file" in result.stderr
    assert after == [state()]


@pytest.mark.parametrize("name", ["docker-default.1-a.patcher-new", "1-a.patcher-new"])
def test_no_name_but_that_of_a_temporary_file_hides_a_profile(tree: Path, name: str) -> None:
    """AppArmor loads no file whose name begins with a dot."""
    (tree / "a").rename(tree / name)
    assert name in patcher("check", tree).stdout


@pytest.mark.parametrize(
    "name", ["\U0001f600" * 63, "x" * 255, "\udcff" * 255], ids=["wide", "plain", "no text"]
)
def test_a_name_as_long_as_there_are(tree: Path, name: str) -> None:
    (tree / name).write_text(PROFILE)
    assert patcher("check", "--fix", tree).exit_code == 0
    assert (tree / name).read_text() == FIXED


@pytest.mark.parametrize("depth", [400, 1200])
def test_folders_that_lie_deep(tree: Path, depth: int) -> None:
    folder = os.open(tree / "sub", os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=folder)
        inner = os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    file = os.open("x", os.O_CREAT | os.O_WRONLY, dir_fd=folder)
    os.write(file, PROFILE.encode())
    os.close(file)
    result = patcher("check", "--fix", tree)
    file = os.open("x", os.O_RDONLY, dir_fd=folder)
    fixed = os.read(file, 1 << 16).decode()
    os.close(file)
    os.close(folder)
    subprocess.run(["rm", "-rf", tree / "sub"], check=True)  # which pytest could not
    assert (tree / "a").read_text() == FIXED
    if depth < 500:
        assert (result.exit_code, fixed) == (0, FIXED)
    else:
        assert (result.exit_code, fixed) == (3, PROFILE)
        assert "is more than 500 folders deep: name it" in result.stderr


UNKNOWN = "it is not known what that file holds"


def test_policy_names_no_file_elsewhere(tree: Path) -> None:
    """An optional include adds nothing where there is no such file; what it adds is not known where
    there is one that is not read."""
    (tree.parent / "elsewhere").mkdir()
    (tree.parent / "elsewhere/rules").write_text("  network,\n")
    (tree / "link").symlink_to(tree.parent / "elsewhere")
    os.mkfifo(tree / "fifo")
    (tree / "own").write_text("  network,\n")
    (tree / "large").write_text("#\n" * (1 << 17) + "  network,\n")
    (tree / "some").mkdir()
    (tree / "some/link").symlink_to(tree.parent / "elsewhere/rules")
    clean = "profile x {{\n  network inet,\n  include if exists <{}>\n}}\n"
    for name, found in {
        "own": "it carries",
        "elsewhere/rules": "",
        "../elsewhere/rules": UNKNOWN,
        "link/rules": UNKNOWN,
        "link/none": "",
        "fifo": UNKNOWN,
        "link": UNKNOWN,
        "large": UNKNOWN,
        "some": UNKNOWN,
        f"{tree.parent}/elsewhere/rules".lstrip("/"): "",
    }.items():
        (tree / "a").write_text(clean.format(name))
        assert (found or "not_affected") in patcher("check", "--format", "json", tree / "a").stdout


def test_includes_are_looked_for_in_a_few_folders_alone(tree: Path) -> None:
    """What more than those hold is not known."""
    folder = tree / "sub"
    clean = "profile x {\n  network inet,\n  include if exists <none>\n}\n"
    for number, said in ((40, "not_affected"), (40, UNKNOWN)):
        for _ in range(number):
            folder /= "d"
            (folder / "apparmor.d").mkdir(parents=True)
        (folder / "p").write_text(clean)
        assert said in patcher("check", "--format", "json", folder / "p").stdout


@pytest.mark.parametrize("kind", ["a file", "a folder", "a link"])
@pytest.mark.parametrize("command", ["check", "scan"])
def test_what_an_include_holds_that_is_not_read_is_not_known(
    bench: Bench, kind: str, command: str
) -> None:
    """Neither what upstream's file of that name holds."""
    place = bench.place / "etc/apparmor.d/abstractions"
    place.mkdir(parents=True)
    many = "#\n" * (1 << 17) + "  network,\n"
    if kind == "a file":
        (place / "base").write_text(many)
    elif kind == "a folder":
        (place / "base").mkdir()
        for number in range(3):
            (place / f"base/{number}").write_text(many[: 1 << 17])
    else:
        (place / "other").write_text("  network,\n")
        (place / "base").symlink_to("other" if command == "scan" else bench.root / "victim")
    profile = PROFILE.replace("  network,\n", "  network inet,\n  include <abstractions/base>\n")
    bench.commit({"etc/apparmor.d/docker-default": profile})
    where = place.parent / "docker-default" if command == "check" else bench.place
    assert f"`include <abstractions/base>`: {UNKNOWN}" in patcher(command, where).stdout


NAMING = [
    'include if exists "%s"',
    'include "%s"',
    "#include <%s>",
    'abi "%s",',
    "abi <%s>,",
    'if defined $x { include if exists "%s" }',
    '{{if .X}}include if exists "%s"{{end}}',
    "{{if .X}}\n  include if exists %s\n{{end}}",
]


@pytest.mark.skipif(not parser.installed(), reason="apparmor_parser is not installed")
@pytest.mark.parametrize(("rule", "inside"), pairs(NAMING, [True, False]))
def test_the_parser_opens_no_file_that_policy_names(bench: Bench, rule: str, inside: bool) -> None:
    fifo = bench.root / "fifo"
    os.mkfifo(fifo)
    opened: list[int] = []
    writer = threading.Thread(target=lambda: opened.append(os.open(fifo, os.O_WRONLY)), daemon=True)
    writer.start()  # and waits until somebody opens the other end
    for number, path in enumerate((str(fifo), "../" * 20 + str(fifo).lstrip("/"))):
        line = f"  {rule % path}\n"
        text = f"{line}{PROFILE}"
        if inside:
            text = PROFILE.replace("  capability,\n", f"{line}  capability,\n")
        bench.commit({"docker-default": text, "count": str(number)})
        for command, statuses in (("verify", (1, 4)), ("diff", (0, 1))):
            result = patcher(command, bench.place)
            assert result.exit_code in statuses, result.stderr
            assert "did not end" not in result.stdout + result.stderr
    assert not opened
    os.close(os.open(fifo, os.O_RDONLY))  # which ends the writer
    writer.join()
    os.close(opened[0])


@pytest.mark.skipif(not parser.installed(), reason="apparmor_parser is not installed")
def test_what_a_killed_proof_left_is_removed(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing that another one uses, or that is no such folder."""
    folder = tmp_path / "temporary"
    for name in ("patcher-proof-dead", "patcher-proof-living", "patcher-proof-none", "other"):
        (folder / name).mkdir(parents=True)
        if name != "patcher-proof-none":
            (folder / name / "policy").touch()
        os.utime(folder / name, (0, 0))
    (folder / "patcher-proof-new").mkdir()
    (folder / "patcher-proof-other/of somebody").mkdir(parents=True)
    os.utime(folder / "patcher-proof-other", (0, 0))
    (folder / "patcher-proof-link").symlink_to("other")
    with (folder / "patcher-proof-living/policy").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        code = "from patcher.__main__ import main; import sys; sys.exit(main())"
        subprocess.run(
            [sys.executable, "-c", code, "verify", str(tree)],
            env={**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(HERE)},
            check=False,
            capture_output=True,
        )
    left = sorted(path.name for path in folder.iterdir())
    kept = ("link", "living", "new", "other")
    assert left == ["other", *(f"patcher-proof-{name}" for name in kept)]


COMMENTS = {
    "one": "# \0\n",
    "many in a line": "# " + "\0" * 4000 + "\n",
    "many lines": "# \0\0\0\0\0\0\n" * 2000,
    "behind a rule": "  capability, # \0\0" + "\0" * 400 + "\n",
}


@pytest.mark.parametrize("comment", COMMENTS)
@pytest.mark.parametrize("others", [0, 700])
def test_nul_bytes_in_comments_hide_no_profile(bench: Bench, comment: str, others: int) -> None:
    """AppArmor's parser compiles the profile; of many files git looks at their contents first."""
    text = PROFILE.replace("{\n", "{\n" + COMMENTS[comment], 1)
    bench.commit({"hidden": text, **{f"others/{n}": f"{n}\n" for n in range(others)}})
    for result in (patcher("check", bench.place / "hidden"), patcher("scan", bench.place)):
        assert "hidden:1" in result.stdout and "a NUL byte stands in it" in result.stdout

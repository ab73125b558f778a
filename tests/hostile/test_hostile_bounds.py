"""Repositories that are small to send and large to read: each within its bounds of memory and time.

The same for files of policy that are made to be hard (``bombs.py``).

Memory is that of all of patcher's processes together, looked at every few milliseconds, and at
least the highest that the kernel saw for any single one. The kernel counts from the fork on, when
a process has its parent's memory still, so something small starts patcher, and not the tests.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.git.server import Server
from tests.hostile import bombs
from tests.hostile.bench import BRANCH, COMMANDS, FIXED, PROFILE, Bench, patcher
from tests.needs import needs_parser

pytestmark = pytest.mark.bombs

MEMORY = 300
"""MiB that all processes of one command may take together."""

SECONDS = 40.0
"""Of processor time, for any one of the commands here: what two cores have in 20 seconds. Most take
a tenth. Other tests run beside it, so the clock tells nothing."""

PROCESSOR_SECONDS = 60.0
"""The same for one file that is made to be hard."""

HANGS = 6
"""After so many times the bound by the clock, a command is killed."""

HERE = Path(__file__).parents[2]
PAGE = os.sysconf("SC_PAGE_SIZE")
MIB = 1 << 20


STARTER = """
import os, sys
child = os.posix_spawn(sys.executable, [sys.executable, "-m", "patcher", *sys.argv[2:]], os.environ)
_, status, usage = os.wait4(child, 0)
with open(int(sys.argv[1]), "w") as figures:
    print(os.waitstatus_to_exitcode(status), usage.ru_maxrss * 1024, file=figures)
"""


@dataclass(frozen=True, slots=True)
class Ran:
    status: int
    stdout: str
    stderr: str
    peak: float
    processor: float
    """Seconds of processor time."""


def measured(bench: Bench, *arguments: str, most: float = SECONDS) -> Ran:
    """Run patcher in a session of its own, within the bounds."""
    others = processes()
    with (
        (bench.root / "stdout").open("w+b") as out,
        (bench.root / "stderr").open("w+b") as errors,
        (bench.root / "figures").open("w+b") as figures,
        subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", STARTER, str(figures.fileno()), *arguments],
            cwd=HERE,
            stdout=out,
            stderr=errors,
            start_new_session=True,
            pass_fds=[figures.fileno()],
        ) as starter,
    ):
        peak = 0
        ended = threading.Event()
        start = time.monotonic()

        def watch() -> None:
            nonlocal peak
            while not ended.wait(0.01):
                peak = max(peak, resident(starter.pid, others))
                if peak > 4 * MEMORY * MIB or time.monotonic() - start > HANGS * most:
                    os.killpg(starter.pid, signal.SIGKILL)  # the figures below say why

        watcher = threading.Thread(target=watch)
        watcher.start()
        _, status, usage = os.wait4(starter.pid, 0)
        starter.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - start
        ended.set()
        watcher.join()
        for file in (out, errors, figures):
            file.seek(0)
        ended_with, single = (
            int(each) for each in figures.read().split() or (starter.returncode, 0)
        )
        ran = Ran(
            ended_with,
            out.read().decode(errors="replace"),
            errors.read().decode(errors="replace"),
            max(peak, single) / MIB,
            usage.ru_utime + usage.ru_stime,
        )
    took = f"{ran.processor:.1f} of {seconds:.1f} s"
    told = f"{ran.peak:.0f} MiB, {took}, {ran.status}: {ran.stderr[:500]}"
    print(" ".join(arguments[:1]), told)
    assert ran.peak < MEMORY, told
    assert ran.processor < most, told
    assert "unexpected" not in ran.stderr, told
    return ran


def processes() -> set[int]:
    """The ids of all processes."""
    with os.scandir("/proc") as entries:
        return {int(entry.name) for entry in entries if entry.name.isdigit()}


def resident(top: int, others: set[int]) -> int:
    """Bytes that a process and all below it hold. One that is about to run another program has its
    parent's memory and not its own, so it counts for nothing (vfork(2)).

    ``others`` are processes that need not be read: those older than that one, and their children,
    which are added. Those that have ended are removed, since their ids may be given again."""
    known: dict[int, tuple[int, tuple[bytes, bytes]]] = {}
    there = processes()
    others &= there
    for process in there - others:
        try:
            fields = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            continue
        parent = int(fields[1])
        if parent in others and process != top:
            others.add(process)
        else:
            known[process] = parent, (fields[20], fields[21])
    ours = {top}
    while more := {child for child, (parent, _) in known.items() if parent in ours} - ours:
        ours |= more
    held = {each: known[each] for each in ours & known.keys()}
    return PAGE * sum(
        int(sizes[1])
        for parent, sizes in held.values()
        if parent not in held or held[parent][1] != sizes
    )


def big_blob(bench: Bench, size: int, head: bytes, body: bytes) -> str:
    """A loose blob of ``size`` bytes that compresses to about a thousandth: ``head``, and then
    ``body`` over and over; made without compressing it all."""
    assert MIB % len(body) == 0 and size % MIB == 0 and len(head) < MIB
    piece = body * (MIB // len(body))
    first = head + piece[len(head) :]
    top = b"blob %d\0" % size + first
    digest, check = hashlib.sha1(top), zlib.adler32(top)
    for _ in range(size // MIB - 1):
        digest.update(piece)
        check = zlib.adler32(piece, check)
    packer = zlib.compressobj()
    start = packer.compress(top) + packer.flush(zlib.Z_FULL_FLUSH)
    repeated = packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)
    oid = digest.hexdigest()
    path = bench.git_dir / "objects" / oid[:2] / oid[2:]
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as file:
        file.write(start)
        for _ in range(size // MIB - 1):
            file.write(repeated)
        file.write(b"\x03\x00" + check.to_bytes(4, "big"))
    return oid


def entry_header(kind: int, size: int) -> bytes:
    """gitformat-pack(5): type and size."""
    head = [kind << 4 | size & 15]
    size >>= 4
    while size:
        head[-1] |= 0x80
        head.append(size & 0x7F)
        size >>= 7
    return bytes(head)


def number(value: int) -> bytes:
    """A size in a delta, seven bits a byte."""
    digits = [value & 0x7F]
    while value := value >> 7:
        digits[-1] |= 0x80
        digits.append(value & 0x7F)
    return bytes(digits)


DELTA_BASE = (b"network, # and so on.......\n" * 2000)[: 1 << 15]


def delta_bomb(bench: Bench, size: int) -> str:
    """A pack of a few kilobytes with a blob that is a delta: its base, copied over and over."""
    base = DELTA_BASE
    copies = size // len(base)
    delta = number(len(base)) + number(size) + b"\xa0\x80" * copies  # copy 0x8000 bytes from 0
    digest = hashlib.sha1(b"blob %d\0" % size)
    for _ in range(copies):
        digest.update(base)
    oid = digest.digest()
    base_oid = hashlib.sha1(b"blob %d\0" % len(base) + base).digest()
    objects = [
        (base_oid, entry_header(3, len(base)) + zlib.compress(base)),
        (oid, entry_header(7, len(delta)) + base_oid + zlib.compress(delta)),
    ]
    pack = b"PACK" + (2).to_bytes(4, "big") + len(objects).to_bytes(4, "big")
    offsets = {}
    for name, data in objects:
        offsets[name] = (len(pack), zlib.crc32(data))
        pack += data
    pack += hashlib.sha1(pack).digest()
    names = sorted(offsets)
    index = b"\xfftOc" + (2).to_bytes(4, "big")
    index += b"".join(
        sum(name[0] <= byte for name in names).to_bytes(4, "big") for byte in range(256)
    )
    index += b"".join(names)
    index += b"".join(offsets[name][1].to_bytes(4, "big") for name in names)
    index += b"".join(offsets[name][0].to_bytes(4, "big") for name in names)
    index += pack[-20:]
    index += hashlib.sha1(index).digest()
    folder = bench.git_dir / "objects" / "pack"
    for suffix, content in (("pack", pack), ("idx", index)):
        (folder / f"pack-{pack[-20:].hex()}.{suffix}").write_bytes(content)
    return oid.hex()


@pytest.mark.parametrize("kind", ["http", "file"])
def test_a_remote_that_sends_half_a_gibibyte_in_a_kilobyte(
    bench: Bench, state: Path, kind: str
) -> None:
    """Receiving it, or sending it where what it is a delta of is not sent, git would hold it."""
    base = bench.put("blob", DELTA_BASE)
    bomb = ("100644", b"bomb", delta_bomb(bench, 1 << 29))
    with_profile(bench, bomb, *[("100644", b"base", base)] * (kind == "http"))
    with Server(bench.place.parent) as server:
        url = f"{server.url}/ok/fork/.git" if kind == "http" else f"file://{bench.place}"
        ran = measured(bench, "scan", url)
    assert ran.status == 3
    assert "more memory than git may use (160 MiB, FETCH_MEMORY)" in ran.stderr


def with_profile(bench: Bench, *more: tuple[str, bytes, str]) -> None:
    """Commit a tree of a profile to fix and of something else."""
    blob = bench.put("blob", PROFILE.encode())
    entries = sorted([("100644", b"docker-default", blob), *more], key=lambda entry: entry[1])
    bench.commit_tree(bench.tree(*entries))


def everything(bench: Bench) -> dict[str, Ran]:
    ran = {}
    for command in COMMANDS:
        extra = () if command in ("scan", "verify") else ("--proof", "off")
        ran[command] = measured(bench, command, *extra, str(bench.place))
    return ran


@pytest.mark.parametrize("kind", ["loose", "delta"])
def test_a_blob_of_a_gibibyte(bench: Bench, kind: str) -> None:
    size = 1 << 30
    if kind == "loose":
        oid = big_blob(bench, size, b"", b"network, # and so on..........\n\n")
    else:
        oid = delta_bomb(bench, size)
    with_profile(bench, ("100644", b"bomb", oid))
    for command in (["scan"], ["apply", "--proof", "off"]):
        ran = measured(bench, *command, str(bench.place))
        told = ran.stdout + ran.stderr
        assert "bomb" in told
        assert "over the size limit of 8 MiB" in told or "cannot be read" in told, told
    assert bench.git("branch", "--list", BRANCH) != ""


@pytest.mark.parametrize("command", ["scan", "apply", pytest.param("verify", marks=needs_parser)])
def test_a_tree_bomb(bench: Bench, command: str) -> None:
    tree = bench.tree(("100644", b"f", bench.put("blob", b"network,\n")))
    for _ in range(9):
        tree = bench.tree(*(("40000", b"%d" % n, tree) for n in range(10)))
    with_profile(bench, ("40000", b"t", tree))
    ran = measured(bench, command, str(bench.place))
    assert ran.status == 3
    assert "its tree has more than 5000000 entries" in ran.stderr


def test_the_same_rule_at_a_million_paths(bench: Bench) -> None:
    blob = bench.put("blob", b"network,\n")
    tree = bench.tree(*(("100644", b"%03d" % n, blob) for n in range(100)))
    for _ in range(2):
        tree = bench.tree(*(("40000", b"%03d" % n, tree) for n in range(100)))
    bench.commit_tree(tree)
    ran = measured(bench, "apply", str(bench.place))
    assert ran.status == 3
    assert "more than 10000 files have network rules" in ran.stderr, ran.stderr
    assert bench.git("branch", "--list", BRANCH) == ""


@needs_parser
def test_the_bound_on_files_holds_for_verify(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("patcher.campaign.look.MAX_MATCHES", 2)
    blob = bench.put("blob", PROFILE.encode())
    bench.commit_tree(bench.tree(*(("100644", b"%d" % n, blob) for n in range(4))))
    result = patcher("verify", bench.place)
    assert result.exit_code == 3
    assert "more than 2 files have network rules" in result.stderr


def test_large_files_that_all_change(bench: Bench) -> None:
    """A dozen files just under the size limit, in a pack of a few kilobytes each."""
    entries = []
    for n in range(12):
        content = PROFILE.encode() + b"# %d\n" % n + b"#" * (7 * MIB)
        entries.append(("100644", b"p%02d" % n, bench.put("blob", content)))
    bench.commit_tree(bench.tree(*entries))
    for command in (["scan"], ["apply", "--proof", "off"]):
        ran = measured(bench, *command, str(bench.place))
        assert ran.status == 3
        assert "over the limit of 32 MiB in all" in ran.stderr, ran.stderr


def test_a_hundred_thousand_files(bench: Bench) -> None:
    blobs = [bench.put("blob", b"file %d\n" % n) for n in range(10)]
    entries = []
    for folder in range(100):
        files = (("100644", b"%04d" % n, blobs[(n + folder) % 10]) for n in range(1000))
        entries.append(("40000", b"d%03d" % folder, bench.tree(*files)))
    with_profile(bench, *entries)
    for name, ran in everything(bench).items():
        assert ran.status == (0 if name == "apply" else 1), (name, ran.stderr)


def test_many_refs(bench: Bench) -> None:
    head = bench.git("rev-parse", "HEAD")
    with (bench.git_dir / "packed-refs").open("w") as file:
        file.write("# pack-refs with: peeled fully-peeled sorted \n")
        file.writelines(f"{head} refs/heads/release/{n:09d}\n" for n in range(1_000_000))
    ran = measured(bench, "scan", str(bench.place))
    assert ran.status == 1
    ran = measured(bench, "apply", "--proof=off", str(bench.place))
    assert ran.status == 0, ran.stderr
    ran = measured(bench, "scan", "--base", "release/*", str(bench.place))
    assert ran.status == 3
    assert "packed-refs is over the limit of 32 MiB for globs" in ran.stderr
    with (bench.git_dir / "packed-refs").open("r+") as file:
        file.truncate(46 + 70 * 400_000)  # whole lines
    ran = measured(bench, "scan", "--base", "release/*", str(bench.place))
    assert ran.status == 3
    assert "more than 10000 branches match" in ran.stderr


def test_a_packed_refs_without_end(bench: Bench) -> None:
    bench.git("pack-refs", "--all")
    with (bench.git_dir / "packed-refs").open("r+b") as file:
        file.truncate(1 << 34)  # sparse
    ran = measured(bench, "scan", str(bench.place))
    assert ran.status == 3
    assert "packed-refs is over the limit of 128 MiB" in ran.stderr


def test_deep_folders(bench: Bench) -> None:
    tree = bench.tree(("100644", b"docker-default", bench.put("blob", PROFILE.encode())))
    for _ in range(900):
        tree = bench.tree(("40000", b"d", tree))
    bench.commit_tree(tree)
    assert measured(bench, "apply", "--proof", "off", str(bench.place)).status == 0
    for _ in range(1200):
        tree = bench.tree(("40000", b"d", tree))
    bench.commit_tree(tree)
    ran = measured(bench, "scan", str(bench.place))
    assert ran.status == 3
    assert "a path longer than 4096 bytes" in ran.stderr


def _files(bench: Bench, number: int, content: bytes) -> str:
    blob = bench.put("blob", content)
    return bench.tree(*(("100644", b"%07d" % n, blob) for n in range(number)))


def _names(bench: Bench, length: int, content: bytes) -> str:
    return bench.tree(("40000", b"a" * length, _files(bench, 900, content)))


def _chain(bench: Bench) -> str:
    tree = _files(bench, 900, PROFILE.encode())
    for _ in range(1900):
        tree = bench.tree(("40000", b"d", tree))
    return tree


def _wide(bench: Bench, mode: str, oid: str) -> str:
    """60 MiB of trees, with the same below each of two million names."""
    return bench.tree(
        *(
            (
                "40000",
                b"%02d" % n,
                bench.tree(*((mode, b"%02d%06d" % (n, i), oid) for i in range(28000))),
            )
            for n in range(60)
        )
    )


def _many_names(bench: Bench) -> str:
    """112 MiB of trees, each within its own bound."""
    one = bench.put("blob", b"x")
    return bench.tree(
        *(
            (
                "40000",
                b"%d" % n,
                bench.tree(
                    *(("100644", b"%d-%06d-" % (n, i) + b"a" * 3900, one) for i in range(3700))
                ),
            )
            for n in range(8)
        )
    )


def _chains(bench: Bench) -> str:
    """A thousand times the same two thousand folders, with a profile that includes."""
    text = PROFILE.replace("  network,\n", "  include <tunables/none>\n  network,\n")
    tree = bench.tree(("100644", b"p", bench.put("blob", text.encode())))
    for _ in range(1900):
        tree = bench.tree(("40000", b"d", tree))
    return bench.tree(*(("40000", b"%03d" % n, tree) for n in range(1000)))


def _wide_folders(bench: Bench) -> str:
    """Profiles in folders of 10 MiB."""
    one, other = (bench.put("blob", each) for each in (b"x", PROFILE.encode()))
    files = [("100644", b"%07d" % n, one) for n in range(300_000)]
    return bench.tree(
        *(("40000", b"%d" % n, bench.tree(*files, ("100644", b"z%d" % n, other))) for n in range(5))
    )


def _findings(bench: Bench) -> str:
    profiles = "".join(
        f"profile p{n} flags=(attach_disconnected,mediate_deleted) {{\n network,\n}}\n"
        for n in range(4900)
    )
    return bench.tree(("40000", b"a" * 4000, _files(bench, 4, profiles.encode())))


def _checksums(bench: Bench) -> str:
    contents = [PROFILE.encode() + b"# %d\n" % n for n in range(500)]
    profiles = bench.tree(
        *(("100644", b"%04d" % n, bench.put("blob", each)) for n, each in enumerate(contents))
    )
    sums = "".join(f"{hashlib.sha256(each).hexdigest()}\n" for each in contents)
    return bench.tree(
        ("40000", b"a" * 4000, _files(bench, 50, sums.encode())), ("40000", b"p", profiles)
    )


TREES: dict[str, tuple[Callable[[Bench], str], str]] = {
    "a name of a megabyte": (lambda b: _names(b, MIB, b"nothing,\n"), "longer than 4096 bytes"),
    "the same, and rules": (lambda b: _names(b, MIB, b"network,\n"), "longer than 4096 bytes"),
    "a name of 4,000 bytes": (lambda b: _names(b, 4000, PROFILE.encode()), ""),
    "a chain of folders": (_chain, ""),
    "a tree of 62 MiB": (lambda b: _files(b, (62 << 20) // 35, b"x"), "a tree object of 65011695"),
    "a tree of 16 MiB": (lambda b: _files(b, (16 << 20) // 35, b"x"), ""),
    "trees of 112 MiB": (_many_names, "its trees are over the limit of 96 MiB"),
    "a thousand chains": (_chains, "the folders of the files to change are over"),
    "wide folders": (_wide_folders, "the folders of the files to change are over"),
    "two million files": (lambda b: _wide(b, "100644", b.put("blob", b"x")), ""),
    "two million folders": (lambda b: _wide(b, "40000", b.put("tree", b"")), ""),
    "long paths of many findings": (_findings, "the paths of its findings are over the limit of 4"),
    "checksums at long paths": (_checksums, ""),
}
"""Trees of a commit, and what is said of those that are over a bound, by one command at least."""


UNDER_ALL = "a name of 4,000 bytes"
AND_VERIFY = ("a tree of 16 MiB", "two million files", "checksums at long paths")


def _commands(tree: str) -> tuple[str, ...]:
    """`scan` and `diff` do a part of what `apply` does; `verify` reads as much in its own way."""
    if tree == UNDER_ALL:
        return COMMANDS
    return ("verify", "apply") if tree in AND_VERIFY and "verify" in COMMANDS else ("apply",)


@pytest.mark.parametrize("name", TREES)
def test_a_large_tree_of_few_objects(bench: Bench, state: Path, name: str) -> None:
    """Under `apply`, which does the most; ``every_bomb.py`` has each under all commands."""
    hold_tree(bench, state, name, _commands(name))


def hold_tree(bench: Bench, state: Path, name: str, commands: Sequence[str]) -> None:
    tree, bound = TREES[name]
    with_profile(bench, ("40000", b"t", tree(bench)))
    told = []
    for command in commands:
        extra = () if command in ("scan", "verify") else ("--proof", "off")
        ran = measured(bench, command, *extra, str(bench.place))
        told.append(ran.stderr)
        assert ran.status == 3 if bound and bound in ran.stderr else ran.status in (0, 1)
    assert any(bound in each for each in told)
    assert sum(file.stat().st_size for file in state.rglob("*")) < 8 * MIB


def test_a_line_of_a_hundred_megabytes(bench: Bench) -> None:
    oid = big_blob(bench, 100 * MIB, b"  network,\n", b"network ")
    with_profile(bench, ("100644", b"line.conf", oid))
    ran = measured(bench, "scan", str(bench.place))
    assert ran.status == 1
    assert "100 MiB is over the size limit of 8 MiB" in ran.stdout


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join('*' + chr(97 + n) for _ in range(9))}]\n"
    for n in range(9)
)
INDENTED = "".join(f"  {line}\n" for line in PROFILE.splitlines())
TEXTS: dict[str, Callable[[], str]] = {
    "laughs.yaml": lambda: f"{LAUGHS}profile: |\n{INDENTED}",
    "merged.yaml": lambda: (
        "a: &a {x: 1}\n"
        + "".join(
            f"m{n}: &m{n}\n"
            + "".join(f"  k{i}: *{'a' if n == 0 else f'm{n - 1}'}\n" for i in range(9))
            for n in range(9)
        )
        + f"profile: |\n{INDENTED}"
    ),
    "deep.json": lambda: "[" * 100_000 + json.dumps(PROFILE) + "]" * 100_000,
    "deep.yaml": lambda: "[" * 20_000 + json.dumps(PROFILE) + "]" * 20_000,
    "deep.py": lambda: "(" * 100_000 + f'"""{PROFILE}"""' + ")" * 100_000,
    "deep.toml": lambda: "x = " + "[" * 100_000 + f"'''{PROFILE}'''" + "]" * 100_000,
    "numbers.json": lambda: f'{{"n": {"9" * 1_000_000}, "p": {json.dumps(PROFILE)}}}',
    "braces": lambda: PROFILE + "{" * 30_000,
    "children": lambda: PROFILE[:-2] + "profile x {\n" * 1_000 + "network,\n" + "}\n" * 1_000,
    "line.go": lambda: "x := `" + PROFILE + "a" * (2 * MIB) + "`",
    "rules": lambda: PROFILE.replace("  network,\n", "  network,\n" * 2_000),
    "profiles": lambda: PROFILE * 500,
    "ifs.tmpl": lambda: PROFILE.replace(
        "  file,", "{{if .A}}\n" * 300 + "  file,\n" + "{{end}}\n" * 300
    ),
}


@pytest.mark.parametrize("name", TEXTS)
def test_texts_that_expand(bench: Bench, name: str) -> None:
    with_profile(bench, ("100644", name.encode(), bench.put("blob", TEXTS[name]().encode())))
    ran = measured(bench, "diff", "--proof", "off", str(bench.place))
    assert "+  deny network alg," in ran.stdout  # of the file beside it, at least
    ran = measured(bench, "verify", "--exclude", "docker-default", str(bench.place))
    assert ran.status in (0, 1, 3, 4)


# -- policy text made to be hard


@contextmanager
def placed(bench: Bench, bomb: bombs.Bomb) -> Iterator[str]:
    """A file outside git, for a while: pytest keeps what a test leaves behind."""
    path = bench.root / "bomb" / bomb.name
    path.parent.mkdir(parents=True)
    path.write_bytes(bomb.content)
    yield str(path)
    path.unlink()


def hard(bench: Bench, *arguments: str) -> Ran:
    return measured(bench, *arguments, most=PROCESSOR_SECONDS)


@pytest.mark.parametrize("name", bombs.OVER)
def test_a_file_over_a_bound_is_one_finding(bench: Bench, name: str) -> None:
    """It is for a person to look at, and never clean, however much of it was read."""
    bomb = bombs.OVER[name]
    with placed(bench, bomb) as path:
        ran = hard(bench, "check", "--docs", "--profiles", "all", path)
    assert ran.status == 0
    assert bomb.reason in ran.stdout, ran.stdout[:1000]
    assert "1 file: 1 needs review." in ran.stdout


@pytest.mark.parametrize("name", bombs.UNDER)
def test_a_file_under_the_bounds_is_read(bench: Bench, name: str) -> None:
    with placed(bench, bombs.UNDER[name]) as path:
        ran = hard(bench, "check", "--profiles", "all", path)
    assert ran.status == 1
    assert "blanket network rule, and nothing denies alg" in ran.stdout
    assert "so not read" not in ran.stdout


PIPED = """
import resource, subprocess, sys
command = [sys.executable, "-m", "patcher", "check", "-"]
done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
"""


def test_a_gibibyte_on_standard_input(tmp_path: Path) -> None:
    with (tmp_path / "zeros").open("w+b") as zeros:
        zeros.truncate(1 << 30)
        run = [sys.executable, "-c", PIPED]
        done = subprocess.run(run, stdin=zeros, capture_output=True, text=True, cwd=HERE)
    status, peak = map(int, done.stdout.split())
    assert status == 0
    assert peak < MEMORY


def test_a_message_without_end(bench: Bench) -> None:
    ran = measured(bench, "apply", "--message-file", "/dev/zero", str(bench.place))
    assert ran.status == 2
    assert "--message-file /dev/zero: a pipe, device or directory: name a file" in ran.stderr


URL = "https://example.org/a/b"
LISTS: dict[str, tuple[Callable[[], str], str]] = {
    "nested.yaml": (lambda: "[" * 8000, "nested too deeply"),
    "inner.yaml": (lambda: "- [" + "[" * 8000, "nested too deeply"),
    "words.yaml": (lambda: "- [" + "a," * 15_000_000 + "]", "more than 1200000 keys and values"),
    "rows.yaml": (lambda: "- a\n" * 7_500_000, "more than 200000 rows"),
    "columns.csv": (lambda: "a" + ",a" * 500_000 + "\n", "column 'a' twice"),
    "many.csv": (lambda: ",".join(map(str, range(120_000))), "the columns are 0, 1, 2"),
    "cells.csv": (lambda: "url\n" + "," * 30_000_000, "a line of more than 1048576 characters"),
    "rows": (lambda: "a\n" * 15_000_000, "more than 200000 rows"),
    "urls": (lambda: "".join(f"{URL}{n}\n" for n in range(1_000_000)), "more than 200000 rows"),
    "blanks": (lambda: "\n" * 10_000_000 + "/nowhere", "10000001: "),
    "numbers.json": (lambda: "[[" + "1," * 15_000_000, "more than 1200000 values"),
    "rows.json": (lambda: "[" + '{"url":"a"},' * 500_000 + '""]', "more than 200000 rows"),
    "values.json": (lambda: "[" + '{"url":"a"},' * 2_000_000, "more than 1200000 values"),
    "texts.json": (lambda: "[" + '"abcdefghijklmnopqrst",' * 1_199_000 + "1]", "200000 rows"),
    "keys.json": (lambda: '[{"a": ' + '{"url":"ab"},"a":' * 500_000 + "1}]", "no key url"),
    "anchors.yaml": (lambda: "- &a [ab, cd, ef, gh, ij, kl]\n" * 1_000_000, "1200000 keys"),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_made_to_be_hard(bench: Bench, name: str) -> None:
    text, reason = LISTS[name]
    file = bench.root / name
    file.write_text(text())
    ran = hard(bench, "repos", "--from", str(file))
    file.unlink()
    assert ran.status in (2, 3)  # 2: no row of it names a repository
    assert reason in ran.stderr, ran.stderr[:1000]


@needs_parser
@pytest.mark.parametrize("name", bombs.COMPILED)
def test_a_file_that_is_hard_to_compile(bench: Bench, name: str) -> None:
    bomb = bombs.COMPILED[name]
    with placed(bench, bomb) as path:
        ran = hard(bench, "verify", path)
    assert "docker-default" in ran.stdout
    assert bomb.reason in ran.stdout, ran.stdout[:1000]
    bench.commit({bomb.name: bomb.content.decode()})
    ran = hard(bench, "diff", str(bench.place))
    assert ran.status == 1
    assert "+  deny network alg," in ran.stdout


def _hard_to_compile(number: int) -> str:
    return bombs._moby(bombs.DFA, 1).replace("**y", f"**{number}y")


@needs_parser
@pytest.mark.parametrize("command", ["diff", "apply", "verify"])
@pytest.mark.parametrize("together", [True, False])
def test_the_time_limit_holds_in_proving(bench: Bench, command: str, together: bool) -> None:
    """Sixty profiles take minutes."""
    files = {f"p{n:02d}": _hard_to_compile(n) for n in range(60)}
    bench.commit({"all": "".join(files.values())} if together else files)
    ran = hard(bench, command, "--timeout", "3", str(bench.place))
    assert ran.status == 3
    assert "took longer than the limit of 3 s (--timeout)" in ran.stderr
    assert bench.git("branch", "--list", BRANCH) == ""


@needs_parser
def test_the_time_limit_of_verify_is_for_each_file(bench: Bench) -> None:
    hard_one = bench.root / "hard"
    hard_one.write_text("".join(map(_hard_to_compile, range(60))))
    plain = bench.root / "plain"
    plain.write_text(FIXED)
    ran = hard(bench, "verify", "--timeout", "5", str(hard_one), str(plain))
    assert ran.status == 3
    assert f"{hard_one}: took longer than the limit of 5 s (--timeout)" in ran.stderr
    assert f"{plain}:2  docker-default" in ran.stdout


LATE = "took longer than the limit of 0.2 s (--timeout)"


def test_the_time_limit_of_check_is_for_each_file(bench: Bench) -> None:
    """What is given up is left as it is, on standard input too; the file after it is fixed."""
    text = PROFILE + bombs.UNDER["statements"].text()
    hard_one = bench.root / "a"
    hard_one.write_text(text)
    plain = bench.root / "plain"
    plain.write_text(PROFILE)
    ran = hard(bench, "check", "--fix", "--timeout", "0.2", str(hard_one), str(plain))
    assert ran.status == 3
    assert ran.stderr == f"patcher: {hard_one}: {LATE}\n"
    assert (hard_one.read_text(), plain.read_text()) == (text, FIXED)
    done = patcher("check", "--fix", "--timeout", "0.2", "-", stdin=text.encode())
    assert done.exit_code == 3
    assert done.stdout == text
    assert f"patcher: -: {LATE}\n" in done.stderr


def test_the_time_limit_holds_where_profiles_share_a_long_section(bench: Bench) -> None:
    """Two thousand profiles put in the same four megabytes."""
    with placed(bench, bombs.COMPILED["an action that profiles share"]) as path:
        ran = measured(bench, "check", "--timeout", "1", path, most=6)
    assert "took longer than the limit of 1 s (--timeout)" in ran.stderr


IN_A_REPOSITORY = ("braces", "profiles", "if", "UTF-16", "a JSON list", "Go literals", "CRLF")


def test_a_repository_of_them(bench: Bench) -> None:
    """Each file alone is left out; the profile beside them is changed."""
    over = {f"{number}-{bombs.OVER[name].name}": bombs.OVER[name]
            for number, name in enumerate(IN_A_REPOSITORY)}  # fmt: skip
    under = bombs.UNDER["lines"]
    with_profile(
        bench,
        ("100644", b"under", bench.put("blob", under.content)),
        *(("100644", name.encode(), bench.put("blob", b.content)) for name, b in over.items()),
    )
    ran = hard(bench, "scan", "--format", "json", str(bench.place))
    (target,) = json.loads(ran.stdout)["targets"]
    found = {finding["path"]: finding for finding in target["findings"]}
    assert len(found) == len(target["findings"])
    for name, bomb in over.items():
        assert found[name]["status"] == "under_investigation"
        assert bomb.reason in found[name]["reason"]
    assert found["docker-default"]["status"] == found["under"]["status"] == "affected"
    ran = hard(bench, "apply", str(bench.place))
    assert ran.status == 0
    changed = bench.git("diff", "--name-only", "main", BRANCH).split()
    assert changed == ["docker-default", "under"]
    if "verify" not in COMMANDS:
        pytest.skip("apparmor_parser is not installed")
    ran = hard(bench, "verify", str(bench.place))
    assert ran.status == 3
    for name, bomb in over.items():
        assert f"{name}: {bomb.reason}" in ran.stderr


MODERATE = "network," * 32_000 + "\n"
INCLUDED: dict[str, tuple[int, Callable[[int], str], tuple[str, ...]]] = {
    "a folder": (4000, lambda n: "  file,\n" + f"#{'#' * 100}\n" * 2500, ("many",)),
    "many names": (1, lambda n: "", tuple(f"if exists x/y/{n}" for n in range(49_000))),
    "many files": (
        60,
        lambda n: f"network inet x{n},\n{MODERATE}",
        tuple(f"many/{n}" for n in range(60)),
    ),
}


@pytest.mark.parametrize("kind", INCLUDED)
@pytest.mark.parametrize("git", [True, False])
def test_what_policy_includes_has_a_bound(bench: Bench, kind: str, git: bool) -> None:
    count, content, names = INCLUDED[kind]
    folder = bench.place / "apparmor.d"
    (folder / "many").mkdir(parents=True)
    rules = "".join(f"  include <{name}>\n".replace("<if exists ", "if exists <") for name in names)
    (folder / "p").write_text(PROFILE.replace("  network,\n", f"  network inet,\n{rules}"))
    written: dict[str, Path] = {}
    for n in range(count):
        path = folder / f"many/{n}"
        text = content(n)
        if text in written:
            os.link(written[text], path)
        else:
            path.write_text(text)
            written[text] = path
    if git:
        bench.git("add", "-A")
        bench.git("commit", "-q", "-m", "more")
    where = bench.place if git else folder / "p"
    ran = hard(bench, "scan" if git else "check", "--include", "**/p", str(where))
    assert "it is not known what that file holds" in ran.stdout or "it carries" in ran.stdout
    if "verify" in COMMANDS:
        hard(bench, "verify", "--include", "**/p", str(where))


def test_more_findings_than_a_commit_may_have(bench: Bench) -> None:
    profiles = [bench.put("blob", (FIXED * 4500 + "#" * n).encode()) for n in range(5)]
    bench.commit_tree(bench.tree(*(("100644", b"%d" % n, blob) for n, blob in enumerate(profiles))))
    ran = hard(bench, "scan", str(bench.place))
    assert ran.status == 3
    assert "more than 20000 findings: use --include or --exclude" in ran.stderr

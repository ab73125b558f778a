"""A virtual machine that loads compiled policies and opens sockets under them."""

from __future__ import annotations

import gzip
import lzma
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "FAMILIES",
    "ROUTES",
    "SOCKETS",
    "BootError",
    "CompileError",
    "Machine",
    "Run",
    "Seen",
    "Socket",
    "Unavailable",
    "parse",
]

HERE = Path(__file__).parent

PACKAGES = "apparmor busybox-static gcc linux-image-cloud-amd64 qemu-system-x86"
"""Debian packages that hold all that is needed."""

FEATURES = Path("/etc/apparmor.d/abi/3.0")
"""What the parser compiles for. Named outright: a parser on a machine without AppArmor would find
no features and compile no network rule at all."""

Socket = tuple[str, str, str]
"""Route, family, type."""

ROUTES: Mapping[str, str] = {
    "socket": "64-bit, socket(2)",
    "int80-socketcall": "64-bit, int 0x80 socketcall(2)",
    "int80-socket": "64-bit, int 0x80 socket(2)",
    "io_uring": "64-bit, io_uring IORING_OP_SOCKET",
    "i386-socketcall": "32-bit, socketcall(2)",
    "i386-socket": "32-bit, socket(2)",
}
"""The routes that ``probe.c`` takes, and what to call them."""

FAMILIES: Mapping[str, tuple[str, ...]] = {
    "unix": ("stream", "dgram", "seqpacket"),
    "inet": ("stream", "dgram"),
    "inet6": ("stream", "dgram"),
    "netlink": ("raw",),
    "alg": ("seqpacket",),
    "vsock": ("stream", "seqpacket"),
}
"""The families that ``probe.c`` opens, and the types of socket."""

SOCKETS: tuple[Socket, ...] = tuple(
    (route, family, kind)
    for route in ROUTES
    for family, kinds in FAMILIES.items()
    for kind in kinds
)

_MODULES = ("af_alg", "vsock")
"""Inserted where the kernel has them as modules. It has to have the first, one way or the other."""
_PROBES = {"probe64": ("-m64",), "probe32": ("-m32",)}
_FREESTANDING = (
    "-Os -Wall -Wextra -Werror -ffreestanding -fno-stack-protector -fno-pie -no-pie -static "
    "-nostdlib -fcf-protection=none -fno-asynchronous-unwind-tables"
).split()
# A busy host delays the emulated timer, and a kernel that tests it may then find it broken.
_COMMAND_LINE = (
    "console=ttyS0 loglevel=6 panic=-1 apparmor=1 security=apparmor lsm=apparmor "
    "audit_backlog_limit=8192 ia32_emulation=on no_timer_check"
)


class Unavailable(Exception):
    """This machine lacks something that the kernel proof needs."""


class BootError(Exception):
    """The virtual machine did not do all of what it was to do."""


class CompileError(Exception):
    """The parser's own message about a policy that it does not compile."""


@dataclass(frozen=True, slots=True)
class Run:
    """One policy to load, and the label to run the probes under."""

    name: str
    policy: bytes | None
    """As the parser compiled it; None: nothing is loaded."""
    label: str | None
    """None: unconfined."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one run showed."""

    labels: tuple[str, ...]
    """What the probes were confined by, by their own account, 64-bit before 32-bit."""
    sockets: Mapping[Socket, int]
    """The error number for each socket; 0 for one that opened."""
    audit: tuple[str, ...]
    """The kernel's audit lines."""


@dataclass(frozen=True, slots=True)
class Booted:
    """What a boot showed."""

    kernel: str
    mediates: frozenset[str]
    """The families that the kernel's AppArmor knows."""
    runs: Mapping[str, Seen]
    console: str


@dataclass(frozen=True, slots=True)
class Machine:
    """The tools and the kernel that are installed here."""

    parser: str
    busybox: Path
    compiler: str
    emulator: str
    kernel: Path
    modules: Path

    @classmethod
    def find(cls) -> Machine:
        """The newest kernel and the tools; ``Unavailable`` says what is missing.

        The kernel is sought below ``KERNEL_ROOT`` (default ``/``), so that a package that is only
        unpacked will do.
        """
        if not sys.platform.startswith("linux") or os.uname().machine != "x86_64":
            raise Unavailable("the probes of the kernel proof are x86 programs")
        kernel, modules = _kernel(Path(os.environ.get("KERNEL_ROOT") or "/"))
        if not FEATURES.is_file():
            raise Unavailable(f"no {FEATURES}; install: {PACKAGES}")
        return cls(
            parser=_tool("apparmor_parser"),
            busybox=_static(Path(_tool("busybox"))),
            compiler=_tool("gcc"),
            emulator=_tool("qemu-system-x86_64"),
            kernel=kernel,
            modules=modules,
        )

    def parser_version(self) -> str:
        """The version that the parser gives itself."""
        told = _output([self.parser, "--version"]).decode()
        match = re.search(r"version (\S+)", told)
        assert match is not None, told
        return match[1]

    def compile(self, policy: str) -> bytes:
        """What the parser would load into the kernel; ``CompileError`` with its message."""
        command = [self.parser, "-Q", "-K", "-S", "-M", str(FEATURES), "--base", "/etc/apparmor.d"]
        done = subprocess.run(
            command, input=policy.encode(), capture_output=True, check=False, timeout=60
        )
        if done.returncode:
            raise CompileError(done.stderr.decode(errors="replace").strip())
        return done.stdout

    def boot(self, runs: Sequence[Run], work: Path, seconds: float = 300) -> Booted:
        """Do the runs, in their order, in one boot; files go to the folder ``work``.

        ``BootError`` when it took longer than ``seconds``, or when a run did not come to its end.
        """
        initramfs, results = work / "initramfs", work / "results"
        initramfs.write_bytes(_archive(self._files(runs, work)))
        results.write_bytes(b"")
        # The emulator dies with this process, whatever ends it.
        command = [
            *("setpriv", "--pdeathsig", "KILL", "nice", "-n", "10", self.emulator),
            *("-accel", "tcg", "-machine", "pc", "-m", "256"),
            *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
            *("-kernel", str(self.kernel), "-initrd", str(initramfs), "-append", _COMMAND_LINE),
            *("-serial", "stdio", "-serial", f"file:{results}"),
        ]
        with (work / "console").open("wb") as console:
            try:
                done = subprocess.run(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=console,
                    stderr=subprocess.STDOUT,
                    timeout=seconds,
                    check=False,
                )
                fault = f"the emulator ended with {done.returncode}" if done.returncode else ""
            except subprocess.TimeoutExpired:
                fault = f"the virtual machine did not end within {seconds:g} seconds"
        told = results.read_text(errors="replace")
        log = (work / "console").read_text(errors="replace")
        try:
            if fault:
                raise BootError(fault)
            return parse(told, log, [run.name for run in runs])
        except BootError as error:
            ends = f"-- results, end --\n{told[-1000:]}\n-- console, end --\n{log[-4000:]}"
            raise BootError(f"{error}\n{ends}") from None

    def _files(self, runs: Iterable[Run], work: Path) -> Iterator[tuple[str, bytes]]:
        """The files of the initramfs."""
        yield "init", (HERE / "init").read_bytes()
        yield "bin/busybox", self.busybox.read_bytes()
        for name, options in _PROBES.items():
            program = work / name
            source = str(HERE / "probe.c")
            _output([self.compiler, *options, *_FREESTANDING, "-o", str(program), source])
            yield name, program.read_bytes()
        order = [file for module in _MODULES for file in _needed(self.modules, module)]
        for file in order:
            yield f"modules/{_plain(file)}", _decompressed(file)
        yield "modules/order", "".join(f"{_plain(file)}\n" for file in order).encode()
        plan = []
        for run in runs:
            plan.append(f"{run.name} {run.name if run.policy else '-'} {run.label or '-'}\n")
            if run.policy:
                yield f"policies/{run.name}", run.policy
        yield "plan", "".join(plan).encode()


def parse(results: str, console: str, expected: Sequence[str]) -> Booted:
    """What the virtual machine's two serial ports tell; ``BootError`` unless all of it is there."""
    kernel, mediates, ended = "", frozenset[str](), False
    labels: dict[str, list[str]] = {}
    probes: dict[str, str] = {}
    sockets: dict[str, dict[Socket, int]] = {}
    current = ""
    for line in results.splitlines():
        match line.split():
            case ["kernel", kernel]:
                pass
            case ["mediates", *families]:
                mediates = frozenset(families)
            case ["run", current]:
                labels[current], sockets[current] = [], {}
            case ["label", pid, *words] if current:
                labels[current].append(" ".join(words))
                probes[pid] = current
            case ["socket", route, family, kind, number] if current and number.isdigit():
                sockets[current][route, family, kind] = int(number)
            case ["done"]:
                ended = True
            case []:
                pass
            case _:
                raise BootError(f"{current or 'start'}: {line}")
    for name in expected:
        if set(sockets.get(name, ())) != set(SOCKETS) or len(labels[name]) != len(_PROBES):
            raise BootError(f"{name}: did not come to its end")
    if not ended:
        raise BootError("the virtual machine did not come to its end")
    audit = _audit(console, probes, expected)
    runs = {name: Seen(tuple(labels[name]), sockets[name], tuple(audit[name])) for name in expected}
    return Booted(kernel, mediates, runs, console)


def _audit(console: str, probes: dict[str, str], expected: Sequence[str]) -> dict[str, list[str]]:
    """AppArmor's lines in the kernel's log, by run. ``probes`` says whose a process is, since the
    log lags behind what is logged."""
    audit: dict[str, list[str]] = {name: [] for name in expected}
    for line in console.splitlines():
        match = re.search(r' apparmor="\w+" .* pid=(\d+) ', line)
        if match is not None and (name := probes.get(match[1], "")) in audit:
            audit[name].append(line)
    return audit


def _tool(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        raise Unavailable(f"no {name}; install: {PACKAGES}")
    return found


def _static(program: Path) -> Path:
    # A dynamic ELF program names its interpreter near its start.
    if b"/ld-linux" in program.read_bytes()[:4096]:
        raise Unavailable(f"{program} is not static; install: {PACKAGES}")
    return program


def _kernel(root: Path) -> tuple[Path, Path]:
    """The newest kernel that may be read, and its modules."""

    def version(file: Path) -> list[tuple[int, str]]:
        parts = re.findall(r"\d+|\D+", file.name)
        return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]

    for image in sorted((root / "boot").glob("vmlinuz-*"), key=version, reverse=True):
        for folder in ("lib/modules", "usr/lib/modules"):
            modules = root / folder / image.name.removeprefix("vmlinuz-")
            if not os.access(image, os.R_OK) or not modules.is_dir():
                continue
            if _module(modules, "af_alg") or _builtin(modules, "af_alg"):
                return image, modules
    raise Unavailable(f"no readable kernel with AF_ALG in {root / 'boot'}; install: {PACKAGES}")


def _builtin(modules: Path, name: str) -> bool:
    listed = modules / "modules.builtin"
    return listed.is_file() and f"/{name}.ko\n" in listed.read_text()


def _module(modules: Path, name: str) -> Path | None:
    return next((modules / "kernel").rglob(f"{name}.ko*"), None)


def _needed(modules: Path, name: str) -> list[Path]:
    """A module's file, behind those of the modules that it needs; none if it is built in."""
    if (file := _module(modules, name)) is None:
        return []
    # modinfo's "depends=": strings that end in NUL, in the module itself. (modules.dep is made
    # when the package is configured, and so not there where it is only unpacked.)
    told = re.search(rb"\0depends=([^\0]*)\0", _decompressed(file))
    names = told[1].decode().split(",") if told and told[1] else []
    return [*(need for other in names for need in _needed(modules, other)), file]


def _plain(file: Path) -> str:
    return file.name[: file.name.index(".ko") + 3]


def _decompressed(file: Path) -> bytes:
    content = file.read_bytes()
    readers: dict[str, Callable[[bytes], bytes]] = {
        ".ko": bytes,
        ".xz": lzma.decompress,
        ".gz": gzip.decompress,
        ".zst": lambda data: _output([_tool("zstd"), "-dc"], data),
    }
    return readers[file.suffix](content)


def _output(command: Sequence[str], stdin: bytes = b"") -> bytes:
    done = subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.decode(errors='replace')}"
    return done.stdout


def _archive(files: Iterable[tuple[str, bytes]]) -> bytes:
    """A cpio archive in the "newc" format (Documentation/driver-api/early-userspace)."""
    folders = ["bin", "dev", "modules", "policies", "proc", "sys"]
    entries = [(name, 0o40755, b"") for name in folders]
    entries += [(name, 0o100755, content) for name, content in files]
    entries.append(("TRAILER!!!", 0, b""))
    out = bytearray()
    for inode, (name, mode, content) in enumerate(entries, 1):
        path = name.encode() + b"\0"
        # inode, mode, uid, gid, links, mtime, size, device (2), special device (2), name, checksum
        fields = (inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(path), 0)
        out += b"070701" + b"".join(b"%08X" % field for field in fields) + path
        out += b"\0" * (-len(out) % 4) + content
        out += b"\0" * (-len(out) % 4)
    return bytes(out)

"""AppArmor's own parser, run without kernel and without root, and never trusted unproved.

Parser 3.0.8 compiles no network rule at all when it has to guess the kernel's features and there is
no AppArmor in the kernel, nor does it with the kernel-5.4 ABIs: every comparison would be equal.
So a parser is used only with a features file with which it compiled a known difference.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from patcher import interrupts, locks
from patcher.policy.bounds import time_left
from patcher.policy.patterns import regex
from patcher.proof import compiled
from patcher.proof.compiled import Compiled, Socket

ENVIRONMENT = "PATCHER_APPARMOR_PARSER"
"""Names the parser to use, for one that is not installed where parsers are."""

_FOLDERS = ("/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/bin", "/bin", "/usr/local/bin")
_ABI = Path("/etc/apparmor.d/abi")
_CONFIG = Path("/etc/apparmor/parser.conf")
_PINNED = regex(r"^[ \t]*policy-features[ \t]*=?[ \t]*(\S+)", re.MULTILINE)
_OWN = Path(__file__).with_name("features")
_FEATURES = (("3.0", _ABI / "3.0"), ("4.0", _ABI / "4.0"), ("patcher", _OWN))
_SECONDS = 10.0
_PROCESSOR_SECONDS = 6
"""Less than ``_SECONDS``, which is for a machine that does other things too."""
_MEMORY = 32 << 20
"""Address space of a parser: five times what docker-default takes to compile."""
_MOST_MEMORY = 96 << 20
"""The same for one whose policy takes more. What takes more than that takes more than ten seconds
too."""
_AT_ONCE = 2
"""Parsers that run at the same time; of those that take more memory, one alone."""
_OUTPUT = 4 << 20
_CACHED = 2048
_KEPT = 100_000
"""Lines of listings, and elements of compiled profiles, that the cache holds: about 20 MiB."""
_VERSION = regex(r"AppArmor parser version (\d[\w.~+-]*)")
_LINE = regex(r"line (\d+)")


class Unusable(Exception):
    """Why there is no parser to prove with: one line."""


class Outcome(NamedTuple):
    """What the parser made of one policy."""

    lines: tuple[str, ...] = ()
    """The rules, as it listed them."""
    profiles: tuple[Compiled, ...] = ()
    refusal: str = ""
    """Not empty: its own message; there is nothing else then."""
    broken: bool = False
    """It did not refuse the policy, but failed: it crashed, hung or wrote what nobody can read."""

    @property
    def size(self) -> int:
        """How much it holds: lines and elements."""
        return len(self.lines) + sum(20 + len(profile.rest) for profile in self.profiles)

    @property
    def line(self) -> int:
        """The line that its message names; 0 for none."""
        found = _LINE.search(self.refusal)
        return int(found[1]) if found else 0


@dataclass(slots=True)
class Parser:
    """A parser and the features file that it compiles for."""

    path: str
    version: str
    features: str
    """The features file's name, as verdicts show it."""
    features_file: Path
    policy_features: str = ""
    """The features of policy without an ``abi`` rule, as the system's parser.conf pins them."""
    _known: dict[tuple[bytes, bool], Future[Outcome]] = field(default_factory=dict)
    """By a digest of the policy."""
    _kept: int = 0
    """What the outcomes hold together."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    learnt: dict[tuple[str, bytes], Effect | str] = field(default_factory=dict)
    """Of each rule and priority what it does, or why that is not known."""
    runs: int = 0
    """How often it was run."""

    @property
    def name(self) -> str:
        """How verdicts name it."""
        return f"apparmor_parser {self.version} (features {self.features})"

    def compile(self, policy: bytes, *, as_here: bool = False) -> Outcome:
        """What the policy compiles to, with no file but the system's ABIs; the same policy is
        compiled once.

        ``as_here``: policy without an ``abi`` rule compiles with what the system's parser.conf
        says; otherwise for all the features.
        """
        key = (hashlib.sha256(policy).digest(), as_here)
        while True:
            with self._lock:
                future = self._known.get(key)
                mine = future is None
                if future is None:
                    if len(self._known) >= _CACHED or self._kept > _KEPT:
                        self._known.clear()
                        self._kept = 0
                    future = self._known[key] = Future()
            if mine:
                return self._first(future, key, policy)
            try:
                return future.result(time_left(_SECONDS))
            except Exception:  # the time of whoever compiles it was up, or ours is
                time_left()

    def _first(self, future: Future[Outcome], key: tuple[bytes, bool], policy: bytes) -> Outcome:
        try:
            outcome = self._run(policy, key[1])
            with self._lock:
                self._kept += outcome.size
            future.set_result(outcome)
        except BaseException as error:
            with self._lock:
                self._known.pop(key, None)
            future.set_exception(error)
            raise
        return outcome

    def mediates(self, abi: bytes) -> bool:
        """Whether network rules are compiled under an ``abi`` rule."""
        outcome = self.compile(abi + b"profile known {\n network,\n}\n")
        return all(profile.mediated for profile in outcome.profiles)

    def _run(self, policy: bytes, as_here: bool) -> Outcome:
        self.runs += 1
        features = ["--features-file", str(self.features_file)]
        if as_here:
            features[0] = "--kernel-features"
            if self.policy_features:
                features += ["--policy-features", self.policy_features]
        command = [
            self.path, "--config-file", "/dev/null", "-Q", "-K", "-S", "-D", "rule-exprs",
            *features, "-j0",
        ]  # fmt: skip
        policy = _confined(policy)
        try:
            with _slots(1):
                code, output, errors = run(command, policy)
            if _short_of_memory(code, errors):
                with _slots(_AT_ONCE):
                    code, output, errors = run(command, policy, memory=_MOST_MEMORY)
        except Unusable as error:
            return Outcome(refusal=str(error), broken=True)
        if b"bad_alloc" in errors[-4096:] and code:
            reason = f"it takes more than {_MOST_MEMORY >> 20} MiB of memory"
            return Outcome(refusal=reason, broken=True)
        if code == -signal.SIGXCPU:
            reason = f"it takes more than {_PROCESSOR_SECONDS} seconds of processor time"
            return Outcome(refusal=reason, broken=True)
        text = errors.decode("utf-8", "replace")
        if code < 0:
            return Outcome(refusal=f"it was ended by {_signal(-code)}", broken=True)
        if code:
            return Outcome(refusal=_message(text) or f"it ended with status {code}")
        try:
            profiles = compiled.read(output)
        except compiled.Unreadable as error:
            return Outcome(refusal=f"it wrote what cannot be read: {error}", broken=True)
        lines = tuple(sys.intern(line) for line in text.splitlines() if line.startswith("rule:"))
        return Outcome(lines, profiles)


_FILES = regex(
    rb"(?<![\w/])#?(?P<word>include|abi)(?P<between>(?:\s|\\\n)*(?:if\s+exists\b(?:\s|\\\n)*)?)"
    rb"(?P<name>\"[^\"]*\"?|<[^>]*>?|[^\s,;{}]+)"
)
_BELOW = regex(rb"[\"<]?(?:/etc/apparmor\.d/+)?(?!/)(?:(?!\.\./|\.\.[\">]?\Z)[\w.+ /-])*[\">]?\Z")


def _confined(policy: bytes) -> bytes:
    """The policy, in which no rule names a file outside of the folder of policy: the parser refuses
    the rule instead of opening it. What reads like one in a comment changes too, and means
    nothing."""
    if b"include" not in policy and b"abi" not in policy:
        return policy
    return _FILES.sub(
        lambda rule: (
            rule[0]
            if _BELOW.match(rule["name"])
            else b"%b_%b%b" % (rule["word"], rule["between"], rule["name"])
        ),
        policy,
    )


_FREE = threading.Semaphore(_AT_ONCE)
_TAKING = threading.Lock()


@contextlib.contextmanager
def _slots(number: int) -> Iterator[None]:
    """Wait until so many more parsers may run, and take their places."""
    taken = 0
    try:
        _wait_for(_TAKING)  # whoever takes several must not wait for another who does
        try:
            while taken < number:
                _wait_for(_FREE)
                taken += 1
        finally:
            _TAKING.release()
        yield
    finally:
        if taken:
            _FREE.release(taken)


def _wait_for(turn: threading.Lock | threading.Semaphore) -> None:
    while not turn.acquire(timeout=time_left(_SECONDS)):
        pass


def _short_of_memory(code: int, errors: bytes) -> bool:
    """Whether a parser, or the loader of its libraries, may have needed more."""
    return code not in (0, 1, -signal.SIGXCPU) or (
        code == 1 and b"memory" in errors[-4096:].lower()
    )


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _message(errors: str) -> str:
    """The parser's own message, in one line."""
    lines = [line.strip() for line in errors.splitlines()]
    plain = [
        line
        for line in lines
        if line and not line.startswith(("rule:", "aare:", "Warning from", "Cached", "Cache:"))
    ]
    telling = [line for line in plain if "rror" in line or "ould not" in line] or plain
    return telling[0][:300] if telling else ""


_PREFIX = "patcher-proof-"
_SETTLED = 60.0
"""Seconds after which a folder in which nobody holds the policy is taken for left behind."""
_UNFINISHED = 3600.0
"""The same for one without any policy."""


@contextlib.contextmanager
def _directory(policy: bytes) -> Iterator[Path]:
    """A directory with a file ``policy`` that is held, by flock(2), for as long as it is used."""
    _remove_abandoned(tempfile.gettempdir())
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as name:
        place = Path(name)
        with (place / "policy").open("xb") as file:
            locks.lock(file.fileno())
            file.write(policy)
            file.flush()
            yield place


@lru_cache(maxsize=1)
def _remove_abandoned(folder: str) -> None:
    """Remove what killed patchers of the same user left behind."""
    with contextlib.suppress(OSError):
        for entry in Path(folder).glob(f"{_PREFIX}*"):
            with contextlib.suppress(OSError):
                status = entry.lstat()
                age = time.time() - status.st_mtime
                ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
                if ours and age > _UNFINISHED:
                    with contextlib.suppress(OSError):
                        entry.rmdir()  # one that was killed before it wrote the policy
                if ours and age > _SETTLED:
                    with (entry / "policy").open("rb") as file:
                        if locks.lock(file.fileno()):
                            shutil.rmtree(entry, ignore_errors=True)


def run(command: list[str], stdin: bytes, *, memory: int = _MEMORY) -> tuple[int, bytes, bytes]:
    """Status, output and errors of a command with a clean environment, in a directory of its own
    with the system's ABIs, with bounds on time, memory and output. Raises Unusable."""
    with interrupts.shielded(), _directory(stdin) as place:
        folder = str(place)
        files = [place / name for name in ("policy", "out", "err")]
        if "-Q" in command:
            command = [*command, "--base", folder]
            (place / "abi").symlink_to(_ABI)
        environment = {
            "PATH": ":".join(_FOLDERS), "LC_ALL": "C", "HOME": folder, "TMPDIR": folder,
        }  # fmt: skip
        try:
            with (
                files[0].open("rb") as given,
                files[1].open("wb") as out,
                files[2].open("wb") as err,
            ):
                process = subprocess.Popen(
                    command,
                    stdin=given,
                    stdout=out,
                    stderr=err,
                    cwd=folder,
                    env=environment,
                    start_new_session=True,
                )
                _limit(process.pid, memory)
                try:
                    code = process.wait(time_left(_SECONDS))
                except subprocess.TimeoutExpired:
                    time_left()
                    raise Unusable(f"it did not end within {_SECONDS:g} seconds") from None
                finally:
                    _end(process)
        except OSError as error:
            raise Unusable(f"it could not be run: {error.strerror or error}") from None
        if max(files[1].stat().st_size, files[2].stat().st_size) >= _OUTPUT:
            raise Unusable("it wrote more than any policy compiles to")
        return code, files[1].read_bytes(), files[2].read_bytes()


def _limit(pid: int, memory: int) -> None:
    import resource

    if not hasattr(resource, "prlimit"):
        return
    for what, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, _OUTPUT),
        (resource.RLIMIT_CPU, _PROCESSOR_SECONDS),
        (resource.RLIMIT_CORE, 0),
    ):
        try:
            resource.prlimit(pid, what, (most, most))
        except (OSError, ValueError):  # it has ended, or has a lower limit already
            continue


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and all that it began."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def find() -> str:
    """The parser's path. Raises Unusable."""
    given = os.environ.get(ENVIRONMENT)
    if given:
        if os.access(given, os.X_OK) and Path(given).is_file():
            return str(Path(given).resolve())
        raise Unusable(f"{given} (of {ENVIRONMENT}) is no program")
    for folder in _FOLDERS:
        path = f"{folder}/apparmor_parser"
        if os.access(path, os.X_OK):
            return path
    raise Unusable("apparmor_parser is not installed")


def installed() -> bool:
    """Whether there is a parser, usable or not."""
    try:
        return bool(find())
    except Unusable:
        return False


def named() -> bool:
    """Whether the user names a parser, which must be there then."""
    return bool(os.environ.get(ENVIRONMENT))


_LOADING = threading.Lock()


def usable() -> Parser:
    """The parser, with a features file with which it can tell. Raises Unusable."""
    path = find()
    with _LOADING:
        parser = _usable(path, _pinned())
    if isinstance(parser, str):
        raise Unusable(parser)
    return parser


@lru_cache(maxsize=8)
def _usable(path: str, policy_features: str) -> Parser | str:
    try:
        code, output, errors = run([path, "--version"], b"", memory=_MOST_MEMORY)
    except Unusable as error:
        return f"{path}: {error}"
    version = _VERSION.search((output + errors).decode("utf-8", "replace"))
    if version is None:
        return f"{path}: it does not say its version" + (f" (status {code})" if code else "")
    reasons = []
    for name, file in _FEATURES:
        if not file.is_file():
            continue
        parser = Parser(path, version[1], name, file, policy_features)
        try:
            expected(parser, "deny network alg,")
        except Unusable as error:
            reasons.append(f"with features {name} {error}")
        else:
            return parser
    return f"apparmor_parser {version[1]} cannot be trusted: " + "; ".join(reasons)


class Effect(NamedTuple):
    """What a rule does to a profile."""

    lines: Counter[str]
    """The lines that it adds to the listing."""
    closed: frozenset[Socket]
    """The sockets that can no longer be created."""


def expected(parser: Parser, rule: str, priority: bytes = b"") -> Effect:
    """What a rule adds, as a known case tells, in which the parser must show that the rule closes
    what was open. Raises Unusable."""
    key = rule, priority
    found = parser.learnt.get(key)
    if found is None:
        found = parser.learnt[key] = _learn(parser, rule, priority)
    if isinstance(found, str):
        raise Unusable(found)
    return found


def _pinned() -> str:
    """The features file that the system's parser.conf names for policy without an ``abi`` rule."""
    try:
        text = _CONFIG.read_text("utf-8", "replace")
    except OSError:
        return ""
    found = _PINNED.findall(text)
    return found[-1] if found else ""


def _learn(parser: Parser, rule: str, priority: bytes) -> Effect | str:
    before = b"profile known {\n" + priority + b" network,\n capability chown,\n}\n"
    after = before.replace(b"network,\n", b"network,\n" + priority + b" " + rule.encode() + b"\n")
    old, new = parser.compile(before), parser.compile(after)
    again = parser._run(before, False)
    for outcome in (old, new, again):
        if outcome.refusal:
            return f"it fails a known case: {outcome.refusal}"
    if old != again:
        return "it compiles the same policy to different things"
    if len(old.profiles) != 1 or len(new.profiles) != 1 or new.profiles[0].name != "known":
        return "it compiles a known profile to something else"
    one, other = old.profiles[0], new.profiles[0]
    if not one.mediated:
        return "it compiles no network rules"
    if not other.open < one.open:
        return f"`{rule}` does not deny anything in a known case"
    added = Counter(new.lines) - Counter(old.lines)
    if not added or Counter(old.lines) - Counter(new.lines):
        return "its listing does not show a known difference"
    return Effect(added, one.open - other.open)

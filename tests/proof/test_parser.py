"""A parser is trusted only after it told a known difference; whatever it does else is one line."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from patcher.policy.bounds import timed
from patcher.proof import parser
from patcher.proof.parser import ENVIRONMENT, Parser, Unusable, expected

there = pytest.mark.skipif(not parser.installed(), reason="apparmor_parser is not installed")
ABI = Path("/etc/apparmor.d/abi")


def fake(place: Path, monkeypatch: pytest.MonkeyPatch, script: str, version: str = "9.9") -> Path:
    """A program in the parser's place: it says a version, and then does what the script does."""
    program = place / "apparmor_parser"
    program.write_text(
        '#!/bin/sh\ncase "$*" in --version) '
        f"echo 'AppArmor parser version {version}'; exit;; esac\n{script}\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv(ENVIRONMENT, str(program))
    return program


def why_not() -> str:
    with pytest.raises(Unusable) as caught:
        parser.usable()
    text = str(caught.value)
    assert "\n" not in text
    return text


class _Over(Exception):
    pass


def _over(seconds: float) -> float:
    raise _Over


@there
def test_the_end_of_ones_time_is_not_what_another_is_told() -> None:
    found = parser.usable()
    policy = b"profile over { network, }\n"
    with timed(_over), pytest.raises(_Over):
        found.compile(policy)
    assert [profile.name for profile in found.compile(policy).profiles] == ["over"]


@there
def test_a_parser_ends_with_the_time_of_what_it_is_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = replace(parser.usable(), path=str(fake(tmp_path, monkeypatch, "exec sleep 9")))
    left = iter([9.0, 9.0, 0.1])

    def almost_over(seconds: float) -> float:
        if (rest := next(left, 0.0)) == 0:
            raise _Over
        return rest

    with timed(almost_over), pytest.raises(_Over):
        found.compile(b"profile waiting { network, }\n")


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("exit 0", "compiles a known profile to something else"),
        ("exit 1", "ended with status 1"),
        ("echo 'AppArmor parser error at line 2: no' >&2; exit 1", "error at line 2: no"),
        ("kill -SEGV $$", "ended by SIGSEGV"),
        ("kill -KILL $$", "ended by SIGKILL"),
        ("head -c 5000 /dev/urandom; head -c 5000 /dev/urandom >&2", "cannot be read"),
        ("printf 'rule: x\\n' >&2", "something else"),
        pytest.param("yes", "", marks=pytest.mark.bombs),
        pytest.param("yes >&2", "", marks=pytest.mark.bombs),
        ("cat", "cannot be read"),
    ],
)
def test_what_cannot_be_trusted(
    script: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path, monkeypatch, script)
    assert why in why_not()
    assert "9.9 cannot be trusted" in why_not()


def test_one_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parser, "_SECONDS", 0.3)
    fake(tmp_path, monkeypatch, f"sleep 60 & echo $! >> {tmp_path}/pids; wait")
    started = time.monotonic()
    assert "did not end within" in why_not()
    assert time.monotonic() - started < 20
    assert all(map(ended, (tmp_path / "pids").read_text().split()))


def ended(pid: str) -> bool:
    """Whether a process is gone, or will be as soon as it is waited for."""
    for _ in range(100):
        try:
            if "State:\tZ" in Path(f"/proc/{pid}/status").read_text():
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("script", ["exit 0", "echo nonsense", "exit 3", "sleep 60"])
def test_one_that_does_not_say_its_version(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parser, "_SECONDS", 0.3)
    program = tmp_path / "apparmor_parser"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv(ENVIRONMENT, str(program))
    assert str(program) in why_not()


def test_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "missing"))
    assert "is no program" in why_not()
    assert not parser.installed()
    monkeypatch.delenv(ENVIRONMENT)
    monkeypatch.setattr(parser, "_FOLDERS", (str(tmp_path),))
    assert why_not() == "apparmor_parser is not installed"


def test_a_program_that_cannot_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "apparmor_parser"
    program.write_bytes(b"\x7fELF nonsense")
    program.chmod(0o755)
    monkeypatch.setenv(ENVIRONMENT, str(program))
    assert "could not be run" in why_not()


@there
class TestReal:
    def test_it_says_who_it_is(self) -> None:
        real = parser.usable()
        assert real.name.startswith(f"apparmor_parser {real.version} (features ")

    def test_our_own_features_will_do(self) -> None:
        real = parser.usable()
        own = Parser(real.path, real.version, "patcher", parser._OWN)
        assert expected(own, "deny network alg,") == expected(real, "deny network alg,")

    @pytest.mark.parametrize("abi", ["kernel-5.4-vanilla", "kernel-5.4-outoftree-network"])
    def test_features_without_sockets_are_not_trusted(self, abi: str) -> None:
        if not (ABI / abi).exists():
            pytest.skip(f"{abi} is not here")
        real = parser.usable()
        with pytest.raises(Unusable):
            expected(Parser(real.path, real.version, abi, ABI / abi), "deny network alg,")

    def test_no_features_at_all_are_not_trusted(self, tmp_path: Path) -> None:
        """What 3.0.8 compiles where it has to guess: every comparison would be equal."""
        real = parser.usable()
        empty = tmp_path / "features"
        empty.touch()
        with pytest.raises(Unusable, match="no network rules"):
            expected(Parser(real.path, real.version, "none", empty), "deny network alg,")

    @pytest.mark.parametrize(
        ("rule", "number"),
        [
            ("deny network alg,", 6),
            ("audit deny network alg,", 6),
            ("deny network alg seqpacket,", 1),
            ("deny network vsock,", 6),
        ],
    )
    def test_what_a_rule_does(self, rule: str, number: int) -> None:
        effect = expected(parser.usable(), rule)
        family = 38 if "alg" in rule else 40
        assert len(effect.closed) == number
        assert {socket[0] for socket in effect.closed} == {family}

    def test_a_family_that_it_does_not_know(self) -> None:
        with pytest.raises(Unusable, match="fails a known case"):
            expected(parser.usable(), "deny network quux,")

    def test_it_sees_nothing_of_the_environment(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SECRET", "x")
        seen = tmp_path / "seen"
        fake(tmp_path, monkeypatch, f"env > {seen}; pwd >> {seen}; exit 1")
        why_not()
        text = seen.read_text()
        assert "SECRET" not in text
        assert "patcher-proof-" in text.splitlines()[-1]
        assert not Path(text.splitlines()[-1]).exists()

    def test_equal_policies_are_compiled_once_by_many_threads(self) -> None:
        real = parser.usable()
        mine = Parser(real.path, real.version, real.features, real.features_file)
        outcomes = []
        threads = [
            threading.Thread(target=lambda: outcomes.append(mine.compile(b"profile x {}\n")))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert mine.runs == 1
        assert len(outcomes) == 8

    def test_a_policy_that_takes_too_much(self, monkeypatch: pytest.MonkeyPatch) -> None:
        real = parser.usable()
        mine = Parser(real.path, real.version, real.features, real.features_file)
        monkeypatch.setattr(parser, "_SECONDS", 1.0)
        # A state for each set of places at which the letter stood: two to the power of thirty.
        started = time.monotonic()
        outcome = mine.compile(f"profile x {{\n  /**a{'?' * 30} rw,\n}}\n".encode())
        assert time.monotonic() - started < 10
        assert outcome.broken or "emory" in outcome.refusal


def policy(number: int) -> bytes:
    rules = b"".join(b" /usr/lib/x%d/y%d rw,\n" % (n * 7919 % 1_000_003, n) for n in range(number))
    return b"profile x {\n network,\n" + rules + b"}\n"


@there
def test_a_policy_gets_more_memory_where_it_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    by = replace(parser.usable(), _known={})
    given: list[int] = []
    limit = parser._limit

    def limited(pid: int, memory: int) -> None:
        given.append(memory)
        limit(pid, memory)

    monkeypatch.setattr(parser, "_limit", limited)
    assert not by.compile(policy(10)).refusal
    assert given == [parser._MEMORY]
    large = by.compile(policy(4000))
    assert [profile.name for profile in large.profiles] == ["x"]
    assert given == [parser._MEMORY, parser._MEMORY, parser._MOST_MEMORY]


@there
def test_a_policy_that_takes_too_much_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    by = replace(parser.usable(), _known={})
    monkeypatch.setattr(parser, "_MOST_MEMORY", parser._MEMORY)
    outcome = by.compile(policy(4000))
    assert outcome.broken
    assert outcome.refusal == "it takes more than 32 MiB of memory"


@there
def test_what_is_cached_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parser, "_KEPT", 50)
    by = replace(parser.usable(), _known={}, _kept=0)
    for number in range(4):
        assert not by.compile(policy(number)).refusal
        assert len(by._known) <= 2


def test_large_policies_are_compiled_one_at_a_time() -> None:
    at_work = most = 0
    lock = threading.Lock()

    def work(places: int) -> None:
        nonlocal at_work, most
        with parser._slots(places):
            with lock:
                at_work += places
                most = max(most, at_work)
            time.sleep(0.002)
            with lock:
                at_work -= places

    threads = [threading.Thread(target=work, args=(1 + n % 2,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (at_work, most) == (0, parser._AT_ONCE)

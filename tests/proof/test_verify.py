"""What each profile of a file compiles to, and whether reading agrees."""

from __future__ import annotations

from pathlib import Path

import pytest

from patcher import Status, engine
from patcher.migrations import Migration, builtin, choose
from patcher.proof import parser
from patcher.proof.compiled import TYPES
from patcher.proof.parser import Parser
from patcher.proof.verdict import Answer, Standing
from patcher.proof.verify import verify
from tests.proof.features import without_sockets

pytestmark = pytest.mark.skipif(not parser.installed(), reason="apparmor_parser is not installed")

PROFILE = "profile x {\n  network,\n  deny network alg,\n  file,\n}\n"


@pytest.fixture(scope="module")
def real() -> Parser:
    return parser.usable()


def standings(
    text: str, real: Parser, path: str = "apparmor.d/x", migrations: tuple[Migration, ...] = ()
) -> list[Standing]:
    chosen = migrations or choose()
    findings = engine.patch(path, text.encode(), migrations=chosen).findings
    return verify(path, text.encode(), findings, chosen, real)


def answers(text: str, real: Parser, path: str = "apparmor.d/x") -> list[tuple[str, Answer]]:
    return [(each.profile, each.answer) for each in standings(text, real, path)]


def test_an_abi_that_does_not_mediate_sockets_decides_nothing(real: Parser, tmp_path: Path) -> None:
    features = without_sockets(tmp_path)
    (found,) = standings(f'abi "{features}",\n' + PROFILE, real)
    assert (found.answer, found.reading) == (Answer.UNDECIDED, Status.FIXED)
    assert found.reason.startswith(f"{features} does not mediate sockets")


def test_the_abi_of_a_file_is_for_all_its_profiles(real: Parser, tmp_path: Path) -> None:
    other = "profile y {\n  network inet,\n}\n"
    text = f'abi "{without_sockets(tmp_path)}",\n' + PROFILE + other
    assert answers(text, real) == [("x", Answer.UNDECIDED), ("y", Answer.UNDECIDED)]
    assert answers(PROFILE + other, real) == [("x", Answer.DENIED), ("y", Answer.DENIED)]


def test_what_is_compiled_without_sockets_allows_every_one(real: Parser, tmp_path: Path) -> None:
    text = f'abi "{without_sockets(tmp_path)}",\nprofile x {{\n  deny network,\n}}\n'
    (found,) = real.compile(text.encode(), as_here=True).profiles
    assert not found.mediated
    assert {(38, kind) for kind in TYPES.values()} <= found.open


@pytest.mark.parametrize("path", ["apparmor.d/x", "x.tmpl"])
@pytest.mark.parametrize(
    ("rules", "answer"),
    [
        ("network,", Answer.ALLOWED),
        ("network, deny network vsock stream,", Answer.ALLOWED),
        ("network, deny network vsock stream, deny network vsock dgram,", Answer.ALLOWED),
        ("network, deny network vsock,", Answer.DENIED),
        ("network vsock raw,", Answer.DENIED),
        ("network inet,", Answer.DENIED),
        ("file,", Answer.DENIED),
    ],
)
def test_every_type_that_the_kernel_offers_counts(
    rules: str, answer: Answer, path: str, real: Parser
) -> None:
    (found,) = standings(f"profile x {{\n  {rules}\n}}\n", real, path, builtin()[1:])
    assert (found.profile, found.answer) == ("x", answer)
    assert not found.disagrees


def test_one_profile_of_a_file_does_not_speak_for_another(real: Parser) -> None:
    text = PROFILE + "profile y {\n  network,\n  profile z {\n    network inet,\n  }\n}\n"
    assert answers(text, real) == [
        ("x", Answer.DENIED),
        ("y", Answer.ALLOWED),
        ("y//z", Answer.DENIED),
    ]


def test_some_ways_in_which_a_template_comes_out(real: Parser) -> None:
    text = PROFILE.replace("  deny network alg,\n", "{{if .A}}\n  deny network alg,\n{{end}}\n")
    (found,) = standings(text, real, "x.tmpl")
    assert found.answer is Answer.ALLOWED
    assert "in some of the ways" in found.reason

"""What each profile of a file compiles to, and whether reading agrees."""

from __future__ import annotations

from pathlib import Path

import pytest

from patcher import Status
from patcher.migrations import Migration, builtin, choose
from patcher.proof import parser
from patcher.proof.compiled import TYPES
from patcher.proof.parser import Parser
from patcher.proof.verify import verify
from patcher.results import Answer, Standing
from tests.proof.features import without_sockets
from tests.unproved import unproved

pytestmark = pytest.mark.skipif(not parser.installed(), reason="apparmor_parser is not installed")

PROFILE = "profile x {\n  network,\n  deny network alg,\n  file,\n}\n"


@pytest.fixture(scope="module")
def real() -> Parser:
    return parser.usable()


def standings(
    text: str, real: Parser, path: str = "apparmor.d/x", migrations: tuple[Migration, ...] = ()
) -> list[Standing]:
    chosen = migrations or choose()
    findings = unproved(path, text.encode(), migrations=chosen).findings
    return verify(path, text.encode(), findings, chosen, real)


def answers(text: str, real: Parser, path: str = "apparmor.d/x") -> list[tuple[str, Answer]]:
    return [(each.profile, each.answer) for each in standings(text, real, path)]


def test_an_abi_that_does_not_mediate_sockets_decides_nothing(
    real: Parser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = without_sockets(tmp_path, monkeypatch)
    (found,) = standings(f'abi "{features}",\n' + PROFILE, real)
    assert (found.answer, found.reading) == (Answer.UNDECIDED, Status.UNDER_INVESTIGATION)
    assert found.reason.startswith(f"{features} does not mediate sockets")


@pytest.mark.parametrize("path", ["apparmor.d/x", "x.tmpl"])
@pytest.mark.parametrize(
    "abi",
    [
        'abi"{}",',
        'abi\n  "{}",',
        'abi\t\n\t"{}"  ,',
        '{{{{if .A}}}}abi\n"{}",{{{{end}}}}',
        "abi {},",
    ],
)
def test_an_abi_counts_however_it_is_written(
    abi: str, path: str, real: Parser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = without_sockets(tmp_path, monkeypatch)
    (found,) = standings(f"{abi.format(features)}\n{PROFILE}", real, path)
    assert found.answer is Answer.UNDECIDED


def test_the_abi_of_a_file_is_for_all_its_profiles(
    real: Parser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = "profile y {\n  network inet,\n}\n"
    text = f'abi "{without_sockets(tmp_path, monkeypatch)}",\n' + PROFILE + other
    assert answers(text, real) == [("x", Answer.UNDECIDED), ("y", Answer.UNDECIDED)]
    assert answers(PROFILE + other, real) == [("x", Answer.DENIED), ("y", Answer.DENIED)]


def test_what_is_compiled_without_sockets_allows_every_one(
    real: Parser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f'abi "{without_sockets(tmp_path, monkeypatch)}",\nprofile x {{\n  deny network,\n}}\n'
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


MANY = "".join(f"{{{{if .X{n}}}}}\n  capability chown,\n{{{{end}}}}\n" for n in range(6))


@pytest.mark.parametrize(
    ("rules", "answer"),
    [
        ("{{if .A}}network,{{end}}\n{{if .B}}deny network alg,{{end}}", Answer.ALLOWED),
        ("{{if .A}}network,{{end}}\n{{if .A}}deny network alg,{{end}}", Answer.DENIED),
        ("{{if .A}}network,\ndeny network alg,{{end}}", Answer.DENIED),
        ("{{if .A}}{{if .B}}network,{{end}}{{end}}\n{{if .B}}deny network,{{end}}", Answer.ALLOWED),
        ("{{with .A}}network,{{else}}all,{{end}}\ndeny network alg,", Answer.DENIED),
        ("{{if .A}}{{.Rules}}{{end}}\n{{if .B}}deny network alg,{{end}}", Answer.UNDECIDED),
        (
            "{% if a %}network,{% endif %}{% set a = b %}{% if a %}deny network alg,{% endif %}",
            Answer.ALLOWED,
        ),
        (
            "{{$a := .X}}{{if $a}}network,{{end}}{{$a = .Y}}{{if $a}}deny network,{{end}}",
            Answer.ALLOWED,
        ),
    ],
)
@pytest.mark.parametrize("more", ["", MANY], ids=["few choices", "many choices"])
def test_choices_in_every_combination(rules: str, answer: Answer, more: str, real: Parser) -> None:
    if "all," in rules and real.version.startswith("3."):
        rules = rules.replace("all,", "network inet,")
    (found,) = standings(f"profile x {{\n{more}{rules}\n  file,\n}}\n", real, "x.tmpl")
    assert found.answer is answer


def test_more_choices_than_can_be_combined(real: Parser) -> None:
    rules = "".join(f"{{{{if .N{n}}}}}\n  network inet,\n{{{{end}}}}\n" for n in range(7))
    (found,) = standings(f"profile x {{\n{rules}}}\n", real, "x.tmpl")
    assert found.answer is Answer.UNDECIDED
    assert "too many choices that decide about network rules" in found.reason
    (found,) = standings(f"profile x {{\n  network,\n{rules}}}\n", real, "x.tmpl")
    assert found.answer is Answer.ALLOWED


@pytest.mark.parametrize("more", ["{{.Mode}}", "${MODE}", "@MODE@"])
@pytest.mark.parametrize(
    ("rules", "answer"),
    [
        ("file,", Answer.UNDECIDED),
        ("network, deny network alg,", Answer.UNDECIDED),
        ("network,", Answer.ALLOWED),
    ],
)
def test_flags_that_a_template_fills_in(
    more: str, rules: str, answer: Answer, real: Parser
) -> None:
    """They may be ``complain``, under which a profile allows what it does not deny, or
    ``default_allow``, under which it allows all."""
    text = f"profile x flags=(attach_disconnected,{more}) {{\n  {rules}\n}}\n"
    (found,) = standings(text, real, "x.tmpl")
    assert found.answer is answer


BEGIN = '\tp := "profile x {\\n"\n'
END = '\tp += "  file,\\n}\\n"\n\treturn p\n'
BOTH = "  network,\\n  deny network alg,\\n"


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (BEGIN + f'\tp += "{BOTH}"\n' + END, Answer.DENIED),
        (BEGIN + f'\tif a {{\n\t\tp += "{BOTH}"\n\t}}\n' + END, Answer.DENIED),
        (
            BEGIN
            + '\tp += "  network,\\n"\n\tif a {\n\t\tp += "  deny network alg,\\n"\n\t}\n'
            + END,
            Answer.ALLOWED,
        ),
        (
            BEGIN + '\tp += rules()\n\tif a {\n\t\tp += "  deny network alg,\\n"\n\t}\n' + END,
            Answer.UNDECIDED,
        ),
        (
            BEGIN + '\tp += "  network,\\n"\n\tif a {\n\t\treturn p + "}\\n"\n\t}\n'
            '\tp += "  deny network alg,\\n"\n' + END,
            Answer.UNDECIDED,
        ),
    ],
)
def test_programs_that_leave_rules_out(body: str, answer: Answer, real: Parser) -> None:
    text = "package x\n\nfunc f(a bool) string {\n" + body + "}\n"
    (found,) = standings(text, real, "x.go")
    assert found.answer is answer

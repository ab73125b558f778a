"""Files in the shape of AppArmor's own parser tests, written for this: no clean answer belies what
comes of a profile. ``python -m tests.oracle --parser-tests`` does the same with AppArmor's own."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from tests.hostile.bombs import DFA
from tests.oracle import published
from tests.oracle.compiled import MISSING
from tests.oracle.published import NOTHING, check

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.skipif(bool(MISSING), reason=MISSING or "there"),
]

HEADS = (
    "/usr/bin/foo", "profile foo", "profile foo /usr/bin/foo", '"/usr/bin/f o"', "profile é",
    "/usr/bin/foo flags=(complain)", 'profile foo flags=("complain")',
    "profile foo flags=(attach_disconnected)", "profile foo\n  (audit)", "profile foo (unconfined)",
)  # fmt: skip
BODIES = (
    "network,", "network inet,", "network alg,", "network seqpacket,", "network unix seqpacket,",
    "network raw,", "network tcp,", "deny network,", "capability net_raw,", "",
    "network,\n  deny network alg,", "network,\n  audit deny network alg,",
    "network,\n  deny network alg stream,", "network,\n  deny network seqpacket,",
    "network, # deny network alg,", "network inet, network,", "audit {\n    network,\n  }",
    "network inet,\n  /a/[^{]* r,\n  network,", "set rlimit cpu <= 3 minutes, network,",
    "/a r,\n  #\0\n  network,",
    "#\x07\n  network,", "network,\n  #\rdeny network alg,", "^hat {\n    network,\n  }",
    "profile child {\n    network,\n  }\n  deny network alg,", "#include<own/net>\n  network inet,",
    "include <own/net>\n  deny network alg,", "include <own/inet> network,",
    "include <own/inet>\n  network inet,", "audit include <own/net>\n  network inet,",
    "include if exists <own/nowhere>\n  network inet,", "include <own/net>\n  network inet,",
    "include if exists <local/foo>\n  network inet,",
    "include <own>\n  network inet,", "include <own/outer>\n  network inet,",
)  # fmt: skip
INCLUDED = {
    "own/net": "  network,\n",
    "own/inet": "  network inet,\n",
    "own/outer": "  /x r,\n  include <own/net>\n",
}


def test_files_of_our_own(tmp_path: Path) -> None:
    for name, text in INCLUDED.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    bodies = [(HEADS[0], body) for body in BODIES] + [(head, "network inet,") for head in HEADS]
    bodies += [(head, "network,\n  deny network alg,") for head in HEADS]
    for number, (head, body) in enumerate(bodies):
        (tmp_path / f"{number}.sd").write_text(f"{head} {{\n  {body}\n}}\n")
    (tmp_path / "bad.sd").write_text("profile foo {\n  network nonsense,\n}\n")
    report = check(tmp_path)
    assert report.faults == []
    assert report.refused == 1
    assert report.files == len(bodies) + 1
    for by in ("scan", "judgement", "verify"):
        assert sum(n for (who, _, _), n in report.table.items() if who == by) == report.profiles
    assert report.table["scan", "affected", "allowed"] > 10
    assert report.table["scan", NOTHING, "denied"] > 1
    assert len(list(report.lines())) > 5


def test_no_parser_is_left_that_takes_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "_SECONDS", 0.5)
    (tmp_path / "endless.sd").write_text(f"profile foo {{\n{DFA}}}\n")
    assert check(tmp_path).refused == 1
    running = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended
            running.append((entry / "cmdline").read_bytes())
    assert not [each for each in running if b"endless.sd" in each]

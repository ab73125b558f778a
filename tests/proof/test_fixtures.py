"""Every fixture that is edited is proved, or its ``case.yaml`` says why it cannot be (``proof:
"not provable: ..."``)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from patcher import proof
from patcher.migrations import choose
from patcher.options import Options
from patcher.proof import parser, policy
from patcher.results import Proof, Verdict
from tests.test_fixtures import CASES, ROOT, read
from tests.variants import few

pytestmark = pytest.mark.skipif(not parser.installed(), reason="apparmor_parser is not installed")


def told(folder: Path) -> str:
    """What the case says of its proof."""
    library: Any = YAML(typ="safe", pure=True)
    return str(library.load((folder / "case.yaml").read_text("utf-8")).get("proof", "proved"))


@pytest.mark.parametrize(
    "folder",
    few(CASES),
    ids=lambda folder: str(folder.relative_to(ROOT)),
)
def test_fixture(folder: Path) -> None:
    case = read(folder)
    migrations = choose(case.options.get("migrations"))
    judged = proof.judge(
        case.path, case.before, Options(**(case.options | {"migrations": migrations}))
    )
    findings = judged.result.findings
    proofs: Sequence[Proof | None] = [None] * len(findings)
    if judged.edited is not None:
        proofs = policy.prove(*judged.edited, findings, migrations, parser.usable())
    verdict, _, why = told(folder).partition(": ")
    for found, finding in zip(proofs, findings, strict=True):
        assert (found is None) == (finding.edit is None)
        if found is not None:
            assert found.verdict is Verdict(verdict), found
            assert why in found.reason

"""How far a look at one commit comes."""

from __future__ import annotations

import pytest

from patcher.campaign.prove import without_refuted
from patcher.findings import Edit, Finding, Status
from patcher.results import Located, Proof, Stage, Verdict


def located(verdict: Verdict | None, *, edit: bool = True) -> Located:
    finding = Finding(
        line=1,
        profile="p",
        host="plain",
        status=Status.AFFECTED,
        moby_style=True,
        reason="why",
        evidence=(),
        migration="deny-af-alg",
        edit=Edit(0, b"x") if edit else None,
    )
    return Located(b"p", finding, None if verdict is None else Proof(verdict))


@pytest.mark.parametrize(
    ("found", "reached"),
    [
        ([], Stage.SCANNED),
        ([located(None)], Stage.SCANNED),
        ([located(None, edit=False)], Stage.SCANNED),
        ([located(Verdict.PROVED)], Stage.PROVED),
        ([located(Verdict.PROVED), located(None, edit=False)], Stage.PROVED),
        ([located(Verdict.PROVED), located(Verdict.NOT_PROVABLE)], Stage.SCANNED),
        ([located(Verdict.REFUTED)], Stage.SCANNED),
    ],
)
def test_proved_is_where_each_edit_is(found: list[Located], reached: Stage) -> None:
    assert without_refuted(found, [], "auto")[-1] is reached

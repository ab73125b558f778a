"""What is said of a program holds for every text that it makes: some programs of each language, by
a fixed seed. ``python -m tests.oracle`` runs as many as one likes."""

from __future__ import annotations

import pytest

from tests.oracle.checking import Policies, check
from tests.oracle.compiled import MISSING
from tests.oracle.programs import LANGUAGES
from tests.oracle.running import missing

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.skipif(bool(MISSING), reason=MISSING or "there"),
]


@pytest.mark.parametrize("name", sorted(LANGUAGES))
def test_programs(name: str) -> None:
    if why := missing(LANGUAGES[name]):
        pytest.skip(why)
    report = check(LANGUAGES[name], 1, 12, Policies())
    assert report.faults == []
    assert report.open_before > 0
    assert report.texts > report.programs

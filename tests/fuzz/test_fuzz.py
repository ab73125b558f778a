"""A short run of the fuzzer, and that it would see what it looks for."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import patcher
from tests.fuzz import properties
from tests.fuzz.inputs import Input
from tests.fuzz.properties import Broken, check, check_migration
from tests.fuzz.run import fuzz

pytestmark = pytest.mark.fuzz

PROFILE = b"profile x flags=(attach_disconnected,mediate_deleted) {\n  network,\n  file,\n}\n"


@pytest.mark.usefixtures("sandbox")  # whose user may commit
def test_a_short_run(tmp_path: Path) -> None:
    figures = fuzz(1, tmp_path, seconds=math.inf, executions=800)
    assert figures.findings == []
    assert figures.executions == 800
    assert figures.edited > 150, "mutations that leave nothing to edit try nothing"
    assert figures.loaded > 3
    assert figures.commits > 5


def _rewriting(path: str, content: bytes, **options: object) -> patcher.Result:
    return patcher.Result(path, content.replace(b"file,", b"FILE,"), (), ())


def _again_and_again(path: str, content: bytes, **options: object) -> patcher.Result:
    edit = patcher.Edit(0, b"x")
    return patcher.Result(path, b"x" + content, (), (edit,))


def _raising(path: str, content: bytes, **options: object) -> patcher.Result:
    raise ValueError("no")


def _slow(path: str, content: bytes, **options: object) -> patcher.Result:
    end = time.process_time() + 1
    while time.process_time() < end:
        pass
    return patcher.Result(path, content, (), ())


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (_rewriting, "not the input and its insertions"),
        (_again_and_again, "patching twice"),
        (_raising, "raised ValueError"),
        (_slow, "processor time"),
    ],
)
def test_what_is_wrong_is_seen(
    wrong: Callable[..., patcher.Result], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check(Input("docker-default", PROFILE), 2) == 1
    monkeypatch.setattr(patcher, "patch", wrong, raising=False)
    monkeypatch.setattr(properties, "SECONDS", 0.2)
    with pytest.raises(Broken, match=told):
        check(Input("docker-default", PROFILE), 2)


def test_a_finding_is_made_smaller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = patcher.patch

    def raising(path: str, content: bytes, **options: object) -> patcher.Result:
        if b"network" in content:
            raise ValueError("no")
        return whole(path, content)

    monkeypatch.setattr(patcher, "patch", raising, raising=False)
    figures = fuzz(1, tmp_path, seconds=60, executions=1)
    assert [finding.content for finding in figures.findings] == [b"network"]


def test_migrations_are_refused_in_one_line(tmp_path: Path) -> None:
    assert check_migration(b"id: [", tmp_path) is None
    assert check_migration(b"id: mine\ntitle: a\nrule: deny network alg,\n", tmp_path) is not None

"""What fuzzing found, as small as it gets: each of these broke a property once."""

from __future__ import annotations

import pytest

import patcher
from patcher import Status
from tests.fuzz.inputs import Input
from tests.fuzz.properties import check

# In each, one stretch of the file may be read as two embeddings (a literal, and lines of policy
# around it): the edit of one brought the other to light, and the next run edited that as well.
TWICE = [
    Input("default.go", b'network,deny mount,\n"network,capability,\\tfile,umount,{\ndeny mount,"'),
    Input("profile.js", b"network stream,`network,capability,file,deny @{PROC}/ w,deny mount,`"),
    Input("before.nix", b"''${} flags{network,''}network,network a,file,signal d,"),
    Input("before.json", b'network,mount,/ w,ptrace l,\n"""profile n flags{network,\\n"\n'),
    Input("profile.zig", b'"profile{s} flags{","network,"\nnetwork,network y,file,deny mount,\n'),
    Input("before.yaml", b"profile e flags{network, \n---\n: profile o flags(\nd){network,\n"),
    Input("profiles.py", b"network,\n '''deny mount,deny / x,network,deny @{{}} r,'''"),
]


@pytest.mark.parametrize("given", TWICE, ids=lambda given: given.path)
@pytest.mark.parametrize("options", range(16))
def test_twice_is_once(given: Input, options: int) -> None:
    check(given, options)


def test_an_edit_that_would_be_made_again_is_left_out() -> None:
    given = TWICE[2]
    result = patcher.patch(given.path, given.content, profiles="all")
    assert result.content == given.content
    assert result.edits == ()
    left = [finding for finding in result.findings if "once more" in finding.reason]
    assert left
    assert all(finding.status is Status.UNDER_INVESTIGATION for finding in left)

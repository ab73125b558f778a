"""Features of a kernel that AppArmor's parser compiles for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from patcher.proof import abi, parser


def without_sockets(place: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of an ABI, which the system has then, of our own features, but for those of sockets:
    nothing compiled for it mediates them, as with the ABIs of older kernels."""
    text = parser._OWN.read_text()
    features = place / "abi/features"
    features.parent.mkdir()
    features.write_text(re.sub(r"network_v8 \{af_mask \{[^}]*\}\n\}\n", "", text))
    assert features.read_text() != text
    monkeypatch.setattr(parser, "_ABI", features.parent)
    monkeypatch.setattr(abi, "_SYSTEM", place)
    return "abi/features"

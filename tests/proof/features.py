"""Features of a kernel that AppArmor's parser compiles for."""

from __future__ import annotations

import re
from pathlib import Path

from patcher.proof import parser


def without_sockets(place: Path) -> Path:
    """A file of our own features, but for those of sockets: nothing compiled for it mediates them,
    as with the ABIs of older kernels."""
    text = parser._OWN.read_text()
    features = place / "features"
    features.write_text(re.sub(r"network_v8 \{af_mask \{[^}]*\}\n\}\n", "", text))
    assert features.read_text() != text
    return features

"""What the engine makes of a file before its edits are proved."""

from __future__ import annotations

from typing import Any

from patcher import Result, engine
from patcher.options import Options


def unproved(path: str, content: bytes, **options: Any) -> Result:
    """The findings, and the file with every edit."""
    chosen = Options(**options)
    return engine.judge(engine.read(path, content, chosen), chosen)

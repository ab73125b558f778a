"""A repository that cannot be read, for the tests and the screens of the documentation."""

from __future__ import annotations

import shutil
from pathlib import Path


def damaged(repository: Path, copy: Path) -> Path:
    """Copy a repository, as if a full disk had left all its objects empty."""
    shutil.copytree(repository, copy)
    for file in (copy / ".git/objects").rglob("*"):
        if file.is_file():
            file.chmod(0o644)
            file.write_bytes(b"")
    return copy

"""The campaign file, ``patcher.yaml``: what `patcher apply` does, written down.

``schema.json`` is the table of its keys: the reader (`reading`) and what `patcher init` writes
(`writing`) go by it, and editors take it as it is.
"""

from __future__ import annotations

NAME = "patcher.yaml"
"""The name of the file where the user gives no other."""

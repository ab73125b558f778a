"""The libraries that not everyone needs, and how to get one that is missing."""

from __future__ import annotations


def command(library: str) -> str:
    """The command that installs a library for the Python that runs patcher, however patcher came
    there: pip may belong to another Python, and what uv makes has no pip."""
    import shlex
    import sys
    from importlib.util import find_spec

    python = shlex.quote(sys.executable or "python3")
    if find_spec("pip") is None:
        return f"uv pip install --python {python} {library}"
    return f"{python} -m pip install {library}"

"""Find vendored moby-style AppArmor profiles and insert ``deny network alg,``.

>>> import patcher
>>> result = patcher.patch("docker-default", open("docker-default", "rb").read())  # doctest: +SKIP
>>> [(finding.line, finding.status) for finding in result.findings]  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from patcher.findings import Edit, Finding, Result, Status
    from patcher.proof import patch

__version__ = "0.1.0"

__all__ = ["Edit", "Finding", "Result", "Status", "__version__", "patch"]


def __getattr__(name: str) -> object:
    """Import what is asked for when it is asked for: the command line needs little of it."""
    if name == "patch":
        from patcher.proof import patch

        return patch
    if name in __all__:
        from patcher import findings

        return getattr(findings, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

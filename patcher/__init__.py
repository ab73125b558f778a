"""Find vendored moby-style AppArmor profiles and insert ``deny network alg,``.

>>> import patcher
>>> result = patcher.patch("docker-default", open("docker-default", "rb").read())  # doctest: +SKIP
>>> [(finding.line, finding.status) for finding in result.findings]  # doctest: +SKIP
"""

from __future__ import annotations

TYPE_CHECKING = False  # as in `patcher.__main__`
if TYPE_CHECKING:
    from patcher.findings import Edit, Finding, Result, Status
    from patcher.migrations import Migration, MigrationError, load_migration
    from patcher.policy.judgement import Includes
    from patcher.proof import patch

__version__ = "0.1.0"

__all__ = [
    "Edit",
    "Finding",
    "Includes",
    "Migration",
    "MigrationError",
    "Result",
    "Status",
    "__version__",
    "load_migration",
    "patch",
]


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: the command line needs few of them."""
    if name == "patch":
        from patcher.proof import patch

        return patch
    if name == "Includes":
        from patcher.policy.judgement import Includes

        return Includes
    if name in __all__:
        from patcher import findings, migrations

        return getattr(migrations if name in migrations.__all__ else findings, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

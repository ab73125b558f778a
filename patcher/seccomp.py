"""Findings on seccomp profiles, which are reported and never changed.

Seccomp sees the arguments of socket(2), so moby's profile refuses the family there as well as by
AppArmor. That edit has another shape than a rule that is inserted, and is left to people.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from patcher import interrupts
from patcher.findings import SECCOMP, Finding
from patcher.options import Options
from patcher.policy.bounds import pass_on
from patcher.policy.patterns import regex
from patcher.policy.search import names_seccomp
from patcher.policy.seccomp import RULE
from patcher.policy.status import Status

if TYPE_CHECKING:
    from patcher.hosts.seccomp import FoundSeccomp

__all__ = ["seccomp_findings"]

_FAMILY = "alg"
_TEST = regex(
    r"(?:^|/)(?:tests?|testdata|fixtures)/|(?:^|/)test_[^/]*$|[_.-](?:test|spec|tests)\.\w+$|\.bats$"
)
_UNREADABLE = "patcher fails to read its seccomp profile: report that, with the file"
_DOCUMENTATION = "; it stands in documentation"


def seccomp_findings(path: str, content: bytes, options: Options) -> tuple[Finding, ...]:
    """The findings on the seccomp profiles of a file; none unless a migration is about AF_ALG.

    ``path`` says what kind of file it is. Never raises for what stands in the file.
    """
    if not names_seccomp(content) or len(content) > options.max_bytes:
        return ()
    if all(migration.family != _FAMILY for migration in options.migrations):
        return ()
    from patcher.hosts.seccomp import FoundSeccomp, read_seccomp

    is_test = _TEST.search(path) is not None
    try:
        return tuple(_finding(each, is_test=is_test) for each in read_seccomp(path, content))
    except Exception as error:
        interrupts.check(error)
        pass_on(error)
        return (_finding(FoundSeccomp(1, "", None, _UNREADABLE), is_test=is_test),)


def _finding(found: FoundSeccomp, *, is_test: bool) -> Finding:
    from patcher.policy.seccomp import judge_seccomp

    status, reason = Status.UNDER_INVESTIGATION, found.reason
    if found.profile is not None:
        status, reason = judge_seccomp(found.profile)
    if status is Status.AFFECTED and is_test:
        status = Status.UNDER_INVESTIGATION
        reason = f"data of a test; whether it changes with the profile is not known: {reason}"
    finding = Finding(
        line=found.line,
        profile=found.name,
        host=SECCOMP,
        status=status,
        moby_style=found.profile is not None,
        reason=reason,
        evidence=(),
        migration=RULE,
        documentation=found.documentation,
    )
    return replace(finding, reason=reason + _DOCUMENTATION) if found.documentation else finding

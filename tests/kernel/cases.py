"""What is proved: templates, patched by patcher, and edits that are wrong on purpose."""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import patcher
from patcher.migrations import Migration, builtin

from .machine import Machine, Run, Seen, Socket
from .render import Value, render

__all__ = [
    "CASES",
    "FREE",
    "PRIORITIES",
    "UNMEDIATED",
    "WRONG",
    "Case",
    "faults",
    "patched",
    "runs",
    "unaudited",
]

_PROFILES = Path(__file__).parent / "profiles"
_LABEL = "a-container"
_VALUES: Mapping[str, Value] = {
    "Name": _LABEL,
    "Imports": ("#include <tunables/global>",),
    "InnerImports": ("#include <abstractions/base>",),
    "DaemonProfile": "unconfined",
    "RuncProfile": "",
    "Version": 300000,
}


@dataclass(frozen=True, slots=True)
class Case:
    """A template, how to fill it in, and what the edit is to deny."""

    name: str
    template: str
    """The file in ``profiles/``, without ``.tmpl``."""
    denied: frozenset[str]
    """The families that the edit closes in this rendering."""
    what: str
    """What is special about it, for the table."""
    values: Mapping[str, Value] = field(default_factory=dict)
    child: str = ""
    """The child profile that is run, if any."""
    migrations: Sequence[Migration] | None = None
    """None: deny-af-alg."""

    def before(self) -> bytes:
        """The template."""
        return (_PROFILES / f"{self.template}.tmpl").read_bytes()

    def policy(self, template: bytes) -> str:
        """The template, or an edited one, filled in."""
        text = template.decode()
        tunables = "" if ".Imports" in text else "#include <tunables/global>\n"
        return f"abi <abi/3.0>,\n{tunables}{render(text, {**_VALUES, **self.values})}"

    @property
    def label(self) -> str:
        """What the probes run under."""
        return f"{_LABEL}//{self.child}" if self.child else _LABEL


_ALG = frozenset(("alg",))
CASES: tuple[Case, ...] = (
    Case("moby", "moby", _ALG, "moby's shape"),
    Case("containerd", "containerd", _ALG, "containerd's shape"),
    Case("podman", "podman", _ALG, "podman's shape"),
    Case("inline", "inline", _ALG, "`{{if}}network,{{end}}` on one line", {"Network": True}),
    Case("else", "branch", _ALG, "the rule in one branch, that branch", {"Restricted": False}),
    Case("both-if", "branches", _ALG, "a rule in each branch, the first", {"Audited": True}),
    Case("both-else", "branches", _ALG, "a rule in each branch, the second", {"Audited": False}),
    Case("child", "child", _ALG, "child profile", child="worker"),
    Case("audit", "audit", _ALG, "`audit network,`"),
    Case("split", "split", _ALG, "rule split over lines"),
    Case("seqpacket", "seqpacket", _ALG, "`network seqpacket,`"),
    Case("parent", "child", frozenset(), "child profile, its parent"),
    Case("if", "branch", frozenset(), "the rule in the other branch", {"Restricted": True}),
    Case("fixed", "fixed", frozenset(), "fixed already, the deny above the allow"),
    Case(
        "moby-vsock",
        "moby",
        frozenset(("alg", "vsock")),
        "moby's shape, with deny-af-vsock too",
        migrations=builtin(),
    ),
)
PRIORITIES: tuple[Case, ...] = (
    Case("priority-0", "priority-0", _ALG, "`priority=0 network,`"),
    Case("priority-10", "priority-10", _ALG, "`priority=10 network,`"),
)
"""Run where the parser takes them: 3.0 knows no priorities, and 4.1.0 (as upstream up to 6.0 alpha)
refuses any but 0 on network rules."""

MOBY = CASES[0]
_RULE = "  network,\n"
WRONG: Mapping[str, str] = {
    "wrong-family": f"{_RULE}  deny network inet,\n",
    "wrong-type": f"{_RULE}  deny network alg stream,\n",
    # Without a word, the parser drops network rules in a qualifier block.
    "wrong-block": f"{_RULE}  audit {{\n    deny network alg,\n  }}\n",
    "wrong-scope": f"{_RULE}  profile other {{\n    deny network alg,\n  }}\n",
    "wrong-comment": "  network, # deny network alg,\n",
}
"""In the place of moby's network rule: edits that look right and leave AF_ALG open."""

FREE = "unconfined"
"""The run without any profile."""
UNMEDIATED = "no-rule"
"""The run under a profile without a network rule: all is denied, if the kernel asks at all."""


def patched(case: Case) -> bytes:
    """The template as patcher edits it."""
    result = patcher.patch(f"{case.template}.tmpl", case.before(), migrations=case.migrations)
    return result.content


def runs(machine: Machine, cases: Sequence[Case]) -> list[Run]:
    """Every run of one boot, compiled."""
    none = Case(UNMEDIATED, "none", frozenset(), "")
    found = [
        Run(FREE, None, None),
        Run(UNMEDIATED, machine.compile(none.policy(none.before())), none.label),
    ]
    for case in cases:
        for stage, template in (("before", case.before()), ("after", patched(case))):
            policy = machine.compile(case.policy(template))
            found.append(Run(f"{case.name}.{stage}", policy, case.label))
    for name, rules in WRONG.items():
        template = MOBY.before().replace(_RULE.encode(), rules.encode())
        found.append(Run(name, machine.compile(MOBY.policy(template)), MOBY.label))
    return found


def faults(free: Seen, before: Seen, after: Seen, denied: frozenset[str]) -> list[str]:
    """What speaks against an edit that should close ``denied``, and nothing else.

    ``free`` is what opens unconfined: a family that this kernel lacks is not asked for.
    """
    found = []
    for socket, was in before.sockets.items():
        told, now = " ".join(socket), after.sockets[socket]
        if socket[1] not in denied:
            if now != was:
                found.append(f"{told}: changed from {outcome(was)} to {outcome(now)}")
            continue
        possible = socket[2] == "seqpacket" or was == 0  # all that `network seqpacket,` allowed
        if possible and was != free.sockets[socket]:
            found.append(f"{told}: before the edit {outcome(was)}")
        if now != errno.EACCES:
            found.append(f"{told}: after the edit {outcome(now)}")
    return found


def unaudited(seen: Seen) -> list[str]:
    """Families that were denied without as many denials of AppArmor's in the kernel's log."""
    denied: dict[str, int] = {}
    for (_, family, _), number in seen.sockets.items():
        if number == errno.EACCES:
            denied[family] = denied.get(family, 0) + 1
    lines = [line for line in seen.audit if 'apparmor="DENIED"' in line]
    counts = {name: sum(f'family="{name}"' in line for line in lines) for name in denied}
    return [
        f"{name}: {denied[name]} denied, {counts[name]} in the log"
        for name in denied
        if counts[name] != denied[name]
    ]


def outcome(number: int) -> str:
    """A word for an error number."""
    return errno.errorcode.get(number, str(number)) if number else "opens"


def opened(seen: Seen, family: str) -> set[Socket]:
    """The sockets of a family that opened."""
    return {socket for socket, number in seen.sockets.items() if socket[1] == family and not number}

"""Programs with a text of policy, and what is said of it."""

from __future__ import annotations

import patcher

POLICY = """\
profile docker-default flags=(attach_disconnected,mediate_deleted) {
  network,
  capability,
  file,
  umount,
  deny @{PROC}/sysrq-trigger rwklx,
  deny mount,
}
"""
"""A moby-style profile that lacks the rule."""

_RULES = (
    "profile x flags=(attach_disconnected,mediate_deleted) {", "  network,",
    "  deny network alg,", "  capability,", "  file,", "  umount,", "  deny @{PROC}/* w,",
    "  deny mount,", "}",
)  # fmt: skip
_PARTS = {
    "TEXT": "\n".join((*_RULES, "")),
    "ESCAPED": "\\n".join((*_RULES, "")),
    "LIST": ",\n".join(f'  "{rule}"' for rule in _RULES),
    "LINE": ", ".join(f'"{rule}"' for rule in _RULES),
    "QUOTED": " ".join(f"'{rule}'" for rule in _RULES),
    "INDENTED": "".join(f"      {rule}\n" for rule in _RULES),
}


def statuses(path: str, program: str) -> set[str]:
    """What is said of a program, in which the names of parts stand for texts of policy."""
    for name, part in _PARTS.items():
        program = program.replace(name, part)
    return {finding.status for finding in patcher.patch(path, program.encode()).findings}

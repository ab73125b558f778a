"""A program of a user: all that is public, as it is meant to be used."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import patcher
from patcher import Edit, Finding, Migration, MigrationError, Result, Status

PROFILE = b"""\
profile docker-default flags=(attach_disconnected,mediate_deleted) {
  network,
  capability,
  file,
  umount,
  deny @{PROC}/* w,
  deny mount,
}
"""
MINE = "id: deny-af-bluetooth\ntitle: Deny Bluetooth\nrule: deny network bluetooth,\n"


def chosen(folder: Path) -> list[Migration | str]:
    """A built-in migration by its id, one that is changed, and one of the user's own."""
    file = folder / "mine.yaml"
    file.write_text(MINE)
    vsock: Migration = patcher.load_migration("deny-af-vsock")
    return ["deny-af-alg", replace(vsock, comment="No machines."), patcher.load_migration(file)]


def told(finding: Finding) -> str:
    edit: Edit | None = finding.edit
    what = "nothing to insert" if edit is None else f"insert at {edit.offset}"
    return f"{finding.line} {finding.profile} {finding.migration} {finding.status}: {what}"


def main(folder: Path) -> None:
    file = folder / "docker-default"
    file.write_bytes(PROFILE)
    migrations = chosen(folder)
    result: Result = patcher.patch(file, file.read_bytes(), migrations=migrations, comment=True)
    assert result.path == str(file)
    for finding in result.findings:
        print(told(finding))
    for edit in result.edits:
        print(edit.insert.decode(), end="")
    again = patcher.patch(file, result.content, migrations=migrations, comment=True)
    counts: Counter[Status] = Counter(finding.status for finding in again.findings)
    print(f"{counts[Status.FIXED]} fixed, {len(again.edits)} edits")
    try:
        patcher.load_migration("deny-af-all")
    except MigrationError as error:
        print(error)
    try:
        patcher.patch(file, "text")  # type: ignore[arg-type]
    except TypeError as error:
        print(error)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

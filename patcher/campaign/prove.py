"""Let AppArmor's own parser prove the edits of one look, and leave out those that it refutes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from patcher.campaign.large import in_turn
from patcher.campaign.target import ChangedFile, Located, blob_id
from patcher.findings import Finding, Status, edited, edits_of
from patcher.git import printable
from patcher.migrations import Migration

if TYPE_CHECKING:
    from patcher.proof.parser import Parser
    from patcher.proof.verdict import Proof

Mode = Literal["auto", "require", "off"]
"""Whether edits are proved: where a parser is installed; in any case, and nothing else is
committed; not at all."""


class Unproved(Exception):
    """Why nothing can be proved: one line."""


def check(mode: Mode) -> str | None:
    """Why edits are not compiled, in one line; None where they are, or are not to be.

    Raises Unproved where ``mode`` requires a parser that can prove, and where the user names a
    parser that is not there.
    """
    from patcher.proof import parser

    if mode == "off":
        return None
    try:
        if mode == "require":
            parser.usable()
        else:
            parser.find()
    except parser.Unusable as error:
        if mode == "require" or parser.named():
            raise Unproved(str(error)) from None
        return f"{error}, so edits are not compiled (--proof auto)"
    return None


def prove(
    found: Sequence[Located],
    files: Sequence[ChangedFile],
    migrations: Sequence[Migration],
    mode: Mode,
) -> tuple[list[Located], list[ChangedFile], str | None]:
    """The findings with their proofs, the files with the edits that are left, and in one line what
    was left out and why."""
    from patcher.proof import parser

    by: Parser | str
    try:
        by = parser.usable()
    except parser.Unusable as error:
        by = str(error)
    if mode == "auto" and isinstance(by, str) and not (parser.installed() or parser.named()):
        return list(found), list(files), None
    edits = _edited_by_path(found)
    proofs = {
        (file.path, *key): proof
        for file in files
        for key, proof in _proofs(file, edits.get(file.path, ()), migrations, by).items()
    }
    judged: list[Located] = []
    problems: list[str] = []
    left_out: set[bytes] = set()
    for located in found:
        proof = proofs.get((located.path, *_key(located)))
        if proof is None or located.finding.edit is None:
            judged.append(located)
            continue
        located = replace(located, proof=proof)
        if proof.verdict == "refuted" or (mode == "require" and proof.verdict != "proved"):
            left_out.add(located.path)
            place = f"{printable(located.path)}:{located.finding.line}"
            problems.append(f"{place}: {proof.text}")
            located = replace(located, finding=_unedited(located, proof, mode))
        judged.append(located)
    edits = _edited_by_path(judged)
    kept = [
        _kept(file, edits.get(file.path, ())) if file.path in left_out else file for file in files
    ]
    return judged, [file for file in kept if file is not None], _told(problems)


def _edited_by_path(found: Iterable[Located]) -> dict[bytes, list[Located]]:
    """The findings with an edit."""
    there: dict[bytes, list[Located]] = {}
    for located in found:
        if located.finding.edit is not None:
            there.setdefault(located.path, []).append(located)
    return there


_Key = tuple[int, str]


def _key(located: Located) -> _Key:
    return located.finding.line, located.finding.migration


def _proofs(
    file: ChangedFile,
    mine: Sequence[Located],
    migrations: Sequence[Migration],
    by: Parser | str,
) -> dict[_Key, Proof]:
    """The proofs of a file's edits; where several stand at one line, the worst of them."""
    from patcher.proof import policy
    from patcher.proof.verdict import Proof, Verdict

    proofs: Sequence[Proof | None]
    if isinstance(by, str):
        proofs = [Proof(Verdict.NOT_PROVABLE, reason=by)] * len(mine)
    else:
        with in_turn(len(file.old)):
            proofs = policy.prove(
                file.path.decode("utf-8", "surrogateescape"),
                file.old,
                file.new,
                [located.finding for located in mine],
                migrations,
                by,
            )
    order = (Verdict.PROVED, Verdict.NOT_PROVABLE, Verdict.REFUTED)
    worst: dict[_Key, Proof] = {}
    for located, proof in zip(mine, proofs, strict=True):
        if proof is None:
            continue
        key = _key(located)
        if key not in worst or order.index(proof.verdict) > order.index(worst[key].verdict):
            worst[key] = proof
    return worst


def _unedited(located: Located, proof: Proof, mode: Mode) -> Finding:
    why = "was refuted" if proof.verdict == "refuted" else f"is not proved (--proof {mode})"
    return replace(
        located.finding,
        status=Status.UNDER_INVESTIGATION,
        edit=None,
        reason=f"{located.finding.reason}; but the edit {why}",
    )


def _kept(file: ChangedFile, mine: Sequence[Located]) -> ChangedFile | None:
    """The file with the edits that are left."""
    edits = edits_of(located.finding for located in mine)
    if not edits:
        return None
    new = edited(file.old, edits)
    return replace(file, new=new, new_oid=blob_id(new, len(file.old_oid)), edits=edits)


def _told(problems: Sequence[str]) -> str | None:
    if len(problems) < 2:
        return problems[0] if problems else None
    return f"{len(problems)} edits are left out, the first at {problems[0]}"

"""Let AppArmor's own parser prove the edits of one look, and leave out those that it refutes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from patcher.campaign.changes import blob_id
from patcher.findings import Finding, Status, edited, edits_of
from patcher.git import printable
from patcher.options import Options
from patcher.results import ChangedFile, Located, Proof, Stage, Verdict

if TYPE_CHECKING:
    from patcher.proof import Judged

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


def proofs(judged: Judged, options: Options, mode: Mode) -> Sequence[Proof | None]:
    """The proof of each finding's edit, where there is one and it is compiled.

    Of edits for one migration at one line each has the worst proof of them all.
    """
    from patcher.proof import parser, policy

    findings = judged.result.findings
    nothing = [None] * len(findings)
    if judged.edited is None:
        return nothing
    found: Sequence[Proof | None]
    try:
        by = parser.usable()
    except parser.Unusable as error:
        if mode == "auto" and not (parser.installed() or parser.named()):
            return nothing
        none = Proof(Verdict.NOT_PROVABLE, reason=str(error))
        found = [None if finding.edit is None else none for finding in findings]
    else:
        found = policy.prove(*judged.edited, findings, options.migrations, by)
    order = (Verdict.PROVED, Verdict.NOT_PROVABLE, Verdict.REFUTED)
    worst: dict[tuple[int, str], Proof] = {}
    for finding, proof in zip(findings, found, strict=True):
        key = finding.line, finding.migration
        if proof is not None and (
            key not in worst or order.index(proof.verdict) > order.index(worst[key].verdict)
        ):
            worst[key] = proof
    return [
        None if finding.edit is None else worst.get((finding.line, finding.migration))
        for finding in findings
    ]


def without_refuted(
    found: Sequence[Located], files: Sequence[ChangedFile], mode: Mode
) -> tuple[list[Located], list[ChangedFile], str | None, Stage]:
    """The findings and files without the edits that are refuted, or that ``mode`` wants proved and
    are not; in one line what was left out and why; and whether all edits that are left are
    proved, as a stage."""
    judged: list[Located] = []
    problems: list[str] = []
    left_out: set[bytes] = set()
    for located in found:
        proof = located.proof
        if proof is not None and (
            proof.verdict == "refuted" or (mode == "require" and proof.verdict != "proved")
        ):
            left_out.add(located.path)
            place = f"{printable(located.path)}:{located.finding.line}"
            problems.append(f"{place}: {proof.text}")
            located = replace(located, finding=_unedited(located, proof, mode))
        judged.append(located)
    edits: dict[bytes, list[Finding]] = {path: [] for path in left_out}
    for located in judged:
        if located.path in left_out:
            edits[located.path].append(located.finding)
    kept = [_kept(file, edits[file.path]) if file.path in left_out else file for file in files]
    verdicts = {
        each.proof and each.proof.verdict for each in judged if each.finding.edit is not None
    }
    stage = Stage.PROVED if verdicts == {Verdict.PROVED} else Stage.SCANNED
    return judged, [file for file in kept if file is not None], _told(problems), stage


def _unedited(located: Located, proof: Proof, mode: Mode) -> Finding:
    why = "was refuted" if proof.verdict == "refuted" else f"is not proved (--proof {mode})"
    return replace(
        located.finding,
        status=Status.UNDER_INVESTIGATION,
        edit=None,
        reason=f"{located.finding.reason}; but the edit {why}",
    )


def _kept(file: ChangedFile, findings: Iterable[Finding]) -> ChangedFile | None:
    """The file with the edits that are left."""
    edits = edits_of(findings)
    if not edits:
        return None
    new = edited(file.old, edits)
    return replace(file, new=new, new_oid=blob_id(new, len(file.old_oid)), edits=edits)


def _told(problems: Sequence[str]) -> str | None:
    if len(problems) < 2:
        return problems[0] if problems else None
    return f"{len(problems)} edits are left out, the first at {problems[0]}"

"""AppArmor's own parser tests, where a folder with them is named: reading against compiling.

The files of ``parser/tst/simple_tests`` in AppArmor's sources, or others of that shape: policy in
``*.sd``, whose includes lie in the same folder. Each profile that ``apparmor_parser`` takes is
compiled for features that mediate sockets, and three answers are held against that: what
``patcher.patch`` reports, how the profile is judged, and what ``patcher verify`` says.
"""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import patcher
from patcher import Status
from patcher.campaign import verify
from patcher.campaign.includes import beside
from patcher.campaign.selection import Selection
from patcher.policy import reader
from patcher.policy.judgement import judge
from patcher.policy.reader import Profile
from patcher.proof import compiled, parser
from patcher.proof.policy import compiled_names
from patcher.results import Answer
from tests.oracle.compiled import FEATURES, PARSER

FAMILY, KINDS = "alg", ("seqpacket",)
_SOCKET = (38, 5)
_CLEAN = (Status.FIXED, Status.NOT_AFFECTED, Answer.DENIED)
_SECONDS = 20
_WHOLE = "the whole file"
NOTHING = "no finding"
_WORST_FIRST: list[str] = [Status.AFFECTED, Status.UNDER_INVESTIGATION, *_CLEAN[:2]]
COLUMNS = ("allowed", "not mediated", "denied")


@dataclass(slots=True)
class Report:
    """What a folder showed."""

    files: int = 0
    refused: int = 0
    """Files that the parser does not take, or not within some seconds."""
    profiles: int = 0
    table: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Profiles, by who answers, the answer, and what is compiled."""
    faults: list[str] = field(default_factory=list)
    """Clean answers where the compiled policy allows the family or does not mediate it."""
    needless: list[str] = field(default_factory=list)
    """Profiles that need review by one of the answers, and deny the family as compiled."""

    def lines(self) -> Iterator[str]:
        """The table, one row for each answer."""
        yield f"{self.files} files, of which the parser refuses {self.refused}"
        yield f"{self.profiles} profiles"
        yield f"{'':34}" + "".join(f"{name:>14}" for name in COLUMNS)
        for by, answer in sorted({key[:2] for key in self.table}):
            counts = "".join(f"{self.table[by, answer, name]:14}" for name in COLUMNS)
            yield f"{by:10}{answer:24}{counts}"


def compile_file(file: Path, folder: Path) -> Sequence[compiled.Compiled] | None:
    """The profiles in a file as the parser compiles them; None where it refuses the file,
    or takes long. (``-j0``: it compiles in a process of its own otherwise, which outlives it.)"""
    assert PARSER is not None
    command = [PARSER, "--config-file", "/dev/null", "--base", str(folder), "-QKS", "-j0"]
    command += ["--features-file", str(FEATURES), str(file)]
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=_SECONDS, check=False, cwd=folder.parent
        )
    except subprocess.TimeoutExpired:
        return None
    return None if done.returncode else compiled.read(done.stdout)


def check(folder: Path, files: Iterable[Path] | None = None) -> Report:
    """Hold the answers for each profile in a folder against what is compiled."""
    report = Report()
    for file in sorted(folder.rglob("*.sd")) if files is None else files:
        report.files += 1
        profiles = compile_file(file, folder)
        if profiles is None:
            report.refused += 1
            continue
        _check_file(file, folder, profiles, report)
    return report


def _check_file(
    file: Path, folder: Path, profiles: Sequence[compiled.Compiled], report: Report
) -> None:
    content = file.read_bytes()
    read = [profile for profile in reader.read(content) if profile.header]
    answers = {
        "scan": _found(content, file),
        "judgement": _judged(read, file),
        "verify": _verified(file),
    }
    known = {name: profile.name for profile in read for name in compiled_names(profile)}
    for profile in profiles:
        report.profiles += 1
        state = COLUMNS[0] if _SOCKET in profile.open else COLUMNS[2]
        state = state if profile.mediated else COLUMNS[1]
        for by, found in answers.items():
            names = {profile.name, known.get(profile.name, profile.name)}
            answer = next((found[name] for name in (_WHOLE, *names) if name in found), None)
            if answer is None and by != "verify" and profile.name not in known:
                # A name with a variable or a namespace is not compiled as it is written.
                answer = _worst(found.values()) if found else None
            report.table[by, answer or NOTHING, state] += 1
            where = f"{file}: {profile.name}: {by} says {answer or NOTHING}, compiled: {state}"
            if state != COLUMNS[2] and (answer in _CLEAN or not answer):
                report.faults.append(where)
            if state == COLUMNS[2] and answer in (Status.UNDER_INVESTIGATION, Answer.UNDECIDED):
                report.needless.append(where)


def _worst(statuses: Iterable[str]) -> str:
    return min(statuses, key=_WORST_FIRST.index)


def _found(content: bytes, file: Path) -> dict[str, str]:
    """The worst finding of each profile."""
    found: dict[str, str] = {}
    result = patcher.patch(str(file), content, profiles="all", includes=beside(file))
    for finding in result.findings:
        if finding.host == "file":
            return {_WHOLE: finding.status}
        known = found.get(finding.profile, finding.status)
        found[finding.profile] = _worst((finding.status, known))
    return found


def _judged(profiles: Iterable[Profile], file: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for profile in profiles:
        judgements = judge(profile, FAMILY, KINDS, moby_style=False, includes=beside(file))
        statuses = [each.status for each in judgements]
        found[profile.name] = _worst((*statuses, found.get(profile.name, statuses[0])))
    return found


def _verified(file: Path) -> dict[str, str]:
    selection = Selection(profiles="all")
    found: dict[str, str] = {}
    order = (Answer.ALLOWED, Answer.UNDECIDED, Answer.DENIED)
    for verified in verify.run([str(file)], selection, parser.usable()):
        if verified.error:
            return {_WHOLE: Answer.UNDECIDED}
        for standing in verified.standings:
            known = found.get(standing.profile, standing.answer)
            found[standing.profile] = min(
                known, standing.answer, key=lambda each: order.index(each)
            )
    return found

"""Holds the verdicts on programs against what the programs make, before and after the edit."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import patcher
from patcher import Status
from tests.oracle.compiled import compile_policy
from tests.oracle.programs import LANGUAGES, NAME, Language, program
from tests.oracle.running import BrokenError, outputs

DENY = "deny network alg,"
_CLEAN: set[str] = {Status.FIXED, Status.NOT_AFFECTED}
_PROFILES_AT_ONCE = 400


@dataclass(slots=True)
class Report:
    """What the programs of one language showed."""

    programs: int = 0
    texts: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    """Of the programs before and after the edit."""
    edited: int = 0
    open_before: int = 0
    """Programs of which some text lets the family open."""
    cautious: int = 0
    """Programs that no text of which lets it open after the edit, and that still need review."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Why they do."""
    faults: list[str] = field(default_factory=list)


class Policies:
    """Which texts let AF_ALG open, as AppArmor's parser compiles them; each compiled once."""

    def __init__(self) -> None:
        self.open: dict[str, bool] = {}

    def compile(self, texts: set[str]) -> None:
        """Compile those that are not known, many at once."""
        new = sorted(texts - self.open.keys())
        for begin in range(0, len(new), _PROFILES_AT_ONCE):
            some = new[begin : begin + _PROFILES_AT_ONCE]
            policy = "\n".join(
                text.replace(NAME, f"oracle{number}", 1) for number, text in enumerate(some)
            )
            compiled = compile_policy(policy.encode())
            assert isinstance(compiled, dict), compiled
            for number, text in enumerate(some):
                found = compiled.get(f"oracle{number}")
                self.open[text] = found is not None and ("alg", "seqpacket") in found.open


def _without_deny(text: str) -> str:
    """The text without the deny, be it as ``relax`` of the programs leaves it."""
    return "".join(text.replace(DENY, "").replace(DENY.replace("alg", "key"), "").split())


def check(language: Language, seed: int, count: int, policies: Policies) -> Report:
    """Generate programs, run and judge them."""
    random = Random(f"{language.name} {seed}")
    sources = {number: program(language, number, random) for number in range(count)}
    folder = Path(tempfile.mkdtemp(prefix="patcher-oracle-"))
    try:
        return _checked(language, sources, folder, policies)
    finally:
        shutil.rmtree(folder)


def _checked(
    language: Language, sources: dict[int, str], folder: Path, policies: Policies
) -> Report:
    report = Report(programs=len(sources))
    path = f"p{language.suffix}"
    results = {number: patcher.patch(path, text.encode()) for number, text in sources.items()}
    edited = {number: result.content.decode() for number, result in results.items()}
    before = outputs(language, folder / "before", sources)
    try:
        after = outputs(language, folder / "after", edited)
    except BrokenError:
        after = dict(_one_by_one(language, folder, edited, report))
    texts = {text for each in (*before.values(), *after.values()) for text in each}
    report.texts = len(texts)
    policies.compile(texts)
    for number, source in sources.items():
        if number in after:
            again = patcher.patch(path, edited[number].encode())
            _judge(
                _Case(source, results[number], again, before[number], after[number]),
                policies, report,
            )  # fmt: skip
    return report


def _one_by_one(
    language: Language, folder: Path, edited: dict[int, str], report: Report
) -> Iterator[tuple[int, list[str]]]:
    """Those of the edited programs that still run; the others are faults."""
    halves = [list(edited)]
    while halves:
        some = halves.pop()
        try:
            found = outputs(language, folder / f"part{some[0]}-{len(some)}",
                            {number: edited[number] for number in some})  # fmt: skip
            yield from found.items()
        except BrokenError as error:
            if len(some) == 1:
                report.faults.append(f"broken by the edit: {error}\n{edited[some[0]]}")
            else:
                halves += [some[: len(some) // 2], some[len(some) // 2 :]]


@dataclass(frozen=True, slots=True)
class _Case:
    source: str
    result: patcher.Result
    again: patcher.Result
    before: list[str]
    after: list[str]


def _judge(case: _Case, policies: Policies, report: Report) -> None:
    statuses: set[str] = {finding.status for finding in case.result.findings}
    later: set[str] = {finding.status for finding in case.again.findings}
    open_before = any(policies.open[text] for text in case.before)
    open_after = any(policies.open[text] for text in case.after)
    report.statuses.update(f"before: {status}" for status in statuses or {"none"})
    report.statuses.update(f"after: {status}" for status in later or {"none"})
    report.edited += bool(case.result.edits)
    report.open_before += open_before
    report.cautious += not open_after and not later <= _CLEAN

    if not open_after:
        looks = {f.reason for f in case.again.findings if f.status is Status.UNDER_INVESTIGATION}
        report.reasons.update(looks)

    def fault(what: str) -> None:
        found = [(f.line, str(f.status), f.reason) for f in case.result.findings]
        report.faults.append(f"{what}\n{found}\n{case.result.content.decode()}")

    if statuses <= _CLEAN and open_before:
        fault("clean before, and some text lets the family open")
    if later <= _CLEAN and open_after:
        fault("clean after the edit, and some text lets the family open")
    if case.again.edits:
        fault("edited once more")
    for old, new in zip(case.before, case.after, strict=True):
        if _without_deny(old) != _without_deny(new) or new.count(DENY) < old.count(DENY):
            fault(f"more than the deny differs: {old!r} {new!r}")
            break


def run(total: int, seed: int, languages: list[str] | None = None) -> dict[str, Report]:
    """Check programs of each language, ``total`` in all."""
    policies = Policies()
    chosen = [LANGUAGES[name] for name in languages or LANGUAGES]
    return {
        language.name: check(language, seed, -(-total // len(chosen)), policies)
        for language in chosen
    }

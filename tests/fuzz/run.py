"""The loop: mutate, check, and make smaller what breaks."""

from __future__ import annotations

import io
import re
import tarfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import patcher
from tests.fuzz.inputs import Input, migrations, mutated, mutated_migration, seeds
from tests.fuzz.properties import Broken, check, check_migration, never_raising
from tests.fuzz.repositories import check_repositories

_MIGRATIONS = 20
"""One in so many inputs is a migration."""
_REPOSITORIES = 25
"""One in so many is a few repositories."""
_POOL = 500
"""Mutated inputs that are mutated further."""


@dataclass(frozen=True, slots=True)
class Finding:
    """An input that breaks a property."""

    kind: str
    path: str
    content: bytes
    options: int
    problem: str


@dataclass(slots=True)
class Figures:
    """What a run did."""

    executions: int = 0
    edited: int = 0
    migrations: int = 0
    loaded: int = 0
    repositories: int = 0
    commits: int = 0
    slowest: float = 0.0
    findings: list[Finding] = field(default_factory=list)


def fuzz(
    seed: int,
    scratch: Path,
    *,
    seconds: float,
    executions: int | None = None,
    found: Callable[[Finding], None] = lambda finding: None,
) -> Figures:
    """Fuzz until the time is over or so many inputs are done. The same problem counts once."""
    figures = Figures()
    corpus, documents = seeds(), migrations()
    originals = len(corpus)
    end = time.monotonic() + seconds
    known: set[str] = set()
    while time.monotonic() < end and figures.executions != executions:
        random = Random(f"{seed} {figures.executions}")
        figures.executions += 1
        started = time.process_time()
        if figures.executions % _MIGRATIONS == 0:
            problem = _migration(mutated_migration(random, documents), scratch, figures)
        elif figures.executions % _REPOSITORIES == 0:
            problem = _repositories(random, corpus[:originals], scratch, figures)
        else:
            given = mutated(random, corpus)
            problem = _file(given, random.randrange(16), figures)
            if random.random() < 0.02 and problem is None:
                if len(corpus) < originals + _POOL:
                    corpus.append(given)
                else:
                    corpus[originals + random.randrange(_POOL)] = given
        figures.slowest = max(figures.slowest, time.process_time() - started)
        if problem is not None and problem.kind not in known:
            known.add(problem.kind)
            figures.findings.append(_smaller(problem, scratch))
            found(figures.findings[-1])
    return figures


def _file(given: Input, options: int, figures: Figures) -> Finding | None:
    try:
        figures.edited += check(given, options) > 0
    except Broken as broken:
        return Finding(_kind(broken, given.path), given.path, given.content, options, str(broken))
    return None


def _migration(content: bytes, scratch: Path, figures: Figures) -> Finding | None:
    figures.migrations += 1
    try:
        migration = check_migration(content, scratch)
        if migration is not None:
            figures.loaded += 1
            # What was loaded can be used.
            profile = b"profile x flags=(attach_disconnected,mediate_deleted) {\n  network,\n}\n"
            result = patcher.patch("x", profile, migrations=[migration], profiles="all")
            if migration.rule.encode() not in result.content:
                raise Broken("a migration that was loaded inserts nothing")
    except Broken as broken:
        return Finding(_kind(broken, "migration"), "mine.yaml", content, 0, str(broken))
    return None


def _repositories(
    random: Random, corpus: list[Input], scratch: Path, figures: Figures
) -> Finding | None:
    figures.repositories += 1
    try:
        figures.commits += never_raising(lambda: check_repositories(random, corpus, scratch))
    except Broken as broken:
        place = scratch / "repositories"
        kept = io.BytesIO()
        with tarfile.open(fileobj=kept, mode="w:gz") as archive:
            archive.add(place, arcname=".")
        kind = _kind(broken, "repositories")
        return Finding(kind, "repositories.tar.gz", kept.getvalue(), 0, str(broken))
    return None


def _kind(broken: Broken, path: str) -> str:
    """What makes two findings the same: the problem without its figures, where it was raised, and
    the kind of file."""
    trace = (broken.__cause__ or broken).__traceback__
    where = ""
    while trace is not None:
        code = trace.tb_frame.f_code
        if "/patcher/" in code.co_filename and "raised" in str(broken):
            where = f" in {Path(code.co_filename).name}:{code.co_name}"
        trace = trace.tb_next
    text = re.sub(r"[0-9.]+|b'.*'|b\".*\"| in /.*", "", str(broken))[:80]
    return f"{text}{where} ({Path(path).suffix or Path(path).name})"


def _smaller(finding: Finding, scratch: Path) -> Finding:
    """The same problem with less around it: ever smaller stretches left out, within 20 seconds."""
    if "processor time" in finding.problem or finding.path == "repositories.tar.gz":
        return finding
    end = time.monotonic() + 20
    best = finding
    size = len(best.content) // 2
    while size and time.monotonic() < end:
        at = 0
        while at < len(best.content) and time.monotonic() < end:
            shorter = best.content[:at] + best.content[at + size :]
            if finding.path == "mine.yaml" and finding.kind.endswith("(migration)"):
                again = _migration(shorter, scratch, Figures())
            else:
                again = _file(Input(finding.path, shorter), finding.options, Figures())
            if again is not None and again.kind == finding.kind:
                best = again
            else:
                at += size
        size //= 2
    return best

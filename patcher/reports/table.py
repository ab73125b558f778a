"""A table for people: a block for each target, a row for each profile, totals in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from patcher.findings import Dropped, Status
from patcher.kinds import ErrorKind
from patcher.reports import Style
from patcher.reports.text import STATUS_WORDS, count, short
from patcher.results import (
    NOT_READ,
    NOT_READ_ELSEWHERE,
    BranchState,
    Located,
    Outcome,
    ReviewAct,
    ReviewResult,
    Target,
    Totals,
)
from patcher.text import printable
from patcher.values import dataclass

_GROUPED = 4
"""Failures from which on their kinds are listed at the end."""

_KINDS = 5
"""Kinds of failure with one cause that are shown."""

_RESET = "\x1b[0m"
_CODES = {"red": "31", "green": "32", "yellow": "33", "dim": "2", "bold": "1"}
_STYLES = {
    Status.AFFECTED: "red",
    Status.FIXED: "green",
    Status.NOT_AFFECTED: "dim",
    Status.UNDER_INVESTIGATION: "yellow",
}


_STATUS_WIDTH = max(map(len, (*STATUS_WORDS.values(), "changed there")))
_LEAST_WHY = 20
_LEAST_PROFILE = 24
"""Room for a template action as a name, such as `{{ container_profile }}`, in one piece."""
_WIDE = 120
"""Columns of a terminal; the last: from which on a place has room beside the rest."""

_DONE = (Outcome.COMMITTED, Outcome.PUSHED)
_STAYS = (Outcome.UP_TO_DATE, Outcome.EDITED)
_SAME = (Outcome.UP_TO_DATE, BranchState.CURRENT)
"""An outcome, and what it says of the review branch in other words."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """One profile, as it is shown."""

    where: str
    profile: str
    status: str
    style: str
    why: tuple[str, ...]

    def printable(self) -> TableRow:
        """The same, with what others wrote in it escaped."""
        why = tuple(map(printable, self.why))
        return replace(self, where=printable(self.where), profile=printable(self.profile), why=why)


class Report:
    """A block for each target as it comes, and totals."""

    def __init__(self, style: Style) -> None:
        self._style, self._applied = style, style.applied
        self._committed: Target | None = None
        self._left = self._pushed = False

    def start(self) -> bytes:
        return b""

    def target(self, target: Target) -> bytes:
        if target.outcome in _DONE:
            self._committed = self._committed or target
        elif target.outcome not in _STAYS and any(
            located.finding.edit is not None for located in target.findings
        ):
            self._left = True
            self._pushed |= not target.repository.startswith("/")  # a clone URL
        if self._style.quiet:
            return b""
        rows = self.rows(target)
        if not rows and not self._worth_a_line(target):
            return b""
        more = [f"  {line}\n" for line in borrowed(target)] if self._style.verbose else []
        return _encoded(self._head(target) + "\n" + "".join(more) + self.body(rows))

    def finish(self, totals: Totals) -> bytes:
        if self._style.quiet:
            return b""
        if not totals.targets:
            return b"No repository was looked at.\n" if totals.complete else b"It was broken off.\n"
        where = count(totals.repositories, "repository", "repositories")
        if totals.targets > totals.repositories:
            where += f", {totals.targets} branches"
        lines = [f"{where}: {summary(totals, self._style)}."]
        if totals.up_to_date and not self._applied:
            lines.append(f"{totals.up_to_date} up to date: the branch holds the change already.")
        if totals.edited:
            lines.append(
                f"{totals.edited} edited by others: merging the branch fixes the base; it was left "
                "alone."
            )
        if self._applied:
            done = f"{totals.committed} committed"
            if totals.pushed:
                all_of_them = totals.pushed == totals.committed
                done += " and pushed" if all_of_them else f" ({totals.pushed} of them pushed)"
            done += f", {totals.up_to_date} up to date"
            done += f", {totals.removed} removed" if totals.removed else ""
            done += f", {totals.nothing_to_do} nothing to do" if totals.nothing_to_do else ""
            done += f", {totals.left} left" if totals.left else ""
            done += f", {totals.failed} failed."
            lines.append(done)
            lines += _reviews(totals)
        lines += self._causes(totals)
        lines += advice(totals)
        if not totals.complete:
            lines.append("It was broken off: this is not everything.")
        if self._committed is not None:
            lines += _show(self._committed)
        elif self._left and not self._applied:
            shows, *commits = (f"`patcher {printable(each)}`" for each in self._style.again)
            lines.append(f"Next: {shows} shows the change, {commits[self._pushed]} commits it.")
        return _encoded("\n".join(lines) + "\n")

    def _causes(self, totals: Totals) -> list[str]:
        """The kinds of failure, where there are many, the most frequent first."""
        if totals.failed < _GROUPED:
            return []
        causes = sorted(totals.causes.items(), key=lambda item: (-item[1].targets, item[0]))
        wide = max(len(name) for name, _ in causes)
        number = len(str(causes[0][1].targets))
        lines = []
        for name, cause in causes:
            kinds = sorted(cause.kinds.values(), key=lambda kind: -kind.targets)
            first = f"  {cause.targets:{number}} {name:{wide}}  "
            shown = [_example(name, kind) for kind in kinds[:_KINDS]]
            if len(kinds) > 1:
                shown = [f"{kind.targets} {line}" for kind, line in zip(kinds, shown, strict=False)]
            if len(kinds) > _KINDS:
                shown.append(f"and {len(kinds) - _KINDS} kinds more")
            lines += [f"{first if not at else ' ' * len(first)}{s}" for at, s in enumerate(shown)]
        return lines

    def rows(self, target: Target) -> list[TableRow]:
        """The rows of the target's findings that are worth one, and of what was dropped."""
        if self._style.undone and not self._style.verbose:
            return []
        rows = [self._row(target, located) for located in target.findings if self._shows(located)]
        return [*rows, *map(_dropped, target.dropped)] if self._style.verbose else rows

    def _worth_a_line(self, target: Target) -> bool:
        done = target.outcome in (*_DONE, *_STAYS, Outcome.REMOVED) or target.review is not None
        if done or (self._style.undone and target.branch_state not in (None, BranchState.NONE)):
            return True
        if target.failed:
            return False  # its reason goes to standard error
        note = target.note or ""
        # What a repository does not hold is in the totals; that it hides a branch is nowhere else,
        # nor what a dry run would do about the review of a base that is fixed.
        scanned = target.outcome is Outcome.SCANNED and not note.startswith(NOT_READ)
        fixed = target.outcome is Outcome.NOTHING_TO_DO and target.commit is not None
        return bool(self._style.verbose or (note and (self._applied or scanned or fixed)))

    def _shows(self, located: Located) -> bool:
        return self._style.verbose or located.finding.status in self._style.shown

    def _head(self, target: Target) -> str:
        parts = [self._painted("bold", printable(target.repository))]
        if target.base:
            parts.append(printable(short(target.base)))
        if target.outcome in _DONE and target.branch and target.new_commit:
            parts.append(f"-> {printable(target.branch)} {target.new_commit[:12]}")
        elif target.outcome in _STAYS and target.branch:
            parts.append(f"-> {printable(target.branch)}")
        elif target.outcome is Outcome.REMOVED and target.branch and target.new_commit:
            parts.append(f"-> {printable(target.branch)}, which was at {target.new_commit}")
        elif target.outcome is Outcome.SCANNED and target.branch:
            what = "would be removed" if self._style.undone else "not written: a dry run"
            parts.append(f"-> {printable(target.branch)}  ({what})")
        noted = target.outcome is Outcome.NOTHING_TO_DO and target.note
        if target.outcome not in (Outcome.SCANNED, Outcome.FAILED) and not noted:
            parts.append(f"({target.outcome})")
        state = target.branch_state
        said = state == target.outcome.value or (target.outcome, state) == _SAME
        if state not in (None, BranchState.NONE) and not said:
            was = "the branch was " if target.outcome in _DONE else ""
            parts.append(f"({was}{state})")
        if target.review is not None:
            parts.append(f"({_review(target.review)})")
        if target.note:
            parts.append(f"({printable(target.note)})")
        return "  ".join(parts)

    def _row(self, target: Target, located: Located) -> TableRow:
        finding = located.finding
        word, style = STATUS_WORDS[finding.status], _STYLES[finding.status]
        if finding.status is Status.AFFECTED:
            if finding.edit is None:
                style = "dim"
            elif target.outcome in _DONE:
                word, style = "changed", "green"
            elif target.outcome in _STAYS:
                word, style = "changed there", "green"
        why = finding.reason
        if finding.is_seccomp:
            why = f"seccomp: {why}"
        elif len(self._style.migrations) > 1:
            why = f"{finding.migration}: {why}"
        evidence = [f"- {item}" for item in finding.evidence] if self._style.explain else []
        if located.proof is not None:
            why += f"; {located.proof.text}"
            evidence += [f"compiled only without it: {line}" for line in located.proof.before]
            evidence += [f"compiled only with it: {line}" for line in located.proof.after]
        return TableRow(
            where=f"{printable(located.path)}:{finding.line}",
            profile=finding.profile or "-",
            status=word,
            style=style,
            why=(why, *evidence),
        )

    def body(self, rows: Sequence[TableRow]) -> str:
        """The rows in columns."""
        if not rows:
            return ""
        rows = [row.printable() for row in rows]
        if self._style.width is not None:
            return _wrapped(rows, self._style.width, self._style.color)
        wide = [
            max(map(len, cells))
            for cells in zip(*((row.where, row.profile, row.status) for row in rows), strict=True)
        ]
        lines = []
        for row in rows:
            cells = [
                row.where.ljust(wide[0]),
                row.profile.ljust(wide[1]),
                self._painted(row.style, row.status.ljust(wide[2])),
                row.why[0],
            ]
            lines.append("  " + "  ".join(cells))
            lines += [" " * (sum(wide) + 8) + line for line in row.why[1:]]
        return "\n".join(lines) + "\n"

    def _painted(self, style: str, text: str) -> str:
        return f"\x1b[{_CODES[style]}m{text}{_RESET}" if self._style.color else text


_NEW = (ReviewAct.OPENED, ReviewAct.REOPENED)


def _review(review: ReviewResult) -> str:
    """What was done about a review, who was asked, and what could not be."""
    words = f"review {review.act}" if review.url else f"the repository is {review.act}"
    words += f": {printable(review.url)}" if review.url else ""
    asked = [printable(each) for each in review.asked]
    if review.act in _NEW:
        words += f", asked: {', '.join(asked)}" if asked else ", nobody was asked"
    return "; ".join([words, *map(printable, review.missed)])


def _reviews(totals: Totals) -> list[str]:
    """The reviews of a run in one line, and what became of what was left."""
    told = [
        f"{totals.opened} opened" if totals.opened else "",
        f"{totals.updated} updated" if totals.updated else "",
        f"{totals.unchanged} open as they were" if totals.unchanged else "",
        f"{totals.closed} closed" if totals.closed else "",
    ]
    lines = [f"Reviews: {', '.join(filter(None, told))}."] if any(told) else []
    if totals.unasked:
        of = count(totals.unasked, "review that was opened", "reviews that were opened")
        lines.append(f"Nobody was asked for {of} (--reviewer, --team, --code-owners).")
    if totals.left:
        lines.append(
            "Left are affected branches of repositories that are archived or gone, and those whose "
            "review a person closed (--reopen opens it again)."
        )
    return lines


def _example(cause: str, kind: ErrorKind[Target]) -> str:
    why = (kind.example.error or "").removeprefix(f"{cause}: ")
    which = "" if kind.targets == 1 else "such as "
    return f"{which}{printable(f'{kind.example.repository}: {why}')}"


def _dropped(where: tuple[bytes, Dropped]) -> TableRow:
    path, dropped = where
    return TableRow(
        where=f"{printable(path)}:{dropped.line}",
        profile=dropped.profile or "-",
        status="dropped",
        style="dim",
        why=(dropped.reason,),
    )


def _wrapped(rows: Sequence[TableRow], width: int, color: bool) -> str:
    """The rows in columns that fit into ``width``. A place is never broken, so that it can be
    copied: where it leaves too little room, the rest stands below it."""
    import io

    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    out = io.StringIO()
    console = Console(
        file=out,
        width=width,
        force_terminal=color,
        no_color=not color,
        color_system="standard" if color else None,
        legacy_windows=False,
    )

    def grid(rows: Iterable[TableRow], *, places: bool) -> None:
        table = Table.grid(padding=(0, 2, 0, 0))
        if places:
            table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, min_width=_STATUS_WIDTH)
        table.add_column(overflow="fold", max_width=profile)
        table.add_column(overflow="fold", min_width=_LEAST_WHY)
        for row in rows:
            table.add_row(
                *[Text(row.where)] * places,
                Text(row.status, style=row.style),
                Text(row.profile),
                Text("\n".join(row.why)),
            )
        console.print(Padding(table, (0, 0, 0, 2 if places else 4)))

    profile = max(_LEAST_PROFILE, width // 4)
    if width >= _WIDE and max(len(row.where) for row in rows) <= width * 2 // 5:
        grid(rows, places=True)
    else:
        for row in rows:
            out.write(f"  {row.where}\n")
            grid([row], places=False)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def borrowed(target: Target) -> list[str]:
    """Lines that say whose objects are read, too."""
    owners = [printable(folder.removesuffix("/objects")) for folder in target.alternates]
    return [f"reads objects of {owner}, too (alternates)" for owner in owners]


class FilesReport(Report):
    """One table for files outside git, each of them a target, with totals."""

    def __init__(self, style: Style) -> None:
        super().__init__(style)
        self._rows: list[TableRow] = []

    def target(self, target: Target) -> bytes:
        self._rows += self.rows(target)
        return b""

    def finish(self, totals: Totals) -> bytes:
        if self._style.quiet:
            return b""
        lines = [f"{count(totals.repositories, 'file')}: {summary(totals, self._style)}."]
        if totals.committed:
            lines.append(f"{count(totals.committed, 'file')} fixed.")
        elif totals.to_fix and self._style.advise:
            lines.append("Next: --fix edits the files in place.")
        text = "\n".join([self.body(self._rows) + lines[0], *lines[1:], *advice(totals)])
        return _encoded(text + "\n")


def summary(totals: Totals, style: Style) -> str:
    """What was read, where that is not everything, and what was found, in words."""
    parts, read = [], ""
    if totals.read < totals.targets:
        told = [f"{totals.read} read"]
        told += [f"{totals.failed} failed"] * bool(totals.failed)
        told += [f"{totals.unread} without a commit to read (-v says why)"] * bool(totals.unread)
        read = ", ".join(told)
    if totals.to_fix:
        parts.append(count(totals.to_fix, "affected profile"))
        if totals.files:
            parts[0] += " in " + count(totals.files, "file")
    if totals.profiles[Status.FIXED]:
        parts.append(f"{totals.profiles[Status.FIXED]} fixed already")
    if totals.profiles[Status.NOT_AFFECTED]:
        parts.append(f"{totals.profiles[Status.NOT_AFFECTED]} not affected")
    if totals.profiles[Status.UNDER_INVESTIGATION]:
        review = totals.profiles[Status.UNDER_INVESTIGATION]
        parts.append(f"{review} {'needs' if review == 1 else 'need'} review")
    if totals.left_alone:
        parts.append(f"{totals.left_alone} affected but left alone")
    parts += _seccomp(totals)
    where = " in the files that --include and --exclude leave" if style.narrowed else ""
    if not (parts or read):
        parts.append(f"no AppArmor profile that matters{where}")
    elif not parts and totals.read:
        parts.append(f"nothing to report in what was read{where}")
    said = (read, ", ".join(parts), NOT_READ_ELSEWHERE if totals.elsewhere else "")
    return "; ".join(filter(None, said))


def _seccomp(totals: Totals) -> list[str]:
    """The findings on seccomp profiles, in words."""
    affected = totals.seccomp[Status.AFFECTED]
    review = totals.seccomp[Status.UNDER_INVESTIGATION]
    rest = totals.seccomp[Status.FIXED] + totals.seccomp[Status.NOT_AFFECTED]
    told = [f"{affected} affected"] * bool(affected)
    told += [f"{review} {'needs' if review == 1 else 'need'} review"] * bool(review)
    told += [f"{rest} that {'refuses' if rest == 1 else 'refuse'} AF_ALG"] * bool(rest)
    return [f"seccomp profiles: {', '.join(told)}"] if told else []


def advice(totals: Totals) -> list[str]:
    """What a reader may want to do about the rest."""
    if not totals.left_alone:
        return []
    return [
        "Left alone are profiles that are not moby-style (--profiles all changes them too) and"
        " documentation (--docs)."
    ]


def _show(target: Target) -> list[str]:
    """The command that shows what was committed, on a line. It runs no program that the repository
    names (pager, external diff, text conversion, gpg)."""
    import shlex

    if target.outcome is Outcome.PUSHED:
        return []  # no command of git's shows a remote's branch
    words = ["git", "--no-pager", "-C", target.repository, "show", "--no-ext-diff"]
    words += ["--no-textconv", "--no-show-signature", target.branch or ""]
    return [f"Look at it:  {printable(shlex.join(words))}"]


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")

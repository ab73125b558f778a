"""The title and the body of a review, from templates.

Templates are Jinja2's, in its sandbox, and of its language what cannot run away: values, filters
with constant arguments, ``if`` and ``for``. Each step of a loop and each filter checks the time,
and what joins values checks the size. Every value that is not `Markdown` is made fit to show as it
is put in.
"""

from __future__ import annotations

import functools
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from patcher import __version__
from patcher.findings import Status
from patcher.migrations import Migration
from patcher.results import Located, Target
from patcher.reviews.words import Markdown, code, plain, prose
from patcher.text import printable
from patcher.values import dataclass

if TYPE_CHECKING:
    import jinja2
    from jinja2 import nodes

MOST_BODY = 32_000
"""Characters of a body: what the forge with the least of them takes, which is Bitbucket."""
MOST_TITLE = 250
"""GitLab takes 255, GitHub 256."""
MOST_TEMPLATE = 1 << 16
_MOST_SECONDS = 5.0
_MOST_TEXT = 4 * MOST_BODY
"""Characters that a template or a filter makes."""
_MOST_LOOPS = 3
_SHOWN = (40, 10, 3)
"""Findings that are shown; the fewer ones where a body with the others is too long."""

_BEGIN, _END = "[//]: # (patcher: begin)", "[//]: # (patcher: end)"
_CLOSED = "[//]: # (patcher: closed)"
"""Definitions of links, which every Markdown leaves out of what it shows."""
_BEGIN_LINE, _END_LINE, _CLOSED_LINE = (
    re.compile(rf"^{re.escape(mark)}[ \t]*$", re.MULTILINE) for mark in (_BEGIN, _END, _CLOSED)
)
"""A mark has its line to itself: within a line it may be the path of a file."""
_MARK_LINES = re.compile(r"^[ \t]*\[//\]: # \(patcher:.*\n?", re.MULTILINE)

DEFAULT_TITLE = "apparmor: {% for m in migrations %}{{ m.rule }}{% endfor %}"


class TemplateWrong(ValueError):
    """A template cannot be used; ``str(error)`` is one line that says where and why."""


class MigrationFacts(NamedTuple):
    """A migration, as templates know it. It is the user's own, and shown as it is."""

    id: Markdown
    title: Markdown
    rule: Markdown
    """Without the comma at its end."""
    family: Markdown
    why: Markdown
    references: tuple[Markdown, ...]


class FindingFacts(NamedTuple):
    """A finding, as templates know it."""

    place: str
    """``path:line``."""
    path: str
    line: int
    profile: str
    """Its name; empty where it has none."""
    status: str
    reason: str
    evidence: tuple[str, ...]
    migration: str
    proof: str
    """What AppArmor's own parser says of the edit; empty where it was not asked."""


@dataclass(frozen=True, slots=True)
class ReviewFacts:
    """What a review speaks of."""

    target: Target
    migrations: Sequence[Migration]
    repository: str
    base: str
    """The name of the base branch."""
    branch: str
    notes: Sequence[Markdown] = ()
    """Of `patcher.reviews.rollout`."""


def check(template: str, what: str) -> None:
    """Raise TemplateWrong unless it is a template. ``what``: how the error names it."""
    _template(template, what, prose)


def title(facts: ReviewFacts, template: str | None = None) -> str:
    """The title, on one line. Raises TemplateWrong."""
    chosen = template or DEFAULT_TITLE
    text = _rendered(chosen, "the title", _values(facts, 1), lambda value: Markdown(plain(value)))
    line = printable(" ".join(text.split()))
    if not line:
        raise TemplateWrong("the title is empty")
    return line if len(line) <= MOST_TITLE else line[: MOST_TITLE - 3] + "..."


def body(facts: ReviewFacts, template: str | None = None) -> str:
    """The body, between marks by which `renewed` knows it. Raises TemplateWrong."""
    chosen = _default() if template is None else template
    text = ""
    for most in _SHOWN:
        values = _values(facts, most)
        if template is not None and "default_body" in template:
            values["default_body"] = Markdown(_rendered(_default(), "the body", values, prose))
        text = _EMPTY_LINES.sub("\n\n", _rendered(chosen, "the body", values, prose).strip("\n"))
        if len(text) <= MOST_BODY:
            break
    else:
        text = text[:MOST_BODY].rpartition("\n")[0] + "\n\n(cut here)"
    return f"{_BEGIN}\n\n{text}\n\n{_END}\n"


def is_patchers(there: str) -> bool:
    """Whether a body has patcher's marks."""
    return _BEGIN_LINE.search(there.replace("\r\n", "\n")) is not None


def is_for(there: str, branch: str, base: str) -> bool:
    """Whether a body says that it is for that review branch and base, as patcher's own does."""
    return f"{_ON_BRANCH}{code(branch)} for {code(base)}." in there


def names_a_branch(there: str) -> bool:
    """Whether a body says for which review branch it is."""
    return _ON_BRANCH in there


_ON_BRANCH = " on the branch "
"""Stands before the branch in body.md.jinja."""


def renewed(there: str, wanted: str) -> str:
    """The body of a review that is open, with what is patcher's in it as it is wanted now. What
    others wrote before and after it stays; where they took away the marks, all of it does."""
    text = there.replace("\r\n", "\n")
    if not text.strip():
        return wanted
    begin = _BEGIN_LINE.search(text)
    end = _END_LINE.search(text, begin.end()) if begin else None
    if begin is None or end is None:
        return there
    new = text[: begin.start()] + wanted.rstrip("\n") + text[end.end() :]
    return there if new.rstrip() == text.rstrip() else new


def marked_closed(there: str) -> str:
    """The body of a review that patcher is about to close: when it is found closed, no person did
    that."""
    return there if is_marked_closed(there) else f"{there.rstrip()}\n\n{_CLOSED}\n"


def unmarked(there: str) -> str:
    """The body of a review that is to be open again."""
    text = there.replace("\r\n", "\n").replace(f"\n\n{_CLOSED}\n", "\n")
    return _CLOSED_LINE.sub("", text) if is_marked_closed(there) else there


def is_marked_closed(there: str) -> bool:
    """Whether patcher closed it."""
    return _CLOSED_LINE.search(there.replace("\r\n", "\n")) is not None


_ASKED = re.compile(r"\n\n\[//\]: # \(patcher: asked ([0-9a-f]{12})\)(?=\n)")


def asked_mark(there: str) -> str:
    """The mark of those who were asked; empty where nobody was."""
    match = _ASKED.search(there.replace("\r\n", "\n"))
    return match[1] if match else ""


def with_asked(there: str, mark: str) -> str:
    """The body with that mark alone, at the end of what is patcher's; none where it is empty."""
    if asked_mark(there) == mark:
        return there
    plain = _ASKED.sub("", there.replace("\r\n", "\n"))
    added = f"\n\n[//]: # (patcher: asked {mark})" if mark else ""
    at = plain.find(f"\n\n{_END}")
    return plain[:at] + added + plain[at:] if at >= 0 else f"{plain.rstrip()}{added}\n"


# https://docs.gitlab.com/user/project/quick_actions/: whoever opens a merge request does them.
_ACTION = re.compile(r"^([ \t]*)/(?=[A-Za-z_])", re.MULTILINE)


def with_template(own: str, template: bytes, *, before: bool) -> str:
    """The body with the repository's own template in front of it or behind it, in which no line is
    a command to the forge."""
    text = template.decode("utf-8", "replace").replace("\r\n", "\n")
    text = text.removeprefix("\ufeff").strip("\n")[: MOST_BODY // 4]
    text = _ACTION.sub(
        r"\1\\/", "".join(char for char in text if char.isprintable() or char in "\n\t")
    )
    text = _MARK_LINES.sub("", text)
    if not text.strip():
        return own
    return f"{text}\n\n{own}" if before else f"{own}\n{text}\n"


_EMPTY_LINES = re.compile(r"\n{3,}")


@functools.cache
def _default() -> str:
    return Path(__file__).with_name("body.md.jinja").read_text()


def _values(facts: ReviewFacts, most: int) -> dict[str, Any]:
    """What templates know, by name."""
    target = facts.target
    changed = {file.path for file in target.files}
    edited = [
        each for each in target.findings if each.finding.edit is not None and each.path in changed
    ]
    needs = (Status.AFFECTED, Status.UNDER_INVESTIGATION)
    left = [
        each
        for each in target.findings
        if each.finding.status in needs and (each.finding.edit is None or each.path not in changed)
    ]
    checksums = dict.fromkeys(text for each in edited for text in each.checksums)
    wrong = [Markdown(f"{code(each)} is wrong now: renew it") for each in checksums]
    references = dict.fromkeys(
        ref for migration in facts.migrations for ref in migration.references
    )
    return {
        "repository": facts.repository,
        "base": facts.base,
        "branch": facts.branch,
        "version": __version__,
        "migrations": [_migration(each) for each in facts.migrations],
        "references": [_reference(each) for each in references],
        "findings": [_finding(each) for each in edited[:most]],
        "findings_more": max(0, len(edited) - most),
        "left": [_finding(each) for each in left[:most]],
        "left_more": max(0, len(left) - most),
        "files": [_text(path) for path in list(dict.fromkeys(each.path for each in edited))[:most]],
        "proofs": list(dict.fromkeys(_proof(each) for each in edited if each.proof))[:most],
        "notes": [*facts.notes, *wrong[:most]],
        "default_body": "",
    }


def _migration(migration: Migration) -> MigrationFacts:
    return MigrationFacts(
        Markdown(migration.id),
        Markdown(migration.title),
        Markdown(migration.rule.rstrip(",")),
        Markdown(migration.family),
        Markdown(migration.why.strip("\n")),
        tuple(map(Markdown, migration.references)),
    )


_STATUS = {Status.UNDER_INVESTIGATION: "needs review", Status.NOT_AFFECTED: "not affected"}


def _finding(located: Located) -> FindingFacts:
    finding = located.finding
    path = _text(located.path)
    return FindingFacts(
        f"{path}:{finding.line}",
        path,
        finding.line,
        finding.profile,
        _STATUS.get(finding.status, finding.status.value),
        finding.reason,
        finding.evidence[:4],
        finding.migration,
        "" if located.proof is None else located.proof.text,
    )


def _reference(reference: str) -> Markdown:
    """As a link, but for issues and changes: a thousand reviews would each leave a line there."""
    return code(reference) if _THREAD.search(reference) else Markdown(reference)


_THREAD = re.compile(r"/(?:pull|pulls|issues|merge_requests|commit|discussions)/|#\d")


def _proof(located: Located) -> Markdown:
    """The verdict, with its place where it proves nothing."""
    assert located.proof is not None
    text = prose(located.proof.text)
    if located.proof.verdict == "proved":
        return text
    return Markdown(f"{code(f'{_text(located.path)}:{located.finding.line}')}: {text}")


def _text(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")


# -- templates


def _rendered(
    template: str, what: str, values: dict[str, Any], shown: Callable[[str], Markdown]
) -> str:
    from jinja2 import TemplateError

    ready = _template(template, what, shown)
    _time.end = monotonic() + _MOST_SECONDS
    pieces, size = [], 0
    try:
        for piece in ready.generate(values):
            size += len(piece)
            if piece:
                pieces.append(piece)
            if size > _MOST_TEXT:
                pieces.append("\n")
                break
    except RecursionError:
        raise TemplateWrong(f"{what}: {_TOO_DEEP}") from None
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, NameError) as error:
        line = _line_of(error)
        said = printable(str(error))[:200]
        raise TemplateWrong(f"{what}, line {line}: {said}" if line else f"{what}: {said}") from None
    return "".join(pieces)


class _Time(threading.local):
    end = 0.0
    """When the template that this thread renders must be done."""


_time = _Time()


def _check_time() -> None:
    if monotonic() > _time.end:
        raise ValueError(f"it takes more than {_MOST_SECONDS:g} seconds")


def _timed(values: Iterable[object]) -> Iterator[object]:
    """What a loop goes through."""
    for each in values:
        _check_time()
        yield each


def _limited(called: Callable[..., object]) -> Callable[..., object]:
    """A filter that looks at the time."""

    @functools.wraps(called)
    def limited(*arguments: object, **more: object) -> object:
        _check_time()
        return called(*arguments, **more)

    return limited


def _line_of(error: BaseException) -> int:
    """The line of the template in which it was raised; 0 where that is not known."""
    at, line = error.__traceback__, 0
    while at is not None:
        if at.tb_frame.f_code.co_filename == "<template>":
            line = at.tb_lineno
        at = at.tb_next
    return line


@functools.lru_cache(16)
def _template(template: str, what: str, shown: Callable[[str], Markdown]) -> jinja2.Template:
    from jinja2 import TemplateSyntaxError, nodes

    if len(template) > MOST_TEMPLATE:
        raise TemplateWrong(f"{what}: the template has more than {MOST_TEMPLATE} characters")
    environment = _environment(shown)
    try:
        tree = environment.parse(template)
        _check(tree, what)
        for loop in tree.find_all(nodes.For):
            loop.iter = nodes.Filter(
                loop.iter, _TIMED, [], [], None, None, lineno=loop.lineno
            ).set_environment(environment)
        return environment.from_string(tree)
    except TemplateSyntaxError as error:
        said = printable(str(error.message))
        raise TemplateWrong(f"{what}, line {error.lineno}: {said}") from None
    except (RecursionError, MemoryError, SyntaxError):  # of Python's own, in what jinja makes of it
        raise TemplateWrong(f"{what}: {_TOO_DEEP}") from None
    except TemplateWrong:
        raise
    except ValueError:
        raise TemplateWrong(f"{what}: it has a number of thousands of digits") from None


def _environment(shown: Callable[[str], Markdown]) -> jinja2.Environment:
    from jinja2 import StrictUndefined, Undefined
    from jinja2.filters import FILTERS
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def finalize(value: object) -> str:
        if isinstance(value, Markdown):
            return value
        if isinstance(value, str):
            return shown(value) if value else ""
        if value is None or isinstance(value, int | Undefined):
            return "" if value is None else str(value)  # which raises for what is undefined
        raise TypeError("a list or a group of values is shown with for or join, or by its parts")

    def join(values: object, between: str = "") -> Markdown:
        if isinstance(values, str):
            return Markdown(finalize(values))
        pieces: list[str] = []
        size = 0
        for each in _listed(values):
            _check_time()
            pieces.append(finalize(each))
            size += len(pieces[-1]) + len(between)
            if size > _MOST_TEXT:
                raise ValueError(f"join makes more than {_MOST_TEXT} characters")
        return Markdown(between.join(pieces))

    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    environment.globals.clear()
    filters = {name: FILTERS[name] for name in _FILTERS} | {"join": join, "code": code}
    environment.filters = {name: _limited(each) for name, each in filters.items()}
    environment.filters[_TIMED] = _timed
    return environment


def _listed(values: object) -> list[object]:
    try:
        return list(values)  # type: ignore[call-overload, no-any-return]
    except TypeError:
        raise TypeError("join takes a list") from None


_TIMED = "(timed)"
"""The filter through which every loop goes."""
_TOO_DEEP = "it is nested too deeply"
_FILTERS = (
    "count default first groupby last length lower map rejectattr selectattr sort trim unique upper"
).split()
_NODES = (
    "Template Output TemplateData Name Const Getattr Getitem Filter Test For If CondExpr And Or Not"
    " Compare Operand Keyword"
).split()


def _check(tree: nodes.Template, what: str) -> None:
    """Raise TemplateWrong for what may run away."""
    from jinja2 import nodes

    for node in tree.find_all(nodes.Node):
        kind = type(node).__name__
        if kind not in _NODES:
            raise TemplateWrong(
                f"{what}, line {node.lineno}: templates have values, filters, if and for, and no "
                f"{_CALLED.get(kind, kind.lower())}"
            )
        if isinstance(node, nodes.Filter | nodes.Test) and not all(
            isinstance(each, nodes.Const)
            for each in (*node.args, *(keyword.value for keyword in node.kwargs))
        ):
            raise TemplateWrong(
                f"{what}, line {node.lineno}: {node.name} takes nothing but constants"
            )
    if _depth(tree) > _MOST_LOOPS:
        raise TemplateWrong(f"{what}: no more than {_MOST_LOOPS} for may stand in each other")


_CALLED = {"Assign": "set", "AssignBlock": "set", "Call": "calls", "CallBlock": "call"} | {
    "Concat": "~", "Add": "+", "Mul": "*", "List": "lists of their own", "Dict": "dictionaries"
}  # fmt: skip


def _depth(node: nodes.Node) -> int:
    from jinja2 import nodes

    below = max(map(_depth, node.iter_child_nodes()), default=0)
    return below + isinstance(node, nodes.For)

"""The commit message: what was changed, and why."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from patcher.git import printable
from patcher.migrations import Migration
from patcher.migrations.migration import PLACEHOLDER, PLACEHOLDERS
from patcher.results import ChangedFile, Located
from patcher.values import dataclass

_MOST_FILES = 200
_MOST_PROOFS = 20
_MOST_CHECKSUMS = 20
_EMPTY_LINES = re.compile(r"\n{3,}")


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """What a message speaks of."""

    migrations: Sequence[Migration]
    files: Sequence[ChangedFile]
    findings: Sequence[Located]
    base: str
    branch: str
    repository: str
    """The name of its folder."""


def check(template: str) -> None:
    """Raise ValueError, in one line, unless the template can be filled in."""
    if not template.strip():
        raise ValueError("the commit message is empty")
    for name in PLACEHOLDER.findall(template):
        if name not in PLACEHOLDERS:
            known = ", ".join(f"{{{known}}}" for known in PLACEHOLDERS)
            raise ValueError(
                f"unknown placeholder {{{name}}} in the commit message; there are {known}"
            )


def write(
    facts: MessageFacts,
    *,
    template: str | None = None,
    signoff: str | None = None,
    mark: Callable[[str], str] | None = None,
    own: str | None = None,
    change: str | None = None,
) -> str:
    """The message for one commit.

    ``template``: the user's own words, with placeholders and taken as they are. Without one the
    migrations' message is followed by what was changed and by their references. ``signoff``: who
    signs off (``Name <address>``), as the Developer Certificate of Origin asks. ``mark``: gives a
    trailer for the message without it. ``own``: in place of the `words`. ``change``: the Change-Id
    by which Gerrit knows the change of a commit.
    """
    text = words(facts, template) if own is None else own.strip("\n") + "\n"
    for proof in _proofs(facts):
        text = _with_trailer(text, f"Policy-Proof: {proof}")
    for checksum in _checksums(facts):
        text = _with_trailer(text, f"Outdated-Checksum: {checksum}")
    if change is not None:
        text = _with_trailer(text, f"Change-Id: {change}")
    signed = f"Signed-off-by: {signoff}"
    if mark is not None:
        text = _with_trailer(text, mark(text if signoff is None else _with_trailer(text, signed)))
    return text if signoff is None else _with_trailer(text, signed)


def words(facts: MessageFacts, template: str | None = None) -> str:
    """The message without its trailers."""
    own = default(facts.migrations) if template is None else template
    values = _values(facts)
    text = PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), own)
    return _EMPTY_LINES.sub("\n\n", text.strip("\n")) + "\n"


_CUTS = re.compile(r"---|diff -|Index: |>?From |\s*-+ ?(?:8<|>8|%<|>%)")
"""What begins the patch, or another mail, in git's ``mailinfo.c``; or cuts off what is above it."""
_REARRANGED = re.compile(r'[()"\\@\udc80-\udcff]')
"""What git's ``handle_from`` takes for a comment, an escape or an address; is in no mail."""
_HEADER = re.compile(r"(?:from|date|subject):", re.IGNORECASE)
_CLEANED = re.compile(r"\[|:|re:|.*=\?", re.IGNORECASE)
"""What git's ``cleanup_subject`` takes from the beginning of a subject; and what reads as an
encoded word (RFC 2047)."""
_MOST_NAME = 60
"""Bytes; for a longer name git's ``get_sane_name`` takes the address."""


def unmailable(author: str, text: str) -> str | None:
    """Why `git am` would not take an author's name and a message from a mail as they are; None: it
    would."""
    if _REARRANGED.search(author) or "=?" in author or len(author.encode()) > _MOST_NAME:
        return "mail does not keep the author's name as it is"
    lines = text.rstrip("\n").split("\n")
    subject, body = lines[0], lines[1:]
    if not subject or (body and body[0]):
        return "its first line is no subject with an empty line below it"
    if _CLEANED.match(subject) or subject != " ".join(subject.split()):
        return "its subject begins with a bracket, a colon or Re:, or has what mail does not keep"
    if any(_CUTS.match(line) for line in body):
        return "a line of it would begin the patch"
    if _HEADER.match(next((line for line in body if line), "")):
        return "its text begins as a mail's header does"
    if any(line != line.rstrip() for line in lines) or _EMPTY_LINES.search(text):
        return "it has blanks at ends of lines, or several empty lines, which git am takes out"
    return None


def stored(text: str) -> str:
    """The message as a commit has it."""
    return text.encode("utf-8", "replace").decode().rstrip("\n") + "\n"


def sections(text: str) -> tuple[str, str]:
    """The subject of a message and what stands below it, which forges take apart."""
    subject, _, body = stored(text).partition("\n")
    return subject, body.strip("\n")


def is_same(text: str, other: str) -> bool:
    """Whether two messages have the same lines. Blanks at their ends, and empty lines around the
    body, are up to a forge that makes the commit."""
    return _plain(text) == _plain(other)


def _plain(text: str) -> tuple[str, str]:
    subject, body = sections(text)
    return subject.rstrip(), "\n".join(line.rstrip() for line in body.split("\n")).strip("\n")


def default(migrations: Sequence[Migration]) -> str:
    """The migrations' own template; of several one that speaks of all."""
    if len(migrations) == 1:
        (migration,) = migrations
        text = _filled(migration)
    else:
        families = _listed([migration.family for migration in migrations])
        bodies = [_filled(migration).partition("\n")[2].strip("\n") for migration in migrations]
        paragraphs = dict.fromkeys(part for body in bodies for part in body.split("\n\n"))
        text = "\n\n".join([f"apparmor: deny network {families}", *paragraphs])
    if "{files}" not in text:
        text = text.rstrip("\n") + "\n\nChanged:\n{files}"
    if "{references}" not in text and any(migration.references for migration in migrations):
        text = text.rstrip("\n") + "\n\nReferences:\n{references}"
    return text


def _filled(migration: Migration) -> str:
    """The migration's message with what is the migration's own put in."""
    own = {
        "migration": migration.id,
        "title": migration.title,
        "rule": migration.rule,
        "why": migration.why.strip("\n"),
    }
    return PLACEHOLDER.sub(lambda match: own.get(match[1], match[0]), migration.message)


def _values(facts: MessageFacts) -> dict[str, str]:
    migrations = facts.migrations
    changed = {file.path for file in facts.files}
    findings = [
        located
        for located in facts.findings
        if located.path in changed and located.finding.edit is not None
    ]
    names = dict.fromkeys(_profile(located) for located in findings)
    references = dict.fromkeys(word for migration in migrations for word in migration.references)
    return {
        "migration": " ".join(migration.id for migration in migrations),
        "title": "; ".join(migration.title for migration in migrations),
        "rule": " ".join(migration.rule for migration in migrations),
        "why": "\n\n".join(m.why.strip("\n") for m in migrations if m.why),
        "references": "\n".join(f"- {reference}" for reference in references),
        "files": "\n".join(_files(facts.files, findings)),
        "profiles": _no_trailer(", ".join(names)),
        "count": str(len({(located.path, located.finding.line) for located in findings})),
        "base": printable(facts.base),
        "branch": printable(facts.branch),
        "repository": _no_trailer(printable(facts.repository)),
    }


def _no_trailer(name: str) -> str:
    """A name of the repository's that is no trailer (git-interpret-trailers(1)) where a template
    begins a line with it: who signs off is not the repository's to say."""
    return re.sub(r"\A([A-Za-z0-9-]+\s*):", r"\1\\x3a", name)


def _files(files: Sequence[ChangedFile], findings: Sequence[Located]) -> list[str]:
    lines = []
    for file in files[:_MOST_FILES]:
        there: dict[str, list[str]] = {}
        for located in findings:
            if located.path == file.path:
                numbers = there.setdefault(_profile(located), [])
                if str(located.finding.line) not in numbers:
                    numbers.append(str(located.finding.line))
        what = ", ".join(
            f"{name} (line{'s' if len(numbers) > 1 else ''} {' and '.join(numbers)})"
            for name, numbers in there.items()
        )
        lines.append(f"- {printable(file.path)}: {what}")
    if len(files) > _MOST_FILES:
        lines.append(f"- and {len(files) - _MOST_FILES} more files")
    return lines


def _profile(located: Located) -> str:
    return printable(located.finding.profile)[:100] or "the profile"


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


_TRAILER = re.compile(r"[A-Za-z0-9-]+: \S")


def _proofs(facts: MessageFacts) -> Sequence[str]:
    """The verdicts on the edits, each once; those that prove nothing with their places."""
    changed = {file.path for file in facts.files}
    texts: dict[str, None] = {}
    for located in facts.findings:
        proof = located.proof
        if proof is None or located.path not in changed or located.finding.edit is None:
            continue
        text = printable(proof.text)
        if proof.verdict != "proved":
            text += f" ({printable(located.path)}:{located.finding.line})"
        texts[text] = None
    return list(texts)[:_MOST_PROOFS]


def _checksums(facts: MessageFacts) -> Sequence[str]:
    """The checksums elsewhere that the change makes wrong, each once."""
    changed = {file.path for file in facts.files}
    texts = [
        f"{printable(located.path)}: {checksum}"
        for located in facts.findings
        if located.path in changed
        for checksum in located.checksums
    ]
    texts = list(dict.fromkeys(texts))
    left = len(texts) - _MOST_CHECKSUMS
    return [*texts[:_MOST_CHECKSUMS], *[f"and {left} more"] * (left > 0)]


def _with_trailer(text: str, trailer: str) -> str:
    paragraph = text.rstrip("\n").rpartition("\n\n")[2].split("\n")
    if trailer in paragraph:
        return text
    trailers = "\n\n" in text and all(_TRAILER.match(line) for line in paragraph)
    return text.rstrip("\n") + ("\n" if trailers else "\n\n") + trailer + "\n"

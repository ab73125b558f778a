"""Pages, help and messages are in plain words, and pages made from the code are current."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from docs import references
from patcher.cli import group

ROOT = Path(__file__).resolve().parent.parent
SAY = {
    r"pass(?:es|ed|ing)? over": "skip, ignore",
    r"told|tells?": "report, print, say which",
    r"anew": "again, replaced, a new ...",
    r"wanted": "required, named; `target` for a figure",
    r"person (?:must|to|has to) look|look(?:ed)? at (?:it )?by hand": "needs review",
    r"born": "made, generation",
    r"booking": "lease",
    r"holes?": "placeholder, template action",
    r"at another one": "another one repeats",
    r"need be": "if it does not exist",
    r"heed(?:s|ed)?": "ignore, use, count",
    r"by way of": "with, through",
    r"fork of a family|family of (?:forks|repositories)|are a family|its family": "fork network",
    r"simply|just|easily|obviously|basically|actually|(?<!the )very": "nothing, or `only`",
    r"utili[sz]e[sd]?|leverage[sd]?|in order to|prior to": "use, to, before",
}
"""Each as a regular expression, and what to write in its place."""
HARD = re.compile(rf"\b(?:{'|'.join(SAY)})\b", re.IGNORECASE)
MOST = 40
"""Words of a sentence."""
PAGES = ("README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md")


def hard(text: str) -> list[str]:
    """Return each hard word with what stands around it."""
    plain = " ".join(text.split())
    return [plain[max(0, m.start() - 50) : m.end() + 30] for m in HARD.finditer(plain)]


def prose(text: str) -> str:
    """Return a page without code, addresses and comments."""
    text = re.sub(r"(?ms)^```.*?^```|<!--.*?-->|^    .*?$", "", text)
    text = re.sub(r"`[^`]*`", "code", text)
    return re.sub(r"\]\([^)]*\)", "]", text)


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences, clauses after a colon, and cells of tables."""
    for block in re.split(r"\n\s*\n|\n(?= *[-*] |#|\|)", prose(text)):
        yield from re.split(r"(?<=[.!?:;])\s+|\|", block)


def too_long(text: str) -> list[str]:
    """Return the beginning of each sentence that takes a second reading."""
    found = (each.split() for each in sentences(text))
    return [f"{len(each)} words: {' '.join(each[:12])} ..." for each in found if len(each) > MOST]


def advice(found: list[str]) -> str:
    rules = "\n".join(f"  {word}: {instead}" for word, instead in SAY.items())
    return "\n".join([*found, "", "in place of these words (tests/test_words.py), write:", rules])


def pages() -> Iterator[tuple[str, str]]:
    for file in [ROOT / name for name in PAGES] + sorted((ROOT / "docs").rglob("*.md")):
        text = file.read_text("utf-8")
        if file.name == "CHANGELOG.md":  # what was released stays as it was published
            text = re.split(r"(?m)^## ", text)[1]
            assert text.startswith("[Unreleased]")
        yield str(file.relative_to(ROOT)), text


def helps(command: click.Command, parent: click.Context | None = None) -> Iterator[tuple[str, str]]:
    context = click.Context(command, info_name=command.name, parent=parent, terminal_width=100)
    yield f"{context.command_path} --help", command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from helps(inner, context)


def messages(file: Path) -> Iterator[tuple[int, str]]:
    """The texts of more than two words in a module which are no docstrings: what may be printed."""
    tree = ast.parse(file.read_text("utf-8"))
    comments = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or id(node) in comments:
            continue
        if isinstance(node.value, str) and len(node.value.split()) > 2:
            yield node.lineno, node.value


@pytest.mark.parametrize(("name", "text"), [pytest.param(*each, id=each[0]) for each in pages()])
def test_pages_are_in_plain_words(name: str, text: str) -> None:
    found = hard(text)
    assert not found, advice([f"{name}: {each}" for each in found])


@pytest.mark.parametrize(("name", "text"), [pytest.param(*each, id=each[0]) for each in pages()])
def test_pages_have_no_sentence_that_is_too_long(name: str, text: str) -> None:
    if name != "CHANGELOG.md":
        assert not too_long(text)
    assert not re.findall(r".*\S  \S.*", prose(text)), "two blanks"


def test_help_is_in_plain_words() -> None:
    texts = dict(helps(group))
    assert len(texts) > 20
    for name, text in texts.items():
        described = text.partition("\n\n")[2].partition("Options:")[0]
        paragraphs = [each for each in described.split("\n\n") if not re.search(r"\S  \S", each)]
        assert not [each for paragraph in paragraphs for each in too_long(paragraph)], name
    found = [f"{name}: {each}" for name, text in texts.items() for each in hard(text)]
    assert not found, advice(found)


def test_messages_are_in_plain_words() -> None:
    found, seen = [], 0
    for file in sorted((ROOT / "patcher").rglob("*.py")):
        for line, text in messages(file):
            seen += 1
            found += [f"{file.relative_to(ROOT)}:{line}: {each}" for each in hard(text)]
    assert seen > 500
    assert not found, advice(found)


def test_pages_made_from_the_code_are_current() -> None:
    """In a process of its own: click keeps the help option as who asked first wanted it."""
    done = subprocess.run(
        [sys.executable, "-m", "docs.references", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    stale = (done.stdout + done.stderr).split("\n")
    assert done.returncode == 0, ["run `python -m docs.references`: it writes these pages", *stale]


def test_links_within_a_made_page_lead_to_a_heading() -> None:
    for file, page in references.pages().items():
        headings = re.findall(r"(?m)^#+ (.+)$", page)
        anchors = {references.slug(each) for each in headings}
        links = set(re.findall(r"\]\(#([^)]+)\)", page))
        assert links <= anchors, file
        assert links or file.name != "json.md"


def test_the_page_of_json_has_every_member_of_every_schema() -> None:
    page = references.schemas()
    for file in (ROOT / "patcher").rglob("*schema.json"):
        assert f"`patcher/{file.relative_to(ROOT / 'patcher')}`" in page
        named = re.findall(r'"(\w[\w -]*)": \{[^{}]*"description"', file.read_text("utf-8"))
        assert named
        missing = [each for each in named if each not in page]
        assert not missing, file

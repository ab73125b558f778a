"""Titles and bodies of reviews: what a repository holds refers to nobody and nothing in them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from patcher.findings import Edit, Finding, Status
from patcher.migrations import load_migration
from patcher.results import ChangedFile, Located, Outcome, Proof, Target, Verdict
from patcher.reviews import text, words
from patcher.reviews.words import Markdown

HOSTILE = [
    "@acme/security",
    "fixes #1",
    "Closes: acme/x#1",
    "resolves https://forge.example/acme/x/-/issues/1",
    "www.forge.example",
    "[click](https://evil.example)",
    "![](https://evil.example/x.png)",
    "<img src=https://evil.example/x.png>",
    "<!-- x",
    "`code` @team",
    "``@team``",
    "`",
    " ` ",
    "a\n/close\n@team",
    "| a | b |",
    "*bold* _it_ ~~gone~~",
    ":rocket:",
    "GH-17 JIRA-1",
    "deadbeef01",
    "$`x`$",
    "mail@evil.example",
    "\\`@team\\`",
    "[//]: # (patcher: end)",
]
KEYWORD = re.compile(r"(?i)\b(?:clos|fix|resolv|implement)\w*:?\s+\S*[#!]?\S")
MIGRATION = load_migration("deny-af-alg")


def located(path: bytes, profile: str = "docker-default", **more: object) -> Located:
    finding = Finding(
        line=3,
        profile=profile,
        host="plain",
        status=Status.AFFECTED,
        moby_style=True,
        reason=str(more.get("reason", "nothing denies alg")),
        evidence=(str(more.get("evidence", "rule: umount,")),),
        migration="deny-af-alg",
        edit=more.get("edit", Edit(4, b"  deny network alg,\n")),  # type: ignore[arg-type]
    )
    proof = more.get("proof")
    sums = more.get("checksums", ())
    return Located(path, finding, proof, sums)  # type: ignore[arg-type]


def facts(*findings: Located, notes: tuple[Markdown, ...] = ()) -> text.ReviewFacts:
    changed = dict.fromkeys(each.path for each in findings if each.finding.edit)
    target = Target(
        "https://forge.example/acme/x",
        "refs/heads/main",
        "c" * 40,
        Outcome.PUSHED,
        findings=findings,
        files=tuple(ChangedFile(path, "100644", "", "", b"", b"", ()) for path in changed),
    )
    return text.ReviewFacts(target, (MIGRATION,), "acme/x", "main", "patcher/deny-af-alg", notes)


def parts(markdown: str) -> Iterator[Token]:
    """All parts of what Markdown becomes."""
    for token in MarkdownIt("commonmark").parse(markdown):
        yield token
        yield from token.children or ()


@pytest.mark.parametrize("hostile", HOSTILE)
def test_text_of_a_repository_is_words_or_code(hostile: str) -> None:
    for shown in (words.code(hostile), words.prose(hostile)):
        inline = [part for part in parts(f"- a {shown} b") if part.children is None]
        kinds = {part.type for part in inline if part.content or part.type.startswith("html")}
        assert kinds <= {"text", "code_inline"}
        outside = "".join(part.content for part in inline if part.type == "text")
        assert not re.search(r"[@#!<\[:*_~$]|://|www\.|\b[0-9a-f]{7,}\b|[A-Z]-\d", outside)
        assert not KEYWORD.search(shown)


@given(st.text(max_size=300))
def test_any_text_is_one_code_span_that_holds_it(hostile: str) -> None:
    shown = words.code(hostile)
    spans = [part for part in parts(f"a {shown} b") if part.type == "code_inline"]
    if hostile:
        assert [part.content for part in spans] == [words.plain(hostile)]
    assert "\n" not in shown
    assert not re.search(r"[#!][0-9]", shown)


@example("fix a")
@example("see closes: b")
@given(st.text(alphabet="fix closed:#!1 @a-", max_size=40))
def test_no_text_holds_a_keyword_that_closes(hostile: str) -> None:
    for shown in (words.code(hostile), words.prose(hostile), words.plain(hostile)):
        assert not re.search(r"(?i)\b(?:clos|fix)\w*:?\s+[#!]\d", shown)
        assert not re.search(r"(?i)\b(?:clos|fix)\w{0,9}:?\s", shown)


def test_words_stay_as_they_are() -> None:
    said = "blanket network rule, and nothing denies alg (proved by apparmor_parser 3.0.8)"
    assert words.prose(said) == said


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_body_refers_to_nothing_that_a_repository_names(hostile: str) -> None:
    found = [
        located(
            hostile.encode(),
            hostile,
            reason=hostile,
            evidence=hostile,
            proof=Proof(Verdict.NOT_PROVABLE, "apparmor_parser 4", hostile),
            checksums=(hostile,),
        ),
        located(b"left/" + hostile.encode(), hostile, reason=hostile, edit=None),
    ]
    own = {each.content for each in parts(text.body(facts(located(b"a"))))}
    body = text.body(facts(*found))
    for part in parts(body):
        assert not part.type.startswith("html"), part
        if part.type == "text" and part.content not in own:
            assert not re.search(r"[@#!<\[*~$]|://|www\.|\b[0-9a-f]{7,}\b", part.content)
    links = [part.attrs["href"] for part in parts(body) if part.type == "link_open"]
    assert not [link for link in links if "evil" in str(link)]
    assert "\n/" not in body


def test_the_default_body_says_what_whoever_reviews_it_needs() -> None:
    body = text.body(
        facts(
            located(b"a/x.go", proof=Proof(Verdict.PROVED, "apparmor_parser 3.0.8")),
            located(b"b.patch", "y", reason="hunks count lines", edit=None),
            notes=(Markdown("Reload it."),),
        )
    )
    assert "inserts `deny network alg` right after the blanket `network,` rule" in body
    assert "- `a/x.go:3`: profile `docker-default`, affected: rule: umount," in body
    assert "- proved by apparmor_parser 3.0.8" in body
    assert "- Reload it." in body
    assert "- `b.patch:3`, profile `y`, affected: hunks count lines" in body
    assert "References: CVE-2026-31431, https://copy.fail/, `https://github.com/moby" in body
    assert text.title(facts()) == "apparmor: deny network alg"


def test_many_findings_with_long_names_fit() -> None:
    many = [located(b"%d/" % n + b"p" * 3000, "n" * 500, evidence="e" * 500) for n in range(900)]
    body = text.body(facts(*many))
    assert len(body) < text.MOST_BODY + 200
    assert re.search(r"- and \d+ more\n", body)


def test_a_template_knows_the_facts() -> None:
    own = text.body(
        facts(located(b"a|b", "x"), located(b"c", "y")),
        "{% for f in findings %}* {{ f.path }} {{ f.profile|upper }} {{ f.line }}\n{% endfor %}"
        "{{ findings|map(attribute='path')|join(', ') }}; {{ files|length }}; {{ base }}",
    )
    assert "* `a|b` X 3\n* c Y 3\n`a|b`, c; 2; main" in own
    assert text.body(facts(), "mine\n\n{{ default_body }}").count("How this was made") == 1
    assert text.title(facts(), "{{ repository }} @x\n  y") == "acme/x @x y"


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("\n\n{{ nothing }}", "line 3: 'nothing' is undefined"),
        ("{{ base.nothing.x }}", "line 1: "),
        ("a\n{% if %}", "line 2: "),
        ("{% for x in findings %}", "line 1: "),
        ("{{ findings }}", "line 1: a list or a group"),
        ("{{ base.upper() }}", "no calls"),
        ("{{ ''.__class__.__mro__ }}", "line 1: "),
        ("{{ base|attr('__class__') }}", "No filter named 'attr'"),
        ("{{ findings|map('nope')|join }}", "nope"),
        ("{{ findings|join(base) }}", "nothing but constants"),
        ("{{ 'a' * 99999999 }}", "and no *"),
        ("{{ base ~ base }}", "and no ~"),
        ("{% set x = 1 %}", "and no set"),
        ("{% include 'x' %}", "and no include"),
        ("{% extends 'x' %}", "and no extends"),
        ("{% macro x() %}{% endmacro %}", "and no macro"),
        ("{{ [1, 2] }}", "and no lists"),
        ("{{ range(9) }}", "and no calls"),
        ("{{ 3|join }}", "join takes a list"),
        ("{% for a in files %}" * 4 + "{% endfor %}" * 4, "no more than 3 for"),
        ("x" * (text.MOST_TEMPLATE + 1), "more than 65536 characters"),
        ("{{ " + "(" * 900 + "base" + ")" * 900 + " }}", "nested too deeply"),
        ("{% if base %}" * 1500 + "{% endif %}" * 1500, "nested too deeply"),
        ("{{ base" + ".x" * 20000 + " }}", "nested too deeply"),
        ("{{ base" + "|upper" * 9000 + " }}", "nested too deeply"),
        ("{{ " + "9" * 5000 + " }}", "a number of thousands of digits"),
        ("{{ 1e999 }}", "line 1: "),
        ("{{ findings[0].reason|map('upper')|join('" + "x" * 60000 + "') }}", "join makes more"),
        ("{{ - 1 }}", "and no neg"),
    ],
)
def test_what_is_wrong_with_a_template_is_one_line(template: str, says: str) -> None:
    with pytest.raises(text.TemplateWrong) as caught:
        text.body(facts(located(b"a")), template)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("the body")


def test_what_a_template_makes_is_bounded() -> None:
    many = [located(b"%d" % n) for n in range(40)]
    loops = "".join(f"{{% for {name} in findings %}}" for name in "abc") + "x" * 9000
    body = text.body(facts(*many), loops + "{% endfor %}" * 3)
    assert len(body) < text.MOST_BODY + 200


LETTERS = "{% for a in default_body %}{% for b in default_body %}{% for c in default_body %}"
ENDLESS = {
    "nothing comes of it": LETTERS + "{% if a == 1 %}x{% endif %}" + "{% endfor %}" * 3,
    "nothing is left": "{% for a in default_body if default_body|trim == a %}{% endfor %}" * 900,
    "conditions of loops": "{% for a in default_body if default_body|upper %}"
    "{% for b in default_body if default_body|lower == b %}{% endfor %}{% endfor %}" * 100,
    "empty values": LETTERS + "{{ '' }}" + "{% endfor %}" * 3,
}


@pytest.mark.parametrize("template", ENDLESS.values(), ids=ENDLESS)
def test_a_template_that_runs_on_is_one_line(
    template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trillions of steps."""
    monkeypatch.setattr(text, "_MOST_SECONDS", 0.2)
    with pytest.raises(text.TemplateWrong, match=r"line 1: it takes more than 0\.2 seconds"):
        text.body(facts(located(b"a")), template)


def test_what_people_wrote_in_a_body_stays() -> None:
    first, second = (text.body(facts(located(path))) for path in (b"one", b"two"))
    there = f"Please hurry.\r\n\r\n{first}\r\nThanks!".replace("\n", "\r\n").replace("\r\r", "\r")
    new = text.renewed(there, second)
    assert new.startswith("Please hurry.\n")
    assert new.endswith("\nThanks!")
    assert "`two:3`" in new
    assert "one:3" not in new
    assert text.renewed(there, first) == there
    assert text.renewed("All of it rewritten", second) == "All of it rewritten"
    assert text.renewed("", second) == second


def test_what_patcher_closed_is_known() -> None:
    body = text.body(facts(located(b"a")))
    closed = text.marked_closed(body)
    assert text.is_marked_closed(closed)
    assert text.marked_closed(closed) == closed
    assert text.unmarked(closed) == body
    assert not text.is_marked_closed(text.renewed(text.unmarked(closed), body))


def test_the_template_of_a_repository_commands_nothing() -> None:
    own = text.body(facts(located(b"a")))
    theirs = b"## Why\r\n/merge\n /assign @me\n- [ ] tests\n[//]: # (patcher: begin)\n\x1b[31m"
    front, behind = (text.with_template(own, theirs, before=each) for each in (True, False))
    assert front.startswith("## Why\n\\/merge\n \\/assign @me\n- [ ] tests\n")
    assert "\x1b" not in front
    assert front.endswith(own)
    assert behind.startswith(own)
    assert text.renewed(front, own) == front
    assert text.with_template(own, b" \n", before=True) == own


MARKS = [f"[//]: # (patcher: {word})" for word in ("begin", "end", "closed", "asked 0123456789ab")]


@pytest.mark.parametrize("mark", MARKS)
def test_a_name_in_a_repository_that_reads_as_a_mark_is_none(mark: str) -> None:
    def made(path: str) -> str:
        place = located(f"{path}{mark}".encode(), mark, evidence=mark)
        return text.body(facts(place), "{{ findings[0].path }}\n\n{{ default_body }}")

    first, second = made(""), made("x/")
    assert mark in first
    assert not text.is_marked_closed(first)
    assert text.unmarked(text.marked_closed(first)) == first
    assert text.is_marked_closed(text.marked_closed(first))
    assert text.renewed(first, second) == second
    assert text.renewed(second, second) == second


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("before", [True, False])
def test_the_template_of_a_repository_holds_no_mark(mark: str, before: bool) -> None:
    own, other = (text.body(facts(located(path))) for path in (b"a", b"b"))
    theirs = f"{mark[:11]}{mark}{mark[11:]}\n\n{mark}\n\n  {mark}\nclo\u200b{mark}\nWhy?\n{mark}"
    made = text.with_template(own, theirs.encode(), before=before)
    assert "Why?" in made
    assert not text.is_marked_closed(made)
    assert text.asked_mark(made) == ""
    wanted = text.with_template(other, theirs.encode(), before=before)
    assert text.renewed(made, other).strip() == wanted.strip()
    nested = f"{mark[:11]}{mark}{mark[11:]}"
    again = text.with_template(own, nested.encode(), before=before)
    assert not text.is_marked_closed(again)

"""Draw the pictures of the documentation, ``docs/pictures``, with values of real runs.

``flow.svg`` follows one of the sample forks from its forge to the review. ``proof.svg`` shows how
its edit is proved; AppArmor's own parser has to be installed for it.

    python -m docs.pictures [FOLDER]
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import patcher
from docs.drawing import LINE, Picture, Place
from docs.sample import Sample, sample
from patcher.proof import parser

HERE = Path(__file__).resolve().parent
REVIEWS = ["--campaign", "acme", "--push", "--review", "auto", "--reviewer", "ada"]
FORK, FILE = "engine-fork", "profiles/template.go"
ALG = 38
"""The number of AF_ALG, ``include/linux/socket.h``."""
STEPS = {
    "repositories": "from paths, lists, forges",
    "search": "which files may matter",
    "read": "find the policy in a file",
    "judge": "which profiles lack the rule",
    "edit": "insert the rule",
    "prove": "compile it, compare",
    "commit": "on a branch for review",
    "review": "at the forge",
    "status": "what became of it",
}
"""What happens to a repository, in this order, in a few words."""


def main(folder: Path = HERE / "pictures") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with sample() as made:
        for name, picture in (("flow", flow(made)), ("proof", proof(made))):
            (folder / f"{name}.svg").write_text(picture.svg(), encoding="utf-8")


def flow(made: Sample) -> Picture:
    """Draw the way of one repository, as a run of ``apply`` and ``status --reviews`` have it."""
    report = json.loads(patched(made, "apply", *REVIEWS, "--format", "json", "github:acme"))
    reviews = json.loads(patched(made, "status", "acme", "--reviews", "--format", "json"))
    target = next(each for each in report["targets"] if FORK in each["repository"])
    review = next(each for each in reviews["reviews"] if FORK in each["repository"])
    finding = target["findings"][0]
    seen = {
        "repositories": f"acme/{FORK}",
        "search": finding["path"],
        "read": f"line {finding['line']}: {finding['profile']}",
        "judge": finding["status"],
        "edit": f"+ {finding['edit']['insert'].strip()}",
        "prove": finding["proof"]["verdict"],
        "commit": f"{target['branch']}",
        "review": f"pull request {review['number']}: {review['life']}",
        "status": f"checks: {review['checks']}, approved: {'yes' if review['approved'] else 'no'}",
    }
    wide, high, gap, row = 250, 70, 25, 104
    picture = Picture("How data flows: " + " -> ".join(STEPS), 3 * wide + 2 * gap + 24)
    for number, (name, what) in enumerate(STEPS.items()):
        line, place = divmod(number, 3)
        x, y = 12 + place * (wide + gap), 12 + line * row
        kind = {"bad": "bad-box", "good": "good-box"}.get(colour(name), "box")
        picture.box(
            Place(x, y, wide, high),
            [(f"{number + 1} {name}", "head"), (what, "quiet"), (seen[name], colour(name))],
            kind,
        )
        if place:
            picture.arrow((x - gap + 2, y + high / 2), (x - 2, y + high / 2))
        elif line:
            middle, before = y - (row - high) / 2, 12 + 2 * (wide + gap) + wide / 2
            picture.arrow(
                (before, y - row + high), (before, middle), (x + wide / 2, middle),
                (x + wide / 2, y - 2),
            )  # fmt: skip
    return picture


def colour(step: str) -> str:
    return {"judge": "bad", "edit": "good", "prove": "good"}.get(step, "")


def proof(made: Sample) -> Picture:
    """Draw how the edit of one file is proved, with what the parser compiles of it."""
    before = (made.place / "src" / FORK / FILE).read_bytes()
    result = patcher.patch(FILE, before)
    (inserted,) = (edit.insert.decode().rstrip("\n") for edit in result.edits)
    compiler = parser.usable()
    old, new = (compiler.compile(policy(text)) for text in (before, result.content))
    picture = Picture("How an edit is proved", 840)
    left, right, wide = 12, 428, 400
    texts = shown(before), shown(result.content)
    high = 20 + max(map(len, texts)) * LINE
    for x, name, lines in zip((left, right), ("before", "after"), texts, strict=True):
        picture.text(x, 26, f"The policy {name}, from {FILE}", "head")
        styled = [(line, "good" if line == inserted else "") for line in lines]
        picture.box(Place(x, 36, wide, high), styled)
    y = 36 + high
    for x in (left, right):
        picture.arrow((x + wide / 2, y + 2), (x + wide / 2, y + 28))
    y += 30
    for x, outcome in ((left, old), (right, new)):
        (profile,) = outcome.profiles
        families = sum(family == ALG for family, _ in profile.open)
        picture.box(
            Place(x, y, wide, 86),
            [
                ("compiled by apparmor_parser", "head"),
                (f"{len(outcome.lines)} rules in its listing", ""),
                (f"{len(profile.open)} kinds of sockets may be created", ""),
                (f"{families} of them of AF_ALG", "bad" if families else "good"),
            ],
        )
        picture.arrow((x + wide / 2, y + 88), (x + wide / 2, y + 114))
    y += 116
    more = Counter(new.lines) - Counter(old.lines)
    assert not Counter(old.lines) - Counter(new.lines)
    assert all(" deny " in line for line in more)
    (was,), (became,) = old.profiles, new.profiles
    assert {family for family, _ in was.open - became.open} == {ALG}
    assert became.open < was.open
    assert was.rest == became.rest
    picture.box(
        Place(left, y, right + wide - left, 104),
        [
            ("compared", "head"),
            (f"the listings: {more.total()} rules more, each denies one socket type of AF_ALG", ""),
            ("the sockets that may be created: those of AF_ALG are gone, no other", ""),
            ("flags, capabilities, limits: equal", ""),
            ("and in the file: as its format and patcher read it, only the rule is new", ""),
        ],
    )
    y += 106
    answers = (
        ("proved", "good-box", "just that differs", "committed"),
        ("refuted", "bad-box", "anything else differs", "not committed, exit 3"),
        ("not provable", "review-box", "it cannot be compiled", "--proof require leaves it out"),
    )
    each = (right + wide - left - 32) / 3
    for number, (word, kind, when, then) in enumerate(answers):
        begin = left + number * (each + 16)
        picture.arrow((begin + each / 2, y), (begin + each / 2, y + 26))
        picture.box(
            Place(begin, y + 28, each, 68), [(word, "head"), (when, ""), (then, "quiet")], kind
        )
    return picture


def patched(made: Sample, *words: str) -> str:
    """Run patcher in the sample; its standard output, with names that are the same each time."""
    return made.shown(made.run(sys.executable, "-m", "patcher", *words))


def policy(content: bytes) -> bytes:
    """Return the policy in the fork's template, as the parser takes it."""
    text = content.partition(b"`")[2].rpartition(b"`")[0]
    return b"@{PROC}=/proc/\n" + text.replace(b"{{.Name}}", b"sample")


def shown(content: bytes) -> list[str]:
    """Return the first lines of the policy; the rest is the same in both."""
    lines = content.partition(b"`")[2].rpartition(b"`")[0].decode().strip().splitlines()
    lines = [line.replace("attach_disconnected,mediate_deleted", "...") for line in lines]
    return [*lines[: 5 if "alg" in lines[2] else 4], "  ..."]


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))

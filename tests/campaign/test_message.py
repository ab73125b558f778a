"""The commit message."""

from __future__ import annotations

from typing import Any

import pytest

from patcher.campaign import message
from patcher.findings import Edit, Finding, Status
from patcher.migrations import builtin, choose, load_migration
from patcher.results import ChangedFile, Located


def facts(*paths: bytes, profile: str = "docker-default", **changes: Any) -> message.MessageFacts:
    edit = Edit(0, b"x")
    values: dict[str, Any] = {
        "migrations": choose(),
        "files": [ChangedFile(path, "100644", "0", "1", b"", b"x", (edit,)) for path in paths],
        "findings": [
            Located(
                path,
                Finding(7, profile, "plain", Status.AFFECTED, True, "", (), "deny-af-alg", edit),
            )
            for path in paths
        ],
        "base": "main",
        "branch": "patcher/deny-af-alg",
        "repository": "fork",
    }
    return message.MessageFacts(**(values | changes))


def test_every_placeholder_is_filled_in() -> None:
    from patcher.migrations.migration import PLACEHOLDERS

    template = "\n".join(f"{name}: {{{name}}}" for name in PLACEHOLDERS)
    text = message.write(facts(b"a/b", b"c"), template=template)
    assert "{" not in text.replace("{this}", "")
    assert "files: - a/b: docker-default (line 7)\n- c: docker-default (line 7)\n" in text
    assert "profiles: docker-default\ncount: 2\nbase: main\n" in text


def test_what_a_placeholder_becomes_is_not_filled_in_again() -> None:
    text = message.write(facts(b"{base}", profile="{branch}"), template="{files}\n")
    assert text == "- {base}: {branch} (line 7)\n"


def test_doubled_braces_stand_for_themselves() -> None:
    message.check("{{base}} {{.Name}} {}")
    assert (
        message.write(facts(b"a"), template="{{base}} {{.Name}} {}\n") == "{{base}} {{.Name}} {}\n"
    )


def test_names_from_a_repository_cannot_add_lines() -> None:
    text = message.write(
        facts(b"a\n\nSigned-off-by: Mallory <m@example.org>", profile="p\nCc: x"),
        signoff="A Tester <tester@example.org>",
    )
    trailers = [line for line in text.splitlines() if line.startswith(("Signed-off-by", "Cc:"))]
    assert trailers == ["Signed-off-by: A Tester <tester@example.org>"]


def test_signing_off_joins_the_trailers_and_is_not_repeated() -> None:
    who = "A Tester <tester@example.org>"
    own = "Subject\n\nBody\n\nCc: someone\n"
    text = message.write(facts(b"a"), template=own, signoff=who)
    assert text == own + f"Signed-off-by: {who}\n"
    assert message.write(facts(b"a"), template=text, signoff=who) == text
    assert message.write(facts(b"a"), template="fix: it\n", signoff=who) == (
        f"fix: it\n\nSigned-off-by: {who}\n"
    )


@pytest.mark.parametrize("migrations", [builtin(), choose(), choose(["deny-af-vsock"])])
def test_the_migrations_own_message_is_a_good_one(migrations: Any) -> None:
    text = message.write(facts(b"a", migrations=migrations))
    subject, blank, *body = text.splitlines()
    assert len(subject) <= 72
    assert blank == ""
    assert max(map(len, body)) <= 80
    for migration in migrations:
        for reference in migration.references:
            assert text.count(f"- {reference}\n") == 1
    assert text.count("- a: docker-default (line 7)\n") == 1
    assert "\n\n\n" not in text


def test_a_migration_of_ones_own_may_place_the_lists_itself(tmp_path: Any) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        "id: x\ntitle: t\nrule: deny network bluetooth,\nreferences: [r]\n"
        "message: |\n  subject {title}\n\n  {references}\n  {files}\n"
    )
    text = message.write(facts(b"a", migrations=[load_migration(str(mine))]))
    assert text == "subject t\n\n- r\n- a: docker-default (line 7)\n"


def test_a_long_list_is_cut() -> None:
    text = message.write(facts(*(b"f%d" % number for number in range(300))))
    assert "- and 100 more files\n" in text

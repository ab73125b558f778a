"""Author, committer and signing come from the user, as git has it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from patcher.git import (
    GitError,
    Identity,
    IdentityMissing,
    Repository,
    Signing,
    discover,
    identities,
    signing,
    user_configuration,
)

if TYPE_CHECKING:
    from tests.git.conftest import Work

ADA = Identity("Ada Maintainer", "ada@example.org", None)


def opened(path: Path) -> Repository:
    item = next(discover([path]))
    assert isinstance(item, Repository), item
    return item


def add(home: Path, text: str) -> None:
    with (home / ".gitconfig").open("a") as file:
        file.write(text)


def test_the_users_configuration(work: Work) -> None:
    repository = opened(work.repository())
    assert identities(repository) == (ADA, ADA)
    assert identities(None) == (ADA, ADA)


def test_author_and_committer_may_differ(work: Work, home: Path) -> None:
    add(home, "[author]\n\temail = author@example.org\n[committer]\n\tname = Robot\n")
    assert identities(opened(work.repository())) == (
        Identity("Ada Maintainer", "author@example.org", None),
        Identity("Robot", "ada@example.org", None),
    )


def test_the_environment_comes_first(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = opened(work.repository())
    for name, value in {
        "GIT_AUTHOR_NAME": "Env Author",
        "GIT_AUTHOR_EMAIL": "env@example.org",
        "GIT_AUTHOR_DATE": "2024-02-03T04:05:06+0100",
        "GIT_COMMITTER_DATE": "@1700000000 -0500",
    }.items():
        monkeypatch.setenv(name, value)
    author, committer = identities(repository)
    assert author == Identity("Env Author", "env@example.org", "1706929506 +0100")
    assert committer == Identity("Ada Maintainer", "ada@example.org", "1700000000 -0500")
    assert identities(repository, "Bea <bea@example.org>")[0] == Identity(
        "Bea", "bea@example.org", "1706929506 +0100"
    )
    monkeypatch.setenv("GIT_AUTHOR_DATE", "no date at all")
    with pytest.raises(GitError, match="GIT_AUTHOR_DATE is no date"):
        identities(repository)


def test_configuration_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.email")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "count@example.org")
    assert identities(None)[0].email == "count@example.org"
    monkeypatch.setenv("GIT_CONFIG_COUNT", "nonsense")
    with pytest.raises(GitError, match="GIT_CONFIG_COUNT"):
        identities(None)


def test_the_repositorys_own_names_count_as_data(work: Work) -> None:
    path = work.repository()
    work.git(path, "config", "user.email", "project@example.org")
    work.git(path, "config", "user.name", "Ada of the Project")
    expected = Identity("Ada of the Project", "project@example.org", None)
    assert identities(opened(path)) == (expected, expected)
    work.git(path, "worktree", "add", "-q", str(work.root / "linked"))
    assert identities(opened(work.root / "linked")) == (expected, expected)


@pytest.mark.parametrize("role", ["author", "committer"])
@pytest.mark.parametrize("key", ["user.name", "user.email", "ROLE.name", "ROLE.email"])
def test_what_the_user_vouches_for_is_not_the_repositorys_to_say(
    work: Work, monkeypatch: pytest.MonkeyPatch, role: str, key: str
) -> None:
    path = work.repository()
    key = key.replace("ROLE", role)
    assert identities(opened(path), vouched=True) == (ADA, ADA)
    work.git(path, "config", key, "mallory@example.org")
    assert "mallory@example.org" in str(identities(opened(path)))
    with pytest.raises(GitError, match=r"only yours counts with --sign") as error:
        identities(opened(path), vouched=True)
    assert "mallory" in str(error.value) and "ada@example.org" in str(error.value)
    # What the user says counts, and where the repository says the same there is nothing to refuse.
    for name in (role.upper(), "COMMITTER", "AUTHOR"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "Ada of the Project")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "project@example.org")
    expected = Identity("Ada of the Project", "project@example.org", None)
    assert identities(opened(path), vouched=True) == (expected, expected)
    for name in ("COMMITTER", "AUTHOR"):
        monkeypatch.delenv(f"GIT_{name}_NAME")
        monkeypatch.delenv(f"GIT_{name}_EMAIL")
    work.git(path, "config", key, ADA.email if key.endswith("email") else ADA.name)
    assert identities(opened(path), vouched=True) == (ADA, ADA)


def test_an_author_who_is_named_is_the_users_word(work: Work) -> None:
    path = work.repository()
    work.git(path, "config", "author.email", "mallory@example.org")
    bea = "Bea <bea@example.org>"
    assert identities(opened(path), bea, vouched=True) == (
        Identity("Bea", "bea@example.org", None),
        ADA,
    )
    work.git(path, "config", "user.email", "mallory@example.org")
    with pytest.raises(GitError, match="the committer is"):
        identities(opened(path), bea, vouched=True)


def test_who_has_no_name_of_his_own_vouches_for_nothing(work: Work, home: Path) -> None:
    path = work.repository()
    work.git(path, "config", "user.name", "Mallory")
    work.git(path, "config", "user.email", "mallory@example.org")
    (home / ".gitconfig").unlink()
    assert identities(opened(path))[0].name == "Mallory"
    with pytest.raises(IdentityMissing):
        identities(opened(path), vouched=True)


@pytest.mark.parametrize("odd", ["\x1b[2J", "\u202e", "\u200b", "\u3164", "\x9b2J", "\r", "\n"])
@pytest.mark.parametrize("key", ["user.name", "user.email", "author.name", "committer.email"])
def test_names_of_the_repository_that_do_not_print(work: Work, key: str, odd: str) -> None:
    path = work.repository()
    work.git(path, "config", key, f"A{odd}B")
    with pytest.raises(GitError, match="do not print") as error:
        identities(opened(path))
    assert key in str(error.value)
    assert str(error.value).isprintable()


def test_the_repositorys_includes_and_programs_do_not_count(work: Work) -> None:
    path = work.repository()
    marker = work.root / "ran"
    other = work.root / "other"
    other.write_text("[user]\n\tname = Included\n")
    work.git(path, "config", "include.path", str(other))
    work.git(path, "config", "user.name", f"$(touch {marker})`touch {marker}`")
    work.git(path, "config", "core.sshCommand", f"touch {marker}")
    author, _ = identities(opened(path))
    assert author.name == f"$(touch {marker})`touch {marker}`"
    assert not marker.exists()
    assert "Included" not in dict(user_configuration(opened(path))).values()


def test_conditional_includes_of_the_user(work: Work, home: Path) -> None:
    inside = opened(work.repository("work/repo"))
    outside = opened(work.repository("home/repo"))
    (home / "job").write_text("[user]\n\temail = ada@job.example\n\tsigningKey = JOB\n")
    add(home, f'[includeIf "gitdir:{work.root}/work/"]\n\tpath = ~/job\n')
    assert identities(inside)[0].email == "ada@job.example"
    assert identities(outside)[0].email == "ada@example.org"
    assert signing(None, inside).key == "JOB"
    assert signing(None, outside).key is None


@pytest.mark.parametrize("known", ["", "[user]\n\tname = Only\n", "[user]\n\temail = a@b.c\n"])
def test_nothing_is_made_up(work: Work, home: Path, known: str) -> None:
    repository = opened(work.repository())
    (home / ".gitconfig").write_text(known)
    with pytest.raises(IdentityMissing, match=r"git config --global user\.email") as error:
        identities(repository)
    assert "\n" not in str(error.value)
    bea = Identity("Bea", "bea@example.org", None)
    assert identities(repository, "Bea <bea@example.org>") == (bea, bea)
    with pytest.raises(IdentityMissing):
        identities(None)


def test_mail_from_the_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / ".gitconfig").write_text("[user]\n\tname = Only Name\n")
    monkeypatch.setenv("EMAIL", "mail@example.org")
    assert identities(None)[0] == Identity("Only Name", "mail@example.org", None)


def test_configured_mail_comes_before_the_environments(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMAIL", "mail@example.org")
    assert identities(opened(work.repository())) == (ADA, ADA)


@pytest.mark.parametrize(
    ("text", "name", "email"),
    [
        ("Bea Bee <bea@example.org>", "Bea Bee", "bea@example.org"),
        ("Béa O'Neill <b+x@example.org>", "Béa O'Neill", "b+x@example.org"),
    ],
)
def test_authors(text: str, name: str, email: str) -> None:
    author, committer = identities(None, text)
    assert author == Identity(name, email, None)
    assert committer == ADA


@pytest.mark.parametrize(
    "text", ["", "Bea", "<bea@example.org>", "Bea <>", "Bea <a> <b>", "Bea <a\nb@c>", "a@b.c", "<>"]
)
def test_texts_that_are_no_author(text: str) -> None:
    with pytest.raises(GitError, match="is no author") as error:
        identities(None, text)
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    ("text", "key", "expected"),
    [
        ("", None, Signing("openpgp", None, None)),
        ("", "ABC", Signing("openpgp", "ABC", None)),
        ("[user]\nsigningKey=X\n[gpg]\nprogram=gpg2\n", None, Signing("openpgp", "X", "gpg2")),
        (
            '[gpg "openpgp"]\nprogram=gpg3\n[gpg]\nprogram=gpg2\n',
            "K",
            Signing("openpgp", "K", "gpg3"),
        ),
        (
            '[gpg]\nformat=ssh\nprogram=gpg2\n[gpg "ssh"]\nprogram=op\ndefaultKeyCommand=keys\n',
            None,
            Signing("ssh", None, "op", "keys"),
        ),
        ('[gpg]\nformat=x509\n[gpg "x509"]\nprogram=smime\n', "K", Signing("x509", "K", "smime")),
    ],
)
def test_signing_is_as_the_user_configured_it(
    home: Path, text: str, key: str | None, expected: Signing
) -> None:
    add(home, text)
    assert signing(key) == expected


def test_signing_that_cannot_work_is_said(home: Path) -> None:
    add(home, "[gpg]\n\tformat = ssh\n")
    with pytest.raises(GitError, match=r"set user\.signingKey"):
        signing(None)
    add(home, "[gpg]\n\tformat = rot13\n")
    with pytest.raises(GitError, match=r"gpg\.format"):
        signing(None)
    add(home, "[broken\n")
    with pytest.raises(GitError, match="your git configuration cannot be read"):
        signing(None)

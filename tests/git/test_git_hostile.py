"""Nothing that stands in a repository runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from patcher.git import (
    FileChange,
    Identity,
    Repository,
    bases,
    branch_tip,
    discover,
    entries,
    identities,
    mentions,
    move_branch,
    search,
    write_commit,
)
from patcher.git.tree_search import grep
from tests.gits import query

if TYPE_CHECKING:
    from tests.git.conftest import Work

HOOKS = [
    *("applypatch-msg", "commit-msg", "fsmonitor-watchman", "post-applypatch", "post-checkout"),
    *("post-commit", "post-index-change", "post-merge", "post-receive", "post-rewrite"),
    *("post-update", "pre-applypatch", "pre-auto-gc", "pre-commit", "pre-merge-commit", "pre-push"),
    *("pre-rebase", "pre-receive", "prepare-commit-msg", "proc-receive", "push-to-checkout"),
    *("reference-transaction", "sendemail-validate", "update"),
]

CONFIG = """
[core]
\tfsmonitor = {run}
\thooksPath = {hooks}
\tpager = {run}
\teditor = {run}
\taskPass = {run}
\tsshCommand = {run}
\tgitProxy = {run}
\talternateRefsCommand = {run}
\tattributesFile = {attributes}
\tlogAllRefUpdates = true
\tquotePath = false
[sequence]
\teditor = {run}
[pager]
\tcat-file = {run}
\tgrep = {run}
\tfor-each-ref = {run}
\tconfig = {run}
[alias]
\tcat-file = !{run}
\tgrep = !{run}
\tupdate-ref = !{run}
\tunpack-objects = !{run}
[credential]
\thelper = !{run}
[gpg]
\tprogram = {run}
[gpg "ssh"]
\tprogram = {run}
\tdefaultKeyCommand = {run}
[commit]
\tgpgSign = true
[filter "x"]
\tclean = {run}
\tsmudge = {run}
\tprocess = {run}
\trequired = true
[diff "x"]
\ttextconv = {run}
\tcommand = {run}
[diff]
\texternal = {run}
[merge "x"]
\tdriver = {run}
[trailer "x"]
\tcommand = {run}
[uploadpack]
\tpackObjectsHook = {run}
[remote "origin"]
\turl = ext::{run}
\tfetch = +refs/heads/*:refs/remotes/origin/*
\tpromisor = true
\tpartialclonefilter = blob:none
\tuploadpack = {run}
\treceivepack = {run}
[extensions]
\tpartialClone = origin
[protocol]
\tallow = always
[protocol "ext"]
\tallow = always
[color]
\tui = always
\tgrep = always
[grep]
\tpatternType = fixed
\tfallbackToNoIndex = true
[include]
\tpath = {included}
[safe]
\tdirectory = *
[gc]
\tauto = 1
[maintenance]
\tauto = true
[transfer]
\tfsckObjects = true
[trace2]
\teventTarget = {traced}
\tnormalTarget = {traced}
"""

IDENTITY = Identity("Ada", "ada@example.org", None)


@pytest.fixture
def lure(work: Work) -> Path:
    """A repository with a program behind every key that can name one. Each run leaves a file."""
    path = work.repository("lure", {"d/f": b"network,\n", "gone": b"network, # gone\n"})
    (path / ".gitattributes").write_text("* filter=x diff=x merge=x text eol=crlf ident\n")
    work.git(path, "add", ".gitattributes")
    work.git(path, "commit", "-q", "-m", "x")
    gone = work.git(path, "rev-parse", "HEAD:gone")
    (path / ".git/objects" / gone[:2] / gone[2:]).unlink()
    markers = work.root / "markers"
    markers.mkdir()
    run = work.root / "run"
    run.write_text(f'#!/bin/sh\necho "$0 $*" >> {markers}/ran\n')
    run.chmod(0o755)
    hooks = path / "hooks"
    for folder in (hooks, path / ".git" / "hooks"):
        folder.mkdir(exist_ok=True)
        for name in HOOKS:
            (folder / name).unlink(missing_ok=True)
            (folder / name).symlink_to(run)
    attributes = path / ".git/info/attributes"
    attributes.parent.mkdir(exist_ok=True)
    attributes.write_text("* filter=x diff=x\n")
    config = path / ".git/config"
    text = CONFIG.format(
        run=run,
        hooks=hooks,
        attributes=attributes,
        included=markers / "no-such-file",
        traced=markers / "traced",
    )
    config.write_text(config.read_text().replace("= 0", "= 1", 1) + text)
    return path


def opened(path: Path) -> Repository:
    item = next(discover([path]))
    assert isinstance(item, Repository), item
    return item


def ran(path: Path) -> list[str]:
    folder = path.parent / "markers"
    return [f"{file.name}: {file.read_text()}" for file in folder.iterdir()]


@pytest.mark.parametrize("threshold", [-1, 10**9])
def test_reading_runs_nothing(
    work: Work, lure: Path, threshold: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grep, "GREP_FROM", threshold)
    repository = opened(lure)
    [base] = bases(repository)
    found = list(search(repository, base.commit, query(b"network,", 99)))
    assert [(blob.path, blob.content) for blob in found] == [
        (b"d/f", b"network,\n"),
        (b"gone", None),
    ]
    assert bases(repository, ["m*", base.commit[:10]])
    assert list(mentions(repository, base.commit, [b"0" * 32])) == []
    assert entries(repository, base.commit, [b"d/f"])
    assert identities(repository)
    assert ran(lure) == []
    # Plain git runs some of it on the same repository.
    work.git(lure, "cat-file", "-p", "HEAD:gone", check=False)
    assert ran(lure) != []


def test_writing_runs_nothing(work: Work, lure: Path) -> None:
    repository = opened(lure)
    [base] = bases(repository)
    author, committer = identities(repository)
    changes = [FileChange(b"d/f", b"network,\ndeny network alg,\n")]
    commit = write_commit(repository, base.commit, changes, "m", author, committer)
    move_branch(repository, "patcher/x", commit, None, committer)
    again = [FileChange(b"d/f", b"network,\r\n")]  # no attribute turns line ends
    second = write_commit(repository, commit, again, "m", author, committer)
    move_branch(repository, "patcher/x", second, commit, committer)
    assert branch_tip(repository, "patcher/x") == second
    assert ran(lure) == []
    work.git(lure, "update-ref", "refs/heads/plain", commit)
    assert any("reference-transaction" in line for line in ran(lure))


def test_inherited_variables_lead_nowhere(
    work: Work, lure: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = work.repository("other", {"o": b"other\n"})
    run = work.root / "run"
    for name, value in {
        "GIT_DIR": other / ".git",
        "GIT_WORK_TREE": other,
        "GIT_INDEX_FILE": other / "index",
        "GIT_OBJECT_DIRECTORY": other / ".git/objects",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": other / ".git/objects",
        "GIT_EXEC_PATH": work.root,
        "GIT_SSH_COMMAND": run,
        "GIT_EXTERNAL_DIFF": run,
        "GIT_PAGER": run,
        "GIT_TRACE": work.root / "markers" / "trace",
        "GIT_NAMESPACE": "other",
        "GIT_COMMON_DIR": other / ".git",
        "GIT_CEILING_DIRECTORIES": "/",
        "GIT_REF_PARANOIA": "0",
    }.items():
        monkeypatch.setenv(name, str(value))
    repository = opened(lure)
    [base] = bases(repository)
    changes = [FileChange(b"d/f", b"1\n")]
    commit = write_commit(repository, base.commit, changes, "m", IDENTITY, IDENTITY)
    move_branch(repository, "patcher/x", commit, None)
    assert identities(repository)
    assert branch_tip(repository, "patcher/x") == commit
    assert branch_tip(opened(other), "patcher/x") is None
    assert ran(lure) == []


def test_a_git_in_the_current_folder_does_not_run(
    work: Work, lure: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (lure / "git").symlink_to(work.root / "run")
    monkeypatch.chdir(lure)
    monkeypatch.setenv("PATH", f".:{lure.name}:" + os.environ["PATH"])
    repository = opened(lure)
    [base] = bases(repository)
    assert len(list(search(repository, base.commit, query(b"network,", 99)))) == 2
    assert ran(lure) == []


def test_a_configuration_that_git_cannot_read_is_no_reason_not_to_scan(
    work: Work, lure: Path
) -> None:
    (lure / ".git/config").write_text("[broken\n")
    repository = opened(lure)
    [base] = bases(repository)
    assert len(list(search(repository, base.commit, query(b"network,", 99)))) == 2


def test_a_configuration_takes_no_memory(work: Work, lure: Path) -> None:
    """Included files that include others many times over stand for gigabytes; none is read."""
    folder = lure / ".git"
    for level in range(3):
        (folder / f"include{level}").write_text("[include]\n" + f"path = include{level + 1}\n" * 10)
    (folder / "include3").write_text("[a]\n" + f"k = {'v' * 1000}\n" * 60)
    with (folder / "config").open("a") as config:
        config.write("[include]\npath = include0\n")
    source = (
        "import resource, sys; from pathlib import Path; from patcher import git\n"
        "[repository] = git.discover([Path(sys.argv[1])])\n"
        "try: git.bases(repository, ['release/*'])\n"
        "except git.GitError as error: print(error)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", source, str(lure)], capture_output=True, check=True, text=True
    )
    error, mebibytes = done.stdout.splitlines()
    assert "no branch" in error
    assert int(mebibytes) < 80  # Python, before it is git, has a part of it

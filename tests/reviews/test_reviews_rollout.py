"""Rollout notes, each from a fact of the repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from patcher import git
from patcher.campaign.look import Looker
from patcher.campaign.selection import Selection
from patcher.migrations import load_migration
from patcher.reviews.rollout import notes
from patcher.reviews.tree import opened, review_template
from tests.conftest import Sandbox

MODULES = """\
# github.com/moby/profiles/apparmor v0.2.0
## explicit; go 1.23
github.com/moby/profiles/apparmor
# github.com/containerd/containerd/v2 v2.4.2 => ../fork
## explicit
github.com/containerd/containerd/v2/contrib/apparmor
# github.com/moby/profiles v0.1.0
# malformed
"""


def said(work: Path, migration: str = "deny-af-alg") -> str:
    (repository,) = git.discover([work])
    assert isinstance(repository, git.Repository)
    migrations = (load_migration(migration),)
    base = git.bases(repository, ["main"])[0]
    target = Looker(repository, Selection(migrations), contents=True).look(base)
    with opened(repository, base.commit) as tree:
        return "\n".join(notes(target, tree, migrations))


def test_a_vendored_file_names_its_module_and_the_version_with_the_rule(sandbox: Sandbox) -> None:
    path = "vendor/github.com/moby/profiles/apparmor/template"
    work = sandbox.repository(files={path: sandbox.profile(), "vendor/modules.txt": MODULES})
    text = said(work)
    assert "`vendor/` is Go's" in text
    assert "`github.com/moby/profiles/apparmor` `v0.2.0` has. Upstream has the rule" in text
    assert "from `v0.2.1` on" in text
    assert "from `v0.2.2-0.20260828104831-61eaf32614c7` on" in said(work, "deny-af-vsock")


def test_a_module_that_is_replaced_and_one_without_the_rule_are_said_to_be_so(
    sandbox: Sandbox,
) -> None:
    path = "sub/vendor/github.com/containerd/containerd/v2/contrib/apparmor/t"
    files = {path: sandbox.profile(), "sub/vendor/modules.txt": MODULES}
    assert "which go.mod replaces by `../fork`: change it there, too" in said(
        sandbox.repository("one", files)
    )
    files["sub/vendor/modules.txt"] = MODULES.replace(" => ../fork", "")
    assert "patcher knows no version of it that has the rule" in said(
        sandbox.repository("two", files)
    )


def test_what_is_vendored_without_gos_list_is_not_called_gos(sandbox: Sandbox) -> None:
    work = sandbox.repository(files={"vendor/x/y": sandbox.profile()})
    assert "go mod vendor" not in said(work)


@pytest.mark.parametrize(
    "comment",
    [
        "# Keep this in sync with daemon/template.go",
        "# This must be kept in sync with moby",
        "# Copied verbatim from github.com/moby/profiles",
        "# in sync with @team, fixes #1",
    ],
)
def test_a_comment_that_speaks_of_another_copy_is_quoted(sandbox: Sandbox, comment: str) -> None:
    work = sandbox.repository(files={"p": f"{comment}\n{sandbox.profile()}"})
    text = said(work)
    assert "There is another copy, which has to change, too: `p:1` says `#" in text
    assert "#1" not in text


def test_when_the_change_takes_effect(sandbox: Sandbox) -> None:
    docker = said(sandbox.repository("one", {"p": sandbox.profile("docker-default")}))
    assert "Docker loads `docker-default` again when its daemon starts" in docker
    podman = said(sandbox.repository("two", {"p": sandbox.profile("containers-default-0.62.2")}))
    assert "until the version in the profile's name changes" in podman
    other = said(sandbox.repository("three", {"p": sandbox.profile("mine")}))
    assert "`apparmor_parser -r FILE`, or a reboot" in other
    for text in (docker, podman, other):
        assert text.count("Merging changes no running system") == 1
        assert "moby#" not in text  # or else a thousand reviews would be listed there


@pytest.mark.parametrize(
    "path",
    [
        ".github/PULL_REQUEST_TEMPLATE.md",
        "pull_request_template.md",
        ".gitlab/merge_request_templates/Default.md",
        ".gitea/PULL_REQUEST_TEMPLATE.md",
    ],
)
def test_the_template_of_a_repository_is_found(sandbox: Sandbox, path: str) -> None:
    work = sandbox.repository(files={path: "theirs\n", "docs/x": "x"})
    (repository,) = git.discover([work])
    assert isinstance(repository, git.Repository)
    with opened(repository, sandbox.git(work, "rev-parse", "HEAD")) as tree:
        assert review_template(tree) == b"theirs\n"
        assert tree.read(b"docs") is None
        assert tree.names(b"docs/x") == []

"""``apply --push`` of clones that are named by a path."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from patcher.cli import group
from patcher.git import remote
from tests.conftest import Sandbox
from tests.git.server import Server
from tests.variants import few

BRANCH = "patcher/deny-af-alg"


def patcher(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(group, [str(each) for each in arguments])
    if not isinstance(result.exception, SystemExit | None):
        raise result.exception
    return result


class Cloned:
    """A repository at a server, and a clone of it."""

    def __init__(self, sandbox: Sandbox, server: Server) -> None:
        self.sandbox, self.server = sandbox, server
        self.work = sandbox.repository("work")
        self.served = self.serve("fork")
        self.url = f"{server.url}/ok/fork.git"
        self.clone = sandbox.root / "clone"
        sandbox.git(sandbox.root, "clone", "-q", self.url, str(self.clone))

    def serve(self, name: str) -> Path:
        place = self.server.root / f"{name}.git"
        self.sandbox.git(self.sandbox.root, "clone", "-q", "--bare", str(self.work), str(place))
        return place

    def apply(self, *arguments: str | Path) -> tuple[int, dict[str, Any], str]:
        """Push the clone's branch: the exit status, the target and what is said."""
        done = patcher(
            "apply", "--push", "--proof", "off", "--format", "json", *arguments, self.clone
        )
        (target,) = json.loads(done.stdout)["targets"]
        return done.exit_code, target, done.stderr

    def there(self, ref: str = f"refs/heads/{BRANCH}", place: Path | None = None) -> str:
        command = ("for-each-ref", "--format=%(objectname)", ref)
        return self.sandbox.git(place or self.served, *command)

    def refs(self) -> set[str]:
        return set(self.sandbox.git(self.served, "for-each-ref", "--format=%(refname)").split())

    def here(self, ref: str = BRANCH) -> str:
        return self.sandbox.git(self.clone, "rev-parse", ref)

    def config(self, *arguments: str) -> None:
        self.sandbox.git(self.clone, "config", *arguments)


@pytest.fixture
def cloned(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloned]:
    monkeypatch.setattr(remote, "RETRIES", remote.Retries(attempts=1))
    with Server(sandbox.root / "served") as server:
        server.root.mkdir(parents=True, exist_ok=True)
        yield Cloned(sandbox, server)


def test_the_review_branch_goes_to_the_remote_and_nothing_else(cloned: Cloned) -> None:
    cloned.sandbox.git(cloned.clone, "tag", "mine")
    cloned.sandbox.git(cloned.clone, "branch", "unpushed")
    status, target, _ = cloned.apply()
    assert (status, target["outcome"]) == (0, "pushed")
    assert f"pushed to {cloned.url}" in target["note"]
    assert cloned.there() == cloned.here() == target["new_commit"]
    assert cloned.refs() == {"refs/heads/main", f"refs/heads/{BRANCH}"}
    status, target, _ = cloned.apply()
    assert (status, target["outcome"]) == (0, "up to date")
    assert sum(cloned.server.pushes.values()) == 1


def test_up_to_date_is_about_the_remote_as_it_is_now(cloned: Cloned) -> None:
    """Committed without --push, or the branch deleted there: it is pushed."""
    assert patcher("apply", "--proof", "off", cloned.clone).exit_code == 0
    tip = cloned.here()
    status, target, _ = cloned.apply("--dry-run")
    assert (status, target["outcome"]) == (1, "scanned")
    assert "and not at" in target["note"]
    assert cloned.there() == ""
    assert cloned.apply()[1]["outcome"] == "pushed"
    assert cloned.there() == tip
    # The clone still has origin/patcher/..., once it was fetched.
    cloned.sandbox.git(cloned.clone, "fetch", "-q")
    cloned.sandbox.git(cloned.served, "branch", "-D", BRANCH)
    assert cloned.apply()[1]["outcome"] == "pushed"
    assert cloned.there() == cloned.here() == tip


def test_what_others_pushed_meanwhile_is_not_lost(cloned: Cloned) -> None:
    assert cloned.apply()[0] == 0
    other = cloned.sandbox.root / "other"
    cloned.sandbox.git(cloned.sandbox.root, "clone", "-q", "-b", BRANCH, cloned.url, str(other))
    cloned.sandbox.commit(other, {"more": "x"})
    cloned.sandbox.git(other, "push", "-q")
    theirs = cloned.there()
    status, target, said = cloned.apply("--on-existing", "replace")
    assert (status, target["outcome"]) == (3, "failed")
    assert "has commits" in said
    assert "that are not here: git -C" in said
    cloned.sandbox.git(cloned.clone, "fetch", "-q")
    status, target, _ = cloned.apply()
    assert (status, target["outcome"]) == (0, "edited by others")
    assert cloned.there() == theirs


def test_a_stale_branch_of_ours_is_made_anew_there(cloned: Cloned) -> None:
    assert cloned.apply()[0] == 0
    text = cloned.sandbox.profile() + cloned.sandbox.profile("other")
    cloned.sandbox.commit(cloned.clone, {"docker-default": text})
    cloned.sandbox.git(cloned.clone, "push", "-q", "origin", "main")
    status, target, _ = cloned.apply()
    assert (status, target["outcome"], target["branch_state"]) == (0, "pushed", "ours and stale")
    assert cloned.there() == cloned.here()


@pytest.mark.parametrize("where", ["here", "there"])
def test_a_base_that_the_remote_has_not_is_not_pushed(cloned: Cloned, where: str) -> None:
    """With the change its commits would go there, or the change would be for an old base."""
    cloned.sandbox.commit(cloned.clone, {"secret": "unpushed"})
    if where == "there":
        cloned.sandbox.git(cloned.clone, "push", "-q", "origin", "main")
        cloned.sandbox.git(cloned.clone, "reset", "-q", "--hard", "HEAD^")
        cloned.sandbox.git(cloned.clone, "update-ref", "refs/remotes/origin/main", "HEAD")
    status, target, said = cloned.apply("--base", "main")
    assert (status, target["outcome"]) == (3, "failed")
    assert "fetch or push it first (git -C" in said
    assert cloned.refs() == {"refs/heads/main"}


def test_the_remote_is_the_one_that_the_base_tracks_or_that_is_named(cloned: Cloned) -> None:
    upstream = cloned.serve("upstream")
    cloned.sandbox.git(
        cloned.clone, "remote", "add", "-f", "upstream", f"{cloned.server.url}/ok/upstream.git"
    )
    assert cloned.apply("--base", "upstream/main")[1]["outcome"] == "pushed"
    ref = f"refs/heads/{BRANCH}-upstream/main"
    assert (cloned.there(ref, upstream), cloned.there(ref)) == (cloned.here(ref), "")
    assert cloned.apply("--remote", "upstream", "--base", "main")[1]["outcome"] == "pushed"
    assert cloned.there(place=upstream)
    assert not cloned.there()
    status, _, said = cloned.apply("--remote", "none", "--base", "main")
    assert status == 3
    assert "it has no remote 'none' to push to: there are origin, upstream" in said
    done = patcher("apply", "--remote", "origin", cloned.clone)
    assert done.exit_code == 2
    assert "--remote goes with --push" in done.stderr


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    few(
        [
            ("remote.origin.url", "ext::sh -c 'touch {mark}'", "names a program to run"),
            ("remote.origin.pushurl", "ext::sh -c 'touch {mark}'", "names a program to run"),
            ("remote.origin.url", "-oProxyCommand=touch {mark}", "is a folder of this machine"),
            ("remote.origin.url", "ssh://-oProxyCommand=x/y", "has no valid host name"),
            ("remote.origin.pushurl", "{evil}", "a push would run the hooks that lie there"),
            ("remote.origin.pushurl", "file://{evil}", "a push would run the hooks that lie there"),
            ("url.file://{evil}.insteadOf", "{url}", "url.*.insteadOf in the clone's own"),
            (
                "url.ext::sh -c 'touch {mark}' .pushInsteadOf",
                "http",
                "url.*.insteadOf in the clone's",
            ),
            ("remote.origin.receivepack", "touch {mark};git-receive-pack", None),
            ("core.sshCommand", "touch {mark};ssh", None),
            ("credential.helper", "!touch {mark}", None),
            ("core.hooksPath", "{evil}/hooks", None),
            ("core.fsmonitor", "touch {mark}", None),
            ("http.proxy", "http://127.0.0.1:1", None),
            ("push.gpgSign", "true", None),
            ("push.followTags", "true", None),
            ("remote.origin.mirror", "true", None),
            ("remote.origin.push", "refs/*:refs/*", None),
        ],
        3,
    ),
)
def test_the_configuration_of_a_clone_runs_nothing_and_leads_nowhere(
    cloned: Cloned, tmp_path: Path, setting: str, value: str, says: str | None
) -> None:
    mark, evil = tmp_path / "mark", cloned.serve("evil")
    for hook in (evil / "hooks", cloned.clone / ".git/hooks"):
        for name in ("pre-push", "post-receive", "update", "pre-receive"):
            hook.mkdir(exist_ok=True)
            (hook / name).write_text(f"#!/bin/sh\ntouch {mark}\n")
            (hook / name).chmod(0o755)
    names = {"mark": mark, "evil": evil, "url": cloned.url}
    cloned.config(setting.format(**names), value.format(**names))
    status, target, said = cloned.apply()
    assert not mark.exists()
    assert not cloned.there(place=evil)
    if says is None:
        assert (status, target["outcome"]) == (0, "pushed"), said
        assert cloned.refs() == {"refs/heads/main", f"refs/heads/{BRANCH}"}
    else:
        assert status == 3
        assert says in said
        assert cloned.refs() == {"refs/heads/main"}


def test_paths_and_urls_of_one_run_are_all_pushed(cloned: Cloned) -> None:
    other = cloned.serve("other")
    done = patcher(
        *("apply", "--push", "--proof", "off", "--campaign", "c"),
        *(cloned.clone, f"{cloned.server.url}/ok/other.git"),
    )
    assert done.exit_code == 0, done.stderr
    assert "2 committed and pushed" in done.stdout
    assert cloned.there()
    assert cloned.there(place=other)
    assert patcher("apply", "--campaign", "c").exit_code == 0
    assert sum(cloned.server.pushes.values()) == 2
    done = patcher("undo", "--campaign", "c")
    assert done.exit_code == 0, done.stderr
    assert "at the clone's remote it stays" in done.stdout
    assert (cloned.there(place=other), cloned.there() != "") == ("", True)


def test_a_shallow_clone_pushes_too(cloned: Cloned) -> None:
    cloned.sandbox.commit(cloned.work, {"more": "x"})
    cloned.sandbox.git(cloned.work, "push", "-q", str(cloned.served), "main")
    cloned.clone = cloned.sandbox.root / "shallow"
    cloned.sandbox.git(
        cloned.sandbox.root, "clone", "-q", "--depth=1", cloned.url, str(cloned.clone)
    )
    assert cloned.apply()[1]["outcome"] == "pushed"
    assert cloned.there() == cloned.here()


def test_a_remote_that_fails_is_a_failure_and_the_next_run_pushes(cloned: Cloned) -> None:
    cloned.config("remote.origin.url", f"{cloned.server.url}/403x9/fork.git")
    status, target, said = cloned.apply()
    assert (status, target["outcome"]) == (3, "failed")
    assert "403" in said
    cloned.config("remote.origin.url", cloned.url)
    assert cloned.apply()[1]["outcome"] == "pushed"


def test_a_clone_without_a_remote_or_a_base_that_is_no_branch(cloned: Cloned) -> None:
    assert "is no branch" in cloned.apply("--base", cloned.here("main"))[2]
    cloned.sandbox.git(cloned.clone, "remote", "remove", "origin")
    assert "it has no remote 'origin' to push to: it has none" in cloned.apply()[2]

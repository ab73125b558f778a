"""The commits that a GitHub makes itself, in the real repositories of `GitBranches`."""

from __future__ import annotations

import os
import subprocess
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

from tests.forges.branches import GitBranches
from tests.forges.github.world import Repository, World
from tests.forges.routes import Refusal, route
from tests.sources.servers import Record, Reply, Request

SIGNATURE = "-----BEGIN PGP SIGNATURE-----\n\nofTheFake\n-----END PGP SIGNATURE-----"


class CommitMaker(World):
    """GraphQL's ``createCommitOnBranch``, and what REST says of a commit."""

    signs = True
    """Whether it signs what it makes: a GitHub Enterprise Server need not."""
    committer = ("GitHub", "noreply@github.com")
    alters: Callable[[bytes, str], tuple[bytes, str]] | None = None
    """What becomes of a file's content and mode on the way; None: they stay."""
    adds = ""
    """What it adds to messages."""

    def mutate_commit(self, given: Record) -> Record:
        sent = given["input"]
        owner, _, name = sent["branch"]["repositoryNameWithOwner"].partition("/")
        found, branch = self.at(owner, name), sent["branch"]["branchName"]
        if not found.may(self.login, "write") or found.record["archived"]:
            raise LookupError("Resource not accessible by personal access token")
        tip = self.branches.tip(found.path, branch)
        if tip is None:
            raise LookupError("Branch could not be resolved.")
        if tip != sent["expectedHeadOid"]:
            said = f'Expected branch to point to "{sent["expectedHeadOid"]}" but it did not.'
            raise LookupError(f"{said} Pull and try again.")
        oid = self._commit(found, tip, sent)
        self._git(found, "update-ref", f"refs/heads/{branch}", oid, tip)
        return {"createCommitOnBranch": {"commit": {"oid": oid}}}

    def _commit(self, found: Repository, tip: str, sent: Record) -> str:
        index = {"GIT_INDEX_FILE": os.fspath(self._place(found) / "of-the-forge")}
        self._git(found, "read-tree", tip, env=index)
        for each in sent["fileChanges"]["additions"]:
            there = self._git(found, "ls-tree", tip, "--", each["path"])
            mode = there.split()[0] if there else "100644"
            content = b64decode(each["contents"])
            if self.alters is not None:
                content, mode = self.alters(content, mode)
            blob = self._git(found, "hash-object", "-w", "--stdin", stdin=content)
            change = f"{mode},{blob},{each['path']}"
            self._git(found, "update-index", "--add", "--cacheinfo", change, env=index)
        tree = self._git(found, "write-tree", env=index)
        people = f"author {self.login} <{self.login}@users.noreply.github.com> 1790000000 +0000\n"
        people += "committer {} <{}> 1790000000 +0000\n".format(*self.committer)
        if self.signs:
            people += "gpgsig " + SIGNATURE.replace("\n", "\n ") + "\n"
        headline, body = sent["message"]["headline"], sent["message"].get("body") or ""
        text = headline + (f"\n\n{body}" if body else "") + self.adds
        raw = f"tree {tree}\nparent {tip}\n{people}\n{text}"
        return self._git(found, "hash-object", "-t", "commit", "-w", "--stdin", stdin=raw.encode())

    @route("GET", "/repos/{owner}/{repo}/git/commits/{commit_sha}")
    def get_git_commit(self, request: Request, owner: str, repo: str, commit_sha: str) -> Reply:
        found = self.at(owner, repo)
        try:
            raw = self._git(found, "cat-file", "commit", commit_sha)
        except subprocess.CalledProcessError:
            raise Refusal(Reply(404, self.missing)) from None
        head, _, message = raw.partition("\n\n")
        is_signed = "gpgsig " in head
        fields = dict(line.split(" ", 1) for line in head.splitlines() if line[:1] != " ")
        url = f"{self.api}/repos/{found.path}/git"
        person = {"name": "A Name", "email": "name@example.org", "date": "2026-09-21T14:13:20Z"}
        parent = fields["parent"]
        body = {
            "sha": commit_sha,
            "node_id": "C_1",
            "url": f"{url}/commits/{commit_sha}",
            "html_url": f"{self.url}/{found.path}/commit/{commit_sha}",
            "author": person,
            "committer": person,
            "message": message,
            "tree": {"sha": fields["tree"], "url": f"{url}/trees/{fields['tree']}"},
            "parents": [
                {
                    "sha": parent,
                    "url": f"{url}/commits/{parent}",
                    "html_url": f"{self.url}/{found.path}/commit/{parent}",
                }
            ],
            "verification": {
                "verified": is_signed,
                "reason": "valid" if is_signed else "unsigned",
                "signature": SIGNATURE if is_signed else None,
                "payload": head if is_signed else None,
                "verified_at": None,
            },
        }
        return Reply(200, body)

    def _place(self, found: Repository) -> Path:
        assert isinstance(self.branches, GitBranches)
        return self.branches.root / f"{found.path}.git"

    def _git(
        self,
        found: Repository,
        *arguments: str,
        stdin: bytes = b"",
        env: Record | None = None,
    ) -> str:
        done = subprocess.run(
            ["git", f"--git-dir={os.fspath(self._place(found))}", *arguments],
            env={**os.environ, **(env or {})},
            input=stdin,
            capture_output=True,
            check=True,
        )
        return done.stdout.decode().strip()

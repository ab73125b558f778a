"""A Bitbucket Cloud for the life of a pull request.

After https://developer.atlassian.com/cloud/bitbucket/rest/, whose description is in no package of a
registry. Where it differs from the others: commits are shortened, a second pull request changes the
first, a change removes the reviewers that it does not name, and a merge names no commit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from tests.forges.branches import Branches
from tests.forges.routes import Refusal, Routed, route
from tests.sources.servers import Record, Reply, Request

NOW = "2026-01-26T19:14:43.000000+00:00"
REPO = "/repositories/{workspace}/{slug}"
PULLS = REPO + "/pullrequests"
PULL = PULLS + "/{number}"


def refused(status: int, message: str) -> Refusal:
    return Refusal(Reply(status, {"type": "error", "error": {"message": message}}))


@dataclass
class Pull:
    number: int
    author: str
    title: str
    description: str
    source: str
    head: str
    base: str
    commit: str
    draft: bool = False
    state: str = "OPEN"
    merge_commit: str | None = None
    closed_by: str | None = None
    reviewers: list[str] = field(default_factory=list)
    opinions: dict[str, str | None] = field(default_factory=dict)
    statuses: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    log: list[Record] = field(default_factory=list)
    """Its activities, the oldest first."""

    def updated(self) -> None:
        self.log.append({"update": {"source": {"commit": {"hash": self.commit[:12]}}}})


@dataclass
class Repository:
    path: str
    number: int
    parent: str | None = None
    private: bool = False
    writers: set[str] = field(default_factory=set)
    pulls: list[Pull] = field(default_factory=list)
    approvals: int | None = None
    not_ready: int = 0

    @property
    def uuid(self) -> str:
        return f"{{{self.number:08}-0000-0000-0000-000000000000}}"


class BitbucketCloud(Routed):
    """Repositories with their pull requests; as in `tests.forges.github`. The members of every
    workspace are those of `users`, by token, and of `members`."""

    prefix = "/2.0"
    missing: Mapping[str, str] = {"type": "error"}

    def __init__(self, branches: Branches | None = None) -> None:
        super().__init__()
        self.branches = branches or Branches()
        self.known: dict[str, Repository] = {}
        self.users: dict[str, str] = {}
        self.members: list[str] = []
        self.clone_base = ""
        self.login: str | None = None
        self.deleted: list[str] = []
        self.made = 0
        self.drafts = True
        self.merges_later = 0
        """How often a merge is not done yet when it is looked at."""

    def add(self, path: str, *writers: str, **facts: Any) -> Repository:
        self.made += 1
        made = Repository(path, self.made, writers=set(writers), **facts)
        self.known[path.lower()] = made
        return made

    def repository(self, path: str) -> Repository:
        return self.known[path.lower()]

    # What people do

    def pull(self, path: str, number: int = 1) -> Pull:
        self.sync()
        return next(each for each in self.repository(path).pulls if each.number == number)

    def review(self, path: str, number: int, login: str, state: str | None = "approved") -> None:
        pull = self.pull(path, number)
        pull.opinions[login] = state
        kind = {"approved": "approval", "changes_requested": "changes_requested"}.get(state or "")
        if kind is not None:
            pull.log.append({kind: {"user": self.person(login)}})

    def check(self, path: str, number: int, state: str) -> None:
        self.pull(path, number).statuses.append(state)

    def close(self, path: str, number: int, login: str) -> None:
        pull = self.pull(path, number)
        pull.state, pull.closed_by = "DECLINED", login

    def sync(self) -> None:
        """What was pushed since."""
        for each in self.known.values():
            for pull in each.pulls:
                tip = self.branches.tip(pull.source, pull.head)
                if pull.state != "OPEN" or tip == pull.commit:
                    continue
                if tip is None:
                    pull.state, pull.closed_by = "DECLINED", "someone"
                else:
                    pull.commit, pull.statuses = tip, []
                    pull.updated()

    # How every request is answered

    def respond(
        self, method: Callable[..., Reply], request: Request, parts: Mapping[str, str]
    ) -> Reply:
        self.login = self.users.get(request.authorization.partition(" ")[2])
        if self.login is None and (request.authorization or request.method != "GET"):
            raise Refusal(Reply(401, b"Token is invalid, expired, or not supported"))
        self.sync()
        return method(request, **parts)

    def values(self, request: Request, records: list[Record]) -> Reply:
        """One page, which leads to the next in its body."""
        size = min(int(request.query.get("pagelen", 10)), self.page_size)
        number = int(request.query.get("page", 1))
        body: Record = {"pagelen": size, "size": len(records), "page": number}
        body["values"] = records[(number - 1) * size : number * size]
        if number * size < len(records):
            query = urlencode({**request.query, "page": number + 1})
            body["next"] = f"{self.url}{request.path}?{query}"
        return Reply(200, body)

    def at(self, workspace: str, slug: str, *, write: bool = False) -> Repository:
        found = self.known.get(f"{workspace}/{slug}".lower())
        if found is None or (found.private and not self.writes(found)):
            raise refused(404, f"Repository {workspace}/{slug} not found")
        if write and not self.writes(found):
            raise refused(403, "Your credentials lack one or more required privilege scopes.")
        return found

    def writes(self, found: Repository) -> bool:
        return self.login is not None and self.login in {*found.writers, found.path.split("/")[0]}

    def one(self, found: Repository, number: str) -> Pull:
        for pull in found.pulls:
            if str(pull.number) == number:
                return pull
        raise refused(404, "No such pull request")

    # Repositories

    @route("GET", "/user")
    def user(self, request: Request) -> Reply:
        assert self.login is not None
        return Reply(200, self.person(self.login) | {"username": self.login})

    @route("GET", "/workspaces/{workspace}/members")
    def list_members(self, request: Request, workspace: str) -> Reply:
        names = [*self.users.values(), *self.members]
        return self.values(request, [{"user": self.person(name)} for name in names])

    @route("GET", "/repositories/{workspace}")
    def list_repositories(self, request: Request, workspace: str) -> Reply:
        query = request.query
        wanted = dict(re.findall(r'([\w.]+)="([^"]*)"', query.get("q", "")))
        found = []
        for each in self.known.values():
            owner, _, slug = each.path.partition("/")
            parent = self.known.get((each.parent or "").lower())
            if (
                owner.lower() == workspace.lower()
                and wanted.get("slug", slug) == slug
                and wanted.get("parent.uuid") in (None, parent and parent.uuid)
                and (query.get("role") != "contributor" or self.writes(each))
            ):
                found.append(self.record(each))
        return self.values(request, found)

    @route("GET", REPO)
    def get_repository(self, request: Request, workspace: str, slug: str) -> Reply:
        return Reply(200, self.record(self.at(workspace, slug)))

    @route("DELETE", REPO)
    def delete_repository(self, request: Request, workspace: str, slug: str) -> Reply:
        found = self.at(workspace, slug, write=True)
        del self.known[found.path.lower()]
        self.deleted.append(found.path)
        return Reply(204, b"")

    @route("POST", REPO + "/forks")
    def fork(self, request: Request, workspace: str, slug: str) -> Reply:
        found = self.at(workspace, slug)
        path = f"{request.body['workspace']['slug']}/{request.body.get('name', slug)}"
        if path.lower() in self.known:
            raise refused(400, "Repository with this Slug and Owner already exists.")
        made = self.add(path, parent=found.path, not_ready=found.not_ready)
        self.branches.fork(found.path, path)
        return Reply(201, self.record(made))

    @route("GET", REPO + "/refs/branches/{name*}")
    def get_branch(self, request: Request, workspace: str, slug: str, name: str) -> Reply:
        found = self.at(workspace, slug)
        tip = self.branches.tip(found.path, name)
        if found.not_ready or tip is None:
            found.not_ready -= bool(found.not_ready)
            raise refused(404, f'Branch "{name}" not found')
        return Reply(200, {"type": "branch", "name": name, "target": {"hash": tip}})

    @route("GET", REPO + "/commit/{commit}")
    def get_commit(self, request: Request, workspace: str, slug: str, commit: str) -> Reply:
        found = self.at(workspace, slug)
        commits = [*self.branches.parents, *(pull.commit for pull in found.pulls)]
        whole = next((each for each in commits if each.startswith(commit)), None)
        if whole is None:
            raise refused(404, f"Commit {commit} not found")
        return Reply(200, {"type": "commit", "hash": whole})

    @route("GET", REPO + "/branch-restrictions")
    def restrictions(self, request: Request, workspace: str, slug: str) -> Reply:
        found = self.at(workspace, slug)
        if self.login != found.path.partition("/")[0] and found.approvals is None:
            raise refused(403, "Your credentials lack one or more required privilege scopes.")
        kind = {"type": "branchrestriction", "kind": request.query["kind"]}
        return self.values(request, [kind | {"value": found.approvals}])

    # Pull requests

    @route("GET", PULLS)
    def list_pulls(self, request: Request, workspace: str, slug: str) -> Reply:
        found, query = self.at(workspace, slug), request.query
        wanted = re.findall(r'([\w.]+)="((?:[^"\\]|\\.)*)"', query.get("q", ""))
        ends = {name: re.sub(r"\\(.)", r"\1", value) for name, value in wanted}
        chosen = [
            pull
            for pull in found.pulls
            if ("state" in query or pull.state == "OPEN")
            and ends.get("source.branch.name", pull.head) == pull.head
            and ends.get("destination.branch.name", pull.base) == pull.base
        ]
        assert query["sort"] == "-created_on"
        records = [self.pull_record(found, pull) for pull in reversed(chosen)]
        for record in records:
            del record["reviewers"], record["participants"]
        return self.values(request, records)

    @route("POST", PULLS)
    def create(self, request: Request, workspace: str, slug: str) -> Reply:
        found, sent = self.at(workspace, slug), request.body
        source = sent["source"].get("repository", {}).get("full_name", found.path)
        head, base = sent["source"]["branch"]["name"], sent["destination"]["branch"]["name"]
        tip, assigned = self.branches.tip(source, head), self.login
        if tip is None:
            raise refused(400, f"source: branch {head} not found")
        if self.branches.tip(found.path, base) is None:
            raise refused(400, f"destination: branch {base} not found")
        if self.branches.contains(found.path, base, tip):
            raise refused(400, "There are no changes to be pulled")
        assert assigned is not None
        text = {"title": sent["title"], "description": sent.get("description", "")}
        for pull in found.pulls:
            if pull.state == "OPEN" and (pull.source, pull.head, pull.base) == (source, head, base):
                pull.title, pull.description = text["title"], text["description"]
                return Reply(201, self.pull_record(found, pull))
        pull = Pull(len(found.pulls) + 1, assigned, **text, source=source, head=head, base=base,
                    commit=tip, draft=sent.get("draft", False) and self.drafts)  # fmt: skip
        found.pulls.append(pull)
        pull.updated()
        return Reply(201, self.pull_record(found, pull))

    @route("GET", PULL)
    def get_pull(self, request: Request, workspace: str, slug: str, number: str) -> Reply:
        found = self.at(workspace, slug)
        pull = self.one(found, number)
        if pull.state == "MERGING":
            self.merges_later -= 1
            if self.merges_later <= 0:
                self.merged(found, pull)
        return Reply(200, self.pull_record(found, pull))

    @route("PUT", PULL)
    def change(self, request: Request, workspace: str, slug: str, number: str) -> Reply:
        found, sent = self.at(workspace, slug), request.body
        pull = self.one(found, number)
        if pull.state != "OPEN":
            raise refused(400, "Only open pull requests can be mutated")
        if self.login != pull.author and not self.writes(found):
            raise refused(403, "Your credentials lack one or more required privilege scopes.")
        names = {self.uuid(name): name for name in (*self.users.values(), *self.members)}
        reviewers = [names[each["uuid"]] for each in sent.get("reviewers", [])]
        if pull.author in reviewers:
            said = f"{pull.author} is the author and cannot be included as a reviewer."
            raise refused(400, f"reviewers: {said}")
        pull.reviewers = reviewers
        pull.title = sent.get("title", pull.title)
        pull.description = sent.get("description", pull.description)
        pull.draft = sent.get("draft", pull.draft) and self.drafts
        pull.updated()
        return Reply(200, self.pull_record(found, pull))

    @route("POST", PULL + "/comments")
    def comment(self, request: Request, workspace: str, slug: str, number: str) -> Reply:
        pull = self.one(self.at(workspace, slug), number)
        pull.comments.append(request.body["content"]["raw"])
        return Reply(201, {"type": "pullrequest_comment", "id": len(pull.comments)})

    @route("POST", PULL + "/decline")
    def decline(self, request: Request, workspace: str, slug: str, number: str) -> Reply:
        found = self.at(workspace, slug)
        pull = self.one(found, number)
        if pull.state != "OPEN":
            raise refused(400, "This pull request is already closed.")
        pull.state, pull.closed_by = "DECLINED", self.login
        return Reply(200, self.pull_record(found, pull))

    @route("POST", PULL + "/merge")
    def merge(self, request: Request, workspace: str, slug: str, number: str) -> Reply:
        found = self.at(workspace, slug, write=True)
        pull = self.one(found, number)
        assert request.body["merge_strategy"] in ("merge_commit", "squash", "fast_forward")
        if pull.state != "OPEN":
            raise refused(400, "This pull request is already closed.")
        if self.branches.conflicts(found.path, pull.base, pull.source, pull.commit):
            raise refused(400, "You can't merge until you resolve all merge conflicts.")
        if self.merges_later:
            pull.state = "MERGING"
            return Reply(202, b"", {"Location": f"{self.api}{request.path}/task-status/1"})
        self.merged(found, pull)
        return Reply(200, self.pull_record(found, pull))

    def merged(self, found: Repository, pull: Pull) -> None:
        pull.merge_commit = self.branches.merge(found.path, pull.base, pull.source, pull.commit)
        pull.state, pull.closed_by = "MERGED", self.login

    @route("GET", PULL + "/activity")
    def activity(self, request: Request, workspace: str, slug: str, number: str) -> Reply:
        pull = self.one(self.at(workspace, slug), number)
        return self.values(request, pull.log[::-1])

    @route("GET", PULL + "/statuses")
    def statuses(self, request: Request, workspace: str, slug: str, number: str) -> Reply:
        pull = self.one(self.at(workspace, slug), number)
        return self.values(request, [{"type": "build", "state": each} for each in pull.statuses])

    @route("GET", PULL + "/diffstat")
    def diffstat(self, request: Request, workspace: str, slug: str, number: str) -> Reply:
        pull = self.one(self.at(workspace, slug), number)
        where = f"{self.api}/repositories/{workspace}/{slug}/diffstat/{pull.number}"
        return Reply(302, b"", {"Location": where})

    @route("GET", REPO + "/diffstat/{number}")
    def diffstat_there(self, request: Request, workspace: str, slug: str, number: str) -> Reply:
        found = self.at(workspace, slug)
        pull = self.one(found, number)
        bad = self.branches.conflicts(found.path, pull.base, pull.source, pull.commit)
        states = ["modified", *(["merge conflict"] if bad else [])]
        return self.values(request, [{"type": "diffstat", "status": each} for each in states])

    # Records

    @staticmethod
    def uuid(login: str) -> str:
        return "{" + login.encode().hex().ljust(32, "0") + "}"

    def person(self, login: str) -> Record:
        names = {"display_name": login.title(), "nickname": login, "account_id": f"557:{login}"}
        kind = "app_user" if login.endswith("[bot]") else "user"
        return {"type": kind, "uuid": self.uuid(login), **names}

    def record(self, found: Repository) -> Record:
        base = (self.clone_base or self.url).replace("://", "://someone@")
        record: Record = {
            "type": "repository",
            "uuid": found.uuid,
            "full_name": found.path,
            "slug": found.path.partition("/")[2],
            "is_private": found.private,
            "mainbranch": {"type": "branch", "name": "main"},
            "created_on": NOW,
            "updated_on": NOW,
            "links": {"clone": [{"name": "https", "href": f"{base}/{found.path}.git"}]},
        }
        if found.parent is not None:
            above = self.known.get(found.parent.lower())
            record["parent"] = above and {"full_name": above.path, "uuid": above.uuid}
        return record

    def pull_record(self, found: Repository, pull: Pull) -> Record:
        source = self.known.get(pull.source.lower())
        people = {**dict.fromkeys(pull.reviewers), **pull.opinions}
        participants = [
            {
                "type": "participant",
                "user": self.person(login),
                "role": "REVIEWER" if login in pull.reviewers else "PARTICIPANT",
                "approved": state == "approved",
                "state": state,
            }
            for login, state in people.items()
        ]
        end = {
            "branch": {"name": pull.head},
            "commit": {"hash": pull.commit[:12]},
            "repository": source and {"full_name": source.path, "uuid": source.uuid},
        }
        return {
            "type": "pullrequest",
            "id": pull.number,
            "title": pull.title,
            "description": pull.description,
            "state": "OPEN" if pull.state == "MERGING" else pull.state,
            "draft": pull.draft,
            "author": self.person(pull.author),
            "source": end,
            "destination": {
                "branch": {"name": pull.base},
                "repository": {"full_name": found.path, "uuid": found.uuid},
            },
            "merge_commit": pull.merge_commit and {"hash": pull.merge_commit[:12]},
            "closed_by": self.person(pull.closed_by) if pull.closed_by else None,
            "reviewers": [self.person(login) for login in pull.reviewers],
            "participants": participants,
            "links": {
                "html": {"href": f"{self.url}/{found.path}/pull-requests/{pull.number}"},
            },
            "created_on": NOW,
        }

"""A Bitbucket Data Center for the life of a pull request.

After https://developer.atlassian.com/server/bitbucket/rest/, whose description is in no package of
a registry. Where it differs from the others: each change names the version that it is made to, what
it leaves out is removed, and pages begin at an offset.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.forges.branches import Branches
from tests.forges.routes import Refusal, Routed, route
from tests.sources.servers import Record, Reply, Request

API = "/api/latest"
REPO = API + "/projects/{key}/repos/{slug}"
PULLS = REPO + "/pull-requests"
PULL = PULLS + "/{number}"


def refused(status: int, message: str, kind: str = "") -> Refusal:
    error = {"context": None, "message": message, "exceptionName": f"com.atlassian.{kind}"}
    return Refusal(Reply(status, {"errors": [error]}))


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
    version: int = 0
    state: str = "OPEN"
    merge_commit: str | None = None
    closed_by: str | None = None
    reviewers: dict[str, str] = field(default_factory=dict)
    """What each thinks: APPROVED, NEEDS_WORK, UNAPPROVED."""
    reviewed: dict[str, str] = field(default_factory=dict)
    """The commit that each looked at last."""
    comments: list[str] = field(default_factory=list)


@dataclass
class Repository:
    path: str
    number: int
    origin: str | None = None
    archived: bool = False
    writers: set[str] = field(default_factory=set)
    readers: set[str] | None = None
    pulls: list[Pull] = field(default_factory=list)
    approvals: int = 0
    not_ready: int = 0


class BitbucketServer(Routed):
    """Repositories with their pull requests; as in `tests.forges.github`. Reviewers are those of
    `users`, by token, and of `people`."""

    prefix = "/rest"
    missing: Mapping[str, str] = {}
    page_size = 25

    def __init__(self, branches: Branches | None = None) -> None:
        super().__init__()
        self.branches = branches or Branches()
        self.known: dict[str, Repository] = {}
        self.users: dict[str, str] = {}
        self.people: list[str] = []
        self.clone_base = ""
        self.login: str | None = None
        self.deleted: list[str] = []
        self.builds: dict[str, dict[str, int]] = {}
        self.drafts = True
        self.made = 0

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

    def review(self, path: str, number: int, login: str, state: str = "APPROVED") -> None:
        pull = self.pull(path, number)
        pull.reviewers[login] = state
        pull.reviewed[login] = pull.commit

    def check(self, path: str, number: int, kind: str) -> None:
        """Count a build of the tip: successful, failed, inProgress ..."""
        counts = self.builds.setdefault(self.pull(path, number).commit, {})
        counts[kind] = counts.get(kind, 0) + 1

    def close(self, path: str, number: int, login: str) -> None:
        self.end(self.pull(path, number), "DECLINED", login)

    def end(self, pull: Pull, state: str, login: str | None) -> None:
        pull.state, pull.closed_by = state, login
        pull.version += 1

    def sync(self) -> None:
        """What was pushed since."""
        for each in self.known.values():
            for pull in each.pulls:
                tip = self.branches.tip(pull.source, pull.head)
                if pull.state != "OPEN" or tip == pull.commit:
                    continue
                if tip is None:
                    self.end(pull, "DECLINED", "someone")
                else:
                    pull.commit, pull.version = tip, pull.version + 1

    # How every request is answered

    def respond(
        self, method: Callable[..., Reply], request: Request, parts: Mapping[str, str]
    ) -> Reply:
        self.login = self.users.get(request.authorization.removeprefix("Bearer "))
        if self.login is None:
            raise refused(401, "Authentication failed. Please check your credentials.")
        self.sync()
        reply = method(request, **parts)
        reply.headers["X-AUSERNAME"] = self.login
        return reply

    def values(self, request: Request, records: list[Record]) -> Reply:
        size = min(int(request.query.get("limit", 25)), self.page_size)
        start = int(request.query.get("start", 0))
        is_last = start + size >= len(records)
        body: Record = {"size": size, "limit": size, "start": start, "isLastPage": is_last}
        body |= {"values": records[start : start + size]}
        body["nextPageStart"] = None if is_last else start + size
        return Reply(200, body)

    def at(self, key: str, slug: str, *, write: bool = False) -> Repository:
        found = self.known.get(f"{key}/{slug}".lower())
        if found is None:
            raise refused(404, f"Repository {key}/{slug} does not exist.")
        if found.readers is not None and self.login not in found.readers:
            raise refused(401, "You are not permitted to access this resource")
        if write and found.archived:
            raise refused(409, "This repository is archived and cannot be written to.")
        if write and not self.writes(found):
            raise refused(401, "You are not permitted to access this resource")
        return found

    def writes(self, found: Repository) -> bool:
        return self.login in {*found.writers, found.path.partition("/")[0].removeprefix("~")}

    def one(self, found: Repository, number: str) -> Pull:
        for pull in found.pulls:
            if str(pull.number) == number:
                return pull
        raise refused(404, "Pull request does not exist")

    # Repositories

    @route("GET", API + "/projects/{key}/repos")
    def list_repositories(self, request: Request, key: str) -> Reply:
        found = [each for each in self.known.values() if each.path.lower().startswith(f"{key}/")]
        return self.values(request, [self.record(each) for each in found])

    @route("GET", API + "/repos")
    def search(self, request: Request) -> Reply:
        assert request.query["permission"] == "REPO_WRITE"
        found = [
            each
            for each in self.known.values()
            if self.writes(each) and request.query["name"].lower() in each.path.lower()
        ]
        return self.values(request, [self.record(each) for each in found])

    @route("GET", REPO)
    def get_repository(self, request: Request, key: str, slug: str) -> Reply:
        found = self.at(key, slug)
        reply = Reply(200, self.record(found))
        found.not_ready -= bool(found.not_ready)
        return reply

    @route("GET", REPO + "/default-branch")
    def default_branch(self, request: Request, key: str, slug: str) -> Reply:
        self.at(key, slug)
        return Reply(200, {"id": "refs/heads/main", "displayId": "main", "type": "BRANCH"})

    @route("GET", REPO + "/forks")
    def list_forks(self, request: Request, key: str, slug: str) -> Reply:
        found = self.at(key, slug)
        forks = [each for each in self.known.values() if each.origin == found.path]
        return self.values(request, [self.record(each) for each in forks])

    @route("POST", REPO)
    def fork(self, request: Request, key: str, slug: str) -> Reply:
        found = self.at(key, slug)
        path = f"~{self.login}/{slug}"
        if path.lower() in self.known:
            raise refused(409, "This repository URL is already taken.")
        made = self.add(path, origin=found.path, not_ready=found.not_ready)
        self.branches.fork(found.path, path)
        return Reply(201, self.record(made))

    @route("DELETE", REPO)
    def delete_repository(self, request: Request, key: str, slug: str) -> Reply:
        found = self.at(key, slug, write=True)
        del self.known[found.path.lower()]
        self.deleted.append(found.path)
        return Reply(202, {"context": None, "message": "scheduled for deletion"})

    # Pull requests

    @route("GET", PULLS)
    def list_pulls(self, request: Request, key: str, slug: str) -> Reply:
        found, query = self.at(key, slug), request.query
        assert query["direction"] == "OUTGOING"
        assert query["order"] == "NEWEST"
        chosen = [
            (each, pull)
            for each in self.known.values()
            for pull in each.pulls
            if pull.source == found.path
            and query["at"] == f"refs/heads/{pull.head}"
            and (query["state"] == "ALL" or pull.state == "OPEN")
        ]
        return self.values(request, [self.pull_record(*each) for each in reversed(chosen)])

    @route("POST", PULLS)
    def create(self, request: Request, key: str, slug: str) -> Reply:
        found, sent = self.at(key, slug), request.body
        there = sent["fromRef"]["repository"]
        source = self.at(there["project"]["key"], there["slug"]).path
        head = sent["fromRef"]["id"].removeprefix("refs/heads/")
        base = sent["toRef"]["id"].removeprefix("refs/heads/")
        tip = self.branches.tip(source, head)
        if found.archived:
            raise refused(409, "This repository is archived and cannot be written to.")
        for path, branch in ((source, head), (found.path, base)):
            if self.branches.tip(path, branch) is None:
                raise refused(404, f"Branch {branch} does not exist in {path}.")
        assert tip is not None
        assert self.login is not None
        ends = [(p.source, p.head, p.base) for p in found.pulls if p.state == "OPEN"]
        if (source, head, base) in ends:
            said = "Only one pull request may be open for a given source and target branch"
            raise refused(409, said, "bitbucket.pull.DuplicatePullRequestException")
        if self.branches.contains(found.path, base, tip):
            said = f"{head} is already up-to-date with branch {base} in repository {found.path}"
            raise refused(409, said, "bitbucket.pull.EmptyPullRequestException")
        text = {"title": sent["title"], "description": sent.get("description", "")}
        pull = Pull(len(found.pulls) + 1, self.login, **text, source=source, head=head, base=base,
                    commit=tip, draft=sent.get("draft", False) and self.drafts)  # fmt: skip
        found.pulls.append(pull)
        return Reply(201, self.pull_record(found, pull))

    @route("GET", PULL)
    def get_pull(self, request: Request, key: str, slug: str, number: str) -> Reply:
        found = self.at(key, slug)
        return Reply(200, self.pull_record(found, self.one(found, number)))

    def in_version(self, pull: Pull, version: Any) -> None:
        if str(version) != str(pull.version):
            said = "You are attempting to modify a pull request based on out-of-date information."
            raise refused(409, said, "bitbucket.pull.PullRequestOutOfDateException")

    @route("PUT", PULL)
    def change(self, request: Request, key: str, slug: str, number: str) -> Reply:
        found, sent = self.at(key, slug), request.body
        pull = self.one(found, number)
        self.in_version(pull, sent["version"])
        if self.login != pull.author and not self.writes(found):
            raise refused(401, "You are not permitted to access this resource")
        names = [each["user"]["name"] for each in sent.get("reviewers", [])]
        known = {*self.users.values(), *self.people} - {pull.author}
        if strangers := [name for name in names if name not in known]:
            said = f"{strangers[0]} is not a valid reviewer."
            raise refused(409, said, "bitbucket.pull.InvalidPullRequestReviewersException")
        pull.reviewers = {name: pull.reviewers.get(name, "UNAPPROVED") for name in names}
        pull.title, pull.description = sent["title"], sent.get("description", "")
        pull.draft = sent.get("draft", False) and self.drafts
        pull.version += 1
        return Reply(200, self.pull_record(found, pull))

    @route("POST", PULL + "/comments")
    def comment(self, request: Request, key: str, slug: str, number: str) -> Reply:
        pull = self.one(self.at(key, slug), number)
        pull.comments.append(request.body["text"])
        return Reply(201, {"id": len(pull.comments), "text": request.body["text"]})

    @route("GET", PULL + "/activities")
    def activities(self, request: Request, key: str, slug: str, number: str) -> Reply:
        pull = self.one(self.at(key, slug), number)
        opened = {"id": 1, "action": "OPENED", "user": self.person(pull.author)}
        if pull.closed_by is None:
            return self.values(request, [opened])
        ended = {"id": 2, "action": pull.state, "user": self.person(pull.closed_by)}
        return self.values(request, [ended, opened])

    @route("GET", PULL + "/merge")
    def can_merge(self, request: Request, key: str, slug: str, number: str) -> Reply:
        found = self.at(key, slug)
        pull = self.one(found, number)
        bad = self.branches.conflicts(found.path, pull.base, pull.source, pull.commit)
        vetoes = self.vetoes(found, pull)
        outcome = "CONFLICTED" if bad else "CLEAN"
        can = not bad and not vetoes
        body = {"canMerge": can, "conflicted": bad, "outcome": outcome, "vetoes": vetoes}
        return Reply(200, body)

    def vetoes(self, found: Repository, pull: Pull) -> list[Record]:
        if [*pull.reviewers.values()].count("APPROVED") >= found.approvals:
            return []
        said = "Not all required reviewers have approved yet"
        return [{"summaryMessage": said, "detailedMessage": said}]

    @route("POST", PULL + "/merge")
    def merge(self, request: Request, key: str, slug: str, number: str) -> Reply:
        found = self.at(key, slug, write=True)
        pull = self.one(found, number)
        self.in_version(pull, request.query["version"])
        assert request.body["strategyId"] in ("no-ff", "squash", "rebase-ff-only")
        if pull.state != "OPEN":
            raise refused(409, "This pull request is not open.")
        if self.branches.conflicts(found.path, pull.base, pull.source, pull.commit):
            raise refused(409, "Merging is not possible while there are conflicts.")
        if vetoes := self.vetoes(found, pull):
            raise refused(409, str(vetoes[0]["summaryMessage"]))
        pull.merge_commit = self.branches.merge(found.path, pull.base, pull.source, pull.commit)
        self.end(pull, "MERGED", self.login)
        return Reply(200, self.pull_record(found, pull))

    @route("POST", PULL + "/decline")
    def decline(self, request: Request, key: str, slug: str, number: str) -> Reply:
        found = self.at(key, slug)
        pull = self.one(found, number)
        self.in_version(pull, request.query["version"])
        self.end(pull, "DECLINED", self.login)
        return Reply(200, self.pull_record(found, pull))

    @route("POST", PULL + "/reopen")
    def reopen(self, request: Request, key: str, slug: str, number: str) -> Reply:
        found = self.at(key, slug)
        pull = self.one(found, number)
        self.in_version(pull, request.query["version"])
        tip = self.branches.tip(pull.source, pull.head)
        if tip is None:
            raise refused(409, f"Branch {pull.head} does not exist: it cannot be reopened.")
        pull.commit = tip
        self.end(pull, "OPEN", None)
        return Reply(200, self.pull_record(found, pull))

    @route("GET", "/build-status/latest/commits/stats/{commit}")
    def stats(self, request: Request, commit: str) -> Reply:
        kinds = ("successful", "inProgress", "failed", "cancelled", "unknown")
        counts = self.builds.get(commit, {})
        return Reply(200, {kind: counts.get(kind, 0) for kind in kinds})

    # Records

    def person(self, login: str) -> Record:
        kind = "SERVICE" if login.endswith("[bot]") else "NORMAL"
        return {"name": login, "slug": login, "displayName": login.title(), "type": kind}

    def record(self, found: Repository) -> Record:
        key, _, slug = found.path.partition("/")
        base = (self.clone_base or self.url).replace("://", "://someone@")
        record: Record = {
            "id": found.number,
            "slug": slug,
            "name": slug,
            "scmId": "git",
            "state": "INITIALISING" if found.not_ready else "AVAILABLE",
            "forkable": True,
            "public": False,
            "archived": found.archived,
            "project": {"key": key, "id": 1, "name": key, "type": "NORMAL"},
            "links": {
                "clone": [
                    {"name": "ssh", "href": f"ssh://git@example.org/{key.lower()}/{slug}.git"},
                    {"name": "http", "href": f"{base}/scm/{key.lower()}/{slug}.git"},
                ]
            },
        }
        if found.origin is not None and found.origin.lower() in self.known:
            record["origin"] = self.record(self.repository(found.origin))
        return record

    def pull_record(self, found: Repository, pull: Pull) -> Record:
        source = self.known.get(pull.source.lower())
        reviewers = [
            {
                "user": self.person(login),
                "role": "REVIEWER",
                "approved": status == "APPROVED",
                "status": status,
                **({"lastReviewedCommit": pull.reviewed[login]} if login in pull.reviewed else {}),
            }
            for login, status in pull.reviewers.items()
        ]
        key, _, slug = found.path.partition("/")
        page = f"{self.url}/projects/{key}/repos/{slug}/pull-requests/{pull.number}"
        record: Record = {
            "id": pull.number,
            "version": pull.version,
            "title": pull.title,
            "description": pull.description,
            "state": pull.state,
            "open": pull.state == "OPEN",
            "closed": pull.state != "OPEN",
            "fromRef": {
                "id": f"refs/heads/{pull.head}",
                "displayId": pull.head,
                "latestCommit": pull.commit,
                "repository": self.record(source) if source else {"slug": "gone"},
            },
            "toRef": {
                "id": f"refs/heads/{pull.base}",
                "displayId": pull.base,
                "repository": self.record(found),
            },
            "author": {"user": self.person(pull.author), "role": "AUTHOR", "status": "UNAPPROVED"},
            "reviewers": reviewers,
            "participants": [],
            "properties": {},
            "links": {"self": [{"href": page}]},
        }
        if self.drafts:
            record["draft"] = pull.draft
        if pull.merge_commit is not None:
            record["properties"]["mergeCommit"] = {"id": pull.merge_commit}
        return record

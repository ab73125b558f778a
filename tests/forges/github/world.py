"""What a GitHub knows, what people do there, and how it describes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.forges.branches import Branches
from tests.forges.routes import Refusal, Routed
from tests.sources import servers
from tests.sources.servers import Record, Reply

NOW = "2026-01-26T19:14:43Z"
DOCS = "https://docs.github.com/rest"


def refused(status: int, message: str, *errors: Record | str) -> Refusal:
    body: Record = {"message": message, "documentation_url": DOCS}
    if status == 422:
        body["errors"] = list(errors)
    return Refusal(Reply(status, body))


def invalid(resource: str, message: str, field: str | None = None) -> Refusal:
    error: Record = {"resource": resource, "code": "custom", "message": message}
    if field is not None:
        error = {"resource": resource, "code": "invalid", "field": field}
    return refused(422, "Validation Failed", error)


@dataclass
class Pull:
    """A pull request; ``checks`` are by commit: a check run has a conclusion, or None while it
    runs, a commit status a state."""

    number: int
    author: str
    title: str
    body: str
    head_repo: str | None
    head: str
    base: str
    commit: str
    draft: bool = False
    open: bool = True
    merge_commit: str | None = None
    closed_by: str | None = None
    labels: list[str] = field(default_factory=list)
    assignees: list[str] = field(default_factory=list)
    reviewers: list[str] = field(default_factory=list)
    teams: list[str] = field(default_factory=list)
    milestone: str | None = None
    auto_merge: str | None = None
    reviews: list[tuple[str, str]] = field(default_factory=list)
    reviewed: dict[str, str] = field(default_factory=dict)
    """The commit that the last opinion of each reviewer is of."""
    comments: list[tuple[str, str]] = field(default_factory=list)
    unknown: int = 0
    """How often it is not known yet whether it can be merged."""

    @property
    def label(self) -> str:
        return f"{(self.head_repo or 'ghost').partition('/')[0]}:{self.head}"


@dataclass
class Repository:
    record: Record
    roles: dict[str, str] = field(default_factory=dict)
    """``read``, ``write`` or ``admin`` by login; the owner is an administrator."""
    teams: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    milestones: list[str] = field(default_factory=list)
    pulls: list[Pull] = field(default_factory=list)
    approvals: dict[str, int] = field(default_factory=dict)
    """How many a base branch wants; none where it is not protected."""
    unmet: bool = False
    """Whether a rule of its branches is not met, so that administrators alone may merge."""
    checks: dict[str, list[tuple[str, str | None]]] = field(default_factory=dict)
    required: dict[str, int] = field(default_factory=dict)
    """How many checks have to pass for a base branch."""
    drafts: bool = True
    auto_merge: bool = True
    not_ready: int = 0
    """How often a new fork of it is not ready yet."""

    @property
    def path(self) -> str:
        return str(self.record["full_name"])

    def may(self, login: str | None, role: str) -> bool:
        has = "admin" if login == self.path.partition("/")[0] else self.roles.get(login or "")
        return role == "read" or has == "admin" or has == role

    def approval(self, pull: Pull) -> str | None:
        """What GitHub calls the decision."""
        states = [*self.counting(pull).values()]
        if "CHANGES_REQUESTED" in states:
            return "CHANGES_REQUESTED"
        wants = self.approvals.get(pull.base)
        if wants is None:
            return None
        return "APPROVED" if states.count("APPROVED") >= wants else "REVIEW_REQUIRED"

    def blocked(self, pull: Pull) -> str:
        """What stands against its merge by who may not get past that."""
        wants = self.approvals.get(pull.base)
        if wants is not None and self.approval(pull) != "APPROVED":
            return f"At least {wants} approving review is required by reviewers with write access."
        states = [state for _kind, state in self.checks.get(pull.commit, [])]
        if states.count("SUCCESS") < self.required.get(pull.base, 0):
            return 'Required status check "ci" is expected.'
        if self.unmet:
            return "Repository rule violations found"
        return ""

    def counting(self, pull: Pull) -> dict[str, str]:
        """The last opinion of each reviewer who may write."""
        latest = {login: state for login, state in pull.reviews if state != "COMMENTED"}
        return {login: state for login, state in latest.items() if self.may(login, "write")}

    def rollup(self, commit: str) -> str | None:
        states = [state for _kind, state in self.checks.get(commit, [])]
        if not states:
            return None
        for bad in ("FAILURE", "ERROR", "PENDING", "EXPECTED"):
            if bad in states:
                return bad
        return "PENDING" if None in states else "SUCCESS"


class World(Routed, servers.GitHub):
    """Repositories with their pull requests. Tests put in `branches` what was pushed, or give
    `GitBranches` of what a git server serves."""

    missing: Mapping[str, str] = {"message": "Not Found", "documentation_url": DOCS}

    def __init__(self, branches: Branches | None = None) -> None:
        super().__init__()
        self.branches = branches or Branches()
        self.known: dict[str, Repository] = {}
        """By name in lower case, earlier names too."""
        self.clone_base = ""
        """Where git serves the repositories, if not at the forge's own address."""
        self.login: str | None = None
        self.deleted: list[str] = []

    def add(self, name: str, **changes: object) -> Record:
        number = len(self.known) + len(self.deleted) + 1001
        at = {"clone_url": f"{self.clone_base or self.url}/{name}.git"}
        record = super().add(name, **{"id": number, **at, **changes})
        self.known[name.lower()] = Repository(record)
        return record

    def repository(self, name: str) -> Repository:
        return self.known[name.lower()]

    # What people do

    def pull(self, name: str, number: int = 1) -> Pull:
        self.sync()
        return next(each for each in self.repository(name).pulls if each.number == number)

    def review(self, name: str, number: int, login: str, state: str = "APPROVED") -> None:
        pull = self.pull(name, number)
        pull.reviews.append((login, state))
        if state != "COMMENTED":
            pull.reviewed[login] = pull.commit
        if login in pull.reviewers:
            pull.reviewers.remove(login)
        self.merge_by_itself(name, pull)

    def check(self, name: str, number: int, state: str | None, kind: str = "CheckRun") -> None:
        """Let a check run or a ``StatusContext`` of its tip come to an end, or begin (None)."""
        commit = self.pull(name, number).commit
        self.repository(name).checks.setdefault(commit, []).append((kind, state))
        self.merge_by_itself(name, self.pull(name, number))

    def merge_by_itself(self, name: str, pull: Pull) -> None:
        found = self.repository(name)
        if pull.auto_merge and pull.open and not found.blocked(pull):
            self.merged(found, pull)

    def merged(self, found: Repository, pull: Pull) -> str:
        assert pull.head_repo is not None
        made = self.branches.merge(found.path, pull.base, pull.head_repo, pull.commit)
        pull.merge_commit = made
        self.set_open(pull, self.login or "someone", is_open=False)
        return made

    def close(self, name: str, number: int, login: str) -> None:
        self.set_open(self.pull(name, number), login, is_open=False)

    def rename(self, name: str, new: str) -> None:
        found = self.repository(name)
        owner, _, short = new.partition("/")
        for each, tip in list(self.branches.tips.items()):
            if each[0] == found.path:
                self.branches.tips[new, each[1]] = tip
        clone = str(found.record["clone_url"]).replace(name, new)
        found.record |= {"full_name": new, "name": short, "clone_url": clone}
        found.record["owner"] = self.owner(owner)
        self.known[new.lower()] = found

    def remove(self, name: str) -> None:
        gone = self.repository(name)
        self.deleted.append(gone.path)
        self.known = {key: each for key, each in self.known.items() if each is not gone}
        owner = gone.path.partition("/")[0]
        self.owners[owner] = [each for each in self.owners[owner] if each is not gone.record]
        for each in self.known.values():
            for pull in each.pulls:
                if pull.head_repo == gone.path:
                    pull.head_repo = None
        self.sync()

    def sync(self) -> None:
        """What was pushed since: new tips, branches that are gone, what was merged by hand."""
        for each in {id(one): one for one in self.known.values()}.values():
            for pull in each.pulls:
                if not pull.open:
                    continue
                tip = self.branches.tip(pull.head_repo, pull.head) if pull.head_repo else None
                if tip is None:
                    self.set_open(pull, "someone", is_open=False)
                elif tip != pull.commit:
                    pull.commit, pull.unknown = tip, 0
                if pull.open and self.branches.contains(each.path, pull.base, pull.commit):
                    pull.merge_commit = pull.commit
                    self.set_open(pull, "someone", is_open=False)

    def set_open(self, pull: Pull, login: str, *, is_open: bool) -> None:
        pull.open, pull.closed_by = is_open, None if is_open else login

    # Who may do what

    def at(self, owner: str, repo: str, role: str = "read", what: str = "") -> Repository:
        """The repository, if the user may see it and has that role."""
        found = self.known.get(f"{owner}/{repo}".lower())
        if found is None or (found.record["private"] and not self.role(found)):
            raise Refusal(Reply(404, self.missing))
        if role != "read":
            if found.record["archived"]:
                raise refused(403, "Repository was archived so is read-only.")
            if not found.may(self.login, role):
                raise refused(403, what or "Resource not accessible by personal access token")
        return found

    def role(self, found: Repository) -> str | None:
        is_owner = self.login == found.path.partition("/")[0]
        return "admin" if is_owner else found.roles.get(self.login or "")

    def one(self, found: Repository, number: str) -> Pull:
        for pull in found.pulls:
            if str(pull.number) == number:
                return pull
        raise Refusal(Reply(404, self.missing))

    def mine(self, found: Repository, pull: Pull, role: str = "write") -> None:
        """Only the author, and who has the role, may change it."""
        if found.record["archived"]:
            raise refused(403, "Repository was archived so is read-only.")
        if self.login != pull.author and not found.may(self.login, role):
            raise refused(403, "Resource not accessible by personal access token")

    # Records

    def full(self, found: Repository) -> Record:
        record = found.record | {"network_count": 0, "subscribers_count": 0}
        if self.login is not None:
            role = self.role(found)
            record["permissions"] = {
                "admin": role == "admin",
                "push": role in ("admin", "write"),
                "pull": True,
            }
        return record

    def person(self, login: str) -> Record:
        return self.owner(login) | {"type": "User"}

    def label_record(self, found: Repository, name: str) -> Record:
        return {
            "id": 1,
            "node_id": "LA_1",
            "url": f"{self.api}/repos/{found.path}/labels/{name}",
            "name": name,
            "description": "",
            "color": "ededed",
            "default": False,
        }

    def milestone_record(self, found: Repository, title: str) -> Record:
        number = found.milestones.index(title) + 1
        url = f"{self.api}/repos/{found.path}/milestones/{number}"
        return {
            "url": url,
            "html_url": f"{self.url}/{found.path}/milestone/{number}",
            "labels_url": f"{url}/labels",
            "id": number,
            "node_id": f"MI_{number}",
            "number": number,
            "title": title,
            "description": None,
            "creator": self.person(found.path.partition("/")[0]),
            "open_issues": 0,
            "closed_issues": 0,
            "state": "open",
            "created_at": NOW,
            "updated_at": NOW,
            "due_on": None,
            "closed_at": None,
        }

    def team_record(self, found: Repository, slug: str) -> Record:
        url = f"{self.api}/organizations/1/team/{slug}"
        return {
            "id": 1,
            "node_id": "T_1",
            "url": url,
            "html_url": url,
            "members_url": f"{url}/members",
            "repositories_url": f"{url}/repos",
            "name": slug,
            "slug": slug,
            "description": None,
            "permission": "pull",
            "type": "organization",
            "parent": None,
        }

    def commit_record(self, found: Repository, commit: str) -> Record:
        url = f"{self.api}/repos/{found.path}/commits/{commit}"
        person = {"name": "A Tester", "email": "tester@example.org", "date": NOW}
        return {
            "url": url,
            "sha": commit,
            "node_id": "C_1",
            "html_url": url,
            "comments_url": f"{url}/comments",
            "commit": {
                "url": url,
                "author": person,
                "committer": person,
                "message": "Sample",
                "comment_count": 0,
                "tree": {"sha": commit, "url": url},
            },
            "author": None,
            "committer": None,
            "parents": [],
        }

    def issue_record(self, found: Repository, pull: Pull) -> Record:
        url = f"{self.api}/repos/{found.path}/issues/{pull.number}"
        links = {f"{kind}_url": f"{url}/{kind}" for kind in ("comments", "events", "labels")}
        return {
            **links,
            "id": pull.number,
            "node_id": self.node_id(found, pull),
            "url": url,
            "html_url": f"{self.url}/{found.path}/pull/{pull.number}",
            "repository_url": f"{self.api}/repos/{found.path}",
            "number": pull.number,
            "state": "open" if pull.open else "closed",
            "title": pull.title,
            "body": pull.body,
            "user": self.person(pull.author),
            "labels": [self.label_record(found, label) for label in pull.labels],
            "assignee": self.person(pull.assignees[0]) if pull.assignees else None,
            "assignees": [self.person(login) for login in pull.assignees],
            "milestone": self.milestone_record(found, pull.milestone) if pull.milestone else None,
            "locked": False,
            "comments": len(pull.comments),
            "created_at": NOW,
            "updated_at": NOW,
            "closed_at": None if pull.open else NOW,
            "author_association": "MEMBER",
        }

    @staticmethod
    def node_id(found: Repository, pull: Pull) -> str:
        return f"PR_{found.record['id']}_{pull.number}"

    def end(self, path: str | None, ref: str, commit: str) -> Record:
        """Where a pull request comes from, or goes to."""
        owner = (path or "ghost/").partition("/")[0]
        repository = None if path is None else self.repository(path).record
        person = self.person(owner)
        label = {"label": f"{owner}:{ref}", "ref": ref, "sha": commit}
        return {**label, "user": person, "repo": repository}

    def pull_record(self, found: Repository, pull: Pull, *, full: bool = False) -> Record:
        issue = self.issue_record(found, pull)
        url, html = f"{self.api}/repos/{found.path}/pulls/{pull.number}", str(issue["html_url"])
        for name in ("repository_url", "events_url", "labels_url", "comments"):
            del issue[name]
        tip = self.branches.tip(found.path, pull.base) or "0" * 40
        auto = pull.auto_merge and {
            "enabled_by": self.person(pull.author),
            "merge_method": pull.auto_merge,
            "commit_title": pull.title,
            "commit_message": "",
        }
        kinds = "comments commits statuses html issue review_comments review_comment self"
        record: Record = issue | {
            "url": url,
            "issue_url": issue["url"],
            "diff_url": f"{html}.diff",
            "patch_url": f"{html}.patch",
            "commits_url": f"{url}/commits",
            "review_comments_url": f"{url}/comments",
            "review_comment_url": f"{self.api}/repos/{found.path}/pulls/comments{{/number}}",
            "statuses_url": f"{self.api}/repos/{found.path}/statuses/{pull.commit}",
            "draft": pull.draft,
            "merged_at": NOW if pull.merge_commit else None,
            "merge_commit_sha": pull.merge_commit or "f" * 40,
            "requested_reviewers": [self.person(login) for login in pull.reviewers],
            "requested_teams": [self.team_record(found, slug) for slug in pull.teams],
            "head": self.end(pull.head_repo, pull.head, pull.commit),
            "base": self.end(found.path, pull.base, tip),
            "auto_merge": auto,
            "_links": {kind: {"href": url} for kind in kinds.split()},
        }
        return record | self.only_in_full(found, pull) if full else record

    def only_in_full(self, found: Repository, pull: Pull) -> Record:
        """What a list leaves out."""
        mergeable: bool | None = None
        if pull.open and not pull.unknown and pull.head_repo is not None:
            mergeable = not self.branches.conflicts(
                found.path, pull.base, pull.head_repo, pull.commit
            )
        states = {None: "unknown", True: "clean", False: "dirty"}
        if mergeable and found.blocked(pull):
            states[True] = "blocked"
        counts = ("additions", "changed_files", "commits", "deletions", "review_comments")
        merged = pull.merge_commit is not None
        other: dict[str, Any] = {
            "comments": len(pull.comments),
            "mergeable": mergeable,
            "mergeable_state": states[mergeable],
            "merged": merged,
            "merged_by": self.person(pull.closed_by) if merged and pull.closed_by else None,
            "maintainer_can_modify": False,
        }
        return dict.fromkeys(counts, 1) | other

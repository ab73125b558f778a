"""A Gitea on loopback that knows the life of a pull request.

It answers as templates/swagger/v1_json.tmpl and routers/api/v1/repo/pull.go of Gitea say.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from tests.forges.branches import Branches
from tests.forges.routes import Refusal, Routed, route
from tests.sources import servers
from tests.sources.servers import Record, Reply, Request

REPO = "/repos/{owner}/{name}"
PULLS = REPO + "/pulls"
PULL = PULLS + "/{index}"
ISSUE = REPO + "/issues/{index}"
_WHEN = "2026-01-30T13:46:02Z"


class Gitea(Routed, servers.Gitea):
    """``logins`` are users by token, ``people`` all there are."""

    def __init__(self, branches: Branches | None = None) -> None:
        super().__init__()
        self.branches = branches or Branches()
        self.logins: dict[str, str] = {}
        self.people: list[str] = []
        self.repositories: list[Record] = []
        self.access: dict[int, dict[str, str]] = {}
        """``read``, ``write`` or ``admin`` by login, of each repository."""
        self.pulls: list[Record] = []
        self.labels: dict[str, list[str]] = {}
        """Names by ``owner/name``, and those of organisations."""
        self.milestones: dict[str, list[str]] = {}
        self.teams: dict[str, list[str]] = {}
        """Of organisations, which have no more members than that here."""
        self.renamed: dict[str, str] = {}
        self.rules: dict[tuple[str, str], Record] = {}
        """What a branch asks for, by ``owner/name`` and branch."""
        self.statuses: dict[str, dict[str, str]] = {}
        """States by context, of each commit."""
        self.marks = ("WIP:", "[WIP]")
        self.looks = 0
        """How often a pull request is looked at until its conflicts are known."""
        self.deleter = "ann"
        """Who deletes branches."""
        self.no_scope: dict[str, str] = {}
        """The scope that tokens lack, by a part of the paths that need it."""
        self.knows_base = True
        """Whether lists take `base_branch`, as those of newer servers do."""

    # What tests and people do

    def add(self, path: str, **changes: object) -> Record:
        """A repository ``owner/name``."""
        record = self.record(path, id=len(self.repositories) + 1, **changes)
        self.repositories.append(record)
        self.access[record["id"]] = {}
        return record

    def person(self, login: str) -> Record:
        if login not in self.people:
            self.people.append(login)
        number = self.people.index(login) + 1
        about = {"full_name": "", "email": f"{login}@noreply.example.org", "is_admin": False}
        return {"id": number, "login": login, "username": login, "active": True, **about}

    def say(self, pull: Record, login: str, state: str, **changes: object) -> None:
        """A person reviews a pull request."""
        repository = self.by_id(pull["base_repo"])
        official = self.mode(login, repository) in ("write", "admin")
        given = {"user": login, "state": state, "commit": self.sha(pull), "official": official}
        pull["reviews"].append(given | {"dismissed": False} | changes)
        if login in pull["reviewers"]:
            pull["reviewers"].remove(login)

    def close(self, pull: Record, login: str) -> None:
        pull |= {"open": False}
        pull["timeline"].append(("close", login))

    # What is behind the answers

    def by_id(self, number: int) -> Record:
        return next(each for each in self.repositories if each["id"] == number)

    def path(self, number: int) -> str:
        return str(self.by_id(number)["full_name"])

    def mode(self, login: str | None, repository: Record) -> str:
        owner = repository["full_name"].partition("/")[0]
        return "admin" if login == owner else self.access[repository["id"]].get(login or "", "")

    def sha(self, pull: Record) -> str:
        tip = None
        if pull["head"] and any(each["id"] == pull["head_repo"] for each in self.repositories):
            tip = self.branches.tip(self.path(pull["head_repo"]), pull["head"])
        if pull["open"] and tip is not None and tip != pull["sha"]:
            pull |= {"sha": tip, "unseen": self.looks}
        sha: str = pull["sha"]
        return sha

    def settle(self) -> None:
        """Close what has lost its branch, as a real Gitea does; who deleted it is said to have
        closed it."""
        there = {each["id"]: each["full_name"] for each in self.repositories}
        for pull in self.pulls:
            home = there.get(pull["head_repo"]) if pull["head"] else None
            if pull["open"] and home is not None and self.branches.tip(home, pull["head"]) is None:
                self.close(pull, self.deleter)

    def new(self, home: Record, base: str, sha: str, body: str) -> Record:
        """A pull request as a push to ``refs/for/BASE`` opens it: without a branch of its own."""
        made: Record = {
            "base_repo": home["id"],
            "base": base,
            "head_repo": home["id"],
            "head": "",
            "open": True,
            "number": sum(each["base_repo"] == home["id"] for each in self.pulls) + 1,
            "author": "me",
            "title": "apparmor: deny network alg",
            "body": body,
            "head_path": home["full_name"],
            "sha": sha,
            "merged": None,
            "scheduled": False,
            "labels": [],
            "assignees": [],
            "reviewers": [],
            "teams": [],
            "milestone": None,
            "reviews": [],
            "comments": [],
            "timeline": [],
            "unseen": self.looks,
        }
        self.pulls.append(made)
        return made

    def is_draft(self, pull: Record) -> bool:
        title: str = pull["title"]
        return title.upper().startswith(tuple(mark.upper() for mark in self.marks))

    def conflicts(self, pull: Record) -> bool:
        sha, base = self.sha(pull), self.path(pull["base_repo"])
        return self.branches.conflicts(base, pull["base"], pull["head_path"], sha)

    def missing_of(self, pull: Record) -> str | None:
        """What the rules of the base still ask for."""
        rules = self.rules.get((self.path(pull["base_repo"]), pull["base"]), {})
        given = [each for each in pull["reviews"] if each["official"] and not each["dismissed"]]
        approvals = [each for each in given if each["state"] == "APPROVED"]
        if len(approvals) < rules.get("required_approvals", 0):
            return "Does not have enough approvals"
        states = self.statuses.get(self.sha(pull), {})
        if rules.get("enable_status_check") and (
            not states or any(state != "success" for state in states.values())
        ):
            return "Not all required status checks successful"
        return None

    def merge(self, pull: Record) -> None:
        sha, base = self.sha(pull), self.path(pull["base_repo"])
        commit = self.branches.merge(base, pull["base"], pull["head_path"], sha)
        pull |= {"merged": commit, "open": False, "scheduled": False}

    def go_on(self, pull: Record) -> None:
        """Merge what is scheduled and has all that it needs."""
        if pull["scheduled"] and self.missing_of(pull) is None:
            self.merge(pull)

    def shown(self, pull: Record, *, alone: bool = True) -> Record:
        base = self.by_id(pull["base_repo"])
        sha, path, number = self.sha(pull), base["full_name"], pull["number"]
        homes = [each for each in self.repositories if each["id"] == pull["head_repo"]]
        there = (
            bool(homes and pull["head"])
            and self.branches.tip(homes[0]["full_name"], pull["head"]) is not None
        )
        unseen, draft = pull["unseen"], self.is_draft(pull)
        if alone and unseen:
            pull["unseen"] -= 1
        url, title = f"{self.url}/{path}/pulls/{number}", pull["milestone"]
        merged = pull["merged"]
        return {
            "id": 100 + number,
            "url": url,
            "number": number,
            "user": self.person(pull["author"]),
            "title": pull["title"],
            "body": pull["body"],
            "labels": [
                {"id": 1, "name": name, "color": "ffffff"} for name in sorted(pull["labels"])
            ],
            "milestone": title and {"id": 1, "title": title, "state": "open"},
            "assignee": None,
            "assignees": [self.person(each) for each in pull["assignees"]],
            "requested_reviewers": [self.person(each) for each in pull["reviewers"]],
            "requested_reviewers_teams": [{"id": 1, "name": each} for each in pull["teams"]],
            "state": "open" if pull["open"] else "closed",
            "draft": draft,
            "is_locked": False,
            "comments": len(pull["comments"]),
            "html_url": url,
            "diff_url": f"{url}.diff",
            "patch_url": f"{url}.patch",
            "mergeable": not (draft or unseen or (pull["open"] and self.conflicts(pull))),
            "merged": merged is not None,
            "merged_at": _WHEN if merged else None,
            "merge_commit_sha": merged,
            "merged_by": self.person("merger") if merged else None,
            "allow_maintainer_edit": False,
            "base": {
                "label": pull["base"],
                "ref": pull["base"],
                "sha": self.branches.tip(path, pull["base"]) or "",
                "repo_id": base["id"],
                "repo": base,
            },
            "head": {
                "label": pull["head"],
                "ref": pull["head"] if there else f"refs/pull/{number}/head",
                "sha": sha,
                "repo_id": homes[0]["id"] if homes else -1,
                "repo": homes[0] if homes else None,
            },
            "merge_base": sha,
            "due_date": None,
            "created_at": _WHEN,
            "updated_at": _WHEN,
            "closed_at": None if pull["open"] else _WHEN,
            "pin_order": 0,
        }

    # Answers

    def refused(self, status: int, message: str) -> Refusal:
        return Refusal(Reply(status, {"message": message, "url": f"{self.url}/api/swagger"}))

    def respond(self, method: Any, request: Request, parts: Any) -> Reply:
        self.settle()
        if request.authorization and self.login(request) is None:
            raise self.refused(401, "invalid username, password or token")
        if request.method != "GET" and not request.authorization:
            raise self.refused(401, "token is required")
        for part, scope in self.no_scope.items():
            if part in request.path:
                said = "token does not have at least one of required scope(s), required"
                raise self.refused(403, f"{said}=[{scope}], token scope=write:repository")
        return super().respond(method, request, parts)

    def login(self, request: Request) -> str | None:
        return self.logins.get(request.authorization.removeprefix("Bearer "))

    def user(self, request: Request) -> str:
        login = self.login(request)
        assert login is not None
        return login

    def repository(self, request: Request, owner: str, name: str, needs: str = "read") -> Record:
        """The repository of a request, if its user may do what it needs."""
        path = f"{owner}/{name}"
        if new := self.renamed.get(path.lower()):
            there = request.path.replace(path, new, 1)
            raise Refusal(Reply(301, b"", {"Location": f"{self.below}{there}"}))
        for each in self.repositories:
            if each["full_name"].lower() == path.lower():
                break
        else:
            raise self.refused(404, "The target couldn't be found.")
        mode = self.mode(self.login(request), each)
        if each["private"] and not mode:
            raise self.refused(404, "The target couldn't be found.")
        if request.method == "POST" and each["archived"]:
            raise self.refused(423, f"{path} is archived")
        if (needs == "write" and mode not in ("write", "admin")) or (
            needs == "delete" and mode != "admin"
        ):
            raise self.refused(403, "user should have a permission to write to a repo")
        return each

    @property
    def below(self) -> str:
        """The path at which the server is, without its host."""
        return "".join(f"/{part}" for part in self.url.split("/")[3:])

    def pull(
        self, request: Request, owner: str, name: str, index: str, needs: str = "read"
    ) -> Record:
        number = self.repository(request, owner, name, needs)["id"]
        for each in self.pulls:
            if (each["base_repo"], str(each["number"])) == (number, index):
                return each
        raise self.refused(404, "The target couldn't be found.")

    def listed(self, request: Request, records: Iterable[Record], *, links: bool = False) -> Reply:
        """A page. Most lists name no next one."""
        found = [*records]
        reply = self.page(request, found, size="limit")
        reply.headers["X-Total-Count"] = str(len(found))
        if not links:
            reply.headers.pop("Link", None)
        return reply

    @route("GET", "/orgs/{owner}/repos")
    @route("GET", "/users/{owner}/repos")
    def _owned(self, request: Request, owner: str) -> Reply:
        found = [each for each in self.repositories if each["owner"]["login"] == owner]
        is_org = "/orgs/" in request.path
        if not found or is_org != (owner in self.teams):
            raise self.refused(404, "The target couldn't be found.")
        return self.listed(request, found, links=True)

    @route("GET", "/user")
    def _user(self, request: Request) -> Reply:
        return Reply(200, self.person(self.user(request)))

    @route("GET", REPO)
    def _get_repository(self, request: Request, owner: str, name: str) -> Reply:
        found = self.repository(request, owner, name)
        mode = self.mode(self.login(request), found)
        permissions = {
            "admin": mode == "admin",
            "push": mode in ("write", "admin"),
            "pull": True,
        }
        return Reply(200, found | {"permissions": permissions})

    @route("DELETE", REPO)
    def _delete(self, request: Request, owner: str, name: str) -> Reply:
        self.repositories.remove(self.repository(request, owner, name, "delete"))
        return Reply(204, b"")

    @route("GET", "/repositories/{id}")
    def _by_id(self, request: Request, id: str) -> Reply:
        found = [each for each in self.repositories if str(each["id"]) == id]
        if not found:
            raise self.refused(404, "The target couldn't be found.")
        return Reply(200, dict(found[0]))

    @route("GET", REPO + "/forks")
    def _forks(self, request: Request, owner: str, name: str) -> Reply:
        number = self.repository(request, owner, name)["id"]
        found = [each for each in self.repositories if (each["parent"] or {}).get("id") == number]
        return self.listed(request, found, links=True)

    @route("POST", REPO + "/forks")
    def _fork(self, request: Request, owner: str, name: str) -> Reply:
        found, user = self.repository(request, owner, name), self.user(request)
        path = f"{user}/{name}"
        if any(each["full_name"] == path for each in self.repositories):
            raise self.refused(409, f"repository already exists [uname: {user}, name: {name}]")
        made = self.add(
            path,
            fork=True,
            parent=dict(found),
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        self.branches.fork(found["full_name"], path)
        return Reply(202, made | {"permissions": {"admin": True, "push": True, "pull": True}})

    @route("GET", REPO + "/branches/{branch*}")
    def _branch(self, request: Request, owner: str, name: str, branch: str) -> Reply:
        path = self.repository(request, owner, name)["full_name"]
        tip = self.branches.tip(path, branch)
        if tip is None:
            raise self.refused(404, "The target couldn't be found.")
        rules = self.rules.get((path, branch), {})
        about = {
            "name": branch,
            "commit": {"id": tip, "message": "x"},
            "protected": bool(rules),
            "required_approvals": 0,
            "enable_status_check": False,
            "status_check_contexts": [],
            "user_can_push": True,
            "user_can_merge": True,
            "effective_branch_protection_name": branch if rules else "",
        }
        return Reply(200, about | rules)

    @route("GET", REPO + "/commits/{ref}/status")
    def _status(self, request: Request, owner: str, name: str, ref: str) -> Reply:
        repository = self.repository(request, owner, name)
        states = self.statuses.get(ref, {})
        records: list[Record] = [
            {"id": at, "status": state, "context": context, "target_url": "", "description": ""}
            for at, (context, state) in enumerate(states.items())
        ]
        reply = self.listed(request, records)
        # Of none, Gitea says null.
        reply.body = {
            "state": "pending",
            "sha": ref,
            "total_count": len(records),
            "statuses": reply.body or None,
            "repository": repository,
            "commit_url": "",
            "url": "",
        }
        return reply

    @route("GET", REPO + "/assignees")
    def _assignees(self, request: Request, owner: str, name: str) -> Reply:
        repository = self.repository(request, owner, name)
        can = [each for each in self.people if self.mode(each, repository) in ("write", "admin")]
        return Reply(200, [self.person(each) for each in can])

    @route("GET", REPO + "/labels")
    def _labels(self, request: Request, owner: str, name: str) -> Reply:
        path = self.repository(request, owner, name)["full_name"]
        return self.listed(request, self.labels_of(path))

    @route("GET", "/orgs/{owner}/labels")
    def _org_labels(self, request: Request, owner: str) -> Reply:
        if owner not in self.teams:
            raise self.refused(404, "The target couldn't be found.")
        return self.listed(request, self.labels_of(owner))

    def labels_of(self, place: str) -> list[Record]:
        names = self.labels.get(place, [])
        return [{"id": self.label_id(place, name), "name": name} for name in names]

    def label_id(self, place: str, name: str) -> int:
        every = [(each, label) for each, labels in self.labels.items() for label in labels]
        return 500 + every.index((place, name))

    @route("GET", REPO + "/milestones")
    def _milestones(self, request: Request, owner: str, name: str) -> Reply:
        path = self.repository(request, owner, name)["full_name"]
        assert request.query["state"] == "all"
        found = [
            {"id": 40 + at, "title": title, "state": "open"}
            for at, title in enumerate(self.milestones.get(path, []))
            if request.query["name"].lower() in title.lower()
        ]
        return self.listed(request, found)

    @route("GET", PULLS)
    def _list(self, request: Request, owner: str, name: str) -> Reply:
        repository = self.repository(request, owner, name)
        number = repository["id"]
        if repository.get("has_pull_requests") is False:
            raise self.refused(404, "The target couldn't be found.")
        state = request.query["state"]
        base = request.query.get("base_branch") if self.knows_base else None
        found = [
            self.shown(each, alone=False)
            for each in reversed(self.pulls)
            if each["base_repo"] == number
            and base in (None, each["base"])
            and (each["open"] or state == "all")
        ]
        return self.listed(request, found, links=True)

    def _root(self, record: Record) -> int:
        """What the fork network of a repository begins with."""
        number: int = record["id"]
        while record["parent"]:
            number = record["parent"]["id"]
            record = next(each for each in self.repositories if each["id"] == number)
        return number

    @route("POST", PULLS)
    def _create(self, request: Request, owner: str, name: str) -> Reply:
        base, user, body = self.repository(request, owner, name), self.user(request), request.body
        if not {"head", "base", "title"} <= {*body}:
            raise self.refused(422, "[Title]: Required")
        head, branch = base, body["head"]
        if ":" in branch:
            login, branch = branch.split(":", 1)
            heads = [
                each
                for each in self.repositories
                if each["owner"]["login"] == login
                and base["id"] in (each["id"], (each["parent"] or {}).get("id"))
            ]
            heads += [
                each
                for each in self.repositories
                if each["owner"]["login"] == login and self._root(each) == self._root(base)
            ]
            if not heads:
                raise self.refused(404, "The target couldn't be found.")
            head = heads[0]
        sha = self.branches.tip(head["full_name"], branch)
        if sha is None or self.branches.tip(base["full_name"], body["base"]) is None:
            raise self.refused(404, "The target couldn't be found.")
        same = {
            "base_repo": base["id"],
            "base": body["base"],
            "head_repo": head["id"],
            "head": branch,
            "open": True,
        }
        for each in self.pulls:
            if same.items() <= each.items():
                said = "pull request already exists for these targets"
                raise self.refused(409, f"{said} [issue_id: {each['number']}]")
        made = self.new(base, body["base"], sha, body.get("body", ""))
        made |= same | {"author": user, "title": body["title"], "head_path": head["full_name"]}
        self.set(made, body, may_write=self.mode(user, base) in ("write", "admin"))
        return Reply(201, self.shown(made))

    def set(self, pull: Record, body: Record, *, may_write: bool) -> None:
        """Those who may only read are not refused; what they may not set stays."""
        repository = self.by_id(pull["base_repo"])
        if not may_write:
            return
        for login in body.get("assignees", []):
            if self.mode(login, repository) not in ("write", "admin"):
                raise self.refused(422, f"Assignee does not exist: [name: {login}]")
        pull["assignees"] = body.get("assignees", pull["assignees"])
        if "milestone" in body:
            titles = self.milestones[repository["full_name"]]
            pull["milestone"] = titles[body["milestone"] - 40]
        for place, names in self.labels.items():
            for label in names:
                if self.label_id(place, label) in body.get("labels", []):
                    pull["labels"].append(label)

    @route("GET", PULL)
    def _get(self, request: Request, owner: str, name: str, index: str) -> Reply:
        return Reply(200, self.shown(self.pull(request, owner, name, index)))

    @route("PATCH", PULL)
    def _edit(self, request: Request, owner: str, name: str, index: str) -> Reply:
        found, body = self.pull(request, owner, name, index), request.body
        repository, user = self.by_id(found["base_repo"]), self.user(request)
        may_write = self.mode(user, repository) in ("write", "admin")
        if not (may_write or user == found["author"]):
            raise self.refused(403, "")
        found |= {key: body[key] for key in ("title", "body") if key in body}
        self.set(found, body, may_write=may_write)
        if "state" in body:
            if found["merged"]:
                said = "cannot change state of this pull request, it was already merged"
                raise self.refused(412, said)
            if found["open"] != (body["state"] == "open"):
                found["open"] = body["state"] == "open"
                found["timeline"].append(("reopen" if found["open"] else "close", user))
        return Reply(201, self.shown(found))

    @route("POST", PULL + "/merge")
    def _merge(self, request: Request, owner: str, name: str, index: str) -> Reply:
        found, body = self.pull(request, owner, name, index), request.body
        if self.mode(self.user(request), self.by_id(found["base_repo"])) not in ("write", "admin"):
            raise self.refused(405, "User not allowed to merge PR")
        later, sha = body.get("merge_when_checks_succeed", False), self.sha(found)
        if found["merged"]:
            raise self.refused(405, "The PR is already merged")
        if not found["open"]:
            raise self.refused(404, "The target couldn't be found.")
        if self.is_draft(found):
            raise self.refused(405, "Work in progress PRs cannot be merged")
        if found["unseen"]:
            found["unseen"] -= 1  # time passes
            raise self.refused(405, "Please try again later")
        if self.conflicts(found):
            raise self.refused(405, "Please try again later")
        missing = self.missing_of(found)
        if missing is not None and not later:
            raise self.refused(405, missing)
        if later:
            if found["scheduled"]:
                said = f"pull request is already scheduled to auto merge [pull: {index}]"
                raise self.refused(409, said)
            found["scheduled"] = True
            self.go_on(found)
            return Reply(201, b"")
        if body.get("head_commit_id", sha) != sha:
            raise self.refused(409, "head out of date")
        self.merge(found)
        return Reply(200, b"")

    @route("GET", PULL + "/reviews")
    def _reviews(self, request: Request, owner: str, name: str, index: str) -> Reply:
        found = self.pull(request, owner, name, index)
        sha = self.sha(found)
        shown = [
            {
                "id": at,
                "user": self.person(each["user"]),
                "team": None,
                "state": each["state"],
                "body": "",
                "commit_id": each["commit"],
                "stale": each.get("stale", each["commit"] != sha),
                "official": each["official"],
                "dismissed": each["dismissed"],
                "comments_count": 0,
                "submitted_at": _WHEN,
                "updated_at": _WHEN,
            }
            for at, each in enumerate(found["reviews"])
        ]
        return self.listed(request, shown)

    @route("POST", PULL + "/requested_reviewers")
    def _ask(self, request: Request, owner: str, name: str, index: str) -> Reply:
        found, body = self.pull(request, owner, name, index), request.body
        repository = self.by_id(found["base_repo"])
        organisation = repository["owner"]["login"]
        known = {each.lower(): each for each in self.people}
        for login in body.get("reviewers", []):
            if login.lower() not in known:
                raise self.refused(404, f"user doesn't exist: {login}")
        for team in body.get("team_reviewers", []) if organisation in self.teams else ():
            if team not in self.teams[organisation]:
                raise self.refused(404, f"team doesn't exist: {team}")
        new: list[Record] = []
        for login in (known[each.lower()] for each in body.get("reviewers", [])):
            if login == found["author"] or not self.mode(login, repository):
                raise self.refused(422, "Reviewer can't read  or is the poster")
            if login in found["reviewers"]:
                continue
            found["reviewers"].append(login)
            new.append({"id": 1, "user": self.person(login), "state": "REQUEST_REVIEW"})
        for team in body.get("team_reviewers", []) if organisation in self.teams else ():
            found["teams"].append(team)
            new.append({"id": 1, "user": None, "team": {"id": 1, "name": team}})
        return Reply(201, new)

    @route("POST", ISSUE + "/labels")
    def _add_labels(self, request: Request, owner: str, name: str, index: str) -> Reply:
        found = self.pull(request, owner, name, index, "write")
        self.set(found, request.body, may_write=True)
        return Reply(200, [{"id": 1, "name": label} for label in sorted(found["labels"])])

    @route("POST", ISSUE + "/comments")
    def _comment(self, request: Request, owner: str, name: str, index: str) -> Reply:
        found = self.pull(request, owner, name, index)
        found["comments"].append((self.user(request), request.body["body"]))
        return Reply(201, {"id": 1, "body": request.body["body"]})

    @route("GET", ISSUE + "/timeline")
    def _timeline(self, request: Request, owner: str, name: str, index: str) -> Reply:
        found = self.pull(request, owner, name, index)
        events = [{"type": kind, "user": self.person(by)} for kind, by in found["timeline"]]
        reply = self.listed(request, events)
        assert isinstance(reply.body, list)
        # As Gitea has it: the count is that of the page, and one without any event is null.
        reply.headers["X-Total-Count"] = str(len(reply.body))
        reply.body = reply.body or None
        return reply

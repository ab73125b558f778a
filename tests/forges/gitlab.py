"""A GitLab on loopback that knows the life of a merge request.

It answers as https://docs.gitlab.com/api/merge_requests/, .../merge_request_approvals/,
.../project_forks/ and GitLab's own lib/api/merge_requests.rb say, and refuses what they do not
know: GitLab publishes no description that could be fetched where these tests run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from tests.forges.branches import Branches
from tests.forges.routes import Refusal, Routed, route
from tests.sources import servers
from tests.sources.servers import Record, Reply, Request

NUMBERS, FLAG = "numbers", bool
_CREATE: dict[str, object] = {
    "source_branch": str,
    "target_branch": str,
    "title": str,
    "target_project_id": int,
    "description": str,
    "labels": str,
    "assignee_ids": NUMBERS,
    "reviewer_ids": NUMBERS,
    "milestone_id": int,
    "remove_source_branch": FLAG,
    "allow_collaboration": FLAG,
    "squash": FLAG,
}
_UPDATE: dict[str, object] = {
    "target_branch": str,
    "title": str,
    "description": str,
    "labels": str,
    "add_labels": str,
    "remove_labels": str,
    "assignee_ids": NUMBERS,
    "reviewer_ids": NUMBERS,
    "milestone_id": int,
    "state_event": str,
    "squash": FLAG,
}
_MERGE: dict[str, object] = {
    "sha": str,
    "squash": FLAG,
    "auto_merge": FLAG,
    "merge_when_pipeline_succeeds": FLAG,
    "should_remove_source_branch": FLAG,
}
_MARK = re.compile(r"\s*(\[draft\]|\(draft\)|draft:)", re.IGNORECASE)
_WHEN = "2026-01-30T13:46:02.123Z"


PROJECT = "/projects/{id}"
REQUESTS = PROJECT + "/merge_requests"
REQUEST = REQUESTS + "/{iid}"


def refused(status: int, message: object) -> Refusal:
    return Refusal(Reply(status, {"message": message}))


def check(body: Any, known: dict[str, object]) -> None:
    """Refuse what GitLab would refuse in a request, and what it would leave out in silence."""
    for name, value in (body or {}).items():
        kind = known.get(name)
        if kind is NUMBERS:
            fits = isinstance(value, list) and all(type(each) is int for each in value)
        else:
            fits = type(value) is kind
        if not fits:
            raise Refusal(Reply(400, {"error": f"{name} is invalid, or not a parameter"}))


class GitLab(Routed, servers.GitLab):
    """``users`` are names by token, ``people`` all names there are."""

    missing: Mapping[str, str] = MappingProxyType({"error": "404 Not Found"})

    def __init__(self, branches: Branches | None = None) -> None:
        super().__init__()
        self.branches = branches or Branches()
        self.users: dict[str, str] = {}
        self.people: list[str] = []
        self.members: dict[int, dict[str, int]] = {}
        """Levels of access by name, of each project."""
        self.admins: set[str] = set()
        self.merge_requests: list[Record] = []
        self.milestones: dict[int, list[str]] = {}
        self.renamed: dict[str, int] = {}
        """Projects by an earlier path."""
        self.licensed = True
        """Whether it has rules for approvals, and takes several reviewers."""
        self.approvals_required = 0
        self.labels_made = True
        """Whether the user may make labels; else those that are new are left out in silence."""
        self.copying = 1
        """How often a new fork is looked at until it is there."""
        self.copied = "finished"
        """What becomes of a fork then."""
        self.dated = True
        """Whether it says when an approval was given, as newer servers do."""
        self.ticks = 0
        self.looks = 0
        """How often a merge request is looked at until its conflicts are known."""

    # What tests and people do

    def add(self, path: str, **changes: object) -> Record:
        record = super().add(path, **changes)
        record |= {"import_status": "none", "marked_for_deletion_on": None} | changes
        self.members[record["id"]] = {}
        self.milestones[record["id"]] = []
        return record

    def person(self, name: str) -> Record:
        """A user as others see them."""
        if name not in self.people:
            self.people.append(name)
        number = self.people.index(name) + 1
        web = f"{self.url}/{name}"
        about = {"name": name.title(), "avatar_url": None, "web_url": web, "locked": False}
        return {"id": number, "username": name, "state": "active", **about}

    def approve(self, request: Record, name: str) -> None:
        self.person(name)
        self.sha(request)
        request["changes_by"].discard(name)
        if name not in request["approved_by"]:
            request["approved_by"].append(name)
        request["approved_at"][name] = self.now()

    def now(self) -> str:
        """A later time than any before."""
        self.ticks += 1
        minutes, seconds = divmod(self.ticks, 60)
        return f"2026-01-01T00:{minutes:02}:{seconds:02}.000Z"

    def request_changes(self, request: Record, name: str) -> None:
        self.person(name)
        if name not in request["reviewers"]:
            request["reviewers"].append(name)
        request["changes_by"].add(name)

    def close(self, request: Record, name: str) -> None:
        self.person(name)
        request |= {"state": "closed", "closed_by": name}

    def run_pipeline(self, request: Record, status: str, **changes: object) -> None:
        """A pipeline on the tip of a merge request, or what becomes of it."""
        sha, ref = self.sha(request), request["source_branch"]
        request["pipeline"] = {"status": status, "sha": sha, "ref": ref} | changes
        if status == "success" and request["auto_merge"]:
            self.merge(request)

    # What is behind the answers

    def by_id(self, number: int) -> Record:
        return next(each for each in self.projects if each["id"] == number)

    def path(self, number: int) -> str:
        return str(self.by_id(number)["path_with_namespace"])

    def level(self, user: str | None, project: Record) -> int:
        namespace = project["path_with_namespace"].partition("/")[0]
        return 50 if namespace == user else self.members[project["id"]].get(user or "", 0)

    def sha(self, request: Record) -> str:
        """The tip of the source branch; where that is gone, what was seen last."""
        tip = self.branches.tip(request["source_path"], request["source_branch"])
        if request["state"] == "opened" and tip is not None and tip != request["sha"]:
            request |= {"sha": tip, "unseen": self.looks}
            request["versions"].insert(0, {"head_commit_sha": tip, "created_at": self.now()})
        sha: str = request["sha"]
        return sha

    def conflicts(self, request: Record) -> bool:
        sha, path = self.sha(request), self.path(request["target_project_id"])
        base, source = request["target_branch"], request["source_path"]
        return self.branches.conflicts(path, base, source, sha)

    def merge(self, request: Record) -> None:
        sha, path = self.sha(request), self.path(request["target_project_id"])
        commit = self.branches.merge(path, request["target_branch"], request["source_path"], sha)
        request |= {"state": "merged", "merge_commit": commit, "auto_merge": False}

    def approved(self, request: Record) -> bool:
        if not self.licensed:
            return bool(request["approved_by"])
        return len(request["approved_by"]) >= self.approvals_required

    def shown(self, request: Record, *, alone: bool = True) -> Record:
        """A merge request as an answer has it; ``alone``: not in a list."""
        number, iid = request["target_project_id"], request["iid"]
        path, sha = self.path(number), self.sha(request)
        unseen, conflicts = request["unseen"], False
        if not unseen and request["state"] == "opened":
            conflicts = self.conflicts(request)
        elif alone and unseen:
            request["unseen"] -= 1
        status = "checking" if unseen else "cannot_be_merged" if conflicts else "can_be_merged"
        people = {
            key: [self.person(name) for name in request[key]] for key in ("reviewers", "assignees")
        }
        draft = _MARK.match(request["title"]) is not None
        closed_by, title = request["closed_by"], request["milestone"]
        shown: Record = {
            "id": 1000 + request["id"],
            "iid": iid,
            "project_id": number,
            "title": request["title"],
            "description": request["description"],
            "state": request["state"],
            "created_at": _WHEN,
            "updated_at": _WHEN,
            "merged_by": None,
            "merge_user": None,
            "merged_at": _WHEN if request["state"] == "merged" else None,
            "closed_by": self.person(closed_by) if request["state"] == "closed" else None,
            "closed_at": _WHEN if request["state"] == "closed" else None,
            "target_branch": request["target_branch"],
            "source_branch": request["source_branch"],
            "user_notes_count": len(request["notes"]),
            "upvotes": 0,
            "downvotes": 0,
            "author": self.person(request["author"]),
            "assignee": next(iter(people["assignees"]), None),
            **people,
            "source_project_id": request["source_project_id"],
            "target_project_id": number,
            "labels": sorted(request["labels"]),
            "draft": draft,
            "work_in_progress": draft,
            "milestone": title and {"id": 1, "iid": 1, "project_id": number, "title": title},
            "merge_when_pipeline_succeeds": request["auto_merge"],
            "merge_status": status,
            "detailed_merge_status": self.detail(request, draft, conflicts),
            "sha": sha,
            "merge_commit_sha": request["merge_commit"],
            "squash_commit_sha": None,
            "discussion_locked": None,
            "should_remove_source_branch": None,
            "force_remove_source_branch": False,
            "reference": f"!{iid}",
            "references": {"short": f"!{iid}", "relative": f"!{iid}", "full": f"{path}!{iid}"},
            "web_url": f"{self.url}/{path}/-/merge_requests/{iid}",
            "squash": False,
            "task_completion_status": {"count": 0, "completed_count": 0},
            "has_conflicts": conflicts,
            "blocking_discussions_resolved": True,
        }
        if alone:
            pipeline = request["pipeline"]
            base = {"id": 7, "iid": 1, "project_id": number, "source": "push"}
            shown |= {
                "subscribed": True,
                "changes_count": "1",
                "pipeline": None,
                "head_pipeline": pipeline and base | pipeline,
                "diff_refs": {"base_sha": sha, "head_sha": sha, "start_sha": sha},
                "merge_error": None,
                "user": {"can_merge": True},
            }
        return shown

    def detail(self, request: Record, draft: bool, conflicts: bool) -> str:
        pipeline = request["pipeline"]
        found = {
            "not_open": request["state"] != "opened",
            "checking": request["unseen"] > 0,
            "draft_status": draft,
            "conflict": conflicts,
            "requested_changes": self.licensed and bool(request["changes_by"]),
            "ci_still_running": request["ci_required"]
            and pipeline is not None
            and pipeline["status"] == "running",
            "ci_must_pass": request["ci_required"]
            and (pipeline is None or pipeline["status"] != "success"),
            "not_approved": self.licensed and not self.approved(request),
        }
        return next((name for name, holds in found.items() if holds), "mergeable")

    # Answers

    def respond(self, method: Any, request: Request, parts: Any) -> Reply:
        user = self.users.get(request.authorization.removeprefix("Bearer "))
        if request.authorization and user is None:
            raise refused(401, "401 Unauthorized")
        return super().respond(method, request, parts)

    def user(self, request: Request) -> str:
        user = self.users.get(request.authorization.removeprefix("Bearer "))
        if user is None:
            raise refused(401, "401 Unauthorized")
        return user

    def project(self, request: Request, word: str) -> Record:
        """The project that a request is about, if its user may ask for that."""
        if number := self.renamed.get(word):
            if request.method != "GET":
                no = "Non GET methods are not allowed for moved projects"
                raise refused(405, f"405 {no}")
            rest = self.local(request).split("/")[3:]
            there = "/".join([f"{self.api}/projects/{number}", *rest])
            raise Refusal(Reply(302, {"message": "302 Found"}, {"Location": there}))
        for record in self.projects:
            if word in (str(record["id"]), record["path_with_namespace"]):
                break
        else:
            raise refused(404, "404 Project Not Found")
        if request.method != "GET":
            self.user(request)
            if record["archived"]:
                raise refused(403, "403 Forbidden")
        elif record["visibility"] == "private" and not request.authorization:
            raise refused(404, "404 Project Not Found")
        return record

    def request(self, request: Request, word: str, iid: str) -> Record:
        """The merge request that a request is about."""
        number = self.project(request, word)["id"]
        for each in self.merge_requests:
            if (each["target_project_id"], str(each["iid"])) == (number, iid):
                return each
        raise refused(404, "404 Not found")

    @route("GET", "/groups/{id}/projects")
    def _group(self, request: Request, id: str) -> Reply:
        return servers.GitLab.answer(self, request)

    @route("GET", "/user")
    def _user(self, request: Request) -> Reply:
        user = self.user(request)
        return Reply(200, self.person(user) | ({"is_admin": True} if user in self.admins else {}))

    @route("GET", "/users")
    def _users(self, request: Request) -> Reply:
        name = request.query["username"].casefold()
        found = [self.person(each) for each in self.people if each.casefold() == name]
        return self.page(request, found)

    @route("GET", PROJECT)
    def _project(self, request: Request, id: str) -> Reply:
        project = self.project(request, id)
        if project.get("copying"):
            project["copying"] -= 1
            if not project["copying"]:
                project |= {"import_status": self.copied, "import_error": "No space left"}
        if not request.authorization:
            return Reply(200, project)
        level = self.level(self.user(request), project)
        access = {"access_level": level, "notification_level": 3} if level else None
        if "shared" in project:  # with a group of the user's, of which this says nothing
            access = None
        permissions = {"project_access": access, "group_access": None}
        return Reply(200, project | {"permissions": permissions})

    @route("DELETE", PROJECT)
    def _delete(self, request: Request, id: str) -> Reply:
        self.projects.remove(self.project(request, id))
        return Reply(202, {"message": "202 Accepted"})

    @route("POST", PROJECT + "/fork")
    def _fork(self, request: Request, id: str) -> Reply:
        project, user = self.project(request, id), self.user(request)
        path = f"{user}/{project['path']}"
        if any(each["path_with_namespace"] == path for each in self.projects):
            said = ["Project namespace name has already been taken"]
            raise refused(409, {"base": said, "path": ["has already been taken"]})
        parent = {"id": project["id"], "path_with_namespace": project["path_with_namespace"]}
        made = self.add(path, forked_from_project=parent, import_status="scheduled")
        made["created_at"] = datetime.now(UTC).isoformat()
        self.branches.fork(project["path_with_namespace"], path)
        made["copying"] = self.copying
        return Reply(201, dict(made))

    @route("GET", PROJECT + "/forks")
    def _forks(self, request: Request, id: str) -> Reply:
        number, user = self.project(request, id)["id"], self.user(request)
        owned = request.query.get("owned") == "true"
        forks = [
            each
            for each in self.projects
            if (each.get("forked_from_project") or {}).get("id") == number
            and (not owned or self.level(user, each) == 50)
        ]
        return self.page(request, forks)

    @route("GET", PROJECT + "/members/all/{user}")
    def _member(self, request: Request, id: str, user: str) -> Reply:
        name = self.people[int(user) - 1]
        if not (level := self.level(name, self.project(request, id))):
            raise refused(404, "404 Not found")
        return Reply(200, self.person(name) | {"access_level": level})

    @route("GET", PROJECT + "/milestones")
    def _milestones(self, request: Request, id: str) -> Reply:
        titles = self.milestones[self.project(request, id)["id"]]
        found = [
            {"id": 40 + at, "iid": at, "title": title}
            for at, title in enumerate(titles)
            if title == request.query["title"]
        ]
        return self.page(request, found)

    @route("GET", PROJECT + "/repository/commits/{sha}")
    def _commit(self, request: Request, id: str, sha: str) -> Reply:
        self.project(request, id)
        parents = self.branches.parents.get(sha)
        if parents is None:
            raise refused(404, "404 Commit Not Found")
        return Reply(200, {"id": sha, "parent_ids": parents})

    @route("GET", REQUESTS)
    def _list(self, request: Request, id: str) -> Reply:
        number = self.project(request, id)["id"]
        wanted = {key: value for key, value in request.query.items() if key.endswith("branch")}
        assert {*request.query} <= {*wanted, *"state order_by sort per_page page".split()}
        assert request.query["state"] == "all" and request.query["sort"] == "desc"
        found = [
            self.shown(each, alone=False)
            for each in reversed(self.merge_requests)
            if each["target_project_id"] == number and wanted.items() <= each.items()
        ]
        return self.page(request, found)

    @route("GET", REQUEST)
    def _get(self, request: Request, id: str, iid: str) -> Reply:
        return Reply(200, self.shown(self.request(request, id, iid)))

    @route("POST", REQUEST + "/notes")
    def _note(self, request: Request, id: str, iid: str) -> Reply:
        found = self.request(request, id, iid)
        check(request.body, {"body": str})
        found["notes"].append((self.user(request), request.body["body"]))
        return Reply(201, {"id": len(found["notes"]), **request.body})

    @route("GET", REQUEST + "/approvals")
    def _approvals(self, request: Request, id: str, iid: str) -> Reply:
        found, user = self.request(request, id, iid), self.user(request)
        by = found["approved_by"]
        answer: Record = {
            "user_has_approved": user in by,
            "user_can_approve": user not in by,
            "approved": self.approved(found),
            "approved_by": [
                {"user": self.person(name)}
                | ({"approved_at": found["approved_at"][name]} if self.dated else {})
                for name in by
            ],
        }
        if self.licensed:
            left = max(0, self.approvals_required - len(by))
            answer |= {"approvals_required": self.approvals_required, "approvals_left": left}
        return Reply(200, answer)

    @route("GET", REQUEST + "/versions")
    def _versions(self, request: Request, id: str, iid: str) -> Reply:
        found = self.request(request, id, iid)
        self.sha(found)
        return Reply(200, found["versions"])

    @route("GET", REQUEST + "/reviewers")
    def _reviewers(self, request: Request, id: str, iid: str) -> Reply:
        found, states = self.request(request, id, iid), []
        for name in found["reviewers"]:
            state = "approved" if name in found["approved_by"] else "unreviewed"
            state = "requested_changes" if name in found["changes_by"] else state
            states.append({"user": self.person(name), "state": state, "created_at": _WHEN})
        return Reply(200, states)

    @route("POST", REQUESTS)
    def _create(self, request: Request, id: str) -> Reply:
        source, user, body = self.project(request, id), self.user(request), request.body
        check(body, _CREATE)
        for name in ("source_branch", "target_branch", "title"):
            if not body.get(name):
                raise Refusal(Reply(400, {"error": f"{name} is missing"}))
        number = int(body.get("target_project_id") or source["id"])
        target = self.by_id(number)
        if target["archived"] or self.level(user, source) < 30:
            raise refused(403, "403 Forbidden")
        path = source["path_with_namespace"]
        sha = self.branches.tip(path, body["source_branch"])
        if sha is None:
            raise refused(400, [f'Source branch "{body["source_branch"]}" does not exist'])
        if self.branches.tip(self.path(number), body["target_branch"]) is None:
            raise refused(400, [f'Target branch "{body["target_branch"]}" does not exist'])
        key = {
            "source_project_id": source["id"],
            "target_project_id": number,
            "source_branch": body["source_branch"],
            "target_branch": body["target_branch"],
        }
        self.single(key)
        before = [each for each in self.merge_requests if each["target_project_id"] == number]
        made: Record = {
            **key,
            "source_path": path,
            "id": len(self.merge_requests) + 1,
            "iid": len(before) + 1,
            "title": body["title"],
            "description": "",
            "state": "opened",
            "sha": sha,
            "author": user,
            "assignees": [],
            "reviewers": [],
            "labels": [],
            "milestone": None,
            "auto_merge": False,
            "merge_commit": None,
            "closed_by": None,
            "pipeline": None,
            "ci_required": False,
            "approved_by": [],
            "approved_at": {},
            "versions": [{"head_commit_sha": sha, "created_at": self.now()}],
            "changes_by": set(),
            "notes": [],
            "unseen": self.looks,
        }
        self.merge_requests.append(made)
        self.put(made, body)
        return Reply(201, self.shown(made))

    def single(self, key: Record) -> None:
        """Refuse a merge request where one is open."""
        for each in self.merge_requests:
            if each["state"] == "opened" and key.items() <= each.items():
                said = "Another open merge request already exists for this source branch"
                raise refused(409, [f"{said}: !{each['iid']}"])

    def put(self, found: Record, body: Record) -> None:
        for name in str(body.get("labels") or body.get("add_labels") or "").split(","):
            if name and self.labels_made and name not in found["labels"]:
                found["labels"].append(name)
        for key in ("reviewer", "assignee"):
            if f"{key}_ids" in body:
                chosen = [self.people[number - 1] for number in body[f"{key}_ids"]]
                found[f"{key}s"] = chosen if self.licensed else chosen[:1]
        if "milestone_id" in body:
            titles = self.milestones[found["target_project_id"]]
            found["milestone"] = titles[body["milestone_id"] - 40]
        found |= {key: body[key] for key in ("title", "description") if key in body}

    @route("PUT", REQUEST)
    def _update(self, request: Request, id: str, iid: str) -> Reply:
        found, user, body = self.request(request, id, iid), self.user(request), request.body
        check(body, _UPDATE)
        project = self.by_id(found["target_project_id"])
        if user != found["author"] and self.level(user, project) < 30:
            raise refused(403, "403 Forbidden")
        match body.get("state_event"), found["state"]:
            case "close", "opened":
                found |= {"state": "closed", "closed_by": user}
            case "reopen", "closed":
                self.single({key: found[key] for key in _KEY})
                found |= {"state": "opened", "closed_by": None}
        self.put(found, body)
        return Reply(200, self.shown(found))

    @route("PUT", REQUEST + "/merge")
    def _accept(self, request: Request, id: str, iid: str) -> Reply:
        found, user, body = self.request(request, id, iid), self.user(request), request.body
        check(body, _MERGE)
        if self.level(user, self.by_id(found["target_project_id"])) < 40:
            raise refused(401, "401 Unauthorized")
        pipeline, later = found["pipeline"], bool(body.get("auto_merge"))
        draft = _MARK.match(found["title"]) is not None
        status = pipeline and pipeline["status"]
        conflicts = self.conflicts(found)
        ready = found["state"] == "opened" and (self.detail(found, draft, False) == "mergeable")
        now = ready and (not later or status == "success")
        if not now and not (later and status in ("running", "pending")):
            raise refused(405, "405 Method Not Allowed")
        if now and conflicts:
            raise refused(422, "Branch cannot be merged")
        if body.get("sha", self.sha(found)) != self.sha(found):
            raise refused(409, f"SHA does not match HEAD of source branch: {self.sha(found)}")
        if now:
            self.merge(found)
        else:
            found["auto_merge"] = True
        return Reply(200, self.shown(found))


_KEY = "source_project_id target_project_id source_branch target_branch".split()

"""A Gerrit on loopback that knows the life of a change.

It answers as https://gerrit-review.googlesource.com/Documentation/rest-api-changes.html says.
"""

from __future__ import annotations

import json
import re
import sys
from base64 import b64decode
from pathlib import Path
from typing import Any

from tests.forges.branches import Branches
from tests.forges.routes import Refusal, Routed, route
from tests.sources.servers import Record, Reply, Request

CHANGE = "/changes/{id}"
REVISION = CHANGE + "/revisions/{revision}"


def refused(status: int, words: str) -> Refusal:
    plain = {"Content-Type": "text/plain; charset=UTF-8"}
    return Refusal(Reply(status, f"{words}\n".encode(), plain))


_HOOK = """#!{python}
import json, subprocess, sys, urllib.request
read, write = sys.stdin.buffer, sys.stdout.buffer
def packets():
    while (size := int(read.read(4), 16)) > 4:
        yield read.read(size - 4).decode().rstrip("\\n")
def send(*lines):
    for line in lines:
        write.write(b"%04x%s" % (len(line.encode()) + 4, line.encode()))
    write.write(b"0000")
    write.flush()
list(packets())
send("version=1")
(_, new, name), = [line.split() for line in packets()]
def git(*words):
    return subprocess.run(["git", *words], capture_output=True, text=True, check=True).stdout
message = git("log", "-1", "--format=%B", new)
text = json.dumps({{"project": {project!r}, "to": name, "commit": new, "message": message}})
request = urllib.request.Request({url!r} + "/pushed", text.encode(), method="POST")
answer = json.load(urllib.request.urlopen(request, timeout=20))
if "ref" in answer:
    git("update-ref", answer["ref"], new)
print(answer["says"], file=sys.stderr)
send(f"ng {{name}} {{answer['refusal']}}" if "refusal" in answer else f"ok {{name}}")
"""


def take_pushes(git_dir: Path, project: str, forge: Gerrit) -> None:
    """Let a bare repository take what is pushed below ``refs/for/`` as Gerrit does: by git's
    proc-receive hook (githooks(5)), which asks the fake."""
    with (git_dir / "config").open("a") as config:
        config.write("[receive]\n\tprocReceiveRefs = refs/for\n")
    hook = git_dir / "hooks/proc-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(_HOOK.format(python=sys.executable, project=project, url=forge.url))
    hook.chmod(0o755)


class Gerrit(Routed):
    """``passwords`` are the users' by name. Anyone may read."""

    prefix = "/a"

    def __init__(self, branches: Branches | None = None) -> None:
        super().__init__()
        self.branches = branches or Branches()
        self.passwords: dict[str, str] = {}
        self.people: list[str] = []
        self.groups: list[str] = []
        self.projects: dict[str, Record] = {}
        self.changes: list[Record] = []
        self.submitters: set[str] = set()
        self.pusher = "me"
        """Who pushes with git."""
        self.refs_to: list[str] = []
        """The refs that were pushed to with git."""
        self.unmet = False
        """Whether a submit requirement beside the labels is not met."""
        self.verifies = True
        """Whether there is the label `Verified`."""
        self.size = 500
        """Projects in one answer."""

    # What tests and people do

    def add(self, name: str, state: str = "ACTIVE") -> None:
        self.projects[name] = {"id": name.replace("/", "%2F"), "name": name, "state": state}

    def account(self, name: str) -> Record:
        if name not in self.people:
            self.people.append(name)
        return {"_account_id": 1000 + self.people.index(name), "username": name}

    def serves(self, path: str) -> bool:
        """Whether a request is one for the interface, and none of git's."""
        return path.startswith(
            ("/a/changes/", "/a/projects/", "/changes/", "/projects/", "/pushed")
        )

    def local(self, request: Request) -> str:
        return request.path.removeprefix(self.prefix)

    def pushed(self, project: str, to: str, commit: str, message: str) -> Record:
        """What a push does, as ``ReceiveCommits`` of Gerrit's does it."""
        base = to.removeprefix("refs/for/").partition("%")[0]
        if self.branches.tip(project, base) is None:
            return {"says": "", "refusal": f"branch {base} not found"}
        trailers = message.strip().rpartition("\n\n")[2]
        found = re.search(r"^Change-Id: (I[0-9a-f]{40})$", trailers, re.MULTILINE)
        if found is None:
            return {
                "says": "ERROR: commit: missing Change-Id in message footer",
                "refusal": "commit: missing Change-Id in message footer",
            }
        key = {"project": project, "branch": base, "change_id": found[1]}
        there = next((each for each in self.changes if key.items() <= each.items()), None)
        if there is not None:
            url = f"{self.url}/c/{project}/+/{there['number']}"
            if there["commit"] == commit:
                return {"says": "", "refusal": "no new changes"}
            if there["status"] != "NEW":
                return {"says": "", "refusal": f"change {url} closed"}
        made = self.push(self.pusher, project, to, message, commit)
        made["patch_sets"] = made.get("patch_sets", 0) + 1
        number = made["number"]
        what = " [NEW]" if made["patch_sets"] == 1 else ""
        return {
            "ref": f"refs/changes/{number % 100:02}/{number}/{made['patch_sets']}",
            "says": f"SUCCESS\n\n  {self.url}/c/{project}/+/{number} {made['subject']}{what}\n",
        }

    def push(
        self, owner: str, project: str, to: str, message: str, commit: str | None = None
    ) -> Record:
        """A push to ``refs/for/BASE%...``; a Change-Id in the message is that of a change."""
        base, _, words = to.removeprefix("refs/for/").partition("%")
        found = re.search(r"^Change-Id: (I[0-9a-f]{40})$", message, re.MULTILINE)
        assert found is not None
        if commit is None:
            commit = self.branches.commit(project, f"changes/{found[1]}")
        else:
            self.refs_to.append(to)
        made: Record = {"project": project, "branch": base, "change_id": found[1]}
        for each in self.changes:
            if made.items() <= each.items():
                assert each["status"] == "NEW"
                made = each
                break
        else:
            made |= {"number": len(self.changes) + 1, "status": "NEW", "owner": owner}
            made |= {"votes": {}, "hashtags": [], "reviewers": [], "messages": [], "wip": False}
            self.changes.append(made)
        for word, _, value in (each.partition("=") for each in words.split(",")):
            match word:
                case "topic":
                    made["topic"] = value
                case "hashtag":
                    made["hashtags"].append(value)
                case "r":
                    made["reviewers"].append(value)
                case "wip":
                    made["wip"] = True
        subject = message.partition("\n")[0]
        return made.update(commit=commit, message=message, subject=subject, votes={}) or made

    def vote(self, change: Record, name: str, value: int, label: str = "Code-Review") -> None:
        change["votes"].setdefault(label, {})[name] = value

    def abandon(self, change: Record, name: str) -> None:
        change["status"] = "ABANDONED"
        change["messages"].append({"author": name, "tag": "autogenerated:gerrit:abandon"})

    # What is behind the answers

    def label(self, change: Record, name: str, most: int) -> Record:
        votes: dict[str, int] = change["votes"].get(name, {})
        every = [self.account(each) | {"value": value} for each, value in votes.items()]
        shown: Record = {"all": every, "values": {" 0": "No score"}, "default_value": 0}
        for who, value in votes.items():
            if value == most:
                shown["approved"] = self.account(who)
            if value == -most:
                shown["rejected"] = self.account(who)
        return shown

    def submittable(self, change: Record) -> bool:
        labels = self.labels(change).values()
        return not self.unmet and all(
            "approved" in each and "rejected" not in each for each in labels
        )

    def labels(self, change: Record) -> dict[str, Record]:
        found = {"Code-Review": self.label(change, "Code-Review", 2)}
        if self.verifies:
            found["Verified"] = self.label(change, "Verified", 1)
        return found

    def conflicts(self, change: Record) -> bool:
        project, base = change["project"], change["branch"]
        return self.branches.conflicts(project, base, project, change["commit"])

    def shown(self, change: Record, *, detail: bool = False) -> Record:
        commit, messages = change["commit"], change["messages"]
        shown: Record = {
            "id": f"{change['project'].replace('/', '%2F')}~{change['number']}",
            "project": change["project"],
            "branch": change["branch"],
            "topic": change.get("topic"),
            "hashtags": change["hashtags"],
            "change_id": change["change_id"],
            "subject": change["subject"],
            "status": change["status"],
            "created": "2026-01-30 13:46:02.000000000",
            "updated": "2026-01-30 13:46:02.000000000",
            "_number": change["number"],
            "owner": self.account(change["owner"]),
            "current_revision": commit,
            "revisions": {commit: {"_number": 1, "commit": {"message": change["message"]}}},
            "messages": [each | {"author": self.account(each["author"])} for each in messages],
        }
        if change["wip"]:
            shown["work_in_progress"] = True
        if self.labels(change):
            shown["submittable"] = self.submittable(change)
        if detail:
            asked = [self.account(each) for each in (change["owner"], *change["reviewers"])]
            shown |= {"labels": self.labels(change), "reviewers": {"REVIEWER": asked}}
        return {key: value for key, value in shown.items() if value is not None}

    # Answers

    def respond(self, method: Any, request: Request, parts: Any) -> Reply:
        if request.path.startswith("/pushed"):
            return method(request, **parts)  # type: ignore[no-any-return]
        if request.method != "GET" or request.path.startswith(f"{self.prefix}/"):
            self.user(request)
        reply = super().respond(method, request, parts)
        content = b")]}'\n" + json.dumps(reply.body).encode() if reply.body is not None else b""
        return Reply(reply.status, content, {"Content-Type": "application/json; charset=UTF-8"})

    def user(self, request: Request) -> str:
        kind, _, value = request.authorization.partition(" ")
        name, _, password = (
            b64decode(value).decode().partition(":") if kind == "Basic" else ("",) * 3
        )
        if not name or self.passwords.get(name) != password:
            raise refused(401, "Unauthorized")
        return str(name)

    def change(self, id: str) -> Record:
        project, _, number = id.rpartition("~")
        for each in self.changes:
            if (each["project"], str(each["number"])) == (project, number):
                return each
        raise refused(404, f"Not found: {id}")

    def moved(self, id: str, before: str, after: str) -> Record:
        found = self.change(id)
        if found["status"] != before:
            raise refused(409, f"change is {found['status'].lower()}")
        found["status"] = after
        return found

    @route("GET", "/projects/")
    def _projects(self, request: Request) -> Reply:
        names = sorted(each for each in self.projects if each.startswith(request.query["p"]))
        start = int(request.query["S"])
        shown = names[start : start + self.size]
        found = {
            each: {"id": self.projects[each]["id"], "state": self.projects[each]["state"]}
            for each in shown
        }
        if names[start + len(shown) :]:
            found[shown[-1]]["_more_projects"] = True
        return Reply(200, found)

    @route("GET", "/projects/{name}")
    def _project(self, request: Request, name: str) -> Reply:
        if name not in self.projects:
            raise refused(404, f"Not found: {name}")
        return Reply(200, self.projects[name])

    @route("GET", "/projects/{name}/HEAD")
    def _head(self, request: Request, name: str) -> Reply:
        return Reply(200, "refs/heads/main")

    @route("GET", "/changes/")
    def _changes(self, request: Request) -> Reply:
        asked = request.query["q"]
        found = re.fullmatch(r'project:"(.*?)" branch:"(.*?)" \((change:\w+(?: OR |\)$))+', asked)
        assert found is not None
        ids = re.findall(r"change:(\w+)", asked)
        shown = [
            self.shown(each, detail=True)
            for each in self.changes
            if (each["project"], each["branch"]) == found.groups()[:2] and each["change_id"] in ids
        ]
        return Reply(200, shown)

    @route("POST", "/pushed")
    def _pushed(self, request: Request) -> Reply:
        return Reply(200, self.pushed(**request.body))

    @route("GET", CHANGE + "/detail")
    def _detail(self, request: Request, id: str) -> Reply:
        return Reply(200, self.shown(self.change(id), detail=True))

    @route("GET", REVISION + "/mergeable")
    def _mergeable(self, request: Request, id: str, revision: str) -> Reply:
        found = self.change(id)
        return Reply(
            200, {"submit_type": "MERGE_IF_NECESSARY", "mergeable": not self.conflicts(found)}
        )

    @route("POST", REVISION + "/review")
    def _review(self, request: Request, id: str, revision: str) -> Reply:
        message = {"author": self.user(request), **request.body}
        self.change(id)["messages"].append(message)
        return Reply(200, {})

    @route("POST", CHANGE + "/hashtags")
    def _hashtags(self, request: Request, id: str) -> Reply:
        found = self.change(id)
        found["hashtags"] += request.body["add"]
        return Reply(200, found["hashtags"])

    @route("POST", CHANGE + "/reviewers")
    def _reviewers(self, request: Request, id: str) -> Reply:
        found, name = self.change(id), request.body["reviewer"]
        if name in self.groups:
            added = ["dev1", "dev2"]
        elif name in self.people:
            added = [name]
        else:
            raise refused(400, f"{name} does not identify a registered user or group")
        found["reviewers"] += added
        return Reply(200, {"input": name, "reviewers": [self.account(each) for each in added]})

    @route("POST", CHANGE + "/wip")
    @route("POST", CHANGE + "/ready")
    def _wip(self, request: Request, id: str) -> Reply:
        found, wip = self.change(id), request.path.endswith("/wip")
        if found["wip"] == wip:
            raise refused(409, "change is " + ("already work in progress" if wip else "not wip"))
        found["wip"] = wip
        return Reply(200)

    @route("POST", CHANGE + "/abandon")
    def _abandon(self, request: Request, id: str) -> Reply:
        found = self.moved(id, "NEW", "ABANDONED")
        self.abandon(found, self.user(request))
        return Reply(200, self.shown(found))

    @route("POST", CHANGE + "/restore")
    def _restore(self, request: Request, id: str) -> Reply:
        return Reply(200, self.shown(self.moved(id, "ABANDONED", "NEW")))

    @route("POST", REVISION + "/submit")
    def _submit(self, request: Request, id: str, revision: str) -> Reply:
        found = self.change(id)
        if self.user(request) not in self.submitters:
            raise refused(403, "submit not permitted")
        if found["status"] != "NEW":
            raise refused(409, f"change is {found['status'].lower()}")
        if revision != found["commit"]:
            raise refused(409, f"revision {revision} is not current revision")
        if found["wip"] or not self.submittable(found):
            raise refused(409, "Failed to submit 1 change due to the following problems: ...")
        if self.conflicts(found):
            raise refused(409, "Change could not be merged due to a path conflict.")
        project = found["project"]
        self.branches.merge(project, found["branch"], project, found["commit"])
        found["status"] = "MERGED"
        return Reply(200, self.shown(found))

"""A GitHub for the life of a pull request.

What it answers, and when it refuses, follows https://docs.github.com/rest; `tests.forges.described`
holds it to GitHub's own OpenAPI description and GraphQL schema.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from tests.forges.github.commits import CommitMaker
from tests.forges.github.world import DOCS, NOW, Pull, Repository, invalid, refused
from tests.forges.routes import Refusal, route
from tests.sources import servers
from tests.sources.servers import Record, Reply, Request

__all__ = ["ISSUE", "PULL", "REPO", "GitHub", "Pull", "Repository"]

REPO = "/repos/{owner}/{repo}"
PULL = REPO + "/pulls/{number}"
ISSUE = REPO + "/issues/{number}"


class GitHub(CommitMaker):
    """Its REST interface, and what is asked of its GraphQL."""

    heads_a_page = 100
    """Branches on one page of GraphQL."""

    def local(self, request: Request) -> str:
        path = super().local(request)
        return request.path.removeprefix("/api") if request.path == "/api/graphql" else path

    def respond(
        self, method: Callable[..., Reply], request: Request, parts: Mapping[str, str]
    ) -> Reply:
        self.login = self.users.get(request.authorization.removeprefix("Bearer "))
        if self.login is None and (request.authorization or request.method != "GET"):
            said = "Bad credentials" if request.authorization else "Requires authentication"
            raise refused(401, said)
        self.sync()
        return method(request, **parts)

    # Repositories

    @route("GET", "/orgs/{org}/repos")
    @route("GET", "/users/{username}/repos")
    @route("GET", "/user/repos")
    @route("GET", "/user")
    @route("GET", "/search/repositories")
    def listing(self, request: Request, **parts: str) -> Reply:
        return servers.GitHub.answer(self, request)

    @route("GET", REPO)
    def get_repository(self, request: Request, owner: str, repo: str) -> Reply:
        found = self.at(owner, repo)
        if found.path.lower() != f"{owner}/{repo}".lower():
            url = f"{self.api}/repositories/{found.record['id']}"
            body = {"message": "Moved Permanently", "url": url, "documentation_url": DOCS}
            return Reply(301, body, {"Location": url})
        return Reply(200, self.full(found))

    @route("GET", "/repositories/{id}")
    def get_by_id(self, request: Request, id: str) -> Reply:
        for found in self.known.values():
            if str(found.record["id"]) == id:
                return Reply(200, self.full(found))
        raise Refusal(Reply(404, self.missing))

    @route("DELETE", REPO)
    def delete_repository(self, request: Request, owner: str, repo: str) -> Reply:
        found = self.at(owner, repo, "admin", "Must have admin rights to Repository.")
        self.remove(found.path)
        return Reply(204, b"")

    @route("POST", REPO + "/forks")
    def fork(self, request: Request, owner: str, repo: str) -> Reply:
        found, login = self.at(owner, repo), self.login
        assert login is not None
        for each in self.owners.get(login, []):
            parent = each.get("parent")
            if isinstance(parent, dict) and parent["id"] == found.record["id"]:
                return Reply(202, self.full(self.repository(str(each["full_name"]))))
        if login == owner:
            return Reply(202, self.full(found))
        name, number = found.record["name"], 0
        while f"{login}/{name}".lower() in self.known:
            number += 1
            name = f"{found.record['name']}-{number}"
        made = f"{login}/{name}"
        plain = {
            key: value for key, value in found.record.items() if key not in ("parent", "source")
        }
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.add(made, fork=True, parent=plain, source=plain, created_at=now)
        self.repository(made).not_ready = found.not_ready
        self.branches.fork(found.path, made)
        return Reply(202, self.full(self.repository(made)))

    @route("GET", REPO + "/git/ref/{ref*}")
    def get_ref(self, request: Request, owner: str, repo: str, ref: str) -> Reply:
        found = self.at(owner, repo)
        if found.not_ready:
            found.not_ready -= 1
            raise refused(409, "Git Repository is empty.")
        tip = self.branches.tip(found.path, ref.removeprefix("heads/"))
        if tip is None:
            raise Refusal(Reply(404, self.missing))
        url = f"{self.api}/repos/{found.path}/git"
        body = {
            "ref": f"refs/{ref}",
            "node_id": "REF_1",
            "url": f"{url}/refs/{ref}",
            "object": {"type": "commit", "sha": tip, "url": f"{url}/commits/{tip}"},
        }
        return Reply(200, body)

    @route("GET", REPO + "/compare/{basehead}")
    def compare(self, request: Request, owner: str, repo: str, basehead: str) -> Reply:
        found = self.at(owner, repo)
        base, _, head = basehead.partition("...")
        other, _, branch = head.partition(":")
        there = next((r for r in self.owners.get(other, []) if r["name"] == repo), None)
        left = self.branches.tip(found.path, base)
        path = str(there["full_name"]) if there else ""
        right = self.branches.tip(path, branch) if path else None
        if left is None or right is None:
            raise Refusal(Reply(404, self.missing))
        ahead = not self.branches.contains(found.path, base, right)
        behind = not self.branches.contains(path, branch, left)
        names = {(0, 0): "identical", (1, 0): "ahead", (0, 1): "behind", (1, 1): "diverged"}
        url = f"{self.api}/repos/{found.path}/compare/{basehead}"
        body = {f"{kind}url": url for kind in ("", "html_", "permalink_", "diff_", "patch_")} | {
            "base_commit": self.commit_record(found, left),
            "merge_base_commit": self.commit_record(found, left),
            "status": names[ahead, behind],
            "ahead_by": int(ahead),
            "behind_by": int(behind),
            "total_commits": int(ahead),
            "commits": [self.commit_record(found, right)] if ahead else [],
        }
        return Reply(200, body)

    @route("POST", REPO + "/merge-upstream")
    def merge_upstream(self, request: Request, owner: str, repo: str) -> Reply:
        found = self.at(owner, repo, "write")
        branch = request.body["branch"]
        upstream = str(found.record["parent"]["full_name"])
        if self.branches.tip(upstream, branch) is None:
            raise refused(422, "Validation Failed", "the branch does not exist upstream")
        self.branches.follow(upstream, branch, found.path)
        owner = upstream.partition("/")[0]
        said = f"Successfully fetched and fast-forwarded from upstream {owner}:{branch}."
        kind = {"merge_type": "fast-forward", "base_branch": f"{owner}:{branch}"}
        return Reply(200, {"message": said, **kind})

    # Labels, milestones, comments

    @route("GET", REPO + "/labels/{name}")
    def get_label(self, request: Request, owner: str, repo: str, name: str) -> Reply:
        found = self.at(owner, repo)
        for label in found.labels:
            if label.lower() == name.lower():
                return Reply(200, self.label_record(found, label))
        raise Refusal(Reply(404, self.missing))

    @route("GET", REPO + "/milestones")
    def list_milestones(self, request: Request, owner: str, repo: str) -> Reply:
        found = self.at(owner, repo)
        every = [self.milestone_record(found, title) for title in found.milestones]
        return self.page(request, every)

    @route("POST", ISSUE + "/labels")
    def add_labels(self, request: Request, owner: str, repo: str, number: str) -> Reply:
        found = self.at(owner, repo, "write")
        pull = self.one(found, number)
        for label in request.body["labels"]:
            if label not in found.labels:
                found.labels.append(label)  # as GitHub does
            if label not in pull.labels:
                pull.labels.append(label)
        return Reply(200, [self.label_record(found, label) for label in pull.labels])

    @route("POST", ISSUE + "/assignees")
    def add_assignees(self, request: Request, owner: str, repo: str, number: str) -> Reply:
        found = self.at(owner, repo)
        pull = self.one(found, number)
        for login in request.body["assignees"]:
            there = login.lower() in map(str.lower, pull.assignees)
            if not there and self.collaborator(found, login) and found.may(self.login, "write"):
                pull.assignees.append(login.lower())
        return Reply(201, self.issue_record(found, pull))

    def collaborator(self, found: Repository, login: str) -> bool:
        names = [found.path.partition("/")[0], *found.roles]
        return login.lower() in map(str.lower, names)

    @route("PATCH", ISSUE)
    def change_issue(self, request: Request, owner: str, repo: str, number: str) -> Reply:
        found = self.at(owner, repo)
        pull = self.one(found, number)
        self.mine(found, pull)
        at = request.body["milestone"]
        if not 1 <= at <= len(found.milestones):
            raise invalid("Issue", "", "milestone")
        if found.may(self.login, "write"):
            pull.milestone = found.milestones[at - 1]
        return Reply(200, self.issue_record(found, pull))

    @route("POST", ISSUE + "/comments")
    def add_comment(self, request: Request, owner: str, repo: str, number: str) -> Reply:
        found = self.at(owner, repo)
        pull = self.one(found, number)
        if found.record["archived"]:
            raise refused(403, "Repository was archived so is read-only.")
        assert self.login is not None
        pull.comments.append((self.login, request.body["body"]))
        url = f"{self.api}/repos/{found.path}/issues/comments/{len(pull.comments)}"
        body = {
            "id": len(pull.comments),
            "node_id": "IC_1",
            "url": url,
            "html_url": f"{self.url}/{found.path}/pull/{pull.number}#issuecomment-1",
            "body": request.body["body"],
            "user": self.person(self.login),
            "created_at": NOW,
            "updated_at": NOW,
            "issue_url": f"{self.api}/repos/{found.path}/issues/{pull.number}",
            "author_association": "MEMBER",
        }
        return Reply(201, body)

    # Pull requests

    @route("GET", REPO + "/pulls")
    def list_pulls(self, request: Request, owner: str, repo: str) -> Reply:
        found, query = self.at(owner, repo), request.query
        state, head, base = query.get("state", "open"), query.get("head"), query.get("base")
        assert query.get("sort", "created") == "created"
        chosen = [
            pull
            for pull in found.pulls
            if (state == "all" or pull.open == (state == "open"))
            and (base is None or pull.base == base)
            and (head is None or ":" not in head or _is_head(pull, head))
        ]
        if query.get("direction", "desc") == "desc":
            chosen.reverse()
        return self.page(request, [self.pull_record(found, pull) for pull in chosen])

    @route("POST", REPO + "/pulls")
    def create(self, request: Request, owner: str, repo: str) -> Reply:
        found, sent = self.at(owner, repo), request.body
        if found.record["archived"]:
            raise refused(403, "Repository was archived so is read-only.")
        if not sent.get("title"):
            raise invalid("PullRequest", "", "title")
        if len(sent.get("body") or "") > 65536:
            raise invalid("PullRequest", "body is too long (maximum is 65536 characters)")
        home = self.head_of(found, sent)
        branch, base = sent["head"].rpartition(":")[2], sent["base"]
        tip = self.branches.tip(home.path, branch) if home else None
        if home is None or tip is None:
            raise invalid("PullRequest", "", "head")
        if not home.may(self.login, "write"):
            raise refused(403, "Resource not accessible by personal access token")
        if self.branches.tip(found.path, base) is None:
            raise invalid("PullRequest", "", "base")
        label = f"{home.path.partition('/')[0]}:{branch}"
        same = [
            p for p in found.pulls if (p.head_repo, p.head, p.base) == (home.path, branch, base)
        ]
        if any(pull.open for pull in same):
            raise invalid("PullRequest", f"A pull request already exists for {label}.")
        if self.branches.contains(found.path, base, tip):
            raise invalid("PullRequest", f"No commits between {base} and {label}")
        draft = sent.get("draft", False)
        if draft and not found.drafts:
            said = "Draft pull requests are not supported in this repository."
            raise refused(422, said)
        assert self.login is not None
        pull = Pull(
            number=len(found.pulls) + 1,
            author=self.login,
            title=sent["title"].strip(),
            body=sent.get("body") or "",
            head_repo=home.path,
            head=branch,
            base=base,
            commit=tip,
            draft=draft,
            unknown=1,
        )
        found.pulls.append(pull)
        record = self.pull_record(found, pull, full=True)
        return Reply(201, record, {"Location": str(record["url"])})

    def head_of(self, found: Repository, sent: Record) -> Repository | None:
        """The repository that the branch of a new pull request is in."""
        owner = sent["head"].rpartition(":")[0] or found.path.partition("/")[0]
        name = sent.get("head_repo")
        if name is not None:
            return self.known.get(f"{owner}/{name}".lower())
        if owner.lower() == found.path.partition("/")[0].lower():
            return found
        for each in self.known.values():
            parent = each.record.get("parent")
            is_fork = isinstance(parent, dict) and parent["id"] == found.record["id"]
            if is_fork and each.path.partition("/")[0].lower() == owner.lower():
                return each
        return None

    @route("GET", PULL)
    def get_pull(self, request: Request, owner: str, repo: str, number: str) -> Reply:
        found = self.at(owner, repo)
        pull = self.one(found, number)
        reply = Reply(200, self.pull_record(found, pull, full=True))
        pull.unknown = max(0, pull.unknown - 1)
        return reply

    @route("PATCH", PULL)
    def change_pull(self, request: Request, owner: str, repo: str, number: str) -> Reply:
        found, sent = self.at(owner, repo), request.body
        pull = self.one(found, number)
        self.mine(found, pull)
        pull.title, pull.body = sent.get("title", pull.title), sent.get("body", pull.body)
        assert self.login is not None
        if sent.get("state") == "closed" and pull.open:
            self.set_open(pull, self.login, is_open=False)
        elif sent.get("state") == "open" and not pull.open:
            self.reopen(found, pull)
        return Reply(200, self.pull_record(found, pull, full=True))

    def reopen(self, found: Repository, pull: Pull) -> None:
        why = ""
        tip = self.branches.tip(pull.head_repo, pull.head) if pull.head_repo else None
        if pull.merge_commit is not None:
            why = "The pull request cannot be reopened."
        elif tip is None:
            why = f"The {pull.head} branch has been deleted."
        elif not self.branches.contains(pull.head_repo or "", pull.head, pull.commit):
            why = f"The {pull.head} branch was force-pushed or recreated."
        if why:
            raise invalid("PullRequest", f"state cannot be changed. {why}")
        others = [each for each in found.pulls if each.open and each.label == pull.label]
        if any(each.base == pull.base for each in others):
            raise invalid("PullRequest", f"A pull request already exists for {pull.label}.")
        self.set_open(pull, "", is_open=True)

    @route("GET", PULL + "/reviews")
    def list_reviews(self, request: Request, owner: str, repo: str, number: str) -> Reply:
        found = self.at(owner, repo)
        pull = self.one(found, number)
        url = f"{self.api}/repos/{found.path}/pulls/{pull.number}"
        every = [
            {
                "id": place,
                "node_id": f"PRR_{place}",
                "user": self.person(login),
                "body": "",
                "state": state,
                "html_url": f"{url}#pullrequestreview-{place}",
                "pull_request_url": url,
                "_links": {"html": {"href": url}, "pull_request": {"href": url}},
                "submitted_at": NOW,
                "commit_id": pull.commit,
                "author_association": "MEMBER",
            }
            for place, (login, state) in enumerate(pull.reviews, 1)
        ]
        return self.page(request, every)

    @route("POST", PULL + "/requested_reviewers")
    def ask(self, request: Request, owner: str, repo: str, number: str) -> Reply:
        found = self.at(owner, repo)
        pull, sent = self.one(found, number), request.body
        if not found.may(self.login, "write"):
            raise refused(403, "Resource not accessible by personal access token")
        logins, teams = sent.get("reviewers", []), sent.get("team_reviewers", [])
        if any(login.lower() == pull.author.lower() for login in logins):
            raise refused(422, "Review cannot be requested from pull request author.")
        if any(not self.collaborator(found, each) for each in logins) or set(teams) - {
            *found.teams
        }:
            said = "Reviews may only be requested from collaborators. One or more of the users or "
            said += f"teams you specified is not a collaborator of the {found.path} repository."
            raise refused(422, said)
        names = {name.lower(): name for name in (found.path.partition("/")[0], *found.roles)}
        asked = [names[each.lower()] for each in logins]
        pull.reviewers += [each for each in asked if each not in pull.reviewers]
        pull.teams += [each for each in teams if each not in pull.teams]
        return Reply(201, self.pull_record(found, pull))

    @route("PUT", PULL + "/merge")
    def merge(self, request: Request, owner: str, repo: str, number: str) -> Reply:
        found = self.at(owner, repo, "write")
        pull, sent = self.one(found, number), request.body or {}
        assert pull.head_repo is not None
        if not pull.open or self.branches.conflicts(
            found.path, pull.base, pull.head_repo, pull.commit
        ):
            raise refused(405, "Pull Request is not mergeable")
        if pull.draft:
            raise refused(405, "Pull Request is still a draft")
        if sent.get("sha", pull.commit) != pull.commit:
            raise refused(409, "Head branch was modified. Review and try the merge again.")
        is_admin = found.may(self.login, "admin")
        if (why := found.blocked(pull)) and not is_admin:
            raise refused(405, why)
        made = self.merged(found, pull)
        said = "Pull Request successfully merged"
        return Reply(200, {"sha": made, "merged": True, "message": said})

    # GraphQL

    @route("POST", "/graphql")
    def graphql(self, request: Request) -> Reply:
        match = re.match(r"\s*(?:query|mutation) (\w+)", request.body["query"])
        assert match is not None, request.body["query"]
        answers = {
            "status": self.query_status,
            "reviews": self.query_reviews,
            "forks": self.query_forks,
            "heads": self.query_heads,
            "ready": self.mutate_ready,
            "draft": self.mutate_draft,
            "autoMerge": self.mutate_auto_merge,
            "commit": self.mutate_commit,
        }
        try:
            data = answers[match[1]](request.body["variables"])
            lost = [name for name, value in data.items() if value is None]
            said = [{"type": "NOT_FOUND", "path": [name], "message": "None"} for name in lost]
            return Reply(200, {"data": data, **({"errors": said} if said else {})})
        except LookupError as error:
            words = {"type": "UNPROCESSABLE", "message": str(error.args[0])}
            return Reply(200, {"data": None, "errors": [words]})

    def query_forks(self, given: Record) -> Record:
        """The forks that the user owns."""
        of = self.known[f"{given['owner']}/{given['name']}".lower()].record["id"]
        nodes = [
            {"nameWithOwner": each.path}
            for each in self.known.values()
            if (each.record.get("parent") or {}).get("id") == of
            and each.path.partition("/")[0] == self.login
        ]
        return {"repository": {"forks": {"totalCount": len(nodes), "nodes": nodes}}}

    def query_heads(self, given: Record) -> Record:
        """Of each branch the pull requests that are open from it, into any repository."""
        path, size = f"{given['owner']}/{given['name']}", self.heads_a_page
        names = self.branches.names(path)
        begin = int(given["after"] or 0)
        nodes = []
        for branch in names[begin : begin + size]:
            urls = [
                {"url": f"{self.url}/{each.path}/pull/{pull.number}"}
                for each in self.known.values()
                for pull in each.pulls
                if pull.open and (pull.head_repo or "").lower() == path.lower()
                if pull.head == branch
            ]
            nodes.append({"associatedPullRequests": {"totalCount": len(urls), "nodes": urls[:1]}})
        end = begin + size
        info = {"hasNextPage": end < len(names), "endCursor": str(end)}
        return {"repository": {"refs": {"pageInfo": info, "nodes": nodes}}}

    def query_reviews(self, given: Record) -> Record:
        """Of each alias the pull request; null for what is not there."""
        data: Record = {}
        for at in range(len(given) // 3):
            called = {"owner": given[f"o{at}"], "name": given[f"n{at}"], "number": given[f"p{at}"]}
            found = self.known.get(f"{called['owner']}/{called['name']}".lower())
            pulls = found.pulls if found is not None else []
            pull = next((each for each in pulls if each.number == called["number"]), None)
            data[f"r{at}"] = None
            if found is None or pull is None:
                continue
            shown = self.pull_record(found, pull, full=True)
            pull.unknown = max(0, pull.unknown - 1)
            mergeable = {True: "MERGEABLE", False: "CONFLICTING", None: "UNKNOWN"}
            home = self.known.get((pull.head_repo or "").lower())
            life = "OPEN" if pull.open else "MERGED" if pull.merge_commit else "CLOSED"
            data[f"r{at}"] = {
                "databaseId": found.record["id"],
                "nameWithOwner": found.path,
                "pullRequest": {
                    "number": pull.number,
                    "url": shown["html_url"],
                    "state": life,
                    "title": pull.title,
                    "isDraft": pull.draft,
                    "mergeable": mergeable[shown["mergeable"]],
                    "baseRefName": pull.base,
                    "headRefName": pull.head,
                    "headRefOid": pull.commit,
                    "headRepository": home and {"databaseId": home.record["id"]},
                }
                | self.query_status(called)["repository"]["pullRequest"],
            }
        return data

    def query_status(self, given: Record) -> Record:
        found = self.known.get(f"{given['owner']}/{given['name']}".lower())
        if found is None:
            raise LookupError("Could not resolve to a Repository with that name.")
        pull = self.one(found, str(given["number"]))
        opinions = [
            {
                "state": state,
                "commit": {"oid": pull.reviewed[login]},
                "author": {"__typename": "Bot" if login.endswith("[bot]") else "User"},
            }
            for login, state in found.counting(pull).items()
        ]
        contexts: list[Record] = [
            {"__typename": kind, "conclusion" if kind == "CheckRun" else "state": state}
            for kind, state in found.checks.get(pull.commit, [])
        ]
        state = found.rollup(pull.commit)
        rollup = state and {
            "state": state,
            "contexts": {"totalCount": len(contexts), "nodes": contexts},
        }
        closed: list[Record] = []
        if pull.closed_by is not None:
            closed = [{"__typename": "ClosedEvent", "actor": {"login": pull.closed_by}}]
        commit = {"oid": pull.commit, "statusCheckRollup": rollup}
        asked = {
            "reviewDecision": found.approval(pull),
            "latestOpinionatedReviews": {
                "totalCount": len(opinions),
                "nodes": opinions,
            },
            "commits": {"nodes": [{"commit": commit}]},
            "timelineItems": {"nodes": closed},
        }
        return {"repository": {"pullRequest": asked}}

    def node(self, given: Record) -> tuple[Repository, Pull]:
        for found in self.known.values():
            for pull in found.pulls:
                if self.node_id(found, pull) == given["id"]:
                    return found, pull
        raise LookupError(f"Could not resolve to a node with the global id of '{given['id']}'")

    def mutate_ready(self, given: Record) -> Record:
        _found, pull = self.node(given)
        pull.draft = False
        return {"markPullRequestReadyForReview": {"pullRequest": {"isDraft": False}}}

    def mutate_draft(self, given: Record) -> Record:
        found, pull = self.node(given)
        if not found.drafts:
            raise LookupError("Draft pull requests are not supported in this repository.")
        pull.draft = True
        return {"convertPullRequestToDraft": {"pullRequest": {"isDraft": True}}}

    def mutate_auto_merge(self, given: Record) -> Record:
        found, pull = self.node(given)
        if not found.auto_merge:
            raise LookupError("Auto merge is not allowed for this repository")
        if not found.blocked(pull):
            raise LookupError("Pull request Pull request is in clean status")
        if given["commit"] not in (None, pull.commit):
            raise LookupError("Head sha didn't match expected value")
        pull.auto_merge = given["method"].lower()
        return {"enablePullRequestAutoMerge": {"pullRequest": {"isDraft": pull.draft}}}


def _is_head(pull: Pull, head: str) -> bool:
    owner, _, branch = head.partition(":")
    own, _, name = pull.label.partition(":")
    return (own.lower(), name) == (owner.lower(), branch)

"""Forges on loopback, which answer as their published interfaces say.

GitHub: https://github.com/github/rest-api-description; GitLab:
https://docs.gitlab.com/api/groups/#list-a-groups-projects and https://docs.gitlab.com/api/rest/;
Gitea: its templates/swagger/v1_json.tmpl and services/context/api.go (Link, X-Total-Count).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from tests.loopback import LoopbackServer

Record = dict[str, Any]


@dataclass
class Reply:
    """What is sent back. ``body`` is sent as it is when it is bytes, else as JSON; ``cut``: the
    connection ends that many bytes before the end; ``silent``: nothing is sent for so long;
    ``endless``: the body is repeated until the client goes; ``trickle``: seconds between the
    bytes, from the first header on."""

    status: int = 200
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: int = 0
    silent: float = 0
    endless: bool = False
    trickle: float = 0


@dataclass(frozen=True)
class Request:
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    method: str = "GET"
    body: Any = None

    @property
    def authorization(self) -> str:
        """What the request shows of the user."""
        return self.headers.get("authorization", "")


class Forge:
    """A server with repositories. ``instead`` holds replies that come first, one a request."""

    prefix = ""
    page_size = 100
    total_headers = True

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.instead: list[Reply | None] = []
        self.url = ""

    @property
    def api(self) -> str:
        return self.url + self.prefix

    def serves(self, path: str) -> bool:
        """Whether a request is for the forge, where git is served beside it."""
        return path.startswith(f"{self.prefix}/")

    def reply(self, request: Request) -> Reply:
        self.requests.append(request)
        if self.instead and (reply := self.instead.pop(0)) is not None:
            return reply
        return self.answer(request)

    def answer(self, request: Request) -> Reply:
        raise NotImplementedError

    def page(self, request: Request, records: list[Record], *, size: str = "per_page") -> Reply:
        """One page, and Link headers to the others (RFC 8288)."""
        per_page = min(int(request.query.get(size, 30)), self.page_size)
        number = int(request.query.get("page", 1))
        last = max(1, -(-len(records) // per_page))
        links = []
        for rel, to in (("prev", number - 1), ("next", number + 1), ("last", last), ("first", 1)):
            if 1 <= to <= last and to != number:
                query = urlencode({**request.query, "page": to})
                links.append(f'<{self.url}{request.path}?{query}>; rel="{rel}"')
        headers = {"Link": ", ".join(links)} if links else {}
        return Reply(200, records[(number - 1) * per_page : number * per_page], headers)


_GITHUB_URLS = (
    "archive assignees blobs branches collaborators comments commits compare contents contributors "
    "deployments downloads events forks git_commits git_refs git_tags hooks issue_comment "
    "issue_events issues keys labels languages merges milestones notifications pulls releases "
    "stargazers statuses subscribers subscription tags teams trees"
).split()
_GITHUB_USER_URLS = (
    "events followers following gists organizations received_events repos starred subscriptions"
).split()


class GitHub(Forge):
    """``/orgs``, ``/users``, ``/user``, ``/repos`` and ``/search`` of GitHub's REST interface."""

    prefix = "/api/v3"

    def __init__(self) -> None:
        super().__init__()
        self.owners: dict[str, list[Record]] = {}
        self.users: dict[str, str] = {}
        """Logins by token."""

    def add(self, name: str, **changes: object) -> Record:
        """A repository ``owner/name``."""
        owner, _slash, repo = name.partition("/")
        number = sum(map(len, self.owners.values())) + 1
        api = f"{self.api}/repos/{name}"
        record: Record = {f"{kind}_url": f"{api}/{kind}" for kind in _GITHUB_URLS} | {
            "id": number,
            "node_id": f"R_{number}",
            "name": repo,
            "full_name": name,
            "private": False,
            "visibility": "public",
            "owner": self.owner(owner),
            "html_url": f"{self.url}/{name}",
            "description": None,
            "fork": False,
            "url": api,
            "git_url": f"git:{self.url.partition(':')[2]}/{name}.git",
            "ssh_url": f"git@example.org:{name}.git",
            "clone_url": f"{self.url}/{name}.git",
            "svn_url": f"{self.url}/{name}",
            "mirror_url": None,
            "homepage": None,
            "language": None,
            "license": None,
            "forks": 0,
            "forks_count": 0,
            "stargazers_count": 0,
            "watchers": 0,
            "watchers_count": 0,
            "open_issues": 0,
            "open_issues_count": 0,
            "size": 108,
            "default_branch": "main",
            "topics": [],
            "has_issues": True,
            "has_projects": True,
            "has_wiki": True,
            "has_pages": False,
            "has_downloads": True,
            "has_discussions": False,
            "archived": False,
            "disabled": False,
            "pushed_at": "2026-01-26T19:06:43Z",
            "created_at": "2011-01-26T19:01:12Z",
            "updated_at": "2026-01-26T19:14:43Z",
        }
        record |= changes
        self.owners.setdefault(owner, []).append(record)
        return record

    def owner(self, login: str) -> Record:
        api = f"{self.api}/users/{login}"
        return {f"{kind}_url": f"{api}/{kind}" for kind in _GITHUB_USER_URLS} | {
            "login": login,
            "id": 1,
            "node_id": "U_1",
            "avatar_url": f"{self.url}/avatar",
            "gravatar_id": "",
            "url": api,
            "html_url": f"{self.url}/{login}",
            "type": "Organization",
            "site_admin": False,
        }

    def answer(self, request: Request) -> Reply:
        missing = Reply(404, {"message": "Not Found", "documentation_url": "https://docs"})
        login = self.users.get(request.authorization.removeprefix("Bearer "))
        if request.authorization and login is None:
            return Reply(401, {"message": "Bad credentials", "documentation_url": "https://docs"})
        match request.path.removeprefix(self.prefix).split("/")[1:]:
            case ["orgs", name, "repos"] if name in self.owners and name not in self.users.values():
                return self.page(request, self.owners[name])
            case ["users", name, "repos"] if name in self.owners:
                public = [record for record in self.owners[name] if not record["private"]]
                return self.page(request, public)
            case ["user"] if login is not None:
                return Reply(200, self.owner(login))
            case ["user", "repos"] if login is not None:
                assert request.query["affiliation"] == "owner"
                return self.page(request, self.owners[login])
            case ["repos", owner, name]:
                found = [r for r in self.owners.get(owner, []) if r["name"] == name]
                counts = {"network_count": 0, "subscribers_count": 0}
                return Reply(200, found[0] | counts) if found else missing
            case ["search", "repositories"]:
                word = request.query["q"]
                found = [r for of in self.owners.values() for r in of if word in r["full_name"]]
                if int(request.query.get("page", 1)) * int(request.query["per_page"]) > 1000:
                    only = "Only the first 1000 search results are available"
                    return Reply(422, {"message": only, "documentation_url": "https://docs"})
                reply = self.page(request, found[:1000])
                assert isinstance(reply.body, list)
                items = [record | {"score": 1.0} for record in reply.body]
                total = {"total_count": len(found), "incomplete_results": False, "items": items}
                return Reply(200, total, reply.headers)
        return missing


class GitLab(Forge):
    """``/groups/:id/projects`` and ``/projects/:id`` of GitLab's REST interface."""

    prefix = "/api/v4"

    def __init__(self) -> None:
        super().__init__()
        self.projects: list[Record] = []
        self.token: str | None = None
        self.keyset = False
        """Whether pages lead on by ``id_after``, as GitLab's keyset pagination does."""

    def add(self, path: str, **changes: object) -> Record:
        """A project ``group/.../name``."""
        group, _slash, name = path.rpartition("/")
        record: Record = {
            "id": len(self.projects) + 1,
            "description": None,
            "name": name,
            "name_with_namespace": path.replace("/", " / "),
            "path": name,
            "path_with_namespace": path,
            "created_at": "2013-09-30T13:46:02.000Z",
            "default_branch": "main",
            "tag_list": [],
            "topics": [],
            "ssh_url_to_repo": f"git@gitlab.example.org:{path}.git",
            "http_url_to_repo": f"{self.url}/{path}.git",
            "web_url": f"{self.url}/{path}",
            "readme_url": None,
            "forks_count": 0,
            "avatar_url": None,
            "star_count": 0,
            "last_activity_at": "2026-01-30T13:46:02.123Z",
            "visibility": "private",
            "namespace": {"id": 3, "name": group, "path": group, "kind": "group"},
            "archived": False,
            "empty_repo": False,
        }
        record |= changes
        self.projects.append(record)
        return record

    def answer(self, request: Request) -> Reply:
        if self.token is not None and request.authorization != f"Bearer {self.token}":
            return Reply(401, {"message": "401 Unauthorized"})
        match request.path.removeprefix(self.prefix).split("/")[1:]:
            case ["groups", group, "projects"]:
                assert request.query["include_subgroups"] == "true"
                assert request.query["with_shared"] == "false"
                below = unquote(group) + "/"
                found = [r for r in self.projects if r["path_with_namespace"].startswith(below)]
                if not found:
                    return Reply(404, {"message": "404 Group Not Found"})
                if self.keyset:
                    return self.by_key(request, found)
                return self.page(request, found)
            case ["projects", path]:
                found = [r for r in self.projects if r["path_with_namespace"] == unquote(path)]
                missing = Reply(404, {"message": "404 Project Not Found"})
                return Reply(200, found[0]) if found else missing
        return Reply(404, {"error": "404 Not Found"})

    def by_key(self, request: Request, records: list[Record]) -> Reply:
        size, after = int(request.query["per_page"]), int(request.query.get("id_after", 0))
        page = [record for record in records if record["id"] > after][:size]
        if not page or page[-1] is records[-1]:
            return Reply(200, page)
        query = urlencode({**request.query, "id_after": page[-1]["id"]})
        return Reply(200, page, {"Link": f'<{self.url}{request.path}?{query}>; rel="next"'})


class Gitea(Forge):
    """``/orgs/{org}/repos`` and ``/users/{username}/repos`` of Gitea's interface."""

    prefix = "/api/v1"
    page_size = 50  # [api] MAX_RESPONSE_ITEMS

    def __init__(self) -> None:
        super().__init__()
        self.orgs: dict[str, list[Record]] = {}
        self.users: dict[str, list[Record]] = {}
        self.token: str | None = None

    def record(self, name: str, **changes: object) -> Record:
        owner, _slash, repo = name.partition("/")
        return {
            "id": 1,
            "owner": {"id": 1, "login": owner, "username": owner},
            "name": repo,
            "full_name": name,
            "description": "",
            "empty": False,
            "private": False,
            "internal": False,
            "fork": False,
            "template": False,
            "parent": None,
            "mirror": False,
            "size": 24,
            "language": "",
            "html_url": f"{self.url}/{name}",
            "url": f"{self.api}/repos/{name}",
            "ssh_url": f"git@gitea.example.org:{name}.git",
            "clone_url": f"{self.url}/{name}.git",
            "default_branch": "main",
            "archived": False,
            "created_at": "2025-01-30T13:46:02Z",
            "updated_at": "2026-01-30T15:46:02+02:00",
            "topics": [],
        } | changes

    def answer(self, request: Request) -> Reply:
        if self.token is not None and request.authorization != f"Bearer {self.token}":
            return Reply(401, {"message": "invalid username, password or token", "url": self.url})
        match request.path.removeprefix(self.prefix).split("/")[1:]:
            case ["orgs", name, "repos"] if name in self.orgs:
                found = self.orgs[name]
            case ["users", name, "repos"] if name in self.users:
                found = self.users[name]
            case _:
                return Reply(404, {"message": "not found", "url": f"{self.url}/api/swagger"})
        reply = self.page(request, found, size="limit")
        reply.headers["X-Total-Count"] = str(len(found))
        return reply


def respond(
    handler: BaseHTTPRequestHandler, forge: Forge, path: str, sent: bytes, over: threading.Event
) -> None:
    """Answer a request in a handler, for a path that may be a part of the request's; ``over``: the
    server stops."""
    parts = urlsplit(path)
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    headers = {name.lower(): value for name, value in handler.headers.items()}
    body = json.loads(sent) if sent else None
    reply = forge.reply(Request(parts.path, query, headers, handler.command, body))
    if reply.silent:
        over.wait(reply.silent)
        handler.close_connection = True
        return
    if reply.trickle:
        with suppress(OSError):
            for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 10_000:
                handler.connection.sendall(bytes([byte]))
                if over.wait(reply.trickle):
                    break
        handler.close_connection = True
        return
    content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
    kind = "text/html" if isinstance(reply.body, bytes) else "application/json; charset=utf-8"
    handler.send_response(reply.status)
    for name, value in {"Content-Type": kind, **reply.headers}.items():
        handler.send_header(name, value)
    if not reply.endless:
        handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    with suppress(OSError):
        while reply.endless and not over.is_set():
            handler.wfile.write(content)
        handler.wfile.write(content[: len(content) - reply.cut])
    if reply.cut:
        handler.close_connection = True


def _handler(forge: Forge) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            sent = self.rfile.read(int(self.headers.get("content-length", 0)))
            respond(self, forge, self.path, sent, stopped)

        do_POST = do_PATCH = do_PUT = do_DELETE = do_GET

        def handle(self) -> None:
            with suppress(ConnectionResetError):  # of a client that has read enough
                super().handle()

        def log_message(self, format: str, *args: object) -> None:
            pass

    stopped = threading.Event()
    return Handler


@contextmanager
def serving(forge: Forge, wrap: Callable[[Any], Any] | None = None) -> Iterator[None]:
    """The forge at ``forge.url`` on loopback; ``wrap`` makes its socket one of TLS."""
    server = LoopbackServer(("127.0.0.1", 0), _handler(forge))
    scheme = "http"
    if wrap is not None:
        server.socket = wrap(server.socket)
        scheme = "https"
    forge.url = f"{scheme}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

"""GitLab: groups with all their subgroups, and single projects, through python-gitlab.

It is typed, small (7 MB with what it needs) and well kept. Its requests are used rather than its
objects, so that waiting and paging are the same for every forge.

https://docs.gitlab.com/api/groups/#list-a-groups-projects
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

from patcher import git
from patcher.sources.forge import (
    PER_PAGE,
    TIMEOUT,
    Answer,
    Client,
    Get,
    Refused,
    Server,
    Tell,
    Unanswered,
    base_url,
    flag,
    missing,
    moment,
    named_host,
    plain,
    repository,
    session,
    text,
    texts,
    unanswered,
    user_agent,
)
from patcher.sources.found import Facts, Found, SourceError

_PUBLIC = "https://gitlab.com"


def search(rest: str, words: Sequence[str], tell: Tell) -> Iterator[Found | git.Failure]:
    """``GROUP[/SUB...]``, also after ``@HOST/``. Where there is no such group, the project of that
    path."""
    host, rest = named_host(rest)
    if not rest:
        raise SourceError("write gitlab:GROUP or gitlab:GROUP/SUBGROUP")
    server = server_at(host)
    client = Client(server, _get(server), tell)
    name = quote(plain(rest, "group"), safe="")
    parameters: dict[str, str | int] = {
        "per_page": PER_PAGE,
        "include_subgroups": "true",
        "with_shared": "false",
        "order_by": "id",
        "sort": "asc",
    }
    some = False
    try:
        for answer in client.pages(f"/groups/{name}/projects", parameters):
            for record in client.entries(answer):
                some = True
                yield _found(server, record)
    except Refused as refused:
        if some or refused.status != 404 or "/" not in rest:
            raise
        yield _found(server, client.ask(f"/projects/{name}").body)


def _found(server: Server, record: object) -> Found | git.Failure:
    parent = record.get("forked_from_project") if isinstance(record, dict) else None
    # A parent that the token may not see is left out, as if it were no fork.
    fork = isinstance(parent, dict) if isinstance(record, dict) else None
    topics = texts(record, "topics")
    facts = Facts(
        archived=flag(record, "archived"),
        fork=fork,
        visibility=text(record, "visibility"),
        topics=texts(record, "tag_list") if topics is None else topics,
        pushed_at=moment(record, "last_activity_at"),
        default_branch=text(record, "default_branch"),
    )
    return repository(
        server,
        record,
        url="http_url_to_repo",
        name="path_with_namespace",
        family=text(parent, "http_url_to_repo"),
        facts=facts,
    )


def server_at(host: str | None) -> Server:
    """The server: ``@HOST``, ``GITLAB_HOST``, as glab takes it, or GitLab CI's own.

    GITLAB_TOKEN is for the server that the environment names, or else gitlab.com.
    """
    own = _PUBLIC
    for name in ("GITLAB_HOST", "CI_SERVER_URL"):
        if value := os.environ.get(name, "").strip():
            own = base_url(value, name)
            break
    web = own if host is None else f"https://{host}"
    token = None
    variables = "GITLAB_TOKEN"
    if web == own:
        names = ("GITLAB_TOKEN", "GITLAB_ACCESS_TOKEN")
        token = next((value for name in names if (value := os.environ.get(name, "").strip())), None)
    else:
        variables = f"GITLAB_TOKEN and GITLAB_HOST={host}"
    return Server("GitLab", f"{web}/api/v4", web, token, variables)


def _body(content: bytes | None) -> object:
    import json

    try:
        return json.loads(content or b"null")
    except (ValueError, RecursionError):
        return None


def _get(server: Server) -> Get:
    try:
        import gitlab
        import requests
    except ImportError:
        raise missing("python-gitlab") from None

    last: dict[str, str] = {}

    def remember(response: requests.Response, *args: object, **kwargs: object) -> None:
        # Its exceptions leave out the headers, and with them how long to wait.
        last.clear()
        last.update((name.lower(), value) for name, value in response.headers.items())

    own = session(server)
    own.hooks["response"].append(remember)
    lab = gitlab.Gitlab(
        server.web,
        private_token=server.token,
        timeout=TIMEOUT,
        user_agent=user_agent(),
        session=own,
    )

    def get(url: str, parameters: Mapping[str, str | int]) -> Answer:
        try:
            response = lab.http_request(
                "get", url, query_data=dict(parameters), obey_rate_limit=False
            )
            return Answer(response.status_code, dict(last), response.json())
        except gitlab.GitlabError as error:
            if error.response_code is None:
                raise Unanswered("cannot be asked", passing=False) from None
            return Answer(error.response_code, dict(last), _body(error.response_body))
        except requests.RequestException as error:
            raise unanswered(error) from None

    return get

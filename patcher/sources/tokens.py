"""Tokens for clone URLs that were found by a forge before, and are known by their URL alone now."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial

from patcher import git
from patcher.sources import gitea, github, gitlab
from patcher.sources.forge import Server
from patcher.sources.found import SourceError


def with_token(address: git.Address) -> git.Address:
    """The address with the token that the environment has for its server, if it has one. Another
    server, or another protocol, gets none. Raises GitError where the token would go over a network
    unencrypted."""
    if address.secret is not None:
        return address
    for server in _servers():
        if address.url.startswith(f"{server.web}/"):
            try:
                return address.with_secret(server.secret())
            except SourceError as error:
                raise git.GitError(str(error)) from None
    return address


def _servers() -> Iterator[Server]:
    """Those that the environment names, and the public ones."""
    makers: list[Callable[[], Server]] = [
        partial(github.server_at, "github.com"),
        partial(github.server_at, None),
        partial(gitlab.server_at, None),
    ]
    if own := os.environ.get("GITEA_SERVER_URL", "").strip():
        makers.append(partial(gitea.server_at, own.rstrip("/"), ()))
    for make in makers:
        try:
            yield make()
        except SourceError:
            continue

"""Bitbucket: Cloud at bitbucket.org, and Data Center anywhere else. They share a name, and no more.

`cloud` and `data_center` have the functions of `patcher.forges.review.Reviews`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from patcher.forges.bitbucket import cloud, data_center
from patcher.forges.listings.bitbucket import CLOUD
from patcher.forges.review import Done, MergeMethod, OwnFork, Project, Review, Reviews, Wanted

if TYPE_CHECKING:
    from patcher.forges.client import Client


def _at(client: Client) -> Reviews:
    return cloud if client.server.forge == CLOUD else data_center


def project(client: Client, path: str) -> Project:
    return _at(client).project(client, path)


def reviews(
    client: Client, project: Project, head: str, head_project: Project, base: str
) -> Sequence[Review]:
    return _at(client).reviews(client, project, head, head_project, base)


def review(client: Client, project: Project, number: str) -> Review:
    return _at(client).review(client, project, number)


def create(client: Client, project: Project, wanted: Wanted) -> Done:
    return _at(client).create(client, project, wanted)


def update(client: Client, project: Project, review: Review, wanted: Wanted) -> Done:
    return _at(client).update(client, project, review, wanted)


def comment(client: Client, project: Project, review: Review, body: str) -> None:
    _at(client).comment(client, project, review, body)


def set_draft(client: Client, project: Project, review: Review, draft: bool) -> Review:
    return _at(client).set_draft(client, project, review, draft)


def merge(client: Client, project: Project, review: Review, method: MergeMethod) -> Review:
    return _at(client).merge(client, project, review, method)


def close(client: Client, project: Project, review: Review) -> Review:
    return _at(client).close(client, project, review)


def reopen(client: Client, project: Project, review: Review) -> Review:
    return _at(client).reopen(client, project, review)


def own_fork(client: Client, project: Project) -> OwnFork | None:
    return _at(client).own_fork(client, project)


def fork(client: Client, project: Project) -> Project:
    return _at(client).fork(client, project)


def delete_fork(client: Client, project: Project) -> None:
    _at(client).delete_fork(client, project)

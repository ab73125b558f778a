"""The table of the keys, as the reader and the writer use it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

Schema = Mapping[str, Any]

FILE = Path(__file__).with_name("schema.json")


@cache
def schema() -> Schema:
    """The JSON Schema of the campaign file."""
    read: Schema = json.loads(FILE.read_text("utf-8"))
    return read


def resolved(part: Schema) -> Schema:
    """A part of the schema with what its ``$ref`` stands for."""
    name = part.get("$ref")
    if name is None:
        return part
    found = resolved(schema()["$defs"][name.rpartition("/")[2]])
    return {**found, **{key: value for key, value in part.items() if key != "$ref"}}


def options(part: Schema | None = None, prefix: str = "") -> Iterator[tuple[str, str, Schema]]:
    """Each key that stands for an option: the option, the key with those above it
    (``filters.match``), and its part of the schema."""
    for key, value in (schema() if part is None else part)["properties"].items():
        found = resolved(value)
        if "x-option" in found:
            yield found["x-option"], prefix + key, found
        elif found.get("type") == "object":
            yield from options(found, f"{prefix}{key}.")

"""Write a campaign file: every key with a comment, those without a value commented out."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from io import StringIO
from typing import Any

from patcher.campaignfile.schema import Schema, resolved, schema

_WIDTH = 98
_HEAD = """\
# What `patcher apply` does here, without arguments. Options on the command line beat what stands in
# this file, and --file names another one. `patcher init --schema` writes the JSON Schema of this
# file, by which editors complete and check it.
"""


def text(values: Mapping[str, Any]) -> str:
    """A campaign file with these values, by their keys (``filters.match``)."""
    return "\n".join([_HEAD, *_lines(schema(), values, "")])


def updated(content: str, values: Mapping[str, Any]) -> str:
    """The text of a campaign file, in which nothing is wrong, with these values in place of those
    that it has for the keys. What else stands in it stays, comments too."""
    from ruamel.yaml.comments import CommentedMap

    yaml = _yaml()
    tree = yaml.load(content)
    for key, value in values.items():
        *sections, last = key.split(".")
        at = tree
        for section in sections:
            at = at.setdefault(section, CommentedMap())
        at[last] = value
    return _dumped(yaml, tree)


def _lines(part: Schema, values: Mapping[str, Any], prefix: str) -> Iterator[str]:
    indent = "  " * prefix.count(".")
    for key, found in ((key, resolved(each)) for key, each in part["properties"].items()):
        yield from _comment(found, indent)
        path = prefix + key
        if found.get("type") == "object":
            used = any(each.startswith(f"{path}.") for each in values)
            yield f"{indent}{key}:" if used else f"{indent}# {key}:"
            inner = _lines(found, values, f"{path}.")
            yield from inner if used else (f"# {line}" if line else "" for line in inner)
        elif path in values:
            yield from _shown(key, values[path], indent)
        else:
            example = found["default"] if "default" in found else found["examples"][0]
            yield from _shown(key, example, f"{indent}# ")
        if not prefix:
            yield ""


def _comment(part: Schema, indent: str) -> Iterator[str]:
    choices = f" One of: {', '.join(part['enum'])}." if "enum" in part else ""
    said = part.get("description", "") + choices
    width = _WIDTH - len(indent)
    yield from (f"{indent}# {line}" for line in textwrap.wrap(said.strip(), width))


def _shown(key: str, value: Any, indent: str) -> Iterator[str]:
    dumped = _dumped(_yaml(), {key: value})
    yield from (f"{indent}{line}" for line in dumped.splitlines())


def _yaml() -> Any:
    from ruamel.yaml import YAML

    yaml = YAML()  # reads and writes comments
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 1 << 16
    yaml.preserve_quotes = True
    return yaml


def _dumped(yaml: Any, value: Any) -> str:
    stream = StringIO()
    yaml.dump(value, stream)
    return stream.getvalue()

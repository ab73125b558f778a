"""Write the reference pages that are made from the code.

In ``docs/reference``, ``commands.md`` is the help of every command, ``json.md`` the schemas of what
is printed as JSON and of campaign files, ``python.md`` the signatures and docstrings of what the
package exports. ``share/man/man1`` has the manual pages, which are installed with the package.

    python -m docs.references           write them
    python -m docs.references --check   name those that are not what would be written
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

import click

import patcher
from patcher.cli import group, man

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs/reference"
MANUAL = ROOT / "share/man/man1"
PACKAGE = Path(patcher.__file__).resolve().parent
HEAD = (
    "<!-- Made from the code by `python -m docs.references`: change the code, not this page. -->\n"
)
BELOW = (
    "<!-- What follows is made from the code by `python -m docs.references`: "
    "change the code, not this page. -->\n"
)
SCHEMAS = {
    "reports/schema.json": "reports",
    "reports/campaign-schema.json": "campaigns",
    "reports/reviews-schema.json": "reviews",
    "reports/verify-schema.json": "verify",
    "reports/repos-schema.json": "repositories",
    "campaignfile/schema.json": "campaign files",
}
"""Each schema, below the package, and what its part of the page is called."""
Schema = Mapping[str, Any]


class Part(NamedTuple):
    """The part of the page that is about one schema."""

    name: str
    definitions: Schema


def main(*words: str) -> int:
    made = pages()
    if words == ("--check",):
        there = {*(file for file in made if file.exists()), *MANUAL.glob("*")}
        stale = {file for file in there if file.read_text("utf-8") != made.get(file)}
        for file in sorted(stale | (made.keys() - there)):
            print(file.relative_to(ROOT))
        return 1 if stale or made.keys() - there else 0
    for file, text in made.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return 0


def pages() -> dict[Path, str]:
    """Return the pages by their files."""
    made = {"commands.md": commands(), "json.md": schemas(), "python.md": python()}
    found = {FOLDER / name: text for name, text in made.items()}
    return found | {MANUAL / name: text for name, text in man.pages().items()}


def commands() -> str:
    """Return the page of what ``--help`` prints."""
    return "\n".join(
        ["# Commands\n", HEAD, "What `--help` prints.\n", *helps(group, "patcher", None)]
    )


def helps(command: click.Command, name: str, parent: click.Context | None) -> Iterator[str]:
    """Yield the parts of a command, and those of its own commands."""
    settings = {**command.context_settings, "terminal_width": 88}
    context = click.Context(command, info_name=name, parent=parent, **settings)
    yield f"## {context.command_path}\n"
    yield f"```text\n{command.get_help(context).rstrip()}\n```\n"
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            inner = command.get_command(context, each)
            assert inner is not None
            yield from helps(inner, each, context)


def schemas() -> str:
    """Return the page of the JSON schemas that are in the package."""
    parts = [
        "# Members of JSON and of campaign files\n",
        HEAD,
        "Each part describes one schema of the package. A member marked *optional* may be missing; "
        "each other one is always there. [Formats](formats.md#json) has examples.\n",
    ]
    for file, title in SCHEMAS.items():
        schema: Schema = json.loads((PACKAGE / file).read_text("utf-8"))
        part = Part(title, schema.get("$defs", {}))
        parts.append(f"## {title[0].upper()}{title[1:]}\n")
        parts.append(f"Schema: `patcher/{file}`.\n")
        if "description" in schema:
            parts.append(f"{schema['description']}\n")
        if "properties" in schema:
            parts += members(f"document in {title}", schema, part, described=False)
        elif "anyOf" in schema:
            parts.append(f"What is printed is {kind(schema, part)}.\n")
        for name, each in part.definitions.items():
            parts += defined(name, each, part)
    return "\n".join(parts)


def defined(name: str, schema: Schema, part: Part) -> Iterator[str]:
    """Yield the part of one definition of a schema."""
    if schema.get("properties"):
        yield from members(f"{name} in {part.name}", schema, part)
        return
    yield f"### {name} in {part.name}\n"
    if "description" in schema:
        yield f"{schema['description']}\n"
    yield f"{kind(schema, part)}.\n"


def members(title: str, schema: Schema, part: Part, *, described: bool = True) -> Iterator[str]:
    """Yield the part of one object: its description, and a table of its members."""
    yield f"### {title}\n"
    if described and "description" in schema:
        yield f"{schema['description']}\n"
    yield "| member | type | |\n| --- | --- | --- |"
    yield from rows(schema, part, "", every_optional="required" not in schema)
    yield ""


def rows(schema: Schema, part: Part, before: str, *, every_optional: bool) -> Iterator[str]:
    """Yield a row for each member, and below it those of an object that has no name."""
    required = schema.get("required", ())
    for name, each in schema.get("properties", {}).items():
        optional = "" if every_optional or name in required else "optional"
        meaning = " ".join(
            filter(None, (meaning_of(each, part), f"*{optional}*" if optional else ""))
        )
        yield f"| `{before}{name}` | {cell(kind(each, part))} | {cell(meaning)} |".replace(
            "  ", " "
        )
        inner = each.get("items", each)
        if "properties" in inner:
            mark = "[]." if inner is not each else "."
            yield from rows(inner, part, f"{before}{name}{mark}", every_optional=every_optional)


def meaning_of(schema: Schema, part: Part) -> str:
    """Return the description of a member, with its default and the option that it stands for."""
    if "$ref" in schema:
        schema = {**part.definitions[schema["$ref"].rpartition("/")[2]], **schema}
    found = [schema.get("description", "")]
    if "default" in schema:
        found.append(f"Default: `{json.dumps(schema['default'])}`.")
    if "x-option" in schema:
        found.append(f"Stands for `{schema['x-option']}`.")
    return " ".join(filter(None, found))


def kind(schema: Schema, part: Part) -> str:
    """Return what a value may be, in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{slug(f'{name} in {part.name}')})"
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(kind(each, part) for each in schema[several])
    types = schema.get("type", "any value")
    return " or ".join(
        typed(each, schema, part) for each in ([types] if isinstance(types, str) else types)
    )


def typed(name: str, schema: Schema, part: Part) -> str:
    """Return one type of JSON in words, with what the schema says of such a value."""
    if name == "array" and "items" in schema:
        inner = schema["items"]
        return f"array of {'objects' if 'properties' in inner else kind(inner, part)}"
    if name == "object" and "patternProperties" in schema:
        each = " or ".join(kind(value, part) for value in schema["patternProperties"].values())
        return f"object whose members are {each}"
    if name == "string" and "pattern" in schema:
        return f"string that matches `{schema['pattern']}`"
    if name == "integer" and "minimum" in schema:
        return f"integer, {schema['minimum']} or more"
    return name


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")


def slug(title: str) -> str:
    """Return the anchor that a heading gets, on the pages and on git servers."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def python() -> str:
    """Return the page of the Python API: what is written by hand, and below it what is made."""
    by_hand = (FOLDER / "python.md").read_text("utf-8").partition(BELOW)[0]
    parts = [by_hand.rstrip("\n") + "\n", BELOW]
    for name in sorted(patcher.__all__, key=lambda each: (each[0].isupper(), each)):
        if not name.startswith("__"):
            parts += exported(name, getattr(patcher, name))
    return "\n".join(parts)


def exported(name: str, value: object) -> Iterator[str]:
    """Yield the part of one name that the package exports."""
    yield f"## {name}\n"
    if not isinstance(value, type):
        yield f"```python\n{signature(f'patcher.{name}', value)}\n```\n"
        yield f"{prose(inspect.getdoc(value))}\n"
        return
    is_enum, is_error = issubclass(value, Enum), issubclass(value, Exception)
    if not is_enum and not is_error:
        yield f"```python\n{signature(f'patcher.{name}', value)}\n```\n"
    yield f"{prose(inspect.getdoc(value))}\n"
    if issubclass(value, Enum):
        yield "| name | value |\n| --- | --- |"
        yield from (f"| `{name}.{each.name}` | `{each.value!r}` |" for each in value)
        yield ""
    elif found := list(attributes(value)):
        yield "| attribute | type | |\n| --- | --- | --- |"
        yield from (
            f"| `{each}` | `{cell(typing)}` | {cell(prose(meaning))} |"
            for each, typing, meaning in found
        )
        yield ""


def attributes(value: type) -> Iterator[tuple[str, str, str]]:
    """Yield the name, type and meaning of each public field and property of a class."""
    (tree,) = ast.parse(inspect.getsource(value)).body
    assert isinstance(tree, ast.ClassDef)
    for node, after in zip(tree.body, [*tree.body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign):
            documented = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            meaning = str(after.value.value) if documented else ""  # type: ignore[union-attr]
            yield ast.unparse(node.target), ast.unparse(node.annotation), meaning
        elif isinstance(node, ast.FunctionDef) and node.decorator_list and node.returns:
            yield node.name, ast.unparse(node.returns), ast.get_docstring(node) or ""


def signature(name: str, value: Any) -> str:
    """Return a call as it is written in a stub, an argument a line if it is long."""
    found = inspect.signature(value)
    shown: list[str] = []
    for each in found.parameters.values():
        if each.kind is each.KEYWORD_ONLY and "*" not in shown:
            shown.append("*")
        default = each.default
        value_shown = "..." if callable(default) else repr(default).replace("'", '"')
        equals = "" if default is each.empty else f" = {value_shown}"
        shown.append(f"{each.name}: {each.annotation}{equals}")
    returns = "" if isinstance(value, type) else f" -> {found.return_annotation}"
    line = f"{name}({', '.join(shown)}){returns}"
    if len(line) <= 88:
        return line
    return "\n".join([f"{name}(", *(f"    {each}," for each in shown), f"){returns}"])


def prose(docstring: str | None) -> str:
    """Return a docstring as Markdown."""
    assert docstring
    return inspect.cleandoc(docstring).replace("``", "`")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

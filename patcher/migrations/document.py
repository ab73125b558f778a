"""A user's migration: a YAML file, checked key by key."""

from __future__ import annotations

from patcher import yamltree
from patcher.migrations.migration import Migration, MigrationError, Problem, build
from patcher.yamltree import Mistake, Node

MOST_BYTES = 64 * 1024


def read(path: str) -> Migration:
    """The migration in a YAML file. Raises MigrationError: ``mine.yaml:3:1: unknown key ...``."""
    try:
        return _migration(yamltree.mapping(yamltree.content(path, MOST_BYTES, "a migration")))
    except Mistake as fault:
        line, column = fault.place
        raise MigrationError(f"{path}:{line}:{column}: {fault.text}") from None
    except ValueError as error:
        raise MigrationError(f"{path}: {error}") from None


def _migration(node: Node) -> Migration:
    assert isinstance(node.value, dict)
    try:
        return build({key: _value(key, value) for key, value in node.value.items()})
    except Problem as problem:
        places = node.keys if problem.whole else {key: at.place for key, at in node.value.items()}
        raise Mistake(places.get(problem.key or "", yamltree.START), problem.text) from None


def _value(key: str, node: Node) -> object:
    if not isinstance(node.value, tuple):
        return _scalar(node, f"the value of {key!r}")
    items = []
    for entry in node.value:
        item = _scalar(entry, f"an entry of {key!r}")
        if not isinstance(item, str):
            raise Mistake(entry.place, f"an entry of {key!r} must be text")
        items.append(item)
    return items


def _scalar(node: Node, what: str) -> str | int:
    if isinstance(node.value, tuple | dict):
        raise Mistake(node.place, f"{what} must be text")
    if node.value is None or isinstance(node.value, bool):
        raise Mistake(node.place, f"{what} must be text, not {node.text or 'nothing'}")
    return node.value if isinstance(node.value, int) else node.text

"""Where a file may be changed, and how: cosmic-ray's operators, without what no test could notice.

Left out are annotations, which nothing evaluates, the arguments of decorators (``frozen=True``),
``is`` in the place of ``==``, which is the same for small numbers, and arithmetic that cannot but
fail, such as to divide strings.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

_BINARY = frozenset(
    "Add_Sub Sub_Add Mul_Add FloorDiv_Mul Mod_Mul BitAnd_BitOr BitOr_BitAnd LShift_RShift "
    "RShift_LShift".split()
)
Position = tuple[int, int]
"""Line, from 1, and column, from 0."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one file."""

    path: str
    start: Position
    operator: str
    """cosmic-ray's name of the kind of change."""
    occurrence: int
    """Which of the places in the file that the operator may change, from 0."""

    def apply(self, source: str) -> str:
        """The file with the change."""
        operator = _plugins().get_operator(self.operator)()
        changed: str = _mutating().mutate_code(source, operator, self.occurrence)
        return changed


def mutants(root: Path, path: str) -> list[list[Mutant]]:
    """The changes of a file, one list for each place."""
    source = (root / path).read_text("utf-8")
    tree = import_module("cosmic_ray.ast").get_ast(source)
    nodes = list(import_module("cosmic_ray.ast").ast_nodes(tree))
    outside = list(left_out(ast.parse(source)))
    places: dict[Position, list[Mutant]] = {}
    for name in sorted(_plugins().operator_names()):
        kind = _plugins().get_operator(name)
        if kind.arguments() or not _telling(name):
            continue
        positions = (at for node in nodes for at in kind().mutation_positions(node))
        for occurrence, (start, end) in enumerate(positions):
            if not any(one <= start and end <= other for one, other in outside):
                places.setdefault(start, []).append(Mutant(path, start, name, occurrence))
    return [places[start] for start in sorted(places)]


def _telling(name: str) -> bool:
    """Whether the operator makes a mistake that a person might, and not one that fails at once."""
    kind, _, change = name.removeprefix("core/Replace").partition("Operator_")
    if kind == "Binary":
        return change in _BINARY
    if kind == "Comparison":
        return ("_Is" in change) == change.startswith("Is")
    return True


def left_out(tree: ast.AST) -> Iterator[tuple[Position, Position]]:
    """Where annotations and the decorators of classes begin and end."""
    for node in ast.walk(tree):
        found: list[ast.expr | None] = []
        if isinstance(node, ast.arg | ast.AnnAssign):
            found = [node.annotation]
        elif isinstance(node, ast.FunctionDef):
            found = [node.returns]
        elif isinstance(node, ast.ClassDef):
            found = list(node.decorator_list)
        for each in found:
            if each is not None and each.end_lineno is not None and each.end_col_offset is not None:
                yield (each.lineno, each.col_offset), (each.end_lineno, each.end_col_offset)


def _plugins() -> Any:
    return import_module("cosmic_ray.plugins")


def _mutating() -> Any:
    return import_module("cosmic_ray.mutating")

"""Every regular expression that patcher compiles: ``python -m tests.patterns`` prints them."""

from __future__ import annotations

import contextlib
import importlib
import json
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FIXTURES = Path(__file__).parent.parent / "fixtures"


def compiled() -> list[tuple[str, int]]:
    """Return each pattern and its flags that importing patcher and patching every fixture compiles.

    Run it in a process of its own: what was compiled before it is called is not seen.
    """
    compiler: Any = re._compiler  # type: ignore[attr-defined]
    seen: set[tuple[str, int]] = set()
    compile_pattern = compiler.compile

    def record(pattern: str | bytes, flags: int = 0) -> object:
        text = pattern if isinstance(pattern, str) else pattern.decode("latin-1")
        seen.add((text, int(flags) & ~re.UNICODE))
        return compile_pattern(pattern, flags)

    compiler.compile = record
    import patcher
    from patcher.policy import patterns

    patterns.regex = re.compile
    for module in pkgutil.walk_packages(patcher.__path__, "patcher."):
        with contextlib.suppress(ImportError):  # of an extra that is not installed
            importlib.import_module(module.name)
    for before in FIXTURES.glob("*/*/before*"):
        patcher.patch(before.name, before.read_bytes())
    return sorted(seen)


def unsafe(pattern: str, flags: int = 0) -> bool:
    """Whether some Python matches the pattern wrongly.

    CPython before 3.11.5 loses its place when the last attempt at a possessive group fails
    (https://github.com/python/cpython/issues/106052), unless an alternative that always fails is
    tried last; before 3.12.7 it can raise SystemError for a capturing group in one
    (https://github.com/python/cpython/issues/101955).
    """
    parser: Any = re._parser  # type: ignore[attr-defined]
    return any(_unsafe(str(op), value) for op, value in _walk(parser.parse(pattern, flags)))


def _unsafe(op: str, value: Any) -> bool:
    if op == "ATOMIC_GROUP":
        return True
    if op != "POSSESSIVE_REPEAT":
        return False
    body = value[2]
    if any(str(inner) == "SUBPATTERN" and group[0] is not None for inner, group in _walk(body)):
        return True
    first, of_first = body[0]
    if len(body) == 1 and str(first) in ("LITERAL", "NOT_LITERAL", "ANY", "IN"):
        return False
    return str(first) != "BRANCH" or len(body) != 1 or not _always_fails(of_first[1][-1])


def _always_fails(alternative: Any) -> bool:
    """Whether it is ``(?!)``, which is parsed as a lookahead for nothing, or as a failure."""
    first, value = alternative[0]
    return str(first) == "FAILURE" or (str(first) == "ASSERT_NOT" and len(value[1]) == 0)


def _walk(node: Any) -> Iterator[tuple[Any, Any]]:
    """Each operation of a parsed pattern, at any depth."""
    if type(node).__name__ == "SubPattern":
        for op, value in node.data:
            yield op, value
            yield from _walk(value)
    elif isinstance(node, list | tuple):
        for part in node:
            yield from _walk(part)


if __name__ == "__main__":
    print(json.dumps(compiled()))

"""Names of a package that are imported when they are first used: most runs need few of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping


def imported(package: str, where: Mapping[str, str]) -> Callable[[str], object]:
    """Return the ``__getattr__`` of a package (PEP 562). ``where``: by module below it, the names
    that are taken from there. What was found stays in the package."""
    modules = {name: module for module, names in where.items() for name in names.split()}

    def find(name: str) -> object:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        from importlib import import_module

        found: object = getattr(import_module(f"{package}.{modules[name]}"), name)
        setattr(sys.modules[package], name, found)
        return found

    return find

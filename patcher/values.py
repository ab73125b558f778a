"""Values: dataclasses that take next to no time to define.

Defining a frozen dataclass with slots takes 0.5 ms, nearly all of it to compile its methods
(CPython's ``dataclasses._create_fn``). A run defines dozens of them and makes instances of few, so
the methods are compiled when the first instance is made.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import dataclass
else:

    def dataclass(*, frozen: bool = False, slots: bool = False, eq: bool = True) -> Callable:
        """Do what ``dataclasses.dataclass`` does, later for what is frozen and has slots."""
        if frozen and slots and eq:
            return _deferred
        return dataclasses.dataclass(frozen=frozen, slots=slots, eq=eq)


__all__ = ["dataclass"]

_FIELDS = "__dataclass_fields__"
_WITHOUT_INSTANCE = ("__setstate__", _FIELDS, "__init__")
"""What can be looked up before there is an instance: one is made or unpickled, or the fields of the
class are listed. Whatever else a dataclass has needs an instance."""


def _deferred(cls: type) -> type:
    """Return the class with slots, and with methods that are compiled when they are needed."""
    own = {name: value for name, value in vars(cls).items() if name not in _NOT_COPIED}
    inherited = {name for base in cls.__mro__ for name in vars(base).get("__slots__", ())}
    slots = tuple(name for name in cls.__annotations__ if name not in inherited)
    body = {name: value for name, value in own.items() if name not in cls.__annotations__}
    made = type(cls)(cls.__name__, cls.__bases__, {**body, "__slots__": slots})
    made.__qualname__ = cls.__qualname__

    def complete() -> None:
        plain = type(cls)(cls.__name__, cls.__bases__, {**own, "__qualname__": cls.__qualname__})
        methods = vars(dataclasses.dataclass(frozen=True, slots=True)(plain))
        kept = vars(made).keys() - {*_WITHOUT_INSTANCE} | _NOT_COPIED
        # Another thread may make an instance meanwhile: what leads to the others comes last.
        for name in sorted(methods.keys() - kept, key=_WITHOUT_INSTANCE.__contains__):
            setattr(made, name, methods[name])

    for name in _WITHOUT_INSTANCE:
        if name not in own:
            setattr(made, name, _Later(name, complete))
    return made


_NOT_COPIED = {"__dict__", "__weakref__"}
"""What ``type`` makes for each class."""


class _Later:
    """Stands for an attribute of a class until someone looks it up."""

    __slots__ = ("_complete", "_name")

    def __init__(self, name: str, complete: Callable[[], None]) -> None:
        self._name, self._complete = name, complete

    def __get__(self, instance: object, owner: type) -> Any:
        self._complete()
        return getattr(owner if instance is None else instance, self._name)

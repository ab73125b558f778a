"""Values: dataclasses that take next to no time to define.

Defining a frozen dataclass with slots takes 0.4 to 1 ms, nearly all of it to compile its methods
(CPython's ``dataclasses._create_fn``). A run defines dozens of them and makes instances of few, so
the methods are made when the first instance is; and of them ``__init__`` alone is compiled, a
third to a fifth of that time. The others do the same for all classes.
"""

from __future__ import annotations

import dataclasses
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
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
        def plain() -> type:
            names = {**own, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__ or ""}
            return type(cls)(cls.__name__, cls.__bases__, names)

        methods = _plain_methods(plain(), made) or _all_methods(plain())
        kept = vars(made).keys() - {*_WITHOUT_INSTANCE} | _NOT_COPIED
        # Another thread may make an instance meanwhile: what leads to the others comes last.
        for name in sorted(methods.keys() - kept, key=_WITHOUT_INSTANCE.__contains__):
            setattr(made, name, methods[name])

    for name in _WITHOUT_INSTANCE:
        if name not in own:
            setattr(made, name, _Later(name, complete))
    return made


def _all_methods(plain: type) -> dict[str, Any]:
    """What a dataclass has, of any kind."""
    return dict(vars(dataclasses.dataclass(frozen=True, slots=True)(plain)))


def _plain_methods(plain: type, made: type) -> dict[str, Any] | None:
    """The same, made faster, for the class that was ``made``; None where there is more to it: it
    inherits fields, or has some that are no plain ones."""
    if plain.__bases__ != (object,):
        return None
    # https://docs.python.org/3/library/dataclasses.html says what each method does.
    dataclasses.dataclass(init=False, repr=False, eq=False)(plain)
    fields = dataclasses.fields(plain)
    if len(fields) != len(getattr(plain, _FIELDS)) or any(field.kw_only for field in fields):
        return None
    plain.__dataclass_params__.frozen = True  # type: ignore[attr-defined]
    names = [field.name for field in fields]
    shown = [field.name for field in fields if field.repr]
    key = _key([field.name for field in fields if field.compare])

    def __repr__(self: Any) -> str:
        values = ", ".join([f"{name}={getattr(self, name)!r}" for name in shown])
        return f"{type(self).__qualname__}({values})"

    def __eq__(self: Any, other: object) -> bool:
        return key(self) == key(other) if type(other) is type(self) else NotImplemented

    def __hash__(self: Any) -> int:
        return hash(key(self))

    def __getstate__(self: Any) -> list[Any]:
        return [getattr(self, name) for name in names]

    def __setstate__(self: Any, state: list[Any]) -> None:
        for name, value in zip(names, state, strict=True):
            object.__setattr__(self, name, value)

    own = (__repr__, __eq__, __hash__, __getstate__, __setstate__)
    methods: dict[str, Any] = {method.__name__: method for method in own}
    methods |= {"__setattr__": _refuse_to_set, "__delattr__": _refuse_to_delete}
    return {**vars(plain), **methods, "__init__": _init(made, fields)}


def _key(names: Sequence[str]) -> Callable[[Any], object]:
    """What is compared of an instance."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda self: tuple([getattr(self, name) for name in names])


def _refuse_to_set(self: object, name: str, value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(self: object, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


class _Factory:
    """Stands for a default that is made anew for each instance."""

    def __repr__(self) -> str:
        return "<factory>"


_FACTORY = _Factory()


def _init(made: type, fields: Sequence[dataclasses.Field[Any]]) -> Callable[..., None]:
    """``__init__``, compiled. It fills the slots by their descriptors, which takes half as long as
    ``object.__setattr__``."""
    parameters, lines = ["self"], []
    known: dict[str, Any] = {"_FACTORY": _FACTORY, "__builtins__": {}}
    for field in fields:
        name = field.name
        has_default = field.default is not dataclasses.MISSING
        has_factory = field.default_factory is not dataclasses.MISSING
        known[f"_set_{name}"] = getattr(made, name).__set__
        value = name
        if has_default:
            known[f"_default_{name}"] = field.default
        if has_factory:
            known[f"_make_{name}"] = field.default_factory
            value = f"_make_{name}() if {name} is _FACTORY else {name}"
        if field.init:
            default = f"=_default_{name}" if has_default else "=_FACTORY" if has_factory else ""
            parameters.append(name + default)
        elif has_factory or has_default:
            value = f"_make_{name}()" if has_factory else f"_default_{name}"
        else:
            continue
        lines.append(f" _set_{name}(self, {value})")
    if hasattr(made, "__post_init__"):
        lines.append(" self.__post_init__()")
    # The names are those of the fields of our own classes.
    exec(f"def __init__({', '.join(parameters)}):\n" + "\n".join(lines or [" pass"]), known)  # noqa: S102
    init: Callable[..., None] = known["__init__"]
    init.__qualname__ = f"{made.__qualname__}.__init__"
    init.__annotations__ = {field.name: field.type for field in fields if field.init}
    init.__annotations__["return"] = None
    return init


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

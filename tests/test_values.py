"""Values do what frozen dataclasses with slots do, whatever they are first used for."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import subprocess
import sys
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from patcher import values

SOURCE = '''
from __future__ import annotations
from dataclasses import field
from typing import ClassVar

@dataclass(frozen=True, slots=True)
class Point:
    """A value with all that fields can have."""
    x: int
    name: str = "here"
    hidden: str = field(default="", repr=False)
    noise: int = field(default=0, compare=False)
    marks: tuple[str, ...] = field(default_factory=tuple)
    double: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "double", 2 * self.x)

    @property
    def half(self) -> float:
        return self.x / 2

@dataclass(frozen=True, slots=True)
class Solid(Point):
    """A value with more fields, and another default."""
    name: str = "there"
    z: int = 3

@dataclass(frozen=True, slots=True)
class Own:
    """A value with a text of its own."""
    x: int

    def __repr__(self) -> str:
        return "mine"

@dataclass(frozen=True, slots=True)
class Given:
    """A value with fields that no argument fills."""
    x: int
    fixed: int = field(default=3, init=False)
    made: tuple[int, ...] = field(default_factory=tuple, init=False)

@dataclass(frozen=True, slots=True)
class Named:
    """A value with a field that is given by its name alone."""
    x: int
    named: int = field(default=3, kw_only=True)

@dataclass(frozen=True, slots=True)
class OfClass:
    """A value with something that is no field."""
    x: int
    kind: ClassVar[str] = "all have it"
'''


def made_with(decorator: Callable[..., Any]) -> SimpleNamespace:
    """New classes, which nobody used."""
    names = {"dataclass": decorator, "__name__": __name__}
    exec(SOURCE, names)
    return SimpleNamespace(**names)


USES: list[Callable[[Any], object]] = [
    lambda cls: repr(cls(1)),
    lambda cls: cls(5) == cls(5),
    lambda cls: cls(5) == cls(6),
    lambda cls: cls(5) != object(),
    lambda cls: hash(cls(5)) == hash(cls(5)),
    lambda cls: {cls(1): 2}[cls(1)],
    lambda cls: str(inspect.signature(cls.__init__)),
    lambda cls: repr(dataclasses.replace(cls(1), x=4)),
    lambda cls: dataclasses.asdict(cls(1)),
    lambda cls: [(each.name, each.type) for each in dataclasses.fields(cls)],
    lambda cls: dataclasses.is_dataclass(cls),
    lambda cls: cls(1) and cls.__match_args__,
    lambda cls: repr(copy.copy(cls(1))),
    lambda cls: hasattr(cls(1), "__dict__"),
    lambda cls: (cls.__doc__, cls.__slots__, cls.__qualname__, cls.__module__),
    lambda cls: cls(),
    lambda cls: cls(1, nothing=2),
    lambda cls: setattr(cls(1), "x", 2),
    lambda cls: cls(1).__getstate__(),
    lambda cls: cls(1, *range(9)),
    lambda cls: delattr(cls(1), "x"),
]
POINTS: list[Callable[[Any], object]] = [
    *USES,
    lambda cls: cls(1, noise=1) == cls(1, noise=2),
    lambda cls: hash(cls(5, noise=7)) == hash(cls(5)),
    lambda cls: repr(cls(1, hidden="secret", marks=("a",))),
    lambda cls: (cls(3).half, cls(3).double),
    lambda cls: cls(1, double=3),
]


@pytest.mark.parametrize(
    ("name", "use"),
    [
        *[("Point", use) for use in POINTS],
        *[("Solid", use) for use in POINTS],
        *[(name, use) for name in ("Own", "Given", "Named", "OfClass") for use in USES],
    ],
)
def test_a_value_is_a_dataclass(name: str, use: Callable[[Any], object]) -> None:
    def outcome(decorator: Callable[..., Any]) -> object:
        try:
            return use(getattr(made_with(decorator), name))
        except Exception as error:
            return type(error), str(error)

    assert outcome(values.dataclass) == outcome(dataclasses.dataclass)


def test_a_worker_may_unpickle_one_before_it_makes_one() -> None:
    make = (
        "import pickle, sys\n"
        "from patcher.campaign.selection import Selection\n"
        "sys.stdout.buffer.write(pickle.dumps(Selection(docs=True, include=('a',))))"
    )
    read = (
        "import pickle, sys\n"
        "selection = pickle.load(sys.stdin.buffer)\n"
        "assert selection.docs and selection.include == ('a',)\n"
        "assert selection == type(selection)(docs=True, include=('a',))"
    )
    pickled = subprocess.run([sys.executable, "-c", make], capture_output=True, check=True).stdout
    subprocess.run([sys.executable, "-c", read], input=pickled, check=True)


def test_threads_may_use_one_first_at_the_same_time() -> None:
    for _ in range(20):
        fresh = made_with(values.dataclass).Solid
        made: list[object] = []
        ready = threading.Barrier(8)

        def use(
            fresh: Any = fresh, made: list[object] = made, ready: threading.Barrier = ready
        ) -> None:
            ready.wait()
            made.append(fresh(1))

        threads = [threading.Thread(target=use) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert made == [fresh(1)] * 8
        assert len({*made}) == 1

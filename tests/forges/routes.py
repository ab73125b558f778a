"""A fake forge as a table of routes, which can fail on purpose and be held to a description."""

from __future__ import annotations

import re
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar
from urllib.parse import unquote

from tests.sources.servers import Forge, Reply, Request

Function = TypeVar("Function", bound=Callable[..., Reply])


class Refusal(Exception):
    """The forge will not."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


class Description(Protocol):
    """What a forge publishes of its interface."""

    def sent(self, template: str, request: Request) -> list[str]:
        """What in a request is not as it is described."""
        ...

    def got(self, template: str, request: Request, reply: Reply) -> list[str]:
        """What in its response is not."""
        ...


@dataclass
class Fault:
    """What comes in place of a response; ``after``: once the work is done."""

    reply: Reply
    times: int = 1
    after: bool = False


def route(method: str, template: str) -> Callable[[Function], Function]:
    """Let a method of a fake answer requests such as ``GET /repos/{owner}/{repo}``."""

    def marked(function: Function) -> Function:
        function.__dict__.setdefault("routes", []).append((method, template))
        return function

    return marked


class Routed(Forge):
    """A forge whose methods are marked with `route`. Each gets the request and the parts of its
    path. All that is not as `description` has it is in `wrong`."""

    missing: Mapping[str, str] = {"message": "Not Found"}
    table: list[tuple[str, str, re.Pattern[str], str]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.table = [
            (method, template, _pattern(template), name)
            for name in dir(cls)
            for method, template in getattr(getattr(cls, name), "routes", [])
        ]
        # What is written out goes before what has a parameter in its place.
        cls.table.sort(key=lambda each: re.sub(r"\{.*?\}", "~", each[1]))

    def __init__(self) -> None:
        super().__init__()
        self.description: Description | None = None
        self.wrong: list[str] = []
        self.faults: dict[tuple[str, str], Fault] = {}
        self.lock = threading.RLock()

    def fail(
        self, method: str, template: str, reply: Reply, *, times: int = 1, after: bool = False
    ) -> None:
        """Let requests fail; ``after``: though the work is done."""
        self.faults[method, template] = Fault(reply, times, after)

    def asked(self, method: str, template: str) -> list[Request]:
        """The requests of one kind that came so far."""
        pattern = _pattern(template)
        return [
            request
            for request in self.requests
            if request.method == method and pattern.fullmatch(self.local(request))
        ]

    def local(self, request: Request) -> str:
        """The path of a request within the interface."""
        return request.path.removeprefix(self.prefix)

    def answer(self, request: Request) -> Reply:
        path = self.local(request)
        for method, template, pattern, name in self.table:
            if method == request.method and (match := pattern.fullmatch(path)):
                parts = {key: unquote(value) for key, value in match.groupdict().items()}
                try:
                    with self.lock:
                        return self._answer(template, name, request, parts)
                except Exception:
                    self.wrong.append(traceback.format_exc())
                    return Reply(500, self.missing)
        self.wrong.append(f"no such request: {request.method} {path}")
        return Reply(404, self.missing)

    def _answer(
        self, template: str, name: str, request: Request, parts: Mapping[str, str]
    ) -> Reply:
        fault = self.faults.get((request.method, template))
        if fault is not None:
            fault.times -= 1
            if not fault.times:
                del self.faults[request.method, template]
            if not fault.after:
                return fault.reply
        if self.description is not None:
            self.wrong += self.description.sent(template, request)
        try:
            reply = self.respond(getattr(self, name), request, parts)
        except Refusal as refusal:
            reply = refusal.reply
        if self.description is not None:
            self.wrong += self.description.got(template, request, reply)
        return fault.reply if fault is not None else reply

    def respond(
        self, method: Callable[..., Reply], request: Request, parts: Mapping[str, str]
    ) -> Reply:
        """Answer one request; for what all of them have in common."""
        return method(request, **parts)


def _pattern(template: str) -> re.Pattern[str]:
    """What ``{name}`` stands for goes to the next slash, ``{name*}`` beyond it."""
    pieces = re.split(r"(\{\w+\*?\})", template)
    written = [
        rf"(?P<{piece.strip('{}*')}>{'.+' if '*' in piece else '[^/]+'})"
        if piece.startswith("{")
        else re.escape(piece)
        for piece in pieces
    ]
    return re.compile("".join(written))

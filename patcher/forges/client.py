"""Asks a forge: politely, page by page, and believing nothing.

Through `requests` alone: the forges' own libraries bring 7 to 74 MB, and their objects fetch each
repository again for what a list leaves out, keep all pages in memory, and have no bound on time or
size.
"""

from __future__ import annotations

import gc
import json
import re
import socket
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from typing import Any, Literal
from urllib.parse import urljoin

import requests
from requests import exceptions
from requests.utils import parse_header_links

from patcher import __version__, git
from patcher.forges import limits
from patcher.forges.listed import text
from patcher.forges.server import ForgeError, Server
from patcher.forges.server import RequestRefused as RequestRefused
from patcher.git import environment
from patcher.git.limits import late, time_left, waiting
from patcher.values import dataclass

TIMEOUT = 30
"""Seconds that a forge may be silent during a request."""
MOST_SECONDS = 120
"""Seconds that one response may take in all: a byte every half a minute keeps within `TIMEOUT`."""
MOST_BYTES = 4 << 20
"""Of one response, unpacked: forty times what a hundred repositories are described with. As Python
values a megabyte of JSON takes up to 25."""
ATTEMPTS = 4
"""How often a request is made that fails for a reason that may pass."""
BACKOFF = 0.5
"""Seconds before the second attempt; twice as long before each further one."""
MOST_WAITING = 15 * 60
"""Seconds that a client waits for rate limits in all. An hour, which GitHub's may last, is for a
person to decide."""
MOST_PAGES = 10_000
MOST_REPOSITORIES = 100_000
"""Of one organisation, group, user or search; GitHub has no larger ones:
https://docs.github.com/repositories/creating-and-managing-repositories/repository-limits"""
_REDIRECTS = 3
_PARTIAL = 206
"""HTTP's status for a part of what was asked for."""

Method = Literal["GET", "POST", "PATCH", "PUT", "DELETE"]
Parameters = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Response:
    """A response. ``headers`` are by their names in lower case, ``body`` is the JSON in it; None
    where there is none."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def message(self) -> str:
        """The forge's own words about a request that failed."""
        plain = isinstance(self.body, str)  # as Gerrit sends them
        found = plain or (isinstance(self.body, dict) and any(name in self.body for name in _WORDS))
        return git.printable(_words(self.body)[:400].strip()) if found else ""

    @property
    def following(self) -> str | None:
        """The URL of the next page, as a Link header leads there (RFC 8288). Raises ForgeError
        where there is one and it cannot be read: without it the list is not whole."""
        header = self.headers.get("link") or ""
        for link in parse_header_links(header or "<>"):
            names = {name.lower(): value for name, value in link.items()}
            if "next" in names.get("rel", "").lower().split():
                return link["url"]
        if _NEXT.search(header):
            raise ForgeError("the Link header with the next page cannot be read: not followed")
        return None

    @property
    def limited(self) -> bool:
        """Whether GraphQL's way to say that a rate limit is used up is in it, with status 200:
        https://docs.github.com/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api"""
        errors = self.body.get("errors") if isinstance(self.body, dict) else None
        return isinstance(errors, list) and any(
            text(error, "type") == "RATE_LIMITED"
            or "rate limit" in (text(error, "message") or "").lower()
            for error in errors
        )


_NEXT = re.compile(r"""\brel\s*=\s*["']?[^"',;<>]*\bnext\b""", re.IGNORECASE)


class _Unanswered(Exception):
    """No answer came; ``passing`` says whether another attempt may get one."""

    def __init__(self, reason: str, *, passing: bool) -> None:
        super().__init__(reason)
        self.passing = passing


class _Session(requests.Session):
    def get_redirect_target(self, response: requests.Response) -> None:
        """Follow none: `requests` would read the whole body of each first."""

    def merge_environment_settings(self, *given: Any, **settings: Any) -> Any:
        """The proxies and certificates of the environment, which other threads take variables out
        of while they start git."""
        with environment.whole():
            return super().merge_environment_settings(*given, **settings)


class Client:
    """Asks one server: again where that may help, waiting where it says so. Where the server
    repeats the token, ``***`` stands in its place. For one thread; clients of several threads share
    the rate limit. ``tell`` gets a line for what a person should know meanwhile."""

    def __init__(self, server: Server, tell: Callable[[str], None]) -> None:
        self.server, self.tell = server, tell
        self._waited = 0.0
        self._listed = 0
        secret = server.secret()
        # What is shorter is none, and part of many words.
        token = "" if secret is None or len(secret.password) < 4 else secret.password
        self._token = {token, json.dumps(token)[1:-1]} - {""}
        if token and (shown := server.authorization):
            self._token.add(shown.partition(" ")[2])
        self._limit = limits.limit(server.host, server.token)
        self._session = _Session()
        for adapter in self._session.adapters.values():
            weakref.finalize(self, adapter.close)  # the connections that it keeps
        self._session.headers["User-Agent"] = f"patcher/{__version__}"
        self._session.auth = self._sign  # so that nothing in ~/.netrc takes its place

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if (shown := self.server.authorization) is not None:
            request.headers["Authorization"] = shown
        return request

    def ask(
        self,
        path: str,
        parameters: Parameters | None = None,
        *,
        method: Method = "GET",
        body: Any = None,
        changes: bool | None = None,
    ) -> Response:
        """Make a request, with ``body`` as JSON. ``path`` begins with a slash, or is a whole URL.
        ``changes`` says whether the request changes something, None: whether it is no GET. Return
        an answer of success. Raises ForgeError, which is `RequestRefused` where the forge answered
        with an error, and GitTimeout once the time limit of what this thread does is over: a
        request that changes something may have done so then."""
        url = path if "://" in path else self.server.api + path
        changes = method != "GET" if changes is None else changes
        # A POST that got no answer may have done its work.
        attempt = ATTEMPTS if changes and method == "POST" else 1
        while True:
            self._wait(write=changes)
            try:
                answer = self._answer(method, url, parameters, body)
            except _Unanswered as fault:
                if not fault.passing or attempt >= ATTEMPTS:
                    raise ForgeError(f"{self.server.host} {fault}") from None
            else:
                status = 429 if answer.limited else answer.status
                if self._limit.heard(status, answer.headers, answer.message) is not None:
                    continue
                if answer.status < 300 and answer.status != _PARTIAL:
                    return answer
                if answer.status < 500 or attempt >= ATTEMPTS:
                    raise self._refused(answer)
            limits.sleep(time_left(BACKOFF * 2 ** (attempt - 1)))
            attempt += 1

    def pages(
        self,
        path: str,
        parameters: Parameters,
        following: Callable[[Response], str | None] = lambda answer: answer.following,
    ) -> Iterator[Response]:
        """The answers of all pages. ``following`` finds the URL of the next page in an answer, if
        there is one."""
        seen: set[str] = set()
        url: str | None = path
        while url is not None:
            answer = self.ask(url, None if seen else parameters)
            yield answer
            url = following(answer)
            if url is None:
                return
            if not url.startswith(f"{self.server.api}/"):
                raise ForgeError(f"the next page is elsewhere, at {url[:200]}: not followed")
            if url in seen or len(seen) == MOST_PAGES:
                raise ForgeError("the pages do not end")
            seen.add(url)

    def entries(self, body: object) -> list[object]:
        """The list of repositories in an answer."""
        if not isinstance(body, list):
            raise ForgeError(
                f"{self.server.host} answers with something that is no list of repositories: is "
                f"this the address of a {self.server.forge} server, with no sign-in page in front "
                "of it?"
            )
        self._listed += len(body)
        if self._listed > MOST_REPOSITORIES:
            raise ForgeError(
                f"{self.server.host} lists more than {MOST_REPOSITORIES:,} repositories"
            )
        return body

    def _answer(
        self, method: Method, url: str, parameters: Parameters | None, body: Any
    ) -> Response:
        """What the server answers, whatever that is."""
        try:
            status, headers, content = _in_time(
                lambda: self._exchange(method, url, parameters, body)
            )
            read = _read(content.removeprefix(_NO_SCRIPT))
            if read is None and headers.get("content-type", "").startswith("text/plain"):
                read = content[:1000].decode("utf-8", "replace")
            elif read is None and status < 300 and content.strip() not in (b"", b"null"):
                raise ForgeError(
                    f"{self.server.host} answers with something that is no {self.server.forge}'s: "
                    "is there a sign-in page in front of it?"
                )
            if self._token:
                headers = {name: git.hidden(value, self._token) for name, value in headers.items()}
                shown = json.dumps(read, ensure_ascii=False)
                hidden = git.hidden(shown, self._token)
                read = read if hidden == shown else _read(hidden)
            return Response(status, headers, read)
        except requests.RequestException as error:
            raise _unanswered(error) from None
        except (_Unanswered, ForgeError, git.GitTimeout) as fault:
            fault.args = (git.hidden(str(fault), self._token),)
            raise
        except Exception:
            # Character sets that are none, headers in no encoding, addresses with a port of 5,000
            # digits ...: the libraries raise what the standard library raises.
            raise _Unanswered("answers with something that cannot be read", passing=False) from None

    def _exchange(
        self, method: Method, url: str, parameters: Parameters | None, body: Any
    ) -> tuple[int, dict[str, str], bytes]:
        """Send the request, and follow redirects within the server: elsewhere they would take the
        token along."""
        for _ in range(_REDIRECTS):
            with self._session.request(
                method,
                url,
                params=dict(parameters or {}),
                json=body,
                timeout=TIMEOUT,
                stream=True,
            ) as response:
                content = _content(response)
                headers = {name.lower(): value for name, value in response.headers.items()}
                status = response.status_code
            if not (300 <= status < 400 and "location" in headers):
                return status, headers, content
            url, parameters = urljoin(url, headers["location"]), None
            if method != "GET" or not url.startswith(f"{self.server.api}/"):
                raise ForgeError(
                    f"{self.server.host} leads elsewhere, to {git.without_secret(url)[:200]}: name "
                    "the server that it leads to"
                )
        return status, headers, content

    def _wait(self, *, write: bool) -> None:
        """Wait until the rate limit allows a request."""
        while seconds := self._limit.due(write=write):
            if self._waited + seconds > MOST_WAITING:
                more = (
                    "" if self.server.token else f"; a token in {self.server.variables} raises it"
                )
                minutes = max(1, round(seconds / 60))
                raise ForgeError(
                    f"the rate limit of {self.server.host} is used up: it is lifted in {minutes} "
                    f"minute{'' if minutes == 1 else 's'}{more}"
                )
            self._waited += seconds
            if not write or seconds > limits.BETWEEN_WRITES:
                self.tell(f"rate limit of {self.server.host}: waiting {seconds:.0f} s")
            with waiting():  # for the turn that the forge gives
                limits.sleep(seconds)

    def _refused(self, answer: Response) -> RequestRefused:
        server, status = self.server, answer.status
        said = f": {answer.message}" if answer.message else ""
        # https://docs.github.com/rest/authentication/authenticating-to-the-rest-api
        _, _, sign_on = answer.headers.get("x-github-sso", "").partition("url=")
        if status == 401 and server.token is None:
            why = f"wants a token: set {server.variables}"
        elif status == 401:
            # Bitbucket Data Center says so, too, where the token may not do this.
            why = f"does not take the token in {server.variables}{said}"
        elif status == 403 and sign_on:
            why = f"denies access until the token is authorized at {sign_on[:500]}"
        elif status == 403:
            why = f"denies access{said}"
        elif status == 404:
            why = "knows nothing of that name" + (
                f" that is public; for what is not, set {server.variables}"
                if server.token is None
                else ", or the token may not see it"
            )
        elif 300 <= status < 400:
            why = f"leads elsewhere (HTTP {status}): name the server that it leads to"
        else:
            why = f"fails with HTTP {status}{said}"
        return RequestRefused(f"{server.host} {why}", status, answer.message)


_WORDS = ("message", "error", "errors")
"""Where forges have their words about a request that failed."""


def _words(value: object, depth: int = 4) -> str:
    """The words in a text, a list of texts or of errors, or an object with what is wrong by
    field."""
    if isinstance(value, str) or not depth:
        return value if isinstance(value, str) else ""
    if isinstance(value, list):
        return "; ".join(filter(None, (_words(each, depth - 1) for each in value[:5])))
    if not isinstance(value, dict):
        return ""
    if any(value.get(name) for name in _WORDS):
        return ": ".join(filter(None, (_words(value.get(name), depth - 1) for name in _WORDS)))
    if "code" in value:
        return " ".join(filter(None, (text(value, "field"), text(value, "code"))))
    return "; ".join(f"{name}: {_words(each, depth - 1)}" for name, each in [*value.items()][:5])


def _in_time(
    work: Callable[[], tuple[int, dict[str, str], bytes]],
) -> tuple[int, dict[str, str], bytes]:
    """What the work returns, within `MOST_SECONDS` and the time limit of this thread.

    It runs in a thread, which is left behind when it takes longer: a name server, a TLS handshake,
    headers and a body can each be slow, and no library sets a limit to all of them together.
    """
    done: Future[tuple[int, dict[str, str], bytes]] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:
            done.set_exception(error)

    seconds = time_left(MOST_SECONDS)
    threading.Thread(target=run, daemon=True).start()
    try:
        return done.result(seconds)
    except TimeoutError:
        if done.done():
            raise
        if seconds < MOST_SECONDS:
            raise late() from None
        raise _Unanswered(
            f"takes more than {MOST_SECONDS} s for one response", passing=False
        ) from None


def _content(response: requests.Response) -> bytes:
    """The body of a response, up to the bound."""
    content = bytearray()
    for piece in response.iter_content(1 << 16):
        content += piece
        if len(content) > MOST_BYTES:
            raise _Unanswered(
                f"sends a response of more than {MOST_BYTES >> 20} MiB", passing=False
            )
    return bytes(content)


_NO_SCRIPT = b")]}'"
"""What Gerrit puts before JSON, so that no page can use it as a script:
https://gerrit-review.googlesource.com/Documentation/rest-api.html#output"""


def _read(content: bytes | str) -> object:
    """The JSON in a body; None where there is none."""
    collects = gc.isenabled()
    gc.disable()  # what is collected in the depth of nested arrays cannot clean up
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None
    finally:
        if collects:
            gc.enable()


def _unanswered(error: requests.RequestException) -> _Unanswered:
    """What became of a request without an answer."""
    match error:
        case exceptions.SSLError():
            return _Unanswered(
                f"has a certificate that is not trusted ({_cause(error)}): for an authority of "
                "your own set REQUESTS_CA_BUNDLE",
                passing=False,
            )
        case exceptions.ProxyError():
            return _Unanswered(f"is not reached through the proxy ({_cause(error)})", passing=True)
        case exceptions.Timeout():
            return _Unanswered(f"gives no answer within {TIMEOUT} s", passing=True)
        case exceptions.ChunkedEncodingError() | exceptions.ContentDecodingError():
            return _Unanswered("breaks off in the middle of an answer", passing=True)
        case exceptions.ConnectionError():
            unknown = any(
                isinstance(each, socket.gaierror) and each.errno == socket.EAI_NONAME
                for each in _below(error)
            )
            return _Unanswered(f"cannot be reached ({_cause(error)})", passing=not unknown)
    return _Unanswered(f"cannot be asked: {git.printable(str(error)[:200])}", passing=False)


def _cause(error: BaseException) -> str:
    """The system's own words for a network fault."""
    words = ""
    for each in _below(error):
        if verified := getattr(each, "verify_message", None):
            return git.printable(str(verified)[:200])
        if isinstance(each, OSError) and each.strerror:
            words = each.strerror.lower()
    return git.printable(words[:200]) or "the connection is closed"


def _below(error: BaseException) -> Iterator[BaseException]:
    """The error and those that it stands for: the system's own lies several exceptions deep."""
    at: BaseException | None = error
    for _depth in range(12):
        if at is None:
            return
        yield at
        inner = [getattr(at, "reason", None), *at.args, at.__cause__, at.__context__]
        at = next((item for item in inner if isinstance(item, BaseException)), None)

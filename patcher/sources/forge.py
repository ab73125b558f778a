"""What the forges have in common: asking politely, page by page, and believing nothing.

How a request is made is each forge's own business, through its client library; what comes back is
judged here, once for all of them.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar, cast

from patcher import extras, git
from patcher.sources.found import Facts, Found, SourceError, failed

if TYPE_CHECKING:
    from datetime import datetime

    import requests

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
"""Seconds that a source waits for rate limits in all. An hour, which GitHub's may last, is for a
person to decide."""
MOST_PAGES = 10_000
MOST_REPOSITORIES = 100_000
"""Of one organisation, group, user or search; GitHub has no larger ones:
https://docs.github.com/repositories/creating-and-managing-repositories/repository-limits"""
PER_PAGE = 100

_PART = re.compile(r"[A-Za-z0-9._-]{1,255}")
_WORD = re.compile(r"@(?P<host>[^/@]+)/(?P<rest>.*)", re.DOTALL)
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?")
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")

Tell = Callable[[str], None]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Server:
    """A forge's server, and the token that is for it alone."""

    name: str
    """What the forge is called."""
    api: str
    """Where the interface is, without a slash at the end."""
    web: str
    """What clone URLs begin with, without a slash at the end."""
    token: str | None = field(repr=False)
    variables: str
    """Where a token for this server is taken from."""

    def secret(self) -> git.Secret | None:
        """What goes with requests and clone URLs. Raises SourceError where one of the two would
        carry it over a network unencrypted, and for what no header can carry."""
        if self.token is None:
            return None
        if not (self.token.isascii() and self.token.isprintable()):
            raise SourceError(
                f"{self.variables} holds no token: a line break, or a character that none has"
            )
        for url in (self.api, self.web):
            if not _is_safe(url):
                raise SourceError(
                    f"a token is not sent over http: use https for {url}, or unset {self.variables}"
                )
        return git.Secret(self.token, _USERS[self.name])


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. ``body`` is the JSON in it; None where there is none."""

    status: int
    headers: Mapping[str, str]
    body: object


class Unanswered(Exception):
    """No answer came; ``passing`` says whether another attempt may get one."""

    def __init__(self, reason: str, *, passing: bool) -> None:
        super().__init__(reason)
        self.passing = passing


class Refused(SourceError):
    """The forge answered that it will not; ``status`` is HTTP's."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


Get = Callable[[str, Mapping[str, str | int]], Answer]
"""Makes one request: an absolute URL below `Server.api`, and parameters. Raises Unanswered,
SourceError, or whatever a client library stumbles over in an answer."""


class Client:
    """Asks one server: again where that may help, waiting where it says so. Where the server
    repeats the token, ``***`` stands in its place."""

    def __init__(self, server: Server, get: Get, tell: Tell) -> None:
        self.server, self._get, self.tell = server, get, tell
        self._waited = 0.0
        self._listed = 0
        secret = server.secret()
        # What is shorter is none, and part of many words.
        self._token = () if secret is None or len(secret.password) < 4 else (secret.password,)

    def ask(self, path: str, parameters: Mapping[str, str | int] | None = None) -> Answer:
        """One answer of success. ``path`` begins with a slash, or is a whole URL. Raises
        SourceError, which is `Refused` where the forge answered with an error."""
        url = path if "://" in path else self.server.api + path
        attempt = 1
        while True:
            try:
                answer = self._answer(url, parameters or {})
            except Unanswered as fault:
                if not fault.passing or attempt == ATTEMPTS:
                    raise SourceError(f"{_host(self.server.api)} {fault}") from None
            else:
                if answer.status < 300:
                    return answer
                seconds = _rate_limited(answer)
                if seconds is not None:
                    self._wait(seconds)
                    continue
                if answer.status < 500 or attempt == ATTEMPTS:
                    raise self._refused(answer)
            time.sleep(BACKOFF * 2 ** (attempt - 1))
            attempt += 1

    def _answer(self, url: str, parameters: Mapping[str, str | int]) -> Answer:
        """What the server answers, whatever that is."""
        try:
            answer = _in_time(lambda: self._get(url, parameters))
            if not self._token:
                return answer
            headers = {name: self._hidden(value) for name, value in answer.headers.items()}
            return Answer(answer.status, headers, self._hidden(answer.body))
        except (Unanswered, SourceError) as fault:
            fault.args = (self._hidden(str(fault)),)
            raise
        except Exception:
            # Numbers of 5,000 digits, character sets that are none, headers in no encoding ...: the
            # libraries raise what the standard library raises.
            raise Unanswered(
                "answers with something that is no readable JSON", passing=False
            ) from None

    def _hidden(self, value: _T) -> _T:
        """The same without the token, at any depth."""
        shown: object = value
        if isinstance(value, str):
            shown = git.hidden(value, self._token)
        elif isinstance(value, list):
            shown = [self._hidden(item) for item in value]
        elif isinstance(value, dict):
            shown = {self._hidden(key): self._hidden(item) for key, item in value.items()}
        return cast(_T, shown)

    def pages(self, path: str, parameters: Mapping[str, str | int]) -> Iterator[Answer]:
        """The answers of all pages, as their Link headers lead on (RFC 8288)."""
        seen: set[str] = set()
        url: str | None = path
        while url is not None:
            answer = self.ask(url, {} if seen else parameters)
            yield answer
            url = next_page(answer)
            if url is None:
                return
            if not url.startswith(f"{self.server.api}/"):
                raise SourceError(f"the next page is elsewhere, at {url[:200]}: not followed")
            if url in seen or len(seen) == MOST_PAGES:
                raise SourceError("the pages do not end")
            seen.add(url)

    def entries(self, answer: Answer) -> list[object]:
        """The list in an answer."""
        host = _host(self.server.api)
        if not isinstance(answer.body, list):
            raise SourceError(
                f"{host} answers with something that is no list of repositories: is this the "
                f"address of a {self.server.name} server, with no sign-in page in front of it?"
            )
        self._listed += len(answer.body)
        if self._listed > MOST_REPOSITORIES:
            raise SourceError(f"{host} lists more than {MOST_REPOSITORIES:,} repositories")
        return answer.body

    def _wait(self, seconds: float) -> None:
        if self._waited + seconds > MOST_WAITING:
            more = "" if self.server.token else f"; a token in {self.server.variables} raises it"
            raise SourceError(
                f"the rate limit of {_host(self.server.api)} is used up: it is lifted in "
                f"{_minutes(seconds)}{more}"
            )
        self._waited += seconds
        self.tell(f"rate limit of {_host(self.server.api)}: waiting {seconds:.0f} s")
        time.sleep(seconds)

    def _refused(self, answer: Answer) -> Refused:
        host, status = _host(self.server.api), answer.status
        said = _said(answer)
        if status == 401:
            text = f"{host} does not take the token in {self.server.variables}"
            if self.server.token is None:
                text = f"{host} wants a token: set {self.server.variables}"
        elif status == 403:
            text = f"{host} denies access" + (f": {said}" if said else "")
        elif status == 404:
            text = f"{host} knows nothing of that name"
            if self.server.token is None:
                text += f" that is public; for what is not, set {self.server.variables}"
            else:
                text += ", or the token may not see it"
        elif status < 400:
            text = f"{host} leads elsewhere (HTTP {status}): name the server that it leads to"
        else:
            text = f"{host} fails with HTTP {status}" + (f": {said}" if said else "")
        return Refused(text, status)


def _in_time(work: Callable[[], Answer]) -> Answer:
    """What the work returns, within `MOST_SECONDS`.

    It runs in a thread, which is left behind when it takes longer: a name server, a TLS handshake,
    headers and a body can each be slow, and no library sets a limit to all of them together.
    """
    done: Future[Answer] = Future()
    threading.Thread(target=_run, args=(work, done), daemon=True).start()
    try:
        return done.result(MOST_SECONDS)
    except TimeoutError:
        if done.done():
            raise
        raise Unanswered(
            f"takes more than {MOST_SECONDS} s for one response", passing=False
        ) from None
    finally:
        del done  # an exception in it refers to this frame: sockets would stay open


def _run(work: Callable[[], Answer], done: Future[Answer]) -> None:
    try:
        done.set_result(work())
    except BaseException as error:
        done.set_exception(error)
    finally:
        del done  # as above


def next_page(answer: Answer) -> str | None:
    """The URL of the next page."""
    from requests.utils import parse_header_links

    header = answer.headers.get("link", "")
    for link in parse_header_links(header) if header else ():
        if link.get("rel") == "next":
            return link.get("url") or None
    return None


def repository(
    server: Server, record: object, *, url: str, name: str, family: object, facts: Facts
) -> Found | git.Failure:
    """One entry of an answer, believed as far as it can be checked.

    ``url`` and ``name`` are the keys of the clone URL and of the name.
    """
    shown = text(record, name) or "an entry without a name"
    try:
        address = clone_address(server, text(record, url))
    except git.GitError as error:
        return failed(shown[:200], str(error))
    try:
        parent = None if family is None else clone_address(server, family).url
    except git.GitError:
        parent = None
    return Found(address, family=parent, facts=facts)


def clone_address(server: Server, url: object) -> git.Address:
    """The address of a clone URL that a server gave, with the token; raises GitError.

    It must lie on that server, by the same protocol, and its path must be plain: a token is sent
    there, and the name becomes that of folders and branches.
    """
    if not isinstance(url, str) or len(url) > 1000:
        raise git.GitError("the forge gives no clone URL for it")
    address = git.Address.parse(url)
    own = git.Address.parse(f"{server.web}/x/y")
    base = own.path.removesuffix("x/y")
    if (address.protocol, address.host) != (own.protocol, own.host) or address.secret is not None:
        raise git.GitError(
            f"its clone URL {git.without_secret(url)[:200]} is not at {server.web}, where the "
            "forge is: refused"
        )
    rest = address.path.removeprefix(base)
    parts = rest.split("/")
    if not address.path.startswith(base) or len(parts) < 2:
        raise git.GitError(f"its clone URL {url[:200]} is not below {server.web}/: refused")
    if any(not _PART.fullmatch(part) or part in (".", "..", ".git") for part in parts):
        raise git.GitError(f"its clone URL {url[:200]} is no plain path: refused")
    return address.with_secret(server.secret())


_USERS = {"GitHub": "x-access-token", "GitLab": "oauth2", "Gitea": "oauth2"}
"""The user name that goes with a token over HTTP. Each forge looks at the token alone, but needs
one: https://docs.github.com/apps, https://docs.gitlab.com/user/profile/personal_access_tokens and
Gitea's services/auth/basic.go."""


def named_host(rest: str) -> tuple[str | None, str]:
    """The host of ``@HOST/...`` and what follows it; None and all of it without one."""
    match = _WORD.fullmatch(rest)
    if match is None:
        return None, rest
    return checked_host(match["host"]), match["rest"]


def checked_host(host: str) -> str:
    if not _HOST.fullmatch(host):
        raise SourceError(f"{host!r} is no host name")
    return host.lower()


def base_url(value: str, variable: str) -> str:
    """The URL in a variable of the environment that holds a host or a URL."""
    value = value.strip().rstrip("/")
    if "://" not in value:
        return f"https://{checked_host(value)}"
    scheme, _, rest = value.partition("://")
    host = rest.partition("/")[0]
    if scheme.lower() not in ("https", "http") or not (_HOST.fullmatch(host) or host == "[::1]"):
        raise SourceError(f"{variable} is no host and no http(s) URL")
    return f"{scheme.lower()}://{host.lower()}{rest[len(host) :]}"


def plain(name: str, what: str) -> str:
    """A name or path that goes into a request's URL."""
    parts = name.split("/")
    if any(not _PART.fullmatch(part) or part in (".", "..") for part in parts):
        raise SourceError(f"{name!r} is no {what}")
    return name


def text(record: object, key: str) -> str | None:
    value = record.get(key) if isinstance(record, dict) else None
    return value if isinstance(value, str) else None


def flag(record: object, key: str) -> bool | None:
    value = record.get(key) if isinstance(record, dict) else None
    return value if isinstance(value, bool) else None


def texts(record: object, key: str) -> tuple[str, ...] | None:
    value = record.get(key) if isinstance(record, dict) else None
    if not isinstance(value, list):
        return None
    return tuple(item[:200] for item in value[:100] if isinstance(item, str))


def moment(record: object, key: str) -> datetime | None:
    from datetime import UTC, datetime

    value = text(record, key)
    try:
        found = datetime.fromisoformat(value) if value else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found


def unanswered(error: requests.RequestException) -> Unanswered:
    """What became of a request without an answer."""
    from requests import exceptions

    match error:
        case exceptions.SSLError():
            return Unanswered(
                f"has a certificate that is not trusted ({_cause(error)}): for an authority of "
                "your own set REQUESTS_CA_BUNDLE",
                passing=False,
            )
        case exceptions.ProxyError():
            return Unanswered(f"is not reached through the proxy ({_cause(error)})", passing=True)
        case exceptions.Timeout():
            return Unanswered(f"gives no answer within {TIMEOUT} s", passing=True)
        case exceptions.ChunkedEncodingError() | exceptions.ContentDecodingError():
            return Unanswered("breaks off in the middle of an answer", passing=True)
        case exceptions.JSONDecodeError():
            return Unanswered("answers with something that is no JSON", passing=False)
        case exceptions.ConnectionError():
            return Unanswered(f"cannot be reached ({_cause(error)})", passing=True)
    return Unanswered(f"cannot be asked ({type(error).__name__})", passing=False)


def session(server: Server) -> requests.Session:
    """A session that goes nowhere but to the server: redirects elsewhere would take the token
    along."""
    import requests

    def inspect(response: requests.Response, *args: object, **kwargs: object) -> None:
        target = response.headers.get("location", "") if response.is_redirect else ""
        if target and not (target.startswith("/") and not target.startswith("//")):
            origin = server.web[: len(server.web) - len(server.web.partition("://")[2])]
            origin += server.web.partition("://")[2].partition("/")[0]
            if not target.lower().startswith(f"{origin}/"):
                response.close()
                raise SourceError(
                    f"{_host(server.api)} leads elsewhere, to {git.without_secret(target)[:200]}: "
                    "name the server that it leads to"
                )

    made = requests.Session()
    made.hooks["response"] += [inspect, bounded]
    return made


def bounded(response: requests.Response, *args: object, **kwargs: object) -> None:
    """A hook of a session: reads the body of a response, up to the bound."""
    pieces: list[bytes] = []
    size = 0
    for piece in response.iter_content(1 << 16):
        size += len(piece)
        if size > MOST_BYTES:
            response.close()
            raise Unanswered(f"sends a response of more than {MOST_BYTES >> 20} MiB", passing=False)
        pieces.append(piece)
    # Where `requests` keeps what it read itself.
    response._content = b"".join(pieces)
    # Else it looks through the whole body for words that give away the encoding.
    response.encoding = response.encoding or "utf-8"


def missing(library: str) -> SourceError:
    """A client library is not installed."""
    return SourceError(f"needs {library}: run {extras.command(library)}")


def user_agent() -> str:
    from patcher import __version__

    return f"patcher/{__version__}"


def _cause(error: BaseException) -> str:
    """The system's own words for a network fault, which lie several exceptions deep."""
    at: BaseException | None = error
    words = ""
    for _depth in range(12):
        if at is None:
            break
        if verified := getattr(at, "verify_message", None):
            return git.printable(str(verified)[:200])
        if isinstance(at, OSError) and at.strerror:
            words = at.strerror.lower()
        inner = [getattr(at, "reason", None), *at.args, at.__cause__, at.__context__]
        at = next((item for item in inner if isinstance(item, BaseException)), None)
    return git.printable(words[:200]) or type(error).__name__


def _rate_limited(answer: Answer) -> float | None:
    """Seconds to wait, where the answer is that the rate limit is used up.

    https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api and
    https://docs.gitlab.com/administration/settings/user_and_ip_rate_limits/#response-headers
    """
    headers = answer.headers
    after, remaining = headers.get("retry-after"), headers.get("x-ratelimit-remaining")
    if answer.status != 429 and not (answer.status == 403 and (after or remaining == "0")):
        return None
    if after is not None and after.isascii() and after.isdigit() and len(after) < 10:
        return max(1.0, float(after))
    for name in ("x-ratelimit-reset", "ratelimit-reset"):
        reset = headers.get(name, "")
        if reset.isascii() and reset.isdigit() and len(reset) < 12:
            return max(1.0, float(reset) - time.time() + 1)
    return 60.0


def _said(answer: Answer) -> str:
    """The forge's own words."""
    for key in ("message", "error"):
        if said := text(answer.body, key):
            return git.printable(said[:200])
    return ""


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0]


def _is_safe(url: str) -> bool:
    host = _host(url)
    name = host if host.endswith("]") else host.partition(":")[0]
    return url.startswith("https://") or name in _LOOPBACK or host.startswith("[::1]:")


def _minutes(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return f"{minutes} minute" + ("" if minutes == 1 else "s")

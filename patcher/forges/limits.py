"""Rate limits: of one server for one token, whichever threads and clients of this process ask.

https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api,
https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api and
https://docs.gitlab.com/administration/settings/user_and_ip_rate_limits/#response-headers
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from time import monotonic, sleep

__all__ = ["BETWEEN_WRITES", "SECONDARY", "Limit", "limit", "sleep"]

SECONDARY = 60.0
"""Seconds to wait where the server does not say how long; twice as long each time in a row."""
BETWEEN_WRITES = 1.0
"""Seconds between requests that change something, as GitHub asks for."""

_SIGNS = ("rate limit", "abuse detection")
"""What GitHub's message has in it: the 403 of a secondary limit may have no header that says so."""


class Limit:
    """The rate limit of one server for one token; for any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free_at = self._write_at = 0.0
        self._in_a_row = 0

    def due(self, *, write: bool) -> float:
        """Return how many seconds to wait before the next request; 0: it may be sent now, and
        counts as sent."""
        with self._lock:
            now = monotonic()
            seconds = (max(self._free_at, self._write_at) if write else self._free_at) - now
            if seconds > 0:
                return seconds
            if write:
                self._write_at = now + BETWEEN_WRITES
            return 0

    def heard(self, status: int, headers: Mapping[str, str], message: str) -> float | None:
        """Take in a response. Return for how many seconds the limit is used up; None: it is not."""
        limited = status == 429 or (
            status == 403
            and (
                "retry-after" in headers
                or headers.get("x-ratelimit-remaining") == "0"
                or any(sign in message.lower() for sign in _SIGNS)
            )
        )
        with self._lock:
            if not limited:
                self._in_a_row = 0
                return None
            seconds = _seconds(headers)
            if seconds is None:
                seconds = SECONDARY * 2**self._in_a_row
                self._in_a_row += 1
            self._free_at = max(self._free_at, monotonic() + seconds)
            return seconds


def _seconds(headers: Mapping[str, str]) -> float | None:
    """How long to wait, as far as the server says so."""
    after = headers.get("retry-after", "")
    if after.isascii() and after.isdigit() and len(after) < 10:
        return max(1.0, float(after))
    if headers.get("x-ratelimit-remaining", "0") != "0":
        return None  # the time of the primary limit, which is not the one that is used up
    for name in ("x-ratelimit-reset", "ratelimit-reset"):
        reset = headers.get(name, "")
        if reset.isascii() and reset.isdigit() and len(reset) < 12:
            return max(1.0, float(reset) - time.time() + 1)
    return None


_limits: dict[tuple[str, str | None], Limit] = {}
_lock = threading.Lock()


def limit(host: str, token: str | None) -> Limit:
    """The limit that all requests to this host with this token share."""
    with _lock:
        return _limits.setdefault((host, token), Limit())

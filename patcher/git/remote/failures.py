"""What git's error output means when a call to a remote fails."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from patcher.git.address import Address
from patcher.git.errors import (
    BoundExceeded,
    Cause,
    DiskFull,
    GitError,
    GitFailed,
    RemoteError,
)
from patcher.text import hidden, without_secrets
from patcher.values import dataclass

FETCH_MEMORY = 160 << 20
"""Bytes of private memory for each process of a fetch or push. Half a million objects take a
quarter of that to receive; to send them, as git on this machine does for ``file://``, 126 MiB."""

MOST_WORDS = 4096
"""Characters of what a server says that are shown: a hook's advice, with the addresses in it."""

NO_SERVER = "the server does not speak git's own protocol: is it a sign-in page that answers?"


@dataclass(frozen=True, slots=True)
class FailureRow:
    """One kind of failure: how git's error output shows it, and what it means."""

    pattern: re.Pattern[bytes]
    cause: Cause
    transient: bool = False
    says: str = ""
    """The message, where git's own line would not tell."""


def _row(pattern: str, cause: Cause, transient: bool = False, says: str = "") -> FailureRow:
    return FailureRow(re.compile(pattern.encode(), re.IGNORECASE), cause, transient, says)


FAILURES = (
    _row(r"requested URL returned error: 429|too many requests", "rate limit", True),
    _row(r"requested URL returned error: 408", "timeout", True),
    _row(r"requested URL returned error: 5[0-9][0-9]|HTTP 5[0-9][0-9] curl", "server error", True),
    _row(
        r"could not read (?:Username|Password) for|requested URL returned error: 401",
        "authentication",
        says="the server wants a user name and password, or token: set up a git credential helper "
        "for it",
    ),
    _row(r"Authentication failed for", "authentication", says="the user or token is not accepted"),
    _row(r"requested URL returned error: 403", "authentication"),
    _row(r"(?-i:^ERROR: ).*(?:denied|permission|not allowed|SAML|single sign)", "authentication"),
    _row(r"Permission denied \(|Too many authentication failures", "authentication"),
    _row(r"Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED", "authentication"),
    _row(r"detected dubious ownership", "authentication"),
    _row(r"requested URL returned error: (?:404|410)", "not found"),
    _row(r"repository '?.*'? not found|repository not found|project .* not be found", "not found"),
    _row(r"does not appear to be a git repository|no such path|not exported", "not found"),
    # What forges say over ssh, before they hang up.
    _row(r"(?-i:^ERROR: )", "rejected"),
    _row(
        r"receiving end does not support push options",
        "protocol",
        says="the server takes no push options (receive.advertisePushOptions), which ask for a "
        "review: give a token for its interface, or open the review by hand",
    ),
    _row(r"not our ref|unadvertised object", "protocol", True, "a branch moved meanwhile"),
    _row(r"certificate|SSL: no alternative|TLS alert|wrong version number", "protocol"),
    _row(r"Operation too slow|timed out|Timeout was reached|timeout after", "timeout", True),
    _row(r"Name or service not known|nodename nor servname", "network"),
    _row(
        r"Could not resolve|Temporary failure in name|"
        r"Couldn't connect|Failed to connect|unable to connect|Connection refused|"
        r"Connection reset|Recv failure|Send failure|Empty reply|unreachable|No route to host|"
        r"Connection closed|kex_exchange|transfer closed|SSL_ERROR_SYSCALL|GnuTLS|HTTP/2 stream|"
        r"unexpected disconnect|early EOF|premature end|hung up|Broken pipe|curl (?:18|56|92|28)\b",
        "network",
        True,
    ),
    _row(r"dumb http transport|not valid: is this a git rep", "protocol", says=NO_SERVER),
    _row(r"transport .* not allowed", "protocol"),
    _row(
        r"invalid index-pack output|bad pack header|pack (?:has|is)|index-pack|unpack-objects|"
        r"inflate|protocol error|bad line length|expected |"
        r"unexpected |invalid |did not send|bad band|unable to parse|mismatched|RPC failed",
        "protocol",
    ),
    _row(r"Could not read from remote repository", "network", True),
)
"""What git's error output means, the first that matches. Each row is tested with a real server
where there can be one on loopback."""

_NO_ROOM = re.compile(
    rb"^(?!remote:).*(?:No space left on device|Disk quota exceeded|Read-only file system)",
    re.DOTALL,
)
"""What git says of this machine's disk; the server's own may be full as well."""

_NO_MEMORY = re.compile(rb"out of memory|cannot allocate|unable to create thread", re.IGNORECASE)
_KILLED = re.compile(rb"^error: .*died of signal 9\b", re.MULTILINE)
"""A git on this machine; what the server says of its own has a mark."""


def explained(failed: GitFailed, address: Address) -> GitError:
    """The error that says what a failed call to a remote means."""
    stderr = failed.stderr
    if _NO_MEMORY.search(stderr):
        return BoundExceeded(
            "what it sends takes more memory than git may use "
            f"({FETCH_MEMORY >> 20} MiB, FETCH_MEMORY)"
        )
    if _KILLED.search(stderr):
        return BoundExceeded(
            "what it sends takes more memory than this machine has left: the system ended git "
            "(signal 9)"
        )
    lines = [line for line in stderr.split(b"\n") if not _TRACE.match(line)]
    full = next((line for line in lines if _NO_ROOM.search(line)), None)
    if full is not None:
        return DiskFull(f"what it sends cannot be written: {_without_marks(full, address)}")
    for row in FAILURES:
        for line in lines:
            if row.pattern.search(_QUOTED.sub(b"''", line)):
                transient = row.transient and not (
                    b"Could not resolve host:" in line and _is_unknown(address.host)
                )
                shown = f"{row.cause}: {row.says or _without_marks(line, address)}"
                rest = b"\n".join(each for each in lines if each != line)
                said = words(rest, address, plain=line.startswith(b"ERROR: "))
                shown += f"; the server says: {said}" if said else ""
                return RemoteError(shown, row.cause, transient=transient)
    return GitFailed(without_secret_of(str(failed), address), failed.status, stderr)


def words(stderr: bytes, address: Address, *, plain: bool = False) -> str:
    """What the server says to the user, whole, on one line. git marks it with ``remote:``; over ssh
    it may come without, where only git's own lines have a mark (``plain``)."""
    pattern = rb"^(?!fatal:|error:|hint:)(?:remote:)?(.*)" if plain else rb"^remote:(.*)"
    marked = re.findall(pattern, stderr.partition(b"\nfatal:")[0] if plain else stderr, re.M)
    said = b" ".join(b" ".join(line.rpartition(b"\r")[2].split()) for line in marked).strip()
    return without_secret_of(said.decode("utf-8", "replace"), address)[:MOST_WORDS]


def _without_marks(line: bytes, address: Address) -> str:
    """A line of git's error output, without what says which program wrote it."""
    shown = without_secret_of(line.decode("utf-8", "replace").strip(), address)[:MOST_WORDS]
    for word in ("fatal: ", "error: ", "remote: "):
        shown = shown.removeprefix(word)
    return _ACCESS.sub("", shown)  # every message names the URL


def _is_unknown(host: str) -> bool:
    """Whether there is no host of that name. curl says the same of a name server that does not
    answer, which may pass."""
    import socket

    try:
        socket.getaddrinfo(re.sub(r":[0-9]+\Z", "", host), None)
    except socket.gaierror as error:
        return error.errno == socket.EAI_NONAME
    except (OSError, ValueError):  # no name that can be asked for
        return False
    return False


_TRACE = re.compile(rb"[0-9:.]{8,} ")
_ACCESS = re.compile(r"unable to access '[^']*': ")
# A repository may be called `certificate`.
_QUOTED = re.compile(rb"'[^']*'")


def without_secret_of(text: str, address: Address) -> str:
    """Without the address's secret, however the remote or git writes it, and without other
    passwords in URLs."""
    words: Sequence[str] = ()
    if address.secret is not None:
        from base64 import b64encode

        secret = address.secret
        pair = os.fsencode(f"{secret.username or 'token'}:{secret.password}")
        words = (b64encode(pair).decode(), *secret.words())
    words = [word for word in words if len(word) > 3 and word not in _NO_SECRETS]
    return without_secrets(hidden(text, words))


_NO_SECRETS = {"oauth2", "token", "x-access-token", "x-oauth-basic", "x-token-auth"}
"""What stands for a user name, or password, where the other of the two is a token."""

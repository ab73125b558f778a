"""Remote repositories: list their refs, fetch objects, push a commit.

A remote is as hostile as any repository, and may hang, lie and flood as well. What is done about
it, beyond what `runner` does to each call:

- Only the protocol of the address may be used, and only its own host is spoken to: redirects are
  followed by asking the new address ourselves, and only within the host.
- What the user configured for remotes (``credential.*``, ``http.*``, ``core.sshCommand``) is
  passed on, through the environment of the one process. ``url.*.insteadOf`` is applied here, so
  that a password in it is taken out before git puts the URL on a command line.
- A password or token reaches git by an environment variable that a credential helper reads, which
  is set for the address's own host. It is never part of an argument, a file or an error.
- git gets no terminal and no program to ask with; ssh runs in batch mode.
- Time, memory, the list of refs and the size of what is fetched are limited.

The ids of the objects that come are computed by git here (``index-pack``), not told by the remote,
so an id stands for its content whoever sent it. What git calls malformed (``fetch.fsckObjects``)
is let in, as it is by `git clone`: old trees of well-known projects are, and what reads objects
here takes nothing on trust.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from patcher import interrupts
from patcher.git.address import Address, Secret
from patcher.git.errors import (
    BoundExceeded,
    Cause,
    GitError,
    GitFailed,
    GitTimeout,
    RemoteError,
    RemoteMoved,
)
from patcher.git.identity import user_settings
from patcher.git.limits import TIMEOUT, time_left
from patcher.git.refs import check_branch_name, is_ref_name
from patcher.git.runner import MEMORY_LIMIT, environment, run, scratch, setting
from patcher.git.values import Repository
from patcher.text import hidden, printable, without_secrets

MAX_ADVERTISED = 64 << 20
"""Bytes of a remote's list of refs; a million branches take about as much."""

MAX_FETCHED = 4 << 30
"""Bytes of one pack from a remote: the largest known trees, one commit deep, take half of it."""

FETCH_MEMORY = 1 << 30
"""Bytes of private memory for each process of a fetch or push; a million objects take a fifth."""

STALL = 60
"""Seconds without a byte after which an HTTP server is given up; git's sends one every 5 s while
it works."""

REDIRECTS = 3
"""Redirects that are followed, each within the host."""


@dataclass(slots=True)
class Retries:
    """How often and when a transient failure is tried again."""

    attempts: int = 5
    first_wait: float = 1.0
    """Seconds; doubled each time."""
    longest_wait: float = 30.0
    jitter: float = 1.0
    """Seconds by which a wait is longer at random, so that many do not come back at once."""


RETRIES = Retries()


@dataclass(frozen=True, slots=True)
class RemoteRefs:
    """What a remote says of its refs.

    ``head`` is the full name of the branch that HEAD names, None where it names none. ``refs`` are
    object ids by full name, with ``HEAD`` itself where it has a commit; names that git would not
    take are left out. ``object_format`` is ``sha1`` or ``sha256``.
    """

    head: str | None
    refs: dict[str, str]
    object_format: str


def list_refs(
    address: Address, patterns: Sequence[str] = (), *, timeout: float = TIMEOUT
) -> RemoteRefs:
    """Ask a remote for its refs: those that match one of ``patterns`` (git-ls-remote(1)), or all.

    Raises `RemoteError`, also where something that is no git server answers (a sign-in page), and
    `BoundExceeded` for a list over `MAX_ADVERTISED`.
    """
    output = call(
        address,
        ["ls-remote", "--exit-code", "--symref", "-q", "--", REMOTE, *patterns],
        timeout=timeout,
        limit=MAX_ADVERTISED,
        memory=MEMORY_LIMIT,
    )
    head = None
    refs = {}
    for line in output.split(b"\n"):
        value, _tab, name = line.decode("utf-8", "surrogateescape").partition("\t")
        if value.startswith("ref: "):
            if name == "HEAD" and is_ref_name(value[5:]):
                head = value[5:]
        elif _OID.match(value) and (name == "HEAD" or is_ref_name(name)):
            refs[name] = value
    sizes = {len(oid) for oid in refs.values()}
    if len(sizes) > 1:
        raise RemoteError("the remote mixes SHA-1 and SHA-256", "protocol")
    return RemoteRefs(head, refs, "sha256" if sizes == {64} else "sha1")


_OID = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")


def fetch(
    address: Address,
    git_dir: Path,
    oids: Sequence[str],
    *,
    depth: bool = True,
    partial: bool = False,
    filter: bool = False,
    timeout: float = TIMEOUT,
    pass_fds: Sequence[int] = (),
) -> None:
    """Fetch objects by id, into a repository of our own; refs are left to the caller.

    ``depth``: each commit without its parents. ``partial``: the repository may lack blobs that it
    did not ask for. ``filter``: fetch no blobs but those among ``oids``. Raises `RemoteError`, and
    `BoundExceeded` for a pack over `MAX_FETCHED`.
    """
    command = ["fetch", "-q", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"]
    command += ["--no-recurse-submodules", "--no-show-forced-updates", "--stdin"]
    config = dict(_FETCH)
    if depth:
        command.append("--depth=1")
    else:
        config["fetch.negotiationAlgorithm"] = "noop"
    if partial or filter:
        # Said here, git need not write it to the repository's configuration.
        config[f"remote.{REMOTE}.promisor"] = "true"
    if filter:
        command.append("--filter=blob:none")
        config[f"remote.{REMOTE}.partialCloneFilter"] = "blob:none"
    try:
        call(
            address,
            [*command, "--", REMOTE],
            git_dir=git_dir,
            stdin="".join(f"{oid}\n" for oid in oids).encode(),
            config=config,
            timeout=timeout,
            memory=FETCH_MEMORY,
            file_size=MAX_FETCHED,
            pass_fds=pass_fds,
        )
    except GitError:
        if _drop_unfinished(git_dir) >= MAX_FETCHED:
            raise BoundExceeded(
                f"what it sends is over the limit of {MAX_FETCHED >> 20} MiB (MAX_FETCHED)"
            ) from None
        raise


def _drop_unfinished(git_dir: Path) -> int:
    """Remove packs that were not received whole; the size of the largest."""
    size = 0
    for file in (git_dir / "objects/pack").glob("tmp_*"):
        with contextlib.suppress(OSError):
            size = max(size, file.stat().st_size)
            file.unlink()
    return size


# One small pack is written in half the time of loose objects, and read faster; that it reaches the
# disk does not matter, since it can be fetched again. The helper of alternates' refs is git's own.
_FETCH: dict[str, str | None] = {
    "fetch.unpackLimit": "1",
    "core.fsync": "none",
    "core.alternateRefsCommand": None,
    "pack.threads": "1",
}


def push(
    repository: Repository,
    branch: str,
    commit: str,
    expected: str | None,
    *,
    timeout: float = TIMEOUT,
) -> None:
    """Point a branch of the remote at ``commit``, if it is at ``expected`` there (None: if it does
    not exist there). One that is at ``commit`` already is left as it is.

    Transient failures are tried again. Raises `RemoteError`, of the cause "rejected" when the
    branch is elsewhere or the remote does not want it. No hook of this side runs; those of the
    remote are its own, also with ``file://``. The repository's configuration is not read.
    """
    if repository.address is None:
        raise GitError(f"{printable(repository.path)} has no address to push to")
    check_branch_name(branch)
    address = repository.address
    ref = f"refs/heads/{branch}"
    command = ["push", "--porcelain", "--no-verify", "--no-signed", "--no-follow-tags"]
    command += ["--recurse-submodules=no", f"--force-with-lease={ref}:{expected or ''}"]
    objects = repository.common_dir / "objects"
    extra = {"GIT_OBJECT_DIRECTORY": os.fspath(objects)}
    shallow = repository.common_dir / "shallow"
    if shallow.is_file():
        extra["GIT_SHALLOW_FILE"] = os.fspath(shallow)

    def attempt(left: float) -> bytes:
        return call(
            address,
            [*command, "--", REMOTE, f"{commit}:{ref}"],
            service="push",
            git_dir=Path(scratch(len(commit))),
            extra=extra,
            timeout=left,
            memory=FETCH_MEMORY,
        )

    end = time.monotonic() + timeout
    output = retried(attempt, timeout)
    lines = output.decode("utf-8", "replace").splitlines()
    for line in lines:
        if line[:1] in "=*+ " and f":{ref}\t" in line:
            return
        if line.startswith("!"):
            # Where an answer was lost, what was done already is refused the second time.
            there = list_refs(address, [ref], timeout=max(1.0, end - time.monotonic()))
            if there.refs.get(ref) == commit:
                return
            why = line.rpartition("\t")[2]
            inner = why[why.find("(") + 1 : why.rfind(")")] or why
            if inner in ("stale info", "fetch first", "non-fast-forward", "already exists"):
                raise RemoteMoved(
                    f"branch {branch} was not pushed: it was moved there in between: run again",
                    "rejected",
                )
            # A hook's own words, or a forge's.
            words = [each[8:].strip() for each in lines if each.startswith("remote: ")]
            inner = ": ".join([inner, *filter(None, [" ".join(words).strip()])])
            raise RemoteError(
                f"branch {branch} was not pushed: {_hidden(inner, address)[:400]}", "rejected"
            )
    raise RemoteError(f"branch {branch} was not pushed: the remote does not say why", "protocol")


_T = TypeVar("_T")


def retried(attempt: Callable[[float], _T], timeout: float) -> _T:
    """Call ``attempt`` with the seconds that are left until it succeeds, fails for good, or time is
    up. What is raised is the last failure."""
    timeout = time_left(timeout)
    end = time.monotonic() + timeout
    try:
        return attempt(timeout)
    except RemoteError as error:
        if not error.transient or RETRIES.attempts < 2:
            raise
        failure = error
    import logging

    import stamina

    logging.getLogger("stamina").addHandler(logging.NullHandler())
    first = True
    for again in stamina.retry_context(
        on=_may_pass,
        attempts=RETRIES.attempts,
        timeout=max(0.001, end - time.monotonic()),
        wait_initial=RETRIES.first_wait,
        wait_max=RETRIES.longest_wait,
        wait_jitter=RETRIES.jitter,
    ):
        with again:
            if first:  # the attempt that was made before stamina was loaded
                first = False
                raise failure
            try:
                return attempt(max(0.001, end - time.monotonic()))
            except RemoteError as error:
                if error.cause == "timeout" and time.monotonic() >= end:
                    raise failure from None  # which says more than that time is up
                failure = error
                raise
    raise failure


def _may_pass(error: Exception) -> bool:
    return isinstance(error, RemoteError) and error.transient


REMOTE = "origin"
"""The name under which a call knows its address: URLs in arguments would end up in messages, and
git would write that of a partial clone to its configuration."""


def call(
    address: Address,
    arguments: Sequence[str],
    *,
    service: str = "fetch",
    git_dir: Path | None = None,
    stdin: bytes = b"",
    config: dict[str, str | None] | None = None,
    extra: dict[str, str] | None = None,
    timeout: float = TIMEOUT,
    limit: int = MAX_ADVERTISED,
    memory: int | None = None,
    file_size: int | None = None,
    pass_fds: Sequence[int] = (),
) -> bytes:
    """Run a git that speaks to ``address``, which it knows as `REMOTE`. Raises `RemoteError`."""
    settings = user_settings()
    target = _rewritten(address, settings, service)
    end = time.monotonic() + timeout
    traced = False
    for _ in range(2 * REDIRECTS + 2):
        env = _environment(target, settings, config or {}, extra or {}, trace=traced)
        try:
            return run(
                arguments,
                git_dir=git_dir,
                stdin=stdin,
                env=env,
                timeout=max(0.001, end - time.monotonic()),
                limit=limit,
                memory=memory,
                file_size=file_size,
                pass_fds=pass_fds,
                session=True,
            )
        except GitTimeout:
            time_left()  # where it is the repository's whole time that is up, it says so
            raise RemoteError(
                f"the remote did not answer within {timeout:.3g} s", "timeout", transient=True
            ) from None
        except GitFailed as failed:
            if service == "push" and re.search(rb"\t\[(?:remote )?rejected\]", failed.output):
                return failed.output + b"\n" + failed.stderr
            if failed.status == _NO_REFS and "--exit-code" in arguments:
                if not target.protocol.startswith("http") or _GIT_SERVER.search(failed.stderr):
                    return b""
                if traced:
                    raise RemoteError(f"protocol: {_NO_SERVER}", "protocol") from None
            elif _REDIRECT.search(failed.stderr) is None:
                raise explained(failed, target) from None
            elif traced:
                target = _redirected(target, failed.stderr)
            traced = not traced
        except GitError as error:
            if "more than its limit" in str(error):
                raise BoundExceeded(
                    f"its list of refs is over the limit of {limit >> 20} MiB (MAX_ADVERTISED)"
                ) from None
            raise
    raise RemoteError(f"more than {REDIRECTS} redirects", "protocol")


_NO_REFS = 2
"""git's exit status where a remote has no refs. Over HTTP git says so of any page without a line
break, and of an empty one, as of the list of refs of a server that does not speak its protocol
(gitprotocol-http(5)); of a server that does, the type of the answer tells."""
_GIT_SERVER = re.compile(
    rb"<= Recv header: Content-Type: application/x-git-upload-pack-advertisement\b", re.IGNORECASE
)
_NO_SERVER = "the server does not speak git's own protocol: is it a sign-in page that answers?"

_REDIRECT = re.compile(rb"The requested URL returned error: 30[1278]\b")
_LOCATION = re.compile(rb"<= Recv header: Location: ([^\r\n]+)", re.IGNORECASE)


def _redirected(address: Address, stderr: bytes) -> Address:
    """Where the server sent us, as git's trace of the answer's headers says."""
    places = _LOCATION.findall(stderr)
    text = places[-1].decode("utf-8", "replace").strip() if places else ""
    text = text.partition("/info/refs")[0].partition("?")[0]
    if text.startswith("/") and not text.startswith("//"):
        text = f"{address.protocol}://{address.host}{text}"
    try:
        new = Address.parse(text)
    except GitError:
        raise RemoteError("the server redirects to what is no address", "protocol") from None
    plain = re.compile(r":[0-9]+\Z")
    if plain.sub("", new.host) != plain.sub("", address.host):
        raise RemoteError(f"the server redirects to {new.url}: name that instead", "protocol")
    if new.protocol != "https" and new.protocol != address.protocol:
        raise RemoteError(f"the server redirects to {new.url}, which is less safe", "protocol")
    if new.host != address.host and new.protocol == address.protocol:
        raise RemoteError(f"the server redirects to {new.url}: name that instead", "protocol")
    return replace(new, secret=address.secret)


def _rewritten(address: Address, settings: Sequence[tuple[str, str]], service: str) -> Address:
    """What the user's ``url.*.insteadOf`` makes of it; the longest match counts
    (git-config(1))."""
    for variable in ("pushinsteadof", "insteadof") if service == "push" else ("insteadof",):
        best = ("", "")
        for key, value in settings:
            if key.startswith("url.") and key.endswith("." + variable):
                base = key[4 : -len(variable) - 1]
                if value and address.url.startswith(value) and len(value) > len(best[0]):
                    best = (value, base)
        if best[0]:
            text = best[1] + address.url[len(best[0]) :]
            new = Address.parse(f"file://{text}" if text.startswith("/") else text)
            kept = new.host == address.host and new.protocol in (address.protocol, "https")
            return new.with_secret(address.secret) if kept else new
    return address


_OPENSSH = " -o BatchMode=yes"
_PASSED = ("GIT_SSL_", "GIT_PROXY_SSL_", "GIT_HTTP_")
_USER_VARIABLE, _SECRET_VARIABLE = "PATCHER_REMOTE_USER", "PATCHER_REMOTE_SECRET"

# Speaks git-credential(1)'s protocol; the shell is the one that git runs each helper with.
_HELPER = (
    f'!f() {{ test "$1" = get || exit 0; printf "username=%s\\npassword=%s\\n" '
    f'"${_USER_VARIABLE}" "${_SECRET_VARIABLE}"; }}; f'
)


def _environment(
    address: Address,
    settings: Sequence[tuple[str, str]],
    config: dict[str, str | None],
    extra: dict[str, str],
    *,
    trace: bool,
) -> dict[str, str]:
    chosen: list[tuple[str, str]] = []
    config, extra = dict(config), dict(extra)
    known = dict(settings)
    if address.protocol in ("https", "http"):
        chosen += [
            pair
            for pair in settings
            if pair[0].startswith(("credential.", "http."))
            and not pair[0].endswith(".followredirects")
        ]
        chosen += [("http.followRedirects", "false")]
        chosen += [("http.lowSpeedLimit", "1"), ("http.lowSpeedTime", str(STALL))]
        extra |= {name: value for name, value in os.environ.items() if name.startswith(_PASSED)}
        if address.secret is not None:
            chosen += _for_host(address, address.secret)
            extra[_USER_VARIABLE] = address.secret.username or "token"
            extra[_SECRET_VARIABLE] = address.secret.password
        if trace:
            extra |= {"GIT_TRACE_CURL": "2", "GIT_TRACE_CURL_NO_DATA": "1"}
    elif address.protocol == "ssh":
        extra |= _ssh(known)
    elif address.protocol == "file":
        extra["GIT_CONFIG_GLOBAL"] = _trusted(settings)
    elif address.protocol == "git":
        # The first that fits counts (git-config(1)), so ours has to go.
        config["core.gitProxy"] = None
        chosen += [pair for pair in settings if pair[0] == "core.gitproxy"]
    chosen.append((f"remote.{REMOTE}.url", address.url))
    return environment(config, extra, address.protocol, chosen)


def _trusted(settings: Sequence[tuple[str, str]]) -> str:
    """A file with the user's ``safe.directory`` alone, for the git on the other side, which gets
    the environment without its configuration."""
    values = [value for key, value in settings if key == "safe.directory"]
    if not values:
        return os.devnull
    path = f"{scratch()}/trusted"
    new = f"{path}{os.urandom(8).hex()}"
    with interrupts.shielded():
        with open(new, "x", encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123
            file.write("".join(setting("safe", "directory", value) for value in values))
        os.rename(new, path)  # noqa: PTH104
    return path


def _for_host(address: Address, secret: Secret) -> list[tuple[str, str]]:
    """Configuration that lets git use the secret, for the address's own host."""
    scope = f"credential.{address.protocol}://{address.host}"
    if not secret.password:
        # A lone word before the @: a user name, whose password the user's own helper may know, or
        # else a token.
        return [(f"{scope}.username", secret.username), (f"{scope}.helper", _HELPER)]
    return [(f"{scope}.helper", ""), (f"{scope}.helper", _HELPER)]


def _ssh(known: dict[str, str]) -> dict[str, str]:
    """The user's ssh, kept from asking: without a terminal it could only ask by a program."""
    import shlex

    command = os.environ.get("GIT_SSH_COMMAND") or known.get("core.sshcommand")
    if not command and os.environ.get("GIT_SSH"):
        command = shlex.quote(os.environ["GIT_SSH"])
    variant = os.environ.get("GIT_SSH_VARIANT") or known.get("ssh.variant") or "auto"
    if not command:
        command = f"ssh{_OPENSSH} -o ConnectTimeout=30 -o ServerAliveInterval=15"
    else:
        try:
            words = shlex.split(command)
        except ValueError:
            words = []
        # Other programs (plink, a script) may not know the option.
        if words and variant in ("auto", "ssh") and os.path.basename(words[0]) == "ssh":  # noqa: PTH119
            command += _OPENSSH
    extra = {"GIT_SSH_COMMAND": command, "SSH_ASKPASS_REQUIRE": "force"}
    if variant != "auto":
        extra["GIT_SSH_VARIANT"] = variant
    return extra


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of failure: how git's error output shows it, and what it means."""

    pattern: re.Pattern[bytes]
    cause: Cause
    transient: bool = False
    says: str = ""
    """The message, where git's own line would not tell."""


def _row(pattern: str, cause: Cause, transient: bool = False, says: str = "") -> Row:
    return Row(re.compile(pattern.encode(), re.IGNORECASE), cause, transient, says)


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
    _row(r"Permission denied \(|Too many authentication failures", "authentication"),
    _row(r"Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED", "authentication"),
    _row(r"detected dubious ownership", "authentication"),
    _row(r"requested URL returned error: (?:404|410)", "not found"),
    _row(r"repository '?.*'? not found|repository not found|project .* not be found", "not found"),
    _row(r"does not appear to be a git repository|no such path|not exported", "not found"),
    _row(r"not our ref|unadvertised object", "protocol", True, "a branch moved meanwhile"),
    _row(r"certificate|SSL: no alternative|TLS alert|wrong version number", "protocol"),
    _row(r"Operation too slow|timed out|Timeout was reached|timeout after", "timeout", True),
    _row(
        r"Could not resolve|Temporary failure in name|Name or service not known|"
        r"Couldn't connect|Failed to connect|unable to connect|Connection refused|"
        r"Connection reset|Recv failure|Send failure|Empty reply|unreachable|No route to host|"
        r"Connection closed|kex_exchange|transfer closed|SSL_ERROR_SYSCALL|GnuTLS|HTTP/2 stream|"
        r"unexpected disconnect|early EOF|premature end|hung up|Broken pipe|curl (?:18|56|92|28)\b",
        "network",
        True,
    ),
    _row(r"dumb http transport|not valid: is this a git rep", "protocol", says=_NO_SERVER),
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

_NO_MEMORY = re.compile(rb"out of memory|cannot allocate|unable to create thread", re.IGNORECASE)


def explained(failed: GitFailed, address: Address) -> GitError:
    """The error that says what a failed call to a remote means."""
    stderr = failed.stderr
    if _NO_MEMORY.search(stderr):
        return BoundExceeded(
            "what it sends takes more memory than git may use "
            f"({FETCH_MEMORY >> 20} MiB, FETCH_MEMORY)"
        )
    lines = [line for line in stderr.split(b"\n") if not _TRACE.match(line)]
    for row in FAILURES:
        for line in lines:
            if row.pattern.search(_QUOTED.sub(b"''", line)):
                shown = row.says
                if not shown:
                    shown = _hidden(line.decode("utf-8", "replace").strip(), address)[:500]
                    for word in ("fatal: ", "error: ", "remote: "):
                        shown = shown.removeprefix(word)
                    shown = _ACCESS.sub("", shown)  # the URL is told in any case
                return RemoteError(f"{row.cause}: {shown}", row.cause, transient=row.transient)
    return GitFailed(_hidden(str(failed), address), failed.status, stderr)


_TRACE = re.compile(rb"[0-9:.]{8,} ")
_ACCESS = re.compile(r"unable to access '[^']*': ")
# A repository may be called `certificate`.
_QUOTED = re.compile(rb"'[^']*'")


def _hidden(text: str, address: Address) -> str:
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

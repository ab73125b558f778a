"""Remote repositories: list their refs, fetch objects, push a commit.

A remote is as hostile as any repository, and may hang, lie and flood as well. What is done about
it, beyond what `patcher.git.runner` does to each call, stands in `transport`. Time, memory, the
list of refs and the size of what is fetched are limited.

The ids of the objects that come are computed by git here (``index-pack``), not told by the remote,
so an id stands for its content whoever sent it. What git calls malformed (``fetch.fsckObjects``)
is let in, as it is by `git clone`: old trees of well-known projects are, and what reads objects
here takes nothing on trust.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import TypeVar

from patcher.git.address import Address
from patcher.git.errors import (
    BoundExceeded,
    BranchTaken,
    DiskFull,
    GitError,
    Misused,
    RemoteError,
    RemoteMoved,
    ShallowRefused,
    name_refused,
)
from patcher.git.limits import TIMEOUT, clock, time_left
from patcher.git.process import most_file_size
from patcher.git.refs import check_branch_name, is_ref_name
from patcher.git.remote.failures import FETCH_MEMORY, without_secret_of, words
from patcher.git.remote.transport import MAX_ADVERTISED, REMOTE, call, pushed_elsewhere
from patcher.git.scratch import scratch
from patcher.git.values import Repository
from patcher.text import printable
from patcher.values import dataclass

__all__ = [
    "FETCH_MEMORY",
    "MAX_ADVERTISED",
    "MAX_FETCHED",
    "OID",
    "REMOTE",
    "RETRIES",
    "RemoteRefs",
    "Retries",
    "call",
    "check_pushes",
    "fetch",
    "list_refs",
    "push",
    "retried",
]

MAX_FETCHED = 4 << 30
"""Bytes of one pack from a remote: the largest known trees, one commit deep, take half of it."""


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
    take are left out. ``object_format`` is ``sha1`` or ``sha256``. ``symbolic`` has what those refs
    stand for that are other names, as far as the server says so (git's protocol, version 2).
    """

    head: str | None
    refs: dict[str, str]
    object_format: str
    symbolic: Mapping[str, str] = field(default_factory=dict)


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
        memory=FETCH_MEMORY,
    )
    symbolic = {}
    refs = {}
    for line in output.split(b"\n"):
        value, _tab, name = line.decode("utf-8", "surrogateescape").partition("\t")
        if value.startswith("ref: "):
            if is_ref_name(value[5:]):
                symbolic[name] = value[5:]
        elif OID.match(value) and (name == "HEAD" or is_ref_name(name)):
            refs[name] = value
    sizes = {len(oid) for oid in refs.values()}
    if len(sizes) > 1:
        raise RemoteError("the remote mixes SHA-1 and SHA-256", "protocol")
    head = symbolic.pop("HEAD", None)
    return RemoteRefs(head, refs, "sha256" if sizes == {64} else "sha1", symbolic)


OID = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")


def fetch(
    address: Address,
    git_dir: Path,
    oids: Sequence[str],
    *,
    depth: bool | None = True,
    filter: bool = False,
    commits: bool = False,
    without: str | None = None,
    timeout: float = TIMEOUT,
    pass_fds: Sequence[int] = (),
) -> None:
    """Fetch objects by id, into a repository of our own; refs are left to the caller.

    ``depth``: each commit without its parents; None: with all of them, also where some were fetched
    without. ``filter``: fetch no blobs but those among ``oids``. ``commits``: fetch no trees
    either, where the remote can leave them out. ``without``: with their parents, but not what this
    ref of the remote has; where that is all, it fails. Raises `RemoteError`, `BoundExceeded` for a
    pack over `MAX_FETCHED`, and `DiskFull` for one over what the user's system allows of a file.
    """
    command = ["fetch", "-q", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"]
    command += ["--no-recurse-submodules", "--no-show-forced-updates", "--stdin"]
    config = dict(_FETCH)
    if depth is None:
        command.append("--unshallow")
    if without is not None:
        command.append(f"--shallow-exclude={without}")
    elif depth:
        command.append("--depth=1")
    else:
        config["fetch.negotiationAlgorithm"] = "noop"
    if filter or commits:
        what = "tree:0" if commits else "blob:none"
        # Said here, git need not write it to the repository's configuration.
        config[f"remote.{REMOTE}.promisor"] = "true"
        command.append(f"--filter={what}")
        config[f"remote.{REMOTE}.partialCloneFilter"] = what
    most = most_file_size(MAX_FETCHED)
    try:
        call(
            address,
            [*command, "--", REMOTE],
            git_dir=git_dir,
            stdin="".join(f"{oid}\n" for oid in oids).encode(),
            config=config,
            timeout=timeout,
            memory=FETCH_MEMORY,
            file_size=most,
            pass_fds=pass_fds,
        )
    except GitError:
        if _drop_unfinished(git_dir) >= most:
            if most < MAX_FETCHED:
                raise DiskFull(
                    f"what it sends cannot be written: no file may have over {most} bytes "
                    "(ulimit -f)"
                ) from None
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
    commit: str | None,
    expected: str | None,
    *,
    to: str | None = None,
    options: Sequence[str] = (),
    timeout: float = TIMEOUT,
    slot: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext,
) -> str:
    """Point a branch of the remote at ``commit`` (None: remove it), if it is at ``expected`` there
    (None: if it does not exist there). One that is at ``commit`` already is left as it is. Returns
    what the server says of it on one line, such as where to open a pull request; empty where it
    says nothing. ``options`` are for the server (git-push(1), ``--push-option``), which has to take
    some. ``to`` is where the server takes changes for review, such as ``refs/for/main``: it keeps
    no branch there that ``expected`` could be compared with, and may refuse what it has already.

    Transient failures are tried again; each attempt stands in a ``slot``. Raises `RemoteError`, of
    the cause "rejected" when the branch is elsewhere or the remote does not want it. No hook of
    this side runs; those of the remote are its own, also with ``file://``. The repository's
    configuration is not read.
    """
    if repository.address is None:
        raise GitError(f"{printable(repository.path)} has no address to push to")
    check_branch_name(branch)
    address = repository.address
    ref = to or f"refs/heads/{branch}"
    command = ["push", "--porcelain", "--no-verify", "--no-signed", "--no-follow-tags"]
    command += ["--recurse-submodules=no", *_options(options)]
    if to is None:
        command.append(f"--force-with-lease={ref}:{expected or ''}")
    elif not is_ref_name(to):
        raise GitError(f"{to} is no name that git takes: nothing is pushed there")
    objects = repository.common_dir / "objects"
    extra = {"GIT_OBJECT_DIRECTORY": os.fspath(objects)}
    shallow = repository.common_dir / "shallow"
    if shallow.is_file():
        extra["GIT_SHALLOW_FILE"] = os.fspath(shallow)

    errors: list[bytes] = []

    def attempt(left: float) -> bytes:
        with slot():
            return call(
                address,
                [*command, "--", REMOTE, f"{commit or ''}:{ref}"],
                service="push",
                git_dir=Path(scratch(len(commit or expected or ""))),
                extra=extra,
                timeout=left,
                memory=FETCH_MEMORY,
                errors=errors.append,
            )

    end = clock() + timeout
    output = retried(attempt, timeout)
    said = words(errors[-1], address)
    for line in output.decode("utf-8", "replace").splitlines():
        # What is for review ends in a place of the server's own, which it names.
        if line[:1] in "=*+- " and (line.count("\t") == 2 if to else f":{ref}\t" in line):
            return said
        if line.startswith("!"):
            if to is not None:
                return _for_review(branch, line.rpartition("\t")[2], said, address)
            # Where an answer was lost, what was done already is refused the second time.
            with slot():
                there = list_refs(address, [ref], timeout=max(1.0, end - clock()))
            if ref in there.symbolic:
                raise BranchTaken(
                    f"branch {branch} is another name for {there.symbolic[ref]} there: use another "
                    "--branch"
                )
            if there.refs.get(ref) == commit:
                return said
            raise _refusal(branch, line.rpartition("\t")[2], said, address)
    raise RemoteError(f"branch {branch} was not pushed: the remote does not say why", "protocol")


_MOST_OPTION = 65_000
"""Bytes of one push option: git sends each in one packet (gitprotocol-common(5))."""


def _options(options: Sequence[str]) -> list[str]:
    for option in options:
        if len(option.encode()) > _MOST_OPTION or not {"\n", "\0"}.isdisjoint(option):
            raise GitError(f"git takes no push option such as {option[:40]!r}: it is no line")
    return [f"--push-option={option}" for option in options]


_THERE = ("no new changes", "exists (as current patchset)", "new commit is same with old commit")
"""How Gerrit and Gitea refuse what they have already."""


def _for_review(branch: str, why: str, said: str, address: Address) -> str:
    """What is said of a change that was there already; raises where it is another refusal."""
    for each in _THERE:
        if each in why:
            return f"{said} {each}".strip()
    raise _refusal(branch, why, said, address)


_PRIVATE_ADDRESS = "GH007"
"""GitHub's refusal of commits with an address that their author keeps private: "Blocking command
line pushes that expose your personal email address" in its documentation."""
_MOVED = ("stale info", "fetch first", "non-fast-forward", "already exists")


def _refusal(branch: str, why: str, said: str, address: Address) -> GitError:
    """The error that says why a remote did not take a branch: git's own words, and the server's
    (a hook's, a forge's)."""
    inner = why[why.find("(") + 1 : why.rfind(")")] or why
    ours = not why.startswith("[remote rejected]")
    if ours and inner in _MOVED:
        check_pushes(address)
        text = f"branch {branch} was not pushed: it was moved there in between: run again"
        return RemoteMoved(text, "rejected")
    if inner == "shallow update not allowed":
        return ShallowRefused(f"branch {branch} was not pushed: {inner}", "rejected")
    if refused := name_refused(branch, said):
        return refused
    reason = without_secret_of(inner, address)
    if inner == "non-fast-forward":
        reason = (
            "the server lets no branch be replaced (receive.denyNonFastForwards): use "
            "another --branch, or remove that one there"
        )
    reason = ": ".join(filter(None, [reason, said]))
    if _PRIVATE_ADDRESS in said:
        reason += (
            " - use the noreply address that GitHub gives you, in user.email, or with --author for "
            "this run"
        )
    return RemoteError(f"branch {branch} was not pushed: {reason}", "rejected")


def check_pushes(address: Address) -> None:
    """Raise `Misused` where pushes go elsewhere: what review branches are there is not read."""
    there = pushed_elsewhere(address)
    if there is not None:
        raise Misused(
            f"pushes go to {there.url} (url.*.pushInsteadOf), where patcher reads no review "
            "branch: name that URL itself, or remove the branch there"
        )


_T = TypeVar("_T")


def retried(attempt: Callable[[float], _T], timeout: float) -> _T:
    """Call ``attempt`` with the seconds that are left until it succeeds, fails for good, or time is
    up, or would be after the next wait. What is raised is the last failure."""
    timeout = time_left(timeout)
    end = clock() + timeout
    try:
        return attempt(timeout)
    except RemoteError as error:
        if not error.transient or RETRIES.attempts < 2:
            raise
        failure = error
    import logging

    import stamina

    logging.getLogger("stamina").addHandler(logging.NullHandler())
    waits = 0

    def lasts() -> bool:
        nonlocal waits
        wait = min(RETRIES.first_wait * 2.0**waits, RETRIES.longest_wait) + RETRIES.jitter
        waits += 1
        return clock() + wait < end

    first = True
    for again in stamina.retry_context(
        on=lambda error: _may_pass(error) and lasts(),
        attempts=RETRIES.attempts,
        timeout=None,
        wait_initial=RETRIES.first_wait,
        wait_max=RETRIES.longest_wait,
        wait_jitter=RETRIES.jitter,
    ):
        with again:
            if first:  # the attempt that was made before stamina was loaded
                first = False
                raise failure
            try:
                return attempt(max(0.001, end - clock()))
            except RemoteError as error:
                if error.cause == "timeout" and clock() >= end:
                    raise failure from None  # which says more than that time is up
                failure = error
                raise
    raise failure


def _may_pass(error: Exception) -> bool:
    return isinstance(error, RemoteError) and error.transient

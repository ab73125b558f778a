"""Speak to one address: through a git that may use its protocol, its host and nothing else.

- Redirects are followed by asking the new address ourselves, and only within the host.
- What the user configured for remotes (``credential.*``, ``http.*``, ``core.sshCommand``) is
  passed on, through the environment of the one process. ``url.*.insteadOf`` is applied here, so
  that a password in it is taken out before git puts the URL on a command line.
- A password or token reaches git by an environment variable that a credential helper reads, which
  is set for the address's own host. It is never part of an argument, a file or an error.
- git gets no terminal and no program to ask with; ssh runs in batch mode.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from patcher import interrupts
from patcher.git.address import Address, Secret
from patcher.git.environment import environment, inherited
from patcher.git.errors import BoundExceeded, GitError, GitFailed, GitTimeout, RemoteError
from patcher.git.identity import user_settings
from patcher.git.limits import TIMEOUT, time_left
from patcher.git.remote.failures import NO_SERVER, explained
from patcher.git.runner import run
from patcher.git.scratch import scratch, setting

MAX_ADVERTISED = 64 << 20
"""Bytes of a remote's list of refs; a million branches take about as much."""

STALL = 60
"""Seconds without a byte after which an HTTP server is given up; git's sends one every 5 s while
it works."""

REDIRECTS = 3
"""Redirects that are followed, each within the host."""


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
    errors: Callable[[bytes], object] = lambda stderr: None,
) -> bytes:
    """Run a git that speaks to ``address``, which it knows as `REMOTE`. Raises `RemoteError`, but
    not for a push of which the server refuses a branch: git's output says so. ``errors`` gets git's
    standard error then, and where it ends well."""
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
                errors=errors,
            )
        except GitTimeout:
            time_left()  # where it is the repository's whole time that is up, it says so
            raise RemoteError(
                f"the remote did not answer within {timeout:.3g} s", "timeout", transient=True
            ) from None
        except GitFailed as failed:
            if service == "push" and re.search(rb"\t\[(?:remote )?rejected\]", failed.output):
                errors(failed.stderr)
                return failed.output
            if failed.status == _NO_REFS and "--exit-code" in arguments:
                if not target.protocol.startswith("http") or _GIT_SERVER.search(failed.stderr):
                    return b""
                if traced:
                    raise RemoteError(f"protocol: {NO_SERVER}", "protocol") from None
            elif _REDIRECT.search(failed.stderr) is None:
                raise explained(failed, target) from None
            elif traced:
                target = _redirected(target, failed.stderr)
            traced = not traced
        except BoundExceeded:
            raise BoundExceeded(
                f"its list of refs is over the limit of {limit >> 20} MiB (MAX_ADVERTISED)"
            ) from None
    raise RemoteError(f"more than {REDIRECTS} redirects", "protocol")


_NO_REFS = 2
"""git's exit status where a remote has no refs. Over HTTP git says so of any page without a line
break, and of an empty one, as of the list of refs of a server that does not speak its protocol
(gitprotocol-http(5)); of a server that does, the type of the answer tells."""
_GIT_SERVER = re.compile(
    rb"<= Recv header: Content-Type: application/x-git-upload-pack-advertisement\b", re.IGNORECASE
)

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


def pushed_elsewhere(address: Address) -> Address | None:
    """Where pushes to an address go, if that is another repository than what is fetched from
    (``pushInsteadOf``). What has the same path is the same one, by another protocol."""
    settings = user_settings()
    here, there = (_rewritten(address, settings, service) for service in ("fetch", "push"))
    paths = {each.path.strip("/").removesuffix(".git").lower() for each in (here, there)}
    return there if len(paths) > 1 else None


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
        extra |= {name: value for name, value in inherited().items() if name.startswith(_PASSED)}
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

    users = inherited()
    command = users.get("GIT_SSH_COMMAND") or known.get("core.sshcommand")
    if not command and users.get("GIT_SSH"):
        command = shlex.quote(users["GIT_SSH"])
    variant = users.get("GIT_SSH_VARIANT") or known.get("ssh.variant") or "auto"
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

"""The environment of every git process: nothing of a repository runs.

- Every inherited ``GIT_*`` variable is dropped, and the system's and the user's configuration are
  not read; what may be wanted of them (identity, signing, credentials) is read by
  `user_configuration` and passed on purpose.
- The repository's own configuration may name programs (hooks, fsmonitor, pagers, credential
  helpers, gpg): each such key is overridden through ``GIT_CONFIG_COUNT``, which wins over files.
- No transport is allowed (``GIT_ALLOW_PROTOCOL=``), so a partial clone cannot fetch what it lacks
  by a command that its configuration names.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Container, Iterator, Mapping, Sequence

from patcher.git.errors import GitError

_CONFIG = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.alternateRefsCommand": "false",
    "core.pager": "cat",
    "core.askPass": "/bin/false",
    "core.editor": "false",
    "core.sshCommand": "/bin/false",
    "core.gitProxy": "/bin/false",
    "core.attributesFile": "/dev/null",
    "core.excludesFile": "/dev/null",
    "core.commitGraph": "false",  # saves opening files that no call here needs
    "core.bigFileThreshold": "8m",  # larger blobs are streamed, not held
    "core.deltaBaseCacheLimit": "48m",  # 16m: half as fast on long chains; 96m: 25 MB more
    "core.filesRefLockTimeout": "100",
    "core.packedRefsTimeout": "1000",
    "reftable.lockTimeout": "100",
    "credential.helper": "",
    "gpg.program": "/bin/false",
    "gpg.openpgp.program": "/bin/false",
    "gpg.x509.program": "/bin/false",
    "gpg.ssh.program": "/bin/false",
    "gpg.ssh.defaultKeyCommand": "/bin/false",
    "commit.gpgSign": "false",
    "tag.gpgSign": "false",
    "log.showSignature": "false",
    "color.ui": "false",
    "submodule.recurse": "false",
    "i18n.commitEncoding": "UTF-8",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "protocol.allow": "never",
    "advice.graftFileDeprecated": "false",  # said because of GIT_GRAFT_FILE
}

_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "/bin/false",
    "SSH_ASKPASS": "/bin/false",
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": "/dev/null",
    "GIT_PAGER": "cat",
    "GIT_EDITOR": "false",
    "LC_ALL": "C",
    "LANGUAGE": "C",
}

_lock = threading.RLock()


def inherited() -> dict[str, str]:
    """The environment that patcher was started with, whatever is taken out of it meanwhile."""
    with _lock:
        return dict(os.environ)


@contextlib.contextmanager
def whole() -> Iterator[None]:
    """Let nothing be taken out of the environment meanwhile: for a library that reads it itself."""
    with _lock:
        yield


@contextlib.contextmanager
def only(names: Container[str]) -> Iterator[None]:
    """Take all other variables out of the environment of this process, and put them back.

    GitPython merges it into that of each process that it starts, and has no argument that leaves
    out an inherited ``GIT_DIR`` or ``GIT_EXEC_PATH``.
    """
    with _lock:
        taken = {name: os.environ[name] for name in list(os.environ) if name not in names}
        try:
            for name in taken:
                del os.environ[name]
            yield
        finally:
            os.environ.update(taken)


def environment(
    config: Mapping[str, str | None] | None = None,
    extra: Mapping[str, str] | None = None,
    protocols: str = "",
    chosen: Sequence[tuple[str, str]] = (),
) -> dict[str, str]:
    """The cleaned environment for one call.

    ``config`` overrides or adds configuration keys (None: leaves one out), ``extra`` adds
    variables, and ``protocols`` is a colon-separated list of the transports that the call may use
    (none for local work). ``chosen`` comes after all other configuration, and may name a key
    several times: what the user configured and is passed on.
    """
    env = {
        name: value
        for name, value in inherited().items()
        if not name.startswith("GIT_") and name != "SSH_ASKPASS"
    }
    env.update(_ENVIRONMENT)
    env["PATH"] = search_path()
    pairs: dict[str, str | None] = {**_CONFIG, **(config or {})}
    if protocols:
        env["GIT_ALLOW_PROTOCOL"] = protocols
        pairs["protocol.allow"] = None
    listed = [(key, value) for key, value in pairs.items() if value is not None]
    listed += chosen
    env["GIT_CONFIG_COUNT"] = str(len(listed))
    for number, (key, value) in enumerate(listed):
        env[f"GIT_CONFIG_KEY_{number}"] = key
        env[f"GIT_CONFIG_VALUE_{number}"] = value
    if extra:
        env.update(extra)
    return env


_program: tuple[str | None, str] | None = None


def search_path() -> str:
    """``PATH`` without its relative entries, which would find a program (git, gpg, ssh) inside
    whatever directory the user happens to stand in."""
    entries = (os.environ.get("PATH") or os.defpath).split(os.pathsep)
    return os.pathsep.join(entry for entry in entries if entry.startswith("/"))


def program() -> str:
    """The git to run, as an absolute path."""
    global _program
    search = os.environ.get("PATH")
    if _program is not None and _program[0] == search:
        return _program[1]
    for folder in search_path().split(os.pathsep):
        candidate = os.path.join(folder, "git")  # noqa: PTH118 - on the path of every scan
        if os.access(candidate, os.X_OK):
            _program = (search, candidate)
            return candidate
    raise GitError("git was not found in PATH: install git 2.31 or newer")

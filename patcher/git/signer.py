"""Hear what a signing program says when it fails.

git reads gpg's standard error for a word of success, and up to 2.40 lets the rest go: all that is
left of "No secret key" is "gpg failed to sign the data". So gpg is started through a shell, which
keeps what it says for patcher as well. What ssh-keygen says git tells by itself.
"""

from __future__ import annotations

import os
import re
import subprocess
import threading

from patcher import interrupts
from patcher.text import printable, without_secrets

_SCRIPT = """\
#!/bin/sh
"$PATCHER_SIGNER" "$@" 2>/dev/fd/"$PATCHER_SAID"
status=$?
cat /dev/fd/"$PATCHER_SAID" >&2
exit $status
"""
_making = threading.Lock()


def heard(program: str, folder: str, said: int) -> tuple[str, dict[str, str]]:
    """What to start in place of ``program``, and with which variables, so that what it says comes
    to the descriptor ``said``, which has to be passed on. The program itself where that cannot be:
    ``folder``, a scratch folder, may lie where nothing may be executed.
    """
    script = f"{folder}/sign"
    with interrupts.shielded(), _making:
        if not os.path.lexists(script):
            # By another process: a file that is open for writing, be it in a child that another
            # thread is about to start, cannot be executed.
            write = ["/bin/sh", "-c", 'umask 077; printf %s "$1" >"$2" && chmod 700 "$2"', "sh"]
            subprocess.run([*write, _SCRIPT, script], capture_output=True, check=False)
    if not os.access(script, os.X_OK):
        return program, {}
    return script, {"PATCHER_SIGNER": program, "PATCHER_SAID": str(said)}


_SILENT = frozenset(("", "gpg failed to sign the data", "failed to write commit object"))
_SHELL = re.compile(r"\S*/sign: (?:line )?[0-9]+: ")


def why(program: str, said: bytes, by_git: bytes) -> str:
    """The line that tells why nothing was signed: the program's own if there is one, else git's;
    printable, and without passwords of URLs."""
    own = [line for line in _lines(said) if not line.startswith("[GNUPG:]")]
    last = [line for line in own if line.startswith(("gpg: ", "gpgsm: "))] or own
    git = [
        line.removeprefix("fatal: ").removeprefix("error: ").rstrip("?")
        for line in _lines(by_git)
        if line.startswith(("fatal: ", "error: ")) or not own
    ]
    telling = [line for line in (*last[-1:], *git) if line.strip(": ") not in _SILENT]
    if not telling:
        return f"{printable(program)} failed and said nothing"
    return printable(without_secrets(_SHELL.sub("", telling[0]))[:500])


def _lines(text: bytes) -> list[str]:
    return [line.strip() for line in text.decode("utf-8", "replace").splitlines() if line.strip()]

"""Bare repositories with the hooks of a forge, which record what a push brought.

`as_gitlab` takes push options for a branch; `as_gitea` takes changes below ``refs/for/``, by git's
proc-receive hook (githooks(5)), as Gitea does; Gerrit looks the same.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

_POST = """#!{python}
import json, os, sys
count = int(os.environ.get("GIT_PUSH_OPTION_COUNT", "0"))
options = [os.environ[f"GIT_PUSH_OPTION_{{at}}"] for at in range(count)]
refs = [line.split() for line in sys.stdin]
with open({log!r}, "a") as log:
    log.write(json.dumps({{"options": options, "refs": refs}}) + "\\n")
for line in {says!r}:
    print(line)
"""

_PROC = """#!{python}
import json, sys
read, write = sys.stdin.buffer, sys.stdout.buffer
def packets():
    while (size := int(read.read(4), 16)) > 4:
        yield read.read(size - 4).decode().rstrip("\\n")
def send(*lines):
    for line in lines:
        write.write(b"%04x%s" % (len(line.encode()) + 4, line.encode()))
    write.write(b"0000")
    write.flush()
wanted = next(packets()); list(packets())
asked = "push-options" in wanted
send("version=1\\0push-options" if asked else "version=1")
refs = [line.split() for line in packets()]
options = list(packets()) if asked else []  # git writes them to whoever asked
with open({log!r}, "a") as log:
    log.write(json.dumps({{"options": options, "refs": refs}}) + "\\n")
for line in {says!r}:
    print(line, file=sys.stderr)
(old, new, name), = refs
refusal = {refusal!r}
if refusal:
    send(f"ng {{name}} {{refusal}}")
else:
    send(f"ok {{name}}", "option refname " + {place!r}, f"option new-oid {{new}}")
"""


def as_gitlab(git_dir: Path, *says: str) -> Path:
    """Record the options of each push, and say these lines after it; where that is recorded."""
    _configure(git_dir, "[receive]\n\tadvertisePushOptions = true\n")
    return _hook(git_dir, "post-receive", _POST, says=says)


def as_gitea(git_dir: Path, *says: str, refusal: str = "", place: str = "refs/pull/7/head") -> Path:
    """Take what is pushed below ``refs/for/`` to another place, or refuse it."""
    _configure(git_dir, "[receive]\n\tadvertisePushOptions = true\n\tprocReceiveRefs = refs/for\n")
    return _hook(git_dir, "proc-receive", _PROC, says=says, refusal=refusal, place=place)


def recorded(log: Path) -> list[dict[str, Any]]:
    """What was pushed: ``options`` and ``refs``, each an old id, a new one and a name."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def _configure(git_dir: Path, text: str) -> None:
    with (git_dir / "config").open("a") as config:
        config.write(text)


def _hook(git_dir: Path, name: str, text: str, **values: object) -> Path:
    log = git_dir / "pushed.jsonl"
    hook = git_dir / "hooks" / name
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(text.format(python=sys.executable, log=str(log), **values))
    hook.chmod(0o755)
    return log

"""``patcher demo``."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import click

from patcher.cli import FAILED, options
from patcher.git import GitError
from patcher.git.runner import require_version
from patcher.text import printable

_BLANKET = """\
  network,
  capability,
  file,
  umount,
"""
_DENIED = """\
  deny @{PROC}/sysrq-trigger rwklx,
  deny @{PROC}/kcore rwklx,
  deny mount,
  deny /sys/[^f]*/** wklx,
  deny /sys/firmware/** rwklx,
"""
_FLAGS = "flags=(attach_disconnected,mediate_deleted)"
_NAMED = "{{.Name}}"


def _profile(name: str, rules: str = _BLANKET) -> str:
    return f"profile {name} {_FLAGS} {{\n{rules}{_DENIED}}}\n"


def _indented(text: str, margin: str) -> str:
    return "".join(margin + line if line.strip() else line for line in text.splitlines(True))


_GO = f"package apparmor\n\nconst baseTemplate = `\n{_profile(_NAMED)}`\n"
_GO_OLD = f"package apparmor\n\n// 1.7\nconst baseTemplate = `\n{_profile(_NAMED)}`\n"
_CHART = (
    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-apparmor\ndata:\n"
    "  profile: |\n" + _indented(_profile("{{ .Values.profile }}"), "    ")
)
_ROLE = (
    "- name: Install the container profile\n  ansible.builtin.copy:\n"
    "    dest: /etc/apparmor.d/containers\n    content: |\n"
    + _indented(_profile('"{{ container_profile }}"'), "      ")
)
_SCRIPT = (
    "#!/bin/sh\nset -eu\ncat > /etc/apparmor.d/node <<'EOF'\n"
    + _profile("node-containers")
    + "EOF\napparmor_parser -r /etc/apparmor.d/node\n"
)
_FIXED = _profile("docker-default", f"  network,\n  deny network alg,\n{_BLANKET[11:]}")
_UNRELATED = "package main\n\nfunc dial(\n\tnetwork, address string,\n) error {\n\treturn nil\n}\n"

_SAMPLES: dict[str, dict[str, dict[str, str]]] = {
    "engine-fork": {
        "main": {"profiles/template.go": _GO, "README.md": "# A fork of a container engine\n"},
        "release/1.7": {"profiles/template.go": _GO_OLD},
        "release/1.6": {"contrib/template.go": _GO_OLD},
    },
    "helm-chart": {"main": {"templates/apparmor.yaml": _CHART}},
    "ansible-role": {"main": {"tasks/main.yml": _ROLE}},
    "node-image": {"main": {"install.sh": _SCRIPT}},
    "fixed-already": {"main": {"docker-default": _FIXED}},
    "unrelated": {"main": {"main.go": _UNRELATED}},
}
"""Repository, branch, file, content."""

_WHO = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "patcher demo"), ("EMAIL", "demo@patcher.invalid"))
}


@click.command("demo", cls=options.Command, short_help="Try it all on sample repositories.")
@click.argument("folder", required=False, metavar="[DIR]", type=click.Path(path_type=str))
def command(folder: str | None) -> int:
    """Build a few sample forks in DIR, run scan, diff and apply on them, and say what happened.

    DIR must be new or empty; default: a new folder under the system's temporary one. The samples'
    commits have an author of their own; your git configuration is not needed and not changed.
    """
    try:
        require_version()
    except GitError as error:
        raise options.Failed(str(error)) from None
    place = _place(folder)
    click.echo(f"Sample repositories in {printable(place)}:")
    for name, branches in _SAMPLES.items():
        _build(place / name, branches)
        click.echo(f"  {name.ljust(14)} {', '.join(branches)}")
    failed = False
    for arguments, expected, meaning in (
        (["scan"], 1, "1: affected profiles were found"),
        (["diff", "--no-pager"], 1, "1: there is something to commit"),
        (["apply"], 0, "0: all of it is committed"),
        (["apply"], 0, "0: a second run finds it done"),
    ):
        code = _run([*arguments, str(place)])
        failed = failed or code != expected
        click.echo(f"[exit status {meaning if code == expected else code}]")
    fork = place / "engine-fork"
    code = _run(["apply", "--base", "release/*", str(fork)])
    failed = failed or code != 0
    click.echo("[each release branch has its own review branch]")
    _run(["scan", "--base", "patcher/deny-af-alg", str(fork)])
    words = ["git", "-C", printable(fork), "log", "--all", "--oneline"]
    click.echo(f"\nTo look around: {shlex.join(words)}")
    if failed:
        click.echo("patcher: the demo did not go as it should", err=True)
        return FAILED
    return 0


def _place(folder: str | None) -> Path:
    if folder is None:
        import tempfile

        return Path(tempfile.mkdtemp(prefix="patcher-demo-"))
    place = Path(folder).absolute()
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise click.UsageError(f"{folder} is there and not empty")
    place.mkdir(parents=True, exist_ok=True)
    return place


def _build(place: Path, branches: dict[str, dict[str, str]]) -> None:
    """A work tree with a commit on each branch, the first of them checked out."""
    import subprocess

    from patcher.git.environment import environment, program

    def git(*arguments: str) -> None:
        subprocess.run([program(), *arguments], cwd=place, env=environment(extra=_WHO), check=True)

    place.mkdir()
    git("init", "-q", "--template=", "--initial-branch=main")
    for branch, files in reversed(branches.items()):
        git("symbolic-ref", "HEAD", f"refs/heads/{branch}")
        git("read-tree", "--empty")
        for name, content in files.items():
            file = place / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
            git("add", "--", name)
        git("commit", "-q", "-m", f"Sample files of {branch}")
    git("read-tree", "-u", "--reset", "HEAD")
    git("clean", "-q", "-d", "-f")


def _run(arguments: list[str]) -> int:
    """One command of patcher, shown and run; its exit status."""
    from patcher.cli import group

    click.echo(f"\n$ patcher {printable(shlex.join(arguments))}")
    before = dict(os.environ)
    os.environ.update(_WHO)
    try:
        code = group.main([*arguments], prog_name="patcher", standalone_mode=False)
    finally:
        os.environ.clear()
        os.environ.update(before)
    return code if isinstance(code, int) else 0

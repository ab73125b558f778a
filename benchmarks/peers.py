"""What patcher is compared with: shell loops, and all-repos with a plugin that pushes a branch."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

GREP = 'for r; do git -C "$r" grep -c -F network, HEAD; done; true'
"""Search each repository that is named."""

RULE = "deny network alg,"
PATH = "pkg/apparmor/template.go"
"""Where the profile lies. The peers are told; patcher has to find it."""

SED = rf"s/^\([ \t]*\)network,$/&\n\1{RULE}/"
BRANCH = "fix"

_COMMIT = """\
clone=$1; shift
for url; do
  rm -rf "$clone" &&
  git clone -q --depth 1 "$url" "$clone" &&
  sed -i '{sed}' "$clone/{path}" &&
  git -C "$clone" commit -q -a -m x {push} || exit 1
done
"""


def grep(repositories: Sequence[Path]) -> list[str]:
    """The loop over `git grep`."""
    return ["sh", "-c", GREP, "sh", *map(str, repositories)]


def shell(clone: Path, urls: Sequence[str], *, push: bool) -> list[str]:
    """The loop over `git clone; sed; git commit; git push`. ``clone`` is a place to work in."""
    pushed = f'&& git -C "$clone" push -q origin HEAD:refs/heads/{BRANCH}' if push else ""
    script = _COMMIT.format(sed=SED, path=PATH, push=pushed)
    return ["sh", "-c", script, "sh", str(clone), *urls]


_PLUGIN = '''\
"""Push the branch: what all_repos.push.github_pull_request does, without its call to GitHub."""
from typing import NamedTuple

from all_repos import autofix_lib


class Settings(NamedTuple):
    anywhere: bool


def push(settings, branch_name):
    if settings.anywhere:
        autofix_lib.run("git", "push", "origin", f"HEAD:{branch_name}", "--quiet")
'''


class AllRepos:
    """all-repos of PyPI, in an environment of its own.

    It catches what fails in a repository, prints it, and exits 0 (so does a second run, whose
    pushes are no fast-forward): what it did has to be looked for in the repositories.
    """

    BRANCH = "all-repos_autofix_fix"

    def __init__(self, folder: Path) -> None:
        self._venv = folder / "all-repos"
        self._site = self._venv / "plugin"
        self._python = self._venv / "bin/python"
        if not (self._venv / "bin/all-repos-sed").exists():
            for command in (
                [sys.executable, "-m", "venv", "--clear", str(self._venv)],
                [str(self._python), "-m", "pip", "install", "-q", "all-repos>=1.33"],
            ):
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        self._site.mkdir(exist_ok=True)
        (self._site / "push_branch.py").write_text(_PLUGIN)

    @property
    def plugins(self) -> str:
        """The folder that PYTHONPATH has to name."""
        return str(self._site)

    def configure(self, folder: Path, urls: Sequence[str], *, push: bool) -> Path:
        """Write the configuration for these repositories; the clones lie in ``folder``/clones."""
        folder.mkdir(parents=True, exist_ok=True)
        names = {Path(url).stem: url for url in urls}
        (folder / "source.json").write_text(json.dumps(names))
        config = folder / ("push.json" if push else "commit.json")
        config.write_text(
            json.dumps(
                {
                    "output_dir": "clones",
                    "source": "all_repos.source.json_file",
                    "source_settings": {"filename": str(folder / "source.json")},
                    "push": "push_branch",
                    "push_settings": {"anywhere": push},
                }
            )
        )
        config.chmod(0o600)
        return config

    def clone(self, config: Path, jobs: int) -> list[str]:
        """Clone all, or update the clones."""
        return [str(self._venv / "bin/all-repos-clone"), "-C", str(config), "-j", str(jobs)]

    def sed(self, config: Path, jobs: int) -> list[str]:
        """Change, commit and push each: in a clone of its clone."""
        command = [str(self._venv / "bin/all-repos-sed"), "-C", str(config), "-j", str(jobs)]
        return [*command, "--branch-name", "fix", "--commit-msg", "fix", SED, PATH]

"""One story: a remote, what happens to its branches in some order, and what holds after each run.

What holds is looked up with plain git, not with patcher's own code:

- no commit of others that a branch had before the run is gone after it;
- where the run says that a base is fixed by its review branch, merging the two denies the family in
  every profile; where it says "up to date", all that the branch adds is patcher's;
- where it says that nothing is to be done, every profile of the base denies it;
- where it fails, it says of which base and why.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from patcher.cli import group

STEM = "patcher/deny-af-alg"
PATCHERS = ("Patcher One", "Patcher Two")
REVIEWER = "A Reviewer"
RULES = "  network,\n  capability,\n  file,\n  umount,\n  deny mount,\n  deny /sys/[^f]*/** wklx,\n"
NETWORK = re.compile(rb"^  network,$", re.MULTILINE)
DENIED = re.compile(rb"^  deny network alg,", re.MULTILINE)
WRITTEN = ("pushed", "committed", "up to date", "edited by others")


def profile(name: str) -> str:
    """A moby-style profile."""
    flags = "flags=(attach_disconnected,mediate_deleted)"
    return f"# {name}\n#\n#\n#\nprofile {name} {flags} {{\n{RULES}}}\n#\n#\n#\n"


class Broken(AssertionError):
    """Something that must hold does not."""


class Story:
    """A remote with two base branches, a clone in which others work, and one on which patcher
    runs."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root, self.random = root, random.Random(seed)
        self.bare, self.work, self.clone = root / "bare.git", root / "work", root / "clone"
        self.told: list[str] = []
        self.bases = ["main", "release/1"]
        self.number = 0
        root.mkdir(parents=True)
        self.work.mkdir()
        self.git(self.work, "init", "-q", "-b", "main")
        self.commit({"one": profile("one"), "README": "hello\n"})
        self.git(self.work, "branch", "release/1")
        self.git(root, "clone", "-q", "--bare", "work", "bare.git")
        self.git(self.bare, "config", "uploadpack.allowFilter", "true")
        self.git(self.work, "remote", "add", "origin", str(self.bare))
        self.git(root, "clone", "-q", "bare.git", "clone")

    # -- git

    def git(self, place: Path, *words: str, who: str = REVIEWER) -> str:
        """Run git; its output. Raises CalledProcessError."""
        done = subprocess.run(
            ["git", "-C", str(place), *words],
            env=environment(who),
            capture_output=True,
            check=True,
        )
        return done.stdout.decode().strip()

    def branches(self, stem: str = "") -> list[str]:
        """The branches of the remote."""
        command = ["for-each-ref", "--format=%(refname:lstrip=2)", f"refs/heads/{stem}"]
        return self.git(self.bare, *command).split()

    def reviews(self) -> list[str]:
        """The review branches of the remote."""
        return [name for name in self.branches() if name.startswith(STEM)]

    def commit(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            (self.work / name).write_text(text)
        self.git(self.work, "add", "-A")
        self.git(self.work, "commit", "-q", "--allow-empty", "-m", f"Change {self.next()}")

    def next(self) -> int:
        self.number += 1
        return self.number

    def on(self, branch: str, *words: str, act: Callable[[], object] | None = None) -> None:
        """Do something in the work tree on a branch of the remote, and push it."""
        self.git(self.work, "fetch", "-q", "--prune", "origin")
        self.git(self.work, "checkout", "-q", "-f", "-B", "tmp", f"origin/{branch}")
        if act is not None:
            act()
        else:
            try:
                self.git(self.work, *words)
            except subprocess.CalledProcessError:  # a conflict: nobody merges that
                self.git(self.work, "reset", "-q", "--hard", f"origin/{branch}")
                return
        self.git(self.work, "push", "-q", "-f", "origin", f"HEAD:refs/heads/{branch}")

    # -- what others do

    def base(self) -> str:
        return self.random.choice(self.bases)

    def base_moves(self) -> None:
        """Somewhere else."""
        self.on(self.base(), act=lambda: self.commit({f"file-{self.next()}": "x\n"}))

    def profile_is_added(self) -> None:
        name = f"profile-{self.next()}"
        self.on(self.base(), act=lambda: self.commit({name: profile(name)}))

    def profile_is_edited(self) -> None:
        """In its first line, or so near to the rule that a merge may conflict."""
        near = self.random.random() < 0.5

        def edit() -> None:
            text = (self.work / "one").read_text()
            if near:
                text = text.replace("  capability,\n", f"  capability, # {self.next()}\n", 1)
            else:
                text = f"# {self.next()}\n{text}"
            self.commit({"one": text})

        self.on(self.base(), act=edit)

    def review_is_merged(self) -> None:
        """By a merge commit, squashed, or as a fast-forward; into its base or into another one."""
        if not self.reviews():
            return
        review, base = self.random.choice(self.reviews()), self.base()
        how = self.random.choice(["--no-ff", "--squash", "--ff-only"])

        def merge() -> None:
            try:
                self.git(self.work, "merge", "-q", "--no-edit", how, f"origin/{review}")
                if how == "--squash":
                    self.commit({})
            except subprocess.CalledProcessError:
                self.git(self.work, "reset", "-q", "--hard")

        self.on(base, act=merge)

    def change_is_reverted(self) -> None:
        base = self.base()

        def revert() -> None:
            for file in self.work.iterdir():
                if file.is_file():
                    text = file.read_text()
                    file.write_text(re.sub(r"^  deny network alg,.*\n", "", text, flags=re.M))
            self.commit({})

        self.on(base, act=revert)

    def review_is_edited(self) -> None:
        if not self.reviews():
            return
        review = self.random.choice(self.reviews())

        def edit() -> None:
            text = (self.work / "one").read_text()
            rule = "  deny network alg,\n"
            kind = self.random.randrange(4)
            if kind == 0:
                self.commit({f"notes-{self.next()}": "x\n"})
            elif kind == 1:
                self.commit({"one": text.replace(rule, "  deny network alg, # why\n")})
            elif kind == 2:
                self.commit({"one": text.replace(rule, "")})
            else:
                kept = self.git(self.work, "log", "-1", "--format=%B")
                message = f"Better {self.next()}\n\n{kept if self.random.random() < 0.7 else ''}"
                self.git(self.work, "commit", "-q", "--amend", "--allow-empty", "-m", message)

        self.on(review, act=edit)

    def base_is_merged_into_review(self) -> None:
        if self.reviews():
            base = self.base()
            review = self.random.choice(self.reviews())
            self.on(review, "merge", "-q", "--no-edit", f"origin/{base}")

    def review_is_deleted(self) -> None:
        if self.reviews():
            review = self.random.choice(self.reviews())
            self.git(self.bare, "update-ref", "-d", f"refs/heads/{review}")

    def default_is_renamed(self) -> None:
        """Or another branch becomes it."""
        head = self.git(self.bare, "symbolic-ref", "--short", "HEAD")
        if self.random.random() < 0.5:
            new = f"main-{self.next()}"
            self.git(self.bare, "branch", "-m", head, new)
            self.bases = [new if name == head else name for name in self.bases]
        else:
            new = self.base()
        self.git(self.bare, "symbolic-ref", "HEAD", f"refs/heads/{new}")

    def head_is_dangling(self) -> None:
        self.git(self.bare, "symbolic-ref", "HEAD", "refs/heads/nowhere")
        self.run_by_url()
        self.git(self.bare, "symbolic-ref", "HEAD", f"refs/heads/{self.base()}")

    # -- patcher

    def run_by_url(self) -> None:
        """One of the two patchers, each with a cache of its own."""
        who = self.random.choice(PATCHERS)
        before = self.of_others()
        targets = self.patcher(who, "--push", f"file://{self.bare}")
        self.nothing_lost(before)
        for target in targets:
            self.check(target, self.bare)

    def run_in_the_bare_repository(self) -> None:
        before = self.of_others()
        targets = self.patcher(self.random.choice(PATCHERS), str(self.bare))
        self.nothing_lost(before)
        for target in targets:
            self.check(target, self.bare)

    def run_in_the_clone(self) -> None:
        """Which is then pushed, as its user would."""
        self.git(self.clone, "fetch", "-q", "--prune", "origin")
        before, local = self.of_others(), self.of_others(self.clone)
        targets = self.patcher(PATCHERS[0], str(self.clone))
        self.nothing_lost(local, self.clone)
        for target in targets:
            self.check(target, self.clone)
            if target["outcome"] == "committed":
                branch = f"refs/heads/{target['branch']}"
                push = ["push", "-q", "--force-with-lease", "origin", f"{branch}:{branch}"]
                self.git(self.clone, *push, who=PATCHERS[0])
        self.nothing_lost(before)

    def patcher(self, who: str, *words: str) -> list[dict[str, Any]]:
        existing = self.random.choice(["fail", "append", "replace"])
        command = ["apply", "--proof", "off", "--format", "json", "--on-existing", existing]
        if self.random.random() < 0.5:
            for base in self.bases:
                command += ["--base", base]
        if self.random.random() < 0.2:
            command.append("--signoff")
        cache = self.root / who.replace(" ", "-")
        env = environment(who) | {"PATCHER_CACHE_DIR": str(cache)}
        result = CliRunner().invoke(group, [*command, *words], env=env)
        if not isinstance(result.exception, SystemExit | None):
            raise result.exception
        self.told.append(f"{who}: {' '.join(command[5:])} {words[-1]}: {result.exit_code}")
        self.told += [f"  {line}" for line in result.stderr.splitlines()]
        targets: list[dict[str, Any]] = json.loads(result.stdout)["targets"]
        for each in targets:
            self.told.append(f"  {each['base']} {each['branch_state']} -> {each['outcome']}")
        failed = [each for each in targets if each["outcome"] == "failed"]
        self.holds(result.exit_code == (3 if failed else 0), "the exit status fits the targets")
        return targets

    # -- what must hold

    def holds(self, truth: bool, what: str) -> None:
        if not truth:
            raise Broken(what)

    def of_others(self, place: Path | None = None) -> set[str]:
        """The commits of others that a branch has."""
        listed = self.git(place or self.bare, "log", "--all", "--format=%H %cn")
        pairs = (line.partition(" ") for line in listed.splitlines())
        return {oid for oid, _, name in pairs if name not in PATCHERS}

    def nothing_lost(self, before: set[str], place: Path | None = None) -> None:
        lost = before - self.of_others(place)
        self.holds(not lost, f"no commit of others is lost: {lost}")

    def check(self, target: dict[str, Any], place: Path) -> None:
        """Whether what is said of a base is true."""
        outcome = target["outcome"]
        if outcome == "failed":
            self.holds(bool(target["error"]), "a failure says why")
            return
        if outcome == "nothing to do":
            if target["commit"] is not None:
                self.holds(self.denied(place, target["commit"]), "nothing was to be done")
            return
        self.holds(outcome in WRITTEN, f"{outcome} is no outcome of this")
        tree = self.merged(place, target["commit"], target["new_commit"])
        self.holds(tree is not None, f"{outcome}: the branch can be merged")
        self.holds(self.denied(place, tree or ""), f"{outcome}: merging the branch fixes the base")
        if outcome != "edited by others":
            span = f"{target['commit']}..{target['new_commit']}"
            names = set(self.git(place, "log", "--format=%cn", span).splitlines())
            if outcome == "up to date" or target["branch_state"] != "edited by others":
                self.holds(names <= set(PATCHERS), f"{outcome}: all of the branch is patcher's")

    def merged(self, place: Path, base: str, branch: str) -> str | None:
        done = subprocess.run(
            ["git", "-C", str(place), "merge-tree", "--write-tree", base, branch],
            env=environment(REVIEWER),
            capture_output=True,
            check=False,
        )
        return done.stdout.decode().split("\n")[0] if done.returncode == 0 else None

    def denied(self, place: Path, tree: str) -> bool:
        """Whether each profile denies the family."""
        names = self.git(place, "ls-tree", "-r", "--name-only", tree).splitlines()
        texts = (
            subprocess.run(
                ["git", "-C", str(place), "cat-file", "blob", f"{tree}:{name}"],
                capture_output=True,
                check=True,
            ).stdout
            for name in names
            if name.startswith(("one", "profile"))
        )
        return all(DENIED.search(text) for text in texts if NETWORK.search(text))

    def steps(self) -> Iterator[str]:
        """Do a dozen things in a random order; yields the name of each."""
        others = [
            self.base_moves,
            self.profile_is_added,
            self.profile_is_edited,
            self.review_is_merged,
            self.review_is_merged,
            self.change_is_reverted,
            self.review_is_edited,
            self.review_is_edited,
            self.base_is_merged_into_review,
            self.review_is_deleted,
            self.default_is_renamed,
            self.head_is_dangling,
        ]
        runs = [self.run_by_url, self.run_by_url, self.run_in_the_clone]
        runs.append(self.run_in_the_bare_repository)
        for _ in range(4):
            for act in (self.random.choice(runs), *self.random.sample(others, 2)):
                self.told.append(act.__name__)
                yield act.__name__
                act()
        self.told.append("run_by_url")
        yield "run_by_url"
        self.run_by_url()


def environment(who: str) -> dict[str, str]:
    """No configuration but a name."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        **{f"GIT_{role}_NAME": who for role in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{role}_EMAIL": f"{who[-3:]}@example.org" for role in ("AUTHOR", "COMMITTER")},
    }


def told(root: Path, seed: int) -> tuple[list[str], str | None]:
    """Run one story: all that happened, and what did not hold."""
    story = Story(root / str(seed), seed)
    try:
        for _ in story.steps():
            pass
    except Exception as error:  # whatever it is, the other stories go on
        trace = "" if isinstance(error, Broken) else traceback.format_exc()
        return story.told, f"order {seed}: {error}\n{trace}"
    finally:
        shutil.rmtree(story.root)
    return story.told, None

"""What others' pipelines run, run as they run it: pre-commit's hooks, the steps of the Action and
of the GitLab component, and how a release and the documentation are built."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from ruamel.yaml import YAML

from tests.conftest import Sandbox

pytestmark = [pytest.mark.pipelines, pytest.mark.xdist_group("pipelines")]

ROOT = Path(__file__).resolve().parent.parent.parent
OF_A_RELEASE = (
    *("patcher", "tests", "fixtures", "benchmarks", "templates", "pyproject.toml", "README.md"),
    *("docs", "share", "mkdocs.yml"),
    *("LICENSE", "CHANGELOG.md", "SECURITY.md", "CONTRIBUTING.md", "action.yml"),
    *(".pre-commit-hooks.yaml", ".ci", ".gitignore"),
)


def run(
    *command: str | Path, cwd: Path, more: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    # pip need not compile what it installs: little of it is run.
    environment = {**os.environ, "PIP_COMPILE": "0", **(more or {})}
    return subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )


def built(*command: str | Path, cwd: Path) -> str:
    done = run(*command, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the files of a release."""
    return _copied(tmp_path_factory.mktemp("project"))


def _copied(place: Path) -> Path:
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in OF_A_RELEASE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, place / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, place / name)
    return place


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python of its own with the programs that a maintainer or user installs."""
    place = tmp_path_factory.mktemp("python")
    built(sys.executable, "-m", "venv", place, cwd=place)
    programs = ("pre-commit", "hatchling", "mkdocs-material>=9.6", "codespell")
    built(place / "bin/pip", "install", "-q", *programs, cwd=place)
    return place / "bin"


MODULES = ("venv.py", "ensurepip.py", "pip.py", "patcher/__init__.py", "sitecustomize.py")
OF_THE_REPOSITORY = dict.fromkeys(MODULES, "open('pwned', 'w')\n")
"""Modules that Python would take in place of its own where the current folder counts."""
OPTIONS = {"--exclude=**": "network,\n", "--output=.git/hooks/pwned": "network,\n"}
"""Names of files that would be options."""


@pytest.mark.parametrize(
    ("hook", "changes"), [("patcher", False), ("patcher-fix", True)], ids=["report", "fix"]
)
def test_pre_commit(
    hook: str, changes: bool, project: Path, python: Path, sandbox: Sandbox
) -> None:
    if not (project / ".git").exists():
        sandbox.git(project, "init", "-q")
        sandbox.git(project, "add", "-A")
        sandbox.git(project, "commit", "-qm", "Release")
    shown = re.search(r"^```yaml\n(repos:.*?)^```$", (ROOT / "README.md").read_text(), re.M | re.S)
    assert shown is not None
    config = shown[1].replace("https://HOST/patcher", f"file://{project}")
    config = config.replace("VERSION", sandbox.git(project, "rev-parse", "HEAD"))
    config = config.replace("{id: patcher}", f"{{id: {hook}}}")
    files: dict[str, str | bytes] = {"docker-default": sandbox.profile(), **OPTIONS}
    files["binary"] = b"\0network,"
    place = sandbox.repository(files=files)
    sandbox.commit(place, {".pre-commit-config.yaml": config})
    home = {
        "PRE_COMMIT_HOME": str(python.parent / "home"),
        "PATH": f"{python}:{os.environ['PATH']}",
    }

    def hooks() -> subprocess.CompletedProcess[str]:
        return run(python / "pre-commit", "run", "--all-files", cwd=place, more=home)

    first = hooks()
    assert first.returncode == 1, first.stdout + first.stderr
    fixed = (place / "docker-default").read_text() == sandbox.fixed(sandbox.profile())
    assert fixed is changes
    assert "docker-default" in first.stdout
    assert not (place / ".git/hooks/pwned").exists()
    assert ("files were modified by this hook" in first.stdout) is changes
    if not changes:
        (place / "docker-default").write_text(sandbox.fixed(sandbox.profile()))
    again = hooks()
    assert again.returncode == 0, again.stdout + again.stderr


class Action:
    """Runs the steps of ``action.yml`` as the runner of GitHub Actions does:
    https://docs.github.com/actions/reference/workflow-syntax-for-github-actions"""

    def __init__(self, project: Path, temporary: Path) -> None:
        self.document: dict[str, Any] = YAML(typ="safe").load((project / "action.yml").read_text())
        self.project, self.temporary = project, temporary

    def __call__(self, workspace: Path, **inputs: str) -> tuple[int, str, dict[str, str]]:
        """The exit status of the last step that ran, what all printed, and the outputs."""
        values = {f"inputs.{name}": each.get("default", "")
                  for name, each in self.document["inputs"].items()}  # fmt: skip
        values |= {f"inputs.{name}": value for name, value in inputs.items()}
        values["github.action_path"] = str(self.project)
        files = {name: self.temporary / name for name in ("output", "summary")}
        for file in files.values():
            file.write_text("")
        printed, uploaded = "", []
        for step in self.document["runs"]["steps"]:
            if "uses" in step:
                uploaded.append(self._filled(step["with"]["sarif_file"], values))
                continue
            if "venv" in step["run"] and (self.temporary / "patcher/bin/patcher").exists():
                continue
            assert "${{" not in step["run"], "an input would be read as a part of the script"
            assert step["shell"] == "bash"
            environment = {
                **{
                    name: self._filled(value, values) for name, value in step.get("env", {}).items()
                },
                "RUNNER_TEMP": str(self.temporary),
                "GITHUB_OUTPUT": str(files["output"]),
                "GITHUB_STEP_SUMMARY": str(files["summary"]),
                "GITHUB_ACTIONS": "true",
            }
            script = self.temporary / "script.sh"
            script.write_text(step["run"])
            done = run(
                "bash", "--noprofile", "--norc", "-eo", "pipefail", script,
                cwd=workspace, more=environment,
            )  # fmt: skip
            printed += done.stdout + done.stderr
            for line in files["output"].read_text().splitlines():
                name, _, value = line.partition("=")
                values[f"steps.{step.get('id')}.outputs.{name}"] = value
            if done.returncode:
                break
        outputs = {
            name: self._filled(each["value"], values)
            for name, each in self.document["outputs"].items()
        }
        return done.returncode, printed, outputs | {"summary": files["summary"].read_text()}

    @staticmethod
    def _filled(text: str, values: Mapping[str, str]) -> str:
        return re.sub(r"\$\{\{ ([a-z._]+) \}\}", lambda match: values.get(match[1], ""), str(text))


@pytest.fixture(scope="module")
def action(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Action:
    return Action(project, tmp_path_factory.mktemp("runner temp"))


def checked_out(sandbox: Sandbox, files: Mapping[str, str | bytes], name: str) -> Path:
    """As actions/checkout leaves a pull request: one commit deep, HEAD detached at the merge."""
    origin = sandbox.repository(f"{name} origin", files)
    place = sandbox.root / name
    sandbox.git(sandbox.root, "clone", "-q", "--depth=1", f"file://{origin}", str(place))
    sandbox.git(place, "checkout", "-q", "--detach")
    sandbox.git(place, "branch", "-q", "-D", "main")
    return place


def test_the_action(action: Action, sandbox: Sandbox) -> None:
    profile = sandbox.profile()
    bad = checked_out(sandbox, {"deploy/docker-default": profile, **OF_THE_REPOSITORY}, "bad one")
    status, printed, outputs = action(bad, path=".")
    assert not (bad / "pwned").exists()
    assert (status, outputs["status"]) == (1, "1"), printed
    assert "::error file=deploy/docker-default,line=2,title=" in printed
    assert "| affected |" in outputs["summary"]
    (one,) = json.loads(Path(outputs["sarif"]).read_text())["runs"]
    (result,) = one["results"]
    place = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert (place, result["level"]) == ("deploy/docker-default", "error")

    good = checked_out(sandbox, {"docker-default": sandbox.fixed(profile)}, "good")
    status, printed, outputs = action(good)
    assert (status, outputs["status"]) == (0, "0"), printed
    assert json.loads(Path(outputs["sarif"]).read_text())["runs"][0]["results"] == []

    status, printed, outputs = action(good, path="$(touch pwned); touch pwned")
    assert status in (2, 3), printed
    assert not (good / "pwned").exists()

    other = checked_out(sandbox, {"other": "profile x {\n  network,\n  file,\n}\n"}, "other")
    assert action(other)[0] == 0
    assert action(other, strict="true")[0] == 3
    assert action(other, profiles="all")[0] == 1
    assert action(other, migration="deny-af-nothing")[0] == 2


def test_the_gitlab_component(project: Path, sandbox: Sandbox) -> None:
    spec, jobs = YAML(typ="safe").load_all((project / "templates/patcher.yml").read_text())
    job = jobs["patcher"]
    for files, status, issues in (
        ({"docker-default": sandbox.profile(), **OF_THE_REPOSITORY}, 1, 1),
        ({"docker-default": sandbox.fixed(sandbox.profile())}, 0, 0),
    ):
        place = checked_out(sandbox, files, f"merge-request-{status}")
        given = {"install": str(project)}
        inputs: dict[str, str] = {
            name: given.get(name) or str((each or {}).get("default"))
            for name, each in spec["spec"]["inputs"].items()
        }
        variables = {
            name: inputs[value.removeprefix("$[[ inputs.").removesuffix(" ]]")]
            for name, value in job["variables"].items()
        }
        script = "\n".join(job["script"])
        assert "$[[" not in script, "an input would be read as a part of the script"
        done = run(
            "bash", "-eo", "pipefail", "-c", script,
            cwd=place, more=variables | {"CI_PROJECT_DIR": str(place)},
        )  # fmt: skip
        assert done.returncode == status, done.stdout + done.stderr
        assert not (place / "pwned").exists()
        report = job["artifacts"]["reports"]["codequality"]
        assert len(json.loads((place / report).read_text())) == issues


def test_a_release_is_the_same_when_it_is_built_again(
    python: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    found = []
    for name, when, zone in (
        ("one", 1_600_000_000, "UTC"),
        ("another place", 1_700_000_000, "Asia/Tokyo"),
    ):
        place = _copied(tmp_path_factory.mktemp(name))
        for file in place.rglob("*"):
            os.utime(file, (when, when))
        done = run(
            python / "python", "-m", "hatchling", "build", "-d", "out",
            cwd=place, more={"TZ": zone},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        files = sorted((place / "out").iterdir())
        assert {file.suffix for file in files} == {".whl", ".gz"}
        found.append({f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in files})
    assert found[0] == found[1]


def test_the_manual_pages_are_installed_where_man_finds_them(
    project: Path, python: Path, tmp_path: Path
) -> None:
    """From the sdist, as from the tree: below the prefix that pip installs into."""
    built(python / "python", "-m", "hatchling", "build", "-d", tmp_path / "out", cwd=project)
    packed = next((tmp_path / "out").glob("*.tar.gz"))
    pages = {file.name: file.read_bytes() for file in (project / "share/man/man1").iterdir()}
    assert {"patcher.1", "patcher-scan.1"} <= pages.keys()
    for number, source in enumerate((project, packed)):
        prefix = tmp_path / str(number)
        built(
            python / "python", "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation",
            "--ignore-installed", "--prefix", prefix, source,
            cwd=tmp_path,
        )  # fmt: skip
        there = {file.name: file.read_bytes() for file in (prefix / "share/man/man1").iterdir()}
        assert there == pages


def test_release_notes_are_those_of_the_changelog(project: Path) -> None:
    notes = built(project / ".ci/release-notes", cwd=project)
    assert notes.startswith("### Added\n")
    assert notes.strip() in (project / "CHANGELOG.md").read_text()
    unknown = run(project / ".ci/release-notes", "99.0", cwd=project)
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "no notes for 99.0" in unknown.stderr


def test_the_documentation_builds_strictly(project: Path, python: Path) -> None:
    """With each command's help, no link that leads nowhere, and no page that is not in a menu."""
    done = run(
        python / "mkdocs", "build", "--strict", "-d", "out",
        cwd=project, more={"NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not included in the" not in done.stderr
    page = (project / "out/reference/commands/index.html").read_text()
    assert all(f"patcher {name}" in page for name in ("scan", "apply", "merge", "cache clear"))


def test_the_screens_are_made_from_real_runs(project: Path, tmp_path: Path) -> None:
    built(sys.executable, "docs/screens.py", tmp_path, cwd=project)
    made = {file.name: file.read_text() for file in tmp_path.glob("*.svg")}
    assert made.keys() == {file.name for file in (project / "docs/screens").iterdir()}
    for name, picture in made.items():
        assert not re.sub(ADDRESSES, "", picture).count("http"), name
        assert "127.0.0.1" not in picture
    assert "deny" in made["diff-80.svg"]
    assert "failed" in made["failures-200.svg"]
    assert "opened:" in made["reviews-80.svg"]
    assert "approved" in made["reviews-status-80.svg"]


def test_the_pictures_are_made_from_real_runs(project: Path, tmp_path: Path) -> None:
    """What is there is what is made now, but for how many rules a newer parser lists."""
    built(sys.executable, "-m", "docs.pictures", tmp_path, cwd=project)
    for name in ("flow.svg", "proof.svg"):
        texts = [
            "".join(ElementTree.parse(folder / name).getroot().itertext())
            for folder in (tmp_path, project / "docs/pictures")
        ]
        if name == "proof.svg":
            texts = [re.sub(r"\d+ (?=rules|kinds)", "", text) for text in texts]
        assert texts[0] == texts[1], f"run `python -m docs.pictures`: docs/pictures/{name} is stale"


ADDRESSES = r"http://www\.w3\.org/|https://(www\.textualize\.io|github\.example/acme/)"
"""Those that name what a picture is, or a repository: no picture loads anything from them."""


def test_the_commands_of_the_tutorial_do_what_it_says(sandbox: Sandbox) -> None:
    text = (ROOT / "docs/tutorial.md").read_text()
    commands = "".join(re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    script = f'patcher() {{ "{sys.executable}" -m patcher "$@"; }}\nset -e\n{commands}'
    place = sandbox.root / "tutorial"
    place.mkdir(parents=True)
    done = run("bash", "-c", script, cwd=place, more={"PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stdout + done.stderr
    for said in (
        "6 repositories: 4 affected profiles in 4 files, 1 fixed already.",
        "6 committed",
        "6 up to date",
        "6 removed",
    ):
        assert said in done.stdout, said


PARTS_OF_PATTERNS = "aare,bu,clos,ines,isnt,ist,shouldbe,te,tring"


def test_words_are_spelled_as_dictionaries_have_them(project: Path, python: Path) -> None:
    pages = [*project.glob("*.md"), *project.glob("docs/**/*.md"), *project.glob("patcher/**/*.py")]
    done = run(python / "codespell", "-L", PARTS_OF_PATTERNS, *pages, cwd=project)
    assert (done.returncode, done.stdout) == (0, "")
    (project / "wrong.md").write_text("teh\n")
    assert run(python / "codespell", project / "wrong.md", cwd=project).returncode != 0

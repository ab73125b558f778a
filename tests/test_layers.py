"""The house has one way through it: what imports what, and what is not imported at the start."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import patcher
from tests.conftest import Sandbox

ROOT = Path(patcher.__file__).parent

BELOW = {
    "extras": (),
    "interrupts": (),
    "kinds": (),
    "lazily": (),
    "locks": (),
    "text": (),
    "values": (),
    "yamltree": (),
    "policy": (),
    "migrations": ("policy", "yamltree"),
    "hosts": ("policy",),
    "findings": ("policy",),
    "results": ("findings", "kinds"),
    "progress": ("kinds", "results"),
    "options": ("migrations",),
    "engine": ("findings", "hosts", "migrations", "options", "policy"),
    "seccomp": ("interrupts", "findings", "hosts", "options", "policy"),
    "proof": (
        "interrupts",
        "locks",
        "engine",
        "findings",
        "hosts",
        "migrations",
        "options",
        "policy",
        "results",
    ),
    "git": ("interrupts", "lazily", "locks", "text"),
    "forges": ("git",),
    "sources": ("forges", "git", "lazily"),
    "reviews": ("text", "findings", "migrations", "results", "forges", "git"),
    "campaignfile": ("git", "text", "yamltree"),
    "campaign": (
        "extras",
        "interrupts",
        "kinds",
        "locks",
        "text",
        "sources",
        "reviews",
        "forges",
        "git",
        "proof",
        "findings",
        "migrations",
        "options",
        "progress",
        "results",
        "policy.bounds",
        "policy.includes",
        "policy.judgement",
        "policy.search",
        "seccomp",
    ),
    "reports": (
        *("text", "findings", "kinds", "migrations", "policy.status", "policy.seccomp"),
        *("progress", "results"),
    ),
    "cli": (
        "interrupts",
        "text",
        "yamltree",
        "campaignfile",
        "reviews",
        "campaign",
        "sources",
        "forges",
        "reports",
        "git",
        "proof",
        "findings",
        "migrations",
        "progress",
        "results",
    ),
}
"""What a package may import, besides itself, ``values`` and ``patcher`` (its version)."""

PURE = (
    *(
        "text",
        "values",
        "policy",
        "hosts",
        "migrations",
        "findings",
        "kinds",
        "results",
        "progress",
        "options",
        "engine",
        "seccomp",
    ),
    "reports",
)
IMPURE = {"subprocess", "socket", "git", "requests", "urllib", "random", "time", "datetime"}


def modules() -> Iterator[tuple[str, Path]]:
    for file in sorted(ROOT.rglob("*.py")):
        parts = file.relative_to(ROOT).with_suffix("").parts
        yield ".".join(part for part in parts if part != "__init__"), file


def imported(file: Path, package: str) -> Iterator[str]:
    """Every module that a file names in an import, also inside functions."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize(("name", "file"), [found for found in modules() if found[0]])
def test_imports_run_one_way(name: str, file: Path) -> None:
    own = name.split(".")[0]
    if own == "__main__":
        return
    for module in imported(file, name):
        top, _, inner = module.partition(".")
        if top != "patcher" or inner == "__version__":
            continue
        allowed = (own, *BELOW[own], "values")
        assert any(inner == part or inner.startswith(part + ".") for part in allowed), (
            f"{name} imports {module}"
        )


@pytest.mark.parametrize(
    ("name", "file"), [found for found in modules() if found[0].split(".")[0] in PURE]
)
def test_what_is_pure_stays_pure(name: str, file: Path) -> None:
    names = [name for name in imported(file, name) if not name.startswith("urllib.parse")]
    assert not IMPURE & {name.split(".")[0] for name in names}


def test_nothing_below_imports_anything_above() -> None:
    order = [*BELOW]
    for above, below in BELOW.items():
        for part in below:
            assert order.index(part.split(".")[0]) < order.index(above)


def test_no_files_import_each_other() -> None:
    """Neither two nor more of them in a circle; an import inside a function counts, too."""
    files = {f"patcher.{name}".rstrip("."): file for name, file in modules()}
    known = {
        name: {
            module if module in files else module.rpartition(".")[0]
            for module in imported(file, name)
        }
        & files.keys() - {name}
        for name, file in files.items()
    }
    while free := [name for name, below in known.items() if not below]:
        for name in free:
            del known[name]
        for below in known.values():
            below.difference_update(free)
    assert not sorted(known)


def test_no_two_classes_share_a_name() -> None:
    """But those that are one interface, which is a protocol."""
    found: dict[str, list[str]] = {}
    protocols = set()
    for name, file in modules():
        if name.split(".")[0] in ("policy", "hosts", "proof", "engine"):
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).append(name)
                if any(ast.unparse(base) == "Protocol" for base in node.bases):
                    protocols.add(node.name)
    shared = {name: where for name, where in found.items() if len(where) > 1}
    assert not {name: where for name, where in shared.items() if name not in protocols}


def loaded(code: str) -> set[str]:
    """The modules that are loaded after ``code``, beyond those of a bare interpreter."""
    show = "import sys; print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{show}"], capture_output=True, text=True, check=True
    )
    names = done.stderr.splitlines()[-1].split()
    return {name.split(".")[0] for name in names} | {*names}


HEAVY = set("asyncio gitdb hashlib jinja2 json jsonschema logging rich ruamel tomllib".split())


def test_the_command_line_starts_light() -> None:
    names = loaded("import patcher.cli")
    assert not names & HEAVY
    assert not names & {"patcher.campaign", "patcher.git", "patcher.reports", "subprocess"}


def test_a_scan_that_starts_no_git_loads_nothing_heavy(sandbox: Sandbox) -> None:
    """GitPython takes longer to import than a scan of what is known already takes."""
    place = sandbox.repository(files={"README": "nothing\n"})
    sandbox.git(place, "gc", "-q")
    code = (
        "from patcher.cli import group\n"
        f"assert group.main(['scan', {str(place)!r}], standalone_mode=False) == 0"
    )
    assert "gitdb" in loaded(code)
    assert not loaded(code) & HEAVY - {"hashlib"}


def test_a_scan_of_nothing_loads_what_it_uses(tmp_path: Path) -> None:
    """Until a repository is found, nothing that reads one is imported."""
    code = (
        "from patcher.cli import group\n"
        f"assert group.main(['scan', {str(tmp_path)!r}], standalone_mode=False) == 3"
    )
    names = loaded(code)
    assert "patcher.git.discovery" in names
    assert not names & HEAVY
    assert not names & {
        *("patcher.campaign.cache", "patcher.campaign.look", "patcher.git.objects"),
        *("patcher.git.process", "patcher.git.tree_search", "patcher.policy.search"),
        *("patcher.proof", "patcher.engine", "patcher.hosts", "sqlite3", "subprocess"),
    }


def test_a_scan_of_what_is_known_loads_nothing_that_reads_it(sandbox: Sandbox) -> None:
    place = sandbox.repository(files={"README": "nothing\n"})
    code = (
        "from patcher.cli import group\n"
        f"assert group.main(['scan', {str(place)!r}], standalone_mode=False) == 0"
    )
    reading = {
        *("patcher.campaign.look", "patcher.git.objects", "patcher.git.tree_search"),
        *("patcher.policy.search", "patcher.seccomp"),
    }
    assert reading <= loaded(code)
    assert not loaded(code) & reading


def test_a_clone_url_loads_no_reviews() -> None:
    """Each of them looks for a token at every forge."""
    names = loaded(
        "from patcher import forges, git\n"
        "forges.with_token(git.Address.parse('https://a.test/x/y'), None, ())"
    )
    assert "patcher.forges.listings.bitbucket" in names
    assert "patcher.forges.review" not in names


def test_the_public_api_is_what_it_says() -> None:
    assert set(patcher.__all__) <= set(dir(patcher))
    result = patcher.patch("docker-default", b"nothing here\n")
    assert (result.content, result.findings, result.edits) == (b"nothing here\n", (), ())

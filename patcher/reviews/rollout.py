"""What whoever merges a review has to know of its rollout, from facts in the repository."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from patcher.migrations import Migration
from patcher.results import ChangedFile, Target
from patcher.reviews.tree import BaseTree
from patcher.reviews.words import Markdown, code

_MOST = 5
"""Notes of one kind."""

FIXED_UPSTREAM = {
    ("deny-af-alg", "github.com/moby/profiles/apparmor"): "v0.2.1",
    (
        "deny-af-vsock",
        "github.com/moby/profiles/apparmor",
    ): "v0.2.2-0.20260828104831-61eaf32614c7",
}
"""The first version of a Go module whose profile has a migration's rule, by the migration's id and
the module's path; as https://proxy.golang.org had them in November 2026. Later versions of others
(github.com/containerd/containerd/v2 v2.4.2) have none."""


def notes(target: Target, tree: BaseTree, migrations: Sequence[Migration]) -> list[Markdown]:
    """What there is to know, the most important first."""
    return [
        *_vendored(target.files, tree, migrations),
        *_copies(target.files),
        *_loading(target),
    ]


# -- when the change takes effect


def _loading(target: Target) -> Iterator[Markdown]:
    """When the kernel gets the new profile."""
    changed = {file.path: file.old for file in target.files}
    docker, podman = False, False
    for located in target.findings:
        if located.path in changed and located.finding.edit is not None:
            names = (located.finding.profile.encode("utf-8", "replace"), changed[located.path])
            docker |= any(b"docker-default" in each for each in names) or (
                b"moby/profiles/" in located.path or b"docker/docker/profiles/" in located.path
            )
            podman |= any(b"containers-default" in each for each in names) or (
                b"containers/common/" in located.path or b"podman.io/common/" in located.path
            )
    yield Markdown(
        "Merging changes no running system: the kernel keeps the profile that it has until the new "
        "one is loaded, and a container keeps what it was started with."
    )
    if docker:
        yield Markdown(
            "Docker loads `docker-default` again when its daemon starts, from the release on that "
            f"has {code('moby/moby pull request 52536')}; before that it takes a reboot, or "
            "`apparmor_parser -r` with the new text."
        )
    if podman:
        yield Markdown(
            "containers/common (Podman, Buildah, CRI-O) keeps a profile that is loaded until the "
            "version in the profile's name changes "
            f"({code('containers/container-libs issue 60')}): raise that, or reboot."
        )
    if not (docker or podman):
        yield Markdown("A profile in a file is loaded by `apparmor_parser -r FILE`, or a reboot.")


# -- copies


class _Module(NamedTuple):
    """A module in vendor/modules.txt (https://go.dev/ref/mod#vendoring)."""

    path: str
    version: str
    replaced: str = ""


_MODULE = re.compile(r"# (\S+) (v\S+)(?: => (\S+(?: v\S+)?))?\s*\Z")
_MOST_MODULES = 20_000


def _vendored(
    files: Sequence[ChangedFile], tree: BaseTree, migrations: Sequence[Migration]
) -> Iterator[Markdown]:
    """What `go mod vendor` overwrites, by module."""
    found: dict[tuple[bytes, str], _Module | None] = {}
    known: dict[bytes, list[_Module]] = {}
    for file in files:
        before, vendor, package = _split(file.path)
        if not vendor:
            continue
        if before not in known:
            known[before] = _modules(tree.read(before + b"vendor/modules.txt"))
        module = _module_of(package, known[before])
        if known[before]:
            found[before, module.path if module else ""] = module
    for (before, _), module in list(found.items())[:_MOST]:
        where = code(before + b"vendor/")
        if module is None:
            yield Markdown(f"The next `go mod vendor` overwrites what is changed below {where}.")
            continue
        text = (
            f"{where} is Go's: the next `go mod vendor` overwrites this change with what "
            f"{code(module.path)} {code(module.version)} has"
        )
        if module.replaced:
            text += f", which go.mod replaces by {code(module.replaced)}: change it there, too."
            yield Markdown(text)
            continue
        fixed = {
            migration.id: FIXED_UPSTREAM.get((migration.id, module.path))
            for migration in migrations
        }
        versions = [version for version in fixed.values() if version]
        if len(versions) == len(fixed):
            text += f". Upstream has the rule from {code(_latest(versions))} on: upgrade to that."
        else:
            text += ". patcher knows no version of it that has the rule: carry it as a patch."
        yield Markdown(text)


def _latest(versions: Sequence[str]) -> str:
    return max(versions, key=lambda each: [int(part) for part in re.findall(r"\d+", each)[:3]])


def _split(path: bytes) -> tuple[bytes, bool, str]:
    """What stands before ``vendor/``, whether that is there, and what follows."""
    if path.startswith(b"vendor/"):
        return b"", True, path[7:].decode("utf-8", "replace")
    before, vendor, package = path.rpartition(b"/vendor/")
    return before + b"/", bool(vendor), package.decode("utf-8", "replace")


def _modules(content: bytes | None) -> list[_Module]:
    lines = (content or b"").decode("utf-8", "replace").split("\n")
    found = [_MODULE.match(line[:1000]) for line in lines if line.startswith("# ")]
    return [_Module(*match.groups(default="")) for match in found[:_MOST_MODULES] if match]


def _module_of(package: str, modules: Sequence[_Module]) -> _Module | None:
    """The module with the longest path that the file lies in."""
    fitting = [each for each in modules if package.startswith(f"{each.path}/")]
    return max(fitting, key=lambda each: len(each.path), default=None)


_IN_STEP = re.compile(
    rb"(?:keep|kept|must (?:be|stay)|should be)[ \w,'\"()-]{0,40}?"
    rb"\b(?:in sync|in step|synchroni[sz]ed)"
    rb"|\b(?:copied|forked|taken|vendored|adapted)(?: \w{1,12}){0,2} from\b"
    rb"|\bin sync with\b",
    re.IGNORECASE,
)
_MOST_LINE = 300


def _copies(files: Sequence[ChangedFile]) -> Iterator[Markdown]:
    """The comments of changed files that speak of other copies of them."""
    number = 0
    for file in files:
        for at, line in enumerate(file.old.split(b"\n"), 1):
            if number == _MOST:
                return
            text = line[:_MOST_LINE].strip()
            if text.startswith(_COMMENTS) and _IN_STEP.search(text):
                number += 1
                place = file.path + b":%d" % at
                yield Markdown(
                    f"There is another copy, which has to change, too: {code(place)} says "
                    f"{code(text)}."
                )


_COMMENTS = (b"#", b"//", b"/*", b"*", b"--", b";", b"{{/*", b"{#", b"<!--", b'"""', b"'''")

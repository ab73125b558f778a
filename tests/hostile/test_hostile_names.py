"""Names that a repository chooses: on the terminal, in reports, in trees, where options stand."""

from __future__ import annotations

import json
import os
import re
import subprocess
import unicodedata
from pathlib import Path

import pytest

from patcher import git
from patcher.cli import FAILED
from tests.cli.test_cli_interactive import Terminal
from tests.hostile.bench import BRANCH, FIXED, PROFILE, Bench, patcher
from tests.variants import few

ESCAPES = "\x1b]0;pwned\x07\x1b[2J\x9b2J\r\x08"
BIDI = "\u202egnp.exe\u2066\u200b"
UNSEEN = (
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180e\u180f\u2800\u3164\ufe00\ufe0f\uffa0"
    "\U00016fe4\U0001d159\U000e0001\U000e0061\U000e0100\U000e01ef"
)
NAMES = {
    "escape sequences": f"a{ESCAPES}b",
    "newlines": "x\npatcher: all is well\ny",
    "bidi": f"safe{BIDI}",
    "characters that nobody sees": f"a{UNSEEN}b",
    "not UTF-8": "caf\udce9\udcff",
    "an option": "--upload-pack=touch pwned",
    "a short option": "-x",
    "shell": "$(touch pwned)`touch pwned`;touch pwned|touch pwned",
    "placeholders": "{files}{why}{0.__class__}%s%n",
    "markup": "[bold red]x[blink] <script>alert(1)&amp;",
    "glob": "*?[a",
    "git's own words": "a => b {c => d} \t1",
    "a command of GitHub Actions": "::stop-commands::x",
    "one within a line": "a ##[add-path]b ##vso[task.prependpath]c ##teamcity[x]",
}


def check_is_plain(text: str) -> None:
    """Nothing but what prints, and newlines; and no line is a command of a pipeline."""
    assert not re.search(r"(?m)^\s*::|##(?:vso|teamcity)?\[", text), text
    odd = {char for char in text if char != "\n" and unicodedata.category(char)[0] == "C"}
    assert not (odd | set(UNSEEN)) & set(text), ascii(text)


@pytest.mark.parametrize("name", few(NAMES.values(), 3), ids=NAMES)
@pytest.mark.parametrize("what", ["file", "folder", "profile"])
def test_names_of_files_and_profiles(bench: Bench, name: str, what: str) -> None:
    raw = name.encode("utf-8", "surrogateescape")
    if what == "profile":
        # A newline ends a profile's header, and where a carriage return is none, nothing is edited.
        name = name.replace("\n", " ").replace("\r", " ")
        quoted = f'"{name}"'.encode("utf-8", "surrogateescape")
        content = PROFILE.encode().replace(b"docker-default", quoted, 1)
        path = b"profile"
    else:
        content = PROFILE.encode()
        path = raw if what == "file" else raw + b"/p"
    blob = bench.put("blob", content)
    tree = bench.tree(("100644", path.split(b"/")[0], blob))
    if b"/" in path:
        tree = bench.tree(("40000", raw, bench.tree(("100644", b"p", blob))))
    bench.commit_tree(tree)
    before = bench.snapshot()
    for command in (
        ("scan", "--explain", "-v", "--color", "always"),
        ("scan", "--base", "m*"),
        ("verify", "-v"),
    ):
        result = patcher(*command, bench.place)
        text = result.stdout + result.stderr
        # Colors are patcher's own; no name here has any.
        check_is_plain(re.sub("\x1b\\[[0-9;]*m", "", text))
        assert "\npatcher: all is well" not in text
    document = json.loads(patcher("scan", "--format", "json", bench.place).stdout)
    [finding] = document["targets"][0]["findings"]
    if what != "profile" and "\udce9" not in name:
        assert finding["path"].encode() == path
    patch = patcher("diff", "--proof", "off", bench.place)
    assert patch.exit_code == 1
    assert b"\x1b" not in patch.stdout_bytes.replace(content.split(b"\n")[0], b"")
    result = patcher("apply", "--proof", "off", "--message", "Fix {files}\n\n{why}", bench.place)
    assert result.exit_code == 0, result.stderr
    check_is_plain(result.stdout + result.stderr)
    message = bench.git("log", "-1", "--format=%B", BRANCH)
    check_is_plain(message)
    entries = bench.git("ls-tree", "-r", "-z", "--name-only", BRANCH).split("\0")
    assert entries[0].encode("utf-8", "surrogateescape") == path
    assert bench.snapshot() == before
    assert not list(bench.root.rglob("pwned"))
    assert bench.ran() == []
    # The patch is one that git takes, for just these files.
    bench.git("read-tree", "main", env={"GIT_INDEX_FILE": str(bench.root / "index")})
    applied = {"GIT_INDEX_FILE": str(bench.root / "index")}
    bench.git("apply", "--cached", "-", stdin=patch.stdout_bytes, env=applied)
    written = bench.git("write-tree", env=applied)
    assert written == bench.git("rev-parse", f"{BRANCH}^{{tree}}")


@pytest.mark.parametrize("name", few(NAMES.values(), 3), ids=NAMES)
def test_names_of_files_outside_git(tmp_path: Path, name: str) -> None:
    """As names of files to check, of one that fails, of folders, and where a shell's ``*`` puts
    them: before files, and where no file is meant."""
    folder = tmp_path / name
    folder.mkdir()
    (folder / name).write_text(PROFILE)
    (tmp_path / "link").symlink_to(folder / name)
    os.link(folder / name, tmp_path / "other")
    os.mkfifo(folder / "pipe")
    link = folder / f"{name}.link"
    link.symlink_to(folder / name)
    gone = folder / f"{name}.gone"
    for command in (
        ("check", "-v", "--explain", folder, link, gone, folder / "pipe"),
        ("check", "--color", "always", folder),
        ("check", "-", "--stdin-name", name),
        ("check", "--fix", folder),
        ("verify", folder, gone),
        ("scan", folder, gone),
        ("scan", "--from", gone),
        ("repos", gone),
        ("apply", f"--{name}"),
        ("apply", "--author", name, folder),
        ("apply", "--branch", name, folder),
        ("apply", "--campaign", name, folder),
        ("diff", "-m", name, folder),
        ("scan", f"--max-size={name}", folder),
        ("scan", f"--include=[{name}", folder),
        ("migrations", name),
        ("status", name),
        ("status", "c", name),
        ("cache", "list", name),
        ("cache", "clear", name),
        (name,),
    ):
        result = patcher(*command, stdin=PROFILE.encode())
        text = re.sub("\x1b\\[[0-9;]*m", "", result.stderr)
        if "-" not in command:
            text += re.sub("\x1b\\[[0-9;]*m", "", result.stdout)
        check_is_plain(text)
        assert "\npatcher: all is well" not in text
        assert "Traceback" not in text
        assert "PATCHER_DEBUG" not in text  # a fault of patcher's own


@pytest.mark.parametrize("colon", [": ", ":", " : "])
def test_no_name_is_a_trailer_of_the_commit(bench: Bench, colon: str) -> None:
    """Nor where the user's own template begins a line with it."""
    boss = f"Signed-off-by{colon}Boss <boss@example.org>"
    bench.commit({"docker-default": PROFILE.replace("docker-default", f'"{boss}"', 1)})
    place = bench.place.rename(bench.place.with_name(boss))
    template = "Fix\n\nAcked-by: {profiles}\n\n{profiles}\n\n{repository}"
    for number, message in enumerate((template, template + "\n{profiles}\n{files}")):
        named = f"b{number}"
        arguments = ("apply", "--proof", "off", "--branch", named, "--message", message, place)
        result = patcher(*arguments)
        assert result.exit_code == 0, result.stderr
        text = bench.git("log", "-1", "--format=%B", named, where=place)
        assert "Boss <boss@example.org>" in text
        trailers = bench.git("interpret-trailers", "--parse", where=place, stdin=text.encode())
        assert "Signed-off-by" not in trailers


def test_a_diff_in_color_drives_no_terminal(bench: Bench) -> None:
    """It is for `less -R`: git does not take it."""
    bench.commit({"docker-default": PROFILE.replace("file,", f"file, # {ESCAPES}{UNSEEN}")})
    result = patcher("diff", "--color", "always", "--proof", "off", bench.place)
    assert "file, # " in result.stdout
    check_is_plain(re.sub("\x1b\\[[0-9;]*m", "", result.stdout))


@pytest.mark.parametrize("color", ["", "1"])
def test_a_change_that_is_asked_about_drives_no_terminal(bench: Bench, color: str) -> None:
    """A terminal takes what it is shown at once, whoever wrote it."""
    bench.git("mv", "docker-default", f"x{ESCAPES}{UNSEEN}")
    hostile = PROFILE.replace("file,", f"file, # {ESCAPES}{UNSEEN}\r")
    bench.commit({f"x{ESCAPES}{UNSEEN}": hostile.replace("docker-default", "a\u202eb\x1b[2Jc")})
    terminal = Terminal("--profiles", "all", bench.place, NO_COLOR=color)
    terminal.answer("n\n")
    assert terminal.end() == 1
    assert terminal.questions() == 1
    assert "file, # " in terminal.seen
    check_is_plain(re.sub("\x1b\\[[0-9;]*m", "", terminal.seen).replace("\r\n", "\n"))


REFS = [
    "refs/heads/-x",
    "refs/heads/--upload-pack=touch",
    "refs/heads/--exec=touch\u202epwned",
    "refs/heads/$(touch)`touch`;touch",
    "refs/heads/safe\u202egnp",
    "refs/heads/{0.__class__}%s",
    f"refs/heads/a{UNSEEN}b",
]


@pytest.mark.parametrize("ref", REFS)
def test_branches_that_look_like_options(bench: Bench, ref: str) -> None:
    head = bench.git("rev-parse", "HEAD")
    bench.git("update-ref", ref, head)
    bench.git("symbolic-ref", "HEAD", ref)
    for command, status in ((("scan",), 1), (("scan", "--base", "**"), 1), (("apply",), 0)):
        result = patcher(*command, bench.place)
        assert result.exit_code == status, result.stderr
        check_is_plain(result.stdout + result.stderr)
    assert bench.git("show", f"{BRANCH}:docker-default") == FIXED.strip()


@pytest.mark.parametrize(
    "head",
    [
        "ref: refs/heads/../../../victim/.git/refs/heads/main",
        "ref: refs/heads/\x1b[31m",
        "ref: /etc/passwd",
        "ref: refs/../../../victim/.git/HEAD",
        "ref: --upload-pack=x",
        "0" * 40,
        "f" * 40,
        "z" * 9000,
    ],
)
def test_a_head_that_leads_elsewhere(bench: Bench, head: str) -> None:
    (bench.git_dir / "HEAD").write_text(head + "\n")
    before = bench.snapshot()
    for command in ("scan", "apply"):
        result = patcher(command, bench.place)
        assert result.exit_code in (0, 3)
        assert "docker-default:" not in result.stdout
        check_is_plain(result.stdout + result.stderr)
        assert bench.snapshot() == before


# From git's own list of what it refuses to check out: verify_path(), is_hfs_dotgit() and
# is_ntfs_dotgit() (CVE-2014-9390, CVE-2019-1352, CVE-2021-21300).
REFUSED = {
    ".git": b".git",
    "..": b"..",
    ".": b".",
    ".GIT": b".GIT",
    "git~1": b"git~1",
    "GIT~1": b"GIT~1",
    ".git and a dot": b".git.",
    ".git and a space": b".git ",
    ".git stream": b".git::$INDEX_ALLOCATION",
    "zero width .git": ".g\u200cit".encode(),
}
CARRIED = {
    "control characters": b"\x01\x1b[2J\x7f",
    "newline": b"a\nb",
    "tab and quotes": b'\t"\\',
    "backslash": b"..\\..\\x",
    ".gitmodules": b".gitmodules",
}


@pytest.mark.parametrize(
    "name", few([*REFUSED.values(), *CARRIED.values()], 3), ids=[*REFUSED, *CARRIED]
)
def test_odd_entries_stay_as_they_are_while_others_change(bench: Bench, name: bytes) -> None:
    blob = bench.put("blob", PROFILE.encode())
    hook = bench.put("blob", b"#!/bin/sh\ntouch pwned\n")
    odd = ("40000", name, bench.tree(("100755", b"post-checkout", hook)))
    bench.commit_tree(bench.tree(odd, ("100644", b"docker-default", blob)))
    before = bench.snapshot()
    result = patcher("apply", "--proof", "off", bench.place)
    assert result.exit_code == 0, result.stderr
    check_is_plain(result.stdout + result.stderr)
    entries = {tree: bench.git("ls-tree", "-z", tree).split("\0") for tree in ("main", BRANCH)}
    assert entries["main"][0] == entries[BRANCH][0]
    assert entries["main"][1] != entries[BRANCH][1]
    assert bench.snapshot() == before


@pytest.mark.parametrize("name", few(REFUSED.values(), 3), ids=REFUSED)
@pytest.mark.parametrize("inside", [False, True])
def test_a_change_that_git_would_not_check_out_is_refused(
    bench: Bench, name: bytes, inside: bool
) -> None:
    blob = bench.put("blob", PROFILE.encode())
    entry = ("100644", name, blob)
    if inside:
        entry = ("40000", name, bench.tree(("100644", b"profile", blob)))
    bench.commit_tree(bench.tree(entry))
    before = bench.snapshot()
    assert patcher("scan", bench.place).exit_code == 1
    result = patcher("apply", "--proof", "off", bench.place)
    assert result.exit_code == 3
    assert "no path that git would check out" in result.stderr
    check_is_plain(result.stderr)
    assert bench.snapshot() == before
    assert bench.git("branch", "--list", BRANCH) == ""


def test_a_slash_inside_a_name_is_no_folder(bench: Bench) -> None:
    blob = bench.put("blob", PROFILE.encode())
    bench.commit_tree(bench.tree(("100644", b"../../victim/x", blob)))
    before = bench.snapshot()
    result = patcher("apply", "--proof", "off", bench.place)
    assert result.exit_code == 3
    assert "no path that git would check out" in result.stderr
    assert bench.snapshot() == before


@pytest.mark.parametrize("mode", ["120000", "160000", "100664", "140000", "0"])
def test_links_submodules_and_odd_modes(bench: Bench, mode: str) -> None:
    """A link whose target reads like a profile is no file; nothing is followed."""
    blob = bench.put("blob", PROFILE.encode())
    target = bench.git("rev-parse", "HEAD") if mode == "160000" else blob
    good = ("100644", b"docker-default", blob)
    bench.commit_tree(bench.tree((mode, b"a", target), good))
    result = patcher("apply", "--proof", "off", bench.place)
    assert result.exit_code in (0, 3), result.stderr
    assert "unexpected" not in result.stderr
    if result.exit_code == 0:
        raw = subprocess.run(
            ["git", "cat-file", "tree", f"{BRANCH}^{{tree}}"],
            cwd=bench.place,
            capture_output=True,
            check=True,
        ).stdout
        assert raw.startswith(b"%b a\0" % mode.encode())
        if not mode.startswith("100"):
            assert bytes.fromhex(target) in raw


@pytest.mark.parametrize("filling", [0, 1200], ids=["small", "large"])
@pytest.mark.parametrize("mode", ["160000", "140000", "54321"])
def test_a_gitlink_without_gitmodules_is_not_read_and_said_so(
    bench: Bench, mode: str, filling: int
) -> None:
    """What git takes for a gitlink: every mode that is no file, folder or link."""
    head, blob = bench.git("rev-parse", "HEAD"), bench.put("blob", b"nothing\n")
    names = [b"moby", b"moby\x1b[2J", b"podman", b"qemu"]
    inner = bench.tree(*((mode, name, head) for name in names))
    files = [("100644", b"%d" % number, blob) for number in range(filling)]
    bench.commit_tree(bench.tree(*files, ("40000", b"third", inner)))
    listed = bench.git("ls-tree", "-r", "HEAD")
    assert listed.count("160000 commit ") == len(names)
    shown = "third/moby, third/moby\\x1b[2J, third/podman, 1 more"
    commands = (["scan"], ["scan"], ["scan", "--fresh"], ["apply", "--proof", "off"])
    for command in commands:
        result = patcher(*command, "--format", "json", bench.place)
        (target,) = json.loads(result.stdout)["targets"]
        assert target["note"] == f"not read: submodules ({shown}): scan their own repositories"
    result = patcher("scan", "--strict", bench.place)
    assert result.exit_code == FAILED
    assert "submodules or files in Git LFS were not read" in result.stderr
    assert patcher("scan", "--strict", "--exclude", "third/*", bench.place).exit_code == 0


def test_gitlinks_and_what_gitmodules_names_are_counted_once(bench: Bench) -> None:
    head = bench.git("rev-parse", "HEAD")
    text = "".join(f'[submodule "{n}"]\n\tpath = m{n:02}\n' for n in range(40))
    modules = ("100644", b".gitmodules", bench.put("blob", text.encode()))
    bench.commit_tree(bench.tree(modules, *(("160000", b"m%02d" % n, head) for n in range(41))))
    for _ in range(2):
        result = patcher("scan", "--format", "json", bench.place)
        (target,) = json.loads(result.stdout)["targets"]
        assert "submodules (m00, m01, m02, 38 more)" in target["note"]


IGNORED = ("\u200c", "\u202e", "\u206a", "\ufeff")
"""What HFS+ ignores in a name."""
STEMS = (".git", ".gIt", "GIT~1", "git~2", ".gitx", "..", "x")
PREFIXES = ("x\\", "\\", " ", IGNORED[0])
SUFFIXES = (
    "",
    ".",
    " ",
    " . .",
    "\\x",
    ":x",
    ".:x",
    " .\\",
    ".x",
    "~1",
    *IGNORED,
    "\udcff",
    "\uffff",
    "\uffff\udcff",
    "\ufffe\udce2\udc80",
)


def _odd_names() -> list[bytes]:
    names = [f"{stem}{end}" for stem in STEMS for end in SUFFIXES]
    names += [f"{a}{b}{c}" for a in PREFIXES for b in (".git", "git~1") for c in ("", ":", "x")]
    names += [f".{a}g{b}it" for a in IGNORED for b in ("", *IGNORED)]
    names += [".gi\u0307t", ".g\u0131t", ".\u212ait", "...", " ", ". .", "con", "a:b", "\ufb01"]
    return sorted({os.fsencode(name) for name in names})


def test_the_names_that_are_refused_are_those_that_git_refuses(bench: Bench) -> None:
    """``core.protectHFS`` and ``core.protectNTFS`` are on where they matter."""
    names = _odd_names()
    old, new = (bench.put("blob", text.encode()) for text in (PROFILE, FIXED))
    parent = bench.commit_tree(bench.tree(*(("100644", name, old) for name in names)))
    [repository] = git.discover([bench.place])
    assert isinstance(repository, git.Repository)
    ada = git.Identity("Ada", "ada@example.org", None)
    by_git = {"GIT_INDEX_FILE": f"{bench.root}/index"}
    on = ["-c", "core.protectHFS=true", "-c", "core.protectNTFS=true"]
    lines = b"".join(b"100644 %b\t%b\0" % (new.encode(), name) for name in names)
    bench.git(*on, "update-index", "-z", "--index-info", stdin=lines, env=by_git)
    listed = bench.git("ls-files", "-s", "-z", env=by_git).split("\0")
    taken = {os.fsencode(entry.partition("\t")[2]) for entry in listed}
    for name in names:
        change = git.FileChange(name, FIXED.encode())
        try:
            git.write_commit(repository, parent, [change], "x", ada, ada)
        except git.GitError as error:
            assert "no path that git would check out" in str(error), name
            assert name not in taken, name
        else:
            assert name in taken, name


PORTS = ["00006553699", "9" * 1500, "9" * 5000, "65536", "99999", "-1", "+80", "\u0663\u0663"]
PLACES: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "a clone URL": (("https://{}/x/y",), {}),
    "a clone URL for ssh": (("ssh://git@{}/x/y",), {}),
    "a list": (("--from", "list"), {}),
    "a list of JSON": (("--from", "list.json"), {}),
    "github:@": (("github:@{}/acme",), {}),
    "gitlab:@": (("gitlab:@{}/acme",), {}),
    "gitea:": (("gitea:{}/acme",), {}),
    "gitea:https": (("gitea:https://{}/acme",), {}),
    "GITLAB_HOST": (("gitlab:acme",), {"GITLAB_HOST": "{}"}),
    "CI_SERVER_URL": (("gitlab:acme",), {"CI_SERVER_URL": "https://{}"}),
    "GH_HOST": (("github:acme",), {"GH_HOST": "{}"}),
    "GITHUB_API_URL": (("github:acme",), {"GITHUB_API_URL": "https://{}"}),
    "GITEA_SERVER_URL": (("gitea:127.0.0.1:1/acme",), {"GITEA_SERVER_URL": "https://{}"}),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_no_server_has_a_port_that_there_is_not(
    place: str, host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """git would take 6553699 for 99."""
    monkeypatch.chdir(tmp_path)
    words, variables = PLACES[place]
    for port in PORTS:
        server = f"{host}:{port}"
        Path("list").write_text(f"https://{server}/x/y\n")
        Path("list.json").write_text(json.dumps([f"https://{server}/x/y"]))
        for name, value in variables.items():
            monkeypatch.setenv(name, value.format(server))
        result = patcher("repos", *(word.format(server) for word in words))
        assert result.exit_code in (2, 3), (port, result.stderr)
        *_, line = result.stderr.splitlines()
        assert "port" in line or "host" in line or "characters is none" in line, line
        check_is_plain(result.stderr)


@pytest.mark.parametrize("address", ["git@[abc:22]:p", "ssh://git@[abc:22]/p", "https://[:]/p"])
def test_no_host_and_port_stand_in_brackets(address: str) -> None:
    assert "has no valid host name" in patcher("repos", address).stderr

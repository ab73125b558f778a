"""The attacks: what stands in a repository, and the plain git command that it bites.

From git-config(1), githooks(5), gitattributes(5), gitrepository-layout(5) and gitmodules(5): each
way in which a repository names a program, or leads git out of itself.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.hostile.bench import FIXED, VICTIM, Bench, Lure

COMMIT = ("commit", "-q", "--allow-empty", "-m", "x")
UPDATE = ("update-ref", "refs/heads/x", "HEAD")
LOG = ("log", "-p")
ASK = b"protocol=https\nhost=example.org\n\n"

_ATTRIBUTES = "* filter=x diff=x merge=x\n"


def hook(name: str, folder: str = "hooks") -> Callable[[Bench], None]:
    def bait(bench: Bench) -> None:
        place = bench.git_dir / folder
        place.mkdir(parents=True, exist_ok=True)
        (place / name).symlink_to(bench.run)

    return bait


def config(text: str, files: dict[str, str] | None = None) -> Callable[[Bench], None]:
    """Files that are committed, and then configuration."""

    def bait(bench: Bench) -> None:
        if files:
            bench.commit(files)
        bench.config(text)

    return bait


def _hooks_path(bench: Bench) -> None:
    hook("pre-commit", "tools")(bench)
    bench.config("[core]\n\thooksPath = .git/tools\n")


def _auto_gc(bench: Bench) -> None:
    hook("pre-auto-gc")(bench)
    folder = bench.git_dir / "objects" / "17"
    folder.mkdir(exist_ok=True)
    for digit in "01":  # git counts the files of this one folder
        (folder / (digit * 38)).write_bytes(b"")
    bench.config("[gc]\n\tauto = 1\n\tautoDetach = false\n")


def _merge_driver(bench: Bench) -> None:
    bench.commit({".gitattributes": "README merge=x\n", "README": "base\n"})
    bench.git("checkout", "-q", "-b", "other")
    bench.commit({"README": "theirs\n"})
    bench.git("checkout", "-q", "main")
    bench.commit({"README": "ours\n"})
    bench.config('[merge "x"]\n\tdriver = {run} %O %A %B\n')


def _signed(bench: Bench) -> None:
    text = bench.git("cat-file", "commit", "HEAD")
    head, _, body = text.partition("\n\n")
    signature = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n AAAA\n -----END PGP SIGNATURE-----"
    commit = bench.put("commit", f"{head}\n{signature}\n\n{body}\n".encode())
    bench.git("update-ref", "refs/heads/main", commit)
    bench.config("[log]\n\tshowSignature = true\n[gpg]\n\tprogram = {run}\n")


def _submodule(bench: Bench) -> None:
    commit = bench.git("rev-parse", "HEAD", where=bench.victim)
    (bench.place / ".gitmodules").write_text(
        '[submodule "sub"]\n\tpath = sub\n\turl = ../../victim\n'
    )
    bench.git("add", ".gitmodules")
    bench.git("update-index", "--add", "--cacheinfo", f"160000,{commit},sub")
    bench.git("commit", "-q", "-m", "sub")
    bench.config('[submodule "sub"]\n\tactive = true\n\turl = {victim}\n\tupdate = !{run}\n')


def _promisor(bench: Bench) -> None:
    """A partial clone that fetches what it lacks by a command that its configuration names."""
    bench.commit({"gone": "network, # gone\n"})
    gone = bench.git("rev-parse", "HEAD:gone")
    (bench.git_dir / "objects" / gone[:2] / gone[2:]).unlink()
    bench.git("config", "core.repositoryFormatVersion", "1")
    bench.config(
        '[remote "origin"]\n\turl = ext::{run} x\n\tpromisor = true\n'
        '\tpartialclonefilter = blob:none\n[protocol "ext"]\n\tallow = always\n'
        "[extensions]\n\tpartialClone = origin\n"
    )


def _promisor_without_trees(bench: Bench) -> None:
    bench.commit({"a/b": "x\n"})
    gone = bench.git("rev-parse", "HEAD:a")
    (bench.git_dir / "objects" / gone[:2] / gone[2:]).unlink()
    bench.git("config", "core.repositoryFormatVersion", "1")
    bench.config(
        '[remote "origin"]\n\turl = {victim}\n\tuploadpack = {run}\n\tpromisor = true\n'
        "[extensions]\n\tpartialClone = origin\n"
    )


def _worktree_config(bench: Bench) -> None:
    bench.git("config", "core.repositoryFormatVersion", "1")
    bench.git("config", "extensions.worktreeConfig", "true")
    (bench.git_dir / "config.worktree").write_text(bench.filled("[core]\n\tfsmonitor = {run}\n"))


def _included(bench: Bench) -> None:
    bench.commit({"tools/settings": "[core]\n\tfsmonitor = {run}\n"})
    bench.config("[include]\n\tpath = ../tools/settings\n")


def _included_if(bench: Bench) -> None:
    bench.commit({"tools/settings": "[core]\n\tfsmonitor = {run}\n"})
    bench.config('[includeIf "gitdir:**"]\n\tpath = ../tools/settings\n')


def _alternate_refs(bench: Bench) -> None:
    _alternates(bench)
    bench.config("[core]\n\talternateRefsCommand = {run}\n")


def _alternates(bench: Bench) -> None:
    info = bench.git_dir / "objects" / "info"
    info.mkdir(exist_ok=True)
    (info / "alternates").write_text(f"{bench.victim}/.git/objects\n")


def _attributes_file(bench: Bench) -> None:
    bench.commit({"attributes": _ATTRIBUTES})
    bench.config('[core]\n\tattributesFile = {place}/attributes\n[diff "x"]\n\ttextconv = {run}\n')


# What leads elsewhere.


def _lost(bench: Bench) -> None:
    """The attacker's own git directory is gone; something else stands in its place."""
    bench.git_dir.rename(bench.root / "downloads" / "gone")


def _git_file(bench: Bench) -> None:
    _lost(bench)
    bench.git_dir.write_text(f"gitdir: {bench.victim}/.git\n")


def _git_link(bench: Bench) -> None:
    _lost(bench)
    bench.git_dir.symlink_to(bench.victim / ".git")


def _git_file_to_a_work_tree(bench: Bench) -> None:
    bench.git("worktree", "add", "-q", str(bench.root / "linked"), where=bench.victim)
    _lost(bench)
    bench.git_dir.write_text(f"gitdir: {bench.victim}/.git/worktrees/linked\n")


def _common_dir(bench: Bench) -> None:
    (bench.git_dir / "commondir").write_text(f"{bench.victim}/.git\n")


def _link(name: str, target: str) -> Callable[[Bench], None]:
    """Something in the git directory is a link to a folder elsewhere."""

    def bait(bench: Bench) -> None:
        outside = bench.root / target
        outside.mkdir(parents=True, exist_ok=True)
        path = bench.git_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            path.rename(bench.root / "downloads" / "gone")
        path.symlink_to(outside)

    return bait


def _branch_is_another(bench: Bench) -> None:
    path = bench.git_dir / "refs/heads/patcher/deny-af-alg"
    path.parent.mkdir(parents=True)
    path.write_text("ref: refs/heads/main\n")
    bench.config("[core]\n\tlogAllRefUpdates = false\n")


def _replaced(bench: Bench) -> None:
    """What git shows as the profile has the rule; what is in the commit has not."""
    fake = bench.put("blob", FIXED.encode())
    bench.git("replace", bench.git("rev-parse", "HEAD:docker-default"), fake)


def _shows_fixed(bench: Bench) -> bool:
    return bench.git("show", "HEAD:docker-default") == FIXED.strip()


def _graft(bench: Bench) -> None:
    other = bench.git("commit-tree", "-m", "other", "HEAD^{tree}")
    head = bench.git("rev-parse", "HEAD")
    (bench.git_dir / "info").mkdir(exist_ok=True)
    (bench.git_dir / "info" / "grafts").write_text(f"{head} {other}\n")


def _hidden(bench: Bench) -> None:
    """Attributes that make `git grep -I` pass over the file, and `git add` turn its line ends."""
    attributes = "* -diff -text -merge ident export-ignore\n*.go working-tree-encoding=UTF-16\n"
    bench.commit({".gitattributes": attributes})
    own = bench.git_dir / "info/attributes"
    own.parent.mkdir(exist_ok=True)
    own.write_text(attributes)


def _victim_overwritten(bench: Bench) -> bool:
    return (bench.victim / "docker-default").read_text() != VICTIM


def _victim_has_x(bench: Bench) -> bool:
    return (bench.victim / ".git/refs/heads/x").exists()


def _victim_has_the_readme(bench: Bench) -> bool:
    blob = bench.git("hash-object", "--stdin", stdin=b"a fork\n")
    return (bench.victim / ".git/objects" / blob[:2] / blob[2:]).exists()


def _written(name: str) -> Callable[[Bench], bool]:
    return lambda bench: any((bench.root / name).iterdir())


def _main_moved(bench: Bench) -> bool:
    return len(bench.git("rev-list", "main").split()) > 1


_HOOKS = {
    "pre-commit": COMMIT,
    "prepare-commit-msg": COMMIT,
    "commit-msg": COMMIT,
    "post-commit": COMMIT,
    "reference-transaction": UPDATE,
    "post-index-change": ("read-tree", "HEAD"),
    "post-checkout": ("checkout", "-q", "-b", "x"),
    "pre-push": ("push", "-q", ".", "HEAD:refs/heads/x"),
    "pre-receive": ("push", "-q", ".", "HEAD:refs/heads/x"),
    "update": ("push", "-q", ".", "HEAD:refs/heads/x"),
    "post-receive": ("push", "-q", ".", "HEAD:refs/heads/x"),
    "post-update": ("push", "-q", ".", "HEAD:refs/heads/x"),
}

_REMOTE = '[remote "origin"]\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n'

PROGRAMS = [
    *(Lure(f"hook {name}", hook(name), (command,)) for name, command in _HOOKS.items()),
    Lure("hook pre-auto-gc", _auto_gc, (("gc", "--auto"),)),
    Lure(
        "core.hooksPath",
        _hooks_path,
        (COMMIT,),
    ),
    Lure("core.fsmonitor", config("[core]\n\tfsmonitor = {run}\n"), (("status",),)),
    Lure(
        "core.sshCommand",
        config("[core]\n\tsshCommand = {run}\n" + _REMOTE + "\turl = ssh://example.invalid/x\n"),
        (("fetch", "origin"),),
    ),
    Lure(
        "core.gitProxy",
        config("[core]\n\tgitProxy = {run}\n" + _REMOTE + "\turl = git://example.invalid/x\n"),
        (("fetch", "origin"),),
    ),
    Lure("core.pager", config("[core]\n\tpager = {run}\n"), (LOG,), terminal=True),
    Lure("pager.log", config("[pager]\n\tlog = {run}\n\tgrep = {run}\n"), (LOG,), terminal=True),
    Lure("core.editor", config("[core]\n\teditor = {run}\n"), (("commit", "--allow-empty"),)),
    Lure(
        "sequence.editor",
        config("[sequence]\n\teditor = {run}\n"),
        (("rebase", "-i", "--root"),),
    ),
    Lure(
        "core.askPass",
        config("[core]\n\taskPass = {run}\n"),
        (("credential", "fill"),),
        stdin=ASK,
    ),
    Lure(
        "credential.helper",
        config("[credential]\n\thelper = !{run}\n"),
        (("credential", "fill"),),
        stdin=ASK,
    ),
    Lure(
        "commit.gpgSign with gpg.program",
        config("[commit]\n\tgpgSign = true\n[gpg]\n\tprogram = {run}\n"),
        (COMMIT,),
    ),
    Lure(
        "commit.gpgSign with gpg.ssh.program",
        config(
            "[commit]\n\tgpgSign = true\n[user]\n\tsigningKey = k\n"
            '[gpg]\n\tformat = ssh\n[gpg "ssh"]\n\tprogram = {run}\n'
        ),
        (COMMIT,),
    ),
    Lure(
        "gpg.ssh.defaultKeyCommand",
        config(
            "[commit]\n\tgpgSign = true\n[gpg]\n\tformat = ssh\n"
            '[gpg "ssh"]\n\tdefaultKeyCommand = {run}\n'
        ),
        (COMMIT,),
    ),
    Lure("log.showSignature", _signed, (("log",),)),
    Lure(
        "diff.external",
        config("[diff]\n\texternal = {run}\n", {"README": "more\n"}),
        (("diff", "HEAD~"),),
    ),
    Lure(
        "diff driver command",
        config('[diff "x"]\n\tcommand = {run}\n', {".gitattributes": _ATTRIBUTES}),
        (("diff", "HEAD~"),),
    ),
    Lure(
        "textconv",
        config('[diff "x"]\n\ttextconv = {run}\n', {".gitattributes": _ATTRIBUTES}),
        (("log", "-p"),),
    ),
    Lure(
        "textconv in grep and cat-file",
        config('[diff "x"]\n\ttextconv = {run}\n', {".gitattributes": _ATTRIBUTES}),
        (("grep", "--textconv", "network", "HEAD"), ("cat-file", "--textconv", "HEAD:README")),
    ),
    Lure("core.attributesFile", _attributes_file, (("show", "HEAD"),)),
    Lure(
        "filter clean",
        config('[filter "x"]\n\tclean = {run}\n', {".gitattributes": _ATTRIBUTES}),
        (("add", "--renormalize", "."),),
    ),
    Lure(
        "filter smudge",
        config('[filter "x"]\n\tsmudge = {run}\n', {".gitattributes": _ATTRIBUTES}),
        (("archive", "HEAD"),),
    ),
    Lure(
        "filter process",
        config('[filter "x"]\n\tprocess = {run}\n', {".gitattributes": _ATTRIBUTES}),
        (("archive", "HEAD"),),
    ),
    Lure("merge driver", _merge_driver, (("merge", "other"),)),
    Lure("alias", config("[alias]\n\tst = !{run}\n\tgrep = !{run}\n"), (("st",),)),
    Lure(
        "tar command",
        config('[tar "x"]\n\tcommand = {run}\n'),
        (("archive", "--format=x", "HEAD"),),
    ),
    Lure(
        "trailer command",
        config('[trailer "x"]\n\tkey = X\n\tcommand = {run}\n'),
        (("interpret-trailers", "--trailer", "x=y"),),
    ),
    Lure("include.path", _included, (("status",),)),
    Lure("includeIf", _included_if, (("status",),)),
    Lure("config.worktree", _worktree_config, (("status",),)),
    Lure(
        "remote.uploadpack",
        config(_REMOTE + "\turl = {victim}\n\tuploadpack = {run}\n"),
        (("fetch", "origin"),),
    ),
    Lure(
        "remote.receivepack",
        config(_REMOTE + "\turl = {victim}\n\treceivepack = {run}\n"),
        (("push", "origin", "HEAD:x"),),
    ),
    Lure(
        "remote ext::",
        config(_REMOTE + '\turl = ext::{run} x\n[protocol "ext"]\n\tallow = always\n'),
        (("fetch", "origin"),),
    ),
    Lure(
        "url.insteadOf ext::",
        config('[url "ext::{run} "]\n\tinsteadOf = https://\n[protocol]\n\tallow = always\n'),
        (("fetch", "https://example.invalid/x"),),
    ),
    Lure("core.alternateRefsCommand", _alternate_refs, (("rev-list", "--alternate-refs"),)),
    Lure(
        "submodule update",
        _submodule,
        (("-c", "protocol.file.allow=always", "submodule", "update"),),
    ),
    Lure(
        "promisor of a missing blob",
        _promisor,
        (("cat-file", "-p", "HEAD:gone"),),
        refused="not in the repository (a partial clone, or damage)",  # and the rest is done
    ),
    Lure(
        "promisor of a missing tree",
        _promisor_without_trees,
        (("ls-tree", "-r", "HEAD"),),
        refused="not in the repository (a partial clone, or damage)",
    ),
]

REDIRECTIONS = [
    Lure(
        "core.worktree",
        config("[core]\n\tworktree = {victim}\n"),
        (("reset", "-q", "--hard"),),
        _victim_overwritten,
    ),
    Lure(".git file", _git_file, (UPDATE,), _victim_has_x, ".git leads out of here"),
    Lure(
        ".git file to a linked work tree",
        _git_file_to_a_work_tree,
        (UPDATE,),
        _victim_has_x,
        ".git leads out of here",
    ),
    Lure(".git link", _git_link, (UPDATE,), _victim_has_x, ".git is a symbolic link"),
    Lure("commondir", _common_dir, (UPDATE,), _victim_has_x, "commondir leads to another"),
    *(
        Lure(
            f"{name} link",
            _link(name, f"victim/.git/{name}"),
            springs,
            fired,
            f"{name} is a symbolic link that leads out",
        )
        for name, springs, fired in (
            ("refs", (("symbolic-ref", "refs/heads/x", "refs/heads/main"),), _victim_has_x),
            (
                "objects",
                (("hash-object", "-w", "README"),),
                _victim_has_the_readme,
            ),
        )
    ),
    Lure(
        "logs link",
        _link("logs", "outside"),
        (UPDATE,),
        _written("outside"),
        "logs is a symbolic link that leads out",
    ),
    Lure(
        "link on the way to the branch",
        _link("refs/heads/patcher", "outside"),
        (("update-ref", "refs/heads/patcher/x", "HEAD"),),
        _written("outside"),
        "is a symbolic link",
        ("apply",),
    ),
    Lure(
        "link on the way to the reflog",
        _link("logs/refs/heads/patcher", "outside"),
        (("update-ref", "refs/heads/patcher/x", "HEAD"),),
        _written("outside"),
        "is a symbolic link",
        ("apply",),
    ),
    Lure(
        "the review branch is another name for main",
        _branch_is_another,
        (
            ("commit", "-q", "--allow-empty", "-m", "x"),
            ("update-ref", "refs/heads/patcher/deny-af-alg", "HEAD"),
        ),
        _main_moved,
        "is another name for refs/heads/main",
        ("apply",),
    ),
]

LIES = [
    Lure("replace ref", _replaced, (), _shows_fixed),
    Lure("graft", _graft, (), lambda bench: len(bench.git("rev-list", "HEAD").split()) > 1),
    Lure(
        "attributes that hide the file",
        _hidden,
        (),
        lambda bench: bench.git("grep", "-I", "-l", "network", "HEAD", check=False) == "",
    ),
]

LURES = [*PROGRAMS, *REDIRECTIONS, *LIES]

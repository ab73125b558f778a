"""The cases: what stands in ``HEAD``, refs, packed-refs, trees and configuration."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from random import Random

from tests import stores

PROFILE = b"profile docker-default flags=(attach_disconnected,mediate_deleted) {\n  network,\n}\n"
NAMES = ("main", "a", "a/b", "z", "x.lock", "m", "mainx", "patcher/x", "-x", "\udce9")
SPACE = ("", " ", "\t", "\n", "\n\n", "\r\n", "  \n")
NUMBERS = (
    "100644 100755 100664 100600 100777 1100644 0100644 104644 107777 040000 40000 40755 1040000 "
    "120000 0120000 160000 140000 0 644 100000 777777 37777777777100644 10064 1006440"
).split()
WORDS = (
    ".git",
    ".GIT",
    "git~1",
    ".git ",
    ".git\\x",
    "..",
    ".",
    "a",
    "b",
    "a.b",
    "a-b",
    "a b",
    "\\",
    "x\ny",
    "-x",
    "\u202e",
    ".gitmodules",
    ".g\u200cit",
    "\udcff",
    "a:b",
    "B",
    ".gi",
)


class Store:
    """Objects that all cases share."""

    def __init__(self, folder: Path) -> None:
        (folder / "objects/pack").mkdir(parents=True)
        self.blob = stores.make("blob", PROFILE)
        self.plain = stores.make("blob", b"plain\n")
        self.tree = stores.tree(("100644", b"docker-default", self.blob))
        self.commits = [stores.commit(self.tree, f"number {number}") for number in range(3)]
        tag = f"object {self.commits[0].oid}\ntype commit\ntag t\ntagger A <a@b> 1 +0000\n\nt\n"
        self.tag = stores.make("tag", tag.encode())
        stores.loose(folder, [self.blob, self.plain, self.tree, *self.commits, self.tag])
        self.ids = [
            each.oid for each in (*self.commits, self.commits[0], self.commits[1], self.tag)
        ]


class Case:
    """One repository. What it was made of follows from the random numbers."""

    def __init__(self, path: Path, store: Store, random: Random) -> None:
        self.path, self.store, self.random = path, store, random
        self.has_slashes = False
        """Whether a name in its trees has a slash, so that paths do not tell what it is."""
        for name in ("refs", "logs", "packed-refs", "HEAD", "config", "extra", "outside"):
            place = path / name
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            else:
                place.unlink(missing_ok=True)
        (path / "refs/heads").mkdir(parents=True)
        self.write("HEAD", "ref: refs/heads/main\n")
        self.write("refs/heads/main", store.ids[0] + "\n")

    def write(self, name: str, text: str) -> None:
        """Write a file of the git directory, if no other one stands in its way."""
        path = self.path / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_symlink():
                path.unlink()
            path.write_bytes(text.encode("utf-8", "surrogateescape"))
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            return

    def ref(self) -> str:
        """A full name."""
        place = self.random.choice(("refs/heads/",) * 5 + ("refs/tags/", "refs/remotes/origin/"))
        return place + self.random.choice(NAMES)

    def target(self) -> str:
        """What a symbolic ref may name."""
        odd = (
            "refs/../HEAD",
            "refs/heads/../heads/main",
            "HEAD",
            "refs/heads/a..b",
            "refs/",
            "config",
        )
        return self.random.choice(odd) if self.random.random() < 0.15 else self.ref()

    def said(self) -> str:
        """What may stand in a ref's file."""
        random = self.random
        oid = random.choice(self.store.ids)
        end = random.choice(SPACE)
        chance = random.random()
        if chance < 0.5:
            return oid + end
        if chance < 0.75:
            return f"ref:{random.choice(SPACE)}{self.target()}{end}"
        return random.choice(
            (
                "",
                "\n",
                oid.upper() + end,
                oid[:39] + end,
                f"{oid} {oid}\n",
                f"{oid}x\n",
                f" {oid}\n",
                f"{oid}\0\n",
                "0" * 40 + "\n",
                "f" * 40 + "\n",
                oid + oid[:24] + end,
                f" ref: {self.ref()}\n",
                f"REF: {self.ref()}\n",
                f"ref: {self.ref()}\0x\n",
                f"ref: {self.ref()}\v\n",
                f"{oid}\f\n",
                f"\ufeff{oid}\n",
                "garbage\n",
                oid + "\n" * 9000,
                f"ref: {self.ref()} x\n",
                "g" * 40 + "\n",
            )
        )

    def make_refs(self) -> None:
        """Loose refs, links among them, packed refs."""
        random = self.random
        if random.random() < 0.5:
            (self.path / "refs/heads/main").unlink()
        for _ in range(random.randrange(4)):
            self.write(self.ref(), self.said())
        if random.random() < 0.2:
            self.link(
                self.ref(), random.choice((self.target(), "main", "../heads/a", "../../HEAD", "no"))
            )
        if random.random() < 0.5:
            self.write("HEAD", self.said())
        elif random.random() < 0.1:
            self.link("HEAD", self.target())
        if random.random() < 0.15:
            self.write("refs/remotes/origin/HEAD", self.said())
        if random.random() < 0.7:
            self.write("packed-refs", self.packed())
        if random.random() < 0.1:
            with contextlib.suppress(OSError):
                (self.path / self.ref()).mkdir(parents=True)

    def link(self, name: str, target: str) -> None:
        """A symbolic link in the place of a ref's file."""
        path = self.path / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.symlink_to(target)
        except OSError:
            return

    def packed(self) -> str:
        """What may stand in packed-refs."""
        random = self.random
        lines = []
        for _ in range(random.randrange(1, 7)):
            oid, ref = random.choice(self.store.ids), self.ref()
            chance = random.random()
            if chance < 0.85:
                lines.append(f"{oid} {ref}")
            else:
                lines.append(
                    random.choice(
                        (
                            f"# {oid} {ref}",
                            f"{oid}  {ref}",
                            f"{oid}\t{ref}",
                            f"{oid.upper()} {ref}",
                            f"{oid} {ref} {self.ref()}",
                            f"{oid} {ref}\r",
                            "",
                            oid,
                            f"{oid} ",
                            f"{oid}{oid[:24]} {ref}",
                            f"{oid[:39]} {ref}",
                            f"{oid} x{ref}",
                            f"x{oid} {ref}",
                            f"{oid} {ref}\0",
                            f"{oid} refs/../{ref}",
                            f"^{oid} {ref}",
                        )
                    )
                )
            if random.random() < 0.2:
                lines.append(f"^{random.choice(self.store.ids)}")
        if random.random() < 0.6:
            lines.sort(key=lambda line: line[41:])
        header = random.choice(
            (
                "",
                "# pack-refs with: peeled fully-peeled sorted \n",
                "# pack-refs with: sorted\n",
                "# pack-refs with: peeled fully-peeled sorted \n",
                "# pack-refs with: peeled \n",
                "# pack-refs with:sorted\n",
                "# pack-refs with: unsorted\n",
                "# no header\n",
                "#\n",
            )
        )
        end = "" if random.random() < 0.05 else "\n"
        return header + "\n".join(lines) + end

    def make_tree(self) -> None:
        """A commit of entries of odd modes and names."""
        random, store = self.random, self.store
        inner = [self.entry(store.tree) for _ in range(random.randrange(1, 4))]
        below = stores.make("tree", b"".join(inner))
        entries = [self.entry(below) for _ in range(random.randrange(1, 6))]
        if random.random() < 0.7:
            entries.sort(key=lambda entry: entry.partition(b" ")[2].partition(b"\0")[0])
        content = b"".join(entries)
        if random.random() < 0.05:
            content = content[: random.randrange(len(content))]
        root = stores.make("tree", content)
        commit = stores.commit(root)
        stores.loose(self.path, [below, root, commit])
        self.write("refs/heads/main", commit.oid + "\n")

    def entry(self, below: stores.Object) -> bytes:
        """One entry of a tree, raw."""
        random = self.random
        mode = random.choice(NUMBERS) if random.random() < 0.6 else "100644"
        name = random.choice(WORDS)
        if random.random() < 0.05:
            name = random.choice(("a/b", "../x", "/x", "x/"))
            self.has_slashes = True
        kinds: Sequence[stores.Object] = (self.store.blob,) * 4 + (self.store.plain,)
        held = random.choice(kinds)
        if mode.endswith(("40000", "40755")):
            held = below
        raw = name.encode("utf-8", "surrogateescape")
        return b"%b %b\0%b" % (mode.encode(), raw, bytes.fromhex(held.oid))

    def make_config(self) -> None:
        """What says how the repository is written, and what is included."""
        random = self.random
        version = random.choice(("0", "0", "0", "1", "1", "2", "99", "x", "", "-1", "0x1", "1k"))
        lines = (
            [f"[core]\n\trepositoryFormatVersion = {version}\n"] if random.random() < 0.9 else []
        )
        for _ in range(random.randrange(4)):
            lines.append(
                random.choice(
                    (
                        "[core]\n\tbare = true\n",
                        "[core]\n\tbare = false\n",
                        "[core]\n\tbare\n",
                        "[core]\n\tlogAllRefUpdates = true\n",
                        "[core]\n\tlogAllRefUpdates = false\n",
                        "[core]\n\tlogAllRefUpdates = always\n",
                        "[core]\n\tlogAllRefUpdates = x\n",
                        "[core]\n\tsharedRepository = group\n",
                        "[core]\n\tsharedRepository = 0660\n",
                        "[core]\n\tsharedRepository = x\n",
                        "[core]\n\tsharedRepository = all\n",
                        "[extensions]\n\tnoop = x\n",
                        "[extensions]\n\tfromTheFuture = 1\n",
                        "[extensions]\n\tobjectFormat = sha1\n",
                        "[extensions]\n\tobjectFormat = md5\n",
                        "[extensions]\n\tpreciousObjects = true\n",
                        "[extensions]\n\trefStorage = x\n",
                        '[extensions "x"]\n\tnoop = 1\n',
                        "[extensions]\n\tworktreeConfig = true\n",
                        "[extensions]\n\tpartialClone = origin\n",
                        "[extensions]\n\tnoop-v1 = 1\n",
                        "[include]\n\tpath = extra\n",
                        "[include]\n\tpath = none\n",
                        "[core\n",
                        "x\n",
                        "# a comment\n",
                        '[core]\n\tcomment = "\\q"\n',
                        '[user]\n\tname = "a\\"b"\n',
                        "[CORE]\n\tREPOSITORYFORMATVERSION = 1\n",
                        "\ufeff[core]\n",
                        "[core]\n\tx = \\\n\ty\n",
                    )
                )
            )
        random.shuffle(lines)
        self.write("config", "".join(lines))
        self.write("extra", "[core]\n\tlogAllRefUpdates = true\n\trepositoryFormatVersion = 99\n")

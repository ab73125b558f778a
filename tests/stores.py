"""Repositories written byte by byte, so that what an id stands for in them may be a lie."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

_NUMBERS = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}
REF_DELTA = 7


@dataclass(frozen=True, slots=True)
class Object:
    """What is stored: its kind and content; ``oid`` is what it is said to be."""

    kind: str
    content: bytes
    oid: str

    def lying(self, kind: str, content: bytes) -> Object:
        """Something else under the same id."""
        return Object(kind, content, self.oid)


def make(kind: str, content: bytes, hexsize: int = 40) -> Object:
    """An honest object."""
    digest = hashlib.sha1 if hexsize == 40 else hashlib.sha256
    return Object(kind, content, digest(whole(kind, content)).hexdigest())


def whole(kind: str, content: bytes) -> bytes:
    """What is hashed, and what a loose object holds (gitformat-loose(5))."""
    return b"%b %d\0%b" % (kind.encode(), len(content), content)


def tree(*entries: tuple[str, bytes, Object]) -> Object:
    """A tree of entries (mode, name, object), in the order given."""
    content = b"".join(
        b"%b %b\0%b" % (mode.encode(), name, bytes.fromhex(held.oid))
        for mode, name, held in entries
    )
    return make("tree", content, len(entries[0][2].oid))


def commit(root: Object, message: str = "x") -> Object:
    """A commit without parents."""
    who = "A <a@example.org> 1700000000 +0000"
    text = f"tree {root.oid}\nauthor {who}\ncommitter {who}\n\n{message}\n"
    return make("commit", text.encode(), len(root.oid))


def bare(path: Path, tip: Object | str | None = None) -> Path:
    """An empty bare repository; ``tip`` is the commit that its branch names."""
    for folder in ("objects/pack", "refs/heads"):
        (path / folder).mkdir(parents=True)
    (path / "HEAD").write_text("ref: refs/heads/main\n")
    oid = tip.oid if isinstance(tip, Object) else tip
    config = "[core]\n\trepositoryFormatVersion = 1\n\tbare = true\n"
    if oid is not None and len(oid) == 64:
        config += "[extensions]\n\tobjectFormat = sha256\n"
    (path / "config").write_text(config)
    if oid is not None:
        (path / "refs/heads/main").write_text(f"{oid}\n")
    return path


def loose(path: Path, objects: Iterable[Object]) -> None:
    """Store each in a file of its own."""
    for held in objects:
        file = path / "objects" / held.oid[:2] / held.oid[2:]
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(zlib.compress(whole(held.kind, held.content), 1))


def spilling(path: Path, held: Object, more: bytes) -> None:
    """Store it in a file of its own, with more behind it than its size says, which git writes on
    its pipe for whoever asks for the object."""
    file = path / "objects" / held.oid[:2] / held.oid[2:]
    file.parent.mkdir(exist_ok=True)
    file.unlink(missing_ok=True)
    file.write_bytes(zlib.compress(whole(held.kind, held.content) + more, 1))


def packed(path: Path, objects: Sequence[Object]) -> None:
    """Store all in one pack, with an index that says what each of them claims to be."""
    entries = [
        (held.oid, _header(_NUMBERS[held.kind], len(held.content)) + zlib.compress(held.content, 1))
        for held in objects
    ]
    pack(path, entries)


def delta(oid: str, base: Object, copies: int) -> tuple[str, bytes]:
    """An entry of a pack: its base's content, so many times over, as a delta of a few bytes."""
    size = len(base.content)
    assert size < 1 << 16
    change = _number(size) + _number(size * copies)
    change += (b"\xb0" + size.to_bytes(2, "little")) * copies  # copy so many bytes from the start
    data = _header(REF_DELTA, len(change)) + bytes.fromhex(base.oid) + zlib.compress(change, 1)
    return oid, data


def plain(held: Object) -> tuple[str, bytes]:
    """An entry of a pack that is no delta."""
    header = _header(_NUMBERS[held.kind], len(held.content))
    return held.oid, header + zlib.compress(held.content, 1)


def pack(path: Path, entries: Sequence[tuple[str, bytes]]) -> None:
    """A pack of entries and its index (gitformat-pack(5))."""
    digest = hashlib.sha1 if len(entries[0][0]) == 40 else hashlib.sha256
    data = bytearray(b"PACK" + (2).to_bytes(4, "big") + len(entries).to_bytes(4, "big"))
    places = {}
    for oid, entry in entries:
        places[bytes.fromhex(oid)] = (len(data), zlib.crc32(entry))
        data += entry
    check = digest(data).digest()
    names = sorted(places)
    index = b"\xfftOc" + (2).to_bytes(4, "big")
    index += b"".join(
        sum(name[0] <= byte for name in names).to_bytes(4, "big") for byte in range(256)
    )
    index += b"".join(names)
    index += b"".join(places[name][1].to_bytes(4, "big") for name in names)
    index += b"".join(places[name][0].to_bytes(4, "big") for name in names)
    index += check
    folder = path / "objects/pack"
    (folder / f"pack-{check.hex()}.pack").write_bytes(data + check)
    (folder / f"pack-{check.hex()}.idx").write_bytes(index + digest(index).digest())


def _header(kind: int, size: int) -> bytes:
    """Type and size: four bits of it, and then seven a byte."""
    head = [kind << 4 | size & 15]
    size >>= 4
    while size:
        head[-1] |= 0x80
        head.append(size & 0x7F)
        size >>= 7
    return bytes(head)


def _number(value: int) -> bytes:
    """A size in a delta, seven bits a byte."""
    digits = [value & 0x7F]
    while value := value >> 7:
        digits[-1] |= 0x80
        digits.append(value & 0x7F)
    return bytes(digits)

"""Zips as programs of all systems write them, damaged ones, and hostile ones."""

from __future__ import annotations

import io
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gan import load_posters
from tests.corpus import LeftOut, assert_refused, assert_sentence, case, tried
from tests.corpus.tables import PICTURE, suppress_sentence

Files = dict[str, bytes]
NOT_A_ZIP = LeftOut("is neither a folder nor a zip file that can be read")
TWO: Files = {"a.png": PICTURE, "b.png": PICTURE}


class ReadOrRefused:
    """Damaged in such a way that it may be noticed or not."""


@tried("zip")
def read(folder: Path, expected: Any) -> None:
    """The names of the pictures that are read, and of those that are named as broken."""
    archive = folder / "posters.zip"
    if isinstance(expected, LeftOut):
        assert_refused(lambda: load_posters(archive, 4, progress=False), expected)
    elif isinstance(expected, ReadOrRefused):
        with suppress_sentence(""):
            assert set(load_posters(archive, 4, progress=False).names) <= {"a.png", "b.png"}
    else:
        names, broken = expected
        posters = load_posters(archive, 4, progress=False)
        assert posters.names == tuple(sorted(names))
        assert dict(posters.broken).keys() == set(broken)
        for sentence in (*posters.notes(), *dict(posters.broken).values()):
            assert_sentence(sentence, LeftOut(""))
    assert [path.name for path in folder.parent.iterdir()] == ["case"]  # nothing was written beside it


def packed(files: Files, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def renamed(content: bytes, old: bytes, new: bytes, flags: int = 0, system: int = 3) -> bytes:
    """A zip in which a member has another name of the same length, written by another program."""
    assert len(old) == len(new)
    data = bytearray(content.replace(old, new))
    for mark, flag_at, system_at in ((b"PK\x03\x04", 6, None), (b"PK\x01\x02", 8, 5)):
        at = data.find(mark)
        while at >= 0:
            data[at + flag_at : at + flag_at + 2] = struct.pack("<H", flags)
            if system_at is not None:
                data[at + system_at] = system
            at = data.find(mark, at + 4)
    return bytes(data)


def add(name: str, expected: Any, content: bytes | Callable[[], bytes]) -> None:
    """A case of one zip."""

    @case("zip", name, expected)
    def make(folder: Path) -> None:
        (folder / "posters.zip").write_bytes(content() if callable(content) else content)


def reads(*names: str, broken: tuple[str, ...] = ()) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return names, broken


SOUND = packed(TWO)
for number, kind in enumerate((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)):
    add(f"compression.{number}", reads("a.png", "b.png"), packed(TWO, kind))

# ---- names of members --------------------------------------------------------------------------------

utf8 = "Amélie.png".encode()
add("name.utf-8-without-the-flag", reads("Amélie.png"), renamed(packed({"Amxxlie.png": PICTURE}), b"Amxxlie.png", utf8))
apart = "Ame\u0301lie.png".encode()
add("name.of-macos", reads("Ame\u0301lie.png"), renamed(packed({"Amexxlie.png": PICTURE}), b"Amexxlie.png", apart))
add("name.of-dos", reads("Amélie.png"), renamed(packed({"Amxlie.png": PICTURE}), b"Amxlie.png", b"Am\x82lie.png"))
windows = renamed(packed({"posters/a.png": PICTURE}), b"posters/a.png", b"posters\\a.png", system=0)
add("name.with-backslashes", reads("posters/a.png"), windows)
for name, member in {
    "up": "../a.png",
    "far-up": "../../../../etc/a.png",
    "hidden": ".a.png",
    "macos": "__MACOSX/._a.png",
}.items():
    add(f"name.{name}", reads("b.png"), packed({member: PICTURE, "b.png": PICTURE}))
HOSTILE = ["/etc/a.png", "C:/a.png", "![x](http://e).png", "<b>.png", "a\nb.png", "a\x1b[2J.png", "a" * 3000 + ".png"]
for number, member in enumerate(HOSTILE):
    add(f"name.hostile-{number}", reads(member), packed({member: PICTURE}))
    add(
        f"name.hostile-broken-{number}",
        reads("good.png", broken=(member,)),
        packed({member: b"x", "good.png": PICTURE}),
    )
add("name.twice", reads("a.png"), lambda: renamed(packed({"a.png": PICTURE, "x.png": PICTURE}), b"x.png", b"a.png"))
add("name.folders-only", LeftOut("No usable picture"), packed({"a/": b"", "b/": b""}))
add("name.folder-called-png", reads("a.png"), packed({"x.png/": b"", "a.png": PICTURE}))
add("name.without-suffix", reads("a", "b.png"), packed({"a": PICTURE, "b.png": PICTURE, "c": b"text"}))
for depth in (2, 30, 300):
    member = "d/" * depth + "a.png"
    add(f"name.{depth}-folders-deep", reads(member), packed({member: PICTURE}))

# ---- damaged -----------------------------------------------------------------------------------------

add("empty", NOT_A_ZIP, b"")
add("of-nothing", LeftOut("No usable picture"), packed({}))
for name, content in {
    "text": b"posters",
    "page": b"<html>",
    "picture": PICTURE,
    "zeros": bytes(900),
    "rar": b"Rar!\x1a\x07\x01\0",
}.items():
    add(f"not-a-zip.{name}", NOT_A_ZIP, content)
for part in (4, 30, 100, len(SOUND) // 2, len(SOUND) - 30, len(SOUND) - 1):
    add(f"cut-{part}", NOT_A_ZIP, SOUND[:part])
add("something-before", reads("a.png", "b.png"), b"#!/bin/sh\nexit\n" + SOUND)
add("something-behind", reads("a.png", "b.png"), SOUND + b"\0" * 40)
for seed in range(30):
    damaged = bytearray(SOUND)
    dice = random.Random(seed)
    for _ in range(1 + seed // 4):
        damaged[dice.randrange(len(damaged))] = dice.randrange(256)
    add(f"bytes-changed-{seed}", ReadOrRefused(), bytes(damaged))


def patched(mark: bytes, offset: int, value: bytes) -> bytes:
    data = bytearray(SOUND)
    at = data.rfind(mark) + offset
    data[at : at + len(value)] = value
    return bytes(data)


directory, member = b"PK\x01\x02", b"PK\x03\x04"
add("encrypted", reads("a.png", broken=("b.png",)), patched(directory, 8, b"\x01\0"))
add("unknown-compression", reads("a.png", broken=("b.png",)), patched(directory, 10, b"\x63\0"))
add("wrong-check-sum", reads("a.png", broken=("b.png",)), patched(directory, 16, b"\0\0\0\0"))
add("member-beyond-the-end", reads("a.png", broken=("b.png",)), patched(directory, 42, struct.pack("<I", 10**6)))
add("member-is-another-one", reads("a.png", broken=("b.png",)), patched(directory, 42, struct.pack("<I", 0)))
add("promises-4-GB", reads("a.png", broken=("b.png",)), patched(directory, 24, b"\xfe\xff\xff\xff"))
add("promises-100-MB", reads("a.png", broken=("b.png",)), patched(directory, 24, struct.pack("<I", 10**8)))
add("bomb", reads("a.png", broken=("b.png",)), lambda: packed({"a.png": PICTURE, "b.png": bytes(60_000_000)}))
add("zip-in-a-zip", LeftOut("No usable picture"), packed({"posters.zip": SOUND}))
add("zip-called-png", reads("a.png", broken=("b.png",)), packed({"a.png": PICTURE, "b.png": SOUND}))

# ---- tables within -----------------------------------------------------------------------------------

TABLE = b"file_name,genres\na.png,Horror\n"
add("table.within-the-folder", reads("p/a.png"), packed({"p/a.png": PICTURE, "p/metadata.csv": TABLE}))
add("table.encrypted", LeftOut("metadata.csv cannot be unpacked"), lambda: encrypted_table())
add(
    "table.too-large",
    LeftOut("metadata.csv is larger than"),
    lambda: packed({**TWO, "metadata.csv": bytes(60_000_000)}),
)


def encrypted_table() -> bytes:
    data = bytearray(packed({**TWO, "metadata.csv": TABLE}))
    data[data.rfind(directory) + 8] = 1
    return bytes(data)

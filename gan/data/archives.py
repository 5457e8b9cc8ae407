"""Folders and zips of posters, read in one safe way: which of their files are pictures, and which are left out.

    with open_source("posters.zip") as files:
        pictures = find_pictures(files)
        pictures.stamps                         # {"a.jpg": "4711-12ab", ...}: with texts that change when the files do
        pictures.left_out                       # {"HEIC, which cannot be read": ("b.heic",), ...}
        files.read("a.jpg")                     # bytes; ImageError in one sentence where they cannot be read

Names in a zip are never joined to a path here.
"""

from __future__ import annotations

import stat
import threading
import zipfile
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from gan.data.images import HEAD, SUFFIXES, looks_like_picture
from gan.errors import DataError, ImageError, printable

MAX_FILE_BYTES = 50_000_000
METADATA = "metadata.csv"
UNREADABLE = {  # suffixes of pictures in formats that are not read
    **dict.fromkeys((".heic", ".heif", ".hif"), "HEIC"),
    **dict.fromkeys((".jxl", ".jp2", ".j2k", ".psd", ".svg", ".pdf", ".eps", ".tga", ".ico", ".xcf"), "other formats"),
    **dict.fromkeys((".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".raf", ".rw2"), "raw photographs"),
}
OTHERS = frozenset(  # suffixes of files in which nobody looks for a picture
    {".csv", ".tsv", ".txt", ".json", ".md", ".nfo", ".xml", ".html", ".yaml", ".yml", ".ini", ".log", ".py", ".ipynb"}
    | {
        ".npy",
        ".npz",
        ".pt",
        ".pth",
        ".safetensors",
        ".zip",
        ".gz",
        ".tar",
        ".7z",
        ".rar",
        ".mp4",
        ".mkv",
        ".avi",
        ".mov",
    }
    | {".srt", ".sub", ".mp3", ".db", ".exe", ".dll", ".lock"}
)
# A folder below the posters that holds one of these is a run, a checkpoint or an archive of explanations: its grids and
# overlays are no posters.
OURS = {"state.pt", "stats.jsonl", "generator.safetensors", "discriminator.safetensors", "explanations.json"}


class Source(Protocol):
    """Named files in a folder or a zip."""

    def entries(self) -> dict[str, str]:
        """Name to stamp, a text that changes when the file does; without runs and checkpoints that stand there."""
        ...

    def read(self, name: str, most: int | None = None) -> bytes:
        """The file's bytes, or the first ``most`` of them; ImageError if it is too large or cannot be read."""
        ...


class FolderSource:
    """All plain files below a folder, and below the folders that links in it lead to, each once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.unread: dict[str, str] = {}  # folders that entries() could not enter, each with the reason
        self.changed: dict[str, int] = {}  # when a file was last changed in any way, which nobody can set

    def entries(self) -> dict[str, str]:
        entries = {}
        self.changed = {}
        for path in self._files():
            name = path.relative_to(self.root).as_posix()
            try:
                entry = path.stat()
            except OSError:  # a dangling link: read() raises, and it is listed as broken
                entries[name] = "unreadable"
                continue
            if stat.S_ISREG(entry.st_mode):  # reading a pipe would wait for ever
                entries[name] = f"{entry.st_size}-{entry.st_mtime_ns}"
                self.changed[name] = entry.st_ctime_ns
        return posters_only(entries)

    def _files(self) -> Iterator[Path]:
        """All that is no folder; what is behind links comes last, so that what is here keeps its own name."""
        self.unread = {}
        seen = {_identity(folder) for folder in self.root.resolve().parents}  # a link may lead upwards
        folders, links = deque([self.root]), deque[Path]()
        while folders or links:
            folder = folders.popleft() if folders else links.popleft()
            try:
                identity = _identity(folder)
                if identity in seen:
                    continue
                inner = sorted(folder.iterdir())
            except OSError as error:
                self.unread[folder.relative_to(self.root).as_posix()] = f"cannot be opened ({error.strerror})"
                continue
            seen.add(identity)
            for each in inner:
                if not each.is_dir():
                    yield each
                else:
                    (links if each.is_symlink() else folders).append(each)

    def read(self, name: str, most: int | None = None) -> bytes:
        path = self.root / name
        try:
            if most is not None:
                with path.open("rb") as file:
                    return file.read(most)
            if path.stat().st_size > MAX_FILE_BYTES:
                raise ImageError(f"{printable(name)} is larger than {MAX_FILE_BYTES // 10**6} MB.")
            return path.read_bytes()
        except OSError as error:
            reason = "is a link to nothing" if path.is_symlink() and not path.exists() else None
            sentence = f"{printable(name)} {reason or f'cannot be read: {error.strerror}'}."
            raise ImageError(sentence) from error


def _identity(folder: Path) -> tuple[int, int]:
    found = folder.stat()
    return found.st_dev, found.st_ino


class ZipSource:
    """All files in a zip, by name; several threads may read. Of two of one name the last one counts."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive = archive
        self.lock = threading.Lock()
        self.infos = {_name(info): info for info in archive.infolist() if not info.is_dir()}

    def entries(self) -> dict[str, str]:
        return posters_only({name: f"{info.file_size}-{info.CRC}" for name, info in self.infos.items()})

    def read(self, name: str, most: int | None = None) -> bytes:
        info = self.infos[name]
        if most is None and info.file_size > MAX_FILE_BYTES:
            raise ImageError(f"{printable(name)} is larger than {MAX_FILE_BYTES // 10**6} MB.")
        try:
            with self.lock, self.archive.open(info) as file:
                return file.read() if most is None else file.read(most)
        except Exception as error:  # zipfile passes on whatever its decompressors raise
            raise ImageError(f"{printable(name)} cannot be unpacked: {printable(error)}.") from error


def _name(info: zipfile.ZipInfo) -> str:
    """A member's name; most programs write UTF-8 and slashes, and not all of them as they should."""
    name = info.filename
    if not info.flag_bits & 0x800:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/") if info.create_system == 0 and "/" not in name else name  # 0: Windows


def posters_only(entries: dict[str, str]) -> dict[str, str]:
    """Without all that is in or below a run's or a checkpoint's folder, unless it is the whole source."""
    paths = {name: PurePosixPath(name) for name in entries}
    ours = {path.parent for path in paths.values() if path.name in OURS} - {PurePosixPath(".")}
    if not ours:
        return entries
    return {name: stamp for name, stamp in entries.items() if ours.isdisjoint(paths[name].parents)}


@contextmanager
def open_source(path: str | Path) -> Iterator[Source]:
    """Open a folder or a zip for reading; DataError if it is neither."""
    path = Path(path)
    if path.is_dir():
        try:
            next(path.iterdir(), None)
        except OSError as error:
            raise DataError(f"{printable(path)} cannot be opened: {error.strerror}.") from error
        yield FolderSource(path)
        return
    if not path.exists():
        raise DataError(f"{printable(path)} does not exist.")
    try:
        archive = ZipSource(zipfile.ZipFile(path))
    except Exception as error:  # zipfile passes on what is wrong with its directory as it comes
        raise DataError(f"{printable(path)} is neither a folder nor a zip file that can be read.") from error
    with archive.archive:
        yield archive


@dataclass(frozen=True)
class Pictures:
    """The pictures of a source.

    stamps : name to stamp of each, in order of name. left_out : names by the reason why they are not used.
    others : names of all other files.
    """

    stamps: dict[str, str]
    left_out: dict[str, tuple[str, ...]]
    others: tuple[str, ...]


def find_pictures(files: Source) -> Pictures:
    """The pictures among a source's files, by name, or by their first bytes where the name does not say.

    Files that are hidden, or in a format that cannot be read, are left out and named.
    """
    stamps: dict[str, str] = {}
    left_out: dict[str, list[str]] = {}
    others = []
    for name, stamp in sorted(files.entries().items()):
        suffix = PurePosixPath(name).suffix.lower()
        if is_hidden(name):
            if suffix in SUFFIXES:
                left_out.setdefault("hidden", []).append(name)
        elif suffix in UNREADABLE:
            left_out.setdefault(f"in a format that cannot be read ({UNREADABLE[suffix]})", []).append(name)
        elif suffix in SUFFIXES or (suffix not in OTHERS and _is_picture_inside(files, name)):
            stamps[name] = stamp
        else:
            others.append(name)
    for name, reason in getattr(files, "unread", {}).items():
        left_out.setdefault(f"a folder that {reason}", []).append(name)
    return Pictures(stamps, {reason: tuple(names) for reason, names in left_out.items()}, tuple(others))


def _is_picture_inside(files: Source, name: str) -> bool:
    try:
        return looks_like_picture(files.read(name, HEAD))
    except ImageError:
        return False


def is_hidden(name: str) -> bool:
    """Whether a file within a source is hidden, or one of those that macOS leaves beside others."""
    return any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(name).parts)


def is_picture(name: str) -> bool:
    """Whether a name within a source is that of a picture that can be read, and not hidden."""
    return PurePosixPath(name).suffix.lower() in SUFFIXES and not is_hidden(name)

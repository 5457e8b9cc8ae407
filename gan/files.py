"""Writing that is complete or absent, whatever happens in between; where files are cached, and their names.

    write_file(path, b"...")                       # the old file or the new one, never half of one
    with write_directory(path) as folder:          # the old folder or the new one, with all its files
        (folder / "a.json").write_text("{}")
    settled(path)                                  # where that folder is, also after a crash
    ensure_own(path, {"rows", "machine"})          # UsageError where something foreign would be replaced

A folder takes two renames to be replaced. Where a crash comes between them, the old one is left under a hidden name;
:func:`settled` finds it there, and the next :func:`write_directory`, or :func:`recover`, puts it back.
"""

from __future__ import annotations

import errno
import glob
import io
import json
import os
import re
import secrets
import shutil
import time
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from filelock import FileLock, Timeout
from PIL import Image

from gan.errors import TrainingError, UsageError
from gan.syncing import sync_directory, sync_files

if TYPE_CHECKING:  # the dashboard reads files before its first paint, which waits for no numpy
    from numpy.typing import NDArray


class WriteError(OSError):
    """A file or folder that cannot be written; ``filename`` is the one that was to be there."""


FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG}  # reasons that only writing has


@contextmanager
def writes(path: Path, within: Path | None = None) -> Iterator[None]:
    """WriteError naming ``path`` in place of another OSError; with ``within`` only where writing there failed."""
    try:
        yield
    except WriteError:
        raise
    except OSError as raised:
        error = _first_of(raised)
        failed = Path(os.fsdecode(error.filename)) if isinstance(error.filename, (str, bytes, Path)) else None
        inside = within is None or error.errno in FULL or (failed is not None and failed.is_relative_to(within))
        if not inside:
            raise
        raise WriteError(error.errno or 0, error.strerror or str(error), str(path)) from raised


def _first_of(error: OSError) -> OSError:
    """Of a tree of which files could not be copied, the first one's reason, which shutil has as a text only."""
    if not (isinstance(error, shutil.Error) and error.args and isinstance(error.args[0], list)):
        return error
    _, target, reason = error.args[0][0]
    number = re.match(r"\[Errno (\d+)\]", str(reason))
    return OSError(int(number[1]), os.strerror(int(number[1])), str(target)) if number else error


TEMPORARY = re.compile(r"\..+\.[0-9a-f]{12}")  # names of what is being written
RUN_LOCK = "run.lock"  # in the folder of a run
LOCK_SECONDS = 2.0  # for a page that looks whether a run is going on, which takes the lock for a moment
MOST_BYTES = 1 << 28  # of a file that is read to see whose it is


def ensure_own(path: Path, members: Collection[str] = (), overwrite: bool = False) -> None:
    """UsageError where a file at ``path`` is not to be replaced: to be called before anything is computed.

    members : what :func:`members_of` finds in a file that the same script wrote, which is replaced without a question;
    empty for kinds of files that cannot be told from others'. overwrite : whether the user said to replace any file.
    """
    if not os.path.lexists(path):
        return
    if not path.is_file():
        raise UsageError(f"{path} exists and is not a file; name another one.")
    if overwrite or (members and members_of(path) >= set(members)):
        return
    other = ", and was not written by this script" if members else " already"
    raise UsageError(f"{path} exists{other}; --overwrite replaces it.")


def members_of(path: Path) -> set[str]:
    """The names at the top of a file: keys of a JSON object, files of a zip or .npz, columns of a CSV, texts of a PNG.

    The content says what kind it is, not the name. Of a safetensors file they are the tensors and the
    metadata. Empty where the file is another, or cannot be read.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            return set()
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return {name.removesuffix(".npy") for name in archive.namelist()}
        content = path.read_bytes()
        if content.startswith(b"\x89PNG"):
            with Image.open(io.BytesIO(content)) as picture:
                return set(map(str, picture.info))
        if content[8:9] == b"{":  # after the length of the header
            header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
            return {*header, *header.get("__metadata__", ())}
        if content.lstrip()[:1] == b"{":
            return set(json.loads(content))
        return set(content.partition(b"\n")[0].decode().strip().split(","))
    except Exception:  # whatever a file of somebody else makes its reader raise
        return set()


def keep_others(old: Path, new: Path, own: Collection[str]) -> None:
    """Copy what others put into the folder ``old``, which ``new`` will replace: all but the names of our ``own``."""
    old = settled(old)
    for item in old.iterdir() if old.is_dir() else ():
        if item.name in own or os.path.lexists(new / item.name):
            continue
        if item.is_dir() and not item.is_symlink():
            shutil.copytree(item, new / item.name, symlinks=True)
        else:
            shutil.copy2(item, new / item.name, follow_symlinks=False)


def make_directory(path: Path) -> Path:
    """The folder, made where it is missing; WriteError where that cannot be done."""
    with writes(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


def write_file(path: Path, content: bytes | Callable[[IO[bytes]], Any]) -> None:
    """Write to a temporary file beside ``path``, sync it, and rename it into place.

    A crash at any moment leaves either the old file or the new one. The user's umask says who may read it.

    Raises
    ------
    WriteError
        If the disk is full, or there is no permission ...; the old file is intact and the temporary one removed.
    """
    with writes(path):
        _write_file(path, content)


def _write_file(path: Path, content: bytes | Callable[[IO[bytes]], Any]) -> None:
    temporary = _beside(path)
    try:
        with temporary.open("xb") as file:
            if callable(content):
                content(file)
            else:
                file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


@contextmanager
def write_directory(path: Path, synced: Collection[str] = ()) -> Iterator[Path]:
    """Fill a temporary folder; it takes the place of ``path`` only when the block ends well.

    A crash at any moment leaves the old folder or the new one, complete, where :func:`settled` finds it. The user's
    umask says who may read it. WriteError where that fails, and where something cannot be written in the block.
    ``synced`` names files and folders in it that are on the disk already, as second names of synced files are.
    """
    make_directory(path.parent)
    clear_leftovers(path)
    temporary = _beside(path)
    with writes(path):
        temporary.mkdir()  # not tempfile's, which only its owner may open
    try:
        with writes(path, within=temporary):
            yield temporary
        with writes(path):
            replace_directory(temporary, path, synced)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_directory(path.parent)


def replace_directory(temporary: Path, path: Path, synced: Collection[str] = ()) -> None:
    """Rename a finished folder of the same file system into place; the one that is there is set aside meanwhile.

    ``synced`` as in :func:`write_directory`.
    """
    old = _set_aside(path)
    sync_files(temporary, synced)
    recover(path)
    _remove(old, path)
    if os.path.lexists(path):
        path.rename(old)
    try:
        temporary.rename(path)
    except BaseException:
        recover(path)
        raise
    with suppress(OSError):  # the new one is in place; the next writer removes the old one
        _remove(old, path)


def settled(path: Path) -> Path:
    """Where to read a folder that :func:`write_directory` writes: ``path``, or the old one that is set aside.

    Nothing is renamed, for a writer may be between its two renames at this moment.
    """
    old = _set_aside(path)
    return old if not os.path.lexists(path) and old.is_dir() else path


def recover(path: Path) -> None:
    """Put a folder back that a crash between two renames left set aside; only for one who writes there."""
    old = _set_aside(path)
    if not os.path.lexists(path) and os.path.lexists(old):
        old.rename(path)


def set_aside(folder: Path) -> list[Path]:
    """Paths in ``folder`` whose directory is, for now or since a crash, only there under its hidden name."""
    paths = [old.with_name(old.name[1 : -len(".old")]) for old in folder.glob(".?*.old") if old.is_dir()]
    return [path for path in paths if not os.path.lexists(path)]


def _set_aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.old")


def clear_leftovers(path: Path, seconds: float = 86_400) -> None:
    """Remove what killed writers of ``path`` left beside it, where nothing in it was changed for ``seconds``.

    Each is renamed first: a writer that is alive all the same then fails, and puts nothing half-empty in place.
    """
    before = time.time() - seconds
    for left in path.parent.glob(glob.escape(_hidden(path)) + "?" * 12):
        with suppress(OSError):  # another process was faster, or may not
            if TEMPORARY.fullmatch(left.name) and max(map(_changed, (left, *left.rglob("*")))) < before:
                _remove(left, path)


def _changed(path: Path) -> float:
    return path.lstat().st_mtime


def _hidden(path: Path) -> str:
    return f".{path.name[:32]}."  # short, for a name has at most 255 bytes


def _beside(path: Path) -> Path:
    """A new name, TEMPORARY, in the same folder."""
    return path.with_name(_hidden(path) + secrets.token_hex(6))


def _remove(old: Path, path: Path) -> None:
    """Remove what was or was to be ``path``: under its name it is never there in part, also when this ends early."""
    if os.path.lexists(old):
        trash = _beside(path)
        old.rename(trash)
        if trash.is_symlink() or not trash.is_dir():
            trash.unlink()
        shutil.rmtree(trash, ignore_errors=True)


@contextmanager
def locked(path: Path, timeout: float = 0) -> Iterator[None]:
    """Hold the system's lock on a file. It ends with the process, however that ends; the file stays.

    timeout : seconds to wait for another holder; below 0 for as long as it takes.

    Raises
    ------
    TimeoutError
        If another process holds the lock.
    """
    with FileLock(path, timeout=timeout):
        yield


@contextmanager
def in_use(run: Path) -> Iterator[None]:
    """Keep other processes from writing to the folder, which is made; the lock ends with this process, however it ends.

    Raises
    ------
    TrainingError
        If a run is going on there.
    """
    with ExitStack() as stack:
        try:
            run.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(run / RUN_LOCK, LOCK_SECONDS))
        except TimeoutError:
            text = f"Another process is training in {run}; wait for its end, or choose another folder."
            raise TrainingError(text) from None
        except OSError as error:
            raise TrainingError(f"{run} cannot be written ({error.strerror or error}).") from error
        _remove_temporaries(run)
        yield


def _remove_temporaries(run: Path) -> None:
    """What killed processes had not finished in the folder of a run; nobody else writes there now."""
    for path in (*run.glob(".*"), *run.glob("grids/.*")):
        if TEMPORARY.fullmatch(path.name):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock on this file; False where that cannot be told."""
    if not path.exists():
        return False
    try:
        with FileLock(path, blocking=False):
            return False
    except Timeout:
        return True
    except OSError:  # a folder in which this process may not write
        return False


def stamp(path: Path) -> tuple[int, ...]:
    """What is another one after a file was written or replaced, also where its date is as before or the clock stepped.

    The last number is when anything of it was changed, which nobody can set. OSError where there is no such file.
    """
    about = path.stat()
    return about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns


def write_json(path: Path, record: Mapping[str, Any]) -> None:
    """Write JSON, complete or not at all."""
    write_file(path, json_bytes(record))


def json_bytes(record: Mapping[str, Any]) -> bytes:
    """A record as the content of a JSON file."""
    return (json.dumps(record, indent=2) + "\n").encode()


def cache_directory(cache: str | Path | None = None) -> Path:
    """Where decoded data sets and computed tables are stored: ``cache``, POSTERLENS_CACHE or ~/.cache/posterlens."""
    return Path(cache or os.environ.get("POSTERLENS_CACHE") or Path.home() / ".cache/posterlens")


def cached_array(name: str, rows: int, compute: Callable[[], NDArray[Any]]) -> NDArray[Any]:
    """An array (rows, ...) that is computed once, and then read from the file NAME.npz in the cache.

    A file that is damaged, which its check sum tells, is computed again; one that cannot be written is done without.
    ``name`` should change with all that the array depends on, the version of the code among it.
    """
    path = cache_directory() / f"{name}.npz"
    stored = _stored_array(path)
    if stored is not None and len(stored) == rows:
        return stored
    import numpy as np

    array = compute()
    with suppress(OSError):  # a full disk costs time, not the result
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, lambda file: np.savez(file, array=array))
    return array


def _stored_array(path: Path) -> NDArray[Any] | None:
    import numpy as np

    try:
        with np.load(path) as stored:
            array: NDArray[Any] = stored["array"]
            return array if array.ndim else None
    except Exception:  # absent, or whatever is wrong with it
        return None


def name_bytes(name: str) -> bytes:
    """UTF-8 of a file name; one that is not UTF-8 on disk has lone surrogates."""
    return name.encode("utf-8", "surrogatepass")

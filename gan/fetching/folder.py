"""Many posters into one folder: in parallel, only what is truly a picture, and always in order.

    items = [Item("tt0111161", "tt0111161", genres=("Drama",))]
    collect(items, lambda item: (bytes_of(item), item.genres), "posters")

The folder then holds the pictures as they came, ``metadata.csv`` (file_name, genres joined by |) and ``failed.csv``
(id, reason). The same call again goes on where the last one stopped.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from tqdm import tqdm

from gan.data.images import open_image
from gan.errors import DataError, HaltError, PosterLensError
from gan.fetching.csv_tables import Genres, read_pairs, split_genres, write_pairs
from gan.files import write_file

METADATA, METADATA_COLUMNS = "metadata.csv", ("file_name", "genres")
FAILED, FAILED_COLUMNS = "failed.csv", ("id", "reason")
LOCK = ".fetch.lock"
SAVE_SECONDS = 5.0  # between two writings of the lists


@dataclass(frozen=True)
class Item:
    """A poster to get.

    id : what the lists and the person call it. stem : its file name without the ending. source : an address, or the
    path of a local file; empty where the source has to be asked for it.
    """

    id: str
    stem: str
    source: str = ""
    genres: Genres = ()


@dataclass(frozen=True)
class Options:
    """workers : threads. retry_failed : also try what failed before. first : only so many posters of the source."""

    workers: int = 8
    retry_failed: bool = False
    first: int | None = None
    progress: bool = True

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ValueError(f"workers must be at least 1, not {self.workers}.")
        if self.first is not None and self.first < 1:
            raise ValueError(f"first must be at least 1, not {self.first}.")


@dataclass(frozen=True)
class Collected:
    """Counts: fetched now, there before, failed now, left out because they had failed before; files with genres."""

    fetched: int
    known: int
    failed: int
    left_out: int
    with_genres: int


Obtain = Callable[[Item], tuple[bytes, Genres]]
Job = Future[tuple[str, Genres]]


def collect(
    items: Iterable[Item],
    obtain: Obtain,
    out: str | Path,
    options: Options | None = None,
    stop: threading.Event | None = None,
) -> Collected:
    """Obtain all items in parallel and keep those that are pictures, with their genres.

    ``obtain`` gives an item's bytes and genres or raises a PosterLensError, whose sentence goes to ``failed.csv``.
    Whatever ends the run, Ctrl-C too, the folder is then in order: every picture whole, every list complete. ``stop``
    is set when the run has to end early.

    Raises
    ------
    HaltError
        If it makes no sense to go on; what was fetched until then is kept.
    DataError
        If another run is filling the folder, or it holds a ``metadata.csv`` or ``failed.csv`` of another kind, or
        cannot be written to.
    """
    options, stop = options or Options(), stop or threading.Event()
    with _only_run(Path(out)):
        folder = _Folder(Path(out))
        wanted = _merged(items)[: options.first]
        missing = [item for item in wanted if not folder.has(item)]
        todo = [item for item in missing if options.retry_failed or item.id not in folder.failed]
        fetched = _obtain_all(todo, obtain, folder, options, stop)
        with_genres = sum(map(bool, folder.genres.values()))
    known, left_out = len(wanted) - len(missing), len(missing) - len(todo)
    return Collected(fetched, known, len(todo) - fetched, left_out, with_genres)


def _obtain_all(todo: Sequence[Item], obtain: Obtain, folder: _Folder, options: Options, stop: threading.Event) -> int:
    """How many items were obtained; all others are listed as failed."""
    fetched = 0
    jobs: dict[Job, Item] = {}
    show = options.progress and len(todo) > 0
    with (
        ThreadPoolExecutor(options.workers, "fetch") as pool,
        tqdm(desc="Fetching posters", total=len(todo), unit="poster", disable=not show) as bar,
    ):
        try:
            for item in todo:
                jobs[pool.submit(folder.keep, item, obtain)] = item
            for done, job in enumerate(as_completed(jobs), 1):
                fetched += folder.settle(jobs.pop(job), job)
                bar.set_postfix(failed=done - fetched, refresh=False)
                bar.update()
                folder.save(every=SAVE_SECONDS)
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
        finally:
            folder.settle_rest(jobs)
            folder.save()
    return fetched


@contextmanager
def _only_run(path: Path) -> Iterator[None]:
    """Make a folder, and keep every other run out of it; DataError if one is there.

    The system takes the lock back whatever ends a run, so that one which was killed blocks nobody.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        file = (path / LOCK).open("ab")
    except OSError as error:
        raise DataError(f"{path} cannot be used: {error.strerror}.") from error
    with file:
        if not _locked(file.fileno()):
            raise DataError(f"Another run is filling {path}; wait for its end, or choose another folder.")
        try:
            yield
        finally:
            with suppress(OSError):  # Windows removes no file that is open
                (path / LOCK).unlink()


def _locked(file: int) -> bool:
    """Whether the lock is ours now. Without locks (Windows, some network file systems) it is taken to be."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return os.fstat(file).st_nlink > 0  # 0: a run that was just ending has removed the file that we have locked


class _Folder:
    """The folder of posters with its two lists. Only ``keep`` is called by workers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            there = {entry.name for entry in path.iterdir()}
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror}.") from error
        listed = read_pairs(path / METADATA, METADATA_COLUMNS)
        self.genres = {name: split_genres(genres) for name, genres in listed.items()}
        self.failed = read_pairs(path / FAILED, FAILED_COLUMNS)
        self._names = {Path(name).stem: name for name in self.genres if name in there}
        self._saved = time.monotonic()

    def has(self, item: Item) -> bool:
        """Whether the poster is there and listed; its genres are brought up to date."""
        name = self._names.get(item.stem)
        if name is None:
            return False
        self.genres[name] = item.genres or self.genres[name]
        self.failed.pop(item.id, None)
        return True

    def keep(self, item: Item, obtain: Obtain) -> tuple[str, Genres]:
        """Obtain a poster, check it, write it: its file name and genres."""
        content, genres = obtain(item)
        open_image(content, "The file")
        name = item.stem + picture_suffix(content)
        try:
            write_file(self.path / name, content)
            for suffix in (".jpg", ".png", ".webp"):  # of a run that was killed before it could list it
                if item.stem + suffix != name:
                    (self.path / (item.stem + suffix)).unlink(missing_ok=True)
        except OSError as error:
            raise HaltError(f"{self.path / name} cannot be written: {error.strerror}.") from error
        return name, genres

    def settle(self, item: Item, job: Job) -> bool:
        """List what became of an item: whether it was fetched. HaltError and bugs are raised."""
        try:
            name, genres = job.result()
        except HaltError:
            raise
        except PosterLensError as error:
            self.failed[item.id] = str(error)
            return False
        self.genres[name] = genres
        self.failed.pop(item.id, None)
        return True

    def settle_rest(self, jobs: Mapping[Job, Item]) -> None:
        """List what was finished while the run was being stopped."""
        for job, item in jobs.items():
            if job.done() and not job.cancelled() and job.exception() is None:
                self.settle(item, job)

    def save(self, every: float = 0.0) -> None:
        """Write both lists, unless they were written less than ``every`` seconds ago."""
        if time.monotonic() - self._saved < every:
            return
        joined = {name: "|".join(genres) for name, genres in self.genres.items()}
        try:
            write_pairs(self.path / METADATA, METADATA_COLUMNS, joined)
            write_pairs(self.path / FAILED, FAILED_COLUMNS, self.failed)
        except OSError as error:
            raise HaltError(f"The lists in {self.path} cannot be written: {error.strerror}.") from error
        self._saved = time.monotonic()


def picture_suffix(content: bytes) -> str:
    """.jpg, .png or .webp, by the first bytes of a picture that open_image has read."""
    if content.startswith(b"\x89PNG"):
        return ".png"
    return ".webp" if content.startswith(b"RIFF") else ".jpg"


def file_stem(name: str) -> str:
    """A file name for an id, the same on every system: the id itself if it is a plain one, else with a hash of it.

    Capitals are hashed too, because some file systems do not tell them from small letters.
    """
    if re.fullmatch(r"[a-z0-9_][a-z0-9_-]{0,63}", name):
        return name
    plain = re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-")[:40]
    return f"{plain}-{text_hash(name)[:16]}".lstrip("-")


def text_hash(text: str) -> str:
    """SHA-256 of a text, 64 hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _merged(items: Iterable[Item]) -> list[Item]:
    """One item a file: of two with the same name the first counts, with the genres of both."""
    by_stem: dict[str, Item] = {}
    for item in items:
        first = by_stem.get(item.stem, item)
        genres = tuple(dict.fromkeys(first.genres + item.genres))
        by_stem[item.stem] = replace(first, source=first.source or item.source, genres=genres)
    return list(by_stem.values())

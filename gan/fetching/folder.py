"""Many posters into one folder, in parallel: only files that decode as pictures, with their genres in a table.

    items = [Item("tt0111161", "tt0111161", genres=("Drama",))]
    listing = Listing(items, lambda item: (bytes_of(item), item.genres))
    download_all(listing, "posters")                                    # FetchSummary(fetched=1, ...)

The folder then holds the pictures byte for byte, ``metadata.csv`` (file_name, genres joined by |) and ``failed.csv``
(id, reason). The same call again continues where the last one stopped.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from filelock import FileLock, Timeout
from tqdm import tqdm

from gan.data.archives import METADATA
from gan.data.genre_lists import Genres, split_genres
from gan.data.images import open_image
from gan.errors import DataError, FatalFetchError, PosterLensError
from gan.fetching.csv_tables import read_pairs, write_pairs
from gan.files import name_bytes, write_file
from gan.settings import Settings, setting

HEADS = {  # suffix and first bytes of each format that is read
    ".png": rb"\x89PNG",
    ".webp": rb"RIFF",
    ".gif": rb"GIF8",
    ".bmp": rb"BM",
    ".tif": rb"II\*|MM\0",
    ".avif": rb".{4}ftyp",
    ".jpg": rb"",
}
METADATA_COLUMNS = ("file_name", "genres")
FAILED, FAILED_COLUMNS = "failed.csv", ("id", "reason")
LOCK = ".fetch.lock"
SAVE_SECONDS = 5.0  # between two writings of the tables


@dataclass(frozen=True)
class Item:
    """A poster to fetch.

    id : its name in the tables. stem : its file name without the suffix.
    source : a URL or the path of a local file; "" where the provider looks it up by the id.
    genres : those that are known before it is fetched.
    """

    id: str
    stem: str
    source: str = ""
    genres: Genres = ()


Fetch = Callable[[Item], tuple[bytes, Genres]]


@dataclass(frozen=True)
class Listing:
    """What a provider has.

    items : all posters.
    fetch : gives an item's bytes and genres, or raises a PosterLensError, whose sentence goes to ``failed.csv``; called
        by many threads.
    stop : set when the run ends early, so that ``fetch`` stops waiting.
    """

    items: Iterable[Item]
    fetch: Fetch
    stop: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class FetchOptions(Settings):
    """How a listing is downloaded.

    workers : threads. first : number of posters, from the first one; None for all.
    retry_failed : whether to retry what is in ``failed.csv``. progress : whether to draw a progress bar.

    Raises
    ------
    ValueError
        If a number is below 1.
    """

    workers: int = setting(8, "threads", low=1)
    first: int | None = setting(None, "only the first N posters", low=1, kind=int)
    retry_failed: bool = setting(False, "also retry what is in failed.csv")
    progress: bool = True


@dataclass(frozen=True)
class FetchSummary:
    """Counts of posters.

    fetched : downloaded now. present : in the folder before. failed : tried now, in vain.
    skipped : not tried, because they had failed before. with_genres : files of the folder that have genres.
    """

    fetched: int
    present: int
    failed: int
    skipped: int
    with_genres: int


Job = Future[tuple[str, Genres]]


def download_all(listing: Listing, out: str | Path, options: FetchOptions | None = None) -> FetchSummary:
    """Fetch all items of a listing in parallel, and keep those that are pictures, with their genres.

    Whatever ends the run, Ctrl-C too, every picture in the folder is then whole and every table complete.

    Raises
    ------
    FatalFetchError
        If nothing else can be fetched either; what was fetched until then remains.
    DataError
        If another run is filling the folder, it cannot be written to, or its ``metadata.csv`` or ``failed.csv`` was
        not written by this program.
    """
    options = options or FetchOptions()
    with _only_run(Path(out)):
        folder = _Folder(Path(out))
        wanted = _merged(listing.items)[: options.first]
        missing = [item for item in wanted if item not in folder]
        folder.update(item for item in wanted if item in folder)
        todo = [item for item in missing if options.retry_failed or item.id not in folder.failed]
        fetched = _download(todo, listing, folder, options)
        with_genres = sum(map(bool, folder.genres.values()))
    present, skipped = len(wanted) - len(missing), len(missing) - len(todo)
    return FetchSummary(fetched, present, len(todo) - fetched, skipped, with_genres)


def _download(todo: Sequence[Item], listing: Listing, folder: _Folder, options: FetchOptions) -> int:
    """How many items were fetched; all others are recorded as failed."""
    fetched = 0
    jobs: dict[Job, Item] = {}
    show = options.progress and len(todo) > 0
    with (
        ThreadPoolExecutor(options.workers, "fetch") as pool,
        tqdm(desc="Fetching posters", total=len(todo), unit="poster", disable=not show) as bar,
    ):
        try:
            for item in todo:
                jobs[pool.submit(folder.store, item, listing.fetch)] = item
            for done, job in enumerate(as_completed(jobs), 1):
                fetched += folder.record(jobs.pop(job), job)
                bar.set_postfix(failed=done - fetched, refresh=False)
                bar.update()
                folder.save(every=SAVE_SECONDS)
        except BaseException:
            listing.stop.set()
            pool.shutdown(cancel_futures=True)
            raise
        finally:
            folder.record_rest(jobs)
            folder.save()
    return fetched


@contextmanager
def _only_run(path: Path) -> Iterator[None]:
    """Make a folder and lock it; DataError if another run has the lock.

    The system releases the lock however a run ends, so one that was killed blocks nobody. The lock's file stays.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path / LOCK, blocking=False).acquire()
    except Timeout:
        raise DataError(f"Another run is filling {path}; wait for its end, or choose another folder.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be used: {error.strerror}.") from error
    with lock:
        yield


class _Folder:
    """The folder of posters and its two tables. Only ``store`` is called by worker threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            files = {entry.name for entry in path.iterdir()}
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror}.") from error
        metadata = read_pairs(path / METADATA, METADATA_COLUMNS)
        self.genres = {name: split_genres(genres) for name, genres in metadata.items()}
        self.failed = read_pairs(path / FAILED, FAILED_COLUMNS)
        self._names = {Path(name).stem: name for name in self.genres if name in files}
        self._saved = time.monotonic()

    def __contains__(self, item: Item) -> bool:
        """Whether the poster's file exists and is in the table."""
        return item.stem in self._names

    def update(self, items: Iterable[Item]) -> None:
        """Bring the genres of posters that the folder contains up to date."""
        for item in items:
            name = self._names[item.stem]
            self.genres[name] = item.genres or self.genres[name]
            self.failed.pop(item.id, None)

    def store(self, item: Item, fetch: Fetch) -> tuple[str, Genres]:
        """Fetch a poster, check it, write it: its file name and genres."""
        content, genres = fetch(item)
        open_image(content, "The file")
        name = item.stem + picture_suffix(content)
        try:
            write_file(self.path / name, content)
            for suffix in HEADS:  # of a run that was killed before it could record it
                if item.stem + suffix != name:
                    (self.path / (item.stem + suffix)).unlink(missing_ok=True)
        except OSError as error:
            raise FatalFetchError(f"{self.path / name} cannot be written: {error.strerror}.") from error
        return name, genres

    def record(self, item: Item, job: Job) -> bool:
        """Enter an item into one of the tables: whether it was fetched. FatalFetchError and bugs are raised."""
        try:
            name, genres = job.result()
        except FatalFetchError:
            raise
        except PosterLensError as error:
            self.failed[item.id] = str(error)
            return False
        self.genres[name] = genres
        self.failed.pop(item.id, None)
        return True

    def record_rest(self, jobs: Mapping[Job, Item]) -> None:
        """Record what was finished while the run was being stopped."""
        for job, item in jobs.items():
            if job.done() and not job.cancelled() and job.exception() is None:
                self.record(item, job)

    def save(self, every: float = 0.0) -> None:
        """Write both tables, unless they were written less than ``every`` seconds ago."""
        if time.monotonic() - self._saved < every:
            return
        joined = {name: "|".join(genres) for name, genres in self.genres.items()}
        try:
            write_pairs(self.path / METADATA, METADATA_COLUMNS, joined)
            write_pairs(self.path / FAILED, FAILED_COLUMNS, self.failed)
        except OSError as error:
            raise FatalFetchError(f"The tables in {self.path} cannot be written: {error.strerror}.") from error
        self._saved = time.monotonic()


def picture_suffix(content: bytes) -> str:
    """.jpg, .png and so on, by the first bytes of a picture that open_image has read."""
    return next(suffix for suffix, head in HEADS.items() if re.match(head, content, re.DOTALL))


def file_stem(name: str) -> str:
    """A file name for an id, the same on every system: the id itself if it is plain, else one with a hash of it.

    Capitals are hashed too, because some file systems ignore case.
    """
    if re.fullmatch(r"[a-z0-9_][a-z0-9_-]{0,63}", name):
        return name
    plain = re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-")[:40]
    return f"{plain}-{text_hash(name)[:16]}".lstrip("-")


def text_hash(text: str) -> str:
    """SHA-256 of a text, 64 hexadecimal digits."""
    return hashlib.sha256(name_bytes(text)).hexdigest()


def _merged(items: Iterable[Item]) -> list[Item]:
    """One item a file: of two with the same stem the first, with the genres of both."""
    by_stem: dict[str, Item] = {}
    for item in items:
        first = by_stem.get(item.stem, item)
        genres = tuple(dict.fromkeys(first.genres + item.genres))
        by_stem[item.stem] = replace(first, source=first.source or item.source, genres=genres)
    return list(by_stem.values())

"""Many posters explained in chunks, by one process or several; a job that was stopped goes on where it was.

    job = plan(checkpoint, posters, methods, out, trust=False, batch=32)          # nothing is written yet
    with processes() as (rank, world):                                            # torchrun's, or only this one
        summary = run(job, rank, world)                                           # None but in the first process

Finished chunks are kept in a folder beside ``out`` until all are there. The archive is the same to the last bit for
any number of processes, and for any number of stops.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from torch import Tensor
from tqdm import tqdm

from gan import memory
from gan.checkpoints.record import Checkpoint
from gan.errors import ImageError, PosterLensError
from gan.files import keep_others, make_directory, members_of, replace_directory, write_file, writes
from gan.progress import Progress
from xai.errors import ExplanationError
from xai.methods.base import Attribution
from xai.networks.processes import wait_for_all
from xai.report import archive as report
from xai.report.findings import Finding, explain, stems
from xai.report.inputs import Poster

MOST_AT_ONCE = 8  # chunks; more would only fill the memory
LOCK, RECORD = "lock", "settings.json"


@dataclass(frozen=True, eq=False)
class Job:
    """All that is to be done, and where. ``order`` is what another run must agree with to continue."""

    posters: list[Poster]
    stems: list[str]
    methods: list[Attribution]
    settings: dict[str, Any]
    order: dict[str, Any]
    trust: bool
    batch: int
    out: Path
    overwrite: bool

    @property
    def work(self) -> Path:
        """Where finished chunks wait for the others."""
        return self.out.with_name(f".{self.out.name}.partial")

    @property
    def chunks(self) -> list[Path]:
        """Folders of all chunks, finished or not."""
        return [self.work / f"{index:05d}" for index in range(-(-len(self.posters) // self.batch))]


def plan(  # noqa: PLR0913 - each is a choice of its own
    checkpoint: Checkpoint,
    posters: list[Poster],
    methods: list[Attribution],
    out: Path,
    trust: bool = False,
    batch: int = 32,
    overwrite: bool = False,
) -> Job:
    """The job of explaining these posters by these methods into the folder ``out``, ``batch`` posters a chunk.

    ``overwrite`` replaces what an earlier job has written to ``out``, and what another job has begun. Nothing else is
    ever replaced, and other files in the folder stay.

    Raises
    ------
    ExplanationError
        If there is something at ``out`` that is not to be replaced.
    """
    report.ensure_replaceable(out, overwrite)
    settings = report.settings(checkpoint, methods, trust)
    listing = json.dumps([[poster.name, poster.stamp] for poster in posters])
    order = {
        "settings": settings,
        "versions": report.versions(),
        "posters": hashlib.sha256(listing.encode()).hexdigest(),
        "batch": batch,
    }
    names = stems(poster.name for poster in posters)
    return Job(posters, names, methods, settings, order, trust, batch, out, overwrite)


def run(job: Job, rank: int = 0, world: int = 1) -> report.Summary | None:
    """Do this process's part; the first one waits for the others and gives the summary.

    Raises
    ------
    ExplanationError
        If another job has begun in this place or is at work there, something has come to ``out`` meanwhile, no poster
        can be read, a method cannot explain, or another process has stopped.
    OSError
        If the archive cannot be written; finished chunks are kept.
    """
    with _alone(job) if rank == 0 else nullcontext():
        if rank == 0:
            _begin(job)
        wait_for_all(world)
        _agree(job)
        try:
            _compute(job, rank, world)
            wait_for_all(world)
            return _finish(job) if rank == 0 else None
        except PosterLensError:
            if world == 1 and not any(chunk.exists() for chunk in job.chunks):
                shutil.rmtree(job.work, ignore_errors=True)
            raise


@contextmanager
def _alone(job: Job) -> Iterator[None]:
    """Lock the folder for chunks, until this process ends in whatever way; ExplanationError where it is locked."""
    report.ensure_replaceable(job.out, job.overwrite)
    _ensure_own(job.work)
    make_directory(job.work)
    try:
        lock = FileLock(job.work / LOCK, blocking=False).acquire()
    except Timeout:
        raise ExplanationError(f"Another process is writing {job.out}; wait for its end.") from None
    with lock:
        yield


def _ensure_own(work: Path) -> None:
    """ExplanationError where something else than a folder for chunks is there, which would be cleared."""
    if not os.path.lexists(work):
        return
    others = not work.is_dir() or any(path.name != LOCK and not path.name.startswith(".") for path in work.iterdir())
    if work.is_symlink() or (others and not members_of(work / RECORD) >= {"settings", "versions", "posters", "batch"}):
        raise ExplanationError(f"{work} is where finished posters would wait, and holds something else; move it away.")


def _begin(job: Job) -> None:
    """Make the folder for chunks, or find it as the same job has left it."""
    record = job.work / RECORD
    if not record.exists() or (job.overwrite and json.loads(record.read_text(encoding="utf-8")) != job.order):
        for path in job.work.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != LOCK:
                path.unlink()
        write_file(record, json.dumps(job.order, indent=1).encode())
    _agree(job)


def _agree(job: Job) -> None:
    """ExplanationError where the folder for chunks belongs to another job."""
    found = json.loads((job.work / RECORD).read_text(encoding="utf-8"))
    others = [key for key, value in job.order.items() if found.get(key) != value]
    if others:
        raise ExplanationError(
            f"{job.work} was begun with other {' and '.join(others)}: the same settings continue it, and overwrite "
            "begins anew."
        )


def _compute(job: Job, rank: int, world: int) -> None:
    """Explain this process's chunks, all but those that are there: several at once, each by one thread from end to end.

    So no thread waits for another one's part of a sum, and while one waits for the disk the others compute.
    """
    mine = [index for index in range(rank, len(job.chunks), world) if not job.chunks[index].exists()]
    total = sum(len(_rows(job, index)) for index in mine)
    bar = tqdm(desc="Explaining", total=total, unit="poster", disable=rank > 0 or None)
    stop = threading.Event()
    with bar, _sharing_cores(len(mine)) as workers:
        waiting = deque(workers.submit(_write_chunk, job, index, _Told(bar, stop)) for index in mine)
        try:
            while waiting:  # in order: what comes before a chunk that fails is written
                waiting.popleft().result()
        finally:
            stop.set()
            workers.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _sharing_cores(chunks: int) -> Iterator[ThreadPoolExecutor]:
    """Threads for the chunks, which share torch's threads evenly, and one more, for one of them waits for the disk."""
    memory.keep()
    threads = torch.get_num_threads()
    at_once = max(1, min(threads, chunks, MOST_AT_ONCE))
    each = threads // at_once
    try:
        with ThreadPoolExecutor(at_once + 1, "explain", torch.set_num_threads, (each,)) as workers:
            yield workers
    finally:
        torch.set_num_threads(threads)


class _Told:
    """Moves the bar while one chunk is explained, and ends that where the others have failed or were stopped."""

    lock = threading.Lock()

    def __init__(self, bar: tqdm[Any], stop: threading.Event) -> None:
        self.bar, self.stop, self.done = bar, stop, 0

    def within(self, count: int) -> Progress:
        """For ``count`` posters."""

        def tell(fraction: float) -> None:
            if self.stop.is_set():
                raise KeyboardInterrupt
            with self.lock:
                self.bar.update(round(fraction * count) - self.done)
            self.done = round(fraction * count)

        return tell


def _rows(job: Job, index: int) -> range:
    """Which posters are in a chunk."""
    return range(index * job.batch, min((index + 1) * job.batch, len(job.posters)))


def _write_chunk(job: Job, index: int, told: _Told) -> None:
    """Read, explain and write the posters of one chunk."""
    rows = _rows(job, index)
    pictures = [_picture_of(job.posters[row]) for row in rows]
    found, skipped = findings_of(job, rows, pictures, told.within(len(rows)))
    report.write_chunk(job.chunks[index], index, found, job.methods, skipped)


def findings_of(
    job: Job, rows: range, pictures: Sequence[Tensor | str], progress: Progress
) -> tuple[list[Finding], list[tuple[str, str]]]:
    """What is found about the posters of one chunk, and which of them were skipped."""
    read = [(job.posters[row].name, job.stems[row], picture) for row, picture in zip(rows, pictures, strict=True)]
    skipped = [(name, picture) for name, _, picture in read if isinstance(picture, str)]
    good = [(name, file, picture) for name, file, picture in read if isinstance(picture, Tensor)]
    if not good:
        progress(1.0)
        return [], skipped
    names, files, images = zip(*good, strict=True)
    return explain(job.methods, names, torch.cat(images), files, job.trust, progress), skipped


def _picture_of(poster: Poster) -> Tensor | str:
    """The picture, or why there is none."""
    try:
        return poster.read()
    except ImageError as error:
        return str(error)


def _finish(job: Job) -> report.Summary:
    """Make the archive of all chunks, put it in its place, and clear the rest away."""
    archive = job.work / "archive"
    try:
        summary = report.assemble(archive, job.chunks, job.settings, job.methods)
    except PosterLensError:
        shutil.rmtree(job.work)  # no poster in any chunk: there is nothing to continue
        raise
    report.ensure_replaceable(job.out, job.overwrite)  # it may have come meanwhile; the chunks are kept
    with writes(job.out):
        keep_others(job.out, archive, report.WRITTEN)
        replace_directory(archive, job.out, synced=report.WRITTEN)  # by ``assemble``
    shutil.rmtree(job.work, ignore_errors=True)
    return summary

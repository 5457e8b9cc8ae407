"""A disk that fills up, a folder that is read-only, a clock that steps: what a program says, and what it leaves.

    for row in disk_rows(target, scripts, folder): print(row.fault, row.ends, row.said)

A small file system is mounted where the system allows it; elsewhere no file may grow beyond a limit, which raises
another error at the same places, and a read-only folder is one without permission to write.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

import gan
from xai.bench.faults.killing import HOUSE, MOST, Target, Whole, command, ended, environment, half_written, killed
from xai.bench.faults.reading import digest, unreadable

FILLED = (0.2, 0.5, 0.8)  # of what the undisturbed run writes
PAGE = 4096  # bytes of a small file system's blocks
DAY = 86_400.0


@dataclass(frozen=True)
class Row:
    """A fault in words, how it was made, whether it ended as promised, and what the user is told."""

    fault: str
    made: str
    good: bool
    said: str


def can_mount() -> bool:
    """Whether this process may mount a file system."""
    return hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("mount") is not None and _mounts()


def _mounts() -> bool:
    here = Path(tempfile.mkdtemp())
    try:
        return not _mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", str(here))
    finally:
        subprocess.run(["umount", str(here)], capture_output=True, check=False)  # noqa: S603, S607 - fixed words
        here.rmdir()


def _mount(*words: str) -> int:
    return subprocess.run(["mount", *words], capture_output=True, check=False).returncode  # noqa: S603, S607


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path]:
    """A file system of so many bytes, as long as the block runs."""
    folder.mkdir(parents=True)
    if _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)):
        raise gan.PosterLensError(f"Nothing can be mounted at {folder}.")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False)  # noqa: S603, S607


def room(folder: Path) -> int:
    """Bytes that all this takes in blocks of a small file system."""
    return sum(PAGE * (2 + path.stat().st_size // PAGE) for path in folder.rglob("*"))


# ---- a full disk, a read-only folder ----------------------------------------------------------------------


def full_disk(target: Target, scripts: Path, folder: Path, whole: Whole) -> Row:
    """The disk fills up early, half way and late; then there is room, and the program ends as ever."""
    size, good, said = room(folder / "whole"), True, set[str]()
    mounted = can_mount()
    for proportion in FILLED:
        work = folder / f"full-{proportion}"
        if mounted:
            with small_disk(work, int(proportion * size)):
                first = ended(command(target, scripts, work), work)
                problems = half_written(target, work, whole)
                _mount("-o", f"remount,size={20 * size + 2**24}", str(work))
                good &= _as_promised(first, work, said) and not problems and _goes_on(target, scripts, work, whole)
        else:
            work.mkdir()
            largest = max(path.stat().st_size for path in (folder / "whole").rglob("*") if path.is_file())
            first = _limited(target, scripts, work, int(proportion * largest))
            problems = half_written(target, work, whole)
            good &= _as_promised(first, work, said) and not problems and _goes_on(target, scripts, work, whole)
    made = "a mount that fills up" if mounted else "a limit on a file's size"
    return Row(f"full disk: {target.name}", made, good, "; ".join(sorted(said)) or "nothing, it had room")


def _limited(target: Target, scripts: Path, work: Path, size: int) -> subprocess.CompletedProcess[str]:
    import resource  # not on Windows

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))

    return subprocess.run(  # noqa: S603 - our own
        command(target, scripts, work), capture_output=True, text=True, env=environment(work), cwd=HOUSE,
        timeout=MOST, check=False, preexec_fn=limit,
    )  # fmt: skip


def _as_promised(done: subprocess.CompletedProcess[str], work: Path, said: set[str]) -> bool:
    """Whether it went on without what it could not write, or ended with one sentence."""
    last = [line for line in done.stderr.splitlines() if line.startswith("error: ")][-1:]
    said |= {line.removeprefix("error: ").replace(str(work), "FOLDER") for line in last}
    plain = not any(sign in done.stderr for sign in ("Traceback", "[Errno", "Error("))
    named = all(str(work) in line for line in last)
    return plain and named and done.returncode in (0, 2) and len(last) == (done.returncode == 2)


def _goes_on(target: Target, scripts: Path, work: Path, whole: Whole) -> bool:
    """Whether it ends as the undisturbed run did; a run's log and grids have what was noted of the disk."""
    result = dict(target.read(work))
    if target.growing or result != whole.result:
        if ended(command(target, scripts, work), work).returncode:
            return False
        result = dict(target.read(work))
    names = ("state", "latest") if target.growing else sorted({*result, *whole.result})
    return not unreadable(work, target.recorded) and all(result.get(name) == whole.result.get(name) for name in names)


def read_only(target: Target, scripts: Path, folder: Path, whole: Whole) -> Row:
    """A folder in which nothing may be written: one sentence, and nothing is there."""
    work, said = folder / "read-only", set[str]()
    mounted = can_mount()
    if not mounted and os.access(folder, os.W_OK) and hasattr(os, "geteuid") and os.geteuid() == 0:
        return Row(
            f"read-only folder: {target.name}",
            "not tried: root may write everywhere, and nothing can be mounted",
            True,
            "",
        )
    if mounted:
        with small_disk(work, 2**20):
            _mount("-o", "remount,ro", str(work))
            done = ended(command(target, scripts, work), work)
            left = list(work.iterdir())
    else:
        work.mkdir()
        work.chmod(0o555)
        done = ended(command(target, scripts, work), work)
        left = list(work.iterdir())
        work.chmod(0o755)
    good = _as_promised(done, work, said) and done.returncode == 2 and not left
    made = "a mount for reading only" if mounted else "a folder without permission"
    return Row(f"read-only folder: {target.name}", made, good, "; ".join(sorted(said)))


# ---- the clock ---------------------------------------------------------------------------------------


def stepping_clock(target: Target, scripts: Path, folder: Path, whole: Whole, draw: Random) -> Row:
    """Killed, then all dates are a day later, or earlier, than they should be; the program ends as ever."""
    good = True
    for step in (DAY, -DAY):
        work = folder / f"clock{step}"
        work.mkdir()
        for _ in range(2):
            killed(target, scripts, work, whole, draw)
            for path in work.rglob("*"):
                date = time.time() + step
                os.utime(path, (date, date), follow_symlinks=False)
        good &= not half_written(target, work, whole) and _goes_on(target, scripts, work, whole)
    return Row(
        f"clock steps: {target.name}", "killed, then dates a day off, both ways", good, "nothing: it ends as ever"
    )


def poster_of_the_same_date(folder: Path) -> Row:
    """A poster is replaced by another one of the same size and date, behind the cache of decoded posters."""
    posters, cache = folder / "posters", folder / "cache"
    posters.mkdir(parents=True)
    draw = np.random.default_rng(0)
    for name in ("a.bmp", "b.bmp"):
        Image.fromarray(draw.integers(0, 256, (16, 16, 3), np.uint8)).save(posters / name)
    changed = posters / "a.bmp"
    date = changed.stat().st_mtime_ns - int(10e9)
    os.utime(changed, ns=(date, date))
    first = gan.load_posters(posters, 16, cache=cache, progress=False).tensor([0])
    Image.fromarray(draw.integers(0, 256, (16, 16, 3), np.uint8)).save(changed)
    os.utime(changed, ns=(date, date))
    again = gan.load_posters(posters, 16, cache=cache, progress=False).tensor([0])
    fresh = gan.load_posters(posters, 16, cache=folder / "other", progress=False).tensor([0])
    good = digest(again) == digest(fresh) != digest(first)
    return Row("a poster is replaced, its date stays", "same size and date", good, "nothing: the new one is read")

"""A folder or zip of posters written again without their text, in several processes, resumable.

    settings = RemovalSettings("posters.zip", cover="letters", method="telea", detect_at=384)
    result = write_text_free(settings, Path("posters-without-text"), workers=2)
    result.outcomes, result.present, result.seconds
    contact_sheet(settings, Path("posters-without-text"), 24)      # PNG bytes: before and after

File names, formats and ``metadata.csv`` stay: the folder is a data set like its source, with the same posters held out.
A poster without text is copied byte for byte; one that cannot be read is listed in ``failed.csv``.
"""

from __future__ import annotations

import csv
import io
import json
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from tqdm import tqdm

from gan.curation.text_removal import (
    Cover,
    Detector,
    Fill,
    Method,
    compute_on_one_thread,
    inpainter,
    remove_text,
    text_detector,
)
from gan.data.archives import METADATA, Source, is_picture, open_source
from gan.data.decoding import map_ahead
from gan.data.images import FORMAT_NAMES, fit_image, image_grid, open_image
from gan.errors import DataError, ImageError, PosterLensError
from gan.files import make_directory, write_file

RECORD = ".remove_text.json"  # in the folder that is written: with which settings
FAILED = "failed.csv"
SHEET = "PosterLens contact sheet"  # the text in a PNG by which one is known
TILE = (270, 180)  # height and width of a poster on the contact sheet
_JPEG: dict[str, object] = {"format": "JPEG", "quality": 95, "subsampling": 0}
_PLAIN = {".png": "PNG", ".apng": "PNG", ".bmp": "BMP", ".dib": "BMP", ".tif": "TIFF", ".tiff": "TIFF", ".gif": "GIF"}
FORMATS: dict[str, dict[str, Any]] = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".pjpeg", ".pjp"), _JPEG),
    **{suffix: {"format": name} for suffix, name in _PLAIN.items()},
    ".webp": {"format": "WEBP", "quality": 95},
    ".avif": {"format": "AVIF", "quality": 95},
}


@dataclass(frozen=True)
class RemovalSettings:
    """What decides how a cleaned poster looks: the source's path, and the options of gan.curation.text_removal."""

    source: str
    cover: Cover
    method: Method
    detect_at: int


@dataclass(frozen=True)
class Outcome:
    """One poster: how many lines of text were painted over, or the reason why it could not be read."""

    name: str
    lines: int = 0
    reason: str = ""


@dataclass(frozen=True)
class Result:
    """A run: what became of each poster, how many had been written before, and the seconds that it took."""

    outcomes: tuple[Outcome, ...]
    present: int
    seconds: float

    @property
    def failed(self) -> list[tuple[str, str]]:
        """Names of posters that could not be read, each with the reason."""
        return [(outcome.name, outcome.reason) for outcome in self.outcomes if outcome.reason]


def write_text_free(settings: RemovalSettings, out: Path, workers: int = 1, progress: bool = True) -> Result:
    """Write every poster of the source that is not in ``out`` yet, without its text; the same call continues.

    Raises
    ------
    DataError
        If the source holds no pictures, or the folder lies within it, was begun with other settings, or holds something
        else.
    TextUnavailableError
        If the extra ``text`` is not installed.
    """
    with open_source(settings.source) as files:
        entries = sorted(files.entries())
        names = [name for name in entries if is_picture(name)]
        if not names:
            raise DataError(f"{settings.source} holds no picture ({FORMAT_NAMES}).")
        _claim(out, settings)
        _copy_metadata(files, entries, out)
        missing = [name for name in names if not _is_written(out, name)]
        begun = time.perf_counter()
        outcomes = _clean_all(missing, files, out, settings, workers)
        bar = tqdm(outcomes, "Removing text", len(missing), unit="poster", disable=not progress)
        result = Result(tuple(bar), len(names) - len(missing), time.perf_counter() - begun)
    _list_failures(result.failed, out)
    return result


def contact_sheet(settings: RemovalSettings, out: Path, count: int) -> bytes | None:
    """A PNG of at most ``count`` posters before (left) and after (right); None if none has changed.

    The posters are cut into ``count`` equal parts, and of each the first is shown that has changed: no poster is read
    twice, and none that comes after it in its part.
    """
    with open_source(settings.source) as files:
        written = [name for name in sorted(files.entries()) if is_picture(name) and _is_written(out, name)]
        parts = np.array_split(np.arange(len(written)), count)
        firsts = (_first_changed([written[place] for place in part], files, out) for part in parts)
        tiles = [_side_by_side(*sides) for sides in firsts if sides is not None]
    if not tiles:
        return None
    file, about = io.BytesIO(), PngInfo()
    about.add_text(SHEET, settings.source)
    image_grid(np.stack(tiles), gap=6).save(file, "PNG", pnginfo=about)
    return file.getvalue()


def _first_changed(names: Sequence[str], files: Source, out: Path) -> tuple[bytes, bytes] | None:
    """The first of these posters, before and after, that is not the same."""
    for name in names:
        before, after = files.read(name), (out / name).read_bytes()
        if before != after:
            return before, after
    return None


def _side_by_side(before: bytes, after: bytes) -> NDArray[np.uint8]:
    return np.concatenate([np.asarray(fit_image(open_image(side), TILE, "pad")) for side in (before, after)], axis=1)


# ---- one poster --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Cleaner:
    """What a process needs to clean posters."""

    files: Source
    out: Path
    detect: Detector
    fill: Fill
    cover: Cover

    def __call__(self, name: str) -> Outcome:
        """Write one poster without its text."""
        if not _is_inside(self.out, name):
            return Outcome(name, reason=f"{name} would be written outside the folder.")
        try:
            content = self.files.read(name)
            cleaned = remove_text(np.asarray(open_image(content, name)), self.detect, self.fill, self.cover)
        except ImageError as error:
            return Outcome(name, reason=str(error))
        if cleaned.mask.any():
            content = encode(cleaned.pixels, PurePosixPath(name).suffix)
        path = self.out / name
        make_directory(path.parent)
        write_file(path, content)
        return Outcome(name, len(cleaned.boxes))


def encode(pixels: NDArray[np.uint8], suffix: str) -> bytes:
    """A picture (H, W, 3) in the format of its suffix."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, **FORMATS[suffix.lower()])
    return file.getvalue()


# ---- processes ---------------------------------------------------------------------------------------

_own: _Cleaner  # this process's; set once, when the process begins


def _begin_process(out: Path, settings: RemovalSettings) -> None:
    """Open the source and load the detector; Ctrl-C is left to the first process."""
    global _own
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    compute_on_one_thread()
    files = ExitStack().enter_context(open_source(settings.source))  # open as long as the process lives
    _own = _cleaner(files, out, settings)


def _clean_here(name: str) -> Outcome:
    return _own(name)


def _cleaner(files: Source, out: Path, settings: RemovalSettings) -> _Cleaner:
    return _Cleaner(files, out, text_detector(settings.detect_at), inpainter(settings.method), settings.cover)


def _clean_all(
    names: Sequence[str], files: Source, out: Path, settings: RemovalSettings, workers: int
) -> Iterator[Outcome]:
    """Clean all posters, in this process or in several."""
    cleaner = _cleaner(files, out, settings)  # also with several: a missing extra is then one sentence, said once
    if workers == 1:
        yield from map(cleaner, names)
        return
    context = get_context("spawn")  # a fork would inherit the threads of onnxruntime
    pool = ProcessPoolExecutor(workers, context, _begin_process, (out, settings))
    try:
        yield from map_ahead(pool, _clean_here, names, 4 * workers)
    except BrokenProcessPool as error:
        raise PosterLensError("A process died, perhaps for lack of memory; the same command continues.") from error
    finally:
        pool.shutdown(cancel_futures=True)


# ---- the folder --------------------------------------------------------------------------------------


def _claim(out: Path, settings: RemovalSettings) -> None:
    """Make the folder, with a record of the settings; DataError where it holds something else."""
    if out.resolve().is_relative_to(Path(settings.source).resolve()):
        raise DataError(f"{out} lies within the source, and would be read as part of it; name another folder.")
    record = out / RECORD
    if record.exists():
        if json.loads(record.read_text(encoding="utf-8")) != asdict(settings):
            raise DataError(f"{out} was begun with other settings; use the same ones, or name another folder.")
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out} is not empty and was not written by this program; name another folder.")
    make_directory(out)
    write_file(record, json.dumps(asdict(settings), indent=1).encode())


def _copy_metadata(files: Source, entries: Sequence[str], out: Path) -> None:
    """Every metadata.csv at its place: names have not changed."""
    for name in entries:
        if PurePosixPath(name).name == METADATA and _is_inside(out, name):
            make_directory((out / name).parent)
            write_file(out / name, files.read(name))


def _list_failures(failed: Sequence[tuple[str, str]], out: Path) -> None:
    """Write failed.csv if there are any; that of an earlier run is removed."""
    (out / FAILED).unlink(missing_ok=True)
    if failed:
        table = io.StringIO(newline="")
        csv.writer(table, lineterminator="\n").writerows([("file_name", "reason"), *failed])
        write_file(out / FAILED, table.getvalue().encode("utf-8", "backslashreplace"))


def _is_written(out: Path, name: str) -> bool:
    return _is_inside(out, name) and (out / name).exists()


def _is_inside(out: Path, name: str) -> bool:
    """Whether a name from a zip stays within the folder that it is written to."""
    return (out / name).resolve().is_relative_to(out.resolve())

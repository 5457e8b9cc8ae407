"""Take the lettering off posters: find it, paint it over, keep everything else.

    pip install -e ".[text]"
    python scripts/remove_text.py posters.zip --out posters-without-text/ --contact-sheet sheet.png

Works at each poster's own size, in one process a core. File names, formats and metadata.csv stay, so the folder trains
like the source, with the same posters held out; a poster on which no text is found is copied as it is. Ctrl-C stops,
and the same command goes on where it was. Posters that cannot be read are listed in failed.csv.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from gan import DataError, ImageError, PosterLensError, fit_image, image_grid, open_image
from gan.cli import exit_code, report_unread
from gan.curation.text_removal import (
    COVERS,
    DETECT_AT,
    METHODS,
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
from gan.files import write_file

RECORD = ".remove_text.json"  # in the folder that is written: with which settings
FAILED = "failed.csv"
TILE = (270, 180)  # height and width of a poster on the contact sheet
FORMATS: dict[str, dict[str, object]] = {
    ".jpg": {"format": "JPEG", "quality": 95, "subsampling": 0},
    ".jpeg": {"format": "JPEG", "quality": 95, "subsampling": 0},
    ".png": {"format": "PNG"},
    ".webp": {"format": "WEBP", "quality": 95},
}


@dataclass(frozen=True)
class Settings:
    """What decides how a cleaned poster looks."""

    source: str
    cover: Cover
    method: Method
    detect_at: int


@dataclass(frozen=True)
class Outcome:
    """One poster: how many lines of text were painted over, or why it could not be done."""

    name: str
    lines: int = 0
    reason: str = ""


@dataclass(frozen=True)
class Worker:
    """What a process needs to clean posters."""

    files: Source
    out: Path
    detect: Detector
    fill: Fill
    cover: Cover


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="folder or zip of posters")
    parser.add_argument("--out", type=Path, required=True, help="folder to write, or to go on with")
    parser.add_argument("--cover", choices=COVERS, default="letters", help="paint over letters only, or whole boxes")
    parser.add_argument("--method", choices=METHODS, default="telea", help="how what lies beneath is invented")
    parser.add_argument("--detect-at", type=int, default=DETECT_AT, help="pixels of the shorter side for the detector")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--contact-sheet", type=Path, metavar="PNG", help="draw posters before and after")
    parser.add_argument("--sheet-posters", type=int, default=24, help="how many posters on the contact sheet")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    chosen = parser.parse_args(arguments)
    if min(chosen.workers, chosen.sheet_posters) < 1 or chosen.detect_at < 32:
        parser.error("--workers and --sheet-posters are at least 1, --detect-at at least 32")
    return chosen


# ---- one poster --------------------------------------------------------------------------------------


def clean(name: str, worker: Worker) -> Outcome:
    """Write one poster without its text."""
    if not inside(worker.out, name):
        return Outcome(name, reason=f"{name} would be written outside the folder.")
    try:
        content = worker.files.read(name)
        cleaned = remove_text(np.asarray(open_image(content, name)), worker.detect, worker.fill, worker.cover)
    except ImageError as error:
        return Outcome(name, reason=str(error))
    if cleaned.mask.any():
        content = encode(cleaned.pixels, PurePosixPath(name).suffix)
    path = worker.out / name
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, content)
    return Outcome(name, len(cleaned.boxes))


def inside(out: Path, name: str) -> bool:
    """Whether a name from a zip stays within the folder it is written to."""
    return (out / name).resolve().is_relative_to(out.resolve())


def encode(pixels: NDArray[np.uint8], suffix: str) -> bytes:
    """A picture in the format of its suffix."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, **FORMATS[suffix.lower()])  # type: ignore[arg-type]
    return file.getvalue()


# ---- processes ---------------------------------------------------------------------------------------

_here: Worker  # the worker of this process; set once, when the process begins


def begin_process(source: Path, out: Path, settings: Settings) -> None:
    """Open the source and load the detector; Ctrl-C is for the first process to hear."""
    global _here
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    compute_on_one_thread()
    files = ExitStack().enter_context(open_source(source))  # open as long as the process lives
    _here = make_worker(files, out, settings)


def clean_here(name: str) -> Outcome:
    """Clean a poster with this process's worker."""
    return clean(name, _here)


def make_worker(files: Source, out: Path, settings: Settings) -> Worker:
    """Detector and painter for these settings."""
    return Worker(files, out, text_detector(settings.detect_at), inpainter(settings.method), settings.cover)


def outcomes(
    names: list[str], files: Source, source: Path, out: Path, settings: Settings, workers: int
) -> Iterator[Outcome]:
    """Clean all posters, in this process or in several."""
    worker = make_worker(files, out, settings)  # also with several: what is missing is said once, and in one sentence
    if workers == 1:
        yield from map(partial(clean, worker=worker), names)
        return
    context = get_context("spawn")  # a fork would inherit the threads of onnxruntime
    pool = ProcessPoolExecutor(workers, context, begin_process, (source, out, settings))
    try:
        yield from map_ahead(pool, clean_here, names, 4 * workers)
    except BrokenProcessPool as error:
        raise PosterLensError("A process has died, maybe for want of memory; the same command continues.") from error
    finally:
        pool.shutdown(cancel_futures=True)


# ---- the whole ---------------------------------------------------------------------------------------


def check_out(out: Path, source: Path, settings: Settings) -> None:
    """DataError where the folder holds something else; else it is made, with a record of the settings."""
    if out.resolve().is_relative_to(source.resolve()):
        raise DataError(f"{out} lies within the source, and would be read as part of it; name another folder.")
    record = out / RECORD
    if record.exists():
        if json.loads(record.read_text()) != asdict(settings):
            raise DataError(f"{out} was begun with other settings; give the same ones to go on, or another folder.")
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out} is not empty and was not written by this script; name another folder.")
    out.mkdir(parents=True, exist_ok=True)
    write_file(record, json.dumps(asdict(settings), indent=1).encode())


def run(chosen: argparse.Namespace) -> None:
    """Clean what is not there yet, copy the metadata, list failures, draw the sheet."""
    settings = Settings(str(chosen.source.resolve()), chosen.cover, chosen.method, chosen.detect_at)
    with open_source(chosen.source) as files:
        entries = sorted(files.entries())
        names = [name for name in entries if is_picture(name)]
        if not names:
            raise DataError(f"{chosen.source} holds no JPEG, PNG or WebP picture.")
        check_out(chosen.out, chosen.source, settings)
        copy_metadata(files, entries, chosen.out)
        missing = [name for name in names if not is_done(chosen.out, name)]
        done = outcomes(missing, files, chosen.source, chosen.out, settings, chosen.workers)
        begun = time.perf_counter()
        found = list(tqdm(done, "Removing text", len(missing), unit="poster", disable=chosen.quiet))
        tell(found, len(names) - len(missing), time.perf_counter() - begun)
        failed = [(outcome.name, outcome.reason) for outcome in found if outcome.reason]
        list_failures(failed, chosen.out)
        if chosen.contact_sheet:
            draw_sheet(files, chosen.out, names, chosen.contact_sheet, chosen.sheet_posters)
    report_unread(failed, f" (listed in {chosen.out / FAILED})")


def is_done(out: Path, name: str) -> bool:
    """Whether this poster has been written."""
    return inside(out, name) and (out / name).exists()


def copy_metadata(files: Source, entries: list[str], out: Path) -> None:
    """Every metadata.csv where it was: names have not changed."""
    for name in entries:
        if PurePosixPath(name).name == METADATA and inside(out, name):
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            write_file(out / name, files.read(name))


def tell(found: list[Outcome], before: int, seconds: float) -> None:
    """What was done, and how fast."""
    cleaned = sum(outcome.lines > 0 for outcome in found)
    lines = sum(outcome.lines for outcome in found)
    good = sum(not outcome.reason for outcome in found)
    rate = f", {good / seconds:.1f} posters a second" if good else ""
    print(f"{good} posters written, {cleaned} of them with text ({lines} lines painted over){rate}")
    if before:
        print(f"{before} were there already")


def list_failures(failed: list[tuple[str, str]], out: Path) -> None:
    """failed.csv, if there is anything to list; a list of an earlier run goes away."""
    (out / FAILED).unlink(missing_ok=True)
    if failed:
        table = io.StringIO(newline="")
        csv.writer(table, lineterminator="\n").writerows([("file_name", "reason"), *failed])
        write_file(out / FAILED, table.getvalue().encode("utf-8", "backslashreplace"))


def before_and_after(before: bytes, after: bytes) -> NDArray[np.uint8]:
    """Two pictures side by side, each whole."""
    return np.concatenate([np.asarray(fit_image(open_image(side), TILE, "pad")) for side in (before, after)], axis=1)


def draw_sheet(files: Source, out: Path, names: list[str], path: Path, most: int) -> None:
    """Posters before (left) and after (right), evenly chosen from those on which text was found."""
    there = [name for name in names if is_done(out, name)]
    changed = [name for name in there if files.read(name) != (out / name).read_bytes()]
    if not changed:
        print("No text was found, so no contact sheet was drawn.")
        return
    places = np.linspace(0, len(changed) - 1, min(most, len(changed))).astype(int)
    pairs = [(files.read(changed[place]), (out / changed[place]).read_bytes()) for place in places]
    tiles = [
        np.concatenate([np.asarray(fit_image(open_image(side), TILE, "pad")) for side in pair], 1) for pair in pairs
    ]
    file = io.BytesIO()
    image_grid(np.stack(tiles), gap=6).save(file, "PNG")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, file.getvalue())


def main(arguments: list[str] | None = None) -> int:
    chosen = parse(arguments)
    return exit_code(lambda: run(chosen), chosen.out, "Stopped; the same command continues.")


if __name__ == "__main__":
    sys.exit(main())

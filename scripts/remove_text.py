"""Remove the text from posters: find it, paint it over, leave everything else.

    pip install -e ".[text]"
    python scripts/remove_text.py posters.zip --out posters-without-text/ --contact-sheet sheet.png

Works at each poster's own size, in one process a core. File names, formats and metadata.csv stay, so the folder trains
like the source, with the same posters held out; a poster on which no text is found is copied as it is. Ctrl-C stops,
and the same command continues. Posters that cannot be read are listed in failed.csv.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from gan import cli
from gan.cli import exit_code, report_unread
from gan.curation.text_free_folder import FAILED, SHEET, RemovalSettings, Result, contact_sheet, write_text_free
from gan.curation.text_removal import COVERS, DETECT_AT, METHODS
from gan.errors import counted
from gan.files import make_directory, write_file


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = cli.Parser(__doc__)
    parser.add_argument("source", type=Path, help="folder or zip of posters")
    parser.add_argument("--out", type=Path, required=True, help="folder to write, or to continue")
    parser.add_argument("--cover", choices=COVERS, default="letters", help="paint over letters only, or whole boxes")
    parser.add_argument("--method", choices=METHODS, default="telea", help="inpainting method; default %(default)s")
    parser.add_argument(
        "--detect-at", type=cli.count(32), default=DETECT_AT, help="pixels of the shorter side for the detector"
    )
    parser.add_argument("--workers", type=cli.count(1, 1024), default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--contact-sheet", type=Path, metavar="PNG", help="draw posters before and after")
    parser.add_argument(
        "--sheet-posters", type=cli.count(1, 10_000), default=24, help="number of posters on the contact sheet"
    )
    cli.add_overwrite(parser)
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    return parser.parse_args(arguments)


def run(chosen: argparse.Namespace) -> None:
    """Clean what is missing, report, draw the sheet."""
    if chosen.contact_sheet:
        cli.new_file(chosen.contact_sheet, chosen.overwrite, {SHEET})
    settings = RemovalSettings(str(chosen.source.resolve()), chosen.cover, chosen.method, chosen.detect_at)
    result = write_text_free(settings, chosen.out, chosen.workers, not chosen.quiet)
    report(result)
    if chosen.contact_sheet:
        draw_sheet(settings, chosen)
    report_unread(result.failed, f" (listed in {chosen.out / FAILED})")


def report(result: Result) -> None:
    """What was done, and how fast."""
    with_text = sum(outcome.lines > 0 for outcome in result.outcomes)
    lines = sum(outcome.lines for outcome in result.outcomes)
    written = len(result.outcomes) - len(result.failed)
    rate = f", {written / result.seconds:.1f} posters a second" if written else ""
    print(
        f"{counted(written, 'poster')} written, {with_text} of them with text ({counted(lines, 'line')} "
        f"painted over){rate}"
    )
    if result.present:
        print(f"{result.present} had been written before")


def draw_sheet(settings: RemovalSettings, chosen: argparse.Namespace) -> None:
    """Write the contact sheet, or say why there is none."""
    sheet = contact_sheet(settings, chosen.out, chosen.sheet_posters)
    if sheet is None:
        print("No text was found, so no contact sheet was drawn.")
        return
    make_directory(chosen.contact_sheet.parent)
    write_file(chosen.contact_sheet, sheet)


def main(arguments: list[str] | None = None) -> int:
    chosen = parse(arguments)
    return exit_code(lambda: run(chosen), chosen.out, "Stopped; the same command continues.")


if __name__ == "__main__":
    sys.exit(main())

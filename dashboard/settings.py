"""The options of the command line.

streamlit run dashboard/app.py -- --posters PATH --checkpoints DIR --lessons DIR
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gan.shipped import is_checkout, shipped

HOUSE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Settings:
    """posters : folder or zip, or None. checkpoints, runs : folders that are listed. lessons : of more, or None."""

    posters: Path | None
    checkpoints: Path
    runs: Path
    lessons: Path | None


def add_options(parser: argparse.ArgumentParser) -> None:
    """The dashboard's own options; Streamlit's stand before them."""
    parser.add_argument("--posters", type=Path, help="folder or zip of posters to look at")
    own = HOUSE if is_checkout() else Path.cwd()
    found = own / "checkpoints"
    checkpoints = found if found.is_dir() else shipped()
    parser.add_argument("--checkpoints", type=Path, default=checkpoints, help="folder of checkpoints")
    parser.add_argument("--runs", type=Path, default=own / "runs", help="folder of training runs")
    parser.add_argument("--lessons", type=Path, help="folder of more lessons, Markdown files")


@cache
def settings() -> Settings:
    """Parsed once; unknown arguments are left to Streamlit."""
    parser = argparse.ArgumentParser(add_help=False)
    add_options(parser)
    known, _ = parser.parse_known_args(sys.argv[1:])
    return Settings(known.posters, known.checkpoints, known.runs, known.lessons)

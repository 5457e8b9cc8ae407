"""The options of the command line.

streamlit run dashboard/app.py -- --posters PATH --checkpoints DIR --lessons DIR
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HOUSE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Settings:
    """posters : folder or zip, or None. checkpoints, runs : folders that are listed. lessons : of more, or None."""

    posters: Path | None
    checkpoints: Path
    runs: Path
    lessons: Path | None


@cache
def settings() -> Settings:
    """Parsed once; unknown arguments are left to Streamlit."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--posters", type=Path)
    parser.add_argument("--checkpoints", type=Path, default=HOUSE / "checkpoints")
    parser.add_argument("--runs", type=Path, default=HOUSE / "runs")
    parser.add_argument("--lessons", type=Path)
    known, _ = parser.parse_known_args(sys.argv[1:])
    return Settings(known.posters, known.checkpoints, known.runs, known.lessons)

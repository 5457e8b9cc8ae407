"""The options of the command line.

streamlit run dashboard/app.py -- --posters PATH --checkpoints DIR --lessons DIR --networks FILE.py --jobs 2
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gan.shipped import is_checkout, shipped

MOST_JOBS = 16
HOUSE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Settings:
    """posters : folder or zip, or None. checkpoints, runs : folders that are listed. lessons : of more, or None.

    networks : Python files of networks of one's own. They are run, so they are named here and nowhere else.
    jobs : long jobs that run at once, each in a process of its own; the others wait.
    """

    posters: Path | None
    checkpoints: Path
    runs: Path
    lessons: Path | None
    networks: tuple[Path, ...] = ()
    jobs: int = 1


def add_options(parser: argparse.ArgumentParser) -> None:
    """The dashboard's own options; Streamlit's stand before them."""
    parser.add_argument("--posters", type=Path, help="folder or zip of posters to look at")
    own = HOUSE if is_checkout() else Path.cwd()
    found = own / "checkpoints"
    checkpoints = found if found.is_dir() else shipped()
    parser.add_argument("--checkpoints", type=Path, default=checkpoints, help="folder of checkpoints")
    parser.add_argument("--runs", type=Path, default=own / "runs", help="folder of training runs")
    parser.add_argument("--lessons", type=Path, help="folder of more lessons, Markdown files")
    parser.add_argument(
        "--jobs", type=int, choices=range(1, MOST_JOBS + 1), default=1, metavar="N",
        help=f"long jobs, such as studies, that run at once, 1 to {MOST_JOBS}; default %(default)s, the others wait",
    )  # fmt: skip
    about = "Python file of networks of your own, which is run (docs/own_networks.md); may be given several times"
    parser.add_argument("--networks", type=Path, action="append", default=[], metavar="FILE.py", help=about)


@cache
def settings() -> Settings:
    """Parsed once; unknown arguments are left to Streamlit."""
    parser = argparse.ArgumentParser(add_help=False)
    add_options(parser)
    known, _ = parser.parse_known_args(sys.argv[1:])
    return Settings(known.posters, known.checkpoints, known.runs, known.lessons, tuple(known.networks), known.jobs)

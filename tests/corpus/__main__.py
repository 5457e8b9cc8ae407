"""Write the whole corpus into a folder, to be tried by hand, or try it and count what became of it.

    python -m tests.corpus folder
    python -m tests.corpus --write docs/reliability.md

Exit status 1 where a file was neither read right nor left out in one sentence.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from gan import cli
from gan.errors import counted
from tests.corpus import TRIALS, Case, LeftOut, all_cases

MARKS = "<!-- hostile -->", "<!-- /hostile -->"
WHAT = {"picture": "pictures", "table": "tables", "zip": "zips", "checkpoint": "checkpoints and weights"}


def write(root: Path) -> None:
    """All cases, a folder each."""
    for each in all_cases():
        folder = root / each.kind / each.name
        folder.mkdir(parents=True)
        each.make(folder)
    print(f"{len(all_cases())} cases in {root}")


def outcome(each: Case) -> str:
    """ "read", "left out" or "wrong"; of a case that is wrong, the reason goes to stderr."""
    with tempfile.TemporaryDirectory() as temporary, tempfile.TemporaryDirectory() as cache:
        os.environ["POSTERLENS_CACHE"] = cache  # nothing is read from or left in the user's own
        folder = Path(temporary) / "case"
        folder.mkdir()
        each.make(folder)
        try:
            TRIALS[each.kind](folder, each.expected)
        except Exception as error:  # whatever a file makes a reader raise, and a trial's assertion
            print(f"{each.kind} {each.name}: {type(error).__name__}: {error}", file=sys.stderr)
            return "wrong"
    return "left out" if isinstance(each.expected, LeftOut) else "read"


def table(cases: Sequence[Case]) -> tuple[str, bool]:
    """Cases by kind and what became of them, and whether all of them were taken as they must be."""
    counts = Counter((each.kind, outcome(each)) for each in cases)
    lines = [
        "| files | cases | read right | left out in one sentence | neither |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for kind in dict.fromkeys(each.kind for each in cases):
        found = [counts[kind, name] for name in ("read", "left out", "wrong")]
        lines.append(f"| {WHAT.get(kind, kind)} | {' | '.join(f'{count:,}' for count in (sum(found), *found))} |")
    wrong = sum(count for (_, name), count in counts.items() if name == "wrong")
    return "\n".join([*lines, "", f"{counted(len(cases), 'case')}, {wrong} of them taken otherwise."]), not wrong


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="where the files go; without it, all are tried")
    parser.add_argument("--write", type=Path, help=f"put the table between {' and '.join(MARKS)} of this page")
    chosen = parser.parse_args(arguments)
    if chosen.folder:
        write(chosen.folder)
        return 0
    text, good = table(all_cases())
    print(text)
    if chosen.write:
        cli.replace_section(chosen.write, *MARKS, text)
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())

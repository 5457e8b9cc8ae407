"""Write the whole corpus into a folder, to be tried by hand: python -m tests.corpus folder."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.corpus import all_cases

if __name__ == "__main__":
    root = Path(sys.argv[1])
    for each in all_cases():
        folder = root / each.kind / each.name
        folder.mkdir(parents=True)
        each.make(folder)
    print(f"{len(all_cases())} cases in {root}")

r"""Measure the approximate search (the extra faiss) against the exact one, on vectors that are drawn at random.

    python scripts/benchmark_search.py
    python scripts/benchmark_search.py --rows 100000 --dimensions 128 --only clustered

Prints processor seconds, bytes and recall. A million rows of 512 need 4 GB of memory, and some minutes.
"""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec

from gan import cli
from gan.cli import exit_code
from gan.errors import UsageError
from xai.bench.timings.search import DRAWN, Size, measure

FEWEST = 10_000


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = cli.Parser(__doc__)
    parser.add_argument("--rows", type=cli.count(FEWEST), default=10**6, help="default %(default)s")
    parser.add_argument("--dimensions", type=cli.count(), default=512, help="default %(default)s")
    parser.add_argument("--queries", type=cli.count(), default=100, help="default %(default)s")
    parser.add_argument("--only", choices=list(DRAWN), help="rows of one kind only")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    if find_spec("faiss") is None:
        raise UsageError("The approximate search needs faiss: pip install posterlens[faiss].")
    for kind in [options.only] if options.only else DRAWN:
        print(measure(kind, Size(options.rows, options.dimensions, options.queries)).text, flush=True)


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    return exit_code(lambda: run(options))


if __name__ == "__main__":
    sys.exit(main())

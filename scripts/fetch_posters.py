"""Fetch posters into a folder: the pictures, metadata.csv with their genres, failed.csv with what could not be fetched.

    python scripts/fetch_posters.py csv MovieGenre.csv --out posters --id-column imdbId
    OMDB_API_KEY=... python scripts/fetch_posters.py omdb ids.txt --out posters
    python scripts/fetch_posters.py kaggle OWNER/NAME --out posters
    python scripts/fetch_posters.py celeba --root data --download --out faces

The same command continues where it stopped; Ctrl-C stops it. What failed is retried only with --retry-failed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from gan import cli
from gan.cli import add_settings, exit_code, settings_from
from gan.errors import counted
from gan.fetching.folder import FetchOptions, FetchSummary, download_all
from gan.fetching.http import HttpClient, RequestPolicy
from gan.fetching.providers import PROVIDERS


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = cli.Parser(__doc__)
    commands = parser.add_subparsers(dest="provider", required=True, metavar="PROVIDER")
    for name, provider in PROVIDERS.items():
        command = commands.add_parser(name, help=provider.help, description=f"Posters from {provider.help}.")
        for argument in provider.arguments:
            command.add_argument(argument.flag, **argument.options)
        command.add_argument("--out", required=True, type=Path, help="folder for the posters")
        command.add_argument("--quiet", action="store_true", help="no progress bar")
        add_settings(command, FetchOptions)
        if provider.online:
            add_settings(command, RequestPolicy)
    return parser.parse_args(arguments)


def fetch(chosen: argparse.Namespace) -> FetchSummary:
    options = settings_from(chosen, FetchOptions, progress=not chosen.quiet)
    provider = PROVIDERS[chosen.provider]
    client = HttpClient(settings_from(chosen, RequestPolicy) if provider.online else None)
    arguments = {argument.name: getattr(chosen, argument.name) for argument in provider.arguments}
    return download_all(provider.listing(client, **arguments), chosen.out, options)


def report(summary: FetchSummary, out: Path) -> str:
    """What was done, in a line or two."""
    fetched = f"{counted(summary.fetched, 'poster')} fetched"
    text = f"{fetched}, {summary.present} already there; {summary.with_genres} have genres; {out}"
    if summary.failed:
        text += f"\n{summary.failed} failed: {out / 'failed.csv'} says why"
    if summary.skipped:
        text += f"\n{summary.skipped} failed in an earlier run; --retry-failed tries them again"
    return text


def main(arguments: list[str] | None = None) -> int:
    chosen = parse(arguments)
    stopped = f"Stopped; what is in {chosen.out} is complete, and the same command continues from there."
    return exit_code(lambda: print(report(fetch(chosen), chosen.out)), chosen.out, stopped)


if __name__ == "__main__":
    sys.exit(main())

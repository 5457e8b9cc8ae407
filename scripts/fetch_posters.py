"""Fetch posters into a folder: pictures, metadata.csv with their genres, failed.csv with what could not be had.

    python scripts/fetch_posters.py csv MovieGenre.csv --out posters --id-column imdbId
    OMDB_API_KEY=... python scripts/fetch_posters.py omdb ids.txt --out posters
    python scripts/fetch_posters.py kaggle OWNER/NAME --out posters
    python scripts/fetch_posters.py celeba --root data --download --out faces

The same command goes on where it stopped; Ctrl-C stops it. What failed is tried again only with --retry-failed.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from gan.cli import exit_code
from gan.data.decoding import cache_directory
from gan.errors import FetchError
from gan.fetching.csv_tables import ADDRESS_COLUMNS, GENRE_COLUMNS, ID_COLUMNS
from gan.fetching.folder import Collected, Options
from gan.fetching.http import Manners, Web
from gan.fetching.providers import fetch_celeba, fetch_csv, fetch_kaggle, fetch_omdb


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sources = parser.add_subparsers(dest="source", required=True, metavar="SOURCE")
    every, web = _options(), _web_options()

    table = sources.add_parser("csv", parents=[every, web], help="a CSV file with image addresses")
    table.add_argument("table", type=Path, metavar="CSV")
    table.add_argument("--address-column", metavar="NAME", help=f"default: the first of {', '.join(ADDRESS_COLUMNS)}")
    table.add_argument(
        "--id-column",
        metavar="NAME",
        help=f"what the files are named by; default: {' or '.join(ID_COLUMNS)}, else a hash of the address",
    )
    table.add_argument("--genres-column", metavar="NAME", help=f"default: {' or '.join(GENRE_COLUMNS)}, if there")

    omdb = sources.add_parser("omdb", parents=[every, web], help="the OMDb API; its key is read from OMDB_API_KEY")
    omdb.add_argument("ids", type=Path, help="a text file with an IMDb id a line, or a .csv with a column imdbId")
    omdb.add_argument("--id-column", metavar="NAME", help="another column of the .csv")

    kaggle = sources.add_parser("kaggle", parents=[every], help="a Kaggle data set, through kagglehub")
    kaggle.add_argument("handle", metavar="OWNER/NAME")

    celeba = sources.add_parser("celeba", parents=[every], help="the faces of CelebA, through torchvision")
    celeba.add_argument(
        "--root", type=Path, default=cache_directory(), help="where its folder celeba/ is; default: the cache"
    )
    celeba.add_argument("--download", action="store_true", help="fetch it (1.4 GB) if it is not there; needs gdown")
    celeba.add_argument("--split", choices=("train", "valid", "test", "all"), default="all")
    return parser.parse_args(arguments)


def _options() -> argparse.ArgumentParser:
    """What every source has."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--out", required=True, type=Path, help="folder for the posters")
    parser.add_argument("--workers", type=int, default=Options.workers, help="threads, default %(default)s")
    parser.add_argument("--first", type=int, metavar="N", help="only the first N posters of the source")
    parser.add_argument("--retry-failed", action="store_true", help="also try what stands in failed.csv")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    return parser


def _web_options() -> argparse.ArgumentParser:
    """What sources on the web have besides."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--rate", type=float, default=Manners.rate, help="requests a second to each host, %(default)s")
    parser.add_argument("--retries", type=int, default=Manners.retries, help="after the first try, %(default)s")
    parser.add_argument("--timeout", type=float, default=Manners.timeout, help="seconds for one request, %(default)s")
    parser.add_argument(
        "--connect-timeout",
        type=float,
        default=Manners.connect_timeout,
        help="seconds to look a host up, and to connect; %(default)s",
    )
    parser.add_argument("--max-mb", type=float, default=Manners.max_bytes / 1e6, help="of one file, %(default)s")
    parser.add_argument(
        "--allow-private", action="store_true", help="also addresses of this machine and the local network"
    )
    return parser


def fetch(chosen: argparse.Namespace) -> Collected:
    options = Options(chosen.workers, chosen.retry_failed, chosen.first, not chosen.quiet)
    if chosen.source == "kaggle":
        return fetch_kaggle(chosen.handle, chosen.out, options=options)
    if chosen.source == "celeba":
        return fetch_celeba(chosen.out, chosen.root, split=chosen.split, download=chosen.download, options=options)
    web = Web(manners(chosen))
    if chosen.source == "omdb":
        key = os.environ.get("OMDB_API_KEY", "").strip()
        if not key:
            raise FetchError("Put your key for the OMDb API into the environment variable OMDB_API_KEY.")
        return fetch_omdb(chosen.ids, chosen.out, key, web, id_column=chosen.id_column, options=options)
    return fetch_csv(
        chosen.table,
        chosen.out,
        web,
        address_column=chosen.address_column,
        id_column=chosen.id_column,
        genres_column=chosen.genres_column,
        options=options,
    )


def manners(chosen: argparse.Namespace) -> Manners:
    return Manners(
        rate=chosen.rate,
        retries=chosen.retries,
        timeout=chosen.timeout,
        connect_timeout=chosen.connect_timeout,
        max_bytes=chosen.max_mb * 1e6,
        allow_private=chosen.allow_private,
    )


def report(found: Collected, out: Path) -> str:
    """What was done, in a line or two."""
    text = f"{found.fetched} posters fetched, {found.known} were there; {found.with_genres} have genres; {out}"
    if found.failed:
        text += f"\n{found.failed} failed: {out / 'failed.csv'} says why"
    if found.left_out:
        text += f"\n{found.left_out} had failed before; --retry-failed tries them again"
    return text


def main(arguments: list[str] | None = None) -> int:
    chosen = parse(arguments)
    stopped = f"Stopped; what is in {chosen.out} is complete, and the same command goes on from there."
    return exit_code(lambda: print(report(fetch(chosen), chosen.out)), chosen.out, stopped)


if __name__ == "__main__":
    sys.exit(main())

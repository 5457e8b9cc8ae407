"""Share a checkpoint on the Hugging Face Hub, where gan.load("hf:OWNER/NAME") finds it.

    python scripts/push.py checkpoints/wider-64 owner/wider-64
    python scripts/push.py checkpoints/wider-64 owner/wider-64 --private --license cc-by-4.0

Its weights, its studies and its README.md, as a model card, are written in one commit; a repository that is not there
is made. A folder with pictures that may be real posters, or with a run's state, is refused. It needs the extra hub and
a token that may write: hf auth login, or HF_TOKEN.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from gan import cli
from gan.checkpoints.hub.publishing import push


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = cli.Parser(__doc__)
    parser.add_argument("checkpoint", type=Path, help="folder of the checkpoint")
    parser.add_argument("repository", metavar="OWNER/NAME", help="where it is written to")
    parser.add_argument(
        "--license",
        type=license_name,
        help="of the weights, as the Hub names it (default: as the README says, else mit)",
    )
    parser.add_argument("--private", action="store_true", help="make a new repository private")
    parser.add_argument("--message", default="", help="what the commit says")
    return parser.parse_args(arguments)


def license_name(text: str) -> str:
    """The ``type`` of --license: a name such as mit or cc-by-4.0."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,60}", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} is no name of a licence, such as mit or cc-by-4.0")
    return text


def run(chosen: argparse.Namespace) -> None:
    """Push, and say where it is."""
    print(push(chosen.checkpoint, chosen.repository, chosen.license, chosen.private, chosen.message))


def main(arguments: list[str] | None = None) -> int:
    chosen = parse(arguments)
    return cli.exit_code(lambda: run(chosen), chosen.repository)


if __name__ == "__main__":
    sys.exit(main())

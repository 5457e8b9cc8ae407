"""Open the dashboard, which shows what the networks of a checkpoint have learned.

    posterlens dashboard
    posterlens dashboard --posters posters.zip --checkpoints checkpoints --server.port 8600
    posterlens dashboard --checkpoints hf:owner/name        # fetched before it opens; no page and no link can do so

Options that are not listed here go to Streamlit; "streamlit run --help" lists them. In a checkout,
"streamlit run dashboard/app.py -- --posters posters.zip" is the same.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import dashboard
from dashboard.settings import add_options
from gan import cli
from gan.checkpoints.hub.address import Address, as_text, is_address

APP = Path(dashboard.__file__).parent / "app.py"


def parse(arguments: list[str] | None = None) -> tuple[argparse.Namespace, list[str]]:
    """The dashboard's options, and what is left for Streamlit."""
    parser = cli.Parser(__doc__)
    add_options(parser)
    return parser.parse_known_args(arguments)


def fetch_checkpoints(chosen: argparse.Namespace) -> None:
    """Where --checkpoints names one of the Hub: fetch it, and name the folder that it is alone in."""
    if is_address(chosen.checkpoints):
        from gan.checkpoints.hub.fetching import fetch

        chosen.checkpoints = fetch(Address.parse(as_text(chosen.checkpoints))).parent


def command(chosen: argparse.Namespace, streamlits: list[str]) -> list[str]:
    """What Streamlit's own command line is given."""
    given = [
        (name, one) for name, value in vars(chosen).items() for one in (value if isinstance(value, list) else [value])
    ]
    ours = [part for name, one in given if one is not None for part in (f"--{name}", str(one))]
    return ["streamlit", "run", str(APP), *streamlits, "--", *ours]


def main(arguments: list[str] | None = None) -> int:
    from streamlit.web.cli import main as streamlit

    chosen, streamlits = parse(arguments)
    if code := cli.exit_code(lambda: fetch_checkpoints(chosen)):
        return code
    sys.argv = command(chosen, streamlits)
    return int(streamlit(standalone_mode=False) or 0)


if __name__ == "__main__":
    sys.exit(main())

"""Take the pictures of the tutorial from the running dashboard: generated posters only, light theme.

    python -m xai.bench.pages.pictures
    python -m xai.bench.pages.pictures --only compare latent --out pictures

A Chromium and playwright are needed. The dashboard is started for it, without real posters.
"""

from __future__ import annotations

import argparse
import io
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gan import cli
from xai.bench.pages import browser

if TYPE_CHECKING:
    from playwright.sync_api import Page

OUT = browser.HOUSE / "docs/pictures"
WIDTH, MOST = 1280, 120_000  # pixels; bytes of a picture
QUALITIES = range(85, 20, -5)  # of WebP, until a picture is small enough


@dataclass(frozen=True)
class Picture:
    """address : of the page, with its choices. height : in pixels. shown : a text that is there once it is ready."""

    address: str
    height: int
    shown: str


PICTURES = {
    "start": Picture("?seed=5", 1120, "Discriminator"),
    "compare": Picture("compare?seed=5&methods=DeepLIFT&methods=LIME&check=true", 900, "at 12 x 8 pixels"),
    "discriminator": Picture("discriminator?seed=5&d_layer=layers.7", 1000, "of layers.7"),
    "generator": Picture("generator?seed=5", 960, "of layers."),
    "latent": Picture("latent?seed=5&turned=1:2.5,32:-2", 960, "Scrub through"),
    "training": Picture("training?seed=5&run=dcgan-64", 960, "seeds over time"),
}


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = cli.Parser(__doc__)
    parser.add_argument("--only", nargs="+", choices=list(PICTURES), default=list(PICTURES), help="some of them")
    parser.add_argument("--out", type=Path, default=OUT, help="folder to write (default: docs/pictures)")
    return parser.parse_args(arguments)


def take(page: Page, address: str, picture: Picture) -> bytes:
    """The page as a PNG, once it is at rest."""
    page.set_viewport_size({"width": WIDTH, "height": picture.height})
    page.goto(f"{address}/{picture.address}")
    page.get_by_test_id("stMain").get_by_text(picture.shown).first.wait_for()
    for _ in range(6):  # pictures and maps come one after the other
        browser.settle(page)
    return page.screenshot()


def as_webp(png: bytes) -> bytes:
    """The best quality that is small enough."""
    from PIL import Image

    picture = Image.open(io.BytesIO(png)).convert("RGB")
    for quality in QUALITIES:
        written = io.BytesIO()
        picture.save(written, "WEBP", quality=quality, method=6)
        if written.tell() <= MOST:
            break
    return written.getvalue()


def run(chosen: argparse.Namespace) -> None:
    folder = cli.output_folder(chosen.out)
    folder.mkdir(parents=True, exist_ok=True)
    with browser.app(browser.HOUSE / "dashboard/app.py") as address, browser.window() as page:
        for name in chosen.only:
            content = as_webp(take(page, address, PICTURES[name]))
            (folder / f"{name}.webp").write_bytes(content)
            print(f"{folder / name}.webp  {len(content) / 1000:.0f} kB", flush=True)


def main(arguments: list[str] | None = None) -> int:
    chosen = parse(arguments)
    return cli.exit_code(lambda: run(chosen), chosen.out)


if __name__ == "__main__":
    sys.exit(main())

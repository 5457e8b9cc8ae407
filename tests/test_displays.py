"""What results look like in a notebook: HTML in which the numbers and the pictures are those of the result."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import gan
import xai
from gan import display
from xai.discriminator.filters.synthesis import synthesise
from xai.generator.ablation import ablate
from xai.latents.sweeps import latent_sweeps
from xai.methods.base import SHOWN


class Page(HTMLParser):
    """The pictures, captions, cells and paragraphs of a piece of HTML, whose tags must be closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.pictures: list[np.ndarray] = []
        self.texts: dict[str, list[str]] = {"figcaption": [], "td": [], "th": [], "p": [], "strong": []}
        self._open: list[str] = []
        self.feed(html)
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            kind, _, content = str(dict(attrs)["src"]).partition(",")
            assert kind == "data:image/png;base64"
            self.pictures.append(np.asarray(Image.open(io.BytesIO(base64.b64decode(content))).convert("RGB")))
        else:
            self._open.append(tag)
            if tag in self.texts:
                self.texts[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in self.texts:
            self.texts[self._open[-1]][-1] += data


@pytest.fixture(scope="module")
def checkpoint(checkpoints: Path) -> gan.Checkpoint:
    return gan.load(checkpoints / "tiny")


@pytest.fixture(scope="module")
def z(checkpoint: gan.Checkpoint) -> torch.Tensor:
    return gan.latents([4], checkpoint.config)


def test_a_checkpoint_shows_its_first_seeds(checkpoint: gan.Checkpoint) -> None:
    page = Page(checkpoint._repr_html_())
    assert page.texts["strong"] == ["tiny"]
    drawn = gan.to_uint8(checkpoint.need_generator()(gan.latents(range(8), checkpoint.config)))
    assert np.array_equal(page.pictures, drawn)
    assert page.texts["figcaption"] == [f"seed {seed}" for seed in range(8)]
    weights = sum(one.numel() for one in checkpoint.need_generator().parameters())
    assert f"{weights:,} weights" in page.texts["td"]


def test_a_checkpoint_without_a_generator_shows_no_poster_and_says_so(checkpoint: gan.Checkpoint) -> None:
    page = Page(replace(checkpoint, generator=None, name="<b>odd</b>")._repr_html_())
    assert not page.pictures
    assert page.texts["strong"] == ["<b>odd</b>"]  # as text
    assert page.texts["td"][page.texts["td"].index("generator") + 1] == "none"


def test_an_explanation_shows_every_map_and_its_sums(checkpoint: gan.Checkpoint) -> None:
    images = checkpoint.need_generator()(gan.latents(range(SHOWN + 1), checkpoint.config)).detach()
    score = xai.Score(checkpoint.need_discriminator())
    explanation = xai.attribution("deeplift", score).attribute(images)
    page = Page(explanation._repr_html_())
    assert len(page.pictures) == SHOWN
    assert f"{SHOWN} of {SHOWN + 1} maps" in page.texts["p"][0]
    assert page.texts["figcaption"][3].startswith(f"logit {float(explanation.score[3]):+z.2f}, reference ")
    assert "completeness gap" in page.texts["figcaption"][3]
    row, column = np.unravel_index(explanation.heat(3).argmax(), explanation.heat(3).shape)
    red, _, blue = page.pictures[3][row, column].astype(int)
    assert red > blue  # what speaks most for real
    fires = xai.attribution("activation", score).attribute(images[:1])
    shown = Page(fires._repr_html_())
    assert "gap" not in shown.texts["figcaption"][0]  # it promises no sum
    assert "red" not in shown.texts["p"][0]


def test_a_verdict_shows_every_check(checkpoint: gan.Checkpoint) -> None:
    image = checkpoint.need_generator()(gan.latents([0], checkpoint.config)).detach()
    method = xai.attribution("deeplift", xai.Score(checkpoint.need_discriminator()))
    trust = xai.examine(method, image, method.attribute(image))
    page = Page(trust._repr_html_())
    assert page.texts["p"][0] == f"{trust.badge}: {trust.reason}."
    assert len(page.texts["td"]) == 6 * len(trust.checks)
    worst = replace(trust, checks=tuple(replace(one, value=math.nan) for one in trust.checks))
    assert Page(worst._repr_html_()).texts["p"][0] != page.texts["p"][0]
    assert "not measured" in Page(worst._repr_html_()).texts["td"]


def test_agreement_is_a_table_of_rank_correlations() -> None:
    map_ = np.arange(64, dtype=np.float32).reshape(8, 8)
    page = Page(xai.compare({"one": map_, "other": -map_})._repr_html_())
    assert page.texts["th"] == ["", "one", "other"]
    assert page.texts["td"] == ["one", "1.00", "-1.00", "other", "-1.00", "1.00"]


def test_a_filter_shows_the_poster_with_it_and_without(checkpoint: gan.Checkpoint, z: torch.Tensor) -> None:
    layer = "layers.2"
    found = ablate(checkpoint.need_generator(), z, layer, 1, score=xai.Score(checkpoint.need_discriminator()))
    page = Page(found._repr_html_())
    assert np.array_equal(page.pictures[0], gan.to_uint8(found.before)[0])
    assert np.array_equal(page.pictures[1], gan.to_uint8(found.after)[0])
    assert f"{found.score_change:+z.2f}" in page.texts["figcaption"][1]
    assert "logit" not in Page(replace(found, score_before=None)._repr_html_()).texts["figcaption"][1]


def test_sweeps_show_the_dimensions_that_change_most(checkpoint: gan.Checkpoint, z: torch.Tensor) -> None:
    sweeps = latent_sweeps(checkpoint.need_generator(), z, (-2.0, 0.0, 2.0))
    page = Page(sweeps._repr_html_())
    first = int(sweeps.reach.argmax())
    assert page.texts["figcaption"][0] == f"dimension {first}"
    assert np.array_equal(page.pictures[0], np.hstack(list(sweeps.pixels[first])))
    assert "from -2 to +2" in page.texts["p"][0]


def test_a_synthesis_shows_its_picture(checkpoint: gan.Checkpoint) -> None:
    found = synthesise(checkpoint.need_discriminator(), "layers.1", 0)
    assert np.array_equal(Page(found._repr_html_()).pictures[0], found.picture)


def test_a_table_without_a_head_and_a_caption_with_tags() -> None:
    assert Page(display.table((), [("a", 1)])).texts["th"] == []
    pixels = np.zeros((2, 2, 3), np.uint8)
    page = Page(display.picture_row([(pixels, "<i>x</i>")], "<script>"))
    assert page.texts["figcaption"] == ["<i>x</i>"]
    assert page.texts["p"] == ["<script>"]


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 1), (64, 96), (96, 64)])
def test_a_png_that_is_written_quickly_holds_the_same_pixels(size: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    with Image.open(io.BytesIO(display.quick_png(picture))) as found:
        assert (found.format, found.mode) == ("PNG", "RGB")
        assert np.array_equal(np.asarray(found), picture)
    assert display.data_uri(picture, display.quick_png).startswith("data:image/png;base64,iVBORw0KGgo")

"""The scrubber in a notebook: its sheet is that of the sweeps, and what is wrong with it is one sentence."""

from __future__ import annotations

import base64
import io
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import gan
import xai
from gan.errors import CheckpointError
from tests.xai import built
from tests.xai.nets import conditional, one_sentence
from xai.errors import ExplanationError
from xai.latents.sensitivity import latent_sensitivity
from xai.latents.sweeps import latent_sweeps
from xai.widgets.scrubber import WidgetUnavailableError
from xai.widgets.sheet import STRONGEST

SEED, STEPS = 3, (-2.0, 0.0, 2.0)


def cells_of(uri: str, count: int, cell: tuple[int, int], columns: int) -> np.ndarray:
    """The cells (count, h, w, 3) of a sheet that is a data address."""
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))
    height, width = cell
    places = [divmod(index, columns) for index in range(count)]
    return np.stack([sheet[y * height : (y + 1) * height, x * width : (x + 1) * width] for y, x in places])


def test_its_sheet_has_every_dimension_at_every_step_and_then_the_poster() -> None:
    checkpoint = built.checkpoint()
    shown = xai.scrubber(checkpoint, SEED, STEPS)
    sweeps = latent_sweeps(checkpoint.need_generator(), gan.latents([SEED], checkpoint.config), STEPS)
    expected = np.concatenate([sweeps.pixels.reshape(-1, 8, 8, 3), sweeps.poster[None]])
    cells = cells_of(shown.sheet["uri"], len(expected), (8, 8), shown.sheet["columns"])
    assert shown.sheet["cell"] == [8, 8]
    assert np.abs(cells.astype(int) - expected).mean() < 4  # a WebP is nearly the picture
    away = np.abs(cells[:, None].astype(int) - expected[None]).mean((2, 3, 4))
    assert (away.diagonal() <= away.min(1) + 1).all()
    assert np.array_equal(shown.sweeps.pixels, sweeps.pixels)
    assert shown.sheet["now"] == pytest.approx(sweeps.now, abs=1e-4)


def test_squares_are_coloured_by_influence_and_it_begins_with_the_strongest() -> None:
    checkpoint = built.checkpoint()
    shown = xai.scrubber(checkpoint, SEED, STEPS)
    z = gan.latents([SEED], checkpoint.config)
    influence = latent_sensitivity(checkpoint.need_generator(), z).influence.numpy()
    assert shown.dimension == influence.argmax()
    assert shown.sheet["heat"] == pytest.approx(STRONGEST * influence, abs=1e-3)
    assert shown.sheet["heat"][built.DRIVES_NOTHING] == 0


def test_the_dimension_is_the_browsers_and_pythons_and_one_that_is_there() -> None:
    shown = xai.scrubber(built.checkpoint(), SEED, STEPS)
    shown.set_state({"dimension": 2})  # as the browser's message does
    assert shown.dimension == 2
    shown.dimension = 4
    assert shown.get_state(["dimension"]) == {"dimension": 4}
    for wrong in (-1, 5):
        with pytest.raises(ExplanationError) as caught:
            shown.dimension = wrong
        assert str(wrong) in one_sentence(caught.value)
    assert shown.dimension == 4


def test_without_anywidget_a_sentence_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "xai.widgets.notebook", raising=False)
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(WidgetUnavailableError) as caught:
        xai.scrubber(built.checkpoint())
    assert ".[widget]" in one_sentence(caught.value)


def test_networks_that_cannot_be_swept_are_refused_by_what_they_lack() -> None:
    checkpoint = built.checkpoint()
    with pytest.raises(CheckpointError, match="no generator"):
        xai.scrubber(replace(checkpoint, generator=None))
    waiting = conditional()
    with pytest.raises(ExplanationError) as caught:
        xai.scrubber(replace(checkpoint, generator=waiting, config=waiting.config))
    assert "genres" in one_sentence(caught.value)
    with pytest.raises(ExplanationError, match="at least one step"):
        xai.scrubber(checkpoint, steps=())

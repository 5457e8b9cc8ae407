from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import gan
import xai
from xai.figures.data import read_npz
from xai.figures.figure import Source
from xai.figures.formats import possible
from xai.latents.paths import path
from xai.latents.sensitivity import latent_sensitivity
from xai.report import figures

SOURCE = Source("tiny", "0" * 64)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Three grids, and a log in which not every row has every number."""
    (tmp_path / "grids").mkdir()
    for kimg, level in ((1.0, 10), (2.5, 120), (9.0, 240)):
        Image.new("RGB", (16, 16), (level,) * 3).save(tmp_path / "grids" / f"{kimg:010.3f}.png")
    (tmp_path / "stats.jsonl").write_text('{"kimg": 1.0, "loss_d": 0.5}\n{"kimg": 2.5, "fd_lite1": 80}\n')
    return tmp_path


def test_a_maps_values_come_back_and_its_verdict_stands_below(
    methods: list[xai.Attribution], images: torch.Tensor, tmp_path: Path
) -> None:
    found = [method.attribute(images[:1]) for method in methods]
    pixels = gan.to_uint8(images[:1])[0]
    figure = figures.of_explanations(found, pixels, SOURCE, verdicts=["caution", "", "trust"])
    arrays, about = read_npz(xai.save(figure, tmp_path / "maps.npz"))
    for one in found:
        assert (arrays[one.method] == one.values[0].numpy()).all()
        assert about["arrays"][one.method]["unit"] == figures.map_unit(one)
    assert (arrays["poster"] == pixels).all()
    assert figure.panels[1].caption == "DeepLIFT: caution"
    assert figure.columns["verdict"] == ["caution", "", "trust"]
    assert [panel.poster for panel in figure.panels] == [True, False, False, False]


def test_one_map_alone_has_its_own_scale_or_one_with_others(
    methods: list[xai.Attribution], images: torch.Tensor
) -> None:
    found, pixels = methods[0].attribute(images[:1]), gan.to_uint8(images[:1])[0]
    [own] = figures.of_explanation(found, pixels, SOURCE).panels
    louder = replace(found, method="louder", values=100 * found.values)
    [shared] = figures.of_explanation(found, pixels, SOURCE, verdict="trust", among=[louder, found]).panels
    [apart] = figures.of_explanation(found, pixels, SOURCE, figures.Look(shared=False), "", [louder, found]).panels
    assert own.bar is not None
    assert shared.bar is not None
    assert apart.bar is not None
    assert shared.bar.high > 10 * own.bar.high
    assert apart.bar.high == own.bar.high
    assert shared.caption == "DeepLIFT: trust"
    assert (shared.bar.low_means, shared.bar.high_means) == ("fake", "real")


def test_a_walk_and_a_sweep_move_and_end_where_they_should(checkpoint: gan.Checkpoint) -> None:
    generator = checkpoint.need_generator()
    a, b = gan.latents([1], checkpoint.config), gan.latents([2], checkpoint.config)
    walk = path(generator, a, b, 5)
    figure = figures.of_path(walk, SOURCE)
    assert figure.frames is not None
    assert figure.frames.captions[-1] == "step 4 of 4"
    assert (figure.frames.pixels[-1] == walk.pixels[-1]).all()
    assert np.allclose(figure.arrays["latents"].values[[0, -1]], torch.cat([a, b]).flatten(1), atol=1e-5)
    swept = figures.of_sweep(generator, a, 2, SOURCE, (-3.0, float(a[0, 2]), 3.0))
    assert swept.frames is not None
    assert swept.frames.captions[0] == "dimension 2 = -3.0"
    with torch.no_grad():
        own = gan.to_uint8(generator(a))[0]
    assert np.abs(swept.frames.pixels[1].astype(int) - own).max() <= 1
    assert (swept.frames.pixels[0] != own).any()
    assert possible(swept) == ["screen", "print", "npz", "gif", "webp"]


def test_a_runs_grids_move_in_the_order_of_their_kimg(run: Path) -> None:
    figure = figures.of_grids(run, SOURCE)
    assert figure.frames is not None
    assert figure.frames.captions == ["1 kimg", "2.5 kimg", "9 kimg"]
    assert [int(picture.mean()) for picture in figure.frames.pixels] == [10, 120, 240]


def test_of_very_many_grids_some_are_taken_and_always_the_last(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "MOST_FRAMES", 2)
    figure = figures.of_grids(run, SOURCE)
    assert figure.frames is not None
    assert figure.frames.captions == ["1 kimg", "9 kimg"]


def test_a_run_without_a_grid_says_so(tmp_path: Path) -> None:
    with pytest.raises(xai.ExplanationError, match="has drawn no grid yet"):
        figures.of_grids(tmp_path, SOURCE)


def test_a_number_that_a_row_of_the_log_lacks_is_empty(run: Path) -> None:
    assert figures.of_log(run, SOURCE).columns == {"kimg": [1.0, 2.5], "loss_d": [0.5, ""], "fd_lite1": ["", 80]}


def test_the_table_of_dimensions_has_the_measured_numbers(checkpoint: gan.Checkpoint) -> None:
    z = gan.latents([1], checkpoint.config)
    found = latent_sensitivity(checkpoint.need_generator(), z)
    figure = figures.of_sensitivity(found, z.flatten().tolist(), SOURCE)
    assert figure.columns["change"] == found.rms.tolist()
    assert figure.columns["value"] == z.flatten().tolist()
    assert "logit" not in figure.columns

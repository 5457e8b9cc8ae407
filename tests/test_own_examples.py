"""The examples of docs/own_networks.md: each is loaded, and explained as the same network elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

import gan
import xai
from gan.checkpoints.own import load_own, of_class

HOUSE = Path(__file__).parents[1]
FILES = sorted(HOUSE.glob("examples/own_*.py"))


@pytest.fixture(scope="module")
def loaded() -> dict[str, gan.Checkpoint]:
    return {file.stem: load_own(file) for file in FILES}


def test_all_are_in_the_documentation() -> None:
    text = (HOUSE / "docs/own_networks.md").read_text()
    assert sorted(re.findall(r"examples/(own_\w+\.py)", text)) == [file.name for file in FILES]


def test_the_dcgan_of_pytorchs_examples_is_explained_as_the_checkpoint_itself(
    loaded: dict[str, gan.Checkpoint],
) -> None:
    own, shipped = loaded["own_dcgan"], gan.load(HOUSE / "checkpoints/dcgan-64")
    z = gan.latents([3], shipped.config)
    with torch.no_grad():
        poster = shipped.need_generator()(z)
        assert torch.equal(own.need_generator()(z), poster)
    reference = xai.reference("generated", generator=shipped.need_generator(), count=2)
    maps = [
        xai.attribution("deeplift", xai.Score(one.need_discriminator()), reference=reference).attribute(poster)
        for one in (own, shipped)
    ]
    assert maps[0].config["engine"] == "chain"
    assert torch.equal(maps[0].values, maps[1].values)


def test_the_residual_discriminator_is_explained_with_sums_that_are_right(loaded: dict[str, gan.Checkpoint]) -> None:
    own = loaded["own_residual"]
    with torch.no_grad():
        poster = own.need_generator()(gan.latents([0], own.config))
    found = xai.attribution("deeplift", xai.Score(own.need_discriminator())).attribute(poster)
    assert abs(float(found.gap)) < 1e-4 < abs(float(found.score - found.base_score))


def test_resnet_18_is_explained_class_by_class_with_sums_that_are_right(loaded: dict[str, gan.Checkpoint]) -> None:
    own = of_class(loaded["own_classifier"], "Horror")
    poster = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    score = xai.Score(own.need_discriminator())
    assert score.meaning.high == "more Horror"
    found = xai.attribution("deeplift", score).attribute(poster)
    assert abs(float(found.gap)) < 1e-3 * abs(float(found.score - found.base_score)) + 1e-5

"""Coarse maps are DeepLIFT's maps, summed, and kept beside the index."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import gan
import xai
from gan.networks.seeds import reserved
from tests.xai.nets import discriminator, generator
from xai.collection.index import build_index, generated_posters, real_posters, usual_reference
from xai.collection.strategies import attributions as module
from xai.collection.strategies.attributions import attributions, coarse_maps, grid, open_attributions

SEEDS = reserved("collection")[:11]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "at_once", lambda most, size: 4)


@pytest.fixture
def reference(checkpoint: gan.Checkpoint) -> xai.Reference:
    return usual_reference(checkpoint, None, 3)


def test_a_map_adds_up_to_the_difference_of_the_logits(
    checkpoint: gan.Checkpoint, posters: gan.PosterSet, reference: xai.Reference
) -> None:
    index = build_index(checkpoint, real_posters(posters), reference)
    maps = attributions(checkpoint, real_posters(posters), reference)
    assert maps.shape == (40, 8, 8)
    assert maps.dtype == np.float16
    differences = index.responses.logit - index.responses.base_logit
    assert maps.astype(float).sum((1, 2)) == pytest.approx(differences, abs=1e-3)


@pytest.mark.parametrize("aspect", ["1:1", "2:3"])
def test_a_cell_is_the_sum_of_its_part_of_deeplifts_map(aspect: str) -> None:
    torch.manual_seed(0)
    score = xai.Score(gan.Discriminator(gan.ModelConfig(16, width=4, aspect=aspect)).eval())
    assert score.size is not None
    images = torch.rand(5, 3, *score.size, generator=torch.Generator().manual_seed(1)) * 2 - 1
    base = xai.reference("own", images=images[4:])
    whole = xai.attribution("deeplift", score, reference=base).attribute(images[:4]).values.sum(1)
    rows, columns = cells = grid(score.size)
    assert cells == ((8, 8) if aspect == "1:1" else (12, 8))
    expected = whole.unflatten(2, (columns, -1)).unflatten(1, (rows, -1)).sum((2, 4))
    assert coarse_maps(score, images[:4], images[4:], cells) == pytest.approx(expected.numpy(), rel=2e-3, abs=1e-5)


def test_they_are_kept_beside_the_index_and_not_computed_again(
    checkpoint: gan.Checkpoint, reference: xai.Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    population = generated_posters(checkpoint.need_generator(), SEEDS)
    index = build_index(checkpoint, population, reference)
    assert open_attributions(index) is None
    made = attributions(checkpoint, population, reference)
    monkeypatch.setattr(module, "coarse_maps", lambda *_: pytest.fail("computed again"))
    kept = open_attributions(index)
    assert kept is not None
    assert isinstance(kept, np.memmap)
    assert np.array_equal(kept, attributions(checkpoint, population, reference))
    assert np.array_equal(kept, made)


def test_a_job_that_was_ended_goes_on_and_the_index_is_not_needed(
    checkpoint: gan.Checkpoint, reference: xai.Reference
) -> None:
    population = generated_posters(checkpoint.need_generator(), SEEDS)
    asked: list[int] = []

    def read(some: slice) -> torch.Tensor:
        asked.append(some.start)
        return population.read(some)

    def cancel(done: float) -> None:
        if done > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attributions(checkpoint, replace(population, read=read), reference, cancel)
    attributions(checkpoint, replace(population, read=read), reference)
    assert asked == [0, 4, 8]


def test_a_network_that_is_no_chain_is_refused(reference: xai.Reference) -> None:
    network = discriminator(8)
    network.layers[1] = torch.nn.SiLU()
    made = generator(8)
    checkpoint = gan.Checkpoint(made, network, made.config, digest="d")
    with pytest.raises(xai.ExplanationError, match="made of convolutions and activations"):
        attributions(checkpoint, generated_posters(made, SEEDS), xai.reference("grey"))

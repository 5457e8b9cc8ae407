"""Which concept a filter stands for, on a network built by hand: exactly the one it was built for, or none."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

import gan
import xai
from tests.xai.nets import discriminator, given_discriminator, noise, one_sentence, tall_pictures
from xai.discriminator.concepts.masks import arithmetic
from xai.discriminator.concepts.study import (
    Laboratory,
    Pictures,
    Thresholds,
    grid_of,
    label,
    study_concepts,
    thresholds_of,
)
from xai.discriminator.concepts.table import FILE, NONE, ConceptTable
from xai.discriminator.responses import filter_layers
from xai.errors import ExplanationError

FIRST, SECOND = "layers.1", "layers.3"  # activation layers of a discriminator without BatchNorm
BLUE, VERTICAL, EVERYWHERE, NEVER, ONE = range(5)  # filters of the first layer; the others do nothing
TOP, ALWAYS = range(2)  # of the second


@torch.no_grad()
def built() -> gan.Discriminator:
    """32 x 32: BLUE fires on blue, VERTICAL where dark turns bright to the right, TOP where the rim's zeros begin."""
    network = gan.Discriminator(gan.ModelConfig(resolution=32, width=8, norm_d=False)).eval()
    first, second, third = (network.layers[index] for index in (0, 2, 4))
    for one in (first, second, third):
        one.weight.zero_()
        one.bias.zero_()
    first.weight[BLUE] = torch.tensor([-0.5, -0.5, 1.0])[:, None, None] / 16
    first.weight[VERTICAL] = torch.tensor([-0.6, -1.0, 1.0, 0.6]).expand(3, 4, 4) / 12
    first.bias[EVERYWHERE], first.bias[NEVER], first.bias[ONE] = 5.0, -5.0, 1.0
    second.weight[TOP, ONE, 0, 1:3] = -1.0
    second.bias[TOP] = 1.0
    second.bias[ALWAYS] = 1.0
    return network


def collages(count: int, side: int = 32, seed: int = 0) -> torch.Tensor:
    """Pictures (count, 3, side, side) of patches of any shape, anywhere; most are grey, as most of a photograph is."""
    random = np.random.default_rng(seed)
    pictures = np.empty((count, 3, side, side), np.float32)
    for picture in pictures:
        picture[:] = random.uniform(-1, 1)
        for _ in range(5):
            top, left = random.integers(0, side - 2, 2)
            high, wide = random.integers(3, side // 2 + 2, 2)
            colour = random.uniform(-1, 1, 3) if random.random() < 0.4 else np.full(3, random.uniform(-1, 1))
            picture[:, top : top + high, left : left + wide] = colour[:, None, None]
    return (torch.from_numpy(pictures) + 0.03 * noise(count, 3, side, side)).clamp(-1, 1)


def pictures_of(images: torch.Tensor) -> Pictures:
    def read(rows: Sequence[int]) -> torch.Tensor:
        return images[list(rows)]

    return Pictures(len(images), read)


@cache
def named() -> dict[tuple[str, int], str]:
    """Each filter's concept on the network built by hand, where random filters follow nothing by more than 0.08."""
    score, pictures = xai.Score(built()), pictures_of(collages(500))
    layers = filter_layers(score)[:2]
    found = Laboratory.of(pictures, layers, (32, 32)).evidence(score, layers)
    quiet = Thresholds(torch.zeros(len(pictures.names)), torch.full((len(pictures.names),), 0.02), 4.0)
    tests = sum(layer.units for layer in layers) * len(pictures.names)
    labels = {layer.name: label(one.agreed(tests), quiet) for layer, one in zip(layers, found, strict=True)}
    return {
        (layer, unit): "" if index == NONE else pictures.names[index]
        for layer, each in labels.items()
        for unit, index in enumerate(each.tolist())
    }


@pytest.mark.parametrize(
    ("layer", "unit", "concept"),
    [
        (FIRST, BLUE, "blue"),
        (FIRST, VERTICAL, "vertical edges"),
        (FIRST, EVERYWHERE, ""),
        (FIRST, NEVER, ""),
        (SECOND, TOP, "top band"),
        (SECOND, ALWAYS, ""),
    ],
)
def test_a_filter_has_the_name_of_what_it_was_built_for(layer: str, unit: int, concept: str) -> None:
    assert named()[layer, unit] == concept


@cache
def table() -> ConceptTable:
    """A whole study, of a network with random weights."""
    return study_concepts(xai.Score(discriminator(16, 4)), pictures_of(collages(100, 16)), digest="f" * 64)


def test_few_filters_of_a_network_with_random_weights_have_a_name() -> None:
    named_ones = sum(name != "" for name in table().names())
    assert named_ones <= 0.1 * len(table())


def test_random_filters_and_exchanged_maps_are_named_at_most_one_time_in_twenty() -> None:
    assert table().controls[:, 1].tolist() == [len(table()), len(table())]
    assert table().random.value <= 0.05
    assert table().permuted.value <= 0.05


def test_the_label_is_the_best_concept_that_random_filters_do_not_follow() -> None:
    random = torch.zeros(1000, 3)
    random[:, 0] = torch.linspace(0, 0.4, 1000)  # random filters follow the first concept, too
    thresholds = thresholds_of(random)
    assert (label(random, thresholds) != NONE).float().mean() <= 0.026
    agreed = torch.tensor([[0.3, 0.0, 0.0], [0.3, 0.2, 0.0], [0.9, 0.0, 0.0], [0.0, 0.0, 0.0]])
    assert label(agreed, thresholds).tolist() == [NONE, 1, 0, NONE]


def test_the_study_is_read_back_as_it_was_and_only_for_its_weights(tmp_path: Path) -> None:
    table().save(tmp_path / FILE)
    read = ConceptTable.beside(tmp_path, "f" * 64)
    assert read is not None
    assert read.names() == table().names()
    assert read.iou == pytest.approx(table().iou, abs=1e-3)
    assert ConceptTable.beside(tmp_path, "0" * 64) is None
    (tmp_path / FILE).write_bytes(b"PK")
    with pytest.raises(ExplanationError) as error:
        ConceptTable.beside(tmp_path, "f" * 64)
    one_sentence(error.value)


def test_a_filter_s_evidence_lists_all_concepts_the_strongest_first() -> None:
    first = table().rows()[0]
    listed = table().evidence(first["layer"], first["unit"])
    assert {one["concept"] for one in listed} == set(arithmetic())
    assert [one["excess"] for one in listed] == sorted((one["excess"] for one in listed), reverse=True)
    with pytest.raises(ExplanationError, match="no unit 99"):
        table().evidence(first["layer"], 99)


def test_the_summary_counts_the_names_of_each_layer() -> None:
    found = table()
    lines = found.summary().splitlines()
    for layer, line in zip(dict.fromkeys(found.layer.tolist()), lines, strict=False):
        assert line.startswith(f"{layer}: {sum(found.counts(layer).values())} of ")
    assert "random weights" in lines[-2]
    assert "exchanged maps" in lines[-1]


def test_too_few_pictures_are_refused_in_a_sentence() -> None:
    with pytest.raises(ExplanationError) as error:
        study_concepts(xai.Score(built()), pictures_of(collages(5)))
    one_sentence(error.value)


def test_posters_of_2_to_3_with_genres_and_without_batch_norm_are_measured() -> None:
    score, images = xai.Score(given_discriminator()), tall_pictures(12, 32)
    layers = filter_layers(score)
    found = Laboratory.of(pictures_of(images), layers, (48, 32), pairs=4).evidence(score, layers)
    for layer, one in zip(layers, found, strict=True):
        assert one.follows.iou.shape == one.apart.auc.shape == (layer.units, len(arithmetic()))
        assert one.follows.iou.isfinite().all()


def test_large_maps_are_averaged_to_a_grid_of_32_cells() -> None:
    assert grid_of(128, 128) == (32, 32)
    assert grid_of(96, 64) == (48, 32)
    assert grid_of(4, 4) == (4, 4)

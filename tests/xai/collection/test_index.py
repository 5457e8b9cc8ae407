"""The index of a collection: the right rows beside the right posters, and another index for whatever is another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import gan
import xai
from gan.data.hold_out import is_held_out
from gan.networks.seeds import reserved
from tests.xai.nets import one_sentence
from xai.collection import index as module
from xai.collection.index import (
    build_index,
    find_index,
    generated_posters,
    index_folder,
    open_index,
    real_posters,
    usual_reference,
)
from xai.discriminator.responses import ARRAYS, responses

SEEDS = reserved("collection")[:11]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "at_once", lambda most, size: 4)


@pytest.fixture
def reference(checkpoint: gan.Checkpoint) -> xai.Reference:
    return usual_reference(checkpoint, None, 3)


def test_the_rows_are_those_of_the_posters_in_their_order(
    checkpoint: gan.Checkpoint, posters: gan.PosterSet, reference: xai.Reference
) -> None:
    index = build_index(checkpoint, real_posters(posters), reference)
    score, images = xai.Score(checkpoint.need_discriminator()), posters.tensor(range(len(posters)))
    expected = responses(score, images, reference.single(images[:1]))
    for name in ARRAYS:
        found = getattr(index.responses, name)
        assert isinstance(found, np.memmap)
        assert found == pytest.approx(getattr(expected, name), rel=2e-3, abs=1e-5)
    assert index.responses.layers == expected.layers
    assert index.responses.base_logit == pytest.approx(expected.base_logit, abs=1e-6)
    assert index.numbers.tolist() == list(range(40))
    assert index.held_out.tolist() == [is_held_out(name) for name in posters.names]
    assert index.unseen.tolist() == np.flatnonzero(posters.held_out).tolist()
    assert (index.real, index.reference, len(index)) == (True, "generated", 40)


def test_a_selection_of_posters_keeps_its_own_numbers(
    checkpoint: gan.Checkpoint, posters: gan.PosterSet, reference: xai.Reference
) -> None:
    whole = build_index(checkpoint, real_posters(posters), reference)
    some = build_index(checkpoint, real_posters(posters.select([7, 3, 21])), reference)
    assert some.numbers.tolist() == [0, 1, 2]
    assert some.responses.logit == pytest.approx(whole.responses.logit[[7, 3, 21]], abs=1e-5)


def test_generated_posters_are_those_of_their_seeds_and_none_was_trained_on(
    checkpoint: gan.Checkpoint, reference: xai.Reference
) -> None:
    generator, discriminator = checkpoint.need_both()
    index = build_index(checkpoint, generated_posters(generator, SEEDS), reference)
    with torch.no_grad():
        drawn = generator(gan.latents(SEEDS, checkpoint.config))
    assert index.numbers.tolist() == list(SEEDS)
    assert index.responses.logit == pytest.approx(xai.Score(discriminator)(drawn).numpy(), abs=1e-4)
    assert not index.real
    assert index.unseen.tolist() == list(range(11))
    assert "11 generated posters; 4 filters of 1 layer; compared with the reference 'generated'" in index.summary


def test_a_second_visit_computes_nothing(
    checkpoint: gan.Checkpoint, reference: xai.Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    population = generated_posters(checkpoint.need_generator(), SEEDS)
    assert find_index(checkpoint, population, reference) is None
    made = build_index(checkpoint, population, reference)
    monkeypatch.setattr(module, "responses", lambda *_: pytest.fail("computed again"))
    found = find_index(checkpoint, population, reference)
    assert found is not None
    assert found.folder == made.folder == build_index(checkpoint, population, reference).folder
    assert (found.responses.largest == made.responses.largest).all()
    opened = open_index(made.folder)
    assert opened is not None
    assert opened.responses.layers == made.responses.layers


def test_whatever_is_another_has_another_folder(
    checkpoint: gan.Checkpoint, posters: gan.PosterSet, reference: xai.Reference
) -> None:
    generator, population = checkpoint.need_generator(), real_posters(posters)
    names, pixels = list(posters.names), np.array(posters.images)
    names[20], pixels[39, 7, 7] = "another.png", 77
    split = [*posters.split_keys[:-1], "tt0005557"]
    assert posters.held_out[-1] != is_held_out("tt0005557.webp")
    variants = [
        (checkpoint, population, reference),
        (replace(checkpoint, digest="another"), population, reference),
        (checkpoint, population, usual_reference(checkpoint, None, 4)),
        (checkpoint, population, usual_reference(checkpoint, posters, 3)),
        (checkpoint, population, xai.reference("grey")),
        (checkpoint, real_posters(replace(posters, names=tuple(names))), reference),
        (checkpoint, real_posters(replace(posters, images=pixels)), reference),
        (checkpoint, real_posters(replace(posters, split_keys=tuple(split))), reference),
        (checkpoint, real_posters(posters.select(range(39, -1, -1))), reference),
        (checkpoint, generated_posters(generator, SEEDS), reference),
        (checkpoint, generated_posters(generator, SEEDS[:10]), reference),
        (checkpoint, generated_posters(generator, SEEDS[::-1]), reference),
    ]
    folders = [index_folder(*one) for one in variants]
    assert len(set(folders)) == len(variants)
    assert folders == [index_folder(*one) for one in variants]


def test_what_is_computed_otherwise_is_another_index(
    checkpoint: gan.Checkpoint, reference: xai.Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    population = generated_posters(checkpoint.need_generator(), SEEDS)
    before = index_folder(checkpoint, population, reference)
    monkeypatch.setattr(module, "VERSION", module.VERSION + 1)
    assert index_folder(checkpoint, population, reference) != before


def test_very_many_posters_are_known_by_some_of_them(posters: gan.PosterSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READ_WHOLE", 1)
    monkeypatch.setattr(module, "SOME", 2)
    first, middle = np.array(posters.images), np.array(posters.images)
    first[0], middle[20] = 9, 9
    found = [module.real_posters(replace(posters, images=images)).identity["pixels"] for images in (first, middle)]
    assert found[0] != module.real_posters(posters).identity["pixels"] == found[1]


def test_the_usual_reference_is_of_training_posters_where_there_are_any(
    checkpoint: gan.Checkpoint, posters: gan.PosterSet
) -> None:
    assert usual_reference(checkpoint, None).name == "generated"
    assert usual_reference(checkpoint, posters).name == "posters"
    assert len(usual_reference(checkpoint, posters).of(posters.tensor([0]))) == 16


def test_what_cannot_be_indexed_is_refused_in_a_sentence(
    checkpoint: gan.Checkpoint, posters: gan.PosterSet, reference: xai.Reference
) -> None:
    population = real_posters(posters)
    for given, says in (
        ((checkpoint, population, xai.reference("blur")), "'blur' is another for each"),
        ((checkpoint, replace(population, numbers=np.zeros(0, np.int64)), reference), "at least one poster"),
        ((checkpoint, replace(population, size=(12, 8)), reference), "have 12 x 8 pixels, the discriminator takes 8 x"),
        ((replace(checkpoint, digest=""), population, reference), "no digest"),
        ((checkpoint, population, xai.reference("own", images=torch.zeros(1, 3, 4, 4))), "has the shape"),
    ):
        with pytest.raises(xai.ExplanationError, match=says) as caught:
            build_index(*given)
        one_sentence(caught.value)


def test_a_checkpoint_without_a_discriminator_is_refused_before_anything_is_written(
    checkpoint: gan.Checkpoint, reference: xai.Reference, private_cache: Path
) -> None:
    population = generated_posters(checkpoint.need_generator(), SEEDS)
    with pytest.raises(gan.CheckpointError, match="no discriminator"):
        build_index(replace(checkpoint, discriminator=None), population, reference)
    assert not (private_cache / "index").exists()


@pytest.mark.parametrize("norm", [True, False])
def test_posters_of_two_to_three_and_networks_without_norm_have_an_index(norm: bool) -> None:
    config = gan.ModelConfig(16, 8, 4, aspect="2:3", norm_d=norm)
    torch.manual_seed(0)
    checkpoint = gan.Checkpoint(gan.Generator(config).eval(), gan.Discriminator(config).eval(), config, digest="d")
    population = generated_posters(checkpoint.need_generator(), range(5))
    index = build_index(checkpoint, population, usual_reference(checkpoint, None, 2))
    assert index.responses.largest.shape == (5, sum(layer.units for layer in index.responses.layers))
    assert (index.responses.layers[0].height, index.responses.layers[0].width) == (12, 8)

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import gan
import xai
from tests.xai import built, nets
from tests.xai.nets import in_threads, one_sentence, snapshot
from xai.generator import one_ablation
from xai.generator.ablation import removals, without
from xai.generator.folded import BLOCK, Anatomy


@pytest.mark.parametrize("removal", ["mean", "zero"])
@pytest.mark.parametrize("layer", ["layers.2", "layers.5"])
def test_removals_are_those_of_ablate_one_by_one(
    random_generator: gan.Generator, random_score: xai.Score, layer: str, removal: one_ablation.Removal
) -> None:
    z = gan.latents([7], random_generator.config)
    found = removals(Anatomy.of(random_generator), z, layer, removal, random_score)
    assert found.logit_changes is not None
    for unit in range(len(found.effects)):
        slow = one_ablation.ablate(random_generator, z, layer, unit, removal, random_score)
        assert float(found.effects[unit]) == pytest.approx(float(slow.difference.square().mean().sqrt()), abs=1e-5)
        assert float(found.logit_changes[unit]) == pytest.approx(slow.score_change, abs=1e-4)
        assert found.logit == pytest.approx(slow.score_before, abs=1e-4)


def test_by_resample_another_seeds_map_takes_the_units_place(random_generator: gan.Generator) -> None:
    z, other = gan.latents([7], random_generator.config), gan.latents([99], random_generator.config)
    found = removals(Anatomy.of(random_generator), z, "layers.5", "resample", donor=99)
    donated = xai.activations(random_generator, other, ["layers.5"])["layers.5"]
    private = xai.private_copy(random_generator)
    for unit in range(len(found.effects)):
        with torch.no_grad(), xai.edit(private, "layers.5", [unit], donated[:, unit : unit + 1]):
            after = private(z)
        change = (after - random_generator(z).detach()).square().mean().sqrt()
        assert float(found.effects[unit]) == pytest.approx(float(change), abs=1e-5)
    assert found.logit is None and found.logit_changes is None


def test_more_units_than_a_block_are_all_drawn(random_generator: gan.Generator) -> None:
    anatomy = Anatomy.of(random_generator)
    trace = anatomy.trace(gan.latents([7], random_generator.config))
    changes = without(anatomy, trace, "layers.2")
    drawn = list(anatomy.redraw(trace, "layers.2", changes))
    assert [(layers.start, layers.stop) for layers, _ in drawn] == [(0, BLOCK), (BLOCK, 40)]


def test_a_generator_in_train_mode_with_hooks_is_looked_at_as_it_draws_and_left_alone(
    random_generator: gan.Generator,
) -> None:
    z = gan.latents([7], random_generator.config)
    expected = removals(Anatomy.of(random_generator), z, "layers.2").effects
    network = nets.scramble(lambda: gan.Generator(random_generator.config)).train()
    network.layers[2].register_forward_hook(lambda module, inputs, output: output * 0)
    before = snapshot(network)
    assert torch.equal(removals(Anatomy.of(network), z, "layers.2").effects, expected)
    assert snapshot(network) == before


def test_threads_that_share_an_anatomy_get_the_answers_that_each_gets_alone(
    random_generator: gan.Generator, random_score: xai.Score
) -> None:
    anatomy = Anatomy.of(random_generator)
    z = gan.latents(range(6), random_generator.config)

    def job(index: int) -> tuple[Tensor, Tensor | None]:
        found = removals(anatomy, z[index : index + 1], "layers.5", score=random_score)
        return found.effects, found.logit_changes

    alone = [job(index) for index in range(6)]
    for one, other in zip(alone, in_threads(6, job), strict=True):
        assert torch.equal(one[0], other[0]) and torch.equal(one[1], other[1])  # type: ignore[arg-type]


def test_one_posters_removals_tell_how_far_they_are(random_generator: gan.Generator) -> None:
    told: list[float] = []
    removals(Anatomy.of(random_generator), gan.latents([1], random_generator.config), "layers.2", progress=told.append)
    assert told == [BLOCK / 40, 1]


@pytest.mark.parametrize(
    ("z", "layer", "removal", "says"),
    [
        (built.latent(), "layers.1", "mean", "layers.2"),
        (built.latent(), "layers.2", "median", "'median'"),
        (built.latent().repeat(2, 1, 1, 1), "layers.2", "mean", "not 2"),
        (torch.zeros(1, 4, 1, 1), "layers.2", "mean", "(1, 5, 1, 1)"),
        (torch.zeros(0, 5, 1, 1), "layers.2", "mean", "not 0"),
    ],
)
def test_bad_input_is_answered_with_one_sentence(z: Tensor, layer: str, removal: Any, says: str) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        removals(Anatomy.of(built.generator()), z, layer, removal)
    assert says in one_sentence(caught.value)

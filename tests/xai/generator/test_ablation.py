from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

import gan
import xai
from tests.xai import built, nets
from tests.xai.nets import in_threads, one_sentence, snapshot
from xai.generator.ablation import MEAN, AblatedPicture, Ablation, ablate, ablate_all, strongest
from xai.generator.folded import BLOCK, FoldedGenerator


@pytest.mark.parametrize("ablation", [Ablation("mean"), Ablation("zero"), Ablation("resample", donor=3)])
@pytest.mark.parametrize("layer", ["layers.2", "layers.5"])
def test_ablations_are_those_of_ablate_one_by_one(
    random_generator: gan.Generator, random_score: xai.Score, layer: str, ablation: Ablation
) -> None:
    z = gan.latents([7], random_generator.config)
    found = ablate_all(FoldedGenerator.of(random_generator), z, layer, ablation, random_score)
    assert found.logit_changes is not None
    for unit in range(len(found.effects)):
        slow = ablate(random_generator, z, layer, unit, ablation, random_score)
        assert float(found.effects[unit]) == pytest.approx(float(slow.difference.square().mean().sqrt()), abs=1e-5)
        assert float(found.logit_changes[unit]) == pytest.approx(slow.score_change, abs=1e-4)
        assert found.logit == pytest.approx(slow.score_before, abs=1e-4)


def test_the_strongest_of_some_units_is_the_one_with_the_largest_effect_among_them(
    random_generator: gan.Generator,
) -> None:
    folded, z = FoldedGenerator.of(random_generator), gan.latents([7], random_generator.config)
    effects = ablate_all(folded, z, "layers.5").effects
    assert strongest(folded, z, "layers.5", range(len(effects))) == int(effects.argmax())
    rest = [unit for unit in range(len(effects)) if unit != int(effects.argmax())]
    assert strongest(folded, z, "layers.5", rest) == max(rest, key=lambda unit: float(effects[unit]))
    with pytest.raises(xai.ExplanationError) as error:
        strongest(folded, z, "layers.5", [len(effects)])
    assert "layers.5 has units" in one_sentence(error.value)


def test_by_resample_another_seeds_map_takes_the_units_place(random_generator: gan.Generator) -> None:
    z, other = gan.latents([7], random_generator.config), gan.latents([99], random_generator.config)
    found = ablate_all(FoldedGenerator.of(random_generator), z, "layers.5", Ablation("resample", donor=99))
    donated = xai.activations(random_generator, other, ["layers.5"])["layers.5"]
    private = xai.private_copy(random_generator)
    for unit in range(len(found.effects)):
        with torch.no_grad(), xai.edit(private, "layers.5", [unit], donated[:, unit : unit + 1]):
            after = private(z)
        change = (after - random_generator(z).detach()).square().mean().sqrt()
        assert float(found.effects[unit]) == pytest.approx(float(change), abs=1e-5)
    assert found.logit is None
    assert found.logit_changes is None


def test_more_units_than_a_block_are_all_drawn(random_generator: gan.Generator) -> None:
    folded = FoldedGenerator.of(random_generator)
    trace = folded.trace(gan.latents([7], random_generator.config))
    changes = MEAN.changes(folded, trace, "layers.2")
    drawn = list(folded.redraw(trace, "layers.2", changes))
    assert [(layers.start, layers.stop) for layers, _ in drawn] == [(0, BLOCK), (BLOCK, 40)]


def test_a_generator_in_train_mode_with_hooks_is_looked_at_as_it_draws_and_left_alone(
    random_generator: gan.Generator,
) -> None:
    z = gan.latents([7], random_generator.config)
    expected = ablate_all(FoldedGenerator.of(random_generator), z, "layers.2").effects
    network = nets.scramble(lambda: gan.Generator(random_generator.config)).train()
    network.layers[2].register_forward_hook(lambda module, inputs, output: output * 0)
    before = snapshot(network)
    assert torch.equal(ablate_all(FoldedGenerator.of(network), z, "layers.2").effects, expected)
    assert snapshot(network) == before


def test_threads_that_share_a_folded_generator_get_the_answers_that_each_gets_alone(
    random_generator: gan.Generator, random_score: xai.Score
) -> None:
    folded = FoldedGenerator.of(random_generator)
    z = gan.latents(range(6), random_generator.config)

    def job(index: int) -> tuple[Tensor, Tensor | None]:
        found = ablate_all(folded, z[index : index + 1], "layers.5", score=random_score)
        return found.effects, found.logit_changes

    alone = [job(index) for index in range(6)]
    for one, other in zip(alone, in_threads(6, job), strict=True):
        assert torch.equal(one[0], other[0])
        assert torch.equal(one[1], other[1])


def test_the_ablations_of_a_poster_report_their_progress(random_generator: gan.Generator) -> None:
    told: list[float] = []
    ablate_all(
        FoldedGenerator.of(random_generator),
        gan.latents([1], random_generator.config),
        "layers.2",
        progress=told.append,
    )
    assert told == [BLOCK / 40, 1]


@pytest.mark.parametrize(
    ("z", "layer", "says"),
    [
        (built.latent(), "layers.1", "layers.2"),
        (built.latent().repeat(2, 1, 1, 1), "layers.2", "not 2"),
        (torch.zeros(1, 4, 1, 1), "layers.2", "(1, 5, 1, 1)"),
        (torch.zeros(0, 5, 1, 1), "layers.2", "not 0"),
    ],
)
def test_bad_input_is_answered_with_one_sentence(z: Tensor, layer: str, says: str) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        ablate_all(FoldedGenerator.of(built.generator()), z, layer)
    assert says in one_sentence(caught.value)


@pytest.mark.parametrize(
    ("given", "says"),
    [(("median",), "'median'"), (("resample", -1), "seed"), (("resample", 2**32), "seed")],
)
def test_an_ablation_that_does_not_exist_is_refused(given: tuple[Any, ...], says: str) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        Ablation(*given)
    assert says in one_sentence(caught.value)


def picture_with_a_darker_corner(row: int, column: int, change: float) -> AblatedPicture:
    before = torch.zeros(1, 3, 12, 12)
    after = before.clone()
    after[..., row, column] += change
    return AblatedPicture(before, after, torch.zeros(2, 2), 0.0, None, None)


@pytest.mark.parametrize(
    ("row", "column", "change", "said"),
    [(0, 0, -0.5, "at the top left, which gets darker"), (11, 6, 0.5, "at the bottom, which gets brighter")],
)
def test_the_sentence_says_where_most_changes_and_which_way(row: int, column: int, change: float, said: str) -> None:
    text = picture_with_a_darker_corner(row, column, change).text
    assert said in text
    assert "5.3 grey levels" in text  # 127.5 * 0.5 / sqrt(144)


def test_a_filter_that_changes_nothing_is_said_to() -> None:
    assert "the same" in picture_with_a_darker_corner(0, 0, 0.0).text


def test_a_filter_that_is_weaker_here_than_in_its_place_is_not_said_to_add_the_difference() -> None:
    silent = replace(picture_with_a_darker_corner(0, 0, -0.5), removed=0.57)
    assert silent.weaker_here
    assert silent.difference_title == "with it, minus without it"
    assert "responds with 0.00 on average, less than the 0.57 in its place" in silent.text
    strong = replace(silent, unit_map=torch.ones(2, 2))
    assert strong.difference_title == "what it adds"
    assert "Mind the direction" not in strong.text

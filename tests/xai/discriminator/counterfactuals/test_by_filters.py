"""The fewest filters that turn a verdict, against all subsets, and on a network on which they are known."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch
from torch import Tensor

import gan
import xai
from tests.xai.discriminator import built
from tests.xai.nets import discriminator, given_discriminator, noise, one_sentence, pictures, scramble, tall_pictures
from xai.discriminator.counterfactuals.by_filters import FilterCounterfactual, turn_by_filters
from xai.discriminator.counterfactuals.replacement import Replacement, by_mean, by_reference, filter_maps


def fewest(replacement: Replacement, image: Tensor) -> int | None:
    """By trying all subsets of all filters; None where none turns the verdict."""
    maps, count = filter_maps(replacement.score, image), replacement.filters
    was_real = bool(replacement.score(image) > 0)
    for size in range(1, count + 1):
        masks = torch.zeros(len(list(combinations(range(count), size))), count, dtype=torch.bool)
        for row, columns in enumerate(combinations(range(count), size)):
            masks[row, list(columns)] = True
        if bool(((replacement.logits(maps, masks) > 0) != was_real).any()):
            return size
    return None


def chosen(found: FilterCounterfactual) -> set[tuple[str, int]]:
    return {(step.layer, step.unit) for step in found.steps}


@pytest.mark.parametrize("aspect", ["1:1", "2:3"])
def test_two_filters_that_alone_decide_are_the_fewest(aspect: str) -> None:
    score = xai.Score(built.discriminator(aspect))
    for replacement in (by_reference(score, built.grey(aspect)), by_mean(score, built.grey(aspect))):
        found = turn_by_filters(replacement, built.red(aspect))
        assert chosen(found) == {(built.LAYER, built.ONE), (built.LAYER, built.OTHER)}
        assert found.turned
        assert found.proved
        assert fewest(replacement, built.red(aspect)) == 2
        assert found.logit > 0 > found.end
        assert "Replacing 2 filters" in found.text
        assert "(real) to -" in found.text
        assert "No fewer do." in found.text


def test_the_logit_after_each_step_is_that_with_all_so_far_replaced() -> None:
    score = xai.Score(discriminator(32, 8))
    image, replacement = pictures(1, 32, 4), by_reference(score, noise(1, 3, 32, 32))
    found = turn_by_filters(replacement, image, most=6)
    mask, before = torch.zeros(1, replacement.filters, dtype=torch.bool), found.logit
    assert before == pytest.approx(float(score(image)))
    assert found.steps
    for step in found.steps:
        names = [layer.name for layer in replacement.layers]
        replacement.by_layer(mask)[names.index(step.layer)][0, step.unit] = True
        assert step.logit == pytest.approx(float(replacement.logits(filter_maps(score, image), mask)), abs=1e-5)
        assert step.change == pytest.approx(step.logit - before, abs=1e-5)
        before = step.logit


def test_greedy_is_never_below_the_minimum_and_seldom_more_than_one_above_it() -> None:
    above = []
    for seed in range(40):
        network = scramble(lambda: gan.Discriminator(gan.ModelConfig(8, width=9, norm_d=False)), seed).eval()
        score, image = xai.Score(network), noise(1, 3, 8, 8, seed=seed)
        replacement = by_reference(score, noise(1, 3, 8, 8, seed=seed + 100))
        found, minimum = turn_by_filters(replacement, image), fewest(replacement, image)
        if found.turned:
            assert minimum is not None
            assert len(found.steps) >= minimum
            assert not found.proved or len(found.steps) == minimum
            above.append(len(found.steps) - minimum)
        else:
            assert (found.logit > 0) == (found.end > 0)
    assert len(above) >= 10
    assert sum(above) <= len(above) / 5
    assert max(above) <= 1


def test_no_filter_of_the_answer_can_be_left_out() -> None:
    for seed in range(12):
        score, image = xai.Score(discriminator(32, 8, seed)), pictures(1, 32, seed)
        replacement = by_reference(score, pictures(1, 32, seed + 50))
        found = turn_by_filters(replacement, image)
        if not found.turned:
            continue
        names, maps = [layer.name for layer in replacement.layers], filter_maps(score, image)
        for left_out in found.steps:
            mask = torch.zeros(1, replacement.filters, dtype=torch.bool)
            for step in found.steps:
                if step is not left_out:
                    replacement.by_layer(mask)[names.index(step.layer)][0, step.unit] = True
            assert (float(replacement.logits(maps, mask)) > 0) == (found.logit > 0)


def test_that_filters_cannot_turn_a_verdict_is_an_answer() -> None:
    score = xai.Score(built.discriminator())
    replacement = by_reference(score, built.grey())
    one = turn_by_filters(replacement, built.red(), most=1)
    assert not one.turned
    assert not one.proved
    assert len(one.steps) == 1
    assert "does not turn the verdict" in one.text
    none = turn_by_filters(by_reference(score, built.red()), built.red())
    assert (none.steps, none.turned, none.end) == ((), False, none.logit)
    assert none.text.startswith("No filter of all layers")


def test_filters_of_one_layer_only_and_a_fake_that_becomes_real() -> None:
    score = xai.Score(built.discriminator())
    found = turn_by_filters(by_reference(score, built.red()), built.grey(), built.LAYER)
    assert found.turned
    assert found.logit < 0 < found.end
    assert "(fake) to +" in found.text
    deep = xai.Score(given_discriminator())
    replacement = by_reference(deep, -tall_pictures(1, 32))
    for layer in replacement.layers:
        steps = turn_by_filters(replacement, tall_pictures(1, 32), layer.name, most=3).steps
        assert {step.layer for step in steps} <= {layer.name}


def test_a_filters_response_is_moved_without_a_word_of_real_and_fake() -> None:
    score = xai.Score(discriminator(32, 8), layer="layers.4", unit=3)
    found = turn_by_filters(by_reference(score, pictures(1, 32, 3)), pictures(1, 32), most=2)
    texts = " ".join([found.text, *(step.text for step in found.steps)])
    assert "real" not in texts
    assert "fake" not in texts


def test_a_search_can_be_cancelled_and_says_how_far_it_is() -> None:
    score, told = xai.Score(discriminator(32, 8)), []
    replacement = by_reference(score, noise(1, 3, 32, 32))
    turn_by_filters(replacement, pictures(1, 32), progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1

    def cancel(done: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        turn_by_filters(replacement, pictures(1, 32), progress=cancel)


def test_what_cannot_be_searched_is_refused_in_a_sentence() -> None:
    score = xai.Score(discriminator(32, 4))
    replacement = by_reference(score, noise(1, 3, 32, 32))
    with pytest.raises(xai.ExplanationError, match="no activation layer") as error:
        turn_by_filters(replacement, pictures(1, 32), "layers.0")
    one_sentence(error.value)
    with pytest.raises(xai.ExplanationError, match="At least 1 filter"):
        turn_by_filters(replacement, pictures(1, 32), most=0)

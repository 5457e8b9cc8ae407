from __future__ import annotations

import numpy as np
import pytest
import torch

import xai
from tests.xai.nets import one_sentence
from xai.latents import in_words
from xai.latents.sensitivity import LatentSensitivity
from xai.latents.sobol import Importance, Index


def sensitivity(score: torch.Tensor | None) -> LatentSensitivity:
    rms, brightness = torch.tensor([0.1, 0.3, 0.2]), torch.tensor([0.0, -0.04, 0.1])
    top, middle, bottom = torch.tensor([[1.0, 0.1, 0.2], [0.0, 0.2, 0.5], [0.0, 0.7, 0.3]])
    return LatentSensitivity(rms, brightness, top, middle, bottom, score)


def index(*values: float) -> Index:
    value = np.array(values)
    return Index(value, value - 0.01, value + 0.01, np.ones(()))


def importance() -> Importance:
    columns = [index(0.5, 0.3, 0.2), index(0.1, 0.05, 0.6)]
    parts = (np.stack([getattr(one, part) for one in columns], -1) for part in ("value", "low", "high"))
    statistics = Index(*parts, np.ones(2))
    return Importance(("brightness", "logit"), statistics, statistics, index(0.2, 0.6, 0.1), 4, 1.0)


@pytest.mark.parametrize(
    ("dimension", "said"),
    [
        (0, ("place 3 of 3", "logit by +0.50", "brightness by +0.0 grey", "100% of what it changes is in the top")),
        (1, ("place 1 of 3", "logit by -1.00", "brightness by -5.1 grey", "70% of what it changes is in the bottom")),
    ],
)  # fmt: skip
def test_a_dimension_in_one_poster_is_said_with_its_place_and_its_signs(dimension: int, said: tuple[str, ...]) -> None:
    text = in_words.in_this_poster(sensitivity(torch.tensor([0.5, -1.0, 0.0])), dimension)
    assert all(words in text for words in said)


def test_without_a_score_nothing_is_said_of_the_logit() -> None:
    assert "logit" not in in_words.in_this_poster(sensitivity(None), 0)


@pytest.mark.parametrize(
    ("dimension", "said"),
    [
        (0, ("place 2 of 3", "20.0% (19.0% to 21.0%)", "average dimension in 30.0%", "is 1, for brightness: 50.0%")),
        (2, ("place 3 of 3", "10.0% (9.0% to 11.0%)", "average dimension in 30.0%", "is 1, for D's logit: 60.0%")),
    ],
)  # fmt: skip
def test_a_dimension_over_all_posters_is_said_with_its_interval_and_what_it_matters_most_for(
    dimension: int, said: tuple[str, ...]
) -> None:
    text = in_words.over_all_posters(importance(), dimension)
    assert all(words in text for words in said)


def test_a_dimension_that_does_not_exist_is_refused() -> None:
    for call in (
        lambda: in_words.in_this_poster(sensitivity(None), 3),
        lambda: in_words.over_all_posters(importance(), -1),
    ):
        with pytest.raises(xai.ExplanationError) as caught:
            call()
        one_sentence(caught.value)

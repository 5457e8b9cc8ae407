from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gan import ModelConfig, PosterSet
from gan.errors import TrainingError
from gan.training.batches import BatchLoader
from gan.training.runs.plan import Plan
from gan.training.sampling import REPEAT_BELOW, epoch_order, repeat_factors, sampling_weights
from tests.gan.short_runs import config_of


def labels_of(*genres: float, posters: int = 1000) -> NDArray[np.int8]:
    """Labels (posters, G) where genre g has the proportion of posters that is named, the first ones."""
    labels = np.full((posters, len(genres)), -1, np.int8)
    for column, proportion in enumerate(genres):
        labels[: round(proportion * posters), column] = 1
    return labels


def test_a_poster_is_repeated_by_the_rarest_genre_that_it_has() -> None:
    repeats = repeat_factors(labels_of(REPEAT_BELOW / 4, REPEAT_BELOW / 2, 0.5))
    assert repeats[:25] == pytest.approx(2)  # has all three: the square root of 4
    assert repeats[25:50] == pytest.approx(2**0.5)
    assert repeats[50:] == pytest.approx(1)  # a frequent genre, or none


def test_unknown_labels_repeat_nothing() -> None:
    assert repeat_factors(np.zeros((7, 3))) == pytest.approx(1)
    assert repeat_factors(np.empty((7, 0))) == pytest.approx(1)
    assert repeat_factors(np.where(labels_of(0.01) > 0, 1, 0)).max() == pytest.approx(10**0.5)


def test_weights_are_even_unless_genres_are_asked_for() -> None:
    labels = labels_of(0.01, 0.2)
    assert (sampling_weights(labels, "uniform") == 1).all()
    weights = sampling_weights(labels, "genres")
    assert weights.mean() == pytest.approx(1)
    assert weights[0] / weights[500] == pytest.approx(10**0.5)


@given(st.lists(st.floats(0.01, 50), min_size=1, max_size=60), st.integers(0, 10**6))
def test_in_an_epoch_each_poster_is_shown_as_often_as_its_weight_says_rounded(drawn: list[float], seed: int) -> None:
    weights = np.array(drawn) / np.mean(drawn)
    order = epoch_order(weights, np.random.default_rng(seed))
    shown = np.bincount(order, minlength=len(weights))
    assert len(order) == len(weights) == len(shown)
    assert (shown >= np.floor(weights - 1e-9)).all()
    assert (shown <= np.ceil(weights + 1e-9)).all()


def test_over_many_epochs_posters_are_shown_as_often_as_their_weights_say() -> None:
    weights = np.array([0.25, 0.5, 0.75, 2.5])
    rng = np.random.default_rng(0)
    shown = np.bincount(np.concatenate([epoch_order(weights, rng) for _ in range(4000)]))
    assert shown / 4000 == pytest.approx(weights, abs=0.03)


def test_even_weights_give_the_order_that_they_always_gave() -> None:
    expected = np.random.default_rng((3, 1)).permutation(50)
    assert np.array_equal(epoch_order(np.ones(50), np.random.default_rng((3, 1))), expected)


def test_repeated_posters_are_spread_over_the_epoch() -> None:
    order = epoch_order(np.array([10.0] + [10 / 19] * 19), np.random.default_rng(0))
    places = np.flatnonzero(order == 0)
    assert len(places) == 10
    assert np.ptp(places) > 10


def test_a_run_shows_posters_of_a_rare_genre_more_often(posters: PosterSet) -> None:
    counts = posters.genre_counts()
    rare = min(counts, key=lambda genre: counts[genre])
    assert counts[rare] > 0
    only = replace(posters, genres=tuple((rare,) if index == 7 else () for index in range(40)))
    batches = {}
    for sampling in ("uniform", "genres"):
        loader = BatchLoader(only, (rare,), torch.device("cpu"))
        indices = loader.indices(config_of(1, sampling=sampling), 0)
        batches[sampling] = np.concatenate([next(indices) for _ in range(200)])
    proportions = {sampling: (drawn == 7).mean() for sampling, drawn in batches.items()}
    assert proportions["uniform"] == pytest.approx(1 / 40, rel=0.05)
    assert proportions["genres"] / proportions["uniform"] == pytest.approx(2 / (1 + 1 / 40), rel=0.05)


def test_sampling_by_genres_needs_networks_that_know_some(
    posters: PosterSet, tiny: ModelConfig, tmp_path: Path
) -> None:
    plan = Plan(tmp_path / "run", tiny, config_of(1, sampling="genres"))
    with pytest.raises(TrainingError, match="--sampling genres needs --conditional genres"):
        plan.check_posters(posters)
    with pytest.raises(TrainingError, match="--genre-means needs --conditional genres"):
        replace(plan, config=config_of(1, critic=1.0, genre_means=1.0)).check_posters(posters)
    with pytest.raises(TrainingError, match="--single-genre needs --conditional genres"):
        replace(plan, config=config_of(1, single_genre=0.5)).check_posters(posters)
    replace(plan, model=replace(tiny, genres=("Comedy",))).check_posters(posters)

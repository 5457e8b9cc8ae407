from __future__ import annotations

import itertools

import numpy as np
import pytest

from gan.evaluation.estimates import Estimate
from gan.evaluation.metrics import compute
from gan.evaluation.samples import memorization
from gan.evaluation.samples.memorization import ClosestPair, Neighbours, closest_pairs, nearest, relative_wins
from tests.gan.small_judge import names, normal


def memorization_of(
    training: np.ndarray, held_out: np.ndarray, made: np.ndarray, names: tuple[str, ...], first_seed: int
) -> tuple[dict[str, Estimate], tuple[ClosestPair, ...]]:
    found = Neighbours.of(training, held_out, made)
    return compute("memorization", found), closest_pairs(found.distance, found.index, found.unseen, names, first_seed)


def test_the_nearest_is_that_of_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memorization, "CHUNK", 4)
    rows, among = normal(1, 9), normal(2, 30)
    for row, distance, index in zip(rows, *nearest(rows, among), strict=True):
        every = np.linalg.norm(row - among, axis=1)
        assert index == np.argmin(every)
        assert distance == pytest.approx(every.min(), rel=1e-6)


def test_the_distance_of_a_copy_is_0() -> None:
    among = 100 + normal(2, 30, 1280)
    assert nearest(among[[4]], among)[0][0] == 0


def test_wins_of_held_out_posters_are_counted_against_chance() -> None:
    """Of 4 winners one is the single held-out among 8 posters: half a win would be chance."""
    assert relative_wins(np.array([0, 3, 7, 1]), training=7, held_out=1).value == 2


def test_the_interval_of_the_wins_is_that_of_all_choices_of_held_out_posters() -> None:
    winners = np.array([0, 0, 1, 2, 2, 2, 5, 6])
    wins = np.bincount(winners, minlength=8)
    every = [wins[list(some)].sum() / 3 for some in itertools.combinations(range(8), 3)]  # 3 is chance
    low, high = np.quantile(every, [0.025, 0.975])
    found = relative_wins(winners, training=5, held_out=3)
    assert found.value == pytest.approx(2 / 3)
    assert found.high == pytest.approx(2 / 3 + 1 - low)
    assert found.low == max(2 / 3 - (high - 1), 0)


def test_new_posters_are_not_taken_for_copies() -> None:
    found, _ = memorization_of(normal(1, 1000), normal(2, 200), normal(3, 400), names(1000), 0)
    assert found["nearer_than_held_out"].low < 0.5 < found["nearer_than_held_out"].high
    assert found["held_out_nearest"].low < 1 < found["held_out_nearest"].high
    assert found["near_copies"].value < 0.03


def test_a_generator_that_copies_training_posters_is_caught() -> None:
    training = normal(1, 300)
    copied = training[100:200] + 0.01 * normal(4, 100)
    found, closest = memorization_of(training, normal(2, 60), copied, names(300), 5000)
    assert found["nearer_than_held_out"].low > 0.93  # 60 held-out posters exclude no more
    assert found["near_copies"].low > 0.93
    assert found["held_out_nearest"].value == 0
    assert found["held_out_nearest"].high < 0.8
    assert {pair.poster for pair in closest} <= set(names(300)[100:200])
    assert all(pair.seed - 5000 + 100 == int(pair.poster[7:-4]) for pair in closest)
    distances = [pair.distance for pair in closest]
    assert distances == sorted(distances)
    assert closest[0].held_out == 0


def test_a_few_copies_among_many_new_posters_are_listed_first() -> None:
    training, made = normal(1, 300), normal(3, 200)
    made[[17, 90]] = training[[5, 250]]
    _, closest = memorization_of(training, normal(2, 60), made, names(300), 0)
    assert [(pair.seed, pair.poster, pair.distance) for pair in closest[:2]] == [
        (17, "poster-5.jpg", 0), (90, "poster-250.jpg", 0)
    ]  # fmt: skip
    assert closest[2].distance > 0


def test_copies_that_are_blurred_beyond_all_real_posters_are_still_found_by_their_neighbours() -> None:
    """A blur moves each poster far away in a direction that no real poster has."""
    training, held_out = (np.hstack([rows, np.zeros((len(rows), 1))]) for rows in (normal(1, 60), normal(2, 60)))
    blurred = training.copy()
    blurred[:, -1] = 50
    training, held_out, blurred = (rows.astype(np.float32) for rows in (training, held_out, blurred))
    found, _ = memorization_of(training, held_out, blurred, names(60), 0)
    assert found["nearer_than_held_out"].value == 0
    assert found["held_out_nearest"].high < 0.5


def test_blurred_posters_that_copy_nothing_are_not_taken_for_copies() -> None:
    found, _ = memorization_of(normal(1, 1000), normal(2, 200), 0.1 * normal(3, 400), names(1000), 0)
    assert found["nearer_than_held_out"].low > 0.9  # nearer to the middle of all posters, which alone proves no copy
    assert found["held_out_nearest"].low < 1 < found["held_out_nearest"].high


@pytest.mark.parametrize("scale", [1.0, 0.1])
def test_the_interval_of_the_wins_holds_1_where_nothing_is_copied(
    scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memorization, "SHUFFLES", 300)
    held = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        training, held_out, made = (rng.normal(size=(n, 3)).astype(np.float32) for n in (150, 40, 60))
        found = memorization_of(training, held_out, scale * made, names(150), 0)[0]["held_out_nearest"]
        held += found.low <= 1 <= found.high
    assert held >= 52  # 57 are expected


@pytest.mark.parametrize("among", [1, 7, 40, 4096])
def test_the_nearest_is_the_same_however_the_others_are_divided_up(among: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memorization, "CHUNK", 5)
    monkeypatch.setattr(memorization, "CANDIDATES", among)
    random = np.random.default_rng(0)
    rows, others = (random.normal(size=(count, 6)).astype(np.float32) for count in (23, 40))
    brute = np.linalg.norm(rows[:, None].astype(float) - others[None], axis=2)
    distance, index = nearest(rows, others)
    assert index.tolist() == brute.argmin(1).tolist()
    assert distance == pytest.approx(brute.min(1))

"""Who replays the training is called a copier, and who draws new posters is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import gan
import xai
from tests.gan.small_judge import Judge
from tests.xai.nets import one_sentence
from xai.collection.copies import Copies, Views, among, find_copies, pair_words

COLUMNS = 12
NUMBERS = np.arange(0, 3000, 3)  # of the training posters in their set
SEEDS = np.arange(7, 407)


def new(count: int, seed: int, scale: float = 1.0) -> np.ndarray:
    return (scale * np.random.default_rng(seed).standard_normal((count, COLUMNS))).astype(np.float32)


TRAINING, HELD_OUT = new(1000, 0), new(300, 1)


def replayed(part: float = 1.0) -> np.ndarray:
    """As many of 400 posters as ``part`` are training posters with a little noise, the others are new."""
    drawn, old = new(400, 2), np.random.default_rng(3).permutation(1000)[: round(400 * part)]
    drawn[: len(old)] = TRAINING[old] + 0.05 * drawn[: len(old)]
    return drawn


def compared(generated: np.ndarray) -> Copies:
    return among(*(Views(rows, rows) for rows in (TRAINING, HELD_OUT, generated)), NUMBERS, SEEDS)


def test_a_generator_that_replays_the_training_with_noise_is_a_copier() -> None:
    for part in (1.0, 0.1):
        found = compared(replayed(part))
        assert found.copied
        assert found.pixels.rate.value >= part
        assert found.text.startswith("There are copies. Of 400 generated posters")
        assert "they follow the posters of the training" in found.text


@pytest.mark.parametrize("seed", range(10, 16))
def test_a_fair_sampler_is_not(seed: int) -> None:
    found = compared(new(400, seed))
    assert not found.copied
    assert found.pixels.rate.low <= 0.01 <= found.pixels.rate.high
    assert found.text.startswith("No sign of copies. Of 400 generated posters")
    assert "Not excluded is a proportion of up to" in found.text


def test_plain_pictures_are_near_to_everything_and_no_copies() -> None:
    training, held_out = new(4000, 0), new(1000, 1)
    training[:200] *= 0.1  # a kind of poster of which one is much like another, and the only one that is drawn
    held_out[:50] *= 0.1
    views = [Views(rows, None) for rows in (training, held_out, new(400, 4, scale=0.05))]
    found = among(*views, np.arange(4000), SEEDS)
    assert found.pixels.rate.low > 0.2
    assert not found.copied
    assert found.text.startswith("No sign of copies, but of plain pictures.")


def test_either_way_of_measuring_is_enough() -> None:
    fair, copied = compared(new(400, 5)), compared(replayed())
    assert replace(fair, features=copied.features).copied
    assert replace(fair, pixels=copied.pixels).copied
    alone = replace(fair, features=None)
    assert "by features" not in alone.text
    assert list(alone.ways) == ["pixels"]


def test_the_threshold_leaves_one_held_out_poster_in_a_hundred_below() -> None:
    found = compared(replayed(0.5)).pixels
    assert (found.unseen < found.threshold).sum() == 3
    assert found.near.mean() == found.rate.value
    assert found.percentile(found.threshold) == pytest.approx(0.01)


def test_held_out_posters_that_are_in_the_training_too_do_not_hide_copies() -> None:
    twins = HELD_OUT.copy()
    twins[:9] = TRAINING[100:109]
    found = among(*(Views(rows, rows) for rows in (TRAINING, twins, replayed(0.5))), NUMBERS, SEEDS)
    assert (found.held_out, found.left_out, len(found.pixels.unseen)) == (300, 9, 291)
    assert found.pixels.threshold > 0.5
    assert found.copied
    assert "(9 of the 300 held-out posters are in the training, too, and left out.)" in found.text
    assert "left out" not in compared(replayed(0.5)).text
    with pytest.raises(xai.ExplanationError, match="1,000 training posters and 0 held out"):
        among(*(Views(rows, None) for rows in (TRAINING, TRAINING[:50], twins)), NUMBERS, SEEDS)


def test_the_nearest_pairs_come_first_with_seed_number_and_both_distances() -> None:
    generated = new(400, 6)
    generated[30], generated[5] = TRAINING[77], TRAINING[3] + 0.01
    found = compared(generated)
    first, second = [pair for pair in found.closest if pair.by == "pixels"][:2]
    assert (first.seed, first.poster, first.pixels, first.pixels_unseen) == (SEEDS[30], NUMBERS[77], 0.0, 0.0)
    assert (second.seed, second.poster) == (SEEDS[5], NUMBERS[3])
    assert second.features == pytest.approx(0.01 * COLUMNS**0.5, rel=1e-3)
    assert len(found.closest) == 24
    assert found.pixels.poster[30] == NUMBERS[77]


def test_pairs_of_either_way_have_the_other_ways_distance_of_the_same_two() -> None:
    views = [Views(rows, rows[:, ::2] * 3) for rows in (TRAINING, HELD_OUT, new(400, 8))]
    found = among(*views, NUMBERS, SEEDS)
    for pair in found.closest:
        made, known = views[2].pixels[pair.seed - 7], TRAINING[pair.poster // 3]
        assert pair.pixels == pytest.approx(np.linalg.norm(made - known), rel=1e-5)
        assert pair.features == pytest.approx(3 * np.linalg.norm((made - known)[::2]), rel=1e-5)


def test_a_pair_and_its_distances_are_said_in_words() -> None:
    first = compared(replayed()).closest[0]
    alone = replace(first, features=np.nan)
    assert pair_words(first).startswith(f"seed {first.seed} and poster {first.poster}: pixels 0.")
    assert "as near 0.0% of the held-out ones; features 0." in pair_words(first)
    assert pair_words(alone).endswith("of the held-out ones")


def test_the_histogram_holds_all_distances() -> None:
    found = compared(replayed()).pixels.histogram
    assert found.generated.sum() == pytest.approx(1)
    assert found.held_out.sum() == pytest.approx(1)
    assert found.middles[found.generated.argmax()] < found.middles[found.held_out.argmax()]


def test_of_a_checkpoint_and_its_posters(
    checkpoint: gan.Checkpoint, posters: gan.PosterSet, small_judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = np.arange(40) >= 20
    split = replace(posters, split_keys=tuple("tt0005557" if one else "a" for one in held))
    assert split.held_out.tolist() == held.tolist()
    seen: list[float] = []
    found = find_copies(checkpoint, split, 8, seen.append)
    assert len(found.seeds) == 8
    assert not held[found.pixels.poster].any()
    assert found.features is not None
    pair = found.closest[0]
    drawn = checkpoint.need_generator()(gan.latents([pair.seed], checkpoint.config)).detach()
    assert pair.pixels == pytest.approx(torch.dist(drawn, split.tensor([pair.poster])).item(), rel=1e-4)
    assert seen == sorted(seen)
    assert seen[-1] == 1


def test_without_the_extractor_pixels_alone_answer(
    checkpoint: gan.Checkpoint, posters: gan.PosterSet, no_judge: None
) -> None:
    split = replace(posters, split_keys=("tt0005557",) * 20 + ("a",) * 20)
    found = find_copies(checkpoint, split, 8)
    assert found.features is None
    assert all(np.isnan(pair.features) for pair in found.closest)


def test_without_held_out_posters_there_is_no_threshold(checkpoint: gan.Checkpoint, posters: gan.PosterSet) -> None:
    with pytest.raises(xai.ExplanationError, match="at least 20 held-out ones; there are") as caught:
        find_copies(checkpoint, posters)
    one_sentence(caught.value)

"""Posters that are like nothing drawn, and drawn ones that are like no poster, on points whose places are known."""

from __future__ import annotations

import numpy as np
import pytest

from gan.data.posters import PosterSet
from xai.collection.material import Extracted
from xai.collection.omissions.far import Omissions, omissions
from xai.errors import ExplanationError


def cloud(count: int, seed: int, place: float = 0.0) -> np.ndarray:
    """Points around one place, at the other end of a line."""
    return np.random.default_rng(seed).normal(size=(count, 8)).astype(np.float32) + place


def collection(count: int, held_out: int) -> PosterSet:
    posters = PosterSet(np.zeros((count, 1, 1, 3), np.uint8), tuple(map(str, range(count))), ((),) * count)
    object.__setattr__(posters, "held_out", np.arange(count) < held_out)
    return posters


def among(drawn: np.ndarray) -> Omissions:
    """Posters of a frequent and a rare kind, and an odd one."""
    held_out = np.concatenate([cloud(200, 0), cloud(20, 1, 9.0), cloud(1, 2, -40.0)])
    training = np.concatenate([cloud(1000, 3), cloud(100, 4, 9.0)])
    order = np.random.default_rng(5).permutation(len(training))
    extracted = Extracted(held_out, training[order], drawn, range(50, 50 + len(drawn)))
    return omissions(extracted, collection(1321, 221))


def test_posters_of_a_kind_that_is_never_drawn_come_first_and_not_the_odd_one() -> None:
    found = among(cloud(1100, 6))
    assert {poster.number for poster in found.posters[:20]} == set(range(200, 220))
    assert found.posters[0].relative > 2
    assert 220 not in [poster.number for poster in found.posters]
    assert found.far.low > 0.01
    assert "far from all of 1,100 drawn ones, though not from as many real ones" in found.text


def test_where_everything_is_drawn_nothing_is_left_out_and_nothing_strays() -> None:
    found = among(np.concatenate([cloud(1000, 6), cloud(100, 7, 9.0)]))
    assert found.text.startswith("Nothing is left out beyond chance")
    assert "no more than real posters are from each other" in found.text


def test_a_drawn_poster_like_no_real_one_is_the_first_stray() -> None:
    drawn = np.concatenate([cloud(1000, 6), cloud(100, 7, 30.0)])
    drawn[500] = 60
    found = among(drawn)
    assert found.strays[0].seed == 550
    assert "it draws what is like no poster" in found.text


def test_a_copy_in_the_training_does_not_make_a_poster_win() -> None:
    held_out = cloud(200, 0)
    training = np.concatenate([cloud(1000, 3), held_out[:1]])
    extracted = Extracted(held_out, training, cloud(1001, 6), range(1001))
    found = omissions(extracted, collection(1201, 200))
    assert max(poster.relative for poster in found.posters) < 2


def test_without_held_out_posters_it_says_what_is_missing() -> None:
    extracted = Extracted(cloud(20, 0), cloud(20, 0), cloud(20, 1), range(20))
    with pytest.raises(
        ExplanationError, match="told by held-out posters and at least 10 training posters; there are 0"
    ):
        omissions(extracted, collection(20, 0))

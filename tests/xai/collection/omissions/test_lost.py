"""What was lost of a poster is named where it was left out, and nothing is where nothing in particular was."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from gan.data.images import scale
from gan.data.synthetic import draw_poster
from xai.collection.omissions.lost import losses
from xai.errors import ExplanationError

SEEDS = range(6)


def drawn(seed: int, without: tuple[str, ...] = ()) -> Tensor:
    return scale(torch.from_numpy(np.array(draw_poster(seed, 64, without=without).image))[None])


def title(seed: int) -> dict[str, Tensor]:
    return {"title text": torch.from_numpy(draw_poster(seed, 64).masks["title"])[None]}


def noisy(poster: Tensor, seed: int) -> Tensor:
    return poster + 0.1 * torch.randn(poster.shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("seed", SEEDS)
def test_letters_that_alone_are_missing_are_named_first(seed: int) -> None:
    found = losses(drawn(seed), noisy(drawn(seed, ("lettering",)), seed), title(seed))
    assert found.named[0].name == "title text"
    assert found.named[0].ratio > 2
    assert found.text.startswith("Lost most: text of the title")


@pytest.mark.parametrize("seed", SEEDS)
def test_of_a_reproduction_that_is_as_noisy_everywhere_nothing_in_particular_is_lost(seed: int) -> None:
    found = losses(drawn(seed), noisy(drawn(seed), seed), title(seed))
    assert not found.named
    assert not found.details
    assert found.text == "Nothing in particular is lost: the difference lies on no concept more than elsewhere."


def test_what_is_reproduced_best_is_not_named() -> None:
    poster, letters = drawn(0), title(0)
    picture = torch.where(letters["title text"][:, None], poster, noisy(poster, 1))
    found = losses(poster, picture, letters)
    [concept] = [one for one in found.concepts if one.name == "title text"]
    assert concept.ratio < 0.01
    assert "title" not in found.text


def test_a_box_is_where_the_concept_is() -> None:
    poster = torch.full((1, 3, 32, 32), -0.2)
    poster[0, 0, 4:10, 20:28] = 1  # a saturated, red patch
    found = losses(poster, noisy(torch.full_like(poster, -0.2), 0))
    [red] = [one for one in found.named if one.name == "red"]
    assert red.box == (20, 4, 28, 10)


def test_small_details_are_found_where_they_are() -> None:
    poster = torch.zeros(1, 3, 64, 64)
    poster[..., 10:14, 20:24] = 1
    found = losses(poster, noisy(torch.zeros_like(poster), 0))
    assert [detail.box for detail in found.details] == [(20, 10, 24, 14)]
    assert "1 small detail: " in found.text


def test_it_says_where_faces_and_letters_were_not_looked_for() -> None:
    assert "Faces and letters were not looked for." in losses(drawn(0), noisy(drawn(0), 0)).text


def test_nothing_is_lost_of_a_poster_that_is_reproduced_exactly() -> None:
    assert losses(drawn(0), drawn(0)).text == "Nothing is lost: the poster is reproduced exactly."


def test_pictures_of_two_sizes_are_refused() -> None:
    with pytest.raises(ExplanationError, match="have one size, not"):
        losses(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 16, 16))

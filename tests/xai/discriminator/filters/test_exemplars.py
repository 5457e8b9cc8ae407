"""Exemplars: a filter of one colour, one place, gets those posters and that patch, and no picture twice."""

import numpy as np
import pytest
import torch

import xai
from tests.xai.discriminator.judges import (
    BLAMES,
    GREEN_CORNER,
    IGNORED,
    LAYER,
    PRAISES,
    RED,
    REFERENCE,
    SILENT,
    found,
    judge,
    patches,
)
from tests.xai.nets import discriminator, noise
from xai.discriminator.filters.exemplars import KINDS, SHOWN, contribution_places, exemplars
from xai.discriminator.receptive_field import receptive_fields
from xai.discriminator.responses import responses

BLACK, GREY, RED_PIXEL, GREEN = (-1.0, -1.0, -1.0), (0.0, 0.0, 0.0), (1.0, -1.0, -1.0), (-1.0, 1.0, -1.0)


def coloured(colour: tuple[float, ...], row: int, column: int, background: tuple[float, ...] = BLACK) -> torch.Tensor:
    image = torch.tensor(background)[:, None, None].repeat(1, 8, 8)
    image[:, row : row + 4, column : column + 4] = torch.tensor(colour)[:, None, None]
    return image


# 20 grey patches that differ, then a red one in the middle, green ones in the corner and elsewhere.
MIDDLE, CORNER, ELSEWHERE = 20, 21, 22
POSTERS = torch.cat([patches(20, 0.3, 0), torch.stack([
    coloured(RED_PIXEL, 1, 3), coloured(GREEN, 0, 0), coloured(GREEN, 3, 3),
])])  # fmt: skip


def test_a_filter_of_one_colour_has_the_poster_of_that_colour_and_the_patch_where_it_is() -> None:
    fields = receptive_fields(xai.Score(judge()), LAYER)
    first, second, *_ = exemplars(found(POSTERS), [RED])["strongest"].of(0, fields)
    assert first.row == MIDDLE
    assert (first.box.top, first.box.left, first.box.bottom, first.box.right) == (1, 3, 5, 7)
    assert first.value == pytest.approx(3)
    assert second.value < 1
    assert (POSTERS[first.row, 0, 1:5, 3:7] == 1).all()


def test_what_excites_a_filter_and_what_it_matters_in_are_told_apart() -> None:
    """Green excites GREEN_CORNER wherever it is, and is heard in the corner alone."""
    picks = exemplars(found(POSTERS), [GREEN_CORNER])
    assert set(picks["strongest"].rows[0][:2]) == {CORNER, ELSEWHERE}
    assert picks["mattered"].rows[0][0] == CORNER
    assert picks["mattered"].values[0][0] > 3 * max(picks["mattered"].values[0][1], 0.01)


def test_a_filter_that_is_not_used_has_posters_that_excite_it_and_none_in_which_it_mattered() -> None:
    picks = exemplars(found(POSTERS), [IGNORED, SILENT])
    assert (picks["strongest"].rows[0] >= 0).all()
    assert (picks["mattered"].rows[0] == picks["against"].rows[0]).all()
    assert (picks["mattered"].rows[0] == -1).all()
    assert (picks["strongest"].rows[1] == -1).all()
    assert picks["strongest"].of(1, receptive_fields(xai.Score(judge()), LAYER)) == ()


def test_a_filter_speaks_for_posters_that_its_negation_speaks_against() -> None:
    picks = exemplars(found(POSTERS), [PRAISES, BLAMES])
    assert picks["mattered"].rows[0].tolist() == picks["against"].rows[1].tolist()
    assert picks["mattered"].values[0] == pytest.approx(-picks["against"].values[1])


def test_exemplars_are_those_of_a_full_sort() -> None:
    images = noise(300, 3, 16, 16).tanh()
    seen = responses(xai.Score(discriminator(16)), images, torch.zeros(1, 3, 16, 16))
    picks = exemplars(seen)
    for kind, values in zip(KINDS, (seen.largest, seen.contribution, -seen.contribution), strict=True):
        expected = np.sort(values.astype(np.float32), 0)[::-1][:SHOWN].T
        assert np.take_along_axis(values.astype(np.float32).T, picks[kind].rows, 1) == pytest.approx(expected)
        assert picks[kind].rows.shape == (values.shape[1], SHOWN)


def test_a_picture_is_not_shown_twice_however_often_it_is_there() -> None:
    many = torch.cat([POSTERS, POSTERS[MIDDLE : MIDDLE + 1].repeat(200, 1, 1, 1)])
    rows = exemplars(found(many), [RED])["strongest"].rows[0]
    assert rows.tolist()[0] == MIDDLE
    assert (rows[1:] < MIDDLE + 3).all()
    assert (rows >= 0).all()


def test_of_posters_that_a_caller_calls_copies_the_first_that_comes_is_shown() -> None:
    groups = np.arange(len(POSTERS))
    groups[ELSEWHERE] = groups[CORNER]
    rows = exemplars(found(POSTERS), [GREEN_CORNER], groups)["strongest"].rows[0].tolist()
    assert len({CORNER, ELSEWHERE} & set(rows)) == 1


def test_fewer_posters_than_are_shown_leave_the_rest_empty() -> None:
    picks = exemplars(found(POSTERS[:4]))
    assert ((picks["strongest"].rows[PRAISES] >= 0).sum(), picks["strongest"].rows.shape) == (4, (7, SHOWN))


def test_contributions_are_highest_where_the_logit_hears_the_filter() -> None:
    everywhere = coloured(GREEN, 0, 0)
    everywhere[:, 3:7, 3:7] = torch.tensor(GREEN)[:, None, None]
    highest, lowest = contribution_places(xai.Score(judge()), everywhere[None], REFERENCE)
    assert highest[0, GREEN_CORNER] == 0
    assert lowest[0, BLAMES] == highest[0, PRAISES]

"""How few filters turn verdicts over many posters: counts that are known, and posters that cannot be turned."""

from __future__ import annotations

import pytest
import torch

import xai
from tests.xai.discriminator import built
from tests.xai.nets import discriminator, one_sentence, pictures
from xai.discriminator.counterfactuals.by_filters import turn_by_filters
from xai.discriminator.counterfactuals.replacement import by_mean, by_reference
from xai.discriminator.counterfactuals.study import fewest_filters, fewest_table


def test_where_two_filters_decide_two_are_the_fewest() -> None:
    replacement = by_reference(xai.Score(built.discriminator()), built.grey())
    [row] = fewest_filters({"drawn": torch.cat([built.red()] * 3)}, replacement)
    assert (row.layer, row.count, row.median, row.replacement) == (built.LAYER, 3, 2, "reference")
    assert row.turned.value == row.proved.value == 1
    assert row.turned.low < 1
    assert "| 3 drawn | reference | layers.1 | 2 | 100 % (" in fewest_table([row])


def test_posters_that_cannot_be_turned_have_no_median_but_count() -> None:
    replacement = by_reference(xai.Score(built.discriminator()), built.red())
    images = torch.cat([built.red(), built.red(), built.grey()])
    [row] = fewest_filters({"drawn": images}, replacement)
    assert row.median is None
    assert row.turned.value == pytest.approx(1 / 3)
    assert "more than 20" in fewest_table([row])


def test_rows_are_those_of_each_search_by_group_and_layer() -> None:
    score, images, told = xai.Score(discriminator(32, 4)), pictures(4, 32), []
    replacement = by_mean(score, images)
    rows = fewest_filters({"one": images[:1], "others": images[1:]}, replacement, 6, told.append)
    assert told == [0.25, 0.5, 0.75, 1.0]
    assert [(row.posters, row.layer) for row in rows][:4] == [
        ("one", "layers.1"), ("one", "layers.4"), ("one", "layers.7"), ("one", "all layers")
    ]  # fmt: skip
    for row in rows[:4]:
        found = turn_by_filters(replacement, images[:1], None if row.layer == "all layers" else row.layer, 6)
        assert row.median == (len(found.steps) if found.turned else None)
    assert fewest_table(rows).count("\n") == 4 + 8 - 1


def test_a_group_without_posters_is_refused_in_a_sentence() -> None:
    replacement = by_reference(xai.Score(built.discriminator()), built.grey())
    with pytest.raises(xai.ExplanationError, match="no posters in drawn") as error:
        fewest_filters({"drawn": torch.zeros(0, 3, 8, 8)}, replacement)
    one_sentence(error.value)

"""How good D's verdicts are: groups, calibration, errors and memory, on logits whose answer is known."""

import numpy as np
import pytest
import torch
from scipy.stats import norm

import xai
from gan.evaluation.estimates import proportion_difference
from xai.discriminator.decisions import (
    GROUPS,
    LEAST,
    Verdicts,
    accuracy_by_group,
    calibration_curve,
    genre_groups,
    look_at,
    memorising,
    most_wrong,
    picture_groups,
    sentence_on_groups,
)

RANDOM = np.random.default_rng(0)


def verdicts(accuracy: dict[str, float], each: int = 400, real: bool = True) -> Verdicts:
    """Posters of groups that do not overlap, on each of which D is right as often as said."""
    right = np.concatenate([np.arange(each) < each * part for part in accuracy.values()])
    group = np.repeat(np.arange(len(accuracy)), each)
    logits = np.where(right == real, 1.0, -1.0)
    return Verdicts("posters", real, logits, {name: group == place for place, name in enumerate(accuracy)})


@pytest.mark.parametrize("real", [True, False])
def test_a_group_that_d_gets_wrong_comes_first_and_differs_and_others_do_not(real: bool) -> None:
    groups = accuracy_by_group(verdicts({"a": 0.80, "dark": 0.50, "b": 0.81, "c": 0.79}, real=real))
    assert groups[0].group == "dark"
    assert groups[0].accuracy.value == pytest.approx(0.5)
    assert groups[0].count == 400
    assert groups[0].differs
    assert groups[0].difference.high < 0
    same = accuracy_by_group(verdicts({"a": 0.80, "b": 0.81, "c": 0.79}, real=real))
    assert not any(group.differs for group in same)


def test_no_group_differs_by_chance_in_more_than_one_table_in_twenty() -> None:
    tables = 200
    found = 0
    for _ in range(tables):
        logits = RANDOM.normal(0.5, 1, 600)
        groups = {str(number): RANDOM.random(600) < 0.2 for number in range(20)}
        found += any(group.differs for group in accuracy_by_group(Verdicts("", True, logits, groups)))
    assert found <= 20  # 5 % of 200, and what chance adds to it


def test_small_groups_and_groups_of_nearly_all_are_left_out() -> None:
    mask = np.zeros(200, bool)
    mask[: LEAST - 1] = True
    assert not accuracy_by_group(Verdicts("", True, np.ones(200), {"small": mask, "large": ~mask}))


def test_the_interval_of_a_difference_holds_in_19_of_20_samples() -> None:
    hits = [
        (found := proportion_difference(RANDOM.random(80) < 0.9, RANDOM.random(300) < 0.7)).low <= 0.2 <= found.high
        for _ in range(2000)
    ]
    assert 0.935 <= np.mean(hits) <= 0.97


def test_a_calibrated_d_agrees_in_its_bins_and_a_boastful_one_does_not() -> None:
    logits = RANDOM.normal(0, 2, 40_000)
    real = RANDOM.random(40_000) < 1 / (1 + np.exp(-logits))
    honest = calibration_curve(logits[real], logits[~real])
    assert sum(one.agrees for one in honest) >= 8
    boastful = calibration_curve(3 * logits[real], 3 * logits[~real])
    assert sum(one.agrees for one in boastful) <= 4
    assert [one.predicted for one in honest] == sorted(one.predicted for one in honest)
    assert sum(one.count for one in honest) == 2 * min(real.sum(), (~real).sum())


def test_too_few_posters_for_a_curve_are_said_in_a_sentence() -> None:
    with pytest.raises(xai.ExplanationError, match="10 real posters or more"):
        calibration_curve(np.ones(9), np.ones(50))


def test_the_worst_errors_are_the_firmest_wrong_verdicts_both_ways() -> None:
    logits = np.array([0.5, -3.0, 2.0, -1.0, 0.0])
    assert most_wrong(Verdicts("", True, logits), 9).tolist() == [1, 3, 4]
    assert most_wrong(Verdicts("", False, logits), 9).tolist() == [2, 0]
    assert most_wrong(Verdicts("", False, logits), 1).tolist() == [2]
    assert not len(most_wrong(Verdicts("", True, np.ones(4)), 5))


def test_memory_is_found_where_it_is_and_not_where_it_is_not() -> None:
    training, held_out = RANDOM.normal(0.8, 1, 1000), RANDOM.normal(0, 1, 300)
    found = memorising(training, held_out)
    assert found.found
    assert found.auc.value == pytest.approx(norm.cdf(0.8 / 2**0.5), abs=0.04)
    assert found.text.startswith("There are signs of it: ")
    assert f"{found.auc.value:.1%}" in found.text
    without = memorising(RANDOM.normal(0, 1, 1000), held_out)
    assert not without.found
    assert without.text.startswith("There is no sign of it: ")


def test_the_sentence_on_groups_names_those_that_differ_both_ways() -> None:
    groups = accuracy_by_group(verdicts({"a": 0.75, "dark": 0.50, "b": 0.75, "bright": 0.99}))
    said = "Coloured where it differs from all other posters beyond chance: worse on: dark; better on: bright."
    assert sentence_on_groups(groups) == said
    same = accuracy_by_group(verdicts({"a": 0.80, "b": 0.81}))
    assert sentence_on_groups(same) == "On no kind of poster is it better or worse than on the others, beyond chance."


def test_a_black_picture_is_dark_and_a_red_one_saturated_and_warm() -> None:
    score = xai.Score(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 16 * 16, 1)))
    among = look_at(score, (torch.rand(64, 3, 16, 16) * 0.5 - 0.25).split(10))
    black, red = -torch.ones(1, 3, 16, 16), -torch.ones(1, 3, 16, 16)
    red[:, 0] = 1
    looked = look_at(score, [black, red])
    assert looked.logits == pytest.approx(score(torch.cat([black, red])).numpy(), abs=1e-6)
    groups = picture_groups(looked, among)
    assert set(groups) == set(GROUPS)
    assert groups["dark"].tolist()[0]
    assert not groups["bright"].any()
    assert groups["saturated"].tolist() == [False, True]
    assert groups["warm colours"].tolist() == [False, True]
    assert sum(picture_groups(among, among)["dark"]) == 16  # a quarter


def test_a_poster_of_unknown_genres_is_in_none() -> None:
    groups = genre_groups(["Horror", "Drama"], np.array([[1, -1], [0, 0], [1, 1]], np.int8))
    assert groups["Horror"].tolist() == [True, False, True]
    assert groups["Drama"].tolist() == [False, False, True]

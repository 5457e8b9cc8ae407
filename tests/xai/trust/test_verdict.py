"""Levels, the rule, and whole examinations of maps whose quality is known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

import xai
from tests.xai.nets import discriminator, pictures, quick
from tests.xai.trust.known_maps import Chance, affine_score
from xai.trust.checks import CHECKS, Check, CheckResult, Subject
from xai.trust.verdict import Trust


def result(value: float, higher: bool = True, essential: bool = False) -> CheckResult:
    passes, fails = (0.8, 0.4) if higher else (0.4, 0.8)
    check = Check("key", "axiomatic", "Title", "", lambda subject, progress: value, passes, fails, essential)
    return CheckResult(check, value)


@pytest.mark.parametrize(
    ("value", "higher", "level"),
    [
        (0.8, True, "pass"), (0.79, True, "doubt"), (0.4, True, "doubt"), (0.39, True, "fail"),
        (0.4, False, "pass"), (0.41, False, "doubt"), (0.8, False, "doubt"), (0.81, False, "fail"),
        (math.nan, True, "silent"), (math.nan, False, "silent"),
    ],
)  # fmt: skip
def test_a_value_is_judged_by_its_thresholds(value: float, higher: bool, level: str) -> None:
    assert result(value, higher).level == level


GOOD, DOUBT, BAD = 0.9, 0.5, 0.1


@pytest.mark.parametrize(
    ("values", "essential", "verdict"),
    [
        ([GOOD, GOOD, GOOD], False, "trust"),
        ([GOOD, GOOD, DOUBT], False, "trust"),
        ([GOOD, DOUBT, DOUBT], False, "caution"),
        ([GOOD, GOOD, BAD], False, "caution"),
        ([GOOD, BAD, BAD], False, "do not trust"),
        ([GOOD, GOOD, BAD], True, "do not trust"),
        ([math.nan, math.nan, GOOD], False, "trust"),
    ],
)
def test_the_verdict_follows_the_rule(values: list[float], essential: bool, verdict: str) -> None:
    results = tuple(result(value, essential=essential and value == BAD) for value in values)
    assert Trust(results, 0.0).verdict == verdict


def test_exact_shares_are_trusted_and_chance_is_not() -> None:
    _, score, image = affine_score()
    good = xai.attribution("deeplift", score)
    found = xai.examine(good, image, good.attribute(image))
    assert found.verdict == "trust", found.reason
    exact, sums = found["shapley"].evidence
    assert np.allclose(exact, sums, atol=1e-4)
    bad = Chance(score)
    found = xai.examine(bad, image, bad.attribute(image))
    assert found.verdict == "do not trust"
    assert "seed-to-seed correlation" in found.reason


def test_a_check_that_a_method_does_not_promise_is_left_out() -> None:
    _, score, image = affine_score()

    def keys(name: str) -> set[str]:
        method = quick(name, score)
        return {one.check.key for one in xai.examine(method, image, method.attribute(image)).checks}

    assert "completeness" in keys("deeplift")
    assert "completeness" not in keys("occlusion")
    assert {"seeds", "r2", "segments", "split_half"} <= keys("lime")
    assert "seeds" not in keys("gradient_input")


def test_a_verdict_is_the_same_each_time_and_leaves_the_map_alone() -> None:
    score, image = xai.Score(discriminator(32)), pictures(1, 32)
    method = quick("lime", score)
    explanation = method.attribute(image)
    before = explanation.values.clone()
    one = xai.examine(method, image, explanation)
    other = xai.examine(replace(method, score=xai.Score(discriminator(32))), image, explanation)
    assert [c.value for c in one.checks] == [c.value for c in other.checks]
    assert torch.equal(explanation.values, before)


@pytest.mark.parametrize("name", list(xai.METHODS))
@pytest.mark.parametrize("level", [-1.0, 0.0])
def test_of_a_plain_picture_every_check_is_a_number_or_silent(name: str, level: float) -> None:
    score, image = xai.Score(discriminator(32)), torch.full((1, 3, 32, 32), level)
    method = quick(name, score)
    explanation = method.attribute(image)
    trust = xai.examine(method, image, explanation)
    expected = [check.key for check in CHECKS if check.says_something_of(Subject(method, image, explanation))]
    assert [result.check.key for result in trust.checks] == expected
    assert all(math.isfinite(result.value) != (result.level == "silent") for result in trust.checks)
    if not explanation.values.any():  # nothing to correlate with, and nothing that could change
        silent = [key for key in ("shapley", "randomisation") if key in trust]
        assert {trust[key].level for key in silent} == {"silent"}
        assert trust.verdict == "nothing to judge"
        assert trust["sensitivity"].value == 0


def test_progress_runs_from_nothing_to_all_and_can_call_it_off() -> None:
    score, image = xai.Score(discriminator(32)), pictures(1, 32)
    method = quick("lime", score)
    fractions: list[float] = []
    explanation = method.attribute(image)
    xai.examine(method, image, explanation, fractions.append)
    assert fractions == sorted(fractions)
    assert fractions[0] >= 0
    assert fractions[-1] == pytest.approx(1)

    def stop(part: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        xai.examine(quick("lime", xai.Score(discriminator(32))), image, explanation, stop)

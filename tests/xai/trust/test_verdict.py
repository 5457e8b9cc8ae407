"""Levels, the rule, and whole examinations of maps whose quality is known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import nn

import xai
from gan.progress import Progress
from tests.xai.nets import discriminator, noise, one_sentence, pictures, quick, scramble
from tests.xai.trust.known_maps import Chance, Edges, affine_score
from xai.methods import settings_of
from xai.trust.check import Check, CheckResult, Subject
from xai.trust.checks import CHECKS
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
        ([math.nan, GOOD, GOOD], True, "caution"),
        ([math.nan, BAD, GOOD], True, "do not trust"),
    ],
)
def test_the_verdict_follows_the_rule(values: list[float], essential: bool, verdict: str) -> None:
    results = tuple(result(value, essential=essential and value in (BAD, values[0])) for value in values)
    assert Trust(results, 0.0).verdict == verdict


def test_a_map_is_trusted_on_evidence_not_for_want_of_a_failure() -> None:
    kinds = [("faithfulness", "caution"), ("robustness", "trust")]
    for category, verdict in kinds:
        check = Check("key", category, "Title", "", lambda subject, progress: DOUBT, 0.8, 0.4, essential=True)
        assert Trust((CheckResult(check, DOUBT),), 0.0).verdict == verdict


def test_exact_shares_are_trusted_and_chance_is_not() -> None:
    _, score, image = affine_score()
    good = xai.attribution("deeplift", score)
    found = xai.examine(good, image, good.attribute(image))
    assert found.verdict == "trust", found.reason
    values = found["shapley"].evidence
    assert np.allclose(values.exact, values.tiles, atol=1e-4)
    assert (found.badge, found.resolution) == ("trust, at 2 x 2 pixels", (2, 2))
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
    assert [result.check.key for result in trust.checks] == ([] if trust.empty else expected)
    assert all(math.isfinite(result.value) != (result.level == "silent") for result in trust.checks)
    assert trust.verdict == ("nothing to judge" if trust.empty else trust.verdict)
    assert trust.empty or explanation.values.any()


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


# --- what can and cannot be judged


@pytest.mark.parametrize("level", [0.0, 0.3, -2.0, math.nan, math.inf])
def test_an_empty_or_constant_or_broken_map_is_not_judged(level: float) -> None:
    _, score, image = affine_score()
    method = xai.attribution("deeplift", score)
    explanation = replace(method.attribute(image), values=torch.full_like(image, level))
    found = xai.examine(method, image, explanation)
    assert (found.verdict, found.badge, found.checks) == ("nothing to judge", "nothing to judge", ())
    assert found.resolution is None
    assert not found.examined_at(64)


@pytest.mark.parametrize(
    ("name", "shows"), [("activation", "response"), ("smoothgrad", "gradient"), ("gradcam", "gradient")]
)
def test_a_map_that_claims_nothing_about_the_score_gets_no_verdict(name: str, shows: str) -> None:
    score, image = xai.Score(discriminator(32)), pictures(1, 32)
    method = quick(name, score)
    found = xai.examine(method, image, method.attribute(image))
    assert found.verdict == "no claim"
    assert found.badge == f"shows a {shows}, not a reason"
    assert {result.check.category for result in found.checks} <= {"robustness", "randomisation", "estimation"}


def test_of_a_map_that_claims_nothing_it_is_said_that_it_ignores_the_weights() -> None:
    class EdgeResponse(Edges):
        claims = "response"

    score, image = xai.Score(discriminator(32)), pictures(1, 32)
    method = EdgeResponse(score)
    found = xai.examine(method, image, method.attribute(image))
    assert found.badge == "shows a response, not a reason"
    assert "failed: similarity after weight randomisation" in found.reason


def test_a_check_that_raises_is_silent_and_named_and_the_others_are_made() -> None:
    def broken(subject: Subject, progress: Progress) -> float:
        raise ZeroDivisionError("of its own")

    _, score, image = affine_score()
    method = xai.attribution("deeplift", score)
    mine = Check("mine", "axiomatic", "My check", "Mine.", broken, 1.0, 0.0, essential=True)
    found = xai.examine(method, image, method.attribute(image), checks=[mine, *CHECKS])
    assert found["mine"].level == "silent"
    assert "of its own" in found["mine"].error
    assert found.verdict == "caution"
    assert "not measurable: my check" in found.reason
    assert len(found.checks) > 5


@pytest.mark.parametrize("doubtful", [False, True])
def test_a_badge_that_says_trust_says_nothing_else_but_the_resolution(doubtful: bool) -> None:
    found = Trust(tuple(result(value) for value in (GOOD, GOOD, DOUBT if doubtful else GOOD)), 0.0)
    assert found.verdict == "trust"
    assert "doubt" not in found.badge
    assert ("in doubt: title" in found.reason) is doubtful  # the evidence shows it, so the reason does not hide it
    silent = Trust((result(GOOD), result(math.nan)), 0.0)
    assert "not measurable" not in silent.badge


def test_finer_detail_than_the_checks_tell_apart_is_not_examined() -> None:
    score, image = xai.Score(discriminator(32)), pictures(1, 32)
    method = quick("deeplift", score)
    found = xai.examine(method, image, method.attribute(image))
    assert found.resolution == (4, 4)
    assert [found.examined_at(detail) for detail in (1, 2, 4, 8)] == [False, False, True, True]
    assert not found.examined_at((4, 2))


def test_pixels_shuffled_within_the_resolution_get_the_same_verdict_and_beyond_it_another() -> None:
    _, score, image = affine_score()
    method = xai.attribution("deeplift", score)
    explanation = method.attribute(image)
    within = shuffled(explanation.values, 2)
    same = xai.examine(method, image, replace(explanation, values=within))
    assert (same.verdict, same.resolution) == ("trust", (2, 2))
    beyond = shuffled(explanation.values, 16)
    assert xai.examine(method, image, replace(explanation, values=beyond)).verdict == "do not trust"


def shuffled(values: torch.Tensor, side: int) -> torch.Tensor:
    """Pixels in random order within cells of ``side`` pixels."""
    cells = torch.nn.functional.unfold(values, side, stride=side).reshape(1, values.shape[1], side**2, -1)
    order = torch.randperm(side**2, generator=torch.Generator().manual_seed(0))
    moved = cells[:, :, order].reshape(1, -1, cells.shape[-1])
    return torch.nn.functional.fold(moved, values.shape[2:], side, stride=side)


def test_a_coarse_map_is_examined_at_its_own_tiles_only() -> None:
    score, image = xai.Score(discriminator(32)), pictures(1, 32)
    method = xai.attribution("shapley", score)
    found = xai.examine(method, image, method.attribute(image))
    assert found["shapley"].value == pytest.approx(1, abs=1e-3)
    assert found.resolution == (11, 11)


@pytest.mark.parametrize("kind", ["smooth", "opposite", "shifted"])
def test_maps_that_are_wrong_are_never_trusted(kind: str) -> None:
    _, score, image = affine_score()
    method, random = xai.attribution("deeplift", score), np.random.default_rng(0)
    explanation = method.attribute(image)
    for _ in range(20):
        values = {
            "smooth": torch.from_numpy(gaussian_filter(random.normal(size=image.shape), (0, 0, 2, 2))).float(),
            "opposite": -explanation.values,
            "shifted": explanation.values.roll(tuple(random.integers(3, 13, 2).tolist()), (2, 3)),
        }[kind]
        assert xai.examine(method, image, replace(explanation, values=values)).verdict != "trust"


@pytest.mark.parametrize(
    ("images", "of", "words"),
    [
        (pictures(2, 32), pictures(2, 32), "one by one"),
        (pictures(1, 32), pictures(2, 32), "one by one"),
        (pictures(1, 32), pictures(1, 32, first=4), "the picture that was explained"),
    ],
)
def test_a_verdict_is_on_the_one_picture_that_was_explained(images: torch.Tensor, of: torch.Tensor, words: str) -> None:
    method = xai.attribution("deeplift", xai.Score(discriminator(32)))
    with pytest.raises(xai.ExplanationError) as caught:
        xai.examine(method, images, method.attribute(of))
    assert words in one_sentence(caught.value)


@pytest.mark.parametrize("side", [2, 4])
def test_a_picture_without_eight_cells_a_side_is_too_small(side: int) -> None:
    network = scramble(lambda: nn.Sequential(nn.Flatten(), nn.Linear(3 * side * side, 1)))
    method, image = xai.attribution("gradient_input", xai.Score(network)), noise(1, 3, side, side)
    with pytest.raises(xai.ExplanationError) as caught:
        xai.examine(method, image, method.attribute(image))
    assert "8 x 8" in one_sentence(caught.value)


@pytest.mark.parametrize("name", list(xai.METHODS))
def test_a_picture_of_eight_pixels_a_side_can_be_judged(name: str) -> None:
    score = xai.Score(discriminator(8))
    image = pictures(1, 8)
    method = quick(name, score, **({"layer": "layers.1"} if "layer" in settings_of(xai.METHODS[name]) else {}))
    found = xai.examine(method, image, method.attribute(image))
    assert not [result.error for result in found.checks if result.error]


def test_a_map_of_another_size_is_of_another_picture() -> None:
    method, image = xai.attribution("deeplift", xai.Score(discriminator(32))), pictures(1, 32)
    explanation = method.attribute(image)
    smaller = replace(explanation, values=explanation.values[..., ::2, ::2])
    with pytest.raises(xai.ExplanationError) as caught:
        xai.examine(method, image, smaller)
    assert "16 x 16" in one_sentence(caught.value)

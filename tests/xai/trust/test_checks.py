"""The registry of checks: what an entry says of itself, and how one of one's own joins in."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

import xai
from gan.progress import Progress
from tests.xai.nets import discriminator, noise, pictures, quick
from tests.xai.trust.known_maps import SIDE, Known, affine_score
from xai.trust.check import Check, CheckResult, Subject
from xai.trust.checks import CHECKS
from xai.trust.faithfulness import curves
from xai.trust.verdict import examine


def subject(name: str = "deeplift") -> tuple[xai.Attribution, Tensor, xai.Explanation]:
    _, score, image = affine_score()
    method = quick(name, score)
    return method, image, method.attribute(image)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.key)
def test_a_check_speaks_to_people_and_its_thresholds_differ(check: Check) -> None:
    assert check.title
    assert check.title == check.title.strip()
    assert check.meaning.endswith(".")
    assert check.passes != check.fails
    assert check.higher == (check.passes > check.fails)
    assert check.cost >= 0


def test_the_help_of_examine_names_the_checks_and_no_more() -> None:
    assert repr(CHECKS[0]) == "Check('completeness')"
    assert len(str(inspect.signature(xai.examine))) < 1000


def test_keys_of_checks_are_unique() -> None:
    assert len({check.key for check in CHECKS}) == len(CHECKS)


# --- each check can pass, fail, and be silent

Draw = Callable[[Tensor, xai.Score, int], Tensor]


def exactly(image: Tensor, score: xai.Score, seed: int) -> Tensor:
    """What each pixel adds to an affine score over grey."""
    return score.gradient(image)[1] * image


def of_the_weights(image: Tensor, score: xai.Score, seed: int) -> Tensor:
    return score.gradient(image)[1]


def of_the_picture(image: Tensor, score: xai.Score, seed: int) -> Tensor:
    return image


def of_the_seed(image: Tensor, score: xai.Score, seed: int) -> Tensor:
    return noise(*image.shape, seed=seed)


def of_the_last_bits(image: Tensor, score: xai.Score, seed: int) -> Tensor:
    return noise(*image.shape, seed=int(image.abs().sum() * 1e4))


def opposite(image: Tensor, score: xai.Score, seed: int) -> Tensor:
    return -exactly(image, score, seed)


def nothing(image: Tensor, score: xai.Score, seed: int) -> Tensor:
    return 0 * image


@dataclass(frozen=True)
class Case:
    """A map, and the picture it is of: noise, or grey, of which there is nothing to say."""

    draw: Draw = exactly
    diagnostics: Mapping[str, float] = field(default_factory=dict)
    grey: bool = False
    gap: float = 0.0
    reference: str = "grey"


GOOD, BAD, UNKNOWN = Case(), Case(opposite), Case(nothing)
CASES: dict[str, tuple[Case, Case, Case]] = {
    "completeness": (Case(gap=0.0), Case(gap=9.0), Case(gap=math.nan)),
    "seeds": (GOOD, Case(of_the_seed), UNKNOWN),
    "r2": tuple(Case(diagnostics={"r2": value, "segment_count": 40}) for value in (0.9, 0.1, math.nan)),
    "segments": tuple(Case(diagnostics={"r2": 0.9, "segment_count": value}) for value in (40, 4, math.nan)),
    "split_half": tuple(Case(diagnostics={"split_half": value}) for value in (0.95, 0.2, math.nan)),
    "curves_reference": (GOOD, BAD, Case(grey=True)),
    "curves_blur": (GOOD, BAD, Case(grey=True)),
    "curves_grey": tuple(replace(case, reference="blur") for case in (GOOD, BAD, Case(grey=True))),
    "shapley": (GOOD, BAD, UNKNOWN),
    "infidelity": (GOOD, BAD, UNKNOWN),
    "placement": (GOOD, BAD, UNKNOWN),
    "sensitivity": (GOOD, Case(of_the_last_bits), UNKNOWN),
    "randomisation": (Case(of_the_weights), Case(of_the_picture), UNKNOWN),
}  # fmt: skip


def measured(check: Check, case: Case) -> str:
    """The level of a check in this case; "silent" where it does not apply."""
    _, score, image = affine_score()
    image = 0 * image if case.grey else image.clamp(-1, 1)
    method = Known(score, xai.reference(case.reference), draw=case.draw, diagnostics=case.diagnostics)
    explanation = replace(method.attribute(image), gap=torch.tensor([case.gap]), base_score=torch.tensor([0.0]))
    given = Subject(method, image, explanation)
    return check(given, lambda part: None).level if check.says_something_of(given) else "silent"


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.key)
def test_every_check_can_pass_and_fail_and_be_silent(check: Check) -> None:
    assert check.key in CASES, f"the check {check.key} needs a map that passes it, one that fails, one it cannot judge"
    assert [measured(check, case) for case in CASES[check.key]] == ["pass", "fail", "silent"]


@pytest.mark.parametrize("check", [check for check in CHECKS if check.category == "faithfulness"], ids=lambda c: c.key)
def test_a_smooth_map_that_knows_nothing_seldom_passes(check: Check) -> None:
    _, score, image = affine_score()
    method, random = xai.attribution("deeplift", score), np.random.default_rng(0)
    explanation, passed = method.attribute(image), 0
    if not check.applies(Subject(method, image, explanation)):
        pytest.skip("applies to another reference")
    for _ in range(40):
        smooth = gaussian_filter(random.normal(size=(1, 1, SIDE, SIDE)), (0, 0, 2, 2), mode="wrap")
        given = Subject(method, image, replace(explanation, values=torch.from_numpy(smooth).float()))
        passed += check(given, lambda part: None).level == "pass"
    assert passed <= 12  # a single check may; all together do not (test_verdict.py)


@pytest.mark.parametrize(
    ("size", "expected"),
    [((64, 64), (8, 8)), ((128, 128), (16, 16)), ((256, 256), (32, 32)), ((96, 64), (12, 8)), ((60, 60), (8, 8))],
)
def test_a_check_tells_apart_places_in_proportion_to_the_picture(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    check = next(check for check in CHECKS if check.key == "infidelity")
    assert CheckResult(check, 0.5, cells=check.cells).resolution(size) == expected
    assert CheckResult(check, 0.5).resolution(size) is None


# --- the method's own game

COMPLETE = [name for name, method in xai.METHODS.items() if method.complete]


@pytest.mark.parametrize("name", [*COMPLETE, "expected_gradients"])
@pytest.mark.parametrize("count", [1, 5])
def test_the_bars_beside_a_map_add_up_to_what_the_map_adds_up_to(name: str, count: int) -> None:
    score, image = xai.Score(discriminator(32)), pictures(1, 32)
    method = xai.attribution(name, score, reference=xai.reference("own", images=pictures(count, 32, first=5)))
    explanation = method.attribute(image)
    bars = xai.examine(method, image, explanation)["shapley"].evidence
    claimed = float(explanation.score - explanation.base_score)
    assert bars.total == pytest.approx(claimed, abs=1e-4)
    assert bars.exact.sum() == pytest.approx(claimed, abs=1e-4)
    assert bars.tiles.sum() == pytest.approx(float(explanation.values.sum()), abs=1e-4)
    assert bars.references == (count if method.averages_references else 1)
    if method.complete:
        assert bars.tiles.sum() == pytest.approx(claimed, abs=abs(float(explanation.gap)) + 1e-4)


def test_methods_that_average_over_references_say_so() -> None:
    averaging = [name for name, method in xai.METHODS.items() if method.averages_references]
    assert averaging == ["deepshap", "expected_gradients"]
    score, image = xai.Score(discriminator(32)), pictures(1, 32)
    several = xai.reference("own", images=pictures(3, 32))
    for name, words in (("deepshap", "averaged over comparisons with each of 3"), ("deeplift", "the mean of 3")):
        assert words in xai.attribution(name, score, reference=several).comparison(image)
    assert xai.attribution("deepshap", score).comparison(image) == "compared with a plain grey picture"
    assert xai.attribution("activation", score).comparison(image) == ""


# --- checks of one's own


def test_a_check_of_ones_own_is_measured_and_counts_in_the_verdict() -> None:
    def strongest(subject: Subject, progress: Progress) -> float:
        return float(np.abs(subject.explanation.heat()).max())

    method, image, explanation = subject()
    mine = Check("strongest", "axiomatic", "Strongest pixel", "Its size.", strongest, 1e9, 1e8, essential=True)
    trust = examine(method, image, explanation, checks=[*CHECKS, mine])
    assert trust["strongest"].value == pytest.approx(float(explanation.values[0].sum(0).abs().max()))
    assert trust.verdict == "do not trust"
    assert "failed: strongest pixel" in trust.reason
    assert [result.value for result in trust.checks[:-1]] == [
        result.value for result in examine(method, image, explanation).checks
    ]


def test_a_check_that_does_not_apply_is_neither_measured_nor_shown() -> None:
    def refuse(subject: Subject, progress: Progress) -> float:
        raise AssertionError("measured")

    check = Check("never", "axiomatic", "Never", "Never.", refuse, 1.0, 0.0, applies=lambda subject: False)
    trust = examine(*subject(), checks=[check])
    assert trust.checks == ()
    assert trust.reason == "every check is passed"


def test_the_evidence_is_what_the_value_was_computed_from() -> None:
    method, image, explanation = subject("gradient_input")
    trust = xai.examine(method, image, explanation)
    baseline = method.reference.single(image)
    shown = curves(method.score, image, explanation.heat(), baseline)
    assert np.array_equal(trust["curves_reference"].evidence.insertion, shown.insertion)
    assert trust["curves_reference"].value == shown.gain / shown.random_spread
    assert np.abs(trust["randomisation"].evidence.shuffles).mean() == pytest.approx(trust["randomisation"].value)
    values = trust["shapley"].evidence
    assert np.corrcoef(values.exact, values.tiles)[0, 1] == pytest.approx(trust["shapley"].value, abs=0.1)


def test_where_the_reference_is_a_blur_the_second_curves_are_masked_with_grey_and_say_so() -> None:
    _, score, image = affine_score()
    method = xai.attribution("deeplift", score, reference=xai.reference("blur"))
    explanation = method.attribute(image)
    trust = xai.examine(method, image, explanation)
    grey = curves(score, image, explanation.heat(), xai.reference("grey").single(image))
    assert "curves_blur" not in trust
    assert np.array_equal(trust["curves_grey"].evidence.insertion, grey.insertion)
    assert "grey" in trust["curves_grey"].check.title

"""The registry of checks: what an entry says of itself, and how one of one's own joins in."""

from __future__ import annotations

import numpy as np
import pytest
from torch import Tensor

import xai
from gan.progress import Progress
from tests.xai.nets import quick
from tests.xai.trust.known_maps import affine_score
from xai.trust.checks import CHECKS, Check, Subject
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


def test_keys_of_checks_are_unique() -> None:
    assert len({check.key for check in CHECKS}) == len(CHECKS)


def test_a_check_of_ones_own_is_measured_and_counts_in_the_verdict() -> None:
    def strongest(subject: Subject, progress: Progress) -> float:
        return float(np.abs(subject.explanation.heat()).max())

    method, image, explanation = subject()
    mine = Check("strongest", "axiomatic", "Strongest pixel", "Its size.", strongest, 1e9, 1e8, essential=True)
    trust = examine(method, image, explanation, checks=[*CHECKS, mine])
    assert trust["strongest"].value == pytest.approx(float(explanation.values[0].sum(0).abs().max()))
    assert trust.verdict == "do not trust"
    assert trust.reason == "failed: strongest pixel"
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
    assert abs(trust["randomisation"].evidence[-1]) == trust["randomisation"].value
    exact, sums = trust["shapley"].evidence
    assert np.corrcoef(exact, sums)[0, 1] == pytest.approx(trust["shapley"].value)


def test_where_the_reference_is_a_blur_the_second_curves_are_masked_with_grey() -> None:
    _, score, image = affine_score()
    method = xai.attribution("deeplift", score, reference=xai.reference("blur"))
    explanation = method.attribute(image)
    trust = xai.examine(method, image, explanation)
    grey = curves(score, image, explanation.heat(), xai.reference("grey").single(image))
    assert np.array_equal(trust["curves_blur"].evidence.insertion, grey.insertion)

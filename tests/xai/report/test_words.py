"""Numbers, verdicts and checks in words."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import xai
from tests.xai.nets import discriminator, pictures, quick
from xai.report import words
from xai.trust.check import Check, CheckResult


def explained(name: str) -> xai.Explanation:
    return quick(name, xai.Score(discriminator())).attribute(pictures(1, 32))


@pytest.mark.parametrize(
    ("logit", "expected"),
    [
        (1.0, ("real", "+1.00", "73.1%")), (-1.0, ("fake", "-1.00", "26.9%")), (0.0, ("fake", "+0.00", "50.0%")),
        (-1e6, ("fake", "-1000000.00", "0.0%")), (1e6, ("real", "+1000000.00", "100.0%")),
    ],
)  # fmt: skip
def test_a_verdict_has_a_word_a_logit_and_a_probability(logit: float, expected: tuple[str, str, str]) -> None:
    assert words.verdict(logit) == expected


def test_a_number_that_is_rounded_to_nothing_has_no_minus() -> None:
    assert words.verdict(-0.004)[1] == "+0.00"
    found = replace(explained("deeplift"), base_score=torch.tensor([-0.004]), gap=torch.tensor([-0.0]))
    assert "which scores +0.00;" in words.comparison(found, "compared with grey")
    assert "completeness gap +0" in words.facts(found, 1.0)[0]


def test_every_signed_number_in_a_text_is_written_so() -> None:
    """With "z" in its format, as in ``{value:+z.2f}``."""
    house = Path(xai.__file__).parents[1]
    sources = [path for room in ("gan", "xai", "dashboard", "scripts") for path in (house / room).rglob("*.py")]
    assert len(sources) > 300
    assert [path.name for path in sources if re.search(r"[:\"']\+\.\d[fg%]", path.read_text(encoding="utf-8"))] == []


def check(higher: bool = True, essential: bool = False) -> Check:
    passes, fails = (0.8, 0.4) if higher else (0.4, 0.8)
    return Check("key", "axiomatic", "Title", "", lambda subject, progress: 0.0, passes, fails, essential)


def test_a_check_says_its_value_interval_and_limits() -> None:
    assert CheckResult(check(), 0.5).text == "0.5"
    assert CheckResult(check(), 0.912, 0.5, 1.0).text == "0.91 (0.5 to 1)"
    assert CheckResult(check(), math.nan).text == "not measured"
    assert check().limits == ("≥ 0.8", "< 0.4")
    assert check(higher=False).limits == ("≤ 0.4", "> 0.8")
    assert check().starred == "Title"
    assert check(essential=True).starred == "Title *"
    assert replace(check(essential=True), category="faithfulness").starred == "Title **"
    assert replace(check(), category="faithfulness").starred == "Title"


def test_facts_are_those_that_the_method_reports() -> None:
    lime = explained("lime")
    assert words.facts(lime, 0.0123)[0].startswith("R² ")
    assert "segments" in words.facts(lime, 0.0123)[0]
    assert words.facts(lime, 0.0123)[1:] == ["full colour: 0.012 logit a pixel"]
    assert words.facts(explained("shapley"), 1.0)[1] == "4 segments"
    assert words.facts(explained("deeplift"), 1.0)[0].startswith("completeness gap ")
    assert words.facts(explained("activation"), 1.0)[0].endswith(" of layers.4")


def test_sums_are_told_of_maps_in_the_scores_units_only() -> None:
    deeplift = explained("deeplift")
    reference, attributions = float(deeplift.base_score), float(deeplift.values.sum())
    assert words.sums(deeplift) == f"reference {reference:+z.2f}, attributions {attributions:+z.2f}"
    assert words.sums(explained("activation")) == words.sums(explained("smoothgrad")) == ""

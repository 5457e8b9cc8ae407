"""The badge of a map at the detail that is shown: nothing is claimed of what was not examined."""

from __future__ import annotations

import re

import pytest

import xai
from xai.bench.standing import LocalisationStanding
from xai.render import block_of
from xai.trust.badges import badge, standing_sentence, summary
from xai.trust.verdict import VERDICTS, Trust

BETTER, WORSE, LEVEL = (LocalisationStanding(8, value, value - 0.02, value + 0.02) for value in (0.1, -0.1, 0.0))


def judged(verdict: str, resolution: tuple[int, int] | None = (8, 8)) -> xai.Trust:
    kind = type("Judged", (Trust,), {"verdict": verdict, "resolution": resolution, "reason": "R"})
    made: xai.Trust = kind((), 0.0, claims="response" if verdict == "no claim" else "score")
    return made


@pytest.mark.parametrize("verdict", ["trust", "caution"])
def test_a_verdict_holds_down_to_its_resolution(verdict: str) -> None:
    for detail in (8, 16, 32):
        assert badge(judged(verdict), detail).text == f"{verdict}, at 8 x 8 pixels"
    for detail in (1, 2, 4):
        shown = badge(judged(verdict), detail)
        assert shown.shown == "not examined"
        assert shown.text == f"not examined at {detail} px"
        assert shown.note == f"Coarser: {verdict}, at 8 x 8 pixels: R"


def test_an_oblong_posters_map_is_examined_in_blocks_as_oblong_as_it() -> None:
    examined = judged("trust", (12, 8))
    assert badge(examined, block_of(8, (96, 64))).text == "trust, at 12 x 8 pixels"
    assert badge(examined, 8).text == "not examined at 8 px"
    assert badge(examined, block_of(4, (96, 64))).text == "not examined at 6 x 4 px"


@pytest.mark.parametrize("detail", [1, 8, 32])
def test_a_map_that_is_wrong_at_coarse_places_is_wrong_at_every_detail(detail: int) -> None:
    shown = badge(judged("do not trust"), detail)
    assert (shown.shown, shown.text, shown.note) == ("do not trust", "do not trust", "R")


def test_a_map_is_not_trusted_where_its_method_locates_less_than_an_edge_detector() -> None:
    assert badge(judged("trust"), 8, BETTER).shown == "trust"
    assert badge(judged("trust"), 8, LEVEL).shown == "trust"
    worse = badge(judged("trust"), 8, WORSE)
    assert (worse.shown, worse.text) == ("caution", "caution, at 8 x 8 pixels")
    assert badge(judged("trust"), 1, LocalisationStanding(1, -0.1, -0.2, -0.05)).shown == "not examined"


@pytest.mark.parametrize("verdict", VERDICTS)
@pytest.mark.parametrize("detail", [None, 1, 8])
@pytest.mark.parametrize("standing", [None, BETTER, WORSE, LEVEL])
def test_no_badge_says_trust_and_in_doubt(
    verdict: str, detail: int | None, standing: LocalisationStanding | None
) -> None:
    shown = badge(judged(verdict), detail, standing)
    assert not (shown.shown == "trust" and re.search(r"doubt|failed|less", shown.note))
    assert shown.text


def test_a_standing_says_what_was_measured() -> None:
    assert "better than an edge detector: +0.10 (+0.08 to +0.12)" in standing_sentence(BETTER)
    assert "less well than an edge detector: -0.10" in standing_sentence(WORSE)
    assert "neither better nor worse" in standing_sentence(LEVEL)


def test_a_summary_names_each_map_once_the_trusted_ones_first() -> None:
    maps = {
        "LIME": judged("caution"),
        "A": judged("no claim"),
        "DeepLIFT": judged("trust"),
        "DeepSHAP": judged("trust"),
    }
    assert summary({name: badge(trust, 8) for name, trust in maps.items()}) == (
        "To be trusted: DeepLIFT, DeepSHAP. With caution: LIME. No verdict, for it names no reasons: A."
    )
    fine = {name: badge(trust, 1) for name, trust in maps.items()}
    assert summary(fine).startswith("Not examined at this detail: LIME, DeepLIFT, DeepSHAP.")


@pytest.mark.parametrize("verdict", VERDICTS)
def test_no_kind_of_verdict_is_left_out_of_a_summary(verdict: str) -> None:
    assert summary({"DeepLIFT": badge(judged(verdict), 8)}).endswith(": DeepLIFT.")

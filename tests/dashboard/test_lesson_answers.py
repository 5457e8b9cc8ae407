"""Every computed answer follows the networks and the state: each comes out in more than one way."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import gan
from dashboard.cached import latents
from dashboard.lessons.answers import ANSWERS, Answer, is_right, right_answer
from dashboard.lessons.lesson import Question
from dashboard.lessons.tables import LessonError

CHECKPOINTS = Path(__file__).parents[2] / "checkpoints"
NEW, OLD, WHOLE = "wider-64", "dcgan-64", "whole-64"
Case = tuple[str, dict[str, object], dict[str, object]]  # the checkpoint, the state, what the question gives

# Two cases of each whose answers differ.
CASES: dict[str, tuple[Case, Case]] = {
    "verdict": ((NEW, {"seed": 0}, {}), (NEW, {"seed": 8}, {})),
    "logit": ((NEW, {"seed": 0}, {}), (NEW, {"seed": 8}, {})),
    "more_real": ((NEW, {}, {"seeds": [8, 5]}), (OLD, {}, {"seeds": [8, 5]})),
    "map_sum": ((NEW, {"seed": 5}, {}), (NEW, {"seed": 5, "reference": "black"}, {})),
    "map_trust": ((NEW, {"seed": 1}, {"method": "deepshap"}), (NEW, {"seed": 0}, {"method": "deepshap"})),
    "baseline_agreement": (
        (NEW, {"seed": 2, "reference": "grey"}, {"other": "black"}),
        (NEW, {"seed": 2, "reference": "grey"}, {"other": "grey"}),
    ),
    "strongest_filter": ((NEW, {"seed": 5, "d_layer": "layers.7"}, {}), (OLD, {"seed": 5, "d_layer": "layers.7"}, {})),
    "filter_says": (
        (NEW, {"seed": 5, "d_layer": "layers.7", "d_unit": 18}, {}),
        (NEW, {"seed": 5, "d_layer": "layers.7", "d_unit": 224}, {}),
    ),
    "fewest_filters": (
        (NEW, {"seed": 5, "d_layer": "layers.7", "d_by": "reference", "reference": "black"}, {}),
        (NEW, {"seed": 4, "d_layer": "layers.7", "d_by": "reference", "reference": "black"}, {}),
    ),
    "ablation_logit": (
        (NEW, {"seed": 0, "g_layer": "layers.11", "g_unit": 19}, {}),
        (NEW, {"seed": 0, "g_layer": "layers.11", "g_unit": 0}, {}),
    ),
    "filter_verdict": (
        (NEW, {"seed": 0, "g_layer": "layers.8", "g_unit": 25}, {}),
        (NEW, {"seed": 0, "g_layer": "layers.8", "g_unit": 15}, {}),
    ),
    "pruned_filters": ((NEW, {"percent": 20}, {}), (NEW, {"percent": 30}, {})),
    "prunable": ((WHOLE, {}, {"ranking": "duplicates"}), (OLD, {}, {"ranking": "duplicates"})),
    "latent_rank": ((NEW, {"seed": 0, "latent": 6}, {}), (NEW, {"seed": 0, "latent": 72}, {})),
    "latent_strongest": ((NEW, {"seed": 0}, {}), (NEW, {"seed": 3}, {})),
    "latent_third": ((NEW, {"seed": 3, "latent": 6}, {}), (OLD, {"seed": 3, "latent": 6}, {})),
    "best_validation": ((NEW, {"run": OLD}, {}), (NEW, {"run": NEW}, {})),
    "closer_checkpoint": ((NEW, {}, {"checkpoints": [OLD, NEW]}), (NEW, {}, {"checkpoints": [OLD, "dcgan-128"]})),
    "metric": ((NEW, {}, {"name": "recall"}), (OLD, {}, {"name": "recall"})),
    "rarest_kind": ((NEW, {}, {}), (OLD, {}, {})),
    "strategies": ((NEW, {"verdict": "fake"}, {}), (OLD, {"verdict": "fake"}, {})),
}


def written(values: dict[str, object]) -> dict[str, tuple[str, ...]]:
    return {
        name: tuple(map(str, value)) if isinstance(value, list) else (str(value),) for name, value in values.items()
    }


def answer(name: str, case: Case) -> Answer:
    checkpoint, state, given = case
    question = Question("?", compute=name, given=written(given))
    return right_answer(question, written(state), gan.load(CHECKPOINTS / checkpoint))


def test_every_answer_has_its_cases() -> None:
    assert {*CASES, "most_important"} == set(ANSWERS)


@pytest.mark.parametrize("largest", [0, 2])
def test_the_most_important_dimension_is_that_of_the_largest_index(
    monkeypatch: pytest.MonkeyPatch, largest: int
) -> None:
    values = np.full(3, 0.1)
    values[largest] = 0.7
    importance = SimpleNamespace(of=lambda what: SimpleNamespace(value=values))
    monkeypatch.setattr(latents, "latent_study", lambda checkpoint: SimpleNamespace(importance=importance))
    assert answer("most_important", (NEW, {}, {})).value == largest


@pytest.mark.parametrize("name", CASES)
def test_an_answer_comes_out_in_more_than_one_way(name: str) -> None:
    first, second = (answer(name, case) for case in CASES[name])
    assert first.value != second.value, (first, second)
    for found, case in zip((first, second), CASES[name], strict=True):
        words = ANSWERS[name].words(written(case[2]))
        assert found.value in words if words else isinstance(found.value, float)
        assert found.because.endswith(".")


def test_deeplift_adds_up_to_the_difference_of_the_logits() -> None:
    """The oracle is D itself."""
    import torch

    import xai

    checkpoint = gan.load(CHECKPOINTS / NEW)
    with torch.no_grad():
        poster = checkpoint.need_generator()(gan.latents([5], checkpoint.config))
        score = xai.Score(checkpoint.need_discriminator())
        difference = float(score(poster)) - float(score(torch.full_like(poster, -1.0)))
    found = answer("map_sum", (NEW, {"seed": 5, "reference": "black"}, {}))
    assert found.value == pytest.approx(difference, abs=1e-3)


def test_detail_below_what_was_checked_is_neither_trust_nor_caution() -> None:
    found = answer("map_trust", (NEW, {"seed": 2, "detail": "1 px"}, {"method": "deeplift"}))
    assert found.value == "neither"


def test_what_cannot_be_computed_is_said() -> None:
    with pytest.raises(LessonError, match="generated posters only"):
        answer("logit", (NEW, {"source": "Poster", "seed": 0}, {}))
    with pytest.raises(LessonError, match="is not here"):
        answer("best_validation", (NEW, {"run": "nowhere"}, {}))
    with pytest.raises(LessonError, match="Without a checkpoint"):
        right_answer(Question("?", compute="verdict"), {"seed": ("0",)}, None)


def test_a_number_is_right_within_its_tolerance() -> None:
    question = Question("?", compute="logit", tolerance=0.01)
    assert is_right(question, -1.2, -1.204)
    assert not is_right(question, -1.18, -1.204)
    assert not is_right(Question("?", ("real", "fake"), "real"), "fake", "real")

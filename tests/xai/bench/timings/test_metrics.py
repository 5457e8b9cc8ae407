"""Our metrics against those of Quantus and captum, where all of them define the same number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

import gan
import xai
from tests.xai.nets import discriminator, pictures, scramble
from xai.bench.timings import metrics as module
from xai.bench.timings.metrics import (
    MISSING,
    QUIET,
    Flipping,
    Pairs,
    ask,
    hidden_patches,
    missed,
    missed_by_captum,
    most_sensitive,
    most_sensitive_by_captum,
    patch,
    randomised,
)
from xai.bench.timings.timing import Bench, Times
from xai.methods.perturbation.coalitions import Game
from xai.methods.perturbation.segments import grid
from xai.trust.check import Subject
from xai.trust.faithfulness import curves, halves
from xai.trust.robustness import cascading_randomisation, sensitivity_max


@pytest.fixture(scope="module")
def quantus() -> Any:
    return pytest.importorskip("quantus")


def subject_of(side: int = 32, name: str = "deeplift", network: nn.Module | None = None) -> Subject:
    score, image = xai.Score(network or discriminator(side)), 0.9 * pictures(1, side)
    method = xai.attribution(name, score)
    return Subject(method, image, method.attribute(image))


# --- one metric at a time


@pytest.mark.parametrize("side", [8, 32])  # a pixel is a cell, and several are
def test_insertion_and_deletion_are_the_curves_of_pixel_flipping(quantus: Any, side: int) -> None:
    subject = subject_of(side)
    found = curves(subject.method.score, subject.image, subject.explanation.heat(), subject.baseline)
    flipped = Flipping(quantus, subject.method.score.module())(subject)
    deleted, inserted = flipped[:17], flipped[17:, ::-1]
    assert np.ptp(found.deletion) > 0.1
    assert np.allclose(found.deletion[1:], deleted[0], atol=1e-5)
    assert np.allclose(found.insertion[:-1], inserted[0], atol=1e-5)
    whole, empty = found.deletion[0], found.insertion[0]
    insertion = np.column_stack([inserted, np.full(17, whole)])
    deletion = np.column_stack([np.full(17, whole), deleted])
    gains = insertion.mean(1) - deletion.mean(1)
    assert found.gain == pytest.approx(gains[0], abs=1e-5)
    assert found.random_spread == pytest.approx(np.sqrt((gains[1:] ** 2).mean()), abs=1e-5)
    assert np.allclose(found.random, (insertion[1:] + deletion[1:, ::-1]).mean(0) / 2, atol=1e-5)
    assert found.random[0] == pytest.approx(empty, abs=1e-5)


@pytest.mark.parametrize("name", ["deeplift", "gradient_input"])
def test_infidelity_is_captums_with_the_papers_scaling(name: str) -> None:
    subject = subject_of(32, name)
    found = missed(subject.explanation.heat(), subject.halves)
    assert found > 0.01
    by_captum = missed_by_captum(subject.method.score.module(), subject, subject.halves.present)
    assert float(by_captum) == pytest.approx(found, rel=1e-4)


def test_infidelity_is_quantus_of_a_map_in_the_best_scale(quantus: Any) -> None:
    subject = subject_of(16)
    known = halves(Game.of(subject.method.score, subject.image, subject.baseline, grid(16, 16, 8)), masks=128)
    pairs = Pairs(subject.method.score.module(), subject, known.present).eval()
    heat = subject.explanation.heat()
    predicted = known.predicted(heat)
    scale = float(predicted @ known.difference / (predicted @ predicted))

    def perturb(arr: NDArray[np.float32], **_: Any) -> NDArray[np.float32]:
        return pairs.perturbed(pairs.middle)[1].numpy().reshape(arr.shape)

    metric = quantus.Infidelity(perturb_patch_sizes=[2], n_perturb_samples=1, perturb_func=perturb, **QUIET)  # 64 pairs
    per_unit = scale * subject.explanation.values / pairs.reach  # Quantus multiplies a map with what has changed
    [by_quantus] = ask(metric, pairs, pairs.middle.numpy(), per_unit.numpy())
    assert missed(heat, known) > 1e-3
    assert by_quantus == pytest.approx(missed(heat, known), rel=1e-3)


def test_patches_that_are_hidden_one_after_another_are_those_of_quantus(quantus: Any) -> None:
    subject = subject_of(32)
    side, count = patch(*subject.size)
    assert (side, count) == (2, 256)
    assert patch(96, 64) == (4, 384)
    network, image = subject.method.score.module(), subject.image
    [found] = hidden_patches(quantus, network, subject, side)
    order = torch.from_numpy(grid(32, 32, 16))
    hidden = torch.stack([torch.where(order <= last, 0.0, image[0]) for last in range(count)])
    changes = subject.method.score(image) - subject.method.score(hidden)
    sums = (subject.explanation.values * (image - hidden)).sum((1, 2, 3))
    assert found == pytest.approx(float(((changes - sums) ** 2).mean()), rel=1e-3)


@pytest.mark.parametrize("name", ["deeplift", "gradient_input"])
def test_the_largest_change_is_that_of_captum(name: str) -> None:
    subject = subject_of(32, name)
    found = sensitivity_max(subject.method, subject.image, subject.explanation, samples=5)
    assert found > 0.01
    assert float(most_sensitive_by_captum(subject, samples=5)) == pytest.approx(found, rel=1e-5)


def test_the_largest_change_is_that_of_quantus(quantus: Any) -> None:
    subject = subject_of(32, "gradient_input")
    found = sensitivity_max(subject.method, subject.image, subject.explanation, samples=5)
    [by_quantus] = most_sensitive(quantus, subject.method.score.module(), subject, samples=5)
    assert by_quantus == pytest.approx(found, rel=1e-5)


class Shuffled(nn.Conv2d):
    """A convolution whose way of drawing its weights anew is to shuffle them."""

    random: ClassVar[torch.Generator | None] = None

    @torch.no_grad()
    def reset_parameters(self) -> None:
        if self.random is None:
            super().reset_parameters()
        else:
            for weight in self.parameters():
                places = torch.randperm(weight.numel(), generator=self.random)
                weight.copy_(weight.flatten()[places].reshape(weight.shape))


@pytest.fixture
def shuffling(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with torch.random.fork_rng():  # Quantus seeds the global one
        monkeypatch.setattr(Shuffled, "random", torch.Generator().manual_seed(0))
        yield


def test_a_cascade_is_the_model_parameter_randomisation_test_of_quantus(quantus: Any, request: Any) -> None:
    network = scramble(
        lambda: nn.Sequential(
            Shuffled(3, 6, 4, 2, 1),
            nn.LeakyReLU(0.2),
            Shuffled(6, 8, 4, 2, 1),
            nn.LeakyReLU(0.2),
            Shuffled(8, 1, 4),
            nn.Flatten(),
        )
    )
    subject = subject_of(16, network=network)  # magnitudes are ranked on 16 x 16 cells: here pixels
    found = cascading_randomisation(subject.method, subject.image, subject.explanation)
    request.getfixturevalue("shuffling")
    by_layer = randomised(quantus, subject.method.score.module(), subject)
    [original], *others = by_layer.values()
    assert original == pytest.approx(1)
    assert len(found.similarity) == 3
    assert np.allclose([value for [value] in others], found.similarity, atol=1e-4)
    assert min(found.similarity) < 0.9


# --- what is timed


def once(answers: list[list[Any]]) -> Callable[..., list[Times]]:
    """In place of ``turns``: each job is done once; the peer takes longer."""

    def turns(count: int, *jobs: Callable[[int], Any]) -> list[Times]:
        answers.append([job(1) for job in jobs])
        return [Times((float(place),)) for place in range(1, len(jobs) + 1)]

    return turns


@pytest.fixture
def bench(checkpoints: Path) -> Bench:
    return Bench(checkpoints / "tiny", gan.load(checkpoints / "tiny"), 0.9 * pictures(18, 8), turns=1)


def test_every_metric_is_timed_beside_quantus(quantus: Any, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[list[Any]] = []
    monkeypatch.setattr(module, "turns", once(answers))
    with torch.random.fork_rng():
        rows = list(module.metrics(bench))
    (shown, flipped), (_, _, *patches), (change, _, one, several), (_, *cascades) = answers
    assert np.allclose(shown.deletion[1:], flipped[0], atol=1e-5)
    assert one == pytest.approx([change], rel=1e-4)
    assert {len(many) for many in (patches[1], several, *cascades[1].values())} == {16}
    assert [row.peer.split(",")[0] for row in rows].count("Quantus") == 3  # of several posters
    assert all(row.theirs is not None and row.ratio is not None for row in rows)


def test_without_quantus_captums_rows_are_there_and_the_others_say_what_is_missing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[list[Any]] = []
    monkeypatch.setattr(module, "turns", once(answers))
    monkeypatch.setattr(module, "installed", lambda: None)
    rows = list(module.metrics(bench))
    assert [row.peer for row in rows] == ["", "captum infidelity", "", "captum sensitivity_max", "", ""]
    assert all(row.note == MISSING for row in rows if not row.peer)
    for found, captum in answers[1:3]:
        assert float(captum) == pytest.approx(found, rel=1e-4)
        assert found > 0

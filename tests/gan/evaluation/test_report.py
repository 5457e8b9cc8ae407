from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import gan
from gan.evaluation import conditioning, report, validation
from gan.evaluation.estimates import subsample_evenly
from gan.evaluation.features import generated_features, poster_features
from gan.evaluation.metrics import GROUPS, in_group
from gan.evaluation.report import Evaluation, evaluate, read, write
from gan.evaluation.samples.distances import compare_with_intervals, frechet_distance
from tests.gan.small_judge import normal

pytestmark = pytest.mark.usefixtures("small_judge")


@pytest.fixture
def checkpoint(checkpoints: Path) -> gan.Checkpoint:
    return gan.load(checkpoints / "tiny")


@pytest.fixture
def halves(posters: gan.PosterSet) -> tuple[gan.PosterSet, gan.PosterSet]:
    """24 posters to train on and 16 held out."""
    return posters.select(range(24)), posters.select(range(24, 40))


def test_a_checkpoint_is_measured_the_same_on_every_run(
    checkpoint: gan.Checkpoint, halves: tuple[gan.PosterSet, gan.PosterSet], tmp_path: Path
) -> None:
    told: list[tuple[str, float]] = []
    found = evaluate(checkpoint, *halves, samples=20, progress=lambda what, part: told.append((what, part)))
    assert found == evaluate(checkpoint, *halves, samples=20)
    assert (found.name, found.digest) == ("tiny", checkpoint.digest)
    assert (found.training, found.held_out, found.samples) == (24, 16, 20)
    assert all(0 <= part <= 1 for _, part in told)
    assert {"training posters", "generated posters", "memorization", "diversity"} <= {what for what, _ in told}

    training, held_out = halves
    made = generated_features(checkpoint.generator, 20, report.FIRST_SEED)
    real, known = poster_features(held_out), poster_features(training)
    assert found.generated["fd_lite1"].value == frechet_distance(real, made)
    assert found.floor["fd_lite1"].value == frechet_distance(real, subsample_evenly(known, 20))
    assert found.floor.keys() == found.generated.keys()
    with torch.no_grad():
        judged = checkpoint.discriminator.logit(held_out.tensor(range(16)))
    assert found.discriminator["accuracy_held_out"].value == pytest.approx(float((judged > 0).float().mean()))
    assert {pair.poster for pair in found.closest} <= set(training.names)
    measured = [*found.generated, *found.discriminator, *found.memorization, *found.diversity]
    assert measured == [metric.name for group in GROUPS if group != "genres" for metric in in_group(group)]

    write(found, tmp_path)
    assert read(tmp_path) == found
    assert "NaN" not in (tmp_path / "evaluate.json").read_text()


def test_floor_and_generated_posters_have_one_count_where_there_are_few_training_posters(
    checkpoint: gan.Checkpoint, halves: tuple[gan.PosterSet, gan.PosterSet]
) -> None:
    found = evaluate(checkpoint, *halves, samples=500)
    assert (found.samples, found.training) == (24, 24)
    assert found.generated == evaluate(checkpoint, *halves, samples=24).generated
    made = generated_features(checkpoint.generator, 24, report.FIRST_SEED)
    assert found.generated["fd_lite1"].value == frechet_distance(poster_features(halves[1]), made)


class Redraws(torch.nn.Module):
    """A perfect generator: it draws from what the posters are drawn from, uniform noise in 8 x 8 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.config = gan.ModelConfig(resolution=8, latent=192, width=4)
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return torch.erf(z / 2**0.5).reshape(-1, 3, 8, 8)


def test_a_perfect_generator_is_as_often_above_the_floor_as_below() -> None:
    below = []
    for trial in range(24):
        pixels = np.random.default_rng(trial).integers(0, 256, (50, 8, 8, 3), dtype=np.uint8)
        every = gan.PosterSet(pixels, tuple(f"{trial}-{number}.png" for number in range(50)), ((),) * 50)
        found = validation.validate(Redraws(), every.select(range(30)), every.select(range(30, 50)), 600, 1000 * trial)
        below.append(found.metrics["fd_lite1"] < found.floor["fd_lite1"])
    assert 5 <= sum(below) <= 19  # 99.7 % of fair coins; with 600 generated posters against 30, nearly all are below


def test_real_posters_alone_stand_at_the_floor() -> None:
    """Two sets of the real distribution cannot be told apart by any figure; a shifted one can."""
    real, floor, other = normal(1, 300), normal(2, 300), normal(3, 300)
    one, again = (compare_with_intervals(real, rows) for rows in (floor, other))
    shifted = compare_with_intervals(real, floor + 0.7)
    assert all(one[key].low < again[key].high and again[key].low < one[key].high for key in one)
    assert one["kid_lite1"].low < 0 < one["kid_lite1"].high
    assert shifted["fd_lite1"].low > one["fd_lite1"].high
    assert shifted["coverage"].high < one["coverage"].low


def test_a_conditional_checkpoint_is_measured_with_genres(
    halves: tuple[gan.PosterSet, gan.PosterSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conditioning, "FEWEST", 3)
    monkeypatch.setattr(conditioning, "GENRE_SAMPLES", 12)
    training, held_out = halves
    genres = tuple(held_out.genre_counts())[:2]
    config = gan.ModelConfig(resolution=8, latent=8, width=4, genres=genres)
    torch.manual_seed(0)
    networks = gan.Generator(config).eval(), gan.Discriminator(config).eval()
    found = evaluate(gan.Checkpoint(*networks, config, digest="c"), training, held_out, samples=16)
    with_it = training.genre_labels(genres)
    wanted = [g for i, g in enumerate(genres) if (with_it[:, i] == 1).sum() >= 3 and (with_it[:, i] == -1).sum() >= 3]
    assert [one.genre for one in found.genres] == wanted != []
    assert Evaluation.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_a_generator_alone_is_evaluated_without_d(
    checkpoint: gan.Checkpoint, halves: tuple[gan.PosterSet, gan.PosterSet], tmp_path: Path
) -> None:
    found = evaluate(replace(checkpoint, discriminator=None), *halves, samples=16)
    assert found.discriminator is found.threshold is None
    assert read(write(found, tmp_path).parent) == found


def test_what_cannot_be_evaluated_is_said_in_a_sentence(
    checkpoint: gan.Checkpoint, halves: tuple[gan.PosterSet, gan.PosterSet]
) -> None:
    training, held_out = halves
    with pytest.raises(gan.CheckpointError, match="tiny has no generator, only a discriminator"):
        evaluate(replace(checkpoint, generator=None), *halves)
    wide = replace(held_out, images=np.zeros((16, 12, 8, 3), np.uint8))
    with pytest.raises(gan.DataError, match="The generator's pictures are 8 x 8; the posters are 12 x 8"):
        evaluate(checkpoint, training, wide)
    with pytest.raises(gan.DataError, match=r"at least 10 held-out posters .* not 9 and 24"):
        evaluate(checkpoint, training, held_out.select(range(9)))
    with pytest.raises(gan.DataError, match=r"at least 10 generated posters, not 3"):
        evaluate(checkpoint, training, held_out, samples=3)


def test_where_nothing_was_measured_there_is_nothing_to_read(tmp_path: Path) -> None:
    assert read(tmp_path) is None
    assert read(tmp_path / "nowhere") is None


def test_an_evaluation_of_version_0_1_is_read(
    checkpoint: gan.Checkpoint, halves: tuple[gan.PosterSet, gan.PosterSet], tmp_path: Path
) -> None:
    evaluation = evaluate(checkpoint, *halves, samples=16)
    text = json.dumps(evaluation.to_json())
    for old, new in report.OLD_KEYS.items():
        text = text.replace(f'"{new}"', f'"{old}"')
    assert '"collapse"' in text
    assert '"ranking_held_out"' in text
    (tmp_path / "evaluate.json").write_text(text)
    assert read(tmp_path) == evaluation


def test_an_evaluation_with_an_unknown_metric_is_not_one(
    checkpoint: gan.Checkpoint, halves: tuple[gan.PosterSet, gan.PosterSet], tmp_path: Path
) -> None:
    path = write(evaluate(checkpoint, *halves, samples=16), tmp_path)
    path.write_text(path.read_text().replace('"coverage"', '"covering"'))
    with pytest.raises(gan.CheckpointError, match=r"evaluate\.json is not an evaluation"):
        read(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"closest": 3}', "{"])
def test_a_damaged_evaluation_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "evaluate.json").write_text(text)
    with pytest.raises(gan.CheckpointError, match=r"evaluate\.json is not an evaluation"):
        read(tmp_path)

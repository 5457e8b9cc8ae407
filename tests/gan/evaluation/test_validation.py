from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gan import CheckpointError, Generator, MetricsUnavailableError, ModelConfig, PosterSet, latents, to_uint8
from gan.evaluation import validation
from gan.evaluation.estimates import subsample_evenly
from gan.evaluation.features import generated_features, poster_features, random_labels
from gan.evaluation.samples.distances import compare, frechet_distance, kid
from gan.evaluation.validation import Validation, validate
from tests.gan.small_judge import Asked, Judge

pytestmark = pytest.mark.usefixtures("small_judge")
KEYS = {
    "fd_lite1", "kid_lite1", "precision", "recall", "density", "coverage", "symmetric_precision", "symmetric_recall",
    "clipped_density", "clipped_coverage", "feature_variance",
}  # fmt: skip


@pytest.fixture
def parts(posters: PosterSet) -> tuple[PosterSet, PosterSet]:
    """Training and held-out posters: 30 and 10."""
    return posters.select(range(30)), posters.select(range(30, 40))


@pytest.fixture
def generator(tiny: ModelConfig) -> Generator:
    """Of posters that differ: first weights draw nothing but grey."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        drawing = Generator(tiny).eval()
        drawing.layers[3].weight.mul_(40)
    return drawing


def test_the_metrics_are_the_distances_of_the_two_sets_of_features(
    generator: Generator, parts: tuple[PosterSet, PosterSet]
) -> None:
    found = validate(generator, *parts, samples=25, first_seed=5)
    real, made = poster_features(parts[1]), generated_features(generator, 25, 5)
    assert real.shape == (10, 12)
    assert made.shape == (25, 12)
    assert found.metrics == compare(real, made)
    assert found.metrics["fd_lite1"] == frechet_distance(real, made) > 0
    assert found.metrics["kid_lite1"] == kid(real, made)
    assert found.metrics.keys() == found.floor.keys() == KEYS


@pytest.mark.parametrize(("samples", "looked_at"), [(12, 12), (300, 30)])
def test_the_floor_is_of_as_many_training_posters_as_generated_ones(
    generator: Generator, parts: tuple[PosterSet, PosterSet], samples: int, looked_at: int
) -> None:
    found = validate(generator, *parts, samples=samples)
    known = poster_features(parts[0].select(subsample_evenly(np.arange(30), samples)))
    assert len(known) == found.training == looked_at
    assert found.floor == compare(poster_features(parts[1]), known)
    assert (found.samples, found.held_out) == (looked_at, 10)
    assert found.metrics == compare(poster_features(parts[1]), generated_features(generator, looked_at, 0))


def test_a_generated_poster_that_copies_a_training_poster_is_listed_with_it(
    generator: Generator, parts: tuple[PosterSet, PosterSet]
) -> None:
    """Two training posters are pictures of this generator: they come first, with their seeds."""
    training, held_out = parts
    images = np.array(training.images)
    with torch.no_grad():
        images[[4, 9]] = to_uint8(generator(latents([5, 8], generator.config)))
    found = validate(generator, replace(training, images=images), held_out, 40, first_seed=3)
    assert {(pair.seed, pair.poster) for pair in found.closest[:2]} == {
        (5, training.names[4]),
        (8, training.names[9]),
    }
    assert all(pair.distance < 0.01 for pair in found.closest[:2])  # but for what bytes round
    assert found.closest[2].distance > 2 * found.closest[1].distance


def test_a_conditional_generator_is_judged_by_what_random_training_posters_ask_for(
    parts: tuple[PosterSet, PosterSet],
) -> None:
    genres = tuple(parts[0].genre_counts())[:3]
    asked = Asked(ModelConfig(resolution=8, latent=8, width=4, genres=genres))
    made = generated_features(asked, 30, 3, random_labels(parts[0], genres, 30, seed=3))
    assert validate(asked, *parts, samples=70, first_seed=3).metrics == compare(poster_features(parts[1]), made)


@pytest.mark.parametrize("few", [0, 1])
def test_validation_needs_two_posters_of_either_kind(
    generator: Generator, parts: tuple[PosterSet, PosterSet], few: int
) -> None:
    lacking = [part.select([0]) if place == few else part for place, part in enumerate(parts)]
    with pytest.raises(MetricsUnavailableError, match="two held-out and two training posters"):
        validate(generator, *lacking)


def test_real_posters_are_looked_at_once(
    small_judge: Judge, generator: Generator, parts: tuple[PosterSet, PosterSet]
) -> None:
    validate(generator, *parts, samples=12)
    first = sum(small_judge.sizes)
    validate(generator, *parts, samples=12)
    assert (first, sum(small_judge.sizes) - first) == (10 + 12 + 12, 12)


def test_a_validation_is_read_back_and_a_damaged_one_is_one_sentence(
    generator: Generator, parts: tuple[PosterSet, PosterSet], tmp_path: Path
) -> None:
    found = validate(generator, *parts, samples=12)
    assert validation.read(tmp_path) is None
    path = tmp_path / validation.FILE
    path.write_text(json.dumps(found.to_json()))
    assert validation.read(tmp_path) == found
    assert isinstance(found, Validation)
    for damaged in ("", "[]", "{}", '{"closest": [1]}', path.read_text().replace('"floor"', '"roof"')):
        path.write_text(damaged)
        with pytest.raises(CheckpointError, match=r"is not a validation; the run's next one replaces it\.$"):
            validation.read(tmp_path)


def test_a_validation_of_version_0_1_is_read(
    generator: Generator, parts: tuple[PosterSet, PosterSet], tmp_path: Path
) -> None:
    validated = validate(generator, *parts, samples=12)
    record = validated.to_json()
    record["figures"] = record.pop("metrics")
    (tmp_path / "judgement.json").write_text(json.dumps(record))
    assert validation.read(tmp_path) == validated

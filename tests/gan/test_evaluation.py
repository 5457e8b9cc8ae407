from __future__ import annotations

import itertools
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from urllib.error import URLError

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

import gan
from gan import evaluation, metrics
from gan.evaluation import (
    Evaluation,
    best_threshold,
    collapse,
    discriminator_figures,
    evaluate,
    genre_figures,
    held_out_nearest,
    inception_fid,
    logits,
    memorisation,
    nearest,
    ranking,
    read,
    share,
    thumbnails,
    write,
)
from gan.metrics import frechet_distance, with_intervals

INTEGERS = st.lists(st.integers(-5, 5), min_size=1, max_size=8)


class Judge(nn.Module):
    """Features that can be checked by hand: 2 x 2 means of each colour."""

    def extract_features(self, images: Tensor) -> Tensor:
        return adaptive_avg_pool2d(images, 2).flatten(1)[:, :, None, None]


@pytest.fixture(autouse=True)
def judge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_judge_network", lambda device: Judge())


@pytest.fixture
def checkpoint(checkpoints: Path) -> gan.Checkpoint:
    return gan.load(checkpoints / "tiny")


@pytest.fixture
def halves(posters: gan.PosterSet) -> tuple[gan.PosterSet, gan.PosterSet]:
    """24 posters to train on and 16 held out."""
    return posters.select(range(24)), posters.select(range(24, 40))


def normal(seed: int, count: int, width: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)


def names(count: int) -> tuple[str, ...]:
    return tuple(f"poster-{i}.jpg" for i in range(count))


# ---- D -----------------------------------------------------------------------------------------------


@given(INTEGERS, INTEGERS)
@settings(deadline=None)
def test_the_ranking_is_the_share_of_pairs(higher: list[int], lower: list[int]) -> None:
    pairs = [(a > b) + 0.5 * (a == b) for a in higher for b in lower]
    assert ranking(np.array(higher, float), np.array(lower, float)) == pytest.approx(np.mean(pairs))


@given(INTEGERS, INTEGERS)
@settings(deadline=None)
def test_no_threshold_is_better_than_the_best(real: list[int], fake: list[int]) -> None:
    def rightly(cut: float) -> float:
        return float(np.mean(np.array(real) > cut) + np.mean(np.array(fake) <= cut))

    cut = best_threshold(np.array(real, float), np.array(fake, float))
    assert rightly(cut) == pytest.approx(max(rightly(other) for other in np.arange(-6, 6, 0.5)))


def test_a_share_has_wilsons_interval() -> None:
    """Wilson 1927, for 8 of 10 and 0 of 10, from the closed form worked out by hand."""
    some = share(np.arange(10) < 8)
    assert (some.value, some.low, some.high) == pytest.approx((0.8, 0.49016, 0.94332), abs=1e-4)
    none = share(np.zeros(10, bool))
    assert (none.value, none.low, none.high) == pytest.approx((0, 0, 0.27753), abs=1e-4)


def test_intervals_of_shares_hold_the_truth() -> None:
    rng = np.random.default_rng(0)
    held = [found.low <= 0.9 <= found.high for found in (share(rng.random(50) < 0.9) for _ in range(400))]
    assert np.mean(held) > 0.92


def test_a_shifted_zero_does_not_hide_what_d_knows() -> None:
    """All logits 10 too low: the accuracies say that D knows nothing of real posters, the rest that it knows all."""
    rng = np.random.default_rng(0)
    training, held_out, made, other = (rng.normal(mean, 1, 2000) for mean in (-8, -8, -12, -12))
    found, threshold = discriminator_figures(training, held_out, made, other)
    assert found["accuracy_training"].value == found["accuracy_held_out"].value == 0
    assert found["accuracy_generated"].value == 1
    assert threshold == pytest.approx(-10, abs=0.5)
    assert found["best_held_out"].value == pytest.approx(0.977, abs=0.01)  # two standard deviations
    assert found["ranking_held_out"].value == pytest.approx(0.9977, abs=0.002)  # 4 / sqrt(2) standard deviations
    assert found["best_held_out"].low < 0.977 < found["best_held_out"].high


def test_a_d_that_knows_its_training_posters_by_heart_is_told_from_one_that_knows_posters() -> None:
    rng = np.random.default_rng(0)
    training, held_out, made, other = (rng.normal(mean, 1, 500) for mean in (4, 0, 0, 0))
    found, _ = discriminator_figures(training, held_out, made, other)
    assert found["ranking_training"].low > 0.99
    assert found["ranking_held_out"].high < 0.55
    assert found["best_training"].low > 0.9
    assert found["best_held_out"].value < 0.6


class Labelled(nn.Module):
    """A conditional D: the mean of the picture plus 10 times the first label."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def logit(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        return images.mean((1, 2, 3)) + (0 if labels is None else 10 * labels[:, 0])


def test_each_picture_is_judged_by_its_own_labels() -> None:
    images, labels = torch.rand(7, 3, 4, 4), torch.arange(7.0)[:, None]
    expected = images.mean((1, 2, 3))
    assert np.allclose(logits(Labelled(), torch.split(images, 3)), expected, atol=1e-6)
    assert np.allclose(logits(Labelled(), torch.split(images, 3), labels), expected + 10 * labels[:, 0], atol=1e-5)


# ---- copies ------------------------------------------------------------------------------------------


def test_the_nearest_is_that_of_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "CHUNK", 4)
    rows, among = normal(1, 9), normal(2, 30)
    for row, distance, index in zip(rows, *nearest(rows, among), strict=True):
        every = np.linalg.norm(row - among, axis=1)
        assert index == np.argmin(every)
        assert distance == pytest.approx(every.min(), rel=1e-6)


def test_the_distance_of_a_copy_is_0() -> None:
    among = 100 + normal(2, 30, 1280)
    assert nearest(among[[4]], among)[0][0] == 0


def test_wins_of_held_out_posters_are_counted_against_chance() -> None:
    """Of 4 winners one is the single held-out among 8 posters: half a win would be chance."""
    assert held_out_nearest(np.array([0, 3, 7, 1]), training=7, held_out=1).value == 2


def test_the_interval_of_the_wins_is_that_of_all_choices_of_held_out_posters() -> None:
    winners = np.array([0, 0, 1, 2, 2, 2, 5, 6])
    wins = np.bincount(winners, minlength=8)
    every = [wins[list(some)].sum() / 3 for some in itertools.combinations(range(8), 3)]  # 3 is chance
    low, high = np.quantile(every, [0.025, 0.975])
    found = held_out_nearest(winners, training=5, held_out=3)
    assert found.value == pytest.approx(2 / 3)
    assert found.high == pytest.approx(2 / 3 + 1 - low)
    assert found.low == max(2 / 3 - (high - 1), 0)


def test_new_posters_are_not_taken_for_copies() -> None:
    found, _ = memorisation(normal(1, 1000), normal(2, 200), normal(3, 400), names(1000), 0)
    assert found["nearer"].low < 0.5 < found["nearer"].high
    assert found["held_out_nearest"].low < 1 < found["held_out_nearest"].high
    assert found["suspicious"].value < 0.03


def test_a_generator_that_copies_training_posters_is_caught() -> None:
    training = normal(1, 300)
    copies = training[100:200] + 0.01 * normal(4, 100)
    found, closest = memorisation(training, normal(2, 60), copies, names(300), 5000)
    assert found["nearer"].low > 0.95
    assert found["suspicious"].low > 0.95
    assert found["held_out_nearest"].value == 0
    assert found["held_out_nearest"].high < 0.8
    assert {pair.poster for pair in closest} <= set(names(300)[100:200])
    assert all(pair.seed - 5000 + 100 == int(pair.poster[7:-4]) for pair in closest)
    distances = [pair.distance for pair in closest]
    assert distances == sorted(distances)
    assert closest[0].held_out == 0


def test_a_few_copies_among_many_new_posters_are_listed_first() -> None:
    training, made = normal(1, 300), normal(3, 200)
    made[[17, 90]] = training[[5, 250]]
    _, closest = memorisation(training, normal(2, 60), made, names(300), 0)
    assert [(pair.seed, pair.poster, pair.distance) for pair in closest[:2]] == [
        (17, "poster-5.jpg", 0), (90, "poster-250.jpg", 0)
    ]  # fmt: skip
    assert closest[2].distance > 0


def test_copies_that_are_blurred_beyond_all_real_posters_are_still_told_by_their_neighbours() -> None:
    """A blur moves each poster far away in a direction that no real poster has."""
    training, held_out = (np.hstack([rows, np.zeros((len(rows), 1))]) for rows in (normal(1, 60), normal(2, 60)))
    blurred = training.copy()
    blurred[:, -1] = 50
    training, held_out, blurred = (rows.astype(np.float32) for rows in (training, held_out, blurred))
    found, _ = memorisation(training, held_out, blurred, names(60), 0)
    assert found["nearer"].value == 0
    assert found["held_out_nearest"].high < 0.5


def test_blurred_posters_that_copy_nothing_are_not_taken_for_copies() -> None:
    found, _ = memorisation(normal(1, 1000), normal(2, 200), 0.1 * normal(3, 400), names(1000), 0)
    assert found["nearer"].low > 0.9  # nearer to the middle of all posters, which alone proves no copy
    assert found["held_out_nearest"].low < 1 < found["held_out_nearest"].high


@pytest.mark.parametrize("scale", [1.0, 0.1])
def test_the_interval_of_the_wins_holds_1_where_nothing_is_copied(
    scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, "SHUFFLES", 300)
    held = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        training, held_out, made = (rng.normal(size=(n, 3)).astype(np.float32) for n in (150, 40, 60))
        found = memorisation(training, held_out, scale * made, names(150), 0)[0]["held_out_nearest"]
        held += found.low <= 1 <= found.high
    assert held >= 52  # 57 are expected


# ---- collapse ----------------------------------------------------------------------------------------


def test_a_generator_of_one_poster_is_caught() -> None:
    real = normal(1, 40)
    one = np.repeat(normal(2, 1), 60, 0)
    found = collapse(real, one, real, one)
    assert found["diversity_features"].value == found["diversity_pixels"].value == 0
    assert found["near_identical"].value == 1


def test_posters_as_different_as_real_ones_are_no_collapse() -> None:
    found = collapse(normal(1, 150), normal(2, 150), normal(3, 150), 2 * normal(4, 150))
    assert found["diversity_features"].low < 1 < found["diversity_features"].high
    assert found["diversity_pixels"].value == pytest.approx(2, rel=0.1)
    assert found["near_identical"].value < 0.01


def test_ten_posters_again_and_again_are_caught_by_their_pairs() -> None:
    few = np.repeat(normal(2, 10), 15, 0) + 1e-4 * normal(5, 150)
    found = collapse(normal(1, 150), few, normal(1, 150), few)
    assert found["near_identical"].value == pytest.approx(10 * 15 * 14 / (150 * 149), abs=0.02)
    assert found["diversity_features"].value > 0.7  # the mean alone would not have told


def test_thumbnails_are_means_over_blocks_and_never_larger_than_the_picture() -> None:
    images = torch.rand(2, 3, 96, 64)
    [first, _] = thumbnails([images]).reshape(2, 3, 32, 32)
    assert first[1, 4, 7] == pytest.approx(float(images[0, 1, 12:15, 14:16].mean()), abs=1e-6)
    assert thumbnails([torch.rand(5, 3, 12, 8)]).shape == (5, 3 * 12 * 8)


# ---- genres ------------------------------------------------------------------------------------------

GENRES = ("Horror", "Comedy", "Western")
CONFIG = gan.ModelConfig(resolution=8, latent=8, width=4, genres=GENRES)


class Colours(nn.Module):
    """A conditional generator: red where Horror is asked for, green for Comedy; ``deaf``, it does not listen."""

    def __init__(self, deaf: bool) -> None:
        super().__init__()
        self.config, self.deaf = CONFIG, deaf
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        colour = 0.5 + 0 * labels if self.deaf else labels
        return (colour[:, :, None, None] + 0.3 * z[:, :3]).clamp(-1, 1).expand(-1, -1, 8, 8)


def coloured(seed: int, count: int, western: int = 0) -> gan.PosterSet:
    """Red horror and green comedies by turns, the first few also westerns; one of which not all genres are known."""
    rng = np.random.default_rng(seed)
    means = np.array([[255, 128, 128], [128, 255, 128]])[np.arange(count) % 2]
    pixels = np.clip(means + rng.normal(0, 30, (count, 3)), 0, 255).astype(np.uint8)
    genres = [(GENRES[i % 2], *["Western"] * (i < western)) for i in range(count)]
    complete = tuple(i != 1 for i in range(count))
    return gan.PosterSet(np.tile(pixels[:, None, None], (1, 8, 8, 1)), names(count), tuple(genres), (), complete)


def with_features(posters: gan.PosterSet) -> tuple[gan.PosterSet, np.ndarray]:
    return posters, metrics.poster_features(posters)


def test_posters_of_a_genre_that_was_asked_for_are_closer_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "GENRE_SAMPLES", 60)
    training, held_out = with_features(coloured(1, 200)), with_features(coloured(2, 120, western=20))
    horror, comedy = genre_figures(Colours(deaf=False), training, held_out)  # too few westerns to judge by
    assert (horror.genre, horror.posters, horror.samples) == ("Horror", 60, 60)
    assert (comedy.genre, comedy.posters) == ("Comedy", 59)  # one comedy may have more genres
    for one in (horror, comedy):
        assert one.closer.value == pytest.approx(one.kid_without.value - one.kid_with.value)
        assert one.closer.low > 0
        assert one.closer_real.low > 0
        assert one.diversity.low > 0


def test_posters_that_do_not_follow_the_genre_are_not_closer_to_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "GENRE_SAMPLES", 60)
    training, held_out = with_features(coloured(1, 200)), with_features(coloured(2, 120))
    figures = genre_figures(Colours(deaf=True), training, held_out)
    assert min(one.closer.value for one in figures) < 0.1 * min(one.closer_real.value for one in figures)


# ---- all of it ---------------------------------------------------------------------------------------


def test_a_checkpoint_is_measured_the_same_on_every_run(
    checkpoint: gan.Checkpoint, halves: tuple[gan.PosterSet, gan.PosterSet], tmp_path: Path
) -> None:
    told: list[tuple[str, float]] = []
    found = evaluate(checkpoint, *halves, samples=20, progress=lambda what, part: told.append((what, part)))
    assert found == evaluate(checkpoint, *halves, samples=20)
    assert (found.name, found.digest) == ("tiny", checkpoint.digest)
    assert (found.training, found.held_out, found.samples) == (24, 16, 20)
    assert all(0 <= part <= 1 for _, part in told)
    assert {"training posters", "generated posters", "copies", "collapse"} <= {what for what, _ in told}

    training, held_out = halves
    made = metrics.generated_features(checkpoint.generator, 20, evaluation.FIRST_SEED)
    real, known = metrics.poster_features(held_out), metrics.poster_features(training)
    assert found.generated["fd_lite1"].value == frechet_distance(real, made)
    assert found.floor["fd_lite1"].value == frechet_distance(real, metrics.evenly(known, 20))
    assert found.floor.keys() == found.generated.keys()
    with torch.no_grad():
        judged = checkpoint.discriminator.logit(held_out.tensor(range(16)))
    assert found.discriminator["accuracy_held_out"].value == pytest.approx(float((judged > 0).float().mean()))
    assert {pair.poster for pair in found.closest} <= set(training.names)
    assert all(key in evaluation.WORDS for part in (found.generated, found.discriminator) for key in part)
    assert all(key in evaluation.WORDS for part in (found.memorisation, found.collapse) for key in part)

    write(found, tmp_path)
    assert read(tmp_path) == found
    assert "NaN" not in (tmp_path / "evaluate.json").read_text()


def test_real_posters_alone_stand_at_the_floor() -> None:
    """Two sets of the real distribution cannot be told apart by any figure; a shifted one can."""
    real, floor, other = normal(1, 300), normal(2, 300), normal(3, 300)
    one, again = (with_intervals(metrics.compare, real, rows) for rows in (floor, other))
    shifted = with_intervals(metrics.compare, real, floor + 0.7)
    assert all(one[key].low < again[key].high and again[key].low < one[key].high for key in one)
    assert one["kid_lite1"].low < 0 < one["kid_lite1"].high
    assert shifted["fd_lite1"].low > one["fd_lite1"].high
    assert shifted["coverage"].high < one["coverage"].low


def test_a_conditional_checkpoint_is_measured_with_genres(
    halves: tuple[gan.PosterSet, gan.PosterSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, "GENRE_POSTERS", 3)
    monkeypatch.setattr(evaluation, "GENRE_SAMPLES", 12)
    training, held_out = halves
    genres = tuple(held_out.genre_counts())[:2]
    config = replace(CONFIG, genres=genres)
    torch.manual_seed(0)
    networks = gan.Generator(config).eval(), gan.Discriminator(config).eval()
    found = evaluate(gan.Checkpoint(*networks, config, digest="c"), training, held_out, samples=16)
    with_it = held_out.genre_labels(genres)
    wanted = [g for i, g in enumerate(genres) if (with_it[:, i] == 1).sum() >= 3 and (with_it[:, i] == -1).sum() >= 3]
    assert [one.genre for one in found.genres] == wanted != []
    assert Evaluation.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_a_generator_alone_is_judged_without_d(
    checkpoint: gan.Checkpoint, halves: tuple[gan.PosterSet, gan.PosterSet], tmp_path: Path
) -> None:
    found = evaluate(replace(checkpoint, discriminator=None), *halves, samples=16)
    assert found.discriminator is found.threshold is None
    assert read(write(found, tmp_path).parent) == found


def test_what_cannot_be_judged_is_said_in_a_sentence(
    checkpoint: gan.Checkpoint, halves: tuple[gan.PosterSet, gan.PosterSet]
) -> None:
    training, held_out = halves
    with pytest.raises(gan.CheckpointError, match="tiny has no generator to judge"):
        evaluate(replace(checkpoint, generator=None), *halves)
    wide = replace(held_out, images=np.zeros((16, 12, 8, 3), np.uint8))
    with pytest.raises(gan.DataError, match="The generator draws 8 x 8; the posters are 12 x 8"):
        evaluate(checkpoint, training, wide)
    with pytest.raises(gan.DataError, match=r"At least 10 held-out posters .* not 9 and 24"):
        evaluate(checkpoint, training, held_out.select(range(9)))
    with pytest.raises(gan.DataError, match=r"At least 10 generated posters .* not 3"):
        evaluate(checkpoint, training, held_out, samples=3)


def test_where_nothing_was_measured_there_is_nothing_to_read(tmp_path: Path) -> None:
    assert read(tmp_path) is None
    assert read(tmp_path / "nowhere") is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"closest": 3}', "{"])
def test_a_damaged_evaluation_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "evaluate.json").write_text(text)
    with pytest.raises(gan.CheckpointError, match=r"evaluate\.json is not an evaluation"):
        read(tmp_path)


# ---- the true FID ------------------------------------------------------------------------------------


class Inception(nn.Module):
    """What torch-fidelity's extractor is from outside: uint8 pictures to a tuple with one tensor of features."""

    def __init__(self, name: str, layers: list[str]) -> None:
        super().__init__()
        assert layers == ["2048"]

    def forward(self, pixels: Tensor) -> tuple[Tensor]:
        assert pixels.dtype == torch.uint8
        return (pixels.float().mean((2, 3)),)


@pytest.fixture
def fidelity(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("torch_fidelity.feature_extractor_inceptionv3")
    monkeypatch.setitem(sys.modules, "torch_fidelity", ModuleType("torch_fidelity"))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def test_the_true_fid_is_of_inception_features_of_as_many_training_posters(
    fidelity: ModuleType, checkpoint: gan.Checkpoint, halves: tuple[gan.PosterSet, gan.PosterSet]
) -> None:
    fidelity.FeatureExtractorInceptionV3 = Inception  # type: ignore[attr-defined]
    training = halves[0]
    with torch.no_grad():
        made = gan.to_uint8(checkpoint.generator(gan.latents(range(7, 31), checkpoint.config)))
    expected = frechet_distance(training.images.mean((1, 2)), made.mean((1, 2)))
    assert inception_fid(checkpoint, training, 100, 7) == pytest.approx(expected, rel=1e-4)


def test_without_torch_fidelity_a_sentence_says_so(
    checkpoint: gan.Checkpoint, halves: tuple[gan.PosterSet, gan.PosterSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    with pytest.raises(gan.MetricsUnavailableError, match="pip install torch-fidelity"):
        inception_fid(checkpoint, halves[0])


def test_weights_that_cannot_be_fetched_are_said_in_a_sentence(
    fidelity: ModuleType, checkpoint: gan.Checkpoint, halves: tuple[gan.PosterSet, gan.PosterSet]
) -> None:
    def refuse(name: str, layers: list[str]) -> None:
        raise URLError("no route to host")

    fidelity.FeatureExtractorInceptionV3 = refuse  # type: ignore[attr-defined]
    with pytest.raises(gan.MetricsUnavailableError, match=r"weights cannot be fetched: .*no route to host"):
        inception_fid(checkpoint, halves[0])

from __future__ import annotations

import numpy as np
import pytest
import torch

import xai
from gan.data.synthetic import draw_poster
from tests.xai.masks import SIDE, box, brighter, looking_at
from tests.xai.nets import discriminator, noise, one_sentence, pictures, tall_pictures
from xai.bench.planted import KINDS, REMOVABLE, RIVAL, Trial, find, painted_over, parts, patches, strips


@pytest.fixture(scope="module")
def score() -> xai.Score:
    return xai.Score(discriminator())


@pytest.fixture(scope="module")
def draws() -> dict[str, object]:
    hosts, donors = pictures(6, 32), pictures(6, 32, first=50)
    return {"patch": patches(hosts, donors), "noise": strips(hosts), "synthetic": parts(32)}


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_planted_moves_the_score_as_far_as_is_said(
    kind: str, score: xai.Score, draws: dict[str, object]
) -> None:
    found = find(kind, score, draws[kind], 6, 0.05, seed=1)
    assert found.tried >= len(found.cases) == 6
    for case in found.cases:
        assert case.kind == kind
        assert float(score(case.image) - score(case.without)) == pytest.approx(case.delta, abs=1e-4)
        outside = torch.from_numpy(~case.mask)
        assert torch.equal(case.image[..., outside], case.without[..., outside])
        assert abs(case.delta) >= 0.05
        assert case.image.shape == (1, 3, 32, 32)
        assert case.image.abs().max() <= 1
        assert 0 < case.mask.mean() < 0.6


@pytest.mark.parametrize("kind", KINDS)
def test_a_case_is_the_same_whatever_else_is_asked_for(kind: str, score: xai.Score, draws: dict[str, object]) -> None:
    torch.manual_seed(1)
    np.random.seed(1)
    few, many = (find(kind, score, draws[kind], count, 0.05, seed=2).cases for count in (2, 4))
    other = find(kind, score, draws[kind], 2, 0.05, seed=3).cases
    for one, again in zip(few, many, strict=False):
        assert torch.equal(one.image, again.image)
        assert (one.delta, one.label) == (again.delta, again.label)
    assert not torch.equal(few[0].image, other[0].image)


def test_patches_and_strips_come_in_all_sizes_equally_often(score: xai.Score, draws: dict[str, object]) -> None:
    squares = find("patch", score, draws["patch"], 6, 0.01).cases
    assert [round(case.mask.sum() ** 0.5) for case in squares] == [8, 10, 12, 8, 10, 12]
    labels = [case.label for case in find("noise", score, draws["noise"], 6, 0.01).cases]
    assert labels == [f"{way} strip of {wide}" for wide in (3, 4, 6) for way in ("horizontal", "vertical")]


def test_a_picture_is_the_host_outside_of_the_mask_and_the_donor_inside() -> None:
    host, donor = pictures(1, 32), pictures(1, 32, first=9)
    trial = patches(host, donor)(0, np.random.default_rng(0))
    mask = torch.from_numpy(trial.masks[0])
    assert torch.equal(trial.image[..., mask], donor[..., mask])
    assert torch.equal(trial.image[..., ~mask], host[..., ~mask])
    assert torch.equal(trial.without, host)


def test_things_that_do_not_matter_are_drawn_again(score: xai.Score) -> None:
    image, mask = noise(1, 3, 32, 32).tanh(), box(32)
    trials = iter([Trial(image, image, mask[None], ("nothing",))] * 20 + [brighter(image, mask)] * 12)
    found = find("noise", score, lambda index, random: next(trials), 1, 1e-3)
    assert (found.tried, found.cases[0].label) == (21, "brighter")


def test_two_parts_that_matter_alike_are_no_known_truth() -> None:
    left, right = box(), np.roll(box(), 8, 1)
    image = torch.ones(1, 3, SIDE, SIDE)
    hidden = [torch.where(torch.from_numpy(mask), 0.0, image) for mask in (left, right)]

    def draw(index: int, random: np.random.Generator) -> Trial:
        return Trial(image, torch.cat(hidden), np.stack([left, right]), ("left", "right"))

    weight = left + 0.9 * RIVAL * right
    [case] = find("synthetic", xai.Score(looking_at(weight)), draw, 1, 1.0).cases
    assert case.label == "left"
    with pytest.raises(xai.ExplanationError):
        find("synthetic", xai.Score(looking_at(left + 1.1 * RIVAL * right)), draw, 1, 1.0)


def test_a_network_that_nothing_moves_is_said_to_be_one(draws: dict[str, object]) -> None:
    with pytest.raises(xai.ExplanationError, match="ask for less") as caught:
        find("noise", xai.Score(looking_at(np.zeros((32, 32), bool))), draws["noise"], 1, 0.1)
    one_sentence(caught.value)


@pytest.mark.parametrize("part", REMOVABLE)
def test_a_part_is_painted_over_by_the_background_of_its_rows_and_nothing_else_changes(part: str) -> None:
    for seed in range(20):
        poster = draw_poster(seed, 64)
        before, after, mask = np.asarray(poster.image), painted_over(poster, part), poster.masks[part]
        assert np.array_equal(before[~mask], after[~mask])
        background = poster.masks["background"]
        for row in np.flatnonzero((mask & background.any(1, keepdims=True)).any(1)):
            assert (after[row][mask[row]] == before[row][background[row]][0]).all()


def test_oblong_posters_are_drawn_whole_and_their_parts_taken_out() -> None:
    trial = parts((48, 32))(0, np.random.default_rng(1))
    assert trial.image.shape == (1, 3, 48, 32)
    assert trial.masks.shape == (3, 48, 32)
    assert all(mask.any() and not mask.all() for mask in trial.masks)
    moved = (trial.without - trial.image).abs().amax(1).numpy() > 0
    assert not (moved & ~trial.masks).any()
    assert moved.any((1, 2)).all()


def test_a_patch_in_an_oblong_poster_is_square() -> None:
    hosts, donors = tall_pictures(2, 32), tall_pictures(2, 32, first=9)
    for index in range(3):
        mask = patches(hosts, donors)(index, np.random.default_rng(index)).masks[0]
        assert mask.any(0).sum() == mask.any(1).sum() == (8, 10, 12)[index]

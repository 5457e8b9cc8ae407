from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageEnhance
from scipy.fft import dctn
from scipy.sparse.csgraph import connected_components

from gan.curation.near_duplicates import close_pairs, correlation, near_duplicates, perceptual_hashes, thumbnails
from gan.data.hold_out import is_held_out
from gan.data.synthetic import draw_poster


@pytest.fixture(scope="module")
def drawn() -> list[Image.Image]:
    return [draw_poster(seed, 64, 96).image for seed in range(12)]


def stack(*images: Image.Image) -> np.ndarray:
    return np.stack([np.asarray(image) for image in images])


def compressed(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=40)
    return Image.open(io.BytesIO(file.getvalue())).convert("RGB")


def rescaled(image: Image.Image) -> Image.Image:
    return image.resize((40, 60), Image.Resampling.LANCZOS).resize(image.size, Image.Resampling.BICUBIC)


def darker(image: Image.Image) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(0.7)


@pytest.mark.parametrize("change", [compressed, rescaled, darker, lambda image: image])
def test_a_changed_copy_is_found_and_different_posters_are_not(change: object, drawn: list[Image.Image]) -> None:
    pairs = near_duplicates(stack(*drawn, change(drawn[4]))).links
    assert [(pair.first, pair.second) for pair in pairs] == [(4, 12)]
    assert pairs[0].correlation > 0.95
    assert pairs[0].distance <= 8


def test_an_exact_copy_has_distance_nought_and_correlation_one(drawn: list[Image.Image]) -> None:
    [pair] = near_duplicates(stack(drawn[0], drawn[1], drawn[0])).links
    assert (pair.first, pair.second, pair.distance) == (0, 2, 0)
    assert pair.correlation == 1


def test_a_negative_is_no_duplicate(drawn: list[Image.Image]) -> None:
    picture = np.asarray(drawn[0])
    assert near_duplicates(np.stack([picture, 255 - picture])).groups == ()


def test_no_poster_and_one_poster_have_no_duplicate(drawn: list[Image.Image]) -> None:
    for few in (np.empty((0, 9, 6, 3), np.uint8), stack(drawn[0])):
        found = near_duplicates(few)
        assert (found.links, found.groups, found.kept()) == ((), (), list(range(len(few))))


@pytest.mark.parametrize(("height", "width"), [(32, 32), (96, 64), (64, 64), (16, 8), (50, 37)])
def test_a_thumbnail_is_the_mean_of_what_it_covers(height: int, width: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (1, height, width, 3), dtype=np.uint8)
    grey = pixels @ np.array([0.299, 0.587, 0.114])
    fine = grey.repeat(32, axis=1).repeat(32, axis=2)  # every pixel cut in 32 x 32, so that all edges meet
    means = fine.reshape(1, 32, height, 32, width).mean((2, 4))
    assert np.abs(thumbnails(pixels) - means).max() <= 0.51


def test_the_hash_is_that_of_scipys_cosine_transform() -> None:
    grey = np.random.default_rng(1).integers(0, 256, (5, 32, 32), dtype=np.uint8)
    low = dctn(grey.astype(float), axes=(1, 2), norm="ortho")[:, 1:9, 1:9].reshape(5, 64)
    assert np.array_equal(perceptual_hashes(grey), low > np.median(low, axis=1, keepdims=True))


def test_half_of_the_bits_are_set_and_none_for_a_single_shade(drawn: list[Image.Image]) -> None:
    flat = np.full((1, 96, 64, 3), 90, np.uint8)
    hashes = perceptual_hashes(thumbnails(np.concatenate([stack(*drawn), flat])))
    assert set(hashes[:-1].sum(1)) <= {31, 32}
    assert hashes[-1].sum() == 0


def test_pictures_of_one_shade_are_alike_only_in_the_same_shade() -> None:
    shades = np.broadcast_to(np.array([90, 90, 200], np.uint8)[:, None, None, None], (3, 12, 8, 3))
    assert near_duplicates(shades).groups == ((0, 1),)


def all_close_pairs(hashes: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    blocks = list(close_pairs(hashes, most))
    pairs = [np.empty((0, 2), int), *(pairs for pairs, _ in blocks)]
    return np.concatenate(pairs), np.concatenate([np.empty(0, int), *(distances for _, distances in blocks)])


@given(arrays(bool, st.tuples(st.integers(0, 30), st.just(64))), st.integers(0, 64))
def test_close_pairs_are_all_pairs_within_the_distance(hashes: np.ndarray, most: int) -> None:
    apart = {(i, j): int((hashes[i] != hashes[j]).sum()) for i in range(len(hashes)) for j in range(i + 1, len(hashes))}
    pairs, distances = all_close_pairs(hashes, most)
    found = {(i, j): distance for (i, j), distance in zip(pairs.tolist(), distances.tolist(), strict=True)}
    assert found == {pair: distance for pair, distance in apart.items() if distance <= most}


def test_close_pairs_are_the_same_when_they_are_sought_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = np.random.default_rng(2).random((50, 64)) < 0.5
    whole, distances = all_close_pairs(hashes, 28)
    monkeypatch.setattr("gan.curation.near_duplicates._BLOCK", 150)
    again, others = all_close_pairs(hashes, 28)
    assert len(whole) > 10
    assert np.array_equal(whole, again)
    assert np.array_equal(distances, others)


def test_correlation_is_pearsons() -> None:
    grey = np.random.default_rng(3).integers(0, 256, (4, 6, 6), dtype=np.uint8)
    pairs = np.array([[0, 1], [2, 3], [1, 1]])
    expected = [np.corrcoef(grey[a].ravel(), grey[b].ravel())[0, 1] for a, b in pairs]
    assert correlation(grey, pairs) == pytest.approx(expected)


def alike(images: np.ndarray, max_distance: int, min_correlation: float) -> np.ndarray:
    """Which pictures look alike (N, N), each pair compared by itself."""
    grey = thumbnails(images)
    hashes = perceptual_hashes(grey)
    near = (hashes[:, None] != hashes).sum(2) <= max_distance
    pairs = np.argwhere(np.ones_like(near))
    return near & (correlation(grey, pairs) >= min_correlation).reshape(near.shape)


@st.composite
def sets_of_pictures(draw: st.DrawFn) -> np.ndarray:
    """Some pictures, copies of them, and copies with more or less noise, which are alike in chains, in any order."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    originals = random.integers(0, 200, (draw(st.integers(1, 4)), 36, 32, 3))
    which = draw(
        st.lists(st.tuples(st.integers(0, len(originals) - 1), st.sampled_from([0, 0, 4, 60, 120])), max_size=16)
    )
    noisy = [originals[one] + random.integers(0, noise + 1, originals[one].shape) for one, noise in which]
    return np.array(noisy).clip(0, 255).astype(np.uint8).reshape(-1, 36, 32, 3)


@given(sets_of_pictures(), st.sampled_from([0, 4, 16, 24]), st.sampled_from([0.6, 0.8, 0.9, 1.0]), st.data())
@settings(deadline=None)
def test_groups_and_what_is_kept_are_those_of_all_pairs(
    images: np.ndarray, max_distance: int, min_correlation: float, data: st.DataObject
) -> None:
    found = near_duplicates(images, max_distance, min_correlation)
    matrix = alike(images, max_distance, min_correlation)
    count, labels = connected_components(matrix)
    everyone = [tuple(np.flatnonzero(labels == label).tolist()) for label in range(count)]
    assert set(found.groups) == {group for group in everyone if len(group) > 1}
    assert len(found.links) == len(images) - count  # as few as hold the groups together
    assert all(matrix[link.first, link.second] and link.first < link.second for link in found.links)
    assert [(a.first, a.second) for a in found.links] == sorted((a.first, a.second) for a in found.links)

    preferred = data.draw(st.lists(st.booleans(), min_size=len(images), max_size=len(images)))
    taken: list[int] = []
    for index in sorted(range(len(images)), key=lambda index: not preferred[index]):
        if not matrix[index, taken].any():
            taken.append(index)
    assert found.kept(preferred) == sorted(taken)


def test_groups_are_the_same_when_they_are_sought_in_blocks(
    monkeypatch: pytest.MonkeyPatch, drawn: list[Image.Image]
) -> None:
    images = stack(*drawn, *(darker(image) for image in drawn), *drawn[:5])
    whole = near_duplicates(images)
    for name, size in (("_BLOCK", 40), ("_CHUNK", 3), ("_VALUES", 1)):
        monkeypatch.setattr(f"gan.curation.near_duplicates.{name}", size)
    again = near_duplicates(images)
    assert len(whole.groups) == 12
    assert (again.groups, again.links) == (whole.groups, whole.links)


@pytest.mark.parametrize("noise", [0, 20])
def test_a_placeholder_by_the_hundred_is_no_more_work_than_its_number(
    noise: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[int] = []

    def counted(grey: np.ndarray, pairs: np.ndarray) -> np.ndarray:
        compared.append(len(pairs))
        return correlation(grey, pairs)

    monkeypatch.setattr("gan.curation.near_duplicates.correlation", counted)
    monkeypatch.setattr("gan.curation.near_duplicates._CHUNK", 64)
    random = np.random.default_rng(0)
    placeholder = random.integers(0, 200, (36, 32, 3))
    images = (placeholder + random.integers(0, noise + 1, (400, 36, 32, 3))).astype(np.uint8)
    found = near_duplicates(images)
    assert found.groups == (tuple(range(400)),)
    assert len(found.links) == 399
    assert found.kept() == [0]
    assert sum(compared) <= 3 * 400  # of 79,800 pairs
    names = [f"{index}.png" for index in range(400)]
    rows = list(csv.DictReader(io.StringIO(found.table(names, [0]).decode())))
    assert {(row["first"], row["group"]) for row in rows} == {("0.png", "0.png")}
    assert sorted(row["left_out"] for row in rows) == sorted(names[1:])


def test_a_group_with_a_held_out_poster_and_a_training_poster_has_a_link_across_the_split() -> None:
    names = [f"{index}.png" for index in range(60)]
    found = near_duplicates(np.broadcast_to(np.uint8(80), (60, 8, 8, 3)))
    rows = csv.DictReader(io.StringIO(found.table(names, range(60)).decode()))
    assert len({is_held_out(name) for name in names}) == 2
    assert "yes" in {row["across_the_split"] for row in rows}


def test_the_preferred_copy_stays(drawn: list[Image.Image]) -> None:
    images = stack(drawn[0], drawn[1], drawn[0], drawn[1])
    assert near_duplicates(images).kept() == [0, 1]
    assert near_duplicates(images).kept([False, True, True, False]) == [1, 2]

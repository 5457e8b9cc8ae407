from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageEnhance
from scipy.fft import dctn

from gan.curation.near_duplicates import (
    DuplicatePair,
    close_pairs,
    correlation,
    near_duplicates,
    perceptual_hashes,
    thumbnails,
    without_duplicates,
)
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
    pairs = near_duplicates(stack(*drawn, change(drawn[4])))
    assert [(pair.first, pair.second) for pair in pairs] == [(4, 12)]
    assert pairs[0].correlation > 0.95
    assert pairs[0].distance <= 8


def test_an_exact_copy_has_distance_nought_and_correlation_one(drawn: list[Image.Image]) -> None:
    [pair] = near_duplicates(stack(drawn[0], drawn[1], drawn[0]))
    assert (pair.first, pair.second, pair.distance) == (0, 2, 0)
    assert pair.correlation == pytest.approx(1)


def test_a_negative_is_no_duplicate(drawn: list[Image.Image]) -> None:
    picture = np.asarray(drawn[0])
    assert near_duplicates(np.stack([picture, 255 - picture])) == []


def test_no_poster_and_one_poster_have_no_duplicate(drawn: list[Image.Image]) -> None:
    assert near_duplicates(np.empty((0, 9, 6, 3), np.uint8)) == []
    assert near_duplicates(stack(drawn[0])) == []


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
    assert [(pair.first, pair.second) for pair in near_duplicates(shades)] == [(0, 1)]


@given(arrays(bool, st.tuples(st.integers(0, 30), st.just(64))), st.integers(0, 64))
def test_close_pairs_are_all_pairs_within_the_distance(hashes: np.ndarray, most: int) -> None:
    apart = {(i, j): int((hashes[i] != hashes[j]).sum()) for i in range(len(hashes)) for j in range(i + 1, len(hashes))}
    pairs, distances = close_pairs(hashes, most)
    found = {(i, j): distance for (i, j), distance in zip(pairs.tolist(), distances.tolist(), strict=True)}
    assert found == {pair: distance for pair, distance in apart.items() if distance <= most}


def test_close_pairs_are_the_same_when_they_are_sought_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = np.random.default_rng(2).random((50, 64)) < 0.5
    whole, distances = close_pairs(hashes, 28)
    monkeypatch.setattr("gan.curation.near_duplicates._BLOCK", 150)
    again, others = close_pairs(hashes, 28)
    assert len(whole) > 10
    assert np.array_equal(whole, again)
    assert np.array_equal(distances, others)


def test_correlation_is_pearsons() -> None:
    grey = np.random.default_rng(3).integers(0, 256, (4, 6, 6), dtype=np.uint8)
    pairs = np.array([[0, 1], [2, 3], [1, 1]])
    expected = [np.corrcoef(grey[a].ravel(), grey[b].ravel())[0, 1] for a, b in pairs]
    assert correlation(grey, pairs) == pytest.approx(expected)


def chain(*edges: tuple[int, int]) -> list[DuplicatePair]:
    return [DuplicatePair(first, second, 0, 1.0) for first, second in edges]


def test_of_a_group_of_copies_the_first_stays() -> None:
    assert without_duplicates(5, chain((1, 2), (1, 4), (2, 4))) == [0, 1, 3]


def test_the_preferred_copy_stays() -> None:
    assert without_duplicates(4, chain((0, 2), (1, 3)), [False, True, True, False]) == [1, 2]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda pair: pair[0] < pair[1])))
def test_no_two_copies_stay_and_whatever_goes_has_a_copy_that_stays(edges: list[tuple[int, int]]) -> None:
    stay = set(without_duplicates(10, chain(*edges)))
    assert not any(first in stay and second in stay for first, second in edges)
    for gone in set(range(10)) - stay:
        assert any(gone in edge and stay & set(edge) for edge in edges)

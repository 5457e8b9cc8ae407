from __future__ import annotations

import socket
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageDraw, ImageFont
from skimage.filters import threshold_otsu

from gan.curation.text_removal import (
    METHODS,
    TextUnavailableError,
    box_mask,
    inpainter,
    letter_mask,
    otsu,
    remove_text,
    text_detector,
)

BOX = np.array([[[10, 20], [50, 20], [50, 30], [10, 30]]], np.float32)
NOTHING = np.empty((0, 4, 2), np.float32)


def poster() -> tuple[np.ndarray, np.ndarray]:
    """A shaded ground (60, 70) with seven white strokes within BOX, and where these are."""
    ground = np.broadcast_to(np.linspace(20, 90, 70)[None, :, None], (60, 70, 3)).astype(np.uint8).copy()
    letters = np.zeros((60, 70), bool)
    for left in range(12, 48, 5):
        letters[22:29, left : left + 2] = True
    ground[letters] = 250
    return ground, letters


def fill_columns(pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """What is masked becomes the mean of the rest of its column: right for a ground shaded from left to right."""
    kept = np.where(mask[..., None], np.nan, pixels.astype(float))
    return np.broadcast_to(np.nanmean(kept, axis=0), pixels.shape).round().astype(np.uint8)


def test_letters_disappear_and_the_ground_comes_back() -> None:
    pixels, letters = poster()
    cleaned = remove_text(pixels, lambda _: BOX, fill_columns)
    ground = np.broadcast_to(pixels[:1], pixels.shape)
    assert np.abs(cleaned.pixels.astype(int) - ground).max() <= 1
    assert cleaned.mask[letters].all()
    assert np.array_equal(cleaned.boxes, BOX)
    assert (pixels[letters] == 250).all()


def test_letters_cover_less_than_their_box() -> None:
    pixels, _ = poster()
    letters = remove_text(pixels, lambda _: BOX, fill_columns).mask
    boxes = remove_text(pixels, lambda _: BOX, fill_columns, cover="boxes").mask
    assert np.array_equal(boxes, box_mask(pixels.shape, BOX))
    assert letters.sum() < 0.8 * boxes.sum()


def test_dark_letters_on_a_bright_ground_are_found_too() -> None:
    pixels, letters = poster()
    cleaned = remove_text(255 - pixels, lambda _: BOX, fill_columns)
    assert cleaned.mask[letters].all()
    assert cleaned.mask.sum() < 0.8 * box_mask(pixels.shape, BOX).sum()


def test_a_poster_without_text_stays_as_it_is() -> None:
    pixels, _ = poster()

    def never(pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
        raise AssertionError

    cleaned = remove_text(pixels, lambda _: NOTHING, never)
    assert cleaned.pixels is pixels
    assert not cleaned.mask.any()


def test_a_box_outside_the_poster_is_passed_over() -> None:
    pixels, _ = poster()
    assert not remove_text(pixels, lambda _: BOX + 500, fill_columns).mask.any()


def test_a_box_over_most_of_the_poster_is_no_text() -> None:
    pixels, letters = poster()
    everything = np.array([[[1, 1], [68, 1], [68, 58], [1, 58]]], np.float32)
    assert not remove_text(pixels, lambda _: everything, fill_columns).mask.any()
    both = remove_text(pixels, lambda _: np.concatenate([everything, BOX]), fill_columns)
    assert np.array_equal(both.boxes, BOX)
    assert both.mask[letters].all()


@settings(max_examples=30)
@given(arrays(np.uint8, (20, 24, 3)), arrays(np.float32, (3, 4, 2), elements=st.integers(-5, 30)))
def test_nothing_changes_outside_the_mask(pixels: np.ndarray, boxes: np.ndarray) -> None:
    cleaned = remove_text(pixels, lambda _: boxes, lambda pixels, mask: 255 - pixels)
    assert np.array_equal(cleaned.pixels[~cleaned.mask], pixels[~cleaned.mask])
    assert np.array_equal(cleaned.pixels[cleaned.mask], 255 - pixels[cleaned.mask])


def test_a_box_grows_by_a_share_of_its_height_on_all_sides() -> None:
    rows, columns = np.nonzero(box_mask((60, 70), BOX))
    assert (rows.min(), rows.max()) == pytest.approx((18.5, 31.5), abs=0.5)
    assert (columns.min(), columns.max()) == pytest.approx((8.5, 51.5), abs=0.5)


def test_a_slanted_box_is_covered_as_it_lies() -> None:
    turned = np.array([[[30, 10], [50, 30], [40, 40], [20, 20]]], np.float32)
    mask = box_mask((60, 70), turned)
    assert mask[25, 35]
    assert not mask[12, 45]
    assert not mask[38, 25]
    assert mask.sum() == pytest.approx(np.sqrt(800) * 1.15 * np.sqrt(200) * 1.3, rel=0.1)


def test_letters_of_each_box_are_judged_by_that_box() -> None:
    """Faint letters beside bright ones: one threshold for both would lose the faint ones."""
    background = np.full((40, 80, 3), 100, np.uint8)
    pixels = background.copy()
    pixels[12:18, 10:14] = 255
    pixels[12:18, 60:64] = 125
    boxes = np.array([[[x, 10], [x + 16, 10], [x + 16, 20], [x, 20]] for x in (4, 54)], np.float32)
    mask = letter_mask(pixels, boxes, background)
    assert mask[12:18, 10:14].all()
    assert mask[12:18, 60:64].all()
    assert not mask[12:18, 20:54].any()


@given(arrays(np.uint8, st.integers(2, 200)).filter(lambda values: len(set(values.tolist())) > 1))
def test_the_threshold_is_otsus(values: np.ndarray) -> None:
    def between(level: int) -> float:
        low, high = values[values <= level].astype(float), values[values > level].astype(float)
        return 0.0 if not len(low) or not len(high) else len(low) * len(high) * (low.mean() - high.mean()) ** 2

    assert between(otsu(values)) == pytest.approx(between(int(threshold_otsu(values))), rel=0.02)
    assert between(otsu(values)) == pytest.approx(max(map(between, range(255))), rel=1e-9)


def test_another_cover_or_method_is_refused() -> None:
    with pytest.raises(ValueError, match="words"):
        remove_text(poster()[0], lambda _: BOX, fill_columns, cover="words")
    with pytest.raises(ValueError, match="magic"):
        inpainter("magic")


@pytest.mark.parametrize(("make", "module"), [(inpainter, "cv2"), (text_detector, "rapidocr")])
def test_what_is_missing_is_told_in_one_sentence(make: object, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(
        TextUnavailableError, match=rf"^Removing text needs {module}, which is not installed: .*\[text\]"
    ):
        make()


@pytest.mark.parametrize("method", METHODS)
def test_opencv_paints_a_shaded_ground_back(method: str) -> None:
    pytest.importorskip("cv2")
    pixels, _ = poster()
    before = pixels.copy()
    cleaned = remove_text(pixels, lambda _: BOX, inpainter(method))
    assert np.abs(cleaned.pixels.astype(int) - pixels[:1]).max() <= 12
    assert np.array_equal(pixels, before)


def test_the_detector_finds_a_title_at_128_pixels_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rapidocr")
    pytest.importorskip("onnxruntime")
    pytest.importorskip("cv2")

    def refuse(*args: object, **options: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    image = Image.new("RGB", (128, 190), (40, 60, 90))
    ImageDraw.Draw(image).text((64, 150), "THE TITLE", "white", ImageFont.load_default(20), anchor="mm")
    pixels = np.asarray(image)
    detect = text_detector()
    mask = box_mask(pixels.shape, detect(pixels))
    letters = (pixels > 200).all(2)
    assert mask[letters].mean() > 0.95
    assert not mask[:120].any()
    assert detect(pixels[:100]).shape == (0, 4, 2)
    assert (remove_text(pixels, detect).pixels.max(2) < 130).all()

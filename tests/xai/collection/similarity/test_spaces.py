"""What posters are compared by: the same for kept posters and for others; what each sees, and what it does not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import gan
import xai
from xai.collection.index import build_index, real_posters, usual_reference
from xai.collection.similarity.appearance import appearance, colour_histogram, mean_colours, measured, open_appearance
from xai.collection.similarity.spaces import genre_space, layer_spaces, unit_rows, visual_spaces
from xai.discriminator.responses import responses


def between(rows: np.ndarray) -> float:
    return float(np.linalg.norm(rows[0] - rows[1]))


def test_a_layers_rows_are_of_unit_length_and_their_distance_is_that_of_the_cosine(
    checkpoint: gan.Checkpoint, posters: gan.PosterSet
) -> None:
    found = responses(xai.Score(checkpoint.need_discriminator()), posters.tensor(range(len(posters))))
    for space, layer in zip(layer_spaces(found), found.layers, strict=True):
        values = found.mean[:, found.columns(layer.name)].astype(float)
        standard = (values - values.mean(0)) / np.maximum(values.std(0), 1e-6)
        standard /= np.linalg.norm(standard, axis=1, keepdims=True)
        assert space.rows.shape == (len(posters), layer.units)
        assert between(space.rows) ** 2 == pytest.approx(2 - 2 * standard[0] @ standard[1], abs=1e-4)


def test_another_poster_gets_the_row_that_it_would_have_in_the_collection(
    checkpoint: gan.Checkpoint, posters: gan.PosterSet
) -> None:
    score = xai.Score(checkpoint.need_discriminator())
    found = responses(score, posters.tensor(range(len(posters))))
    for space in layer_spaces(found):
        assert space.place is not None
        assert space.place(responses(score, posters.tensor([5]))) == pytest.approx(space.rows[[5]], abs=5e-3)
    for space in visual_spaces(measured(posters.tensor(range(len(posters))))):
        assert space.place is not None
        assert space.place(measured(posters.tensor([5]))) == pytest.approx(space.rows[[5]], abs=1e-6)


def test_rows_of_zeros_stay_and_others_get_unit_length() -> None:
    rows = unit_rows(np.array([[0, 0], [3, 4]], np.float32))
    assert rows.tolist() == [[0, 0], [pytest.approx(0.6), pytest.approx(0.8)]]


def half(colour: tuple[float, float, float], other: tuple[float, float, float], down: bool = False) -> torch.Tensor:
    """A picture (1, 3, 16, 16) of one colour left (or up) and another one right (or down)."""
    picture = torch.tensor(colour)[None, :, None, None].repeat(1, 1, 16, 16)
    part = picture[:, :, 8:] if down else picture[..., 8:]
    part[:] = torch.tensor(other)[None, :, None, None]
    return picture


RED, BLUE, DARK, LIGHT = (1.0, -1.0, -1.0), (-1.0, -1.0, 1.0), (-0.8, -0.8, -0.8), (0.8, 0.8, 0.8)


def test_colours_do_not_see_where_and_layout_does_not_see_which() -> None:
    mirrored = measured(torch.cat([half(RED, LIGHT), half(LIGHT, RED)]))
    assert between(mirrored["colour"]) == pytest.approx(0, abs=1e-6)
    assert between(mirrored["layout"]) > 1
    dyed = measured(torch.cat([half((0.2, -0.1, -0.1), LIGHT), half((-0.1, 0.053, -0.1), LIGHT)]))
    assert between(dyed["colour"]) == pytest.approx(1, abs=1e-6)  # half of each, and nothing of the other half's
    assert between(dyed["layout"]) < 0.02
    brighter = measured(torch.cat([half(DARK, LIGHT) * 0.5, half(DARK, LIGHT) * 0.5 + 0.2]))
    assert between(brighter["layout"]) == pytest.approx(0, abs=1e-6)


def test_the_hash_bears_another_brightness_and_a_little_noise_and_tells_other_pictures_apart() -> None:
    torch.manual_seed(0)
    picture = torch.nn.functional.interpolate(torch.rand(1, 3, 16, 16), (64, 64), mode="bilinear") - 0.5
    others = torch.cat([picture, picture * 0.8 + 0.1, picture + 0.005 * torch.randn_like(picture), picture.flip(3)])
    bits = measured(others)["hash"]
    same = (bits == bits[:1]).mean(1)
    assert same[1] > 0.97
    assert same[2] > 0.9
    assert same[3] < 0.75
    assert between(bits[[0, 3]]) ** 2 == pytest.approx((1 - same[3]) * 64 * (1 / 8) ** 2)


def test_a_tall_poster_has_more_cells_down() -> None:
    assert measured(torch.zeros(2, 3, 96, 64))["layout"].shape == (2, 12 * 8)


def test_genres_are_compared_as_sets_and_a_poster_without_any_is_far_from_all() -> None:
    pixels = np.zeros((4, 8, 8, 3), np.uint8)
    genres = (("Horror",), ("Horror", "Drama"), ("Drama",), ())
    space = genre_space(gan.PosterSet(pixels, ("a", "b", "c", "d"), genres, complete=(True, True, True, False)))
    apart = np.linalg.norm(space.rows[:, None] - space.rows[None], axis=2)
    assert apart[0, 1] == pytest.approx((2 - 2 * 0.5**0.5) ** 0.5, abs=1e-6)
    assert apart[0, 2] == pytest.approx(2**0.5, abs=1e-6)
    assert apart[3, :3] == pytest.approx([1, 1, 1])


def test_what_a_collection_looks_like_is_kept_beside_its_index(
    checkpoint: gan.Checkpoint, posters: gan.PosterSet
) -> None:
    population = real_posters(posters)
    index = build_index(checkpoint, population, usual_reference(checkpoint, None, 3))
    assert open_appearance(index) is None
    found = appearance(index, population)
    expected = measured(posters.tensor(range(len(posters))))
    for name, values in expected.items():
        assert found[name] == pytest.approx(values, abs=1e-3)
        np.testing.assert_array_equal((open_appearance(index) or {})[name], found[name])


def test_the_mean_colour_of_a_plain_picture_is_its_own_to_the_width_of_a_bin() -> None:
    from skimage.color import rgb2lab

    plain = torch.tensor([[0.7, 0.3, 0.3], [0.2, 0.3, 0.6], [0.8, 0.8, 0.8]])
    images = (plain * 2 - 1)[:, :, None, None].expand(3, 3, 8, 8)
    found = mean_colours(colour_histogram(images))
    assert found == pytest.approx(rgb2lab(plain.numpy()), abs=9)

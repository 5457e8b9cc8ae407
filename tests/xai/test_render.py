from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image

from xai import render

WHITE, BLACK = (255, 255, 255), (0, 0, 0)
FINITE = st.floats(-1e4, 1e4, width=32)


def maps(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def picture(height: int = 8, width: int = 8, seed: int = 0) -> render.Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def is_colour(pixels: render.Pixels, colour: NDArray[np.float64]) -> bool:
    """Whether all pixels have this colour, given in [0, 1], as nearly as bytes can tell."""
    return bool(np.abs(pixels - 255 * colour).max() < 1)


def decoded(data: bytes) -> render.Pixels:
    return np.asarray(Image.open(io.BytesIO(data)))


@given(
    st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 4)).flatmap(
        lambda s: st.tuples(arrays(np.float32, (s[0] * s[2], s[1] * s[2]), elements=FINITE), st.just(s[2]))
    )
)
@settings(deadline=None, max_examples=60)
def test_pooling_keeps_the_sum_of_every_block(case: tuple[NDArray[np.float32], int]) -> None:
    values, block = case
    pooled = render.pool(values, block)
    assert pooled.shape == values.shape
    assert pooled.dtype == np.float32
    for top in range(0, len(values), block):
        for left in range(0, values.shape[1], block):
            before, after = (m[top : top + block, left : left + block] for m in (values, pooled))
            assert np.ptp(after) == 0
            assert np.isclose(after.sum(dtype=float), before.sum(dtype=float), atol=1e-6 * np.abs(before).sum() + 1e-6)


def test_an_outline_lies_inside_its_box_and_leaves_everything_else_as_it_is() -> None:
    plain = np.full((6, 8, 3), 100, np.uint8)
    drawn = render.outline(plain, (2, 1, 6, 5), factor=4)
    assert drawn.shape == (24, 32, 3)
    changed = (drawn != 100).any(2)
    rows, columns = np.nonzero(changed)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (4, 19, 8, 23)
    assert (drawn[4, 8:24] == 255).all()
    assert (drawn[5, 9:23] == 0).all()
    assert not changed[6:18, 10:22].any()
    assert (plain == 100).all()
    whole = render.outline(plain, (0, 0, 8, 6), factor=2)
    assert (whole[0] == 255).all()
    assert (whole[:, -1] == 255).all()


def test_neighbours_that_cancel_each_other_out_do_so_when_pooled() -> None:
    checkered = np.indices((4, 4)).sum(0) % 2 * 2 - 1
    assert (render.pool(checkered.astype(np.float32), 2) == 0).all()


def test_blocks_are_as_oblong_as_the_poster_where_that_leaves_whole_pixels() -> None:
    assert [render.block_of(across, (96, 64)) for across in (8, 2, 1)] == [(12, 8), (3, 2), (1, 1)]
    assert render.block_of(8, (64, 64, 3)) == (8, 8)
    assert render.block_of(4, (64, 96)) == (4, 4)


def test_pooling_an_oblong_map_takes_the_mean_of_each_oblong_block() -> None:
    values = maps(96, 64)
    pooled = render.pool(values, render.block_of(8, values.shape))
    assert np.allclose(pooled[::12, ::8], values.reshape(8, 12, 8, 8).mean((1, 3)), atol=1e-6)
    assert all(np.ptp(pooled[top : top + 12, 8:16]) == 0 for top in range(0, 96, 12))


@pytest.mark.parametrize("block", [0, 1])
def test_pooling_single_pixels_changes_nothing(block: int) -> None:
    values = maps(6, 6)
    assert np.array_equal(render.pool(values, block), values)


def test_zero_is_white_and_the_ends_are_the_pure_colours() -> None:
    zero, below, above = render.diverging([0.0, -2.0, 2.0], 2.0)
    assert tuple(zero) == WHITE
    assert is_colour(below, render.BLUE)
    assert is_colour(above, render.RED)


def test_what_is_beyond_the_scale_has_the_ends_colour() -> None:
    assert np.array_equal(render.diverging([-9.0, 9.0], 2.0), render.diverging([-2.0, 2.0], 2.0))


@given(arrays(np.float64, (12,), elements=st.floats(-3, 3)))
@settings(deadline=None, max_examples=60)
def test_a_larger_value_is_never_painted_paler(values: NDArray[np.float64]) -> None:
    colours = render.diverging(values, 2.0).astype(int)
    for sign in (-1, 1):
        order = np.argsort(sign * values)
        side = order[sign * values[order] >= 0]
        assert (np.diff(colours[side], axis=0) <= 0).all()


def test_below_zero_is_blue_and_above_zero_is_red() -> None:
    below, above = render.diverging([-0.4, 0.4], 1.0).astype(int)
    assert below[2] > below[1] > below[0]
    assert above[0] > above[1]
    assert above[0] > above[2]


@pytest.mark.parametrize("shape", [(), (5,), (2, 3), (4, 2, 3)])
def test_colours_keep_the_shape_and_add_rgb(shape: tuple[int, ...]) -> None:
    for paint in (render.diverging, render.grey):
        painted = paint(np.ones(shape), 1.0)
        assert painted.shape == (*shape, 3)
        assert painted.dtype == np.uint8


def test_grey_runs_from_black_at_zero_and_below_to_white_at_the_end() -> None:
    assert render.grey([-3.0, 0.0, 1.0, 2.0, 9.0], 2.0)[:, 0].tolist() == [0, 0, 128, 255, 255]
    assert np.ptp(render.grey(maps(4, 4), 1.0), axis=-1).max() == 0


@pytest.mark.parametrize("nothing", [np.zeros((3, 3)), np.zeros((0, 3)), []])
def test_the_scale_of_nothing_ends_at_one(nothing: object) -> None:
    assert render.limit(nothing) == 1.0


@given(arrays(np.float32, (20,), elements=FINITE))
@settings(deadline=None, max_examples=60)
def test_a_scales_end_is_positive_within_the_values_and_blind_to_sign(values: NDArray[np.float32]) -> None:
    end = render.limit(values)
    assert end > 0
    assert end == render.limit(-values)
    assert end <= np.abs(values).max() or end == 1.0


def test_one_pixel_does_not_rule_the_scale() -> None:
    values = np.ones(10_000)
    values[17] = -1e6
    assert render.limit(values) == 1.0
    assert render.limit(values, 1.0) == 1e6


def test_a_single_pixel_that_speaks_is_still_shown() -> None:
    values = np.zeros(10_000)
    values[17] = -4.0
    assert render.limit(values) == 4.0


def test_a_silent_map_leaves_the_grey_picture() -> None:
    shown = render.overlay(rgb := picture(), np.zeros((8, 8), np.float32), 1.0)
    luminance = rgb @ np.array([0.299, 0.587, 0.114])
    assert np.abs(shown - luminance[..., None]).max() <= 0.5
    assert np.ptp(shown, axis=-1).max() == 0


def test_a_map_without_strength_leaves_the_grey_picture() -> None:
    rgb = picture()
    silent = render.overlay(rgb, np.zeros((8, 8), np.float32), 1.0)
    assert np.array_equal(render.overlay(rgb, maps(8, 8), 1.0, strength=0.0), silent)


def test_at_full_strength_the_ends_are_the_pure_colours() -> None:
    values = np.array([[-5.0, 5.0]], np.float32)
    ((below, above),) = render.overlay(picture(1, 2), values, 5.0, strength=1.0)
    assert is_colour(below, render.BLUE)
    assert is_colour(above, render.RED)


def test_an_overlay_colours_only_where_the_map_speaks() -> None:
    values = np.zeros((8, 8), np.float32)
    values[2, 5] = 1.0
    rgb = picture()
    changed = (render.overlay(rgb, values, 1.0) != render.overlay(rgb, values * 0, 1.0)).any(-1)
    assert np.argwhere(changed).tolist() == [[2, 5]]


@given(
    st.tuples(st.integers(1, 20), st.integers(1, 4), st.integers(1, 4)).flatmap(
        lambda s: arrays(np.uint8, (*s, 3), elements=st.integers(0, 255))
    ),
    st.one_of(st.none(), st.integers(1, 25)),
)
@settings(deadline=None, max_examples=60)
def test_a_sprite_has_cell_k_in_row_k_by_columns(cells: render.Pixels, columns: int | None) -> None:
    made = render.sprite(cells, columns)
    count, height, width, _ = cells.shape
    assert (made.count, made.cell) == (count, (height, width))
    assert columns in (None, made.columns)
    for index, cell in enumerate(cells):
        row, column = divmod(index, made.columns)
        there = made.pixels[row * height : (row + 1) * height, column * width : (column + 1) * width]
        assert np.array_equal(there, cell)


def test_a_sprite_is_near_square_unless_told_otherwise_and_ends_with_its_last_cell() -> None:
    made = render.sprite(np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 4, 3), np.uint8))
    assert made.columns == 3
    assert made.pixels.shape == (4, 12, 3)
    assert (made.pixels[2:, 8:] == 4).all()  # black would shine through at the last cell's edge
    assert (made.pixels == 4).sum() == 2 * 2 * 4 * 3


def test_png_keeps_every_pixel() -> None:
    for shape in ((1, 1), (7, 13), (64, 64)):
        assert np.array_equal(decoded(render.png(picture(*shape))), picture(*shape))


def test_a_data_address_holds_the_png() -> None:
    kind, _, text = render.data_uri(picture()).partition(",")
    assert kind == "data:image/png;base64"
    assert np.array_equal(decoded(base64.b64decode(text, validate=True)), picture())


def test_own_scales_bring_every_unit_to_its_full_colour() -> None:
    values = np.zeros((3, 2, 2), np.float32)
    values[0, 0, 0], values[1, 0, 0], values[2, 1, 1] = 0.001, -5.0, 7.0
    painted = render.map_colours(values, shared=False)
    assert painted.shape == (3, 2, 2, 3)
    assert is_colour(painted[1, 0, 0], render.PURPLE)
    assert is_colour(painted[0, 0, 0], render.ORANGE)
    assert is_colour(painted[2, 1, 1], render.ORANGE)


def test_a_shared_scale_shows_a_weak_unit_weakly() -> None:
    strong, weak = -np.ones((2, 2), np.float32), np.full((2, 2), 0.1, np.float32)
    painted = render.map_colours(np.stack([strong, weak]), shared=True)
    assert is_colour(painted[0], render.PURPLE)
    assert np.array_equal(painted[1], render.diverging(weak, 1.0, render.CHANGE))
    assert painted[1].min() > 220


def test_maps_after_a_relu_are_grey_and_signed_maps_have_a_white_zero() -> None:
    values = np.array([[[0.0, 2.0]], [[0.0, 1.0]]], np.float32)
    assert render.map_colours(values, shared=True)[..., 0].tolist() == [[[0, 255]], [[0, 128]]]
    assert np.ptp(render.map_colours(values, shared=True), axis=-1).max() == 0
    assert render.map_colours(-values, shared=True)[0, 0, 0].tolist() == list(WHITE)


@pytest.mark.parametrize("shared", [False, True])
def test_a_silent_layer_is_painted_without_a_crash(shared: bool) -> None:
    assert (render.map_colours(np.zeros((2, 3, 3), np.float32), shared) == BLACK).all()


def test_enlarging_repeats_every_pixel() -> None:
    large = render.enlarge(picture(2, 3), 4)
    assert large.shape == (8, 12, 3)
    assert all(
        (large[4 * y : 4 * y + 4, 4 * x : 4 * x + 4] == picture(2, 3)[y, x]).all() for y in (0, 1) for x in range(3)
    )


@pytest.mark.parametrize(("small", "side"), [(4, 12), (4, 4), (3, 8), (1, 5)])
def test_an_enlarged_map_repeats_cells_and_makes_no_new_values(small: int, side: int) -> None:
    values = maps(small, small)
    large = render.enlarge_map(values, side)
    assert large.shape == (side, side)
    assert large[0, 0] == values[0, 0]
    assert large[-1, -1] == values[-1, -1]
    assert set(large.ravel()) == set(values.ravel())


def test_an_oblong_map_is_enlarged_to_an_oblong_picture() -> None:
    found = render.enlarge_map(np.arange(6.0).reshape(3, 2), (6, 4))
    assert np.array_equal(found, np.kron(np.arange(6.0).reshape(3, 2), np.ones((2, 2))))
    assert np.array_equal(render.enlarge_map(np.eye(2), 4), np.kron(np.eye(2), np.ones((2, 2))))


def test_maps_that_share_a_scale_have_one_end_and_the_others_their_own() -> None:
    weak, strong, other = (size * np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32) for size in (1, 4, 9))
    maps = {"weak": weak, "strong": strong, "other": other}
    ends = render.full_colours(maps, ["weak", "strong"])
    assert ends["weak"] == ends["strong"] == render.limit(np.concatenate([weak, strong]))
    assert ends["other"] == render.limit(other)
    assert list(ends) == list(maps)
    assert render.full_colours(maps, []) == {name: render.limit(values) for name, values in maps.items()}


def test_large_cells_are_shrunk_to_96_pixels_across_and_small_ones_stay() -> None:
    small, large = (np.random.default_rng(0).integers(0, 256, (2, side, side, 3), np.uint8) for side in (64, 192))
    assert render.shrink(small) is small
    assert render.shrink(large).shape == (2, 96, 96, 3)
    assert render.shrink(np.full((1, 300, 200, 3), 7, np.uint8)).shape == (1, 144, 96, 3)


def test_charts_have_the_colours_of_the_maps() -> None:
    assert render.VERDICT.hex == ("#215cbf", "#cc1a24")
    for scale in (render.VERDICT, render.CHANGE):
        painted = render.diverging([-1.0, 1.0], 1.0, scale)
        for colour, name in zip(painted, scale.hex, strict=True):
            assert np.abs(colour.astype(int) - list(bytes.fromhex(name[1:]))).max() <= 1


def test_a_frame_leaves_what_is_inside_and_fades_what_is_outside() -> None:
    whole = picture(30, 20)
    made = render.frame(whole, (0, 5, 20, 25))
    assert np.array_equal(made[7:23, 2:18], whole[7:23, 2:18])
    assert (made[5:7] == 0).all()
    assert (made[:5] >= 152).all()  # pale
    assert (made[:5] == made[:5, :, :1]).all()  # and grey


def test_weights_for_colours_are_grey_at_zero_and_full_at_their_end() -> None:
    assert render.weights_rgb([[0, 0, 0], [2, -2, 0], [9, 1, -1]], 2).tolist() == [
        [128, 128, 128], [255, 0, 128], [255, 191, 64],
    ]  # fmt: skip


def test_a_patch_becomes_a_square_of_its_own_pixels() -> None:
    patch = picture(3, 5)
    square = render.resized(patch, 15)
    assert square.shape == (15, 15, 3)
    assert (square[::5, ::3] == patch).all()
    assert (render.resized(picture(40, 40), 10) == picture(40, 40)[::4, ::4]).all()


@given(arrays(np.float32, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=FINITE))
def test_packed_values_come_back_to_half_a_step(values: NDArray[np.float32]) -> None:
    packed = render.pack(values)
    steps = np.frombuffer(packed.content, "<u2").reshape(values.shape)
    found = packed.low + steps / 65535 * (packed.high - packed.low)
    assert np.abs(found - values).max() <= (packed.high - packed.low) / 65535 / 2 * 1.001 + 1e-9
    assert packed.content == render.pack(values.copy()).content


def test_digits_of_packed_values_say_what_can_be_told_apart() -> None:
    assert render.pack([0.0, 3.6]).digits == 3
    assert render.pack([-0.0004, 0.0]).digits == 7
    assert render.pack([0.0, 5000.0]).digits == 0
    assert render.pack([5.0, 5.0]).low == 5.0

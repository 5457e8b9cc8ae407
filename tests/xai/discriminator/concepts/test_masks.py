"""Concept masks: each is where its concept is and nowhere else; drawn pairs differ in the concept alone."""

import colorsys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.xai.nets import one_sentence
from xai.discriminator.concepts.drawn import drawn_pairs
from xai.discriminator.concepts.masks import CONCEPTS, DIRECTIONS, HUES, arithmetic, masks
from xai.errors import ExplanationError


def plain(red: float, green: float, blue: float, side: int = 16) -> torch.Tensor:
    return (torch.tensor([red, green, blue]) * 2 - 1)[None, :, None, None].expand(1, 3, side, side)


@given(st.floats(0, 359.99), st.floats(0.4, 1), st.floats(0.6, 1))
@settings(max_examples=60, deadline=None)
def test_a_colour_is_in_exactly_one_band_of_hues(hue: float, saturation: float, value: float) -> None:
    near = min(abs((hue - edge + 180) % 360 - 180) for band in HUES.values() for edge in band)
    if near < 0.1:
        return  # rounding decides
    found = masks(plain(*colorsys.hsv_to_rgb(hue / 360, saturation, value)), list(HUES)).all(3).all(2)[0]
    expected = [(hue - low) % 360 < (high - low) % 360 for low, high in HUES.values()]
    assert found.tolist() == expected


@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        ((0.02, 0.02, 0.02), {"dark"}),
        ((0.98, 0.98, 0.98), {"bright"}),
        ((0.5, 0.5, 0.5), set()),
        ((0.85, 0.6, 0.48), {"skin tone", "orange"}),
        ((0.1, 0.1, 0.9), {"blue", "saturated", "dark"}),
    ],
)
def test_a_plain_picture_has_its_own_concepts_only(colour: tuple[float, float, float], expected: set[str]) -> None:
    names = [name for name in arithmetic() if CONCEPTS[name].kind in ("light", "colour")]
    found = masks(plain(*colour), names)[0]
    assert {name for name, mask in zip(names, found, strict=True) if mask.all()} == expected
    assert {name for name, mask in zip(names, found, strict=True) if mask.any()} == expected


@pytest.mark.parametrize(("name", "degrees"), DIRECTIONS.items())
def test_lines_of_a_direction_are_edges_of_that_direction(name: str, degrees: float) -> None:
    rows, columns = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    angle = torch.deg2rad(torch.tensor(float(degrees)))
    lines = torch.sin(0.8 * (columns * angle.sin() + rows * angle.cos())).sign()
    found = masks(lines.expand(1, 3, 32, 32), list(DIRECTIONS)).float().mean((2, 3))[0]
    assert list(DIRECTIONS)[int(found.argmax())] == name
    assert found.max() > 5 * found.sort().values[-2]


def test_a_plain_margin_is_a_frame_and_a_plain_picture_has_none() -> None:
    picture = torch.rand(1, 3, 32, 24, generator=torch.Generator().manual_seed(0)) * 2 - 1
    framed = torch.full_like(picture, 0.8)
    framed[:, :, 3:-2, 4:-4] = picture[:, :, 3:-2, 4:-4]
    expected = torch.ones(32, 24, dtype=torch.bool)
    expected[3:-2, 4:-4] = False
    assert torch.equal(masks(framed, ["frame"])[0, 0], expected)
    assert not masks(torch.cat([picture, torch.zeros_like(picture)]), ["frame"]).any()


@pytest.mark.parametrize("size", [(8, 8), (64, 64), (96, 64)])
def test_the_three_bands_cover_a_poster_once(size: tuple[int, int]) -> None:
    found = masks(torch.zeros(2, 3, *size), ["top band", "middle band", "bottom band"])
    assert (found.sum(1) == 1).all()
    assert found[:, 0, 0].all()
    assert found[:, 2, -1].all()


@pytest.mark.parametrize("size", [(16, 16), (48, 32)])
@pytest.mark.parametrize("name", CONCEPTS)
def test_a_drawn_pair_differs_in_the_concept_and_in_nothing_else(name: str, size: tuple[int, int]) -> None:
    pairs = drawn_pairs(name, 4, size)
    again = drawn_pairs(name, 4, size)
    assert torch.equal(pairs.on, again.on)
    assert pairs.on.shape == pairs.off.shape == (4, 3, *size)
    assert pairs.region.flatten(1).any(1).all()
    outside = ~pairs.region[:, None].expand_as(pairs.on)
    assert torch.equal(pairs.on[outside], pairs.off[outside])
    if CONCEPTS[name].mask is not None and CONCEPTS[name].kind != "edge":  # lines are too fine here
        on, off = (masks(one, [name])[:, 0] for one in (pairs.on, pairs.off))
        assert (on & pairs.region).sum() > 0.85 * pairs.region.sum()
        assert (off & pairs.outside).sum() < 0.45 * pairs.outside.sum()


def test_what_a_detector_finds_must_be_given() -> None:
    with pytest.raises(ExplanationError) as error:
        masks(torch.zeros(1, 3, 8, 8), ["face"])
    one_sentence(error.value)
    given_mask = torch.ones(1, 8, 8, dtype=torch.bool)
    assert torch.equal(masks(torch.zeros(1, 3, 8, 8), ["face"], {"face": given_mask})[:, 0], given_mask)
    for unknown in (lambda: masks(torch.zeros(1, 3, 8, 8), ["joy"]), lambda: drawn_pairs("joy", 1, (8, 8))):
        with pytest.raises(ExplanationError, match="no concept 'joy'"):
            unknown()

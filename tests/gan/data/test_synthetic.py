from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan.data.synthetic import PARTS, THEMES, draw_poster, draw_posters, write_folder

SEEDS = range(30)


def test_the_same_seed_is_the_same_poster() -> None:
    first, second = draw_poster(3), draw_poster(3)
    assert first.image.tobytes() == second.image.tobytes()
    assert first.genres == second.genres
    assert all(np.array_equal(first.masks[part], second.masks[part]) for part in PARTS)


def test_seeds_give_different_posters() -> None:
    assert len({draw_poster(seed).image.tobytes() for seed in range(-10, 10)}) == 20


@pytest.mark.parametrize("size", [(32, None), (64, None), (64, 96), (128, 190)])
def test_the_masks_are_disjoint_and_cover_the_picture(size: tuple[int, int | None]) -> None:
    for seed in SEEDS:
        poster = draw_poster(seed, *size)
        assert poster.image.size == (size[0], size[1] or size[0])
        assert tuple(poster.masks) == PARTS
        layers = np.stack([poster.masks[part] for part in PARTS])
        assert layers.dtype == bool
        assert layers.shape[1:] == np.asarray(poster.image).shape[:2]
        assert (layers.sum(0) == 1).all()
        assert layers.any((1, 2)).all()  # every part is there


def test_every_mask_is_what_its_part_painted_to_the_pixel() -> None:
    """The background has one colour a row: no other colour may be in its mask, and it in no other mask."""
    for seed in SEEDS:
        poster = draw_poster(seed)
        for row, mask in zip(np.asarray(poster.image), poster.masks["background"], strict=True):
            if mask.any():
                assert np.array_equal((row == row[mask][0]).all(1), mask)


def test_masks_show_where_the_parts_are() -> None:
    rows = np.arange(64)[:, None]
    for seed in SEEDS:
        masks = draw_poster(seed).masks
        middle = {part: np.broadcast_to(rows, (64, 64))[masks[part]].mean() for part in PARTS}
        assert middle["credits"] > 57
        assert middle["title"] < 16 or middle["title"] > 44
        assert masks["title"].all(1).any()  # a band from edge to edge


def test_the_title_can_be_read_against_its_band() -> None:
    for seed in SEEDS:
        poster = draw_poster(seed)
        colours, counts = np.unique(np.asarray(poster.image)[poster.masks["title"]], axis=0, return_counts=True)
        assert len(colours) == 2
        assert counts.min() >= 20
        assert np.abs(np.diff(colours.astype(int), axis=0)).sum() > 200


def test_the_first_genre_decides_the_colours() -> None:
    by_genre: dict[str, list[float]] = {}
    for seed in range(60):
        poster = draw_poster(seed)
        assert set(poster.genres) <= set(THEMES)
        background = np.asarray(poster.image)[poster.masks["background"]]
        by_genre.setdefault(poster.genres[0], []).append(background.mean())
    assert max(by_genre["Horror"]) < min(by_genre["Romance"])


def test_a_poster_too_small_for_a_title_is_refused() -> None:
    with pytest.raises(ValueError, match="32 x 32"):
        draw_poster(0, 16)


def test_a_folder_holds_all_three_formats_and_their_metadata(tmp_path: Path) -> None:
    write_folder(tmp_path / "new", 6, first_seed=4, size=(40, 60))
    with (tmp_path / "new/metadata.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file_name"] for row in rows] == sorted(
        path.name for path in (tmp_path / "new").iterdir() if path.suffix != ".csv"
    )
    kinds = set()
    for seed, row in enumerate(rows, 4):
        assert row["genres"] == "|".join(draw_poster(seed, 40, 60).genres)
        with Image.open(tmp_path / "new" / row["file_name"]) as image:
            assert image.size == (40, 60)
            kinds.add(image.format)
    assert kinds == {"JPEG", "PNG", "WEBP"}


@pytest.mark.parametrize("size", [(8, 8), (24, 16), (64, 64), (96, 64)])
def test_several_posters_are_drawn_at_any_size_each_the_one_of_its_seed(size: tuple[int, int]) -> None:
    drawn = draw_posters([3, 4], size)
    assert drawn.shape == (2, *size, 3)
    assert not (drawn[0] == drawn[1]).all()
    assert (draw_posters([4], size)[0] == drawn[1]).all()

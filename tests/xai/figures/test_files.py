from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import xai
from xai.figures.data import read_npz
from xai.figures.figure import Array, Bar, Figure, Frames, Panel, Source, slug
from xai.figures.formats import FORMATS, Options, file_name, possible
from xai.figures.picture import Sheet, drawn

RED, GREEN, BLUE = (200, 0, 0), (0, 200, 0), (0, 0, 200)
SOURCE = Source("tiny", "ab" * 32, "seed 3", {"method": "DeepLIFT", "detail": 8}, "compare?seed=3")
HOSTILE = "=cmd()\x07 ../<b>\n名前"


def square(colour: tuple[int, int, int], side: int = 8) -> Any:
    return np.full((side, side, 3), colour, np.uint8)


def checkers() -> Any:
    return np.repeat(np.indices((4, 4)).sum(0)[..., None] % 2 * 255, 3, 2).astype(np.uint8)


def moving(count: int = 3, **more: Any) -> Figure:
    pixels = [square(colour) for colour in (RED, GREEN, BLUE)[:count]]
    return Figure("walk", SOURCE, frames=Frames(pixels, [f"kimg {step}" for step in range(count)], **more))


@pytest.fixture
def full() -> Figure:
    return Figure(
        "a map", SOURCE, (Panel(square(RED), "a poster", poster=True), Panel(checkers(), bar=Bar.signed(0.5, "logit"))),
        "how to read it", columns={"filter": [1, 2], "effect": [0.1, 2e-17], "says": ["for real", "=1+1"]},
        units={"effect": "grey levels"}, arrays={"values": Array(np.arange(6.0).reshape(2, 3), "logit", "rows")},
        frames=moving().frames,
    )  # fmt: skip


def test_the_picture_for_a_screen_has_the_width_that_was_asked_for(full: Figure, tmp_path: Path) -> None:
    with Image.open(xai.save(full, tmp_path / "a.png", width=500)) as picture:
        assert picture.width == 500
        assert picture.info["dpi"] == pytest.approx((96, 96), abs=0.1)


@pytest.mark.parametrize(("width_mm", "pixels"), [(85, 1004), (25.4, 300), (170, 2008)])
def test_the_picture_for_print_has_300_pixels_an_inch(
    full: Figure, tmp_path: Path, width_mm: float, pixels: int
) -> None:
    with Image.open(xai.save(full, tmp_path / "a.png", width_mm=width_mm)) as picture:
        assert picture.width == pixels
        assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        assert picture.width / picture.info["dpi"][0] * 25.4 == pytest.approx(width_mm, abs=0.1)


def test_a_map_stays_crisp_at_a_width_that_is_no_multiple_and_a_poster_may_be_smoothed() -> None:
    bare = [Sheet.screen(42, smooth, framed=False) for smooth in (False, True)]
    crisp = np.asarray(drawn(Figure("map", SOURCE, (Panel(checkers()),)), bare[1]))
    assert crisp.shape == (42, 42, 3)
    assert np.isin(crisp[5, [5, 15, 26, 36]], (0, 255)).all()
    poster = Figure("poster", SOURCE, (Panel(checkers(), poster=True),))
    assert (np.asarray(drawn(poster, bare[0])) == crisp).all()
    assert (np.asarray(drawn(poster, bare[1])) != crisp).any()


def test_without_a_frame_the_picture_is_the_panel_alone() -> None:
    alone = drawn(Figure("map", SOURCE, (Panel(square(RED), "caption"),)), Sheet.screen(64, framed=False))
    assert (np.asarray(alone) == RED).all()
    framed = drawn(Figure("map", SOURCE, (Panel(square(RED), "caption"),)), Sheet.screen(64))
    assert framed.height > 64 + 20


def test_a_colour_bar_has_its_colours_from_the_low_end_to_the_high_end() -> None:
    bar = Bar.signed(2.0, "logit", means=("fake", "real"))
    assert (bar.low, bar.high) == (-2, 2)
    assert bar.colours[0].argmax() == 2  # blue
    assert bar.colours[-1].argmax() == 0  # red
    assert bar.colours[len(bar.colours) // 2].min() > 250
    assert Bar.response(np.array([0.0, 1.0], np.float32), 1.0, "").low == 0
    assert Bar.response(np.array([-1.0, 1.0], np.float32), 1.0, "").low == -1


def test_the_metadata_of_a_picture_and_an_animation_name_the_weights(full: Figure, tmp_path: Path) -> None:
    with Image.open(xai.save(full, tmp_path / "a.png")) as picture:
        about = json.loads(picture.info["Source"])
    assert about["sha256"] == SOURCE.digest
    assert about["settings"] == {"method": "DeepLIFT", "detail": 8}
    with Image.open(xai.save(full, tmp_path / "a.gif", width=64)) as picture:
        assert json.loads(picture.info["comment"])["sha256"] == SOURCE.digest
    with Image.open(xai.save(full, tmp_path / "a.webp", width=64)) as picture:
        assert json.loads(picture.getexif()[0x010E])["sha256"] == SOURCE.digest


def test_a_table_comes_back_from_csv_and_no_cell_is_a_formula(full: Figure, tmp_path: Path) -> None:
    with xai.save(full, tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["filter", "effect (grey levels)", "says", "checkpoint", "sha256", "poster"]
    assert [float(row["effect (grey levels)"]) for row in rows] == [0.1, 2e-17]
    assert [row["says"] for row in rows] == ["for real", "'=1+1"]
    assert {row["sha256"] for row in rows} == {SOURCE.digest}


def test_arrays_come_back_from_npz_with_their_units_and_settings(full: Figure, tmp_path: Path) -> None:
    arrays, about = read_npz(xai.save(full, tmp_path / "a.npz"))
    assert arrays.keys() == {"values"}
    assert (arrays["values"] == full.arrays["values"].values).all()
    assert about["arrays"]["values"] == {"unit": "logit", "about": "rows"}
    assert (about["sha256"], about["settings"]["detail"]) == (SOURCE.digest, 8)


@pytest.mark.parametrize("suffix", ["gif", "webp"])
@pytest.mark.parametrize(("back", "frames"), [(False, 3), (True, 4)])
def test_an_animation_has_its_frames_and_their_durations(tmp_path: Path, suffix: str, back: bool, frames: int) -> None:
    figure = moving(seconds=0.1, hold=0.5)
    durations = []
    with Image.open(xai.save(figure, tmp_path / f"a.{suffix}", width=96, there_and_back=back)) as picture:
        assert picture.n_frames == frames  # type: ignore[attr-defined]
        assert picture.width == 96
        assert picture.info["loop"] == 0
        for frame, colour in enumerate([RED, GREEN, BLUE, GREEN][:frames]):
            picture.seek(frame)
            middle = np.asarray(picture.convert("RGB"))[40, 40].astype(int)
            assert np.abs(middle - colour).max() < 12
            durations.append(picture.info["duration"])
    assert durations == [100, 100, 600, 100][:frames]


def test_each_frame_has_its_caption_below_the_picture(tmp_path: Path) -> None:
    with Image.open(xai.save(moving(), tmp_path / "a.gif", width=96)) as picture:
        below = [np.asarray(picture.convert("L"))[97:] for frame in range(3) if picture.seek(frame) is None]
    assert picture.height > 96
    assert all(strip.min() < 100 for strip in below)
    assert (below[0] != below[1]).any()


def test_a_figure_becomes_what_it_holds_and_nothing_else(full: Figure, tmp_path: Path) -> None:
    assert possible(full) == list(FORMATS)
    assert possible(moving()) == ["gif", "webp"]
    with pytest.raises(xai.ExplanationError, match=r"walk holds nothing that a \.csv file"):
        xai.save(moving(), tmp_path / "a.csv")
    with pytest.raises(xai.ExplanationError, match="ends in none of"):
        xai.save(full, tmp_path / "a.tiff")
    with pytest.raises(xai.ExplanationError, match="no option dpi"):
        xai.save(full, tmp_path / "a.png", dpi=3)
    with pytest.raises(xai.ExplanationError, match="16 to 8,000 pixels"):
        xai.save(full, tmp_path / "a.png", width=9)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", FORMATS)
def test_names_of_files_say_what_they_hold_and_hold_no_path(full: Figure, name: str) -> None:
    assert file_name(full, name).startswith("tiny-seed-3-a-map")
    assert file_name(full, name).endswith(FORMATS[name].suffix)
    hostile = Figure(HOSTILE, Source(HOSTILE, poster=HOSTILE), full.panels, HOSTILE, columns={HOSTILE: [HOSTILE]},
                     arrays=full.arrays, frames=full.frames)  # fmt: skip
    assert not set(file_name(hostile, name)) & set('/\\<>:"|?*\n\x07')
    assert FORMATS[name].write(hostile, Options(width=64, width_mm=10))


def test_a_name_is_never_longer_than_a_file_system_takes() -> None:
    assert len(slug("名" * 500).encode()) <= 120
    assert slug("../") == ""


def test_the_cells_of_a_hostile_table_are_text() -> None:
    figure = Figure("t", Source("=1"), columns={"@a": ["+1", -1.5, ["x", "y"]]})
    rows = list(csv.reader(io.StringIO(FORMATS["csv"].write(figure, Options()).decode())))
    assert rows == [["'@a", "checkpoint"], ["'+1", "'=1"], ["-1.5", "'=1"], ["x y", "'=1"]]

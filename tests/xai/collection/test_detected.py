"""Faces and text of a collection: what detectors find, kept by the posters' files, as kinds and as a space."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import gan
import xai
from xai import ExplanationError
from xai.collection import detected as module
from xai.collection.detected import Detected, detect, open_detected
from xai.collection.similarity.alike import Searched, describe
from xai.collection.similarity.appearance import measured
from xai.collection.similarity.spaces import detected_space
from xai.discriminator.responses import responses

# Red pixels are a face's, green ones a line of text: a face for each red column of the top row.
RED, GREEN, GREY = (250, 0, 0), (0, 250, 0), (90, 90, 90)


def paint(path: Path, faces: int, text: float) -> None:
    pixels = np.full((96, 64, 3), GREY, np.uint8)
    for face in range(faces):
        pixels[:12, 16 * face : 16 * face + 8] = RED
    pixels[96 - round(96 * text) :] = GREEN
    Image.fromarray(pixels).save(path)


def find_red(pixels: np.ndarray) -> np.ndarray:
    red = (pixels[0] == RED).all(1)
    starts = np.flatnonzero(np.diff(np.concatenate([[0], red.astype(int)])) == 1)
    return np.array([[start / 64, 0, (start + 8) / 64, 12 / 96] for start in starts]).reshape(-1, 4)


def find_green(pixels: np.ndarray) -> np.ndarray:
    rows = np.flatnonzero((pixels == GREEN).all(2).all(1))
    return np.array([[0, rows[0] / 96, 1, 1]]) if len(rows) else np.empty((0, 4))


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Detectors that find what was painted; what they were asked for."""
    asked: list[str] = []

    def detector(what: str, text_at: int = 0) -> Callable[[np.ndarray], np.ndarray]:
        asked.append(what)
        return find_green if what == "text" else find_red

    monkeypatch.setattr(module, "detector", detector)
    return asked


PAINTED = [(0, 0.0), (1, 0.25), (2, 0.5), (4, 0.0), (0, 0.5), (1, 0.0), (0, 0.125), (3, 0.75)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "painted"
    place.mkdir()
    for index, (faces, text) in enumerate(PAINTED):
        paint(place / f"{index}.png", faces, text)
    return place


def test_faces_are_counted_and_areas_measured_on_the_whole_pictures(
    folder: Path, looked: list[str], private_cache: Path
) -> None:
    """Which a crop to a square would have cut off at both ends."""
    found = detect(gan.load_posters(folder, 64, progress=False), folder)
    assert found.faces.tolist() == [faces for faces, _ in PAINTED]
    assert found.text_area == pytest.approx([text for _, text in PAINTED], abs=0.02)
    assert found.face_area == pytest.approx([faces * 12 * 8 / (96 * 64) for faces, _ in PAINTED], abs=0.01)
    assert found.summary == "8 posters: faces on 62%, 1.4 on average; text on 27% of their area."
    assert found.text(2) == "2 faces, on 3% of it; text on 50%"


def test_what_was_found_is_kept_for_every_size_and_looked_for_again_where_a_file_changes(
    folder: Path, looked: list[str], private_cache: Path
) -> None:
    posters = gan.load_posters(folder, 64, progress=False)
    assert open_detected(posters) is None
    detect(posters, folder)
    others = gan.load_posters(folder, (96, 64), "stretch", progress=False)
    assert open_detected(others) is not None
    detect(others, folder)
    assert looked == ["text", "face"]
    paint(folder / "0.png", 4, 0.0)
    changed = gan.load_posters(folder, 64, progress=False)
    assert open_detected(changed) is None
    assert detect(changed, folder).faces[0] == 4


def test_a_job_that_was_stopped_goes_on_with_what_is_missing(
    folder: Path, looked: list[str], private_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BLOCK", 2)
    seen: list[int] = []
    monkeypatch.setattr(module, "_areas", lambda found: (seen.append(len(found)), np.zeros(len(found)))[1])

    def stop(done: float) -> None:
        if done >= 0.5:
            raise KeyboardInterrupt

    posters = gan.load_posters(folder, 64, progress=False)
    with pytest.raises(KeyboardInterrupt):
        detect(posters, folder, stop)
    assert open_detected(posters) is None
    before = len(seen)
    assert 0 < before < 8
    detect(posters, folder)
    assert len(seen) == 8  # of four blocks two areas each: none was looked at twice


def test_posters_that_come_from_no_files_are_refused(posters: gan.PosterSet, looked: list[str]) -> None:
    bare = gan.PosterSet(posters.images, posters.names, posters.genres)
    assert open_detected(bare) is None
    with pytest.raises(ExplanationError, match="own files"):
        detect(bare, "nowhere")


def test_kinds_are_what_is_on_the_posters() -> None:
    found = Detected(np.array([0, 1, 2, 0]), np.array([0, 0.1, 0.2, 0]), np.array([0.1, 0.2, 0.3, 0.4]))
    assert {name: (column == 1).tolist() for name, column in found.labels.items()} == {
        "no face": [True, False, False, True],
        "one face": [False, True, False, False],
        "several faces": [False, False, True, False],
        "little text": [True, False, False, False],
        "much text": [False, False, False, True],
    }


def test_where_all_have_as_much_text_none_has_much() -> None:
    found = Detected(np.zeros(4), np.zeros(4), np.full(4, 0.2))
    assert (found.labels["much text"] == -1).all()


def test_the_space_puts_posters_with_as_many_faces_and_as_much_text_together(
    folder: Path, looked: list[str], private_cache: Path
) -> None:
    found = detect(gan.load_posters(folder, 64, progress=False), folder)
    space = detected_space(found)
    assert space.rows.std(0) == pytest.approx([1, 1, 1], abs=1e-4)
    assert space.place is not None
    assert space.place(found.select([3])) == pytest.approx(space.rows[[3]])
    distances = np.linalg.norm(space.rows - space.rows[4], axis=1)  # no face, half of it text
    assert distances.argsort()[1] == 6  # no face, little text: the faceless one with the next amount


def test_a_row_says_what_is_on_the_poster_and_shows_those_with_the_same(
    checkpoint: gan.Checkpoint, posters: gan.PosterSet
) -> None:
    random = np.random.default_rng(0)
    faces = np.arange(len(posters)) % 3
    found = Detected(faces, faces / 10, random.uniform(0, 0.1, len(posters)))
    score, images = xai.Score(checkpoint.need_discriminator()), posters.tensor(range(len(posters)))
    numbers = np.arange(len(posters))
    searched = Searched.of(responses(score, images), measured(images), numbers, posters, detected=found)
    row = searched.alike(describe(score, posters.tensor([4]), detected=found.select([4])), 5)[-1]
    assert row.name == "detected"
    assert set(faces[row.rows].tolist()) == {1}
    assert row.text.startswith("This poster: one face, on 10% of it; text on ")
    assert row.likeness(0).startswith("distance ")
    assert "detected" not in {one.name for one in searched.alike(describe(score, posters.tensor([4])), 5)}

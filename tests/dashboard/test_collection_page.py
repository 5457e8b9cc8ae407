"""The Collection page: what is searched, what was found, and why a part is missing."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import gan
from dashboard.cached import collection
from dashboard.settings import settings
from gan.data.synthetic import draw_poster
from gan.evaluation.estimates import Estimate
from gan.progress import silent
from tests.dashboard.reading import OpenApp, ask, charts, texts
from xai.collection import detected
from xai.collection import study as module
from xai.collection.detected import Detected
from xai.collection.similarity.rsa import Depth, LayerProfile
from xai.collection.study import FILE, PARTS, CollectionStudy
from xai.discriminator.concepts import detectors
from xai.discriminator.concepts.detectors import DetectorUnavailableError

REASON = "What layers compare posters by: What layers compare posters by needs real posters."


def profile(layer: str, colour: float, genres: float, p: float = 0.002) -> LayerProfile:
    values = (Estimate(colour, colour - 0.02, colour + 0.02), Estimate(genres, genres - 0.02, genres + 0.02))
    advantage = Estimate(genres - colour, genres - colour - 0.03, genres - colour + 0.03)
    return LayerProfile(layer, ("colour", "genres"), values, (p, p), advantage, Estimate(0.0, -0.1, 0.1))


@pytest.fixture
def ship(checkpoints: Path, tmp_path: Path):  # type: ignore[no-untyped-def]  # a function of a fixture's own
    """Put a study with these parts beside a copy of the checkpoint, and return the folder of both."""

    def shipped(**parts: object) -> Path:
        shutil.copytree(checkpoints / "tiny", tmp_path / "tiny")
        digest = gan.load(tmp_path / "tiny").digest
        CollectionStudy(digest, "", 0, 0, 60, 60, **parts).save(tmp_path / "tiny" / FILE)  # type: ignore[arg-type]
        return tmp_path

    return shipped


@pytest.mark.parametrize(
    ("colour", "genres", "said"),
    [(0.4, 0.05, "Genres never overtake colours and layout"), (0.05, 0.4, "Genres overtake colours and layout at")],
)
def test_what_layers_compare_by_is_drawn_and_said(
    open_app: OpenApp, ship, colour: float, genres: float, said: str
) -> None:
    layers = (profile("layers.1", colour, genres),)
    folder = ship(depth=Depth(layers, layers, layers, 40, 20))
    app = open_app("collection", None, "--checkpoints", str(folder))
    assert not app.exception
    assert said in texts(app)
    [first] = [one for title, one in charts(app).items() if title == "What is in a poster"]
    assert [trace["y"] for trace in first["data"]] == [[colour], [genres]]
    assert first["layout"]["yaxis"]["range"][1] == pytest.approx(max(colour, genres) + 0.02)


def test_a_part_that_is_missing_says_why(open_app: OpenApp, ship) -> None:
    folder = ship(missing=(REASON,))
    app = open_app("collection", None, "--checkpoints", str(folder))
    assert REASON in texts(app)
    app.segmented_control(key="c_lab").set_value("Copies").run()
    assert REASON not in texts(app)


def test_some_posters_are_searched_until_all_of_them_are_indexed(open_app: OpenApp, poster_folder: Path) -> None:
    app = open_app("collection", {"among": "real posters"}, "--posters", str(poster_folder))
    assert "These are some of the real posters." in texts(app)
    ask(app, "index_tiny_real")
    assert not app.exception
    assert "These are some of the real posters." not in texts(app)
    assert "most similar of 40 posters" in texts(app)


def test_faces_and_text_have_a_row_once_they_have_been_looked_for(
    open_app: OpenApp, poster_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where that is done while the app runs; of a generated poster nothing is known."""
    missing = "No row by faces and text"
    query = {"among": "real posters", "source": "Poster", "poster": "3"}
    app = open_app("collection", query, "--posters", str(poster_folder))
    assert missing in texts(app)
    assert "**faces and text**" not in texts(app)
    faces = np.arange(40) % 3
    found = Detected(faces, faces / 10, np.linspace(0, 0.5, 40))
    monkeypatch.setattr(detected, "open_detected", lambda posters: found)
    app.run()
    assert missing not in texts(app)
    assert "**faces and text**" in texts(app)
    assert f"This poster: {found.text(3)}." in texts(app)
    app.radio(key="source").set_value("Seed").run()
    assert missing in texts(app)


@pytest.mark.parametrize("installed", [True, False])
def test_on_an_uploaded_poster_faces_and_text_are_looked_for(
    open_app: OpenApp, poster_folder: Path, monkeypatch: pytest.MonkeyPatch, installed: bool
) -> None:
    """On the whole picture, which the network sees a square of; without detectors the page says what to install."""
    seen: list[tuple[int, int]] = []

    def detector(what: str, text_at: int = 0) -> Callable[[np.ndarray], np.ndarray]:
        if not installed:
            raise DetectorUnavailableError(what)
        return lambda pixels: (seen.append(pixels.shape[:2]), np.array([[0, 0, 0.5, 0.5]]))[1]

    monkeypatch.setattr(detected, "detector", detector)
    monkeypatch.setattr(detectors, "detector", detector)
    found = Detected(np.arange(40) % 3, np.arange(40) % 3 / 10, np.linspace(0, 0.5, 40))
    monkeypatch.setattr(detected, "open_detected", lambda posters: found)
    query = {"among": "real posters", "source": "Upload"}
    app = open_app("collection", query, "--posters", str(poster_folder))
    buffer = io.BytesIO()
    draw_poster(3).image.resize((64, 96)).save(buffer, "PNG")
    app.file_uploader(key="upload").upload("mine.png", buffer.getvalue(), "image/png").run()
    assert not app.exception
    assert ("This poster: one face, on 25% of it; text on 25%." in texts(app)) == installed
    assert ("No row by faces and text. Without the extra concepts" in texts(app)) != installed
    assert seen == [(96, 64), (96, 64)] * installed


@pytest.fixture
def loaded(checkpoints: Path, poster_folder: Path, monkeypatch: pytest.MonkeyPatch) -> gan.Checkpoint:
    """A checkpoint beside posters, of whose study there is only the first part."""
    monkeypatch.setattr(sys, "argv", ["app.py", "--checkpoints", str(checkpoints), "--posters", str(poster_folder)])
    settings.cache_clear()
    monkeypatch.setattr(module, "PARTS", {"hubs": PARTS["hubs"]})
    return gan.load(checkpoints / "tiny")


def test_a_study_of_the_posters_that_are_loaded_is_made_kept_and_found(loaded: gan.Checkpoint) -> None:
    assert collection.study(loaded) is None
    assert collection.can_study(loaded, None)
    parts: list[float] = []
    collection.make_study(loaded, parts.append)
    assert parts == sorted(parts)
    found = collection.study(loaded)
    assert found is not None
    assert {one.space for one in found.hubs} == {"layers.1", "colour", "layout", "hash"}
    assert collection.is_of_loaded(loaded, found)
    assert not collection.can_study(loaded, found)


def test_a_study_that_was_made_here_and_is_damaged_is_offered_again(loaded: gan.Checkpoint) -> None:
    collection.make_study(loaded, silent)
    [path] = {*collection._study_folder(loaded).glob(FILE)}
    path.write_bytes(path.read_bytes()[:100])
    assert collection.study(loaded) is None
    assert collection.can_study(loaded, None)


def test_a_study_of_other_posters_names_none_of_those_that_are_loaded(loaded: gan.Checkpoint) -> None:
    other = CollectionStudy(loaded.digest, "other posters", 40, 2, 60, 60)
    assert not collection.is_of_loaded(loaded, other)
    assert collection.can_study(loaded, other)

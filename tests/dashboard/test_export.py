"""Each page's export: closed it makes nothing; open it offers what its figure holds; a click makes the file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest

import gan
from tests.dashboard.reading import OpenApp, errors
from xai.figures.data import read_npz
from xai.figures.formats import FORMATS

QUICK = {"methods": "DeepLIFT", "check": "false"}
CASES = [
    # page, query, key of the button, formats, what stands in the file's name
    ("compare", QUICK, "map_deeplift", {"screen", "csv", "npz"}, "DeepLIFT-over-the-poster"),
    ("compare", QUICK | {"more": "Export"}, "maps", {"screen", "csv", "npz"}, "Maps-of-the-poster"),
    ("discriminator", {}, "d_response", {"screen", "npz"}, "Response-of-filter"),
    ("generator", {}, "ablation", {"screen", "npz"}, "The-poster-without-filter"),
    ("latent", {"latent": "2"}, "sweep", {"screen", "npz", "gif", "webp"}, "Latent-dimension-2-swept"),
    ("latent", {}, "latent_table", {"csv"}, "What-each-latent-dimension"),
    ("latent", {"noise": "Paths"}, "walk", {"screen", "npz", "gif", "webp"}, "A-walk-from-seed-0"),
    ("collection", {}, "alike", {"screen", "csv"}, "Posters-that-look-like"),
    ("prune", {}, "pruned", {"screen", "csv"}, "pruned-generator"),
    ("training", {}, "grids_runs/first", {"screen", "gif", "webp"}, "over-the-training-of-first"),
    ("training", {}, "log_runs/first", {"csv"}, "Log-of-first"),
]


class Downloads(dict[str, tuple[str, Callable[[], bytes]]]):
    """What the page offers: by the widget's key, the file's name and what makes it."""


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> Downloads:
    found, shown = Downloads(), st.download_button

    def offer(label: str, data: Any, file_name: str = "", *rest: Any, key: str = "", **more: Any) -> bool:
        found[key or label] = file_name, data
        return shown(label, data, file_name, *rest, key=key or None, **more)

    monkeypatch.setattr(st, "download_button", offer)
    return found


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    folder = tmp_path / "runs/first"
    (folder / "grids").mkdir(parents=True)
    for kimg, level in ((1.0, 10), (2.5, 120), (9.0, 240)):
        Image.new("RGB", (16, 16), (level,) * 3).save(folder / "grids" / f"{kimg:010.3f}.png")
    (folder / "stats.jsonl").write_text('{"kimg": 1.0, "step": 1, "seconds": 9, "loss_d": 0.5, "loss_g": 1}\n')
    return tmp_path / "runs"


def opened(app: AppTest, key: str) -> AppTest:
    """With the export beside a picture opened."""
    app.session_state[f"export_{key}"] = True
    return app.run()


@pytest.mark.parametrize(("page", "query", "key", "formats", "name"), CASES, ids=[f"{c[0]}-{c[2]}" for c in CASES])
def test_a_page_exports_what_it_shows(
    open_app: OpenApp, downloads: Downloads, runs: Path, page: str, query: dict[str, str], key: str,
    formats: set[str], name: str,
) -> None:  # fmt: skip
    app = open_app(page, query, "--runs", str(runs))
    assert not [one for one in downloads if one.startswith("export_")]
    opened(app, key)
    assert not app.exception
    assert not errors(app)
    offered = {one.rsplit("_", 1)[1]: downloads[one] for one in downloads if one.startswith(f"export_{key}_")}
    assert offered.keys() == formats
    for kind, (file_name, make) in offered.items():
        assert name in file_name
        assert file_name.endswith(FORMATS[kind].suffix)
        check(kind, make())


def check(kind: str, content: bytes) -> None:
    """That it is a file of this kind, and of the weights that it says."""
    if kind == "csv":
        rows = list(csv.reader(io.StringIO(content.decode())))
        assert len(rows) > 1
        assert "checkpoint" in rows[0]
    elif kind == "npz":
        assert len(read_npz(io.BytesIO(content))[1]["sha256"]) == 64
    else:
        with Image.open(io.BytesIO(content)) as picture:
            assert picture.format == {"screen": "PNG", "gif": "GIF", "webp": "WEBP"}[kind]
            assert kind == "screen" or picture.n_frames > 2  # type: ignore[attr-defined]


def test_the_size_for_print_is_the_width_in_millimetres(open_app: OpenApp, downloads: Downloads) -> None:
    app = opened(open_app("compare", QUICK), "map_deeplift")
    group = "export_map_deeplift_picture"
    app.session_state[f"{group}_size"] = "print"
    app.run()
    app.number_input(key=f"{group}_mm").set_value(50).run()
    name, make = downloads[f"{group}_print"]
    assert name.endswith("-print.png")
    with Image.open(io.BytesIO(make())) as picture:
        assert picture.width == round(50 / 25.4 * 300)
        assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        about = json.loads(picture.info["Source"])
    assert about["settings"]["baseline"]
    assert about["settings"]["colour_scale"] == "shared"


def test_a_map_in_a_file_is_the_map_on_the_page(open_app: OpenApp, downloads: Downloads, checkpoints: Path) -> None:
    app = opened(open_app("compare", QUICK), "map_deeplift")
    arrays, about = read_npz(io.BytesIO(downloads["export_map_deeplift_numbers_npz"][1]()))
    subject = app.session_state["selection"].subject
    assert (arrays["poster"] == subject.pixels).all()
    assert about["sha256"] == gan.load(checkpoints / "tiny").digest
    assert about["settings"]["method"] == "DeepLIFT"

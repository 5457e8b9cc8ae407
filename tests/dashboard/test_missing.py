"""What is asked for and is not here is said in one line, and the page goes on with what it shows instead."""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

import gan
from dashboard.links import is_same
from dashboard.pages import PAGES
from dashboard.panels.generator.painting import percents
from dashboard.subject import Noise
from tests.dashboard.reading import OpenApp, headings, shown, subject_of
from tests.dashboard.test_laboratory import LAB

QUICK = {"methods": "DeepLIFT", "check": "false"}
# Page, what else the link says, the parameter, a value that is not there, what is shown instead.
GONE: list[tuple[str, dict[str, str], str, str, str]] = [
    *((page, {}, "checkpoint", "nowhere", "tiny") for page in PAGES),
    *((page, {}, "source", "Poster", "Seed") for page in PAGES),
    ("start", {}, "seed", str(2**32), "0"),
    ("start", {}, "seed", "-1", "0"),
    ("compare", QUICK, "reference", "void", "generated"),
    ("compare", {"check": "false"}, "methods", "astrology", "DeepLIFT"),
    ("compare", QUICK, "references", "99", "16"),
    ("compare", QUICK, "strength", "7", "0.9"),
    ("compare", QUICK, "detail", "3 px", "8"),
    ("compare", QUICK, "more", "Astrology", "none"),
    ("compare", QUICK, "target_layer", "layers.99", "layers.1"),
    ("compare", QUICK, "target_unit", "900", "0"),
    ("discriminator", {}, "d_layer", "layers.99", "layers"),
    ("discriminator", {}, "d_unit", "900", ""),
    ("discriminator", {}, "d_sort", "colour", "contribution"),
    ("discriminator", {}, "d_map", "void", "this filter"),
    ("discriminator", {}, "d_lab", "Astrology", "none"),
    ("discriminator", {}, "reference", "void", "generated"),
    ("generator", {}, "g_layer", "layers.99", "layers"),
    ("generator", {}, "g_unit", "900", "3"),
    ("generator", {}, "removal", "fire", "mean"),
    ("generator", {}, "lab", "Astrology", "none"),
    ("generator", {"lab": "What a dimension drives"}, "dimension", "900", "0"),
    ("generator", {"lab": "Paint with this filter"}, "brush_value", "loud", "strong"),
    ("latent", {}, "latent", "900", ""),
    ("latent", {"noise": "Paths"}, "to_seed", "-5", "1"),
    ("latent", {"noise": "Paths"}, "length", "9", "1.0"),
    ("latent", {}, "noise", "Astrology", "none"),
    ("prune", {}, "percent", "900", "20"),
    ("prune", {}, "ranking", "beauty", "duplicates"),
]  # fmt: skip


def lines(app: AppTest) -> list[str]:
    return [shown(one.value) for one in app.warning if "asked for" in one.value]


@pytest.mark.parametrize(("page", "query", "name", "value", "instead"), GONE)
def test_a_link_that_asks_for_what_is_not_here_says_so(
    open_app: OpenApp, page: str, query: dict[str, str], name: str, value: str, instead: str
) -> None:
    app = open_app(page, query | {name: value})
    assert not app.exception
    assert not app.error
    (line,) = lines(app)
    assert value in line
    assert f"this page shows {instead}" in line
    assert lines(app.run()) == [line]


@pytest.mark.parametrize("page", PAGES)
def test_a_link_to_what_is_here_says_nothing(open_app: OpenApp, page: str) -> None:
    app = open_app(
        page, QUICK | {"checkpoint": "tiny", "source": "Seed", "seed": "0", "d_unit": "0", "percent": "20",
                       "noise": "Paths", "removal": "mean", "detail": "8 px", "lab": "Paint with this filter",
                       "brush_value": "at its maximum", "utm_source": "mail"},
    )  # fmt: skip
    assert not lines(app)


def test_the_line_goes_with_the_choice_that_it_is_about(open_app: OpenApp) -> None:
    app = open_app("start", {"seed": str(2**32)})
    assert len(lines(app)) == 1
    app.number_input(key="seed").set_value(5).run()
    assert not lines(app)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("seed", [10_000, 2**31, 2**32 - 1])
def test_every_seed_works_on_every_page(open_app: OpenApp, page: str, seed: int) -> None:
    app = open_app(page, QUICK | {"seed": str(seed), "noise": "Paths", "to_seed": str(seed)})
    assert not app.exception
    assert not app.error
    assert not lines(app)
    assert subject_of(app).name == f"seed {seed}"


def test_a_checkpoint_that_is_removed_meanwhile_is_said_on_all_pages(
    open_app: OpenApp, checkpoints: Path, tmp_path: Path
) -> None:
    for name in ("first", "second"):
        shutil.copytree(checkpoints / "tiny", tmp_path / name)
    app = open_app("generator", {"checkpoint": "second"}, "--checkpoints", str(tmp_path))
    assert subject_of(app).checkpoint.name == "second"
    shutil.rmtree(tmp_path / "second")
    for page in ("generator", "prune", "compare"):
        app.switch_page(PAGES[page].path)
        app.run()
        assert not app.exception
        assert subject_of(app).checkpoint.name == "first"
        assert "checkpoint" not in app.query_params
        assert lines(app) == ["The checkpoint that was asked for, second, is not here; this page shows first."]


def damaged(kind: str, folder: Path) -> Path:
    path = folder / "posters.zip"
    if kind == "empty folder":
        path.mkdir()
    elif kind == "no zip":
        path.write_bytes(b"PK\x03\x04 but not really")
    elif kind == "empty zip":
        zipfile.ZipFile(path, "w").close()
    elif kind == "no pictures":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.txt", "b")
    return path


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("kind", ["missing", "empty folder", "no zip", "empty zip", "no pictures"])
def test_posters_that_cannot_be_read_cost_only_the_posters(
    open_app: OpenApp, tmp_path: Path, page: str, kind: str
) -> None:
    app = open_app(page, QUICK, "--posters", str(damaged(kind, tmp_path)))
    assert not app.exception
    assert not app.error
    assert [one.value for one in app.sidebar.warning if "Seeds and uploads work without" in shown(one.value)]
    assert subject_of(app).kind == "Seed"
    assert app.radio(key="source").options == ["Seed", "Upload"]


@pytest.mark.parametrize("section", LAB)
def test_a_found_poster_opens_every_section_of_the_generator(
    open_app: OpenApp, checkpoints: Path, section: str
) -> None:
    app = open_app("generator", {"lab": section, "g_layer": "layers.2"})
    checkpoint = gan.load(checkpoints / "tiny")
    z = gan.latents([5], checkpoint.config)
    app.session_state["found"] = {checkpoint.digest: Noise.of_latent(z, "found")}
    app.run()
    app.radio(key="source").set_value("Found").run()
    assert not app.exception
    assert not app.error
    assert subject_of(app).kind == "Found"
    assert headings(app)


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
@example(1.0, 1.0)
@example(0.999, 1.0)
@example(-3.0, 7.0)
def test_a_box_lies_inside_the_picture_and_is_never_empty(one: float, other: float) -> None:
    low, high = percents(one, other)
    assert 0 <= low < high <= 100
    assert percents(other, one) == (low, high)
    assert percents(low / 100, high / 100) == (low, high)


@pytest.mark.parametrize("ends", [["100", "100"], ["100", "101"], ["-5", "7"], ["50", "50"], ["90", "10"], ["x", "y"]])
def test_a_link_with_any_box_opens_the_page(open_app: OpenApp, ends: list[str]) -> None:
    query: dict[str, Any] = {"lab": "What contributes to this region", "region_across": ends, "g_layer": "layers.2"}
    app = open_app("generator", query)
    assert not app.exception
    assert not app.error


@pytest.mark.parametrize(
    ("asked", "value", "same"),
    [(["7"], 7, True), (["7.0"], 7, True), (["x"], 7, False), (["TRUE"], True, True), (["1", "2"], (1, 2), True),
     (["1"], (1, 2), False), (["a"], "a", True), (["a"], None, False), ([""], None, True)],
)  # fmt: skip
def test_an_address_is_compared_with_what_is_shown(asked: list[str], value: Any, same: bool) -> None:
    assert is_same(asked, value) is same


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_posters_that_may_not_be_read_are_one_sentence(open_app: OpenApp, tmp_path: Path) -> None:
    path = tmp_path / "posters.zip"
    path.write_bytes(b"")
    path.chmod(0)
    app = open_app("start", None, "--posters", str(path))
    assert not app.error

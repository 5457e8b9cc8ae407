"""The generator's laboratory and the noise sections: every part opens, measures, and bears nonsense."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from streamlit.testing.v1 import AppTest

import gan
import xai
from dashboard.cached import filters as filter_cache
from dashboard.cached import latents as latent_cache
from dashboard.cached import measured
from dashboard.panels.discriminator import table as discriminator_table
from dashboard.panels.generator import filters as laboratory
from dashboard.panels.latent import exports as latent_exports
from dashboard.panels.unit_table import Column
from dashboard.subject import Noise
from tests.dashboard.reading import OpenApp, ask, captions, headings, subject_of, texts
from xai.generator.ablation import ablate_all
from xai.generator.folded import FoldedGenerator
from xai.generator.painting import Edit, from_json, to_json
from xai.generator.regions import Mask


def maps_of(app: AppTest, layer: str) -> torch.Tensor:
    """(U, h, w) of the generated poster that a page is about."""
    subject = subject_of(app)
    assert subject.noise is not None
    return xai.activations(subject.checkpoint.need_generator(), subject.noise.z, [layer])[layer][0]


LAB = ("Inputs to this filter", "What a dimension drives", "What contributes to this region", "Paint with this filter")


@pytest.mark.parametrize("section", LAB)
@pytest.mark.parametrize("layer", ["layers.2", "layers.0"])
def test_every_part_of_the_laboratory_opens(open_app: OpenApp, section: str, layer: str) -> None:
    app = open_app("generator", {"lab": section, "g_layer": layer})
    assert not app.exception
    assert not app.error


def test_filters_are_measured_when_asked_for_and_kept(open_app: OpenApp) -> None:
    app = open_app("generator", {"lab": "All filters"})
    assert "have not been measured" in texts(app)
    ask(app, "measure")
    assert not app.exception
    assert not app.error
    assert "Confidence" in texts(app)  # the verdict on the chosen filter
    table = app.dataframe[0].value
    assert len(table) == 4  # the tiny generator has four
    assert "strongest" not in table
    assert table["confidence"].between(0, 100).all()
    assert table["confidence"].max() > 1
    app = open_app("generator", {"g_layer": "layers.2"})
    assert not app.exception
    assert not app.error
    assert app.segmented_control(key="g_sort").options == ["effect", "activation", "index"]
    assert any("Strongest of a thousand seeds" in sheet.proto.json for sheet in app.get("bidi_component"))
    folded = FoldedGenerator.of(subject_of(app).checkpoint.need_generator())
    noise = subject_of(app).noise
    assert noise is not None
    most = int(ablate_all(folded, noise.z, "layers.2").effects.argmax())
    assert f"Filter {most} of layers.2" in headings(app)  # that changes this poster most, where a link names none
    assert f"Filter {3 - most} of layers.2" in headings(
        open_app("generator", {"g_layer": "layers.2", "g_unit": str(3 - most)})
    )


def test_without_a_study_it_begins_with_the_filter_that_responds_most(open_app: OpenApp) -> None:
    app = open_app("generator", {"g_layer": "layers.2", "seed": "5"})
    maps = maps_of(app, "layers.2")
    assert f"Filter {int(maps.abs().mean((1, 2)).argmax())} of layers.2" in headings(app)


def test_edits_in_the_address_are_painted_and_undone(open_app: OpenApp) -> None:
    edits = [Edit("layers.2", 0, (0.0, 0.0, 1.0, 0.5), "off"), Edit("layers.2", 1, (0.0, 0.0, 0.5, 1.0), "strong")]
    app = open_app("generator", {"lab": "Paint with this filter", "paint_with": "a box", "edits": to_json(edits)})
    assert not app.exception
    assert not app.error
    assert "with 2 edits" in captions(app)
    next(button for button in app.button if button.label == "Undo").click().run()
    assert not app.exception
    assert "with 1 edit" in captions(app)
    next(button for button in app.button if button.label == "Paint").click().run()
    assert "with 2 edits" in captions(app)


def paint_button(app: AppTest) -> Any:
    return next(button for button in app.button if button.label == "Paint")


def test_a_brushed_mask_comes_back_from_its_link_is_previewed_and_then_painted(open_app: OpenApp) -> None:
    query = {"lab": "Paint with this filter", "g_layer": "layers.2", "g_unit": "1", "paint_with": "a brush"}
    height, width = maps_of(open_app("generator", query), "layers.2").shape[1:]
    mask = Mask(height, width, (1, 2))
    app = open_app("generator", query | {"mask": mask.text})
    assert not app.exception
    assert {"preview: not painted yet", "with no edits"} <= set(captions(app))
    paint_button(app).click().run()
    assert "with 1 edit" in captions(app)
    assert from_json("".join(app.query_params["edits"])) == [Edit("layers.2", 1, mask, "strong")]
    assert "mask" not in app.query_params


@pytest.mark.parametrize("mask", ["", "nonsense", "3x3.0.1", "99x99.0.1"])
def test_before_anything_is_brushed_there_is_nothing_to_paint(open_app: OpenApp, mask: str) -> None:
    query = {"lab": "Paint with this filter", "g_layer": "layers.2"} | ({"mask": mask} if mask else {})
    app = open_app("generator", query)
    assert not app.exception
    assert not app.error
    assert paint_button(app).disabled
    assert len(app.warning) == (mask == "nonsense")


def test_the_same_edits_on_another_seed_are_another_picture(checkpoints: Path) -> None:
    checkpoint = gan.load(checkpoints / "tiny")
    edits = to_json([Edit("layers.2", 0, (0.0, 0.0, 1.0, 0.5), "off")])
    one, other = (filter_cache.painted(checkpoint, Noise.of_seed(seed, checkpoint.config), edits) for seed in (1, 2))
    assert not torch.equal(one, other)


def test_a_link_names_its_layer_and_not_the_words_of_the_box(open_app: OpenApp) -> None:
    app = open_app("generator", {"g_layer": "layers.0", "g_unit": "2"})
    assert "Filter 2 of layers.0" in [element.value for element in app.header]
    app.selectbox(key="g_layer").set_value("layers.2").run()
    assert "layers.2" in app.query_params["g_layer"]  # a list in later versions of Streamlit


@pytest.mark.parametrize("text", ["[[", "7", '[["layers.99",0,[0,0,1,1],"off"]]', '[["layers.2",0,[1,0,0,1],"off"]]'])
def test_edits_that_are_none_are_one_sentence(open_app: OpenApp, text: str) -> None:
    app = open_app("generator", {"lab": "Paint with this filter", "edits": text})
    assert not app.exception
    assert not app.error
    assert len(app.warning) == 1


def test_noise_is_measured_when_asked_for(open_app: OpenApp) -> None:
    app = open_app("latent", {"noise": "Importance"})
    assert "have not been measured" in texts(app)
    ask(app, "measure_noise")
    assert not app.exception
    assert not app.error
    assert "total index" in texts(app)
    assert "Over all posters it has place" in texts(app)
    app = open_app("latent", {"noise": "Directions"})
    assert not app.exception
    assert not app.error
    assert "Side effects" in texts(app)
    app.segmented_control(key="family").set_value("pca").run()
    assert not app.exception
    assert not app.error


def test_a_study_that_is_finished_while_the_page_is_drawn_is_on_all_of_it(
    open_app: OpenApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = latent_exports.show_acting  # behind what the page says of the dimension, before its analyses

    def finish(checkpoint: gan.Checkpoint, *arguments: Any) -> None:
        if latent_cache.latent_study(checkpoint) is None:
            latent_cache.measure_latents(checkpoint, lambda part: None)
        draw(checkpoint, *arguments)

    monkeypatch.setattr(latent_exports, "show_acting", finish)
    app = open_app("latent", {"noise": "Importance"})
    assert not app.exception
    assert "total index" in texts(app)
    assert "Over all posters it has place" in texts(app)
    assert "has not been measured" not in texts(app)


def test_what_was_read_has_changed_once_the_file_is_written_or_gone(tmp_path: Path) -> None:
    file = tmp_path / "study.npz"
    measured.begin()
    assert measured.stamp_of_path(file) == ()
    assert not measured.has_changed()
    file.write_bytes(b"1")
    assert measured.has_changed()
    measured.stamp_of_path(file)  # the part of the page below knows it: the part above still does not
    assert measured.has_changed()
    measured.begin()
    measured.stamp_of_path(file)
    assert not measured.has_changed()
    file.unlink()
    assert measured.has_changed()


def test_the_chosen_dimension_is_explained_in_words(open_app: OpenApp) -> None:
    app = open_app("latent", {"latent": "3", "seed": "2"})
    assert "In this poster dimension 3 has place" in texts(app)
    assert "has not been measured for these weights" in texts(app)  # what it does over all of them
    app.slider(key="latent").set_value(5).run()
    assert "In this poster dimension 5 has place" in texts(app)


def test_a_walk_leads_to_another_seed(open_app: OpenApp) -> None:
    app = open_app("latent", {"noise": "Paths", "to_seed": "5"})
    assert not app.exception
    assert not app.error
    assert "Even steps on the sphere" in texts(app)
    app.slider(key="length").set_value(0.5).run()
    assert "0.5 times" in captions(app)


def test_a_real_posters_noise_is_found_and_taken_to_all_pages(open_app: OpenApp, poster_folder: Path) -> None:
    app = open_app("latent", {"source": "Poster", "noise": "Find this poster"}, "--posters", str(poster_folder))
    assert not app.exception
    assert not app.error
    app.button(key="invert").click().run()
    assert not app.exception
    assert not app.error
    assert "the nearest that it can draw" in captions(app)
    app.button(key="keep_found").click().run()
    assert not app.exception
    assert not app.error
    subject = subject_of(app)
    assert subject.name.startswith("nearest to")
    assert subject.noise is not None
    app.switch_page("app_pages/generator.py").run()
    assert not app.exception
    assert not app.error
    assert subject_of(app).name == subject.name


def test_a_found_noise_belongs_to_its_checkpoint(open_app: OpenApp, checkpoints: Path) -> None:
    app = open_app("latent", {"source": "Found"})
    assert not app.exception
    assert app.session_state["source"] == "Seed"
    assert gan.list_checkpoints(checkpoints)


@pytest.mark.parametrize(
    ("columns", "needed"),
    [
        (laboratory.COLUMNS, {"verdict", "effect", "logit_low", "logit_high", "replaced", "active"}),
        (discriminator_table.COLUMNS, {"says", "logit_effect_low", "auc", "proportion", "concept", "unused"}),
    ],
)
def test_what_a_filter_is_worth_fits_into_a_window_of_1280_pixels(columns: dict[str, Column], needed: set[str]) -> None:
    """The table is 883 pixels wide there, of which the boxes to choose a row take 38."""
    shown = list(columns)
    first = shown[: shown.index("link") + 1]
    assert sum(columns[name].width for name in first) <= 883 - 38
    assert needed < set(first)


def test_numbers_of_the_dashboard_have_no_gap_before_their_percent_sign() -> None:
    """A number that code puts into a text, and the format of a column: ``48%``, never ``48 %``."""
    gap = re.compile(r"\} %|\b[dfg] %%")
    pages = sorted(Path(laboratory.__file__).parents[1].rglob("*.py"))
    assert [page.name for page in pages if gap.search(page.read_text(encoding="utf-8"))] == []

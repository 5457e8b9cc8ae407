"""The Discriminator page: the verdict by filters, a filter's card, its exemplars, and how good the verdicts are."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import gan
import xai
from dashboard.panels.discriminator.filter_card import SENTENCES
from tests.dashboard.reading import OpenApp, ask, headings, metrics, subject_of, texts, unfolded
from tests.dashboard.test_foreign_text import PICTURE, check
from xai.discriminator.concepts.table import RULE, ConceptTable
from xai.discriminator.filters.evidence import SAYS
from xai.discriminator.filters.study import study
from xai.discriminator.filters.table import FILE, DiscriminatorTable
from xai.discriminator.relevance import filter_contributions


@pytest.fixture(scope="module")
def studied(checkpoints: Path, poster_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the checkpoint ``tiny``, and the table of D's filters from the synthetic posters beside it."""
    folder = tmp_path_factory.mktemp("studied")
    shutil.copytree(checkpoints / "tiny", folder / "tiny")
    posters = gan.load_posters(poster_folder, 8, cache=tmp_path_factory.mktemp("cache"), progress=False)
    study(gan.load(folder / "tiny"), posters, generated=20).save(folder / "tiny" / FILE)
    return folder


def sheets(app: AppTest) -> list[str]:
    return [sheet.proto.json for sheet in app.get("bidi_component") if "Posters that" in sheet.proto.json]


def test_the_page_opens_with_the_filter_that_matters_most_and_the_waterfall_says_where_it_leads(
    open_app: OpenApp,
) -> None:
    app = open_app("discriminator", {"d_layer": "layers.1", "reference": "grey"})
    assert not app.exception
    assert not app.error
    subject = subject_of(app)
    image = subject.image
    score = xai.Score(subject.checkpoint.need_discriminator())
    found = filter_contributions(score, image, xai.reference("grey").single(image))
    most = int(np.abs(found.of("layers.1").values).argmax())
    assert headings(app)[0] == f"Filter {most} of layers.1"
    assert f"From {found.base_logit:+z.3f} for the reference to {found.logit:+z.3f} for this poster" in texts(app)
    assert f"**{found.of('layers.1').values[most]:+z.3f}**" in texts(app)


def test_a_layer_before_its_activation_has_maps_and_no_waterfall(open_app: OpenApp) -> None:
    app = open_app("discriminator", {"d_layer": "layers.0"})
    assert not app.exception
    assert not app.error
    assert app.segmented_control(key="d_map").options == ["all filters", "poster"]
    assert "Choose a layer with a star" in texts(app)


@pytest.mark.parametrize("shown", ["this filter", "all filters", "poster"])
def test_every_map_of_the_poster_is_drawn(open_app: OpenApp, shown: str) -> None:
    app = open_app("discriminator", {"d_map": shown})
    assert not app.exception
    assert not app.error


def test_what_the_study_says_of_a_filter_is_on_its_card(open_app: OpenApp, studied: Path) -> None:
    table = DiscriminatorTable.load(studied / "tiny" / FILE)
    for layer, unit in (("layers.1", 0), ("layers.1", 3)):
        query = {"d_layer": layer, "d_unit": str(unit)}
        app = open_app("discriminator", query, "--checkpoints", str(studied))
        row = table.find(layer, unit)
        assert not app.error
        assert f"badge[{row['says']}]" in texts(app)
        assert ("fires, is not used" in texts(app)) == row["unused"]
        assert metrics(app)["AUC alone"] == f"{row['auc']:.2f}"
        assert metrics(app)["Adds when it fires"] == f"{row['logit_effect']:+z.3f}"


def test_real_exemplars_are_shown_only_with_the_posters_that_they_are_of(
    open_app: OpenApp, studied: Path, poster_folder: Path, tmp_path: Path
) -> None:
    own = open_app("discriminator", None, "--checkpoints", str(studied), "--posters", str(poster_folder))
    assert not own.error
    assert own.segmented_control(key="exemplars").options == ["real posters", "generated posters"]
    assert any("poster " in sheet for sheet in sheets(own))
    fewer = shutil.copytree(poster_folder, tmp_path / "fewer")
    next(path for path in sorted(fewer.iterdir()) if path.suffix != ".csv").unlink()
    other = open_app("discriminator", None, "--checkpoints", str(studied), "--posters", str(fewer))
    assert other.segmented_control(key="exemplars").options == ["generated posters"]
    assert "Real ones are shown where the posters of the study are loaded." in texts(other)


def test_patches_take_the_place_of_whole_posters(open_app: OpenApp, studied: Path) -> None:
    whole, patches = (
        open_app("discriminator", {"patches": shown}, "--checkpoints", str(studied))
        for shown in ("whole posters", "patches")
    )
    assert not patches.error
    assert sheets(whole) != sheets(patches)


@pytest.mark.parametrize("with_posters", [True, False])
def test_filters_are_measured_where_they_were_not(open_app: OpenApp, poster_folder: Path, with_posters: bool) -> None:
    app = open_app("discriminator", None, *(["--posters", str(poster_folder)] if with_posters else []))
    assert "has not been measured" in texts(app)
    ask(app, "d_measure")
    assert not app.exception
    assert not app.error
    assert "AUC alone" in metrics(app)
    assert ("drawn poster" in texts(app)) == (not with_posters)


def test_the_table_of_all_filters_has_them_all(open_app: OpenApp, studied: Path) -> None:
    app = open_app("discriminator", {"d_lab": "All filters"}, "--checkpoints", str(studied))
    assert not app.error
    table = DiscriminatorTable.load(studied / "tiny" / FILE)
    assert len(app.dataframe[0].value) == len(table)
    assert "at a false discovery rate" in texts(app)


def test_how_good_the_verdicts_are_is_said_of_real_and_generated_posters(
    open_app: OpenApp, poster_folder: Path
) -> None:
    query = {"d_lab": "How good its verdicts are"}
    app = open_app("discriminator", query, "--posters", str(poster_folder))
    assert not app.exception
    assert not app.error
    said = texts(app)
    assert "Held-out posters: right about" in said
    assert "Generated posters: right about" in said
    assert "Did it memorise its training posters?" in said
    without = open_app("discriminator", query)
    assert not without.error
    assert "needs posters" in texts(without)
    assert "Generated posters: right about" in texts(without)


@pytest.mark.parametrize("by", ["mean", "reference"])
@pytest.mark.parametrize("scope", ["this layer", "all layers"])
def test_what_would_turn_the_verdict_is_searched_and_said(open_app: OpenApp, by: str, scope: str) -> None:
    query = {"d_lab": "Turn the verdict", "d_by": by, "d_scope": scope, "d_layer": "layers.1"}
    app = open_app("discriminator", query)
    assert not app.exception
    assert not app.error
    assert "turn" in texts(app)
    assert app.selectbox(key="d_by").value == by
    assert "leaves this poster's logit the fastest" in texts(app)
    assert "The shortest move in latent space" in texts(app)
    assert "posters on the way" in "".join(sheet.proto.json for sheet in app.get("bidi_component"))


def test_the_latent_is_moved_only_where_there_is_one(open_app: OpenApp, poster_folder: Path) -> None:
    query = {"d_lab": "Turn the verdict", "source": "Poster", "d_layer": "layers.0"}
    app = open_app("discriminator", query, "--posters", str(poster_folder))
    assert not app.exception
    assert not app.error
    assert "Of a generated poster" in texts(app)


# ---- what the studies say, whatever they say -----------------------------------------------------------------------


def named(folder: Path, concept: str) -> ConceptTable:
    """A study of concepts in which the first filter stands for ``concept``, and no other for any."""
    found = DiscriminatorTable.load(folder / "tiny" / FILE)
    units, one, label = len(found), np.ones((len(found), 1), np.float32), np.full(len(found), -1, np.int32)
    label[0] = 0
    half = dict.fromkeys(
        ("iou", "iou_low", "iou_high", "chance", "z", "auc", "second", "second_low", "second_high", "threshold"),
        one / 2,
    )
    return ConceptTable(
        found.layer, found.unit, np.array([concept]), label, **half, controls=np.array([[1, 40], [0, 40]], np.int32),
        digest=found.digest, pictures=units, kind="held-out posters", rule=RULE,
    )  # fmt: skip


@pytest.fixture
def changed(studied: Path, tmp_path: Path) -> Path:
    return shutil.copytree(studied, tmp_path / "changed")


@pytest.mark.parametrize("unused", [True, False])
def test_a_filter_that_fires_and_is_not_used_is_said_to_be_so(open_app: OpenApp, changed: Path, unused: bool) -> None:
    table = DiscriminatorTable.load(changed / "tiny" / FILE)
    replace(table, unused=np.full(len(table), unused)).save(changed / "tiny" / FILE)
    app = open_app("discriminator", None, "--checkpoints", str(changed))
    assert ("fires, is not used" in texts(app)) == unused


@pytest.mark.parametrize("says", SAYS)
def test_the_card_says_what_the_study_says(open_app: OpenApp, changed: Path, says: str) -> None:
    table = DiscriminatorTable.load(changed / "tiny" / FILE)
    replace(table, says=np.full(len(table), says)).save(changed / "tiny" / FILE)
    said = texts(open_app("discriminator", None, "--checkpoints", str(changed)))
    assert SENTENCES[says] in said
    assert not any(sentence in said for other, sentence in SENTENCES.items() if other != says)


def test_a_concept_is_named_where_it_is_proved_and_the_nearest_where_it_is_not(
    open_app: OpenApp, changed: Path
) -> None:
    named(changed, "title text").save(changed / "tiny/concepts.npz")
    query = {"d_layer": "layers.1", "d_lab": "All filters"}
    app = open_app("discriminator", query | {"d_unit": "0"}, "--checkpoints", str(changed))
    assert not app.error
    assert "It stands for **title text**: IoU with “title text” 0.50" in texts(app)
    assert app.dataframe[0].value["concept"].tolist()[:2] == ["title text", ""]
    other = texts(open_app("discriminator", query | {"d_unit": "1"}, "--checkpoints", str(changed)))
    assert "No concept is proved for it. The nearest: IoU with “title text”" in other


def test_what_other_peoples_studies_hold_is_shown_as_it_stands(open_app: OpenApp, changed: Path) -> None:
    table = DiscriminatorTable.load(changed / "tiny" / FILE)
    replace(table, reference=PICTURE).save(changed / "tiny" / FILE)
    named(changed, PICTURE).save(changed / "tiny/concepts.npz")
    app = open_app("discriminator", {"d_layer": "layers.1", "d_unit": "0"}, "--checkpoints", str(changed))
    assert not app.exception
    check(app)


@pytest.mark.parametrize("name", [FILE, "concepts.npz"])
def test_a_damaged_study_costs_its_own_part_alone(open_app: OpenApp, changed: Path, name: str) -> None:
    (changed / "tiny" / name).write_bytes(b"PK no zip")
    app = open_app("discriminator", {"d_lab": "Posters that look alike"}, "--checkpoints", str(changed))
    assert not app.exception
    assert not app.error
    assert "is damaged" in " ".join(one.value for one in app.warning)
    assert "for the reference to" in texts(app)
    assert "posters alike by layers.1" in "".join(sheet.proto.json for sheet in app.get("bidi_component"))
    assert ("AUC alone" in metrics(app)) == (name != FILE)


def test_a_study_of_drawn_posters_can_be_made_again_with_real_ones(
    open_app: OpenApp, changed: Path, poster_folder: Path
) -> None:
    table = DiscriminatorTable.load(changed / "tiny" / FILE)
    replace(table, posters={}).save(changed / "tiny" / FILE)
    drawn = "was measured with drawn posters"
    without = open_app("discriminator", None, "--checkpoints", str(changed))
    assert drawn not in texts(without)
    assert drawn in texts(
        open_app("discriminator", None, "--checkpoints", str(changed), "--posters", str(poster_folder))
    )


# ---- the address --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["discriminator", "generator"])
def test_the_filter_that_is_shown_stands_in_the_address_and_stays_when_the_poster_changes(
    open_app: OpenApp, page: str
) -> None:
    key = f"{page[0]}_unit"
    app = open_app(page, {"seed": "3"})
    shown = app.number_input(key=key).value
    for seed in (4, 5):
        app.number_input(key="seed").set_value(seed).run()
        assert app.number_input(key=key).value == shown
        assert app.query_params[key] == str(shown)


def test_filter_and_layer_are_still_chosen_after_another_page(open_app: OpenApp) -> None:
    app = open_app("discriminator")
    app.selectbox(key="d_layer").set_value("layers.0").run()
    app.number_input(key="d_unit").set_value(2).run()
    app.switch_page("app_pages/compare.py").run()
    app.switch_page("app_pages/discriminator.py").run()
    assert headings(app)[0] == "Filter 2 of layers.0"


def test_a_small_map_says_its_response_and_what_it_contributes(open_app: OpenApp) -> None:
    app = open_app("discriminator", {"d_layer": "layers.1", "reference": "grey", "d_sort": "index"})
    subject = subject_of(app)
    network = subject.checkpoint.need_discriminator()
    found = filter_contributions(xai.Score(network), subject.image, xai.reference("grey").single(subject.image))
    means = xai.activations(network, subject.image, ["layers.1"])["layers.1"][0].mean((1, 2))
    sheets = [json.loads(grid.proto.json) for grid in app.get("bidi_component") if '"filters"' in grid.proto.json]
    assert unfolded(sheets[0]["notes"]) == [
        f"mean response {mean:+z.3f}, contribution {value:+z.3f}"
        for mean, value in zip(means.tolist(), found.of("layers.1").values, strict=True)
    ]


def test_before_an_activation_it_says_its_response_alone(open_app: OpenApp) -> None:
    app = open_app("discriminator", {"d_layer": "layers.0"})
    sheets = [json.loads(grid.proto.json) for grid in app.get("bidi_component") if '"filters"' in grid.proto.json]
    assert all("contribution" not in note for note in unfolded(sheets[0]["notes"]))

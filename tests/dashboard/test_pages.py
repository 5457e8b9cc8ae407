"""Every page, fresh, with a nonsense link, without a checkpoint, and used."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

import gan
import xai
from dashboard.cached import pruning
from dashboard.pages import PAGES
from dashboard.panels.start import gallery
from gan.data.synthetic import draw_poster
from gan.progress import silent
from tests.dashboard.reading import OpenApp, captions, errors, headings, metrics, subject_of, texts, unfolded
from xai.bench import pruning_study
from xai.generator.filter_study import filters_table
from xai.generator.filter_table import FilterTable
from xai.generator.pruning_curves import Point, PruningCurves
from xai.trust.badges import badge

FAST = {"methods": ["DeepLIFT", "Gradient × input", "Activation map"]}
NONSENSE = {
    "checkpoint": "../../etc/passwd",
    "source": "Nowhere",
    "seed": "-7e99",
    "methods": "astrology",
    "reference": "void",
    "strength": "strong",
    "detail": "3",
    "d_layer": "layers.99",
    "d_unit": "100000",
    "g_layer": "",
    "g_unit": "NaN",
    "latent": "1e3",
    "run": "no-such-run",
    "at": "x",
}


@pytest.mark.parametrize("page", PAGES)
def test_a_fresh_page_opens_without_posters(open_app: OpenApp, page: str) -> None:
    app = open_app(page)
    assert not app.exception
    assert not app.error
    assert app.title[0].value


@pytest.mark.parametrize("page", PAGES)
def test_a_link_of_nonsense_opens_the_page_with_its_defaults(open_app: OpenApp, page: str) -> None:
    app = open_app(page, NONSENSE)
    assert not app.exception
    assert app.session_state["checkpoint"] == "tiny"
    assert app.session_state["source"] == "Seed"


@pytest.mark.parametrize("page", PAGES)
def test_without_a_checkpoint_every_page_says_how_to_get_one(open_app: OpenApp, page: str, tmp_path: Path) -> None:
    app = open_app(page, None, "--checkpoints", str(tmp_path / "none"))
    assert not app.exception
    assert any("scripts/train.py" in note.value for note in app.info)


@pytest.mark.parametrize("page", PAGES)
def test_a_damaged_checkpoint_is_one_sentence(open_app: OpenApp, page: str, tmp_path: Path) -> None:
    (tmp_path / "broken.pth").write_bytes(b"not a network")
    app = open_app(page, None, "--checkpoints", str(tmp_path))
    assert not app.exception
    assert errors(app) == ["broken.pth is truncated or is not a PyTorch file."]


@pytest.mark.parametrize("page", PAGES)
def test_a_good_checkpoint_opens_among_bad_ones_which_are_named(
    open_app: OpenApp, page: str, tmp_path: Path, tiny: gan.ModelConfig
) -> None:
    networks = gan.Generator(tiny), gan.Discriminator(tiny)
    for letter, network in zip("GD", networks, strict=True):
        torch.save(network.state_dict(), tmp_path / f"net{letter}_epoch_3.pth")
    damaged = {key: value * float("nan") for key, value in networks[0].state_dict().items()}
    torch.save(damaged, tmp_path / "nan.pth")
    (tmp_path / "link.pth").symlink_to("nowhere")
    gan.save(tmp_path / "typed", *networks)
    (tmp_path / "typed/config.json").write_text('{"model": {"width": "wide"}}')
    where = ("--checkpoints", str(tmp_path))
    app = open_app(page, {"checkpoint": "netG_epoch_3.pth"}, *where)
    assert not app.exception
    assert not errors(app)
    for name in ("nan.pth", "link.pth", "typed"):
        app = open_app(page, {"checkpoint": name}, *where)
        assert not app.exception
        assert len(errors(app)) == 1
        assert name in errors(app)[0]


def test_a_discriminator_alone_opens_all_pages(open_app: OpenApp, tmp_path: Path, tiny: gan.ModelConfig) -> None:
    torch.save(gan.Discriminator(tiny).state_dict(), tmp_path / "judge.pth")
    for page in PAGES:
        app = open_app(page, None, "--checkpoints", str(tmp_path))
        assert not app.exception, page


def test_compare_shows_a_card_for_each_method(open_app: OpenApp) -> None:
    app = open_app("compare", {"samples": "256"})
    titles = [block.value for block in app.markdown if block.value.startswith("## ")]
    assert titles == ["## The poster", "## DeepLIFT", "## DeepSHAP", "## LIME", "## Activation map"]
    assert "completeness gap" in texts(app)
    assert "R²" in texts(app)
    assert not app.error
    assert not app.warning


def test_one_method_that_fails_leaves_the_others_standing(open_app: OpenApp, monkeypatch: pytest.MonkeyPatch) -> None:
    from xai.methods.gradient.deepshap import DeepShap

    def explode(*_: object) -> None:
        raise RuntimeError("secret path /tmp/x")

    monkeypatch.setattr(DeepShap, "_attribute", explode)
    app = open_app("compare", {"samples": "256"})
    assert not app.exception
    assert len(app.error) == 1
    assert "secret" not in app.error[0].value
    assert "completeness gap" in texts(app)
    assert "R²" in texts(app)


def test_looks_change_without_computing_again(open_app: OpenApp, monkeypatch: pytest.MonkeyPatch) -> None:
    from xai.methods.base import Attribution

    calls: list[str] = []
    attribute = Attribution.attribute
    monkeypatch.setattr(Attribution, "attribute", lambda self, *a: calls.append(self.name) or attribute(self, *a))
    app = open_app("compare", FAST)
    before = len(calls)
    assert before >= 3
    app.slider(key="strength").set_value(0.5).run()
    app.select_slider(key="detail").set_value(1).run()
    app.segmented_control(key="scale").set_value("own").run()
    app.segmented_control(key="sort").set_value("trust").run()
    assert not app.exception
    assert len(calls) == before


def badges(app: AppTest) -> list[str]:
    return [block.value for block in app.markdown if "-badge[:material" in block.value]


def test_each_map_has_a_verdict_with_its_reason(open_app: OpenApp, monkeypatch: pytest.MonkeyPatch) -> None:
    examine, trusted = xai.examine, []

    def remembered(*arguments: Any) -> xai.Trust:
        trusted.append(examine(*arguments))
        return trusted[-1]

    monkeypatch.setattr(xai, "examine", remembered)
    app = open_app("compare", FAST)
    assert not app.exception
    assert not app.error
    assert len(trusted) == 3
    expected = [badge(one, 8) for one in trusted]
    assert [shown.split(": ", 1)[1] for shown in badges(app)] == [f"{one.text}] {one.note}".strip() for one in expected]
    assert not badges(open_app("compare", FAST | {"check": "false"}))


def test_the_evidence_is_one_click_away(open_app: OpenApp) -> None:
    app = open_app("compare", FAST)
    app.button(key="evidence_deeplift").click().run()
    assert not app.exception
    assert not app.error
    shown = texts(app)
    for check in (
        "Completeness gap",
        "Infidelity",
        "Correlation with Shapley values",
        "Shifted copies that predict as well",
        "Maximum sensitivity",
        "Similarity after weight randomisation",
    ):
        assert check in shown
    assert "Do not trust: an essential check" in shown


def test_sorting_by_trust_puts_the_best_verdict_first(open_app: OpenApp, monkeypatch: pytest.MonkeyPatch) -> None:
    judge(monkeypatch, {"deeplift": "do not trust", "gradient_input": "caution", "activation": "trust"})
    app = open_app("compare", FAST | {"sort": "trust"})
    assert not app.exception
    assert titles(app) == ["The poster", "Activation map", "Gradient × input", "DeepLIFT"]


def test_a_map_whose_check_fails_stands_behind_all_that_are_judged(
    open_app: OpenApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge(monkeypatch, {"deeplift": None, "gradient_input": "do not trust", "activation": "nothing to judge"})
    app = open_app("compare", FAST | {"sort": "trust"})
    assert not app.exception
    assert len(app.error) == 1
    assert titles(app) == ["The poster", "Gradient × input", "DeepLIFT", "Activation map"]


def judge(monkeypatch: pytest.MonkeyPatch, verdicts: dict[str, str | None]) -> None:
    """Every method gets this verdict; None: its check fails."""

    def examine(method: xai.Attribution, *arguments: Any) -> xai.Trust:
        verdict = verdicts[method.name]
        if verdict is None:
            raise RuntimeError("broken")
        made: xai.Trust = type("Judged", (Trust,), {"verdict": verdict})((), 0.0)
        return made

    from xai.trust.verdict import Trust

    monkeypatch.setattr(xai, "examine", examine)


def titles(app: AppTest) -> list[str]:
    return [block.value.removeprefix("## ") for block in app.markdown if block.value.startswith("## ")]


def test_agreement_compares_all_maps(open_app: OpenApp) -> None:
    app = open_app("compare", FAST | {"check": "false", "more": "Agreement"})
    assert not app.exception
    assert not app.error
    assert "consensus: the mean of DeepLIFT and Gradient × input" in captions(app)  # an activation claims nothing
    assert "Not among them: Activation map." in texts(app)
    assert len(app.get("plotly_chart")) == 3


def test_references_are_compared_side_by_side(open_app: OpenApp) -> None:
    app = open_app("compare", FAST | {"check": "false", "more": "References"})
    assert not app.exception
    assert not app.error
    shown = {"a plain grey picture", "a black picture", "the poster itself, strongly blurred"}
    assert shown < set(captions(app))
    assert "chosen one **1.00**" in texts(app)


def test_a_picture_of_ones_own_becomes_a_reference(open_app: OpenApp) -> None:
    buffer = io.BytesIO()
    draw_poster(3).image.save(buffer, "PNG")
    app = open_app("compare", FAST | {"check": "false"})
    assert "own" not in app.selectbox(key="reference").options
    app.file_uploader(key="own_references").upload("mine.png", buffer.getvalue(), "image/png").run()
    app.selectbox(key="reference").set_value("own").run()
    assert not app.exception
    assert not app.error
    app.file_uploader(key="own_references").upload("bad.png", b"<html>", "image/png").run()
    assert not app.exception
    assert errors(app) == ["bad.png cannot be read as a picture."]


def test_the_fake_is_traced_back_to_its_noise_and_filters(open_app: OpenApp, poster_folder: Path) -> None:
    name = "What gave this fake away"
    app = open_app("compare", FAST | {"check": "false", "more": name})
    assert not app.exception
    assert not app.error
    assert "that of other seeds" in texts(app)
    app = open_app(
        "compare", FAST | {"check": "false", "more": name, "source": "Poster"}, "--posters", str(poster_folder)
    )
    assert not app.exception  # a real poster has no noise
    assert "that of other seeds" not in texts(app)


def test_a_filter_can_be_explained_in_place_of_the_verdict(open_app: OpenApp) -> None:
    query = FAST | {"check": "false", "explain": "one filter", "target_layer": "layers.1", "target_unit": "2"}
    app = open_app("compare", query)
    assert not app.exception
    assert not app.error
    assert "The response of filter 2 of layers.1, averaged over the poster: **" in texts(app)


def test_every_method_has_a_card(open_app: OpenApp) -> None:
    from xai import METHODS

    every = [method.title for method in METHODS.values()]
    app = open_app("compare", {"methods": every, "samples": "256", "check": "false"})
    assert not app.exception
    assert not app.error
    assert not app.warning
    titles = [block.value for block in app.markdown if block.value.startswith("## ")]
    assert titles == ["## The poster", *(f"## {title}" for title in every)]


def test_a_link_brings_the_choices_back(open_app: OpenApp) -> None:
    app = open_app("discriminator", {"seed": "42", "d_layer": "layers.1", "d_unit": "3"})
    assert app.number_input(key="seed").value == 42
    assert app.number_input(key="d_unit").value == 3
    assert headings(app)[0] == "Filter 3 of layers.1"


@pytest.mark.parametrize(("page", "prefix"), [("discriminator", "d"), ("generator", "g")])
def test_a_filter_chosen_by_number_is_shown(open_app: OpenApp, page: str, prefix: str) -> None:
    app = open_app(page)
    app.number_input(key=f"{prefix}_unit").set_value(2).run()
    assert not app.exception
    assert headings(app)[0].startswith("Filter 2 of layers.")


def test_a_layer_with_fewer_filters_keeps_the_choice_in_range(open_app: OpenApp) -> None:
    app = open_app("generator", {"g_layer": "layers.2", "g_unit": "3"})
    assert headings(app)[0] == "Filter 3 of layers.2"
    app.selectbox(key="g_layer").set_value("layers.3").run()
    assert not app.exception
    assert headings(app)[0] == "Filter 2 of layers.3"


def test_a_real_poster_is_named_and_explained(open_app: OpenApp, poster_folder: Path) -> None:
    app = open_app("compare", {"source": "Poster", "poster": "5", "samples": "256"}, "--posters", str(poster_folder))
    assert not app.exception
    assert not app.error
    assert subject_of(app).noise is None
    assert app.selectbox(key="reference").value == "posters"


def test_an_upload_becomes_the_subject(open_app: OpenApp) -> None:
    buffer = io.BytesIO()
    draw_poster(3).image.save(buffer, "PNG")
    app = open_app("discriminator", {"source": "Upload"})
    assert any("Drop a poster" in note.value for note in app.info)
    app.file_uploader(key="upload").upload("mine.png", buffer.getvalue(), "image/png").run()
    assert not app.exception
    assert subject_of(app).name == "mine.png"


def test_a_bad_upload_is_one_sentence(open_app: OpenApp) -> None:
    app = open_app("compare", {"source": "Upload"})
    app.file_uploader(key="upload").upload("poster.png", b"<html>no poster</html>", "image/png").run()
    assert not app.exception
    assert errors(app) == ["poster.png cannot be read as a picture."]


def test_the_latent_page_begins_with_the_strongest_value(open_app: OpenApp) -> None:
    app = open_app("latent")
    table = app.dataframe[0].value
    assert app.slider(key="latent").value == table["dimension"].iloc[0]
    assert table["change"].is_monotonic_decreasing
    assert len(table) == 8


def test_training_shows_a_run_and_its_grids(open_app: OpenApp, tmp_path: Path) -> None:
    run = tmp_path / "runs/first"
    (run / "grids").mkdir(parents=True)
    row = '{"kimg": %g, "step": %d, "seconds": 60, "loss_d": 1.0, "loss_g": 2.0, "accuracy_d": 0.8, "fd_lite1": %d}\n'
    (run / "stats.jsonl").write_text(row % (1, 10, 300) + row % (2, 20, 250) + '{"kimg": 3, "st')
    for kimg in (1, 2):
        Image.new("RGB", (64, 64)).save(run / "grids" / f"{kimg:010.3f}.png")
    app = open_app("training")
    assert not app.exception
    assert metrics(app)["Best fd_lite1"] == "250"
    assert app.select_slider(key="at_runs/first").value == 2.0
    app.select_slider(key="at_runs/first").set_value(1.0).run()
    assert "after 1 thousand posters" in captions(app)


def test_what_a_crash_or_a_person_left_in_a_run_costs_neither_its_curves_nor_its_grids(
    open_app: OpenApp, tmp_path: Path
) -> None:
    run = tmp_path / "runs/first"
    (run / "grids").mkdir(parents=True)
    row = b'{"kimg": 1, "step": 10, "seconds": 60, "loss_d": 1, "loss_g": 2, "fd_lite1": 250}\n'
    (run / "stats.jsonl").write_bytes(row + b'{"kimg": 2, \xff\xfe\x00')
    for name in ("000001.000.png", "1 and 2 side by side.png"):
        Image.new("RGB", (64, 64)).save(run / "grids" / name)
    app = open_app("training")
    assert not app.exception
    assert metrics(app)["Best fd_lite1"] == "250"
    assert "after 1 thousand posters" in captions(app)


@pytest.mark.parametrize(("kimg", "told"), [(0.32, "320"), (0.004, "4"), (0.992, "992"), (1, "1 thousand")])
def test_a_young_run_tells_its_posters_one_by_one(open_app: OpenApp, tmp_path: Path, kimg: float, told: str) -> None:
    (tmp_path / "runs/first").mkdir(parents=True)
    row = {"kimg": kimg, "step": 20, "seconds": 60, "loss_d": 1, "loss_g": 2}
    (tmp_path / "runs/first/stats.jsonl").write_text(json.dumps(row) + "\n")
    app = open_app("training")
    assert not app.exception
    assert metrics(app)["Posters shown"] == told


@pytest.mark.parametrize(
    ("share", "error"), [(0.5, "OSError"), (0, "UnidentifiedImageError"), (None, "FileNotFoundError")]
)
def test_a_grid_that_is_half_written_or_gone_costs_neither_the_page_nor_the_curves(
    open_app: OpenApp, tmp_path: Path, share: float | None, error: str
) -> None:
    run = tmp_path / "runs/first"
    (run / "grids").mkdir(parents=True)
    (run / "stats.jsonl").write_text('{"kimg": 1, "step": 10, "seconds": 60, "loss_d": 1, "loss_g": 2}\n')
    grid = run / "grids/000001.000.png"
    if share is None:
        grid.symlink_to("gone.png")  # listed, and not there when it is read
    else:
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(grid)
        whole = grid.read_bytes()
        grid.write_bytes(whole[: int(share * len(whole))])
    app = open_app("training")
    assert not app.exception
    sentence = f"Reading runs/first failed ({error}). The other parts of this page still work."
    assert errors(app) == [sentence]
    assert metrics(app)["Updates"] == "10"
    assert len(app.get("plotly_chart")) == 1


@pytest.mark.parametrize(
    ("kimgs", "told"),
    [((5.008, 5.52, 45.008), ["5", "5.5", "45"]), ((0.004, 0.008), ["0.004", "0.008"]), ((1.0, 1.04), ["1", "1.04"])],
)
def test_grids_are_named_by_thousands_that_cannot_be_taken_for_millions(
    open_app: OpenApp, tmp_path: Path, kimgs: tuple[float, ...], told: list[str]
) -> None:
    grids = tmp_path / "runs/first/grids"
    grids.mkdir(parents=True)
    (grids.parent / "stats.jsonl").write_text('{"kimg": 45.008, "step": 10, "seconds": 60, "loss_d": 1, "loss_g": 2}\n')
    for kimg in kimgs:
        Image.new("RGB", (64, 64)).save(grids / f"{kimg:010.3f}.png")
    app = open_app("training")
    assert not app.exception
    assert app.select_slider(key="at_runs/first").options == told
    assert f"after {told[-1]} thousand posters" in captions(app)


def test_posters_that_look_alike_are_found_when_asked_for(open_app: OpenApp, poster_folder: Path) -> None:
    app = open_app("discriminator", None, "--posters", str(poster_folder))
    assert "most similar of 40" not in texts(app)
    app.segmented_control(key="d_lab").set_value("Posters that look alike")
    app.run()
    assert not app.exception
    assert not app.error
    assert "most similar of 40" in texts(app)


@pytest.mark.parametrize("source", ["Seed", "Poster"])
def test_posters_that_look_alike_do_not_begin_with_the_poster_itself(
    open_app: OpenApp, poster_folder: Path, source: str
) -> None:
    among = {"Seed": "generated", "Poster": "real posters"}[source]
    query = {"source": source, "seed": "3", "poster": "3", "among": among}
    app = open_app("discriminator", query, "--posters", str(poster_folder))
    app.segmented_control(key="d_lab").set_value("Posters that look alike")
    app.run()
    assert not app.exception
    sheets = [json.loads(grid.proto.json) for grid in app.get("bidi_component") if grid.proto.json]
    found = unfolded(
        next(sheet["labels"] for sheet in sheets if sheet.get("title", "").startswith("posters alike by layers.1"))
    )
    assert len(found) == 6
    kind = {"Seed": "seed", "Poster": "poster"}[source]
    assert all(label.startswith(f"{kind} ") for label in found)
    assert not [label for label in found if label.startswith(f"{kind} 3,")]


def test_pruning_shows_what_goes_and_what_it_saves(open_app: OpenApp) -> None:
    app = open_app("prune", {"percent": "40"})
    assert not app.exception
    assert not app.error
    shown = {metric.label: metric for metric in app.metric}
    assert shown["Filters pruned"].value.split(" of ")[0] != "0"
    assert shown["Weights"].delta.startswith("-")
    assert shown["Multiply-adds"].delta.startswith("-")
    assert "This has not been measured" in texts(app)
    app.slider(key="percent").set_value(0).run()
    assert not app.exception
    assert metrics(app)["Filters pruned"].startswith("0 of")


def test_the_pruning_study_is_shown_for_the_weights_that_it_was_made_for(
    open_app: OpenApp, checkpoints: Path, tmp_path: Path
) -> None:
    copied = tmp_path / "checkpoints"
    shutil.copytree(checkpoints, copied)
    checkpoint = gan.load(copied / "tiny")
    points = tuple(Point(share, 90, 80, 100, 0, -1, 1, 0.9, 0.8, 1, 0.1, 100, 100, 1, 1) for share in (0.0, 0.1))
    curves = PruningCurves(
        checkpoint.digest, 10, 20, "training", "posters", 1, False, "", {"duplicates": 0.1}, {"duplicates": points}
    )
    curves.write(copied / "tiny/pruning.json")
    app = open_app("prune", None, "--checkpoints", str(copied))
    assert not app.exception
    assert not app.error
    assert len(app.get("plotly_chart")) == 2
    assert app.selectbox(key="ranking").value == "duplicates"  # no filter's effect has been measured here
    assert "Pruned in this order, up to **10%** of the filters go unnoticed." in texts(app)
    replace(curves, digest="another").write(copied / "tiny/pruning.json")
    assert_not_measured(open_app, copied)
    (copied / "tiny/pruning.json").write_text("[]")
    assert_not_measured(open_app, copied)


def assert_not_measured(open_app: OpenApp, checkpoints: Path) -> None:
    st.cache_resource.clear()
    app = open_app("prune", None, "--checkpoints", str(checkpoints))
    assert not app.exception
    assert not app.error
    assert not app.get("plotly_chart")
    assert "This has not been measured" in texts(app)


@pytest.mark.usefixtures("small_judge")
def test_the_pruning_study_is_made_by_the_posters_that_are_loaded_kept_and_shown(
    open_app: OpenApp, checkpoints: Path, poster_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = ("--posters", str(poster_folder))
    app = open_app("prune", None, *given)
    assert not app.exception
    assert "measure_pruning" in {button.key for button in app.button}
    assert "study_pruning.py" not in " ".join(code.value for code in app.code)
    small = partial(pruning_study.Plan, samples=8, shares=(0.0, 0.5), orders=2)
    monkeypatch.setattr(pruning_study, "Plan", small)
    parts: list[float] = []
    pruning.measure(gan.load(checkpoints / "tiny"), parts.append)
    assert parts == sorted(parts)
    assert parts[-1] == pytest.approx(1)
    app = open_app("prune", None, *given)
    assert not app.exception
    assert not app.error
    assert len(app.get("plotly_chart")) == 2
    assert "measure_pruning" not in {button.key for button in app.button}


def test_the_pruning_study_without_posters_is_one_sentence(open_app: OpenApp, checkpoints: Path) -> None:
    open_app("prune")
    with pytest.raises(gan.DataError, match="needs real posters"):
        pruning.measure(gan.load(checkpoints / "tiny"), silent)


def test_a_kept_smaller_generator_can_be_chosen_and_is_not_replaced(
    open_app: OpenApp, checkpoints: Path, tmp_path: Path
) -> None:
    copied = tmp_path / "checkpoints"
    shutil.copytree(checkpoints, copied)
    app = open_app("prune", {"ranking": "norm", "percent": "40"}, "--checkpoints", str(copied))
    keep = next(button for button in app.button if button.label == "Save as a checkpoint")
    keep.click().run()
    assert not app.exception
    assert not app.error
    assert "tiny-norm-40" in app.selectbox(key="checkpoint").options
    assert gan.load(copied / "tiny-norm-40").info["pruned_from"] == gan.load(copied / "tiny").digest
    next(button for button in app.button if button.label == "Save as a checkpoint").click().run()
    assert "tiny-norm-40 is already among the checkpoints." in texts(app)
    app.selectbox(key="checkpoint").set_value("tiny-norm-40").run()
    assert not app.exception
    assert not app.error


def test_a_smaller_generator_taken_home_is_a_checkpoint(checkpoints: Path, tmp_path: Path) -> None:
    from dashboard.cached import pruning

    checkpoint = gan.load(checkpoints / "tiny")
    with zipfile.ZipFile(io.BytesIO(pruning.pruned_archive(checkpoint, "norm", 40))) as archive:
        archive.extractall(tmp_path)
    (folder,) = tmp_path.iterdir()
    smaller = gan.load(folder)
    assert smaller.generator is not None
    assert checkpoint.generator is not None
    counts = [sum(weight.numel() for weight in one.generator.parameters()) for one in (smaller, checkpoint)]
    assert counts[0] < counts[1]


@pytest.fixture
def studied(checkpoints: Path, tmp_path: Path) -> tuple[Path, FilterTable]:
    """A folder of checkpoints whose first one's filters have been studied, and the table."""
    copied = tmp_path / "studied"
    shutil.copytree(checkpoints, copied)
    table = filters_table(gan.load(copied / "tiny"), latents=8)
    table.save(copied / "tiny/filters.npz")
    return copied, table


def pruned_count(app: AppTest) -> int:
    return int(next(metric.value for metric in app.metric if metric.label == "Filters pruned").split()[0])


def test_a_threshold_takes_away_the_filters_whose_effect_is_below_it(
    open_app: OpenApp, studied: tuple[Path, FilterTable]
) -> None:
    folder, table = studied
    app = open_app("prune", None, "--checkpoints", str(folder))
    assert app.selectbox(key="ranking").value == "effect"
    app.get("button_group")[0].set_value("threshold").run()
    threshold = round(float(np.median(table.effect)), 2)
    app.slider(key="threshold").set_value(threshold).run()
    assert not app.exception
    share = round(100 * float((table.effect < threshold).mean()))
    assert f"That is {share}% of the filters" in texts(app)
    assert pruned_count(app) == round(share / 100 * len(table.effect))


def test_a_share_tells_the_effect_that_its_filters_do_not_exceed(
    open_app: OpenApp, studied: tuple[Path, FilterTable]
) -> None:
    folder, table = studied
    app = open_app("prune", {"percent": "50"}, "--checkpoints", str(folder))
    gone = pruned_count(app)
    assert gone == round(len(table.effect) / 2)
    assert f"{np.sort(table.effect)[gone - 1]:.2f} grey levels or less" in texts(app)


def test_share_and_threshold_are_never_on_the_page_together_and_carry_over(
    open_app: OpenApp, studied: tuple[Path, FilterTable]
) -> None:
    folder, table = studied
    app = open_app("prune", {"percent": "60"}, "--checkpoints", str(folder))
    before = pruned_count(app)
    app.get("button_group")[0].set_value("threshold").run()
    assert [slider.key for slider in app.main.slider] == ["threshold"]
    threshold = app.slider(key="threshold").value
    assert np.sort(table.effect)[before - 1] < threshold < np.sort(table.effect)[before - 1] + 0.02
    app.slider(key="threshold").set_value(0.0).run()
    assert pruned_count(app) == 0
    app.get("button_group")[0].set_value("proportion").run()
    assert [slider.key for slider in app.main.slider] == ["percent"]
    assert app.slider(key="percent").value == 0


def test_another_ranking_keeps_the_share_that_a_threshold_set(
    open_app: OpenApp, studied: tuple[Path, FilterTable]
) -> None:
    folder, table = studied
    query = {"set": "threshold", "threshold": f"{np.median(table.effect):.2f}"}
    app = open_app("prune", query, "--checkpoints", str(folder))
    before = pruned_count(app)
    assert before != round(len(table.effect) / 5)  # the usual share
    app.selectbox(key="ranking").set_value("norm").run()
    assert not app.exception
    assert pruned_count(app) == before


def test_a_link_with_a_threshold_brings_the_same_generator_back(
    open_app: OpenApp, studied: tuple[Path, FilterTable]
) -> None:
    folder, table = studied
    query = {"set": "threshold", "threshold": f"{np.median(table.effect):.2f}"}
    app = open_app("prune", query, "--checkpoints", str(folder))
    assert app.slider(key="threshold").value == float(query["threshold"])
    assert pruned_count(app) == int((table.effect < float(query["threshold"])).sum())


def test_a_poster_that_is_cut_says_so_and_a_whole_one_does_not(open_app: OpenApp, tmp_path: Path) -> None:
    for folder, size in (("cut", (32, 48)), ("whole", (32, 32))):
        (tmp_path / folder).mkdir()
        for index in range(3):
            Image.new("RGB", size, (90, index, 0)).save(tmp_path / folder / f"{index}.png")
    cut = open_app("discriminator", {"source": "Poster"}, "--posters", str(tmp_path / "cut"))
    assert "Cut to a square, as in training: the networks see 67% of the poster." in texts(cut)
    assert "the whole poster; inside the frame, what they see" in captions(cut)
    whole = open_app("discriminator", {"source": "Poster"}, "--posters", str(tmp_path / "whole"))
    assert not whole.exception
    assert "Cut to" not in texts(whole)


def test_real_posters_are_searched_by_name_and_genre_and_chosen_by_click(
    open_app: OpenApp, poster_folder: Path
) -> None:
    def sheet(app: AppTest) -> list[str]:
        data = [json.loads(grid.proto.json) for grid in app.get("bidi_component") if grid.proto.json]
        return unfolded(next(one["labels"] for one in data if one.get("title") == "real posters"))

    app = open_app("start", None, "--posters", str(poster_folder))
    assert not app.exception
    assert len(sheet(app)) == 18
    last = app.number_input(key="gallery_page").set_value(3).run()
    assert len(sheet(last)) == 4
    genre = sheet(app)[0].split(" · ")[1]
    found = app.text_input(key="search").set_value(genre.upper()).run()
    assert found.number_input(key="gallery_page").value <= 3
    assert all(genre in label for label in sheet(found))
    nothing = app.text_input(key="search").set_value("no such film").run()
    assert not nothing.exception
    assert "No poster has all of these words" in texts(nothing)


def test_a_search_finds_each_word_in_name_or_genres_in_any_case() -> None:
    names, genres = ["Alien.jpg", "aliens/2.jpg", "Heat.jpg"], [("Horror",), ("Action", "Horror"), ()]
    assert gallery.search(names, genres, "") == [0, 1, 2]
    assert gallery.search(names, genres, "ALIEN") == [0, 1]
    assert gallery.search(names, genres, "horror alien action") == [1]
    assert gallery.search(names, genres, "heat horror") == []

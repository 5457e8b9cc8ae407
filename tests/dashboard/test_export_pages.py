"""Exports of Start, Slow motion, Prune and Training's nearest posters: the numbers are those of the page."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

import gan
from dashboard.cached import slow_motion
from dashboard.panels.start import gallery
from gan.evaluation.metrics import METRICS
from gan.evaluation.report import write
from gan.upscaling import network
from tests.dashboard.exporting import Downloads, npz, opened, table_of
from tests.dashboard.reading import OpenApp, captions, errors, metrics, subject_of, texts
from tests.dashboard.test_checkpoints import evaluation
from tests.dashboard.test_checkpoints import make as make_checkpoint
from tests.dashboard.test_slow_motion import SMALL, click, stage_of
from xai.figures.data import read_npz


def shows_no_error(app: AppTest) -> bool:
    return not app.exception and not errors(app)


# ---- Start ---------------------------------------------------------------------------------------------


def test_the_machine_is_exported_with_the_maps_that_it_shows(open_app: OpenApp, downloads: Downloads) -> None:
    app = opened(open_app("start", {"seed": "3"}), "machine")
    assert shows_no_error(app)
    sheet = next(json.loads(one.proto.json) for one in app.get("bidi_component") if "groups" in one.proto.json)
    labels = [link["label"] for group in sheet["groups"] for link in group["parts"]]
    rows = table_of(downloads, "machine")
    named = [f"{row['network']}, {row['layer']}, filter {row['filter']}" for row in rows]
    assert named == [label for label in labels if ", filter " in label]
    arrays = read_npz(io.BytesIO(npz(downloads, "machine")))[0]
    assert arrays["latent"].tolist() == pytest.approx(
        gan.latents([3], subject_of(app).checkpoint.config).flatten().tolist()
    )
    with Image.open(io.BytesIO(downloads["export_machine_picture_screen"][1]())) as picture:
        assert picture.format == "PNG"


def test_the_posters_of_the_start_page_are_exported_with_their_seeds(open_app: OpenApp, downloads: Downloads) -> None:
    app = opened(open_app("start"), "start_posters")
    assert shows_no_error(app)
    assert [row["seed"] for row in table_of(downloads, "start_posters")] == [str(seed) for seed in range(12)]


def test_the_real_posters_that_the_gallery_shows_are_exported_with_their_genres(
    open_app: OpenApp, downloads: Downloads, poster_folder: Path
) -> None:
    app = open_app("start", {"gallery_page": "2"}, "--posters", str(poster_folder))
    opened(app, "gallery")
    assert shows_no_error(app)
    second = table_of(downloads, "gallery")
    assert len(second) == gallery.SHOWN
    app.number_input(key="gallery_page").set_value(3).run()
    assert not {row["number"] for row in table_of(downloads, "gallery")} & {row["number"] for row in second}
    posters = gan.load_posters(poster_folder, 32, progress=False)
    for row in second:
        assert row["poster"] == posters.names[int(row["number"])]
        assert row["genres"] == ", ".join(posters.genres[int(row["number"])])


def test_the_evaluation_is_exported_with_its_intervals(
    open_app: OpenApp, downloads: Downloads, checkpoints: Path, tmp_path: Path
) -> None:
    shutil.copytree(checkpoints / "tiny", tmp_path / "tiny")
    write(evaluation(gan.load(tmp_path / "tiny")), tmp_path / "tiny")
    app = opened(open_app("start", None, "--checkpoints", str(tmp_path)), "evaluation")
    assert shows_no_error(app)
    rows, label = {row["metric"]: row for row in table_of(downloads, "evaluation")}, METRICS["fd_lite1"].label
    assert f"{float(rows[label]['value']):.0f}" == metrics(app)["fd_lite1"] == "91"
    assert float(rows[label]["floor"]) == 17
    assert [float(rows[label][end]) for end in ("low", "high")] == pytest.approx([81.9, 100.1])
    assert {row["group"] for row in rows.values()} == {"quality", "discriminator"}


def test_an_enlarged_poster_is_exported_beside_the_one_without_additions(
    open_app: OpenApp, downloads: Downloads, tmp_path: Path
) -> None:
    make_checkpoint(tmp_path, "small", gan.ModelConfig(64, latent=8, width=4))
    network.save(tmp_path / "upscaler", network.Upscaler(network.UpscalerConfig(width=4, blocks=1)))
    app = opened(open_app("start", {"enlarged": "true"}, "--checkpoints", str(tmp_path)), "enlarged")
    assert shows_no_error(app)
    assert {row["poster"] for row in table_of(downloads, "enlarged")} <= set(captions(app))
    with Image.open(io.BytesIO(downloads["export_enlarged_picture_screen"][1]())) as picture:
        assert picture.width == 640


# ---- Slow motion ---------------------------------------------------------------------------------------


@pytest.fixture
def few_posters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slow_motion, "DRAWN", 24)


@pytest.mark.usefixtures("few_posters")
def test_a_step_is_exported_with_all_verdicts_and_what_was_asked(open_app: OpenApp, downloads: Downloads) -> None:
    app = click(open_app("slow_motion", SMALL), "step_d", "step_g")
    for key in ("s_step", "s_history", "s_states"):
        opened(app, key)
    assert shows_no_error(app)
    stage = stage_of(app)
    assert stage.d_step is not None
    assert stage.g_step is not None
    rows = table_of(downloads, "s_step")
    assert [row["posters"] for row in rows] == ["real"] * 8 + ["generated"] * 8
    after = [float(row["logit after G's update"]) for row in rows if row["posters"] == "generated"]
    assert after == pytest.approx(stage.g_step.verdicts.logit_fake.tolist())
    arrays = read_npz(io.BytesIO(npz(downloads, "s_step")))[0]
    assert (arrays["asked"] == stage.d_step.asked.numpy()).all()
    [step] = table_of(downloads, "s_history")
    assert float(step["loss_d"]) == pytest.approx(stage.history[1]["loss_d"])
    assert f"D's loss was {float(step['loss_d']):.2f}" not in texts(app)  # by now G's half is told
    assert f"G's loss was {stage.g_step.loss:.2f}" in texts(app)
    states = read_npz(io.BytesIO(npz(downloads, "s_states")))[0]
    assert states["pictures"].shape == (len(stage.previews), 8, 8, 8, 3)


# ---- Prune, Training -----------------------------------------------------------------------------------


def test_what_is_pruned_from_each_layer_is_exported(open_app: OpenApp, downloads: Downloads) -> None:
    app = opened(open_app("prune", {"percent": "30"}), "pruned_layers")
    assert shows_no_error(app)
    shown = next(one.value for one in app.dataframe if "pruned" in one.value)
    rows = table_of(downloads, "pruned_layers")
    assert [(row["layer"], int(row["pruned"])) for row in rows] == list(
        zip(shown["layer"], shown["pruned"], strict=True)
    )
    assert f"{sum(int(row['pruned']) for row in rows)} of" in metrics(app)["Filters pruned"]


def test_the_nearest_training_posters_are_exported_with_their_distances(
    open_app: OpenApp, downloads: Downloads, checkpoints: Path, poster_folder: Path, tmp_path: Path
) -> None:
    run = tmp_path / "runs/first"
    shutil.copytree(checkpoints / "tiny", run / "best")
    (run / "stats.jsonl").write_text('{"kimg": 1.0, "step": 1, "seconds": 9, "loss_d": 0.5, "loss_g": 1}\n')
    name = sorted(path.name for path in poster_folder.glob("*.png"))[0]
    write(evaluation(gan.load(run / "best"), (name, "lost.png")), run / "best")
    app = open_app("training", {"run": "runs/first"}, "--posters", str(poster_folder))
    app.session_state["closest_runs/first"] = True
    opened(app, "closest_best")
    assert shows_no_error(app)
    rows = table_of(downloads, "closest_best")
    assert [row["poster"] for row in rows] == [name, "lost.png"]
    assert f"distance {float(rows[0]['distance']):.2f}" in texts(app)

"""Each page's export: closed it makes nothing; open it offers what its figure holds; a click makes the file."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

import gan
from tests.dashboard.exporting import Downloads, decoded, npz, opened, table_of
from tests.dashboard.reading import OpenApp, charts, errors, shown, subject_of, texts
from tests.dashboard.test_checkpoints import make as make_checkpoint
from tests.dashboard.test_omissions import page as omissions_page
from tests.dashboard.test_strategies_and_copies import copies_page
from xai.discriminator.filters.exemplars import KINDS
from xai.discriminator.filters.study import study
from xai.discriminator.filters.table import FILE as FILTERS
from xai.discriminator.filters.table import DiscriminatorTable
from xai.figures.data import read_npz
from xai.figures.formats import FORMATS
from xai.latents.study import FILE as LATENTS
from xai.latents.study import LatentStudy, latent_study

QUICK: dict[str, Any] = {"methods": "DeepLIFT", "check": "false"}
TWO = QUICK | {"methods": ["DeepLIFT", "Gradient × input"]}
ALL = {"screen", "csv", "npz"}
MOVING = {"screen", "npz", "gif", "webp"}
CASES = [
    # page, query, key of the button, formats, what stands in the file's name
    ("compare", QUICK, "map_deeplift", ALL, "DeepLIFT-over-the-poster"),
    ("compare", QUICK | {"more": "Export"}, "maps", ALL, "Maps-of-the-poster"),
    ("compare", TWO | {"more": "Agreement"}, "agreement", ALL, "Agreement-of-the-maps"),
    ("compare", QUICK | {"more": "Baselines"}, "baselines", ALL, "against-several-baselines"),
    ("compare", QUICK | {"more": "What gave this fake away"}, "blame", {"screen", "csv"}, "What-gave-this-fake-away"),
    ("discriminator", {}, "d_response", {"screen", "npz"}, "Response-of-filter"),
    ("discriminator", {}, "d_waterfall", {"screen", "csv"}, "lead-to-the-verdict"),
    ("discriminator", {}, "map_verdict", ALL, "contributed"),
    ("discriminator", {"d_lab": "Turn the verdict"}, "d_removal", {"csv"}, "Proof-by-removal"),
    (
        "discriminator",
        {"d_lab": "Turn the verdict"},
        "d_moved",
        {"screen", "csv", "npz", "gif", "webp"},
        "latent-space",
    ),
    ("discriminator", {"d_lab": "How good its verdicts are"}, "d_groups", {"screen", "csv"}, "How-often-D-is-right"),
    ("generator", {"lab": "Inputs to this filter"}, "drivers", ALL, "What-drives-filter"),
    (
        "generator",
        {"lab": "What a dimension drives", "dimension": "3"},
        "driven",
        ALL,
        "dimension-3",
    ),
    ("generator", {"lab": "What contributes to this region"}, "region", {"screen", "csv"}, "contributes-to-a-region"),
    ("generator", {}, "ablation", {"screen", "npz"}, "The-poster-without-filter"),
    ("latent", {"latent": "2"}, "sweep", MOVING, "Latent-dimension-2-swept"),
    ("latent", {}, "latent_table", {"csv"}, "What-each-latent-dimension"),
    ("latent", {"latent": "2"}, "acting", {"screen", "npz"}, "Where-latent-dimension-2-acts"),
    ("latent", {"noise": "Paths"}, "walk", MOVING, "A-walk-from-seed-0"),
    ("collection", {}, "alike", {"screen", "csv"}, "Posters-that-look-like"),
    ("prune", {}, "pruned", {"screen", "csv"}, "pruned-generator"),
    ("training", {}, "grids_runs/first", {"screen", "gif", "webp"}, "over-the-training-of-first"),
    ("training", {}, "log_runs/first", {"csv"}, "Log-of-first"),
]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    folder = tmp_path / "runs/first"
    (folder / "grids").mkdir(parents=True)
    for kimg, level in ((1.0, 10), (2.5, 120), (9.0, 240)):
        Image.new("RGB", (16, 16), (level,) * 3).save(folder / "grids" / f"{kimg:010.3f}.png")
    (folder / "stats.jsonl").write_text('{"kimg": 1.0, "step": 1, "seconds": 9, "loss_d": 0.5, "loss_g": 1}\n')
    return tmp_path / "runs"


@pytest.mark.parametrize(("page", "query", "key", "formats", "name"), CASES, ids=[f"{c[0]}-{c[2]}" for c in CASES])
def test_a_page_exports_what_it_shows(
    open_app: OpenApp, downloads: Downloads, runs: Path, page: str, query: dict[str, Any], key: str,
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


def test_the_waterfalls_table_has_the_bars_of_its_chart(open_app: OpenApp, downloads: Downloads) -> None:
    app = opened(open_app("discriminator", {"d_layer": "layers.1"}), "d_waterfall")
    [chart] = charts(app)["How the filters of layers.1 lead to the verdict"]["data"]
    rows = table_of(downloads, "d_waterfall")
    assert [row["bar"] for row in rows] == [shown(name) for name in chart["y"]]
    assert [float(row["value (logit)"]) for row in rows] == pytest.approx(decoded(chart["x"]))
    assert float(rows[-1]["to (logit)"]) == pytest.approx(subject_of(app).logit, abs=1e-5)


def test_what_a_dimension_drives_is_in_the_table_for_all_filters(open_app: OpenApp, downloads: Downloads) -> None:
    query = {"lab": "What a dimension drives", "dimension": "1", "g_layer": "layers.2"}
    app = opened(open_app("generator", query), "driven")
    [chart] = charts(app)["Filters of layers.2 that dimension 1 drives"]["data"]
    rows = table_of(downloads, "driven")
    [heading] = [name for name in rows[0] if name.startswith("change")]
    by_name = {f"filter {row['filter']}": float(row[heading]) for row in rows}
    assert {shown(name): value for name, value in zip(chart["y"], decoded(chart["x"]), strict=True)} == (
        pytest.approx(by_name)
    )


def test_evidence_can_be_taken_along(open_app: OpenApp, downloads: Downloads) -> None:
    app = open_app("compare", QUICK | {"check": "true"})
    app.session_state["export_evidence_deeplift_file"] = True
    app.button(key="evidence_deeplift").click().run()
    assert not app.exception
    rows = table_of(downloads, "evidence_deeplift_file")
    assert {row["result"] for row in rows} <= {"pass", "doubt", "fail", "silent"}
    assert any("nsertion" in name for name in read_npz(io.BytesIO(npz(downloads, "evidence_deeplift_file")))[0])


# ---- of studies ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def studied(checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the checkpoint ``tiny``, and small studies of its discriminator and of its latents beside it."""
    folder = tmp_path_factory.mktemp("studied")
    shutil.copytree(checkpoints / "tiny", folder / "tiny")
    checkpoint = gan.load(folder / "tiny")
    study(checkpoint, generated=20).save(folder / "tiny" / FILTERS)
    latent_study(checkpoint, samples=8, grid=2).save(folder / "tiny" / LATENTS)
    return folder


def test_the_exemplars_of_a_filter_are_the_posters_of_the_study(
    open_app: OpenApp, downloads: Downloads, studied: Path
) -> None:
    query = {"d_layer": "layers.1", "d_unit": "1"}
    app = opened(open_app("discriminator", query, "--checkpoints", str(studied)), "d_exemplars")
    assert not app.exception
    rows = table_of(downloads, "d_exemplars")
    table = DiscriminatorTable.load(studied / "tiny" / FILTERS)
    index = table.index("layers.1", 1)
    picks = [table.picks(kind, True) for kind in KINDS]
    expected = [int(row) for one in picks for row in one.rows[index] if row >= 0]
    assert [int(row["number"]) for row in rows] == expected
    assert len(expected) > 1


def test_importance_has_every_dimension_as_the_study_has_it(
    open_app: OpenApp, downloads: Downloads, studied: Path
) -> None:
    query = {"noise": "Importance", "statistic": "brightness"}
    app = opened(open_app("latent", query, "--checkpoints", str(studied)), "importance")
    assert not app.exception
    found = LatentStudy.load(studied / "tiny" / LATENTS).importance
    rows = table_of(downloads, "importance")
    assert [float(row["total index"]) for row in rows] == found.of("brightness").value.tolist()
    assert (read_npz(io.BytesIO(npz(downloads, "importance")))[0]["cells"] == found.cells.value).all()


def test_a_directions_effects_can_be_taken_along(open_app: OpenApp, downloads: Downloads, studied: Path) -> None:
    app = opened(open_app("latent", {"noise": "Directions"}, "--checkpoints", str(studied)), "direction_effects")
    assert not app.exception
    page = next(table.value for table in app.dataframe if "statistic" in table.value)
    rows = table_of(downloads, "direction_effects")
    assert [f"{float(row['change (standard deviations)']):+z.2f}" for row in rows] == page["change"].tolist()


def test_kinds_strays_and_what_is_lost_are_exported_from_their_panel(downloads: Downloads, checkpoints: Path) -> None:
    app = AppTest.from_function(omissions_page, args=(str(checkpoints / "tiny"), True), default_timeout=60).run()
    app.button(key="find_lost").click().run()
    for key in ("kinds", "kind_examples", "c_strays", "lost"):
        app.session_state[f"export_{key}"] = True
    app.run()
    assert not app.exception
    kinds = table_of(downloads, "kinds")
    assert [row["kind"] for row in kinds] == ["kind 1", "Sport"]
    assert [row["ratio"] for row in kinds] == ["0.02", "nan"]
    examples = table_of(downloads, "kind_examples")
    assert {row["made"] for row in examples} == {"generated"}  # real posters are not loaded
    assert [row["poster"] for row in examples] == [f"seed {row['number']}" for row in examples] != []
    assert [row["seed"] for row in table_of(downloads, "c_strays")] == ["7"]
    arrays = read_npz(io.BytesIO(npz(downloads, "lost")))[0]
    assert arrays["residual"].shape == arrays["poster"].shape[:2]
    assert "export_c_omitted" not in app.session_state  # real posters are not loaded: there is nothing to export


def test_copies_are_exported_with_all_distances(downloads: Downloads, checkpoints: Path) -> None:
    app = AppTest.from_function(copies_page, args=(str(checkpoints / "tiny"), False), default_timeout=60).run()
    for key in ("c_pairs_pixels", "c_copies"):
        app.session_state[f"export_{key}"] = True
    app.run()
    assert not app.exception
    pairs = table_of(downloads, "c_pairs_pixels")
    arrays = read_npz(io.BytesIO(npz(downloads, "c_copies")))[0]
    assert float(pairs[0]["pixels"]) == pytest.approx(float(arrays["pixels_generated"].min()))
    assert len(arrays["pixels_held_out"]) == 60


def test_genres_and_their_effects_are_exported(open_app: OpenApp, downloads: Downloads, tmp_path: Path) -> None:
    config = gan.ModelConfig(8, latent=8, width=4, genres=("Horror", "Comedy"), embedding=4)
    make_checkpoint(tmp_path, "asked", config)
    app = open_app("latent", {"noise": "Genres"}, "--checkpoints", str(tmp_path))
    app.button(key="measure_genres").click().run()
    opened(app, "genre_sweep")
    opened(app, "genre_effects")
    assert not app.exception
    sweep, effects = table_of(downloads, "genre_sweep"), table_of(downloads, "genre_effects")
    assert [row["genre"] for row in sweep] == ["Horror"] * 5 + ["Comedy"] * 5
    [chart] = charts(app)["How much requesting a genre changes the picture"]["data"]
    by_name = {row["genre"]: float(row["change (percent of black to white)"]) for row in effects}
    assert dict(zip(map(shown, chart["y"]), decoded(chart["x"]), strict=True)) == pytest.approx(by_name)


def test_the_nearest_that_can_be_drawn_to_a_poster_is_exported(
    open_app: OpenApp, downloads: Downloads, poster_folder: Path
) -> None:
    query = {"source": "Poster", "noise": "Find this poster"}
    app = open_app("latent", query, "--posters", str(poster_folder))
    app.button(key="invert").click().run()
    opened(app, "inversion")
    assert not app.exception
    assert not errors(app)
    [row] = table_of(downloads, "inversion")
    assert f"{float(row['explained variance']):.0%} of the poster's variance is reproduced" in texts(app)
    assert (read_npz(io.BytesIO(npz(downloads, "inversion")))[0]["poster"] == subject_of(app).pixels).all()

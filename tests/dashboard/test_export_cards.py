"""Exports of cards, closed boxes and dialogs: what the files hold is what the page shows, or what the studies hold."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from streamlit.testing.v1 import AppTest

import gan
from dashboard.cached import discriminator
from tests.dashboard.exporting import Downloads, decoded, npz, opened, table_of
from tests.dashboard.reading import OpenApp, charts, errors, metrics, subject_of, texts
from tests.dashboard.test_collection_page import ship
from tests.dashboard.test_discriminator_page import named
from tests.dashboard.test_export import QUICK
from tests.dashboard.test_strategies_and_copies import strategies_page
from xai.collection.similarity.neighbours import Hubness, Occurrence
from xai.discriminator.filters.study import study
from xai.discriminator.filters.table import FILE as FILTERS
from xai.figures.data import read_npz
from xai.generator.filter_study import filters_table
from xai.generator.filter_table import FILE as GENERATOR_FILTERS
from xai.latents.study import FILE as LATENTS
from xai.latents.study import LatentStudy, latent_study

__all__ = ["ship"]  # a fixture


@pytest.fixture(scope="module")
def studied(checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint ``tiny`` with small studies of both networks' filters, of concepts, and of its latents."""
    folder = tmp_path_factory.mktemp("studied")
    tiny = shutil.copytree(checkpoints / "tiny", folder / "tiny")
    checkpoint = gan.load(tiny)
    study(checkpoint, generated=20).save(tiny / FILTERS)
    filters_table(checkpoint, latents=8).save(tiny / GENERATOR_FILTERS)
    latent_study(checkpoint, samples=8, grid=2).save(tiny / LATENTS)
    concepts = named(folder, "title text")
    for name in ("concepts.npz", "generator_concepts.npz"):
        concepts.save(tiny / name)
    return folder


@pytest.fixture
def page(open_app: OpenApp, studied: Path) -> Callable[..., AppTest]:
    """A page of the studied checkpoint with this query, and the export of this key opened."""

    def start(name: str, query: dict[str, str], *keys: str) -> AppTest:
        app = open_app(name, query, "--checkpoints", str(studied))
        for key in keys:
            opened(app, key)
        assert not app.exception
        assert not errors(app)
        return app

    return start


def arrays_of(downloads: Downloads, key: str) -> dict[str, NDArray[np.generic]]:
    return read_npz(io.BytesIO(npz(downloads, key)))[0]


# ---- one filter ----------------------------------------------------------------------------------------


def test_a_kernel_is_exported_as_its_weights(page: Callable[..., AppTest], downloads: Downloads) -> None:
    app = page("discriminator", {"d_layer": "layers.1", "d_unit": "2"})
    app.session_state["d_inputs"] = True
    opened(app, "kernel")
    assert not errors(app)
    kernels = discriminator.colour_kernels(subject_of(app).checkpoint)
    kernel = arrays_of(downloads, "kernel")["kernel"]
    assert (kernel.transpose(1, 2, 0) == kernels.weights[2]).all()
    rows = table_of(downloads, "kernel")
    assert [float(row["green"]) for row in rows] == kernels.weights[2, :, :, 1].ravel().tolist()
    assert f"Its largest weight is {np.abs(kernel.astype(float)).max():.2f}" in texts(app)
    with Image.open(io.BytesIO(downloads["export_kernel_picture_screen"][1]())) as picture:
        assert picture.width == 640


def test_a_picture_made_up_for_a_filter_is_exported_with_its_response(
    page: Callable[..., AppTest], downloads: Downloads
) -> None:
    app = page("discriminator", {"d_layer": "layers.1", "d_unit": "1"})
    app.session_state["d_synthesis"] = True
    opened(app, "synthesis")
    made = discriminator.synthesis(subject_of(app).checkpoint, "layers.1", 1)
    [row] = table_of(downloads, "synthesis")
    assert float(row["response"]) == pytest.approx(made.response)
    assert f"a poster of the study is {float(row['strongest response to a poster']):+z.2f}" in texts(app)
    assert (arrays_of(downloads, "synthesis")["picture"] == made.picture).all()


def test_concepts_are_exported_of_one_filter_and_of_all_in_both_networks(
    page: Callable[..., AppTest], downloads: Downloads
) -> None:
    query = {"d_layer": "layers.1", "d_unit": "0", "d_lab": "All filters"}
    app = page("discriminator", query, "concepts", "all_concepts_discriminator")
    [proofs] = table_of(downloads, "concepts")
    assert f"IoU with “{proofs['concept']}” {float(proofs['iou']):.2f}" in texts(app)
    table = next(one.value for one in app.dataframe if "concept" in one.value)
    rows = table_of(downloads, "all_concepts_discriminator")
    assert [row["concept"] for row in rows] == table["concept"].tolist()
    page("generator", {"lab": "All filters"}, "all_concepts_generator")
    assert [row["concept"] for row in table_of(downloads, "all_concepts_generator")] == [row["concept"] for row in rows]


def test_what_d_remembers_is_exported_with_the_proportions_of_the_page(
    open_app: OpenApp, downloads: Downloads, poster_folder: Path
) -> None:
    app = open_app("discriminator", {"d_lab": "How good its verdicts are"}, "--posters", str(poster_folder))
    opened(app, "d_memory")
    assert not errors(app)
    training, held_out = table_of(downloads, "d_memory")
    assert f"{float(training['found real']):.0%}" == metrics(app)["Training posters found real"]
    assert f"{float(held_out['found real']):.0%}" == metrics(app)["Held-out posters found real"]
    logits = arrays_of(downloads, "d_memory")["training_posters"]
    assert len(logits) == int(training["count"])
    assert (logits > 0).mean() == pytest.approx(float(training["found real"]))


# ---- the collection ------------------------------------------------------------------------------------


def test_hubs_are_exported_with_and_without_local_scaling(open_app: OpenApp, downloads: Downloads, ship) -> None:  # type: ignore[no-untyped-def]
    hubs = (Hubness("layers.1", "layers.1", 10, Occurrence(2.5, 31, 4, 0.2), Occurrence(0.5, 12, 3, 0.1)),)
    app = open_app("collection", None, "--checkpoints", str(ship(hubs=hubs)))
    opened(app, "c_hubs")
    assert not errors(app)
    plain, scaled = table_of(downloads, "c_hubs")
    assert f"among the 10 nearest of {plain['most often']} others" in texts(app)
    assert f"With local scaling fewer: {scaled['most often']} others" in texts(app)
    assert (plain["local scaling"], scaled["local scaling"]) == ("False", "True")


def test_a_strategys_card_is_exported_with_its_maps_and_the_filters_behind_it(
    downloads: Downloads, checkpoints: Path
) -> None:
    app = AppTest.from_function(strategies_page, args=(str(checkpoints / "tiny"), 2), default_timeout=60).run()
    opened(app, "strategy_0")
    assert not app.exception
    rows = {row["what"]: row for row in table_of(downloads, "strategy_0")}
    assert f"{float(rows['mean logit']['value']):+z.2f}" == metrics(app)["Mean logit"]
    assert f"layers.1, filter 2: {float(rows['filter 2 of layers.1']['value']):+z.2f}" in {
        button.label for button in app.button
    }
    arrays = arrays_of(downloads, "strategy_0")
    assert arrays["map"][-1, 0] == -1
    assert arrays["seeds"].tolist() == [3, 1, 4]


# ---- latents -------------------------------------------------------------------------------------------


def test_a_turned_poster_is_exported_as_the_address_has_it(page: Callable[..., AppTest], downloads: Downloads) -> None:
    app = page("latent", {"seed": "3", "turned": "2:1.5"}, "turned")
    rows = table_of(downloads, "turned")
    assert float(rows[2]["now"]) == 1.5
    z = gan.latents([3], subject_of(app).checkpoint.config).flatten()
    assert [float(row["at the start"]) for row in rows] == pytest.approx(z.tolist())
    assert [row["dimension"] for row in rows if row["now"] != row["at the start"]] == ["2"]
    assert arrays_of(downloads, "turned")["change"].any()
    assert read_npz(io.BytesIO(npz(downloads, "turned")))[1]["settings"] == {"turned": "2:1.5"}


def test_a_pinned_turned_poster_is_compared_with_what_is_turned_now(page: Callable[..., AppTest]) -> None:
    app = page("latent", {"seed": "3", "turned": "2:1.5"}, "turned")
    app.button(key="pin_turned").click().run()
    app.query_params["turned"] = "2:-2"
    app.run()
    assert not app.exception
    assert "turned: 2:1.5" in texts(app).partition("**Now:**")[0]
    assert "turned: 2:-2" in texts(app).partition("**Now:**")[2]


def test_the_overlap_of_directions_is_the_table_of_the_page(
    page: Callable[..., AppTest], downloads: Downloads, studied: Path
) -> None:
    app = page("latent", {"noise": "Directions"}, "direction_overlap")
    shown = next(one.value for one in app.dataframe if "way" in one.value)
    rows = table_of(downloads, "direction_overlap")
    assert [row["way"] for row in rows] == shown["way"].tolist()
    agreement = LatentStudy.load(studied / "tiny" / LATENTS).directions.agreement
    values = [[float(row[way]) for way in shown["way"]] for row in rows]
    assert values == agreement.overlap.tolist()


def test_a_scaled_latent_is_exported_with_its_norm(page: Callable[..., AppTest], downloads: Downloads) -> None:
    app = page("latent", {"noise": "Paths", "length": "0.5", "seed": "3"}, "scaled")
    [row] = table_of(downloads, "scaled")
    norm = float(gan.latents([3], subject_of(app).checkpoint.config).norm())
    assert float(row["norm of the latent"]) == pytest.approx(norm / 2)
    assert "at-0-5-times-its-norm" in downloads["export_scaled_picture_screen"][0]


# ---- evidence ------------------------------------------------------------------------------------------


def test_the_charts_of_the_evidence_are_in_its_file(open_app: OpenApp, downloads: Downloads) -> None:
    app = open_app("compare", QUICK | {"check": "true"})
    app.session_state["export_evidence_deeplift_file"] = True
    app.button(key="evidence_deeplift").click().run()
    assert not app.exception
    arrays, shown = arrays_of(downloads, "evidence_deeplift_file"), charts(app)
    [cascade] = shown["Similarity after randomising the last k layers"]["data"]
    assert arrays["randomised_similarity"].tolist() == pytest.approx(decoded(cascade["y"]))
    tiles = next(one for title, one in shown.items() if "Shapley values of nine tiles" in title)["data"]
    assert arrays["shapley_exact"].tolist() == pytest.approx(decoded(tiles[0]["x"]))
    assert arrays["shapley_tiles"].tolist() == pytest.approx(decoded(tiles[1]["x"]))
    with Image.open(io.BytesIO(downloads["export_evidence_deeplift_file_picture_screen"][1]())) as picture:
        assert picture.format == "PNG"

"""What a notebook saves of results is what the results say: filters, latents, a collection."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import gan
import xai
from gan.evaluation.estimates import Estimate
from xai.collection.copies import Views, among
from xai.collection.omissions.lost import losses
from xai.discriminator.decisions import Judged, Verdicts
from xai.discriminator.relevance import filter_contributions, waterfall
from xai.figures.data import read_npz
from xai.figures.figure import Figure, Source
from xai.generator.blame import blame
from xai.generator.contributions import LATENT, contributions, latent_gradients
from xai.generator.folded import FoldedGenerator
from xai.latents.inversion import Search, invert
from xai.latents.sobol import importance
from xai.report import collection_figures, discriminator_figures, figures, filter_figures, latent_figures
from xai.trust.agreement import compare

SOURCE = Source("tiny", "0" * 64)


def rows_of(figure: Figure, folder: Path) -> list[dict[str, str]]:
    with xai.save(figure, folder / "table.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def z(checkpoint: gan.Checkpoint) -> torch.Tensor:
    return gan.latents([1], checkpoint.config)


@pytest.fixture
def poster(checkpoint: gan.Checkpoint, z: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        picture: torch.Tensor = checkpoint.need_generator()(z)
        return picture


def test_a_waterfall_ends_at_the_posters_logit(
    checkpoint: gan.Checkpoint, poster: torch.Tensor, tmp_path: Path
) -> None:
    score = xai.Score(checkpoint.need_discriminator())
    found = waterfall(filter_contributions(score, poster, xai.reference("grey").single(poster)), "layers.1")
    rows = rows_of(discriminator_figures.of_waterfall(found, SOURCE), tmp_path)
    assert float(rows[-1]["to (logit)"]) == pytest.approx(float(score(poster)), abs=1e-5)
    assert [row["filter"] for row in rows] == ["" if bar.unit is None else str(bar.unit) for bar in found.bars]


def test_what_a_dimension_drives_and_what_drives_a_filter_are_the_gradients(
    checkpoint: gan.Checkpoint, z: torch.Tensor, tmp_path: Path
) -> None:
    folded = FoldedGenerator.of(checkpoint.need_generator())
    gradients, parts = latent_gradients(folded, z), contributions(folded, z, "layers.2")
    driven = filter_figures.of_driven(gradients, "layers.2", 3, SOURCE)
    assert driven.columns["change"] == gradients.units["layers.2"][3].tolist()
    assert (driven.arrays["pixels"].values == gradients.pixel_map(3).numpy()).all()
    drivers = filter_figures.of_drivers(gradients, parts, "layers.2", 1, SOURCE)
    assert drivers.columns["change"] == gradients.units["layers.2"][:, 1].tolist()
    pixels, box = gan.to_uint8(gradients.picture)[0], (0.0, 0.0, 1.0, 0.5)
    region = filter_figures.of_region(parts, contributions(folded, z, LATENT), box, pixels, SOURCE)
    rows = rows_of(region, tmp_path)
    [heading] = [name for name in rows[0] if name.startswith("proportion")]
    for kind in ("filter", "dimension"):
        assert sum(float(row[heading]) for row in rows if row["kind"] == kind) == pytest.approx(1, abs=1e-5)


def test_blame_has_every_contribution(checkpoint: gan.Checkpoint, z: torch.Tensor, tmp_path: Path) -> None:
    generator, discriminator = checkpoint.need_both()
    found = blame(generator, discriminator, z, gan.latents([5, 6], checkpoint.config))
    rows = rows_of(figures.of_blame(found, "layers.2", SOURCE), tmp_path)
    sums = {
        kind: sum(float(row["contribution (logit)"]) for row in rows if row["kind"] == kind)
        for kind in ("dimension", "filter")
    }
    assert sums == pytest.approx(dict.fromkeys(sums, found.score - found.base_score), abs=1e-4)


def test_importance_draws_the_largest_and_keeps_all(checkpoint: gan.Checkpoint, tmp_path: Path) -> None:
    found = importance(checkpoint.need_generator(), samples=8, grid=2)
    figure = latent_figures.of_importance(found, SOURCE)
    assert figure.columns["total index"] == found.picture.value.tolist()
    arrays, about = read_npz(xai.save(figure, tmp_path / "importance.npz"))
    assert (arrays["most_influential"] == found.most_influential).all()
    assert about["arrays"]["cells"]["unit"] == "proportion of the variance"


def test_an_inversion_and_what_is_lost_have_the_residual(
    checkpoint: gan.Checkpoint, poster: torch.Tensor, tmp_path: Path
) -> None:
    wanted = (poster + 0.3 * torch.randn(poster.shape, generator=torch.Generator().manual_seed(0))).clamp(-1, 1)
    found = invert(checkpoint.need_generator(), wanted, search=Search(2, 4))
    figure = latent_figures.of_inversion(found, gan.to_uint8(wanted)[0], SOURCE)
    arrays, _ = read_npz(xai.save(figure, tmp_path / "inversion.npz"))
    assert (arrays["residual"] == found.residual_map).all()
    assert (arrays["latent"] == found.z.flatten().numpy()).all()
    lost = losses(wanted, found.picture)
    table = collection_figures.of_lost(lost, found, gan.to_uint8(wanted)[0], SOURCE).columns
    assert table["part of the loss"] == [one.part for one in lost.concepts]


def test_agreement_keeps_every_pair_and_the_consensus(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    maps = {name: random.standard_normal((16, 16)).astype(np.float32) for name in "abc"}
    found = compare(maps)
    figure = figures.of_agreement(found, ["A", "B", "C"], np.zeros((16, 16, 3), np.uint8), SOURCE)
    rows = rows_of(figure, tmp_path)
    assert [(row["one"], row["other"]) for row in rows] == [("A", "B"), ("A", "C"), ("B", "C")]
    assert float(rows[1]["rank correlation"]) == pytest.approx(found.rank[0, 2])
    assert (figure.arrays["consensus"].values == found.consensus).all()


def test_several_baselines_share_one_scale(
    methods: list[xai.Attribution], images: torch.Tensor, tmp_path: Path
) -> None:
    one = methods[0].attribute(images[:1])
    names = {"grey": "a grey picture", "black": "a black picture"}
    figure = figures.of_references({"grey": one, "black": one}, names, gan.to_uint8(images[:1])[0], SOURCE)
    ends = {panel.bar.high for panel in figure.panels if panel.bar}
    assert len(ends) == 1
    assert [row["baseline"] for row in rows_of(figure, tmp_path)] == list(names.values())


def test_how_often_d_is_right_has_all_posters_first_and_then_each_kind(tmp_path: Path) -> None:
    logits = np.where(np.arange(80) < 60, 1.0, -1.0)
    real = Verdicts("real", True, logits, {"dark": np.arange(80) < 40})
    judged = Judged(Verdicts("generated", False, logits), real, None, {})
    rows = rows_of(discriminator_figures.of_groups(judged, SOURCE), tmp_path)
    assert [(row["posters"], row["group"], float(row["right"])) for row in rows] == [
        ("real", "all", 0.75), ("real", "dark", 1.0), ("generated", "all", 0.25),
    ]  # fmt: skip
    assert rows[0]["difference"] == ""
    bins = rows_of(discriminator_figures.of_calibration(judged, SOURCE), tmp_path)
    assert sum(int(row["posters"]) for row in bins) == 160


def test_distances_of_copies_and_their_pairs(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    views = (Views(random.standard_normal((n, 6)).astype(np.float32), None) for n in (200, 60, 40))
    found = among(*views, np.arange(200), np.arange(40))
    [row] = rows_of(collection_figures.of_distances(found, SOURCE), tmp_path)
    assert float(row["threshold"]) == found.pixels.threshold
    assert isinstance(found.pixels.rate, Estimate)
    blank = [np.zeros((8, 8, 3), np.uint8)] * len(found.closest)
    figure = collection_figures.of_pairs(found.closest, blank, blank, "pairs", SOURCE)
    assert len(figure.panels) == 2 * len(found.closest)
    assert [int(one["poster"]) for one in rows_of(figure, tmp_path)] == [pair.poster for pair in found.closest]
    assert len(collection_figures.of_pairs(found.closest, blank, None, "pairs", SOURCE).panels) == len(found.closest)


def test_metadata_of_a_chart_names_its_source(tmp_path: Path) -> None:
    from PIL import Image

    found = compare({name: np.eye(8, dtype=np.float32) for name in "ab"})
    figure = figures.of_agreement(found, ["A", "B"], np.zeros((8, 8, 3), np.uint8), SOURCE)
    with Image.open(xai.save(figure, tmp_path / "agreement.png")) as picture:
        assert json.loads(picture.info["Source"])["sha256"] == SOURCE.digest

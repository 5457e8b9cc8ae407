from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

import gan
from tests.scripting import script as load_script
from tests.xai import built
from xai.bench import pruning_study
from xai.generator import pruning
from xai.generator.filter_study import filters_table
from xai.generator.filter_table import FilterTable


@pytest.fixture
def script() -> ModuleType:
    return load_script("study_pruning")


@pytest.fixture(scope="module")
def table() -> FilterTable:
    """Of the generator built by hand."""
    return filters_table(built.checkpoint(), latents=8)


def drawn(network: gan.Generator) -> torch.Tensor:
    with torch.no_grad():
        return network(gan.latents(range(4), network.config))


def pixels(network: gan.Generator, first: int = 0, count: int = 64) -> np.ndarray:
    """A judge that looks at pixels."""
    with torch.no_grad():
        pictures: np.ndarray = network(gan.latents(range(first, first + count), network.config)).flatten(1).numpy()
    return pictures


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkpoint of the networks built by hand."""
    network = gan.Generator(gan.ModelConfig(resolution=8, latent=5, width=1, generator_channels=(7,)))
    network.load_state_dict(built.generator().state_dict())
    gan.save(tmp_path / "built", network, built.discriminator())
    return tmp_path / "built"


def test_the_study_is_written_beside_the_weights_with_the_table_that_it_ranks_by(
    script: ModuleType, folder: Path, poster_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning_study, "generated_features", lambda network, samples: pixels(network, count=samples))
    monkeypatch.setattr(pruning_study, "poster_features", lambda *_, **__: pixels(built.generator(), first=1000))
    arguments = ["--checkpoint", folder, "--data", poster_folder, "--samples", "16", "--latents", "4"]
    assert script.main([*map(str, arguments), "--shares", "0.15", "0.6", "--orders", "2"]) == 0
    found, checkpoint = json.loads((folder / "pruning.json").read_text()), gan.load(folder)
    assert found["digest"] == checkpoint.digest
    assert (found["samples"], found["orders"]) == (16, 2)
    assert list(found["rankings"]) == list(found["unnoticed"]) == list(pruning.RANKINGS)
    for points in found["rankings"].values():
        assert [point["share"] for point in points] == [0, 0.15, 0.6]
    assert found["rankings"]["effect"][1]["worse"] == pytest.approx(0, abs=1e-5)  # the dead filter
    table = FilterTable.beside(folder, checkpoint.digest)
    assert table is not None
    assert table.latents == 4


def test_a_table_that_is_there_is_not_measured_again_and_one_of_other_weights_is(
    script: ModuleType, folder: Path, table: FilterTable
) -> None:
    checkpoint = gan.load(folder)
    options = script.parse(["--checkpoint", str(folder), "--latents", "3"])
    replace(table, digest=checkpoint.digest).save(folder / "filters.npz")
    assert script.table_of(checkpoint, options).latents == 8
    table.save(folder / "filters.npz")
    assert script.table_of(checkpoint, options).latents == 3
    assert FilterTable.load(folder / "filters.npz").digest == checkpoint.digest


def test_the_smaller_generator_is_saved_and_what_it_saves_is_said(
    script: ModuleType, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--checkpoint", folder, "--save", tmp_path / "smaller", "--ranking", "duplicates", "--share", "0.3"]
    assert script.main([*map(str, arguments)]) == 0
    smaller = gan.load(tmp_path / "smaller").generator
    assert smaller is not None
    assert pruning.activation_layers(smaller) == {built.LAYER: 5}
    assert torch.allclose(drawn(smaller), drawn(built.generator()), atol=0.05)  # a dead filter, and a twin
    counts = [sum(weight.numel() for weight in network.parameters()) for network in (built.generator(), smaller)]
    assert f"parameters: {counts[0]} -> {counts[1]}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--data", "posters", "--shares", "1.5"], "--shares runs from 0 to below 1, not 1.5."),
        (["--save", "FOLDER"], "exists already"),
        ([], "needs real posters"),
        (["--data", "posters", "--out", "nowhere/study.json"], "is not a file in a folder that exists"),
    ],
)
def test_what_cannot_be_studied_is_one_sentence(
    script: ModuleType, folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    given = [str(folder) if argument == "FOLDER" else argument for argument in arguments]
    assert script.main(["--checkpoint", str(folder), *given]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert words in line

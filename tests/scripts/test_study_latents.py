"""scripts/study_latents.py and scripts/train_encoder.py."""

from __future__ import annotations

from pathlib import Path

import pytest

import gan
from tests.scripting import script
from tests.xai.nets import discriminator, generator
from xai.latents.encoder import load_encoder
from xai.latents.study import LatentStudy

study_latents, train_encoder = script("study_latents"), script("train_encoder")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    gan.save(tmp_path / "tiny", generator(8), discriminator(8))
    return tmp_path / "tiny"


def test_the_script_keeps_the_study_beside_the_weights(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert study_latents.main(["--checkpoint", str(folder), "--samples", "2"]) == 0
    assert LatentStudy.beside(folder, gan.load(folder).digest) is not None
    assert "of the variance" in capsys.readouterr().out


def test_the_train_encoder_writes_an_encoder_of_this_checkpoint(folder: Path) -> None:
    out = folder / "encoder.safetensors"
    assert train_encoder.main(["--checkpoint", str(folder), "--out", str(out), "--steps", "2"]) == 0
    assert load_encoder(out, gan.load(folder).digest).latent == 6


@pytest.mark.parametrize(
    ("main", "arguments"),
    [
        (study_latents.main, ["--checkpoint", "nowhere"]),
        (study_latents.main, ["--grid", "3"]),
        (study_latents.main, ["--out", "nowhere"]),
        (train_encoder.main, ["--out", "nowhere/encoder.safetensors"]),
        (train_encoder.main, ["--out", "."]),
    ],
)
def test_a_wrong_command_line_ends_with_one_sentence_and_no_file(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, main, arguments: list[str]
) -> None:
    monkeypatch.chdir(folder.parent)
    before = sorted(folder.parent.rglob("*"))
    assert main(["--checkpoint", "tiny", *arguments]) == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert message.startswith("error: ")
    assert message.endswith(".")
    assert sorted(folder.parent.rglob("*")) == before

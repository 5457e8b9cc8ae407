from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from urllib.error import URLError

import pytest
import torch
from torch import Tensor, nn

import gan
from gan.evaluation.fid import inception_fid
from gan.evaluation.samples.distances import frechet_distance


class Inception(nn.Module):
    """What torch-fidelity's extractor is from outside: uint8 pictures to a tuple with one tensor of features."""

    def __init__(self, name: str, layers: list[str]) -> None:
        super().__init__()
        assert layers == ["2048"]

    def forward(self, pixels: Tensor) -> tuple[Tensor]:
        assert pixels.dtype == torch.uint8
        return (pixels.float().mean((2, 3)),)


@pytest.fixture
def checkpoint(checkpoints: Path) -> gan.Checkpoint:
    return gan.load(checkpoints / "tiny")


@pytest.fixture
def fidelity(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("torch_fidelity.feature_extractor_inceptionv3")
    monkeypatch.setitem(sys.modules, "torch_fidelity", ModuleType("torch_fidelity"))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def test_the_true_fid_is_of_inception_features_of_as_many_training_posters(
    fidelity: ModuleType, checkpoint: gan.Checkpoint, posters: gan.PosterSet
) -> None:
    fidelity.FeatureExtractorInceptionV3 = Inception  # type: ignore[attr-defined]
    training = posters.select(range(24))
    with torch.no_grad():
        made = gan.to_uint8(checkpoint.generator(gan.latents(range(7, 31), checkpoint.config)))
    expected = frechet_distance(training.images[:].mean((1, 2)), made.mean((1, 2)))
    assert inception_fid(checkpoint, training, 100, 7) == pytest.approx(expected, rel=1e-4)


def test_without_torch_fidelity_a_sentence_says_so(
    checkpoint: gan.Checkpoint, posters: gan.PosterSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    with pytest.raises(gan.MetricsUnavailableError, match="pip install torch-fidelity"):
        inception_fid(checkpoint, posters)


def test_weights_that_cannot_be_fetched_are_said_in_a_sentence(
    fidelity: ModuleType, checkpoint: gan.Checkpoint, posters: gan.PosterSet
) -> None:
    def refuse(name: str, layers: list[str]) -> None:
        raise URLError("no route to host")

    fidelity.FeatureExtractorInceptionV3 = refuse  # type: ignore[attr-defined]
    with pytest.raises(gan.MetricsUnavailableError, match=r"weights cannot be fetched: .*no route to host"):
        inception_fid(checkpoint, posters)

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import gan
import xai
from tests.xai.nets import discriminator, pictures, quick, scramble
from xai.methods.quiet import quiet

LAYER = {"activation": {"layer": "layers.1"}}


@pytest.fixture(autouse=True)
def quiet_libraries() -> None:
    """pytest takes filters of warnings back after each test; the product sets them once a process."""
    quiet.cache_clear()


@pytest.fixture(scope="module")
def checkpoint(checkpoints: Path) -> gan.Checkpoint:
    return gan.load(checkpoints / "tiny")


@pytest.fixture(scope="module")
def methods(checkpoint: gan.Checkpoint) -> list[xai.Attribution]:
    """One of pixels, one of segments, one of a layer."""
    score = xai.Score(checkpoint.discriminator)
    return [quick(name, score, **LAYER.get(name, {})) for name in ("deeplift", "lime", "activation")]


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return pictures(3, 8)


@pytest.fixture(scope="module")
def random_generator() -> gan.Generator:
    """Two activation layers, of 40 (more than a block) and 4 units."""
    return scramble(lambda: gan.Generator(gan.ModelConfig(resolution=16, width=20, latent=6))).eval()


@pytest.fixture(scope="module")
def random_score() -> xai.Score:
    return xai.Score(discriminator(16))

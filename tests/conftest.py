"""What all tests share: networks, posters and checkpoints so small that they cost nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from hypothesis import settings

import gan
from gan.data.synthetic import write_folder
from tests.gan.small_judge import Judge, judge_by

settings.register_profile("unhurried", deadline=None)  # speed is measured by scripts/benchmark.py, not by tests
settings.load_profile("unhurried")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def private_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing is read from or left in the user's own cache."""
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("POSTERLENS_CACHE", str(cache))
    return cache


@pytest.fixture(autouse=True)
def own_main(monkeypatch: pytest.MonkeyPatch) -> None:
    """AppTest leaves its page as ``__main__``, which every process started afterwards would run."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture
def small_judge(monkeypatch: pytest.MonkeyPatch) -> Judge:
    """A small judge in place of the network that would have to be installed."""
    judge = Judge()
    judge_by(monkeypatch, judge)
    return judge


@pytest.fixture
def no_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the extra ``metrics`` is not installed."""
    judge_by(monkeypatch, None)


@pytest.fixture(scope="session")
def tiny() -> gan.ModelConfig:
    """The smallest networks: 8 x 8 pictures, 8 noise values, 4 channels."""
    return gan.ModelConfig(resolution=8, latent=8, width=4)


@pytest.fixture(scope="session")
def poster_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 synthetic posters and their metadata.csv; not to be changed by a test."""
    folder = tmp_path_factory.mktemp("posters")
    write_folder(folder, 40, size=(32, 48))
    return folder


@pytest.fixture(scope="session")
def posters(poster_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> gan.PosterSet:
    """The synthetic posters at 8 x 8."""
    return gan.load_posters(poster_folder, 8, cache=tmp_path_factory.mktemp("shared-cache"), progress=False)


@pytest.fixture(scope="session")
def checkpoints(tiny: gan.ModelConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of checkpoints with one in it: ``tiny``, whose BatchNorm has seen a few pictures."""
    folder = tmp_path_factory.mktemp("checkpoints")
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        generator, discriminator = gan.Generator(tiny), gan.Discriminator(tiny)
        generator.layers[3].weight.mul_(30)  # first weights draw nothing but grey
        discriminator(generator(gan.latents(range(16), tiny)))
    gan.save(folder / "tiny", generator.eval(), discriminator.eval(), {"kimg": 1.5})
    return folder

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest
import torch

from gan import Discriminator, Generator, ModelConfig, load
from gan.training import tutorial


def test_the_tutorial_trains_from_posters_to_a_checkpoint(
    poster_folder: Path,
    tiny: ModelConfig,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[torch.nn.Module] = []
    for kind in (Generator, Discriminator):
        monkeypatch.setattr(tutorial, kind.__name__, lambda kind=kind: made.append(kind(tiny)) or made[-1])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        tutorial.main(str(poster_folder), str(tmp_path / "out"), epochs=1)
    [line] = capsys.readouterr().out.splitlines()  # 37 posters are one batch
    assert line.startswith("step 0: loss_D ")
    stored = load(tmp_path / "out")
    for network, trained in zip((stored.generator, stored.discriminator), made, strict=True):
        assert network is not None
        pairs = zip(network.state_dict().values(), trained.state_dict().values(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("arguments", [[], ["--help"], ["posters", "out", "more"]])
def test_other_than_two_arguments_are_answered_with_the_usage(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["tutorial.py", *arguments])
    with pytest.raises(SystemExit, match="usage: gan"):
        runpy.run_path(tutorial.__file__, run_name="__main__")


def test_the_tutorial_is_short() -> None:
    """One screen and a half, or it is no tutorial."""
    assert len(Path(tutorial.__file__).read_text().splitlines()) <= 70

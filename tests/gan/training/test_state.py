from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from gan import ModelConfig, TrainConfig, TrainingError
from gan.training.state import load_state, new_state, save_state

MODEL, CONFIG = ModelConfig(8, latent=4, width=2), TrainConfig(batch=4)
CPU = torch.device("cpu")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A folder with a state."""
    save_state(new_state(MODEL, CONFIG), tmp_path)
    return tmp_path


def test_a_state_of_version_0_1_is_resumed(run: Path) -> None:
    """It holds the learning rates' factors under other names."""
    record = torch.load(run / "state.pt", weights_only=True)
    del record["lr_scale"], record["lr_scale_d"]
    torch.save(record | {"rate": 0.5, "rate_d": 0.7}, run / "state.pt")
    state = new_state(MODEL, CONFIG)
    load_state(state, run, CPU)
    assert (state.lr_scale, state.lr_scale_d) == (0.5, 0.7)


def refused(run: Path) -> None:
    with pytest.raises(TrainingError, match=r"state\.pt does not fit these options, or is damaged\.$"):
        load_state(new_state(MODEL, CONFIG), run, CPU)


def test_weights_that_changed_on_the_disk_are_noticed(run: Path) -> None:
    path = run / "state.pt"
    content = bytearray(path.read_bytes())
    # A weight, channels last as it is stored: with one bit changed it is a number still, and torch reads the file.
    weight = next(new_state(MODEL, CONFIG).discriminator.parameters()).detach()
    content[content.index(weight.permute(0, 2, 3, 1).numpy().tobytes())] ^= 1  # one bit of it
    path.write_bytes(content)
    refused(run)


@pytest.mark.parametrize("part", [5, None, [1, 2], torch.zeros(3)])
@pytest.mark.parametrize("name", ["generator", "optimizer_g"])
def test_a_state_with_something_else_in_place_of_a_part_is_one_sentence(run: Path, name: str, part: Any) -> None:
    record = torch.load(run / "state.pt", weights_only=True)
    torch.save(record | {name: part}, run / "state.pt")
    refused(run)


def test_a_tensor_in_place_of_a_state_is_one_sentence(run: Path) -> None:
    torch.save(torch.zeros(3), run / "state.pt")
    refused(run)

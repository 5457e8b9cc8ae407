from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import gan
import xai
from tests.xai.latent_nets import drawing, drawn, trained
from tests.xai.nets import discriminator, given_generator, one_sentence, snapshot
from xai.latents.encoder import Encoder, encoder_r2, load_encoder, save_encoder, train_encoder
from xai.latents.inversion import invert


def test_a_trained_encoder_guesses_noise_that_it_has_not_seen() -> None:
    assert encoder_r2(trained(), drawing()) > 0.5
    assert encoder_r2(train_encoder(drawing(), steps=1), drawing()) < 0.3


def test_training_is_the_same_for_the_same_seed_and_touches_nothing_else() -> None:
    torch.manual_seed(7)
    state, before = torch.get_rng_state(), snapshot(drawing())
    first, second, other = (train_encoder(drawing(), 3, seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    assert snapshot(drawing()) == before
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


def test_the_encoder_of_64_pixels_is_small() -> None:
    assert sum(weight.numel() for weight in Encoder(64, 100).parameters()) < 600_000


def test_a_stored_encoder_says_the_same(tmp_path: Path) -> None:
    path = tmp_path / "encoder.safetensors"
    save_encoder(trained(), path, "abc")
    assert torch.equal(load_encoder(path, "abc")(drawn(1)), trained()(drawn(1)))


def test_an_encoder_of_another_checkpoint_or_a_damaged_one_is_refused_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "encoder.safetensors"
    save_encoder(trained(), path, "abc")

    def refusal() -> str:
        with pytest.raises(xai.ExplanationError) as caught:
            load_encoder(path, "xyz")
        return one_sentence(caught.value)

    assert "another checkpoint" in refusal()
    path.write_bytes(path.read_bytes()[:5000])
    assert "damaged" in refusal()
    path.write_bytes(b"")
    assert "damaged" in refusal()
    gan.save(tmp_path / "checkpoint", drawing(), discriminator(16))
    path.write_bytes((tmp_path / "checkpoint" / "generator.safetensors").read_bytes())
    assert "holds no encoder" in refusal()
    path.unlink()
    assert "does not exist" in refusal()


def test_an_encoder_without_a_step_is_refused() -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        train_encoder(drawing(), 0)
    one_sentence(caught.value)


def test_an_encoder_of_oblong_posters_learns_and_is_stored(tmp_path: Path) -> None:
    network, path = given_generator(16), tmp_path / "encoder.safetensors"
    encoder = train_encoder(network, steps=60)
    assert encoder.size == (24, 16)
    assert encoder_r2(encoder, network, 64) > 0.2
    save_encoder(encoder, path, "abc")
    again = load_encoder(path, "abc")
    assert torch.equal(again(drawn(1, network)), encoder(drawn(1, network)))
    with pytest.raises(xai.ExplanationError, match="24 x 16 pixels"):
        invert(drawing(), drawn(1), encoder=again)


def test_an_encoder_that_was_stored_before_there_were_oblong_posters_is_of_squares(tmp_path: Path) -> None:
    path = tmp_path / "encoder.safetensors"
    save_encoder(trained(), path, "abc")
    with safe_open(path, "pt") as file:
        note = json.loads(file.metadata()["encoder"])
        weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  # no dict
    del note["aspect"]
    save_file(weights, path, {"encoder": json.dumps(note)})
    assert load_encoder(path, "abc").size == (16, 16)

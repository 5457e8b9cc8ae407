from __future__ import annotations

import functools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

import gan
import xai
from tests.xai.latent_nets import painted
from tests.xai.nets import discriminator, generator, given_generator, hooks, in_threads, one_sentence, snapshot
from xai.latents.inversion import Encoder, encoder_r2, invert, load_encoder, save_encoder, train_encoder


@functools.cache
def drawing() -> gan.Generator:
    return generator(16)


@functools.cache
def trained() -> Encoder:
    return train_encoder(drawing(), steps=120)


def drawn(seed: int, network: gan.Generator | None = None) -> Tensor:
    network = network or drawing()
    with torch.no_grad():
        return network(gan.latents([seed], network.config))


# ---- inversion -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_posters_that_the_generator_drew_itself_are_found_again(seed: int) -> None:
    found = invert(drawing(), drawn(seed))
    assert found.psnr > 30 and found.explained > 0.98
    assert found.error < found.error_before / 2


def test_the_latent_itself_is_found_where_only_one_draws_the_poster() -> None:
    places = torch.zeros(4, 4, 4)
    for index in range(4):
        places[index, index] = 1.0  # each value paints two rows of its own
    network = painted(places, torch.ones(4, 3), amount=0.3)
    z = torch.tensor([1.2, -0.7, 0.9, -1.1])[None, :, None, None]
    with torch.no_grad():
        found = invert(network, network(z))
    assert torch.allclose(found.z, z, atol=0.05)


def test_what_the_generator_cannot_draw_is_left_in_the_residual() -> None:
    network = painted(torch.ones(3, 4, 4), torch.eye(3), amount=0.3)  # pictures of one colour only
    checks = torch.ones(8, 8)
    checks[::2, ::2] = checks[1::2, 1::2] = -1.0
    poster = 0.4 * checks.expand(1, 3, 8, 8) + torch.tensor([0.2, -0.2, 0.1])[:, None, None]
    found = invert(network, poster)
    assert np.allclose(found.residual_map, 0.2 * checks.numpy(), atol=0.02)
    assert found.error == pytest.approx(0.2, abs=0.01)


def test_poster_minus_picture_is_the_residual_and_the_picture_is_that_of_the_latent() -> None:
    poster = drawn(5).flip(3)
    found = invert(drawing(), poster, steps=20)
    with torch.no_grad():
        assert torch.allclose(drawing()(found.z), found.picture, atol=1e-5)
    assert np.allclose(found.residual, ((poster - found.picture) / 2)[0].permute(1, 2, 0).numpy(), atol=1e-6)
    assert found.error == pytest.approx(float(np.sqrt(np.square(found.residual).mean())), rel=1e-5)
    assert found.norm == pytest.approx(float(found.z.norm()))


def test_the_loss_falls_and_the_error_is_never_worse_than_at_the_start() -> None:
    found = invert(drawing(), drawn(6).flip(2), steps=60)
    assert len(found.losses) == 60 and found.losses[-1] < found.losses[0]
    assert found.error < found.error_before


def test_more_starts_are_at_least_as_good() -> None:
    poster = drawn(8).flip(3)
    few, many = (invert(drawing(), poster, starts=starts, steps=50) for starts in (1, 8))
    assert min(many.losses) <= min(few.losses) * 1.02


def test_the_prior_keeps_the_norm_near_that_of_random_latents() -> None:
    network = painted(torch.ones(4, 4, 4), torch.ones(4, 3))
    white = torch.full((1, 3, 8, 8), 0.99)  # cannot be reached but by very large noise
    found = invert(network, white)
    assert 1 < found.norm < 8


def test_features_of_the_discriminator_have_a_say() -> None:
    network, score = generator(32), xai.Score(discriminator(32))
    poster = drawn(3, network).flip(3)
    without, with_score = invert(network, poster, steps=15), invert(network, poster, score, steps=15)
    assert not torch.equal(without.z, with_score.z)
    assert with_score.error < with_score.error_before


def test_the_same_poster_gives_the_same_latent_in_every_thread_and_the_global_state_stays() -> None:
    torch.manual_seed(7)
    state, before = torch.get_rng_state(), snapshot(drawing())
    expected = invert(drawing(), drawn(4), steps=10).z
    found = in_threads(4, lambda _: invert(drawing(), drawn(4), steps=10).z)
    assert all(torch.equal(one, expected) for one in found)
    assert torch.equal(torch.get_rng_state(), state)
    assert snapshot(drawing()) == before and hooks(drawing()) == 0


def test_it_works_where_gradients_are_switched_off() -> None:
    expected = invert(drawing(), drawn(4), steps=5).z
    with torch.no_grad():
        assert torch.equal(invert(drawing(), drawn(4), steps=5).z, expected)


def test_progress_rises_to_one_and_an_exception_in_it_cancels() -> None:
    told: list[float] = []
    invert(drawing(), drawn(4), steps=10, progress=told.append)
    assert told == sorted(told) and told[0] == 0 and told[-1] == pytest.approx(1)

    class CancelError(Exception):
        pass

    def cancel(share: float) -> None:
        if share > 0.3:
            raise CancelError

    with pytest.raises(CancelError):
        invert(drawing(), drawn(4), steps=10, progress=cancel)


@pytest.mark.parametrize(
    ("poster", "settings", "word"),
    [
        (torch.zeros(1, 3, 8, 8), {}, "(1, 3, 16, 16)"),
        (torch.zeros(2, 3, 16, 16), {}, "(1, 3, 16, 16)"),
        (torch.full((1, 3, 16, 16), torch.nan), {}, "picture"),
        (torch.zeros(1, 3, 16, 16), {"starts": 0}, "starts"),
        (torch.zeros(1, 3, 16, 16), {"steps": 0}, "step"),
        (torch.zeros(1, 3, 16, 16), {"encoder": Encoder(16, 9)}, "9 noise values"),
    ],
)
def test_what_cannot_be_inverted_is_refused_in_one_sentence(poster: Tensor, settings: dict, word: str) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        invert(drawing(), poster, **settings)
    assert word in one_sentence(caught.value)


# ---- the encoder ---------------------------------------------------------------------------------------


def test_a_trained_encoder_guesses_noise_that_it_has_not_seen() -> None:
    assert encoder_r2(trained(), drawing()) > 0.5
    assert encoder_r2(train_encoder(drawing(), steps=1), drawing()) < 0.3


def test_an_inversion_starts_nearer_with_an_encoder() -> None:
    before = [
        invert(drawing(), drawn(seed), encoder=e, steps=1).error_before for e in (None, trained()) for seed in (0, 1, 2)
    ]
    assert sum(before[3:]) < sum(before[:3])
    assert any(invert(drawing(), drawn(s), encoder=trained(), starts=1, steps=1).start == "encoder" for s in (0, 1, 2))


def test_training_is_the_same_for_the_same_seed_and_touches_nothing_else() -> None:
    torch.manual_seed(7)
    state, before = torch.get_rng_state(), snapshot(drawing())
    first, second, other = (train_encoder(drawing(), 3, seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state) and snapshot(drawing()) == before
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
    gan.save(tmp_path / "checkpoint", drawing(), discriminator(32))
    path.write_bytes((tmp_path / "checkpoint" / "generator.safetensors").read_bytes())
    assert "holds no encoder" in refusal()
    path.unlink()
    assert "does not exist" in refusal()


def test_an_encoder_without_a_step_is_refused() -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        train_encoder(drawing(), 0)
    one_sentence(caught.value)


# ---- 2:3, and genres that are built in -----------------------------------------------------------------


def test_a_poster_of_a_genre_is_found_again() -> None:
    network = given_generator(16)
    found = invert(network, drawn(2, network))
    assert found.picture.shape == (1, 3, 24, 16) and found.residual.shape == (24, 16, 3)
    assert found.psnr > 30 and found.explained > 0.98


@torch.no_grad()
def test_the_planted_latent_is_found_behind_the_constant_of_a_genre() -> None:
    config = gan.ModelConfig(8, 3, 4, 4, aspect="2:3", conditioned=True)
    network = gan.Generator(config).eval()
    first, norm, _, last, _ = network.layers
    first.weight.zero_()
    for value in range(3):
        first.weight[value, value, 2 * value : 2 * value + 2] = 1.0  # each value paints four rows of its own
    first.constant.normal_(0.0, 2.0, generator=torch.Generator().manual_seed(0))  # what the genre adds
    norm.weight.fill_(1.0)
    norm.bias.fill_(20.0)
    last.weight.zero_()
    last.weight[:3, :, 1:3, 1:3] = 0.3
    last.weight[3, :, 1:3, 1:3] = -0.9
    z = torch.tensor([1.2, -0.7, 0.9])[None, :, None, None]
    found = invert(network, network(z))
    assert torch.allclose(found.z, z, atol=0.05)


def test_an_encoder_of_oblong_posters_learns_and_is_stored(tmp_path: Path) -> None:
    network, path = given_generator(16), tmp_path / "encoder.safetensors"
    encoder = train_encoder(network, steps=60)
    assert encoder.size == (24, 16) and encoder_r2(encoder, network, 64) > 0.2
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


def test_a_discriminator_of_another_size_has_no_say() -> None:
    with pytest.raises(xai.ExplanationError, match="shape"):
        invert(drawing(), drawn(1), xai.Score(discriminator(32)))

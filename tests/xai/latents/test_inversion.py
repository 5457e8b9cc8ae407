from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

import gan
import xai
from tests.xai.latent_nets import drawing, drawn, painted, trained
from tests.xai.nets import discriminator, generator, given_generator, hooks, in_threads, one_sentence, snapshot
from xai.latents.encoder import Encoder
from xai.latents.inversion import Search, invert


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_posters_that_the_generator_drew_itself_are_found_again(seed: int) -> None:
    found = invert(drawing(), drawn(seed))
    assert found.psnr > 30
    assert found.explained > 0.98
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
    found = invert(drawing(), poster, search=Search(steps=20))
    with torch.no_grad():
        assert torch.allclose(drawing()(found.z), found.picture, atol=1e-5)
    assert np.allclose(found.residual, ((poster - found.picture) / 2)[0].permute(1, 2, 0).numpy(), atol=1e-6)
    assert found.error == pytest.approx(float(np.sqrt(np.square(found.residual).mean())), rel=1e-5)
    assert found.norm == pytest.approx(float(found.z.norm()))


def test_the_loss_falls_and_the_error_is_never_worse_than_at_the_start() -> None:
    found = invert(drawing(), drawn(6).flip(2), search=Search(steps=60))
    assert len(found.losses) == 60
    assert found.losses[-1] < found.losses[0]
    assert found.error < found.error_before


def test_more_starts_are_at_least_as_good() -> None:
    poster = drawn(8).flip(3)
    few, many = (invert(drawing(), poster, search=Search(starts, 50)) for starts in (1, 8))
    assert min(many.losses) <= min(few.losses) * 1.02


def test_the_prior_keeps_the_norm_near_that_of_random_latents() -> None:
    network = painted(torch.ones(4, 4, 4), torch.ones(4, 3))
    white = torch.full((1, 3, 8, 8), 0.99)  # cannot be reached but by very large noise
    found = invert(network, white)
    assert 1 < found.norm < 8


def test_features_of_the_discriminator_have_a_say() -> None:
    network, score = generator(32), xai.Score(discriminator(32))
    poster = drawn(3, network).flip(3)
    without, with_score = (
        invert(network, poster, search=Search(steps=15)),
        invert(network, poster, score, search=Search(steps=15)),
    )
    assert not torch.equal(without.z, with_score.z)
    assert with_score.error < with_score.error_before


def test_the_same_poster_gives_the_same_latent_in_every_thread_and_the_global_state_stays() -> None:
    torch.manual_seed(7)
    state, before = torch.get_rng_state(), snapshot(drawing())
    expected = invert(drawing(), drawn(4), search=Search(steps=10)).z
    found = in_threads(4, lambda _: invert(drawing(), drawn(4), search=Search(steps=10)).z)
    assert all(torch.equal(one, expected) for one in found)
    assert torch.equal(torch.get_rng_state(), state)
    assert snapshot(drawing()) == before
    assert hooks(drawing()) == 0


def test_it_works_where_gradients_are_switched_off() -> None:
    expected = invert(drawing(), drawn(4), search=Search(steps=5)).z
    with torch.no_grad():
        assert torch.equal(invert(drawing(), drawn(4), search=Search(steps=5)).z, expected)


def test_progress_rises_to_one_and_an_exception_in_it_cancels() -> None:
    told: list[float] = []
    invert(drawing(), drawn(4), search=Search(steps=10), progress=told.append)
    assert told == sorted(told)
    assert told[0] == 0
    assert told[-1] == pytest.approx(1)

    class CancelError(Exception):
        pass

    def cancel(share: float) -> None:
        if share > 0.3:
            raise CancelError

    with pytest.raises(CancelError):
        invert(drawing(), drawn(4), search=Search(steps=10), progress=cancel)


@pytest.mark.parametrize(
    ("poster", "settings", "word"),
    [
        (torch.zeros(1, 3, 8, 8), {}, "(1, 3, 16, 16)"),
        (torch.zeros(2, 3, 16, 16), {}, "(1, 3, 16, 16)"),
        (torch.full((1, 3, 16, 16), torch.nan), {}, "picture"),
        (torch.zeros(1, 3, 16, 16), {"encoder": Encoder(16, 9)}, "9 latent dimensions"),
    ],
)
def test_what_cannot_be_inverted_is_refused_in_one_sentence(poster: Tensor, settings: dict, word: str) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        invert(drawing(), poster, **settings)
    assert word in one_sentence(caught.value)


@pytest.mark.parametrize("sizes", [{"starts": 0}, {"starts": 257}, {"steps": 0}])
def test_a_search_without_starts_or_steps_is_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        Search(**sizes)
    assert "1 to 256 starts and at least 1 step" in one_sentence(caught.value)


def test_an_inversion_starts_nearer_with_an_encoder() -> None:
    before = [
        invert(drawing(), drawn(seed), encoder=e, search=Search(steps=1)).error_before
        for e in (None, trained())
        for seed in (0, 1, 2)
    ]
    assert sum(before[3:]) < sum(before[:3])
    assert any(
        invert(drawing(), drawn(s), encoder=trained(), search=Search(1, 1)).start == "encoder" for s in (0, 1, 2)
    )


# ---- 2:3, and genres that are built in -----------------------------------------------------------------


def test_a_poster_of_a_genre_is_found_again() -> None:
    network = given_generator(16)
    found = invert(network, drawn(2, network))
    assert found.picture.shape == (1, 3, 24, 16)
    assert found.residual.shape == (24, 16, 3)
    assert found.psnr > 30
    assert found.explained > 0.98


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


def test_a_discriminator_of_another_size_has_no_say() -> None:
    with pytest.raises(xai.ExplanationError, match="shape"):
        invert(drawing(), drawn(1), xai.Score(discriminator(32)))

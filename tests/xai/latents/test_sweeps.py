from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import nn

import gan
import xai
from tests.xai.latent_nets import corners, swept
from tests.xai.nets import generator, hooks, in_threads, noise, one_sentence, scramble, snapshot
from xai.latents.sweeps import STEPS, latent_sweeps
from xai.networks.fast_generator import fast_generator


def test_every_row_is_the_sweep_of_its_value() -> None:
    network = generator(16)
    z = gan.latents([3], network.config)
    before = z.clone()
    found = latent_sweeps(network, z)
    assert torch.equal(z, before)
    assert found.reach == pytest.approx(found.change.max(1) / found.change.max())
    assert found.reach.max() == 1
    for index in range(6):
        expected = gan.to_uint8(swept(network, z, index, torch.tensor(STEPS)))
        off = np.abs(found.pixels[index].astype(int) - expected)
        assert off.max() <= 1
        assert (off > 0).mean() < 1e-3


def test_the_poster_itself_comes_along_reduced_as_the_sweeps_are() -> None:
    for network in (generator(16), scramble(lambda: gan.Generator(gan.ModelConfig(128, 4, 2, 8))).eval()):
        z = gan.latents([3], network.config)
        found = latent_sweeps(network, z, steps=(float(z[0, 1]),))
        assert found.poster.shape == found.pixels.shape[2:]
        off = np.abs(found.poster.astype(int) - found.pixels[1, 0])  # the dimension set to the poster's own value
        assert off.max() <= 1


def test_a_generator_that_draws_one_picture_has_no_reach() -> None:
    network = generator(16)
    with torch.no_grad():
        network.layers[0].weight.zero_()
    assert (latent_sweeps(network, gan.latents([3], network.config)).reach == 0).all()


def test_posters_of_64_pixels_are_bit_for_bit_those_of_the_painter() -> None:
    network = scramble(lambda: gan.Generator(gan.ModelConfig(64, 10, 4))).eval()
    z = gan.latents([7], network.config)
    moved = z.repeat(110, 1, 1, 1)
    for row, (index, value) in enumerate(itertools.product(range(10), STEPS)):
        moved[row, index] = value
    whole = torch.cat([fast_generator(network)(part) for part in torch.split(moved, 32)])
    assert np.array_equal(latent_sweeps(network, z).pixels.reshape(110, 64, 64, 3), gan.to_uint8(whole))


def test_large_pictures_are_painted_few_at_a_time_and_made_small_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, ...]] = []
    convert = gan.to_uint8
    monkeypatch.setattr(
        xai.latents.sweeps, "to_uint8", lambda images: seen.append(tuple(images.shape)) or convert(images)
    )
    network = scramble(lambda: gan.Generator(gan.ModelConfig(256, 4, 2, 8))).eval()
    found = latent_sweeps(network, gan.latents([3], network.config))
    assert found.pixels.shape == (4, 11, 64, 64, 3)
    assert max(rows for rows, _, height, _ in seen if height == 256) == 2
    assert {height for _, _, height, _ in seen} == {64, 256}


def test_the_steps_go_from_minus_three_to_three_through_zero() -> None:
    assert (STEPS[0], STEPS[5], STEPS[-1], len(STEPS)) == (-3.0, 0.0, 3.0, 11)


def test_a_cell_of_the_sheet_is_its_picture() -> None:
    network = generator(8)
    found = latent_sweeps(network, gan.latents([3], network.config))
    sheet = found.sheet()
    assert (sheet.columns, sheet.count, sheet.cell) == (11, 66, (8, 8))
    row, column = divmod(found.cell(4, 1.1), 11)
    assert found.steps[column] == pytest.approx(1.2)
    assert (sheet.pixels[row * 8 : row * 8 + 8, column * 8 : column * 8 + 8] == found.pixels[4, column]).all()


def test_a_value_that_paints_a_quarter_changes_that_quarter_only() -> None:
    found = latent_sweeps(corners(), torch.zeros(1, 6, 1, 1))
    moved = (found.pixels != found.pixels[5, 0]).any((1, 4))  # value 5 is dead
    quarter = np.zeros((8, 8), bool)
    quarter[:4, :4] = True
    assert (moved[0] == quarter).all()
    assert (moved[1] == quarter[::-1, ::-1]).all()
    assert moved[2].all()
    assert not moved[3:].any()


def test_the_change_is_the_distance_from_the_poster_itself() -> None:
    network = corners()
    z = torch.zeros(1, 6, 1, 1)
    found = latent_sweeps(network, z)
    own = gan.to_uint8(network(z))[0]
    by_hand = np.sqrt((((found.pixels[1, 0].astype(float) - own) / 255) ** 2).mean())
    assert found.change[1, 0] == pytest.approx(by_hand)
    assert not found.change[:, 5].any()
    assert not found.change[3:].any()


def test_progress_rises_to_one_and_an_exception_in_it_ends_the_work() -> None:
    network, told = generator(8), []
    z = gan.latents([3], network.config)
    latent_sweeps(network, z, progress=told.append)
    assert told[0] == 0
    assert told[-1] == 1
    assert told == sorted(told)

    def stop(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        latent_sweeps(network, z, progress=stop)


def test_a_generator_in_train_mode_with_hooks_gives_the_same_sweeps_and_is_left_alone() -> None:
    network = generator(8)
    z = gan.latents([3], network.config)
    expected = latent_sweeps(network, z).pixels
    network.train()
    with xai.edit(network, "layers.2", [0], 5.0):
        before = snapshot(network)
        assert (latent_sweeps(network, z).pixels == expected).all()
        assert snapshot(network) == before
    assert hooks(network) == 0


def test_eight_threads_get_the_sweeps_that_one_gets() -> None:
    network = generator(8)
    latents = [gan.latents([seed], network.config) for seed in range(8)]
    expected = [latent_sweeps(network, z).pixels for z in latents]
    found = in_threads(8, lambda index: latent_sweeps(network, latents[index]).pixels)
    assert all((a == b).all() for a, b in zip(found, expected, strict=True))


def test_a_network_that_is_no_chain_is_painted_too() -> None:
    class Odd(nn.Module):
        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return z.expand(-1, 3, 4, 4).sin()

    z = noise(2, 1, 1, 1)
    assert torch.equal(fast_generator(Odd())(z), z.expand(-1, 3, 4, 4).sin())


def test_a_painter_with_gradients_has_the_slopes_of_the_generator() -> None:
    network = generator(16)
    z = gan.latents([3], network.config).requires_grad_()
    (expected,) = torch.autograd.grad(network(z).square().sum(), z)
    (found,) = torch.autograd.grad(fast_generator(network, gradients=True)(z).square().sum(), z)
    assert torch.allclose(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    "z", [torch.zeros(2, 6, 1, 1), torch.zeros(6), torch.zeros(1, 6), torch.full((1, 6, 1, 1), torch.nan)]
)
def test_what_is_not_one_latent_is_refused_in_one_sentence(z: torch.Tensor) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        latent_sweeps(generator(8), z)
    assert "Latents" in one_sentence(caught.value)


def test_sweeps_without_steps_or_a_value_that_does_not_exist_is_refused() -> None:
    network = generator(8)
    z = gan.latents([3], network.config)
    with pytest.raises(xai.ExplanationError) as caught:
        latent_sweeps(network, z, steps=())
    one_sentence(caught.value)
    with pytest.raises(xai.ExplanationError) as caught:
        latent_sweeps(network, z).cell(6, 0.0)
    assert "0 to 5" in one_sentence(caught.value)


def test_cells_of_large_pictures_are_means_over_blocks_and_changes_those_of_all_pixels() -> None:
    network = scramble(lambda: gan.Generator(gan.ModelConfig(128, 2, 2, 8, aspect="2:3"))).eval()
    z = gan.latents([3], network.config)
    found = latent_sweeps(network, z, steps=(-1.0, 2.0))
    assert found.pixels.shape == (2, 2, 96, 64, 3)
    pictures = swept(network, z, 1, torch.tensor([-1.0, 2.0]))
    blocks = pictures.reshape(2, 3, 96, 2, 64, 2).mean((3, 5))
    assert np.abs(found.pixels[1].astype(int) - gan.to_uint8(blocks)).max() <= 1  # rounding
    with torch.no_grad():
        distance = ((pictures - network(z)) / 2).square().mean((1, 2, 3)).sqrt()
    assert np.allclose(found.change[1], distance, atol=3e-3)

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

import gan
import xai
import xai.latents.picture_statistics
from tests.xai.latent_nets import AMOUNT, GREEN, GREY, RED_AND_BLUE, axis, corners, painted, three_colours
from tests.xai.nets import generator, noise, one_sentence
from xai.latents import directions as d
from xai.latents.direction_study import sample_statistics
from xai.latents.sobol import local_sensitivity


def test_the_closed_form_finds_the_values_that_the_first_layer_stretches_most() -> None:
    found = d.closed_form(three_colours(), 5)
    assert len(found) == 3  # the other values are not stretched at all
    for one, index in zip(found, (GREY, RED_AND_BLUE, GREEN), strict=True):
        assert np.abs(one.vector) == pytest.approx(axis(index), abs=1e-6)
    assert [one.strength for one in found] == pytest.approx([4 / 5.25, 1 / 5.25, 0.25 / 5.25])


def test_the_closed_form_looks_through_the_batch_norm() -> None:
    network = painted(torch.ones(3, 4, 4) * torch.tensor([1.0, 2.0, 3.0])[:, None, None], torch.ones(3, 3))
    network.layers[1].running_var[2] = 100.0  # the strongest kernel is divided by 10
    assert np.abs(d.closed_form(network, 3)[0].vector) == pytest.approx(axis(1, 3), abs=1e-6)


def test_the_closed_form_is_the_singular_vectors_of_the_first_layers_own_change() -> None:
    network = generator(16)
    z = gan.latents([0], network.config)
    with torch.no_grad():
        change = network.layers[:2](torch.eye(6)[:, :, None, None] + z) - network.layers[:2](z)
    left, sizes, _ = np.linalg.svd(change.double().flatten(1).numpy(), full_matrices=False)
    found = d.closed_form(network, 6)
    assert [one.strength for one in found] == pytest.approx(sizes**2 / (sizes**2).sum(), rel=1e-3)
    assert [abs(one.vector @ column) for one, column in zip(found, left.T, strict=True)] == pytest.approx([1] * 6)


def test_jacobian_directions_are_the_eigenvectors_of_the_mean_gram() -> None:
    network = corners()
    gram = local_sensitivity(network, torch.zeros(1, 6, 1, 1)).gram
    maps = torch.zeros(6, 4, 4)
    maps[0, :2, :2], maps[1, 2:, 2:], maps[2] = 1.0, 2.0, 0.5
    by_hand = (maps.flatten(1) @ maps.flatten(1).T).double().numpy() * 12 * AMOUNT**2  # 4 pixels of 3 colours
    energy, vectors = np.linalg.eigh(by_hand)
    found = d.jacobian_directions(gram, 3)
    for rank, one in enumerate(found, 1):
        assert abs(one.vector @ vectors[:, -rank]) == pytest.approx(1, abs=1e-4)
        assert one.strength == pytest.approx(energy[-rank] / energy.sum(), rel=1e-3)


def test_pca_of_an_affine_layer_is_the_closed_form() -> None:
    network = three_colours()
    found = d.pca(network, gan.latents(range(1200), network.config), "layers.2", 3)
    for one, other in zip(found, d.closed_form(network, 3), strict=True):
        assert abs(one.vector @ other.vector) > 0.95
        assert one.strength == pytest.approx(other.strength, rel=0.2)


def test_pca_regresses_as_least_squares_would() -> None:
    network = generator(16, latent=5)
    z = gan.latents(range(40), network.config)
    found = d.pca(network, z, "layers.5", 4)
    maps = xai.activations(network, z, ["layers.5"])["layers.5"].flatten(1).double().numpy()
    maps = maps - maps.mean(0)
    _, _, components = np.linalg.svd(maps, full_matrices=False)
    coordinates = maps @ components[:4].T
    answer = np.linalg.lstsq(np.column_stack([coordinates, np.ones(40)]), z.double().flatten(1).numpy(), rcond=None)[0]
    for one, row in zip(found, answer[:4], strict=True):
        assert abs(one.vector @ row) / np.linalg.norm(row) == pytest.approx(1, abs=1e-5)


def test_the_middle_layer_is_an_activation_function() -> None:
    assert d.middle_layer(generator(64)) == "layers.8"
    assert d.middle_layer(generator(8)) == "layers.2"


def test_ridge_is_the_penalised_solution_with_the_least_error_left_out() -> None:
    x, y = noise(30, 8).double(), noise(30, seed=1).double()
    y = y + x[:, 0]

    def solve(x: Tensor, y: Tensor, penalty: float) -> tuple[Tensor, Tensor]:
        centred = x - x.mean(0)
        gram = centred.T @ centred + penalty * torch.eye(8, dtype=torch.double)
        return torch.linalg.solve(gram, centred.T @ (y - y.mean())), y.mean()

    def error(penalty: float) -> float:
        gone = []
        for i in range(30):
            rest = torch.arange(30) != i
            # Left out with the mean of all rows kept, as the formula does it.
            centred, target = x - x.mean(0), y - y.mean()
            wide = torch.cat([centred, torch.ones(30, 1, dtype=torch.double)], 1)
            gram = wide[rest].T @ wide[rest] + penalty * torch.diag(torch.tensor([1.0] * 8 + [0.0]).double())
            gone.append(target[i] - wide[i] @ torch.linalg.solve(gram, wide[rest].T @ target[rest]))
        return float(torch.stack(gone).square().mean())

    best = min(d.PENALTIES, key=error)
    assert torch.allclose(d.ridge(x, y), solve(x, y, best)[0])


def test_a_statistic_that_one_value_makes_is_regressed_on_that_value() -> None:
    network = three_colours()
    z = gan.latents(range(300), network.config)
    values = sample_statistics(network, z)
    found = {one.name: one for one in d.measured(z, values, tuple(xai.latents.picture_statistics.STATISTICS))}
    assert found["warmth"].r2 > 0.99
    assert found["greenness"].r2 > 0.99
    assert found["warmth"].vector[RED_AND_BLUE] > 0.999
    assert found["greenness"].vector[GREEN] > 0.999
    assert "symmetry" not in found
    assert "top_light" not in found


def test_what_noise_does_not_tell_has_no_held_out_r2() -> None:
    z = noise(400, 20, 1, 1)
    (found,) = d.measured(z, noise(400, 1, seed=9), ["chance"])
    assert found.r2 < 0.05


def test_pca_and_regression_refuse_too_few_posters_and_unknown_layers() -> None:
    network = generator(8)
    z = gan.latents(range(6), network.config)
    for job in (lambda: d.pca(network, z), lambda: d.measured(z, torch.zeros(6, 1), ["one"])):
        with pytest.raises(xai.ExplanationError) as caught:
            job()
        one_sentence(caught.value)
    with pytest.raises(xai.ExplanationError):
        d.pca(network, gan.latents(range(30), network.config), "layers.99")


def test_pictures_along_a_direction_are_those_of_the_moved_latents() -> None:
    network = corners()
    [direction] = d.random_directions(6, 1)
    z, distances = gan.latents([3], network.config), (-2.0, 0.0, 1.0)
    found = d.along(network, z, direction, distances)
    step = torch.from_numpy(direction.vector).float()[None, :, None, None]
    with torch.no_grad():
        expected = torch.cat([network(z + distance * step) for distance in distances])
    assert torch.allclose(found, expected, atol=1e-6)

"""The shortest move in latent space: the orthogonal projection where G and D are affine, and what holds elsewhere."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import gan
import xai
from tests.xai.nets import discriminator, generator, given_discriminator, given_generator, one_sentence, snapshot
from xai.discriminator.counterfactuals.by_latent import MARGIN, turn_by_latent
from xai.latents.paths import norm_of
from xai.latents.picture_statistics import STATISTICS, measure_statistics


def affine(offset: float = 0.0) -> tuple[gan.Generator, gan.Discriminator]:
    """Networks without activation functions; ``offset`` is added to the logit."""
    draws = generator(8, 4, 12)
    draws.layers = nn.Sequential(*(layer for layer in draws.layers if not isinstance(layer, nn.ReLU | nn.Tanh)))
    judge = gan.Discriminator(gan.ModelConfig(8, width=4, norm_d=False)).eval()
    judge.layers = nn.Sequential(*(layer for layer in judge.layers if not isinstance(layer, nn.LeakyReLU)))
    with torch.no_grad():
        for layer in judge.layers:
            if isinstance(layer, nn.Conv2d):
                layer.weight.normal_(0, 0.1, generator=torch.Generator().manual_seed(1))
        judge.last.bias.fill_(offset)
    return draws, judge


def projection(score: xai.Score, z: Tensor) -> Tensor:
    """The nearest latent whose logit is ``MARGIN`` beyond 0."""
    logit, gradient = score.gradient(z)
    aim = -MARGIN if float(logit) > 0 else MARGIN
    return z - (logit - aim) * gradient / gradient.square().sum()


@pytest.mark.parametrize("seed", range(6))
def test_of_affine_networks_it_is_the_orthogonal_projection(seed: int) -> None:
    draws, judge = affine()
    score, z = xai.Score.of_latents(draws, judge), gan.latents([seed], draws.config)
    expected = projection(score, z)
    assert norm_of(expected).low < float(expected.norm()) < norm_of(expected).high  # not held back by its norm
    found = turn_by_latent(draws, judge, z)
    assert found.turned
    moved, exact = found.latents[-1] - z[0], expected[0] - z[0]
    assert float(torch.cosine_similarity(moved.flatten(), exact.flatten(), 0)) > 0.9999
    assert found.distance == pytest.approx(float(exact.norm()), rel=0.01)
    assert found.logits[0] * found.logits[-1] < 0


@pytest.mark.parametrize("side", [-1, 1])
def test_a_norm_that_no_latent_has_is_not_reached_for_a_verdict(side: int) -> None:
    draws, judge = affine(1000.0 * side)
    z = gan.latents([1], draws.config)
    expected = projection(xai.Score.of_latents(draws, judge), z)
    assert float(expected.norm()) > norm_of(expected).high
    found = turn_by_latent(draws, judge, z)
    assert not found.turned
    assert "No move was found" in found.text
    assert float(found.latents[-1].norm()) <= norm_of(z).high + 1e-4
    assert found.logits[-1] * side < found.logits[0] * side  # as near to 0 as it came


def shift(judge: gan.Discriminator, by: Tensor) -> None:
    """Add ``by`` (1,) to all logits."""
    before = 0.0 if judge.last.bias is None else judge.last.bias
    judge.last.bias = nn.Parameter(by + before)


def networks() -> dict[str, tuple[gan.Generator, gan.Discriminator]]:
    return {
        "BatchNorm": (generator(32, 4, 20), discriminator(32)),
        "2:3, no BatchNorm, genres built in": (given_generator(latent=20), given_discriminator()),
    }


@pytest.mark.parametrize("name", list(networks()))
def test_the_strip_leads_from_the_latent_to_one_with_the_other_verdict(name: str) -> None:
    draws, judge = networks()[name]
    z = gan.latents([4], draws.config)
    with torch.no_grad():
        shift(judge, 0.1 - judge.logit(draws(z)))  # near enough to 0 for any network
    found = turn_by_latent(draws, judge, z, frames=5)
    assert found.turned
    assert torch.equal(found.latents[:1], z)
    with torch.no_grad():
        pictures = draws(found.latents)
    assert found.logits == pytest.approx(judge.logit(pictures).detach().numpy(), abs=1e-4)
    assert found.logits[0] == pytest.approx(0.1, abs=1e-4)
    assert found.logits[-1] < 0
    assert found.pixels.shape == (5, *draws.config.size, 3)
    assert found.distance == pytest.approx(float((found.latents[-1] - z[0]).norm()), abs=1e-5)
    steps = found.latents.diff(dim=0).flatten(1).norm(dim=1)
    assert torch.allclose(steps, steps.mean().expand(4), rtol=1e-3)
    assert norm_of(z).low - 1e-4 <= found.norm.value <= max(norm_of(z).high, norm_of(z).value) + 1e-4
    assert found.labels[0].endswith(" real")
    assert found.labels[-1].endswith(" fake")
    change = float(((pictures[-1] - pictures[0]) / 2).square().mean().sqrt())
    assert found.picture_change == pytest.approx(change, abs=1e-5)
    assert f"changes by {100 * change:.1f} %" in found.text


def test_no_random_direction_crosses_nearer() -> None:
    draws, judge = networks()["BatchNorm"]
    z = gan.latents([4], draws.config)
    with torch.no_grad():
        shift(judge, 0.1 - judge.logit(draws(z)))
    found = turn_by_latent(draws, judge, z)
    random = torch.randn(300, *z.shape[1:], generator=torch.Generator().manual_seed(7))
    random *= found.distance / random.flatten(1).norm(dim=1)[:, None, None, None]
    assert (xai.Score.of_latents(draws, judge)(z + random) > 0).all()
    assert found.random_turned == 0
    assert 0 < found.random_change < 0.1


def test_statistics_are_those_of_the_first_and_the_last_picture_most_changed_first() -> None:
    draws, judge = networks()["BatchNorm"]
    found = turn_by_latent(draws, judge, gan.latents([4], draws.config))
    with torch.no_grad():
        first, last = measure_statistics(draws(found.latents[[0, -1]])).tolist()
    expected = {name: (first[index], last[index]) for index, name in enumerate(STATISTICS)}
    assert {one.name for one in found.statistics} == set(expected)
    for one in found.statistics:
        assert (one.before, one.after) == pytest.approx(expected[one.name], abs=1e-5)
        assert one.deviations * (one.after - one.before) >= 0
    sizes = [abs(one.deviations) for one in found.statistics]
    assert sizes == sorted(sizes, reverse=True)
    assert "standard deviations" in found.statistics[0].text


def test_the_same_latent_gives_the_same_strip_and_the_networks_stay_as_they_are() -> None:
    draws, judge = networks()["BatchNorm"]
    before = snapshot(draws), snapshot(judge)
    z, random = gan.latents([2], draws.config), torch.random.get_rng_state()
    one, other = (turn_by_latent(draws, judge, z) for _ in range(2))
    assert torch.equal(one.latents, other.latents)
    assert one.text == other.text
    assert (snapshot(draws), snapshot(judge)) == before
    assert torch.equal(torch.random.get_rng_state(), random)


def test_a_discriminator_that_looks_at_nothing_cannot_be_turned() -> None:
    draws, judge = networks()["BatchNorm"]
    with torch.no_grad():
        judge.last.weight.zero_()
        shift(judge, torch.ones(1))
    found = turn_by_latent(draws, judge, gan.latents([0], draws.config))
    assert not found.turned
    assert found.distance == 0
    assert (found.logits == 1).all()


def test_a_search_says_how_far_it_is_and_can_be_cancelled() -> None:
    draws, judge = networks()["BatchNorm"]
    told: list[float] = []
    turn_by_latent(draws, judge, gan.latents([4], draws.config), progress=told.append)
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0, 1)

    def cancel(done: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        turn_by_latent(draws, judge, gan.latents([4], draws.config), progress=cancel)


def test_what_does_not_fit_is_refused_in_a_sentence() -> None:
    draws, judge = networks()["BatchNorm"]
    for z, frames, words in (
        (gan.latents([0, 1], draws.config), 7, "shape"),
        (torch.zeros(1, 3, 1, 1), 7, "latent dimensions"),
        (gan.latents([0], draws.config), 1, "at least 2 pictures"),
    ):
        with pytest.raises(xai.ExplanationError, match=words) as error:
            turn_by_latent(draws, judge, z, frames)
        one_sentence(error.value)
    with pytest.raises(xai.ExplanationError, match="pixels"):
        turn_by_latent(draws, discriminator(16), gan.latents([0], draws.config))

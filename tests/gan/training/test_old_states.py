"""States that older versions have written go on as they would have gone on there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from gan import ModelConfig, latents, load
from gan.training import state as states
from gan.training.randomness import LATENTS, BatchRandom
from gan.training.schedule import ema_weight, noise_seed, noise_start, schedule
from gan.training.state import OLD_METRICS, State, load_state, new_state, save_state
from gan.training.step import step
from tests.gan.short_runs import Pyramid, config_of, equal, weights


@pytest.fixture(autouse=True)
def small_critic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(states.BACKBONES, "efficientnet-lite0", Pyramid)


def as_before(record: dict[str, Any], names: tuple[str, str]) -> dict[str, Any]:
    """The record as version 0.2 wrote it: one optimizer of D and the critic, sums by their places, nothing else new."""
    d, critic = record["optimizer_d"], record.pop("optimizer_critic", None)
    if critic is not None:
        count = len(d["param_groups"][0]["params"])
        d["state"] |= {place + count: moments for place, moments in critic["state"].items()}
        d["param_groups"][0]["params"] = list(range(count + len(critic["param_groups"][0]["params"])))
    for name in states.OLD_VALUES:
        del record[name]
    sums, counts = record.pop("sums"), record.pop("counts")
    record["sums"] = torch.stack([sums[name] for name in OLD_METRICS]) if sums else torch.zeros(())
    record["summed"] = counts.get("loss_d", 0)
    for old, new in zip(names, ("lr_scale", "lr_scale_d"), strict=True):
        record[old] = record.pop(new)
    return record


def batch(number: int) -> Tensor:
    return torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(number)) * 2 - 1


def go(state: State, numbers: range, config: Any) -> State:
    for number in numbers:
        for name, value in step(state, batch(number), None, config).items():
            state.sums[name] = state.sums[name] + value if name in state.sums else value
            state.counts[name] = state.counts.get(name, 0) + 1
    return state


@pytest.mark.parametrize("names", [("lr_scale", "lr_scale_d"), ("rate", "rate_d")])
@pytest.mark.parametrize("critic", [0.0, 1.0])
def test_a_state_of_before_goes_on_bit_for_bit(
    critic: float, names: tuple[str, str], tiny: ModelConfig, tmp_path: Path
) -> None:
    config = config_of(8, critic=critic)
    whole, begun, resumed = (new_state(tiny, config) for _ in range(3))
    for state in (whole, begun):
        state.noise_version, state.lr_scale_d = 1, 0.7
    go(whole, range(8), config)
    go(begun, range(4), config)
    save_state(begun, tmp_path)
    record = torch.load(tmp_path / "state.pt", weights_only=True)
    torch.save(as_before(record, names), tmp_path / "state.pt")
    load_state(resumed, tmp_path, torch.device("cpu"))
    go(resumed, range(4, 8), config)
    assert equal(weights(resumed), weights(whole))
    if critic:
        assert equal(resumed.optimizer_critic.state_dict(), whole.optimizer_critic.state_dict())
    assert (resumed.noise_version, resumed.lr_scale_d, resumed.warm_start) == (1, 0.7, False)
    assert all(torch.equal(resumed.sums[name], whole.sums[name]) for name in OLD_METRICS)
    assert resumed.counts["loss_d"] == 8


# ---- What new runs do otherwise -----------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 1234])
def test_no_latent_that_people_look_at_is_noise_of_the_training(seed: int, tiny: ModelConfig) -> None:
    """Of a run of seed 0, step n has the seed n: without a start of its own its first row began as that latent."""
    model = replace(tiny, latent=100)
    config, state = config_of(1, seed=0), new_state(tiny, config_of(1))
    state.steps = seed
    assert noise_seed(config, state) == seed
    looked_at = latents([seed], model).flatten()
    for version, shared in ((1, True), (2, False)):
        state.noise_version = version
        rng = BatchRandom.of_batch(16, noise_seed(config, state), start=noise_start(state))
        rows = rng.normal(100, 1, 1).flatten(1)
        assert bool(torch.isin(looked_at, rows).sum() > 50) is shared
    assert 4 * model.latent <= LATENTS


def test_a_start_keeps_its_average_and_a_new_run_ramps(tiny: ModelConfig, checkpoints: Path) -> None:
    config = config_of(1, ema_kimg=10)
    begun, grown = new_state(tiny, config), new_state(tiny, config, start=load(checkpoints / "tiny"))
    assert schedule(begun, config).ema_weight == ema_weight(1, config) > 0.5
    assert schedule(grown, config).ema_weight == pytest.approx(1 - 0.5 ** (4 / 10_000))
    before = grown.ema.state_dict()["layers.0.weight"].clone()
    step(grown, batch(0), None, config)
    step(begun, batch(0), None, config)
    assert torch.allclose(grown.ema.state_dict()["layers.0.weight"], before, atol=1e-6)
    assert not torch.equal(grown.generator.state_dict()["layers.0.weight"], before)


def test_a_resumed_run_remembers_that_it_had_a_start(tiny: ModelConfig, checkpoints: Path, tmp_path: Path) -> None:
    config = config_of(1)
    save_state(new_state(tiny, config, start=load(checkpoints / "tiny")), tmp_path)
    state = new_state(tiny, config)
    load_state(state, tmp_path, torch.device("cpu"))
    assert state.warm_start


@pytest.mark.parametrize(
    ("known", "asked", "first"), [((), ("A", "B"), 0.0), (("A", "B"), ("A", "B"), 1.0), ((), (), 0.0)]
)
def test_labels_ramp_only_where_the_start_did_not_know_them(
    known: tuple[str, ...], asked: tuple[str, ...], first: float, tiny: ModelConfig, tmp_path: Path
) -> None:
    from gan import Discriminator, Generator, save

    old, new = (replace(tiny, genres=genres, embedding=3) for genres in (known, asked))
    save(tmp_path / "start", Generator(old), Discriminator(old))
    config = config_of(1, label_ramp_kimg=10)
    state = new_state(new, config, start=load(tmp_path / "start"))
    assert schedule(state, config).label_scale == first


def test_the_critic_goes_on_where_d_is_slowed_or_skipped(tiny: ModelConfig) -> None:
    config = config_of(1, critic=1.0, skip_d_above=0.01)
    state = new_state(tiny, config)
    state.lr_scale_d, state.lr_scale = 0.1, 0.5
    now = schedule(state, config)
    assert now.lr_critic == pytest.approx(config.lr_d * 0.5)
    assert now.lr_d == pytest.approx(config.lr_d * 0.05)
    d = state.discriminator.state_dict()["layers.0.weight"].clone()
    heads = [weight.clone() for weight in state.critic.parameters() if weight.requires_grad]
    metrics = step(state, batch(0), None, config)
    assert metrics["skipped_d"] == 1
    assert torch.equal(d, state.discriminator.state_dict()["layers.0.weight"])
    moved = [weight for weight in state.critic.parameters() if weight.requires_grad]
    assert any(not torch.equal(a, b) for a, b in zip(heads, moved, strict=True))


def test_a_state_of_before_the_means_of_genres_counts_them_from_now_on(tiny: ModelConfig, tmp_path: Path) -> None:
    model = replace(tiny, genres=("Comedy", "Drama"), embedding=3)
    config, labels = config_of(4, critic=1.0, label_dropout=0.0), torch.tensor([[1, -1]] * 4, dtype=torch.int8)
    old = new_state(model, config)
    step(old, batch(0), labels, config)
    save_state(old, tmp_path)
    record = torch.load(tmp_path / "state.pt", weights_only=True)
    del record["genre_means"]
    torch.save(record, tmp_path / "state.pt")
    found = new_state(model, config)
    load_state(found, tmp_path, torch.device("cpu"))
    assert found.genre_means is not None
    assert not found.genre_means.counts.any()
    weights_before = weights(found)
    step(old, batch(1), labels, config)
    step(found, batch(1), labels, config)
    assert found.genre_means.counts[0].tolist() == [4, 4, 0, 0, 4]
    assert not equal(weights_before, weights(found))
    assert equal(weights(old), weights(found))

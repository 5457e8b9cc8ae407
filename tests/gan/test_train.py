from __future__ import annotations

import copy
import json
import math
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from gan import RECIPES, ModelConfig, PosterSet, TrainConfig, TrainingError, latents, load
from gan import train as loop
from gan.logger import read_stats
from gan.state import RECALIBRATION_SEED, State, new_state, recalibrate, update_ema
from gan.train import batch_indices, crossed, step, train

ROOT = Path(__file__).parents[2]
PARTS = ("generator", "discriminator", "ema", "optimizer_g", "optimizer_d")


def config_of(steps: int, **changes: Any) -> TrainConfig:
    """Batches of 4, so a step is 0.004 kimg; a line every step, everything else at the end only."""
    settings = {"augment": "", "tick_kimg": 0.004, "grid_kimg": 100, "snapshot_kimg": 100, "eval_kimg": 0}
    return TrainConfig(**({"kimg": steps * 0.004, "batch": 4, **settings} | changes))


def flat(content: Any) -> Iterator[Any]:
    """Every leaf of nested dicts and lists."""
    if isinstance(content, dict | list):
        for value in content.values() if isinstance(content, dict) else content:
            yield from flat(value)
    else:
        yield content


def equal(first: Any, second: Any) -> bool:
    pairs = list(zip(flat(first), flat(second), strict=True))
    return all(torch.equal(a, b) if isinstance(a, Tensor) else a == b for a, b in pairs)


def weights(state: State) -> dict[str, Any]:
    return {part: copy.deepcopy(getattr(state, part).state_dict()) for part in PARTS}


def noise_of_step(count: int, model: ModelConfig, number: int) -> Tensor:
    """What a run of seed 0 feeds to G in its step ``number``."""
    return torch.randn(count, model.latent, 1, 1, generator=torch.Generator().manual_seed(number))


@pytest.fixture
def go(posters: PosterSet, tiny: ModelConfig, tmp_path: Path) -> Callable[..., State]:
    """Train in tmp_path/run."""

    def run(config: TrainConfig, resume: bool = False, out: Path = tmp_path / "run") -> State:
        return train(posters, out, tiny, config, resume=resume, progress=False)

    return run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def real(posters: PosterSet) -> Tensor:
    return posters.tensor(range(8)).to(memory_format=torch.channels_last)


# ---- A run -------------------------------------------------------------------------------------------


def test_a_run_learns_and_leaves_complete_files(
    go: Callable[..., State], run: Path, posters: PosterSet, tiny: ModelConfig
) -> None:
    config = config_of(20, grid_kimg=0.04, lr_d=1e-2)
    state = go(config)
    rows = read_stats(run)
    assert [row["step"] for row in rows] == list(range(1, 21))
    assert [row["kimg"] for row in rows] == [round(0.004 * n, 3) for n in range(1, 21)]
    assert all(math.isfinite(value) for row in rows for value in row.values())
    assert np.mean([row["loss_d"] for row in rows[-5:]]) < np.mean([row["loss_d"] for row in rows[:5]]) - 0.1

    record = torch.load(run / "state.pt", weights_only=True)
    assert record["steps"] == state.steps == 20
    assert all(equal(record[part], getattr(state, part).state_dict()) for part in PARTS)
    options = json.loads((run / "options.json").read_text())
    assert ModelConfig.from_dict(options["model"]) == tiny
    assert options["train"] == asdict(config)
    assert options["data"]["posters"] == len(posters.split()[0])
    grids = sorted(path.name for path in (run / "grids").iterdir())
    assert grids == ["000000.040.png", "000000.080.png"]
    with Image.open(run / "grids" / grids[0]) as grid:
        assert grid.size == (78, 78)  # 8 x 8 pictures of 8 pixels, 2 between
    assert not list(run.rglob(".*"))


def test_the_latest_checkpoint_is_the_recalibrated_average(go: Callable[..., State], run: Path) -> None:
    state = go(config_of(5))
    latest = load(run / "latest")
    assert equal(latest.generator.state_dict(), recalibrate(state.ema).state_dict())
    assert equal(latest.discriminator.state_dict(), state.discriminator.state_dict())
    assert latest.info["updates"] == 5
    assert latest.info["kimg"] == 0.02


def test_the_state_file_itself_can_be_looked_at(go: Callable[..., State], run: Path) -> None:
    state = go(config_of(2))
    assert equal(load(run / "state.pt").generator.state_dict(), state.ema.state_dict())


def test_the_same_seed_is_the_same_run_and_leaves_the_global_random_state_alone(
    go: Callable[..., State], tmp_path: Path
) -> None:
    before = torch.get_rng_state()
    first, second, other = (
        weights(go(config_of(3, seed=seed, augment="color"), out=tmp_path / str(index)))
        for index, seed in enumerate((5, 5, 6))
    )
    assert equal(first, second)
    assert not equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_seed_decides_the_noise_too(tiny: ModelConfig, real: Tensor) -> None:
    """PyTorch's CPU generator drops all but 32 bits, so the seed must be among them."""
    states = [new_state(tiny, config_of(1)) for _ in range(2)]
    for seed, state in enumerate(states):
        step(state, real, config_of(1, seed=seed))
    assert not equal(states[0].generator.state_dict(), states[1].generator.state_dict())


def test_a_run_needs_a_batch_of_posters(go: Callable[..., State]) -> None:
    with pytest.raises(TrainingError, match="A batch of 64 needs more than 37 training posters"):
        go(config_of(1, batch=64))


def test_a_finished_run_is_not_overwritten(go: Callable[..., State], run: Path) -> None:
    go(config_of(1))
    before = (run / "state.pt").read_bytes()
    with pytest.raises(TrainingError, match="holds a run already; resume it, or choose another folder"):
        go(config_of(1))
    assert (run / "state.pt").read_bytes() == before


@pytest.mark.parametrize(
    "wrong",
    [
        {"kimg": 0}, {"batch": 1}, {"lr_g": -1}, {"lr_d": math.nan}, {"real_label": 0}, {"skip_d_above": 2},
        {"ema_kimg": -1}, {"tick_kimg": 0}, {"seed": -1}, {"seed": 2**32}, {"eval_samples": 1},
    ],
)  # fmt: skip
def test_impossible_options_are_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        TrainConfig(**wrong)


# ---- One step ----------------------------------------------------------------------------------------


def test_the_reference_recipe_is_the_textbook_dcgan(tiny: ModelConfig, real: Tensor) -> None:
    """Against the PyTorch tutorial's step, written out here, with the same noise."""
    config = replace(RECIPES["reference"], batch=8)
    state = new_state(tiny, config)
    net_g, net_d = copy.deepcopy(state.generator), copy.deepcopy(state.discriminator)
    optimizer_d = torch.optim.Adam(net_d.parameters(), lr=0.0002, betas=(0.5, 0.999))
    optimizer_g = torch.optim.Adam(net_g.parameters(), lr=0.0002, betas=(0.5, 0.999))
    criterion = nn.BCEWithLogitsLoss()
    ones, zeros = torch.ones(8), torch.zeros(8)

    for number in range(3):
        net_d.zero_grad()
        error_real = criterion(net_d.layers[:-1](real).view(-1), ones)
        error_real.backward()
        fake = net_g(noise_of_step(8, tiny, number))
        error_fake = criterion(net_d.layers[:-1](fake.detach()).view(-1), zeros)
        error_fake.backward()
        optimizer_d.step()
        net_g.zero_grad()
        error_g = criterion(net_d.layers[:-1](fake).view(-1), ones)
        error_g.backward()
        optimizer_g.step()

        loss_d, loss_g, *_ = step(state, real, config).tolist()
        assert loss_d == pytest.approx((error_real + error_fake).item(), rel=1e-5)
        assert loss_g == pytest.approx(error_g.item(), rel=1e-5)

    for mine, textbook in ((state.generator, net_g), (state.discriminator, net_d)):
        for key, value in textbook.state_dict().items():
            assert torch.allclose(mine.state_dict()[key], value, rtol=0, atol=1e-6), key
    assert equal(state.ema.state_dict()["layers.0.weight"], state.generator.state_dict()["layers.0.weight"])


def test_a_step_leaves_both_networks_ready_for_the_next(tiny: ModelConfig, real: Tensor) -> None:
    state = new_state(tiny, config_of(1))
    figures = step(state, real, config_of(1))
    assert figures.shape == (5,)
    assert not figures.requires_grad
    assert all(p.requires_grad for net in (state.generator, state.discriminator) for p in net.parameters())
    assert state.steps == 1


@pytest.mark.parametrize(("threshold", "skipped"), [(1.0, False), (0.01, True)])
def test_a_discriminator_that_is_too_good_is_not_updated(
    threshold: float, skipped: bool, tiny: ModelConfig, real: Tensor
) -> None:
    config = config_of(1, skip_d_above=threshold)
    state = new_state(tiny, config)
    before = weights(state)
    figures = step(state, real, config)
    after = weights(state)
    assert figures[2] > 0.01  # the accuracy
    assert bool(figures[3]) is skipped
    moved = [
        not torch.equal(before["discriminator"][key], value)
        for key, value in after["discriminator"].items()
        if key.endswith("weight")
    ]
    assert moved == [not skipped] * len(moved)
    assert not equal(before["generator"], after["generator"])


def test_label_smoothing_reaches_the_loss(tiny: ModelConfig, real: Tensor) -> None:
    losses = [
        step(new_state(tiny, config_of(1)), real, config_of(1, real_label=label))[0].item() for label in (1.0, 0.5)
    ]
    logit = new_state(tiny, config_of(1)).discriminator.logit(real)
    assert losses[1] - losses[0] == pytest.approx(0.5 * logit.mean().item(), rel=1e-3)


def test_rates_fall_to_a_tenth_from_the_given_fraction_on(tiny: ModelConfig, real: Tensor) -> None:
    config = config_of(10, decay_from=0.5, lr_g=1.0, lr_d=2.0)
    state = new_state(tiny, config)
    rates = []
    for number in range(10):
        state.steps = number
        loop._set_rates(state, config)
        rates.append(state.optimizer_g.param_groups[0]["lr"])
        assert state.optimizer_d.param_groups[0]["lr"] == pytest.approx(2 * rates[-1])
    assert rates == pytest.approx([1, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2])
    state.steps = 10
    loop._set_rates(state, config)
    assert state.optimizer_g.param_groups[0]["lr"] == pytest.approx(0.1)


def test_the_average_follows_its_formula_buffers_included(tiny: ModelConfig) -> None:
    config = config_of(1, batch=16, ema_kimg=0.5)
    state = new_state(tiny, config)
    before = copy.deepcopy(state.ema.state_dict())
    with torch.no_grad():
        for value in state.generator.state_dict().values():
            value.add_(1)
    for steps, half_life in ((100, 0.05 * 100 * 16), (10_000, 500)):
        state.ema.load_state_dict(before)
        state.steps = steps
        update_ema(state, config)
        keep = 0.5 ** (16 / half_life)
        for key, value in state.ema.state_dict().items():
            if value.is_floating_point():
                expected = keep * before[key] + (1 - keep) * state.generator.state_dict()[key]
                assert torch.allclose(value, expected, atol=1e-6), key
    assert "layers.1.running_var" in before


def test_without_averaging_the_average_is_the_generator(tiny: ModelConfig, real: Tensor) -> None:
    config = config_of(1, ema_kimg=0)
    state = new_state(tiny, config)
    step(state, real, config)
    floating = [key for key, value in state.ema.state_dict().items() if value.is_floating_point()]
    assert all(torch.equal(state.ema.state_dict()[k], state.generator.state_dict()[k]) for k in floating)


def test_recalibration_gives_the_statistics_of_the_weights_themselves() -> None:
    """Against means over the same batches, layer by layer, without BatchNorm modules."""
    config = ModelConfig(16, 8, 4)
    generator = new_state(config, config_of(1)).ema
    with torch.no_grad():
        for value in generator.state_dict().values():
            value.add_(1)  # wrong statistics, and weights other than the first
    before = copy.deepcopy(generator.state_dict())
    found = recalibrate(generator, 128)
    layers = found.layers
    means, variances = ([[] for _ in range(2)] for _ in range(2))
    for start in (0, 64):
        maps = latents(range(RECALIBRATION_SEED + start, RECALIBRATION_SEED + start + 64), config)
        for index in range(2):
            maps = layers[3 * index](maps).double()
            mean, variance = maps.mean((0, 2, 3)), maps.var((0, 2, 3), correction=0)
            count = maps[:, 0].numel()
            means[index].append(mean)
            variances[index].append(variance * count / (count - 1))
            norm = layers[3 * index + 1]
            maps = (maps - mean[:, None, None]) / (variance[:, None, None] + norm.eps).sqrt()
            maps = maps * norm.weight[:, None, None] + norm.bias[:, None, None]
            maps = maps.relu().float()
    for index in range(2):
        norm = layers[3 * index + 1]
        assert torch.allclose(norm.running_mean.double(), sum(means[index]) / 2, atol=1e-5)
        assert torch.allclose(norm.running_var.double(), sum(variances[index]) / 2, rtol=1e-4)
    assert equal(generator.state_dict(), before)
    assert not found.training
    assert layers[1].momentum == generator.layers[1].momentum == 0.1


# ---- The order of posters ----------------------------------------------------------------------------


def test_a_resumed_stream_of_batches_is_the_tail_of_the_uninterrupted() -> None:
    config = config_of(1, seed=3)
    whole = list(islice(batch_indices(11, config, 0), 9))
    for first in range(9):
        tail = list(islice(batch_indices(11, config, first), 9 - first))
        assert np.array_equal(tail, whole[first:])


def test_every_poster_is_shown_at_most_once_an_epoch_and_in_a_new_order_each() -> None:
    batches = list(islice(batch_indices(11, config_of(1), 0), 20))
    epochs = [np.concatenate(batches[start : start + 2]).tolist() for start in range(0, 20, 2)]
    for epoch in epochs:
        assert len(set(epoch)) == 8
        assert set(epoch) <= set(range(11))
    assert len({tuple(epoch) for epoch in epochs}) == 10
    assert set(np.concatenate(epochs).tolist()) == set(range(11))


def test_the_order_of_posters_follows_the_seed() -> None:
    orders = [next(batch_indices(100, config_of(1, seed=seed), 0)).tolist() for seed in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]


def test_a_multiple_is_crossed_once_despite_float_noise() -> None:
    kimgs = [n * 0.1 for n in range(31)]
    hits = [n for n in range(1, 31) if crossed(kimgs[n - 1], kimgs[n], 0.3)]
    assert hits == list(range(3, 31, 3))


# ---- Stopping and going on ---------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [{}, {"augment": "color,translation,cutout", "skip_d_above": 0.6}])
def test_a_resumed_run_is_the_uninterrupted_run_bit_for_bit(
    changes: dict[str, Any], go: Callable[..., State], tmp_path: Path
) -> None:
    """12 steps cross an epoch: 37 posters make 9 batches."""
    whole = go(config_of(12, **changes), out=tmp_path / "whole")
    go(config_of(6, **changes), out=tmp_path / "parts")
    resumed = go(config_of(12, **changes), out=tmp_path / "parts", resume=True)
    assert resumed.steps == whole.steps == 12
    assert equal(weights(resumed), weights(whole))
    files = [torch.load(tmp_path / name / "state.pt", weights_only=True) for name in ("whole", "parts")]
    assert all(equal(files[0][part], files[1][part]) for part in PARTS)
    assert load(tmp_path / "whole/latest").digest == load(tmp_path / "parts/latest").digest
    columns = ("kimg", "step", "loss_d", "loss_g", "accuracy_d", "skipped_d", "logit_gap")
    logs = [[[row[name] for name in columns] for row in read_stats(tmp_path / run)] for run in ("whole", "parts")]
    assert logs[0] == logs[1]


def test_lines_and_grids_beyond_the_state_are_dropped_at_resume(go: Callable[..., State], run: Path) -> None:
    go(config_of(3, grid_kimg=0.004))
    with (run / "stats.jsonl").open("a") as file:
        file.write('{"kimg": 0.016, "step": 4, "lost": true}\n{"kimg": 0.02, "step": 5, "lost": true}\n{"kim')
    for name in ("000000.016.png", "000000.020.png", "my own.png"):
        (run / "grids" / name).touch()
    go(config_of(4, grid_kimg=0.004), resume=True)
    rows = read_stats(run)
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    assert not any("lost" in row for row in rows)
    assert all(json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines())
    assert {path.name: path.stat().st_size > 0 for path in (run / "grids").iterdir()} == {
        "000000.004.png": True, "000000.008.png": True, "000000.012.png": True, "000000.016.png": True,
        "my own.png": False,
    }  # fmt: skip


def test_a_finished_run_resumed_does_nothing(go: Callable[..., State], run: Path) -> None:
    go(config_of(2))
    before = (run / "state.pt").read_bytes()
    assert go(config_of(2), resume=True).steps == 2
    assert (run / "state.pt").read_bytes() == before


@pytest.mark.parametrize(("name", "value"), [("batch", 8), ("seed", 1)])
def test_a_resumed_run_keeps_its_batch_and_seed(name: str, value: int, go: Callable[..., State], run: Path) -> None:
    go(config_of(2))
    before = {path: path.read_bytes() for path in run.iterdir() if path.is_file()}
    with pytest.raises(TrainingError, match=rf"was trained with {name} \d; keep it to resume\.$"):
        go(config_of(4, **{name: value}), resume=True)
    assert {path: path.read_bytes() for path in run.iterdir() if path.is_file()} == before


def test_a_resumed_run_notices_another_fit(
    go: Callable[..., State], run: Path, posters: PosterSet, tiny: ModelConfig
) -> None:
    go(config_of(2))
    padded = replace(posters, images=posters.images[:, ::-1])
    with pytest.raises(TrainingError, match="--fit"):
        train(padded, run, tiny, config_of(4), resume=True, progress=False)


def test_what_a_killed_run_was_writing_is_cleared_away(go: Callable[..., State], run: Path) -> None:
    go(config_of(2))
    (run / ".state.pt.abc123").write_bytes(b"half")
    go(config_of(4), resume=True)
    assert not list(run.glob(".state*"))


def test_an_unknown_augmentation_is_refused_before_anything_is_written() -> None:
    with pytest.raises(ValueError, match="augment knows color, translation, cutout, not colour"):
        TrainConfig(augment="colour,cutout")


def test_a_resumed_run_keeps_its_posters(
    go: Callable[..., State], run: Path, posters: PosterSet, tiny: ModelConfig
) -> None:
    go(config_of(2))
    with pytest.raises(TrainingError, match="was trained on other posters"):
        train(posters.select(range(20)), run, tiny, config_of(4), resume=True, progress=False)


def test_a_resumed_run_keeps_its_networks(
    go: Callable[..., State], run: Path, posters: PosterSet, tiny: ModelConfig
) -> None:
    go(config_of(2))
    with pytest.raises(TrainingError, match=r"state\.pt does not fit these options, or is damaged\.$"):
        train(posters, run, replace(tiny, width=5), config_of(4), resume=True, progress=False)


@pytest.mark.parametrize("content", [b"", b"no state at all", b"PK\x03\x04", None])
def test_a_damaged_state_is_told_in_one_sentence(content: bytes | None, go: Callable[..., State], run: Path) -> None:
    go(config_of(1))
    if content is None:
        torch.save([1, 2], run / "state.pt")
    else:
        (run / "state.pt").write_bytes(content)
    with pytest.raises(TrainingError, match=r"^.*state\.pt does not fit these options, or is damaged\.$"):
        go(config_of(2), resume=True)


def test_there_must_be_a_state_to_resume(go: Callable[..., State]) -> None:
    with pytest.raises(TrainingError, match="holds no state to resume"):
        go(config_of(1), resume=True)


def test_a_signal_that_comes_while_a_grid_is_drawn_still_saves(
    go: Callable[..., State], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw, handler = loop.draw_grid, signal.getsignal(signal.SIGTERM)
    drawn = []

    def interrupted(generator: Any) -> Any:
        drawn.append(1)
        if len(drawn) == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return draw(generator)

    monkeypatch.setattr(loop, "draw_grid", interrupted)
    state = go(config_of(50, grid_kimg=0.012))
    assert 3 <= state.steps < 6
    assert torch.load(run / "state.pt", weights_only=True)["steps"] == state.steps
    assert read_stats(run)[-1]["step"] == state.steps
    assert signal.getsignal(signal.SIGTERM) is handler


def test_a_second_ctrl_c_leaves_at_once(go: Callable[..., State], run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hurry(generator: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(loop, "draw_grid", hurry)
    with pytest.raises(KeyboardInterrupt):
        go(config_of(50, grid_kimg=0.012))
    assert not (run / "state.pt").exists()


@contextmanager
def training_process(data: Path, run: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """The literal command, in batches of 4, until it is stopped."""
    command = [sys.executable, "scripts/train.py", "--data", str(data), "--out", str(run), "--quiet"]
    command += ["--resolution=8", "--latent=8", "--width=4", "--batch=4", "--kimg=1000", "--threads=1"]
    command += ["--eval-kimg=0", "--augment="]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [*command, *options], cwd=ROOT, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    for _ in range(6000):
        if path.exists() and path.stat().st_size:
            return
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(0.01)
    raise AssertionError(f"{path} never came")


def test_sigterm_saves_the_last_step_and_exits_with_0(poster_folder: Path, run: Path) -> None:
    with training_process(poster_folder, run, "--tick-kimg", "0.04") as process:
        wait_for(run / "stats.jsonl", process)
        assert not (run / "state.pt").exists()
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    steps = torch.load(run / "state.pt", weights_only=True)["steps"]
    assert read_stats(run)[-1]["step"] == steps > 0
    assert f"{steps} steps in " in out
    assert load(run / "latest").info["updates"] == steps


def test_a_killed_run_resumes_from_a_whole_state(
    poster_folder: Path, run: Path, posters: PosterSet, tiny: ModelConfig
) -> None:
    """Killed while it saves all the time: what is there loads, and goes on as if never interrupted."""
    often = [f"--{name}-kimg=0.004" for name in ("tick", "snapshot", "grid")]
    with training_process(poster_folder, run, *often) as process:
        wait_for(run / "state.pt", process)
        time.sleep(random.uniform(0, 0.4))
        process.kill()
        process.wait()
    steps = torch.load(run / "state.pt", weights_only=True)["steps"]
    assert steps >= 1
    state = train(posters, run, tiny, config_of(steps + 3), resume=True, progress=False)
    assert state.steps == steps + 3
    untouched = train(posters, run.with_name("whole"), tiny, config_of(steps + 3), progress=False)
    assert equal(weights(state), weights(untouched))
    assert load(run / "latest").info["updates"] == steps + 3


# ---- When it cannot go on ----------------------------------------------------------------------------


def test_a_state_that_cannot_be_written_leaves_the_earlier_one(
    go: Callable[..., State], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(config_of(2))
    before = (run / "state.pt").read_bytes()

    def fail(record: object, file: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(TrainingError, match=r"\(No space left on device\); an earlier state .* is intact"):
        go(config_of(4), resume=True)
    assert (run / "state.pt").read_bytes() == before
    assert not list(run.rglob(".*"))


@pytest.mark.parametrize("limit", [500, 3_000, 12_000])
def test_a_disk_that_fills_up_leaves_the_earlier_state(limit: int, go: Callable[..., State], run: Path) -> None:
    """For real: no file may grow beyond the limit, which bites in options, weights or state."""
    go(config_of(2))
    before = (run / "state.pt").read_bytes()
    assert len(before) > 12_000
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(TrainingError, match=r"cannot be written \(File too large\)"):
            go(config_of(4), resume=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (run / "state.pt").read_bytes() == before
    assert go(config_of(4), resume=True).steps == 4


def test_a_run_below_a_file_is_refused(go: Callable[..., State], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TrainingError, match=r"file/run cannot be written \(.+\)"):
        go(config_of(1), out=tmp_path / "file" / "run")


def test_a_loss_that_is_no_number_stops_the_run_at_the_last_good_state(
    go: Callable[..., State], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(config_of(3))
    before, rows = (run / "state.pt").read_bytes(), read_stats(run)
    monkeypatch.setattr(loop, "generator_loss", lambda logits: logits.sum() * math.nan)
    with pytest.raises(TrainingError, match=r"^Training diverged at 0\.02 kimg \(loss of D .*, of G nan\)"):
        go(config_of(8, tick_kimg=0.01, snapshot_kimg=0.01), resume=True)
    assert (run / "state.pt").read_bytes() == before
    assert read_stats(run) == rows


def test_weights_that_overflow_stop_the_run_at_the_last_good_state(go: Callable[..., State], run: Path) -> None:
    go(config_of(3))
    before = (run / "state.pt").read_bytes()
    with pytest.raises(TrainingError, match=r"diverged at 0\.02 kimg \(.* of G \d.* lower --lr"):
        go(config_of(5, lr_g=1e39), resume=True)
    assert (run / "state.pt").read_bytes() == before


# ---- The judge ---------------------------------------------------------------------------------------


def test_the_best_checkpoint_is_kept_and_not_the_last(
    go: Callable[..., State], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = iter([9.0, 5.0, 7.0, 6.0])
    judged: list[tuple[int, int, int]] = []

    def judge(generator: nn.Module, held_out: PosterSet, samples: int, first: int) -> dict[str, float]:
        judged.append((len(held_out), samples, first))
        return {"fd_lite1": next(figures), "kid_lite1": 0.1}

    monkeypatch.setattr(loop.metrics, "judge", judge)
    go(config_of(6, eval_kimg=0.008, eval_samples=20))
    assert load(run / "best").info["updates"] == 4
    assert load(run / "best").info["fd_lite1"] == 5
    state = go(config_of(8, eval_kimg=0.008), resume=True)
    assert state.best == 5
    assert load(run / "best").info["updates"] == 4
    assert [row.get("fd_lite1") for row in read_stats(run)] == [None, 9, None, 5, None, 7, None, 6]
    assert judged[0] == (3, 20, 1_000_000)


def test_a_run_without_the_judge_goes_on_without_its_figures(
    go: Callable[..., State], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object) -> None:
        raise loop.MetricsUnavailableError("not installed")

    monkeypatch.setattr(loop.metrics, "judge", missing)
    assert go(config_of(2, eval_kimg=0.004)).steps == 2
    assert not (run / "best").exists()
    assert "fd_lite1" not in read_stats(run)[0]


def test_a_snapshot_is_not_missed_when_no_tick_falls_on_it(go: Callable[..., State], run: Path) -> None:
    go(config_of(7, tick_kimg=0.012, grid_kimg=0.016, snapshot_kimg=0.016))
    # Ticks after steps 3 and 6; the multiples of four steps are passed at the tick after step 6, and the end.
    assert sorted(path.stem for path in (run / "grids").iterdir()) == ["000000.024", "000000.028"]


@pytest.mark.parametrize("steps", [7, 9, 18])
def test_a_run_is_as_long_as_it_says_whatever_floats_make_of_it(go: Callable[..., State], steps: int) -> None:
    assert go(config_of(steps)).steps == steps  # 9 * 0.004 is a little above 0.036

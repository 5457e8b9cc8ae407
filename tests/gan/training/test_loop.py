from __future__ import annotations

import json
import math
import os
import random
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from gan import PRESETS, MetricsUnavailableError, ModelConfig, PosterSet, TrainConfig, TrainingError, latents, load
from gan.evaluation import validation
from gan.evaluation.calibration import calibrated
from gan.evaluation.validation import Validation
from gan.training import loop
from gan.training import state as states
from gan.training.batches import BatchLoader
from gan.training.loop import train
from gan.training.runs import guard_rails
from gan.training.runs import run as run_module
from gan.training.runs.folder import read_stats
from gan.training.runs.plan import Plan
from gan.training.schedule import crossed, noise_seed
from gan.training.state import State, new_state, recalibrate
from gan.training.step import StepMetrics
from tests.gan.short_runs import PARTS, Pyramid, config_of, equal, state_of, weights
from tests.gan.small_judge import Judge
from tests.scripting import running, wait_for

ROOT = Path(__file__).parents[3]


@pytest.fixture
def go(posters: PosterSet, tiny: ModelConfig, tmp_path: Path) -> Callable[..., State]:
    """Train in tmp_path/run."""

    def run(config: TrainConfig, resume: bool = False, out: Path = tmp_path / "run") -> State:
        return train(posters, Plan(out, tiny, config, resume=resume, progress=False))

    return run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return tmp_path / "run"


# ---- A run -------------------------------------------------------------------------------------------


def test_a_run_learns_and_leaves_complete_files(
    go: Callable[..., State], run: Path, posters: PosterSet, tiny: ModelConfig
) -> None:
    config = config_of(20, grid_kimg=0.04, lr_d=1e-2)
    state = go(config)
    rows = read_stats(run)
    assert [row["step"] for row in rows] == list(range(1, 21))
    assert [row["kimg"] for row in rows] == [round(0.004 * n, 3) for n in range(1, 21)]
    assert all(math.isfinite(value) for row in rows for name, value in row.items() if name != "note")
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


def test_the_latest_checkpoint_is_the_recalibrated_average_and_a_d_whose_zero_is_set(
    go: Callable[..., State], run: Path, posters: PosterSet, tiny: ModelConfig
) -> None:
    state = go(config_of(5))
    latest = load(run / "latest")
    shown = recalibrate(state.ema)
    assert equal(latest.generator.state_dict(), shown.state_dict())
    judging = calibrated(state.discriminator, shown, posters.split()[0])
    assert equal(latest.discriminator.state_dict(), judging.state_dict())
    assert latest.config == replace(tiny, calibrated=True)
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


def test_a_run_needs_a_batch_of_posters(go: Callable[..., State]) -> None:
    with pytest.raises(TrainingError, match="A batch of 64 needs more than 37 training posters"):
        go(config_of(1, batch=64))


def test_posters_of_another_size_are_refused(posters: PosterSet, tiny: ModelConfig, run: Path) -> None:
    with pytest.raises(TrainingError, match=r"^The networks are for posters of 16 x 16 pixels, and .* 8 x 8\.$"):
        train(posters, Plan(run, replace(tiny, resolution=16), config_of(1), progress=False))
    with pytest.raises(TrainingError, match=r"^The networks are for posters of 8 x 12 pixels"):
        train(posters, Plan(run, replace(tiny, aspect="2:3"), config_of(1), progress=False))
    assert not run.exists()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"frechet": 1.0}, r"^--frechet needs a critic; use --preset projected\.$"),
        ({"imle": 1.0}, r"^--imle needs a critic; "),
        ({"genre_means": 1.0}, r"^--genre-means needs a critic; "),
        ({"critic_penalty": 1.0}, r"^--critic-penalty needs a critic; "),
        ({"critic_loss": "relativistic"}, r"^--critic-loss needs a critic; "),
        ({"critic_side": 96}, r"^--critic-side needs a critic; "),
        ({"projections": 2}, r"^--projections needs a critic; "),
        ({"adversarial": 0.0}, r"^Without a critic and with --adversarial 0 nothing would train the generator\.$"),
    ],
)
def test_what_only_a_critic_gives_is_refused_without_one(
    changes: dict[str, Any], reason: str, go: Callable[..., State], run: Path
) -> None:
    with pytest.raises(TrainingError, match=reason):
        go(config_of(1, **changes))
    assert not run.exists()


def test_a_gradient_penalty_needs_a_d_without_batchnorm(go: Callable[..., State], run: Path) -> None:
    with pytest.raises(TrainingError, match=r"^R1 and R2 need a D without BatchNorm; .*\.$"):
        go(config_of(1, penalty=1.0))
    assert not run.exists()


def test_a_run_says_what_it_began_with_even_after_it_was_resumed(
    posters: PosterSet, tiny: ModelConfig, checkpoints: Path, run: Path
) -> None:
    start = load(checkpoints / "tiny")
    train(posters, Plan(run, tiny, config_of(1), progress=False, start=start))
    train(posters, Plan(run, tiny, config_of(2), progress=False, resume=True))
    record = json.loads((run / "options.json").read_text())
    assert record["start"] == {"name": "tiny", "digest": start.digest}


def test_a_state_of_another_run_is_named_by_its_run(
    go: Callable[..., State], posters: PosterSet, tiny: ModelConfig, run: Path, tmp_path: Path
) -> None:
    go(config_of(1))
    train(posters, Plan(tmp_path / "on", tiny, config_of(1), progress=False, start=load(run / "latest")))
    assert json.loads((tmp_path / "on/options.json").read_text())["start"]["name"] == run.name


def test_a_run_begins_with_the_checkpoints_networks_and_leaves_the_checkpoint_alone(
    posters: PosterSet, tiny: ModelConfig, checkpoints: Path, run: Path
) -> None:
    start = load(checkpoints / "tiny")
    digest = weights_digest(start)
    first = new_state(tiny, config_of(1), start=start)
    assert equal(first.generator.state_dict(), start.generator.state_dict())
    assert equal(first.discriminator.state_dict(), start.discriminator.state_dict())
    train(posters, Plan(run, tiny, config_of(2), progress=False, start=start))
    assert weights_digest(start) == digest
    assert not start.generator.training


def weights_digest(checkpoint: Any) -> list[float]:
    return [value.double().sum().item() for value in checkpoint.generator.state_dict().values()]


def test_a_critic_weighs_genres_by_how_many_training_posters_have_them(
    posters: PosterSet, tiny: ModelConfig, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(states.BACKBONES, "efficientnet-lite0", Pyramid)
    model = replace(tiny, genres=("Comedy", "Drama"), embedding=3)
    state = train(posters, Plan(run, model, config_of(1, critic=1.0), progress=False))
    labels = posters.split()[0].genre_labels(model.genres)
    for place in range(2):
        has, lacks = (labels[:, place] == 1).sum(), (labels[:, place] == -1).sum()
        assert min(has, lacks) > 0
        both = [(has + lacks) / 2 / has, (has + lacks) / 2 / lacks]
        assert state.critic is not None
        assert state.critic.balance[:, place].tolist() == pytest.approx(both)


def test_a_resumed_run_keeps_its_labels(posters: PosterSet, tiny: ModelConfig, run: Path) -> None:
    model = replace(tiny, genres=("Comedy", "Drama"), embedding=3)
    train(posters, Plan(run, model, config_of(1), progress=False))
    assert train(posters, Plan(run, model, config_of(2), progress=False, resume=True)).steps == 2
    relabelled = replace(posters, genres=posters.genres[::-1])
    with pytest.raises(TrainingError, match="was trained on other posters"):
        train(relabelled, Plan(run, model, config_of(3), progress=False, resume=True))


def test_a_conditional_run_leaves_a_conditional_checkpoint(posters: PosterSet, tiny: ModelConfig, run: Path) -> None:
    model = replace(tiny, genres=("Comedy", "Drama"), embedding=3)
    state = train(posters, Plan(run, model, config_of(3, label_ramp_kimg=0), progress=False))
    latest = load(run / "latest")
    loader = BatchLoader(posters.split()[0], model.genres, torch.device("cpu"))
    labels = torch.tensor([[1.0, -1.0]] * 2)
    z = latents(range(2), model)
    with torch.no_grad():
        assert torch.equal(latest.generator(z, labels), recalibrate(state.ema, loader.sample_labels(0.1))(z, labels))
        asked = latest.generator.with_genres([1.0, -1.0])
        assert torch.allclose(asked(z), latest.generator(z, labels), atol=1e-6)


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
        {"ema_kimg": -1}, {"tick_kimg": 0}, {"seed": -1}, {"seed": 2**32}, {"eval_samples": 1}, {"penalty": -1},
        {"lecam": math.nan}, {"critic": -1}, {"penalty_every": 0}, {"label_dropout": 1.1}, {"loss": "wgan"},
        {"guard": "pray"}, {"label_ramp_kimg": -1},
        {"decay_from": -1}, {"decay_from": 1.5},
    ],
)  # fmt: skip
def test_impossible_options_are_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        TrainConfig(**wrong)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_no_number_of_a_training_may_be_infinite_or_missing(value: float) -> None:
    names = [name for name, default in asdict(TrainConfig()).items() if isinstance(default, float)]
    assert {"kimg", "lr_g", "beta1", "decay_from", "eval_kimg"} < set(names)
    for name in names:
        with pytest.raises(ValueError, match=f"^{name} must be a finite number, not {value}$"):
            TrainConfig(**{name: value})


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


def times(metrics: StepMetrics, factor: float) -> StepMetrics:
    return {name: value * factor for name, value in metrics.items()}


def assert_same_states(first: Path, second: Path) -> None:
    """Bit for bit, but for the time that it took."""
    files = [state_of(run) for run in (first, second)]
    assert files[0].keys() == files[1].keys() >= {*PARTS, "averages", "sums", "lr_scale_d", "overpowered", "diverse"}
    for name in files[0]:
        assert equal([files[0][name]], [files[1][name]]), name


PRESET_RUNS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {name: (name, {}, {}) for name in PRESETS} | {
    "dcgan-stable": ("dcgan-stable", {}, {"lecam": 0.3, "augment": "color,translation,cutout"}),
    "dcgan-128": ("dcgan-128", {}, {"penalty_every": 3}),
    "dcgan-256": ("dcgan-256", {}, {"decay_from": 0.5}),
    "conditional": ("dcgan-stable", {"genres": ("Comedy", "Drama"), "embedding": 3}, {"label_ramp_kimg": 0.03}),
    "widened": ("projected", {}, {"adversarial": 0.1, "frechet": 10.0, "imle": 1.0, "precision": "bfloat16"}),
    "conditional-projected": (
        "projected",
        {"genres": ("Comedy", "Drama"), "embedding": 3},
        {"genre_means": 5.0, "sampling": "genres", "label_ramp_kimg": 0.0, "single_genre": 0.5},
    ),
}


def small(name: str, steps: int) -> tuple[ModelConfig, TrainConfig]:
    """A preset with the smallest networks and batches of 4; ticks of 3 steps, so that runs can stop within one."""
    preset, model, train = PRESET_RUNS[name]
    short = {"kimg": steps * 0.004, "batch": 4, "tick_kimg": 0.012, "snapshot_kimg": 100, "grid_kimg": 100}
    return (
        replace(PRESETS[preset].model, resolution=8, latent=8, width=4, **model),
        replace(PRESETS[preset].train, eval_kimg=0, **(short | train)),
    )


@pytest.mark.parametrize("name", PRESET_RUNS)
def test_every_preset_resumes_bit_for_bit(
    name: str, posters: PosterSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """12 steps cross an epoch; the run is stopped by Ctrl-C after 5 of them, which is within a tick."""
    monkeypatch.setitem(states.BACKBONES, "efficientnet-lite0", Pyramid)
    model, config = small(name, 12)
    train(posters, Plan(tmp_path / "whole", model, config, progress=False))
    step = loop.step

    def interrupted(state: State, *arguments: Any) -> StepMetrics:
        metrics = step(state, *arguments)
        if state.steps == 5:
            os.kill(os.getpid(), signal.SIGINT)
        return metrics

    monkeypatch.setattr(loop, "step", interrupted)
    assert train(posters, Plan(tmp_path / "parts", model, config, progress=False)).steps == 5
    assert train(posters, Plan(tmp_path / "parts", model, config, resume=True, progress=False)).steps == 12
    assert_same_states(tmp_path / "whole", tmp_path / "parts")
    last = [read_stats(tmp_path / run)[-1] for run in ("whole", "parts")]
    for row in last:
        del row["seconds"], row["images_per_second"]
    assert last[0] == last[1]


def test_guard_counters_do_not_notice_an_interruption(
    go: Callable[..., State], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five ticks of a D that is always right lower its rate; stopping within the third changes nothing."""
    monkeypatch.setattr(guard_rails, "OVERPOWERED", -1.0)  # any accuracy is too much
    config = config_of(13, tick_kimg=0.008)
    whole = go(config, out=tmp_path / "whole")
    assert whole.lr_scale_d == pytest.approx(guard_rails.LR_FACTOR)
    for steps in (5, 6, 9, 13):
        go(replace(config, kimg=steps * 0.004), out=tmp_path / "parts", resume=steps > 5)
    assert_same_states(tmp_path / "whole", tmp_path / "parts")
    notes = [[row["step"] for row in read_stats(tmp_path / run) if "note" in row] for run in ("whole", "parts")]
    assert notes == [[10], [10]]


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
        train(padded, Plan(run, tiny, config_of(4), resume=True, progress=False))


def test_what_a_killed_run_was_writing_is_cleared_away(go: Callable[..., State], run: Path) -> None:
    go(config_of(2))
    (run / ".state.pt.abc123").write_bytes(b"half")
    go(config_of(4), resume=True)
    assert not list(run.glob(".state*"))


def test_an_unknown_augmentation_is_refused_before_anything_is_written() -> None:
    with pytest.raises(ValueError, match="augment must be made of color, translation, cutout, not colour"):
        TrainConfig(augment="colour,cutout")


def test_a_resumed_run_keeps_its_posters(
    go: Callable[..., State], run: Path, posters: PosterSet, tiny: ModelConfig
) -> None:
    go(config_of(2))
    with pytest.raises(TrainingError, match="was trained on other posters"):
        train(posters.select(range(20)), Plan(run, tiny, config_of(4), resume=True, progress=False))


def test_a_resumed_run_keeps_its_networks(
    go: Callable[..., State], run: Path, posters: PosterSet, tiny: ModelConfig
) -> None:
    go(config_of(2))
    with pytest.raises(TrainingError, match=r"run was trained with width 4; keep it to resume\.$"):
        train(posters, Plan(run, replace(tiny, width=5), config_of(4), resume=True, progress=False))


@pytest.mark.parametrize("content", [b"", b"no state at all", b"PK\x03\x04", None])
def test_a_damaged_state_is_one_sentence(content: bytes | None, go: Callable[..., State], run: Path) -> None:
    go(config_of(1))
    if content is None:
        torch.save([1, 2], run / "state.pt")
    else:
        (run / "state.pt").write_bytes(content)
    with pytest.raises(TrainingError, match=r"^.*state\.pt does not fit these options, or is damaged\.$"):
        go(config_of(2), resume=True)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"\xff\xfe", b"[]", b"7", b"{}", b'{"train": {"batch": 4}}', b'{"train": 1}',
        b'{"data": 1, "train": {"batch": 4, "seed": 0}}',
    ],
)  # fmt: skip
def test_damaged_options_of_a_run_are_one_sentence(content: bytes, go: Callable[..., State], run: Path) -> None:
    go(config_of(1))
    (run / "options.json").write_bytes(content)
    before = (run / "state.pt").read_bytes()
    with pytest.raises(TrainingError, match=r"^.*options\.json is damaged\.$"):
        go(config_of(2), resume=True)
    assert (run / "options.json").read_bytes() == content
    assert (run / "state.pt").read_bytes() == before


def test_there_must_be_a_state_to_resume(go: Callable[..., State]) -> None:
    with pytest.raises(TrainingError, match="holds no state to resume"):
        go(config_of(1), resume=True)


def test_a_signal_that_comes_while_a_grid_is_drawn_still_saves(
    go: Callable[..., State], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw, handler = loop.draw_grid, signal.getsignal(signal.SIGTERM)
    drawn = []

    def interrupted(*arguments: Any) -> Any:
        drawn.append(1)
        if len(drawn) == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return draw(*arguments)

    monkeypatch.setattr(loop, "draw_grid", interrupted)
    state = go(config_of(50, grid_kimg=0.012))
    assert 3 <= state.steps < 6
    assert torch.load(run / "state.pt", weights_only=True)["steps"] == state.steps
    assert read_stats(run)[-1]["step"] == state.steps
    assert signal.getsignal(signal.SIGTERM) is handler


def test_a_second_ctrl_c_leaves_at_once(go: Callable[..., State], run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hurry(*_: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(loop, "draw_grid", hurry)
    with pytest.raises(KeyboardInterrupt):
        go(config_of(50, grid_kimg=0.012))
    assert not (run / "state.pt").exists()


def training_process(data: Path, run: Path, *options: str) -> AbstractContextManager[subprocess.Popen[str]]:
    """The literal command, in batches of 4, until it is stopped."""
    small = ["--resolution=8", "--latent=8", "--width=4", "--batch=4", "--kimg=1000", "--threads=1"]
    return running("train", "--data", data, "--out", run, "--quiet", *small, "--eval-kimg=0", "--augment=", *options)


def test_sigterm_saves_the_last_step_and_exits_with_0(poster_folder: Path, run: Path) -> None:
    with training_process(poster_folder, run, "--tick-kimg", "0.04") as process:
        wait_for(run / "stats.jsonl", process)
        assert not (run / "state.pt").exists()
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    steps = torch.load(run / "state.pt", weights_only=True)["steps"]
    assert read_stats(run)[-1]["step"] == steps > 0
    assert not out  # --quiet
    assert load(run / "latest").info["updates"] == steps


def test_a_killed_run_resumes_from_a_whole_state(
    poster_folder: Path, run: Path, posters: PosterSet, tiny: ModelConfig
) -> None:
    """Killed while it saves all the time: what is there loads, and goes on as if never interrupted."""
    often = [f"--{name}-kimg=0.004" for name in ("tick", "snapshot", "grid")]
    with training_process(poster_folder, run, *often) as process:
        wait_for(run / "state.pt", process)
        delay = random.uniform(0, 0.4)
        print(f"killed {delay:.4f} s after the first state")  # shown where the test fails
        time.sleep(delay)
        process.kill()
        process.wait()
    steps = torch.load(run / "state.pt", weights_only=True)["steps"]
    assert steps >= 1
    state = train(posters, Plan(run, tiny, config_of(steps + 3), resume=True, progress=False))
    assert state.steps == steps + 3
    untouched = train(posters, Plan(run.with_name("whole"), tiny, config_of(steps + 3), progress=False))
    assert equal(weights(state), weights(untouched))
    assert load(run / "latest").info["updates"] == steps + 3


def test_the_state_is_saved_after_some_seconds_whatever_the_interval_in_images(
    go: Callable[..., State], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[int] = []
    save, config = run_module.save_state, config_of(6, tick_kimg=0.008, snapshot_kimg=1.0)

    def counted(state: State, folder: Path) -> None:
        saved.append(state.steps)
        save(state, folder)

    monkeypatch.setattr(run_module, "save_state", counted)
    monkeypatch.setattr(run_module, "SAVE_SECONDS", 1e6)
    seldom = go(config)
    assert saved == [6]
    monkeypatch.setattr(run_module, "SAVE_SECONDS", 0.0)
    often = go(config, out=run.with_name("often"))
    assert saved[1:] == [row["step"] for row in read_stats(run)]
    assert len(saved) > 3
    assert equal(weights(often), weights(seldom))


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
    with pytest.raises(TrainingError, match=r"file/run cannot be written: .*file is a file\.$"):
        go(config_of(1), out=tmp_path / "file" / "run")


@pytest.mark.parametrize("guard", ["answer", "name", "off"])
def test_a_loss_that_is_never_a_number_ends_the_run_at_a_good_state(
    guard: str, go: Callable[..., State], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the guard rails answer, after three more attempts, each with half the rates."""
    go(config_of(3))
    before, rows = torch.load(run / "state.pt", weights_only=True), read_stats(run)
    whole, rates = loop.step, []

    def diverges(state: State, *arguments: Any) -> StepMetrics:
        rates.append(state.lr_scale)
        return times(whole(state, *arguments), math.nan if state.steps > 4 else 1.0)

    monkeypatch.setattr(loop, "step", diverges)
    with pytest.raises(
        TrainingError,
        match=r"^Training diverged\. A loss or a weight is not a finite number at 0\.02 kimg\. The last s",
    ):
        go(config_of(8, snapshot_kimg=0.1, guard=guard), resume=True)
    attempts = 4 if guard == "answer" else 1
    assert rates == [rate for n in range(attempts) for rate in [0.5**n] * 2]
    after = torch.load(run / "state.pt", weights_only=True)
    assert all(equal(before[part], after[part]) for part in PARTS)
    assert (after["restores"], after["lr_scale"]) == (attempts - 1, 0.5 ** (attempts - 1))
    *good, last = read_stats(run)
    assert [row["step"] for row in good] == [1, 2, 3, 4]
    assert good[:3] == rows
    assert (last["step"], last["note"]) == (5, "A loss or a weight is not a finite number at 0.02 kimg.")

    monkeypatch.undo()
    resumed = go(config_of(6, lr_g=1e-4), resume=True)
    assert resumed.steps == 6
    assert all(weight.isfinite().all() for weight in resumed.generator.parameters())


def test_a_run_that_diverges_once_goes_on_from_the_saved_state_with_other_noise(
    go: Callable[..., State], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, seeds, bad = loop.step, [], [5]

    def diverges(state: State, real: Tensor, labels: None, config: TrainConfig, world: Any) -> StepMetrics:
        seeds.append((state.steps, noise_seed(config, state)))
        metrics = whole(state, real, labels, config, world)
        if state.steps in bad:
            bad.remove(state.steps)
            with torch.no_grad():
                next(state.generator.parameters()).fill_(math.inf)
        return metrics

    monkeypatch.setattr(loop, "step", diverges)
    state = go(config_of(8, snapshot_kimg=0.012, grid_kimg=0.004))
    assert [number for number, _ in seeds] == [0, 1, 2, 3, 4, 3, 4, 5, 6, 7]
    assert len({seed for _, seed in seeds}) == 10
    assert (state.steps, state.restores, state.lr_scale) == (8, 1, 0.5)
    rows = read_stats(run)
    assert [row["step"] for row in rows] == list(range(1, 9))
    assert [row.get("note") for row in rows if "note" in row] == [
        "A loss or a weight is not a finite number at 0.02 kimg."
    ]
    assert "note" in rows[3]
    assert len(list((run / "grids").iterdir())) == 8
    assert all(value.isfinite().all() for value in load(run / "latest").generator.state_dict().values())


def test_a_restored_run_is_killed_and_resumed_exactly(
    go: Callable[..., State], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = loop.step

    def diverges(state: State, *arguments: Any) -> StepMetrics:
        metrics = whole(state, *arguments)
        return times(metrics, math.nan if state.steps == 4 and state.restores == 0 else 1.0)

    monkeypatch.setattr(loop, "step", diverges)
    settings = {"snapshot_kimg": 0.008}
    uninterrupted = go(config_of(8, **settings), out=tmp_path / "whole")
    go(config_of(6, **settings), out=tmp_path / "parts")
    resumed = go(config_of(8, **settings), out=tmp_path / "parts", resume=True)
    assert resumed.restores == uninterrupted.restores == 1
    assert_same_states(tmp_path / "whole", tmp_path / "parts")


def test_a_run_that_diverges_before_it_saved_anything_says_so(go: Callable[..., State], run: Path) -> None:
    with pytest.raises(
        TrainingError, match=r"^Training diverged\. .* Begin again with a lower --lr, a larger --batch or"
    ):
        go(config_of(5, lr_g=1e39))
    assert not (run / "state.pt").exists()
    (row,) = read_stats(run)  # also its log says why it ended, and when
    assert row["note"] == "A loss or a weight is not a finite number at 0.00 kimg."
    assert all(math.isfinite(value) for name, value in row.items() if name != "note")


def test_a_collapse_is_restored_and_named_in_the_log(
    go: Callable[..., State], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G is diverse, then draws one picture only; after the restore it is well again."""
    diversities = iter([0.9, 0.8, 0.1, 0.9, 0.9, 0.9])
    monkeypatch.setattr(guard_rails, "diversity", lambda *_: next(diversities))
    state = go(config_of(5, snapshot_kimg=0.008))
    rows = read_stats(run)
    assert [(row["step"], row.get("note")) for row in rows] == [
        (1, None), (2, None), (3, "G collapsed at 0.01 kimg: generated posters differ 10% as much as real ones."),
        (4, None), (5, None),
    ]  # fmt: skip
    assert (state.restores, state.lr_scale) == (1, 0.5)


def test_a_collapse_is_only_named_with_that_guard(
    go: Callable[..., State], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    diversities = iter([0.9, 0.1, 0.1, 0.7, 0.2])
    monkeypatch.setattr(guard_rails, "diversity", lambda *_: next(diversities))
    assert go(config_of(5, guard="name")).restores == 0
    assert [row["step"] for row in read_stats(run) if "note" in row] == [2, 5]  # once each time


# ---- Validation ---------------------------------------------------------------------------------------


def test_the_best_checkpoint_is_kept_and_not_the_last(
    go: Callable[..., State], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = iter([9.0, 5.0, 7.0, 6.0])
    calls: list[tuple[int, int, int, int]] = []

    def fake(generator: nn.Module, training: PosterSet, held_out: PosterSet, samples: int, first: int) -> Validation:
        calls.append((len(training), len(held_out), samples, first))
        return Validation({"fd_lite1": next(metrics), "kid_lite1": 0.1}, {}, (), samples, 0, 0, first)

    monkeypatch.setattr(validation, "validate", fake)
    go(config_of(6, eval_kimg=0.008, eval_samples=20))
    assert load(run / "best").info["updates"] == 4
    assert load(run / "best").info["fd_lite1"] == 5
    state = go(config_of(8, eval_kimg=0.008), resume=True)
    assert state.best == 5
    assert load(run / "best").info["updates"] == 4
    assert [row.get("fd_lite1") for row in read_stats(run)] == [None, 9, None, 5, None, 7, None, 6]
    assert calls[0] == (37, 3, 20, 1_000_000)


def test_the_validation_of_the_best_state_is_saved_beside_it(
    go: Callable[..., State], run: Path, small_judge: Judge
) -> None:
    """Where it was validated as best, and never without it."""
    go(config_of(6, eval_kimg=0.008, eval_samples=20))
    found = validation.read(run / "best")
    rows = [row for row in read_stats(run) if "fd_lite1" in row]
    assert len(rows) == 3
    best = min(rows, key=lambda row: row["fd_lite1"])
    assert load(run / "best").info["updates"] == best["step"]
    assert found.metrics == {name: best[name] for name in found.metrics}
    assert (found.samples, found.training, found.held_out) == (20, 20, 3)
    assert validation.read(run / "latest") is None


def test_a_run_without_the_feature_extractor_goes_on_without_validation(
    go: Callable[..., State], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object) -> None:
        raise MetricsUnavailableError("not installed")

    monkeypatch.setattr(validation, "validate", missing)
    assert go(config_of(3, eval_kimg=0.004)).steps == 3
    assert not (run / "best").exists()
    rows = read_stats(run)
    assert not any("fd_lite1" in row for row in rows)
    notes = [row.get("note") for row in rows]
    assert notes == ["The run is not validated, and has no best state: not installed", None, None]  # said once


def test_a_snapshot_is_not_missed_when_no_tick_falls_on_it(go: Callable[..., State], run: Path) -> None:
    go(config_of(7, tick_kimg=0.012, grid_kimg=0.016, snapshot_kimg=0.016))
    # Ticks after steps 3 and 6; the multiples of four steps are passed at the tick after step 6, and the end.
    assert sorted(path.stem for path in (run / "grids").iterdir()) == ["000000.024", "000000.028"]


@pytest.mark.parametrize("steps", [7, 9, 18])
def test_a_run_is_as_long_as_it_says_whatever_floats_make_of_it(go: Callable[..., State], steps: int) -> None:
    assert go(config_of(steps)).steps == steps  # 9 * 0.004 is a little above 0.036

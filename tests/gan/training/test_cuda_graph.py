from __future__ import annotations

import copy
import math
import os
import signal
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import fields, replace
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from gan import PRESETS, ModelConfig, PosterSet, TrainConfig, TrainingError
from gan.training import loop, moments
from gan.training import schedule as schedules
from gan.training import state as states
from gan.training.cuda_graph import WARM_UP, CudaCapture, GraphedStep, graphed_step
from gan.training.distributed import World
from gan.training.loop import train
from gan.training.randomness import BatchRandom
from gan.training.runs.folder import read_stats
from gan.training.runs.plan import Plan
from gan.training.schedule import Schedule
from gan.training.state import State, load_state, new_state, save_state
from gan.training.step import Batch, StepMetrics, step, updates
from tests.gan.short_runs import Pyramid, config_of, equal, numbers, state_of
from tests.gan.training.recording import CpuCapture, tensors

GENRES = {"genres": ("Comedy", "Drama"), "embedding": 3}
STEPS = 14
KINDS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "dcgan": ("dcgan", {}, {}),
    "dcgan-stable": ("dcgan-stable", {}, {"augment": "color,translation,cutout", "lecam": 0.3, "ema_kimg": 0.02}),
    "dcgan-128": ("dcgan-128", {}, {"penalty_every": 2, "decay_from": 0.3}),
    "whole-posters": ("dcgan-256", {"aspect": "2:3"}, {"penalty_every": 1}),
    "conditional": ("dcgan-stable", GENRES, {"label_ramp_kimg": 0.03, "label_dropout": 0.2, "decay_from": 0.5}),
    "projected": ("projected", GENRES, {"label_ramp_kimg": 0.1, "genre_means": 5.0, "single_genre": 0.5}),
    "widened": ("projected", {}, {"adversarial": 0.1, "frechet": 10.0, "imle": 1.0, "critic_penalty": 1.0}),
}


@pytest.fixture(autouse=True)
def small_critic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(states.BACKBONES, "efficientnet-lite0", Pyramid)


def small(name: str, steps: int = STEPS, **changes: Any) -> tuple[ModelConfig, TrainConfig]:
    """A preset with the smallest networks and batches of 4; a line every three steps."""
    preset, model, train = KINDS[name]
    short = {"kimg": steps * 0.004, "batch": 4, "tick_kimg": 0.012, "snapshot_kimg": 100, "grid_kimg": 100}
    return (
        replace(PRESETS[preset].model, **({"resolution": 8, "latent": 8, "width": 4} | model)),
        replace(PRESETS[preset].train, eval_kimg=0, **(short | train | changes)),
    )


def batches(model: ModelConfig, count: int) -> list[tuple[Tensor, Tensor | None]]:
    numbers = torch.Generator().manual_seed(7)

    def one() -> tuple[Tensor, Tensor | None]:
        real = torch.rand(4, 3, *model.size, generator=numbers) * 2 - 1
        labels = torch.randint(-1, 2, (4, len(model.genres)), generator=numbers).to(torch.int8)
        return real.contiguous(memory_format=torch.channels_last), labels if model.genres else None

    return [one() for _ in range(count)]


def everything(state: State) -> list[Any]:
    """All that changes, in the order of a state's file."""
    parts = [copy.deepcopy(part.state_dict()) for part in state.parts().values()]
    return [*parts, state.averages.clone(), {name: getattr(state, name) for name in states.NUMBERS}]


# ---- The same steps ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", KINDS)
def test_replayed_steps_are_eager_steps_bit_for_bit(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with posters, noise, rates, ramp and average of its own, of which a recording must freeze none."""
    monkeypatch.setattr(moments, "READY", 0.2)  # so that the Frechet term begins, and changes, within these steps
    monkeypatch.setattr(schedules, "REFRESH_KIMG", 0.008)
    model, config = small(name)
    capture = CpuCapture()
    eager, replayed, step_fn = new_state(model, config), new_state(model, config), GraphedStep(capture)
    for real, labels in batches(model, STEPS):
        assert equal(step_fn(replayed, real, labels, config), step(eager, real, labels, config))
        assert equal(everything(replayed), everything(eager))
    kinds = 2 if (config.penalty and config.penalty_every > 1) or config.frechet else 1
    assert (capture.warm, capture.recorded, capture.replayed) == (WARM_UP * kinds, kinds, STEPS - WARM_UP * kinds)


@pytest.mark.parametrize("name", ["dcgan-stable", "dcgan-128", "projected"])
def test_replayed_steps_are_eager_steps_in_bfloat16_too(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on CUDA: weights are cast once in each pass and the casts forgotten after it, so none is frozen."""
    autocast, casts = torch.autocast, set[torch.dtype]()

    def as_on_cuda(device: str, dtype: torch.dtype | None = None, enabled: bool = True) -> torch.autocast:
        return autocast(device, dtype, enabled=dtype is not None)

    monkeypatch.setattr(torch, "autocast", as_on_cuda)
    model, config = small(name)
    eager, replayed, step_fn = new_state(model, config), new_state(model, config), GraphedStep(CpuCapture())
    eager.discriminator.layers[0].register_forward_hook(lambda _, __, maps: casts.add(maps.dtype))
    for real, labels in batches(model, 2 * WARM_UP):
        assert equal(step_fn(replayed, real, labels, config), step(eager, real, labels, config))
    assert equal(everything(replayed), everything(eager))
    assert torch.bfloat16 in casts


def test_a_change_of_rates_by_the_guard_rails_reaches_a_recording() -> None:
    model, config = small("dcgan")
    eager, replayed, step_fn = new_state(model, config), new_state(model, config), GraphedStep(CpuCapture())
    for number, (real, labels) in enumerate(batches(model, 8)):
        for state in (eager, replayed):
            state.lr_scale_d = 1.0 if number < 6 else 0.49
        step_fn(replayed, real, labels, config)
        step(eager, real, labels, config)
    assert equal(everything(replayed), everything(eager))


def test_figures_that_are_kept_are_not_written_over() -> None:
    model, config = small("dcgan")
    state, step_fn = new_state(model, config), GraphedStep(CpuCapture())
    kept = [step_fn(state, real, labels, config) for real, labels in batches(model, 7)]
    assert len({tuple(numbers(metrics).values()) for metrics in kept}) == 7


def test_a_state_that_was_loaded_is_recorded_anew(tmp_path: Path) -> None:
    """Optimizers that load have other tensors; a recording would go on with those that were thrown away."""
    model, config = small("dcgan-stable")
    capture = CpuCapture()
    eager, replayed, step_fn = new_state(model, config), new_state(model, config), GraphedStep(capture)
    shown = batches(model, 12)
    for number, (real, labels) in enumerate(shown):
        if number == 3:
            save_state(eager, tmp_path)
        if number == 6:
            for state in (eager, replayed):
                load_state(state, tmp_path, torch.device("cpu"))
                state.restores, state.lr_scale = 1, 0.5
        step_fn(replayed, real, labels, config)
        step(eager, real, labels, config)
        assert equal(everything(replayed), everything(eager))
    assert (capture.warm, capture.recorded, capture.replayed) == (2 * WARM_UP, 2, 12 - 2 * WARM_UP)


def test_weights_are_loaded_where_a_recording_looks(tiny: ModelConfig) -> None:
    """The reason why only the optimizers are looked at."""
    state = new_state(tiny, config_of(1))
    before = [value.data_ptr() for value in state.generator.state_dict().values()]
    optimizer = state.optimizer_g.state
    state.generator.load_state_dict(new_state(tiny, config_of(1, seed=1)).generator.state_dict())
    assert [value.data_ptr() for value in state.generator.state_dict().values()] == before
    state.optimizer_g.load_state_dict(state.optimizer_g.state_dict())
    assert state.optimizer_g.state is not optimizer


# ---- What a device needs -----------------------------------------------------------------------------


class OnTheDevice(TorchDispatchMode):
    """No operation touches a tensor outside the device: to fetch or bring one, the host and the device must meet."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self.device = device

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        fused = func is torch.ops.aten._fused_adam_.tensor_lr  # works in place, and has no meta kernel
        found = None if fused else func(*args, **(kwargs or {}))
        for tensor in tensors((args, kwargs, found)):
            if tensor.device.type != self.device:
                raise RuntimeError(f"{func} touches a tensor on {tensor.device}")
        return found


class Placeholders(BatchRandom):
    """BatchRandom of a device that this machine does not have."""

    def __init__(self, count: int, device: str) -> None:
        self.device, self.rows, self.count = device, slice(0, count), count

    def _draw(self, shape: tuple[int, ...], dtype: torch.dtype, fill: Any) -> Tensor:
        return torch.empty(self.count, *shape, dtype=dtype, device=self.device)


def updates_on(device: str, state: State, model: ModelConfig, config: TrainConfig) -> StepMetrics:
    real = torch.empty(4, 3, *model.size, device=device)
    labels = torch.empty(4, len(model.genres), dtype=torch.int8, device=device) if model.genres else None
    numbers = Schedule(*(torch.empty((), device=device) for _ in fields(Schedule)))
    return updates(state, Batch(real, labels, Placeholders(4, device)), config, numbers)


@pytest.mark.parametrize("name", KINDS)
def test_nothing_in_a_step_waits_for_a_value_or_leaves_the_device(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the device "meta" tensors have no values, so that whoever looks at one is found."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # knows no meta
    monkeypatch.setattr(import_module("torch.optim.adam"), "_device_dtype_check_for_fused", lambda *_: None)
    model, config = small(name)
    state = new_state(model, config, "meta")
    with OnTheDevice("meta"):
        assert not any(value.shape for value in updates_on("meta", state, model, config).values())


def test_a_tensor_that_is_brought_to_the_device_is_found() -> None:
    with pytest.raises(RuntimeError, match="touches a tensor on cpu"), OnTheDevice("meta"):
        torch.zeros(2).to("meta")


# ---- Whole runs --------------------------------------------------------------------------------------


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> CpuCapture:
    """``Plan(..., graph=True)`` on a CPU, by recordings."""
    capture = CpuCapture()
    monkeypatch.setattr("gan.training.runs.plan.check_graph", lambda *_: None)
    monkeypatch.setattr(loop, "graphed_step", lambda *_: GraphedStep(capture))
    return capture


def assert_same_run(first: Path, second: Path) -> None:
    """State files and logs, but for the time that it took."""
    files = [state_of(run) for run in (first, second)]
    assert list(files[0]) == list(files[1])
    for name in files[0]:
        assert equal([files[0][name]], [files[1][name]]), name
    logs = [read_stats(run) for run in (first, second)]
    for row in (*logs[0], *logs[1]):
        del row["seconds"], row["images_per_second"]
    assert logs[0] == logs[1]


@pytest.mark.parametrize("name", ["dcgan", "dcgan-128", "conditional"])
def test_runs_by_recordings_and_runs_step_by_step_are_the_same_and_resume_each_other(
    name: str, posters: PosterSet, tmp_path: Path, recorded: CpuCapture
) -> None:
    """Stopped after 5 steps and after 10, which is within ticks, and once with recordings, once without."""
    model, config = small(name, 16)
    train(posters, Plan(tmp_path / "eager", model, config, progress=False))
    train(posters, Plan(tmp_path / "graph", model, config, progress=False, graph=True))
    assert recorded.replayed > 0
    for begin, graph in enumerate((True, False, True)):
        part = replace(config, kimg=(6, 9, 16)[begin] * 0.004)
        if config.decay_from < 1 and begin < 2:
            part = replace(part, decay_from=1.0)  # it counts from the length of the run
        train(posters, Plan(tmp_path / "parts", model, part, resume=begin > 0, progress=False, graph=graph))
    assert_same_run(tmp_path / "eager", tmp_path / "graph")
    if config.decay_from == 1:
        assert_same_run(tmp_path / "eager", tmp_path / "parts")


def test_a_run_by_recordings_that_is_interrupted_resumes_exactly(
    posters: PosterSet, tmp_path: Path, recorded: CpuCapture, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, config = small("dcgan-128", 16)
    train(posters, Plan(tmp_path / "eager", model, config, progress=False))
    whole = GraphedStep.__call__

    def interrupted(step_fn: GraphedStep, state: State, *arguments: Any) -> StepMetrics:
        metrics = whole(step_fn, state, *arguments)
        if state.steps == 11:
            os.kill(os.getpid(), signal.SIGINT)
        return metrics

    monkeypatch.setattr(GraphedStep, "__call__", interrupted)
    assert train(posters, Plan(tmp_path / "parts", model, config, progress=False, graph=True)).steps == 11
    assert train(posters, Plan(tmp_path / "parts", model, config, resume=True, progress=False, graph=True)).steps == 16
    assert recorded.replayed > 0
    files = [state_of(tmp_path / name) for name in ("eager", "parts")]
    for name in files[0]:
        assert equal([files[0][name]], [files[1][name]]), name


def test_a_run_by_recordings_is_restored_as_one_step_by_step(
    posters: PosterSet, tmp_path: Path, recorded: CpuCapture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It diverges in a replayed step, goes back with half the rates and other noise, and is recorded anew."""
    model, config = small("dcgan-stable", 16, tick_kimg=0.004, snapshot_kimg=0.012)

    def diverging(step_fn: Callable[..., StepMetrics]) -> Callable[..., StepMetrics]:
        def once(state: State, *arguments: Any) -> StepMetrics:
            metrics = step_fn(state, *arguments)
            if state.steps == 8 and state.restores == 0:
                with torch.no_grad():
                    next(state.generator.parameters()).fill_(math.inf)
            return metrics

        return once

    monkeypatch.setattr(loop, "step", diverging(step))
    monkeypatch.setattr(loop, "graphed_step", lambda *_: diverging(GraphedStep(recorded)))
    eager = train(posters, Plan(tmp_path / "eager", model, config, progress=False))
    graph = train(posters, Plan(tmp_path / "graph", model, config, progress=False, graph=True))
    assert eager.restores == graph.restores == 1
    assert recorded.recorded == 2
    assert_same_run(tmp_path / "eager", tmp_path / "graph")


# ---- Where it cannot be ------------------------------------------------------------------------------


CUDA = torch.device("cuda")


@pytest.mark.parametrize(
    ("device", "world", "changes", "sentence"),
    [
        (torch.device("cpu"), World(), {}, r"^A CUDA graph needs a CUDA device, not cpu; train without --graph\.$"),
        (CUDA, World(0, 2), {}, r"^A CUDA graph holds the step of one process only; train without --graph\.$"),
        (CUDA, World(), {"skip_d_above": 0.9}, r"^A CUDA graph cannot decide whether to skip D; leave --skip-d-above"),
    ],
)
def test_where_there_can_be_no_graph_one_sentence_says_so(
    device: torch.device, world: World, changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(TrainingError, match=sentence):
        graphed_step(config_of(1, **changes), device, world)


def test_a_run_that_cannot_be_a_graph_leaves_no_folder(posters: PosterSet, tiny: ModelConfig, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="needs a CUDA device, not cpu"):
        train(posters, Plan(tmp_path / "run", tiny, config_of(1), progress=False, graph=True))
    assert not (tmp_path / "run").exists()


# ---- CUDA's own calls --------------------------------------------------------------------------------


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> mock.Mock:
    """torch.cuda, of which only the order of calls is seen."""
    calls = mock.MagicMock()
    for name in ("Stream", "current_stream", "stream", "CUDAGraph"):
        monkeypatch.setattr(torch.cuda, name, getattr(calls, name))
    capture = mock.create_autospec(torch.cuda.graph, side_effect=calls.graph)  # takes what the real one takes
    monkeypatch.setattr(torch.cuda, "graph", capture)
    return calls


def test_preparing_steps_run_on_a_stream_that_waits_and_is_waited_for(cuda: mock.Mock) -> None:
    own, current = cuda.Stream.return_value, cuda.current_stream.return_value
    metrics = torch.zeros(5)
    assert CudaCapture(CUDA).warm_up(lambda: cuda.body() and metrics) is metrics
    assert [name for name, *_ in cuda.mock_calls if "__" not in name and name != "current_stream"] == [
        "Stream", "Stream().wait_stream", "stream", "body", "current_stream().wait_stream",
    ]  # fmt: skip
    cuda.current_stream.assert_called_once_with(CUDA)  # not that of another device
    own.wait_stream.assert_called_once_with(current)
    current.wait_stream.assert_called_once_with(own)
    cuda.stream.assert_called_once_with(own)


def test_a_step_is_recorded_on_the_stream_that_prepared_it_and_replayed_when_asked(cuda: mock.Mock) -> None:
    metrics = torch.zeros(5)
    replay = CudaCapture(CUDA).capture(lambda: metrics)
    graph = cuda.CUDAGraph.return_value
    cuda.graph.assert_called_once_with(graph, stream=cuda.Stream.return_value)
    graph.replay.assert_not_called()
    assert replay() is metrics
    assert replay() is metrics
    assert graph.replay.call_count == 2


def test_a_step_that_cannot_be_recorded_is_one_sentence(cuda: mock.Mock) -> None:
    cuda.graph.return_value.__enter__.side_effect = RuntimeError("CUDA error: out of memory\nand much more")
    with pytest.raises(TrainingError, match=r"^The step cannot be captured \(CUDA error: out of memory\); train .*\.$"):
        CudaCapture(CUDA).capture(lambda: torch.zeros(5))


def test_a_recording_that_is_broken_off_names_the_first_reason(cuda: mock.Mock) -> None:
    cuda.graph.return_value.__exit__.side_effect = RuntimeError("the capture failed due to a previous error")
    with pytest.raises(TrainingError, match=r"^The step cannot be captured \(a value was looked at\); "):
        CudaCapture(CUDA).capture(mock.Mock(side_effect=RuntimeError("a value was looked at")))


# ---- What stands in for CUDA -------------------------------------------------------------------------


def test_the_stand_in_freezes_pythons_numbers_reads_tensors_anew_and_runs_nothing_when_it_records() -> None:
    total, number, added = torch.zeros(2), 1.0, torch.ones(2)
    replay = CpuCapture().capture(lambda: total.add_(added).mul(number))
    assert total.tolist() == [0, 0]
    number = 100.0
    added.fill_(5)
    first = replay()
    assert first.tolist() == total.tolist() == [5, 5]
    assert replay() is first
    assert first.tolist() == [10, 10]


@pytest.mark.parametrize(
    "forbidden",
    [
        lambda x: x.sum().item(), lambda x: bool(x[0] > 0), lambda x: x[x > 0], torch.rand_like,
        lambda x: torch.tensor(1.0) * x, lambda x: x.new_tensor(1.0),
    ],
)  # fmt: skip
def test_the_stand_in_refuses_what_cannot_be_recorded(forbidden: Callable[[Tensor], Any]) -> None:
    with pytest.raises(RuntimeError, match=r"waits for a value|draws random numbers|brings a number of Python's"):
        CpuCapture().capture(lambda: forbidden(torch.zeros(2)))


def test_a_step_that_may_skip_d_could_not_be_recorded() -> None:
    """The stand-in finds what is refused on CUDA."""
    model, config = small("dcgan", skip_d_above=0.9)
    state, step_fn = new_state(model, config), GraphedStep(CpuCapture())
    with pytest.raises(RuntimeError, match="waits for a value"):
        for real, labels in batches(model, WARM_UP + 1):
            step_fn(state, real, labels, config)

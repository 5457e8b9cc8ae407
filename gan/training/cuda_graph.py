"""The training step as a CUDA graph: captured once, then one launch a step in place of some hundreds.

    step_fn = graphed_step(config, device, world)        # TrainingError where that is impossible
    metrics = step_fn(state, real, labels, config)       # as gan.training.step.step

A graph holds kernels and addresses, no Python. So what changes from step to step is copied to fixed addresses: posters,
labels, learning rates, the scale of labels, the EMA weight, and the random numbers, which are an eager step's. The
first steps of a run are eager, since libraries choose their kernels and Adam makes its moments in them; steps with
other terms in their losses (a gradient penalty, the Frechet distance) have a graph of their own.

https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any, Protocol

import torch
from torch import Tensor

from gan.errors import TrainingError
from gan.training.config import TrainConfig
from gan.training.distributed import ALONE, World
from gan.training.randomness import ReplayedRandom
from gan.training.schedule import Schedule, frechet_due, noise_seed, noise_start, penalty_due, schedule
from gan.training.state import State
from gan.training.step import Batch, StepMetrics, refresh_moments, set_learning_rates, updates

WARM_UP = 3  # eager steps of each kind before it is captured
Body = Callable[[], StepMetrics]


def graphed_step(config: TrainConfig, device: torch.device, world: World = ALONE) -> GraphedStep:
    """The step for this device. Raises as :func:`check_graph` does."""
    check_graph(config, device, world)
    return GraphedStep(CudaCapture(device))


def check_graph(config: TrainConfig, device: torch.device, world: World = ALONE) -> None:
    """TrainingError if the device has no CUDA graphs, there are several processes, or a step has to read a value."""
    if device.type != "cuda":
        raise TrainingError(f"A CUDA graph needs a CUDA device, not {device.type}; train without --graph.")
    if world.size > 1:
        raise TrainingError("A CUDA graph holds the step of one process only; train without --graph.")
    if config.skip_d_above < 1:
        raise TrainingError(
            "A CUDA graph cannot decide whether to skip D; leave --skip-d-above at 1, or train without --graph."
        )


class Capture(Protocol):
    """How steps are run before they are captured, and how they are; on a CPU, tests put something else in its place."""

    def warm_up(self, body: Body) -> StepMetrics:
        """Run a step that prepares the capture."""

    def capture(self, body: Body) -> Body:
        """Capture a step without running it. What comes back runs it, and fills the same tensors anew each time."""


class CudaCapture:
    """CUDA's own graphs, warmed up and captured on one stream beside the default one, as torch's documentation says."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # torch leaves it untyped

    def warm_up(self, body: Body) -> StepMetrics:
        current = torch.cuda.current_stream(self.device)
        self.stream.wait_stream(current)
        with torch.cuda.stream(self.stream):
            metrics = body()
        current.wait_stream(self.stream)
        return metrics

    def capture(self, body: Body) -> Body:
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=self.stream):
                metrics = body()
        except RuntimeError as error:
            reason = str(first_of(error)).partition("\n")[0]
            raise TrainingError(f"The step cannot be captured ({reason}); train without --graph.") from error

        def replay() -> StepMetrics:
            graph.replay()
            return metrics

        return replay


def first_of(error: BaseException) -> BaseException:
    """The first error of a chain: a capture that fails raises once more when it ends."""
    return error if error.__context__ is None else first_of(error.__context__)


class GraphedStep:
    """:func:`gan.training.step.step` by graphs of one state's tensors; they are captured anew after a restore."""

    def __init__(self, backend: Capture) -> None:
        self.backend = backend
        self.kinds: dict[tuple[bool, ...], _Kind] = {}  # by the terms that are due
        self.moments: list[Any] = []  # of Adam, for each optimizer

    def __call__(
        self, state: State, real: Tensor, labels: Tensor | None, config: TrainConfig, world: World = ALONE
    ) -> StepMetrics:
        """As :func:`gan.training.step.step`; the posters, labels and configuration keep their kind throughout a run."""
        # Weights are loaded in place, but an optimizer that loads gets other tensors, in another dictionary.
        moments = [optimizer.state for optimizer in state.optimizers()]
        if list(map(id, moments)) != list(map(id, self.moments)):
            self.kinds, self.moments = {}, moments
        now, due = schedule(state, config), (penalty_due(state, config), frechet_due(state, config))
        kind = self.kinds[due] = self.kinds.get(due) or _Kind.like(real, labels, config)
        refresh_moments(state, config)
        kind.fill(real, labels, now, (noise_seed(config, state), noise_start(state)))

        def body() -> StepMetrics:
            return updates(state, Batch(kind.real, kind.labels, kind.rng), config, kind.schedule, world)

        if kind.eager_steps < WARM_UP:
            metrics = self.backend.warm_up(body)
            kind.eager_steps += 1
        else:
            if kind.replay is None:
                with capturable(state):
                    kind.replay = self.backend.capture(body)
            metrics = kind.replay()
        set_learning_rates(state, now)  # plain numbers again, as a saved state holds them
        state.steps += 1
        copies = torch.stack(list(metrics.values())).unbind()  # the next replay writes over them
        return dict(zip(metrics, copies, strict=True))


@dataclass
class _Kind:
    """Steps that do the same: the tensors that they read, how many were eager, and their graph."""

    real: Tensor
    labels: Tensor | None
    schedule: Schedule
    rng: ReplayedRandom
    eager_steps: int = 0
    replay: Body | None = None

    @classmethod
    def like(cls, real: Tensor, labels: Tensor | None, config: TrainConfig) -> _Kind:
        """Room for such posters and labels. Adam reads its learning rate in float64 on a CPU, else in float32."""
        precise = torch.float64 if real.device.type == "cpu" else torch.float32
        lr_g, lr_d, lr_critic = (torch.zeros((), dtype=precise, device=real.device) for _ in range(3))
        label_scale, ema_weight = (torch.zeros((), device=real.device) for _ in range(2))
        return cls(
            torch.empty_like(real),
            None if labels is None else torch.empty_like(labels),
            Schedule(lr_g, lr_d, lr_critic, label_scale, ema_weight),
            ReplayedRandom.of_batch(config.batch, 0, real.device),
        )

    def fill(self, real: Tensor, labels: Tensor | None, now: Schedule, noise: tuple[int, int]) -> None:
        """Copy there what the next step reads; ``noise`` : seed, and where its stream begins."""
        self.real.copy_(real)
        if self.labels is not None and labels is not None:
            self.labels.copy_(labels)
        for number in fields(Schedule):
            getattr(self.schedule, number.name).fill_(getattr(now, number.name))
        self.rng.reseed(*noise)


@contextmanager
def capturable(state: State) -> Iterator[None]:
    """All optimizers can be captured, and their gradients are made anew meanwhile, in memory that the graph owns."""
    optimizers = state.optimizers()
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    for optimizer in optimizers:
        optimizer.zero_grad()
    for group in groups:
        group["capturable"] = True
    try:
        yield
    finally:
        for group in groups:
            group["capturable"] = False

"""The training step as a CUDA graph: recorded once, then one launch a step in place of some hundreds.

    advance = graphed(config, device, world)             # TrainingError where that cannot be
    figures = advance(state, real, labels, config)       # as gan.training.step.step

A recording knows kernels and addresses, no Python. So what changes from step to step is put where it looks: posters,
labels, learning rates, the labels' size, the average's weight, and the random numbers, which are an eager step's. The
first steps of a run are eager, since libraries choose their kernels and Adam makes its averages in them; steps with a
penalty on slopes, which do more, have a recording of their own.

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
from gan.training.distributed import World
from gan.training.randomness import Tape
from gan.training.schedule import Schedule, noise_seed, punished, schedule
from gan.training.state import State
from gan.training.step import ALONE, set_rates, updates

WARM_UP = 3  # eager steps of each kind before it is recorded
Body = Callable[[], Tensor]


def graphed(config: TrainConfig, device: torch.device, world: World = ALONE) -> GraphedStep:
    """The step for this device; raises as :func:`require_graphs` does."""
    require_graphs(config, device, world)
    return GraphedStep(CudaCapture(device))


def require_graphs(config: TrainConfig, device: torch.device, world: World = ALONE) -> None:
    """TrainingError if the device has no CUDA graphs, there are several processes, or a step must look at a value."""
    if device.type != "cuda":
        raise TrainingError(f"A CUDA graph needs a CUDA device, not {device.type}; train without --graph.")
    if world.size > 1:
        raise TrainingError("A CUDA graph holds the step of one process only; train without --graph.")
    if config.skip_d_above < 1:
        raise TrainingError(
            "A CUDA graph cannot decide whether to skip D; leave --skip-d-above at 1, or train without --graph."
        )


class Capture(Protocol):
    """How eager steps are run and recordings made; on a CPU, tests put something else in its place."""

    def aside(self, body: Body) -> Tensor:
        """Run a step that prepares the recording."""

    def record(self, body: Body) -> Body:
        """Record a step without running it. What comes back runs it, and always gives the same tensor, filled anew."""


class CudaCapture:
    """CUDA's own graphs, prepared and recorded on one stream beside the default one, as torch's documentation asks."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # torch leaves it untyped

    def aside(self, body: Body) -> Tensor:
        current = torch.cuda.current_stream(self.device)
        self.stream.wait_stream(current)
        with torch.cuda.stream(self.stream):
            figures = body()
        current.wait_stream(self.stream)
        return figures

    def record(self, body: Body) -> Body:
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=self.stream):
                figures = body()
        except RuntimeError as error:
            reason = str(first_of(error)).partition("\n")[0]
            raise TrainingError(f"The step cannot be recorded ({reason}); train without --graph.") from error

        def replay() -> Tensor:
            graph.replay()
            return figures

        return replay


def first_of(error: BaseException) -> BaseException:
    """What went wrong at first: a capture that is broken off fails once more when it ends."""
    return error if error.__context__ is None else first_of(error.__context__)


class GraphedStep:
    """:func:`gan.training.step.step` by recordings of one state's tensors; they are made anew when a state was restored."""

    def __init__(self, capture: Capture) -> None:
        self.capture = capture
        self.kinds: dict[bool, _Kind] = {}
        self.places: tuple[Any, Any] = (None, None)

    def __call__(
        self, state: State, real: Tensor, labels: Tensor | None, config: TrainConfig, world: World = ALONE
    ) -> Tensor:
        """As :func:`gan.training.step.step`; the posters, labels and configuration keep their kind throughout a run."""
        # Weights are loaded in place, but an optimizer that loads gets other tensors, in another dictionary.
        places = state.optimizer_g.state, state.optimizer_d.state
        if any(now is not before for now, before in zip(places, self.places, strict=True)):
            self.kinds, self.places = {}, places
        name, now = punished(state, config), schedule(state, config)
        kind = self.kinds[name] = self.kinds.get(name) or _Kind.like(real, labels, config)
        kind.fill(real, labels, now, noise_seed(config, state))

        def body() -> Tensor:
            return updates(state, kind.real, kind.labels, config, kind.now, kind.draws, world)

        if kind.warm < WARM_UP:
            figures = self.capture.aside(body)
            kind.warm += 1
        else:
            if kind.replay is None:
                with capturable(state):
                    kind.replay = self.capture.record(body)
            figures = kind.replay()
        set_rates(state, now)  # plain numbers again, as a saved state holds them
        state.steps += 1
        return figures.clone()  # the next replay writes over them


@dataclass
class _Kind:
    """Steps that do the same: the tensors that they read, how many were eager, and their recording."""

    real: Tensor
    labels: Tensor | None
    now: Schedule
    draws: Tape
    warm: int = 0
    replay: Body | None = None

    @classmethod
    def like(cls, real: Tensor, labels: Tensor | None, config: TrainConfig) -> _Kind:
        """Room for such posters and labels. Adam reads its rate in double precision on a CPU, else in single."""
        precise = torch.float64 if real.device.type == "cpu" else torch.float32
        rate_g, rate_d = (torch.zeros((), dtype=precise, device=real.device) for _ in range(2))
        ramp, follow = (torch.zeros((), device=real.device) for _ in range(2))
        return cls(
            torch.empty_like(real),
            None if labels is None else torch.empty_like(labels),
            Schedule(rate_g, rate_d, ramp, follow),
            Tape.of_batch(config.batch, 0, real.device),
        )

    def fill(self, real: Tensor, labels: Tensor | None, now: Schedule, seed: int) -> None:
        """Put there what the next step is to read."""
        self.real.copy_(real)
        if self.labels is not None and labels is not None:
            self.labels.copy_(labels)
        for number in fields(Schedule):
            getattr(self.now, number.name).fill_(getattr(now, number.name))
        self.draws.refill(seed)


@contextmanager
def capturable(state: State) -> Iterator[None]:
    """Both optimizers may be recorded, and their gradients are made anew in it, in memory that the graph owns."""
    optimizers = (state.optimizer_g, state.optimizer_d)
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

"""Where the time of a step goes: forward and backward through each network, and what is left.

    state = new_state(model, config, device)
    parts = profile(lambda: step(state, real, None, config), networks_of(state))
    parts[0].name, parts[0].forward, parts[0].backward                  # "generator", 0.03, 0.06: seconds a step

By torch.profiler: operations inside a network's modules count as its own, and so does the backward pass of the graph
nodes that they left, wherever it runs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.autograd.profiler import record_function
from torch.profiler import ProfilerActivity
from torch.profiler import profile as torch_profile

from gan.training.state import State

MARK = "network: "  # what the names of a network's events begin with
BACKWARD = "autograd::engine::evaluate_function: "  # the same, of nodes of the graph
OPTIMIZER = "Optimizer.step#"
STEPS = 8


@dataclass(frozen=True)
class Part:
    """Seconds a step that a network takes; ``backward`` is 0 where nothing flows back through it.

    The part named "optimizers" has its time in ``forward``, and so has "the rest": augmentation, losses, averages.
    """

    name: str
    forward: float
    backward: float

    @property
    def seconds(self) -> float:
        return self.forward + self.backward


def networks_of(state: State) -> dict[str, nn.Module]:
    """The networks of a run by name; a critic's frozen backbone, its random projections and its heads apart."""
    found: dict[str, nn.Module] = {"generator": state.generator, "discriminator": state.discriminator}
    if state.critic is not None:
        found["critic: frozen backbone"] = state.critic.get_submodule("frozen.backbone")
        found["critic: random projections"] = state.critic.get_submodule("frozen.mixings")
        found["critic: heads"] = state.critic.heads
    return found


def profile(one_step: Callable[[], Any], networks: Mapping[str, nn.Module], steps: int = STEPS) -> tuple[Part, ...]:
    """Seconds a step of every network, of the optimizers and of the rest, the mean of some steps on the CPU.

    Their sum is a step under the profiler, which is a little slower than a step without.
    """
    one_step()
    with _marked(networks), torch_profile(activities=[ProfilerActivity.CPU]) as profiler:
        for _ in range(steps):
            with record_function("step"):
                one_step()
    events = profiler.events()
    assert events is not None
    return _parts(sorted(events, key=_start), steps)


def _parts(events: list[Any], steps: int) -> tuple[Part, ...]:
    """From events in the order of their starts, in microseconds."""
    forward: dict[str, float] = defaultdict(float)
    backward: dict[str, float] = defaultdict(float)
    owner: dict[int, str] = {}  # by the number of a graph's node: the network whose operation left it
    optimizers = total = 0.0
    for event in events:
        if event.name == "step":
            total += _microseconds(event)
        elif event.name.startswith(OPTIMIZER):
            optimizers += _microseconds(event)
        elif event.name.startswith(BACKWARD):
            name = owner.get(event.sequence_nr, "")
            backward[name] += _microseconds(event)
        else:
            name = _network(event)
            if event.sequence_nr >= 0 and not _runs_backward(event):
                owner[event.sequence_nr] = name
            if event.name.startswith(MARK) and not _network(event.cpu_parent):
                forward[name] += _microseconds(event)
    named = [Part(name, forward[name], backward[name]) for name in forward]
    rest = total - optimizers - sum(part.seconds for part in named)
    parts = (*named, Part("optimizers", optimizers, 0.0), Part("the rest", rest, 0.0))
    return tuple(Part(part.name, part.forward / steps / 1e6, part.backward / steps / 1e6) for part in parts)


def _start(event: Any) -> float:
    return float(event.time_range.start)


def _microseconds(event: Any) -> float:
    return float(event.time_range.elapsed_us())


def _network(event: Any) -> str:
    """The network inside which an event took place; "" outside."""
    while event is not None:
        if event.name.startswith(MARK):
            return str(event.name.removeprefix(MARK))
        event = event.cpu_parent
    return ""


def _runs_backward(event: Any) -> bool:
    while event is not None:
        if event.name.startswith(BACKWARD):
            return True
        event = event.cpu_parent
    return False


@contextmanager
def _marked(networks: Mapping[str, nn.Module]) -> Iterator[None]:
    """Every module of the networks is an event with the network's name while it runs."""
    handles = []
    for name, network in networks.items():
        for module in network.modules():  # all of them, for some are called without the network that holds them
            open_events: list[Any] = []

            def enter(*_: Any, name: str = name, opened: list[Any] = open_events) -> None:
                opened.append(record_function(MARK + name))
                opened[-1].__enter__()

            def leave(*_: Any, opened: list[Any] = open_events) -> None:
                opened.pop().__exit__(None, None, None)

            handles += [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()

"""The registry of metrics: tables, model cards, pages and documentation are made from its entries.

    @metric("quality", "precision", "proportion of generated posters that ...", perfect="floor", better="higher")
    def precision(pair: Comparison) -> float:
        ...

    METRICS["precision"].format(0.613)            # "61.3%"

An entry stands beside the function that computes it; importing :mod:`gan.evaluation.report` fills the registry.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from gan.evaluation.estimates import Estimate, Range

Group = Literal["quality", "discriminator", "memorization", "diversity", "genres"]
Function = TypeVar("Function", bound=Callable[..., Any])

GROUPS: dict[Group, str] = {
    "quality": "Quality",
    "discriminator": "Discriminator",
    "memorization": "Memorization",
    "diversity": "Diversity",
    "genres": "Genres",
}


@dataclass(frozen=True)
class Metric:
    """A metric, as an entry of the registry.

    name : its key in ``evaluate.json``. group : what it is measured together with; says what ``compute`` takes.
    compute : from the group's inputs to a float, or an Estimate where the metric has an interval of its own.
    label : in tables. description : what it is. caveat : what it cannot say.
    perfect : its value for a perfect generator; "floor": that of real posters; None: unknown or undefined.
    better : which way is better, if that is known.
    limits : the least and the greatest value that it can have, to which intervals are clipped.
    proportion : of independent cases; its interval is never narrower than Wilson's.
    percent, digits : how it is written.
    column : its heading in the table that compares checkpoints; "" leaves it out.
    title, plain : its heading on the dashboard, and what it means in a sentence for everyone; "" leaves it out.
    """

    name: str
    group: Group
    compute: Callable[..., Any]
    label: str
    description: str
    caveat: str = ""
    perfect: float | Literal["floor"] | None = None
    better: Literal["higher", "lower", ""] = ""
    limits: Range = (0.0, 1.0)
    proportion: bool = False
    percent: bool = True
    digits: int = 1
    column: str = ""
    title: str = ""
    plain: str = ""

    def format(self, value: float, digits: int | None = None) -> str:
        """A value with its unit: ``61.3%`` or ``78.5``."""
        places = self.digits if digits is None else digits
        return f"{value:.{places}%}" if self.percent else f"{value:.{places}f}"

    def interval(self, estimate: Estimate) -> str:
        """``[59.2%, 63.4%]``."""
        return f"[{self.format(estimate.low)}, {self.format(estimate.high)}]"

    def with_interval(self, estimate: Estimate) -> str:
        """``61.3% [59.2%, 63.4%]``."""
        return f"{self.format(estimate.value)} {self.interval(estimate)}"

    @property
    def ideal(self) -> str:
        """The value for a perfect generator in words; "" where there is none."""
        if self.perfect is None:
            return ""
        if self.perfect == "floor":
            return "the floor"
        return f"{100 * self.perfect:g} %" if self.percent else f"{self.perfect:g}"


METRICS: dict[str, Metric] = {}


def metric(group: Group, label: str, description: str, **details: Any) -> Callable[[Function], Function]:
    """Register a function as the metric of its name; ``details`` are further fields of :class:`Metric`."""

    def register(function: Function) -> Function:
        name = function.__name__
        if name in METRICS:
            raise ValueError(f"There are two metrics {name}.")
        METRICS[name] = Metric(name, group, function, label, description, **details)
        return function

    return register


def in_group(group: Group) -> list[Metric]:
    """The metrics of a group, in the order in which they are defined."""
    return [one for one in METRICS.values() if one.group == group]


def compute(group: Group, *inputs: Any) -> dict[str, Any]:
    """All metrics of a group, by name."""
    return {one.name: one.compute(*inputs) for one in in_group(group)}


def ranges(group: Group) -> dict[str, Range]:
    """The limits of a group's metrics, for :func:`gan.evaluation.estimates.with_intervals`."""
    return {one.name: one.limits for one in in_group(group)}


def proportions(group: Group) -> frozenset[str]:
    """A group's metrics that are proportions of independent cases, for the same function."""
    return frozenset(one.name for one in in_group(group) if one.proportion)


def documentation() -> str:
    """The registry as a Markdown table, for docs/evaluation.md."""
    lines = ["| metric | what it is | perfect | what it cannot say |", "| --- | --- | --- | --- |"]
    for group, title in GROUPS.items():
        lines.append(f"| **{title}** | | | |")
        lines += [f"| `{one.name}` | {one.description} | {one.ideal} | {one.caveat} |" for one in in_group(group)]
    return "\n".join(lines)

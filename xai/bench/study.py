"""Localisation of many methods: planted cases, every method's map of each, and how they stand against controls.

    study = localise(gan.load("checkpoints/dcgan-64"), Plan(cases=8))        # generated posters
    study.standings()[0].name, study.standings("patch")
    print(report(study))                                                     # xai.bench.tables

The same plan gives the same numbers, times aside.
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from gan.checkpoints.record import Checkpoint
from gan.data.posters import PosterSet
from gan.errors import DataError, counted
from gan.networks.dcgan import Generator, latents
from gan.networks.seeds import reserved
from xai.bench.localisation import CONTROLS, MEASURES, Measures, Standing, control, measure, relevance, standings
from xai.bench.planted import KINDS, Case, Found, find, parts, patches, strips
from xai.methods import METHODS, attribution
from xai.methods.base import Attribution
from xai.methods.references import reference
from xai.networks.score import Score

HOSTS, DONORS = 1000, 256  # posters to choose from, at most
HOST_SEEDS, DONOR_SEEDS = (
    reserved("hosts").start,
    reserved("donors").start,
)
CEILING = "ceiling"  # a map that shows nothing but the thing, since it compares with the picture without it


@dataclass(frozen=True)
class Plan:
    """What to measure.

    cases : of each of the three kinds, at least 2. least : change of the logit that a case needs, in its standard
    deviations over the hosts. reference : a kind; None for posters where there are any, else generated ones.
    quick : slow methods at bounded cost.
    """

    cases: int = 48
    least: float = 1.0
    seed: int = 0
    reference: str | None = None
    methods: Sequence[str] = tuple(METHODS)
    quick: bool = False


@dataclass(frozen=True)
class Study:
    """What was measured, with which settings.

    cases : by kind. measures, seconds (of the processor) : by method or control; of measures one entry a case, kind
    after kind.
    """

    settings: Mapping[str, Any]
    cases: Mapping[str, Found]
    measures: Mapping[str, Sequence[Measures]]
    seconds: Mapping[str, float]

    def standings(self, kind: str | None = None) -> list[Standing]:
        """Methods and controls, best first, over the cases of one kind or over all."""
        kinds = [each for each, found in self.cases.items() for _ in found.cases]
        rows = [row for row, each in enumerate(kinds) if kind in (None, each)]
        measures = {name: [values[row] for row in rows] for name, values in self.measures.items()}
        return standings(measures, CONTROLS, self.settings["seed"])

    def area(self, kind: str | None = None) -> float:
        """Mean proportion of the picture that the masks cover."""
        return float(
            np.mean([c.mask.mean() for each, f in self.cases.items() if kind in (None, each) for c in f.cases])
        )

    def record(self) -> dict[str, Any]:
        """Everything, for a JSON file."""
        return {
            "settings": dict(self.settings),
            "kinds": {
                kind: {"tried": found.tried, "kept": len(found.cases), "area": self.area(kind)}
                for kind, found in self.cases.items()
            },
            "all": [asdict(one) for one in self.standings()],
            **{kind: [asdict(one) for one in self.standings(kind)] for kind in self.cases},
            "seconds": dict(self.seconds),
            "cases": [
                {"kind": case.kind, "label": case.label, "delta": case.delta, "area": float(case.mask.mean())}
                for found in self.cases.values()
                for case in found.cases
            ],
            "measures": {
                name: {key: [round(getattr(one, key), 4) for one in values] for key in MEASURES}
                for name, values in self.measures.items()
            },
        }


def localise(
    checkpoint: Checkpoint, plan: Plan, training: PosterSet | None = None, held_out: PosterSet | None = None
) -> Study:
    """Find the cases, explain each with every method, and measure. Without posters, generated ones take their place.

    Raises
    ------
    DataError
        If no poster is held out, or their logits do not differ.
    ExplanationError
        If too few cases are found, or the reference needs posters.
    """
    start = time.perf_counter()
    given = prepare(checkpoint, plan, training, held_out)
    methods = [method.cheap() for method in given.methods] if plan.quick else given.methods
    measures, seconds = measure_all(given.all_cases, methods, plan.seed)
    settings = {
        "checkpoint": checkpoint.name,
        "digest": checkpoint.digest,
        "hosts": given.described,
        "real": training is not None,
        "cases": plan.cases,
        "least": plan.least,
        "least_logit": given.least,
        "reference": given.methods[0].reference.name,
        "seed": plan.seed,
        "quick": plan.quick,
        "methods": {method.name: method.config for method in methods},
        "threads": torch.get_num_threads(),
        "minutes": (time.perf_counter() - start) / 60,
        "versions": versions(),
    }
    return Study(settings, given.cases, measures, seconds)


@dataclass(frozen=True, eq=False)
class Prepared:
    """Pictures (N, 3, H, W) to plant in, the cases by kind, which need a change of ``least``, and the methods."""

    hosts: Tensor
    described: str
    least: float
    cases: Mapping[str, Found]
    methods: Sequence[Attribution]

    @property
    def all_cases(self) -> list[Case]:
        """The cases of all kinds, kind after kind."""
        return [case for kind in KINDS for case in self.cases[kind].cases]


def prepare(checkpoint: Checkpoint, plan: Plan, training: PosterSet | None, held_out: PosterSet | None) -> Prepared:
    """What :func:`localise` measures, before it does; see there."""
    generator, discriminator = checkpoint.need_both()
    score = Score(discriminator)
    hosts = some_of(held_out, plan.seed) if held_out is not None else generated(generator, HOST_SEEDS, HOSTS)
    described = counted(len(hosts), f"{'generated' if training is None else 'held-out'} poster")
    least = plan.least * spread_of_logits(score, hosts)
    cases = find_cases(score, hosts, generated(generator, DONOR_SEEDS, DONORS), plan, least)
    kind = plan.reference or ("generated" if training is None else "posters")
    against = reference(kind, posters=training, generator=generator, seed=plan.seed)
    methods = [attribution(name, score, reference=against, seed=plan.seed) for name in plan.methods]
    return Prepared(hosts, described, least, cases, methods)


def versions() -> dict[str, str]:
    """Of what a measurement depends on."""
    packages = ("posterlens", "torch", "numpy", "scipy", "scikit-image")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}


def some_of(held_out: PosterSet, seed: int) -> Tensor:
    """At most 1,000 (N, 3, H, W) of the posters that are held out."""
    if not len(held_out):
        raise DataError("None of these posters is held out by its name (5 % are); give more of them.")
    return held_out.tensor(np.sort(np.random.default_rng(seed).permutation(len(held_out))[:HOSTS]))


@torch.inference_mode()
def generated(generator: Generator, first: int, count: int) -> Tensor:
    """Generated posters (N, 3, H, W) of consecutive seeds."""
    starts = range(first, first + count, 50)
    seeds = [range(start, min(start + 50, first + count)) for start in starts]
    return torch.cat([generator(latents(some, generator.config)) for some in seeds])


def spread_of_logits(score: Score, hosts: Tensor) -> float:
    """Standard deviation of the posters' logits."""
    spread = float(torch.cat([score(batch) for batch in torch.split(hosts, 64)]).std())
    if not 0 < spread < float("inf"):
        raise DataError("The discriminator's logits of these posters do not differ, or are not finite.")
    return spread


def find_cases(score: Score, hosts: Tensor, donors: Tensor, plan: Plan, least: float) -> dict[str, Found]:
    """Cases of each kind."""
    height, width = hosts.shape[-2:]
    trials = {"patch": patches(hosts, donors), "noise": strips(hosts), "synthetic": parts((height, width))}
    return {kind: find(kind, score, trials[kind], plan.cases, least, plan.seed) for kind in KINDS}


def measure_all(
    cases: list[Case], methods: Sequence[Attribution], seed: int
) -> tuple[dict[str, list[Measures]], dict[str, float]]:
    """(measures by name, mean seconds of processor time a map by method, which other work does not lengthen)."""
    names = (*[method.name for method in methods], CEILING, *CONTROLS)
    measures: dict[str, list[Measures]] = {name: [] for name in names}
    seconds = dict.fromkeys((method.name for method in methods), 0.0)
    for number, case in enumerate(tqdm(cases, "cases", file=sys.stderr)):
        for method in methods:
            start = time.process_time()
            explanation = method.attribute(case.image)
            seconds[method.name] += (time.process_time() - start) / len(cases)
            measures[method.name].append(measure(relevance(explanation, case.delta), case.mask))
        without = reference("posters", images=case.without)
        best = attribution("deeplift", methods[0].score, reference=without).attribute(case.image)
        measures[CEILING].append(measure(relevance(best, case.delta), case.mask))
        for name in CONTROLS:
            measures[name].append(measure(control(name, case.image, seed * len(cases) + number), case.mask))
    return measures, seconds

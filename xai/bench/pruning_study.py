"""The study of how far a generator can be pruned: every ranking at several proportions, on held-out posters.

    found = study(checkpoint, table, posters_of(checkpoint, "posters.zip"))
    found.unnoticed["effect"]                           # 0.3: the proportion that can go unnoticed in this order
    found.write(folder / FILE)                          # what the Prune page shows

A quarter of an hour of two cores and more. The feature extractor needs the extra ``metrics``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from gan.checkpoints.dataset import CheckpointPosters
from gan.checkpoints.record import Checkpoint
from gan.evaluation.features import generated_features, poster_features
from gan.progress import StageProgress
from xai.bench.pruning import bench, unnoticed
from xai.generator.filter_table import FilterTable
from xai.generator.pruning import RANKINGS, effects, ranking, unit_statistics
from xai.generator.pruning_curves import RULE, PruningCurves

SHARES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7)
STAGES = {"real posters": 0.1} | {name: 0.45 if name == "random" else 0.15 for name in RANKINGS}  # random: several


@dataclass(frozen=True)
class Plan:
    """samples : generated posters for each point. shares : proportions of the filters that are removed.

    orders : random rankings that are tried. recalibrated : measure BatchNorm's statistics anew after pruning.
    """

    samples: int = 500
    shares: tuple[float, ...] = SHARES
    orders: int = 3
    recalibrated: bool = False


def study(
    checkpoint: Checkpoint,
    table: FilterTable,
    posters: CheckpointPosters,
    plan: Plan | None = None,
    progress: StageProgress = lambda stage, part: None,
) -> PruningCurves:
    """Points of all rankings, bound to the weights by their digest.

    table : of the generator's filters, for the ranking by effect. progress : of ``STAGES``.

    Raises
    ------
    MetricsUnavailableError
        If the feature extractor is not installed.
    """
    plan = plan or Plan()
    generator, shares = checkpoint.need_generator(), sorted({0.0, *plan.shares})
    real = poster_features(posters.held_out, progress=partial(progress, "real posters"))
    known, whole = unit_statistics(generator), generated_features(generator, plan.samples)
    measured, rankings, limits = effects(table), {}, {}
    for name in RANKINGS:
        seeds = range(plan.orders if name == "random" else 1)
        orders = [ranking(generator, name, measured, seed, known) for seed in seeds]
        points = bench(
            generator, orders, shares, lambda network: generated_features(network, plan.samples), real,
            plan.recalibrated, known, whole, partial(progress, name),
        )  # fmt: skip
        rankings[name], limits[name] = tuple(points), unnoticed(points)
    return PruningCurves(
        checkpoint.digest, plan.samples, len(posters.held_out), posters.origin, posters.source, plan.orders,
        plan.recalibrated, RULE, limits, rankings,
    )  # fmt: skip

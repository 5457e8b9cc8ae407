"""What only these pages compute, timed by itself: no library does the same.

for job in OWN:                                # generator, sobol, pruning, verdicts, collection
    print(table(list(job(bench))))             # xai.bench.timings.timing
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

import xai
from gan.errors import counted
from gan.networks.dcgan import latents
from xai.bench.timings.collection import collection
from xai.bench.timings.timing import REFERENCES, Bench, Row, turns
from xai.generator.ablation import ablate_all
from xai.generator.folded import FoldedGenerator
from xai.generator.pruning import first_of, prune, ranking, unit_statistics
from xai.latents.sobol import POINTS, importance
from xai.latents.sweeps import latent_sweeps
from xai.methods import FIRST
from xai.networks.jacobian import jacobian


def generator(bench: Bench) -> Iterator[Row]:
    """All sweeps of one seed, the picture without each filter, the Jacobian."""
    network = bench.checkpoint.need_generator()
    z = latents([7], bench.checkpoint.config)
    few = max(3, bench.turns // 3)
    (sweeps,) = turns(few, lambda turn: latent_sweeps(network, z))
    yield Row.alone("Latent sweeps: 100 values at 11 steps", sweeps, "under 8,000 ms")
    folded, score = FoldedGenerator.of(network), bench.score
    (without,) = turns(few, lambda turn: [ablate_all(folded, z, layer, score=score) for layer in folded.layers])
    count = sum(folded.count(layer) for layer in folded.layers)
    yield Row.alone(f"The poster without each of {counted(count, 'filter')}, and D's logit", without, "under 6,000 ms")
    (jacobians,) = turns(few, lambda turn: jacobian(network, z))
    yield Row.alone("Jacobian of one poster", jacobians, "under 500 ms")


def sobol(bench: Bench) -> Iterator[Row]:
    """Sobol's total index of every latent dimension, on a small sample."""
    network, samples = bench.checkpoint.need_generator(), 4
    (spent,) = turns(3, lambda turn: importance(network, bench.score, samples, seed=turn))
    count = samples * (network.config.latent + POINTS)
    note = f"{counted(samples, 'sample')}; time grows with their number, and the shipped study has 256"
    yield Row.alone(f"Sobol's index of every latent dimension, {counted(count, 'poster')}", spent, "", note)


def pruning(bench: Bench) -> Iterator[Row]:
    """What the Prune page asks for: a smaller generator, and twelve posters before and after."""
    network = bench.checkpoint.need_generator()
    z = latents(range(12), bench.checkpoint.config)

    @torch.no_grad()
    def posters(turn: int, statistics: Any, order: Any) -> list[Tensor]:
        smaller = prune(network, first_of(network, order, 0.1 + 0.05 * (turn % 5)), statistics=statistics)
        return [network(z), smaller(z)]

    def from_nothing(turn: int) -> None:
        statistics = unit_statistics(network)
        posters(turn, statistics, ranking(network, "duplicates", statistics=statistics))

    cached = unit_statistics(network)
    order = ranking(network, "duplicates", statistics=cached)
    few = max(3, bench.turns // 3)
    cold, warm = turns(few, from_nothing, lambda turn: posters(turn, cached, order))
    yield Row.alone("Pruning, 12 posters before and after", cold, "", "statistics and ranking measured anew")
    yield Row.alone("Pruning, another proportion", warm, "", "statistics and ranking are cached")


def verdicts(bench: Bench) -> Iterator[Row]:
    """Whether to believe the four maps that the Compare page begins with, of a poster that is new in each turn."""
    network = bench.checkpoint.need_generator()
    reference = xai.reference("generated", generator=network, count=REFERENCES)
    methods = [xai.attribution(name, bench.score, reference=reference) for name in FIRST]

    def judge(turn: int) -> list[str]:
        poster = network(latents([100 + turn], bench.checkpoint.config)).detach()
        return [xai.examine(method, poster, method.attribute(poster)).badge for method in methods]

    (spent,) = turns(max(3, bench.turns // 3), judge)
    note = ", ".join(FIRST)
    yield Row.alone("Verdicts on the four first maps, a new poster", spent, "under 6,000 ms", note)


OWN = (generator, sobol, pruning, verdicts, collection)

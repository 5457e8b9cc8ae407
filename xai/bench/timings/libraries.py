"""Attribution methods timed beside captum, shap and lime, on the same network in the same run.

    for job in PEERS:                                  # forward, deeplift, deepshap, gradients, lime
        print(table(list(job(bench))))                 # xai.bench.timings.timing

A registry: a new comparison is a function here and an entry of PEERS.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from gan.errors import counted
from xai.bench.timings.timing import REFERENCES, Bench, Row, Times, turns
from xai.methods import attribution
from xai.methods.references import reference
from xai.networks.score import Score
from xai.trust.agreement import coarse, rank_correlation


class AsItIs(torch.nn.Module):
    """A network that no chain is made of: what a person hands to a library."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.network(images)
        return scores


def forward(bench: Bench) -> Iterator[Row]:
    """D on one poster and on 64."""
    score, network = bench.score, bench.score.module()
    for rows in (1, 64):
        images = bench.posters[:rows]
        with torch.no_grad():
            ours, plain = turns(bench.turns, lambda _: score(images), lambda _: network(images))  # noqa: B023
        yield Row.beside(f"D on {rows} poster{'s' * (rows > 1)}", ours, "the module as it is", plain)


def deeplift(bench: Bench) -> Iterator[Row]:
    """One poster against the grey one."""
    from captum.attr import DeepLift

    score, grey = bench.score, torch.zeros_like(bench.posters[:1])
    peer = DeepLift(score.module())
    method = attribution("deeplift", score)
    ours, captum = turns(
        bench.turns,
        lambda turn: method.attribute(bench.picture(turn)),
        lambda turn: peer.attribute(bench.picture(turn), grey),
    )
    yield Row.beside("DeepLIFT, one poster", ours, "captum DeepLift", captum, "faster")
    rows = bench.posters[:32]
    together, captum = turns(
        bench.turns,
        lambda _: method.attribute(rows),
        lambda turn: peer.attribute(rows[turn % len(rows)][None], grey),
    )
    yield Row.beside("DeepLIFT of 32 posters at once, each", together.per(len(rows)), "captum one by one", captum)


def deepshap(bench: Bench) -> Iterator[Row]:
    """One poster against 16 others."""
    from captum.attr import DeepLiftShap
    from shap import DeepExplainer

    score = bench.score
    method = attribution("deepshap", score, reference=reference("posters", images=bench.references))
    explainer, captum = DeepExplainer(score.module(), bench.references), DeepLiftShap(score.module())
    ours, by_shap, by_captum = turns(
        bench.turns,
        lambda turn: method.attribute(bench.picture(turn)),
        lambda turn: explainer.shap_values(bench.picture(turn), check_additivity=False),
        lambda turn: captum.attribute(bench.picture(turn), bench.references),
    )
    yield Row.beside(f"DeepSHAP, {REFERENCES} references", ours, "shap DeepExplainer", by_shap, "5 times")
    yield Row.beside(f"DeepSHAP, {REFERENCES} references", ours, "captum DeepLiftShap", by_captum, "5 times")


def gradients(bench: Bench) -> Iterator[Row]:
    """Integrated gradients, at the same completeness gap or better."""
    from captum.attr import IntegratedGradients

    score, grey = bench.score, torch.zeros_like(bench.posters[:1])
    peer = IntegratedGradients(score.module())
    method = attribution("integrated_gradients", score)
    gaps: list[list[float]] = [[], []]

    def ours_(turn: int) -> None:
        gaps[0].append(abs(float(method.attribute(bench.picture(turn)).gap)))

    def captum_(turn: int) -> None:
        image = bench.picture(turn)
        values = peer.attribute(image, grey, n_steps=64, method="gausslegendre", internal_batch_size=64)
        gaps[1].append(abs(float(score(image) - score(grey) - values.sum())))

    ours, captum = turns(bench.turns, ours_, captum_)
    note = f"median gap {statistics.median(gaps[0]):.1g}, captum {statistics.median(gaps[1]):.1g}"
    yield Row.beside("Integrated gradients", ours, "captum, 64 steps", captum, note=note)


def lime(bench: Bench) -> Iterator[Row]:
    """LIME until it agrees with itself, against the library with 1,000 samples on the same kind of segments."""
    seeds, posters = 4, 5
    rows: dict[str, list[float]] = {"direct": [], "lime": []}
    alike: dict[str, list[float]] = {"direct": [], "lime": []}
    samples: list[int] = []
    fast, plain = bench.score, Score(AsItIs(bench.score.module()))
    for index in range(posters):
        image = bench.picture(index)
        maps: dict[str, list[Any]] = {"direct": [], "lime": []}
        for seed in range(seeds):
            for engine, score, settings in (("direct", fast, {}), ("lime", plain, {"samples": 1000})):
                method = attribution("lime", score, engine=engine, seed=seed, **settings)
                found = method.attribute(image)
                rows[engine].append(1000 * found.seconds)
                maps[engine].append(coarse(found.heat()))
                samples += [int(found.diagnostics["samples"])] * (engine == "direct")
        for engine, each in maps.items():
            pairs = [rank_correlation(each[i], each[j]) for i in range(seeds) for j in range(i)]
            alike[engine].append(statistics.mean(pairs))
    ours, library = (Times(tuple(rows[engine])) for engine in ("direct", "lime"))
    note = (
        f"seed correlation {statistics.mean(alike['direct']):.3f}, lime's {statistics.mean(alike['lime']):.3f}; "
        f"{counted(round(statistics.median(samples)), 'sample')}"
    )
    yield Row.beside("LIME, SLIC 50", ours, "lime, 1,000 samples", library, "5 times at 0.95", note)


PEERS = (forward, deeplift, deepshap, gradients, lime)

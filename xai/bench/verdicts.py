"""Can a verdict be fooled? The rate of "trust" among maps that are wrong on purpose, and among maps proved right.

    study = evaluate(gan.load("checkpoints/dcgan-64"), gan.load("checkpoints/projected-64"), VerdictPlan(maps=20))
    study.rate("other poster").high                  # the end of Wilson's 95 % interval
    study.rate("right")
    print(verdict_report(study))                     # xai.bench.tables

A verdict is worth something if it lets hardly any wrong map pass, and does not do so by refusing everything: so both
are measured. Wrong maps come from :mod:`xai.bench.wrong_maps`. A map is proved right where something was planted into
the picture (:mod:`xai.bench.planted`) and the map gives that place more than 95 % of the other places.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from gan.checkpoints.record import Checkpoint
from gan.data.posters import PosterSet
from gan.evaluation.estimates import Estimate, proportion
from xai.bench.localisation import place_rank, relevance
from xai.bench.study import Plan, Prepared, prepare, versions
from xai.bench.wrong_maps import WRONG, Others, wrong
from xai.methods import METHODS, attribution
from xai.methods.base import Attribution, Explanation
from xai.networks.score import Score
from xai.trust.checks import CHECKS
from xai.trust.verdict import examine

RIGHT = "right"
PLACE = 0.95  # of the other places, which the planted one has to outrank
FIRST = ("infidelity", "placement", "shapley")  # checks that share their masked posters among all maps of a poster
GENUINE = ("deeplift", "occlusion", "lime")  # whose maps are made wrong: one of pixels, one of patches, one of segments


@dataclass(frozen=True)
class VerdictPlan:
    """What to examine.

    maps : of each kind of wrong map. posters : that they claim to explain, each of them several times.
    cases : planted cases of each kind, whose maps are examined where they are proved right.
    methods : those whose right maps are examined.
    """

    maps: int = 500
    posters: int = 50
    cases: int = 16
    seed: int = 0
    methods: Sequence[str] = tuple(name for name, method in METHODS.items() if method.claims == "score")


@dataclass(frozen=True)
class VerdictStudy:
    """Whether each map was trusted: by kind of map, RIGHT among them, and by method those of right maps."""

    settings: Mapping[str, Any]
    trusted: Mapping[str, list[bool]]
    by_method: Mapping[str, list[bool]]

    def rate(self, *kinds: str) -> Estimate:
        """Proportion of "trust" among the maps of these kinds, with Wilson's interval."""
        return proportion(np.array([one for kind in kinds for one in self.trusted[kind]]))

    def record(self) -> dict[str, Any]:
        """Everything, for a JSON file."""
        counts = {kind: {"maps": len(found), "trusted": sum(found)} for kind, found in self.trusted.items()}
        right = {name: {"maps": len(found), "trusted": sum(found)} for name, found in self.by_method.items()}
        return {"settings": dict(self.settings), "maps": counts, "right by method": right}


def evaluate(
    checkpoint: Checkpoint,
    other: Checkpoint,
    plan: VerdictPlan,
    training: PosterSet | None = None,
    held_out: PosterSet | None = None,
) -> VerdictStudy:
    """Pass a verdict on wrong maps, and on right ones. ``other`` is the network whose maps are wrong of this one.

    Raises
    ------
    DataError
        If no poster is held out.
    ExplanationError
        If the two networks take pictures of different sizes, or too few planted cases are found.
    """
    start = time.perf_counter()
    given = prepare(checkpoint, Plan(plan.cases, seed=plan.seed, methods=plan.methods), training, held_out)
    trusted = wrong_maps(given, Score(other.need_both()[1]), plan)
    by_method = right_maps(given)
    trusted[RIGHT] = [one for of_method in by_method.values() for one in of_method]
    settings = {
        "checkpoint": checkpoint.name,
        "digest": checkpoint.digest,
        "other": other.name,
        "posters": min(plan.posters, len(given.hosts)),
        "hosts": given.described,
        "reference": given.methods[0].reference.name,
        "genuine": list(GENUINE),
        "place": PLACE,
        "seed": plan.seed,
        "minutes": (time.perf_counter() - start) / 60,
        "versions": versions(),
    }
    return VerdictStudy(settings, trusted, by_method)


def wrong_maps(given: Prepared, another: Score, plan: VerdictPlan) -> dict[str, list[bool]]:
    """Whether each of ``plan.maps`` wrong maps of each kind is trusted, the same posters for all kinds."""
    chosen = np.random.default_rng(plan.seed).permutation(len(given.hosts))[: plan.posters + 1]
    posters = torch.split(given.hosts[chosen], 1)
    score, against = given.methods[0].score, given.methods[0].reference
    genuine = [attribution(name, score, reference=against, seed=plan.seed) for name in GENUINE]
    trusted: dict[str, list[bool]] = {kind: [] for kind in WRONG}
    for row, poster in enumerate(tqdm(posters[:-1], "wrong maps", file=sys.stderr)):
        for index in range(row, plan.maps, len(posters) - 1):  # poster by poster: its masked copies are scored once
            others = Others(posters[row - 1], another)
            for kind in WRONG:
                method = wrong(kind, genuine[index % len(genuine)], poster, others, seed=index)
                trusted[kind].append(is_trusted(method, poster, method.attribute(poster)))
    return trusted


def right_maps(given: Prepared) -> dict[str, list[bool]]:
    """By method, whether its maps of planted cases are trusted, of those that are proved right."""
    trusted: dict[str, list[bool]] = {method.name: [] for method in given.methods}
    for case in tqdm(given.all_cases, "right maps", file=sys.stderr):
        for method in given.methods:
            explanation = method.attribute(case.image)
            if place_rank(relevance(explanation, case.delta), case.mask) > PLACE:
                trusted[method.name].append(is_trusted(method, case.image, explanation))
    return trusted


def is_trusted(method: Attribution, image: Tensor, explanation: Explanation) -> bool:
    """Whether the verdict is "trust".

    A map that fails the few checks that cost nothing more once its poster's masked copies are scored is not examined
    further: one more check never turns another verdict into trust.
    """
    few = [check for check in CHECKS if check.key in FIRST]
    stages = (few, CHECKS)
    return all(examine(method, image, explanation, checks=checks).verdict == "trust" for checks in stages)

"""Posters that a generator draws nothing like, and what it draws that is like no poster.

    found = omissions(material.extract(progress), posters)
    found.text
    found.posters[0].number, found.posters[0].drawn, found.posters[0].real      # farthest first
    found.strays[0].seed

A poster that is like no other is far from everything, whoever draws. So the distance to what is drawn is divided by
the distance to as many training posters: both are how far away the ``NEAR``-th neighbour is, in features that had no
part in the training; not the first one, since a poster may be in a collection twice. What such a ratio is by chance is
found by dividing the distance to one half of the training posters by that to the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gan.data.posters import PosterSet, evenly_spaced
from gan.errors import counted
from gan.evaluation.estimates import Estimate, Floats, proportion
from gan.evaluation.features import Features
from gan.evaluation.samples.neighbourhoods import NEAR_DENSITY as NEAR
from gan.progress import Progress
from xai.collection.material import Extracted
from xai.collection.omissions.sides import Sides
from xai.collection.similarity.neighbours import Table
from xai.errors import ExplanationError

SHOWN = 24
FAR = 0.99  # quantile of what a distance is by chance, above which a poster is far
BLOCK = 1024  # rows between two calls of the progress
SMALLEST = 1e-9  # of a distance: posters that are the same


@dataclass(frozen=True)
class Omitted:
    """A held-out poster, and the distance of its ``NEAR``-th neighbour among drawn posters and among training posters.

    percentile : proportion of held-out posters that are nearer to what is drawn, relative to training posters.
    """

    number: int
    drawn: float
    real: float
    percentile: float

    @property
    def relative(self) -> float:
        return self.drawn / max(self.real, SMALLEST)

    @property
    def words(self) -> str:
        return f"{self.drawn:.1f} from drawn ones, {self.real:.1f} from training posters"


@dataclass(frozen=True)
class Stray:
    """A generated poster, and the distance of its ``NEAR``-th neighbour among all real posters.

    percentile : proportion of held-out posters that are nearer to training posters.
    """

    seed: int
    distance: float
    percentile: float

    @property
    def words(self) -> str:
        return f"{self.distance:.1f} from real ones, farther than {self.percentile:.1%} of new ones"


@dataclass(frozen=True, eq=False)
class Omissions:
    """The held-out posters farthest from what is drawn, and the drawn ones farthest from all posters; farthest first.

    far : proportion of held-out posters that are farther from what is drawn, relative to training posters, than all but
    1 % would be by chance. stray : proportion of drawn posters farther from real ones than all but 1 % of held-out
    posters are. compared : drawn posters, and as many training posters. seeds : how many drawn posters were looked at.
    """

    posters: tuple[Omitted, ...]
    strays: tuple[Stray, ...]
    far: Estimate
    stray: Estimate
    compared: int
    seeds: int

    @property
    def text(self) -> str:
        """In words."""
        return f"{self.far_text} {self.stray_text}"

    @property
    def far_text(self) -> str:
        found, chance = _percent(self.far), f"{1 - FAR:.0%}"
        if not self.far.low > 1 - FAR:
            return (
                f"Nothing is left out beyond chance: {found} of held-out posters are far from all of "
                f"{self.compared:,} drawn ones, where {chance} is expected."
            )
        return (
            f"{found} of held-out posters are far from all of {self.compared:,} drawn ones, though not from as many "
            f"real ones; {chance} is expected of a generator that draws everything."
        )

    @property
    def stray_text(self) -> str:
        found, chance = _percent(self.stray), f"{1 - FAR:.0%}"
        start = f"{found} of {counted(self.seeds, 'drawn poster')} are farther from all real posters than all but"
        if self.stray.low > 1 - FAR:
            return f"{start} {chance} of new real posters are: it draws what is like no poster."
        return f"{start} {chance} of new real posters are: no more than real posters are from each other."


def _percent(rate: Estimate) -> str:
    return f"{rate.value:.1%} ({rate.low:.1%} to {rate.high:.1%})"


def omissions(extracted: Extracted, posters: PosterSet, progress: Progress = lambda done: None) -> Omissions:
    """Of ``posters``, whose features were extracted, and the seeds.

    Raises
    ------
    ExplanationError
        If there are too few posters.
    """
    rows, halves = Sides.of(posters, extracted.seeds), (extracted.training[::2], extracted.training[1::2])
    fewest = min(len(extracted.training) // 2, len(extracted.drawn))
    if fewest < NEAR or not posters.held_out.any():
        raise ExplanationError(
            f"What is never drawn is told by held-out posters and at least {counted(2 * NEAR, 'training poster')}; "
            f"there are {int(posters.held_out.sum())} and {len(extracted.training)}."
        )
    count = min(len(extracted.training), len(extracted.drawn))
    drawn, real = (
        _reach(extracted.held_out, side[evenly_spaced(len(side), count)])
        for side in (extracted.drawn, extracted.training)
    )
    relative, chance = (
        drawn / _at_least(real),
        np.divide(*(_at_least(_reach(extracted.held_out, half)) for half in halves)),
    )
    unseen = _reach(extracted.held_out, extracted.training)
    strays = _reach(extracted.drawn, np.concatenate([extracted.held_out, extracted.training]), progress)
    farthest, strangest = (values.argsort(kind="stable")[::-1][:SHOWN] for values in (relative, strays))
    return Omissions(
        tuple(
            Omitted(
                int(rows.held_out[row]), float(drawn[row]), float(real[row]), float((relative < relative[row]).mean())
            )
            for row in farthest
        ),
        tuple(
            Stray(int(rows.seeds[row]), float(strays[row]), float((unseen < strays[row]).mean())) for row in strangest
        ),
        proportion(relative > np.quantile(chance, FAR)),
        proportion(strays > np.quantile(unseen, FAR)),
        count,
        len(rows.seeds),
    )


def _at_least(distances: Floats) -> Floats:
    return np.maximum(distances, SMALLEST)


def _reach(rows: Features, among: Features, progress: Progress = lambda done: None) -> Floats:
    """Distance (N,) of each of rows (N, D) from its ``NEAR``-th neighbour among others (M, D)."""
    table, found = Table.of(among), []
    for start in range(0, len(rows), BLOCK):
        progress(start / len(rows))
        found.append(table.search(rows[start : start + BLOCK], NEAR).distances[:, -1])
    progress(1.0)
    return np.concatenate(found).astype(np.float64)

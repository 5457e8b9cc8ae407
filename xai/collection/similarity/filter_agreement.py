"""Which filters of a discriminator answer alike to posters that are alike: in looks, or in what they are about.

    found = filter_agreement(score, posters, progress=progress)
    found.text
    found.visual.maps.z                     # (U,), in the order of Responses' columns
    found.rows()                            # a table of all filters, the largest z first

A filter agrees on two posters where its maps have the same pattern (Pearson's correlation of their cells), and where
its mean responses are near to each other. Each pair of similar posters is compared with another pair: the same
first poster, and the second poster of another pair. So a filter that answers to every poster alike agrees on both, and
agrees on similar ones no more. Pairs of the same genres are compared with pairs without a common genre that look as
much alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan.data.posters import PosterSet
from gan.errors import counted
from gan.evaluation.column_estimates import adjusted_p
from gan.evaluation.estimates import Floats
from gan.progress import Progress, as_one
from xai.collection.similarity.pairs import Triples, genre_pairs, sample_of, visual_pairs
from xai.collection.similarity.spaces import READ, maps_of
from xai.discriminator.responses import filter_layers
from xai.errors import ExplanationError
from xai.networks.batches import at_once
from xai.networks.random_weights import random_weights
from xai.networks.score import Score

PAIRS = 800
FEWEST = 10  # pairs
LEVEL = 0.05  # false discovery rate
CONSTANT = 1e-5  # of a map's size: what varies less is the same everywhere
SEEN = 512  # posters by which the control's BatchNorms are set
CONTROL_SEED = 0


@dataclass(frozen=True, eq=False)
class Agreement:
    """How much more U filters agree on similar pairs than on the other pairs.

    similar, others : (U,) means over pairs, -1 to 1. z : (U,) mean difference, pair by pair, in standard errors.
    p : (U,) of no difference (Student 1908), adjusted for all filters, maps and strength (Benjamini, Hochberg 1995).
    """

    similar: Floats
    others: Floats
    z: Floats
    p: Floats

    @property
    def more(self) -> Floats:
        """(U,), mean difference."""
        return self.similar - self.others

    @property
    def found(self) -> NDArray[np.bool_]:
        """(U,), whether a filter agrees on similar pairs more, beyond chance."""
        return (self.p <= LEVEL) & (self.z > 0)


@dataclass(frozen=True, eq=False)
class Alike:
    """Agreement on pairs that are alike in one way.

    maps : of the patterns of maps, by correlation. strength : of mean responses, by ranks: 1 equal, 0 as at random.
    pairs : how many. distance, others_distance : mean distance in looks of these and of the other pairs; 1 is usual.
    """

    maps: Agreement
    strength: Agreement
    pairs: int
    distance: float
    others_distance: float


@dataclass(frozen=True, eq=False)
class Network:
    """Agreement of a network's filters on pairs that look alike, and on pairs of the same genres (None without)."""

    visual: Alike
    semantic: Alike | None


@dataclass(frozen=True, eq=False)
class FilterAgreement:
    """Of the trained network, and of the same with random weights.

    layers, units : (U,) each, which filter it is.
    """

    layers: tuple[str, ...]
    units: tuple[int, ...]
    trained: Network
    control: Network

    @property
    def visual(self) -> Alike:
        """On pairs that look alike."""
        return self.trained.visual

    @property
    def semantic(self) -> Alike | None:
        """On pairs of the same genres, None without genres."""
        return self.trained.semantic

    @property
    def text(self) -> str:
        """How many filters agree on what, in words."""
        seen, control = self.trained.visual, self.control.visual
        said = (
            f"On {counted(seen.pairs, 'pair')} that look alike {self._counts(seen, control)} "
            f"{self._by_layer(seen, 'look alike')}"
        )
        about, without = self.trained.semantic, self.control.semantic
        if about is None or without is None:
            return f"{said} There are too few pairs of the same genres to compare with."
        return (
            f"{said} On {counted(about.pairs, 'pair')} of the same genres, which look as much alike as the pairs "
            f"that they are compared with, {self._counts(about, without)} {self._by_layer(about, 'share genres')}"
        )

    def _counts(self, alike: Alike, control: Alike) -> str:
        """How many of the filters agree, and how many with random weights."""
        total = counted(len(self.units), "filter")
        maps, strength = int(alike.maps.found.sum()), int(alike.strength.found.sum())
        random = f"with random weights {int(control.maps.found.sum())} and {int(control.strength.found.sum())}"
        if not maps and not strength:
            return f"none of {total} answers more alike than on other pairs beyond chance ({random})."
        return (
            f"{maps} of {total} answer in more similar places than on other pairs, {strength} more equally strongly "
            f"({random})."
        )

    def _by_layer(self, alike: Alike, how: str) -> str:
        either = alike.maps.found | alike.strength.found
        if not either.any():
            return ""
        layers = np.array(self.layers)
        parts = [f"{name} {int(either[layers == name].sum())} of {int((layers == name).sum())}" for name in self.names]
        return f"In one way or the other, where posters {how}: {', '.join(parts)}."

    @property
    def names(self) -> tuple[str, ...]:
        """Of the layers, in their order."""
        return tuple(dict.fromkeys(self.layers))

    def rows(self) -> list[dict[str, Any]]:
        """A row for each filter, those with the largest z of anything first."""
        columns: dict[str, Sequence[Any]] = {"layer": self.layers, "unit": self.units}
        for way, alike in {"visual": self.visual, "semantic": self.semantic}.items():
            for name, one in {} if alike is None else {"maps": alike.maps, "strength": alike.strength}.items():
                columns[f"{way}_{name}"] = one.z.tolist()
                columns[f"{way}_{name}_found"] = one.found.tolist()
                columns[f"{way}_{name}_more"] = one.more.tolist()
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        z = [name for name in columns if f"{name}_found" in columns]
        return sorted(rows, key=lambda row: -max(row[name] for name in z))


def filter_agreement(
    score: Score, posters: PosterSet, pairs: int = PAIRS, progress: Progress = lambda done: None
) -> FilterAgreement:
    """Agreement of all filters of a score's network on at most ``pairs`` pairs of each kind of these posters.

    Raises
    ------
    ExplanationError
        If there are fewer than ``FEWEST`` pairs of different posters that look alike, which 40 posters have.
    """
    stages = as_one(progress, {"pairs": 0.2, "trained": 0.4, "control": 0.4})
    chosen = sample_of(posters, pairs, partial(stages, "pairs"))
    visual, semantic = visual_pairs(chosen, pairs), genre_pairs(chosen, pairs)
    if len(visual.rows) < FEWEST:
        raise ExplanationError(
            f"Filters are compared on at least {FEWEST} pairs of posters that look alike; these "
            f"{counted(len(posters), 'poster')} have {len(visual.rows)}."
        )
    compared = [visual] + [semantic] * (len(semantic.rows) >= FEWEST)
    read = partial(_read, chosen.posters)
    seen = np.arange(min(SEEN, len(chosen.posters)))
    batches = [read(rows) for rows in np.array_split(seen, -(-len(seen) // _step(chosen.posters)))]
    control = random_weights(score, batches, CONTROL_SEED)
    layers = filter_layers(score)
    return FilterAgreement(
        layers=tuple(layer.name for layer in layers for _ in range(layer.units)),
        units=tuple(unit for layer in layers for unit in range(layer.units)),
        trained=_network(score, compared, read, partial(stages, "trained")),
        control=_network(control, compared, read, partial(stages, "control")),
    )


Read = Callable[[NDArray[np.intp]], Tensor]


def _read(posters: PosterSet, rows: NDArray[np.intp]) -> Tensor:
    return posters.tensor(rows)


def _step(posters: PosterSet) -> int:
    height, width = posters.images.shape[1:3]
    return max(1, at_once(READ, (height, width)))


def _network(score: Score, compared: Sequence[Triples], read: Read, progress: Progress) -> Network:
    found = []
    for place, triples in enumerate(compared):

        def report(done: float, before: int = place) -> None:
            progress((before + done) / len(compared))

        found.append(_alike(score, triples, read, report))
    return Network(found[0], found[1] if len(found) > 1 else None)


def _alike(score: Score, triples: Triples, read: Read, progress: Progress) -> Alike:
    """Agreement on these pairs, p not adjusted."""
    step = max(1, at_once(READ, score.size or (64, 64)) // 3)
    patterns, means = [], []  # of maps, and mean responses
    for start in range(0, len(triples.rows), step):
        rows = triples.rows[start : start + step]
        of_maps, of_means = _answers(score, read(rows.ravel()))
        patterns.append(of_maps)
        means.append(of_means)
        progress((start + len(rows)) / len(triples.rows))
    maps, strength = _agreement(np.concatenate(patterns)), _agreement(_nearness(np.concatenate(means)))
    maps, strength = _adjusted(maps, strength)
    return Alike(maps, strength, len(triples.rows), triples.distance, triples.others_distance)


def _answers(score: Score, images: Tensor) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Of triples (3 n, 3, H, W): correlations (n, 2, U) of the first one's maps with the others', means (n, 3, U)."""
    correlations, means = [], []
    for _, maps in maps_of(score, images):
        flat = maps.reshape(-1, 3, maps.shape[1], maps[0, 0].numel())  # (n, 3, U, h w)
        mean = flat.mean(3, keepdim=True)
        off = flat - mean
        size = off.norm(dim=3, keepdim=True)
        varies = size > CONSTANT * flat.norm(dim=3, keepdim=True)
        unit = torch.where(varies, off / torch.where(varies, size, 1.0), 0.0)
        correlations.append((unit[:, :1] * unit[:, 1:]).sum(3))
        means.append(mean[..., 0])
    return torch.cat(correlations, 2).numpy(), torch.cat(means, 2).numpy()


def _nearness(means: NDArray[np.float32]) -> Floats:
    """How near the first's mean responses (n, 3, U) are to the others' (n, 2, U), in ranks over all posters.

    1: equal; 0: as far apart as two posters at random are in the mean. 0, too, where a filter answers to all alike.
    """
    from scipy.stats import rankdata  # imports for a second

    flat = means.reshape(-1, means.shape[2])
    varies = np.ptp(flat, axis=0) > CONSTANT * np.abs(flat).max(0)
    ranks = (rankdata(flat, axis=0) / len(flat)).reshape(means.shape)
    return np.where(varies, 1 - 3 * np.abs(ranks[:, :1] - ranks[:, 1:]), 0.0)


def _agreement(pairs: NDArray[Any]) -> Agreement:
    """Of agreements (n, 2, U) on similar pairs and on others."""
    from scipy.special import stdtr  # scipy.stats takes a second to import

    values = pairs.astype(np.float64)
    difference = values[:, 0] - values[:, 1]
    mean, error = difference.mean(0), difference.std(0, ddof=1) / len(difference) ** 0.5
    z = mean / np.maximum(error, 1e-9)
    return Agreement(values[:, 0].mean(0), values[:, 1].mean(0), z, 2 * stdtr(len(difference) - 1, -np.abs(z)))


def _adjusted(*found: Agreement) -> list[Agreement]:
    """p of all of them, adjusted together.

    Not together with pairs of another kind: where nearly all filters agree on those, discoveries would be cheap here.
    """
    p = np.split(adjusted_p(np.concatenate([one.p for one in found])), len(found))
    return [replace(one, p=part) for one, part in zip(found, p, strict=True)]

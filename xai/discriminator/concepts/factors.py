"""Beyond single filters: what the filters of a layer do together, by non-negative matrix factorisation (NMF).

    found = factorise(maps, count=10)              # maps (N, U, h, w) of a layer
    found.stability[3].value                       # how alike the factor is from seed to seed, 1 the same
    found.filters(3)[0]                            # (unit, weight): below 0 where the filter is silenced
    found.is_stable                                # bool (K,): only these may be named

After a leaky activation a response has two signs: each filter is two columns, what is above zero and what is below.
Every place of every poster is a row (Lee and Seung 1999). The factorisation starts from random values, so it is made
with several seeds, and factors are matched by their cosine: one that other seeds do not find again says more about the
seed than about the network (Brunet et al. 2004, on stability).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan.data.posters import evenly_spaced
from gan.evaluation.estimates import Estimate, mean_t
from xai.discriminator.concepts.proofs import follows
from xai.discriminator.concepts.study import LEAST, Laboratory, Pictures
from xai.discriminator.concepts.table import ConceptTable
from xai.discriminator.responses import filter_layers
from xai.errors import ExplanationError
from xai.networks.score import Score

Floats = NDArray[np.float64]
PLACES = 6000  # rows that a factorisation is fitted to, evenly spaced
SEEDS = 5
ITERATIONS = 200
STABLE = 0.9  # mean cosine with the matched factors of the other seeds, from which a factor is one of the network


@dataclass(frozen=True, eq=False)
class Factors:
    """K factors of a layer's U filters.

    components : (K, 2 U), of length 1: each filter's part above zero, then each filter's part below.
    activations : (N, K, h, w), how strongly each factor is at each place.
    stability : K estimates, cosine with the matched factors of the other seeds.
    explained : proportion of the responses' sum of squares that the factors account for.
    """

    components: Floats
    activations: Tensor
    stability: tuple[Estimate, ...]
    explained: float

    @property
    def is_stable(self) -> NDArray[np.bool_]:
        """Whether each factor (K,) is found again by the other seeds."""
        return np.array([one.value >= STABLE for one in self.stability])

    def filters(self, factor: int) -> list[tuple[int, float]]:
        """(unit, weight) of the filters in a factor, the largest weight first; below 0 where a filter is below zero."""
        parts = np.split(self.components[factor], 2)
        signed = np.where(parts[0] >= parts[1], parts[0], -parts[1])
        return [(int(unit), float(signed[unit])) for unit in np.argsort(-np.abs(signed), kind="stable")]


def factorise(maps: Tensor, count: int = 10, seeds: int = SEEDS) -> Factors:
    """Factorise maps (N, U, h, w); the factors are those of the seed that explains most.

    Raises
    ------
    ExplanationError
        If there are fewer than 2 seeds, or not 1 to U factors.
    """
    pictures, units, height, width = maps.shape
    if seeds < 2 or not 1 <= count <= units:
        raise ExplanationError(f"A factorisation needs 2 seeds and 1 to {units} factors, not {seeds} and {count}.")
    rows = _signed(maps)
    fitted = rows[evenly_spaced(len(rows), PLACES)]
    models = [_fit(fitted, count, seed) for seed in range(seeds)]
    best = min(range(seeds), key=lambda seed: float(models[seed].reconstruction_err_))
    components = [_normalised(model.components_) for model in models]
    found = components[best]
    cosines = [_matched(found, other) for index, other in enumerate(components) if index != best]
    stability = tuple(mean_t(np.array(values)) for values in zip(*cosines, strict=True))
    activations = models[best].transform(rows) * np.linalg.norm(models[best].components_, axis=1)
    total = float(np.square(fitted).sum())
    return Factors(
        found,
        torch.from_numpy(activations).float().reshape(pictures, height, width, count).permute(0, 3, 1, 2),
        stability,
        1 - float(models[best].reconstruction_err_) ** 2 / max(total, 1e-12),
    )


def name_factors(
    factors: Factors, coverage: Tensor, concepts: Sequence[str], places: Tensor, threshold: NDArray[np.float32]
) -> list[str]:
    """Each factor's concept by the first proof, "" where there is none or the factor is unstable.

    coverage : (N, C, h, w), how much of each cell a mask covers. places : bool (C,), which are the same in all posters.
    threshold : (C,), the excess of the IoU that a filter of this layer needs (ConceptTable.threshold).
    """
    found = follows(factors.activations.flatten(2), coverage.flatten(2).transpose(1, 2), places)
    tests = found.z.numel()
    least = float(torch.special.ndtri(torch.tensor(1 - 0.05 / tests, dtype=torch.double)))
    limit = torch.from_numpy(np.maximum(threshold, LEAST))
    excess = torch.where((found.z > least) & (found.excess > limit), found.excess, 0.0)
    best = excess.max(1)
    return [
        concepts[int(index)] if value > 0 and stable else ""
        for value, index, stable in zip(best.values, best.indices, factors.is_stable, strict=True)
    ]


def factors_of_layers(score: Score, pictures: Pictures, table: ConceptTable, count: int) -> list[str]:
    """A line for each layer: how many of its factors are stable, and the names of those that follow a concept."""
    lines, layers = [], filter_layers(score)
    laboratory = Laboratory.of(pictures, layers, score.size or (1, 1), pairs=0)
    for layer in layers:
        maps, coverage = laboratory.maps_and_coverage(score, layer)
        found = factorise(maps, min(count, layer.units))
        threshold = table.threshold[table.layer.tolist().index(layer.name)]
        names = name_factors(found, coverage, pictures.names, laboratory.places, threshold)
        lines.append(
            f"{layer.name}: {int(found.is_stable.sum())} of {len(names)} factors are stable, and explain with the "
            f"others {found.explained:.0%}; named: {', '.join(name for name in names if name) or 'none'}"
        )
    return lines


def _signed(maps: Tensor) -> Floats:
    """(N h w, 2 U): each filter's part above zero, and its part below; each filter scaled to the same mean square."""
    rows = maps.float().permute(0, 2, 3, 1).flatten(0, 2).double().numpy()
    rows = rows / np.maximum(np.sqrt(np.square(rows).mean(0)), 1e-9)
    return np.concatenate([rows.clip(0, None), (-rows).clip(0, None)], 1)


def _fit(rows: Floats, count: int, seed: int) -> Any:
    from sklearn.decomposition import NMF  # half a second to import
    from sklearn.exceptions import ConvergenceWarning

    model = NMF(count, init="random", max_iter=ITERATIONS, random_state=seed, tol=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # what has not converged is unstable, and is shown so
        return model.fit(rows)


def _normalised(components: Floats) -> Floats:
    return np.asarray(components / np.maximum(np.linalg.norm(components, axis=1, keepdims=True), 1e-12))


def _matched(ours: Floats, theirs: Floats) -> Floats:
    """Cosine (K,) of each of our factors with its partner among theirs, matched one to one."""
    from scipy.optimize import linear_sum_assignment

    cosine = ours @ theirs.T
    row, column = linear_sum_assignment(-cosine)
    return np.asarray(cosine[row, column])

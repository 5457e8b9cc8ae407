"""At which depth a discriminator compares posters by colours, by layout, and by what they are about.

    found = profile(layer_spaces(answers), [*visual_spaces(looks), genre_space(posters)])
    found[0].correlations[0]                # Estimate: rank correlation of the first layer's distances with colours'
    depth = over_depth(score, posters, rows, progress)          # with the control: the same layers with random weights
    depth.text

Representational similarity analysis (Kriegeskorte, Mur, Bandettini 2008): two ways of comparing posters agree where the
distances of all pairs of posters are in the same order. p is that of Mantel's test (1967), which permutes posters;
intervals are of the jackknife over posters, for each of them is in many pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from gan.data.posters import PosterSet, evenly_spaced
from gan.errors import joined
from gan.evaluation.column_estimates import adjusted_p
from gan.evaluation.estimates import Estimate, Floats
from gan.progress import Progress, as_one
from xai.collection.similarity.appearance import measured
from xai.collection.similarity.spaces import VISUAL, Space, genre_space, layer_spaces, map_spaces, visual_spaces
from xai.discriminator.responses import responses
from xai.errors import ExplanationError
from xai.networks.batches import at_once
from xai.networks.random_weights import random_weights
from xai.networks.score import Score

POSTERS = 1000
PERMUTATIONS = 500
FEWEST = 12  # posters
TITLES = {**VISUAL, "genres": "genres"}  # of properties
LEVEL = 0.05  # false discovery rate
READ = 64
CONTROL_SEED = 0


@dataclass(frozen=True)
class LayerProfile:
    """How a layer's distances agree with those of each property.

    properties : names. correlations : Spearman's, one for each property. p : of no agreement, adjusted for all layers
    and properties (Benjamini, Hochberg). advantage : of genres over the visual property that agrees most; beyond :
    partial rank correlation with genres, given all visual properties; None without genres. The intervals of all layers'
    hold together (Bonferroni). over_control : how much larger the correlations are than with random weights, the
    intervals of all layers and properties together; empty where there was no control. beyond_over_control : the same of
    ``beyond``.
    """

    layer: str
    properties: tuple[str, ...]
    correlations: tuple[Estimate, ...]
    p: tuple[float, ...]
    advantage: Estimate | None
    beyond: Estimate | None
    over_control: tuple[Estimate, ...] = ()
    beyond_over_control: Estimate | None = None

    @property
    def strongest(self) -> str:
        """The property that agrees most, "" where none does beyond chance."""
        found = [index for index, p in enumerate(self.p) if p <= LEVEL and self.correlations[index].value > 0]
        return self.properties[max(found, key=lambda index: self.correlations[index].value)] if found else ""


@dataclass(frozen=True)
class Depth:
    """Profiles of all layers. posters : whose pairs were compared.

    layers : by the mean responses of the filters, what is in a poster. maps : by their maps, what is where.
    control : as ``layers``, with random weights.
    """

    layers: tuple[LayerProfile, ...]
    maps: tuple[LayerProfile, ...]
    control: tuple[LayerProfile, ...]
    posters: int
    permutations: int

    @property
    def highest(self) -> float:
        """Upper end of the highest interval, for an axis that all profiles share."""
        layers = (*self.layers, *self.maps, *self.control)
        return max(one.high for layer in layers for one in layer.correlations)

    @property
    def text(self) -> str:
        """At which layer meaning overtakes appearance, in words."""
        return (
            f"By what is in a poster: {sentence(self.layers)} By what is where: {sentence(self.maps)} "
            f"With random weights, by what is in it: {sentence(self.control)} {against_control(self.layers)}"
        )


def sentence(layers: Sequence[LayerProfile]) -> str:
    """What the layers compare posters by, in words."""
    if not any(layer.strongest for layer in layers):
        return "No layer's distances agree with any property beyond chance."
    said = _said(layers)
    if all(layer.advantage is None for layer in layers):
        return f"{said} There are no genres to compare with."
    overtaken = [layer.layer for layer in layers if layer.advantage is not None and layer.advantage.low > 0]
    if overtaken:
        return f"{said} Genres overtake colours and layout at {overtaken[0]}."
    beyond = [layer for layer in layers if layer.beyond is not None and layer.beyond.low > 0]
    never = "Genres never overtake colours and layout"
    if not beyond:
        return f"{said} {never}, and beyond these no layer knows anything of them."
    best = max(beyond, key=lambda layer: layer.beyond.value if layer.beyond else 0.0)
    assert best.beyond is not None
    return (
        f"{said} {never}; beyond these they agree with {best.layer} a little "
        f"({best.beyond.value:.3f}, {best.beyond.low:.3f} to {best.beyond.high:.3f})."
    )


def against_control(layers: Sequence[LayerProfile]) -> str:
    """With which properties the layers agree more, and less, than those of random weights, in words."""
    said = []
    for more in (True, False):
        for column, name in enumerate(layers[0].properties):
            differences = {layer.layer: layer.over_control[column] for layer in layers if layer.over_control}
            found = [layer for layer, one in differences.items() if (one.low > 0 if more else one.high < 0)]
            if found:
                where = "every layer" if len(found) == len(layers) else ", ".join(found)
                said.append(f"{'more' if more else 'less'} with {TITLES.get(name, name)} ({where})")
    changed = (
        f"Training made layers agree {', '.join(said)}." if said else "Training changed no agreement beyond chance."
    )
    beyond = {layer.layer: layer.beyond_over_control for layer in layers if layer.beyond_over_control is not None}
    if not beyond:
        return changed
    known = [layer for layer, one in beyond.items() if one.low > 0]
    which = f"{joined(known) or 'no layer'} {'agree' if len(known) > 1 else 'agrees'}"
    return f"{changed} Beyond colours and layout {which} more with genres than with random weights."


def _said(layers: Sequence[LayerProfile]) -> str:
    """What agrees most with each layer."""
    titles = [TITLES.get(layer.strongest, layer.strongest) or "nothing" for layer in layers]
    if len(set(titles)) == 1:
        return f"{titles[0].capitalize()} agree most with every layer."
    each = ", ".join(f"{title} with {layer.layer}" for title, layer in zip(titles, layers, strict=True))
    return f"What agrees most: {each}."


def over_depth(
    score: Score,
    posters: PosterSet,
    count: int = POSTERS,
    permutations: int = PERMUTATIONS,
    progress: Progress = lambda done: None,
) -> Depth:
    """Profiles of a score's layers over ``count`` of the posters, evenly spaced, and the same with random weights.

    Genres are compared among all these posters, those without any among them.

    Raises
    ------
    ExplanationError
        If there are fewer than ``FEWEST`` posters.
    """
    chosen = posters.select(evenly_spaced(len(posters), count))
    if len(chosen) < FEWEST:
        raise ExplanationError(f"Layers are compared over at least {FEWEST} posters; there are {len(chosen)}.")
    images = chosen.tensor(np.arange(len(chosen)))
    properties = [*visual_spaces(measured(images))]
    if chosen.genre_counts():
        properties.append(genre_space(chosen))
    control = random_weights(score, torch.split(images, at_once(READ, images.shape[2:])), CONTROL_SEED)
    random_spaces = layer_spaces(responses(control, images))
    compared: dict[str, Callable[[], Sequence[Space]]] = {
        "layers": lambda: layer_spaces(responses(score, images)),
        "maps": lambda: map_spaces(score, images),
        "control": lambda: random_spaces,
    }
    stages = as_one(progress, dict.fromkeys(compared, 1 / len(compared)))
    found = {
        name: profile(
            spaces(), properties, permutations, partial(stages, name), random_spaces if name == "layers" else ()
        )
        for name, spaces in compared.items()
    }
    return Depth(**found, posters=len(chosen), permutations=permutations)


def profile(
    layers: Sequence[Space],
    properties: Sequence[Space],
    permutations: int = PERMUTATIONS,
    progress: Progress = lambda done: None,
    control: Sequence[Space] = (),
) -> tuple[LayerProfile, ...]:
    """How each layer's distances agree with each property's, over the rows that all of them have (N, ...).

    control : the same layers of another network.
    """
    ranks = np.stack([_ranks(space.rows) for space in (*layers, *properties, *control)])
    progress(0.2)
    whole, without = _correlations(ranks)
    progress(0.3)
    count, behind = len(layers), len(layers) + len(properties)  # where properties begin, and the control
    p = _permuted(ranks[:count], ranks[count:behind], permutations, lambda done: progress(0.3 + 0.7 * done))
    p = adjusted_p(p.ravel()).reshape(p.shape)
    names = tuple(space.name for space in properties)
    visual = [count + column for column, space in enumerate(properties) if space.kind == "visual"]
    semantic = [count + column for column, space in enumerate(properties) if space.name == "genres"]

    def estimate(function: Callable[[Floats], Floats], comparisons: int = 1) -> Estimate:
        return _jackknife(float(function(whole[None])[0]), function(without), comparisons)

    found = []
    for row, layer in enumerate(layers):
        columns = [estimate(_entry(row, column)) for column in range(count, behind)]
        over = [
            estimate(_more(row, behind + row, column), count * len(properties))
            for column in (range(count, behind) if control else ())
        ]
        advantage = beyond = beyond_over = None
        if semantic and visual:
            advantage = estimate(_advantage(row, semantic[0], visual), count)
            beyond = estimate(_beyond(row, semantic[0], visual), count)
            if control:
                beyond_over = estimate(_more_beyond(row, behind + row, semantic[0], visual), count)
        found.append(
            LayerProfile(
                layer.name, names, tuple(columns), tuple(p[row].tolist()), advantage, beyond, tuple(over), beyond_over
            )
        )
    progress(1.0)
    return tuple(found)


def _entry(row: int, column: int) -> Callable[[Floats], Floats]:
    return lambda correlations: correlations[:, row, column]


def _more(row: int, other: int, column: int) -> Callable[[Floats], Floats]:
    return lambda correlations: correlations[:, row, column] - correlations[:, other, column]


def _advantage(row: int, semantic: int, visual: list[int]) -> Callable[[Floats], Floats]:
    return lambda correlations: correlations[:, row, semantic] - correlations[:, row, visual].max(1)


def _beyond(row: int, semantic: int, visual: list[int]) -> Callable[[Floats], Floats]:
    return lambda correlations: _partial(correlations, row, semantic, visual)


def _more_beyond(row: int, other: int, semantic: int, visual: list[int]) -> Callable[[Floats], Floats]:
    return lambda correlations: (
        _partial(correlations, row, semantic, visual) - _partial(correlations, other, semantic, visual)
    )


def _ranks(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Standardised ranks (N, N) of the distances of all pairs of rows (N, D); 0 on the diagonal."""
    from scipy.spatial.distance import pdist, squareform
    from scipy.stats import rankdata  # imports for a second

    ranks = rankdata(pdist(rows.astype(np.float64)))
    spread = ranks.std()
    standard = squareform((ranks - ranks.mean()) / (spread if spread else 1.0), checks=False)
    return np.asarray(standard, np.float32)


def _correlations(ranks: NDArray[np.float32]) -> tuple[Floats, Floats]:
    """Correlations (M, M) of M matrices (M, N, N) of ranks over all pairs, and those (N, M, M) without each poster."""
    count = ranks.shape[1]
    flat = ranks.transpose(1, 0, 2)  # (N, M, N)
    products = np.einsum("iaj,ibj->iab", flat, flat, dtype=np.float64, casting="unsafe", optimize=True)
    sums = flat.sum(2, dtype=np.float64)
    all_products, all_sums = products.sum(0) / 2, sums.sum(0) / 2
    pairs = count * (count - 1) / 2
    whole = _pearson(all_products[None], all_sums[None], pairs)[0]
    return whole, _pearson(all_products - products, all_sums - sums, pairs - (count - 1))


def _pearson(products: Floats, sums: Floats, pairs: float) -> Floats:
    """(n, M, M) from sums of products (n, M, M) and sums (n, M); 0 with what does not vary."""
    covariance = products / pairs - sums[:, :, None] * sums[:, None, :] / pairs**2
    spread = np.sqrt(np.maximum(np.diagonal(covariance, axis1=1, axis2=2), 0))
    scale = spread[:, :, None] * spread[:, None, :]
    return np.asarray(np.divide(covariance, scale, out=np.zeros_like(covariance), where=scale > 1e-9))


def _partial(correlations: Floats, one: int, other: int, given: Sequence[int]) -> Floats:
    """Partial correlation (n,) of two of the variables given others, from correlations (n, M, M)."""
    chosen = [one, other, *given]
    part = correlations[:, chosen][:, :, chosen] + 1e-9 * np.eye(len(chosen))
    precision = np.linalg.inv(part)
    return np.asarray(-precision[:, 0, 1] / np.sqrt(precision[:, 0, 0] * precision[:, 1, 1]))


def _jackknife(value: float, without: Floats, comparisons: int) -> Estimate:
    """From the values (N,) without each poster (Efron, Stein 1981; of pairs: Arvesen 1969), by t.

    ``comparisons`` intervals together hold at 95 % (Bonferroni).
    """
    from scipy.special import stdtrit  # scipy.stats takes a second to import

    count = len(without)
    error = float(np.sqrt((count - 1) / count * np.square(without - without.mean()).sum()))
    half = float(stdtrit(count - 1, 1 - 0.025 / comparisons)) * error
    return Estimate(value, max(value - half, -2.0), min(value + half, 2.0))


def _permuted(
    layers: NDArray[np.float32], properties: NDArray[np.float32], permutations: int, progress: Progress
) -> Floats:
    """p (L, P) of correlations at least as far from 0 where the posters of the layers' matrices are exchanged."""
    random, count = np.random.default_rng(0), layers.shape[1]
    flat = torch.from_numpy(properties.reshape(len(properties), -1))
    tensor = torch.from_numpy(layers)

    def products(order: torch.Tensor | None) -> torch.Tensor:
        mixed = tensor if order is None else tensor[:, order][:, :, order]
        return (mixed.reshape(len(layers), -1) @ flat.T).abs()

    observed, reached = products(None), torch.zeros(len(layers), len(properties))
    for done in range(permutations):
        order = torch.from_numpy(random.permutation(count))
        reached += products(order) >= observed * (1 - 1e-6)
        progress((done + 1) / permutations)
    return np.asarray((1 + reached.double().numpy()) / (1 + permutations))

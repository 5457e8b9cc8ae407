"""What every filter (unit) of a generator is for: measured over hundreds of latents, with a verdict each.

    table = filters_table(gan.load("checkpoints/dcgan-64"), latents=256)
    table.rows()[0]                     # {"layer": "layers.2", "unit": 0, "verdict": "useful", ...}

A unit is ablated as in ``xai.generator.ablation``, in each poster. So it is measured by what it changes from poster
to poster and from place to place, not by what it adds everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan.checkpoints.record import Checkpoint
from gan.evaluation.estimates import weighted_t
from gan.networks.dcgan import latents as latents_of
from gan.networks.seeds import reserved
from gan.progress import Progress
from xai.errors import ExplanationError
from xai.generator.ablation import MEAN, effects_of
from xai.generator.filter_table import COLUMNS, SHOWN, FilterTable
from xai.generator.filter_verdicts import (
    DEAD,
    LEVEL,
    RULE,
    VERDICTS,
    ActivationMoments,
    Partners,
    UnitEffects,
    spread_of,
    verdicts,
)
from xai.generator.folded import FoldedGenerator
from xai.networks.batches import at_once
from xai.networks.chain import Trace
from xai.networks.score import Score

FIRST_SEED = reserved("filter study").start  # the study's latents are those of this seed and the next ones
SHOWN_SEEDS = reserved("examples")  # among which the strongest and weakest posters of a unit are looked for
AT_ONCE = 32  # posters whose activations are in memory together, fewer of large ones
REPLACED = 64  # latents over which the folded replacement is tried
GREY_LEVEL = 2 / 255  # one of 255 steps of a picture's range -1 to 1


def filters_table(
    checkpoint: Checkpoint,
    latents: int = 256,
    first_seed: int = FIRST_SEED,
    progress: Progress | None = None,
) -> FilterTable:
    """Measure all units of all activation layers of the checkpoint's generator.

    Parameters
    ----------
    latents : how many posters; those of ``first_seed`` and the seeds after it.
    progress : called with the finished fraction; an exception in it ends the study.

    Raises
    ------
    ExplanationError
        If the generator waits for genres, there are fewer than 2 latents, or there are no such seeds.
    """
    generator = checkpoint.need_generator()
    if latents < 2:
        raise ExplanationError(f"A study needs at least 2 latents, not {latents}.")
    if not 0 <= first_seed <= 2**32 - latents:
        raise ExplanationError(f"Seeds run from 0 to {2**32 - 1}; {latents} from {first_seed} on do not fit.")
    report = progress or (lambda done: None)
    folded = FoldedGenerator.of(generator)
    score = None if checkpoint.discriminator is None else Score(checkpoint.discriminator)
    z = latents_of(range(first_seed, first_seed + latents), checkpoint.config)
    shown = latents_of(SHOWN_SEEDS, checkpoint.config)
    moments = _moments(folded, z, lambda done: report(0.02 * done))
    strengths = _strengths(folded, shown, lambda done: report(0.02 + 0.03 * done))
    partners = {layer: _partners(one) for layer, one in moments.items()}
    effects = _effects(folded, z, score, partners, lambda done: report(0.05 + 0.94 * done))
    columns: dict[str, list[NDArray[Any]]] = {name: [] for name in COLUMNS}
    for layer in folded.layers:
        rows = _columns(layer, moments[layer], partners[layer], effects[layer], strengths[layer])
        for name, values in rows.items():
            columns[name].append(values)
    report(1.0)
    joined = {name: np.concatenate(parts) for name, parts in columns.items()}
    return FilterTable(**joined, digest=checkpoint.digest, latents=latents, first_seed=first_seed, rule=RULE)


@torch.no_grad()
def _moments(folded: FoldedGenerator, z: Tensor, report: Progress) -> dict[str, ActivationMoments]:
    by_latent: dict[str, list[Tensor]] = {layer: [] for layer in folded.layers}
    products = {layer: torch.zeros(1, dtype=torch.double) for layer in folded.layers}
    for trace in _traces(folded, z, report):
        for layer in folded.layers:
            maps = folded.maps(trace, layer)
            about = (maps - folded.means[layer][:, None, None]).double().flatten(2)
            active = (maps > 0).double().mean((2, 3))
            largest = maps.amax((2, 3)).double()
            by_latent[layer].append(torch.stack([about.mean(2), about.square().mean(2), largest, active]))
            places = about.transpose(0, 1).flatten(1)
            products[layer] = products[layer] + places @ places.T / about.shape[2]
    moments = {}
    for layer, parts in by_latent.items():
        mean, square, largest, active = torch.cat(parts, 1)
        covariance = products[layer] / len(z) - mean.mean(0)[:, None] * mean.mean(0)
        moments[layer] = ActivationMoments(folded.means[layer].double(), mean, square, largest, active, covariance)
    return moments


def _traces(folded: FoldedGenerator, z: Tensor, report: Progress) -> Iterator[Trace]:
    rows = at_once(AT_ONCE, folded.size)
    for start in range(0, len(z), rows):
        yield folded.chain.trace(z[start : start + rows], many=True)
        report(min(1.0, (start + rows) / len(z)))


def _strengths(folded: FoldedGenerator, z: Tensor, report: Progress) -> dict[str, Tensor]:
    """By layer, mean activation (N, U) of each latent's maps."""
    strengths: dict[str, list[Tensor]] = {layer: [] for layer in folded.layers}
    for trace in _traces(folded, z, report):
        for layer in folded.layers:
            strengths[layer].append(folded.maps(trace, layer).mean((2, 3)))
    return {layer: torch.cat(parts) for layer, parts in strengths.items()}


def _partners(moments: ActivationMoments) -> Partners:
    """The most correlated other unit of each, and the least-squares line from it."""
    variance = moments.products.diagonal().clamp_min(0)
    size = variance.sqrt()
    constant = size <= DEAD
    correlation = moments.products / (size[:, None] * size).clamp_min(DEAD**2)
    correlation[constant] = 0
    correlation[:, constant] = 0
    correlation.fill_diagonal_(0)  # a unit is not its own partner
    partner = correlation.abs().argmax(1)
    best = correlation.gather(1, partner[:, None])[:, 0].clamp(-1, 1)
    none = best == 0
    factor = torch.where(none, 0.0, best * size / size[partner].clamp_min(DEAD))
    centre = moments.usual + moments.mean.mean(0)
    offset = centre - factor * centre[partner]
    return Partners(torch.where(none, -1, partner), best, factor, offset)


@torch.no_grad()
def _effects(
    folded: FoldedGenerator, z: Tensor, score: Score | None, partners: dict[str, Partners], report: Progress
) -> dict[str, UnitEffects]:
    measured: dict[str, list[list[Tensor]]] = {layer: [[], [], []] for layer in folded.layers}
    logits = []
    for index in range(len(z)):
        trace = folded.trace(z[index : index + 1])
        logits.append(torch.nan if score is None else float(score(trace.output)))
        for place, layer in enumerate(folded.layers):
            pictures, changes, replaced = measured[layer]
            one = effects_of(folded, trace, layer, MEAN.changes(folded, trace, layer), score)
            pictures.append(one.effects)
            changes.append(torch.full_like(one.effects, torch.nan) if score is None else one.logit_changes)  # type: ignore[arg-type]
            if index < REPLACED:
                by_partner = _replacement(folded.maps(trace, layer)[0], partners[layer])
                replaced.append(effects_of(folded, trace, layer, by_partner).effects)
            report((index + (place + 1) / len(folded.layers)) / len(z))
    of_posters = torch.tensor(logits, dtype=torch.double)
    return {layer: _stacked(parts, of_posters) for layer, parts in measured.items()}


def _stacked(parts: list[list[Tensor]], logits: Tensor) -> UnitEffects:
    pictures, changes, replaced = (torch.stack(part).double() for part in parts)
    return UnitEffects(pictures / GREY_LEVEL, changes, replaced / GREY_LEVEL, logits)


def _replacement(maps: Tensor, partners: Partners) -> Tensor:
    """What putting factor * partner + offset in a unit's place adds to its map (U, h, w)."""
    factor, offset = partners.factor.float()[:, None, None], partners.offset.float()[:, None, None]
    return factor * maps[partners.partner] + offset - maps  # the factor is 0 where the partner is -1


def _columns(
    layer: str, moments: ActivationMoments, partners: Partners, effects: UnitEffects, strengths: Tensor
) -> dict[str, NDArray[Any]]:
    """The table's rows of one layer, by column."""
    count, units = effects.picture.shape
    once = torch.ones(1, count, dtype=torch.double)
    verdict, confidence = verdicts(moments, partners, effects)
    change, half = (value[0] for value in weighted_t(once, effects.logit, LEVEL))
    numbers = {
        "mean": moments.usual + moments.mean.mean(0),
        "spread": spread_of(once, moments)[0],
        "largest": moments.largest.amax(0),
        "active": moments.active.mean(0),
        "effect": effects.picture.mean(0),
        "logit_change": change,
        "logit_low": change - half,
        "logit_high": change + half,
        "correlation": partners.correlation,
        "factor": partners.factor,
        "offset": partners.offset,
        "replaced": effects.replaced.mean(0),
    }
    return {
        "layer": np.full(units, layer),
        "unit": np.arange(units, dtype=np.int32),
        **{name: values.numpy().astype(np.float32) for name, values in numbers.items()},
        "partner": partners.partner.numpy().astype(np.int32),
        "verdict": np.array(VERDICTS)[verdict],
        "confidence": confidence.astype(np.float32),
        "strongest": _first(strengths, descending=True),
        "weakest": _first(strengths, descending=False),
    }


def _first(strengths: Tensor, descending: bool) -> NDArray[np.int32]:
    """The seeds (U, 8) that come first; of equal ones the lower seed does."""
    order = strengths.argsort(dim=0, descending=descending, stable=True)[:SHOWN]
    return order.T.numpy().astype(np.int32)

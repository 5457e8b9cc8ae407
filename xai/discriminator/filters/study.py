"""Measures the table of all filters of a discriminator, from its responses to real and to generated posters.

    study(checkpoint, posters).find("layers.7", 12)["says"]         # "for real"
    study(checkpoint).posters                                       # {}: without posters, drawn ones stand for them

Evidence is from held-out posters, or from all where none is held out; exemplars are chosen from all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan.checkpoints.dataset import fingerprint
from gan.checkpoints.record import Checkpoint
from gan.curation.near_duplicates import near_duplicates
from gan.data.images import from_uint8
from gan.data.posters import PosterSet
from gan.data.synthetic import draw_posters
from gan.networks.dcgan import latents
from gan.networks.seeds import reserved
from gan.progress import Progress, StageProgress
from xai.discriminator.filters.evidence import FilterEvidence, evidence
from xai.discriminator.filters.exemplars import Picks, contribution_places, exemplars
from xai.discriminator.filters.table import DiscriminatorTable
from xai.discriminator.responses import ARRAYS, Responses, responses
from xai.methods.references import Reference, reference
from xai.networks.batches import at_once
from xai.networks.hooks import private_copy
from xai.networks.score import Score

STAGES = {"real posters": 0.7, "drawn posters": 0.0, "generated posters": 0.1, "filters": 0.2}  # of the time, about
GENERATED = 1000  # posters of the generator, unless another number is said
ROWS = 256  # pictures at once, fewer of large ones


@dataclass(frozen=True, eq=False)
class Measured:
    """Posters and the responses to them.

    pictures : of rows (n,) the posters (n, 3, H, W) in [-1, 1]. names : int (N,), what the table calls each: a row of
        the data set, or a seed. groups : (N,) copies of one picture share a number; None where nobody looked.
    """

    responses: Responses
    pictures: Callable[[NDArray[np.intp]], Tensor]
    names: NDArray[np.int_]
    groups: NDArray[np.int_] | None = None


@dataclass(frozen=True, eq=False)
class Explained:
    """The discriminator: its score, the picture (1, 3, H, W) that contributions are compared with, in words too."""

    score: Score
    reference: Tensor
    words: str
    digest: str


def study(
    checkpoint: Checkpoint,
    posters: PosterSet | None = None,
    rows: NDArray[np.intp] | None = None,
    generated: int = GENERATED,
    progress: StageProgress = lambda stage, done: None,
) -> DiscriminatorTable:
    """The table of a checkpoint's discriminator, compared with what the Compare page compares with at first.

    posters : real ones of its size; drawn ones (gan.data.synthetic) take their place where there are none, and the
        table then has no fingerprint of posters. rows : which of them, all by default.

    Raises
    ------
    ExplanationError
        As :func:`discriminator_table`, or if the networks wait for genres.
    """
    seeds, draw = np.asarray(reserved("collection")[:generated]), of_seeds(checkpoint)

    def stage(name: str) -> Progress:
        return lambda done: progress(name, done)

    if posters is None:
        by = explained(checkpoint, reference("generated", generator=checkpoint.generator))
        size, held_out, origin = checkpoint.config.size, np.zeros(generated, bool), {}
        real = measured(
            by, lambda some: from_uint8(draw_posters(some.tolist(), size)), np.arange(generated), None,
            stage("drawn posters"),
        )  # fmt: skip
    else:
        by = explained(checkpoint, reference("posters", posters=posters.split()[0]))
        chosen = np.arange(len(posters)) if rows is None else rows
        held_out, origin = posters.held_out[chosen], fingerprint(posters, checkpoint.config.genres)
        same = copies(posters.select(chosen))
        real = measured(by, lambda some: posters.tensor(chosen[some]), chosen, same, stage("real posters"))
    of_generator = measured(by, lambda some: draw(seeds[some]), seeds, None, stage("generated posters"))
    return discriminator_table(by, real, of_generator, held_out, origin, stage("filters"))


def explained(checkpoint: Checkpoint, given: Reference) -> Explained:
    """The discriminator, compared with the mean of the reference."""
    picture = given.single(torch.zeros(1, 3, *checkpoint.config.size))
    return Explained(Score(checkpoint.need_discriminator()), picture, given.words, checkpoint.digest)


def of_seeds(checkpoint: Checkpoint) -> Callable[[NDArray[np.int64]], Tensor]:
    """A function of seeds (n,) that gives their posters (n, 3, H, W)."""
    generator = private_copy(checkpoint.need_generator())

    @torch.no_grad()
    def draw(seeds: NDArray[np.int64]) -> Tensor:
        pictures: Tensor = generator(latents(seeds.tolist(), checkpoint.config))
        return pictures

    return draw


def copies(posters: PosterSet) -> NDArray[np.intp]:
    """For each poster the first that is nearly the same picture."""
    first = np.arange(len(posters))
    for group in near_duplicates(posters.images).groups:
        first[list(group)] = group[0]
    return first


def measured(
    by: Explained,
    pictures: Callable[[NDArray[np.intp]], Tensor],
    names: NDArray[np.int_],
    groups: NDArray[np.int_] | None = None,
    progress: Progress = lambda done: None,
) -> Measured:
    """The responses to these posters, a part of them at a time."""
    parts, step = [], at_once(ROWS, by.reference.shape[2:])
    for start in range(0, len(names), step):
        rows = np.arange(start, min(start + step, len(names)))
        parts.append(responses(by.score, pictures(rows), by.reference))
        progress((rows[-1] + 1) / len(names))
    arrays: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in ARRAYS}
    return Measured(replace(parts[0], **arrays), pictures, names, groups)


def discriminator_table(
    by: Explained,
    real: Measured,
    generated: Measured,
    held_out: NDArray[np.bool_],
    posters: Mapping[str, Any],
    progress: Progress = lambda done: None,
) -> DiscriminatorTable:
    """The table, from responses that were compared with the reference.

    held_out : (N,), which of the real posters D was not trained on. posters : fingerprint of the real posters.
    progress : called with the finished fraction; an exception in it ends the study.

    Raises
    ------
    ExplanationError
        As :func:`xai.discriminator.filters.evidence.evidence`.
    """
    judged = np.flatnonzero(held_out) if held_out.any() else np.arange(len(held_out))
    columns: dict[str, Any] = _evidence(evidence(real.responses.rows(judged), generated.responses))
    columns |= _exemplars("real", real, by, lambda done: progress(0.1 + 0.45 * done))
    columns |= _exemplars("generated", generated, by, lambda done: progress(0.55 + 0.45 * done))
    return DiscriminatorTable(
        **columns, digest=by.digest, posters=posters, real=len(held_out), held_out=int(held_out.sum()),
        generated=len(generated.names), first_seed=int(generated.names[0]), reference=by.words,
    )  # fmt: skip


def _evidence(found: FilterEvidence) -> dict[str, NDArray[Any]]:
    """The table's columns of evidence."""
    floats: dict[str, NDArray[Any]] = {
        "p": found.p, "agreeing": found.agreeing, "strength": found.strength, "active": found.active,
        "highest_real": found.highest[0], "highest_generated": found.highest[1],
        "bins_low": found.largest.low, "bins_high": found.largest.high,
        "real_quantiles": found.largest.quantiles[0], "generated_quantiles": found.largest.quantiles[1],
    }  # fmt: skip
    for name in ("auc", "auc_of_mean", "auc_of_contribution", "logit_effect", "proportion"):
        estimate = getattr(found, name)
        floats |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    return {
        "layer": np.repeat([one.name for one in found.layers], [one.units for one in found.layers]),
        "unit": np.concatenate([np.arange(one.units, dtype=np.int32) for one in found.layers]),
        **{name: values.astype(np.float32) for name, values in floats.items()},
        **{name: getattr(found, name) for name in ("says", "activation_rank", "contribution_rank", "silent", "unused")},
        "real_counts": found.largest.counts[0],
        "generated_counts": found.largest.counts[1],
    }


def _exemplars(kind: str, posters: Measured, by: Explained, progress: Progress) -> dict[str, NDArray[Any]]:
    """The table's columns of exemplars of one kind of posters."""
    picks = exemplars(posters.responses, groups=posters.groups)
    placed = [picks["strongest"], *_placed(picks["mattered"], picks["against"], posters, by, progress)]
    rows, places, values = (
        np.stack([getattr(one, name) for one in placed], 1) for name in ("rows", "places", "values")
    )
    return {
        f"{kind}_posters": np.where(rows >= 0, posters.names[np.maximum(rows, 0)], -1).astype(np.int64),
        f"{kind}_places": places,
        f"{kind}_values": values.astype(np.float16),
    }


def _placed(
    mattered: Picks, against: Picks, posters: Measured, by: Explained, progress: Progress
) -> tuple[Picks, Picks]:
    """The picks of contributions, with the places where these are highest, and lowest, in place of the responses'."""
    rows = np.unique(np.concatenate([mattered.rows, against.rows]))
    rows = rows[rows >= 0]
    picked, places = (mattered, against), (mattered.places.copy(), against.places.copy())
    step = at_once(ROWS, by.reference.shape[2:])
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        found = contribution_places(by.score, posters.pictures(some), by.reference)
        for picks, own, new in zip(picked, places, found, strict=True):
            units, shown = np.nonzero(np.isin(picks.rows, some))
            own[units, shown] = new[np.searchsorted(some, picks.rows[units, shown]), units]
        progress(min(1.0, (start + step) / len(rows)))
    return replace(mattered, places=places[0]), replace(against, places=places[1])

"""Directions in latent space, measured: what each does to a poster, and a label only where that is certain.

    study = study_directions(generator, score, seed=0)
    for direction in study.directions:
        direction.family, direction.name, direction.label      # "measured", "warmth", "warmth"
        direction.effects                                      # what +-2 along it does to every statistic
    study.agreement.overlap                                    # do the families find the same?

``xai.latents.directions`` finds them. Random directions go through the same measurement and are the control.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan.errors import counted
from gan.evaluation.estimates import by_chance, mean_t
from gan.networks.dcgan import Generator, latents
from gan.networks.seeds import reserved
from gan.progress import Progress
from xai.errors import ExplanationError
from xai.latents import picture_statistics
from xai.latents.directions import (
    CONTROL,
    LEAST,
    Direction,
    StatisticChange,
    closed_form,
    jacobian_directions,
    measured,
    pca,
    random_directions,
)
from xai.latents.sobol import local_sensitivity
from xai.latents.sweeps import AT_ONCE
from xai.networks.batches import at_once
from xai.networks.fast_generator import check_latents, fast_generator, size_of
from xai.networks.score import Score

MOVE = 2.0  # units of noise to either side
CONTROL_QUANTILE = 0.95  # of the largest effects of random directions, which a label must exceed too
STUDY_SEED = reserved("latent study").start  # seeds from here on: nobody's favourite posters


@dataclass(frozen=True, eq=False)
class FamilyAgreement:
    """Whether the families find the same directions.

    families : in the order of the rows and columns.
    overlap : (F, F), mean squared cosine of the principal angles of two spans of ``top`` directions each: 1 the
        same span, ``chance`` on average for random spans.
    top : directions of each family that were compared.
    matches : for each direction of a family ("pca", 0) and each other family the direction most like it and
        the size of their cosine.
    """

    families: tuple[str, ...]
    overlap: NDArray[np.float64]
    chance: float
    top: int
    matches: Mapping[tuple[str, str], tuple[tuple[str, str, float], ...]]


@dataclass(frozen=True, eq=False)
class DirectionStudy:
    """All families, measured.

    directions : in the order of the families, the control last.
    threshold : certain effect that a label needs: the larger of ``LEAST`` and what random directions reach.
    spread : standard deviation of each statistic over random posters.
    seconds : wall time.
    """

    directions: tuple[Direction, ...]
    threshold: float
    spread: Mapping[str, float]
    agreement: FamilyAgreement
    seconds: float

    def of(self, family: str) -> tuple[Direction, ...]:
        """The directions of one family."""
        return tuple(one for one in self.directions if one.family == family)

    @property
    def multiplicity(self) -> str:
        """How many directions have a label, beside how many random ones would, in a sentence."""
        tried = [one for one in self.directions if one.family != CONTROL]
        expected = by_chance(len(tried), CONTROL_QUANTILE)
        found = sum(one.label is not None for one in tried)
        directions = counted(len(tried), "direction")
        return f"Of {directions} {found} have a label; of as many random ones, at most {expected:.2g} would."


@dataclass(frozen=True)
class Sizes:
    """How much a study of directions measures.

    directions : of each family, at most. samples : posters for the regression and, half of them, for the PCA.
    held_out : latents from which each direction is measured; no family has seen them.
    posters : for the averaged Jacobian. controls : random directions.
    """

    directions: int = 10
    samples: int = 2000
    held_out: int = 48
    posters: int = 16
    controls: int = 20

    def check(self, latent: int) -> None:
        """Raise ExplanationError if a number is too small to measure anything."""
        if self.directions < 1 or self.held_out < 3 or self.controls < 5 or self.samples < latent + 20:
            raise ExplanationError(
                f"A study needs at least 1 direction, 3 held-out latents, 5 controls and "
                f"{counted(latent + 20, 'sample')}."
            )


USUAL = Sizes()


def study_directions(
    generator: Generator,
    score: Score | None = None,
    sizes: Sizes = USUAL,
    seed: int = 0,
    gram: Tensor | None = None,
    progress: Progress | None = None,
) -> DirectionStudy:
    """Find directions in each of four ways, measure what each does, and label those for which that is certain.

    ``gram`` is that of :class:`xai.latents.sobol.LocalSensitivity`, where it has been measured already.

    Raises
    ------
    ExplanationError
        If one of the ``sizes`` is too small to measure anything.
    """
    started, report = time.perf_counter(), progress or (lambda done: None)
    width = generator.config.latent
    sizes.check(width)
    first = STUDY_SEED * (seed + 1)
    z = latents(range(first, first + sizes.samples), generator.config)
    held_out = latents(range(first + sizes.samples, first + sizes.samples + sizes.held_out), generator.config)
    values = sample_statistics(generator, z, score, _part(report, 0.0, 0.3))
    if gram is None:
        gram = local_sensitivity(generator, z[: sizes.posters], _part(report, 0.3, 0.5)).gram
    names, count = picture_statistics.names(score), min(sizes.directions, width)
    of_families = [
        *pca(generator, z[: max(sizes.samples // 2, width + 10)], count=count),
        *closed_form(generator, count),
        *jacobian_directions(gram, count),
        *measured(z, values, names),
    ]
    report(0.6)
    candidates = [*of_families, *random_directions(width, sizes.controls, seed)]
    spread = values.std(0, correction=1)
    effects = measure_effects(generator, candidates, held_out, spread, score, _part(report, 0.6, 1.0))
    threshold = max(LEAST, _of_chance(effects[len(of_families) :]))
    directions = tuple(labelled(one, effect, threshold) for one, effect in zip(candidates, effects, strict=True))
    agreement = compare_families([one for one in directions if one.family != CONTROL], min(count, len(values[0])))
    deviations = dict(zip(names, spread.tolist(), strict=True))
    return DirectionStudy(directions, threshold, deviations, agreement, time.perf_counter() - started)


@torch.no_grad()
def sample_statistics(
    generator: Generator, z: Tensor, score: Score | None = None, progress: Progress | None = None
) -> Tensor:
    """Statistics (N, S) of the posters of ``z`` (N, latent, 1, 1); no picture is kept."""
    check_latents(z)
    generate, report = fast_generator(generator), progress or (lambda done: None)
    found: list[Tensor] = []
    rows = at_once(AT_ONCE, size_of(generator, z))
    for number, part in enumerate(torch.split(z, rows), 1):
        found.append(picture_statistics.measure_statistics(generate(part), score))
        report(min(1.0, number * rows / len(z)))
    return torch.cat(found)


def measure_effects(
    generator: Generator,
    directions: Sequence[Direction],
    z: Tensor,
    spread: Tensor,
    score: Score | None = None,
    progress: Progress | None = None,
) -> list[dict[str, StatisticChange]]:
    """For each direction how the statistics change from z - 2 v to z + 2 v, over z (N, latent, 1, 1).

    spread : (S,), the unit of each statistic: its standard deviation over random posters. A statistic
        without any has the effect 0.
    """
    check_latents(z)
    report = progress or (lambda done: None)
    unit = torch.where(spread > 1e-9, spread, torch.inf).double()
    found = []
    for number, direction in enumerate(directions, 1):
        step = MOVE * torch.from_numpy(direction.vector).to(z)[None, :, None, None]
        ends = sample_statistics(generator, torch.cat([z + step, z - step]), score).double()
        change = (ends[: len(z)] - ends[len(z) :]) / unit
        estimates = [mean_t(one.numpy()) for one in change.T]
        found.append(
            {
                name: StatisticChange(one.value, one.low, one.high)
                for name, one in zip(picture_statistics.names(score), estimates, strict=True)
            }
        )
        report(number / len(directions))
    return found


def labelled(direction: Direction, effects: Mapping[str, StatisticChange], threshold: float) -> Direction:
    """The direction with its effects and, if the largest is certainly above the threshold, its label.

    A direction with a label is turned so that the statistic grows along it. A control never has one.
    """
    largest = max(effects, key=lambda name: abs(effects[name].value))
    if direction.family == CONTROL or effects[largest].certain < threshold:
        return replace(direction, effects=dict(effects))
    if effects[largest].value < 0:
        turned = {name: StatisticChange(-one.value, -one.high, -one.low) for name, one in effects.items()}
        return replace(direction, vector=-direction.vector, label=largest, effects=turned)
    return replace(direction, label=largest, effects=dict(effects))


def compare_families(directions: Sequence[Direction], top: int) -> FamilyAgreement:
    """Compare the spans of the first ``top`` directions of each family, and their directions one by one."""
    families = tuple(dict.fromkeys(one.family for one in directions))
    groups = {name: [one for one in directions if one.family == name] for name in families}
    top = min(top, *(len(group) for group in groups.values()))
    spans = [np.linalg.qr(np.stack([one.vector for one in groups[name][:top]], 1))[0] for name in families]
    overlap = np.array([[np.square(a.T @ b).sum() / top for b in spans] for a in spans])
    matches = {(a, b): tuple(_match(one, groups[b]) for one in groups[a]) for a in families for b in families if a != b}
    return FamilyAgreement(families, overlap, top / len(directions[0].vector), top, matches)


def _match(direction: Direction, others: Sequence[Direction]) -> tuple[str, str, float]:
    cosines = [abs(float(direction.vector @ other.vector)) for other in others]
    best = int(np.argmax(cosines))
    return direction.name, others[best].name, cosines[best]


def _of_chance(effects: Sequence[Mapping[str, StatisticChange]]) -> float:
    """What the largest effect of a random direction exceeds only once in twenty."""
    largest = [max(abs(one.value) for one in of_direction.values()) for of_direction in effects]
    return float(np.quantile(largest, CONTROL_QUANTILE))


def _part(report: Progress, start: float, end: float) -> Progress:
    return lambda done: report(start + (end - start) * done)

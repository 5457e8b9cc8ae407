"""What conditioning on a genre does: each genre swept for one poster, and its effects over many.

    sweep = genre_sweep(checkpoint.generator, z)            # each genre alone, its label from 0 to 1
    sweep.pixels[2, -1]                                     # uint8 (H, W, 3): the third genre, with label 1
    sweep.sheet().pixels                                    # one row a genre, one column a strength
    sweep.statistics[2, -1]                                 # what that does to brightness, warmth, ...

    genre_effects(checkpoint.generator, latents(range(64), checkpoint.config)).rms     # over many posters

Labels run from -1 (not of the genre) over 0 (no condition) to 1 (of the genre).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan.data.images import to_uint8
from gan.evaluation.estimates import by_chance, t_quantile
from gan.networks.dcgan import Generator
from gan.progress import Progress
from xai.errors import ExplanationError
from xai.latents import picture_statistics
from xai.latents.sweeps import AT_ONCE
from xai.networks.batches import at_once
from xai.networks.fast_generator import check_latents
from xai.networks.hooks import private_copy
from xai.networks.score import Score
from xai.render import Sprite, sprite

Conditional = Callable[[Tensor, Tensor], Tensor]
Floats = NDArray[np.float64]

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)


# ---- one poster ----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class GenreSweep:
    """Each genre alone as the condition, at every strength, for one poster.

    genres : G names. strengths : S labels. names : T statistics, those of :mod:`xai.latents.picture_statistics`.
    pixels : uint8 (G, S, H, W, 3).
    change : (G, S), root mean square distance from the poster without a condition, 0 to 1 (black to white).
    statistics : (G, S, T), each statistic minus that of the poster without a condition.
    seconds : wall time.
    """

    genres: tuple[str, ...]
    strengths: tuple[float, ...]
    names: tuple[str, ...]
    pixels: NDArray[np.uint8]
    change: Floats
    statistics: Floats
    seconds: float

    def sheet(self) -> Sprite:
        """One picture of all: row g is genre g, column s is strength s."""
        return sprite(self.pixels.reshape(-1, *self.pixels.shape[2:]), columns=len(self.strengths))


@torch.no_grad()
def genre_sweep(
    generator: Generator,
    z: Tensor,
    genres: Sequence[str] | None = None,
    strengths: Sequence[float] = STRENGTHS,
    score: Score | None = None,
    progress: Progress | None = None,
) -> GenreSweep:
    """Condition on each of ``genres`` (default all) alone, at each of ``strengths``, for one ``z`` (1, latent, 1, 1).

    With ``score``, for instance of a discriminator that is given no genre, D's logit is the last statistic.
    ``progress`` is called with the finished fraction, 0 to 1; an exception in it ends the work.

    Raises
    ------
    ExplanationError
        If the generator was trained without genres, or without these, ``z`` is not one latent, or a strength is not
        from -1 to 1.
    """
    started, report = time.perf_counter(), progress or (lambda done: None)
    check_latents(z, 1)
    generate, places = _conditional(generator), _places(generator, genres)
    if not strengths or not all(-1 <= strength <= 1 for strength in strengths):
        raise ExplanationError("A sweep needs at least one strength, each from -1 to 1.")
    labels = torch.zeros(len(places), len(strengths), len(generator.config.genres))
    for row, place in enumerate(places):
        labels[row, :, place] = torch.tensor(strengths)
    plain = generate(z, torch.zeros(1, labels.shape[2]))
    usual = picture_statistics.measure_statistics(plain, score)
    cells, change, moved = [], [], []
    for done, part in _parts(labels.flatten(0, 1), generator):
        pictures = generate(z.expand(len(part), -1, -1, -1), part)
        cells.append(to_uint8(pictures))
        change.append(_distance(pictures, plain))
        moved.append(picture_statistics.measure_statistics(pictures, score) - usual)
        report(done)
    pixels, shape = np.concatenate(cells), (len(places), len(strengths))
    return GenreSweep(
        tuple(generator.config.genres[place] for place in places),
        tuple(float(strength) for strength in strengths),
        picture_statistics.names(score),
        pixels.reshape(*shape, *pixels.shape[1:]),
        torch.cat(change).double().numpy().reshape(shape),
        torch.cat(moved).double().numpy().reshape(*shape, -1),
        time.perf_counter() - started,
    )


# ---- many posters --------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class GenreEffects:
    """What conditioning on each genre alone does, averaged over N posters.

    genres : G names. names : T statistics.
    rms, rms_error : (G,), mean over posters of the root mean square change of the picture, 0 to 1 (black to white),
        and its standard error.
    statistics, statistics_error : (G, T), mean change of each statistic, and its standard error.
    spread : (T,), standard deviation of each statistic over posters without a condition: how much the latent alone
        changes it.
    posters : N, at least 2.
    """

    genres: tuple[str, ...]
    names: tuple[str, ...]
    rms: Floats
    rms_error: Floats
    statistics: Floats
    statistics_error: Floats
    spread: Floats
    posters: int

    @property
    def rms_margin(self) -> Floats:
        """(G,), half the width of the 95 % interval of ``rms``."""
        return t_quantile(self.posters - 1) * self.rms_error

    @property
    def standardised(self) -> Floats:
        """(G, T), mean change of each statistic in standard deviations over posters without a condition."""
        return self.statistics / np.maximum(self.spread, 1e-9)

    @property
    def uncertain(self) -> NDArray[np.bool_]:
        """(G, T), whether the 95 % interval of a statistic's change holds 0, one statistic at a time."""
        return np.asarray(~(np.abs(self.statistics) > t_quantile(self.posters - 1) * self.statistics_error))

    @property
    def multiplicity(self) -> str:
        """How many changes were tested and stand out, beside how many would by chance, in a sentence."""
        tests, found = self.uncertain.size, int((~self.uncertain).sum())
        return f"Of {tests} changes {found} differ from 0 at 95%; by chance alone {by_chance(tests):.2g} would."


@torch.no_grad()
def genre_effects(
    generator: Generator,
    z: Tensor,
    genres: Sequence[str] | None = None,
    strength: float = 1.0,
    score: Score | None = None,
    progress: Progress | None = None,
) -> GenreEffects:
    """Compare the posters of ``z`` (N, latent, 1, 1), N at least 2, with and without each genre as the condition.

    Raises
    ------
    ExplanationError
        As for :func:`genre_sweep`, and for fewer than two latents.
    """
    report = progress or (lambda done: None)
    check_latents(z)
    generate, places = _conditional(generator), _places(generator, genres)
    if len(z) < 2 or not -1 <= strength <= 1:
        raise ExplanationError("Effects need at least two latents, and a strength from -1 to 1.")
    labels = torch.zeros(len(places), len(generator.config.genres))
    labels[torch.arange(len(places)), places] = strength
    usual, distances, changes = [], [], []
    for done, part in _parts(z, generator):
        plain = generate(part, torch.zeros(len(part), labels.shape[1]))
        usual.append(picture_statistics.measure_statistics(plain, score))
        conditioned = [generate(part, label.expand(len(part), -1)) for label in labels]
        distances.append(torch.stack([_distance(pictures, plain) for pictures in conditioned], 1))
        changes.append(
            torch.stack(
                [picture_statistics.measure_statistics(pictures, score) - usual[-1] for pictures in conditioned], 1
            )
        )
        report(done)
    rms, rms_error = _mean(torch.cat(distances))
    moved, moved_error = _mean(torch.cat(changes))
    spread: Floats = torch.cat(usual).double().std(0).numpy()
    names = tuple(generator.config.genres[place] for place in places)
    return GenreEffects(names, picture_statistics.names(score), rms, rms_error, moved, moved_error, spread, len(z))


def _conditional(generator: Generator) -> Conditional:
    """Noise and labels to pictures, in eval mode."""
    if not generator.config.genres:
        raise ExplanationError("This generator was trained without genres, so it cannot be conditioned on one.")
    return private_copy(generator, labels_come=True)


def _places(generator: Generator, genres: Sequence[str] | None) -> list[int]:
    trained = generator.config.genres
    chosen = trained if genres is None else tuple(genres)
    unknown = [genre for genre in chosen if genre not in trained]
    if unknown or not chosen:
        wrong = f"no genre {unknown[0]!r}" if unknown else "no empty choice of genres"
        raise ExplanationError(f"This generator knows {wrong}; it knows {', '.join(trained)}.")
    return [trained.index(genre) for genre in chosen]


def _parts(rows: Tensor, generator: Generator) -> Iterator[tuple[float, Tensor]]:
    """Rows that fit into memory together, with the finished fraction after them."""
    done = 0
    for part in torch.split(rows, at_once(AT_ONCE, generator.config.size)):
        done += len(part)
        yield done / len(rows), part


def _distance(pictures: Tensor, plain: Tensor) -> Tensor:
    """Root mean square (N,), 0 to 1."""
    return ((pictures - plain) / 2).square().mean((1, 2, 3)).sqrt()


def _mean(values: Tensor) -> tuple[Floats, Floats]:
    """Mean over the first dimension, and its standard error."""
    exact = values.double()
    return exact.mean(0).numpy(), (exact.std(0) / len(exact) ** 0.5).numpy()

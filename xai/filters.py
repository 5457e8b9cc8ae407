"""What every filter (unit) of a generator is for: measured over hundreds of latents, with a verdict each.

    table = filters_table(gan.load("checkpoints/dcgan-64"), latents=256)
    table.rows()[0]                     # {"layer": "layers.2", "unit": 0, "verdict": "useful", ...}
    table.save("checkpoints/dcgan-64/filters.npz")
    Table.beside("checkpoints/dcgan-64", checkpoint.digest)    # None where it is of other weights

    removals(Anatomy.of(generator), z, "layers.5", score=Score(discriminator)).effects    # (256,), for one poster

A unit is taken away by holding its map at its mean (Bau et al. 2019, "GAN Dissection", 3.2: zero is
off-distribution for a unit that is always on), and the picture is compared with the one that has it. So a unit
is judged for what it changes from poster to poster and from place to place, not for what it adds to all alike.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan.checkpoint import Checkpoint
from gan.config import ModelConfig
from gan.files import write_file
from gan.models import latents as latents_of
from xai.anatomy import Anatomy
from xai.chain import Trace
from xai.errors import ExplanationError
from xai.memory import at_once
from xai.score import Score

Verdict = Literal["essential", "useful", "redundant", "constant", "dead", "harmful"]
Removal = Literal["mean", "zero", "resample"]
Progress = Callable[[float], None]
Floats = NDArray[np.float32]

VERDICTS: tuple[Verdict, ...] = ("dead", "constant", "harmful", "redundant", "essential", "useful")
FIRST_SEED = 3_000_000  # the study's latents are those of this seed and the next ones
DONOR_SEED = 4_000_000  # whose map takes a unit's place by "resample"
SHOWN_SEEDS = range(1000)  # among which the strongest and weakest posters of a unit are looked for
SHOWN = 8
AT_ONCE = 32  # posters of which everything between noise and picture is kept, fewer of large ones
REPLACED = 64  # latents over which the folded replacement is tried
RESAMPLES = 400  # of the bootstrap
FILE = "filters.npz"
MOST_BYTES = 50_000_000  # of a table, unpacked

GREY_LEVEL = 2 / 255  # one of 255 steps of a picture's range -1 to 1
DEAD = 1e-6  # a unit that never gets above this
STILL = 0.02  # a constant unit's spread, as a part of the layer's, root mean square
ALIKE = 0.7  # a redundant unit's correlation with another, at least, without regard to sign
INVISIBLE = 1.0  # grey levels: what a redundant unit's replacement may cost
ESSENTIAL = 4.0  # grey levels
HARM = 0.02  # of the spread of D's logits
LEVEL = 0.99  # of the intervals
RULE = (
    f"Dead: never above {DEAD:g}. Constant: its standard deviation over posters and places is below {STILL:.0%} of "
    f"what is usual in its layer (root mean square). Harmful: D's logit is higher without it, by more than {HARM:.0%} "
    f"of the logits' spread, and the {LEVEL:.0%} interval does not reach 0. Redundant: correlation of at least {ALIKE} "
    f"with another unit of the layer, and with a multiple of that one in its place the picture differs by at most "
    f"{INVISIBLE:g} grey level. Essential: the picture changes by {ESSENTIAL:g} grey levels or more without it. "
    "Useful: all others. The first that fits is taken. A unit is away when it is held at its mean; differences of "
    "pictures are root mean squares."
)


# ---- one poster --------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Removals:
    """One poster without each unit of a layer, one at a time.

    effects : (U,), RMS change of the picture, whose range is 2.
    logit : D's logit of the poster as it is. logit_changes : (U,), without the unit minus with it. Both None
        without a score.
    """

    effects: Tensor
    logit: float | None
    logit_changes: Tensor | None


@torch.no_grad()
def removals(
    anatomy: Anatomy,
    z: Tensor,
    layer: str,
    removal: Removal = "mean",
    score: Score | None = None,
    donor: int = DONOR_SEED,
    progress: Progress | None = None,
) -> Removals:
    """Take each unit of a layer away from the poster of ``z`` (1, latent, 1, 1), one at a time.

    ``donor`` is the seed whose map takes the unit's place by "resample".

    Raises
    ------
    ExplanationError
        If there is no such layer or removal, or ``z`` is not one latent.
    """
    trace = one_trace(anatomy, z)
    changes = without(anatomy, trace, layer, removal, donor)
    return _compare(anatomy, trace, layer, changes, score, progress)


def one_trace(anatomy: Anatomy, z: Tensor) -> Trace:
    """The trace of one latent; ExplanationError where there are several."""
    if len(z) != 1:
        raise ExplanationError(f"One latent is looked at at a time, not {len(z)}.")
    return anatomy.trace(z)


def without(anatomy: Anatomy, trace: Trace, layer: str, removal: Removal = "mean", donor: int = DONOR_SEED) -> Tensor:
    """What removal adds to each unit's map (U, h, w) of one latent's trace."""
    maps = anatomy.maps(trace, layer)[0]
    if removal == "mean":
        return anatomy.means[layer][:, None, None] - maps
    if removal == "zero":
        return -maps
    if removal == "resample":
        return anatomy.maps(anatomy.trace(donated(anatomy, donor)), layer)[0] - maps
    raise ExplanationError(f"A unit is removed by its mean, zero or resample, not by {removal!r}.")


def donated(anatomy: Anatomy, donor: int) -> Tensor:
    """The latent (1, latent, 1, 1) of a donor's seed; ExplanationError where it is none."""
    if not 0 <= donor < 2**32:
        raise ExplanationError(f"The donor is a seed from 0 to {2**32 - 1}, not {donor}.")
    return latents_of([donor], ModelConfig(latent=anatomy.latent))


def _compare(
    anatomy: Anatomy, trace: Trace, layer: str, changes: Tensor, score: Score | None, progress: Progress | None = None
) -> Removals:
    effects, logits = [], []
    for units, pictures in anatomy.redraw(trace, layer, changes):
        effects.append((pictures - trace.output).square().mean((1, 2, 3)).sqrt())
        if score is not None:
            logits.append(score(pictures))
        if progress:
            progress(units.stop / len(changes))
    if score is None:
        return Removals(torch.cat(effects), None, None)
    logit = score(trace.output)
    return Removals(torch.cat(effects), float(logit), torch.cat(logits) - logit)


# ---- all posters -------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Table:
    """Every unit of every activation layer, in the network's order; U units in all.

    layer, unit : (U,) where it is.
    mean, spread, largest, active : (U,) of its activation over latents and places: mean, standard deviation,
        maximum, share of places above 0.
    effect : (U,) grey levels, mean over latents of the RMS change of the picture without it.
    logit_change, logit_low, logit_high : (U,), mean of D's logit without it minus with it, and its interval;
        NaN without a discriminator.
    partner, correlation : (U,), the most correlated other unit of the layer; -1 and 0 where there is none.
    factor, offset : (U,), the unit is replaced by factor * partner + offset (least squares).
    replaced : (U,) grey levels, what the replacement changes.
    verdict : (U,) one of VERDICTS, by RULE. confidence : (U,), share of bootstrap resamples over latents
        with the same verdict.
    strongest, weakest : (U, 8) seeds below 1000 with the highest and lowest mean activation, in that order.
    digest : of the weights. latents : how many were drawn. first_seed : of the first of them. rule : RULE at the
        time.
    """

    layer: NDArray[np.str_]
    unit: NDArray[np.int32]
    mean: Floats
    spread: Floats
    largest: Floats
    active: Floats
    effect: Floats
    logit_change: Floats
    logit_low: Floats
    logit_high: Floats
    partner: NDArray[np.int32]
    correlation: Floats
    factor: Floats
    offset: Floats
    replaced: Floats
    verdict: NDArray[np.str_]
    confidence: Floats
    strongest: NDArray[np.int32]
    weakest: NDArray[np.int32]
    digest: str
    latents: int
    first_seed: int
    rule: str

    def __len__(self) -> int:
        return len(self.unit)

    def rows(self) -> list[dict[str, Any]]:
        """One dict a unit for a data frame; plain Python values."""
        columns = {name: getattr(self, name).tolist() for name in _ARRAYS}
        return [{name: values[index] for name, values in columns.items()} for index in range(len(self))]

    def find(self, layer: str, unit: int) -> dict[str, Any]:
        """The row of one unit; ExplanationError where there is none."""
        [places] = np.nonzero((self.layer == layer) & (self.unit == unit))
        if not len(places):
            raise ExplanationError(f"The table has no unit {unit} of {layer}.")
        return {name: getattr(self, name)[places[0]].tolist() for name in _ARRAYS}

    def counts(self, layer: str | None = None) -> dict[Verdict, int]:
        """How many units have each verdict, in one layer or in all."""
        chosen = self.verdict if layer is None else self.verdict[self.layer == layer]
        return {verdict: int((chosen == verdict).sum()) for verdict in VERDICTS}

    def save(self, path: str | Path) -> None:
        """Write one .npz, complete or not at all."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        facts = {name: getattr(self, name) for name in _FACTS}
        write_file(Path(path), lambda file: np.savez_compressed(file, facts=np.array(json.dumps(facts)), **arrays))

    @staticmethod
    def load(path: str | Path) -> Table:
        """Read what ``save`` wrote.

        Raises
        ------
        ExplanationError
            If the file is missing, damaged, or something else.
        """
        path = Path(path)
        try:
            with zipfile.ZipFile(path) as archive:
                size = sum(entry.file_size for entry in archive.infolist())
            if size > MOST_BYTES:
                raise ExplanationError(f"{path} is too large for a table of filters.")
            with np.load(path, allow_pickle=False) as file:
                facts = json.loads(str(file["facts"]))
                table = Table(**{name: file[name] for name in _ARRAYS}, **{name: facts[name] for name in _FACTS})
        except FileNotFoundError:
            raise ExplanationError(f"{path} is not there.") from None
        except (
            OSError,
            EOFError,
            KeyError,
            TypeError,
            ValueError,
            MemoryError,
            zipfile.BadZipFile,
            zlib.error,
        ) as error:
            raise ExplanationError(f"{path} is truncated or is no table of filters.") from error
        if not table._is_whole():
            raise ExplanationError(f"{path} is truncated or is no table of filters.")
        return table

    def _is_whole(self) -> bool:
        """Whether every column has a value of its kind for every unit."""
        if set(self.verdict.ravel().tolist()) - set(VERDICTS):
            return False
        for name in _ARRAYS:
            column = getattr(self, name)
            kind = "U" if name in ("layer", "verdict") else "i" if name in _INTEGERS else "f"
            shape = (self.unit.size, SHOWN) if name in ("strongest", "weakest") else (self.unit.size,)
            if (column.dtype.kind, column.shape) != (kind, shape):
                return False
        return True

    @staticmethod
    def beside(folder: str | Path, digest: str) -> Table | None:
        """The table in a checkpoint's folder; None where there is none, or where the weights or the rule are others.

        Raises
        ------
        ExplanationError
            If it is damaged.
        """
        path = Path(folder) / FILE
        if not path.is_file():
            return None
        table = Table.load(path)
        return table if (table.digest, table.rule) == (digest, RULE) else None


_FACTS = ("digest", "latents", "first_seed", "rule")
_ARRAYS = tuple(field.name for field in fields(Table) if field.name not in _FACTS)
_INTEGERS = ("unit", "partner", "strongest", "weakest")


def filters_table(
    checkpoint: Checkpoint,
    latents: int = 256,
    first_seed: int = FIRST_SEED,
    progress: Progress | None = None,
) -> Table:
    """Measure all units of all activation layers of the checkpoint's generator.

    Parameters
    ----------
    latents : how many posters; those of ``first_seed`` and the seeds after it.
    progress : told the share that is done; it calls the study off by raising.

    Raises
    ------
    ExplanationError
        If there is no generator or it waits for genres, fewer than 2 latents are asked for, or there are no such seeds.
    """
    if checkpoint.generator is None:
        raise ExplanationError("This checkpoint has no generator, only a discriminator.")
    if latents < 2:
        raise ExplanationError(f"A study needs at least 2 latents, not {latents}.")
    if not 0 <= first_seed <= 2**32 - latents:
        raise ExplanationError(f"Seeds run from 0 to {2**32 - 1}; {latents} from {first_seed} on do not fit.")
    tell = progress or (lambda part: None)
    anatomy = Anatomy.of(checkpoint.generator)
    score = None if checkpoint.discriminator is None else Score(checkpoint.discriminator)
    z = latents_of(range(first_seed, first_seed + latents), checkpoint.config)
    shown = latents_of(SHOWN_SEEDS, checkpoint.config)
    moments = _moments(anatomy, z, lambda part: tell(0.02 * part))
    strengths = _strengths(anatomy, shown, lambda part: tell(0.02 + 0.03 * part))
    twins = {layer: _twins(found) for layer, found in moments.items()}
    effects = _effects(anatomy, z, score, twins, lambda part: tell(0.05 + 0.94 * part))
    columns: dict[str, list[NDArray[Any]]] = {name: [] for name in _ARRAYS}
    for layer in anatomy.layers:
        rows = _columns(layer, moments[layer], twins[layer], effects[layer], strengths[layer])
        for name, values in rows.items():
            columns[name].append(values)
    tell(1.0)
    joined = {name: np.concatenate(parts) for name, parts in columns.items()}
    return Table(**joined, digest=checkpoint.digest, latents=latents, first_seed=first_seed, rule=RULE)


@dataclass(frozen=True, eq=False)
class _Moments:
    """Of a layer's activations.

    usual : (U,), a number near each mean; moments are taken about it, so that nothing is lost of the variance of a
        unit that is always on. mean, square, largest, active : (N, U) by latent. products : (U, U) covariances.
    """

    usual: Tensor
    mean: Tensor
    square: Tensor
    largest: Tensor
    active: Tensor
    products: Tensor


@dataclass(frozen=True, eq=False)
class _Twins:
    """By unit (U,): the most correlated other one, the correlation, and the line from the other to it."""

    partner: Tensor
    correlation: Tensor
    factor: Tensor
    offset: Tensor


@dataclass(frozen=True, eq=False)
class _Effects:
    """By latent and unit: changes of the picture (grey levels) and of the logit (N, U); with the twin (R, U).

    logits : (N,) of the posters as they are; NaN, as their changes, without a discriminator.
    """

    picture: Tensor
    logit: Tensor
    replaced: Tensor
    logits: Tensor


@torch.no_grad()
def _moments(anatomy: Anatomy, z: Tensor, tell: Progress) -> dict[str, _Moments]:
    by_latent: dict[str, list[Tensor]] = {layer: [] for layer in anatomy.layers}
    products = {layer: torch.zeros(1, dtype=torch.double) for layer in anatomy.layers}
    for trace in _traces(anatomy, z, tell):
        for layer in anatomy.layers:
            maps = anatomy.maps(trace, layer)
            about = (maps - anatomy.means[layer][:, None, None]).double().flatten(2)
            active = (maps > 0).double().mean((2, 3))
            largest = maps.amax((2, 3)).double()
            by_latent[layer].append(torch.stack([about.mean(2), about.square().mean(2), largest, active]))
            places = about.transpose(0, 1).flatten(1)
            products[layer] = products[layer] + places @ places.T / about.shape[2]
    found = {}
    for layer, parts in by_latent.items():
        mean, square, largest, active = torch.cat(parts, 1)
        covariance = products[layer] / len(z) - mean.mean(0)[:, None] * mean.mean(0)
        found[layer] = _Moments(anatomy.means[layer].double(), mean, square, largest, active, covariance)
    return found


def _traces(anatomy: Anatomy, z: Tensor, tell: Progress) -> Iterator[Trace]:
    rows = at_once(AT_ONCE, anatomy.size)
    for start in range(0, len(z), rows):
        yield anatomy.chain.trace(z[start : start + rows], many=True)
        tell(min(1.0, (start + rows) / len(z)))


def _strengths(anatomy: Anatomy, z: Tensor, tell: Progress) -> dict[str, Tensor]:
    """By layer, mean activation (N, U) of each latent's maps."""
    found: dict[str, list[Tensor]] = {layer: [] for layer in anatomy.layers}
    for trace in _traces(anatomy, z, tell):
        for layer in anatomy.layers:
            found[layer].append(anatomy.maps(trace, layer).mean((2, 3)))
    return {layer: torch.cat(parts) for layer, parts in found.items()}


def _twins(moments: _Moments) -> _Twins:
    """The most correlated other unit of each, and the least-squares line from it."""
    variance = moments.products.diagonal().clamp_min(0)
    size = variance.sqrt()
    still = size <= DEAD
    correlation = moments.products / (size[:, None] * size).clamp_min(DEAD**2)
    correlation[still] = 0
    correlation[:, still] = 0
    correlation.fill_diagonal_(0)  # a unit is no twin of its own
    partner = correlation.abs().argmax(1)
    found = correlation.gather(1, partner[:, None])[:, 0].clamp(-1, 1)
    none = found == 0
    factor = torch.where(none, 0.0, found * size / size[partner].clamp_min(DEAD))
    centre = moments.usual + moments.mean.mean(0)
    offset = centre - factor * centre[partner]
    return _Twins(torch.where(none, -1, partner), found, factor, offset)


@torch.no_grad()
def _effects(
    anatomy: Anatomy, z: Tensor, score: Score | None, twins: dict[str, _Twins], tell: Progress
) -> dict[str, _Effects]:
    found: dict[str, list[list[Tensor]]] = {layer: [[], [], []] for layer in anatomy.layers}
    logits = []
    for index in range(len(z)):
        trace = anatomy.trace(z[index : index + 1])
        logits.append(torch.nan if score is None else float(score(trace.output)))
        for place, layer in enumerate(anatomy.layers):
            pictures, changes, replaced = found[layer]
            one = _compare(anatomy, trace, layer, without(anatomy, trace, layer), score)
            pictures.append(one.effects)
            changes.append(torch.full_like(one.effects, torch.nan) if score is None else one.logit_changes)  # type: ignore[arg-type]
            if index < REPLACED:
                by_twin = _replacement(anatomy.maps(trace, layer)[0], twins[layer])
                replaced.append(_compare(anatomy, trace, layer, by_twin, None).effects)
            tell((index + (place + 1) / len(anatomy.layers)) / len(z))
    of_posters = torch.tensor(logits, dtype=torch.double)
    return {layer: _stacked(parts, of_posters) for layer, parts in found.items()}


def _stacked(parts: list[list[Tensor]], logits: Tensor) -> _Effects:
    pictures, changes, replaced = (torch.stack(part).double() for part in parts)
    return _Effects(pictures / GREY_LEVEL, changes, replaced / GREY_LEVEL, logits)


def _replacement(maps: Tensor, twins: _Twins) -> Tensor:
    """What putting factor * partner + offset in a unit's place adds to its map (U, h, w)."""
    factor, offset = twins.factor.float()[:, None, None], twins.offset.float()[:, None, None]
    return factor * maps[twins.partner] + offset - maps  # the factor is 0 where the partner is -1


# ---- verdicts ----------------------------------------------------------------------------------------


def _columns(
    layer: str, moments: _Moments, twins: _Twins, effects: _Effects, strengths: Tensor
) -> dict[str, NDArray[Any]]:
    """The table's rows of one layer, by column."""
    count, units = effects.picture.shape
    once = torch.ones(1, count, dtype=torch.double)
    drawn = torch.as_tensor(np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), RESAMPLES))
    verdict = _judged(once, moments, twins, effects)[0]
    confidence = (_judged(drawn.double(), moments, twins, effects) == verdict).mean(0)
    spread = _weighted(once, moments)[0]
    change, half = (value[0] for value in _interval(once, effects.logit))
    numbers = {
        "mean": moments.usual + moments.mean.mean(0),
        "spread": spread,
        "largest": moments.largest.amax(0),
        "active": moments.active.mean(0),
        "effect": effects.picture.mean(0),
        "logit_change": change,
        "logit_low": change - half,
        "logit_high": change + half,
        "correlation": twins.correlation,
        "factor": twins.factor,
        "offset": twins.offset,
        "replaced": effects.replaced.mean(0),
    }
    return {
        "layer": np.full(units, layer),
        "unit": np.arange(units, dtype=np.int32),
        **{name: values.numpy().astype(np.float32) for name, values in numbers.items()},
        "partner": twins.partner.numpy().astype(np.int32),
        "verdict": np.array(VERDICTS)[verdict],
        "confidence": confidence.astype(np.float32),
        "strongest": _first(strengths, descending=True),
        "weakest": _first(strengths, descending=False),
    }


def _first(strengths: Tensor, descending: bool) -> NDArray[np.int32]:
    """The seeds (U, 8) that come first; of equal ones the lower seed does."""
    order = strengths.argsort(dim=0, descending=descending, stable=True)[:SHOWN]
    return order.T.numpy().astype(np.int32)


def _judged(weights: Tensor, moments: _Moments, twins: _Twins, effects: _Effects) -> NDArray[np.intp]:
    """Places in VERDICTS (B, U) by RULE, where latent n counts ``weights`` (B, N) times."""
    tried = weights[:, : len(effects.replaced)]
    spread = _weighted(weights, moments)
    effect = weights @ effects.picture / weights.sum(1, keepdim=True)
    replaced = tried @ effects.replaced / tried.sum(1, keepdim=True).clamp_min(1)
    change, half = _interval(weights, effects.logit)
    usual = spread.square().mean(1, keepdim=True).sqrt()
    tests = [
        weights @ (moments.largest > DEAD).double() == 0,
        spread <= STILL * usual,
        (change - half > 0) & (change > HARM * effects.logits.std()),
        (twins.correlation.abs() >= ALIKE) & (replaced <= INVISIBLE),
        effect >= ESSENTIAL,
        torch.ones_like(effect, dtype=torch.bool),
    ]
    return torch.stack(tests).double().argmax(0).numpy()  # the first that is true


def _weighted(weights: Tensor, moments: _Moments) -> Tensor:
    """Standard deviations (B, U) over latents and places."""
    total = weights.sum(1, keepdim=True)
    variance = weights @ moments.square / total - (weights @ moments.mean / total).square()
    return variance.clamp_min(0).sqrt()


def _interval(weights: Tensor, changes: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (B, U) of paired changes (N, U), and half the width of its t interval."""
    from scipy.stats import t

    count = len(changes)
    mean = weights @ changes / count
    variance = (weights @ changes.square() / count - mean.square()).clamp_min(0) * count / (count - 1)
    return mean, (variance / count).sqrt() * float(t.ppf((1 + LEVEL) / 2, count - 1))

"""Posters without a unit (filter) of the generator: one unit of any layer, or every unit of a layer in turn.

    one = ablate(generator, z, "layers.5", 7, Ablation("zero"), Score(discriminator))
    one.after, one.score_change                    # the poster without filter 7; D's logit without it, minus with it

    folded = FoldedGenerator.of(generator)
    every = ablate_all(folded, z, "layers.5", score=Score(discriminator))
    every.effects, every.logit_changes             # (256,) each

By default a unit is ablated by holding its map at its mean (Bau et al. 2019, "GAN Dissection", 3.2: zero is
off-distribution for a unit that is always on), and the picture is compared with the one that has it. So a unit
is measured by what it changes from place to place, not by what it adds everywhere.

There are two computations. ``ablate`` edits any layer of a copy of the network, and runs all of it. ``ablate_all`` runs
only what follows an activation layer, many units at once, at a fraction of the cost; it is tested against the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gan.data.images import to_uint8
from gan.display import picture_row
from gan.networks.config import ModelConfig
from gan.networks.dcgan import Generator, latents
from gan.networks.seeds import reserved
from gan.progress import Progress
from xai.errors import ExplanationError
from xai.generator.folded import FoldedGenerator
from xai.networks.chain import Trace
from xai.networks.hooks import activations, edit, private_copy
from xai.networks.layers import unit_means
from xai.networks.score import Score
from xai.render import CHANGE, diverging, limit, map_colours

WAYS = ("mean", "zero", "resample")
GREY_LEVELS = 255 / 2  # in 1 of a picture, whose range is 2
PLACES = (
    "at the top left", "at the top", "at the top right", "at the left", "in the middle", "at the right",
    "at the bottom left", "at the bottom", "at the bottom right",
)  # fmt: skip

DONOR_SEED = reserved("ablation donor").start  # whose map takes a unit's place by "resample"


@dataclass(frozen=True)
class Ablation:
    """What takes a unit's place: its mean over 64 posters, zero, or its map in another poster ("resample").

    ``donor`` is the seed of that other poster.

    Raises
    ------
    ExplanationError
        If there is no such ablation, or the donor is no seed.
    """

    by: str = "mean"
    donor: int = DONOR_SEED

    def __post_init__(self) -> None:
        if self.by not in WAYS:
            raise ExplanationError(f"A unit is ablated by mean, zero or resample, not by {self.by!r}.")
        if not 0 <= self.donor < 2**32:
            raise ExplanationError(f"The donor is a seed from 0 to {2**32 - 1}, not {self.donor}.")

    def donor_latent(self, latent: int) -> Tensor:
        """The latent (1, latent, 1, 1) of the donor's seed."""
        return latents([self.donor], ModelConfig(latent=latent))

    def changes(self, folded: FoldedGenerator, trace: Trace, layer: str) -> Tensor:
        """What it adds to each unit's map (U, h, w) of one latent's trace."""
        maps = folded.maps(trace, layer)[0]
        if self.by == "mean":
            return folded.means[layer][:, None, None] - maps
        if self.by == "zero":
            return -maps
        return folded.maps(folded.trace(self.donor_latent(folded.latent)), layer)[0] - maps


MEAN = Ablation()


@dataclass(frozen=True, eq=False)
class AblatedPicture:
    """One picture with and without one unit.

    before, after : (1, 3, H, W) in [-1, 1].
    unit_map : (h, w), the unit's activation for this picture.
    removed : what took its place: its mean over 64 seeds, 0, or the mean of another poster's map.
    score_before, score_after : D's logits, or None without a score.
    """

    before: Tensor
    after: Tensor
    unit_map: Tensor
    removed: float
    score_before: float | None
    score_after: float | None

    @property
    def difference(self) -> Tensor:
        """What the unit adds: (1, 3, H, W), before - after."""
        return self.before - self.after

    @property
    def difference_map(self) -> Tensor:
        """(H, W), mean of ``difference`` over colours, signed: above 0 where the unit makes the picture brighter."""
        return self.difference[0].mean(0)

    @property
    def grey_levels(self) -> Tensor:
        """``difference_map`` in grey levels, of 255."""
        return GREY_LEVELS * self.difference_map

    @property
    def weaker_here(self) -> bool:
        """Whether the unit responds less to this picture than what took its place.

        Then the picture "without" it has more of what the unit draws, and the difference shows what is missing here.
        """
        return float(self.unit_map.mean()) < self.removed

    @property
    def difference_title(self) -> str:
        """What ``difference`` shows: what the unit adds, unless it is weaker here than what took its place."""
        return "with it, minus without it" if self.weaker_here else "what it adds"

    @property
    def text(self) -> str:
        """What changed: by how much, in which ninth of the picture most, and which way there.

        A second sentence warns where the unit is weaker here than what took its place.
        """
        size = GREY_LEVELS * float(self.difference.square().mean().sqrt())
        if size == 0:
            return "Without it this poster is the same, pixel by pixel."
        ninths = torch.nn.functional.adaptive_avg_pool2d(self.difference_map.abs()[None, None], 3)[0, 0]
        signed = torch.nn.functional.adaptive_avg_pool2d(self.difference_map[None, None], 3)[0, 0]
        most = int(ninths.argmax())
        way = "darker" if float(signed.flatten()[most]) > 0 else "brighter"
        changed = (
            f"Without it this poster changes by {size:.2g} grey levels (root mean square), most {PLACES[most]}, which "
            f"gets {way}."
        )
        if not self.weaker_here:
            return changed
        here = round(float(self.unit_map.mean()), 2) + 0.0  # no -0.00
        return (
            f"{changed} Mind the direction: here the filter responds with {here:.2f} on average, less than the "
            f"{self.removed:.2f} in its place, so the poster without it has more of what it draws."
        )

    def _repr_html_(self) -> str:
        """The filter in a notebook: the poster with it and without, what it adds, and where it responds."""
        brightness, response = self.difference_map.cpu().numpy(), self.unit_map.cpu().numpy()
        change = "" if self.score_change is None else f", D's logit {self.score_change:+z.2f}"
        shown = [
            (to_uint8(self.before)[0], "the poster"),
            (to_uint8(self.after)[0], f"without the filter{change}"),
            (diverging(brightness, limit(brightness), CHANGE), "what it makes brighter (orange) or darker (purple)"),
            (map_colours(response[None], shared=False)[0], "where it responds"),
        ]
        return picture_row(shown)

    @property
    def score_change(self) -> float | None:
        """D's logit without the unit, minus with it; above 0 the picture looks more real without."""
        if self.score_before is None or self.score_after is None:
            return None
        return self.score_after - self.score_before


@dataclass(frozen=True, eq=False)
class AblationEffects:
    """One poster without each unit of a layer, one at a time.

    effects : (U,), RMS change of the picture, whose range is 2.
    logit : D's logit of the poster as it is. logit_changes : (U,), without the unit minus with it. Both None
        without a score.
    """

    effects: Tensor
    logit: float | None
    logit_changes: Tensor | None


@torch.no_grad()
def ablate(  # noqa: PLR0913 - given means save measuring them, which takes longer than all the rest
    generator: Generator,
    z: Tensor,
    layer: str,
    unit: int,
    ablation: Ablation = MEAN,
    score: Score | None = None,
    means: Tensor | None = None,
) -> AblatedPicture:
    """Generate the picture of ``z`` (1, latent, 1, 1) without one unit of any layer.

    ``means`` are the layer's :func:`xai.networks.layers.unit_means`, where they have been measured already.

    Raises
    ------
    ExplanationError
        If the layer or the unit does not exist.
    """
    private = private_copy(generator)
    before = private(z)
    unit_map = activations(generator, z, [layer])[layer]
    if not 0 <= unit < unit_map.shape[1]:
        raise ExplanationError(f"{layer} has units 0 to {unit_map.shape[1] - 1}; {unit} is none of them.")
    value = torch.zeros(())  # or a number, or a map (1, h, w)
    if ablation.by == "mean":
        value = (unit_means(generator, layer) if means is None else means)[unit]
    elif ablation.by == "resample":
        value = activations(generator, ablation.donor_latent(z.shape[1]), [layer])[layer][0, [unit]]
    with edit(private, layer, [unit], value):
        after = private(z)
    scores = (None, None) if score is None else (float(score(before)), float(score(after)))
    return AblatedPicture(before, after, unit_map[0, unit], float(value.mean()), *scores)


@torch.no_grad()
def ablate_all(
    folded: FoldedGenerator,
    z: Tensor,
    layer: str,
    ablation: Ablation = MEAN,
    score: Score | None = None,
    progress: Progress | None = None,
) -> AblationEffects:
    """Ablate each unit of an activation layer in the poster of ``z`` (1, latent, 1, 1), one at a time.

    Raises
    ------
    ExplanationError
        If there is no such layer, or ``z`` is not one latent.
    """
    trace = one_trace(folded, z)
    return effects_of(folded, trace, layer, ablation.changes(folded, trace, layer), score, progress)


@torch.no_grad()
def strongest(folded: FoldedGenerator, z: Tensor, layer: str, among: Sequence[int], ablation: Ablation = MEAN) -> int:
    """Which of these units of an activation layer changes the poster of ``z`` (1, latent, 1, 1) most when ablated.

    Raises
    ------
    ExplanationError
        If there is no such layer or unit, or ``z`` is not one latent.
    """
    trace = one_trace(folded, z)
    changes = ablation.changes(folded, trace, layer)

    def effect(unit: int) -> float:
        return float((folded.redraw_without(trace, layer, changes, unit) - trace.output).square().mean())

    return int(max(among, key=effect))


def one_trace(folded: FoldedGenerator, z: Tensor) -> Trace:
    """The trace of one latent; ExplanationError where there are several."""
    if len(z) != 1:
        raise ExplanationError(f"This takes one latent at a time, not {len(z)}.")
    return folded.trace(z)


def effects_of(
    folded: FoldedGenerator,
    trace: Trace,
    layer: str,
    changes: Tensor,
    score: Score | None = None,
    progress: Progress | None = None,
) -> AblationEffects:
    """One latent's poster with ``changes`` (U, h, w) added to the units' maps, one unit at a time."""
    effects, logits = [], []
    for units, pictures in folded.redraw(trace, layer, changes):
        effects.append((pictures - trace.output).square().mean((1, 2, 3)).sqrt())
        if score is not None:
            logits.append(score(pictures))
        if progress:
            progress(units.stop / len(changes))
    if score is None:
        return AblationEffects(torch.cat(effects), None, None)
    logit = score(trace.output)
    return AblationEffects(torch.cat(effects), float(logit), torch.cat(logits) - logit)

"""What the filters of a generator stand for, and whether a concept goes with its filters.

    table = study_generator_concepts(checkpoint.generator, digest=checkpoint.digest)
    gone = ablate_together(checkpoint.generator, "layers.8", [3, 17, 40], seeds=range(64))
    gone["blue"].drop, gone["blue"].by_random      # percent of the picture; as many other filters

First proof: the filter's map follows the concept's mask in the pictures that the generator draws, as for a
discriminator (:mod:`xai.discriminator.concepts.study`). Second: with the filter there is more of the concept in the
picture than when it is ablated (Bau et al. 2019, "GAN Dissection"); for a place, the picture changes more inside than
outside. Third, :func:`ablate_together`: the filters of a concept at once. Only concepts that need no detector are
looked for.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from gan.errors import counted
from gan.evaluation.estimates import Estimate, mean_t, t_quantile
from gan.networks.dcgan import Generator, latents
from gan.networks.seeds import reserved
from gan.progress import Progress
from xai.discriminator.concepts.masks import CONCEPTS, arithmetic, masks
from xai.discriminator.concepts.proofs import TellsApart, follows, tells_apart
from xai.discriminator.concepts.study import Evidence, Record, exchanged_maps, grid_of, named, pooled
from xai.discriminator.concepts.table import ConceptTable
from xai.errors import ExplanationError
from xai.generator.ablation import MEAN
from xai.generator.folded import FoldedGenerator
from xai.networks.batches import at_once

ROWS = 64  # pictures at once, fewer of large ones
SEEDS = reserved("concepts")
PICTURES, ABLATED = 400, 8  # pictures whose masks are compared with maps, and pictures in which each filter is ablated
LEAST_GONE = 0.1  # of what a concept covers; below, filters that meet at their rims are enough
CALIBRATED = 256  # latents that a random generator's BatchNorms have seen


def study_generator_concepts(
    generator: Generator, digest: str = "", count: int = PICTURES, progress: Progress | None = None
) -> ConceptTable:
    """Look for every concept that needs no detector in every filter of all activation layers of a generator.

    Raises
    ------
    ExplanationError
        If the generator waits for genres, or there are fewer than 20 pictures.
    """
    if not 20 <= count <= len(SEEDS):
        raise ExplanationError(f"A study of concepts needs 20 to {counted(len(SEEDS), 'picture')}, not {count}.")
    folded = FoldedGenerator.of(generator)
    z = latents(SEEDS[:count], generator.config)
    apart = _with_and_without(folded, z[:ABLATED])

    def measure(seed: int | None, exchanged: bool) -> list[Evidence]:
        if seed is None:
            return _evidence(folded, z, apart, exchanged)
        random = FoldedGenerator.of(random_generator(generator, seed))
        return _evidence(random, z, _with_and_without(random, z[:ABLATED]), exchanged)

    units = {layer: folded.count(layer) for layer in folded.layers}
    return named(measure, units, arithmetic(), Record(digest, count, "generated posters"), progress)


@dataclass(frozen=True)
class Gone:
    """What became of a concept when filters were ablated together, in percent of the picture.

    before : how much of the picture it covers, mean over the pictures.
    drop : by how much it covers less without the filters; below 0 it covers more.
    by_random : the same for as many other filters of the layer, drawn at random.
    """

    before: float
    drop: Estimate
    by_random: Estimate

    @property
    def is_caused(self) -> bool:
        """Whether a tenth of it goes at least, and with these filters more than with others."""
        return self.drop.low > max(0.0, self.by_random.high) and self.drop.value >= LEAST_GONE * self.before


@torch.no_grad()
def ablate_together(
    generator: Generator, layer: str, units: Sequence[int], seeds: Sequence[int], seed: int = 0
) -> dict[str, Gone]:
    """Each concept that needs no detector and is not a place, with and without these units of an activation layer.

    Raises
    ------
    ExplanationError
        If there is no such layer or unit, or there are fewer than 2 seeds.
    """
    if len(seeds) < 2:
        raise ExplanationError(f"An ablation over pictures needs at least 2 seeds, not {len(seeds)}.")
    folded = FoldedGenerator.of(generator)
    for unit in units:
        folded.check(layer, unit)
    others = sorted(set(range(folded.count(layer))) - set(units))
    random = np.random.default_rng(seed)
    names = [name for name in arithmetic() if not CONCEPTS[name].is_place]
    parts: list[tuple[Tensor, Tensor, Tensor]] = []
    z = latents(list(seeds), generator.config)
    for one in torch.split(z, at_once(ROWS, folded.size)):
        chosen = random.permutation(others)[: len(units)].tolist()
        maps = folded.maps(folded.trace(one), layer)
        pictures = [_finished(folded, layer, _held(folded, layer, maps, gone)) for gone in ([], list(units), chosen)]
        before, after, control = (100 * masks(images, names).float().mean((2, 3)) for images in pictures)
        parts.append((before, after, control))
    usual, without, swapped = (torch.cat(each).double().numpy().T for each in zip(*parts, strict=True))
    return {
        name: Gone(float(area.mean()), mean_t(area - gone), mean_t(area - other))
        for name, area, gone, other in zip(names, usual, without, swapped, strict=True)
    }


def together(generator: Generator, table: ConceptTable, seeds: Sequence[int]) -> list[str]:
    """A line for each layer and concept with named filters, but places: what goes when they are ablated together."""
    lines = []
    for layer in dict.fromkeys(table.layer.tolist()):
        rows = [row for row in table.rows() if row["layer"] == layer]
        for concept, count in table.counts(layer).items():
            if CONCEPTS[concept].is_place:
                continue
            gone = ablate_together(generator, layer, [row["unit"] for row in rows if row["concept"] == concept], seeds)
            own, others = gone[concept], [name for name, each in gone.items() if each.is_caused and name != concept]
            lines.append(
                f"{layer}: without {count} of {concept}, it covers {own.before:.1f} % less {own.drop.value:.1f} "
                f"({own.drop.low:.1f} to {own.drop.high:.1f}); as many others: {own.by_random.value:.1f}; "
                f"{'caused' if own.is_caused else 'not caused'}; also goes: {', '.join(others) or 'nothing'}"
            )
    return lines


@torch.no_grad()
def random_generator(generator: Generator, seed: int) -> Generator:
    """A copy with normal weights of the same size, no biases, and BatchNorms that have seen its own latents."""
    network, random = copy.deepcopy(generator), torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
            module.reset_running_stats()
            module.momentum = None  # the running statistics are means over all batches
        elif isinstance(module, nn.ConvTranspose2d | nn.Conv2d):
            spread = module.weight.std(correction=0).clamp_min(1e-3)
            module.weight = nn.Parameter(torch.randn(module.weight.shape, generator=random) * spread)
            if module.bias is not None:
                module.bias = nn.Parameter(torch.zeros_like(module.bias))
    network.train()
    for z in torch.split(latents(SEEDS[:CALIBRATED], generator.config), ROWS):
        network(z)
    return network.eval()


def _places() -> Tensor:
    return torch.tensor([CONCEPTS[name].is_place for name in arithmetic()])


def _evidence(folded: FoldedGenerator, z: Tensor, apart: list[TellsApart], exchanged: bool) -> list[Evidence]:
    names, places, found = arithmetic(), _places(), []
    for layer, second in zip(folded.layers, apart, strict=True):
        maps, coverage = _maps_and_masks(folded, z, layer, names)
        maps = exchanged_maps(maps) if exchanged else maps
        first = follows(maps.flatten(2), coverage.flatten(2).transpose(1, 2), places)
        found.append(Evidence(first, second))
    return found


@torch.no_grad()
def _maps_and_masks(folded: FoldedGenerator, z: Tensor, layer: str, names: Sequence[str]) -> tuple[Tensor, Tensor]:
    """A layer's maps (N, U, h, w), and how much of their cells the masks cover (N, C, h, w)."""
    maps, coverage = [], []
    for part in torch.split(z, at_once(ROWS, folded.size)):
        trace = folded.chain.trace(part, many=True)
        own = folded.maps(trace, layer)
        grid = grid_of(own.shape[2], own.shape[3])
        maps.append(pooled(own, grid))
        coverage.append(functional.adaptive_avg_pool2d(masks(trace.output, names).float(), grid).half())
    return torch.cat(maps), torch.cat(coverage)


@torch.no_grad()
def _with_and_without(folded: FoldedGenerator, z: Tensor) -> list[TellsApart]:
    """By layer, AUC (U, C) of how much there is of a concept with a filter against without it, over pictures."""
    names, places, found = arithmetic(), _places(), []
    for layer in folded.layers:
        pairs = [_one_picture(folded, one, layer, names, places) for one in torch.split(z, 1)]
        on, off = (torch.stack(each).flatten(1) for each in zip(*pairs, strict=True))
        each = tells_apart(on, off, t_quantile(len(z) - 1))
        shape = (-1, len(names))
        found.append(TellsApart(each.auc.reshape(shape), each.low.reshape(shape), each.high.reshape(shape)))
    return found


def _one_picture(
    folded: FoldedGenerator, z: Tensor, layer: str, names: Sequence[str], places: Tensor
) -> tuple[Tensor, Tensor]:
    """Of one picture, (U, C) with and without each filter: a concept's area; of a place, change inside and outside."""
    trace = folded.trace(z)
    own = masks(trace.output, names).float()
    area, on, off = own.mean((2, 3)), [], []
    for _, pictures in folded.redraw(trace, layer, MEAN.changes(folded, trace, layer)):
        change = (pictures - trace.output).square().mean(1)
        inside, outside = (
            torch.einsum("nhw,chw->nc", change, mask[0]) / mask[0].sum((1, 2)).clamp_min(1) for mask in (own, 1 - own)
        )
        without = masks(pictures, names).float().mean((2, 3))
        on.append(torch.where(places, inside, area))
        off.append(torch.where(places, outside, without))
    return torch.cat(on), torch.cat(off)


def _held(folded: FoldedGenerator, layer: str, maps: Tensor, units: list[int]) -> Tensor:
    """The maps with these units at their means."""
    held = maps.clone()
    held[:, units] = folded.means[layer][units][:, None, None]
    return held


def _finished(folded: FoldedGenerator, layer: str, maps: Tensor) -> Tensor:
    for step in folded.chain.steps[folded.places[layer] :]:
        maps = step.forward(maps, True)
    return maps

"""What the studies of one generator say, as the Markdown tables of the documentation; nothing is measured.

    print(TABLES["filters by layer"](Path("checkpoints/whole-64")))

A text is "–" where the checkpoint does not have the study, or has one of other weights.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

import gan
from gan.errors import counted
from xai.generator.filter_table import FilterTable
from xai.generator.filter_verdicts import VERDICTS
from xai.generator.pruning import effects, first_of, ranking
from xai.generator.pruning_curves import Point, PruningCurves
from xai.latents.study import LatentStudy
from xai.networks.layers import layers

NONE = "–"
EFFECT = "median effect, grey levels"
REMAINDER = "median part of it that its most correlated filter cannot replace"
GREY_LEVELS = 127.5  # of a picture in [-1, 1], for 1


def filters_by_layer(folder: Path) -> str:
    """Verdicts, and what ablating one filter does, a line a layer; then the extremes and what chance alone would find.

    The last column is what the most correlated filter of the layer cannot replace, of what ablation changes.
    """
    checkpoint = gan.load(folder)
    table = FilterTable.beside(folder, checkpoint.digest)
    if table is None:
        return NONE
    generator = checkpoint.need_generator()
    places = {one.name: one for one in layers(generator, torch.zeros(1, generator.config.latent, 1, 1))}
    lines = _head("layer", "filters", *VERDICTS, EFFECT, REMAINDER)
    for name in dict.fromkeys(table.layer.tolist()):
        chosen, place = table.layer == name, places[name]
        effect, left = table.effect[chosen], table.replaced[chosen]
        told = np.isfinite(left) & (effect > 0)
        part = f"{np.median(left[told] / effect[told]):.2f}" if told.any() else NONE
        cells = [int(chosen.sum()), *table.counts(name).values(), f"{np.median(effect):.2f}", part]
        lines.append(_row(f"`{name}`, {place.height} x {place.width}", *cells))
    strongest, quietest = int(table.effect.argmax()), int(table.active.argmin())
    return "\n".join([
        *lines, "",
        f"The strongest filter is {_name(table, strongest)}: without it the poster changes by "
        f"{table.effect[strongest]:.0f} grey levels. The least active one, {_name(table, quietest)}, is above 0 at "
        f"{table.active[quietest]:.0%} of all positions. {_harmful(table)}",
    ])  # fmt: skip


def _name(table: FilterTable, place: int) -> str:
    return f"{table.unit[place]} of `{table.layer[place]}`"


def _harmful(table: FilterTable) -> str:
    """How many filters were found harmful, how many by chance, and by how much at most."""
    harmful = table.logit_change[table.verdict == "harmful"]
    most = f" The logit rises by at most {harmful.max():.2f} without one of them." if len(harmful) else ""
    return table.multiplicity + most


def pruning_losses(folder: Path) -> str:
    """How much farther from real posters a pruned generator draws, by proportion and ranking."""
    curves = _curves(folder)
    if curves is None:
        return NONE
    names = list(curves.rankings)
    lines = _head("pruned", *names)
    for points in zip(*curves.rankings.values(), strict=True):
        if points[0].share:
            lines.append(_row(f"{points[0].share:.0%}", *map(_worse, points)))
    lines.append(_row("**no measurable loss up to**", *(f"**{curves.unnoticed[name]:.0%}**" for name in names)))
    whole = curves.rankings[names[0]][0]
    return "\n".join([
        *lines, "",
        f"`fd_lite1` of {curves.samples:,} generated and {counted(curves.held_out, 'held-out poster')}, of the whole "
        f"generator {whole.quality:.1f}; of random rankings the mean of {curves.orders}.",
    ])  # fmt: skip


def _worse(point: Point) -> str:
    return f"{point.worse:+z.1f} ({point.worse_low:+z.1f} to {point.worse_high:+z.1f})"


def pruning_savings(folder: Path) -> str:
    """What the best ranking saves, what it changes, and where the filters go that are not missed."""
    curves = _curves(folder)
    if curves is None:
        return NONE
    whole, *points = curves.rankings[curves.best]
    lines = _head(
        f"pruned by {curves.best}", "weights", "multiply-adds", "posters differ by, grey levels", "variety"
    )  # fmt: skip
    for point in points:
        lines.append(
            _row(
                f"{point.share:.0%}",
                f"{point.parameters / whole.parameters - 1:.0%}",
                f"{point.multiply_adds / whole.multiply_adds - 1:.0%}",
                f"{GREY_LEVELS * point.change:.1f}",
                f"{point.diversity:.2f} ({point.diversity_low:.2f} to {point.diversity_high:.2f})",
            )
        )
    return "\n".join([*lines, "", _where_they_go(folder, curves)])


def _where_they_go(folder: Path, curves: PruningCurves) -> str:
    """Of which layers the filters are that go unnoticed, by effect and by duplicates; random orders say nothing."""
    checkpoint = gan.load(folder)
    generator, table = checkpoint.need_generator(), FilterTable.beside(folder, checkpoint.digest)
    share, sentences = curves.unnoticed[curves.best], []
    for name in ("effect", "duplicates", "norm"):
        if name in curves.rankings and (name != "effect" or table is not None):
            order = ranking(generator, name, effects(table) if table is not None and name == "effect" else None)
            gone = first_of(generator, order, share)
            where = ", ".join(f"{len(gone[layer])} of `{layer}`" for layer in sorted(gone, key=_number))
            sentences.append(f"by {name} {where or 'none'}")
    return f"Of the filters that go at {share:.0%} are {'; '.join(sentences)}."


def _number(layer: str) -> int:
    return int(layer.rsplit(".", 1)[-1])


def _curves(folder: Path) -> PruningCurves | None:
    return PruningCurves.beside(folder, gan.load(folder).digest)


def latent_summary(folder: Path) -> str:
    """The most important dimensions and the directions with a label, as ``study_latents.py`` prints them."""
    study = LatentStudy.beside(folder, gan.load(folder).digest)
    return NONE if study is None else f"```text\n{study.summary()}\n```"


def _head(*titles: object) -> list[str]:
    return [_row(*titles), "| --- |" + " ---: |" * (len(titles) - 1)]


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


TABLES: dict[str, Callable[[Path], str]] = {
    "filters by layer": filters_by_layer,
    "pruning losses": pruning_losses,
    "pruning savings": pruning_savings,
    "latents": latent_summary,
}

"""A map's checks as a figure (xai.figures), with what is behind them.

trust = xai.examine(method, image)
figure = of_trust(trust, "Whether the map of DeepLIFT can be trusted", source)
save(figure, "checks.csv")
save(figure, "checks.npz")                  # with the curves, the tiles and the cascade behind them
"""

from __future__ import annotations

import numpy as np

from gan.errors import counted
from xai.figures.bars import Bars, bars_panel
from xai.figures.figure import Array, Figure, Panel, Source, table
from xai.render import ORANGE_HEX, VIOLET_HEX
from xai.trust.checks import TileValues
from xai.trust.robustness import Cascade
from xai.trust.verdict import Trust

TILES = ("exact", "errors", "tiles")  # of the check by Shapley values


def of_trust(found: Trust, title: str, source: Source) -> Figure:
    """A map's checks, and what is behind them.

    That is the scores while its strongest cells are inserted and deleted, its similarity to the maps of networks with
    randomised weights, and the Shapley values of nine tiles beside its sums.
    """
    rows = [
        {"check": one.check.title, "essential": one.check.essential, "value": one.value, "low": one.low,
         "high": one.high, "result": one.level, "passes": one.check.limits[0], "fails": one.check.limits[1]}
        for one in found.checks
    ]  # fmt: skip
    arrays = {
        f"{one.check.key}_{name}": Array(getattr(one.evidence, name), "score", "cells from none to all")
        for one in found.checks
        if one.check.key.startswith("curves_") and one.evidence is not None
        for name in ("insertion", "deletion", "random")
    }
    panels: list[Panel] = []
    for part in (_randomised, _tiles):
        drawn, behind = part(found)
        panels += drawn
        arrays |= behind
    note = f"Verdict: {found.verdict}."
    return table(title, source, rows, panels=tuple(panels), note=note, across=2, arrays=arrays)


def _randomised(found: Trust) -> tuple[list[Panel], dict[str, Array]]:
    """How similar the map is to those of networks with randomised weights; nothing where that was not measured."""
    cascade: Cascade | None = found["randomisation"].evidence if "randomisation" in found else None
    if cascade is None:
        return [], {}
    names = [f"last {counted(layers, 'layer')}" for layers in cascade.layers]
    bars = Bars(names, list(cascade.similarity), "rank correlation with the map", [VIOLET_HEX] * len(names))
    arrays = {
        "randomised_layers": Array(np.array(cascade.layers), "", "how many of the last"),
        "randomised_similarity": Array(np.array(cascade.similarity), "rank correlation", "for each of these"),
    }
    return [bars_panel(bars, "similarity after randomising the weights of the last layers")], arrays


def _tiles(found: Trust) -> tuple[list[Panel], dict[str, Array]]:
    """Shapley values of nine tiles beside the map's sums; nothing where they were not measured."""
    values: TileValues | None = found["shapley"].evidence if "shapley" in found else None
    if values is None:
        return [], {}
    places = [f"{row}, {column}" for row in ("top", "middle", "bottom") for column in ("left", "centre", "right")]
    pairs = list(zip(values.exact.tolist(), values.errors.tolist(), values.tiles.tolist(), strict=True))
    ends = [pair for exact, error, tile in pairs for pair in ((exact - error, exact + error), (tile, tile))]
    estimated = bool(values.errors.any())
    bars = Bars(
        [f"{place}: {what}" for place in places for what in ("Shapley value", "this map")],
        [value for exact, _, tile in pairs for value in (exact, tile)], "score",
        [ORANGE_HEX, VIOLET_HEX] * len(places), intervals=ends if estimated else (),
    )  # fmt: skip
    kind = "estimated, with standard errors" if estimated else "exact"
    arrays = {f"shapley_{name}": Array(getattr(values, name), "score", "of each tile, row by row") for name in TILES}
    return [bars_panel(bars, f"Shapley values ({kind}) of nine tiles, and the map's sums")], arrays

"""Results about filters and about sets of posters as figures (xai.figures).

    of_response(unit_map, pixels, source.., "Filter 12 of layers.4")
    of_ablation(ablated, source, "Filter 7 of layers.5")
    of_posters(pictures, ["seed 3", "seed 9"], "The most similar posters", source)
    of_curves(study["rankings"], "Cost of pruning", source)

The figures of maps, walks, runs and tables are in figures.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan.data.images import to_uint8
from xai.figures.figure import Array, Bar, Figure, Panel, Source, table
from xai.generator.ablation import AblatedPicture
from xai.render import CHANGE, Pixels, diverging, enlarge_map, limit, overlay, response

OVER = 0.85  # strength of a response over a poster
POSTERS_IN_A_ROW = 6


def of_response(unit_map: NDArray[np.float32], pixels: Pixels, source: Source, title: str) -> Figure:
    """A filter's map (h, w) over a poster (H, W, 3), and alone."""
    end = limit(unit_map, 1.0)
    large = enlarge_map(unit_map, pixels.shape[:2])
    panels = (
        Panel(pixels, "the poster", poster=True),
        Panel(overlay(pixels, large, end, OVER, CHANGE), "its response over the poster"),
        Panel(response(unit_map, end), "its response", Bar.response(unit_map, end, "response")),
    )
    arrays = {"response": Array(unit_map, "", "row, column")}
    return Figure(title, source, panels, "Orange: positive response; purple: negative.", arrays=arrays)


def of_ablation(found: AblatedPicture, source: Source, title: str) -> Figure:
    """A poster with and without a filter of the generator, what the filter adds, and its map."""
    before, after, difference = to_uint8(found.before)[0], to_uint8(found.after)[0], found.difference_map.numpy()
    unit_map, end = found.unit_map.numpy(), max(limit(difference, 1.0), 1e-6)
    strongest = limit(unit_map, 1.0)
    large = enlarge_map(unit_map, before.shape[:2])
    panels = (
        Panel(before, "with it", poster=True),
        Panel(after, f"without it (held at {found.removed:.2f})", poster=True),
        Panel(overlay(before, large, strongest, OVER, CHANGE), "its map over the poster"),
        Panel(diverging(difference, end, CHANGE), found.difference_title, Bar.signed(end, "brightness", CHANGE)),
    )
    note = "" if found.score_change is None else f"D's logit without it, minus with it: {found.score_change:+.3f}."
    arrays = {
        "map": Array(unit_map, "", "response of the filter"),
        "difference": Array(difference, "brightness, -1 to 1", "with it minus without it"),
    }
    return Figure(title, source, panels, note, 2, arrays=arrays)


def of_posters(
    pictures: Iterable[Pixels], captions: Sequence[str], title: str, source: Source, **columns: Sequence[Any]
) -> Figure:
    """Posters beside each other, with what is known of each as a table."""
    panels = tuple(Panel(pixels, caption, poster=True) for pixels, caption in zip(pictures, captions, strict=True))
    return Figure(title, source, panels, across=POSTERS_IN_A_ROW, columns={"poster": list(captions)} | columns)


def of_maps(maps: Mapping[str, NDArray[np.float32]], title: str, source: Source, unit: str) -> Figure:
    """Signed maps (h, w) of D's logit by name, on one colour scale."""
    end = limit(np.stack(list(maps.values())), 1.0)
    bar = Bar.signed(end, unit, means=("fake", "real"))
    panels = tuple(Panel(diverging(values, end), name, bar) for name, values in maps.items())
    return Figure(title, source, panels, arrays={name: Array(values, unit) for name, values in maps.items()})


def of_curves(curves: Mapping[str, Sequence[Mapping[str, Any]]], title: str, source: Source) -> Figure:
    """The points of several curves as one table."""
    return table(title, source, [{"curve": name} | dict(point) for name, points in curves.items() for point in points])


def of_matrix(values: NDArray[Any], names: Sequence[str], title: str, source: Source) -> Figure:
    """Values between pairs of names as a table."""
    columns = dict(zip(names, np.asarray(values).T.tolist(), strict=True))
    return Figure(title, source, columns={"": list(names)} | columns, arrays={"values": Array(np.asarray(values))})

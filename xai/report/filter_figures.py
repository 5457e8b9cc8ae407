"""Results about filters and about sets of posters as figures (xai.figures).

    of_response(unit_map, pixels, source.., "Filter 12 of layers.4")
    of_ablation(ablated, source, "Filter 7 of layers.5")
    of_posters(pictures, ["seed 3", "seed 9"], "The most similar posters", source)
    of_curves(curves.rankings, "Cost of pruning", source)
    of_driven(latent_gradients(folded, z), "layers.5", 17, source)      # what latent dimension 17 drives

The figures of maps, walks, runs and tables are in figures.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gan.data.images import to_uint8
from xai.figures.bars import bars_panel, strongest_bars
from xai.figures.figure import Array, Bar, Figure, Panel, Source, table
from xai.generator.ablation import AblatedPicture
from xai.generator.contributions import Contributions, LatentGradients
from xai.generator.regions import Box
from xai.render import CHANGE, Pixels, diverging, enlarge_map, frame, limit, overlay, response

if TYPE_CHECKING:
    from xai.machine import Machine

OVER = 0.85  # strength of a response over a poster
POSTERS_IN_A_ROW = 6
DRIVES = "change of the mean response per unit of latent value"
PIXELS = "RMS change per unit"


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
    note = "" if found.score_change is None else f"D's logit without it, minus with it: {found.score_change:+z.3f}."
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


def of_curves(curves: Mapping[str, Sequence[Any]], title: str, source: Source) -> Figure:
    """The points, dataclasses, of several curves as one table."""
    rows = [{"curve": name} | asdict(point) for name, points in curves.items() for point in points]
    return table(title, source, rows)


def of_machine(found: Machine, pixels: Pixels, source: Source) -> Figure:
    """What a poster (H, W, 3) passes through: a map of each layer of G, the poster, a map of each layer of D."""
    parts = [*found.generator, *found.discriminator]
    drawn = [
        Panel(response(part.map, limit(part.map, 1.0)), f"{part.network}, {part.layer.name}, filter {part.unit}")
        for part in parts
    ]
    first = len(found.generator)
    poster = Panel(pixels, "the poster", poster=True)
    rows = [
        {"network": part.network, "layer": part.layer.name, "filters": part.layer.units, "maps": part.size,
         "filter": part.unit, "contribution": "" if part.contribution is None else part.contribution}
        for part in parts
    ]  # fmt: skip
    arrays = {
        f"{part.network}_{part.layer.name}".replace(".", "_"): Array(part.map, "", "row, column") for part in parts
    }
    if found.latent is not None:
        arrays["latent"] = Array(found.latent, "", "latent dimension")
    note = "Of each layer one filter's map, in colours of its own; contribution: to D's logit of this poster."
    return table(
        "What the poster passes through", source, rows, panels=(*drawn[:first], poster, *drawn[first:]),
        note=note if found.logit is None else f"{note} The logit: {found.logit:+z.3f}.", across=len(drawn) + 1,
        arrays=arrays,
    )  # fmt: skip


# ---- what drives what ----------------------------------------------------------------------------------


def of_driven(found: LatentGradients, layer: str, dimension: int, source: Source) -> Figure:
    """Which filters of a layer a latent dimension drives, and which pixels it changes."""
    title = f"What latent dimension {dimension} drives in {layer} of the generator"
    pixel_map = found.pixel_map(dimension).numpy()
    return _of_influence(found.units[layer][dimension], "filter", to_uint8(found.picture)[0], pixel_map, title, source)


def of_drivers(found: LatentGradients, contributions: Contributions, layer: str, unit: int, source: Source) -> Figure:
    """Which latent dimensions drive a filter, and which pixels it contributes to."""
    title = f"What drives filter {unit} of {layer} of the generator"
    pixels, pixel_map = to_uint8(found.picture)[0], contributions.pixel_map(unit).numpy()
    return _of_influence(found.units[layer][:, unit], "dimension", pixels, pixel_map, title, source)


def _of_influence(
    values: Any, kind: str, pixels: Pixels, pixel_map: NDArray[np.float32], title: str, source: Source
) -> Figure:
    end = limit(pixel_map, 1.0)
    panels = (
        Panel(pixels, "the poster", poster=True),
        Panel(overlay(pixels, pixel_map, end, 0.9, CHANGE), "the pixels that change: orange"),
        bars_panel(strongest_bars(values.tolist(), kind, DRIVES)),
    )
    arrays = {"pixels": Array(pixel_map, PIXELS, "row, column")}
    return Figure(
        title, source, panels, "By the exact Jacobian.", 2,
        columns={kind: list(range(len(values))), "change": values.tolist()}, units={"change": DRIVES}, arrays=arrays,
    )  # fmt: skip


def of_region(units: Contributions, latent: Contributions, box: Box, pixels: Pixels, source: Source) -> Figure:
    """Which filters of a layer and which latent dimensions contribute to a box of a poster (H, W, 3)."""
    height, width = pixels.shape[:2]
    corners = [round(end * side) for end, side in zip(box, (width, height, width, height), strict=True)]
    label, panels = "proportion of the changes inside the box", []
    columns: dict[str, list[Any]] = {"kind": [], "index": [], "proportion": []}
    for kind, found in (("filter", units), ("dimension", latent)):
        values = found.proportions(box).tolist()
        panels.append(bars_panel(strongest_bars(values, kind, label)))
        columns["kind"] += [kind] * len(values)
        columns["index"] += list(range(len(values)))
        columns["proportion"] += values
    return Figure(
        f"What contributes to a region: filters of {units.layer} and latent dimensions", source,
        (Panel(frame(pixels, corners), "the region"), *panels), "By the exact Jacobian.", 2, columns=columns,
        units={"proportion": "of the squared changes inside the box"},
    )  # fmt: skip

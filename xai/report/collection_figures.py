"""Results about a collection of posters as figures (xai.figures): kinds, copies, what is never drawn, what is lost.

study = CollectionStudy.beside(folder, checkpoint.digest)    # xai.collection.study
save(of_kinds(study.kinds, source), "kinds.png", width_mm=85)
save(of_distances(study.copies, source), "distances.npz")
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xai.figures.bars import Bars, bars_panel
from xai.figures.figure import Array, Bar, Figure, Panel, Source, table
from xai.render import GREY_HEX, VERDICT, VIOLET_HEX, Pixels, diverging, outlines
from xai.report.filter_figures import of_posters
from xai.report.latent_figures import of_inversion

if TYPE_CHECKING:
    from xai.collection.copies import Copies, Pair
    from xai.collection.omissions.far import Omissions
    from xai.collection.omissions.kinds import Kinds
    from xai.collection.omissions.lost import Lost
    from xai.collection.similarity.neighbours import Hubness
    from xai.collection.similarity.rsa import Depth
    from xai.collection.strategies.study import Strategy
    from xai.latents.inversion import Inversion

SIDE = 384  # pixels, of the poster with outlines


def of_kinds(found: Kinds, source: Source) -> Figure:
    """How often each kind is drawn, relative to real posters; those that cannot be estimated have no bar."""
    estimable = [kind for kind in found.kinds if kind.estimable]
    drawn = Bars(
        [kind.label for kind in estimable], [kind.ratio.value for kind in estimable], "times as often as real",
        [VIOLET_HEX if kind.differs else GREY_HEX for kind in estimable], start=1.0,
        intervals=[(kind.ratio.low, kind.ratio.high) for kind in estimable], logarithmic=True,
    )  # fmt: skip
    rows = []
    for kind in found.kinds:
        row: dict[str, Any] = {"kind": kind.name, "family": kind.family, "label": kind.label}
        for name in ("ratio", "real", "generated", "floor", "auc"):
            one = getattr(kind, name)
            row |= {name: one.value, f"{name} low": one.low, f"{name} high": one.high}
        rows.append(row | {"differs": kind.differs, "posters": kind.posters.tolist(), "seeds": kind.seeds.tolist()})
    panels = (bars_panel(drawn),) if estimable else ()
    note = "Lines: intervals that hold for all kinds together. Violet differs from 1 beyond chance."
    return table("How often kinds of posters are drawn", source, rows, panels=panels, note=note)


# ---- copies --------------------------------------------------------------------------------------------


def of_pairs(
    pairs: Sequence[Pair], drawn: Sequence[Pixels], known: Sequence[Pixels] | None, title: str, source: Source
) -> Figure:
    """Generated posters, and beside each the training poster that is nearest, where there are those to show."""
    panels: list[Panel] = []
    for place, pair in enumerate(pairs):
        panels.append(Panel(drawn[place], f"seed {pair.seed}", poster=True))
        if known is not None:
            panels.append(Panel(known[place], f"poster {pair.poster}", poster=True))
    note = "unseen: proportion of held-out posters that are at least as near to a training poster."
    return table(title, source, [asdict(pair) for pair in pairs], panels=tuple(panels), across=4, note=note)


def of_distances(found: Copies, source: Source) -> Figure:
    """How far generated and held-out posters are from their nearest training posters."""
    arrays = {"seeds": Array(found.seeds, "", "of the generated posters")}
    rows = []
    for name, way in found.ways.items():
        arrays[f"{name}_generated"] = Array(way.distance, name, "of each seed to its nearest training poster")
        arrays[f"{name}_held_out"] = Array(way.unseen, name, "of each held-out poster to its nearest training poster")
        arrays[f"{name}_nearest"] = Array(way.poster, "", "number of the training poster nearest to each seed")
        rows.append(
            {"by": name, "threshold": way.threshold, "near copies": way.rate.value, "low": way.rate.low,
             "high": way.rate.high, "held-out nearest, relative to chance": way.relative.value,
             "relative low": way.relative.low, "relative high": way.relative.high}
        )  # fmt: skip
    return table("Distances to the nearest training posters", source, rows, arrays=arrays, note=found.text)


# ---- what is not drawn ---------------------------------------------------------------------------------


def of_omitted(found: Omissions, pictures: Sequence[Pixels], source: Source) -> Figure:
    """The held-out posters (N, H, W, 3) that are farthest from everything drawn."""
    posters = found.posters
    figure = of_posters(
        pictures, [f"poster {one.number}" for one in posters], "Posters that are never drawn", source,
        number=[one.number for one in posters], drawn=[one.drawn for one in posters],
        real=[one.real for one in posters], percentile=[one.percentile for one in posters],
    )  # fmt: skip
    units = {"drawn": "distance to drawn posters", "real": "distance to training posters"}
    return replace(figure, note=found.far_text, units=units)


def of_strays(found: Omissions, pictures: Sequence[Pixels], source: Source) -> Figure:
    """The generated posters (N, H, W, 3) that are farthest from all real ones."""
    strays = found.strays
    figure = of_posters(
        pictures, [f"seed {one.seed}" for one in strays], "Generated posters that are like no real one", source,
        seed=[one.seed for one in strays], distance=[one.distance for one in strays],
        percentile=[one.percentile for one in strays],
    )  # fmt: skip
    return replace(figure, note=found.stray_text)


def of_lost(found: Lost, inversion: Inversion, pixels: Pixels, source: Source) -> Figure:
    """What of one poster (H, W, 3) cannot be drawn, outlined, and on what it lies."""
    figure = of_inversion(inversion, pixels, source, f"What is lost of {source.poster or 'a poster'}")
    lined = Panel(outlines(pixels, found.boxes, max(1, SIDE // pixels.shape[1])), "what is lost most outlined")
    rows = [
        {"concept": one.words, "area": one.area, "part of the loss": one.part, "ratio": one.ratio, "p": one.p,
         "beyond chance": one.named, "box": one.box}
        for one in found.concepts
    ]  # fmt: skip
    columns = {name: [row[name] for row in rows] for name in rows[0]} if rows else {}
    return replace(
        figure, panels=(lined, *figure.panels[1:]), columns=columns, units={}, note=f"{figure.note} {found.text}",
    )  # fmt: skip


# ---- over depth ----------------------------------------------------------------------------------------


def of_depth(found: Depth, source: Source) -> Figure:
    """What each layer of D compares posters by, beside a network with random weights."""
    parts = {"what is in a poster": found.layers, "what is where": found.maps, "random weights": found.control}
    rows = [
        {"by": part, "layer": layer.layer, "property": name, "correlation": one.value, "low": one.low,
         "high": one.high, "p": p}
        for part, layers in parts.items()
        for layer in layers
        for name, one, p in zip(layer.properties, layer.correlations, layer.p, strict=True)
    ]  # fmt: skip
    return table("What each layer compares posters by", source, rows, units={"correlation": "Spearman"})


def of_map(points: NDArray[np.float32], members: Sequence[tuple[str, int]], title: str, source: Source) -> Figure:
    """Where each poster lies on a map, points (N, 2)."""
    columns = {
        "kind": [kind for kind, _ in members], "number": [number for _, number in members],
        "x": points[:, 0].tolist(), "y": points[:, 1].tolist(),
    }  # fmt: skip
    return Figure(title, source, columns=columns)


def of_hubs(found: Sequence[Hubness], source: Source) -> Figure:
    """How often posters are among the nearest of others in each space, without and with local scaling."""
    rows = [
        {"space": one.title, "neighbours": one.count, "local scaling": scaled, "skewness": seen.skewness,
         "most often": seen.most, "whose row": seen.row, "nobody's neighbour": seen.never}
        for one in found
        for scaled, seen in ((False, one.plain), (True, one.scaled))
    ]  # fmt: skip
    note = "most often: how many posters have the most frequent one among their nearest; its row in the collection."
    return table("Hubs: the same posters as everybody's neighbours", source, rows, note=note)


# ---- strategies ----------------------------------------------------------------------------------------


def of_strategy(found: Strategy, place: int, end: float, source: Source) -> Figure:
    """One way of saying fake, or real: its mean map, that less the others', its numbers and the filters behind it.

    place : its number, from 1. end : of the colours, in logits a cell.
    """
    bar = Bar.signed(end, "logit a cell", means=("fake", "real"))
    maps = {"its mean map": found.map, "less that of the others": found.against}
    panels = tuple(Panel(diverging(values, end, VERDICT), name, bar) for name, values in maps.items())
    measured = {
        "mean logit": found.logit, "comes back (Jaccard index)": found.jaccard,
        "proportion of real posters": found.of_real, "proportion of generated posters": found.of_generated,
    }  # fmt: skip
    rows: list[dict[str, Any]] = [
        {"what": name, "value": one.value, "low": one.low, "high": one.high, "p": ""} for name, one in measured.items()
    ]
    rows += [
        {"what": f"filter {one.unit} of {one.layer}", "value": one.difference.value, "low": one.difference.low,
         "high": one.difference.high, "p": one.p}
        for one in found.filters
    ]  # fmt: skip
    arrays = {
        "map": Array(found.map, "logit a cell", "row, column"),
        "against": Array(found.against, "logit a cell", "less the mean map of the others: row, column"),
        "seeds": Array(found.generated, "", "of the generated posters nearest to its centre"),
        "posters": Array(found.real, "", "numbers of the real posters nearest to its centre"),
    }
    note = f"{found.text} Filters: what they add to the logit here, less what they add in the others."
    return table(
        f"Way {place} of saying {found.verdict}", source, rows, panels=panels, note=note, across=2, arrays=arrays
    )  # fmt: skip

"""Results about latents as figures (xai.figures): importance, genres, the noise of a real poster, where one acts.

found = importance(generator, score)                         # xai.latents.sobol
save(of_importance(found, source), "importance.csv")
save(of_importance(found, source, "brightness"), "brightness.png", width_mm=85)
save(of_genre_sweep(genre_sweep(generator, z), source), "genres.png")
save(of_inversion(invert(generator, poster), pixels, source), "inversion.npz")
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gan.data.images import to_uint8
from gan.errors import counted
from xai.figures.bars import Bars, bars_panel
from xai.figures.figure import Array, Bar, Figure, Panel, Source, table
from xai.render import CHANGE, VIOLET_HEX, Pixels, diverging, grey, limit

if TYPE_CHECKING:
    from xai.latents.direction_study import FamilyAgreement
    from xai.latents.directions import Direction
    from xai.latents.genres import GenreEffects, GenreSweep
    from xai.latents.inversion import Inversion
    from xai.latents.sobol import Importance

SHOWN = 10  # dimensions that are drawn
STEPS = 256  # of a colour bar
WHOLE = "the whole picture"


def of_importance(found: Importance, source: Source, statistic: str | None = None, chosen: int | None = None) -> Figure:
    """Sobol's total indices for the whole picture or a statistic of it, and the largest one in every region.

    chosen : a dimension that has a bar in any case; the table has all.
    """
    index, what = found.of(statistic), (statistic or WHOLE).replace("_", " ")
    value, low, high = (part.tolist() for part in (index.value, index.low, index.high))
    order = np.argsort(-index.value)[:SHOWN].tolist()
    order += [chosen] * (chosen is not None and chosen not in order)
    drawn = Bars(
        [f"dimension {one}" for one in order], [value[one] for one in order], "total index: proportion of the variance",
        [VIOLET_HEX] * len(order), intervals=[(low[one], high[one]) for one in order],
    )  # fmt: skip
    largest = found.largest.value[0]
    end = float(largest.max()) or 1.0
    bar = Bar(0.0, end, grey(np.linspace(0, 1, STEPS), 1.0), "largest total index of a region")
    arrays = {
        "cells": Array(found.cells.value, "proportion of the variance", "total index: dimension, row, column"),
        "cells_low": Array(found.cells.low, "proportion of the variance", "ends of the 95% interval"),
        "cells_high": Array(found.cells.high, "proportion of the variance", "ends of the 95% interval"),
        "most_influential": Array(found.most_influential, "", "dimension, by row and column"),
        "certain": Array(found.certain, "", "whether its interval lies above those of all others"),
    }
    return Figure(
        f"What {what} depends on", source, (bars_panel(drawn), Panel(grey(largest, end), "regions", bar)),
        "Sobol's total index, with 95% intervals.", 2,
        {"dimension": list(range(len(value))), "total index": value, "low": low, "high": high}, arrays=arrays,
    )  # fmt: skip


def of_acting(pixel_map: NDArray[np.float32], pixels: Pixels, dimension: int, source: Source) -> Figure:
    """Where a latent dimension acts in one poster: (H, W), by the exact gradient."""
    end = limit(pixel_map, 1.0)
    unit = "RMS change per unit of latent value"
    bar = Bar(0.0, end, grey(np.linspace(0, 1, STEPS), 1.0), unit)
    panels = (Panel(pixels, "the poster", poster=True), Panel(grey(pixel_map, end), "white: changes most", bar))
    arrays = {"change": Array(pixel_map, unit, "row, column")}
    return Figure(f"Where latent dimension {dimension} acts", source, panels, arrays=arrays)


def of_direction_effects(direction: Direction, source: Source) -> Figure:
    """What walking along a direction changes, in standard deviations over random posters."""
    effects = sorted((direction.effects or {}).items(), key=lambda pair: -abs(pair[1].value))
    columns: dict[str, Sequence[Any]] = {
        "statistic": [name for name, _ in effects], "change": [one.value for _, one in effects],
        "low": [one.low for _, one in effects], "high": [one.high for _, one in effects],
    }  # fmt: skip
    units = dict.fromkeys(("change", "low", "high"), "standard deviations")
    title = f"What the direction {direction.name.replace('_', ' ')} changes"
    return Figure(title, source, columns=columns, units=units)


def of_overlap(found: FamilyAgreement, names: Sequence[str], source: Source) -> Figure:
    """How far each two ways of finding directions find the same. names : what the ways are called."""
    rows = [
        {"way": name} | dict(zip(names, row, strict=True))
        for name, row in zip(names, found.overlap.tolist(), strict=True)
    ]  # fmt: skip
    note = f"Overlap of the first {counted(found.top, 'direction')}: 1 the same, {found.chance:.2f} by chance."
    return table("Whether the ways find the same directions", source, rows, note=note)


# ---- the same noise, changed ---------------------------------------------------------------------------


def of_turned_poster(
    pictures: tuple[Pixels, Pixels],
    change: NDArray[np.float32],
    latents: tuple[Tensor, Tensor],
    source: Source,
    logits: tuple[float | None, float | None] = (None, None),
) -> Figure:
    """A poster (H, W, 3) with several latent dimensions turned, beside its start.

    pictures, latents, logits : of the start, and now; latents (1, latent, 1, 1), logits None without a discriminator.
    change : (H, W), what became brighter.
    """
    before, now = pictures
    end = limit(change, 1.0)
    panels = (
        Panel(now, "the poster now", poster=True),
        Panel(before, "the start", poster=True),
        Panel(diverging(change, end, CHANGE), "the difference", Bar.signed(end, "brightness", CHANGE)),
    )
    first, last = (z.flatten().tolist() for z in latents)
    columns: dict[str, Sequence[Any]] = {"dimension": list(range(len(first))), "at the start": first, "now": last}
    at_start, score = logits
    note = ""
    if at_start is not None and score is not None:
        columns["score"] = [score] * len(first)
        note = f"D's logit: {at_start:+z.2f} at the start, {score:+z.2f} now."
    arrays = {"change": Array(change, "brightness", "now less the start: row, column")}
    return Figure("A poster with latent dimensions turned", source, panels, note, 3, columns, arrays=arrays)


def of_scaled(picture: Pixels, z: Tensor, factor: float, source: Source) -> Figure:
    """The poster (H, W, 3) of a latent ``z`` (1, latent, 1, 1) at ``factor`` times its norm."""
    columns = {"factor": [factor], "norm of the latent": [factor * float(z.norm())]}
    title = f"The latent at {factor:.1f} times its norm"
    return Figure(title, source, (Panel(picture, f"{factor:.1f} times", poster=True),), columns=columns)


# ---- genres --------------------------------------------------------------------------------------------


def of_genre_sweep(found: GenreSweep, source: Source) -> Figure:
    """Each genre of one poster, from not requested to fully requested: a row each."""
    order = [(row, column) for row in range(len(found.genres)) for column in range(len(found.strengths))]
    panels = tuple(
        Panel(found.pixels[row, column], f"{found.genres[row]}, {found.strengths[column]:.0%}", poster=True)
        for row, column in order
    )
    columns: dict[str, Sequence[Any]] = {
        "genre": [found.genres[row] for row, _ in order],
        "requested": [found.strengths[column] for _, column in order],
        "change": [float(found.change[place]) for place in order],
    }
    columns |= {name: [float(found.statistics[*place, at]) for place in order] for at, name in enumerate(found.names)}
    arrays = {"pictures": Array(found.pixels, "RGB, 0 to 255", "genre, strength, height, width, channel")}
    return Figure(
        "Each genre requested alone", source, panels, "The noise stays; change is from the poster without a genre.",
        len(found.strengths), columns, {"change": "RMS, black to white is 1"}, arrays,
    )  # fmt: skip


def of_genre_effects(found: GenreEffects, source: Source) -> Figure:
    """What requesting each genre changes on average over many posters."""
    order = np.argsort(-found.rms).tolist()
    value, margin = (100 * found.rms).tolist(), (100 * found.rms_margin).tolist()
    drawn = Bars(
        [found.genres[one] for one in order], [value[one] for one in order], "percent of black to white",
        [VIOLET_HEX] * len(order), intervals=[(value[one] - margin[one], value[one] + margin[one]) for one in order],
    )  # fmt: skip
    columns: dict[str, Sequence[Any]] = {
        "genre": list(found.genres), "change": value, "margin": margin,
    }  # fmt: skip
    for at, name in enumerate(found.names):
        columns[name] = found.standardised[:, at].tolist()
        columns[f"{name} may be chance"] = found.uncertain[:, at].tolist()
    units = dict.fromkeys(("change", "margin"), "percent of black to white")
    units |= dict.fromkeys(found.names, "standard deviations")
    return Figure(
        "How much requesting a genre changes the picture", source, (bars_panel(drawn),),
        f"Means over {counted(found.posters, 'poster')}, with 95% intervals. {found.multiplicity}",
        columns=columns, units=units,
    )  # fmt: skip


# ---- the noise of a real poster ------------------------------------------------------------------------


def of_inversion(found: Inversion, pixels: Pixels, source: Source, title: str = "") -> Figure:
    """A poster (H, W, 3), the nearest that the generator can draw, and what is missing."""
    residual, picture = found.residual_map, to_uint8(found.picture)[0]
    end = limit(residual, 1.0)
    bar = Bar.signed(end, "luminance, black to white is 1", CHANGE, ("darker", "lighter"))
    panels = (
        Panel(pixels, "the poster", poster=True),
        Panel(picture, "the nearest that it can draw", poster=True),
        Panel(diverging(residual, end, CHANGE), "what it cannot draw", bar),
    )
    measured = {
        "explained variance": found.explained, "error": found.error, "error of the start": found.error_before,
        "PSNR": found.psnr, "norm of the latent": found.norm, "start": found.start, "seconds": found.seconds,
    }  # fmt: skip
    arrays = {
        "residual": Array(residual, "luminance, black to white is 1", "the poster minus the picture: row, column"),
        "poster": Array(pixels, "RGB, 0 to 255", "height, width, channel"),
        "picture": Array(picture, "RGB, 0 to 255", "height, width, channel"),
        "latent": Array(found.z.flatten().numpy(), "", "latent dimension"),
    }
    return Figure(
        title or f"What the generator can draw of {source.poster or 'a poster'}", source, panels,
        f"{found.explained:.0%} of the poster's variance is reproduced.", 3,
        {name: [value] for name, value in measured.items()}, {"error": "black to white is 1", "PSNR": "dB"}, arrays,
    )  # fmt: skip

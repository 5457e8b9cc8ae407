"""A collection on a plane: zoom, move, brush a set of posters, choose one; thousands of points on one canvas.

    collection_map(plot, key="map", on_brush=keep, on_choose=show)

The places, the colours and the sheet of thumbnails are fetched once, by their addresses; a brush sends one bit a poster
to the page, when it ends. All of it works by keyboard: arrows go from point to point, B brushes what is in view.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.components import media
from dashboard.components.collection_map_parts import CSS, FUNCTIONS
from dashboard.components.collection_map_script import JS
from dashboard.components.triggers import trigger_value

if TYPE_CHECKING:
    from xai.collection.maps.colouring import Colouring
    from xai.collection.maps.thumbnails import Thumbnails

END = 2**16 - 1  # of a place's coordinates
Rows = NDArray[np.intp]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Plot:
    """N posters: where they are, what they are called, how they are coloured, what they look like.

    places : bytes, see ``packed``. count : N. real : how many of them, the first ones, are real posters.
    """

    places: bytes
    count: int
    real: int
    colouring: Colouring
    thumbnails: Thumbnails


def packed(points: NDArray[np.float32], numbers: NDArray[np.int64]) -> bytes:
    """Numbers as int32, then x and y as uint16, in one unit for both; y points down."""
    x, y = quantised(points, points).T
    parts = (numbers.astype("<i4"), x.astype("<u2"), y.astype("<u2"))
    return b"".join(part.tobytes() for part in parts)


def quantised(points: NDArray[np.float32], within: NDArray[np.float32]) -> NDArray[np.int64]:
    """Points (M, 2) as whole numbers, 0 to 65535 over the extent of other points (N, 2), at whose end the rest lies."""
    low, extent = within.min(0), np.ptp(within, axis=0)
    span = max(float(extent.max()), float(np.finfo(np.float32).tiny))
    units = np.round((points - low) / span * END).clip(0, END).astype(np.int64)
    tall = round(float(extent[1]) / span * END)
    return np.stack([units[:, 0], (tall - units[:, 1]).clip(0, END)], 1)


def bits(rows: Sequence[int] | Rows, count: int) -> str:
    """Rows of ``count`` as one bit each, in base64; "" for none."""
    if not len(rows):
        return ""
    marks = np.zeros(count, bool)
    marks[np.asarray(rows)] = True
    return base64.b64encode(np.packbits(marks).tobytes()).decode()


def rows_of(sent: Any, count: int) -> list[int]:
    """What ``bits`` or a browser made; [] for what is not of this many posters."""
    try:
        raw = base64.b64decode(str(sent), validate=True)
    except ValueError:
        return []
    if len(raw) != -(-count // 8):
        return []
    found: list[int] = np.flatnonzero(np.unpackbits(np.frombuffer(raw, np.uint8), count=count)).tolist()
    return found


_mount = st.components.v2.component("posterlens_collection_map", css=CSS, js=FUNCTIONS + JS)


def collection_map(  # noqa: PLR0913 - a component's properties, all by keyword
    plot: Plot,
    key: str,
    on_brush: Callable[[list[int]], Any],
    on_choose: Callable[[int], Any],
    marked: Sequence[int] = (),
    chosen: int = -1,
    place: tuple[int, int] | None = None,
    title: str = "map of the collection",
) -> None:
    """Show the posters of a plot.

    ``on_brush`` is called with the rows that were brushed, [] where the brush was cleared; ``on_choose`` with the row
    that was clicked; both before the page runs again. ``marked`` rows stand out, ``chosen`` has a ring, or else
    ``place``, as ``quantised`` gives it, where a poster that is none of these would be.
    """

    def brushed() -> None:
        sent = trigger_value(key, "brushed")
        if sent is not None:
            on_brush(rows_of(sent, plot.count))

    def picked() -> None:
        row = trigger_value(key, "picked")
        if row is not None and 0 <= int(row) < plot.count:
            on_choose(int(row))

    colouring, sheet = plot.colouring, plot.thumbnails
    _mount(
        key=key,
        data={
            "places": media.address(plot.places, "application/octet-stream", f"{key}-places"),
            "colours": media.address(colouring.packed, "application/octet-stream", f"{key}-colours"),
            "sheet": media.address(sheet.jpeg, "image/jpeg", f"{key}-sheet"),
            "columns": sheet.columns,
            "cell": list(sheet.cell),
            "count": plot.count,
            "real": plot.real,
            "labels": list(colouring.labels),
            "scale": None if colouring.labels else [colouring.title, colouring.low, colouring.high],
            "ends": list(colouring.ends),
            "title": title,
            "marked": bits(marked, plot.count),
            "chosen": chosen,
            "place": None if place is None else list(place),
        },
        on_brushed_change=brushed,
        on_picked_change=picked,
    )

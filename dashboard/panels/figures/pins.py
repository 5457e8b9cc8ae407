"""Pins: a figure stays in sight while all else changes, beside what the page shows now, with the difference.

pins.begin()                    # app.py, before the page
pins.offer("map", make)         # a page, for each figure that it can export
pins.show()                     # app.py, after the page, in a place above it

One figure is pinned at a time, until the browser is closed; its link opens the state that it shows, in a window
of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import links, ui
from dashboard.text import plain

if TYPE_CHECKING:
    from xai.figures.figure import Figure, Panel

PINNED, OFFERED = "pinned", "pin_offers"  # in the session
MOST_PANELS = 4  # in a row; a figure with more, such as the whole machine, is shown as one picture
SHEET_WIDTH = 1100  # pixels, of that picture


@dataclass(frozen=True, eq=False)
class Pin:
    """key : of the place on a page whose figure it was."""

    key: str
    figure: Figure


def begin() -> None:
    """Forget what the page before offered."""
    st.session_state[OFFERED] = {}


def offer(key: str, make: Callable[[], Figure]) -> None:
    """A figure that the page shows now, to be laid beside the pinned one of the same place."""
    st.session_state.setdefault(OFFERED, {})[key] = make


def can_pin(figure: Figure) -> bool:
    """Whether it has pictures."""
    return bool(figure.panels)


def pin(key: str, figure: Figure) -> None:
    """Pin it, in place of the one that was pinned."""
    st.session_state[PINNED] = Pin(key, figure)


def pinned() -> Pin | None:
    """What is pinned."""
    found: Pin | None = st.session_state.get(PINNED)
    return found


def remove() -> None:
    """Pin nothing."""
    st.session_state.pop(PINNED, None)


def show() -> None:
    """The pinned figure, and where this page has one of the same kind, that one and the difference."""
    found = pinned()
    if found is None:
        return
    make = _counterpart(found.key)
    with st.container(border=True, key="pin"):
        _show_head(found.figure)
        now = None if make is None else make()
        _show_figure("Pinned", found.figure)
        if now is not None and can_pin(now):
            _show_now(found.figure, now)


def _counterpart(key: str) -> Callable[[], Figure] | None:
    """What the page has of the same place, or of the same kind, such as another method's map."""
    offers: dict[str, Callable[[], Figure]] = st.session_state.get(OFFERED, {})
    return offers.get(key) or next((make for other, make in offers.items() if _kind(other) == _kind(key)), None)


def _kind(key: str) -> str:
    """What a figure is, such as a map; keys that begin with a page's letter, as "d_waterfall", name it in all."""
    kind = key.partition("_")[0]
    return key if len(kind) == 1 else kind


def _show_head(figure: Figure) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"**{plain(figure.title)}**", width="content")
        with st.container(horizontal=True, width="content", vertical_alignment="center"):
            st.link_button(
                "Open", links.rooted(figure.source.link), icon=":material/open_in_new:", type="tertiary",
                help="The page and the choices that it was pinned from, in a window of its own.",
            )  # fmt: skip
            st.button("Unpin", on_click=remove, key="unpin", icon=":material/keep_off:", type="tertiary")


def _show_now(before: Figure, now: Figure) -> None:
    from xai.figures.comparison import compare

    found = compare(before, now)
    _show_figure("Now", now, () if found.difference is None else (found.difference,))
    st.caption(plain(f"Pinned, then now: {found.sentence}."))


def _show_figure(word: str, figure: Figure, more: tuple[Panel, ...] = ()) -> None:
    """The figure's pictures, and ``more`` behind them, with what they were made from."""
    if len(figure.panels) <= MOST_PANELS:
        _show_row(word, (*figure.panels, *more))
    else:
        _show_sheet(word, figure)
        if more:
            _show_row(word, more)
    st.caption(f"**{word}:** {plain(figure.source.line)}")


def _show_sheet(word: str, figure: Figure) -> None:
    """All pictures of a figure in one, in its own arrangement."""
    import numpy as np

    from xai.figures.figure import Source
    from xai.figures.picture import Sheet, drawn

    alone = replace(figure, source=Source())  # a caption below says it as text
    with st.container(key=f"smooth_{word}_sheet"):
        ui.picture(np.asarray(drawn(alone, Sheet.screen(SHEET_WIDTH))), alt=f"{word}: {figure.title}")


def _show_row(word: str, panels: tuple[Panel, ...]) -> None:
    widths = [1 + (panel.chart is not None) for panel in panels]  # names and numbers need room
    free = max(0, MOST_PANELS + 1 - sum(widths))
    for place, (column, panel) in enumerate(zip(st.columns([*widths, *[1] * free]), panels, strict=False)):
        look = "map" if panel.chart is None else "smooth"  # letters that lose pixels cannot be read
        with column, st.container(key=f"{look}_{word}_{place}"):
            ui.picture(panel.pixels, _caption(panel))


def _caption(panel: Panel) -> str:
    """What is below a picture: what it is, and what the ends of its colours are."""
    from xai.figures.picture import number

    bar = panel.bar
    if bar is None:
        return panel.caption
    ends = f"{number(bar.low)} to {number(bar.high)} {bar.label}"
    means = f" ({bar.low_means} to {bar.high_means})" if bar.low_means else ""
    return f"{panel.caption}: {ends}{means}" if panel.caption else f"{ends}{means}"

"""The card of one filter, beside the sheet that it is chosen from; the posters that excite it most stand in it.

sheet, card = unit_card.beside("g_unit")
with sheet:
unit = ui.choose_unit(...)
with card:
unit_card.title(layer.name, unit)
...
unit_card.show_seeds(checkpoint, {"Strongest of a thousand seeds": seeds}, "strongest")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

import gan
from dashboard import sidebar
from dashboard.cached import filters
from dashboard.components import arrival
from dashboard.components.sprite_grid import sprite_grid
from xai.render import sprite

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CARD = "card"
WIDTHS = (1, 2)  # of the sheet, and of the card: its four pictures are large in a window of 1280 pixels


def beside(chosen: str) -> tuple[Any, Any]:
    """Places for the sheet and for the card. chosen : the key under which the filter is chosen."""
    sheet, card = st.columns(WIDTHS, gap="medium")
    with card.container(gap=None):
        arrival.place(CARD, chosen)
        return sheet, st.container(border=True, key="unit_card")


def go_to() -> None:
    """Scroll to the card, from what stands below it (for callbacks)."""
    arrival.call(CARD)


def title(layer: str, unit: int) -> None:
    """The card's headline."""
    st.header(f"Filter {unit} of {layer}")


def show_seeds(checkpoint: gan.Checkpoint, rows: Mapping[str, Sequence[int]], key: str) -> None:
    """Generated posters by their seeds, in rows of one length, each below its head; a click goes to one."""
    seeds = [int(seed) for row in rows.values() for seed in row]
    posters = gan.to_uint8(filters.seed_posters(checkpoint, tuple(seeds)))
    sprite_grid(
        sprite(posters, columns=len(next(iter(rows.values())))), [f"seed {seed}" for seed in seeds], f"{key}_grid",
        lambda place: sidebar.show_seed(seeds[place]), title="posters that excite it most and least",
        heads=list(rows), most="none",
    )  # fmt: skip

"""The twelve posters to click on the Start page: at once from the picture beside the weights, or drawn.

show_shipped()                # before torch is imported
show_drawn(checkpoint)        # where nothing was shipped
"""

from __future__ import annotations

import io
from typing import Any

import streamlit as st

import gan
from dashboard import sidebar
from dashboard.cached import filters, listing
from dashboard.components.sprite_grid import sprite_grid
from dashboard.subject import GENERATED
from gan.checkpoints import preview

SHOWN = "posters_shown"  # in the session: the checkpoint whose posters were shown in this run


def show_shipped() -> None:
    """Show the posters that were drawn before, if they are of the checkpoint that the page will be about."""
    name = _chosen()
    requested = st.query_params.get("genres") or st.session_state.get("genres")
    sheet = None if name is None or requested else preview.read(listing.folder(name))
    st.session_state[SHOWN] = None if sheet is None else name
    if sheet is not None:
        _show(_cells(sheet), "start_grid")


def show_drawn(checkpoint: gan.Checkpoint) -> None:
    """Draw the posters now, where none were shipped."""
    if st.session_state.get(SHOWN) != checkpoint.name or checkpoint.info.get("requested_genres"):
        pictures = filters.seed_posters(checkpoint, tuple(preview.SEEDS))
        _show(gan.to_uint8(pictures), "drawn_grid")


def _chosen() -> str | None:
    """The checkpoint that the sidebar will choose, found without importing what can load it; None if that is open."""
    asked = st.session_state.get("checkpoint") or st.query_params.get("checkpoint")
    names = listing.checkpoint_names()
    chosen = asked if asked in names else next(iter(names), None)
    return chosen if chosen in listing.checkpoint_folders() else None


def _seed() -> int:
    """The chosen seed, as far as it is known before the sidebar is drawn; -1 for another kind of poster."""
    if st.session_state.get("source", st.query_params.get("source", GENERATED)) != GENERATED:
        return -1
    seed = str(st.session_state.get("seed", st.query_params.get("seed", 0)))
    return int(seed) if seed.isdecimal() else 0


def _cells(sheet: bytes) -> Any:
    import numpy as np
    from PIL import Image

    pixels = np.asarray(Image.open(io.BytesIO(sheet)))
    rows, columns = len(preview.SEEDS) // preview.COLUMNS, preview.COLUMNS
    height, width = pixels.shape[0] // rows, pixels.shape[1] // columns
    return pixels.reshape(rows, height, columns, width, 3).swapaxes(1, 2).reshape(-1, height, width, 3)


def _show(pictures: Any, key: str) -> None:
    from xai.render import sprite

    st.header("Twelve posters that do not exist")
    seed = _seed()
    sprite_grid(
        sprite(pictures, columns=preview.COLUMNS),
        labels=[f"seed {seed}" for seed in preview.SEEDS],
        selected=seed if seed in preview.SEEDS else -1,
        on_pick=sidebar.show_seed,
        key=key,
        title="generated posters",
        smallest=110,
        per_row=preview.COLUMNS,
        most="none",
    )
    st.caption("Click one: every page is then about it.")

"""Real posters to choose from: searched by name and genre, a page at a time.

show(checkpoint, poster_sets.posters(checkpoint), subject)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

import gan
from dashboard import sidebar, ui
from dashboard.components.sprite_grid import sprite_grid
from dashboard.panels.figures import start_export
from dashboard.subject import POSTER
from gan.errors import counted
from xai.render import shrink, sprite

if TYPE_CHECKING:
    from dashboard.subject import Subject

SHOWN, COLUMNS = 18, 6


def show(checkpoint: gan.Checkpoint, posters: gan.PosterSet, subject: Subject | None) -> None:
    """A page of the posters that have all the words searched for in their name or genres; a click chooses one."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        words = st.text_input(
            "Search the real posters", key="search", bind="query-params", placeholder="a name, a genre", width=340
        )
        found = search(posters.names, posters.genres, words)
        pages = max(1, -(-len(found) // SHOWN))
        ui.clamp("gallery_page", pages)
        page = int(st.number_input(f"Page (1 to {pages})", 1, pages, key="gallery_page", width=160))
    if not found:
        st.caption("No poster has all of these words in its name or genres.")
        return
    shown = found[(page - 1) * SHOWN : page * SHOWN]
    cells = shrink(gan.to_uint8(posters.tensor(shown)))
    notes = [" · ".join([posters.names[index], *posters.genres[index]]) for index in shown]
    chosen = -1 if subject is None or subject.kind != POSTER else int(st.session_state.get("poster", -1))
    sprite_grid(
        sprite(cells, columns=COLUMNS), labels=notes, key="gallery", per_row=COLUMNS, smallest=90, most="none",
        on_pick=lambda place: sidebar.show_poster(shown[place]), title="real posters",
        selected=shown.index(chosen) if chosen in shown else -1,
    )  # fmt: skip
    st.caption(f"{len(found):,} of {counted(len(posters), 'poster')}. Click one: every page is then about it.")
    start_export.show_gallery(checkpoint, posters, shown)


def search(names: Sequence[str], genres: Sequence[Sequence[str]], text: str) -> list[int]:
    """Places of the posters that have each word of ``text`` in their name or genres, in any case."""
    words = text.casefold().split()
    about = (f"{name} {' '.join(known)}".casefold() for name, known in zip(names, genres, strict=True))
    return [index for index, one in enumerate(about) if all(word in one for word in words)]

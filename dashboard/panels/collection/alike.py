"""Posters that look alike: to every layer of D, by colours and layout, and by what they are about.

alike.show(subject)
alike.show(subject, layers=["layers.4"])
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

import gan
from dashboard import sidebar, ui
from dashboard.cached import collection, discriminator, neighbours, networks
from dashboard.components.sprite_grid import sprite_grid
from xai.collection.similarity.approximate import search_words
from xai.render import sprite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.subject import Subject
    from xai.collection.similarity.alike import Row
    from xai.collection.similarity.neighbours import Hubness

SHOWN = 6
REAL, DRAWN = "real posters", "generated"
SCALING = (
    "In many dimensions some posters are near to very many others, and come up everywhere (hubs). Local scaling "
    "measures a distance in units of how far away the neighbours of both posters are."
)


def show(subject: Subject, layers: Sequence[str] | None = None, hubs: Sequence[Hubness] = ()) -> None:
    """The posters most like the chosen one, a row for each space, or for these ``layers`` alone.

    hubs : what was measured of the hubs in the whole collection.
    """
    checkpoint = subject.checkpoint
    sources = [REAL] * (networks.posters(checkpoint) is not None) + [DRAWN] * (checkpoint.generator is not None)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        real = st.radio("Among", sources, horizontal=True, key="among", bind="query-params") == REAL
        scaled = st.toggle("Local scaling", True, key="scaling", bind="query-params", help=SCALING)
    searched = neighbours.searched(checkpoint, real)
    rows = searched.alike(neighbours.described(subject), SHOWN, scaled)
    for row in rows:
        if layers is None or row.name in layers:
            _show_row(checkpoint, row, real)
    by_name = {one.space: one for one in hubs}
    st.caption(
        f"Each row has the {SHOWN} most similar of {search_words(len(searched.numbers))}; the poster itself and "
        "its copies are left out. A layer compares by the mean responses of its filters: what is in a poster, not "
        "where. Click one to go there."
    )
    if layers is None:
        _show_hubs([by_name[row.name] for row in rows if row.name in by_name])
        if real and networks.posters(checkpoint) is not None and not any(row.kind == "semantic" for row in rows):
            st.caption("By genres there is no row: none is known of this poster.")
    _offer_all(checkpoint, real)


def _show_row(checkpoint: gan.Checkpoint, row: Row, real: bool) -> None:
    numbers = row.numbers.tolist()
    kind, go_to = ("poster", sidebar.show_poster) if real else ("seed", sidebar.show_seed)
    st.markdown(f"**{row.title}**")
    sprite_grid(
        sprite(gan.to_uint8(discriminator.pictures(checkpoint, numbers, not real)), columns=SHOWN), per_row=SHOWN,
        labels=[f"{kind} {number}, {row.likeness(place)}" for place, number in enumerate(numbers)],
        on_pick=lambda place: go_to(numbers[place]), key=f"alike_{row.name}", title=f"posters alike by {row.title}",
        smallest=48, largest=128, most="none",
    )  # fmt: skip
    if row.text:
        st.caption(row.text)


def _show_hubs(hubs: Sequence[Hubness]) -> None:
    if not hubs:
        return
    with st.expander("Hubs: the same posters as everybody's neighbours"):
        for one in hubs:
            st.markdown(f"**{one.title}**: {one.text}")


def _offer_all(checkpoint: gan.Checkpoint, real: bool) -> None:
    """Offer to index all posters, where only some are searched."""
    if neighbours.is_indexed(checkpoint, real) or not collection.can_be_built(checkpoint, real):
        return
    ui.measure_button(
        "These are some of the posters. All of them can be searched once D has looked at each, which takes about 10 "
        "milliseconds a poster; it can be stopped, and goes on.",
        "Look at all posters",
        "Looking at all posters",
        lambda progress: collection.build(checkpoint, real, progress),
        key=f"index_{'real' if real else 'drawn'}",
    )

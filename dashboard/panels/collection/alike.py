"""Posters that look alike: to every layer of D, by colours and layout, and by what they are about.

alike.show(subject)
alike.show(subject, layers=["layers.4"])
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard.cached import neighbours, poster_sets
from dashboard.panels import poster_sheet
from dashboard.panels.collection import exports, whole
from xai.collection.similarity.approximate import search_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    import gan
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
    sources = [REAL] * (poster_sets.posters(checkpoint) is not None) + [DRAWN] * (checkpoint.generator is not None)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        real = st.radio("Among", sources, horizontal=True, key="among", bind="query-params") == REAL
        scaled = st.toggle("Local scaling", True, key="scaling", bind="query-params", help=SCALING)
    searched = neighbours.searched(checkpoint, real)
    rows = searched.alike(neighbours.described(subject), SHOWN, scaled)
    shown = [row for row in rows if layers is None or row.name in layers]
    for row in shown:
        _show_row(checkpoint, row, real)
    exports.show_alike(subject, shown, real)
    by_name = {one.space: one for one in hubs}
    st.caption(
        f"Each row has the {SHOWN} most similar of {search_words(len(searched.numbers))}; the poster itself and "
        "its copies are left out. A layer compares by the mean responses of its filters: what is in a poster, not "
        "where. Click one to go there."
    )
    if layers is None:
        _show_hubs(checkpoint, [by_name[row.name] for row in rows if row.name in by_name])
        if real and poster_sets.posters(checkpoint) is not None:
            _say_what_is_missing(subject, {row.name for row in rows})
    whole.offer(checkpoint, real)


def _show_row(checkpoint: gan.Checkpoint, row: Row, real: bool) -> None:
    st.markdown(f"**{row.title}**")
    poster_sheet.show(
        checkpoint, row.numbers.tolist(), real, f"alike_{row.name}", f"posters alike by {row.title}",
        [row.likeness(place) for place in range(len(row.numbers))], per_row=SHOWN, largest=128,
    )  # fmt: skip
    if row.text:
        st.caption(row.text)


def _say_what_is_missing(subject: Subject, shown: set[str]) -> None:
    if "genres" not in shown:
        st.caption("No row by genres: none is known of this poster.")
    if "detected" not in shown:
        st.caption(f"No row by faces and text. {neighbours.why_not_detected(subject)}")


def _show_hubs(checkpoint: gan.Checkpoint, hubs: Sequence[Hubness]) -> None:
    if not hubs:
        return
    with st.expander("Hubs: the same posters as everybody's neighbours"):
        for one in hubs:
            st.markdown(f"**{one.title}**: {one.text}")
        exports.show_hubs(checkpoint, hubs)

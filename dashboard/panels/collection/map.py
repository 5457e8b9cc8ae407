"""The map: all posters on a plane, coloured, to zoom, to brush, and to lay beside the map of another checkpoint.

map.show(subject, study)
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import ui
from dashboard.cached import layout, listing
from dashboard.cached.layout import Collected, Mapped
from dashboard.components.collection_map import collection_map
from dashboard.components.sprite_grid import sprite_grid
from dashboard.jobs.known import map_order
from dashboard.panels import brushed, jobs
from dashboard.panels.collection import exports, whole
from dashboard.text import plain
from gan.errors import counted

if TYPE_CHECKING:
    from dashboard.subject import Subject
    from xai.collection.maps.colouring import Colouring
    from xai.collection.maps.layout import Method
    from xai.collection.study import CollectionStudy

SHOWN = 60  # brushed posters in the list
METHODS: dict[str, Method] = {"PCA": "pca", "t-SNE": "tsne"}
NOBODY = "no other"
USE = (
    "The frame marks the chosen poster. Drag to move, wheel or pinch to zoom, point at a poster to see it, click it to "
    "go there. Shift and drag, or Box and Lasso, brush a set of posters, through which the other pages step. By "
    "keyboard: arrows, + and −, Enter, B."
)


def show(subject: Subject, study: CollectionStudy | None = None) -> None:
    """The map of the checkpoint's collection, the list of what was brushed on it, and another checkpoint's map.

    study : whose strategies can be the colours.
    """
    found = layout.collected(subject.checkpoint)
    if found is None:
        st.info("A map needs posters, real or generated, and a discriminator.")
        return
    names = layout.space_names(found)
    row = st.container(horizontal=True, vertical_alignment="bottom")
    with row:
        space = ui.choose(
            "Laid out by", names, names[0], partial(layout.space_title, found), "map_space", keep=True, width=220
        )
        method = METHODS[
            st.segmented_control("As", list(METHODS), default="PCA", required=True, key="map_as", bind="query-params")
        ]
        colours = layout.colourings(found, study)
        by = ui.choose("Coloured by", colours, colours[0], str, "map_colour", keep=True, width=190)
        other = _choose_other(subject)
    if not _can_be_had(found, space, method):
        return
    mapped = layout.mapped(found, space, method)
    about = ""
    if by != layout.CLUSTER:
        colouring = layout.colouring(found, by, study)
    elif _clusters_can_be_had(found, mapped):
        colouring, about = layout.by_cluster(found, mapped)
    else:
        return
    _show_map(found, mapped, subject, colouring)
    st.caption(f"{mapped.layout.text} {mapped.kept.text} {about}")
    exports.show_map(found, mapped)
    _show_list(found)
    if other is not None:
        with ui.error_boundary("The map of the other checkpoint"):
            _show_other(found, mapped, other, method, by)
    st.caption(USE)
    _offer_all(found)


def _choose_other(subject: Subject) -> str | None:
    names = [name for name in listing.checkpoint_names() if name != subject.checkpoint.name]
    if not names:
        return None
    name = ui.choose("Beside the map of", [NOBODY, *names], NOBODY, str, "map_with", keep=True, width=220)
    return None if name == NOBODY else name


def _can_be_had(found: Collected, space: str, method: Method) -> bool:
    """Whether the map is there; else a button that makes it, or what to install."""
    from xai.collection.maps.layout import can_tsne

    if layout.is_ready(found, space, method):
        return True
    if not can_tsne():
        st.info("t-SNE needs the extra maps: pip install 'posterlens[maps]'.")
        return False
    jobs.offer(
        f"t-SNE of {counted(len(found), 'poster')} takes up to a few minutes.",
        "Lay out by t-SNE",
        "Laying out",
        map_order("t-SNE", found, space),
        "map_tsne",
    )
    return False


def _clusters_can_be_had(found: Collected, mapped: Mapped) -> bool:
    """Whether the clusters are there; else a button that finds them."""
    if layout.clusters_ready(found, mapped.space.name):
        return True
    jobs.offer(
        f"Which clusters of {counted(len(found), 'poster')} come back from other halves takes up to a minute or two.",
        "Find the clusters",
        "Finding the clusters",
        map_order("clusters", found, mapped.space.name),
        "map_clusters",
    )
    return False


def _show_map(found: Collected, mapped: Mapped, subject: Subject, colours: Colouring) -> None:
    member = brushed.member_of(subject)
    chosen = found.row_of.get(member, -1) if member else -1
    with ui.progress_bar("Drawing thumbnails") as progress:
        plot = layout.plot(found, mapped.points, colours, progress)
    collection_map(
        plot,
        key="map",
        on_brush=lambda rows: brushed.keep(layout.brushed(found, mapped, rows)),
        on_choose=lambda row: brushed.go_to(found.members([row])[0]),
        marked=_rows(found),
        chosen=chosen,
        place=None if chosen >= 0 else layout.place_of(mapped, subject),
        title=f"{counted(len(found), 'poster')} by {mapped.space.title}",
    )


def _rows(found: Collected) -> list[int]:
    """Of the brushed posters."""
    return [row for member in brushed.members() if (row := found.row_of.get(member)) is not None]


def _show_list(found: Collected) -> None:
    """The first of the brushed posters, to choose one."""
    members = brushed.usable(found.checkpoint)
    if not members:
        return
    shown = members[:SHOWN]
    first = f", the first {SHOWN} of them here" * (len(members) > SHOWN)
    st.markdown(f"**{counted(len(members), 'poster')} brushed**{first}")
    sprite_grid(
        brushed.pictures(found.checkpoint, shown), labels=[f"{kind} {number}" for kind, number in shown],
        on_pick=lambda place: brushed.go_to(shown[place]), key="map_list", title="brushed posters", smallest=44,
        largest=72,
    )  # fmt: skip
    exports.show_brushed(found.checkpoint, shown)


def _show_other(found: Collected, mapped: Mapped, name: str, method: Method, by: str) -> None:
    """The map of another checkpoint, aligned with this one; the same posters are brushed."""
    other = layout.collected(listing.checkpoint(name))
    if other is None:
        st.info("The other checkpoint has no discriminator, or nothing to look at.")
        return
    names = layout.space_names(other)
    space = mapped.space.name if mapped.space.name in names else names[0]
    st.subheader(f"The same posters in {plain(name)}")
    if not _can_be_had(other, space, method):
        return
    theirs = layout.mapped(other, space, method)
    to, back = layout.same_posters(found, other), layout.same_posters(other, found)
    with ui.progress_bar("Drawing thumbnails") as progress:
        points = layout.aligned_with(other, theirs.points, found, mapped.points)
        usable = by != layout.CLUSTER and by in layout.colourings(other)
        colours = layout.colouring(other, by if usable else "logit")
        plot = layout.plot(other, points, colours, progress)

    def choose(row: int) -> None:
        if row in back:
            brushed.go_to(found.members([back[row]])[0])

    collection_map(
        plot,
        key="map_other",
        on_brush=lambda rows: brushed.keep(layout.brushed(found, mapped, [back[row] for row in rows if row in back])),
        on_choose=choose,
        marked=[to[row] for row in _rows(found) if row in to],
        title=f"{counted(len(other), 'poster')} by {theirs.space.title} of {name}",
    )
    st.caption(
        f"Turned, mirrored and scaled so that its {counted(len(to), 'poster')} in common lie as near as they can to "
        f"their places above. {theirs.layout.text} {theirs.kept.text}"
    )
    _offer_all(other)


def _offer_all(found: Collected) -> None:
    """Offer to look at all posters, where these are some of them."""
    for real in (True, False):
        whole.offer(found.checkpoint, real)

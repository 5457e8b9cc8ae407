"""What this GAN cannot draw: kinds of posters, single posters, and what is lost inside the chosen one.

omissions.show(subject, study.kinds, study.omissions, loaded=True)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go
import streamlit as st

import gan
from dashboard import charts, ui
from dashboard.cached import latents, omissions
from dashboard.panels import poster_sheet
from dashboard.panels.collection import exports
from dashboard.text import plain, plain_label
from xai.render import CHANGE, GREY_HEX, VIOLET_HEX, diverging, limit, outlines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.subject import Subject
    from xai.collection.omissions.far import Omissions
    from xai.collection.omissions.kinds import Kind, Kinds
    from xai.collection.omissions.lost import Lost

CHOSEN = "kind"
SIDE = 384  # pixels, of the poster with outlines


def show(subject: Subject, kinds: Kinds | None, found: Omissions | None, loaded: bool) -> None:
    """All of it. loaded : whether the posters whose numbers the study names are there."""
    if kinds is not None:
        st.subheader("Kinds of posters")
        with ui.error_boundary("The kinds"):
            _show_kinds(subject.checkpoint, kinds, loaded)
    if found is not None:
        st.subheader("Posters")
        with ui.error_boundary("The posters"):
            _show_posters(subject.checkpoint, found, loaded)
    if kinds is None and found is None:
        st.caption("Kinds and posters were not studied: that needs real posters and the extra metrics.")
    elif not loaded:
        st.caption("Real posters are shown where those of the study are loaded.")
    st.subheader("Inside one poster")
    with ui.error_boundary("What is lost of this poster"):
        _show_lost(subject)


# ---- kinds ---------------------------------------------------------------------------------------------


def _show_kinds(checkpoint: gan.Checkpoint, kinds: Kinds, loaded: bool) -> None:
    st.markdown("\n".join(f"- {plain(sentence)}" for sentence in kinds.sentences))
    estimable = [kind for kind in kinds.kinds if kind.estimable]
    names = [kind.name for kind in estimable]

    def choose(place: int) -> None:
        st.session_state[CHOSEN] = names[place]

    charts.show(
        _figure(estimable), "How often it draws a kind, relative to real posters", "kinds_chart", on_pick=choose,
        height=90 + charts.ROW * len(estimable), xaxis_type="log", xaxis_dtick=1, xaxis_title="times as often as real",
    )  # fmt: skip
    st.caption(
        f"Bars: intervals that hold for all kinds together. {plain(kinds.clusters_text)} Genres are estimated by a "
        "probe on the same features: how often a real poster that looks like a drawn one has them. Dark, grey and so "
        f"on: measured on {kinds.measured:,} drawn pictures, by the quarter of training posters that has most of it."
    )
    exports.show_kinds(checkpoint, kinds)
    titles = {kind.name: plain_label(kind.title) for kind in estimable}
    name = ui.choose("Examples of", names, names[0], lambda one: titles[one], CHOSEN)
    _show_examples(checkpoint, estimable[names.index(name)], loaded)


def _figure(estimable: Sequence[Kind]) -> go.Figure:
    """A point with its interval for each kind, the rarest on top; grey where it is not beyond chance."""
    ratios = [kind.ratio for kind in estimable]
    figure = go.Figure(
        go.Scatter(
            x=[ratio.value for ratio in ratios], y=[plain_label(kind.label) for kind in estimable], mode="markers",
            marker={"color": [VIOLET_HEX if kind.differs else GREY_HEX for kind in estimable], "size": 9},
            error_x=charts.intervals_of(ratios) | {"color": GREY_HEX},
            hovertemplate="%{y}: %{x:.2f} times as often<extra></extra>",
        )
    )  # fmt: skip
    figure.add_vline(1, line_color=GREY_HEX, line_dash="dash")
    figure.update_yaxes(autorange="reversed", dtick=1)
    return figure


def _show_examples(checkpoint: gan.Checkpoint, kind: Kind, loaded: bool) -> None:
    st.markdown(plain(kind.text))
    real, drawn = st.columns(2, gap="large")
    if loaded:
        with real:
            _grid(checkpoint, kind.posters.tolist(), True, "Held-out posters of this kind", "kind_real")
    with drawn:
        _grid(checkpoint, kind.seeds.tolist(), False, "Generated ones", "kind_drawn")
    exports.show_examples(checkpoint, kind, loaded)


def _grid(
    checkpoint: gan.Checkpoint,
    numbers: list[int],
    real: bool,
    title: str,
    key: str,
    notes: Sequence[str] | None = None,
) -> None:
    """Posters, or seeds, to click; "none" where there are none."""
    st.caption(title if numbers else f"{title}: none")
    poster_sheet.show(checkpoint, numbers, real, key, title, notes)


# ---- posters -------------------------------------------------------------------------------------------


def _show_posters(checkpoint: gan.Checkpoint, found: Omissions, loaded: bool) -> None:
    real, drawn = st.columns(2, gap="large")
    with real:
        st.markdown(found.far_text)
        if loaded:
            _grid(
                checkpoint, [poster.number for poster in found.posters], True,
                "Held-out posters farthest from everything drawn, relative to training posters", "omitted",
                [poster.words for poster in found.posters],
            )  # fmt: skip
            if found.posters:
                exports.show_omitted(checkpoint, found)
    with drawn:
        st.markdown(found.stray_text)
        _grid(
            checkpoint, [stray.seed for stray in found.strays], False, "Generated posters farthest from all real ones",
            "strays", [stray.words for stray in found.strays],
        )  # fmt: skip
        if found.strays:
            exports.show_strays(checkpoint, found)


# ---- inside one poster ---------------------------------------------------------------------------------


def _show_lost(subject: Subject) -> None:
    if subject.checkpoint.generator is None:
        st.caption("This checkpoint has no generator.")
        return
    if subject.noise is not None:
        st.caption("Choose a real poster in the sidebar: of a generated one nothing is lost.")
        return
    wanted = st.button("What is lost of this poster", key="find_lost")
    if not wanted and not latents.has_inversion(subject):
        st.caption("The nearest poster that it can draw is looked for, which takes some seconds.")
        return
    with ui.progress_bar("Looking for the nearest poster that it can draw") as progress:
        found = omissions.lost(subject, progress)
        inversion = latents.inversion(subject, progress)
    residual = inversion.residual_map
    pictures = (
        (_outlined(subject, found), "the poster, what is lost most outlined"),
        (gan.to_uint8(inversion.picture)[0], "the nearest that it can draw"),
        (
            diverging(residual, limit(residual, 1.0), CHANGE),
            "the difference: orange lighter, purple darker in the poster",
        ),
    )
    for column, (pixels, caption) in zip(st.columns(3), pictures, strict=True):
        with column:
            ui.picture(pixels, caption)
    st.markdown(f"{inversion.explained:.0%} of the poster's variance is reproduced. {found.text}")
    exports.show_lost(subject, found, inversion)


def _outlined(subject: Subject, found: Lost) -> object:
    return outlines(subject.pixels, found.boxes, max(1, SIDE // subject.pixels.shape[1]))

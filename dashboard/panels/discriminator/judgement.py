"""How good D's verdicts are: on which posters it is right, whether its probability can be believed, its worst errors.

judgement.show(checkpoint)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
import streamlit as st

from dashboard import charts, ui
from dashboard.cached import discriminator
from dashboard.panels import poster_sheet
from dashboard.panels.discriminator import exports
from dashboard.text import plain
from gan.errors import counted
from xai.discriminator.decisions import accuracy_by_group, calibration_curve, memorising, most_wrong, sentence_on_groups
from xai.render import GREY_HEX, VIOLET_HEX

if TYPE_CHECKING:
    from collections.abc import Sequence

    import gan
    from xai.discriminator.decisions import CalibrationBin, Judged, Verdicts

WRONG = 9


def show(checkpoint: gan.Checkpoint) -> None:
    """All of it, of the real posters that are loaded and of generated ones."""
    with ui.progress_bar("Looking at real and generated posters") as progress:
        judged = discriminator.judged(checkpoint, progress)
    for column, verdicts in zip(st.columns(len(judged.of)), judged.of, strict=True):
        with column:
            _show_groups(verdicts)
    left, right = st.columns(2)
    if judged.real is None:
        st.info("How often D is right about real posters, and whether it knows some by heart, needs posters.")
    else:
        with left, ui.error_boundary("The calibration curve"):
            _show_calibration(calibration_curve(judged.real.logits, judged.generated.logits))
    if judged.real is not None and judged.training is not None:
        with right, ui.error_boundary("The comparison of training and held-out posters"):
            _show_memory(judged.training, judged.real)
            exports.show_memory(checkpoint, judged.training, judged.real)
    exports.show_judged(checkpoint, judged)
    _show_wrong(checkpoint, judged)


def _show_groups(verdicts: Verdicts) -> None:
    groups, count = accuracy_by_group(verdicts), counted(len(verdicts.logits), "poster")
    st.markdown(f"**{verdicts.name.capitalize()}: right about {verdicts.accuracy.value:.0%}** of {count}")
    if not groups:
        return
    figure = charts.bars(
        [group.accuracy.value for group in groups], [f"{group.group} ({group.count})" for group in groups],
        margins=charts.intervals_of([group.accuracy for group in groups]),
        colour=[VIOLET_HEX if group.differs else GREY_HEX for group in groups],
    )  # fmt: skip
    charts.show(
        figure, f"How often D is right, {verdicts.name}", f"groups_{verdicts.name}", xaxis_title="proportion right",
        xaxis_range=[0, 1], height=90 + charts.ROW * len(groups),
    )  # fmt: skip
    st.caption(plain(sentence_on_groups(groups)))  # names of genres are other people's


def _show_calibration(bins: Sequence[CalibrationBin]) -> None:
    observed = [one.observed for one in bins]
    figure = go.Figure(go.Scatter(x=[0, 1], y=[0, 1], mode="lines", line={"color": GREY_HEX, "dash": "dot"}))
    figure.add_scatter(
        x=[one.predicted for one in bins], y=[one.value for one in observed], mode="markers+lines",
        marker_color=VIOLET_HEX, error_y=charts.intervals_of(observed),
    )  # fmt: skip
    agreeing = sum(one.agrees for one in bins)
    charts.show(
        figure, "Can its probability be believed?", "calibration", xaxis_title="probability that D gives",
        yaxis_title="proportion that is real", showlegend=False,
    )  # fmt: skip
    st.caption(
        f"Held-out real and generated posters, as many of each, in {counted(len(bins), 'group')} by D's probability: "
        f"in {agreeing} of them it lies in the interval of what was observed. Dotted: a perfect one."
    )


def _show_memory(training: Verdicts, held_out: Verdicts) -> None:
    st.markdown("**Did it memorise its training posters?**")
    with st.container(horizontal=True):
        st.metric("Training posters found real", f"{training.accuracy.value:.0%}")
        st.metric("Held-out posters found real", f"{held_out.accuracy.value:.0%}")
    st.markdown(memorising(training.logits, held_out.logits).text)


def _show_wrong(checkpoint: gan.Checkpoint, judged: Judged) -> None:
    st.markdown("**Its worst errors**")
    for verdicts, column in zip(judged.of, st.columns(len(judged.of)), strict=True):
        with column:
            _show_errors(checkpoint, verdicts, judged.numbers[verdicts.name])
    st.caption("Click one: every page is then about it; Compare shows what D bases that verdict on.")


def _show_errors(checkpoint: gan.Checkpoint, verdicts: Verdicts, numbers: Any) -> None:
    """The firmest wrong verdicts on posters of one kind; ``numbers`` are what its posters are called."""
    st.markdown("Real ones that it calls fake" if verdicts.real else "Generated ones that pass as real")
    rows = most_wrong(verdicts, WRONG)
    if not len(rows):
        st.caption("None.")
        return
    notes = [f"logit {logit:+z.2f}" for logit in verdicts.logits[rows]]
    key = "wrong_poster" if verdicts.real else "wrong_seed"
    poster_sheet.show(
        checkpoint, numbers[rows].tolist(), verdicts.real, key, "D's worst errors", notes, per_row=3, smallest=70,
        largest=220,
    )  # fmt: skip
    exports.show_wrong(checkpoint, verdicts, rows, numbers[rows].tolist())

"""How good D's verdicts are: on which posters it is right, whether its probability can be believed, its worst errors.

judgement.show(checkpoint)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go
import streamlit as st

import gan
from dashboard import charts, sidebar, ui
from dashboard.cached import discriminator
from dashboard.components.sprite_grid import sprite_grid
from dashboard.text import plain
from gan.errors import counted
from xai.discriminator.decisions import accuracy_by_group, calibration_curve, memorising, most_wrong
from xai.render import GREY_HEX, VIOLET_HEX, sprite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xai.discriminator.decisions import CalibrationBin, GroupAccuracy, Judged, Verdicts

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
    _show_wrong(checkpoint, judged)


def _show_groups(verdicts: Verdicts) -> None:
    right = verdicts.right
    groups = accuracy_by_group(verdicts)
    st.markdown(f"**{verdicts.name.capitalize()}: right about {right.mean():.0%}** of {counted(len(right), 'poster')}")
    if not groups:
        return
    figure = charts.bars(
        [group.accuracy.value for group in groups], [f"{group.group} ({group.count})" for group in groups],
        margins={
            "type": "data", "symmetric": False,
            "array": [group.accuracy.high - group.accuracy.value for group in groups],
            "arrayminus": [group.accuracy.value - group.accuracy.low for group in groups],
        },
        colour=[VIOLET_HEX if group.differs else GREY_HEX for group in groups],
    )  # fmt: skip
    charts.show(
        figure, f"How often D is right, {verdicts.name}", f"groups_{verdicts.name}", xaxis_title="proportion right",
        xaxis_range=[0, 1], height=90 + charts.ROW * len(groups),
    )  # fmt: skip
    st.caption(_about_groups(groups))


def _about_groups(groups: Sequence[GroupAccuracy]) -> str:
    worse = [group.group for group in groups if group.differs and group.difference.value < 0]
    better = [group.group for group in groups if group.differs and group.difference.value > 0]
    if not worse and not better:
        return "On no kind of poster is it better or worse than on the others, beyond chance."
    parts = [f"worse on: {', '.join(worse)}"] * bool(worse) + [f"better on: {', '.join(better)}"] * bool(better)
    return plain(f"Coloured where it differs from all other posters beyond chance: {'; '.join(parts)}.")


def _show_calibration(bins: Sequence[CalibrationBin]) -> None:
    observed = [one.observed for one in bins]
    figure = go.Figure(go.Scatter(x=[0, 1], y=[0, 1], mode="lines", line={"color": GREY_HEX, "dash": "dot"}))
    figure.add_scatter(
        x=[one.predicted for one in bins], y=[one.value for one in observed], mode="markers+lines",
        marker_color=VIOLET_HEX,
        error_y={
            "type": "data", "symmetric": False, "array": [one.high - one.value for one in observed],
            "arrayminus": [one.value - one.low for one in observed],
        },
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
    found = memorising(training.logits, held_out.logits)
    auc = found.auc
    st.markdown("**Did it memorise its training posters?**")
    with st.container(horizontal=True):
        st.metric("Training posters classified as real", f"{training.right.mean():.0%}")
        st.metric("Held-out posters classified as real", f"{held_out.right.mean():.0%}")
    word = "Some of them: it" if found.found else "There is no sign of it: D"
    st.markdown(
        f"{word} gives the training poster of a pair the higher logit in {auc.value:.1%} of all pairs with a held-out "
        f"one ({auc.low:.1%} to {auc.high:.1%}; 50% without memory)."
    )


def _show_wrong(checkpoint: gan.Checkpoint, judged: Judged) -> None:
    st.markdown("**Its worst errors**")
    for verdicts, column in zip(judged.of, st.columns(len(judged.of)), strict=True):
        rows = most_wrong(verdicts, WRONG)
        numbers = [int(judged.numbers[verdicts.name][row]) for row in rows]
        what, go_to = ("poster", sidebar.show_poster) if verdicts.real else ("seed", sidebar.show_seed)
        with column:
            st.markdown("Real ones that it calls fake" if verdicts.real else "Generated ones that pass as real")
            if not numbers:
                st.caption("None.")
                continue
            pictures = discriminator.pictures(checkpoint, numbers, generated=not verdicts.real)
            sprite_grid(
                sprite(gan.to_uint8(pictures), columns=3), per_row=3, key=f"wrong_{what}", smallest=70, most="none",
                labels=[f"{what} {number}, logit {verdicts.logits[row]:+.2f}"
                        for number, row in zip(numbers, rows, strict=True)],
                on_pick=lambda place, numbers=numbers, go_to=go_to: go_to(numbers[place]),  # type: ignore[misc]  # mypy infers no such default
                title="D's worst errors",
            )  # fmt: skip
    st.caption("Click one: every page is then about it; Compare shows what D bases that verdict on.")

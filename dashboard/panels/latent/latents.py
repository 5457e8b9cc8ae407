"""The Latent page's table of dimensions, and their importance over many posters.

show_table(checkpoint, latents.sensitivity(checkpoint, noise), noise)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from dashboard import charts, ui
from dashboard.cached import latents
from dashboard.jobs.known import order_of
from dashboard.panels import jobs
from dashboard.panels.latent import exports
from gan.errors import counted
from xai.render import SINGLE_HUE

if TYPE_CHECKING:
    import gan
    from dashboard.subject import Noise
    from xai.latents.sensitivity import LatentSensitivity
    from xai.latents.sobol import Importance
    from xai.latents.study import LatentStudy

PICTURE = "the whole picture"
SHOWN = 10
SECTIONS = {
    "Find this poster": "Which noise comes nearest to this poster, and what can it not draw?",
    "Importance": "Which latent dimensions does the picture's variety depend on, and which matter most where?",
    "Directions": "Which combinations of dimensions have a meaning?",
    "Paths": "What lies between two posters?",
    "Genres": "What does the generator change when a genre is requested?",
}


def sections(of_a_real_poster: bool, conditional: bool) -> dict[str, str]:
    """Sections of the page and what each answers."""
    able = {"Find this poster": of_a_real_poster, "Genres": conditional}
    return {name: answers for name, answers in SECTIONS.items() if able.get(name, True)}


def measure_button(checkpoint: gan.Checkpoint) -> None:
    """Offer the study where it has not been made."""
    jobs.offer(
        "The latent dimensions have not been measured for these weights. It takes some minutes.",
        "Measure all latent dimensions",
        "Painting tens of thousands of posters",
        order_of("latents", checkpoint),
        "measure_noise",
    )


def show_table(checkpoint: gan.Checkpoint, sensitivity: LatentSensitivity, noise: Noise) -> None:
    """Each dimension's influence on this poster, by which they are sorted, and other measures; a click chooses one."""
    columns = {
        "dimension": range(len(sensitivity.rms)), "now": noise.z.flatten().tolist(),
        "change": sensitivity.rms.tolist(),
        "importance": latents.total_indices(checkpoint), "reach": latents.reach(checkpoint, noise),
        "logit": None if sensitivity.score is None else sensitivity.score.tolist(),
        "brightness": sensitivity.brightness.tolist(),
        "top": (100 * sensitivity.top).tolist(), "middle": (100 * sensitivity.middle).tolist(),
        "bottom": (100 * sensitivity.bottom).tolist(),
    }  # fmt: skip
    known = {name: values for name, values in columns.items() if values is not None}
    table = pd.DataFrame(known).sort_values("change", ascending=False)

    def follow() -> None:
        rows = st.session_state["latent_table"].selection.rows
        if rows:
            st.session_state["latent"] = int(table["dimension"].iloc[rows[0]])

    number = st.column_config.NumberColumn
    st.dataframe(
        table, hide_index=True, height=420, on_select=follow, selection_mode="single-row", key="latent_table",
        column_config={
            "dimension": number("Dimension", help="Index of the latent dimension; click a row to sweep it."),
            "now": number("Value", format="%+.2f", help="This poster's latent value."),
            "change": st.column_config.ProgressColumn(
                "Influence", format="%.3f", min_value=0.0, max_value=float(sensitivity.rms.max()),
                help="How much a small step changes this poster: root mean square of the picture's gradient, per unit "
                "of latent value; black to white is 2. Squares, sliders and this table go by it.",
            ),
            "brightness": number("Brighter", format="%+.3f", help="Mean luminance per unit of latent value."),
            "top": number("Top", format="%.0f%%", help="Proportion of the change in the top third."),
            "middle": number("Middle", format="%.0f%%"),
            "bottom": number("Bottom", format="%.0f%%"),
            "logit": number("D's logit", format="%+.2f", help="D's logit per unit of latent value."),
            "reach": number(
                "Whole range", format="%.2f",
                help="Another measure: how much this poster changes at most between -3 and 3; the largest is 1.",
            ),
            "importance": number(
                "All posters", format="%.2f",
                help="Another measure: Sobol's total index over many posters, as under Importance.",
            ),
        },
    )  # fmt: skip


def show_dimension(checkpoint: gan.Checkpoint, sensitivity: LatentSensitivity, index: int) -> None:
    """What the chosen dimension does, in words: in this poster, and over all of them as far as that was measured."""
    from xai.latents import in_words  # with torch: the page is painted first

    study = latents.latent_study(checkpoint)
    over_all = (
        "What it does over all posters has not been measured for these weights: *Importance*, below, offers to."
        if study is None
        else in_words.over_all_posters(study.importance, index)
    )
    st.markdown(f"{in_words.in_this_poster(sensitivity, index)} {over_all}")


def show_importance(checkpoint: gan.Checkpoint, study: LatentStudy, chosen: int) -> None:
    """Sobol's total indices: for the whole picture, for statistics, for regions; ``chosen`` has a bar in any case."""
    importance = study.importance
    names = [PICTURE, *importance.names]
    what = st.selectbox("Importance for", names, format_func=ui.words, key="statistic", bind="query-params")
    statistic = None if what == PICTURE else what
    index = importance.of(statistic)
    ranked = index.value.argsort()[::-1].tolist()
    order = ranked[:SHOWN] + [chosen] * (chosen not in ranked[:SHOWN])
    bars = [f"dimension {number}" + f" (place {ranked.index(number) + 1})" * (number == chosen) for number in order]
    value, low, high = (part[order] for part in (index.value, index.low, index.high))
    left, right = st.columns(2, gap="large")
    with left:
        figure = charts.bars(value, bars, charts.intervals(value, low, high))
        title, x = f"What {ui.words(what)} depends on", "total index: proportion of the variance"
        charts.show(figure, title, "importance", height=380, xaxis_title=x)
    with right:
        charts.show(_regions(importance), "Most influential dimension per region", "regions", height=380)
    st.caption(
        f"Sobol's total index, from {counted(importance.samples * (len(index.value) + 5), 'poster')}: "
        "the proportion of the "
        "variance that this dimension has a part in, alone or with others, so they add up to more than 1; bars are 95% "
        "intervals; the chosen dimension has one, whatever its place. On the right the poster is cut into regions: the "
        "colour is the largest index there, hovering shows which dimension's it is, and a number stands where that "
        "dimension is the largest for certain."
    )
    exports.show_importance(checkpoint, study, statistic, chosen)


def _regions(importance: Importance) -> go.Figure:
    owners, largest = importance.most_influential, importance.largest
    rows = list(zip(owners, importance.certain, largest.value[0], largest.low[0], largest.high[0], strict=True))
    text = [[str(owner) if sure else "" for owner, sure in zip(*row[:2], strict=True)] for row in rows]
    hover = [
        [
            f"dimension {owner}: {value:.2f} ({low:.2f} to {high:.2f})"
            for owner, _, value, low, high in zip(*row, strict=True)
        ]
        for row in rows
    ]
    figure = go.Figure(
        go.Heatmap(
            z=largest.value[0], text=text, texttemplate="%{text}", hovertext=hover, hoverinfo="text",
            colorscale=SINGLE_HUE, zmin=0,
        )
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed", visible=False, scaleanchor="x")
    figure.update_xaxes(visible=False)
    return figure

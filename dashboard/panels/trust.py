"""What stands behind a map: its checks, curves and references, and how far the methods agree. No arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
import streamlit as st

from dashboard import ui
from xai import METHODS
from xai.render import enlarge_map, limit, overlay
from xai.report import words
from xai.trust.verdict import RULE

if TYPE_CHECKING:
    from xai import Agreement, Blame, Explanation, Trust
    from xai.trust.checks import CheckResult

VERDICTS = {
    "trust": ("green", "check_circle", "trust"),
    "caution": ("orange", "warning", "caution"),
    "do not trust": ("red", "cancel", "do not trust"),
}
LEVELS = {
    "pass": ("green", "passed"),
    "doubt": ("orange", "in doubt"),
    "fail": ("red", "failed"),
    "silent": ("grey", "not measurable"),
}
FILLS = {"reference": "behind the reference", "blur": "behind a blur"}
INSERTION, DELETION, CHANCE = "#c2410c", "#1d4ed8", "#888888"
HEIGHT = 270
RANKS = "ranks"  # in the session: the last verdicts, by method


def ranked(names: list[str]) -> list[str]:
    """Methods, those with the best verdicts on the last picture first."""
    ranks = st.session_state.get(RANKS, {})
    return sorted(names, key=lambda name: ranks.get(name, 0))


def rank(trusted: dict[str, Trust], order: list[str], sorted_by_trust: bool) -> None:
    """Remember the verdicts; where the cards should now stand in another order, draw the page again."""
    verdicts = list(VERDICTS)
    st.session_state[RANKS] = {name: verdicts.index(trust.verdict) for name, trust in trusted.items()}
    if sorted_by_trust and trusted and ranked(order) != order:
        st.rerun()


def badge(trust: Trust) -> None:
    """The verdict and what it hangs on."""
    colour, icon, word = VERDICTS[trust.verdict]
    st.markdown(f":{colour}-badge[:material/{icon}: {word}] {trust.reason}")


@st.dialog("Can this map be trusted?", width="large")
def show_evidence(name: str, trust: Trust) -> None:
    """Every check of one map, with the curves behind them."""
    st.markdown(f"#### {METHODS[name].title}")
    badge(trust)
    st.markdown(
        "\n".join(
            [
                "| Check | Value | Result | Passes | Fails | What it means |",
                "| --- | --- | --- | --- | --- | --- |",
                *(_line(result) for result in trust.checks),
            ]
        )
    )
    st.caption(RULE)
    for column, (fill, title) in zip(st.columns(2), FILLS.items(), strict=True):
        with column:
            _curves(trust[f"curves_{fill}"].evidence, f"Hide or show, {title}")
    st.caption(
        "Places are hidden (blue) or shown (orange), those that speak most for real first; a good map bends the two "
        "curves apart. Grey: places in random order."
    )
    left, right = st.columns(2)
    with left:
        _cascade(trust)
    with right:
        _tiles(trust)


def _line(result: CheckResult) -> str:
    colour, word = LEVELS[result.level]
    passes, fails = words.limits(result.check)
    cells = (
        words.starred(result.check).replace("*", r"\*"), words.measured(result), f":{colour}-badge[{word}]",
        passes, fails, result.check.meaning,
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _curves(found: Any, title: str) -> None:
    shares = [100 * step / (len(found.insertion) - 1) for step in range(len(found.insertion))]
    figure = go.Figure()
    figure.add_scatter(x=shares, y=found.random, name="random", line={"color": CHANCE, "dash": "dot"})
    figure.add_scatter(x=shares, y=found.deletion, name="hidden", line={"color": DELETION})
    figure.add_scatter(x=shares, y=found.insertion, name="shown", line={"color": INSERTION})
    _plot(figure, title, "percent of the places", "logit")


def _cascade(trust: Trust) -> None:
    similarities = trust["randomisation"].evidence
    layers = list(range(1, len(similarities) + 1))
    figure = go.Figure(go.Bar(x=layers, y=similarities, marker_color=DELETION))
    figure.update_yaxes(range=[min(0, *similarities), 1])
    _plot(figure, "What is left when the last layers forget", "layers that forget", "rank correlation", False)


def _tiles(trust: Trust) -> None:
    places = [f"{row}, {column}" for row in ("top", "middle", "bottom") for column in ("left", "centre", "right")]
    exact, sums = trust["shapley"].evidence
    figure = go.Figure()
    figure.add_bar(y=places, x=exact, name="exact value", orientation="h", marker_color=INSERTION)
    figure.add_bar(y=places, x=sums, name="this map", orientation="h", marker_color=DELETION)
    figure.update_yaxes(autorange="reversed")
    _plot(figure, "Exact Shapley values of nine tiles, and the map's sums", "logit", "")


def _plot(figure: go.Figure, title: str, x: str, y: str, legend: bool = True) -> None:
    figure.update_layout(
        title={"text": title, "font": {"size": 14}}, height=HEIGHT, margin={"l": 10, "r": 10, "t": 40, "b": 10},
        showlegend=legend, legend={"orientation": "h", "y": -0.35}, xaxis_title=x, yaxis_title=y,
    )  # fmt: skip
    st.plotly_chart(figure, key=f"{title}_plot", config={"displayModeBar": False})


def show_agreement(found: Agreement, pixels: Any) -> None:
    """Three matrices, and what all methods say together."""
    titles = [METHODS[name].title for name in found.names]
    matrices = {
        "Rank correlation": (found.rank, "1: the same order of places; 0: unrelated; below: reversed."),
        "Overlap of the strongest tenth": (
            found.overlap,
            "Share of the strongest places that two maps have in common.",
        ),
        "Structural similarity": (found.ssim, "1: the maps look the same; 0: they have no structure in common."),
    }
    for column, (title, (values, meaning)) in zip(st.columns(3), matrices.items(), strict=True):
        with column:
            _matrix(title, values, titles)
            st.caption(meaning)
    size = pixels.shape[:2]
    left, right, text = st.columns(3)
    with left:
        end = limit(found.consensus, 1.0)
        ui.picture(overlay(pixels, enlarge_map(found.consensus, size), end, 0.9), "consensus: the mean of all maps")
    with right:
        # A spread has no sign: red where the methods differ most.
        spread = enlarge_map(found.disagreement, size)
        ui.picture(overlay(pixels, spread, limit(found.disagreement, 1.0), 0.9), "disagreement: red where they differ")
    with text:
        st.markdown(
            "All maps are brought to 8 × 8 places and to the same strength before they are compared. Where the "
            "consensus is coloured and the disagreement is grey, the methods say the same. Methods that agree may "
            "still all be wrong: look at the verdicts."
        )


def _matrix(title: str, values: Any, names: list[str]) -> None:
    text = [[number(value) for value in row] for row in values]
    figure = go.Figure(
        go.Heatmap(
            z=values, x=names, y=names, text=text,
             texttemplate="%{text}", textfont={"size": 12}, zmin=-1, zmax=1, showscale=False,
            colorscale=[[0, "#215cbf"], [0.5, "#f4f4f4"], [1, "#cc1a24"]], hoverinfo="x+y+text",
        )
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed")
    figure.update_layout(
        title={"text": title, "font": {"size": 14}}, height=130 + 42 * len(names),
        margin={"l": 10, "r": 10, "t": 40, "b": 10},
    )  # fmt: skip
    st.plotly_chart(figure, key=f"{title}_matrix", config={"displayModeBar": False})


def show_reference(title: str, found: Explanation, heat: Any, pixels: Any, end: float, alike: float) -> None:
    """One reference's map, and how like the chosen reference's it is."""
    ui.picture(overlay(pixels, heat, end, 0.9), title)
    logit = f"{float(found.base_score):+.2f}"
    st.caption(f"rank correlation with the chosen one **{number(alike)}** · this reference's score {logit}")


def show_blame(found: Blame, layer: str, most: int = 12) -> None:
    """Signed shares of the noise values, and of one layer's filters."""
    left, right = st.columns(2)
    with left:
        _signed(found.latents, "value", "The noise values that matter most", most)
    with right:
        _signed(found.units[layer], "filter", f"The filters of {layer} that matter most", most)
    st.markdown(
        f"This poster's logit is **{found.score:+.2f}**, that of other seeds **{found.base_score:+.2f}** on average. "
        "Bars to the left pulled it towards fake, bars to the right towards real. All of them, the small ones too, add "
        f"up to the difference of **{found.score - found.base_score:+.2f}**: the noise values as well as the filters."
    )


def _signed(shares: Any, kind: str, title: str, most: int) -> None:
    order = shares.abs().argsort(descending=True)[:most].tolist()
    values = [float(shares[index]) for index in order]
    figure = go.Figure(
        go.Bar(
            x=values, y=[f"{kind} {index}" for index in order], orientation="h",
            marker_color=["#cc1a24" if value > 0 else "#215cbf" for value in values],
        )
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed")
    figure.update_layout(
        title={"text": title, "font": {"size": 14}}, height=80 + 24 * len(order), xaxis_title="share of the logit",
        margin={"l": 10, "r": 10, "t": 40, "b": 10},
    )  # fmt: skip
    st.plotly_chart(figure, key=f"{kind}_blame", config={"displayModeBar": False})


def number(value: float) -> str:
    """A few digits, or a dash for what could not be measured."""
    if value != value:
        return "–"
    return f"{value:.1g}" if 0 < abs(value) < 0.01 else f"{value:.2f}" if abs(value) < 10 else f"{value:.0f}"

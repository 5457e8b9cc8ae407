"""Whether a map can be trusted: its verdict, its checks, and the curves behind them. Lays out what xai.trust answers.

trust.show_badge(badge(verdict, detail=8))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
import streamlit as st

from dashboard import charts
from dashboard.panels.figures import export
from dashboard.subject import require
from dashboard.text import plain
from gan.errors import counted
from xai.render import GREY_HEX, ORANGE_HEX, VIOLET_HEX
from xai.trust.badges import Badge, badge
from xai.trust.verdict import RULE, VERDICTS

if TYPE_CHECKING:
    from xai import Explanation, Figure, Trust
    from xai.trust.check import CheckResult

LOOKS = {
    "trust": ("green", "check_circle"),
    "caution": ("orange", "warning"),
    "no claim": ("grey", "info"),
    "do not trust": ("violet", "cancel"),
    "nothing to judge": ("grey", "block"),
    "not examined": ("grey", "visibility_off"),
}
RANK = {verdict: float(place) for place, verdict in enumerate(VERDICTS)}  # the best first
LEVELS = {
    "pass": ("green", "passed"),
    "doubt": ("orange", "in doubt"),
    "fail": ("violet", "failed"),
    "silent": ("grey", "not measurable"),
}
FILLS = {"reference": "masked with the reference", "blur": "masked with a blur", "grey": "masked with grey"}
RANKS = "ranks"  # in the session: the last verdicts, by method


def ranked(names: list[str]) -> list[str]:
    """Methods, those with the best verdicts on the last picture first; without a verdict, behind all judged ones."""
    ranks = st.session_state.get(RANKS, {})
    return sorted(names, key=lambda name: ranks.get(name, RANK["nothing to judge"] - 0.5))


def rank(trusted: dict[str, Trust], order: list[str], sorted_by_trust: bool) -> None:
    """Remember the verdicts; where the cards should now stand in another order, draw the page again."""
    if not trusted:
        return
    st.session_state[RANKS] = {name: RANK[trust.verdict] for name, trust in trusted.items()}
    if sorted_by_trust and ranked(order) != order:
        st.rerun()


def show_badge(badge: Badge) -> None:
    """The verdict as it holds at the detail that is shown, and its reason."""
    colour, icon = LOOKS[badge.shown]
    st.markdown(f":{colour}-badge[:material/{icon}: {badge.text}] {badge.note}")


@st.dialog("Can this map be trusted?", width="large")
def show_evidence(explanation: Explanation, trust: Trust) -> None:
    """Every check of one map, with the curves behind them."""
    meaning = explanation.meaning
    st.markdown(f"### {explanation.title}")
    show_badge(badge(trust))
    # Here and not at the end: what it opens needs room below it.
    export.show(f"evidence_{explanation.method}_file", lambda: _figure(explanation, trust))
    st.container(key="checks").markdown(
        "\n".join(
            [
                "| Check | Value | Result | Passes | Fails | What it means |",
                "| --- | --- | --- | --- | --- | --- |",
                *(_line(result) for result in trust.checks),
            ]
        )
    )
    st.caption(RULE)
    for result in trust.checks:
        if result.error:
            st.caption(plain(f"{result.check.title} was not measured: {result.error}"))
    fills = [fill for fill in FILLS if f"curves_{fill}" in trust and trust[f"curves_{fill}"].evidence]
    for column, fill in zip(st.columns(2), fills, strict=False):
        with column:
            _curves(trust[f"curves_{fill}"].evidence, f"Insertion and deletion, {FILLS[fill]}", meaning.unit)
    st.caption(
        "Cells of the poster are masked (deletion, violet) or revealed (insertion, orange), those that speak most for "
        f"{meaning.high} first; a good map pulls the two curves apart. Grey: cells in random order."
    )
    left, right = st.columns(2)
    with left:
        if "randomisation" in trust:
            _cascade(trust)
    with right:
        if "shapley" in trust:
            _tiles(trust, meaning.unit)


def _figure(explanation: Explanation, trust: Trust) -> Figure:
    from xai.report.trust_figures import of_trust

    source = export.source(require(), method=explanation.title)
    return of_trust(trust, f"Whether the map of {explanation.title} can be trusted", source)


def _line(result: CheckResult) -> str:
    colour, word = LEVELS[result.level]
    title = result.check.starred.replace("*", r"\*")
    badge = f":{colour}-badge[{word}]"
    cells = (title, result.text, badge, *result.check.limits, result.check.meaning)
    return f"| {' | '.join(cells)} |"


def _curves(curves: Any, title: str, unit: str) -> None:
    percents = [100 * step / (len(curves.insertion) - 1) for step in range(len(curves.insertion))]
    figure = go.Figure()
    figure.add_scatter(x=percents, y=curves.random, name="random order", line={"color": GREY_HEX, "dash": "dot"})
    figure.add_scatter(x=percents, y=curves.deletion, name="deletion", line={"color": VIOLET_HEX})
    figure.add_scatter(x=percents, y=curves.insertion, name="insertion", line={"color": ORANGE_HEX})
    _show(figure, title, "percent of the poster", unit)


def _cascade(trust: Trust) -> None:
    cascade = trust["randomisation"].evidence
    similarity = cascade.similarity
    figure = go.Figure(go.Bar(x=[str(count) for count in cascade.layers], y=similarity, marker_color=VIOLET_HEX))
    figure.update_yaxes(range=[min(0, *similarity), 1])
    _show(figure, "Similarity after randomising the last k layers", "layers randomised", "rank correlation")


def _tiles(trust: Trust, unit: str) -> None:
    places = [f"{row}, {column}" for row in ("top", "middle", "bottom") for column in ("left", "centre", "right")]
    values = trust["shapley"].evidence
    estimated = bool(values.errors.any())
    kind = "estimated" if estimated else "exact"
    errors = {"error_x": {"array": values.errors}} if estimated else {}
    figure = go.Figure()
    figure.add_bar(
        y=places, x=values.exact, name=f"{kind} Shapley value", orientation="h", marker_color=ORANGE_HEX, **errors
    )
    figure.add_bar(y=places, x=values.tiles, name="this map", orientation="h", marker_color=VIOLET_HEX)
    figure.update_yaxes(autorange="reversed")
    _show(figure, f"{kind.capitalize()} Shapley values of nine tiles, and the map's sums", unit, "")
    of = f", as means over {counted(values.references, 'reference')} with their standard errors" if estimated else ""
    st.caption(f"The Shapley values add up to {values.total:+z.2f}{of}; the map's sums to {values.tiles.sum():+z.2f}.")


def _show(figure: go.Figure, title: str, x: str, y: str) -> None:
    legend = {"orientation": "h", "y": -0.35}
    named = len(figure.data) > 1
    charts.show(
        figure, title, f"{title}_plot", height=270, xaxis_title=x, yaxis_title=y, showlegend=named, legend=legend
    )

"""The Prune page's controls, posters and curves. Lays out what dashboard.cached.pruning answers.

ranking, percent = choose_share(table)
show_costs(checkpoint, ranking, percent)
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
import streamlit as st

import gan
from dashboard import charts, sidebar, ui
from dashboard.cached import listing, poster_sets, pruning
from dashboard.components.sprite_grid import sprite_grid
from dashboard.jobs.known import order_of
from dashboard.panels import jobs
from dashboard.panels.figures import export
from dashboard.text import plain
from gan.errors import counted
from xai.render import GREEN_HEX, GREY_HEX, ORANGE_HEX, VIOLET_HEX, sprite

if TYPE_CHECKING:
    from dashboard.subject import Subject
    from xai import Figure
    from xai.generator.filter_table import FilterTable
    from xai.generator.pruning_curves import PruningCurves

RANKINGS = {
    "effect": "smallest effect on the picture first",
    "duplicates": "most replaceable by other filters first",
    "norm": "smallest outgoing weights first",
    "random": "in random order, for comparison",
}
COLOURS = {"effect": ORANGE_HEX, "duplicates": VIOLET_HEX, "norm": GREEN_HEX, "random": GREY_HEX}
SEEDS = 12
PROPORTION, THRESHOLD = "proportion", "threshold"
USUAL, MOST = 20, 90  # percent
CURVES = (
    ("quality", "low", "high", "fd_lite1 of {samples} posters (lower is better)"),
    ("diversity", "diversity_low", "diversity_high", "Variety of the posters (the whole generator's is 1)"),
)


def choose_share(table: FilterTable | None) -> tuple[str, int]:
    """Controls for the order in which filters go, and how many: (ranking, percent)."""
    rankings = [name for name in RANKINGS if name != "effect" or table is not None]
    shown: dict[str, Any] = {}  # the slider of this run and what it pruned, for the callback before the next one

    def carry_over() -> None:
        """Set the slider that is not on the page, and may come now, to what the other one pruned."""
        if shown.get("slider") == "threshold":
            other, value = "percent", shown["percent"]
        else:
            other, value = "threshold", 0.0 if table is None else table.threshold_at(shown.get("percent", USUAL))
        st.session_state[other] = value
        st.query_params[other] = str(value)  # which a slider that is not on the page leaves as it is

    with st.container(horizontal=True, vertical_alignment="bottom"):
        ranking = ui.choose(
            "Prune by", rankings, rankings[0], lambda name: RANKINGS[name], "ranking", width=380, on_change=carry_over
        )
        studied = table if ranking == "effect" else None
        by_threshold = studied is not None and st.segmented_control(
            "Set", [PROPORTION, THRESHOLD], default=PROPORTION, required=True, key="prune_by", bind="query-params",
            on_change=carry_over,
            help="The proportion of the filters that go, or the effect below which a filter goes. The other follows.",
        ) == THRESHOLD  # fmt: skip
        if studied is not None and by_threshold:
            below = _choose_threshold(studied)
            percent = min(below, MOST)
        else:
            percent = st.slider("Percent of the filters", 0, MOST, USUAL, key="percent", bind="query-params", width=300)
    shown |= {"slider": "threshold" if by_threshold else "percent", "percent": percent}
    if by_threshold:
        st.caption(f"That is {percent}% of the filters" + (", the most that can be pruned." if below > MOST else "."))
    elif studied is not None and percent:
        effect = studied.effect_at(percent)
        st.caption(f"That is all filters that change the poster by {effect:.2f} grey levels or less.")
    if table is None:
        st.caption("Pruning by effect, the usual order, needs the filters measured: Generator page, *All filters*.")
    return ranking, percent


def _choose_threshold(table: FilterTable) -> int:
    """The slider for an effect; returns the percent of the filters that lie below it."""
    most = max(5.0, table.threshold_at(MOST))
    ui.clamp("threshold", most)
    threshold = st.slider(
        "All that change the poster by less than", 0.0, most, table.threshold_at(USUAL), 0.01, "%.2f grey levels",
        key="threshold", bind="query-params", width=300, help="Rounded to a whole percent of the filters.",
    )  # fmt: skip
    return int(table.percent_below(threshold))


def show_costs(checkpoint: gan.Checkpoint, ranking: str, percent: int) -> Any:
    """What is pruned, and what it saves; returns the place for the time, which takes a second to measure."""
    smaller = pruning.pruned(checkpoint, ranking, percent)
    (weights, multiplied), (fewer, less) = pruning.costs(checkpoint, ranking, percent)
    with st.container(horizontal=True):
        st.metric("Filters pruned", f"{sum(smaller.removed.values()):,} of {smaller.total:,}")
        st.metric("Weights", f"{fewer:,}", f"{fewer / weights - 1:.0%}", "off")
        st.metric("Multiply-adds", f"{less / 1e6:.0f} M", f"{less / multiplied - 1:.0%}", "off")
        return st.empty()


def show_time(place: Any, checkpoint: gan.Checkpoint, ranking: str, percent: int) -> None:
    """How much sooner a poster is there; no change where the interval holds that."""
    if not percent:
        return
    change = pruning.time_change(checkpoint, ranking, percent)
    measurable = change.high < 0 or change.low > 0
    place.metric(
        "Time for a poster", f"{change.value:+z.0%}" if measurable else "no measurable change",
        f"{change.low:+z.0%} to {change.high:+z.0%}", "off", delta_arrow="off",
        help="Both generators draw a poster in turns, on this machine: the median of the pairs and its 95% interval.",
    )  # fmt: skip


def show_posters(subject: Subject, ranking: str, percent: int) -> None:
    """The same seeds by the whole generator and by the smaller one."""
    checkpoint = subject.checkpoint
    smaller = pruning.pruned(checkpoint, ranking, percent)
    seed = None if subject.noise is None else subject.noise.seed
    titles = ("The whole generator", f"Without {counted(sum(smaller.removed.values()), 'filter')}")
    for column, title, pruned in zip(st.columns(2, gap="large"), titles, (0, percent), strict=True):
        with column:
            st.header(title)
            posters = pruning.posters_of_seeds(checkpoint, ranking, pruned, SEEDS)
            sheet = sprite(gan.to_uint8(posters), columns=4)
            sprite_grid(
                sheet, labels=[f"seed {one}" for one in range(SEEDS)], per_row=4,
                selected=seed if seed is not None and seed < SEEDS else -1,
                on_pick=sidebar.show_seed, key=f"{title[:3]}_grid", title=title, smallest=90, most="none",
            )  # fmt: skip
    export.show("pruned", lambda: _figure(subject, ranking, percent))
    with st.expander("Which layers they are pruned from"):
        st.dataframe(
            [
                {"layer": layer, "filters": count, "pruned": smaller.removed.get(layer, 0)}
                for layer, count in smaller.layers.items()
            ],
            hide_index=True, width="content",
        )  # fmt: skip
        export.show("pruned_layers", lambda: _layers(checkpoint, ranking, percent))


def _figure(subject: Subject, ranking: str, percent: int) -> Figure:
    from xai.report.filter_figures import of_posters

    both = [gan.to_uint8(pruning.posters_of_seeds(subject.checkpoint, ranking, one, SEEDS)) for one in (0, percent)]
    captions = [f"seed {seed}, {how}" for how in ("whole", f"{percent}% pruned") for seed in range(SEEDS)]
    source = export.source_of(subject.checkpoint, pruned_by=ranking, percent=percent)
    return of_posters([*both[0], *both[1]], captions, "Posters of the whole and of the pruned generator", source)


def _layers(checkpoint: gan.Checkpoint, ranking: str, percent: int) -> Figure:
    """How many filters go from each layer, and what all of it saves."""
    from xai.figures.figure import table

    smaller = pruning.pruned(checkpoint, ranking, percent)
    (weights, multiplied), (fewer, less) = pruning.costs(checkpoint, ranking, percent)
    rows = [
        {"layer": layer, "filters": count, "pruned": smaller.removed.get(layer, 0)}
        for layer, count in smaller.layers.items()
    ]
    note = f"Weights: {fewer:,} of {weights:,}. Multiply-adds for a poster: {less:,} of {multiplied:,}."
    source = export.source_of(checkpoint, pruned_by=ranking, percent=percent)
    return table("Filters pruned from each layer", source, rows, note=note)


def show_study(checkpoint: gan.Checkpoint, ranking: str, percent: int) -> None:
    """Quality and variety by the proportion of filters pruned, in each order."""
    curves = pruning.pruning_curves(checkpoint)
    if curves is None and poster_sets.posters(checkpoint) is not None:
        jobs.offer(
            "This has not been measured for these weights. It takes a quarter of an hour or more.",
            "Measure when it drops",
            "Pruning in four orders",
            order_of("pruning", checkpoint),
            "measure_pruning",
        )
        return
    if curves is None:
        folder = listing.folder(checkpoint.name)
        st.info("This has not been measured. To measure it:")
        st.code(
            f"python scripts/study_pruning.py --checkpoint {shlex.quote(str(folder))} --data POSTERS", language=None
        )
        return
    for column, curve in zip(st.columns(2), CURVES, strict=True):
        with column:
            _show_curve(curves, curve, percent)
    export.show("pruning", lambda: _table(checkpoint, curves))
    if ranking in curves.unnoticed:
        st.markdown(
            f"Pruned in this order, up to **{curves.unnoticed[ranking]:.0%}** of the filters go unnoticed.",
            help=plain(curves.rule),
        )  # fmt: skip
    st.caption(
        f"Measured in the features of EfficientNet-Lite1, which had no part in the training: "
        f"{counted(curves.samples, 'generated poster')} against {curves.held_out:,} held-out ones. "
        "Bars are 95% intervals. With fewer posters "
        "fd_lite1 is higher: compare points of these curves with each other, not with the Start page's figure."
    )


def _table(checkpoint: gan.Checkpoint, curves: PruningCurves) -> Figure:
    from xai.report.filter_figures import of_curves

    return of_curves(curves.rankings, "What pruning costs", export.source_of(checkpoint, posters=curves.samples))


def _show_curve(curves: PruningCurves, curve: tuple[str, str, str, str], percent: int) -> None:
    key, low, high, title = curve
    figure = go.Figure()
    for name, points in curves.rankings.items():
        margins = charts.intervals(*([getattr(point, name_of) for point in points] for name_of in (key, low, high)))
        figure.add_scatter(
            x=[100 * point.share for point in points], y=[getattr(point, key) for point in points], name=name,
            line_color=COLOURS[name], error_y=margins,
        )  # fmt: skip
    figure.add_vline(x=percent, line_dash="dot", line_color=GREY_HEX)
    legend = {"orientation": "h", "y": -0.3}
    charts.show(
        figure,
        title.format(samples=curves.samples),
        f"{key}_curve",
        xaxis_title="percent of the filters pruned",
        legend=legend,
    )


def show_export(checkpoint: gan.Checkpoint, ranking: str, percent: int) -> None:
    """Save the smaller generator among the checkpoints, or download it."""
    name = pruning.pruned_name(checkpoint, ranking, percent)

    def save() -> None:
        with ui.error_boundary("Saving it"):
            saved = pruning.save_pruned(checkpoint, ranking, percent)
            st.toast(f"{plain(saved)} can now be chosen in the sidebar.", icon=":material/check:")

    with st.container(horizontal=True):
        st.button(
            "Save as a checkpoint", on_click=save, icon=":material/save:", type="primary",
            help=f"Saves it as {plain(name)} beside the other checkpoints; all pages and scripts read it.",
        )  # fmt: skip
        st.download_button(
            "Download", lambda: pruning.pruned_archive(checkpoint, ranking, percent), f"{name}.zip", "application/zip",
            on_click="ignore", icon=":material/download:", help="The same checkpoint folder, zipped.",
        )  # fmt: skip

"""What training runs leave behind: metrics, notes, grids, curves, the posters nearest to training posters.

run = read("runs/first", folder)
show_state(run)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
import streamlit as st

import gan
from dashboard import charts, ui
from dashboard.cached import networks
from gan.evaluation import validation
from gan.training.runs.folder import BEST, STATES, read_grids, read_stats
from xai.render import NAVY_HEX, ORANGE_HEX

if TYPE_CHECKING:
    from gan.evaluation.memorization import ClosestPair
    from gan.evaluation.report import Evaluation
    from gan.evaluation.validation import Validation

Row = dict[str, Any]
CURVES = {
    "Losses": {"loss_d": "discriminator", "loss_g": "generator"},
    "Accuracy of D": {"accuracy_d": "on real and generated together"},
    "Variety (real posters: 1)": {"diversity": "variety"},
    "fd_lite1 (lower is better)": {"fd_lite1": "fd_lite1"},
    "kid_lite1 (lower is better)": {"kid_lite1": "kid_lite1"},
    "Precision, recall, coverage": {
        "precision": "precision", "recall": "recall", "coverage": "coverage",
    },
    "Images a second": {"images_per_second": "speed"},
}  # fmt: skip
# Of the series of each run: shades of orange, and of navy.
RUN_COLOURS = ((ORANGE_HEX, "#f59e0b", "#7c2d12"), (NAVY_HEX, "#38bdf8", "#1e3a8a"))
PAIRS = 6


@dataclass(frozen=True, eq=False)
class Run:
    """rows : of stats.jsonl. grids : by kimg. notes : (kimg, what the guard rails said).

    floor : what as many training posters (samples) get against held-out ones, by the metric's name; {} if unknown.
    """

    name: str
    rows: list[Row]
    grids: dict[float, Path]
    floor: dict[str, float]
    samples: int

    @property
    def notes(self) -> list[tuple[float, str]]:
        return [(row["kimg"], str(row["note"])) for row in self.rows if row.get("note")]


def read(name: str, folder: Path) -> Run:
    """Everything that a run has left so far."""
    floor: dict[str, float] = {}
    samples = 0
    try:
        floor, samples = _floor(folder)
    except gan.PosterLensError as error:
        st.warning(str(error), icon=":material/error:")
    return Run(name, read_stats(folder), read_grids(folder), floor, samples)


def _floor(folder: Path) -> tuple[dict[str, float], int]:
    """That of the run's own validations, whose counts its curves have, or else of its evaluation; with the count."""
    going = validation.read(folder / BEST)
    if going is not None:
        return dict(going.floor), going.samples
    evaluated = _evaluated(folder)
    if evaluated is None:
        return {}, 0
    return {key: estimate.value for key, estimate in evaluated[1].floor.items()}, evaluated[1].samples


def _evaluated(folder: Path) -> tuple[Path, Evaluation] | None:
    """The folder of the checkpoint that was evaluated, the run's own or its best, and its evaluation."""
    for place in (folder, *(folder / state for state in STATES)):
        found = networks.evaluation(place)
        if found is not None:
            return place, found
    return None


def _looked_at(folder: Path) -> tuple[Path, Evaluation | Validation] | None:
    """The checkpoint whose nearest training posters are known, by its evaluation or by the run's last validation."""
    evaluated = _evaluated(folder)
    if evaluated is not None:
        return evaluated
    going = validation.read(folder / BEST)
    return None if going is None else (folder / BEST, going)


def show_state(run: Run) -> None:
    """How far a run is."""
    if not run.rows:
        st.caption("The first line of its log is still to come.")
        return
    last = run.rows[-1]
    evaluated = [row["fd_lite1"] for row in run.rows if "fd_lite1" in row]
    with st.container(horizontal=True):
        st.metric("Posters shown", ui.posters_shown(last["kimg"]))
        st.metric("Updates", f"{last['step']:,}")
        st.metric("Hours", f"{last['seconds'] / 3600:.2f}")
        st.metric("Best fd_lite1", f"{min(evaluated):.0f}" if evaluated else "not measured")


def show_grids(run: Run) -> None:
    """The same seeds over time."""
    if not run.grids:
        return
    st.markdown("**The same 64 seeds over time**")
    times, key = list(run.grids), f"at_{run.name}"
    newest = f"_newest_{run.name}"
    if st.session_state.get(key, times[-1]) in (st.session_state.get(newest), times[-1]):
        st.session_state[key] = times[-1]  # whoever looks at the newest sees the next one when it comes
    elif st.session_state[key] not in times:
        st.session_state[key] = times[-1]
    st.session_state[newest] = times[-1]
    at, captions = times[0], _thousands(times)
    if len(times) > 1:
        at = st.select_slider("Thousand posters shown", times, key=key, format_func=captions.__getitem__)
    with st.container(width=660):
        st.image(run.grids[at].read_bytes(), f"after {captions[at]} thousand posters", width="stretch")


def _thousands(times: list[float]) -> dict[float, str]:
    """Words for these kimg: 45.008 would be taken for 45 million, so one decimal, where that tells them apart."""
    short = {kimg: f"{round(kimg, 1):g}" for kimg in times}
    return short if len(set(short.values())) == len(times) else {kimg: f"{kimg:g}" for kimg in times}


def show_notes(run: Run) -> None:
    """What the guard rails said."""
    if run.notes:
        st.markdown(f"**What the guard rails noticed** ({len(run.notes)})")
        st.dataframe(
            [{"thousand posters": kimg, "note": note} for kimg, note in run.notes], hide_index=True,
            height=min(38 + 35 * len(run.notes), 250),
            column_config={"note": st.column_config.TextColumn(width="large")},
        )  # fmt: skip


def show_curves(read: list[Run]) -> None:
    """All curves that any of the runs has, on common axes."""
    known = {title: curves for title, curves in CURVES.items() if any(_has(run, curves) for run in read)}
    columns = [column for _ in range(0, len(known), 2) for column in st.columns(2)]
    for (title, curves), column in zip(known.items(), columns, strict=False):
        with column:
            several = len(curves) > 1 or len(read) > 1
            charts.show(
                _figure(curves, read), title, title, height=340, showlegend=several, yaxis_rangemode="tozero",
                legend={"orientation": "h", "y": -0.3, "yanchor": "top"}, xaxis_title="thousand posters shown",
            )  # fmt: skip
    st.caption(
        "fd_lite1 and kid_lite1: distances of generated from held-out posters, in the features of EfficientNet-Lite1. "
        "The Start page says what each figure means."
    )
    missing = [title.split(" (")[0] for title in CURVES if title not in known]
    if missing:
        st.caption(f"Not measured so far: {'; '.join(missing)}.")
    counts = sorted({run.samples for run in read if run.floor})
    if counts:
        st.caption(
            f"Dotted: the floor, what {' or '.join(f'{count:,}' for count in counts)} real training posters get "
            "against held-out ones: a perfect generator would, too. Fewer posters stand higher, so scripts/evaluate.py "
            "gives lower figures than a run that looks at fewer."
        )
    if any(run.notes for run in read):
        st.caption("Triangles below: the guard rails noticed something; point at one to read it.")


def _has(run: Run, curves: dict[str, str]) -> bool:
    return any(key in row for row in run.rows for key in curves)


def _figure(curves: dict[str, str], read: list[Run]) -> go.Figure:
    figure, several = go.Figure(), len(read) > 1
    for run, colours in zip(read, RUN_COLOURS, strict=False):
        for (key, label), colour in zip(curves.items(), colours, strict=False):
            points = [(row["kimg"], row[key]) for row in run.rows if key in row]
            if points:
                name = " · ".join([run.name] * several + [label] * (len(curves) > 1 or not several))
                figure.add_scatter(
                    x=[kimg for kimg, _ in points], y=[value for _, value in points], name=name, line_color=colour,
                    mode="lines+markers" if len(points) < 40 else "lines",
                )  # fmt: skip
            if points and key in run.floor:
                figure.add_hline(y=run.floor[key], line_dash="dot", line_color=colour)
        _mark_notes(figure, run, colours[0])
    return figure


def _mark_notes(figure: go.Figure, run: Run, colour: str) -> None:
    if run.notes:
        figure.add_scatter(
            x=[kimg for kimg, _ in run.notes], y=[0] * len(run.notes), text=[note for _, note in run.notes],
            mode="markers", marker={"symbol": "triangle-up", "size": 11, "color": colour}, hoverinfo="text",
            name=f"guard rails, {run.name}", showlegend=False,
        )  # fmt: skip


def show_closest(name: str, folder: Path) -> None:
    """The generated posters that come nearest to a training poster, drawn when asked for."""
    known = _looked_at(folder)
    if known is None or not known[1].closest:
        return
    part = st.expander(f"Nearest training posters of generated ones: {name}", key=f"closest_{name}", on_change="rerun")
    if part.open:
        with part:
            _show_pairs(*known)


def _show_pairs(place: Path, evaluated: Evaluation | Validation) -> None:
    checkpoint = gan.load(place)
    generator = checkpoint.need_generator()
    conditional = bool(generator.config.genres)
    with ui.progress_bar("Reading the posters, once") as progress:
        read = networks.checkpoint_posters(checkpoint, progress)
    found = None if read is None or read.other else read.posters
    pairs = evaluated.closest[:PAIRS]
    for column, pair in zip(st.columns(PAIRS), pairs, strict=False):
        with column:
            if not conditional:
                drawn = gan.to_uint8(networks.generate(generator, [pair.seed]))[0]
                ui.picture(drawn, f"seed {pair.seed}")
            _show_real(pair, found)
            st.caption(f"distance {pair.distance:.2f}; {pair.held_out:.0%} of the held-out posters lie as near to one")
    if conditional:
        st.caption("Each was generated for the genres of a random training poster, so its seed alone does not draw it.")
    if read is not None and read.other:
        st.caption("The posters that are loaded are not those of its training, so they are not shown here.")
    elif found is None:
        st.caption("Name the posters that it was trained on after `-- --posters` to see them here.")
    st.caption(
        f"The nearest of {evaluated.samples:,} generated posters among {evaluated.training:,} training posters, in "
        "the features of EfficientNet-Lite1. A copy would look like its neighbour, and hardly a held-out poster would "
        "lie as near."
    )


def _show_real(pair: ClosestPair, found: gan.PosterSet | None) -> None:
    if found is not None and pair.poster in found.names:
        ui.picture(gan.to_uint8(found.tensor([found.names.index(pair.poster)]))[0], pair.poster)
    else:
        st.caption(f"nearest: {pair.poster}")

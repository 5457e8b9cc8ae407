"""What training runs leave behind: metrics, notes, grids, curves, the posters nearest to training posters.

run = read("runs/first", folder)
show_state(run)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
import streamlit as st

import gan
from dashboard import charts, ui
from dashboard.cached import listing, networks, poster_sets
from dashboard.glossary import explanation
from dashboard.panels.figures import run_export
from dashboard.text import plain, plain_label
from gan.errors import counted
from gan.evaluation import validation
from gan.training.runs.folder import BEST, STATES, read_grids, read_stats
from gan.training.runs.guard_rails import COLLAPSED
from gan.training.runs.progress import RunProgress, read_progress, train_options
from xai.render import ORANGE_HEX, VIOLET_HEX

if TYPE_CHECKING:
    from gan.evaluation.report import Evaluation
    from gan.evaluation.samples.memorization import ClosestPair
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
# Only of runs that have them, by their presets: see STEP_METRICS of gan.training.step.
TERMS = {
    "Mean logits": {"logit_real": "real", "logit_fake": "generated"},
    "Regularisers of D, before their weights": {"r1": "R1", "r2": "R2", "lecam": "LeCam"},
    "Projected critic": {"critic_d": "its own loss", "critic_g": "what it adds to G's"},
    "Penalties of the critic, before their weights": {"critic_r1": "R1", "critic_r2": "R2"},
    "Distances of the critic's features": {
        "frechet": "Frechet", "imle": "to the closest poster", "genre_means": "of each genre's mean",
    },
    "Genres": {"genres_d": "of real posters", "genres_g": "of requested genres"},
}  # fmt: skip
# Of the series of each run: shades of orange, and of violet.
RUN_COLOURS = ((ORANGE_HEX, "#f5b83d", "#8a5a00"), (VIOLET_HEX, "#c4a5fc", "#5b21b6"))
PAIRS = 6
DEFAULT = "default_run"  # in the session: the run that the page opened with at its last visit
ALT = "64 generated posters, eight in a row"


@dataclass(frozen=True, eq=False)
class Run:
    """rows : of stats.jsonl. grids : by kimg. notes : (kimg, what the guard rails or a validation said).

    floor : what training posters get against held-out ones, by the metric's name; {} if unknown. samples : of these.
    validated : generated posters of each validation in the log, 0 if unknown. progress : how far it is.
    options : of its training, such as ``tick_kimg``; {} if unknown.
    """

    name: str
    rows: list[Row]
    grids: dict[float, Path]
    floor: dict[str, float]
    samples: int
    validated: int
    progress: RunProgress | None
    options: dict[str, Any]

    @property
    def notes(self) -> list[tuple[float, str]]:
        return [(row["kimg"], in_posters(str(row["note"]))) for row in self.rows if row.get("note")]


def in_posters(note: str) -> str:
    """A note of the log, which counts in kimg, in the page's words: "at 9.00 kimg" is "after 9.00 thousand posters"."""
    return re.sub(r"\bat ([\d.]+) kimg", r"after \1 thousand posters", note)


def read(name: str, folder: Path) -> Run:
    """Everything that a run has left so far."""
    floor: dict[str, float] = {}
    samples = 0
    try:
        floor, samples = _floor(folder)
    except gan.PosterLensError as error:
        st.warning(ui.message(error), icon=":material/error:")
    options = train_options(folder)
    validated, progress = options.get("eval_samples", 0), read_progress(folder)
    return Run(name, read_stats(folder), read_grids(folder), floor, samples, validated, progress, options)


def default_run(found: dict[str, Path], checkpoint: str | None) -> str:
    """The run that the page opens: one that is going, or else that of the chosen checkpoint, or else the first."""
    going = [name for name, folder in found.items() if is_going(folder)]
    return next(iter([*going, *([checkpoint] if checkpoint in found else []), *found]))


def follow(default: str) -> None:
    """Open the default run again when it has become another one: another checkpoint was chosen, or a run began."""
    before = st.session_state.get(DEFAULT)
    st.session_state[DEFAULT] = default
    if before is not None and before != default:
        st.session_state.pop("run", None)
        st.query_params.pop("run", None)


def is_going(folder: Path) -> bool:
    """Whether this run is going on now."""
    progress = read_progress(folder)
    return progress is not None and progress.state == "running"


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
        found = listing.evaluation(place)
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
    """How far a run is, whether it is going on, and what its best validation measured."""
    if run.progress is None:
        st.caption("The first line of its log is still to come.")
        return
    if not run.rows:
        st.info(
            f"It began {ui.duration(run.progress.silent)} ago. {_what_comes(run)} With *Live* on they appear here.",
            icon=":material/hourglass_top:",
        )
        return
    last, progress = run.rows[-1], run.progress
    validations = [(row["fd_lite1"], row["kimg"]) for row in run.rows if "fd_lite1" in row]
    with st.container(horizontal=True):
        target = "" if progress.target is None else f"of {ui.posters_shown(progress.target)}"
        _metric("Posters shown", ui.posters_shown(last["kimg"]), target)
        _metric("Updates", f"{last['step']:,}", "")
        _metric("Time", ui.duration(last["seconds"]), "")
        if validations:
            value, at = min(validations)
            count = f"{counted(run.validated, 'poster')}, " if run.validated else ""
            _metric("Best fd_lite1", f"{value:.0f}", f"{count}after {ui.posters_shown(at)}", explanation("fd_lite1"))
        else:
            _metric("Best fd_lite1", "not measured", _first_validation(run), explanation("fd_lite1"))
    _show_progress(progress)
    _warn_of_collapse(run.rows)


def _what_comes(run: Run) -> str:
    """When the first figures and the first pictures are to be expected."""
    tick, grid = (run.options.get(name) for name in ("tick_kimg", "grid_kimg"))
    if not tick or not grid:
        return "Figures and pictures come in a while."
    return f"Figures come every {_posters(tick)}, pictures every {_posters(grid)} and at the end."


def _first_validation(run: Run) -> str:
    """When the figure that was not measured so far will be, while the run is going on."""
    every, going = run.options.get("eval_kimg"), run.progress is not None and run.progress.state == "running"
    return f"every {_posters(every)}" if every and going else ""


def _posters(kimg: float) -> str:
    return counted(round(1000 * kimg), "poster")


def _metric(label: str, value: str, beside: str, explained: str | None = None) -> None:
    st.metric(label, value, beside or None, "off", delta_arrow="off", help=explained)


def _show_progress(progress: RunProgress) -> None:
    ago = f"last line {ui.duration(progress.silent)} ago"
    share = f"{progress.share:.0%} done" if progress.share is not None else ""
    if progress.state == "running":
        left = "" if progress.seconds_left is None else f", {ui.duration(progress.seconds_left)} left at this speed"
        st.progress(progress.share or 0.0, f"Running: {share}{left}; {ago}.")
    elif progress.state == "stopped":
        st.info(
            f"Stopped at {share}: {ago}. Go on with `python scripts/train.py --resume` and the run's folder.",
            icon=":material/pause_circle:",
        )
    elif progress.state == "finished":
        st.caption("This run is finished.")


def _warn_of_collapse(rows: list[Row]) -> None:
    """Say so where the last posters hardly differ from each other; early in a run that is usual."""
    variety = [row["diversity"] for row in rows if "diversity" in row]
    if not variety or variety[-1] >= COLLAPSED:
        return
    early = max(variety) <= COLLAPSED
    since = (
        "In the first ticks of a run that is usual; if it stays so, G has collapsed to few pictures."
        if early
        else "It was larger before: G has collapsed to few pictures."
    )
    st.warning(
        f"The generated posters hardly differ from each other: their variety is {variety[-1]:.2f} (real posters: 1). "
        f"{since}",
        icon=":material/content_copy:",
    )


def show_grids(run: Run) -> None:
    """The same seeds over time; before there are any, when they come."""
    if not run.grids:
        if run.rows and run.progress is not None and run.progress.state == "running":
            st.caption(f"No pictures yet. {_what_comes(run)}")
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
        st.image(run.grids[at].read_bytes(), f"after {captions[at]} thousand posters", width="stretch", alt=ALT)
    if times[0] > 0:
        st.caption(f"The first was drawn after {captions[times[0]]} thousand posters: of the start there is none.")


def _thousands(times: list[float]) -> dict[float, str]:
    """Words for these kimg: 45.008 would be taken for 45 million, so one decimal, where that tells them apart."""
    short = {kimg: f"{round(kimg, 1):g}" for kimg in times}
    return short if len(set(short.values())) == len(times) else {kimg: f"{kimg:g}" for kimg in times}


def show_notes(run: Run) -> None:
    """What the guard rails and failed validations left in the log."""
    if run.notes:
        st.markdown(f"**Notes of the run** ({len(run.notes)})")
        st.dataframe(
            [{"thousand posters": kimg, "note": note} for kimg, note in run.notes], hide_index=True,
            height=min(38 + 35 * len(run.notes), 250),
            column_config={"note": st.column_config.TextColumn(width="large")},
        )  # fmt: skip


def show_curves(read: list[Run]) -> None:
    """All curves that any of the runs has, on common axes."""
    known = {title: curves for title, curves in (CURVES | TERMS).items() if any(_has(run, curves) for run in read)}
    columns = [column for _ in range(0, len(known), 2) for column in st.columns(2)]
    for (title, curves), column in zip(known.items(), columns, strict=False):
        with column:
            several = len(curves) > 1 or len(read) > 1
            charts.show(
                _figure(curves, read), title, title, height=340, showlegend=several, yaxis_rangemode="tozero",
                legend={"orientation": "h", "y": -0.3, "yanchor": "top"}, xaxis_title="thousand posters shown",
            )  # fmt: skip
    if not known:
        return
    st.caption(
        "fd_lite1 and kid_lite1: distances of generated from held-out posters, in the features of EfficientNet-Lite1. "
        f"The Start page says what each figure means.{_about_counts(read)}"
    )
    missing = [title.split(" (")[0] for title in CURVES if title not in known]
    if missing:
        st.caption(f"Not measured so far: {'; '.join(missing)}.")
    counts = sorted({run.samples for run in read if run.floor})
    if counts:
        st.caption(
            f"Dotted: what {' or '.join(f'{count:,}' for count in counts)} real training posters get against held-out "
            "ones: a perfect generator would, too."
        )
    if any(run.notes for run in read):
        st.caption("Triangles below: notes of the run; point at one to read it.")


def _about_counts(read: list[Run]) -> str:
    """Of how many posters the curves are, and why the Start page's figures are others."""
    counts = sorted({run.validated for run in read if run.validated and _has(run, {"fd_lite1": ""})})
    if not counts:
        return ""
    return (
        f" Here {' or '.join(f'{count:,}' for count in counts)} generated posters at a time: an evaluation of the kept "
        "checkpoint takes more, and the more posters, the lower fd_lite1."
    )


def _has(run: Run, curves: dict[str, str]) -> bool:
    return any(key in row for row in run.rows for key in curves)


def _figure(curves: dict[str, str], read: list[Run]) -> go.Figure:
    figure, several = go.Figure(), len(read) > 1
    for run, colours in zip(read, RUN_COLOURS, strict=False):
        for (key, label), colour in zip(curves.items(), colours, strict=False):
            points = [(row["kimg"], row[key]) for row in run.rows if key in row]
            if points:
                name = " · ".join([plain_label(run.name)] * several + [label] * (len(curves) > 1 or not several))
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
            x=[kimg for kimg, _ in run.notes], y=[0] * len(run.notes),
            text=[plain_label(note) for _, note in run.notes],
            mode="markers", marker={"symbol": "triangle-up", "size": 11, "color": colour}, hoverinfo="text",
            name=f"guard rails, {plain_label(run.name)}", showlegend=False,
        )  # fmt: skip


def show_closest(name: str, folder: Path) -> None:
    """The generated posters that come nearest to a training poster, drawn when asked for."""
    known = _looked_at(folder)
    if known is None or not known[1].closest:
        return
    part = st.expander(
        f"Nearest training posters of generated ones: {plain(name)}", key=f"closest_{name}", on_change="rerun"
    )
    if part.open:
        with part:
            _show_pairs(*known)


def _show_pairs(place: Path, evaluated: Evaluation | Validation) -> None:
    from gan.checkpoints.folder import load

    checkpoint = load(place)
    generator = checkpoint.need_generator()
    conditional = bool(generator.config.genres)
    with ui.progress_bar("Reading the posters, once") as progress:
        read = poster_sets.checkpoint_posters(checkpoint, progress)
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
        f"The nearest of {counted(evaluated.samples, 'generated poster')} among "
        f"{counted(evaluated.training, 'training poster')}, in "
        "the features of EfficientNet-Lite1. A copy would look like its neighbour, and hardly a held-out poster would "
        "lie as near."
    )
    run_export.show_closest(checkpoint, pairs, found)


def _show_real(pair: ClosestPair, found: gan.PosterSet | None) -> None:
    if found is not None and pair.poster in found.names:
        ui.picture(gan.to_uint8(found.tensor([found.names.index(pair.poster)]))[0], pair.poster)
    else:
        st.caption(f"nearest: {plain(pair.poster)}")

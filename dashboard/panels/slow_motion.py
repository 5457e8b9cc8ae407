"""Slow motion: one update of D and of G on stage, with what D saw, whom it believed, and what it asks G to change.

seat = open_stage(choose_start())
show_step(stage, count=8)
show_curves(stage)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import plotly.graph_objects as go
import streamlit as st

import gan
from dashboard import charts, ui
from dashboard.cached import slow_motion
from dashboard.cached.slow_motion import CHECKPOINT, NOTHING, RUN, Seat, Wish
from dashboard.components.sprite_grid import sprite_grid
from dashboard.components.strips import Frame, strips
from dashboard.panels.figures import step_export
from dashboard.subject import selected
from dashboard.text import plain
from gan.errors import counted
from xai.render import GREY_HEX, ORANGE_HEX, VIOLET_HEX, shrink, sprite
from xai.report.words import sentence

if TYPE_CHECKING:
    from torch import Tensor

    from gan.training.slow_motion.stage import DStep, GStep, Stage, Verdicts

SEAT, PLAYING, MOVE = "stage_seat", "stage_playing", "stage_move"  # in the session
BATCHES, SHOWN = (8, 16, 32), (4, 8, 16)
# Seconds between two ticks, and whole steps before the one that is shown (None: as many as there is time for).
SPEEDS: dict[str, tuple[float, int | None]] = {
    "half a step": (2.5, 0),
    "1 step": (2.0, 0),
    "10 steps": (1.5, 9),
    "all it can": (1.2, None),
}
LONGEST = 1.0  # seconds of steps in one tick, before the one that is shown
POINTS = 400  # of a curve


def choose_start() -> Wish:
    """Where the stage begins, and with how many posters in a batch."""
    checkpoint = selected().unconditioned
    both = checkpoint is not None and checkpoint.generator is not None and checkpoint.discriminator is not None
    runs = slow_motion.runs_with_state()
    names = [NOTHING, *[CHECKPOINT] * both, *(f"{RUN} {name}" for name in runs)]

    def label(name: str) -> str:
        if name == NOTHING:
            return "from nothing, 32 × 32"
        return f"from {checkpoint.name}" if name == CHECKPOINT and checkpoint else name.replace(RUN, "from", 1)

    start = ui.choose("Begin", names, NOTHING, label, "stage", width=260)
    kind, _, run = start.partition(" ")
    if kind == RUN:
        return Wish(RUN, run, 0, 0)
    batch = st.segmented_control(
        "Batch", BATCHES, default=16, required=True, key="stage_batch", bind="query-params",
        help="Real posters, and generated ones, in each step.",
    )  # fmt: skip
    seed = st.number_input(
        "Seed of the run", 0, 9999, key="stage_seed", bind="query-params", width=150,
        help="Of the first weights, the order of posters and the noise: the same seed makes the same run.",
    )  # fmt: skip
    return Wish(kind, checkpoint.digest if kind == CHECKPOINT and checkpoint else "", int(batch or 16), int(seed))


def open_stage(wish: Wish) -> Seat:
    """The session's stage where it was left, paused, or a new one where another one is wished for."""
    seat: Seat | None = st.session_state.get(SEAT)
    if seat is None or seat.wish != wish:
        begin_again()  # before another one needs its memory
        seat = slow_motion.open_seat(wish, selected().unconditioned)
        st.session_state[SEAT] = seat
    if "stage_step_d" not in st.session_state:  # the button's, which goes when the page is left
        st.session_state[PLAYING] = False
    slow_motion.use(seat)
    return seat


def begin_again() -> None:
    """Put the stage away (for callbacks); the page opens a new one."""
    st.session_state.pop(SEAT, None)
    st.session_state.pop(MOVE, None)
    st.session_state[PLAYING] = False


# ---- Moving --------------------------------------------------------------------------------------------------


def act(stage: Stage) -> None:
    """Do what a button asked for. A second click on the way may ask for what cannot be done any more."""
    move = st.session_state.pop(MOVE, None)
    if move is None:
        return
    name, *arguments = move
    moves: dict[str, Callable[..., object]] = {
        "d": stage.step_d, "g": stage.step_g, "back": stage.restore, "save": stage.save,
    }  # fmt: skip
    with ui.error_boundary("The step"):
        moves[name](*arguments)


def _ask(*move: object) -> None:
    st.session_state[MOVE] = move


def show_controls(stage: Stage) -> None:
    """Buttons for the halves of a step, for playing, and for going back."""
    playing = st.session_state[PLAYING]
    done = stage.finished and not stage.between
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _button("Step D", "policy", not (playing or done or stage.between), _ask, "d", leads=True)
        _button("Step G", "brush", not playing and stage.between, _ask, "g", leads=True)
        if playing:
            _button("Pause", "pause", True, _set_playing, False)
        else:
            _button("Play", "play_arrow", not done, _set_playing, True)
        place, names = list(SPEEDS).index(_speed()), list(SPEEDS)
        _button("Slower", "fast_rewind", place > 0, _set_speed, names[place - 1])
        _button("Faster", "fast_forward", place < len(names) - 1, _set_speed, names[(place + 1) % len(names)])
    with st.container(horizontal=True, vertical_alignment="bottom"):
        default: dict[str, Any] = {} if "stage_speed" in st.session_state else {"default": names[1]}
        st.segmented_control(
            "Each tick of Play makes", names, required=True, key="stage_speed", bind="query-params", **default
        )
        _show_saved(stage, playing)


def _show_saved(stage: Stage, playing: bool) -> None:
    steps = stage.saved.steps
    step = st.selectbox(
        "Saved states", steps, len(steps) - 1, format_func=lambda step: f"step {step}", width=150, disabled=playing
    )
    _button("Go back", "history", not playing and (step != stage.state.steps or stage.between), _ask, "back", step)
    unsaved = stage.state.steps not in steps and not stage.between
    _button("Save this state", "bookmark_add", not playing and unsaved, _ask, "save")


def _button(
    word: str, icon: str, ready: bool, do: Callable[..., None], *arguments: object, leads: bool = False
) -> None:
    """A button that can be pressed where it is ``ready``; one that ``leads`` stands out then."""
    kind: Literal["primary", "secondary"] = "primary" if ready and leads else "secondary"
    key = f"stage_{word.lower().replace(' ', '_')}"
    st.button(word, key, icon=f":material/{icon}:", type=kind, disabled=not ready, on_click=do, args=arguments)


def _set_playing(playing: bool) -> None:
    st.session_state[PLAYING] = playing


def _speed() -> str:
    held = st.session_state.get("stage_speed", st.query_params.get("stage_speed"))
    return held if held in SPEEDS else list(SPEEDS)[1]


def _set_speed(speed: str) -> None:
    st.session_state["stage_speed"] = speed


def interval() -> float | None:
    """Seconds between two ticks; None while nothing plays."""
    return SPEEDS[_speed()][0] if st.session_state[PLAYING] else None


def play(stage: Stage) -> None:
    """One tick of playing: the last step of it is made by halves, so that it can be looked at."""
    if stage.between:
        stage.step_g()
    elif _speed() == "half a step":
        stage.step_d()
    else:
        unseen = SPEEDS[_speed()][1]
        stage.run(10**9 if unseen is None else unseen, LONGEST)
        if not stage.finished:
            stage.step_d()
            stage.step_g()
    if stage.finished and not stage.between:
        st.session_state[PLAYING] = False
        st.rerun()


# ---- What is shown -------------------------------------------------------------------------------------------


def show_step(stage: Stage, count: int) -> None:
    """The last half of a step: posters, verdicts, requests, changes."""
    d, g = stage.d_step, stage.g_step
    st.markdown(_headline(stage))
    if d is None:
        return
    st.header("Generated posters")
    marks = MARKS.get(stage.config.loss, COMPARING)
    st.caption(_about_fakes(g, marks))
    _show_fakes(d, g, count, marks)
    st.header("Real posters")
    st.caption(
        "The other half of what D sees in this step. D does not know which batch is which: it has to learn that."
    )
    _show_real(d, count, marks)


@dataclass(frozen=True)
class Marks:
    """What stands below a poster, by whether D is wrong about it. rule : what a logit says."""

    rule: str
    fake: tuple[str, str]
    real: tuple[str, str]


MARKS = {"bce": Marks("above 0 is real", ("✓ D says fake", "✗ fools D"), ("✓ D says real", "✗ D says fake"))}
COMPARING = Marks(  # of losses that compare a real and a generated poster
    "what counts is how far it is below that of the real poster at its place",
    ("✓ below its real poster", "✗ above its real poster"), ("✓ above its generated one", "✗ below its generated one"),
)  # fmt: skip


def _headline(stage: Stage) -> str:
    d, g = stage.d_step, stage.g_step
    made = f"**{sentence(counted(stage.state.steps, 'step'))} made.**"
    if d is None:
        begins = "" if stage.state.steps else " Below: what G draws before its first update."
        return f"{made} *Step D* shows D a batch of real and of generated posters, and updates it.{begins}"
    wrong, now = d.before.wrong, d.after.wrong
    posters = counted(2 * len(d.fake), "poster")
    if g is None:
        does = "D was right too often to be updated" if d.skipped else f"after its update about {now}"
        return (
            f"**Step {d.number}, D's half.** D's loss was {d.loss:.2f}: it was wrong about {wrong} of {posters}, "
            f"{does}. *Step G* follows the gradient below."
        )
    before, after, fakes = d.after, g.verdicts, counted(len(d.fake), "poster")
    return (
        f"**Step {d.number}, both halves.** G's loss was {g.loss:.2f}. With G's update D's mean logit of the same "
        f"noise went from {before.mean_fake:+z.2f} to {after.mean_fake:+z.2f}, and of its {fakes} {before.fooled} "
        f"fooled D before, {after.fooled} after it."
    )


def _about_fakes(g: GStep | None, marks: Marks) -> str:
    asks = (
        "*D asks*: minus the gradient of G's loss at each pixel, through D: orange to become lighter, purple darker; "
        "one scale for all."
    )
    if g is None:
        return f"From noise G draws a poster, and D gives it a logit: {marks.rule}. → is D's own update. {asks}"
    return (
        f"From noise G draws a poster, and D gives it a logit. {asks} *After*: the same noise after G's update, and "
        f"*change*: what that added, times the factor, on grey. G does not move pixels but weights, which all posters "
        f"share: the cosine between what was asked and what was done is {g.alignment.mean().item():.2f} on average."
    )


def _show_fakes(d: DStep, g: GStep | None, count: int, marks: Marks) -> None:
    import numpy as np

    from xai.discriminator.training_step import amplification, change_rgb, noise_rgb, request_rgb

    fakes = d.fake[:count]
    rows = [
        noise_rgb(d.z[:count], (fakes.shape[2], fakes.shape[3])),
        gan.to_uint8(fakes),
        request_rgb(d.asked[:count], fakes),
    ]
    factor = 1
    if g is not None:
        factor = amplification(g.changed[:count])
        rows += [gan.to_uint8(g.posters[:count]), change_rgb(g.changed[:count], factor)]
    shown = len(fakes)
    frames = [
        [
            Frame(
                place * shown + index, text, f"{what} of generated poster {index}: {text} {mark}".strip(), mark, wrong
            )
            for place, (what, text, mark, wrong) in enumerate(_fake_words(d, g, index, factor, marks))
        ]
        for index in range(shown)
    ]
    strips(sprite(shrink(np.concatenate(rows)), columns=shown), frames, "stage_fakes", "generated posters of this step")


def _fake_words(d: DStep, g: GStep | None, index: int, factor: int, marks: Marks) -> list[tuple[str, str, str, bool]]:
    """What stands below the pictures of a fake: what it is, words, D's mark, whether D is wrong."""
    fooled = bool(d.before.wrong_fake[index])
    words = [
        ("noise", "noise", "", False),
        ("drawing", _logits(d.before.logit_fake, d.after.logit_fake, index), marks.fake[fooled], fooled),
        ("request", "D asks", "", False),
    ]
    if g is not None:
        fooled = bool(g.verdicts.wrong_fake[index])
        after = f"after {g.verdicts.logit_fake[index].item():+z.2f}"
        words += [("drawing after the step", after, marks.fake[fooled], fooled)]
        words += [("change", f"change × {factor}, cosine {g.alignment[index].item():.2f}", "", False)]
    return words


def _logits(before: Tensor, after: Tensor, index: int) -> str:
    return f"{before[index].item():+z.2f} → {after[index].item():+z.2f}"


def _show_real(d: DStep, count: int, marks: Marks) -> None:
    verdicts: Verdicts = d.before
    real = gan.to_uint8(d.real[:count])
    frames = []
    for index in range(len(real)):
        wrong = bool(verdicts.wrong_real[index])
        mark = marks.real[wrong]
        text = _logits(verdicts.logit_real, d.after.logit_real, index)
        frames.append([Frame(index, text, f"real poster {index}: {text} {mark}", mark, wrong)])
    strips(sprite(shrink(real), columns=len(real)), frames, "stage_real", "real posters of this step")


def show_previews(stage: Stage) -> None:
    """The same seeds at every saved state."""
    import numpy as np

    st.header("The same noise at every saved state")
    steps = list(stage.previews)
    cells = [gan.to_uint8(stage.previews[step]) for step in steps]
    seeds = len(cells[0])
    labels = [f"step {step}, seed {seed}" for step in steps for seed in range(seeds)]
    sprite_grid(
        sprite(shrink(np.concatenate(cells)), columns=seeds), labels, "stage_previews",
        title="posters of the same seeds at every saved state", heads=[f"step {step}" for step in steps],
        smallest=32, largest=64, most="none",
    )  # fmt: skip
    st.caption(
        f"A state is saved every {counted(stage.every, 'step')}; of more than {stage.saved.most} those go that lie "
        "close together. *Go back* takes one up again exactly: what follows is what followed before, bit for bit."
    )


def show_curves(stage: Stage) -> None:
    """Losses, logits and accuracy of the steps made so far, with the saved states as triangles."""
    if not stage.history:
        return
    figures = {
        "Losses": {"loss_d": "D", "loss_g": "G"},
        "Mean logits": {"logit_real": "real", "logit_fake": "generated"},
        "Accuracy of D": {"accuracy_d": "real and generated"},
    }
    st.header("The steps so far")
    for column, (title, curves) in zip(st.columns(len(figures)), figures.items(), strict=True):
        with column:
            charts.show(
                _figure(stage, curves), title, f"stage_{title}", height=280, showlegend=len(curves) > 1,
                legend={"orientation": "h", "y": -0.3, "yanchor": "top"}, xaxis_title="step",
            )  # fmt: skip
    st.caption("Triangles: saved states. Dotted line: where the run is now.")
    step_export.show_history(stage)


def _figure(stage: Stage, curves: dict[str, str]) -> go.Figure:
    figure, steps = go.Figure(), sorted(stage.history)
    shown = steps[:: -(-len(steps) // POINTS)]
    for (key, name), colour in zip(curves.items(), (ORANGE_HEX, VIOLET_HEX), strict=False):
        figure.add_scatter(
            x=shown, y=[stage.history[step][key] for step in shown], name=name, line_color=colour,
            mode="lines" if len(shown) > 40 else "lines+markers",
        )  # fmt: skip
    saved = [step for step in stage.saved.steps if step]
    figure.add_scatter(
        x=saved, y=[0] * len(saved), mode="markers", marker={"symbol": "triangle-up", "size": 10, "color": GREY_HEX},
        name="saved", showlegend=False, hovertemplate="saved: step %{x}<extra></extra>",
    )  # fmt: skip
    figure.add_vline(x=stage.state.steps, line_dash="dot", line_color=GREY_HEX)
    return figure


def show_notes(seat: Seat, stage: Stage) -> None:
    """What this stage is, in one line."""
    config, size = stage.config, stage.state.generator.config.size
    sentences = [
        f"{counted(len(stage.loader.posters), 'poster')} of {size[1]} × {size[0]} pixels, {seat.posters}; batch "
        f"{config.batch}, learning rate {config.lr_g:g}; at most {counted(stage.length, 'step')}."
    ]
    if config.augment:
        sentences.append("D sees posters as in training, changed at random by DiffAugment.")
    if config.loss != "bce":
        sentences.append("D only compares: a pair is right where the real poster has the larger logit.")
    st.caption(plain(" ".join([*sentences, *stage.notes])))

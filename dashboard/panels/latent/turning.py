"""Several latent dimensions turned at once: in the browser, or on the server where the browser cannot.

show_turning(checkpoint, noise, latents.sensitivity(checkpoint, noise).rms, index)

What is turned stands in the address: ?turned=6:1.5,36:-2, with length:0.8 for a latent of another length.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

import gan
from dashboard import sidebar, ui
from dashboard.cached import networks
from dashboard.cached import turning as cached
from dashboard.components.turning import SHOWN, Start, turning
from dashboard.panels.figures import pins
from dashboard.panels.latent import exports
from dashboard.text import plain
from gan.errors import PosterLensError, counted
from xai.latents.turning import LARGEST, LONGEST, Turning
from xai.render import CHANGE, diverging, limit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from dashboard.cached.turning import Models
    from dashboard.subject import Noise

KEY = "turned"  # in the address
FAILED = "turning_failed"  # in the session: why the networks do not run in this browser
PINNED_BESIDE = "turning_shown"  # in the session: what was turned in the last run
ADDED = "turning_added"  # in the session: dimensions that were given a slider
LONGEST_REASON = 200  # characters


def show_turning(checkpoint: gan.Checkpoint, noise: Noise, influence: Tensor, chosen: int) -> None:
    """The poster with several dimensions set: what it was, what it is, the difference, and D's verdict on both.

    influence : (latent,), by which the sliders come. chosen : a dimension that has one in any case.
    """
    st.caption(
        "Move the sliders: the poster and D's verdict follow. Dimensions come by their influence: how much a small "
        "step of each changes this poster. What is set stands in the address, so that a link shows it to others."
    )
    _show(checkpoint, noise, influence, chosen)
    _offer_to_take(checkpoint, noise)


@st.fragment  # a word from the browser draws only this part of the page again
def _show(checkpoint: gan.Checkpoint, noise: Noise, influence: Tensor, chosen: int) -> None:
    turned, models = _turned(checkpoint), _models(checkpoint)
    order = influence.argsort(descending=True, stable=True).tolist()
    if models is None:
        _show_on_server(checkpoint, noise, turned, order, chosen)
    else:
        turning(
            models.packed, models.layers, Start(noise.name, noise.z.flatten().tolist(), checkpoint.config.size),
            [(index, float(influence[index])) for index in order], chosen, str(turned),
            lambda word: keep(Turning.parse(word, checkpoint.config.latent)), _fail, key="turning",
        )  # fmt: skip
    exports.show_turned(checkpoint, noise, str(turned))
    _follow_in_pin(str(turned))


def _follow_in_pin(word: str) -> None:
    """Where a turned poster is pinned, what is shown beside it follows: it stands outside of this part of the page."""
    pinned = pins.pinned()
    before = st.session_state.get(PINNED_BESIDE)
    st.session_state[PINNED_BESIDE] = word
    if pinned is not None and pinned.key == "turned" and before not in (None, word):
        st.rerun()


def keep(turned: Turning) -> None:
    """Put what is turned into the address (for callbacks)."""
    if turned:
        st.query_params[KEY] = str(turned)
    else:
        st.query_params.pop(KEY, None)


def _turned(checkpoint: gan.Checkpoint) -> Turning:
    """What the address says; what is none of this latent's is named and left out."""
    asked, count = st.query_params.get(KEY, ""), checkpoint.config.latent
    turned = Turning.parse(asked, count)
    if len(asked.split(",")) > len(str(turned).split(",")) or (asked and not turned):
        words = f"Not all of turned={asked} is for a latent of {counted(count, 'dimension')}; this page shows the rest."
        st.warning(plain(words))
    return turned


def _fail(reason: str) -> None:
    st.session_state[FAILED] = " ".join(reason.split())[:LONGEST_REASON]


def _models(checkpoint: gan.Checkpoint) -> Models | None:
    """The networks for the browser, or None and a sentence that says why they run on the server."""
    reason = st.session_state.get(FAILED)
    if reason is None:
        try:
            return cached.browser_models(checkpoint)
        except PosterLensError as error:
            reason = str(error)
    st.info(plain(f"The server computes these posters, each when a slider is released: {reason}"))
    return None


def _offer_to_take(checkpoint: gan.Checkpoint, noise: Noise) -> None:
    """A button that makes the turned poster the subject; what is turned is looked up when it is clicked."""

    def take() -> None:
        turned = Turning.parse(st.query_params.get(KEY, ""), checkpoint.config.latent)
        if turned:
            keep(Turning())
            name = f"{noise.name} with {turned}"
            sidebar.show_latent(checkpoint, name, cached.turned(checkpoint, noise, str(turned)).z)

    st.button("Take this poster to all pages", key="take_turned", icon=":material/arrow_forward:", on_click=take)


# ---- on the server -------------------------------------------------------------------------------------------


def _show_on_server(
    checkpoint: gan.Checkpoint, noise: Noise, turned: Turning, order: Sequence[int], chosen: int
) -> None:
    stage, controls = st.columns([6, 5], gap="medium")
    with stage:
        _show_pictures(checkpoint, noise, turned)
    with controls:
        _show_sliders(noise, turned, order, chosen)


def _show_sliders(noise: Noise, turned: Turning, order: Sequence[int], chosen: int) -> None:
    added = st.session_state.setdefault(ADDED, [])
    wanted = {*order[:SHOWN], chosen, *turned.values, *added}
    z = turned.of(noise.z)
    _slider("Length of the latent", "turning_length", (0.0, LONGEST), turned.length, turned.with_length)
    for index in [index for index in order if index in wanted]:
        slider, back = st.columns([6, 1], vertical_alignment="bottom")
        with slider:
            _slider(
                f"Dimension {index}", f"turning_{index}", (-LARGEST, LARGEST), float(z[0, index]),
                partial(turned.with_value, index),
            )  # fmt: skip
        back.button(
            "↺", key=f"turning_back_{index}", help=f"Reset dimension {index}", disabled=index not in turned.values,
            on_click=keep, args=(turned.with_value(index, None),),
        )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="bottom"):
        rest = [index for index in order if index not in wanted]
        st.selectbox(
            "Add a dimension", rest, None, key="turning_add", on_change=_add, placeholder="Dimension", width=160,
        )  # fmt: skip
        st.button("Reset all", on_click=keep, args=(Turning(),), disabled=not turned)
        st.button("All to zero", on_click=keep, args=(Turning(length=0.0),))


def _slider(
    label: str, key: str, ends: tuple[float, float], value: float, with_value: Callable[[float], Turning]
) -> None:
    """A slider that stands where the address says, and changes it."""
    value = min(max(round(value, 2), ends[0]), ends[1])
    if st.session_state.get(key) != value:
        st.session_state[key] = value
    st.slider(label, *ends, step=0.01, key=key, on_change=lambda: keep(with_value(st.session_state[key])))


def _add() -> None:
    index = st.session_state["turning_add"]
    if index is not None:
        st.session_state[ADDED].append(index)
        st.session_state["turning_add"] = None


def _show_pictures(checkpoint: gan.Checkpoint, noise: Noise, turned: Turning) -> None:
    now, start = (cached.turned(checkpoint, noise, word) for word in (str(turned), ""))
    pictures = (
        (gan.to_uint8(now.poster)[0], "the poster now"),
        (gan.to_uint8(start.poster)[0], f"the start: {noise.name}"),
        (diverging(now.change, limit(now.change, 1.0), CHANGE), "the difference: orange brighter, purple darker"),
    )
    for column, (pixels, caption) in zip(st.columns([2, 1, 1]), pictures, strict=True):
        with column:
            ui.picture(pixels, caption)
    if now.logit is not None and start.logit is not None:
        if checkpoint.config.classes:
            st.markdown(f"Explained: {plain(networks.score(checkpoint).meaning.name)}, **{now.logit:+z.2f}**")
        else:
            ui.verdict(now.logit, now.probability)
        st.caption(f"At the start the logit was {start.logit:+z.2f}.")

"""The poster that a page is about, with its verdict and its controls, kept in sight on a phone.

    poster_strip.show(subject)          # before the page

In a wide window the sidebar shows all this, and the strip takes no room; on a phone the sidebar is closed, and the
strip stays at the top, beside the button that opens the sidebar, while the page is scrolled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import sidebar
from dashboard.cached import poster_sets
from dashboard.subject import GENERATED, POSTER
from dashboard.text import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from dashboard.subject import Subject

# Streamlit's header, beside which the strip stands, is 3.75rem high at z-index 999990, its open sidebar above that.
SIDE = 56  # pixels of the picture's width
STYLE = """<style>
@media (min-width: 769px) { :has(> .st-key-poster_strip) { display: none; } }
:has(> .st-key-poster_strip) { position: sticky; top: 0; z-index: 999990; margin-left: 2.75rem;
  width: calc(100% - 2.75rem); }
.st-key-poster_strip { background: light-dark(#fff, #0f1116); height: 3.75rem; gap: 0.4rem; flex-wrap: nowrap; }
.st-key-poster_strip img { border-radius: 2px; max-height: 3.5rem; width: auto !important; }
.st-key-poster_strip [data-testid="stMarkdownContainer"] p { font-size: 0.85rem; line-height: 1.3; margin: 0; }
.st-key-poster_strip [data-testid="stMarkdownContainer"] { margin-bottom: 0; }
.st-key-poster_strip button { padding: 0.25rem; min-width: 2.75rem; min-height: 2.75rem; }
.st-key-poster_strip button [data-testid="stMarkdownContainer"] {
  position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
</style>"""


def show(subject: Subject) -> None:
    """The strip; for an upload, or a latent without a seed, without the controls."""
    from xai.render import png

    st.html(STYLE)
    with st.container(key="poster_strip", horizontal=True, vertical_alignment="center", gap="small"):
        st.image(png(subject.pixels), width=SIDE, output_format="PNG", alt=f"the poster, {subject.name}")
        with st.container(gap=None):
            st.markdown(f"**{plain(subject.name)}**  \n{_verdict(subject)}")
        if subject.kind == GENERATED:
            _show_controls("seed", sidebar.MOST_SEED, sidebar.show_seed)
        elif subject.kind == POSTER and (posters := poster_sets.posters(subject.checkpoint)) is not None:
            _show_controls("poster", len(posters) - 1, sidebar.show_poster)


def _verdict(subject: Subject) -> str:
    if subject.logit is None:
        return "no verdict"
    if subject.classes:
        name, probability = next(iter(subject.classes.items()))
        return f"**{plain(name)}** {probability:.0%}"
    from xai.report.words import verdict

    word, number, _ = verdict(subject.logit)
    colour = {"real": "red", "fake": "blue"}[word]
    return f":{colour}[**{word}**], logit {number}"


def _show_controls(key: str, most: int, go_to: Callable[[int], None]) -> None:
    value = int(st.session_state.get(key, 0))
    for label, icon, step in (("Previous", "chevron_left", -1), ("Next", "chevron_right", 1)):
        to = value + step
        st.button(
            f"{label} {key}", key=f"strip_{label}", icon=f":material/{icon}:", disabled=not 0 <= to <= most,
            on_click=go_to, args=(to,), width="content",
        )  # fmt: skip
    st.button(
        f"Another {key}", key="strip_another", icon=":material/casino:", on_click=sidebar.roll, args=(key, most),
        width="content",
    )  # fmt: skip

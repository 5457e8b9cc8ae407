"""What takes minutes: offered by a button, made by the server's queue, shown with its place and progress meanwhile.

jobs.offer("Nobody has measured the latents.", "Measure", "Painting posters", order_of("latents", checkpoint), "key")
"""

from __future__ import annotations

import streamlit as st

from dashboard import ui
from dashboard.jobs import server
from dashboard.jobs.runner import Order, Seen
from gan.errors import counted

EVERY = 1.0  # seconds between two looks at a job
STAYS = "It goes on while you look at other pages here, and ends when you close this window."


def offer(why: str, label: str, doing: str, order: Order, key: str) -> None:
    """Say that a study has not been made, and offer to have it made; or show how far it is."""
    seen = server.runner().watch(order, server.session())
    if seen is not None and seen.mine:
        _follow(doing, order, key)
        return
    st.info(why)
    if seen is not None and seen.failure:
        st.warning(ui.message(seen.failure), icon=":material/error:")
    elif seen is not None:
        st.caption(f"It goes on for {counted(seen.others, 'other person', 'other people')}.")
    if st.button(label, key=key):
        with ui.error_boundary("Asking for it"):
            server.runner().ask(order, server.session())
            st.rerun()


@st.fragment(run_every=EVERY)
def _follow(doing: str, order: Order, key: str) -> None:
    """How far it is, drawn again every second by itself; the page is drawn again when it is over."""
    seen = server.runner().watch(order, server.session())
    if seen is None or not seen.mine:
        st.rerun()
    st.progress(seen.part, _words(doing, seen))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Cancel", key=f"{key}_cancel", on_click=server.runner().leave, args=(order, server.session()))
        st.caption(STAYS)


def _words(doing: str, seen: Seen) -> str:
    others = f"; {counted(seen.others, 'other person waits', 'other people wait')} for it, too" * bool(seen.others)
    if not seen.running:
        return f"{doing}: waiting, {counted(seen.before, 'job')} before it{others}"
    return ui.so_far(doing, seen.part, seen.seconds) + others

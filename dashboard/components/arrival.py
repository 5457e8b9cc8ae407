"""Brings an answer into sight that stands far from the click, or the link, that asked for it.

    arrival.place("analyses", by_link="lab")     # a page, just before the answer: a link with ?lab=... leads here
    arrival.call("analyses")                     # a callback: the next run scrolls there

The browser scrolls once for each call, follows while what stands above is still coming, and stops at the first touch.
"""

from __future__ import annotations

import streamlit as st

TURN = "arrival_"  # in the session, with the place's name: the number of its last call in this visit; 0 for none
COUNT = "arrivals"  # in the session: calls so far
JS = """
const FOLLOWED = 6000;  // milliseconds
const TOUCHES = ['wheel', 'touchstart', 'keydown', 'pointerdown'];
export default function ({ data, parentElement }) {
  const place = parentElement.host ?? parentElement;
  if (!data.turn || place.turn === data.turn) return;
  place.turn = data.turn;
  place.style.scrollMarginTop = '4.5rem';  // below the app's own header
  const end = Date.now() + FOLLOWED, turn = data.turn;
  let touched = false;
  const touch = () => { touched = true; };
  TOUCHES.forEach((kind) => window.addEventListener(kind, touch, { passive: true, capture: true }));
  const follow = () => {
    if (touched || Date.now() > end || place.turn !== turn) {
      TOUCHES.forEach((kind) => window.removeEventListener(kind, touch, { capture: true }));
      return;
    }
    place.scrollIntoView({ block: 'start' });
    setTimeout(follow, 150);
  };
  follow();
}
"""

_mount = st.components.v2.component("posterlens_arrival", js=JS)


def place(name: str, visit: str, by_link: bool = False) -> None:
    """Where to scroll to.

    visit : key of a control that stands on the page as long as it is open. by_link : whether a link that sets this
    control leads here.
    """
    if visit not in st.session_state:  # the page was opened now
        st.session_state[TURN + name] = 0
        if by_link and visit in st.query_params:
            call(name)
    _mount(key=f"arrival_at_{name}", data={"turn": st.session_state.get(TURN + name, 0)})


def call(name: str) -> None:
    """Scroll to this place in the next run (for callbacks)."""
    st.session_state[COUNT] = st.session_state[TURN + name] = st.session_state.get(COUNT, 0) + 1

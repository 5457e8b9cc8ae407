"""Ways from one page to another, in a state.

``going.to("generator", {"lab": DRIVEN})`` opens the page; ``going.arrive(page)``, early in each run, sees to it that it
does: the browser may ask once more for the page that it still shows, with the address that it still has, when a
component tells what it measured, or somebody clicks. That undoes the way, and it is taken again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import streamlit as st

from dashboard.pages import PAGES

WAY = "way"  # in the session, while a page is being opened
PAGE = "way_from"  # in the session: the page that runs
MOST_TRIES = 5  # to open a page, each of which the browser may undo


@dataclass(frozen=True)
class Way:
    """left : the page that it leads from. page : that is to open, with its parameters ``query``. tries : so far."""

    left: str
    page: str
    query: Mapping[str, str]
    tries: int = 1


def to(page: str, query: Mapping[str, str]) -> None:
    """Open a page with these parameters; what the sidebar has chosen stays. Nothing after this runs."""
    _take(Way(st.session_state[PAGE], page, query))


def arrive(page: str) -> None:
    """Where the page that was left runs once more, or the one that was to open without its parameters, go there again.

    page : the one that runs. Whoever has chosen a third one meanwhile stays there.
    """
    st.session_state[PAGE] = page
    way = st.session_state.pop(WAY, None)
    if way is None or way.tries >= MOST_TRIES:
        return
    if page == way.left or (page == way.page and not says(way.query)):
        _take(replace(way, tries=way.tries + 1))


def says(query: Mapping[str, str | Sequence[str]]) -> bool:
    """Whether the address has these parameters; before controls are drawn, which would change it."""
    return all(
        st.query_params.get_all(name) == ([value] if isinstance(value, str) else list(value))
        for name, value in query.items()
    )


def _take(way: Way) -> None:
    st.session_state[WAY] = way
    st.switch_page(PAGES[way.page].path, query_params=dict(way.query))

"""What was added to the report in this session, in its order, each with a note.

items.add(figure)
items.entries()[0].note
items.move(0, 1), items.remove(1)
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from xai.figures.figure import Figure
    from xai.report.study_report import Entry

KEY = "report_items"  # in the session
MOST = 60  # a report of more is no report, and the session holds their pictures


def entries() -> tuple[Entry, ...]:
    """All of them."""
    found: tuple[Entry, ...] = st.session_state.get(KEY, ())
    return found


def add(figure: Figure) -> bool:
    """Put a figure at the end; False where there are too many."""
    from xai.report.study_report import Entry

    if len(entries()) >= MOST:
        return False
    st.session_state[KEY] = (*entries(), Entry.of(figure))
    return True


def annotate(place: int, note: str) -> None:
    """Give one of them a note."""
    _put([replace(one, note=note) if index == place else one for index, one in enumerate(entries())])


def move(place: int, by: int) -> None:
    """Change places with the one ``by`` further on, where there is one."""
    found, other = [*entries()], place + by
    if 0 <= other < len(found):
        found[place], found[other] = found[other], found[place]
    _put(found)


def remove(place: int) -> None:
    """Take one away."""
    _put([one for index, one in enumerate(entries()) if index != place])


def _put(found: list[Entry]) -> None:
    st.session_state[KEY] = tuple(found)

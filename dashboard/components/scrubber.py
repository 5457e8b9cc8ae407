"""Scrub through every latent dimension of one poster: one sprite, and nothing is sent to the server on the way.

Drag over the picture, or move the slider, to set the value; click a square, or use the arrow keys, to choose another
dimension. Only a click on a square, or Enter, reports to the page. A notebook shows the same by the same script
(xai/widgets).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard.components import media
from dashboard.components.triggers import trigger_value
from xai.widgets.browser import browser_text

if TYPE_CHECKING:
    from xai.widgets.sheet import Sheet

JS = """
export default function ({ data, parentElement, setTriggerValue }) {
  parentElement.scrubber ??= mount(parentElement, (dimension) => parentElement.keep(dimension));
  parentElement.keep = (dimension) => setTriggerValue('kept', dimension);
  parentElement.scrubber.show(data);
}
"""

_mount = st.components.v2.component(
    "posterlens_scrubber", css=browser_text("scrubber.css"), js=browser_text("scrubber.js") + JS
)


def scrubber(sheet: Sheet, influence: Sequence[float], chosen: int, on_keep: Callable[[int], Any], key: str) -> None:
    """Show the scrubber, which begins with the poster itself, and to which Reset goes back.

    ``influence`` (0 to 1) colours the squares, ``chosen`` is looked at first; ``on_keep`` is called with the dimension
    that was clicked, before the page runs again.
    """
    from xai.widgets.sheet import MIMETYPE

    def kept() -> None:
        value = trigger_value(key, "kept")
        if value is not None and 0 <= int(value) < len(sheet.now):
            on_keep(int(value))

    uri = media.address(sheet.content, MIMETYPE, key)
    _mount(key=key, data=sheet.state(uri, influence, chosen), on_kept_change=kept)

"""Values of a component's triggers: ``trigger_value("turning", "failed")`` in its callback."""

from __future__ import annotations

from typing import Any

import streamlit as st


def trigger_value(key: str, name: str) -> Any:
    """What the component with this key has sent by the trigger of this name.

    None where it is no longer, or not yet, on the page: a browser that is slower than the server sends what nobody
    waits for any more, and the callback is run all the same.
    """
    return getattr(st.session_state.get(key), name, None)

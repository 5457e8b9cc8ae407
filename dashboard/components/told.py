"""What a component tells the server.

told("turning", "failed")           # in the component's callback: the value of its trigger, or None
"""

from __future__ import annotations

from typing import Any

import streamlit as st


def told(key: str, name: str) -> Any:
    """What the component with this key has told under this name.

    None where it is no longer, or not yet, on the page: a browser that is slower than the server sends what nobody
    waits for any more, and the callback is run all the same.
    """
    return getattr(st.session_state.get(key), name, None)

"""Addresses under which the browser fetches what a component shows.

    media.address(png(sheet.pixels), "image/png", key="atlas")          # /media/0f3a….png

What a component's ``data`` holds is sent again whenever a word of it changes; an address is short, and stays the same
for the same bytes, so the browser fetches a sheet once.
"""

from __future__ import annotations

import streamlit as st
from streamlit import runtime


def address(content: bytes, mimetype: str, key: str) -> str:
    """Hand ``content`` to Streamlit's server of media files, as st.image does, and return its address.

    ``key`` is the component's: the bytes are kept while the page shows it.
    """
    path = runtime.get_instance().media_file_mgr.add(content, mimetype, f"posterlens-{key}")
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}{path}" if base else path

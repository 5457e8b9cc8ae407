"""Links of the version before: the words in addresses that have changed since, in this one place.

    ?lab=What feeds it     opens     ?lab=Inputs to this filter

Kept for one version; the table may then be emptied.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from streamlit.navigation.page import StreamlitPage

PARAMETERS: dict[str, str] = {}
VALUES: dict[str, dict[str, str]] = {}  # by the parameter's new name


def renewed(query: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """A query in today's words."""
    new: dict[str, list[str]] = {}
    for old, values in query.items():
        name = PARAMETERS.get(old, old)
        new[name] = [VALUES.get(name, {}).get(value, value) for value in values]
    return new


def follow_old(page: StreamlitPage) -> None:
    """Where the address is in old words, open the same page in new ones."""
    query = {name: st.query_params.get_all(name) for name in st.query_params}
    new = renewed(query)
    if new != query:
        st.switch_page(page, query_params=new)

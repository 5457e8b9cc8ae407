"""Links of the version before: the words in addresses that have changed since, in this one place.

    ?lab=What feeds it     opens     ?lab=Inputs to this filter

Kept for one version; both tables may then be emptied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from streamlit.navigation.page import StreamlitPage

PARAMETERS: dict[str, tuple[str, ...]] = {
    "wired_value": ("dimension",),
    "of_what": ("statistic",),
    "set": ("prune_by",),
    "samples": ("lime_samples",),
    "map_layer": ("gradcam_layer", "activation_layer"),
    "map_unit": ("activation_unit",),
}
VALUES: dict[str, dict[str, str | None]] = {  # by the parameter's new name; None: the default
    "lab": {
        "What feeds it": "Inputs to this filter",
        "What a value drives": "What a dimension drives",
        "Who made this region": "What contributes to this region",
        "Paint with it": "Paint with this filter",
    },
    "removal": {"another's": "resample"},
    "brush_value": {"its mean": "at its mean", "as strong as it gets": "at its maximum"},
    "more": {"References": "Baselines", "Take it home": "Export"},
    "reference": {
        "a plain grey picture": "grey",
        "a black picture": "black",
        "a white picture": "white",
        "the poster itself, strongly blurred": "blur",
        "the average poster": "mean",
        "several real posters": "posters",
        "several generated posters": "generated",
        "pictures of your own": "own",
    },
    "family": {
        "regressed on what is wanted": "regression on a statistic",
        "slopes of the picture": "Jacobian of the picture",
    },
    "prune_by": {"share": "proportion"},
    "activation_unit": {"-1": None},
}


def renewed(query: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """A query in today's words."""
    new: dict[str, list[str]] = {}
    for old, values in query.items():
        for name in PARAMETERS.get(old, (old,)):
            words = (VALUES.get(name, {}).get(value, value) for value in values)
            kept = [word for word in words if word is not None]
            if kept:
                new[name] = kept
    return new


def follow_old(page: StreamlitPage) -> None:
    """Where the address is in old words, open the same page in new ones."""
    query = {name: st.query_params.get_all(name) for name in st.query_params}
    new = renewed(query)
    if new != query:
        st.switch_page(page, query_params=new)

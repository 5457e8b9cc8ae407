"""Links: the words of the version before, and a line for what a link asks for and is not here.

    ?lab=What feeds it     opens     ?lab=Inputs to this filter
    ?checkpoint=gone       "The checkpoint that was asked for, gone, is not here; this page shows dcgan-64."

Old words are kept for one version; both tables may then be emptied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import streamlit as st

from dashboard.text import plain
from dashboard.ui import GONE

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
        "Strongest and weakest": None,  # in the filter's card
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
            kept = [method_title(word) if name == METHODS else word for word in words if word is not None]
            if kept:
                new[name] = kept
    return new


def method_title(name: str) -> str:
    """What the page calls a method of this name: a link may say ``deeplift`` as scripts do, or ``DeepLIFT``."""
    import xai  # most links name no method, and open without it

    method = xai.METHODS.get(name)
    return name if method is None else method.title


def follow_old(page: StreamlitPage) -> None:
    """Where the address is in old words, open the same page in new ones."""
    query = {name: st.query_params.get_all(name) for name in st.query_params}
    new = renewed(query)
    if new != query:
        st.switch_page(page, query_params=new)


SUBJECT = (
    "checkpoint",
    "class",
    "genres",
    "source",
    "seed",
    "poster",
)  # what the sidebar chooses, as the address calls it


def subject_query() -> dict[str, list[str]]:
    """What of the address says which poster the pages are about."""
    return {name: st.query_params.get_all(name) for name in SUBJECT if name in st.query_params}


def address(page: str, query: Mapping[str, str]) -> str:
    """Where a page opens about the same poster, with these choices, in a window of its own."""
    return rooted(f"{page}?{urlencode({**subject_query(), **query}, doseq=True)}")


def rooted(link: str) -> str:
    """An address within the app, such as "compare?seed=3", from the server's root.

    Only a window of its own shows all that it says: in the same one, what an address leaves out is not the default but
    stays as it is.
    """
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"{'/' + base if base else ''}/{link}"


METHODS = "methods"  # the control whose values have a title each
ASKED = "asked"  # in the session: what the link that opened it asks for and no control has taken up yet
WORDS = {
    "d_layer": "layer", "g_layer": "layer", "target_layer": "layer", "d_unit": "filter", "g_unit": "filter",
    "target_unit": "filter", "latent": "latent dimension", "dimension": "latent dimension", "lab": "analysis",
    "noise": "analysis", "more": "section", "with": "run to compare with", "poster": "poster number",
    "d_lab": "analysis", "d_map": "map", "d_sort": "order", "d_scope": "layers", "d_by": "replacement",
    "exemplars": "kind of poster", "patches": "view", "source": "kind of poster",
    "percent": "percentage", "by": "method", "to_seed": "seed to walk to",
}  # fmt: skip
# Defaults that an address calls by other words than the program; Streamlit takes a default out of the address.
DEFAULTS = {("measured", "regression on a statistic"), ("strong", "at its maximum")}


def remember() -> None:
    """In a session's first run: keep what its link asks for, before controls correct the address."""
    if ASKED not in st.session_state:
        st.session_state[ASKED] = {name: st.query_params.get_all(name) for name in st.query_params}


def show_missing() -> None:
    """One line for each control that could not take what was asked for, as long as it shows what it took instead."""
    pending, gone = st.session_state.get(ASKED, {}), st.session_state.setdefault(GONE, {})
    for key in [key for key in pending if key in st.session_state]:
        asked = pending.pop(key)
        if not is_same(asked, st.session_state[key]) and st.query_params.get_all(key) != asked:
            gone[key] = asked
    shown = st.session_state.setdefault(f"{GONE}_shown", {})
    for key in list(gone):
        now = st.session_state.get(key)
        if key not in st.session_state or shown.setdefault(key, now) != now:
            del gone[key], shown[key]
        else:
            st.warning(_sentence(key, gone[key], now))


def is_same(asked: Sequence[str], value: Any) -> bool:
    """Whether a control's value is what an address asks for."""
    if isinstance(value, list | tuple):
        return len(asked) == len(value) and all(map(is_same, [[one] for one in asked], value))
    word = asked[-1]
    if isinstance(value, bool):
        return word.lower() == str(value).lower()
    if isinstance(value, int | float):
        try:
            return float(word.split(" ")[0]) == float(value)  # "8 px"
        except ValueError:
            return False
    return word in ("" if value is None else str(value), str(value).replace("_", " ")) or (value, word) in DEFAULTS


def _sentence(key: str, asked: Sequence[str], value: Any) -> str:
    values = value if isinstance(value, list | tuple) else [] if value is None else [value]
    shown = [method_title(str(one)) if key == METHODS else str(one) for one in values]
    instead = ", ".join(shown) or "none"
    name = WORDS.get(key, key.replace("_", " "))
    if not isinstance(value, list | tuple):
        return plain(f"The {name} that was asked for, {', '.join(asked)}, is not here; this page shows {instead}.")
    missing = [one for one in asked if one not in shown] or asked
    return plain(f"Not all {name} that were asked for are here ({', '.join(missing)}); this page shows {instead}.")

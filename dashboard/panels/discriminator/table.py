"""The table of all filters of a discriminator, to sort, search and download; a click goes to one.

table.show(found, checkpoint.name)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import streamlit as st

from dashboard.panels.discriminator.filter_card import BADGES
from xai.discriminator.filters.evidence import SAYS, SAYS_RULE, UNUSED_RULE

if TYPE_CHECKING:
    from xai.discriminator.filters.table import DiscriminatorTable

PERCENT = "%.1f%%"
# Heading, width in pixels, format, explanation: the first ones fit into a window of 1280 pixels.
COLUMNS: dict[str, tuple[str, int, str | None, str]] = {
    "layer": ("Layer", 80, None, ""),
    "unit": ("Filter", 56, None, ""),
    "says": ("Says", 88, None, "What it says when it fires."),
    "logit_effect": ("Adds", 64, "%+.3f", "Logits, where it fires more than elsewhere."),
    "logit_effect_low": ("from", 64, "%+.3f", "Lower end of that interval."),
    "logit_effect_high": ("to", 64, "%+.3f", "Upper end of that interval."),
    "auc": ("AUC", 56, "%.2f", "How often its largest response is higher on a real poster than on a generated one."),
    "auc_low": ("from", 56, "%.2f", "Lower end of that interval."),
    "auc_high": ("to", 56, "%.2f", "Upper end of that interval."),
    "proportion": ("Part", 60, PERCENT, "Of what all filters of its layer contribute, over all verdicts."),
    "concept": ("Concept", 110, None, "What it stands for, where two proofs agree."),
    "unused": ("Unused", 64, None, "It fires, and the logit hardly depends on it."),
    "link": ("Link", 54, None, "Opens this filter; it can be copied and kept."),
    "agreeing": ("Agree", 60, PERCENT, "Posters on which it fires and says the same."),
    "activation_rank": ("By response", 90, None, "Rank in its layer."),
    "contribution_rank": ("By contribution", 110, None, "Rank in its layer."),
    "active": ("Active", 60, PERCENT, "Posters on which its largest response is above 0."),
    "strength": ("Strength", 70, "%.2f", "Mean of its largest response."),
}
PINNED = ("layer", "unit")  # they stay where they are when the others are scrolled


def show(table: DiscriminatorTable, checkpoint: str) -> None:
    """All filters with what they say; a click goes to one."""
    counts = table.counts()
    st.markdown(" ".join(f":{BADGES[said]}-badge[{said} {counts[said]}]" for said in SAYS if counts[said]))
    rows = [_row(row, checkpoint) for row in table.rows()]

    def follow() -> None:
        chosen = st.session_state["d_table"].selection.rows
        if chosen:
            st.session_state["d_layer"], st.session_state["d_unit"] = rows[chosen[0]]["layer"], rows[chosen[0]]["unit"]

    st.dataframe(
        rows, hide_index=True, height=420, on_select=follow, selection_mode="single-row", key="d_table",
        column_order=[name for name in COLUMNS if name in rows[0]],
        column_config={name: _column(name) for name in COLUMNS},
    )  # fmt: skip
    st.caption(
        "Click a heading to sort, a row to go there; scroll sideways for the columns that do not fit. The table can be "
        f"searched and downloaded at its upper right corner. {SAYS_RULE} {UNUSED_RULE}"
    )


def _row(row: dict[str, Any], checkpoint: str) -> dict[str, Any]:
    shown = {name: 100 * row[name] if COLUMNS[name][2] == PERCENT else row[name] for name in COLUMNS if name in row}
    query = urlencode({"checkpoint": checkpoint, "d_layer": row["layer"], "d_unit": row["unit"]})
    return shown | {"link": f"discriminator?{query}"}


def _column(name: str) -> Any:
    heading, width, style, meaning = COLUMNS[name]
    shape: dict[str, Any] = {"width": width, "help": meaning or None, "pinned": name in PINNED}
    if name == "link":
        return st.column_config.LinkColumn(heading, display_text="open", **shape)
    if name == "unused":
        return st.column_config.CheckboxColumn(heading, **shape)
    if style is None:
        return st.column_config.Column(heading, **shape)
    return st.column_config.NumberColumn(heading, format=style, **shape)

"""The table of all filters of a discriminator.

table.show(found, concepts, checkpoint.name)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard.panels import unit_table
from dashboard.panels.discriminator.filter_card import BADGES
from dashboard.panels.unit_table import Column
from xai.discriminator.filters.evidence import SAYS, SAYS_RULE, UNUSED_RULE

if TYPE_CHECKING:
    from xai.discriminator.concepts.table import ConceptTable
    from xai.discriminator.filters.table import DiscriminatorTable

PERCENT = "%.1f%%"
COLUMNS = {  # the first ones fit into a window of 1280 pixels
    "layer": Column("Layer", 76),
    "unit": Column("Filter", 52),
    "says": Column("Says", 80, None, "What it says when it fires."),
    "logit_effect": Column("Adds", 60, "%+.3f", "Logits, where it fires more than elsewhere."),
    "logit_effect_low": Column("from", 60, "%+.3f", "Lower end of that interval."),
    "logit_effect_high": Column("to", 60, "%+.3f", "Upper end of that interval."),
    "auc": Column(
        "AUC", 52, "%.2f", "How often its largest response is higher on a real poster than on a generated one."
    ),
    "auc_low": Column("from", 52, "%.2f", "Lower end of that interval."),
    "auc_high": Column("to", 52, "%.2f", "Upper end of that interval."),
    "proportion": Column("Part", 56, PERCENT, "Of what all filters of its layer contribute, over all verdicts."),
    "concept": Column("Concept", 110, None, "What it stands for, where two proofs agree."),
    "unused": Column("Unused", 64, None, "It fires, and the logit hardly depends on it."),
    "link": Column("Link", 54, None, "Opens this filter; it can be copied and kept."),
    "agreeing": Column("Agree", 60, PERCENT, "Posters on which it fires and says the same."),
    "activation_rank": Column("By response", 90, None, "Rank in its layer."),
    "contribution_rank": Column("By contribution", 110, None, "Rank in its layer."),
    "active": Column("Active", 60, PERCENT, "Posters on which its largest response is above 0."),
    "strength": Column("Strength", 70, "%.2f", "Mean of its largest response."),
}


def show(table: DiscriminatorTable, concepts: ConceptTable | None, checkpoint: str) -> None:
    """All filters with what they say and stand for; a click goes to one."""
    counts, named = table.counts(), {} if concepts is None else concepts.by_filter()
    st.markdown(" ".join(f":{BADGES[said]}-badge[{said} {counts[said]}]" for said in SAYS if counts[said]))
    rows = [row | ({"concept": named.get((row["layer"], row["unit"]), "")} if named else {}) for row in table.rows()]
    unit_table.show(rows, COLUMNS, "d_table", "discriminator", "d", checkpoint)
    st.caption(f"{unit_table.HOW} {SAYS_RULE} {UNUSED_RULE}")

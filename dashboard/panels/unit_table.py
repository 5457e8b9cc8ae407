"""A table of all filters of a network, to sort, search and download; a click goes to one.

unit_table.show(table.rows(), COLUMNS, "d_table", page="discriminator", prefix="d", checkpoint="dcgan-64")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from dashboard import links
from dashboard.panels import unit_card

LINK = "link"
PINNED = ("layer", "unit")  # they stay where they are when the others are scrolled
HOW = (
    "Click a heading to sort, a row to go there; scroll sideways for the columns that do not fit. The table can be "
    "searched and downloaded at its upper right corner."
)


@dataclass(frozen=True)
class Column:
    """heading, width in pixels (of what stands in it, not of the heading alone), format of numbers, explanation.

    A format that ends with a percent sign shows a proportion: Streamlit's own "percent" has two decimals where there
    are any.
    """

    heading: str
    width: int
    style: str | None = None
    meaning: str = ""

    @property
    def is_percent(self) -> bool:
        return self.style is not None and self.style.endswith("%%")

    def shown(self, value: Any) -> Any:
        """What the table gets for a value."""
        return 100 * value if self.is_percent else value

    def config(self, name: str) -> Any:
        """As Streamlit wants it."""
        shape: dict[str, Any] = {"width": self.width, "help": self.meaning or None, "pinned": name in PINNED}
        if name == LINK:
            return st.column_config.LinkColumn(self.heading, display_text="open", **shape)
        if self.style is None:
            return st.column_config.Column(self.heading, **shape)
        return st.column_config.NumberColumn(self.heading, format=self.style, **shape)


def show(
    rows: Sequence[Mapping[str, Any]], columns: Mapping[str, Column], key: str, page: str, prefix: str, checkpoint: str
) -> None:
    """Rows with a ``layer`` and a ``unit``, as far as they have the columns.

    page : that a link opens. prefix : of the keys under which its layer and its filter are chosen.
    """
    shown = [name for name in columns if name == LINK or name in rows[0]]
    layer, unit = f"{prefix}_layer", f"{prefix}_unit"

    subject = links.subject_query()  # a link opens a window of its own, about the same poster

    def link(row: Mapping[str, Any]) -> str:
        query = subject | {"checkpoint": checkpoint, layer: row["layer"], unit: row["unit"]}
        return f"{page}?{urlencode(query, doseq=True)}"

    def follow() -> None:
        chosen = st.session_state[key].selection.rows
        if chosen:
            st.session_state[layer], st.session_state[unit] = rows[chosen[0]]["layer"], rows[chosen[0]]["unit"]
            unit_card.go_to()

    st.dataframe(
        [{name: link(row) if name == LINK else columns[name].shown(row[name]) for name in shown} for row in rows],
        hide_index=True, height=420, on_select=follow, selection_mode="single-row", key=key, column_order=shown,
        column_config={name: columns[name].config(name) for name in shown},
    )  # fmt: skip

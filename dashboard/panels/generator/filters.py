"""What the study says of the generator's filters: one's verdict, the table of all, the posters of its extremes.

show_verdict(filters.filters_table(checkpoint), "layers.5", unit=7)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import streamlit as st

import gan
from dashboard import sidebar, ui
from dashboard.cached import filters
from dashboard.components.sprite_grid import sprite_grid
from gan.errors import counted
from xai.generator.filter_verdicts import RULE, VERDICTS
from xai.render import sprite

if TYPE_CHECKING:
    from xai.generator.filter_table import FilterTable

COLOURS = {
    "dead": "grey", "constant": "grey", "harmful": "violet", "redundant": "orange", "essential": "green",
    "useful": "primary",
}  # fmt: skip
MEANINGS = {
    "dead": "It never responds.",
    "constant": "It hardly changes from poster to poster, so it works as a constant.",
    "harmful": "The discriminator finds the posters more real without it.",
    "redundant": "Another filter can do its work.",
    "essential": "The poster changes clearly without it.",
    "useful": "It changes the poster, but not much.",
}
PERCENT = "%.0f%%"  # of a hundred times the share: Streamlit's own "percent" shows two decimals where there are any
# Heading, format, explanation. The first ones fit into a window of 1280 pixels, what tells a filter's worth among them;
# what describes its response comes last.
COLUMNS: dict[str, tuple[str, str | None, str]] = {
    "layer": ("Layer", None, ""),
    "unit": ("Filter", None, ""),
    "verdict": ("Verdict", None, ""),
    "confidence": ("Conf.", PERCENT, "Proportion of bootstrap resamples of the posters with the same verdict."),
    "effect": ("Effect", "%.2f", "Change of the picture without it, in grey levels."),
    "logit_change": ("D's logit", "%+.4f", "Its change without the filter; above 0, posters look more real."),
    "logit_low": ("from", "%+.4f", "Lower end of that change's interval."),
    "logit_high": ("to", "%+.4f", "Upper end of that change's interval."),
    "partner": ("Most similar", None, "The filter of its layer that responds most like it."),
    "correlation": ("Corr.", "%.2f", "Correlation with that filter's response."),
    "replaced": ("If replaced", "%.2f", "Change of the picture with that filter in its place, in grey levels."),
    "active": ("Active", PERCENT, "Proportion of positions where it responds."),
    "link": ("Link", None, "Opens this filter; it can be copied and kept."),
    "concept": ("Concept", None, "What it draws, where two proofs agree."),
    "mean": ("Mean", "%.3f", "Of its response."),
    "spread": ("Spread", "%.3f", "Standard deviation of its response."),
    "largest": ("Largest", "%.2f", "Response."),
}
WIDTHS = {  # pixels; what stands in a column takes them, not its heading alone
    "layer": 76, "unit": 52, "verdict": 76, "confidence": 52, "effect": 56, "logit_change": 68, "logit_low": 68,
    "logit_high": 68, "partner": 82, "correlation": 54, "replaced": 76, "active": 56, "concept": 100, "link": 54,
    "mean": 58, "spread": 62, "largest": 66,
}  # fmt: skip
PINNED = ("layer", "unit")  # they stay where they are when the others are scrolled


def show_verdict(table: FilterTable | None, layer: str, unit: int) -> None:
    """What the study says of one filter."""
    if table is None or layer not in table.layer:
        return
    row = table.find(layer, unit)
    verdict = row["verdict"]
    badge = f":{COLOURS[verdict]}-badge[{verdict}]"
    st.markdown(f"{badge} {MEANINGS[verdict]} Confidence {row['confidence']:.0%}.", help=RULE)
    st.caption(
        f"Over {counted(table.latents, 'poster')}: without it the picture changes by {row['effect']:.1f} "
        "grey levels, D's logit "
        f"by {row['logit_change']:+.3f} ({row['logit_low']:+.3f} to {row['logit_high']:+.3f}). It is active "
        f"at {row['active']:.0%} of positions. Most similar: filter {row['partner']} (correlation "
        f"{row['correlation']:.2f}); with that one in its place the picture changes by "
        f"{row['replaced']:.1f} grey levels."
    )


def measure_button(checkpoint: gan.Checkpoint) -> None:
    """Offer the study where it has not been made."""
    ui.measure_button(
        "The verdicts on all filters have not been measured for these weights. It takes some minutes.",
        "Measure all filters",
        "Ablating every filter in 256 posters",
        lambda progress: filters.measure_filters(checkpoint, progress),
        key="measure",
    )


def show_posters(checkpoint: gan.Checkpoint, table: FilterTable, layer: str, unit: int) -> None:
    """The seeds on which a filter is strongest and weakest."""
    row = table.find(layer, unit)
    for kind in ("strongest", "weakest"):
        seeds = row[kind]
        posters = filters.seed_posters(checkpoint, tuple(seeds))
        sheet = sprite(gan.to_uint8(posters), columns=8)
        st.markdown(f"**{kind.capitalize()}** of a thousand seeds")
        sprite_grid(
            sheet, labels=[f"seed {seed}" for seed in seeds], per_row=8,
            on_pick=lambda place, seeds=seeds: sidebar.show_seed(int(seeds[place])),  # type: ignore[misc]  # mypy infers no such default
            key=f"{kind}_grid", title=f"posters on which it is {kind}", smallest=60, most="none",
        )  # fmt: skip


def show_table(table: FilterTable, checkpoint: gan.Checkpoint) -> None:
    """All filters with their verdicts and concepts; a click goes to one."""
    named = filters.concepts(checkpoint)
    counts = table.counts()
    st.markdown(" ".join(f":{COLOURS[name]}-badge[{name} {counts[name]}]" for name in VERDICTS))
    rows = [
        {key: 100 * row[key] if COLUMNS[key][1] == PERCENT else row[key] for key in COLUMNS if key in row}
        | ({"concept": named.get((row["layer"], row["unit"]), "")} if named else {})
        | {
            "link": "generator?"
            + urlencode({"checkpoint": checkpoint.name, "g_layer": row["layer"], "g_unit": row["unit"]})
        }
        for row in table.rows()
    ]

    def follow() -> None:
        chosen = st.session_state["filters_table"].selection.rows
        if chosen:
            st.session_state["g_layer"], st.session_state["g_unit"] = rows[chosen[0]]["layer"], rows[chosen[0]]["unit"]

    st.dataframe(
        rows, hide_index=True, height=420, on_select=follow, selection_mode="single-row", key="filters_table",
        column_order=[name for name in COLUMNS if name in rows[0]],
        column_config={name: _column(name) for name in COLUMNS},
    )  # fmt: skip
    st.caption(
        "Click a heading to sort, a row to go there; scroll sideways for the columns that do not fit. The table can be "
        f"downloaded at its upper right corner. {RULE} {table.multiplicity}"
    )


def _column(name: str) -> Any:
    heading, style, meaning = COLUMNS[name]
    shape: dict[str, Any] = {"width": WIDTHS[name], "help": meaning or None, "pinned": name in PINNED}
    if name == "link":
        return st.column_config.LinkColumn(heading, display_text="open", **shape)
    if style is None:
        return st.column_config.Column(heading, **shape)
    return st.column_config.NumberColumn(heading, format=style, **shape)

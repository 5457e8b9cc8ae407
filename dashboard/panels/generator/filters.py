"""What the study says of the generator's filters: one's verdict, the table of all, the posters of its extremes.

show_verdict(filters.filters_table(checkpoint), "layers.5", unit=7)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard.cached import filters
from dashboard.jobs.known import order_of
from dashboard.panels import jobs, unit_card, unit_table
from dashboard.panels.figures import export
from dashboard.panels.generator import exports
from dashboard.panels.unit_table import Column
from gan.errors import counted
from xai.generator.filter_verdicts import RULE, VERDICTS
from xai.networks.layers import order_units

if TYPE_CHECKING:
    import gan
    from dashboard.subject import Noise
    from xai import Figure
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
CANDIDATES = 32  # measured (2 checkpoints, 2 layers, 10 posters): the one that matters most was always among 14
PERCENT = "%.0f%%"
COLUMNS = {  # the first ones fit into a window of 1280 pixels, what tells a filter's worth among them
    "layer": Column("Layer", 76),
    "unit": Column("Filter", 52),
    "verdict": Column("Verdict", 76),
    "confidence": Column(
        "Conf.", 52, PERCENT, "Proportion of bootstrap resamples of the posters with the same verdict."
    ),
    "effect": Column("Effect", 56, "%.2f", "Change of the picture without it, in grey levels."),
    "logit_change": Column("D's logit", 68, "%+.4f", "Its change without the filter; above 0, posters look more real."),
    "logit_low": Column("from", 68, "%+.4f", "Lower end of that change's interval."),
    "logit_high": Column("to", 68, "%+.4f", "Upper end of that change's interval."),
    "partner": Column("Most similar", 82, None, "The filter of its layer that responds most like it."),
    "correlation": Column("Corr.", 54, "%.2f", "Correlation with that filter's response."),
    "replaced": Column(
        "If replaced", 76, "%.2f", "Change of the picture with that filter in its place, in grey levels."
    ),
    "active": Column("Active", 56, PERCENT, "Proportion of positions where it responds."),
    "link": Column("Link", 54, None, "Opens this filter; it can be copied and kept."),
    "concept": Column("Concept", 100, None, "What it draws, where two proofs agree."),
    "mean": Column("Mean", 58, "%.3f", "Of its response."),
    "spread": Column("Spread", 62, "%.3f", "Standard deviation of its response."),
    "largest": Column("Largest", 66, "%.2f", "Response."),
}


def first_unit(checkpoint: gan.Checkpoint, noise: Noise, layer: str, maps: Any, effects: Any) -> int:
    """The filter that the page begins with: of those that matter most over many posters, the one that does here.

    effects : (U,) of the layer's filters over many posters; without them it is the one that responds most here.
    """
    if effects is None:
        return order_units(maps, "activation")[0]
    among = order_units(maps, "effect", effects)[:CANDIDATES]
    return filters.strongest(checkpoint, noise, layer, tuple(among))


def effect_words(effects: Any, unit: int) -> str:
    """What the picture changes by without a filter; effects (U,) are its layer's."""
    return f"effect {effects[unit]:.2f} grey levels"


def show_verdict(table: FilterTable | None, layer: str, unit: int) -> None:
    """What the study says of one filter."""
    if table is None or layer not in table.layer:
        return
    row = table.find(layer, unit)
    verdict = row["verdict"]
    badge = f":{COLOURS[verdict]}-badge[{verdict}]"
    st.markdown(f"{badge} {MEANINGS[verdict]} Confidence {row['confidence']:.0%}.", help=RULE)


def show_study(table: FilterTable, layer: str, unit: int) -> None:
    """The numbers behind the verdict on one filter."""
    row = table.find(layer, unit)
    st.caption(
        f"Over {counted(table.latents, 'poster')}: without it the picture changes by {row['effect']:.1f} "
        "grey levels, D's logit "
        f"by {row['logit_change']:+z.3f} ({row['logit_low']:+z.3f} to {row['logit_high']:+z.3f}). It is active "
        f"at {row['active']:.0%} of positions. Most similar: filter {row['partner']} (correlation "
        f"{row['correlation']:.2f}); with that one in its place the picture changes by "
        f"{row['replaced']:.1f} grey levels."
    )


def measure_button(checkpoint: gan.Checkpoint) -> None:
    """Offer the study where it has not been made."""
    jobs.offer(
        "The verdicts on all filters have not been measured for these weights. It takes some minutes.",
        "Measure all filters",
        "Ablating every filter in 256 posters",
        order_of("filters of G", checkpoint),
        "measure",
    )


def show_posters(checkpoint: gan.Checkpoint, table: FilterTable, layer: str, unit: int) -> None:
    """The seeds on which a filter is strongest and weakest."""
    row = table.find(layer, unit)
    rows = {f"{kind.capitalize()} of a thousand seeds": row[kind] for kind in ("strongest", "weakest")}
    unit_card.show_seeds(checkpoint, rows, "g_exemplars")
    exports.show_posters(checkpoint, rows, layer, unit)


def show_table(table: FilterTable, checkpoint: gan.Checkpoint) -> None:
    """All filters with their verdicts and concepts; a click goes to one."""
    counts, concepts = table.counts(), filters.concepts(checkpoint)
    named = {} if concepts is None else concepts.by_filter()
    st.markdown(" ".join(f":{COLOURS[name]}-badge[{name} {counts[name]}]" for name in VERDICTS))
    rows = [row | ({"concept": named.get((row["layer"], row["unit"]), "")} if named else {}) for row in table.rows()]
    unit_table.show(rows, COLUMNS, "filters_table", "generator", "g", checkpoint.name)
    st.caption(f"{unit_table.HOW} {RULE} {table.multiplicity}")
    with st.container(horizontal=True):
        export.show("g_table", lambda: _figure(table, checkpoint, named))
        if concepts is not None:
            export.show_concepts(checkpoint, concepts, "generator")


def _figure(table: FilterTable, checkpoint: gan.Checkpoint, named: dict[tuple[str, int], str]) -> Figure:
    from xai.report.figures import of_units

    return of_units(table, "Filters of the generator", export.source_of(checkpoint, posters=table.latents), named)

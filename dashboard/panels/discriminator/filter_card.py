"""What one filter of a discriminator looks for and says: its verdict with the evidence, and posters that show it.

filter_card.show_evidence(table, "layers.4", unit=12)
filter_card.show_exemplars(checkpoint, table, "layers.4", unit=12)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

import gan
from dashboard import charts, sidebar, ui
from dashboard.cached import discriminator
from dashboard.components.sprite_grid import sprite_grid
from dashboard.components.value_map import value_map
from dashboard.jobs.known import order_of
from dashboard.panels import jobs
from dashboard.panels.discriminator import exports
from dashboard.text import plain
from gan.errors import counted
from xai.discriminator.filters.evidence import DEPENDS, FOR_FAKE, FOR_REAL, SAYS_RULE, SILENT, UNUSED_RULE
from xai.discriminator.filters.exemplars import KINDS, SHOWN
from xai.networks.layers import active_fraction, order_units
from xai.render import CHANGE, VERDICT, enlarge_map, limit, outline, overlay, resized, sprite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.subject import Subject
    from xai.discriminator.concepts.table import ConceptTable
    from xai.discriminator.filters.exemplars import Exemplar
    from xai.discriminator.filters.table import DiscriminatorTable
    from xai.discriminator.relevance import LayerContributions
    from xai.networks.layers import Layer

BADGES = {FOR_REAL: "red", FOR_FAKE: "blue", DEPENDS: "grey", SILENT: "grey"}
SENTENCES = {
    FOR_REAL: "When it fires, it speaks for real.",
    FOR_FAKE: "When it fires, it speaks for fake.",
    DEPENDS: "What it says when it fires depends on the poster.",
    SILENT: "It responds to all posters alike.",
}
TITLES = dict(zip(KINDS, ("excite it most", "it mattered most to", "it speaks against most"), strict=True))
GENERATED, REAL = "generated posters", "real posters"
CONTRIBUTION = "contribution"
WHOLE, PATCHES = "whole posters", "patches"
LARGE = 64  # pixels of a cell
EMPTY = 128  # grey level of a place without a poster


def choose(maps: Any, contributed: LayerContributions | None) -> int:
    """All maps of a layer (U, h, w) as a sheet to choose from, those that contribute most to this verdict first."""
    strongest = None if contributed is None else contributed.strongest
    by_contribution = [] if strongest is None else [CONTRIBUTION]
    sort, shared = ui.map_controls("d", [*by_contribution, "index", "activation"])
    order = strongest if strongest is not None and sort == CONTRIBUTION else order_units(maps, sort)
    known = None if contributed is None else lambda unit: f"contribution {contributed.values[unit]:+z.3f}"
    return ui.choose_unit(maps, "d_unit", order, shared, known, lambda: 0 if strongest is None else strongest[0])


def show_response(subject: Subject, layer: Layer, unit_map: Any, **leading: Any) -> None:
    """Where a filter responds in this poster, and how strongly; ``leading``, as ``value_map`` takes it, on a click."""
    large = enlarge_map(unit_map, subject.pixels.shape[:2])
    value_map(
        overlay(subject.pixels, large, limit(unit_map, 1.0), 0.85, CHANGE), unit_map, "d_response", unit="activation",
        caption=f"its response over the poster, {layer.height} × {layer.width} values", **leading,
    )  # fmt: skip
    st.caption(f"At most {unit_map.max():+z.2f}, above 0 at {active_fraction(unit_map):.0%} of the places.")


def show_evidence(table: DiscriminatorTable, layer: str, unit: int) -> None:
    """What the study says of one filter."""
    row = table.find(layer, unit)
    badges = f":{BADGES[row['says']]}-badge[{row['says']}]"
    badges += " :orange-badge[fires, is not used]" * bool(row["unused"])
    st.markdown(f"{badges} {SENTENCES[row['says']]}", help=f"{SAYS_RULE} {UNUSED_RULE}")
    with st.container(horizontal=True):
        _metric("Adds when it fires", row, "logit_effect", "+z.3f", "Logits, more than where it does not fire.")
        _metric("AUC alone", row, "auc", ".2f", "How often its largest response is higher on a real poster.")
        _metric("Part of all verdicts", row, "proportion", ".1%", f"Of what all filters of {layer} contribute.")


def show_study(table: DiscriminatorTable, layer: str, unit: int) -> None:
    """What its evidence rests on, and where it stands in its layer."""
    row, units = table.find(layer, unit), int((table.layer == layer).sum())
    st.caption(
        f"Over {counted(table.held_out or table.real, _kind(table))} "
        f"and {counted(table.generated, 'generated poster')}, compared with {plain(table.reference)}. In "
        f"{row['agreeing']:.0%} of the posters on which it fires it says the same. By response it is number "
        f"{row['activation_rank']} of {counted(units, 'filter')}, by contribution number {row['contribution_rank']}."
    )


def show_concept(concepts: ConceptTable, layer: str, unit: int) -> None:
    """What a filter stands for, or that nothing was proved, and what is nearest then."""
    name, found = concepts.find(layer, unit)["concept"], concepts.evidence(layer, unit)
    best = next((one for one in found if one["concept"] == name), found[0])
    proofs = (
        f"IoU with “{plain(best['concept'])}” {best['iou']:.2f} ({best['iou_low']:.2f} to {best['iou_high']:.2f}), "
        f"{best['chance']:.2f} by chance; on drawn posters with and without it AUC {best['second']:.2f} "
        f"({best['second_low']:.2f} to {best['second_high']:.2f})"
    )
    about = f"Where its map is strong, and where it tells drawn posters apart; {concepts.rule}."
    if name:
        st.markdown(f"It stands for **{plain(name)}**: {proofs}.", help=about)
    else:
        st.markdown(f"No concept is proved for it. The nearest: {proofs}.", help=about)


def _kind(table: DiscriminatorTable) -> str:
    """What the posters are called that stand for real ones."""
    if not table.posters:
        return "drawn poster"
    return "held-out real poster" if table.held_out else "real poster"


def _metric(label: str, row: dict[str, Any], name: str, style: str, about: str) -> None:
    interval = f"{row[name + '_low']:{style}} to {row[name + '_high']:{style}}"
    st.metric(label, f"{row[name]:{style}}", interval, "off", delta_arrow="off", help=about)


def show_distribution(table: DiscriminatorTable, layer: str, unit: int) -> None:
    """How strongly it fires at most, over real and over generated posters."""
    found, (fake, real) = table.histogram(layer, unit), VERDICT.hex
    figure = go.Figure()
    for name, parts, colour in ((_kind(table), found.real, real), ("generated", found.generated, fake)):
        figure.add_bar(x=found.middles, y=parts, name=name, marker_color=colour, opacity=0.6, width=found.width)
    figure.update_layout(barmode="overlay", legend={"orientation": "h", "y": -0.35})
    figure.update_yaxes(tickformat=".0%")
    charts.show(figure, "Its largest response", "d_distribution", height=260, xaxis_title="response")


def show_exemplars(checkpoint: gan.Checkpoint, table: DiscriminatorTable, layer: str, unit: int) -> None:
    """Nine posters that excite it most, nine in which it mattered most, and nine that it speaks against most."""
    sources = [REAL] * discriminator.has_posters_of(checkpoint, table)
    sources += [GENERATED] * (checkpoint.generator is not None)
    if not sources:
        st.info("Without posters and without a generator there are none to show.")
        return
    with st.container(horizontal=True):
        source = st.segmented_control(
            "Among", sources, default=sources[0], required=True, key="exemplars", bind="query-params"
        )
        shown = st.segmented_control(
            "Show", [WHOLE, PATCHES], default=WHOLE, required=True, key="patches", bind="query-params",
            help="The patch is all that the filter sees at its strongest place: its receptive field.",
        )  # fmt: skip
    fields = discriminator.receptive_fields(checkpoint, layer)
    index, generated = table.index(layer, unit), source == GENERATED
    found = {kind: table.picks(kind, generated).of(index, fields) for kind in KINDS}
    picks = [one for kind in KINDS for one in _nine(found[kind])]
    _show_picks(checkpoint, picks, generated, shown == PATCHES)
    if named := [(kind, one) for kind in KINDS for one in found[kind]]:
        exports.show_exemplars(checkpoint, layer, unit, named, generated)
    if REAL not in sources:
        st.caption("Real ones are shown where the posters of the study are loaded.")


def _nine(found: Sequence[Exemplar]) -> list[Exemplar | None]:
    return [*found, *[None] * (SHOWN - len(found))]


def _show_picks(checkpoint: gan.Checkpoint, picks: Sequence[Exemplar | None], generated: bool, patches: bool) -> None:
    """Nine posters of each kind as one sheet, whose places stay empty where there are fewer."""
    there = [one for one in picks if one is not None]
    if not there:
        st.caption("There are none: the filter responds to all posters alike.")
        return
    pixels = iter(gan.to_uint8(discriminator.pictures(checkpoint, [one.row for one in there], generated)))
    draw = _patch if patches else _outlined
    drawn = [None if one is None else draw(next(pixels), one) for one in picks]
    empty = np.full_like(next(cell for cell in drawn if cell is not None), EMPTY)
    what, go_to = ("seed", sidebar.show_seed) if generated else ("poster", sidebar.show_poster)

    def choose(place: int) -> None:
        one = picks[place]
        if one is not None:
            go_to(one.row)

    sprite_grid(
        sprite(np.stack([empty if cell is None else cell for cell in drawn]), columns=3), on_pick=choose,
        labels=["no other" if one is None else f"{what} {one.row}, {one.value:+z.2f}" for one in picks],
        heads=[f"Posters that {TITLES[kind]}" for kind in KINDS], block=3, key="exemplars_grid",
        title="exemplars", smallest=52, most="none",
    )  # fmt: skip


def _outlined(picture: Any, one: Exemplar) -> Any:
    box = one.box
    return outline(picture, (box.left, box.top, box.right, box.bottom), max(1, LARGE // picture.shape[1]))


def _patch(picture: Any, one: Exemplar) -> Any:
    return resized(one.box.cut(picture), LARGE)


def measure_button(checkpoint: gan.Checkpoint, table: DiscriminatorTable | None) -> None:
    """Offer the study where it has not been made, or not with real posters."""
    jobs.offer(
        "What each filter tells has not been measured for these weights."
        if table is None
        else "What each filter tells was measured with drawn posters, before real ones were loaded.",
        "Measure all filters",
        "Looking at generated and real posters",
        order_of("filters of D", checkpoint),
        "d_measure",
    )

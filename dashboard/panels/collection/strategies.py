"""In which ways D says "fake", or "real": a card for each, with its map, its posters and the filters behind it.

strategies.show(checkpoint, study.strategies, loaded=True)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import going, ui
from dashboard.panels import poster_sheet
from dashboard.panels.collection import exports
from gan.errors import counted
from xai.collection.strategies.study import comparison
from xai.render import VERDICT, diverging, limit

if TYPE_CHECKING:
    from collections.abc import Sequence

    import gan
    from xai.collection.strategies.study import FilterBehind, Strategies, Strategy

FILTERS = 5  # shown of each strategy
PER_ROW = 4  # posters
ROWS = 2  # cards in a row
COMES_BACK = (
    "How much the posters in it stay together when half of all posters are left out (Jaccard index, Hennig 2007): 1 is "
    "always; those below 0.75 are not shown."
)


def show(checkpoint: gan.Checkpoint, found: Sequence[Strategies], loaded: bool) -> None:
    """The strategies of one verdict at a time.

    loaded : whether the real posters whose numbers they name are there.
    """
    by_verdict = {one.verdict: one for one in found}
    verdict = st.segmented_control(
        "D says", list(by_verdict), default=next(iter(by_verdict)), required=True, key="verdict", bind="query-params"
    )  # fmt: skip
    chosen = by_verdict[verdict]
    st.markdown(chosen.text)
    for other in found:
        if other is not chosen:
            st.markdown(comparison(chosen, other))
    if not chosen.strategies:
        return
    exports.show_strategies(checkpoint, chosen)
    end = limit([(one.map, one.against) for one in chosen.strategies], 1.0)
    for start in range(0, len(chosen.strategies), ROWS):
        for column, place in zip(st.columns(ROWS, gap="medium"), range(start, start + ROWS), strict=True):
            if place < len(chosen.strategies):
                with column, st.container(border=True):
                    _show_card(checkpoint, chosen.strategies[place], place, end, loaded)
    st.caption(
        "A map is the mean of the posters' DeepLIFT maps in coarse cells: blue speaks for fake, red for real, all on "
        f"one scale; it adds up to the mean logit, less the {chosen.base_logit:+z.2f} of the reference."
    )
    if not loaded:
        st.caption("Real posters are shown where those of the study are loaded.")


def _show_card(checkpoint: gan.Checkpoint, one: Strategy, place: int, end: float, loaded: bool) -> None:
    st.subheader(f"Way {place + 1}: {counted(one.size, 'poster')}")
    left, right = st.columns(2)
    with left:
        ui.picture(diverging(one.map, end, VERDICT), "its mean map")
    with right:
        ui.picture(diverging(one.against, end, VERDICT), "less that of the others")
    for sentence in filter(None, (one.text, one.colours, one.where_from)):
        st.markdown(sentence)
    with st.container(horizontal=True):
        st.metric(
            "Mean logit",
            f"{one.logit.value:+z.2f}",
            f"{one.logit.low:+z.2f} to {one.logit.high:+z.2f}",
            "off",
            delta_arrow="off",
        )
        jaccard = f"{one.jaccard.low:.2f} to {one.jaccard.high:.2f}"
        st.metric("Comes back", f"{one.jaccard.value:.2f}", jaccard, "off", delta_arrow="off", help=COMES_BACK)
    _show_posters(checkpoint, one.generated.tolist(), False, f"strategy_{place}_drawn")
    if loaded:
        _show_posters(checkpoint, one.real.tolist(), True, f"strategy_{place}_real")
    _show_filters(one.filters[:FILTERS], place)
    exports.show_strategy(checkpoint, one, place, end)


def _show_posters(checkpoint: gan.Checkpoint, numbers: list[int], real: bool, key: str) -> None:
    """The posters nearest to its centre."""
    if numbers:
        title = "real posters nearest to its centre" if real else "generated posters nearest to its centre"
        st.caption(title.capitalize())
        poster_sheet.show(checkpoint, numbers, real, key, title, per_row=PER_ROW, smallest=56)


def _show_filters(filters: Sequence[FilterBehind], place: int) -> None:
    """Buttons that open the Discriminator page at a filter."""
    if not filters:
        st.caption("No filter contributes another amount to these posters than to the others.")
        return
    st.caption("Filters that add more or less to D's logit here than in the others")
    with st.container(horizontal=True):
        for one in filters:
            label = f"{one.layer}, filter {one.unit}: {one.difference.value:+z.2f}"
            about = f"{one.difference.low:+z.2f} to {one.difference.high:+z.2f} logits; p {one.p:.1g}, adjusted"
            if st.button(label, key=f"strategy_{place}_{one.layer}_{one.unit}", help=about):
                going.to("discriminator", {"d_layer": one.layer, "d_unit": str(one.unit)})

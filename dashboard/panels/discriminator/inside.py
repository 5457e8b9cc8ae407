"""What a filter is made of, and a picture made up for it: second opinions, shown when asked for.

inside.show(checkpoint, found, layers, "layers.7", unit=12)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import charts, ui
from dashboard.cached import discriminator
from dashboard.panels import unit_card
from dashboard.panels.discriminator import exports

if TYPE_CHECKING:
    import gan
    from xai.discriminator.filters.table import DiscriminatorTable
    from xai.networks.layers import Layer

INPUTS = 12


def show(
    checkpoint: gan.Checkpoint, table: DiscriminatorTable | None, layers: Sequence[Layer], layer: str, unit: int
) -> None:
    """Two closed boxes: the kernel, or the filters that feed this one; and a synthesised picture."""
    first = layer == next(one.name for one in layers if one.kind in ui.ACTIVATIONS)
    kernel = st.expander("Its kernel" if first else "What feeds it", key="d_inputs", on_change="rerun")
    if kernel.open:
        with kernel, ui.error_boundary("The kernel"):
            _show_kernel(checkpoint, unit) if first else _show_inputs(checkpoint, layer, unit)
    made_up = st.expander("A picture made up for it", key="d_synthesis", on_change="rerun")
    if made_up.open:
        with made_up, ui.error_boundary("The picture"):
            _show_synthesis(checkpoint, table, layer, unit)


def _show_kernel(checkpoint: gan.Checkpoint, unit: int) -> None:
    kernels = discriminator.colour_kernels(checkpoint)
    picture, _ = st.columns(2)
    with picture:
        ui.picture(kernels.pictures()[unit], "its weights for red, green and blue")
    st.caption(
        "Grey is a weight of 0; a colour's channel is above grey where the weight is positive. The filter responds "
        f"most to a patch that looks like this. Its largest weight is {kernels.largest[unit]:.2f}."
    )
    exports.show_kernel(checkpoint, kernels, unit)


def _show_inputs(checkpoint: gan.Checkpoint, layer: str, unit: int) -> None:
    found = discriminator.inputs(checkpoint, layer, unit)
    strongest = found.units[:INPUTS].tolist()

    def choose(place: int) -> None:
        st.session_state["d_layer"], st.session_state["d_unit"] = found.layer, strongest[place]
        unit_card.go_to()

    charts.show(
        charts.signed_bars(found.weights[:INPUTS].tolist(), [f"filter {unit}" for unit in strongest]),
        f"Filters of {found.layer} that feed it", "d_feeds", on_pick=choose, xaxis_title="norm of the kernel, signed",
        height=80 + charts.ROW * len(strongest),
    )  # fmt: skip
    st.caption(
        "The size of the weights with which each of them enters, with the sign of their sum; BatchNorm is in it. Click "
        "a bar to go there."
    )
    exports.show_inputs(checkpoint, found, layer, unit)


def _show_synthesis(checkpoint: gan.Checkpoint, table: DiscriminatorTable | None, layer: str, unit: int) -> None:
    made = discriminator.synthesis(checkpoint, layer, unit)
    picture, _ = st.columns(2)
    with picture:
        ui.picture(made.patch, f"response {made.response:+z.2f}")
    strongest = None if table is None else float(table.find(layer, unit)["highest_real"])
    if strongest is not None:
        st.caption(f"The strongest response to a poster of the study is {strongest:+z.2f}.")
    st.caption(
        "Found by gradient ascent, for one neuron of the filter: what drives it, though no poster looks so. Believe "
        "the posters first."
    )
    exports.show_synthesis(checkpoint, made, layer, unit, strongest)

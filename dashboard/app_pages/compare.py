"""Compare: which parts of this poster speak for real and which for fake, by several methods."""

import math
from typing import Any

import numpy as np
import streamlit as st

from dashboard import cache, ui
from xai import METHODS, REFERENCES
from xai.render import limit, overlay, pool

COLUMNS = 3

ui.head("Compare", "Which parts of this poster speak for real, which for fake, and do the methods agree?")
subject = ui.needs(st.session_state["_subject"], "discriminator")
checkpoint = subject.checkpoint
available = cache.references(checkpoint)
usual = next(kind for kind in ("posters", "generated", "grey") if kind in available)

with st.container(horizontal=True, vertical_alignment="bottom"):
    methods = st.multiselect(
        "Methods", list(METHODS), ["deeplift", "deepshap", "lime", "activation"],
        format_func=lambda name: METHODS[name].title, key="methods", bind="query-params", width=540,
    )  # fmt: skip
    reference = st.selectbox(
        "Compared with", available, available.index(usual), format_func=lambda kind: REFERENCES[kind],
        key="reference", bind="query-params", width=260,
        help="A map says why the logit differs from that of the reference. Another reference, another answer.",
    )  # fmt: skip
with st.container(horizontal=True, vertical_alignment="bottom"):
    strength = st.slider("Overlay strength", 0.0, 1.0, 0.9, 0.05, key="strength", bind="query-params", width=170)
    block = st.select_slider(
        "Detail", [1, 2, 4, 8], 4, format_func=lambda size: f"{size} px", key="detail", bind="query-params",
        width=170, help="Shares are averaged over blocks of this size; single pixels are mostly noise to the eye.",
    )  # fmt: skip
    scale = st.segmented_control(
        "Colour scale", ["shared", "own"], default="shared", required=True, key="scale", bind="query-params",
        help="Shared: the same red means the same share of the logit in every map that is in logits.",
    )  # fmt: skip
    with st.popover("Settings", icon=":material/settings:"):
        count = st.slider("Pictures in a reference of several", 1, 32, 16, key="references", bind="query-params")
        samples = st.select_slider(
            "LIME: masked posters", [250, 500, 1000, 2000], 1000, key="samples", bind="query-params"
        )
        seed = st.number_input("LIME: seed", 0, 999, key="lime_seed", bind="query-params")
        layer = ui.choose_layer(cache.layers(checkpoint.digest, "discriminator", checkpoint)[:-2], "map_layer")
        ui.clamp("map_unit", layer.units - 1)
        unit = st.number_input(
            "Activation map: filter, -1 for the liveliest",
            -1,
            layer.units - 1,
            -1,
            key="map_unit",
            bind="query-params",
        )

OPTIONS: dict[str, dict[str, Any]] = {
    "lime": {"samples": samples, "seed": int(seed)},
    "activation": {"layer": layer.name, "unit": None if unit < 0 else int(unit)},
}


def compute(name: str, slot: Any) -> Any:
    """The method's answer; the card's slot shows the progress."""
    bar = slot.progress(0.0, "computing")

    def tell(part: float) -> None:
        bar.progress(min(part, 1.0), "computing")

    return cache.explanation(
        checkpoint, subject.image, subject.key, name, reference, count, OPTIONS.get(name, {}), tell
    )


def facts(name: str, found: Any, end: float) -> str:
    """What was measured, in one line."""
    parts = [f"{found.seconds * 1000:.0f} ms"]
    if not math.isnan(float(found.gap)):
        parts.append(f"completeness gap {float(found.gap):+.1g}")
    if "r2" in found.diagnostics:
        segments = int(found.diagnostics["segment_count"])
        parts.append(f"R² {float(found.diagnostics['r2']):.2f} on {segments} segments")
    if "unit" in found.diagnostics:
        parts.append(f"filter {int(found.diagnostics['unit'])} of {layer.name}")
    parts.append(f"full colour: {end:.2g} {'logit' if METHODS[name].in_logits else 'activation'} a pixel")
    return " · ".join(parts)


def sums(found: Any) -> str:
    """How the shares make up the verdict."""
    return (
        f"Logit {float(found.score):+.2f}, reference {float(found.base_score):+.2f}; "
        f"the shares add up to {float(found.values.sum()):+.2f}."
    )


if not methods:
    st.info("Choose at least one method.")
    st.stop()

count_of_cards = len(methods) + 1
columns = [column for _ in range(0, count_of_cards, COLUMNS) for column in st.columns(COLUMNS)]
cards = [column.container(border=True) for column in columns[:count_of_cards]]
with cards[0]:
    st.markdown("#### The poster")
    ui.picture(subject.pixels)
    ui.verdict(subject.logit, subject.probability)
    st.markdown("Red speaks for real, blue for fake; what stays grey is silent.")

slots, found = {}, {}
for name, card in zip(methods, cards[1:], strict=True):
    with card:
        st.markdown(f"#### {METHODS[name].title}")
        slots[name] = st.empty()
for name, card in zip(methods, cards[1:], strict=True):
    with card, ui.forgiving(METHODS[name].title, slots[name]):
        found[name] = compute(name, slots[name])

maps = {name: pool(answer.values[0].sum(0).numpy(), block) for name, answer in found.items()}
in_logits = [values.ravel() for name, values in maps.items() if METHODS[name].in_logits]
shared_end = limit(np.concatenate(in_logits)) if in_logits else 1.0
for name, card in zip(methods, cards[1:], strict=True):
    if name not in found:
        continue
    method = METHODS[name]
    end = shared_end if scale == "shared" and method.in_logits else limit(maps[name])
    with slots[name].container():
        ui.picture(overlay(subject.pixels, maps[name], end, strength))
    with card:
        st.caption(facts(name, found[name], end))
        if method.in_logits:
            st.caption(sums(found[name]))
        st.markdown(f"**Shows** {method.promise[0].lower()}{method.promise[1:]}")
        st.markdown(f"**But** {method.caveat[0].lower()}{method.caveat[1:]}")

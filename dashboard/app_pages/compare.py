"""Compare: which parts of this poster speak for real and which for fake, by several methods, and whom to believe."""

from typing import Any

import numpy as np
import streamlit as st

from dashboard import sidebar, ui
from dashboard.cached import explanations, networks
from dashboard.pages import PAGES
from dashboard.panels import trust
from dashboard.panels.methods import choose_settings
from dashboard.subject import require
from xai import METHODS, REFERENCES, compare
from xai.render import full_colours, limit, overlay, pool
from xai.report import words

COLUMNS = 3
EVIDENCE_OF_FAKE = "What gave this fake away"

ui.head(PAGES["compare"])
subject = require("discriminator")
checkpoint = subject.checkpoint
own = sidebar.uploaded_references(checkpoint)
available = explanations.references(checkpoint, own is not None)
usual = next(kind for kind in ("posters", "generated", "grey") if kind in available)

with st.container(horizontal=True, vertical_alignment="bottom"):
    methods = st.multiselect(
        "Methods", list(METHODS), ["deeplift", "deepshap", "lime", "activation"],
        format_func=lambda name: METHODS[name].title, key="methods", bind="query-params", width=540,
    )  # fmt: skip
    reference = st.selectbox(
        "Compared with", available, available.index(usual), format_func=lambda kind: REFERENCES[kind].words,
        key="reference", bind="query-params", width=260,
        help="A map says why the logit differs from that of the reference. Another reference, another answer.",
    )  # fmt: skip
    with st.popover("Settings", icon=":material/settings:"):
        count = st.slider("Pictures in a reference of several", 1, 32, 16, key="references", bind="query-params")
        sidebar.upload_references()
        layers = networks.layers(checkpoint, "discriminator")[:-2]
        options = choose_settings(methods, layers)
        explained = st.radio(
            "Explain", ["D's verdict", "one filter"], horizontal=True, key="explain", bind="query-params",
            help="The maps can also say which parts of the poster drive the mean response of one filter of D.",
        )  # fmt: skip
        target_layer = ui.choose_layer(layers, "target_layer", "Its layer")
        ui.clamp("target_unit", target_layer.units - 1)
        target = st.number_input("The filter", 0, target_layer.units - 1, key="target_unit", bind="query-params")
with st.container(horizontal=True, vertical_alignment="bottom"):
    strength = st.slider("Overlay strength", 0.0, 1.0, 0.9, 0.05, key="strength", bind="query-params", width=170)
    usual_block = max(8, checkpoint.config.resolution // 8)
    block = st.select_slider(
        "Detail", [1, 2, 4, 8, 16, 32], usual_block, format_func=lambda size: f"{size} px",
        key="detail", bind="query-params", width=170,
        help="Shares are averaged over blocks of this size: single pixels cancel out, regions do not.",
    )  # fmt: skip
    scale = st.segmented_control(
        "Colour scale", ["shared", "own"], default="shared", required=True, key="scale", bind="query-params",
        help="Shared: the same red means the same share of the logit in every map that is in logits.",
    )  # fmt: skip
    sort = st.segmented_control(
        "Sort by", ["choice", "trust"], default="choice", required=True, key="sort", bind="query-params",
        help="Trust: the maps with the best verdicts first.",
    )  # fmt: skip
    check = st.toggle(
        "Check the maps", True, key="check", bind="query-params",
        help="Measures whether each map can be trusted: seconds, or a minute at 256 × 256; done after the maps.",
    )  # fmt: skip

if not methods:
    st.info("Choose at least one method.")
    st.stop()

of_unit = (target_layer.name, int(target)) if explained == "one filter" else None
question = explanations.Question(checkpoint, subject.image, subject.key, reference, count, of_unit, own)

order = trust.ranked(methods) if sort == "trust" and check else methods
count_of_cards = len(order) + 1
columns = [column for _ in range(0, count_of_cards, COLUMNS) for column in st.columns(COLUMNS)]
cards = [column.container(border=True, height="stretch") for column in columns[:count_of_cards]]
with cards[0]:
    st.markdown("#### The poster")
    ui.picture(subject.pixels)
    ui.verdict(subject.logit, subject.probability)
    if of_unit:
        st.markdown(f"Explained is the mean response of **filter {of_unit[1]} of {of_unit[0]}**, not the verdict.")
    st.markdown("Red speaks for real, blue for fake; what stays grey is silent.")

pictures, badges, found = {}, {}, {}
for name, card in zip(order, cards[1:], strict=True):
    with card:
        st.markdown(f"#### {METHODS[name].title}")
        pictures[name] = st.empty()
        badges[name] = st.empty()
for name, card in zip(order, cards[1:], strict=True):
    with card, ui.error_boundary(METHODS[name].title, pictures[name]):
        found[name] = explanations.explanation(question, name, options[name], ui.progress(pictures[name], "computing"))

maps = {name: pool(one.heat(), block) for name, one in found.items()}
ends = full_colours(maps, [name for name, one in found.items() if one.in_logits] if scale == "shared" else [])
for name, card in zip(order, cards[1:], strict=True):
    if name not in found:
        continue
    method = METHODS[name]
    with pictures[name].container():
        ui.picture(overlay(subject.pixels, maps[name], ends[name], strength))
    with card:
        milliseconds = f"{found[name].seconds * 1000:.0f} ms"
        st.caption(" · ".join([milliseconds, *words.facts(found[name], ends[name])]))
        if sums := words.sums(found[name]):
            st.caption(f"Score {float(found[name].score):+.2f}: {sums}.")
        st.markdown(f"**Shows** {method.promise[0].lower()}{method.promise[1:]}")
        st.markdown(f"**But** {method.caveat[0].lower()}{method.caveat[1:]}")

trusted: dict[str, Any] = {}
for name in found if check else ():
    with ui.error_boundary(f"The check of {METHODS[name].title}", badges[name]):
        tell = ui.progress(badges[name], "checking whether to believe it")
        trusted[name] = explanations.trust(question, name, options[name], tell)
        with badges[name].container():
            trust.badge(trusted[name])
            if st.button("Evidence", key=f"evidence_{name}", icon=":material/fact_check:"):
                trust.show_evidence(name, trusted[name])
trust.rank(trusted, order, sort == "trust")

names = ["Agreement", "References", "Take it home"] + [EVIDENCE_OF_FAKE] * (subject.noise is not None)
chosen = st.segmented_control("More", names, key="more", bind="query-params", label_visibility="collapsed")

if chosen == "Agreement":
    if len(found) < 2:
        st.info("Choose two methods or more to see how far they agree.")
    else:
        trust.show_agreement(compare({name: one.heat() for name, one in found.items()}), subject.pixels)
elif chosen == "References":
    able = [name for name in found if METHODS[name].needs_reference]
    if not able:
        st.info("None of the chosen methods compares with a reference.")
    else:
        name = st.selectbox("Method", able, format_func=lambda name: METHODS[name].title, key="by", bind="query-params")
        st.markdown("The same method, the same poster, other references. Signs and places that stay can be relied on.")
        with ui.error_boundary("The comparison of references"):
            answers = explanations.by_reference(question, name, options[name], available)
            alike = compare({kind: one.heat() for kind, one in answers.items()}).rank[available.index(reference)]
            against = {kind: pool(one.heat(), block) for kind, one in answers.items()}
            end = limit(np.stack(list(against.values())))
            for place, (kind, answer) in enumerate(answers.items()):
                if place % 4 == 0:
                    row = st.columns(4)
                with row[place % 4]:
                    trust.show_reference(
                        REFERENCES[kind].words, answer, against[kind], subject.pixels, end, alike[place]
                    )
elif chosen == "Take it home":
    st.markdown(
        "All maps as numbers (`.npz`), their overlays, one JSON with settings, scores and checks, and a page that "
        "opens without a network: the same files, to the last bit, as `scripts/explain.py` writes."
    )
    with ui.error_boundary("The download"):
        taken = {name: options[name] for name in found}
        st.download_button(
            "Download", lambda: explanations.archive(question, subject.name, taken, check),
            "explanation.zip", "application/zip", on_click="ignore", icon=":material/download:",
        )  # fmt: skip
elif chosen == EVIDENCE_OF_FAKE and subject.noise is not None:
    require("generator")
    with ui.error_boundary("The way back to the noise"):
        blamed = explanations.blame(checkpoint, subject.noise, 16)
        blamed_layer = st.selectbox(
            "Layer of the generator",
            list(blamed.units),
            min(1, len(blamed.units) - 1),
            key="blame",
            bind="query-params",
        )
        trust.show_blame(blamed, blamed_layer)
        st.page_link("app_pages/latent.py", label="Turn these noise values on the Latent page", icon=":material/tune:")

"""Collection: thousands of posters as D sees them, and what G draws of them."""

import streamlit as st

from dashboard import ui
from dashboard.cached import collection
from dashboard.jobs.known import order_of
from dashboard.panels import jobs
from dashboard.panels.collection import alike, copies, depth, exports, filters, map, omissions, strategies
from dashboard.subject import require
from dashboard.text import plain

SECTIONS = {
    "Alike": "Which posters look alike to D, at every depth, and is it colours, layout or meaning that they share?",
    "Map": "All posters on a plane, those near to each other that D answers to alike.",
    "Strategies": "In which few ways does D say fake, where on the poster, and by which filters?",
    "What it cannot draw": "Which kinds of posters, which posters, and what of a poster does G never draw?",
    "Copies": "Does G draw posters of its own, or those that it was trained on?",
}
PARTS_OF = {
    "Alike": ("hubs", "depth", "filters"),
    "Strategies": ("strategies",),
    "Copies": ("copies",),
}

subject = require()
checkpoint = subject.checkpoint
section = st.segmented_control(
    "Sections", list(SECTIONS), default="Alike", required=True, key="c_lab", bind="query-params",
    label_visibility="collapsed",
)  # fmt: skip
st.caption(SECTIONS[section])

study = None
with ui.error_boundary("The study of this collection"):
    study = collection.study(checkpoint)

for part in PARTS_OF.get(section, ()):
    if study is not None and (reason := study.why_missing(part)):
        st.info(plain(reason))
if section == "Alike":
    with ui.error_boundary("The posters that look alike"):
        alike.show(subject, hubs=study.hubs if study else ())
    if study is not None and study.depth is not None:
        st.header("Over depth")
        with ui.error_boundary("The layers"):
            depth.show(study.depth)
            exports.show_depth(checkpoint, study.depth)
    if study is not None and study.filters is not None:
        st.header("Filter by filter")
        with ui.error_boundary("The filters"):
            filters.show(study.filters, checkpoint.name)
            exports.show_filters(checkpoint, study.filters)
elif section == "Map":
    with ui.error_boundary("The map"):
        map.show(subject, study)
elif section == "Strategies" and study is not None and study.strategies:
    with ui.error_boundary("The strategies"):
        strategies.show(checkpoint, study.strategies, collection.is_of_loaded(checkpoint, study))
elif section == "What it cannot draw":
    of_kinds, of_posters = (None, None) if study is None else (study.kinds, study.omissions)
    loaded = study is not None and collection.is_of_loaded(checkpoint, study)
    omissions.show(subject, of_kinds, of_posters, loaded)
elif section == "Copies" and study is not None and study.copies is not None:
    with ui.error_boundary("The copies"):
        copies.show(checkpoint, study.copies, collection.is_of_loaded(checkpoint, study))
if collection.can_study(checkpoint, study):
    jobs.offer(
        "This collection has not been studied. It takes about a quarter of an hour; stopped, it goes on.",
        "Study the collection",
        "Studying the collection",
        order_of("collection", checkpoint),
        "c_measure",
    )

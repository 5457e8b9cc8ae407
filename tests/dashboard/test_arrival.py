"""A page that a link opens at an answer scrolls there; one that is opened otherwise, or a click in place, does not."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.components import arrival
from dashboard.panels.generator import contributions
from tests.dashboard.reading import OpenApp, ask, errors

PLACES = [
    ("generator", {"lab": "Inputs to this filter"}, "lab", "All filters"),
    ("discriminator", {"d_lab": "Turn the verdict"}, "d_lab", "How good its verdicts are"),
    ("latent", {"noise": "Paths"}, "noise", "Importance"),
    ("compare", {"methods": "DeepLIFT", "check": "false", "more": "Baselines"}, "more", "Export"),
]


def turns(app: AppTest) -> list[int]:
    """The calls that the places of the page show, in their order."""
    assert not app.exception
    assert not errors(app)
    sent = [json.loads(one.proto.json or "{}") for one in app.get("bidi_component")]
    return [one["turn"] for one in sent if set(one) == {"turn"}]


@pytest.mark.parametrize(("page", "query", "key", "other"), PLACES, ids=[one[0] for one in PLACES])
def test_a_link_to_an_analysis_leads_there_once(
    open_app: OpenApp, page: str, query: dict[str, Any], key: str, other: str
) -> None:
    app = open_app(page, query)
    assert turns(app)[-1] == 1
    app.segmented_control(key=key).set_value(other).run()  # in sight: nothing is to be scrolled
    assert turns(app)[-1] == 1


@pytest.mark.parametrize("page", ["generator", "discriminator", "latent", "compare"])
def test_a_page_that_is_opened_without_an_analysis_stays_at_its_top(open_app: OpenApp, page: str) -> None:
    quick = {"methods": "DeepLIFT", "check": "false"} if page == "compare" else {}
    assert not any(turns(open_app(page, quick)))


def test_a_click_on_a_map_leads_down_to_its_answer_and_one_on_a_filters_bar_up_to_its_card(open_app: OpenApp) -> None:
    def page() -> None:
        import streamlit as st

        from dashboard.components import arrival
        from dashboard.panels.generator import contributions

        arrival.place("card", "stays")
        arrival.place("analyses", "stays")
        st.checkbox("stays", key="stays")
        st.button("map", key="map", on_click=contributions.go_to_region, args=(1, 1, 4, 4))
        st.button("bar", key="bar", on_click=contributions._go_to_unit, args=(3,))

    app = AppTest.from_function(page, default_timeout=60).run()
    assert turns(app) == [0, 0]
    assert turns(app.button(key="map").click().run()) == [0, 1]
    assert turns(app.button(key="bar").click().run()) == [2, 1]
    assert app.session_state["lab"] == contributions.REGION
    assert app.session_state["g_unit"] == 3


def test_back_on_a_page_without_a_link_nothing_is_scrolled(open_app: OpenApp) -> None:
    app = open_app("latent", {"noise": "Paths"})
    assert app.session_state[arrival.COUNT] == 1
    app.switch_page("app_pages/generator.py").run()
    app.query_params.clear()
    app.switch_page("app_pages/latent.py").run()
    assert turns(app)[-1] == 0


def test_a_filter_tables_link_is_about_the_same_poster(open_app: OpenApp) -> None:
    app = open_app("generator", {"seed": "7", "lab": "All filters"})
    ask(app, "measure")
    links = next(one.value["link"] for one in app.dataframe if "link" in one.value)
    query = parse_qs(urlsplit(links[0]).query)
    assert query["seed"] == ["7"]
    assert query["checkpoint"] == ["tiny"]
    assert {"g_layer", "g_unit"} < query.keys()

"""A pinned figure: it stays while everything else changes, beside what the page has of the same kind."""

from __future__ import annotations

import re
from urllib.parse import parse_qs

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.cached import slow_motion
from tests.dashboard.reading import OpenApp, texts
from tests.dashboard.test_slow_motion import SMALL, click

QUICK = {"methods": "DeepLIFT", "check": "false", "seed": "0"}


def pin(app: AppTest, key: str) -> AppTest:
    """Open the export beside a picture, and pin what it holds."""
    app.session_state[f"export_{key}"] = True
    app.run()
    app.button(key=f"pin_{key}").click().run()
    assert not app.exception
    return app


def said(app: AppTest) -> str:
    """Captions and texts of the pinned place: it stands above the page."""
    return texts(app).partition("Explained")[0]


@pytest.fixture
def pinned(open_app: OpenApp) -> AppTest:
    return pin(open_app("compare", QUICK), "map_deeplift")


def test_the_same_state_is_no_different(pinned: AppTest) -> None:
    assert "the two maps are the same" in said(pinned)


def test_another_seed_stands_beside_it_with_the_difference(pinned: AppTest) -> None:
    pinned.number_input(key="seed").set_value(1).run()
    assert not pinned.exception
    words = said(pinned)
    assert "**Pinned:**" in words
    assert "seed 0" in words.partition("**Now:**")[0]
    assert "seed 1" in words.partition("**Now:**")[2]
    assert "Pinned, then now: score " in words
    assert "the two maps are the same" not in words


def test_another_methods_map_is_its_counterpart_and_one_in_another_unit_says_so(pinned: AppTest) -> None:
    pinned.multiselect(key="methods").set_value(["gradient_input"]).run()
    assert "**Now:**" in said(pinned)
    assert "no difference of the maps" not in said(pinned)
    pinned.multiselect(key="methods").set_value(["activation"]).run()
    assert "no difference of the maps: one is in logit a pixel, the other in activation" in said(pinned)


def test_a_page_that_has_nothing_of_the_kind_shows_what_is_pinned_alone(pinned: AppTest) -> None:
    pinned.switch_page("app_pages/generator.py").run()
    assert not pinned.exception
    assert "**Pinned:**" in texts(pinned)
    assert "**Now:**" not in texts(pinned)


def test_unpinned_it_is_gone(pinned: AppTest) -> None:
    pinned.button(key="unpin").click().run()
    assert "**Pinned:**" not in texts(pinned)


def test_a_filter_that_is_pinned_on_the_generator_page_is_compared_with_the_next(open_app: OpenApp) -> None:
    app = pin(open_app("generator", {"seed": "0"}), "ablation")
    app.number_input(key="g_unit").set_value(1).run()
    assert not app.exception
    assert "**Now:**" in texts(app)


def test_its_link_names_the_state_that_was_pinned_and_not_the_one_that_is_shown_now(pinned: AppTest) -> None:
    pinned.number_input(key="seed").set_value(1).run()
    [link] = [one.proto.url for one in pinned.get("link_button") if one.proto.label == "Open"]
    page, _, query = link.partition("?")
    assert page in ("/compare", "/")  # a test's page has no address of its own
    assert parse_qs(query) == {"methods": ["DeepLIFT"], "check": ["false"]}  # seed 0 is the default


def test_a_pinned_waterfall_stands_above_the_page_with_its_logit(open_app: OpenApp) -> None:
    app = pin(open_app("discriminator", {"seed": "0", "d_layer": "layers.1"}), "d_waterfall")
    app.number_input(key="seed").set_value(1).run()
    assert not app.exception
    assert re.search(r"Pinned, then now: score [+-]\d", texts(app))


def test_a_waterfall_is_not_compared_with_what_else_the_page_has_of_a_filter(open_app: OpenApp) -> None:
    app = pin(open_app("discriminator", {"seed": "0", "d_layer": "layers.1"}), "d_waterfall")
    assert "**Now:**" in texts(app)
    app.selectbox(key="d_layer").set_value("layers.0").run()  # which has no waterfall
    assert not app.exception
    assert "**Pinned:**" in texts(app)
    assert "**Now:**" not in texts(app)


def test_a_picture_that_was_made_up_for_a_filter_can_be_pinned_beside_the_next(open_app: OpenApp) -> None:
    app = open_app("discriminator", {"d_layer": "layers.1", "d_unit": "0"})
    app.session_state["d_synthesis"] = True
    pin(app.run(), "synthesis")
    app.number_input(key="d_unit").set_value(1).run()
    assert not app.exception
    assert "filter: 0" in texts(app).partition("**Now:**")[0]
    assert "filter: 1" in texts(app).partition("**Now:**")[2]


# ---- figures of many pictures: one picture of all --------------------------------------------------------


def test_the_machine_can_be_pinned_beside_that_of_another_seed(open_app: OpenApp) -> None:
    app = pin(open_app("start", {"seed": "3"}), "machine")
    app.number_input(key="seed").set_value(4).run()
    assert not app.exception
    words = texts(app)
    assert "seed 3" in words.partition("**Pinned:**")[2].partition("**Now:**")[0]
    assert "seed 4" in words.partition("**Now:**")[2]
    assert "their difference is shown" in words  # of the one poster


@pytest.fixture
def few_posters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slow_motion, "DRAWN", 24)


@pytest.mark.usefixtures("few_posters")
@pytest.mark.parametrize("key", ["s_step", "s_states"])
def test_a_step_and_the_saved_states_can_be_pinned_beside_the_next(open_app: OpenApp, key: str) -> None:
    app = pin(click(open_app("slow_motion", SMALL), "step_d", "step_g"), key)
    click(app, "step_d")
    words = texts(app)
    assert "steps: 1" in words.partition("**Pinned:**")[2].partition("**Now:**")[0]
    assert "no difference of the posters: there are several" in words

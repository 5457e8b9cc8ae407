"""Ways from one page to another arrive, whatever the browser asks for meanwhile."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.going import MOST_TRIES, WAY, Way
from dashboard.pages import PAGES
from dashboard.panels.generator.contributions import DRIVEN
from tests.dashboard.reading import OpenApp

TO_GENERATOR = Way("latent", "generator", {"lab": DRIVEN, "dimension": "7"})


def assert_has_arrived(app: AppTest) -> None:
    assert not app.exception
    assert app.title[0].value == "Generator"
    assert (app.session_state["lab"], app.session_state["dimension"]) == (DRIVEN, 7)
    assert WAY not in app.session_state


def test_a_button_opens_another_page_in_a_state(open_app: OpenApp) -> None:
    app = open_app("latent", {"seed": "3", "latent": "7"})
    next(button for button in app.button if button.label == "Which filters does it drive?").click().run()
    assert_has_arrived(app)
    assert app.session_state["seed"] == 3


@pytest.mark.parametrize("asked_for", ["latent", "generator"])  # the page that was left; the other without its state
def test_a_browser_that_asks_for_its_old_page_or_address_meanwhile_does_not_stop_it(
    open_app: OpenApp, asked_for: str
) -> None:
    app = open_app("start")
    app.session_state[WAY] = TO_GENERATOR
    app.switch_page(PAGES[asked_for].path).run()
    assert_has_arrived(app)


def test_whoever_chooses_a_third_page_meanwhile_stays_there(open_app: OpenApp) -> None:
    app = open_app("start")
    app.session_state[WAY] = TO_GENERATOR
    app.switch_page(PAGES["training"].path).run()
    assert app.title[0].value == "Training"
    assert WAY not in app.session_state


def test_a_way_that_never_arrives_is_given_up(open_app: OpenApp) -> None:
    app = open_app("start")
    app.session_state[WAY] = Way("latent", "generator", {"lab": DRIVEN, "dimension": "7"}, tries=MOST_TRIES)
    app.switch_page(PAGES["latent"].path).run()
    assert app.title[0].value == "Latent"
    assert WAY not in app.session_state

"""Lessons: every shipped step opens its page in its state, the link holds the progress, broken files are named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard.lessons import files
from dashboard.lessons.lesson import Step
from dashboard.lessons.progress import KEY, OPENING, Opening, Progress, read_done, shows, written_done
from dashboard.pages import PAGES
from dashboard.settings import settings
from tests.dashboard.reading import OpenApp, errors, shown, texts

SHIPPED = {path.stem[3:]: files.read(path) for path in sorted(files.SHIPPED.glob("*.md"))}
CHECKPOINTS = str(Path(__file__).parents[2] / "checkpoints")


@pytest.fixture(autouse=True)
def nothing_cached() -> None:
    """In place of the fixture that empties the caches after each test: lessons are about checkpoints that stay."""


@pytest.fixture(scope="module", autouse=True)
def nothing_cached_afterwards() -> Iterator[None]:
    yield
    st.cache_resource.clear()
    settings.cache_clear()


def at(app: AppTest) -> Progress:
    progress: Progress = app.session_state[KEY]
    return progress


def assert_shows(app: AppTest, step: Step) -> None:
    assert not app.exception
    assert not errors(app)
    assert app.title[0].value == (PAGES[step.page].heading or PAGES[step.page].title)
    for name, asked in step.state.items():
        assert shows(asked, app.session_state[name]), (name, asked, app.session_state[name])
    assert not [one for one in app.warning if "asked for" in shown(one.value)]
    assert f"### {step.title}" in texts(app)
    assert "moved on" not in texts(app)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_step_of_a_shipped_lesson_opens_its_page_in_its_state(open_app: OpenApp, name: str) -> None:
    lesson = SHIPPED[name]
    app = open_app("start", {"lesson": name}, "--checkpoints", CHECKPOINTS)
    for number, step in enumerate(lesson.steps, 1):
        assert at(app).step == number
        assert_shows(app, step)
        app.button(key="lesson_next").click().run()
    assert at(app).lesson == ""
    assert not app.exception
    assert app.title[0].value == "PosterLens"


@pytest.mark.parametrize("opening", [Opening(), Opening(aside="prune"), Opening(arriving=True)])
@pytest.mark.parametrize("shows_now", [2, 6])  # on the step's page, and on another one
def test_a_browser_that_asks_for_its_old_page_meanwhile_does_not_stop_the_way_to_a_step(
    open_app: OpenApp, shows_now: int, opening: Opening
) -> None:
    name = "what-does-latent-6-do"
    app = open_app("start", {"lesson": name, "step": str(shows_now)}, "--checkpoints", CHECKPOINTS)
    app.session_state[KEY] = Progress(name, 4)
    app.session_state[OPENING] = opening
    app.run()
    assert_shows(app, SHIPPED[name].steps[3])


def test_an_answer_is_checked_and_the_link_holds_what_is_done(open_app: OpenApp) -> None:
    query = {"lesson": "what-is-a-gan", "step": "2", "checkpoint": "wider-64"}  # whose D finds seed 0 fake
    app = open_app("start", query, "--checkpoints", CHECKPOINTS)
    key = "lesson_what-is-a-gan_2"
    app.radio(key=f"{key}_answer").set_value("real").run()
    app.button(key=f"{key}_check").click().run()
    assert any("Not quite" in one.value for one in app.warning)
    assert "done" not in app.query_params
    app.radio(key=f"{key}_answer").set_value("fake").run()
    app.button(key=f"{key}_check").click().run()
    assert any("Right. D's logit is" in one.value for one in app.success)
    assert app.query_params["done"] == "what-is-a-gan.2"
    assert (app.query_params["lesson"], app.query_params["step"]) == ("what-is-a-gan", "2")


def test_a_link_with_a_state_of_its_own_keeps_it_and_offers_the_way_back(open_app: OpenApp) -> None:
    query = {"lesson": "why-fake", "step": "1", "seed": "7"}
    app = open_app("discriminator", query, "--checkpoints", CHECKPOINTS)
    assert app.number_input(key="seed").value == 7
    assert "moved on" in texts(app)
    app.button(key="lesson_return").click().run()
    assert_shows(app, SHIPPED["why-fake"].steps[0])


def test_a_lesson_stays_open_on_another_page_and_closes_for_good(open_app: OpenApp) -> None:
    app = open_app("prune", {"lesson": "why-fake", "step": "1", "seed": "5", "done": "why-fake.1"})
    assert "moved on" in texts(app)
    app.button(key="lesson_close").click().run()
    assert not [one for one in app.button if one.key == "lesson_next"]
    assert app.query_params["done"] == "why-fake.1"
    assert "lesson" not in app.query_params


def test_nothing_is_shown_or_kept_where_no_lesson_is_open(open_app: OpenApp) -> None:
    app = open_app("prune")
    assert KEY not in app.session_state
    assert not [one for one in app.button if str(one.key).startswith("lesson_")]


def test_a_lesson_that_is_not_there_is_said(open_app: OpenApp) -> None:
    app = open_app("prune", {"lesson": "astrology", "seed": "1"})
    assert any("astrology" in shown(one.value) for one in app.warning)


def test_what_is_done_is_written_and_read() -> None:
    done = {"why-fake": frozenset({1, 12}), "mine": frozenset({3})}
    assert written_done(done) == "why-fake.1.12~mine.3"
    assert read_done(written_done(done)) == done
    assert read_done("why-fake.x~<b>.1~mine.3~empty") == {"mine": frozenset({3})}

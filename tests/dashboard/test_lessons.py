"""Lessons: every shipped step opens its page in its state, the link holds the progress, broken files are named."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.lessons import files
from dashboard.lessons.lesson import Step
from dashboard.lessons.progress import KEY, Progress, read_done, shows, written_done
from dashboard.pages import PAGES
from tests.dashboard.reading import OpenApp, errors, shown, texts

SHIPPED = {path.stem[3:]: files.read(path) for path in sorted(files.SHIPPED.glob("*.md"))}
CHECKPOINTS = str(Path(__file__).parents[2] / "checkpoints")


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

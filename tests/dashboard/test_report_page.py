"""The Report page: what was added stays with its note and its order, and the file holds what the page shows."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.pages import PAGES
from dashboard.panels.report import items
from tests.dashboard.reading import OpenApp, errors, texts
from tests.dashboard.test_export import QUICK, opened

NOTE = "seen **here** <img src=http://evil.test/x.png>"


def add(app: AppTest, key: str) -> AppTest:
    opened(app, key)
    return app.button(key=f"export_{key}_add").click().run()


def said(app: AppTest) -> str:
    return " ".join(caption.value for caption in app.caption)


def go(app: AppTest, page: str) -> AppTest:
    return app.switch_page(PAGES[page].path).run()


@pytest.fixture
def filled(open_app: OpenApp) -> AppTest:
    """The Report page after two figures were added on two pages."""
    app = add(open_app("compare", QUICK), "map_deeplift")
    assert "The report has 1 figure." in said(app)
    app = add(go(app, "latent"), "latent_table")
    assert "The report has 2 figures." in said(app)
    return go(app, "report")


def titles(app: AppTest) -> list[str]:
    found: tuple[Any, ...] = app.session_state[items.KEY]
    return [entry.figure.title for entry in found]


def key(app: AppTest, place: int) -> str:
    return f"report_{id(app.session_state[items.KEY][place].figure)}"


def test_what_is_added_comes_with_its_order_and_leaves_when_taken_out(filled: AppTest) -> None:
    assert titles(filled) == ["DeepLIFT over the poster", "What each latent dimension changes"]
    filled.button(key=f"{key(filled, 1)}_arrow_upward").click().run()
    assert titles(filled) == ["What each latent dimension changes", "DeepLIFT over the poster"]
    filled.button(key=f"{key(filled, 0)}_delete").click().run()
    assert titles(filled) == ["DeepLIFT over the poster"]
    assert not errors(filled)


def test_words_and_notes_stay_while_other_pages_are_open_and_out_of_the_address(filled: AppTest) -> None:
    filled.text_input(key="report_author").set_value("A. Student").run()
    filled.text_area(key=f"{key(filled, 0)}_note").set_value(NOTE).run()
    app = go(go(filled, "glossary"), "report")
    assert app.text_input(key="report_author").value == "A. Student"
    assert app.text_area(key=f"{key(app, 0)}_note").value == NOTE
    assert "Student" not in str(app.query_params)
    assert "evil" not in str(app.query_params)


def test_the_file_holds_the_poster_its_maps_the_figures_and_the_notes(filled: AppTest) -> None:
    filled.text_area(key="report_notes").set_value("# Question").run()
    filled.text_area(key=f"{key(filled, 0)}_note").set_value(NOTE).run()
    filled.multiselect(key="report_methods").set_value(["deeplift"]).run()
    filled.toggle(key="report_checked").set_value(False).run()
    filled.button(key="report_make").click().run()
    assert not filled.exception
    assert not errors(filled)
    page = filled.session_state["report_made"][1].decode()
    assert page.count("<article") == 1
    assert "<h3>Question</h3>" in page
    assert "seen <strong>here</strong> &lt;img" in page
    assert page.index("DeepLIFT over the poster") < page.index("What each latent dimension changes")
    assert "make it again" not in " ".join(texts(filled))
    filled.text_input(key="report_title").set_value("Another").run()
    assert any("make it again" in note.value for note in filled.info)


def test_a_report_takes_no_more_figures_than_it_can_hold(filled: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "MOST", 2)
    app = add(go(filled, "latent"), "latent_table")
    assert len(titles(app)) == 2
    assert "at most 2 figures" in said(app)

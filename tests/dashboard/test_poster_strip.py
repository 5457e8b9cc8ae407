"""The poster that a page is about, kept in sight on a phone with its verdict and its controls."""

from __future__ import annotations

import pytest

from dashboard.pages import PAGES
from tests.dashboard.reading import OpenApp, subject_of, texts

BUTTONS = ["strip_Previous", "strip_Next", "strip_another"]


def keys(app: object) -> list[str]:
    return [button.key for button in app.button if str(button.key).startswith("strip_")]  # type: ignore[attr-defined]


@pytest.mark.parametrize("page", ["compare", "latent", "glossary"])
def test_pages_about_one_poster_have_the_strip_and_others_not(open_app: OpenApp, page: str) -> None:
    app = open_app(page, {"check": "false"})
    assert not app.exception
    assert keys(app) == (BUTTONS if PAGES[page].needs else [])


def test_the_next_seed_is_one_click_away_and_the_first_has_none_before_it(open_app: OpenApp) -> None:
    app = open_app("generator", {"seed": "0"})
    assert app.button(key="strip_Previous").disabled
    app.button(key="strip_Next").click().run()
    assert not app.exception
    subject = subject_of(app)
    assert subject.name == "seed 1"
    assert subject.logit is not None
    assert f"**{'real' if subject.logit > 0 else 'fake'}**], logit {subject.logit:+z.2f}" in texts(app)


def test_real_posters_are_stepped_through_by_number(open_app: OpenApp, poster_folder: object) -> None:
    app = open_app("discriminator", {"source": "Poster", "poster": "1"}, "--posters", str(poster_folder))
    first = subject_of(app).name
    app.button(key="strip_Next").click().run()
    assert app.session_state["poster"] == 2
    assert subject_of(app).name != first

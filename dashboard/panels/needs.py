"""A page, or a part of one, whose networks lack what it needs says so in one sentence.

if needs.met(PAGES["prune"]):
page.run()
needs.met(PAGES["compare"], "What gave this fake away")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard.cached import networks
from dashboard.subject import selected
from dashboard.text import plain

if TYPE_CHECKING:
    from dashboard.pages import Page


def met(page: Page, section: str | None = None) -> bool:
    """Whether the page, or a section of it, can be shown; a sentence says what it needs and what is missing."""
    missing = _missing(page, section)
    if missing is not None:
        st.info(plain(missing), icon=":material/info:")
    return missing is None


def are_met(page: Page, section: str) -> bool:
    """The same of a section, without a word."""
    return _missing(page, section) is None


def _missing(page: Page, section: str | None) -> str | None:
    needs = page.needs if section is None else page.sections.get(section, ())
    checkpoint, subject = selected().checkpoint, selected().subject
    what = f"“{section}”" if section else f"The page {page.title}"
    missing = None if checkpoint is None else networks.lacking(checkpoint, what, needs)
    return "Choose or upload a poster in the sidebar." if needs and not missing and subject is None else missing

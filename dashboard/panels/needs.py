"""A page, or a part of one, whose networks lack what it needs says so in one sentence.

if needs.met(PAGES["prune"], subject):
page.run()
needs.met(PAGES["compare"], subject, "What gave this fake away")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard.cached import networks
from dashboard.text import plain

if TYPE_CHECKING:
    from dashboard.pages import Page
    from dashboard.subject import Subject


def met(page: Page, subject: Subject | None, section: str | None = None) -> bool:
    """Whether the page, or a section of it, can be shown; a sentence says what it needs and what is missing."""
    needs = page.needs if section is None else page.sections.get(section, ())
    if not needs:
        return True
    if subject is None:
        missing: str | None = "Choose or upload a poster in the sidebar."
    else:
        missing = networks.lacking(subject.checkpoint, f"“{section}”" if section else f"The page {page.title}", needs)
    if missing is not None:
        st.info(plain(missing), icon=":material/info:")
    return missing is None

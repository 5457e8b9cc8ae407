"""Export on the Compare page: a button in each card, and one for all maps together.

exports.show(Shown(request, explained, trusted, subject, view), cards)
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.panels.figures import export
from xai import REFERENCES
from xai.trust.badges import badge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dashboard.panels.compare.comparisons import Shown
    from dashboard.panels.compare.maps import Card
    from xai import Figure, Source


def show(shown: Shown, cards: Mapping[str, Card]) -> None:
    """The buttons in the cards."""
    for name in shown.explained:
        with cards[name].box:
            export.show(f"map_{name}", partial(_of_one, shown, name))


def show_all(shown: Shown) -> None:
    """The button for all of them beside the poster."""
    st.markdown("The same maps beside the poster as one picture, and their numbers:")
    export.show("maps", partial(_of_all, shown), "Export all maps")


def _of_one(shown: Shown, name: str) -> Figure:
    from xai.report.figures import Look, of_explanation

    look = Look(shown.view.block, shown.view.strength, shown.view.shared)
    others, found = list(shown.explained.values()), shown.explained[name]
    return of_explanation(found, shown.subject.pixels, _source(shown), look, _verdict(shown, name), others)


def _of_all(shown: Shown) -> Figure:
    from xai.report.figures import Look, of_explanations

    look = Look(shown.view.block, shown.view.strength, shown.view.shared)
    verdicts = [_verdict(shown, name) for name in shown.explained]
    return of_explanations(list(shown.explained.values()), shown.subject.pixels, _source(shown), look, verdicts)


def _verdict(shown: Shown, name: str) -> str:
    return badge(shown.trusted[name], shown.view.block).text if name in shown.trusted else ""


def _source(shown: Shown) -> Source:
    question = shown.request.question
    return export.source(
        shown.subject,
        explained=question.meaning.name,
        baseline=REFERENCES[question.reference].words,
        colour_scale="shared" if shown.view.shared else "own",
    )

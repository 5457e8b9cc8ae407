"""Export on the Compare page: a button in each card, one for all maps together, and one for each analysis.

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

    from dashboard.panels.compare.maps import Card
    from dashboard.panels.compare.shown import Shown
    from xai import Blame, Explanation, Figure, Source
    from xai.trust.agreement import Agreement


def show(shown: Shown, cards: Mapping[str, Card]) -> None:
    """The buttons in the cards."""
    for name in shown.explained:
        with cards[name].box:
            export.show(f"map_{name}", partial(_of_one, shown, name))


def show_all(shown: Shown) -> None:
    """The button for all of them beside the poster."""
    st.markdown("The same maps beside the poster as one picture, and their numbers:")
    export.show("maps", partial(_of_all, shown), "Export all maps")


def show_agreement(shown: Shown, found: Agreement, titles: list[str]) -> None:
    """How far the maps agree."""

    def make() -> Figure:
        from xai.report.figures import of_agreement

        return of_agreement(found, titles, shown.subject.pixels, _source(shown))

    export.show("agreement", make)


def show_references(shown: Shown, answers: Mapping[str, Explanation]) -> None:
    """One method's maps against several baselines."""

    def make() -> Figure:
        from xai.report.figures import Look, of_references

        names = {kind: REFERENCES[kind].words for kind in answers}
        look = Look(shown.view.across)
        source = export.source(shown.subject, explained=shown.request.question.meaning.name)
        return of_references(answers, names, shown.subject.pixels, source, look)

    export.show("baselines", make)


def show_blame(shown: Shown, found: Blame, layer: str) -> None:
    """What gave a generated poster away."""

    def make() -> Figure:
        from xai.report.figures import of_blame

        return of_blame(found, layer, export.source(shown.subject, layer=layer))

    export.show("blame", make)


def _of_one(shown: Shown, name: str) -> Figure:
    from xai.report.figures import Look, of_explanation

    look = Look(shown.view.across, shown.view.strength, shown.view.shared)
    others, found = list(shown.explained.values()), shown.explained[name]
    return of_explanation(found, shown.subject.pixels, _source(shown), look, _verdict(shown, name), others)


def _of_all(shown: Shown) -> Figure:
    from xai.report.figures import Look, of_explanations

    look = Look(shown.view.across, shown.view.strength, shown.view.shared)
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

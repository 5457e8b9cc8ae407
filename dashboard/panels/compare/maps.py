"""The Compare page's controls and cards: one map of the poster for each method, with its numbers and its verdict.

request = choose_question(subject)
cards = draw_cards(subject, request, list(request.options))
explained = explain(request, cards)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import sidebar, ui
from dashboard.cached import explanations, networks
from dashboard.glossary import explained as explained_terms
from dashboard.panels import baseline
from dashboard.panels.compare import trust
from dashboard.panels.compare.methods import choose_settings
from gan.errors import counted
from xai import METHODS, REFERENCES
from xai.methods import FIRST
from xai.methods.base import scale
from xai.render import block_of, full_colours, overlay, pool
from xai.report import words
from xai.trust.badges import Badge, badge, in_pixels, standing_sentence, summary

if TYPE_CHECKING:
    import gan
    from dashboard.cached.explanations import Question
    from dashboard.subject import Subject
    from xai import Explanation, Trust
    from xai.networks.layers import Layer

COLUMNS = 3
DETAILS = [1, 2, 4, 8, 16, 32]  # pixels


@dataclass(frozen=True)
class Request:
    """What is explained, and the settings of each method that is to explain it; ``references`` can be had."""

    question: Question
    options: dict[str, dict[str, Any]]
    references: list[str]


@dataclass(frozen=True)
class View:
    """How maps are shown.

    strength : of the overlay, 0 to 1. across : pixels across of the blocks, which are (height, width) ``block``.
    shared : one colour scale for all.
    """

    strength: float
    across: int
    block: tuple[int, int]
    shared: bool
    by_trust: bool
    check: bool


@dataclass(frozen=True)
class Card:
    """A method's place on the page; ``picture`` and ``badge`` are filled later."""

    box: Any
    picture: Any
    badge: Any


def choose_question(subject: Subject) -> Request:
    """Controls for what is explained, by which methods, against which baseline; each kind closed until it is wanted."""
    checkpoint = subject.checkpoint
    with st.popover("Methods", icon=":material/layers:"):
        methods = st.multiselect(
            "Methods", list(METHODS), FIRST, format_func=lambda name: METHODS[name].title, key="methods",
            bind="query-params", width=540,
        )  # fmt: skip
        reference, own = baseline.choose(checkpoint)
        count = st.slider("Number of reference posters", 1, 32, baseline.COUNT, key="references", bind="query-params")
        sidebar.upload_references()
    with st.popover("Settings", icon=":material/settings:"):
        unit = _choose_unit(subject)
        options = choose_settings(methods, _reached(checkpoint, unit), networks.score(checkpoint, unit))
    seed = None if subject.noise is None else subject.noise.seed
    question = explanations.Question(checkpoint, subject.image, subject.key, reference, count, unit, own, seed)
    return Request(question, options, explanations.references(checkpoint, own is not None))


def _choose_unit(subject: Subject) -> tuple[str, int] | None:
    """The filter of D to explain in place of the verdict, or None."""
    layers = networks.score_layers(subject.checkpoint)
    if not layers:
        st.caption("This network has no layers of maps, so its answer is explained, and no filter.")
        return None
    answer = "the class" if subject.classes else "D's verdict"
    explained = st.radio(
        "Explain", [answer, "one filter"], horizontal=True, key="explain", bind="query-params",
        help="The maps can also say which parts of the poster drive the mean response of one filter of the network.",
    )  # fmt: skip
    layer = ui.choose_layer(layers, "target_layer", "Its layer")
    ui.clamp("target_unit", layer.units - 1)
    unit = st.number_input("The filter", 0, layer.units - 1, key="target_unit", bind="query-params")
    return (layer.name, int(unit)) if explained == "one filter" else None


def _reached(checkpoint: gan.Checkpoint, unit: tuple[str, int] | None) -> list[Layer]:
    """Layers of D that what is explained depends on: of a filter, those up to its own."""
    layers = networks.score_layers(checkpoint)
    names = [layer.name for layer in layers]
    return (layers or networks.modules_of_maps(checkpoint)) if unit is None else layers[: names.index(unit[0]) + 1]


def choose_view(size: tuple[int, int]) -> View:
    """Controls for how maps of a picture of (height, width) are shown, closed until they are wanted."""
    eighth = max(across for across in DETAILS if across <= max(8, size[1] // 8))
    with st.popover("View", icon=":material/visibility:"):
        across = st.select_slider(
            "Detail", DETAILS, eighth, format_func=lambda across: f"{across} px",
            key="detail", bind="query-params",
            help="Attributions are averaged over blocks this wide, as oblong as the poster: single pixels cancel out, "
            "regions do not.",
        )  # fmt: skip
        strength = st.slider("Overlay strength", 0.0, 1.0, 0.9, 0.05, key="strength", bind="query-params")
        scale = st.segmented_control(
            "Colour scale", ["shared", "own"], default="shared", required=True, key="scale", bind="query-params",
            help="Shared: the same colour means the same contribution in all maps that divide up the score.",
        )  # fmt: skip
        sort = st.segmented_control(
            "Sort by", ["choice", "trust"], default="choice", required=True, key="sort", bind="query-params",
            help="Trust: the maps with the best verdicts first.",
        )  # fmt: skip
        check = st.toggle(
            "Check the maps", True, key="check", bind="query-params",
            help="Measures whether each map can be trusted: seconds, or a minute at 256 × 256; done after the maps.",
        )  # fmt: skip
    return View(strength, across, block_of(across, size), scale == "shared", sort == "trust" and check, check)


def show_choices(request: Request, view: View) -> None:
    """What the closed controls are set to, in a line."""
    baseline_words = REFERENCES[request.question.reference].words
    checked = "checked" if view.check else "not checked"
    shown = f"{counted(len(request.options), 'map')} in blocks of {in_pixels(view.block)}"
    st.caption(f"{shown}, {checked}; baseline: {baseline_words}")


def draw_cards(subject: Subject, request: Request, order: list[str]) -> dict[str, Card]:
    """The poster's card, and an empty one for each method in this order."""
    count = len(order) + 1
    columns = [column for _ in range(0, count, COLUMNS) for column in st.columns(COLUMNS)]
    boxes = [column.container(border=True, height="stretch") for column in columns[:count]]
    question = request.question
    with boxes[0]:
        st.markdown("## The poster")
        ui.picture(subject.pixels)
        if question.unit is None:
            sidebar.show_verdict(subject)
        else:
            st.markdown(f"{words.sentence(question.meaning.name)}: **{question.score:+z.2f}**. This is explained.")
        st.markdown(words.legend(question.meaning))
    cards = {}
    for name, box in zip(order, boxes[1:], strict=True):
        with box:
            st.markdown(f"## {METHODS[name].title}")
            cards[name] = Card(box, st.empty(), st.empty())
    return cards


def explain(request: Request, cards: dict[str, Card]) -> dict[str, Explanation]:
    """Each method's explanation, with a bar in its card; a method that fails says so there and is left out."""
    explained = {}
    for name, card in cards.items():
        with card.box, ui.error_boundary(METHODS[name].title, card.picture):
            progress = ui.progress(card.picture, "computing")
            explained[name] = explanations.explanation(request.question, name, request.options[name], progress)
    return explained


def show_maps(
    request: Request, explained: dict[str, Explanation], cards: dict[str, Card], pixels: Any, view: View
) -> None:
    """The maps over the poster, on a scale of their own or on one for all that are in the score's units."""
    maps = {name: pool(one.heat(), view.block) for name, one in explained.items()}
    ends = full_colours(maps, [name for name, one in explained.items() if one.in_logits] if view.shared else [])
    for name, explanation in explained.items():
        card, colours = cards[name], scale(explanation.meaning, explanation.claims)
        with card.picture.container():
            ui.picture(
                overlay(pixels, maps[name], ends[name], view.strength, colours),
                alt=f"{explanation.title} over the poster",
            )
        with card.box:
            milliseconds = f"{explanation.seconds * 1000:.0f} ms"
            facts = " · ".join([milliseconds, *words.facts(explanation, ends[name])])
            st.caption(facts, help=explained_terms(facts))
            if compared := words.comparison(explanation, _comparison(request, name)):
                st.caption(compared)
            if standing := explanations.standing(request.question, name, view.across):
                st.caption(standing_sentence(standing))
            st.markdown(f"**Shows:** {words.promise(METHODS[name], explanation.meaning)}")
            st.markdown(f"**But:** {words.caveat(METHODS[name], explanation.meaning)}")


def _comparison(request: Request, name: str) -> str:
    return request.question.method(name, request.options[name]).comparison(request.question.image)


def check(
    request: Request, explained: dict[str, Explanation], cards: dict[str, Card], view: View, bar: Any
) -> dict[str, Trust]:
    """The verdict on each map, in its card; one bar for all of them in the container ``bar``, where they take time."""
    trusted: dict[str, Trust] = {}
    badges: dict[str, Badge] = {}
    with bar, ui.progress_bar("Checking whether the maps can be trusted") as progress:
        for index, name in enumerate(explained):
            card, part = cards[name], explanations.part_of(progress, index, explained)
            with card.box, ui.error_boundary(f"The check of {METHODS[name].title}", card.badge):
                trusted[name] = explanations.trust(request.question, name, request.options[name], part)
                badges[METHODS[name].title] = found = _badge(request, explained[name], trusted[name], view)
                with card.badge.container():
                    _show_verdict(found, explained[name], trusted[name])
    if len(badges) > 1:
        bar.markdown(summary(badges))
    return trusted


def _badge(request: Request, explanation: Explanation, verdict: Trust, view: View) -> Badge:
    """The verdict at the detail that is shown; of a map of segments at theirs, for it has no smaller places."""
    standing = explanations.standing(request.question, explanation.method, view.across)
    return badge(verdict, view.block if explanation.segments is None else None, standing)


def _show_verdict(shown: Badge, explanation: Explanation, verdict: Trust) -> None:
    trust.show_badge(shown)
    if st.button("Evidence", key=f"evidence_{explanation.method}", icon=":material/fact_check:"):
        trust.show_evidence(explanation, verdict)

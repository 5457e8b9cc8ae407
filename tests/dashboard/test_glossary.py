"""Words are explained where they stand, from one source: tooltips, the Glossary page, the documentation."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from dashboard import glossary
from dashboard.pages import PAGES, PARTS
from tests.dashboard.reading import OpenApp, headings, shown, texts

HOUSE = Path(__file__).parents[2]
DASHBOARD = HOUSE / "dashboard"


def test_the_documentation_is_the_glossary() -> None:
    assert (HOUSE / "docs/glossary.md").read_text() == glossary.documentation()


def test_a_term_is_explained_in_two_sentences_or_so_and_leads_to_a_page_that_exists() -> None:
    assert len(glossary.TERMS) >= 35
    for term in glossary.TERMS.values():
        assert 2 <= len(re.findall(r"[.?](?:\s|$)", term.text)) <= 4, term.name
        assert term.page in {"", *PAGES}, term.name
    words = [word.casefold() for term in glossary.TERMS.values() for word in (term.name, *term.also)]
    assert len(words) == len(set(words))  # no word has two meanings
    anchors = [term.anchor for term in glossary.TERMS.values()]
    assert len(anchors) == len(set(anchors))


def named_terms() -> list[tuple[str, str]]:
    """The terms that the pages name in calls of explanation(), with their files."""
    found = []
    for path in DASHBOARD.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "explanation":
                found += [(path.name, part.value) for part in node.args if isinstance(part, ast.Constant)]
    return found


def test_every_term_of_a_tooltip_exists() -> None:
    named = named_terms() + [(part.name, term) for part in PARTS.values() for term in part.terms]
    assert len(named) > 15
    assert not [(where, term) for where, term in named if term not in glossary.TERMS]
    with pytest.raises(KeyError):
        glossary.explanation("no such term")


def test_terms_are_found_by_their_other_words_in_the_plural_and_the_longest_first() -> None:
    def names(text: str) -> list[str]:
        return [term.name for term in glossary.terms_in(text)]

    assert names("D's logits, and what G draws") == ["discriminator", "logit", "generator"]
    assert names("Latent dimensions and latents") == ["latent dimension", "latent"]
    assert names("Held-out posters: filters, a Filter") == ["held-out poster", "filter"]
    assert names("a grand dog, mapping") == []
    assert glossary.explained("nothing of the kind") is None


@pytest.mark.parametrize("page", PAGES.values(), ids=list(PAGES))
def test_every_page_explains_the_terms_of_its_question(open_app: OpenApp, page: object) -> None:
    from dashboard.pages import Page

    assert isinstance(page, Page)
    app = open_app(page.file)
    head = next(caption for caption in app.caption if caption.value == page.question)
    expected = glossary.terms_in(page.question)
    assert [term.name for term in expected if f"**{term.name}**: {term.text}" not in (head.help or "")] == []
    assert bool(head.help) == bool(expected)
    if page.file != "glossary":
        assert expected


def test_the_sidebar_says_what_a_logit_is(open_app: OpenApp) -> None:
    app = open_app("latent")
    verdict = next(one for one in app.sidebar.markdown if one.value.startswith("D finds it"))
    assert glossary.TERMS["logit"].text in verdict.help
    assert glossary.TERMS["probability"].text in verdict.help


def test_metrics_are_explained(open_app: OpenApp) -> None:
    from gan.evaluation import report  # noqa: F401 - fills the registry
    from gan.evaluation.metrics import METRICS

    titled = [metric.title for metric in METRICS.values() if metric.title]
    assert len(titled) > 8
    assert not [title for title in titled if glossary.explained(title) is None]


def test_the_glossary_page_shows_all_terms_and_finds_some(open_app: OpenApp) -> None:
    app = open_app("glossary")
    assert not app.exception
    assert [shown(one) for one in headings(app)] == sorted(glossary.TERMS, key=str.casefold)
    found = open_app("glossary", {"word": "FRÉCHET distance"})
    assert [shown(one) for one in headings(found)] == ["fd_lite1"]
    assert glossary.TERMS["fd_lite1"].text in texts(found)
    nothing = open_app("glossary", {"word": "zebra"})
    assert headings(nothing) == []
    assert "No term has all of these words" in texts(nothing)

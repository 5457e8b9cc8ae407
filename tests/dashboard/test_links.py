"""Links of the version before open what they opened."""

from __future__ import annotations

import pytest

from dashboard.links import PARAMETERS, VALUES, renewed
from dashboard.panels.generator.painting import VALUES as BRUSH_VALUES
from dashboard.panels.latent.directions import FAMILIES
from tests.dashboard.reading import OpenApp, shown, texts
from xai import REFERENCES


@pytest.mark.parametrize("section", VALUES["lab"])
def test_a_section_of_the_generator_page_opens_by_its_old_name(open_app: OpenApp, section: str) -> None:
    app = open_app("generator", {"lab": section, "seed": "3"})
    assert not app.exception
    assert not app.error
    assert app.segmented_control(key="lab").value == VALUES["lab"][section]
    assert app.number_input(key="seed").value == 3


def test_old_settings_of_the_generator_page_are_set(open_app: OpenApp) -> None:
    app = open_app("generator", {"lab": "What a value drives", "wired_value": "5", "removal": "another's"})
    assert app.number_input(key="dimension").value == 5
    assert app.segmented_control(key="removal").value == "resample"


@pytest.mark.parametrize("kind", ["blur", "grey"])
def test_a_baseline_is_found_by_its_old_words(open_app: OpenApp, kind: str) -> None:
    words = next(old for old, new in VALUES["reference"].items() if new == kind)
    app = open_app("compare", {"methods": "DeepLIFT", "check": "false", "reference": words, "more": "Take it home"})
    assert not app.exception
    assert not app.error
    assert app.selectbox(key="reference").value == kind
    assert "the same files, to the last bit" in texts(app)


def test_a_link_of_today_stays_as_it_is() -> None:
    query = {"lab": ["All filters"], "methods": ["DeepLIFT", "LIME"], "seed": ["7"], "lime_samples": ["256"]}
    assert renewed(query) == query
    assert renewed(renewed({"set": ["share"], "map_layer": ["layers.0"]})) == {
        "prune_by": ["proportion"], "gradcam_layer": ["layers.0"], "activation_layer": ["layers.0"],
    }  # fmt: skip


def test_a_link_may_name_methods_as_scripts_do(open_app: OpenApp) -> None:
    app = open_app("compare", {"methods": ["gradient_input", "LIME", "deeplift"], "check": "false"})
    assert app.multiselect(key="methods").value == ["gradient_input", "lime", "deeplift"]
    assert not app.warning


def test_methods_that_are_not_here_are_named_and_the_others_are_not(open_app: OpenApp) -> None:
    app = open_app("compare", {"methods": ["deeplift", "astrology"], "check": "false"})
    (line,) = [shown(one.value) for one in app.warning]
    assert "Not all methods that were asked for are here (astrology); this page shows DeepLIFT" in line


def test_no_old_word_is_one_of_today() -> None:
    """Otherwise a new link would be turned into another."""
    assert not set(PARAMETERS) & {name for names in PARAMETERS.values() for name in names}
    for words in VALUES.values():
        assert not set(words) & set(words.values())
    assert set(VALUES["reference"].values()) == set(REFERENCES)
    assert {*VALUES["family"].values()} <= set(FAMILIES.values())
    assert {*VALUES["brush_value"].values()} <= set(BRUSH_VALUES.values())

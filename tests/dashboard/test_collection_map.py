"""The map of a collection: what it sends, what a brush brings back, the panel, and the set in the sidebar."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from dashboard.cached import layout
from dashboard.components import collection_map as module
from dashboard.components import media
from dashboard.components.collection_map import END, Plot, bits, collection_map, packed, quantised, rows_of
from dashboard.panels import brushed
from tests.dashboard.reading import OpenApp, ask
from xai.collection.maps.colouring import by_number
from xai.collection.maps.thumbnails import Thumbnails

COUNT = 22_649


@given(st.integers(1, 99).flatmap(lambda count: st.tuples(st.just(count), st.sets(st.integers(0, count - 1)))))
def test_a_brush_arrives_as_it_was_made(case: tuple[int, set[int]]) -> None:
    count, rows = case
    sent = bits(sorted(rows), count)
    assert rows_of(sent, count) == sorted(rows) or not rows


@pytest.mark.parametrize("sent", ["", "?", "AAAA", None, 7])
def test_what_is_no_brush_of_these_posters_brushes_nothing(sent: Any) -> None:
    assert rows_of(sent, 100) == []


def test_places_keep_their_proportions_and_up_is_up() -> None:
    points = np.array([[0, 0], [2, 0], [0, 1]], np.float32)
    assert quantised(points, points).tolist() == [[0, END // 2 + 1], [END, END // 2 + 1], [0, 0]]
    assert quantised(np.array([[9, -9]], np.float32), points).tolist() == [[END, END // 2 + 1]]


def mounted(monkeypatch: pytest.MonkeyPatch, **given: Any) -> tuple[dict[str, Any], dict[str, int]]:
    """The data of a map of the whole collection, and the bytes behind its addresses."""
    calls: list[dict[str, Any]] = []
    sizes: dict[str, int] = {}

    def address(content: bytes, mimetype: str, key: str) -> str:
        sizes[key] = len(content)
        return f"/media/{hash(content)}"

    monkeypatch.setattr(module, "_mount", lambda **given: calls.append(given))
    monkeypatch.setattr(media, "address", address)
    random = np.random.default_rng(0)
    points = random.normal(size=(COUNT, 2)).astype(np.float32)
    colouring = by_number("logit", random.normal(size=COUNT), ("fake", "real"))
    plot = Plot(packed(points, np.arange(COUNT)), COUNT, COUNT - 2000, colouring, Thumbnails(b"", 151, (32, 32)))
    collection_map(plot, "map", lambda rows: None, lambda row: None, **given)
    return dict(calls[0]["data"]), sizes


def test_a_brush_sends_four_kilobytes_and_a_rerun_nothing_else_new(monkeypatch: pytest.MonkeyPatch) -> None:
    data, sizes = mounted(monkeypatch)
    assert len(json.dumps(data)) < 600
    assert sizes["map-places"] == 8 * COUNT
    after, _ = mounted(monkeypatch, marked=list(range(0, COUNT, 2)))
    assert {key for key, value in after.items() if value != data[key]} == {"marked"}
    assert len(json.dumps(after)) < 4600


@given(st.lists(st.tuples(st.sampled_from(["poster", "seed"]), st.integers(0, 2**32 - 1)), unique=True, max_size=60))
def test_a_set_comes_back_from_the_address(members: list[Any]) -> None:
    assert sorted(brushed.parsed(brushed.written(members))) == sorted(members)


def test_an_address_holds_sixty_of_a_set_and_what_is_no_set_is_left_out() -> None:
    assert len(brushed.parsed(brushed.written([("seed", number) for number in range(99)]))) == 60
    assert brushed.parsed("p1.x.-2-q3-s4.99999999999") == (("poster", 1), ("seed", 4))


def components(app: AppTest, word: str) -> list[dict[str, Any]]:
    found = [json.loads(one.proto.json) for one in app.get("bidi_component")]
    return [one for one in found if word in one]


def test_without_posters_the_map_is_of_generated_ones(open_app: OpenApp) -> None:
    app = open_app("collection", {"c_lab": "Map"})
    assert not app.exception
    (data,) = components(app, "places")
    assert data["count"] > 0 == data["real"]
    assert data["chosen"] == 0  # seed 0
    assert any("of the variance" in caption.value for caption in app.caption)


def test_real_and_generated_posters_share_a_map_and_are_coloured_by_kind(
    open_app: OpenApp, poster_folder: Path
) -> None:
    app = open_app("collection", {"c_lab": "Map", "map_colour": "kind"}, "--posters", str(poster_folder))
    assert not app.exception
    (data,) = components(app, "places")
    assert 0 < data["real"] < data["count"]
    assert data["labels"] == ["real", "generated"]


def test_a_brushed_set_stands_in_the_sidebar_of_every_page_and_is_stepped_through(open_app: OpenApp) -> None:
    app = open_app("start", {"brushed": "s3.5.9"})
    assert any("3 posters" in text.value for text in app.sidebar.markdown)
    for expected in (3, 5, 9, 3):
        app.sidebar.button(key="brushed_Next").click().run()
        assert app.sidebar.number_input(key="seed").value == expected
    app.sidebar.button(key="brushed_Previous").click().run()
    assert app.sidebar.number_input(key="seed").value == 9
    assert app.query_params["brushed"] in ("s3.5.9", ["s3.5.9"])
    app.sidebar.button(key="brushed_clear").click().run()
    assert "brushed" not in app.query_params
    assert not [button for button in app.sidebar.button if str(button.key).startswith("brushed")]


def test_posters_that_are_not_loaded_are_not_in_the_set(open_app: OpenApp) -> None:
    app = open_app("start", {"brushed": "p3-s5"})
    app.sidebar.button(key="brushed_Next").click().run()
    assert any("1 of 1 poster" in text.value for text in app.sidebar.markdown)


def test_the_brushed_posters_are_listed_beside_the_map(open_app: OpenApp) -> None:
    app = open_app("collection", {"c_lab": "Map", "brushed": "s3.5"})
    assert any("2 posters brushed" in text.value for text in app.markdown)
    (data,) = components(app, "places")
    assert rows_of(data["marked"], data["count"]) == [3, 5]


def found_strategies(generated: list[int]) -> Any:
    """A study with two strategies of saying "fake" among this many seeds."""
    own = np.asarray(generated, np.int8)
    one = SimpleNamespace(verdict="fake", strategies=("", ""), of_real=np.zeros(0, np.int8), of_generated=own)
    return SimpleNamespace(strategies=(one,))


def test_points_are_coloured_by_strategies_of_the_same_posters_and_not_of_others() -> None:
    numbers = np.arange(4)
    found = layout.Collected(SimpleNamespace(), (), numbers, 0, ("key",), True, {})  # type: ignore[arg-type]
    study = found_strategies([0, 1, -1, 0])
    colours = layout.colouring(found, "strategy of fake", study)
    assert [colours.labels[code] for code in colours.codes] == ["fake 1", "fake 2", "none", "fake 1"]
    others = found_strategies([0, 1])
    assert layout._strategies(found, study)
    assert not layout._strategies(found, others)
    assert not layout._strategies(found, None)


def test_clusters_are_found_when_they_are_asked_for_and_said_in_words(open_app: OpenApp) -> None:
    app = open_app("collection", {"c_lab": "Map", "map_colour": "cluster"})
    assert not components(app, "places")
    ask(app, "map_clusters")
    assert not app.exception
    (data,) = components(app, "places")
    assert data["labels"]
    assert any("lusters" in caption.value for caption in app.caption)

"""What our components send to the browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import streamlit
from hypothesis import given
from hypothesis import strategies as st

from dashboard.components import brush, media, scrubber, sprite_grid, turning, value_map
from dashboard.components.triggers import trigger_value
from tests.dashboard.reading import OpenApp, unfolded
from xai.render import sprite

NUMBERS = st.lists(st.tuples(st.integers(-999, 999), st.floats(-9, 9)), min_size=1, max_size=20)


@given(st.one_of(st.lists(st.text()), NUMBERS.map(lambda rows: [f"filter {a}: mean {b:+z.3f} of 5%" for a, b in rows])))
def test_texts_arrive_as_they_were(texts: list[str]) -> None:
    assert unfolded(sprite_grid.compact(texts)) == texts


def mounted(monkeypatch: pytest.MonkeyPatch, count: int, selected: int) -> dict[str, Any]:
    """The data of a sheet of that many filters."""
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(sprite_grid, "_mount", lambda **given: calls.append(given))
    monkeypatch.setattr(media, "address", lambda content, mimetype, key: f"/media/{hash(content)}.png")
    sheet = sprite(np.random.default_rng(0).integers(0, 255, (count, 32, 32, 3), np.uint8))
    sprite_grid.sprite_grid(
        sheet,
        [f"filter {index}" for index in range(count)],
        "grid",
        lambda place: None,
        selected,
        notes=[f"mean response {index / 7:+z.3f}, effect 0.12 grey levels" for index in range(count)],
    )
    return dict(calls[0]["data"])


def test_a_click_on_one_of_512_filters_sends_less_than_12_kilobytes(monkeypatch: pytest.MonkeyPatch) -> None:
    data = mounted(monkeypatch, 512, 3)
    assert len(json.dumps(data)) < 12_000
    assert {key for key, value in mounted(monkeypatch, 512, 4).items() if value != data[key]} == {"selected"}


def test_a_filters_numbers_stand_behind_its_name_and_labels_are_sent_once(monkeypatch: pytest.MonkeyPatch) -> None:
    data = mounted(monkeypatch, 12, 3)
    assert unfolded(data["labels"])[7] == "filter 7"
    assert unfolded(data["notes"])[7] == "mean response +1.000, effect 0.12 grey levels"


def test_the_start_pages_sheet_is_fetched_by_its_address(open_app: OpenApp) -> None:
    app = open_app("start")
    data = [json.loads(grid.proto.json) for grid in app.get("bidi_component") if '"uri"' in grid.proto.json]
    assert len(data) == 1
    assert "/media/" in data[0]["uri"]


PAGES = {"start": {}, "discriminator": {}, "generator": {"lab": "Paint with this filter"}, "latent": {}}


def recording(mount: Callable[..., Any], calls: list[dict[str, Any]]) -> Callable[..., Any]:
    def mounted(**given: Any) -> Any:
        calls.append(given)
        return mount(**given)

    return mounted


def test_what_a_browser_tells_of_a_page_that_was_left_changes_nothing(
    open_app: OpenApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A browser that is slower than the server still sends it, and Streamlit runs the callback without the state."""
    calls: list[dict[str, Any]] = []
    modules = (brush, scrubber, sprite_grid, turning, value_map)
    for module in modules:
        monkeypatch.setattr(module, "_mount", recording(module._mount, calls))
    for page, query in PAGES.items():
        open_app(page, query)
    told_by = {(given["key"], name): given[name] for given in calls for name in given if name.startswith("on_")}
    assert {"on_picked_change", "on_kept_change", "on_turned_change", "on_failed_change", "on_mask_change"} <= {
        name for _, name in told_by
    }
    left: dict[str, Any] = {}
    monkeypatch.setattr(streamlit, "session_state", left)
    for callback in told_by.values():
        callback()
    assert not left


def test_a_component_tells_the_value_of_its_trigger(monkeypatch: pytest.MonkeyPatch) -> None:
    state = type("State", (), {"picked": 3})
    monkeypatch.setattr(streamlit, "session_state", {"grid": state})
    assert trigger_value("grid", "picked") == 3
    assert trigger_value("grid", "brushed") is None
    assert trigger_value("map", "picked") is None

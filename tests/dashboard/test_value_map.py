"""The component of large maps: what it sends, and where a click goes."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import streamlit

from dashboard.components import media, value_map


@pytest.fixture
def mounts(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(value_map, "_mount", lambda **given: calls.append(given))
    monkeypatch.setattr(media, "address", lambda content, mimetype, key: f"/media/{hash(content)}.bin")
    return calls


def show(values: Any, **given: Any) -> None:
    value_map.value_map(np.zeros((64, 64, 3), np.uint8), values, "map", caption="its map", unit="logit", **given)


def test_values_are_sent_by_address_and_only_when_they_change(mounts: list[dict[str, Any]]) -> None:
    values = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
    show(values)
    show(values.copy())
    show(values * 2)
    first, second, other = (json.dumps(call["data"]) for call in mounts)
    assert first == second != other
    assert len(first) < 500


def test_a_click_says_its_row_and_column_and_nonsense_is_left_alone(
    mounts: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    picked: list[tuple[int, int]] = []
    show(np.zeros((4, 8), np.float32), on_pick=lambda row, column: picked.append((row, column)))
    for place in ([1, 7], [4, 0], [-1, 0], [0], None, "00"):
        state = type("State", (), {"picked": place})
        monkeypatch.setattr(streamlit, "session_state", {"map": state})
        mounts[0]["on_picked_change"]()
    assert picked == [(1, 7)]
    assert mounts[0]["data"]["goes"]


def test_without_anywhere_to_go_nothing_can_be_clicked(mounts: list[dict[str, Any]]) -> None:
    show(np.zeros((4, 8), np.float32))
    assert not mounts[0]["data"]["goes"]
    assert "click" not in mounts[0]["data"]["hint"]

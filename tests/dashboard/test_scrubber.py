"""The scrubber of the page Latent and the one of a notebook show the same."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import gan
import xai
from dashboard.components import media
from tests.dashboard.reading import OpenApp


def scrubbers_of(app: AppTest) -> list[dict[str, object]]:
    return [data for one in app.get("bidi_component") if "heat" in (data := json.loads(one.proto.json))]


def test_the_widgets_state_is_what_the_page_hands_to_its_component(
    open_app: OpenApp, checkpoints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed: dict[str, bytes] = {}

    def address(content: bytes, mimetype: str, key: str) -> str:
        handed[key] = content
        return f"data:{mimetype};base64,{base64.b64encode(content).decode()}"

    monkeypatch.setattr(media, "address", address)
    app = open_app("latent", {"seed": "7"})
    [data] = scrubbers_of(app)
    widget = xai.scrubber(gan.load(checkpoints / "tiny"), seed=7)
    assert {**widget.sheet, "chosen": widget.dimension} == data
    assert handed["atlas"]
    other = xai.scrubber(gan.load(checkpoints / "tiny"), seed=8)
    assert other.sheet != widget.sheet

"""Several latent dimensions turned on the Latent page: what the browser is told, and what the server draws."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from streamlit.testing.v1 import AppTest

import gan
from dashboard.components import media, modules
from dashboard.components.turning import MODULES
from dashboard.panels.latent import turning as panel
from tests.dashboard.reading import OpenApp, captions, subject_of, texts
from xai.latents.turning import Turning
from xai.web import live
from xai.web.live import browser_file


def sent(app: AppTest) -> dict[str, Any]:
    """What the component that turns is told."""
    found = [json.loads(one.proto.json) for one in app.get("bidi_component") if '"ranking"' in one.proto.json]
    assert len(found) == 1
    return dict(found[0])


def word(app: AppTest) -> str:
    """What the address says."""
    found = app.query_params.get(panel.KEY, "")
    return found[0] if isinstance(found, list) else found


@pytest.fixture
def without_onnx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)


def test_the_browser_is_told_the_start_the_ranking_and_where_everything_is(open_app: OpenApp) -> None:
    app = open_app("latent", {"seed": "3", "turned": "2:1.5", "latent": "4"})
    assert not app.exception
    data = sent(app)
    assert data["start"] == pytest.approx(gan.latents([3], subject_of(app).checkpoint.config).flatten().tolist())
    assert data["turned"] == "2:1.5"
    assert data["chosen"] == 4
    assert [index for index, _ in data["ranking"]] == app.dataframe[0].value["dimension"].tolist()
    assert len(data["models"]) == 2
    assert set(data["modules"]) == set(MODULES)
    assert all("/media/" in address for address in [*data["models"], *data["modules"].values()])
    assert not app.get("warning")


def test_squares_sliders_and_table_go_by_one_ranking(open_app: OpenApp) -> None:
    app = open_app("latent")
    data = [json.loads(one.proto.json) for one in app.get("bidi_component") if '"heat"' in one.proto.json]
    heat, table = data[0]["heat"], app.dataframe[0].value
    squares = sorted(range(len(heat)), key=lambda index: -heat[index])
    assert squares == table["dimension"].tolist() == [index for index, _ in sent(app)["ranking"]]
    app.slider(key="latent").set_value(1).run()  # by now the sweeps are there
    assert app.dataframe[0].value["reach"].max() == pytest.approx(1)


def test_a_module_names_the_others_by_their_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    handed: dict[str, tuple[bytes, str]] = {}

    def address(content: bytes, mimetype: str, key: str) -> str:
        handed[key] = content, mimetype
        return f"/below/media/{len(handed)}.js"

    monkeypatch.setattr(media, "address", address)
    found = modules.addresses(["stage.js", "networks.js"], "k")
    assert set(found) == {"stage.js", "networks.js"}
    runtime, mimetype = handed["k-vendor/ort-wasm-simd-threaded.wasm.gz"]
    assert runtime == browser_file("vendor/ort-wasm-simd-threaded.wasm.gz").read_bytes()
    assert mimetype == "application/gzip"
    place = list(handed).index("k-worker.js") + 1
    assert f"'./{place}.js'" in handed["k-networks.js"][0].decode()
    for name in ("stage.js", "networks.js", "worker.js"):
        assert not re.search(r"'\./[a-z]", handed[f"k-{name}"][0].decode())


def test_without_onnx_the_server_draws_and_the_page_says_why(open_app: OpenApp, without_onnx: None) -> None:
    app = open_app("latent", {"seed": "3", "turned": "2:1.5"})
    assert not app.exception
    assert "needs the package onnx" in texts(app)
    assert "the poster now" in captions(app)
    assert app.slider(key="turning_2").value == 1.5
    verdicts = [text.value for text in app.main.markdown if text.value.startswith("D finds it")]
    checkpoint = subject_of(app).checkpoint
    generator, discriminator = checkpoint.need_both()
    for value in (1.5, -4.0):
        app.slider(key="turning_2").set_value(value).run()
        assert not app.exception
        with torch.no_grad():
            poster = generator(Turning({2: value}).of(gan.latents([3], checkpoint.config)))
            logit = float(discriminator.logit(poster))
        verdicts = [text.value for text in app.main.markdown if text.value.startswith("D finds it")]
        assert f"**{logit:+z.2f}**" in verdicts[0]
        assert word(app) == str(Turning({2: value}))


def test_on_the_server_all_is_reset_set_to_zero_and_a_dimension_added(open_app: OpenApp, without_onnx: None) -> None:
    app = open_app("latent", {"seed": "3", "turned": "length:0.5,2:1.5"})
    assert app.slider(key="turning_length").value == 0.5
    app.button(key="turning_back_2").click().run()
    assert word(app) == "length:0.5"
    next(button for button in app.button if button.label == "All to zero").click().run()
    assert word(app) == "length:0"
    assert app.slider(key="turning_2").value == 0
    next(button for button in app.button if button.label == "Reset all").click().run()
    assert word(app) == ""
    shown = {slider.key for slider in app.slider}
    hidden = next(index for index in range(8) if f"turning_{index}" not in shown)
    app.selectbox(key="turning_add").set_value(hidden).run()
    assert not app.exception
    assert f"turning_{hidden}" in {slider.key for slider in app.slider}
    assert word(app) == ""


def test_networks_that_are_too_large_for_a_browser_are_drawn_by_the_server(
    open_app: OpenApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MOST_WEIGHTS", 10)
    app = open_app("latent")
    assert not app.exception
    assert "million weights" in texts(app)
    assert "the poster now" in captions(app)


def test_a_browser_that_fails_is_said_in_one_plain_sentence(open_app: OpenApp) -> None:
    app = open_app("latent")
    app.session_state[panel.FAILED] = "![x](http://evil.test/p.png)"
    app.run()
    assert not app.exception
    assert "![x](http://evil.test/p.png)" in texts(app)
    assert not any("![x](" in note.value for note in app.info)


def test_a_turned_poster_goes_to_all_pages(open_app: OpenApp) -> None:
    app = open_app("latent", {"seed": "3", "turned": "2:1.5"})
    app.button(key="take_turned").click().run()
    assert not app.exception
    subject = subject_of(app)
    assert subject.name == "seed 3 with 2:1.5"
    assert subject.noise is not None
    assert torch.equal(subject.noise.z, Turning({2: 1.5}).of(gan.latents([3], subject.checkpoint.config)))
    assert word(app) == ""
    app.button(key="take_turned").click().run()  # nothing is turned: it stays
    assert subject_of(app).name == subject.name


@pytest.mark.parametrize("asked", ["900:1", "2:1.5,900:1", "2:99", "nonsense", "length:9"])
def test_what_a_link_asks_for_and_is_not_here_is_named(open_app: OpenApp, asked: str) -> None:
    app = open_app("latent", {"turned": asked})
    assert not app.exception
    assert len(app.warning) == 1
    assert f"turned={asked}" in texts(app)
    assert sent(app)["turned"] == ("2:1.5" if asked.startswith("2:1.5") else "")


def test_a_checkpoint_without_a_discriminator_shows_pictures_alone(
    open_app: OpenApp, checkpoints: Path, tmp_path: Path, without_onnx: None
) -> None:
    tiny = gan.load(checkpoints / "tiny")
    torch.save(tiny.need_generator().state_dict(), tmp_path / "half.pth")
    app = open_app("latent", {"turned": "2:1.5"}, "--checkpoints", str(tmp_path))
    assert not app.exception
    assert "the poster now" in captions(app)
    assert not [text for text in app.main.markdown if text.value.startswith("D finds it")]

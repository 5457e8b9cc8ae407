"""What a card on the Compare page says of its map."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

import gan
from tests.dashboard.reading import OpenApp, texts
from xai.bench.standing import NAME

ONE = {"methods": ["DeepLIFT"], "seed": "0"}
VERDICT = re.compile(r"\b(real|fake|logits?)\b", re.IGNORECASE)


def with_standing(checkpoints: Path, folder: Path, value: float, digest: str | None = None) -> Path:
    shutil.copytree(checkpoints / "tiny", folder / "tiny")
    measured = [value, value - 0.01, value + 0.01]
    record = {
        "digest": digest or gan.load(folder / "tiny").digest,
        "methods": {"deeplift": {"8": measured, "1": [-0.1, -0.11, -0.09]}},
    }
    (folder / "tiny" / NAME).write_text(json.dumps(record))
    return folder


@pytest.mark.parametrize(("value", "words"), [(0.1, "evidence better than an edge"), (-0.1, "evidence less well than")])
def test_a_card_says_how_its_method_stands_at_this_detail(
    open_app: OpenApp, checkpoints: Path, tmp_path: Path, value: float, words: str
) -> None:
    folder = with_standing(checkpoints, tmp_path / "ck", value)
    app = open_app("compare", ONE, "--checkpoints", str(folder))
    assert not app.exception
    assert words in texts(app)
    if value < 0:
        assert "green-badge" not in texts(app)
    app.select_slider(key="detail").set_value(1).run()
    assert "benchmark at 1 px, maps of this method find planted evidence less well" in texts(app)
    app.select_slider(key="detail").set_value(16).run()
    assert "benchmark" not in texts(app)  # not measured there


def test_what_was_measured_with_other_weights_is_not_said(open_app: OpenApp, checkpoints: Path, tmp_path: Path) -> None:
    folder = with_standing(checkpoints, tmp_path / "ck", 0.1, digest="other weights")
    app = open_app("compare", ONE | {"check": "false"}, "--checkpoints", str(folder))
    assert not app.exception
    assert "benchmark" not in texts(app)


def of_the_page(open_app: OpenApp, query: dict[str, object]) -> str:
    app = open_app("compare", query)
    assert not app.exception
    kinds = (app.main.markdown[1:], app.main.caption, app.main.info)  # the first is the poster's strip, for phones
    return " ".join(element.value for kind in kinds for element in kind)


def test_a_page_about_a_filter_never_says_real_fake_or_logit(open_app: OpenApp) -> None:
    some = {"methods": ["DeepLIFT", "Gradient × input", "SmoothGrad", "Activation map"], "more": "Agreement"}
    filter_of = {"explain": "one filter", "target_layer": "layers.1", "target_unit": "2"}
    said = of_the_page(open_app, some | filter_of)
    assert not VERDICT.search(said.replace("What gave this fake away", ""))
    assert "Orange speaks for a stronger response" in said
    said = of_the_page(open_app, some | {"check": "false"})
    assert "Red speaks for real, blue for fake" in said
    assert "logit a pixel" in said


def test_methods_that_average_over_references_say_so(open_app: OpenApp) -> None:
    query = {"methods": ["DeepLIFT", "DeepSHAP"], "check": "false", "reference": "generated"}
    said = of_the_page(open_app, query)
    assert "Compared with the mean of 16 pictures (several generated posters), which scores" in said
    assert "Averaged over comparisons with each of 16 pictures (several generated posters), which score" in said
    said = of_the_page(open_app, query | {"reference": "grey"})
    assert said.count("Compared with a plain grey picture, which scores") == 2


def test_maps_that_are_not_to_be_trusted_are_in_the_consensus_only_if_asked_for(
    open_app: OpenApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.dashboard.test_pages import judge

    judge(monkeypatch, {"deeplift": "do not trust", "gradient_input": "trust", "deepshap": "caution"})
    query = {"methods": ["DeepLIFT", "DeepSHAP", "Gradient × input"], "more": "Agreement"}
    app = open_app("compare", query)
    assert not app.exception
    assert "Not among them: DeepLIFT." in texts(app)
    app.checkbox(key="doubted").check().run()
    assert "Not among them" not in texts(app)


def test_one_line_above_the_maps_says_which_are_to_be_trusted(
    open_app: OpenApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.dashboard.test_pages import judge

    judge(monkeypatch, {"deeplift": "do not trust", "gradient_input": "trust", "deepshap": "trust"})
    query = {"methods": ["DeepLIFT", "DeepSHAP", "Gradient × input"]}
    said = texts(open_app("compare", query))
    assert "Not to be trusted: DeepLIFT. Not examined at this detail: DeepSHAP, Gradient × input." in said
    assert "Not to be trusted:" not in texts(open_app("compare", query | {"check": "false"}))


def test_fewer_than_two_maps_are_one_sentence(open_app: OpenApp) -> None:
    said = of_the_page(open_app, {"methods": ["DeepLIFT", "Activation map"], "check": "false", "more": "Agreement"})
    assert "only DeepLIFT is one. Left out: Activation map." in said
    said = of_the_page(open_app, {"methods": ["Activation map"], "check": "false", "more": "Agreement"})
    assert "none of the chosen methods gives one" in said

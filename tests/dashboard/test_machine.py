"""The machine on the Start page: what is drawn, where its parts lead, and what a poster did not pass through."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

import gan
from dashboard.pages import PAGES, PARTS
from dashboard.panels.start import machine as panel
from tests.dashboard.reading import OpenApp, headings, subject_of, texts
from xai.discriminator.relevance import filter_contributions

Data = dict[str, Any]


def drawn(app: AppTest) -> Data:
    """What the machine's component is given."""
    data = [json.loads(one.proto.json) for one in app.get("bidi_component") if one.proto.json]
    (found,) = [one for one in data if "groups" in one]
    return dict(found)


def groups(data: Data) -> dict[str, list[Data]]:
    return {group["name"]: group["parts"] for group in data["groups"]}


def asleep(data: Data) -> list[str]:
    return [group["name"] for group in data["groups"] if group["asleep"]]


def led_to(link: Data) -> tuple[str, dict[str, str]]:
    """The page that a link opens, and its query."""
    address = urlsplit(link["href"])
    return address.path.strip("/"), {name: values[0] for name, values in parse_qs(address.query).items()}


def test_a_generated_poster_passes_through_all_parts_in_their_order(open_app: OpenApp) -> None:
    app = open_app("start", {"seed": "3"})
    assert not app.exception
    data = drawn(app)
    assert list(groups(data)) == list(PARTS)
    assert asleep(data) == []
    config = subject_of(app).checkpoint.config
    noise = groups(data)["noise"][0]
    assert len(noise["values"]) == 6 * config.latent
    sizes = [[part["small"] for part in groups(data)[name]] for name in ("generator", "discriminator")]
    assert sizes[0] == sizes[1][::-1]
    cells = [part["cell"] for name in ("generator", "discriminator") for part in groups(data)[name]]
    assert cells == list(range(data["cells"]))


def test_a_tile_opens_its_page_with_its_layer_and_filter(open_app: OpenApp) -> None:
    data = drawn(open_app("start", {"seed": "3"}))
    for network, prefix in (("generator", "g"), ("discriminator", "d")):
        for part in groups(data)[network]:
            page, query = led_to(part)
            layer, unit = re.findall(r"(layers\.\d+), filter (\d+)$", part["label"])[0]
            assert (page, query["seed"]) == (network, "3")
            assert (query[f"{prefix}_layer"], query[f"{prefix}_unit"]) == (layer, unit)
            app = open_app(page, query)
            assert not app.exception
            assert not app.warning
            assert headings(app)[0] == f"Filter {unit} of {layer}"
    assert [led_to(groups(data)[name][0])[0] for name in ("noise", "poster", "verdict")] == [
        "latent", "compare", "compare",
    ]  # fmt: skip


def test_what_a_tile_of_the_discriminator_says_is_what_its_page_says(open_app: OpenApp) -> None:
    part = groups(drawn(open_app("start", {"seed": "3"})))["discriminator"][0]
    said = re.findall(r"verdict on this poster: ([+-][\d.]+), speaks", part["text"])
    page, query = led_to(part)
    assert f"In this poster it adds **{said[0]}** to D's logit." in texts(open_app(page, query))


def test_a_real_poster_has_a_verdict_but_no_noise(open_app: OpenApp, poster_folder: Path) -> None:
    app = open_app("start", {"source": "Poster", "poster": "2"}, "--posters", str(poster_folder))
    assert not app.exception
    data = drawn(app)
    assert asleep(data) == ["noise", "generator"]
    (noise,) = groups(data)["noise"]
    assert "Only a generated poster has a latent" in noise["text"]
    assert data["hint"].startswith("This poster was not generated")
    assert "not generated" not in drawn(open_app("start"))["hint"]
    page, query = led_to(noise)
    assert (page, query["poster"]) == ("latent", "2")
    opened = open_app(page, query, "--posters", str(poster_folder))
    assert not opened.exception
    assert opened.segmented_control(key="noise").value == panel.FIND
    reference = subject_of(app)
    assert f"logit {reference.logit:+z.2f}" in groups(data)["verdict"][0]["words"]
    assert led_to(groups(data)["discriminator"][0])[1]["source"] == "Poster"


def test_without_a_discriminator_the_picture_ends_at_the_poster(
    open_app: OpenApp, tmp_path: Path, tiny: gan.ModelConfig
) -> None:
    torch.save(gan.Generator(tiny).state_dict(), tmp_path / "painter.pth")
    app = open_app("start", None, "--checkpoints", str(tmp_path))
    assert not app.exception
    assert not app.error
    data = drawn(app)
    assert asleep(data) == ["discriminator", "verdict"]
    assert all("responds most strongly" in part["text"] for part in groups(data)["generator"])
    app.radio(key="source").set_value("Upload").run()
    app.file_uploader(key="upload").upload("mine.png", png(), "image/png").run()
    assert not app.exception
    assert not app.error
    assert asleep(drawn(app)) == ["noise", "generator", "discriminator", "verdict"]  # the poster alone


def test_a_discriminator_alone_has_its_half_only(open_app: OpenApp, tmp_path: Path, tiny: gan.ModelConfig) -> None:
    torch.save(gan.Discriminator(tiny).state_dict(), tmp_path / "judge.pth")
    app = open_app("start", None, "--checkpoints", str(tmp_path))
    assert not app.exception
    app.file_uploader(key="upload").upload("mine.png", png(), "image/png").run()
    assert not app.exception
    assert not app.error
    data = drawn(app)
    assert asleep(data) == ["noise", "generator"]
    page, query = led_to(groups(data)["noise"][0])
    assert (page, query["word"]) == ("glossary", "noise")
    assert headings(open_app(page, query, "--checkpoints", str(tmp_path)))


def png() -> bytes:
    import io

    from gan.data.synthetic import draw_poster

    buffer = io.BytesIO()
    draw_poster(3).image.save(buffer, "PNG")
    return buffer.getvalue()


def test_networks_that_contributions_cannot_be_traced_through_are_shown_all_the_same(
    open_app: OpenApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    import xai
    from xai.discriminator import relevance

    def refuse(*_: object) -> None:
        raise xai.ExplanationError("no chain")

    monkeypatch.setattr(relevance, "filter_contributions", refuse)
    app = open_app("start")
    assert not app.exception
    assert not app.error
    parts = groups(drawn(app))
    assert all("responds most strongly" in part["text"] for part in parts["discriminator"])
    assert all("matters most to D's verdict" in part["text"] for part in parts["generator"])


def test_a_click_opens_the_page_of_that_part(open_app: OpenApp, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, dict[str, str]]] = []
    monkeypatch.setattr(panel, "machine", lambda *given, **looks: 1)  # after the noise, the first tile of G
    monkeypatch.setattr(panel.st, "switch_page", lambda page, query_params: asked.append((page, query_params)))
    app = open_app("start", {"seed": "3"})
    assert not app.exception
    ((page, query),) = asked
    assert page == PAGES["generator"].path
    assert set(query) == {"g_layer", "g_unit"}
    assert query["g_layer"] == "layers.2"


def test_the_picture_of_the_machine_failing_leaves_the_posters(
    open_app: OpenApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panel, "groups", lambda *_: 1 / 0)
    app = open_app("start")
    assert not app.exception
    assert len(app.error) == 1
    assert "Twelve posters that do not exist" in headings(app)


def test_the_machine_stands_first_then_the_posters_then_what_to_try(open_app: OpenApp) -> None:
    expected = ["The whole machine", "Twelve posters that do not exist", "What to try first", "What is loaded"]
    assert [one for one in headings(open_app("start")) if one in expected] == expected


@pytest.mark.parametrize("page", PAGES.values(), ids=list(PAGES))
def test_the_part_that_a_page_is_about_is_lit(open_app: OpenApp, page: Any) -> None:
    links = strip(open_app(page.file))
    if page.file == "start":  # there the machine itself stands
        assert links == {}
        return
    assert list(links) == list(PARTS)
    assert tuple(name for name, lit in links.items() if lit) == page.about
    assert set(page.about) <= set(PARTS)


def strip(app: AppTest) -> dict[str, bool]:
    """The parts in a page's head, and whether each is lit."""
    keys = re.findall(r"-strip_([a-z]+)_(lit|unlit)$", "\n".join(identities(app.main)), re.MULTILINE)
    return {name: lit == "lit" for name, lit in keys}


def identities(block: Any) -> Iterator[str]:
    """Of a block and all within it, in their order."""
    yield str(getattr(block.proto, "id", ""))
    for child in getattr(block, "children", {}).values():
        yield from identities(child)


def test_contributions_are_those_of_the_checkpoint_on_show(open_app: OpenApp) -> None:
    """An independent way: the largest contribution, computed here."""
    import xai

    app = open_app("start", {"seed": "5"})
    subject = subject_of(app)
    reference = xai.reference("generated", generator=subject.checkpoint.generator).single(subject.image)
    found = filter_contributions(xai.Score(subject.checkpoint.need_discriminator()), subject.image, reference)
    expected = [int(np.abs(layer.values).argmax()) for layer in found.layers]
    parts = groups(drawn(app))["discriminator"]
    assert [int(part["label"].rsplit(" ", 1)[1]) for part in parts] == expected

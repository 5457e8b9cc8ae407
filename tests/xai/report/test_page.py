from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch

import gan
import xai
from gan.progress import Progress
from tests.xai.archives import archive
from xai.methods.base import Attribution, Result
from xai.render import limit, pool
from xai.report import words
from xai.report.findings import explain
from xai.trust.verdict import RULE


def test_the_page_stands_alone_and_escapes_names(
    checkpoint: gan.Checkpoint, methods: list[xai.Attribution], images: torch.Tensor, tmp_path: Path
) -> None:
    names = ["<script>alert(1)</script>.png", "a\"b'c&d.png", "x\udcff\x07.png"]
    record, page = archive(tmp_path, checkpoint, methods, explain(methods, names, images))
    assert [poster["name"] for poster in record["posters"]] == names
    assert page.tags["script"] == page.tags["link"] == page.tags["iframe"] == 0
    assert page.tags["article"] == 3
    assert page.tags["img"] == 3 * 4
    assert all(address.startswith("data:image/png;base64,") for address in page.addresses)
    assert names[0] in page.text
    assert names[1] in page.text
    assert "x��.png" in page.text


@dataclass(frozen=True, eq=False)
class Unregistered(Attribution):
    """What a person may write in a notebook."""

    name, title, in_logits, claims = "mine", "My <own> map", False, "response"
    promise, caveat = "It shows the picture.", "It shows nothing else."

    def _attribute(self, image: torch.Tensor, progress: Progress) -> Result:
        return Result(image)


def test_a_method_that_is_not_registered_is_reported_like_the_others(
    checkpoint: gan.Checkpoint, images: torch.Tensor, tmp_path: Path
) -> None:
    methods = [Unregistered(xai.Score(checkpoint.discriminator))]
    record, page = archive(tmp_path, checkpoint, methods, explain(methods, ["a"], images[:1]))
    assert page.text.count("My <own> map") == 2
    assert "It shows nothing else." in page.text
    stored = record["posters"][0]["methods"]["mine"]
    assert stored["full_colour"] == limit(pool(images[0].sum(0).numpy(), 1))


def test_each_method_is_introduced_once(
    checkpoint: gan.Checkpoint, methods: list[xai.Attribution], images: torch.Tensor, tmp_path: Path
) -> None:
    _, page = archive(tmp_path, checkpoint, methods, explain(methods, list("abc"), images))
    for method in methods:
        meaning = method.score.meaning
        assert page.text.count(words.promise(method, meaning)) == page.text.count(words.caveat(method, meaning)) == 1
    assert "a plain grey picture" in page.text
    assert RULE not in page.text


def test_a_verdict_stands_with_its_evidence(
    checkpoint: gan.Checkpoint, methods: list[xai.Attribution], images: torch.Tensor, tmp_path: Path
) -> None:
    findings = explain(methods[:1], ["a"], images[:1], trust=True)
    record, page = archive(tmp_path, checkpoint, methods[:1], findings)
    trust = findings[0].trust["deeplift"]
    stored = record["posters"][0]["methods"]["deeplift"]["trust"]
    assert stored["verdict"] == trust.verdict
    assert trust.verdict in page.text
    for result in trust.checks:
        assert result.check.meaning in page.text
        entry = stored["checks"][result.check.key]
        assert entry["level"] == result.level
        assert (entry["value"] is None) if math.isnan(result.value) else (entry["value"] == result.value)


def test_an_empty_map_is_said_to_be_empty(checkpoint: gan.Checkpoint, tmp_path: Path) -> None:
    methods = [xai.attribution("deeplift", xai.Score(checkpoint.discriminator))]
    findings = explain(methods, ["grey"], torch.zeros(1, 3, 8, 8))
    record, page = archive(tmp_path, checkpoint, methods, findings)
    assert record["posters"][0]["methods"]["deeplift"]["full_colour"] == 1.0
    assert "the map is empty" in page.text


def test_a_unit_has_a_score_and_no_verdict(checkpoint: gan.Checkpoint, images: torch.Tensor, tmp_path: Path) -> None:
    methods = [xai.attribution("deeplift", xai.Score(checkpoint.discriminator, "layers.1", 2))]
    _, page = archive(tmp_path, checkpoint, methods, explain(methods, ["a"], images[:1]))
    assert "D finds it" not in page.text
    assert "The response of filter 2 of layers.1, averaged over the poster; high means a stronger" in page.text
    assert "speaks for a stronger response," in page.text

"""What a map is said to show follows from what is explained: real, fake and logit only where it is D's logit."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

import gan
import xai
from tests.xai.archives import archive
from xai.networks.score import LOGIT, OUTPUT
from xai.report import words
from xai.report.findings import explain

VERDICT = re.compile(r"\b(real|fake|logits?)\b", re.IGNORECASE)
every_method = pytest.mark.parametrize("name", xai.METHODS)


def said(method: xai.Attribution, explanation: xai.Explanation) -> str:
    """All that words.py says of a map."""
    meaning = explanation.meaning
    texts = [words.promise(method, meaning), words.caveat(method, meaning), words.legend(meaning)]
    return " ".join([*texts, *words.facts(explanation, 0.1), words.sums(explanation)])


def explained(name: str, score: xai.Score, image: torch.Tensor) -> tuple[xai.Attribution, xai.Explanation]:
    method = xai.attribution(name, score).cheap()
    return method, method.attribute(image)


@every_method
def test_a_filter_is_never_real_or_fake_and_has_no_logit(
    checkpoint: gan.Checkpoint, images: torch.Tensor, name: str
) -> None:
    method, explanation = explained(name, xai.Score(checkpoint.discriminator, "layers.1", 2), images[:1])
    text = said(method, explanation)
    assert not VERDICT.search(text)
    assert "{" not in text
    assert "filter 2 of layers.1" in text or explanation.claims == "gradient"


@every_method
def test_the_verdict_is_told_as_real_and_fake(checkpoint: gan.Checkpoint, images: torch.Tensor, name: str) -> None:
    method, explanation = explained(name, xai.Score(checkpoint.discriminator), images[:1])
    text = said(method, explanation)
    assert "Red speaks for real, blue for fake" in text
    assert "{" not in text
    if explanation.claims == "score":
        assert "logit a pixel" in text


def test_a_page_about_a_filter_never_says_real_fake_or_logit(
    checkpoint: gan.Checkpoint, images: torch.Tensor, tmp_path: Path
) -> None:
    methods = [xai.attribution(name, xai.Score(checkpoint.discriminator, "layers.1", 2)) for name in xai.METHODS]
    methods = [method.cheap() for method in methods]
    _, page = archive(tmp_path / "unit", checkpoint, methods, explain(methods, ["a"], images[:1]))
    assert not VERDICT.search(page.text)
    logit = [xai.attribution("deeplift", xai.Score(checkpoint.discriminator))]
    _, page = archive(tmp_path / "logit", checkpoint, logit, explain(logit, ["a"], images[:1]))
    assert "D finds it" in page.text
    assert "speaks for real," in page.text


def test_a_network_of_ones_own_has_an_output() -> None:
    assert (
        words.legend(OUTPUT) == "Orange speaks for a higher output, purple for a lower output; grey: little influence."
    )
    assert words.legend(LOGIT) == "Red speaks for real, blue for fake; grey: little influence."

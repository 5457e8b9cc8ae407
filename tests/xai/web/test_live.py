"""What a connected page hands to the browser are the exported networks, packed; what cannot run there is refused."""

from __future__ import annotations

import gzip
import re

import pytest

import gan
from tests.xai import built
from tests.xai.nets import conditional, one_sentence
from xai.errors import ExplanationError
from xai.web import live
from xai.web.live import browser_file, packed_models
from xai.web.onnx_model import discriminator_model, generator_model


def test_the_models_are_those_of_the_export_and_always_the_same_bytes() -> None:
    checkpoint = built.checkpoint()
    generator, discriminator = packed_models(checkpoint)
    assert gzip.decompress(generator) == generator_model(checkpoint.need_generator())
    assert gzip.decompress(discriminator) == discriminator_model(checkpoint.need_discriminator())
    assert packed_models(checkpoint) == [generator, discriminator]


def test_without_a_discriminator_the_generator_is_enough() -> None:
    network = built.generator()
    assert len(packed_models(gan.Checkpoint(network, None, network.config, name="half"))) == 1


def test_networks_that_a_browser_cannot_run_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    network = conditional()
    with pytest.raises(ExplanationError):
        packed_models(gan.Checkpoint(network, None, network.config))
    monkeypatch.setattr(live, "MOST_WEIGHTS", 10)
    with pytest.raises(ExplanationError) as error:
        packed_models(built.checkpoint())
    assert "million weights" in one_sentence(error.value)


def test_all_files_that_the_modules_name_are_there() -> None:
    for name in ("stage.js", "networks.js", "sliders.js", "turned.js", "edits.js", "worker.js"):
        for named in re.findall(r"'(?:\./)?((?:vendor/)?[\w.-]+\.(?:m?js|gz))'", browser_file(name).read_text()):
            assert browser_file(named).is_file()

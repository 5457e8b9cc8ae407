from __future__ import annotations

import pytest
import torch
from torch import nn

import gan
import xai
from tests.xai import nets
from tests.xai.nets import one_sentence
from xai.generator.folded import FoldedGenerator


def test_a_row_of_a_trace_does_not_depend_on_the_other_rows() -> None:
    network = nets.generator(16)
    folded = FoldedGenerator.of(network)
    z = gan.latents(range(20), network.config)
    assert torch.equal(folded.maps(folded.trace(z), "layers.5")[3:4], folded.maps(folded.trace(z[3:4]), "layers.5"))


def test_a_network_that_is_no_chain_is_refused() -> None:
    network = nets.generator()
    network.layers[2] = nn.Softplus()
    with pytest.raises(xai.ExplanationError) as caught:
        FoldedGenerator.of(network)
    assert "modules" in one_sentence(caught.value)

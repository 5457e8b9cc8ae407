"""Keys of the caches: a class is known by its name, and another content is another answer."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from streamlit.type_util import get_fqn

import dashboard
import gan
from dashboard import subject
from dashboard.cached import filters, networks
from dashboard.cached.keys import HASH_FUNCS
from dashboard.subject import Noise
from xai.latents.directions import Direction

CACHED = sorted((Path(str(dashboard.__file__)).parent / "cached").glob("*.py"))


def test_every_class_of_a_key_is_named_as_streamlit_names_it() -> None:
    classes = (torch.Tensor, gan.Checkpoint, Direction, subject.Noise, subject.Uploaded, subject.Subject)
    assert set(HASH_FUNCS) == {get_fqn(one) for one in classes}


def test_a_verdict_is_of_this_very_picture_and_these_weights(checkpoints: Path) -> None:
    checkpoint = gan.load(checkpoints / "tiny")
    image = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    changed = image.clone()
    changed[0, 2, 7, 7] += 1e-3
    pictures = image, changed, image.clone()
    answers = [networks.verdict(checkpoint, one) for one in pictures]
    for (logit, probability, classes), one in zip(answers, pictures, strict=True):
        assert logit == checkpoint.need_discriminator().logit(one).item()
        assert (probability, classes) == (pytest.approx(1 / (1 + np.exp(-logit)), abs=1e-6), {})
    assert answers[0] is answers[2]
    assert answers[0][0] != answers[1][0]
    assert networks.verdict(replace(checkpoint, digest="x"), image) is not answers[0]


def test_other_weights_and_other_noise_are_other_answers(checkpoints: Path) -> None:
    checkpoint = gan.load(checkpoints / "tiny")
    one, two = (Noise.of_seed(seed, checkpoint.config) for seed in (1, 2))
    assert networks.generated(checkpoint, one) is networks.generated(
        replace(checkpoint), Noise.of_seed(1, checkpoint.config)
    )
    assert not torch.equal(networks.generated(checkpoint, one), networks.generated(checkpoint, two))
    networks.layers(checkpoint, "generator")
    assert networks.layers(checkpoint, "generator") is networks.layers(checkpoint, "generator")
    assert networks.layers(checkpoint, "generator") is not networks.layers(replace(checkpoint, digest="x"), "generator")


def test_a_found_latent_is_not_taken_for_a_seed(checkpoints: Path) -> None:
    checkpoint = gan.load(checkpoints / "tiny")
    seed = Noise.of_seed(0, checkpoint.config)
    latent = Noise.of_latent(2 * seed.z, "nearest to mine.png")
    assert latent.seed is None
    assert latent.key != seed.key
    first, second = (filters.effect(checkpoint, noise, "layers.2", 1, "zero") for noise in (seed, latent))
    assert not torch.equal(first.before, second.before)


@pytest.mark.parametrize("file", CACHED, ids=lambda file: file.stem)
def test_no_argument_of_a_cached_function_is_left_out_of_its_key(file: Path) -> None:
    """An argument whose name begins with an underscore would be."""
    functions = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef)]
    cached = [one for one in functions if any("cache_" in ast.unparse(mark) for mark in one.decorator_list)]
    names = [argument.arg for one in cached for argument in one.args.args]
    assert [name for name in names if name.startswith("_")] == []

"""What all pages ask of a checkpoint's networks, computed once: verdicts, posters, layers and their maps.

    checkpoint = listing.checkpoint("dcgan-64")
    networks.layers(checkpoint, "generator")

What only some pages need stands beside it: which checkpoints there are in listing.py, real posters in poster_sets.py,
what keys are made of in keys.py. Nothing heavy is imported before a function needs it, so that the first page paints
at once.
"""

from __future__ import annotations

import gc
import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard.cached import poster_sets
from dashboard.cached.keys import HASH_FUNCS

CANDIDATES = 512

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    import gan
    from dashboard.subject import Noise, Subject
    from xai.networks.cache import Cache
    from xai.networks.layers import Layer


@st.cache_resource(show_spinner=False)
def warm_up() -> None:
    """Import what the pages need, then take it out of the garbage collector's sight.

    Streamlit collects after every rerun; with torch loaded that costs a quarter of a second each time.
    """
    # Threads that spin while they wait for each other take three times as long where other work shares the processor.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is imported
    # pandas too: plotly looks into it when it is half imported by another session's thread, and fails.
    for name in ("torch", "pandas", "plotly.graph_objects"):
        import_module(name)
    for package in (import_module("gan"), import_module("xai")):
        for name in package.__all__:
            getattr(package, name)
    gc.collect()
    gc.freeze()


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs=HASH_FUNCS)
def score(checkpoint: gan.Checkpoint, unit: tuple[str, int] | None = None) -> Any:
    """D's logit, or the mean of one unit's map (layer, index), as something to explain."""
    import xai

    layer, index = unit or (None, 0)
    return xai.Score(checkpoint.need_discriminator(), layer, index)


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=HASH_FUNCS)
def lacking(checkpoint: gan.Checkpoint, what: str, needs: tuple[str, ...]) -> str | None:
    """A sentence about the first capability that its networks lack for ``what``; None where nothing is missing."""
    from xai.capabilities import lacking

    return lacking(checkpoint, what, needs)


@st.cache_resource(max_entries=256, show_spinner=False, hash_funcs=HASH_FUNCS)
def verdict(checkpoint: gan.Checkpoint, image: Tensor) -> tuple[float, float, dict[str, float]]:
    """D's logit of a poster (1, 3, H, W), the probability of real, and a classifier's of each class, {} of D."""
    logit = score(checkpoint)(image)
    return float(logit), float(logit.sigmoid()), _class_probabilities(checkpoint, image)


def _class_probabilities(checkpoint: gan.Checkpoint, image: Tensor) -> dict[str, float]:
    """A classifier's probabilities for a poster, the largest first; {} of a discriminator."""
    from gan.networks.own import OwnDiscriminator

    network = checkpoint.discriminator
    if not isinstance(network, OwnDiscriminator) or not checkpoint.config.classes:
        return {}
    found = dict(zip(checkpoint.config.classes, network.probabilities(image)[0].tolist(), strict=True))
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))


def score_or_none(checkpoint: gan.Checkpoint) -> Any:
    """D's logit, or None where the checkpoint has no discriminator."""
    return None if checkpoint.discriminator is None else score(checkpoint)


@st.cache_resource(show_spinner=False)
def answers() -> Cache:
    """Answers that show a bar while they are found: st.cache_resource would record it, and replay it."""
    from xai.networks.cache import Cache

    return Cache(2**28)


@st.cache_resource(max_entries=256, show_spinner=False, hash_funcs=HASH_FUNCS)
def generated(checkpoint: gan.Checkpoint, noise: Noise) -> Tensor:
    """The poster (1, 3, H, W) of this noise."""
    import torch

    with torch.no_grad():
        poster: Tensor = checkpoint.need_generator()(noise.z)
    return poster


def generate(network: gan.Generator, seeds: Iterable[int]) -> Tensor:
    """The posters (N, 3, H, W) of these seeds, as many at a time as the memory bears."""
    import torch

    import gan
    from xai.networks.batches import at_once

    latents = gan.latents(seeds, network.config)
    with torch.no_grad():
        return torch.cat([network(part) for part in torch.split(latents, at_once(64, network.config.size))])


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=HASH_FUNCS)
def layers(checkpoint: gan.Checkpoint, network: str) -> list[Layer]:
    """Layers of ``generator`` or ``discriminator`` with their shapes."""
    import torch

    from xai.networks import layers as units

    config = checkpoint.config
    shape = (1, config.latent, 1, 1) if network == "generator" else (1, 3, *config.size)
    return units.layers(getattr(checkpoint, network), torch.zeros(shape))


def score_layers(checkpoint: gan.Checkpoint) -> list[Layer]:
    """Layers of D, or of a classifier, that give maps: all but the last convolution, or what stands for it."""
    return layers(checkpoint, "discriminator")[:-2]


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=HASH_FUNCS)
def modules_of_maps(checkpoint: gan.Checkpoint) -> list[Layer]:
    """Modules that give maps, of a network whose layers do not run one after the other."""
    import torch

    from xai.networks.layers import modules_of_maps

    return modules_of_maps(checkpoint.need_discriminator(), torch.zeros(1, 3, *checkpoint.config.size))


@st.cache_resource(max_entries=32, show_spinner=False, hash_funcs=HASH_FUNCS)
def maps_of_noise(checkpoint: gan.Checkpoint, noise: Noise, layer: str) -> Any:
    """All unit maps (U, h, w) of a layer of G as a numpy array."""
    import xai

    return xai.activations(checkpoint.need_generator(), noise.z, [layer])[layer][0].numpy()


@st.cache_resource(max_entries=32, show_spinner=False, hash_funcs=HASH_FUNCS)
def maps_of_poster(subject: Subject, layer: str) -> Any:
    """All unit maps (U, h, w) of a layer of D as a numpy array."""
    import xai

    return xai.activations(subject.checkpoint.need_discriminator(), subject.image, [layer])[layer][0].numpy()


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs=HASH_FUNCS)
def candidates(checkpoint: gan.Checkpoint, real: bool) -> tuple[list[int], Tensor]:
    """Pictures to search for similar ones: numbers (posters or seeds), and (N, 3, H, W)."""
    import gan
    from xai.networks.batches import at_once

    real_posters = poster_sets.posters(checkpoint) if real else None
    most = at_once(CANDIDATES, [side // 2 for side in checkpoint.config.size])  # all of them up to 128 x 128
    if real_posters is not None:
        numbers = list(range(0, len(real_posters), max(1, len(real_posters) // most)))
        return numbers, real_posters.tensor(numbers)
    if checkpoint.generator is None:
        raise gan.CheckpointError("Without posters and without a generator there is nothing to compare with.")
    return list(range(most)), generate(checkpoint.generator, range(most))

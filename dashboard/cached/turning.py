"""A poster of which several latent dimensions were set: the networks for the browser, and the same on the server.

turning.browser_models(checkpoint)
turning.turned(checkpoint, noise, "6:1.5,36:-2").logit
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.cached import networks
from dashboard.cached.keys import HASH_FUNCS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    import gan
    from dashboard.subject import Noise


@dataclass(frozen=True, eq=False)
class Models:
    """packed : the networks as gzip files of ONNX, G before D. layers : of G, whose maps the file lets one change."""

    packed: tuple[bytes, ...]
    layers: tuple[str, ...]


@st.cache_resource(max_entries=4, show_spinner="Packing the networks for the browser", hash_funcs=HASH_FUNCS)
def browser_models(checkpoint: gan.Checkpoint) -> Models:
    """The networks for the browser; PosterLensError where there is a reason that it cannot run them."""
    from xai.web.live import packed_models
    from xai.web.onnx_model import activation_layers

    return Models(tuple(packed_models(checkpoint)), tuple(activation_layers(checkpoint.need_generator())))


@dataclass(frozen=True, eq=False)
class Turned:
    """z (1, latent, 1, 1), its poster (1, 3, H, W), D's verdict where there is a D, and (H, W) what became brighter."""

    z: Tensor
    poster: Tensor
    logit: float | None
    probability: float | None
    change: NDArray[np.float32]


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=HASH_FUNCS)
def turned(checkpoint: gan.Checkpoint, noise: Noise, word: str) -> Turned:
    """The poster of this noise after the change that a link calls by this word."""
    import torch

    from xai.latents.turning import Turning, brightness_change

    z = Turning.parse(word, checkpoint.config.latent).of(noise.z)
    with torch.no_grad():
        poster = checkpoint.need_generator()(z)
    score = networks.score_or_none(checkpoint)
    logit = probability = None
    if score is not None:
        verdict = score(poster)
        logit, probability = float(verdict), float(verdict.sigmoid())
    return Turned(z, poster, logit, probability, brightness_change(poster, networks.generated(checkpoint, noise)))

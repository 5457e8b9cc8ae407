"""Posters that look alike to a layer of the discriminator.

alike.show(subject, "layers.4")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

import gan
from dashboard import sidebar
from dashboard.cached import networks
from dashboard.components.sprite_grid import sprite_grid
from gan.errors import counted
from xai.collection import similarity
from xai.render import sprite

if TYPE_CHECKING:
    from dashboard.subject import Subject

SHOWN = 6


def show(subject: Subject, layer: str) -> None:
    """The six candidates most like this poster, among real or generated ones."""
    checkpoint = subject.checkpoint
    sources = ["real posters"] * (networks.posters(checkpoint) is not None)
    sources += ["generated"] * (checkpoint.generator is not None)
    real = st.radio("Among", sources, horizontal=True, key="among", bind="query-params") == "real posters"
    numbers, images = networks.candidates(checkpoint, real)
    mine = similarity.layer_features(checkpoint.need_discriminator(), subject.image, layer)
    itself = similarity.copies(images, subject.image)
    alike = similarity.nearest(networks.features(checkpoint, real, layer), mine, SHOWN, itself)
    kind, go_to = ("poster", sidebar.show_poster) if real else ("seed", sidebar.show_seed)
    found = zip(alike.indices, alike.similarity, strict=True)
    sprite_grid(
        sprite(gan.to_uint8(images[alike.indices]), columns=SHOWN), per_row=SHOWN,
        labels=[f"{kind} {numbers[index]}, similarity {value:.2f}" for index, value in found],
        on_pick=lambda place: go_to(numbers[alike.indices[place]]),
        key="alike_grid", title="posters that look alike", smallest=100, most="none",
    )  # fmt: skip
    st.caption(
        f"The most similar of {counted(len(numbers), 'poster')} by the mean response of this layer's filters: what is "
        "in the poster, not where. Early layers go by colour and texture, late ones by what D bases its verdict on. "
        "Click one to go there."
    )

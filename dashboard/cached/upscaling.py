"""Posters four times as large, on the Start page.

path = upscaling.folder()              # None where there is no network for it
smooth, invented = upscaling.enlarged(path, subject)
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.cached.keys import HASH_FUNCS
from dashboard.settings import settings

if TYPE_CHECKING:
    from torch import Tensor

    from dashboard.subject import Subject
    from gan.upscaling.network import Upscaler


def folder() -> Path | None:
    """Where a network that enlarges posters is: among the checkpoints, or shipped; None where there is none."""
    from gan.shipped import shipped
    from gan.upscaling.network import CONFIG

    places = (settings().checkpoints, shipped())
    return next((place / "upscaler" for place in places if (place / "upscaler" / CONFIG).is_file()), None)


@st.cache_resource(max_entries=2, show_spinner=False)
def _upscaler(path: Path) -> Upscaler:
    from gan.upscaling import network as upscale

    return upscale.load(path)


@st.cache_resource(max_entries=16, show_spinner="Enlarging", hash_funcs=HASH_FUNCS)
def enlarged(path: Path, subject: Subject) -> tuple[Tensor, Tensor]:
    """A poster four times as large: by Lanczos, and by the network in this folder."""
    import torch

    from gan.upscaling import resampling

    with torch.no_grad():
        return resampling.lanczos(subject.image), _upscaler(path)(subject.image)

"""What the noise values of a generator do, computed once and kept: slopes, the study, ways through the noise,
genres, the noise nearest to a poster, and the atlas.

What every page needs stands in cache.py, and so do the rules for keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard.cached import networks

if TYPE_CHECKING:
    from torch import Tensor

    import gan
    from gan.progress import Progress
    from xai.latents.genres import GenreEffects, GenreSweep
    from xai.latents.inversion import Inversion
    from xai.latents.paths import Path as Walk
    from xai.latents.sensitivity import LatentSensitivity
    from xai.latents.study import LatentStudy
    from xai.networks.batches import Memory


@st.cache_resource(max_entries=16, show_spinner="Measuring all noise values")
def sensitivity(digest: str, seed: int, _checkpoint: gan.Checkpoint, _z: Tensor) -> LatentSensitivity:
    """Exact slopes of a seed's poster."""
    from xai.latents import sensitivity as latent

    return latent.latent_sensitivity(_checkpoint.need_generator(), _z, networks.judge(digest, _checkpoint))


@st.cache_resource(max_entries=64, show_spinner=False)
def where(digest: str, seed: int, index: int, _checkpoint: gan.Checkpoint, _z: Tensor) -> Tensor:
    """Which pixels (H, W) of a seed's poster one noise value changes."""
    from xai.latents import sensitivity as latent

    return latent.pixel_map(_checkpoint.need_generator(), _z, index)


@st.cache_resource(max_entries=8, show_spinner=False)
def noise_study(digest: str, _checkpoint: gan.Checkpoint) -> LatentStudy | None:
    """Importance and directions: those that came with the checkpoint, or those measured here before."""
    from xai.latents.study import LatentStudy

    shipped = LatentStudy.beside(networks.folder(_checkpoint.name), digest)
    return shipped or LatentStudy.beside(networks.measured_folder(digest), digest)


def measure_noise(checkpoint: gan.Checkpoint, progress: Progress) -> None:
    """Measure all noise values, and keep the study on disk."""
    from xai.latents.study import FILE, latent_study

    study = latent_study(checkpoint, progress=progress)
    study.save(networks.folder_to_measure_into(checkpoint.digest) / FILE)
    noise_study.clear()


@st.cache_resource(max_entries=64, show_spinner=False)
def along(
    digest: str, seed: int, family: str, place: int, reach: tuple[float, ...],
    _checkpoint: gan.Checkpoint, _z: Tensor, _direction: Any,
) -> Tensor:  # fmt: skip
    """Posters (N, 3, H, W) on the way along a direction, ``reach`` steps from this one."""
    from xai.latents.directions import along as generate

    return generate(_checkpoint.need_generator(), _z, _direction, reach)


@st.cache_resource(max_entries=64, show_spinner=False)
def walk(digest: str, seed: int, other: int, _checkpoint: gan.Checkpoint, _z: Tensor) -> Walk:
    """Twelve steps on the sphere from this poster to another seed."""
    import gan
    from xai.latents.paths import path

    return path(_checkpoint.need_generator(), _z, gan.latents([other], _checkpoint.config), 12)


@st.cache_resource(max_entries=64, show_spinner=False)
def stretched(digest: str, seed: int, length: float, _checkpoint: gan.Checkpoint, _z: Tensor) -> Tensor:
    """The poster with its noise ``length`` times as long."""
    from xai.latents.paths import scaled
    from xai.networks.fast_generator import fast_generator

    return fast_generator(_checkpoint.need_generator())(scaled(_z, length))


@st.cache_resource(max_entries=64, show_spinner="Asking for every genre")
def genre_sweep(digest: str, seed: int, _checkpoint: gan.Checkpoint, _z: Tensor) -> GenreSweep:
    """Each genre asked for alone, for one poster; ``_checkpoint`` knows genres, and none is built in yet."""
    from xai.latents.genres import genre_sweep as sweep

    return sweep(_checkpoint.need_generator(), _z, score=_open_judge(_checkpoint))


def has_genre_effects(checkpoint: gan.Checkpoint) -> bool:
    """Whether ``genre_effects`` would answer at once."""
    return ("genre effects", checkpoint.digest) in networks.answers()


def genre_effects(checkpoint: gan.Checkpoint, progress: Progress) -> GenreEffects:
    """What asking for each genre does to 64 posters on average."""
    import gan
    from xai.latents.genres import genre_effects as measure

    def find() -> GenreEffects:
        z = gan.latents(range(64), checkpoint.config)
        return measure(checkpoint.need_generator(), z, score=_open_judge(checkpoint), progress=progress)

    found: GenreEffects = networks.answers().get(("genre effects", checkpoint.digest), find)
    return found


def _open_judge(checkpoint: gan.Checkpoint) -> Any:
    """D's logit when no genre is named, so that what is asked of the generator is judged by one measure."""
    plain = networks.asked(checkpoint.digest, (), checkpoint)
    return networks.judge(plain.digest, plain)


def has_inversion(subject: Any) -> bool:
    """Whether ``inversion`` would answer at once."""
    return ("inversion", subject.checkpoint.digest, subject.key) in networks.answers()


def inversion(subject: Any, progress: Progress) -> Inversion:
    """The noise from which the generator draws what is nearest to this poster."""
    from xai.latents.inversion import invert, load_encoder

    checkpoint = subject.checkpoint

    def find() -> Inversion:
        path = networks.folder(checkpoint.name) / "encoder.safetensors"
        asked = bool(checkpoint.info.get("requested_genres"))  # the encoder was trained without requests
        encoder = load_encoder(path, checkpoint.digest) if path.is_file() and not asked else None
        judge = networks.judge(checkpoint.digest, checkpoint)
        return invert(checkpoint.need_generator(), subject.image, judge, encoder, progress=progress)

    found: Inversion = networks.answers().get(("inversion", checkpoint.digest, subject.key), find)
    return found


@st.cache_resource(show_spinner=False)
def _atlases() -> Memory:
    from xai.networks.batches import Memory

    return Memory(8)


@dataclass(frozen=True, eq=False)
class Sheet:
    """A sprite as a data: address, ``columns`` cells (height, width) a row, and what the scrubber needs beside it."""

    uri: str
    columns: int
    cell: tuple[int, int]
    steps: tuple[float, ...]
    now: list[float]
    heat: list[float]


def atlas(checkpoint: gan.Checkpoint, seed: int, z: Tensor, progress: Progress) -> Sheet:
    """Every noise value of a seed at every step, as one picture."""

    def paint() -> Sheet:
        from dashboard.ui import smaller
        from xai import render
        from xai.latents.sweeps import latent_sweeps

        found = latent_sweeps(checkpoint.need_generator(), z, progress=progress)
        cells = smaller(found.pixels.reshape(-1, *found.pixels.shape[2:]))
        sheet = render.sprite(cells)  # nearly square: browsers do not take pictures of any height
        uri = render.data_uri(sheet.pixels, "WEBP")
        return Sheet(uri, sheet.columns, sheet.cell, found.steps, found.now.tolist(), found.reach.tolist())

    sheet: Sheet = _atlases().get((checkpoint.digest, seed), paint)
    return sheet

"""What the latent of a generator does, computed once: sensitivity, the study, paths, genres, inversion, the atlas.

latents.sensitivity(checkpoint, noise).rms      # of each latent dimension
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard.cached import listing, measured, networks
from dashboard.cached.keys import HASH_FUNCS
from gan.progress import silent

if TYPE_CHECKING:
    from torch import Tensor

    import gan
    from dashboard.subject import Noise, Subject
    from gan.progress import Progress
    from xai.latents.directions import Direction
    from xai.latents.genres import GenreEffects, GenreSweep
    from xai.latents.inversion import Inversion
    from xai.latents.paths import Path as Walk
    from xai.latents.sensitivity import LatentSensitivity
    from xai.latents.study import LatentStudy
    from xai.networks.cache import Cache
    from xai.widgets.sheet import Sheet


@st.cache_resource(max_entries=16, show_spinner="Measuring all latent dimensions", hash_funcs=HASH_FUNCS)
def sensitivity(checkpoint: gan.Checkpoint, noise: Noise) -> LatentSensitivity:
    """The Jacobian of this noise's poster, summed up."""
    from xai.latents import sensitivity as latent

    return latent.latent_sensitivity(checkpoint.need_generator(), noise.z, networks.score_or_none(checkpoint))


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=HASH_FUNCS)
def where(checkpoint: gan.Checkpoint, noise: Noise, index: int) -> Tensor:
    """Which pixels (H, W) of this noise's poster one latent dimension changes."""
    from xai.latents import sensitivity as latent

    return latent.pixel_map(checkpoint.need_generator(), noise.z, index)


def latent_study(checkpoint: gan.Checkpoint) -> LatentStudy | None:
    """Importance and directions: those that came with the checkpoint, or those measured here before."""
    from xai.latents.study import FILE

    return _latent_study(checkpoint, measured.stamp_of(checkpoint.digest, FILE))


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=HASH_FUNCS)
def _latent_study(checkpoint: gan.Checkpoint, stamp: tuple[int, ...]) -> LatentStudy | None:
    from xai.latents.study import LatentStudy

    digest = checkpoint.digest
    shipped = LatentStudy.beside(listing.folder(checkpoint.name), digest)
    return shipped or LatentStudy.beside(measured.folder(digest), digest)


def measure_latents(checkpoint: gan.Checkpoint, progress: Progress) -> None:
    """Measure all latent dimensions, and keep the study on disk."""
    from xai.latents.study import FILE
    from xai.latents.study import latent_study as measure

    study = measure(checkpoint, progress=progress)
    study.save(measured.folder_to_write(checkpoint.digest) / FILE)


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=HASH_FUNCS)
def along(checkpoint: gan.Checkpoint, noise: Noise, direction: Direction, distances: tuple[float, ...]) -> Tensor:
    """Posters (N, 3, H, W) at these distances from this one along a direction."""
    from xai.latents import directions

    return directions.along(checkpoint.need_generator(), noise.z, direction, distances)


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=HASH_FUNCS)
def walk(checkpoint: gan.Checkpoint, noise: Noise, other: int) -> Walk:
    """Twelve steps on the sphere from this poster to another seed."""
    import gan
    from xai.latents.paths import path

    return path(checkpoint.need_generator(), noise.z, gan.latents([other], checkpoint.config), 12)


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=HASH_FUNCS)
def scaled(checkpoint: gan.Checkpoint, noise: Noise, factor: float) -> Tensor:
    """The poster with its latent multiplied by ``factor``."""
    from xai.latents import paths
    from xai.networks.fast_generator import fast_generator

    return fast_generator(checkpoint.need_generator())(paths.scaled(noise.z, factor))


@st.cache_resource(max_entries=64, show_spinner="Requesting every genre", hash_funcs=HASH_FUNCS)
def genre_sweep(checkpoint: gan.Checkpoint, noise: Noise) -> GenreSweep:
    """Each genre requested alone, for one poster; ``checkpoint`` knows genres, and none is built in yet."""
    from xai.latents.genres import genre_sweep as sweep

    return sweep(checkpoint.need_generator(), noise.z, score=_score_of_any_genre(checkpoint))


def has_genre_effects(checkpoint: gan.Checkpoint) -> bool:
    """Whether ``genre_effects`` would answer at once."""
    return ("genre effects", checkpoint.digest) in networks.answers()


def genre_effects(checkpoint: gan.Checkpoint, progress: Progress) -> GenreEffects:
    """What requesting each genre does to 64 posters on average."""
    import gan
    from xai.latents.genres import genre_effects as measure

    def compute() -> GenreEffects:
        z = gan.latents(range(64), checkpoint.config)
        return measure(checkpoint.need_generator(), z, score=_score_of_any_genre(checkpoint), progress=progress)

    effects: GenreEffects = networks.answers().get(("genre effects", checkpoint.digest), compute)
    return effects


def _score_of_any_genre(checkpoint: gan.Checkpoint) -> Any:
    """D's logit when no genre is named, so that all requests are judged by one measure."""
    return networks.score_or_none(listing.conditioned(checkpoint, ()))


def has_inversion(subject: Subject) -> bool:
    """Whether ``inversion`` would answer at once."""
    return ("inversion", subject.checkpoint.digest, subject.key) in networks.answers()


def inversion(subject: Subject, progress: Progress) -> Inversion:
    """The noise from which the generator draws what is nearest to this poster."""
    from xai.latents.encoder import load_encoder
    from xai.latents.inversion import invert

    checkpoint = subject.checkpoint

    def compute() -> Inversion:
        path = listing.folder(checkpoint.name) / "encoder.safetensors"
        # An encoder was trained for posters of which no genre is requested.
        able = path.is_file() and not checkpoint.info.get("requested_genres")
        encoder = load_encoder(path, checkpoint.digest) if able else None
        score = networks.score_or_none(checkpoint)
        return invert(checkpoint.need_generator(), subject.image, score, encoder, progress=progress)

    answer: Inversion = networks.answers().get(("inversion", checkpoint.digest, subject.key), compute)
    return answer


@st.cache_resource(show_spinner=False)
def _atlases() -> Cache:
    from xai.networks.cache import Cache

    return Cache(2**25)


def has_atlas(checkpoint: gan.Checkpoint, noise: Noise) -> bool:
    """Whether ``atlas`` would answer at once."""
    return (checkpoint.digest, noise.key) in _atlases()


def reach(checkpoint: gan.Checkpoint, noise: Noise) -> list[float] | None:
    """0 to 1: the largest change of each dimension over its whole range; None until the atlas is there."""
    return list(atlas(checkpoint, noise, silent).reach) if has_atlas(checkpoint, noise) else None


def total_indices(checkpoint: gan.Checkpoint) -> list[float] | None:
    """Sobol's total index of each dimension for the whole picture; None where the study has not been made."""
    study = latent_study(checkpoint)
    return None if study is None else [float(value) for value in study.importance.of(None).value]


def atlas(checkpoint: gan.Checkpoint, noise: Noise, progress: Progress) -> Sheet:
    """Every latent dimension of a poster at every step, and at last the poster itself, as one picture."""

    def compute() -> Sheet:
        from xai.latents.sweeps import latent_sweeps
        from xai.widgets.sheet import Sheet

        return Sheet.of(latent_sweeps(checkpoint.need_generator(), noise.z, progress=progress))

    sheet: Sheet = _atlases().get((checkpoint.digest, noise.key), compute)
    return sheet

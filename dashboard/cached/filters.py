"""What the filters of a generator do, computed once: the poster without one, the table of all, contributions, paint.

filters.effect(checkpoint, noise, "layers.5", unit=7, removal="mean")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard.cached import listing, measured, networks
from dashboard.cached.keys import HASH_FUNCS

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    import gan
    from dashboard.subject import Noise
    from gan.progress import Progress
    from xai.discriminator.concepts.table import ConceptTable
    from xai.generator.ablation import AblatedPicture
    from xai.generator.contributions import By, Contributions, LatentGradients
    from xai.generator.filter_table import FilterTable
    from xai.generator.folded import FoldedGenerator
    from xai.networks.cache import Cache


@st.cache_resource(max_entries=256, show_spinner="Drawing the poster without this filter", hash_funcs=HASH_FUNCS)
def effect(checkpoint: gan.Checkpoint, noise: Noise, layer: str, unit: int, by: str) -> AblatedPicture:
    """The poster of this noise without one generator filter."""
    from xai.generator.ablation import Ablation, ablate

    score, network = networks.score_or_none(checkpoint), checkpoint.need_generator()
    means = _unit_means(checkpoint, layer) if by == "mean" else None
    return ablate(network, noise.z, layer, unit, Ablation(by), score, means)


@st.cache_resource(max_entries=32, show_spinner=False, hash_funcs=HASH_FUNCS)
def _unit_means(checkpoint: gan.Checkpoint, layer: str) -> Tensor:
    """The mean response of each filter of a layer; the same for every card."""
    from xai.networks import layers

    return layers.unit_means(checkpoint.need_generator(), layer)


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs=HASH_FUNCS)
def folded(checkpoint: gan.Checkpoint) -> FoldedGenerator:
    """The generator, cut after each activation layer."""
    from xai.generator.folded import FoldedGenerator

    return FoldedGenerator.of(checkpoint.need_generator())


def filters_table(checkpoint: gan.Checkpoint) -> FilterTable | None:
    """The verdicts on all filters: those that came with the checkpoint, or those measured here before."""
    from xai.generator.filter_table import FILE

    return _filters_table(checkpoint, measured.stamp_of(checkpoint.digest, FILE))


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=HASH_FUNCS)
def _filters_table(checkpoint: gan.Checkpoint, stamp: tuple[int, ...]) -> FilterTable | None:
    from xai.generator.filter_table import FilterTable

    digest = checkpoint.digest
    shipped = FilterTable.beside(listing.folder(checkpoint.name), digest)
    return shipped or FilterTable.beside(measured.folder(digest), digest)


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=HASH_FUNCS)
def concepts(checkpoint: gan.Checkpoint) -> ConceptTable | None:
    """Which concept each filter of the generator stands for, where that was studied."""
    from xai.discriminator.concepts.table import GENERATOR_FILE, ConceptTable

    return ConceptTable.beside(listing.folder(checkpoint.name), checkpoint.digest, GENERATOR_FILE)


def measure_filters(checkpoint: gan.Checkpoint, progress: Progress) -> None:
    """Measure all filters, and keep the table on disk."""
    from xai.generator import filter_study
    from xai.generator.filter_table import FILE

    table = filter_study.filters_table(checkpoint, progress=progress)
    table.save(measured.folder_to_write(checkpoint.digest) / FILE)


@st.cache_resource(show_spinner=False)
def _jacobians() -> Cache:
    """Answers as large as a layer's filters times a picture."""
    from xai.networks.cache import Cache

    return Cache(2**29)


def _cached(key: tuple[Any, ...], checkpoint: gan.Checkpoint, doing: str, compute: Callable[[], Any]) -> Any:
    """The answer under this key, computed now under a spinner if it is not there."""
    memory = _jacobians()
    if key in memory:
        return memory.get(key, compute)
    with st.spinner(doing):
        return memory.get(key, compute)


def latent_gradients(checkpoint: gan.Checkpoint, noise: Noise) -> LatentGradients:
    """Which filters and pixels each latent dimension drives, for one poster."""
    from xai.generator.contributions import latent_gradients as compute

    key = ("latent gradients", checkpoint.digest, noise.key)
    gradients: LatentGradients = _cached(
        key, checkpoint, "Computing Jacobians", lambda: compute(folded(checkpoint), noise.z)
    )
    return gradients


def contributions(checkpoint: gan.Checkpoint, noise: Noise, layer: str, by: By) -> Contributions:
    """What each filter of a layer, or each latent dimension, contributes to one poster."""
    from xai.generator.contributions import contributions as compute

    doing = "Ablating all of them, one at a time" if by == "ablation" else "Computing Jacobians"
    key = ("contributions", checkpoint.digest, noise.key, layer, by)
    answer: Contributions = _cached(key, checkpoint, doing, lambda: compute(folded(checkpoint), noise.z, layer, by))
    return answer


@st.cache_resource(max_entries=256, show_spinner="Looking for a filter that matters", hash_funcs=HASH_FUNCS)
def strongest(checkpoint: gan.Checkpoint, noise: Noise, layer: str, among: tuple[int, ...]) -> int:
    """Which of these filters changes this poster most when it is held at its mean."""
    from xai.generator.ablation import strongest

    return strongest(folded(checkpoint), noise.z, layer, among)


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=HASH_FUNCS)
def painted(checkpoint: gan.Checkpoint, noise: Noise, edits: str) -> Tensor:
    """The poster of this noise with edits, given as JSON."""
    from xai.generator.painting import from_json, paint

    return paint(checkpoint.need_generator(), noise.z, from_json(edits))


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=HASH_FUNCS)
def seed_posters(checkpoint: gan.Checkpoint, seeds: tuple[int, ...]) -> Tensor:
    """The posters (N, 3, H, W) of these seeds."""
    return networks.generate(checkpoint.need_generator(), seeds)

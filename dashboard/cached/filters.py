"""What the filters of a generator do, computed once and kept: the poster without one, the table of all, wires, paint.

What every page needs stands in cache.py, and so do the rules for keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard.cached import networks

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    import gan
    from gan.progress import Progress
    from xai.generator.ablation import AblatedPicture
    from xai.generator.contributions import By, Contributions, LatentGradients
    from xai.generator.filter_table import FilterTable
    from xai.generator.folded import FoldedGenerator
    from xai.networks.batches import Memory


@st.cache_resource(max_entries=256, show_spinner="Drawing the poster without this filter")
def effect(
    digest: str, seed: int, layer: str, unit: int, removal: str, _checkpoint: gan.Checkpoint, _z: Tensor
) -> AblatedPicture:
    """The poster of a seed without one generator filter."""
    from xai.generator.ablation import Ablation, ablate

    judge, network = networks.judge(digest, _checkpoint), _checkpoint.need_generator()
    means = _unit_means(digest, layer, _checkpoint) if removal == "mean" else None
    ablation = Ablation("resample" if removal == "another's" else removal)  # type: ignore[arg-type]  # the page offers all
    return ablate(network, _z, layer, unit, ablation, judge, means)


@st.cache_resource(max_entries=32, show_spinner=False)
def _unit_means(digest: str, layer: str, _checkpoint: gan.Checkpoint) -> Tensor:
    """What each filter of a layer answers on average; the same for every card."""
    from xai.networks import layers

    return layers.unit_means(_checkpoint.need_generator(), layer)


@st.cache_resource(max_entries=4, show_spinner=False)
def anatomy(digest: str, _checkpoint: gan.Checkpoint) -> FoldedGenerator:
    """The generator, cut after each activation layer."""
    from xai.generator.folded import FoldedGenerator

    return FoldedGenerator.of(_checkpoint.need_generator())


@st.cache_resource(max_entries=8, show_spinner=False)
def filters_table(digest: str, _checkpoint: gan.Checkpoint) -> FilterTable | None:
    """The verdicts on all filters: those that came with the checkpoint, or those measured here before."""
    from xai.generator.filter_table import FilterTable

    shipped = FilterTable.beside(networks.folder(_checkpoint.name), digest)
    return shipped or FilterTable.beside(networks.measured_folder(digest), digest)


def measure_filters(checkpoint: gan.Checkpoint, progress: Progress) -> None:
    """Measure all filters, and keep the table on disk."""
    from xai.generator import filter_study
    from xai.generator.filter_table import FILE

    table = filter_study.filters_table(checkpoint, progress=progress)
    table.save(networks.folder_to_measure_into(checkpoint.digest) / FILE)
    filters_table.clear()


@st.cache_resource(show_spinner=False)
def _slopes(pixels: int) -> Memory:
    """For what is as large as a layer's filters times a picture of so many pixels: fewer of large ones."""
    from xai.networks.batches import Memory

    return Memory(max(4, 32 * 64 * 64 // pixels))


def _kept(kind: str, key: Any, checkpoint: gan.Checkpoint, doing: str, find: Callable[[], Any]) -> Any:
    """The answer that was found before, or found now under a spinner that says what is done."""
    height, width = checkpoint.config.size
    memory = _slopes(height * width)
    if (kind, *key) in memory:
        return memory.get((kind, *key), find)
    with st.spinner(doing):
        return memory.get((kind, *key), find)


def wiring(digest: str, seed: int, checkpoint: gan.Checkpoint, z: Tensor) -> LatentGradients:
    """Which filters and pixels each noise value drives, for one poster."""
    from xai.generator.contributions import latent_gradients

    found: LatentGradients = _kept(
        "wiring",
        (digest, seed),
        checkpoint,
        "Following the wires",
        lambda: latent_gradients(anatomy(digest, checkpoint), z),
    )
    return found


def parts(digest: str, seed: int, layer: str, by: By, checkpoint: gan.Checkpoint, z: Tensor) -> Contributions:
    """What each filter of a layer, or each noise value, adds to one poster."""
    from xai.generator.contributions import contributions

    doing = "Taking everything away, one at a time" if by == "ablation" else "Following the slopes"
    found: Contributions = _kept(
        "parts",
        (digest, seed, layer, by),
        checkpoint,
        doing,
        lambda: contributions(anatomy(digest, checkpoint), z, layer, by),
    )
    return found


@st.cache_resource(max_entries=64, show_spinner=False)
def painted(digest: str, seed: int, edits: str, _checkpoint: gan.Checkpoint, _z: Tensor) -> Tensor:
    """The poster of a seed with edits, given as JSON."""
    from xai.generator.painting import from_json, paint

    return paint(_checkpoint.need_generator(), _z, from_json(edits))


@st.cache_resource(max_entries=64, show_spinner=False)
def seed_posters(digest: str, seeds: tuple[int, ...], _checkpoint: gan.Checkpoint) -> Tensor:
    """The posters (N, 3, H, W) of these seeds."""
    return networks.paint(_checkpoint.need_generator(), seeds)

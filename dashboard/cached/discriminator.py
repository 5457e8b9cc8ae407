"""What the filters of a discriminator do, computed once: their part in one verdict, and what each of them tells.

discriminator.contributions(question).of("layers.4").values
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard.cached import collection, filters, listing, measured, networks, poster_sets
from dashboard.cached.keys import HASH_FUNCS
from dashboard.settings import settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    import gan
    from dashboard.cached.explanations import Question
    from dashboard.subject import Noise
    from gan.progress import Progress
    from xai.discriminator.concepts.table import ConceptTable
    from xai.discriminator.counterfactuals.by_filters import FilterCounterfactual
    from xai.discriminator.counterfactuals.by_latent import LatentCounterfactual
    from xai.discriminator.counterfactuals.removal import RemovalCurves
    from xai.discriminator.counterfactuals.replacement import Replacement
    from xai.discriminator.decisions import Judged
    from xai.discriminator.filters.kernels import ColourKernels, FilterInputs
    from xai.discriminator.filters.synthesis import Synthesis
    from xai.discriminator.filters.table import DiscriminatorTable
    from xai.discriminator.receptive_field import ReceptiveFields
    from xai.discriminator.relevance import ConditionalMap, FilterContributions
    from xai.generator.regions import Box


def contributions(question: Question) -> FilterContributions:
    """What each filter adds to the logit of the question's poster."""
    from xai.discriminator.relevance import filter_contributions

    score, image = networks.score(question.checkpoint), question.image
    answer: FilterContributions = networks.answers().get(
        ("filters", question.key), lambda: filter_contributions(score, image, question.baseline.single(image))
    )
    return answer


def conditional_map(question: Question, layer: str, unit: int) -> ConditionalMap:
    """Where in the poster a filter's contribution came from."""
    from xai.discriminator.relevance import conditional_map

    score, image = networks.score(question.checkpoint), question.image
    answer: ConditionalMap = networks.answers().get(
        ("conditional", question.key, layer, unit),
        lambda: conditional_map(score, image, question.baseline.single(image), layer, unit),
    )
    return answer


def strongest_in(question: Question, layer: str, box: Box) -> int:
    """The filter of a layer that contributed most in a box of the poster, to either side."""
    from xai.discriminator.relevance import strongest_in as compute

    return compute(
        networks.score(question.checkpoint), question.image, question.baseline.single(question.image), layer, box
    )  # fmt: skip


def turned(question: Question, by: str, layer: str | None, progress: Progress) -> FilterCounterfactual:
    """The fewest filters, of one layer or of all, whose replacement turns the verdict."""
    from xai.discriminator.counterfactuals.by_filters import turn_by_filters

    answer: FilterCounterfactual = networks.answers().get(
        ("turned", question.key, by, layer),
        lambda: turn_by_filters(_replacement(question, by), question.image, layer, progress=progress),
    )
    return answer


def removal(question: Question, by: str, layer: str | None) -> RemovalCurves:
    """The logit as filters are replaced, of one layer or of all, in several orders."""
    from xai.discriminator.counterfactuals.removal import ALL_LAYERS, removal_curves

    image = question.image
    answer: RemovalCurves = networks.answers().get(
        ("removal", question.key, by, layer),
        lambda: removal_curves(
            _replacement(question, by), image, question.baseline.single(image), layer or ALL_LAYERS
        ),
    )  # fmt: skip
    return answer


def _replacement(question: Question, by: str) -> Replacement:
    """What takes the place of a filter's map: its mean over posters, or the baseline's map."""
    from xai.discriminator.counterfactuals.replacement import by_reference

    checkpoint = question.checkpoint
    if by == "mean":
        return _by_mean(checkpoint, poster_sets.posters(checkpoint) is not None)
    return by_reference(networks.score(checkpoint), question.baseline.single(question.image))


def moved(checkpoint: gan.Checkpoint, noise: Noise, progress: Progress) -> LatentCounterfactual:
    """The shortest move of a latent that turns the verdict."""
    from xai.discriminator.counterfactuals.by_latent import turn_by_latent

    generator, network = checkpoint.need_both()
    answer: LatentCounterfactual = networks.answers().get(
        ("moved", checkpoint.digest, noise.key),
        lambda: turn_by_latent(generator, network, noise.z, progress=progress),
    )
    return answer


@st.cache_resource(max_entries=4, show_spinner="Averaging over posters", hash_funcs=HASH_FUNCS)
def _by_mean(checkpoint: gan.Checkpoint, real: bool) -> Replacement:
    from xai.discriminator.counterfactuals.replacement import by_mean

    return by_mean(networks.score(checkpoint), networks.candidates(checkpoint, real)[1])


def filter_table(checkpoint: gan.Checkpoint) -> DiscriminatorTable | None:
    """What each filter tells: what came with the checkpoint, or was measured here before."""
    from xai.discriminator.filters.table import FILE

    return _filter_table(checkpoint, measured.stamp_of(checkpoint.digest, FILE))


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=HASH_FUNCS)
def _filter_table(checkpoint: gan.Checkpoint, stamp: tuple[int, ...]) -> DiscriminatorTable | None:
    from xai.discriminator.filters.table import DiscriminatorTable

    digest = checkpoint.digest
    shipped = DiscriminatorTable.beside(listing.folder(checkpoint.name), digest)
    return shipped or DiscriminatorTable.beside(measured.folder(digest), digest)


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=HASH_FUNCS)
def concepts(checkpoint: gan.Checkpoint) -> ConceptTable | None:
    """Which concept each filter stands for, where that was studied."""
    from xai.discriminator.concepts.table import ConceptTable

    return ConceptTable.beside(listing.folder(checkpoint.name), checkpoint.digest)


@st.cache_resource(max_entries=32, show_spinner=False, hash_funcs=HASH_FUNCS)
def receptive_fields(checkpoint: gan.Checkpoint, layer: str) -> ReceptiveFields:
    """Which pixels each place of a layer's maps sees."""
    from xai.discriminator.receptive_field import receptive_fields

    return receptive_fields(networks.score(checkpoint), layer)


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs=HASH_FUNCS)
def colour_kernels(checkpoint: gan.Checkpoint) -> ColourKernels:
    """The kernels of the filters that look at pixels."""
    from xai.discriminator.filters.kernels import colour_kernels

    return colour_kernels(networks.score(checkpoint))


@st.cache_resource(max_entries=256, show_spinner=False, hash_funcs=HASH_FUNCS)
def inputs(checkpoint: gan.Checkpoint, layer: str, unit: int) -> FilterInputs:
    """Which filters of the layer before feed a filter."""
    from xai.discriminator.filters.kernels import inputs

    return inputs(networks.score(checkpoint), layer, unit)


@st.cache_resource(max_entries=128, show_spinner="Making up a picture for this filter", hash_funcs=HASH_FUNCS)
def synthesis(checkpoint: gan.Checkpoint, layer: str, unit: int) -> Synthesis:
    """A picture to which a filter responds strongly."""
    from xai.discriminator.filters.synthesis import synthesise

    return synthesise(checkpoint.need_discriminator(), layer, unit)


def has_posters_of(checkpoint: gan.Checkpoint, table: DiscriminatorTable) -> bool:
    """Whether the real posters that the table names are those that are loaded."""
    from gan.checkpoints.dataset import fingerprint

    posters = poster_sets.posters(checkpoint)
    if posters is None or not table.posters:
        return False
    genres = checkpoint.config.genres
    found = networks.answers().get(
        ("fingerprint", settings().posters, checkpoint.digest), lambda: fingerprint(posters, genres)
    )
    return bool(found == table.posters)


def judged(checkpoint: gan.Checkpoint, progress: Progress) -> Judged:
    """How good D's verdicts are on the real posters that are loaded, and on generated ones."""
    from xai.discriminator.decisions import judge

    posters = poster_sets.posters(checkpoint)
    answer: Judged = networks.answers().get(
        ("judged", checkpoint.digest, None if posters is None else settings().posters),
        lambda: judge(checkpoint, posters, progress=progress),
    )
    return answer


def measure(checkpoint: gan.Checkpoint, progress: Progress) -> None:
    """Measure what each filter tells, from the collection's index or from drawn posters, and keep the table on disk."""
    from gan.progress import as_one
    from xai.collection.filters import filters_of
    from xai.collection.index import usual_reference
    from xai.discriminator.filters.study import STAGES, study
    from xai.discriminator.filters.table import FILE

    stages, found = as_one(progress, STAGES), poster_sets.checkpoint_posters(checkpoint)
    if found is None:
        table = study(checkpoint, progress=stages)
    else:
        real = collection.build(checkpoint, True, lambda done: stages("real posters", done))
        generated = collection.build(checkpoint, False, lambda done: stages("generated posters", done))
        reference = usual_reference(checkpoint, found.training)
        table = filters_of(
            checkpoint, found.posters, (real, generated), reference, lambda done: stages("filters", done)
        )  # fmt: skip
    table.save(measured.folder_to_write(checkpoint.digest) / FILE)


def can_measure_more(checkpoint: gan.Checkpoint, table: DiscriminatorTable | None) -> bool:
    """Whether nothing was measured, or only drawn posters stood for the real ones that are loaded now."""
    return table is None or (not table.posters and poster_sets.posters(checkpoint) is not None)


def pictures(checkpoint: gan.Checkpoint, numbers: Sequence[int], generated: bool) -> Tensor:
    """The posters (N, 3, H, W) of these seeds, or those with these numbers among the loaded ones."""
    if generated:
        return filters.seed_posters(checkpoint, tuple(numbers))
    posters = poster_sets.posters(checkpoint)
    assert posters is not None  # asked only where has_posters_of
    return posters.tensor(list(numbers))

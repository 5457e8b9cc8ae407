"""Export on the Discriminator page: one verdict, one filter and its exemplars, all filters, all verdicts.

exports.show_response(subject, "layers.4", 12, unit_map)
exports.show_table(checkpoint, table, concepts)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard.cached import discriminator
from dashboard.panels.figures import export

if TYPE_CHECKING:
    from collections.abc import Sequence

    import gan
    from dashboard.cached.explanations import Question
    from dashboard.subject import Noise, Subject
    from xai import Figure, Source
    from xai.discriminator.concepts.table import ConceptTable
    from xai.discriminator.counterfactuals.by_filters import FilterCounterfactual
    from xai.discriminator.counterfactuals.by_latent import LatentCounterfactual
    from xai.discriminator.counterfactuals.removal import RemovalCurves
    from xai.discriminator.decisions import Judged, Verdicts
    from xai.discriminator.filters.exemplars import Exemplar
    from xai.discriminator.filters.kernels import ColourKernels, FilterInputs
    from xai.discriminator.filters.synthesis import Synthesis
    from xai.discriminator.filters.table import DiscriminatorTable
    from xai.discriminator.relevance import Waterfall


# ---- one verdict ---------------------------------------------------------------------------------------


def _of_verdict(subject: Subject, question: Question, **settings: Any) -> Source:
    from xai import REFERENCES

    return export.source(subject, baseline=REFERENCES[question.reference].words, **settings)


def show_waterfall(subject: Subject, question: Question, found: Waterfall) -> None:
    """What makes the logit."""

    def make() -> Figure:
        from xai.report.discriminator_figures import of_waterfall

        return of_waterfall(found, _of_verdict(subject, question, layer=found.layer))

    export.show("d_waterfall", make)


def show_map(subject: Subject, question: Question, values: Any, block: int, title: str, **settings: Any) -> None:
    """Where in the poster contributions came from."""

    def make() -> Figure:
        from xai.report.discriminator_figures import of_cells

        return of_cells(values, block, subject.pixels, title, _of_verdict(subject, question, **settings), subject.logit)

    export.show("map_verdict", make)


def show_turned(subject: Subject, question: Question, found: FilterCounterfactual, by: str) -> None:
    """The fewest filters that turn the verdict."""

    def make() -> Figure:
        from xai.report.discriminator_figures import of_turned

        return of_turned(found, _of_verdict(subject, question, replaced_by=by))

    export.show("d_turned", make)


def show_removal(subject: Subject, question: Question, curves: RemovalCurves, by: str) -> None:
    """The logit as filters are replaced."""

    def make() -> Figure:
        from xai.report.discriminator_figures import of_removal

        return of_removal(curves, _of_verdict(subject, question, replaced_by=by))

    export.show("d_removal", make)


def show_moved(checkpoint: gan.Checkpoint, noise: Noise, found: LatentCounterfactual) -> None:
    """The posters on the shortest way to the other verdict."""

    def make() -> Figure:
        from xai.figures.figure import Source
        from xai.report.discriminator_figures import of_moved

        return of_moved(found, Source.of(checkpoint, noise.name))

    export.show("d_moved", make)


# ---- one filter ----------------------------------------------------------------------------------------


def show_response(subject: Subject, layer: str, unit: int, unit_map: Any) -> None:
    """Of one filter to the chosen poster."""

    def make() -> Figure:
        from xai.report.filter_figures import of_response

        title = f"Response of filter {unit} of {layer} of the discriminator"
        return of_response(unit_map, subject.pixels, export.source(subject, layer=layer, filter=unit), title)

    export.show("d_response", make)


def show_exemplars(
    checkpoint: gan.Checkpoint, layer: str, unit: int, picks: Sequence[tuple[str, Exemplar]], generated: bool
) -> None:
    """The posters that show what a filter looks for."""

    def make() -> Figure:
        import gan
        from xai.report.discriminator_figures import of_exemplars

        pictures = list(gan.to_uint8(discriminator.pictures(checkpoint, [one.row for _, one in picks], generated)))
        title = f"Exemplars of filter {unit} of {layer} of the discriminator"
        source = export.source_of(checkpoint, layer=layer, filter=unit)
        return of_exemplars(picks, pictures, "seed" if generated else "poster", title, source)

    export.show("d_exemplars", make)


def show_distribution(checkpoint: gan.Checkpoint, table: DiscriminatorTable, layer: str, unit: int) -> None:
    """Its largest response over posters."""

    def make() -> Figure:
        from xai.report.discriminator_figures import of_distribution

        title = f"Largest response of filter {unit} of {layer}"
        return of_distribution(
            table.histogram(layer, unit), title, export.source_of(checkpoint, layer=layer, filter=unit)
        )

    export.show("d_distribution", make)


def show_inputs(checkpoint: gan.Checkpoint, found: FilterInputs, layer: str, unit: int) -> None:
    """The filters that feed it."""

    def make() -> Figure:
        from xai.report.discriminator_figures import of_inputs

        title = f"What feeds filter {unit} of {layer} of the discriminator"
        return of_inputs(found, title, export.source_of(checkpoint, layer=layer, filter=unit))

    export.show("d_inputs", make)


def show_kernel(checkpoint: gan.Checkpoint, kernels: ColourKernels, unit: int) -> None:
    """The weights of a filter that looks at pixels."""

    def make() -> Figure:
        from xai.report.discriminator_figures import of_kernel

        return of_kernel(kernels, unit, export.source_of(checkpoint, layer=kernels.layer, filter=unit))

    export.show("kernel", make)


def show_synthesis(
    checkpoint: gan.Checkpoint, found: Synthesis, layer: str, unit: int, strongest: float | None
) -> None:
    """The picture made up for a filter."""

    def make() -> Figure:
        from xai.report.discriminator_figures import of_synthesis

        title = f"A picture made up for filter {unit} of {layer} of the discriminator"
        return of_synthesis(found, title, export.source_of(checkpoint, layer=layer, filter=unit), strongest)

    export.show("synthesis", make)


def show_concepts_of(checkpoint: gan.Checkpoint, concepts: ConceptTable, layer: str, unit: int) -> None:
    """Both proofs of every concept for one filter."""

    def make() -> Figure:
        from xai.report.discriminator_figures import of_concepts

        title = f"Concepts of filter {unit} of {layer} of the discriminator"
        source = export.source_of(checkpoint, layer=layer, filter=unit, over=f"{concepts.pictures} {concepts.kind}")
        return of_concepts(concepts, layer, unit, title, source)

    export.show("concepts", make, "Export the concepts")


# ---- all filters, all verdicts -------------------------------------------------------------------------


def show_table(checkpoint: gan.Checkpoint, table: DiscriminatorTable, concepts: ConceptTable | None) -> None:
    """Of all filters."""

    def make() -> Figure:
        from xai.report.figures import of_units

        names = None if concepts is None else concepts.by_filter()
        source = export.source_of(checkpoint, reference=table.reference)
        return of_units(table, "Filters of the discriminator", source, names)

    with st.container(horizontal=True):
        export.show("d_table", make)
        if concepts is not None:
            export.show_concepts(checkpoint, concepts, "discriminator")


def show_judged(checkpoint: gan.Checkpoint, judged: Judged) -> None:
    """On which posters D is right, and whether its probability can be believed."""

    def groups() -> Figure:
        from xai.report.discriminator_figures import of_groups

        return of_groups(judged, export.source_of(checkpoint))

    def calibration() -> Figure:
        from xai.report.discriminator_figures import of_calibration

        return of_calibration(judged, export.source_of(checkpoint))

    export.show("d_groups", groups, "Export how often it is right")
    if judged.real is not None:
        export.show("d_calibration", calibration, "Export the calibration")


def show_memory(checkpoint: gan.Checkpoint, training: Verdicts, held_out: Verdicts) -> None:
    """Whether it memorised its training posters."""

    def make() -> Figure:
        from xai.report.discriminator_figures import of_memory

        return of_memory(training, held_out, export.source_of(checkpoint))

    export.show("d_memory", make)


def show_wrong(checkpoint: gan.Checkpoint, verdicts: Verdicts, rows: Any, numbers: Sequence[int]) -> None:
    """The worst errors on posters of one kind."""

    def make() -> Figure:
        import gan
        from xai.report.filter_figures import of_posters

        pictures = gan.to_uint8(discriminator.pictures(checkpoint, numbers, not verdicts.real))
        logits = verdicts.logits[rows].tolist()
        captions = [f"{number}: logit {logit:+z.2f}" for number, logit in zip(numbers, logits, strict=True)]
        title = "Real posters that D calls fake" if verdicts.real else "Generated posters that pass as real"
        return of_posters(pictures, captions, title, export.source_of(checkpoint), number=numbers, logit=logits)

    export.show("d_wrong_real" if verdicts.real else "d_wrong_generated", make)

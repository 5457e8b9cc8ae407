"""Export on the Discriminator page: a filter's response and the posters that excite it most, and the table of all.

exports.show_response(subject, "layers.4", 12, unit_map)
exports.show_table(checkpoint, table, concepts)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboard.panels.figures import export

if TYPE_CHECKING:
    import gan
    from dashboard.subject import Subject
    from xai import Figure
    from xai.discriminator.concepts.table import ConceptTable
    from xai.discriminator.filters.table import DiscriminatorTable


def show_response(subject: Subject, layer: str, unit: int, unit_map: Any) -> None:
    """Of one filter to the chosen poster."""

    def make() -> Figure:
        from xai.report.filter_figures import of_response

        title = f"Response of filter {unit} of {layer} of the discriminator"
        return of_response(unit_map, subject.pixels, export.source(subject, layer=layer, filter=unit), title)

    export.show("d_response", make)


def show_table(checkpoint: gan.Checkpoint, table: DiscriminatorTable, concepts: ConceptTable | None) -> None:
    """Of all filters."""

    def make() -> Figure:
        from xai.report.figures import of_units

        names = None if concepts is None else concepts.by_filter()
        source = export.source_of(checkpoint, reference=table.reference)
        return of_units(table, "Filters of the discriminator", source, names)

    export.show("d_table", make)

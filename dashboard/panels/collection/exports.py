"""Export on the Collection page: posters that look alike, a brushed set, the table of filters, the strategies' maps.

exports.show_alike(subject, rows, real=True)
exports.show_brushed(checkpoint, members)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.cached import discriminator
from dashboard.panels import brushed
from dashboard.panels.figures import export

if TYPE_CHECKING:
    from collections.abc import Sequence

    import gan
    from dashboard.subject import Member, Subject
    from xai import Figure
    from xai.collection.similarity.alike import Row
    from xai.collection.similarity.filter_agreement import FilterAgreement
    from xai.collection.strategies.study import Strategies


def show_alike(subject: Subject, rows: Sequence[Row], real: bool) -> None:
    """The most similar posters in every space."""

    def make() -> Figure:
        import gan
        from xai.report.filter_figures import of_posters

        numbers = [int(number) for row in rows for number in row.numbers]
        pictures = gan.to_uint8(discriminator.pictures(subject.checkpoint, numbers, not real))
        kind = "poster" if real else "seed"
        captions = [f"{row.title}: {kind} {number}" for row in rows for number in row.numbers]
        return of_posters(
            pictures, captions, f"Posters that look like {subject.name}", export.source(subject), number=numbers,
            space=[row.title for row in rows for _ in row.numbers],
            distance=[float(distance) for row in rows for distance in row.distances],
        )  # fmt: skip

    export.show("alike", make)


def show_brushed(checkpoint: gan.Checkpoint, members: Sequence[Member]) -> None:
    """The set that was brushed on the map."""

    def make() -> Figure:
        from xai.report.filter_figures import of_posters

        captions = [f"{kind} {number}" for kind, number in members]
        return of_posters(
            brushed.pixels(checkpoint, members), captions, "Posters brushed on the map", export.source_of(checkpoint),
            kind=[kind for kind, _ in members], number=[number for _, number in members],
        )  # fmt: skip

    export.show("brushed", make)


def show_filters(checkpoint: gan.Checkpoint, found: FilterAgreement) -> None:
    """Which filters answer alike to posters that are alike."""

    def make() -> Figure:
        from xai.figures.figure import table

        return table("Filters that answer alike to similar posters", export.source_of(checkpoint), found.rows())

    export.show("c_filters", make)


def show_strategies(checkpoint: gan.Checkpoint, found: Strategies) -> None:
    """The mean map of each way of saying fake, or real."""

    def make() -> Figure:
        from xai.report.filter_figures import of_maps

        maps = {f"way {place + 1}": one.map for place, one in enumerate(found.strategies)}
        title = f"The ways in which D says {found.verdict}"
        return of_maps(maps, title, export.source_of(checkpoint, method="DeepLIFT, mean"), "logit a cell")

    export.show("strategies", make)

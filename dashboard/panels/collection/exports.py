"""Export on the Collection page: what is alike, the map, strategies, kinds, what is never drawn or lost, copies.

exports.show_alike(subject, rows, real=True)
exports.show_brushed(checkpoint, members)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboard.cached import discriminator
from dashboard.panels import brushed
from dashboard.panels.figures import export

if TYPE_CHECKING:
    from collections.abc import Sequence

    import gan
    from dashboard.cached.layout import Collected, Mapped
    from dashboard.subject import Member, Subject
    from xai import Figure
    from xai.collection.copies import Copies, Pair
    from xai.collection.omissions.far import Omissions
    from xai.collection.omissions.kinds import Kind, Kinds
    from xai.collection.omissions.lost import Lost
    from xai.collection.similarity.alike import Row
    from xai.collection.similarity.filter_agreement import FilterAgreement
    from xai.collection.similarity.neighbours import Hubness
    from xai.collection.similarity.rsa import Depth
    from xai.collection.strategies.study import Strategies, Strategy
    from xai.latents.inversion import Inversion


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


def show_strategy(checkpoint: gan.Checkpoint, found: Strategy, place: int, end: float) -> None:
    """One way of saying fake, or real; ``end`` of the colours of all of them."""

    def make() -> Figure:
        from xai.report.collection_figures import of_strategy

        return of_strategy(found, place + 1, end, export.source_of(checkpoint, method="DeepLIFT, mean"))

    export.show(f"strategy_{place}", make)


def show_hubs(checkpoint: gan.Checkpoint, found: Sequence[Hubness]) -> None:
    """How often posters are among the nearest of others."""

    def make() -> Figure:
        from xai.report.collection_figures import of_hubs

        return of_hubs(found, export.source_of(checkpoint))

    export.show("c_hubs", make)


def show_depth(checkpoint: gan.Checkpoint, found: Depth) -> None:
    """What each layer compares posters by."""

    def make() -> Figure:
        from xai.report.collection_figures import of_depth

        return of_depth(found, export.source_of(checkpoint, posters=found.posters))

    export.show("c_depth", make)


def show_map(found: Collected, mapped: Mapped) -> None:
    """Where each poster lies on the map."""

    def make() -> Figure:
        from xai.report.collection_figures import of_map

        source = export.source_of(found.checkpoint, laid_out_by=mapped.space.title)
        return of_map(mapped.points, found.members(range(len(found))), "Posters on a map", source)

    export.show("c_map", make, "Export the places")


def show_kinds(checkpoint: gan.Checkpoint, found: Kinds) -> None:
    """How often each kind is drawn."""

    def make() -> Figure:
        from xai.report.collection_figures import of_kinds

        return of_kinds(found, export.source_of(checkpoint))

    export.show("kinds", make)


def show_examples(checkpoint: gan.Checkpoint, kind: Kind, loaded: bool) -> None:
    """Posters of a kind: held-out ones, where those of the study are loaded, and generated ones."""
    real, drawn = kind.posters.tolist() if loaded else [], kind.seeds.tolist()

    def make() -> Figure:
        import gan
        from xai.report.filter_figures import of_posters

        both = [discriminator.pictures(checkpoint, some, made) for some, made in ((real, False), (drawn, True)) if some]
        return of_posters(
            [pixels for pictures in both for pixels in gan.to_uint8(pictures)],
            [*(f"poster {number}" for number in real), *(f"seed {seed}" for seed in drawn)],
            f"Posters of one kind: {kind.title}", export.source_of(checkpoint),
            made=["real"] * len(real) + ["generated"] * len(drawn), number=[*real, *drawn],
        )  # fmt: skip

    if real or drawn:
        export.show("kind_examples", make, "Export these examples")


def show_omitted(checkpoint: gan.Checkpoint, found: Omissions) -> None:
    """The posters that are never drawn; only where those of the study are loaded."""

    def make() -> Figure:
        import gan
        from xai.report.collection_figures import of_omitted

        pictures = discriminator.pictures(checkpoint, [one.number for one in found.posters], False)
        return of_omitted(found, list(gan.to_uint8(pictures)), export.source_of(checkpoint))

    export.show("c_omitted", make)


def show_strays(checkpoint: gan.Checkpoint, found: Omissions) -> None:
    """The generated posters that are like no real one."""

    def make() -> Figure:
        import gan
        from xai.report.collection_figures import of_strays

        pictures = discriminator.pictures(checkpoint, [one.seed for one in found.strays], True)
        return of_strays(found, list(gan.to_uint8(pictures)), export.source_of(checkpoint))

    export.show("c_strays", make)


def show_lost(subject: Subject, found: Lost, inversion: Inversion) -> None:
    """What is lost of one poster."""

    def make() -> Figure:
        from xai.report.collection_figures import of_lost

        return of_lost(found, inversion, subject.pixels, export.source(subject))

    export.show("lost", make)


def show_pairs(checkpoint: gan.Checkpoint, pairs: Sequence[Pair], by: str, loaded: bool) -> None:
    """The nearest pairs; without the training posters where these are not loaded."""

    def make() -> Figure:
        import gan
        from xai.report.collection_figures import of_pairs

        def posters(numbers: list[int], generated: bool) -> list[Any]:
            return list(gan.to_uint8(discriminator.pictures(checkpoint, numbers, generated)))

        drawn = posters([pair.seed for pair in pairs], True)
        known = posters([pair.poster for pair in pairs], False) if loaded else None
        return of_pairs(pairs, drawn, known, f"Nearest pairs by {by}", export.source_of(checkpoint))

    export.show(f"c_pairs_{by}", make)


def show_distances(checkpoint: gan.Checkpoint, found: Copies) -> None:
    """How far all are from the training posters."""

    def make() -> Figure:
        from xai.report.collection_figures import of_distances

        return of_distances(found, export.source_of(checkpoint))

    export.show("c_copies", make, "Export the distances")

"""Export on the Generator page: what drives what, what contributes to a region, posters of a filter, painted ones.

exports.show_driven(checkpoint, noise, gradients, "layers.5", 17)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboard.cached import filters
from dashboard.panels.figures import export

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import gan
    from dashboard.subject import Noise
    from xai import Figure, Source
    from xai.generator.contributions import Contributions, LatentGradients
    from xai.generator.regions import Box


def _source(checkpoint: gan.Checkpoint, noise: Noise, **settings: Any) -> Source:
    from xai.figures.figure import Source

    return Source.of(checkpoint, noise.name, **settings)


def show_driven(checkpoint: gan.Checkpoint, noise: Noise, found: LatentGradients, layer: str, dimension: int) -> None:
    """What a latent dimension drives."""

    def make() -> Figure:
        from xai.report.filter_figures import of_driven

        return of_driven(found, layer, dimension, _source(checkpoint, noise, layer=layer, dimension=dimension))

    export.show("driven", make)


def show_drivers(
    checkpoint: gan.Checkpoint, noise: Noise, found: tuple[LatentGradients, Contributions], layer: str, unit: int
) -> None:
    """What drives a filter, and the pixels that it contributes to."""

    def make() -> Figure:
        from xai.report.filter_figures import of_drivers

        return of_drivers(*found, layer, unit, _source(checkpoint, noise, layer=layer, filter=unit))

    export.show("drivers", make)


def show_region(
    checkpoint: gan.Checkpoint, noise: Noise, found: tuple[Contributions, Contributions], box: Box, pixels: Any
) -> None:
    """What contributes to a region."""

    def make() -> Figure:
        from xai.report.filter_figures import of_region

        source = _source(checkpoint, noise, layer=found[0].layer, box=" ".join(f"{end:.2f}" for end in box))
        return of_region(*found, box, pixels, source)

    export.show("region", make)


def show_posters(checkpoint: gan.Checkpoint, rows: Mapping[str, Sequence[int]], layer: str, unit: int) -> None:
    """The seeds on which a filter is strongest and weakest."""

    def make() -> Figure:
        import gan
        from xai.report.filter_figures import of_posters

        pairs = [(kind, int(seed)) for kind, seeds in rows.items() for seed in seeds]
        pictures = gan.to_uint8(filters.seed_posters(checkpoint, tuple(seed for _, seed in pairs)))
        return of_posters(
            pictures, [f"{kind}: seed {seed}" for kind, seed in pairs],
            f"Posters of filter {unit} of {layer} of the generator",
            export.source_of(checkpoint, layer=layer, filter=unit), kind=[kind for kind, _ in pairs],
            seed=[seed for _, seed in pairs],
        )  # fmt: skip

    export.show("g_exemplars", make)


def show_painted(checkpoint: gan.Checkpoint, noise: Noise, before: Any, after: Any, edits: str) -> None:
    """The poster (H, W, 3) without edits and with all of them."""

    def make() -> Figure:
        from xai.report.figures import of_steps

        title, source = "A painted poster", _source(checkpoint, noise, edits=edits)
        return of_steps([before, after], ["the poster", "with the edits"], title, source)

    export.show("painted", make)

"""Export on the Latent page: a dimension's sweep, the table of all, a walk along a direction or to another seed.

exports.show_sweep(checkpoint, noise, 6)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.cached import latents
from dashboard.panels.figures import export

if TYPE_CHECKING:
    from collections.abc import Sequence

    import gan
    from dashboard.subject import Noise
    from xai import Figure, Source
    from xai.latents.directions import Direction


def _source(checkpoint: gan.Checkpoint, noise: Noise) -> Source:
    from xai.figures.figure import Source

    return Source.of(checkpoint, noise.name)


def show_sweep(checkpoint: gan.Checkpoint, noise: Noise, dimension: int) -> None:
    """Of one dimension, at the poster's full size."""

    def make() -> Figure:
        from xai.report.figures import of_sweep

        return of_sweep(checkpoint.need_generator(), noise.z, dimension, _source(checkpoint, noise))

    export.show("sweep", make, "Export this sweep")


def show_table(checkpoint: gan.Checkpoint, noise: Noise) -> None:
    """What each dimension changes."""

    def make() -> Figure:
        from xai.report.figures import of_sensitivity

        found = latents.sensitivity(checkpoint, noise)
        return of_sensitivity(found, noise.z.flatten().tolist(), _source(checkpoint, noise))

    export.show("latent_table", make)


def show_direction(checkpoint: gan.Checkpoint, noise: Noise, direction: Direction, distances: Sequence[float]) -> None:
    """The walk along a direction, this poster in the middle."""

    def make() -> Figure:
        import gan
        from xai.report.figures import of_steps

        pictures = gan.to_uint8(latents.along(checkpoint, noise, direction, tuple(distances)))
        captions = [f"{distance:+.1f}" for distance in distances]
        name = direction.name.replace("_", " ")
        return of_steps(list(pictures), captions, f"Walk along the direction {name}", _source(checkpoint, noise))

    export.show("direction", make)


def show_walk(checkpoint: gan.Checkpoint, noise: Noise, other: int) -> None:
    """The walk to another seed."""

    def make() -> Figure:
        from xai.report.figures import of_path

        title = f"A walk from {noise.name} to seed {other}"
        return of_path(latents.walk(checkpoint, noise, other), _source(checkpoint, noise), title)

    export.show("walk", make)

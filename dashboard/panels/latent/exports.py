"""Export on the Latent page: a dimension's sweep, the table of all, walks, importance, genres, a poster's noise.

exports.show_sweep(checkpoint, noise, 6)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboard.cached import latents, turning
from dashboard.panels.figures import export

if TYPE_CHECKING:
    from collections.abc import Sequence

    import gan
    from dashboard.subject import Noise, Subject
    from xai import Figure, Source
    from xai.latents.directions import Direction
    from xai.latents.genres import GenreEffects, GenreSweep
    from xai.latents.inversion import Inversion
    from xai.latents.study import LatentStudy


def _source(checkpoint: gan.Checkpoint, noise: Noise, **settings: Any) -> Source:
    from xai.figures.figure import Source

    return Source.of(checkpoint, noise.name, **settings)


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
        captions = [f"{distance:+z.1f}" for distance in distances]
        name = direction.name.replace("_", " ")
        return of_steps(list(pictures), captions, f"Walk along the direction {name}", _source(checkpoint, noise))

    export.show("direction", make)


def show_overlap(checkpoint: gan.Checkpoint, study: LatentStudy, names: Sequence[str]) -> None:
    """Whether the ways of finding directions find the same."""

    def make() -> Figure:
        from xai.report.latent_figures import of_overlap

        return of_overlap(study.directions.agreement, names, export.source_of(checkpoint))

    export.show("direction_overlap", make)


def show_turned(checkpoint: gan.Checkpoint, noise: Noise, word: str) -> None:
    """The poster after the change that a link calls by this word."""

    def make() -> Figure:
        import gan
        from xai.report.latent_figures import of_turned_poster

        start, now = (turning.turned(checkpoint, noise, one) for one in ("", word))
        before, after = (gan.to_uint8(one.poster)[0] for one in (start, now))
        return of_turned_poster(
            (before, after), now.change, (start.z, now.z), _source(checkpoint, noise, turned=word or "nothing"),
            (start.logit, now.logit),
        )  # fmt: skip

    export.show("turned", make)


def show_scaled(checkpoint: gan.Checkpoint, noise: Noise, factor: float) -> None:
    """The same latent at another norm."""

    def make() -> Figure:
        import gan
        from xai.report.latent_figures import of_scaled

        picture = gan.to_uint8(latents.scaled(checkpoint, noise, factor))[0]
        return of_scaled(picture, noise.z, factor, _source(checkpoint, noise))

    export.show("scaled", make)


def show_walk(checkpoint: gan.Checkpoint, noise: Noise, other: int) -> None:
    """The walk to another seed."""

    def make() -> Figure:
        from xai.report.figures import of_path

        title = f"A walk from {noise.name} to seed {other}"
        return of_path(latents.walk(checkpoint, noise, other), _source(checkpoint, noise), title)

    export.show("walk", make)


def show_acting(checkpoint: gan.Checkpoint, noise: Noise, dimension: int, pixels: Any) -> None:
    """Where a dimension acts in the poster (H, W, 3)."""

    def make() -> Figure:
        from xai.report.latent_figures import of_acting

        found = latents.where(checkpoint, noise, dimension).numpy()
        return of_acting(found, pixels, dimension, _source(checkpoint, noise))

    export.show("acting", make)


def show_effects_of(checkpoint: gan.Checkpoint, direction: Direction) -> None:
    """What a direction changes."""

    def make() -> Figure:
        from xai.report.latent_figures import of_direction_effects

        return of_direction_effects(direction, export.source_of(checkpoint, family=direction.family))

    export.show("direction_effects", make)


def show_importance(checkpoint: gan.Checkpoint, study: LatentStudy, statistic: str | None, chosen: int) -> None:
    """Sobol's total indices."""

    def make() -> Figure:
        from xai.report.latent_figures import of_importance

        found = study.importance
        return of_importance(found, export.source_of(checkpoint, samples=found.samples), statistic, chosen)

    export.show("importance", make)


def show_genre_sweep(checkpoint: gan.Checkpoint, noise: Noise, sweep: GenreSweep) -> None:
    """Each genre requested alone in one poster."""

    def make() -> Figure:
        from xai.report.latent_figures import of_genre_sweep

        return of_genre_sweep(sweep, _source(checkpoint, noise))

    export.show("genre_sweep", make)


def show_genre_effects(checkpoint: gan.Checkpoint, effects: GenreEffects) -> None:
    """What requesting a genre changes on average."""

    def make() -> Figure:
        from xai.report.latent_figures import of_genre_effects

        return of_genre_effects(effects, export.source_of(checkpoint, posters=effects.posters))

    export.show("genre_effects", make)


def show_inversion(subject: Subject, inversion: Inversion) -> None:
    """The nearest that the generator can draw to a poster."""

    def make() -> Figure:
        from xai.report.latent_figures import of_inversion

        return of_inversion(inversion, subject.pixels, export.source(subject))

    export.show("inversion", make)

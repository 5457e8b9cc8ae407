"""Export on the Start page: the machine, its twelve posters, real ones, the enlarged poster, the evaluation.

start_export.show_evaluation(checkpoint, evaluation)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.cached import filters
from dashboard.panels.figures import export

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import gan
    from dashboard.subject import Subject
    from gan.evaluation.report import Evaluation
    from xai import Figure
    from xai.machine import Machine
    from xai.render import Pixels


def show_machine(subject: Subject, found: Machine) -> None:
    """What the poster passed through."""

    def make() -> Figure:
        from xai.report.filter_figures import of_machine

        return of_machine(found, subject.pixels, export.source(subject))

    export.show("machine", make, "Export the machine")


def show_posters(checkpoint: gan.Checkpoint) -> None:
    """The posters to choose from."""

    def make() -> Figure:
        import gan
        from gan.checkpoints.preview import SEEDS
        from xai.report.filter_figures import of_posters

        seeds = list(SEEDS)
        pictures = gan.to_uint8(filters.seed_posters(checkpoint, tuple(seeds)))
        captions = [f"seed {seed}" for seed in seeds]
        title = "Posters that do not exist"
        return of_posters(pictures, captions, title, export.source_of(checkpoint), seed=seeds)

    export.show("start_posters", make, "Export these posters")


def show_gallery(checkpoint: gan.Checkpoint, posters: gan.PosterSet, numbers: Sequence[int]) -> None:
    """Real posters by their numbers, with the genres that are known of each."""

    def make() -> Figure:
        import gan
        from xai.report.filter_figures import of_posters

        names = [posters.names[number] for number in numbers]
        genres = [", ".join(posters.genres[number]) for number in numbers]
        return of_posters(
            gan.to_uint8(posters.tensor(numbers)), names, "Real posters", export.source_of(checkpoint),
            number=list(numbers), genres=genres,
        )  # fmt: skip

    export.show("gallery", make, "Export these posters")


def show_enlarged(subject: Subject, pictures: Mapping[str, Pixels]) -> None:
    """The chosen poster, enlarged in the ways that the captions name."""

    def make() -> Figure:
        from xai.report.filter_figures import of_posters

        title = "The poster enlarged 4 times"
        return of_posters(pictures.values(), list(pictures), title, export.source(subject))

    export.show("enlarged", make)


def show_evaluation(checkpoint: gan.Checkpoint, found: Evaluation) -> None:
    """All metrics of the checkpoint, also those that the page leaves out."""

    def make() -> Figure:
        from xai.report.training_figures import of_evaluation

        return of_evaluation(found, export.source_of(checkpoint, posters=found.samples))

    export.show("evaluation", make, "Export the evaluation")

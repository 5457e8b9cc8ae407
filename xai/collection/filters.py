"""The table of all filters of a discriminator, from the indexes of real and of generated posters.

    reference = usual_reference(checkpoint, data.training)
    real = build_index(checkpoint, real_posters(data.posters), reference)
    generated = build_index(checkpoint, generated_posters(checkpoint.generator, seeds), reference)
    table = filters_of(checkpoint, data.posters, (real, generated), reference)

Nothing is computed twice: only where in the exemplars a filter mattered is not in an index.
"""

from __future__ import annotations

from gan.checkpoints.dataset import fingerprint
from gan.checkpoints.record import Checkpoint
from gan.data.posters import PosterSet
from gan.errors import counted
from gan.progress import Progress
from xai.collection.index import Index
from xai.discriminator.filters.study import Measured, copies, discriminator_table, explained, of_seeds
from xai.discriminator.filters.table import DiscriminatorTable
from xai.errors import ExplanationError
from xai.methods.references import Reference


def filters_of(
    checkpoint: Checkpoint,
    posters: PosterSet,
    indexes: tuple[Index, Index],
    reference: Reference,
    progress: Progress = lambda done: None,
) -> DiscriminatorTable:
    """The table, from the indexes of these real posters and of generated ones, which were made with the reference.

    Raises
    ------
    ExplanationError
        If an index is not of all these posters, or as :func:`xai.discriminator.filters.study.discriminator_table`.
    """
    real, generated = indexes
    if not real.real or generated.real or len(real) != len(posters):
        raise ExplanationError(
            f"The table needs the index of the {counted(len(posters), 'real poster')} and that of generated ones, in "
            "this order."
        )
    draw = of_seeds(checkpoint)
    return discriminator_table(
        explained(checkpoint, reference),
        Measured(real.responses, lambda rows: posters.tensor(real.numbers[rows]), real.numbers, copies(posters)),
        Measured(generated.responses, lambda rows: draw(generated.numbers[rows]), generated.numbers),
        real.held_out,
        fingerprint(posters, checkpoint.config.genres),
        progress,
    )

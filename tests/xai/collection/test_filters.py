"""The table of filters from indexes is the one that is measured without any."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gan
import xai
from gan.networks.seeds import reserved
from xai.collection.filters import filters_of
from xai.collection.index import Index, build_index, generated_posters, real_posters, usual_reference
from xai.discriminator.filters.study import study
from xai.discriminator.filters.table import DiscriminatorTable

SEEDS = reserved("collection")[:20]


@pytest.fixture
def posters(poster_folder: Path, checkpoint: gan.Checkpoint) -> gan.PosterSet:
    return gan.load_posters(poster_folder, checkpoint.config.size, progress=False)


@pytest.fixture
def indexes(posters: gan.PosterSet, checkpoint: gan.Checkpoint) -> tuple[Index, Index]:
    reference = usual_reference(checkpoint, posters.split()[0])
    return (
        build_index(checkpoint, real_posters(posters), reference),
        build_index(checkpoint, generated_posters(checkpoint.need_generator(), SEEDS), reference),
    )


def test_the_table_from_indexes_is_that_of_the_study(
    posters: gan.PosterSet, indexes: tuple[Index, Index], checkpoint: gan.Checkpoint
) -> None:
    found = filters_of(checkpoint, posters, indexes, usual_reference(checkpoint, posters.split()[0]))
    expected: DiscriminatorTable = study(checkpoint, posters, generated=len(SEEDS))
    assert found.rows() == expected.rows()
    for name in ("real_posters", "real_places", "generated_posters", "generated_places", "generated_values"):
        assert np.array_equal(getattr(found, name), getattr(expected, name))
    assert found.record() == expected.record()
    assert set(found.generated_posters.flat) <= {-1, *SEEDS}


def test_indexes_of_other_posters_are_refused_in_a_sentence(
    posters: gan.PosterSet, indexes: tuple[Index, Index], checkpoint: gan.Checkpoint
) -> None:
    real, generated = indexes
    reference = usual_reference(checkpoint, posters.split()[0])
    with pytest.raises(xai.ExplanationError, match="in this order"):
        filters_of(checkpoint, posters, (generated, real), reference)
    with pytest.raises(xai.ExplanationError, match="index of the 2 real posters"):
        filters_of(checkpoint, posters.select([0, 1]), indexes, reference)

from __future__ import annotations

import pytest

from gan.evaluation.conditioning import GenreEstimates
from gan.evaluation.estimates import Estimate
from gan.evaluation.tables import adherence, genre_lines


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.1, 0.3, "adherent: requesting it moves posters 20% of the way [10%, 30%]"),
        (-0.3, -0.1, "reversed: requesting it moves posters -20% of the way"),
        (-0.1, 0.1, "no significant effect: requesting it"),
    ],
)
def test_a_genre_is_called_adherent_only_where_its_interval_allows(low: float, high: float, words: str) -> None:
    one = GenreEstimates("Horror", 60, 500, Estimate((low + high) / 2, low, high), Estimate(1.0, 0.5, 1.5))
    assert adherence(one).startswith(words)
    [title, line, _] = genre_lines((one,))
    assert title.startswith("Genres")
    assert "60 real posters" in line

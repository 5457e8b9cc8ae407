"""Detectors against marks: precision and recall by pixel and by poster."""

import numpy as np
import pytest

from xai.discriminator.concepts.marks import marks_table, precision_and_recall


def test_precision_and_recall_are_those_of_the_cells_and_of_the_posters() -> None:
    found, marked = np.zeros((4, 10), bool), np.zeros((4, 10), bool)
    found[0, :4], marked[0, 2:6] = True, True  # half right
    found[1, :4] = True  # wrong
    marked[2, :2] = True  # missed
    result = precision_and_recall(found, marked)
    assert result["precision by pixel"].value == pytest.approx(2 / 8)
    assert result["recall by pixel"].value == pytest.approx(2 / 6)
    assert result["precision by poster"].value == pytest.approx(1 / 2)
    assert result["recall by poster"].value == pytest.approx(1 / 2)
    assert all(each.low < each.value < each.high for each in result.values())
    assert "25 %" in marks_table({"face": result})

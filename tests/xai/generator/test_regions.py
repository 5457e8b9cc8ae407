"""Boxes of a picture and the places of a map."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from xai.generator.regions import box_of, cells, no_box

SIDE = st.integers(1, 64)


@given(SIDE, SIDE, st.data())
def test_the_box_of_a_place_touches_that_place_alone(height: int, width: int, data: st.DataObject) -> None:
    row, column = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    rows, columns = cells(box_of(row, column, height, width), height, width)
    assert (rows, columns) == (slice(row, row + 1), slice(column, column + 1))


@given(SIDE, SIDE, st.floats(0, 1), st.data())
def test_a_widened_box_holds_its_place_and_lies_in_the_picture(
    height: int, width: int, least: float, data: st.DataObject
) -> None:
    row, column = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    box = box_of(row, column, height, width, least)
    assert no_box(box) is None
    assert box[2] - box[0] >= least - 1e-9
    rows, columns = cells(box, height, width)
    assert rows.start <= row < rows.stop
    assert columns.start <= column < columns.stop

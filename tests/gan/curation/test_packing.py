"""Names in a packed zip."""

from __future__ import annotations

from gan.curation.packing import LOWEST, packed_names, quality_for
from gan.data.hold_out import is_held_out


def test_names_that_differ_only_in_their_format_stay_apart_and_on_their_side() -> None:
    names = ["26.jpg", "26.png", "26.webp", "in/26.png", "caf\udce9.png"]
    packed = packed_names(names, ".webp")
    assert packed == ["26.webp", "again/26.webp", "again/again/26.webp", "in/26.webp", "caf_udce9.webp"]
    assert [is_held_out(name) for name in packed[:4]] == [is_held_out(name) for name in names[:4]]


def test_the_highest_quality_that_fits_is_chosen() -> None:
    assert quality_for(50, 90, lambda quality: float(quality)) == 50
    assert quality_for(500, 90, lambda quality: float(quality)) == 90
    assert quality_for(5, 90, lambda quality: float(quality)) == LOWEST - 1

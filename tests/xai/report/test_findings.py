from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import xai
from xai.figures.figure import NAME_BYTES
from xai.report import findings


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a.jpg", "a.png", "A.webp"], ["a", "a-2", "A-3"]),
        (["action/a.jpg", "../../etc/passwd", "..", ""], ["action-a", "etc-passwd", "poster", "poster-2"]),
        (["Amélie.jpg", "千と千尋.png", "seed 3"], ["Amélie", "千と千尋", "seed-3"]),
        (["a.2.jpg", "a", "a-2.jpg", "a.jpg"], ["a-2", "a", "a-2-2", "a-3"]),
        (["C:\\a<b>&\"'.jpg", "a\x00b\nc", "x\udcff.jpg"], ["C-a-b", "a-b-c", "x"]),
    ],
)
def test_names_of_files_are_safe_and_unique(names: list[str], expected: list[str]) -> None:
    assert findings.stems(names) == expected


@given(st.lists(st.text(max_size=300), max_size=12))
def test_any_names_can_be_files(names: list[str]) -> None:
    found = findings.stems([*names, *names])
    assert len({stem.casefold() for stem in found}) == len(found) == 2 * len(names)
    for stem in found:
        assert 0 < len(stem.encode()) <= NAME_BYTES + 4
        assert not set(stem) & set("/\\.:<>|?*\"'\x00\n ")


def test_one_row_of_many_is_the_explanation_of_one(methods: list[xai.Attribution], images: torch.Tensor) -> None:
    for method in methods:
        one, many = method.attribute(images[1:2]), findings.one_row(method.attribute(images), 1)
        assert torch.equal(one.values, many.values)
        assert one.score.tolist() == many.score.tolist()
        assert {key: value.tolist() for key, value in one.diagnostics.items()} == {
            key: value.tolist() for key, value in many.diagnostics.items()
        }
        assert (one.segments is None) == (many.segments is None)
        assert len(many.gap) == len(many.base_score) == 1


@pytest.mark.parametrize("trust", [False, True])
def test_progress_rises_to_one(trust: bool, methods: list[xai.Attribution], images: torch.Tensor) -> None:
    told: list[float] = []
    findings.explain(methods[:2], ["a", "b"], images[:2], trust=trust, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert 0 < told[0] < 1

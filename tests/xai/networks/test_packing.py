from __future__ import annotations

import json
import os
from dataclasses import dataclass
from types import GenericAlias
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gan.evaluation.estimates import Estimate
from xai.errors import ExplanationError
from xai.networks import packing
from xai.networks.packing import packed, unpacked
from xai.networks.study_files import StudyFile


@dataclass(frozen=True, eq=False)
class Part:
    name: str
    size: int
    share: Estimate
    rows: NDArray[np.int64]
    other: NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class Row:
    rows: NDArray[np.int64]
    all: NDArray[Any]


@dataclass(frozen=True, eq=False)
class Whole:
    parts: tuple[Part, ...]
    pair: tuple[int, str]
    found: bool
    mean: float
    best: Part | None = None


def part(name: str = "corner", size: int = 3, with_other: bool = True) -> Part:
    return Part(
        name,
        size,
        Estimate(0.5, 0.25, float("nan")),
        np.arange(size, dtype=np.int64),
        np.ones((2, size), np.float32) if with_other else None,
    )


def through_a_file(whole: Whole, folder) -> Whole:
    study = StudyFile("whole.npz", "test", most_bytes=10**6)
    arrays, record = packed(whole)
    study.write(folder / "whole.npz", arrays, {"result": record})
    return study.read(folder / "whole.npz", lambda arrays, record: unpacked(Whole, arrays, record["result"]))


def test_a_study_that_is_written_anew_clears_what_a_kill_left_days_ago(tmp_path):
    left = tmp_path / ".whole.npz.0123456789ab"
    left.write_bytes(b"half")
    os.utime(left, (0, 0))
    through_a_file(Whole((), (3, "three"), True, 1.0), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["whole.npz"]


def test_a_result_comes_back_from_its_file_as_it_was(tmp_path):
    whole = Whole((part(), part("edge", 0, False)), (3, "three"), True, 1.0, part("best"))
    back = through_a_file(whole, tmp_path)
    assert [one.name for one in back.parts] == ["corner", "edge"]
    assert back.pair == (3, "three")
    assert back.found is True
    assert isinstance(back.mean, float)
    assert back.best is not None
    np.testing.assert_array_equal(back.best.other, part().other)
    assert back.best.other.dtype == np.float32
    assert back.parts[1].other is None
    assert back.parts[1].rows.shape == (0,)
    assert np.isnan(back.parts[0].share.high)


@given(st.lists(st.tuples(st.text(), st.integers(0, 9), st.booleans()), max_size=5), st.floats(allow_nan=False))
def test_any_result_is_the_same_after_packing(parts, mean):
    whole = Whole(tuple(part(*one) for one in parts), (1, ""), False, mean)
    arrays, record = packed(whole)
    again, anew = packed(unpacked(Whole, arrays, json.loads(json.dumps(record))))
    assert json.dumps(anew) == json.dumps(record)
    assert arrays.keys() == again.keys()


@pytest.mark.parametrize(
    ("name", "value"),
    [("mean", "1"), ("found", 1), ("pair", [1]), ("pair", ["1", "a"]), ("parts", None), ("parts", [{}]), ("best", 3)],
)
def test_what_is_no_such_result_is_refused(tmp_path, name, value):
    arrays, record = packed(Whole((part(),), (3, "three"), True, 1.0))
    study = StudyFile("whole.npz", "test", most_bytes=10**6)
    study.write(tmp_path / "whole.npz", arrays, {"result": record | {name: value}})
    with pytest.raises(ExplanationError, match=r"damaged or holds no test"):
        study.read(tmp_path / "whole.npz", lambda arrays, record: unpacked(Whole, arrays, record["result"]))


def test_an_array_of_another_kind_is_refused():
    arrays, record = packed(Whole((part(),), (3, "three"), True, 1.0))
    with pytest.raises(TypeError, match="int64"):
        unpacked(Whole, arrays | {"parts.0.rows": np.array(["a"])}, record)


def test_a_part_that_is_newer_than_the_file_has_its_default():
    arrays, record = packed(Whole((part(),), (3, "three"), True, 1.0, part("best")))
    del record["best"], record["parts"][0]["other"]
    back = unpacked(Whole, arrays, record)
    assert back.best is None
    assert back.parts[0].other is None
    del record["mean"]
    with pytest.raises(KeyError):
        unpacked(Whole, arrays, record)


class AliasOfNumpy25:
    """As ``NDArray`` is from numpy 2.5 on: the origin of an annotation, with the scalar alone in its brackets."""

    def __class_getitem__(cls, scalar: Any) -> GenericAlias:
        return GenericAlias(cls, scalar)


@pytest.mark.parametrize(("kept", "fits"), [(np.int64, True), (np.float32, False)])
def test_arrays_are_known_by_numpys_alias_of_either_kind(
    kept: type, fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "NDArray", AliasOfNumpy25)
    monkeypatch.setitem(Row.__annotations__, "rows", AliasOfNumpy25[np.int64])
    monkeypatch.setitem(Row.__annotations__, "all", AliasOfNumpy25[Any])
    arrays, record = packed(Row(np.arange(3, dtype=kept), np.ones(2)))
    if fits:
        found = unpacked(Row, arrays, record)
        assert found.rows.tolist() == [0, 1, 2]
        assert found.all.tolist() == [1, 1]
    else:
        with pytest.raises(TypeError, match="float32 is no int64"):
            unpacked(Row, arrays, record)


def test_an_array_of_any_numbers_is_taken_as_it_is() -> None:
    for all_of in (np.ones(2), np.ones(2, np.int8), np.array(["a"])):
        arrays, record = packed(Row(np.arange(3, dtype=np.int64), all_of))
        assert unpacked(Row, arrays, record).all is all_of

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch

import gan
from xai.bench.timings.timing import REFERENCES, Bench, Row, Times, elapsed, table, turns


@pytest.fixture
def bench(checkpoints: Path) -> Bench:
    posters = torch.arange(20.0)[:, None, None, None].expand(20, 3, 8, 8) / 20
    return Bench(checkpoints / "tiny", gan.load(checkpoints / "tiny"), posters, turns=3)


def test_jobs_take_turns_and_the_first_turn_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, seen = [0.0], []
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])

    def job(name: str, *seconds: float):
        def run(turn: int) -> None:
            seen.append((name, turn))
            clock[0] += seconds[turn]

        return run

    assert turns(3, job("ours", 9, 1, 2, 5), job("peer", 9, 4, 4, 7)) == [
        Times((1000, 2000, 5000)),
        Times((4000, 4000, 7000)),
    ]
    assert seen == [(name, turn) for turn in range(4) for name in ("ours", "peer")]
    assert elapsed(lambda: job("one", 0.25)(0)) == 250


def test_a_row_says_how_many_times_as_fast_as_its_peer_it_is_turn_by_turn() -> None:
    ours, theirs = Times((2, 2, 4, 2, 2, 2)), Times((10, 8, 20, 10, 12, 10))  # the third turn is slow for both
    slower = Row.beside("c", theirs, "library", ours)
    assert slower.ratio is not None
    assert slower.ratio.high < 1
    few = Row.beside("d", Times((2, 2)), "library", Times((3, 3)))
    rows = [
        Row.beside("a", ours, "library", theirs, "3 times"), Row.alone("b", Times((1, 1.25, 9)), note="note"), few,
        Row("e", 812.25, "", None, "under 900 MB", unit="MB"),
    ]  # fmt: skip
    assert table(rows).splitlines()[2:] == [
        "| a | 2.0 ms | library | 10.0 ms | **5.0** [4.0, 6.0] | 3 times |  |",
        "| b | 1.2 ms |  |  |  |  | note |",
        "| d | 2.0 ms | library | 3.0 ms | **1.5** |  |  |",
        "| e | 812.2 MB |  |  |  | under 900 MB |  |",
    ]


def test_no_poster_that_is_explained_is_a_reference(bench: Bench) -> None:
    shown = [float(bench.picture(turn)[0, 0, 0, 0]) for turn in range(9)]
    assert not set(shown) & set(bench.references[:, 0, 0, 0].tolist())
    assert len(set(shown)) == len(bench.posters) - REFERENCES == 4
    assert shown[:4] == shown[4:8]

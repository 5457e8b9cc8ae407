from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

import gan
from dashboard.client import resident
from dashboard.pages import PAGES
from scripts import benchmark
from xai.bench.pages.browser import Server
from xai.bench.timings import training_steps
from xai.bench.timings.timing import Bench


@pytest.fixture
def bench(checkpoints: Path) -> Bench:
    return Bench(checkpoints / "tiny", gan.load(checkpoints / "tiny"), torch.zeros(18, 3, 8, 8), turns=3)


def test_the_memory_is_that_of_a_server_of_which_every_page_was_opened(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    @contextmanager
    def served(script: Path, arguments: list[str]) -> Iterator[Server]:
        assert arguments == ["--checkpoints", str(bench.path.parent)]
        yield Server("http://there", os.getpid())

    monkeypatch.setattr(benchmark.browser, "served", served)
    monkeypatch.setattr(benchmark, "open_page", lambda address, page, seed: opened.append(page))
    [row] = benchmark.memory(bench)
    assert opened == list(PAGES)
    assert row.ours == pytest.approx(resident(os.getpid()), rel=0.1)
    assert (row.unit, row.goal) == ("MB", "under 900 MB")


def test_a_step_of_training_is_timed_beside_the_tutorials_in_the_same_turns(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    took: list[str] = []

    def job(name: str, seconds: float) -> Any:
        return lambda *_: lambda: (took.append(name), time.sleep(seconds))

    monkeypatch.setattr(training_steps, "ours", job("ours", 0.001))
    monkeypatch.setattr(training_steps, "tutorial", job("tutorial", 0.01))
    [row] = benchmark.training(bench)
    assert took[:4] == ["ours", "tutorial", "ours", "tutorial"]
    assert row.ratio is not None
    assert row.ratio.value > 1

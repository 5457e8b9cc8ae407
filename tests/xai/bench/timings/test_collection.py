from __future__ import annotations

from pathlib import Path

import pytest

import gan
from tests.xai.nets import pictures
from xai.bench.timings import collection as module
from xai.bench.timings.collection import collection
from xai.bench.timings.own import OWN
from xai.bench.timings.timing import Bench


def test_the_index_is_timed_beside_its_bounds(checkpoints: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POSTERS", 300)
    bench = Bench(checkpoints / "tiny", gan.load(checkpoints / "tiny"), pictures(18, 8), turns=1)
    answers, contributions, opened = collection(bench)
    assert answers.job == "Responses of all filters of D, 64 posters"
    assert contributions.job == "Contributions of all filters of D, 64 posters"
    assert opened.job == "Opening the index of 300 posters"
    assert answers.ratio is not None
    assert contributions.ratio is not None
    assert opened.ratio is None
    assert collection in OWN

from __future__ import annotations

from pathlib import Path

import gan
from tests.xai.nets import pictures
from xai.bench.timings.own import generator, pruning
from xai.bench.timings.timing import Bench


def test_what_the_pages_compute_is_timed_and_counted(checkpoints: Path) -> None:
    bench = Bench(checkpoints / "tiny", gan.load(checkpoints / "tiny"), pictures(18, 8), turns=1)
    rows = [*generator(bench), *pruning(bench)]
    assert [row.job.partition(",")[0] for row in rows] == [
        "Latent sweeps: 100 values at 11 steps", "The poster without each of 4 filters", "Jacobian of one poster",
        "Pruning", "Pruning",
    ]  # fmt: skip
    assert all(row.theirs is None and row.ratio is None for row in rows)

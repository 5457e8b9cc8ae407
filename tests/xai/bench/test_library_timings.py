from __future__ import annotations

from pathlib import Path

import gan
from tests.xai.nets import pictures
from xai.bench.library_timings import PEERS
from xai.bench.timing import Bench


def test_each_method_is_timed_beside_a_library_that_gets_the_same_posters(checkpoints: Path) -> None:
    bench = Bench(checkpoints / "tiny", gan.load(checkpoints / "tiny"), pictures(18, 8), turns=1)
    for job in PEERS[:-1]:  # LIME takes seconds
        for row in job(bench):
            assert row.ours_ms > 0 and row.peer_ms is not None and row.peer_ms > 0 and row.peer

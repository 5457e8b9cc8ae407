"""The index of a collection, timed: its two parts beside what they cannot be faster than, and opening it.

for row in collection(bench):
    print(table([row]))                        # xai.bench.timings.timing
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

import xai
from gan.errors import counted
from xai.bench.timings.timing import REFERENCES, Bench, Row, turns
from xai.collection import rows
from xai.collection.index import GROUP, open_index, plan_of
from xai.discriminator.responses import ROWS, FilterLayer, filter_layers, responses

POSTERS = 20_649  # of the data set that the shipped checkpoints were trained on


def collection(bench: Bench) -> Iterator[Row]:
    """Responses and contributions of all filters of D, each beside its bound, and an index that is opened."""
    score, images = bench.score, bench.posters.repeat(-(-ROWS // len(bench.posters)), 1, 1, 1)[:ROWS]
    reference = xai.reference("own", images=bench.references)
    deeplift = xai.attribution("deeplift", score, reference=reference)
    base, layers = reference.single(images[:1]), filter_layers(score)
    count = counted(len(images), "poster")

    ours, forward = turns(bench.turns, lambda turn: responses(score, images), lambda turn: score(images))
    yield Row.beside(f"Responses of all filters of D, {count}", ours, "the logits alone", forward, "at least 0.7 times")
    ours, maps = turns(
        bench.turns, lambda turn: responses(score, images, base), lambda turn: deeplift.attribute(images)
    )
    note = f"responses included; {REFERENCES} references"
    name = f"Contributions of all filters of D, {count}"
    yield Row.beside(name, ours, "their DeepLIFT", maps, "at least 0.5 times", note)
    with tempfile.TemporaryDirectory() as folder:
        _fill_with_zeros(Path(folder), layers, score.size or (1, 1))
        (opened,) = turns(bench.turns, lambda turn: open_index(Path(folder)))
    yield Row.alone(f"Opening the index of {counted(POSTERS, 'poster')}", opened, "under 1,000 ms")


def _fill_with_zeros(folder: Path, layers: tuple[FilterLayer, ...], size: tuple[int, int]) -> None:
    """An index as large as that of the data set, of nothing."""
    plan = plan_of(layers, POSTERS, size)

    def zeros(some: slice) -> rows.Arrays:
        count = some.stop - some.start
        return {name: np.zeros((count, *column.shape), column.dtype) for name, column in plan.columns.items()}

    about = {"layers": [asdict(layer) for layer in layers], "base_logit": 0.0, "real": False, "reference": "own"}
    rows.fill(rows.Group(folder, GROUP, plan), zeros, about, lambda part: None)

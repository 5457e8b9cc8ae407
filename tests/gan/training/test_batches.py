from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from gan import ModelConfig, PosterSet
from gan.training import batches as batches_module
from gan.training.batches import BatchLoader, batch_indices
from gan.training.distributed import World
from gan.training.runs.plan import Plan
from gan.training.runs.run import Run
from gan.training.state import new_state
from tests.gan.short_runs import config_of

CPU = torch.device("cpu")


def test_a_resumed_stream_of_batches_is_the_tail_of_the_uninterrupted() -> None:
    config = config_of(1, seed=3)
    whole = list(islice(batch_indices(np.ones(11), config, 0), 9))
    for first in range(9):
        tail = list(islice(batch_indices(np.ones(11), config, first), 9 - first))
        assert np.array_equal(tail, whole[first:])


def test_every_poster_is_shown_at_most_once_an_epoch_and_in_a_new_order_each() -> None:
    batches = list(islice(batch_indices(np.ones(11), config_of(1), 0), 20))
    epochs = [np.concatenate(batches[start : start + 2]).tolist() for start in range(0, 20, 2)]
    for epoch in epochs:
        assert len(set(epoch)) == 8
        assert set(epoch) <= set(range(11))
    assert len({tuple(epoch) for epoch in epochs}) == 10
    assert set(np.concatenate(epochs).tolist()) == set(range(11))


def test_the_order_of_posters_follows_the_seed() -> None:
    orders = [next(batch_indices(np.ones(100), config_of(1, seed=seed), 0)).tolist() for seed in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]


@pytest.mark.parametrize(
    ("free", "stay"), [(None, True), (10**9, True), (2 * 40 * 192, True), (2 * 40 * 192 - 1, False), (0, False)]
)
def test_posters_stay_on_an_accelerator_where_they_take_at_most_half_of_its_free_memory(
    free: int | None, stay: bool, posters: PosterSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(posters) == 40
    monkeypatch.setattr(batches_module, "free_memory", lambda device: free)
    assert batches_module.fits(posters, torch.device("cuda")) is stay
    assert not batches_module.fits(posters, CPU)


@pytest.mark.parametrize("stay", [True, False])
def test_batches_are_the_same_whether_posters_stay_on_the_device_or_come_from_the_host(
    stay: bool, posters: PosterSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The paths of an accelerator, with the CPU in its place."""
    genres = ("Comedy", "Drama")
    expected = BatchLoader(posters, genres, CPU)([3, 17, 30])
    monkeypatch.setattr(batches_module, "fits", lambda *_: stay)
    monkeypatch.setattr(batches_module, "PART", 16)
    monkeypatch.setattr(Tensor, "pin_memory", lambda self: self)
    loader = BatchLoader(posters, genres, CPU)
    loader.device = torch.device("meta")  # only its kind is looked at
    monkeypatch.setattr(Tensor, "to", lambda self, *_, **__: self)
    images, labels = loader([3, 17, 30])
    assert torch.equal(images, expected[0])
    assert labels is not None
    assert torch.equal(labels, expected[1])


def test_two_processes_share_the_very_batches_of_one(posters: PosterSet, tiny: ModelConfig, tmp_path: Path) -> None:
    """Their parts of each batch, joined, are the batch of a run in one process."""
    plan = Plan(tmp_path, replace(tiny, genres=("Comedy", "Drama")), config_of(3), progress=False)

    def batches(world: World) -> list[tuple[Tensor, Tensor]]:
        state = new_state(plan.model, plan.config)
        shown = []
        for real, labels in Run(plan, state, posters.split(), world, None).batches():
            assert labels is not None
            shown.append((real, labels))
            state.steps += 1
        return shown

    alone, first, second = (batches(world) for world in (World(), World(0, 2), World(1, 2)))
    assert len(alone) == 3
    for whole, *parts in zip(alone, first, second, strict=True):
        assert [len(part[0]) for part in parts] == [2, 2]
        for index in range(2):  # posters, labels
            assert torch.equal(torch.cat([part[index] for part in parts]), whole[index])


def test_a_batch_is_the_posters_and_their_labels(posters: PosterSet) -> None:
    genres = list(posters.genre_counts())[:2]
    images, labels = BatchLoader(posters, genres, CPU)([3, 0, 7])
    assert torch.equal(images, posters.tensor([3, 0, 7]))
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert labels is not None
    assert labels.dtype == torch.int8
    for row, index in zip(labels.tolist(), [3, 0, 7], strict=True):
        assert row == [1 if genre in posters.genres[index] else -1 for genre in genres]


def test_a_partial_poster_has_unknown_labels(posters: PosterSet) -> None:
    partial = replace(posters, complete=(False,) * len(posters))
    genres = list(posters.genre_counts())
    _, labels = BatchLoader(partial, genres, CPU)(range(40))
    assert labels is not None
    assert set(labels.flatten().tolist()) == {0, 1}


def test_without_genres_there_are_no_labels(posters: PosterSet) -> None:
    loader = BatchLoader(posters, (), CPU)
    assert loader([0, 1])[1] is None
    assert loader.sample_labels(0.1) is None


def test_some_labels_are_parts_of_those_of_posters_from_first_to_last(posters: PosterSet) -> None:
    genres = list(posters.genre_counts())
    labels = BatchLoader(posters, genres, CPU).sample_labels(0.0, 5)
    whole = torch.from_numpy(posters.genre_labels(genres))[[0, 9, 19, 29, 39]].float()
    assert labels is not None
    assert torch.equal(labels[labels != 0], whole[labels != 0])
    assert 0 < (labels != 0).sum() < (whole != 0).sum()
    nothing = BatchLoader(posters, genres, CPU).sample_labels(1.0, 5)
    assert nothing is not None
    assert not nothing.any()

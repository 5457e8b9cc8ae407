from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gan import PosterSet, load_posters
from gan.data.rows import PixelRows, select_rows
from gan.training.batches import BatchLoader

PICTURES = np.random.default_rng(0).integers(0, 256, (12, 4, 3, 3), np.uint8)


def base(posters: PosterSet) -> np.ndarray:
    return posters.images.base if isinstance(posters.images, PixelRows) else posters.images


@given(
    st.lists(st.integers(-12, 11), min_size=1, max_size=15),
    st.one_of(
        st.integers(0, 0),
        st.slices(5),
        st.just(...),
        st.lists(st.integers(0, 0), max_size=4),
        st.tuples(st.slices(5), st.integers(0, 3)),
        st.tuples(st.integers(0, 0), st.slices(4), st.integers(0, 2)),
        st.tuples(st.just(...), st.integers(0, 2)),
        st.tuples(st.slices(5), st.slices(4), st.slices(3), st.integers(0, 2)),
    ),
)
def test_rows_answer_as_an_array_of_them_would(chosen: list[int], index: object) -> None:
    rows, copied = select_rows(PICTURES, chosen), PICTURES[chosen]
    index = np.array(index, np.intp) if isinstance(index, list) else index
    assert np.array_equal(rows[index], copied[index])
    assert np.array_equal(np.asarray(rows), copied)
    assert np.array_equal(np.stack(list(rows)), copied)
    assert (rows.shape, rows.ndim, len(rows), rows.dtype) == (copied.shape, 4, len(copied), copied.dtype)


@given(st.data())
def test_selections_of_selections_compose(data: st.DataObject) -> None:
    rows, copied = PICTURES, PICTURES
    for _ in range(data.draw(st.integers(1, 4))):
        chosen = data.draw(st.lists(st.integers(0, len(copied) - 1), min_size=1, max_size=15))
        rows, copied = select_rows(rows, chosen), copied[chosen]
        assert rows.base is PICTURES
        assert np.array_equal(np.asarray(rows), copied)


def test_a_row_that_is_not_there_is_refused() -> None:
    with pytest.raises(IndexError):
        select_rows(PICTURES, [12])
    with pytest.raises(IndexError):
        select_rows(PICTURES, [1])[1]


def test_whatever_is_selected_shares_the_memory_map(poster_folder: Path) -> None:
    posters = load_posters(poster_folder, 8, progress=False)
    assert isinstance(posters.images, np.memmap)
    genre = next(iter(posters.genre_counts()))
    training, held_out = posters.split()
    loaded_by_genre = load_posters(poster_folder, 8, genres=[genre], progress=False)
    selections = [
        training,
        held_out,
        posters.select([3, 1]),
        posters.evenly(7),
        posters.with_genres([genre]),
        training.with_genres([genre]).evenly(5).split()[0],
    ]
    for selection in selections:
        assert np.shares_memory(base(selection), posters.images)
        assert len(selection) < len(posters)
    assert isinstance(base(loaded_by_genre), np.memmap)


def test_tensors_and_batches_of_a_selection_read_its_own_rows(poster_folder: Path) -> None:
    posters = load_posters(poster_folder, 8, progress=False)
    training, _ = posters.split()
    where = [posters.names.index(name) for name in training.names]
    copied = PosterSet(np.array(posters.images)[where], training.names, training.genres)
    assert torch.equal(training.tensor([5, 0, 2]), copied.tensor([5, 0, 2]))
    loaders = [BatchLoader(each, (), torch.device("cpu")) for each in (training, copied)]
    assert torch.equal(loaders[0]([4, 4, 1])[0], loaders[1]([4, 4, 1])[0])


MEASURE = """
import sys
import numpy as np
from gan.data.posters import PosterSet

def anonymous():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))

images = np.load(sys.argv[1], mmap_mode="r")
names = tuple(f"{n}.jpg" for n in range(len(images)))
posters = PosterSet(images, names, (("Drama",),) * len(names))
posters.split()
before = anonymous()
training, held_out = posters.with_genres(["Drama"]).split()
training.evenly(4000).select(range(100)).tensor(range(10))
print(anonymous() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's account of memory")
def test_a_split_takes_no_memory_for_pixels(tmp_path: Path) -> None:
    """Of 5,000 posters of 61 MB, mapped from a sparse file."""
    path = tmp_path / "large.npy"
    np.lib.format.open_memmap(path, "w+", np.uint8, (5000, 64, 64, 3)).flush()
    found = subprocess.run([sys.executable, "-c", MEASURE, path], capture_output=True, text=True, check=True)
    assert int(found.stdout) < 8_000  # kB

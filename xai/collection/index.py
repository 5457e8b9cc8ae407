"""The index of a collection: what every filter of D answers to thousands of posters, computed once, kept on disk.

    reference = usual_reference(checkpoint, training)
    index = build_index(checkpoint, real_posters(posters), reference)       # minutes; goes on where it was stopped
    index = find_index(checkpoint, real_posters(posters), reference)        # at once; None where it is not there
    index.responses.largest                 # float16 (N, 960), memory-mapped; responses.rows(...) of some
    index.numbers[row]                      # which poster of the set, or which seed
    index.unseen                            # rows of posters that D was not trained on

    build_index(checkpoint, generated_posters(checkpoint.need_generator()), reference)

An index stands under its key in the cache: a digest of the weights, the reference and the posters. Where one of them is
another, it is another index; rows are never paired with other posters.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan.checkpoints.dataset import fingerprint
from gan.checkpoints.record import Checkpoint
from gan.data.posters import PosterSet, evenly_spaced
from gan.errors import counted
from gan.files import cache_directory
from gan.networks.dcgan import Generator, latents
from gan.networks.seeds import reserved
from gan.progress import Progress
from xai.collection import rows
from xai.discriminator.responses import ARRAYS, FilterLayer, Responses, filter_layers, responses
from xai.errors import ExplanationError
from xai.methods.references import Reference, reference
from xai.networks.batches import at_once
from xai.networks.hooks import private_copy
from xai.networks.score import Score, digest

VERSION = 1  # of what is written; to be counted up when it is computed otherwise
GROUP = "responses"  # the record's name; arrays that are added later get a record of their own beside it
BLOCK = 256  # posters that are computed and written together, fewer of large ones
DRAWN_AT_ONCE = 64
READ_WHOLE = 2**30  # bytes of pixels up to which the key depends on all of them; above, on some
SOME = 1024
REFERENCES = 16
SEEDS = 2000


@dataclass(frozen=True, eq=False)
class Population:
    """The pictures of an index, in the order of its rows.

    real : whether they are real posters. numbers : int64 (N,), each one's number in its set, or seed.
    held_out : (N,), whether D was not trained on it by the split of the set; all False for generated ones.
    identity : JSON that changes with the pictures. size : (height, width). read : rows to pictures (n, 3, H, W).
    """

    real: bool
    numbers: NDArray[np.int64]
    held_out: NDArray[np.bool_]
    identity: dict[str, Any]
    size: tuple[int, int]
    read: Callable[[slice], Tensor] = field(repr=False)


def real_posters(posters: PosterSet) -> Population:
    """All posters of a set, with their numbers in it, and which of them are held out."""
    count, (height, width) = len(posters), posters.images.shape[1:3]
    identity = {
        **fingerprint(posters),
        "pixels": _pixel_digest(posters),
        "held_out": hashlib.sha256(posters.held_out.tobytes()).hexdigest(),
    }
    numbers = np.arange(count)
    return Population(
        True, numbers, posters.held_out, identity, (height, width), lambda some: posters.tensor(numbers[some])
    )


def generated_posters(generator: Generator, seeds: Sequence[int] = reserved("collection")[:SEEDS]) -> Population:
    """What the generator draws for these seeds."""
    config, private = generator.config, private_copy(generator)

    @torch.no_grad()
    def draw(some: slice) -> Tensor:
        z = latents(seeds[some], config)
        return torch.cat([private(part) for part in torch.split(z, at_once(DRAWN_AT_ONCE, config.size))])

    numbers = np.asarray(seeds, np.int64)
    identity = {"generated": len(seeds), "seeds": hashlib.sha256(numbers.tobytes()).hexdigest()}
    return Population(False, numbers, np.zeros(len(seeds), bool), identity, config.size, draw)


def usual_reference(checkpoint: Checkpoint, training: PosterSet | None, count: int = REFERENCES) -> Reference:
    """What the Compare page compares with at first: several of the training posters, without posters generated ones."""
    kind = "generated" if training is None else "posters"
    return reference(kind, posters=training, generator=checkpoint.generator, count=count)


@dataclass(frozen=True, eq=False)
class Index:
    """An index that is open; its arrays are memory-mapped.

    responses : of N posters. numbers : int64 (N,), each one's number in its set, or seed. held_out : bool (N,).
    real : whether the posters are real. reference : the kind of the reference. folder : where it stands.
    """

    responses: Responses
    numbers: NDArray[np.int64]
    held_out: NDArray[np.bool_]
    real: bool
    reference: str
    folder: Path

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def unseen(self) -> NDArray[np.intp]:
        """Rows of posters that D was not trained on: held-out ones, or all generated ones."""
        return np.flatnonzero(self.held_out) if self.real else np.arange(len(self))

    @property
    def bytes(self) -> int:
        """On the disk."""
        return sum(path.stat().st_size for path in self.folder.iterdir() if path.is_file())

    @property
    def summary(self) -> str:
        """In words."""
        layers = self.responses.layers
        kind = f"real poster, {len(self.unseen):,} held out" if self.real else "generated poster"
        noun, _, rest = kind.partition(",")
        filters = sum(layer.units for layer in layers)
        return (
            f"{counted(len(self), noun)}{',' * bool(rest)}{rest}; {counted(filters, 'filter')} of "
            f"{counted(len(layers), 'layer')}; compared with the reference {self.reference!r}"
        )


def index_folder(checkpoint: Checkpoint, population: Population, reference: Reference) -> Path:
    """Where the index of these posters is, or would be.

    Raises
    ------
    ExplanationError
        If there are no posters, they are of another size than the checkpoint's, the reference depends on the poster, or
        the checkpoint has no digest.
    """
    if not len(population.numbers):
        raise ExplanationError("An index needs at least one poster.")
    if not checkpoint.digest:
        raise ExplanationError(
            "The checkpoint has no digest of its weights, which it gets when it is saved and loaded."
        )
    if population.size != checkpoint.config.size:
        found, expected = (" x ".join(map(str, size)) for size in (population.size, checkpoint.config.size))
        raise ExplanationError(f"The posters have {found} pixels, the discriminator takes {expected}.")
    compared = reference.name, digest(_references(reference, population.size))
    key = json.dumps([VERSION, checkpoint.digest, compared, population.identity], sort_keys=True)
    return cache_directory() / "index" / hashlib.sha256(key.encode()).hexdigest()[:24]


def find_index(checkpoint: Checkpoint, population: Population, reference: Reference) -> Index | None:
    """The index of these posters, where it is there and whole. ExplanationError as :func:`index_folder`."""
    return open_index(index_folder(checkpoint, population, reference))


def build_index(
    checkpoint: Checkpoint,
    population: Population,
    reference: Reference,
    progress: Progress = lambda part: None,
    rank: int = 0,
    world: int = 1,
) -> Index:
    """The index of these posters, computed where it is not there.

    Finished blocks are kept on the disk: after a kill, or an exception from ``progress``, the next call goes on.
    ``rank`` and ``world`` are those of several processes that make this call together and share the blocks.

    Raises
    ------
    ExplanationError
        As :func:`index_folder`, :func:`xai.discriminator.responses.filter_layers` and :func:`xai.collection.rows.fill`.
    WriteError
        If the cache cannot be written.
    """
    folder = index_folder(checkpoint, population, reference)
    score = Score(checkpoint.need_discriminator())
    layers, base = filter_layers(score), picture_to_compare_with(reference, population.size)

    def compute(some: slice) -> rows.Arrays:
        found = responses(score, population.read(some), base)
        named = {name: getattr(found, name) for name in ARRAYS}
        return named | {"numbers": population.numbers[some], "held_out": population.held_out[some]}

    about = {
        "layers": [asdict(layer) for layer in layers],
        "base_logit": float(score(base)),
        "real": population.real,
        "reference": reference.name,
    }
    plan = plan_of(layers, len(population.numbers), population.size)
    rows.fill(rows.Group(folder, GROUP, plan), compute, about, progress, rank, world)
    index = open_index(folder)
    if index is None:
        raise ExplanationError(f"The index in {folder} cannot be read back.")
    return index


def open_index(folder: Path) -> Index | None:
    """The index in a folder; None where there is none, or it is damaged. No array is read."""
    stored = rows.read(folder, GROUP)
    if stored is None:
        return None
    about, arrays = stored.about, dict(stored.arrays)
    numbers, held_out = arrays.pop("numbers"), arrays.pop("held_out")
    layers = tuple(FilterLayer(**layer) for layer in about["layers"])
    found = Responses(layers, **arrays, base_logit=about["base_logit"])
    return Index(found, numbers, held_out, about["real"], about["reference"], folder)


def plan_of(layers: Sequence[FilterLayer], count: int, size: tuple[int, int]) -> rows.Plan:
    """The arrays of an index of ``count`` posters of ``size`` (height, width)."""
    units = (sum(layer.units for layer in layers),)
    columns = {
        "largest": rows.Column("<f2", units),
        "place": rows.Column("<u2", units),
        "mean": rows.Column("<f2", units),
        "contribution": rows.Column("<f2", units),
        "logit": rows.Column("<f4"),
        "numbers": rows.Column("<i8"),
        "held_out": rows.Column("|b1"),
    }
    return rows.Plan(columns, count, at_once(BLOCK, size))


def picture_to_compare_with(reference: Reference, size: tuple[int, int]) -> Tensor:
    """The mean (1, 3, H, W) of the reference's pictures; ExplanationError where each poster has others."""
    return _references(reference, size).mean(0, keepdim=True)


def _references(reference: Reference, size: tuple[int, int]) -> Tensor:
    """The pictures (K, 3, H, W) to compare with; ExplanationError where each poster has others."""
    black, white = torch.full((1, 3, *size), -1.0), torch.ones(1, 3, *size)
    found = reference.of(black)
    if not torch.equal(found, reference.of(white)):
        raise ExplanationError(
            f"An index compares all posters with one reference; {reference.name!r} is another for each of them."
        )
    return found


def _pixel_digest(posters: PosterSet) -> str:
    """SHA-256 of all pixels, or, of very many, of some pictures."""
    images, count = posters.images, len(posters)
    whole = count * int(np.prod(images.shape[1:])) <= READ_WHOLE
    chosen = range(count) if whole else evenly_spaced(count, SOME)
    found = hashlib.sha256()
    for start in range(0, len(chosen), BLOCK):
        found.update(np.ascontiguousarray(images[np.asarray(chosen[start : start + BLOCK])]).tobytes())
    return found.hexdigest()

"""What posters are compared by: the filters of a layer, colours, layout, a perceptual hash, genres, faces and text.

    spaces = layer_spaces(index.responses)                      # one for each activation layer
    spaces[0].rows                                              # float32 (N, D), one row a poster
    spaces[0].place(responses(score, upload))                   # the row (1, D) of another poster
    visual_spaces(appearance(index, population))
    genre_space(posters)
    detected_space(open_detected(posters))

In each space the Euclidean distance of two rows is how different two posters are. With rows of unit length it puts them
in the order of the cosine similarity, with square roots of histograms in that of the Hellinger distance, and with signs
in that of the number of bits that differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from gan.data.posters import PosterSet
from gan.errors import counted
from xai.collection.detected import Detected
from xai.collection.similarity.appearance import Looks
from xai.discriminator.responses import Responses, filter_layers
from xai.networks.batches import at_once
from xai.networks.score import Score

Rows = NDArray[np.float32]
Kind = Literal["layer", "visual", "semantic", "features"]
CELLS = 4  # of maps, down and across, at most
READ = 64
NO_SPREAD = 1e-6  # a filter that answers to all posters alike
VISUAL = {"colour": "colours", "layout": "layout", "hash": "perceptual hash"}


@dataclass(frozen=True, eq=False)
class Space:
    """What N posters are compared by.

    name : of the layer, "colour", "layout", "hash", "genres", "detected" or "lite1". title : in words. rows : (N, D).
    place : what was measured of other posters to their rows (n, D): of layers
    Responses, of visual spaces Looks, of genres a PosterSet, of faces and text Detected.
    """

    name: str
    title: str
    kind: Kind
    rows: Rows
    place: Callable[[Any], Rows] | None = field(default=None, repr=False)


def layer_spaces(responses: Responses) -> tuple[Space, ...]:
    """A space for each activation layer: the mean responses of its filters, what is in a poster and not where.

    Each filter is taken less its mean over the posters, in units of its own spread, so that a filter that is always
    strong does not rule; rows have unit length.
    """
    return tuple(layer_space(responses, layer.name) for layer in responses.layers)


def layer_space(responses: Responses, name: str) -> Space:
    """That of one layer; ExplanationError if there is no such activation layer."""
    columns = responses.columns(name)
    title = f"{name}, {counted(columns.stop - columns.start, 'filter')}"
    values = responses.mean[:, columns].astype(np.float32)
    centre, spread = values.mean(0), np.maximum(values.std(0), NO_SPREAD)

    def place(others: Responses) -> Rows:
        return unit_rows((others.mean[:, others.columns(name)].astype(np.float32) - centre) / spread)

    return Space(name, title, "layer", place(responses), place)


def map_spaces(score: Score, images: Tensor) -> tuple[Space, ...]:
    """A space for each activation layer: the maps of its filters on 4 x 4 cells at most, what is in a poster and where.

    images : (N, 3, H, W). Standardised as in :func:`layer_spaces`.
    """
    parts: dict[str, list[Rows]] = {layer.name: [] for layer in filter_layers(score)}
    for batch in torch.split(images, at_once(READ, images.shape[2:])):
        for name, maps in maps_of(score, batch):
            height, width = maps.shape[2:]
            cells = adaptive_avg_pool2d(maps, (min(CELLS, height), min(CELLS, width)))
            parts[name].append(cells.flatten(1).numpy())
    return tuple(
        Space(
            layer.name,
            f"{layer.name}, {counted(layer.units, 'map')}",
            "layer",
            _standard(np.concatenate(parts[layer.name])),
        )
        for layer in filter_layers(score)
    )


@torch.no_grad()
def maps_of(score: Score, images: Tensor) -> Iterator[tuple[str, Tensor]]:
    """The maps (N, U, h, w) of each activation layer, by its name; valid until the next is asked for."""
    after, chain = {layer.after: layer.name for layer in filter_layers(score)}, score.chain
    assert chain is not None  # checked by filter_layers
    for index, maps in enumerate(chain.outputs(images, len(images) > 1), 1):
        if index in after:
            yield after[index], maps


def _standard(rows: Rows) -> Rows:
    return unit_rows((rows - rows.mean(0)) / np.maximum(rows.std(0), NO_SPREAD))


def visual_spaces(looks: Looks) -> tuple[Space, ...]:
    """Colours, layout and hash, of what :mod:`xai.collection.similarity.appearance` measured."""
    return tuple(_visual_space(looks, name, title) for name, title in VISUAL.items())


def _visual_space(looks: Looks, name: str, title: str) -> Space:
    def place(others: Looks) -> Rows:
        return others[name].astype(np.float32)

    return Space(name, title, "visual", place(looks), place)


def genre_space(posters: PosterSet) -> Space:
    """The genres: cosine of the sets. A poster without any known genre is as far from all others as can be."""
    genres = tuple(posters.genre_counts())

    def place(others: PosterSet) -> Rows:
        return unit_rows((others.genre_labels(genres) > 0).astype(np.float32))

    return Space("genres", "genres", "semantic", place(posters), place)


def detected_space(detected: Detected) -> Space:
    """Faces and text: how many there are and how large, each in units of its own spread over the posters."""
    own = detected.coordinates
    mean, spread = own.mean(0), np.maximum(own.std(0), NO_SPREAD)

    def place(others: Detected) -> Rows:
        standard: Rows = (others.coordinates - mean) / spread
        return standard

    return Space("detected", "faces and text", "semantic", place(detected), place)


def unit_rows(rows: Rows) -> Rows:
    """Rows of length 1; those of zeros stay as they are."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    units: Rows = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    return units

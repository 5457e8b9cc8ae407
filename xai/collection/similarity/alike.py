"""Which posters of a collection are like one poster, by every layer of D, by how they look, and by what they are about.

    searched = Searched.of(index.responses, looks, index.numbers, posters)         # of an index; or of a few posters
    rows = searched.alike(describe(score, poster), count=6, scaled=True)
    rows[0].title, rows[0].numbers, rows[0].text        # layers.1: its 6 posters, and what they have in common

A poster's copies are not among those that are like it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gan.data.posters import PosterSet
from gan.errors import counted
from xai.collection.detected import Detected
from xai.collection.similarity.appearance import Looks, measured
from xai.collection.similarity.neighbours import COUNT, Table
from xai.collection.similarity.spaces import (
    Rows,
    Space,
    detected_space,
    genre_space,
    layer_spaces,
    visual_spaces,
)
from xai.discriminator.responses import Responses, responses
from xai.networks.score import Score

COMPARED = 50  # neighbours whose overlap with those of another space is counted
HASH_BITS = 64
SAME_GENRES = 1e-4  # of the cosine
SAME_LAYOUT, SAME_COLOURS = 0.02, 0.1  # distances up to which it is the same picture, after half precision

SEMANTIC = ("genres", "detected")

Description = dict[str, Rows]


@dataclass(frozen=True, eq=False)
class Described:
    """A poster that is compared with a collection: by its responses and its looks.

    posters : a set of it alone, where its genres are known. detected : its faces and text, where they were looked for.
    """

    responses: Responses
    looks: Looks
    posters: PosterSet | None = None
    detected: Detected | None = None


@dataclass(frozen=True, eq=False)
class Genres:
    """What the ``compared`` nearest have to do with the genres of the poster.

    related, usual : proportions of the nearest, and of all posters, that share a genre with it. same : how many have
    exactly its genres.
    """

    related: float
    usual: float
    same: int


@dataclass(frozen=True, eq=False)
class Row:
    """The posters most like one in a space, the most alike first.

    name, title, kind : of the space. rows, numbers : where they are in the collection, and what they are called.
    distances : to them, Euclidean also where scaled ones put them in order. shared : by a visual space's title, how
    many of the ``compared`` nearest both have. searched : of how many posters. genres : None where none are known.
    own : what is known of the poster itself in this space, in words.
    """

    name: str
    title: str
    kind: str
    rows: NDArray[np.int64]
    numbers: NDArray[np.int64]
    distances: Rows
    shared: Mapping[str, int]
    compared: int
    searched: int
    genres: Genres | None = None
    own: str = ""

    @property
    def text(self) -> str:
        """How many of the nearest are also the nearest by how posters look, and share a genre, in words."""
        if self.name == "genres":
            assert self.genres is not None  # otherwise there would be no such row
            more = self.genres.same > len(self.rows)
            none = "No other poster has exactly its genres."
            have = f"{counted(self.genres.same, 'poster')} of exactly its genres{', of which some are shown' * more}."
            return have if self.genres.same else none
        counts = ", ".join(f"{count} by {name}" for name, count in self.shared.items())
        chance = self.compared**2 / self.searched
        own = f"This poster: {self.own}. " if self.own else ""
        found = f"{own}Of the {self.compared} nearest: {counts} ({chance:.1f} by chance)" if counts else own
        if self.genres is None:
            return found
        return f"{found}; {self.genres.related:.0%} share a genre with it, as {self.genres.usual:.0%} of all posters do"

    def likeness(self, place: int) -> str:
        """How like the poster at a place of the row is, in words."""
        distance = float(self.distances[place])
        if self.name == "hash":
            return f"{round(HASH_BITS * distance**2)} of {HASH_BITS} bits differ"
        if self.name in ("layout", "detected"):
            return f"distance {distance:.2f}"
        return f"similarity {1 - distance**2 / 2:.2f}"


@dataclass(frozen=True, eq=False)
class Searched:
    """N posters that can be searched in every space. numbers : (N,), what each is called."""

    spaces: tuple[Space, ...]
    numbers: NDArray[np.int64]
    radii: dict[str, Rows]

    @classmethod
    def of(
        cls,
        responses: Responses,
        looks: Looks,
        numbers: NDArray[np.int64],
        posters: PosterSet | None = None,
        radii: Mapping[str, Rows] | None = None,
        detected: Detected | None = None,
    ) -> Searched:
        """From what was measured of N posters; ``posters`` for their genres, where there are any.

        radii : by the name of the space (:class:`xai.collection.similarity.neighbours.AllNeighbours`); computed where
        missing.
        """
        spaces = [*layer_spaces(responses), *visual_spaces(looks)]
        if posters is not None and posters.genre_counts():
            spaces.append(genre_space(posters))
        if detected is not None:
            spaces.append(detected_space(detected))
        return cls(tuple(spaces), numbers, dict(radii or {}))

    @cached_property
    def tables(self) -> dict[str, Table]:
        return {space.name: Table.of(space.rows) for space in self.spaces}

    def radii_of(self, name: str) -> Rows:
        """Mean distance (N,) of each poster to its nearest others."""
        if name not in self.radii:
            table = self.tables[name]
            own = [[row] for row in range(len(self.numbers))]
            self.radii[name] = table.search(table.rows.numpy(), COUNT, own).distances.mean(1)
        return self.radii[name]

    def alike(self, poster: Described, count: int = 6, scaled: bool = True) -> tuple[Row, ...]:
        """The ``count`` posters most like one in each space that it has a place in.

        scaled : whether distances are scaled locally, against hubs (:mod:`xai.collection.similarity.neighbours`).

        Raises
        ------
        ExplanationError
            If there is no other poster.
        """
        places = self._places(poster)
        same = self._same(places)
        found = {}
        for name, place in places.items():
            # In semantic spaces many posters are at the same place, and have no distance to scale by.
            radii = self.radii_of(name) if scaled and name not in SEMANTIC else None
            found[name] = self.tables[name].search(place, max(COMPARED, count), [same], radii)
        nearest = {name: one.indices[0, :COMPARED] for name, one in found.items()}
        others = np.setdiff1d(np.arange(len(self.numbers)), same)
        rows = [self._row(space, places, nearest, others, count) for space in self.spaces if space.name in found]
        return tuple(
            replace(row, own=poster.detected.text(0)) if row.name == "detected" and poster.detected else row
            for row in rows
        )

    def _row(
        self,
        space: Space,
        places: Description,
        nearest: Mapping[str, NDArray[np.int64]],
        others: NDArray[np.intp],
        count: int,
    ) -> Row:
        own = nearest[space.name]
        rows = own[:count]
        shared = {
            other.title: len(np.intersect1d(own, nearest[other.name]))
            for other in self.spaces
            if other.kind == "visual" and other.name != space.name
        }
        return Row(
            space.name, space.title, space.kind, rows, self.numbers[rows],
            np.linalg.norm(space.rows[rows] - places[space.name], axis=1), shared, len(own), len(others),
            self._genres(places, own, others),
        )  # fmt: skip

    def _genres(self, places: Description, own: NDArray[np.int64], others: NDArray[np.intp]) -> Genres | None:
        if "genres" not in places:
            return None
        cosine = self.tables["genres"].rows.numpy() @ places["genres"][0]
        related, same = cosine > 0, cosine > 1 - SAME_GENRES
        return Genres(float(related[own].mean()), float(related[others].mean()), int(same[others].sum()))

    def _places(self, poster: Described) -> Description:
        known = {
            "layer": poster.responses, "visual": poster.looks, "genres": poster.posters, "detected": poster.detected,
        }  # fmt: skip
        places = {}
        for space in self.spaces:
            found = known[space.name if space.kind == "semantic" else space.kind]
            if space.place is not None and found is not None:
                place = space.place(found)
                if space.name != "genres" or place.any():  # without genres it is like none
                    places[space.name] = place
        return places

    def _same(self, places: Description) -> Sequence[int]:
        """Rows of the same picture."""
        layout, colours = (self.tables[name].distances(places[name])[0] for name in ("layout", "colour"))
        found: list[int] = ((layout < SAME_LAYOUT) & (colours < SAME_COLOURS)).nonzero().flatten().tolist()
        return found


def describe(
    score: Score, image: Tensor, posters: PosterSet | None = None, detected: Detected | None = None
) -> Described:
    """What a poster (1, 3, H, W) is compared by; ``posters`` and ``detected`` as of :class:`Described`."""
    return Described(responses(score, image), measured(image), posters, detected)

"""Maps of a collection: places, colours and thumbnails of all posters that are indexed, or of some where none are.

collection = layout.collected(checkpoint)               # None where there is nothing to show
layout.is_ready(collection, "layers.10", "tsne")        # t-SNE takes a minute or two; it is asked for
mapped = layout.mapped(collection, "layers.10", "pca")
layout.plot(collection, mapped.points, "logit")
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from dashboard.cached import collection as indexes
from dashboard.cached import networks, poster_sets
from dashboard.cached.keys import HASH_FUNCS
from gan.progress import Progress, silent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import gan
    from dashboard.components.collection_map import Plot
    from dashboard.subject import Member, Subject
    from xai.collection.maps.colouring import Colouring
    from xai.collection.maps.layout import Layout, Method, Neighbourhoods
    from xai.collection.maps.thumbnails import Thumbnails
    from xai.collection.similarity.spaces import Space
    from xai.collection.strategies.study import Strategies
    from xai.collection.study import CollectionStudy
    from xai.discriminator.responses import Responses
    from xai.networks.cache import Cache

KINDS, CLUSTER = ("real", "generated"), "cluster"
VERSION = 1  # of the clusters on the disk; to be counted up when they are found otherwise


@dataclass(frozen=True, eq=False)
class Collected:
    """The posters of a map, real ones first, then generated ones; real : how many are real.

    responses : of each kind that there is. numbers : (N,), of the posters, and seeds. key : changes with all of it.
    whole : whether all of them are indexed.
    """

    checkpoint: gan.Checkpoint
    responses: tuple[Responses, ...]
    numbers: Any
    real: int
    key: tuple[str, ...]
    whole: bool
    row_of: dict[Member, int] = field(repr=False)

    def __len__(self) -> int:
        return len(self.numbers)

    def members(self, rows: Sequence[int]) -> list[Member]:
        """What these rows are called."""
        return [("poster" if row < self.real else "seed", int(self.numbers[row])) for row in rows]


@dataclass(frozen=True, eq=False)
class Mapped:
    """A map. layout : of the first kind of posters; points : (N, 2), of all; kept : what survives on it."""

    space: Space
    layout: Layout
    points: Any
    kept: Neighbourhoods


@st.cache_resource(show_spinner=False)
def _kept() -> Cache:
    from xai.networks.cache import Cache, one

    return Cache(24, size=one)


def collected(checkpoint: gan.Checkpoint) -> Collected | None:
    """All posters whose index is there, or some hundreds; None without any."""
    kinds = [real for real in (True, False) if indexes.can_be_built(checkpoint, real)]
    found = {real: indexes.index(checkpoint, real) for real in kinds}
    if not kinds:
        return None
    if any(index is not None for index in found.values()):
        kinds = [real for real in kinds if found[real] is not None]
    folders = [f"{real}" if (index := found[real]) is None else index.folder.name for real in kinds]
    answer: Collected = _kept().get(
        (checkpoint.digest, *folders), lambda: _collected(checkpoint, kinds, (checkpoint.digest, *folders))
    )
    return answer


def _collected(checkpoint: gan.Checkpoint, kinds: list[bool], key: tuple[str, ...]) -> Collected:
    from xai.discriminator.responses import responses

    parts, numbers, whole = [], [], True
    for real in kinds:
        index = indexes.index(checkpoint, real)
        if index is not None:
            parts.append(index.responses)
            numbers.append(index.numbers)
        else:
            some, images = networks.candidates(checkpoint, real)
            parts.append(responses(networks.score(checkpoint), images))
            numbers.append(np.asarray(some))
            whole = False
    real_ones = len(numbers[0]) if kinds[0] else 0
    together = np.concatenate(numbers)
    names = np.repeat(["poster", "seed"], [real_ones, len(together) - real_ones]).tolist()
    row_of = {member: row for row, member in enumerate(zip(names, together.tolist(), strict=True))}
    return Collected(checkpoint, tuple(parts), together, real_ones, key, whole, row_of)


def space_names(found: Collected) -> list[str]:
    """What posters can be laid out by, the last layer first."""
    return [layer.name for layer in reversed(found.responses[0].layers)]


def space_title(found: Collected, name: str) -> str:
    """The same for people."""
    from gan.errors import counted

    units = next(layer.units for layer in found.responses[0].layers if layer.name == name)
    return f"{name} ({counted(units, 'filter')})"


def is_ready(found: Collected, space: str, method: Method) -> bool:
    """Whether a map can be had at once: a first one by t-SNE takes a minute or two, and is then on the disk."""
    return method == "pca" or (*found.key, space, method) in _kept() or is_on_disk(found, space)


def is_on_disk(found: Collected, space: str) -> bool:
    """Whether a map by t-SNE has been made once."""
    from xai.collection.maps.layout import is_tsne_kept
    from xai.collection.similarity.spaces import layer_space

    return is_tsne_kept(layer_space(found.responses[0], space).rows)


def mapped(found: Collected, space: str, method: Method, progress: Progress = silent) -> Mapped:
    """The map; ExplanationError as :mod:`xai.collection.maps.layout`."""
    answer: Mapped = _kept().get((*found.key, space, method), lambda: _mapped(found, space, method, progress))
    return answer


def _mapped(found: Collected, name: str, method: Method, progress: Progress) -> Mapped:
    from xai.collection.maps.layout import neighbourhoods, principal_components, tsne
    from xai.collection.similarity.spaces import layer_space

    first, *others = found.responses
    space = layer_space(first, name)
    layout = principal_components(space.rows) if method == "pca" else tsne(space.rows, progress)
    assert space.place is not None  # it is a layer's
    points = np.concatenate([layout.points, *(layout.place(space.place(other)) for other in others)])
    return Mapped(space, layout, points, neighbourhoods(space.rows, layout.points))


def aligned_with(ours: Collected, points: Any, theirs: Collected, onto: Any) -> Any:
    """The points of one map aligned with those of another map, by the real posters that both have.

    Raises
    ------
    ExplanationError
        If hardly any poster is in both.
    """
    from xai.collection.maps.layout import aligned

    rows = same_posters(ours, theirs)
    both = np.asarray(list(rows.items()), np.intp).reshape(-1, 2)
    return aligned(points, onto, (both[:, 0], both[:, 1]))


def same_posters(ours: Collected, theirs: Collected) -> dict[int, int]:
    """Rows of one map to those of another that have the same real poster; seeds draw another one there."""
    answer: dict[int, int] = _kept().get((*ours.key, *theirs.key, "same"), lambda: _same_posters(ours, theirs))
    return answer


def _same_posters(ours: Collected, theirs: Collected) -> dict[int, int]:
    place = {name: row for row, name in enumerate(_names(theirs))}
    return {row: place[name] for row, name in enumerate(_names(ours)) if name in place}


def _names(found: Collected) -> list[str]:
    """Of its real posters."""
    posters = poster_sets.posters(found.checkpoint)
    return [] if posters is None else [posters.names[number] for number in found.numbers[: found.real].tolist()]


def brushed(found: Collected, mapped: Mapped, rows: Sequence[int]) -> list[Member]:
    """What these rows are called; those in the middle of them first."""
    from xai.collection.maps.layout import middle_first

    return found.members(middle_first(mapped.points, np.asarray(rows, np.intp)).tolist())


def by_logit(found: Collected) -> Colouring:
    from xai.collection.maps.colouring import by_number

    return by_number("logit", np.concatenate([one.logit for one in found.responses]), ("fake", "real"))


def by_kind(found: Collected) -> Colouring:
    from xai.collection.maps.colouring import by_group

    groups = np.repeat([0, 1], [found.real, len(found) - found.real])
    return by_group("kind", groups, KINDS)


def by_genre(found: Collected) -> Colouring | None:
    """The first genre of each real poster; None where none is known."""
    from xai.collection.maps.colouring import by_group

    posters = poster_sets.posters(found.checkpoint)
    if posters is None or not found.real or not posters.genre_counts():
        return None
    names = tuple(posters.genre_counts())
    place = {name: row for row, name in enumerate(names)}
    genres = (posters.genres[number] for number in found.numbers[: found.real].tolist())
    own = [place.get(one[0], -1) if one else -1 for one in genres]
    return by_group("genre", np.asarray(own + [-1] * (len(found) - found.real)), names)


def by_strategy(found: Collected, strategies: Strategies) -> Colouring:
    """Each poster's strategy, of those with the verdict."""
    from xai.collection.maps.colouring import by_group

    groups = np.concatenate([strategies.of_real[: found.real], strategies.of_generated])
    names = [f"{strategies.verdict} {place}" for place in range(1, len(strategies.strategies) + 1)]
    return by_group(f"strategy of {strategies.verdict}", groups.astype(int), names)


def clusters_ready(found: Collected, space: str) -> bool:
    """Whether the clusters of these posters can be had at once: they are on the disk once they have been found."""
    return (*found.key, space, CLUSTER) in _kept() or _clusters_file(found, space).is_file()


def _clusters_file(found: Collected, name: str) -> Path:
    import hashlib

    from gan.files import cache_directory
    from xai.collection.similarity.spaces import layer_space

    rows = np.ascontiguousarray(layer_space(found.responses[0], name).rows)
    return cache_directory() / f"clusters-v{VERSION}-{hashlib.sha256(rows.tobytes()).hexdigest()[:24]}.npz"


def by_cluster(found: Collected, mapped: Mapped, progress: Progress = silent) -> tuple[Colouring, str]:
    """The clusters of the map's posters in all its directions, not on the plane; and what is to be said of them."""
    answer: tuple[Colouring, str] = _kept().get(
        (*found.key, mapped.space.name, CLUSTER), lambda: _by_cluster(found, mapped, progress)
    )
    return answer


def _by_cluster(found: Collected, mapped: Mapped, progress: Progress) -> tuple[Colouring, str]:
    from xai.collection.clusters import Clusters, clusters
    from xai.collection.maps.colouring import by_group
    from xai.collection.maps.layout import REDUCED, principal_components

    space = mapped.space
    assert space.place is not None  # it is a layer's
    components = principal_components(space.rows, REDUCED)
    file = _clusters_file(found, space.name)
    cut = Clusters.load(file)
    if cut is None or len(cut.labels) != len(space.rows):
        cut = clusters(components.reduced, progress=progress)
        cut.save(file)
    others = [cut.label(components.reduce(space.place(other))) for other in found.responses[1:]]
    names = [f"cluster {place}" for place in range(1, len(cut) + 1)]
    return by_group(CLUSTER, np.concatenate([cut.labels, *others]), names), cut.text


def colouring(found: Collected, by: str, study: CollectionStudy | None = None) -> Colouring:
    """One of ``colourings`` but the clusters."""
    own = {f"strategy of {one.verdict}": one for one in _strategies(found, study)}
    if by in own:
        return by_strategy(found, own[by])
    make = {"logit": by_logit, "kind": by_kind, "genre": by_genre}[by]
    answer: Colouring = _kept().get((*found.key, by), lambda: make(found))
    return answer


def colourings(found: Collected, study: CollectionStudy | None = None) -> list[str]:
    """What points can be coloured by."""
    kinds = ["logit"] + ["kind"] * (0 < found.real < len(found))
    posters = poster_sets.posters(found.checkpoint)
    kinds += ["genre"] * bool(found.real and posters is not None and posters.genre_counts())
    return [*kinds, CLUSTER] + [f"strategy of {one.verdict}" for one in _strategies(found, study)]


def _strategies(found: Collected, study: CollectionStudy | None) -> list[Strategies]:
    """Those that were found in the posters of the map."""
    if study is None or not found.whole or (found.real and not indexes.is_of_loaded(found.checkpoint, study)):
        return []
    sizes = found.real, len(found) - found.real
    return [
        one
        for one in study.strategies
        if one.strategies and len(one.of_generated) == sizes[1] and (not sizes[0] or len(one.of_real) == sizes[0])
    ]


def thumbnails(found: Collected, progress: Progress = silent) -> Thumbnails:
    """The sheet of all posters, in the order of the rows."""
    answer: Thumbnails = _kept().get((*found.key, "sheet"), lambda: _thumbnails(found, progress))
    return answer


def _thumbnails(found: Collected, progress: Progress) -> Thumbnails:
    from xai.collection.index import generated_posters, real_posters
    from xai.collection.maps.thumbnails import thumbnails

    numbers, populations = found.numbers.tolist(), []
    posters = poster_sets.posters(found.checkpoint)
    if found.real and posters is not None:
        some = numbers[: found.real]
        populations.append(real_posters(posters if len(some) == len(posters) else posters.select(some)))
    if found.real < len(found):
        populations.append(generated_posters(found.checkpoint.need_generator(), numbers[found.real :]))
    return thumbnails(populations, progress)


def plot(found: Collected, points: Any, colours: Colouring, progress: Progress = silent) -> Plot:
    """What the component shows; the sheet of thumbnails is made the first time, in seconds."""
    from dashboard.components.collection_map import Plot, packed

    return Plot(packed(points, found.numbers), len(found), found.real, colours, thumbnails(found, progress))


def place_of(mapped: Mapped, subject: Subject) -> tuple[int, int]:
    """Where a poster that is none of the map's would be."""
    from dashboard.components.collection_map import quantised

    x, y = quantised(_placed(mapped, subject), mapped.points)[0].tolist()
    return x, y


def _placed(mapped: Mapped, subject: Subject) -> Any:
    assert mapped.space.place is not None  # it is a layer's
    return mapped.layout.place(mapped.space.place(_responses(subject)))


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs=HASH_FUNCS)
def _responses(subject: Subject) -> Responses:
    from xai.discriminator.responses import responses

    return responses(networks.score(subject.checkpoint), subject.image)

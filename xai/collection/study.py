"""The study of a collection: what looks alike to D, its strategies, what G cannot draw, and copies; all of it on disk.

    material = Material.of(checkpoint, posters_of(checkpoint, "posters.zip"))
    study = study_collection(material, progress)            # minutes; goes on with the part at which it was stopped
    study.text
    study.save("checkpoints/dcgan-64/collection.npz")
    CollectionStudy.beside("checkpoints/dcgan-64", checkpoint.digest)       # None where it was not studied

A study holds numbers of posters and seeds, no picture. Each part is written as soon as it is finished.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from gan.data.posters import PosterSet
from gan.errors import MetricsUnavailableError
from gan.files import make_directory
from gan.memory import give_back
from gan.progress import Progress, StageProgress, as_one
from xai.collection.copies import Copies, find_copies
from xai.collection.detected import open_detected
from xai.collection.material import INDEXES, Material, fingerprint_text
from xai.collection.omissions.far import Omissions, omissions
from xai.collection.omissions.kinds import Kinds, kinds
from xai.collection.similarity.appearance import appearance
from xai.collection.similarity.filter_agreement import FilterAgreement, filter_agreement
from xai.collection.similarity.neighbours import Hubness, all_neighbours, hubness
from xai.collection.similarity.rsa import Depth, over_depth
from xai.collection.similarity.spaces import layer_spaces, visual_spaces
from xai.collection.strategies.attributions import attributions
from xai.collection.strategies.study import Strategies, comparison, of_both_verdicts
from xai.discriminator.filters.study import copies
from xai.errors import ExplanationError
from xai.networks.packing import packed, unpacked
from xai.networks.score import Score
from xai.networks.study_files import StudyFile

FILE = "collection.npz"
MOST_BYTES = 100_000_000
Result = TypeVar("Result")


@dataclass(frozen=True)
class Part:
    """A part of the study.

    title : on progress bars. seconds : on two cores, for 20,649 posters. result : the type of what ``compute`` gives.
    is_current : whether what is on the disk is what ``compute`` would give now.
    """

    title: str
    seconds: float
    result: Any
    compute: Callable[[Material, Progress], Any]
    is_current: Callable[[Material, Any], bool] = lambda material, found: True


@dataclass(frozen=True, eq=False)
class CollectionStudy:
    """All parts, None where one could not be made; ``missing`` says why, one sentence each.

    digest : of the weights. posters : JSON that says which real posters; "" without any.
    real, held_out, generated, drawn : how many real and held-out posters, how many seeds in the index and for features.
    """

    STUDY: ClassVar[StudyFile] = StudyFile(FILE, "study of a collection", MOST_BYTES)

    digest: str
    posters: str
    real: int
    held_out: int
    generated: int
    drawn: int
    missing: tuple[str, ...] = ()
    hubs: tuple[Hubness, ...] = ()
    depth: Depth | None = None
    filters: FilterAgreement | None = None
    strategies: tuple[Strategies, ...] = ()
    copies: Copies | None = None
    kinds: Kinds | None = None
    omissions: Omissions | None = None

    @property
    def text(self) -> str:
        """What was found, a line for each part."""
        lines = [f"Hubs by {one.title}: {one.text}" for one in self.hubs]
        for found in self.strategies:
            lines += [found.text, *(f"{one.text} {one.colours}" for one in found.strategies)]
        lines += [comparison(*self.strategies)] if len(self.strategies) == 2 else []
        parts = (self.depth, self.filters, self.copies, self.kinds, self.omissions)
        return "\n".join([*lines, *(part.text for part in parts if part is not None), *self.missing])

    def why_missing(self, name: str) -> str:
        """Why a part is not there, in a sentence; "" where it is there."""
        title = PARTS[name].title.capitalize()
        return next((line for line in self.missing if line.startswith(f"{title}: ")), "")

    def is_of(self, posters: PosterSet, genres: Sequence[str]) -> bool:
        """Whether the study's numbers are those of these posters."""
        return bool(self.posters) and self.posters == fingerprint_text(posters, genres)

    def save(self, path: str | Path) -> None:
        """Write one .npz, complete or not at all."""
        _write(self, Path(path), self.STUDY)

    @classmethod
    def load(cls, path: str | Path) -> CollectionStudy:
        """Read what ``save`` wrote; ExplanationError if it does not exist, is damaged, or is something else."""
        return _read(cls, Path(path), cls.STUDY)

    @classmethod
    def beside(cls, folder: str | Path, digest: str) -> CollectionStudy | None:
        """The study in a folder, where there is one of these weights; ExplanationError where it is damaged."""
        path = cls.STUDY.beside(folder)
        study = None if path is None else cls.load(path)
        return study if study is not None and study.digest == digest else None


def study_collection(material: Material, progress: StageProgress = lambda stage, done: None) -> CollectionStudy:
    """Compute what is missing, and keep it in the material's folder.

    progress : called with a part's title and its finished fraction; what it raises ends the work, and loses that part.

    Raises
    ------
    WriteError
        If the cache cannot be written.
    """
    found: dict[str, Any] = {}
    missing = []
    for name, part in PARTS.items():
        try:
            found[name] = _kept(material, name, part, progress)
        except (ExplanationError, MetricsUnavailableError) as error:
            missing.append(f"{part.title.capitalize()}: {error}")
    study = CollectionStudy(
        digest=material.checkpoint.digest,
        posters=material.fingerprint,
        real=0 if material.real is None else len(material.real),
        held_out=0 if material.real is None else len(material.real.unseen),
        generated=len(material.generated),
        drawn=material.drawn,
        missing=tuple(missing),
        **found,
    )
    study.save(material.folder / FILE)
    return study


def _kept(material: Material, name: str, part: Part, progress: StageProgress) -> Any:
    """A part from the disk, or computed and written there."""
    path, kind = material.folder / f"{name}.npz", StudyFile(f"{name}.npz", "part of a study", MOST_BYTES)
    if path.is_file():
        with suppress(ExplanationError):  # damaged: it is made again
            found = _read(part.result, path, kind)
            if part.is_current(material, found):
                return found
    result = part.compute(material, lambda done: progress(part.title, done))
    _write(result, path, kind)
    give_back()
    return result


def _write(result: Any, path: Path, kind: StudyFile) -> None:
    arrays, record = packed(result)
    make_directory(path.parent)
    kind.write(path, arrays, {"result": record})


def _read(result: type[Result], path: Path, kind: StudyFile) -> Result:
    return kind.read(path, lambda arrays, record: unpacked(result, arrays, record["result"]))


# ---- the parts -------------------------------------------------------------------------------------------


def _hubs(material: Material, progress: Progress) -> tuple[Hubness, ...]:
    """Of the real posters, or of generated ones where there are none."""
    index, posters = material.indexes[0], material.posters
    stages = as_one(progress, {"looks": 0.1, "neighbours": 0.9})
    looks = appearance(index, material.populations[0], partial(stages, "looks"))
    groups = np.arange(len(index)) if posters is None else copies(posters.posters)
    spaces = [*layer_spaces(index.responses), *visual_spaces(looks)]
    found = all_neighbours(index, spaces, groups, partial(stages, "neighbours"))
    return tuple(hubness(name, one) for name, one in found.items())


def _depth(material: Material, progress: Progress) -> Depth:
    """Of the held-out posters and others, or of generated ones."""
    posters, _ = material.need_real("What layers compare posters by")
    return over_depth(Score(material.checkpoint.need_discriminator()), posters.posters, progress=progress)


def _filters(material: Material, progress: Progress) -> FilterAgreement:
    posters, _ = material.need_real("What filters agree on")
    score = Score(material.checkpoint.need_discriminator())
    return filter_agreement(score, posters.posters, progress=progress)


def _strategies(material: Material, progress: Progress) -> tuple[Strategies, ...]:
    """Behind "fake" and behind "real", of all posters of the indexes."""
    counts = [len(index) for index in material.indexes]
    names = [f"maps {number}" for number in range(len(counts))]
    parts = [0.7 * count / sum(counts) for count in counts]
    stages = as_one(progress, dict(zip(names, parts, strict=True)) | {"clusters": 0.3})
    for name, index, population in zip(names, material.indexes, material.populations, strict=True):
        appearance(index, population)
        attributions(material.checkpoint, population, material.reference, partial(stages, name))
    return of_both_verdicts(material.indexes, progress=partial(stages, "clusters"))


def _copies(material: Material, progress: Progress) -> Copies:
    posters, _ = material.need_real("Whether generated posters are copies")
    return find_copies(material.checkpoint, posters.posters, progress=progress)


def _kinds(material: Material, progress: Progress) -> Kinds:
    stages = as_one(progress, {"features": 0.5, "kinds": 0.5})
    posters, _ = material.need_real("What the generator cannot draw")
    extracted = material.extract(partial(stages, "features"))
    generator = material.checkpoint.need_generator()
    return kinds(extracted, posters.posters, generator, _detected_labels(material), partial(stages, "kinds"))


def _knows_detected(material: Material, found: Kinds) -> bool:
    """Whether faces and text are among the kinds, if they have been looked for."""
    labels = _detected_labels(material)
    return not labels or any(kind.name in labels for kind in found.kinds)


def _detected_labels(material: Material) -> dict[str, NDArray[np.int8]]:
    posters, _ = material.need_real("What the generator cannot draw")
    detected = open_detected(posters.posters)
    return {} if detected is None else detected.labels


def _omissions(material: Material, progress: Progress) -> Omissions:
    stages = as_one(progress, {"features": 0.2, "distances": 0.8})
    posters, _ = material.need_real("What the generator cannot draw")
    return omissions(material.extract(partial(stages, "features")), posters.posters, partial(stages, "distances"))


PARTS = {
    "hubs": Part("neighbours of all posters", 80, tuple[Hubness, ...], _hubs),
    "depth": Part("what layers compare posters by", 50, Depth, _depth),
    "filters": Part("filters that agree on similar posters", 40, FilterAgreement, _filters),
    "strategies": Part("strategies of the discriminator", 150, tuple[Strategies, ...], _strategies),
    "copies": Part("copies of training posters", 15, Copies, _copies),
    "kinds": Part("kinds of posters that are not drawn", 60, Kinds, _kinds, _knows_detected),
    "omissions": Part("posters that are not drawn", 20, Omissions, _omissions),
}
_SECONDS = dict.fromkeys(INDEXES, 60.0) | {part.title: part.seconds for part in PARTS.values()}
STAGES = {title: seconds / sum(_SECONDS.values()) for title, seconds in _SECONDS.items()}  # proportions of the time

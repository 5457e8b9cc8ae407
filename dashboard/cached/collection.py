"""The index of a collection and its study: opened once, and made when a person asks for it.

    index = collection.index(checkpoint, real=True)         # None where it is not built, or there are no posters
    collection.build(checkpoint, real=True, progress)       # minutes; goes on where it was stopped
    collection.study(checkpoint)                            # of the posters that are loaded, or what came along
    collection.make_study(checkpoint, progress)             # a quarter of an hour

scripts/index_collection.py and scripts/study_collection.py make the same from the command line.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.cached import listing, measured, poster_sets
from dashboard.settings import settings
from gan.progress import silent

if TYPE_CHECKING:
    from pathlib import Path

    import gan
    from gan.progress import Progress
    from xai.collection.index import Index, Population
    from xai.collection.study import CollectionStudy
    from xai.methods.references import Reference
    from xai.networks.cache import Cache


@st.cache_resource(show_spinner=False)
def _kept() -> Cache:
    """Folders and open indexes; an index that is not there is looked for again."""
    from xai.networks.cache import Cache, one

    return Cache(16, size=one)


def index(checkpoint: gan.Checkpoint, real: bool, progress: Progress = silent) -> Index | None:
    """The index of the real posters that are loaded, or of generated ones; None where it cannot be had without work."""
    from xai.collection.index import open_index

    if not can_be_built(checkpoint, real, progress):
        return None
    folder = _folder(checkpoint, real, progress)
    if folder in _kept():
        answer: Index = _kept().get(folder, lambda: None)
        return answer
    found = open_index(folder)
    return None if found is None else _kept().get(folder, lambda: found)


def can_be_built(checkpoint: gan.Checkpoint, real: bool, progress: Progress = silent) -> bool:
    """Whether there are such posters, and a discriminator."""
    source = poster_sets.checkpoint_posters(checkpoint, progress) if real else checkpoint.generator
    return source is not None and checkpoint.discriminator is not None


def build(checkpoint: gan.Checkpoint, real: bool, progress: Progress) -> Index:
    """Compute what is missing of the index.

    Raises
    ------
    ExplanationError
        If another process is building it, or it cannot be written.
    """
    from gan.cli import file_sentence
    from gan.files import WriteError
    from xai.collection.index import build_index
    from xai.errors import ExplanationError

    try:
        return build_index(checkpoint, *_asked(checkpoint, real), progress)
    except WriteError as error:
        raise ExplanationError(f"{file_sentence(error, 'the index')}.") from error


def study(checkpoint: gan.Checkpoint) -> CollectionStudy | None:
    """The study of the posters that are loaded, or, where there is none, what came with the checkpoint.

    One that was made here and cannot be read is made again.

    Raises
    ------
    ExplanationError
        If the file that came along is damaged.
    """
    from xai.errors import ExplanationError

    with suppress(ExplanationError):
        own = _study_in(_study_folder(checkpoint), checkpoint.digest)
        if own is not None:
            return own
    return _study_in(listing.folder(checkpoint.name), checkpoint.digest)


def _study_in(folder: Path, digest: str) -> CollectionStudy | None:
    from xai.collection.study import FILE

    path = folder / FILE
    stamp = measured.stamp_of_path(path)
    return _study(path, stamp, digest) if stamp else None


@st.cache_resource(max_entries=8, show_spinner=False)
def _study(path: Path, stamp: tuple[int, ...], digest: str) -> CollectionStudy | None:
    from xai.collection.study import CollectionStudy

    return CollectionStudy.beside(path.parent, digest)


def can_study(checkpoint: gan.Checkpoint, found: CollectionStudy | None) -> bool:
    """Whether the posters that are loaded, or generated ones, have not been studied yet; ``found`` is what there is."""
    if found is None:
        return checkpoint.generator is not None and checkpoint.discriminator is not None
    return poster_sets.posters(checkpoint) is not None and not is_of_loaded(checkpoint, found)


def is_of_loaded(checkpoint: gan.Checkpoint, found: CollectionStudy) -> bool:
    """Whether the numbers of posters in a study are those of the posters that are loaded."""
    posters = poster_sets.posters(checkpoint)
    return posters is not None and found.is_of(posters, checkpoint.config.genres)


def make_study(checkpoint: gan.Checkpoint, progress: Progress) -> None:
    """Compute what is missing of the study, and keep it on disk.

    Raises
    ------
    ExplanationError
        If another process is making it, or it cannot be written.
    """
    from gan.cli import file_sentence
    from gan.files import WriteError
    from gan.progress import as_one
    from xai.collection.material import Material
    from xai.collection.study import STAGES, study_collection
    from xai.errors import ExplanationError

    stages = as_one(progress, STAGES)
    try:
        material = Material.of(checkpoint, poster_sets.checkpoint_posters(checkpoint), progress=stages)
        study_collection(material, stages)
    except WriteError as error:
        raise ExplanationError(f"{file_sentence(error, 'the study')}.") from error


def _study_folder(checkpoint: gan.Checkpoint) -> Path:
    """Where the study of the posters that are loaded stands, or would."""
    from xai.collection.material import study_folder

    real = _folder(checkpoint, True, silent) if poster_sets.posters(checkpoint) is not None else None
    return study_folder(real, _folder(checkpoint, False, silent))


def _folder(checkpoint: gan.Checkpoint, real: bool, progress: Progress) -> Path:
    """Where the index stands, or would; it depends on all pixels, so it is found out once."""
    from xai.collection.index import index_folder

    loaded = poster_sets.checkpoint_posters(checkpoint, progress) is not None  # they may be read later
    key = checkpoint.digest, real, loaded and settings().posters
    folder: Path = _kept().get(key, lambda: index_folder(checkpoint, *_asked(checkpoint, real)))
    return folder


def population(checkpoint: gan.Checkpoint, real: bool) -> Population:
    """The real posters that are loaded, or the generated ones, as an index has them; asked only where can_be_built."""
    return _asked(checkpoint, real)[0]


def _asked(checkpoint: gan.Checkpoint, real: bool) -> tuple[Population, Reference]:
    """The posters, and what they are compared with."""
    from xai.collection.index import generated_posters, real_posters, usual_reference

    found = poster_sets.checkpoint_posters(checkpoint)
    if real:
        assert found is not None  # asked only where can_be_built
        population = real_posters(found.posters)
    else:
        population = generated_posters(checkpoint.need_generator())
    return population, usual_reference(checkpoint, None if found is None else found.training)

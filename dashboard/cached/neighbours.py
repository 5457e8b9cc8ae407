"""Posters that can be searched for those that are like one: all of a collection, or some of it until it is indexed.

searched = neighbours.searched(checkpoint, real=True)
searched.alike(neighbours.described(subject))
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard.cached import collection, networks, poster_sets
from dashboard.cached.keys import HASH_FUNCS
from dashboard.subject import POSTER, digest_of

if TYPE_CHECKING:
    import gan
    from dashboard.subject import Subject
    from xai.collection.detected import Detected
    from xai.collection.similarity.alike import Described, Searched


def searched(checkpoint: gan.Checkpoint, real: bool) -> Searched:
    """All real or generated posters that are indexed; some hundreds of them where none are."""
    index = collection.index(checkpoint, real)
    detected = real and _detected(checkpoint) is not None
    return _searched(checkpoint, real, "" if index is None else index.folder.name, detected)


@st.cache_resource(max_entries=4, show_spinner="Looking at posters", hash_funcs=HASH_FUNCS)
def _searched(checkpoint: gan.Checkpoint, real: bool, folder: str, has_detected: bool) -> Searched:
    from xai.collection.similarity.alike import Searched
    from xai.collection.similarity.appearance import appearance, measured
    from xai.collection.similarity.neighbours import open_radii
    from xai.discriminator.responses import responses

    found, index = poster_sets.checkpoint_posters(checkpoint) if real else None, collection.index(checkpoint, real)
    detected = _detected(checkpoint) if has_detected else None
    if index is not None:
        looks = appearance(index, collection.population(checkpoint, real))
        return Searched.of(
            index.responses, looks, index.numbers, None if found is None else found.posters, open_radii(index), detected
        )
    numbers, images = networks.candidates(checkpoint, real)
    posters = None if found is None else found.posters.select(numbers)
    answers = responses(networks.score(checkpoint), images)
    some = None if detected is None else detected.select(numbers)
    return Searched.of(answers, measured(images), np.asarray(numbers), posters, detected=some)


def described(subject: Subject) -> Described:
    """What the chosen poster is compared by.

    Genres where it is one of the posters loaded; faces and text there, and of an uploaded one by detectors.
    """
    from xai.collection.similarity.alike import describe

    score, posters = networks.score(subject.checkpoint), poster_sets.posters(subject.checkpoint)
    detected = _detected(subject.checkpoint)
    if subject.upload is not None and detected is not None:
        return describe(score, subject.image, detected=_on_upload(subject.upload))
    if subject.kind != POSTER or posters is None or subject.name not in posters.names:
        return describe(score, subject.image)
    place = [posters.names.index(subject.name)]
    return describe(score, subject.image, posters.select(place), None if detected is None else detected.select(place))


def why_not_detected(subject: Subject) -> str:
    """Why there is no row by faces and text, in a sentence."""
    from xai.discriminator.concepts.detectors import missing

    if _detected(subject.checkpoint) is None:
        return "Nobody has looked for them on the real posters; `scripts/index_collection.py --detect` does."
    if subject.upload is not None:
        return missing()
    return "They are looked for on real posters and uploaded ones."


@st.cache_resource(max_entries=16, show_spinner="Looking for faces and text", hash_funcs={bytes: digest_of})
def _on_upload(content: bytes) -> Detected | None:
    """Faces and text on an uploaded poster, all of it; None where no detectors are installed."""
    import gan
    from xai.collection.detected import detect_pictures
    from xai.discriminator.concepts.detectors import DetectorUnavailableError

    try:
        return detect_pictures([gan.open_image(content)])
    except DetectorUnavailableError:
        return None


def _detected(checkpoint: gan.Checkpoint) -> Detected | None:
    """Faces and text on the posters that are loaded, where they have been looked for; also while the app runs."""
    from xai.collection.detected import open_detected

    posters = poster_sets.posters(checkpoint)
    return None if posters is None else open_detected(posters)

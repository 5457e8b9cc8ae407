"""Posters that can be searched for those that are like one: all of a collection, or some of it until it is indexed.

searched = neighbours.searched(checkpoint, real=True)
searched.alike(neighbours.described(subject))
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard.cached import collection, networks
from dashboard.cached.keys import HASH_FUNCS
from dashboard.subject import POSTER

if TYPE_CHECKING:
    import gan
    from dashboard.subject import Subject
    from xai.collection.similarity.alike import Described, Searched


def searched(checkpoint: gan.Checkpoint, real: bool) -> Searched:
    """All real or generated posters that are indexed; some hundreds of them where none are."""
    index = collection.index(checkpoint, real)
    return _searched(checkpoint, real, "" if index is None else index.folder.name)


@st.cache_resource(max_entries=4, show_spinner="Looking at posters", hash_funcs=HASH_FUNCS)
def _searched(checkpoint: gan.Checkpoint, real: bool, folder: str) -> Searched:
    from xai.collection.similarity.alike import Searched
    from xai.collection.similarity.appearance import appearance, measured
    from xai.collection.similarity.neighbours import open_radii
    from xai.discriminator.responses import responses

    found, index = networks.checkpoint_posters(checkpoint) if real else None, collection.index(checkpoint, real)
    if index is not None:
        looks = appearance(index, collection.population(checkpoint, real))
        return Searched.of(
            index.responses, looks, index.numbers, None if found is None else found.posters, open_radii(index)
        )
    numbers, images = networks.candidates(checkpoint, real)
    posters = None if found is None else found.posters.select(numbers)
    answers = responses(networks.score(checkpoint), images)
    return Searched.of(answers, measured(images), np.asarray(numbers), posters)


def described(subject: Subject) -> Described:
    """What the chosen poster is compared by; its genres, where it is one of the posters that are loaded."""
    from xai.collection.similarity.alike import describe

    posters = networks.posters(subject.checkpoint)
    known = subject.kind == POSTER and posters is not None and subject.name in posters.names
    own = posters.select([posters.names.index(subject.name)]) if known and posters is not None else None
    return describe(networks.score(subject.checkpoint), subject.image, own)

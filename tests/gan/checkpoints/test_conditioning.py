from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import gan
import xai
from gan.checkpoints.conditioning import _requests, condition, genre_labels, with_genres
from tests.xai.nets import GENRES, conditional, discriminator, generator, oblong, one_sentence, scramble


@pytest.mark.parametrize(
    ("requests", "labels"),
    [
        ([], (0, 0, 0)),
        (["Horror"], (0, 1, 0)),
        ([" western = -0.5", "COMEDY=1"], (1, 0, -0.5)),
    ],
)
def test_genres_are_requested_by_name_and_strength(requests: list[str], labels: tuple[float, ...]) -> None:
    assert genre_labels(GENRES, requests) == labels


@pytest.mark.parametrize(
    ("requests", "word"),
    [
        (["Noir"], "'Noir'"),
        (["Horror", "horror=0"], "twice"),
        (["Horror=2"], "-1 to 1"),
        (["Horror=much"], "'much'"),
        (["Horror=nan"], "-1 to 1"),
        (["Horror="], "-1 to 1"),
    ],
)
def test_genres_that_make_no_sense_are_refused_in_one_sentence(requests: list[str], word: str) -> None:
    with pytest.raises(gan.CheckpointError) as caught:
        genre_labels(GENRES, requests)
    assert word in one_sentence(caught.value)


def checkpoint() -> gan.Checkpoint:
    made = conditional()
    judge = scramble(lambda: gan.Discriminator(oblong())).eval()
    return gan.Checkpoint(made, judge, made.config, {"kimg": 1}, "genres", "0" * 64)


def test_a_conditioned_checkpoint_draws_and_judges_as_the_networks_do_with_these_labels() -> None:
    given, labels = checkpoint(), torch.tensor([[0.0, 1.0, -0.5]])
    found = with_genres(given, "Horror, Western=-0.5")
    z = gan.latents([3], found.config)
    with torch.no_grad():
        picture = found.generator(z)
        assert torch.allclose(picture, given.generator(z, labels), atol=1e-5)
        logit = given.discriminator.logit(picture, labels)
    assert torch.allclose(xai.Score(found.discriminator)(picture), logit, atol=1e-4)
    assert found.config == found.generator.config
    assert found.info["requested_genres"] == {"Horror": 1, "Western": -0.5}


def test_the_digest_tells_genres_apart_and_no_request_is_a_choice_too() -> None:
    digests = [condition(checkpoint(), labels).digest for labels in ((), (0, 1, 0), (0, 0, 1), (0, 0.5, 0))]
    assert len({*digests, checkpoint().digest}) == 5
    assert condition(checkpoint(), (0, 0, 0)).digest == digests[0]
    other = replace(checkpoint(), digest="1" * 64)
    assert condition(other).digest != digests[0]


def test_a_checkpoint_without_genres_stays_as_it_is_and_cannot_be_conditioned_on_any() -> None:
    made = generator(32)
    plain = gan.Checkpoint(made, discriminator(32), made.config)
    assert with_genres(plain) is plain
    with pytest.raises(gan.CheckpointError) as caught:
        with_genres(plain, "Horror")
    assert "without genres" in one_sentence(caught.value)
    with pytest.raises(gan.CheckpointError):
        condition(plain, (1.0,))


def test_labels_of_another_number_or_size_are_refused() -> None:
    for labels in ((1.0,), (0.0, 0.0, 2.0), (0.0, 0.0, float("nan"))):
        with pytest.raises(gan.CheckpointError) as caught:
            condition(checkpoint(), labels)
        assert "3 values from -1 to 1" in one_sentence(caught.value)


def test_a_genre_with_a_comma_in_its_name_can_be_requested() -> None:
    genres = ("Crime, Mystery & Thriller", "Drama", "Horror")
    for text, expected in {
        "Crime, Mystery & Thriller": ["Crime, Mystery & Thriller"],
        "drama,crime, mystery & thriller=0.5,Horror": ["drama", "crime, mystery & thriller=0.5", "Horror"],
        "Drama, Horror": ["Drama", " Horror"],
        "Drama,Crime": ["Drama", "Crime"],
        " , ": [],
    }.items():
        assert _requests(text, genres) == expected
    spaced = _requests("Horror, Crime, Mystery & Thriller", genres)
    assert genre_labels(genres, spaced) == (1.0, 0.0, 1.0)

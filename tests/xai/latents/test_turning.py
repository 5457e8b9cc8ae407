"""A word of a link is read as it was written, and does to a latent what it says; the picture follows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gan.networks.dcgan import latents
from tests.xai import built
from tests.xai.nets import one_sentence
from xai.errors import ExplanationError
from xai.latents.turning import LARGEST, LONGEST, Turning, brightness_change

HUNDREDTHS = st.integers(-400, 400).map(lambda number: number / 100)
TURNINGS = st.builds(
    Turning, st.dictionaries(st.integers(0, 99), HUNDREDTHS), st.integers(0, 200).map(lambda number: number / 100)
)


@given(TURNINGS)
def test_a_word_is_read_as_it_was_written(turning: Turning) -> None:
    assert Turning.parse(str(turning), 100) == turning


@given(st.text(st.sampled_from("0123456789:,.-lengthx"), max_size=40))
def test_whatever_a_link_says_stays_within_the_latent(word: str) -> None:
    turning = Turning.parse(word, 5)
    assert all(0 <= index < 5 and abs(value) <= LARGEST for index, value in turning.values.items())
    assert 0 <= turning.length <= LONGEST


def test_what_is_no_change_of_such_a_latent_is_left_out() -> None:
    assert Turning.parse("5:1,x:1,1:5,1:1e3,length:3,length:-1,:,2:,3", 5) == Turning()
    assert Turning.parse("4:1", 5) == Turning({4: 1.0})
    assert not Turning.parse("", 5)
    assert Turning.parse("4:0", 5)


def test_dimensions_are_set_and_the_others_shortened() -> None:
    z = torch.arange(1.0, 6.0).reshape(1, 5, 1, 1)
    before = z.clone()
    turned = Turning({1: -2.0, 3: 4.0}, 0.5).of(z)
    assert turned.flatten().tolist() == [0.5, -2.0, 1.5, 4.0, 2.5]
    assert torch.equal(z, before)
    assert not Turning(length=0.0).of(z).any()


def test_one_dimension_is_reset_and_the_others_stay() -> None:
    turning = Turning({1: 1.0}, 0.5).with_value(2, 3.0)
    assert turning == Turning({1: 1.0, 2: 3.0}, 0.5)
    assert turning.with_value(1, None).with_length(1.0) == Turning({2: 3.0})


def test_more_than_one_latent_is_refused() -> None:
    with pytest.raises(ExplanationError) as error:
        Turning().of(torch.zeros(2, 5, 1, 1))
    assert one_sentence(error.value)


@torch.no_grad()
def test_the_change_is_where_the_turned_dimension_draws() -> None:
    network = built.generator()
    z = latents([0], network.config)
    off = Turning(dict.fromkeys(range(5), 0.0)).of(z)
    on = Turning({built.DRIVES_PATCH: 2.0}).of(off)
    change = brightness_change(network(on), network(off))
    half = change.shape[0] // 2  # a filter of the last layer reaches one pixel farther
    assert (change[:half, :half] > 0.1).all()
    assert not np.abs(change[half + 1 :]).any()
    assert brightness_change(network(off), network(on)) == pytest.approx(-change)

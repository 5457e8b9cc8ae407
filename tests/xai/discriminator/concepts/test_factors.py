"""Factors of a layer: parts that were put in come out, whatever the seed; what is not there is unstable."""

import numpy as np
import pytest
import torch

from tests.xai.nets import one_sentence
from xai.discriminator.concepts.factors import factorise, name_factors
from xai.errors import ExplanationError


def planted(count: int = 60) -> torch.Tensor:
    """Maps (N, 6, 4, 4): filters 0 and 1 fire together, 2 fires while 3 falls below zero; 4 and 5 are silent."""
    random = np.random.default_rng(0)
    one, other = (random.gamma(0.5, size=(count, 4, 4)) for _ in range(2))
    maps = np.zeros((count, 6, 4, 4))
    maps[:, 0], maps[:, 1], maps[:, 2], maps[:, 3] = one, 2 * one, other, -other
    return torch.from_numpy(maps).float()


def test_filters_that_fire_together_are_one_factor_with_their_signs() -> None:
    found = factorise(planted(), count=2)
    assert found.is_stable.all()
    assert found.explained == pytest.approx(1, abs=1e-3)
    groups = {frozenset((unit, weight > 0) for unit, weight in found.filters(k)[:2]) for k in range(2)}
    assert groups == {frozenset({(0, True), (1, True)}), frozenset({(2, True), (3, False)})}


def test_factors_of_noise_are_unstable_and_have_no_name() -> None:
    noise = torch.randn(60, 6, 4, 4, generator=torch.Generator().manual_seed(0))
    found = factorise(noise, count=5)
    assert not found.is_stable.all()
    coverage = (noise[:, :1] > 0.5).float().expand(-1, 2, -1, -1)
    names = name_factors(found, coverage, ["a", "b"], torch.tensor([False, False]), np.zeros(2, np.float32))
    assert all(not name for name, stable in zip(names, found.is_stable, strict=True) if not stable)


def test_a_stable_factor_has_the_name_of_the_mask_that_it_follows() -> None:
    maps = planted()
    masks = torch.stack([maps[:, 0] > 0.7, maps[:, 2] > 0.7], 1).float()
    found = factorise(maps, count=2)
    names = name_factors(found, masks, ["first", "second"], torch.tensor([False, False]), np.full(2, 0.05, np.float32))
    expected = ["first" if found.filters(k)[0][0] in (0, 1) else "second" for k in range(2)]
    assert names == expected
    high = np.ones(2, np.float32)
    assert name_factors(found, masks, ["first", "second"], torch.tensor([False, False]), high) == ["", ""]


def test_an_impossible_number_of_factors_is_refused_in_a_sentence() -> None:
    with pytest.raises(ExplanationError) as error:
        factorise(planted(4), count=7)
    one_sentence(error.value)

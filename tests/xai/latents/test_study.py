from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest
import torch

import gan
import xai
from tests.xai.latent_nets import corners
from tests.xai.nets import discriminator, generator, one_sentence
from xai.latents.study import FILE, LatentStudy, latent_study


def checkpoint(digest: str = "abc") -> gan.Checkpoint:
    network = generator(8)
    return gan.Checkpoint(network, discriminator(8), network.config, digest=digest)


@functools.cache
def studied() -> LatentStudy:
    network = corners()
    return latent_study(gan.Checkpoint(network, None, network.config, digest="abc"), samples=20, grid=2)


def test_a_study_knows_what_each_value_does() -> None:
    found = studied()
    assert found.importance.most_influential[0, 0] == 0
    assert found.importance.most_influential[1, 1] == 1
    assert found.local.rms.argmax() == 1
    assert found.directions.of("jacobian")[0].vector.argmax() == 1


def test_a_stored_study_is_the_same(tmp_path: Path) -> None:
    studied().save(tmp_path / FILE)
    found = LatentStudy.load(tmp_path / FILE)
    assert found.digest == "abc"
    for part in ("statistics", "cells", "picture"):
        stored, own = getattr(found.importance, part), getattr(studied().importance, part)
        for name in ("value", "low", "high", "variance"):
            assert np.allclose(getattr(stored, name), getattr(own, name), rtol=1e-6, atol=1e-12)
    assert torch.equal(found.local.gram, studied().local.gram)
    for one, own in zip(found.directions.directions, studied().directions.directions, strict=True):
        assert (one.name, one.family, one.label, one.strength, one.r2) == (
            own.name, own.family, own.label, own.strength, own.r2
        )  # fmt: skip
        assert (one.vector == own.vector).all()
        assert one.effects == own.effects
    compared, own = found.directions.agreement, studied().directions.agreement
    assert (compared.overlap == own.overlap).all()
    assert compared.matches == own.matches


def test_a_study_of_other_weights_is_none(tmp_path: Path) -> None:
    assert LatentStudy.beside(tmp_path, "abc") is None
    studied().save(tmp_path / FILE)
    assert LatentStudy.beside(tmp_path, "abc") is not None
    assert LatentStudy.beside(tmp_path, "xyz") is None


@pytest.mark.parametrize("size", [0, 10, 1000])
def test_a_damaged_study_is_refused_in_one_sentence(tmp_path: Path, size: int) -> None:
    studied().save(tmp_path / FILE)
    (tmp_path / FILE).write_bytes((tmp_path / FILE).read_bytes()[:size])
    with pytest.raises(xai.ExplanationError) as caught:
        LatentStudy.beside(tmp_path, "abc")
    assert "damaged" in one_sentence(caught.value)


def test_another_archive_is_no_study(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", record=np.zeros(3))
    for name in ("other.npz", "missing.npz"):
        with pytest.raises(xai.ExplanationError) as caught:
            LatentStudy.load(tmp_path / name)
        one_sentence(caught.value)


def test_a_study_with_a_discriminator_measures_the_logit_and_reports_progress() -> None:
    told: list[float] = []
    found = latent_study(checkpoint(), samples=2, grid=2, progress=told.append)
    assert found.importance.names[-1] == "logit"
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1)


def test_a_checkpoint_without_generator_is_refused() -> None:
    network = discriminator(8)
    with pytest.raises(gan.CheckpointError) as caught:
        latent_study(gan.Checkpoint(None, network, network.config))
    one_sentence(caught.value)

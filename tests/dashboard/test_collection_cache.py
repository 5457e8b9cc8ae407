"""The index behind the pages: looked for again while it is not there, opened once when it is."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

import gan
from dashboard.cached import collection
from dashboard.settings import settings
from gan.files import WriteError
from gan.progress import silent
from xai.collection import index as module


@pytest.fixture
def checkpoint(
    checkpoints: Path, poster_folder: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> gan.Checkpoint:
    """With posters, unless a test asks for none."""
    posters = [] if getattr(request, "param", "") == "no posters" else ["--posters", str(poster_folder)]
    monkeypatch.setattr(sys, "argv", ["app.py", *posters])
    settings.cache_clear()
    return gan.load(checkpoints / "tiny")


def test_an_index_is_not_there_until_it_is_built_and_is_then_opened_once(
    checkpoint: gan.Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert collection.index(checkpoint, True) is None
    parts: list[float] = []
    built = collection.build(checkpoint, True, parts.append)
    assert parts[-1] == 1.0
    found = collection.index(checkpoint, True)
    assert found is not None
    assert (len(found), found.real, found.reference, found.folder) == (40, True, "posters", built.folder)
    monkeypatch.setattr(module, "open_index", lambda folder: pytest.fail("opened again"))
    monkeypatch.setattr(module, "index_folder", lambda *_: pytest.fail("looked through the pixels again"))
    assert collection.index(checkpoint, True) is found


def test_real_and_generated_posters_are_compared_with_the_same_reference(checkpoint: gan.Checkpoint) -> None:
    real, generated = (collection.build(checkpoint, real, silent) for real in (True, False))
    assert real.reference == generated.reference == "posters"
    assert real.responses.base_logit == generated.responses.base_logit
    assert not generated.real


@pytest.mark.parametrize("checkpoint", ["no posters"], indirect=True)
def test_without_posters_there_is_an_index_of_generated_ones_only(checkpoint: gan.Checkpoint) -> None:
    assert not collection.can_be_built(checkpoint, True)
    assert collection.index(checkpoint, True) is None
    assert collection.can_be_built(checkpoint, False)
    assert collection.build(checkpoint, False, silent).reference == "generated"
    assert collection.index(checkpoint, False) is not None


def test_other_weights_have_another_index(checkpoint: gan.Checkpoint) -> None:
    collection.build(checkpoint, True, silent)
    assert collection.index(replace(checkpoint, digest="another"), True) is None


def test_half_a_checkpoint_has_no_index(checkpoint: gan.Checkpoint) -> None:
    assert not collection.can_be_built(replace(checkpoint, discriminator=None, digest="d"), True)
    assert not collection.can_be_built(replace(checkpoint, generator=None, digest="g"), False)
    assert collection.can_be_built(replace(checkpoint, generator=None, digest="g"), True)


def test_a_disk_that_is_full_is_one_sentence(checkpoint: gan.Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise WriteError(28, "No space left on device", "/cache/index/0")

    monkeypatch.setattr(module.rows, "fill", full)
    with pytest.raises(gan.PosterLensError, match=r"^/cache/index/0 cannot be written: No space left on device\.$"):
        collection.build(checkpoint, True, silent)

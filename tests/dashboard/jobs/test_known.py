"""The jobs that there are: an order names networks of the listing as a page has them, and nothing else."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import gan
from dashboard.cached import listing
from dashboard.jobs import known, server
from dashboard.jobs.known import JOBS, order_of, perform
from dashboard.settings import settings
from gan.progress import silent


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[gan.Checkpoint]:
    """The networks that a job was given, which does nothing else."""
    given: list[gan.Checkpoint] = []
    monkeypatch.setitem(JOBS, "note", lambda checkpoint, progress, order: given.append(checkpoint))
    return given


@pytest.fixture
def listed(checkpoints: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "argv", ["app.py", "--checkpoints", str(checkpoints)])
    settings.cache_clear()
    return checkpoints


def order(job: str, checkpoint: gan.Checkpoint, **more: Any) -> dict[str, Any]:
    """As it arrives in the job's process."""
    found: dict[str, Any] = json.loads(order_of(job, checkpoint, **more).text)
    return found


def test_a_job_has_the_networks_of_the_page(listed: Path, asked: list[gan.Checkpoint]) -> None:
    checkpoint = listing.checkpoint("tiny")
    perform(order("note", checkpoint), silent)
    assert [one.digest for one in asked] == [checkpoint.digest]


def test_genres_that_are_requested_are_those_of_the_job(
    asked: list[gan.Checkpoint], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = gan.ModelConfig(8, latent=8, width=4, genres=("Horror", "Comedy"), embedding=4)
    gan.save(tmp_path / "asked", gan.Generator(config).eval(), gan.Discriminator(config).eval())
    monkeypatch.setattr(sys, "argv", ["app.py", "--checkpoints", str(tmp_path)])
    settings.cache_clear()
    plain = listing.checkpoint("asked")
    for one in (plain, listing.conditioned(plain, ()), listing.conditioned(plain, ("Comedy", "Horror"))):
        perform(order("note", one), silent)
        assert asked[-1].digest == one.digest
    assert len({one.digest for one in asked}) == 3


def test_the_class_that_is_explained_is_that_of_the_job(
    asked: list[gan.Checkpoint], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "import torch, gan\n"
        "def networks():\n"
        "    torch.manual_seed(0)\n"
        "    body = [torch.nn.Conv2d(3, 4, 4, 4), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(16, 2)]\n"
        "    return gan.adapt(discriminator=torch.nn.Sequential(*body), classes=['cat', 'dog'], size=8)\n"
    )
    monkeypatch.setattr(sys, "argv", ["app.py", "--checkpoints", str(tmp_path), "--networks", str(file)])
    settings.cache_clear()
    dog = listing.of_class(listing.checkpoint("mine.py"), "dog")
    perform(order("note", dog), silent)
    assert asked[-1].digest == dog.digest
    file.write_text(file.read_text().replace("    torch.manual_seed(0)\n", ""))  # other weights each time
    listing._own.clear()
    torch.manual_seed(7)
    with pytest.raises(gan.CheckpointError, match="must give the same weights each time"):
        perform(order("note", dog), silent)


def test_weights_that_changed_meanwhile_are_not_taken_for_those_of_the_page(
    listed: Path, asked: list[gan.Checkpoint]
) -> None:
    other = replace(listing.checkpoint("tiny"), digest="of other weights")
    with pytest.raises(gan.CheckpointError, match="other weights now"):
        perform(order("note", other), silent)
    assert not asked


@pytest.mark.parametrize("name", ["../tiny", "/etc", "absent"])
def test_an_order_opens_nothing_but_the_listing(listed: Path, asked: list[gan.Checkpoint], name: str) -> None:
    wish = order("note", listing.checkpoint("tiny")) | {"checkpoint": name}
    with pytest.raises(gan.CheckpointError, match="There is no checkpoint"):
        perform(wish, silent)
    assert not asked


def test_what_is_no_job_is_a_sentence(listed: Path) -> None:
    with pytest.raises(gan.PosterLensError, match="There is no job"):
        perform(order("os.system", listing.checkpoint("tiny")), silent)


def test_a_map_that_cannot_be_kept_is_a_failure(listed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known.layout, "mapped", lambda *_: None)
    wish = order("t-SNE", listing.checkpoint("tiny"), space="layers.1", threads=1)
    with pytest.raises(gan.PosterLensError, match="could not be kept"):
        perform(wish, silent)


def test_as_many_jobs_run_at_once_as_the_server_was_told(listed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert server.runner()._at_once == 1
    assert server.runner()._command()[-2:] == ["--checkpoints", str(listed)]
    server.runner.clear()
    monkeypatch.setattr(sys, "argv", ["app.py", "--jobs", "3"])
    settings.cache_clear()
    assert server.runner()._at_once == 3


def test_a_session_is_open_as_long_as_the_server_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    class Running:
        def is_active_session(self, session: str) -> bool:
            return session == "ann"

    assert server.is_open("bob")  # no server
    monkeypatch.setattr(server.runtime, "exists", lambda: True)
    monkeypatch.setattr(server.runtime, "get_instance", Running)
    assert server.is_open("ann")
    assert not server.is_open("bob")

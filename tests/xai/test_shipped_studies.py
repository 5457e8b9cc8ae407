"""What ships beside the weights: the checkpoint that opens first has every study, each of its own weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import gan
from gan.checkpoints import preview
from xai.collection.study import CollectionStudy
from xai.discriminator.concepts.table import GENERATOR_FILE, ConceptTable
from xai.discriminator.filters.table import DiscriminatorTable
from xai.generator.filter_table import FilterTable
from xai.latents.encoder import load_encoder
from xai.latents.study import LatentStudy
from xai.trust.kept import KeptVerdicts

SHIPPED = Path(__file__).parents[2] / "checkpoints"
STUDIED = sorted(path.parent.name for path in SHIPPED.glob("*/filters.npz"))
MOST_MEGABYTES = 120  # of all checkpoints in the repository's tree


def pruning(folder: Path, digest: str) -> bool:
    return bool(json.loads((folder / "pruning.json").read_text())["digest"] == digest)


STUDIES: dict[str, Callable[[Path, str], Any]] = {
    "filters of G": FilterTable.beside,
    "filters of D": DiscriminatorTable.beside,
    "latents": LatentStudy.beside,
    "encoder": lambda folder, digest: load_encoder(folder / "encoder.safetensors", digest),
    "pruning": pruning,
    "concepts of D": ConceptTable.beside,
    "concepts of G": lambda folder, digest: ConceptTable.beside(folder, digest, GENERATOR_FILE),
    "verdicts": KeptVerdicts.beside,
    "collection": CollectionStudy.beside,
    "posters of the Start page": lambda folder, digest: preview.read(folder),
}


def test_the_textbooks_result_and_what_opens_first_are_studied() -> None:
    assert {"dcgan-64", "frechet-64"} <= set(STUDIED)


@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize("name", STUDIED)
def test_every_study_ships_with_the_weights_that_it_was_made_of(name: str, study: str) -> None:
    folder = SHIPPED / name
    assert STUDIES[study](folder, gan.load(folder).digest)


def test_all_checkpoints_together_are_small_enough_for_a_repository() -> None:
    megabytes = sum(path.stat().st_size for path in SHIPPED.rglob("*") if path.is_file()) / 1e6
    assert megabytes < MOST_MEGABYTES

"""What ships beside the weights: the checkpoint that opens first has every study, and each is of its own weights."""

from __future__ import annotations

from pathlib import Path

import pytest

import gan
from gan.checkpoints import preview
from xai.studies.listing import STUDIES, is_there

SHIPPED = Path(__file__).parents[3] / "checkpoints"
STUDIED = sorted(path.parent.name for path in SHIPPED.glob("*/verdicts.json"))
SHIPPED_STUDIES = [(name, study) for name in STUDIED for study in STUDIES]
MOST_MEGABYTES = 120  # of all checkpoints in the repository's tree


def test_the_textbooks_result_what_opens_first_and_the_closest_square_posters_are_studied() -> None:
    assert STUDIED == ["dcgan-64", "whole-64", "wider-64"]


@pytest.mark.parametrize(("name", "study"), SHIPPED_STUDIES)
def test_every_study_ships_with_the_weights_that_it_was_made_of(name: str, study: str) -> None:
    folder = SHIPPED / name
    assert is_there(study, folder, gan.load(folder).digest)


@pytest.mark.parametrize("name", STUDIED)
def test_what_is_studied_ships_the_posters_of_the_start_page(name: str) -> None:
    assert preview.read(SHIPPED / name)


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_of_other_weights_or_none_at_all_is_missing(tmp_path: Path, study: str) -> None:
    assert not is_there(study, SHIPPED / "dcgan-64", "0" * 64)
    assert not is_there(study, tmp_path, gan.load(SHIPPED / "dcgan-64").digest)


def test_all_checkpoints_together_are_small_enough_for_a_repository() -> None:
    megabytes = sum(path.stat().st_size for path in SHIPPED.rglob("*") if path.is_file()) / 1e6
    assert megabytes < MOST_MEGABYTES

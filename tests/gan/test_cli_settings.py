"""Options of the command line that are made from a dataclass."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import pytest

from gan.cli import add_settings, settings_from
from gan.settings import Settings, setting


@dataclass(frozen=True)
class Kiln(Settings):
    max_heat: float = setting(900.0, "degrees", above=0)
    turns: int | None = setting(None, "of the plate", low=1, kind=int)
    glaze: str = setting("matt", "of the surface", choices=("matt", "gloss"))
    fast: bool = setting(False, "heat at once")
    name: str = ""


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser()
    add_settings(made, Kiln)
    return made


def test_every_setting_is_an_option_and_comes_back() -> None:
    typed = ["--max-heat=20", "--turns=3", "--glaze=gloss", "--fast"]
    assert settings_from(parser().parse_args(typed), Kiln, name="k") == Kiln(20.0, 3, "gloss", True, "k")
    assert settings_from(parser().parse_args([]), Kiln) == Kiln()


def test_a_number_out_of_range_is_the_dataclass_own_sentence() -> None:
    with pytest.raises(ValueError, match="max_heat must be above 0, not -1"):
        settings_from(parser().parse_args(["--max-heat=-1"]), Kiln)


def test_a_word_that_is_not_a_choice_is_refused_by_the_parser() -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["--glaze=raw"])


def test_the_help_shows_the_default() -> None:
    assert "(above 0); default 900.0" in " ".join(parser().format_help().split())

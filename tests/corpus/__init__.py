"""Broken, hostile and odd files, made by rule into a folder, and how each must be taken.

    python -m tests.corpus folder           writes all of them, one folder each: KIND/NAME/
    pytest tests/corpus                     reads all of them

A module of this package makes the files of one kind and says how one is tried:

    @tried("picture")
    def read(folder: Path, expected: Any) -> None:
        ...                                 # reads what is in the folder, and asserts that it is what is expected

    @case("picture", "truncated", LeftOut("cannot be read"))
    def truncated(folder: Path) -> None:
        (folder / "a.png").write_bytes(PNG[:100])

Each file is either read right, or left out with its name and one sentence; never with a traceback.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gan import PosterLensError

Make = Callable[[Path], None]
Try = Callable[[Path, Any], None]


@dataclass(frozen=True)
class LeftOut:
    """What is expected of a file that cannot be used: one sentence that holds this text."""

    text: str


@dataclass(frozen=True)
class Case:
    """Files of one kind: ``make`` writes them into an empty folder, ``expected`` is handed to the kind's trial."""

    kind: str
    name: str
    expected: Any
    make: Make


CASES: dict[tuple[str, str], Case] = {}
TRIALS: dict[str, Try] = {}


def case(kind: str, name: str, expected: Any) -> Callable[[Make], Make]:
    """Register a function that makes a case; each name once in its kind."""

    def register(make: Make) -> Make:
        assert (kind, name) not in CASES, f"two cases are called {kind} {name}"
        assert re.fullmatch(r"[\w.+-]+", name), f"{name} cannot be the name of a folder"
        CASES[kind, name] = Case(kind, name, expected, make)
        return make

    return register


def tried(kind: str) -> Callable[[Try], Try]:
    """Register how a case of a kind is tried: a function of its folder and of what is expected, which asserts."""

    def register(trial: Try) -> Try:
        TRIALS[kind] = trial
        return trial

    return register


def all_cases() -> list[Case]:
    """The cases of all modules of this package."""
    for module in pkgutil.iter_modules(__path__):
        if module.name != "__main__" and not module.name.startswith("test_"):
            importlib.import_module(f"{__name__}.{module.name}")
    return list(CASES.values())


def assert_refused(action: Callable[[], Any], expected: LeftOut) -> None:
    """The action ends with an error of this program that is one sentence and holds the expected text."""
    try:
        answer = action()
    except PosterLensError as error:
        assert_sentence(str(error), expected)
    else:
        raise AssertionError(f"{str(answer)[:200]} was read; expected was a sentence with {expected.text!r}")


def assert_sentence(text: str, expected: LeftOut) -> None:
    """The text is one sentence for people and holds what is expected."""
    assert expected.text in text
    assert text.endswith("."), text
    assert "\n" not in text, text
    assert "\r" not in text, text
    assert len(text) < 600, text
    assert not re.search(r"Traceback|Error\(|<[\w.]+ object at 0x", text), text

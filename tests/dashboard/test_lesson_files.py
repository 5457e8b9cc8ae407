"""A lesson's file: what it says is read, and what is wrong with it is said with its line, at no other lesson's cost."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dashboard.lessons import files
from dashboard.lessons.answers import ANSWERS
from dashboard.lessons.lesson import Question
from dashboard.lessons.tables import LessonError
from tests.dashboard.reading import OpenApp, shown, texts

GOOD = """+++
title = "Two posters"
minutes = 3

[[steps]]
page = "compare"
state = { seed = 3, methods = ["DeepLIFT", "LIME"], check = false }
[steps.question]
ask = "What does D say?"
choices = ["real", "fake"]
compute = "verdict"
feedback = { real = "Look again.", fake = "Look again." }

[[steps]]
page = "latent"
state = { seed = 3 }
[steps.question]
ask = "How many?"
right = 100
tolerance = 0.5
+++

## A verdict

Look at the poster.

## The noise

Count.
"""


def write(folder: Path, text: str, name: str = "09-mine.md") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_a_good_file_is_read(tmp_path: Path) -> None:
    lesson = files.read(write(tmp_path, GOOD))
    assert (lesson.name, lesson.title, lesson.minutes, lesson.about) == ("mine", "Two posters", 3, "")
    first, second = lesson.steps
    assert (first.title, first.text, first.page) == ("A verdict", "Look at the poster.", "compare")
    assert first.state == {"seed": ("3",), "methods": ("DeepLIFT", "LIME"), "check": ("false",)}
    assert isinstance(first.question, Question)
    assert first.question.compute == "verdict"
    assert second.question is not None
    assert (second.question.right, second.question.tolerance) == (100.0, 0.5)


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("+++\ntitle", "title", 1, "begins with a head"),
        ("minutes = 3", "minutes = three", 3, "no TOML"),
        ("minutes = 3", 'minutes = "three"', 3, "a whole number"),
        ("minutes = 3", "minutes = 0", 3, "1 to 60"),
        ('title = "Two posters"', "", 2, "title is missing"),
        ("minutes = 3", "minutes = 3\nminuts = 4", 4, 'no "minuts"'),
        ('page = "compare"', 'page = "kompare"', 6, "no page kompare"),
        ("seed = 3, methods", "lesson = 3, methods", 7, "cannot be part of a state"),
        ("check = false", "check = { no = 1 }", 7, "check in state"),
        ('compute = "verdict"', 'compute = "horoscope"', 11, "nothing computes horoscope"),
        ("seed = 3, methods", "sed = 3, methods", 11, "must name seed"),
        ('["real", "fake"]', '["real", "false"]', 10, "needs choices with real, fake"),
        ('fake = "Look again."', 'false = "Look again."', 12, "which is no choice"),
        (', fake = "Look again."', "", 10, 'no feedback for "fake"'),
        ('compute = "verdict"', 'right = "maybe"', 11, "none of the choices"),
        ("right = 100", 'right = "many"', 19, "a number"),
        ("right = 100\ntolerance = 0.5", 'compute = "logit"', 14, "tolerance must be above 0"),
        ("## The noise", "The noise", 29, "a heading"),
        ("Count.", "", 27, "no text"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, old: str, new: str, line: int, reason: str) -> None:
    assert old in GOOD
    with pytest.raises(LessonError) as caught:
        files.read(write(tmp_path, GOOD.replace(old, new, 1)))
    said = str(caught.value)
    assert reason in said
    assert re.match(rf"09-mine\.md, line {line}: ", said), said


@pytest.mark.parametrize("name", ["Mine.md", "09_mine.md", "09-.md"])
def test_a_name_that_no_link_can_hold_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(LessonError, match="called like"):
        files.read(write(tmp_path, GOOD, name))


def test_bytes_that_are_no_text_are_named_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "09-mine.md"
    path.write_bytes(b"+++\ntitle = '\xff'\n+++\n")
    with pytest.raises(LessonError, match="line 2: this is no UTF-8"):
        files.read(path)


def test_a_broken_file_costs_only_its_own_lesson(open_app: OpenApp, tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    write(tmp_path, GOOD.replace("minutes = 3", "minutes = [broken"), "10-broken.md")
    write(tmp_path, GOOD, "11-mine.md")
    app = open_app("start", {}, "--lessons", str(tmp_path))
    keys = [button.key for button in app.button if str(button.key).startswith("lesson_open_")]
    assert len(keys) == len(list(files.SHIPPED.glob("*.md"))) + 1
    assert "lesson_open_mine" in keys
    problems = [shown(one.value) for one in app.warning]
    assert any(one.startswith("10-broken.md, line 3: the head is no TOML") for one in problems)
    assert any(one.startswith("11-mine.md, line 1: there is another lesson called mine") for one in problems)
    assert "3 minutes" in texts(app)


def test_a_folder_that_is_not_there_is_said(open_app: OpenApp, tmp_path: Path) -> None:
    app = open_app("start", {}, "--lessons", str(tmp_path / "nowhere"))
    assert not app.exception
    assert any("nowhere" in shown(one.value) for one in app.warning)


def test_the_example_of_the_documentation_is_a_lesson_and_its_table_is_complete(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs/teaching.md").read_text("utf-8")
    lesson = files.read(write(tmp_path, text.split("```text\n")[1].split("```")[0]))
    assert [step.page for step in lesson.steps] == ["compare", "latent"]
    for computed in ANSWERS.values():
        assert f"| `{computed.name}`: {computed.about} |" in text
    for path in files.SHIPPED.glob("*.md"):
        assert f"| `{files.read(path).name}` | {files.read(path).title} |" in text

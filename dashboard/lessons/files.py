"""Lessons from their Markdown files: those that are shipped, and those of a folder that ``--lessons`` names.

    found = files.all_lessons()
    found.lessons["why-fake"].title
    found.problems                                # one sentence for each file that is left out: file, line, reason

A broken file costs its own lesson only. docs/teaching.md describes the format.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard.lessons.answers import ANSWERS, Computed
from dashboard.lessons.lesson import Lesson, Question, Step
from dashboard.lessons.tables import LessonError, Lines, Table
from dashboard.pages import PAGES
from dashboard.settings import settings
from gan.errors import printable
from gan.files import stamp

SHIPPED = Path(__file__).parent
NAME = re.compile(r"(?:\d+-)?([a-z0-9]+(?:-[a-z0-9]+)*)\.md")
FENCE = "+++"
RESERVED = ("lesson", "step", "done")  # of the address: where in a lesson one is
BIGGEST = 200 * 1024  # bytes


@dataclass(frozen=True)
class Found:
    """lessons : by name, in the order of their files. problems : a sentence for each file that is left out."""

    lessons: Mapping[str, Lesson]
    problems: tuple[str, ...]


def all_lessons() -> Found:
    """The shipped lessons, then those of the folder on the command line; of two of one name, the first."""
    return _read_all(tuple(_listed([SHIPPED, settings().lessons])))


def _listed(folders: Iterable[Path | None]) -> Iterable[tuple[Path, tuple[int, ...]]]:
    """All files with what changes when they do, so that an author sees a change at the next click."""
    for folder in folders:
        if folder is not None:
            if not folder.is_dir():
                yield folder, ()
                continue
            yield from ((path, stamp(path)) for path in sorted(folder.glob("*.md")))


@st.cache_resource(max_entries=4, show_spinner=False)
def _read_all(listed: tuple[tuple[Path, tuple[int, ...]], ...]) -> Found:
    lessons: dict[str, Lesson] = {}
    problems = []
    for path, _ in listed:
        try:
            lesson = read(path)
            if lesson.name in lessons:
                Lines(path.name, ()).wrong(f"there is another lesson called {lesson.name}.")
            lessons[lesson.name] = lesson
        except LessonError as error:
            problems.append(str(error))
    return Found(lessons, tuple(problems))


def read(path: Path) -> Lesson:
    """The lesson in this file.

    Raises
    ------
    LessonError
        If it cannot be read, or is no lesson: one sentence with the file, the line and the reason.
    """
    lines = Lines(path.name, tuple(_text(path).splitlines()))
    name = NAME.fullmatch(path.name)
    if name is None:
        lines.wrong("a lesson's file is called like 07-my-lesson.md, with small letters, digits and hyphens.")
    fences = lines.find(re.escape(FENCE) + r"\s*$")
    if len(fences) < 2 or fences[0] != 1:
        lines.wrong(f"a lesson begins with a head between two lines {FENCE}.")
    head, body = lines.part(2, fences[1] - 1), lines.part(fences[1] + 1, lines.last)
    table = Table(_toml(head), head)
    lesson = Lesson(
        name[1], table.take("title", str), _minutes(table), table.take("about", str, ""), _steps(table, body)
    )
    table.end()
    return lesson


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > BIGGEST:
            raise LessonError(f"{printable(path.name)}, line 1: this file is too large for a lesson.")
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise LessonError(f"{printable(path.name)}, line {line}: this is no UTF-8 text.") from error
    except OSError as error:
        raise LessonError(f"{printable(path.name)}, line 1: it cannot be read: {error.strerror}.") from error


def _toml(head: Lines) -> dict[str, Any]:
    try:
        return tomllib.loads("\n".join(head.lines))
    except tomllib.TOMLDecodeError as error:
        reason, _, place = str(error).partition(" (at ")
        line = re.match(r"line (\d+)", place)
        head.wrong(f"the head is no TOML: {printable(reason)}.", head.first + int(line[1]) - 1 if line else head.last)


def _minutes(table: Table) -> int:
    minutes = table.take("minutes", int)
    if not 0 < minutes <= 60:
        table.wrong("minutes", f"a lesson takes 1 to 60 minutes, not {minutes}.")
    return minutes


def _steps(table: Table, body: Lines) -> tuple[Step, ...]:
    """A table ``[[steps]]`` of the head and a heading ``## `` of the body for each step, in the same order."""
    tables = table.take("steps", list)
    if not tables or not all(isinstance(one, dict) for one in tables):
        table.wrong("steps", "a lesson has one [[steps]] or more.")
    starts, headings = table.lines.find(r"\s*\[\[\s*steps\s*\]\]"), body.find(r"## +\S")
    if len(starts) != len(tables):
        table.wrong("steps", "each step begins with a line [[steps]].")
    if len(headings) != len(tables):
        line = headings[len(tables)] if len(headings) > len(tables) else body.last
        body.wrong(f'there must be a heading "## ..." for each [[steps]]: {len(headings)} for {len(tables)}.', line)
    ends, below = [*(start - 1 for start in starts[1:]), table.lines.last], [*headings[1:], body.last + 1]
    steps = []
    for one, start, end, heading, following in zip(tables, starts, ends, headings, below, strict=True):
        title = body.part(heading, heading).lines[0].removeprefix("##").strip()
        text = "\n".join(body.part(heading + 1, following - 1).lines).strip()
        if not text:
            body.wrong("there is no text below this heading.", heading)
        steps.append(_step(Table(one, table.lines.part(start, end)), title, text))
    return tuple(steps)


def _step(table: Table, title: str, text: str) -> Step:
    page, state = table.take("page", str), table.parameters("state")
    if page not in PAGES:
        table.wrong("page", f"there is no page {printable(page, 60)}; there are {', '.join(PAGES)}.")
    for name in RESERVED:
        if name in state:
            table.wrong("state", f"{name} says where in a lesson one is; it cannot be part of a state.")
    asked = table.take("question", dict, None)
    question = None if asked is None else _question(Table(asked, table.lines), state)
    table.end()
    return Step(title, text, page, state, question)


def _question(table: Table, state: Mapping[str, tuple[str, ...]]) -> Question:
    choices, compute = table.words("choices", []), table.take("compute", str, "")
    given = table.parameters("given")
    question = Question(
        table.take("ask", str), choices, None if compute else _right(table, choices), compute, given,
        table.take("tolerance", float, 0.0), table.take("feedback", dict, {}), table.take("because", str, ""),
    )  # fmt: skip
    table.end()
    if compute:
        _check_computed(table, question, state)
    for choice in question.feedback:
        if choice not in choices:
            table.wrong("feedback", f'feedback is for "{printable(choice, 60)}", which is no choice.')
        if not isinstance(question.feedback[choice], str):
            table.wrong("feedback", f'the feedback for "{printable(choice, 60)}" is no text.')
    if choices:
        _check_choices(table, question)
    return question


def _right(table: Table, choices: tuple[str, ...]) -> str | float:
    if not choices:
        return table.take("right", float)
    right = table.take("right", str)
    if right not in choices:
        table.wrong("right", f'"{printable(right, 60)}" is none of the choices.')
    return right


def _check_choices(table: Table, question: Question) -> None:
    if len(set(question.choices)) < max(2, len(question.choices)):
        table.wrong("choices", "a question has two different choices or more.")
    silent = [choice for choice in question.choices if choice not in question.feedback and choice != question.right]
    if silent:
        table.wrong("choices", f'there is no feedback for "{printable(silent[0], 60)}".')


def _check_computed(table: Table, question: Question, state: Mapping[str, tuple[str, ...]]) -> None:
    """Whether what computes the answer has all that it needs, and whatever it may answer is among the choices."""
    computed: Computed | None = ANSWERS.get(question.compute)
    if computed is None:
        table.wrong("compute", f"nothing computes {printable(question.compute, 60)}; there are {', '.join(ANSWERS)}.")
    for name in computed.needs:
        if name not in state:
            table.wrong("compute", f"for {computed.name} the step's state must name {name}.")
    if set(question.given) != set(computed.takes):
        table.wrong("given", f"{computed.name} is given {', '.join(computed.takes) or 'nothing'}.")
    words = computed.words(question.given)
    missing = [word for word in words if word not in question.choices]
    if missing or (question.choices and not words):
        need = f"choices with {', '.join(words)}" if words else "no choices: its answer is a number"
        table.wrong("choices", f"{computed.name} needs {need}.")
    if not words and question.tolerance <= 0:
        table.wrong("tolerance", f"the answer of {computed.name} is a number, so tolerance must be above 0.")

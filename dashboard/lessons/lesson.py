"""What a lesson is: steps, each of which opens a page in a state, says what to see there, and may ask a question.

    lesson = files.read(Path("dashboard/lessons/02-why-fake.md"))
    lesson.name, lesson.title                     # "why-fake", "Why did D say fake?"
    lesson.steps[0].page, lesson.steps[0].state   # "discriminator", {"seed": ("5",)}

Written down, a lesson is one Markdown file (docs/teaching.md); ``files`` reads it, ``answers`` computes right answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

State = Mapping[str, tuple[str, ...]]  # an address's parameters: all values of each name


@dataclass(frozen=True)
class Question:
    """A question with choices, or for a number.

    choices : to choose from; () where a number is asked for. right : the answer, where the file gives it. compute : the
    name of what computes it otherwise (``answers.ANSWERS``); given : what that is told beside the step's state.
    tolerance : how far a number may be off. feedback : a word for a choice, shown where it is wrong. because : why the
    right answer is right; what computes an answer adds its numbers.
    """

    ask: str
    choices: tuple[str, ...] = ()
    right: str | float | None = None
    compute: str = ""
    given: State = field(default_factory=dict)
    tolerance: float = 0.0
    feedback: Mapping[str, str] = field(default_factory=dict)
    because: str = ""


@dataclass(frozen=True)
class Step:
    """title, text : Markdown. page : its file in ``pages.PAGES``. state : the parameters of its address."""

    title: str
    text: str
    page: str
    state: State
    question: Question | None = None


@dataclass(frozen=True)
class Lesson:
    """name : in the address; the file's, without the number in front of it. about : a sentence for the list."""

    name: str
    title: str
    minutes: int
    about: str
    steps: tuple[Step, ...]

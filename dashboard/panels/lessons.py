"""Lessons: the list on the Start page, and the panel beside every page while one is open.

lessons.show_list()                    # on the Start page
lessons.show("compare")                # in app.py, above every page; nothing where no lesson is open
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import ui
from dashboard.lessons import files, progress
from dashboard.pages import PAGES
from dashboard.subject import SELECTION, Selection
from dashboard.text import plain
from gan.errors import PosterLensError, counted

if TYPE_CHECKING:
    from dashboard.lessons.lesson import Lesson, Question, Step

PANEL = "lesson_panel"
# Beside the page where there is room, and below it, over its lower part, where there is none.
STYLE = """<style>
.st-key-lesson_panel {
  position: fixed; z-index: 90; right: 0; top: 3.75rem; bottom: 0; width: 20rem; overflow-y: auto;
  padding: 1rem 1.25rem 2rem; gap: 0.75rem; border-left: 1px solid color-mix(in srgb, currentColor 25%, transparent);
  background: light-dark(#fff, #0f1116); }
.st-key-lesson_panel h2 { font-size: 1.25rem; padding: 0; }
.st-key-lesson_panel h3 { font-size: 1.05rem; padding: 0; }
[data-testid="stMainBlockContainer"]:has(.st-key-lesson_panel) { padding-right: 22rem; }
[data-testid="stMainBlockContainer"]:has(.st-key-lesson_folded) { padding-right: 3rem; }
.st-key-lesson_panel:has(.st-key-lesson_folded) { bottom: auto; padding-bottom: 1rem; box-shadow: 0 2px 8px #0003; }
@media (max-width: 1000px) {
  .st-key-lesson_panel { left: 0; top: auto; width: auto; max-height: 50vh; padding: 0.75rem 1rem 1rem;
    border-left: none; border-top: 1px solid color-mix(in srgb, currentColor 25%, transparent);
    box-shadow: 0 -2px 10px #0003; }
  .st-key-lesson_panel:has(.st-key-lesson_folded) { bottom: 0; }
  [data-testid="stMainBlockContainer"]:has(.st-key-lesson_panel) { padding-right: 1rem; padding-bottom: 55vh; } }
</style>"""


def show_list() -> None:
    """All lessons: a button each, how long it takes, and what of it is done; files that could not be read."""
    found, so_far = files.all_lessons(), progress.current() or progress.Progress()
    for lesson in found.lessons.values():
        done = so_far.done.get(lesson.name, frozenset())
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                plain(lesson.title), key=f"lesson_open_{lesson.name}", icon=_icon(lesson, done),
                on_click=progress.go, args=(lesson.name, _first_undone(lesson, done)), width=320,
            )  # fmt: skip
            about = f" {plain(lesson.about)}" if lesson.about else ""
            st.caption(f"{counted(lesson.minutes, 'minute')}{_how_far(lesson, done)}.{about}", width="stretch")
    for problem in found.problems:
        st.warning(ui.message(problem), icon=":material/error:")


def _icon(lesson: Lesson, done: frozenset[int]) -> str:
    return ":material/check_circle:" if len(done) >= len(lesson.steps) else ":material/school:"


def _how_far(lesson: Lesson, done: frozenset[int]) -> str:
    if not done:
        return ""
    return ", done" if len(done) >= len(lesson.steps) else f", {len(done)} of {counted(len(lesson.steps), 'step')} done"


def _first_undone(lesson: Lesson, done: frozenset[int]) -> int:
    return next((step for step in range(1, len(lesson.steps) + 1) if step not in done), 1)


def show(page: str) -> None:
    """The panel of the open lesson beside this page; keeps the progress in the address."""
    so_far = progress.current()
    if so_far is None:
        return
    progress.keep(so_far)
    if not so_far.lesson:
        return
    lesson = files.all_lessons().lessons.get(so_far.lesson)
    if lesson is None:
        st.warning(plain(f"The lesson that was asked for, {so_far.lesson}, is not here; the Start page lists them."))
        progress.close()
        return
    st.html(STYLE)
    with st.container(key=PANEL):
        _panel(lesson, page)


@st.fragment
def _panel(lesson: Lesson, page: str) -> None:
    """In a fragment, so that an answer does not draw the page again."""
    step, so_far = progress.open_one(), progress.current()
    if step is None or so_far is None:
        return
    number, count = so_far.step, len(lesson.steps)
    _show_head(lesson, so_far)
    if so_far.folded:
        return
    st.progress(number / count, f"Step {number} of {count}")
    st.markdown(f"### {step.title}")
    if not progress.is_at(step, page):
        st.caption("The page has moved on from what this step is about.")
        if st.button("Back to this step", key="lesson_return", icon=":material/undo:"):
            _go(lesson, number)
    st.markdown(step.text)
    if step.question is not None:
        _ask(lesson, step, step.question, number)
    _show_ways(lesson, step, number)


def _show_head(lesson: Lesson, so_far: progress.Progress) -> None:
    st.markdown(f"## {plain(lesson.title)}")
    with st.container(horizontal=True, gap="medium"):
        label, icon = ("Unfold", "unfold_more") if so_far.folded else ("Fold", "unfold_less")
        with st.container(key="lesson_folded" if so_far.folded else "lesson_open", width="content"):
            if st.button(label, key="lesson_fold", icon=f":material/{icon}:", type="tertiary"):
                progress.keep(replace(so_far, folded=not so_far.folded))
                st.rerun(scope="fragment")
        if st.button("Close", key="lesson_close", icon=":material/close:", type="tertiary"):
            progress.close()
            st.rerun()


def _ask(lesson: Lesson, step: Step, question: Question, number: int) -> None:
    """The question, and what is said of the answer that was given last."""
    key = f"lesson_{lesson.name}_{number}"
    given: Any
    if question.choices:
        given = st.radio(question.ask, question.choices, index=None, key=f"{key}_answer")
    else:
        given = st.number_input(question.ask, value=None, step=None, format="%g", key=f"{key}_answer")
    if st.button("Check", key=f"{key}_check", disabled=given is None):
        with st.spinner("Computing the answer"):
            st.session_state[f"{key}_said"] = (given, *_judge(question, step, given))
    said = st.session_state.get(f"{key}_said")
    if said is None or said[0] != given:
        return
    _, right, text = said
    if right:
        so_far = progress.current()
        assert so_far is not None
        progress.keep(so_far.with_done(number))
        st.success(text, icon=":material/check_circle:")
    else:
        st.warning(text, icon=":material/lightbulb:")


def _judge(question: Question, step: Step, given: str | float) -> tuple[bool, str]:
    """Whether an answer is right, and what is said of it."""
    from dashboard.lessons.answers import is_right, right_answer

    selection: Selection | None = st.session_state.get(SELECTION)
    try:
        answer = right_answer(question, step.state, None if selection is None else selection.checkpoint)
    except PosterLensError as error:
        return False, plain(f"It cannot be checked here. {error}")
    if is_right(question, given, answer.value):
        return True, f"Right. {answer.because}"
    return False, f"Not quite. {question.feedback.get(str(given), 'Look at the page again.')}"


def _show_ways(lesson: Lesson, step: Step, number: int) -> None:
    """Back and Next; a step without a question is done when one goes on from it."""
    with st.container(horizontal=True):
        if st.button("Back", key="lesson_back", disabled=number == 1):
            _go(lesson, number - 1)
        last = number == len(lesson.steps)
        if st.button("Finish" if last else "Next", key="lesson_next", type="primary"):
            so_far = progress.current()
            if step.question is None and so_far is not None:
                progress.keep(so_far.with_done(number))
            if not last:
                _go(lesson, number + 1)
            progress.close()
            st.switch_page(PAGES["start"].path, query_params={})  # without, a seed in the address is an error


def _go(lesson: Lesson, step: int) -> None:
    progress.go(lesson.name, step)
    st.rerun()

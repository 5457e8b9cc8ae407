"""Where in which lesson one is, and what is done: kept in the session and in the address, through every page.

    progress.current()                        # Progress(lesson="why-fake", step=3, done={"why-fake": {1, 2}}), or None
    progress.go("why-fake", 4)                # open the step: in the next run its page, in its state
    progress.is_at(step, "compare")           # whether the page still shows what the step is about

In the address: ?lesson=why-fake&step=3&done=why-fake.1.2. Streamlit drops parameters that belong to no control when the
page changes, so they are written again in each run. Steps count from 1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import streamlit as st

from dashboard import links
from dashboard.going import MOST_TRIES, says
from dashboard.lessons import files
from dashboard.lessons.lesson import Step
from dashboard.pages import PAGES
from dashboard.subject import GENERATED

KEY = "lesson_progress"  # in the session
OPENING = "lesson_opening"  # in the session, while a step is being opened
NETWORKS = ("checkpoint", "genres")  # what a lesson is about is chosen by the person
# In the session, and not part of a page's state: what could not be had again, or belongs to the lesson itself.
KEPT = (*NETWORKS, "upload", "own_references", "found", "brushed")
MINE = "lesson_"  # begins the names of all that belongs to lessons
MOST_STEPS = 99


@dataclass(frozen=True)
class Progress:
    """lesson : the open one, or "". step : of it. done : by lesson, the steps that are done. folded : the panel."""

    lesson: str = ""
    step: int = 1
    done: Mapping[str, frozenset[int]] = field(default_factory=dict)
    folded: bool = False

    def with_done(self, step: int) -> Progress:
        """The same, with one more step of the open lesson done."""
        return replace(self, done={**self.done, self.lesson: self.done.get(self.lesson, frozenset()) | {step}})


@dataclass(frozen=True)
class Opening:
    """How far the opening of a step has come: left for the page ``aside``, or ``arriving``. tries : so far."""

    aside: str = ""
    arriving: bool = False
    tries: int = 1


def current() -> Progress | None:
    """The session's, or what the link says; None where no lesson was ever opened, which costs two look-ups."""
    if KEY not in st.session_state:
        asked = {name: st.query_params.get(name, "") for name in files.RESERVED}
        if not any(asked.values()):
            return None
        step = asked["step"]
        st.session_state[KEY] = Progress(
            asked["lesson"], int(step) if re.fullmatch(r"[0-9]{1,2}", step) else 1, read_done(asked["done"])
        )
        if asked["lesson"] and set(st.query_params) <= {*files.RESERVED, *NETWORKS}:
            st.session_state[OPENING] = Opening()  # a link that names no state means the step's
    found: Progress = st.session_state[KEY]
    return found


def keep(progress: Progress) -> None:
    """Make this the session's, and write it into the address."""
    st.session_state[KEY] = progress
    for name, value in _written(progress).items():
        if st.query_params.get(name, "") != value:
            if value:
                st.query_params[name] = value
            else:
                st.query_params.pop(name, None)


def _written(progress: Progress) -> dict[str, str]:
    step = str(progress.step) if progress.lesson else ""
    return {"lesson": progress.lesson, "step": step, "done": written_done(progress.done)}


def go(lesson: str, step: int) -> None:
    """Open a step, in the next run."""
    keep(replace(current() or Progress(), lesson=lesson, step=step, folded=False))
    st.session_state[OPENING] = Opening()


def close() -> None:
    """Close the open lesson; what is done stays."""
    keep(replace(current() or Progress(), lesson="", step=1))


def written_done(done: Mapping[str, frozenset[int]]) -> str:
    """Steps that are done, for an address: "why-fake.1.2~what-is-a-gan.1"."""
    return "~".join(".".join([name, *map(str, sorted(steps))]) for name, steps in done.items() if steps)


def read_done(text: str) -> dict[str, frozenset[int]]:
    """What ``written_done`` wrote; what is nothing of the kind is left out."""
    found = {}
    for part in text.split("~"):
        name, *steps = part.split(".")
        if re.fullmatch(r"[a-z0-9-]+", name) and steps and all(re.fullmatch(r"[0-9]{1,2}", step) for step in steps):
            found[name] = frozenset(map(int, steps))
    return found


def open_step(page: str) -> None:
    """Where a step is to be opened, go there as a link would: to its page, in its state and no other.

    page : the one that runs. It is left first, for another one than the step's: the browser keeps what controls show as
    long as they stand there, and a parameter cannot be set while a control holds it. Those of the sidebar stand on
    every page, so they are set.

    What the browser undoes meanwhile (dashboard/going.py) is begun again.
    """
    so_far = current()
    if so_far is None or OPENING not in st.session_state:
        return
    step, opening = open_one(), st.session_state.pop(OPENING)
    if step is None:
        return
    own = {name: [value] for name, value in _written(so_far).items() if value}
    if opening.arriving and page == step.page and says(step.state):
        _set_sidebar(step)
    elif opening.aside == page:
        _forget()
        st.session_state[OPENING] = Opening(arriving=True, tries=opening.tries)
        st.switch_page(PAGES[step.page].path, query_params=own | _networks() | dict(step.state))
    elif opening.tries <= MOST_TRIES:
        aside = next(name for name in PAGES if name not in (page, step.page))
        st.session_state[OPENING] = Opening(aside, tries=opening.tries + 1)
        st.switch_page(PAGES[aside].path, query_params=own | _asked_for())


def open_one() -> Step | None:
    """The step of the open lesson that is open; the nearest that there is."""
    progress = current()
    lesson = None if progress is None else files.all_lessons().lessons.get(progress.lesson)
    if progress is None or lesson is None:
        return None
    step = min(max(progress.step, 1), len(lesson.steps))
    if step != progress.step:
        keep(replace(progress, step=step))
    return lesson.steps[step - 1]


def is_at(step: Step, page: str) -> bool:
    """Whether this page shows the step's state, as far as its controls have been drawn or the link names them."""
    return page == step.page and all(_is_as(name, asked) for name, asked in step.state.items())


def _is_as(name: str, asked: Sequence[str]) -> bool:
    if name in st.session_state:
        return shows(asked, st.session_state[name])
    return name not in st.query_params or st.query_params.get_all(name) == list(asked)


def shows(asked: Sequence[str], value: object) -> bool:
    """Whether a control's value is what a state asks for; methods have titles in an address."""
    if links.is_same(asked, value):
        return True
    titles = [links.method_title(str(one)) for one in value] if isinstance(value, list) else ""
    return links.is_same(asked, titles)


def _networks() -> dict[str, list[str]]:
    """What the sidebar holds, or before it is drawn the link."""
    held = {name: st.session_state[name] for name in NETWORKS if name in st.session_state}
    return _asked_for() | {name: value if isinstance(value, list) else [value] for name, value in held.items()}


def _asked_for() -> dict[str, list[str]]:
    """Networks that the link names, as long as no control holds them."""
    asked = {name: st.query_params.get_all(name) for name in NETWORKS if name not in st.session_state}
    return {name: values for name, values in asked.items() if values}


def _forget() -> None:
    for key in list(st.session_state):
        if key not in KEPT and not str(key).startswith(MINE):
            del st.session_state[key]


def _set_sidebar(step: Step) -> None:
    """What the browser would go on showing, since these controls never leave the page."""
    state = {"source": (GENERATED,), "seed": ("0",)} | dict(step.state)
    st.session_state["source"] = state["source"][-1]
    for name in ("seed", "poster"):
        if name in state and state[name][-1].isdecimal():
            st.session_state[name] = int(state[name][-1])
    if "checkpoint" in step.state:
        st.session_state["checkpoint"] = step.state["checkpoint"][-1]

"""The Report page: words, what was added, which posters and studies go in, and the file.

words = editor.write_words()
editor.arrange()
editor.make(checkpoint, words, editor.choose_contents(checkpoint, subject))
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import ui
from dashboard.cached import report
from dashboard.panels.report import items
from dashboard.subject import Subject
from dashboard.text import plain
from gan.errors import counted

if TYPE_CHECKING:
    import gan
    from xai.report.study_report import Entry

POSTERS, MADE = "report_posters", "report_made"  # in the session
MOST_POSTERS = 12
LENGTH = 20_000  # letters of the notes
USUAL_METHODS = ("deeplift", "integrated_gradients", "gradcam")
MARKDOWN = "Markdown: # headings, - lists, **bold**, *italic*, `code`. Links and pictures are shown as text."


@dataclass(frozen=True)
class Words:
    """What a person typed. notes : Markdown."""

    title: str
    author: str
    day: date
    notes: str


@dataclass(frozen=True)
class Contents:
    """Which posters are explained, by which methods, with verdicts or without, and which studies go in."""

    posters: tuple[Subject, ...]
    methods: tuple[str, ...]
    checked: bool
    parts: tuple[str, ...]

    @property
    def key(self) -> Any:
        return [one.key for one in self.posters], self.methods, self.checked, self.parts


def _kept(key: str, usual: Any, draw: Callable[[Any], Any]) -> Any:
    """The value of a control that keeps it while other pages are open; what was typed is too long for an address.

    ``draw`` is given what is in use, as the control's default: a value put into the session before it is drawn is not
    known to a browser that draws it later.
    """
    store = f"{key}_kept"
    st.session_state[store] = draw(st.session_state.get(key, st.session_state.get(store, usual)))
    return st.session_state[store]


def write_words() -> Words:
    """Title, name, date and notes."""
    row = st.container(horizontal=True)
    title = _kept(
        "report_title", "What I found",
        lambda now: row.text_input("Title", now, key="report_title", max_chars=200),
    )  # fmt: skip
    author = _kept(
        "report_author", "", lambda now: row.text_input("Your name", now, key="report_author", max_chars=200)
    )
    day = _kept("report_day", date.today(), lambda now: row.date_input("Date", now, key="report_day", width=160))
    notes = _kept(
        "report_notes", "",
        lambda now: st.text_area(
            "Notes", now, key="report_notes", height=200, max_chars=LENGTH, help=MARKDOWN
        ),
    )  # fmt: skip
    return Words(title or "What I found", author, day if isinstance(day, date) else date.today(), notes)


# ---- what was added ------------------------------------------------------------------------------------


def arrange() -> None:
    """The figures that were added, each with its note, and buttons for their order."""
    found = items.entries()
    st.header(f"Added: {counted(len(found), 'figure')}")
    if not found:
        st.caption("On the other pages, open *Export* beside a picture or a table, and choose *Add to report*.")
    for place, entry in enumerate(found):
        with st.container(border=True, horizontal=True, vertical_alignment="top"):
            _show_entry(entry, place, len(found))


def _show_entry(entry: Entry, place: int, count: int) -> None:
    figure = entry.figure
    if figure.panels:
        with st.container(width=140):
            ui.picture(figure.panels[-1].pixels, alt=figure.title)
    key = f"report_{id(figure)}"
    with st.container(width=560):
        st.markdown(f"**{plain(figure.title)}**")
        st.caption(plain(figure.source.line))
        note = st.text_area(
            "Your note on it", entry.note, key=f"{key}_note", height=80, help=MARKDOWN, max_chars=LENGTH
        )
        if note != entry.note:
            items.annotate(place, note)
    with st.container(width="content"):
        for icon, words, action, off in (
            ("arrow_upward", "Move up", lambda: items.move(place, -1), place == 0),
            ("arrow_downward", "Move down", lambda: items.move(place, 1), place == count - 1),
            ("delete", "Take out", lambda: items.remove(place), False),
        ):
            st.button(
                words, on_click=action, icon=f":material/{icon}:", disabled=off, key=f"{key}_{icon}", type="tertiary"
            )


# ---- what is explained and measured ----------------------------------------------------------------------


def choose_contents(checkpoint: gan.Checkpoint, subject: Subject | None) -> Contents:
    """Controls for the posters, the methods and the studies."""
    st.header("Posters and studies")
    posters = _choose_posters(checkpoint, subject) if checkpoint.discriminator is not None else ()
    methods: Sequence[str] = ()
    checked = False
    if posters:
        names = report.methods_at_hand()
        from xai import METHODS

        usual = [name for name in USUAL_METHODS if name in names]
        methods = _kept(
            "report_methods", usual,
            lambda now: st.multiselect(
                "Methods", names, [name for name in now if name in names],
                format_func=lambda one: METHODS[one].title, key="report_methods",
            ),
        )  # fmt: skip
        checked = _kept(
            "report_checked", True,
            lambda now: st.toggle(
                "Check the maps", now, key="report_checked",
                help="Adds a verdict to each map; slow for many posters.",
            ),
        )  # fmt: skip
    known = report.measured(checkpoint).parts
    parts: Sequence[str] = ()
    if known:
        parts = _kept(
            "report_parts", known,
            lambda now: st.multiselect(
                "What was measured", known, [part for part in now if part in known], key="report_parts"
            ),
        )  # fmt: skip
    return Contents(tuple(posters), tuple(methods), checked, tuple(parts))


def _choose_posters(checkpoint: gan.Checkpoint, subject: Subject | None) -> tuple[Subject, ...]:
    """Those that were added; the chosen one where there are none."""
    stored: tuple[Subject, ...] = st.session_state.get(POSTERS, ())
    added = tuple(one for one in stored if one.checkpoint.digest == checkpoint.digest)

    def add() -> None:
        if subject is not None:
            st.session_state[POSTERS] = (*added, subject)

    def clear() -> None:
        st.session_state[POSTERS] = ()

    shown = added or (() if subject is None else (subject,))
    names = ", ".join(one.name for one in shown) or "none"
    st.markdown(f"Posters: {plain(names)}")
    is_in = subject is None or any(one.key == subject.key for one in added)
    with st.container(horizontal=True):
        st.button(
            "Add the chosen poster", on_click=add, disabled=is_in or len(added) >= MOST_POSTERS,
            key="report_add_poster", icon=":material/add:",
            help="Choose another one in the sidebar, and add it as well.",
        )  # fmt: skip
        st.button("Clear", on_click=clear, disabled=not added, key="report_clear_posters")
    return shown


# ---- the file --------------------------------------------------------------------------------------------


def make(checkpoint: gan.Checkpoint, words: Words, contents: Contents) -> None:
    """A button that makes the report, and one that downloads it."""
    st.header("The file")
    st.caption("One HTML file that opens without a network, and prints on A4: in the browser, Print, Save as PDF.")
    wish = (checkpoint.digest, words, contents.key, [(id(one.figure), one.note) for one in items.entries()])
    if st.button("Make the report", type="primary", icon=":material/description:", key="report_make"):
        with ui.progress_bar("Making the report") as progress:
            st.session_state[MADE] = wish, _html(checkpoint, words, contents, progress)
    made = st.session_state.get(MADE)
    if made is None:
        return
    from xai.figures.figure import slug

    st.download_button(
        f"Download, {len(made[1]) / 1e6:.1f} MB", made[1], f"{slug(words.title) or 'report'}.html", "text/html",
        on_click="ignore", icon=":material/download:", key="report_download",
    )  # fmt: skip
    if made[0] != wish:
        st.info("Something has changed since it was made: make it again.")


def _html(checkpoint: gan.Checkpoint, words: Words, contents: Contents, progress: Callable[[float], None]) -> bytes:
    from xai.report.study_report import Section, StudyReport, html

    findings, methods = report.explained(
        contents.posters, contents.methods, contents.checked, lambda part: progress(0.8 * part)
    )
    noise = contents.posters[0].noise if contents.posters else None
    added = items.entries()
    made = StudyReport(
        words.title, words.author, words.day, checkpoint, words.notes,
        [Section("What I found", entries=added)] if added else [],
        report.sections(checkpoint, noise, contents.parts), findings, methods, _app(),
    )  # fmt: skip
    progress(1.0)
    return html(made).encode("utf-8", "replace")


def _app() -> str:
    """The address under which this app is open, without its page."""
    return (st.context.url or "").partition("?")[0].rstrip("/").rpartition("/")[0]

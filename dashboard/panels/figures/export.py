"""Export: a button beside a picture or a table that makes files of it, when they are asked for, or adds it to a report.

export.show("walk", lambda: figures.of_path(walk, export.source(subject)))

What it shows is run only while it is open, and without the rest of the page; a file is made at the click on its button.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import streamlit as st

from dashboard import ui
from dashboard.pages import PAGES
from dashboard.panels.figures import pins
from dashboard.panels.report import items
from dashboard.text import plain
from gan.errors import counted

if TYPE_CHECKING:
    import gan
    from dashboard.subject import Subject
    from xai.discriminator.concepts.table import ConceptTable
    from xai.figures.figure import Figure, Source
    from xai.figures.formats import Options

SCREEN, PRINT = "screen", "print"
GROUPS = {"Picture": (SCREEN, PRINT), "Numbers": ("csv", "npz"), "Animation": ("gif", "webp")}


def source(subject: Subject, **settings: Any) -> Source:
    """What a figure about the chosen poster was made from."""
    from xai.figures.figure import Source

    return Source.of(subject.checkpoint, subject.name, **settings)


def source_of(checkpoint: gan.Checkpoint, **settings: Any) -> Source:
    """The same of what is about a checkpoint, and not about one poster."""
    from xai.figures.figure import Source

    return Source.of(checkpoint, **settings)


@st.fragment
def show(key: str, make: Callable[[], Figure], label: str = "Export") -> None:
    """The button. ``make`` is called when it is opened."""
    pins.offer(key, make)
    name = f"export_{key}"
    box = st.popover(label, icon=":material/download:", key=name, on_change="rerun", type="tertiary")
    if box.open:
        with box, ui.error_boundary("The export"):
            figure = make().linked(link())
            _show_files(figure, name)
            _show_pin(figure, key)


def show_concepts(checkpoint: gan.Checkpoint, concepts: ConceptTable, network: str) -> None:
    """The button for the concepts of all filters of a ``network``, with the proofs of each."""

    def make() -> Figure:
        from xai.report.figures import of_units

        source = source_of(checkpoint, over=f"{concepts.pictures} {concepts.kind}", rule=concepts.rule)
        return of_units(concepts, f"Concepts of the filters of the {network}", source)

    show(f"all_concepts_{network}", make, "Export the concepts")


def link() -> str:
    """The page that is open and its choices: an address within the app."""
    page = (st.context.url or "").rstrip("/").rpartition("/")[2].partition("?")[0]
    query = urlencode({name: st.query_params.get_all(name) for name in st.query_params}, doseq=True)
    return f"{page if page in PAGES else ''}?{query}"


def _show_files(figure: Figure, key: str) -> None:
    from xai.figures.formats import possible

    able = possible(figure)
    st.markdown(f"**{plain(figure.title)}**")
    for title, names in GROUPS.items():
        if formats := [name for name in names if name in able]:
            _show_group(figure, title, formats, f"{key}_{title.lower()}")
    with st.container(horizontal=True, vertical_alignment="center"):
        add = st.button("Add to report", key=f"{key}_add", icon=":material/note_add:")
        st.page_link(PAGES["report"].path, label="Open the report")
    if add:  # said here: a toast from a fragment takes the place of the page's styles
        full = "" if items.add(figure) else f"A report holds at most {counted(items.MOST, 'figure')}. "
        st.caption(f"{full}The report has {counted(len(items.entries()), 'figure')}.")


def _show_pin(figure: Figure, key: str) -> None:
    """The button that keeps it in sight, beside what the page shows later."""
    about = "Keeps this in sight: choose another poster, method or filter, and both are shown with their difference."
    if pins.can_pin(figure) and st.button("Pin", key=f"pin_{key}", icon=":material/keep:", help=about):
        pins.pin(key, figure)
        st.rerun()


def _show_group(figure: Figure, title: str, formats: Sequence[str], key: str) -> None:
    """The choices for one kind of file, and a button for each format."""
    from xai.figures.formats import FORMATS, Options, file_name

    choose = {"Picture": _picture_options, "Animation": _animation_options}.get(title)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        options, shown = (Options(), list(formats)) if choose is None else choose(figure, formats, key)
        for name in shown:
            one = FORMATS[name]
            st.download_button(
                "PNG" if title == "Picture" else one.title, partial(one.write, figure, options),
                file_name(figure, name), one.mime, on_click="ignore", key=f"{key}_{name}", icon=":material/download:",
            )  # fmt: skip


def _picture_options(figure: Figure, formats: Sequence[str], key: str) -> tuple[Options, list[str]]:
    from xai.figures.formats import Options

    size = st.segmented_control(
        "Picture for", list(formats), default=SCREEN, required=True, key=f"{key}_size",
        help="Print: 300 dots per inch at the width in millimetres.",
    )  # fmt: skip
    if size == PRINT:
        width: dict[str, Any] = {
            "width_mm": st.number_input("Width, mm", 20, 400, 85, 5, key=f"{key}_mm", width=120)
        }  # fmt: skip
    else:
        width = {"width": st.number_input("Width, pixels", 64, 4000, 640, 64, key=f"{key}_px", width=120)}
    framed = st.checkbox("Title and scale", True, key=f"{key}_framed")
    smooth = any(panel.poster for panel in figure.panels) and st.checkbox(
        "Smooth posters", key=f"{key}_smooth", help="Enlarge posters by Lanczos; maps are never smoothed."
    )  # fmt: skip
    return Options(framed=framed, smooth=smooth, **width), [size]


def _animation_options(figure: Figure, formats: Sequence[str], key: str) -> tuple[Options, list[str]]:
    from xai.figures.formats import Options

    assert figure.frames is not None
    width = st.number_input("Width, pixels", 64, 2000, 480, 32, key=f"{key}_width", width=120)
    seconds = st.number_input(
        "Seconds a frame", 0.02, 10.0, figure.frames.seconds, 0.05, key=f"{key}_seconds", width=120
    )
    back = st.checkbox("There and back", key=f"{key}_back")
    return Options(width, seconds=seconds, there_and_back=back), list(formats)

"""Pieces of pages: pictures, verdicts, choices of a layer and a unit, bars, errors. Knows nothing of caches.

ui.head(PAGES["compare"])
ui.picture(subject.pixels, "the poster")
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard.components.sprite_grid import sprite_grid
from dashboard.glossary import explained, explanation
from dashboard.pages import PAGES, PARTS
from dashboard.settings import HOUSE, settings
from dashboard.text import plain
from gan.files import cache_directory
from gan.progress import Progress

if TYPE_CHECKING:
    from dashboard.pages import Page
    from xai.networks.layers import Layer

LOG = logging.getLogger(__name__)
PATIENCE = 3.0  # seconds before a bar says how much longer it will take
GONE = "gone"  # in the session: what links and earlier choices asked for and is not here, by the control's key
INTERVAL = 0.2  # seconds between two messages of a bar: each one goes to the browser
PICTURE_SIDE = 256  # the browser enlarges on, without smoothing
LIKELY = 3  # classes of a classifier
OF_CLASSES = (
    "The probabilities that the classifier gives its classes. The pages explain the logit of one class, which is the "
    "number before it is turned into a probability."
)
ACTIVATIONS = ("LeakyReLU", "ReLU")
STYLE = """<style>
[data-testid="stImageContainer"] img { image-rendering: pixelated; }
[class*="st-key-smooth"] [data-testid="stImageContainer"] img { image-rendering: auto; }
[data-testid="stCaptionContainer"], [data-testid="stImageCaption"] {
  color: color-mix(in srgb, currentColor 80%, transparent) !important; opacity: 1 !important; }
[data-testid="stImageCaption"] [data-testid="stCaptionContainer"], .stMarkdownBadge { color: inherit !important; }
[class*="_dice"] button [data-testid="stMarkdownContainer"] {
  position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
[data-testid="stHeading"] h2 { font-size: 1.75rem; }
[data-testid="stMarkdownContainer"] h2 { font-size: 1.4rem; }
[data-testid="stBaseButton-primary"]:enabled, [data-testid="stMultiSelectTagsContainer"] span span {
  color: light-dark(#fff, #000) !important; }
[data-testid="stPageLink"] p { white-space: normal; }
button[kind="tertiary"]:active, button[kind="tertiary"][aria-expanded="true"] {
  color: light-dark(#5b3fa8, #a78bfa) !important; }
[data-testid="stMainBlockContainer"] { padding: 3rem 3rem 4rem; max-width: 1500px; }
.st-key-strip [data-testid="stPageLink"] a { padding: 0.1rem 0.4rem; gap: 0.25rem; }
.st-key-strip [data-testid="stPageLink"] p { font-size: 0.85rem; }
[class*="st-key-strip_"][class*="_lit"] { border-radius: 0.5rem;
  box-shadow: inset 0 -3px var(--st-primary-color, #5b3fa8); font-weight: 600; }
@media (min-width: 641px) { .st-key-machine { min-height: 20rem; } }
@media (max-width: 640px) { .st-key-machine { min-height: 58rem; } }
.st-key-checks table { display: block; overflow-x: auto; }
.st-key-checks td:nth-child(4), .st-key-checks td:nth-child(5) { white-space: nowrap; }
.st-key-checks td:last-child { min-width: 15rem; }
.st-key-glossary h2 { font-size: 1.2rem !important; }
@media (max-width: 640px) { [data-testid="stMainBlockContainer"] { padding: 3rem 1rem; }
  .st-key-strip { gap: 0; flex-wrap: nowrap; }
  .st-key-strip a > :has([data-testid="stIconMaterial"]) { display: none; }
  .st-key-strip [data-testid="stPageLink"] a { padding: 0.1rem 0.25rem; }
  .st-key-strip [data-testid="stPageLink"] p { font-size: 0.8rem; } }
</style>"""


def head(page: Page) -> None:
    """Title of a page, the parts of the machine with those lit that it is about, and the question that it answers."""
    with st.container(key="head", horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.title(page.heading or page.title, width="content")
        if page.about != tuple(PARTS):  # else the page shows the machine itself
            _machine_strip(page.about)
    st.caption(page.question, help=explained(page.question))


def _machine_strip(about: Collection[str]) -> None:
    """From noise to verdict in a line of links, each of which says at a touch what it is."""
    with st.container(key="strip", horizontal=True, width="content", gap="xxsmall"):
        for part in PARTS.values():
            with st.container(key=f"strip_{part.name}_{'lit' if part.name in about else 'unlit'}", width="content"):
                st.page_link(
                    PAGES[part.page].path, label=part.name, icon=f":material/{part.icon}:",
                    help=explanation(*part.terms),
                )  # fmt: skip


def picture(pixels: Any, caption: str | None = None, alt: str = "the poster") -> None:
    """A small picture (H, W, 3), enlarged without smoothing; ``alt`` names it where no ``caption`` does."""
    from xai.render import enlarge, png

    # Streamlit would make a JPEG of it, which blurs pixels into each other.
    large = enlarge(pixels, max(1, PICTURE_SIDE // pixels.shape[0]))
    shown = None if caption is None else plain(caption)
    st.image(png(large), shown, width="stretch", output_format="PNG", alt=alt if caption is None else caption)


def verdict(logit: float | None, probability: float | None) -> None:
    """What D thinks of a poster, as logit and probability."""
    if logit is None or probability is None:
        st.caption("This checkpoint has no discriminator, so there is no verdict.")
        return
    from xai.report.words import verdict

    word, number, percent = verdict(logit)
    colour = {"real": "red", "fake": "blue"}[word]
    st.markdown(
        f"D finds it :{colour}[**{word}**]: logit **{number}**, real with probability **{percent}**",
        help=explanation("discriminator", "verdict", "logit", "probability"),
    )


def classified(name: str, logit: float, classes: Mapping[str, float]) -> None:
    """What a classifier finds in a poster: its likeliest classes, and the logit that is explained."""
    likely = ", ".join(f"{plain(one)} **{part:.0%}**" for one, part in list(classes.items())[:LIKELY])
    st.markdown(f"The classifier finds {likely}", help=OF_CLASSES)
    st.markdown(f"Explained: {plain(name)}, **{logit:+z.2f}**")


def number(value: float) -> str:
    """A few digits, or a dash for what could not be measured."""
    if value != value:
        return "–"
    return f"{value:.1g}" if 0 < abs(value) < 0.01 else f"{value:z.2f}" if abs(value) < 10 else f"{value:.0f}"


def words(name: str) -> str:
    """A statistic's name as one reads it."""
    return "D's logit" if name == "logit" else name.replace("_", " ")


def posters_shown(kimg: float) -> str:
    """How many posters a training has shown: in thousands, from the first thousand on."""
    return f"{kimg:.0f} thousand" if kimg >= 1 else f"{1000 * kimg:.0f}"


def message(problem: object) -> str:
    """An error's sentence as Markdown, with the names of the server's files and without the folders they lie in."""
    text = str(problem)
    for place in sorted(_places(), key=len, reverse=True):
        text = text.replace(place, Path(place).name)
    return plain(text)


def _places() -> set[str]:
    """Where the files lie that the dashboard reads and writes, in all forms in which a message may have them."""
    chosen = settings()
    listed = (chosen.checkpoints, chosen.runs, chosen.posters, chosen.lessons, *chosen.networks)
    named = (*listed, cache_directory(), HOUSE)
    forms = {form for one in named if one for form in (one, one.absolute(), one.resolve())}
    return {str(form) for form in forms if len(form.parts) > 1}


@contextmanager
def error_boundary(what: str, slot: Any = None) -> Iterator[None]:
    """An error inside shows one sentence, empties ``slot``, and leaves the rest of the page standing."""
    from gan.errors import PosterLensError

    try:
        yield
    except PosterLensError as error:
        if slot is not None:
            slot.empty()
        LOG.info("%s: %s", what, error)
        st.warning(message(error), icon=":material/error:")
    except Exception as error:  # what ends or repeats a run of the page is none: it passes
        if slot is not None:
            slot.empty()
        LOG.exception("%s failed", what)
        st.error(f"{plain(what)} failed ({type(error).__name__}). The other parts of this page still work.")


@contextmanager
def progress_bar(text: str) -> Iterator[Progress]:
    """A progress callable whose bar appears when it is first called, and is gone at the end."""
    slot = st.empty()
    bars: list[Progress] = []

    def report(part: float) -> None:
        if not bars:
            bars.append(progress(slot, text))
        bars[0](part)

    try:
        yield report
    finally:
        slot.empty()


def progress(slot: Any, text: str) -> Progress:
    """A bar in ``slot`` to call with the finished fraction; a slow job's bar says how long it will take."""
    bar, started, last = slot.progress(0.0, text), time.monotonic(), 0.0

    def report(part: float) -> None:
        nonlocal last
        fraction, passed = min(max(part, 0.0), 1.0), time.monotonic() - started
        if fraction < 1 and passed - last < INTERVAL:
            return
        last = passed
        bar.progress(fraction, so_far(text, fraction, passed))

    return report


def so_far(text: str, fraction: float, passed: float) -> str:
    """How many seconds a job has taken, and, of a slow one, how long it will take."""
    left = f", about {duration(passed / fraction - passed)} left" if passed > PATIENCE and fraction > 0.02 else ""
    return f"{text}: {passed:.0f} s{left}"


def duration(seconds: float) -> str:
    """How long, in the unit in which one would say it; below a minute and a half to five seconds."""
    if seconds > 5400:
        return f"{seconds / 3600:.1f} hours"
    return f"{seconds / 60:.0f} minutes" if seconds > 90 else f"{5 * max(round(seconds / 5), 1)} seconds"


def measure_button(why: str, label: str, doing: str, measure: Callable[[Progress], object], key: str) -> None:
    """Say that a study has not been made; at a click make it, with a bar, and draw the page again."""
    st.info(why)
    if st.button(label, key=key):
        measure(progress(st.empty(), doing))
        st.rerun()


def choose(
    title: str,
    names: Sequence[str],
    default: str,
    label: Callable[[str], str],
    key: str,
    keep: bool = False,
    **looks: Any,
) -> str:
    """A select box that shows labels. The address holds the name: a link stays good when the wording changes.

    keep : whether the choice comes back with the page, after another page was open.

    The choice in use is the box's default, not a value put into the session before it: a browser that draws the box
    later, when the popover around it is opened, knows nothing of that, and would show another choice.
    """
    held, last = st.session_state.get(key), f"{key}_last"
    before = st.session_state.get(last) if keep else None
    current = next((name for name in (held, st.query_params.get(key), before) if name in names), default)
    set_by_code = held in names and held != st.session_state.get(last)  # then it reaches the box without a default
    index = 0 if set_by_code else names.index(current)
    name = str(st.selectbox(title, names, index, format_func=label, key=key, **looks))
    st.session_state[last] = name
    if st.query_params.get(key, default) != name:
        st.query_params[key] = name
    return name


def choose_layer(
    layers: Sequence[Layer], key: str, title: str = "Layer", default: str | None = None, **looks: Any
) -> Layer:
    """A select box of layers. The activation layers carry a star; the second of them is the usual default."""
    by_name = {layer.name: layer for layer in layers}
    starred = [layer.name for layer in layers if layer.kind in ACTIVATIONS]

    def label(name: str) -> str:
        return ("★ " if name in starred else "") + by_name[name].label.replace(" x ", " × ")

    usual = default if default in by_name else (starred or list(by_name))[:2][-1]
    looks = {"help": explanation("layer", "activation function")} | looks
    return by_name[choose(title, list(by_name), usual, label, key, keep=True, **looks)]


def clamp(key: str, most: float) -> None:
    """Bring a stored number back into range, before its widget is drawn: another layer may have fewer units."""
    stored = st.session_state.get(key, 0)
    if not 0 <= stored <= most:
        st.session_state[key] = min(max(stored, 0), most)


def keep_choice(key: str, options: Sequence[str]) -> None:
    """Where a stored choice has gone meanwhile, as a folder that was removed, take the first one, and say so."""
    stored = st.session_state.get(key)
    if stored is not None and stored not in options:
        st.session_state.setdefault(GONE, {})[key] = [stored]
        st.session_state[key] = options[0]


def choose_number(title: str, most: int, usual: Callable[[], int], key: str, about: str | None = None) -> int:
    """A box for a number from 0 to ``most``. The address always holds it: another poster may begin with another number.

    usual : asked for the number to begin with, where none was chosen yet.

    As in ``choose``, what is in use is the box's default, and not a value put into the session before it is drawn.
    """
    held, last = st.session_state.get(key), f"{key}_last"
    asked = st.query_params.get(key, "")
    link = int(asked) if asked.isdecimal() else None
    chosen = (held, link, st.session_state.get(last))  # the last: the page was left meanwhile
    current = next((number for number in chosen if number is not None and 0 <= number <= most), None)
    current = usual() if current is None else current
    set_by_code = held == current and held != st.session_state.get(last)  # then it reaches the box without a default
    number = int(st.number_input(title, 0, most, "min" if set_by_code else current, key=key, help=about))
    st.session_state[last] = number
    if asked != str(number):
        st.query_params[key] = str(number)
    return number


def choose_unit(
    maps: Any,
    key: str,
    order: Sequence[int],
    shared: bool,
    known: Callable[[int], str] | None = None,
    usual: Callable[[], int] = int,
) -> int:
    """All unit maps (U, h, w) in this order as one sprite to click, with a number box beside it; returns the unit.

    At the pointer and at the focus stand a unit's mean response, and what else is ``known`` of it, as "effect 0.12".
    """
    from xai.networks.layers import mean_responses
    from xai.render import map_colours, shrink, sprite

    last = len(maps) - 1
    clamp(key, last)
    unit = choose_number(f"Filter (0 to {last})", last, usual, key, explanation("filter", "activation map"))
    sheet = sprite(shrink(map_colours(maps[order], shared)))
    means = mean_responses(maps)

    def note(index: int) -> str:
        more = "" if known is None else f", {known(index)}"
        return f"mean response {means[index]:+z.3f}{more}"

    sprite_grid(
        sheet, labels=[f"filter {index}" for index in order], notes=[note(index) for index in order],
        selected=order.index(unit), on_pick=lambda place: st.session_state.update({key: order[place]}),
        key=f"{key}_grid",
    )  # fmt: skip
    return unit


def map_controls(prefix: str, orders: Sequence[str] = ("index", "activation")) -> tuple[str, bool]:
    """How to sort and to colour a sheet of unit maps: (sort, shared scale)."""
    row = st.container(horizontal=True)
    sort = row.segmented_control(
        "Sort by",
        list(orders),
        default=orders[0],
        required=True,
        key=f"{prefix}_sort",
        bind="query-params",
    )
    scale = row.segmented_control(
        "Colour scale", ["own", "shared"], default="own", required=True, key=f"{prefix}_scale", bind="query-params",
        help="Own: each filter uses the full range of colours. Shared: brightness can be compared.",
    )  # fmt: skip
    return str(sort), scale == "shared"

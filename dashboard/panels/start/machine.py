"""The whole machine in one picture on the Start page: each part leads to its page, in the state in which it is shown.

place = machine.reserve()                 # before torch is imported: its heading, and its room
machine.show(subject)                     # in that place
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import streamlit as st

from dashboard import going, links
from dashboard.cached import discriminator, explanations, networks
from dashboard.cached.explanations import Question
from dashboard.components.machine import POSTER, Group, Link, machine
from dashboard.glossary import explanation
from dashboard.panels.figures import start_export
from gan.errors import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dashboard.subject import Subject
    from xai.machine import Machine, Network, Part
    from xai.render import Sprite

T = TypeVar("T")
HINT = (
    "Point at a part to read what it is; click it to open its page. Of each layer one filter's map is shown: the one "
    "that {why}."
)
WIDTHS = {"noise": 4.0, "poster": 16.0, "verdict": 9.0}  # of a group, beside each other
SMALLEST, LARGEST = 5.0, 8.0  # of a layer's tile
LATENT_END = 3.0  # standard deviations; where the colours of the noise end
FIND = "Find this poster"  # the section of the Latent page that looks for a real poster's noise
NOT_GENERATED = "This poster was not generated, so it did not pass through the left half."
NO_LATENT = "Only a generated poster has a latent; for any other, the Latent page looks for the one that comes nearest."
NO_GENERATOR = "The generator did not draw this poster, so its layers have nothing to show of it."
ONE_LAYER = "Its modules do not run one after the other, so there are no layers to show."
NO_DISCRIMINATOR = "This checkpoint has no discriminator, so nobody judges the poster."


@dataclass(frozen=True)
class Destination:
    """A page, and the choices with which it opens."""

    page: str
    query: dict[str, str]

    @property
    def href(self) -> str:
        return links.address(self.page, self.query)


Drawn = tuple[Group, list[Destination]]


def reserve() -> Any:
    """Heading and room of the machine, so that what follows does not move when it appears."""
    place = st.container(key="machine")
    with place:
        st.header("The whole machine", help=explanation("GAN", "generator", "discriminator", "latent", "layer"))
    return place


def show(subject: Subject | None) -> None:
    """What the poster passed through; a click on a part opens its page."""
    if subject is None:
        st.caption("Here stands what a poster passes through, once one is chosen in the sidebar.")
        return
    from xai.render import png

    found = _machine(subject)
    drawn = groups(subject, found)
    known = any(part.contribution is not None for part in (*found.generator, *found.discriminator))
    why = "matters most to D's verdict on this poster" if known and not subject.classes else "responds most strongly"
    hint = HINT.format(why=why)
    chosen = machine(
        [group for group, _ in drawn], _sheet(subject, found), png(subject.pixels),
        hint if subject.noise is not None else f"{NOT_GENERATED} {hint}",
        key="machine_row",
    )  # fmt: skip
    start_export.show_machine(subject, found)
    if chosen is not None:
        to = [one for _, destinations in drawn for one in destinations][chosen]
        going.to(to.page, to.query)


def _machine(subject: Subject) -> Machine:
    """Computed once for a poster; what its filters contribute is the same that the other pages say."""
    from xai.machine import machine

    checkpoint, noise, question = subject.checkpoint, subject.noise, _question(subject)
    both = checkpoint.generator is not None and checkpoint.discriminator is not None

    def compute() -> Machine:
        added = blamed = None
        if checkpoint.discriminator is not None:
            added = _traced(lambda: discriminator.contributions(question))
        if both and noise is not None:
            blamed = _traced(lambda: explanations.blame(checkpoint, noise, question.count))
        return machine(checkpoint, subject.image, None if noise is None else noise.z, added, blamed)

    key = ("machine", question.key, None if noise is None else noise.key)
    answer: Machine = networks.answers().get(key, compute)
    return answer


def _traced(compute: Callable[[], T]) -> T | None:
    """The answer, or None of a network that contributions cannot be traced through."""
    from xai.errors import ExplanationError

    try:
        return compute()
    except ExplanationError:
        return None


def _question(subject: Subject) -> Question:
    """D's logit against the baseline that pages begin with."""
    from dashboard.panels import baseline  # it needs torch, and this module is imported before the first paint

    kind = explanations.usual_reference(explanations.references(subject.checkpoint))
    seed = None if subject.noise is None else subject.noise.seed
    return Question(subject.checkpoint, subject.image, subject.key, kind, baseline.COUNT, None, None, seed)


def _sheet(subject: Subject, found: Machine) -> Sprite:
    """All maps in a row, in the colours of their pages, each enlarged to the poster's shape without smoothing.

    The poster itself where there is none: a generator alone, and an uploaded poster.
    """
    import numpy as np

    from xai.render import enlarge_map, map_colours, shrink, sprite

    height, width = subject.image.shape[2:]
    enlarged = [
        map_colours(np.stack([enlarge_map(part.map, (height, width)) for part in parts]), shared=False)
        for parts in (found.generator, found.discriminator)
        if parts
    ]
    cells = shrink(np.concatenate(enlarged or [subject.pixels[None]]))
    return sprite(cells, columns=len(cells))


def groups(subject: Subject, found: Machine) -> list[Drawn]:
    """Each part of the machine as it is drawn, and where its links lead."""
    drawn, judged = len(found.generator), len(found.discriminator)
    of_generator = (
        _layers("generator", found.generator, 0)
        if drawn
        else _asleep("generator", subject, "no map", NO_GENERATOR if subject.noise is None else ONE_LAYER)
    )
    of_discriminator = (
        _layers("discriminator", found.discriminator, drawn)
        if judged
        else _asleep("discriminator", subject, *_nothing_of(subject))
    )
    return [_noise(subject, found), of_generator, _poster(subject), of_discriminator, _verdict(subject, found)]


def _nothing_of(subject: Subject) -> tuple[str, str]:
    """Why there are no layers of a discriminator to show, in a word and in a sentence."""
    return ("none", NO_DISCRIMINATOR) if subject.checkpoint.discriminator is None else ("one layer", ONE_LAYER)


def _noise(subject: Subject, found: Machine) -> Drawn:
    if found.latent is None:
        return _asleep("noise", subject, "no latent", NO_LATENT)
    from xai.render import CHANGE, diverging

    to = Destination("latent", {})
    text = (
        f"The latent: {counted(len(found.latent), 'random number')}, from which the generator draws this poster. "
        "Purple is below 0, orange above."
    )
    colours = diverging(found.latent, LATENT_END, CHANGE).tobytes().hex()
    small = counted(len(found.latent), "value")
    link = Link("the latent", text, small, to.href, WIDTHS["noise"], values=colours)
    return Group("noise", (link,)), [to]


def _layers(name: Network, parts: Sequence[Part], first: int) -> Drawn:
    """Tiles of a network's layers; the larger their maps, the larger the tile."""
    keys = {"generator": ("g_layer", "g_unit"), "discriminator": ("d_layer", "d_unit")}[name]
    drawn, destinations = [], []
    smaller = sorted({part.layer.height for part in parts})
    for cell, part in enumerate(parts, first):
        to = Destination(name, dict(zip(keys, (part.layer.name, str(part.unit)), strict=True)))
        grow = SMALLEST + (LARGEST - SMALLEST) * smaller.index(part.layer.height) / max(len(smaller) - 1, 1)
        label = f"{name}, {part.layer.name}, filter {part.unit}"
        drawn.append(Link(label, part.text, part.size, to.href, grow, cell))
        destinations.append(to)
    return Group(name, tuple(drawn)), destinations


def _poster(subject: Subject) -> Drawn:
    to = Destination("compare", {})
    made = "It was drawn by the generator" if subject.noise is not None else "It was not drawn by the generator"
    text = f"The poster, {subject.name}. {made}; Compare shows which parts of it D's verdict comes from."
    height, width = subject.checkpoint.config.size
    link = Link(f"the poster, {subject.name}", text, f"{width} × {height}", to.href, WIDTHS["poster"], POSTER)
    return Group("poster", (link,)), [to]


def _verdict(subject: Subject, found: Machine) -> Drawn:
    from xai.report.words import verdict

    if found.logit is None:
        return _asleep("verdict", subject, "none", NO_DISCRIMINATOR)
    to = Destination("compare", {})
    if subject.classes:
        return _class(subject, found.logit, to)
    word, logit, probability = verdict(found.logit)
    text = f"D finds it {word}: its logit is {logit}, which is a probability of {probability} that it is real."
    link = Link(
        f"D finds it {word}",
        text,
        "",
        to.href,
        WIDTHS["verdict"],
        words=(word, f"logit {logit}", f"{probability} real"),
        mood=word,
    )
    return Group("verdict", (link,)), [to]


def _class(subject: Subject, logit: float, to: Destination) -> Drawn:
    """The class that a classifier finds, in place of a verdict."""
    name, probability = next(iter(subject.classes.items()))
    explained = networks.score(subject.checkpoint).meaning.name
    text = f"The classifier finds {name}, with a probability of {probability:.0%}; {explained} is {logit:+z.2f}."
    words = (name, f"{probability:.0%}", f"{explained} {logit:+z.2f}")
    link = Link(f"the classifier finds {name}", text, "", to.href, WIDTHS["verdict"], words=words)
    return Group("classes", (link,)), [to]


def _asleep(name: str, subject: Subject, word: str, why: str) -> Drawn:
    """A part that this poster did not pass through: the reason, and where to read on."""
    able = subject.checkpoint.generator is not None and name in ("noise", "generator")
    to = Destination("latent", {"noise": FIND}) if able else Destination("glossary", {"word": name})
    link = Link(f"{name}: {word}", why, "", to.href, WIDTHS["verdict"], words=(word,))
    return Group(name, (link,), asleep=True), [to]

"""The set of posters that was brushed on the map: kept across pages and in the address, stepped through in the sidebar.

    brushed.keep([("poster", 12), ("seed", 5_000_003)])     # for callbacks
    brushed.members()
    brushed.show(subject)                                   # in the sidebar: previous, next, clear

In the address: ?brushed=p12.19-s5000003, the first sixty; all of them until the browser is closed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import sidebar
from dashboard.cached import discriminator, poster_sets
from dashboard.components.sprite_grid import sprite_grid
from dashboard.subject import GENERATED, POSTER, Member, Subject
from gan.errors import counted

if TYPE_CHECKING:
    import gan
    from xai.render import Sprite

KEY = "brushed"  # in the session, and in the address
LINKED = 60  # posters of a set that a link holds
STRIP = 5
MOST_DIGITS = 10


def keep(members: Sequence[Member]) -> None:
    """Make these the set; none clears it."""
    st.session_state[KEY] = tuple(members)


def members() -> tuple[Member, ...]:
    """The set, or what the link asks for."""
    if KEY not in st.session_state:
        st.session_state[KEY] = parsed(st.query_params.get(KEY, ""))
    found: tuple[Member, ...] = st.session_state[KEY]
    return found


def written(some: Sequence[Member]) -> str:
    """The first of them for an address."""
    first = some[:LINKED]
    parts = (
        (letter, [str(number) for kind, number in first if kind == name])
        for letter, name in (("p", "poster"), ("s", "seed"))
    )
    return "-".join(letter + ".".join(numbers) for letter, numbers in parts if numbers)


def parsed(text: str) -> tuple[Member, ...]:
    """What ``written`` wrote; what is nothing of the kind is left out."""
    found: list[Member] = []
    for part in text.split("-"):
        numbers = [number for number in part[1:].split(".") if re.fullmatch(rf"[0-9]{{1,{MOST_DIGITS}}}", number)]
        if part[:1] == "p":
            found += [("poster", int(number)) for number in numbers]
        elif part[:1] == "s":
            found += [("seed", int(number)) for number in numbers if int(number) <= sidebar.MOST_SEED]
    return tuple(dict.fromkeys(found))[:LINKED]


def usable(checkpoint: gan.Checkpoint) -> tuple[Member, ...]:
    """Those of the set that this checkpoint and the posters that are loaded have."""
    posters = poster_sets.posters(checkpoint)
    count = 0 if posters is None else len(posters)
    return tuple(
        (kind, number)
        for kind, number in members()
        if (number < count if kind == "poster" else checkpoint.generator is not None)
    )


def show(subject: Subject | None) -> None:
    """Step through the set; nothing where there is none."""
    wanted = written(members())
    if st.query_params.get(KEY, "") != wanted:
        if wanted:
            st.query_params[KEY] = wanted
        else:
            st.query_params.pop(KEY, None)
    if subject is None or not members():
        return
    some = usable(subject.checkpoint)
    here = _place(subject, some)
    with st.sidebar.container(border=True):
        of = f"{here + 1:,} of {counted(len(some), 'poster')}" if here >= 0 else counted(len(some), "poster")
        st.markdown(f"**Brushed on the map**: {of}")
        if some:
            _show_strip(subject.checkpoint, some, here)
        with st.container(horizontal=True, gap="small"):
            for label, step in (("Previous", -1), ("Next", 1)):
                place = _after(here, step, len(some))
                st.button(label, key=f"brushed_{label}", disabled=not some, on_click=_go, args=(some, place))
            st.button("Clear", key="brushed_clear", on_click=keep, args=((),))
        if len(members()) > LINKED:
            st.caption(f"A link keeps the first {LINKED}.")


def pictures(checkpoint: gan.Checkpoint, some: Sequence[Member]) -> Sprite:
    """One sheet of them, in their order."""
    import numpy as np

    from xai.render import sprite

    return sprite(np.stack(pixels(checkpoint, some)))


def pixels(checkpoint: gan.Checkpoint, some: Sequence[Member]) -> list[Any]:
    """Each of them as uint8 RGB (h, w, 3), in their order."""
    import gan

    found: dict[Member, Any] = {}
    for kind in ("poster", "seed"):
        own = [member for member in some if member[0] == kind]
        if own:
            images = discriminator.pictures(checkpoint, [number for _, number in own], kind == "seed")
            found |= dict(zip(own, gan.to_uint8(images), strict=True))
    return [found[member] for member in some]


def _show_strip(checkpoint: gan.Checkpoint, some: Sequence[Member], here: int) -> None:
    """The subject between those before and after it."""
    first = max(0, min(here - STRIP // 2, len(some) - STRIP))
    shown = some[first : first + STRIP]
    sprite_grid(
        pictures(checkpoint, shown), [f"{kind} {number}" for kind, number in shown], "brushed_strip",
        lambda place: go_to(shown[place]), here - first, "the brushed set", smallest=28, per_row=STRIP, largest=48,
    )  # fmt: skip


def go_to(member: Member) -> None:
    """Make one of them the subject (for callbacks)."""
    kind, number = member
    (sidebar.show_poster if kind == "poster" else sidebar.show_seed)(number)


def _go(some: Sequence[Member], place: int) -> None:
    go_to(some[place])


def _after(here: int, step: int, count: int) -> int:
    if here < 0:
        return 0 if step > 0 else count - 1
    return (here + step) % max(count, 1)


def _place(subject: Subject, some: Sequence[Member]) -> int:
    """Where the subject stands in the set; -1 where it does not."""
    member = member_of(subject)
    return some.index(member) if member in some else -1


def member_of(subject: Subject) -> Member | None:
    """What the subject is called in a set; None for an upload, or a latent without a seed."""
    if subject.kind == POSTER:
        return "poster", int(st.session_state.get("poster", 0))
    if subject.kind == GENERATED and subject.noise is not None and subject.noise.seed is not None:
        return "seed", subject.noise.seed
    return None

"""What stands beside a map at the detail that it is shown at: its verdict, and how its method locates planted evidence.

    badge(trust, detail=1).text                    # "not examined at 1 px"
    badge(trust, detail=8, standing=standing)      # Badge("trust", "trust, at 8 x 8 pixels", "every check is passed")
    summary({"LIME": badge(trust)})                # "To be trusted: LIME."
    standing_sentence(standing)                    # "In the localisation benchmark at 8 px, maps of this ..."

A verdict is about one map and has a resolution; the localisation benchmark is about a method, at each detail. Where
both speak of the same detail they never contradict each other: a map is not trusted at a detail at which its method
locates less than an edge detector does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from xai.trust.verdict import Trust, Verdict

Shown = Literal[Verdict, "not examined"]


class Standing(Protocol):
    """How a method stands in the benchmark: xai.bench.standing.LocalisationStanding."""

    @property
    def detail(self) -> int: ...
    @property
    def value(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def compared(self) -> Literal["better", "worse", "level"]: ...


@dataclass(frozen=True)
class Badge:
    """``shown`` decides the colour, ``text`` stands in the badge, ``note`` beside it."""

    shown: Shown
    text: str
    note: str


def badge(trust: Trust, detail: int | tuple[int, int] | None = None, standing: Standing | None = None) -> Badge:
    """The verdict as it holds at this ``detail``, in pixels a side or (height, width); None: at its own resolution."""
    if trust.verdict not in ("trust", "caution"):
        return Badge(trust.verdict, trust.badge, trust.reason if trust.verdict == "do not trust" else "")
    if detail is not None and not trust.examined_at(detail):
        coarser = f"{trust.badge}: {trust.reason}" if trust.resolution is not None else trust.reason
        return Badge("not examined", f"not examined at {in_pixels(detail)}", f"Coarser: {coarser}")
    if trust.verdict == "trust" and standing is not None and standing.compared == "worse":
        text = trust.badge.replace("trust", "caution", 1)
        return Badge("caution", text, "its checks are passed, but see how this method locates planted evidence")
    return Badge(trust.verdict, trust.badge, trust.reason)


def in_pixels(block: int | tuple[int, int]) -> str:
    """What blocks of (height, width) are called: "8 px", or "12 x 8 px" where they are not square."""
    height, width = (block, block) if isinstance(block, int) else block
    return f"{width} px" if height == width else f"{height} x {width} px"


SUMMARY: dict[Shown, str] = {
    "trust": "To be trusted",
    "caution": "With caution",
    "do not trust": "Not to be trusted",
    "not examined": "Not examined at this detail",
    "nothing to judge": "Nothing to judge",
    "no claim": "No verdict, for it names no reasons",
}


def summary(badges: Mapping[str, Badge]) -> str:
    """What several maps' badges come to, by the maps' names: the best ones first, those of one kind together."""
    named = {shown: [name for name, one in badges.items() if one.shown == shown] for shown in SUMMARY}
    return " ".join(f"{SUMMARY[shown]}: {', '.join(names)}." for shown, names in named.items() if names)


def standing_sentence(standing: Standing) -> str:
    """How maps of a method stand against an edge detector, which knows nothing of the network."""
    than = {
        "better": "better than an edge detector",
        "worse": "less well than an edge detector",
        "level": "neither better nor worse than an edge detector, as far as was measured",
    }[standing.compared]
    return (
        f"In the localisation benchmark at {standing.detail} px, maps of this method find planted evidence {than}: "
        f"{standing.value:+z.2f} ({standing.low:+z.2f} to {standing.high:+z.2f})."
    )

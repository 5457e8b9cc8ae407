"""Ways through the latent space: directions with a measured meaning, and a walk to another seed.

show_directions(checkpoint, latents.latent_study(checkpoint), noise)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

import gan
from dashboard import sidebar, ui
from dashboard.cached import latents
from dashboard.components.sprite_grid import sprite_grid
from dashboard.panels.latent import exports
from dashboard.text import plain
from gan.errors import counted
from xai.latents.paths import norm_of
from xai.render import sprite

if TYPE_CHECKING:
    from dashboard.subject import Noise
    from xai.latents.directions import Direction, StatisticChange
    from xai.latents.study import LatentStudy

FAMILIES = {
    "measured": "regression on a statistic",
    "jacobian": "Jacobian of the picture",
    "pca": "activations of a later layer",
    "closed_form": "weights of the first layer",
    "random": "random, for comparison",
}
DISTANCES = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)


def show_directions(checkpoint: gan.Checkpoint, study: LatentStudy, noise: Noise) -> None:
    """Directions of four families, walked along from this poster."""
    families = [family for family in FAMILIES if study.directions.of(family)]
    family = st.segmented_control(
        "Found by", families, default=families[0], required=True, format_func=lambda name: FAMILIES[name],
        key="family", bind="query-params",
    )  # fmt: skip
    directions = study.directions.of(str(family))
    names = [_title(one) for one in directions]
    place = st.selectbox("Direction", range(len(names)), format_func=lambda index: names[index], key=f"dir_{family}")
    direction = directions[place]
    sheet = sprite(gan.to_uint8(latents.along(checkpoint, noise, direction, DISTANCES)), columns=len(DISTANCES))
    sprite_grid(
        sheet, labels=[f"{step:+z.0f}" for step in DISTANCES], per_row=len(DISTANCES), selected=DISTANCES.index(0.0),
        key="direction_strip", title="walk along the direction", smallest=44, most="none",
    )  # fmt: skip
    exports.show_direction(checkpoint, noise, direction, DISTANCES)
    _show_changes(direction)
    exports.show_effects_of(checkpoint, direction)
    st.caption(
        "Above: seven steps from -3 to +3 along the direction, this poster in the middle. Below: changes in standard "
        "deviations over random posters, with intervals, walking from -2 to +2 on posters that were not used to "
        f"find it. A label needs {study.directions.threshold:.1f}, more than random directions reach. "
        f"{study.directions.multiplicity}"
    )
    _show_overlap(checkpoint, study)


def _show_changes(direction: Direction) -> None:
    """What the direction changes, in a sentence and as a table."""
    label = "No statistic changes enough to label it. "
    if direction.label:
        label = f"It changes **{plain(ui.words(direction.label))}**. "
    r2 = "" if direction.r2 is None else f"Held-out R² {direction.r2:.2f}. "
    side = [f"{plain(ui.words(name))} {change.value:+z.1f}" for name, change in direction.side_effects().items()]
    st.markdown(f"{label}{r2}Side effects: {', '.join(side) or 'none'}.")
    effects = sorted((direction.effects or {}).items(), key=lambda pair: -abs(pair[1].value))
    st.dataframe(
        [
            {"statistic": ui.words(name)} | {end: f"{value:+z.2f}" for end, value in _ends(change)}
            for name, change in effects
        ],
        hide_index=True, width="content",
    )  # fmt: skip


def _show_overlap(checkpoint: gan.Checkpoint, study: LatentStudy) -> None:
    agreement = study.directions.agreement
    names = [FAMILIES.get(family, family) for family in agreement.families]
    with st.expander("Do the four ways find the same?"):
        st.dataframe(
            [
                {"way": name} | dict(zip(names, map(ui.number, row), strict=True))
                for name, row in zip(names, agreement.overlap.tolist(), strict=True)
            ],
            hide_index=True, width="content",
        )  # fmt: skip
        st.caption(
            f"Overlap of the first {counted(agreement.top, 'direction')}: 1 the same, {agreement.chance:.2f} by chance."
        )
        exports.show_overlap(checkpoint, study, names)


def _title(direction: Direction) -> str:
    name = ui.words(direction.name)
    if direction.label is None:
        return f"{name}: no reliable label"
    label = ui.words(direction.label)
    return name if name == label else f"{name}: {label}"


def _ends(change: StatisticChange) -> tuple[tuple[str, float], ...]:
    return ("change", change.value), ("from", change.low), ("to", change.high)


def show_path(checkpoint: gan.Checkpoint, noise: Noise) -> None:
    """Walk on the sphere to another seed, and the norm of the latent."""
    other = int(st.number_input("To seed", 0, sidebar.MOST_SEED, 1, key="to_seed", bind="query-params"))
    walk = latents.walk(checkpoint, noise, other)
    sheet = sprite(walk.pixels, columns=6)

    def take(step: int) -> None:
        name = f"step {step} from {noise.name} to seed {other}"
        sidebar.show_latent(checkpoint, name, walk.latents[step : step + 1])

    sprite_grid(
        sheet, labels=[f"step {step}" for step in range(len(walk.pixels))], per_row=6, on_pick=take, key="path_strip",
        title="a walk between two posters", smallest=50, most="none",
    )  # fmt: skip
    exports.show_walk(checkpoint, noise, other)
    norm = norm_of(noise.z)
    st.caption(
        f"Even steps on the sphere between two latents that are {walk.angle_degrees:.0f} degrees apart; click one to "
        "take it to all pages. Even steps of the latent need not look even: the picture's largest step is "
        f"{walk.unevenness:.1f} times its mean one. |z| = {norm.value:.1f} (expected {norm.expected:.1f}; 95% of "
        f"samples between {norm.low:.1f} and {norm.high:.1f})."
    )
    factor = st.slider(
        "Scale of the latent", 0.0, 2.0, 1.0, 0.1, key="length", bind="query-params",
        help="1: as it is. Below: truncation.",
    )  # fmt: skip
    picture, text = st.columns([1, 2])
    with picture:
        ui.picture(gan.to_uint8(latents.scaled(checkpoint, noise, factor))[0], f"{factor:.1f} times")
    with text:
        st.markdown("**Shows** the same latent at another norm: shorter is more typical, longer more extreme.")
        exports.show_scaled(checkpoint, noise, factor)

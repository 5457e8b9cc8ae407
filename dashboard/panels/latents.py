"""What the noise values are worth: importance, directions, paths, inversion. Lays out what xai answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

import gan
from dashboard import sidebar, ui
from dashboard.cached import latents, networks
from dashboard.components.sprite_grid import sprite_grid
from dashboard.subject import unconditioned
from xai.latents.paths import norm_of
from xai.render import data_uri, diverging, limit, shrink, sprite

if TYPE_CHECKING:
    from dashboard.subject import Noise, Subject
    from xai.latents.directions import Direction, StatisticChange
    from xai.latents.genres import GenreEffects
    from xai.latents.study import LatentStudy

FAMILIES = {
    "measured": "regression on a statistic",
    "jacobian": "Jacobian of the picture",
    "pca": "activations of a later layer",
    "closed_form": "weights of the first layer",
    "random": "random, for comparison",
}
REACH = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
SHOWN = 10


def measure_button(checkpoint: gan.Checkpoint) -> None:
    """Offer the study where it has not been made."""
    ui.measure_button(
        "The noise values have not been measured for these weights. It takes some minutes.",
        "Measure all noise values",
        "Painting tens of thousands of posters",
        lambda progress: latents.measure_latents(checkpoint, progress),
        key="measure_noise",
    )


def show_importance(study: LatentStudy) -> None:
    """Sobol's total indices: of the whole picture, of statistics, of places."""
    found = study.importance
    names = ["the whole picture", *found.names]
    what = st.selectbox("Of what", names, format_func=_words, key="statistic", bind="query-params")
    left, right = st.columns(2, gap="large")
    index = found.picture if what == names[0] else found.statistics
    column = ... if what == names[0] else (slice(None), found.names.index(what))
    value, low, high = (part[column] for part in (index.value, index.low, index.high))
    with left:
        order = value.argsort()[::-1][:SHOWN]
        figure = go.Figure(
            go.Bar(
                x=value[order], y=[f"value {number}" for number in order], orientation="h", marker_color="#cc1a24",
                error_x={"array": high[order] - value[order], "arrayminus": value[order] - low[order]},
            )
        )  # fmt: skip
        figure.update_yaxes(autorange="reversed")
        _plot(figure, f"What {_words(what)} depends on", "total index: share of its variety")
    with right:
        share, least, most = (
            np.take_along_axis(part, found.most_influential[None], 0)[0]
            for part in (found.cells.value, found.cells.low, found.cells.high)
        )
        text = [
            [str(owner) if sure else "" for owner, sure in zip(row, known, strict=True)]
            for row, known in zip(found.most_influential, found.certain, strict=True)
        ]
        hover = [
            [
                f"value {owner}: {part:.2f} ({low:.2f} to {high:.2f})"
                for owner, part, low, high in zip(*row, strict=True)
            ]
            for row in zip(found.most_influential, share, least, most, strict=True)
        ]
        figure = go.Figure(
            go.Heatmap(
                z=share, text=text, texttemplate="%{text}", hovertext=hover, hoverinfo="text", colorscale="Reds",
                zmin=0,
            )
        )  # fmt: skip
        figure.update_yaxes(autorange="reversed", visible=False, scaleanchor="x")
        figure.update_xaxes(visible=False)
        _plot(figure, "Who owns which place", "")
    st.caption(
        f"Sobol's total index, from {found.samples * (len(value) + 5):,} posters: the share of the variety "
        "that this value has a part in, alone or with others; bars are 95% intervals. So they add up to more than 1. "
        "On the right the poster is cut into places: the colour is the largest index there, hovering tells whose it "
        "is, and a number stands where one value is the owner for certain."
    )


def show_directions(checkpoint: gan.Checkpoint, study: LatentStudy, noise: Noise) -> None:
    """Directions of four families, walked along from this poster."""
    found = study.directions
    families = [family for family in FAMILIES if found.of(family)]
    family = st.segmented_control(
        "Found from", families, default=families[0], required=True, format_func=lambda name: FAMILIES[name],
        key="family", bind="query-params",
    )  # fmt: skip
    directions = found.of(str(family))
    names = [_title(one) for one in directions]
    place = st.selectbox("Direction", range(len(names)), format_func=lambda index: names[index], key=f"dir_{family}")
    chosen = directions[place]
    pictures = latents.along(checkpoint, noise, chosen, REACH)
    sheet = sprite(gan.to_uint8(pictures), columns=len(REACH))
    sprite_grid(
        data_uri(sheet.pixels), labels=[f"{step:+.0f}" for step in REACH], columns=len(REACH), per_row=len(REACH),
        cell=sheet.cell, selected=REACH.index(0.0), on_pick=lambda index: None, key="direction_strip",
        title="walk along the direction", smallest=44, most="none",
    )  # fmt: skip
    effects = chosen.effects or {}
    st.markdown(
        (f"It changes **{_words(chosen.label)}**. " if chosen.label else "No statistic changes enough to name it. ")
        + (f"Held-out R² {chosen.r2:.2f}. " if chosen.r2 is not None else "")
        + "Side effects: "
        + (", ".join(f"{_words(name)} {effect.value:+.1f}" for name, effect in chosen.side_effects().items()) or "none")
        + "."
    )
    st.dataframe(
        [
            {"statistic": _words(name)} | {end: f"{value:+.2f}" for end, value in _ends(effect)}
            for name, effect in sorted(effects.items(), key=lambda pair: -abs(pair[1].value))
        ],
        hide_index=True, width="content",
    )  # fmt: skip
    agreement, families = found.agreement, list(found.agreement.families)
    st.caption(
        "Above: seven steps from -3 to +3 along the direction, this poster in the middle. Below: changes in standard "
        "deviations over random posters, with intervals, walking from -2 to +2 on posters that were not used to "
        f"find it. A name needs {found.threshold:.1f}, more than random directions reach."
    )
    with st.expander("Do the four ways find the same?"):
        st.dataframe(
            [
                {"": FAMILIES.get(one, one)}
                | dict(zip((FAMILIES.get(name, name) for name in families), map(ui.number, row), strict=True))
                for one, row in zip(families, agreement.overlap.tolist(), strict=True)
            ],
            hide_index=True, width="content",
        )  # fmt: skip
        st.caption(f"Overlap of the first {agreement.top} directions: 1 the same, {agreement.chance:.2f} by chance.")


def show_genres(noise: Noise) -> None:
    """Each genre from not asked for to fully asked for, and what that does to posters in general."""
    base = unconditioned()
    found = latents.genre_sweep(base, noise)
    steps = len(found.strengths)
    cells = shrink(found.pixels.reshape(-1, *found.pixels.shape[2:]))
    sheet = sprite(cells, columns=steps)
    order = [(genre, strength) for genre in found.genres for strength in found.strengths]

    def take(place: int) -> None:
        genre, strength = order[place]
        sidebar.request_genres([genre] if strength > 0 else [])

    sprite_grid(
        data_uri(sheet.pixels), labels=[f"{genre}, {strength:.0%} asked for" for genre, strength in order],
        columns=steps, cell=sheet.cell, selected=-1, on_pick=take, key="genre_strips", smallest=44, largest=100,
        title="genres", most="none",
        heads=[f"{genre}: {row[-1]:.1%}" for genre, row in zip(found.genres, found.change, strict=True)],
    )  # fmt: skip
    st.caption(
        "From left to right each genre alone, from not asked for to fully asked for; the noise stays. Beside its "
        "name: how far the picture changes, as root mean square, 100% being black to white. Click a picture to ask "
        "for its genre on all pages."
    )
    _show_adherence()
    st.markdown("**Over many posters**")
    if not latents.has_genre_effects(base):
        ui.measure_button(
            "What each genre changes in 64 posters has not been measured for these weights. It takes some seconds to a "
            "minute.",
            "Measure 64 posters",
            "Asking for every genre in 64 posters",
            lambda progress: latents.genre_effects(base, progress),
            key="measure_genres",
        )
        return
    _show_genre_effects(latents.genre_effects(base, networks.silent))


def _show_adherence() -> None:
    measured = networks.genre_adherence(unconditioned())
    if measured:
        most = sorted(measured, key=lambda genre: measured[genre], reverse=True)
        st.caption(
            "A change need not be one towards the genre. How far asking moves posters on average from real ones of all "
            "kinds (0%) to real ones of the genre (100%): "
            f"{', '.join(f'{genre} {measured[genre]:.0%}' for genre in most)}. Start tells how sure that is."
        )


def _show_genre_effects(effects: GenreEffects) -> None:
    order = effects.rms.argsort()[::-1]
    figure = go.Figure(
        go.Bar(
            x=100 * effects.rms[order], y=[effects.genres[place] for place in order], orientation="h",
            marker_color="#cc1a24", error_x={"array": 196 * effects.rms_error[order]},
        )
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed")
    _plot(figure, "How much asking for a genre changes the picture", "percent of black to white; 95% intervals")
    usual = np.maximum(effects.spread, 1e-9)
    st.dataframe(
        [
            {"genre": genre}
            | {
                _words(name): f"{value:+.2f}" + ("" if abs(change) > 1.96 * error else " (?)")
                for name, value, change, error in zip(effects.names, row / usual, row, errors, strict=True)
            }
            for genre, row, errors in zip(effects.genres, effects.statistics, effects.statistics_error, strict=True)
        ],
        hide_index=True,
    )
    st.caption(
        "Mean change when the genre is asked for, in standard deviations over posters of which nothing is asked; (?) "
        "where it may be chance. D's logit is that of a real poster of any genre."
    )


def show_path(checkpoint: gan.Checkpoint, noise: Noise) -> None:
    """Walk on the sphere to another seed, and the length of the noise."""
    other = int(st.number_input("To seed", 0, sidebar.MOST_SEED, 1, key="to_seed", bind="query-params"))
    walk = latents.walk(checkpoint, noise, other)
    sheet = sprite(walk.pixels, columns=6)

    def take(step: int) -> None:
        sidebar.show_latent(checkpoint, f"step {step} from {noise.name} to seed {other}", walk.latents[step : step + 1])

    sprite_grid(
        data_uri(sheet.pixels), labels=[f"step {step}" for step in range(len(walk.pixels))], columns=6, per_row=6,
        cell=sheet.cell, selected=-1, on_pick=take, key="path_strip", title="a walk between two posters", smallest=50,
        most="none",
    )  # fmt: skip
    norm = norm_of(noise.z)
    st.caption(
        f"Even steps on the sphere between two noises that are {walk.angle * 57.2958:.0f} degrees apart; click one to "
        f"take it to all pages. Even steps of the noise need not look even: the picture's largest step is "
        f"{walk.steps.max() / max(walk.steps.mean(), 1e-9):.1f} times its mean one. This poster's noise is "
        f"{norm.value:.1f} long; {norm.expected:.1f} is to be expected, and 95% of all noises are "
        f"{norm.low:.1f} to {norm.high:.1f} long."
    )
    length = st.slider(
        "Length of the noise",
        0.0,
        2.0,
        1.0,
        0.1,
        key="length",
        bind="query-params",
        help="1: as it is. Below: truncation.",
    )
    picture, text = st.columns([1, 2])
    with picture:
        longer = latents.scaled(checkpoint, noise, length)
        ui.picture(gan.to_uint8(longer)[0], f"{length:.1f} times")
    text.markdown("**Shows** the same noise at another length: shorter is more typical, longer more extreme.")


def show_inversion(subject: Subject) -> None:
    """Look for the noise from which the generator draws what is nearest to this poster."""
    asked = st.button("Look for its noise", key="invert")
    if not asked and not latents.has_inversion(subject):
        st.caption("It takes about ten seconds at 64 × 64 pixels, and can be cancelled.")
        return
    slot, cancel = st.empty(), st.empty()
    if not latents.has_inversion(subject):
        cancel.button("Cancel", key="cancel")  # any click ends the run at the bar's next step
    found = latents.inversion(subject, ui.progress(slot, "Improving four starts side by side"))
    slot.empty()
    cancel.empty()
    columns = st.columns(3)
    with columns[0]:
        ui.picture(subject.pixels, "the poster")
    with columns[1]:
        ui.picture(gan.to_uint8(found.picture)[0], "the nearest that it can draw")
    with columns[2]:
        left = found.residual_map
        ui.picture(diverging(left, limit(left, 1.0)), "what it cannot draw: red lighter, blue darker in the poster")
    st.caption(
        f"{found.explained:.0%} of the poster's variance is there ({found.psnr:.1f} dB). The search began at "
        f"{_begin(found.start)} with an error of {found.error_before:.3f} (black to white is 1) and ended at "
        f"{found.error:.3f} after {found.seconds:.0f} s. The noise is {found.norm:.1f} long."
    )
    st.button(
        "Take the found poster to all pages", key="keep_found", icon=":material/arrow_forward:",
        on_click=sidebar.show_latent, args=(subject.checkpoint, f"nearest to {subject.name}", found.z),
    )  # fmt: skip


def _begin(start: str) -> str:
    return "the encoder's guess" if start == "encoder" else start


def _words(name: str) -> str:
    """A statistic's name as one reads it."""
    return "D's logit" if name == "logit" else name.replace("_", " ")


def _title(direction: Direction) -> str:
    name = _words(direction.name)
    if direction.label is None:
        return f"{name}: no name deserved"
    label = _words(direction.label)
    return name if name == label else f"{name}: {label}"


def _ends(effect: StatisticChange) -> tuple[tuple[str, float], ...]:
    return ("change", effect.value), ("from", effect.low), ("to", effect.high)


def _plot(figure: go.Figure, title: str, x: str) -> None:
    figure.update_layout(
        title={"text": title, "font": {"size": 14}}, height=380, margin={"l": 10, "r": 10, "t": 40, "b": 10},
        xaxis_title=x,
    )  # fmt: skip
    st.plotly_chart(figure, key=f"{title[:12]}_noise", config={"displayModeBar": False})


def sections(of_a_real_poster: bool, conditional: bool) -> dict[str, str]:
    """Sections of the page and what each answers."""
    found: dict[str, Any] = {
        "Importance": "Which noise values does the picture's variety hang on, and who owns which place?",
        "Directions": "Which combinations of values have a meaning?",
        "Paths": "What lies between two posters?",
    }
    if conditional:
        found["Genres"] = "What does the generator change when it is asked for a genre?"
    if of_a_real_poster:
        found = {"Find this poster": "Which noise comes nearest to this poster, and what can it not draw?"} | found
    return found

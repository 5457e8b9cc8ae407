"""What the generator changes when a genre is requested: for this poster, and over many.

show_genres(noise)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import charts, sidebar, ui
from dashboard.cached import latents, listing
from dashboard.components.sprite_grid import sprite_grid
from dashboard.panels.latent import exports
from dashboard.subject import unconditioned
from dashboard.text import plain
from gan.progress import silent
from xai.render import shrink, sprite

if TYPE_CHECKING:
    import gan
    from dashboard.subject import Noise
    from xai.latents.genres import GenreEffects


def show_genres(noise: Noise) -> None:
    """Each genre from not requested to fully requested, and what that does to posters in general."""
    checkpoint = unconditioned()
    _show_sweep(checkpoint, noise)
    _show_adherence(checkpoint)
    st.markdown("**Over many posters**")
    if latents.has_genre_effects(checkpoint):
        effects = latents.genre_effects(checkpoint, silent)
        _show_effects(effects)
        exports.show_genre_effects(checkpoint, effects)
        return
    ui.measure_button(
        "What each genre changes in 64 posters has not been measured for these weights. It takes some seconds to a "
        "minute.",
        "Measure 64 posters",
        "Requesting every genre in 64 posters",
        lambda progress: latents.genre_effects(checkpoint, progress),
        key="measure_genres",
    )


def _show_sweep(checkpoint: gan.Checkpoint, noise: Noise) -> None:
    sweep = latents.genre_sweep(checkpoint, noise)
    sheet = sprite(shrink(sweep.pixels.reshape(-1, *sweep.pixels.shape[2:])), columns=len(sweep.strengths))
    order = [(genre, strength) for genre in sweep.genres for strength in sweep.strengths]

    def take(place: int) -> None:
        genre, strength = order[place]
        sidebar.request_genres([genre] if strength > 0 else [])

    sprite_grid(
        sheet, labels=[f"{genre}, {strength:.0%} requested" for genre, strength in order],
        on_pick=take, key="genre_strips", smallest=44, largest=100,
        title="genres", most="none",
        heads=[f"{genre}: {row[-1]:.1%}" for genre, row in zip(sweep.genres, sweep.change, strict=True)],
    )  # fmt: skip
    st.caption(
        "From left to right each genre alone, from not requested to fully requested; the noise stays. Beside its name: "
        "how far the picture changes, as root mean square, 100% being black to white. Click a picture to request its "
        "genre on all pages."
    )
    exports.show_genre_sweep(checkpoint, noise, sweep)


def _show_adherence(checkpoint: gan.Checkpoint) -> None:
    adherence = listing.genre_adherence(checkpoint)
    if adherence:
        most = sorted(adherence, key=lambda genre: adherence[genre], reverse=True)
        listed = ", ".join(f"{genre} {adherence[genre]:.0%}" for genre in most)
        st.caption(
            "A change need not be one towards the genre. Genre adherence, how far a request moves posters on average "
            "from real ones of all kinds (0%) to real ones of the genre (100%): "
            f"{plain(listed)}. The Start page has its intervals."
        )


def _show_effects(effects: GenreEffects) -> None:
    order = effects.rms.argsort()[::-1]
    names = [effects.genres[place] for place in order]
    figure = charts.bars(100 * effects.rms[order], names, {"array": 100 * effects.rms_margin[order]})
    title, x = "How much requesting a genre changes the picture", "percent of black to white; 95% intervals"
    charts.show(figure, title, "genre_effects", height=380, xaxis_title=x)
    rows = zip(effects.genres, effects.standardised, effects.uncertain, strict=True)
    st.dataframe(
        [
            {"genre": genre}
            | {
                ui.words(name): f"{value:+z.2f}" + " (?)" * bool(unsure)
                for name, value, unsure in zip(effects.names, values, uncertain, strict=True)
            }
            for genre, values, uncertain in rows
        ],
        hide_index=True,
    )
    st.caption(
        "Mean change when the genre is requested, in standard deviations over posters without a request; (?) where it "
        f"may be chance. {effects.multiplicity} D's logit is that of a real poster of any genre."
    )

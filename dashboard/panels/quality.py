"""What was measured of a checkpoint, in words for people who see such figures for the first time. No arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard.cached import networks

if TYPE_CHECKING:
    from collections.abc import Callable

    import gan
    from gan.evaluation.estimates import Figure
    from gan.evaluation.report import Evaluation

QUALITY = {
    "fd_lite1": (
        "fd_lite1",
        "How far generated posters as a whole lie from real ones that were never trained on, in the features of a "
        "network that had no part in the training. Lower is better.",
    ),
    "precision": ("Precision", "Generated posters that lie among real ones: do they look like posters?"),
    "recall": ("Recall", "Real posters that lie among generated ones: could it have drawn them?"),
    "coverage": ("Coverage", "Real posters with a generated one near by: is every kind of poster there?"),
}
JUDGED = {
    "accuracy_training": ("Training posters called real", "Far above the next figure, D would know them by heart."),
    "accuracy_held_out": ("Held-out posters called real", "What D's verdict on a new real poster is worth."),
    "accuracy_generated": ("Generated posters called fake", "What its verdict on a generated one is worth."),
    "ranking_held_out": (
        "Real above generated",
        "Of a held-out and a generated poster, how often D finds the real one more real; 50% is guessing.",
    ),
}


def show_quality(checkpoint: gan.Checkpoint) -> None:
    """The checkpoint's evaluate.json, each figure with its floor and one sentence."""
    found = networks.evaluation(networks.folder(checkpoint.name))
    if found is None:
        _show_what_training_knew(checkpoint)
        return
    if found.digest != checkpoint.digest:
        st.info("The evaluation beside this checkpoint is of other weights; scripts/evaluate.py measures it again.")
        return
    for column, (key, (name, meaning)) in zip(st.columns(len(QUALITY)), QUALITY.items(), strict=True):
        with column:
            shown = _plain if key == "fd_lite1" else _percent
            st.metric(
                name,
                shown(found.generated[key].value),
                f"floor {shown(found.floor[key].value)}",
                "off",
                delta_arrow="off",
            )
            st.caption(f"{meaning} {_interval(found.generated[key], shown)}")
    if found.discriminator is not None:
        for column, (key, (name, meaning)) in zip(st.columns(len(JUDGED)), JUDGED.items(), strict=True):
            with column:
                st.metric(name, _percent(found.discriminator[key].value))
                st.caption(meaning)
    st.caption(
        f"{found.samples:,} generated posters against {found.held_out:,} held-out ones. The floor is what as many real "
        f"training posters get: a perfect generator would, too.{_threshold(checkpoint, found)}"
    )
    if found.genres:
        _show_genres(found)


def _show_genres(found: Evaluation) -> None:
    with st.expander("Do posters that were asked for a genre look like it?"):
        st.dataframe(
            [
                {
                    "genre": one.genre, "followed": _percent(one.followed.value), "from": _percent(one.followed.low),
                    "to": _percent(one.followed.high), "variety": _percent(one.diversity.value),
                    "real posters": one.posters,
                }
                for one in found.genres
            ],
            hide_index=True,
        )  # fmt: skip
        st.caption(
            "Followed: how far asking for the genre moves posters of the same noise towards it, as a share of the way "
            "from real posters of all kinds to those of the genre. 0%: the network does not listen; 100%: its "
            "posters differ as much as real ones do. From and to: other posters would put the share there. Variety: "
            "distance of two generated posters, as a share of that of two real ones of the genre."
        )


def _show_what_training_knew(checkpoint: gan.Checkpoint) -> None:
    value = checkpoint.info.get("fd_lite1")
    if isinstance(value, int | float):
        floor = checkpoint.info.get("floor_fd")
        st.metric(
            QUALITY["fd_lite1"][0], _plain(value), f"floor {_plain(floor)}" if isinstance(floor, int | float) else None,
            "off", delta_arrow="off",
        )  # fmt: skip
        st.caption(QUALITY["fd_lite1"][1])
    what = "The rest" if isinstance(value, int | float) else "It"
    st.caption(
        f"{what} has not been measured: `python scripts/evaluate.py --checkpoint DIR --data POSTERS` writes it beside "
        "the weights."
    )


def _threshold(checkpoint: gan.Checkpoint, found: Evaluation) -> str:
    if checkpoint.config.calibrated or found.threshold is None or found.discriminator is None:
        return ""
    return (
        f" D's zero was never set; the two part best at a logit of {found.threshold:+.1f}, where it tells "
        f"held-out from generated posters in {_percent(found.discriminator['best_held_out'].value)} of all cases."
    )


def _interval(figure: Figure, shown: Callable[[float], str]) -> str:
    return f"95% interval {shown(figure.low)} to {shown(figure.high)}."


def _plain(value: float) -> str:
    return f"{value:.0f}"


def _percent(value: float) -> str:
    return f"{value:.0%}"

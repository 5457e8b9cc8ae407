"""The evaluation of a checkpoint, in words for people who see such metrics for the first time. No arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard.cached import listing
from dashboard.glossary import explained
from dashboard.panels.figures import start_export
from gan.errors import counted
from gan.evaluation.samples.support import support

if TYPE_CHECKING:
    import gan
    from gan.evaluation.estimates import Estimates
    from gan.evaluation.metrics import Group
    from gan.evaluation.report import Evaluation

IN_A_ROW = 4  # metrics


def show_quality(checkpoint: gan.Checkpoint) -> None:
    """The checkpoint's evaluate.json: each metric that has a title, with that of real posters and one sentence."""
    from gan.networks.own import OwnConfig

    if isinstance(checkpoint.config, OwnConfig):
        st.caption("It has not been measured: scripts/evaluate.py takes checkpoints, not networks of a Python file.")
        return
    evaluation = listing.evaluation(listing.folder(checkpoint.name))
    if evaluation is None:
        _show_training_metrics(checkpoint)
        return
    if evaluation.digest != checkpoint.digest:
        st.info("The evaluation beside this checkpoint is of other weights; scripts/evaluate.py measures it again.")
        return
    st.caption(
        f"Of the weights that are loaded: {counted(evaluation.samples, 'generated poster')} against "
        f"{evaluation.held_out:,} "
        "held-out ones. Below each: what as many real training posters get, and a perfect generator would, too. "
        "With fewer posters fd_lite1 is higher, so compare figures of equal counts."
    )
    _show_metrics("quality", evaluation.generated, evaluation.floor)
    if said := support(evaluation.generated, evaluation.floor):
        st.markdown(said)
    if evaluation.discriminator is not None:
        _show_metrics("discriminator", evaluation.discriminator)
        if threshold := _threshold(checkpoint, evaluation):
            st.caption(threshold)
    if evaluation.genres:
        _show_genres(evaluation)
    start_export.show_evaluation(checkpoint, evaluation)


def _show_metrics(group: Group, estimates: Estimates, floor: Estimates | None = None) -> None:
    """One column for each metric of the group that has a title; with the floor, also the interval."""
    from gan.evaluation.metrics import in_group

    metrics = [one for one in in_group(group) if one.title and one.name in estimates]
    columns = [column for _ in range(0, len(metrics), IN_A_ROW) for column in st.columns(IN_A_ROW)]
    for column, metric in zip(columns, metrics, strict=False):
        estimate = estimates[metric.name]
        with column:
            if floor is None:
                st.metric(metric.title, metric.format(estimate.value, 0), help=explained(metric.title))
                st.caption(metric.plain)
            else:
                beside = f"real posters: {metric.format(floor[metric.name].value, 0)}"
                st.metric(
                    metric.title, metric.format(estimate.value, 0), beside, "off", delta_arrow="off",
                    help=explained(metric.title),
                )  # fmt: skip
                low, high = metric.format(estimate.low, 0), metric.format(estimate.high, 0)
                st.caption(f"{metric.plain} 95% interval {low} to {high}.")


def _show_genres(evaluation: Evaluation) -> None:
    with st.expander("Do posters generated for a genre look like it?"):
        st.dataframe(
            [
                {
                    "genre": one.genre, "adherence": _percent(one.adherence.value), "from": _percent(one.adherence.low),
                    "to": _percent(one.adherence.high), "diversity": _percent(one.diversity.value),
                    "real posters": one.posters,
                }
                for one in evaluation.genres
            ],
            hide_index=True,
        )  # fmt: skip
        st.caption(
            "Adherence: how far requesting the genre moves posters of the same noise towards it, relative to the way "
            "from real posters of all kinds to those of the genre. 0%: the request has no effect; 100%: generated "
            "posters differ as much as real ones do. From and to: the 95% interval. Diversity: distance of two "
            "generated posters, relative to that of two real ones of the genre."
        )


def _show_training_metrics(checkpoint: gan.Checkpoint) -> None:
    """The metric that the training logged, where there is one, and how to measure the rest."""
    from gan.evaluation.metrics import METRICS

    metric, value = METRICS["fd_lite1"], checkpoint.info.get("fd_lite1")
    measured = isinstance(value, int | float)
    if isinstance(value, int | float):
        floor = checkpoint.info.get("floor_fd")
        beside = f"real posters: {metric.format(floor, 0)}" if isinstance(floor, int | float) else None
        st.metric(
            metric.title, metric.format(value, 0), beside, "off", delta_arrow="off", help=explained(metric.title)
        )  # fmt: skip
        st.caption(metric.plain)
    st.caption(
        f"{'The rest' if measured else 'It'} has not been measured: `python scripts/evaluate.py --checkpoint DIR "
        "--data POSTERS` writes it beside the weights."
    )


def _threshold(checkpoint: gan.Checkpoint, evaluation: Evaluation) -> str:
    if checkpoint.config.calibrated or evaluation.threshold is None or evaluation.discriminator is None:
        return ""
    accuracy = evaluation.discriminator["balanced_accuracy_held_out"].value
    return (
        f"D is not calibrated; the best threshold is a logit of {evaluation.threshold:+z.1f}, where its balanced "
        f"accuracy on held-out and generated posters is {_percent(accuracy)}."
    )


def _percent(value: float) -> str:
    return f"{value:.0%}"

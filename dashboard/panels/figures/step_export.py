"""Export on the page Slow motion: the step on stage, the steps so far, the saved states.

step_export.show_step(stage, count=8)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard.panels.figures import export

if TYPE_CHECKING:
    from gan.training.slow_motion.stage import Stage
    from xai import Figure, Source


def _source(stage: Stage) -> Source:
    from xai.figures.figure import Source

    config = stage.config
    settings = {"batch": config.batch, "loss": config.loss, "learning_rate": config.lr_g, "run_seed": config.seed}
    begins = st.session_state.get("stage", "nothing")
    return Source(f"slow motion from {begins}", settings=settings | {"steps": stage.state.steps})


def show_step(stage: Stage, count: int) -> None:
    """The last half of a step, or both."""
    d, g, source = stage.d_step, stage.g_step, _source(stage)  # as they are now: the stage moves on

    def make() -> Figure:
        from xai.report.training_figures import of_step

        assert d is not None
        return of_step(d, g, source, count)

    if d is not None:
        export.show("s_step", make, "Export this step")


def show_history(stage: Stage) -> None:
    """Losses, logits and accuracy of the steps so far."""

    def make() -> Figure:
        from xai.report.training_figures import of_history

        return of_history(dict(stage.history), _source(stage))

    export.show("s_history", make, "Export these curves")


def show_states(stage: Stage) -> None:
    """The same noise at every saved state."""

    def make() -> Figure:
        from xai.report.training_figures import of_states

        return of_states(dict(stage.previews), _source(stage))

    export.show("s_states", make, "Export the saved states")

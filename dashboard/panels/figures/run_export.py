"""Export on the Training page: a run's grids as an animation, its log as a table.

run_export.show("first", folder)
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.cached import networks
from dashboard.panels.figures import export
from gan.training.runs.folder import read_grids, read_stats

if TYPE_CHECKING:
    from xai import Figure, Source


def show(name: str, run: Path) -> None:
    """A button for each of the two that the run has left."""

    def grids() -> Figure:
        from xai.report.figures import of_grids

        return of_grids(run, _source(name, run))

    def log() -> Figure:
        from xai.report.figures import of_log

        return of_log(run, _source(name, run))

    with st.container(horizontal=True):
        if read_grids(run):
            export.show(f"grids_{name}", grids, "Export the grids over time")
        if read_stats(run):
            export.show(f"log_{name}", log, "Export the log")


def _source(name: str, run: Path) -> Source:
    """The run; where it came with a checkpoint, its weights."""
    from xai.figures.figure import Source

    shipped = name in networks.checkpoint_names() and networks.folder(name) == run
    return Source.of(networks.checkpoint(name)) if shipped else Source(name)

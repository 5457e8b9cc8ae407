"""Export on the Training page: a run's grids as an animation, its log as a table.

run_export.show("first", folder)
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.cached import listing, networks
from dashboard.panels.figures import export
from gan.training.runs.folder import read_grids, read_stats

if TYPE_CHECKING:
    from collections.abc import Sequence

    import gan
    from gan.evaluation.samples.memorization import ClosestPair
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


def show_closest(checkpoint: gan.Checkpoint, pairs: Sequence[ClosestPair], found: gan.PosterSet | None) -> None:
    """The generated posters nearest to training posters; ``found`` are those of the training, where they are loaded."""

    def make() -> Figure:
        import gan
        from xai.report.training_figures import of_closest

        generator = checkpoint.need_generator()
        seeds = [] if generator.config.genres else [pair.seed for pair in pairs]
        drawn = list(gan.to_uint8(networks.generate(generator, seeds))) if seeds else []
        names = [] if found is None else [pair.poster for pair in pairs if pair.poster in found.names]
        known = {
            name: gan.to_uint8(found.tensor([found.names.index(name)]))[0] for name in names if found is not None
        }  # fmt: skip
        title, source = "Generated posters nearest to training posters", export.source_of(checkpoint)
        return of_closest(pairs, drawn, known, title, source)

    export.show(f"closest_{checkpoint.name}", make)


def _source(name: str, run: Path) -> Source:
    """The run; where it came with a checkpoint, its weights."""
    from xai.figures.figure import Source

    shipped = name in listing.checkpoint_names() and listing.folder(name) == run
    return Source.of(listing.checkpoint(name)) if shipped else Source(name)

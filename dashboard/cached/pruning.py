"""Smaller generators, computed once: what was pruned, what it costs, and the smaller network as a checkpoint.

pruning.pruned(checkpoint, "norm", percent=20).generator
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.cached import filters, listing, measured, networks, poster_sets
from dashboard.cached.keys import HASH_FUNCS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    import gan
    from gan.evaluation.estimates import Estimate
    from gan.progress import Progress
    from xai.generator.pruning import UnitStatistics
    from xai.generator.pruning_curves import PruningCurves


FILE = "pruning.json"
FILTERS, FILTERS_PART = "filters", 0.3  # of the time, where they have not been measured yet


def pruning_curves(checkpoint: gan.Checkpoint) -> PruningCurves | None:
    """What pruning costs: measured of these weights and shipped with them, or measured here before; or None."""
    return _pruning_curves(checkpoint, measured.stamp_of(checkpoint.digest, FILE))


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=HASH_FUNCS)
def _pruning_curves(checkpoint: gan.Checkpoint, stamp: tuple[int, ...]) -> PruningCurves | None:
    from xai.generator.pruning_curves import PruningCurves

    folders = listing.folder(checkpoint.name), measured.folder(checkpoint.digest)
    return next(filter(None, (PruningCurves.beside(folder, checkpoint.digest) for folder in folders)), None)


def measure(checkpoint: gan.Checkpoint, progress: Progress) -> None:
    """Measure how far it can be pruned, by the real posters that are loaded, and keep that on disk.

    Raises
    ------
    DataError
        If there are none.
    MetricsUnavailableError
        If the feature extractor is not installed.
    """
    import gan
    from gan.progress import as_one
    from xai.bench.pruning_study import STAGES, study

    posters = poster_sets.checkpoint_posters(checkpoint)
    if posters is None:
        raise gan.DataError("The study needs real posters to measure by.")
    table = filters.filters_table(checkpoint)
    stages = as_one(progress, STAGES if table else {FILTERS: FILTERS_PART} | _rest(STAGES))
    if table is None:
        filters.measure_filters(checkpoint, lambda part: stages(FILTERS, part))
        table = filters.filters_table(checkpoint)
        assert table is not None  # it has just been kept
    study(checkpoint, table, posters, progress=stages).write(measured.folder_to_write(checkpoint.digest) / FILE)


def _rest(stages: Mapping[str, float]) -> dict[str, float]:
    """What they take of the time where the filters are measured before them."""
    return {name: (1 - FILTERS_PART) * part for name, part in stages.items()}


@dataclass(frozen=True, eq=False)
class Pruned:
    """A smaller generator. layers : filters by layer before; removed : how many went; total : all filters."""

    generator: gan.Generator
    layers: dict[str, int]
    removed: dict[str, int]

    @property
    def total(self) -> int:
        return sum(self.layers.values())


@st.cache_resource(max_entries=64, show_spinner="Pruning filters", hash_funcs=HASH_FUNCS)
def pruned(checkpoint: gan.Checkpoint, ranking: str, percent: int) -> Pruned:
    """The generator without the first ``percent`` of a ranking."""
    from xai.generator import pruning

    generator = checkpoint.need_generator()
    gone = pruning.first_of(generator, _ranking(checkpoint, ranking), percent / 100)
    layers = pruning.activation_layers(generator)
    smaller = pruning.prune(generator, gone, statistics=_unit_statistics(checkpoint))
    return Pruned(smaller, layers, {layer: len(units) for layer, units in gone.items()})


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs=HASH_FUNCS)
def _ranking(checkpoint: gan.Checkpoint, name: str) -> list[tuple[str, int]]:
    from xai.generator import pruning

    table = filters.filters_table(checkpoint)
    effects = None if table is None else pruning.effects(table)
    return pruning.ranking(checkpoint.need_generator(), name, effects, statistics=_unit_statistics(checkpoint))


@st.cache_resource(max_entries=4, show_spinner="Measuring how filters correlate", hash_funcs=HASH_FUNCS)
def _unit_statistics(checkpoint: gan.Checkpoint) -> UnitStatistics:
    from xai.generator import pruning

    return pruning.unit_statistics(checkpoint.need_generator())


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=HASH_FUNCS)
def costs(checkpoint: gan.Checkpoint, ranking: str, percent: int) -> list[tuple[int, int]]:
    """Parameters and multiply-adds of a poster, of the whole generator and of a smaller one."""
    from xai.generator import pruning

    smaller = pruned(checkpoint, ranking, percent).generator
    return [pruning.counts(network) for network in (checkpoint.need_generator(), smaller)]


@st.cache_resource(max_entries=64, show_spinner="Timing both generators", hash_funcs=HASH_FUNCS)
def time_change(checkpoint: gan.Checkpoint, ranking: str, percent: int) -> Estimate:
    """How the time for a poster changes, in pairs."""
    from xai.generator import pruning

    return pruning.time_change(checkpoint.need_generator(), pruned(checkpoint, ranking, percent).generator)


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=HASH_FUNCS)
def posters_of_seeds(checkpoint: gan.Checkpoint, ranking: str, percent: int, count: int) -> Tensor:
    """The first ``count`` seeds' posters (N, 3, H, W); of the whole generator at 0 percent."""
    whole = checkpoint.need_generator()
    return networks.generate(pruned(checkpoint, ranking, percent).generator if percent else whole, range(count))


def pruned_name(checkpoint: gan.Checkpoint, ranking: str, percent: int) -> str:
    """What a smaller generator is called: after its checkpoint and the genres that are built in."""
    genres = [re.sub(r"[^\w-]+", "_", genre) for genre in checkpoint.info.get("requested_genres", ())]
    return "-".join([checkpoint.name, *genres, ranking, str(percent)])


def pruned_archive(checkpoint: gan.Checkpoint, ranking: str, percent: int) -> bytes:
    """A smaller generator and the discriminator as a zip of a checkpoint folder."""
    import io
    import tempfile
    import zipfile

    name, buffer = pruned_name(checkpoint, ranking, percent), io.BytesIO()
    with tempfile.TemporaryDirectory() as temporary, zipfile.ZipFile(buffer, "w") as archive:
        folder = Path(temporary) / name
        _write(folder, checkpoint, ranking, percent)
        for file in sorted(folder.iterdir()):
            archive.write(file, f"{name}/{file.name}")
    return buffer.getvalue()


def save_pruned(checkpoint: gan.Checkpoint, ranking: str, percent: int) -> str:
    """Save a smaller generator beside the checkpoint that it was cut from; returns its name.

    Raises
    ------
    CheckpointError
        If that name is taken, or the folder cannot be written.
    """
    import gan

    name = pruned_name(checkpoint, ranking, percent)
    folder = listing.folder(name)
    if folder.exists():
        raise gan.CheckpointError(f"{name} is already among the checkpoints.")
    try:
        _write(folder, checkpoint, ranking, percent)
    except OSError as error:
        raise gan.CheckpointError(f"{folder} cannot be written: {error.strerror or type(error).__name__}.") from error
    return name


def _write(folder: Path, checkpoint: gan.Checkpoint, ranking: str, percent: int) -> None:
    import gan

    origin = {key: checkpoint.info[key] for key in ("requested_genres", "train") if key in checkpoint.info}
    about = origin | {"pruned_from": checkpoint.digest, "ranking": ranking, "share": percent / 100}
    smaller = pruned(checkpoint, ranking, percent).generator
    gan.save(folder, smaller, checkpoint.need_discriminator(), about)

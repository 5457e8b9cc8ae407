"""Smaller generators, computed once and kept: what was cut, what it costs, and the smaller network as a checkpoint.

What every page needs stands in cache.py, and so do the rules for keys.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard.cached import filters, networks

if TYPE_CHECKING:
    from torch import Tensor

    import gan
    from xai.generator.pruning import Cost, UnitStatistics


@st.cache_resource(max_entries=8, show_spinner=False)
def pruning_study(digest: str, _checkpoint: gan.Checkpoint) -> dict[str, Any] | None:
    """What scripts/study_pruning.py found for these weights, or None."""
    path = networks.folder(_checkpoint.name) / "pruning.json"
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return found if found.get("digest") == digest else None


@dataclass(frozen=True, eq=False)
class Pruned:
    """A smaller generator. layers : filters by layer before; removed : how many went; total : all filters."""

    generator: gan.Generator
    layers: dict[str, int]
    removed: dict[str, int]

    @property
    def total(self) -> int:
        return sum(self.layers.values())


@st.cache_resource(max_entries=64, show_spinner="Cutting filters out")
def pruned(digest: str, ranking: str, percent: int, _checkpoint: gan.Checkpoint) -> Pruned:
    """The generator without the first ``percent`` of a ranking."""
    from xai.generator import pruning

    generator = _checkpoint.need_generator()
    gone = pruning.first_of(generator, _ranking(digest, ranking, _checkpoint), percent / 100)
    layers = pruning.activation_layers(generator)
    smaller = pruning.prune(generator, gone, statistics=_moments(digest, _checkpoint))
    return Pruned(smaller, layers, {layer: len(units) for layer, units in gone.items()})


@st.cache_resource(max_entries=16, show_spinner=False)
def _ranking(digest: str, name: str, _checkpoint: gan.Checkpoint) -> list[tuple[str, int]]:
    from xai.generator import pruning

    table = filters.filters_table(digest, _checkpoint)
    effects = None if table is None else pruning.effects(table)
    return pruning.ranking(_checkpoint.need_generator(), name, effects, statistics=_moments(digest, _checkpoint))


@st.cache_resource(max_entries=4, show_spinner="Measuring how filters go together")
def _moments(digest: str, _checkpoint: gan.Checkpoint) -> UnitStatistics:
    from xai.generator import pruning

    return pruning.unit_statistics(_checkpoint.need_generator())


@st.cache_resource(max_entries=64, show_spinner=False)
def costs(digest: str, ranking: str, percent: int, _checkpoint: gan.Checkpoint) -> list[Cost]:
    """What a poster costs with the whole generator and with a smaller one, timed in turns."""
    from xai.generator import pruning

    return pruning.costs(_checkpoint.need_generator(), pruned(digest, ranking, percent, _checkpoint).generator)


@st.cache_resource(max_entries=64, show_spinner=False)
def posters_of_seeds(digest: str, ranking: str, percent: int, count: int, _generator: gan.Generator) -> Tensor:
    """The first ``count`` seeds' posters (N, 3, H, W)."""
    return networks.paint(_generator, range(count))


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
        _save_pruned(folder, checkpoint, ranking, percent)
        for file in sorted(folder.iterdir()):
            archive.write(file, f"{name}/{file.name}")
    return buffer.getvalue()


def keep_pruned(checkpoint: gan.Checkpoint, ranking: str, percent: int) -> str:
    """Save a smaller generator beside the checkpoint that it was cut from; returns its name.

    Raises
    ------
    CheckpointError
        If that name is taken, or the folder cannot be written.
    """
    import gan

    name = pruned_name(checkpoint, ranking, percent)
    folder = networks.folder(name)
    if folder.exists():
        raise gan.CheckpointError(f"{name} is already among the checkpoints.")
    try:
        _save_pruned(folder, checkpoint, ranking, percent)
    except OSError as error:
        raise gan.CheckpointError(f"{folder} cannot be written: {error.strerror}.") from error
    return name


def _save_pruned(folder: Path, checkpoint: gan.Checkpoint, ranking: str, percent: int) -> None:
    import gan

    kept = {key: checkpoint.info[key] for key in ("requested_genres", "train") if key in checkpoint.info}
    about = kept | {"pruned_from": checkpoint.digest, "ranking": ranking, "share": percent / 100}
    smaller = pruned(checkpoint.digest, ranking, percent, checkpoint).generator
    gan.save(folder, smaller, checkpoint.need_discriminator(), about)

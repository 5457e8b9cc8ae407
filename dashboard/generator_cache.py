"""Everything about a generator that is computed once and kept: filters without which it is drawn again, wires,
noise, smaller generators. What other pages need too stands in cache.py, and so do the rules for keys.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import cache

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    import gan
    from dashboard.cache import Progress
    from xai.anatomy import Anatomy
    from xai.filters import Table
    from xai.genres import GenreEffects, GenreSweep
    from xai.inversion import Inversion
    from xai.latent import Sensitivity
    from xai.latent_study import LatentStudy
    from xai.memory import Memory
    from xai.paths import Path as Walk
    from xai.prune import Cost, Moments
    from xai.units import Effect
    from xai.wiring import By, Parts, Wiring


@st.cache_resource(max_entries=256, show_spinner="Drawing the poster without this filter")
def effect(
    digest: str, seed: int, layer: str, unit: int, removal: str, _checkpoint: gan.Checkpoint, _z: Tensor
) -> Effect:
    """The poster of a seed without one generator filter."""
    from xai import units

    judge, network = cache.judge(digest, _checkpoint), cache.generator(_checkpoint)
    means = _unit_means(digest, layer, _checkpoint) if removal == "mean" else None
    return units.ablate(network, _z, layer, unit, removal, judge, means)  # type: ignore[arg-type]  # the page offers all


@st.cache_resource(max_entries=32, show_spinner=False)
def _unit_means(digest: str, layer: str, _checkpoint: gan.Checkpoint) -> Tensor:
    """What each filter of a layer answers on average; the same for every card."""
    from xai import units

    return units.unit_means(cache.generator(_checkpoint), layer)


@st.cache_resource(max_entries=16, show_spinner="Measuring all noise values")
def sensitivity(digest: str, seed: int, _checkpoint: gan.Checkpoint, _z: Tensor) -> Sensitivity:
    """Exact slopes of a seed's poster."""
    from xai import latent

    return latent.sensitivity(cache.generator(_checkpoint), _z, cache.judge(digest, _checkpoint))


@st.cache_resource(max_entries=8, show_spinner=False)
def pruning_study(digest: str, _checkpoint: gan.Checkpoint) -> dict[str, Any] | None:
    """What scripts/study_pruning.py found for these weights, or None."""
    path = cache.folder(_checkpoint.name) / "pruning.json"
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
    from xai import prune

    generator = cache.generator(_checkpoint)
    gone = prune.first_of(generator, _ranking(digest, ranking, _checkpoint), percent / 100)
    layers = prune.activation_layers(generator)
    smaller = prune.prune(generator, gone, known=_moments(digest, _checkpoint))
    return Pruned(smaller, layers, {layer: len(units) for layer, units in gone.items()})


@st.cache_resource(max_entries=16, show_spinner=False)
def _ranking(digest: str, name: str, _checkpoint: gan.Checkpoint) -> list[tuple[str, int]]:
    from xai import prune

    table = filters_table(digest, _checkpoint)
    effects = None if table is None else prune.effects(table)
    return prune.ranking(cache.generator(_checkpoint), name, effects, known=_moments(digest, _checkpoint))


@st.cache_resource(max_entries=4, show_spinner="Measuring how filters go together")
def _moments(digest: str, _checkpoint: gan.Checkpoint) -> Moments:
    from xai import prune

    return prune.moments(cache.generator(_checkpoint))


@st.cache_resource(max_entries=64, show_spinner=False)
def costs(digest: str, ranking: str, percent: int, _checkpoint: gan.Checkpoint) -> list[Cost]:
    """What a poster costs with the whole generator and with a smaller one, timed in turns."""
    from xai import prune

    return prune.costs(cache.generator(_checkpoint), pruned(digest, ranking, percent, _checkpoint).generator)


@st.cache_resource(max_entries=64, show_spinner=False)
def posters_of_seeds(digest: str, ranking: str, percent: int, count: int, _generator: gan.Generator) -> Tensor:
    """The first ``count`` seeds' posters (N, 3, H, W)."""
    return cache.paint(_generator, range(count))


def pruned_name(checkpoint: gan.Checkpoint, ranking: str, percent: int) -> str:
    """What a smaller generator is called: after its checkpoint and the genres that are built in."""
    genres = [re.sub(r"[^\w-]+", "_", genre) for genre in checkpoint.info.get("asked_for", ())]
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
    folder = cache.folder(name)
    if folder.exists():
        raise gan.CheckpointError(f"{name} is already among the checkpoints.")
    try:
        _save_pruned(folder, checkpoint, ranking, percent)
    except OSError as error:
        raise gan.CheckpointError(f"{folder} cannot be written: {error.strerror}.") from error
    return name


def _save_pruned(folder: Path, checkpoint: gan.Checkpoint, ranking: str, percent: int) -> None:
    import gan

    kept = {key: checkpoint.info[key] for key in ("asked_for", "train") if key in checkpoint.info}
    about = kept | {"pruned_from": checkpoint.digest, "ranking": ranking, "share": percent / 100}
    smaller = pruned(checkpoint.digest, ranking, percent, checkpoint).generator
    gan.save(folder, smaller, cache.discriminator(checkpoint), about)


@st.cache_resource(max_entries=4, show_spinner=False)
def anatomy(digest: str, _checkpoint: gan.Checkpoint) -> Anatomy:
    """The generator, cut after each activation layer."""
    from xai.anatomy import Anatomy

    return Anatomy.of(cache.generator(_checkpoint))


@st.cache_resource(max_entries=8, show_spinner=False)
def filters_table(digest: str, _checkpoint: gan.Checkpoint) -> Table | None:
    """The verdicts on all filters: those that came with the checkpoint, or those measured here before."""
    from xai.filters import Table

    shipped = Table.beside(cache.folder(_checkpoint.name), digest)
    return shipped or Table.beside(_measured_folder(digest), digest)


def _measured_folder(digest: str) -> Path:
    from gan.data import cache_directory

    return cache_directory() / "filters" / digest[:24]


def _folder_to_measure_into(digest: str) -> Path:
    folder = _measured_folder(digest)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def measure_filters(checkpoint: gan.Checkpoint, progress: Progress) -> None:
    """Measure all filters, and keep the table on disk."""
    from xai import filters

    table = filters.filters_table(checkpoint, progress=progress)
    table.save(_folder_to_measure_into(checkpoint.digest) / filters.FILE)
    filters_table.clear()


@st.cache_resource(show_spinner=False)
def _slopes(pixels: int) -> Memory:
    """For what is as large as a layer's filters times a picture of so many pixels: fewer of large ones."""
    from xai.memory import Memory

    return Memory(max(4, 32 * 64 * 64 // pixels))


def _kept(kind: str, key: Any, checkpoint: gan.Checkpoint, doing: str, find: Callable[[], Any]) -> Any:
    """The answer that was found before, or found now under a spinner that says what is done."""
    height, width = checkpoint.config.size
    memory = _slopes(height * width)
    if (kind, *key) in memory:
        return memory.get((kind, *key), find)
    with st.spinner(doing):
        return memory.get((kind, *key), find)


def wiring(digest: str, seed: int, checkpoint: gan.Checkpoint, z: Tensor) -> Wiring:
    """Which filters and pixels each noise value drives, for one poster."""
    from xai.wiring import wiring as trace

    found: Wiring = _kept(
        "wiring", (digest, seed), checkpoint, "Following the wires", lambda: trace(anatomy(digest, checkpoint), z)
    )
    return found


def parts(digest: str, seed: int, layer: str, by: By, checkpoint: gan.Checkpoint, z: Tensor) -> Parts:
    """What each filter of a layer, or each noise value, adds to one poster."""
    from xai.wiring import parts as find

    doing = "Taking everything away, one at a time" if by == "ablation" else "Following the slopes"
    found: Parts = _kept(
        "parts", (digest, seed, layer, by), checkpoint, doing, lambda: find(anatomy(digest, checkpoint), z, layer, by)
    )
    return found


@st.cache_resource(max_entries=64, show_spinner=False)
def painted(digest: str, seed: int, edits: str, _checkpoint: gan.Checkpoint, _z: Tensor) -> Tensor:
    """The poster of a seed with edits, given as JSON."""
    from xai.paint import from_json, paint

    return paint(cache.generator(_checkpoint), _z, from_json(edits))


@st.cache_resource(max_entries=64, show_spinner=False)
def seed_posters(digest: str, seeds: tuple[int, ...], _checkpoint: gan.Checkpoint) -> Tensor:
    """The posters (N, 3, H, W) of these seeds."""
    return cache.paint(cache.generator(_checkpoint), seeds)


@st.cache_resource(max_entries=8, show_spinner=False)
def noise_study(digest: str, _checkpoint: gan.Checkpoint) -> LatentStudy | None:
    """Importance and directions: those that came with the checkpoint, or those measured here before."""
    from xai.latent_study import LatentStudy

    shipped = LatentStudy.beside(cache.folder(_checkpoint.name), digest)
    return shipped or LatentStudy.beside(_measured_folder(digest), digest)


def measure_noise(checkpoint: gan.Checkpoint, progress: Progress) -> None:
    """Measure all noise values, and keep the study on disk."""
    from xai.latent_study import FILE, latent_study

    study = latent_study(checkpoint, progress=progress)
    study.save(_folder_to_measure_into(checkpoint.digest) / FILE)
    noise_study.clear()


@st.cache_resource(max_entries=64, show_spinner=False)
def along(
    digest: str, seed: int, family: str, place: int, reach: tuple[float, ...],
    _checkpoint: gan.Checkpoint, _z: Tensor, _vector: Any,
) -> Tensor:  # fmt: skip
    """Posters (N, 3, H, W) on the way along a direction, ``reach`` steps from this one."""
    import torch

    from xai.atlas import painter

    direction = torch.as_tensor(_vector, dtype=torch.float32)[None, :, None, None]
    steps = torch.tensor(reach)[:, None, None, None]
    return painter(cache.generator(_checkpoint))(_z + steps * direction)


@st.cache_resource(max_entries=64, show_spinner=False)
def walk(digest: str, seed: int, other: int, _checkpoint: gan.Checkpoint, _z: Tensor) -> Walk:
    """Twelve steps on the sphere from this poster to another seed."""
    import gan
    from xai.paths import path

    return path(cache.generator(_checkpoint), _z, gan.latents([other], _checkpoint.config), 12)


@st.cache_resource(max_entries=64, show_spinner=False)
def stretched(digest: str, seed: int, length: float, _checkpoint: gan.Checkpoint, _z: Tensor) -> Tensor:
    """The poster with its noise ``length`` times as long."""
    from xai.atlas import painter

    return painter(cache.generator(_checkpoint))(length * _z)


@st.cache_resource(max_entries=64, show_spinner="Asking for every genre")
def genre_sweep(digest: str, seed: int, _checkpoint: gan.Checkpoint, _z: Tensor) -> GenreSweep:
    """Each genre asked for alone, for one poster; ``_checkpoint`` knows genres, and none is built in yet."""
    from xai.genres import genre_sweep as sweep

    return sweep(cache.generator(_checkpoint), _z, score=_open_judge(_checkpoint))


def has_genre_effects(checkpoint: gan.Checkpoint) -> bool:
    """Whether ``genre_effects`` would answer at once."""
    return ("genre effects", checkpoint.digest) in cache.answers()


def genre_effects(checkpoint: gan.Checkpoint, progress: Progress) -> GenreEffects:
    """What asking for each genre does to 64 posters on average."""
    import gan
    from xai.genres import genre_effects as measure

    def find() -> GenreEffects:
        z = gan.latents(range(64), checkpoint.config)
        return measure(cache.generator(checkpoint), z, score=_open_judge(checkpoint), progress=progress)

    found: GenreEffects = cache.answers().get(("genre effects", checkpoint.digest), find)
    return found


def _open_judge(checkpoint: gan.Checkpoint) -> Any:
    """D's logit when no genre is named, so that what is asked of the generator is judged by one measure."""
    plain = cache.asked(checkpoint.digest, (), checkpoint)
    return cache.judge(plain.digest, plain)


def has_inversion(subject: Any) -> bool:
    """Whether ``inversion`` would answer at once."""
    return ("inversion", subject.checkpoint.digest, subject.key) in cache.answers()


def inversion(subject: Any, progress: Progress) -> Inversion:
    """The noise from which the generator draws what is nearest to this poster."""
    from xai.inversion import invert, load_encoder

    checkpoint = subject.checkpoint

    def find() -> Inversion:
        path = cache.folder(checkpoint.name) / "encoder.safetensors"
        asked = bool(checkpoint.info.get("asked_for"))  # an encoder was trained for posters that nothing is asked of
        encoder = load_encoder(path, checkpoint.digest) if path.is_file() and not asked else None
        judge = cache.judge(checkpoint.digest, checkpoint)
        return invert(cache.generator(checkpoint), subject.image, judge, encoder, progress=progress)

    found: Inversion = cache.answers().get(("inversion", checkpoint.digest, subject.key), find)
    return found


@st.cache_resource(show_spinner=False)
def _atlases() -> Memory:
    from xai.memory import Memory

    return Memory(8)


@dataclass(frozen=True, eq=False)
class Sheet:
    """A sprite as a data: address, ``columns`` cells (height, width) a row, and what the scrubber needs beside it."""

    uri: str
    columns: int
    cell: tuple[int, int]
    steps: tuple[float, ...]
    now: list[float]
    heat: list[float]


def atlas(checkpoint: gan.Checkpoint, seed: int, z: Tensor, progress: Progress) -> Sheet:
    """Every noise value of a seed at every step, as one picture."""

    def paint() -> Sheet:
        from dashboard.ui import smaller
        from xai import render
        from xai.atlas import atlas as paint_all

        found = paint_all(cache.generator(checkpoint), z, progress=progress)
        cells = smaller(found.pixels.reshape(-1, *found.pixels.shape[2:]))
        sheet = render.sprite(cells)  # nearly square: browsers do not take pictures of any height
        change = found.change.max(1)
        uri = render.data_uri(sheet.pixels, "WEBP")
        return Sheet(uri, sheet.columns, sheet.cell, found.steps, found.now.tolist(), (change / change.max()).tolist())

    sheet: Sheet = _atlases().get((checkpoint.digest, seed), paint)
    return sheet

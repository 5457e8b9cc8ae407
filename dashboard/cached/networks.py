"""What all pages need, computed once: networks, posters, layers and their maps.

    checkpoint = networks.checkpoint("dcgan-64")
    networks.layers(checkpoint, "generator")

What only some pages need stands beside it. Nothing heavy is imported before a function needs it, so that the first
page paints at once. What keys are made of: keys.py.
"""

from __future__ import annotations

import gc
import json
import math
import os
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard.cached.keys import HASH_FUNCS
from dashboard.settings import settings

CANDIDATES = 512
STUDIES = ("filters.npz", "latents.npz", "pruning.json", "collection.npz")  # those that take minutes
LARGE = 128 * 192  # pixels; twenty thousand posters above this take minutes to read, and gigabytes on the disk

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    import gan
    from dashboard.subject import Noise, Subject
    from gan.checkpoints.dataset import CheckpointPosters
    from gan.evaluation.report import Evaluation
    from gan.progress import Progress
    from xai.networks.cache import Cache
    from xai.networks.layers import Layer


def silent(part: float) -> None:
    """The progress of a job that nobody watches."""


@st.cache_resource(show_spinner=False)
def warm_up() -> None:
    """Import what the pages need, then take it out of the garbage collector's sight.

    Streamlit collects after every rerun; with torch loaded that costs a quarter of a second each time.
    """
    # Threads that spin while they wait for each other take three times as long where other work shares the processor.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is imported
    # pandas too: plotly looks into it when it is half imported by another session's thread, and fails.
    for name in ("torch", "pandas", "plotly.graph_objects"):
        import_module(name)
    for package in (import_module("gan"), import_module("xai")):
        for name in package.__all__:
            getattr(package, name)
    gc.collect()
    gc.freeze()


def checkpoint_folders() -> list[str]:
    """The folders among them, in the same order; found without importing what loads them."""
    from gan.checkpoints.listing import RECORD

    return [name for name in checkpoint_names() if (folder(name) / RECORD).is_file()]


def checkpoint_names() -> list[str]:
    """Checkpoints that can be chosen, in their order; the first one opens first.

    That is the first of ``--networks``, or one whose filters have been studied: of these the one with most studies, so
    that every page opens at once, and of equals the closest to real posters.
    """
    import gan

    names = gan.list_checkpoints(settings().checkpoints)
    return (
        list(_own_files())
        + sorted(filter(is_studied, names), key=lambda name: (missing_studies(name), excess_distance(name)))
        + [name for name in names if not is_studied(name)]
    )


def _own_files() -> dict[str, Path]:
    """Python files of networks of one's own, by the names that are shown: with their folder, where two share a name."""
    files = settings().networks
    shared = {name for name, count in Counter(path.name for path in files).items() if count > 1}
    return {f"{path.resolve().parent.name}/{path.name}" if path.name in shared else path.name: path for path in files}


def excess_distance(name: str) -> float:
    """How far its posters are from real ones, less how far real ones are; infinite where that was not measured."""
    from gan.checkpoints.listing import EVALUATION

    try:
        record = json.loads((folder(name) / EVALUATION).read_text(encoding="utf-8"))
        distance = float(record["generated"]["fd_lite1"]["value"] - record["floor"]["fd_lite1"]["value"])
    except (OSError, ValueError, LookupError, TypeError):
        return math.inf
    return distance if math.isfinite(distance) else math.inf


def is_studied(name: str) -> bool:
    """Whether the filters of this checkpoint were studied."""
    return (folder(name) / "filters.npz").exists()


def missing_studies(name: str) -> int:
    """How many of the studies that pages would have to wait for are not beside these weights."""
    return sum(not (folder(name) / file).exists() for file in STUDIES)


@st.cache_resource(max_entries=4, show_spinner="Loading the networks")
def _checkpoint(name: str, stamp: tuple[tuple[int, ...], ...]) -> gan.Checkpoint:
    from gan.checkpoints.folder import load  # not gan.load, which would also fetch

    return load(settings().checkpoints / name)


@st.cache_resource(max_entries=4, show_spinner="Running your file")
def _own(path: Path, stamp: tuple[tuple[int, ...], ...]) -> gan.Checkpoint:
    from gan.checkpoints.own import load_own

    return load_own(path)


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=HASH_FUNCS)
def of_class(checkpoint: gan.Checkpoint, name: str) -> gan.Checkpoint:
    """The same networks, of whose classifier the logit of one class is explained."""
    from gan.checkpoints.own import of_class

    return of_class(checkpoint, name)


def checkpoint(name: str) -> gan.Checkpoint:
    """Load a checkpoint from the listing; reloaded when it changes on disk."""
    import gan
    from gan.checkpoints.listing import stamp_of, stamp_of_own

    own = _own_files().get(name)
    if own is not None:
        return _own(own, stamp_of_own(own))
    if name not in checkpoint_names():  # looked up, never joined to a path unseen
        raise gan.CheckpointError(f"There is no checkpoint {name!r}.")
    return _checkpoint(name, stamp_of(folder(name)))


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs=HASH_FUNCS)
def conditioned(checkpoint: gan.Checkpoint, genres: tuple[str, ...]) -> gan.Checkpoint:
    """Plain networks for posters of these genres, or of none in particular: the same name, a digest of their own."""
    from gan.checkpoints.conditioning import condition

    return condition(checkpoint, [float(genre in genres) for genre in checkpoint.config.genres])


def folder(name: str) -> Path:
    """Where the checkpoint of this name, and what was measured of it, is kept."""
    return settings().checkpoints / name


@st.cache_resource(max_entries=16, show_spinner=False)
def _evaluation(path: Path, stamp: tuple[int, ...]) -> Evaluation:
    from gan.evaluation import report

    found = report.read(path)
    assert found is not None  # it was there a moment ago
    return found


def evaluation(path: Path) -> Evaluation | None:
    """What was measured of the checkpoint in this folder, or None; CheckpointError where it cannot be read."""
    from gan.evaluation.report import FILE
    from gan.files import stamp

    try:
        return _evaluation(path, stamp(path / FILE))
    except (FileNotFoundError, NotADirectoryError):
        return None


def genre_adherence(checkpoint: gan.Checkpoint) -> dict[str, float]:
    """How far requesting each genre moves posters towards it, by measurement; 1 is as far as real ones are.

    {} where these weights were not evaluated.
    """
    try:
        found = evaluation(folder(checkpoint.name))
    except gan.CheckpointError:  # the pages about quality say so
        return {}
    if found is None or found.digest != checkpoint.digest:
        return {}
    return {one.genre: one.adherence.value for one in found.genres}


@st.cache_resource(show_spinner=False)
def _posters() -> Cache:
    from xai.networks.cache import Cache, one

    return Cache(2, size=one)  # not st.cache_resource itself, for the same reason as ``answers``


def posters(checkpoint: gan.Checkpoint, progress: Progress = silent) -> gan.PosterSet | None:
    """The posters named on the command line, or None: resized and selected as in this checkpoint's training."""
    found = checkpoint_posters(checkpoint, progress)
    return None if found is None else found.posters


def checkpoint_posters(checkpoint: gan.Checkpoint, progress: Progress = silent) -> CheckpointPosters | None:
    """The same, with its split and its origin: whether they are those of the training. Read at the first call."""
    from gan.errors import PosterLensError

    try:
        return _checkpoint_posters(checkpoint, progress)
    except (PosterLensError, OSError):  # the sidebar says it once: seeds and uploads go on
        return None


def posters_problem(checkpoint: gan.Checkpoint, progress: Progress = silent) -> str | None:
    """Why the posters named on the command line cannot be had, in a sentence; None where nothing is wrong."""
    from gan.errors import PosterLensError

    try:
        _checkpoint_posters(checkpoint, progress)
    except PosterLensError as error:
        return str(error)
    except OSError as error:
        return f"{settings().posters} cannot be read: {error.strerror or type(error).__name__}."
    return None


def _checkpoint_posters(checkpoint: gan.Checkpoint, progress: Progress) -> CheckpointPosters | None:
    from gan.checkpoints.dataset import expected_of, posters_of

    source, size = settings().posters, checkpoint.config.size
    if source is None or posters_wait(size):
        return None
    options = json.dumps([checkpoint.dataset_options(), checkpoint.config.genres, expected_of(checkpoint)])
    read: CheckpointPosters = _posters().get(
        (source, size, options), lambda: posters_of(checkpoint, source, other=True, progress=progress)
    )
    return read


def posters_wait(size: tuple[int, int]) -> bool:
    """Whether posters of this size are so large that they are read only when a person asks for it."""
    height, width = size
    return settings().posters is not None and height * width > LARGE and (settings().posters, size) not in _wanted()


def read_posters(size: tuple[int, int]) -> None:
    """Read the posters of this size from now on."""
    _wanted().add((settings().posters, size))


@st.cache_resource(show_spinner=False)
def _wanted() -> set[tuple[Path | None, tuple[int, int]]]:
    return set()


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs=HASH_FUNCS)
def score(checkpoint: gan.Checkpoint, unit: tuple[str, int] | None = None) -> Any:
    """D's logit, or the mean of one unit's map (layer, index), as something to explain."""
    import xai

    layer, index = unit or (None, 0)
    return xai.Score(checkpoint.need_discriminator(), layer, index)


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=HASH_FUNCS)
def lacking(checkpoint: gan.Checkpoint, what: str, needs: tuple[str, ...]) -> str | None:
    """A sentence about the first capability that its networks lack for ``what``; None where nothing is missing."""
    from xai.capabilities import lacking

    return lacking(checkpoint, what, needs)


@st.cache_resource(max_entries=256, show_spinner=False, hash_funcs=HASH_FUNCS)
def verdict(checkpoint: gan.Checkpoint, image: Tensor) -> tuple[float, float, dict[str, float]]:
    """D's logit of a poster (1, 3, H, W), the probability of real, and a classifier's of each class, {} of D."""
    logit = score(checkpoint)(image)
    return float(logit), float(logit.sigmoid()), _class_probabilities(checkpoint, image)


def _class_probabilities(checkpoint: gan.Checkpoint, image: Tensor) -> dict[str, float]:
    """A classifier's probabilities for a poster, the largest first; {} of a discriminator."""
    from gan.networks.own import OwnDiscriminator

    network = checkpoint.discriminator
    if not isinstance(network, OwnDiscriminator) or not checkpoint.config.classes:
        return {}
    found = dict(zip(checkpoint.config.classes, network.probabilities(image)[0].tolist(), strict=True))
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))


def score_or_none(checkpoint: gan.Checkpoint) -> Any:
    """D's logit, or None where the checkpoint has no discriminator."""
    return None if checkpoint.discriminator is None else score(checkpoint)


@st.cache_resource(show_spinner=False)
def answers() -> Cache:
    """Answers that show a bar while they are found: st.cache_resource would record it, and replay it."""
    from xai.networks.cache import Cache

    return Cache(2**28)


@st.cache_resource(max_entries=256, show_spinner=False, hash_funcs=HASH_FUNCS)
def generated(checkpoint: gan.Checkpoint, noise: Noise) -> Tensor:
    """The poster (1, 3, H, W) of this noise."""
    import torch

    with torch.no_grad():
        poster: Tensor = checkpoint.need_generator()(noise.z)
    return poster


def generate(network: gan.Generator, seeds: Iterable[int]) -> Tensor:
    """The posters (N, 3, H, W) of these seeds, as many at a time as the memory bears."""
    import torch

    import gan
    from xai.networks.batches import at_once

    latents = gan.latents(seeds, network.config)
    with torch.no_grad():
        return torch.cat([network(part) for part in torch.split(latents, at_once(64, network.config.size))])


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=HASH_FUNCS)
def layers(checkpoint: gan.Checkpoint, network: str) -> list[Layer]:
    """Layers of ``generator`` or ``discriminator`` with their shapes."""
    import torch

    from xai.networks import layers as units

    config = checkpoint.config
    shape = (1, config.latent, 1, 1) if network == "generator" else (1, 3, *config.size)
    return units.layers(getattr(checkpoint, network), torch.zeros(shape))


def score_layers(checkpoint: gan.Checkpoint) -> list[Layer]:
    """Layers of D, or of a classifier, that give maps: all but the last convolution, or what stands for it."""
    return layers(checkpoint, "discriminator")[:-2]


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=HASH_FUNCS)
def modules_of_maps(checkpoint: gan.Checkpoint) -> list[Layer]:
    """Modules that give maps, of a network whose layers do not run one after the other."""
    import torch

    from xai.networks.layers import modules_of_maps

    return modules_of_maps(checkpoint.need_discriminator(), torch.zeros(1, 3, *checkpoint.config.size))


@st.cache_resource(max_entries=32, show_spinner=False, hash_funcs=HASH_FUNCS)
def maps_of_noise(checkpoint: gan.Checkpoint, noise: Noise, layer: str) -> Any:
    """All unit maps (U, h, w) of a layer of G as a numpy array."""
    import xai

    return xai.activations(checkpoint.need_generator(), noise.z, [layer])[layer][0].numpy()


@st.cache_resource(max_entries=32, show_spinner=False, hash_funcs=HASH_FUNCS)
def maps_of_poster(subject: Subject, layer: str) -> Any:
    """All unit maps (U, h, w) of a layer of D as a numpy array."""
    import xai

    return xai.activations(subject.checkpoint.need_discriminator(), subject.image, [layer])[layer][0].numpy()


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs=HASH_FUNCS)
def candidates(checkpoint: gan.Checkpoint, real: bool) -> tuple[list[int], Tensor]:
    """Pictures to search for similar ones: numbers (posters or seeds), and (N, 3, H, W)."""
    import gan
    from xai.networks.batches import at_once

    real_posters = posters(checkpoint) if real else None
    most = at_once(CANDIDATES, [side // 2 for side in checkpoint.config.size])  # all of them up to 128 x 128
    if real_posters is not None:
        numbers = list(range(0, len(real_posters), max(1, len(real_posters) // most)))
        return numbers, real_posters.tensor(numbers)
    if checkpoint.generator is None:
        raise gan.CheckpointError("Without posters and without a generator there is nothing to compare with.")
    return list(range(most)), generate(checkpoint.generator, range(most))


def runs() -> dict[str, Path]:
    """Folders with a training log by the name shown: shipped checkpoints first, then own runs."""
    found: dict[str, Path] = {}
    for root, prefix in ((settings().checkpoints, ""), (settings().runs, "runs/")):
        if root.is_dir():
            logs = sorted([*root.glob("*/stats.jsonl"), *root.glob("*/*/stats.jsonl")])
            found |= {prefix + log.parent.relative_to(root).as_posix(): log.parent for log in logs}
    return found

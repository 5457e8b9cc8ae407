"""Everything that is computed once and kept: networks, posters, explanations, tables.

Nothing heavy is imported before a function needs it, so that the first page paints at once. Keys are
digests and plain settings; arguments with a leading underscore do not take part.
"""

from __future__ import annotations

import gc
import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard.settings import settings

CANDIDATES = 512

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    import gan
    from xai.anatomy import Anatomy
    from xai.attribution import Attribution, Explanation
    from xai.blame import Blame
    from xai.filters import Table
    from xai.inversion import Inversion
    from xai.latent import Sensitivity
    from xai.latent_study import LatentStudy
    from xai.memory import Memory
    from xai.paths import Path as Walk
    from xai.reference import Reference
    from xai.trust import Trust
    from xai.units import Effect, Layer
    from xai.wiring import Parts, Wiring

    Progress = Callable[[float], None]


@st.cache_resource(show_spinner=False)
def warm_up() -> None:
    """Import what the pages need, then take it out of the garbage collector's sight.

    Streamlit collects after every rerun; with torch loaded that costs a quarter of a second each time.
    """
    import gan
    import xai

    del gan, xai
    gc.collect()
    gc.freeze()


def checkpoint_names() -> list[str]:
    """Checkpoints that can be chosen, best known first."""
    import gan

    return gan.list_checkpoints(settings().checkpoints)


@st.cache_resource(max_entries=4, show_spinner="Loading the networks")
def _checkpoint(name: str, changed: float) -> gan.Checkpoint:
    import gan

    return gan.load(settings().checkpoints / name)


def checkpoint(name: str) -> gan.Checkpoint:
    """Load a checkpoint from the listing; reloaded when it changes on disk."""
    import gan

    if name not in checkpoint_names():  # looked up, never joined to a path unseen
        raise gan.CheckpointError(f"There is no checkpoint {name!r}.")
    path = settings().checkpoints / name
    newest = max(file.stat().st_mtime for file in [path, *path.glob("*.safetensors")])
    return _checkpoint(name, newest)


@st.cache_resource(show_spinner=False)
def _posters() -> Memory:
    from xai.memory import Memory

    return Memory(2)  # st.cache_resource would record, and replay, the progress bar


def posters(size: int) -> gan.PosterSet | None:
    """The posters named on the command line at this size, or None; a bar is shown while they are read."""
    import gan

    source = settings().posters
    if source is None:
        return None

    def read() -> gan.PosterSet:
        bar = st.progress(0.0, "Reading the posters; this is done once")
        try:
            return gan.load_posters(source, size, progress=bar.progress)
        finally:
            bar.empty()

    found: gan.PosterSet = _posters().get((source, size), read)
    return found


@st.cache_resource(max_entries=16, show_spinner=False)
def score(digest: str, _checkpoint: gan.Checkpoint, unit: tuple[str, int] | None = None) -> Any:
    """D's logit, or the mean of one unit's map (layer, index), as something to explain."""
    import xai

    if _checkpoint.discriminator is None:
        raise xai.ExplanationError("This checkpoint has no discriminator to explain.")
    layer, index = unit or (None, 0)
    return xai.Score(_checkpoint.discriminator, layer, index)


def _generator(checkpoint: gan.Checkpoint) -> gan.Generator:
    """The generator; the pages ask for one first (ui.needs), so its absence is only a sentence."""
    import gan

    if checkpoint.generator is None:
        raise gan.CheckpointError("This checkpoint has no generator.")
    return checkpoint.generator


def _discriminator(checkpoint: gan.Checkpoint) -> gan.Discriminator:
    """The discriminator, likewise."""
    import gan

    if checkpoint.discriminator is None:
        raise gan.CheckpointError("This checkpoint has no discriminator.")
    return checkpoint.discriminator


def _judge(digest: str, checkpoint: gan.Checkpoint) -> Any:
    """D's logit, or None where the checkpoint has no discriminator."""
    return None if checkpoint.discriminator is None else score(digest, checkpoint)


def references(checkpoint: gan.Checkpoint, own: bool = False) -> list[str]:
    """Kinds of reference that can be had with what is loaded, and uploaded (``own``)."""
    import xai

    missing = set() if own else {"own"}
    if checkpoint.generator is None:
        missing |= {"generated"}
    if posters(checkpoint.config.resolution) is None:
        missing |= {"posters", "mean"}
    return [kind for kind in xai.REFERENCES if kind not in missing]


@dataclass(frozen=True, eq=False)
class Question:
    """All that an answer about a poster depends on, besides the method.

    image : (1, 3, H, W), and its digest ``image_key``. unit : (layer, index) to explain in place of the logit.
    reference : a kind, of ``count`` pictures. own : (K, 3, H, W) uploaded references, and their digest.
    """

    checkpoint: gan.Checkpoint
    image: Tensor
    image_key: str
    reference: str
    count: int
    unit: tuple[str, int] | None = None
    own: Tensor | None = None
    own_key: str = ""

    @property
    def key(self) -> Any:
        """Equal for equal questions."""
        own = self.own_key if self.reference == "own" else ""
        return self.checkpoint.digest, self.image_key, self.unit, self.reference, self.count, own

    def method(self, name: str, options: dict[str, Any]) -> Attribution:
        """The method, ready to answer."""
        import xai

        digest = self.checkpoint.digest
        own = self.own_key if self.reference == "own" else ""
        return xai.attribution(
            name,
            score(digest, self.checkpoint, self.unit),
            reference=_reference(digest, self.reference, self.count, own, self.checkpoint, self.own),
            **options,
        )


@st.cache_resource(max_entries=32, show_spinner=False)
def _reference(
    digest: str, kind: str, count: int, own_key: str, _checkpoint: gan.Checkpoint, _own: Tensor | None
) -> Reference:
    import xai

    found = posters(_checkpoint.config.resolution)
    training = None if found is None else found.split()[0]
    images = _own if kind == "own" else None
    return xai.reference(kind, images=images, posters=training, generator=_checkpoint.generator, count=count)


@st.cache_resource(show_spinner=False)
def _answers() -> Memory:
    from xai.memory import Memory

    return Memory(512)


def explanation(question: Question, name: str, options: dict[str, Any], progress: Progress) -> Explanation:
    """One method's answer."""
    key = ("explanation", name, question.key, tuple(sorted(options.items())))
    answer: Explanation = _answers().get(
        key, lambda: question.method(name, options).attribute(question.image, progress)
    )
    return answer


def trust(question: Question, name: str, options: dict[str, Any], progress: Progress) -> Trust:
    """Whether to believe that answer."""
    import xai

    def examine() -> Trust:
        found = explanation(question, name, options, lambda part: None)
        return xai.examine(question.method(name, options), question.image, found, progress)

    answer: Trust = _answers().get(("trust", name, question.key, tuple(sorted(options.items()))), examine)
    return answer


def by_reference(
    question: Question, name: str, options: dict[str, Any], references: list[str]
) -> dict[str, Explanation]:
    """The same method's answers against each of these kinds of reference."""
    return {
        kind: explanation(replace(question, reference=kind), name, options, lambda part: None) for kind in references
    }


def archive(question: Question, name: str, options: dict[str, dict[str, Any]], checked: bool) -> bytes:
    """Everything about these methods' maps of one poster, as a zip file; ``options`` by method."""
    from xai import report

    def nothing(part: float) -> None:
        pass

    finding = report.Finding(
        name,
        report.stems([name])[0],
        question.image,
        {method: explanation(question, method, chosen, nothing) for method, chosen in options.items()},
        {method: trust(question, method, chosen, nothing) for method, chosen in options.items() if checked},
    )
    methods = [question.method(method, chosen) for method, chosen in options.items()]
    return report.archive_zip(question.checkpoint, methods, [finding])


@st.cache_resource(max_entries=64, show_spinner="Tracing the verdict back to the noise")
def blame(digest: str, seed: int, count: int, _checkpoint: gan.Checkpoint, _z: Tensor) -> Blame:
    """What each noise value and each filter of G adds to D's verdict, compared with ``count`` other seeds."""
    import gan
    import xai

    others = gan.latents([other for other in range(10_000, 10_000 + count) if other != seed], _checkpoint.config)
    return xai.blame(_generator(_checkpoint), _discriminator(_checkpoint), _z, others)


@st.cache_resource(max_entries=256, show_spinner=False)
def drawn(digest: str, seed: int, _checkpoint: gan.Checkpoint) -> Tensor:
    """The poster (1, 3, H, W) of a seed."""
    import torch

    import gan

    with torch.no_grad():
        poster: Tensor = _generator(_checkpoint)(gan.latents([seed], _checkpoint.config))
    return poster


@st.cache_resource(max_entries=8, show_spinner=False)
def layers(digest: str, network: str, _checkpoint: gan.Checkpoint) -> list[Layer]:
    """Layers of ``generator`` or ``discriminator`` with their shapes."""
    import torch

    from xai import units

    config = _checkpoint.config
    shape = (1, config.latent, 1, 1) if network == "generator" else (1, 3, config.resolution, config.resolution)
    return units.layers(getattr(_checkpoint, network), torch.zeros(shape))


@st.cache_resource(max_entries=64, show_spinner=False)
def maps(digest: str, network: str, input_key: str, layer: str, _network: Any, _input: Tensor) -> Any:
    """All unit maps (U, h, w) of a layer as a numpy array."""
    import xai

    return xai.activations(_network, _input, [layer])[layer][0].numpy()


@st.cache_resource(max_entries=4, show_spinner=False)
def candidates(digest: str, real: bool, _checkpoint: gan.Checkpoint) -> tuple[list[int], Tensor]:
    """Pictures to search for ones that look alike: numbers (posters or seeds), and (N, 3, H, W)."""
    import torch

    import gan

    found = posters(_checkpoint.config.resolution) if real else None
    if found is not None:
        numbers = list(range(0, len(found), max(1, len(found) // CANDIDATES)))
        return numbers, found.tensor(numbers)
    if _checkpoint.generator is None:
        raise gan.CheckpointError("Without posters and without a generator there is nothing to compare with.")
    numbers = list(range(CANDIDATES))
    with torch.no_grad():
        return numbers, _generator(_checkpoint)(gan.latents(numbers, _checkpoint.config))


@st.cache_resource(max_entries=16, show_spinner="Looking at hundreds of posters")
def features(digest: str, real: bool, layer: str, _checkpoint: gan.Checkpoint) -> Tensor:
    """What a layer of D answers to every candidate on average."""
    from xai import similarity

    _, images = candidates(digest, real, _checkpoint)
    return similarity.layer_features(_discriminator(_checkpoint), images, layer)


@st.cache_resource(max_entries=256, show_spinner="Drawing the poster without this filter")
def effect(
    digest: str, seed: int, layer: str, unit: int, removal: str, _checkpoint: gan.Checkpoint, _z: Tensor
) -> Effect:
    """The poster of a seed without one generator filter."""
    from xai import units

    judge = _judge(digest, _checkpoint)
    return units.ablate(_generator(_checkpoint), _z, layer, unit, removal, judge)  # type: ignore[arg-type]  # the page offers all


@st.cache_resource(max_entries=64, show_spinner="Measuring all noise values")
def sensitivity(digest: str, seed: int, _checkpoint: gan.Checkpoint, _z: Tensor) -> Sensitivity:
    """Exact slopes of a seed's poster."""
    from xai import latent

    return latent.sensitivity(_generator(_checkpoint), _z, _judge(digest, _checkpoint))


@st.cache_resource(max_entries=8, show_spinner=False)
def pruning_study(digest: str, _checkpoint: gan.Checkpoint) -> dict[str, Any] | None:
    """What scripts/study_pruning.py found for these weights, or None."""
    path = settings().checkpoints / _checkpoint.name / "pruning.json"
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

    generator = _generator(_checkpoint)
    gone = prune.first_of(generator, _ranking(digest, ranking, _checkpoint), percent / 100)
    layers = prune.activation_layers(generator)
    return Pruned(prune.prune(generator, gone), layers, {layer: len(units) for layer, units in gone.items()})


@st.cache_resource(max_entries=16, show_spinner=False)
def _ranking(digest: str, name: str, _checkpoint: gan.Checkpoint) -> list[tuple[str, int]]:
    import torch

    from xai import prune

    study = pruning_study(digest, _checkpoint) or {"effects": {}}
    effects = {layer: torch.tensor(values) for layer, values in study["effects"].items()}
    return prune.ranking(_generator(_checkpoint), name, effects)


@st.cache_resource(max_entries=64, show_spinner=False)
def cost(digest: str, ranking: str, percent: int, _checkpoint: gan.Checkpoint) -> Any:
    """What a poster costs with the whole generator (``percent`` 0) or a smaller one."""
    from xai import prune

    whole = _generator(_checkpoint)
    return prune.cost(pruned(digest, ranking, percent, _checkpoint).generator if percent else whole)


@st.cache_resource(max_entries=64, show_spinner=False)
def posters_of_seeds(
    digest: str, ranking: str, percent: int, count: int, _generator: gan.Generator, _config: gan.ModelConfig
) -> Tensor:
    """The first ``count`` seeds' posters (N, 3, H, W)."""
    import torch

    import gan

    with torch.no_grad():
        pictures: Tensor = _generator(gan.latents(range(count), _config))
    return pictures


def pruned_archive(checkpoint: gan.Checkpoint, ranking: str, percent: int) -> bytes:
    """A smaller generator and the discriminator as a zip of a checkpoint folder."""
    import io
    import tempfile
    import zipfile

    import gan

    about = {"pruned_from": checkpoint.digest, "ranking": ranking, "share": percent / 100}
    buffer = io.BytesIO()
    with tempfile.TemporaryDirectory() as temporary, zipfile.ZipFile(buffer, "w") as archive:
        folder = Path(temporary) / "checkpoint"
        smaller = pruned(checkpoint.digest, ranking, percent, checkpoint).generator
        gan.save(folder, smaller, _discriminator(checkpoint), about)
        for file in sorted(folder.iterdir()):
            archive.write(file, f"{checkpoint.name}-{ranking}-{percent}/{file.name}")
    return buffer.getvalue()


@st.cache_resource(max_entries=4, show_spinner=False)
def anatomy(digest: str, _checkpoint: gan.Checkpoint) -> Anatomy:
    """The generator, cut after each activation layer."""
    from xai.anatomy import Anatomy

    return Anatomy.of(_generator(_checkpoint))


@st.cache_resource(max_entries=8, show_spinner=False)
def filters_table(digest: str, _checkpoint: gan.Checkpoint) -> Table | None:
    """The verdicts on all filters: those that came with the checkpoint, or those measured here before."""
    from xai.filters import Table

    shipped = Table.beside(settings().checkpoints / _checkpoint.name, digest)
    return shipped or Table.beside(_measured_folder(digest), digest)


def _measured_folder(digest: str) -> Path:
    from gan.data import cache_directory

    return cache_directory() / "filters" / digest[:24]


def measure_filters(checkpoint: gan.Checkpoint, progress: Progress) -> None:
    """Measure all filters, and keep the table on disk."""
    from xai.filters import FILE, filters_table

    table = filters_table(checkpoint, progress=progress)
    folder = _measured_folder(checkpoint.digest)
    folder.mkdir(parents=True, exist_ok=True)
    table.save(folder / FILE)
    globals()["filters_table"].clear()


@st.cache_resource(max_entries=32, show_spinner="Following the wires")
def wiring(digest: str, seed: int, _checkpoint: gan.Checkpoint, _z: Tensor) -> Wiring:
    """Which filters and pixels each noise value drives, for one poster."""
    from xai.wiring import wiring as trace

    return trace(anatomy(digest, _checkpoint), _z)


@st.cache_resource(max_entries=32, show_spinner="Taking everything away, one at a time")
def parts(digest: str, seed: int, layer: str, by: str, _checkpoint: gan.Checkpoint, _z: Tensor) -> Parts:
    """What each filter of a layer, or each noise value, adds to one poster."""
    from xai.wiring import parts as find

    return find(anatomy(digest, _checkpoint), _z, layer, by)  # type: ignore[arg-type]  # the page offers both ways


@st.cache_resource(max_entries=64, show_spinner=False)
def painted(digest: str, edits: str, _checkpoint: gan.Checkpoint, _z: Tensor) -> Tensor:
    """The poster with edits, given as JSON."""
    from xai.paint import from_json, paint

    return paint(_generator(_checkpoint), _z, from_json(edits))


@st.cache_resource(max_entries=64, show_spinner=False)
def seed_posters(digest: str, seeds: tuple[int, ...], _checkpoint: gan.Checkpoint) -> Tensor:
    """The posters (N, 3, H, W) of these seeds."""
    import torch

    import gan

    with torch.no_grad():
        posters: Tensor = _generator(_checkpoint)(gan.latents(seeds, _checkpoint.config))
    return posters


@st.cache_resource(max_entries=8, show_spinner=False)
def noise_study(digest: str, _checkpoint: gan.Checkpoint) -> LatentStudy | None:
    """Importance and directions: those that came with the checkpoint, or those measured here before."""
    from xai.latent_study import LatentStudy

    shipped = LatentStudy.beside(settings().checkpoints / _checkpoint.name, digest)
    return shipped or LatentStudy.beside(_measured_folder(digest), digest)


def measure_noise(checkpoint: gan.Checkpoint, progress: Progress) -> None:
    """Measure all noise values, and keep the study on disk."""
    from xai.latent_study import FILE, latent_study

    study = latent_study(checkpoint, progress=progress)
    folder = _measured_folder(checkpoint.digest)
    folder.mkdir(parents=True, exist_ok=True)
    study.save(folder / FILE)
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
    return painter(_generator(_checkpoint))(_z + steps * direction)


@st.cache_resource(max_entries=64, show_spinner=False)
def walk(digest: str, seed: int, other: int, _checkpoint: gan.Checkpoint, _z: Tensor) -> Walk:
    """Twelve steps on the sphere from this poster to another seed."""
    import gan
    from xai.paths import path

    return path(_generator(_checkpoint), _z, gan.latents([other], _checkpoint.config), 12)


@st.cache_resource(max_entries=64, show_spinner=False)
def stretched(digest: str, seed: int, length: float, _checkpoint: gan.Checkpoint, _z: Tensor) -> Tensor:
    """The poster with its noise ``length`` times as long."""
    from xai.atlas import painter

    return painter(_generator(_checkpoint))(length * _z)


def has_inversion(subject: Any) -> bool:
    """Whether ``inversion`` would answer at once."""
    return ("inversion", subject.checkpoint.digest, subject.key) in _answers()


def inversion(subject: Any, progress: Progress) -> Inversion:
    """The noise from which the generator draws what is nearest to this poster."""
    from xai.inversion import invert, load_encoder

    checkpoint = subject.checkpoint

    def find() -> Inversion:
        path = settings().checkpoints / checkpoint.name / "encoder.safetensors"
        encoder = load_encoder(path, checkpoint.digest) if path.is_file() else None
        judge = _judge(checkpoint.digest, checkpoint)
        return invert(_generator(checkpoint), subject.image, judge, encoder, progress=progress)

    found: Inversion = _answers().get(("inversion", checkpoint.digest, subject.key), find)
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
        from xai import render
        from xai.atlas import atlas as paint_all

        found = paint_all(_generator(checkpoint), z, progress=progress)
        cells = found.pixels.reshape(-1, *found.pixels.shape[2:])
        sheet = render.sprite(cells)  # nearly square: browsers do not take pictures of any height
        change = found.change.max(1)
        uri = render.data_uri(sheet.pixels, "WEBP")
        return Sheet(uri, sheet.columns, sheet.cell, found.steps, found.now.tolist(), (change / change.max()).tolist())

    sheet: Sheet = _atlases().get((checkpoint.digest, seed), paint)
    return sheet


def runs() -> dict[str, Path]:
    """Folders with a training log by the name shown: shipped checkpoints first, then own runs."""
    found: dict[str, Path] = {}
    for root, prefix in ((settings().checkpoints, ""), (settings().runs, "runs/")):
        if root.is_dir():
            logs = sorted(root.glob("*/stats.jsonl"))
            found |= {prefix + log.parent.name: log.parent for log in logs}
    return found


def digest_of(pixels: bytes) -> str:
    """SHA-256 of a picture's bytes: the key under which everything about it is kept."""
    return hashlib.sha256(pixels).hexdigest()

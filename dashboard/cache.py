"""Everything that is computed once and kept: networks, posters, explanations, tables.

Nothing heavy is imported before a function needs it, so that the first page paints at once. Keys are
digests and plain settings; arguments with a leading underscore do not take part.
"""

from __future__ import annotations

import gc
import hashlib
import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard.settings import settings

CANDIDATES = 512

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    import gan
    from xai.attribution import Explanation
    from xai.latent import Sensitivity
    from xai.units import Effect, Layer


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


class Shelf:
    """At most ``most`` answers, the least recently used goes first. Safe in threads.

    ``st.cache_resource`` would record, and replay, the progress bar that a method moves.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.answers: OrderedDict[Any, Any] = OrderedDict()
        self.lock = threading.Lock()

    def get(self, key: Any, make: Callable[[], Any]) -> Any:
        """The answer under this key, made now if it is not there."""
        with self.lock:
            if key in self.answers:
                self.answers.move_to_end(key)
                return self.answers[key]
        answer = make()
        with self.lock:
            self.answers[key] = answer
            while len(self.answers) > self.most:
                self.answers.popitem(last=False)
        return answer


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
def _posters() -> Shelf:
    return Shelf(2)


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


@st.cache_resource(max_entries=4)
def score(digest: str, _checkpoint: gan.Checkpoint) -> Any:
    """D's logit as something to explain."""
    import xai

    if _checkpoint.discriminator is None:
        raise xai.ExplanationError("This checkpoint has no discriminator to explain.")
    return xai.Score(_checkpoint.discriminator)


def _judge(digest: str, checkpoint: gan.Checkpoint) -> Any:
    """D's logit, or None where the checkpoint has no discriminator."""
    return None if checkpoint.discriminator is None else score(digest, checkpoint)


@st.cache_resource(max_entries=32, show_spinner=False)
def reference(digest: str, kind: str, count: int, _checkpoint: gan.Checkpoint) -> Any:
    """A reference of this kind for this checkpoint."""
    import xai

    found = posters(_checkpoint.config.resolution)
    training = None if found is None else found.split()[0]
    return xai.reference(kind, posters=training, generator=_checkpoint.generator, count=count)


def references(checkpoint: gan.Checkpoint) -> list[str]:
    """Kinds of reference that can be had with what is loaded."""
    import xai

    missing = {"generated"} if checkpoint.generator is None else set()
    if posters(checkpoint.config.resolution) is None:
        missing |= {"posters", "mean"}
    return [kind for kind in xai.REFERENCES if kind not in missing]


@st.cache_resource(show_spinner=False)
def _explanations() -> Shelf:
    return Shelf(256)


def explanation(
    checkpoint: gan.Checkpoint,
    image: Tensor,
    image_key: str,
    method: str,
    reference_kind: str,
    reference_count: int,
    options: dict[str, Any],
    progress: Callable[[float], None],
) -> Explanation:
    """One method's answer for one picture."""
    import xai

    def explain() -> Explanation:
        chosen = xai.attribution(
            method,
            score(checkpoint.digest, checkpoint),
            reference=reference(checkpoint.digest, reference_kind, reference_count, checkpoint),
            **options,
        )
        return chosen.attribute(image, progress)

    settings_key = (reference_kind, reference_count, tuple(sorted(options.items())))
    answer: Explanation = _explanations().get((checkpoint.digest, image_key, method, settings_key), explain)
    return answer


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
        return numbers, _checkpoint.generator(gan.latents(numbers, _checkpoint.config))


@st.cache_resource(max_entries=16, show_spinner="Looking at hundreds of posters")
def features(digest: str, real: bool, layer: str, _checkpoint: gan.Checkpoint) -> Tensor:
    """What a layer of D answers to every candidate on average."""
    from xai import similarity

    _, images = candidates(digest, real, _checkpoint)
    # The page has asked for a discriminator (ui.needs).
    return similarity.layer_features(_checkpoint.discriminator, images, layer)  # type: ignore[arg-type]


@st.cache_resource(max_entries=256, show_spinner="Drawing the poster without this filter")
def effect(
    digest: str, seed: int, layer: str, unit: int, removal: str, _checkpoint: gan.Checkpoint, _z: Tensor
) -> Effect:
    """The poster of a seed without one generator filter."""
    from xai import units

    judge = _judge(digest, _checkpoint)
    # The page has asked for a generator (ui.needs), and offers only the two removals.
    return units.ablate(_checkpoint.generator, _z, layer, unit, removal, judge)  # type: ignore[arg-type]


@st.cache_resource(max_entries=64, show_spinner="Measuring all noise values")
def sensitivity(digest: str, seed: int, _checkpoint: gan.Checkpoint, _z: Tensor) -> Sensitivity:
    """Exact slopes of a seed's poster."""
    from xai import latent

    # The page has asked for a generator (ui.needs).
    return latent.sensitivity(_checkpoint.generator, _z, _judge(digest, _checkpoint))  # type: ignore[arg-type]


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

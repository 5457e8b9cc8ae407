"""The FID on Inception features, at as many posters as there are samples: fid5k for 5,000.

Few samples raise an FID, so it must not be compared with the fid50k (50,000 samples) of published figures.

    inception_fid(load("checkpoints/dcgan-64"), training)

Needs torch-fidelity, which is not among the project's requirements, and fetches its weights.
"""

from __future__ import annotations

import copy
import importlib
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from gan.checkpoints.record import Checkpoint
from gan.data.images import to_uint8
from gan.data.posters import PosterSet
from gan.errors import MetricsUnavailableError
from gan.evaluation.features import Device, Features, Sampler, poster_batches, random_labels
from gan.evaluation.report import FIRST_SEED, SAMPLES
from gan.evaluation.samples.distances import frechet_distance


def inception_fid(
    checkpoint: Checkpoint,
    training: PosterSet,
    samples: int = SAMPLES,
    first_seed: int = FIRST_SEED,
    device: Device = "cpu",
) -> float:
    """FID at this count (fid5k for 5,000): training against generated posters, Inception features of torch-fidelity.

    As many of both, at most ``samples``. Fetches the weights (90 MB) where they are not there yet; only ever called
    when a person asks for it.

    Raises
    ------
    MetricsUnavailableError
        If torch-fidelity is not installed or its weights cannot be fetched.
    """
    network = _inception().to(device)
    generator = copy.deepcopy(checkpoint.need_generator()).to(device)
    some = training.evenly(samples)
    labels = random_labels(training, generator.config.genres, len(some), first_seed)
    real = _inception_features(network, poster_batches(some), device)
    made = _inception_features(network, Sampler(generator, len(some), first_seed, labels).batches(), device)
    return frechet_distance(real, made)


def _inception() -> Any:
    try:
        fidelity = importlib.import_module("torch_fidelity.feature_extractor_inceptionv3")
    except ImportError:
        raise MetricsUnavailableError("For an FID torch-fidelity is needed: pip install torch-fidelity.") from None
    try:
        return fidelity.FeatureExtractorInceptionV3("inception-v3-compat", ["2048"])
    except (OSError, RuntimeError) as error:  # no network, or a file that was cut off
        raise MetricsUnavailableError(f"Inception's weights cannot be fetched: {error}.") from error


def _inception_features(network: Any, batches: Iterable[Tensor], device: Device) -> Features:
    found = []
    for images in batches:
        pixels = torch.from_numpy(to_uint8(images)).permute(0, 3, 1, 2).to(device)
        with torch.inference_mode():
            found.append(network(pixels)[0].float().cpu())
    return torch.cat(found).numpy()

"""Train, store and sample DCGANs on posters.

checkpoint = gan.load("checkpoints/dcgan-64")
images = checkpoint.generator(gan.latents([0, 1, 2], checkpoint.config))
"""

from gan.checkpoint import Checkpoint, list_checkpoints, load, save
from gan.config import PRESETS, ModelConfig, TrainConfig
from gan.data import PosterSet, load_posters
from gan.errors import (
    CheckpointError,
    DataError,
    ImageError,
    MetricsUnavailableError,
    PosterLensError,
    TrainingError,
)
from gan.images import FITS, fit_image, from_uint8, image_grid, open_image, read_poster, to_uint8
from gan.models import Discriminator, Generator, latents

__all__ = [
    "FITS",
    "PRESETS",
    "Checkpoint",
    "CheckpointError",
    "DataError",
    "Discriminator",
    "Generator",
    "ImageError",
    "MetricsUnavailableError",
    "ModelConfig",
    "PosterLensError",
    "PosterSet",
    "TrainConfig",
    "TrainingError",
    "fit_image",
    "from_uint8",
    "image_grid",
    "latents",
    "list_checkpoints",
    "load",
    "load_posters",
    "open_image",
    "read_poster",
    "save",
    "to_uint8",
]

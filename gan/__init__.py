"""Train, store and sample DCGANs on posters.

    checkpoint = gan.load("checkpoints/dcgan-64")
    images = checkpoint.generator(gan.latents([0, 1, 2], checkpoint.config))

docs/layout.md shows the rooms; what is listed here is the public face.

Networks are imported when a name is first used, so that `import gan` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gan.lazy import imported_on_use

if TYPE_CHECKING:
    from gan.checkpoints.folder import save
    from gan.checkpoints.hub.fetching import load
    from gan.checkpoints.listing import list_checkpoints
    from gan.checkpoints.own import adapt
    from gan.checkpoints.record import Checkpoint
    from gan.data.images import FITS, fit_image, from_uint8, image_grid, open_image, read_poster, to_uint8
    from gan.data.posters import PosterSet, load_posters
    from gan.errors import (
        CheckpointError,
        DataError,
        ImageError,
        MetricsUnavailableError,
        PosterLensError,
        TrainingError,
    )
    from gan.networks.config import ModelConfig
    from gan.networks.dcgan import Discriminator, Generator, latents
    from gan.networks.own import IMAGENET
    from gan.training.config import PRESETS, TrainConfig

__all__ = [
    "FITS",
    "IMAGENET",
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
    "adapt",
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

_HOMES = {
    "gan.checkpoints.folder": ("save",),
    "gan.checkpoints.hub.fetching": ("load",),
    "gan.checkpoints.listing": ("list_checkpoints",),
    "gan.checkpoints.own": ("adapt",),
    "gan.checkpoints.record": ("Checkpoint",),
    "gan.data.images": ("FITS", "fit_image", "from_uint8", "image_grid", "open_image", "read_poster", "to_uint8"),
    "gan.data.posters": ("PosterSet", "load_posters"),
    "gan.errors": (
        "CheckpointError",
        "DataError",
        "ImageError",
        "MetricsUnavailableError",
        "PosterLensError",
        "TrainingError",
    ),
    "gan.networks.config": ("ModelConfig",),
    "gan.networks.dcgan": ("Discriminator", "Generator", "latents"),
    "gan.networks.own": ("IMAGENET",),
    "gan.training.config": ("PRESETS", "TrainConfig"),
}

__getattr__ = imported_on_use(__name__, _HOMES)

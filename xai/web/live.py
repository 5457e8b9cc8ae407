"""The two networks for a page that stays connected to Python: packed, and refused where a browser could not run them.

generator, discriminator = packed_models(checkpoint)      # gzip files of ONNX, for load() of page/networks.js
browser_file("stage.js").read_text()                      # the browser's side
"""

from __future__ import annotations

import gzip
from pathlib import Path

from gan.checkpoints.record import Checkpoint
from xai.errors import ExplanationError
from xai.web.onnx_model import discriminator_model, generator_model

MOST_WEIGHTS = 32_000_000  # of both: 64 MB on the way, 128 MB in the browser; a DCGAN of this size draws too slowly
LEVEL = 6


def packed_models(checkpoint: Checkpoint) -> list[bytes]:
    """The generator, and the discriminator where there is one.

    Raises
    ------
    CheckpointError
        If there is no generator.
    ExplanationError
        If they are too large, or no networks that ONNX files are written of.
    OnnxUnavailableError
        If onnx is not installed.
    """
    generator, discriminator = checkpoint.need_generator(), checkpoint.discriminator
    networks = [generator] if discriminator is None else [generator, discriminator]
    weights = sum(parameter.numel() for network in networks for parameter in network.parameters())
    if weights > MOST_WEIGHTS:
        raise ExplanationError(
            f"The networks have {weights / 1e6:.0f} million weights, and a browser runs {MOST_WEIGHTS / 1e6:.0f}."
        )
    models = [generator_model(generator)]
    if discriminator is not None:
        models.append(discriminator_model(discriminator))
    return [gzip.compress(model, LEVEL, mtime=0) for model in models]


def browser_file(name: str) -> Path:
    """A file of the page: a module such as ``stage.js``, or one of ``vendor/``."""
    here = Path(__file__).parent
    return here / name if name.startswith("vendor/") else here / "page" / name

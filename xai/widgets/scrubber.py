"""Scrub through every latent dimension of one poster in a notebook, as on the dashboard's page Latent.

    shown = xai.scrubber(gan.load("wider-64"), seed=3)
    shown                                        # as a cell's last line: drag over the picture, click a square
    shown.dimension                              # the one that was clicked
    shown.sweeps.pixels[shown.dimension, 0]      # (64, 64, 3): that dimension at -3

Everything is drawn beforehand, so the browser asks Python nothing on the way.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from gan.checkpoints.record import Checkpoint
from gan.errors import PosterLensError
from gan.networks.dcgan import latents
from gan.progress import Progress
from xai.latents.sensitivity import latent_sensitivity
from xai.latents.sweeps import STEPS, latent_sweeps
from xai.widgets.sheet import MIMETYPE, Sheet

if TYPE_CHECKING:
    from xai.widgets.notebook import Scrubber


class WidgetUnavailableError(PosterLensError):
    """The package anywidget is not installed (optional extra ``widget``)."""


def scrubber(
    checkpoint: Checkpoint, seed: int = 0, steps: tuple[float, ...] = STEPS, progress: Progress | None = None
) -> Scrubber:
    """A widget of every latent dimension of the poster of ``seed``, each at each of ``steps``.

    It begins with the dimension that changes the poster most, and at the poster itself. A click on a square, or Enter,
    sets ``dimension`` of the widget; set from Python, the widget follows.

    Raises
    ------
    WidgetUnavailableError
        If anywidget is not installed.
    CheckpointError
        If there is no generator.
    ExplanationError
        If there is no step, or the generator waits for genres (gan.checkpoints.conditioning.with_genres).
    """
    try:
        from xai.widgets.notebook import Scrubber
    except ImportError:
        raise WidgetUnavailableError(
            'The scrubber in a notebook needs the package anywidget: pip install -e ".[widget]".'
        ) from None
    generator, z = checkpoint.need_generator(), latents([seed], checkpoint.config)
    sweeps = latent_sweeps(generator, z, steps, progress)
    sensitivity = latent_sensitivity(generator, z)
    sheet = Sheet.of(sweeps)
    uri = f"data:{MIMETYPE};base64,{base64.b64encode(sheet.content).decode()}"
    state = sheet.state(uri, sensitivity.influence.tolist(), int(sensitivity.rms.argmax()))
    return Scrubber(sweeps, state)

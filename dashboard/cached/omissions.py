"""What is lost of a poster: its inversion, what the detectors find on the whole of it, and where the loss lies.

found = omissions.lost(subject, progress)        # seconds; kept
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.cached import latents, networks, poster_sets
from dashboard.settings import settings
from dashboard.subject import POSTER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from dashboard.subject import Subject
    from gan.progress import Progress
    from xai.collection.omissions.lost import Lost


def lost(subject: Subject, progress: Progress) -> Lost:
    """What the generator cannot draw of this poster."""
    from xai.collection.omissions.lost import losses

    inversion = latents.inversion(subject, progress)
    answer: Lost = networks.answers().get(
        ("lost", subject.checkpoint.digest, subject.key),
        lambda: losses(subject.image, inversion.picture, _detected(subject)),
    )
    return answer


def _detected(subject: Subject) -> Mapping[str, Tensor] | None:
    """Faces and letters of a poster that is loaded, found on the whole of it; None without the extra ``concepts``."""
    import gan
    from xai.discriminator.concepts.detectors import DetectorUnavailableError, detect_posters

    source, posters = settings().posters, poster_sets.posters(subject.checkpoint)
    if subject.kind != POSTER or source is None or posters is None:
        return None
    try:
        return detect_posters(source, [subject.name], subject.checkpoint.config.size, posters.fit)
    except (DetectorUnavailableError, gan.PosterLensError, OSError):  # or the file is gone
        return None

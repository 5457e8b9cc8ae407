"""A button that has D look at all posters, where only some of them are searched or on a map.

whole.offer(checkpoint, real=True)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.cached import collection
from dashboard.jobs.known import order_of
from dashboard.panels import jobs

if TYPE_CHECKING:
    import gan


def offer(checkpoint: gan.Checkpoint, real: bool) -> None:
    """Nothing where they are indexed, or cannot be."""
    if not collection.can_be_built(checkpoint, real) or collection.index(checkpoint, real) is not None:
        return
    kind = "real posters" if real else "generated posters"
    jobs.offer(
        f"These are some of the {kind}. It can be all of them once D has looked at each, which takes about 10 "
        "milliseconds a poster; it can be stopped, and goes on.",
        f"Look at all {kind}",
        f"Looking at all {kind}",
        order_of("index", checkpoint, real=real),
        f"index_{checkpoint.name}_{'real' if real else 'drawn'}",
    )

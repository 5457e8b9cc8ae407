"""The jobs that there are. An order names one of them and a checkpoint of the listing: no code, no path.

    order = order_of("latents", checkpoint)                     # on a page
    perform(json.loads(order.text), progress)                   # in the job's process

Each keeps what it finds in a file of the cache, whole or not at all, where the pages look for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from dashboard.cached import collection, discriminator, filters, latents, layout, listing, poster_sets, pruning
from dashboard.jobs.runner import Order
from gan.errors import CheckpointError, UsageError

if TYPE_CHECKING:
    import gan
    from dashboard.cached.layout import Collected
    from gan.progress import Progress

    Job = Callable[[gan.Checkpoint, Progress, Mapping[str, Any]], object]

JOBS: dict[str, Job] = {
    "filters of G": lambda checkpoint, progress, more: filters.measure_filters(checkpoint, progress),
    "filters of D": lambda checkpoint, progress, more: discriminator.measure(checkpoint, progress),
    "latents": lambda checkpoint, progress, more: latents.measure_latents(checkpoint, progress),
    "pruning": lambda checkpoint, progress, more: pruning.measure(checkpoint, progress),
    "collection": lambda checkpoint, progress, more: collection.make_study(checkpoint, progress),
    "index": lambda checkpoint, progress, more: collection.build(checkpoint, more["real"], progress),
    "t-SNE": lambda checkpoint, progress, more: _tsne(_collected(checkpoint, more), more["space"], progress),
    "clusters": lambda checkpoint, progress, more: _clusters(_collected(checkpoint, more), more["space"], progress),
}


def order_of(job: str, checkpoint: gan.Checkpoint, **more: Any) -> Order:
    """The order for a job about these networks, with further plain values."""
    return Order.of(
        job,
        checkpoint=checkpoint.name,
        genres=None if checkpoint.config.genres else sorted(checkpoint.info.get("requested_genres", ())),
        output=getattr(checkpoint.discriminator, "output", ""),  # of a classifier, the class that is explained
        digest=checkpoint.digest,
        posters=poster_sets.posters(checkpoint) is not None,
        **more,
    )


def map_order(job: str, found: Collected, space: str) -> Order:
    """The order for a map by t-SNE, or for the clusters, of posters laid out by this layer.

    What is found is kept under a name that depends on each bit of the responses: as many threads compute them.
    """
    import torch

    return order_of(job, found.checkpoint, space=space, threads=torch.get_num_threads())


def perform(order: Mapping[str, Any], progress: Progress) -> None:
    """Do what was ordered.

    Raises
    ------
    PosterLensError
        If it cannot be done, in a sentence.
    """
    if order["job"] not in JOBS:
        raise UsageError(f"There is no job {order['job']!r}.")
    checkpoint = _checkpoint(order)
    if order["posters"]:
        poster_sets.read_posters(checkpoint.config.size)
    JOBS[order["job"]](checkpoint, progress, order)


def _checkpoint(order: Mapping[str, Any]) -> gan.Checkpoint:
    """The networks of an order, as the page has them."""
    found = listing.checkpoint(order["checkpoint"])
    if found.config.genres and order["genres"] is not None:
        found = listing.conditioned(found, tuple(order["genres"]))
    if order["output"]:
        found = listing.of_class(found, order["output"])
    if found.digest != order["digest"]:
        raise CheckpointError(
            f"{found.name} has other weights now than when this was asked for: load the page again. A file with "
            "networks of your own must give the same weights each time that it is run."
        )
    return found


def _collected(checkpoint: gan.Checkpoint, order: Mapping[str, Any]) -> Collected:
    """The posters of a map, as the page has them."""
    import torch

    torch.set_num_threads(order["threads"])
    found = layout.collected(checkpoint)
    if found is None:
        raise UsageError("A map needs posters, real or generated, and a discriminator.")
    return found


def _tsne(found: Collected, space: str, progress: Progress) -> None:
    layout.mapped(found, space, "tsne", progress)
    if not layout.is_on_disk(found, space):  # which a map is good without, elsewhere
        raise UsageError("The map could not be kept: the cache folder cannot be written, or the disk is full.")


def _clusters(found: Collected, space: str, progress: Progress) -> None:
    layout.by_cluster(found, layout.mapped(found, space, "pca"), progress)

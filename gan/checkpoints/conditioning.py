"""Conditioning a checkpoint on genres: plain, unconditional networks with the genres built in.

    horror = with_genres(checkpoint, "Horror, Comedy=-1")
    horror.generator(latents([0], horror.config))          # no labels any more

    labels = genre_labels(checkpoint.config.genres, ["Horror", "Comedy=-1"])
    horror = condition(checkpoint, labels)                 # the same

Labels run from -1 (not of the genre) over 0 (unspecified) to 1 (of the genre).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace

from gan.checkpoints.record import Checkpoint
from gan.errors import CheckpointError, counted


def genre_labels(genres: Sequence[str], requests: Sequence[str]) -> tuple[float, ...]:
    """Labels, one for each of ``genres``, from requests such as "Horror" or "Horror=0.5"; the others are 0.

    Case and spaces around a name are ignored.

    Raises
    ------
    CheckpointError
        If a genre is unknown or named twice, or a strength is not from -1 to 1.
    """
    index_of = {genre.casefold(): index for index, genre in enumerate(genres)}
    labels: dict[int, float] = {}
    for request in requests:
        name, equals, strength = request.partition("=")
        index = index_of.get(name.strip().casefold())
        if index is None:
            available = ", ".join(genres) if genres else "none, for it was trained without genres"
            raise CheckpointError(f"This checkpoint has no genre {name.strip()!r}; its genres: {available}.")
        if index in labels:
            raise CheckpointError(f"The genre {genres[index]} is named twice.")
        labels[index] = _strength(strength if equals else "1")
    return tuple(labels.get(index, 0.0) for index in range(len(genres)))


def _strength(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not -1 <= value <= 1:
        raise CheckpointError(f"The strength of a genre is a number from -1 to 1, not {text.strip()!r}.")
    return value


def condition(checkpoint: Checkpoint, labels: Sequence[float] = ()) -> Checkpoint:
    """The checkpoint with these genre labels built into both networks; without labels, all are unspecified (0).

    Its digest covers the weights and the labels, so that a cached result for one choice of genres is never taken
    for that of another. A checkpoint without genres is returned as it is.

    Raises
    ------
    CheckpointError
        If there are labels but no genres, or the labels are not one from -1 to 1 for each genre.
    """
    genres = checkpoint.config.genres
    if not genres and not labels:
        return checkpoint
    chosen = [float(label) for label in labels] or [0.0] * len(genres)
    if len(chosen) != len(genres) or not all(-1 <= label <= 1 for label in chosen):
        raise CheckpointError(
            f"Labels are {counted(len(genres), 'value')} from -1 to 1, one for each genre of the checkpoint."
        )
    generator, discriminator = checkpoint.generator, checkpoint.discriminator
    requested = {genre: label for genre, label in zip(genres, chosen, strict=True) if label}
    digest = hashlib.sha256(f"{checkpoint.digest} {json.dumps(requested)}".encode()).hexdigest()
    return replace(
        checkpoint,
        generator=None if generator is None else generator.with_genres(chosen).eval(),
        discriminator=None if discriminator is None else discriminator.with_genres(chosen).eval(),
        config=replace(checkpoint.config, genres=(), conditioned=True),
        info={**checkpoint.info, "requested_genres": requested},
        digest=digest,
    )


def with_genres(checkpoint: Checkpoint, text: str = "") -> Checkpoint:
    """The checkpoint conditioned on genres as a person writes them: "Horror, Comedy=0.5"; "" leaves all unspecified.

    Raises
    ------
    CheckpointError
        As :func:`genre_labels`, also where a checkpoint without genres is to be conditioned on some.
    """
    return condition(checkpoint, genre_labels(checkpoint.config.genres, _requests(text, checkpoint.config.genres)))


def _requests(text: str, genres: Sequence[str]) -> list[str]:
    """The parts between commas, joined again where a genre has commas in its own name: "Crime, Mystery & Thriller"."""
    known = {genre.casefold() for genre in genres}
    parts, requests = text.split(","), []
    while parts:
        joined = (",".join(parts[:length]) for length in range(len(parts), 1, -1))
        names = ((each, *each.partition("=")) for each in joined)
        whole = (each for each, name, _, more in names if name.strip().casefold() in known and "," not in more)
        requests.append(next(whole, parts[0]))
        parts = parts[requests[-1].count(",") + 1 :]
    return [request for request in requests if request.strip()]

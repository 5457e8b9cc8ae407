"""The posters of a checkpoint: resized and selected as in its training, and whether they are those of its training.

    found = posters_of(checkpoint, "posters.zip")
    found.training, found.held_out                  # PosterSets of the size of the generator's pictures
    found.origin                                    # "training"; "unknown" where the checkpoint does not say
    posters_of(checkpoint, "others", other=True)    # origin "other"; without ``other`` a DataError

A checkpoint stores the fingerprint of its training posters under ``info["data"]``. Everything that measures a
checkpoint by real posters reads them here, and writes down their origin.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gan.checkpoints.record import Checkpoint
from gan.cli import add_only_genres
from gan.data.images import FITS, Fit
from gan.data.posters import PosterSet, load_posters
from gan.errors import DataError
from gan.files import name_bytes
from gan.progress import Progress

TRAINING, OTHER, UNKNOWN = "training", "other", "unknown"
DIFFERENCES = {  # by key of a fingerprint, the most telling first
    "posters": "their number",
    "sha256_of_names": "their names",
    "sha256_of_first_64": "their pixels",
    "sha256_of_labels": "their genres",
}


@dataclass(frozen=True)
class CheckpointPosters:
    """Posters to measure a checkpoint by.

    posters : all of them. training, held_out : the two sides of the split by file name.
    origin : "training" where the fingerprint in the checkpoint says so, "other" where it says otherwise, "unknown"
        where it says nothing, or only how many there were.
    source : name of the folder or zip.
    """

    posters: PosterSet
    training: PosterSet
    held_out: PosterSet
    origin: str
    source: str

    @property
    def other(self) -> str:
        """The source's name where these are not the posters of the training; "" otherwise."""
        return self.source if self.origin == OTHER else ""


def posters_of(
    checkpoint: Checkpoint,
    source: str | Path,
    fit: Fit | None = None,
    only_genres: str | None = None,
    other: bool = False,
    progress: bool | Progress = True,
) -> CheckpointPosters:
    """Read posters as they were read for the training of this checkpoint: at its size, with its fit, of its genres.

    fit, only_genres : where given, they take the place of what the checkpoint says (Checkpoint.dataset_options).
    other : whether posters that are not those of the training are taken; their origin is then "other".

    Raises
    ------
    DataError
        If they are not the posters of the training, or as :func:`gan.data.posters.load_posters`.
    """
    fit, genres = checkpoint.dataset_options(fit, only_genres)
    posters = load_posters(source, checkpoint.config.size, fit, progress=progress)
    known = {genre.lower() for genre in posters.genre_counts()}
    if known & {genre.lower() for genre in genres} or not other or only_genres is not None:
        posters = posters.with_genres(genres) if genres else posters  # others without such genres are taken whole
    training, held_out = posters.split()
    expected = expected_of(checkpoint)
    found = origin(training, checkpoint.config.genres, expected)
    if found == OTHER and not other:
        raise DataError(refusal(checkpoint.name, training, checkpoint.config.genres, expected))
    return CheckpointPosters(posters, training, held_out, found, Path(source).name)


def add_poster_options(parser: argparse.ArgumentParser) -> None:
    """--fit, --only-genres and --other-posters: how a checkpoint's posters are read (:func:`posters_from`)."""
    as_trained = "default: as the checkpoint says, else"
    parser.add_argument("--fit", choices=FITS, help=f"how posters were resized in training ({as_trained} crop)")
    add_only_genres(parser, None, f"only posters of these, joined by commas ({as_trained} all posters)")
    parser.add_argument(
        "--other-posters", action="store_true", help="measure by posters that it was not trained on, and say so"
    )


def posters_from(
    checkpoint: Checkpoint, source: Path, options: argparse.Namespace, quiet: bool = False
) -> CheckpointPosters:
    """:func:`posters_of` with the options that :func:`add_poster_options` added."""
    return posters_of(checkpoint, source, options.fit, options.only_genres, options.other_posters, not quiet)


def expected_of(checkpoint: Checkpoint) -> dict[str, Any]:
    """What the checkpoint says of its training posters: a fingerprint, or only their number, or nothing."""
    info = checkpoint.info
    counted = {"posters": info["posters"]} if "posters" in info else {}
    return counted | dict(info.get("data") or {})


def fingerprint(training: PosterSet, genres: Sequence[str] = ()) -> dict[str, Any]:
    """Identifies a set of posters: its count, and hashes of names, first pictures and labels of ``genres``."""
    names = hashlib.sha256(name_bytes("\n".join(training.names)))
    pictures = hashlib.sha256(np.ascontiguousarray(training.images[:64]).tobytes())  # tells --fit, too
    data = {
        "posters": len(training),
        "sha256_of_names": names.hexdigest(),
        "sha256_of_first_64": pictures.hexdigest(),
    }
    if genres:
        data["sha256_of_labels"] = hashlib.sha256(training.genre_labels(genres).tobytes()).hexdigest()
    return data


def origin(training: PosterSet, genres: Sequence[str], expected: Mapping[str, Any]) -> str:
    """Whether these are the posters with the fingerprint ``expected``, as far as it goes."""
    if differences(training, genres, expected):
        return OTHER
    return TRAINING if expected.keys() - {"posters"} else UNKNOWN


def differences(training: PosterSet, genres: Sequence[str], expected: Mapping[str, Any]) -> list[str]:
    """In which respects the posters differ from the fingerprint ``expected``: older ones have fewer hashes."""
    current = fingerprint(training, genres)
    return [
        words
        for key, words in DIFFERENCES.items()
        if key in current and expected.get(key, current[key]) != current[key]
    ]


def refusal(name: object, training: PosterSet, genres: Sequence[str], expected: Mapping[str, Any]) -> str:
    """The sentence for posters that are not those of the training."""
    different = differences(training, genres, expected)[0]
    return (
        f"{name} was trained on other posters ({different} differ{'s' * different.endswith('number')}); name the "
        "--data, --only-genres and --fit of its training, or --other-posters to measure by these and say so."
    )

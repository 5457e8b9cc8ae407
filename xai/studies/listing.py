"""The studies that can stand beside a checkpoint's weights, each bound to them by their digest.

    from xai.studies.listing import STUDIES, missing

    missing(Path("checkpoints/wider-64"))     # names of those that are not there, or of other weights

``posterlens study`` makes them; the dashboard shows what is there and offers to make the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gan
from xai.collection.study import CollectionStudy
from xai.discriminator.concepts.table import GENERATOR_FILE, ConceptTable
from xai.discriminator.filters.table import DiscriminatorTable
from xai.generator.filter_table import FilterTable
from xai.generator.pruning_curves import PruningCurves
from xai.latents.encoder import load_encoder
from xai.latents.study import LatentStudy
from xai.trust.kept import KeptVerdicts


@dataclass(frozen=True)
class Study:
    """about : what it measures. needs_posters : real ones.

    read : (folder, digest of the weights) to the study; None or False where there is none of these weights.
    """

    about: str
    read: Callable[[Path, str], Any]
    needs_posters: bool = False


def _generator_concepts(folder: Path, digest: str) -> Any:
    return ConceptTable.beside(folder, digest, GENERATOR_FILE)


def _encoder(folder: Path, digest: str) -> Any:
    path = folder / "encoder.safetensors"
    return load_encoder(path, digest) if path.is_file() else None


STUDIES = {  # cheap ones first; what another one takes up stands before it
    "verdicts": Study("whether maps of the first posters can be trusted", KeptVerdicts.beside),
    "latents": Study("what each latent dimension and direction does", LatentStudy.beside),
    "encoder": Study("a first guess of a poster's latent", _encoder),
    "filters": Study("what each filter of the generator is for", FilterTable.beside),
    "pruning": Study("how far the generator can be pruned", PruningCurves.beside, True),
    "discriminator": Study(
        "what each filter of the discriminator tells", DiscriminatorTable.beside, needs_posters=True
    ),
    "concepts": Study("concepts of the discriminator's filters", ConceptTable.beside, True),
    "generator concepts": Study("concepts of the generator's filters", _generator_concepts),
    "collection": Study(
        "which posters look alike, and what is never drawn", CollectionStudy.beside, needs_posters=True
    ),
}


def missing(folder: Path) -> list[str]:
    """Names of the studies that this checkpoint's folder does not hold, or holds of other weights, or damaged."""
    digest = gan.load(folder).digest
    return [name for name in STUDIES if not is_there(name, folder, digest)]


def is_there(name: str, folder: Path, digest: str) -> bool:
    """Whether this folder holds this study of the weights with this digest."""
    try:
        return bool(STUDIES[name].read(folder, digest))
    except gan.PosterLensError:
        return False

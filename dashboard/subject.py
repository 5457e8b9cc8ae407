"""The poster that every page is about, and the noise from which a generated one was drawn.

    subject = require()                       # on a page that says in pages.py what it needs
    subject.pixels, subject.noise             # what the sidebar chose

The sidebar makes a :class:`Selection` in each run, and app.py hands it to the pages.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import streamlit as st

if TYPE_CHECKING:
    from torch import Tensor

    import gan

SELECTION = "selection"  # where the session holds it
GENERATED, POSTER, UPLOAD, FOUND = "Seed", "Poster", "Upload", "Found"  # kinds of subjects
Member = tuple[Literal["poster", "seed"], int]  # of a set of posters: the number of a loaded one, or a seed


@dataclass(frozen=True, eq=False)
class Noise:
    """A latent z (1, latent, 1, 1) with a name to show. ``key`` is equal for equal latents; ``seed`` if it has one."""

    z: Tensor
    key: str
    name: str
    seed: int | None = None

    @classmethod
    def of_seed(cls, seed: int, config: gan.ModelConfig) -> Noise:
        import gan

        return cls(gan.latents([seed], config), f"seed {seed}", f"seed {seed}", seed)

    @classmethod
    def of_latent(cls, z: Tensor, name: str) -> Noise:
        return cls(z, digest_of(z.numpy().tobytes()), name)


@dataclass(frozen=True, eq=False)
class Whole:
    """A whole poster. pixels : uint8 RGB (h, w, 3), with a frame around the part that is seen. share : of its area."""

    pixels: Any
    share: float


@dataclass(frozen=True, eq=False)
class Subject:
    """The chosen poster and the networks that look at it.

    kind : Seed, Poster, Upload or Found. name : file name or seed. caption : the name, and what else is known of it.
    image : (1, 3, H, W) in [-1, 1]. key : SHA-256 of its pixels. noise : where it was generated.
    logit, probability : D's verdict, None without a discriminator. classes : of a classifier, its probabilities, the
    largest first. whole : the poster that it was cut from, if it was.
    upload : the file's content, of an uploaded one.
    """

    checkpoint: gan.Checkpoint
    kind: str
    name: str
    caption: str
    image: Tensor
    key: str
    noise: Noise | None
    logit: float | None
    probability: float | None
    whole: Whole | None = None
    upload: bytes | None = None
    classes: Mapping[str, float] = field(default_factory=dict)

    @property
    def pixels(self) -> Any:
        """uint8 RGB (H, W, 3)."""
        import gan

        return gan.to_uint8(self.image)[0]


@dataclass(frozen=True, eq=False)
class Uploaded:
    """Uploaded pictures (K, 3, H, W) that serve as a reference, and their digest."""

    images: Tensor
    key: str


@dataclass(frozen=True, eq=False)
class Selection:
    """What the sidebar chose; None for what is not chosen, or could not be loaded.

    checkpoint : plain networks for the chosen genres. unconditioned : the checkpoint itself, which may know genres.
    """

    unconditioned: gan.Checkpoint | None = None
    checkpoint: gan.Checkpoint | None = None
    subject: Subject | None = None


def hand_over(selection: Selection) -> None:
    """Give the pages what was chosen."""
    st.session_state[SELECTION] = selection


def selected() -> Selection:
    """What was chosen in the sidebar."""
    selection: Selection = st.session_state[SELECTION]
    return selection


def require() -> Subject:
    """The subject, on a page that needs one (``Page.needs``): app.py does not run it without."""
    subject = selected().subject
    assert subject is not None
    return subject


def unconditioned() -> gan.Checkpoint:
    """The chosen checkpoint before any genre is built in; for pages that know that there is one."""
    checkpoint = selected().unconditioned
    assert checkpoint is not None
    return checkpoint


def digest_of(content: bytes) -> str:
    """SHA-256, the key of a picture's or a latent's bytes."""
    return hashlib.sha256(content).hexdigest()

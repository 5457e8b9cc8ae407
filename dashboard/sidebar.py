"""The poster that everything is about: chosen once in the sidebar, kept across pages and in the URL."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import ui
from dashboard.cached import networks

if TYPE_CHECKING:
    from torch import Tensor

    import gan
    from xai import Trust

GENERATED, POSTER, UPLOAD, FOUND = "Seed", "Poster", "Upload", "Found"
MOST_SEED = 9_999
UPLOAD_MB = 20
OWN_REFERENCES = "own_references"


@dataclass(frozen=True, eq=False)
class Subject:
    """The chosen poster and the networks that look at it.

    image : (1, 3, H, W) in [-1, 1]. key : SHA-256 of its pixels. z, seed : its noise, where it was generated.
    logit, probability : D's verdict, None without a discriminator.
    """

    checkpoint: gan.Checkpoint
    name: str
    image: Tensor
    key: str
    z: Tensor | None
    seed: int | None
    logit: float | None
    probability: float | None

    @property
    def pixels(self) -> Any:
        """uint8 RGB (H, W, 3)."""
        import gan

        return gan.to_uint8(self.image)[0]


def choose() -> Subject | None:
    """Draw the sidebar and return the chosen poster; None (with a sentence on the page) if there is none."""
    import gan

    st.session_state["_checkpoint"] = None
    with st.sidebar:
        try:
            checkpoint = _choose_checkpoint()
            st.session_state["_checkpoint"] = checkpoint
            subject = None if checkpoint is None else _choose_poster(checkpoint)
        except gan.PosterLensError as error:
            st.error(str(error))
            return None
        if subject is not None:
            ui.picture(subject.pixels, subject.name)
            ui.verdict(subject.logit, subject.probability)
            _explain_verdict(subject)
    return subject


def base() -> gan.Checkpoint:
    """The chosen checkpoint before any genre was asked for: its networks know the genres in ``config.genres``."""
    found: gan.Checkpoint = st.session_state["_base"]
    return found


def ask_for(genres: list[str]) -> None:
    """Ask for these genres, and no others (for callbacks)."""
    st.session_state["genres"] = genres


def latent_of(subject: Subject) -> tuple[int, Tensor]:
    """Seed and noise for pages about the generator; those of the seed box, with a note, for a real poster."""
    import gan

    seed = int(st.session_state.get("seed", 0))
    if subject.z is not None:
        return seed if subject.seed is None else subject.seed, subject.z
    st.info(
        f"A real poster has no noise values, so this page shows the generated poster of seed {seed}. "
        "*Find this poster* on the Latent page looks for the noise that comes nearest to it."
    )
    return seed, gan.latents([seed], subject.checkpoint.config)


def upload_references() -> None:
    """A box for pictures of one's own to compare with."""
    st.file_uploader(
        "Your own pictures to compare with", ["jpg", "jpeg", "png", "webp"], accept_multiple_files=True,
        max_upload_size=UPLOAD_MB, key=OWN_REFERENCES,
    )  # fmt: skip


def own_references(checkpoint: gan.Checkpoint) -> tuple[Tensor | None, str]:
    """The uploaded references (K, 3, H, W) and their digest; (None, "") without. A bad one is named and left out."""
    import torch

    import gan

    images = []
    for file in st.session_state.get(OWN_REFERENCES) or []:
        try:
            images.append(gan.read_poster(file.getvalue(), checkpoint.config.size))
        except gan.ImageError as error:
            st.error(str(error).replace("the picture", file.name))
    if not images:
        return None, ""
    together = torch.cat(images)
    return together, networks.digest_of(together.numpy().tobytes())


def ranked(names: list[str]) -> list[str]:
    """Methods, those with the best verdicts on the last picture first."""
    ranks = st.session_state.get("_ranks", {})
    return sorted(names, key=lambda name: ranks.get(name, 0))


def rank(trusted: dict[str, Trust], order: list[str], sorted_by_trust: bool) -> None:
    """Remember the verdicts; where the cards should now stand in another order, draw the page again."""
    verdicts = ["trust", "caution", "do not trust"]
    st.session_state["_ranks"] = {name: verdicts.index(trust.verdict) for name, trust in trusted.items()}
    if sorted_by_trust and trusted and ranked(order) != order:
        st.rerun()


def show_seed(seed: int) -> None:
    """Make the generated poster of this seed the subject (for callbacks)."""
    _show(GENERATED, "seed", seed)


def show_poster(number: int) -> None:
    """Make this poster of the loaded folder the subject (for callbacks)."""
    _show(POSTER, "poster", number)


def keep_found(name: str, z: Tensor) -> None:
    """Make the poster of this noise the subject from the next run on; it can be chosen until the browser is closed."""
    checkpoint = st.session_state["_checkpoint"]
    st.session_state["_found"] = {checkpoint.digest: (name, z)}
    st.session_state["_next_source"] = FOUND


def _show(source: str, key: str, value: int) -> None:
    if st.session_state.get("source") != source:  # a box that is not on the page yet leaves the address as it is
        st.query_params[key] = str(value)
    st.session_state[key] = value
    st.session_state["source"] = source


def _choose_checkpoint() -> gan.Checkpoint | None:
    names = networks.checkpoint_names()
    if not names:
        return None
    name = st.selectbox("Checkpoint", names, key="checkpoint", bind="query-params")
    found = st.session_state["_base"] = networks.checkpoint(name)
    return _ask(found) if found.config.genres else found


def _ask(checkpoint: gan.Checkpoint) -> gan.Checkpoint:
    """Let a person choose genres; returns plain networks for posters of these."""
    known = checkpoint.config.genres
    if "genres" in st.session_state:  # another checkpoint may have offered others
        st.session_state["genres"] = [genre for genre in st.session_state["genres"] if genre in known]
    genres = st.multiselect(
        "Genres", known, key="genres", bind="query-params", placeholder="None asked for",
        help="What the generator is asked to paint. D is asked whether it is a real poster of these genres.",
    )  # fmt: skip
    chosen = tuple(genre for genre in known if genre in genres)  # in one order, for one answer
    measured = networks.followed(checkpoint)
    heard = [f"{genre} {measured[genre]:.0%}" for genre in chosen if genre in measured]
    if heard:
        st.caption(f"How far asking moves its posters towards real ones of the genre: {', '.join(heard)} of the way.")
    return networks.asked(checkpoint.digest, chosen, checkpoint)


def _explain_verdict(subject: Subject) -> None:
    """What D was asked, where that is not only "real or fake?", and what its zero means."""
    if subject.logit is None:
        return
    checkpoint = subject.checkpoint
    asked = " and ".join(checkpoint.info.get("requested_genres", ()))
    if asked:
        st.caption(f"D was asked: is this a real poster of the genre {asked}?")
    if checkpoint.config.calibrated:
        st.caption("At a logit of 0 a poster is as likely real as generated.")
    else:
        st.caption(
            "Where this logit's zero lies was left to training and never set, so this verdict means little; the "
            "difference between two posters counts."
        )


def _choose_poster(checkpoint: gan.Checkpoint) -> Subject | None:
    size = checkpoint.config.size
    if st.query_params.get("source") == POSTER and networks.posters_wait(size):
        networks.read_posters(size)
    found = networks.posters(size)
    kept = st.session_state.get("_found", {}).get(checkpoint.digest)
    sources = [GENERATED] * (checkpoint.generator is not None) + [POSTER] * (found is not None) + [UPLOAD]
    sources += [FOUND] * (kept is not None)
    if st.session_state.get("_next_source") in sources:  # a box may not be set once it is drawn
        st.session_state["source"] = st.session_state.pop("_next_source")
    source = st.radio("Poster", sources, horizontal=True, key="source", bind="query-params")
    if networks.posters_wait(size):
        st.button(
            "Read the real posters", on_click=networks.read_posters, args=(size,), icon=":material/folder_open:",
            help=f"At {size[1]} × {size[0]} pixels: the first time it takes minutes, and 0.2 MB or more of disk each.",
        )  # fmt: skip
    if source == POSTER and found is not None:
        return _from_folder(checkpoint, found)
    if source == FOUND and kept is not None:
        return _from_noise(checkpoint, *kept)
    if source == GENERATED and checkpoint.generator is not None:
        return _from_seed(checkpoint)
    return _from_upload(checkpoint)


def _from_seed(checkpoint: gan.Checkpoint) -> Subject:
    import gan

    seed = _number_with_dice("Seed", "seed", MOST_SEED, "The same seed always gives the same poster.")
    z = gan.latents([seed], checkpoint.config)
    image = networks.drawn(checkpoint.digest, seed, checkpoint)
    return _subject(checkpoint, f"seed {seed}", image, z, seed)


def _from_noise(checkpoint: gan.Checkpoint, name: str, z: Tensor) -> Subject:
    import torch

    with torch.no_grad():
        image = checkpoint.generator(z)  # type: ignore[misc]  # it was found with this generator
    st.caption("Found by the Latent page; it is not part of the link.")
    # Answers are kept by seed: a number that no seed has stands for this noise.
    return _subject(checkpoint, name, image, z, -int(networks.digest_of(z.numpy().tobytes())[:12], 16))


def _from_folder(checkpoint: gan.Checkpoint, found: gan.PosterSet) -> Subject:
    from gan.data.posters import is_held_out

    index = _number_with_dice("Poster number", "poster", len(found) - 1, f"0 to {len(found) - 1}, by file name.")
    genres = ", ".join(found.genres[index])
    seen = "never trained on" if is_held_out(found.names[index]) else "seen in training"
    name = " · ".join(filter(None, [found.names[index], genres, seen]))
    return _subject(checkpoint, name, found.tensor([index]))


def _from_upload(checkpoint: gan.Checkpoint) -> Subject | None:
    import gan

    file = st.file_uploader(
        "JPEG, PNG or WebP", ["jpg", "jpeg", "png", "webp"], max_upload_size=UPLOAD_MB, key="upload"
    )
    if file is None:
        st.info("Drop a poster here. It stays on this machine and is not part of the link.")
        return None
    try:
        image = gan.read_poster(file.getvalue(), checkpoint.config.size)
    except gan.ImageError as error:
        st.error(str(error).replace("the picture", file.name))
        return None
    return _subject(checkpoint, file.name, image)


def _subject(
    checkpoint: gan.Checkpoint, name: str, image: Tensor, z: Tensor | None = None, seed: int | None = None
) -> Subject:
    import gan

    key = networks.digest_of(gan.to_uint8(image).tobytes())
    logit = probability = None
    if checkpoint.discriminator is not None:
        verdict = networks.score(checkpoint.digest, checkpoint)(image)
        logit, probability = float(verdict), float(verdict.sigmoid())
    return Subject(checkpoint, name, image, key, z, seed, logit, probability)


def _number_with_dice(label: str, key: str, most: int, note: str) -> int:
    def roll() -> None:
        st.session_state[key] = random.randint(0, most)

    ui.clamp(key, most)
    number, dice = st.columns([3, 1], vertical_alignment="bottom")
    value = number.number_input(label, 0, most, key=key, bind="query-params", help=note)
    dice.button("", key=f"{key}_dice", on_click=roll, icon=":material/casino:", help="Another one", width="stretch")
    return int(value)

"""The sidebar: one poster is chosen here, kept across pages and in the address, and every page is about it.

hand_over(sidebar.choose())                           # app.py, in each run
st.button("Seed 7", on_click=sidebar.show_seed, args=(7,))
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import ui
from dashboard.cached import listing, networks, originals, poster_sets
from dashboard.glossary import explanation
from dashboard.settings import settings
from dashboard.subject import FOUND, GENERATED, POSTER, UPLOAD, Noise, Selection, Subject, Uploaded, digest_of
from dashboard.text import plain
from gan.errors import counted, joined

if TYPE_CHECKING:
    from torch import Tensor

    import gan

MOST_SEED = 2**32 - 1
DICE = 9_999  # the largest seed that the dice show: short to tell somebody
UPLOAD_MB = 20
UPLOADS = ["jpg", "jpeg", "jfif", "png", "webp", "gif", "bmp", "tif", "tiff", "avif"]
OWN_REFERENCES = "own_references"
FOUND_LATENT = "found"  # in the session: {digest of the checkpoint: the latent that was found}


def choose() -> Selection:
    """Draw the sidebar and return what is chosen in it, with a sentence for what cannot be had."""
    import gan

    unconditioned = checkpoint = subject = None
    with st.sidebar:
        try:
            unconditioned = _choose_checkpoint()
            if unconditioned is not None:
                checkpoint = _choose_genres(unconditioned) if unconditioned.config.genres else unconditioned
                checkpoint = _choose_class(checkpoint) if checkpoint.config.classes else checkpoint
                subject = _choose_poster(checkpoint)
        except gan.PosterLensError as error:
            st.error(ui.message(error))
        if subject is not None:
            ui.picture(subject.pixels, subject.caption)
            show_verdict(subject)
            _show_whole(subject)
            _explain_verdict(subject)
    return Selection(unconditioned, checkpoint, subject)


def show_verdict(subject: Subject) -> None:
    """What D thinks of the poster, or which classes a classifier finds."""
    if subject.classes and subject.logit is not None:
        name = networks.score(subject.checkpoint).meaning.name
        ui.classified(name, subject.logit, subject.classes)
    else:
        ui.verdict(subject.logit, subject.probability)


def request_genres(genres: list[str]) -> None:
    """Request these genres, and no others (for callbacks)."""
    st.session_state["genres"] = genres


def noise_of(subject: Subject, where: str = "on the Latent page") -> Noise:
    """The noise for pages about the generator; that of the seed box, with a note, for a real poster.

    ``where`` one can look for the noise that comes nearest to it, as seen from the page.
    """
    if subject.noise is not None:
        return subject.noise
    seed = int(st.session_state.get("seed", 0))
    st.info(
        f"A real poster has no latent, so this page shows the generated poster of seed {seed}. "
        f"*Find this poster* {where} looks for the noise that comes nearest to it."
    )
    return Noise.of_seed(seed, subject.checkpoint.config)


def upload_references() -> None:
    """A box for pictures of one's own that serve as the baseline."""
    st.file_uploader(
        "Your own pictures as a baseline", UPLOADS, accept_multiple_files=True,
        max_upload_size=UPLOAD_MB, key=OWN_REFERENCES,
    )  # fmt: skip


def uploaded_references(checkpoint: gan.Checkpoint) -> Uploaded | None:
    """The uploaded references, or None. A file that is no picture is named and left out."""
    import torch

    import gan

    images = []
    for file in st.session_state.get(OWN_REFERENCES) or []:
        try:
            images.append(gan.read_poster(file.getvalue(), checkpoint.config.size, checkpoint.dataset_options()[0]))
        except gan.ImageError as error:
            st.error(ui.message(str(error).replace("the picture", file.name)))
    if not images:
        return None
    together = torch.cat(images)
    return Uploaded(together, digest_of(together.numpy().tobytes()))


def show_seed(seed: int) -> None:
    """Make the generated poster of this seed the subject (for callbacks)."""
    _show(GENERATED, "seed", seed)


def show_poster(number: int) -> None:
    """Make this poster of the loaded folder the subject (for callbacks)."""
    _show(POSTER, "poster", number)


def roll(key: str, most: int) -> None:
    """Put a random number into the box of seeds or of posters (for callbacks)."""
    st.session_state[key] = random.randint(0, most if key == "poster" else DICE)  # noqa: S311 - no secret


def show_latent(checkpoint: gan.Checkpoint, name: str, z: Tensor) -> None:
    """Make the poster of this latent the subject (for callbacks); it can be chosen until the browser is closed."""
    st.session_state[FOUND_LATENT] = {checkpoint.digest: Noise.of_latent(z, name)}
    st.session_state["source"] = FOUND


def _show(source: str, key: str, value: int) -> None:
    if st.session_state.get("source") != source:  # a box that is not on the page yet leaves the address as it is
        st.query_params[key] = str(value)
    st.session_state[key] = value
    st.session_state["source"] = source


def _choose_checkpoint() -> gan.Checkpoint | None:
    names = listing.checkpoint_names()
    if not names:
        return None
    ui.keep_choice("checkpoint", names)
    about = explanation("checkpoint")
    return listing.checkpoint(st.selectbox("Checkpoint", names, key="checkpoint", bind="query-params", help=about))


def _choose_genres(checkpoint: gan.Checkpoint) -> gan.Checkpoint:
    """Let a person request genres; returns plain networks for posters of these."""
    known = checkpoint.config.genres
    if "genres" in st.session_state:  # another checkpoint may have offered others
        st.session_state["genres"] = [genre for genre in st.session_state["genres"] if genre in known]
    requested = st.multiselect(
        "Genres", known, key="genres", bind="query-params", placeholder="None requested",
        help="What the generator is asked to paint. D is then asked whether it is a real poster of these genres.",
    )  # fmt: skip
    genres = tuple(genre for genre in known if genre in requested)  # in one order, for one answer
    adherence = listing.genre_adherence(checkpoint)
    measured = [f"{plain(genre)} {adherence[genre]:.0%}" for genre in genres if genre in adherence]
    if measured:
        st.caption(f"Genre adherence, 100% being as far as real posters of the genre: {', '.join(measured)}.")
    return listing.conditioned(checkpoint, genres)


def _choose_class(checkpoint: gan.Checkpoint) -> gan.Checkpoint:
    """Let a person choose which class of a classifier is explained; returns the network of its logit."""
    classes = list(checkpoint.config.classes)
    ui.keep_choice("class", classes)
    name = st.selectbox(
        "Class", classes, format_func=plain, key="class", bind="query-params",
        help="The pages explain the logit of this class: what speaks for it in the poster, and what against it.",
    )  # fmt: skip
    return listing.of_class(checkpoint, name)


def _explain_verdict(subject: Subject) -> None:
    """What D was asked, where that is not only "real or fake?", and what a logit of 0 means."""
    if subject.logit is None or subject.classes:
        return
    checkpoint = subject.checkpoint
    requested = joined(checkpoint.info.get("requested_genres", ()))
    if requested:
        st.caption(f"D was asked: is this a real poster of the genre {plain(requested)}?")
    if checkpoint.config.calibrated:
        st.caption("At a logit of 0 a poster is as likely real as generated.")
    else:
        st.caption("D is not calibrated: a logit of 0 is no decision threshold; only differences count.")


def _choose_poster(checkpoint: gan.Checkpoint) -> Subject | None:
    size = checkpoint.config.size
    if st.query_params.get("source") == POSTER and poster_sets.posters_wait(size):
        poster_sets.read_posters(size)
    with ui.progress_bar("Reading the posters, once") as progress:
        problem = poster_sets.posters_problem(checkpoint, progress)
    if problem:
        st.warning(ui.message(f"{problem} Seeds and uploads work without."))
    posters = poster_sets.posters(checkpoint)
    found: Noise | None = st.session_state.get(FOUND_LATENT, {}).get(checkpoint.digest)
    sources = [GENERATED] * (checkpoint.generator is not None) + [POSTER] * (posters is not None) + [UPLOAD]
    sources += [FOUND] * (found is not None)
    source = st.radio("Poster", sources, horizontal=True, key="source", bind="query-params")
    if poster_sets.posters_wait(size):
        st.button(
            "Read the real posters", on_click=poster_sets.read_posters, args=(size,), icon=":material/folder_open:",
            help=f"At {size[1]} × {size[0]} pixels: the first time it takes minutes, and 0.2 MB or more of disk each.",
        )  # fmt: skip
    if source == POSTER and posters is not None:
        return _from_folder(checkpoint, posters)
    if source == FOUND and found is not None:
        st.caption("Found on the Latent page; it is not part of the link.")
        return _from_noise(checkpoint, FOUND, found)
    if source == GENERATED and checkpoint.generator is not None:
        seed = _number_with_dice("Seed", "seed", MOST_SEED, explanation("seed", "latent"))
        return _from_noise(checkpoint, GENERATED, Noise.of_seed(seed, checkpoint.config))
    return _from_upload(checkpoint)


def _from_noise(checkpoint: gan.Checkpoint, kind: str, noise: Noise) -> Subject:
    return _subject(checkpoint, kind, noise.name, noise.name, networks.generated(checkpoint, noise), noise)


def _from_folder(checkpoint: gan.Checkpoint, posters: gan.PosterSet) -> Subject:
    from gan.checkpoints.dataset import TRAINING
    from gan.data.hold_out import is_key_held_out

    _show_how_read(posters)
    index = _number_with_dice(
        "Poster number",
        "poster",
        len(posters) - 1,
        f"0 to {len(posters) - 1}, by file name; the Start page searches them by name and genre.",
    )
    name, genres = posters.names[index], ", ".join(posters.genres[index])
    found = poster_sets.checkpoint_posters(checkpoint)
    seen = "never trained on" if is_key_held_out(posters.split_keys[index]) else "seen in training"
    if found is not None and found.origin != TRAINING:
        seen = "not of its training" if found.other else ""
    caption = " · ".join(filter(None, [name, genres, seen]))
    subject = _subject(checkpoint, POSTER, name, caption, posters.tensor([index]))
    source = settings().posters
    if source is None or posters.fit != "crop":
        return subject
    return replace(subject, whole=originals.of_poster(source, name, checkpoint.config.size))


def _show_how_read(posters: gan.PosterSet) -> None:
    """Which tables were found, which rows and pictures do not fit, what was left out; closed until it is asked for."""
    notes = posters.notes()
    if posters.broken:
        pictures = counted(len(posters.broken), "picture")
        notes.append(f"{pictures} could not be read; the first: {posters.broken[0][1]}")
    if notes:
        with st.expander("How the posters were read"):
            for note in notes:
                st.caption(plain(note))


def _from_upload(checkpoint: gan.Checkpoint) -> Subject | None:
    import gan

    file = st.file_uploader("JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF", UPLOADS, max_upload_size=UPLOAD_MB, key="upload")
    if file is None:
        st.info("Drop a poster here. It stays on this machine and is not part of the link.")
        return None
    fit, content = checkpoint.dataset_options()[0], file.getvalue()
    try:
        image = gan.read_poster(content, checkpoint.config.size, fit)
        whole = originals.of_upload(content, checkpoint.config.size) if fit == "crop" else None
    except gan.ImageError as error:
        st.error(ui.message(str(error).replace("the picture", file.name)))
        return None
    return replace(_subject(checkpoint, UPLOAD, file.name, file.name, image), whole=whole, upload=content)


def _show_whole(subject: Subject) -> None:
    """The poster that was cut to the networks' shape, with a frame around what they see."""
    if subject.whole is not None:
        from xai.render import png

        height, width = subject.checkpoint.config.size
        shape = "a square" if height == width else f"{width} × {height}"
        st.caption(f"Cut to {shape}, as in training: the networks see {subject.whole.share:.0%} of the poster.")
        st.image(
            png(subject.whole.pixels),
            "the whole poster; inside the frame, what they see",
            width=130,
            alt="the whole poster",
        )


def _subject(
    checkpoint: gan.Checkpoint, kind: str, name: str, caption: str, image: Tensor, noise: Noise | None = None
) -> Subject:
    import gan

    logit = probability = None
    classes: dict[str, float] = {}
    if checkpoint.discriminator is not None:
        logit, probability, classes = networks.verdict(checkpoint, image)
    key = digest_of(gan.to_uint8(image).tobytes())
    return Subject(checkpoint, kind, name, caption, image, key, noise, logit, probability, classes=classes)


def _number_with_dice(label: str, key: str, most: int, note: str) -> int:
    ui.clamp(key, most)
    number, dice = st.columns([3, 1], vertical_alignment="bottom")
    value = number.number_input(label, 0, most, key=key, bind="query-params", help=note)
    another = "Another one"  # not drawn (ui.STYLE): the name of the button is otherwise that of its icon
    dice.button(
        another,
        key=f"{key}_dice",
        on_click=roll,
        args=(key, most),
        icon=":material/casino:",
        help=another,
        width="stretch",
    )
    return int(value)

"""Explanations of D's verdict, computed once: maps, whether to trust them, and the way back to the noise.

    question = Question(checkpoint, subject.image, subject.key, reference="generated", count=16)
    explanation(question, "deeplift", {}, progress)

A :class:`Question` holds all that an answer depends on, besides the method.
"""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard.cached import listing, networks, poster_sets
from dashboard.cached.keys import HASH_FUNCS
from gan.progress import silent

if TYPE_CHECKING:
    from torch import Tensor

    import gan
    from dashboard.subject import Noise, Uploaded
    from gan.progress import Progress
    from xai.bench.standing import LocalisationStanding
    from xai.generator.blame import Blame
    from xai.methods.base import Attribution, Explanation
    from xai.methods.references import Reference
    from xai.networks.score import Meaning
    from xai.trust.verdict import Trust

COUNT = 16  # pictures in a reference, unless another number is chosen


def references(checkpoint: gan.Checkpoint, own: bool = False) -> list[str]:
    """Kinds of reference that can be had with what is loaded, and uploaded (``own``)."""
    import xai

    missing = set() if own else {"own"}
    if checkpoint.generator is None:
        missing |= {"generated"}
    if poster_sets.posters(checkpoint) is None:
        missing |= {"posters", "mean"}
    return [kind for kind in xai.REFERENCES if kind not in missing]


def usual_reference(available: list[str]) -> str:
    """The one that pages begin with."""
    return next(kind for kind in ("posters", "generated", "grey") if kind in available)


@dataclass(frozen=True, eq=False)
class Question:
    """All that an answer about a poster depends on, besides the method.

    image : (1, 3, H, W), and its digest ``image_key``. unit : (layer, index) to explain in place of the logit.
    reference : a kind, of ``count`` pictures. own : the uploaded ones. seed : of a generated poster.
    """

    checkpoint: gan.Checkpoint
    image: Tensor
    image_key: str
    reference: str
    count: int
    unit: tuple[str, int] | None = None
    own: Uploaded | None = None
    seed: int | None = None

    @property
    def meaning(self) -> Meaning:
        """What the score is, and what high and low mean."""
        meaning: Meaning = networks.score(self.checkpoint, self.unit).meaning
        return meaning

    @property
    def score(self) -> float:
        """The number that is explained."""
        return float(networks.score(self.checkpoint, self.unit)(self.image))

    @property
    def key(self) -> Any:
        """Equal for equal questions."""
        own = "" if self._uploaded is None else self._uploaded.key
        return self.checkpoint.digest, self.image_key, self.unit, self.reference, self.count, own

    def method(self, name: str, options: dict[str, Any]) -> Attribution:
        """The method, ready to answer."""
        import xai

        return xai.attribution(name, networks.score(self.checkpoint, self.unit), reference=self.baseline, **options)

    @property
    def baseline(self) -> Reference:
        """What the poster is compared with."""
        reference: Reference = _reference(self.checkpoint, self.reference, self.count, self._uploaded)
        return reference

    @property
    def _uploaded(self) -> Uploaded | None:
        return self.own if self.reference == "own" else None


@st.cache_resource(max_entries=32, show_spinner=False, hash_funcs=HASH_FUNCS)
def _reference(checkpoint: gan.Checkpoint, kind: str, count: int, uploaded: Uploaded | None) -> Reference:
    import xai

    posters = poster_sets.checkpoint_posters(checkpoint)
    training = None if posters is None else posters.training
    images = None if uploaded is None else uploaded.images
    return xai.reference(kind, images=images, posters=training, generator=checkpoint.generator, count=count)


def explanation(question: Question, name: str, options: dict[str, Any], progress: Progress) -> Explanation:
    """One method's answer."""
    key = ("explanation", name, question.key, tuple(sorted(options.items())))
    answer: Explanation = networks.answers().get(
        key, lambda: question.method(name, options).attribute(question.image, progress)
    )
    return answer


def trust(question: Question, name: str, options: dict[str, Any], progress: Progress) -> Trust:
    """Whether to believe that answer."""
    import xai

    def examine() -> Trust:
        kept = _kept(question, name, options)
        if kept is not None:
            return kept
        found = explanation(question, name, options, silent)
        return xai.examine(question.method(name, options), question.image, found, progress)

    answer: Trust = networks.answers().get(("trust", name, question.key, tuple(sorted(options.items()))), examine)
    return answer


def _kept(question: Question, name: str, options: dict[str, Any]) -> Trust | None:
    """The verdict that ships with the checkpoint, where it is of the same poster, settings and checks."""
    from xai.trust.kept import KeptVerdicts

    checkpoint = question.checkpoint
    if question.seed is None or question.unit is not None:
        return None
    kept = KeptVerdicts.beside(listing.folder(checkpoint.name), checkpoint.digest)
    if kept is None:
        return None
    config = question.method(name, options).config
    return kept.find(question.seed, config, question.reference, question.count)


def standing(question: Question, name: str, detail: int) -> LocalisationStanding | None:
    """How the method stands in the localisation benchmark at this detail; None where that was not measured."""
    from xai.bench.standing import standing

    checkpoint = question.checkpoint
    if question.unit is not None:  # evidence was planted for the verdict
        return None
    return standing(listing.folder(checkpoint.name), name, detail, checkpoint.digest)


def by_reference(
    question: Question, name: str, options: dict[str, Any], references: list[str], progress: Progress = silent
) -> dict[str, Explanation]:
    """The same method's answers against each of these kinds of reference."""
    answers = {}
    for index, kind in enumerate(references):
        answers[kind] = explanation(
            replace(question, reference=kind), name, options, part_of(progress, index, references)
        )
    return answers


def part_of(progress: Progress, index: int, parts: Sized) -> Progress:
    """The progress of one of equal parts, as the progress of all."""
    return lambda fraction: progress((index + fraction) / len(parts))


def archive(question: Question, name: str, options: dict[str, dict[str, Any]], checked: bool) -> bytes:
    """Everything about these methods' maps of one poster, as a zip file; ``options`` by method."""
    from xai.report.archive import archive_zip
    from xai.report.findings import Finding, stems

    finding = Finding(
        name,
        stems([name])[0],
        question.image,
        {method: explanation(question, method, chosen, silent) for method, chosen in options.items()},
        {method: trust(question, method, chosen, silent) for method, chosen in options.items() if checked},
    )
    methods = [question.method(method, chosen) for method, chosen in options.items()]
    return archive_zip(question.checkpoint, methods, [finding])


@st.cache_resource(max_entries=64, show_spinner="Tracing the verdict back to the noise", hash_funcs=HASH_FUNCS)
def blame(checkpoint: gan.Checkpoint, noise: Noise, count: int) -> Blame:
    """What each latent dimension and each filter of G adds to D's verdict, compared with ``count`` other seeds."""
    import gan
    import xai
    from gan.networks.seeds import reserved

    seeds = reserved("blame")[:count]
    others = gan.latents([seed for seed in seeds if seed != noise.seed], checkpoint.config)
    return xai.blame(checkpoint.need_generator(), checkpoint.need_discriminator(), noise.z, others)

"""Explanations of D's verdict, computed once and kept: maps, whether to believe them, and the way back to the noise.

A :class:`Question` holds all that an answer depends on, besides the method. Rules for keys: cache.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard.cached import networks

if TYPE_CHECKING:
    from torch import Tensor

    import gan
    from gan.progress import Progress
    from xai.generator.blame import Blame
    from xai.methods.base import Attribution, Explanation
    from xai.methods.references import Reference
    from xai.trust.verdict import Trust


def references(checkpoint: gan.Checkpoint, own: bool = False) -> list[str]:
    """Kinds of reference that can be had with what is loaded, and uploaded (``own``)."""
    import xai

    missing = set() if own else {"own"}
    if checkpoint.generator is None:
        missing |= {"generated"}
    if networks.posters(checkpoint.config.size) is None:
        missing |= {"posters", "mean"}
    return [kind for kind in xai.REFERENCES if kind not in missing]


@dataclass(frozen=True, eq=False)
class Question:
    """All that an answer about a poster depends on, besides the method.

    image : (1, 3, H, W), and its digest ``image_key``. unit : (layer, index) to explain in place of the logit.
    reference : a kind, of ``count`` pictures. own : (K, 3, H, W) uploaded references, and their digest.
    """

    checkpoint: gan.Checkpoint
    image: Tensor
    image_key: str
    reference: str
    count: int
    unit: tuple[str, int] | None = None
    own: Tensor | None = None
    own_key: str = ""

    @property
    def key(self) -> Any:
        """Equal for equal questions."""
        own = self.own_key if self.reference == "own" else ""
        return self.checkpoint.digest, self.image_key, self.unit, self.reference, self.count, own

    def method(self, name: str, options: dict[str, Any]) -> Attribution:
        """The method, ready to answer."""
        import xai

        digest = self.checkpoint.digest
        own = self.own_key if self.reference == "own" else ""
        return xai.attribution(
            name,
            networks.score(digest, self.checkpoint, self.unit),
            reference=_reference(digest, self.reference, self.count, own, self.checkpoint, self.own),
            **options,
        )


@st.cache_resource(max_entries=32, show_spinner=False)
def _reference(
    digest: str, kind: str, count: int, own_key: str, _checkpoint: gan.Checkpoint, _own: Tensor | None
) -> Reference:
    import xai

    found = networks.posters(_checkpoint.config.size)
    training = None if found is None else found.split()[0]
    images = _own if kind == "own" else None
    return xai.reference(kind, images=images, posters=training, generator=_checkpoint.generator, count=count)


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
        found = explanation(question, name, options, lambda part: None)
        return xai.examine(question.method(name, options), question.image, found, progress)

    answer: Trust = networks.answers().get(("trust", name, question.key, tuple(sorted(options.items()))), examine)
    return answer


def by_reference(
    question: Question, name: str, options: dict[str, Any], references: list[str]
) -> dict[str, Explanation]:
    """The same method's answers against each of these kinds of reference."""
    return {
        kind: explanation(replace(question, reference=kind), name, options, lambda part: None) for kind in references
    }


def archive(question: Question, name: str, options: dict[str, dict[str, Any]], checked: bool) -> bytes:
    """Everything about these methods' maps of one poster, as a zip file; ``options`` by method."""
    from xai.report.archive import archive_zip
    from xai.report.findings import Finding, stems

    def nothing(part: float) -> None:
        pass

    finding = Finding(
        name,
        stems([name])[0],
        question.image,
        {method: explanation(question, method, chosen, nothing) for method, chosen in options.items()},
        {method: trust(question, method, chosen, nothing) for method, chosen in options.items() if checked},
    )
    methods = [question.method(method, chosen) for method, chosen in options.items()]
    return archive_zip(question.checkpoint, methods, [finding])


@st.cache_resource(max_entries=64, show_spinner="Tracing the verdict back to the noise")
def blame(digest: str, seed: int, count: int, _checkpoint: gan.Checkpoint, _z: Tensor) -> Blame:
    """What each noise value and each filter of G adds to D's verdict, compared with ``count`` other seeds."""
    import gan
    import xai

    others = gan.latents([other for other in range(10_000, 10_000 + count) if other != seed], _checkpoint.config)
    return xai.blame(_checkpoint.need_generator(), _checkpoint.need_discriminator(), _z, others)

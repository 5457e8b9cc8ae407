"""What a report is made of, from what the pages have computed already: maps of posters, and the checkpoint's studies.

findings, methods = report.explained(subjects, ["deeplift"], checked=True, progress=bar)
report.sections(checkpoint, subjects[0].noise, ["filters of D"])
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from dashboard.cached import discriminator, explanations, filters, latents, listing

if TYPE_CHECKING:
    import gan
    from dashboard.subject import Noise, Subject
    from gan.progress import Progress
    from xai import Attribution
    from xai.report.findings import Finding
    from xai.report.sections import Measured
    from xai.report.study_report import Section


def methods_at_hand() -> list[str]:
    """Names of the methods that need no choice of a layer or a filter."""
    from xai import METHODS

    return [name for name, method in METHODS.items() if method.claims != "response"]


def explained(
    subjects: Sequence[Subject], names: Sequence[str], checked: bool, progress: Progress
) -> tuple[list[Finding], list[Attribution]]:
    """Each poster explained by each method, against the usual baseline; ``checked``: with verdicts."""
    from xai.report.findings import Finding, stems

    if not subjects or not names:
        return [], []
    checkpoint = subjects[0].checkpoint
    kind = explanations.usual_reference(explanations.references(checkpoint))
    parts = [(subject, name) for subject in subjects for name in names]
    found: list[Finding] = []
    for place, (subject, stem) in enumerate(zip(subjects, stems(one.name for one in subjects), strict=True)):
        seed = None if subject.noise is None else subject.noise.seed
        question = explanations.Question(
            checkpoint, subject.image, subject.key, kind, explanations.COUNT, None, None, seed
        )
        maps, verdicts = {}, {}
        for index, name in enumerate(names):
            part = explanations.part_of(progress, place * len(names) + index, parts)
            maps[name] = explanations.explanation(question, name, {}, part)
            if checked:
                verdicts[name] = explanations.trust(question, name, {}, part)
        found.append(Finding(subject.name, stem, subject.image, maps, verdicts))
    return found, [question.method(name, {}) for name in names]


def measured(checkpoint: gan.Checkpoint) -> Measured:
    """What was measured of a checkpoint, here or before it came."""
    from xai.report.sections import Measured

    evaluation = listing.evaluation(listing.folder(checkpoint.name))
    return Measured(
        evaluation if evaluation is not None and evaluation.digest == checkpoint.digest else None,
        discriminator.filter_table(checkpoint) if checkpoint.discriminator is not None else None,
        filters.filters_table(checkpoint) if checkpoint.generator is not None else None,
        latents.latent_study(checkpoint) if checkpoint.generator is not None else None,
    )


def sections(checkpoint: gan.Checkpoint, noise: Noise | None, chosen: Collection[str]) -> list[Section]:
    """The chosen ones of the parts that were measured, by their names in ``Measured.parts``."""
    from xai.report import sections as xai_sections

    found = measured(checkpoint).only(chosen)
    return xai_sections.measured(checkpoint, found, None if noise is None else noise.z)

"""Posters explained by several methods at once: one Finding a poster, and names for its files.

    methods = [xai.attribution("deeplift", score), xai.attribution("lime", score)]
    findings = explain(methods, ["a.png"], images, trust=True)
    findings[0].explanations["lime"].values, findings[0].trust["lime"].verdict

The methods share one score and one reference.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from torch import Tensor

from gan.data.images import SUFFIXES
from gan.progress import Progress
from xai.figures.figure import slug
from xai.methods.base import Attribution, Explanation
from xai.networks.score import Meaning
from xai.trust.verdict import Trust, examine


@dataclass(frozen=True, eq=False)
class Finding:
    """All results about one poster.

    name : as people know it, for instance a file name.
    stem : unique and safe in file names (see ``stems``).
    image : (1, 3, H, W) in [-1, 1].
    explanations : by method, each of this poster only (N = 1).
    trust : by method; empty where nothing was examined.
    """

    name: str
    stem: str
    image: Tensor
    explanations: Mapping[str, Explanation]
    trust: Mapping[str, Trust] = field(default_factory=dict)

    @property
    def score(self) -> float:
        """The poster's score, which all methods explain."""
        return float(next(iter(self.explanations.values())).score)

    @property
    def meaning(self) -> Meaning:
        """Of that score."""
        return next(iter(self.explanations.values())).meaning


def explain(
    methods: Sequence[Attribution],
    names: Sequence[str],
    images: Tensor,
    file_stems: Sequence[str] | None = None,
    trust: bool = False,
    progress: Progress | None = None,
) -> list[Finding]:
    """Explain the pictures (N, 3, H, W) called ``names`` by every method; with ``trust`` examine each map.

    ``file_stems`` are the names' ``stems`` unless given. ``progress`` is called with the finished fraction. Raises
    ExplanationError as the methods do.
    """
    parts = _parts(progress, len(methods) * (1 + len(names) * trust))
    by_method = {method.name: method.attribute(images, next(parts)) for method in methods}
    findings = []
    for row, (name, stem) in enumerate(zip(names, file_stems or stems(names), strict=True)):
        image = images[row : row + 1]
        explanations = {method: one_row(explanation, row) for method, explanation in by_method.items()}
        examined = {
            method.name: examine(method, image, explanations[method.name], next(parts))
            for method in (methods if trust else ())
        }
        findings.append(Finding(name, stem, image, explanations, examined))
    return findings


def _parts(progress: Progress | None, count: int) -> Iterator[Progress]:
    """One function a part of the work, each called with the finished fraction of its own part."""
    report = progress or (lambda fraction: None)
    for part in range(count):
        yield lambda fraction, part=part: report((part + fraction) / count)  # type: ignore[misc]


def one_row(explanation: Explanation, row: int) -> Explanation:
    """The explanation of one picture among N, with its part of the time."""
    rows = slice(row, row + 1)
    return replace(
        explanation,
        values=explanation.values[rows],
        score=explanation.score[rows],
        base_score=explanation.base_score[rows],
        gap=explanation.gap[rows],
        segments=None if explanation.segments is None else explanation.segments[rows],
        diagnostics={key: value[rows] for key, value in explanation.diagnostics.items()},
        seconds=explanation.seconds / len(explanation.score),
    )


def stems(names: Iterable[str]) -> list[str]:
    """Names that are safe as parts of file names, and unique, also where upper and lower case are one.

    Letters and digits of any script stay, everything else becomes "-"; long names are cut; the second of
    two alike ends in "-2".
    """
    taken: set[str] = set()
    numbers: dict[str, int] = {}
    unique = []
    for name in names:
        plain = stem = _safe(name)
        while stem.casefold() in taken:
            numbers[plain.casefold()] = numbers.get(plain.casefold(), 1) + 1
            stem = f"{plain}-{numbers[plain.casefold()]}"
        taken.add(stem.casefold())
        unique.append(stem)
    return unique


def _safe(name: str) -> str:
    path, suffix = os.path.splitext(name)  # noqa: PTH122  # a Path would make something else of "a/..", or of ""
    path = path if suffix.lower() in SUFFIXES else name
    return slug(path) or "poster"

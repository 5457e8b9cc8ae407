"""The one interface for all attribution methods.

    method = xai.attribution("deepshap", Score(discriminator), reference=xai.reference("grey"))
    explanation = method.attribute(images)
    explanation.values            # (N, 3, 64, 64), signed, in logit units

A method is a frozen dataclass whose fields are its settings, with one function that explains one
picture. Everything around it (rows, sums, time, progress, checks) is done here, once. ``@register`` gives it a place
in METHODS, by its name.
"""

from __future__ import annotations

import json
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan.display import picture_row
from gan.errors import counted
from gan.files import write_directory
from gan.progress import Progress
from gan.settings import Setting, describe, setting, validate
from xai.errors import ExplanationError
from xai.methods.references import Reference, reference
from xai.networks.score import LOGIT, OUTPUT, Meaning, Score
from xai.render import CHANGE, VERDICT, Scale, diverging, limit

SLACK = 1.25  # pictures are in [-1, 1]; noise and resampling may go a little beyond
STANDARDISED = 16.0  # a network of one's own may take standardised pictures, and none takes 0 to 255
SHOWN = 8  # maps in a notebook
Claim = Literal["score", "gradient", "response"]
ENGINE = "who computes: our own code, or a library that it is checked against"  # help of the setting
Method = TypeVar("Method", bound="Attribution")


def scale(meaning: Meaning, claims: Claim = "score") -> Scale:
    """Red and blue where a map speaks for real and for fake; other colours for any other score, and for responses."""
    return VERDICT if meaning == LOGIT and claims != "response" else CHANGE


@dataclass(frozen=True, eq=False)
class Result:
    """A method's answer for one picture.

    values : (1, C, H, W), C = 3 for pixel methods and 1 for spatial ones.
    base_score : score of the reference, where the method has one.
    segments : (1, H, W) integers from 0, for segment methods.
    diagnostics : named tensors with a leading dimension of 1.
    score : of the picture, where the method has computed it anyway.
    """

    values: Tensor
    base_score: float = float("nan")
    segments: Tensor | None = None
    diagnostics: Mapping[str, Tensor] = field(default_factory=dict)
    score: float | None = None


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why each of N pictures has its score.

    method : registered name.
    values : float32 (N, C, H, W), signed, in the score's units where the method promises so.
    score, base_score : (N,), of the picture and of its reference (NaN where there is none).
    gap : (N,), score - base_score - sum of values; NaN where the method does not promise completeness.
    segments : (N, H, W) integers, or None.
    diagnostics : named tensors with a leading dimension of N.
    config : the settings that gave this answer.
    seconds : wall time for all N.
    title, in_logits, claims : what the method says of itself (see Attribution), so that a map can be coloured and
        reported without it.
    meaning : of the score, for texts.
    """

    method: str
    values: Tensor
    score: Tensor
    base_score: Tensor
    gap: Tensor
    segments: Tensor | None
    diagnostics: Mapping[str, Tensor]
    config: Mapping[str, Any]
    seconds: float
    title: str
    in_logits: bool
    claims: Claim
    meaning: Meaning = OUTPUT

    def heat(self, row: int = 0) -> NDArray[np.float32]:
        """The map (H, W) of one picture: its channels added up."""
        return np.asarray(self.values[row].sum(0).numpy())

    def _repr_html_(self) -> str:
        """Its maps in a notebook, a few of them, with one end of the colours, and the sums that they promise."""
        maps = [self.heat(row) for row in range(min(len(self.values), SHOWN))]
        end, colours = limit(np.stack(maps)), scale(self.meaning, self.claims)
        shown = [(diverging(map_, end, colours), self._sums(row)) for row, map_ in enumerate(maps)]
        more = f", {SHOWN} of {counted(len(self.values), 'map')}" if len(self.values) > SHOWN else ""
        return picture_row(shown, f"{self.title}{more}: {colours.above_name} above 0, {colours.below_name} below")

    def _sums(self, row: int) -> str:
        """One picture's score and, where the map divides it up, the reference's and the gap."""
        text = f"{self.meaning.unit} {float(self.score[row]):+z.2f}"
        if self.in_logits and not math.isnan(float(self.base_score[row])):
            text += f", reference {float(self.base_score[row]):+z.2f}"
        return text if math.isnan(float(self.gap[row])) else f"{text}, completeness gap {float(self.gap[row]):+z.1g}"

    def save(self, directory: str | Path) -> None:
        """Write ``values.npz`` and ``explanation.json`` to a new folder, complete or not at all.

        Raises
        ------
        ExplanationError
            If the folder exists already.
        """
        target = Path(directory)
        if target.exists():
            raise ExplanationError(f"{target} exists already; choose another folder.")
        arrays = {"values": self.values, **{f"diagnostic_{k}": v for k, v in self.diagnostics.items()}}
        if self.segments is not None:
            arrays["segments"] = self.segments
        record = {
            "method": self.method,
            "config": dict(self.config),
            "score": self.score.tolist(),
            "base_score": [None if value != value else value for value in self.base_score.tolist()],
            "gap": [None if value != value else value for value in self.gap.tolist()],
            "seconds": self.seconds,
        }
        with write_directory(target) as folder:
            np.savez_compressed(folder / "values.npz", **{k: v.numpy() for k, v in arrays.items()})  # type: ignore[arg-type]
            (folder / "explanation.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


@dataclass(frozen=True, eq=False)
class Attribution(ABC):
    """Base of all methods. What is explained is bound once; row i never depends on other rows.

    Class attributes say what a method promises: ``complete`` (attributions add up to the score's difference
    from the reference), ``stochastic`` (depends on ``seed``), ``needs_reference``, ``granularity``, and
    whether its values are in the score's units (``in_logits``). ``averages_references`` says that it explains the
    difference from the references' mean score, by averaging over them; other methods compare with their mean picture.
    ``claims`` says what kind of statement a map
    makes: "score" (the values divide up the score's difference from the reference), "gradient" (how the score
    changes near the picture) or "response" (where a unit responds). ``promise`` and ``caveat`` are one sentence
    each for people: what the map shows, and what it does not; {score} in them becomes the score's name, {above} and
    {below} the colours of the map. ``engines``
    are the ways to compute it, our own first, then the libraries that it is checked against. ``budget`` bounds settings
    for ``cheap``.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    complete: ClassVar[bool] = False
    stochastic: ClassVar[bool] = False
    needs_reference: ClassVar[bool] = False
    averages_references: ClassVar[bool] = False
    granularity: ClassVar[Literal["pixel", "segment", "layer"]] = "pixel"
    in_logits: ClassVar[bool] = True
    engines: ClassVar[tuple[str, ...]] = ()
    claims: ClassVar[Claim] = "score"
    budget: ClassVar[Mapping[str, int]] = {}
    promise: ClassVar[str]
    caveat: ClassVar[str]

    score: Score
    reference: Reference = field(default_factory=reference)
    seed: int = setting(0, "names the random draws: the same seed, the same map", label="Random seed", low=0)

    def __post_init__(self) -> None:
        for name, value in self._defaults().items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)  # frozen, but this default follows from the score
        try:
            validate(self)
        except ValueError as error:
            raise ExplanationError(f"{self.title}: {error}.") from None

    def _defaults(self) -> Mapping[str, Any]:
        """Values of settings that were left at None, where they follow from the score."""
        return {}

    def attribute(self, images: Tensor, progress: Progress | None = None) -> Explanation:
        """Explain pictures (N, 3, H, W) in [-1, 1]; ``progress`` is called with the finished fraction.

        Pixel methods explain any input of the score, for instance noise (N, latent, 1, 1). Same seed, same
        answer, bit for bit; no global random state is touched; the network that was given stays as it is,
        also when a library raises.

        Raises
        ------
        ExplanationError
            If the inputs are not a floating-point tensor (N >= 1, C, H, W) of finite values, or are no pictures in
            [-1, 1] where the method needs them; if the network does not answer one number for each, or one that is
            not finite, which means damaged weights.
        """
        images = _checked(images, self.score, self.score.of_pictures or self.granularity != "pixel")
        report = progress or (lambda fraction: None)
        start = time.perf_counter()
        with torch.inference_mode(False), torch.enable_grad():
            self.score.check(images)
            results = self._attribute_all(images, report)
            score = torch.tensor([
                float(self.score(image[None])) if result.score is None else result.score
                for image, result in zip(images, results, strict=True)
            ], dtype=torch.float32)  # fmt: skip
        if not score.isfinite().all():
            raise ExplanationError("The network's answer is not finite: its weights are damaged.")
        seconds = time.perf_counter() - start
        report(1.0)
        values = torch.cat([result.values for result in results]).detach().float()
        base_score = torch.tensor([result.base_score for result in results], dtype=torch.float32)
        gap = score - base_score - values.sum((1, 2, 3))
        return Explanation(
            self.name,
            values,
            score,
            base_score,
            gap if self.complete else torch.full_like(gap, float("nan")),
            _stacked([result.segments for result in results]),
            {key: torch.cat([s.diagnostics[key] for s in results]) for key in results[0].diagnostics},
            self.config,
            seconds,
            self.title,
            self.in_logits,
            self.claims,
            self.score.meaning,
        )

    @property
    def config(self) -> dict[str, Any]:
        """The settings as plain values: the same config on the same picture gives the same answer."""
        settings = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("score", "labels")}
        if self.engines:
            settings["engine"] = self.used_engine
        return {"method": self.name} | settings | {"reference": self.reference.name}

    def cheap(self, like: Explanation | None = None) -> Self:
        """The same method at bounded cost, for maps that are only compared with others.

        On a network with random weights, sampling until the estimate converges can take for ever. With ``like`` it
        takes that explanation's segments.
        """
        bounded = replace(self, **{name: min(getattr(self, name), most) for name, most in self.budget.items()})
        return bounded if like is None else bounded.on_segments(like)

    def on_segments(self, explanation: Explanation) -> Self:
        """The same method on an explanation's segments; itself where it cuts none, or always the same."""
        return self

    def comparison(self, image: Tensor) -> str:
        """What a picture (1, C, H, W) is compared with, as a phrase; "" for nothing."""
        if not self.needs_reference:
            return ""
        count = len(self.reference.of(image))
        if count == 1:
            return f"compared with {self.reference.words}"
        if self.averages_references:
            return f"averaged over comparisons with each of {counted(count, 'picture')} ({self.reference.words})"
        return f"compared with the mean of {counted(count, 'picture')} ({self.reference.words})"

    @property
    def used_engine(self) -> str:
        """The engine that computes: a network that is no chain is left to the library."""
        chosen: str = getattr(self, "engine", "")
        return self.engines[1] if chosen == "chain" and self.score.chain is None else chosen

    def _attribute_all(self, images: Tensor, progress: Progress) -> list[Result]:
        """Explain each of the pictures (N, C, H, W)."""
        return [
            self._attribute(image[None], lambda part, row=row: progress((row + part) / len(images)))  # type: ignore[misc]
            for row, image in enumerate(images)
        ]

    @abstractmethod
    def _attribute(self, image: Tensor, progress: Progress) -> Result:
        """Explain one picture (1, C, H, W)."""


METHODS: dict[str, type[Attribution]] = {}


def register(method: type[Method]) -> type[Method]:
    """A decorator: the method is found by its name from now on, by ``xai.attribution``, the scripts and the pages."""
    METHODS[method.name] = method
    return method


def settings_of(method: type[Attribution]) -> dict[str, Setting]:
    """What can be set for a method, by name, in the order of its class; a seed only where it draws at random."""
    return {name: one for name, one in describe(method).items() if name != "seed" or method.stochastic}


def _checked(images: Any, score: Score, pictures: bool) -> Tensor:
    """A copy as float32; ExplanationError where these are no pictures, or noise, as ``attribute`` takes them."""
    if not isinstance(images, Tensor):
        raise ExplanationError(f"Pictures are a tensor (N, 3, H, W) in [-1, 1], not a {type(images).__name__}.")
    if images.is_meta or images.is_quantized or images.layout != torch.strided or not images.is_floating_point():
        kind = "meta" if images.is_meta else str(images.dtype).removeprefix("torch.")
        raise ExplanationError(
            f"Pictures are floats in [-1, 1], and these are {kind}{' and sparse' * (images.layout != torch.strided)}; "
            f"gan.from_uint8 makes them of 0 to 255."
        )
    if images.ndim != 4 or len(images) < 1 or (pictures and images.shape[1] != 3):
        batch = "; one picture is picture[None]" if images.ndim == 3 else ""
        raise ExplanationError(f"Pictures have the shape (N, 3, H, W), not {tuple(images.shape)}{batch}.")
    with torch.inference_mode(False):
        # Methods need gradients, which pictures drawn in inference mode refuse.
        copied = images.detach().to("cpu", torch.float32, copy=True)
    if not copied.isfinite().all():
        raise ExplanationError("The picture holds values that are not finite.")
    largest, most = float(copied.abs().max()), SLACK if score.size else STANDARDISED
    if pictures and largest > most:
        raise ExplanationError(
            f"Pictures are floats in [-1, 1], and these reach {largest:.4g}; gan.from_uint8 makes them of 0 to 255."
        )
    return copied


def _stacked(segments: list[Tensor | None]) -> Tensor | None:
    present = [segment for segment in segments if segment is not None]
    return torch.cat(present) if present else None

"""The registry. A new method is one file here and one line below."""

from __future__ import annotations

import difflib
from dataclasses import fields
from typing import Any

from xai.errors import ExplanationError
from xai.methods.activation import Activation
from xai.methods.base import Attribution
from xai.methods.gradient.cam import GradCam, LayerCam
from xai.methods.gradient.deeplift import DeepLift
from xai.methods.gradient.deepshap import DeepShap
from xai.methods.gradient.expected_gradients import ExpectedGradients
from xai.methods.gradient.gradient_input import GradientInput
from xai.methods.gradient.integrated_gradients import IntegratedGradients
from xai.methods.gradient.smoothgrad import SmoothGrad
from xai.methods.perturbation.kernelshap import KernelShap
from xai.methods.perturbation.lime import Lime
from xai.methods.perturbation.occlusion import Occlusion
from xai.methods.perturbation.shapley import Shapley
from xai.networks.score import Score

METHODS: dict[str, type[Attribution]] = {
    method.name: method
    for method in (
        DeepLift,
        DeepShap,
        Lime,
        KernelShap,
        Shapley,
        Occlusion,
        IntegratedGradients,
        ExpectedGradients,
        GradientInput,
        SmoothGrad,
        GradCam,
        LayerCam,
        Activation,
    )
}


def attribution(name: str, score: Score, **settings: Any) -> Attribution:
    """The method with this name, bound to what it explains.

    ``settings`` are fields of the method's class; ``reference`` and ``seed`` are common to all.

    Raises
    ------
    ExplanationError
        If the name or a setting is unknown; the nearest known one is suggested.
    """
    if name not in METHODS:
        raise ExplanationError(f"There is no method {name!r}; {_nearest(name, list(METHODS))}")
    method = METHODS[name]
    known = [field.name for field in fields(method) if field.name != "score"]
    for setting in settings:
        if setting not in known:
            raise ExplanationError(f"{method.title} has no setting {setting!r}; {_nearest(setting, known)}")
    return method(score, **settings)


def _nearest(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word.lower(), known, 1, 0.5)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}."

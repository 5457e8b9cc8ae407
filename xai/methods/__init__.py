"""The registry of methods: a new one is a file here, with ``@register`` before its class, and its line below."""

from __future__ import annotations

import difflib
import importlib
from dataclasses import fields
from typing import Any

from xai.errors import ExplanationError
from xai.methods.base import METHODS, Attribution, register, settings_of
from xai.networks.score import Score

__all__ = ["FIRST", "METHODS", "attribution", "find", "register", "settings_of", "unknown_setting"]

for module in (
    "gradient.deeplift",
    "gradient.deepshap",
    "perturbation.lime",
    "perturbation.kernelshap",
    "perturbation.shapley",
    "perturbation.occlusion",
    "gradient.integrated_gradients",
    "gradient.expected_gradients",
    "gradient.gradient_input",
    "gradient.smoothgrad",
    "gradient.cam",
    "activation",
):
    importlib.import_module(f"{__name__}.{module}")

FIRST = ("deeplift", "deepshap", "lime", "activation")  # what pages, scripts and studies begin with


def attribution(name: str, score: Score, **settings: Any) -> Attribution:
    """The method with this name, bound to what it explains.

    ``settings`` are fields of the method's class; ``reference`` and ``seed`` are common to all.

    Raises
    ------
    ExplanationError
        If the name or a setting is unknown (the nearest one is suggested), or a value is not allowed.
    """
    method = find(name)
    for setting in settings:
        if setting not in _fields(method):
            raise unknown_setting(method, setting)
    return method(score, **settings)


def find(name: str) -> type[Attribution]:
    """The class of the method with this name; ExplanationError, which suggests the nearest, if there is none."""
    if name not in METHODS:
        raise ExplanationError(f"There is no method {name!r}; {_nearest(name, list(METHODS))}")
    return METHODS[name]


def unknown_setting(method: type[Attribution], setting: str) -> ExplanationError:
    """The error for a setting that the method does not have."""
    return ExplanationError(f"{method.title} has no setting {setting!r}; {_nearest(setting, _fields(method))}")


def _fields(method: type[Attribution]) -> list[str]:
    return [field.name for field in fields(method) if field.name not in ("score", "labels")]


def _nearest(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word.lower(), known, 1, 0.5)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}."

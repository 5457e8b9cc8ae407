"""Controls for the settings of attribution methods, made from what their classes say of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import streamlit as st

from dashboard import ui
from xai.methods import METHODS, settings_of

if TYPE_CHECKING:
    from gan.settings import Setting
    from xai.networks.layers import Layer
    from xai.networks.score import Score


class _Layers(NamedTuple):
    all: Sequence[Layer]
    usual: str


def choose_settings(methods: Sequence[str], layers: Sequence[Layer], score: Score) -> dict[str, dict[str, Any]]:
    """Draw a control for each setting of these methods; returns the values by method and setting.

    What several methods mean alike (a seed, a budget of samples) is one control. ``layers`` are those that ``score``
    depends on; a method's own default among them stays the default.
    """
    chosen: dict[str, dict[str, Any]] = {name: {} for name in methods}
    for sharing, setting in _alike():
        affected = [name for name in sharing if name in methods]
        if affected:
            titles = ", ".join(METHODS[name].title for name in affected)
            usual = _Layers(layers, score.usual_layer(getattr(METHODS[sharing[0]], "depth", 1)))
            value = _control(setting, f"{titles}: {setting.label}", f"{sharing[0]}_{setting.name}", usual)
            for name in affected:
                chosen[name][setting.name] = value
    return chosen


def _alike() -> list[tuple[list[str], Setting]]:
    """Settings of all methods, each with the methods that mean the same by it."""
    alike: dict[Any, tuple[list[str], Setting]] = {}
    for name, method in METHODS.items():
        for setting in settings_of(method).values():
            sharing, _ = alike.setdefault((setting.name, setting.default, setting.help), ([], setting))
            sharing.append(name)
    return list(alike.values())


def _control(setting: Setting, title: str, key: str, layers: _Layers) -> Any:
    about = setting.help[0].upper() + setting.help[1:] + "."
    if setting.name == "layer":
        return ui.choose_layer(layers.all, key, title, layers.usual).name
    if setting.choices is not None:
        return st.selectbox(title, list(setting.choices), key=key, bind="query-params", help=about)
    if setting.kind is bool:
        return st.toggle(title, setting.default, key=key, bind="query-params", help=about)
    number = setting.kind
    low, high = (None if bound is None else number(bound) for bound in (setting.low, setting.high))
    step = 1 if number is int else 0.01
    return st.number_input(title, low, high, setting.default, step, key=key, bind="query-params", help=about)

"""Settings that describe themselves: a dataclass field with its help, its range and its choices.

    @dataclass(frozen=True)
    class Blur(Settings):
        sigma: float = setting(1.0, "width of the kernel in pixels", above=0, high=16)
        edges: str = setting("zero", "what lies beyond the edge", choices=("zero", "reflect"))

    Blur(sigma=-1)                        # SettingError: sigma must be above 0 and at most 16, not -1
    describe(Blur)["sigma"].help          # for a command line, a page or a document
    describe(Blur)["sigma"].parse("2")    # 2.0

Help, controls and validation are made from the field, so that none of them can say something else than the others.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import MISSING, dataclass, field, fields
from numbers import Integral, Real
from typing import Any, Self

from gan.errors import SettingError

KEY = "setting"  # in the field's metadata


@dataclass(frozen=True)
class Setting:
    """One setting of a class.

    name, default : of the field.
    help : what it does, a phrase without a full stop.
    label : its name for people.
    low, high : smallest and largest value, both included; above : a bound that is not; None for no bound.
    choices : all values that are allowed, or None.
    kind : type of its values.
    """

    name: str
    default: Any
    help: str
    label: str
    kind: type
    low: float | None = None
    high: float | None = None
    above: float | None = None
    choices: Collection[Any] | None = None

    @property
    def allowed(self) -> str:
        """The values that are allowed, in words ("from 0 to 1", "bce or relativistic"); "" where all are."""
        if self.choices is not None:
            return any_of(self.choices)
        if self.low is not None and self.high is not None:
            return f"from {self.low} to {self.high}"
        bounds = ((self.above, "above"), (self.low, "at least"), (self.high, "at most"))
        return " and ".join(f"{words} {bound}" for bound, words in bounds if bound is not None)

    @property
    def summary(self) -> str:
        """Help and allowed values on one line; of a registry whose entries have ``about``, what each one is."""
        entries = self.choices.items() if isinstance(self.choices, Mapping) else ()
        described = [f"{name}: {entry.about}" for name, entry in entries if hasattr(entry, "about")]
        allowed = "; ".join(described) or self.allowed
        return f"{self.help} ({allowed})" if allowed else self.help

    def check(self, value: Any) -> None:
        """SettingError in one sentence if the value is not allowed. None is allowed where it is the default."""
        if value is None and self.default is None:
            return
        if self.choices is not None:
            allowed = value in self.choices
        else:
            self._check_number(value)
            allowed = (
                (self.low is None or value >= self.low)
                and (self.high is None or value <= self.high)
                and (self.above is None or value > self.above)
            )
        if not allowed:
            raise SettingError(f"{self.name} must be {self.allowed}, not {value}")

    def _check_number(self, value: Any) -> None:
        if self.kind is int and (not isinstance(value, Integral) or isinstance(value, bool)):
            raise SettingError(f"{self.name} must be a whole number, not {value}")
        if self.kind is float and (not isinstance(value, Real) or isinstance(value, bool) or not _is_finite(value)):
            raise SettingError(f"{self.name} must be a finite number, not {value}")

    def parse(self, text: str) -> Any:
        """The value that a text stands for, checked; SettingError in one sentence if it stands for none."""
        if self.kind is bool:
            words = {"true": True, "false": False}
            if text.lower() not in words:
                raise SettingError(f"{self.name} must be true or false, not {text}")
            return words[text.lower()]
        try:
            value = self.kind(text) if self.kind in (int, float) else text
        except ValueError:
            number = "a whole number" if self.kind is int else "a number"
            raise SettingError(f"{self.name} must be {number}, not {text}") from None
        self.check(value)
        return value


def setting(  # noqa: PLR0913 - the properties of a setting
    default: Any,
    help: str,
    *,
    label: str = "",
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    choices: Collection[Any] | None = None,
    kind: type | None = None,
) -> Any:
    """A dataclass field that describes itself; the arguments are those of :class:`Setting`.

    ``choices`` may be a registry: what is added to it later is allowed, too. The default must not be a list or
    another mutable value. ``kind`` need only be given where the default is None.
    """
    bounds = {"low": low, "high": high, "above": above, "choices": choices}
    about = {"help": help, "label": label, "kind": kind or type(default), **bounds}
    return field(default=default, metadata={KEY: about})


def describe(cls: type[Any]) -> dict[str, Setting]:
    """The settings of a dataclass, by name, in the order of its fields; other fields are left out."""
    return {
        each.name: Setting(each.name, each.default, **each.metadata[KEY] | {"label": _label(each)})
        for each in fields(cls)
        if KEY in each.metadata and each.default is not MISSING
    }


def _label(each: Any) -> str:
    return str(each.metadata[KEY]["label"] or each.name.replace("_", " "))


def _is_finite(value: Real) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False


def validate(instance: Any) -> None:
    """ValueError if a setting of a dataclass instance is not allowed: "sigma must be above 0, not -1"."""
    for name, each in describe(type(instance)).items():
        each.check(getattr(instance, name))


def any_of(words: Collection[Any]) -> str:
    """In words: "a", "a or b", "a, b or c"."""
    *first, last = map(str, words)
    return f"{', '.join(first)} or {last}" if first else last


@dataclass(frozen=True)
class Settings:
    """A base whose subclasses are validated when they are made, and read from the JSON of ``dataclasses.asdict``."""

    def __post_init__(self) -> None:
        validate(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build from JSON; keys that this version does not have are ignored."""
        names = {each.name for each in fields(cls)}
        return cls(**{key: value for key, value in values.items() if key in names})

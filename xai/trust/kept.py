"""Verdicts kept beside a checkpoint, so that the first visit shows them at once.

    kept = KeptVerdicts(checkpoint.digest, "generated", 16)
    kept.add(seed=0, config=method.config, trust=examine(method, image, explanation))
    kept.write("checkpoints/dcgan-64")

    kept = KeptVerdicts.beside("checkpoints/dcgan-64", checkpoint.digest)    # None: of other weights, or checks
    kept.find(0, method.config, "generated", 16)                             # Trust, with its evidence, or None

A verdict is found only for the weights, the settings, the reference and the checks that it was made with. Whoever
changes what a check measures raises xai.trust.verdict.VERSION; a changed threshold is noticed without that. What is
kept is what was measured: the verdict follows from it by today's rule.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from gan.files import stamp, write_file
from xai.trust.check import Check
from xai.trust.checks import CHECKS
from xai.trust.verdict import VERSION, Trust

NAME = "verdicts.json"
MOST_BYTES = 4_000_000
DIGITS = 4  # of the curves behind a verdict; what it follows from is kept whole
KIND = "is"  # the key that says what an object was
ROOM = "xai.trust."


def version_of_checks(checks: tuple[Check, ...] = CHECKS) -> str:
    """Equal for verdicts that mean the same."""
    made_of = [(check.key, check.passes, check.fails, check.essential, check.judges, check.cells) for check in checks]
    return f"{VERSION}-{hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:12]}"


@dataclass(frozen=True)
class KeptVerdicts:
    """Verdicts on generated posters, by seed and method, with one reference of ``count`` pictures."""

    digest: str
    reference: str
    count: int
    configs: dict[str, dict[str, Any]] = field(default_factory=dict)
    verdicts: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, seed: int, config: Mapping[str, Any], trust: Trust) -> None:
        """Keep the verdict on the map of the poster with this seed; a method has one ``config`` for all seeds."""
        self.configs[config["method"]] = plain(config)
        self.verdicts.setdefault(str(seed), {})[config["method"]] = encode(trust)

    def find(self, seed: int | None, config: Mapping[str, Any], reference: str, count: int) -> Trust | None:
        """The verdict that these settings would give; None where it is not kept."""
        name = config["method"]
        if (reference, count) != (self.reference, self.count) or self.configs.get(name) != plain(config):
            return None
        found = self.verdicts.get(str(seed), {}).get(name)
        try:
            trust = None if found is None else decode(found)
        except (KeyError, TypeError, ValueError, AttributeError, ImportError):
            return None
        return trust if isinstance(trust, Trust) else None

    def write(self, folder: str | Path) -> Path:
        """Write ``verdicts.json`` into a checkpoint's folder, complete or not at all."""
        record = {"checks": version_of_checks()} | {one.name: getattr(self, one.name) for one in fields(self)}
        path = Path(folder) / NAME
        write_file(path, json.dumps(record, separators=(",", ":")).encode())
        return path

    @classmethod
    def beside(cls, folder: str | Path, digest: str) -> KeptVerdicts | None:
        """Those in a checkpoint's folder, where they are of these weights and of today's checks."""
        path = Path(folder) / NAME
        try:
            return _read(path, stamp(path), digest)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None


@lru_cache(maxsize=8)
def _read(path: Path, stamp: tuple[int, ...], digest: str) -> KeptVerdicts | None:
    if path.stat().st_size > MOST_BYTES:
        return None
    record = json.loads(path.read_text(encoding="utf-8"))
    if record.pop("checks") != version_of_checks() or record["digest"] != digest:
        return None
    return KeptVerdicts(**record)


def plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """A method's settings as JSON gives them back."""
    settings: dict[str, Any] = json.loads(json.dumps(config))
    return settings


# ---- a verdict as JSON: what the classes of this room hold -----------------------------------------------


def encode(value: Any) -> Any:
    """A verdict, or a part of it, as JSON; a check by its key."""
    if isinstance(value, Check):
        return {KIND: "check", "key": value.key}
    if is_dataclass(value) and not isinstance(value, type):
        parts = {one.name: encode(getattr(value, one.name)) for one in fields(value)}
        return {KIND: f"{type(value).__module__}.{type(value).__name__}"} | parts
    if isinstance(value, np.ndarray):
        return {KIND: "array", "values": [_short(one) for one in value.ravel().tolist()], "shape": list(value.shape)}
    if isinstance(value, tuple | list):
        return {KIND: "tuple", "values": [encode(one) for one in value]}
    if isinstance(value, np.generic):
        return encode(value.item())
    if isinstance(value, float) and math.isnan(value):
        return {KIND: "nan"}
    return value


def decode(value: Any) -> Any:
    """What ``encode`` was given; KeyError where it names a check or a class that there is not."""
    if not isinstance(value, dict):
        return value
    parts = dict(value)
    kind = parts.pop(KIND)
    if kind == "nan":
        return math.nan
    if kind == "check":
        return {check.key: check for check in CHECKS}[parts["key"]]
    if kind == "array":
        return np.array(parts["values"], np.float64).reshape(parts["shape"])
    if kind == "tuple":
        return tuple(decode(one) for one in parts["values"])
    return _class(kind)(**{name: decode(one) for name, one in parts.items()})


def _class(name: str) -> Any:
    """A dataclass of this room: a file cannot name any other."""
    module, _, kind = name.rpartition(".")
    if not module.startswith(ROOM):
        raise KeyError(name)
    found = getattr(importlib.import_module(module), kind)
    if not (isinstance(found, type) and is_dataclass(found)):
        raise KeyError(name)
    return found


def _short(value: float) -> float | None:
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None

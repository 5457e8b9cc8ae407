"""What scripts/explain.py wrote, read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

QUICK = ["--methods=deeplift,lime", "--set", "lime.samples=40"]


def contents(folder: Path) -> dict[str, Any]:
    """All files by name: bytes, but JSON without seconds."""
    return {
        file.relative_to(folder).as_posix(): timeless(file.read_bytes(), file.suffix)
        for file in folder.rglob("*")
        if file.is_file()
    }


def timeless(data: bytes, suffix: str) -> Any:
    def without(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: without(one) for key, one in value.items() if key != "seconds"}
        return [without(one) for one in value] if isinstance(value, list) else value

    return without(json.loads(data)) if suffix == ".json" else data


def record(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "explanations.json").read_text())
    return found


def values(folder: Path, method: str) -> np.ndarray[Any, Any]:
    return np.concatenate([np.load(file)["values"] for file in sorted((folder / "values").glob(f"{method}-*"))])

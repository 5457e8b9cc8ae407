"""Scripts as modules (they are no package, so each is loaded from its file), and what they say when they fail."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts"


def script(name: str) -> ModuleType:
    """``scripts/<name>.py``, loaded anew."""
    spec = importlib.util.spec_from_file_location(f"scripts_{name}", SCRIPTS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


def one_sentence(capsys: pytest.CaptureFixture[str]) -> str:
    """The only line on stderr, without its ``error:``."""
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert line.endswith((".", "?"))
    return line.removeprefix("error: ")

"""Scripts as modules (they are no package, so each is loaded from its file) and as processes, and what they say."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts"


def script(name: str) -> ModuleType:
    """``scripts/<name>.py``, loaded anew."""
    spec = importlib.util.spec_from_file_location(f"scripts_{name}", SCRIPTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
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


@contextmanager
def running(name: str, *options: object) -> Iterator[subprocess.Popen[str]]:
    """``scripts/<name>.py`` as a process of its own, on one thread; it is killed at the end."""
    root = SCRIPTS.parent
    process = subprocess.Popen(
        [sys.executable, str(SCRIPTS / f"{name}.py"), *map(str, options)], cwd=root, text=True,
        env=os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(path: Path, process: subprocess.Popen[str], seconds: float = 180) -> None:
    """Until the process has written the file."""
    end = time.monotonic() + seconds
    while not (path.exists() and path.stat().st_size):
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < end, f"{path} never came"
        time.sleep(0.005)


def exit_code_of(main: Callable[[], int]) -> int | str | None:
    """What the shell would see, whether the script returns it or the parser leaves with it."""
    try:
        return main()
    except SystemExit as left:
        return left.code

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gan.checkpoints.hub.local_hub import Hub, serving

constants = pytest.importorskip("huggingface_hub.constants")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """The only Hub that the library asks, without a token, without Xet (which would send files elsewhere)."""
    with serving() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        for name, value in (
            ("HF_TOKEN_PATH", str(tmp_path / "no-token")), ("HF_HUB_DISABLE_XET", True),
            ("HF_HUB_CACHE", str(tmp_path / "hf-cache")), ("HF_HUB_OFFLINE", False),
            ("HF_HUB_DISABLE_TELEMETRY", True),
        ):  # fmt: skip
            monkeypatch.setattr(constants, name, value)
        yield running


@pytest.fixture
def shared(checkpoints: Path) -> dict[str, bytes]:
    """The files of the tiny checkpoint, and some that no checkpoint has."""
    files = {path.name: path.read_bytes() for path in (checkpoints / "tiny").iterdir() if path.is_file()}
    return files | {
        "README.md": b"# tiny",
        "model.py": b"import os",
        "pytorch_model.bin": b"pickle",
        ".gitattributes": b"",
    }

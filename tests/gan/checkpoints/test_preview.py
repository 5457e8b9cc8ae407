from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import gan
from gan.checkpoints import preview

SHIPPED = Path(__file__).parents[3] / "checkpoints/dcgan-64"


def test_the_shipped_sheet_is_what_the_default_checkpoint_draws() -> None:
    content = preview.read(SHIPPED)
    assert content is not None
    checkpoint = gan.load(SHIPPED)
    assert preview.weights_digest(SHIPPED) == checkpoint.digest
    drawn = gan.to_uint8(checkpoint.need_generator()(gan.latents(preview.SEEDS, checkpoint.config)).detach())
    expected = np.asarray(gan.image_grid(drawn, preview.COLUMNS, gap=0)).astype(int)
    off = np.abs(np.asarray(Image.open(io.BytesIO(content))) - expected)
    assert off.max() <= 1  # another processor may round differently
    assert (off > 0).mean() < 1e-3


@pytest.fixture
def drawn(checkpoints: Path, tmp_path: Path) -> Path:
    """A checkpoint with its sheet."""
    folder = tmp_path / "tiny"
    shutil.copytree(checkpoints / "tiny", folder)
    preview.write(folder)
    return folder


def test_a_sheet_of_other_weights_is_not_shown(drawn: Path, tiny: gan.ModelConfig) -> None:
    assert preview.read(drawn) is not None
    sheet = (drawn / preview.FILE).read_bytes()
    gan.save(drawn, gan.Generator(tiny), gan.Discriminator(tiny))
    (drawn / preview.FILE).write_bytes(sheet)
    assert preview.read(drawn) is None


@pytest.mark.parametrize("content", [b"", b"nonsense", "half", "another picture"])
def test_a_damaged_sheet_is_not_shown(drawn: Path, content: bytes | str) -> None:
    whole = (drawn / preview.FILE).read_bytes()
    buffer = io.BytesIO()
    Image.new("RGB", (48, 16)).save(buffer, "PNG")
    damaged = {"half": whole[:40], "another picture": buffer.getvalue()}
    (drawn / preview.FILE).write_bytes(content if isinstance(content, bytes) else damaged[content])
    assert preview.read(drawn) is None


def test_no_sheet_is_no_error(checkpoints: Path, tmp_path: Path) -> None:
    assert preview.read(checkpoints / "tiny") is None
    assert preview.read(tmp_path / "nowhere") is None


def test_the_command_draws_the_sheet_of_each_folder(drawn: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (drawn / preview.FILE).read_bytes()
    (drawn / preview.FILE).unlink()
    assert preview.main([str(drawn)]) == 0
    assert (drawn / preview.FILE).read_bytes() == before
    assert preview.main([str(drawn / "nowhere")]) == 2
    assert capsys.readouterr().err.count("\n") == 1

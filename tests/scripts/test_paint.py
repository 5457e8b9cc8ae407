from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import gan
from tests.scripting import script
from xai.generator.painting import Edit, paint, to_json

WHOLE = (0.0, 0.0, 1.0, 1.0)


def test_edits_of_a_file_are_replayed(checkpoints: Path, tmp_path: Path) -> None:
    edits = [Edit("layers.2", 1, (0.0, 0.0, 0.5, 0.5), "strong"), Edit("layers.2", 2, WHOLE, "off")]
    (tmp_path / "edits.json").write_text(to_json(edits))
    out = tmp_path / "deep" / "painted.png"
    arguments = ["--checkpoint", str(checkpoints / "tiny"), "--seed", "7", "--out", str(out)]
    assert script("paint").main([*arguments, "--edits", str(tmp_path / "edits.json")]) == 0
    generator = gan.load(checkpoints / "tiny").generator
    assert generator is not None
    expected = gan.to_uint8(paint(generator, gan.latents([7], generator.config), edits))[0]
    assert np.array_equal(np.asarray(Image.open(out)), expected)
    assert not np.array_equal(expected, gan.to_uint8(generator(gan.latents([7], generator.config)).detach())[0])


@pytest.mark.parametrize(
    ("text", "seed", "says"),
    [
        ('[["layers.2",9,[0,0,1,1],"off"]]', "7", "units 0 to 3"),
        ("no", "7", "valid JSON"),
        (None, "7", "edits.json"),
        (b"\xff\xfe\x00", "7", "edits.json"),
    ],
)
def test_edits_that_cannot_be_replayed_end_with_one_line(
    checkpoints: Path, tmp_path: Path, text: str | bytes | None, seed: str, says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    path = tmp_path / "edits.json"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    arguments = ["--checkpoint", str(checkpoints / "tiny"), f"--seed={seed}", "--out", str(tmp_path / "x.png")]
    assert script("paint").main([*arguments, "--edits", str(path)]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert line.endswith(".")
    assert says in line
    assert not (tmp_path / "x.png").exists()


def test_a_painting_is_not_replaced_unless_forced(checkpoints: Path, tmp_path: Path) -> None:
    (tmp_path / "edits.json").write_text("[]")
    out = tmp_path / "x.png"
    arguments = ["--checkpoint", str(checkpoints / "tiny"), "--edits", str(tmp_path / "edits.json"), "--out", str(out)]
    assert script("paint").main([*arguments, "--seed", "1"]) == 0
    first = out.read_bytes()
    assert script("paint").main([*arguments, "--seed", "2"]) == 2
    assert out.read_bytes() == first
    assert script("paint").main([*arguments, "--seed", "2", "--force"]) == 0
    assert out.read_bytes() != first

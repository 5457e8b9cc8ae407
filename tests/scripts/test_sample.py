from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import gan
from gan import latents, load, to_uint8
from tests.scripting import one_sentence, script
from tests.xai.nets import scramble


@pytest.fixture
def sample(checkpoints: Path) -> Callable[..., int]:
    return lambda *arguments: script("sample").main(["--checkpoint", str(checkpoints / "tiny"), *map(str, arguments)])


def test_a_grid_shows_the_seeds_row_by_row(
    sample: Callable[..., int], checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "grid.png"
    assert sample("--seeds=3,5-8", "--columns=2", "--out", out) == 0
    grid = np.asarray(Image.open(out))
    assert grid.shape == (28, 18, 3)
    checkpoint = load(checkpoints / "tiny")
    with torch.no_grad():
        expected = to_uint8(checkpoint.generator(latents([3, 5, 6, 7, 8], checkpoint.config)))
    assert np.array_equal(grid[:8, :8], expected[0])
    assert np.array_equal(grid[10:18, 10:], expected[3])
    assert np.array_equal(grid[20:, :8], expected[4])
    assert (grid[20:, 8:] == 255).all()
    assert capsys.readouterr().out == f"{out} written\n"


def test_a_seed_is_the_same_picture_alone_and_in_any_batch(sample: Callable[..., int], tmp_path: Path) -> None:
    """150 seeds are three batches of at most 64."""
    assert sample("--seeds=0-149", "--single", "--out", tmp_path / "many") == 0
    assert sample("--seeds=140", "--single", "--out", tmp_path / "one") == 0
    assert len(list((tmp_path / "many").iterdir())) == 150
    name = "seed-000140.png"
    one, other = (np.asarray(Image.open(tmp_path / folder / name), int) for folder in ("one", "many"))
    assert np.abs(one - other).max() <= 1  # sums may be taken in another order
    assert len({path.read_bytes() for path in (tmp_path / "many").iterdir()}) == 150


def test_enlarging_repeats_each_pixel(sample: Callable[..., int], tmp_path: Path) -> None:
    for scale in (1, 3):
        assert sample("--seeds=1", "--single", f"--scale={scale}", "--out", tmp_path / str(scale)) == 0
    small, large = (np.asarray(Image.open(tmp_path / s / "seed-000001.png")) for s in ("1", "3"))
    assert np.array_equal(large, small.repeat(3, 0).repeat(3, 1))


def test_a_file_is_replaced_only_by_force(
    sample: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "grid.png"
    out.write_bytes(b"dear")
    assert sample("--seeds=1", "--out", out) == 2
    assert one_sentence(capsys) == f"{out} exists already; --overwrite replaces it."
    assert out.read_bytes() == b"dear"
    assert sample("--seeds=1", "--out", out, "--force") == 0
    assert Image.open(out).size == (8, 8)


def test_one_picture_in_the_way_stops_all_before_any_is_written(
    sample: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "seed-000005.png").touch()
    assert sample("--seeds=1-9", "--single", "--out", tmp_path) == 2
    assert "seed-000005.png exists already" in one_sentence(capsys)
    assert [path.name for path in tmp_path.iterdir()] == ["seed-000005.png"]


@pytest.mark.parametrize("seeds", ["", "x", "1,,2", "9-3", "-4", "1-", "1.5", "4294967296", "1-99999999999"])
def test_nonsense_seeds_are_one_sentence_and_exit_code_2(
    seeds: str, sample: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sample(f"--seeds={seeds}", "--out", tmp_path / "grid.png") == 2
    assert one_sentence(capsys).endswith("in --seeds is neither a seed nor a range from low to high.")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--seeds=0-99999,1"], "--seeds names 100,001 posters; at most 100,000 are drawn at once."),
        (["--seeds=0-9", "--scale=1000"], "too large"),
        (["--seeds=0", "--single", "--scale=2000"], "too large"),
    ],
)
def test_impossible_sizes_are_one_sentence_and_exit_code_2(
    options: list[str],
    reason: str,
    sample: Callable[..., int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert sample(*options, "--out", tmp_path / "grid.png") == 2
    assert reason in one_sentence(capsys)


def test_a_checkpoint_without_generator_is_one_sentence_and_exit_code_2(
    checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(checkpoints / "tiny", tmp_path / "half")
    (tmp_path / "half/generator.safetensors").unlink()
    arguments = ["--checkpoint", str(tmp_path / "half"), "--out", str(tmp_path / "grid.png")]
    assert script("sample").main(arguments) == 2
    assert one_sentence(capsys) == "half has no generator, only a discriminator."


def test_a_missing_checkpoint_is_one_sentence_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--checkpoint", str(tmp_path / "none"), "--out", str(tmp_path / "grid.png")]
    assert script("sample").main(arguments) == 2
    assert one_sentence(capsys) == f"{tmp_path / 'none'} does not exist."


@pytest.mark.parametrize("options", [["--out", "file/grid.png"], ["--out", "file", "--single"]])
def test_an_unwritable_place_is_one_sentence_and_exit_code_2(
    options: list[str],
    sample: Callable[..., int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    assert sample("--seeds=1", *options, "--force") == 2
    assert one_sentence(capsys) == "file is a file, not a folder."


def test_a_grid_is_not_written_over_a_folder(
    sample: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sample("--seeds=1", "--out", tmp_path, "--force") == 2
    assert one_sentence(capsys) == f"{tmp_path} is a folder; name a PNG file, or add --single."


def test_a_failed_write_leaves_the_old_grid_whole(
    sample: Callable[..., int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "grid.png"
    assert sample("--seeds=1", "--out", out) == 0
    before = out.read_bytes()
    capsys.readouterr()

    def fail(self: Image.Image, file: object, kind: str, **options: object) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", fail)
    assert sample("--seeds=2", "--out", out, "--force") == 2
    assert one_sentence(capsys) == f"{out} cannot be written: No space left on device."
    assert out.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["grid.png"]


# ---- genres ------------------------------------------------------------------------------------------


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    """A checkpoint that can be asked for three genres."""
    config = gan.ModelConfig(8, latent=4, width=4, genres=("Comedy", "Horror", "War"))
    networks = (scramble(lambda: gan.Generator(config)).eval(), scramble(lambda: gan.Discriminator(config)).eval())
    gan.save(tmp_path / "asked", *networks)
    return tmp_path / "asked"


@pytest.mark.parametrize(
    ("genres", "labels"),
    [([], (0, 0, 0)), (["--genres= horror , Comedy=-0.5"], (-0.5, 1, 0)), (["--genres=War"], (0, 0, 1))],
)
def test_posters_are_drawn_as_the_generator_draws_them_with_these_labels(
    asked: Path, tmp_path: Path, genres: list[str], labels: tuple[float, ...]
) -> None:
    given = ["--checkpoint", str(asked), "--seeds=0-5", "--single", "--out", str(tmp_path / "out")]
    assert script("sample").main([*given, *genres]) == 0
    checkpoint = load(asked)
    with torch.no_grad():
        z = latents(range(6), checkpoint.config)
        expected = to_uint8(checkpoint.generator(z, torch.tensor([labels]).float().expand(6, -1)))
    drawn = np.stack([np.asarray(Image.open(path), int) for path in sorted((tmp_path / "out").iterdir())])
    assert np.abs(drawn - expected).max() <= 1  # sums may be taken in another order
    assert expected.std(0).max() > 1


def test_genres_change_what_is_drawn(asked: Path, tmp_path: Path) -> None:
    for genres in ("", "Horror", "War"):
        given = ["--checkpoint", str(asked), "--seeds=0-5", f"--genres={genres}"]
        assert script("sample").main([*given, "--out", str(tmp_path / f"{genres}.png")]) == 0
    assert len({np.asarray(Image.open(path)).tobytes() for path in tmp_path.glob("*.png")}) == 3


def test_a_genre_that_cannot_be_asked_for_is_one_sentence_and_writes_nothing(
    sample: Callable[..., int], asked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "grid.png"
    assert script("sample").main(["--checkpoint", str(asked), "--genres=Western", "--out", str(out)]) == 2
    assert one_sentence(capsys) == "This checkpoint has no genre 'Western'; its genres: Comedy, Horror, War."
    assert sample("--genres=Horror", "--out", out) == 2
    assert "for it was trained without genres" in one_sentence(capsys)
    assert not out.exists()


# ---- posters that are not square ---------------------------------------------------------------------


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """A checkpoint of 2:3, 8 pixels wide and 12 high."""
    config = gan.ModelConfig(8, latent=4, width=4, aspect="2:3")
    networks = (scramble(lambda: gan.Generator(config)).eval(), scramble(lambda: gan.Discriminator(config)).eval())
    gan.save(tmp_path / "whole", *networks)
    return tmp_path / "whole"


def test_posters_of_two_to_three_are_drawn_whole(whole: Path, tmp_path: Path) -> None:
    main, given = script("sample").main, ["--checkpoint", str(whole), "--seeds=0-5", "--scale=3"]
    assert main([*given, "--single", "--out", str(tmp_path / "single")]) == 0
    assert {Image.open(path).size for path in (tmp_path / "single").iterdir()} == {(24, 36)}
    assert main([*given, "--columns=2", "--out", str(tmp_path / "grid.png")]) == 0
    assert Image.open(tmp_path / "grid.png").size == (3 * (2 * 8 + 2), 3 * (3 * 12 + 2 * 2))  # 2 pixels between two


@pytest.mark.parametrize(
    ("options", "pixels"),
    [
        (["--single"], 8 * 12 * 25),
        (["--columns=2"], (2 * 8 + 2) * (3 * 12 + 2 * 2) * 25),  # 2 pixels between two
        (["--columns=4"], (4 * 8 + 3 * 2) * (2 * 12 + 2) * 25),  # with two empty places
        (["--columns=9"], (6 * 8 + 5 * 2) * 12 * 25),
        ([], (3 * 8 + 2 * 2) * (2 * 12 + 2) * 25),
    ],
)
def test_a_picture_is_too_large_by_all_pixels_that_its_file_has(
    options: list[str],
    pixels: int,
    whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = ["--checkpoint", str(whole), "--seeds=0-5", "--scale=5", *options, "--out", str(tmp_path / "out.png")]
    module = script("sample")
    monkeypatch.setattr(module, "MAX_PIXELS", pixels - 1)
    assert module.main(given) == 2
    assert "too large" in capsys.readouterr().err
    assert not (tmp_path / "out.png").exists()
    monkeypatch.setattr(module, "MAX_PIXELS", pixels)
    assert module.main(given) == 0
    written = tmp_path / "out.png"
    width, height = Image.open(written if written.is_file() else next(written.iterdir())).size
    assert width * height == pixels

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gan import CheckpointError, list_checkpoints, to_uint8
from gan.data.synthetic import draw_poster
from gan.upscaling.network import UpscalerConfig, load, save
from gan.upscaling.quality import enlarge_by, psnr, shrink
from gan.upscaling.resampling import KERNELS, lanczos, resample
from tests.gan.upscaling.small_upscaler import both, network, noise, synthetic

SHIPPED = Path(__file__).parents[3] / "checkpoints/upscaler"


# ---- Lanczos and the other kernels ----------------------------------------------------------------------


@pytest.mark.parametrize(("kernel", "pillow"), [("lanczos", 1), ("bicubic", 3), ("box", 4)])
@pytest.mark.parametrize("size", [(36, 20), (18, 30), (3, 2), (9, 5)])
def test_resampling_is_that_of_pillow(kernel: str, pillow: int, size: tuple[int, int]) -> None:
    images = noise(1, 3, 9, 5)
    found = resample(images, size, kernel)
    for channel, mine in zip(images[0].numpy(), found[0].numpy(), strict=True):
        other = Image.fromarray(channel).resize(size[::-1], Image.Resampling(pillow))
        assert np.abs(np.asarray(other) - mine).max() < 1e-5


@settings(deadline=None, max_examples=40)
@given(old=st.integers(1, 40), new=st.integers(1, 40), kernel=st.sampled_from(sorted(KERNELS)), value=st.floats(-1, 1))
def test_resampling_leaves_a_constant_picture_constant(old: int, new: int, kernel: str, value: float) -> None:
    flat = torch.full((1, 1, old, 3), value)
    assert (resample(flat, (new, 5), kernel) - value).abs().max() < 1e-5


def test_what_lanczos_overshoots_is_clipped() -> None:
    edge = torch.ones(1, 3, 8, 8)
    edge[..., :4] = -1
    assert resample(edge, (32, 32)).max() > 1.01
    assert lanczos(edge).max() == 1
    assert lanczos(edge, 2).shape == (1, 3, 16, 16)


# ---- the network ---------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("shape", [(1, 3, 16, 16), (2, 3, 12, 8), (1, 3, 5, 17), (1, 3, 1, 1)])
def test_posters_of_any_shape_become_four_times_larger(factor: int, shape: tuple[int, ...]) -> None:
    images = noise(*shape)
    large = network(factor)(images)
    assert large.shape == (*shape[:2], 4 * shape[2], 4 * shape[3])
    assert large.abs().max() <= 1


@both
def test_without_a_residual_it_is_lanczos(factor: int) -> None:
    images, upscaler = noise(2, 3, 12, 8), network(factor)
    assert (upscaler.enlarge(images) - resample(images, (12 * factor, 8 * factor))).abs().max() > 0.1
    upscaler.tail.weight.zero_()
    assert torch.equal(upscaler.enlarge(images), resample(images, (12 * factor, 8 * factor)))
    expected = images
    while expected.shape[2] < 48:
        expected = lanczos(expected, factor)
    assert torch.equal(upscaler(images), expected)


@both
@pytest.mark.parametrize("colour", [(-1.0, -1.0, -1.0), (1.0, 1.0, 1.0), (0.3, -0.75, 0.1)])
def test_a_picture_of_one_colour_stays_exactly_so_up_to_its_border(factor: int, colour: tuple[float, ...]) -> None:
    flat = torch.tensor(colour)[None, :, None, None]
    large = network(factor)(flat.expand(1, 3, 10, 7))
    assert (large - flat).abs().max() < 1e-5
    assert np.array_equal(np.unique(to_uint8(large).reshape(-1, 3), axis=0), to_uint8(flat).reshape(1, 3))


@settings(deadline=None, max_examples=25)
@given(contrast=st.floats(0, 4), brightness=st.floats(-2, 2), factor=st.sampled_from([2, 4]))
def test_brightness_and_contrast_pass_through(contrast: float, brightness: float, factor: int) -> None:
    images, upscaler = noise(1, 3, 10, 10), network(factor)
    changed = upscaler.enlarge(contrast * images + brightness)
    assert (changed - (contrast * upscaler.enlarge(images) + brightness)).abs().max() < 1e-4


@both
def test_a_moved_poster_is_enlarged_to_a_moved_poster_inside_the_border(factor: int) -> None:
    images, upscaler = noise(1, 3, 48, 48), network(factor)
    moved = upscaler(images.roll((3, 5), (2, 3)))
    border = 4 * 14  # what the convolutions and two Lanczos kernels reach, and the move
    inside = (slice(None), slice(None), slice(border, -border), slice(border, -border))
    assert (moved - upscaler(images).roll((12, 20), (2, 3)))[inside].abs().max() < 1e-5


def test_a_poster_does_not_depend_on_its_batch_mates() -> None:
    images, upscaler = noise(4, 3, 12, 12), network()
    assert (upscaler(images)[2:3] - upscaler(images[2:3])).abs().max() < 1e-5


@both
def test_a_new_network_starts_near_lanczos_and_draws_no_checkerboard(factor: int) -> None:
    images, upscaler = noise(1, 3, 12, 12), network(factor, wild=False)
    residual = upscaler.enlarge(images) - resample(images, (12 * factor, 12 * factor))
    assert 0 < residual.abs().mean() < 0.1
    blocks = residual.unfold(2, factor, factor).unfold(3, factor, factor)
    assert (blocks - blocks[..., :1, :1]).abs().max() < 1e-6


@pytest.mark.parametrize("wrong", [{"factor": 3}, {"width": 0}, {"blocks": 0}])
def test_an_impossible_network_is_refused_by_name(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        UpscalerConfig(**wrong)


# ---- storing -------------------------------------------------------------------------------------------


@both
def test_a_stored_network_enlarges_as_before(factor: int, tmp_path: Path) -> None:
    images, upscaler = noise(1, 3, 16, 16), network(factor)
    save(tmp_path / "upscaler", upscaler, {"step": 7}, "# a card\n")
    loaded = load(tmp_path / "upscaler")
    assert loaded.config == upscaler.config
    assert not loaded.training
    assert (loaded(images) - upscaler(images)).abs().max() < 0.01  # half precision
    assert json.loads((tmp_path / "upscaler/upscaler.json").read_text())["info"] == {"step": 7}
    assert (tmp_path / "upscaler/README.md").read_text() == "# a card\n"


def test_an_upscaler_is_not_offered_as_a_gan(tmp_path: Path) -> None:
    save(tmp_path / "upscaler", network())
    assert list_checkpoints(tmp_path) == []


def test_a_failed_save_leaves_the_old_network_whole(tmp_path: Path) -> None:
    save(tmp_path / "upscaler", network(seed=0))
    before = {path.name: path.read_bytes() for path in (tmp_path / "upscaler").iterdir()}
    with pytest.raises(TypeError):
        save(tmp_path / "upscaler", network(seed=1), {"no": object()})
    assert {path.name: path.read_bytes() for path in (tmp_path / "upscaler").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["upscaler"]


def damage(folder: Path, how: str) -> None:
    config, weights = folder / "upscaler.json", folder / "upscaler.safetensors"
    record = json.loads(config.read_text())
    match how:
        case "no folder":
            shutil.rmtree(folder)
        case "no config":
            config.unlink()
        case "no weights":
            weights.unlink()
        case "cut":
            weights.write_bytes(weights.read_bytes()[:-10])
        case "not json":
            config.write_text("{")
        case "list":
            config.write_text("[]")
        case "not utf-8":
            config.write_bytes(b"\xff\xfe")
        case "key missing":
            config.write_text('{"model": {"factor": 2}}')
        case "factor 3":
            config.write_text(json.dumps(record | {"model": record["model"] | {"factor": 3}}))
        case "wider":
            config.write_text(json.dumps(record | {"model": record["model"] | {"width": 7}}))
        case "huge":
            config.write_text(json.dumps(record | {"model": record["model"] | {"width": 10**6}}))
        case "folder for weights":
            weights.unlink()
            weights.mkdir()


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("no folder", "upscaler does not exist."),
        ("no config", "upscaler.json does not exist."),
        ("no weights", "upscaler.safetensors does not exist."),
        ("cut", "is truncated or is not a safetensors file."),
        ("folder for weights", "is truncated or is not a safetensors file."),
        ("not json", "is not a valid configuration."),
        ("list", "is not a valid configuration."),
        ("not utf-8", "is not a valid configuration."),
        ("key missing", "is not a valid configuration."),
        ("factor 3", "is not a valid configuration."),
        ("wider", "does not hold the weights that upscaler.json describes."),
        ("huge", "does not hold the weights that upscaler.json describes."),
    ],
)
def test_a_bad_checkpoint_is_one_sentence(how: str, reason: str, tmp_path: Path) -> None:
    folder = tmp_path / "upscaler"
    save(folder, network())
    damage(folder, how)
    with pytest.raises(CheckpointError) as caught:
        load(folder)
    assert str(caught.value).endswith(reason)


# ---- the network that ships ------------------------------------------------------------------------------

shipped = pytest.mark.skipif(not SHIPPED.exists(), reason="no upscaler ships")


@shipped
def test_the_shipped_network_is_small() -> None:
    assert (SHIPPED / "upscaler.safetensors").stat().st_size < 1_000_000


@shipped
@pytest.mark.parametrize("factor", [2, 4])
def test_the_shipped_network_beats_lanczos_on_posters_that_it_has_never_seen(factor: int) -> None:
    """Drawn by rule, unlike all that it was trained on."""
    posters = synthetic(12)
    small = torch.from_numpy(shrink(posters.images, factor)).permute(0, 3, 1, 2) / 127.5 - 1
    with torch.inference_mode():
        enlarged = to_uint8(enlarge_by(load(SHIPPED), small, factor))
    assert psnr(posters.images, enlarged).mean() > psnr(posters.images, to_uint8(lanczos(small, factor))).mean()


@shipped
def test_an_enlarged_poster_reduced_again_is_nearer_to_the_poster_than_by_lanczos() -> None:
    """What is invented is finer than the poster's own pixels."""
    images = torch.from_numpy(np.stack([np.asarray(draw_poster(seed, 64).image) for seed in range(6)]))
    images = images.permute(0, 3, 1, 2) / 127.5 - 1
    with torch.inference_mode():
        by_network, by_lanczos = (
            psnr(to_uint8(images), to_uint8(resample(method(images), (64, 64)))) for method in (load(SHIPPED), lanczos)
        )
    assert by_network.mean() > by_lanczos.mean()

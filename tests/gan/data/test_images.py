from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageFile, ImageOps

from gan import ImageError, fit_image, from_uint8, image_grid, open_image, read_poster, to_uint8
from gan.data import images
from gan.data.images import grid_size

RED, BLUE = (255, 0, 0), (0, 0, 255)


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def noise(width: int = 6, height: int = 9) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def tiff_tag(tag: int, kind: int, value: bytes) -> bytes:
    return struct.pack(">HHI", tag, kind, 1) + value


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_upright_by_their_exif(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(noise(), "PNG", exif=exif)
    with Image.open(io.BytesIO(data)) as image:
        upright = ImageOps.exif_transpose(image)
    assert np.array_equal(np.asarray(open_image(data)), np.asarray(upright))


def test_an_odd_exif_tag_does_not_cost_the_picture() -> None:
    # ImageWidth as text: Pillow's exif_transpose cannot write that back, and raises struct.error.
    tags = tiff_tag(0x0100, 2, b"a\0\0\0") + tiff_tag(0x0112, 3, b"\0\x06\0\0")
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x02" + tags + b"\0\0\0\0"
    data = encode(noise(6, 9), "PNG", exif=exif)
    with Image.open(io.BytesIO(data)) as image, pytest.raises(struct.error):
        ImageOps.exif_transpose(image)
    assert open_image(data).size == (9, 6)


def test_damaged_exif_does_not_cost_the_picture() -> None:
    data = encode(noise(), "PNG", exif=b"Exif\0\0nonsense")
    assert np.array_equal(np.asarray(open_image(data)), np.asarray(noise()))


def test_transparency_is_laid_on_white() -> None:
    image = Image.new("RGBA", (2, 1), (*RED, 255))
    image.putpixel((1, 0), (*RED, 0))
    assert np.asarray(open_image(encode(image, "PNG"))).tolist() == [[[255, 0, 0], [255, 255, 255]]]


def test_half_transparent_pixels_mix_with_white() -> None:
    image = open_image(encode(Image.new("RGBA", (1, 1), (0, 0, 0, 128)), "PNG"))
    assert image.getpixel((0, 0)) == (127, 127, 127)


def test_a_transparent_palette_colour_becomes_white() -> None:
    image = Image.new("P", (1, 1))
    image.putpalette([10, 20, 30])
    assert open_image(encode(image, "PNG", transparency=0)).getpixel((0, 0)) == (255, 255, 255)


def test_16_bit_greys_are_scaled_and_not_clipped() -> None:
    grey = np.array([[0, 257, 128 * 257, 129 * 257 - 1, 65535]], np.uint16)
    found = np.asarray(open_image(encode(Image.fromarray(grey), "PNG")))
    assert found[0, :, 0].tolist() == [0, 1, 128, 129, 255]
    assert (found == found[..., :1]).all()


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])
def test_the_first_frame_of_an_animation_counts(kind: str) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in (RED, BLUE)]
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True)
    with Image.open(io.BytesIO(data)) as image:
        assert image.n_frames == 2
    assert open_image(data).getpixel((0, 0)) == RED


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK", "RGB"])
def test_every_colour_mode_becomes_rgb(mode: str) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"
    assert open_image(encode(noise().convert(mode), kind)).mode == "RGB"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_truncated_file_is_refused_by_name(kind: str) -> None:
    data = encode(noise(64, 64), kind)
    with pytest.raises(ImageError, match=r"^poster\.x is a damaged or incomplete picture\.$"):
        open_image(data[: len(data) // 2], "poster.x")


@pytest.mark.parametrize("data", [encode(noise(), "PPM"), encode(noise(), "TGA"), b"Not a picture.", b"%PDF-1.4"])
def test_other_formats_and_texts_are_refused(data: bytes) -> None:
    with pytest.raises(ImageError, match=r"^the picture cannot be read as a picture\.$"):
        open_image(data)


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"^none\.jpg does not exist\.$"):
        open_image(tmp_path / "none.jpg")


def test_a_folder_is_not_a_picture(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"is a folder, not a picture\.$"):
        open_image(tmp_path)


def test_more_than_51_megapixels_are_refused_before_any_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode(Image.new("1", (8000, 6400)), "PNG")
    assert len(data) < 20_000

    def decode(self: ImageFile.ImageFile) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", decode)
    with pytest.raises(ImageError, match="8000 x 6400 pixels; at most 51 million"):
        open_image(data)


def test_a_header_that_promises_gigapixels_is_refused() -> None:
    header = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    with pytest.raises(ImageError):
        open_image(b"\x89PNG\r\n\x1a\n" + chunk)


@settings(max_examples=25, deadline=None)
@given(arrays(np.uint8, st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 5), st.just(3))))
def test_pixels_survive_the_way_to_float_and_back_exactly(pixels: np.ndarray) -> None:
    images = from_uint8(pixels)
    assert images.dtype == torch.float32
    assert images.shape == (len(pixels), 3, *pixels.shape[1:3])
    assert np.array_equal(to_uint8(images), pixels)


def test_every_level_survives_the_way_to_float_and_back_exactly() -> None:
    levels = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)
    images = from_uint8(levels)
    assert (images.min().item(), images.max().item()) == (-1, 1)
    assert np.array_equal(to_uint8(images), levels)


def test_values_outside_the_range_are_clipped() -> None:
    images = torch.tensor([-9.0, 0.0, 9.0]).view(1, 3, 1, 1)
    assert to_uint8(images).tolist() == [[[[0, 128, 255]]]]


def test_crop_keeps_the_middle_and_pad_keeps_everything() -> None:
    """A picture of 1 : 2, red with blue ends: a crop shows no blue, padding shows both and black."""
    image = Image.new("RGB", (16, 32), RED)
    image.paste(BLUE, (0, 0, 16, 8))
    image.paste(BLUE, (0, 24, 16, 32))
    cropped, padded = (np.asarray(fit_image(image, 16, fit)) for fit in ("crop", "pad"))
    assert (cropped == RED).all()
    assert cropped.shape == padded.shape == (16, 16, 3)
    assert (padded[:, :4] == 0).all()
    assert (padded[:, 12:] == 0).all()
    assert padded[0, 8].tolist() == list(BLUE)
    assert padded[8, 8].tolist() == list(RED)


def test_stretched_a_picture_keeps_all_of_itself_without_black() -> None:
    image = Image.new("RGB", (16, 32), RED)
    image.paste(BLUE, (0, 0, 16, 16))
    stretched = np.asarray(fit_image(image, 16, "stretch"))
    assert (stretched[:4] == BLUE).all()
    assert (stretched[12:] == RED).all()


def test_an_unknown_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="crop"):
        fit_image(noise(), 8, "squeeze")


@pytest.mark.parametrize("size", [(1, 3000), (3000, 1)])
@pytest.mark.parametrize("fit", images.FITS)
def test_the_thinnest_picture_fits(size: tuple[int, int], fit: str) -> None:
    assert fit_image(Image.new("RGB", size), 8, fit).size == (8, 8)


def test_a_size_may_be_height_and_width() -> None:
    image = Image.new("RGB", (40, 60), RED)
    assert fit_image(image, (12, 8)).size == (8, 12)
    assert (np.asarray(fit_image(image, (12, 8), "pad")) == RED).all()
    assert (np.asarray(fit_image(image, (12, 10), "pad"))[:, 0] == 0).all()
    assert read_poster(encode(image, "PNG"), (12, 8)).shape == (1, 3, 12, 8)
    assert np.array_equal(np.asarray(fit_image(noise(), (8, 8))), np.asarray(fit_image(noise(), 8)))


@pytest.mark.parametrize("size", [0, (8, 0), (-8, 8), 8.0, "8"])
def test_a_size_is_whole_and_at_least_one(size: object) -> None:
    with pytest.raises(ValueError, match="A size is one whole number"):
        fit_image(noise(), size)


def test_bytes_and_path_read_alike(tmp_path: Path) -> None:
    data = encode(noise(20, 30), "PNG")
    (tmp_path / "poster.png").write_bytes(data)
    images = read_poster(tmp_path / "poster.png", size=16)
    assert images.shape == (1, 3, 16, 16)
    assert torch.equal(images, read_poster(data, size=16))
    assert torch.equal(read_poster(str(tmp_path / "poster.png"), size=16), images)


def test_a_grid_lays_pictures_out_row_by_row() -> None:
    pixels = np.stack([np.full((2, 2, 3), value, np.uint8) for value in (10, 20, 30)])
    grid = np.asarray(image_grid(pixels, columns=2, gap=1))
    assert grid.shape == (5, 5, 3)
    assert grid[..., 0].tolist() == [
        [10, 10, 255, 20, 20],
        [10, 10, 255, 20, 20],
        [255, 255, 255, 255, 255],
        [30, 30, 255, 255, 255],
        [30, 30, 255, 255, 255],
    ]


@given(count=st.integers(1, 12), columns=st.none() | st.integers(1, 14), gap=st.integers(0, 3))
def test_the_size_of_a_grid_is_known_before_it_is_made(count: int, columns: int | None, gap: int) -> None:
    width, height = image_grid(np.zeros((count, 3, 2, 3), np.uint8), columns, gap).size
    assert grid_size(count, (3, 2), columns, gap) == (height, width)


MEASURE = """
import resource, sys
from gan import open_image
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
image = open_image(sys.argv[1])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, *image.size)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts memory in Linux's unit")
@pytest.mark.parametrize(("kind", "most", "side"), [("JPEG", 90_000, 4096), ("PNG", 420_000, 8192)])
def test_a_phones_50_megapixels_take_bounded_memory(kind: str, most: int, side: int, tmp_path: Path) -> None:
    """kB at the highest; all pixels of the JPEG would take 151 MB, and as much again to work with."""
    path = tmp_path / "large.picture"
    picture = Image.new("RGB", (8192, 6144), (200, 30, 40))
    picture.save(path, kind, **({"compress_level": 1} if kind == "PNG" else {}))
    found = subprocess.run([sys.executable, "-c", MEASURE, path], capture_output=True, text=True, check=True)
    memory, width, height = map(int, found.stdout.split())
    assert memory < most
    assert (width, height) == (side, side * 3 // 4)


def test_a_large_jpeg_shows_what_it_shows_at_full_size() -> None:
    """At 24 megapixels, decoded at half its sides."""
    small = noise(60, 40).resize((6, 4))
    large = small.resize((6000, 4000), Image.Resampling.NEAREST)
    shown = fit_image(open_image(encode(large, "JPEG")), (4, 6))
    assert np.abs(np.asarray(shown).astype(int) - np.asarray(small)).max() < 12


def test_a_jpeg_of_20_megapixels_is_decoded_whole() -> None:
    """So it was for the posters that the shipped checkpoints were trained on, whatever their size."""
    assert open_image(encode(Image.new("RGB", (5000, 4000)), "JPEG")).size == (5000, 4000)


def test_what_pillow_has_opened_is_read_and_left_as_it_was(tmp_path: Path) -> None:
    noise().save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as opened:
        assert torch.equal(read_poster(opened, 8), read_poster(tmp_path / "a.png", 8))
        assert opened.getpixel((0, 0)) == noise().getpixel((0, 0))
    assert open_image(noise().convert("RGBA")).mode == "RGB"
    with pytest.raises(ImageError, match="at most 51 million"):
        open_image(Image.new("1", (8000, 6400)))


@pytest.mark.parametrize("source", [None, 3, np.zeros((4, 4, 3), np.uint8), ["a.png"], object()])
def test_what_is_neither_path_nor_bytes_nor_picture_is_refused(source: object) -> None:
    with pytest.raises(ImageError, match=r"^A picture is read from a path, from bytes or from Pillow, not from \w+\.$"):
        read_poster(source)


@pytest.mark.parametrize("source", ["", ".", "/", "a\0b.png", "x" * 5000 + ".png", "none/a.png", "http://host/a.png"])
def test_a_path_to_no_file_is_one_sentence(source: str) -> None:
    with pytest.raises(ImageError, match=r"^[^\n\0]+\.$"):
        read_poster(source)


def test_a_device_and_a_pipe_are_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", "/dev/zero"):
        with pytest.raises(ImageError, match="is not a file"):
            read_poster(path)


@pytest.mark.parametrize(("picture", "size"), [((20, 30), 8), ((30, 20), (8, 4)), ((7, 7), 8), ((64, 96), (96, 64))])
def test_the_shown_part_is_what_the_crop_keeps(picture: tuple[int, int], size: int | tuple[int, int]) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (*picture[::-1], 3), np.uint8))
    height, width = images.height_width(size)
    box = [end * side for end, side in zip(images.shown_part(picture, size), picture * 2, strict=True)]
    kept = image.resize((width, height), Image.Resampling.LANCZOS, box=box)  # type: ignore[arg-type]  # a tuple of four
    assert np.abs(np.asarray(kept).astype(int) - np.asarray(images.fit_image(image, size))).max() <= 1

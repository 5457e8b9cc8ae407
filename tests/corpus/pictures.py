"""Pictures in every format, mode and orientation; damaged, hostile and oddly named ones; files that are no pictures."""

from __future__ import annotations

import io
import os
import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gan import ImageError, load_posters, read_poster
from tests.corpus import LeftOut, assert_refused, assert_sentence, case, tried

RED, BLUE, WHITE = (220, 30, 40), (20, 40, 210), (255, 255, 255)
HIDDEN = "hidden"


@dataclass(frozen=True)
class Shows:
    """A picture whose upper part has this colour; ``name`` if there is more than one file in the folder."""

    colour: tuple[int, int, int] = RED
    tolerance: int = 14


class ReadOrLeftOut:
    """Damaged in such a way that a decoder may notice or not."""


@dataclass(frozen=True)
class NotListed:
    """A file that is passed over as no picture, or left out for this reason."""

    reason: str = ""


@tried("picture")
def read(folder: Path, expected: Any) -> None:
    """The folder's only file beside a sound picture, by both ways of bringing it to size, and alone."""
    [path] = list(folder.iterdir())
    Image.new("RGB", (8, 12), "white").save(folder / "zz-sound.png")
    posters = load_posters(folder, (12, 8), progress=False)
    padded = load_posters(folder, (12, 8), "pad", progress=False)
    assert posters.broken == padded.broken
    for note in posters.notes():
        assert_sentence(note, LeftOut(""))
    name = path.name
    if isinstance(expected, Shows):
        assert sorted(posters.names) == sorted([name, "zz-sound.png"]), posters.broken
        assert (
            np.abs(posters.images[posters.names.index(name), 1, 4].astype(int) - expected.colour).max()
            <= expected.tolerance
        )
        assert read_poster(path, (12, 8)).shape == (1, 3, 12, 8)
    elif isinstance(expected, LeftOut):
        assert [broken for broken, _ in posters.broken] == [name]
        assert_sentence(posters.broken[0][1], expected)
        assert_refused(lambda: read_poster(path), LeftOut(""))
    elif isinstance(expected, NotListed):
        assert posters.names == ("zz-sound.png",)
        assert posters.broken == ()
        assert {
            reason: names for reason, names in posters.reading.left_out.items() if name in names
        } or not expected.reason
        assert all(expected.reason in reason for reason in posters.reading.left_out)
    else:
        try:
            assert read_poster(path).isfinite().all()
        except ImageError as error:
            assert_sentence(str(error), LeftOut(""))
            assert [broken for broken, _ in posters.broken] == [name]


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def poster(size: tuple[int, int] = (24, 36), colour: tuple[int, int, int] = RED) -> Image.Image:
    """Red above, blue below."""
    image = Image.new("RGB", size, BLUE)
    image.paste(colour, (0, 0, size[0], max(1, size[1] // 2)))
    return image


def noise(size: tuple[int, int] = (40, 60)) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8))


def add(name: str, expected: Any, content: bytes | Callable[[], bytes], file: str) -> None:
    """A case of one file."""

    @case("picture", name, expected)
    def make(folder: Path) -> None:
        (folder / file).write_bytes(content() if callable(content) else content)


FORMATS = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "gif": "GIF", "bmp": "BMP", "tif": "TIFF", "avif": "AVIF"}
WHOLE = {suffix: encoded(poster(), kind) for suffix, kind in FORMATS.items()}

# ---- formats and their suffixes ----------------------------------------------------------------------

SUFFIXES = {
    "jpg": ("jpg", "JPG", "jpeg", "Jpeg", "jpe", "jfif", "JFIF", "jif", "pjpeg", "pjp"),
    "png": ("png", "PNG", "apng"),
    "webp": ("webp", "WebP"),
    "gif": ("gif", "GIF"),
    "bmp": ("bmp", "dib"),
    "tif": ("tif", "tiff", "TIFF"),
    "avif": ("avif",),
}
for format_, suffixes in SUFFIXES.items():
    for suffix in suffixes:
        add(f"suffix.{suffix}", Shows(), WHOLE[format_], f"a.{suffix}")
    for lie in ("jpg", "png", "webp"):
        if lie != format_:
            add(f"{format_}-called-{lie}", Shows(), WHOLE[format_], f"a.{lie}")
    add(f"{format_}-without-suffix", Shows(), WHOLE[format_], "poster")
    add(f"{format_}-with-odd-suffix", Shows(), WHOLE[format_], "poster.jpg_large")

# ---- modes -------------------------------------------------------------------------------------------

MODES: dict[str, tuple[str, ...]] = {
    "JPEG": ("L", "RGB", "CMYK"),
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA"),
    "WEBP": ("RGB", "RGBA"),
    "GIF": ("L", "P", "RGB"),
    "BMP": ("1", "L", "P", "RGB", "RGBA"),
    "TIFF": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB"),
    "AVIF": ("L", "RGB", "RGBA"),
}
GREY = round(0.299 * RED[0] + 0.587 * RED[1] + 0.114 * RED[2])


def in_mode(mode: str) -> Image.Image:
    if mode == "LAB":
        return Image.merge("LAB", [Image.new("L", (24, 36), value) for value in (128, 128, 128)])
    return poster().convert(mode, dither=Image.Dither.NONE) if mode == "1" else poster().convert(mode)


for kind, modes in MODES.items():
    for mode in modes:
        colour = {"1": (0, 0, 0), "L": (GREY,) * 3, "LA": (GREY,) * 3, "LAB": (118,) * 3}.get(mode, RED)
        expected = Shows(colour, 45 if mode in ("CMYK", "P", "LAB") else 14)
        add(f"mode.{kind}.{mode}", expected, encoded(in_mode(mode), kind), "a." + kind.lower())

deep = np.zeros((36, 24), np.uint16)
deep[:18] = 50_000
add("grey-of-16-bits.png", Shows((195,) * 3), encoded(Image.fromarray(deep), "PNG"), "a.png")
add("grey-of-16-bits.tif", Shows((195,) * 3), encoded(Image.fromarray(deep), "TIFF"), "a.tif")
add("grey-of-16-bits.big-endian.tif", Shows((195,) * 3), encoded(Image.fromarray(deep.astype(">u2")), "TIFF"), "a.tif")
add("grey-in-32-bits.tif", Shows((195,) * 3), encoded(Image.fromarray(deep.astype(np.int32)), "TIFF"), "a.tif")
add("grey-of-32-bits.tif", LeftOut("32 bits"), encoded(Image.fromarray(deep.astype(np.int32) * 9999), "TIFF"), "a.tif")
add("floats.tif", LeftOut("floating point"), encoded(Image.fromarray(deep.astype(np.float32)), "TIFF"), "a.tif")


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *more: bytes) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(more) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


wide = b"\0" + struct.pack(">3H", 220 * 257, 30 * 257, 40 * 257) * 4
add("colour-of-16-bits.png", Shows(), png(4, 4, 16, 2, wide * 4), "a.png")
see_through = b"\0" + struct.pack(">4H", 0, 0, 0, 0) * 4
add("see-through-of-16-bits.png", Shows(WHITE), png(4, 4, 16, 6, see_through * 4), "a.png")
clear = chunk(b"tRNS", struct.pack(">H", 7))
add("grey-of-16-bits-with-clear-shade.png", Shows(WHITE), png(4, 4, 16, 0, (b"\0" + b"\0\7" * 4) * 4, clear), "a.png")
two_bits = b"\0" + b"\xff"
add("grey-of-2-bits.png", Shows(WHITE), png(4, 4, 2, 0, two_bits * 4), "a.png")

# ---- transparency, animation, colour profiles, sizes -------------------------------------------------

hole = Image.new("RGBA", (24, 36), (0, 0, 0, 0))
for kind in ("PNG", "WEBP", "TIFF", "AVIF", "GIF"):
    add(f"see-through.{kind}", Shows(WHITE), encoded(hole, kind), "a." + kind.lower())
half = Image.new("RGBA", (24, 36), (*RED, 128))
add("half-see-through.png", Shows((237, 142, 147)), encoded(half, "PNG"), "a.png")
palette = poster().convert("P", palette=Image.Palette.ADAPTIVE, colors=4)
clear_index = palette.getpixel((2, 2))
add("clear-colour.palette.png", Shows(WHITE), encoded(palette, "PNG", transparency=clear_index), "a.png")
add("clear-colour.palette.gif", Shows(WHITE), encoded(palette, "GIF", transparency=clear_index), "a.gif")
add("clear-colour.rgb.png", Shows(WHITE), encoded(poster(), "PNG", transparency=RED), "a.png")
add("alphas-in-palette.png", Shows(WHITE), encoded(palette, "PNG", transparency=bytes(4)), "a.png")
later = [poster(colour=BLUE), poster(colour=(0, 200, 0))]
for kind in ("GIF", "WEBP", "PNG", "TIFF", "AVIF"):
    moving = encoded(poster(), kind, save_all=True, append_images=later)
    add(f"first-of-several.{kind}", Shows(), moving, "a." + kind.lower())
add("several-in-one.mpo", Shows(), encoded(poster(), "MPO", save_all=True, append_images=later), "a.jpg")
for index, size in enumerate(
    [(1, 1), (1, 2), (2, 1), (1, 900), (900, 1), (1, 30_000), (30_000, 1), (3, 5_000), (5_000, 3)]
):
    plain = Image.new("RGB", size, RED)
    add(f"size.{size[0]}x{size[1]}", Shows() if index < 4 else ReadOrLeftOut(), encoded(plain, "PNG"), "a.png")
    add(f"size.{size[0]}x{size[1]}.jpg", Shows() if index < 4 else ReadOrLeftOut(), encoded(plain, "JPEG"), "a.jpg")
for quality in (1, 50, 100):
    options: dict[str, Any] = {"quality": quality, "progressive": True, "subsampling": 0}
    add(f"progressive-{quality}.jpg", Shows(tolerance=60), encoded(poster((96, 144)), "JPEG", **options), "a.jpg")
for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
    add(f"tiff.{compression}", Shows(), encoded(poster((96, 144)), "TIFF", compression=compression), "a.tif")
for name, profile in {"garbage": b"no profile", "empty": b"", "long": bytes(70_000)}.items():
    for kind in ("JPEG", "PNG", "WEBP", "TIFF"):
        add(f"profile-{name}.{kind}", Shows(), encoded(poster(), kind, icc_profile=profile), "a." + kind.lower())

# ---- orientation -------------------------------------------------------------------------------------

TURNED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
for turn, how in TURNED.items():
    exif = Image.Exif()
    exif[0x0112] = turn
    lying = poster() if how is None else poster().transpose(how)
    for kind in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF"):
        add(f"turned-{turn}.{kind}", Shows(), encoded(lying, kind, exif=exif.tobytes()), "a." + kind.lower())
for name, exif_bytes in {
    "cut": b"Exif\0\0II*\0\x08",
    "no-tiff": b"Exif\0\0http://n",
    "endless": b"Exif\0\0II*\0\xff\xff\xff\xff",
}.items():
    add(f"exif-{name}.jpg", Shows(), encoded(poster(), "JPEG", exif=b"Exif\0\0" + exif_bytes), "a.jpg")
odd_turn = Image.Exif()
odd_turn[0x0112] = 99
add("turned-99.jpg", Shows(), encoded(poster(), "JPEG", exif=odd_turn.tobytes()), "a.jpg")

# ---- damaged -----------------------------------------------------------------------------------------

SOUND = {suffix: encoded(noise(), kind) for suffix, kind in FORMATS.items()}
for suffix, content in SOUND.items():
    for part in (3, 10, 30, 100, len(content) // 4, len(content) // 2, len(content) - 60):
        add(f"cut-{part}.{suffix}", ReadOrLeftOut(), content[:part], f"a.{suffix}")
    for seed in range(8):
        damaged = bytearray(content)
        dice = random.Random(seed)
        for _ in range(1 + seed * 3):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        add(f"bytes-changed-{seed}.{suffix}", ReadOrLeftOut(), bytes(damaged), f"a.{suffix}")
for suffix in ("jpg", "png", "webp"):
    add(f"half.{suffix}", LeftOut("damaged or incomplete"), SOUND[suffix][: len(SOUND[suffix]) // 2], f"a.{suffix}")
for suffix, content in WHOLE.items():
    add(
        f"more-behind.{suffix}",
        ReadOrLeftOut() if suffix == "avif" else Shows(),
        content + b"\0garbage" * 50,
        f"a.{suffix}",
    )

# ---- hostile -----------------------------------------------------------------------------------------

TOO_LARGE = LeftOut("at most 51 million are read")


def promised(width: int, height: int) -> bytes:
    return png(width, height, 8, 2, b"")


add("20000x20000.png", TOO_LARGE, lambda: png(20_000, 20_000, 1, 0, bytes(2501 * 20_000)), "a.png")
for width, height in ((8_000, 6_400), (12_000, 9_000), (60_000, 60_000), (2**31 - 1, 1), (2**31 - 1, 2**31 - 1)):
    too_large = TOO_LARGE if width * height < 2**62 else LeftOut("")
    add(f"promises-{width}x{height}.png", too_large, promised(width, height), "a.png")
add("promises-0x0.png", LeftOut(""), promised(0, 0), "a.png")
add("promises-0x9.png", LeftOut(""), promised(0, 9), "a.png")
jpeg = bytearray(WHOLE["jpg"])
frame = jpeg.index(b"\xff\xc0") + 5
jpeg[frame : frame + 4] = struct.pack(">HH", 65_500, 65_500)
add("promises-65500x65500.jpg", TOO_LARGE, bytes(jpeg), "a.jpg")
gif = bytearray(WHOLE["gif"])
gif[6:10] = struct.pack("<HH", 65_535, 65_535)
add("promises-65535x65535.gif", TOO_LARGE, bytes(gif), "a.gif")
bmp = bytearray(WHOLE["bmp"])
bmp[18:26] = struct.pack("<ii", 50_000, 50_000)
add("promises-50000x50000.bmp", TOO_LARGE, bytes(bmp), "a.bmp")
negative = bytearray(WHOLE["bmp"])
negative[18:26] = struct.pack("<ii", -24, 36)
add("negative-width.bmp", LeftOut(""), bytes(negative), "a.bmp")
rows = (b"\0" + bytes(RED) * 4) * 4
text_bomb = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(80_000_000)))
add("text-that-unpacks-to-80-MB.png", ReadOrLeftOut(), png(4, 4, 8, 2, rows, text_bomb), "a.png")
icc_bomb = chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(80_000_000)))
add(
    "profile-that-unpacks-to-80-MB.png",
    ReadOrLeftOut(),
    png(4, 4, 8, 2, rows, icc_bomb),
    "a.png",
)
add(
    "rows-that-unpack-to-80-MB.png",
    Shows(),
    lambda: png(4, 4, 8, 2, rows + bytes(80_000_000)),
    "a.png",
)
add("tiff-of-zeros.tif", LeftOut(""), b"II*\0" + struct.pack("<I", 8) + bytes(64), "a.tif")
add("tiff-that-points-at-itself.tif", LeftOut(""), b"II*\0" + struct.pack("<I", 8) + struct.pack("<HI", 0, 8), "a.tif")

# ---- no pictures -------------------------------------------------------------------------------------

NO_PICTURE = LeftOut("cannot be read as a picture")
TEXTS = {
    "web-page": b"<!doctype html><title>404</title>",
    "script": b"<script>alert(1)</script>",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="http://x/"/></svg>',
    "pdf": b"%PDF-1.7\n",
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "json": b'{"error": "quota"}',
    "zip": b"PK\x03\x04" + bytes(40),
    "pickle": b"\x80\x04\x95\x10" + bytes(20),
    "zeros": bytes(5000),
    "program": b"\x7fELF" + bytes(60),
    "pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
    "ppm": encoded(poster(), "PPM"),
    "tga": encoded(poster(), "TGA"),
    "icon": encoded(poster(), "ICO"),
    "jpeg-2000": encoded(poster(), "JPEG2000"),
}
for name, content in TEXTS.items():
    for suffix in ("jpg", "png", "tif"):
        add(f"{name}.{suffix}", NO_PICTURE, content, f"a.{suffix}")
    add(f"{name}.without-suffix", NotListed(), content, "a")
for suffix in SUFFIXES:
    add(f"empty.{suffix}", LeftOut("is empty"), b"", f"a.{suffix}")
heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40)
add("heic-called-jpg", LeftOut("is a HEIC picture"), heic, "IMG_0001.jpg")
for suffix in ("heic", "HEIC", "heif", "jxl", "psd", "svg", "pdf", "dng", "cr2", "jp2", "tga"):
    add(f"other-format.{suffix}", NotListed("format that cannot be read"), heic, f"a.{suffix}")
for name in ("._a.jpg", ".a.jpg", ".hidden.png"):
    add(f"hidden{name}", NotListed(HIDDEN), WHOLE["jpg"], name)
for name in (".DS_Store", "Thumbs.db", "desktop.ini", "notes.txt", "film.nfo", "film.mkv", "film.srt", "README"):
    add(f"beside-pictures.{name.strip('.')}", NotListed(), b"\0\0\0\1Bud1", name)

# ---- names -------------------------------------------------------------------------------------------

NAMES = {
    "markdown": "![x](http:evil).png",
    "link": "[click](javascript:alert(1)).png",
    "html": "<img src=x onerror=alert(1)>.png",
    "stars": "M*A*S*H.png",
    "latex": "$x^2$ :red[a].png",
    "line-end": "a\nb.png",
    "return": "a\rb.png",
    "terminal": "a\x1b[31mred.png",
    "right-to-left": "a\u202egnp.png",
    "zero-width": "a\u200bb.png",
    "composed": "Am\u00e9lie.png",
    "decomposed": "Ame\u0301lie.png",
    "not-utf8": os.fsdecode(b"caf\xe9.png"),
    "emoji": "\U0001f3ac.png",
    "japanese": "\u4e03\u4eba\u306e\u4f8d.png",
    "spaces": "  two  words .png",
    "dash": "-rf.png",
    "quotes": "a\"b'c`d.png",
    "backslash": "a\\b.png",
    "percent": "a%00b%n%s.png",
    "braces": "{0}{a.__class__}.png",
    "device": "CON.png",
    "long": "x" * 240 + ".png",
    "semicolon": "a;b|c,d.png",
    "dots": "Mr. & Mrs. Smith 2.5.png",
    "ends-with-suffix": "a.png.png",
}
for name, file in NAMES.items():
    add(f"name.{name}", Shows(), WHOLE["png"], file)
    add(f"name-of-a-broken-one.{name}", LeftOut("damaged"), SOUND["png"][:200], file)

# ---- what is no plain file ---------------------------------------------------------------------------


@case("picture", "dangling-link", LeftOut("is a link to nothing"))
def dangling(folder: Path) -> None:
    (folder / "a.png").symlink_to("nowhere.png")


@case("picture", "link-to-itself", LeftOut(""))
def circle(folder: Path) -> None:
    (folder / "a.png").symlink_to("a.png")


@case("picture", "link-to-a-picture", Shows())
def link(folder: Path) -> None:
    (folder.parent / "real.png").write_bytes(WHOLE["png"])
    (folder / "a.png").symlink_to(folder.parent / "real.png")


@case("picture", "pipe", NotListed())
def pipe(folder: Path) -> None:
    os.mkfifo(folder / "a.png")


@case("picture", "folder-called-png", NotListed())
def folder_of_that_name(folder: Path) -> None:
    (folder / "a.png").mkdir()


@case("picture", "link-to-the-folder-above", NotListed())
def upwards(folder: Path) -> None:
    (folder / "up").symlink_to("..")


@case("picture", "link-to-the-folder-itself", NotListed())
def inwards(folder: Path) -> None:
    (folder / "again").symlink_to(".")

"""Posters drawn by a program, for tests and for trying out training without data.

    poster = draw_poster(seed=7, size=64)
    poster.image                     # Pillow RGB, 64 x 64
    poster.masks["title"]            # bool (64, 64): the pixels that the title painted
    write_folder("posters", 500)     # 500 picture files and a metadata.csv

Every shape is drawn twice, in colour on the picture and as a label on a map, so that the part of each pixel is known
exactly, and an explanation can be measured against it.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from gan.data.archives import METADATA
from gan.data.images import fit_image
from gan.files import write_file

Colour = tuple[int, int, int]
Mask = NDArray[np.bool_]

PARTS = ("background", "figure", "title", "credits")
SMALLEST = 32  # below, no title can be written

# genre: upper background, lower background, clothes
THEMES: dict[str, tuple[Colour, Colour, Colour]] = {
    "Action": ((24, 60, 78), (224, 122, 44), (28, 26, 30)),
    "Comedy": ((250, 214, 76), (255, 244, 214), (206, 58, 52)),
    "Drama": ((74, 96, 122), (188, 194, 196), (52, 50, 60)),
    "Horror": ((10, 8, 12), (118, 14, 18), (52, 44, 46)),
    "Romance": ((244, 176, 188), (255, 232, 214), (120, 52, 84)),
    "Science Fiction": ((8, 14, 46), (40, 150, 178), (176, 184, 200)),
}
SKIN: tuple[Colour, ...] = ((244, 208, 178), (214, 164, 124), (152, 104, 72), (96, 64, 46))
HAIR: tuple[Colour, ...] = ((30, 24, 22), (96, 62, 36), (212, 176, 96), (140, 140, 146))
INK: tuple[Colour, ...] = ((250, 246, 236), (16, 14, 18))
WORDS = (
    "BRIDGE", "CITY", "DARK", "FIRE", "GHOST", "HEART", "HOUSE", "JUNGLE", "KING", "LAST", "MOON", "NIGHT",
    "OCEAN", "QUEEN", "RIVER", "ROAD", "STORM", "SUMMER", "TRAIN", "VALLEY", "WINTER", "WOLF", "ZERO",
)  # fmt: skip
# Capitals of 3 x 5 pixels; each digit is one row, its bits the pixels.
GLYPHS = {
    "A": "25755", "B": "65656", "C": "34443", "D": "65556", "E": "74647", "F": "74644", "G": "34553",
    "H": "55755", "I": "72227", "J": "11152", "K": "55655", "L": "44447", "M": "57755", "N": "65555",
    "O": "25552", "P": "65644", "Q": "25563", "R": "65655", "S": "34216", "T": "72222", "U": "55557",
    "V": "55552", "W": "55775", "X": "55255", "Y": "55222", "Z": "71247", " ": "00000",
}  # fmt: skip


@dataclass(frozen=True)
class SyntheticPoster:
    """A drawn poster.

    image : RGB picture, H x W.
    masks : for each of ``PARTS`` a bool array (H, W); every pixel is in exactly one of them.
    genres : one or two names; the first decides the colours.
    """

    image: Image.Image
    masks: Mapping[str, Mask]
    genres: tuple[str, ...]


def draw_poster(seed: int, size: int = 64, height: int | None = None, without: Collection[str] = ()) -> SyntheticPoster:
    """Draw one poster of ``size`` x ``size`` pixels, or ``size`` wide and ``height`` high.

    without : what is left out, everything else being equal: the "lettering" of the title, whose band stays; the "face",
        in whose place is hair.

    The same seed and size give the same pixels on every machine. Posters are mostly 2 : 3, so
    ``height=3 * size // 2`` looks most like one.

    Raises
    ------
    ValueError
        If a side is below 32 pixels.
    """
    width, height = size, height or size
    if min(width, height) < SMALLEST:
        raise ValueError(f"a poster needs at least {SMALLEST} x {SMALLEST} pixels, not {width} x {height}")
    rng = random.Random(f"poster {seed}")  # noqa: S311 - no secret; a text, because -1 and 1 seed the same
    genres = tuple(rng.sample(sorted(THEMES), rng.choice((1, 2))))
    upper, lower, clothes = (_vary(colour, rng) for colour in THEMES[genres[0]])
    canvas = _Canvas(width, height)
    _draw_background(canvas, rng, upper, lower)
    _draw_figure(canvas, rng, clothes, "face" not in without)
    title_on_top = rng.random() < 0.5
    _draw_title(canvas, rng, title_on_top, upper if title_on_top else lower, "lettering" not in without)
    _draw_credits(canvas, rng)
    return SyntheticPoster(canvas.picture, canvas.masks(), genres)


def draw_posters(seeds: Iterable[int], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Posters (N, H, W, 3) of these seeds at any ``size`` (height, width): small ones are drawn larger and reduced."""
    height, width = size
    drawn = (draw_poster(seed, max(width, SMALLEST), max(height, SMALLEST)).image for seed in seeds)
    return np.stack([np.asarray(fit_image(image, size)) for image in drawn])


def write_folder(directory: str | Path, count: int, first_seed: int = 0, size: tuple[int, int] = (128, 190)) -> None:
    """Write posters of ``count`` seeds, JPEG, PNG and WebP in turn, and their ``metadata.csv``.

    ``size`` is (width, height). Files are named by seed; an existing folder is added to.
    """
    root = Path(directory)
    root.mkdir(parents=True, exist_ok=True)
    rows = []
    for seed in range(first_seed, first_seed + count):
        poster = draw_poster(seed, *size)
        suffix, kind = (("jpg", "JPEG"), ("png", "PNG"), ("webp", "WEBP"))[seed % 3]
        name = f"poster-{seed:06d}.{suffix}"
        file = io.BytesIO()
        poster.image.save(file, kind, quality=90)
        write_file(root / name, file.getvalue())
        rows.append((name, "|".join(poster.genres)))
    table = io.StringIO(newline="")
    csv.writer(table, lineterminator="\n").writerows([("file_name", "genres"), *rows])
    write_file(root / METADATA, table.getvalue().encode())


class _Canvas:
    """A picture, and a map of the part that painted each pixel last."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.picture = Image.new("RGB", (width, height))
        self.owner = Image.new("L", (width, height))
        self._colours, self._owners = ImageDraw.Draw(self.picture), ImageDraw.Draw(self.owner)

    def x(self, fraction: float) -> int:
        return round(fraction * self.width)

    def y(self, fraction: float) -> int:
        return round(fraction * self.height)

    def rectangle(self, part: str, left: int, top: int, wide: int, high: int, colour: Colour) -> None:
        box = (left, top, left + wide - 1, top + high - 1)
        self._colours.rectangle(box, fill=colour)
        self._owners.rectangle(box, fill=PARTS.index(part))

    def ellipse(self, part: str, centre: tuple[int, int], radii: tuple[int, int], colour: Colour) -> None:
        (x, y), (across, down) = centre, radii
        box = (x - across, y - down, x + across, y + down)
        self._colours.ellipse(box, fill=colour)
        self._owners.ellipse(box, fill=PARTS.index(part))

    def polygon(self, part: str, points: Sequence[tuple[int, int]], colour: Colour) -> None:
        self._colours.polygon(points, fill=colour)
        self._owners.polygon(points, fill=PARTS.index(part))

    def masks(self) -> dict[str, Mask]:
        owner = np.asarray(self.owner)
        return {part: owner == index for index, part in enumerate(PARTS)}


def _draw_background(canvas: _Canvas, rng: random.Random, upper: Colour, lower: Colour) -> None:
    """A gradient, one plain colour, or sky and ground; always one colour along a row."""
    kind = rng.choice(("gradient", "gradient", "plain", "horizon"))
    horizon = rng.uniform(0.55, 0.75)
    for row in range(canvas.height):
        down = row / (canvas.height - 1)
        fraction = {"gradient": down, "plain": 0.0, "horizon": float(down > horizon)}[kind]
        canvas.rectangle("background", 0, row, canvas.width, 1, _mix(upper, lower, fraction))


def _draw_figure(canvas: _Canvas, rng: random.Random, clothes: Colour, with_face: bool) -> None:
    """A bust that fills the poster, or a person standing further off; without a face, seen from behind."""
    skin, hair, centre = rng.choice(SKIN), rng.choice(HAIR), rng.uniform(0.38, 0.62)
    bust = rng.random() < 0.6
    across, down = (0.15, 0.135) if bust else (0.075, 0.06)
    head = (canvas.x(centre), canvas.y(rng.uniform(0.38, 0.44) if bust else 0.36))
    radii = (canvas.x(across), canvas.y(down))
    shoulders, hem = (0.34, 1.0) if bust else (0.16, rng.uniform(0.7, 0.78))
    neck = head[1] + radii[1]

    if not bust:
        for side in (-1, 1):
            left = canvas.x(centre + side * 0.06 - 0.035)
            canvas.rectangle("figure", left, canvas.y(hem), canvas.x(0.07), canvas.y(0.14), _mix(clothes, hair, 0.5))
    top, sleeve = neck + canvas.y(down * 0.5), neck + canvas.y(down * 1.3)
    canvas.polygon(
        "figure",
        [
            (canvas.x(centre - across * 0.6), top),
            (canvas.x(centre + across * 0.6), top),
            (canvas.x(centre + shoulders), sleeve),
            (canvas.x(centre + shoulders * (1.1 if bust else 0.8)), canvas.y(hem)),
            (canvas.x(centre - shoulders * (1.1 if bust else 0.8)), canvas.y(hem)),
            (canvas.x(centre - shoulders), sleeve),
        ],
        clothes,
    )
    throat = canvas.x(across * 0.8)
    canvas.rectangle("figure", head[0] - throat // 2, head[1], throat, top - head[1] + 2, skin)
    canvas.ellipse("figure", (head[0], head[1] - canvas.y(down * 0.2)), radii, hair)
    if not with_face:
        return
    face = (max(1, round(radii[0] * 0.82)), max(1, round(radii[1] * 0.9)))
    canvas.ellipse("figure", (head[0], head[1] + canvas.y(down * 0.15)), face, skin)
    dot = max(1, canvas.x(across * 0.16))
    for side in (-1, 1):
        eye = head[0] + side * round(face[0] * 0.45) - dot // 2
        canvas.rectangle("figure", eye, head[1], dot, max(1, dot // 2), (24, 20, 20))
    mouth = canvas.y(down * 0.6)
    canvas.rectangle("figure", head[0] - dot, head[1] + mouth, 2 * dot + 1, max(1, dot // 2), (150, 52, 50))


def _draw_title(canvas: _Canvas, rng: random.Random, on_top: bool, ground: Colour, lettering: bool) -> None:
    """A band across the poster with one or two words in block letters, if there is to be lettering."""
    words = rng.sample(WORDS, 2)
    band = rng.choice((_mix(ground, INK[0], 0.75), _mix(ground, INK[1], 0.75), (196, 32, 36)))
    ink = max(INK, key=lambda colour: abs(sum(colour) - sum(band)))
    high = canvas.y(rng.uniform(0.15, 0.2))
    top = canvas.y(rng.uniform(0.03, 0.1)) if on_top else canvas.y(0.86) - high
    canvas.rectangle("title", 0, top, canvas.width, high, band)

    room = canvas.width * 0.92
    text = " ".join(words) if rng.random() < 0.5 else words[0]
    if _width(text) > room:
        text = words[0]
    dot = max(1, min(int(room // _width(text)), (high - 2) // len(GLYPHS["A"])))
    left, first = (canvas.width - dot * _width(text)) // 2, top + (high - dot * 5) // 2
    for index, letter in enumerate(text if lettering else ""):
        for row, bits in enumerate(GLYPHS[letter]):
            for column in range(3):
                if int(bits) & (4 >> column):
                    x, y = left + dot * (4 * index + column), first + dot * row
                    canvas.rectangle("title", x, y, dot, dot, ink)


def _draw_credits(canvas: _Canvas, rng: random.Random) -> None:
    """Two or three centred lines of words too small to read."""
    thick, lines = max(1, canvas.height // 90), rng.choice((2, 3))
    beneath = np.asarray(canvas.picture, int)[-1, :: canvas.width // 2].sum(1)  # at the edges, in the middle
    ink = max(INK, key=lambda colour: int(abs(beneath - sum(colour)).min()))
    for line in range(lines):
        top = canvas.height - canvas.y(0.02) - (lines - line) * 2 * thick - thick
        left, end = canvas.x(rng.uniform(0.1, 0.22)), canvas.x(rng.uniform(0.78, 0.9))
        while left < end:
            word = min(rng.randint(2, 6) * thick, end - left)
            canvas.rectangle("credits", left, top, word, thick, ink)
            left += word + thick


def _width(text: str) -> int:
    return 4 * len(text) - 1


def _mix(a: Colour, b: Colour, weight: float) -> Colour:
    red, green, blue = (round(x + (y - x) * weight) for x, y in zip(a, b, strict=True))
    return red, green, blue


def _vary(colour: Colour, rng: random.Random) -> Colour:
    red, green, blue = (min(255, max(0, value + rng.randint(-22, 22))) for value in colour)
    return red, green, blue

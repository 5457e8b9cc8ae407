"""A figure's frames as an animation, GIF or WebP, that goes on for ever; each frame has its caption on it.

    gif_file(figure, Motion(width=320, seconds=0.1, there_and_back=True))
    webp_file(figure, Motion(width=512))

A GIF has 256 colours: they are chosen for all frames together, so that what stands still does not flicker.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from xai.errors import ExplanationError
from xai.figures.figure import Figure, Frames
from xai.figures.fonts import font, wrapped
from xai.figures.picture import INK, LEAD, PAPER, enlarged

COLOURS = 256
SAMPLE, SAMPLE_WIDTH = 12, 160  # frames from which the colours are chosen, and pixels across
MOST_WIDTH, MOST_PIXELS = 2000, 600_000_000  # of all frames
LETTERS = 0.045  # of the width
LEAST_LETTERS, MOST_LETTERS = 11, 28  # pixels
DESCRIPTION = 0x010E  # the Exif tag of a picture's description


@dataclass(frozen=True)
class Motion:
    """width : pixels. seconds : a frame. smooth : Lanczos in place of crisp pixels. there_and_back : and so on."""

    width: int = 480
    seconds: float = 0.2
    smooth: bool = False
    there_and_back: bool = False


def gif_file(figure: Figure, motion: Motion) -> bytes:
    """GIF bytes."""
    frames, durations = _timed(figure, motion)
    palette, squares = _palette(frames), not motion.smooth and motion.width >= 2 * _across(figure)
    dither = Image.Dither.NONE if squares else Image.Dither.FLOYDSTEINBERG  # squares of one colour stay such
    coded = (picture.quantize(palette=palette, dither=dither) for picture in frames)
    buffer = io.BytesIO()
    next(coded).save(
        buffer, "GIF", save_all=True, append_images=coded, duration=durations, loop=0, disposal=1,
        comment=json.dumps(figure.about(), default=str).encode(),
    )  # fmt: skip
    return buffer.getvalue()


def webp_file(figure: Figure, motion: Motion) -> bytes:
    """WebP bytes: full colours, and smaller."""
    frames, durations = _timed(figure, motion)
    exif = Image.Exif()
    exif[DESCRIPTION] = json.dumps(figure.about(), default=str)
    buffer = io.BytesIO()
    frames[0].save(
        buffer, "WEBP", save_all=True, append_images=frames[1:], duration=durations, loop=0, quality=82, method=4,
        exif=exif.tobytes(),
    )  # fmt: skip
    return buffer.getvalue()


def _across(figure: Figure) -> int:
    return 0 if figure.frames is None else int(figure.frames.pixels[0].shape[1])


def _timed(figure: Figure, motion: Motion) -> tuple[list[Image.Image], list[int]]:
    """Pictures in the order in which they are shown, and for how many milliseconds each."""
    if figure.frames is None or not len(figure.frames.pixels):
        raise ExplanationError(f"{figure.title} does not move.")
    if not 16 <= motion.width <= MOST_WIDTH:
        raise ExplanationError(f"An animation is 16 to {MOST_WIDTH:,} pixels wide, not {motion.width:,}.")
    if not 0.02 <= motion.seconds <= 10:
        raise ExplanationError(f"A frame is shown for 0.02 to 10 seconds, not for {motion.seconds:g}.")
    drawn = list(_captioned(figure.frames, motion))
    if drawn[0].width * drawn[0].height * len(drawn) > MOST_PIXELS:
        raise ExplanationError("The animation would be too large; choose a smaller width.")
    durations = [round(1000 * motion.seconds)] * len(drawn)
    durations[-1] += round(1000 * figure.frames.hold)
    if motion.there_and_back:
        drawn, durations = drawn + drawn[-2:0:-1], durations + durations[-2:0:-1]
    return drawn, durations


def _captioned(frames: Frames, motion: Motion) -> Iterator[Image.Image]:
    """Each frame at its width, in the shape of the first, above its caption."""
    first = frames.pixels[0]
    size = (motion.width, max(1, round(motion.width * first.shape[0] / first.shape[1])))
    letters = font(int(np.clip(LETTERS * motion.width, LEAST_LETTERS, MOST_LETTERS)))
    lines = [wrapped(caption, letters, motion.width - 8) for caption in frames.captions]
    line = round(LEAD * letters.getbbox("Mg|")[3])
    strip = 6 + line * max(map(len, lines)) if any(lines) else 0
    for pixels, words in zip(frames.pixels, lines, strict=True):
        picture = Image.new("RGB", (size[0], size[1] + strip), PAPER)
        picture.paste(enlarged(pixels, size, motion.smooth), (0, 0))
        draw = ImageDraw.Draw(picture)
        for row, text in enumerate(words):
            draw.text((4, size[1] + 3 + row * line), text, INK, letters)
        yield picture


def _palette(frames: Sequence[Image.Image]) -> Image.Image:
    """The colours that suit all frames best: those of some of them, small and side by side."""
    chosen = [frames[place] for place in np.linspace(0, len(frames) - 1, min(SAMPLE, len(frames))).astype(int)]
    small = [np.asarray(one.resize((SAMPLE_WIDTH, max(1, SAMPLE_WIDTH * one.height // one.width)))) for one in chosen]
    return Image.fromarray(np.vstack(small)).quantize(COLOURS, Image.Quantize.MEDIANCUT)

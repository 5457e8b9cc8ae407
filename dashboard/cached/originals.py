"""The whole of a poster that D sees a part of: small, with a frame around that part.

whole = originals.of_poster(path, "tt0049844.webp", (64, 64))
whole.pixels, whole.share             # uint8 RGB (h, w, 3), 0.66; None where nothing was cut off
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard.subject import Whole, digest_of

SIDE = 240  # pixels of the longer side
CUT = 0.02  # proportion of a poster that may be cut off without a word


@st.cache_resource(max_entries=64, show_spinner=False)
def of_poster(source: Path, name: str, size: tuple[int, int]) -> Whole | None:
    """The whole of a poster in a folder or a zip; None where all of it is seen, or it cannot be read any more."""
    import gan
    from gan.data.archives import open_source

    try:
        with open_source(source) as files:
            return framed(files.read(name), size)
    except (gan.PosterLensError, LookupError):
        return None


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs={bytes: digest_of})
def of_upload(content: bytes, size: tuple[int, int]) -> Whole | None:
    """The whole of an uploaded poster."""
    return framed(content, size)


def framed(content: bytes, size: tuple[int, int]) -> Whole | None:
    """A picture's whole, where the network of ``size`` (height, width) sees a part of it."""
    import numpy as np

    import gan
    from gan.data.images import shown_part
    from xai.render import frame

    picture = gan.open_image(content)
    left, top, right, bottom = shown_part(picture.size, size, "crop")
    share = (right - left) * (bottom - top)
    if share > 1 - CUT:
        return None
    scale = SIDE / max(picture.size)
    small = picture.resize([max(1, round(side * scale)) for side in picture.size])
    box = [round(end * side) for end, side in zip((left, top, right, bottom), small.size * 2, strict=True)]
    return Whole(frame(np.asarray(small), box), share)

"""Which posters are held out from training: 5 % by name, whatever else is in the data set and on every machine.

    is_held_out("tt0005557.webp")                   # True, by SHA-256 of the stem
    split_keys(["Alien/poster.jpg", ...])           # "Alien/poster": where many share a stem, the path decides
    split_warning(1000, 0)                          # a sentence, or None where 1 to 20 % are held out

Neither suffix nor folder counts where file names tell the posters apart: a poster that was packed as WebP, or is in two
folders of genres, stays on its side.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

from gan.errors import counted
from gan.files import name_bytes

HELD_OUT = 0.05  # proportion of the posters that are not trained on
ALLOWED = (0.01, 0.20)  # beyond, the names are not spread as chance would spread them
SMALL = 100  # posters below which chance alone may hold out none, or many
SHARED = 8  # posters of one stem, such as one film in the folders of its genres; in small sets a tenth of them


def is_held_out(name: str) -> bool:
    """Whether a poster with this file name is held out from training, in a set in which its stem is its own.

    (Each name is hashed as if it ended in .webp, as those of the shipped checkpoints' posters do.)
    """
    return is_key_held_out(_parts(name)[-1])


def is_key_held_out(key: str) -> bool:
    """Whether a poster with this key (:func:`split_keys`) is held out."""
    digest = hashlib.sha256(name_bytes(key + ".webp")).digest()
    return int.from_bytes(digest[:8], "big") < HELD_OUT * 2**64


def split_keys(names: Sequence[str]) -> tuple[str, ...]:
    """What decides on which side each poster of a data set is: the shortest end of its path that tells it apart.

    That is the stem, ``tt0005557``. Where more than a few posters share it, as ``poster`` in one folder per film, the
    folder belongs to it, ``Alien/poster``, and so on upwards. A zip with its folder's own name around all names gives
    the same keys as the folder.
    """
    parts = [_parts(name) for name in names]
    limit = min(SHARED, max(2, len(names) // 10))
    keys = [path[-1] for path in parts]
    for depth in range(2, max(map(len, parts), default=0) + 1):
        counts = Counter(keys)
        keys = ["/".join(path[-depth:]) if counts[key] > limit else key for key, path in zip(keys, parts, strict=True)]
    return tuple(keys)


def split_warning(count: int, held_out: int) -> str | None:
    """A sentence where the proportion held out is far from 5 %; else None, or where the set is too small."""
    proportion = held_out / count if count else HELD_OUT
    if ALLOWED[0] <= proportion <= ALLOWED[1] or (count < SMALL and proportion < 0.5):
        return None
    return (
        f"{held_out} of {counted(count, 'poster')} are held out by their names, where about {HELD_OUT:.0%} should be; "
        "rename them so that each has a name of its own."
    )


def _parts(name: str) -> tuple[str, ...]:
    """The folders and the stem of a name, composed: macOS stores an accent apart from its letter."""
    path = PurePosixPath(unicodedata.normalize("NFC", name))
    return (*path.parent.parts, path.stem)

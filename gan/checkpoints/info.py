"""What a checkpoint says of its training: the types of what is read from it later.

valid_info({"kimg": 450.0, "mine": [1]})        # returned; what is not named here may be anything
valid_info({"kimg": "many"})                    # ValueError: kimg must be a number, not many
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gan.data.images import FITS

# Keys of ``info`` in version 0.1; read until 0.3.
OLD_INFO = {"asked_for": "requested_genres", "ranked_rightly": "roc_auc_held_out"}


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e300 < value < 1e300


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _object(value: Any) -> bool:
    return isinstance(value, dict)


def _fit(value: Any) -> bool:
    return isinstance(value, str) and value in FITS


EXPECTED: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(("kimg", "hours", "seconds", "fd_lite1", "floor_fd"), ("a number", _number)),
    **dict.fromkeys(("updates", "posters", "held_out"), ("a whole number", _count)),
    **dict.fromkeys(("preset", "command", "hardware", "start", "run", "only_genres"), ("a text", _text)),
    **dict.fromkeys(("train", "data", "requested_genres"), ("an object", _object)),
    "fit": (" or ".join(FITS), _fit),
}


def valid_info(info: Mapping[str, Any]) -> dict[str, Any]:
    """The same; ValueError where a value is not of the type that pages and scripts expect. None is "not known"."""
    known = {key: value for key, value in info.items() if value is not None or key not in EXPECTED}
    for key, value in known.items():
        words, fits = EXPECTED.get(key, ("", lambda value: True))
        if not fits(value):
            raise ValueError(f"{key} must be {words}, not {value}")
    return known

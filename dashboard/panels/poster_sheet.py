"""A sheet of real or of generated posters; a click makes one of them the poster that every page is about.

poster_sheet.show(checkpoint, [12, 40], real=True, key="wrong", title="D's worst errors", notes=["logit -2.1", ...])
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gan
from dashboard import sidebar
from dashboard.cached import discriminator
from dashboard.components.sprite_grid import sprite_grid
from xai.render import sprite

if TYPE_CHECKING:
    from collections.abc import Sequence

USUAL: dict[str, Any] = {"per_row": 6, "smallest": 48, "largest": 110, "most": "none"}


def show(
    checkpoint: gan.Checkpoint,
    numbers: Sequence[int],
    real: bool,
    key: str,
    title: str,
    notes: Sequence[str] | None = None,
    **looks: Any,
) -> None:
    """Posters by their numbers, or by their seeds; nothing where there are none.

    notes : what each one's label says besides its number. looks : of the sheet (sprite_grid), in place of ``USUAL``.
    """
    if not numbers:
        return
    kind, go_to = ("poster", sidebar.show_poster) if real else ("seed", sidebar.show_seed)
    names = [f"{kind} {number}" for number in numbers]
    labels = names if notes is None else [", ".join(pair) for pair in zip(names, notes, strict=True)]
    looks = USUAL | looks
    sheet = sprite(gan.to_uint8(discriminator.pictures(checkpoint, numbers, not real)), columns=looks["per_row"])
    sprite_grid(sheet, labels, key, lambda place: go_to(numbers[place]), title=title, **looks)

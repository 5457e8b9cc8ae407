"""Paint with filters: set a unit to a value inside a box or a mask, and draw the poster again.

    edits = [Edit("layers.5", 7, (0.0, 0.0, 1.0, 0.3), "off"), Edit("layers.8", 40, (0.2, 0.5, 0.6, 0.9), "strong")]
    paint(generator, z, edits)                         # (1, 3, H, W)
    to_json(edits)                                     # [["layers.5",7,[0,0,1,0.3],"off"],...]
    from_json(text)                                    # the edits again

Bau et al. 2019, "GAN Dissection", 4.4: inserting and removing units in a region.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from gan.networks.dcgan import Generator
from xai.errors import ExplanationError
from xai.generator.regions import MOST_VALUE, Box, Mask, cells, is_number, no_box
from xai.networks.hooks import check_given, private_copy
from xai.networks.layers import usual_maps

Word = Literal["off", "mean", "strong"]

MOST_EDITS = 100
MOST_CHARACTERS = 100_000


@dataclass(frozen=True)
class Edit:
    """One unit's map set to one value inside a box or a mask.

    layer : an entry of the generator's ``layers``. unit : channel, from 0.
    box : (left, top, right, bottom), 0 to 1 across and down the picture; every cell of the map that it touches is
        set. Or a mask of the layer's own maps, as a brush leaves it.
    value : a number, or "off" (0), "mean" (over 64 posters), "strong" (its largest value in 64 posters).
    """

    layer: str
    unit: int
    box: Box | Mask
    value: Word | float

    def __post_init__(self) -> None:
        problem = _problem(self)
        if problem:
            raise ExplanationError(problem)

    def inside(self, height: int, width: int) -> Tensor:
        """Which places of a map (height, width) are set; ExplanationError for a mask of another size."""
        if isinstance(self.box, Mask):
            if (self.box.height, self.box.width) != (height, width):
                sides = f"{self.box.height} x {self.box.width}"
                raise ExplanationError(f"The mask is one of {sides} places; {self.layer} has {height} x {width}.")
            return torch.from_numpy(self.box.inside)
        chosen = torch.zeros(height, width, dtype=torch.bool)
        chosen[cells(self.box, height, width)] = True
        return chosen


@dataclass(frozen=True, eq=False)
class Levels:
    """What "mean" and "strong" are in numbers, for each unit (U,) of a layer."""

    mean: Tensor
    strong: Tensor


def levels(generator: Generator, layer: str) -> Levels:
    """Mean and largest activation of a layer's units over 64 fixed seeds."""
    return _levels(generator, [layer])[layer]


@torch.no_grad()
def paint(
    generator: Generator, z: Tensor, edits: Sequence[Edit], measured: Mapping[str, Levels] | None = None
) -> Tensor:
    """Pictures (N, 3, H, W) of the latents (N, latent, 1, 1) with all edits.

    Edits of one layer are applied in order, a later one over an earlier one; the network takes the layers from
    first to last. ``measured`` saves measuring the levels of layers that are in it.

    Raises
    ------
    ExplanationError
        If a layer or a unit does not exist, ``z`` is of another shape, or the generator waits for genres.
    """
    check_given(generator)
    if z.shape[1:] != (generator.config.latent, 1, 1):
        raise ExplanationError(f"Latents are of the shape (N, {generator.config.latent}, 1, 1), not {tuple(z.shape)}.")
    network = private_copy(generator.layers)
    names = [f"layers.{index}" for index in range(len(network))]
    for edit in edits:
        if edit.layer not in names:
            raise ExplanationError(f"There is no layer {edit.layer!r}; there are {', '.join(names)}.")
    by_layer = dict(measured or {})
    worded = {edit.layer for edit in edits if isinstance(edit.value, str) and edit.value != "off"}
    by_layer |= _levels(generator, sorted(worded - by_layer.keys()))
    h = z
    for name, module in zip(names, network, strict=True):
        h = module(h)
        for edit in edits:
            if edit.layer == name:
                h = _applied(h, edit, by_layer.get(name))
    return h


def to_json(edits: Sequence[Edit]) -> str:
    """Edits as compact JSON, for a link or a file; numbers keep all their digits."""
    rows = [[edit.layer, edit.unit, _written(edit.box), _short(edit.value)] for edit in edits]
    return json.dumps(rows, separators=(",", ":"))


def from_json(text: str) -> list[Edit]:
    """Edits from JSON.

    Raises
    ------
    ExplanationError
        With one sentence that says what is wrong, and with which edit.
    """
    if len(text) > MOST_CHARACTERS:
        raise ExplanationError("These edits are too long to be a list of edits.")
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError):
        raise ExplanationError("The edits are not valid JSON.") from None
    if not isinstance(rows, list):
        raise ExplanationError('Edits are a list, such as [["layers.5",7,[0,0,1,0.3],"off"]].')
    if len(rows) > MOST_EDITS:
        raise ExplanationError(f"At most {MOST_EDITS} edits can be stacked, not {len(rows)}.")
    return [_edit(number, row) for number, row in enumerate(rows, 1)]


def _written(box: Box | Mask) -> str | list[float]:
    return box.text if isinstance(box, Mask) else [_short(side) for side in box]


def _read(box: Any) -> Any:
    if isinstance(box, str) and box[:1].isdecimal():
        return Mask.parsed(box)
    return tuple(box) if isinstance(box, list) else box


def _edit(number: int, row: Any) -> Edit:
    if not isinstance(row, list) or len(row) != 4:
        raise ExplanationError(f"Edit {number} is not a list of layer, unit, box and value.")
    layer, unit, box, value = row
    try:
        return Edit(layer, unit, _read(box), value)
    except ExplanationError as error:
        raise ExplanationError(f"Edit {number}: {error}") from None


def _problem(edit: Edit) -> str | None:
    """What is wrong with an edit, as a sentence; its fields may be of any type."""
    if not isinstance(edit.layer, str):
        return "A layer is a name such as layers.5."
    if not isinstance(edit.unit, int) or isinstance(edit.unit, bool) or edit.unit < 0:
        return "A unit is a whole number from 0."
    if not isinstance(edit.box, Mask) and no_box(edit.box):
        return no_box(edit.box)
    fits = edit.value in get_args(Word) if isinstance(edit.value, str) else is_number(edit.value)
    return None if fits else f"A value is off, mean, strong, or a number of at most {MOST_VALUE:g} in size."


def _short(value: Any) -> Any:
    """1 for 1.0."""
    return int(value) if isinstance(value, float) and value == int(value) else value


def _applied(h: Tensor, edit: Edit, measured: Levels | None) -> Tensor:
    if edit.unit >= h.shape[1]:
        raise ExplanationError(f"{edit.layer} has units 0 to {h.shape[1] - 1}; {edit.unit} is none of them.")
    inside = edit.inside(h.shape[2], h.shape[3])
    changed = h.clone()
    changed[:, edit.unit, inside] = _number(edit, measured)
    return changed


def _number(edit: Edit, measured: Levels | None) -> float:
    if not isinstance(edit.value, str):
        return edit.value
    if edit.value == "off":
        return 0.0
    assert measured is not None  # by paint
    return float((measured.mean if edit.value == "mean" else measured.strong)[edit.unit])


def _levels(generator: Generator, layers: Sequence[str]) -> dict[str, Levels]:
    maps = usual_maps(generator, layers) if layers else {}
    return {layer: Levels(one.mean((0, 2, 3)), one.amax((0, 2, 3))) for layer, one in maps.items()}

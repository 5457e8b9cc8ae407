"""Results as figures (xai.figures), to be saved as pictures, tables, arrays or animations.

    source = Source.of(checkpoint, "seed 3", baseline="grey")
    save(of_explanation(explanation, pixels, source), "map.png", width_mm=85)
    save(of_path(path(generator, a, b), source), "walk.gif", seconds=0.1)
    save(of_units(FilterTable.beside(folder, checkpoint.digest), "Filters of the generator", source), "filters.csv")
    save(of_grids(Path("runs/first"), Source("first")), "training.webp", width=512)

What a page shows and what its files hold is made from the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from torch import Tensor

from gan.data.images import open_image, to_uint8
from gan.networks.dcgan import Generator
from gan.training.runs.folder import read_grids, read_stats
from xai.errors import ExplanationError
from xai.figures.bars import bars_panel, strongest_bars
from xai.figures.figure import Array, Bar, Figure, Frames, Panel, Source, table
from xai.generator.blame import Blame
from xai.latents.paths import Path as Walk
from xai.latents.sensitivity import LatentSensitivity
from xai.latents.sweeps import AT_ONCE
from xai.methods.base import Explanation, scale
from xai.networks.fast_generator import check_dimension, fast_generator
from xai.networks.score import LOGIT
from xai.networks.unit_table import UnitTable
from xai.render import CHANGE, VERDICT, Pixels, block_of, enlarge_map, full_colours, limit, overlay, pool
from xai.report import words
from xai.trust.agreement import Agreement

CELLS = 8  # places of a map across
STRENGTH = 0.9  # of an overlay
MOST_FRAMES = 100  # of a run
STEPS = tuple(np.linspace(-3, 3, 25).round(2).tolist())  # of a sweep
IN_A_ROW = 6  # pictures of a walk


# ---- maps ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Look:
    """How maps are drawn.

    block : pixels across of the blocks that are averaged over, an eighth of the width unless given
        (``xai.render.block_of``). strength : of overlays.
    shared : one colour scale for all that are in the score's units.
    """

    block: int | None = None
    strength: float = STRENGTH
    shared: bool = True


def of_explanation(
    explanation: Explanation,
    pixels: Pixels,
    source: Source,
    look: Look = Look(),
    verdict: str = "",
    among: Sequence[Explanation] = (),
) -> Figure:
    """One map of one poster (h, w, 3) over it.

    verdict : whether it can be trusted, in words. among : maps with which it shares its colours, it itself among them.
    """
    shown = list(among) or [explanation]
    place = next(place for place, one in enumerate(shown) if one is explanation)
    found = of_explanations(shown, pixels, source, look, [verdict if one is explanation else "" for one in shown])
    settings = dict(found.source.settings) | {"method": explanation.title} | ({"verdict": verdict} if verdict else {})
    return replace(
        found, title=f"{explanation.title} over the poster", panels=found.panels[place + 1 : place + 2],
        source=replace(found.source, settings=settings), columns=_numbers([explanation], [verdict]),
        arrays=_arrays([explanation], pixels),
    )  # fmt: skip


def of_explanations(
    explanations: Sequence[Explanation],
    pixels: Pixels,
    source: Source,
    look: Look = Look(),
    verdicts: Sequence[str] = (),
) -> Figure:
    """The poster (h, w, 3), and beside it the maps of several methods, all of one score."""
    block = block_of(look.block or max(1, pixels.shape[1] // CELLS), pixels.shape)
    maps = {one.method: pool(one.heat(), block) for one in explanations}
    ends = full_colours(maps, [one.method for one in explanations if one.in_logits] if look.shared else [])
    known = list(verdicts) or [""] * len(explanations)
    panels = [Panel(pixels, _poster_words(explanations[0]), poster=True)]
    for one, verdict in zip(explanations, known, strict=True):
        colours, end = scale(one.meaning, one.claims), ends[one.method]
        panels.append(
            Panel(
                overlay(pixels, maps[one.method], end, look.strength, colours),
                f"{one.title}{': ' * bool(verdict)}{verdict}",
                Bar.signed(end, map_unit(one), colours, (one.meaning.low, one.meaning.high)),
            )
        )
    settings = dict(source.settings) | {"averaged_over": f"{block[0]} × {block[1]} px"}
    return Figure(
        "Maps of the poster by several methods", replace(source, settings=settings), tuple(panels),
        words.legend(explanations[0].meaning), min(3, len(panels)), _numbers(explanations, known),
        arrays=_arrays(explanations, pixels),
    )  # fmt: skip


def map_unit(explanation: Explanation) -> str:
    """What the colours of a map are measured in."""
    unit = explanation.meaning.unit
    return {"score": f"{unit} a pixel", "gradient": f"gradient of the {unit}", "response": "activation"}[
        explanation.claims
    ]


def _poster_words(explanation: Explanation) -> str:
    score = float(explanation.score)
    if explanation.meaning != LOGIT:
        return f"the poster: {explanation.meaning.name} {score:+z.2f}"
    word, number, percent = words.verdict(score)
    return f"the poster: {word}, logit {number} ({percent})"


def _numbers(explanations: Sequence[Explanation], verdicts: Sequence[str]) -> dict[str, list[Any]]:
    return {
        "method": [one.title for one in explanations],
        "score": [float(one.score) for one in explanations],
        "base score": [float(one.base_score) for one in explanations],
        "sum of attributions": [float(one.values.sum()) for one in explanations],
        "completeness gap": [float(one.gap) for one in explanations],
        "verdict": list(verdicts),
        "seconds": [one.seconds for one in explanations],
    }


def _arrays(explanations: Sequence[Explanation], pixels: Pixels) -> dict[str, Array]:
    arrays = {"poster": Array(pixels, "RGB, 0 to 255", "height, width, channel")}
    for one in explanations:
        arrays[one.method] = Array(one.values[0].numpy(), map_unit(one), f"{one.title}: channel, height, width")
        if one.segments is not None:
            arrays[f"{one.method}_segments"] = Array(one.segments[0].numpy(), "", "segment of each pixel")
    return arrays


def of_references(
    explanations: Mapping[str, Explanation],
    names: Mapping[str, str],
    pixels: Pixels,
    source: Source,
    look: Look = Look(),
) -> Figure:
    """One method's maps of one poster (h, w, 3) against several baselines, on one scale.

    names : what each baseline is called.
    """
    first = next(iter(explanations.values()))
    block = block_of(look.block or max(1, pixels.shape[1] // CELLS), pixels.shape)
    maps = {kind: pool(one.heat(), block) for kind, one in explanations.items()}
    end, colours = limit(np.stack(list(maps.values()))), scale(first.meaning, first.claims)
    bar = Bar.signed(end, map_unit(first), colours, (first.meaning.low, first.meaning.high))
    panels = tuple(
        Panel(overlay(pixels, values, end, STRENGTH, colours), names[kind], bar) for kind, values in maps.items()
    )
    arrays = {
        kind: Array(one.values[0].numpy(), map_unit(one), f"{names[kind]}: channel, height, width")
        for kind, one in explanations.items()
    }
    columns = {"baseline": [names[kind] for kind in maps]} | _numbers(list(explanations.values()), [""] * len(maps))
    return Figure(
        f"{first.title} against several baselines", source, panels, words.legend(first.meaning), columns=columns,
        arrays=arrays,
    )  # fmt: skip


def of_agreement(found: Agreement, titles: Sequence[str], pixels: Pixels, source: Source) -> Figure:
    """How far maps of one poster (h, w, 3) agree pair by pair, their consensus and their disagreement."""
    size, ends = pixels.shape[:2], {"consensus": VERDICT, "disagreement": CHANGE}
    panels = []
    for name, colours in ends.items():
        values = getattr(found, name)
        end = limit(values, 1.0)
        drawn = overlay(pixels, enlarge_map(values, size), end, STRENGTH, colours)
        panels.append(Panel(drawn, name, Bar.signed(end, "maps at unit RMS", colours)))
    measures = {"rank correlation": found.rank, "overlap": found.overlap, "structural similarity": found.ssim}
    pairs = [(one, other) for one in range(len(titles)) for other in range(one + 1, len(titles))]
    rows = [
        {"one": titles[one], "other": titles[other]}
        | {name: float(values[one, other]) for name, values in measures.items()}
        for one, other in pairs
    ]
    arrays = {name: Array(getattr(found, name), "maps at unit RMS", "row, column of cells") for name in ends}
    arrays |= {name.replace(" ", "_"): Array(values, "", "method, method") for name, values in measures.items()}
    note = "Consensus: the mean of the maps at the same strength; disagreement: orange where they differ."
    return table("Agreement of the maps", source, rows, panels=tuple(panels), note=note, arrays=arrays)


def of_blame(found: Blame, layer: str, source: Source) -> Figure:
    """What the latent dimensions and one layer's filters add to the logit of a generated poster."""
    parts = {"dimension": found.latents.tolist(), "filter": found.units[layer].tolist()}
    label = "contribution to the logit"
    panels = tuple(bars_panel(strongest_bars(values, kind, label, VERDICT)) for kind, values in parts.items())
    rows = [
        {"kind": kind, "index": index, "contribution": value, "score": found.score}
        for kind, values in parts.items()
        for index, value in enumerate(values)
    ]
    note = f"From {found.base_score:+z.2f}, the mean of other seeds, to {found.score:+z.2f}, this poster's logit."
    title = f"What gave this fake away: latent dimensions and filters of {layer}"
    return table(title, source, rows, panels=panels, note=note, across=2, units={"contribution": "logit"})


# ---- pictures one after the other -----------------------------------------------------------------------


def of_steps(
    pictures: Sequence[Pixels], captions: Sequence[str], title: str, source: Source, note: str = "", **more: Any
) -> Figure:
    """Posters in an order, beside each other and as an animation."""
    panels = tuple(Panel(pixels, caption, poster=True) for pixels, caption in zip(pictures, captions, strict=True))
    arrays = {"pictures": Array(np.stack(list(pictures)), "RGB, 0 to 255", "step, height, width, channel")}
    arrays |= more.pop("arrays", {})
    return Figure(
        title, source, panels, note, min(IN_A_ROW, len(panels)), arrays=arrays, frames=Frames(pictures, captions),
        **more,
    )  # fmt: skip


def of_path(walk: Walk, source: Source, title: str = "A walk between two posters") -> Figure:
    """The posters of a walk through latent space."""
    last = len(walk.pixels) - 1
    return of_steps(
        list(walk.pixels), [f"step {step} of {last}" for step in range(last + 1)], title, source,
        f"Even steps on the sphere between latents {walk.angle_degrees:.0f} degrees apart.",
        arrays={"latents": Array(walk.latents.flatten(1).numpy(), "", "step, latent dimension")},
    )  # fmt: skip


@torch.inference_mode()
def of_sweep(generator: Generator, z: Tensor, dimension: int, source: Source, steps: Sequence[float] = STEPS) -> Figure:
    """One latent dimension of ``z`` (1, latent, 1, 1) at every step, all others unchanged."""
    check_dimension(dimension, z.shape[1])
    moved = z.repeat(len(steps), 1, 1, 1)
    moved[:, dimension, 0, 0] = torch.tensor(list(steps)).to(z)
    pictures = to_uint8(torch.cat([fast_generator(generator)(part) for part in torch.split(moved, AT_ONCE)]))
    return of_steps(
        list(pictures), [f"dimension {dimension} = {value:+z.1f}" for value in steps],
        f"Latent dimension {dimension} swept", source,
        f"This poster has {float(z[0, dimension, 0, 0]):+z.2f} there; all else is unchanged.",
        arrays={"values": Array(np.array(steps), "", "of the dimension")},
    )  # fmt: skip


class _Files(Sequence[Pixels]):
    """Pictures that are read when they are looked at."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    @overload
    def __getitem__(self, place: int) -> Pixels: ...
    @overload
    def __getitem__(self, place: slice) -> _Files: ...
    def __getitem__(self, place: int | slice) -> Pixels | _Files:
        if isinstance(place, slice):
            return _Files(self.paths[place])
        return np.asarray(open_image(self.paths[place]))


def of_grids(run: Path, source: Source) -> Figure:
    """The same seeds over time, as a run left them; of very many pictures some, and the last.

    Raises
    ------
    ExplanationError
        If the run has left none yet.
    """
    grids = read_grids(run)
    if not grids:
        raise ExplanationError(f"{run.name} has drawn no grid yet.")
    times = sorted(grids)
    places = np.linspace(0, len(times) - 1, min(MOST_FRAMES, len(times))).round().astype(int)
    chosen = [times[place] for place in places]
    files = _Files([grids[kimg] for kimg in chosen])
    return Figure(
        f"The same seeds over the training of {run.name}", source,
        (Panel(files[-1], f"after {chosen[-1]:g} kimg", poster=True),),
        "kimg: thousand posters shown to D.", frames=Frames(files, [f"{kimg:g} kimg" for kimg in chosen], 0.5, 2.0),
    )  # fmt: skip


# ---- tables --------------------------------------------------------------------------------------------


def of_log(run: Path, source: Source) -> Figure:
    """The numbers that a run logged, a row a tick; a number that a row lacks is empty."""
    rows = read_stats(run)
    headings = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name, "") for row in rows] for name in headings}
    return Figure(f"Log of {run.name}", source, columns=columns, units={"kimg": "thousand posters"})


def of_units(
    found: UnitTable, title: str, source: Source, concepts: Mapping[tuple[str, int], str] | None = None
) -> Figure:
    """A table of a network's filters, with all its columns, and what each filter stands for where that is known."""
    rows = found.rows()
    if concepts:
        rows = [row | {"concept": concepts.get((row["layer"], row["unit"]), "")} for row in rows]
    return table(title, source, rows)


def of_sensitivity(found: LatentSensitivity, values: Sequence[float], source: Source) -> Figure:
    """What each latent dimension changes in one poster."""
    columns: dict[str, Sequence[Any]] = {
        "dimension": list(range(len(found.rms))), "value": list(values), "change": found.rms.tolist(),
        "brightness": found.brightness.tolist(), "top": found.top.tolist(), "middle": found.middle.tolist(),
        "bottom": found.bottom.tolist(),
    }  # fmt: skip
    if found.score is not None:
        columns["logit"] = found.score.tolist()
    units = {"change": "RMS per unit of latent value", "brightness": "per unit of latent value"}
    return Figure("What each latent dimension changes", source, columns=columns, units=units)

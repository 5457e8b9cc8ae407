"""What training does and how good it became, as figures (xai.figures): one step, saved states, an evaluation.

d, g = stage.step_d(), stage.step_g()                  # gan.training.slow_motion.stage
save(of_step(d, g, source), "step.png", width_mm=170)
save(of_history(stage.history, source), "steps.csv")
save(of_evaluation(gan.evaluation.report.read(folder), source), "evaluation.csv")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from torch import Tensor

from gan.data.images import to_uint8
from gan.errors import counted
from gan.evaluation.estimates import Estimate, Estimates
from gan.evaluation.metrics import METRICS
from gan.evaluation.report import Evaluation
from gan.evaluation.samples.memorization import ClosestPair
from gan.training.slow_motion.stage import DStep, GStep
from xai.discriminator.training_step import amplification, change_rgb, noise_rgb, request_rgb
from xai.figures.figure import Array, Figure, Frames, Panel, Source, table
from xai.render import Pixels

# ---- step by step --------------------------------------------------------------------------------------


def of_step(d: DStep, g: GStep | None, source: Source, count: int = 8) -> Figure:
    """The last half of a training step, or both halves: a column for each of ``count`` generated and real posters.

    The table and the arrays have the whole batch.
    """
    shown = min(count, len(d.fake))
    drawn = [_panels(noise_rgb(d.z[:shown], (d.fake.shape[2], d.fake.shape[3])), ["noise"] * shown)]
    drawn.append(_panels(to_uint8(d.fake[:shown]), _moves(d.before.logit_fake, d.after.logit_fake), poster=True))
    drawn.append(_panels(request_rgb(d.asked[:shown], d.fake[:shown]), ["D asks"] * shown))
    arrays = {
        "noise": Array(d.z.flatten(1).numpy(), "", "poster, latent dimension"),
        "generated": Array(to_uint8(d.fake), "RGB, 0 to 255", "poster, height, width, channel"),
        "asked": Array(d.asked.numpy(), "minus the gradient of G's loss", "poster, channel, height, width"),
        "real": Array(to_uint8(d.real), "RGB, 0 to 255", "poster, height, width, channel"),
    }
    if g is not None:
        factor = amplification(g.changed[:shown])
        after = [f"after {logit:+z.2f}" for logit in g.verdicts.logit_fake.tolist()]
        drawn.append(_panels(to_uint8(g.posters[:shown]), after, poster=True))
        drawn.append(_panels(change_rgb(g.changed[:shown], factor), [f"change × {factor}"] * shown))
        arrays["changed"] = Array(g.changed.numpy(), "of -1 to 1", "after G's update: poster, channel, height, width")
    drawn.append(_panels(to_uint8(d.real[:shown]), _moves(d.before.logit_real, d.after.logit_real), poster=True))
    note = "Logits: before and after D's update. The last row: the real posters of the step."
    halves = "D's half" if g is None else "both halves"
    rows, panels = _verdicts(d, g), tuple(panel for row in drawn for panel in row)
    return table(f"Step {d.number}, {halves}", source, rows, panels=panels, note=note, across=shown, arrays=arrays)


def _panels(pictures: Pixels, captions: Sequence[str], poster: bool = False) -> list[Panel]:
    return [Panel(pixels, caption, poster=poster) for pixels, caption in zip(pictures, captions, strict=False)]


def _moves(before: Tensor, after: Tensor) -> list[str]:
    return [f"{one:+z.2f}, then {other:+z.2f}" for one, other in zip(before.tolist(), after.tolist(), strict=True)]


def _verdicts(d: DStep, g: GStep | None) -> list[dict[str, Any]]:
    """What D said of every poster of the step, and how far G did what was asked."""
    steps = {"before": d.before, "after D's update": d.after} | ({} if g is None else {"after G's update": g.verdicts})
    rows: list[dict[str, Any]] = []
    for kind, name in (("real", "real"), ("fake", "generated")):
        columns = {f"logit {when}": getattr(one, f"logit_{kind}").tolist() for when, one in steps.items()}
        columns |= {f"wrong {when}": getattr(one, f"wrong_{kind}").tolist() for when, one in steps.items()}
        if g is not None:
            asked = g.alignment.tolist() if kind == "fake" else [""] * len(d.real)
            columns["cosine of change and request"] = asked
        for index, values in enumerate(zip(*columns.values(), strict=True)):
            rows.append({"posters": name, "index": index} | dict(zip(columns, values, strict=True)))
    return rows


def of_history(history: Mapping[int, Mapping[str, float]], source: Source) -> Figure:
    """Losses, logits and accuracy of every step so far."""
    rows = [{"step": step} | dict(history[step]) for step in sorted(history)]
    return table("The steps so far", source, rows)


def of_states(previews: Mapping[int, Tensor], source: Source) -> Figure:
    """Posters of the same noise at every saved state, a row each, and one after the other as an animation."""
    steps = sorted(previews)
    pictures = {step: to_uint8(previews[step]) for step in steps}
    panels = tuple(
        Panel(pixels, f"step {step}, seed {seed}", poster=True)
        for step, row in pictures.items()
        for seed, pixels in enumerate(row)
    )
    strips = [np.concatenate(list(row), axis=1) for row in pictures.values()]
    frames = Frames(strips, [f"step {step}" for step in steps])
    arrays = {
        "steps": Array(np.array(steps), "", "of the saved states"),
        "pictures": Array(np.stack(list(pictures.values())), "RGB, 0 to 255", "state, seed, height, width, channel"),
    }
    across = len(pictures[steps[0]])
    return Figure(
        "The same noise at every saved state", source, panels, across=across, arrays=arrays,
        frames=frames if len(steps) > 1 else None,
    )  # fmt: skip


# ---- how good it became --------------------------------------------------------------------------------


def of_evaluation(found: Evaluation, source: Source) -> Figure:
    """All metrics of a checkpoint with their intervals, and what real posters get where that is known."""
    rows = _metrics(found.generated, found.floor)
    for estimates in (found.discriminator, found.memorization, found.diversity):
        rows += _metrics(estimates or {})
    for one in found.genres:
        rows += [
            _row("Genres", f"adherence of {one.genre}", one.adherence),
            _row("Genres", f"diversity of {one.genre}", one.diversity),
        ]
    note = (
        f"{counted(found.samples, 'generated poster')} against {found.held_out:,} held-out; the floor is what as many "
        "training posters get, and a perfect generator would, too."
    )
    return table(f"How good {found.name} is", source, rows, note=note)


def _metrics(estimates: Estimates, floor: Estimates | None = None) -> list[dict[str, Any]]:
    known = floor or {}
    return [
        _row(METRICS[name].group, METRICS[name].label, estimate, known.get(name))
        for name, estimate in estimates.items()
        if name in METRICS
    ]


def _row(group: str, label: str, one: Estimate, floor: Estimate | None = None) -> dict[str, Any]:
    ends: tuple[Any, ...] = ("", "", "") if floor is None else (floor.value, floor.low, floor.high)
    found = {"group": group, "metric": label, "value": one.value, "low": one.low, "high": one.high}
    return found | dict(zip(("floor", "floor low", "floor high"), ends, strict=True))


def of_closest(
    pairs: Sequence[ClosestPair], drawn: Sequence[Pixels], known: Mapping[str, Pixels], title: str, source: Source
) -> Figure:
    """The generated posters that come nearest to a training poster, and that one, where there are those to show.

    drawn : of the pairs, or none. known : training posters by their names.
    """
    panels = []
    for place, pair in enumerate(pairs):
        if drawn:
            panels.append(Panel(drawn[place], f"seed {pair.seed}", poster=True))
        if pair.poster in known:
            panels.append(Panel(known[pair.poster], pair.poster, poster=True))
    note = "held_out: proportion of held-out posters that lie at least as near to a training poster."
    return table(title, source, [asdict(pair) for pair in pairs], panels=tuple(panels), note=note)

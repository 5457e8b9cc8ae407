"""Results about a discriminator as figures (xai.figures): a verdict filter by filter, exemplars, how good verdicts are.

score = xai.Score(checkpoint.discriminator)
found = waterfall(filter_contributions(score, poster, reference), "layers.4")   # xai.discriminator.relevance
save(of_waterfall(found, source), "waterfall.png", width_mm=85)
save(of_waterfall(found, source), "waterfall.csv")
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xai.discriminator.decisions import accuracy_by_group, calibration_curve, memorising
from xai.figures.bars import Bars, bars_panel, signed_bars, waterfall_bars
from xai.figures.figure import Array, Bar, Figure, Panel, Source, table
from xai.render import CHANGE, GREY_HEX, VERDICT, VIOLET_HEX, Pixels, limit, outline, overlay
from xai.report.figures import of_steps
from xai.report.filter_figures import of_posters

if TYPE_CHECKING:
    from gan.evaluation.estimates import Estimate
    from xai.discriminator.concepts.table import ConceptTable
    from xai.discriminator.counterfactuals.by_filters import FilterCounterfactual
    from xai.discriminator.counterfactuals.by_latent import LatentCounterfactual
    from xai.discriminator.counterfactuals.removal import RemovalCurves
    from xai.discriminator.decisions import Judged, Verdicts
    from xai.discriminator.filters.exemplars import Exemplar
    from xai.discriminator.filters.kernels import ColourKernels, FilterInputs
    from xai.discriminator.filters.synthesis import Synthesis
    from xai.discriminator.filters.table import Histogram
    from xai.discriminator.relevance import Waterfall

LARGE = 64  # pixels, to which a poster with an outline is enlarged
EXEMPLARS_IN_A_ROW = 9
MOST = 12  # inputs of a filter that are drawn
NAMES = {"strongest": "excites it most", "mattered": "it mattered most to", "against": "it speaks against most"}


# ---- one verdict ---------------------------------------------------------------------------------------


def of_waterfall(found: Waterfall, source: Source) -> Figure:
    """From the reference's logit to the poster's, by the filters of a layer."""
    bars, logit = found.bars, found.bars[-1].value
    drawn = waterfall_bars([bar.label for bar in bars], [bar.value for bar in bars], "logit", VERDICT, GREY_HEX)
    columns: dict[str, Sequence[Any]] = {
        "bar": [bar.label for bar in bars],
        "filter": ["" if bar.unit is None else bar.unit for bar in bars],
        "value": [bar.value for bar in bars],
        "from": [bar.start for bar in bars],
        "to": [bar.end for bar in bars],
        "score": [logit] * len(bars),
    }
    return Figure(
        f"How the filters of {found.layer} lead to the verdict", source, (bars_panel(drawn),),
        f"{found.text} Red adds to the logit, blue takes from it.", columns=columns,
        units=dict.fromkeys(("value", "from", "to"), "logit"),
    )  # fmt: skip


def of_cells(
    values: NDArray[np.float32], block: int, pixels: Pixels, title: str, source: Source, score: float | None = None
) -> Figure:
    """A map (H, W) of D's logit that was averaged over blocks, over its poster (H, W, 3)."""
    end = limit(values)
    bar = Bar.signed(end, "logit a pixel", VERDICT, ("fake", "real"))
    panels = (Panel(pixels, "the poster", poster=True), Panel(overlay(pixels, values, end, 0.9, VERDICT), "", bar))
    arrays = {"map": Array(np.ascontiguousarray(values[::block, ::block]), "logit a pixel", "row, column of places")}
    columns = {} if score is None else {"score": [score]}
    return Figure(title, source, panels, "Red speaks for real, blue for fake.", columns=columns, arrays=arrays)


def of_turned(found: FilterCounterfactual, source: Source) -> Figure:
    """The fewest filters whose replacement turns a verdict, one after the other."""
    names = ["this poster", *(f"filter {step.unit} of {step.layer}" for step in found.steps), "with all of them"]
    changes = [found.logit, *(step.change for step in found.steps), found.end]
    drawn = waterfall_bars(names, changes, "logit", VERDICT, GREY_HEX)
    rows = [
        {"layer": step.layer, "filter": step.unit, "logit after": step.logit, "change": step.change}
        for step in found.steps
    ]
    return table("The fewest filters that turn the verdict", source, rows, panels=(bars_panel(drawn),), note=found.text)


def of_removal(curves: RemovalCurves, source: Source) -> Figure:
    """The logit as more and more filters are replaced, in each order."""
    columns: dict[str, Sequence[Any]] = {"filters replaced": list(curves.counts)}
    columns |= {f"logit, by {order}": values.tolist() for order, values in curves.logits.items()}
    note = f"None replaced: {curves.logit:+z.3f}; the reference: {curves.base_logit:+z.3f}."
    return Figure(f"Proof by removal, {curves.layer}", source, note=note, columns=columns)


def of_moved(found: LatentCounterfactual, source: Source) -> Figure:
    """The posters on the shortest way of the latent that turns the verdict."""
    return of_steps(
        list(found.pixels), found.labels, "The shortest move in latent space that turns the verdict", source,
        found.text, columns={"logit": found.logits.tolist()},
        arrays={"latents": Array(found.latents.flatten(1).numpy(), "", "step, latent dimension")},
    )  # fmt: skip


# ---- one filter ----------------------------------------------------------------------------------------


def of_exemplars(
    picks: Sequence[tuple[str, Exemplar]], pictures: Sequence[Pixels], name: str, title: str, source: Source
) -> Figure:
    """Posters that show what a filter looks for, what it sees of each outlined.

    picks : each one's kind and what is known of it. name : "seed" or "poster", as their numbers are to be called.
    """
    drawn = [
        outline(pixels, _corners(one), max(1, LARGE // pixels.shape[1]))
        for (_, one), pixels in zip(picks, pictures, strict=True)
    ]
    captions = [f"{name} {one.row}, {one.value:+z.2f}" for _, one in picks]
    note = "value: response, or contribution to the logit; box: left, top, right, bottom of what the filter sees."
    found = of_posters(
        drawn, captions, title, source, kind=[NAMES[kind] for kind, _ in picks], number=[one.row for _, one in picks],
        value=[one.value for _, one in picks], box=[_corners(one) for _, one in picks],
    )  # fmt: skip
    return replace(found, across=EXEMPLARS_IN_A_ROW, note=note)


def _corners(one: Exemplar) -> tuple[int, int, int, int]:
    return one.box.left, one.box.top, one.box.right, one.box.bottom


def of_distribution(found: Histogram, title: str, source: Source) -> Figure:
    """How strongly a filter fires at most, over real and over generated posters."""
    columns = {"response": found.middles.tolist(), "real": found.real.tolist(), "generated": found.generated.tolist()}
    return Figure(title, source, note="Proportions of posters; each row is a bin around its middle.", columns=columns)


def of_inputs(found: FilterInputs, title: str, source: Source) -> Figure:
    """The filters of the layer before that feed a filter, the strongest first."""
    units, weights = found.units.tolist(), found.weights.tolist()
    names = [f"filter {unit}" for unit in units[:MOST]]
    drawn = signed_bars(names, weights[:MOST], "norm of the kernel, signed", CHANGE)
    columns = {"filter": units, "weight": weights}
    return Figure(title, source, (bars_panel(drawn),), f"Filters of {found.layer}.", columns=columns)


def of_kernel(kernels: ColourKernels, unit: int, source: Source) -> Figure:
    """The weights of one of the filters that look at pixels, for red, green and blue."""
    weights, largest = np.ascontiguousarray(kernels.weights[unit].transpose(2, 0, 1)), kernels.largest[unit]
    picture = Panel(kernels.pictures()[unit], f"its weights for red, green and blue, at most {largest:.2f}")
    places = zip(("row", "column"), np.indices(weights.shape[1:]), strict=True)
    columns: dict[str, Sequence[Any]] = {name: place.ravel().tolist() for name, place in places}
    columns |= {name: one.ravel().tolist() for name, one in zip(("red", "green", "blue"), weights, strict=True)}
    return Figure(
        f"Kernel of filter {unit} of {kernels.layer} of the discriminator", source, (picture,),
        "Grey is a weight of 0; a colour's channel is above grey where the weight is positive.", columns=columns,
        arrays={"kernel": Array(weights, "weight", "colour (red, green, blue), row, column")},
    )  # fmt: skip


def of_synthesis(found: Synthesis, title: str, source: Source, strongest: float | None = None) -> Figure:
    """A picture that was made up for a filter. strongest : its strongest response to a poster, where that is known."""
    box = found.box
    columns: dict[str, Sequence[Any]] = {"response": [found.response]}
    if strongest is not None:
        columns["strongest response to a poster"] = [strongest]
    columns["box"] = [(box.left, box.top, box.right, box.bottom)]
    return Figure(
        title, source, (Panel(found.patch, f"response {found.response:+z.2f}", poster=True),),
        "Found by gradient ascent; box: left, top, right, bottom of what the neuron sees.", columns=columns,
        arrays={"picture": Array(found.picture, "RGB, 0 to 255", "height, width, channel")},
    )  # fmt: skip


def of_concepts(concepts: ConceptTable, layer: str, unit: int, title: str, source: Source) -> Figure:
    """Both proofs of every concept for one filter, the nearest concept first."""
    name = concepts.find(layer, unit)["concept"]
    note = f"It stands for {name}" if name else "No concept is proved for it"
    return table(title, source, concepts.evidence(layer, unit), note=f"{note}; a name needs {concepts.rule}.")


# ---- all verdicts --------------------------------------------------------------------------------------


def of_groups(judged: Judged, source: Source) -> Figure:
    """How often D is right on all posters and on each kind, of real and of generated ones."""
    rows: list[dict[str, Any]] = []
    drawn = []
    for one in judged.of:
        rows.append({"posters": one.name, "group": "all", "count": len(one.logits)} | _interval("right", one.accuracy))
        drawn.append(GREY_HEX)
        for group in accuracy_by_group(one):
            row = {"posters": one.name, "group": group.group, "count": group.count}
            rows.append(row | _interval("right", group.accuracy) | _interval("difference", group.difference))
            drawn.append(VIOLET_HEX if group.differs else GREY_HEX)
    bars = Bars(
        [f"{row['posters']}: {row['group']} ({row['count']})" for row in rows], [row["right"] for row in rows],
        "proportion right", drawn, intervals=[(row["right low"], row["right high"]) for row in rows],
    )  # fmt: skip
    headings = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name, "") for row in rows] for name in headings}
    note = "Lines: 95% intervals. Violet differs from all other posters beyond chance."
    return Figure("How often D is right", source, (bars_panel(bars),), note, columns=columns)


def _interval(name: str, one: Estimate) -> dict[str, Any]:
    return {name: one.value, f"{name} low": one.low, f"{name} high": one.high}


def of_calibration(judged: Judged, source: Source) -> Figure:
    """How often posters are real among those that D gives about the same probability; of real ones there must be."""
    assert judged.real is not None
    bins = calibration_curve(judged.real.logits, judged.generated.logits)
    rows = [
        {"probability that D gives": one.predicted, "proportion real": one.observed.value, "low": one.observed.low,
         "high": one.observed.high, "posters": one.count}
        for one in bins
    ]  # fmt: skip
    return table("Whether D's probability can be believed", source, rows)


def of_memory(training: Verdicts, held_out: Verdicts, source: Source) -> Figure:
    """Whether D finds the posters of its training real more often than those that it never saw."""
    kinds = {"training posters": training, "held-out posters": held_out}
    rows = [
        {"posters": name, "count": len(one.logits)} | _interval("found real", one.accuracy)
        for name, one in kinds.items()
    ]  # fmt: skip
    rights = [one.accuracy for one in kinds.values()]
    bars = Bars(
        list(kinds), [right.value for right in rights], "proportion found real", [VIOLET_HEX, GREY_HEX],
        intervals=[(right.low, right.high) for right in rights],
    )  # fmt: skip
    arrays = {
        name.replace(" ", "_").replace("-", "_"): Array(one.logits, "logit", "of each poster")
        for name, one in kinds.items()
    }
    return table(
        "Whether D memorised its training posters", source, rows, panels=(bars_panel(bars),), arrays=arrays,
        note=memorising(training.logits, held_out.logits).text,
    )  # fmt: skip

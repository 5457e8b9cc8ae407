r"""Evaluations as text: one checkpoint at the terminal, several as a Markdown table.

    print("\n".join(table(read("checkpoints/dcgan-64"))))
    comparison([Path("checkpoints/dcgan-64")], page=Path("docs/training.md"))

Labels, units and columns come from the registry of metrics.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from gan.checkpoints.folder import load
from gan.errors import CheckpointError, counted
from gan.evaluation.conditioning import GenreEstimates
from gan.evaluation.estimates import Estimates, by_chance
from gan.evaluation.metrics import GROUPS, METRICS, in_group
from gan.evaluation.report import Evaluation, read
from gan.evaluation.samples.support import support

PAIRS = 5  # closest pairs that are listed


def table(evaluation: Evaluation) -> list[str]:
    """The evaluation in plain words, one line for each metric."""
    lines = [
        f"{evaluation.name}: {counted(evaluation.samples, 'generated poster')} against "
        f"{evaluation.held_out:,} held-out ones",
        f"(in brackets 95 % intervals; the floor: {counted_floor(evaluation)} against the same held-out ones)",
        *[f"The posters of {evaluation.other} are not those of its training."] * bool(evaluation.other),
        "",
        *section("Quality", evaluation.generated, evaluation.floor),
        *[f"{said}\n" for said in (support(evaluation.generated, evaluation.floor),) if said],
        *section("Discriminator", evaluation.discriminator or {}),
        *section(_memorization(evaluation), evaluation.memorization),
        *closest_lines(evaluation),
        *section("Diversity", evaluation.diversity),
        *genre_lines(evaluation.genres),
    ]
    if evaluation.inception_fid is not None:
        count = min(evaluation.samples, evaluation.training)
        name = f"fid{count // 1000}k" if count >= 1000 else f"FID of {count}"
        lines += [
            f"{name} (Inception, {count:,} of each; not comparable with fid50k): {evaluation.inception_fid:.2f}",
            "",
        ]
    return lines[:-1]


def counted_floor(evaluation: Evaluation) -> str:
    """How many training posters the floor is of; evaluations of version 0.1 took fewer where there were no more."""
    if evaluation.samples <= evaluation.training:
        return "as many training posters"
    return f"only {counted(evaluation.training, 'training poster')}, so that a perfect generator may stand below it,"


def _memorization(evaluation: Evaluation) -> str:
    """What the generated posters may be copies of; posters that were never trained on can only be near by chance."""
    if evaluation.other:
        return (
            f"Nearness to {counted(evaluation.training, 'poster')} of {evaluation.other}, which it was not trained on"
        )
    return f"Memorization of the {counted(evaluation.training, 'training poster')}"


def section(title: str, estimates: Estimates, floor: Estimates | None = None) -> list[str]:
    """A title, a line for each metric, an empty line; nothing where there are no estimates."""
    lines = [title] * bool(estimates)
    label = max(len(metric.label) for metric in METRICS.values())
    amount = max((len(METRICS[name].with_interval(one)) for name, one in estimates.items()), default=0)
    for name, estimate in estimates.items():
        metric = METRICS[name]
        beside = f"perfect {metric.ideal}" if metric.ideal else ""
        if floor:
            beside = f"floor {metric.with_interval(floor[name])}"
        lines.append(f"  {metric.label:<{label}}  {metric.with_interval(estimate):<{amount}}  {beside}".rstrip())
    return [*lines, ""] * bool(estimates)


def closest_lines(evaluation: Evaluation) -> list[str]:
    """The generated posters that are nearest to a training poster."""
    lines = [
        f"    seed {pair.seed}: {pair.poster}, distance {pair.distance:.2f}; "
        f"{pair.held_out:.1%} of held-out posters are as near to a training poster"
        for pair in evaluation.closest[:PAIRS]
    ]
    return ["  closest pairs:", *lines, ""]


def genre_lines(genres: Sequence[GenreEstimates]) -> list[str]:
    """One line for each genre."""
    diversity = METRICS["genre_diversity"]
    width = max((len(one.genre) for one in genres), default=0)
    lines = [
        f"  {one.genre:<{width}}  {adherence(one)}; diversity {diversity.with_interval(one.diversity)}; "
        f"{counted(one.posters, 'real poster')}"
        for one in genres
    ]
    title = (
        f"Genres, each requested alone (of {len(genres)} {by_chance(len(genres)):.2g} would have an effect by chance)"
    )
    return [title, *lines, ""] * bool(genres)


def adherence(one: GenreEstimates) -> str:
    """What the interval of the adherence allows to say."""
    metric = METRICS["genre_adherence"]
    amount = f"moves posters {metric.format(one.adherence.value)} of the way {metric.interval(one.adherence)}"
    if one.adherence.low > 0:
        return f"adherent: requesting it {amount}"
    if one.adherence.high < 0:
        return f"reversed: requesting it {amount}"
    return f"no significant effect: requesting it {amount}"


def comparison(folders: Sequence[Path], page: Path) -> str:
    """Markdown for ``page``: one line for each evaluated checkpoint.

    Raises
    ------
    CheckpointError
        If one was not evaluated, or not with the weights that are there now.
    """
    columns = [metric for group in GROUPS for metric in in_group(group) if metric.column]
    first, *others = columns
    heads = ["checkpoint", "preset", "kimg", "hours", "hardware", first.column, "floor", *(c.column for c in others)]
    lines = [f"| {' | '.join(heads)} |", "| " + " | ".join(["---"] * len(heads)) + " |"]
    for folder in folders:
        checkpoint, evaluation = load(folder), read(folder)
        if evaluation is not None and evaluation.other:
            raise CheckpointError(
                f"{folder} was evaluated by other posters than those of its training ({evaluation.other}); evaluate it "
                "by its own to compare it."
            )
        if evaluation is None or evaluation.digest != checkpoint.digest:
            raise CheckpointError(f"{folder} was not evaluated with its present weights; run this script on it first.")
        info, estimates = checkpoint.info, dict(evaluation.generated) | dict(evaluation.discriminator or {})
        cells = [
            f"[{checkpoint.name}]({link(folder / 'README.md', page)})",
            info.get("preset", ""),
            f"{info.get('kimg', 0):.0f}",
            f"{info.get('hours', 0):.1f}",
            info.get("hardware", ""),
            first.with_interval(estimates[first.name]),
            first.format(evaluation.floor[first.name].value),
            *(metric.format(estimates[metric.name].value) if metric.name in estimates else "" for metric in others),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def link(target: Path, page: Path) -> str:
    """What a Markdown page calls a file: its path from the page's folder, with spaces and the like quoted."""
    return quote(Path(os.path.relpath(target, page.parent)).as_posix())

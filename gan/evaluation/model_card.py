"""The model card of a checkpoint, made from its config.json and evaluate.json.

    write_card(Path("checkpoints/dcgan-64"))                       # again, with the notes that it has
    write_card(folder, Path("checkpoints/dcgan-64"), notes)        # of a folder that will stand elsewhere

Every metric of the registry has its row; what was never recorded is said to be so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gan.checkpoints.folder import load
from gan.checkpoints.record import Checkpoint
from gan.errors import CheckpointError, counted
from gan.evaluation.conditioning import GenreEstimates
from gan.evaluation.metrics import METRICS
from gan.evaluation.report import Evaluation, read
from gan.evaluation.samples.support import support
from gan.evaluation.tables import counted_floor

FILE = "README.md"
NOTES = "<!-- notes -->"
NEEDED = ("posters", "kimg", "updates", "hours", "train")  # of ``info``
UNKNOWN = "not recorded"
FITTED = {  # gan.data.images.fit_image; posters of 2:3 that are brought to 2:3 are only resized
    "crop": "resized, and centre-cropped to {} where their shape is another",
    "pad": "resized whole, and padded with black to {} where their shape is another",
    "stretch": "resized whole, and stretched to {} where their shape is another",
}
CARD = """# {name}

A DCGAN that generates {height} x {width} movie posters (height x width){conditional}: the{average}
generator with recalibrated BatchNorm, and the discriminator of the same moment.

| | |
| --- | --- |
| data | {posters:,} real movie posters{only}, {fitted}; 5 % held out by file name |
| preset | {preset}{start} |
| command | {command} |
| length | {kimg:.0f} thousand posters shown, {updates:,} updates of each network, batch {batch} |
| time | {hours:.2f} hours{rate} |
| hardware | {hardware} |
| weights | {weights} |

{samples:,} generated posters against {held_out:,} held-out posters{other}; the floor is {floor}
against the same held-out posters:

{metrics}
{support}{by_genre}
`fd_lite1` is the Frechet distance on EfficientNet-Lite1 features. It is not FID and cannot be compared with one.
`evaluate.json` has the intervals of the floor too, and the closest pairs;
docs/evaluation.md says what each metric means. All of it is measured again by
`python scripts/evaluate.py --checkpoint {path} --data POSTERS --samples {samples}{subset}`.

"""


def write_card(folder: Path, path: Path | None = None, notes: str | None = None) -> None:
    """Write README.md of the evaluated checkpoint in a folder that will stand at ``path``.

    notes : what a person has to say; None keeps those of the card that is there.

    Raises
    ------
    CheckpointError
        If the checkpoint does not say how it was trained, or was not evaluated.
    """
    checkpoint, evaluation = load(folder), read(folder)
    require_provenance(checkpoint, folder)
    if evaluation is None:
        raise CheckpointError(f"{folder} was not evaluated; run scripts/evaluate.py on it first.")
    notes = notes_of(folder / FILE) if notes is None else notes
    text = card(checkpoint, evaluation, path or folder) + f"{NOTES}\n\n{notes.strip()}\n"
    (folder / FILE).write_text(text, encoding="utf-8")


def require_provenance(checkpoint: Checkpoint, path: Path) -> None:
    """CheckpointError where the checkpoint does not say how it was trained."""
    missing = [key for key in NEEDED if key not in checkpoint.info]
    if missing:
        raise CheckpointError(f"{path} does not say how it was trained ({', '.join(missing)} missing).")


def notes_of(page: Path) -> str:
    """What a person wrote into a card: all after the mark or, in a card without one, from the first heading on."""
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    _, mark, notes = text.partition(NOTES)
    if not mark:
        _, mark, notes = text.partition("\n## ")
        notes = mark + notes
    return notes.strip()


def card(checkpoint: Checkpoint, evaluation: Evaluation, path: Path) -> str:
    """The model card without its notes."""
    info: Mapping[str, Any] = checkpoint.info
    height, width = checkpoint.config.size
    genres = checkpoint.config.genres
    return CARD.format(
        name=path.name,
        path=f"checkpoints/{path.name}",
        height=height,
        width=width,
        conditional=f", conditional on {counted(len(genres), 'genre')} ({', '.join(genres)})" if genres else "",
        average=" exponential moving average of the" if info["train"].get("ema_kimg") else "",
        posters=info["posters"],
        only=f" (only those of {info['only_genres'].replace(',', ', ')})" if info["only_genres"] else "",
        fitted=FITTED[info["fit"]].format(checkpoint.config.aspect),
        preset=_code(info.get("preset", "")),
        start=f", started from `{info['start']}`" if info.get("start") else "",
        command=_code(info.get("command", "")),
        hardware=info.get("hardware", "") or UNKNOWN,
        kimg=info["kimg"],
        updates=info["updates"],
        batch=info["train"]["batch"],
        hours=info["hours"],
        rate=f", {info['kimg'] / (info['hours'] * 3.6):.0f} posters a second on average" if info["hours"] else "",
        samples=evaluation.samples,
        floor=counted_floor(evaluation),
        subset=f" --training {evaluation.training}" if evaluation.training < info["posters"] else "",
        held_out=evaluation.held_out,
        other=f" of `{evaluation.other}`, which are **not** the posters of its training" if evaluation.other else "",
        weights=_sizes(checkpoint),
        metrics=metrics_table(evaluation),
        support=f"\n{said}\n" if (said := support(evaluation.generated, evaluation.floor)) else "",
        by_genre=f"\n{genres_table(evaluation.genres)}\n" if evaluation.genres else "",
    )


def metrics_table(evaluation: Evaluation) -> str:
    """All metrics of an evaluation, with their intervals, as Markdown."""
    lines = ["| metric | value | 95 % interval | floor or perfect value |", "| --- | --- | --- | --- |"]
    groups = (evaluation.generated, evaluation.discriminator or {}, evaluation.memorization, evaluation.diversity)
    for estimates in groups:
        for name, estimate in estimates.items():
            metric, floor = METRICS[name], evaluation.floor.get(name)
            beside = metric.ideal if floor is None else f"floor {metric.format(floor.value)}"
            lines.append(
                f"| {metric.label} | **{metric.format(estimate.value)}** | {metric.format(estimate.low)} to "
                f"{metric.format(estimate.high)} | {beside} |"
            )
    return "\n".join(lines)


def genres_table(genres: Sequence[GenreEstimates]) -> str:
    """Adherence and diversity of each genre, the largest adherence first, as Markdown."""
    heads = ("genre_adherence", "genre_diversity")
    sure = sum(one.adherence.low > 0 for one in genres)
    lines = [
        f"Requested alone, {sure} of {counted(len(genres), 'genre')} move posters towards the real ones of that genre "
        "beyond doubt (the interval is above 0):",
        "",
        f"| genre | {' | '.join(METRICS[name].label.removeprefix('genre ') for name in heads)} | real posters |",
        "| --- | --- | --- | --- |",
    ]
    for one in sorted(genres, key=lambda one: -one.adherence.value):
        cells = [
            METRICS[name].with_interval(estimate)
            for name, estimate in zip(heads, (one.adherence, one.diversity), strict=True)
        ]
        lines.append(f"| {one.genre} | {' | '.join(cells)} | {one.posters:,} |")
    return "\n".join(lines)


def _code(text: str) -> str:
    """Markdown for something to type."""
    return f"`{text}`" if text else UNKNOWN


def _sizes(checkpoint: Checkpoint) -> str:
    """How many weights each network has."""
    sizes = {
        name: sum(weight.numel() for weight in network.parameters())
        for name, network in (("generator", checkpoint.generator), ("discriminator", checkpoint.discriminator))
        if network is not None
    }
    return ", ".join(f"{count:,} in the {name}" for name, count in sizes.items())

"""Turn the best state of a run into a checkpoint to ship: weights, evaluation, curves, grids, model card.

    options = ExportOptions(data=Path("posters.zip"), preset="projected")
    export(Path("runs/best"), Path("checkpoints/best"), options)
    evaluate_again(Path("checkpoints/best"), options)      # and renew its card

Evaluation takes most of the time: minutes on a CPU.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gan.checkpoints.dataset import CheckpointPosters, posters_of
from gan.checkpoints.folder import CARD, ensure_replaceable, load, own_files, update_files, write_files
from gan.checkpoints.half_precision import half_precision_change
from gan.checkpoints.record import Checkpoint
from gan.cli import read_text
from gan.data.images import Fit
from gan.errors import CheckpointError, PosterLensError
from gan.evaluation.calibration import with_calibrated_discriminator
from gan.evaluation.model_card import notes_of, require_provenance, write_card
from gan.evaluation.report import FIRST_SEED, evaluate, subsample, write
from gan.files import keep_others, settled, write_directory
from gan.training.runs.folder import read_grids, read_stats
from gan.training.runs.options import PROVENANCE

SAMPLES = 2000
GRID_QUALITY = 90  # of JPEG


@dataclass(frozen=True)
class ExportOptions:
    """What is exported, and on which posters it is evaluated.

    data : the posters of the training. fit, only_genres : how they were resized and selected; None: as the checkpoint
    says. other_posters : whether others than those of the training are taken; the card then says so.
    preset, command, hardware : for the card; None: as the run or the checkpoint says.
    notes : a Markdown file for the card; None: those of the card that is there, if any.
    state : which of the run's two states. grids : how many to ship.
    samples : generated posters, for the evaluation and for D's threshold. training : evaluate on as many training
    posters, evenly spaced; None: on all.
    """

    data: Path
    fit: Fit | None = None
    only_genres: str | None = None
    other_posters: bool = False
    preset: str | None = None
    command: str | None = None
    hardware: str | None = None
    notes: Path | None = None
    state: str = "best"
    grids: int = 5
    samples: int = SAMPLES
    training: int | None = None

    @property
    def provenance(self) -> dict[str, str]:
        """What was said of preset, command and hardware."""
        return {key: getattr(self, key) for key in PROVENANCE if getattr(self, key) is not None}


def export(run: Path, out: Path, options: ExportOptions) -> None:
    """Write the checkpoint folder, complete or not at all; an existing checkpoint is replaced.

    Raises
    ------
    CheckpointError
        If ``out`` is something else, or a network or the state is missing.
    DataError
        If the posters are not those of the training.
    """
    ensure_replaceable(out)
    require_state(run, options.state)
    checkpoint = load(run / options.state)
    checkpoint.need_both()
    start, data = read_options(run)
    notes = read_text(options.notes) if options.notes else notes_of(out / "README.md")
    checkpoint = replace(checkpoint, name=str(run), info={**checkpoint.info, "data": data})
    posters = read_posters(checkpoint, options)
    checkpoint = with_calibrated_discriminator(checkpoint, posters.training, options.samples)
    with write_directory(out) as folder:
        keep_others(out, folder, (*own_files(out), CARD))
        info = {
            **dict.fromkeys(PROVENANCE, ""),  # runs of before version 0.2 say nothing
            **checkpoint.info,
            **options.provenance,
            "start": start,
            **dataset_info(checkpoint, options, posters),
            "data": data,
            "posters": data["posters"],
            "held_out": len(posters.held_out),
        }
        write_files(folder, *checkpoint.need_both(), info, harmless_networks(checkpoint))
        (folder / "stats.jsonl").write_text(
            "".join(json.dumps(row) + "\n" for row in read_stats(run)), encoding="utf-8"
        )
        copy_grids(run, folder / "grids", options.grids, checkpoint.info["kimg"])
        write_evaluation(folder, out, posters, options.samples)
        write_card(folder, out, notes)


def require_state(run: Path, state: str) -> None:
    """CheckpointError where a run has saved states, but none was validated, so that none of them is the best."""
    if state == "best" and not settled(run / state).exists() and settled(run / "latest").exists():
        raise CheckpointError(
            f'{run} has no best state, for it was not validated, which needs pip install -e ".[metrics]"; '
            "--state latest takes the last one."
        )


def evaluate_again(path: Path, options: ExportOptions) -> None:
    """Evaluate a checkpoint, and renew its card; what is said of its training may be changed.

    D is calibrated if it was not. Raises as :func:`export`, and CheckpointError where the checkpoint does not say how
    it was trained.
    """
    checkpoint = load(path)
    checkpoint.need_both()
    require_provenance(checkpoint, path)
    notes = read_text(options.notes) if options.notes else notes_of(path / "README.md")
    posters = read_posters(replace(checkpoint, name=str(path)), options)
    with write_directory(path) as folder:
        shutil.copytree(path, folder, dirs_exist_ok=True)
        info = options.provenance | dataset_info(checkpoint, options, posters)
        if checkpoint.config.calibrated:
            update_files(folder, info)
        else:
            shifted = with_calibrated_discriminator(checkpoint, posters.training, options.samples)
            update_files(folder, info, shifted.need_discriminator(), harmless_networks(shifted))
        write_evaluation(folder, path, posters, options.samples)
        write_card(folder, path, notes)


def read_options(run: Path) -> tuple[str, dict[str, Any]]:
    """Of a run's options: the name of the checkpoint that it started from, "" for none; the posters' fingerprint."""
    path = run / "options.json"
    try:
        options = json.loads(path.read_text(encoding="utf-8"))
        data, start = dict(options["data"]), options.get("start") or {}
        data["posters"], name = int(data["posters"]), str(start.get("name", ""))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise PosterLensError(f"{path} is not the options of a run.") from None
    return name, data


def dataset_info(checkpoint: Checkpoint, options: ExportOptions, posters: CheckpointPosters) -> dict[str, str]:
    """How posters were resized and selected in training, as ``info`` of a checkpoint has it."""
    said = (None, None) if posters.other else (options.fit, options.only_genres)
    fit, genres = checkpoint.dataset_options(*said)
    return {"fit": fit, "only_genres": ",".join(genres)}


def read_posters(checkpoint: Checkpoint, options: ExportOptions) -> CheckpointPosters:
    """The posters of the training, of the training side as many as the options say; DataError where they are others."""
    found = posters_of(checkpoint, options.data, options.fit, options.only_genres, options.other_posters)
    return replace(found, training=subsample(found.training, options.training))


def harmless_networks(checkpoint: Checkpoint) -> list[str]:
    """Networks that can be stored in half precision; says what that changes."""
    change = half_precision_change(checkpoint)
    print(f"half precision: pictures change by at most {change.levels} of 255, logits by {change.logit:.4f}")
    return change.harmless


def write_evaluation(folder: Path, path: Path, posters: CheckpointPosters, samples: int) -> None:
    """evaluate.json of the checkpoint in a folder that will stand at ``path``."""
    evaluation = evaluate(load(folder), posters.training, posters.held_out, samples, FIRST_SEED)
    write(replace(evaluation, name=path.name, origin=posters.origin, source=posters.source), folder)


def copy_grids(run: Path, target: Path, count: int, kimg: float) -> None:
    """``count`` grids up to ``kimg``, the state's own among them, evenly spaced over the logarithm of time.

    As JPEG without chroma subsampling, in which colours of single pixels survive: a fifth to a third of the PNGs' size,
    half of it where G still draws noise. Without Pillow's ``optimize``, whose buffer is too small for noise.
    """
    grids = [path for drawn, path in read_grids(run).items() if drawn <= kimg]
    target.mkdir()
    for place in sorted({round(place) - 1 for place in np.geomspace(len(grids), 1, max(count, 0))} if grids else ()):
        with Image.open(grids[place]) as grid:
            grid.save(target / f"{grids[place].stem}.jpg", quality=GRID_QUALITY, subsampling=0)

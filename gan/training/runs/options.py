"""What a run writes down about itself, ``options.json``, and whether it can go on as it was.

    record = read_options(Path("runs/first"))
    stored_options(Path("runs/first"))          # its networks and settings
    stored_source(Path("runs/first"))           # its posters: where, cut how, which genres

With it a run is resumed without saying anything again, and a checkpoint says how it was trained. A path of this
machine stands here only: a checkpoint gets names without folders (:attr:`Origin.command`).
"""

from __future__ import annotations

import functools
import json
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from gan.checkpoints.dataset import fingerprint
from gan.checkpoints.record import Checkpoint
from gan.data.posters import PosterSet
from gan.errors import TrainingError
from gan.networks.config import ModelConfig
from gan.training.config import TrainConfig
from gan.training.runs.folder import STATES

FILE = "options.json"
FIXED = ("batch", "seed", "critic", "features", "critic_side", "projections", "frechet")  # what a resumed run keeps
ON_OR_OFF = ("critic", "frechet")  # of these weights only whether they are above 0
PROVENANCE = ("preset", "command", "hardware")  # what a model card shows


@dataclass(frozen=True)
class Origin:
    """Where a run comes from, as far as settings do not say it.

    preset : its name. command : the command line, with names of files and folders without their path.
    data : path of the posters. min_posters : that a genre needed to become a label, or None.
    """

    preset: str = ""
    command: str = ""
    data: Path | None = None
    min_posters: int | None = None


def describe(
    model: ModelConfig,
    config: TrainConfig,
    training: PosterSet,
    start: Checkpoint | None = None,
    origin: Origin = Origin(),
) -> dict[str, Any]:
    """Content of ``options.json``, without the hardware, which is known when the processes have met."""
    return {
        "preset": origin.preset,
        "command": origin.command,
        "model": asdict(model),
        "train": asdict(config),
        "data": fingerprint(training, model.genres),
        "source": {
            "path": "" if origin.data is None else str(origin.data.absolute()),
            "fit": training.fit,
            "only_genres": list(training.only_genres),
            "min_posters": origin.min_posters,
        },
        "start": None if start is None else {"name": start_name(start), "digest": start.digest},
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "commit": commit()},
    }


CHANGED = {  # what a part of the fingerprint that differs says of the posters
    "sha256_of_names": "their file names differ",
    "sha256_of_first_64": "their pixels differ",
    "sha256_of_labels": "their genres differ",
}


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """In words what differs between two fingerprints; "" where nothing does, as far as the first one goes."""
    if before.get("posters") != now["posters"]:
        return f"{before.get('posters')} to train on then, {now['posters']} now"
    return " and ".join(words for key, words in CHANGED.items() if key in before and before[key] != now.get(key))


def start_name(start: Checkpoint) -> str:
    """The checkpoint's name; of a state of a run ("best" or "latest") the run's."""
    return str(start.info.get("run", start.name)) if start.name in STATES else start.name


def hardware(device: torch.device, processes: int) -> str:
    """What a run is computed on: "2 threads of Intel(R) Xeon(R)", "4 x NVIDIA H100"."""
    if device.type == "cuda":
        name, count = torch.cuda.get_device_name(device), processes
        return name if count == 1 else f"{count} x {name}"
    threads = torch.get_num_threads() * processes
    return f"{threads} thread{'s' if threads > 1 else ''} of {processor()}"


def processor() -> str:
    """The name of the CPU."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return (names or [platform.processor() or platform.machine()])[0]


@functools.cache
def commit() -> str:
    """The commit of this program where it runs from a clone, marked where files were changed; otherwise ""."""
    root = Path(__file__).parents[3]
    if not (root / ".git").exists():
        return ""
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603 - fixed words
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def read_options(run: Path) -> dict[str, Any]:
    """The content of a run's ``options.json``.

    Raises
    ------
    TrainingError
        If it does not exist, or is damaged.
    """
    path = run / FILE
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        ModelConfig.from_dict(record["model"]), TrainConfig.from_dict(record["train"])
        if not all(isinstance(record.get(part, {}), dict) for part in ("data", "source")):
            raise TypeError
    except FileNotFoundError as error:
        raise TrainingError(f"{path} does not exist; a run cannot be resumed without it.") from error
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:  # no JSON, or JSON of another kind
        raise TrainingError(f"{path} is damaged.") from error
    return dict(record)


def stored_options(run: Path) -> tuple[ModelConfig, TrainConfig]:
    """Networks and settings of a run; TrainingError where ``options.json`` is missing or damaged."""
    record = read_options(run)
    return ModelConfig.from_dict(record["model"]), TrainConfig.from_dict(record["train"])


def stored_source(run: Path) -> dict[str, Any]:
    """The posters of a run: ``path`` ("" where unknown), ``fit`` and ``only_genres``.

    Runs of before version 0.2 did not write them down; their checkpoints know the last two.
    """
    record = read_options(run)
    if "source" in record:
        return dict(record["source"])
    try:
        info = json.loads((run / STATES[1] / "config.json").read_text(encoding="utf-8"))["info"]
    except (OSError, ValueError, LookupError, TypeError):
        info = {}
    genres = [name for name in str(info.get("only_genres", "")).split(",") if name]
    return {"path": "", "fit": info.get("fit", "crop"), "only_genres": genres, "min_posters": None}


def check_settings(run: Path, model: ModelConfig, config: TrainConfig) -> None:
    """Check a resumed run before its posters are read.

    Raises
    ------
    TrainingError
        If the networks or a setting that a run keeps differ, or if ``options.json`` is damaged.
    """
    if not (run / FILE).exists():
        return  # nothing to compare with
    (before, now), asked = (asdict(settings) for settings in stored_options(run)), asdict(config)
    for name in ON_OR_OFF:
        if now[name] and asked[name]:
            asked[name] = now[name]
    kept = before | {name: now[name] for name in FIXED}
    new = asdict(model) | {name: asked[name] for name in FIXED}
    for name, value in kept.items():
        if new[name] != value:
            raise TrainingError(f"{run} was trained with {name.replace('_', '-')} {value}; keep it to resume.")


def check_unchanged(run: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of the run so far; {} where it has none.

    Raises
    ------
    TrainingError
        If the posters or their labels differ, which the sentence says, or if ``options.json`` is damaged.
    """
    if not (run / FILE).exists():
        return {}
    before = read_options(run)
    posters = difference(before.get("data", options["data"]), options["data"])
    if posters:
        raise TrainingError(
            f"{run} was trained on other posters ({posters}); resume it with the same --data, --only-genres and --fit."
        )
    return before


def changes(before: Mapping[str, Any], options: Mapping[str, Any]) -> list[str]:
    """What a resumed run does otherwise than before: "kimg 100 (before 50)"."""
    config = asdict(TrainConfig.from_dict(before.get("train", options["train"])))
    return [
        f"{name} {value} (before {config[name]})" for name, value in options["train"].items() if config[name] != value
    ]


def command_line(script: str, chosen: Mapping[str, Any]) -> str:
    """A command line of options and their values, None and False left out; of paths only the names."""
    words = [f"python {script}"]
    for name, value in chosen.items():
        if value is None or value is False:
            continue
        words.append(f"--{name.replace('_', '-')}")
        if value is not True:
            text = value.name or str(value) if isinstance(value, Path) else str(value)
            words.append(f'"{text}"' if not text or " " in text else text)
    return " ".join(words)

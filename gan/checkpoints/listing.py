"""Which files and folders are checkpoints, and which two files are one; nothing is opened, and torch is not needed.

    list_checkpoints("checkpoints")                       # ["dcgan-64", "netG_epoch_24.pth"]
    weight_files(Path("out"))                             # [out/netG_epoch_24.pth, out/netD_epoch_24.pth]

The PyTorch tutorial's program leaves ``netG_epoch_N.pth`` and ``netD_epoch_N.pth``; others write ``generator.pt`` and
``discriminator.pt``, or ``run_G.pth`` and ``run_D.pth``. Two files are one checkpoint where their names differ in the
network's name only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from gan.files import set_aside, settled, stamp

RECORD = "config.json"
EVALUATION = "evaluate.json"
OWN = (  # what this program writes into a checkpoint's folder about its weights
    RECORD, "generator.safetensors", "discriminator.safetensors", EVALUATION, "stats.jsonl", "grids",
    "posters.png", "encoder.safetensors", "filters.npz", "latents.npz", "localisation.json", "pruning.json",
    "verdicts.json", "discriminator.npz", "concepts.npz", "generator_concepts.npz", "collection.npz",
)  # fmt: skip
PICKLES = (".pth", ".pt", ".pth.tar", ".ckpt")
SUFFIXES = (*PICKLES, ".safetensors")
# A network's name between two characters that are no letters: netG, model_d, Generator, disc ...
NETWORK = re.compile(
    r"(?<![a-z])(?:net|model)?[-_]?(?P<name>generator|discriminator|critic|gen|disc|dis|g|d)(?:[-_]?(?:net|model))?(?![a-z])"
)


def list_checkpoints(directory: str | Path) -> list[str]:
    """Names in ``directory`` that :func:`gan.load` can try, sorted: checkpoint folders, and files of weights.

    Two files of one checkpoint are listed once, by the generator's name.
    """
    root = Path(directory)
    if not root.is_dir():
        return []
    visible = sorted(path for path in [*root.iterdir(), *set_aside(root)] if not path.name.startswith("."))
    files = [path for path in visible if path.name.lower().endswith(SUFFIXES) and not path.is_dir()]
    second = {pair[1] for pair in _pairs(files)}
    single = [path for path in files if path not in second and (path.name.lower().endswith(PICKLES) or role(path))]
    folders = [path for path in visible if path not in files and _is_checkpoint(settled(path))]
    return sorted(path.name for path in folders + single)


def _is_checkpoint(folder: Path) -> bool:
    if (folder / RECORD).is_file():
        return True
    try:
        files = _files_of_weights(folder)
    except OSError:  # no folder, or one that may not be read
        return False
    return bool(_pairs(files)) or any(file.name.lower().endswith(PICKLES) for file in files)


def stamp_of(path: Path) -> tuple[tuple[int, ...], ...]:
    """What is another one when the weights of a checkpoint, a folder or a file, were written or replaced."""
    path = settled(path)
    beside = [partner(path)] if path.is_file() else sorted(file for file in path.glob("*") if _holds_weights(file))
    return tuple(_stamp(file) for file in (path, path / RECORD, *filter(None, beside)))


def stamp_of_own(path: Path) -> tuple[tuple[int, ...], ...]:
    """What is another one when a Python file of networks, or code or weights in its folder, were written."""
    beside = sorted(file for file in path.parent.glob("*") if file.suffix == ".py" or _holds_weights(file))
    return tuple(_stamp(file) for file in (path, *beside))


def _stamp(file: Path) -> tuple[int, ...]:
    try:
        return stamp(file)
    except OSError:  # gone, or never there: the loader says so
        return ()


def _holds_weights(file: Path) -> bool:
    return file.name.lower().endswith(SUFFIXES) and file.is_file()


def weight_files(path: Path) -> list[Path]:
    """The files that are the checkpoint at ``path``, the generator's first.

    Of a file, itself and its partner beside it. Of a folder, the newest pair: that of the highest number in its
    names, of several without numbers the one that was written last; without a pair, the newest single file.
    """
    if path.is_dir():
        files = _files_of_weights(path)
        candidates: list[tuple[Path, ...]] = _pairs(files) or [(file,) for file in files]
        newest = max(candidates, key=_age, default=())
        return list(newest)
    other = partner(path)
    if other is None:
        return [path]
    return [path, other] if role(path) == "generator" else [other, path]


def partner(path: Path) -> Path | None:
    """The file of the other network beside this one, or None."""
    if not path.is_file() or role(path) is None:
        return None
    for pair in _pairs(_files_of_weights(path.parent)):
        if path in pair:
            return pair[1] if path == pair[0] else pair[0]
    return None


def role(path: Path) -> str | None:
    """Of which network a file's name speaks, "generator" or "discriminator"; None where it names none, or both."""
    return _named(path)[0]


def _named(path: Path) -> tuple[str | None, str]:
    """The network in a file's name, and the name with a star in its place."""
    stem = re.sub(r"(?<=[a-z])(?=[A-Z](?![A-Z]))", "-", path.name)  # netG, bestGenerator
    matches = list(NETWORK.finditer(stem.lower()))
    if len(matches) != 1:
        return None, path.name
    match = matches[0]
    rest = stem.lower()[: match.start()] + "*" + stem.lower()[match.end() :]
    return ("generator" if match["name"].startswith("g") else "discriminator"), rest


def _pairs(files: Iterable[Path]) -> list[tuple[Path, ...]]:
    """Generator and discriminator whose names differ in the network's name only; ambiguous ones are left out."""
    named: dict[str, dict[str, list[Path]]] = {}
    for file in files:
        network, rest = _named(file)
        if network is not None:
            named.setdefault(rest, {"generator": [], "discriminator": []})[network].append(file)
    return [
        (*each["generator"], *each["discriminator"])
        for each in named.values()
        if len(each["generator"]) == len(each["discriminator"]) == 1
    ]


def _age(files: tuple[Path, ...]) -> tuple[int, float, str]:
    numbers = re.findall(r"\d{1,18}", re.sub(r"\.[a-z].*$", "", files[0].name.lower()))
    return int(numbers[-1]) if numbers else -1, max(map(_written, files)), files[0].name


def _written(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:  # a dangling link, or a file that is no folder: the loader says so
        return 0.0


def _files_of_weights(folder: Path) -> list[Path]:
    def visible() -> Iterator[Path]:
        for file in folder.iterdir():
            if not file.name.startswith(".") and file.name.lower().endswith(SUFFIXES) and not file.is_dir():
                yield file

    return sorted(visible())

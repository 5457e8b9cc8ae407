"""The networks of a checkpoint as files for other programs, and as a page that anybody can open.

    write_onnx(checkpoint, Path("onnx"))                                   # generator.onnx, discriminator.onnx
    write_page(checkpoint, Path("site"), Path("checkpoints/dcgan-64"))     # those, index.html and what it needs

The page needs a file server, such as ``python -m http.server`` or GitHub Pages, and no Python: the networks run in the
browser (ONNX Runtime Web, in ``vendor/``). Both folders are written complete or not at all, and files of others in them
stay.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from gan.checkpoints.record import Checkpoint
from gan.errors import UsageError
from gan.files import keep_others, settled, write_directory, write_json
from gan.progress import Progress
from xai.web.facts import facts
from xai.web.onnx_model import check_installed, discriminator_model, generator_model

HERE = Path(__file__).parent
VENDOR = "vendor"
FACTS = "page.json"
MODELS = ("generator.onnx", "discriminator.onnx")
PAGE = (*sorted(file.name for file in (HERE / "page").iterdir()), VENDOR, FACTS, *MODELS)


def check_replaceable(out: Path, names: Collection[str], overwrite: bool) -> None:
    """UsageError where files of these names are in ``out`` and not to be replaced; to be called before any work."""
    there = settled(out)
    found = next((name for name in names if (there / name).exists()), None)
    if found is not None and not overwrite:
        raise UsageError(f"{out / found} exists already; --overwrite replaces it.")


def write_onnx(checkpoint: Checkpoint, out: Path, overwrite: bool = False) -> None:
    """Write both networks as ONNX.

    Raises
    ------
    UsageError
        If one of the files exists, without ``overwrite``.
    CheckpointError
        If a network is missing.
    OnnxUnavailableError
        If onnx is not installed.
    """
    check_replaceable(out, MODELS, overwrite)
    with _filled(out, MODELS) as folder:
        _write_models(checkpoint, folder)


def write_page(
    checkpoint: Checkpoint, out: Path, beside: Path, overwrite: bool = False, progress: Progress | None = None
) -> None:
    """Write the page; ``beside`` is the checkpoint's folder. Raises as :func:`write_onnx`."""
    check_replaceable(out, PAGE, overwrite)
    checkpoint.need_both()
    check_installed()
    record = facts(checkpoint, beside, progress)
    with _filled(out, PAGE) as folder:
        for file in (HERE / "page").iterdir():
            shutil.copy(file, folder / file.name)
        shutil.copytree(HERE / VENDOR, folder / VENDOR)
        write_json(folder / FACTS, record)
        _write_models(checkpoint, folder)


@contextmanager
def _filled(out: Path, own: Collection[str]) -> Iterator[Path]:
    """A new folder that takes the place of ``out``, with what is there of others."""
    with write_directory(out) as folder:
        yield folder
        keep_others(out, folder, own)


def _write_models(checkpoint: Checkpoint, folder: Path) -> None:
    generator, discriminator = checkpoint.need_both()
    for name, model in zip(MODELS, (generator_model(generator), discriminator_model(discriminator)), strict=True):
        (folder / name).write_bytes(model)

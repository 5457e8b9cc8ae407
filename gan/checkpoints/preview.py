"""The first posters of a checkpoint, drawn once and kept beside its weights: a page shows them before torch is there.

    python -m gan.checkpoints.preview checkpoints/dcgan-64         # writes posters.png
    read("checkpoints/dcgan-64")                                   # its bytes; None where it is of other weights

The picture names the digest of the weights that drew it.
"""

from __future__ import annotations

import hashlib
import io
import sys
from pathlib import Path

from PIL import Image, PngImagePlugin

from gan.networks.seeds import reserved

FILE = "posters.png"
SEEDS = reserved("preview")
COLUMNS = 6
DIGEST = "checkpoint"  # the picture's text field that names the weights


def read(folder: str | Path) -> bytes | None:
    """The sheet of :data:`SEEDS`, ``COLUMNS`` a row, as PNG; None where it was not drawn by the weights beside it."""
    try:
        content = (Path(folder) / FILE).read_bytes()
        with Image.open(io.BytesIO(content), formats=("PNG",)) as picture:
            drawn_by = picture.info.get(DIGEST)
        return content if drawn_by == weights_digest(folder) else None
    except (OSError, SyntaxError, ValueError):  # what Pillow says of a damaged file
        return None


def weights_digest(folder: str | Path) -> str:
    """``Checkpoint.digest`` of a folder, without loading what is in it."""
    digest = hashlib.sha256()
    for name in ("generator", "discriminator"):
        file = Path(folder) / f"{name}.safetensors"
        if file.exists():
            digest.update(file.read_bytes())
    return digest.hexdigest()


def write(folder: str | Path) -> None:
    """Draw the sheet of a checkpoint, with no genre requested, and put it beside the weights.

    Raises
    ------
    CheckpointError
        If there is no generator.
    """
    import torch

    from gan.checkpoints.conditioning import condition
    from gan.checkpoints.folder import load
    from gan.data.images import image_grid, to_uint8
    from gan.files import write_file
    from gan.networks.dcgan import latents

    checkpoint = load(folder)
    plain = condition(checkpoint, [0.0] * len(checkpoint.config.genres)) if checkpoint.config.genres else checkpoint
    with torch.inference_mode():
        posters = to_uint8(plain.need_generator()(latents(SEEDS, checkpoint.config)))
    about = PngImagePlugin.PngInfo()
    about.add_text(DIGEST, checkpoint.digest)
    buffer = io.BytesIO()
    image_grid(posters, COLUMNS, gap=0).save(buffer, "PNG", optimize=True, pnginfo=about)
    write_file(Path(folder) / FILE, buffer.getvalue())


def main(arguments: list[str] | None = None) -> int:
    from gan import cli

    parser = cli.Parser(__doc__)
    parser.add_argument("checkpoints", type=Path, nargs="+", help="checkpoint folders")
    folders = parser.parse_args(arguments).checkpoints
    return cli.exit_code(lambda: list(map(write, folders)), folders[0])


if __name__ == "__main__":
    sys.exit(main())

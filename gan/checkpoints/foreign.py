"""Files of weights that other programs wrote: one of both networks, or two that belong together.

    checkpoint = load_foreign(weight_files(Path("netG_epoch_24.pth")), "netG_epoch_24.pth")

The files are read once: the digest is that of the bytes that are loaded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from gan.checkpoints.record import Checkpoint, instantiate
from gan.checkpoints.structure import complete_weights, merged_config, networks_in
from gan.checkpoints.untrusted import Tensors, named_tensors, printable, read_file
from gan.errors import CheckpointError
from gan.networks.dcgan import Discriminator, Generator


def load_foreign(paths: Sequence[Path], name: str) -> Checkpoint:
    """Load a checkpoint of one file, or of two: the generator's and the discriminator's.

    Raises
    ------
    CheckpointError
        With one sentence that says what is wrong with which file; of another architecture it names the keys.
    """
    digest, tensors = hashlib.sha256(), Tensors()
    shown = " and ".join(printable(path.name) for path in paths)
    for path in paths:
        file = read_file(path)
        digest.update(file.content)
        place = () if len(paths) == 1 else (path.name,)
        tensors |= {(*place, *key): tensor for key, tensor in named_tensors(file).items()}
    generator, discriminator = networks_in(tensors, shown)
    if len(paths) > 1 and (generator is None or discriminator is None):
        missing = "generator" if generator is None else "discriminator"
        raise CheckpointError(f"{shown} hold no {missing} together; move one of them away to open the other alone.")
    config = merged_config(generator, discriminator, shown)
    weights = [None if each is None else complete_weights(each, config) for each in (generator, discriminator)]
    return Checkpoint(
        instantiate(Generator, config, weights[0], shown),
        instantiate(Discriminator, config, weights[1], shown),
        config,
        {"source": "foreign .pth"},
        name,
        digest.hexdigest(),
    )

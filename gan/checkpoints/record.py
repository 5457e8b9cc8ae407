"""A checkpoint in memory: both networks, their shape, and what is known of their training.

    Checkpoint(generator, discriminator, config, {"kimg": 450.0})

gan/checkpoints/folder.py writes it to disk and reads it from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, TypeVar

import torch
from torch import Tensor

from gan.checkpoints.tensors import checked
from gan.checkpoints.untrusted import NAMED, printable
from gan.data.images import Fit, to_uint8
from gan.display import picture_row, table
from gan.errors import CheckpointError
from gan.networks.config import ModelConfig
from gan.networks.dcgan import Discriminator, Generator, latents
from gan.networks.shapes import only_shapes, with_memory

SHOWN = 8  # posters in a notebook

Weights = dict[str, Tensor]
Network = TypeVar("Network", Generator, Discriminator)


@dataclass(frozen=True)
class Checkpoint:
    """Networks in eval mode on the CPU.

    generator, discriminator : None where the file holds only the other one.
    config : the networks' shape.
    info : what is known of the training (kimg, command, figures ...).
    name : folder or file name.
    digest : SHA-256 of the weights, for cache keys.
    """

    generator: Generator | None
    discriminator: Discriminator | None
    config: ModelConfig
    info: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    digest: str = ""

    @torch.inference_mode()
    def _repr_html_(self) -> str:
        """What it is, in a notebook, and what its generator draws for the first seeds."""
        height, width = self.config.size
        networks = {"generator": self.generator, "discriminator": self.discriminator}
        rows: list[tuple[str, str]] = [("pictures, width x height", f"{width} x {height}")]
        for name, network in networks.items():
            weights = 0 if network is None else sum(one.numel() for one in network.parameters())
            rows.append((name, f"{weights:,} weights" if network else "none"))
        rows += [("thousands of posters shown", f"{self.info['kimg']:g}")] if "kimg" in self.info else []
        rows += [("genres", ", ".join(self.config.genres))] if self.config.genres else []
        drawn = "" if self.generator is None else self._first_seeds(self.generator)
        return f"<div><strong>{escape(self.name)}</strong>{table((), rows)}{drawn}</div>"

    def _first_seeds(self, generator: Generator) -> str:
        shown = to_uint8(generator(latents(range(SHOWN), self.config)))
        return picture_row((pixels, f"seed {seed}") for seed, pixels in enumerate(shown))

    def need_generator(self) -> Generator:
        """The generator; CheckpointError where there is none."""
        if self.generator is None:
            raise CheckpointError(f"{self.name or 'The checkpoint'} has no generator, only a discriminator.")
        return self.generator

    def need_discriminator(self) -> Discriminator:
        """The discriminator; CheckpointError where there is none."""
        if self.discriminator is None:
            raise CheckpointError(f"{self.name or 'The checkpoint'} has no discriminator, only a generator.")
        return self.discriminator

    def need_both(self) -> tuple[Generator, Discriminator]:
        """Both networks; CheckpointError where one is missing."""
        return self.need_generator(), self.need_discriminator()

    def dataset_options(self, fit: Fit | None = None, genres: str | None = None) -> tuple[Fit, list[str]]:
        """How posters are resized and which are selected: as given or, where None, as in training.

        genres : joined by commas, as ``info["only_genres"]`` has them; "" for all posters.
        """
        chosen: Fit = self.info.get("fit", "crop") if fit is None else fit
        only = self.info.get("only_genres", "") if genres is None else genres
        return chosen, [name.strip() for name in str(only).split(",") if name.strip()]


def instantiate(kind: type[Network], config: ModelConfig, weights: Weights | None, name: str) -> Network | None:
    """A network of this shape with these weights, in eval mode; None without weights.

    Raises
    ------
    CheckpointError
        If keys or shapes are others than the configuration's, or weights are no finite numbers or so large that the
        network's answer is none.
    """
    if weights is None:
        return None
    try:
        with only_shapes():  # a small file can ask for more memory than there is
            network = kind(config)
    except (RuntimeError, OverflowError, TypeError, ValueError) as error:  # numbers beyond what torch counts by
        raise CheckpointError(f"{name} asks for a network that is too large to be built.") from error
    wanted = network.state_dict()
    counters = {key for key in wanted if key.endswith("num_batches_tracked")}  # absent in old files
    missing = sorted(wanted.keys() - weights.keys() - counters)
    unknown = sorted(weights.keys() - wanted.keys())
    wrong = [
        f"{key} is {tuple(weights[key].shape)} instead of {tuple(value.shape)}"
        for key, value in wanted.items()
        if key in weights and weights[key].shape != value.shape
    ]
    if missing or unknown or wrong:
        parts = [f"missing {_some(missing)}"] * bool(missing)
        parts += [f"unknown {_some(unknown)}"] * bool(unknown) + [_some(wrong)] * bool(wrong)
        raise CheckpointError(f"{name} is of another architecture: {'; '.join(parts)}.")
    usable = {key: checked(key, value, name) for key, value in weights.items() if key not in counters}
    network = with_memory(network)
    network.load_state_dict({key: weights.get(key, torch.zeros(())) for key in counters} | usable)
    return _answering(network.eval(), name)


def _some(names: Sequence[str]) -> str:
    """The first few: a file of another program has hundreds."""
    return ", ".join(printable(name) for name in names[:NAMED]) + f" and {len(names) - NAMED} more" * (
        len(names) > NAMED
    )


@torch.inference_mode()
def _answering(network: Network, name: str) -> Network:
    """The network, if it answers with a number: finite weights can still be too large to be added up."""
    size = (network.config.latent, 1, 1) if isinstance(network, Generator) else (3, *network.config.size)
    answer = network(torch.ones(1, *size)) if isinstance(network, Generator) else network.logit(torch.ones(1, *size))
    if not bool(answer.isfinite().all()):
        raise CheckpointError(
            f"{name}: the {type(network).__name__.lower()} answers NaN, for its weights are too large."
        )
    return network

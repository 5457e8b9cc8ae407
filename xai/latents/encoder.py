"""An encoder: the latent of a picture, estimated by a small network, from which an inversion starts.

    encoder = train_encoder(checkpoint.generator)
    encoder_r2(encoder, checkpoint.generator)
    save_encoder(encoder, path, checkpoint.digest)
    encoder = load_encoder(path, checkpoint.digest)

It is trained on pairs (G(z), z), as by Zhu, Kraehenbuehl, Shechtman, Efros 2016; no posters are needed.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from gan.files import write_file
from gan.networks.config import ModelConfig
from gan.networks.dcgan import Generator, latents
from gan.networks.seeds import reserved
from gan.networks.shapes import only_shapes, with_memory
from gan.progress import Progress
from xai.errors import ExplanationError
from xai.latents.sweeps import AT_ONCE
from xai.networks.batches import at_once
from xai.networks.fast_generator import fast_generator

WIDTHS = (32, 64, 96, 128)  # channels of the encoder, the last three for small pictures
BATCH, LEAST_BATCH = 64, 8
RATE = 2e-3
ENCODER_STEPS = 1200  # about four minutes on two cores at 64 x 64
FIRST_UNSEEN = reserved("encoder test").start  # seeds that the encoder is tested on


class Encoder(nn.Module):
    """Pictures (N, 3, H, W) to an estimate of their latents (N, latent); 0.53 million weights at 64 x 64.

    ``size`` is (height, width) of the pictures.
    """

    def __init__(self, resolution: int, latent: int, aspect: str = "1:1") -> None:
        super().__init__()
        config = ModelConfig(resolution, latent, aspect=aspect)
        self.resolution, self.latent, self.aspect, self.size = resolution, latent, aspect, config.size
        height, width = config.base
        octaves = len(config.channels)  # 64 -> 4 strided layers, down to 4 x 4, or 6 x 4 of 2:3
        widths = [WIDTHS[min(depth, len(WIDTHS) - 1)] for depth in range(octaves)]
        layers: list[nn.Module] = []
        for before, after in zip([3, *widths], widths, strict=False):
            layers += [nn.Conv2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[-1] * height * width, latent))

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)  # type: ignore[no-any-return]  # nn.Module.__call__ returns Any


def train_encoder(
    generator: Generator, steps: int = ENCODER_STEPS, seed: int = 0, progress: Progress | None = None
) -> Encoder:
    """Train an encoder on fresh pairs (G(z), z), ``steps`` batches of 64, to the least squared error.

    Of pictures above 64 x 64 a batch holds fewer, so that it takes the same memory, but at least 8: BatchNorm needs
    them. The same seed gives the same encoder on the same machine and number of threads; the global random state stays.

    Raises
    ------
    ExplanationError
        If there is no step, or the generator waits for genres.
    """
    if steps < 1:
        raise ExplanationError(f"An encoder is trained for at least 1 step, not {steps}.")
    generate, report = fast_generator(generator), progress or (lambda done: None)
    config = generator.config
    random = torch.Generator().manual_seed(seed)
    encoder = _fresh(config.resolution, config.latent, config.aspect, random).to(memory_format=torch.channels_last)
    batch = max(LEAST_BATCH, at_once(BATCH, config.size))
    optimiser = torch.optim.Adam(encoder.parameters(), RATE)
    with torch.enable_grad():
        for step in range(steps):
            for group in optimiser.param_groups:
                group["lr"] = RATE * min(1.0, 2 * (1 - step / steps))  # falls over the second half
            z = torch.randn(batch, config.latent, 1, 1, generator=random)
            loss = mse_loss(encoder(generate(z)), z.flatten(1))
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            report((step + 1) / steps)
    # The format that a stored encoder has, too: the bits of an answer depend on it.
    return encoder.to(memory_format=torch.contiguous_format).eval().requires_grad_(False)


@torch.no_grad()
def encoder_r2(encoder: Encoder, generator: Generator, samples: int = 256) -> float:
    """R2 of the latent as the encoder estimates it, on seeds that it was not trained on."""
    z = latents(range(FIRST_UNSEEN, FIRST_UNSEEN + samples), generator.config)
    generate = fast_generator(generator)
    guess = torch.cat([encoder(generate(part)) for part in torch.split(z, at_once(AT_ONCE, encoder.size))])
    return 1 - float(mse_loss(guess, z.flatten(1)) / z.square().mean())


def save_encoder(encoder: Encoder, path: str | Path, digest: str) -> None:
    """Write the encoder, complete or not at all; ``digest`` is that of the checkpoint that it inverts."""
    record = {
        "resolution": str(encoder.resolution),
        "latent": str(encoder.latent),
        "aspect": encoder.aspect,
        "checkpoint": digest,
    }
    weights = {key: value.contiguous() for key, value in encoder.state_dict().items()}
    write_file(Path(path), to_bytes(weights, {"encoder": json.dumps(record)}))


def load_encoder(path: str | Path, digest: str) -> Encoder:
    """Read an encoder of the checkpoint with this digest.

    Raises
    ------
    ExplanationError
        If the file does not exist, is no encoder, or is that of another checkpoint.
    """
    path = Path(path)
    if not path.is_file():
        raise ExplanationError(f"{path} does not exist.")
    try:
        with safe_open(path, "pt") as file:
            record = json.loads((file.metadata() or {})["encoder"])
            weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  # no dict
        if record["checkpoint"] != digest:
            raise ExplanationError(f"{path} belongs to another checkpoint; train an encoder for this one.")
        aspect = record.get("aspect", "1:1")  # the first encoders knew squares only
        encoder = _fresh(int(record["resolution"]), int(record["latent"]), aspect, torch.Generator())
        encoder.load_state_dict(weights)
    except ExplanationError:
        raise
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ExplanationError(f"{path} is damaged or holds no encoder.") from error
    return encoder.eval().requires_grad_(False)


def _fresh(resolution: int, latent: int, aspect: str, random: torch.Generator) -> Encoder:
    """An encoder with weights from ``random`` (He et al. 2015); the global random state is not touched."""
    with only_shapes():  # the constructors would draw from the global state
        encoder = Encoder(resolution, latent, aspect)
    encoder = with_memory(encoder)
    for module in encoder.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            bound = (2 / module.weight[0].numel()) ** 0.5
            nn.init.normal_(module.weight, 0.0, bound, generator=random)
        if isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)
        if isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
    return encoder

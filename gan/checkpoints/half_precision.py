"""Whether a checkpoint's weights can be stored in half precision without a visible change.

    change = half_precision_change(checkpoint)
    save(path, *checkpoint.need_both(), half=change.harmless)

Measured on pictures and logits of fixed seeds, not assumed.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from gan.checkpoints.record import Checkpoint, Network
from gan.data.images import to_uint8
from gan.networks.dcgan import latents

LEVELS, LOGIT = 2, 0.01  # the largest changes that half precision may make
PICTURES = 256


@dataclass(frozen=True)
class HalfPrecisionChange:
    """The largest change over 256 pictures: of a displayed value, in levels of 255, and of a logit."""

    levels: int
    logit: float

    @property
    def harmless(self) -> list[str]:
        """The networks that can be stored in half precision."""
        return ["generator"] * (self.levels <= LEVELS) + ["discriminator"] * (self.logit < LOGIT)


@torch.inference_mode()
def half_precision_change(checkpoint: Checkpoint) -> HalfPrecisionChange:
    """What rounding all weights to half precision changes; CheckpointError where a network is missing."""
    generator, discriminator = checkpoint.need_both()
    z = torch.split(latents(range(PICTURES), checkpoint.config), 32)
    rounded_generator, rounded_discriminator = rounded(generator), rounded(discriminator)
    pictures = torch.cat([generator(part) for part in z])
    changed = torch.cat([rounded_generator(part) for part in z])
    levels = int(abs(to_uint8(pictures).astype(int) - to_uint8(changed)).max())
    logit = max(
        float((rounded_discriminator.logit(x) - discriminator.logit(x)).abs().max()) for x in torch.split(pictures, 32)
    )
    return HalfPrecisionChange(levels, logit)


def rounded(network: Network) -> Network:
    """A copy with its weights rounded to half precision."""
    copied = type(network)(network.config)
    weights = network.state_dict()
    copied.load_state_dict({key: w.half().float() if w.is_floating_point() else w for key, w in weights.items()})
    return copied.eval()

"""Begin with what another checkpoint has learned: more pixels, genres, another aspect, a D without BatchNorm.

    generator, discriminator = grown(gan.load("checkpoints/dcgan-64"), ModelConfig(128, width=32, norm_d=False))

Every change keeps what the networks compute. A new octave of G first draws the old picture, enlarged; that of D first
shrinks the picture and passes it on; new channels have nearly no effect at the start and are faded in by training (as
in Chen, Goodfellow, Shlens 2016; Karras et al. 2018 blend two pictures by a schedule for the same end). The channels
of the layers that stay must be the same: a 128 x 128 network of width 32 holds a 64 x 64 one of width 64.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torch.nn.utils.fusion import fuse_conv_bn_weights

from gan.checkpoints.record import Checkpoint
from gan.errors import TrainingError, counted
from gan.networks.config import ModelConfig
from gan.networks.dcgan import Discriminator, Generator, latents

PROBES = 256  # pictures over which the statistics of a new BatchNorm are computed
NEW_CHANNEL_GAIN = 0.1  # factor of the new channels' first weights
NEGATIVE_SLOPE = 0.2  # of the LeakyReLU


@torch.no_grad()
def grown(start: Checkpoint, model: ModelConfig) -> tuple[Generator, Discriminator]:
    """Networks of ``model`` that do what the checkpoint's do; new weights come from torch's random state.

    Raises CheckpointError or TrainingError as :func:`check_start` does.
    """
    check_start(start, model)
    model = begun_with(start, model)
    generator, discriminator = copy.deepcopy(start.need_both())
    if model.norm_d:
        _as_trained(discriminator)
    for config in _steps_between(discriminator.config, model):
        generator, discriminator = _with_octave(generator, discriminator, config)
    if model.norm_d != discriminator.config.norm_d:
        discriminator = _without_norm(discriminator)
    if model.aspect != generator.config.aspect:
        generator, discriminator = _stretched(generator, discriminator, model)
    if model.genres != generator.config.genres:
        generator, discriminator = _with_genres(generator, discriminator, model)
    generator.config = discriminator.config = model  # by which the checkpoints of the run are read again
    return generator, discriminator


def begun_with(start: Checkpoint, model: ModelConfig) -> ModelConfig:
    """``model`` with what it takes over from the checkpoint: channels of G that are others than D's, and biases."""
    old, added = start.config, len(model.channels) - len(start.config.channels)
    own = (*model.channels[:added], *old.generator_channels) if old.generator_channels and added >= 0 else ()
    return replace(model, generator_channels=own, biased=old.biased)


def check_start(start: Checkpoint, model: ModelConfig) -> None:
    """Raise where networks of ``model`` cannot begin with this checkpoint's; nothing is built.

    Raises
    ------
    CheckpointError
        If a network is missing.
    TrainingError
        If genres are built in, ``model`` is smaller, its channels do not hold the old ones or a new
        layer has fewer than 6, the latent dimensions or the genres differ, or D would get a BatchNorm.
    """
    old, new, name = start.config, model, start.name
    start.need_both()
    added = len(new.channels) - len(old.channels)
    if added < 0 or new.channels[added:] != old.channels:
        raise TrainingError(
            f"{name} has channels {old.channels} from the picture to the noise; a network with {new.channels} does not "
            f"hold them. {_fitting(old, added)}"
        )
    if min(new.channels[:added], default=6) < 6:
        raise TrainingError("A new layer needs at least 6 channels to pass the picture on.")
    if old.latent != new.latent:
        raise TrainingError(f"{name} has {counted(old.latent, 'latent dimension')}, not {new.latent}.")
    if old.conditioned:
        raise TrainingError(f"{name} has genres built in; start from the whole networks.")
    if old.biased and added:
        raise TrainingError(f"{name} has biases, which a larger network cannot take over; start one of its own size.")
    if old.genres and (old.genres, old.embedding) != (new.genres, new.embedding):
        raise TrainingError(
            f"{name} has the genres {', '.join(old.genres)}; a network with others cannot start from it."
        )
    if new.norm_d and not old.norm_d:
        raise TrainingError(f"{name} has a D without BatchNorm, and cannot get one.")


def _fitting(old: ModelConfig, added: int) -> str:
    """What to ask for instead, where there is something."""
    if added < 0:
        return "Another --preset does."
    if old.width % 2**added:
        return "Another --width or --max-width does."
    return f"--width {old.width // 2**added} --max-width {max(old.channels)} does."


def _steps_between(old: ModelConfig, new: ModelConfig) -> Iterator[ModelConfig]:
    """The configurations on the way, an octave at a time."""
    resolution = old.resolution
    while resolution < new.resolution:
        resolution *= 2
        skipped = (new.resolution // resolution).bit_length() - 1
        yield replace(
            old,
            resolution=resolution,
            width=new.channels[skipped],
            max_width=new.max_width,
            generator_channels=new.generator_channels[skipped:],
        )


def _as_trained(discriminator: Discriminator) -> None:
    """Undo the logit shift that was fitted in eval mode: in training each batch has its own BatchNorm statistics."""
    if discriminator.config.calibrated and discriminator.config.norm_d and not discriminator.config.biased:
        discriminator.last.bias = None
        discriminator.config = replace(discriminator.config, calibrated=False)


def _with_octave(
    generator: Generator, discriminator: Discriminator, config: ModelConfig
) -> tuple[Generator, Discriminator]:
    bigger_g, bigger_d = Generator(config), Discriminator(config)
    copied = len(generator.layers) - 2
    _copy(generator.layers[:copied], bigger_g.layers[:copied])
    _init_new_g_block(generator.layers[copied], *bigger_g.layers[copied : copied + 4])  # type: ignore[arg-type]  # as built

    new = 5 if config.norm_d else 4
    _copy(discriminator.layers[2:], bigger_d.layers[new:])
    _init_new_d_block(discriminator.layers[0], bigger_d.layers[0], bigger_d.layers[2])  # type: ignore[arg-type]  # as built
    if hasattr(generator, "embed"):
        _copy(generator.embed, bigger_g.embed)
        _copy(discriminator.embed, bigger_d.embed)
    pictures = _set_new_batchnorm(generator, bigger_g, copied + 1)
    if config.norm_d:
        _make_identity(bigger_d.layers[3], bigger_d.layers[:3](pictures))  # type: ignore[arg-type]  # the new BatchNorm
    return bigger_g, bigger_d


def _init_new_g_block(
    old: nn.ConvTranspose2d, wide: nn.ConvTranspose2d, norm: nn.BatchNorm2d, _: nn.ReLU, last: nn.ConvTranspose2d
) -> None:
    """Red, green and blue before the Tanh, once as they are and once negated, survive the ReLU; then enlarge them."""
    wide.weight[:, :3], wide.weight[:, 3:6] = old.weight, -old.weight
    last.weight.mul_(NEW_CHANNEL_GAIN)
    last.weight[:6] = 0
    row = torch.tensor([0.25, 0.75, 0.75, 0.25])
    bilinear = torch.outer(row, row)
    for colour in range(3):
        last.weight[colour, colour], last.weight[colour + 3, colour] = bilinear, -bilinear


def _init_new_d_block(old: nn.Conv2d, first: nn.Conv2d, second: nn.Conv2d) -> None:
    """Shrink the colours by half, once as they are and once negated; x is (leaky(x) - leaky(-x)) / (1 + slope)."""
    first.weight[:6] = 0
    for colour in range(3):
        first.weight[colour, colour, 1:3, 1:3] = 0.25
        first.weight[colour + 3, colour, 1:3, 1:3] = -0.25
    second.weight.mul_(NEW_CHANNEL_GAIN)
    second.weight[:, :3], second.weight[:, 3:6] = old.weight / (1 + NEGATIVE_SLOPE), -old.weight / (1 + NEGATIVE_SLOPE)
    for convolution, bias in ((first, None), (second, old.bias)):
        if convolution.bias is not None:
            convolution.bias[:] = 0 if bias is None else bias


def _set_new_batchnorm(generator: Generator, bigger_g: Generator, norm: int) -> Tensor:
    """Set the statistics of G's new BatchNorm; returns pictures (N, 3, H, W) of the bigger generator."""
    was = bigger_g.training
    bigger_g.eval()
    z = latents(range(PROBES), generator.config)
    if bigger_g.config.genres:
        z = torch.cat([z, z.new_zeros(PROBES, bigger_g.config.embedding, 1, 1)], 1)
    maps = torch.cat([bigger_g.layers[:norm](part) for part in torch.split(z, 32)])
    _make_identity(bigger_g.layers[norm], maps)  # type: ignore[arg-type]  # the new BatchNorm
    pictures: Tensor = torch.cat([bigger_g.layers[norm:](part) for part in torch.split(maps, 32)])
    bigger_g.train(was)
    return pictures


def _make_identity(norm: nn.BatchNorm2d, maps: Tensor) -> None:
    """Make a BatchNorm the identity for maps like these, in train and in eval mode."""
    variance, mean = torch.var_mean(maps, (0, 2, 3), correction=0)
    assert norm.running_mean is not None and norm.running_var is not None  # made with statistics
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    norm.weight.copy_((variance + norm.eps).sqrt())
    norm.bias.copy_(mean)


def _without_norm(discriminator: Discriminator) -> Discriminator:
    """The same D with its BatchNorm, as in eval mode, folded into weights and biases."""
    plain = Discriminator(replace(discriminator.config, norm_d=False))
    convolutions = [layer for layer in plain.layers if isinstance(layer, nn.Conv2d)]
    norms = [layer for layer in discriminator.layers if isinstance(layer, nn.BatchNorm2d)]
    old = [layer for layer in discriminator.layers if isinstance(layer, nn.Conv2d)]
    for index, (new, source) in enumerate(zip(convolutions, old, strict=True)):
        assert new.bias is not None  # a D without BatchNorm has them
        new.weight.copy_(source.weight)
        new.bias.copy_(torch.zeros(()) if source.bias is None else source.bias)
        if 1 <= index <= len(norms):
            norm = norms[index - 1]
            assert norm.running_mean is not None and norm.running_var is not None  # made with statistics
            weight, bias = fuse_conv_bn_weights(
                source.weight, None, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
            )  # fmt: skip
            new.weight.copy_(weight)
            new.bias.copy_(bias)
    if hasattr(discriminator, "embed"):
        _copy(discriminator.embed, plain.embed)
    return plain


def _stretched(
    generator: Generator, discriminator: Discriminator, model: ModelConfig
) -> tuple[Generator, Discriminator]:
    """The first maps of G and the last kernel of D, brought to another height."""
    bigger_g = Generator(replace(generator.config, aspect=model.aspect))
    bigger_d = Discriminator(replace(discriminator.config, aspect=model.aspect))
    gain_d = generator.config.base[0] / model.base[0]  # D sums over the positions of its last maps
    for old, new, gain in ((generator, bigger_g, 1.0), (discriminator, bigger_d, gain_d)):
        fresh = new.state_dict()
        for name, value in old.state_dict().items():
            if value.shape != fresh[name].shape:
                value = gain * interpolate(value, model.base, mode="bilinear", align_corners=True)
            fresh[name].copy_(value)
    return bigger_g, bigger_d


def _with_genres(
    generator: Generator, discriminator: Discriminator, model: ModelConfig
) -> tuple[Generator, Discriminator]:
    """Both networks with inputs for labels, without effect yet: D's embedding begins at 0, G's is hardly used."""
    bigger_g = Generator(replace(generator.config, genres=model.genres, embedding=model.embedding))
    bigger_d = Discriminator(replace(discriminator.config, genres=model.genres, embedding=model.embedding))
    _copy(generator.layers[1:], bigger_g.layers[1:])
    _copy(discriminator.layers, bigger_d.layers)
    first: nn.ConvTranspose2d = bigger_g.layers[0]  # type: ignore[assignment]  # as built
    first.weight[: model.latent] = generator.layers[0].weight  # type: ignore[assignment]  # the same kind of layer
    first.weight[model.latent :] *= NEW_CHANNEL_GAIN
    nn.init.zeros_(bigger_d.embed.weight)
    return bigger_g, bigger_d


def _copy(old: nn.Module, new: nn.Module) -> None:
    """Weights in their order: a slice of a Sequential keeps the numbers of its layers."""
    new.load_state_dict(dict(zip(new.state_dict(), old.state_dict().values(), strict=True)))

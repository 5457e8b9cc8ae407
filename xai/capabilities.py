"""What a checkpoint's networks can do, said once: a page, or a part of one, names what it needs, and nothing else.

    lacking(checkpoint, "Prune", ["dcgan_generator"])
    # "Prune needs the generator of a DCGAN; resnet.py has none."
    lacking(checkpoint, "Compare", ["score"])                 # None: nothing is missing

Networks of your own (``gan.adapt``) can do less than a DCGAN: a residual block is no chain of steps, and a classifier
does not say "real" or "fake".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gan.checkpoints.record import Checkpoint
from gan.networks.dcgan import Discriminator, Generator
from xai.generator.folded import activation_outputs
from xai.networks.chain import Chain, not_a_step
from xai.networks.hooks import private_copy

NONE = "{name} has none"


@dataclass(frozen=True)
class Capability:
    """needs : as the object of "needs". missing : why a checkpoint, {name}, has not got it; "" where it has."""

    needs: str
    missing: Callable[[Checkpoint], str]


def lacking(checkpoint: Checkpoint, what: str, needs: Iterable[str]) -> str | None:
    """A sentence on the first of these CAPABILITIES that the networks lack for ``what``; None where they have all."""
    for capability in (CAPABILITIES[name] for name in needs):
        if reason := capability.missing(checkpoint):
            return f"{what} needs {capability.needs}; {reason.format(name=checkpoint.name or 'this checkpoint')}."
    return None


def _generator(checkpoint: Checkpoint) -> str:
    return NONE if checkpoint.generator is None else ""


def _score(checkpoint: Checkpoint) -> str:
    return NONE if checkpoint.discriminator is None else ""


def _discriminator(checkpoint: Checkpoint) -> str:
    network = checkpoint.discriminator
    if network is None:
        return NONE
    return "{name} has a classifier" if network.config.classes else ""


def _generator_layers(checkpoint: Checkpoint) -> str:
    network = checkpoint.generator
    if network is None:
        return NONE
    return "" if len(network.layers) > 2 else "in {name}, a forward does more than to run modules one after the other"


def _generator_chain(checkpoint: Checkpoint) -> str:
    network = checkpoint.generator
    if network is None or type(network) is Generator:
        return NONE if network is None else ""
    layers = private_copy(network.layers)
    chain = Chain.of(layers)
    if chain is None:
        return f"in {{name}}, {not_a_step(layers, 'layers')}"
    return "" if activation_outputs(chain) else "{name} has another one"


def _discriminator_chain(checkpoint: Checkpoint) -> str:
    network = checkpoint.discriminator
    if network is None or type(network) is Discriminator:
        return NONE if network is None else ""
    stopper = not_a_step(private_copy(network.layers[:-1]), "layers")  # up to the logits
    return f"in {{name}}, {stopper}" if stopper else ""


def _dcgan_generator(checkpoint: Checkpoint) -> str:
    return "" if type(checkpoint.generator) is Generator else NONE


def _both_chains(checkpoint: Checkpoint) -> str:
    return _generator_chain(checkpoint) or _discriminator(checkpoint) or _discriminator_chain(checkpoint)


CAPABILITIES = {
    "generator": Capability("a generator", _generator),
    "score": Capability("a discriminator or a classifier", _score),
    "discriminator": Capability("a discriminator, which says real or fake", _discriminator),
    "generator_layers": Capability("a generator whose layers run one after the other", _generator_layers),
    "generator_chain": Capability(
        "a generator of transposed convolutions, BatchNorm and activation functions, one after the other",
        _generator_chain,
    ),
    "discriminator_chain": Capability(
        "a discriminator of convolutions, BatchNorm and activation functions, one after the other",
        _discriminator_chain,
    ),
    "both_chains": Capability(
        "a generator and a discriminator of convolutions, BatchNorm and activation functions, one after the other",
        _both_chains,
    ),
    "dcgan_generator": Capability("the generator of a checkpoint in the folder, built as a DCGAN", _dcgan_generator),
}

"""What a page needs and a network lacks is said in one sentence; nothing is said of a network that has it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from torch import nn

import gan
from tests.adapted_networks import (
    CLASSES,
    LATENT,
    SIDE,
    ResidualGenerator,
    ResNet,
    TutorialDiscriminator,
    TutorialGenerator,
    trained,
)
from tests.xai.nets import discriminator, generator, one_sentence
from xai.capabilities import CAPABILITIES, lacking

# What each has; all that is not named, it lacks.
HAS: dict[str, set[str]] = {
    "built in": set(CAPABILITIES),
    "dcgan": set(CAPABILITIES) - {"dcgan_generator"},
    "residual": {"generator", "score", "discriminator", "generator_layers"},
    "classifier": {"score", "discriminator_chain"},
    "generator only": {"generator", "generator_layers", "generator_chain"},
    "discriminator only": {"score", "discriminator", "discriminator_chain"},
    "opaque": {"generator"},
    "no activation": {"generator", "generator_layers"},
}


class Opaque(nn.Module):
    """One whole, as a network whose forward does everything by functions."""

    def __init__(self) -> None:
        super().__init__()
        self.network = TutorialGenerator()

    def forward(self, z):  # type: ignore[no-untyped-def]
        return self.network(z) * 0.9


def checkpoint(name: str) -> gan.Checkpoint:
    sizes = {"size": SIDE, "latent": LATENT}
    if name == "built in":
        networks = generator(SIDE, latent=LATENT), discriminator(SIDE)
        made = gan.Checkpoint(*networks, networks[0].config, {}, name, "")
    elif name == "classifier":
        flat = nn.Sequential(nn.Conv2d(3, 4, 4, 4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))
        made = gan.adapt(discriminator=trained(lambda: flat), size=SIDE, classes=CLASSES)
    else:
        alone = nn.Sequential(nn.ConvTranspose2d(LATENT, 4, 4), nn.BatchNorm2d(4), nn.ConvTranspose2d(4, 3, 4, 4))
        networks = {
            "dcgan": (TutorialGenerator, TutorialDiscriminator),
            "residual": (ResidualGenerator, ResNet),
            "generator only": (TutorialGenerator, None),
            "discriminator only": (None, TutorialDiscriminator),
            "opaque": (Opaque, None),
            "no activation": (lambda: alone, None),
        }[name]
        made = gan.adapt(*(build and trained(build) for build in networks), **sizes)
    return replace(made, name=f"{name}.py")


@pytest.mark.parametrize("name", HAS)
@pytest.mark.parametrize("capability", CAPABILITIES)
def test_each_capability_of_each_network(capability: str, name: str) -> None:
    sentence = lacking(checkpoint(name), "Prune", [capability])
    assert (sentence is None) == (capability in HAS[name]), sentence
    if sentence is not None:
        start = f"Prune needs {CAPABILITIES[capability].needs}; "
        assert one_sentence(gan.PosterLensError(sentence)).startswith(start)
        assert f"{name}.py" in sentence[len(start) :]
        assert "{" not in sentence


@pytest.mark.parametrize(
    ("name", "capability", "reason"),
    [
        ("classifier", "discriminator", "classifier.py has a classifier."),
        ("classifier", "generator", "classifier.py has none."),
        ("residual", "discriminator_chain", "in residual.py, layers.3 is a MaxPool2d."),
        ("residual", "generator_chain", "in residual.py, layers.1 is an Up."),
        ("residual", "both_chains", "in residual.py, layers.1 is an Up."),
        ("opaque", "generator_layers", "in opaque.py, a forward does more than to run modules one after the other."),
        ("no activation", "generator_chain", "no activation.py has another one."),
        ("dcgan", "dcgan_generator", "dcgan.py has none."),
    ],
)
def test_the_reason_names_what_stands_in_the_way(name: str, capability: str, reason: str) -> None:
    sentence = lacking(checkpoint(name), "This", [capability])
    assert sentence is not None
    assert sentence.split("; ")[1] == reason


def test_the_first_that_is_missing_is_named() -> None:
    made = checkpoint("generator only")
    assert lacking(made, "This", []) is None
    sentence = lacking(made, "This", ["generator", "discriminator", "dcgan_generator"])
    assert sentence == "This needs a discriminator, which says real or fake; generator only.py has none."


def test_a_checkpoint_without_a_name_is_this_checkpoint() -> None:
    assert str(lacking(replace(checkpoint("generator only"), name=""), "This", ["score"])).endswith(
        "; this checkpoint has none."
    )

"""Networks of other classes compute what they computed before; what cannot be adapted is said in one sentence."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import gan
from gan.errors import SettingError
from gan.networks.own import OwnConfig, OwnDiscriminator, OwnGenerator, Rescale
from gan.networks.unfolding import unfolded
from tests.adapted_networks import (
    CLASSES,
    DISCRIMINATORS,
    GENERATORS,
    LATENT,
    SIDE,
    FunctionalDiscriminator,
    ResNet,
    TutorialDiscriminator,
    TutorialGenerator,
    classifier,
    trained,
)
from tests.xai.nets import noise, one_sentence, pictures, snapshot

ENDS = {"Softmax": nn.Softmax(1), "LogSoftmax": nn.LogSoftmax(1), "Sigmoid": nn.Sigmoid(), "logits": nn.Identity()}


def adapted(network: nn.Module, **settings: Any) -> OwnDiscriminator:
    found = gan.adapt(discriminator=network, size=SIDE, **settings).need_discriminator()
    assert isinstance(found, OwnDiscriminator)
    return found


def answers(network: nn.Module, x: Tensor) -> Tensor:
    """What a network gives in eval mode, without a change of it."""
    with torch.no_grad():
        found: Tensor = copy.deepcopy(network).eval()(x.clone())
    return found


@pytest.mark.parametrize("name", GENERATORS)
def test_a_generators_pictures_stay_what_they_were(name: str) -> None:
    network, z = trained(GENERATORS[name]), noise(5, LATENT, 1, 1, seed=3)
    made = gan.adapt(network, size=SIDE, latent=LATENT).need_generator()
    expected = answers(network, z if name == "tutorial" else z.flatten(1))
    assert torch.allclose(made(z), expected, atol=1e-6)
    assert expected.std() > 0.1
    assert network.training


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_a_discriminators_logits_stay_what_they_were(name: str) -> None:
    network, images = trained(DISCRIMINATORS[name]), pictures(5, SIDE, 3)
    expected = answers(network, images).flatten()
    logits = adapted(network).logit(images)
    assert logits.shape == (5,)
    ends_in_sigmoid = name in ("tutorial", "data parallel")
    assert torch.allclose(logits.sigmoid() if ends_in_sigmoid else logits, expected, atol=1e-5)
    assert torch.allclose(adapted(network)(images), logits.sigmoid(), atol=1e-6)
    assert expected.std() > 1e-3


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_the_given_network_is_untouched(name: str) -> None:
    network, images = trained(DISCRIMINATORS[name]), pictures(3, SIDE)
    before, expected = snapshot(network), answers(network, images)
    adapted(network)
    assert snapshot(network) == before
    assert all(module.training for module in network.modules())
    assert torch.equal(answers(network, images), expected)


def test_training_the_given_network_on_leaves_the_copy_as_it_is() -> None:
    network, images = trained(TutorialDiscriminator), pictures(2, SIDE)
    made = adapted(network)
    before = made(images)
    with torch.no_grad():
        network.main[0].weight.add_(1.0)  # type: ignore[union-attr, index, operator]
    assert torch.equal(made(images), before)


@pytest.mark.parametrize("name", ENDS)
def test_a_classifiers_logits_and_probabilities(name: str) -> None:
    network, images = trained(lambda: classifier(ENDS[name])), pictures(4, SIDE)
    made, logits = adapted(network, classes=CLASSES), answers(network[:-1], images)  # type: ignore[index]
    assert torch.allclose(made.logit(images), logits, atol=1e-5)
    expected = logits.sigmoid() if name == "Sigmoid" else logits.softmax(1)
    assert torch.allclose(made.probabilities(images), expected, atol=1e-6)
    assert torch.allclose(made(images), expected, atol=1e-6)


@pytest.mark.parametrize("name", ENDS)
def test_one_class_has_its_own_logit_and_probability(name: str) -> None:
    network, images = trained(lambda: classifier(ENDS[name])), pictures(4, SIDE)
    made, logits = adapted(network, classes=CLASSES), answers(network[:-1], images)  # type: ignore[index]
    for index, label in enumerate(CLASSES):
        chosen = made.with_class(label)
        assert torch.allclose(chosen.logit(images), logits[:, index], atol=1e-5)
        assert torch.allclose(chosen(images), made.probabilities(images)[:, index], atol=1e-6)
        assert torch.allclose(chosen.probabilities(images), made.probabilities(images), atol=1e-6)
        assert torch.allclose(chosen.with_class(CLASSES[0]).logit(images), logits[:, 0], atol=1e-5)


def test_a_classifier_of_one_class_says_yes_or_no() -> None:
    network, images = trained(ResNet), pictures(4, SIDE)
    made, logits = adapted(network, classes=["Horror"]), answers(network, images)
    assert torch.allclose(made(images), logits[:, 0].sigmoid(), atol=1e-6)
    assert torch.allclose(made.probabilities(images), logits.sigmoid(), atol=1e-6)


def test_an_unknown_class_is_one_sentence() -> None:
    made = adapted(trained(classifier), classes=CLASSES)
    with pytest.raises(gan.CheckpointError, match="There is no class 'Drama'; there are") as caught:
        made.with_class("Drama")
    assert "Western" in one_sentence(caught.value)


def test_a_discriminator_is_given_pictures_in_its_own_range() -> None:
    network, images = trained(ResNet), pictures(3, SIDE)
    mean, deviation = (torch.tensor(one)[:, None, None] for one in gan.IMAGENET)
    made = adapted(network, normalisation=gan.IMAGENET)
    assert torch.allclose(made.logit(images), answers(network, (images / 2 + 0.5 - mean) / deviation)[:, 0], atol=1e-5)


def test_a_generators_range_becomes_ours() -> None:
    network, z = nn.Sequential(trained(TutorialGenerator), nn.Sigmoid()), noise(3, LATENT, 1, 1)
    made = gan.adapt(network, size=SIDE, latent=LATENT, normalisation=(0.0, 1.0)).need_generator()
    assert torch.allclose(made(z), answers(network, z) * 2 - 1, atol=1e-6)


def test_rescale_there_and_back_changes_nothing() -> None:
    images = pictures(2, SIDE)
    there, back = Rescale(gan.IMAGENET), Rescale(gan.IMAGENET, back=True)
    assert torch.allclose(back(there(images)), images, atol=1e-6)
    assert not torch.allclose(there(images), images, atol=0.1)


def test_the_layers_are_those_of_the_tutorial() -> None:
    generator = gan.adapt(trained(TutorialGenerator), size=SIDE, latent=LATENT).need_generator()
    kinds = [type(layer).__name__ for layer in generator.layers]
    assert kinds == [*["ConvTranspose2d", "BatchNorm2d", "ReLU"] * 2, "ConvTranspose2d", "Tanh"]
    kinds = [type(layer).__name__ for layer in adapted(trained(TutorialDiscriminator)).layers]
    assert kinds == ["Conv2d", "LeakyReLU", "Conv2d", "BatchNorm2d", "LeakyReLU", "Conv2d", "Sigmoid"]


def test_blocks_stay_whole() -> None:
    kinds = [type(layer).__name__ for layer in adapted(trained(ResNet)).layers]
    assert kinds == ["Conv2d", "BatchNorm2d", "ReLU", "MaxPool2d", "Block", "Block", "Sequential", "Sigmoid"]
    kinds = [type(layer).__name__ for layer in adapted(trained(FunctionalDiscriminator)).layers]
    assert kinds == ["Sequential", "Sigmoid"]


class SmallTanh(nn.Module):
    """A function between its children that changes next to nothing of small numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 2, 1, bias=False), nn.Conv2d(2, 1, SIDE, bias=False)
        nn.init.constant_(self.first.weight, 0.005)
        nn.init.constant_(self.last.weight, 0.005)

    def forward(self, x: Tensor) -> Tensor:
        answers: Tensor = self.last(torch.tanh(self.first(x)))
        return answers


def test_a_function_that_hardly_shows_in_an_example_is_not_lost() -> None:
    network, large = SmallTanh(), 300 * noise(2, 3, SIDE, SIDE)
    assert unfolded(network, noise(2, 3, SIDE, SIDE)) == [network]
    assert torch.allclose(adapted(network).logit(large), answers(network, large).flatten())


class Functional(nn.Module):
    """A classifier with a function at its end."""

    def __init__(self, end: Any, network: nn.Module) -> None:
        super().__init__()
        self.network, self.end = network, end

    def forward(self, x: Tensor) -> Any:
        return self.end(self.network(x))


@pytest.mark.parametrize("function", [torch.sigmoid, lambda x: x.softmax(1), lambda x: functional.log_softmax(x, 1)])
def test_a_probability_made_by_a_function_is_refused_for_its_gradient_vanishes(function: Any) -> None:
    with pytest.raises(gan.CheckpointError, match="let its forward return what comes before") as caught:
        adapted(Functional(function, trained(classifier)), classes=CLASSES)
    one_sentence(caught.value)


def check_words(error: BaseException) -> None:
    """One sentence; that on a setting is completed by who shows it."""
    one_sentence(gan.PosterLensError(f"{error}.") if isinstance(error, SettingError) else error)


FAULTS: dict[str, tuple[Any, dict[str, Any], str]] = {
    "another size": (TutorialDiscriminator, {"size": 40}, r"gives \(N,\) for 2 rows, not one for each"),
    "another height": (TutorialDiscriminator, {"size": (8, 16)}, r"does not take \(N, 3, 8, 16\)"),
    "grey pictures": (lambda: nn.Sequential(nn.Conv2d(1, 1, SIDE)), {}, r"does not take \(N, 3, 16, 16\)"),
    "too few classes": (classifier, {"classes": CLASSES[:2]}, r"gives \(N, 3\), and 2 classes are named"),
    "too many classes": (ResNet, {"classes": CLASSES}, r"gives \(N, 1\), and 3 classes are named"),
    "no classes": (classifier, {}, "name the classes"),
    "a tuple": (lambda: Functional(lambda x: (x, x), classifier()), {}, "gives a tuple, not a tensor"),
    "a dict": (lambda: Functional(lambda x: {"logits": x}, classifier()), {}, "gives a dict, not a tensor"),
    "nothing": (lambda: Functional(lambda x: None, classifier()), {}, "gives a NoneType, not a tensor"),
    "one number for all": (lambda: Functional(torch.mean, classifier()), {}, "not one for each"),
    "damaged": (lambda: Functional(lambda x: x * torch.nan, ResNet()), {}, "answers NaN"),
    "batch statistics": (lambda: Functional(lambda x: x - x.mean(0), ResNet()), {}, "depends on the others"),
    "classes twice": (classifier, {"classes": ("Horror", "Horror", "Comedy")}, "distinct names"),
    "a word as classes": (classifier, {"classes": "Horror"}, "distinct names"),
    "a huge picture": (TutorialDiscriminator, {"size": 5000}, "from 8 to 1024"),
    "three sides": (TutorialDiscriminator, {"size": (16, 16, 3)}, r"size must be .*\(16, 16, 3\)"),
    "a size in words": (TutorialDiscriminator, {"size": "16"}, "size must be .*16"),
    "no deviation": (TutorialDiscriminator, {"normalisation": (0.5, 0.0)}, "normalisation must be .*0.0"),
    "two colours": (TutorialDiscriminator, {"normalisation": ((0.5, 0.5), 0.5)}, "normalisation must be"),
    "a mean alone": (TutorialDiscriminator, {"normalisation": (0.5,)}, "normalisation must be"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_no_discriminator_is_one_sentence(fault: str) -> None:
    build, settings, expected = FAULTS[fault]
    with pytest.raises(gan.PosterLensError, match=expected) as caught:
        gan.adapt(discriminator=build(), **{"size": SIDE} | settings)
    check_words(caught.value)


def generator_of(channels: int = 3, end: nn.Module | None = None) -> nn.Module:
    return nn.Sequential(nn.ConvTranspose2d(LATENT, channels, SIDE), nn.Tanh() if end is None else end)


class Brighter(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return (x.tanh() + 1) * 127.5


GENERATOR_FAULTS: dict[str, tuple[Any, dict[str, Any], str]] = {
    "another size": (generator_of, {"size": 32}, r"gives \(N, 3, 16, 16\), not pictures \(N, 3, 32, 32\)"),
    "grey pictures": (lambda: generator_of(1), {}, r"gives \(N, 1, 16, 16\), not pictures"),
    "another latent": (generator_of, {"latent": 7}, r"does not take \(N, 7"),
    "no latent": (generator_of, {"latent": 0}, "latent must be"),
    "a tuple": (lambda: Functional(lambda x: (x,), generator_of()), {}, "gives a tuple, not a tensor"),
    "bytes": (lambda: generator_of(end=Brighter()), {}, "normalisation"),
    "0 to 1": (lambda: generator_of(end=nn.Sigmoid()), {}, "normalisation"),
    "a class": (lambda: TutorialGenerator, {}, "is a type, not a network"),
    "weights": (lambda: generator_of().state_dict(), {}, "is a OrderedDict, not a network"),
}


@pytest.mark.parametrize("fault", GENERATOR_FAULTS)
def test_what_is_no_generator_is_one_sentence(fault: str) -> None:
    build, settings, expected = GENERATOR_FAULTS[fault]
    with pytest.raises(gan.PosterLensError, match=expected) as caught:
        gan.adapt(build(), **{"size": SIDE, "latent": LATENT} | settings)
    check_words(caught.value)


def test_without_a_network_there_is_no_checkpoint() -> None:
    with pytest.raises(gan.CheckpointError, match="neither a generator nor a discriminator"):
        gan.adapt()


def test_networks_of_half_precision_are_computed_in_single() -> None:
    network, images = trained(TutorialDiscriminator).bfloat16(), pictures(2, SIDE)
    made = adapted(network)
    assert torch.allclose(made(images), answers(copy.deepcopy(network).float(), images), atol=1e-6)


def test_a_network_of_one_module_is_adapted() -> None:
    config = OwnConfig(resolution=SIDE, height=SIDE, latent=LATENT)
    linear = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE * SIDE, 1))
    assert OwnDiscriminator(linear, config).logit(pictures(2, SIDE)).shape == (2,)
    assert OwnGenerator(nn.ConvTranspose2d(LATENT, 3, SIDE), config)(noise(2, LATENT, 1, 1)).shape == (2, 3, SIDE, SIDE)

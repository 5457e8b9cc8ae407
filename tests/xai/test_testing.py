"""The public contract: every registered method keeps it, and every check can fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import gan
import xai
from gan.progress import Progress
from gan.settings import setting
from tests.xai.nets import QUICK, affine, discriminator, noise, pictures
from xai import testing
from xai.methods.base import Attribution, Result
from xai.testing import check_method, check_network

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PendingDeprecationWarning")


# ---- methods

CHEAP = QUICK | {"integrated_gradients": {"steps": 33, "most_steps": 65}}  # fine enough to add up


@pytest.mark.parametrize("name", list(xai.METHODS))
def test_every_method_keeps_the_contract(name: str) -> None:
    check_method(xai.METHODS[name], **CHEAP.get(name, {}))


@pytest.mark.parametrize(
    ("name", "engine"), [(name, engine) for name, method in xai.METHODS.items() for engine in method.engines[1:]]
)
def test_every_engine_keeps_the_contract(name: str, engine: str) -> None:
    check_method(xai.METHODS[name], engine=engine, **CHEAP.get(name, {}))


@dataclass(frozen=True, eq=False)
class Good(Attribution):
    """What a person would write: the gradient."""

    name, title = "good", "Gradient"
    promise, caveat = "The gradient.", "Only that."

    factor: float = setting(1.0, "what the gradient is multiplied by", above=0, high=10)

    def _attribute(self, image: Tensor, progress: Progress) -> Result:
        return Result(self.factor * self.score.gradient(image)[1])


def broken(body: Callable[[Attribution, Tensor], Tensor] | None = None, **attributes: Any) -> type[Attribution]:
    """``Good`` with another ``_attribute``, or other class attributes."""
    if body is not None:
        attributes["_attribute"] = lambda self, image, progress: Result(body(self, image))
    return dataclass(frozen=True, eq=False)(type("Broken", (Good,), attributes))


def gradient(method: Attribution, image: Tensor) -> Tensor:
    return method.score.gradient(image)[1]


def unseeded(method: Attribution, image: Tensor) -> Tensor:
    return gradient(method, image) + torch.rand(1)


def private_but_unseeded(method: Attribution, image: Tensor) -> Tensor:
    return gradient(method, image) + float(np.random.default_rng().random())


def seeded(method: Attribution, image: Tensor) -> Tensor:
    return gradient(method, image) + float(np.random.default_rng(method.seed).random())


class WholeBatch(Good):
    def _attribute_all(self, images: Tensor, progress: Progress) -> list[Result]:
        return [Result(values[None] - images.mean()) for values in gradient(self, images)]


class Backwards(Good):
    def _attribute_all(self, images: Tensor, progress: Progress) -> list[Result]:
        progress(0.9)
        progress(0.1)
        return super()._attribute_all(images, progress)


class Careless(Good):
    def __post_init__(self) -> None:
        """Nothing is validated."""


class Grows(Good):
    @property
    def config(self) -> dict[str, Any]:
        return super().config | {"factor": 2 * self.factor}


class Unwritable(Good):
    @property
    def config(self) -> dict[str, Any]:
        return super().config | {"factor": torch.ones(1)}


class WrongDiagnostic(Good):
    def _attribute(self, image: Tensor, progress: Progress) -> Result:
        return Result(gradient(self, image), diagnostics={"steps": torch.arange(3)})


class WrongScore(Good):
    def _attribute(self, image: Tensor, progress: Progress) -> Result:
        return Result(gradient(self, image), score=7.0)


class Shared(Good):
    def attribute(self, images: Tensor, progress: Progress | None = None) -> xai.Explanation:
        images.mul_(0.5)
        return super().attribute(images, progress)


BROKEN: Mapping[type[Attribution], str] = {
    broken(title=""): "has no title",
    broken(caveat="no sentence"): "caveat is a sentence",
    broken(granularity="place"): "granularity is pixel, segment or layer, not 'place'",
    broken(claims="truth"): "claims is score, gradient, response, not 'truth'",
    Careless: "factor takes 11.0, although it says that it must be",
    broken(lambda method, image: gradient(method, image)[:, :1]): "have the shape (2, 1, 32, 32), not (2, 3, 32, 32)",
    broken(lambda method, image: gradient(method, image) / 0): "not finite",
    WrongDiagnostic: "The diagnostic 'steps'",
    WrongScore: "Explanation.score is not the score of the pictures",
    broken(needs_reference=True): "base_score is not the score of the reference",
    broken(gradient, needs_reference=True, averages_references=True): "averages_references is True, but",
    broken(complete=True): "complete is set, but the values miss",
    broken(gradient, needs_reference=True): "a grey and a white reference give the same map",
    broken(private_but_unseeded): "The same seed gives another map",
    broken(stochastic=True): "stochastic is set, but another seed gives the same map",
    broken(seeded): "Another seed gives another map; set stochastic",
    WholeBatch: "depends on the other pictures",
    Shared: "The pictures that were given are changed",
    broken(unseeded): "A global random state is moved",
    Backwards: "Progress is to rise from 0 to 1",
    Grows: "do not give the same map again",
    Unwritable: "cannot be written as JSON",
}


def test_a_method_as_a_person_would_write_it_keeps_the_contract() -> None:
    check_method(Good)


@pytest.mark.parametrize(("method", "sentence"), BROKEN.items(), ids=lambda value: getattr(value, "__name__", None))
def test_what_is_wrong_with_a_method_is_said(method: type[Attribution], sentence: str) -> None:
    with pytest.raises(AssertionError) as caught:
        check_method(method)
    assert sentence in str(caught.value)


def test_a_method_whose_maps_depend_on_their_row_would_be_called_sensitive() -> None:
    class ByRow(Good):
        def _attribute_all(self, images: Tensor, progress: Progress) -> list[Result]:
            return [Result(gradient(self, image[None]) * (1 + row)) for row, image in enumerate(images)]

    with pytest.raises(AssertionError, match=r"two maps of one picture that differ by 2"):
        check_method(ByRow)


def test_a_method_that_touches_the_given_network_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    networks: list[nn.Module] = []
    build = testing._discriminator
    monkeypatch.setattr(testing, "_discriminator", lambda: networks.append(build()) or networks[-1])

    def hooked(method: Attribution, image: Tensor) -> Tensor:
        networks[-1].layers[0].register_forward_hook(lambda *_: None)
        return gradient(method, image)

    with pytest.raises(AssertionError, match="network that was given is changed"):
        check_method(broken(hooked))


def test_a_method_that_raises_is_told_with_its_error() -> None:
    def fail(method: Attribution, image: Tensor) -> Tensor:
        raise ZeroDivisionError("division by zero")

    with pytest.raises(AssertionError, match="ZeroDivisionError: division by zero"):
        check_method(broken(fail))


# ---- networks


@pytest.mark.parametrize(
    "network",
    [
        discriminator(), discriminator().train(), affine(64),
        gan.Discriminator(gan.ModelConfig(resolution=32, width=4, aspect="2:3", norm_d=False)),
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 1)),
    ],
    ids=["discriminator", "in train mode", "affine", "2:3 without norms", "sequential"],
)  # fmt: skip
def test_networks_that_can_be_explained_are_accepted(network: nn.Module) -> None:
    check_network(network)


def test_the_pictures_may_be_given() -> None:
    check_network(affine(8), noise(3, 3, 8, 8))
    check_network(discriminator(), pictures(3, 32))


class Net(nn.Module):
    """One linear layer, and something on top."""

    def __init__(self, top: Callable[[Tensor], Tensor], outputs: int = 1) -> None:
        super().__init__()
        self.linear, self.top = affine(8), top
        if outputs > 1:
            self.linear[1] = nn.Linear(192, outputs)

    def forward(self, images: Tensor) -> Tensor:
        return self.top(self.linear(images))


class Functional(nn.Module):
    """A nonlinearity as a function, for which DeepLIFT has a rule; ``gated``: a product of two, without a rule."""

    def __init__(self, gated: bool = False) -> None:
        super().__init__()
        self.gated = gated
        self.first, self.second = nn.Linear(192, 16), nn.Linear(16, 1)
        random = torch.Generator().manual_seed(0)
        for layer in (self.first, self.second):
            nn.init.normal_(layer.weight, generator=random)
            nn.init.normal_(layer.bias, std=5.0, generator=random)

    def forward(self, images: Tensor) -> Tensor:
        hidden = self.first(images.flatten(1))
        return self.second(hidden * torch.sigmoid(hidden) if self.gated else torch.relu(hidden))


@pytest.mark.parametrize(
    ("network", "sentence"),
    [
        (Net(lambda x: x, outputs=2), "one number"),
        (Net(lambda x: x / 0), "not finite"),
        (Net(lambda x: x + torch.rand(1)), "another score the second time"),
        (Net(lambda x: x - x.mean()), "depends on the others in its batch"),
        (Net(lambda x: 0 * x), "same score as a grey one"),
        (Net(lambda x: torch.sigmoid(100 * x).round() + 0 * x), "gradient of the score is 0 everywhere"),
        (Functional(gated=True), "its rules do not know mul"),
    ],
    ids=["two outputs", "infinite", "random", "batch", "constant", "decision", "functional"],
)
def test_what_is_wrong_with_a_network_is_said(network: nn.Module, sentence: str) -> None:
    with pytest.raises(AssertionError) as caught:
        check_network(network, noise(3, 3, 8, 8))
    assert sentence in str(caught.value)


def test_a_nonlinearity_may_be_a_function() -> None:
    check_network(Functional(), noise(3, 3, 8, 8))


class Uncopyable(nn.Module):
    """A deep copy of it is the network itself."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = affine(8)

    def forward(self, images: Tensor) -> Tensor:
        return self.linear(images)

    def __deepcopy__(self, memo: dict[int, Any]) -> Uncopyable:
        return self


def test_a_network_whose_copies_share_its_state_is_caught() -> None:
    with pytest.raises(AssertionError, match="Explaining changes the network"):
        check_network(Uncopyable(), noise(2, 3, 8, 8))


def test_a_network_that_waits_for_genres_says_what_to_do() -> None:
    config = gan.ModelConfig(resolution=32, width=4, genres=("Comedy", "Horror"))
    with pytest.raises(AssertionError, match="genres"):
        check_network(gan.Discriminator(config))

"""DeepLIFT of networks that are no chain: sums that are right, or one sentence that says why there are none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients, Saliency
from torch import Tensor, nn
from torch.nn import functional

import gan
import xai
from tests.adapted_networks import CLASSES, DISCRIMINATORS, SIDE, Block, ResNet, classifier, trained
from tests.xai.nets import discriminator, noise, one_sentence, pictures, snapshot
from xai.networks.separate import SeparateWindows, separated, unsupported

REFERENCE = xai.reference("grey")


def attributed(name: str, network: nn.Module, images: Tensor, **settings: Any) -> xai.Explanation:
    return xai.attribution(name, xai.Score(network), reference=REFERENCE, **settings).attribute(images)


class TwoSteps(nn.Module):
    """relu(B relu(A x + a) + S x) . c, by one ReLU that runs twice, or by functions."""

    def __init__(self, functions: bool) -> None:
        super().__init__()
        self.functions, self.relu = functions, nn.ReLU(inplace=True)
        self.a, self.b = nn.Linear(12, 2), nn.Linear(2, 2, bias=False)
        self.s, self.c = nn.Linear(12, 2, bias=False), nn.Linear(2, 1, bias=False)
        with torch.no_grad():
            for seed, weight in enumerate((self.a.weight, self.s.weight)):
                weight.copy_(noise(2, 12, seed=seed))
            self.a.bias.copy_(torch.tensor([0.5, -0.5]))
            self.b.weight.copy_(torch.tensor([[1.0, -2.0], [0.5, 1.5]]))
            self.c.weight.copy_(torch.tensor([[2.0, -1.0]]))

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        relu = functional.relu if self.functions else self.relu
        answers: Tensor = self.c(relu(self.b(relu(self.a(x))) + self.s(x)))
        return answers


def by_hand(network: TwoSteps, x: Tensor) -> np.ndarray[Any, Any]:
    """The rescale rule written down: each ReLU multiplies by change of output over change of input, from 0 as input."""
    a, bias, b, s, c = (
        one.detach().double().numpy()
        for one in (network.a.weight, network.a.bias, network.b.weight, network.s.weight, network.c.weight)
    )
    picture = x.double().numpy().ravel()
    h, h0 = a @ picture + bias, bias
    g, g0 = np.maximum(h, 0), np.maximum(h0, 0)
    k, k0 = b @ g + s @ picture, b @ g0
    first, last = (g - g0) / (h - h0), (np.maximum(k, 0) - np.maximum(k0, 0)) / (k - k0)
    return np.asarray(((c * last) @ (b * first @ a + s)).ravel() * picture)


@pytest.mark.parametrize("functions", [False, True])
@pytest.mark.parametrize("method", ["deeplift", "deepshap"])
def test_the_rescale_rule_by_hand(method: str, functions: bool) -> None:
    network, images = TwoSteps(functions), noise(6, 3, 2, 2, seed=5).tanh()
    made = attributed(method, network, images)
    for row, image in enumerate(images):
        assert np.allclose(made.values[row].numpy().ravel(), by_hand(network, image), atol=1e-5)
    assert made.gap.abs().max() < 1e-5


@pytest.mark.parametrize("name", DISCRIMINATORS)
@pytest.mark.parametrize("method", ["deeplift", "deepshap"])
def test_sums_are_complete(method: str, name: str) -> None:
    network = gan.adapt(discriminator=trained(DISCRIMINATORS[name]), size=SIDE).need_discriminator()
    made = attributed(method, network, pictures(2, SIDE))
    assert (made.score - made.base_score).abs().min() > 1e-3
    assert made.gap.abs().max() < 1e-3 * (made.score - made.base_score).abs().max()


@pytest.mark.parametrize("engine", ["captum", "shap"])
def test_a_chain_and_what_is_separated_agree(engine: str) -> None:
    """A block whose second half is 0 is a chain: relu(x) of maps that a ReLU made already."""
    network = trained(lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), Block(4), nn.Conv2d(4, 1, 14)))
    images = pictures(2, SIDE)
    with torch.no_grad():
        for name in ("weight", "bias"):
            getattr(network[2].bn2, name).zero_()  # type: ignore[index, union-attr]
    chain = nn.Sequential(network[0], nn.ReLU(), network[3])  # type: ignore[index, arg-type]
    one, other = (attributed("deepshap", each, images, engine=engine) for each in (network, chain))
    assert xai.Score(network).chain is None
    assert torch.allclose(one.values, attributed("deeplift", chain, images).values, atol=1e-5)
    assert torch.allclose(one.values, other.values, atol=1e-5)


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_the_separated_network_is_the_same_function_on_a_copy(name: str) -> None:
    module = xai.Score(gan.adapt(discriminator=trained(DISCRIMINATORS[name]), size=SIDE).need_discriminator()).module()
    before, images = snapshot(module), pictures(3, SIDE)
    made = separated(module, images[:1])
    assert made is not module
    assert torch.allclose(made(images), module(images), atol=1e-5)
    assert snapshot(module) == before


def test_each_call_has_a_module_of_its_own() -> None:
    made = separated(trained(ResNet).eval(), pictures(1, SIDE))
    calls = [str(node.target) for node in made.graph.nodes if node.op == "call_module"]  # type: ignore[union-attr]
    relus = [name for name in calls if isinstance(made.get_submodule(name), nn.ReLU)]
    assert len(relus) == len(set(relus)) == 5
    assert sum(isinstance(made.get_submodule(name), SeparateWindows) for name in calls) == 1


@pytest.mark.parametrize("settings", [(3, 2, 1), (3, 1, 0), ((3, 2), (2, 1), (1, 0)), (2, 1, 1)])
def test_separate_windows_are_a_max_pool(settings: tuple[Any, Any, Any]) -> None:
    pool, maps = nn.MaxPool2d(*settings), noise(2, 3, 9, 8)
    assert torch.equal(SeparateWindows(pool)(maps), pool(maps))


class Product(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Linear(12, 1), nn.Linear(12, 1)

    def forward(self, x: Tensor) -> Tensor:
        one: Tensor = self.one(x.flatten(1))
        return one * torch.relu(self.other(x.flatten(1)))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.last = nn.LSTM(12, 4, batch_first=True), nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        answers: Tensor = self.last(4 * self.lstm(4 * x.flatten(1)[:, None])[0][:, -1])
        return answers


class Asking(nn.Module):
    """What it computes depends on a question to its input."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.last = nn.Linear(12, 8), nn.Linear(8, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.linear(x.flatten(1))
        if bool((x < 100).all()):
            x = torch.relu(x)
        answers: Tensor = self.last(x)
        return answers


UNKNOWN: dict[str, tuple[Any, str]] = {
    "a product": (Product, "do not know mul"),
    "an LSTM": (Recurrent, "do not know .*LSTM"),
    "a question": (Asking, "cannot see all that is computed"),
    "GELU": (
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.GELU(), nn.Linear(8, 1)),
        "do not know GELU",
    ),
}


@pytest.mark.parametrize("method", ["deeplift", "deepshap"])
@pytest.mark.parametrize("name", UNKNOWN)
def test_what_the_rules_do_not_know_is_one_sentence_and_never_a_wrong_sum(name: str, method: str) -> None:
    if (name, method) == ("GELU", "deepshap"):
        pytest.skip("shap knows GELU, and captum does not")
    build, expected = UNKNOWN[name]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build()
    with pytest.raises(xai.ExplanationError, match=expected) as caught:
        attributed(method, network, noise(1, 3, 2, 2).tanh())
    text = str(caught.value)
    assert text.endswith("Integrated gradients and the perturbation methods work for any network.")
    assert "\n" not in text


def test_unsupported_names_what_is_not_linear() -> None:
    assert unsupported(trained(ResNet)) == []
    assert unsupported(Product()) == ["mul"]
    assert unsupported(nn.Sequential(nn.Conv2d(3, 3, 1), nn.SiLU(), nn.GELU(), nn.SiLU())) == ["SiLU", "GELU"]
    assert unsupported(discriminator()) == []
    assert unsupported(Asking()) == []


@pytest.mark.parametrize("end", [nn.Softmax(1), nn.LogSoftmax(1), nn.Sigmoid(), nn.Identity()], ids=str)
def test_the_score_of_a_class_is_its_logit(end: nn.Module) -> None:
    network, images = trained(lambda: classifier(end)), pictures(3, SIDE)
    made = gan.adapt(discriminator=network, size=SIDE, classes=CLASSES).need_discriminator()
    plain = network[:-1].eval()  # type: ignore[index]
    for index, name in enumerate(CLASSES):
        score = xai.Score(made, output=name)
        assert torch.allclose(score(images), plain(images.clone())[:, index], atol=1e-5)
        assert torch.equal(xai.Score(made, output=index)(images), score(images))
        assert score.meaning.high == f"more {name}"
        assert score.output == name


def test_the_score_of_a_plain_modules_output_is_that_output() -> None:
    network, images = trained(classifier).eval(), pictures(3, SIDE)
    for index in range(len(CLASSES)):
        assert torch.allclose(xai.Score(network, output=index)(images), network(images.clone())[:, index], atol=1e-5)


@pytest.mark.parametrize("output", [None, "Drama", 3, -1])
def test_which_class_is_meant_must_be_said(output: Any) -> None:
    made = gan.adapt(discriminator=trained(classifier), size=SIDE, classes=CLASSES).need_discriminator()
    with pytest.raises(xai.ExplanationError, match=r"several classes.*Horror, Comedy, Western") as caught:
        xai.Score(made, output=output)
    one_sentence(caught.value)


def test_other_networks_have_no_named_outputs() -> None:
    for network in (discriminator(), trained(classifier)):
        with pytest.raises(xai.ExplanationError, match="no named outputs") as caught:
            xai.Score(network, output="Horror")
        one_sentence(caught.value)
    with pytest.raises(xai.ExplanationError, match="no output 3") as caught:
        xai.Score(trained(classifier), output=3)(pictures(1, SIDE))
    one_sentence(caught.value)


@pytest.mark.parametrize("target", range(len(CLASSES)))
def test_captum_on_the_plain_module_gives_the_same_gradients_of_a_class(target: int) -> None:
    network, images = trained(lambda: classifier(nn.Softmax(1))), pictures(2, SIDE)
    made = gan.adapt(discriminator=network, size=SIDE, classes=CLASSES).need_discriminator()
    score, plain = xai.Score(made, output=CLASSES[target]), network[:-1].eval()  # type: ignore[index]
    for module in plain:
        if hasattr(module, "inplace"):
            module.inplace = False
    gradients = Saliency(plain).attribute(images.clone().requires_grad_(), target=target, abs=False)
    assert torch.allclose(score.gradient(images)[1], gradients, atol=1e-6)
    expected = IntegratedGradients(plain).attribute(
        images, torch.zeros_like(images), target=target, n_steps=2000, method="riemann_middle", internal_batch_size=200
    )
    name, settings = "integrated_gradients", {"steps": 1025, "most_steps": 1025}
    found = xai.attribution(name, score, reference=REFERENCE, **settings).attribute(images).values
    assert torch.allclose(found, expected.float(), atol=2e-3 * float(expected.abs().max()))

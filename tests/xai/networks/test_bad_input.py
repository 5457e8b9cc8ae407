from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

import xai
from gan import Discriminator, Generator, ModelConfig, latents
from xai import ExplanationError
from xai.latents.sweeps import latent_sweeps

CONFIG = ModelConfig(8, 4, 4)


def conv(outputs: int = 1, size: int = 8) -> nn.Conv2d:
    return nn.Conv2d(3, outputs, size)


class Answer(nn.Module):
    """A network that answers what a function makes of its convolution's maps."""

    def __init__(self, answer: Callable[[Tensor], Any], layer: nn.Module | None = None) -> None:
        super().__init__()
        self.layer, self.answer = layer or conv(), answer

    def forward(self, images: Tensor) -> Any:
        return self.answer(self.layer(images))


@pytest.fixture
def pictures() -> Tensor:
    return torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(1)) * 2 - 1


SHAPES = [
    pytest.param(lambda: Answer(lambda maps: maps.flatten()), id="N"),
    pytest.param(lambda: Answer(lambda maps: maps.flatten(1)), id="N,1"),
    pytest.param(conv, id="N,1,1,1"),
    pytest.param(lambda: Answer(lambda maps: maps.squeeze()), id="squeezed"),
    pytest.param(lambda: Answer(lambda maps: maps.view(-1)), id="view"),
    pytest.param(lambda: nn.Sequential(conv(), nn.Sigmoid()), id="sigmoid"),
    pytest.param(lambda: nn.Sequential(conv(4), nn.LeakyReLU(0.2, True), nn.Flatten(), nn.Linear(4, 1)), id="in place"),
    pytest.param(lambda: nn.Sequential(nn.BatchNorm2d(3), conv()).train(), id="train mode"),
    pytest.param(lambda: Answer(lambda maps: leaky_relu(maps, 0.2).mean((1, 2, 3)), conv(4)), id="functional"),
]


@pytest.mark.parametrize("make", SHAPES)
@pytest.mark.parametrize("method", ["gradient_input", "occlusion", "deeplift", "integrated_gradients"])
def test_one_number_for_each_picture_may_have_any_shape(
    make: Callable[[], nn.Module], method: str, pictures: Tensor
) -> None:
    network = make()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    score = xai.Score(network)
    expected = make_eval(network)(pictures).reshape(3)
    torch.testing.assert_close(score(pictures), expected)
    assert score(pictures[:1]).shape == (1,)
    if method in xai.METHODS:
        explanation = xai.attribution(method, score).attribute(pictures[:1])
        torch.testing.assert_close(explanation.score, expected[:1])
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())


def make_eval(network: nn.Module) -> nn.Module:
    return xai.private_copy(network)


NO_SCORE = [
    pytest.param(lambda: conv(2), id="N,2"),
    pytest.param(lambda: conv(1, 5), id="N,1,4,4"),
    pytest.param(lambda: Answer(lambda maps: maps.mean()), id="scalar"),
    pytest.param(lambda: Answer(lambda maps: (maps, maps)), id="tuple"),
    pytest.param(lambda: Answer(lambda maps: {"logits": maps}), id="dictionary"),
    pytest.param(lambda: Answer(lambda maps: None), id="nothing"),
    pytest.param(lambda: Answer(lambda maps: (maps > 0).flatten()), id="boolean"),
    pytest.param(lambda: Answer(lambda maps: maps.flatten()[:1]), id="one for all"),
    pytest.param(lambda: nn.Linear(5, 1), id="another input"),
]


@pytest.mark.parametrize("make", NO_SCORE)
def test_other_answers_are_refused_in_one_sentence(make: Callable[[], nn.Module], pictures: Tensor) -> None:
    score = xai.Score(make())
    for ask in (score, xai.attribution("gradient_input", score).attribute):
        with pytest.raises(ExplanationError) as caught:
            ask(pictures)
        assert "\n" not in str(caught.value)
        assert str(caught.value).endswith(".")


def test_an_answer_that_is_no_number_is_refused(pictures: Tensor) -> None:
    score = xai.Score(Answer(lambda maps: maps.flatten() * float("nan")))
    with pytest.raises(ExplanationError, match="not finite"):
        xai.attribution("occlusion", score).attribute(pictures[:1])


# ---- pictures -------------------------------------------------------------------------------------------

PICTURES: dict[str, Callable[[Tensor], Any]] = {
    "uint8": lambda x: ((x + 1) * 127.5).to(torch.uint8),
    "0 to 255": lambda x: (x + 1) * 127.5,
    "standardised": lambda x: x * 2.6,
    "int64": lambda x: x.long(),
    "bool": lambda x: x > 0,
    "complex": lambda x: x.to(torch.complex64),
    "nan": lambda x: x * float("nan"),
    "infinite": lambda x: x / 0,
    "grey": lambda x: x[:, :1],
    "with alpha": lambda x: torch.cat([x, x[:, :1]], 1),
    "channels last": lambda x: x.permute(0, 2, 3, 1),
    "too small": lambda x: x[..., :4, :4],
    "not square": lambda x: x[..., :4],
    "no batch": lambda x: x[0],
    "no picture": lambda x: x[:0],
    "numpy": lambda x: x.numpy(),
    "list": lambda x: [x],
    "meta": lambda x: x.to("meta"),
    "sparse": lambda x: x.to_sparse(),
    "nothing": lambda x: None,
}


@pytest.mark.parametrize("name", sorted(xai.METHODS))
def test_every_method_refuses_what_is_no_picture_in_one_sentence(name: str, pictures: Tensor) -> None:
    score = xai.Score(Discriminator(CONFIG).eval())
    method = xai.attribution(name, score)
    for kind, spoil in PICTURES.items():
        with pytest.raises(ExplanationError) as caught:
            method.attribute(spoil(pictures[:1]))
        assert "\n" not in str(caught.value), kind
        assert str(caught.value).endswith("."), kind


@pytest.mark.parametrize(
    "convert", [torch.Tensor.double, torch.Tensor.requires_grad_, lambda x: x.to(memory_format=torch.channels_last)]
)
def test_pictures_of_another_precision_or_with_gradients_are_explained_and_left_alone(
    convert: Callable[[Tensor], Tensor], pictures: Tensor
) -> None:
    method = xai.attribution("gradient_input", xai.Score(Discriminator(CONFIG).eval()))
    expected, given = method.attribute(pictures[:1]).values, convert(pictures[:1].clone())
    before = given.detach().clone()
    found = method.attribute(given).values
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)
    assert torch.equal(given.detach(), before)
    assert given.grad is None


# ---- layers, units and latents --------------------------------------------------------------------------


def edited(layer: str, units: Any, value: Any) -> None:
    generator = Generator(CONFIG).eval()
    with xai.edit(generator, layer, units, value):
        generator(latents([1], CONFIG))


G, D = Generator(CONFIG).eval(), Discriminator(CONFIG).eval()
Z = latents([1], CONFIG)
BAD: dict[str, Callable[[], Any]] = {
    "edit: layer": lambda: edited("layers.99", [0], 0.0),
    "edit: unit": lambda: edited("layers.0", [99], 0.0),
    "edit: negative unit": lambda: edited("layers.0", [-1], 0.0),
    "edit: half a unit": lambda: edited("layers.0", [0.5], 0.0),
    "edit: shape": lambda: edited("layers.0", [0], torch.zeros(7, 7)),
    "edit: text": lambda: edited("layers.0", [0], "much"),
    "run_from: layer": lambda: xai.run_from(G, "layers.99", torch.zeros(1, 4, 4, 4)),
    "run_from: no layer": lambda: xai.run_from(G, "", torch.zeros(1, 4, 4, 4)),
    "run_from: the network": lambda: xai.run_from(G, "layers", torch.zeros(1, 4, 4, 4)),
    "run_from: channels": lambda: xai.run_from(G, "layers.0", torch.zeros(1, 9, 4, 4)),
    "run_from: numpy": lambda: xai.run_from(G, "layers.0", torch.zeros(1, 4, 4, 4).numpy()),
    "activations: layer": lambda: xai.activations(G, Z, ["layers.99"]),
    "blame: two": lambda: xai.blame(G, D, latents([1, 2], CONFIG), Z),
    "blame: dimensions": lambda: xai.blame(G, D, torch.zeros(1, 9, 1, 1), Z),
    "blame: nan": lambda: xai.blame(G, D, Z * float("nan"), Z),
    "blame: flat": lambda: xai.blame(G, D, Z.flatten(1), Z),
    "blame: no reference": lambda: xai.blame(G, D, Z, Z[:0]),
    "blame: integers": lambda: xai.blame(G, D, Z.long(), Z),
    "sweeps: two": lambda: latent_sweeps(G, latents([1, 2], CONFIG)),
    "sweeps: dimensions": lambda: latent_sweeps(G, torch.zeros(1, 9, 1, 1)),
    "sweeps: no steps": lambda: latent_sweeps(G, Z, ()),
    "sweeps: nan": lambda: latent_sweeps(G, Z, (float("nan"),)),
    "sweeps: numpy": lambda: latent_sweeps(G, Z.numpy()),
    "score: layer": lambda: xai.Score(D, "layers.99"),
    "score: unit": lambda: xai.Score(D, "layers.0", 99),
    "score: place": lambda: xai.Score(D, "layers.0", 0, (99, 0)),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_not_there_or_does_not_fit_is_refused_in_one_sentence(name: str) -> None:
    with pytest.raises(ExplanationError) as caught:
        BAD[name]()
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")

"""Networks of other classes: what they are made of, and what stands in the way of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import spectral_norm as old_spectral_norm
from torch.nn.utils.parametrizations import spectral_norm

import gan
from gan.checkpoints.own import load_own, of_class
from tests.own_networks import (
    CLASSES,
    SIZE,
    Block,
    Flat,
    Residual,
    Whole,
    classifier,
    dcgan,
    pictures,
    residual,
    seeded,
    whole,
)


def kinds(network: nn.Module | None) -> list[str]:
    assert network is not None
    return [type(one).__name__ for one in network.layers]  # type: ignore[union-attr, operator]


def logits(checkpoint: gan.Checkpoint, images: Tensor) -> Tensor:
    with torch.no_grad():
        return checkpoint.need_discriminator().logit(images)


def test_a_wrapped_sequential_has_the_layers_of_a_dcgan() -> None:
    checkpoint = dcgan()
    assert kinds(checkpoint.generator) == ["ConvTranspose2d", "BatchNorm2d", "ReLU", "ConvTranspose2d", "Tanh"]
    assert kinds(checkpoint.discriminator) == ["Conv2d", "LeakyReLU", "Conv2d", "Sigmoid"]


def test_blocks_are_layers_and_the_forwards_flatten_is_one_of_them() -> None:
    checkpoint = residual()
    assert kinds(checkpoint.generator) == ["Sequential", "Block", "Upsample", "Conv2d", "Tanh"]
    assert kinds(checkpoint.discriminator) == ["Conv2d", "Block", "MaxPool2d", "Sequential", "Sigmoid"]
    assert torch.allclose(logits(checkpoint, pictures()), seeded(Residual)(pictures())[:, 0], atol=1e-5)


def test_a_forward_that_does_more_than_its_children_is_one_layer() -> None:
    assert kinds(whole().discriminator) == ["Sequential", "Sigmoid"]
    assert torch.allclose(logits(whole(), pictures()), seeded(Whole)(pictures()), atol=1e-5)


@pytest.mark.parametrize("end", [nn.Sigmoid(), None])
def test_the_logit_is_what_comes_before_a_sigmoid(end: nn.Module | None) -> None:
    modules = [nn.Conv2d(3, 1, SIZE), *([end] if end else [])]
    network = Flat(*modules).eval()
    checkpoint = gan.adapt(discriminator=network, size=SIZE)
    assert torch.allclose(logits(checkpoint, pictures()), modules[0](pictures()).flatten(), atol=1e-5)
    assert list(network.main) == modules  # the given network is as it was


def test_a_classifier_takes_pictures_in_its_own_range_and_gives_a_logit_a_class() -> None:
    checkpoint, images = classifier(), pictures(size=(12, SIZE))
    mean, deviation = (torch.tensor(one)[:, None, None] for one in gan.IMAGENET)
    expected = seeded(Residual, 3)(((images + 1) / 2 - mean) / deviation)
    assert torch.allclose(logits(checkpoint, images), expected, atol=1e-4)
    for number, name in enumerate(CLASSES):
        one = of_class(checkpoint, name)
        assert torch.allclose(logits(one, images), expected[:, number], atol=1e-4)
        assert torch.allclose(one.discriminator.probabilities(images), expected.softmax(1), atol=1e-4)  # type: ignore[union-attr, operator]
        assert torch.allclose(one.need_discriminator()(images), expected.softmax(1)[:, number], atol=1e-4)
        assert one.digest != checkpoint.digest


def test_classes_behind_a_sigmoid_do_not_exclude_each_other() -> None:
    network = nn.Sequential(seeded(Residual, 3), nn.Sigmoid()).eval()
    made = gan.adapt(discriminator=network, size=SIZE, classes=CLASSES)
    assert torch.allclose(made.discriminator.probabilities(pictures()), network(pictures()), atol=1e-5)  # type: ignore[union-attr, operator]


@pytest.mark.parametrize("normalised", [spectral_norm, old_spectral_norm])
def test_a_norm_of_the_weights_becomes_part_of_them(normalised: type) -> None:
    network = nn.Sequential(normalised(nn.Conv2d(3, 4, 4, 2, 1)), nn.LeakyReLU(0.2), nn.Conv2d(4, 1, 4))
    network(pictures())  # as in a training: the old one computes its weight with a gradient
    made = gan.adapt(discriminator=network, size=SIZE)
    assert type(made.need_discriminator().layers[0]) is nn.Conv2d
    assert torch.allclose(logits(made, pictures()), network.eval()(pictures()).flatten(), atol=1e-5)


class Bounded(Whole):
    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(super().forward(x))


class OfTheBatch(Whole):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x - x.mean(0))


class Pair(Whole):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x), x  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("network", "sentence"),
    [
        (Bounded, "gives probabilities, or their logarithms"),
        (OfTheBatch, "depends on the others of its batch"),
        (Pair, "gives a tuple, not a tensor"),
        (lambda: nn.Linear(7, 1), "does not take"),
        (lambda: nn.Conv2d(3, 1, 3), r"gives \(N, 1, 6, 6\), not one number for each picture"),
        (lambda: Block(3), r"gives \(N, 3, 8, 8\)"),
    ],
)
def test_what_cannot_be_explained_is_one_sentence(network: type[nn.Module], sentence: str) -> None:
    with pytest.raises(gan.CheckpointError, match=sentence):
        gan.adapt(discriminator=network().eval(), size=SIZE)


def test_a_generator_of_another_size_is_one_sentence() -> None:
    with pytest.raises(gan.CheckpointError, match=r"gives \(N, 3, 8, 8\), not pictures \(N, 3, 16, 16\)"):
        gan.adapt(nn.Sequential(nn.ConvTranspose2d(5, 3, 8), nn.Tanh()), size=16, latent=5)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("def networks(:", "own.py, line 1: SyntaxError"),
        ("\n1 / 0", "own.py, line 2: ZeroDivisionError"),
        ("import no_such_module", "own.py, line 1: ModuleNotFoundError"),
        ("x = 1", "there is no function networks"),
        ("def networks():\n    return 7", r"networks\(\) returns a int, not what gan.adapt"),
        ("import gan\ndef networks():\n    return gan.adapt()", "neither a generator nor a discriminator"),
        ("raise SystemExit(3)", "own.py, line 1: SystemExit"),
    ],
)
def test_an_error_in_the_file_is_one_sentence(tmp_path: Path, content: str, sentence: str) -> None:
    (tmp_path / "own.py").write_text(content)
    with pytest.raises(gan.CheckpointError, match=sentence) as error:
        load_own(tmp_path / "own.py")
    assert "\n" not in str(error.value)


def test_a_file_imports_what_lies_beside_it_and_its_digest_follows_it(tmp_path: Path) -> None:
    (tmp_path / "beside_own.py").write_text("from torch import nn\nmake = lambda: nn.Conv2d(3, 1, 8)\n")
    file = tmp_path / "own.py"
    file.write_text("import gan, torch\nfrom beside_own import make\ndef networks():\n    torch.manual_seed(0)\n"
                    "    return gan.adapt(discriminator=make(), size=8)\n")  # fmt: skip
    first = load_own(file)
    assert first.name == "own.py"
    assert load_own(file).digest == first.digest
    file.write_text(file.read_text() + "# changed\n")
    assert load_own(file).digest != first.digest

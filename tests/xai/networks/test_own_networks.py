"""Networks of other classes are explained as captum explains the module itself, and DeepLIFT never gives wrong sums."""

from __future__ import annotations

import pytest
import torch
from captum.attr import DeepLift, IntegratedGradients, Saliency
from torch import Tensor, nn
from torch.nn import functional as F

import gan
import xai
from tests.own_networks import CLASSES, SIZE, Residual, Whole, classifier, dcgan, pictures, residual, seeded, whole
from xai.capabilities import CAPABILITIES, lacking
from xai.networks.score import LOGIT
from xai.networks.separate import separated, unsupported

HAVE = {  # of each checkpoint, what it can do
    dcgan: set(CAPABILITIES) - {"dcgan_generator"},
    residual: {"generator", "score", "discriminator", "generator_layers"},
    whole: {"score", "discriminator"},
    classifier: {"score"},
}  # fmt: skip


@pytest.mark.parametrize("make", HAVE, ids=lambda make: make.__name__)
def test_what_networks_can_do_is_found_and_what_not_is_one_sentence(make: type) -> None:
    checkpoint = make()
    missing = {name: lacking(checkpoint, "This", [name]) for name in CAPABILITIES}
    assert {name for name, sentence in missing.items() if sentence is None} == HAVE[make]
    for name, sentence in missing.items():
        if sentence is not None:
            assert sentence.startswith(f"This needs {CAPABILITIES[name].needs}; ")
            assert "your networks" in sentence
            assert sentence.endswith(".")


def test_a_shipped_checkpoint_can_do_all(tiny: gan.ModelConfig) -> None:
    shipped = gan.Checkpoint(gan.Generator(tiny).eval(), gan.Discriminator(tiny).eval(), tiny)
    assert all(lacking(shipped, "This", [name]) is None for name in CAPABILITIES)


@pytest.mark.parametrize("make", [Residual, Whole], ids=lambda make: make.__name__)
@pytest.mark.parametrize(("name", "engine"), [("deeplift", "captum"), ("deepshap", "captum"), ("deepshap", "shap")])
def test_deeplift_adds_up_on_blocks_functions_and_overlapping_windows(
    make: type[nn.Module], name: str, engine: str
) -> None:
    score = xai.Score(gan.adapt(discriminator=seeded(make), size=SIZE).need_discriminator())
    assert score.chain is None
    found = xai.attribution(name, score, engine=engine).attribute(pictures())
    assert float(found.gap.abs().max()) < 1e-4
    assert float((found.score - found.base_score).abs().min()) > 1e-3  # so that the gap says something


def test_captum_alone_is_wrong_where_a_blocks_input_goes_past_its_function() -> None:
    """Why ``separated`` gives each call of a function a copy of its input."""

    class PreActivation(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.relu, self.one, self.other = nn.ReLU(), nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)

        def forward(self, x: Tensor) -> Tensor:
            return (self.one(self.relu(x)) + self.other(x)).sum((1, 2, 3))[:, None]  # type: ignore[no-any-return]

    network, image = seeded(PreActivation), pictures(1)
    difference = float(network(image).detach() - network(0 * image).detach())
    sums = [
        float(DeepLift(one).attribute(image, 0 * image).sum().detach()) for one in (network, separated(network, image))
    ]
    assert abs(sums[0] - difference) > 0.1
    assert abs(sums[1] - difference) < 1e-3


class Gelu(Whole):
    def forward(self, x: Tensor) -> Tensor:
        return self.last(F.gelu(5 * self.first(x)).mean((2, 3)))  # type: ignore[no-any-return]


def test_a_function_without_a_rule_is_named_in_place_of_wrong_sums() -> None:
    score = xai.Score(seeded(Gelu))
    assert unsupported(score.module()) == ["gelu"]
    with pytest.raises(xai.ExplanationError, match=r"DeepLIFT gives wrong sums for this network.*do not know gelu"):
        xai.attribution("deeplift", score).attribute(pictures(1))
    found = xai.attribution("integrated_gradients", score).attribute(pictures(1))
    assert abs(float(found.gap)) < 0.05 * abs(float(found.score - found.base_score))


def test_attributions_are_those_of_captum_on_the_module_itself() -> None:
    module, image = seeded(Residual, 3), pictures(1)
    score = xai.Score(gan.adapt(discriminator=module, size=SIZE, classes=CLASSES).need_discriminator(), output="Comedy")
    gradient = xai.attribution("gradient_input", score).attribute(image).values
    assert torch.allclose(gradient, image * Saliency(module).attribute(image, 1, abs=False), atol=1e-5)
    paths = xai.attribution("integrated_gradients", score, engine="captum", most_steps=65).attribute(image).values
    expected = IntegratedGradients(module).attribute(image, 0 * image, 1, n_steps=65)
    assert torch.allclose(paths, expected.float(), atol=1e-5)
    assert torch.equal(xai.Score(module, output=1)(image), score(image))


def test_a_class_has_a_meaning_of_its_own() -> None:
    network = classifier().need_discriminator()
    meaning = xai.Score(network, output="Horror").meaning
    assert (meaning.name, meaning.high, meaning.low) == ("the logit of Horror", "more Horror", "less Horror")
    assert xai.Score(residual().need_discriminator()).meaning == LOGIT
    for output in (None, "Musical", 3):
        with pytest.raises(xai.ExplanationError, match="Horror, Comedy, Western"):
            xai.Score(network, output=output)
    with pytest.raises(xai.ExplanationError, match="there is no output 7"):
        xai.Score(seeded(Residual, 3), output=7)(pictures())


METHODS = [name for name in xai.METHODS if name not in ("lime", "kernelshap", "shapley")]


@pytest.mark.parametrize("make", [whole, residual], ids=lambda make: make.__name__)
@pytest.mark.parametrize("name", METHODS)
def test_every_method_explains_a_network_of_blocks(make: type, name: str) -> None:
    score = xai.Score(make().need_discriminator())
    found = xai.attribution(name, score).attribute(pictures(1))
    assert found.values.shape[2:] == (SIZE, SIZE)

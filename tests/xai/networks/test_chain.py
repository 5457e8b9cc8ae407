"""A chain says what torch says: forwards, backwards, and between two inputs."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils import parametrizations, spectral_norm

import gan
import xai
from tests.xai.nets import (
    discriminator,
    generator,
    given_discriminator,
    given_generator,
    in_threads,
    noise,
    pictures,
    snapshot,
    tall_pictures,
)
from xai.networks.chain import MANY, Chain
from xai.networks.steps import Convolution, Scale

NONLINEARITIES: list[Callable[[], nn.Module]] = [
    nn.ReLU,
    lambda: nn.ReLU(inplace=True),
    lambda: nn.LeakyReLU(0.2, inplace=True),
    lambda: nn.LeakyReLU(0.0),
    lambda: nn.ELU(0.7),
    nn.Sigmoid,
    nn.Tanh,
]
few = settings(deadline=None, max_examples=60, derandomize=True)


def chain_of(network: nn.Module) -> Chain:
    chain = Chain.of(network)
    assert chain is not None
    return chain


def gradient(network: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """What torch says."""
    leaf = x.detach().clone().requires_grad_()
    output = network.eval()(leaf.clone())  # of which an in-place activation may write into
    (gradients,) = torch.autograd.grad(output.sum(), leaf)
    return output.detach(), gradients


@torch.no_grad()
def seeded(network: nn.Module, seed: int) -> nn.Module:
    """Weights, biases and statistics of order 1, in double precision."""
    random = torch.Generator().manual_seed(seed)
    network = network.double()
    for tensor in network.state_dict().values():
        if tensor.is_floating_point():
            tensor.normal_(0.0, 0.7, generator=random)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_var.uniform_(0.5, 1.5, generator=random)
    return network.eval()


@st.composite
def convolution(draw: st.DrawFn, before: int, after: int) -> nn.Module:
    pair = lambda low, high: draw(st.tuples(st.integers(low, high), st.integers(low, high)))  # noqa: E731
    stride, dilation = pair(1, 3), pair(1, 3)
    common: dict[str, Any] = {
        "kernel_size": pair(1, 3),
        "stride": stride,
        "dilation": dilation,
        "padding": pair(0, 2),
        "groups": draw(st.sampled_from([1, 2])),
        "bias": draw(st.booleans()),
    }
    if draw(st.booleans()):
        return nn.Conv2d(before, after, **common)
    skipped = tuple(draw(st.integers(0, max(stride[i], dilation[i]) - 1)) for i in range(2))
    return nn.ConvTranspose2d(before, after, output_padding=skipped, **common)


@st.composite
def networks(draw: st.DrawFn) -> tuple[nn.Sequential, Tensor]:
    """A network to one number, and a batch of its inputs."""
    widths = draw(st.lists(st.sampled_from([2, 4]), min_size=2, max_size=4))
    side = draw(st.tuples(st.integers(3, 9), st.integers(3, 9)))
    seed = draw(st.integers(0, 999))
    layers: list[nn.Module] = [nn.BatchNorm2d(widths[0])] if draw(st.booleans()) else []
    for before, after in pairwise(widths):
        layers.append(draw(convolution(before, after)))
        if draw(st.booleans()):
            layers.append(nn.BatchNorm2d(after, affine=draw(st.booleans()), eps=draw(st.sampled_from([1e-5, 0.1]))))
        if draw(st.booleans()):
            layers.append(draw(st.sampled_from(NONLINEARITIES))())
    x = noise(3, widths[0], *side, seed=seed).double()
    try:
        shape = nn.Sequential(*layers).double().eval()(x.clone()).shape
    except RuntimeError:  # nothing is left of the picture
        assume(False)
    assume(0 < shape[1:].numel() < 3000)
    layers += [nn.Flatten(), nn.Linear(shape[1:].numel(), 1)]
    if draw(st.booleans()):
        layers[-1:] = [nn.Linear(shape[1:].numel(), 3), nn.Tanh(), nn.Linear(3, 1, bias=False)]
    return seeded(nn.Sequential(*layers), seed), x


def close(found: Tensor, expected: Tensor, accepted: float = 1e-10) -> bool:
    return found.shape == expected.shape and bool(
        (found - expected).abs().max() <= accepted * (1 + expected.abs().max())
    )


# --- any small network of these modules


@given(networks())
@few
def test_a_chain_answers_and_slopes_as_torch_does(drawn: tuple[nn.Sequential, Tensor]) -> None:
    network, x = drawn
    chain, (answers, gradients) = chain_of(network), gradient(network, x)
    found = chain.gradient(x)
    assert close(chain(x), answers)
    assert close(chain.trace(x).output, answers)
    assert close(found[0], answers[:, 0])
    assert close(found[1], gradients)


@given(networks())
@few
def test_many_rows_are_answered_as_few(drawn: tuple[nn.Sequential, Tensor]) -> None:
    network, x = drawn
    many = x.repeat(MANY, 1, 1, 1)
    answers, gradients = chain_of(network).gradient(many)
    expected = gradient(network, x)
    assert close(chain_of(network)(many), expected[0].repeat(MANY, 1))
    assert close(answers, expected[0][:, 0].repeat(MANY))
    assert close(gradients, expected[1].repeat(MANY, 1, 1, 1))


@given(networks())
@few
def test_multipliers_at_every_place_explain_the_whole_difference(drawn: tuple[nn.Sequential, Tensor]) -> None:
    network, x = drawn
    chain = chain_of(network)
    trace, base = chain.trace(x), chain.trace(x.flip(0) + 0.5)
    found = chain.multipliers(trace, base, range(len(chain.steps) + 1))
    assert sorted(found) == list(range(len(chain.steps) + 1))
    for place, multipliers in found.items():
        shares = multipliers * (trace.before[place] - base.before[place])
        assert close(shares.flatten(1).sum(1), (trace.output - base.output)[:, 0], 1e-7)


@given(networks())
@settings(deadline=None, max_examples=25, derandomize=True)
@pytest.mark.filterwarnings("ignore")
def test_multipliers_are_captums(drawn: tuple[nn.Sequential, Tensor]) -> None:
    from captum.attr import DeepLift

    network, x = drawn
    base = x.flip(0) + 0.5
    chain = chain_of(network)
    theirs = DeepLift(xai.private_copy(network), multiply_by_inputs=False).attribute(x, base)
    assert close(chain.multipliers(chain.trace(x), chain.trace(base))[0], theirs, 1e-7)


@given(networks())
@few
def test_between_an_input_and_itself_multipliers_are_slopes(drawn: tuple[nn.Sequential, Tensor]) -> None:
    network, x = drawn
    chain = chain_of(network)
    trace = chain.trace(x)
    assert close(chain.multipliers(trace, trace)[0], gradient(network, x)[1])


@pytest.mark.parametrize("bend", NONLINEARITIES)
def test_a_bend_has_the_slope_that_torch_gives_it_also_at_its_kink_and_far_out(bend: Callable[[], nn.Module]) -> None:
    network = nn.Sequential(nn.Flatten(), bend(), nn.Linear(7, 1, bias=False))
    nn.init.ones_(network[2].weight)
    x = torch.tensor([[-90.0, -1.0, -1e-8, 0.0, 1e-8, 1.0, 90.0]])
    answers, gradients = chain_of(network).gradient(x)
    expected = gradient(network, x)
    assert torch.allclose(answers, expected[0][:, 0])
    assert torch.allclose(gradients, expected[1], atol=1e-7)


# --- the networks of a DCGAN


def dcgans() -> dict[str, tuple[nn.Module, nn.Module, Tensor]]:
    """Name: what a chain is made of, what it must say, inputs."""
    draws, judge = generator(32, 4, 6), discriminator(32)
    first = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 1))
    asked, strict = given_generator(), given_discriminator()
    return {
        "2:3, genres built in": (asked.layers, asked, gan.latents(range(20), asked.config)),
        "2:3, no BatchNorm": (
            strict.layers[:-1],
            nn.Sequential(strict.layers[:-1], nn.Flatten()),
            tall_pictures(20, 32),
        ),
        "2:3, both": (
            nn.Sequential(asked.layers, strict.layers[:-1]),
            nn.Sequential(asked, strict.layers[:-1]),
            gan.latents(range(20), asked.config),
        ),
        "discriminator": (judge.layers[:-1], nn.Sequential(judge.layers[:-1], nn.Flatten()), pictures(20, 32)),
        "generator": (draws.layers, draws, gan.latents(range(20), draws.config)),
        "both": (
            nn.Sequential(draws.layers, judge.layers[:-1]),
            nn.Sequential(draws, judge.layers[:-1]),
            gan.latents(range(20), draws.config),
        ),
        "both, with a probability": (
            nn.Sequential(draws.layers, judge.layers),
            nn.Sequential(draws, judge.layers),
            gan.latents(range(20), draws.config),
        ),
        "matrices": (first, first, pictures(20, 32)),
    }


every_dcgan = pytest.mark.parametrize("name", list(dcgans()))


@every_dcgan
def test_a_chain_answers_as_the_network_does(name: str) -> None:
    parts, network, x = dcgans()[name]
    expected = network(x).detach()
    for rows in (1, 3, 20):
        found = chain_of(parts)(x[:rows])
        assert torch.allclose(found.reshape(expected[:rows].shape), expected[:rows], atol=1e-5)


@every_dcgan
def test_a_chain_has_the_networks_slopes(name: str) -> None:
    parts, network, x = dcgans()[name]
    if name in ("generator", "2:3, genres built in"):  # of the sum of the colours, one number
        flat = nn.Linear(network(x[:1]).numel(), 1)
        parts, network = nn.Sequential(parts, nn.Flatten(), flat), nn.Sequential(network, nn.Flatten(), flat)
    expected = gradient(network, x)[1]
    for rows in (1, 3, 20):
        assert close(chain_of(parts).gradient(x[:rows])[1], expected[:rows], 1e-5)


@pytest.mark.parametrize("name", ["discriminator", "generator", "both", "matrices", "2:3, both"])
def test_bits_of_a_row_do_not_depend_on_the_other_rows(name: str) -> None:
    parts, _, x = dcgans()[name]
    chain = chain_of(parts)
    alone = [chain.trace(row[None]) for row in x]
    for rows in (2, 7, 20):
        together = chain.trace(x[:rows])
        for place, values in enumerate(together.before):
            assert torch.equal(values, torch.cat([trace.before[place] for trace in alone[:rows]]))


@pytest.mark.parametrize(("side", "width"), [(32, 4), (64, 8), (64, 64)])
def test_bits_of_a_row_of_multipliers_do_not_depend_on_the_other_rows(side: int, width: int) -> None:
    chain, x = chain_of(discriminator(side, width).layers[:-1]), pictures(17, side)
    base = chain.trace(torch.zeros(1, 3, side, side))
    alone = torch.cat([chain.multipliers(chain.trace(row[None]), base)[0] for row in x])
    for rows in (2, 5, 17):
        assert torch.equal(chain.multipliers(chain.trace(x[:rows]), base)[0], alone[:rows])
        several = chain.trace(torch.zeros(rows, 3, side, side))
        assert torch.equal(chain.multipliers(chain.trace(x[:rows]), several)[0], alone[:rows])


def test_rows_of_a_trace_are_the_trace_of_these_rows() -> None:
    chain, x = chain_of(discriminator(32).layers[:-1]), pictures(5, 32)
    for index in (slice(1, 4), torch.tensor([4, 0])):
        pairs = zip(chain.trace(x).rows(index).before, chain.trace(x[index]).before, strict=True)
        assert all(torch.equal(*pair) for pair in pairs)


@pytest.mark.filterwarnings("ignore")
def test_multipliers_of_a_generator_with_genres_before_a_discriminator_without_batchnorm_are_captums() -> None:
    from captum.attr import DeepLift

    asked, strict = given_generator(), given_discriminator()
    network = nn.Sequential(asked.layers, strict.layers[:-1], nn.Flatten())
    z, base = (gan.latents(seeds, asked.config) for seeds in (range(3), range(10, 13)))
    chain = chain_of(network)
    found = chain.multipliers(chain.trace(z), chain.trace(base))[0]
    private = xai.private_copy(network)
    expected = DeepLift(private, multiply_by_inputs=False).attribute(z, base)
    assert close(found, expected, 1e-4)
    difference = private(z) - private(base)
    assert torch.allclose((found * (z - base)).sum((1, 2, 3)), difference[:, 0], atol=1e-4)
    assert difference.abs().min() > 1e-2


def test_genres_that_are_built_in_shift_the_first_step_and_nothing_else() -> None:
    chain, asked = chain_of(given_generator().layers), given_generator()
    first = chain.steps[0]
    assert isinstance(first, Convolution)
    assert first.constant is not None
    assert first.constant.shape == (1, 16, 6, 4)
    zero = torch.zeros(1, 6, 1, 1)
    assert torch.allclose(first.forward(zero, False), asked.layers[:2](zero), atol=1e-6)
    assert torch.equal(first.without_bias().forward(zero, False), torch.zeros(1, 16, 6, 4))
    assert all(step.constant is None for step in chain.steps[1:] if isinstance(step, Convolution))


def test_batchnorms_vanish_in_the_convolutions_before_them() -> None:
    steps = chain_of(discriminator(32).layers).steps
    assert sum(isinstance(step, Convolution) for step in steps) == 4
    assert not any(isinstance(step, Scale) for step in steps)


def test_a_step_has_the_name_of_the_module_whose_output_it_gives() -> None:
    network, x = discriminator(32), pictures(2, 32)
    chain = chain_of(network.layers)
    assert chain.names == ("0", "1", "3", "4", "6", "7", "8", "9")
    maps = xai.activations(network.layers, x, chain.names)
    for name, output in zip(chain.names, chain.trace(x).before[1:], strict=True):
        assert torch.allclose(output, maps[name], atol=1e-5)


def test_modules_that_do_nothing_are_left_out_and_nested_ones_found() -> None:
    inner = nn.Sequential(nn.Identity(), nn.Conv2d(3, 2, 3), nn.Dropout2d(0.5), nn.BatchNorm2d(2))
    network = nn.Sequential(inner, nn.Dropout(0.9), nn.ReLU(), nn.Sequential(nn.Flatten(), nn.Linear(72, 1)))
    x = noise(4, 3, 8, 8)
    chain = chain_of(network.train())
    assert chain.names == ("0.3", "2", "3.0", "3.1")
    assert torch.allclose(chain(x), network.eval()(x), atol=1e-6)


def test_a_module_that_comes_twice_is_run_twice() -> None:
    bend, twice = nn.ReLU(), nn.Conv2d(3, 3, 3, padding=1)
    network = nn.Sequential(twice, bend, twice, bend, nn.Flatten(), nn.Linear(192, 1))
    x = noise(3, 3, 8, 8)
    expected = gradient(network, x)
    answers, gradients = chain_of(network).gradient(x)
    assert torch.allclose(answers, expected[0][:, 0], atol=1e-6)
    assert torch.allclose(gradients, expected[1], atol=1e-6)


def test_a_network_in_train_mode_gives_the_chain_of_eval_mode_and_is_left_alone() -> None:
    network, x = discriminator(32), pictures(3, 32)
    expected = network.logit(x).detach()
    network.train()
    before = snapshot(network)
    assert torch.allclose(chain_of(network.layers[:-1])(x).flatten(), expected, atol=1e-5)
    assert snapshot(network) == before


def test_a_chain_in_twelve_threads_says_what_it_says_in_one() -> None:
    chain, x = chain_of(discriminator(32).layers[:-1]), pictures(12, 32)
    expected = [chain.gradient(x[index : index + 1])[1] for index in range(12)]
    found = in_threads(12, lambda index: [chain.gradient(x[index : index + 1])[1] for _ in range(5)])
    assert all(torch.equal(gradients, expected[index]) for index in range(12) for gradients in found[index])


def test_inputs_of_a_chain_stay_as_they_are() -> None:
    network = nn.Sequential(nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(48, 1))
    x = noise(2, 3, 4, 4)
    kept = x.clone()
    chain = chain_of(network)
    chain(x), chain.gradient(x), chain.multipliers(chain.trace(x), chain.trace(x + 1))
    assert torch.equal(x, kept)


def test_no_chain_asks_for_gradients() -> None:
    answers, gradients = chain_of(discriminator(32).layers[:-1]).gradient(pictures(1, 32).requires_grad_())
    assert not answers.requires_grad
    assert not gradients.requires_grad


# --- what is no chain


class Doubled(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


class Backwards(nn.Sequential):
    def forward(self, x: Tensor) -> Tensor:
        for module in reversed(list(self)):
            x = module(x)
        return x


class Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 1, 8), nn.Conv2d(3, 1, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.one(x) + torch.relu(self.two(x))


def hooked(kind: str) -> nn.Module:
    network = nn.Sequential(nn.Conv2d(3, 1, 8), nn.ReLU())
    getattr(network[0], kind)(lambda *_: None)
    return network


NO_CHAINS: dict[str, Callable[[], nn.Module]] = {
    "a subclass of a convolution": lambda: nn.Sequential(Doubled(3, 1, 8)),
    "a subclass of Sequential": lambda: Backwards(nn.ReLU(), nn.Conv2d(3, 1, 8)),
    "a module of one's own": Branching,
    "a module of one's own within": lambda: nn.Sequential(nn.Identity(), Branching()),
    "an unknown activation": lambda: nn.Sequential(nn.Conv2d(3, 1, 8), nn.GELU()),
    "a PReLU": lambda: nn.Sequential(nn.Conv2d(3, 1, 8), nn.PReLU()),
    "a pooling": lambda: nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(3, 1, 4)),
    "a reflecting padding": lambda: nn.Sequential(nn.Conv2d(3, 1, 3, padding=1, padding_mode="reflect")),
    "a padding by word": lambda: nn.Sequential(nn.Conv2d(3, 1, 4, padding="same")),
    "a BatchNorm without statistics": lambda: nn.Sequential(nn.BatchNorm2d(3, track_running_stats=False)),
    "an InstanceNorm": lambda: nn.Sequential(nn.InstanceNorm2d(3)),
    "a Flatten of rows": lambda: nn.Sequential(nn.Flatten(0)),
    "a convolution of lines": lambda: nn.Sequential(nn.Conv1d(3, 1, 8)),
    "a parametrised weight": lambda: nn.Sequential(parametrizations.spectral_norm(nn.Conv2d(3, 1, 8))),
    "a weight set by a hook": lambda: nn.Sequential(spectral_norm(nn.Conv2d(3, 1, 8))),
    "a forward hook": lambda: hooked("register_forward_hook"),
    "a forward pre hook": lambda: hooked("register_forward_pre_hook"),
    "a backward hook": lambda: hooked("register_full_backward_hook"),
    "a backward pre hook": lambda: hooked("register_full_backward_pre_hook"),
    "nothing": nn.Sequential,
}


@pytest.mark.parametrize("kind", list(NO_CHAINS))
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_what_may_compute_something_else_is_no_chain(kind: str) -> None:
    assert Chain.of(NO_CHAINS[kind]()) is None


def test_a_hook_on_the_sequential_itself_is_no_chain() -> None:
    network = nn.Sequential(nn.Conv2d(3, 1, 8))
    network.register_forward_hook(lambda module, inputs, output: 2 * output)
    assert Chain.of(network) is None


# --- a part of the way


@given(networks(), st.data())
@few
def test_parts_of_a_chain_one_after_the_other_are_the_chain(drawn: tuple[nn.Sequential, Tensor], data: Any) -> None:
    network, x = drawn
    chain = chain_of(network)
    place = data.draw(st.integers(0, len(chain.steps)))
    half = chain(x, 0, place)
    before = half.clone()
    assert close(half, chain.trace(x).before[place])
    assert torch.equal(chain(half, place), chain(x))
    assert torch.equal(half, before)


@given(networks(), st.data())
@few
def test_multipliers_given_at_a_place_go_on_from_there(drawn: tuple[nn.Sequential, Tensor], data: Any) -> None:
    network, x = drawn
    chain = chain_of(network)
    trace, base = chain.trace(x), chain.trace(x.flip(0) + 0.5)
    places = range(len(chain.steps) + 1)
    place = data.draw(st.sampled_from(places))
    found = chain.multipliers(trace, base, places)
    onwards = chain.multipliers(trace, base, (0, place), (place, found[place]))
    assert torch.equal(onwards[place], found[place])
    assert torch.equal(onwards[0], found[0])


def test_many_multipliers_given_for_one_row_are_carried_on_side_by_side_and_add_up() -> None:
    chain, x = chain_of(discriminator(32).layers[:-1]), pictures(2, 32)
    trace, base = chain.trace(x[:1]), chain.trace(x[1:])
    found = chain.multipliers(trace, base, (0, 4))
    channels = torch.eye(found[4].shape[1])[:, :, None, None]
    each = chain.multipliers(trace, base, (0,), (4, found[4] * channels))[0]
    assert len(each) == len(channels)
    assert close(each.sum(0, keepdim=True), found[0], 1e-5)

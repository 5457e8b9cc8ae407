"""Small networks, pictures and snapshots that the tests of xai share."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

import gan
import xai
from gan.data.synthetic import draw_poster

T = TypeVar("T")
Network = TypeVar("Network", bound=nn.Module)

# Cheaper than the defaults; a method that is not listed runs with its own.
QUICK: dict[str, dict[str, Any]] = {
    "lime": {"samples": 40},
    "kernelshap": {"samples": 80},
    "shapley": {"grid": 2},
    "integrated_gradients": {"steps": 9, "most_steps": 9},
    "expected_gradients": {"samples": 12},
    "smoothgrad": {"samples": 6},
}


def quick(name: str, score: xai.Score, **settings: Any) -> xai.Attribution:
    return xai.attribution(name, score, **QUICK.get(name, {}) | settings)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def pictures(count: int, side: int, first: int = 0) -> Tensor:
    """Synthetic posters (count, 3, side, side) in [-1, 1]; below 32 pixels, smooth noise."""
    if side < 32:
        return nn.functional.interpolate(noise(count, 3, side // 2, side // 2, seed=first), side).tanh()
    drawn = [np.asarray(draw_poster(seed, side).image) for seed in range(first, first + count)]
    return gan.from_uint8(np.stack(drawn))


def affine(side: int = 8, seed: int = 0) -> nn.Sequential:
    """w . x + b, on pictures of side x side."""
    return scramble(lambda: nn.Sequential(nn.Flatten(), nn.Linear(3 * side * side, 1)), seed)


def weights(network: nn.Sequential, side: int) -> Tensor:
    """w of an affine network, in the shape of a picture."""
    return network[1].weight.detach().reshape(1, 3, side, side)


def discriminator(side: int = 32, width: int = 4, seed: int = 0) -> gan.Discriminator:
    """Logits of order 1, and a BatchNorm that has seen something."""
    return scramble(lambda: gan.Discriminator(gan.ModelConfig(resolution=side, width=width)), seed).eval()


def generator(side: int = 8, width: int = 4, latent: int = 6, seed: int = 0) -> gan.Generator:
    config = gan.ModelConfig(resolution=side, width=width, latent=latent)
    return scramble(lambda: gan.Generator(config), seed).eval()


GENRES = ("Comedy", "Horror", "Western")
LABELS = (1.0, -1.0, 0.5)


def oblong(norm_d: bool = False, side: int = 32, genres: tuple[str, ...] = GENRES, latent: int = 6) -> gan.ModelConfig:
    """2:3, without BatchNorm in D unless told otherwise, conditional unless told otherwise."""
    return gan.ModelConfig(
        side, latent, 4, aspect="2:3", norm_d=norm_d, genres=genres, embedding=5 if genres else 32
    )  # fmt: skip


def conditional(side: int = 32, seed: int = 0, latent: int = 6) -> gan.Generator:
    """A generator of 2:3 posters that waits for genres."""
    return scramble(lambda: gan.Generator(oblong(side=side, latent=latent)), seed).eval()


def given_generator(side: int = 32, seed: int = 0, latent: int = 6) -> gan.Generator:
    """The same with genres built in: its first layer adds a constant."""
    made = conditional(side, seed, latent).with_genres(LABELS)
    assert made.layers[0].constant.abs().max() > 0.1
    return made


def given_discriminator(side: int = 32, seed: int = 0) -> gan.Discriminator:
    """2:3, no BatchNorm but biases, genres built into its last layer."""
    return scramble(lambda: gan.Discriminator(oblong(side=side)), seed).eval().with_genres(LABELS)


def tall_pictures(count: int, width: int, first: int = 0) -> Tensor:
    """Synthetic posters of 2:3 (count, 3, 3 / 2 width, width)."""
    height = width * 3 // 2
    drawn = [np.asarray(draw_poster(seed, width, height).image) for seed in range(first, first + count)]
    return gan.from_uint8(np.stack(drawn))


@torch.no_grad()
def scramble(build: Callable[[], Network], seed: int = 0) -> Network:
    """A network with random weights that keep the size of what passes, and random statistics."""
    random = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        network = build()
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            inputs = module.weight[0].numel() if not isinstance(module, nn.ConvTranspose2d) else len(module.weight) * 4
            module.weight.normal_(0.0, (2 / inputs) ** 0.5, generator=random)
        if isinstance(module, nn.Conv2d) and module.bias is not None:
            module.bias.normal_(0.0, 0.3, generator=random)
        if isinstance(module, nn.BatchNorm2d):
            module.weight.normal_(1.0, 0.3, generator=random)
            module.bias.normal_(0.0, 0.3, generator=random)
            module.running_mean.normal_(0.0, 0.3, generator=random)
            module.running_var.uniform_(0.5, 1.5, generator=random)
    return network


def snapshot(network: nn.Module) -> list[Any]:
    """Everything about a network that an explanation must leave as it is."""
    weights = [(name, tensor.tolist(), tensor.data_ptr()) for name, tensor in network.state_dict().items()]
    parameters = [(name, p.requires_grad, p.grad) for name, p in network.named_parameters()]
    flags = [(name, m.training, getattr(m, "inplace", None), sorted(m.__dict__)) for name, m in network.named_modules()]
    return [weights, parameters, flags, hooks(network)]


def hooks(network: nn.Module) -> int:
    """Number of hooks of any kind on a network."""
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return sum(len(getattr(module, kind)) for module in network.modules() for kind in kinds)


def in_threads(count: int, job: Callable[[int], T]) -> list[T]:
    """``job(0)`` ... ``job(count - 1)`` at the same time, switching threads as often as Python can."""
    results: dict[int, T] = {}
    errors: list[BaseException] = []
    start = threading.Barrier(count)

    def run(index: int) -> None:
        try:
            start.wait()
            results[index] = job(index)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    with _busy_switching():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if errors:
        raise errors[0]
    return [results[index] for index in range(count)]


@contextlib.contextmanager
def _busy_switching() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def same(a: xai.Explanation, b: xai.Explanation) -> bool:
    """Whether two explanations say the same, bit for bit (NaN, "no such number", included)."""
    pairs = [(a.values, b.values), (a.score, b.score), (a.base_score, b.base_score), (a.gap, b.gap)]
    pairs += [(a.diagnostics[key], b.diagnostics[key]) for key in a.diagnostics]
    if a.segments is not None and b.segments is not None:
        pairs.append((a.segments, b.segments))
    alike = (a.segments is None) == (b.segments is None) and a.diagnostics.keys() == b.diagnostics.keys()
    return alike and all(torch.equal(x.nan_to_num(7e7), y.nan_to_num(7e7)) for x, y in pairs)


def one_sentence(error: BaseException) -> str:
    """The error's text, which a person is to read: one line, one sentence, not long."""
    text = str(error)
    assert text.endswith((".", "?")), text
    assert "\n" not in text, text
    assert len(text) < 300, text
    return text

"""Metrics of a map timed beside Quantus and captum: of the same maps, on the same network, in the same run.

    for row in metrics(bench):                     # the rows beside Quantus need: pip install quantus
        print(table([row]))                        # xai.bench.timings.timing

All maps are our DeepLIFT's, also those that a library asks for, so that only the metric differs. Where its definition
permits it, a library computes the same number from the same masked or moved pictures; a row's note says what differs
elsewhere. A registry: a new comparison is a function here and an entry of METRICS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gan.errors import counted
from xai.bench.timings.timing import Bench, Row, turns
from xai.methods import attribution
from xai.methods.base import Explanation
from xai.methods.perturbation.segments import grid
from xai.trust.agreement import CELLS, coarse
from xai.trust.check import Subject
from xai.trust.faithfulness import RANDOM_ORDERS, STEPS, Curves, Halves, curves, prediction
from xai.trust.robustness import Cascade, cascading_randomisation, nearby, sensitivity_max

TOGETHER = 16  # posters that Quantus takes at once, in rows that say so
SAMPLES = 10  # pictures nearby: captum's usual number
PAIRS_AT_ONCE = 16  # in captum's infidelity, 32 pictures: the fastest of 8 to 128 pairs
GREY = 0.0  # the poster that DeepLIFT compares with: what is hidden shows it
QUIET = {"normalise": False, "disable_warnings": True}  # settings of every metric of Quantus
MISSING = "Quantus is not installed: pip install quantus"

Job = Callable[[int], Any]


@dataclass(frozen=True)
class Peer:
    """A library's way: ``name`` as the table has it, ``job``, and how many times a turn does the work of ours."""

    name: str
    job: Job
    count: float = 1


@dataclass(frozen=True, eq=False)
class Maps:
    """What is measured; ``quantus`` is the library, None where it is not installed."""

    bench: Bench
    quantus: Any

    @cached_property
    def subjects(self) -> list[Subject]:
        """A map for each turn, of a score that remembers nothing of another turn."""
        return [self.of(self.bench.picture(turn)) for turn in range(self.bench.turns + 1)]

    @cached_property
    def together(self) -> Subject:
        """Maps of all posters that Quantus takes at once."""
        return self.of(self.bench.posters[:TOGETHER])

    def of(self, images: Tensor) -> Subject:
        """Our DeepLIFT of pictures (N, 3, H, W)."""
        method = attribution("deeplift", self.bench.score)
        return Subject(method, images, method.attribute(images))

    def both(self, name: str, job: Callable[[Subject], Any], count: float = 1) -> list[Peer]:
        """Quantus' way, of one poster and of several at once; none where it is not installed."""
        if self.quantus is None:
            return []
        several = len(self.together.image)
        return [
            Peer(f"Quantus {name}", lambda turn: job(self.subjects[turn]), count),
            Peer(
                f"Quantus, {counted(several, 'poster')} at once, each", lambda turn: job(self.together), count * several
            ),
        ]

    def rows(self, job: str, ours: Job, peers: Sequence[Peer], note: str, count: int = 1) -> Iterator[Row]:
        """Ours, which does ``count`` things in one turn, beside each peer in the same turns."""
        spent, *theirs = turns(self.bench.turns, ours, *(peer.job for peer in peers))
        for peer, times in zip(peers, theirs, strict=True):
            yield Row.beside(job, spent.per(count), peer.name, times.per(peer.count), note=note)
        if self.quantus is None:
            yield Row.alone(job, spent.per(count), note=MISSING)


def metrics(bench: Bench) -> Iterator[Row]:
    """Metrics of a map, each beside Quantus' and, where there is one, captum's."""
    quantus = installed()
    for metric in METRICS:
        yield from metric(Maps(bench, quantus))


def installed() -> Any:
    """Quantus, or None; nothing else here needs it."""
    try:
        return import_module("quantus")
    except ImportError:
        return None


# ---- the metrics ---------------------------------------------------------------------------------------


def insertion_deletion(maps: Maps) -> Iterator[Row]:
    """Both curves of the map's own order and of random ones."""
    orders = 1 + RANDOM_ORDERS

    def ours(turn: int) -> Curves:
        subject = maps.subjects[turn]
        return curves(subject.method.score, subject.image, subject.explanation.heat(), subject.baseline)

    peers = []
    if maps.quantus is not None:
        flip = Flipping(maps.quantus, maps.bench.score.module())
        peers = [Peer("Quantus PixelFlipping", lambda turn: flip(maps.subjects[turn]))]
    note = "the same curves; Quantus flips maps and their negatives, all at once"
    yield from maps.rows(f"Insertion and deletion, {orders} orders", ours, peers, note)


def infidelity(maps: Maps) -> Iterator[Row]:
    """The mean square of what a map does not predict of the difference between two halves."""
    network, present = maps.bench.score.module(), maps.of(maps.bench.picture(0)).halves.present

    def ours(turn: int) -> float:
        subject = maps.subjects[turn]
        return missed(subject.explanation.heat(), subject.halves)

    masked = 2 * len(present)
    side, patches = patch(*maps.together.size)
    by_captum = Peer("captum infidelity", lambda turn: missed_by_captum(network, maps.subjects[turn], present))
    by_quantus = maps.both(
        "Infidelity", lambda subject: hidden_patches(maps.quantus, network, subject, side), patches / masked
    )
    note = "captum: the same pairs of halves; Quantus: patches hidden one after another, no scaling"
    yield from maps.rows(f"Infidelity, {masked} masked posters", ours, [by_captum, *by_quantus], note)


def sensitivity(maps: Maps) -> Iterator[Row]:
    """The largest change of the map among pictures nearby."""

    def ours(turn: int) -> float:
        subject = maps.subjects[turn]
        return sensitivity_max(subject.method, subject.image, subject.explanation, SAMPLES)

    network = maps.bench.score.module()
    by_captum = Peer("captum sensitivity_max", lambda turn: most_sensitive_by_captum(maps.subjects[turn]))
    by_quantus = maps.both("MaxSensitivity", lambda subject: most_sensitive(maps.quantus, network, subject))
    yield from maps.rows("Max sensitivity", ours, [by_captum, *by_quantus], f"{SAMPLES} pictures nearby, the same ones")


def randomisation(maps: Maps) -> Iterator[Row]:
    """Maps of networks with randomised weights; libraries count layers differently, so each network is timed."""
    method, network = maps.subjects[0].method, maps.bench.score.module()

    def ours(turn: int) -> Cascade:  # one score for all turns: weights are shuffled once, for whichever poster
        subject = maps.subjects[turn]
        return cascading_randomisation(method, subject.image, subject.explanation)

    found = ours(0)
    done = len(found.layers) + len(found.shuffles) - 1
    count = sum(hasattr(module, "reset_parameters") for module in network.modules()) + 1  # and the network as it is
    by_quantus = maps.both("MPRT", lambda subject: randomised(maps.quantus, network, subject), count)
    note = "shuffled weights are kept for the next poster; Quantus draws new ones, and ranks pixels instead of cells"
    yield from maps.rows("Cascading randomisation, each network", ours, by_quantus, note, done)


METRICS = (insertion_deletion, infidelity, sensitivity, randomisation)


# ---- the libraries' ways -------------------------------------------------------------------------------


def missed(heat: NDArray[np.float32], known: Halves) -> float:
    """Mean square of the halves' differences that the map does not predict: infidelity in captum's unit."""
    return float((1 - prediction(heat, known).value ** 2) * np.square(known.difference).mean())


class Pairs(nn.Module):
    """What a half of one poster (N, 3, H, W) scores more than its other half: the network that captum is given.

    captum compares a network's output for a picture with those for masked ones. Here the picture is ``middle``, half
    poster and half reference, whose two halves are equal, so that what is left is the difference between halves.
    """

    def __init__(self, network: nn.Module, subject: Subject, present: NDArray[np.float64]) -> None:
        super().__init__()
        self.network = network
        self.middle = (subject.image + subject.baseline) / 2
        self.reach = (subject.image - subject.baseline) / 2
        labels = grid(*subject.size, CELLS)
        self._signs = iter(torch.from_numpy(present[:, labels]).float()[:, None])

    def forward(self, halves: Tensor) -> Tensor:
        one, other = self.network(torch.cat([halves, 2 * self.middle - halves])).chunk(2)
        difference: Tensor = one - other
        return difference

    def perturbed(self, middles: Tensor) -> tuple[Tensor, Tensor]:
        """What a map is multiplied with, and the next halves, as captum asks for them."""
        signs = torch.stack([next(self._signs) for _ in middles])
        return -signs.expand_as(middles), middles + signs * self.reach


def missed_by_captum(network: nn.Module, subject: Subject, present: NDArray[np.float64]) -> Tensor:
    """Captum's infidelity (1,), in the paper's optimal scaling, over the same halves."""
    from captum.metrics import infidelity as by_captum

    pairs, count = Pairs(network, subject, present), len(present)
    found: Tensor = by_captum(
        pairs, pairs.perturbed, pairs.middle, subject.explanation.values,
        n_perturb_samples=count, max_examples_per_batch=min(PAIRS_AT_ONCE, count), normalize=True,
    )  # fmt: skip
    return found


def most_sensitive_by_captum(subject: Subject, samples: int = SAMPLES) -> Tensor:
    """Captum's maximum sensitivity (1,), among the same pictures nearby."""
    from captum.metrics import sensitivity_max as by_captum

    def explain(images: Tensor | tuple[Tensor]) -> tuple[Tensor]:  # the poster comes as a tuple, those nearby do not
        pictures = images[0] if isinstance(images, tuple) else images
        return (subject.method.attribute(pictures).values.contiguous(),)

    image = subject.image
    found: Tensor = by_captum(explain, image, lambda images: nearby(image, len(images)), n_perturb_samples=samples)
    return found


class Flipping:
    """Quantus' PixelFlipping of a map, of random orders, and of all their negatives, which insert what they delete."""

    def __init__(self, quantus: Any, network: nn.Module) -> None:
        self.quantus, self.network = quantus, OneChannel(network).eval()

    def __call__(self, subject: Subject) -> NDArray[np.float64]:
        """Scores (2 + 2 * RANDOM_ORDERS, STEPS) after each step."""
        labels, random = grid(*subject.size, CELLS), np.random.default_rng(0)
        orders = [random.permutation(CELLS**2) for _ in range(RANDOM_ORDERS)]
        heats = np.stack([coarse(subject.explanation.heat()).ravel(), *(-np.argsort(order) for order in orders)])
        both = np.concatenate([heats, -heats])[:, labels]
        tall = np.tile(both, (1, 3, 1))[:, None]  # each channel's map is the same
        images = subject.image.reshape(1, 1, -1, subject.size[1]).numpy().repeat(len(tall), 0)
        metric = self.quantus.PixelFlipping(features_in_step=images[0].size // STEPS, perturb_baseline=GREY, **QUIET)
        return np.array(ask(metric, self.network, images, tall))


class OneChannel(nn.Module):
    """Takes pictures (N, 1, 3 * H, W): the size of a step in Quantus must divide a channel's."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, tall: Tensor) -> Tensor:
        scores: Tensor = self.network(tall.reshape(len(tall), 3, -1, tall.shape[-1]))
        return scores


def patch(height: int, width: int) -> tuple[int, int]:
    """Side of a square patch, 16 of which are as wide as a poster, and how many there are: as many masked posters."""
    side = max(1, width // 16)
    return side, -(-height // side) * -(-width // side)


def hidden_patches(quantus: Any, network: nn.Module, subject: Subject, side: int) -> Any:
    """Quantus' infidelity: patches are hidden one after another, and stay so."""
    metric = quantus.Infidelity(perturb_patch_sizes=[side], n_perturb_samples=1, perturb_baseline=GREY, **QUIET)
    return ask(metric, network, subject.image.numpy(), subject.explanation.values.numpy())


def most_sensitive(quantus: Any, network: nn.Module, subject: Subject, samples: int = SAMPLES) -> Any:
    """Quantus' maximum sensitivity, among the same pictures nearby."""
    pictures = iter(torch.stack([nearby(image[None], samples) for image in subject.image], 1).numpy())
    metric = quantus.MaxSensitivity(
        nr_samples=samples, perturb_func=lambda arr, **_: next(pictures).reshape(arr.shape), **QUIET
    )

    def explain(inputs: NDArray[np.float32], **_: Any) -> NDArray[np.float32]:
        return np.asarray(subject.method.attribute(torch.from_numpy(inputs)).values.numpy())

    return ask(metric, network, subject.image.numpy(), subject.explanation.values.numpy(), explain)


def randomised(quantus: Any, network: nn.Module, subject: Subject) -> Any:
    """Quantus' model parameter randomisation test: correlations by the layer that was randomised last."""
    metric = quantus.MPRT(abs=True, layer_order="top_down", **QUIET)

    def explain(model: nn.Module, inputs: NDArray[np.float32], **_: Any) -> NDArray[np.float32]:
        method = replace(subject.method, score=subject.method.score.of_network(model))
        return heats(method.attribute(torch.from_numpy(inputs)))

    return ask(metric, network, subject.image.numpy(), heats(subject.explanation), explain)


def heats(explanation: Explanation) -> NDArray[np.float32]:
    """Maps (N, 1, H, W)."""
    return np.asarray(explanation.values.sum(1, keepdim=True).numpy())


def ask(metric: Any, network: nn.Module, images: NDArray[np.float32], maps: NDArray[Any], explain: Any = None) -> Any:
    """What a metric of Quantus says of maps of pictures (N, C, H, W), all in one batch."""
    return metric(
        model=network, x_batch=images, y_batch=np.zeros(len(images), np.int64), a_batch=maps, channel_first=True,
        softmax=False, batch_size=len(images), explain_func=explain,
    )  # fmt: skip

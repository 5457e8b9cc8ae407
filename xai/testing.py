"""Contract tests: whether a method, or a network, of your own keeps what the rest of the program relies on.

    from xai.testing import check_method, check_network

    check_method(MyMethod)                       # silent where all is well
    check_network(my_discriminator, images)      # images (N, 3, H, W) in [-1, 1], N at least 2

Both raise an AssertionError with one sentence for everything that is wrong, as scikit-learn's ``check_estimator`` does.
The program's own tests run them over all methods and over the shipped kinds of networks.
"""

from __future__ import annotations

import copy
import json
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor, nn

from gan.networks.config import ModelConfig
from gan.networks.dcgan import Discriminator
from gan.settings import Setting
from xai.errors import ExplanationError
from xai.methods import attribution, settings_of
from xai.methods.base import Attribution, Claim, Explanation
from xai.methods.references import Reference, reference
from xai.networks.score import Score
from xai.trust.robustness import sensitivity_max

SIDE = 32
GAP = 0.05  # of the range of the scores: what a complete method may miss
ROWS = 1e-4  # of the largest score: what another batch may change; kernels differ in their last bits

Problems = Iterator[str]


def check_method(method: type[Attribution], **settings: Any) -> None:
    """Check a method's class on a small discriminator; ``settings`` make it cheaper, or work at all.

    Raises
    ------
    AssertionError
        With one sentence for each promise that is not kept.
    """
    trial = Trial(method, settings)
    _raise(method.__name__, [problem for check in METHOD_CHECKS for problem in _guarded(check, trial)])


def check_network(network: nn.Module, images: Tensor | None = None) -> None:
    """Check that a network can be explained as it is: inputs (N, C, H, W) to one number each.

    Without ``images`` these are noise of the size that a discriminator's config says, or of 64 x 64 pixels.

    Raises
    ------
    AssertionError
        With one sentence for everything that makes its explanations wrong, or impossible.
    """
    if images is None:
        config = getattr(network, "config", None)
        height, width = config.size if isinstance(config, ModelConfig) else (64, 64)
        images = _noise(2, 3, height, width)
    problems: list[str] = []
    for check in NETWORK_CHECKS:
        problems += _guarded(check, network, images)
        if problems:
            break  # what follows would only say the same again
    _raise(type(network).__name__, problems)


# ---- a method ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trial:
    """A method to check, and how it is made."""

    method: type[Attribution]
    settings: dict[str, Any]

    def make(self, score: Score | None = None, against: Reference | None = None, seed: int = 0) -> Attribution:
        """The method on a small random discriminator, with a grey reference."""
        made_of: dict[str, Any] = {"reference": against or reference("grey"), "seed": seed} | self.settings
        return self.method(score or Score(_discriminator()), **made_of)

    def explain(self, images: Tensor | None = None, **made_of: Any) -> Explanation:
        """Two pictures, or these."""
        return self.make(**made_of).attribute(_pictures() if images is None else images)


def describes_itself(trial: Trial) -> Problems:
    method = trial.method
    for attribute in ("name", "title", "promise", "caveat"):
        if not isinstance(getattr(method, attribute, None), str) or not getattr(method, attribute):
            yield f"The class has no {attribute}; give it one as a class attribute."
    for attribute in ("promise", "caveat"):
        if not str(getattr(method, attribute, "")).endswith("."):
            yield f"{attribute} is a sentence for people, with a full stop."
    if method.granularity not in ("pixel", "segment", "layer"):
        yield f"granularity is pixel, segment or layer, not {method.granularity!r}."
    if method.claims not in get_args(Claim):
        yield f"claims is {', '.join(get_args(Claim))}, not {method.claims!r}."


def validates_settings(trial: Trial) -> Problems:
    for name, setting in settings_of(trial.method).items():
        for value in _not_allowed(setting):
            try:
                Trial(trial.method, trial.settings | {name: value}).make()
            except ExplanationError:
                continue
            yield f"{name} takes {value!r}, although it says that it must be {setting.allowed}."


def _not_allowed(setting: Setting) -> Iterator[Any]:
    if setting.choices is not None:
        yield "no such choice"
        return
    for bound, step in ((setting.low, -1), (setting.high, 1)):
        if bound is not None:
            yield setting.kind(bound + step)
    if setting.above is not None:
        yield setting.kind(setting.above)


def has_the_shapes(trial: Trial) -> Problems:
    explanation = trial.explain()
    channels = 3 if trial.method.granularity == "pixel" else 1
    expected, shape = (2, channels, SIDE, SIDE), tuple(explanation.values.shape)
    if shape != expected:
        yield f"The values of two pictures with {SIDE} x {SIDE} pixels have the shape {shape}, not {expected}."
    if not explanation.values.isfinite().all():
        yield "Some values are not finite."
    for name, tensor in explanation.diagnostics.items():
        if len(tensor) != 2:
            yield f"The diagnostic {name!r} has the shape {tuple(tensor.shape)}, not (2, ...)."
    if explanation.segments is not None and explanation.segments.shape != (2, SIDE, SIDE):
        yield f"The segments have the shape {tuple(explanation.segments.shape)}, not (2, {SIDE}, {SIDE})."


def scores_are_right(trial: Trial) -> Problems:
    explanation, network = trial.explain(), Score(_discriminator())
    if not torch.allclose(explanation.score, network(_pictures()), atol=1e-4):
        yield "Explanation.score is not the score of the pictures."
    base = network(reference("grey").single(_pictures()))
    if trial.method.needs_reference and not torch.allclose(explanation.base_score, base.expand(2), atol=1e-4):
        yield "needs_reference is set, but Explanation.base_score is not the score of the reference."


def says_how_it_compares(trial: Trial) -> Problems:
    if not trial.method.needs_reference:
        return
    network, several = Score(_discriminator()), reference("own", images=_pictures().flip(0, 2))
    found = trial.explain(against=several).base_score
    means = {True: network(several.of(_pictures()[:1])).mean(), False: network(several.single(_pictures()[:1]))[0]}
    averages = trial.method.averages_references
    if not torch.allclose(found, means[averages].expand(2), atol=1e-4):
        what = "mean of the references' scores" if averages else "score of the references' mean"
        yield f"averages_references is {averages}, but Explanation.base_score is not the {what}; checks would be wrong."


def stays_where_nothing_moved(trial: Trial) -> Problems:
    method, images = trial.make(), _pictures()
    explanation = method.attribute(images[:1])
    change = sensitivity_max(method, images[:1], explanation, radius=0.0)
    if change > 0:  # NaN where the map is all zero
        yield f"cheap() gives two maps of one picture that differ by {change:.2g}; sensitivity would be measured wrong."


def adds_up(trial: Trial) -> Problems:
    if not trial.method.complete:
        return
    explanation = trial.explain()
    spread = float((explanation.score - explanation.base_score).abs().max())
    gap = float(explanation.gap.abs().max())
    if not gap <= GAP * spread:
        yield f"complete is set, but the values miss {gap:.2g} of a difference of {spread:.2g} between the scores."


def heeds_the_reference(trial: Trial) -> Problems:
    if trial.method.needs_reference:
        values = [trial.explain(against=reference(kind)).values for kind in ("grey", "white")]
        if torch.equal(*values):
            yield "needs_reference is set, but a grey and a white reference give the same map."


def repeats_itself(trial: Trial) -> Problems:
    first, again, other = (trial.explain(seed=seed).values for seed in (3, 3, 4))
    if not torch.equal(first, again):
        yield "The same seed gives another map the second time; draw from a generator with that seed."
    elif trial.method.stochastic and torch.equal(first, other):
        yield "stochastic is set, but another seed gives the same map."
    elif not trial.method.stochastic and not torch.equal(first, other):
        yield "Another seed gives another map; set stochastic."


def explains_each_row_alone(trial: Trial) -> Problems:
    method, images = trial.make(), _pictures()
    together = method.attribute(images).values
    alone = torch.cat([method.attribute(image[None]).values for image in images])
    if not torch.equal(together, alone):
        yield "The map of a picture depends on the other pictures that are explained with it."


def leaves_the_network_alone(trial: Trial) -> Problems:
    network = _discriminator().train()
    before = _state(network)
    trial.explain(score=Score(network))
    if _state(network) != before:
        yield "The network that was given is changed: weights, statistics, modes, hooks or gradients."


def leaves_the_pictures_alone(trial: Trial) -> Problems:
    method, images = trial.make(), _pictures()
    explanation = method.attribute(images)
    explanation.values.add_(1)
    if not torch.equal(images, _pictures()):
        yield "The pictures that were given are changed, or share memory with the values."


def leaves_random_states_alone(trial: Trial) -> Problems:
    method, images = trial.make(), _pictures()
    before = _random_states()
    method.attribute(images)
    if _random_states() != before:
        yield "A global random state is moved (random, numpy or torch); use a generator of your own."


def reports_progress(trial: Trial) -> Problems:
    fractions: list[float] = []
    trial.make().attribute(_pictures(), fractions.append)
    if fractions != sorted(fractions) or fractions[0] < 0 or fractions[-1] != 1:
        yield "Progress is to rise from 0 to 1."


def can_be_made_again(trial: Trial) -> Problems:
    explanation = trial.explain()
    try:
        config = json.loads(json.dumps(explanation.config))
    except TypeError as error:
        yield f"The config cannot be written as JSON ({error})."
        return
    settings = {key: value for key, value in config.items() if key not in ("method", "reference")}
    again = Trial(trial.method, settings).explain(seed=settings.pop("seed"))
    if not torch.equal(again.values, explanation.values):
        yield "The settings in config do not give the same map again."


METHOD_CHECKS: tuple[Callable[[Trial], Problems], ...] = (
    describes_itself,
    validates_settings,
    has_the_shapes,
    scores_are_right,
    says_how_it_compares,
    stays_where_nothing_moved,
    adds_up,
    heeds_the_reference,
    repeats_itself,
    explains_each_row_alone,
    leaves_the_network_alone,
    leaves_the_pictures_alone,
    leaves_random_states_alone,
    reports_progress,
    can_be_made_again,
)


# ---- a network -----------------------------------------------------------------------------------------


def gives_one_finite_number(network: nn.Module, images: Tensor) -> Problems:
    if not Score(network)(images).isfinite().all():
        yield "Scores are not finite."


def gives_the_same_number_again(network: nn.Module, images: Tensor) -> Problems:
    score, before = Score(network), _random_states()
    first, again = score(images), score(images)
    if not torch.equal(first, again):
        yield "The same pictures have another score the second time; something in it is random in eval mode."
    elif _random_states() != before:
        yield "Scoring moves a global random state."


def scores_each_row_alone(network: nn.Module, images: Tensor) -> Problems:
    score = Score(network)
    together, alone = score(images), torch.cat([score(image[None]) for image in images])
    if (together - alone).abs().max() > ROWS * max(1.0, float(alone.abs().max())):
        yield "The score of a picture depends on the others in its batch, in eval mode too."


def heeds_the_pictures(network: nn.Module, images: Tensor) -> Problems:
    score, grey = Score(network), torch.zeros_like(images[:1])
    if torch.equal(score(images), score(grey).expand(len(images))):
        yield "Every picture has the same score as a grey one; there is nothing to explain."
    elif not score.gradient(images)[1].any():
        yield "The gradient of the score is 0 everywhere; explain a logit, not a saturated probability or a decision."


def attributions_add_up(network: nn.Module, images: Tensor) -> Problems:
    explanation = attribution("deeplift", Score(network)).attribute(images)
    spread = float((explanation.score - explanation.base_score).abs().max())
    gap = float(explanation.gap.abs().max())
    if not gap <= GAP * spread:
        yield (
            f"DeepLIFT misses {gap:.2g} of a difference of {spread:.2g} between the scores; use nn modules for "
            "nonlinearities, each in one place, rather than functions such as F.relu."
        )


def is_left_alone(network: nn.Module, images: Tensor) -> Problems:
    given = copy.deepcopy(network).train()
    before = _state(given)
    attribution("gradient_input", Score(given)).attribute(images)
    if _state(given) != before:
        yield "Explaining changes the network: it holds state that a copy shares with it."


NETWORK_CHECKS: tuple[Callable[[nn.Module, Tensor], Problems], ...] = (
    gives_one_finite_number,
    gives_the_same_number_again,
    scores_each_row_alone,
    heeds_the_pictures,
    attributions_add_up,
    is_left_alone,
)


# ---- common --------------------------------------------------------------------------------------------


def _guarded(check: Callable[..., Problems], *subject: Any) -> list[str]:
    """A check's problems; an exception is one, too."""
    try:
        return list(check(*subject))
    except Exception as error:  # whatever somebody's own code raises is what is wrong with it
        return [f"{check.__name__.replace('_', ' ')}: {type(error).__name__}: {error}"]


def _raise(name: str, problems: list[str]) -> None:
    if problems:
        raise AssertionError("\n".join([f"{name} does not keep the contract:", *dict.fromkeys(problems)]))


def _discriminator() -> Discriminator:
    """A small one with random weights and statistics, the same each time; no global random state is touched."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = Discriminator(ModelConfig(resolution=SIDE, width=4)).eval()
        with torch.no_grad():
            for module in network.modules():
                if isinstance(module, nn.Conv2d):
                    module.weight.normal_(0, math.sqrt(2 / module.weight[0].numel()))
                if isinstance(module, nn.BatchNorm2d):
                    module.bias.normal_(0, 0.3)  # without it the score is a straight line from grey to any picture
    return network


def _noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)).tanh()


def _pictures() -> Tensor:
    """Two smooth pictures (2, 3, 32, 32)."""
    return nn.functional.interpolate(_noise(2, 3, 8, 8), SIDE, mode="bilinear")


def _state(network: nn.Module) -> list[Any]:
    """Everything that an explanation must leave as it is."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return [
        [(name, tensor.tolist()) for name, tensor in network.state_dict().items()],
        [(name, p.requires_grad, p.grad is None) for name, p in network.named_parameters()],
        [(name, m.training, getattr(m, "inplace", None), sorted(m.__dict__)) for name, m in network.named_modules()],
        [len(getattr(module, kind)) for module in network.modules() for kind in hooks],
    ]


def _random_states() -> list[Any]:
    kind, keys, *rest = np.random.get_state()
    return [random.getstate(), kind, np.asarray(keys).tolist(), rest, torch.get_rng_state().tolist()]

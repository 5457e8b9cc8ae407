"""Quality: distances and neighbourhoods of generated posters' features among those of real ones.

    compare(poster_features(held_out), generated_features(generator, 5000))["fd_lite1"]
    compare_with_intervals(real, generated)["precision"].low

The Frechet distance is called ``fd_lite1`` and never FID: FID means Inception features.
gan/evaluation/features.py computes the features, gan/evaluation/validation.py evaluates during a run,
gan/evaluation/report.py a whole checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import inf

import torch
from torch import Tensor

from gan.evaluation.estimates import Estimate, match_counts, with_intervals
from gan.evaluation.features import Features
from gan.evaluation.metrics import compute, metric, proportions, ranges
from gan.evaluation.samples.neighbourhoods import NEAR_DENSITY, Neighbourhoods, calibrated_coverage

ROWS = 1024  # of a kernel matrix that are in memory at once


def frechet_distance(a: Features, b: Features) -> float:
    """Frechet distance of two Gaussians fitted to features (N, D) and (M, D); Heusel et al. 2017, eq. 6.

    |mean_a - mean_b|^2 + tr(A + B - 2 (A B)^(1/2)). With A = X'X and B = Y'Y the last trace is the sum of
    singular values of X Y', which needs no matrix square root and is exact where N < D.
    """
    x, y = _double(a), _double(b)
    mean_x, mean_y = x.mean(0), y.mean(0)
    x, y = (x - mean_x) / (len(x) - 1) ** 0.5, (y - mean_y) / (len(y) - 1) ** 0.5
    spread = x.square().sum() + y.square().sum()
    if min(len(x), len(y)) > x.shape[1]:  # X = QR: the singular values are those of R_x R_y', which is D x D
        x, y = torch.linalg.qr(x, "r").R, torch.linalg.qr(y, "r").R
    found = float((mean_x - mean_y).square().sum() + spread - 2 * torch.linalg.svdvals(x @ y.T).sum())
    return max(found, 0.0)  # of equal sets rounding leaves a little to either side


def kid(a: Features, b: Features) -> float:
    """Unbiased squared MMD with the cubic kernel (x'y / D + 1)^3; Binkowski et al. 2018, section 4."""
    x, y = _double(a), _double(b)

    def within(u: Tensor) -> Tensor:
        own = ((u.square().sum(1) / u.shape[1] + 1) ** 3).sum()
        return (_affinity(u, u).sum() - own) / (len(u) * (len(u) - 1))

    return float(within(x) + within(y) - 2 * _affinity(x, y).sum() / (len(x) * len(y)))


def mmd_witness(rows: Features, towards: Features, away: Features) -> float:
    """Mean over rows (N, D) of MMD's witness function (Gretton et al. 2012, section 2.3), with KID's kernel.

    How much more the rows are like one set (M, D) than another (K, D). KID of two sets is the difference of theirs.
    """
    x, near, far = _double(rows), _double(towards), _double(away)
    return float(_affinity(x, near).sum() / len(near) - _affinity(x, far).sum() / len(far)) / len(x)


def _affinity(a: Tensor, b: Tensor) -> Tensor:
    """Each row of (N, D) to all rows of (M, D): sums (N,) of the cubic kernel, with few of them in memory at once."""
    return torch.cat([((rows @ b.T / a.shape[1] + 1) ** 3).sum(1) for rows in torch.split(a, ROWS)])


@dataclass(frozen=True, eq=False)
class Comparison:
    """Features of real (N, D) and generated (M, D) posters, and how they lie among each other, computed once.

    The two distances use all rows; the four neighbourhood metrics, which depend on the count, the same number of both.
    A set's manifold is all that lies within one of its points' distance to its k-th neighbour. With fewer points than
    neighbours k is as large as can be.
    """

    real: Features
    generated: Features

    @cached_property
    def neighbourhoods(self) -> Neighbourhoods:
        """Of real and generated rows, the same number of both."""
        real, generated = match_counts(self.real, self.generated)
        return Neighbourhoods.of(_double(real), _double(generated))


def compare(real: Features, generated: Features) -> dict[str, float]:
    """The metrics of the group "quality", for features (N, D) of real and (M, D) of generated posters."""
    return compute("quality", Comparison(real, generated))


def compare_with_intervals(real: Features, generated: Features) -> dict[str, Estimate]:
    """The same as estimates."""
    return with_intervals(compare, real, generated, ranges=ranges("quality"), proportions=proportions("quality"))


@metric(
    "quality",
    "Frechet distance (fd_lite1)",
    "Frechet distance of two Gaussians fitted to the features (Heusel et al. 2017)",
    caveat="whether quality or variety is missing; anything beyond means and covariances",
    perfect="floor",
    better="lower",
    limits=(0.0, inf),
    percent=False,
    column="`fd_lite1`",
    title="fd_lite1",
    plain="How far generated posters as a whole lie from real ones that were never trained on, in the features of a "
    "network that had no part in the training. Lower is better.",
)
def fd_lite1(pair: Comparison) -> float:
    return frechet_distance(pair.real, pair.generated)


@metric(
    "quality",
    "kernel distance (kid_lite1)",
    "squared maximum mean discrepancy with a cubic kernel, unbiased (Binkowski et al. 2018)",
    caveat="the same; may be below 0 by chance",
    perfect=0.0,
    better="lower",
    limits=(-inf, inf),
    percent=False,
    digits=4,
    column="KID",
)
def kid_lite1(pair: Comparison) -> float:
    return kid(pair.real, pair.generated)


@metric(
    "quality",
    "generated posters on the real manifold (precision)",
    "proportion of generated posters within the reach of a real one's third neighbour (Kynkaanniemi et al. 2019)",
    caveat="one real outlier has a large reach, in which anything counts as real",
    perfect="floor",
    better="higher",
    proportion=True,
    column="precision",
    title="Precision",
    plain="Generated posters that lie among real ones: do they look like posters?",
)
def precision(pair: Comparison) -> float:
    return _proportion(pair.neighbourhoods.precise)


@metric(
    "quality",
    "real posters covered by the generator (recall)",
    "proportion of real posters within the reach of a generated one's third neighbour",
    caveat="a generator with wild outliers recalls much",
    perfect="floor",
    better="higher",
    proportion=True,
    column="recall",
    title="Recall",
    plain="Real posters that lie among generated ones: are they covered by the generator?",
)
def recall(pair: Comparison) -> float:
    return _proportion(pair.neighbourhoods.recalled)


@metric(
    "quality",
    "density",
    "number of real posters' reaches (fifth neighbour) that a generated poster lies in, divided by five (Naeem et al. "
    "2020)",
    caveat="may exceed 1 where posters crowd at the most common",
    perfect=1.0,
    better="higher",
    limits=(0.0, inf),
    percent=False,
    digits=2,
)
def density(pair: Comparison) -> float:
    inside = pair.neighbourhoods.inside
    return float(inside.double().mean()) / min(NEAR_DENSITY, len(inside) - 1)


@metric(
    "quality",
    "real posters with a generated one nearby (coverage)",
    "proportion of real posters with a generated one within the reach of their fifth neighbour (Naeem et al. 2020)",
    caveat="how good the other generated posters are",
    perfect="floor",
    better="higher",
    proportion=True,
    column="coverage",
    title="Coverage",
    plain="Real posters with a generated one nearby: is every kind of poster there?",
)
def coverage(pair: Comparison) -> float:
    return _proportion(pair.neighbourhoods.covered)


@metric(
    "quality",
    "precision both ways (symmetric precision)",
    "the smaller of precision and of the proportion of generated posters with a real one within the reach of their own "
    "third neighbour (Khayatkhoei and AbdAlmageed 2023)",
    caveat="in many dimensions a generator that is a little too narrow has a precision near 1 and a recall near 0, one "
    "that is a little too wide the reverse; the smaller of the two falls in both cases, and does not say in which",
    perfect="floor",
    better="higher",
    proportion=True,
)
def symmetric_precision(pair: Comparison) -> float:
    return min(_proportion(pair.neighbourhoods.precise), _proportion(pair.neighbourhoods.reached))


@metric(
    "quality",
    "recall both ways (symmetric recall)",
    "the smaller of recall and of the proportion of real posters with a generated one within the reach of their own "
    "third neighbour (Khayatkhoei and AbdAlmageed 2023)",
    caveat="as symmetric precision",
    perfect="floor",
    better="higher",
    proportion=True,
)
def symmetric_recall(pair: Comparison) -> float:
    return min(_proportion(pair.neighbourhoods.recalled), _proportion(pair.neighbourhoods.touched))


@metric(
    "quality",
    "posters as good as real ones (clipped density)",
    "density where no real poster's reach counts as wider than the median and no generated poster counts more than "
    "once, relative to that of real posters: the proportion of good posters (Salvy et al. 2026)",
    caveat="whether they are varied",
    perfect=1.0,
    better="higher",
    title="Clipped density",
    plain="The proportion of generated posters that are as close to real ones as real ones are to each other.",
    column="clipped density",
)
def clipped_density(pair: Comparison) -> float:
    found = pair.neighbourhoods
    most = min(NEAR_DENSITY, len(found.inside) - 1)
    ideal = float(found.of_real.clamp_max(most).double().mean())
    return min(float(found.clipped.clamp_max(most).double().mean()) / ideal, 1.0) if ideal else 0.0


@metric(
    "quality",
    "real posters as well covered as by real ones (clipped coverage)",
    "how many of five generated posters lie within the reach of a real one's fifth neighbour, as the proportion of as "
    "many good posters that would give the same (Salvy et al. 2026)",
    caveat="how good the other generated posters are",
    perfect=1.0,
    better="higher",
    title="Clipped coverage",
    plain="The proportion of real posters with as many generated ones nearby as there are real ones.",
    column="clipped coverage",
)
def clipped_coverage(pair: Comparison) -> float:
    within = pair.neighbourhoods.within
    most = min(NEAR_DENSITY, len(within) - 1)
    return calibrated_coverage(float(within.clamp_max(most).double().mean()) / most, len(within), len(within), most)


@metric(
    "quality",
    "variance of the features, relative to real ones",
    "total variance of generated posters' features, divided by that of real ones",
    caveat="where the variety is missing, and whether it is the right one",
    perfect=1.0,
    limits=(0.0, inf),
    column="variance",
    title="Feature variance",
    plain="How varied generated posters are, with real ones as 1.",
)
def feature_variance(pair: Comparison) -> float:
    real, generated = (float(_double(rows).var(0, correction=1).sum()) for rows in (pair.real, pair.generated))
    return generated / real if real else 1.0


def _double(values: Features) -> Tensor:
    return torch.from_numpy(values).double()


def _proportion(cases: Tensor) -> float:
    return float(cases.double().mean())

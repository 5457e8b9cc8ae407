"""How good are the generated posters: distances and neighbourhoods of their features among those of real ones.

    compare(poster_features(held_out), generated_features(generator, 5000))
    with_intervals(compare, real, generated)["precision"].low           # what another draw could have given

The Frechet distance is called ``fd_lite1`` and never FID: FID means Inception features. gan/evaluation/features.py computes the
features, gan/evaluation/validation.py judges a run while it goes on, gan/evaluation/report.py a whole checkpoint.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gan.evaluation.estimates import Floats, match_counts
from gan.evaluation.features import Features

ROWS = 1024  # of a kernel matrix that are in memory at once
NEAR_MANIFOLD = 3  # Kynkaanniemi et al. 2019
NEAR_DENSITY = 5  # Naeem et al. 2020


def compare(real: Features, generated: Features) -> dict[str, float]:
    """``fd_lite1``, ``kid_lite1``, ``precision``, ``recall``, ``density`` and ``coverage`` of features (N, D), (M, D).

    The two distances use all rows; the four neighbourhoods, which depend on how many there are, equally many of both.
    """
    return {
        "fd_lite1": frechet_distance(real, generated),
        "kid_lite1": kid(real, generated),
        **neighbourhoods(*match_counts(real, generated)),
    }


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
    return float((mean_x - mean_y).square().sum() + spread - 2 * torch.linalg.svdvals(x @ y.T).sum())


def kid(a: Features, b: Features) -> float:
    """Unbiased squared MMD with the cubic kernel (x'y / D + 1)^3; Binkowski et al. 2018, section 4."""
    x, y = _double(a), _double(b)

    def within(u: Tensor) -> Tensor:
        own = ((u.square().sum(1) / u.shape[1] + 1) ** 3).sum()
        return (_affinity(u, u).sum() - own) / (len(u) * (len(u) - 1))

    return float(within(x) + within(y) - 2 * _affinity(x, y).sum() / (len(x) * len(y)))


def leaning(rows: Features, towards: Features, away: Features) -> float:
    """How much more features (N, D) are like one set (M, D) than another (K, D), by KID's kernel: the mean over rows of

    MMD's witness function (Gretton et al. 2012, section 2.3). KID of two sets is the difference of their leanings.
    """
    x, near, far = _double(rows), _double(towards), _double(away)
    return float(_affinity(x, near).sum() / len(near) - _affinity(x, far).sum() / len(far)) / len(x)


def _affinity(a: Tensor, b: Tensor) -> Tensor:
    """Each row of (N, D) to all rows of (M, D): sums (N,) of the cubic kernel, with few of them in memory at once."""
    return torch.cat([((rows @ b.T / a.shape[1] + 1) ** 3).sum(1) for rows in torch.split(a, ROWS)])


def neighbourhoods(real: Features, generated: Features) -> dict[str, float]:
    """Precision, recall, density and coverage of generated features (N, D) against as many real ones (N, D).

    A set's manifold is all that lies within one of its points' distance to its k-th neighbour. Precision is the share
    of generated points on the real manifold, recall the share of real points on the generated one (Kynkaanniemi et
    al. 2019, k = 3). Density counts on how many real points' balls a generated point lies, divided by k, and may
    exceed 1; coverage is the share of real balls with a generated point in them (Naeem et al. 2020, k = 5). With fewer
    points than neighbours k is as large as can be.

    Raises
    ------
    ValueError
        If there are not equally many: precision and recall would then not be comparable.
    """
    if len(real) != len(generated):
        raise ValueError(f"{len(real)} real and {len(generated)} generated posters; equally many are needed.")
    x, y = _double(real), _double(generated)
    across, among = distances(x, y), distances(x, x)
    manifold, balls = radii(among, NEAR_MANIFOLD), radii(among, NEAR_DENSITY)
    inside = across <= balls[:, None]
    return {
        "precision": _share((across <= manifold[:, None]).any(0)),
        "recall": _share((across <= radii(distances(y, y), NEAR_MANIFOLD)).any(1)),
        "density": float(inside.sum(0).double().mean()) / min(NEAR_DENSITY, len(real) - 1),
        "coverage": _share(inside.any(1)),
    }


def distances(a: Tensor, b: Tensor) -> Tensor:
    """Euclidean distances (N, M) of the rows of (N, D) and (M, D); exactly 0 of a set to itself on the diagonal."""
    found = torch.cdist(a, b, compute_mode="use_mm_for_euclid_dist")
    return found.fill_diagonal_(0) if a is b else found


def radii(among: Tensor, neighbours: int) -> Tensor:
    """Each point's distance (N,) to its k-th neighbour, from the distances (N, N) among the points."""
    return among.kthvalue(min(neighbours, len(among) - 1) + 1).values  # the point itself is the first


def _double(values: Features) -> Tensor:
    return torch.from_numpy(values).double()


def _share(found: Tensor) -> float:
    return float(found.double().mean())


def distance_matrix(a: Features, b: Features) -> Floats:
    """(N, M): the distance of each row of ``a`` (N, D) from each of ``b`` (M, D), in double precision."""
    x = torch.from_numpy(a).double()
    found: Floats = distances(x, x if a is b else torch.from_numpy(b).double()).numpy()
    return found

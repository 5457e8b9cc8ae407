"""How often posters have a label that only real ones are given, such as a genre: a linear probe on features.

    space = ProbeSpace.of(training)                     # features (N, D) of training posters
    found = probe(space.place(known), has_it)           # posters whose label is known
    found.ratio(space.place(drawn), space.place(held_out))

Nobody labels a generated poster. What is estimated is how often a real poster that looks like it has the label: the
mean of a calibrated probability (probabilistic classify and count; Bella, Ferri, Hernandez-Orallo, Ramirez-Quintana
2010). That supposes that what looks alike has the same labels. Their adjusted count, and Forman's (2008), supposes that
Horror looks the same wherever it is from; generated posters do not look like real ones, and by it dcgan-64 draws 101 %
Fantasy and -98 % Biography.

Where a probe hardly tells real posters apart, its ratio is near 1 whatever is drawn: see ``Probe.auc``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan.evaluation.column_estimates import roc_aucs
from gan.evaluation.estimates import Estimate, Floats, ratio_of_logs
from gan.evaluation.features import Features

AXES = 100  # principal components of the features
FOLDS = 20  # groups of posters, each left out once, by which the probe's own uncertainty is found
STRENGTH = 0.01  # sklearn's C, of columns in units of their spread

Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ProbeSpace:
    """Principal components of features, each in units of its spread among training posters."""

    steps: Any

    @classmethod
    def of(cls, training: Features) -> ProbeSpace:
        from sklearn.decomposition import PCA
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        axes = min(AXES, len(training) - 1, training.shape[1])
        solver = "randomized" if axes < min(training.shape) / 2 else "full"
        return cls(make_pipeline(PCA(axes, svd_solver=solver, random_state=0), StandardScaler()).fit(training))

    def place(self, features: Features) -> Floats:
        """(N, A)."""
        return np.asarray(self.steps.transform(features), np.float64)


@dataclass(frozen=True, eq=False)
class Probe:
    """A logistic regression of a label.

    weights : (F + 1, A + 1), the intercept last; of all posters, and without each of F groups of them.
    """

    weights: Floats

    def probabilities(self, rows: Floats) -> Floats:
        """That posters (N, A) have the label, (N,)."""
        return _probabilities(rows, self.weights[:1])[:, 0]

    def auc(self, rows: Floats, has_it: Bools) -> Estimate:
        """How well it tells posters with the label from others, on some that it was not fitted to."""
        values = self.probabilities(rows)[:, None]
        [value], [low], [high] = (lambda found: (found.value, found.low, found.high))(
            roc_aucs(values[has_it], values[~has_it])
        )
        return Estimate(float(value), float(low), float(high))

    def ratio(self, one: Floats, other: Floats, comparisons: int = 1) -> Estimate:
        """How many times as frequent the label is among posters ``one`` (N, A) as among ``other`` (M, A).

        The interval has the spread of both and the probe's own, by a jackknife over groups of posters.
        """
        a, b = (_probabilities(rows, self.weights) for rows in (one, other))
        logs = np.log(a.mean(0)) - np.log(b.mean(0))
        sampling = sum(float(values[:, 0].var() / len(values) / values[:, 0].mean() ** 2) for values in (a, b))
        groups = len(logs) - 1
        own = (groups - 1) / groups * float(((logs[1:] - logs[1:].mean()) ** 2).sum())
        return ratio_of_logs(float(logs[0]), (sampling + own) ** 0.5, comparisons)


def probe(rows: Floats, has_it: Bools) -> Probe:
    """Fitted to posters (N, A) whose label (N,) is known; both answers must be there ``FOLDS`` times or more."""
    group = np.empty(len(rows), int)
    for answer in (True, False):  # as many of either in every group
        places = np.flatnonzero(has_it == answer)
        group[places] = np.arange(len(places)) % FOLDS
    return Probe(np.stack([_fit(rows[group != left_out], has_it[group != left_out]) for left_out in range(-1, FOLDS)]))


def _fit(rows: Floats, has_it: Bools) -> Floats:
    from sklearn.linear_model import LogisticRegression

    found = LogisticRegression(C=STRENGTH, max_iter=200).fit(rows, has_it)
    return np.append(found.coef_[0], found.intercept_)


def _probabilities(rows: Floats, weights: Floats) -> Floats:
    """(N, F) of rows (N, A) by weights (F, A + 1)."""
    return np.asarray(0.5 * (1 + np.tanh((rows @ weights[:, :-1].T + weights[:, -1]) / 2)))

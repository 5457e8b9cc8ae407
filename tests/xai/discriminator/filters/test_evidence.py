"""Evidence of filters: on a network whose filters are known, each says what it was built to say."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import xai
from tests.xai.discriminator.judges import BLAMES, EITHER, GREEN_CORNER, IGNORED, PRAISES, SILENT, found, judge, patches
from tests.xai.nets import discriminator, noise
from xai.discriminator.filters.evidence import BINS, FilterEvidence, evidence
from xai.discriminator.responses import responses


@pytest.fixture(scope="module")
def seen() -> FilterEvidence:
    return evidence(found(patches(150, 0.6, seed=0)), found(patches(120, 0.3, seed=1)))


def test_a_filter_says_what_the_logit_makes_of_it_when_it_fires(seen: FilterEvidence) -> None:
    assert seen.says[[PRAISES, BLAMES, EITHER, SILENT]].tolist() == ["for real", "for fake", "it depends", "silent"]
    assert seen.logit_effect.low[PRAISES] > 0 > seen.logit_effect.high[BLAMES]
    assert seen.logit_effect.value[PRAISES] == pytest.approx(-seen.logit_effect.value[BLAMES], rel=1e-3)


def test_a_filter_tells_real_from_generated_whichever_way_the_logit_takes_it(seen: FilterEvidence) -> None:
    assert seen.auc.value[PRAISES] == seen.auc.value[BLAMES] > 0.7
    assert seen.auc.low[PRAISES] > 0.6
    assert seen.auc_of_contribution.value[PRAISES] == pytest.approx(1 - seen.auc_of_contribution.value[BLAMES])
    assert seen.auc_of_contribution.low[PRAISES] > 0.5
    swapped = evidence(found(patches(120, 0.3, seed=1)), found(patches(150, 0.6, seed=0)))
    assert swapped.auc.value == pytest.approx(1 - seen.auc.value)
    assert swapped.says.tolist() == seen.says.tolist()


def test_a_filter_that_fires_most_and_that_the_logit_ignores_is_first_by_activation_and_not_used(
    seen: FilterEvidence,
) -> None:
    assert seen.activation_rank[IGNORED] == 1
    assert seen.proportion.value[IGNORED] == seen.proportion.high[IGNORED] == 0
    assert seen.contribution_rank[IGNORED] >= seen.contribution_rank[[PRAISES, BLAMES, EITHER]].max()
    assert seen.unused[[IGNORED, PRAISES, BLAMES, EITHER, SILENT]].tolist() == [True, False, False, False, False]
    network = judge()
    with torch.no_grad():
        network.layers[2].weight[0, IGNORED] = 1.0
    heard = evidence(found(patches(50, 0.6, 0), network), found(patches(50, 0.3, 1), network))
    assert not heard.unused[IGNORED]
    assert heard.contribution_rank[IGNORED] == 1


def test_proportions_of_a_layer_add_up_to_one_and_hold_what_each_filter_contributes(seen: FilterEvidence) -> None:
    assert seen.proportion.value.sum() == pytest.approx(1)
    assert seen.proportion.value[PRAISES] == pytest.approx(seen.proportion.value[BLAMES], rel=1e-3)
    assert seen.proportion.low[PRAISES] > seen.proportion.high[GREEN_CORNER]


def test_every_poster_is_in_one_bin_that_real_and_generated_ones_share(seen: FilterEvidence) -> None:
    assert seen.largest.counts.shape == (2, 7, BINS)
    assert seen.largest.counts.sum(2).tolist() == [[150] * 7, [120] * 7]
    assert (seen.largest.high[PRAISES], seen.largest.low[PRAISES]) == (
        seen.highest[:, PRAISES].max(), pytest.approx(seen.largest.low[BLAMES]),
    )  # fmt: skip
    real, generated = seen.largest.quantiles[:, PRAISES]
    assert (np.diff(real) >= 0).all()
    assert (real > generated).all()


def test_no_number_is_missing_for_filters_that_are_silent_or_fire_once(seen: FilterEvidence) -> None:
    once = found(patches(20, 0.3, 0))
    largest = np.zeros_like(once.largest)
    largest[3] = 1
    few = evidence(replace(once, largest=largest), found(REPEATED))
    for one in (seen, few):
        for estimate in (one.auc, one.auc_of_mean, one.auc_of_contribution, one.logit_effect, one.proportion):
            assert np.isfinite([estimate.value, estimate.low, estimate.high]).all()
        assert np.isfinite(one.p).all()
        assert np.isfinite([one.agreeing, one.strength, one.active]).all()
    assert set(few.says) <= {"it depends", "silent"}


REPEATED = torch.zeros(5, 3, 8, 8)


def test_filters_that_know_nothing_of_the_labels_have_areas_of_a_half_in_95_of_100_intervals() -> None:
    score, inside, random = xai.Score(discriminator(16, width=12)), [], np.random.default_rng(0)
    everything = responses(score, noise(120, 3, 16, 16).tanh(), torch.zeros(1, 3, 16, 16))
    for _ in range(60):
        order = random.permutation(120)
        seen = evidence(everything.rows(order[:60]), everything.rows(order[60:]))
        inside.append((seen.auc.low <= 0.5) & (seen.auc.high >= 0.5))
    assert np.mean(inside) == pytest.approx(0.95, abs=0.02)


def test_contributions_dealt_at_random_say_nothing_in_19_of_20_studies() -> None:
    """At most 5 % of what is found is false; where nothing is to be found, 5 % of the studies find anything."""
    random, everything = np.random.default_rng(0), found(patches(100, 0.2, 0))
    discoveries = []
    for _ in range(100):
        contribution = random.normal(0, 1, everything.contribution.shape).astype(np.float16)
        dealt = replace(everything, contribution=contribution)
        discoveries.append((evidence(dealt.rows(slice(50)), dealt.rows(slice(50, None))).p <= 0.05).any())
    assert np.mean(discoveries) <= 0.12


def test_what_cannot_be_compared_is_refused_in_a_sentence() -> None:
    with pytest.raises(xai.ExplanationError, match="at least 2 real and 2 generated posters, not 1 and 5"):
        evidence(found(patches(1, 0.3, 0)), found(REPEATED))
    other = responses(xai.Score(discriminator(16)), noise(3, 3, 16, 16), torch.zeros(1, 3, 16, 16))
    with pytest.raises(xai.ExplanationError, match="different networks"):
        evidence(found(REPEATED), other)

"""The summary says what the table and the verdicts say."""

from __future__ import annotations

import numpy as np

import gan
from tests.xai.discriminator.test_decisions import verdicts
from xai.discriminator.decisions import Judged
from xai.discriminator.filters.evidence import SAYS
from xai.discriminator.filters.study import study
from xai.discriminator.summary import markdown


def test_counts_of_each_layer_and_groups_that_differ_stand_in_the_tables(tiny: gan.ModelConfig) -> None:
    checkpoint = gan.Checkpoint(gan.Generator(tiny).eval(), gan.Discriminator(tiny).eval(), tiny)
    table = study(checkpoint, generated=40)
    real = verdicts({"a": 0.80, "dark": 0.50, "b": 0.81, "c": 0.79})
    text = markdown(table, Judged(verdicts({"a": 0.9, "b": 0.9}, real=False), real, real, {}))
    for layer in set(table.layer.tolist()):
        counts = table.counts(layer)
        assert f"| `{layer}` | {sum(counts.values())} | {' | '.join(str(counts[said]) for said in SAYS)} |" in text
    assert "| posters | 1,600 | 72.5% (70.3% to 74.6%) | dark (50.0% (45.1% to 54.9%)) |" in text
    assert "There is no sign of it" in text
    without = markdown(table, Judged(real, None, None, {"posters": np.arange(1600)}))
    assert "probability that D gives" not in without

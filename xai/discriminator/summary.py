"""What was found about a discriminator, as Markdown: what its filters say, and how good its verdicts are.

print(markdown(study(checkpoint, posters), judge(checkpoint, posters)))
"""

from __future__ import annotations

import numpy as np

from gan.evaluation.estimates import Estimate, correlation
from xai.discriminator.decisions import (
    GroupAccuracy,
    Judged,
    Verdicts,
    accuracy_by_group,
    calibration_curve,
    memorising,
)
from xai.discriminator.filters.evidence import SAYS
from xai.discriminator.filters.table import DiscriminatorTable


def markdown(table: DiscriminatorTable, judged: Judged) -> str:
    """Tables and sentences, with 95 % intervals in brackets."""
    parts = [_filters(table), _verdicts(judged)]
    if judged.real is not None:
        parts.append(_calibration(judged.real, judged.generated))
    if judged.real is not None and judged.training is not None:
        memory = memorising(judged.training.logits, judged.real.logits)
        parts.append(f"Did it memorise its training posters? {memory.text}")
    return "\n\n".join(parts)


def _filters(table: DiscriminatorTable) -> str:
    lines = [
        f"| layer | filters | {' | '.join(SAYS)} | fire, are not used | tell real from generated alone | highest AUC, "
        "or lowest | half of all contributions from | rank correlation of response and contribution |",
        "| --- |" + " ---: |" * (7 + len(SAYS) - 1),
    ]
    for layer in dict.fromkeys(table.layer.tolist()):
        own = table.layer == layer
        counts = table.counts(layer)
        ranks = correlation(
            table.activation_rank[own].astype(np.float64), table.contribution_rank[own].astype(np.float64)
        )
        lines.append(
            f"| `{layer}` | {int(own.sum())} | {' | '.join(str(counts[said]) for said in SAYS)} | "
            f"{int(table.unused[own].sum())} | {table.telling(layer)} | {table.strongest_auc(layer):.2f} | "
            f"{table.half_of_contributions(layer)} | "
            f"{ranks.value:.2f} |"
        )
    return "\n".join(lines)


def _verdicts(judged: Judged) -> str:
    lines = ["| posters | number | right | worse than on all others | better |", "| --- | ---: | --- | --- | --- |"]
    for verdicts in (judged.training, judged.real, judged.generated):
        if verdicts is None:
            continue
        groups = [group for group in accuracy_by_group(verdicts) if group.differs]
        worse, better = (
            ", ".join(_group(group) for group in groups if (group.difference.value < 0) == is_worse) or "none"
            for is_worse in (True, False)
        )
        lines.append(
            f"| {verdicts.name} | {len(verdicts.logits):,} | {_percent(verdicts.accuracy)} | {worse} | {better} |"
        )
    return "\n".join(lines)


def _group(group: GroupAccuracy) -> str:
    return f"{group.group} ({_percent(group.accuracy)})"


def _calibration(real: Verdicts, generated: Verdicts) -> str:
    lines = ["| probability that D gives | that are real | posters |", "| ---: | --- | ---: |"]
    lines += [
        f"| {one.predicted:.0%} | {_percent(one.observed)} | {one.count} |"
        for one in calibration_curve(real.logits, generated.logits)
    ]
    return "\n".join(lines)


def _percent(estimate: Estimate) -> str:
    return f"{estimate.value:.1%} ({estimate.low:.1%} to {estimate.high:.1%})"

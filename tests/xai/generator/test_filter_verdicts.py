from __future__ import annotations

import math

import pytest
import torch

from xai.generator import filter_verdicts


def apply_rule(**evidence: float) -> str:
    """The verdict on a unit with this evidence, from 16 latents; beside it in its layer is a unit of spread 1."""
    given = {
        "largest": 1.0,
        "spread": 1.0,
        "change": 0.0,
        "noise": 0.0,
        "logits": 1.0,
        "correlation": 0.0,
        "scale": 1.0,
    } | evidence
    given = {"replaced": 2.0, "effect": 2.0} | given
    even = torch.tensor([1.0, -1.0]).repeat(8).double()[:, None] * (15 / 16) ** 0.5  # standard deviation 1
    pair = torch.ones(16, 2).double()
    moments = filter_verdicts.ActivationMoments(
        usual=torch.zeros(2).double(),
        mean=0 * pair,
        square=given["scale"] ** 2 * pair * torch.tensor([given["spread"] ** 2, 2 - given["spread"] ** 2]).double(),
        largest=pair * given["largest"],
        active=pair,
        products=torch.zeros(2, 2).double(),
    )
    partners = filter_verdicts.Partners(
        torch.tensor([1, 0]), torch.full((2,), given["correlation"]), torch.zeros(2), torch.zeros(2)
    )
    effects = filter_verdicts.UnitEffects(
        picture=pair * given["effect"],
        logit=pair * given["change"] + even * given["noise"],
        replaced=pair[:4] * given["replaced"],
        logits=even[:, 0] * given["logits"],
    )
    return filter_verdicts.VERDICTS[
        filter_verdicts.apply_rule(torch.ones(1, 16).double(), moments, partners, effects)[0, 0]
    ]


@pytest.mark.parametrize(
    ("evidence", "verdict"),
    [
        ({}, "useful"),
        ({"largest": 1e-6}, "dead"),
        ({"largest": 2e-6}, "useful"),
        ({"spread": 0.019}, "constant"),  # of 1, the layer's
        ({"spread": 0.021}, "useful"),
        ({"spread": 1.0, "scale": 1e-3}, "useful"),  # as quiet as all its layer
        ({"change": 0.021}, "harmful"),
        ({"change": 0.019}, "useful"),  # certain, and too little
        ({"change": 0.021, "logits": 2.0}, "useful"),
        ({"change": 1.0, "noise": 1.3}, "harmful"),  # 2.947 standard errors of 1.3 / 4 are 0.96
        ({"change": 1.0, "noise": 1.4}, "useful"),  # ... of 1.4 / 4 are 1.03: the interval reaches 0
        ({"change": -1.0}, "useful"),
        ({"change": math.nan, "logits": math.nan}, "useful"),
        ({"correlation": 0.71, "replaced": 0.99}, "redundant"),
        ({"correlation": -0.71, "replaced": 0.99}, "redundant"),
        ({"correlation": 0.69, "replaced": 0.99}, "useful"),
        ({"correlation": 0.71, "replaced": 1.01}, "useful"),
        ({"effect": 4.0}, "essential"),
        ({"effect": 3.99}, "useful"),
        ({"effect": 9.0, "correlation": 0.9, "replaced": 0.5}, "redundant"),
        ({"effect": 9.0, "change": 1.0, "correlation": 0.9, "replaced": 0.5}, "harmful"),
        ({"spread": 0.0, "change": 1.0}, "constant"),
        ({"largest": 0.0, "spread": 0.0, "change": 1.0}, "dead"),
    ],
)
def test_verdicts_change_where_the_rule_says(evidence: dict[str, float], verdict: str) -> None:
    assert apply_rule(**evidence) == verdict
